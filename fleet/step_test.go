package fleet

import (
	"context"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"strconv"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/openspapi/spapi"
	"github.com/openspapi/spapi/internal/amazontest"
)

// onRedis runs a test that many scripts are run in on a real server alone: in memory they take ten times as long.
func onRedis(t *testing.T, test func(t *testing.T, s TestServer)) {
	for _, kind := range OpenServers {
		if kind.Name == "redis" {
			open := kind.Start(t)
			synctest.Test(t, func(t *testing.T) { test(t, open(t)) })
		}
	}
}

// Many processes on one seller use what is allowed, evenly, without a 429, and ask little more than once per call.
func TestStepKeepsToPlan(t *testing.T) {
	onRedis(t, func(t *testing.T, server TestServer) {
		for _, c := range []struct {
			rate               float64
			burst              int
			processes, callers int
			used, perCall      float64
		}{
			{20, 10, 8, 4, 0.98, 1.5}, {100, 20, 8, 4, 0.98, 1.4}, {50, 10, 16, 8, 0.98, 1.5},
			{2, 2, 8, 4, 0.98, 6}, {1, 1, 8, 4, 0.92, 12}, {5, 1, 8, 4, 0.72, 5}, {0.5, 20, 8, 4, 0.98, 18},
		} {
			s := newSim(t, server)
			a := amazontest.New(c.rate, c.burst)
			span := time.Duration(max(400/c.rate, 30)) * time.Second
			end := time.Now().Add(span)
			counts := make([]int, c.processes)
			for i := range c.processes {
				p := s.process(fmt.Sprint("p", i), sellerBucket(fmt.Sprint(c.rate, "/", c.burst), c.rate, c.burst))
				for range c.callers {
					p.caller("c", 0, end, []*amazontest.Bucket{a}, s.near, func() { counts[i]++ })
				}
			}
			s.run(span)
			used, perCall := a.Used(span), float64(s.runs)/float64(a.Served)
			t.Logf("%g/s burst %d: %.1f %% used, %d throttled, %d–%d per process, %.2f scripts per call", c.rate, c.burst, 100*used, a.Throttled,
				slices.Min(counts), slices.Max(counts), perCall)
			if used < c.used || a.Throttled > 0 || perCall > c.perCall {
				t.Errorf("want %.1f %% at least, none, and %.1f at most", 100*c.used, c.perCall)
			}
			if spread := slices.Max(counts) - slices.Min(counts); float64(spread) > max(8, 0.05*float64(slices.Max(counts))) {
				t.Errorf("%v calls per process, want them even", counts)
			}
			s.run(time.Minute)
		}
	})
}

// Calls keep their places among those of other processes, though the network makes each run tell other times: else those whose turn it is are away, and
// tokens are lost.
func TestStepPlacesStay(t *testing.T) {
	onServers(t, func(t *testing.T, server TestServer) {
		k := newKeyring([]spapi.LimitBucket{sellerBucket("one", 0.001, 1)})
		tell := func(party string, late time.Duration, waited ...time.Duration) {
			st := &step{party: party, bound: -1, calls: len(waited)}
			for _, w := range waited {
				st.heads = append(st.heads, head{waited: w - late})
			}
			runStep(t, server, k, st)
		}
		places := func() string {
			list, err := server.Do("ZRANGE", k.keys[1], 0, -1)
			if err != nil {
				t.Fatal(err)
			}
			return fmt.Sprintf("%s", list)
		}
		tell("first", 0, time.Second)
		tell("a", 0, 900*time.Millisecond, 500*time.Millisecond, 499*time.Millisecond)
		tell("b", 0, 800*time.Millisecond, 501*time.Millisecond, 498*time.Millisecond)
		before := places()
		for i := range 4 {
			late := time.Duration(i) * 10 * time.Millisecond
			tell("a", -late, 900*time.Millisecond, 500*time.Millisecond, 499*time.Millisecond)
			tell("b", late, 800*time.Millisecond, 501*time.Millisecond, 498*time.Millisecond)
			if after := places(); after != before {
				t.Fatalf("the places were %s, and are %s", before, after)
			}
		}
		// One that is called off frees its place, and a new one stands behind those of its process.
		tell("a", 0, 500*time.Millisecond, 499*time.Millisecond, 0)
		if after := places(); after == before || strings.Count(after, "a:") != 3 {
			t.Errorf("the places are %s", after)
		}
	})
}

// Calls that come at one moment go in their order, whatever the names of their parties: their stamps are ahead of the clock then.
func TestStepSameMoment(t *testing.T) {
	onServers(t, func(t *testing.T, server TestServer) {
		k := newKeyring([]spapi.LimitBucket{sellerBucket(sellerName("one"), 1, 1)})
		runStep(t, server, k, &step{party: "x", bound: -1, calls: 1, heads: []head{{}}})
		tell := func(party string, waited time.Duration) answer {
			return runStep(t, server, k, &step{party: party, bound: -1, calls: 1, heads: []head{{waited: waited}}})
		}
		tell("b", -time.Microsecond)
		tell("a", -2*time.Microsecond)
		time.Sleep(900 * time.Millisecond)
		late := tell("a", 900*time.Millisecond-2*time.Microsecond)
		if early := tell("b", 900*time.Millisecond-time.Microsecond); early.back >= late.back {
			t.Errorf("who came first is to come back in %s, who came a microsecond later in %s", early.back, late.back)
		}
	})
}

