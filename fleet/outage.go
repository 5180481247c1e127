package fleet

import (
	"context"
	"encoding/binary"
	"math/rand/v2"
	"time"

	"github.com/openspapi/spapi"
)

// outage is a time in which the server is away. Each process keeps to its share of every limit then, as many as there were processes: no process may
// know of another.
type outage struct {
	limiter spapi.Limiter
	since   time.Time
	keep    time.Duration   // how often who waited said so before, see keepAlive
	ctx     context.Context // ends with it
	end     context.CancelFunc
	counts  map[string]int  // processes, by application
	turns   map[string]turn // of this process, likewise, where it is known
	line    *line           // whose script failed; nil: it was a hello
}

// share is this process's share of a bucket in an outage.
type share struct {
	outage  *outage
	limit   spapi.LimitBucket
	divisor int       // at first the number of processes; more after 429s, since others may go on as if nothing was
	least   int       // that number
	calm    time.Time // when it last became smaller or larger
	opens   time.Time // when its first token comes, or came
	open    bool
	base    int64  // takes of the bucket before
	spent   int64  // takes from the share that stand for no call
	slots   *slots // nil: it has none
}

// slots are when this process may call, of a bucket too small to make up for calls that meet. Shares that begin at random meet, and go on meeting, as all have
// the same step. So the time of the server, as each process knows it by its last hello and by how long that is ago, is cut into cycles of one slot for each
// process, in order of names, which all see alike. Of a larger bucket only the first token comes in one.
type slots struct {
	turn  turn
	first time.Duration // from the start of a cycle to this process's slot
	wide  time.Duration // a slot
	cycle time.Duration
}

// past is the last slot that has begun, of those that are used: one of each so many.
func (s *slots) past(now time.Time, each int) time.Time {
	return now.Add(-(s.turn.server + now.Sub(s.turn.at) - s.first) % (s.cycle * time.Duration(each)))
}

// after is the next slot after a call. Who let its last one pass may call at any time, and then not at once again.
func (s *slots) after(now time.Time, each int) time.Time {
	next := s.past(now, each).Add(s.cycle * time.Duration(each))
	if next.Sub(now) < s.wide {
		next = next.Add(s.cycle * time.Duration(each))
	}
	return next
}

// tight reports whether a bucket holds too little to make up for calls that meet.
func (b *bucket) tight(processes int) bool {
	return b.limit.Scope == spapi.LimitPerSeller && b.limit.Burst < min(processes, enoughBurst)
}

// slotsOf are this process's slots for a bucket of tokens; nil: it has none. At a burst of 1 slots are wider, by as much as calls may arrive late. That isn't
// what was learned of it: a process may have learned more than another, and slots must be alike.
func (o *outage) slotsOf(b *bucket, processes int) *slots {
	turn, ok := o.turns[b.limit.App]
	if !ok || b.limit.Scope == spapi.LimitPerType || b.limit.Window > 0 {
		return nil
	}
	wide := time.Duration(min(margin*float64(time.Second)/b.pace(), float64(365*24*time.Hour)))
	if wide > horizon/mostDivided/time.Duration(processes) {
		return nil
	}
	if b.limit.Burst <= 1 {
		wide += max(slotLag, min(wide/10, time.Second))
	}
	s := &slots{turn: turn, wide: wide, cycle: wide * time.Duration(processes)}
	sum := hash([]string{bucketName(&b.limit), b.limit.Operation, b.limit.Region}) // or a process would call for all sellers at one moment
	s.first = wide*time.Duration(turn.rank) + time.Duration(binary.BigEndian.Uint64(sum[:8])>>1)%s.cycle
	return s
}

const (
	mostDivided = 8  // times the number of processes
	calmSteps   = 64 // without a 429, after which the divisor is halved

	enoughBurst = 10 // makes up for calls that meet
	slotLag     = 100 * time.Millisecond
	slotBurst   = 3 // of the limiter behind slots: these hold up, it keeps order
)

// lose makes this process go on alone.
func (l *Limiter) lose(n *line, err error) {
	if l.outage != nil || l.ctx.Err() != nil {
		return
	}
	now := time.Now()
	o := &outage{limiter: spapi.NewLimiter(), since: now, keep: l.keepAlive(), counts: map[string]int{}, turns: map[string]turn{}, line: n}
	o.ctx, o.end = context.WithCancel(l.ctx)
	most := 0
	for app, c := range l.apps {
		o.counts[app] = c.count(now, l.options.processes)
		most = max(most, o.counts[app])
		if !c.turn.at.IsZero() && now.Sub(c.turn.at) <= helloLife {
			o.turns[app] = c.turn
		}
	}
	l.outage = o
	for _, n := range l.all {
		if n.calls > 0 || len(n.asks) > 0 {
			n.kick()
		}
	}
	l.keepNow()
	log := l.options.logger()
	l.mu.Unlock()
	l.server.Drop()
	log.Warn("fleet: the server can't be used: this process goes on with its share of the limits", "error", explainScript(err), "processes", most)
	l.mu.Lock()
}

