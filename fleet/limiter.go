package fleet

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"math"
	"os"
	"sync"
	"time"

	"github.com/openspapi/spapi"
)

// Limiter is a [spapi.Limiter] for all processes that have one on the same server. Where the server doesn't answer within 250 ms each goes on with its
// share of the limits, until it answers again; the logger is told once of either. See [NewLimiter].
//
// Its work in the background ends by itself some seconds after the last call.
type Limiter struct {
	server  Server
	options options
	process string // a random name
	host    string // "host/pid"

	ctx  context.Context // ends with Close
	stop context.CancelFunc
	work sync.WaitGroup // what goes on in the background

	mu      sync.Mutex // held for moments, never while the server is asked
	lines   map[pathID]*line
	all     []*line // the same
	hand    int     // goes round all of them
	buckets map[bucketID]*bucket
	sellers map[sellerKey]*seller
	apps    map[string]*census
	parties int
	polls   int       // lines that poll
	stamp   time.Time // of the last who came
	calls   int       // that wait
	called  time.Time // when the last one came or went
	keeping bool
	wake    chan struct{} // the keeper
	slots   chan struct{} // one for each script of a line that is under way
	outage  *outage       // nil: the server is there
	trip    time.Duration // mean round trip
}

// NewLimiter makes a limiter on a server. It sends nothing yet. Close it when the process needs it no more.
func NewLimiter(server Server, list ...Option) *Limiter {
	host, err := os.Hostname()
	if err != nil {
		host = "?"
	}
	l := &Limiter{
		server: server, options: newOptions(list), process: rand.Text(), host: fmt.Sprintf("%s/%d", host, os.Getpid()),
		lines: map[pathID]*line{}, buckets: map[bucketID]*bucket{}, sellers: map[sellerKey]*seller{}, apps: map[string]*census{},
		wake: make(chan struct{}, 1), slots: make(chan struct{}, mostScripts),
	}
	l.ctx, l.stop = context.WithCancel(context.Background())
	return l
}

// errClosed is what calls get of a closed limiter.
var errClosed = errors.New("fleet: the limiter is closed")

// Close ends the limiter: calls that wait and those that come fail. It returns when nothing of it runs any more, and always nil.
func (l *Limiter) Close() error {
	l.mu.Lock()
	if l.ctx.Err() == nil {
		l.stop()
		for _, n := range l.all {
			n.abandon(errClosed)
		}
	}
	l.mu.Unlock()
	l.work.Wait()
	return nil
}

// run does something in the background. l.mu is held.
func (l *Limiter) run(f func()) { l.work.Go(f) }

// horizon is longer than any wait.
const horizon = time.Duration(math.MaxInt64 / 4)

// Wait is that of [spapi.Limiter]. It fails once the limiter is closed.
func (l *Limiter) Wait(ctx context.Context, r spapi.LimitRequest) (spapi.LimitGrant, error) {
	if err := r.Check(); err != nil {
		return spapi.LimitGrant{}, err
	}
	if err := ctx.Err(); err != nil {
		return spapi.LimitGrant{}, err
	}
	c := &caller{request: r, priority: min(max(r.Priority, -1000), 1000), bound: horizon, told: make(chan struct{}, 1)}
	if r.MaxWait >= 0 {
		c.bound = r.MaxWait
	}
	if deadline, ok := ctx.Deadline(); ok {
		c.left, c.bounded = time.Until(deadline), true
		c.bound = min(c.bound, c.left)
	}
	if err := l.nameSellers(ctx, r.Buckets); err != nil {
		return spapi.LimitGrant{}, err
	}
	l.mu.Lock()
	if l.ctx.Err() != nil {
		l.mu.Unlock()
		return spapi.LimitGrant{}, errClosed
	}
	now := time.Now()
	if !now.After(l.stamp) {
		now = l.stamp.Add(time.Microsecond) // who came first is seen by that
	}
	c.arrived, l.stamp = now, now
	l.count(r.Buckets, 1)
	c.line = l.line(r.Buckets)
	c.line.come(c, now)
	l.mu.Unlock()
	g, err := l.await(ctx, c)
	l.mu.Lock()
	l.count(r.Buckets, -1)
	l.mu.Unlock()
	return g, err
}

