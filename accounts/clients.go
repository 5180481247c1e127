package accounts

import (
	"context"
	"crypto/sha256"
	"fmt"
	"io"
	"log/slog"
	"strings"
	"sync"

	"github.com/openspapi/spapi"
)

// Open makes the client of a stored account; see [Pick] about an empty name. It sends nothing to Amazon.
// A program with many accounts uses [Clients], which share connections, tokens and limits.
func Open(ctx context.Context, store Store, name string, options ...spapi.Option) (*spapi.Client, error) {
	return NewClients(store, options...).Client(ctx, name)
}

// Pick returns the account of that name, or for "" the default, or else the only account there is.
// Errors: [ErrNotFound], [ErrNoDefault] when there are several and none is the default.
func Pick(ctx context.Context, store Store, name string) (Account, error) {
	if name != "" {
		return store.Get(ctx, name)
	}
	name, err := store.Default(ctx)
	if err == nil {
		return store.Get(ctx, name)
	}
	if !isNotFound(err) {
		return Account{}, err
	}
	list, err := store.List(ctx)
	switch {
	case err != nil:
		return Account{}, err
	case len(list) == 1:
		return list[0], nil
	case len(list) == 0:
		return Account{}, &Error{Op: "pick an account", Store: store.String(), Err: ErrNotFound, Hint: "the store is empty"}
	}
	return Account{}, &Error{Op: "pick an account", Store: store.String(), Err: ErrNoDefault, Hint: "there are " + some(list)}
}

// some names up to ten accounts.
func some(list []Account) string {
	var names []string
	for _, a := range list[:min(len(list), 10)] {
		names = append(names, fmt.Sprintf("%q", a.Name))
	}
	if more := len(list) - len(names); more > 0 {
		names = append(names, fmt.Sprintf("%d more", more))
	}
	return strings.Join(names, ", ")
}

// Clients makes clients of stored accounts. Those of one application share one [spapi.App], and with it connections, tokens, limits
// and the retry budget, also across a change of its client secret. It is safe for concurrent use.
type Clients struct {
	store   Store
	options []spapi.Option
	mu      sync.Mutex
	apps    map[application]sharedApp
}

// application is what one App serves: tokens and limits of an emulator have nothing to do with Amazon's.
type application struct{ clientID, endpoint, tokenURL string }

type sharedApp struct {
	secret [sha256.Size]byte // of the client secret
	app    *spapi.App
}

// NewClients makes clients from a store; the options go to every application, and win over what is stored or set in the environment.
// Whoever uses [Clients.Of] alone needs no store: nil.
func NewClients(store Store, options ...spapi.Option) *Clients {
	return &Clients{store: store, options: options, apps: map[application]sharedApp{}}
}

// Client makes the client of an account; see [Pick] about an empty name. It reads the store anew each time, so that a secret that
// was rotated or a token that was renewed counts for the clients made after that. It goes where [Clients.Resolve] says.
func (c *Clients) Client(ctx context.Context, name string) (*spapi.Client, error) {
	t, err := c.Resolve(ctx, name)
	if err != nil {
		return nil, err
	}
	return c.Of(t.Account, t.Application)
}

// Of makes a client from an account and its application as they are, whether or not they are stored. It sends nothing. What cannot work is a
// [*spapi.ConfigError].
func (c *Clients) Of(account Account, application Application) (*spapi.Client, error) {
	client := c.app(account, application).Client(account.Authorization())
	if err := client.Check(); err != nil {
		return nil, err
	}
	return client, nil
}

func (c *Clients) app(a Account, b Application) *spapi.App {
	key, secret := application{b.ClientID, a.Endpoint, a.TokenURL}, sha256.Sum256([]byte(b.ClientSecret.Reveal()))
	c.mu.Lock()
	defer c.mu.Unlock()
	shared, ok := c.apps[key]
	switch {
	case !ok:
		var options []spapi.Option
		if a.Endpoint != "" {
			options = append(options, spapi.WithEndpoint(a.Endpoint))
		}
		if a.TokenURL != "" {
			options = append(options, spapi.WithTokenURL(a.TokenURL))
		}
		shared.app = spapi.NewApp(b.Credentials(), append(options, c.options...)...)
	case shared.secret != secret:
		shared.app = shared.app.WithClientSecret(b.ClientSecret.Reveal())
	}
	shared.secret = secret
	c.apps[key] = shared
	return shared.app
}

// String never shows a secret.
func (c *Clients) String() string {
	if c.store == nil {
		return "Clients{}"
	}
	return "Clients{" + c.store.String() + "}"
}

// Format never shows a secret, whatever the verb.
func (c *Clients) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, c.String()) }

// LogValue never shows a secret.
func (c *Clients) LogValue() slog.Value { return slog.StringValue(c.String()) }
