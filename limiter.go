package spapi

import (
	"context"
	"fmt"
	"math"
	"slices"
	"strings"
	"sync"
	"time"
)

// Limiter makes calls wait until Amazon's usage plans allow them. One Limiter serves all clients of an [App], or of several
// processes. It must be safe for concurrent use.
type Limiter interface {
	// Wait takes one call from the bucket and returns when it may be sent, with the rate then in force, in requests per second.
	// Where the wait would outlast the deadline of ctx or w.Max it takes nothing and returns a *[LimitError] at once; when ctx ends
	// while waiting it takes nothing and returns the context's error.
	Wait(ctx context.Context, b Bucket, w Wait) (rate float64, err error)

	// Observe tells what came back for a call that Wait let through.
	Observe(b Bucket, o Observation)
}

// Bucket is what a limit counts, with the usage plan to start from.
type Bucket struct {
	App       string // client id
	Operation string
	Seller    string // a fingerprint or the caller's own id; "" for grantless operations and for limits over all sellers
	Region    string // "na", "eu", "fe", with "-sandbox" there
	Rate      float64
	Burst     int
}

// Wait bounds a wait.
type Wait struct {
	Max      time.Duration // the longest wait; negative: no bound
	Priority int           // higher goes first among those that wait
	Retry    bool          // the call was throttled or failed before
}

// Observation is what a reply told about a limit.
type Observation struct {
	Throttled bool          // the reply was 429: the bucket on Amazon's side is empty
	Rate      float64       // x-amzn-RateLimit-Limit, requests per second; 0 if not sent
	Latency   time.Duration // from the end of Wait to the reply
}

// LimitError is a call that was not sent because it would have had to wait too long for the rate limit.
type LimitError struct {
	Operation string
	Wait      time.Duration // how long the call would have had to wait
	Max       time.Duration // how long it could have waited
	Deadline  bool          // Max comes from the context's deadline; otherwise from WithFailFast
	Rate      float64       // requests per second
	Burst     int
	Retry     bool // an attempt before was throttled or failed
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
	return fmt.Sprintf("spapi: %s: the rate limit of %s requests per second (burst %d) makes the call wait %s%s, %s %s",
		e.Operation, formatRate(e.Rate), e.Burst, e.Wait.Round(time.Millisecond), again, bound, max(e.Max, 0).Round(time.Millisecond))
}

// Is makes errors.Is(err, context.DeadlineExceeded) true where the deadline was the reason.
func (e *LimitError) Is(target error) bool {
	return target == context.DeadlineExceeded && e.Deadline
}

func formatRate(rate float64) string {
	return strings.TrimRight(strings.TrimRight(fmt.Sprintf("%.4f", rate), "0"), ".")
}

// NewLimiter makes the limiter that an [App] has by default: in this process, first come, first served among equal priorities.
func NewLimiter() Limiter { return &limiter{buckets: map[bucketKey]*bucket{}} }

type bucketKey struct{ app, operation, seller, region string }

type limiter struct {
	mu      sync.RWMutex
	buckets map[bucketKey]*bucket
}

