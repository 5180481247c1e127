package spapi

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"maps"
	"math/rand/v2"
	"net"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/openspapi/spapi/internal/wire"
)

// tracer is an observer that makes a tree of what it is told.
type tracer struct {
	mu    sync.Mutex
	spans []*span
}

type span struct {
	parent  *span
	a       Activity
	o       Outcome
	ends    int
	orphans int // children that ended later
}

type spanKey struct{}

func spanOf(ctx context.Context) *span {
	s, _ := ctx.Value(spanKey{}).(*span)
	return s
}

func (tr *tracer) Begin(ctx context.Context, a Activity) (context.Context, func(Outcome)) {
	tr.mu.Lock()
	defer tr.mu.Unlock()
	s := &span{parent: spanOf(ctx), a: a}
	tr.spans = append(tr.spans, s)
	return context.WithValue(ctx, spanKey{}, s), func(o Outcome) {
		tr.mu.Lock()
		defer tr.mu.Unlock()
		s.ends++
		s.o = o
		if s.parent != nil && s.parent.ends > 0 {
			s.parent.orphans++
		}
	}
}

// count is how many activities have begun; fetches that outlive their call go on adding some.
func (tr *tracer) count() int {
	tr.mu.Lock()
	defer tr.mu.Unlock()
	return len(tr.spans)
}

func (tr *tracer) at(i int) *span {
	tr.mu.Lock()
	defer tr.mu.Unlock()
	return tr.spans[i]
}

func (tr *tracer) String() string {
	var b strings.Builder
	for _, s := range tr.spans {
		for p := s.parent; p != nil; p = p.parent {
			b.WriteString("  ")
		}
		fmt.Fprintf(&b, "%s %s%s attempt=%d", s.a.Kind, s.a.Operation, s.a.Grant, s.a.Attempt)
		if s.a.Kind == ActivityAttempt {
			fmt.Fprintf(&b, " %s %s%s %q", s.a.Method, s.a.Host, s.a.Path, s.a.Query)
		}
		if s.a.Pause > 0 {
			fmt.Fprintf(&b, " pause after %d", s.a.StatusCode)
		}
		fmt.Fprintf(&b, " -> %d %s attempts=%d", s.o.StatusCode, s.o.RequestID, s.o.Attempts)
		if s.o.Err != nil {
			b.WriteString(" failed")
		}
		b.WriteString("\n")
	}
	return b.String()
}

// spanLimiter notes in which activity the limiter is asked.
type spanLimiter struct {
	Limiter
	waits, observes []*span
}

func (l *spanLimiter) Wait(ctx context.Context, r LimitRequest) (LimitGrant, error) {
	l.waits = append(l.waits, spanOf(ctx))
	return l.Limiter.Wait(ctx, r)
}

func (l *spanLimiter) Observe(ctx context.Context, g LimitGrant, r LimitReply) error {
	l.observes = append(l.observes, spanOf(ctx))
	return l.Limiter.Observe(ctx, g, r)
}

