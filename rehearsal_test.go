package spapi

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"pgregory.net/rapid"
)

// crowd is a queue as it may be when a call comes.
type crowd struct {
	sellers []LimitBucket
	kinds   [][]LimitBucket // of each seller
	shared  bool            // the last of them is one over all sellers
	all     LimitBucket     // Rate 0: none
	taken   []asked         // before
	waiting []asked
	pause   time.Duration // after what was taken
	asks    asked
}

// asked is a call of a type, 0: of none.
type asked struct{ seller, priority, kind int }

func (c *crowd) request(a asked) LimitRequest {
	r := LimitRequest{Buckets: []LimitBucket{c.sellers[a.seller]}, MaxWait: -1, Priority: a.priority}
	if a.kind > 0 {
		r.Buckets = slices.Insert(r.Buckets, 0, c.kinds[a.seller][a.kind-1])
	}
	if c.all.Rate > 0 {
		r.Buckets = append(r.Buckets, c.all)
	}
	return r
}

func drawCrowd(t *rapid.T) *crowd {
	c := new(crowd)
	about := rapid.SampledFrom([]float64{0.5, 1, 2, 5, 10, 100})
	odd := 1.0
	rate := func() float64 { // no two alike: of what falls on one moment either may be the first
		odd += 0.01137
		return about.Draw(t, "rate") * odd
	}
	burst := rapid.SampledFrom([]int{1, 2, 5, 20})
	kinds := rapid.IntRange(0, 3).Draw(t, "kinds")
	all, shared := kinds, LimitBucket{}
	if c.shared = rapid.Bool().Draw(t, "shared"); c.shared {
		shared = LimitBucket{Operation: "op", Scope: LimitPerType, Type: "shared", Rate: rate(), Burst: burst.Draw(t, "burst")}
		all++
	}
	for i := range rapid.IntRange(1, 5).Draw(t, "sellers") {
		c.sellers = append(c.sellers, LimitBucket{Operation: "op", Seller: fmt.Sprint(i), Rate: rate(), Burst: burst.Draw(t, "burst")})
		var list []LimitBucket
		for k := range kinds {
			b := LimitBucket{Operation: "op", Scope: LimitPerType, Seller: fmt.Sprint(i), Type: fmt.Sprint(k), Rate: rate(), Burst: burst.Draw(t, "burst")}
			if rapid.Bool().Draw(t, "window") {
				b.Window = time.Duration(float64(b.Burst) / b.Rate * float64(time.Second))
			}
			list = append(list, b)
		}
		if shared.Rate > 0 {
			list = append(list, shared)
		}
		c.kinds = append(c.kinds, list)
	}
	if rapid.IntRange(0, 3).Draw(t, "application") > 0 {
		c.all = LimitBucket{Operation: "op", Scope: LimitPerApplication, Rate: rate(), Burst: burst.Draw(t, "burst")}
	}
	c.pause = time.Duration(rapid.IntRange(0, 2000).Draw(t, "pause")) * time.Millisecond
	one := rapid.Custom(func(t *rapid.T) asked {
		return asked{rapid.IntRange(0, len(c.sellers)-1).Draw(t, "seller"), rapid.IntRange(0, 2).Draw(t, "priority"), rapid.IntRange(0, all).Draw(t, "kind")}
	})
	c.taken = rapid.SliceOfN(one, 0, 60).Draw(t, "taken")
	c.waiting = rapid.SliceOfN(one, 0, 60).Draw(t, "waiting")
	c.asks = one.Draw(t, "asks")
	return c
}

