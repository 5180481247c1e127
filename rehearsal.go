package spapi

import (
	"slices"
	"sort"
	"time"
)

// rehearsal lets those that wait go, as the limiter would if from now on nobody came, nobody left, no rate changed and every reply came at once. It
// tells how long one of them waits: simpler sums are wrong where sellers with buckets of their own share another, since a token that nobody was there
// for is lost, and where levels pass each other.
type rehearsal struct {
	part     *part // with the call
	priority int
	ahead    int // calls of this priority and part that go before it
	arrival  uint64
	visits   int // of parts that may still be made
}

const (
	// rehearsalVisits bounds the work, which is done under the limiter's lock, to a millisecond or two: for 10 sellers that is some 400 calls ahead.
	// How it goes on from there is reckoned: all have their turns alike.
	rehearsalVisits = 1 << 12

	// lateVisits is as much for who gives up: many may at the same moment, and what is over needs no better figure.
	lateVisits = 1 << 8

	// rehearsalTurns is how few turns get it nowhere. Each visits all that share the bucket: with so many that no more turns come of it, everything
	// is reckoned.
	rehearsalTurns = 32

	// reckonings is how often what is reckoned is corrected: by then little changes.
	reckonings = 8
)

// part is what a rehearsal knows of a turnstile.
type part struct {
	bucket
	pacer
	levels   []rank
	narrow   []*part
	now      uint64
	tag, seq uint64
	standing bool
	priority int  // while it stands in the wider queue
	holds    bool // the call's part, or a wider one
	choice   int  // index of the level that is next, where peek said there is one
}

// rank is a level.
type rank struct {
	mark
	calls int   // that wait here themselves
	best  *part // whose turn is next, where no call has it
	ready bool
}

// atMost is a bound of a wait that takes no time to find: all that wait go before.
func (p *path) atMost(now time.Time) time.Duration {
	wait := p[0].bucket.after(now, p[0].waiting+1)
	for _, s := range p[1:] {
		if s != nil {
			wait = min(max(wait, s.delay(now))+s.span(s.waiting+1), horizon)
		}
	}
	return wait
}

// estimate is how long a call will wait, and the bucket that makes it wait longest: w, or one that comes now. See rehearsal for what it takes
// for granted.
func (p *path) estimate(now time.Time, priority int, w *waiter) (wait time.Duration, longest *turnstile) {
	longest = p[0]
	for i, s := range p {
		if s == nil {
			break
		}
		if longer := p.rehearse(i, now, priority, w); i == 0 || longer > wait {
			wait, longest = longer, s
		}
	}
	return wait, longest
}

// rehearse finds the wait as far as the i-th turnstile and those narrower make it.
func (p *path) rehearse(i int, now time.Time, priority int, w *waiter) time.Duration {
	own := p[0]
	r := rehearsal{priority: priority, visits: rehearsalVisits, arrival: 1 << 63}
	if w != nil {
		r.ahead = w.place.ahead()
		r.visits = lateVisits
	} else if at, found := own.find(priority); found {
		r.ahead = own.levels[at].root.count()
	}
	if alone := len(own.levels) == 0 || len(own.levels) == 1 && own.levels[0].priority == priority; i == 0 && alone && len(own.narrow) == 0 {
		return own.bucket.after(now, r.ahead+1)
	}
	if len(p[i].narrow)*rehearsalTurns > r.visits {
		return p.reckon(i, now, priority, r.ahead)
	}
	root := r.cast(p, p[i], w == nil)
	at := now
	for r.visits > 0 {
		if _, ready := r.peek(root, at); !ready {
			at = root.ready(at)
			continue
		}
		if r.serve(root, at) {
			return at.Sub(now)
		}
	}
	turns := r.part.calls(priority) - r.part.level(priority).calls + r.ahead + 1
	return at.Sub(now) + max(r.part.bucket.after(at, turns), root.bucket.after(at, r.passing(root, turns)))
}

// reckon is what rehearse finds, without a rehearsal. How many pass meanwhile and how long that takes depend on each other.
func (p *path) reckon(i int, now time.Time, priority, ahead int) time.Duration {
	own, turns := p[0], ahead+1
	for _, l := range own.levels {
		if l.priority > priority {
			turns += l.root.count()
		}
	}
	wait := max(own.bucket.after(now, turns), p[i].bucket.after(now, turns))
	for range reckonings {
		passing := turns
		for j := 1; j <= i; j++ {
			passing = p[j].passing(p[j-1], passing, priority, now, wait)
		}
		longer := p[i].bucket.after(now, passing)
		if longer <= wait {
			break
		}
		wait = longer
	}
	return wait
}

// passing is how many calls go through s until own, which is narrower, had so many turns, in that time. See [rehearsal.passing].
func (s *turnstile) passing(own *turnstile, turns, priority int, now time.Time, within time.Duration) int {
	n := turns
	for _, l := range s.levels {
		if l.priority >= priority {
			n += l.root.count()
		}
	}
	for _, k := range s.narrow {
		if at := k.place.level; at != nil && at.priority >= priority {
			n-- // its calls are counted below
		}
		if k == own {
			continue
		}
		most := turns
		if own.place.level != nil && own.place.before(&k.place) {
			most--
		}
		n += k.upTo(min(k.calls(priority), most), now, within)
	}
	return n
}