func TestObserverSeesTheWholeCall(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := &fake{delay: func(*http.Request) time.Duration { return 20 * time.Millisecond }}
		n := 0
		f.api = func(*http.Request) *http.Response {
			if n++; n == 1 {
				return reply(429, quotaBody)
			}
			return nil
		}
		f.lwa = func(url.Values) *http.Response {
			if f.tokens == 1 {
				return reply(503, `{"error":"server_error"}`)
			}
			return nil
		}
		var tokenSpans []*span
		f.hook = func(event string, req *http.Request) {
			if strings.HasPrefix(event, "token ") {
				tokenSpans = append(tokenSpans, spanOf(req.Context()))
			}
		}
		tr, l := new(tracer), &spanLimiter{Limiter: NewLimiter()}
		client := f.client(WithObserver(tr), WithLimiter(l))
		start := time.Now()
		_, err := invokeRaw(t.Context(), client, getOrders, func(r *wire.Request) { wire.QueryString(r, "BuyerEmail", "a@example.com", wire.Required) }, WithRestrictedData("buyerInfo"))
		check(t, err)
		took := time.Since(start)
		req, err := http.NewRequest("GET", "/catalog/v0/items?Query=pen", nil)
		check(t, err)
		resp, err := client.Do(req)
		check(t, err)
		_ = resp.Body.Close()
		const api = "sellingpartnerapi-na.amazon.com"
		want := `call ordersv0.getOrders attempt=0 -> 200 req-1 attempts=2
  limit wait ordersv0.getOrders attempt=1 -> 0  attempts=0
  call tokens20210301.createRestrictedDataToken attempt=0 -> 200 req-1 attempts=1
    limit wait tokens20210301.createRestrictedDataToken attempt=1 -> 0  attempts=0
    token request refresh_token attempt=1 -> 503 req-1 attempts=0 failed
    retry pause refresh_token attempt=1 pause after 503 -> 0  attempts=0
    token request refresh_token attempt=2 -> 200 req-1 attempts=0
    attempt tokens20210301.createRestrictedDataToken attempt=1 POST ` + api + `/tokens/2021-03-01/restrictedDataToken [] -> 200 req-1 attempts=0
  attempt ordersv0.getOrders attempt=1 GET ` + api + `/orders/v0/orders ["BuyerEmail"] -> 429 req-1 attempts=0
  retry pause ordersv0.getOrders attempt=1 pause after 429 -> 0  attempts=0
  limit wait ordersv0.getOrders attempt=2 -> 0  attempts=0
  attempt ordersv0.getOrders attempt=2 GET ` + api + `/orders/v0/orders ["BuyerEmail"] -> 200 req-1 attempts=0
call GET /catalog/v0/items attempt=0 -> 200 req-1 attempts=1
  limit wait GET /catalog/v0/items attempt=1 -> 0  attempts=0
  attempt GET /catalog/v0/items attempt=1 GET ` + api + `/catalog/v0/items ["Query"] -> 200 req-1 attempts=0
`
		if got := tr.String(); got != want {
			t.Errorf("observed\n%s\nwant\n%s", got, want)
		}
		for _, s := range tr.spans {
			if s.ends != 1 || s.orphans > 0 {
				t.Errorf("%s %s ended %d times, with %d children still going on", s.a.Kind, s.a.Operation, s.ends, s.orphans)
			}
			if s.a.Kind != ActivityTokenRequest && s.a.Grant == "" && (s.a.Region != "na" || s.a.Sandbox) {
				t.Errorf("%+v is not of North America", s.a)
			}
			if _, seller := client.Principal(); (s.a.Grant == "") != (s.a.Seller == seller) || seller == "" {
				t.Errorf("%s %s tells seller %q, the client is of %q", s.a.Kind, s.a.Operation, s.a.Seller, seller)
			}
		}
		// Durations are those of the activity itself, and what was waited for the limit is told.
		root, last := tr.spans[0], tr.spans[11]
		if root.o.Duration != took || last.o.Duration != 20*time.Millisecond || tr.spans[9].o.Duration != tr.spans[9].a.Pause || root.o.Waited != last.o.Waited {
			t.Errorf("durations %s of %s, %s, %s for a pause of %s; waited %s and %s", root.o.Duration, took, last.o.Duration, tr.spans[9].o.Duration, tr.spans[9].a.Pause, root.o.Waited, last.o.Waited)
		}
		// The transport and the limiter are asked with the context of the activity around them.
		for i, want := range []int{7, 8, 11, 14} {
			if spanOf(f.requests[i].Context()) != tr.spans[want] {
				t.Errorf("request %d was not sent in its attempt", i)
			}
		}
		if len(tokenSpans) != 2 || tokenSpans[0] != tr.spans[4] || tokenSpans[1] != tr.spans[6] {
			t.Error("a token request was not sent in its activity")
		}
		for i, want := range []int{1, 3, 10, 13} {
			if l.waits[i] != tr.spans[want] || l.observes[i] == nil || l.observes[i].a.Kind != ActivityCall {
				t.Errorf("wait %d was not asked in its activity", i)
			}
		}
	})
}

