package spapi

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/http"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

// walk is random calls through all kinds of paths, of which it keeps account.
type walk struct {
	t       *testing.T
	l       *limiter
	mu      sync.Mutex
	sent    map[typedKey][]time.Time // but those that did nothing
	waiting map[typedKey][]time.Time // since when
	plans   map[typedKey]LimitBucket
}

func (w *walk) call(ctx context.Context, r LimitRequest, reply LimitReply) error {
	start := time.Now()
	w.mu.Lock()
	for _, b := range r.Buckets {
		w.waiting[keyOf(&b)] = append(w.waiting[keyOf(&b)], start)
		w.plans[keyOf(&b)] = b
	}
	w.mu.Unlock()
	g, err := w.l.Wait(ctx, r)
	w.mu.Lock()
	for _, b := range r.Buckets {
		key := keyOf(&b)
		i := slices.Index(w.waiting[key], start)
		w.waiting[key] = slices.Delete(w.waiting[key], i, i+1)
		if err == nil && (b.Scope != LimitPerType || !reply.Refused) {
			w.sent[key] = append(w.sent[key], time.Now())
		}
	}
	w.mu.Unlock()
	if err == nil {
		time.Sleep(reply.Latency)
		check(w.t, w.l.Observe(ctx, g, reply))
	}
	return err
}

// states compares what the limiter says of who waits.
func (w *walk) states() {
	synctest.Wait()
	states, err := w.l.LimitStates(w.t.Context(), "app", "eu")
	check(w.t, err)
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, s := range states {
		want := LimitQueue{}
		for _, since := range w.waiting[keyOf(&s.Bucket)] {
			want.Calls++
			want.Longest = max(want.Longest, time.Since(since))
		}
		var got LimitQueue
		if len(s.Queue) > 0 {
			got = s.Queue[0]
		}
		if got != want || len(s.Queue) > 1 {
			w.t.Errorf("before %+v there wait %+v, want %+v", s.Bucket, s.Queue, want)
		}
	}
}

// within fails where more was sent than a plan allows.
func (w *walk) within() {
	for key, sent := range w.sent {
		plan := w.plans[key]
		slices.SortFunc(sent, time.Time.Compare)
		if plan.Window > 0 {
			for i := plan.Burst; i < len(sent); i++ {
				if gap := sent[i].Sub(sent[i-plan.Burst]); gap < plan.Window {
					w.t.Errorf("%+v: calls %d and %d are %s apart", plan, i-plan.Burst, i, gap)
				}
			}
			continue
		}
		amazon := &exactBucket{rate: plan.Rate, burst: float64(plan.Burst), tokens: float64(plan.Burst), last: sent[0]}
		for i, at := range sent {
			if !amazon.takeAt(at) {
				w.t.Errorf("%+v: call %d is one too many", plan, i)
			}
		}
	}
}

