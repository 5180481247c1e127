package spapi

import (
	"bytes"
	"compress/gzip"
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"math"
	"net"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/openspapi/spapi/internal/wire"
)

func feed(r *wire.Request) { r.JSON(map[string]string{"feedType": "X"}) }

func TestRetryWhat(t *testing.T) {
	dial := &net.OpError{Op: "dial", Err: errors.New("connection refused")}
	broken := &net.OpError{Op: "read", Err: errors.New("connection reset by peer")}
	certificate := x509.UnknownAuthorityError{}
	for _, test := range []struct {
		name      string
		operation string
		status    int
		err       error
		attempts  int
	}{
		{"429 of a read", catalogItem, 429, nil, 5},
		{"429 of a write, which was not carried out", createFeed, 429, nil, 5},
		{"500 of a read", catalogItem, 500, nil, 5},
		{"502 of a read", catalogItem, 502, nil, 5},
		{"503 of a read", catalogItem, 503, nil, 5},
		{"504 of a read", catalogItem, 504, nil, 5},
		{"500 of a write, which may have been carried out", createFeed, 500, nil, 1},
		{"503 of a write", createFeed, 503, nil, 1},
		{"400", catalogItem, 400, nil, 1},
		{"403", catalogItem, 403, nil, 1},
		{"404", catalogItem, 404, nil, 1},
		{"501", catalogItem, 501, nil, 1},
		{"no connection, read", catalogItem, 0, dial, 5},
		{"no connection, write", createFeed, 0, dial, 5},
		{"no such host, write", createFeed, 0, &net.DNSError{Err: "no such host"}, 5},
		{"connection broken, read", catalogItem, 0, broken, 5},
		{"connection broken, write", createFeed, 0, broken, 1},
		{"certificate", catalogItem, 0, certificate, 1},
	} {
		t.Run(test.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				f := new(fake)
				attempts := 0
				f.fail = func(req *http.Request) error {
					if req.URL.Host == "api.amazon.com" {
						return nil
					}
					attempts++
					return test.err
				}
				f.api = func(*http.Request) *http.Response { return reply(test.status, `{}`) }
				encode := asin
				if test.operation == createFeed {
					encode = feed
				}
				var r Response
				_, err := invokeRaw(t.Context(), f.client(), test.operation, encode, WithResponse(&r))
				if err == nil {
					t.Fatal("no error")
				}
				if test.err != nil && !errors.As(err, new(*networkError)) {
					t.Errorf("%v does not wrap its cause", err)
				}
				if attempts != test.attempts || r.Attempts != attempts {
					t.Errorf("%d attempts, Response says %d, want %d", attempts, r.Attempts, test.attempts)
				}
				attempts = 0
				_, _ = invokeRaw(t.Context(), f.client(), test.operation, encode, WithoutRetry())
				if attempts != 1 {
					t.Errorf("%d attempts with WithoutRetry", attempts)
				}
			})
		})
	}
}

func TestRetryWithIdempotencyHeader(t *testing.T) {
	const purchase = "shippingv2.purchaseShipment"
	for key, want := range map[string]int{"": 1, "my-key": 5} {
		synctest.Test(t, func(t *testing.T) {
			f := &fake{api: func(*http.Request) *http.Response { return reply(503, `{}`) }}
			_, err := invokeRaw(t.Context(), f.client(), purchase, func(r *wire.Request) {
				r.Header("x-amzn-IdempotencyKey", key, wire.Optional)
				r.JSON(struct{}{})
			})
			if err == nil || len(f.requests) != want {
				t.Errorf("key %q: %d attempts, %v, want %d", key, len(f.requests), err, want)
			}
		})
	}
}

func TestRetrySucceedsWithTheSameBody(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := new(fake)
		n := 0
		f.api = func(*http.Request) *http.Response {
			if n++; n < 3 {
				return reply(429, quotaBody)
			}
			return reply(202, `{"feedId":"1"}`)
		}
		out, err := invokeRaw(t.Context(), f.client(), createFeed, feed)
		check(t, err)
		if out != `{"feedId":"1"}` {
			t.Errorf("got %s", out)
		}
		for _, body := range f.bodies {
			if body != `{"feedType":"X"}` {
				t.Errorf("an attempt had the body %q", body)
			}
		}
	})
}

