package spapi

import (
	"context"
	"net/http"
	"strings"
	"time"

	"github.com/openspapi/spapi/internal/settings"
	"github.com/openspapi/spapi/internal/wire"
)

// CallOption changes one call.
type CallOption func(*call)

// call is the state of one call on its way through the chain. It belongs to the goroutine of the call.
type call struct {
	// options
	response    *Response
	token       Secret
	asks        *string // the scope of the token in place of the operation's; "" is a seller's token
	failFast    bool
	maxWait     time.Duration
	priority    int
	limitNotice func(*LimitError)
	noTypeLimit bool
	sendNote    func(ctx context.Context, sending bool) error
	noRetry     bool
	patient     bool
	restricted  bool     // a restricted token is asked for
	elements    []string // its data elements
	reportType  string
	apiErrors   bool  // Do returns answers other than 2xx as errors
	err         error // of an option

	// of typed calls: how the body of a success is taken in; nil where it is the caller's to read
	take     wire.Take
	wantBody bool
	handsOut bool // the caller gets the body

	// what the chain finds out
	app        *App
	op         *Operation
	whole      running // the observed call
	limits     []LimitBucket
	spared     []LimitBucket            // that of a type, which it doesn't wait for
	typed      *typeGrant               // of a success that counts for the limit of a type
	noted      bool                     // that it is being sent
	buckets    [limitScopes]LimitBucket // what limits is made in
	rate       float64                  // in force when the call was let through, requests per second
	attempts   int
	waited     time.Duration
	repeatable bool // may be repeated though it may have been carried out
	reached    bool // an attempt may have been carried out though it failed
	expired    bool // the last attempt's token had expired or was revoked, and was dropped from the cache
	last       *http.Response
	errors     []ErrorItem
	body       []byte
	taken      wire.Taken // what was read of it
	buffer     *buffer    // the memory of both, to be given back; nil where it is the caller's
}

type callKey struct{}

func newCall(opts []CallOption) *call {
	c := new(call)
	for _, o := range opts {
		if o != nil {
			o(c)
		}
	}
	return c
}

// forget makes the call ready for an attempt, with nothing left of the one before.
func (c *call) forget() {
	c.release()
	c.expired, c.body, c.taken, c.errors = false, nil, wire.Taken{}, nil
}

func withCall(ctx context.Context, c *call) context.Context {
	return context.WithValue(ctx, callKey{}, c)
}

func callFrom(ctx context.Context) *call {
	c, _ := ctx.Value(callKey{}).(*call)
	return c
}

// WithResponse fills r with what the call met, also when the call fails.
func WithResponse(r *Response) CallOption { return func(c *call) { c.response = r } }

// WithAPIErrors makes [Client.Do] return an [*APIError] for an answer other than 2xx, as typed calls do. The body is then read, and is in
// the [Response] of [WithResponse].
func WithAPIErrors() CallOption { return func(c *call) { c.apiErrors = true } }

// WithoutRetry sends the call once, whatever comes back.
func WithoutRetry() CallOption { return func(c *call) { c.noRetry = true } }

// WithPatience repeats a call that Amazon throttles (429) for as long as its context allows, beyond [RetryPolicy].MaxAttempts; other failures are repeated as
// ever. It is for those who answer for a call whose own caller waits. It changes nothing for a call with [WithFailFast], or without a deadline: then
// MaxAttempts holds.
func WithPatience() CallOption { return func(c *call) { c.patient = true } }

// WithFailFast lets the call wait at most limit for the rate limit, and at most limit before a retry; 0 means not at all. A wait that is
// estimated to become longer is a [*LimitError] at once, and one that becomes longer after all is one when limit has passed. Without it calls
// wait as long as their context allows. The fetch of a restricted data token has the same bound, unless another call has begun it already.
func WithFailFast(limit time.Duration) CallOption {
	return func(c *call) { c.failFast, c.maxWait = true, max(limit, 0) }
}

// WithLimitNotice calls f when the call is about to wait for a limit, here for more than a second: with what the limit is and how long the wait will be
// as far as that can be told, as [LimitError] has it. f is called from the goroutine of the call, before the wait, and must be quick. Calls with
// [WithFailFast] have the error in its place. Default: nobody is told.
func WithLimitNotice(f func(*LimitError)) CallOption { return func(c *call) { c.limitNotice = f } }

// WithoutTypeLimit sends a request for a report or a feed though the limit of its type says to wait: for those who know better, since the report that was
// asked for last came to nothing, or Amazon's limit has changed. All other limits hold, and who asks for the type next waits for this call. What Amazon
// refuses all the same is told as ever. It changes nothing for other calls.
func WithoutTypeLimit() CallOption { return func(c *call) { c.noTypeLimit = true } }

// WithSendNote calls f with true just before each attempt of the call is sent, when it has waited for its limits and has its token: a call whose process
// ends before was certainly not sent. It calls f with false when an attempt was certainly not carried out and the call waits to be repeated. An error of f ends
// the call with it, and nothing is sent. f is called from the goroutine of the call. Default: nobody is told.
func WithSendNote(f func(ctx context.Context, sending bool) error) CallOption {
	return func(c *call) { c.sendNote = f }
}

// WithPriority lets the call go before those of a lower priority that wait for the same rate limit, and the fetch of a restricted data token
// for it. Those of a lower one are let through now and then all the same. Default: 0; from -1000 to 1000, what lies beyond counts as the nearest.
func WithPriority(p int) CallOption { return func(c *call) { c.priority = p } }

// WithRestrictedData makes the call with a restricted data token, for personal data that the operation leaves
// out otherwise. elements are "buyerInfo", "shippingAddress" and "buyerTaxInformation"; none means all that the operation
// knows. The application needs a role for restricted data. Operations that always need such a token get it without this option. The sandbox
// needs none; with this option it gets one that production has issued.
func WithRestrictedData(elements ...string) CallOption {
	return func(c *call) {
		c.restricted = true
		c.elements = nil
		for _, e := range elements { // "buyerInfo,shippingAddress" does too
			for part := range strings.SplitSeq(e, ",") {
				if part = strings.TrimSpace(part); part != "" {
					c.elements = append(c.elements, part)
				}
			}
		}
	}
}

// WithReportType tells getReportDocument the type of the report, so that it fetches a restricted data token for the types that need one,
// outside the sandbox.
func WithReportType(reportType string) CallOption {
	return func(c *call) { c.reportType = reportType }
}

// WithGrantless makes the call with the application's own token of a scope, such as "sellingpartnerapi::notifications", though the operation is declared to
// want a seller's: Amazon's models don't tell all. The call then counts as the application's, not as the seller's.
func WithGrantless(scope string) CallOption { return func(c *call) { c.asks = &scope } }

// WithSellerToken makes the call with the seller's token, though the operation is declared to be grantless, and lets it count as the seller's.
func WithSellerToken() CallOption { return func(c *call) { c.asks = new(string) } }

// scope is that of the application's own token that the call goes with; "" for a seller's.
func (c *call) scope() string {
	if c.asks != nil {
		return *c.asks
	}
	return c.op.Grantless
}

// WithAccessToken makes the call with this access token or restricted data token in place of the client's own, for example one
// that another application delegated. It is not renewed.
func WithAccessToken(token string) CallOption {
	return func(c *call) {
		c.token = NewSecret(token)
		if token == "" || settings.Pasted(token) {
			c.err = &ConfigError{Code: CodeTokenInvalid, Field: "token",
				Want: "is empty or has spaces or quotes around or in it: want an access token, Atza|…, or a restricted data token, bare"}
		}
	}
}
