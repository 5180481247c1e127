package desk

import (
	"fmt"
	"math"
	"path"
	"slices"
	"sync"
	"time"

	"github.com/openspapi/spapi/emulator/internal/answer"
	"github.com/openspapi/spapi/emulator/internal/exchange"
	"github.com/openspapi/spapi/emulator/internal/operations"
	"github.com/openspapi/spapi/internal/catalog"
)

// Limiter keeps a token bucket per operation, application and seller
// (developer-docs.amazon.com/sp-api/docs/usage-plans-and-rate-limits).
type Limiter struct {
	off       bool
	appLimits bool
	overrides []LimitOverride

	mu      sync.Mutex
	buckets map[bucketKey]*bucket
}

// LimitOverride sets the usage plan of the operations that a pattern matches.
type LimitOverride struct {
	Pattern string
	Rate    float64 // requests per second
	Burst   int
}

type bucketKey struct {
	operation string
	seller    int // noSeller: of the application itself, or over all its sellers
	sandbox   bool
}

// noSeller is for buckets that are no seller's.
const noSeller = -1

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

func newLimiter(o Options) (*Limiter, error) {
	l := &Limiter{off: o.NoLimits, appLimits: o.AppLimits, overrides: o.Overrides, buckets: map[bucketKey]*bucket{}}
	for _, ov := range o.Overrides {
		if ov.Rate <= 0 || ov.Burst < 1 {
			return nil, fmt.Errorf("emulator: limit for %q is %v per second with burst %d: want more than 0 and at least 1", ov.Pattern, ov.Rate, ov.Burst)
		}
		if !operations.Served(ov.Pattern) {
			return nil, fmt.Errorf("emulator: limit for %q: no such operation; want an ID such as ordersv0.getOrders, or a pattern with asterisks", ov.Pattern)
		}
	}
	return l, nil
}

// plan returns the usage plan that holds for an operation.
func (l *Limiter) plan(op *catalog.Operation, sandbox bool) (rate float64, burst int) {
	rate, burst = op.Rate, op.Burst
	if sandbox {
		rate, burst = sandboxRate, sandboxBurst
	}
	for _, ov := range l.overrides {
		if ok, _ := path.Match(ov.Pattern, op.ID); ok {
			rate, burst = ov.Rate, ov.Burst
		}
	}
	return rate, max(burst, 1)
}

// takeQuota takes one request from the buckets of an operation, or refuses as SP-API does: without Retry-After and without the
// rate header (selling-partner-api-docs#86, saleweaver/python-amazon-sp-api#1042).
func (l *Limiter) takeQuota(x *exchange.Exchange, op *catalog.Operation, seller int, sandbox bool) *answer.Error {
	rate, burst := l.plan(op, sandbox)
	x.Rate = rate
	if l.off || rate <= 0 {
		return nil
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	left, ok := l.bucket(bucketKey{op.ID, seller, sandbox}).take(x.Now, rate, burst)
	if ok && l.appLimits && op.AppRate > 0 && seller != noSeller {
		_, ok = l.bucket(bucketKey{op.ID, noSeller, sandbox}).take(x.Now, op.AppRate, int(math.Ceil(op.AppRate)))
	}
	x.Remaining = left
	if ok {
		return nil
	}
	return answer.Throttled()
}

// TakeOwnQuota takes one request from a bucket that an operation has for one kind of body, and tells whether there was one. The sandbox has no
// such limits, and neither has an operation whose limit was set by hand.
func (c *Call) TakeOwnQuota(kind string, rate float64, burst int) bool {
	l := c.Desk.limits
	set := func(o LimitOverride) bool { ok, _ := path.Match(o.Pattern, c.Op.ID); return ok }
	if l.off || c.Sandbox || slices.ContainsFunc(l.overrides, set) {
		return true
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	_, ok := l.bucket(bucketKey{c.Op.ID + " " + kind, c.Seller.Number, false}).take(c.Now, rate, burst)
	return ok
}

// bucket wants l.mu held.
func (l *Limiter) bucket(k bucketKey) *bucket {
	b := l.buckets[k]
	if b == nil {
		b = &bucket{}
		l.buckets[k] = b
	}
	return b
}

// save returns the buckets in a set order. The limiter's lock is its own.
func (l *Limiter) save() []bucketState {
	l.mu.Lock()
	defer l.mu.Unlock()
	var list []bucketState
	for k, b := range l.buckets {
		list = append(list, bucketState{k.operation, numberOrNil(k.seller), k.sandbox, b.full.UTC()})
	}
	slices.SortFunc(list, func(a, b bucketState) int { return compareBuckets(&a, &b) })
	return list
}

// numberOrNil is a seller's number as exports have it.
func numberOrNil(n int) *int {
	if n == noSeller {
		return nil
	}
	return &n
}

// load puts a bucket back.
func (l *Limiter) load(s bucketState) {
	l.mu.Lock()
	defer l.mu.Unlock()
	seller := noSeller
	if s.Account != nil {
		seller = *s.Account
	}
	l.buckets[bucketKey{s.Operation, seller, s.Sandbox}] = &bucket{s.Full}
}

func compareBuckets(a, b *bucketState) int {
	key := func(s *bucketState) string {
		number := -1
		if s.Account != nil {
			number = *s.Account
		}
		return fmt.Sprintf("%s %09d %v", s.Operation, number, s.Sandbox)
	}
	switch ka, kb := key(a), key(b); {
	case ka < kb:
		return -1
	case ka > kb:
		return 1
	}
	return 0
}

func (l *Limiter) clear() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.buckets = map[bucketKey]*bucket{}
}
