// Package gateway is the Selling Partner API by HTTP for programs in any language: a reverse proxy that does what the SDK does. It keeps the
// credentials of accounts, fetches tokens, waits for limits, repeats what may be repeated and explains what is refused. Callers have keys of their own,
// which open what their scope names and nothing else.
//
//	g, err := gateway.New(gateway.Config{Accounts: store, State: state})
//	err = http.Serve(listener, g)
//
// docs/gateway.md tells how to run it, and what a stolen key, disk or Redis gives away.
package gateway

import (
	"context"
	"log/slog"
	"net/http"
	"net/netip"
	"time"

	"github.com/openspapi/spapi"
	"github.com/openspapi/spapi/accounts"
)

// Config says what a [Gateway] works with. Accounts is needed.
type Config struct {
	// Accounts are whom it calls for. What changes there holds within seconds.
	Accounts accounts.Store
	// Options go to every application: the limiter and token store of a fleet, observers, where Amazon is.
	Options []spapi.Option
	// State holds callers' keys and blocks. Nil: there are no keys; each request is that of Local.
	State State
	// Local is the scope of requests without a key, where State has no keys. The listener must then be on a loopback address.
	Local Scope
	// TrustedProxies are whose header X-Forwarded-For is believed when somebody guesses keys. None: the address of the connection counts.
	TrustedProxies []netip.Prefix
	// Secret seals what the gateway hands out: its tokens and addresses of documents. Gateways that share callers need the same one. 32 bytes;
	// empty: made anew, so that what was handed out ends with the process.
	Secret []byte
	// Audit is told of each call when it has ended. Nil: nobody.
	Audit Auditor
	// Logger is told of what goes wrong. Nil: [slog.Default].
	Logger *slog.Logger
	// Now is the time; tests have another. Nil: [time.Now].
	Now func() time.Time
}

// Gateway answers requests; see [New]. It is safe for concurrent use.
type Gateway struct {
	config   Config
	accounts *clients
	keys     *keys
	guesses  guesses
	live     live
	mux      *http.ServeMux
}

// New makes a gateway. It sends nothing yet. Close it when it is needed no more. What cannot work is a *[spapi.ConfigError].
func New(config Config) (*Gateway, error) {
	if config.Now == nil {
		config.Now = time.Now
	}
	if config.Logger == nil {
		config.Logger = slog.Default()
	}
	g := &Gateway{config: config, accounts: newClients(config)}
	g.keys = newKeys(&g.config, g.live.sweep)
	g.mux = http.NewServeMux()
	g.mux.HandleFunc("/", g.serveCall)
	return g, nil
}

// ServeHTTP answers what is the gateway's own, and calls Amazon for the rest.
func (g *Gateway) ServeHTTP(w http.ResponseWriter, r *http.Request) { g.mux.ServeHTTP(w, r) }

// Close ends what it does in the background, after the requests under way.
func (g *Gateway) Close() error {
	g.keys.close()
	return nil
}

// exchange is one request and what is found out about it. Each step fills in what it finds.
type exchange struct {
	g        *Gateway
	w        http.ResponseWriter
	r        *http.Request
	begun    time.Time
	caller   caller          // authenticate
	client   *spapi.Client   // account
	op       spapi.Operation // identify; what is unknown has no ID
	call     []spapi.CallOption
	standing *standing // authorize; nil before
	record   Record    // told to the audit when the exchange has ended
}

// serveCall is the way of a request to Amazon. The order of the steps matters: nobody learns of accounts or operations without a key.
func (g *Gateway) serveCall(w http.ResponseWriter, r *http.Request) {
	x := &exchange{g: g, w: w, r: r, begun: g.config.Now()}
	defer x.leave()
	for _, step := range []func() *refusal{
		x.authenticate, // who calls
		x.chooseAccount,
		x.identify,  // which operation
		x.authorize, // may this caller do that for this account
		x.pace,      // priority, deadline, fail-fast
	} {
		if no := step(); no != nil {
			x.refuse(no)
			return
		}
	}
	x.forward()
}

// Record is one call as the audit has it. It never holds bodies, queries or secrets.
type Record struct {
	Time         time.Time
	Caller       string // the key's name; "local" without keys
	Key          string // the key's id
	Account      string
	Operation    string // its ID; method and the head of the path where it is unknown
	Write        bool   // the operation changes something
	PersonalData bool   // a restricted data token was used
	Status       int    // answered to the caller
	RequestID    string // Amazon's
	Agent        string // the caller's User-Agent, bounded
	Refused      string // why the gateway refused it itself; "" if it did not
	Duration     time.Duration
}

// Auditor keeps records. Append returns when the record is kept; what it can't keep is an error.
type Auditor interface {
	Append(ctx context.Context, r Record) error
}
