// Package fleettest checks that a limiter and a token store behave as [spapi.Limiter] and [spapi.TokenStore] say. Every implementation
// here passes it; whoever writes another one can run it too. Time is virtual: the suites run what they test in a bubble of testing/synctest, in
// which it may wait for timers and channels only. One that waits for the network, or for a mutex that is held during a Fetch, hangs there: put what the
// network does in the memory of the test.
package fleettest

import (
	"context"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/openspapi/spapi"
)

// TestLimiter runs the suite on limiters that newLimiter makes: each must have full buckets. What it starts must have ended when the test
// that it was given has, its cleanup included.
func TestLimiter(t *testing.T, newLimiter func(t *testing.T) spapi.Limiter) {
	for _, test := range []struct {
		name string
		run  func(t *testing.T, l spapi.Limiter)
	}{
		{"Pace", pace},
		{"Grant", grants},
		{"BadRequest", badRequests},
		{"AllOrNone", allOrNone},
		{"BucketsAreKeptApart", apart},
		{"Order", order},
		{"OrderInTheWiderBucket", orderWide},
		{"NobodyOvertakes", overtakes},
		{"NobodyHoldsUpAWiderBucket", holdUp},
		{"CancelTakesNothing", cancelled},
		{"EndedContext", endedContext},
		{"Refusal", refusals},
		{"Deadline", deadlines},
		{"ThrottledDrainsOnce", drains},
		{"ThrottledMovesWaiters", drainMoves},
		{"LearnsRate", learns},
		{"AbsurdRates", absurd},
		{"GivingUp", givingUp},
		{"LatencyMakesCareful", latency},
		{"NoCallIsForgotten", turmoil},
		{"KeepsToPlan", keepsToPlan},
		{"SellersShare", sellersShare},
		{"NobodyStarves", nobodyStarves},
		{"Pauses", pauses},
		{"AllOfThree", allOfThree},
		{"TypesTakeTurns", typesTakeTurns},
		{"TypeOfAllSellers", typeOfAll},
		{"Windows", windows},
		{"RefusedCalls", refusedCalls},
		{"UnaskedCalls", unaskedCalls},
		{"Aliases", aliases},
		{"States", states},
	} {
		t.Run(test.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) { test.run(t, newLimiter(t)) })
		})
	}
}

func seller(name string, rate float64, burst int) spapi.LimitBucket {
	return spapi.LimitBucket{App: "app", Region: "eu", Operation: "ordersv0.getOrders", Seller: name, Rate: rate, Burst: burst}
}

func application(rate float64, burst int) spapi.LimitBucket {
	return spapi.LimitBucket{App: "app", Region: "eu", Operation: "ordersv0.getOrders", Scope: spapi.LimitPerApplication, Rate: rate, Burst: burst}
}

// request is one that waits as long as it takes.
func request(buckets ...spapi.LimitBucket) spapi.LimitRequest {
	return spapi.LimitRequest{Buckets: buckets, MaxWait: -1}
}

// wait must get a grant. No reply comes to it as yet.
func wait(t *testing.T, l spapi.Limiter, r spapi.LimitRequest) spapi.LimitGrant {
	t.Helper()
	g, err := l.Wait(t.Context(), r)
	if err != nil {
		t.Fatal(err)
	}
	return g
}

// take waits and must get a grant, to which a reply comes at once.
func take(t *testing.T, l spapi.Limiter, buckets ...spapi.LimitBucket) spapi.LimitGrant {
	t.Helper()
	g := wait(t, l, request(buckets...))
	observe(t, l, g, spapi.LimitReply{})
	return g
}

// takeNow must get a grant without waiting, to which a reply comes at once.
func takeNow(t *testing.T, l spapi.Limiter, buckets ...spapi.LimitBucket) spapi.LimitGrant {
	t.Helper()
	r := request(buckets...)
	r.MaxWait = 0
	g := wait(t, l, r)
	observe(t, l, g, spapi.LimitReply{})
	return g
}

