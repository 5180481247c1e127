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
// On a port, "/auth/o2/token" is Login with Amazon, "/sts/" is the Security Token Service, "/sqs/" is the Simple Queue Service, "/apps/authorize/consent" is
// the page of Seller Central on which a seller authorizes the application (see [Emulator.Authorize] for doing so without a browser), "/_documents/" are the
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
// # Queues
//
// Notifications arrive in queues of SQS that AWS's own SDKs take them from, at [URLs].SQS or at Amazon's hosts; see [Emulator.Deliver] for when.
//
// # What is not emulated
//
// docs/emulator.md tells for each API which operations have a world behind them. What is sent to the others is checked and forgotten.
// What is submitted to listings takes effect at once, where Amazon takes minutes. Notifications of types whose shape nobody has published are sent on
// request only, see [Emulator.Trigger].
//
// The package shares no code with the client side of this project: a client's mistake must not be mirrored by its own test server.
package emulator

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"sync"
	"time"

	"github.com/openspapi/spapi/emulator/internal/answer"
	"github.com/openspapi/spapi/emulator/internal/clock"
	"github.com/openspapi/spapi/emulator/internal/desk"
	"github.com/openspapi/spapi/emulator/internal/exchange"
	"github.com/openspapi/spapi/emulator/internal/world"
	"github.com/openspapi/spapi/internal/tlsfront"
	"github.com/openspapi/spapi/marketplace"
)

// Clock tells the emulator what time it is.
type Clock interface{ Now() time.Time }

type realClock struct{}

func (realClock) Now() time.Time { return time.Now() }

// Emulator is one emulated Selling Partner API with one registered application and any number of sellers. It is safe for
// concurrent use and starts no goroutines but in [Emulator.Serve].
type Emulator struct {
	desk    *desk.Desk
	control Control
	caDir   string

	caMu sync.Mutex
	ca   *tlsfront.CA // nil until it is needed
}

// New builds an emulator with one seller, whose credentials [Emulator.Credentials] returns. The error is about options: a
// models folder that can't be read, a limit pattern that matches no operation, sizes below zero.
func New(opts ...Option) (*Emulator, error) {
	o := options{Options: desk.Options{
		Time: realClock{}, Speed: 1, Region: marketplace.NorthAmerica, Sizes: world.Sizes{Orders: 300, Products: 60, Days: 60}, OrderItems: orderItemsPerPage,
	}}
	for _, opt := range opts {
		if opt != nil {
			opt(&o)
		}
	}
	if err := o.check(); err != nil {
		return nil, err
	}
	d, err := desk.New(o.Options, flows)
	if err != nil {
		return nil, err
	}
	e := &Emulator{desk: d, control: o.control, caDir: o.caDir}
	for _, f := range o.faults {
		if _, err := e.AddFault(f); err != nil {
			return nil, err
		}
	}
	return e, nil
}

// check tells what is wrong with the options, as far as that can be told without looking anything up.
func (o *options) check() error {
	if err := o.Sizes.Check(); err != nil {
		return fmt.Errorf("emulator: %w", err)
	}
	if !o.Region.Valid() {
		return fmt.Errorf("emulator: unknown region %q: want na, eu or fe", o.Region)
	}
	if o.Fixed.IsZero() && !clock.ValidSpeed(o.Speed) {
		return fmt.Errorf("emulator: clock of speed %v: want 0.001 to 1000000", o.Speed)
	}
	if o.OrderItems < 1 {
		return fmt.Errorf("emulator: %d order items per page: want at least 1", o.OrderItems)
	}
	return o.Consent.Check()
}

// Now is the emulator's time.
func (e *Emulator) Now() time.Time { return e.desk.Clock.Now() }

// Advance moves the emulator's clock on by d, whatever clock it has. Orders are shipped, tokens expire and limits refill as if d
// had passed.
func (e *Emulator) Advance(d time.Duration) { e.desk.Clock.Advance(d) }

// SetTime sets the emulator's clock to t, from where it goes on at its speed. Going back is possible, but what is written down of
// later times stays.
func (e *Emulator) SetTime(t time.Time) { e.desk.Clock.Set(t) }

// Operations returns the ID of every operation that is served, in ascending order: those of the catalogue, and the removed ones of
// catalog v0.
func (e *Emulator) Operations() []string { return e.desk.Routes.IDs() }

