//go:build unix

package fleetprove

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"
)

// TestSellersOfAnApplication has sellers compete for one bucket of the application, one of them with eight times as many callers, while the server is killed
// for some seconds.
func TestSellersOfAnApplication(t *testing.T) {
	sellers, processes, span, away, least, most, atLeast := 40, 8, 90*time.Second, 7*time.Second, 0.9, 1.1, 0.95
	if !proveAll { // whatever else the machine does
		sellers, processes, span, away, least, most, atLeast = 8, 4, 6*time.Second, 0, 0.4, 2, 0.5
	}
	const rate, burst, greedy = 50, 20, 7
	r := newRig(t, processes, plan{Rate: 20, Burst: 20, AppRate: rate, AppBurst: burst}, func(process int) (all []callers) {
		for seller := range sellers {
			switch {
			case seller == greedy:
				all = append(all, callers{Number: 4, Seller: seller})
			case seller%2 == process%2 && seller/2%(processes/2) == process/2%(processes/2): // each at one process
				all = append(all, callers{Number: 4, Seller: seller})
			}
		}
		return all
	}, usual, 0, 0)
	r.start()
	if away > 0 {
		r.until(span / 4)
		r.away(away)
	}
	r.until(span)
	r.stop()
	served, throttled := map[int]int{}, 0
	all, shared := 0, 0
	for _, e := range r.events {
		since := e.at.Sub(r.began)
		switch {
		case !e.ok:
			throttled++
		case since < span:
			all++
			if away == 0 || since < span/4 || since > span/4+away+4*time.Second { // alone each process only knows its own sellers
				served[e.seller]++
				shared++
			}
		}
	}
	used, mean := float64(all)/(burst+rate*span.Seconds()), float64(shared)/float64(sellers)
	counts := slices.Sorted(maps.Values(served))
	t.Logf("%d sellers on an application's bucket of %d/s burst %d, one with %d callers, the others with 4; Redis killed for %s: %.1f %% used, %d throttled, "+
		"%d to %d calls while they shared, the greedy one %d",
		sellers, rate, burst, 4*processes, away, 100*used, throttled, counts[0], counts[len(counts)-1], served[greedy])
	if used < atLeast || len(served) != sellers || float64(throttled) > max(0.005*float64(all), float64(r.lost())) {
		t.Errorf("%.1f %% of what is allowed was used by %d of %d sellers, %d calls throttled", 100*used, len(served), sellers, throttled)
	}
	if float64(counts[0]) < least*mean || float64(served[greedy]) > most*mean {
		t.Errorf("the sellers had %d to %d calls, the greedy one %d: want shares near %.1f", counts[0], counts[len(counts)-1], served[greedy], mean)
	}
}

// TestLowPriority floods a bucket with three priorities from all processes: a caller with a lower one has its turn within 20 steps.
func TestLowPriority(t *testing.T) {
	processes, span, most := 8, 60*time.Second, 20
	if !proveAll {
		processes, span, most = 3, 6*time.Second, 90 // whatever else the machine does
	}
	const rate, burst = 20, 10
	r := newRig(t, processes, plan{Rate: rate, Burst: burst}, func(process int) []callers {
		all := []callers{{Number: 4, Priority: 9}, {Number: 4, Priority: 5}, {Number: 4, Priority: 1}}
		if process == 0 {
			all = append(all, callers{Number: 1, Pause: 300 * time.Millisecond})
		}
		return all
	}, usual, 0, 0)
	r.start()
	r.until(span)
	r.stop()
	if r.results[0] == nil || len(r.results[0].Low) == 0 {
		t.Fatal("the caller with the low priority never had its turn")
	}
	low := r.results[0].Low
	// Calls arrive 70 ms after they were let through, give or take 50.
	passed, longest, first := 0, 0.0, 0.0
	for _, l := range low {
		n := 0
		for _, e := range r.events {
			if at := e.at.Add(-70 * time.Millisecond); at.After(l.From) && at.Before(l.To) {
				n++
			}
		}
		steps := l.To.Sub(l.From).Seconds() * rate
		if l.From.Sub(r.began) < time.Second { // then a full bucket's own calls go first, and nobody knows yet how late calls arrive
			first = max(first, steps)
			continue
		}
		passed, longest = max(passed, n), max(longest, steps)
	}
	t.Logf("below a flood of three priorities from %d processes, each of %d calls had its turn after at most %d others, and waited %.1f steps at most, at the start %.1f",
		processes, len(low), passed, longest, first)
	if passed > most || longest > 1.005*float64(most) || first > 1.005*float64(most+burst) { // by which a step is longer than 1/rate
		t.Errorf("it waited for %d others and %.1f steps, at the start %.1f: want %d at most, at the start %d", passed, longest, first, most, most+burst)
	}
}

