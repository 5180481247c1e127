package emulator

import (
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/openspapi/spapi/emulator/internal/clock"
	"github.com/openspapi/spapi/emulator/internal/desk"
	"github.com/openspapi/spapi/marketplace"
)

// Option configures an [Emulator].
type Option func(*options)

type options struct {
	desk.Options
	control Control
	faults  []Fault
	caDir   string
}

// WithCADir names the folder of the certificate authority by which [Emulator.Serve] speaks TLS, with its key; it is made when it is needed. The default
// is spapi/emulator-ca in [os.UserCacheDir].
func WithCADir(dir string) Option { return func(o *options) { o.caDir = dir } }

// WithSeed chooses the world, the credentials and every generated answer. The default is 0.
func WithSeed(seed int64) Option { return func(o *options) { o.Seed = seed } }

// WithClock sets the clock that tokens, limits, signatures and orders go by. The default is the machine's clock. A seller's newest
// orders lie just before the time at which the seller was added; as time passes they are paid, shipped or cancelled, and others come.
func WithClock(c Clock) Option { return func(o *options) { o.Time = c } }

// WithRegion sets the region of the first seller. The default is North America.
func WithRegion(r marketplace.Region) Option { return func(o *options) { o.Region = r } }

// WithOrders sets how many orders each seller has at the beginning. The default is 300. As time passes as many again come, at the same
// pace, and 1,000 at the least; none come to a seller who has none.
func WithOrders(n int) Option { return func(o *options) { o.Sizes.Orders = n } }

// WithProducts sets how many products each seller sells. The default is 60.
func WithProducts(n int) Option { return func(o *options) { o.Sizes.Products = n } }

// WithDays sets over how many days before the start the orders are spread. The default is 60.
func WithDays(n int) Option { return func(o *options) { o.Sizes.Days = n } }

// WithModels names a checkout of Amazon's published models (or any folder below which they lie), whose static sandbox cases are
// then replayed: on Amazon's sandbox hosts all of them, elsewhere those that ask for something of their own, such as TEST_CASE_200, and for
// operations without a handler of their own all of them too.
func WithModels(dir string) Option { return func(o *options) { o.Models = dir } }

// WithSandboxStrict makes requests to a sandbox host that match no static case fail as Amazon's static sandbox does, with
// 400 "Could not match input arguments", for every operation of which there are cases but createRestrictedDataToken. It needs [WithModels].
func WithSandboxStrict() Option { return func(o *options) { o.SandboxStrict = true } }

// WithSandbox makes the emulator the sandbox whatever host it is asked at, as it must be on a port: limits of 5 requests per second with
// a burst of 15 for every operation, sandbox-only operations, and with [WithModels] every static case. Without it Amazon's sandbox
// hosts are the sandbox, and others aren't.
func WithSandbox() Option { return func(o *options) { o.Sandbox = true } }

// WithRequireSigV4 makes every SP-API request need a valid Signature Version 4, as it was before 2023-10-02.
func WithRequireSigV4() Option { return func(o *options) { o.RequireSigV4 = true } }

// WithStrictParameters makes query parameters that an operation doesn't have fail with 400, which finds misspelled ones. Amazon ignores them, and so does the
// emulator without this option; [Emulator.Requests] names them either way.
func WithStrictParameters() Option { return func(o *options) { o.StrictParameters = true } }

// WithExplain makes refusals say in the header x-spapi-emulator-reason which check refused the request, and why: Amazon's own words are few. Without it
// [Emulator.Requests] has the reasons. The header may repeat what the request said.
func WithExplain() Option { return func(o *options) { o.Explain = true } }

// WithDocumentedShippingErrors makes Merchant Fulfillment refuse with the statuses and codes of Amazon's error table, such as 404 ItemsNotInOrder. In
// production it answers 400 InvalidInput nearly always (selling-partner-api-models#2512, #4722), and so does the emulator without this option.
func WithDocumentedShippingErrors() Option {
	return func(o *options) { o.DocumentedShippingErrors = true }
}

// WithRemoved keeps what Amazon has removed by the emulator's clock: operations, types of reports, feeds and notifications. Without it they work until
// the announced day; from then on such an operation answers as a path that doesn't exist (403), a report or feed ends FATAL, and a notification
// can't be subscribed to. Catalog v0's listCatalogItems and getCatalogItem, removed in 2022, are served to signed requests at any time.
func WithRemoved() Option { return func(o *options) { o.KeepRemoved = true } }

// WithRateLimit sets rate (requests per second) and burst for the operations that pattern matches: an operation ID such as
// "ordersv0.getOrders", or with asterisks ("orders*", "*.getOrder", "*"). Later options win.
func WithRateLimit(pattern string, rate float64, burst int) Option {
	return func(o *options) {
		o.Overrides = append(o.Overrides, desk.LimitOverride{Pattern: pattern, Rate: rate, Burst: burst})
	}
}

