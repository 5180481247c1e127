package gateway

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"log"
	"log/slog"
	"net"
	"net/http"
	"os"
	"os/signal"
	"reflect"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/openspapi/spapi"
	"github.com/openspapi/spapi/accounts"
	"github.com/openspapi/spapi/gateway"
	"github.com/openspapi/spapi/gateway/audit"
	"github.com/openspapi/spapi/internal/cli/notifications"
	"github.com/openspapi/spapi/internal/cli/output"
	"github.com/openspapi/spapi/internal/cli/terminal"
	"github.com/openspapi/spapi/internal/tlsfront"
)

// ready is the line that tells a waiting program where to go.
type ready struct {
	URL           string `json:"url"`
	LWAURL        string `json:"lwa_url"`
	ClientID      string `json:"client_id,omitempty"`     // of --emulator, as all down to emulator_url
	ClientSecret  string `json:"client_secret,omitempty"` // a caller's key
	RefreshToken  string `json:"refresh_token,omitempty"` // the account's name
	SellerID      string `json:"seller_id,omitempty"`
	Region        string `json:"region,omitempty"`
	MarketplaceID string `json:"marketplace_id,omitempty"`
	EmulatorURL   string `json:"emulator_url,omitempty"`
	MetricsURL    string `json:"metrics_url,omitempty"` // where /metrics, /healthz and /readyz are
	CAFile        string `json:"ca_file,omitempty"`     // with an authority of its own
	Folder        string `json:"folder,omitempty"`      // where keys are, for "spapi gateway key"
	Socket        string `json:"socket,omitempty"`      // with unix:
}

// process is a gateway that runs. What a reload must not lose is here: limits, tokens, state and secret.
type process struct {
	opts   *Options
	log    *slog.Logger
	level  *slog.LevelVar
	config *config // in force; of the loop alone
	first  *config // what the process began with, of which the fixed settings are in force

	options []spapi.Option
	state   gateway.State
	audit   *audit.Log // nil: none
	metrics *gateway.Metrics
	secret  secret
	cert    *certificate
	ca      *tlsfront.CA
	demo    *demo // nil without --emulator
	closers []func() error

	current  atomic.Pointer[generation]
	retiring sync.WaitGroup
	draining atomic.Bool
}

// generation is a gateway made of one configuration.
type generation struct {
	gateway *gateway.Gateway
	under   sync.RWMutex // held for reading by each request under way
}

// open makes all that runs and listens nowhere yet.
func open(ctx context.Context, opts *Options) (_ *process, err error) {
	c, err := load(opts.overrides())
	if err != nil {
		return nil, err
	}
	p := &process{opts: opts, config: c, first: c, level: new(slog.LevelVar), metrics: gateway.NewMetrics()}
	p.log = newLogger(opts.Factory.Streams, &c.Log, p.level)
	p.setLevel(c)
	defer func() {
		if err != nil {
			err = errors.Join(err, p.close())
		}
	}()
	if p.secret, err = openSecret(c, p.log); err != nil {
		return nil, err
	}
	shared, err := openFleet(opts.Factory, c, p.log)
	if err != nil {
		return nil, err
	}
	if shared != nil && shared.Close != nil {
		p.closers = append(p.closers, shared.Close)
	}
	var end func() error
	if p.state, end, err = openState(opts.Factory, c, p.secret, p.log); err != nil {
		return nil, err
	}
	p.closers = append(p.closers, end)
	var transport http.RoundTripper
	if c.emulate {
		if p.demo, err = newDemo(opts); err != nil {
			return nil, err
		}
		p.state, transport = p.demo.with(p.state), p.demo.emulator
	} else if transport, err = opts.Factory.Transport(); err != nil {
		return nil, err
	}
	if p.audit, err = openAudit(c, p.secret, p.log); err != nil {
		return nil, err
	}
	if p.audit != nil {
		p.closers = append(p.closers, p.audit.Close)
	}
	p.options = applicationOptions(opts.Factory, shared, p.log, transport)
	if err := p.openTLS(c); err != nil {
		return nil, err
	}
	g, err := p.generate(ctx, c)
	if err != nil {
		return nil, err
	}
	p.current.Store(g)
	return p, nil
}

