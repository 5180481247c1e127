package fleettest

import (
	"context"
	"fmt"
	"slices"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/openspapi/spapi"
)

// Shared is limiters of one application, each that of a process, which share what they know through a store. Its functions make them fail; where one
// is nil, the tests that need it skip.
type Shared struct {
	Limiters []spapi.Limiter

	// Cut keeps a limiter from the store, until what it returns is called: each request fails at once.
	Cut func(limiter int) (restore func())

	// Stop stops a limiter's process, as SIGSTOP does: what it asks of the store is done, and answered when the function that it returns is called.
	Stop func(limiter int) (resume func())

	// Wipe makes the store forget everything.
	Wipe func()

	// Repeat makes every n-th request of all limiters reach the store twice, of which the second is answered.
	Repeat func(n int)
}

// TestShared runs the suite for limiters that share a store, on those that newShared makes: n of them, with full buckets. Time is virtual, as with
// [TestLimiter], which each of the limiters must pass as well. What they start must have ended when the test that newShared was given has,
// its cleanup included.
func TestShared(t *testing.T, newShared func(t *testing.T, n int) Shared) {
	for _, test := range []struct {
		name string
		run  func(t *testing.T, newShared func(n int) Shared)
	}{
		{"KeepToPlan", shareThePlan},
		{"Order", sharedOrder},
		{"Takes", sharedTakes},
		{"SellersShare", func(t *testing.T, newShared func(n int) Shared) { sellersShareAt(t, newShared(4).Limiters, 0.95) }},
		{"NobodyStarves", func(t *testing.T, newShared func(n int) Shared) {
			nobodyStarvesAt(t, newShared(4).Limiters, always(30*time.Millisecond))
			nobodyStarvesAt(t, newShared(16).Limiters, storm)
		}},
		{"TypesAreKeptApart", sharedTypes},
		{"Windows", sharedWindow},
		{"UnaskedCalls", sharedUnasked},
		{"TwoNamesOfASeller", sharedAlias},
		{"CancelAndRefusalTakeNothing", sharedCancel},
		{"Refusal", sharedRefusals},
		{"ThrottledDrainsOnce", sharedDrain},
		{"LearnsRate", sharedRate},
		{"KilledInTheQueue", killedInTheQueue},
		{"KilledAtWork", killedAtWork},
		{"Stopped", stopped},
		{"StaleGrant", staleGrant},
		{"OneCutOff", cutOff},
		{"StoreAway", func(t *testing.T, newShared func(n int) Shared) { storeAway(t, newShared(8), 20, 4, false) }},
		{"StoreAwayAndEmpty", func(t *testing.T, newShared func(n int) Shared) { storeAway(t, newShared(8), 20, 4, true) }},
		{"StoreAwayOfMany", func(t *testing.T, newShared func(n int) Shared) { storeAway(t, newShared(16), 50, 8, true) }},
		{"Wiped", wiped},
		{"Repeated", repeated},
	} {
		t.Run(test.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				test.run(t, func(n int) Shared { return newShared(t, n) })
			})
		})
	}
}