// refused must be refused at once, without waiting.
func refused(t *testing.T, l spapi.Limiter, buckets ...spapi.LimitBucket) *spapi.LimitError {
	t.Helper()
	r := request(buckets...)
	r.MaxWait = 0
	start := time.Now()
	_, err := l.Wait(t.Context(), r)
	var limit *spapi.LimitError
	if !errors.As(err, &limit) {
		t.Fatalf("got %v, want a LimitError", err)
	}
	if waited := time.Since(start); waited > tolerance {
		t.Errorf("refused after %s, want at once", waited)
	}
	return limit
}

func observe(t *testing.T, l spapi.Limiter, g spapi.LimitGrant, r spapi.LimitReply) {
	t.Helper()
	if err := l.Observe(t.Context(), g, r); err != nil {
		t.Fatal(err)
	}
}

// tolerance is what a limiter may take for its own work.
const tolerance = 50 * time.Millisecond

// within fails unless got is want, give or take a tenth of a step and one hundredth for the margin that limiters keep.
func within(t *testing.T, what string, got, want time.Duration, rate float64) {
	t.Helper()
	if slack := time.Duration(float64(time.Second)/rate/10) + want/100 + tolerance; got < want-slack || got > want+slack {
		t.Errorf("%s: %s, want %s give or take %s", what, got, want, slack)
	}
}

// queue starts calls, one after the other, each only when the one before waits. Replies come at once. finished tells when each of them got
// its grant.
type queue struct {
	t  *testing.T
	l  spapi.Limiter
	wg sync.WaitGroup

	mu       sync.Mutex
	finished []string
	times    map[string]time.Duration // since the queue was made
	start    time.Time
}

func newQueue(t *testing.T, l spapi.Limiter) *queue {
	return &queue{t: t, l: l, times: map[string]time.Duration{}, start: time.Now()}
}

func (q *queue) add(ctx context.Context, name string, r spapi.LimitRequest) {
	q.addAt(ctx, q.l, name, r)
}

// addAt is add with one of several limiters.
func (q *queue) addAt(ctx context.Context, l spapi.Limiter, name string, r spapi.LimitRequest) {
	q.wg.Go(func() {
		g, err := l.Wait(ctx, r)
		if err != nil {
			if ctx.Err() == nil || !errors.Is(err, ctx.Err()) {
				q.t.Errorf("%s: %v", name, err)
			}
			return
		}
		q.mu.Lock()
		q.finished = append(q.finished, name)
		q.times[name] = time.Since(q.start)
		q.mu.Unlock()
		observe(q.t, l, g, spapi.LimitReply{})
	})
	synctest.Wait()
}

func (q *queue) want(names ...string) {
	q.t.Helper()
	q.wg.Wait()
	if !slices.Equal(q.finished, names) {
		q.t.Errorf("the order was %v, want %v", q.finished, names)
	}
}

func pace(t *testing.T, l spapi.Limiter) {
	for _, plan := range []struct {
		rate  float64
		burst int
	}{{0.5, 20}, {1, 1}, {20, 10}} {
		b := seller(fmt.Sprint(plan.rate), plan.rate, plan.burst)
		start := time.Now()
		for range plan.burst {
			takeNow(t, l, b)
		}
		for range 20 {
			take(t, l, b)
		}
		within(t, fmt.Sprintf("20 calls at %g per second after the burst", plan.rate), time.Since(start), time.Duration(20/plan.rate*float64(time.Second)), plan.rate)
	}
}

func grants(t *testing.T, l spapi.Limiter) {
	one, other, all := seller("one", 2, 10), seller("other", 3, 10), application(50, 20)
	for i := range int64(3) {
		g := take(t, l, one, all)
		if !slices.Equal(g.Buckets, []spapi.LimitBucket{one, all}) || g.Rate != 2 || g.Takes[0] != i+1 || g.Takes[1] != 2*i+1 {
			t.Errorf("grant %d is %+v", i, g)
		}
		if g = take(t, l, other, all); g.Rate != 3 || g.Takes[0] != i+1 || g.Takes[1] != 2*i+2 {
			t.Errorf("grant %d of the other is %+v", i, g)
		}
	}
}