// brokenLimiter fails in both directions, as one with a server behind it may.
type brokenLimiter struct {
	unlimited
	wait, observe error
}

func (l brokenLimiter) Wait(ctx context.Context, r LimitRequest) (LimitGrant, error) {
	if l.wait != nil {
		return LimitGrant{}, l.wait
	}
	return l.unlimited.Wait(ctx, r)
}

func (l brokenLimiter) Observe(context.Context, LimitGrant, LimitReply) error { return l.observe }

// Whatever happens, what has begun ends once, and after all that happened inside.
func TestEveryActivityEndsOnce(t *testing.T) {
	broken := errors.New("broken")
	status := func(status int, body string) func(*http.Request) *http.Response {
		return func(*http.Request) *http.Response { return reply(status, body) }
	}
	for _, test := range []struct {
		name    string
		f       *fake
		options []Option
		opts    []CallOption
		encode  func(*wire.Request)
		leave   time.Duration // when the caller leaves; 0: never
		calls   int           // before it
		ok      bool
	}{
		{name: "success", f: &fake{}, ok: true},
		{name: "404", f: &fake{api: status(404, `{}`)}},
		{name: "503", f: &fake{api: status(503, `{}`)}},
		{name: "429", f: &fake{api: status(429, quotaBody)}},
		{name: "expired", f: &fake{api: status(403, expiredBody)}},
		{name: "not JSON", f: &fake{api: status(200, `OK`)}},
		{name: "breaks off", f: &fake{api: func(*http.Request) *http.Response {
			resp := reply(200, "")
			resp.Body, resp.ContentLength = io.NopCloser(failing{broken}), -1
			return resp
		}}},
		{name: "no connection", f: &fake{fail: func(*http.Request) error { return &net.OpError{Op: "dial", Err: broken} }}},
		{name: "no token", f: &fake{lwa: func(url.Values) *http.Response { return reply(401, `{"error":"invalid_client"}`) }}},
		{name: "no restricted token", f: &fake{mint: func(string) *http.Response { return reply(400, `{}`) }}, opts: []CallOption{WithRestrictedData()}},
		{name: "restricted token that is none", f: &fake{mint: func(string) *http.Response { return reply(200, `{}`) }}, opts: []CallOption{WithRestrictedData()}},
		{name: "bad input", f: &fake{}, encode: func(r *wire.Request) { r.Path("orderId", "..") }},
		{name: "bad option", f: &fake{}, opts: []CallOption{WithAccessToken("")}},
		{name: "bad setting", f: &fake{}, options: []Option{WithEndpoint("ftp://x")}},
		{name: "limiter fails", f: &fake{}, options: []Option{WithLimiter(brokenLimiter{wait: broken})}},
		{name: "limiter takes no note", f: &fake{}, options: []Option{WithLimiter(brokenLimiter{observe: broken}), WithLogger(slog.New(slog.DiscardHandler))}, ok: true},
		{name: "fail fast", f: &fake{}, opts: []CallOption{WithFailFast(0)}, calls: 30},
		{name: "cancelled in the limiter", f: &fake{}, calls: 30, leave: time.Second},
		{name: "cancelled in the pause", f: &fake{api: status(429, quotaBody)}, leave: 1500 * time.Millisecond},
		{name: "cancelled on the wire", f: &fake{delay: func(*http.Request) time.Duration { return time.Minute }}, opts: []CallOption{WithAccessToken("Atza|x")}, leave: time.Second},
		{name: "cancelled while the token is fetched", f: &fake{delay: func(*http.Request) time.Duration { return time.Second }}, leave: 500 * time.Millisecond},
		{name: "signer fails", f: &fake{}, options: []Option{WithSigner(failingSigner{})}},
	} {
		t.Run(test.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				tr := new(tracer)
				client := test.f.client(append(test.options, WithObserver(tr))...)
				for range test.calls {
					_, err := invokeRaw(t.Context(), client, getOrder, orderID("1"))
					check(t, err)
				}
				ctx, cancel := context.WithCancel(t.Context())
				defer cancel()
				if test.leave > 0 {
					time.AfterFunc(test.leave, cancel)
				}
				encode := orderID("1")
				if test.encode != nil {
					encode = test.encode
				}
				before := tr.count()
				_, err := invokeRaw(ctx, client, getOrder, encode, test.opts...)
				if (err == nil) != test.ok {
					t.Fatalf("got %v", err)
				}
				if root := tr.at(before); root.a.Kind != ActivityCall || root.o.Err != err {
					t.Errorf("the call is told as %+v %+v, want it to end with %v", root.a, root.o, err)
				}
				req, err := http.NewRequestWithContext(ctx, "GET", "/orders/v0/orders/1", nil)
				check(t, err)
				before = tr.count()
				resp, err := client.Do(req, append(test.opts, WithAPIErrors())...)
				if err == nil {
					_ = resp.Body.Close()
				}
				if root := tr.at(before); root.a.Kind != ActivityCall || root.a.Operation != getOrder || root.o.Err != err {
					t.Errorf("the raw call is told as %+v %+v, want it to end with %v", root.a, root.o, err)
				}
				time.Sleep(time.Hour) // what goes on after the caller has left
				tr.mu.Lock()
				defer tr.mu.Unlock()
				for _, s := range tr.spans {
					if s.ends != 1 || s.orphans > 0 && test.leave == 0 {
						t.Errorf("%s %s%s ended %d times, with %d children still going on", s.a.Kind, s.a.Operation, s.a.Grant, s.ends, s.orphans)
					}
				}
			})
		})
	}
	tr := new(tracer)
	if _, err := invokeRaw(t.Context(), new(fake).client(WithObserver(tr)), "no.such", nil); err == nil || len(tr.spans) != 0 {
		t.Errorf("%v: what is no operation is told as %s", err, tr)
	}
}

