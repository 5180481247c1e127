package fleet

import (
	"context"
	"slices"
	"time"
)

// poll serves a line until there is nothing more to do. One goroutine does at a time.
func (n *line) poll() {
	l := n.l
	l.mu.Lock()
	defer l.mu.Unlock()
	var timer *time.Timer
	for l.ctx.Err() == nil {
		var wait time.Duration
		switch o := l.outage; {
		case o != nil:
			if n.calls == 0 && len(n.asks) == 0 {
				n.rested()
				return
			}
			wait = n.serveAlone(o)
		default:
			var more bool
			if wait, more = n.rest(); !more {
				n.rested()
				return
			}
			if wait <= 0 {
				n.runScript()
			}
		}
		if wait <= 0 {
			continue
		}
		l.mu.Unlock()
		if timer == nil {
			timer = time.NewTimer(wait)
			defer timer.Stop()
		} else {
			timer.Reset(wait)
		}
		select {
		case <-timer.C:
		case <-n.wake:
		case <-l.ctx.Done():
		}
		l.mu.Lock()
	}
	n.rested()
	n.abandon(errClosed)
}

func (n *line) rested() {
	n.polling = false
	n.l.polls--
}

// rest is how long until the next script is due; more tells whether one ever is.
func (n *line) rest() (wait time.Duration, more bool) {
	for len(n.asks) > 0 && n.asks[0].state != asking {
		n.asks = n.asks[1:]
	}
	if n.calls == 0 && len(n.replies) == 0 && !n.placed {
		n.urgent = false
	}
	switch {
	case n.running:
		return time.Second, true // it kicks
	case n.urgent, len(n.asks) > 0, len(n.returns) > 0, n.calls == 0 && n.placed:
		return 0, true
	case n.calls == 0:
		return 0, false
	}
	return time.Until(n.back), true
}

// refreshes bounds how many lines tell how many calls wait there before one is told how long it would.
const refreshes = 32

// refresh has the lines that share a bucket with this one say how many calls wait: the server only hears of that now and then.
func (n *line) refresh() {
	done := 0
	for _, b := range n.buckets {
		if len(b.queue) == 0 {
			continue
		}
		for other := range b.queue {
			if other == n || other.running || other.known == other.calls || other.l.outage != nil {
				continue
			}
			if done++; done > refreshes {
				return
			}
			other.script(nil)
			other.kick()
		}
	}
}

// runScript runs one script with what there is to say.
func (n *line) runScript() {
	ask := n.nextAsk()
	if ask != nil {
		n.refresh()
		if n.l.outage != nil {
			n.asks = append(n.asks, ask)
			return
		}
	}
	n.script(ask)
}

// mostScripts bounds how many scripts of lines are under way at once. With thousands of lines that come at one moment each would else wait so long for a
// connection and for the others that the server would seem to be away.
const mostScripts = 16

// slot waits until a script of the line may be run. The lock is given up meanwhile.
func (n *line) slot() bool {
	l := n.l
	n.running = true
	l.mu.Unlock()
	ok := false
	select {
	case l.slots <- struct{}{}:
		ok = true
	case <-l.ctx.Done():
	}
	l.mu.Lock()
	if ok && (l.outage != nil || l.ctx.Err() != nil) {
		<-l.slots
		ok = false
	}
	n.running = false
	return ok
}

