package spapi

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math"
	"math/rand/v2"
	"net/http"
	"reflect"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

// exactBucket is a token bucket as a server keeps it: floating point, no tolerance.
type exactBucket struct {
	rate, burst, tokens float64
	last                time.Time
}

func newExactBucket(rate float64, burst int) *exactBucket {
	return &exactBucket{rate: rate, burst: float64(burst), tokens: float64(burst), last: time.Now()}
}

func (b *exactBucket) take() bool { return b.takeAt(time.Now()) }

func (b *exactBucket) takeAt(now time.Time) bool {
	b.tokens = min(b.burst, b.tokens+now.Sub(b.last).Seconds()*b.rate)
	b.last = now
	if b.tokens < 1 {
		return false
	}
	b.tokens--
	return true
}

const quotaBody = `{"errors":[{"code":"QuotaExceeded","message":"You exceeded your quota for the requested resource.","details":""}]}`

// quota makes the fake keep Amazon's limits, and counts.
func (f *fake) quota() (calls, throttled map[string]int) {
	calls, throttled = map[string]int{}, map[string]int{}
	buckets := map[string]*exactBucket{}
	f.api = func(req *http.Request) *http.Response {
		op := identify(req.Method, req.URL.EscapedPath())
		b := buckets[op.ID]
		if b == nil {
			b = newExactBucket(op.Rate, op.Burst)
			buckets[op.ID] = b
		}
		if !b.take() {
			throttled[op.ID]++
			return reply(429, quotaBody)
		}
		calls[op.ID]++
		return reply(200, `{}`, fmt.Sprintf("x-amzn-RateLimit-Limit: %g", op.Rate))
	}
	return calls, throttled
}

// sampleURL fills a path template.
func sampleURL(op Operation) string {
	path := op.Path
	for {
		i := strings.IndexByte(path, '{')
		if i < 0 {
			return path
		}
		path = path[:i] + "x" + path[strings.IndexByte(path, '}')+1:]
	}
}

// saturate calls each operation with three callers that always want more than the limits allow.
func saturate(t *testing.T, client *Client, ops []Operation, span time.Duration) {
	ctx, cancel := context.WithTimeout(t.Context(), span)
	defer cancel()
	var wg sync.WaitGroup
	for _, op := range ops {
		for range 3 {
			wg.Go(func() {
				for ctx.Err() == nil {
					req, err := http.NewRequestWithContext(ctx, op.Method, sampleURL(op), nil)
					if err != nil {
						t.Error(err)
						return
					}
					resp, err := client.Do(req)
					if err != nil {
						if !errors.Is(err, context.DeadlineExceeded) {
							t.Error(err)
						}
						return
					}
					_ = resp.Body.Close()
				}
			})
		}
	}
	wg.Wait()
}

// plainReads are operations without a body and without a restricted token, from the slowest to the fastest.
func plainReads(atMost float64) []Operation {
	var ops []Operation
	for _, op := range Operations() {
		if op.Restricted == RestrictedNever && op.Rate > 0 && op.Rate <= atMost && op.Method == http.MethodGet && op.AppRate == 0 {
			ops = append(ops, op)
		}
	}
	slices.SortStableFunc(ops, func(a, b Operation) int { return cmp.Compare(a.Rate, b.Rate) })
	return ops
}

func TestLimiterReachesWhatIsAllowed(t *testing.T) {
	spread := func(ops []Operation, n int) (picked []Operation) {
		for i := range n {
			picked = append(picked, ops[i*(len(ops)-1)/(n-1)])
		}
		return picked
	}
	for _, test := range []struct {
		name    string
		ops     []Operation
		span    time.Duration
		latency time.Duration // of the way there, varying by a tenth
	}{
		{"a day", spread(plainReads(0.2), 20), 24 * time.Hour, 0},
		{"two hours, 100 ms away", spread(plainReads(0.5), 20), 2 * time.Hour, 100 * time.Millisecond},
		{"ten minutes of the fastest", spread(plainReads(1000), 20), 10 * time.Minute, 0},
	} {
		if testing.Short() {
			test.span = min(test.span, 6*time.Hour)
		}
		t.Run(test.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				f := new(fake)
				calls, throttled := f.quota()
				if test.latency > 0 {
					f.delay = func(*http.Request) time.Duration { return test.latency + rand.N(test.latency/10) }
				}
				saturate(t, f.client(), test.ops, test.span)
				lowest := 1.0
				for _, op := range test.ops {
					allowed := float64(op.Burst) + op.Rate*test.span.Seconds()
					share := float64(calls[op.ID]) / allowed
					lowest = min(lowest, share)
					if share < 0.98 || throttled[op.ID] > 0 {
						t.Errorf("%s at %g/s burst %d: %d calls, %.2f %% of the allowed, %d throttled",
							op.ID, op.Rate, op.Burst, calls[op.ID], 100*share, throttled[op.ID])
					}
				}
				t.Logf("lowest share %.2f %%", 100*lowest)
			})
		})
	}
}

