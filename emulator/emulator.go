// Package emulator is Amazon's Selling Partner API on your own machine: offline, deterministic, and strict where Amazon is strict.
//
// An [Emulator] is an [http.Handler] to be served on a port, and an [http.RoundTripper] that answers requests for Amazon's own
// hosts without one:
//
//	emu, err := emulator.New(emulator.WithSeed(1))
//	httpClient := &http.Client{Transport: emu}
//	httpClient.Post("https://api.amazon.com/auth/o2/token", …)                              // Login with Amazon
//	httpClient.Post("https://sts.us-east-1.amazonaws.com/", …)                               // AssumeRole
//	httpClient.Get("https://sellingpartnerapi-na.amazon.com/sellers/v1/marketplaceParticipations") // SP-API
//
// On a port, "/auth/o2/token" is Login with Amazon, "/sts/" is the Security Token Service, "/apps/authorize/consent" is the page of Seller
// Central on which a seller authorizes the application (see [Emulator.Authorize] for doing so without a browser), "/_documents/" are the
// contents of reports, feeds and queries, and everything else is SP-API. Without a port documents are at S3's hosts, as at Amazon.
//
// It routes every operation of internal/catalog. Operations with a handler show one seeded world of products and orders; official
// sandbox cases are replayed when [WithModels] names a folder of Amazon's models; every other operation answers with a small body
// that is valid for its schema. The same seed, clock and requests give the same bytes.
//
// # Signatures
//
// Amazon has ignored Signature Version 4 since 2023-10-02, and so does the emulator, with two exceptions: with
// [WithRequireSigV4] every request must be signed, and the operations of catalog v0 that Amazon has removed (GET /catalog/v0/items
// and GET /catalog/v0/items/{asin}), which are served here in their form of 2020, always want a signature as they did then.
//
// # Time, faults, state
//
// Everything goes by one clock, which [WithFixedTime] stops, [WithSpeed] lets run faster, and [Emulator.Advance] moves. [Emulator.AddFault] lets
// requests go wrong by rule. [Emulator.Export] and [Emulator.Import] keep a state and bring it back, [Emulator.Reset] forgets all. On a port
// the same is had by JSON below "/_emulator/", see [WithControl].
//
// # What is not emulated
//
// docs/emulator.md tells for each API which operations have a world behind them. What is sent to the others is checked and forgotten.
// What is submitted to listings takes effect at once, where Amazon takes minutes. Notifications can be subscribed to, but only news about
// the application's secret and test notifications are delivered.
//
// The package shares no code with the client side of this project: a client's mistake must not be mirrored by its own test server.
package emulator

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"sync"
	"time"

	"github.com/openspapi/spapi/emulator/internal/random"
	"github.com/openspapi/spapi/emulator/internal/world"
	"github.com/openspapi/spapi/internal/catalog"
	"github.com/openspapi/spapi/marketplace"
)

// Clock tells the emulator what time it is.
type Clock interface{ Now() time.Time }

type realClock struct{}

func (realClock) Now() time.Time { return time.Now() }

// Emulator is one emulated Selling Partner API with one registered application and any number of sellers. It is safe for
// concurrent use and starts no goroutines.
type Emulator struct {
	options options
	clock   *clock
	routes  *router
	limits  *limiter
	cases   sandboxCases // by operation ID; nil without models

	gate sync.RWMutex // held for reading by each request, for writing while the whole state is read or replaced; before mu

	mu       sync.Mutex
	app      *application
	accounts []*account
	grants   map[string]*grant // access tokens, grantless tokens and restricted tokens, by token
	codes    map[string]*authorizationCode
	sessions map[string]*session // temporary AWS credentials, by access key id
	minted   int                 // tokens and codes handed out so far: each gets its own random source
	faults   []*faultRule
	log      requestLog

	consents      consents      // of sellers, by the consent page
	outbox        outbox        // messages to queues
	subscriptions subscriptions // to notifications, and their destinations
	salesReport   time.Time     // when GET_SALES_AND_TRAFFIC_REPORT was last asked for
}