// Faults at random, many calls at once.
func TestActivitiesEndUnderFaults(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var mu sync.Mutex
		random := rand.New(rand.NewPCG(3, 4))
		one := func(n int) bool {
			mu.Lock()
			defer mu.Unlock()
			return random.IntN(n) == 0
		}
		f := new(fake)
		f.delay = func(*http.Request) time.Duration {
			mu.Lock()
			defer mu.Unlock()
			return time.Duration(random.IntN(300)) * time.Millisecond
		}
		f.fail = func(*http.Request) error {
			if one(5) {
				return &net.OpError{Op: "read", Err: errors.New("reset")}
			}
			return nil
		}
		f.lwa = func(url.Values) *http.Response {
			if one(3) {
				return reply(500, ``)
			}
			return nil
		}
		f.api = func(*http.Request) *http.Response {
			switch {
			case one(5):
				return reply(503, `{}`)
			case one(5):
				return reply(429, quotaBody)
			case one(10):
				return reply(403, expiredBody)
			}
			return nil
		}
		tr := new(tracer)
		client := f.client(WithObserver(tr), WithRetry(RetryPolicy{Budget: 1000}))
		var wg sync.WaitGroup
		for i := range 300 {
			wg.Go(func() {
				ctx, cancel := context.WithCancel(t.Context())
				defer cancel()
				if i%3 == 0 {
					time.AfterFunc(time.Duration(i+1)*10*time.Millisecond, cancel)
				}
				var opts []CallOption
				if i%2 == 0 {
					opts = append(opts, WithRestrictedData())
				}
				_, _ = invokeRaw(ctx, client, getOrder, orderID("1"), opts...)
			})
		}
		wg.Wait()
		time.Sleep(time.Hour)
		tr.mu.Lock()
		defer tr.mu.Unlock()
		kinds := map[ActivityKind]int{}
		for _, s := range tr.spans {
			kinds[s.a.Kind]++
			if s.ends != 1 {
				t.Errorf("%s %s%s ended %d times", s.a.Kind, s.a.Operation, s.a.Grant, s.ends)
			}
		}
		if len(kinds) != 5 || kinds[ActivityCall] < 300 {
			t.Errorf("observed %v", kinds)
		}
	})
}

