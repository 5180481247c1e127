package goredis_test

import (
	"context"
	"fmt"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/openspapi/spapi"
	"github.com/openspapi/spapi/fleet"
	"github.com/openspapi/spapi/fleet/goredis"
	"github.com/openspapi/spapi/internal/redistest"
)

// BenchmarkFreeCall is the way through the limiter of a fleet for calls that nothing holds up, each goroutine with a seller of its own, beside the least that a
// server can be asked: a PING by the same client.
func BenchmarkFreeCall(b *testing.B) {
	r := redistest.Start(b)
	client := redis.NewClient(&redis.Options{Network: "unix", Addr: r.Socket, Protocol: 2, MaxRetries: -1, DisableIdentity: true})
	b.Cleanup(func() { _ = client.Close() })
	for _, goroutines := range []int{1, 8} {
		name := fmt.Sprintf("goroutines=%d/", goroutines)
		run := func(b *testing.B, work func(goroutine int) error) {
			b.ReportAllocs()
			each := make(chan int, goroutines)
			for i := range goroutines {
				each <- i
			}
			if goroutines == 1 {
				for b.Loop() {
					if err := work(0); err != nil {
						b.Fatal(err)
					}
				}
				return
			}
			b.SetParallelism(goroutines / runtime.GOMAXPROCS(0))
			b.RunParallel(func(pb *testing.PB) {
				i := 0
				select {
				case i = <-each:
				default: // more processors than goroutines
				}
				for pb.Next() {
					if err := work(i); err != nil {
						b.Error(err)
						return
					}
				}
			})
		}
		b.Run(name+"spapi", func(b *testing.B) {
			l := fleet.NewLimiter(goredis.New(client))
			b.Cleanup(func() { _ = l.Close() })
			run(b, func(goroutine int) error {
				r := spapi.LimitRequest{MaxWait: -1, Buckets: []spapi.LimitBucket{{App: "app", Region: "eu", Operation: "ordersv0.getOrders",
					Seller: fmt.Sprint("A", goroutine), Rate: 1e5, Burst: 1e6}}}
				g, err := l.Wait(context.Background(), r)
				if err != nil {
					return err
				}
				return l.Observe(context.Background(), g, spapi.LimitReply{Latency: 50 * time.Millisecond, Rate: 1e5})
			})
		})
		b.Run(name+"floor-ping", func(b *testing.B) {
			run(b, func(int) error { return client.Ping(context.Background()).Err() })
		})
	}
}

// BenchmarkToken is a token that is there already, from the store of a fleet and from that of one process.
func BenchmarkToken(b *testing.B) {
	r := redistest.Start(b)
	client := redis.NewClient(&redis.Options{Network: "unix", Addr: r.Socket, Protocol: 2, MaxRetries: -1, DisableIdentity: true})
	b.Cleanup(func() { _ = client.Close() })
	shared, err := fleet.NewTokens(goredis.New(client), []spapi.Secret{spapi.NewSecret(strings.Repeat("0123456789abcdef", 4))})
	if err != nil {
		b.Fatal(err)
	}
	for _, c := range []struct {
		name  string
		store spapi.TokenStore
	}{{"spapi", shared}, {"one-process", spapi.NewTokenStore()}} {
		b.Run("in-memory/"+c.name, func(b *testing.B) {
			b.ReportAllocs()
			request := spapi.TokenRequest{Key: "key", Secret: "secret", Fetch: func(context.Context, <-chan struct{}) (spapi.Token, error) {
				return spapi.Token{Value: spapi.NewSecret("Atza|x"), Expires: time.Now().Add(time.Hour)}, nil
			}}
			for b.Loop() {
				if _, err := c.store.Get(context.Background(), request); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