// Who waits below others goes on counting those that pass it, though for a moment nobody else waits.
func TestStepCountsOn(t *testing.T) {
	onServers(t, func(t *testing.T, server TestServer) {
		k := newKeyring([]spapi.LimitBucket{sellerBucket(sellerName("one"), 10, 2)})
		start := time.Now()
		high := func() answer {
			return runStep(t, server, k, &step{party: "high", bound: -1, calls: 1, heads: []head{{priority: 5}}})
		}
		low := func() answer {
			return runStep(t, server, k, &step{party: "low", bound: -1, calls: 1, heads: []head{{waited: time.Since(start)}}})
		}
		high()
		high()
		passed := 0
		for ; passed < 20; passed++ {
			a := low() // nobody else waits, and nothing is left
			if len(a.grants) > 0 {
				t.Fatal("the low one went before it was due")
			}
			time.Sleep(a.buckets[0].next)
			if len(high().grants) == 0 {
				break
			}
		}
		if passed != 14 || len(low().grants) != 1 {
			t.Errorf("%d passed the low one before its turn, want 14", passed)
		}
	})
}

// Who leaves a narrow bucket's queue gives up the places that were for its calls in wider ones, though others wait there that go on to none.
func TestStepLeavesWiderBuckets(t *testing.T) {
	onServers(t, func(t *testing.T, server TestServer) {
		kind, own, other := typeBucket("", "A", 0.001, 1), sellerBucket(sellerName("one"), 1, 5), sellerBucket(sellerName("two"), 1, 5)
		one, two := newKeyring([]spapi.LimitBucket{kind, own}), newKeyring([]spapi.LimitBucket{kind, other})
		tell := func(k *keyring, party string, calls int) answer {
			st := &step{party: party, bound: -1, calls: calls}
			for i := range calls {
				st.heads = append(st.heads, head{waited: -time.Duration(i) * time.Microsecond})
			}
			return runStep(t, server, k, st)
		}
		tell(one, "first", 1)
		tell(one, "one", 2)
		tell(two, "two", 3)
		if n := tell(one, "one", 1).buckets[1].calls; n != 1 {
			t.Errorf("%d calls are said to wait for the seller, want the one that goes on to it", n)
		}
		tell(one, "one", 0)
		if a := tell(one, "nobody", 0); a.buckets[0].calls != 3 {
			t.Errorf("%d calls wait for the type, want 3", a.buckets[0].calls)
		}
		if dump := fmt.Sprint(server.Do("HGETALL", one.keys[5])); dump != "[] <nil>" {
			t.Errorf("the seller's queue has %s, want nobody", dump)
		}
	})
}

// Among all processes a higher priority goes first, then who came first, however many of them each process has.
func TestStepOrder(t *testing.T) {
	onServers(t, func(t *testing.T, server TestServer) {
		s := newSim(t, server)
		b := sellerBucket("one", 10, 2)
		var ps []*process
		for i := range 5 {
			ps = append(ps, s.process(fmt.Sprint("p", i), b))
		}
		ps[0].call("first", 0, nil)
		ps[0].call("second", 0, nil)
		var calls []*simCall
		for i := range 40 {
			s.run(time.Millisecond)
			p := ps[s.random.IntN(len(ps))]
			priority := []int{0, 0, 0, 5, -3}[s.random.IntN(5)]
			calls = append(calls, p.call(fmt.Sprint(priority, "/", i), priority, nil))
		}
		start := time.Now()
		s.run(20 * time.Second)
		want := slices.Clone(calls)
		slices.SortStableFunc(want, func(a, b *simCall) int { return b.priority - a.priority })
		got := names(slices.Clone(calls)...)
		// Lower levels have their turn in between: each level by itself is in order.
		for _, priority := range []int{5, 0, -3} {
			var level, wanted []string
			for _, n := range got {
				if strings.HasPrefix(n, fmt.Sprint(priority, "/")) {
					level = append(level, n)
				}
			}
			for _, c := range want {
				if c.priority == priority {
					wanted = append(wanted, c.name)
				}
			}
			if !slices.Equal(level, wanted) {
				t.Errorf("priority %d went as %v, want %v", priority, level, wanted)
			}
		}
		if got[0][:2] != "5/" || got[len(got)-1][:3] != "-3/" {
			t.Errorf("the order was %v, want the highest priority first", got)
		}
		if took := calls[0].sent.Sub(start); took > 3*time.Second {
			t.Errorf("the first call took %s", took)
		}
	})
}

// In a wider bucket the narrower ones take turns: one caller has its share beside many of another seller, in processes of their own.
func TestStepSellersTakeTurns(t *testing.T) {
	onRedis(t, func(t *testing.T, server TestServer) {
		for i, c := range []struct {
			callers   []int
			processes int
			rate      float64
			least     float64
		}{
			{[]int{100, 1}, 1, 10, 0.45}, {[]int{100, 1}, 4, 10, 0.45}, {[]int{60, 10, 2}, 2, 20, 0.31},
			{slices.Concat([]int{64}, slices.Repeat([]int{8}, 39)), 4, 50, 0.02},
		} {
			s := newSim(t, server)
			all := appBucket(c.rate, 5)
			all.App = fmt.Sprint(i)
			a := amazontest.New(c.rate, 5)
			end := time.Now().Add(time.Minute)
			served := make([]int, len(c.callers))
			soon := func() (time.Duration, time.Duration) { return 20 * time.Millisecond, 20 * time.Millisecond }
			for n, callers := range c.callers {
				b := sellerBucket(fmt.Sprint(n), 1000, 1000)
				b.App = all.App
				for k := range min(c.processes, callers) {
					p := s.process(fmt.Sprint("p", k, "-", n), b, all)
					for range callers / min(c.processes, callers) {
						p.caller("c", 0, end, []*amazontest.Bucket{a}, soon, func() { served[n]++ })
					}
				}
			}
			s.run(time.Minute)
			sum := 0
			for _, n := range served {
				sum += n
			}
			share := float64(slices.Min(served)) / float64(sum)
			t.Logf("%d sellers in %d processes: %.1f %% used, %d throttled, the least has %.3f, %d–%d, %.2f scripts per call",
				len(served), c.processes, 100*a.Used(time.Minute), a.Throttled,
				share, slices.Min(served), slices.Max(served), float64(s.runs)/float64(sum))
			if share < c.least || a.Used(time.Minute) < 0.97 || a.Throttled > 0 {
				t.Errorf("want %.2f at least, and 97 %% used, and no 429: %v", c.least, served)
			}
			s.run(time.Hour)
		}
	})
}

