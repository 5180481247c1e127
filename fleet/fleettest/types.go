package fleettest

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/openspapi/spapi"
)

// ofType is the bucket of a type of reports, of one seller or of all: one call in each pause.
func ofType(kind, seller string, pause time.Duration) spapi.LimitBucket {
	return spapi.LimitBucket{App: "app", Region: "eu", Operation: "ordersv0.getOrders", Scope: spapi.LimitPerType, Type: kind, Seller: seller,
		Rate: 1 / pause.Seconds(), Burst: 1}
}

// inWindow is the bucket of a type of feeds: so many calls in any span of a length.
func inWindow(kind, seller string, calls int, length time.Duration) spapi.LimitBucket {
	b := ofType(kind, seller, length)
	b.Burst, b.Window, b.Rate = calls, length, 1000 // the window decides
	return b
}

// pauses is one call per type in each pause, while other types and the seller's other calls go on.
func pauses(t *testing.T, l spapi.Limiter) {
	const pause = 30 * time.Minute
	one := seller("one", 1, 15)
	stock, sales := ofType("STOCK", "one", pause), ofType("SALES", "one", pause)
	takeNow(t, l, stock, one)
	if g := takeNow(t, l, sales, one); g.Rate != 1 {
		t.Errorf("the grant tells a rate of %g, want 1, the seller's: that of a type is none to try again after", g.Rate)
	}
	e := refused(t, l, stock, one)
	if e.Scope != spapi.LimitPerType || e.Type != "STOCK" || e.Burst != 1 || e.Operation != one.Operation {
		t.Errorf("refused by %+v, want the type's bucket", e)
	}
	within(t, "the wait", e.Wait, pause, 1)
	q := newQueue(t, l)
	q.add(t.Context(), "stock", request(stock, one))
	for range 13 { // they hold up nobody
		takeNow(t, l, one)
	}
	takeNow(t, l, ofType("STOCK", "two", pause), seller("two", 1, 15)) // another seller's
	take(t, l, ofType("OTHER", "one", pause), one)
	if waited := time.Since(q.start); waited > 3*time.Second {
		t.Errorf("another type waited %s for those of the first", waited)
	}
	q.want("stock")
	within(t, "the second of its type", q.times["stock"], pause, 1)
}

// allOfThree takes from the buckets of type, seller and application, or from none.
func allOfThree(t *testing.T, l spapi.Limiter) {
	for i, full := range [][]int{{1, 20, 20}, {20, 1, 20}, {20, 20, 1}} {
		kind, one, all := ofType("T", "one", 100*time.Second), seller("one", 0.01, full[1]), application(0.01, full[2])
		kind.Burst = full[0]
		buckets := []spapi.LimitBucket{kind, one, all}
		for k := range buckets {
			buckets[k].App = fmt.Sprint(i)
		}
		takeNow(t, l, buckets...)
		for range 30 {
			if e := refused(t, l, buckets...); e.Scope != buckets[i].Scope {
				t.Errorf("refused by %+v, want the bucket of scope %s", e, buckets[i].Scope)
			}
		}
		ctx, cancel := context.WithCancel(t.Context())
		q := newQueue(t, l)
		for k := range 3 {
			q.add(ctx, fmt.Sprint(k), request(buckets...))
		}
		cancel()
		q.want()
		for k := range buckets { // each is as full as before
			if k == i {
				continue
			}
			for n := range int64(19) {
				if g := takeNow(t, l, buckets[k]); g.Takes[0] != n+2 {
					t.Errorf("take %d of the bucket of scope %s, want %d: refusals took something", g.Takes[0], buckets[k].Scope, n+2)
				}
			}
		}
	}
	// Whichever is the slowest sets the pace, and all are used together.
	for i, rates := range [][]float64{{1, 5, 5}, {5, 1, 5}, {5, 5, 1}} {
		kind, one, all := ofType("T", "one", time.Duration(float64(time.Second)/rates[0])), seller("one", rates[1], 3), application(rates[2], 3)
		buckets := []spapi.LimitBucket{kind, one, all}
		for k := range buckets {
			buckets[k].App, buckets[k].Burst = fmt.Sprint("pace ", i), 3
		}
		q := newQueue(t, l)
		for k := range 13 {
			q.add(t.Context(), fmt.Sprint(k), request(buckets...))
		}
		q.wg.Wait()
		within(t, "ten calls after the burst", q.times["12"], 10*time.Second, 1)
	}
}

