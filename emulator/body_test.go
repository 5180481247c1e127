package emulator_test

import (
	"context"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/openspapi/spapi/emulator"
)

func TestRequestBodies(t *testing.T) {
	c := newClient(t, emulator.WithoutLimits())
	path := "/tokens/2021-03-01/restrictedDataToken"
	good := `{"restrictedResources":[{"method":"GET","path":"/orders/v0/orders"}]}`
	send := func(contentType, body string) result {
		h := http.Header{"X-Amz-Access-Token": {c.token}}
		if contentType != "" {
			h.Set("Content-Type", contentType)
		}
		return c.do("POST", na+path, h, body)
	}
	for _, test := range []struct {
		name, contentType, body string
		status                  int
		part                    string
	}{
		{"good", "application/json; charset=utf-8", good, 200, "Atz.sprdt|"},
		{"no content type", "", good, 200, "Atz.sprdt|"},
		{"text, as fetch calls a string", "text/plain;charset=UTF-8", good, 200, "Atz.sprdt|"},
		{"wrong content type", "application/x-www-form-urlencoded", good, 400, "Content-Type: is application/x-www-form-urlencoded"},
		{"no body", "application/json", "", 400, "body"},
		{"null", "application/json", " null\n", 400, "restrictedResources: required; the request has no body"},
		{"no JSON", "application/json", "{", 400, "unexpected EOF"},
		{"two values", "application/json", good + good, 400, "body: something follows the JSON value"},
		{"too big", "application/json", `{"x":"` + strings.Repeat("a", 11<<20) + `"}`, 413, "RequestTooLarge"},
		{"wrong type", "application/json", `{"restrictedResources":{}}`, 400, "restrictedResources"},
	} {
		if r := send(test.contentType, test.body); r.status != test.status || !strings.Contains(r.body, test.part) {
			t.Errorf("%s: %d %.300s, want %d with %s", test.name, r.status, r.body, test.status, test.part)
		}
	}
}

// TestServe uses a real port, as the command does.
func TestServe(t *testing.T) {
	c := newClient(t)
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- c.Serve(ctx, l) }()
	urls := c.URLs("http://" + l.Addr().String())
	transport := &http.Transport{}
	get := func(url string, body io.Reader) *http.Response {
		t.Helper()
		method := "GET"
		if body != nil {
			method = "POST"
		}
		r, err := http.NewRequest(method, url, body)
		if err != nil {
			t.Fatal(err)
		}
		r.Header.Set("x-amz-access-token", c.token)
		resp, err := (&http.Client{Transport: transport}).Do(r)
		if err != nil {
			t.Fatal(err)
		}
		resp.Body.Close()
		return resp
	}
	if resp := get(urls.API+"/sellers/v1/account", nil); resp.StatusCode != 200 || resp.Header.Get("Date") != start.Format(http.TimeFormat) {
		t.Errorf("%d %v", resp.StatusCode, resp.Header)
	}
	if resp := get(urls.LWA, strings.NewReader("grant_type=x")); resp.StatusCode != 400 || resp.Header.Get("X-Spapi-Emulator-Operation") != "lwa.token" {
		t.Errorf("token endpoint: %d", resp.StatusCode)
	}
	if resp := get(urls.STS, strings.NewReader("")); resp.StatusCode != 400 || resp.Header.Get("Content-Type") != "text/xml" {
		t.Errorf("STS: %d", resp.StatusCode)
	}
	transport.CloseIdleConnections()
	cancel()
	if err := <-done; err != nil {
		t.Errorf("Serve: %v", err)
	}
	l2, _ := net.Listen("tcp", "127.0.0.1:0")
	l2.Close()
	if err := c.Serve(t.Context(), l2); err == nil {
		t.Error("Serve on a closed listener: no error")
	}
}

// TestBubble shows that time can stand still: in a bubble the default clock is the bubble's, and no goroutine outlives a request.
func TestBubble(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e, err := emulator.New(emulator.WithSeed(1))
		if err != nil {
			t.Fatal(err)
		}
		c := &client{Emulator: e, t: t}
		c.refresh()
		for range 15 {
			if r := c.get("/sellers/v1/marketplaceParticipations"); r.status != 200 {
				t.Fatalf("%d", r.status)
			}
		}
		if r := c.get("/sellers/v1/marketplaceParticipations"); r.status != 429 {
			t.Errorf("%d", r.status)
		}
		time.Sleep(62500 * time.Millisecond)
		if r := c.get("/sellers/v1/marketplaceParticipations"); r.status != 200 {
			t.Errorf("after the refill: %d", r.status)
		}
		time.Sleep(time.Hour)
		if r := c.get("/sellers/v1/marketplaceParticipations"); r.status != 403 {
			t.Errorf("after an hour: %d", r.status)
		}
	})
}

func TestRoundTripRespectsContext(t *testing.T) {
	c := newClient(t)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	r, _ := http.NewRequestWithContext(ctx, "GET", na+"/sellers/v1/account", nil)
	if _, err := c.RoundTrip(r); err != context.Canceled {
		t.Errorf("error %v", err)
	}
	if _, err := c.RoundTrip(&http.Request{}); err == nil {
		t.Error("a request without a URL: no error")
	}
}