// Below a flood of three priorities the lowest is let through within 20 steps, and the highest keeps the most.
func TestStepNobodyStarves(t *testing.T) {
	onRedis(t, func(t *testing.T, server TestServer) {
		const rate = 10
		for i, buckets := range []func(caller string) []spapi.LimitBucket{
			func(string) []spapi.LimitBucket { return []spapi.LimitBucket{sellerBucket("one", rate, 5)} },
			func(caller string) []spapi.LimitBucket {
				return []spapi.LimitBucket{sellerBucket(caller, 1000, 1000), appBucket(rate, 5)}
			},
			func(caller string) []spapi.LimitBucket {
				return []spapi.LimitBucket{typeBucket("one", caller, 100, 100), sellerBucket("one", rate, 5)}
			},
		} {
			s := newSim(t, server)
			path := func(caller string) []spapi.LimitBucket {
				p := buckets(caller)
				for k := range p {
					p[k].App = fmt.Sprint(i)
				}
				return p
			}
			end := time.Now().Add(90 * time.Second)
			served := map[int]int{}
			latency := func() (time.Duration, time.Duration) { return 15 * time.Millisecond, 15 * time.Millisecond }
			for n := range 6 {
				priority := []int{9, 5, 1}[n%3]
				p := s.process(fmt.Sprint("p", n), path(fmt.Sprint("flood", priority))...)
				for range 10 {
					p.caller("f", priority, end, nil, latency, func() { served[priority]++ })
				}
			}
			low := s.process("low", path("low")...)
			var longest time.Duration
			asked := 0
			var again func()
			again = func() {
				start := time.Now()
				low.call("low", 0, func(*simCall) {
					longest = max(longest, time.Since(start))
					asked++
					s.after(1700*time.Millisecond, again)
				})
			}
			s.after(5*time.Second, again)
			s.run(90 * time.Second)
			share := float64(served[9]) / float64(served[9]+served[5]+served[1])
			t.Logf("case %d: %d calls, the longest wait was %.1f steps; the highest has %.2f: %v", i, asked, longest.Seconds()*rate, share, served)
			if asked < 10 || longest > 20*time.Second/rate+20*time.Millisecond || share < 13.0/15-0.01 { // each lower level of the flood has one turn of 15
				t.Error("want more than 10, 20 steps at most, and 13/15")
			}
			low.dead = true
			s.run(time.Hour)
		}
	})
}

// Of a lower priority a process shows its oldest call alone. When that has had its turn the process comes at once to say which is next: others would take the
// place for one that is still to be served, and stay away for as long as that takes.
func TestStepSaysWhoIsNext(t *testing.T) {
	onServers(t, func(t *testing.T, server TestServer) {
		k := newKeyring([]spapi.LimitBucket{sellerBucket("one", 10, 2)})
		start := time.Now()
		turns := 0
		for i := 0; turns == 0; i++ {
			st := &step{party: "p", bound: -1, calls: maxHeads + 3, levels: []head{{waited: time.Since(start), calls: 3}}}
			for range maxHeads {
				st.heads = append(st.heads, head{priority: 5, waited: time.Since(start)})
			}
			a := runStep(t, server, k, st)
			for _, g := range a.grants {
				if g.head == maxHeads {
					turns++
				}
			}
			if (turns > 0) != (a.back == 0) || i == 100 {
				t.Fatalf("run %d: grants %+v, to come back in %s", i, a.grants, a.back)
			}
			time.Sleep(a.back)
		}
	})
}

// Who waits and is killed loses its place 300 ms after it promised to be back, also where two in a row are dead.
func TestStepDeadParties(t *testing.T) {
	onServers(t, func(t *testing.T, server TestServer) {
		for i, path := range [][]spapi.LimitBucket{
			{sellerBucket("one", 2, 1)},
			{sellerBucket("two", 100, 10), appBucket(2, 1)},
		} {
			s := newSim(t, server)
			var ps []*process
			for n := range 4 {
				p := slices.Clone(path)
				if len(p) == 2 && n%2 == 1 {
					p[0].Seller = "other"
				}
				ps = append(ps, s.process(fmt.Sprint("p", i, n), p...))
			}
			var last time.Time
			var gap time.Duration
			sent := 0
			done := func(*simCall) {
				if !last.IsZero() {
					gap = max(gap, time.Since(last))
				}
				last = time.Now()
				sent++
			}
			for range 6 {
				for _, p := range ps {
					p.call("c", 0, done)
					s.run(time.Millisecond)
				}
			}
			s.run(3 * time.Second)
			ps[0].dead, ps[1].dead = true, true
			s.run(20 * time.Second)
			t.Logf("path %d: %d sent, the longest gap was %s", i, sent, gap)
			if gap > 3*time.Second || sent < 14 {
				t.Errorf("a gap of %s and %d calls sent; want 3 s at most, and all of the living: 12 and more", gap, sent)
			}
			if left := len(ps[2].waiting) + len(ps[3].waiting); left > 0 {
				t.Errorf("%d calls of the living still wait", left)
			}
		}
	})
}

