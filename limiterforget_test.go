package spapi

import (
	"context"
	"fmt"
	"runtime"
	"testing"
	"testing/synctest"
	"time"
)

// A thousand sellers come each day for thirty days and go again: memory follows those that are in use.
func TestLimiterForgets(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const sellers, days = 1000, 30
		plans := []LimitBucket{
			{Operation: "ordersv0.getOrders", Rate: 0.0167, Burst: 20},
			{Operation: "catalogitems20220401.getCatalogItem", Rate: 2, Burst: 2},
			{Operation: "fees.getMyFeesEstimates", Rate: 0.5, Burst: 1},
		}
		l := NewLimiter().(*limiter)
		heap := func() int64 {
			runtime.GC()
			var m runtime.MemStats
			runtime.ReadMemStats(&m)
			return int64(m.HeapAlloc)
		}
		most, before := 0, int64(0)
		for day := range days {
			for i := range sellers {
				for _, plan := range plans {
					seller, all := plan, plan
					seller.Seller = fmt.Sprint("A", day, "/", i)
					all.Scope, all.Rate, all.Burst = LimitPerApplication, 100, 100
					for range 2 {
						g, err := l.Wait(t.Context(), LimitRequest{Buckets: []LimitBucket{seller, all}, MaxWait: -1})
						check(t, err)
						check(t, l.Observe(t.Context(), g, LimitReply{Latency: time.Duration(100+i%900) * time.Millisecond, Rate: plan.Rate / 2}))
					}
				}
				most = max(most, len(l.all))
				time.Sleep(24 * time.Hour / sellers)
			}
			if day == 1 {
				before = heap()
			}
		}
		grown := heap() - before
		t.Logf("%d buckets came, %d at once at most, the heap grew by %d KB in %d days", sellers*days*len(plans), most, grown>>10, days-2)
		if len(l.all) != len(l.turnstiles) {
			t.Errorf("%d buckets in the row, %d in the map", len(l.all), len(l.turnstiles))
		}
		// Full after an hour at most, kept for another: what comes in two hours, and as much again until it is found.
		if bound := sellers * len(plans) * 6 / 24; most > bound {
			t.Errorf("%d buckets at once, want %d at most", most, bound)
		}
		if grown > 1<<20 { // all would be some 50 MB
			t.Errorf("the heap grew by %d KB", grown>>10)
		}
		runtime.KeepAlive(l)
	})
}

// What is in use is never forgotten, however many come.
func TestLimiterKeepsWhatIsInUse(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := NewLimiter().(*limiter)
		came := 0
		come := func(n int) {
			for range n {
				came++
				_, err := l.Wait(t.Context(), LimitRequest{Buckets: []LimitBucket{{Operation: "op", Seller: fmt.Sprint("new ", came), Rate: 1, Burst: 1}}, MaxWait: 0})
				check(t, err)
			}
		}
		slow := LimitBucket{Operation: "op", Seller: "slow", Rate: 0.0001, Burst: 1} // a token in 2 h 47 min
		ask := LimitRequest{Buckets: []LimitBucket{slow}, MaxWait: -1}
		g, err := l.Wait(t.Context(), ask)
		check(t, err)
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan error, 1)
		go func() {
			_, err := l.Wait(ctx, ask)
			done <- err
		}()
		for range 2 {
			time.Sleep(80 * time.Minute)
			come(100)
		}
		ask.MaxWait = 0
		if _, err := l.Wait(t.Context(), ask); err == nil {
			t.Error("an empty bucket with a call that waits was forgotten")
		}
		cancel()
		<-done
		time.Sleep(24 * time.Hour)
		come(100)
		again, err := l.Wait(t.Context(), ask)
		check(t, err)
		if again.Takes[0] != 1 || g.Takes[0] != 1 {
			t.Errorf("take %d, want the first of a new bucket: the old one was full for a day", again.Takes[0])
		}
	})
}