// told is what a refusal says, waited how long the same call waits that stays.
func (c *crowd) told(t *testing.T) (told *LimitError, waited time.Duration) {
	synctest.Test(t, func(t *testing.T) {
		l := NewLimiter()
		ctx, cancel := context.WithCancel(t.Context())
		var wg sync.WaitGroup
		call := func(r LimitRequest) {
			g, err := l.Wait(ctx, r)
			if err == nil {
				err = l.Observe(ctx, g, LimitReply{})
			}
			if err != nil && ctx.Err() == nil {
				t.Error(err)
			}
		}
		for _, a := range c.taken {
			r := c.request(a)
			r.MaxWait = 0
			if g, err := l.Wait(ctx, r); err == nil {
				check(t, l.Observe(ctx, g, LimitReply{}))
			}
		}
		time.Sleep(c.pause)
		for _, w := range c.waiting {
			wg.Go(func() { call(c.request(w)) })
			synctest.Wait()
		}
		r := c.request(c.asks)
		r.MaxWait = 0
		g, err := l.Wait(ctx, r)
		if err == nil {
			check(t, l.Observe(ctx, g, LimitReply{}))
		}
		if errors.As(err, &told) {
			start := time.Now()
			r.MaxWait = -1
			call(r)
			waited = time.Since(start)
		}
		cancel()
		wg.Wait()
		nobodyWaits(t, l)
	})
	return told, waited
}

// What a refused call is told is what the same call waits when it stays, if nobody else comes and replies come at once.
func TestRefusalsTellTheTruth(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		c := drawCrowd(rt)
		told, waited := c.told(t)
		if told == nil {
			return
		}
		steps := time.Duration(1)
		if c.shared {
			steps = 3 // its place wanders between the sellers' queues
		}
		if step := interval(told.Rate); (waited - told.Wait).Abs() > steps*step+time.Millisecond {
			rt.Fatalf("told %s by %s %g/s, waited %s", told.Wait, told.Scope, told.Rate, waited)
		}
	})
}

// Types hold up calls that come to the wider buckets all the same before this one, and of a type over all sellers each call goes on to another.
func TestRefusalsOfTypes(t *testing.T) {
	seller := func(name string, rate float64, burst int) LimitBucket {
		return LimitBucket{Operation: "op", Seller: name, Rate: rate, Burst: burst}
	}
	kind := func(seller string, rate float64, burst int) LimitBucket {
		return LimitBucket{Operation: "op", Scope: LimitPerType, Type: "T", Seller: seller, Rate: rate, Burst: burst}
	}
	for want, c := range map[time.Duration]*crowd{
		4 * time.Second: { // the first comes to the application a little sooner
			sellers: []LimitBucket{seller("0", 10, 10), seller("1", 10, 10)},
			kinds:   [][]LimitBucket{{kind("0", 1, 1)}, {kind("1", 0.8, 1)}},
			all:     LimitBucket{Operation: "op", Scope: LimitPerApplication, Rate: 0.5, Burst: 2},
			taken:   []asked{{0, 0, 1}, {1, 0, 1}}, waiting: []asked{{0, 0, 1}}, asks: asked{1, 0, 1},
		},
		10 * time.Second: { // behind one whose seller is slow
			sellers: []LimitBucket{seller("0", 0.1, 1), seller("1", 1, 1)},
			kinds:   [][]LimitBucket{{kind("", 100, 100)}, {kind("", 100, 100)}},
			taken:   []asked{{0, 0, 0}, {1, 0, 0}}, waiting: []asked{{0, 0, 1}}, asks: asked{1, 0, 1},
		},
	} {
		told, waited := c.told(t)
		if told == nil || (told.Wait-want).Abs() > want/50+firstLag || (told.Wait-waited).Abs() > ms {
			t.Errorf("told %v, waited %s, want %s", told, waited, want)
		}
	}
}