// Calls that named the same buckets in different orders would wait for each other for ever.
func badRequests(t *testing.T, l spapi.Limiter) {
	one, all := seller("one", 1, 2), application(1, 2)
	odd := one
	odd.Scope = 100
	for _, buckets := range [][]spapi.LimitBucket{nil, {all, one}, {one, one}, {all, all}, {one, all, all}, {odd}} {
		_, err := l.Wait(t.Context(), request(buckets...))
		if err == nil || errors.As(err, new(*spapi.LimitError)) {
			t.Errorf("%v: got %v, want an error about the request", buckets, err)
		}
	}
	if g := takeNow(t, l, one, all); g.Takes[0] != 1 || g.Takes[1] != 1 {
		t.Errorf("bad requests took something: %+v", g)
	}
}

func allOrNone(t *testing.T, l spapi.Limiter) {
	one, all := seller("one", 0.5, 20), application(0.2, 1)
	takeNow(t, l, one, all)
	for range 14 {
		e := refused(t, l, one, all)
		if e.Scope != spapi.LimitPerApplication || e.Rate != 0.2 || e.Burst != 1 || e.Operation != one.Operation {
			t.Errorf("refused by %+v, want the application's bucket", e)
		}
		within(t, "the wait", e.Wait, 5*time.Second, 0.2)
	}
	for i := range int64(19) { // none of the refused ones took a token of the seller's
		if g := takeNow(t, l, one); g.Takes[0] != i+2 {
			t.Errorf("take %d of the seller's bucket, want %d", g.Takes[0], i+2)
		}
	}
	if e := refused(t, l, one); e.Scope != spapi.LimitPerSeller || e.Rate != 0.5 || e.Burst != 20 {
		t.Errorf("refused by %+v, want the seller's bucket", e)
	}
	time.Sleep(5200 * time.Millisecond) // the application's bucket is full again, the seller's holds two tokens
	takeNow(t, l, one)
	takeNow(t, l, one)
	for range 10 {
		_ = refused(t, l, one, all) // by the seller's bucket
	}
	if g := takeNow(t, l, seller("other", 0.5, 20), all); g.Takes[1] != 2 {
		t.Errorf("take %d of the application's bucket, want 2", g.Takes[1])
	}
}

func apart(t *testing.T, l spapi.Limiter) {
	base := seller("one", 0.01, 1)
	takeNow(t, l, base)
	for name, change := range map[string]func(*spapi.LimitBucket){
		"application": func(b *spapi.LimitBucket) { b.App = "other" },
		"region":      func(b *spapi.LimitBucket) { b.Region = "na" },
		"sandbox":     func(b *spapi.LimitBucket) { b.Region += "-sandbox" },
		"operation":   func(b *spapi.LimitBucket) { b.Operation = "ordersv0.getOrder" },
		"seller":      func(b *spapi.LimitBucket) { b.Seller = "two" },
		"no seller":   func(b *spapi.LimitBucket) { b.Seller = "" },
		"scope":       func(b *spapi.LimitBucket) { b.Scope = spapi.LimitPerApplication },
		"type":        func(b *spapi.LimitBucket) { b.Scope, b.Type = spapi.LimitPerType, "A" },
		"other type":  func(b *spapi.LimitBucket) { b.Scope, b.Type = spapi.LimitPerType, "B" },
	} {
		b := base
		change(&b)
		r := request(b)
		r.MaxWait = 0
		if _, err := l.Wait(t.Context(), r); err != nil {
			t.Errorf("another %s shares the bucket: %v", name, err)
		}
	}
	same := base
	same.Rate, same.Burst = 100, 100 // a plan to start from is no other bucket
	_ = refused(t, l, same)
}

func order(t *testing.T, l spapi.Limiter) {
	b := seller("one", 10, 1)
	takeNow(t, l, b)
	q := newQueue(t, l)
	for i, priority := range []int{0, 0, 5, -1, 5, 0, -1} {
		r := request(b)
		r.Priority = priority
		q.add(t.Context(), fmt.Sprint(i), r)
	}
	q.want("2", "4", "0", "1", "5", "3", "6")
	within(t, "the last", q.times["6"], 700*time.Millisecond, 10)
}