func TestRetryBodyThatCannotBeRewound(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := new(fake)
		f.api = func(*http.Request) *http.Response { return reply(429, quotaBody) }
		closed := &closeCounter{Reader: strings.NewReader("{}")}
		req, err := http.NewRequest("POST", "/feeds/2021-06-30/feeds", closed)
		check(t, err)
		resp, err := f.client().Do(req)
		check(t, err)
		_ = resp.Body.Close()
		if resp.StatusCode != 429 || len(f.requests) != 1 || closed.n == 0 {
			t.Errorf("status %d, %d requests, closed %d times: want one request and its 429", resp.StatusCode, len(f.requests), closed.n)
		}
	})
}

type closeCounter struct {
	io.Reader
	n int
}

func (c *closeCounter) Close() error { c.n++; return nil }

// As a round tripper must, the chain closes the body of a request that it refuses.
func TestRefusedRequestIsClosed(t *testing.T) {
	closed := &closeCounter{Reader: strings.NewReader("{}")}
	req, err := http.NewRequest("POST", "https://example.com/feeds", closed)
	check(t, err)
	if _, err = new(fake).client().Do(req); err == nil || closed.n == 0 {
		t.Errorf("err %v, closed %d times", err, closed.n)
	}
}

func TestRetryRespectsContext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := new(fake)
		f.api = func(*http.Request) *http.Response { return reply(429, quotaBody, "Retry-After: 240") }
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		start := time.Now()
		_, err := invokeRaw(ctx, f.client(), catalogItem, asin)
		var api *APIError
		if !errors.As(err, &api) || api.StatusCode != 429 || time.Since(start) != 0 {
			t.Errorf("got %v after %s, want the 429 at once: the pause would outlast the deadline", err, time.Since(start))
		}
		ctx, cancel = context.WithCancel(t.Context())
		time.AfterFunc(time.Second, cancel)
		start = time.Now()
		_, err = invokeRaw(ctx, f.client(), catalogItem, asin)
		if !errors.Is(err, context.Canceled) || time.Since(start) != time.Second {
			t.Errorf("got %v after %s, want canceled after 1 s", err, time.Since(start))
		}
	})
}

func TestRetryAfter(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		date := func(d time.Duration) string { return time.Now().Add(d).UTC().Format(http.TimeFormat) }
		for value, want := range map[string]time.Duration{
			"7": 7 * time.Second, " 7 ": 7 * time.Second, "1.5": 1500 * time.Millisecond, "0": 0, "": 0, "86400": 24 * time.Hour, "0.0": 0,
			date(9 * time.Second): 9 * time.Second, date(-time.Hour): 0,
			"-1": -1, "-0.5": -1, "soon": -1, "NaN": -1, "Inf": -1, "1e999": -1, "86401": -1, "99999999": -1, "9223372036854775807": -1,
			"99999999999999999999": -1, "1 2": -1, date(25 * time.Hour): -1, date(50 * 365 * 24 * time.Hour): -1,
		} {
			got, err := retryAfter(http.Header{"Retry-After": {value}})
			if (err != nil) != (want < 0) || got != max(want, 0) {
				t.Errorf("%q: %s, %v, want %s", value, got, err, want)
			}
			if err != nil && !strings.Contains(err.Error(), strconv.Quote(value)) {
				t.Errorf("%q: %v", value, err)
			}
		}
		f := new(fake)
		n := 0
		f.api = func(*http.Request) *http.Response {
			if n++; n == 1 {
				return reply(503, `{}`, "Retry-After: 40")
			}
			return nil
		}
		start := time.Now()
		_, err := invokeRaw(t.Context(), f.client(), catalogItem, asin)
		check(t, err)
		if got := time.Since(start); got < 40*time.Second || got > 41*time.Second {
			t.Errorf("took %s, want the 40 s of Retry-After", got)
		}
	})
}