// regain ends an outage.
func (l *Limiter) regain(o *outage) {
	now := time.Now()
	l.outage = nil
	o.end()
	for app, n := range o.counts {
		if c := l.apps[app]; c != nil && c.known() {
			c.note(now, n) // a set that was lost says too few for a while
		}
	}
	for _, n := range l.all {
		if n.calls > 0 || len(n.asks) > 0 {
			n.urgent = true
			n.kick()
		}
	}
	log := l.options.logger()
	l.mu.Unlock()
	log.Info("fleet: the server is back: limits are shared again")
	l.mu.Lock()
}

// count is the number of processes of an application.
func (o *outage) count(l *Limiter, app string) int {
	if n, ok := o.counts[app]; ok {
		return n
	}
	return l.options.processes
}

// shareOf is the share of a bucket.
//
// What was left of the bucket when the server went, and what comes from then on, is divided by the number of processes. A part of a token is one in the
// process's slot, or at a random moment, or all processes would send at the same. Then there may be some more at a time than was left: half a token less for
// each makes up for that.
//
// What counts calls for a type, or those in a window, is not stretched: a pause of hours would become one of days. Each process keeps to it as it was told
// last. The price: where several ask for the same in an outage, Amazon refuses what is too much.
func (l *Limiter) shareOf(o *outage, b *bucket, now time.Time) *share {
	if b.share != nil && b.share.outage == o {
		return b.share
	}
	processes := o.count(l, b.limit.App)
	s := &share{outage: o, limit: b.limit, divisor: processes, least: processes, calm: now, base: b.seen}
	s.limit.Burst = max(1, b.limit.Burst/processes)
	if b.limit.Scope == spapi.LimitPerType || b.limit.Window > 0 {
		s.limit.Rate = b.pace() * float64(s.limit.Burst) / float64(max(b.limit.Burst, 1))
		s.opens = b.free(o.since)
	} else {
		s.limit.Rate = b.pace() / float64(processes)
		slots := o.slotsOf(b, processes)
		if slots != nil && b.tight(processes) {
			s.slots = slots
			s.begin(b, processes)
			b.share = s
			return s
		}
		wait := 1 - max(b.left(o, processes)/float64(processes)-0.5, 0)
		if slots == nil {
			wait -= rand.Float64()
		}
		s.opens = o.since.Add(time.Duration(wait * float64(s.step())))
		if slots != nil {
			s.opens = slots.past(s.opens, 1)
		}
	}
	b.share = s
	return s
}

// begin finds the first slot, where the share has slots: for what is left of the bucket, slots that have passed count. Where calls waited, what comes
// just after the server went is for one that it has let through.
func (s *share) begin(b *bucket, processes int) {
	from := s.outage.since.Add(-time.Duration(b.left(s.outage, processes) / b.pace() * float64(time.Second)))
	if b.crowded {
		from = from.Add(s.slots.wide)
	}
	s.opens = s.slots.past(from, 1).Add(s.slots.cycle)
	s.limit.Burst = slotBurst
}

// left is how many tokens the bucket had when the server went, as far as this process knows. One that it doesn't know counts as full, as it does for every
// limiter.
func (b *bucket) left(o *outage, processes int) float64 {
	at, burst := o.since, float64(max(b.limit.Burst, 1))
	if b.looked.IsZero() {
		return burst
	}
	if b.crowded && at.Sub(b.looked) < max(b.span(), 2*o.keep) {
		at = b.looked // what came since went to those that waited
	}
	left := burst - max(b.full.Sub(at), 0).Seconds()*b.pace()
	if b.owes(at) {
		left -= float64(b.debt) * float64(processes) // of an outage just before: the others have sent as much
	}
	return max(left, 0)
}

// free is when the next call could be sent, as far as this process knows.
func (b *bucket) free(since time.Time) time.Time {
	if b.debt > 0 && b.owed.After(b.next) {
		return b.owed
	}
	if b.next.IsZero() {
		return since.Add(-b.span())
	}
	return b.next
}

// pace is the rate in force.
func (b *bucket) pace() float64 {
	if b.rate > 0 {
		return b.rate
	}
	return published(&b.limit)
}

// step is the time of one token of the share.
func (s *share) step() time.Duration {
	if s.limit.Window > 0 {
		return s.limit.Window / time.Duration(s.limit.Burst)
	}
	if s.slots != nil {
		return s.slots.cycle * time.Duration(s.each())
	}
	return time.Duration(min(float64(time.Second)/s.limit.Rate, float64(365*24*time.Hour)))
}

