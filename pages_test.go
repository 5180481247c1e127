package spapi

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
)

// TestPagesAreCallsOfTheirOwn: options, tokens and records go with each page, and a loop that is left asks no further.
func TestPagesAreCallsOfTheirOwn(t *testing.T) {
	n := 0
	f := &fake{api: func(r *http.Request) *http.Response {
		n++
		return reply(200, fmt.Sprintf(`{"payload":{"Orders":[{}],"NextToken":"t%d"}}`, n), fmt.Sprintf("x-amzn-RequestId: r%d", n))
	}}
	client := f.client()
	req, err := http.NewRequest(http.MethodGet, "/orders/v0/orders?MarketplaceIds=A", nil)
	check(t, err)
	req.Header.Set("X-Mine", "yes")
	var last Response
	var ids []string
	for page, err := range client.Pages(req, WithResponse(&last)) {
		check(t, err)
		if page.RequestID != last.RequestID || page.Operation != getOrders || page.Attempts != 1 {
			t.Errorf("got %v, the record says %v", page, last)
		}
		if ids = append(ids, page.RequestID); len(ids) == 3 {
			break
		}
	}
	if !slices.Equal(ids, []string{"r1", "r2", "r3"}) || n != 3 {
		t.Errorf("pages %v after %d requests", ids, n)
	}
	for _, r := range f.requests {
		if token(r) == "" || r.Header.Get("X-Mine") != "yes" {
			t.Errorf("sent with %v", r.Header)
		}
	}
	if len(req.Header) != 1 || req.URL.String() != "/orders/v0/orders?MarketplaceIds=A" {
		t.Errorf("the request became %s %v", req.URL, req.Header)
	}
}

// TestPagesCanBeRangedOverAgain: each iteration sends the whole body, whatever others do with theirs.
func TestPagesCanBeRangedOverAgain(t *testing.T) {
	const body = `{"pagination":{"limit":2,"offset":0}}`
	f := &fake{api: func(*http.Request) *http.Response { return reply(200, `{"offers":[]}`) }}
	const path = "/replenishment/2022-11-07/offers/metrics/search"
	req, err := http.NewRequest(http.MethodPost, path, strings.NewReader(body))
	check(t, err)
	pages := f.client().Pages(req)
	walk := func() {
		for _, err := range pages {
			if err != nil {
				t.Error(err)
			}
		}
	}
	walk()
	var both sync.WaitGroup
	both.Go(walk)
	both.Go(walk)
	both.Wait()
	if !slices.Equal(f.bodies, []string{body, body, body}) {
		t.Errorf("sent %q", f.bodies)
	}
	if left, err := io.ReadAll(req.Body); err != nil || string(left) != body {
		t.Errorf("of the caller's body %q is left, %v", left, err)
	}

	once, err := http.NewRequest(http.MethodPost, path, io.NopCloser(strings.NewReader(body)))
	check(t, err)
	for _, err := range f.client().Pages(once) {
		if bad, ok := errors.AsType[*ConfigError](err); !ok || !strings.Contains(err.Error(), "GetBody") {
			t.Errorf("a body that can be sent once: %v (%v)", err, bad)
		}
	}
	if len(f.bodies) != 3 {
		t.Errorf("%d requests", len(f.bodies))
	}
}

func TestPagesStopWithTheContext(t *testing.T) {
	f := &fake{api: func(*http.Request) *http.Response { return reply(200, `{"payload":{"Orders":[{}],"NextToken":"t"}}`) }}
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, "/orders/v0/orders", nil)
	check(t, err)
	pages := 0
	for _, err := range f.client().Pages(req) {
		if err == nil {
			pages++
			cancel()
			continue
		}
		if !errors.Is(err, context.Canceled) {
			t.Errorf("got %v", err)
		}
	}
	if pages != 1 {
		t.Errorf("%d pages", pages)
	}
	for _, err := range f.client().Pages(&http.Request{Method: http.MethodGet}) {
		if config := (*ConfigError)(nil); !errors.As(err, &config) {
			t.Errorf("without a URL: %v", err)
		}
	}
}

// What is wrong with a page is told where it is met, with its number from the second on.
func TestPagesTellWhatIsWrong(t *testing.T) {
	const page = `{"payload":{"Orders":[{}],"NextToken":"t"}}`
	for _, c := range []struct {
		pages []*http.Response
		whole int
		want  string
	}{
		{[]*http.Response{reply(200, page), reply(404, `{}`)}, 1, "page 2: "},
		{[]*http.Response{reply(404, `{}`)}, 0, "ordersv0.getOrders"},
		{[]*http.Response{reply(200, page), reply(200, `{"payload":{"Orders":[{}]} x}`)}, 1, "not JSON"},
		{[]*http.Response{reply(200, `{"payload":{"Orders":[{}]`)}, 0, "ends before its JSON does"},
	} {
		f := new(fake)
		f.api = func(*http.Request) *http.Response { return c.pages[len(f.requests)-1] }
		req, err := http.NewRequest(http.MethodGet, "/orders/v0/orders", nil)
		check(t, err)
		whole := 0
		for _, err = range f.client().Pages(req) {
			if err == nil {
				whole++
			}
		}
		if whole != c.whole || err == nil || !strings.Contains(err.Error(), c.want) || strings.Contains(err.Error(), "page 1") {
			t.Errorf("%d pages, then %v, want %d and %q", whole, err, c.whole, c.want)
		}
	}
}
