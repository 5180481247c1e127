package desk

import (
	_ "embed"
	"errors"
	"fmt"
	"maps"
	"math"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/openspapi/spapi/emulator/internal/answer"
	"github.com/openspapi/spapi/emulator/internal/exchange"
	"github.com/openspapi/spapi/emulator/internal/format"
	"github.com/openspapi/spapi/emulator/internal/operations"
	"github.com/openspapi/spapi/emulator/internal/table"
	"github.com/openspapi/spapi/internal/catalog"
	"github.com/openspapi/spapi/marketplace"
)

// Limiter keeps a token bucket per operation, application and seller (developer-docs.amazon.com/sp-api/docs/usage-plans-and-rate-limits). The application's
// own are those of a region: each region's endpoint counts for itself, as it has destinations of its own.
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
	region    marketplace.Region // of an application's bucket; "" where the endpoint doesn't tell, and for sellers, who are of one region
}

// own is the key of a seller's bucket, or of the application's where there is no seller, for a request at an endpoint.
func own(operation string, seller int, sandbox bool, x *exchange.Exchange) bucketKey {
	if seller != noSeller {
		return bucketKey{operation: operation, seller: seller, sandbox: sandbox}
	}
	return bucketKey{operation, noSeller, sandbox, x.Region()}
}

// noSeller is for buckets that are no seller's.
const noSeller = -1

// bucket is an exact token bucket written as one time: the time at which it will be full again. Whole nanoseconds leave no room
// for the drift of a fraction that is added up.
type bucket struct{ full time.Time }

// take removes one token if there is one, and returns how many are left.
func (b *bucket) take(now time.Time, rate float64, burst int) (left int, ok bool) {
	every := interval(rate)
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

// giveBack undoes a take.
func (b *bucket) giveBack(rate float64) { b.full = b.full.Add(-interval(rate)) }

func interval(rate float64) time.Duration {
	return time.Duration(math.Round(float64(time.Second) / rate))
}

// The static and dynamic sandboxes have one limit for all operations: developer-docs.amazon.com/sp-api/docs/the-selling-partner-api-sandbox.
const (
	sandboxRate  = 5
	sandboxBurst = 15
)

// unlimitedRate is what the rate header says where there are no limits: the plan's would have clients that learn from it crawl. Amazon has no
// operation that is so fast, and no client gets there.
const unlimitedRate = 1_000_000

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
		if operations.Matches(ov.Pattern, op.ID) {
			rate, burst = ov.Rate, ov.Burst
		}
	}
	return rate, max(burst, 1)
}