// shareThePlan measures how much of a plan several limiters use together, how many calls are throttled, and how evenly limiters with as many callers
// share it. What latencies cost where the burst is small is what they cost one limiter: see keepsToPlan, whose 2 per second with a burst of 2 and latencies up
// to a second come to as little.
func shareThePlan(t *testing.T, newShared func(n int) Shared) {
	// A call that is 300 ms later than others is later than 19 steps of 10 ms, and 9 of 20 ms: no bucket of that size can make up for it, and once in tens
	// of thousands of calls one meets it empty.
	const beyond = 0.0005
	for _, c := range []struct {
		rate            float64
		burst           int
		weather         weather
		used            float64 // at least, of what is allowed
		throttledAtMost float64 // of the calls
	}{
		{0.5, 20, near, 0.95, 0}, {0.5, 20, rough, 0.95, 0},
		{1, 1, near, 0.9, 0}, {1, 1, storm, 0.9, 0}, {1, 1, rough, 0.58, 0},
		{2, 2, near, 0.95, 0}, {2, 2, storm, 0.95, 0}, {2, 2, rough, 0.82, 0.1},
		{5, 5, near, 0.95, 0}, {5, 5, storm, 0.95, 0}, {5, 5, rough, 0.95, 0.02},
		{20, 10, near, 0.95, 0}, {20, 10, storm, 0.95, 0}, {20, 10, rough, 0.95, 0.01},
		{100, 20, near, 0.95, 0}, {100, 20, storm, 0.95, beyond}, {100, 20, rough, 0.95, 0.01},
	} {
		for _, n := range []int{8, 16} { // one alone has them in TestLimiter
			if n != 8 && c.weather.Name != near.Name {
				continue
			}
			span := min(max(time.Duration(300/c.rate*float64(time.Second)), 25*time.Second), 3*time.Minute) // some grants come several at once
			callers := (int(c.rate*1.2)/n + 2) * n
			run := func(limiters []spapi.Limiter) (*crowd, *amazon) {
				a, b := newAmazon(c.rate, c.burst), seller(fmt.Sprint(n, c.rate, c.burst, c.weather.Name), c.rate, c.burst)
				crowd := newCrowd(t, limiters, alone(b, a), c.weather, callers)
				crowd.spread = span / 10
				time.AfterFunc(span/10, crowd.forgetServed) // whose first burst it was is luck
				crowd.run(span)
				return crowd, a
			}
			crowd, a := run(newShared(n).Limiters)
			what := fmt.Sprintf("%2d limiters, %g/s burst %d, %s", n, c.rate, c.burst, c.weather.Name)
			a.want(t, what, span, c.used, c.throttledAtMost)
			crowd.wantOnce(what)
			if c.weather.Name != rough.Name { // whose callers have a second's luck each
				one, _ := run(slices.Repeat([]spapi.Limiter{spapi.NewLimiter()}, n))
				crowd.wantAs(what, one)
			}
		}
	}
	// What is asked of all, over so many rounds that one more or less is no matter: calls go first come, first served, so that each caller has one in a round.
	const rate, burst, n, span = 50, 10, 16, time.Minute
	a := newAmazon(rate, burst)
	crowd := newCrowd(t, newShared(n).Limiters, alone(seller("many", rate, burst), a), storm, 8*n)
	crowd.run(span)
	a.want(t, "16 limiters with 8 callers each, 50/s burst 10", span, 0.98, beyond)
	crowd.wantEven("16 limiters with 8 callers each")
}

// alone has all callers take from one bucket.
func alone(b spapi.LimitBucket, a *amazon) func(int) ([]spapi.LimitBucket, []*amazon) {
	return func(int) ([]spapi.LimitBucket, []*amazon) { return []spapi.LimitBucket{b}, []*amazon{a} }
}

// wantEven wants each limiter to have had as many calls as the others, five in a hundred more or less.
func (c *crowd) wantEven(what string) {
	c.t.Helper()
	all := 0
	for _, n := range c.served {
		all += n
	}
	mean := float64(all) / float64(len(c.served))
	least, most := slices.Min(c.served), slices.Max(c.served)
	c.t.Logf("%-55s %d to %d calls each", what, least, most)
	if float64(least) < mean*0.95 || float64(most) > mean*1.05 {
		c.t.Errorf("%s: the limiters had %d to %d calls, want %.1f give or take 5 %%", what, least, most, mean)
	}
}

// wantAs wants each limiter's callers to have had as many calls as they have where all are at one limiter, first come, first served. That is even but for
// what a part of a round leaves. Two calls are what a moment at either end of the span may move.
func (c *crowd) wantAs(what string, one *crowd) {
	c.t.Helper()
	for i, n := range c.served {
		if d := n - one.served[i]; d < -2 || d > 2 {
			c.t.Errorf("%s: the limiters had %v calls, their callers at one limiter %v: want as many, give or take two", what, c.served, one.served)
			return
		}
	}
}