// Calls that meet a server bucket which starts later than ours must not run into it with their last token.
func TestLimiterSlowFirstCall(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := new(fake)
		_, throttled := f.quota()
		first := true
		f.delay = func(req *http.Request) time.Duration {
			if req.URL.Host == "api.amazon.com" {
				return 700 * time.Millisecond // the first call of all waits for its token
			}
			if first {
				first = false
				return 200 * time.Millisecond // and for a connection
			}
			return 20 * time.Millisecond
		}
		client := f.client()
		for range 200 { // 2 per second, burst 2
			_, err := invokeRaw(t.Context(), client, catalogItem, asin)
			check(t, err)
		}
		if throttled[catalogItem] != 0 {
			t.Errorf("%d throttled", throttled[catalogItem])
		}
	})
}

func TestLimiterLearnsRate(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := new(fake)
		rate := "10"
		f.api = func(*http.Request) *http.Response { return reply(200, `{}`, "x-amzn-RateLimit-Limit: "+rate) }
		client := f.client(WithLogger(slog.New(slog.DiscardHandler)))
		burst := func(n int) time.Duration {
			start := time.Now()
			for range n {
				_, err := invokeRaw(t.Context(), client, catalogItem, asin)
				check(t, err)
			}
			return time.Since(start)
		}
		if got := burst(102); got < 10*time.Second || got > 11*time.Second {
			t.Errorf("102 calls at a learned rate of 10 and burst 2 took %s, want about 10 s", got)
		}
		rate = "0.5"
		burst(1) // learns it
		if got := burst(10); got < 19*time.Second || got > 21*time.Second {
			t.Errorf("10 calls at a learned rate of 0.5 took %s, want about 20 s", got)
		}
		for _, nonsense := range []string{"0", "-1", "NaN", "Inf", "many", "1e300", ""} {
			rate = nonsense
			burst(1)
		}
		rate = "0.5"
		if got := burst(10); got < 19*time.Second || got > 21*time.Second {
			t.Errorf("10 calls took %s after headers that make no sense, want about 20 s", got)
		}
	})
}

// A rate beyond reason would stop an operation for years, or open a flood. It is told once, and not believed.
func TestAbsurdRatesAreToldAndNotBelieved(t *testing.T) {
	for _, absurd := range []string{"0.000000001", "0.0199", "201", "1e300", "0", "-1", "NaN", "Inf", "many"} {
		synctest.Test(t, func(t *testing.T) {
			var logs bytes.Buffer
			f := new(fake)
			f.api = func(*http.Request) *http.Response { return reply(200, `{}`, "x-amzn-RateLimit-Limit: "+absurd) }
			client := f.client(WithLogger(slog.New(slog.NewTextHandler(&logs, &slog.HandlerOptions{Level: slog.LevelWarn}))))
			start := time.Now()
			var r Response
			for range 10 { // 2 per second, burst 2
				_, err := invokeRaw(t.Context(), client, catalogItem, asin, WithResponse(&r))
				check(t, err)
			}
			if took := time.Since(start); took < 4*time.Second || took > 5*time.Second {
				t.Errorf("%s: ten calls took %s, want 4 s: the rate of the usage plan holds", absurd, took)
			}
			if n := strings.Count(logs.String(), "level=WARN"); n != 1 {
				t.Errorf("%s: %d warnings, want one for ten replies: %s", absurd, n, &logs)
			}
			wantText(t, logs.String(), "operation="+catalogItem, "x-amzn-RateLimit-Limit is not believed", "between 1/100 and 100 times the 2 of the usage plan")
			if math.IsNaN(r.RateLimit) {
				t.Errorf("%s: the response has a rate that is no number", absurd)
			}
		})
	}
}