// Calls of all kinds, of which some give up and some do nothing: every bucket keeps its plan, all that stay get through, and what is told of those who
// wait is so at any moment.
func TestThreeScopes(t *testing.T) {
	for seed := range uint64(40) {
		synctest.Test(t, func(t *testing.T) {
			random := rand.New(rand.NewPCG(seed, 1))
			w := &walk{t: t, l: NewLimiter().(*limiter), sent: map[typedKey][]time.Time{}, waiting: map[typedKey][]time.Time{}, plans: map[typedKey]LimitBucket{}}
			bucket := func(scope LimitScope, kind, seller string, rate float64, burst int, window time.Duration) LimitBucket {
				return LimitBucket{App: "app", Region: "eu", Operation: "op", Scope: scope, Type: kind, Seller: seller, Rate: rate, Burst: burst, Window: window}
			}
			all := bucket(LimitPerApplication, "", "", 4, 3, 0)
			var wg sync.WaitGroup
			left, got := 0, 0
			for range 250 {
				seller := fmt.Sprint(random.IntN(3))
				r := LimitRequest{MaxWait: -1, Priority: random.IntN(3), Buckets: []LimitBucket{bucket(LimitPerSeller, "", seller, 2, 2, 0)}}
				switch random.IntN(6) {
				case 0, 1:
				case 2:
					r.Buckets = slices.Insert(r.Buckets, 0, bucket(LimitPerType, "pause", seller, 0.5, 1, 0))
				case 3:
					r.Buckets = slices.Insert(r.Buckets, 0, bucket(LimitPerType, "burst", seller, 1, 3, 0))
				case 4:
					r.Buckets = slices.Insert(r.Buckets, 0, bucket(LimitPerType, "window", seller, 0, 5, 5*time.Second))
				default:
					r.Buckets = slices.Insert(r.Buckets, 0, bucket(LimitPerType, "shared", "", 1, 2, 0))
				}
				if random.IntN(4) > 0 {
					r.Buckets = append(r.Buckets, all)
				}
				reply := LimitReply{Latency: time.Duration(random.IntN(100)) * time.Millisecond, Refused: random.IntN(5) == 0}
				reply.Throttled = reply.Refused && random.IntN(10) == 0
				at, patience, leaves := time.Duration(random.IntN(20_000))*time.Millisecond, time.Duration(1+random.IntN(10_000))*time.Millisecond, random.IntN(4) == 0
				wg.Go(func() {
					time.Sleep(at)
					ctx, cancel := context.WithCancel(t.Context())
					defer cancel()
					if leaves {
						time.AfterFunc(patience, cancel)
					}
					err := w.call(ctx, r, reply)
					w.mu.Lock()
					defer w.mu.Unlock()
					switch {
					case err == nil:
						got++
					case leaves && errors.Is(err, context.Canceled):
						left++
					default:
						t.Error(err)
					}
				})
			}
			done := make(chan struct{})
			go func() {
				wg.Wait()
				close(done)
			}()
			for running := true; running; {
				time.Sleep(700*time.Millisecond + 1)
				w.states()
				select {
				case <-done:
					running = false
				default:
				}
			}
			if got+left != 250 || left == 0 || got < 150 {
				t.Errorf("seed %d: %d got through, %d left", seed, got, left)
			}
			w.within()
			nobodyWaits(t, w.l)
		})
	}
}

// A flood of a seller's calls that are of no type leaves room for one that is.
func TestTypesAreNotStarved(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := NewLimiter()
		one := LimitBucket{Operation: "op", Seller: "one", Rate: 10, Burst: 1}
		kind := LimitBucket{Operation: "op", Scope: LimitPerType, Type: "T", Seller: "one", Rate: 1000, Burst: 1000}
		ctx, cancel := context.WithCancel(t.Context())
		var wg sync.WaitGroup
		flood := func(buckets ...LimitBucket) *int {
			n := 0
			for range 10 {
				wg.Go(func() {
					for {
						g, err := l.Wait(ctx, LimitRequest{Buckets: buckets, MaxWait: -1})
						if err != nil {
							return
						}
						n++
						check(t, l.Observe(ctx, g, LimitReply{}))
					}
				})
			}
			return &n
		}
		none, typed := flood(one), flood(kind, one)
		time.Sleep(20 * time.Second)
		cancel()
		wg.Wait()
		if share := float64(*typed) / float64(*none+*typed); share < 0.45 || share > 0.55 {
			t.Errorf("calls of a type had %d turns, those of none %d; want half each", *typed, *none)
		}
		nobodyWaits(t, l)
	})
}

func windowBucket(burst int, length time.Duration) *bucket {
	b := newBucket(&LimitBucket{Scope: LimitPerType, Rate: 77, Burst: burst, Window: length})
	return &b
}

