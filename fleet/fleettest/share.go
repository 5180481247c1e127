package fleettest

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"sync"
	"testing"
	"time"

	"github.com/openspapi/spapi"
)

// flood is callers that call again and again until ctx ends. served counts by name.
type flood struct {
	t        *testing.T
	limiters []spapi.Limiter // the i-th of some callers is at the i-th
	wg       sync.WaitGroup
	mu       sync.Mutex
	served   map[string]int
	all      int
}

func (f *flood) add(ctx context.Context, name string, callers int, latency time.Duration, r spapi.LimitRequest) {
	f.addIn(ctx, name, callers, always(latency), r)
}

func (f *flood) addIn(ctx context.Context, name string, callers int, w weather, r spapi.LimitRequest) {
	for i := range callers {
		l := f.limiters[i%len(f.limiters)]
		random := rand.New(rand.NewPCG(uint64(len(name)), uint64(i)))
		f.wg.Go(func() {
			for {
				g, err := l.Wait(ctx, r)
				if err != nil {
					if !errors.Is(err, ctx.Err()) {
						f.t.Error(err)
					}
					return
				}
				f.mu.Lock()
				f.served[name]++
				f.all++
				f.mu.Unlock()
				there, back := w.Draw(random.Int64N)
				latency := there + back
				time.Sleep(latency)
				observe(f.t, l, g, spapi.LimitReply{Latency: latency})
			}
		})
	}
}

// sellersShare lets sellers with many callers and with few compete for the application's bucket.
func sellersShare(t *testing.T, l spapi.Limiter) { sellersShareAt(t, []spapi.Limiter{l}, 0.97) }

func sellersShareAt(t *testing.T, limiters []spapi.Limiter, least float64) {
	for name, test := range map[string]struct {
		callers []int
		rate    float64
		latency time.Duration
		least   float64 // share of the one with the fewest
	}{
		"100 callers beside one":             {[]int{100, 1}, 10, 40 * time.Millisecond, 0.48},
		"100 callers beside one, no latency": {[]int{100, 1}, 50, 0, 0.48},
		"three sellers":                      {[]int{100, 10, 2}, 20, 40 * time.Millisecond, 0.32},
		"who is slow to come back":           {[]int{100, 100, 1}, 10, 250 * time.Millisecond, 0.24}, // one call in 250 ms and a step at most
	} {
		all := application(test.rate, 5)
		all.App = name
		f := &flood{t: t, limiters: limiters, served: map[string]int{}}
		ctx, cancel := context.WithCancel(t.Context()) // a deadline would refuse those that can't keep it
		time.AfterFunc(time.Minute, cancel)
		for i, n := range test.callers {
			b := seller(fmt.Sprint(i), 1000, 1000)
			b.App = name
			f.add(ctx, fmt.Sprint(i), n, test.latency, request(b, all))
		}
		f.wg.Wait()
		fewest := f.served[fmt.Sprint(len(test.callers)-1)]
		if share := float64(fewest) / float64(f.all); share < test.least {
			t.Errorf("%s: the seller with the fewest callers had %d of %d calls, %.3f, want %g at least", name, fewest, f.all, share, test.least)
		}
		if used := float64(f.all) / (5 + test.rate*60); used < least {
			t.Errorf("%s: %.3f of what is allowed was used", name, used)
		}
	}
}

// nobodyStarves floods a bucket with calls of three priorities: one that comes with a lower one is let through all the same.
func nobodyStarves(t *testing.T, l spapi.Limiter) {
	nobodyStarvesAt(t, []spapi.Limiter{l}, always(30*time.Millisecond))
	nobodyStarvesAt(t, []spapi.Limiter{l}, storm)
}

func nobodyStarvesAt(t *testing.T, limiters []spapi.Limiter, w weather) {
	const rate, steps = 10, 20
	// Of 15 turns each of the two lower levels that flood has one. That of the low calls isn't counted.
	const highest = 13.0 / 15
	for name, buckets := range map[string]func(caller string) []spapi.LimitBucket{
		"one seller": func(string) []spapi.LimitBucket { return []spapi.LimitBucket{seller("one", rate, 5)} },
		"many sellers": func(caller string) []spapi.LimitBucket {
			return []spapi.LimitBucket{seller(caller, 1000, 1000), application(rate, 5)}
		},
		"a seller whose own bucket is slow too": func(caller string) []spapi.LimitBucket {
			if caller == "low" {
				return []spapi.LimitBucket{seller(caller, 1, 1), application(rate, 5)}
			}
			return []spapi.LimitBucket{seller(caller, 1000, 1000), application(rate, 5)}
		},
	} {
		ask := func(caller string, priority int) spapi.LimitRequest {
			r := request(buckets(caller)...)
			for i := range r.Buckets {
				r.Buckets[i].App = name + w.Name
			}
			r.Priority = priority
			return r
		}
		f := &flood{t: t, limiters: limiters, served: map[string]int{}}
		ctx, cancel := context.WithCancel(t.Context())
		for _, priority := range []int{9, 5, 1} {
			f.addIn(ctx, fmt.Sprint(priority), 20, w, ask(fmt.Sprint("flood ", priority), priority))
		}
		time.Sleep(10 * time.Second)
		var longest time.Duration
		for i := range 30 {
			l := limiters[i%len(limiters)]
			start := time.Now()
			g := wait(t, l, ask("low", 0))
			longest = max(longest, time.Since(start))
			observe(t, l, g, spapi.LimitReply{})
			time.Sleep(1700 * time.Millisecond)
		}
		cancel()
		f.wg.Wait()
		step := time.Second / rate
		share := float64(f.served["9"]) / float64(f.all)
		what := fmt.Sprintf("%d limiters, %s, %s", len(limiters), name, w.Name)
		t.Logf("%s: the longest wait below a flood of three priorities was %.1f steps, the highest had %.3f", what, float64(longest)/float64(step), share)
		if longest > steps*step+step/5 { // 0.5 % that a step is longer, 20 times
			t.Errorf("%s: the low one waited %s, want %d steps of %s at most", what, longest, steps, step)
		}
		if share < highest-0.01 {
			t.Errorf("%s: the highest priority had %.3f of the calls that flood, want %.3f: %v", what, share, highest, f.served)
		}
	}
}