// wantOnce wants each take to have been granted once: all take from one bucket.
func (c *crowd) wantOnce(what string) {
	c.t.Helper()
	for take, n := range c.given {
		if n > 1 {
			c.t.Errorf("%s: take %d was granted %d times: the limiters don't share the bucket", what, take, n)
			return
		}
	}
}

// Calls get through in the order in which they came, whichever limiter they came to; a higher priority goes before.
func sharedOrder(t *testing.T, newShared func(n int) Shared) {
	l := newShared(3).Limiters
	for name, priority := range map[string]func(i int) int{
		"one priority":     func(int) int { return 0 },
		"two, of which 1 ": func(i int) int { return i % 2 },
	} {
		b := seller(name, 2, 1)
		takeNow(t, l[0], b)
		q := newQueue(t, nil)
		var want [2][]string
		for i, at := range []int{0, 1, 2, 0, 0, 0, 1, 2, 1, 1, 2, 0, 2, 1, 0} {
			call := fmt.Sprint(i, " at ", at)
			r := request(b)
			r.Priority = priority(i)
			q.addAt(t.Context(), l[at], call, r)
			want[r.Priority] = append(want[r.Priority], call)
			time.Sleep(20 * time.Millisecond)
		}
		q.want(append(want[1], want[0]...)...)
		within(t, name+": the last", q.times[q.finished[len(q.finished)-1]], 7500*time.Millisecond, 2)
	}
}

// What one limiter takes is gone for the others, in all buckets of the call, and none takes from what others can't.
func sharedTakes(t *testing.T, newShared func(n int) Shared) {
	l := newShared(3).Limiters
	one, other, all := seller("one", 0.01, 3), seller("other", 0.01, 5), application(0.01, 5)
	for i := range 3 {
		if g := takeNow(t, l[i], one, all); g.Takes[0] != int64(i+1) || g.Takes[1] != int64(i+1) {
			t.Errorf("takes %v, want both to be number %d", g.Takes, i+1)
		}
	}
	for i := range 3 {
		if e := refused(t, l[i], one, all); e.Scope != spapi.LimitPerSeller {
			t.Errorf("refused by %+v, want the seller's bucket", e)
		}
	}
	takeNow(t, l[0], other, all)
	takeNow(t, l[1], other, all)
	for i := range 3 {
		if e := refused(t, l[i], other, all); e.Scope != spapi.LimitPerApplication {
			t.Errorf("refused by %+v, want the application's bucket", e)
		}
	}
	if g := takeNow(t, l[2], other); g.Takes[0] != 3 {
		t.Errorf("take %d of the other seller, want 3: what was refused took something", g.Takes[0])
	}
}

// The pause of one type of reports holds up no other type, whichever limiters they are asked for at, and no call of the seller's without one.
func sharedTypes(t *testing.T, newShared func(n int) Shared) {
	l := newShared(2).Limiters
	own := seller("one", 2, 15)
	report := func(name string) []spapi.LimitBucket {
		b := own
		b.Scope, b.Type, b.Rate, b.Burst = spapi.LimitPerType, name, 1.0/60, 1
		return []spapi.LimitBucket{b, own}
	}
	takeNow(t, l[0], report("A")...)
	takeNow(t, l[1], report("B")...)
	ctx, cancel := context.WithCancel(t.Context())
	q := newQueue(t, nil)
	for i := range 4 {
		q.addAt(ctx, l[i%2], "A", request(report("A")...)) // wait for a minute and more
	}
	for i := range 5 {
		takeNow(t, l[i%2], report(fmt.Sprint("other ", i))...)
		takeNow(t, l[(i+1)%2], own)
	}
	if e := refused(t, l[0], report("B")...); e.Scope != spapi.LimitPerType || e.Wait < 50*time.Second {
		t.Errorf("refused by %+v, want type B's pause", e)
	}
	time.Sleep(65 * time.Second)
	q.mu.Lock()
	if len(q.finished) != 1 {
		t.Errorf("%d calls of type A after its pause, want one", len(q.finished))
	}
	q.mu.Unlock()
	takeNow(t, l[1], report("B")...)
	cancel()
	q.wg.Wait()
}