func (p *process) openTLS(c *config) (err error) {
	if c.TLS.Certificate != "" {
		if p.cert, err = openCertificate(&c.TLS, p.log, time.Now); err != nil {
			return err
		}
	}
	dir := c.TLS.Authority
	if dir == "" && c.emulate && (p.opts.TLS || c.Proxy) { // there is no folder: that of the emulator, which signs for Amazon's hosts too
		if dir, err = p.demo.authority(); err != nil {
			return err
		}
	}
	if dir != "" {
		p.ca, err = openAuthority(dir)
	}
	return err
}

// generate makes a gateway of a configuration, and looks whether its accounts can be read.
func (p *process) generate(ctx context.Context, c *config) (*generation, error) {
	var store accounts.Store
	if p.demo != nil {
		store = p.demo.accounts
	} else {
		var err error
		if store, err = openAccounts(ctx, p.opts.Factory, &c.Accounts); err != nil {
			return nil, err
		}
		list, err := store.List(ctx)
		if err != nil {
			return nil, err
		}
		p.log.Info("accounts", "store", store.String(), "count", len(list))
		if len(list) == 0 {
			p.log.Warn("no account is stored: spapi auth login", "store", store.String())
		}
	}
	gc := gateway.Config{Accounts: store, AccountsEvery: time.Duration(c.Accounts.Every), Options: p.options, State: p.state,
		Secret: p.secret.current, OldSecrets: p.secret.old, URL: c.URL, Hosts: c.Hosts,
		AuditRequired: gateway.AuditPolicy(c.Audit.Required), Metrics: p.metrics, LogCalls: c.Log.Calls, Logger: p.log,
		MaxWait: time.Duration(c.Limits.MaxWait), MaxBody: int64(c.Limits.MaxBody), CacheBytes: int64(c.Cache.Size)}
	if c.Cache.Size == 0 {
		gc.CacheBytes = -1
	}
	if p.audit != nil {
		gc.Audit = p.audit
	} else {
		gc.AuditRequired = gateway.AuditNone
	}
	for _, n := range c.TrustedProxies {
		gc.TrustedProxies = append(gc.TrustedProxies, n.Prefix)
	}
	if c.Listen.Loopback() {
		gc.Local = gateway.Scope{Accounts: []string{"*"}, Operations: []string{"*"}}
	}
	g, err := gateway.New(gc)
	if err != nil {
		return nil, err
	}
	return &generation{gateway: g}, nil
}

// ServeHTTP answers by the gateway of the configuration that is in force when the request comes.
func (p *process) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	g := p.enter()
	defer g.under.RUnlock()
	g.gateway.ServeHTTP(w, r)
}

// enter takes a request in.
func (p *process) enter() *generation {
	for {
		g := p.current.Load()
		g.under.RLock()
		if p.current.Load() == g {
			return g
		}
		g.under.RUnlock() // another came in between, and this one may be closed already
	}
}

// replace puts another gateway in the place of the one that is there, which ends after its last request.
func (p *process) replace(g *generation) {
	old := p.current.Swap(g)
	p.retiring.Go(func() {
		old.under.Lock() // nobody comes in any more: this waits for those under way
		defer old.under.Unlock()
		if err := old.gateway.Close(); err != nil {
			p.log.Error("the gateway of the configuration before", "error", err)
		}
	})
}

// close ends what is open, after the last request.
func (p *process) close() error {
	var errs []error
	p.retiring.Wait()
	if g := p.current.Load(); g != nil {
		errs = append(errs, g.gateway.Close())
	}
	for i := len(p.closers) - 1; i >= 0; i-- {
		errs = append(errs, p.closers[i]())
	}
	return errors.Join(errs...)
}