// A queue that the server lost is rebuilt in the order of arrival, and what was taken is told by who has seen it: an emptied bucket
// doesn't pass for a full one.
func TestStepLostServer(t *testing.T) {
	onServers(t, func(t *testing.T, server TestServer) {
		s := newSim(t, server)
		b := sellerBucket("one", 2, 5)
		ps := []*process{s.process("p0", b), s.process("p1", b), s.process("p2", b)}
		for range 5 {
			ps[0].call("burst", 0, nil)
		}
		s.run(time.Millisecond)
		var calls []*simCall
		for i := range 9 {
			s.run(3 * time.Millisecond)
			calls = append(calls, ps[(i*2)%3].call(fmt.Sprint(i), 0, nil))
		}
		s.run(time.Second)
		before := names(slices.Clone(calls)...)
		sent := len(calls) - strings.Count(strings.Join(before, " "), "never")
		if _, err := server.Do("FLUSHALL"); err != nil {
			t.Fatal(err)
		}
		for _, p := range ps {
			p.seen = []int64{5 + int64(sent)}
		}
		flushed := time.Now()
		s.run(30 * time.Second)
		got := names(slices.Clone(calls)...)
		if want := []string{"0", "1", "2", "3", "4", "5", "6", "7", "8"}; !slices.Equal(got, want) {
			t.Errorf("the order was %v, want %v", got, want)
		}
		if n := calls[8].takes[0]; n != 14 {
			t.Errorf("the last take was number %d, want 14: ordinals go on", n)
		}
		next := calls[sent].sent.Sub(flushed)
		if next < 400*time.Millisecond || next > 1200*time.Millisecond {
			t.Errorf("the first call after the loss went after %s, want about a step: the bucket counts as empty", next)
		}
	})
}

// shifted is a server whose clock is off.
type shifted struct {
	TestServer
	by time.Duration
}

func (s *shifted) Run(ctx context.Context, script *Script, keys []string, args ...string) (any, error) {
	now := time.Now().Add(s.by).UnixMicro()
	moved := newScript(strings.ReplaceAll(script.Text, "redis.call('TIME')", "({ARGV[#ARGV-1],ARGV[#ARGV]})"))
	return s.TestServer.Run(ctx, moved, keys, append(args, strconv.FormatInt(now/1e6, 10), strconv.FormatInt(now%1e6, 10))...)
}

// The server's clock being put back stops nobody and gives nothing away; put on, it fills no bucket for longer than that.
func TestStepClockJumps(t *testing.T) {
	onRedis(t, func(t *testing.T, server TestServer) {
		moving := &shifted{TestServer: server}
		for _, path := range [][]spapi.LimitBucket{{sellerBucket("one", 5, 5)}, {sellerBucket("two", 100, 10), appBucket(5, 5)}} {
			moving.by = 10 * time.Minute
			s := newSim(t, moving)
			a := amazontest.New(5, 5)
			end := time.Now().Add(2 * time.Minute)
			served := map[int]int{}
			for i := range 4 {
				p := s.process(fmt.Sprint("p", i), path...)
				for range 3 {
					p.caller("c", 0, end, []*amazontest.Bucket{a}, s.near, func() { served[i]++ })
				}
			}
			s.run(time.Minute)
			moving.by -= 2 * time.Minute
			s.run(time.Minute)
			t.Logf("%d buckets: %.1f %% used, %d throttled, %v", len(path), 100*a.Used(2*time.Minute), a.Throttled, served)
			if a.Used(2*time.Minute) < 0.97 || a.Throttled > 0 {
				t.Error("want 97 % at least, and no 429")
			}
			s.run(time.Hour)
		}
	})
}

// dumped is all that lies on the server, but for the times of expiry.
func dumped(t *testing.T, server TestServer) string {
	t.Helper()
	keys, err := server.Do("KEYS", "*")
	if err != nil {
		t.Fatal(err)
	}
	var all []string
	for _, k := range keys.([]any) {
		key := string(k.([]byte))
		command := []any{"HGETALL", key}
		switch kind, _ := server.Do("TYPE", key); fmt.Sprint(kind) {
		case "string":
			command = []any{"GET", key}
		case "zset":
			command = []any{"ZRANGE", key, 0, -1, "WITHSCORES"}
		}
		v, err := server.Do(command[0].(string), command[1:]...)
		if err != nil {
			t.Fatal(err)
		}
		if ttl, _ := server.Do("PTTL", key); ttl.(int64) <= 0 {
			t.Errorf("%s never expires", key)
		}
		all = append(all, fmt.Sprintf("%s %s", key, v))
	}
	slices.Sort(all)
	return strings.Join(all, "\n")
}