func orderWide(t *testing.T, l spapi.Limiter) {
	all := application(10, 1)
	takeNow(t, l, seller("zero", 100, 10), all)
	q := newQueue(t, l)
	for i, priority := range []int{0, 0, 5, 0, 5} {
		r := request(seller(fmt.Sprint(i), 100, 10), all)
		r.Priority = priority
		q.add(t.Context(), fmt.Sprint(i), r)
	}
	q.want("2", "4", "0", "1", "3")

	// In the narrow bucket a higher priority overtakes one that had its place in the wide bucket already.
	time.Sleep(time.Second)
	one := seller("one", 10, 10)
	takeNow(t, l, one, all)
	q = newQueue(t, l)
	q.add(t.Context(), "low", request(one, all))
	q.add(t.Context(), "next", request(one, all))
	r := request(one, all)
	r.Priority = 1
	q.add(t.Context(), "high", r)
	q.want("high", "low", "next")
	within(t, "three calls", q.times["next"], 300*time.Millisecond, 10)
}

// Who comes while others wait for a bucket goes behind them, though the bucket has a token for it.
func overtakes(t *testing.T, l spapi.Limiter) {
	one, all := seller("one", 1, 5), application(0.1, 1)
	takeNow(t, l, one, all)
	q := newQueue(t, l)
	q.add(t.Context(), "first", request(one, all)) // waits for the application's bucket
	q.add(t.Context(), "second", request(one))
	q.wg.Wait()
	if first, second := q.times["first"], q.times["second"]; first < 9*time.Second || second < first {
		t.Errorf("the first came through after %s, the second after %s", first, second)
	}
}

func holdUp(t *testing.T, l spapi.Limiter) {
	all := application(10, 1)
	slow, quick := seller("slow", 0.01, 1), seller("quick", 100, 100)
	takeNow(t, l, slow, all)
	q := newQueue(t, l)
	ctx, cancel := context.WithCancel(t.Context())
	q.add(ctx, "slow", request(slow, all)) // waits 100 s for its own bucket
	for i := range 20 {
		q.add(t.Context(), fmt.Sprint(i), request(quick, all))
	}
	time.Sleep(2200 * time.Millisecond)
	q.mu.Lock()
	if len(q.finished) != 20 {
		t.Errorf("%d calls went through in 2.2 s, want all 20: a call that waits for its seller's bucket has no place in the application's", len(q.finished))
	}
	q.mu.Unlock()
	cancel()
	q.wg.Wait()

	// The first of the wide bucket steps back when its narrow bucket is drained meanwhile.
	first := seller("first", 1, 10)
	g := wait(t, l, request(first, all))
	observe(t, l, g, spapi.LimitReply{})
	g = wait(t, l, request(first))
	q = newQueue(t, l)
	q.add(t.Context(), "first", request(first, all))
	for n := range 8 {
		for k := range 3 {
			q.add(t.Context(), fmt.Sprint(n, "/", k), request(seller(fmt.Sprint("other ", n), 100, 100), all))
		}
	}
	observe(t, l, g, spapi.LimitReply{Throttled: true})
	q.wg.Wait()
	within(t, "the one behind", q.times["0/0"], 100*time.Millisecond, 10)
	// It comes back to its place before the others: they wait for their second and third.
	within(t, "the first", q.times["first"], time.Second, 1)
}