func TestLimiterDrainsOn429(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := new(fake)
		var times []time.Duration
		start := time.Now()
		f.api = func(*http.Request) *http.Response {
			times = append(times, time.Since(start))
			if len(times) == 1 {
				return reply(429, quotaBody)
			}
			return reply(200, `{}`)
		}
		client := f.client()
		var r Response
		_, err := invokeRaw(t.Context(), client, getOrder, orderID("1"), WithResponse(&r)) // 0.5 per second, burst 30
		check(t, err)
		if r.Attempts != 2 || times[1] < 2*time.Second || times[1] > 3*time.Second {
			t.Errorf("%d attempts at %v, want the second after 1/rate = 2 s and a little jitter", r.Attempts, times)
		}
		// 29 tokens were left before the 429; now they are gone.
		_, err = invokeRaw(t.Context(), client, getOrder, orderID("1"), WithFailFast(time.Second))
		var limit *LimitError
		if !errors.As(err, &limit) || !IsThrottled(err) {
			t.Fatalf("got %v, want a LimitError", err)
		}
		wantText(t, err.Error(), "ordersv0.getOrder", "0.5 requests per second (burst 30)", "WithFailFast allows 1s")
		wantText(t, limit.Explain(), "Nothing was sent", "leaving WithFailFast out")
	})
}

func TestLimiterDeadlineIsToldAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := new(fake)
		client := f.client()
		for range 2 {
			_, err := invokeRaw(t.Context(), client, catalogItem, asin)
			check(t, err)
		}
		ctx, cancel := context.WithTimeout(t.Context(), 300*time.Millisecond)
		defer cancel()
		start := time.Now()
		_, err := invokeRaw(ctx, client, catalogItem, asin)
		var limit *LimitError
		if !errors.As(err, &limit) || !limit.Deadline || !errors.Is(err, context.DeadlineExceeded) {
			t.Fatalf("got %v, want a LimitError for the deadline", err)
		}
		if waited := time.Since(start); waited != 0 {
			t.Errorf("told after %s, want at once", waited)
		}
		if len(f.requests) != 2 {
			t.Errorf("%d requests were sent, want 2", len(f.requests))
		}
		_, err = invokeRaw(t.Context(), client, catalogItem, asin, WithFailFast(0))
		if !errors.As(err, &limit) || limit.Deadline || errors.Is(err, context.DeadlineExceeded) {
			t.Fatalf("got %v, want a LimitError for WithFailFast", err)
		}
		_, err = invokeRaw(t.Context(), client, catalogItem, asin, WithFailFast(time.Second))
		check(t, err)
	})
}

func TestApplicationLimit(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := new(fake)
		app := NewApp(testCredentials, WithTransport(f), WithApplicationLimit(catalogItem, 1, 1))
		start := time.Now()
		for i := range 5 { // each seller has two calls of its own
			auth := testAuthorization
			auth.RefreshToken = NewSecret(auth.RefreshToken.Reveal() + fmt.Sprint(i))
			_, err := invokeRaw(t.Context(), app.Client(auth), catalogItem, asin)
			check(t, err)
		}
		if got := time.Since(start); got < 4*time.Second || got > 5*time.Second {
			t.Errorf("five sellers took %s, want 4 s: one call per second for all of them", got)
		}
	})
}

func TestSellersShareLimitsByID(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := new(fake)
		app := NewApp(testCredentials, WithTransport(f))
		calls := func(id string) time.Duration {
			start := time.Now()
			for i := range 4 {
				auth := testAuthorization
				auth.RefreshToken = NewSecret(auth.RefreshToken.Reveal() + fmt.Sprint(i))
				auth.SellerID = id
				_, err := invokeRaw(t.Context(), app.Client(auth), catalogItem, asin)
				check(t, err)
			}
			return time.Since(start)
		}
		if got := calls(""); got != 0 {
			t.Errorf("four sellers waited %s for each other", got)
		}
		if got := calls("A1"); got < time.Second {
			t.Errorf("four authorizations of one seller took %s, want 1 s at 2 per second, burst 2", got)
		}
	})
}

