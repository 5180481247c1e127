package fleet

import (
	"context"
	"math"
	"slices"
	"strconv"
	"time"

	"github.com/openspapi/spapi"
)

// pathID is the buckets of a path, narrow to wide.
type pathID [3]bucketID

type bucketID struct {
	app, region, operation, seller, kind string
	scope                                spapi.LimitScope
	there                                bool
}

func keyOf(b *spapi.LimitBucket) bucketID {
	return bucketID{b.App, b.Region, b.Operation, b.Seller, b.Type, b.Scope, true}
}

// bucket is what this process knows of one.
type bucket struct {
	key   bucketID
	limit spapi.LimitBucket // as it was first named, the seller by the name that all processes know
	lines int               // that take from it
	queue map[*line]bool    // those of them in which calls wait

	rate float64       // in force, as last told; 0: not known
	lag  time.Duration // likewise
	seen int64         // the last take that is known of
	full time.Time     // by when the bucket is full, as far as is known
	next time.Time     // by when a call can be sent if nobody else comes, likewise

	looked  time.Time // when that was told
	crowded bool      // calls waited for it then

	incredible float64 // the last rate that was told and not believed
	share      *share  // of the outage
	debt       int64   // takes that the server doesn't know of
	owed       time.Time
}

// line is the calls of this process that wait for one path of buckets. While there are any, or something to tell, one goroutine polls: it runs a script
// at a time.
type line struct {
	l       *Limiter
	key     pathID
	buckets []*bucket
	keys    *keyring
	party   string
	used    time.Time

	waiting
	asks     []*caller // that must be told how long they would wait, or have
	polling  bool
	wake     chan struct{} // the poller
	urgent   bool          // a script must go at once
	asked    bool          // the last one was for an ask
	placed   bool          // the server may have a place for us
	running  bool          // a script is
	known    int           // calls that the server knows to wait
	back     time.Time     // when we promised to come back
	replies  []replied
	cameAt   []time.Time // of replies
	returns  []granted
	standing []standing
	stood    time.Time
	stopped  bool                    // this process was, during the last script
	shortest time.Duration           // latency
	late     map[int64]time.Duration // by how much later than usual a call was sent, by its take from the narrowest bucket
	alone    context.CancelFunc      // ends the wait for a grant of an outage; nil: none
}

// find is the line of a path, if there is one. l.mu is held.
func (l *Limiter) find(buckets []spapi.LimitBucket) *line {
	var path [3]spapi.LimitBucket
	return l.lines[l.keyOf(buckets, &path)]
}

// keyOf names the path as all processes know it.
func (l *Limiter) keyOf(buckets []spapi.LimitBucket, path *[3]spapi.LimitBucket) (key pathID) {
	for i := range buckets {
		path[i] = buckets[i]
		path[i].Seller, path[i].Alias = l.sellerOf(&buckets[i]), ""
		key[i] = keyOf(&path[i])
	}
	return key
}

// line is that of a path. It is made if there is none.
func (l *Limiter) line(buckets []spapi.LimitBucket) *line {
	var path [3]spapi.LimitBucket
	key := l.keyOf(buckets, &path)
	n := l.lines[key]
	if n == nil {
		n = l.newLine(key, path[:len(buckets)])
	}
	return n
}

func (l *Limiter) newLine(key pathID, path []spapi.LimitBucket) *line {
	l.forget(2)
	l.parties++
	n := &line{l: l, key: key, party: l.process + "-" + strconv.Itoa(l.parties), wake: make(chan struct{}, 1)}
	limits := make([]spapi.LimitBucket, len(path))
	for i := range path {
		b := l.buckets[key[i]]
		if b == nil {
			b = &bucket{key: key[i], limit: path[i]}
			l.buckets[key[i]] = b
		}
		b.lines++
		limits[i] = b.limit
		n.buckets = append(n.buckets, b)
	}
	n.keys = newKeyring(limits)
	l.lines[key] = n
	l.all = append(l.all, n)
	return n
}

// idle is how long a line is kept that nobody uses and whose buckets are full.
const idle = 10 * time.Minute

// forget looks at some lines whether they are needed. It is called for each that is made, with more than were made: so memory follows what is in use.
func (l *Limiter) forget(n int) {
	now := time.Now()
	for range min(n, len(l.all)) {
		l.hand %= len(l.all)
		n := l.all[l.hand]
		if !n.forgettable(now) {
			l.hand++
			continue
		}
		delete(l.lines, n.key)
		for _, b := range n.buckets {
			if b.lines--; b.lines == 0 {
				delete(l.buckets, b.key)
			}
		}
		last := len(l.all) - 1
		l.all[l.hand], l.all[last] = l.all[last], nil
		l.all = l.all[:last]
	}
}

func (n *line) forgettable(now time.Time) bool {
	if n.polling || n.calls > 0 || now.Sub(n.used) < idle {
		return false
	}
	for _, b := range n.buckets {
		if now.Before(b.full) || b.owes(now) {
			return false
		}
	}
	return true
}