func TestRetryBudgetStopsStorms(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := new(fake)
		f.api = func(*http.Request) *http.Response { return reply(503, `{}`) }
		client := f.client(WithRetry(RetryPolicy{Budget: 20}), WithLimiter(unlimited{}))
		var wg sync.WaitGroup
		for range 100 {
			wg.Go(func() { _, _ = invokeRaw(t.Context(), client, catalogItem, asin) })
		}
		wg.Wait()
		if n := len(f.requests); n != 120 {
			t.Errorf("%d requests for 100 calls, want 120 at a budget of 20", n)
		}
		f.api = nil
		for range 100 {
			_, err := invokeRaw(t.Context(), client, catalogItem, asin)
			check(t, err)
		}
		f.api = func(*http.Request) *http.Response { return reply(503, `{}`) }
		before := len(f.requests)
		for range 20 {
			_, _ = invokeRaw(t.Context(), client, catalogItem, asin)
		}
		if n := len(f.requests) - before; n < 29 || n > 30 {
			t.Errorf("%d requests for 20 calls, want about 30: 100 successes earn 10 repeats", n)
		}
	})
}

// unlimited lets everything through.
type unlimited struct{}

func (unlimited) Wait(_ context.Context, r LimitRequest) (LimitGrant, error) {
	return LimitGrant{Buckets: r.Buckets, Rate: r.Buckets[0].Rate}, nil
}

func (unlimited) Observe(context.Context, LimitGrant, LimitReply) error { return nil }

// Every repeat takes from the limit: with an exact server there is no second 429.
func TestRetryTakesFromTheLimit(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var waits []LimitRequest
		f := new(fake)
		n := 0
		f.api = func(*http.Request) *http.Response {
			if n++; n < 4 {
				return reply(500, `{}`)
			}
			return nil
		}
		_, err := invokeRaw(t.Context(), f.client(WithLimiter(recorder{NewLimiter(), &waits})), catalogItem, asin, WithPriority(7))
		check(t, err)
		// The operation has two buckets, the seller's and the application's.
		if len(waits) != 4 || waits[0].Retry || !waits[1].Retry || waits[3].Priority != 7 || len(waits[3].Buckets) != 2 {
			t.Errorf("the limiter saw %+v, want one wait for two buckets for each of four attempts", waits)
		}
	})
}

type recorder struct {
	Limiter
	waits *[]LimitRequest
}

func (r recorder) Wait(ctx context.Context, request LimitRequest) (LimitGrant, error) {
	*r.waits = append(*r.waits, request)
	return r.Limiter.Wait(ctx, request)
}

func TestPauseIsFullJitter(t *testing.T) {
	p := RetryPolicy{}.withDefaults()
	for retry, bound := range map[int]time.Duration{0: 250 * time.Millisecond, 3: 2 * time.Second, 20: 30 * time.Second, 100: 30 * time.Second} {
		var low, high int
		for range 1000 {
			switch d := p.pause(retry); {
			case d < 0 || d > bound:
				t.Fatalf("pause %s after retry %d, want at most %s", d, retry, bound)
			case d < bound/4:
				low++
			case d > 3*bound/4:
				high++
			}
		}
		if low < 150 || high < 150 {
			t.Errorf("retry %d: %d short and %d long pauses of 1000: not spread", retry, low, high)
		}
	}
}

func TestDoStreamsBodies(t *testing.T) {
	f := new(fake)
	big := bytes.Repeat([]byte("x"), 3<<20)
	f.api = func(*http.Request) *http.Response { return reply(200, string(big)) }
	req, err := http.NewRequest("GET", "/some/new/path", nil)
	check(t, err)
	resp, err := f.client(WithMaxBody(10)).Do(req)
	check(t, err)
	defer resp.Body.Close()
	got, err := io.ReadAll(resp.Body)
	if err != nil || !bytes.Equal(got, big) {
		t.Errorf("got %d bytes, %v", len(got), err)
	}
}

// stalled is a body that waits for the time of a request's end.
type stalled struct{ ctx context.Context }