// Whoever wants to know nothing costs nothing, and an observer may leave the context and the end alone.
func TestNobodyObserves(t *testing.T) {
	client := new(fake).client()
	call := &call{op: operationByID(getOrder)}
	ctx := t.Context()
	if n := testing.AllocsPerRun(100, func() {
		inside, whole := client.beginCall(ctx, call)
		if inside != ctx || !whole.start.IsZero() {
			t.Error("something began")
		}
		whole.end(call.outcome(nil))
		_ = client.app.rest(ctx, Activity{})
	}); n != 0 {
		t.Errorf("%g allocations for nobody", n)
	}
	quiet := ObserverFunc(func(context.Context, Activity) (context.Context, func(Outcome)) { return nil, nil })
	_, err := invokeRaw(t.Context(), new(fake).client(WithObserver(quiet)), getOrder, orderID("1"))
	check(t, err)
	// A log of retries only is no reason to put together what nobody logs.
	logger := slog.New(slog.NewTextHandler(io.Discard, &slog.HandlerOptions{Level: slog.LevelInfo}))
	app := new(fake).client(WithLogger(logger)).app
	for kind := ActivityCall; kind <= ActivityTokenRequest; kind++ {
		if got := app.observes(ctx, kind); got != (kind == ActivityRetryPause) {
			t.Errorf("%s: observed is %t", kind, got)
		}
	}
}

// The log is written inside the observer's context, so that handlers find the span.
func TestLogIsInsideTheObserver(t *testing.T) {
	var handled []*span
	h := &spanHandler{Handler: slog.NewTextHandler(io.Discard, &slog.HandlerOptions{Level: slog.LevelDebug}), handled: &handled}
	tr := new(tracer)
	_, err := invokeRaw(t.Context(), new(fake).client(WithObserver(tr), WithLogger(slog.New(h))), getOrder, orderID("1"))
	check(t, err)
	if len(handled) != 2 || handled[0].a.Kind != ActivityTokenRequest || handled[1].a.Kind != ActivityAttempt || h.late {
		t.Errorf("%d lines, not written inside token request and attempt, or after their end", len(handled))
	}
}

type spanHandler struct {
	slog.Handler
	handled *[]*span
	late    bool // a line came after the end of its activity
}

func (h *spanHandler) Handle(ctx context.Context, r slog.Record) error {
	s := spanOf(ctx)
	*h.handled = append(*h.handled, s)
	h.late = h.late || s == nil || s.ends > 0
	return h.Handler.Handle(ctx, r)
}

// What fails beside a call fails no call, and is told, without a logger too.
func TestFailuresBesideACallAreLogged(t *testing.T) {
	var logs bytes.Buffer
	handler := slog.NewTextHandler(&logs, nil)
	standard := slog.Default()
	slog.SetDefault(slog.New(handler))
	defer slog.SetDefault(standard)
	failure := fmt.Errorf("the server that counts is away, it was told %q", testAccessToken)
	for name, options := range map[string][]Option{
		"logger":         {WithLogger(slog.New(handler))},
		"default logger": nil,
	} {
		logs.Reset()
		f := new(fake)
		options = append(options, WithLimiter(brokenLimiter{observe: failure}), WithTokenStore(brokenStore{NewTokenStore(), failure}))
		client := f.client(options...)
		_, err := invokeRaw(t.Context(), client, getOrder, orderID("1"))
		check(t, err)
		wantText(t, logs.String(), "level=WARN", "the limiter could not take note of a reply", "operation=ordersv0.getOrder", "the server that counts is away")
		noSecrets(t, logs.String())

		logs.Reset()
		f.api = func(*http.Request) *http.Response { return reply(403, expiredBody) }
		if _, err = invokeRaw(t.Context(), client, getOrder, orderID("1")); !IsForbidden(err) {
			t.Errorf("%s: got %v, want the 403", name, err)
		}
		wantText(t, logs.String(), "level=WARN", "the refused token could not be dropped", "operation=ordersv0.getOrder")
	}
}