func TestWindow(t *testing.T) {
	now := bucketStart
	b := windowBucket(3, 5*time.Minute)
	if b.rate != 0.01 {
		t.Errorf("three in five minutes are %g a second", b.rate)
	}
	whole := 5*time.Minute + b.lag
	want := func(what string, left float64, delays ...time.Duration) {
		t.Helper()
		for i, d := range delays {
			if got := b.after(now, i+1); got != d {
				t.Errorf("%s: %d calls in %s, want %s", what, i+1, got, d)
			}
		}
		if got := max(b.delay(now), 0); got != delays[0] {
			t.Errorf("%s: the next call in %s, want %s", what, got, delays[0])
		}
		if got := b.left(now); got != left {
			t.Errorf("%s: %g left, want %g", what, got, left)
		}
	}
	want("new", 3, 0, 0, 0, whole, whole, whole, 2*whole)
	b.take(now)
	now = now.Add(time.Minute)
	b.take(now)
	want("two gone", 1, 0, whole-time.Minute, whole, whole)
	now = now.Add(time.Minute)
	b.take(now)
	want("all gone", 0, whole-2*time.Minute, whole-time.Minute, whole, 2*whole-2*time.Minute)
	now = now.Add(whole - 2*time.Minute)
	want("the first has slid out", 1, 0, time.Minute, 2*time.Minute)
	b.take(now)
	b.giveBack(2) // sent in the second minute
	want("the second is struck out", 1, 0, 2*time.Minute, whole, whole)
	b.giveBack(2)
	b.giveBack(1)
	want("what is not there strikes nothing out", 1, 0, 2*time.Minute)
	b.take(now)
	for c, at := b.copied(), now; at.Before(now.Add(time.Hour)); at = at.Add(max(c.delay(at), 0)) { // as an estimate does
		c.take(at)
	}
	want("the copy was taken from", 0, 2*time.Minute, whole, whole)
	if full := b.whenFull(); full != now.Add(whole) || b.forgettable(full.Add(forgetAfter-1)) || !b.forgettable(full.Add(2*forgetAfter)) {
		t.Errorf("full at %s, forgettable %t, %t", full.Sub(now), b.forgettable(full.Add(forgetAfter-1)), b.forgettable(full.Add(2*forgetAfter)))
	}
	// A reply that took long: each counts for longer, also those that are there.
	due := b.delay(now)
	lag := b.lag
	check(t, b.observe(now, 5, LimitReply{Latency: 3 * time.Second}))
	if b.lag != 3*time.Second || b.delay(now) != due+b.lag-lag {
		t.Errorf("lag %s, due in %s; want 3s and as much later", b.lag, b.delay(now))
	}
	// A rate that is told is another bucket's, a 429 may be its own.
	check(t, b.observe(now, 5, LimitReply{Rate: 1}))
	due = b.delay(now)
	now = now.Add(due)
	check(t, b.observe(now, 5, LimitReply{Throttled: true}))
	if got := b.delay(now); got != b.step || b.rate != 0.01 {
		t.Errorf("after a 429 the next call in %s, the rate is %g; want %s and 0.01", got, b.rate, b.step)
	}
}

// Whatever the window and its burst, times stay times, and memory follows the calls.
func TestWindowBeyondAllTimes(t *testing.T) {
	now := bucketStart
	b := windowBucket(1<<62, 1<<62)
	for range 100 {
		b.take(now)
		now = now.Add(time.Minute)
	}
	if got := b.after(now, 1<<61); got != 0 || len(b.window.sent) != 100 {
		t.Errorf("as many calls as nobody makes in %s, %d kept", got, len(b.window.sent))
	}
	one := windowBucket(1, 1<<62)
	one.take(now)
	if got := one.after(now, 1000); got < horizon/2 || one.most(1000) < horizon/2 {
		t.Errorf("behind 1000 others: %s", got)
	}
}