// So many calls in any span, whichever limiters they come from.
func sharedWindow(t *testing.T, newShared func(n int) Shared) {
	const length = 5 * time.Minute
	l := newShared(3).Limiters
	one, feed := seller("one", 1000, 1000), inWindow("FEED", "one", 5, length)
	var sent []time.Time
	for i := range 5 {
		takeNow(t, l[i%3], feed, one)
		sent = append(sent, time.Now())
		time.Sleep(20 * time.Second)
	}
	for i := range 3 {
		within(t, "the wait", refused(t, l[i], feed, one).Wait, time.Until(sent[0].Add(length)), 1)
	}
	q := newQueue(t, nil)
	for i := range 7 {
		q.addAt(t.Context(), l[i%3], fmt.Sprint(i), request(feed, one))
	}
	q.wg.Wait()
	for _, name := range q.finished {
		sent = append(sent, q.start.Add(q.times[name]))
	}
	for i := 5; i < len(sent); i++ {
		if gap := sent[i].Sub(sent[i-5]); gap < length || gap > length+5*time.Second {
			t.Errorf("call %d came %s after the fifth before it, want %s and little more", i, gap, length)
		}
	}
}

// What one sends in spite of a limit counts for all.
func sharedUnasked(t *testing.T, newShared func(n int) Shared) {
	s := newShared(2)
	one, kind := seller("one", 1, 15), inWindow("T", "one", 1, time.Hour)
	takeNow(t, s.Limiters[0], kind, one)
	time.Sleep(30 * time.Minute)
	unasked(t, s.Limiters[1], kind)
	for _, l := range s.Limiters {
		within(t, "the wait after one that nobody asked for", refused(t, l, kind, one).Wait, time.Hour, 1)
	}
	if s.Cut == nil {
		return
	}
	// What nobody heard of is told with the next call for the type.
	restore := s.Cut(0)
	unasked(t, s.Limiters[0], kind)
	time.Sleep(10 * time.Minute)
	restore()
	_ = wait(t, s.Limiters[0], request(one)) // who makes no call doesn't look whether the store is back
	time.Sleep(10 * time.Second)
	_ = refused(t, s.Limiters[0], kind, one)
	e := refused(t, s.Limiters[1], kind, one)
	within(t, "the wait after one that was told of late", e.Wait, time.Hour, 1)
}

// A limiter that knows a seller by the refresh token alone shares the bucket of one that knows the seller's id too, two minutes after it could know at the
// latest, however long it has called with its own name before.
func sharedAlias(t *testing.T, newShared func(n int) Shared) {
	l := newShared(2).Limiters
	for i, first := range []bool{true, false} {
		token := seller(fmt.Sprint("0123456789abcdef0123456789abcde", i), 0.001, 4)
		id := token
		id.Seller, id.Alias = fmt.Sprint("A1", i), token.Seller
		if first {
			takeNow(t, l[0], token)
		}
		takeNow(t, l[1], id)
		time.Sleep(2 * time.Minute)
		taken := 0
		for range 5 {
			r := request(token)
			r.MaxWait = 0
			if _, err := l[0].Wait(t.Context(), r); err != nil {
				break
			}
			taken++
		}
		if taken > 3 {
			t.Errorf("by the token %d calls got through after one by the id, burst 4: they don't share the bucket", taken)
		}
		_ = refused(t, l[1], id)
		_ = refused(t, l[0], token)
	}
}