func (b stalled) Read([]byte) (int, error) {
	<-b.ctx.Done()
	return 0, b.ctx.Err()
}

// brokenBodies are successes whose body doesn't come whole.
var brokenBodies = map[string]func() *http.Response{
	"empty":             func() *http.Response { return reply(200, "") },
	"white space":       func() *http.Response { return reply(201, "\r\n ") },
	"a byte order mark": func() *http.Response { return reply(200, "\xef\xbb\xbf") },
	"broken connection": func() *http.Response {
		resp := reply(200, "")
		resp.Body, resp.ContentLength = io.NopCloser(io.MultiReader(strings.NewReader(`{"ok"`), failing{errors.New("connection reset")})), -1
		return resp
	},
	"shorter than announced": func() *http.Response {
		resp := reply(200, `{"ok":true}`)
		resp.ContentLength = 1000
		return resp
	},
	"cut short without a length": func() *http.Response {
		resp := reply(200, `{"ok":tr`)
		resp.ContentLength = -1
		return resp
	},
	"cut within a text": func() *http.Response { return reply(200, `{"ok":"tr`) },
	"cut gzip": func() *http.Response {
		var b bytes.Buffer
		w := gzip.NewWriter(&b)
		_, _ = io.WriteString(w, strings.Repeat(`{"ok":true} `, 1000))
		_ = w.Close()
		zip, err := gzip.NewReader(bytes.NewReader(b.Bytes()[:b.Len()/2]))
		if err != nil {
			panic(err)
		}
		resp := reply(200, "") // as a transport hands it out that unpacks
		resp.Body, resp.ContentLength, resp.Uncompressed = io.NopCloser(zip), -1, true
		return resp
	},
}

// A body that doesn't come whole is a connection that broke: what may be repeated is, by the same rules, and nothing else.
func TestBrokenBodyIsReadAgain(t *testing.T) {
	for name, broken := range brokenBodies {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				bad, waits := 0, 0
				f := new(fake)
				f.api = func(*http.Request) *http.Response {
					if bad--; bad >= 0 {
						return broken()
					}
					return reply(200, `{"ok":true}`)
				}
				client := f.client(WithLimiter(unlimited{}), WithRetry(RetryPolicy{Budget: 10}), WithObserver(ObserverFunc(func(ctx context.Context, a Activity) (context.Context, func(Outcome)) {
					if a.Kind == ActivityRetryPause {
						waits++
						if a.StatusCode/100 != 2 {
							t.Errorf("a pause after %d", a.StatusCode)
						}
					}
					return ctx, nil
				})))
				for _, c := range []struct {
					what     string
					broken   int
					fails    bool
					attempts int
					write    bool
					opts     []CallOption
				}{
					{"once", 1, false, 2, false, nil},
					{"until the last attempt", 4, false, 5, false, nil},
					{"without time to pause", 1, true, 1, false, []CallOption{WithFailFast(0)}},
					{"a write", 1, true, 1, true, nil},
					{"without retries", 1, true, 1, false, []CallOption{WithoutRetry()}},
					{"for ever", 99, true, 5, false, nil}, // the budget has nothing left from here on, but what successes add
					{"without a budget", 1, true, 1, false, nil},
				} {
					bad, waits = c.broken, 0
					operation, encode := catalogItem, asin
					if c.write {
						operation, encode = createFeed, feed
					}
					var r Response
					out, err := invokeRaw(t.Context(), client, operation, encode, append(c.opts, WithResponse(&r))...)
					failure, decodes := errors.AsType[*DecodeError](err)
					if c.fails != decodes || (err == nil) == c.fails || !c.fails && (out != `{"ok":true}` || string(r.Body) != out) {
						t.Errorf("%s: got %q, %v", c.what, out, err)
					}
					if r.Attempts != c.attempts || waits != c.attempts-1 {
						t.Errorf("%s: %d attempts with %d pauses, want %d", c.what, r.Attempts, waits, c.attempts)
					}
					if decodes && (failure.Repeatable == c.write || strings.Count(err.Error(), "carried out") != map[bool]int{true: 1}[c.write]) {
						t.Errorf("%s: %v", c.what, err)
					}
				}
			})
		})
	}
}