func TestGiveBack(t *testing.T) {
	now := bucketStart
	one := testBucket(0.001, 1)
	one.take(now)
	one.giveBack(1)
	if got := one.delay(now); got > 0 {
		t.Errorf("after the only call did nothing the next waits %s", got)
	}
	one.take(now)
	one.take(now.Add(one.delay(now)))
	due := one.delay(now)
	one.giveBack(1) // that was before
	if got := one.delay(now); got != due {
		t.Errorf("what is not the last was given back: %s, want %s", got, due)
	}
	three := testBucket(0.001, 3)
	for range 3 {
		three.take(now)
	}
	for take := int64(3); take > 0; take-- {
		three.giveBack(take)
		if got := three.delay(now); got > three.lag {
			t.Errorf("after take %d was given back the next call waits %s", take, got)
		}
	}
	three.giveBack(1)
	if full := three.full.Sub(now); full > three.lag {
		t.Errorf("all given back, and full in %s", full)
	}
}

// replies is a limiter that keeps what it is told.
type replies struct {
	Limiter
	told []LimitReply
}

func (l *replies) Observe(ctx context.Context, g LimitGrant, r LimitReply) error {
	l.told = append(l.told, r)
	return l.Limiter.Observe(ctx, g, r)
}

// What failed counts for no type's limit.
func TestLimiterIsToldOfRefusals(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		for status, refused := range map[int]bool{200: false, 202: false, 400: true, 403: true, 404: true, 429: true, 500: true, 503: true} {
			l := &replies{Limiter: NewLimiter()}
			f := new(fake)
			f.api = func(*http.Request) *http.Response { return reply(status, `{}`) }
			_, _ = invokeRaw(t.Context(), f.client(WithLimiter(l)), getOrder, orderID("1"))
			if len(l.told) == 0 {
				t.Fatalf("%d: the limiter was told nothing", status)
			}
			for _, r := range l.told {
				if r.Refused != refused || r.Throttled != (status == 429) {
					t.Errorf("%d: told %+v", status, r)
				}
			}
		}
	})
}

// Of no answer nobody learns how long answers take.
func TestLimiterUnanswered(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := NewLimiter().(*limiter)
		r := LimitRequest{Buckets: []LimitBucket{{Operation: "o", Rate: 10, Burst: 10}}, MaxWait: -1}
		for _, d := range append(slices.Repeat([]time.Duration{300 * time.Millisecond}, 20), -1) {
			g, err := l.Wait(t.Context(), r)
			check(t, err)
			check(t, l.Observe(t.Context(), g, LimitReply{Latency: d, Refused: d < 0}))
		}
		if b := l.all[0]; b.shortest != 300*time.Millisecond || b.replies != 20 {
			t.Errorf("the shortest of %d answers took %s, want 300ms of 20", b.replies, b.shortest)
		}
	})
}

func TestAppLimitStates(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := new(fake)
		app := NewApp(testCredentials, WithTransport(f), WithApplicationLimit(getOrder, 7, 3))
		_, err := invokeRaw(t.Context(), app.Client(testAuthorization), getOrder, orderID("1"))
		check(t, err)
		states, err := app.LimitStates(t.Context(), "na")
		check(t, err)
		if len(states) != 2 || states[0].Bucket.Operation != getOrder || states[0].Bucket.Seller == "" || states[0].Left != 29 || states[0].Takes != 1 ||
			states[1].Bucket.Scope != LimitPerApplication || states[1].Left != 2 {
			t.Errorf("after one call: %+v", states)
		}
		_, err = app.LimitStates(t.Context(), "mars")
		wantText(t, fmt.Sprint(err), "spapi: states of limits: ", `region "mars"`)
		for region, want := range map[string]int{"eu": 0, "na-sandbox": 0} {
			if states, err = app.LimitStates(t.Context(), region); err != nil || len(states) != want {
				t.Errorf("%s: %+v, %v", region, states, err)
			}
		}
		other := NewApp(Credentials{ClientID: testClientID + "0", ClientSecret: testCredentials.ClientSecret}, WithLimiter(app.config.limiter))
		if states, err = other.LimitStates(t.Context(), "na"); err != nil || len(states) != 0 {
			t.Errorf("another application with the same limiter: %+v, %v", states, err)
		}
		var blind struct{ Limiter }
		_, err = NewApp(testCredentials, WithLimiter(blind)).LimitStates(t.Context(), "na")
		if !errors.Is(err, errors.ErrUnsupported) {
			t.Errorf("of a limiter that shows nothing: %v", err)
		}
		if _, err = NewApp(Credentials{}).LimitStates(t.Context(), "na"); !errors.As(err, new(*ConfigError)) {
			t.Errorf("of an application that is none: %v", err)
		}
	})
}