func TestSandboxLimits(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := new(fake)
		auth := testAuthorization
		auth.Sandbox = true
		client := NewApp(testCredentials, WithTransport(f)).Client(auth)
		start := time.Now()
		for range 20 {
			_, err := invokeRaw(t.Context(), client, getOrders, nil)
			check(t, err)
		}
		if got := time.Since(start); got < time.Second || got > 1200*time.Millisecond {
			t.Errorf("20 calls took %s, want 1 s at 5 per second, burst 15", got)
		}
		if host := f.requests[0].URL.Host; host != "sandbox.sellingpartnerapi-na.amazon.com" {
			t.Errorf("sent to %s", host)
		}
	})
}

// A call that the application's limit refuses takes nothing of the seller's.
func TestRefusalByTheApplicationTakesNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := new(fake)
		client := f.client(WithApplicationLimit(getOrder, 0.2, 1)) // the seller's: 0.5 per second, burst 30
		for i := range 20 {
			_, err := invokeRaw(t.Context(), client, getOrder, orderID("1"), WithFailFast(0))
			var limit *LimitError
			switch {
			case i == 0:
				check(t, err)
			case !errors.As(err, &limit) || limit.Scope != LimitPerApplication || limit.Rate != 0.2 ||
				limit.Wait < 4900*time.Millisecond || limit.Wait > 5100*time.Millisecond:
				t.Fatalf("call %d: got %v, want a LimitError of the application's limit", i, err)
			default:
				wantText(t, limit.Error(),
					"ordersv0.getOrder: the rate limit of 0.2 requests per second (burst 1) over all sellers of the application makes the call wait 5.0")
			}
		}
		plain := NewApp(testCredentials, WithTransport(f), WithLimiter(client.app.config.limiter)).Client(testAuthorization)
		for range 29 {
			_, err := invokeRaw(t.Context(), plain, getOrder, orderID("1"), WithFailFast(0))
			check(t, err)
		}
	})
}

// What a call asks of the limiter: which buckets, and from which plan they start.
func TestBucketsOfACall(t *testing.T) {
	const destinations = "notificationsv1.getDestinations"
	sandbox, named := testAuthorization, testAuthorization
	sandbox.Sandbox = true
	named.SellerID = "A1"
	bucket := func(operation, seller string, rate float64, burst int) LimitBucket {
		b := LimitBucket{App: testClientID, Region: "na", Operation: operation, Seller: seller, Rate: rate, Burst: burst}
		if seller == named.SellerID {
			b.Alias = fingerprint("seller", testRefreshToken)
		}
		return b
	}
	application := func(operation string, rate float64, burst int) LimitBucket {
		b := bucket(operation, "", rate, burst)
		b.Scope = LimitPerApplication
		return b
	}
	tried := bucket(getOrder, fingerprint("seller", testRefreshToken), 5, 15)
	tried.Region = "na-sandbox"
	op := operationByID(catalogItem)
	for name, test := range map[string]struct {
		auth      Authorization
		operation string
		options   []Option
		want      []LimitBucket
	}{
		"seller":       {testAuthorization, getOrder, nil, []LimitBucket{bucket(getOrder, fingerprint("seller", testRefreshToken), 0.5, 30)}},
		"seller by id": {named, getOrder, nil, []LimitBucket{bucket(getOrder, "A1", 0.5, 30)}},
		"sandbox":      {sandbox, getOrder, []Option{WithApplicationLimit(getOrder, 1, 1)}, []LimitBucket{tried}},
		"grantless":    {named, destinations, nil, []LimitBucket{bucket(destinations, "", 1, 5)}},
		"application": {named, catalogItem, nil,
			[]LimitBucket{bucket(catalogItem, "A1", op.Rate, op.Burst), application(catalogItem, op.AppRate, int(op.AppRate))}},
		"by option": {named, getOrder, []Option{WithApplicationLimit(getOrder, 7, 3)},
			[]LimitBucket{bucket(getOrder, "A1", 0.5, 30), application(getOrder, 7, 3)}},
		"option replaces": {named, catalogItem, []Option{WithApplicationLimit(catalogItem, 7, 0)},
			[]LimitBucket{bucket(catalogItem, "A1", op.Rate, op.Burst), application(catalogItem, 7, 1)}},
		"no model": {named, "GET /new/v1/things", nil, []LimitBucket{bucket("GET /new/v1/things", "A1", 1, 1)}},
	} {
		var asked []LimitRequest
		options := append(test.options, WithTransport(new(fake)), WithLimiter(recorder{NewLimiter(), &asked}))
		client := NewApp(testCredentials, options...).Client(test.auth)
		method, path, _ := strings.Cut(test.operation, " ")
		if path == "" {
			method, path = operationByID(test.operation).Method, sampleURL(*operationByID(test.operation))
		}
		req, err := http.NewRequest(method, path, nil)
		check(t, err)
		resp, err := client.Do(req)
		check(t, err)
		_ = resp.Body.Close()
		if len(asked) != 1 || !slices.Equal(asked[0].Buckets, test.want) {
			t.Errorf("%s: asked for %+v, want %+v", name, asked, test.want)
		}
	}
}

