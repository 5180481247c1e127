package fleet_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/openspapi/spapi"
	"github.com/openspapi/spapi/internal/amazontest"
	"github.com/openspapi/spapi/internal/redistest"
)

// rush has two callers of each process call all the time until stop: requests take 20 to 120 ms, 1 % of them 300 ms more, of which any part is the way there.
func (a *model) rush(t *testing.T, all []*worker, b spapi.LimitBucket) (stop func()) {
	weather := amazontest.Weather{From: 20 * time.Millisecond, To: 120 * time.Millisecond, Slow: 300 * time.Millisecond}
	ctx, cancel := context.WithCancel(t.Context())
	var wg sync.WaitGroup
	for i, p := range all {
		for j := range 2 {
			random := rand.New(rand.NewPCG(uint64(i), uint64(j)))
			wg.Go(func() {
				for {
					g, err := p.Wait(ctx, waitFor(b))
					if err != nil {
						if ctx.Err() == nil {
							t.Error(err)
						}
						return
					}
					there, back := weather.Draw(random.Int64N)
					time.Sleep(there)
					ok := a.take(i)
					time.Sleep(back)
					if err := p.Observe(ctx, g, spapi.LimitReply{Latency: there + back, Throttled: !ok, Rate: b.Rate}); err != nil {
						t.Error(err)
					}
				}
			})
		}
	}
	return func() {
		cancel()
		wg.Wait()
	}
}

// While the server is away the calls of processes don't meet, though the bucket holds too little to make up for that: each has its slots. What one doesn't
// use is left; what 100 ms for latencies cost is what is missing at a burst of 1.
func TestSlots(t *testing.T) {
	for _, c := range []struct {
		rate        float64
		burst, busy int
		used        float64 // at least, of what comes meanwhile
	}{
		{1, 1, 8, 0.8}, {2, 2, 8, 0.87}, {5, 1, 8, 0.55}, {5, 5, 8, 0.9}, {20, 10, 8, 0.9},
		{1, 1, 1, 0.1}, {2, 2, 1, 0.115}, {5, 5, 1, 0.115}, {2, 2, 4, 0.46},
	} {
		synctest.Test(t, func(t *testing.T) {
			all := newFleet(t, redistest.Memory(t), 8)
			a, b := newModel(c.rate, c.burst), bucketOf("A1", c.rate, c.burst)
			other := b
			other.Operation, other.Rate, other.Burst = "ordersv0.getOrder", 1000, 1000
			ctx, cancel := context.WithCancel(t.Context())
			var wg sync.WaitGroup
			for _, p := range all { // all are there, though some don't call for b
				wg.Go(func() {
					for ctx.Err() == nil {
						mustWait(t, p, waitFor(other))
						time.Sleep(time.Second)
					}
				})
			}
			stop := a.rush(t, all[:c.busy], b)
			time.Sleep(20 * time.Second)
			for _, p := range all {
				p.link.set(refusing)
			}
			servedBefore, throttledBefore := a.counts()
			span := time.Duration(120 / c.rate * float64(time.Second))
			time.Sleep(span)
			served, throttled := a.counts()
			stop()
			cancel()
			wg.Wait()
			served, throttled = served-servedBefore, throttled-throttledBefore
			used := float64(served) / (c.rate * span.Seconds())
			what := fmt.Sprintf("%g/s burst %d, %d of 8 busy: %.1f %% used, %d throttled", c.rate, c.burst, c.busy, 100*used, throttled)
			t.Log(what)
			if used < c.used || throttled > 2 {
				t.Errorf("%s, want %.1f %% at least and 2 at most", what, 100*c.used)
			}
		})
	}
}