// fixed are the settings that count from the next start on.
var fixed = []struct {
	name string
	of   func(c *config) any
}{
	{"listen", func(c *config) any { return c.Listen }},
	{"tls", func(c *config) any { return c.TLS }},
	{"proxy", func(c *config) any { return c.Proxy }},
	{"folder", func(c *config) any { return c.Folder }},
	{"secret_file", func(c *config) any { return c.SecretFile }},
	{"state", func(c *config) any { return c.State }},
	{"fleet", func(c *config) any { return c.Fleet }},
	{"audit", func(c *config) any { return c.Audit }},
	{"rotation", func(c *config) any { return c.Rotation }},
	{"metrics", func(c *config) any { return c.Metrics }},
	{"log.format", func(c *config) any { return c.Log.Format }},
}

// reload reads everything again. What can't be read leaves all as it was.
func (p *process) reload(ctx context.Context) {
	fail := func(err error) {
		p.log.Error("the configuration is wrong: the one from before stays in force", "error", err)
	}
	c, err := load(p.opts.overrides())
	if err != nil {
		fail(err)
		return
	}
	g, err := p.generate(ctx, c)
	if err != nil {
		fail(err)
		return
	}
	for _, f := range fixed {
		if !reflect.DeepEqual(f.of(c), f.of(p.first)) {
			p.log.Warn("a setting has changed that counts from the next start on", "setting", f.name)
		}
	}
	if p.cert != nil {
		p.cert.reload()
	}
	p.config = c
	p.setLevel(c)
	p.replace(g)
	p.log.Info("the configuration was read again", "file", c.file)
}

// setLevel settles what is logged: --verbose and --quiet go before the file.
func (p *process) setLevel(c *config) {
	switch g := &p.opts.Factory.Flags; {
	case g.Verbose:
		p.level.Set(slog.LevelDebug)
	case g.Quiet:
		p.level.Set(slog.LevelError)
	default:
		p.level.Set(c.Log.level())
	}
}

func newLogger(s *terminal.Streams, l *logging, level slog.Leveler) *slog.Logger {
	o := &slog.HandlerOptions{Level: level}
	if l.Format == "text" || l.Format == "" && s.ErrIsTerminal {
		return slog.New(slog.NewTextHandler(s.Err, o))
	}
	o.ReplaceAttr = func(_ []string, a slog.Attr) slog.Attr {
		if a.Value.Kind() == slog.KindDuration { // as in the audit; JSON's would be nanoseconds
			a.Value = slog.Float64Value(a.Value.Duration().Seconds())
		}
		return a
	}
	return slog.New(slog.NewJSONHandler(s.Err, o))
}

// run serves until ctx is done.
func run(ctx context.Context, opts *Options) (err error) {
	hangups := make(chan os.Signal, 1)
	signal.Notify(hangups, syscall.SIGHUP) // from the first moment on: without a handler it would end the process
	defer signal.Stop(hangups)
	p, err := open(ctx, opts)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, p.close()) }()
	c := p.config
	l, err := c.Listen.Listen(ctx)
	if err != nil {
		return fmt.Errorf("listen %q: %v", c.Listen.text, err) //nolint:errorlint // not wrapped: its exit status is not that of a network error
	}
	// Whatever serves beside ends after the gateway: the emulator is asked and the metrics are read until the last.
	beside, stop := context.WithCancel(context.WithoutCancel(ctx))
	var serving sync.WaitGroup
	defer serving.Wait()
	defer stop()
	line, err := p.beside(beside, &serving)
	if err != nil {
		return errors.Join(err, l.Close())
	}
	p.fill(line, l)
	if err := output.WriteJSON(opts.Factory.Streams.Out, line); err != nil {
		return errors.Join(err, l.Close())
	}
	p.log.Info("ready", "url", line.URL)
	ended := make(chan error, 1)
	until, end := context.WithCancel(context.WithoutCancel(ctx))
	defer end()
	go func() { ended <- p.serve(until, l) }()
	for {
		select {
		case <-hangups:
			p.reload(ctx)
		case <-ctx.Done():
			p.drain(hangups)
			end()
			err := <-ended
			p.log.Info("ended")
			return err
		case err := <-ended:
			return fmt.Errorf("listen %q: %w", c.Listen.text, err)
		}
	}
}