func cancelled(t *testing.T, l spapi.Limiter) {
	for name, buckets := range map[string][]spapi.LimitBucket{
		"one bucket":             {seller("a", 1, 1)},
		"both are slow":          {seller("b", 1, 1), application(1, 1)},
		"the wide one is slow":   {seller("c", 100, 100), application(1, 1)},
		"the narrow one is slow": {seller("d", 1, 1), application(100, 100)},
	} {
		for i := range buckets {
			buckets[i].App = name // each case has buckets of its own
		}
		before := take(t, l, buckets...)
		q := newQueue(t, l)
		ctx, cancel := context.WithCancel(t.Context())
		for i := range 5 {
			q.add(ctx, fmt.Sprint(i), request(buckets...))
		}
		var after spapi.LimitGrant
		q.wg.Go(func() { after = take(t, l, buckets...) })
		synctest.Wait()
		time.Sleep(500 * time.Millisecond)
		cancel()
		q.want()
		within(t, name+": the one behind", time.Since(q.start), time.Second, 1)
		for i := range buckets {
			if after.Takes[i] != before.Takes[i]+1 {
				t.Errorf("%s: take %d of bucket %d follows %d: who was cancelled took something", name, after.Takes[i], i, before.Takes[i])
			}
		}
	}
	// The first and the last of several leave, those between them stay.
	b := seller("e", 1, 1)
	takeNow(t, l, b)
	q := newQueue(t, l)
	ctx, cancel := context.WithCancel(t.Context())
	q.add(ctx, "0", request(b))
	q.add(t.Context(), "1", request(b))
	q.add(ctx, "2", request(b))
	q.add(t.Context(), "3", request(b))
	cancel()
	q.want("1", "3")
	within(t, "two of four", q.times["3"], 2*time.Second, 1)
}

func endedContext(t *testing.T, l spapi.Limiter) {
	b := seller("one", 1, 1)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := l.Wait(ctx, request(b)); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v, want canceled", err)
	}
	if g := takeNow(t, l, b); g.Takes[0] != 1 {
		t.Errorf("take %d, want 1", g.Takes[0])
	}
}

// What a refused call is told is what a call that stays waits, give or take a step of the bucket that it is told of.
func refusals(t *testing.T, l spapi.Limiter) {
	for i, c := range []struct {
		name    string
		all     spapi.LimitBucket // Rate 0: none
		waiting []int             // calls that wait, by seller; the call that is asked for is the first one's
		rates   []float64         // of the sellers
		bursts  []int
		late    bool // the first seller's calls came last
	}{
		{"empty bucket", spapi.LimitBucket{}, []int{0}, []float64{1}, []int{1}, false},
		{"queue", spapi.LimitBucket{}, []int{7}, []float64{2}, []int{5}, false},
		{"application", application(0.5, 1), []int{0}, []float64{10}, []int{10}, false},
		{"own queue, application", application(2, 3), []int{6}, []float64{10}, []int{10}, false},
		{"behind other sellers", application(2, 1), []int{0, 3, 3, 3}, []float64{10, 10, 10, 10}, []int{10, 10, 10, 10}, false},
		{"taking turns", application(2, 1), []int{3, 10, 1, 5}, []float64{10, 10, 10, 10}, []int{10, 10, 10, 10}, false},
		{"taking turns, last in the row", application(2, 1), []int{3, 10, 1, 5}, []float64{10, 10, 10, 10}, []int{10, 10, 10, 10}, true},
		{"others wait for buckets of their own", application(2, 1), []int{3, 10, 10, 10}, []float64{10, 0.01, 0.01, 0.01}, []int{10, 1, 1, 1}, false},
		{"own bucket is the slower", application(10, 1), []int{4, 4, 4}, []float64{0.5, 5, 5}, []int{1, 5, 5}, false},
	} {
		buckets := func(n int) []spapi.LimitBucket {
			b := seller(fmt.Sprint(i, "/", n), c.rates[n], c.bursts[n])
			b.App = fmt.Sprint(i)
			if c.all.Rate == 0 {
				return []spapi.LimitBucket{b}
			}
			wide := c.all
			wide.App = b.App
			return []spapi.LimitBucket{b, wide}
		}
		ctx, cancel := context.WithCancel(t.Context())
		q := newQueue(t, l)
		for taken := 0; ; taken++ { // empty the narrow buckets or the wide one
			r := request(buckets(0)...)
			r.MaxWait = 0
			if _, err := l.Wait(ctx, r); err != nil {
				break
			}
			if taken > c.bursts[0] {
				t.Fatalf("%s: a bucket with a burst of %d gave %d calls that must not wait", c.name, c.bursts[0], taken)
			}
		}
		for k := range c.waiting {
			n := k
			if c.late {
				n = len(c.waiting) - 1 - k
			}
			count := c.waiting[n]
			if c.rates[n] < 0.1 {
				takeNow(t, l, buckets(n)[0])
			}
			for k := range count {
				q.add(ctx, fmt.Sprint(n, "/", k), request(buckets(n)...))
			}
		}
		e := refused(t, l, buckets(0)...)
		start := time.Now()
		take(t, l, buckets(0)...)
		step := time.Duration(float64(time.Second) / e.Rate)
		if waited := time.Since(start); (waited - e.Wait).Abs() > step+tolerance {
			t.Errorf("%s: the refusal said %s, who stayed waited %s; a step is %s", c.name, e.Wait, waited, step)
		}
		cancel()
		q.wg.Wait()
	}
	// A priority shortens the wait that is told.
	b := seller("prior", 1, 1)
	takeNow(t, l, b)
	ctx, cancel := context.WithCancel(t.Context())
	q := newQueue(t, l)
	for k := range 5 {
		q.add(ctx, fmt.Sprint(k), request(b))
	}
	r := request(b)
	r.MaxWait, r.Priority = 0, 1
	var e *spapi.LimitError
	if _, err := l.Wait(t.Context(), r); !errors.As(err, &e) {
		t.Fatalf("got %v, want a LimitError", err)
	}
	within(t, "the wait of a higher priority", e.Wait, time.Second, 1)
	within(t, "the wait behind five", refused(t, l, b).Wait, 6*time.Second, 1)
	cancel()
	q.wg.Wait()
}