// caller is a call that waits.
type caller struct {
	request  spapi.LimitRequest
	priority int
	bound    time.Duration // the longest that it may wait
	left     time.Duration // until the deadline of its context, if bounded
	bounded  bool
	arrived  time.Time
	line     *line

	state  stage
	shown  bool   // to the server, in the script that is under way or was the last
	over   bool   // its bound has passed: it only waits to be told
	level  *level // in which it waits; nil: it doesn't
	before *caller
	behind *caller
	told   chan struct{} // has one for it when it has got a grant or an error
	grant  spapi.LimitGrant
	due    time.Time
	usual  time.Duration // by how much later than due it is sent in any case
	err    error
}

type stage uint8

const (
	queued stage = iota // among those that wait
	asking              // among the asks
	served              // it has a grant or an error
	left                // nobody waits for it
)

// come takes in a call.
func (n *line) come(c *caller, now time.Time) {
	n.used = now
	switch {
	case n.l.outage != nil:
		n.comeAlone(n.l.outage, c, now)
		return
	case c.bound < horizon && !n.keeps(c, now):
		c.state = asking
		n.asks = append(n.asks, c)
	default:
		n.enter(c)
		if c.level.first != c {
			return // the server hears of it with the next script: others of this process go before it
		}
		n.urgent = true // or those of other processes might go before it for a while, or pass a lower priority that they don't know of
	}
	n.kick()
}

// enter puts a call among those that wait.
func (n *line) enter(c *caller) {
	c.state = queued
	c.shown = false
	n.add(c)
	if n.calls == 1 {
		for _, b := range n.buckets {
			if b.queue == nil {
				b.queue = map[*line]bool{}
			}
			b.queue[n] = true
		}
	}
}

// drop takes a call out from among those that wait, if it does.
func (n *line) drop(c *caller) {
	if n.remove(c); n.calls == 0 {
		for _, b := range n.buckets {
			delete(b.queue, n)
		}
	}
}

// keeps reports whether a call will surely not have to wait longer than it may, as the last reply has it: then nobody need be asked. Who would have to
// be told soon is asked for.
func (n *line) keeps(c *caller, now time.Time) bool {
	const fresh = time.Second
	if c.bound < fresh || now.Sub(n.stood) > fresh || n.standing == nil {
		return false
	}
	ahead, _ := n.ahead(c)
	for i := range n.standing {
		s := &n.standing[i]
		calls := ahead + s.calls
		step := n.step(i)
		wait := max(s.next, s.full+time.Duration(calls-s.burst+1)*step)
		if s.burst == 1 {
			wait += time.Duration(calls) * s.lag
		}
		if 2*wait+fresh/2 > c.bound {
			return false
		}
	}
	return true
}

// step is the time of one token.
func (n *line) step(i int) time.Duration {
	b := n.buckets[i]
	if b.limit.Window > 0 {
		return b.limit.Window / time.Duration(max(b.limit.Burst, 1))
	}
	rate := b.rate
	if rate <= 0 {
		rate = published(&b.limit)
	}
	return time.Duration(min(float64(time.Second)/rate, float64(365*24*time.Hour)))
}

// kick sees to it that somebody polls, now.
func (n *line) kick() {
	if n.l.ctx.Err() != nil {
		n.abandon(errClosed)
		return
	}
	if !n.polling {
		n.polling = true
		n.l.polls++
		n.l.run(n.poll)
		return
	}
	select {
	case n.wake <- struct{}{}:
	default:
	}
}

// leave takes a call out whose context has ended.
func (n *line) leave(c *caller) {
	switch c.state {
	case served:
		if c.err == nil {
			n.passOn(c)
		}
	case queued:
		was := n.first() == c
		n.drop(c)
		c.state = left
		n.changed(was)
	case asking:
		c.state = left
		if n.calls == 0 {
			n.kick()
		}
	}
}

// changed sees to it that the server is told when who left was the first.
func (n *line) changed(first bool) {
	if n.calls == 0 && n.alone != nil {
		n.alone()
	}
	if first || n.calls == 0 {
		n.urgent = true
		n.kick()
	}
}

// giveUp makes a call whose bound has passed ask how long it would have had to wait in all.
func (n *line) giveUp(c *caller) {
	if c.state != queued {
		return // it is told in any case
	}
	was := n.first() == c
	n.drop(c)
	c.over = true
	if n.l.outage != nil {
		if v := n.estimateAlone(n.l.outage, c, time.Now()); c.state != served {
			n.refuse(c, v)
		}
		n.changed(was)
		return
	}
	c.state = asking
	n.asks = append(n.asks, c)
	n.urgent = n.urgent || was
	n.kick()
}

// passOn gives the grant of a call that doesn't want it to the next one, or back.
func (n *line) passOn(c *caller) {
	c.state = left
	g := granted{takes: c.grant.Takes, rate: c.grant.Rate}
	if next := n.first(); next != nil {
		n.give(next, g, c.due, c.usual)
		n.changed(true)
		return
	}
	if n.l.outage == nil {
		n.returns = append(n.returns, g)
		n.kick()
	}
}