// count counts a call that waits, of its application and seller, which must not be forgotten meanwhile. l.mu is held.
func (l *Limiter) count(buckets []spapi.LimitBucket, n int) {
	now := time.Now()
	l.calls += n
	l.called = now
	l.keep(buckets[0].App, now).calls += n
	for i := range buckets {
		if s := l.sellers[sellerKey{buckets[i].App, buckets[i].Seller}]; s != nil {
			s.calls += n
			s.used = now
		}
	}
}

// stale is how long after its time a grant may be used: what a process takes that was stopped meanwhile is taken anew.
const stale = time.Second

// await waits until the call may be sent.
func (l *Limiter) await(ctx context.Context, c *caller) (spapi.LimitGrant, error) {
	var bound <-chan struct{}
	if c.request.MaxWait >= 0 {
		b, stop := context.WithTimeout(context.Background(), c.request.MaxWait)
		defer stop()
		bound = b.Done()
	}
	for {
		select {
		case <-c.told:
		case <-bound:
			bound = nil
			l.mu.Lock()
			c.line.giveUp(c)
			l.mu.Unlock()
			continue
		case <-ctx.Done():
			l.mu.Lock()
			err := ctx.Err()
			c.line.leave(c)
			l.mu.Unlock()
			return spapi.LimitGrant{}, err
		}
		// Whoever told is done with it.
		if c.err != nil {
			return spapi.LimitGrant{}, c.err
		}
		if d := time.Until(c.due); d > 0 && !sleep(ctx, l.ctx, d) {
			l.mu.Lock()
			c.line.passOn(c)
			l.mu.Unlock()
			if err := ctx.Err(); err != nil {
				return spapi.LimitGrant{}, err
			}
			return spapi.LimitGrant{}, errClosed
		}
		if late := time.Since(c.due); late > stale {
			l.mu.Lock()
			c.line.again(c)
			l.mu.Unlock()
			continue
		} else if late > c.usual+time.Millisecond {
			l.mu.Lock()
			c.line.sentLate(c.grant.Takes[0], late-c.usual)
			l.mu.Unlock()
		}
		c.grant.Buckets = c.request.Buckets
		return c.grant, nil
	}
}

// sleep reports whether the whole time has passed before either context ended.
func sleep(ctx, other context.Context, d time.Duration) bool {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return true
	case <-ctx.Done():
	case <-other.Done():
	}
	return false
}

// Observe is that of [spapi.Limiter]. It asks nobody, but of an unasked call: what it is told goes with the next script, or with one of its own in the
// background.
func (l *Limiter) Observe(_ context.Context, g spapi.LimitGrant, r spapi.LimitReply) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if len(g.Buckets) == 0 || l.ctx.Err() != nil {
		return nil
	}
	if r.Unasked {
		l.line(g.Buckets).oweUnasked()
		return nil
	}
	n := l.find(g.Buckets)
	if n == nil {
		return nil // never taken from, or forgotten
	}
	var err error
	for _, b := range n.buckets {
		if b.limit.Scope == spapi.LimitPerSeller {
			err = b.believe(&r)
		}
	}
	if err != nil {
		err = fmt.Errorf("fleet: %s: %w", g.Buckets[0].Operation, err)
	}
	if l.outage != nil {
		n.observeAlone(l.outage, g.Takes, r)
	} else {
		n.note(g.Takes, r)
	}
	return err
}

// oweUnasked notes a call that was sent without a grant. The server is told as of those of an outage, of which it doesn't know either, and at once: the
// process may end with the call.
func (n *line) oweUnasked() {
	now := time.Now()
	n.used = now
	for _, b := range n.buckets {
		b.owe(1, now)
		if o := n.l.outage; o != nil {
			s := n.l.shareOf(o, b, now)
			s.passed(now)
			_ = o.limiter.Observe(o.ctx, spapi.LimitGrant{Buckets: []spapi.LimitBucket{s.limit}}, spapi.LimitReply{Unasked: true})
		}
	}
	if n.l.outage != nil {
		return
	}
	if n.running { // it tells of another one
		n.note([3]int64{}, spapi.LimitReply{Latency: -1}) // so that there is something to tell, though no call waits
		n.urgent = true
		n.kick()
		return
	}
	n.script(nil)
	n.kick() // who came meanwhile waits for it
}