func deadlines(t *testing.T, l spapi.Limiter) {
	one, all := seller("one", 10, 10), application(1, 1)
	takeNow(t, l, one, all)
	start := time.Now()
	for _, test := range []struct {
		left, bound time.Duration
		refused     bool
		deadline    bool
	}{
		{300 * time.Millisecond, -1, true, true},
		{2 * time.Second, 300 * time.Millisecond, true, false},
		{300 * time.Millisecond, 400 * time.Millisecond, true, false}, // who asked to fail fast is told so
		{2 * time.Second, 2 * time.Second, false, false},
	} {
		ctx, cancel := context.WithTimeout(t.Context(), test.left)
		r := request(one, all)
		r.MaxWait, r.Retry = test.bound, true
		_, err := l.Wait(ctx, r)
		cancel()
		var e *spapi.LimitError
		switch {
		case !test.refused:
			if err != nil {
				t.Errorf("%+v: %v", test, err)
			}
		case !errors.As(err, &e) || e.Deadline != test.deadline || errors.Is(err, context.DeadlineExceeded) != test.deadline || !e.Retry:
			t.Errorf("%+v: got %v", test, err)
		case test.deadline && (e.Max > test.left || e.Max < test.left-tolerance) || !test.deadline && e.Max != test.bound:
			t.Errorf("%+v: the bound is told as %s", test, e.Max)
		case time.Since(start) > tolerance:
			t.Errorf("%+v: told after %s, want at once", test, time.Since(start))
		}
	}
}

func drains(t *testing.T, l spapi.Limiter) {
	one, all := seller("one", 1, 5), application(100, 100)
	var sent []spapi.LimitGrant
	for range 5 {
		sent = append(sent, wait(t, l, request(one, all)))
	}
	time.Sleep(3 * time.Second) // three tokens came back
	start := time.Now()
	for _, g := range sent { // the later ones were on their way already, and say the same once more
		observe(t, l, g, spapi.LimitReply{Throttled: true})
		time.Sleep(100 * time.Millisecond)
	}
	within(t, "the wait after the 429s", refused(t, l, one, all).Wait, 500*time.Millisecond, 1)
	for range 90 { // the larger bucket is left alone
		takeNow(t, l, seller("other", 1, 100), all)
	}
	for range 5 {
		take(t, l, one, all)
	}
	within(t, "five calls after the 429s of one burst", time.Since(start), 5*time.Second, 1)
}

