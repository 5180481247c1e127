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
	"cmp"
	"context"
	"log/slog"
	"net/http"
	"sync/atomic"
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
	// Secret seals what the gateway hands out: its tokens and addresses of documents. Gateways that share callers need the same one. 32 bytes;
	// empty: made anew, so that what was handed out ends with the process.
	Secret []byte
	// Audit is told of each call when it has ended. Nil: nobody.
	Audit Auditor
	// Hosts are the names by which callers reach the gateway, without port, beside IP addresses, localhost and SP-API's own hosts. A request that names another is
	// refused: it may come from a page whose name was made to lead here.
	Hosts []string
	// MaxWait is how long a call may take, the wait for limits included. Callers may ask for less. 0: [DefaultMaxWait].
	MaxWait time.Duration
	// MaxBody bounds the bodies of requests, in bytes. 0: [DefaultMaxBody].
	MaxBody int64
	// CacheBytes is how much reference data is kept in memory. 0: [DefaultCacheBytes]; below 0: none.
	CacheBytes int64
	// Logger is told of what goes wrong. Nil: [slog.Default].
	Logger *slog.Logger
	// Now is the time; tests have another. Nil: [time.Now].
	Now func() time.Time
}

// Gateway answers requests; see [New]. It is safe for concurrent use.
type Gateway struct {
	config   Config
	accounts *clients
	mux      *http.ServeMux // the gateway's own paths; all others are SP-API's
	flights  flights
	cache    cache
	kept     atomic.Int64 // bytes of requests' bodies in memory
}

// New makes a gateway. It sends nothing yet. Close it when it is needed no more. What cannot work is a *[spapi.ConfigError].
func New(config Config) (*Gateway, error) {
	if config.Now == nil {
		config.Now = time.Now
	}
	if config.Logger == nil {
		config.Logger = slog.Default()
	}
	if config.MaxWait < 0 || config.MaxBody < 0 {
		return nil, &spapi.ConfigError{Code: spapi.CodeInputInvalid, Field: "gateway", Want: "max wait and max body must not be below 0"}
	}
	config.MaxWait = cmp.Or(config.MaxWait, DefaultMaxWait)
	config.MaxBody = cmp.Or(config.MaxBody, DefaultMaxBody)
	g := &Gateway{config: config, accounts: newClients(config)}
	g.cache.max = cmp.Or(config.CacheBytes, DefaultCacheBytes)
	g.mux = http.NewServeMux()
	g.mux.HandleFunc("/", g.serveCall)
	return g, nil
}

// ServeHTTP answers what is the gateway's own, and calls Amazon for the rest. What is no request for either is refused before anybody reads more of it.
func (g *Gateway) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	// A connection that has waited may have the bound of the answer before.
	_ = http.NewResponseController(w).SetWriteDeadline(time.Time{})
	if no := g.checkRequest(r); no != nil {
		x := &exchange{g: g, w: w, r: r, begun: g.config.Now()}
		w.Header().Set("Connection", "close")
		x.refuse(no)
		return
	}
	g.mux.ServeHTTP(w, r)
}

// Server returns an HTTP server for the gateway, with bounds for what a client can hold of it before the gateway sees a request. The caller adds what
// else it needs, and has it listen. Bodies and answers have bounds of the gateway's own, in any server.
func (g *Gateway) Server() *http.Server {
	return &http.Server{
		Handler: g, DisableGeneralOptionsHandler: true, MaxHeaderBytes: 64 << 10, ReadHeaderTimeout: 10 * time.Second, IdleTimeout: 3 * time.Minute,
		ErrorLog: slog.NewLogLogger(g.config.Logger.Handler(), slog.LevelDebug), // what clients do wrong
		HTTP2:    &http.HTTP2Config{SendPingTimeout: 30 * time.Second, PingTimeout: 30 * time.Second, WriteByteTimeout: stallTimeout},
	}
}

// Close ends what it does in the background, after the requests under way.
func (g *Gateway) Close() error { return nil }

// exchange is one request and what is found out about it. Each step fills in what it finds.
type exchange struct {
	g      *Gateway
	w      http.ResponseWriter
	r      *http.Request
	begun  time.Time
	caller caller          // authenticate
	client *spapi.Client   // account
	op     spapi.Operation // identify; what is unknown has no ID
	call   []spapi.CallOption
	record Record // told to the audit when the exchange has ended

	problems bool // errors are to be problems (RFC 9457)
	paced    pace
	cancel   context.CancelFunc // of pace's deadline
	body     *body              // nil: none
	kept     int64              // bytes of it that are counted in Gateway.kept
	response spapi.Response     // what the call met
}

// steps are the way of a request to Amazon. The order matters: nobody learns of accounts or operations without a key.
var steps = [...]func(*exchange) *refusal{
	(*exchange).authenticate, // who calls
	(*exchange).chooseAccount,
	(*exchange).identify,  // which operation
	(*exchange).authorize, // may this caller do that for this account
	(*exchange).restrict,  // with a restricted data token or not
	(*exchange).pace,      // priority, deadline, fail-fast
}

// serveCall goes the way of a request.
func (g *Gateway) serveCall(w http.ResponseWriter, r *http.Request) {
	x := &exchange{g: g, w: w, r: r, begun: g.config.Now(), problems: prefersProblem(r.Header["Accept"])}
	defer x.end()
	for _, step := range steps {
		if no := step(x); no != nil {
			x.refuse(no)
			return
		}
	}
	h := w.Header()
	if x.op.ID != "" {
		h["X-Spapi-Operation"] = []string{x.op.ID}
	}
	if x.record.Account != "" {
		h["X-Spapi-Account"] = []string{x.record.Account}
	}
	x.forward()
}

// end ends an exchange, also when a panic leads out.
func (x *exchange) end() {
	if x.cancel != nil {
		x.cancel()
	}
	x.release()
	x.done()
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
