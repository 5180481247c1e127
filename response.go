package spapi

import (
	"cmp"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"strconv"
	"time"

	"github.com/openspapi/spapi/internal/wire"
)

// Date is a calendar date without a time zone. The first of March is Date{2026, time.March, 1}. Its fields are:
//
//	Year  int
//	Month time.Month
//	Day   int
//
// String and MarshalText write it as "2026-03-01", UnmarshalText reads that, and IsZero reports whether none is set.
type Date = wire.Date

// Warning is a value of a response that does not fit its type; the field keeps its zero value. Its fields are:
//
//	Path   string // JSON path from the top of the body, such as "payload.Orders[3].PurchaseDate", its names cut to 64 bytes
//	Reason string // what was expected, such as "not a date"
//	Value  string // the value as it came, cut to 64 bytes, without credentials
type Warning = wire.Warning

// ErrorItem is one entry of the error list that SP-API sends. Its fields are:
//
//	Code    string // such as "InvalidInput"
//	Message string
//	Details string // mostly empty
type ErrorItem = wire.Error

// Response is what a call met, beside its result; see [WithResponse]. It prints without the body.
type Response struct {
	Operation  string // "ordersv0.getOrders"; method and the head of the path where the operation is unknown
	StatusCode int    // of the last attempt; 0 if there was no answer
	Header     http.Header
	RequestID  string        // x-amzn-RequestId, which Amazon's support asks for
	RateLimit  float64       // x-amzn-RateLimit-Limit, requests per second; 0 if not sent
	Attempts   int           // how often the request was sent, or was about to be
	Waited     time.Duration // for the rate limit, over all attempts

	Warnings []Warning   // values that could not be read
	Errors   []ErrorItem // errors beside a result, as partial successes have them

	// Body is the body as it came, in memory of the caller's own: the result of the call shares none of it. In an error the credentials that it
	// echoes are replaced by "REDACTED". Nil for [Client.Do], unless [WithAPIErrors] read it.
	Body []byte

	typed  *typeGrant    // for GiveBack
	app    *App          // for Limits, as the next
	limits []LimitBucket // that the call took from, or waited for
}

// String leaves the body out, which may hold personal data.
func (r Response) String() string {
	return fmt.Sprintf("Response{%s %d request=%s attempts=%d waited=%s warnings=%d errors=%d body=%d bytes}",
		r.Operation, r.StatusCode, r.RequestID, r.Attempts, r.Waited, len(r.Warnings), len(r.Errors), len(r.Body))
}

// Format leaves the body out, whatever the verb.
func (r Response) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, r.String()) }

// LogValue leaves the body out.
func (r Response) LogValue() slog.Value { return slog.StringValue(r.String()) }

// fill writes the record of the call for the caller.
func (c *call) fill(r *Response) {
	*r = Response{Attempts: c.attempts, Waited: c.waited, Warnings: c.taken.Warnings, Errors: c.errors, Body: c.body, typed: c.typed,
		app: c.app, limits: c.limits}
	if c.op != nil {
		r.Operation = c.op.ID
	}
	if c.last != nil {
		r.StatusCode = c.last.StatusCode
		r.Header = c.last.Header
		r.RequestID = requestID(c.last.Header)
		r.RateLimit = rateLimit(c.last.Header)
	}
}

func requestID(h http.Header) string {
	return scrub(cmp.Or(h.Get("X-Amzn-Requestid"), h.Get("X-Amz-Request-Id"))) // what answers may be anybody's proxy
}

// rateLimit reads x-amzn-RateLimit-Limit, 0 if it is absent or makes no sense.
func rateLimit(h http.Header) float64 {
	rate, err := strconv.ParseFloat(h.Get("X-Amzn-Ratelimit-Limit"), 64)
	if err != nil || !(rate > 0 && rate <= 1e6) { // NaN is neither
		return 0
	}
	return rate
}