// A refused call and one that only asks leave all as it was, and one that leaves takes nothing from any bucket.
func TestStepAllOrNone(t *testing.T) {
	onServers(t, func(t *testing.T, server TestServer) {
		path := []spapi.LimitBucket{typeBucket("one", "GET_X", 0.1, 1), sellerBucket("one", 1, 2), appBucket(0.5, 1)}
		k := newKeyring(path)
		first := runStep(t, server, k, &step{party: "a", bound: -1, heads: []head{{}}, calls: 1})
		if len(first.grants) != 1 || first.grants[0].takes != [3]int64{1, 1, 1} || first.grants[0].rate != 1 {
			t.Fatalf("the first call got %+v", first)
		}
		before := dumped(t, server)
		for range 5 {
			a := runStep(t, server, k, &step{party: "b", bound: 0, heads: []head{{}}, calls: 1})
			if !a.refused || a.wait < 9*time.Second || a.wait > 12*time.Second || a.longest != 0 || len(a.grants) > 0 {
				t.Fatalf("got %+v, want a refusal by the type's bucket", a)
			}
			runStep(t, server, k, &step{party: "b", bound: time.Hour, heads: []head{{}}, calls: 2})
			runStep(t, server, k, &step{party: "b", bound: -1})
		}
		if after := dumped(t, server); after != before {
			t.Errorf("refusals changed\n%s\nto\n%s", before, after)
		}
		for _, path := range [][]spapi.LimitBucket{path, path[1:], path[2:]} {
			k := newKeyring(path)
			joined := runStep(t, server, k, &step{party: "b", bound: -1, heads: []head{{}}, calls: 1})
			if len(joined.grants) > 0 || joined.back <= 0 || joined.buckets[0].calls != 1 {
				t.Fatalf("%d buckets: got %+v, want it to wait", len(path), joined)
			}
			left := runStep(t, server, k, &step{party: "b", bound: -1})
			for i, b := range left.buckets {
				if b.calls != 0 || b.takes != 1 {
					t.Errorf("%d buckets, %d: after leaving %+v", len(path), i, b)
				}
			}
			if keys, _ := server.Do("KEYS", "*:[pc]"); len(keys.([]any)) > 0 {
				t.Errorf("%d buckets: who left is still in %s", len(path), keys)
			}
		}
	})
}

// Who waits for its own bucket has no place in a wider one, and a pause of one type holds up no other.
func TestStepNobodyIsHeldUp(t *testing.T) {
	onServers(t, func(t *testing.T, server TestServer) {
		s := newSim(t, server)
		own, all := sellerBucket("one", 10, 5), appBucket(20, 5)
		slow := s.process("slow", typeBucket("one", "SLOW", 1.0/900, 1), own, all)
		quick := s.process("quick", typeBucket("one", "QUICK", 100, 10), own, all)
		plain := s.process("plain", own, all)
		slow.call("taken", 0, nil)
		var calls []*simCall
		for i := range 3 {
			calls = append(calls, slow.call(fmt.Sprint("slow ", i), 5, nil))
		}
		for i := range 20 {
			calls = append(calls, quick.call(fmt.Sprint("quick ", i), 0, nil), plain.call(fmt.Sprint("plain ", i), 0, nil))
		}
		start := time.Now()
		s.run(5 * time.Second)
		var last time.Duration
		for _, c := range calls[3:] {
			if c.sent.IsZero() {
				t.Fatalf("%s still waits", c.name)
			}
			last = max(last, c.sent.Sub(start))
		}
		if last > 4100*time.Millisecond {
			t.Errorf("40 calls of 10 per second went in %s, with a burst of 5", last)
		}
		order := names(slices.Clone(calls[3:])...)
		kinds := 0
		for i := 1; i < 20; i++ {
			if order[i][0] != order[i-1][0] {
				kinds++
			}
		}
		if kinds < 10 {
			t.Errorf("the order was %v, want the type and the other calls to take turns", order)
		}
		if !calls[0].sent.IsZero() {
			t.Error("the pause of the type was not kept")
		}
		s.run(20 * time.Minute)
		if wait := calls[0].sent.Sub(start); wait < 900*time.Second || wait > 906*time.Second {
			t.Errorf("the type's second call went after %s, want 900 s", wait)
		}
	})
}

// A take that nobody used is given back, but not if the bucket was full since.
func TestStepReturns(t *testing.T) {
	onServers(t, func(t *testing.T, server TestServer) {
		for _, burst := range []int{1, 3} {
			b := sellerBucket(fmt.Sprint(burst), 0.1, burst)
			k := newKeyring([]spapi.LimitBucket{b})
			take := func() answer {
				return runStep(t, server, k, &step{party: "p", bound: 0, heads: []head{{}}, calls: 1})
			}
			var unused granted
			for range burst {
				unused = take().grants[0]
			}
			if a := take(); !a.refused {
				t.Fatalf("burst %d: got %+v", burst, a)
			}
			runStep(t, server, k, &step{party: "p", bound: -1, returns: []granted{unused}})
			time.Sleep(200 * time.Millisecond) // the lag
			a := take()
			if a.refused {
				t.Fatalf("burst %d: what was given back can't be taken: %+v", burst, a)
			}
			if a := take(); !a.refused {
				t.Fatalf("burst %d: there was more than one: %+v", burst, a)
			}
			full := a.buckets[0].full
			time.Sleep(full + time.Second)
			late := a.grants[0]
			fresh := take()
			runStep(t, server, k, &step{party: "p", bound: -1, returns: []granted{late}})
			if a := runStep(t, server, k, &step{party: "p", bound: -1}); a.buckets[0].full < fresh.buckets[0].full {
				t.Errorf("burst %d: a take of before the bucket was full was given back: %s until it is full, before %s", burst, a.buckets[0].full, fresh.buckets[0].full)
			}
		}
	})
}