func TestLimitErrorsOfTypes(t *testing.T) {
	for want, e := range map[string]*LimitError{
		"reports.createReport: the rate limit of 0.0005556 requests per second (burst 1) for GET_STOCK makes the call wait 30m0s, WithFailFast allows 0s": {
			Operation: "reports.createReport", Wait: 30 * time.Minute, Scope: LimitPerType, Type: "GET_STOCK", Rate: 1.0 / 1800, Burst: 1},
		"feeds.createFeed: the limit of 5 JSON_LISTINGS_FEED per 5 minutes makes the call wait 2s, the context's deadline leaves 1s": {
			Operation: "feeds.createFeed", Wait: 2 * time.Second, Max: time.Second, Deadline: true, Scope: LimitPerType, Type: "JSON_LISTINGS_FEED",
			Rate: 1.0 / 60, Burst: 5, Window: 5 * time.Minute},
	} {
		wantText(t, e.Error(), want)
	}
}

// The next call of a type goes on to its own seller's bucket as soon as the one before it has gone, whether a reply has come or not.
func TestTypeGoesOnElsewhere(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := NewLimiter()
		kind := LimitBucket{Operation: "op", Scope: LimitPerType, Type: "T", Rate: 100, Burst: 100}
		slow, quick := LimitBucket{Operation: "op", Seller: "slow", Rate: 1, Burst: 1}, LimitBucket{Operation: "op", Seller: "quick", Rate: 100, Burst: 100}
		ctx, cancel := context.WithTimeout(t.Context(), time.Hour)
		defer cancel()
		_, err := l.Wait(ctx, LimitRequest{Buckets: []LimitBucket{slow}})
		check(t, err)
		start := time.Now()
		var wg sync.WaitGroup
		for _, seller := range []LimitBucket{slow, quick} {
			wg.Go(func() {
				_, err := l.Wait(ctx, LimitRequest{Buckets: []LimitBucket{kind, seller}, MaxWait: -1})
				check(t, err)
			})
			synctest.Wait()
		}
		wg.Wait()
		if took := time.Since(start); took > 2*time.Second {
			t.Errorf("the call behind one of a slow seller went after %s, want at once when that had gone", took)
		}
		nobodyWaits(t, l)
	})
}

// A program's own limiter may wrap its refusals: the short first try of a call that tells of waits must not be what the call comes to.
func TestLimitNoticeOfWrappedRefusal(t *testing.T) {
	l := &wrappingLimiter{}
	f := new(fake)
	var told *LimitError
	_, err := invokeRaw(t.Context(), f.client(WithLimiter(l)), getOrder, orderID("1"), WithLimitNotice(func(e *LimitError) { told = e }))
	check(t, err)
	if told == nil || told.Wait != time.Hour || l.waits != 2 {
		t.Errorf("told %+v, the limiter was asked %d times, want an hour and twice", told, l.waits)
	}
}

// wrappingLimiter refuses what has a bound.
type wrappingLimiter struct{ waits int }

func (l *wrappingLimiter) Wait(_ context.Context, r LimitRequest) (LimitGrant, error) {
	l.waits++
	if r.MaxWait >= 0 {
		return LimitGrant{}, fmt.Errorf("mine: %w", &LimitError{Operation: r.Buckets[0].Operation, Wait: time.Hour, Max: r.MaxWait})
	}
	return LimitGrant{Buckets: r.Buckets}, nil
}

func (*wrappingLimiter) Observe(context.Context, LimitGrant, LimitReply) error { return nil }
