package spapi

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"log/slog"
	"maps"
	"math"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/openspapi/spapi/internal/settings"
	"github.com/openspapi/spapi/marketplace"
)

// App is the application that is registered with Amazon: one transport, one token store, one limiter and one retry budget for all
// its sellers. It never changes and is safe for concurrent use; [App.WithClientSecret] follows a change of its secret.
type App struct {
	credentials Credentials
	config      config
	err         error // what is wrong with credentials or options; every call returns it
	userAgent   string
	tokenURL    *url.URL
	endpoint    *url.URL // nil: the region's
	hosts       hosts
	secrets     *clientSecrets
	secret      string // stands for the client secrets beside what was refused to them
	budget      *retryBudget
	logins      *loginQueue
	unpacks     bool // answers are unpacked here, not by the transport
}

// NewApp makes an application. It sends nothing and cannot fail: what is wrong with the settings is returned by
// [Client.Check] and by every call, as a [*ConfigError]. In tests with testing/synctest make it in the bubble that it is used in: its timers, which calls
// share, run by that bubble's clock.
func NewApp(credentials Credentials, options ...Option) *App {
	a := &App{credentials: credentials}
	for _, o := range options {
		if o != nil {
			o(&a.config)
		}
	}
	c := &a.config
	if c.transport == nil {
		c.transport = NewTransport()
	}
	a.unpacks = unpacks(c.transport)
	c.transport = bounded(c.transport, c.attemptTimeout, c.stallTimeout)
	if c.limiter == nil {
		c.limiter = NewLimiter()
	}
	if c.tokens == nil {
		c.tokens = NewTokenStore()
	}
	if c.maxBody <= 0 {
		c.maxBody = defaultMaxBody
	}
	if c.tokenURL == "" {
		c.tokenURL = defaultTokenURL
	}
	if c.maxLogins <= 0 {
		c.maxLogins = defaultMaxLogins
	}
	a.logins = newLoginQueue(c.maxLogins)
	c.retry = c.retry.withDefaults()
	a.budget = newRetryBudget(c.retry.Budget)
	a.err = a.prepare()
	return a
}

// NewTransport makes a transport as an App has it by default, for what is put around it and given to [WithTransport]: a copy of
// [http.DefaultTransport] with more idle connections per host, that finds out when a connection has died. Where a program has put
// something else in the place of that variable, the transport is one with the same proxy settings.
func NewTransport() *http.Transport {
	t, ok := http.DefaultTransport.(*http.Transport)
	if !ok {
		t = &http.Transport{Proxy: http.ProxyFromEnvironment, ForceAttemptHTTP2: true, IdleConnTimeout: 90 * time.Second}
	}
	t = t.Clone()
	t.MaxIdleConnsPerHost = 64 // one host serves a whole region; the default of 2 would reconnect all the time
	// Without a ping, requests would be put on a dead HTTP/2 connection one after the other (golang/go#39337).
	t.HTTP2 = &http.HTTP2Config{SendPingTimeout: 15 * time.Second, PingTimeout: 15 * time.Second}
	return t
}

// WithClientSecret returns the same application after its client secret has changed. It shares all with the one that it is called on:
// transport, tokens, limits, retry budget, options. The secret that it had so far becomes its [Credentials.PreviousSecret]. Clients that were made
// before keep the secrets that they were made with.
func (a *App) WithClientSecret(secret string) *App {
	changed := *a
	changed.credentials.PreviousSecret, changed.credentials.ClientSecret = a.credentials.ClientSecret, NewSecret(secret)
	if a.credentials.ClientSecret == changed.credentials.ClientSecret || settings.CheckClientSecret(a.credentials.ClientSecret.Reveal()) != nil {
		changed.credentials.PreviousSecret = a.credentials.PreviousSecret
	}
	changed.err = changed.prepare()
	return &changed
}