// TestColdTokens starts processes with a thousand goroutines each that all need a token: one request for each seller.
func TestColdTokens(t *testing.T) {
	processes := 8
	if !proveAll {
		processes = 3
	}
	r := newRig(t, processes, plan{Kind: "tokens", Clock: true}, nil, usual, 0, 0)
	r.start()
	r.wait(2 * time.Minute)
	t.Logf("%d processes with 1,000 goroutines each: requests by seller %v, all served after %s",
		processes, r.tokens, time.Since(r.began).Round(100*time.Millisecond))
	if len(r.tokens) != 5 {
		t.Errorf("tokens of %d sellers were asked for, want 5", len(r.tokens))
	}
	for seller, n := range r.tokens {
		if n != 1 {
			t.Errorf("%d requests for the token of seller %d, want one", n, seller)
		}
	}
	wantKeysToEnd(t, r.redis)
}

// TestAddedLatency measures what a call takes for which nothing waits, and beside it one command to the server.
func TestAddedLatency(t *testing.T) {
	span := 20 * time.Second
	if !proveAll {
		span = time.Second
	}
	r := newRig(t, 1, plan{Kind: "latency", Rate: 100, Burst: 100}, nil, usual, 0, 0)
	r.start()
	before := r.countScripts()
	r.until(span)
	scripts := r.countScripts() - before
	r.stop()
	if r.results[0] == nil || len(r.results[0].Waits) == 0 || len(r.results[0].Trips) == 0 {
		t.Fatal("no calls")
	}
	waits, trips := r.results[0].Waits, r.results[0].Trips
	slices.Sort(waits)
	slices.Sort(trips)
	at := func(d []time.Duration, share float64) time.Duration {
		return d[int(share*float64(len(d)-1))].Round(10 * time.Microsecond)
	}
	t.Logf("%d calls for which nothing waits, %.0f a second: p50 %s, p99 %s; a GET p50 %s, p99 %s; scripts per call %.2f", len(waits),
		float64(len(waits))/span.Seconds(), at(waits, 0.5), at(waits, 0.99), at(trips, 0.5), at(trips, 0.99), float64(scripts)/float64(len(waits)))
	if proveAll && at(waits, 0.5) > 500*time.Microsecond {
		t.Errorf("p50 is %s, want 0.5 ms at most", at(waits, 0.5))
	}
	if hellos := int(span.Seconds()/2) + 3; float64(scripts-hellos) > 1.1*float64(len(waits)) { // and a reply that no call followed
		t.Errorf("%d scripts for %d calls, want one for each and little more", scripts-hellos, len(waits))
	}
}

// TestMemory calls once for each of many sellers: what buckets take on the server, and that no key stays for ever.
func TestMemory(t *testing.T) {
	sellers := 10_000
	if !proveAll {
		sellers = 500
	}
	r := newRig(t, 1, plan{Kind: "buckets", Rate: 0.5, Burst: 20, Callers: []callers{{Number: sellers}}}, nil, usual, 0, 0)
	before := r.usedMemory()
	r.start()
	r.wait(2 * time.Minute)
	each := (r.usedMemory() - before) / sellers
	kinds := map[string]int{}
	for _, k := range r.redis.Do(t, "KEYS", "*").([]any) {
		key := fmt.Sprint(k)
		kinds[cmp.Or(key[strings.LastIndex(key, ":")+1:], key)]++
	}
	t.Logf("%d buckets: %d bytes each, %.1f MB for 10,000; keys by part: %v", sellers, each, float64(each)/100, kinds)
	if proveAll && each > 600 { // of few buckets connections are the larger part
		t.Errorf("a bucket takes %d bytes, want 600 at most", each)
	}
	if kinds["b"] != sellers || kinds["p"] > 0 {
		t.Errorf("keys by part: %v, want %d buckets and no queue", kinds, sellers)
	}
	wantKeysToEnd(t, r.redis)
}
