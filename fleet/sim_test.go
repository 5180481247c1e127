package fleet

import (
	"container/heap"
	"context"
	"math/rand/v2"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/openspapi/spapi"
	"github.com/openspapi/spapi/internal/amazontest"
)

// TestServer is a server of package redistest.
type TestServer interface {
	Server
	Do(command string, args ...any) (any, error)
	Runs() int
}

// OpenServer starts a kind of server outside of a bubble of testing/synctest, and then opens it in one.
type OpenServer struct {
	Name  string
	Start func(testing.TB) func(testing.TB) TestServer
}

// OpenServers is set by servers_test.go.
var OpenServers []OpenServer

// onServers runs a test on each kind of server, on virtual time.
func onServers(t *testing.T, test func(t *testing.T, s TestServer)) {
	for _, kind := range OpenServers {
		t.Run(kind.Name, func(t *testing.T) {
			open := kind.Start(t)
			synctest.Test(t, func(t *testing.T) { test(t, open(t)) })
		})
	}
}

func sellerBucket(name string, rate float64, burst int) spapi.LimitBucket {
	return spapi.LimitBucket{App: "app", Region: "eu", Operation: "ordersv0.getOrders", Seller: name, Rate: rate, Burst: burst}
}

func appBucket(rate float64, burst int) spapi.LimitBucket {
	return spapi.LimitBucket{App: "app", Region: "eu", Operation: "ordersv0.getOrders", Scope: spapi.LimitPerApplication, Rate: rate, Burst: burst}
}

func typeBucket(seller, name string, rate float64, burst int) spapi.LimitBucket {
	b := sellerBucket(seller, rate, burst)
	b.Scope, b.Type = spapi.LimitPerType, name
	return b
}

// sim runs many processes in one goroutine: they do what a limiter does with its steps, as simply as can be, and all of them share the virtual clock. So what
// limit.lua decides is seen without what goroutines add.
type sim struct {
	t       *testing.T
	server  Server
	random  *rand.Rand
	events  events
	seq     int
	arrival time.Time // of the last call, see head
	runs    int
	ahead   time.Duration
}

func newSim(t *testing.T, server Server) *sim {
	return &sim{t: t, server: server, random: rand.New(rand.NewPCG(1, 2)), ahead: 4 * time.Millisecond}
}

type event struct {
	at  time.Time
	seq int
	do  func()
}

type events []event

func (e events) Len() int { return len(e) }
func (e events) Less(i, j int) bool {
	return e[i].at.Before(e[j].at) || e[i].at.Equal(e[j].at) && e[i].seq < e[j].seq
}
func (e events) Swap(i, j int) { e[i], e[j] = e[j], e[i] }
func (e *events) Push(x any)   { *e = append(*e, x.(event)) }
func (e *events) Pop() any {
	last := (*e)[len(*e)-1]
	*e = (*e)[:len(*e)-1]
	return last
}

func (s *sim) after(d time.Duration, do func()) {
	s.seq++
	heap.Push(&s.events, event{time.Now().Add(max(d, 0)), s.seq, do})
}

// run lets time pass.
func (s *sim) run(span time.Duration) {
	end := time.Now().Add(span)
	for len(s.events) > 0 && !s.events[0].at.After(end) {
		e := heap.Pop(&s.events).(event)
		time.Sleep(time.Until(e.at))
		e.do()
	}
	time.Sleep(time.Until(end))
}

// simCall is a call in a simulation.
type simCall struct {
	name     string
	priority int
	arrived  time.Time
	asked    time.Time // the same, but for the order among those of one moment
	sent     time.Time // zero: not yet
	takes    [3]int64
	done     func(c *simCall) // called when it is sent
}

// process is one process's calls for one path.
type process struct {
	s       *sim
	name    string
	k       *keyring
	waiting []*simCall
	replies []replied
	came    []time.Time // of replies
	wake    time.Time   // the next step
	dead    bool
	seen    []int64
	last    answer
	steps   int
}

func (s *sim) process(name string, path ...spapi.LimitBucket) *process {
	return &process{s: s, name: name, k: newKeyring(path)}
}

// call makes a call that waits.
func (p *process) call(name string, priority int, done func(c *simCall)) *simCall {
	c := p.enqueue(name, priority, done)
	if p.waiting[0] == c { // others of this process go before it in any case, and the step that lets them through tells of it
		p.step()
	}
	return c
}

