package spapi

import (
	"math/rand/v2"
	"slices"
)

// turns is the queue before a bucket: who goes next. Those of a higher priority go first; among equals who has the lowest tag, which
// makes them take turns, then who came first. Every operation takes a time that grows with the logarithm of those who wait.
//
// The calls that wait here themselves have one tag for all, so that together they take turns with the narrower buckets as if they were one.
//
// Tags are virtual times (start-time fair queueing): one that comes gets the time of the one that went last, and one that stays for another turn gets
// one more than it had. So a seller with one call has its turn beside one with a hundred, and who stays away saves nothing up.
type turns struct {
	levels []*level // those with somebody in them, the highest priority first
	pacer
	now     uint64 // virtual time: the tag of the one that went last
	callTag uint64 // of the calls
}

// level holds those of one priority, as treaps: the calls by arrival, the narrower buckets by tag and arrival.
type level struct {
	mark
	calls, narrow *place
}

// root is the treap that p belongs to.
func (l *level) root(p *place) **place {
	if p.waiter != nil {
		return &l.calls
	}
	return &l.narrow
}

// place is one in a queue: a call, or a narrower bucket whose first call waits.
type place struct {
	tag, seq    uint64
	waiter      *waiter    // either
	narrow      *turnstile // or
	level       *level     // nil: in no queue
	left, right *place
	size        int // of the subtree
	chance      uint32
}

// The priorities that are told apart. What lies beyond counts as the nearest: few levels keep a queue quick.
const highestPriority = 1000

func levelOf(priority int) int { return min(max(priority, -highestPriority), highestPriority) }

// passes is how many may pass one that waits with a lower priority before it has its turn.
const passes = 14

// mark is what decides about a level's turn.
type mark struct {
	priority int
	served   uint64 // the pacer's count when the level had its last turn, or somebody came into it
}

// pacer says which level has the next turn: the highest, unless a lower one has been passed too often. Of several such the one that waited longest
// is the next, and every other turn at most is one of these: a bucket with many levels in need keeps half for the highest.
type pacer struct {
	count  uint64 // turns ever
	raised bool   // the last turn was that of a lower level
}

// pick chooses among n levels, the highest first.
func (p *pacer) pick(n int, at func(int) *mark) int {
	best := 0
	for i := 1; i < n && !p.raised; i++ {
		if m := at(i); p.count-m.served >= passes && (best == 0 || m.served < at(best).served) {
			best = i
		}
	}
	return best
}

func (p *pacer) turn(m *mark, highest bool) {
	p.count++
	m.served = p.count
	p.raised = !highest
}

// first is the one whose turn is next; nil if nobody waits.
func (t *turns) first() *place {
	if len(t.levels) == 0 {
		return nil
	}
	l := t.levels[t.pick(len(t.levels), func(i int) *mark { return &t.levels[i].mark })]
	call, narrow := l.calls.least(), l.narrow.least()
	if narrow == nil || call != nil && (t.callTag < narrow.tag || t.callTag == narrow.tag && call.seq < narrow.seq) {
		return call
	}
	return narrow
}

func (p *place) least() *place {
	for p != nil && p.left != nil {
		p = p.left
	}
	return p
}

// find is where the level of a priority stands, or would.
func (t *turns) find(priority int) (int, bool) {
	return slices.BinarySearchFunc(t.levels, priority, func(l *level, priority int) int { return priority - l.priority })
}

func (t *turns) join(p *place, priority int) {
	i, found := t.find(priority)
	if !found {
		t.levels = slices.Insert(t.levels, i, &level{mark: mark{priority, t.count}})
	}
	if p.waiter != nil {
		t.callTag = max(t.callTag, t.now)
	} else {
		p.tag = max(p.tag, t.now)
	}
	p.level, p.left, p.right, p.size, p.chance = t.levels[i], nil, nil, 1, rand.Uint32()
	root := p.level.root(p)
	*root = (*root).insert(p)
}

func (t *turns) leave(p *place) {
	l := p.level
	p.level = nil
	root := l.root(p)
	if *root = (*root).remove(p); l.calls == nil && l.narrow == nil {
		i, _ := t.find(l.priority)
		t.levels = slices.Delete(t.levels, i, i+1)
	}
}

// served ends the turn of p.
func (t *turns) served(p *place) {
	t.turn(&p.level.mark, p.level == t.levels[0])
	tag := &p.tag
	if p.waiter != nil {
		tag = &t.callTag
	}
	t.now = max(t.now, *tag)
	t.leave(p)
	*tag++
	p.seq = 0
}

// ahead is how many of its kind are before p in its level.
func (p *place) ahead() int {
	n := 0
	for at := *p.level.root(p); at != p; {
		if p.before(at) {
			at = at.left
			continue
		}
		n += at.left.count() + 1
		at = at.right
	}
	return n + p.left.count()
}

func (p *place) before(q *place) bool { return p.tag < q.tag || p.tag == q.tag && p.seq < q.seq }

// each visits the calls of a treap.
func (p *place) each(visit func(*waiter)) {
	if p == nil {
		return
	}
	p.left.each(visit)
	visit(p.waiter)
	p.right.each(visit)
}

// at is the i-th of a treap.
func (p *place) at(i int) *place {
	for {
		switch before := p.left.count(); {
		case i < before:
			p = p.left
		case i == before:
			return p
		default:
			p, i = p.right, i-before-1
		}
	}
}

func (p *place) count() int {
	if p == nil {
		return 0
	}
	return p.size
}

func (p *place) resize() *place {
	p.size = p.left.count() + 1 + p.right.count()
	return p
}

func (p *place) insert(q *place) *place {
	switch {
	case p == nil:
		return q
	case q.chance > p.chance:
		q.left, q.right = p.split(q)
		return q.resize()
	case q.before(p):
		p.left = p.left.insert(q)
	default:
		p.right = p.right.insert(q)
	}
	return p.resize()
}

// split parts those before q from those behind it.
func (p *place) split(q *place) (before, behind *place) {
	switch {
	case p == nil:
		return nil, nil
	case q.before(p):
		before, p.left = p.left.split(q)
		return before, p.resize()
	default:
		p.right, behind = p.right.split(q)
		return p.resize(), behind
	}
}

func (p *place) remove(q *place) *place {
	switch {
	case p == q:
		return p.left.merge(p.right)
	case q.before(p):
		p.left = p.left.remove(q)
	default:
		p.right = p.right.remove(q)
	}
	return p.resize()
}

// merge joins two, of which all of the first are before all of the second.
func (p *place) merge(q *place) *place {
	switch {
	case p == nil:
		return q
	case q == nil:
		return p
	case p.chance > q.chance:
		p.right = p.right.merge(q)
		return p.resize()
	default:
		q.left = p.merge(q.left)
		return q.resize()
	}
}