// typesTakeTurns has calls of many types and calls of none compete for one seller's bucket.
func typesTakeTurns(t *testing.T, l spapi.Limiter) {
	one := seller("one", 1, 1)
	takeNow(t, l, one)
	ctx, cancel := context.WithCancel(t.Context())
	f := &flood{t: t, limiters: []spapi.Limiter{l}, served: map[string]int{}}
	f.add(ctx, "none", 20, 0, request(one))
	f.add(ctx, "A", 20, 0, request(ofType("A", "one", time.Second), one))
	f.add(ctx, "B", 1, 0, request(ofType("B", "one", time.Second), one))
	time.Sleep(120 * time.Second)
	cancel()
	f.wg.Wait()
	if f.all < 114 {
		t.Errorf("%d calls in 120 s, want 120", f.all)
	}
	if f.served["none"] < 20 || f.served["A"] < 20 || f.served["B"] < 4 { // by arrival B has one in 22 at least, by turns a third
		t.Errorf("%v: somebody hardly had a turn", f.served)
	}
}

// typeOfAll is a type's bucket over all sellers: their calls wait in one queue and go on to different buckets.
func typeOfAll(t *testing.T, l spapi.Limiter) {
	kind := ofType("T", "", time.Second)
	all := application(100, 100)
	sellers := []spapi.LimitBucket{seller("one", 100, 100), seller("two", 100, 100), seller("three", 100, 100)}
	takeNow(t, l, kind, sellers[0], all)
	_ = refused(t, l, kind, sellers[1], all)
	takeNow(t, l, sellers[1], all) // calls of no type pass
	q := newQueue(t, l)
	var names []string
	for i := range 9 {
		name := fmt.Sprint(i)
		names = append(names, name)
		path := []spapi.LimitBucket{kind, sellers[i%3], all}
		if i%2 == 1 {
			path = path[:2]
		}
		q.add(t.Context(), name, request(path...))
	}
	q.want(names...)
	within(t, "nine calls of one type", q.times["8"], 9*time.Second, 1)

	// A seller whose own bucket is slow takes part, and nothing stays behind.
	slow := seller("slow", 0.1, 1)
	takeNow(t, l, slow)
	ctx, cancel := context.WithCancel(t.Context())
	f := &flood{t: t, limiters: []spapi.Limiter{l}, served: map[string]int{}}
	f.add(ctx, "slow", 1, 0, request(kind, slow, all))
	f.add(ctx, "two", 3, 0, request(kind, sellers[1], all))
	f.add(ctx, "three", 3, 0, request(kind, sellers[2]))
	f.add(ctx, "no type", 1, 100*time.Millisecond, request(sellers[1], all))
	time.Sleep(200 * time.Second)
	cancel()
	f.wg.Wait()
	if f.served["slow"] < 15 || f.served["two"] < 15 || f.served["three"] < 15 || f.served["no type"] < 1000 {
		t.Errorf("%v: somebody hardly had a turn", f.served)
	}
	time.Sleep(11 * time.Second)
	takeNow(t, l, kind, slow, all)

	// The next one goes on when that is possible, though the type has long had a token for it.
	kind.Type, kind.Rate, kind.Burst = "quick", 100, 100
	q = newQueue(t, l)
	q.add(t.Context(), "slow", request(kind, slow, all))
	q.add(t.Context(), "two", request(kind, sellers[1], all))
	q.add(t.Context(), "three", request(kind, sellers[2]))
	q.wg.Wait()
	within(t, "the first of a slow seller", q.times["slow"], 10*time.Second, 0.1)
	if behind := q.times["three"] - q.times["slow"]; behind < 0 || behind > 3*time.Second {
		t.Errorf("the last of three went %s after the first, want soon", behind)
	}
}

// windows has so many calls in any span, not one per part of it.
func windows(t *testing.T, l spapi.Limiter) {
	const length = 5 * time.Minute
	one := seller("one", 1000, 1000)
	feed := inWindow("FEED", "one", 5, length)
	var sent []time.Time
	for i := range 5 {
		takeNow(t, l, feed, one)
		sent = append(sent, time.Now())
		time.Sleep(time.Duration(i) * 10 * time.Second) // 0, 0, 10, 30, 60 s, then 40 s more
	}
	e := refused(t, l, feed, one)
	if e.Scope != spapi.LimitPerType || e.Burst != 5 || e.Window != length || e.Type != "FEED" {
		t.Errorf("refused by %+v, want the window", e)
	}
	within(t, "the wait", e.Wait, time.Until(sent[0].Add(length)), 1)
	takeNow(t, l, inWindow("FEED", "two", 5, length), seller("two", 1000, 1000))
	q := newQueue(t, l)
	for i := range 12 {
		q.add(t.Context(), fmt.Sprint(i), request(feed, one))
	}
	told := refused(t, l, feed, one)
	took := func(i int) time.Time { return q.start.Add(q.times[fmt.Sprint(i)]) }
	q.wg.Wait()
	for i := range 12 {
		sent = append(sent, took(i))
	}
	for i := 5; i < len(sent); i++ {
		if gap := sent[i].Sub(sent[i-5]); gap < length || gap > length+5*time.Second {
			t.Errorf("call %d came %s after the fifth before it, want %s and little more", i, gap, length)
		}
	}
	within(t, "the wait behind twelve", told.Wait, sent[12].Add(length).Sub(q.start), 1)
	time.Sleep(time.Hour)
	for range 5 { // however long: no more than that
		takeNow(t, l, feed, one)
	}
	_ = refused(t, l, feed, one)
}

