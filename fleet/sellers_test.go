package fleet

import (
	"context"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/openspapi/spapi"
)

// Sellers that nobody calls for are forgotten, though calls wait all the time; those of calls that wait are not.
func TestSellersForgotten(t *testing.T) {
	onRedis(t, func(t *testing.T, server TestServer) {
		l := NewLimiter(server)
		defer l.Close()
		request := func(seller string, rate float64) spapi.LimitRequest {
			return spapi.LimitRequest{Buckets: []spapi.LimitBucket{sellerBucket(seller, rate, 1)}, MaxWait: -1}
		}
		ctx, cancel := context.WithCancel(t.Context())
		var wg sync.WaitGroup
		for range 2 {
			wg.Go(func() { _, _ = l.Wait(ctx, request("slow", 0.0001)) })
		}
		const many = 500
		for i := range many {
			if _, err := l.Wait(t.Context(), request("A"+strconv.Itoa(i), 1)); err != nil {
				t.Fatal(err)
			}
		}
		kept := func() int {
			l.mu.Lock()
			defer l.mu.Unlock()
			return len(l.sellers)
		}
		if n := kept(); n != many+1 {
			t.Fatalf("%d sellers are known, want %d", n, many+1)
		}
		time.Sleep(sellerIdle + time.Minute)
		l.mu.Lock()
		waits := l.sellers[sellerKey{"app", "slow"}] != nil
		l.mu.Unlock()
		if n := kept(); n != 1 || !waits {
			t.Errorf("%d sellers are known, the one for whom a call waits among them: %v", n, waits)
		}
		cancel()
		wg.Wait()
	})
}