// A window lets its calls through in any span of its length; what did nothing doesn't count for limits per type.
func TestStepWindow(t *testing.T) {
	onServers(t, func(t *testing.T, server TestServer) {
		const window, burst = 5 * time.Minute, 5
		feeds := typeBucket("one", "JSON_LISTINGS_FEED", 0, burst)
		feeds.Window = window
		path := []spapi.LimitBucket{feeds, sellerBucket("one", 10, 20)}
		s := newSim(t, server)
		var sent []time.Time
		p, other := s.process("p", path...), s.process("other", path...)
		for i := range 40 {
			s.after(time.Duration(s.random.Int64N(int64(20*time.Minute))), func() {
				[]*process{p, other}[i%2].call("feed", 0, func(*simCall) { sent = append(sent, time.Now()) })
			})
		}
		s.run(2 * time.Hour)
		if len(sent) != 40 {
			t.Fatalf("%d calls were sent, want 40", len(sent))
		}
		for i := burst; i < len(sent); i++ {
			if gap := sent[i].Sub(sent[i-burst]); gap < window {
				t.Errorf("call %d went %s after the fifth before it", i, gap)
			}
		}
		if took := sent[39].Sub(sent[0]); took > 39*time.Minute {
			t.Errorf("40 calls took %s, want 35 minutes and little more", took)
		}
		s.run(time.Hour)
		k := newKeyring(path)
		take := func() answer {
			return runStep(t, server, k, &step{party: "p", bound: 0, heads: []head{{}}, calls: 1})
		}
		var takes []granted
		for range burst {
			takes = append(takes, take().grants[0])
		}
		a := take()
		if !a.refused || a.longest != 0 || a.wait < window || a.wait > window+2*time.Second {
			t.Fatalf("got %+v, want a refusal for five minutes", a)
		}
		reply := func(g granted, r spapi.LimitReply) {
			runStep(t, server, k, &step{party: "p", bound: -1, replies: []replied{{takes: g.takes, reply: r}}})
		}
		reply(takes[1], spapi.LimitReply{Refused: true})
		reply(takes[1], spapi.LimitReply{Refused: true})
		reply(takes[2], spapi.LimitReply{})
		if a := take(); a.refused {
			t.Errorf("a refused request counts: %+v", a)
		}
		if a := take(); !a.refused {
			t.Error("one refused request freed two")
		}
	})
}

// A pause has its token back when the request was refused, unless another was sent since.
func TestStepRefusedRequest(t *testing.T) {
	onServers(t, func(t *testing.T, server TestServer) {
		k := newKeyring([]spapi.LimitBucket{typeBucket("one", "GET_X", 1.0/900, 1), sellerBucket("one", 1, 5)})
		take := func() answer {
			return runStep(t, server, k, &step{party: "p", bound: 0, heads: []head{{}}, calls: 1})
		}
		reply := func(g granted, r spapi.LimitReply) {
			runStep(t, server, k, &step{party: "p", bound: -1, replies: []replied{{takes: g.takes, reply: r}}})
		}
		first := take().grants[0]
		if a := take(); !a.refused || a.longest != 0 {
			t.Fatalf("got %+v", a)
		}
		reply(first, spapi.LimitReply{Refused: true, Latency: 50 * time.Millisecond})
		second := take()
		if second.refused || second.buckets[1].takes != 2 {
			t.Fatalf("got %+v, want the type's token back, and the seller's not", second)
		}
		reply(first, spapi.LimitReply{Refused: true})
		if a := take(); !a.refused {
			t.Error("a refusal of an earlier request gave the token of the later one back")
		}
		reply(second.grants[0], spapi.LimitReply{Refused: true, Latency: -1})
		if third := take(); third.refused || third.buckets[1].takes != 3 {
			t.Errorf("after one without an answer: %+v, want the type's token back", third)
		}
	})
}

// The wait that a call is told is what one waits that stays, give or take a step, whoever else waits in which process.
func TestStepEstimates(t *testing.T) {
	onRedis(t, func(t *testing.T, server TestServer) {
		worst := 0.0
		for seed := range uint64(40) {
			s := newSim(t, server)
			s.random = rand.New(rand.NewPCG(seed, 3))
			app := fmt.Sprint(seed)
			all := appBucket(2, 1+s.random.IntN(3))
			all.App = app
			wide := seed%4 > 0
			var ps []*process
			for n := range 1 + s.random.IntN(4) {
				b := sellerBucket(fmt.Sprint(n), []float64{10, 10, 1, 0.5}[s.random.IntN(4)], []int{10, 3, 1}[s.random.IntN(3)])
				b.App = app
				if !wide {
					b.Rate, b.Burst = 1, 1+int(seed)%2*2
				}
				for k := range 1 + s.random.IntN(2) {
					path := []spapi.LimitBucket{b, all}
					if !wide {
						path = path[:1]
						path[0].Seller = "one"
					}
					ps = append(ps, s.process(fmt.Sprint("p", n, "-", k), path...))
				}
			}
			answered := func(p *process) func(c *simCall) {
				return func(c *simCall) { p.reply(c, spapi.LimitReply{}) }
			}
			for range 30 {
				p := ps[s.random.IntN(len(ps))]
				p.call("c", 0, answered(p))
				s.run(time.Duration(s.random.IntN(40)) * time.Millisecond)
			}
			s.run(2 * time.Second)
			p := ps[s.random.IntN(len(ps))]
			st, _ := (&process{s: s, name: p.name, k: p.k}).request()
			st.heads, st.calls, st.bound = []head{{}}, len(p.waiting)+1, 0
			st.before, st.peers = len(p.waiting), len(p.waiting)
			a := runStep(t, server, p.k, st)
			start := time.Now()
			c := p.call("asked", 0, nil)
			s.run(5 * time.Minute)
			waited := c.sent.Sub(start)
			off := (waited - a.wait).Seconds() * a.buckets[a.longest].rate
			worst = max(worst, math.Abs(off))
			if math.Abs(off) > 1.2 || a.refused != (waited > 0) {
				t.Errorf("seed %d: told %s by bucket %d, waited %s: %.2f steps off; %d waited before in its process", seed, a.wait, a.longest, waited, off, st.before)
			}
		}
		t.Logf("at most %.2f steps off", worst)
	})
}

