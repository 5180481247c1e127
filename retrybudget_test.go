package spapi

import (
	"bytes"
	"errors"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

// Connections that break while Amazon is down cost the budget as 5xx do.
func TestBudgetBoundsNetworkErrors(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		attempts := 0
		f := &fake{fail: func(req *http.Request) error {
			if req.URL.Host == "api.amazon.com" {
				return nil
			}
			attempts++
			return &net.OpError{Op: "read", Err: errors.New("connection reset by peer")}
		}}
		client := f.client(WithRetry(RetryPolicy{Budget: 3}), WithLimiter(unlimited{}))
		for range 10 {
			if _, err := invokeRaw(t.Context(), client, catalogItem, asin); err == nil {
				t.Fatal("no error")
			}
		}
		if attempts != 13 {
			t.Errorf("%d attempts for 10 calls, want 13 at a budget of 3", attempts)
		}
	})
}

// So do bodies that break off after the chain has handed them over.
func TestBrokenBodiesHaveABudget(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := &fake{api: func(*http.Request) *http.Response {
			resp := reply(200, `{"ok":true}`)
			resp.Body = io.NopCloser(io.MultiReader(strings.NewReader(`{"ok"`), failing{io.ErrUnexpectedEOF}))
			return resp
		}}
		client := f.client(WithRetry(RetryPolicy{Budget: 2}), WithLimiter(unlimited{}))
		for range 5 {
			if _, err := invokeRaw(t.Context(), client, catalogItem, asin); err == nil {
				t.Fatal("no error")
			}
		}
		if n := len(f.requests); n != 7 {
			t.Errorf("%d requests for 5 calls, want 7 at a budget of 2", n)
		}
	})
}

func TestBudgetIsFullAtItsSize(t *testing.T) {
	b := newRetryBudget(2)
	for range 1000 {
		b.refill()
	}
	if first, second, third := b.take(), b.take(), b.take(); !first || !second || third {
		t.Error("a long time of successes earns more repeats than the budget has")
	}
	for range 9 {
		b.refill()
	}
	if b.take() {
		t.Error("nine successes earn a repeat")
	}
}

// After a 429 the bucket has nothing until one token's time has passed, whatever the limiter thinks.
func TestPauseAfter429IsOneToken(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := 0
		f := &fake{api: func(*http.Request) *http.Response {
			if n++; n == 1 {
				return reply(429, quotaBody)
			}
			return nil
		}}
		start := time.Now()
		_, err := invokeRaw(t.Context(), f.client(WithLimiter(unlimited{})), getOrders, nil)
		check(t, err)
		if took := time.Since(start); took < 59*time.Second || took > 62*time.Second {
			t.Errorf("repeated after %s, want about the 60 s in which 0.0167 requests per second earn one", took)
		}
	})
}

// What a Retry-After says is waited for as far as the policy allows. Beyond that the call ends with the answer, and what makes no sense is told
// and changes nothing: the usual pause is made, and never none.
func TestRetryAfterHasABound(t *testing.T) {
	for _, test := range []struct {
		after    string
		policy   RetryPolicy
		attempts int
		from, to time.Duration
		told     bool
		asked    time.Duration // in the error
	}{
		{"299.5", RetryPolicy{}, 2, 299 * time.Second, 300 * time.Second, false, 0},
		{"301", RetryPolicy{}, 1, 0, 0, false, 301 * time.Second},
		{"301", RetryPolicy{MaxRetryAfter: time.Hour}, 2, 301 * time.Second, 302 * time.Second, false, 0},
		{"86400", RetryPolicy{}, 1, 0, 0, false, 24 * time.Hour},
		{"86401", RetryPolicy{BaseDelay: 1}, 2, leastPause, leastPause, true, 0},
		{"-5", RetryPolicy{BaseDelay: 1}, 2, leastPause, leastPause, true, 0},
		{"", RetryPolicy{BaseDelay: 1}, 2, leastPause, leastPause, false, 0},
		{"0", RetryPolicy{BaseDelay: 1}, 2, leastPause, leastPause, false, 0},
		{"1.5", RetryPolicy{BaseDelay: 1}, 2, 1500 * time.Millisecond, 1500 * time.Millisecond, false, 0},
	} {
		for _, who := range []struct {
			name   string
			status int
		}{{"call", 503}, {"token", 503}, {"token", 429}} {
			synctest.Test(t, func(t *testing.T) {
				var log bytes.Buffer
				n := 0
				refuse := func() *http.Response {
					if n++; n == 1 {
						return reply(who.status, `{}`, "Retry-After: "+test.after)
					}
					return nil
				}
				f := new(fake)
				if who.name == "call" {
					f.api = func(*http.Request) *http.Response { return refuse() }
				} else {
					f.lwa = func(url.Values) *http.Response { return refuse() }
				}
				client := f.client(WithLimiter(unlimited{}), WithRetry(test.policy), WithLogger(slog.New(slog.NewTextHandler(&log, nil))))
				start := time.Now()
				_, err := invokeRaw(t.Context(), client, catalogItem, asin)
				if took := time.Since(start); n != test.attempts || took < test.from || took > test.to {
					t.Errorf("%v, Retry-After %q: %d attempts in %s, %v", who, test.after, n, took, err)
				}
				if told := strings.Contains(log.String(), "level=WARN") && strings.Contains(log.String(), test.after); told != test.told {
					t.Errorf("%v, Retry-After %q: told %q", who, test.after, log.String())
				}
				if test.attempts == 2 {
					check(t, err)
					return
				}
				var asked time.Duration
				var explained string
				if e, ok := errors.AsType[*APIError](err); ok {
					asked, explained = e.RetryAfter, e.Explain()
				} else if e, ok := errors.AsType[*AuthError](err); ok {
					asked, explained = e.RetryAfter, e.Explain()
				}
				if asked != test.asked || !strings.Contains(explained, "MaxRetryAfter") {
					t.Errorf("%v, Retry-After %q: %v, which asks for %s and explains %q", who, test.after, err, asked, explained)
				}
			})
		}
	}
}

// Five sends in a few milliseconds help nobody.
func TestRepeatsHavePauses(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := new(fake)
		f.api = func(*http.Request) *http.Response { return reply(503, `{}`, "Retry-After: 86401") }
		start := time.Now()
		_, err := invokeRaw(t.Context(), f.client(WithLimiter(unlimited{}), WithRetry(RetryPolicy{BaseDelay: 1})), catalogItem, asin)
		if took := time.Since(start); !hasStatus(err, 503) || len(f.requests) != 5 || took < 4*leastPause {
			t.Errorf("%d attempts in %s, %v", len(f.requests), took, err)
		}
	})
}