// A 429 must move those who already wait.
func drainMoves(t *testing.T, l spapi.Limiter) {
	b := seller("one", 1, 1)
	g := wait(t, l, request(b))
	q := newQueue(t, l)
	q.add(t.Context(), "waiting", request(b))
	time.Sleep(800 * time.Millisecond)
	observe(t, l, g, spapi.LimitReply{Throttled: true})
	q.want("waiting")
	within(t, "who waited when the 429 came", q.times["waiting"], 1800*time.Millisecond, 1)
}

func learns(t *testing.T, l spapi.Limiter) {
	one, all := seller("one", 1, 2), application(50, 2)
	g := takeNow(t, l, one, all)
	takeNow(t, l, one, all)
	q := newQueue(t, l)
	q.add(t.Context(), "waiting", request(one, all)) // due in a second
	observe(t, l, g, spapi.LimitReply{Rate: 10})
	q.want("waiting")
	within(t, "who waited when the rate rose", q.times["waiting"], 100*time.Millisecond, 10)
	start := time.Now()
	for range 10 {
		g = take(t, l, one, all)
	}
	within(t, "ten calls at the learned rate", time.Since(start), time.Second, 10)
	if g.Rate != 10 {
		t.Errorf("the grant tells a rate of %g, want 10", g.Rate)
	}
	observe(t, l, g, spapi.LimitReply{Rate: 0.5})
	start = time.Now()
	for range 3 {
		take(t, l, one, all)
	}
	within(t, "three calls at the lower rate", time.Since(start), 6*time.Second, 0.5)
	observe(t, l, g, spapi.LimitReply{}) // without a header nothing changes
	if e := refused(t, l, one, all); e.Rate != 0.5 {
		t.Errorf("the rate is %g, want 0.5", e.Rate)
	}
	// It is the rate of application and seller: the application's own stays as it is.
	time.Sleep(10 * time.Second)
	takeNow(t, l, seller("x", 1, 1), all)
	takeNow(t, l, seller("y", 1, 1), all)
	if e := refused(t, l, seller("z", 1, 1), all); e.Scope != spapi.LimitPerApplication || e.Rate != 50 {
		t.Errorf("refused by %+v, want the application's 50 per second", e)
	}
}

// What is absurd is told and not believed; the rest of the reply counts.
func absurd(t *testing.T, l spapi.Limiter) {
	for i, rate := range []float64{1e-9, 0.0199, 201, 1e6, 1e300, -1, math.Inf(1), math.NaN()} {
		b := seller(fmt.Sprint(i), 2, 10)
		g := wait(t, l, request(b))
		err := l.Observe(t.Context(), g, spapi.LimitReply{Rate: rate, Throttled: true})
		if err == nil {
			t.Errorf("a rate of %g, with a plan of 2 per second, is not told of", rate)
		} else if !strings.Contains(err.Error(), "x-amzn-RateLimit-Limit") {
			t.Errorf("a rate of %g: %v", rate, err)
		}
		if err := l.Observe(t.Context(), g, spapi.LimitReply{Rate: rate}); err != nil {
			t.Errorf("a rate of %g is told of twice: %v", rate, err)
		}
		e := refused(t, l, b) // the 429 counts
		if e.Rate != 2 {
			t.Errorf("the rate is %g, want 2", e.Rate)
		}
		within(t, "the wait after the 429", e.Wait, 500*time.Millisecond, 2)
	}
	for _, rate := range []float64{0.02, 200, 1000, 1e-4} { // the bounds themselves, and an emulator's
		b := seller(fmt.Sprint("bound ", rate), 2, 10)
		observe(t, l, wait(t, l, request(b)), spapi.LimitReply{Rate: rate, Emulated: rate > 200 || rate < 0.02})
		if g := take(t, l, b); g.Rate != rate {
			t.Errorf("the rate is %g, want %g", g.Rate, rate)
		}
	}
}

