package fleettest

import (
	"context"
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
type weather struct {
	name     string
	from, to time.Duration
	slow     time.Duration // what one in a hundred takes longer
	there    bool          // all of it is the way there; otherwise any part
}

var (
	near  = weather{name: "20–120 ms, any part there", from: 20 * time.Millisecond, to: 120 * time.Millisecond}
	storm = weather{name: "20–120 ms there, 1 % 300 ms more", from: 20 * time.Millisecond, to: 120 * time.Millisecond, slow: 300 * time.Millisecond, there: true}
	even  = weather{name: "190–210 ms there", from: 190 * time.Millisecond, to: 210 * time.Millisecond, there: true}
	rough = weather{name: "0.1–1 s, any part there", from: 100 * time.Millisecond, to: time.Second}
	blind = weather{name: "0.5 s in all, any part there", from: 500 * time.Millisecond, to: 500 * time.Millisecond}
)

func (w *weather) draw(r *rand.Rand) (there, back time.Duration) {
	whole := w.from + time.Duration(r.Int64N(int64(w.to-w.from)+1))
	if w.slow > 0 && r.IntN(100) == 0 {
		whole += w.slow
	}
	there = whole
	if !w.there {
		there = time.Duration(r.Int64N(int64(whole) + 1))
	}
	return there, whole - there
}

// keepsToPlan measures how much of a plan is used, and how many calls are throttled, while latencies vary from call to call. A burst of 1 costs
// throughput: the next call must not arrive before a step has passed since this one did, and when that was is known from the reply. Where the
// latencies differ by more than the burst holds beyond one call, no order of sending is sure to be the order of arriving: that costs some 429s,
// since to wait for each reply would cost more. Nor do replies that all took equally long show that some calls arrived later than others: that shows
// in a 429, from which a limiter learns.
func keepsToPlan(t *testing.T, l spapi.Limiter) {
	for _, c := range []struct {
		rate            float64
		burst           int
		weather         weather
		used            float64 // at least, of what is allowed
		throttledAtMost float64 // of the calls
	}{
		{0.0056, 1, near, 0.98, 0}, {0.0056, 1, storm, 0.98, 0}, {0.0056, 1, rough, 0.98, 0},
		{0.0167, 1, near, 0.98, 0}, {0.0167, 1, storm, 0.98, 0}, {0.0167, 1, rough, 0.97, 0},
		{0.5, 1, near, 0.95, 0}, {0.5, 1, storm, 0.95, 0}, {0.5, 1, even, 0.97, 0}, {0.5, 1, rough, 0.76, 0},
		{1, 1, near, 0.92, 0}, {1, 1, storm, 0.92, 0}, {1, 1, even, 0.95, 0}, {1, 1, rough, 0.62, 0},
		{2, 1, near, 0.86, 0}, {2, 1, storm, 0.86, 0}, {2, 1, even, 0.91, 0},
		{5, 1, near, 0.72, 0}, {5, 1, storm, 0.72, 0}, {5, 1, even, 0.8, 0}, {5, 1, rough, 0.25, 0},
		{20, 1, near, 0.39, 0}, {100, 1, near, 0.11, 0},
		{0.0167, 1, blind, 0.95, 0.04}, {1, 1, blind, 0.6, 0.04}, {5, 1, blind, 0.25, 0.04},

		{0.0056, 2, near, 0.98, 0}, {0.0167, 2, storm, 0.98, 0}, {0.5, 2, rough, 0.98, 0}, {1, 2, rough, 0.98, 0},
		{2, 2, near, 0.98, 0}, {2, 2, storm, 0.98, 0}, {2, 2, rough, 0.85, 0.1}, {5, 2, near, 0.98, 0}, {5, 2, even, 0.98, 0},
		{5, 2, storm, 0.97, 0.01},
		{20, 2, even, 0.98, 0}, {20, 2, near, 0.8, 0.13},

		{0.0056, 20, near, 0.98, 0}, {0.0167, 20, rough, 0.98, 0}, {0.5, 20, rough, 0.98, 0}, {2, 20, storm, 0.98, 0}, {5, 5, rough, 0.96, 0.02},
		{5, 20, rough, 0.98, 0}, {20, 10, storm, 0.97, 0}, {20, 20, rough, 0.96, 0}, {100, 20, near, 0.97, 0}, {100, 20, storm, 0.96, 0},
		{100, 20, rough, 0.95, 0.01},
	} {
		b := seller(fmt.Sprint(c.rate, c.burst, c.weather.name), c.rate, c.burst)
		span := time.Duration(1000 / c.rate * float64(time.Second))
		a := newAmazon(c.rate, c.burst)
		saturate(t, l, func(int) ([]spapi.LimitBucket, []*amazon) { return []spapi.LimitBucket{b}, []*amazon{a} }, c.weather, int(c.rate*1.2)+4, span)
		a.want(t, fmt.Sprintf("%g/s burst %d, %s", c.rate, c.burst, c.weather.name), span, c.used, c.throttledAtMost)
	}
	// Three sellers, each with a bucket of its own, over one of the application.
	one, all, span := newAmazon(1, 1), newAmazon(3, 6), 1000*time.Second
	two, five := newAmazon(2, 2), newAmazon(5, 20)
	saturate(t, l, func(i int) ([]spapi.LimitBucket, []*amazon) {
		b := application(3, 6)
		b.App = "mixed"
		s := []spapi.LimitBucket{seller("1", 1, 1), seller("2", 2, 2), seller("5", 5, 20)}[i%3]
		s.App = b.App
		return []spapi.LimitBucket{s, b}, []*amazon{[]*amazon{one, two, five}[i%3], all}
	}, near, 15, span)
	all.want(t, "an application of 3/s burst 6 over sellers", span, 0.97, 0)
	for i, a := range []*amazon{one, two, five} {
		a.want(t, fmt.Sprintf("its seller %d", i), span, 0.18, 0)
	}
}

// saturate calls with as many callers as it takes to use all that is allowed, for a span. take says what the i-th takes from.
func saturate(t *testing.T, l spapi.Limiter, take func(i int) ([]spapi.LimitBucket, []*amazon), w weather, callers int, span time.Duration) {
	ctx, cancel := context.WithCancel(t.Context())
	time.AfterFunc(span, cancel)
	var wg sync.WaitGroup
	for i := range callers {
		random := rand.New(rand.NewPCG(1, uint64(i)))
		buckets, amazons := take(i)
		wg.Go(func() {
			for {
				g, err := l.Wait(ctx, request(buckets...))
				if err != nil {
					if ctx.Err() == nil {
						t.Error(err)
					}
					return
				}
				there, back := w.draw(random)
				time.Sleep(there)
				ok := true
				for _, a := range amazons {
					ok = a.take() && ok
				}
				time.Sleep(back)
				observe(t, l, g, spapi.LimitReply{Latency: there + back, Throttled: !ok, Rate: buckets[0].Rate})
			}
		})
	}
	wg.Wait()
}

func (a *amazon) want(t *testing.T, what string, span time.Duration, used, throttled float64) {
	share := float64(a.served) / (a.burst + a.rate*span.Seconds())
	of := float64(a.throttled) / float64(a.served+a.throttled)
	t.Logf("%-55s %5.1f %% used, %4.1f %% throttled", what, 100*share, 100*of)
	if share < used || of > throttled {
		t.Errorf("%s: %.1f %% of what is allowed was used, %d of %d calls throttled; want %.0f %% at least, and %.0f %% at most", what, 100*share,
			a.throttled, a.served+a.throttled, 100*used, 100*throttled)
	}
}