// passed has a share with slots wait for the next one.
func (s *share) passed(now time.Time) {
	if s.slots != nil {
		s.opens = s.slots.after(now, s.each())
	}
}

// each is of how many slots one is used.
func (s *share) each() int { return s.divisor / s.least }

// start makes the share hold what has come since it opened: the limiter in it starts full.
func (s *share) start(now time.Time) {
	s.open = true
	if s.slots != nil {
		return
	}
	surplus := s.limit.Burst - 1 - int(now.Sub(s.opens)/s.step())
	for range surplus {
		if _, err := s.outage.limiter.Wait(s.outage.ctx, spapi.LimitRequest{Buckets: []spapi.LimitBucket{s.limit}, MaxWait: 0}); err != nil {
			break
		}
		s.spent++
	}
}

// shares are those of a line; wait is how long until all of them have had their first token.
func (n *line) shares(o *outage, now time.Time) (path []spapi.LimitBucket, wait time.Duration) {
	for _, b := range n.buckets {
		s := n.l.shareOf(o, b, now)
		wait = max(wait, s.opens.Sub(now))
		path = append(path, s.limit)
	}
	if wait > 0 {
		return path, wait
	}
	for _, b := range n.buckets {
		if !b.share.open {
			b.share.start(now)
		}
	}
	return path, 0
}

// comeAlone takes in a call during an outage.
func (n *line) comeAlone(o *outage, c *caller, now time.Time) {
	if c.bound < horizon {
		if v := n.estimateAlone(o, c, now); c.state == served {
			return
		} else if v.wait > c.bound {
			n.refuse(c, v)
			return
		}
	}
	n.enter(c)
	n.kick()
}

// estimateAlone is how long a call would wait. If it need not, it may get its grant.
func (n *line) estimateAlone(o *outage, c *caller, now time.Time) verdict {
	path, wait := n.shares(o, now)
	ahead, _ := n.waiting.ahead(c)
	slow := n.buckets[0]
	for _, b := range n.buckets {
		if b.share.step() > slow.share.step() {
			slow = b
		}
	}
	s := slow.share
	v := verdict{wait + time.Duration(ahead)*s.step(), &s.limit, s.limit.Rate, s.limit.Burst}
	if s.slots != nil {
		v.rate, v.burst = 1/s.step().Seconds(), 1
	}
	if wait > 0 {
		return v
	}
	g, err := o.limiter.Wait(o.ctx, spapi.LimitRequest{Buckets: path, MaxWait: 0, Priority: c.priority})
	if err == nil {
		first := c
		if ahead > 0 {
			first = n.first()
		}
		n.giveAlone(o, first, g, 0)
		v.wait = max(v.wait-s.step(), 0)
		return v
	}
	if limit, ok := err.(*spapi.LimitError); ok { //nolint:errorlint // ours
		for _, b := range n.buckets {
			if b.limit.Scope == limit.Scope {
				v.limit = &b.share.limit
			}
		}
		v.rate, v.burst = limit.Rate, limit.Burst
		v.wait = limit.Wait + time.Duration(max(ahead-1, 0))*s.step()
	}
	return v
}

// serveAlone lets the next call of a line through, or tells how long until it may.
func (n *line) serveAlone(o *outage) (wait time.Duration) {
	now := time.Now()
	n.urgent, n.placed, n.standing = false, false, nil
	n.replies, n.cameAt, n.returns = nil, nil, nil
	asks := n.asks
	n.asks = nil
	for _, c := range asks {
		if c.state != asking {
			continue
		}
		v := n.estimateAlone(o, c, now)
		if c.state == asking {
			n.judge(c, v)
		}
	}
	if n.calls == 0 {
		return 0
	}
	path, wait := n.shares(o, now)
	if wait > 0 {
		return wait
	}
	ctx, cancel := context.WithCancel(o.ctx)
	defer cancel()
	n.alone = cancel
	r := spapi.LimitRequest{Buckets: path, MaxWait: -1, Priority: n.first().priority}
	n.l.mu.Unlock()
	g, err := o.limiter.Wait(ctx, r)
	n.l.mu.Lock()
	n.alone = nil
	if err != nil {
		return 0
	}
	if c := n.turn(); c != nil {
		n.giveAlone(o, c, g, n.scatter(c, now))
	}
	return 0
}