// New builds an emulator with one seller, whose credentials [Emulator.Credentials] returns. The error is about options: a
// models folder that can't be read, a limit pattern that matches no operation, sizes below zero.
func New(opts ...Option) (*Emulator, error) {
	o := options{Sizes: world.Sizes{Orders: 300, Products: 60, Days: 60}, clock: realClock{}, speed: 1, region: marketplace.NorthAmerica, limits: true, orderItems: orderItemsPerPage}
	for _, opt := range opts {
		opt(&o)
	}
	if err := o.Sizes.Check(); err != nil {
		return nil, fmt.Errorf("emulator: %w", err)
	}
	if !o.region.Valid() {
		return nil, fmt.Errorf("emulator: unknown region %q: want na, eu or fe", o.region)
	}
	if o.fixed.IsZero() && !validSpeed(o.speed) {
		return nil, fmt.Errorf("emulator: clock of speed %v: want 0.001 to 1000000", o.speed)
	}
	if o.orderItems < 1 {
		return nil, fmt.Errorf("emulator: %d order items per page: want at least 1", o.orderItems)
	}
	if err := o.consent.check(); err != nil {
		return nil, err
	}
	e := &Emulator{options: o, clock: newClock(o), routes: newRouter()}
	var err error
	if e.limits, err = newLimiter(o); err != nil {
		return nil, err
	}
	if o.models != "" {
		if e.cases, err = readSandboxCases(o.models); err != nil {
			return nil, err
		}
	}
	e.reset()
	for _, f := range o.faults {
		if _, err := e.AddFault(f); err != nil {
			return nil, err
		}
	}
	return e, nil
}

// Option configures an [Emulator].
type Option func(*options)

type options struct {
	world.Sizes
	clock         Clock
	fixed         time.Time // zero: the clock runs
	speed         float64
	faults        []Fault
	control       Control
	region        marketplace.Region
	orderItems    int // on a page
	models        string
	sandbox       bool
	sandboxStrict bool
	requireSigV4  bool
	limits        bool
	appLimits     bool
	overrides     []limitOverride
	consent       consentOptions
	sink          func(queue string, body []byte)
	secretQueue   string
}

// WithSeed chooses the world, the credentials and every generated answer. The default is 0.
func WithSeed(seed int64) Option { return func(o *options) { o.Seed = seed } }

// WithClock sets the clock that tokens, limits, signatures and orders go by. The default is the machine's clock. A seller's newest
// orders lie just before the time at which the seller was added; as time passes they are paid, shipped or cancelled, and others come.
func WithClock(c Clock) Option { return func(o *options) { o.clock = c } }

// WithRegion sets the region of the first seller. The default is North America.
func WithRegion(r marketplace.Region) Option { return func(o *options) { o.region = r } }

// WithOrders sets how many orders each seller has at the beginning. The default is 300. As time passes as many again come, at the same
// pace, and 1,000 at the least; none come to a seller who has none.
func WithOrders(n int) Option { return func(o *options) { o.Orders = n } }

// WithProducts sets how many products each seller sells. The default is 60.
func WithProducts(n int) Option { return func(o *options) { o.Products = n } }

// WithDays sets over how many days before the start the orders are spread. The default is 60.
func WithDays(n int) Option { return func(o *options) { o.Days = n } }

// WithModels names a checkout of Amazon's published models (or any folder below which they lie), whose static sandbox cases are
// then replayed: on Amazon's sandbox hosts all of them, elsewhere those that ask for particular values, and for operations
// without a handler of their own all of them too.
func WithModels(dir string) Option { return func(o *options) { o.models = dir } }

// WithSandboxStrict makes requests to a sandbox host that match no static case fail as Amazon's static sandbox does, with
// 400 "Could not match input arguments". It needs [WithModels].
func WithSandboxStrict() Option { return func(o *options) { o.sandboxStrict = true } }

// WithSandbox makes the emulator the sandbox whatever host it is asked at, as it must be on a port: limits of 5 requests per second with
// a burst of 15 for every operation, sandbox-only operations, and with [WithModels] every static case. Without it Amazon's sandbox
// hosts are the sandbox, and others aren't.
func WithSandbox() Option { return func(o *options) { o.sandbox = true } }

// WithRequireSigV4 makes every SP-API request need a valid Signature Version 4, as it was before 2023-10-02.
func WithRequireSigV4() Option { return func(o *options) { o.requireSigV4 = true } }

