package factory

import (
	"context"
	"time"

	"github.com/openspapi/spapi"
	"github.com/openspapi/spapi/internal/cli/exit"
	"github.com/openspapi/spapi/internal/cli/when"
	"github.com/openspapi/spapi/marketplace"
)

// Shop is what the everyday commands work in: one seller in one marketplace.
type Shop struct {
	Client      *spapi.Client
	Marketplace marketplace.Marketplace
	Zone        *time.Location // in which times are shown and dates begin
}

// Shop is the one that the flags choose. It sends nothing.
func (f *Factory) Shop(ctx context.Context, utc bool) (*Shop, error) {
	client, err := f.Client(ctx)
	if err != nil {
		return nil, err
	}
	m, err := f.Marketplace(ctx)
	if err != nil {
		return nil, err
	}
	return &Shop{Client: client, Marketplace: m, Zone: when.Zone(m, utc)}, nil
}

// SellerID is the seller's id, which listings want and Amazon tells nobody: chosen, where a command has a flag for it, else that of
// SPAPI_SELLER_ID or the account's.
func (f *Factory) SellerID(_ context.Context, client *spapi.Client, chosen string) (string, error) {
	if chosen != "" {
		return chosen, nil
	}
	id := client.SellerID()
	if id == "" {
		return "", exit.Usagef("no seller id is known: pass --seller-id, or set SPAPI_SELLER_ID (in Seller Central it is the \"Merchant Token\" below \"Account Info\")")
	}
	return id, nil
}
