package spapi

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"time"
)

// NewLimiter makes the limiter that an [App] has by default: in this process. Buckets that have been full and unused for an hour are forgotten.
func NewLimiter() Limiter {
	return &limiter{turnstiles: map[bucketKey]*turnstile{}, typed: map[typedKey]*turnstile{}}
}

type bucketKey struct {
	app, region, operation, seller string
	scope                          LimitScope
}

// typedKey is the key of a bucket per type. Most calls have none, and are found quicker without.
type typedKey struct {
	bucketKey
	kind string
}

func keyOf(b *LimitBucket) typedKey {
	return typedKey{bucketKey{b.App, b.Region, b.Operation, b.Seller, b.Scope}, b.Type}
}

// limiter has one lock for all buckets: a call takes from several in one step, and what is done under the lock is short beside a request.
type limiter struct {
	mu         sync.Mutex
	turnstiles map[bucketKey]*turnstile // but those per type; some by several keys, see alias
	typed      map[typedKey]*turnstile
	all        []*turnstile // the same
	hand       int          // goes round all of them
	arrival    uint64       // of the last who joined a queue
}

// turnstile is a bucket with those who wait before it: calls whose narrowest bucket it is, and narrower buckets that have a token for their first
// call. So nobody holds up a bucket while waiting for a narrower one, and since all go narrow to wide, nobody waits in a circle.
type turnstile struct {
	bucket
	*queue
	key     typedKey
	aliases []string // names of the seller by which it is found too, the latest first
}

// queue is who waits before a turnstile. Most buckets of most sellers never have anybody wait: until then theirs is nobody.
type queue struct {
	turns
	waiting int // calls, here and before the narrower ones

	wide    *turnstile // to which its first call goes on
	narrow  []*turnstile
	at      int   // its index in wide.narrow
	place   place // in wide's queue, while it has a token
	timer   *time.Timer
	settled time.Time  // when the timer is due; zero: not at all
	into    *turnstile // the one that its calls have gone over to, see alias
}

// nobody is the queue of all turnstiles that never had one. It is never written.
var nobody queue

// path is the turnstiles of one call, narrow to wide, then nil.
type path [limitScopes]*turnstile

// waiter is a call that waits.
type waiter struct {
	path  path
	since time.Time
	place place // before the narrowest
	grant LimitGrant
	let   chan struct{} // closed when it has its grant
}

// call is the call whose turn it is when it is p's.
func (p *place) call() *waiter {
	for p.waiter == nil {
		p = p.narrow.first()
	}
	return p.waiter
}

func (l *limiter) find(b *LimitBucket) *turnstile {
	if b.Scope == LimitPerType {
		return l.typed[keyOf(b)]
	}
	return l.turnstiles[bucketKey{b.App, b.Region, b.Operation, b.Seller, b.Scope}]
}

// put has s found by a key.
func (l *limiter) put(key typedKey, s *turnstile) {
	if key.scope == LimitPerType {
		l.typed[key] = s
	} else {
		l.turnstiles[key.bucketKey] = s
	}
}

// drop has s no longer found by a key.
func (l *limiter) drop(key typedKey, s *turnstile) {
	if l.typed[key] == s {
		delete(l.typed, key)
	}
	if l.turnstiles[key.bucketKey] == s {
		delete(l.turnstiles, key.bucketKey)
	}
}

func (l *limiter) add(b *LimitBucket, now time.Time) *turnstile {
	s := &turnstile{bucket: newBucket(b), queue: &nobody, key: keyOf(b)}
	s.full = now
	l.put(s.key, s)
	l.all = append(l.all, s)
	return s
}

// forget looks at n turnstiles whether a new one would do as well. It is called for each that is made, with more than were made: so memory
// follows what is in use, and nobody waits for a great cleaning.
func (l *limiter) forget(n int, now time.Time) {
	for range min(n, len(l.all)) {
		l.hand %= len(l.all)
		s := l.all[l.hand]
		if s.waiting > 0 || !s.forgettable(now) {
			l.hand++
			continue
		}
		l.remove(l.hand)
	}
}

// remove takes the i-th turnstile out.
func (l *limiter) remove(i int) {
	s := l.all[i]
	l.drop(s.key, s)
	for _, name := range s.aliases {
		l.unlink(s, name)
	}
	last := len(l.all) - 1
	l.all[i], l.all[last] = l.all[last], nil
	l.all = l.all[:last]
}

// path finds the turnstiles of a call, and makes those that are missing.
func (l *limiter) path(buckets []LimitBucket, now time.Time) (p path) {
	made := 0
	for i := range buckets {
		b := &buckets[i]
		if p[i] = l.find(b); p[i] == nil || b.Alias != "" && !p[i].known(b.Alias) {
			made++
		}
	}
	if made == 0 {
		return p
	}
	l.forget(2*made, now)
	for i := range buckets {
		b := &buckets[i]
		if b.Alias != "" {
			l.link(b, now)
		}
		if p[i] = l.find(b); p[i] == nil {
			p[i] = l.add(b, now)
			if b.Alias != "" {
				l.link(b, now)
			}
		}
	}
	return p
}