// script runs a script: for the calls that wait, or for one that asks. The lock is given up meanwhile.
func (n *line) script(ask *caller) {
	if ask != nil && ask.state != asking {
		return
	}
	l := n.l
	if n.running || !n.slot() {
		if ask != nil {
			n.asks = append([]*caller{ask}, n.asks...)
		}
		return
	}
	now := time.Now()
	var s step
	s.party, s.host = n.party, l.host
	s.ahead = min(max(2*l.trip+2*time.Millisecond, 4*time.Millisecond), 250*time.Millisecond)
	s.keep = l.keepAlive()
	var shown []*caller
	estimate := false
	if ask != nil {
		s.bound = max(ask.bound-now.Sub(ask.arrived), 0)
		s.before, s.peers = n.waiting.ahead(ask)
		s.heads = []head{{priority: ask.priority, waited: now.Sub(ask.arrived), calls: 1}}
		s.calls = n.calls + 1
		shown = []*caller{ask}
		estimate = n.calls > 0
	} else {
		s.bound = -1
		s.calls = n.calls
		shown = n.show(&s, now)
		n.urgent = false
	}
	n.fill(&s, now)
	replies, cameAt, returns := n.replies, n.cameAt, n.returns
	n.replies, n.cameAt, n.returns = nil, nil, nil
	debt := s.debt
	n.running = true
	l.mu.Unlock()
	ctx, cancel := context.WithTimeout(l.ctx, budget)
	a, err := s.run(ctx, l.server, n.keys)
	cancel()
	took := time.Since(now)
	<-l.slots
	l.mu.Lock()
	n.running = false
	if ask != nil && (err != nil || l.ctx.Err() != nil) {
		n.asks = append([]*caller{ask}, n.asks...) // it is told another way
	}
	if l.ctx.Err() != nil {
		return
	}
	if err != nil {
		for i, b := range n.buckets {
			b.debt += debt[i]
		}
		if took > 2*budget && !n.stopped { // this process was: that says nothing of the server
			n.stopped = true
			n.urgent = true
			n.replies, n.cameAt, n.returns = append(replies, n.replies...), append(cameAt, n.cameAt...), append(returns, n.returns...)
			return
		}
		l.lose(n, err)
		return
	}
	n.stopped = false
	if l.trip == 0 {
		l.trip = took
	}
	l.trip += (took - l.trip) / 8
	if n.changes(&a, replies, s.calls, now) {
		n.wakeNext()
	}
	n.learn(&a, now)
	if !estimate {
		n.known = s.calls - len(a.grants)
		if a.refused {
			n.known = 0
		}
		n.placed = s.calls > len(a.grants) && !(ask != nil && a.refused)
		n.back = now.Add(took + a.back) // not sooner, or it is a moment too soon
	}
	if ask != nil && (estimate || a.refused || ask.over && len(a.grants) == 0) {
		n.answerAsk(ask, &a)
	} else {
		if ask != nil && ask.state == asking && !ask.over {
			n.enter(ask)
			ask.shown = true
		}
		n.distribute(&a, shown, now, took)
	}
	if c := n.first(); c != nil && !c.shown && l.outage == nil {
		n.urgent = true // it came meanwhile
	}
}

// keepAlive is how often who waits must say so: with many lines more seldom, so that no server sees more than some 250 scripts a second and process of it.
func (l *Limiter) keepAlive() time.Duration {
	return max(time.Second, time.Duration(l.polls)*time.Second/250)
}

// fill puts into a step what rides on any.
func (n *line) fill(s *step, now time.Time) {
	s.seen, s.debt = make([]int64, len(n.buckets)), make([]int64, len(n.buckets))
	for i, b := range n.buckets {
		if now.Before(b.full.Add(2 * n.l.keepAlive())) { // who waits has looked since then; others may have taken
			s.seen[i] = b.seen
		}
		if b.owes(now) {
			s.debt[i] = b.debt
		}
		b.debt = 0
	}
	for i := range n.replies {
		n.replies[i].ago = now.Sub(n.cameAt[i])
	}
	s.replies, s.returns = n.replies, n.returns
}

// nextAsk is the call to ask for in the next script; nil: that is for those that wait. Both have their turns.
func (n *line) nextAsk() *caller {
	for len(n.asks) > 0 && n.asks[0].state != asking {
		n.asks = n.asks[1:]
	}
	if len(n.asks) == 0 || n.asked && n.calls > 0 && (n.urgent || !time.Now().Before(n.back)) {
		n.asked = false
		return nil
	}
	n.asked = true
	c := n.asks[0]
	n.asks = n.asks[1:]
	return c
}

// maxLevels bounds how many priorities a script is told of beside those of its heads: as many as it looks at of others.
const maxLevels = 32