// upTo is how many of n calls the bucket lets through within that time.
func (b *bucket) upTo(n int, now time.Time, within time.Duration) int {
	if b.after(now, n) <= within {
		return n
	}
	return sort.Search(n, func(i int) bool { return b.after(now, i+1) > within })
}

// calls is how many wait with a priority or a higher one.
func (s *turnstile) calls(priority int) int {
	n := 0
	for _, l := range s.levels {
		if l.priority >= priority {
			n += l.root.count()
		}
	}
	for _, k := range s.narrow {
		if at := k.place.level; at != nil && at.priority >= priority {
			n--
		}
		n += k.calls(priority)
	}
	return n
}

// cast makes the part of a turnstile, with a call that comes if there is one.
func (r *rehearsal) cast(p *path, s *turnstile, comes bool) *part {
	a := &part{bucket: s.bucket, pacer: s.pacer, now: s.now, tag: s.place.tag, seq: s.place.seq, standing: s.place.level != nil}
	for _, l := range s.levels {
		a.levels = append(a.levels, rank{mark: l.mark, calls: l.root.count()})
	}
	for _, k := range s.narrow {
		a.narrow = append(a.narrow, r.cast(p, k, comes))
		if k.place.level != nil {
			a.level(k.place.level.priority).calls--
		}
	}
	i := slices.Index(p[:], s)
	a.holds = i >= 0
	switch {
	case i == 0:
		r.part = a
		if comes {
			a.level(r.priority).calls++
		}
	case i > 0 && p[i-1].wide != s:
		a.narrow = append(a.narrow, r.cast(p, p[i-1], comes))
	}
	return a
}

// level is the one of a priority.
func (a *part) level(priority int) *rank {
	i, found := slices.BinarySearchFunc(a.levels, priority, func(l rank, priority int) int { return priority - l.priority })
	if !found {
		a.levels = slices.Insert(a.levels, i, rank{mark: mark{priority, a.count}})
	}
	return &a.levels[i]
}

// peek finds whose turn it is, and with which priority.
func (r *rehearsal) peek(a *part, at time.Time) (priority int, ready bool) {
	r.visits--
	for i := range a.levels {
		l := &a.levels[i]
		l.best, l.ready = nil, l.calls > 0
	}
	var come []*part
	for _, k := range a.narrow {
		if k.priority, ready = r.peek(k, at); ready && !k.standing {
			come = append(come, k)
		}
		k.standing = ready
	}
	slices.SortStableFunc(come, func(k, other *part) int { return k.full.Add(-k.room).Compare(other.full.Add(-other.room)) }) // since when
	for _, k := range come {
		k.tag = max(k.tag, a.now)
		if k.seq == 0 {
			r.arrival++
			k.seq = r.arrival
		}
	}
	if a.delay(at) > 0 {
		return 0, false
	}
	for _, k := range a.narrow {
		if !k.standing {
			continue
		}
		l := a.level(k.priority)
		if l.calls == 0 && (l.best == nil || k.before(l.best)) {
			l.best = k
		}
		l.ready = true
	}
	a.levels = slices.DeleteFunc(a.levels, func(l rank) bool { return !l.ready })
	if len(a.levels) == 0 {
		return 0, false
	}
	a.choice = a.pick(len(a.levels), func(i int) *mark { return &a.levels[i].mark })
	return a.levels[a.choice].priority, true
}

// serve lets the one go whose turn it is, and reports whether that was the call.
func (r *rehearsal) serve(a *part, at time.Time) (found bool) {
	a.rehearse(at)
	l := &a.levels[a.choice]
	if k := l.best; k != nil {
		found = r.serve(k, at)
		a.now = max(a.now, k.tag)
		k.tag, k.seq, k.standing = k.tag+1, 0, false
	} else {
		l.calls--
		if a == r.part && l.priority == r.priority {
			found = r.ahead == 0
			r.ahead--
		}
	}
	a.turn(&l.mark, a.choice == 0)
	return found
}

// ready is when a call might go through, if at all.
func (a *part) ready(at time.Time) time.Time {
	due := at.Add(max(a.delay(at), 0))
	narrow := at.Add(horizon)
	for _, l := range a.levels {
		if l.calls > 0 {
			return due
		}
	}
	for _, k := range a.narrow {
		if t := k.ready(at); t.Before(narrow) {
			narrow = t
		}
	}
	if narrow.After(due) {
		return narrow
	}
	return due
}

// calls is how many wait with a priority or a higher one.
func (a *part) calls(priority int) int {
	n := 0
	for _, l := range a.levels {
		if l.priority >= priority {
			n += l.calls
		}
	}
	for _, k := range a.narrow {
		n += k.calls(priority)
	}
	return n
}

// passing is how many calls go through a until the rehearsed one's part had so many turns: of each other part as many, or as it has. Those that
// stand behind have one less.
func (r *rehearsal) passing(a *part, turns int) int {
	if a == r.part {
		return turns
	}
	n := a.calls(r.priority)
	own := a.narrow[slices.IndexFunc(a.narrow, func(k *part) bool { return k.holds })]
	for _, k := range a.narrow {
		n -= k.calls(r.priority)
		switch {
		case k == own:
			n += r.passing(k, turns)
		case own.standing && own.before(k):
			n += min(k.calls(r.priority), turns-1)
		default:
			n += min(k.calls(r.priority), turns)
		}
	}
	return n
}

func (a *part) before(b *part) bool { return a.tag < b.tag || a.tag == b.tag && a.seq < b.seq }
