package spapi

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"
)

// Limiter makes calls wait until Amazon's usage plans allow them. One Limiter serves all clients of an [App], or of several
// processes. It must be safe for concurrent use; package fleet/fleettest has the suite that every limiter passes.
type Limiter interface {
	// Wait takes one call from every bucket of the request, or from none, and returns when the call may be sent. A request that names no
	// bucket, or whose buckets aren't one per scope, narrow to wide, is an error.
	//
	// Among the calls that wait for a bucket a higher priority goes first, then who came first; in a wider bucket the narrower ones take turns
	// among equals, so that a seller with one call has its share beside one with a hundred. Waiting raises the priority: below others that never end,
	// on three levels, the first of a lower level is let through within 20 calls. A call waits for its narrowest bucket first: only the first of
	// those who wait there has a place in a wider one, and only while the narrower ones have a token for it.
	//
	// Where the wait for all of the buckets would outlast the deadline of ctx or r.MaxWait it takes nothing and returns a *[LimitError] at
	// once. That is an estimate: those who come later and go before, a 429 and a lower rate make the wait longer. When r.MaxWait has passed
	// without a grant it takes nothing and returns a *[LimitError]; when ctx ends while waiting it takes nothing and returns the context's error.
	Wait(ctx context.Context, r LimitRequest) (LimitGrant, error)

	// Observe tells what came back for a call that Wait let through. An error is logged and fails no call; a rate that is absurd is one, told once for
	// each bucket and rate, and the rest of the reply counts. ctx is the call's and may have ended.
	Observe(ctx context.Context, g LimitGrant, r LimitReply) error
}

// LimitRequest asks for one call.
type LimitRequest struct {
	// Buckets are those that the call takes from, one per scope, in ascending order of scope: narrow to wide.
	Buckets  []LimitBucket
	MaxWait  time.Duration // the longest wait; negative: no bound but the deadline of the context
	Priority int           // higher goes first among those that wait; -1000 to 1000, what lies beyond counts as the nearest
	Retry    bool          // an attempt of the call before was throttled or failed
}

// LimitBucket is one of Amazon's token buckets, with the usage plan to start from. All but Rate and Burst tells which one it is.
type LimitBucket struct {
	App       string // client id
	Region    string // "na", "eu", "fe", with "-sandbox" there
	Operation string // the same in all buckets of a call
	Scope     LimitScope
	Seller    string // the seller's id, or a fingerprint of the refresh token; "" for grantless operations and in wider scopes
	Type      string // of the report or feed, in the scope LimitPerType

	// Alias is a fingerprint of the refresh token where Seller is the seller's id: clients that know the token alone name the seller by it. A bucket
	// that a limiter was asked for with both is found by either from then on, with what was taken from it, and who waits for it, by the alias before.
	// A seller may have several, one for each token.
	Alias string

	Rate   float64 // requests per second
	Burst  int
	Window time.Duration // if above 0: Burst calls in any span of this length, whatever Rate is and replies tell
}

// LimitScope is whose calls a bucket counts.
type LimitScope int8

// The scopes, narrow to wide.
const (
	LimitPerType        LimitScope = iota - 1 // those for one type of reports or feeds, of one seller or, without Seller, of all
	LimitPerSeller                            // those of one seller; of the application itself for grantless operations
	LimitPerApplication                       // those of all sellers of the application
)

const limitScopes = 3

var _ [limitScopes]int64 = LimitGrant{}.Takes // as long as there are scopes

func (s LimitScope) String() string {
	switch s {
	case LimitPerType:
		return "type"
	case LimitPerSeller:
		return "seller"
	case LimitPerApplication:
		return "application"
	}
	return fmt.Sprintf("LimitScope(%d)", int8(s))
}

// LimitGrant is a call that was let through.
type LimitGrant struct {
	Buckets []LimitBucket // of the request
	Rate    float64       // of the first of them that is not per type, as it was in force, in requests per second
	// Takes are the ordinal numbers of this take in Buckets: how often the limiter has taken from each since it knows it, this time included; it may
	// forget those that have long been full. There is room for one bucket per scope.
	Takes [3]int64
}

// LimitReply is what a reply told about the limits of its call. Latency concerns all of the call's buckets. Throttled and Rate concern the
// one per seller: the header tells the rate of application and seller, and which bucket a 429 comes from nobody tells, so the
// larger ones are left alone.
type LimitReply struct {
	Latency   time.Duration // from the end of Wait to the reply; negative: none came, and only Refused counts
	Throttled bool          // the reply was 429: the bucket on Amazon's side is empty

	// Rate is x-amzn-RateLimit-Limit, requests per second; 0 if not sent, NaN if it is no rate. Limiters believe it between 1/100 and 100 times
	// that of the [LimitBucket], and whatever it is in a reply that is Emulated.
	Rate float64

	// Refused tells that nothing is known to have come of the request: it failed, or no answer came. It doesn't count for limits per type: a token bucket
	// takes the token back if nobody took one since, a window forgets the call. A report may have come of it all the same; but to ask once too often costs
	// a refusal, while to wait after one that there isn't may cost hours.
	Refused bool

	// Unasked tells of a call that was sent without [Limiter.Wait], in spite of these limits: it is taken from the buckets of the grant, whatever they
	// hold, and those who wait for them wait for what it leaves. Nothing else of grant and reply counts. See [WithoutTypeLimit].
	Unasked bool

	// Emulated tells that package emulator replied: its limits may be any, or none, which it tells as a million requests per second.
	Emulated bool
}