// Of a call whose repeat would have had to wait too long it isn't said that nothing was sent.
func TestLimitOfARepeat(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := &fake{api: func(*http.Request) *http.Response { return reply(503, "{}") }}
		_, err := invokeRaw(t.Context(), f.client(WithApplicationLimit(getOrder, 0.1, 1)), getOrder, orderID("1"), WithFailFast(time.Second))
		limit, ok := errors.AsType[*LimitError](err)
		if !ok || !limit.Retry || len(f.requests) != 1 {
			t.Fatalf("got %v after %d requests, want a LimitError of the repeat", err, len(f.requests))
		}
		if text := limit.Explain(); strings.Contains(text, "Nothing was sent") || !strings.Contains(text, "was not repeated") {
			t.Error(text)
		}
	})
}

func TestApplicationLimitMustBeARate(t *testing.T) {
	for _, rate := range []float64{0, -1, math.NaN(), math.Inf(1)} {
		err := new(fake).client(WithApplicationLimit(catalogItem, rate, 1)).Check()
		var config *ConfigError
		if !errors.As(err, &config) {
			t.Errorf("%g: got %v, want a ConfigError", rate, err)
			continue
		}
		wantText(t, err.Error(), "application limit", catalogItem, "above 0")
	}
}

func TestApplicationLimitMustBeOfAnOperation(t *testing.T) {
	for operation, ok := range map[string]bool{
		catalogItem: true, "GET /new/v1/things": true, "getCatalogItem": false, "catalogitems20220401.getCatalogItems": false, "": false,
	} {
		err := new(fake).client(WithApplicationLimit(operation, 1, 1)).Check()
		if _, refused := errors.AsType[*ConfigError](err); refused == ok {
			t.Errorf("%q: %v", operation, err)
		}
	}
}

// The sandbox has limits of its own: what is tried there takes nothing from production.
func TestSandboxAndProductionShareNoLimit(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		app := NewApp(testCredentials, WithTransport(new(fake)))
		sandbox := testAuthorization
		sandbox.Sandbox = true
		for range 30 { // the whole burst
			_, err := invokeRaw(t.Context(), app.Client(testAuthorization), getOrder, orderID("1"), WithFailFast(0))
			check(t, err)
		}
		for range sandboxBurst {
			_, err := invokeRaw(t.Context(), app.Client(sandbox), getOrder, orderID("1"), WithFailFast(0))
			check(t, err)
		}
	})
}

// A grantless operation counts by application: its sellers share one bucket.
func TestGrantlessLimitIsShared(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		app := NewApp(testCredentials, WithTransport(new(fake)))
		for i := range 6 {
			auth := testAuthorization
			auth.RefreshToken, auth.SellerID = NewSecret(fmt.Sprint(auth.RefreshToken.Reveal(), i)), fmt.Sprint("A", i)
			_, err := invokeRaw(t.Context(), app.Client(auth), "notificationsv1.getDestinations", nil, WithFailFast(0)) // burst 5
			if (err == nil) != (i < 5) {
				t.Errorf("call %d: %v", i, err)
			}
		}
	})
}