// A call that would wait for longer than it may is told when its slot comes: one call of each process in a cycle of all slots.
func TestSlotRefusal(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		all := newFleet(t, redistest.Memory(t), 4)
		b := bucketOf("A1", 1, 1)
		for _, p := range all {
			mustWait(t, p, waitFor(b))
		}
		time.Sleep(3 * time.Second)
		for _, p := range all {
			p.link.set(refusing)
		}
		var at []time.Time
		for range 5 {
			mustWait(t, all[0], waitFor(b))
			at = append(at, time.Now())
		}
		cycle := at[4].Sub(at[3])
		if cycle < 4400*time.Millisecond || cycle > 4500*time.Millisecond || at[3].Sub(at[2]) != cycle {
			t.Errorf("calls went %s and %s after another, want 4.4 s and a little more", at[3].Sub(at[2]), cycle)
		}
		time.Sleep(time.Second)
		r := waitFor(b)
		r.MaxWait = time.Second
		var limit *spapi.LimitError
		_, err := all[0].Wait(t.Context(), r)
		if !errors.As(err, &limit) || limit.Wait != cycle-time.Second || limit.Burst != 1 || limit.Rate < 0.22 || limit.Rate > 0.23 {
			t.Errorf("refused by %+v (%v), want a wait of %s at a rate of 0.226", limit, err, cycle-time.Second)
		}
		g := spapi.LimitGrant{Buckets: []spapi.LimitBucket{b}} // a 429: each second slot is used
		if err := all[0].Observe(t.Context(), g, spapi.LimitReply{Throttled: true}); err != nil {
			t.Fatal(err)
		}
		mustWait(t, all[0], waitFor(b))
		at = append(at, time.Now())
		mustWait(t, all[0], waitFor(b))
		if got := time.Since(at[5]); got != 2*cycle || at[5].Sub(at[4])%cycle != 0 {
			t.Errorf("after a 429 calls went %s and %s after another, want %s in its slots", at[5].Sub(at[4]), got, 2*cycle)
		}
	})
}

// Where not all processes are in the order there are no slots.
func TestSlotsUnknown(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := redistest.Memory(t)
		p := newWorker(t, s)
		b := bucketOf("A1", 1, 1)
		mustWait(t, p, waitFor(b))
		time.Sleep(time.Second)
		keys, err := s.Do("KEYS", "*:hello")
		if err != nil {
			t.Fatal(err)
		}
		key := keys.([]any)[0]
		list, err := s.Do("ZRANGE", key, 0, 0, "WITHSCORES")
		if err != nil {
			t.Fatal(err)
		}
		if _, err := s.Do("ZADD", key, list.([]any)[1], "unnamed"); err != nil {
			t.Fatal(err)
		}
		time.Sleep(2 * time.Second)
		p.link.set(refusing)
		time.Sleep(2 * time.Second)
		mustWait(t, p, waitFor(b))
		start := time.Now()
		mustWait(t, p, waitFor(b))
		if got := time.Since(start); p.log.count("processes=2") != 1 || got < 2*time.Second || got > 2150*time.Millisecond { // in slots 2.21 s
			t.Errorf("calls went %s after another, want little more than 2 s; told: %s", got, p.log.String())
		}
	})
}

// The order of processes is that of those that are there, whatever the server loses of it.
func TestHelloNames(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := redistest.Memory(t)
		all := newFleet(t, s, 5)
		b := bucketOf("A1", 1000, 1000)
		ctx, cancel := context.WithCancel(t.Context())
		var wg sync.WaitGroup
		defer wg.Wait()
		defer cancel()
		call := func(p *worker) {
			for ctx.Err() == nil {
				if _, err := p.Wait(ctx, waitFor(b)); err != nil {
					return
				}
				time.Sleep(time.Second)
			}
		}
		for _, p := range all {
			wg.Go(func() { call(p) })
		}
		members := func(name string) (list []string) {
			keys, err := s.Do("KEYS", "*:"+name)
			if err != nil {
				t.Fatal(err)
			}
			for _, k := range keys.([]any) {
				reply, err := s.Do("ZRANGE", k, 0, -1)
				if err != nil {
					t.Fatal(err)
				}
				for _, m := range reply.([]any) {
					list = append(list, fmt.Sprint(m))
				}
			}
			return list
		}
		check := func(when string, want int) {
			t.Helper()
			names, hello := members("names"), members("hello")
			sorted := slices.IsSorted(names)
			slices.Sort(hello)
			if len(names) != want || !sorted || !slices.Equal(names, hello) {
				t.Errorf("%s: names %s, hello of %s, want the same %d in order", when, strings.Join(names, " "), strings.Join(hello, " "), want)
			}
		}
		time.Sleep(5 * time.Second)
		check("at first", 5)
		_ = all[0].Close()
		_ = all[1].Close()
		time.Sleep(15 * time.Second)
		check("two processes gone", 3)
		keys, _ := s.Do("KEYS", "*:hello")
		if _, err := s.Do("DEL", keys.([]any)[0]); err != nil {
			t.Fatal(err)
		}
		_ = all[2].Close()
		time.Sleep(5 * time.Second)
		check("hello lost, and one more gone", 2)
	})
}