// A body that stalls until the call's time is over isn't asked for again.
func TestStalledBodyEndsWithTheCall(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := new(fake)
		f.api = func(req *http.Request) *http.Response {
			resp := reply(200, "")
			resp.Body, resp.ContentLength = io.NopCloser(stalled{req.Context()}), -1
			return resp
		}
		ctx, cancel := context.WithTimeout(t.Context(), 50*time.Second) // below the bound of a stall
		defer cancel()
		_, err := invokeRaw(ctx, f.client(), catalogItem, asin)
		if !errors.Is(err, context.DeadlineExceeded) || !errors.As(err, new(*DecodeError)) || len(f.requests) != 1 {
			t.Errorf("%v after %d requests", err, len(f.requests))
		}
	})
}

// Nothing of an attempt whose body broke off stays for the next one, which fails in another way.
func TestBrokenBodyIsForgotten(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := new(fake)
		f.api = func(*http.Request) *http.Response { return reply(200, `{"errors":[{"code":"X"}],"asin":"B0","rest":`) }
		f.fail = func(req *http.Request) error {
			if len(f.requests) > 0 && req.URL.Host != "api.amazon.com" {
				return errors.New("no route")
			}
			return nil
		}
		var r Response
		_, err := invokeRaw(t.Context(), f.client(), catalogItem, asin, WithResponse(&r))
		if err == nil || r.Attempts != 5 || r.Body != nil || r.Errors != nil {
			t.Errorf("%v: %v with body %q", err, r, r.Body)
		}
	})
}

// The bodies of attempts that failed are read and closed, so that their connections can be used again.
func TestBodiesOfFailedAttemptsAreClosed(t *testing.T) {
	for name, answer := range map[string]*http.Response{
		"429": reply(429, quotaBody), "503": reply(503, `{}`), "expired": reply(403, expiredBody), "404": reply(404, `{}`),
		"not JSON": reply(200, "OK"), "errors alone": reply(200, errorBody("X", "", "")), "too large": reply(200, strings.Repeat("x", 2000)),
	} {
		synctest.Test(t, func(t *testing.T) {
			f := new(fake)
			body, err := io.ReadAll(answer.Body)
			check(t, err)
			var bodies []*closeCounter
			f.api = func(*http.Request) *http.Response {
				again := *answer
				b := &closeCounter{Reader: bytes.NewReader(body)}
				bodies = append(bodies, b)
				again.Header, again.Body = answer.Header.Clone(), b
				return &again
			}
			if _, err := invokeRaw(t.Context(), f.client(WithMaxBody(1000)), catalogItem, asin); err == nil {
				t.Fatal("no error")
			}
			for i, b := range bodies {
				if rest, _ := io.ReadAll(b.Reader); b.n == 0 || len(rest) > 0 && name != "too large" {
					t.Errorf("%s: the body of attempt %d of %d was closed %d times, with %d bytes unread", name, i+1, len(bodies), b.n, len(rest))
				}
			}
		})
	}
}

// A 429 is repeated after one token's time at least, whatever the limiter does.
func TestThrottledCallWaitsForAToken(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := new(fake)
		f.api = func(*http.Request) *http.Response {
			if len(f.requests) < 3 {
				return reply(429, quotaBody)
			}
			return nil
		}
		start := time.Now()
		var r Response
		_, err := invokeRaw(t.Context(), f.client(WithLimiter(sleepy{})), getOrder, orderID("1"), WithResponse(&r)) // 0.5 per second
		check(t, err)
		if took := time.Since(start); took < 3*time.Second+4*time.Second || took > 9*time.Second {
			t.Errorf("took %s, want three waits of a second and two pauses of 2 s with their jitter", took)
		}
		if r.Waited != 3*time.Second {
			t.Errorf("waited %s, want 3 s over all attempts", r.Waited)
		}
	})
}

// sleepy makes every call wait a second.
type sleepy struct{ unlimited }