// Who is cancelled or refused at one limiter takes nothing from the others, and holds nobody up.
func sharedCancel(t *testing.T, newShared func(n int) Shared) {
	l := newShared(3).Limiters
	for name, buckets := range map[string][]spapi.LimitBucket{
		"one bucket":             {seller("a", 1, 1)},
		"the wide one is slow":   {seller("b", 100, 100), application(1, 1)},
		"the narrow one is slow": {seller("c", 1, 1), application(100, 100)},
	} {
		for i := range buckets {
			buckets[i].App = name // each case has buckets of its own
		}
		before := take(t, l[0], buckets...)
		q := newQueue(t, nil)
		ctx, cancel := context.WithCancel(t.Context())
		for i := range 6 {
			q.addAt(ctx, l[i%2], fmt.Sprint(i), request(buckets...))
		}
		for i := range 6 {
			_ = refused(t, l[i%3], buckets...)
		}
		var after spapi.LimitGrant
		q.wg.Go(func() { after = take(t, l[2], buckets...) })
		synctest.Wait()
		time.Sleep(500 * time.Millisecond)
		cancel()
		q.want()
		within(t, name+": the one behind", time.Since(q.start), time.Second, 1)
		for i := range buckets {
			if after.Takes[i] != before.Takes[i]+1 {
				t.Errorf("%s: take %d of bucket %d follows %d: who was cancelled or refused took something", name, after.Takes[i], i, before.Takes[i])
			}
		}
	}
}

// What a refused call is told is what one that stays waits, give or take a step: at the limiter that refused it, and at another one.
func sharedRefusals(t *testing.T, newShared func(n int) Shared) {
	l := newShared(3).Limiters
	for i, c := range []struct {
		name    string
		all     spapi.LimitBucket // Rate 0: none
		waiting []int             // calls that wait, by seller, spread over the limiters; the call that is asked for is the first one's
		rate    float64           // of the sellers
		burst   int
	}{
		{"empty bucket", spapi.LimitBucket{}, []int{0}, 1, 1},
		{"queue", spapi.LimitBucket{}, []int{7}, 2, 5},
		{"long queue", spapi.LimitBucket{}, []int{40}, 5, 5},
		{"application", application(0.5, 1), []int{0}, 10, 10},
		{"own queue, application", application(2, 3), []int{6}, 10, 10},
		{"behind other sellers", application(2, 1), []int{0, 3, 3, 3}, 10, 10},
	} {
		for _, stays := range []int{0, 1} {
			buckets := func(n int) []spapi.LimitBucket {
				b := seller(fmt.Sprint(i, "/", n), c.rate, c.burst)
				b.App = fmt.Sprint(i, "/", stays)
				if c.all.Rate == 0 {
					return []spapi.LimitBucket{b}
				}
				wide := c.all
				wide.App = b.App
				return []spapi.LimitBucket{b, wide}
			}
			ctx, cancel := context.WithCancel(t.Context())
			for taken := 0; ; taken++ {
				r := request(buckets(0)...)
				r.MaxWait = 0
				if _, err := l[taken%3].Wait(ctx, r); err != nil {
					break
				}
				if taken > c.burst {
					t.Fatalf("%s: a bucket with a burst of %d gave %d calls that must not wait", c.name, c.burst, taken)
				}
			}
			q := newQueue(t, nil)
			for n, count := range c.waiting {
				for k := range count {
					q.addAt(ctx, l[k%3], fmt.Sprint(n, "/", k), request(buckets(n)...))
				}
			}
			time.Sleep(1100 * time.Millisecond) // a limiter may tell the others of those behind its first a second later
			e := refused(t, l[0], buckets(0)...)
			start := time.Now()
			take(t, l[stays], buckets(0)...)
			step := time.Duration(float64(time.Second) / e.Rate)
			if waited := time.Since(start); (waited - e.Wait).Abs() > step+tolerance {
				t.Errorf("%s: the refusal said %s, who stayed at limiter %d waited %s; a step is %s", c.name, e.Wait, stays, waited, step)
			}
			cancel()
			q.wg.Wait()
		}
	}
}