// drain makes it not ready, and goes on for as long as load balancers may need to see it.
func (p *process) drain(hangups <-chan os.Signal) {
	p.draining.Store(true)
	p.current.Load().gateway.Drain()
	p.log.Info("ending", "delay", time.Duration(p.config.Drain.Delay).String(), "timeout", time.Duration(p.config.Drain.Timeout).String())
	if p.config.Drain.Delay <= 0 {
		return
	}
	timer := time.NewTimer(time.Duration(p.config.Drain.Delay))
	defer timer.Stop()
	for {
		select {
		case <-hangups: // too late
		case <-timer.C:
			return
		}
	}
}

// How long a connection that is there may still ask, and what is left at the end for refusals of what takes too long.
const (
	linger  = 500 * time.Millisecond
	parting = 2 * time.Second
)

// serve answers on l until ctx is done, and then until what is under way has ended, or the time for that.
func (p *process) serve(ctx context.Context, l net.Listener) error {
	base, cut := context.WithCancelCause(context.WithoutCancel(ctx))
	defer cut(nil)
	grace := time.Duration(p.config.Drain.Timeout)
	stop := context.AfterFunc(ctx, func() { // those that wait for longer are told so, rather than cut off
		timer := time.NewTimer(max(grace-parting, grace/2, time.Millisecond))
		defer timer.Stop()
		select {
		case <-timer.C:
			cut(gateway.ErrDraining)
		case <-base.Done():
		}
	})
	defer stop()
	o := tlsfront.Options{
		Handler: p.handler(), Name: "spapi gateway", Log: p.warnings(),
		BaseContext: func(net.Listener) context.Context { return base },
		TLSOnly:     p.config.secure() && !p.config.Listen.Loopback(),
		Timeouts:    tlsfront.Timeouts{Linger: linger, Grace: max(grace, time.Millisecond)},
		Cut:         func(n int) { p.log.Error("requests were cut off at the end", "requests", n, "after", grace.String()) },
	}
	if p.cert != nil {
		o.Certificate = func() (*tls.Certificate, error) { return p.cert.get() }
	}
	if p.ca != nil {
		o.CA = func() (*tlsfront.CA, error) { return p.ca, nil }
	}
	if p.config.Proxy {
		o.Hosts = proxyHosts()
	}
	return tlsfront.Serve(ctx, l, o)
}

// handler is all that is answered on the gateway's own port: what it can tell of itself too, but for metrics where others reach it.
func (p *process) handler() http.Handler {
	mux := http.NewServeMux()
	p.tell(mux, p.config.Listen.Loopback() && p.config.Metrics.Listen.text == "")
	own := map[string]bool{"/healthz": true, "/readyz": true, "/metrics": true}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch {
		case r.URL.Path == "/metrics" && !hereHost(r.Host): // by a name that somebody gave a loopback address, a page in a browser would read it
			http.Error(w, "metrics are told at localhost, a loopback address, and where metrics.listen is", http.StatusMisdirectedRequest)
			return
		case own[r.URL.Path] && r.Method != http.MethodConnect: // all else goes to the gateway as it came: a mux would clean its path
			mux.ServeHTTP(w, r)
			return
		}
		p.ServeHTTP(w, r)
	})
}

// hereHost reports whether the host of a request is this machine, whatever names it has elsewhere.
func hereHost(host string) bool {
	if name, _, err := net.SplitHostPort(host); err == nil {
		host = name
	}
	ip := net.ParseIP(strings.Trim(host, "[]"))
	return strings.EqualFold(host, "localhost") || ip != nil && ip.IsLoopback()
}