func (a *App) prepare() (err error) {
	if err = a.credentials.check(); err != nil {
		return err
	}
	a.secret = fingerprint("client_secret", a.credentials.ClientID, a.credentials.ClientSecret.Reveal(), a.credentials.PreviousSecret.Reveal())
	a.secrets = newClientSecrets(a.credentials, a.config.credentials, a.secrets)
	if a.userAgent, err = userAgent(a.config.userAgent); err != nil {
		return err
	}
	if a.tokenURL, err = settings.ParseURL(settings.TokenURL.Name, a.config.tokenURL); err != nil {
		return err
	}
	if a.config.endpoint != "" {
		if a.endpoint, err = settings.ParseURL(settings.Endpoint.Name, a.config.endpoint); err != nil {
			return err
		}
	}
	for _, operation := range slices.Sorted(maps.Keys(a.config.appLimits)) {
		if rate := a.config.appLimits[operation].rate; !(rate > 0) || math.IsInf(rate, 1) {
			return &ConfigError{Code: CodeApplicationLimitInvalid, Field: "application limit", Value: formatRate(rate),
				Want: "of " + operation + " is no rate: want requests per second, above 0"}
		}
		if operationByID(operation) == nil && !strings.Contains(operation, " ") { // "GET /new/v1/things" is one that this version doesn't know
			return &ConfigError{Code: CodeApplicationLimitInvalid, Field: "application limit", Value: operation,
				Want: `is of no operation: want an ID of Operations, such as "ordersv0.getOrders"`}
		}
	}
	a.hosts = newHosts(a.endpoint)
	return nil
}

// Client makes the client of one seller's authorization in one region. It sends nothing; see [NewApp] about errors.
func (a *App) Client(auth Authorization) *Client {
	c := &Client{app: a, auth: auth, err: a.err}
	region, err := auth.check()
	if c.err == nil {
		c.err = err
	}
	if c.err == nil && a.endpoint != nil {
		c.err = contradiction(a.endpoint, region, auth.Sandbox)
	}
	c.region = region
	if !auth.RefreshToken.IsZero() {
		c.alias = fingerprint("seller", auth.RefreshToken.Reveal())
	}
	c.seller = cmp.Or(auth.SellerID, c.alias)
	switch {
	case c.err != nil:
		c.base = &url.URL{}
	case a.endpoint != nil:
		c.base = a.endpoint
	default:
		c.base = regionURL(region, auth.Sandbox)
	}
	if c.err == nil {
		c.access = c.accessRequest()
	}
	c.chain = assemble(c)
	return c
}

func regionURL(r marketplace.Region, sandbox bool) *url.URL {
	base := r.Endpoint()
	if sandbox {
		base = r.SandboxEndpoint()
	}
	u, err := url.Parse(base)
	if err != nil {
		panic("spapi: endpoint of region " + string(r) + ": " + err.Error()) // a table of ours
	}
	return u
}

// Exchange turns the authorization code that a seller's consent brought to the redirect URI (spapi_oauth_code) into an
// authorization. A code lives five minutes and works once. redirectURI must be the one that the consent used. The region
// is for the caller to fill in. Errors: [*ConfigError], [*AuthError], transport errors.
func (a *App) Exchange(ctx context.Context, code, redirectURI string) (Authorization, error) {
	if a.err != nil {
		return Authorization{}, a.err
	}
	if bad := settings.CheckAuthorizationCode(code); bad != nil {
		return Authorization{}, bad
	}
	return a.exchangeCode(ctx, code, redirectURI)
}

// BaseTransport returns what lies below the chain of [Client.Transport]: the transport that WithTransport gave, or the default one, within the
// bounds of [WithAttemptTimeout] and [WithStallTimeout]. It adds nothing to requests, neither tokens nor limits nor retries, and is meant for
// presigned URLs such as those of report documents, which must not see any credentials.
func (a *App) BaseTransport() http.RoundTripper { return a.config.transport }

// CloseIdleConnections closes the connections that no call is using, for tests and orderly shutdowns.
func (a *App) CloseIdleConnections() {
	if c, ok := a.config.transport.(interface{ CloseIdleConnections() }); ok {
		c.CloseIdleConnections()
	}
}

// String never shows a secret.
func (a App) String() string { return fmt.Sprintf("App{%s}", a.credentials.ClientID) }

// Format never shows a secret, whatever the verb.
func (a App) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, a.String()) }

// LogValue never shows a secret.
func (a App) LogValue() slog.Value { return slog.StringValue(a.String()) }

// fingerprint stands for a secret in keys of caches and limits.
func fingerprint(parts ...string) string {
	h := sha256.New()
	for _, p := range parts {
		fmt.Fprintf(h, "%d:%s,", len(p), p) // with its length, so that no two lists look the same
	}
	return hex.EncodeToString(h.Sum(nil)[:16])
}
