package spapi

import (
	"errors"
	"net"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

func TestTokenRequestsArePaced(t *testing.T) {
	for _, test := range []struct {
		name     string
		answer   func() *http.Response // of the first request
		delay    time.Duration
		ok       bool
		from, to time.Duration
		requests int
	}{
		{"Retry-After", func() *http.Response { return reply(429, ``, "Retry-After: 20") }, 0, true, 20 * time.Second, 21 * time.Second, 2},
		{"Retry-After beyond all patience", func() *http.Response { return reply(503, ``, "Retry-After: 3600") }, 0, false, 0, 0, 1},
		{"one that hangs", nil, time.Hour, true, tokenTimeout, tokenTimeout + time.Second, 2},
	} {
		t.Run(test.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				f := new(fake)
				n := 0
				f.delay = func(*http.Request) time.Duration {
					if n++; n == 1 {
						return test.delay
					}
					return 0
				}
				f.lwa = func(url.Values) *http.Response {
					if n == 1 && test.answer != nil {
						return test.answer()
					}
					return nil
				}
				start := time.Now()
				_, err := f.client().AccessToken(t.Context())
				took := time.Since(start)
				if (err == nil) != test.ok || took < test.from || took > test.to || n != test.requests {
					t.Errorf("%d requests in %s, %v; want %d in %s to %s", n, took, err, test.requests, test.from, test.to)
				}
				if err != nil && !errors.As(err, new(*AuthError)) {
					t.Errorf("got %v, want the AuthError in hand", err)
				}
			})
		})
	}
}

func TestTokenRequest(t *testing.T) {
	f := new(fake)
	var agent, kind string
	f.hook = func(event string, req *http.Request) {
		if strings.HasPrefix(event, "token ") {
			agent, kind = req.Header.Get("User-Agent"), req.Header.Get("Content-Type")
		}
	}
	_, err := f.client(WithUserAgent("Test/1")).AccessToken(t.Context())
	check(t, err)
	if !strings.HasPrefix(agent, "Test/1 (Language=Go/") || kind != "application/x-www-form-urlencoded" {
		t.Errorf("sent as %q, %q", agent, kind)
	}
	// The URL is known; what the transport said is what helps.
	broken := &fake{fail: func(*http.Request) error { return &net.OpError{Op: "write", Err: errors.New("broken pipe")} }}
	_, err = NewApp(testCredentials, WithTransport(broken)).Exchange(t.Context(), "ANcode", "")
	if text := err.Error(); text != "spapi: Login with Amazon: authorization_code: write: broken pipe" {
		t.Errorf("got %q", text)
	}
}

// A code that cannot have reached Amazon may be sent again.
func TestExchangeIsRepeatedWhereNothingWasSent(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := 0
		f := &fake{fail: func(*http.Request) error {
			if n++; n == 1 {
				return &net.OpError{Op: "dial", Err: errors.New("refused")}
			}
			return nil
		}}
		f.lwa = func(url.Values) *http.Response {
			return reply(200, `{"access_token":"Atza|x","refresh_token":"`+testRefreshToken+`"}`)
		}
		_, err := NewApp(testCredentials, WithTransport(f)).Exchange(t.Context(), "ANcode", "")
		if err != nil || n != 2 {
			t.Errorf("%d requests, %v", n, err)
		}
	})
}

func TestAuthErrorTemporary(t *testing.T) {
	for e, want := range map[*AuthError]bool{
		{StatusCode: 400, Code: "server_error"}:            true,
		{StatusCode: 400, Code: "temporarily_unavailable"}: true,
		{StatusCode: 429, Code: "slow_down"}:               true,
		{StatusCode: 500, Code: "odd"}:                     true,
		{StatusCode: 401, Code: "invalid_client"}:          false,
		{StatusCode: 400}:                                  false,
		{StatusCode: 408}:                                  true,
		{StatusCode: 429}:                                  true,
		{StatusCode: 502}:                                  true,
		{StatusCode: 200}:                                  true, // a page in place of a token
		{StatusCode: 302}:                                  false,
		{Err: errors.New("reset")}:                         true,
		{Err: errUntrusted}:                                false,
	} {
		if e.temporary() != want || IsTokenRefused(e) == want {
			t.Errorf("%v: temporary is %t, want %t", e, e.temporary(), want)
		}
	}
	if !IsTokenRefused(&APIError{StatusCode: 403}) || !IsTokenRefused(&APIError{StatusCode: 400}) || IsTokenRefused(&APIError{StatusCode: 429}) || IsTokenRefused(nil) {
		t.Error("answers to requests for restricted tokens are misjudged")
	}
}
