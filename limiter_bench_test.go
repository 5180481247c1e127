package spapi_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"runtime"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/openspapi/spapi"
)

// BenchmarkLimiter is the way through the limiter where nobody waits: goroutines with a seller of their own or all with one, and where it is theirs
// beside the application's bucket, which all share.
func BenchmarkLimiter(b *testing.B) {
	for _, goroutines := range []int{2, 8, 64} {
		for _, sellers := range []int{1, goroutines} {
			for _, wide := range []bool{false, true} {
				b.Run(fmt.Sprintf("goroutines=%d/sellers=%d/application=%t", goroutines, sellers, wide), func(b *testing.B) {
					b.ReportAllocs()
					l := spapi.NewLimiter()
					var n atomic.Int64
					b.SetParallelism(goroutines / runtime.GOMAXPROCS(0))
					b.RunParallel(func(pb *testing.PB) {
						bucket := spapi.LimitBucket{App: "amzn1.application-oa2-client.0123456789abcdef", Region: "eu", Operation: "ordersv0.getOrders",
							Seller: fmt.Sprint("A", n.Add(1)%int64(sellers)), Rate: 1e6, Burst: 1e9}
						r := spapi.LimitRequest{MaxWait: -1, Buckets: []spapi.LimitBucket{bucket}}
						if wide {
							bucket.Scope, bucket.Seller = spapi.LimitPerApplication, ""
							r.Buckets = append(r.Buckets, bucket)
						}
						for pb.Next() {
							g, err := l.Wait(context.Background(), r)
							if err != nil {
								b.Error(err)
							}
							_ = l.Observe(context.Background(), g, spapi.LimitReply{Latency: 50 * time.Millisecond, Rate: 1e6})
						}
					})
				})
			}
		}
	}
}

// BenchmarkLimiterSaturated is how much of a limit of 1000 calls per second 64 goroutines use that always want more, in real time, where timers are
// late and latencies differ by more than the bucket holds: "used/allowed", 1 at best.
func BenchmarkLimiterSaturated(b *testing.B) {
	const rate, burst = 1000, 20
	l := spapi.NewLimiter()
	r := spapi.LimitRequest{MaxWait: -1, Buckets: []spapi.LimitBucket{{Operation: "op", Rate: rate, Burst: burst}}}
	b.SetParallelism(64 / runtime.GOMAXPROCS(0))
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			g, err := l.Wait(b.Context(), r)
			if err != nil {
				b.Error(err)
				return
			}
			start := time.Now()
			time.Sleep(time.Millisecond + rand.N(39*time.Millisecond))
			if err := l.Observe(b.Context(), g, spapi.LimitReply{Latency: time.Since(start)}); err != nil {
				b.Error(err)
			}
		}
	})
	b.ReportMetric(float64(b.N)/(burst+rate*b.Elapsed().Seconds()), "used/allowed")
}

// BenchmarkLimiterCancel lets 100,000 calls wait for one bucket and all of them give up.
func BenchmarkLimiterCancel(b *testing.B) {
	const callers = 100_000
	r := spapi.LimitRequest{MaxWait: -1, Buckets: []spapi.LimitBucket{{Operation: "op", Rate: 0.001, Burst: 1}}}
	for b.Loop() {
		b.StopTimer()
		l := spapi.NewLimiter()
		ctx, cancel := context.WithCancel(context.Background())
		if _, err := l.Wait(ctx, r); err != nil {
			b.Fatal(err)
		}
		var begun, done sync.WaitGroup
		for range callers {
			begun.Add(1)
			done.Go(func() {
				begun.Done()
				_, _ = l.Wait(ctx, r)
			})
		}
		begun.Wait()
		time.Sleep(300 * time.Millisecond) // until all wait
		b.StartTimer()
		cancel()
		done.Wait()
	}
}

// BenchmarkLimiterRefusal refuses calls behind 400 sellers with 20 calls each: the longest that the limiter's lock is held.
func BenchmarkLimiterRefusal(b *testing.B) {
	l := spapi.NewLimiter()
	ctx, cancel := context.WithCancel(context.Background())
	var wg sync.WaitGroup
	request := func(seller int) spapi.LimitRequest {
		return spapi.LimitRequest{MaxWait: -1, Buckets: []spapi.LimitBucket{{Operation: "op", Seller: fmt.Sprint(seller), Rate: 100, Burst: 100},
			{Operation: "op", Scope: spapi.LimitPerApplication, Rate: 0.001, Burst: 1}}}
	}
	if _, err := l.Wait(ctx, request(0)); err != nil {
		b.Fatal(err)
	}
	for i := range 8000 {
		wg.Go(func() { _, _ = l.Wait(ctx, request(i%400)) })
	}
	time.Sleep(300 * time.Millisecond) // until all wait
	r := request(7)
	r.MaxWait = 0
	for b.Loop() {
		if _, err := l.Wait(ctx, r); err == nil {
			b.Fatal("not refused")
		}
	}
	cancel()
	wg.Wait()
}