// The 429s of one burst say the same, whichever limiters they come to.
func sharedDrain(t *testing.T, newShared func(n int) Shared) {
	l := newShared(5).Limiters
	b := seller("one", 1, 5)
	var sent []spapi.LimitGrant
	for i := range 5 {
		sent = append(sent, wait(t, l[i], request(b)))
	}
	time.Sleep(3 * time.Second) // three tokens came back
	start := time.Now()
	for i, g := range sent {
		observe(t, l[i], g, spapi.LimitReply{Throttled: true})
		time.Sleep(100 * time.Millisecond)
	}
	within(t, "the wait after the 429s", refused(t, l[4], b).Wait, 500*time.Millisecond, 1)
	for i := range 5 {
		take(t, l[i], b)
	}
	within(t, "five calls after the 429s of one burst", time.Since(start), 5*time.Second, 1)

	// Who waits at one limiter is moved by a 429 that comes to another.
	b = seller("two", 1, 1)
	g := wait(t, l[0], request(b))
	q := newQueue(t, nil)
	q.addAt(t.Context(), l[1], "waiting", request(b))
	time.Sleep(300 * time.Millisecond)
	observe(t, l[0], g, spapi.LimitReply{Throttled: true})
	q.want("waiting")
	within(t, "who waited when the 429 came", q.times["waiting"], 1300*time.Millisecond, 1)
}

// A rate that one limiter is told of holds for all: a lower one at once, a higher one when that limiter has made its next call.
func sharedRate(t *testing.T, newShared func(n int) Shared) {
	l := newShared(3).Limiters
	b := seller("one", 2, 2)
	g := takeNow(t, l[0], b)
	takeNow(t, l[1], b)
	observe(t, l[0], g, spapi.LimitReply{Rate: 0.5})
	start := time.Now()
	for i := range 4 {
		g = take(t, l[i%3], b)
	}
	if got := time.Since(start); got < 7700*time.Millisecond || got > 9*time.Second { // what the lag had added was a part of a token, too
		t.Errorf("four calls at the lower rate took %s, want 8s and little more", got)
	}
	if g.Rate != 0.5 {
		t.Errorf("the grant of another limiter tells a rate of %g, want 0.5", g.Rate)
	}
	observe(t, l[0], g, spapi.LimitReply{Rate: 20})
	take(t, l[0], b)
	start = time.Now()
	for i := range 40 {
		g = take(t, l[i%3], b)
	}
	within(t, "forty calls at the higher rate", time.Since(start), 2*time.Second, 20)
	if g.Rate != 20 {
		t.Errorf("the grant of another limiter tells a rate of %g, want 20", g.Rate)
	}
}

// A killed limiter loses its place within three seconds, and so do two that stand one behind the other, whenever it happens.
func killedInTheQueue(t *testing.T, newShared func(n int) Shared) {
	for _, dead := range []int{1, 2} {
		for _, after := range []time.Duration{0, 130, 400, 700, 1100, 1900} {
			s := newShared(3)
			if s.Cut == nil {
				t.Skip("SKIPPED: these limiters can't be cut off")
			}
			after *= time.Millisecond
			b := seller(fmt.Sprint(dead, after), 0.4, 1)
			takeNow(t, s.Limiters[2], b)
			q := newQueue(t, nil)
			ctx, cancel := context.WithCancel(t.Context())
			for i := range 3 * dead {
				q.addAt(ctx, s.Limiters[i%dead], fmt.Sprint(i), request(b))
			}
			q.addAt(t.Context(), s.Limiters[2], "alive", request(b)) // due in 2.5 s, without those before
			time.Sleep(after)
			for i := range dead {
				s.Cut(i)
			}
			cancel()
			q.want("alive")
			if got, most := q.times["alive"], max(2600*time.Millisecond, after+3*time.Second); got > most {
				t.Errorf("%d killed after %s before the one that lives: its call came through after %s, want %s at most", dead, after, got, most)
			}
		}
	}
}

// steady is the crowd of most tests of failures: as in the table of docs/fleet.md.
func steady(t *testing.T, s Shared) (*crowd, *amazon) {
	a := newAmazon(20, 10)
	return newCrowd(t, s.Limiters, alone(seller("one", 20, 10), a), storm, 4*len(s.Limiters)), a
}