// Check finds requests that would wait for each other for ever: all must name their buckets in one order, and each once. Every Wait begins with it.
func (r *LimitRequest) Check() error {
	if len(r.Buckets) == 0 {
		return errors.New("spapi: limit request: it names no bucket")
	}
	for i, b := range r.Buckets {
		if b.Scope < LimitPerType || b.Scope > LimitPerApplication || i > 0 && b.Scope <= r.Buckets[i-1].Scope {
			return fmt.Errorf("spapi: limit request: bucket %d of %s has the scope %s: want one bucket per scope, narrow to wide", i, b.Operation, b.Scope)
		}
	}
	return nil
}

// LimitError is a call, or with Retry the repeat of one, that was not sent because it would have had to wait too long for the rate limit.
type LimitError struct {
	Operation string

	// Wait is how long the call would have had to wait, for all of its limits together, as estimated when it came or gave up: if nobody else came, all
	// others stayed, rates stayed the same and replies came as usual. Where that holds it is right to one token's time, and to a tenth behind
	// more than some hundred sellers or calls. Behind calls for a type's bucket over all sellers it is right to three.
	Wait time.Duration

	Max      time.Duration // how long it could have waited
	Deadline bool          // Max comes from the context's deadline; otherwise from WithFailFast
	Scope    LimitScope    // of the limit that makes it wait longest
	Type     string        // of that limit, where it is per type
	Rate     float64       // of that limit, requests per second
	Burst    int           // of that limit
	Window   time.Duration // of that limit; above 0: Burst calls in any span of this length
	Retry    bool          // an attempt before was throttled or failed
}

func (e *LimitError) Error() string {
	bound := "WithFailFast allows"
	if e.Deadline {
		bound = "the context's deadline leaves"
	}
	again := ""
	if e.Retry {
		again = " before it is repeated"
	}
	return fmt.Sprintf("spapi: %s: %s makes the call wait %s%s, %s %s",
		e.Operation, e.Limit(), e.Wait.Round(time.Millisecond), again, bound, max(e.Max, 0).Round(time.Millisecond))
}

// Limit names the limit for people: "the limit of one GET_SALES_AND_TRAFFIC_REPORT per 15 minutes", "the rate limit of 2 requests per second
// (burst 10)".
func (e *LimitError) Limit() string {
	whose := ""
	if e.Scope == LimitPerApplication {
		whose = " over all sellers of the application"
	}
	calls, what := strconv.Itoa(e.Burst), "requests"
	if e.Burst == 1 {
		calls, what = "one", "request"
	}
	if e.Scope == LimitPerType {
		var marketplaces string
		if what, marketplaces, _ = strings.Cut(e.Type, "/"); marketplaces != "" {
			whose = " for " + strings.ReplaceAll(marketplaces, ",", ", ")
		}
	}
	if e.Window > 0 {
		return "the limit of " + calls + " " + what + " per " + spoken(e.Window) + whose
	}
	if e.Scope == LimitPerType {
		whose = " for " + what + whose
	}
	return fmt.Sprintf("the rate limit of %s requests per second (burst %d)%s", formatRate(e.Rate), e.Burst, whose)
}

// spoken is a duration in words where it is a whole number of something: "15 minutes", "4 hours and 5 minutes".
func spoken(d time.Duration) string {
	for _, unit := range []struct {
		of   time.Duration
		name string
	}{{time.Hour, "hour"}, {time.Minute, "minute"}, {time.Second, "second"}} {
		switch n := d / unit.of; {
		case d%unit.of != 0:
			if unit.of == time.Hour && n > 0 && d%time.Minute == 0 {
				return fmt.Sprintf("%s and %s", counted(int(n), unit.name), counted(int(d%unit.of/time.Minute), "minute"))
			}
		case n == 1:
			return unit.name
		default:
			return counted(int(n), unit.name)
		}
	}
	return d.String()
}

// Is makes errors.Is(err, context.DeadlineExceeded) true where the deadline was the reason.
func (e *LimitError) Is(target error) bool {
	return target == context.DeadlineExceeded && e.Deadline
}

func formatRate(rate float64) string {
	if 0 < rate && rate < 0.01 {
		return strconv.FormatFloat(rate, 'g', 4, 64) // four places would leave nothing of it
	}
	return strings.TrimRight(strings.TrimRight(fmt.Sprintf("%.4f", rate), "0"), ".")
}