// enqueue is call before the process has told anybody.
func (p *process) enqueue(name string, priority int, done func(c *simCall)) *simCall {
	stamp := time.Now()
	if !stamp.After(p.s.arrival) {
		stamp = p.s.arrival.Add(time.Microsecond)
	}
	p.s.arrival = stamp
	c := &simCall{name: name, priority: priority, arrived: time.Now(), asked: stamp, done: done}
	at, _ := slices.BinarySearchFunc(p.waiting, c, func(a, b *simCall) int {
		if a.priority != b.priority {
			return b.priority - a.priority
		}
		return a.asked.Compare(b.asked)
	})
	p.waiting = slices.Insert(p.waiting, at, c)
	return c
}

// request is the step that tells of all that wait.
func (p *process) request() (*step, []*simCall) {
	st := &step{party: p.name, host: "host/" + p.name, bound: -1, ahead: p.s.ahead, calls: len(p.waiting), seen: p.seen}
	now := time.Now()
	var shown []*simCall
	for i, c := range p.waiting {
		h := head{priority: c.priority, waited: now.Sub(c.asked), calls: 1}
		switch {
		case i < maxHeads:
			st.heads = append(st.heads, h)
			shown = append(shown, c)
		case c.priority == p.waiting[maxHeads-1].priority:
		case len(st.levels) > 0 && st.levels[len(st.levels)-1].priority == c.priority:
			st.levels[len(st.levels)-1].calls++
		default:
			st.levels = append(st.levels, h)
			shown = append(shown, c)
		}
	}
	st.replies, p.replies = p.replies, nil
	for i := range st.replies {
		st.replies[i].ago = now.Sub(p.came[i])
	}
	p.came = nil
	return st, shown
}

func (p *process) step() {
	if p.dead {
		return
	}
	st, shown := p.request()
	p.steps++
	p.s.runs++
	a := runStep(p.s.t, p.s.server, p.k, st)
	p.last = a
	var before time.Duration
	for _, g := range a.grants {
		c := shown[g.head]
		if g.delay < before || g.delay > p.s.ahead {
			p.s.t.Errorf("%s: a grant is due in %s, the one before in %s, ahead is %s", p.name, g.delay, before, p.s.ahead)
		}
		before = g.delay
		c.takes = g.takes
		p.waiting = slices.DeleteFunc(p.waiting, func(other *simCall) bool { return other == c })
		p.s.after(g.delay, func() {
			c.sent = time.Now()
			if c.done != nil {
				c.done(c)
			}
		})
	}
	p.wake = time.Time{}
	if len(p.waiting) == 0 {
		return
	}
	wake := time.Now().Add(a.back)
	p.wake = wake
	p.s.after(a.back, func() {
		if p.wake.Equal(wake) {
			p.step()
		}
	})
}

// reply tells of what came back for a call.
func (p *process) reply(c *simCall, r spapi.LimitReply) {
	p.replies = append(p.replies, replied{takes: c.takes, reply: r})
	p.came = append(p.came, time.Now())
	waits := slices.ContainsFunc(p.k.path, func(b spapi.LimitBucket) bool { return b.Burst == 1 })
	if waits || r.Throttled || len(p.replies) > 20 {
		p.step()
	}
}

func runStep(t testing.TB, server Server, k *keyring, s *step) answer {
	t.Helper()
	a, err := s.run(context.Background(), server, k)
	if err != nil {
		t.Fatal(err)
	}
	return a
}

// caller calls again and again until the end.
func (p *process) caller(name string, priority int, end time.Time, amazons []*amazontest.Bucket, latency func() (there, back time.Duration), served func()) {
	var again func()
	again = func() {
		if time.Now().After(end) || p.dead {
			return
		}
		p.call(name, priority, func(c *simCall) {
			there, back := latency()
			p.s.after(there, func() {
				ok := true
				for _, a := range amazons {
					ok = a.Take() && ok
				}
				p.s.after(back, func() {
					if p.dead {
						return
					}
					if served != nil {
						served()
					}
					p.reply(c, spapi.LimitReply{Latency: there + back, Throttled: !ok, Rate: p.k.path[0].Rate})
					again()
				})
			})
		})
	}
	again()
}

func (s *sim) near() (time.Duration, time.Duration) {
	whole := 20*time.Millisecond + time.Duration(s.random.Int64N(int64(100*time.Millisecond)))
	there := time.Duration(s.random.Int64N(int64(whole) + 1))
	return there, whole - there
}

// names in the order in which they were sent.
func names(calls ...*simCall) []string {
	slices.SortStableFunc(calls, func(a, b *simCall) int { return a.sent.Compare(b.sent) })
	var list []string
	for _, c := range calls {
		if c.sent.IsZero() {
			list = append(list, "never "+c.name)
			continue
		}
		list = append(list, c.name)
	}
	return list
}