// WithoutLimits turns all limits off. x-amzn-RateLimit-Limit is 1000000.0 then, for clients that go by it.
func WithoutLimits() Option { return func(o *options) { o.NoLimits = true } }

// WithApplicationLimits adds the limits that hold over all sellers of an application, which Amazon applies to some APIs without
// showing them in a header. They are off by default.
func WithApplicationLimits() Option { return func(o *options) { o.AppLimits = true } }

// FixedStart is where a fixed clock stands when nothing else is said.
var FixedStart = time.Date(2026, 1, 15, 12, 0, 0, 0, time.UTC)

// WithFixedTime stops the clock at start, or at [FixedStart] if start is zero: it moves only by [Emulator.Advance] and
// [Emulator.SetTime]. Limits don't refill and tokens don't expire while it stands.
func WithFixedTime(start time.Time) Option {
	if start.IsZero() {
		start = FixedStart
	}
	return func(o *options) { o.Fixed, o.Speed = start, 0 }
}

// WithSpeed lets the clock run faster than [WithClock]'s, from that one's time at the start: with 3600, an hour passes in a second.
// The default is 1.
func WithSpeed(factor float64) Option {
	return func(o *options) { o.Fixed, o.Speed = time.Time{}, factor }
}

// absurd tells a time that the clock isn't set to on request: what an account does every few days would be without end, and a time.Duration holds 292 years.
func absurd(t time.Time) bool { return t.Year() < 2000 || t.Year() >= 2200 }

// ParseClock turns the text that commands take into an option: "real", "fixed", "fixed:2026-03-01T00:00:00Z", or a speed such as "3600x".
func ParseClock(text string) (Option, error) {
	if text == "real" {
		return WithSpeed(1), nil
	}
	if rest, ok := strings.CutPrefix(text, "fixed"); ok && (rest == "" || rest[0] == ':') {
		if rest == "" {
			return WithFixedTime(time.Time{}), nil
		}
		if t, err := time.Parse(time.RFC3339, rest[1:]); err == nil && !absurd(t) {
			return WithFixedTime(t), nil
		}
	}
	if rest, ok := strings.CutSuffix(text, "x"); ok {
		if f, err := strconv.ParseFloat(rest, 64); err == nil && clock.ValidSpeed(f) {
			return WithSpeed(f), nil
		}
	}
	return nil, fmt.Errorf("emulator: clock %q: want real, fixed, fixed:2026-03-01T00:00:00Z (a time in the years 2000 to 2199), or a speed from 0.001x to 1000000x", text)
}

// WithNotificationSink names a function that is given each message that arrives in one of the application's queues, besides the queue: the queue's ARN, of
// EventBridge that of the partner event source, and the message. It is called in order, one message at a time, after the request that caused the message has
// been worked on, and before it is answered, or by whoever hands over others at that moment; see also [Emulator.Deliver]. It may send requests to the emulator.
func WithNotificationSink(sink func(queue string, body []byte)) Option {
	return func(o *options) { o.Sink = sink }
}

// WithCredentialQueue registers the queue to which new client secrets are sent, as developers do in the console: an ARN such as
// "arn:aws:sqs:us-east-1:123456789012:secrets". Without one, rotateApplicationClientSecret answers 400.
func WithCredentialQueue(arn string) Option { return func(o *options) { o.SecretQueue = arn } }

// WithFIFORefused lets createDestination refuse FIFO queues with 400. Amazon takes them, as far as anyone reports, and then nothing arrives; so does the
// emulator without this option.
func WithFIFORefused() Option { return func(o *options) { o.RefuseFIFO = true } }

// WithApplicationStatus sets whether the application is a draft, published or listed in the Appstore. The default is published.
func WithApplicationStatus(s ApplicationStatus) Option {
	return func(o *options) { o.Consent.Status = s }
}

// WithRedirectURIs registers the application's OAuth redirect URIs; the first one is where consent pages lead when the request names
// none. A loopback address stands for any port, and without a path for any path. The default are http://127.0.0.1 and http://localhost.
func WithRedirectURIs(uris ...string) Option {
	return func(o *options) { o.Consent.Redirects, o.Consent.Set = uris, true }
}

// WithLoginURI registers the application's OAuth login URI, where authorizations that start in the Appstore lead. There is none by default.
func WithLoginURI(uri string) Option { return func(o *options) { o.Consent.Login = uri } }

// WithOrderItemsPerPage sets how many items of an order getOrderItems and getOrderItemsBuyerInfo of orders v0 show at once. The default is
// 100, which is more than any order has: with 1, orders of two items have two pages.
func WithOrderItemsPerPage(n int) Option { return func(o *options) { o.OrderItems = n } }

// orderItemsPerPage is how many items of an order a page of orders v0 has. Amazon publishes no figure; 100, as for the orders themselves, is
// assumed. No order of the world has as many: see [WithOrderItemsPerPage].
const orderItemsPerPage = 100