// takeQuota takes one request from the buckets of an operation, or refuses as SP-API does: without Retry-After and without the
// rate header (selling-partner-api-docs#86, saleweaver/python-amazon-sp-api#1042).
func (l *Limiter) takeQuota(x *exchange.Exchange, op *catalog.Operation, seller int, sandbox bool) *answer.Error {
	rate, burst := l.plan(op, sandbox)
	if x.Rate = rate; l.off {
		x.Rate = unlimitedRate
	}
	if l.off || rate <= 0 {
		return nil
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	left, ok := l.bucket(own(op.ID, seller, sandbox, x)).take(x.Now, rate, burst)
	if ok && l.appLimits && op.AppRate > 0 && seller != noSeller {
		if _, ok = l.bucket(own(op.ID, noSeller, sandbox, x)).take(x.Now, op.AppRate, int(math.Ceil(op.AppRate))); !ok {
			x.Remaining = left
			for _, o := range ownLimits() {
				if o.when == "" && o.of(op) {
					return o.throttled()
				}
			}
		}
	}
	x.Remaining = left
	if ok {
		return nil
	}
	return answer.Throttled()
}

// ownLimit is a limit that some requests of an operation have beside its plan: a row of own_limits.csv, which says what is in it.
type ownLimit struct {
	operation, when string
	application     bool // over all sellers
	rate            float64
	burst           int
	message         string
}

//go:embed own_limits.csv
var ownLimitsCSV string

var ownLimits = sync.OnceValue(func() []ownLimit {
	var list []ownLimit
	for _, row := range table.Read("own_limits.csv", ownLimitsCSV) {
		o := ownLimit{operation: row[0], when: row[1], application: row[2] == "application", message: row[5]}
		if row[3] != "" {
			var problem [2]error
			o.rate, problem[0] = strconv.ParseFloat(row[3], 64)
			o.burst, problem[1] = strconv.Atoi(row[4])
			if err := errors.Join(problem[:]...); err != nil {
				table.Refuse("own_limits.csv", err.Error())
			}
		}
		if !operations.Served(o.operation) || o.application == (row[2] == "seller") {
			table.Refuse("own_limits.csv", strings.Join(row, ","))
		}
		list = append(list, o)
	}
	return list
})

// holds tells whether a request is one that the limit is for.
func (o *ownLimit) holds(c *Call) bool {
	kind, rest, _ := strings.Cut(o.when, " ")
	name, value, _ := strings.Cut(rest, "=")
	if kind == "query" {
		return c.Query.Get(name) == value
	}
	names, beyond := strings.CutPrefix(rest, "beyond ")
	listed := strings.Split(names, ";")
	return slices.ContainsFunc(submittedAttributes(c.Body), func(a string) bool { return slices.Contains(listed, a) != beyond })
}

// submittedAttributes are the names of those that a submission of a listing puts or patches.
func submittedAttributes(body any) []string {
	m, _ := body.(map[string]any)
	attributes, _ := m["attributes"].(map[string]any)
	names := slices.Collect(maps.Keys(attributes))
	for _, p := range format.List(m["patches"]) {
		names = append(names, strings.TrimPrefix(format.Member(p, "path"), "/attributes/"))
	}
	return names
}

// of tells whether an operation has the limit.
func (o *ownLimit) of(op *catalog.Operation) bool { return operations.Matches(o.operation, op.ID) }

// throttled is the 429 in the limit's words.
func (o *ownLimit) throttled() *answer.Error {
	e := answer.Throttled()
	if o.message != "" {
		e.Message = &o.message
	}
	return e
}

// takeOwnQuota takes one request from each of the operation's own limits that hold for a request that has been found in order. The sandbox has no
// such limits, and neither has an operation whose limit was set by hand. That a refused request counts for the operation is assumed.
func (l *Limiter) takeOwnQuota(c *Call) *answer.Error {
	set := func(o LimitOverride) bool { return operations.Matches(o.Pattern, c.Op.ID) }
	if l.off || c.Sandbox || slices.ContainsFunc(l.overrides, set) {
		return nil
	}
	for _, o := range ownLimits() {
		if !o.of(c.Op) || o.rate == 0 || o.application && !l.appLimits || !o.holds(c) {
			continue
		}
		seller := noSeller
		if !o.application {
			seller = c.Seller.Number
		}
		l.mu.Lock()
		_, ok := l.bucket(own(c.Op.ID+" "+o.when, seller, false, c.Exchange)).take(c.Now, o.rate, o.burst)
		l.mu.Unlock()
		if !ok {
			return o.throttled()
		}
	}
	return nil
}

// takeTypeQuota takes one request from the limit of the type of reports or feeds that is asked for, or refuses. The sandbox has no such limits, and neither
// has an operation whose limit was set by hand. undo gives it back, of a request that is refused for another reason: that those don't count is assumed.
func (l *Limiter) takeTypeQuota(c *Call) (undo func(), err *answer.Error) {
	undo = func() {}
	byHand := func(o LimitOverride) bool { return operations.Matches(o.Pattern, c.Op.ID) }
	if len(c.Op.TypeLimits) == 0 || l.off || c.Sandbox || slices.ContainsFunc(l.overrides, byHand) {
		return undo, nil
	}
	name := format.Member(c.Body, c.Op.TypeLimits[0].Field)
	i := slices.IndexFunc(c.Op.TypeLimits, func(t catalog.TypeLimit) bool { return t.Type == name })
	if i < 0 {
		return undo, nil
	}
	t := &c.Op.TypeLimits[i]
	if t.FromMade || c.Now.UTC().Format(time.DateOnly) < t.Since {
		return undo, nil // what is made only now and then is a matter of the making
	}
	seller := noSeller
	if !t.Application {
		seller = c.Seller.Number
	}
	key := own(c.Op.ID+" "+t.Type, seller, false, c.Exchange)
	l.mu.Lock()
	defer l.mu.Unlock()
	rate := float64(t.Calls) / t.Window().Seconds()
	if _, ok := l.bucket(key).take(c.Now, rate, t.Calls); !ok {
		return undo, answer.Throttled()
	}
	return func() {
		l.mu.Lock()
		defer l.mu.Unlock()
		l.bucket(key).giveBack(rate)
	}, nil
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
		list = append(list, bucketState{k.operation, numberOrNil(k.seller), k.sandbox, k.region, b.full.UTC()})
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
	l.buckets[bucketKey{s.Operation, seller, s.Sandbox, s.Region}] = &bucket{s.Full}
}

func compareBuckets(a, b *bucketState) int {
	key := func(s *bucketState) string {
		number := -1
		if s.Account != nil {
			number = *s.Account
		}
		return fmt.Sprintf("%s %09d %v %s", s.Operation, number, s.Sandbox, s.Region)
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
