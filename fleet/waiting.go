package fleet

import "slices"

// waiting is the calls of this process that wait for a path: by priority, then who came first.
type waiting struct {
	levels []*level // those with somebody in them, the highest priority first
	calls  int

	turns  int  // ever, of an outage
	raised bool // the last of them was that of a lower priority
}

// level is the calls of one priority.
type level struct {
	priority    int
	first, last *caller
	calls       int
	turn        int // the last that it had, or before it came
}

// passes is how many may pass a lower priority before it has its turn: PASSES of limit.lua, and as many as in one process.
const passes = 14

// turn is the call that goes next where no server says so: of the highest priority, unless a lower one has been passed too often. Every other turn at most
// is one of these.
func (w *waiting) turn() *caller {
	if len(w.levels) == 0 {
		return nil
	}
	best := w.levels[0]
	for _, l := range w.levels[1:] {
		if !w.raised && w.turns-l.turn >= passes && (best == w.levels[0] || l.turn < best.turn) {
			best = l
		}
	}
	w.turns++
	best.turn, w.raised = w.turns, best != w.levels[0]
	return best.first
}

func (w *waiting) find(priority int) (int, bool) {
	return slices.BinarySearchFunc(w.levels, priority, func(l *level, priority int) int { return priority - l.priority })
}

// first is the call that goes first; nil: nobody waits.
func (w *waiting) first() *caller {
	if len(w.levels) == 0 {
		return nil
	}
	return w.levels[0].first
}

func (w *waiting) add(c *caller) {
	i, found := w.find(c.priority)
	if !found {
		w.levels = slices.Insert(w.levels, i, &level{priority: c.priority, turn: w.turns})
	}
	l := w.levels[i]
	at := l.last // most come last
	for at != nil && at.arrived.After(c.arrived) {
		at = at.before
	}
	c.level, c.before = l, at
	if at == nil {
		c.behind, l.first = l.first, c
	} else {
		c.behind, at.behind = at.behind, c
	}
	if c.behind == nil {
		l.last = c
	} else {
		c.behind.before = c
	}
	l.calls++
	w.calls++
}

// remove takes a call out if it waits.
func (w *waiting) remove(c *caller) {
	l := c.level
	if l == nil {
		return
	}
	if c.before == nil {
		l.first = c.behind
	} else {
		c.before.behind = c.behind
	}
	if c.behind == nil {
		l.last = c.before
	} else {
		c.behind.before = c.before
	}
	c.level, c.before, c.behind = nil, nil, nil
	l.calls--
	w.calls--
	if l.calls == 0 {
		i, _ := w.find(l.priority)
		w.levels = slices.Delete(w.levels, i, i+1)
	}
}

// ahead is how many go before a call that doesn't wait here, and how many of those have its priority.
func (w *waiting) ahead(c *caller) (all, peers int) {
	for _, l := range w.levels {
		if l.priority > c.priority {
			all += l.calls
		}
		if l.priority != c.priority {
			continue
		}
		peers = l.calls
		for at := l.last; at != nil && at.arrived.After(c.arrived); at = at.before {
			peers--
		}
	}
	return all + peers, peers
}