// With the other kind of token a call counts as the other's: those with the application's own share a bucket, those with sellers' don't.
func TestLimitGoesWithTheToken(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		app := NewApp(testCredentials, WithTransport(new(fake)))
		for i := range 6 {
			auth := testAuthorization
			auth.RefreshToken, auth.SellerID = NewSecret(fmt.Sprint(auth.RefreshToken.Reveal(), i)), fmt.Sprint("A", i)
			_, err := invokeRaw(t.Context(), app.Client(auth), "notificationsv1.getDestinations", nil, WithFailFast(0), WithSellerToken())
			check(t, err)
			_, err = invokeRaw(t.Context(), app.Client(auth), "notificationsv1.getSubscriptions", nil, WithFailFast(0), WithGrantless("sellingpartnerapi::notifications"))
			if (err == nil) != (i < 5) {
				t.Errorf("call %d: %v", i, err)
			}
		}
	})
}

// What passes at once costs no memory.
func TestLimiterAllocatesNothing(t *testing.T) {
	l := NewLimiter()
	r := LimitRequest{MaxWait: -1, Buckets: []LimitBucket{{Operation: "op", Rate: 1, Burst: 1e6},
		{Operation: "op", Scope: LimitPerApplication, Rate: 1, Burst: 1e6}}}
	ctx := t.Context()
	if n := testing.AllocsPerRun(100, func() {
		g, err := l.Wait(ctx, r)
		if err != nil {
			t.Error(err)
		}
		_ = l.Observe(ctx, g, LimitReply{Rate: 1})
	}); n != 0 {
		t.Errorf("%g allocations", n)
	}
}

// Calls of one limiter that name an application's bucket, and calls that don't: the estimate knows only those that will come there.
func TestEstimateWithMixedCalls(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := NewLimiter()
		seller := LimitBucket{Operation: "op", Seller: "A1", Rate: 1, Burst: 1}
		all := LimitBucket{Operation: "op", Scope: LimitPerApplication, Rate: 0.1, Burst: 1}
		other := LimitBucket{Operation: "op", Seller: "A2", Rate: 1, Burst: 1}
		wait := func(ctx context.Context, bound time.Duration, buckets ...LimitBucket) error {
			_, err := l.Wait(ctx, LimitRequest{Buckets: buckets, MaxWait: bound})
			return err
		}
		check(t, wait(t.Context(), -1, seller))
		check(t, wait(t.Context(), -1, other, all))
		var wg sync.WaitGroup
		with, leave := context.WithCancel(t.Context())
		wg.Go(func() { _ = wait(with, -1, seller, all) })
		synctest.Wait()
		wg.Go(func() { check(t, wait(t.Context(), -1, seller)) })
		synctest.Wait()
		leave()
		synctest.Wait()
		var limit *LimitError
		if err := wait(t.Context(), 0, other, all); !errors.As(err, &limit) || limit.Wait > 11*time.Second {
			t.Errorf("got %v, want a wait of 10 s: nobody else waits for the application's bucket", err)
		}
		wg.Wait()
		// Those who come again are counted again, once.
		time.Sleep(2 * time.Second) // the seller's own bucket is full
		for range 2 {
			ctx, leave := context.WithCancel(t.Context())
			for range 2 {
				wg.Go(func() { _ = wait(ctx, -1, seller, all) })
			}
			synctest.Wait()
			if err := wait(t.Context(), 0, other, all); !errors.As(err, &limit) || limit.Wait < 15*time.Second || limit.Wait > 18*time.Second {
				t.Errorf("got %v, want a wait for two tokens: the other seller has its turn first", err)
			}
			leave()
			wg.Wait()
		}
		nobodyWaits(t, l)
	})
}

// nobodyWaits fails if anything is left of those who waited.
func nobodyWaits(t *testing.T, l Limiter) {
	t.Helper()
	all := l.(*limiter)
	all.mu.Lock() // the last call may return before the timer that let it through is done
	defer all.mu.Unlock()
	for _, s := range all.all {
		if s.waiting != 0 || len(s.levels) != 0 || len(s.narrow) != 0 || s.wide != nil || s.place.level != nil || !s.settled.IsZero() {
			t.Errorf("%+v: with nobody waiting there wait %d, on %d levels, in %d narrower buckets", s.key, s.waiting, len(s.levels), len(s.narrow))
		}
	}
	if !reflect.DeepEqual(nobody, queue{}) {
		t.Errorf("the queue that all share was written: %+v", nobody)
	}
}