// WithRateLimit sets rate (requests per second) and burst for the operations that pattern matches: an operation ID such as
// "ordersv0.getOrders", or with asterisks ("orders*", "*.getOrder", "*"). Later options win.
func WithRateLimit(pattern string, rate float64, burst int) Option {
	return func(o *options) { o.overrides = append(o.overrides, limitOverride{pattern, rate, burst}) }
}

// WithoutLimits turns all limits off. x-amzn-RateLimit-Limit is still sent.
func WithoutLimits() Option { return func(o *options) { o.limits = false } }

// WithApplicationLimits adds the limits that hold over all sellers of an application, which Amazon applies to some APIs without
// showing them in a header. They are off by default.
func WithApplicationLimits() Option { return func(o *options) { o.appLimits = true } }

func (e *Emulator) now() time.Time { return e.clock.Now() }

// Credentials are what a client needs to act for one seller. They are worthless outside the emulator that made them and
// therefore not redacted anywhere.
type Credentials struct {
	ClientID           string `json:"client_id"`
	ClientSecret       string `json:"client_secret"`
	RefreshToken       string `json:"refresh_token"`
	RoleARN            string `json:"role_arn"`              // the role that AssumeRole accepts
	AWSAccessKeyID     string `json:"aws_access_key_id"`     // of an IAM user who may assume the role, or sign requests directly
	AWSSecretAccessKey string `json:"aws_secret_access_key"` //
	ApplicationID      string `json:"application_id"`        // as in consent URLs and restricted data tokens' targetApplication
	SellerID           string `json:"seller_id"`

	Region marketplace.Region `json:"region"` // where the refresh token's authorization holds
}

// URLs are the addresses of an emulator that is served on a port.
type URLs struct {
	API string `json:"url"`     // SP-API
	LWA string `json:"lwa_url"` // Login with Amazon's token endpoint, the whole path
	STS string `json:"sts_url"` // Security Token Service
}

// URLs returns the addresses below base, such as "http://127.0.0.1:8080".
func (e *Emulator) URLs(base string) URLs {
	return URLs{API: base, LWA: base + lwaPath, STS: base + stsPath}
}

// Operations returns the ID of every operation that is served, in ascending order: those of the catalogue, and the removed ones of
// catalog v0.
func (e *Emulator) Operations() []string { return e.routes.ids() }

// Serve answers requests on l until ctx is done, then waits up to a second for those under way. It returns nil after ctx is done.
func (e *Emulator) Serve(ctx context.Context, l net.Listener) error {
	srv := &http.Server{Handler: e, ReadHeaderTimeout: 10 * time.Second}
	done := make(chan error, 1)
	stop := context.AfterFunc(ctx, func() {
		grace, cancel := context.WithTimeout(context.WithoutCancel(ctx), time.Second)
		defer cancel()
		done <- srv.Shutdown(grace)
	})
	err := srv.Serve(l)
	if stop() {
		return err // the listener failed by itself
	}
	if shutdown := <-done; errors.Is(shutdown, context.DeadlineExceeded) {
		srv.Close()
	}
	return nil
}

// details is what the catalogue knows about an operation's parameters and answers; the zero value for one that it doesn't know.
type details struct {
	api    *catalog.API
	detail *catalog.Detail
	query  map[string]bool // the names of the query parameters
}

var detailsOf sync.Map // *catalog.Operation to *details

// operationDetails returns the details of op, which are read on first use.
func operationDetails(op *catalog.Operation) *details {
	if known, found := detailsOf.Load(op); found {
		return known.(*details)
	}
	d := &details{query: map[string]bool{}}
	if api, err := catalog.LoadAPI(op.API); err == nil { // else one of the removed operations
		d.api, d.detail = api, api.Operations[detailKey(op)]
	}
	if d.detail != nil {
		for _, p := range d.detail.Parameters {
			if p.In == "query" {
				d.query[p.Name] = true
			}
		}
	}
	known, _ := detailsOf.LoadOrStore(op, d)
	return known.(*details)
}

// operationDetail returns the schemas of op; nil for one that the catalogue doesn't know.
func operationDetail(op *catalog.Operation) (*catalog.API, *catalog.Detail) {
	d := operationDetails(op)
	return d.api, d.detail
}

// random returns a source of its own for whatever parts name: the same seed and parts give the same choices, in any order of
// calls and in any process.
func (e *Emulator) random(parts ...any) random.Source {
	return random.NewRandom(e.options.Seed, parts...)
}