// tell adds what the gateway can tell of itself.
func (p *process) tell(mux *http.ServeMux, metrics bool) {
	mux.HandleFunc("GET /healthz", func(w http.ResponseWriter, r *http.Request) { p.current.Load().gateway.Health().ServeHTTP(w, r) })
	mux.HandleFunc("GET /readyz", func(w http.ResponseWriter, r *http.Request) { p.current.Load().gateway.Ready().ServeHTTP(w, r) })
	if metrics {
		mux.HandleFunc("GET /metrics", func(w http.ResponseWriter, r *http.Request) { p.current.Load().gateway.Metrics().ServeHTTP(w, r) })
	}
}

// beside serves what is there beside the gateway, and begins the line with where that is.
func (p *process) beside(ctx context.Context, serving *sync.WaitGroup) (*ready, error) {
	line := &ready{Folder: string(p.config.Folder)}
	if p.demo != nil {
		l, err := tlsfront.Listen(ctx, "127.0.0.1:0")
		if err != nil {
			return nil, fmt.Errorf("the emulator's address: %w", err)
		}
		p.demo.fill(line, "http://"+l.Addr().String())
		serving.Go(func() {
			if err := p.demo.emulator.Serve(ctx, l); err != nil {
				p.log.Error("the emulator's address", "error", err)
			}
		})
	}
	if err := p.serveMetrics(ctx, serving, line); err != nil {
		return nil, err
	}
	return line, p.takeSecrets(ctx, serving)
}

// serveMetrics serves what monitoring asks for at an address of its own.
func (p *process) serveMetrics(ctx context.Context, serving *sync.WaitGroup, line *ready) error {
	at := &p.config.Metrics.Listen
	if at.text == "" {
		return nil
	}
	l, err := at.Listen(ctx)
	if err != nil {
		return fmt.Errorf("metrics.listen %q: %v", at.text, err) //nolint:errorlint // as below
	}
	line.MetricsURL = at.Base("http", l.Addr())
	mux := http.NewServeMux()
	p.tell(mux, true)
	serving.Go(func() {
		if err := tlsfront.Serve(ctx, l, tlsfront.Options{Handler: mux, Name: "spapi gateway", Log: p.warnings()}); err != nil {
			p.log.Error("metrics.listen", "error", err)
		}
	})
	return nil
}

// againAfter is how long it waits before it listens to a queue again that could not be read.
const againAfter = time.Minute

// takeSecrets takes new client secrets from their queue.
func (p *process) takeSecrets(ctx context.Context, serving *sync.WaitGroup) error {
	queue := p.config.Rotation.Queue
	if queue == "" {
		return nil
	}
	keep := func(ctx context.Context, r accounts.Rotation) error {
		g := p.enter()
		defer g.under.RUnlock()
		return g.gateway.RotateSecret(ctx, r)
	}
	secrets, err := notifications.OpenSecrets(ctx, p.opts.Factory, queue, p.log, keep)
	if err != nil {
		return fmt.Errorf("rotation.queue: %w", err)
	}
	serving.Go(func() {
		for {
			err := secrets.Run(ctx)
			if ctx.Err() != nil {
				return
			}
			p.log.Error("the queue of new client secrets can't be read: it is tried again", "error", err, "after", againAfter.String())
			select {
			case <-ctx.Done():
				return
			case <-time.After(againAfter):
			}
		}
	})
	return nil
}

// warnings is the log of servers below, which tell what clients do wrong.
func (p *process) warnings() *log.Logger { return slog.NewLogLogger(p.log.Handler(), slog.LevelWarn) }

// fill completes the line with the gateway's own address.
func (p *process) fill(line *ready, l net.Listener) {
	scheme := "http"
	if p.config.secure() || p.ca != nil {
		scheme = "https"
	}
	line.URL = p.config.Listen.Base(scheme, l.Addr())
	line.LWAURL = line.URL + tokenPath
	if p.config.Listen.Unix() {
		line.Socket = p.config.Listen.Address
	}
	if p.ca != nil {
		line.CAFile = p.ca.File()
	}
}

// tokenPath is that of Login with Amazon's token endpoint, as clients know it.
const tokenPath = "/auth/o2/token"
