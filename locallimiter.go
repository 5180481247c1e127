package spapi

import (
	"context"
	"slices"
	"sync"
	"time"
)

// NewLimiter makes the limiter that an [App] has by default: in this process.
func NewLimiter() Limiter { return &limiter{buckets: map[bucketKey]*bucket{}} }

type bucketKey struct {
	app, region, operation, seller string
	scope                          LimitScope
}

// limiter has one lock for all buckets: a call takes from several in one step, and what is done under the lock is short beside a request.
type limiter struct {
	mu      sync.Mutex
	buckets map[bucketKey]*bucket
	arrival uint64 // of the last who joined a queue
}

// callBuckets are the buckets of one call, narrow to wide, then nil.
type callBuckets [limitScopes]*bucket

// waiter is a call that waits. It is in the queue of its narrowest bucket, and in that of a wider one as long as it is the first in the narrower
// ones and they have a token for it. So nobody holds up a bucket while waiting for a narrower one, and since all go
// narrow to wide, nobody waits in a circle.
type waiter struct {
	buckets  callBuckets
	priority int
	wake     chan struct{}
	waits    [limitScopes]bool   // whether it is in the queue
	arrived  [limitScopes]uint64 // in the queue, for the first time: who had to leave comes back to the same place
}

func (l *limiter) find(b *LimitBucket, add bool) *bucket {
	key := bucketKey{b.App, b.Region, b.Operation, b.Seller, b.Scope}
	found := l.buckets[key]
	if found == nil && add {
		found = newBucket(b)
		l.buckets[key] = found
	}
	return found
}

func (l *limiter) Wait(ctx context.Context, r LimitRequest) (LimitGrant, error) {
	if err := r.check(); err != nil {
		return LimitGrant{}, err
	}
	if err := ctx.Err(); err != nil {
		return LimitGrant{}, err
	}
	grant := LimitGrant{Buckets: r.Buckets}
	l.mu.Lock()
	var buckets callBuckets
	for i := range r.Buckets {
		buckets[i] = l.find(&r.Buckets[i], true)
	}
	now := time.Now()
	if buckets.free(now) {
		buckets.take(now, &grant)
		l.mu.Unlock()
		return grant, nil
	}
	if refusal := buckets.refuse(ctx, now, &r); refusal != nil {
		l.mu.Unlock()
		return LimitGrant{}, refusal
	}
	w := &waiter{buckets: buckets, priority: r.Priority, wake: make(chan struct{}, 1)}
	l.join(w, 0)
	l.mu.Unlock()
	if err := l.await(ctx, w, &r, &grant); err != nil {
		return LimitGrant{}, err
	}
	return grant, nil
}

func (l *limiter) Observe(_ context.Context, g LimitGrant, r LimitReply) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	now := time.Now()
	for i := range g.Buckets {
		b := l.find(&g.Buckets[i], false)
		if b == nil {
			continue // never taken from
		}
		if b.scope == LimitPerSeller {
			b.observe(now, r)
		} else {
			b.observe(now, LimitReply{Latency: r.Latency})
		}
		if len(b.queue) > 0 {
			b.queue[0].poke()
		}
	}
	return nil
}

// free reports whether a call may be sent at once without overtaking anybody.
func (c *callBuckets) free(now time.Time) bool {
	for _, b := range c {
		if b != nil && (len(b.queue) > 0 || b.delay(now, 1) > 0) {
			return false
		}
	}
	return true
}

func (c *callBuckets) take(now time.Time, g *LimitGrant) {
	g.Rate = c[0].rate
	for i, b := range c {
		if b != nil {
			b.take(now)
			g.Takes[i] = b.takes
		}
	}
}

// refuse tells a call whose wait would be longer than it may be.
func (c *callBuckets) refuse(ctx context.Context, now time.Time, r *LimitRequest) error {
	deadline, bounded := ctx.Deadline()
	if r.MaxWait < 0 && !bounded {
		return nil
	}
	wait, b := c.estimate(now, r.Priority)
	e := b.refusal(r, wait)
	switch {
	case r.MaxWait >= 0 && wait > r.MaxWait:
	case bounded && wait > deadline.Sub(now):
		e.Max, e.Deadline = deadline.Sub(now), true
	default:
		return nil
	}
	return e
}

// refusal is that of a call which this bucket makes wait longest.
func (b *bucket) refusal(r *LimitRequest, wait time.Duration) *LimitError {
	return &LimitError{Operation: r.Buckets[0].Operation, Wait: wait, Max: r.MaxWait, Scope: b.scope, Rate: b.rate, Burst: b.burst, Retry: r.Retry}
}

// left is how long a call that waits will at least wait further: until each of its buckets has a token for it and for those before it in its own
// queue; and the bucket that makes it wait longest.
func (w *waiter) left(now time.Time) (wait time.Duration, longest *bucket) {
	longest = w.buckets[0]
	place := slices.Index(longest.queue, w)
	for _, b := range w.buckets {
		if b == nil {
			continue
		}
		if longer := b.delay(now, place+1); longer > wait {
			wait, longest = longer, b
		}
	}
	return wait, longest
}