func killedAtWork(t *testing.T, newShared func(n int) Shared) {
	s := newShared(8)
	if s.Cut == nil {
		t.Skip("SKIPPED: these limiters can't be cut off")
	}
	c, a := steady(t, s)
	time.AfterFunc(10*time.Second, func() {
		for i := range 2 {
			s.Cut(i)
			c.kill[i]()
		}
	})
	c.run(40 * time.Second)
	a.want(t, "two of eight killed", 40*time.Second, 0.96, 0)
	c.wantOnce("two of eight killed")
}

func stopped(t *testing.T, newShared func(n int) Shared) {
	s := newShared(8)
	if s.Stop == nil {
		t.Skip("SKIPPED: these limiters can't be stopped")
	}
	c, a := steady(t, s)
	var before, again atomic.Int64
	time.AfterFunc(10*time.Second, func() {
		resume := s.Stop(0)
		time.AfterFunc(2*time.Second, func() { before.Store(int64(c.count(0))) })
		time.AfterFunc(30*time.Second, resume)
		time.AfterFunc(35*time.Second, func() { again.Store(int64(c.count(0))) })
	})
	c.run(60 * time.Second)
	a.want(t, "one of eight stopped for 30 s", time.Minute, 0.96, 0)
	if end := int64(c.count(0)); again.Load() == before.Load() || end-again.Load() < 20 {
		t.Errorf("the stopped one had %d calls when stopped, %d 5 s after it went on, %d at the end: want it to have its share again",
			before.Load(), again.Load(), end)
	}
}

func (c *crowd) count(limiter int) int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.served[limiter]
}

// A grant that comes to a process long after its time isn't sent: its token has been lost meanwhile.
func staleGrant(t *testing.T, newShared func(n int) Shared) {
	s := newShared(2)
	if s.Stop == nil {
		t.Skip("SKIPPED: these limiters can't be stopped")
	}
	a, b := newAmazon(1, 1), seller("one", 1, 1)
	c := newCrowd(t, s.Limiters[1:], alone(b, a), even, 3)
	var early, late int64
	time.AfterFunc(5*time.Second, func() {
		resume := s.Stop(0)
		go func() {
			g, err := s.Limiters[0].Wait(t.Context(), request(b))
			if err != nil {
				t.Error(err)
				return
			}
			late = g.Takes[0]
			time.Sleep(200 * time.Millisecond)
			observe(t, s.Limiters[0], g, spapi.LimitReply{Latency: 200 * time.Millisecond, Throttled: !a.take()})
		}()
		time.AfterFunc(29*time.Second, func() {
			c.mu.Lock()
			defer c.mu.Unlock()
			for take := range c.given {
				early = max(early, take)
			}
		})
		time.AfterFunc(30*time.Second, resume)
	})
	c.run(50 * time.Second)
	a.want(t, "a stale grant", 50*time.Second, 0.85, 0)
	if late <= early {
		t.Errorf("the stopped process sent take %d, while the other had got to %d: that grant was void", late, early)
	}
}

func cutOff(t *testing.T, newShared func(n int) Shared) {
	s := newShared(8)
	if s.Cut == nil {
		t.Skip("SKIPPED: these limiters can't be cut off")
	}
	c, a := steady(t, s)
	var during int
	time.AfterFunc(12*time.Second, func() {
		restore := s.Cut(0)
		before := c.count(0)
		time.AfterFunc(18*time.Second, func() {
			during = c.count(0) - before
			restore()
			time.AfterFunc(5*time.Second, c.forgetGiven)
		})
	})
	c.run(60 * time.Second)
	// Its whole share would be 45 of 1,200 calls, 3.8 %, each of which somebody meets a limit for. So it must learn from those that it meets itself.
	a.want(t, "one of eight cut off for 18 s", time.Minute, 0.99, 0.03)
	c.wantOnce("5 s after one was cut off")
	if during < 5 { // if an eighth of its share is left it, one call in 3.2 s
		t.Errorf("who was cut off sent %d calls in 18 s, want it to go on with a share", during)
	}
}