// The bound itself is allowed.
func TestMaxWaitIsInclusive(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := NewLimiter()
		r := LimitRequest{Buckets: []LimitBucket{{Operation: "op", Rate: 1, Burst: 1}}}
		g, err := l.Wait(t.Context(), r)
		check(t, err)
		check(t, l.Observe(t.Context(), g, LimitReply{}))
		r.MaxWait = interval(1) - 1
		if _, err = l.Wait(t.Context(), r); !errors.As(err, new(*LimitError)) {
			t.Errorf("got %v, want a LimitError", err)
		}
		r.MaxWait++
		_, err = l.Wait(t.Context(), r)
		check(t, err)
	})
}

func TestRatesAreShownToTheirDigits(t *testing.T) {
	for rate, want := range map[float64]string{0: "0", 0.0167: "0.0167", 0.5: "0.5", 1: "1", 100: "100", 12345.25: "12345.25", 0.008333333: "0.008333",
		0.0001234: "0.0001234", 1e-9: "1e-09", math.Inf(1): "+Inf"} {
		if got := formatRate(rate); got != want {
			t.Errorf("%g is shown as %s, want %s", rate, got, want)
		}
	}
}

// A burst that no time can express is none that makes calls wait.
func TestApplicationLimitWithAHugeBurst(t *testing.T) {
	c := new(fake).client(WithApplicationLimit(participation, 1000, math.MaxInt))
	_, err := invokeRaw(t.Context(), c, participation, nil, WithFailFast(0))
	check(t, err)
}

// The bound of a wait holds, whatever comes after the estimate: another rate, a 429, calls of a higher priority. Who leaves takes nothing.
func TestMaxWaitHoldsWhateverComes(t *testing.T) {
	bucket := LimitBucket{Operation: "op", Rate: 1, Burst: 1}
	urgent := LimitRequest{Buckets: []LimitBucket{bucket}, MaxWait: -1, Priority: 1}
	for name, worsen := range map[string]func(context.Context, Limiter, LimitGrant){
		"rate": func(ctx context.Context, l Limiter, g LimitGrant) {
			check(t, l.Observe(ctx, g, LimitReply{Rate: 0.01}))
		},
		"429": func(ctx context.Context, l Limiter, g LimitGrant) {
			time.Sleep(900 * time.Millisecond)
			check(t, l.Observe(ctx, g, LimitReply{Throttled: true}))
			time.Sleep(900 * time.Millisecond)
			g.Takes = [limitScopes]int64{} // of another call; the same one's would say the same once more
			check(t, l.Observe(ctx, g, LimitReply{Throttled: true}))
		},
		"priority": func(ctx context.Context, l Limiter, _ LimitGrant) {
			for range 5 {
				go func() { _, _ = l.Wait(ctx, urgent) }()
			}
		},
	} {
		synctest.Test(t, func(t *testing.T) {
			ctx, stop := context.WithCancel(context.Background())
			l := NewLimiter()
			first, err := l.Wait(ctx, LimitRequest{Buckets: []LimitBucket{bucket}})
			check(t, err)
			done := make(chan error)
			start := time.Now()
			go func() {
				_, err := l.Wait(ctx, LimitRequest{Buckets: []LimitBucket{bucket}, MaxWait: 2 * time.Second, Retry: true})
				done <- err
			}()
			synctest.Wait()
			worsen(ctx, l, first)
			err = <-done
			limit, ok := errors.AsType[*LimitError](err)
			if took := time.Since(start); !ok || took != 2*time.Second {
				t.Fatalf("%s: %v after %s, want a LimitError after 2s", name, err, took)
			}
			if limit.Wait <= limit.Max || limit.Max != 2*time.Second || limit.Deadline || !limit.Retry || limit.Operation != "op" {
				t.Errorf("%s: %+v", name, limit)
			}
			stop()
			synctest.Wait()
			nobodyWaits(t, l)
			for _, s := range l.(*limiter).all {
				want := int64(1)
				if name == "priority" {
					want = 2 // after a second the first of the urgent ones
				}
				if s.takes != want {
					t.Errorf("%s: %d taken, want %d", name, s.takes, want)
				}
			}
		})
	}
}