// Whatever a process says, numbers on the server stay numbers, and a rate that is none changes nothing.
func TestStepAbsurd(t *testing.T) {
	onServers(t, func(t *testing.T, server TestServer) {
		const most = math.MaxInt64
		n := 0
		for _, rate := range []float64{0, -1, math.NaN(), math.Inf(1), 1e300, 1e-300, 5e-324, 1} {
			for _, burst := range []int{0, -5, 1, math.MaxInt} {
				for _, window := range []time.Duration{0, -1, 1, most} {
					b := spapi.LimitBucket{App: fmt.Sprint(n), Rate: rate, Burst: burst, Window: window}
					n++
					k := newKeyring([]spapi.LimitBucket{b})
					for range 3 {
						a := runStep(t, server, k, &step{party: "p", bound: -1, heads: []head{{priority: math.MaxInt, waited: most}, {priority: math.MinInt}}, calls: 2,
							ahead: most, keep: most, seen: []int64{-1}, debt: []int64{most >> 12},
							replies: []replied{{reply: spapi.LimitReply{Latency: most, Rate: rate, Emulated: true, Throttled: true}, ago: most}},
							returns: []granted{{takes: [3]int64{most, most, most}}}})
						if s := a.buckets[0]; !(s.rate > 0) || s.burst < 1 || s.lag < 0 || a.back > time.Minute {
							t.Fatalf("%+v: %+v", b, a)
						}
					}
				}
			}
		}
		if all := dumped(t, server); strings.Contains(all, "nan") || strings.Contains(all, "inf") || strings.Contains(all, "e+") {
			t.Error("a number on the server is none")
		}
		// The bucket goes on with a rate that is one.
		k := newKeyring([]spapi.LimitBucket{sellerBucket("x", 2, 2)})
		g := runStep(t, server, k, &step{party: "p", bound: -1, heads: []head{{}}, calls: 1}).grants[0]
		for _, rate := range []float64{math.NaN(), math.Inf(1), -1, 0} {
			a := runStep(t, server, k, &step{party: "p", bound: -1, replies: []replied{{takes: g.takes, reply: spapi.LimitReply{Rate: rate}}}})
			if a.buckets[0].rate != 2 {
				t.Errorf("%g made the rate %g", rate, a.buckets[0].rate)
			}
		}
	})
}

// What was sent in local mode is a debt, bounded by a bucket.
func TestStepDebt(t *testing.T) {
	onServers(t, func(t *testing.T, server TestServer) {
		k := newKeyring([]spapi.LimitBucket{sellerBucket("one", 1, 10)})
		for _, c := range []struct {
			debt int64
			full time.Duration
		}{{3, 3015 * time.Millisecond}, {4, 7035 * time.Millisecond}, {1000, 10050 * time.Millisecond}, {0, 10050 * time.Millisecond}} {
			a := runStep(t, server, k, &step{party: "p", bound: -1, debt: []int64{c.debt}})
			if a.buckets[0].full != c.full {
				t.Errorf("a debt of %d: full in %s, want %s", c.debt, a.buckets[0].full, c.full)
			}
		}
	})
}

// Nothing on the server tells a client id, a seller or an operation, and all keys of a path are in one slot.
func TestStepTellsNothing(t *testing.T) {
	onServers(t, func(t *testing.T, server TestServer) {
		canaries := []string{"amzn1.application-oa2-client.canary", "A1CANARYSELLER", "canary.operation", "eu-canary"}
		path := []spapi.LimitBucket{
			{App: canaries[0], Region: canaries[3], Operation: canaries[2], Scope: spapi.LimitPerType, Seller: sellerName(canaries[1]), Type: "GET_SOME_REPORT",
				Rate: 0.1, Burst: 1},
			{App: canaries[0], Region: canaries[3], Operation: canaries[2], Seller: sellerName(canaries[1]), Rate: 0.1, Burst: 1, Alias: "canary-alias"},
			{App: canaries[0], Region: canaries[3], Operation: canaries[2], Scope: spapi.LimitPerApplication, Rate: 0.1, Burst: 1},
		}
		k := newKeyring(path)
		for range 2 {
			runStep(t, server, k, &step{party: "p", host: "machine one/17", bound: -1, heads: []head{{}, {waited: time.Second}}, calls: 2})
		}
		all := dumped(t, server)
		for _, c := range append(canaries, "canary", "CANARY") {
			if strings.Contains(all, c) {
				t.Errorf("%q is on the server in clear", c)
			}
		}
		for _, want := range []string{"machine_one/17", "GET_SOME_REPORT"} {
			if !strings.Contains(all, want) {
				t.Errorf("%q isn't on the server, for people who ask who waits for what", want)
			}
		}
		slot := func(key string) string { return key[strings.Index(key, "{") : strings.Index(key, "}")+1] }
		for _, key := range k.keys {
			if slot(key) != slot(k.keys[0]) || !strings.HasPrefix(key, "spapi:{") {
				t.Errorf("%s and %s are not in one slot", key, k.keys[0])
			}
		}
	})
}

