package spapi_test

import (
	"context"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"runtime"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/openspapi/spapi"
	"github.com/openspapi/spapi/internal/benchpeer"
	"github.com/openspapi/spapi/marketplace"
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

// benchAnswers is a transport without a wire, that answers as the emulator does.
type benchAnswers struct{}

var benchPage = benchpeer.Orders(1)

func (benchAnswers) RoundTrip(req *http.Request) (*http.Response, error) {
	w := httptest.NewRecorder()
	benchAnswer(w, req)
	resp := w.Result()
	resp.Request = req
	return resp, nil
}

func benchAnswer(w http.ResponseWriter, req *http.Request) {
	w.Header().Set("Content-Type", "application/json")
	if strings.HasSuffix(req.URL.Path, "/token") {
		_, _ = io.WriteString(w, `{"access_token":"Atza|bench","token_type":"bearer","expires_in":3600}`)
		return
	}
	w.Header().Set("X-Spapi-Emulator-Operation", "ordersv0.getOrders")
	w.Header().Set("X-Amzn-Ratelimit-Limit", "1000000")
	_, _ = w.Write(benchPage)
}

// BenchmarkLimitedCall is what the limiter costs calls whose limit lets all pass: times are those of a call with it, "limited/free" is how many times
// that is of a call without it, the median of pairs that follow each other at once.
func BenchmarkLimitedCall(b *testing.B) {
	const calls = 256
	server := httptest.NewServer(http.HandlerFunc(benchAnswer))
	defer server.Close()
	loopback := spapi.NewTransport()
	defer loopback.CloseIdleConnections()
	for _, wire := range []struct {
		name    string
		options []spapi.Option
	}{
		{"none", []spapi.Option{spapi.WithTransport(benchAnswers{})}},
		{"loopback", []spapi.Option{spapi.WithTransport(loopback), spapi.WithEndpoint(server.URL), spapi.WithTokenURL(server.URL + "/token")}},
	} {
		for _, goroutines := range []int{1, 8, 64} {
			b.Run(fmt.Sprintf("wire=%s/goroutines=%d", wire.name, goroutines), func(b *testing.B) {
				limited, free := benchClient(wire.options...), benchClient(append(wire.options, spapi.WithLimiter(unlimited{}))...)
				benchCalls(b, limited, 1, 1)        // learns the rate
				benchCalls(b, free, 64, goroutines) // opens the connections
				var ratios []float64
				for b.Loop() {
					with := benchCalls(b, limited, calls, goroutines)
					b.StopTimer()
					ratios = append(ratios, float64(with)/float64(benchCalls(b, free, calls, goroutines)))
					b.StartTimer()
				}
				slices.Sort(ratios)
				b.ReportMetric(ratios[len(ratios)/2], "limited/free")
				b.ReportMetric(float64(b.Elapsed())/float64(b.N)/calls, "ns/call")
				b.ReportMetric(0, "ns/op")
			})
		}
	}
}

func benchClient(options ...spapi.Option) *spapi.Client {
	app := spapi.NewApp(spapi.Credentials{ClientID: "amzn1.application-oa2-client.0123456789abcdef",
		ClientSecret: spapi.NewSecret("amzn1.oa2-cs.v1.0123456789abcdef")}, options...)
	return app.Client(spapi.Authorization{RefreshToken: spapi.NewSecret("Atzr|0123456789abcdef"), Region: marketplace.NorthAmerica})
}

// benchCalls makes so many calls with so many goroutines, and tells how long all of them took.
func benchCalls(b *testing.B, c *spapi.Client, calls, goroutines int) time.Duration {
	start := time.Now()
	var wg sync.WaitGroup
	for range goroutines {
		wg.Go(func() {
			for range calls / goroutines {
				req, err := http.NewRequestWithContext(b.Context(), http.MethodGet,
					"/orders/v0/orders?MarketplaceIds=ATVPDKIKX0DER&CreatedAfter=2026-03-01T00%3A00%3A00Z", nil)
				if err != nil {
					b.Error(err)
					return
				}
				resp, err := c.Do(req)
				if err != nil {
					b.Error(err)
					return
				}
				_, _ = io.Copy(io.Discard, resp.Body)
				_ = resp.Body.Close()
			}
		})
	}
	wg.Wait()
	return time.Since(start)
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