func (s sleepy) Wait(ctx context.Context, r LimitRequest) (LimitGrant, error) {
	if err := sleep(ctx, time.Second); err != nil {
		return LimitGrant{}, err
	}
	return s.unlimited.Wait(ctx, r)
}

// WithFailFast bounds the pause before a repeat too: the answer in hand is returned at once.
func TestFailFastBoundsThePause(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		for _, test := range []struct {
			status   int
			after    string
			bound    time.Duration
			attempts int
		}{
			{503, "40", 39 * time.Second, 1}, {503, "40", 40 * time.Second, 2}, {429, "40", 0, 1}, {429, "40", time.Minute, 2}, {503, "", time.Second, 2},
		} {
			f := new(fake)
			f.api = func(*http.Request) *http.Response {
				if len(f.requests) == 1 {
					return reply(test.status, `{}`, "Retry-After: "+test.after)
				}
				return nil
			}
			start := time.Now()
			var r Response
			_, err := invokeRaw(t.Context(), f.client(WithLimiter(unlimited{})), catalogItem, asin, WithFailFast(test.bound), WithResponse(&r))
			if r.Attempts != test.attempts || (err == nil) != (test.attempts == 2) || time.Since(start) > test.bound {
				t.Errorf("%+v: %d attempts in %s, %v", test, r.Attempts, time.Since(start), err)
			}
			if test.attempts == 1 && !hasStatus(err, test.status) {
				t.Errorf("%+v: got %v, want the answer", test, err)
			}
		}
	})
}

func TestRetryPauseOfAnyPolicy(t *testing.T) {
	for _, p := range []RetryPolicy{{}, {BaseDelay: time.Hour, MaxDelay: math.MaxInt64}, {BaseDelay: math.MaxInt64}, {BaseDelay: 1, MaxDelay: 1}} {
		p = p.withDefaults()
		for retry := range 100 {
			if got := p.pause(retry); got < 0 || got > p.MaxDelay {
				t.Errorf("%+v: retry %d after %s", p, retry, got)
			}
		}
	}
}

// What a signer sets in place is of that attempt alone: the next begins with the request as the caller gave it.
func TestRetriesBeginWithTheRequestAsGiven(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := &fake{api: func(*http.Request) *http.Response { return reply(503, "") }}
		signed := 0
		client := f.client(WithSigner(signerFunc(func(req *http.Request) {
			signed++
			u := *req.URL
			u.RawQuery += fmt.Sprint("&signature=", signed)
			req.URL = &u
			req.Header.Set("Signature", fmt.Sprint(signed))
			if req.Body != nil { // as awsauth does where it has to read the body
				body, err := io.ReadAll(req.Body)
				check(t, err)
				req.GetBody = func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(body)), nil }
				req.Body, _ = req.GetBody()
			}
		})), WithRetry(RetryPolicy{MaxAttempts: 3}))
		for _, body := range []io.Reader{nil, io.MultiReader(strings.NewReader("once"))} {
			f.requests, signed = nil, 0
			method, attempts := http.MethodGet, 3
			if body != nil {
				method, attempts = http.MethodPut, 1 // nobody said how to send it again
			}
			req, err := http.NewRequestWithContext(t.Context(), method, "/unknown/v1/things?a=b", body)
			check(t, err)
			resp, err := client.Do(req)
			check(t, err)
			check(t, resp.Body.Close())
			if len(f.requests) != attempts {
				t.Fatalf("%s: %d attempts, want %d", method, len(f.requests), attempts)
			}
			for i, sent := range f.requests {
				if want := fmt.Sprint("a=b&signature=", i+1); sent.URL.RawQuery != want || len(sent.Header["Signature"]) != 1 {
					t.Errorf("%s: attempt %d went to %q with %q, want %q", method, i+1, sent.URL.RawQuery, sent.Header["Signature"], want)
				}
			}
			if req.URL.RawQuery != "a=b" || len(req.Header) != 0 {
				t.Errorf("%s: the caller's request became %s %v", method, req.URL, req.Header)
			}
		}
	})
}