type brokenStore struct {
	TokenStore
	err error
}

func (s brokenStore) Drop(context.Context, string, Token) error { return s.err }

// Whoever saw an activity begin sees it end, also when the transport panics, below a typed call, a raw one, a page or the fetch of a token.
func TestActivitiesEndWhenAPanicPasses(t *testing.T) {
	boom := func(*http.Request) *http.Response { panic("boom") }
	request := func() *http.Request {
		req, err := http.NewRequest(http.MethodGet, "/orders/v0/orders", nil)
		check(t, err)
		return req
	}
	typed := func(c *Client) {
		_, _ = invokeRaw(context.Background(), c, getOrder, orderID("1"), WithRestrictedData())
	}
	for name, test := range map[string]struct {
		fake *fake
		call func(*Client)
	}{
		"typed": {&fake{api: boom}, typed},
		"raw": {&fake{api: boom}, func(c *Client) {
			if resp, err := c.Do(request()); err == nil {
				_ = resp.Body.Close()
			}
		}},
		"pages": {&fake{api: boom}, func(c *Client) {
			for range c.Pages(request()) {
			}
		}},
		"token":            {&fake{lwa: func(url.Values) *http.Response { panic("boom") }}, typed},
		"restricted token": {&fake{mint: func(string) *http.Response { panic("boom") }}, typed},
	} {
		var mu sync.Mutex
		begun, ended := map[ActivityKind]int{}, map[ActivityKind]int{}
		failed := 0
		client := test.fake.client(WithObserver(ObserverFunc(func(ctx context.Context, a Activity) (context.Context, func(Outcome)) {
			mu.Lock()
			defer mu.Unlock()
			begun[a.Kind]++
			return ctx, func(o Outcome) {
				mu.Lock()
				defer mu.Unlock()
				ended[a.Kind]++
				if o.Err != nil {
					failed++
				}
			}
		})))
		synctest.Test(t, func(t *testing.T) {
			defer func() { _ = recover() }()
			test.call(client)
		})
		if len(begun) < 3 || failed == 0 || !maps.Equal(begun, ended) {
			t.Errorf("%s: begun %v, ended %v, %d of them with an error", name, begun, ended, failed)
		}
	}
}

// An answer that nobody gets, because a panic of an observer passes, keeps no connection.
func TestAnswersAreClosedWhenAPanicPasses(t *testing.T) {
	typed := func(c *Client) { _, _ = invokeRaw(context.Background(), c, getOrder, orderID("1")) }
	raw := func(c *Client) {
		req, err := http.NewRequest(http.MethodGet, "/orders/v0/orders", nil)
		check(t, err)
		_, _ = c.Do(req) //nolint:bodyclose // no answer comes
	}
	for _, c := range []struct {
		name string
		kind ActivityKind
		call func(*Client)
	}{
		{"typed call, at the end of an attempt", ActivityAttempt, typed}, {"typed call, at its end", ActivityCall, typed},
		{"raw call, at the end of an attempt", ActivityAttempt, raw}, {"raw call, at its end", ActivityCall, raw},
	} {
		open, panicked := 0, false
		f := &fake{api: func(*http.Request) *http.Response {
			resp := reply(200, `{"ok":true}`)
			open++
			resp.Body = &tracked{Reader: resp.Body, open: &open}
			return resp
		}}
		client := f.client(WithObserver(ObserverFunc(func(ctx context.Context, a Activity) (context.Context, func(Outcome)) {
			return ctx, func(Outcome) {
				if a.Kind == c.kind {
					panic("boom")
				}
			}
		})))
		synctest.Test(t, func(t *testing.T) {
			defer func() { panicked = recover() != nil }()
			c.call(client)
		})
		if open != 0 || !panicked || len(f.requests) != 1 {
			t.Errorf("%s: %d answers are open, panicked: %t", c.name, open, panicked)
		}
	}
}
