package gateway

import (
	"context"

	"github.com/openspapi/spapi"
	"github.com/openspapi/spapi/accounts"
)

// clients are the clients of all accounts, kept so that no call reads the store.
type clients struct {
	of *accounts.Clients
}

func newClients(c Config) *clients {
	return &clients{of: accounts.NewClients(c.Accounts, c.Options...)}
}

// client is that of an account; "" is the default one.
func (c *clients) client(ctx context.Context, name string) (*spapi.Client, error) {
	return c.of.Client(ctx, name)
}

// chooseAccount settles the account: that of the token or of the header, else the key's, else the default.
func (x *exchange) chooseAccount() *refusal {
	client, err := x.g.accounts.client(x.r.Context(), x.caller.account)
	if err != nil {
		return &refusal{Status: 403, Code: "Unauthorized", Message: "Access to requested resource is denied.", Details: err.Error(), why: "account"}
	}
	x.client, x.record.Account = client, x.caller.account
	return nil
}