func (l *limiter) bucket(b *Bucket) *bucket {
	key := bucketKey{b.App, b.Operation, b.Seller, b.Region}
	l.mu.RLock()
	found := l.buckets[key]
	l.mu.RUnlock()
	if found != nil {
		return found
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if found = l.buckets[key]; found == nil {
		found = newBucket(b.Rate, b.Burst)
		l.buckets[key] = found
	}
	return found
}

func (l *limiter) Wait(ctx context.Context, b Bucket, w Wait) (float64, error) {
	return l.bucket(&b).wait(ctx, b.Operation, w)
}

func (l *limiter) Observe(b Bucket, o Observation) {
	l.bucket(&b).observe(time.Now(), o)
}

// bucket is a GCRA: instead of tokens it keeps the time at which the bucket will be full again. It is not golang.org/x/time/rate
// because that one fixes the time of a waiting call when the call starts to wait. Here a reply can move all who wait: by a 429, by another
// rate, by showing that Amazon's bucket lags behind ours.
type bucket struct {
	mu    sync.Mutex
	rate  float64
	step  time.Duration // one token's time, a little more than 1/rate
	burst int
	full  time.Time // when the bucket will be full again, if nothing more is taken
	queue []*waiter // by priority, then arrival

	// lag is how much later Amazon's bucket may fill up again than ours, and is part of full: Amazon takes a token when the request
	// arrives, by an unknown part of the latency after us. A call that uses the very last token is throttled unless that
	// is allowed for. The bound is the longest latency since the bucket was last full less the shortest ever.
	lag      time.Duration
	longest  time.Duration
	shortest time.Duration
	replies  int
}

type waiter struct {
	priority int
	wake     chan struct{}
}

// margin makes a token's time a little longer than 1/rate. Published figures are rounded (0.0167 for one a minute is 0.2 % too fast),
// clocks drift, and Amazon's own arithmetic may round a token down. It costs as much throughput.
const margin = 0.005

// interval is the time in which one token comes, 0 for an unknown rate.
func interval(rate float64) time.Duration {
	if rate <= 0 {
		return 0
	}
	d := math.Ceil(float64(time.Second) / rate * (1 + margin))
	return time.Duration(min(d, float64(365*24*time.Hour)))
}

func newBucket(rate float64, burst int) *bucket {
	if rate <= 0 {
		rate = defaultRate
	}
	return &bucket{rate: rate, step: interval(rate), burst: max(burst, 1)}
}

// delay is how long until n more calls may be sent.
func (b *bucket) delay(now time.Time, n int) time.Duration {
	return b.full.Add(time.Duration(n-b.burst) * b.step).Sub(now)
}

func (b *bucket) take(now time.Time) {
	if !b.full.After(now) {
		b.full = now
		b.lag, b.longest = 0, 0
	}
	b.full = b.full.Add(b.step)
}

func (b *bucket) wait(ctx context.Context, operation string, w Wait) (float64, error) {
	if err := ctx.Err(); err != nil {
		return 0, err
	}
	b.mu.Lock()
	now := time.Now()
	if len(b.queue) == 0 && b.delay(now, 1) <= 0 {
		b.take(now)
		rate := b.rate
		b.mu.Unlock()
		return rate, nil
	}
	place, _ := slices.BinarySearchFunc(b.queue, w.Priority, func(q *waiter, p int) int {
		if q.priority >= p { // behind those of the same priority
			return -1
		}
		return 1
	})
	delay := max(b.delay(now, place+1), 0)
	refusal := &LimitError{Operation: operation, Wait: delay, Rate: b.rate, Burst: b.burst, Retry: w.Retry}
	if w.Max >= 0 && delay > w.Max {
		refusal.Max = w.Max
		b.mu.Unlock()
		return 0, refusal
	}
	if deadline, ok := ctx.Deadline(); ok && delay > deadline.Sub(now) {
		refusal.Max, refusal.Deadline = deadline.Sub(now), true
		b.mu.Unlock()
		return 0, refusal
	}
	me := &waiter{priority: w.Priority, wake: make(chan struct{}, 1)}
	b.queue = slices.Insert(b.queue, place, me)
	if place == 0 && len(b.queue) > 1 {
		b.queue[1].poke() // no longer the first
	}
	b.mu.Unlock()
	return b.waitTurn(ctx, me)
}

// waitTurn lets only the first of the queue watch the clock; the others sleep until they are first.
func (b *bucket) waitTurn(ctx context.Context, me *waiter) (float64, error) {
	timer := time.NewTimer(time.Hour)
	defer timer.Stop()
	for {
		b.mu.Lock()
		var due <-chan time.Time
		if b.queue[0] == me {
			now := time.Now()
			delay := b.delay(now, 1)
			if delay <= 0 {
				b.take(now)
				rate := b.rate
				b.leave(me)
				b.mu.Unlock()
				return rate, nil
			}
			timer.Reset(delay)
			due = timer.C
		}
		b.mu.Unlock()
		select {
		case <-due:
		case <-me.wake:
		case <-ctx.Done():
			b.mu.Lock()
			b.leave(me)
			b.mu.Unlock()
			return 0, ctx.Err()
		}
	}
}

func (b *bucket) leave(w *waiter) {
	i := slices.Index(b.queue, w)
	b.queue = slices.Delete(b.queue, i, i+1)
	if i == 0 && len(b.queue) > 0 {
		b.queue[0].poke()
	}
}

func (w *waiter) poke() {
	select {
	case w.wake <- struct{}{}:
	default:
	}
}

// maxLag bounds what a single slow reply can hold up.
func (b *bucket) maxLag() time.Duration { return max(time.Second, b.step) }

func (b *bucket) observe(now time.Time, o Observation) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if o.Rate > 0 && o.Rate != b.rate {
		step := interval(o.Rate)
		if owed := b.full.Sub(now); owed > 0 { // the tokens that are missing stay the same
			b.full = now.Add(time.Duration(float64(owed) / float64(b.step) * float64(step)))
		}
		b.rate, b.step = o.Rate, step
	}
	b.longest = max(b.longest, o.Latency)
	if b.replies++; b.replies == 1 || o.Latency < b.shortest {
		b.shortest = o.Latency
	}
	lag := b.longest
	if b.replies > 1 { // a single reply may have been a slow one
		lag -= b.shortest
	}
	lag = min(lag, b.maxLag())
	b.full = b.full.Add(lag - b.lag)
	b.lag = lag
	if empty := now.Add(time.Duration(b.burst) * b.step); o.Throttled && b.full.Before(empty) {
		b.full = empty
	}
	if len(b.queue) > 0 {
		b.queue[0].poke()
	}
}
