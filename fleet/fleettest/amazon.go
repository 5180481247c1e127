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

// amazon is a token bucket as Amazon keeps it: exact, and a request takes its token when it arrives.
type amazon struct {
	mu          sync.Mutex
	rate, burst float64
	tokens      float64
	last        time.Time
	served      int
	throttled   int
}

func newAmazon(rate float64, burst int) *amazon {
	return &amazon{rate: rate, burst: float64(burst), tokens: float64(burst), last: time.Now()}
}

func (a *amazon) take() (ok bool) {
	a.mu.Lock()
	defer a.mu.Unlock()
	now := time.Now()
	a.tokens = min(a.burst, a.tokens+now.Sub(a.last).Seconds()*a.rate)
	a.last = now
	if a.tokens < 1-1e-9 { // what floating point loses
		a.throttled++
		return false
	}
	a.tokens--
	a.served++
	return true
}

// weather is how long a request is under way, there and back. The limiter only sees the sum.
type weather func(*rand.Rand) (there, back time.Duration)

// spread is a latency between two bounds, of which any part may be on the way there.
func spread(from, to time.Duration) weather {
	return func(r *rand.Rand) (there, back time.Duration) {
		whole := from + time.Duration(r.Int64N(int64(to-from)+1))
		there = time.Duration(r.Int64N(int64(whole) + 1))
		return there, whole - there
	}
}

// allThere is a latency between two bounds, all of it on the way there, and one in a hundred much longer.
func allThere(from, to, slow time.Duration) weather {
	return func(r *rand.Rand) (there, back time.Duration) {
		there = from + time.Duration(r.Int64N(int64(to-from)+1))
		if r.IntN(100) == 0 {
			there += slow
		}
		return there, 0
	}
}

// saturate calls with as many callers as it takes to use all that is allowed, for a span.
func saturate(t *testing.T, l spapi.Limiter, b spapi.LimitBucket, w weather, callers int, span time.Duration, random *rand.Rand) *amazon {
	a := newAmazon(b.Rate, b.Burst)
	ctx, cancel := context.WithTimeout(t.Context(), span)
	defer cancel()
	var wg sync.WaitGroup
	var mu sync.Mutex
	for range callers {
		wg.Go(func() {
			for {
				g, err := l.Wait(ctx, request(b))
				if err != nil {
					if !errors.Is(err, context.DeadlineExceeded) {
						t.Error(err)
					}
					return
				}
				mu.Lock()
				there, back := w(random)
				mu.Unlock()
				time.Sleep(there)
				ok := a.take()
				time.Sleep(back)
				observe(t, l, g, spapi.LimitReply{Latency: there + back, Throttled: !ok, Rate: b.Rate})
			}
		})
	}
	wg.Wait()
	return a
}

// keepsToPlan measures how much of a plan is used and how many calls are throttled while latencies vary from call to call.
func keepsToPlan(t *testing.T, l spapi.Limiter) {
	weathers := map[string]weather{
		"20–120 ms, 1 % 300 ms later": allThere(20*time.Millisecond, 120*time.Millisecond, 300*time.Millisecond),
		"20–120 ms":                   spread(20*time.Millisecond, 120*time.Millisecond),
		"0.1–1 s":                     spread(100*time.Millisecond, time.Second),
	}
	for _, rate := range []float64{0.0056, 0.0167, 0.5, 1, 2, 5, 20, 100} {
		for _, burst := range []int{1, 2, 20} {
			for name, w := range weathers {
				b := seller(fmt.Sprint(rate, burst, name), rate, burst)
				span := time.Duration(1000 / rate * float64(time.Second))
				a := saturate(t, l, b, w, int(rate*1.2)+4, span, rand.New(rand.NewPCG(1, 2)))
				allowed := float64(b.Burst) + b.Rate*span.Seconds()
				t.Logf("%8g/s burst %2d, %-30s: %5.1f %% used, %d of %d throttled", rate, burst, name, 100*float64(a.served)/allowed, a.throttled, a.served+a.throttled)
			}
		}
	}
}