// Who gives up after all is told how long the wait would have been in all.
func givingUp(t *testing.T, l spapi.Limiter) {
	b := seller("one", 1, 1)
	takeNow(t, l, b)
	q := newQueue(t, l)
	for i := range 3 {
		q.add(t.Context(), fmt.Sprint(i), request(b))
	}
	r := request(b)
	r.MaxWait = 4500 * time.Millisecond
	told := make(chan error, 1)
	go func() {
		_, err := l.Wait(t.Context(), r)
		told <- err
	}()
	synctest.Wait()
	for i := range 4 {
		r := request(b)
		r.Priority = 1
		q.add(t.Context(), fmt.Sprint("urgent ", i), r)
	}
	for i := range 3 {
		q.add(t.Context(), fmt.Sprint("behind ", i), request(b))
	}
	var limit *spapi.LimitError
	if err := <-told; !errors.As(err, &limit) { // the urgent ones went, of the first three none
		t.Fatalf("got %v, want a LimitError", err)
	}
	within(t, "the wait of who gave up", limit.Wait, 8*time.Second, 1)
	q.wg.Wait()
}

// Amazon takes a token up to a latency after us: who uses the last one must allow for that, in every bucket of the call.
func latency(t *testing.T, l spapi.Limiter) {
	for name, buckets := range map[string][]spapi.LimitBucket{
		"seller":      {seller("one", 1, 3)},
		"application": {seller("two", 100, 100), application(1, 3)},
	} {
		var sent []spapi.LimitGrant
		start := time.Now()
		for range 3 {
			sent = append(sent, wait(t, l, request(buckets...)))
		}
		// The usual latency is 50 ms, all of these took longer: Amazon's bucket was emptied that much later than ours.
		for range 12 {
			observe(t, l, sent[2], spapi.LimitReply{Latency: 50 * time.Millisecond})
		}
		time.Sleep(450 * time.Millisecond)
		for _, g := range sent {
			observe(t, l, g, spapi.LimitReply{Latency: 450 * time.Millisecond})
		}
		for range 10 {
			observe(t, l, wait(t, l, request(buckets...)), spapi.LimitReply{Latency: 50 * time.Millisecond})
		}
		if got := time.Since(start); got < 10*time.Second+350*time.Millisecond || got > 12*time.Second {
			t.Errorf("%s: ten calls took %s, want 10 s and the 400 ms by which Amazon's bucket may lag", name, got)
		}
	}
}

// turmoil is many calls of several sellers with priorities and contexts that end. All that stay must get through, at the rate of the
// application's bucket.
func turmoil(t *testing.T, l spapi.Limiter) {
	const calls, rate = 600, 50.0
	all := application(rate, 5)
	random := rand.New(rand.NewPCG(1, 2))
	start := time.Now()
	var wg sync.WaitGroup
	var mu sync.Mutex
	granted, left := 0, 0
	for range calls {
		r := request(seller(fmt.Sprint(random.IntN(5)), 20, 3), all)
		r.Priority = random.IntN(3)
		leaves := random.IntN(3) == 0
		patience, at := time.Duration(1+random.IntN(4000))*time.Millisecond, time.Duration(random.IntN(1000))*time.Millisecond
		throttled := random.IntN(100) == 0
		wg.Go(func() {
			time.Sleep(at)
			ctx, cancel := context.WithCancel(t.Context())
			defer cancel()
			if leaves {
				time.AfterFunc(patience, cancel)
			}
			g, err := l.Wait(ctx, r)
			mu.Lock()
			defer mu.Unlock()
			switch {
			case err == nil:
				granted++
				observe(t, l, g, spapi.LimitReply{Throttled: throttled, Latency: 10 * time.Millisecond})
			case leaves && errors.Is(err, context.Canceled):
				left++
			default:
				t.Error(err)
			}
		})
	}
	wg.Wait()
	took := time.Since(start)
	if granted+left != calls || granted < calls/2 || left == 0 {
		t.Errorf("%d of %d calls got through, %d left", granted, calls, left)
	}
	if ideal := time.Duration(float64(granted-5) / rate * float64(time.Second)); took < ideal || took > ideal+ideal/5+time.Second {
		t.Errorf("%d calls took %s, want %s and little more", granted, took, ideal)
	}
}
