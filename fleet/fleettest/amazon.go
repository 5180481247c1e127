package fleettest

import (
	"context"
	"fmt"
	"math/rand/v2"
	"sync"
	"testing"
	"time"

	"github.com/openspapi/spapi"
	"github.com/openspapi/spapi/internal/amazontest"
)

// amazon is a bucket as Amazon keeps it, for all callers.
type amazon struct {
	mu sync.Mutex
	*amazontest.Bucket
}

func newAmazon(rate float64, burst int) *amazon { return &amazon{Bucket: amazontest.New(rate, burst)} }

func (a *amazon) take() bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.Take()
}

// weather is how long a request is under way. The limiter only sees the sum.
type weather = amazontest.Weather

var (
	near  = weather{Name: "20–120 ms, any part there", From: 20 * time.Millisecond, To: 120 * time.Millisecond}
	storm = weather{Name: "20–120 ms there, 1 % 300 ms more", From: 20 * time.Millisecond, To: 120 * time.Millisecond, Slow: 300 * time.Millisecond, There: true}
	even  = weather{Name: "190–210 ms there", From: 190 * time.Millisecond, To: 210 * time.Millisecond, There: true}
	rough = weather{Name: "0.1–1 s, any part there", From: 100 * time.Millisecond, To: time.Second}
	blind = weather{Name: "0.5 s in all, any part there", From: 500 * time.Millisecond, To: 500 * time.Millisecond}
)

// always is a latency that is the same for all.
func always(latency time.Duration) weather {
	return weather{Name: latency.String(), From: latency, To: latency}
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
		b := seller(fmt.Sprint(c.rate, c.burst, c.weather.Name), c.rate, c.burst)
		calls := 1000.0
		if c.rate < 0.1 { // hours: a limiter that asks a server does so every second
			if testing.Short() {
				continue
			}
			calls = 60
		}
		span := time.Duration(calls / c.rate * float64(time.Second))
		a := newAmazon(c.rate, c.burst)
		saturate(t, l, func(int) ([]spapi.LimitBucket, []*amazon) { return []spapi.LimitBucket{b}, []*amazon{a} }, c.weather, int(c.rate*1.2)+4, span)
		a.want(t, fmt.Sprintf("%g/s burst %d, %s", c.rate, c.burst, c.weather.Name), span, c.used, c.throttledAtMost)
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
	c := newCrowd(t, []spapi.Limiter{l}, take, w, callers)
	c.run(span)
}

// crowd is callers that always want more than is allowed, the i-th at the limiter i modulo their number.
type crowd struct {
	t        *testing.T
	limiters []spapi.Limiter
	take     func(i int) ([]spapi.LimitBucket, []*amazon)
	weather  weather
	callers  int
	spread   time.Duration     // over which they begin to call
	contexts []context.Context // of the limiters' callers
	kill     []context.CancelFunc
	mu       sync.Mutex
	served   []int         // by limiter
	given    map[int64]int // how often a take of the narrowest bucket was granted
}

func newCrowd(t *testing.T, limiters []spapi.Limiter, take func(i int) ([]spapi.LimitBucket, []*amazon), w weather, callers int) *crowd {
	c := &crowd{t: t, limiters: limiters, take: take, weather: w, callers: callers, served: make([]int, len(limiters)), given: map[int64]int{}}
	for range limiters {
		ctx, cancel := context.WithCancel(t.Context())
		c.contexts, c.kill = append(c.contexts, ctx), append(c.kill, cancel)
	}
	return c
}

func (c *crowd) run(span time.Duration) {
	time.AfterFunc(span, func() {
		for _, kill := range c.kill {
			kill()
		}
	})
	var wg sync.WaitGroup
	for i := range c.callers {
		random := rand.New(rand.NewPCG(1, uint64(i)))
		buckets, amazons := c.take(i)
		at := i % len(c.limiters)
		l, ctx := c.limiters[at], c.contexts[at]
		wg.Go(func() {
			time.Sleep(c.spread * time.Duration(i) / time.Duration(c.callers))
			for {
				g, err := l.Wait(ctx, request(buckets...))
				if err != nil {
					if ctx.Err() == nil {
						c.t.Error(err)
					}
					return
				}
				if ctx.Err() != nil {
					return // killed: it is not sent
				}
				c.mu.Lock()
				c.given[g.Takes[0]]++
				c.mu.Unlock()
				there, back := c.weather.Draw(random.Int64N)
				time.Sleep(there)
				ok := true
				for _, a := range amazons {
					ok = a.take() && ok
				}
				if ok {
					c.mu.Lock()
					c.served[at]++
					c.mu.Unlock()
				}
				time.Sleep(back)
				observe(c.t, l, g, spapi.LimitReply{Latency: there + back, Throttled: !ok, Rate: buckets[0].Rate})
			}
		})
	}
	wg.Wait()
}

func (a *amazon) want(t *testing.T, what string, span time.Duration, used, throttled float64) {
	share, of := a.Used(span), a.Refused()
	t.Logf("%-55s %5.1f %% used, %4.1f %% throttled", what, 100*share, 100*of)
	if share < used || of > throttled {
		t.Errorf("%s: %.1f %% of what is allowed was used, %d of %d calls throttled; want %.0f %% at least, and %.0f %% at most", what, 100*share,
			a.Throttled, a.Served+a.Throttled, 100*used, 100*throttled)
	}
}
