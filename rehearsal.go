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
	path     path // of the call
	priority int
	ahead    int // calls of its priority that wait before the same turnstile and go before it
	arrival  uint64
	visits   int // of parts that may still be made

	widest LimitScope // of the turnstiles that take part
	parts  map[*turnstile]*part
	made   []*part // the same
	routed int     // of made, those that stand where their first call goes on to
	ground part    // with the widest ones in narrow
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
	source       *turnstile
	wide         *part
	levels       []rank
	narrow       []*part
	now, callTag uint64
	tag, seq     uint64
	standing     bool
	priority     int  // while it stands in the wider queue
	holds        bool // the call's part, or a wider one
	choice       int  // index of the level that is next, where peek said there is one
}

// rank is a level.
type rank struct {
	mark
	calls   int    // that wait here themselves
	waiting *place // those of them that did when it began
	gone    int    // of these
	best    *part  // whose turn is next, where no call has it
	ready   bool
}

// seq is when the first of its calls came.
func (l *rank) seq() uint64 {
	if l.gone < l.waiting.count() {
		return l.waiting.at(l.gone).seq
	}
	return comes
}

// comes is when a call comes that an estimate is made for: after all that are there. Places that are taken later are numbered from there.
const comes = 1 << 63

// atMost is a bound of a wait that takes no time to find: all that wait go before.
func (p *path) atMost(now time.Time) time.Duration {
	wait := p[0].bucket.after(now, p[0].waiting+1)
	for _, s := range p[1:] {
		if s != nil {
			wait = min(max(wait, s.delay(now))+s.most(s.waiting+1), horizon)
		}
	}
	return wait
}

// estimate is how long a call will wait, and the bucket that makes it wait longest: w, or one that comes now. See rehearsal for what it takes
// for granted.
func (p *path) estimate(now time.Time, priority int, w *waiter) (wait time.Duration, longest *turnstile) {
	for i := len(p) - 1; i >= 0; i-- {
		if p[i] == nil {
			continue
		}
		if far := p.rehearse(i, now, priority, w); longest == nil {
			wait, longest = far, p[i]
		} else if far >= wait {
			longest = p[i]
		}
	}
	return wait, longest
}

// rehearse finds the wait as far as the i-th turnstile and those narrower make it.
func (p *path) rehearse(i int, now time.Time, priority int, w *waiter) time.Duration {
	own := p[0]
	r := rehearsal{path: *p, priority: priority, visits: rehearsalVisits, arrival: comes, widest: p[i].scope}
	if w != nil {
		r.ahead = w.place.ahead()
		r.visits = lateVisits
	} else if at, found := own.find(priority); found {
		r.ahead = own.levels[at].calls.count()
	}
	if alone := len(own.levels) == 0 || len(own.levels) == 1 && own.levels[0].priority == priority; i == 0 && alone && len(own.narrow) == 0 {
		return own.bucket.after(now, r.ahead+1)
	}
	if len(p[i].narrow)*rehearsalTurns > r.visits {
		return p.reckon(i, now, priority, r.ahead)
	}
	r.cast(p[:i+1], w == nil)
	at := now
	for r.visits > 0 {
		j := slices.IndexFunc(r.ground.narrow, func(a *part) bool {
			_, ready := r.peek(a, at)
			return ready
		})
		if j < 0 {
			at = r.ground.soonest(at)
		} else if r.serve(r.ground.narrow[j], at) {
			return at.Sub(now)
		}
	}
	var wait time.Duration
	r.passing(r.parts[p[i]], func(a *part, n int) { wait = max(wait, a.bucket.after(at, n)) })
	return at.Sub(now) + wait
}

// reckon is what rehearse finds, without a rehearsal. How many pass meanwhile and how long that takes depend on each other.
func (p *path) reckon(i int, now time.Time, priority, ahead int) time.Duration {
	wait := max(p[0].bucket.after(now, ahead+1), p[i].bucket.after(now, ahead+1))
	for range reckonings {
		longer, passing := wait, ahead+1
		var own *turnstile
		for _, s := range p[:i+1] {
			passing = s.passing(own, passing, priority, now, wait)
			longer = max(longer, s.bucket.after(now, passing))
			own = s
		}
		if longer == wait {
			break
		}
		wait = longer
	}
	return wait
}

// passing is how many calls go through s until own, which is narrower, or the calls of this priority that wait here, where it is nil, had so many turns,
// in that time. See [rehearsal.passing].
func (s *turnstile) passing(own *turnstile, turns, priority int, now time.Time, within time.Duration) int {
	n := turns
	for _, l := range s.levels {
		switch calls := l.calls.count(); {
		case l.priority > priority:
			n += calls
		case l.priority == priority && own != nil:
			n += min(calls, turns)
		}
	}
	for _, k := range s.narrow {
		if k == own {
			continue
		}
		most := turns
		if own != nil && own.place.level != nil && own.place.before(&k.place) {
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
			n += l.calls.count()
		}
	}
	for _, k := range s.narrow {
		n += k.calls(priority)
	}
	return n
}