// scatter is by how much later a call is sent that has waited for a share since then: by a random part of the time of one token of the whole bucket. Shares'
// steps are multiples of it. So who is cut off alone would call at one moment of the others' step for ever: where that is one at which there is a token, it would
// never meet a 429, and go on with its whole share, for which the others meet them.
func (n *line) scatter(c *caller, since time.Time) time.Duration {
	now := time.Now()
	for _, b := range n.buckets {
		if s := b.share; s.limit.Scope == spapi.LimitPerSeller && s.least > 1 && s.slots == nil && n.roomy() {
			most := min(time.Duration(float64(time.Second)/b.pace()), now.Sub(since), c.bound-now.Sub(c.arrived))
			return time.Duration(rand.Float64() * float64(max(most, 0)))
		}
	}
	return 0
}

// giveAlone lets a call through that the server will be told of, to be sent after a while.
func (n *line) giveAlone(o *outage, c *caller, g spapi.LimitGrant, after time.Duration) {
	now := time.Now()
	grant := granted{rate: g.Rate}
	for i, b := range n.buckets {
		s := b.share
		grant.takes[i] = s.base + g.Takes[i] - s.spent
		b.owe(1, now)
		s.passed(now)
		if s.divisor > s.least && now.Sub(s.calm) > calmSteps*s.step() {
			n.divide(b, g, max(s.divisor/2, s.least))
		}
	}
	if n.roomy() {
		_ = o.limiter.Observe(o.ctx, g, spapi.LimitReply{})
	}
	n.give(c, grant, now.Add(after), 0)
}

// roomy reports whether each bucket holds more than one token on Amazon's side. Then a share of one token needn't wait for each call to have arrived: what is
// late meets the tokens of the others.
func (n *line) roomy() bool {
	for _, b := range n.buckets {
		if b.limit.Burst < 2 {
			return false
		}
	}
	return true
}

// owe notes takes that the server doesn't know of.
func (b *bucket) owe(takes int64, now time.Time) {
	if !b.owes(now) {
		b.debt = 0
	}
	b.debt += takes
	b.owed = now.Add(b.span())
}

// owes reports whether the server must be told of them still: until even an empty bucket would be full. Where others have shares beside this one, that begins
// when all have had their turn after it: so much later there is as little in it.
func (b *bucket) owes(now time.Time) bool {
	until := b.owed
	if s := b.share; s != nil && s.limit.Scope != spapi.LimitPerType && s.limit.Window == 0 {
		until = until.Add(s.step())
	}
	return b.debt > 0 && now.Before(until)
}

// span is the time in which the whole bucket fills.
func (b *bucket) span() time.Duration {
	if b.limit.Window > 0 {
		return b.limit.Window
	}
	return time.Duration(min(float64(max(b.limit.Burst, 1))*1.01*float64(time.Second)/b.pace(), float64(365*24*time.Hour)))
}

// divide changes the share of the seller's bucket.
func (n *line) divide(b *bucket, g spapi.LimitGrant, divisor int) {
	s := b.share
	s.divisor, s.calm = divisor, time.Now()
	if s.slots != nil {
		s.passed(s.calm)
		return
	}
	n.tellRate(s, g, b.pace()/float64(divisor))
}

// tellRate lets the limiter of the outage know the rate of a share.
func (n *line) tellRate(s *share, g spapi.LimitGrant, rate float64) {
	if s.limit.Scope != spapi.LimitPerSeller || s.limit.Window > 0 {
		return
	}
	s.limit.Rate = rate
	_ = s.outage.limiter.Observe(s.outage.ctx, spapi.LimitGrant{Buckets: []spapi.LimitBucket{s.limit}}, spapi.LimitReply{Rate: rate, Emulated: true})
}

// observeAlone takes note of a reply during an outage.
func (n *line) observeAlone(o *outage, takes [3]int64, r spapi.LimitReply) {
	now := time.Now()
	var g spapi.LimitGrant
	rate := r.Rate
	r.Rate = 0
	for i, b := range n.buckets {
		s := n.l.shareOf(o, b, now)
		g.Buckets = append(g.Buckets, s.limit)
		if takes[i] > s.base {
			g.Takes[i] = takes[i] - s.base + s.spent
		}
		if s.limit.Scope != spapi.LimitPerSeller {
			continue
		}
		if rate > 0 && rate != b.rate {
			b.rate = rate
			if s.slots != nil {
				n.tellRate(s, g, rate/float64(s.least))
				s.slots = o.slotsOf(b, s.least)
				s.passed(now)
			} else {
				n.tellRate(s, g, rate/float64(s.divisor))
			}
		}
		if r.Throttled {
			n.divide(b, g, min(2*s.divisor, mostDivided*s.least))
			r.Throttled = s.slots == nil // its slots wait, and more would have it miss the next one
		}
	}
	if n.roomy() {
		r.Latency = 0
		if !r.Throttled {
			g.Takes = [3]int64{} // that it arrived was told when it was let through
		}
	}
	_ = o.limiter.Observe(o.ctx, g, r)
}