// again puts a call back whose grant has become stale, in its old place.
func (n *line) again(c *caller) {
	if n.l.outage == nil {
		n.returns = append(n.returns, granted{takes: c.grant.Takes})
	}
	n.enter(c)
	if n.first() == c {
		n.urgent = true
	}
	n.kick()
}

// give lets a call of the queue through.
func (n *line) give(c *caller, g granted, due time.Time, usual time.Duration) {
	n.drop(c)
	c.state, c.due, c.usual = served, due, usual
	c.grant.Takes, c.grant.Rate = g.takes, g.rate
	c.told <- struct{}{}
}

func (n *line) fail(c *caller, err error) {
	c.state, c.err = served, err
	c.told <- struct{}{}
}

// verdict is how long a call would have to wait, and for which limit longest.
type verdict struct {
	wait  time.Duration // from now
	limit *spapi.LimitBucket
	rate  float64
	burst int
}

// refuse tells a call that it would have to wait too long.
func (n *line) refuse(c *caller, v verdict) {
	r := &c.request
	wait := v.wait + time.Since(c.arrived)
	e := &spapi.LimitError{
		Operation: r.Buckets[0].Operation, Wait: wait, Max: r.MaxWait, Retry: r.Retry,
		Scope: v.limit.Scope, Type: v.limit.Type, Rate: v.rate, Burst: v.burst, Window: v.limit.Window,
	}
	if c.bounded && (r.MaxWait < 0 || wait <= r.MaxWait) {
		e.Max, e.Deadline = c.left, true
	}
	n.fail(c, e)
}

// abandon fails all that wait.
func (n *line) abandon(err error) {
	for c := n.first(); c != nil; c = n.first() {
		n.drop(c)
		n.fail(c, err)
	}
	for _, c := range n.asks {
		if c.state == asking {
			n.fail(c, err)
		}
	}
	n.asks = nil
}

// sentLate notes that a call went later than the server thinks: that is part of how late it arrives.
func (n *line) sentLate(take int64, by time.Duration) {
	if n.late == nil || len(n.late) > 100 { // nobody tells of the replies
		n.late = map[int64]time.Duration{}
	}
	n.late[take] = by
}

// The lag that a bucket must grow by for a reply to be told with no script due.
const lagGrowth = 20 * time.Millisecond

// mostReplies bounds what waits to be told.
const mostReplies = 32

// note keeps a reply for the next script, or has one run for it.
func (n *line) note(takes [3]int64, r spapi.LimitReply) {
	now := time.Now()
	late, ok := n.late[takes[0]]
	delete(n.late, takes[0])
	if ok && r.Latency >= 0 {
		r.Latency += late
	}
	if r.Latency >= 0 && (n.shortest == 0 || r.Latency < n.shortest) {
		n.shortest = r.Latency
	}
	urgent := r.Throttled
	for i, b := range n.buckets {
		switch s := b.limit.Scope; {
		case b.limit.Burst <= 1 && takes[i] != 0 && r.Latency >= 0: // who comes next waits for it
			urgent = true
		case s == spapi.LimitPerType && r.Refused:
			urgent = true
		case s == spapi.LimitPerSeller && r.Rate > 0 && r.Rate != b.rate && (n.calls > 0 || r.Rate < b.rate):
			urgent = true
		}
		if n.calls == 0 && min(r.Latency-n.shortest, max(time.Second, n.step(i))) > b.lag+lagGrowth {
			urgent = true
		}
	}
	if len(n.replies) == mostReplies && !n.dropReply() {
		return
	}
	n.replies, n.cameAt = append(n.replies, replied{takes: takes, reply: r}), append(n.cameAt, now)
	if urgent {
		n.urgent = true
		n.kick()
	}
}

// dropReply makes room: of successes the longest and the shortest tell most.
func (n *line) dropReply() bool {
	var longest, shortest, other *replied
	for i := range n.replies {
		r := &n.replies[i]
		switch {
		case r.reply.Throttled:
		case longest == nil:
			longest, shortest = r, r
		case r.reply.Latency > longest.reply.Latency:
			other, longest = longest, r
		case r.reply.Latency < shortest.reply.Latency:
			other, shortest = shortest, r
		default:
			other = r
		}
	}
	if other == nil {
		return false
	}
	i := slices.IndexFunc(n.replies, func(r replied) bool { return r == *other })
	n.replies, n.cameAt = slices.Delete(n.replies, i, i+1), slices.Delete(n.cameAt, i, i+1)
	return true
}

// believe takes a rate that is absurd out of a reply, and tells of it once.
func (b *bucket) believe(r *spapi.LimitReply) error {
	rate := r.Rate
	err := b.limit.CheckRate(*r)
	if err == nil {
		return nil
	}
	r.Rate = 0
	if rate == b.incredible || math.IsNaN(rate) && math.IsNaN(b.incredible) {
		return nil
	}
	b.incredible = rate
	return err
}