// refusedCalls gives back what a call took that Amazon answered with a refusal.
func refusedCalls(t *testing.T, l spapi.Limiter) {
	const pause = time.Hour
	settle := func() { time.Sleep(3 * time.Second) } // a reply may take its time to be told
	one := seller("one", 0.1, 15)
	kind := ofType("T", "one", pause)
	g := wait(t, l, request(kind, one))
	time.Sleep(time.Second)
	observe(t, l, g, spapi.LimitReply{Latency: time.Second, Refused: true})
	settle()
	takeNow(t, l, kind, one)
	within(t, "the wait after one that did something", refused(t, l, kind, one).Wait, pause-10*time.Second, 0.1)
	for range 13 { // what the refused one took of the seller's stays taken
		takeNow(t, l, one)
	}
	_ = refused(t, l, one)

	// A 429 makes its repeat wait for the seller's bucket alone.
	two, kind := seller("two", 0.1, 15), ofType("T", "two", pause)
	g = wait(t, l, request(kind, two))
	observe(t, l, g, spapi.LimitReply{Throttled: true, Refused: true})
	start := time.Now()
	q := newQueue(t, l)
	q.add(t.Context(), "repeat", request(kind, two))
	q.wg.Wait()
	within(t, "the repeat after a 429", time.Since(start), 10*time.Second, 0.1)
	if e := refused(t, l, kind, two); e.Scope != spapi.LimitPerType {
		t.Errorf("refused by %+v, want the type's bucket: the repeat counts", e)
	}

	// Who waits for the pause goes when it is given back.
	three, kind := seller("three", 1, 15), ofType("T", "three", pause)
	g = wait(t, l, request(kind, three))
	q = newQueue(t, l)
	q.add(t.Context(), "waiting", request(kind, three))
	time.Sleep(time.Minute)
	observe(t, l, g, spapi.LimitReply{Refused: true})
	q.want("waiting")
	within(t, "who waited", q.times["waiting"], time.Minute, 1)

	// So it is where no answer came, of which nobody learns how long answers take.
	five, kind := seller("five", 0.1, 15), ofType("T", "five", pause)
	g = wait(t, l, request(kind, five))
	time.Sleep(20 * time.Second)
	observe(t, l, g, spapi.LimitReply{Latency: -1, Refused: true})
	settle()
	g = takeNow(t, l, kind, five)
	observe(t, l, g, spapi.LimitReply{Latency: 100 * time.Millisecond})
	settle()
	within(t, "the wait after one without an answer and one with", refused(t, l, kind, five).Wait, pause-3*time.Second, 0.01)

	// In a window any call is struck out, not the last alone.
	four, feed := seller("four", 100, 100), inWindow("F", "four", 3, 10*time.Minute)
	first := wait(t, l, request(feed, four))
	time.Sleep(time.Minute)
	for range 2 {
		takeNow(t, l, feed, four)
	}
	_ = refused(t, l, feed, four)
	observe(t, l, first, spapi.LimitReply{Refused: true})
	settle()
	takeNow(t, l, feed, four)
	within(t, "the wait for the first that counts", refused(t, l, feed, four).Wait, 10*time.Minute-3*time.Second, 1)
}

// unasked tells of a call that was sent in spite of a limit.
func unasked(t *testing.T, l spapi.Limiter, b spapi.LimitBucket) {
	t.Helper()
	observe(t, l, spapi.LimitGrant{Buckets: []spapi.LimitBucket{b}}, spapi.LimitReply{Latency: -1, Unasked: true})
}