func (l *limiter) Wait(ctx context.Context, r LimitRequest) (LimitGrant, error) {
	if err := r.Check(); err != nil {
		return LimitGrant{}, err
	}
	if err := ctx.Err(); err != nil {
		return LimitGrant{}, err
	}
	grant := LimitGrant{Buckets: r.Buckets}
	l.mu.Lock()
	now := time.Now()
	p := l.path(r.Buckets, now)
	if p.free(now) {
		p.take(now, &grant)
		l.mu.Unlock()
		return grant, nil
	}
	if refusal := p.refuse(ctx, now, &r); refusal != nil {
		l.mu.Unlock()
		return LimitGrant{}, refusal
	}
	w := &waiter{path: p, grant: grant, let: make(chan struct{})}
	l.join(w, r.Priority, now)
	l.mu.Unlock()
	if err := l.await(ctx, w, &r); err != nil {
		return LimitGrant{}, err
	}
	return w.grant, nil
}

func (l *limiter) Observe(_ context.Context, g LimitGrant, r LimitReply) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	now := time.Now()
	if r.Unasked {
		for _, s := range l.path(g.Buckets, now) {
			if s != nil {
				s.owe(now)
				if s.waiting > 0 {
					l.serve(s, now)
				}
			}
		}
		return nil
	}
	var err error
	for i := range g.Buckets {
		s := l.find(&g.Buckets[i])
		if s == nil {
			continue // never taken from, or forgotten
		}
		if r.Latency < 0 {
			// no reply
		} else if s.scope == LimitPerSeller {
			err = s.observe(now, g.Takes[i], r)
		} else if take := g.Takes[i]; r.Throttled {
			_ = s.observe(now, 0, LimitReply{Latency: r.Latency})
		} else {
			_ = s.observe(now, take, LimitReply{Latency: r.Latency})
		}
		if r.Refused && s.scope == LimitPerType {
			s.giveBack(g.Takes[i])
		}
		if s.waiting > 0 {
			l.serve(s, now)
		}
	}
	if err != nil {
		return fmt.Errorf("spapi: %s: %w", g.Buckets[0].Operation, err)
	}
	return nil
}

// free reports whether a call may be sent at once without overtaking anybody.
func (p *path) free(now time.Time) bool {
	for _, s := range p {
		if s != nil && (len(s.levels) > 0 || s.delay(now) > 0) {
			return false
		}
	}
	return true
}

func (p *path) take(now time.Time, g *LimitGrant) {
	g.Rate = p[0].rate
	if p[0].scope == LimitPerType && p[1] != nil {
		g.Rate = p[1].rate
	}
	for i, s := range p {
		if s != nil {
			s.bucket.take(now)
			g.Takes[i] = s.takes
		}
	}
}

// refuse tells a call whose wait would be longer than it may be.
func (p *path) refuse(ctx context.Context, now time.Time, r *LimitRequest) error {
	allowed := time.Duration(horizon)
	if r.MaxWait >= 0 {
		allowed = r.MaxWait
	}
	deadline, bounded := ctx.Deadline()
	left := deadline.Sub(now)
	if bounded {
		allowed = min(allowed, left)
	}
	if allowed == horizon || p.atMost(now) <= allowed {
		return nil
	}
	wait, longest := p.estimate(now, levelOf(r.Priority), nil)
	if wait <= allowed {
		return nil
	}
	e := longest.refusal(r, wait)
	if bounded && (r.MaxWait < 0 || wait <= r.MaxWait) {
		e.Max, e.Deadline = left, true
	}
	return e
}

// refusal is that of a call which this bucket makes wait longest.
func (s *turnstile) refusal(r *LimitRequest, wait time.Duration) *LimitError {
	e := &LimitError{Operation: s.key.operation, Wait: wait, Max: r.MaxWait, Scope: s.scope, Type: s.key.kind, Rate: s.rate, Burst: s.burst, Retry: r.Retry}
	if s.window != nil {
		e.Window = s.window.length
	}
	return e
}

// after is the next wider turnstile, nil after the last.
func (p *path) after(s *turnstile) *turnstile {
	i := slices.Index(p[:], s) + 1
	if i == len(p) {
		return nil
	}
	return p[i]
}

func (l *limiter) join(w *waiter, priority int, now time.Time) {
	l.arrival++
	w.place, w.since = place{seq: l.arrival, waiter: w}, now
	for _, s := range w.path {
		if s == nil {
			break
		}
		if s.queue == &nobody {
			s.queue = &queue{place: place{narrow: s}}
		}
		s.waiting++
	}
	w.path[0].join(&w.place, levelOf(priority))
	l.serve(w.path[0], now)
}