// ServeHTTP implements [http.Handler].
func (e *Emulator) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if isControlPath(r.URL.Path) {
		answer.Send(w, e.controlExchange(r), e.answerControl(r, r.RemoteAddr))
		return
	}
	e.desk.ServeHTTP(w, r)
}

// RoundTrip implements [http.RoundTripper]. It answers for any host: at each of [Emulator.Hosts] as Amazon does there, at all others as on a port, where
// the path tells. It fails only when the request's context is done, its body can't be read, or a fault has it.
func (e *Emulator) RoundTrip(r *http.Request) (*http.Response, error) {
	if r.Body != nil {
		defer r.Body.Close()
	}
	if err := r.Context().Err(); err != nil {
		return nil, err
	}
	if r.URL == nil || r.URL.Host == "" && r.Host == "" {
		return nil, errors.New("emulator: request without a host")
	}
	if isControlPath(r.URL.Path) {
		rec := exchange.NewRecorder()
		answer.Send(rec, e.controlExchange(r), e.answerControl(r, ""))
		resp := exchange.NewResponse(r, rec)
		resp.Body = io.NopCloser(&rec.Body)
		return resp, nil
	}
	return e.desk.RoundTrip(r)
}

// Serve answers requests on l until ctx is done, then waits up to a second for those under way; consumers that wait for messages of a queue get none. It
// returns nil after ctx is done. Messages that time brings are delivered within a second, without a request.
//
// On l it speaks HTTP, and TLS for each of [Emulator.Hosts], localhost and loopback addresses, with certificates of [Emulator.CA]. It also is a
// proxy, for HTTP and HTTPS: requests through it for these hosts are answered here, and all others are refused. Clients that stall are cut off:
// headers have 10 seconds, and 30 without a byte are too many in a body or for an answer to be taken.
func (e *Emulator) Serve(ctx context.Context, l net.Listener) error {
	ctx, stop := context.WithCancel(ctx)
	var ticking sync.WaitGroup
	defer ticking.Wait()
	defer stop()
	ticking.Go(func() { e.deliverEach(ctx, time.Second) })
	handler := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if desk.IsQueues(r) { // it may wait for messages
			until, done := context.WithCancel(r.Context())
			defer done()
			defer context.AfterFunc(ctx, done)()
			r = r.WithContext(until)
		}
		e.ServeHTTP(w, r)
	})
	return tlsfront.Serve(ctx, l, tlsfront.Options{Handler: handler, Name: "emulator", Hosts: e.Hosts(), CA: e.authority})
}

// deliverEach delivers again and again what time has brought, until ctx is done.
func (e *Emulator) deliverEach(ctx context.Context, period time.Duration) {
	for {
		select {
		case <-time.After(period):
			e.Deliver()
		case <-ctx.Done():
			return
		}
	}
}

// Hosts returns the names of all hosts of Amazon's that the emulator answers for, in ascending order: SP-API with its sandboxes, Login with Amazon,
// the Security Token Service, the Simple Queue Service, Seller and Vendor Central, and those of documents and schemas.
func (e *Emulator) Hosts() []string { return exchange.Hosts() }

// CA returns the path of a certificate in PEM: that of the authority by which [Emulator.Serve] speaks TLS. Clients must be told to trust it. It is made
// when it is first needed, and then kept, see [WithCADir]; it can sign for [Emulator.Hosts], localhost and loopback addresses only. The error is about
// the folder.
func (e *Emulator) CA() (string, error) {
	ca, err := e.authority()
	if err != nil {
		return "", err
	}
	return ca.File(), nil
}

// authority opens the authority once; while that fails, each time anew.
func (e *Emulator) authority() (*tlsfront.CA, error) {
	e.caMu.Lock()
	defer e.caMu.Unlock()
	if e.ca != nil {
		return e.ca, nil
	}
	dir := e.caDir
	if dir == "" {
		cache, err := os.UserCacheDir()
		if err != nil {
			return nil, fmt.Errorf("emulator: no folder for the certificate authority: %w", err)
		}
		dir = filepath.Join(cache, "spapi", "emulator-ca")
	}
	ca, err := tlsfront.OpenCA(dir, "spapi emulator", e.Hosts())
	if err != nil {
		return nil, fmt.Errorf("emulator: %w", err)
	}
	e.ca = ca
	return ca, nil
}