// Where so many are ahead that not all can be rehearsed, the rest is reckoned.
func TestRefusalsBehindGreatCrowds(t *testing.T) {
	random := rand.New(rand.NewPCG(3, 4))
	for name, size := range map[string]struct{ sellers, calls, own int }{
		"few sellers with many calls": {5, 2000, 500},
		"many sellers":                {400, 40, 20},
		"many sellers, first call":    {400, 40, 0},
		"very many sellers":           {3000, 3, 1},
		"one seller":                  {1, 0, 5000},
	} {
		c := new(crowd)
		for i := range size.sellers {
			c.sellers = append(c.sellers, LimitBucket{Operation: "op", Seller: fmt.Sprint(i), Rate: 20, Burst: 40})
			calls := size.own
			if i > 0 {
				calls = 1 + random.IntN(size.calls)
			}
			for range calls {
				c.waiting = append(c.waiting, asked{seller: i})
			}
		}
		random.Shuffle(len(c.waiting), func(i, k int) { c.waiting[i], c.waiting[k] = c.waiting[k], c.waiting[i] })
		c.all = LimitBucket{Operation: "op", Scope: LimitPerApplication, Rate: 30, Burst: 10}
		told, waited := c.told(t)
		if told == nil {
			t.Fatalf("%s: not refused", name)
		}
		t.Logf("%s: %d wait, told %s, waited %s", name, len(c.waiting), told.Wait, waited)
		if (waited - told.Wait).Abs() > waited/50+interval(told.Rate) {
			t.Errorf("%s: told %s, waited %s, want it right to a fiftieth", name, told.Wait, waited)
		}
	}
}

// Who is held up by a bucket of its own doesn't count, however many they are.
func TestRefusalsBehindManySlowSellers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := NewLimiter()
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		request := func(seller string, rate float64) LimitRequest {
			return LimitRequest{MaxWait: -1, Buckets: []LimitBucket{{Operation: "op", Seller: seller, Rate: rate, Burst: 1},
				{Operation: "op", Scope: LimitPerApplication, Rate: 10, Burst: 10}}}
		}
		var wg sync.WaitGroup
		for i := range 1000 { // each has one call let through, and the next in a thousand seconds
			for range 3 {
				wg.Go(func() {
					g, err := l.Wait(ctx, request(fmt.Sprint(i), 0.001))
					if err == nil {
						check(t, l.Observe(ctx, g, LimitReply{}))
					}
				})
			}
		}
		time.Sleep(200 * time.Second)
		r := request("new", 10)
		for range 10 { // what the application has left
			_, err := l.Wait(ctx, LimitRequest{MaxWait: 0, Buckets: r.Buckets[1:]})
			check(t, err)
		}
		r.MaxWait = 0
		var told *LimitError
		if _, err := l.Wait(ctx, r); !errors.As(err, &told) {
			t.Fatalf("%v, want a refusal", err)
		}
		start := time.Now()
		r.MaxWait = time.Second
		_, err := l.Wait(ctx, r)
		check(t, err)
		if waited := time.Since(start); (waited - told.Wait).Abs() > interval(10) {
			t.Errorf("told %s, waited %s", told.Wait, waited)
		}
		cancel()
		wg.Wait()
	})
}

// What a refusal costs, and giving up, is done under the lock that all calls need: it grows neither with the calls that wait nor, but for a sum, with
// the sellers.
func TestRefusalsBehindGreatCrowdsAreCheap(t *testing.T) {
	const sellers = 1000
	synctest.Test(t, func(t *testing.T) {
		l := NewLimiter().(*limiter)
		ctx, cancel := context.WithCancel(t.Context())
		var wg sync.WaitGroup
		request := func(i int) LimitRequest {
			return LimitRequest{MaxWait: -1, Buckets: []LimitBucket{{Operation: "op", Seller: fmt.Sprint(i), Rate: 100, Burst: 100},
				{Operation: "op", Scope: LimitPerApplication, Rate: 0.001, Burst: 1}}}
		}
		for i := range 3 * sellers {
			wg.Go(func() { _, _ = l.Wait(ctx, request(i%sellers)) })
		}
		synctest.Wait()
		r := request(7)
		r.MaxWait = 0
		refusal := testing.AllocsPerRun(10, func() {
			if _, err := l.Wait(t.Context(), r); !errors.As(err, new(*LimitError)) {
				t.Errorf("%v, want a refusal", err)
			}
		})
		l.mu.Lock()
		w := l.find(&r.Buckets[0]).first().call()
		late := testing.AllocsPerRun(10, func() { w.path.estimate(time.Now(), 0, w) })
		l.mu.Unlock()
		if refusal > 10 || late > 10 {
			t.Errorf("%g allocations for a refusal, %g for giving up, behind %d sellers; want a handful", refusal, late, sellers)
		}
		cancel()
		wg.Wait()
	})
}