// unaskedCalls counts what was sent in spite of a limit, and nothing of what it says beside that.
func unaskedCalls(t *testing.T, l spapi.Limiter) {
	const pause = time.Hour
	one, kind := seller("one", 1, 15), inWindow("T", "one", 1, pause)
	unasked(t, l, kind) // the first that is heard of the bucket
	within(t, "the wait after one that nobody asked for", refused(t, l, kind, one).Wait, pause, 1)
	time.Sleep(pause + 3*time.Second)
	first := wait(t, l, request(kind, one))
	q := newQueue(t, l)
	q.add(t.Context(), "waiting", request(kind, one))
	time.Sleep(20 * time.Minute)
	unasked(t, l, kind)
	observe(t, l, first, spapi.LimitReply{Latency: -1, Refused: true}) // it doesn't count any more in any case
	takeNow(t, l, one)                                                 // the seller's bucket knows nothing of it
	q.want("waiting")
	within(t, "who waited before", q.times["waiting"], pause+20*time.Minute, 1)

	// Of several in a window each counts by itself.
	two, feed := seller("two", 1, 15), inWindow("F", "two", 3, 10*time.Minute)
	for range 2 {
		takeNow(t, l, feed, two)
	}
	unasked(t, l, feed)
	_ = refused(t, l, feed, two)
	time.Sleep(5 * time.Minute)
	unasked(t, l, feed) // a fourth, in spite
	within(t, "the wait after a fourth of three", refused(t, l, feed, two).Wait, 5*time.Minute, 1)
	time.Sleep(5*time.Minute + 2*time.Second)
	takeNow(t, l, feed, two)
	takeNow(t, l, feed, two)
	_ = refused(t, l, feed, two)

	// A bucket of tokens can't be emptier than empty.
	three, tokens := seller("three", 1, 15), ofType("S", "three", pause)
	tokens.Burst = 2
	for range 5 {
		unasked(t, l, tokens)
	}
	within(t, "the wait after five of two", refused(t, l, tokens, three).Wait, pause, 1)
}

// aliases has clients that know a seller's id and clients that know its token alone call in either order.
func aliases(t *testing.T, l spapi.Limiter) {
	byID := func(id, token string, burst int) spapi.LimitBucket {
		b := seller(id, 0.01, burst)
		b.Alias = token
		return b
	}
	// The id first.
	takeNow(t, l, byID("A1", "token 1", 3))
	takeNow(t, l, seller("token 1", 0.01, 3))
	takeNow(t, l, byID("A1", "token 1", 3))
	_ = refused(t, l, seller("token 1", 0.01, 3))
	_ = refused(t, l, byID("A1", "token 1", 3))
	// The token first.
	for range 2 {
		takeNow(t, l, seller("token 2", 0.01, 3))
	}
	takeNow(t, l, byID("A2", "token 2", 3)) // from here on all know
	_ = refused(t, l, seller("token 2", 0.01, 3))
	_ = refused(t, l, byID("A2", "token 2", 3))
	// Two tokens of one seller.
	takeNow(t, l, byID("A3", "token 3", 3))
	takeNow(t, l, byID("A3", "token 4", 3))
	takeNow(t, l, seller("token 3", 0.01, 3))
	_ = refused(t, l, seller("token 3", 0.01, 3))
	_ = refused(t, l, seller("token 4", 0.01, 3))
	// Another seller.
	takeNow(t, l, seller("token 5", 0.01, 3))
	takeNow(t, l, byID("A6", "token 6", 3))
	// Those who wait.
	named := func(name string) spapi.LimitBucket {
		b := seller(name, 1, 1)
		b.App = "waits"
		return b
	}
	id := named("A7")
	id.Alias = "token 7"
	takeNow(t, l, named("token 7"))
	q := newQueue(t, l)
	q.add(t.Context(), "token", request(named("token 7")))
	q.add(t.Context(), "id", request(id))
	q.add(t.Context(), "token again", request(named("token 7")))
	q.wg.Wait()
	within(t, "three calls of one seller by two names", slices.Max([]time.Duration{q.times["id"], q.times["token"], q.times["token again"]}), 3*time.Second, 1)
}

