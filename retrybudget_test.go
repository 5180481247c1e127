package spapi

import (
	"errors"
	"io"
	"net"
	"net/http"
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

// A proxy's date far in the future, or seconds without end, stop no call for longer than a day.
func TestRetryAfterHasABound(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		for value, want := range map[string]time.Duration{
			time.Now().AddDate(50, 0, 0).UTC().Format(http.TimeFormat): 24 * time.Hour,
			"86400": 24 * time.Hour, "86401": 0, "9223372036854775807": 0, "99999999999999999999": 0,
		} {
			if got := retryAfter(http.Header{"Retry-After": {value}}); got != want {
				t.Errorf("%q: %s, want %s", value, got, want)
			}
		}
	})
}