// cast makes the parts of all that take part, with a call that comes if there is one.
func (r *rehearsal) cast(p []*turnstile, new bool) {
	r.parts = map[*turnstile]*part{}
	r.move(r.part(p[len(p)-1]), &r.ground)
	for i := len(p) - 1; i >= 0; i-- {
		a := r.part(p[i])
		if a.holds = true; a.wide == nil {
			r.move(a, r.parts[p[i+1]])
		}
	}
	if new {
		a := r.parts[p[0]]
		a.level(r.priority).calls++
		a.callTag = max(a.callTag, a.now)
	}
	r.routeAll()
}

// part finds the part of a turnstile, or makes it, with those of the narrower ones.
func (r *rehearsal) part(s *turnstile) *part {
	if a := r.parts[s]; a != nil {
		return a
	}
	a := &part{bucket: s.bucket.copied(), pacer: s.pacer, source: s, now: s.now, callTag: s.callTag, tag: s.place.tag, seq: s.place.seq,
		standing: s.place.level != nil}
	r.parts[s] = a
	r.made = append(r.made, a)
	for _, l := range s.levels {
		a.levels = append(a.levels, rank{mark: l.mark, calls: l.calls.count(), waiting: l.calls})
	}
	for _, k := range s.narrow {
		if r.parts[k] == nil {
			r.move(r.part(k), a)
		}
	}
	return a
}

func (r *rehearsal) move(a, wide *part) {
	if a.wide != nil {
		a.standing = false
		i := slices.Index(a.wide.narrow, a)
		a.wide.narrow = slices.Delete(a.wide.narrow, i, i+1)
	}
	a.wide = wide
	wide.narrow = append(wide.narrow, a)
}

func (r *rehearsal) routeAll() {
	for ; r.routed < len(r.made); r.routed++ {
		a := r.made[r.routed]
		if a.source.key.scope == LimitPerType && a.source.key.seller == "" {
			for i := range a.levels {
				a.levels[i].waiting.each(func(w *waiter) { r.wider(a, &w.path) })
			}
		}
		r.route(a)
	}
}

// wider is where a call goes on to that goes through a.
func (r *rehearsal) wider(a *part, p *path) *part {
	p.goOver()
	s := p.after(a.source)
	if s == nil || s.scope > r.widest {
		return &r.ground
	}
	wide := r.part(s)
	if wide.wide == nil {
		r.move(wide, r.wider(wide, p))
	}
	return wide
}

// route puts a part where its first call goes on to. Calls of one turnstile may go on to different ones.
func (r *rehearsal) route(a *part) {
	if len(a.narrow) > 0 {
		return
	}
	a.levels = slices.DeleteFunc(a.levels, func(l rank) bool { return l.calls == 0 })
	if len(a.levels) == 0 {
		return
	}
	l := &a.levels[a.pick(len(a.levels), func(i int) *mark { return &a.levels[i].mark })]
	p := &r.path
	if l.gone < l.waiting.count() {
		p = &l.waiting.at(l.gone).waiter.path
	}
	if wide := r.wider(a, p); a.wide != wide {
		r.move(a, wide)
	}
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
		if l.best == nil || k.before(l.best) {
			l.best = k
		}
		l.ready = true
	}
	for i := range a.levels {
		l := &a.levels[i]
		if k := l.best; k != nil && l.calls > 0 && (a.callTag < k.tag || a.callTag == k.tag && l.seq() < k.seq) {
			l.best = nil
		}
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
		l.gone++
		a.now = max(a.now, a.callTag)
		a.callTag++
		if a.source == r.path[0] && l.priority == r.priority {
			found = r.ahead == 0
			r.ahead--
		}
	}
	a.turn(&l.mark, a.choice == 0)
	if !found {
		r.route(a)
		r.routeAll()
	}
	return found
}

// ready is when a call might go through, if at all.
func (a *part) ready(at time.Time) time.Time {
	due := at.Add(max(a.delay(at), 0))
	for _, l := range a.levels {
		if l.calls > 0 {
			return due
		}
	}
	return later(due, a.soonest(at))
}

// soonest is when a narrower one might be ready.
func (a *part) soonest(at time.Time) time.Time {
	first := at.Add(horizon)
	for _, k := range a.narrow {
		if t := k.ready(at); t.Before(first) {
			first = t
		}
	}
	return first
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

// passing is how many calls go through a until the rehearsed one has, of which each part that holds it is told. The others that are there have as
// many turns as the part that holds it, or as they have calls. Those that stand behind have one less.
func (r *rehearsal) passing(a *part, tell func(*part, int)) int {
	var own *part
	turns := r.ahead + 1
	if i := slices.IndexFunc(a.narrow, func(k *part) bool { return k.holds }); i >= 0 {
		own = a.narrow[i]
		turns = r.passing(own, tell)
	}
	n := turns
	for _, l := range a.levels {
		switch {
		case l.priority > r.priority:
			n += l.calls
		case l.priority == r.priority && own != nil:
			n += min(l.calls, turns)
		}
	}
	for _, k := range a.narrow {
		switch {
		case k == own:
		case own != nil && own.standing && own.before(k):
			n += min(k.calls(r.priority), turns-1)
		default:
			n += min(k.calls(r.priority), turns)
		}
	}
	tell(a, n)
	return n
}

func (a *part) before(b *part) bool { return a.tag < b.tag || a.tag == b.tag && a.seq < b.seq }