// states tells what is left of each bucket, and who waits, of limiters that show it.
func states(t *testing.T, l spapi.Limiter) {
	inspector, ok := l.(spapi.LimitInspector)
	if !ok {
		t.Skip("it is no LimitInspector")
	}
	look := func(region string) []spapi.LimitState {
		t.Helper()
		list, err := inspector.LimitStates(t.Context(), "app", region)
		if err != nil {
			t.Fatal(err)
		}
		return list
	}
	if list := look("eu"); len(list) != 0 {
		t.Errorf("before the first call: %+v", list)
	}
	kind, one, all, feed := ofType("T", "one", time.Hour), seller("one", 1, 10), application(50, 20), inWindow("F", "one", 5, 10*time.Minute)
	takeNow(t, l, kind, one, all)
	takeNow(t, l, feed, one, all)
	takeNow(t, l, feed, one, all)
	takeNow(t, l, seller("other", 2, 4))
	elsewhere := one
	elsewhere.Region = "na"
	takeNow(t, l, elsewhere)
	ctx, cancel := context.WithCancel(t.Context())
	q := newQueue(t, l)
	q.add(ctx, "first", request(kind, one, all))
	time.Sleep(2 * time.Minute)
	q.add(ctx, "second", request(kind, one, all))
	time.Sleep(time.Minute)
	takeNow(t, l, one)
	list := look("eu")
	want := []struct {
		scope       spapi.LimitScope
		kind        string
		rate, left  float64
		burst       int
		full, next  time.Duration
		takes       int64
		calls       int
		longest     time.Duration
		other       bool
		leftAtLeast bool
	}{
		{scope: spapi.LimitPerType, kind: "F", rate: 5.0 / 600, left: 3, burst: 5, full: 7 * time.Minute, takes: 2},
		{scope: spapi.LimitPerType, kind: "T", rate: 1.0 / 3600, burst: 1, full: 57 * time.Minute, next: 57 * time.Minute, takes: 1,
			calls: 2, longest: 3 * time.Minute},
		{scope: spapi.LimitPerSeller, rate: 1, left: 9, burst: 10, full: time.Second, takes: 4, calls: 2, longest: 3 * time.Minute},
		{scope: spapi.LimitPerSeller, rate: 2, left: 4, burst: 4, takes: 1, other: true},
		{scope: spapi.LimitPerApplication, rate: 50, left: 20, burst: 20, takes: 3, calls: 2, longest: 3 * time.Minute},
	}
	if len(list) != len(want) {
		t.Fatalf("%d buckets, want %d: %+v", len(list), len(want), list)
	}
	for i, w := range want {
		s := list[i]
		if i > 2 && i < 4 && s.Bucket.Rate == 1 { // of two sellers the order is that of their names, or of what stands for them
			list[2], list[3] = list[3], list[2]
			s = list[i]
		}
		what := fmt.Sprintf("%s %s %g/s", s.Bucket.Scope, s.Bucket.Type, s.Bucket.Rate)
		if s.Bucket.Scope != w.scope || s.Bucket.Type != w.kind || s.Bucket.Burst != w.burst || s.Bucket.App != "app" || s.Bucket.Region != "eu" ||
			s.Bucket.Operation != one.Operation || s.Takes != w.takes {
			t.Errorf("bucket %d is %+v, want %+v", i, s, w)
		}
		if rate := s.Bucket.Rate; rate < w.rate*0.99 || rate > w.rate*1.01 {
			t.Errorf("%s: want a rate of %g", what, w.rate)
		}
		if s.Left < w.left-0.3 || s.Left > w.left+0.1 {
			t.Errorf("%s: %g left, want %g", what, s.Left, w.left)
		}
		within(t, what+": full", s.Full, w.full, 1)
		within(t, what+": next", s.Next, w.next, 1)
		if w.scope == spapi.LimitPerType && w.kind == "F" && s.Bucket.Window != 10*time.Minute {
			t.Errorf("%s: its window is %s", what, s.Bucket.Window)
		}
		calls, longest := 0, time.Duration(0)
		for _, of := range s.Queue {
			calls += of.Calls
			longest = max(longest, of.Longest)
		}
		if w.scope == spapi.LimitPerType && (calls != w.calls || (longest-w.longest).Abs() > 2*time.Second) {
			t.Errorf("%s: %d calls wait, the longest %s, want %d and %s", what, calls, longest, w.calls, w.longest)
		}
	}
	cancel()
	q.want()
	time.Sleep(10 * time.Second) // who has left is known to have, at the latest
	for _, s := range look("eu") {
		if len(s.Queue) != 0 {
			t.Errorf("nobody waits, and before %s %s there is %+v", s.Bucket.Scope, s.Bucket.Type, s.Queue)
		}
	}
	if list := look("na"); len(list) != 1 || list[0].Takes != 1 {
		t.Errorf("in another region: %+v, want the one bucket", list)
	}
	ended, end := context.WithCancel(t.Context())
	end()
	if _, err := inspector.LimitStates(ended, "app", "eu"); err != nil && !errors.Is(err, context.Canceled) {
		t.Errorf("with a context that has ended: %v", err)
	}
	synctest.Wait()
}
