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
	"net/netip"
	"slices"
	"sync/atomic"
	"time"

	"github.com/openspapi/spapi"
	"github.com/openspapi/spapi/accounts"
)

// Config says what a [Gateway] works with. Accounts is needed.
type Config struct {
	// Accounts are whom it calls for. What changes there holds within seconds.
	Accounts accounts.Store
	// AccountsEvery is how old what is known of Accounts gets while calls come, before it is read again in the background. 0: 2 seconds for a file, a
	// minute for other stores, whose reads have a price; there it may be longer. What can't wait is told by Reload.
	AccountsEvery time.Duration
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
	// OldSecrets open what they sealed before Secret took their place, for as long as that holds: an hour for tokens.
	OldSecrets [][]byte
	// URL is where callers reach the gateway, for addresses of documents: "https://spapi.example.com". Empty: as each request has it.
	URL string
	// Audit keeps what was done: see [Auditor]. Nil: nobody does. The gateway doesn't close it.
	Audit Auditor
	// AuditRequired says which calls are refused while Audit can't keep records. Default: [AuditSensitive].
	AuditRequired AuditPolicy
	// Metrics counts what happens. Gateways that follow each other in one process share one, so that nothing begins anew. Nil: one of its own.
	Metrics *Metrics
	// Observer is told of what the clients do, such as that of package otelspapi. One among Options is replaced. Nil: nobody.
	Observer spapi.Observer
	// LogCalls has each call logged at level info. Default: at level debug. Refusals are logged at level info, what the gateway or its audit failed at above.
	LogCalls bool
	// Hosts are the names by which callers reach the gateway, without port, beside IP addresses, localhost and SP-API's own hosts. A request that names another is
	// refused: it may come from a page whose name was made to lead here.
	Hosts []string
	// MaxWait is how long a call may take, the wait for limits included. Callers may ask for less. 0: [DefaultMaxWait].
	MaxWait time.Duration
	// MaxBody bounds the bodies of requests, in bytes. 0: [DefaultMaxBody].
	MaxBody int64
	// CacheBytes is how much reference data is kept in memory. 0: [DefaultCacheBytes]; below 0: none.
	CacheBytes int64
	// Logger is told of what goes wrong, also by the clients: one among Options is replaced. Nil: [slog.Default].
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
	sealer   sealer
	reports  *reportMemory
	metrics  *Metrics
	recorder *recorder
	health   health
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
	seals, err := newSealer(config.Secret, config.OldSecrets)
	if err != nil {
		return nil, err
	}
	if err := config.AuditRequired.check(); err != nil {
		return nil, err
	}
	if config.Metrics == nil {
		config.Metrics = NewMetrics()
	}
	config.Options = append(slices.Clip(config.Options), spapi.WithObserver(observers(config.Metrics, config.Observer)), clientLog(config.Logger))
	g := &Gateway{config: config, accounts: newClients(config), metrics: config.Metrics, sealer: seals, reports: newReportMemory()}
	g.keys = newKeys(&g.config, g.live.sweep)
	g.recorder = newRecorder(g)
	ends := g.secretEnds
	g.metrics.secretEnds.Store(&ends)
	g.cache.max = cmp.Or(config.CacheBytes, DefaultCacheBytes)
	g.mux = http.NewServeMux()
	g.mux.HandleFunc("/", g.serveCall)
	g.mux.HandleFunc("/auth/o2/token", g.serveToken)
	g.mux.HandleFunc(documentPath, g.serveDocument)
	return g, nil
}

// ServeHTTP answers what is the gateway's own, and calls Amazon for the rest. What is no request for either is refused before anybody reads more of it.
func (g *Gateway) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	// A connection that has waited may have the bound of the answer before.
	_ = http.NewResponseController(w).SetWriteDeadline(time.Time{})
	if no := g.checkRequest(r); no != nil {
		x := g.begin(w, r)
		defer x.done()
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

// Close ends what it does in the background, after the requests under way. What waits for the audit is kept first.
func (g *Gateway) Close() error {
	g.keys.close()
	g.accounts.close()
	g.recorder.close()
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

	sent witness // what w has sent
	told bool

	edit   *members // what is taken out of the answer; restrict
	report report   // that the document which is asked for is of; restrict

	problems bool // errors are to be problems (RFC 9457)
	paced    pace
	cancel   context.CancelFunc // of pace's deadline
	body     *body              // nil: none
	kept     int64              // bytes of it that are counted in Gateway.kept
	response spapi.Response     // what the call met
	unsent   int                // of its attempts: 1 if a limit stopped the last one
}

// steps are the way of a request to Amazon. The order matters: nobody learns of accounts or operations without a key.
var steps = [...]func(*exchange) *refusal{
	(*exchange).authenticate, // who calls
	(*exchange).chooseAccount,
	(*exchange).identify,  // which operation
	(*exchange).authorize, // may this caller do that for this account
	(*exchange).restrict,  // by which token, and without which personal data
	(*exchange).pace,      // priority, deadline, fail-fast
	(*exchange).intend,    // into the audit, before anything goes out
}

// serveCall goes the way of a request.
func (g *Gateway) serveCall(w http.ResponseWriter, r *http.Request) {
	x := g.begin(w, r)
	x.problems = prefersProblem(r.Header["Accept"])
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
	x.leave()
	x.done()
}