// forgetServed begins the count of calls anew.
func (c *crowd) forgetServed() {
	c.mu.Lock()
	defer c.mu.Unlock()
	clear(c.served)
}

// forgetGiven begins the count of grants anew.
func (c *crowd) forgetGiven() {
	c.mu.Lock()
	defer c.mu.Unlock()
	clear(c.given)
}

// While the store is away calls go on with a share each. Within five seconds of its return they share again, whether it has lost what it knew or not.
// Each wants more than is allowed, of a bucket of 10.
func storeAway(t *testing.T, s Shared, rate float64, callers int, empty bool) {
	if s.Cut == nil || s.Wipe == nil {
		t.Skip("SKIPPED: these limiters can't be cut off, or their store not emptied")
	}
	a := newAmazon(rate, 10)
	c := newCrowd(t, s.Limiters, alone(seller("one", rate, 10), a), storm, callers*len(s.Limiters))
	var during int
	time.AfterFunc(20*time.Second, func() {
		var restore []func()
		for i := range s.Limiters {
			restore = append(restore, s.Cut(i))
		}
		before := a.count()
		time.AfterFunc(10*time.Second, func() {
			during = a.count() - before
			if empty {
				s.Wipe()
			}
			for _, r := range restore {
				r()
			}
			time.AfterFunc(5*time.Second, c.forgetGiven)
		})
	})
	c.run(time.Minute)
	what := fmt.Sprintf("the store of %d away for 10 s, empty when back: %t", len(s.Limiters), empty)
	a.want(t, what, time.Minute, 0.978, 0)
	c.wantOnce("5 s after " + what)
	t.Logf("%s: %.1f %% of what is allowed was used meanwhile", what, 100*float64(during)/(10*rate))
	if used := float64(during) / (10 * rate); used < 0.96 {
		t.Errorf("%s: %.2f of what is allowed was used meanwhile, want 0.96 at least", what, used)
	}
}

func (a *amazon) count() int {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.Served
}

// A store that forgets everything has its buckets back from who took from them: no call finds the limit.
func wiped(t *testing.T, newShared func(n int) Shared) {
	s := newShared(8)
	if s.Wipe == nil {
		t.Skip("SKIPPED: the store of these limiters can't be emptied")
	}
	c, a := steady(t, s)
	for i := range 3 {
		time.AfterFunc(time.Duration(10+10*i)*time.Second, s.Wipe)
	}
	time.AfterFunc(35*time.Second, c.forgetGiven) // who comes first after it may not know of the last take of all
	c.run(40 * time.Second)
	// Each time the bucket counts as drained, which costs ten calls of 810 at most.
	a.want(t, "a store that forgets everything, thrice", 40*time.Second, 0.96, 0)
	c.wantOnce("5 s after the store forgot everything")
}

// A request that reaches the store twice may take a token that nobody uses, and no more than that.
func repeated(t *testing.T, newShared func(n int) Shared) {
	s := newShared(8)
	if s.Repeat == nil {
		t.Skip("SKIPPED: requests of these limiters can't be repeated")
	}
	s.Repeat(20)
	c, a := steady(t, s)
	c.run(40 * time.Second)
	a.want(t, "one request in 20 repeated", 40*time.Second, 0.88, 0)

	// The order stays as far as it can, and nobody is forgotten.
	s.Repeat(5)
	b := seller("two", 5, 1)
	take(t, s.Limiters[0], b)
	q := newQueue(t, nil)
	for i := range 10 {
		q.addAt(t.Context(), s.Limiters[i%2], fmt.Sprint(i), request(b))
		time.Sleep(10 * time.Millisecond)
	}
	q.wg.Wait()
	for i, call := range q.finished {
		if at := int(call[0] - '0'); at-i > 2 || i-at > 2 { // whose grant was lost has the next turn
			t.Errorf("with requests repeated the order was %v", q.finished)
			break
		}
	}
	if len(q.finished) != 10 {
		t.Errorf("%d of 10 calls got through with requests repeated", len(q.finished))
	}
}
