package accounts

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"strings"
	"sync"
	"time"
	"weak"

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
// and the retry budget, also across a change of its client secret: then clients know both, and those that were made before look into the store when
// what they know is refused (see [spapi.WithCredentialsSource]). An application that nobody has asked for in two hours, and whose clients are all
// gone, is forgotten: its tokens have ended and its limits are full. It is safe for concurrent use.
type Clients struct {
	store   Store
	options []spapi.Option
	mu      sync.Mutex
	apps    map[application]sharedApp
	sweepAt time.Time // when those that are no longer needed are thrown away next: sellers with applications of their own come and go
}

// application is what one App serves: tokens and limits of an emulator have nothing to do with Amazon's.
type application struct{ clientID, endpoint, tokenURL string }

type sharedApp struct {
	secrets secrets
	app     weak.Pointer[spapi.App]
	kept    *spapi.App // the same, nil when it has been idle
	used    time.Time
}

type secrets struct{ current, previous spapi.Secret }

// idle is how long an app is kept for the next client. Tokens live for an hour, and the slowest limits fill up in less.
const idle = 2 * time.Hour

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
	key, now, both := application{b.ClientID, a.Endpoint, a.TokenURL}, time.Now(), secrets{b.ClientSecret, b.PreviousSecret}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.sweep(now)
	shared := c.apps[key]
	app := shared.app.Value()
	switch {
	case app == nil:
		var options []spapi.Option
		if a.Endpoint != "" {
			options = append(options, spapi.WithEndpoint(a.Endpoint))
		}
		if a.TokenURL != "" {
			options = append(options, spapi.WithTokenURL(a.TokenURL))
		}
		if c.store != nil {
			options = append(options, spapi.WithCredentialsSource(func(ctx context.Context) (spapi.Credentials, error) {
				newest, err := c.store.Application(ctx, b.ClientID)
				return newest.Credentials(), err
			}))
		}
		app = spapi.NewApp(b.Credentials(), append(options, c.options...)...)
	case shared.secrets != both:
		if !both.previous.IsZero() {
			app = app.WithClientSecret(both.previous.Reveal()) // and so it is the one before the current one
		}
		app = app.WithClientSecret(both.current.Reveal())
	}
	c.apps[key] = sharedApp{both, weak.Make(app), app, now}
	return app
}

func (c *Clients) sweep(now time.Time) {
	if now.Before(c.sweepAt) {
		return
	}
	c.sweepAt = now.Add(idle / 4)
	for key, shared := range c.apps {
		if now.Sub(shared.used) > idle {
			shared.kept = nil
			c.apps[key] = shared
		}
		if shared.app.Value() == nil {
			delete(c.apps, key)
		}
	}
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