// giveUp takes a call out that has no grant yet.
func (l *limiter) giveUp(w *waiter, now time.Time) {
	w.path.goOver()
	w.path[0].leave(&w.place)
	for _, s := range w.path {
		if s != nil {
			s.waiting--
		}
	}
	l.serve(w.path[0], now)
	for _, s := range w.path {
		if s != nil && s.waiting == 0 {
			s.follow(nil)
		}
	}
}

// await waits for the grant. What was estimated at arrival may have become longer, by a 429, by another rate, by those who go before: the bound
// holds all the same.
func (l *limiter) await(ctx context.Context, w *waiter, r *LimitRequest) error {
	var bound <-chan struct{}
	if r.MaxWait >= 0 {
		b, stop := context.WithTimeout(context.Background(), r.MaxWait)
		defer stop()
		bound = b.Done()
	}
	var late bool
	select {
	case <-w.let:
		return nil
	case <-bound:
		late = true
	case <-ctx.Done():
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	now := time.Now()
	if late {
		l.serve(w.path[0], now) // the bound itself is allowed
	}
	select {
	case <-w.let: // meanwhile
		return nil
	default:
	}
	err := ctx.Err()
	if late {
		w.path.goOver()
		left, longest := w.path.estimate(now, w.place.level.priority, w)
		err = longest.refusal(r, r.MaxWait+left)
	}
	l.giveUp(w, now)
	return err
}

// serve lets through all those before s, and before the wider turnstiles behind it, that may go now, and sees to it that this is done again when
// the next one may.
func (l *limiter) serve(s *turnstile, now time.Time) {
	for s != nil {
		was, stood := s.wide, s.place.level != nil
		next := l.settle(s, now)
		if stood && was != next {
			l.serve(was, now) // it has lost the one before it, perhaps the first
		}
		if next != s {
			s = next
			continue
		}
		w := s.first().call()
		w.path.take(now, &w.grant)
		w.path[0].served(&w.place)
		for i, s := range w.path {
			if s == nil {
				break
			}
			s.waiting--
			if i > 0 {
				s.served(&w.path[i-1].place)
			}
		}
		close(w.let)
		var elsewhere path
		for i, narrow := range w.path { // their next ones stand behind the others
			if narrow == s {
				break
			}
			if next := l.settle(narrow, now); next != w.path[i+1] {
				elsewhere[i] = next // a call that doesn't go on to where the one before it went
			}
		}
		for _, other := range elsewhere {
			l.serve(other, now)
		}
	}
}

// settle finds out how it goes on before s: nil, when s has no token or nobody waits; s itself, when its first call needs no other; else the wider
// turnstile, in whose queue it puts s.
func (l *limiter) settle(s *turnstile, now time.Time) (next *turnstile) {
	first := s.first()
	if first == nil {
		s.stepBack()
		if s.waiting == 0 {
			s.follow(nil)
		}
		s.place.seq = 0
		s.wakeAt(l, time.Time{}, now)
		return nil
	}
	w := first.call()
	w.path.goOver()
	wide := w.path.after(s)
	w.path.follow(s)
	if d := s.delay(now); d > 0 {
		s.stepBack()
		s.wakeAt(l, now.Add(d), now)
		return nil
	}
	if wide == nil {
		return s
	}
	if at := s.place.level; at == nil || at.priority != first.level.priority {
		s.stepBack()
		if s.place.seq == 0 {
			l.arrival++
			s.place.seq = l.arrival
		}
		wide.join(&s.place, first.level.priority)
	}
	return wide
}

// follow notes to which wider turnstiles the first call of s goes on, those too that nobody has come to yet: estimates need to know.
func (p *path) follow(s *turnstile) {
	for ; s != nil; s = p.after(s) {
		s.follow(p.after(s))
		if wide := p.after(s); wide == nil || wide.first() != nil {
			return
		}
	}
}

// follow notes to which wider turnstile the first call goes on.
func (s *turnstile) follow(wide *turnstile) {
	if s.wide == wide {
		return
	}
	s.stepBack()
	if old := s.wide; old != nil {
		last := len(old.narrow) - 1
		old.narrow[s.at] = old.narrow[last]
		old.narrow[s.at].at = s.at
		old.narrow[last] = nil
		old.narrow = old.narrow[:last]
	}
	if s.wide = wide; wide != nil {
		s.at = len(wide.narrow)
		wide.narrow = append(wide.narrow, s)
	}
}

// stepBack leaves the wider queue. Tag and arrival stay: who comes again comes to the same place.
func (s *turnstile) stepBack() {
	if s.place.level == nil {
		return
	}
	s.wide.leave(&s.place)
}

// wakeAt sets the timer; zero: stops it.
func (s *turnstile) wakeAt(l *limiter, at, now time.Time) {
	switch {
	case at.Equal(s.settled):
	case at.IsZero():
		s.timer.Stop()
	case s.timer == nil:
		s.timer = time.AfterFunc(at.Sub(now), func() {
			l.mu.Lock()
			defer l.mu.Unlock()
			s.settled = time.Time{}
			l.serve(s, time.Now())
		})
	default:
		s.timer.Reset(at.Sub(now))
	}
	s.settled = at
}