// Names are apart where buckets are.
func TestKeyringApart(t *testing.T) {
	base := typeBucket("one", "X", 1, 1)
	seen := map[string]string{strings.Join(newKeyring([]spapi.LimitBucket{base}).keys, " "): "the base"}
	for what, change := range map[string]func(*spapi.LimitBucket){
		"application": func(b *spapi.LimitBucket) { b.App = "other" },
		"region":      func(b *spapi.LimitBucket) { b.Region += "-sandbox" },
		"operation":   func(b *spapi.LimitBucket) { b.Operation += "s" },
		"seller":      func(b *spapi.LimitBucket) { b.Seller = "two" },
		"no seller":   func(b *spapi.LimitBucket) { b.Seller = "" },
		"type":        func(b *spapi.LimitBucket) { b.Type = "Y" },
		"scope":       func(b *spapi.LimitBucket) { b.Scope, b.Type = spapi.LimitPerSeller, "" },
		"swapped":     func(b *spapi.LimitBucket) { b.Seller, b.Type = b.Type, b.Seller },
		"moved":       func(b *spapi.LimitBucket) { b.App, b.Region = b.App+b.Region[:1], b.Region[1:] },
	} {
		b := base
		change(&b)
		keys := strings.Join(newKeyring([]spapi.LimitBucket{b}).keys, " ")
		if other := seen[keys]; other != "" {
			t.Errorf("another %s has the names of %s", what, other)
		}
		seen[keys] = what
	}
	same := base
	same.Rate, same.Burst, same.Alias = 100, 100, "alias"
	if got, want := newKeyring([]spapi.LimitBucket{same}).keys, newKeyring([]spapi.LimitBucket{base}).keys; !slices.Equal(got, want) {
		t.Error("another plan to start from has other names")
	}
}

// Ten thousand buckets in use take a few megabytes.
func TestStepMemory(t *testing.T) {
	onRedis(t, func(t *testing.T, server TestServer) {
		const buckets = 10000
		used := func() int {
			info, err := server.Do("INFO", "memory")
			if err != nil {
				t.Fatal(err)
			}
			_, rest, _ := strings.Cut(string(info.([]byte)), "used_memory:")
			text, _, _ := strings.Cut(rest, "\r")
			n, err := strconv.Atoi(text)
			if err != nil {
				t.Fatal(err)
			}
			return n
		}
		take := func(i int) {
			k := newKeyring([]spapi.LimitBucket{sellerBucket(fmt.Sprint("s", i), 10, 10)})
			g := runStep(t, server, k, &step{party: "p", bound: -1, heads: []head{{}}, calls: 1}).grants[0]
			runStep(t, server, k, &step{party: "p", bound: -1, replies: []replied{{takes: g.takes, reply: spapi.LimitReply{Latency: 50 * time.Millisecond, Rate: 10}}}})
		}
		take(0)
		before := used()
		for i := range buckets {
			take(i)
			time.Sleep(time.Millisecond)
		}
		per := float64(used()-before) / buckets
		t.Logf("%.0f bytes per bucket, with its place in the index", per)
		if per > 900 {
			t.Errorf("%.0f bytes per bucket, want 900 at most", per)
		}
	})
}

func FuzzReadAnswer(f *testing.F) {
	f.Add("0 0 0 0 1 0 0 1 1 s10 10 100 0 100000 1 0", 1)
	f.Add("", 1)
	f.Add("1 1 5000 1 0 s1 1 0 0 0 1 0 s0.5 1 0 0 0 1 0", 2)
	f.Add("-1 0 0 9 9999999999999 x", 3)
	f.Fuzz(func(t *testing.T, text string, n int) {
		path := make([]spapi.LimitBucket, min(max(n, 1), 3))
		var list []any
		for word := range strings.FieldsSeq(text) {
			if i, err := strconv.ParseInt(word, 10, 64); err == nil {
				list = append(list, i)
			} else if word == "nil" {
				list = append(list, nil)
			} else {
				list = append(list, strings.TrimPrefix(word, "s"))
			}
		}
		a, err := readAnswer(list, path)
		if err == nil && (len(a.buckets) != len(path) || a.longest >= len(path) || len(a.grants) > len(list)) {
			t.Errorf("%q: %+v", text, a)
		}
		if err != nil && (!strings.HasPrefix(err.Error(), "fleet: ") || len(a.grants) > 0) {
			t.Errorf("%q: %+v, %v", text, a, err)
		}
	})
}

// A reply that is none is an error that says so.
func TestReadAnswer(t *testing.T) {
	path := []spapi.LimitBucket{sellerBucket("x", 1, 1)}
	good := []any{int64(5), int64(0), int64(0), int64(0), int64(1), int64(0), int64(7), int64(3), "0.5", int64(2), int64(9), int64(8), int64(6),
		int64(3), int64(1)}
	a, err := readAnswer(good, path)
	if want := (granted{head: 0, delay: 7 * time.Microsecond, takes: [3]int64{3}, rate: 0.5}); err != nil || len(a.grants) != 1 || a.grants[0] != want {
		t.Fatalf("got %+v, %v", a, err)
	}
	if want := (standing{0.5, 2, 9 * time.Microsecond, 8 * time.Microsecond, 6 * time.Microsecond, 3, 1}); a.buckets[0] != want || a.back != 5*time.Microsecond {
		t.Errorf("got %+v, want %+v", a, want)
	}
	for what, bad := range map[string]any{
		"none":          nil,
		"a text":        "OK",
		"too short":     good[:len(good)-1],
		"too long":      append(slices.Clone(good), int64(1)),
		"a text inside": append(slices.Clone(good[:6]), append([]any{"x"}, good[7:]...)...),
		"no rate":       append(slices.Clone(good[:8]), append([]any{"nan"}, good[9:]...)...),
		"negative":      append([]any{int64(-1)}, good[1:]...),
		"many grants":   append(slices.Clone(good[:4]), int64(1<<53)),
		"no bucket":     append(slices.Clone(good[:3]), append([]any{int64(1)}, good[4:]...)...),
	} {
		if a, err := readAnswer(bad, path); err == nil || !strings.Contains(err.Error(), "limit.lua") {
			t.Errorf("%s: got %+v, %v, want an error", what, a, err)
		}
	}
}
