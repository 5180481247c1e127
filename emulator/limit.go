package emulator

import (
	"fmt"
	"math"
	"net/http"
	"path"
	"slices"
	"sync"
	"time"

	"github.com/openspapi/spapi/internal/catalog"
)

// limiter keeps a token bucket per operation, application and seller
// (developer-docs.amazon.com/sp-api/docs/usage-plans-and-rate-limits).
type limiter struct {
	off       bool
	appLimits bool
	overrides []limitOverride

	mu      sync.Mutex
	buckets map[bucketKey]*bucket
}

type limitOverride struct {
	pattern string
	rate    float64
	burst   int
}

type bucketKey struct {
	operation string
	account   *account // nil: of the application itself, or over all its sellers
	sandbox   bool
}

// bucket is an exact token bucket written as one time: the time at which it will be full again. Whole nanoseconds leave no room
// for the drift of a fraction that is added up.
type bucket struct{ full time.Time }

// take removes one token if there is one, and returns how many are left.
func (b *bucket) take(now time.Time, rate float64, burst int) (left int, ok bool) {
	every := time.Duration(math.Round(float64(time.Second) / rate))
	if b.full.Before(now) {
		b.full = now
	}
	room := time.Duration(burst)*every - b.full.Sub(now) // worth of tokens that are there
	if room < every {
		return 0, false
	}
	b.full = b.full.Add(every)
	return int((room - every) / every), true
}

// The static and dynamic sandboxes have one limit for all operations: developer-docs.amazon.com/sp-api/docs/the-selling-partner-api-sandbox.
const (
	sandboxRate  = 5
	sandboxBurst = 15
)

func newLimiter(o options) (*limiter, error) {
	l := &limiter{off: !o.limits, appLimits: o.appLimits, overrides: o.overrides, buckets: map[bucketKey]*bucket{}}
	for _, ov := range o.overrides {
		if ov.rate <= 0 || ov.burst < 1 {
			return nil, fmt.Errorf("emulator: limit for %q is %v per second with burst %d: want more than 0 and at least 1", ov.pattern, ov.rate, ov.burst)
		}
		if !matchesAny(ov.pattern) {
			return nil, fmt.Errorf("emulator: limit for %q: no such operation; want an ID such as ordersv0.getOrders, or a pattern with asterisks", ov.pattern)
		}
	}
	return l, nil
}

func matchesAny(pattern string) bool {
	for _, ops := range [][]catalog.Operation{catalog.Operations(), removedOperations} {
		for i := range ops {
			if ok, err := path.Match(pattern, ops[i].ID); ok && err == nil {
				return true
			}
		}
	}
	return false
}

// plan returns the usage plan that holds for an operation.
func (l *limiter) plan(op *catalog.Operation, sandbox bool) (rate float64, burst int) {
	rate, burst = op.Rate, op.Burst
	if sandbox {
		rate, burst = sandboxRate, sandboxBurst
	}
	for _, ov := range l.overrides {
		if ok, _ := path.Match(ov.pattern, op.ID); ok {
			rate, burst = ov.rate, ov.burst
		}
	}
	return rate, max(burst, 1)
}

// takeQuota takes one request from the buckets of an operation, or refuses as SP-API does: without Retry-After and without the
// rate header (selling-partner-api-docs#86, saleweaver/python-amazon-sp-api#1042).
func (e *Emulator) takeQuota(x *exchange, op *catalog.Operation, sandbox bool) *apiError {
	l := e.limits
	rate, burst := l.plan(op, sandbox)
	if x.rate = rate; op.SandboxOnly && len(op.RateHeader) == 0 {
		x.rate = 0 // no header: the models declare none for these
	}
	if l.off || rate <= 0 {
		return nil
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	left, ok := l.bucket(bucketKey{op.ID, x.grant.account, sandbox}).take(x.now, rate, burst)
	if ok && l.appLimits && op.AppRate > 0 && x.grant.account != nil {
		_, ok = l.bucket(bucketKey{op.ID, nil, sandbox}).take(x.now, op.AppRate, int(math.Ceil(op.AppRate)))
	}
	x.remaining = left
	if ok {
		return nil
	}
	return throttled()
}

// takeOwnQuota takes one request from a bucket that an operation has for one kind of body, and tells whether there was one. The sandbox has no
// such limits, and neither has an operation whose limit was set by hand.
func (c *call) takeOwnQuota(kind string, rate float64, burst int) bool {
	l := c.emu.limits
	set := func(o limitOverride) bool { ok, _ := path.Match(o.pattern, c.op.ID); return ok }
	if l.off || c.sandbox || slices.ContainsFunc(l.overrides, set) {
		return true
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	_, ok := l.bucket(bucketKey{c.op.ID + " " + kind, c.account, false}).take(c.now, rate, burst)
	return ok
}

func throttled() *apiError {
	message, details := "You exceeded your quota for the requested resource.", ""
	return &apiError{status: http.StatusTooManyRequests, code: "QuotaExceeded", message: &message, details: &details, kind: "TooManyRequestsException"}
}

// bucket wants l.mu held.
func (l *limiter) bucket(k bucketKey) *bucket {
	b := l.buckets[k]
	if b == nil {
		b = &bucket{}
		l.buckets[k] = b
	}
	return b
}