// show puts the calls that the server is to know of into a step. Of more priorities than it may those are told whose calls have waited longest, so that none
// waits for ever.
func (n *line) show(s *step, now time.Time) (shown []*caller) {
	tell := func(c *caller) {
		shown = append(shown, c)
		c.shown = true
	}
	var rest []*level
	left := 0
	for _, l := range n.levels {
		c := l.first
		for ; c != nil && len(s.heads) < maxHeads; c = c.behind {
			s.heads = append(s.heads, head{c.priority, now.Sub(c.arrived), 1})
			tell(c)
		}
		if c != nil && c == l.first {
			rest = append(rest, l)
			left += l.calls
		}
	}
	if len(rest) > maxLevels {
		slices.SortFunc(rest, func(a, b *level) int { return a.first.arrived.Compare(b.first.arrived) })
		rest = rest[:maxLevels]
		slices.SortFunc(rest, func(a, b *level) int { return b.priority - a.priority })
	}
	for _, l := range rest {
		s.levels = append(s.levels, head{l.priority, now.Sub(l.first.arrived), l.calls})
		tell(l.first)
		left -= l.calls
	}
	if left > 0 {
		s.levels[len(s.levels)-1].calls += left // the others count with it until theirs are to be shown
	}
	return shown
}

// changes reports whether what was just told is news for the lines that share a bucket with this one.
func (n *line) changes(a *answer, replies []replied, calls int, ran time.Time) bool {
	for i := range replies {
		if replies[i].reply.Throttled {
			return true
		}
	}
	for i, b := range n.buckets {
		if a.buckets[i].rate > b.rate && b.rate > 0 {
			return true
		}
	}
	lost := ran.Before(n.back) && len(a.grants) == 0 && ran.Add(a.back).After(n.back) // the place that it had in a wider queue
	return n.placed && (calls == 0 || lost)
}

// wakeNext has the line look that would be the next to do so, of each bucket that this one shares: its turn may have come. That is for those of this
// process; another finds out when it comes back.
func (n *line) wakeNext() {
	for _, b := range n.buckets {
		var next *line
		for other := range b.queue {
			if other != n && !other.running && (next == nil || other.back.Before(next.back)) {
				next = other
			}
		}
		if next != nil {
			next.urgent = true
			next.kick()
		}
	}
}

// learn takes note of how the buckets stand.
func (n *line) learn(a *answer, ran time.Time) {
	n.standing, n.stood = a.buckets, ran
	for i, b := range n.buckets {
		s := &a.buckets[i]
		b.rate, b.lag = s.rate, s.lag
		b.looked, b.crowded = ran, s.calls > 0
		if full := ran.Add(s.full); b.seen <= s.takes || full.After(b.full) {
			b.seen, b.full, b.next = s.takes, full, ran.Add(s.next)
		}
	}
}

// distribute gives the grants to their calls, and those of calls that are gone to others.
func (n *line) distribute(a *answer, shown []*caller, ran time.Time, took time.Duration) {
	if took > stale { // this process was stopped
		n.returns = append(n.returns, a.grants...)
		n.urgent = n.calls > 0
		return
	}
	var spare []granted
	for _, g := range a.grants {
		if g.head < 0 || g.head >= len(shown) {
			continue
		}
		c := shown[g.head]
		if c.line != n || c.state != queued && !(c.state == asking && c.over) {
			spare = append(spare, g)
			continue
		}
		n.give(c, g, ran.Add(took+g.delay), took)
	}
	for _, g := range spare {
		if c := n.first(); c != nil {
			n.give(c, g, ran.Add(took+g.delay), took)
		} else {
			n.returns = append(n.returns, g)
		}
	}
}

// batch is how many asks one answer serves.
const batch = 64

// answerAsk tells a call, and those behind it that the same answer serves, how long they would wait, or lets them wait.
func (n *line) answerAsk(c *caller, a *answer) {
	s := &a.buckets[a.longest]
	v := verdict{a.wait, &n.buckets[a.longest].limit, s.rate, s.burst}
	step := n.step(a.longest)
	before, _ := n.waiting.ahead(c)
	n.judge(c, v)
	for range batch {
		if len(n.asks) == 0 || n.asks[0].priority != c.priority || n.asks[0].state == asking && n.calls == 0 && !a.refused {
			return
		}
		next := n.asks[0]
		n.asks = n.asks[1:]
		if next.state != asking {
			continue
		}
		its, _ := n.waiting.ahead(next)
		of := v
		of.wait = max(of.wait+time.Duration(its-before)*step, 0)
		n.judge(next, of)
	}
}

// judge refuses a call that would wait too long, and lets another wait.
func (n *line) judge(c *caller, v verdict) {
	if c.state != asking {
		return
	}
	if c.over || v.wait+time.Since(c.arrived) > c.bound {
		n.refuse(c, v)
		return
	}
	n.enter(c)
}