// estimate is how long a call that comes now will wait, and the bucket that makes it wait longest. In the narrowest bucket it has its
// place behind all of its priority and above. In a wider one the narrower ones take turns: before it go those that are ahead of it in its own, and
// of every other as many as have their turn and pass their own bucket by then.
func (c *callBuckets) estimate(now time.Time, priority int) (wait time.Duration, longest *bucket) {
	own := c[0]
	higher, equal := own.ahead(priority)
	wait, longest = max(own.delay(now, higher+equal+1), 0), own
	for i, wide := range c {
		if i == 0 || wide == nil {
			continue
		}
		for {
			n := higher + equal
			mine := own.turn(i, priority)
			for _, other := range wide.feeders {
				if other == own {
					continue
				}
				h, e := other.ahead(priority)
				turns := equal
				if theirs := other.turn(i, priority); theirs != nil && (mine == nil || theirs.arrived[i] < mine.arrived[i]) {
					turns++
				}
				n += min(h+min(e, turns), other.passes(now, wait))
			}
			longer := wide.delay(now, n+1)
			if longer <= wait {
				break
			}
			wait, longest = longer, wide // in which others pass more
		}
	}
	return wait, longest
}

// ahead is how many wait with a higher priority, and with the same.
func (b *bucket) ahead(priority int) (higher, equal int) {
	higher, _ = slices.BinarySearchFunc(b.queue, priority, func(q *waiter, p int) int { return before(q.priority > p) })
	to, _ := slices.BinarySearchFunc(b.queue, priority, func(q *waiter, p int) int { return before(q.priority >= p) })
	return higher, to - higher
}

// turn is the waiter of this priority that has the bucket's place in the queue of its i-th, wider one.
func (b *bucket) turn(i, priority int) *waiter {
	if len(b.queue) == 0 || b.queue[0].priority != priority || !b.queue[0].waits[i] {
		return nil
	}
	return b.queue[0]
}

func before(yes bool) int {
	if yes {
		return -1
	}
	return 1
}

// await waits for its turn. Only the first of a queue watches the clock; the others sleep until they are first. What was estimated at arrival
// may have become longer, by a 429, by another rate, by those who go before: the bound holds all the same.
func (l *limiter) await(ctx context.Context, w *waiter, r *LimitRequest, g *LimitGrant) error {
	timer := time.NewTimer(time.Hour)
	defer timer.Stop()
	var bound <-chan time.Time
	if r.MaxWait >= 0 {
		t := time.NewTimer(r.MaxWait)
		defer t.Stop()
		bound = t.C
	}
	for late := false; ; {
		l.mu.Lock()
		now := time.Now()
		first, delay := l.advance(w, now)
		if first && delay <= 0 {
			w.buckets.take(now, g)
			l.leave(w, 0)
			l.mu.Unlock()
			return nil
		}
		if late {
			left, b := w.left(now)
			l.leave(w, 0)
			l.mu.Unlock()
			return b.refusal(r, r.MaxWait+left)
		}
		l.mu.Unlock()
		var due <-chan time.Time
		if first {
			timer.Reset(delay)
			due = timer.C
		}
		select {
		case <-due:
		case <-w.wake:
		case <-bound:
			late = true
		case <-ctx.Done():
			l.mu.Lock()
			l.leave(w, 0)
			l.mu.Unlock()
			return ctx.Err()
		}
	}
}

// advance goes from bucket to bucket as far as it gets, and leaves those behind the one where it has to wait. It reports whether it is
// the first there, and when that bucket has a token for it.
func (l *limiter) advance(w *waiter, now time.Time) (first bool, delay time.Duration) {
	for i, b := range w.buckets {
		if b == nil {
			break
		}
		l.join(w, i)
		first, delay = b.queue[0] == w, b.delay(now, 1)
		if !first || delay > 0 {
			l.leave(w, i+1)
			break
		}
	}
	return first, delay
}

func (l *limiter) join(w *waiter, i int) {
	if w.waits[i] {
		return
	}
	w.waits[i] = true
	if w.arrived[i] == 0 {
		l.arrival++
		w.arrived[i] = l.arrival
	}
	b := w.buckets[i]
	place, _ := slices.BinarySearchFunc(b.queue, w, func(q, w *waiter) int {
		return before(q.priority > w.priority || q.priority == w.priority && q.arrived[i] < w.arrived[i])
	})
	b.queue = slices.Insert(b.queue, place, w) // who was the first sees it when its time has come
	for _, wide := range w.buckets[1:] {
		if i == 0 && wide != nil && !slices.Contains(b.feeds, wide) {
			b.feeds = append(b.feeds, wide)
			wide.feeders = append(wide.feeders, b)
		}
	}
}

// leave takes w out of the queues from the i-th on.
func (l *limiter) leave(w *waiter, i int) {
	for ; i < len(w.buckets); i++ {
		if !w.waits[i] {
			continue
		}
		w.waits[i] = false
		b := w.buckets[i]
		place := slices.Index(b.queue, w)
		b.queue = slices.Delete(b.queue, place, place+1)
		if place == 0 && len(b.queue) > 0 {
			b.queue[0].poke()
		}
		if i == 0 && len(b.queue) == 0 {
			for _, wide := range b.feeds {
				wide.feeders = slices.DeleteFunc(wide.feeders, func(f *bucket) bool { return f == b })
			}
			b.feeds = b.feeds[:0]
		}
	}
}

func (w *waiter) poke() {
	select {
	case w.wake <- struct{}{}:
	default:
	}
}
