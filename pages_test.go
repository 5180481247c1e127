package spapi

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"iter"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"

	"github.com/openspapi/spapi/internal/wire"
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

// answers gives one answer after the other, the last one again and again.
func answers(f *fake, statuses []int, bodies ...string) {
	f.api = func(*http.Request) *http.Response {
		n := min(len(f.requests), len(bodies)) - 1
		return reply(statuses[min(n, len(statuses)-1)], bodies[n])
	}
}

// What is wrong with a page is told where it is met, with its number from the second on. A page that was promised and holds nothing is wrong.
func TestPagesTellWhatIsWrong(t *testing.T) {
	const page = `{"payload":{"Orders":[{"AmazonOrderId":"1"}],"NextToken":"t"}}`
	for _, c := range []struct {
		statuses []int
		pages    []string
		whole    int
		want     string
	}{
		{[]int{200, 404}, []string{page, `{}`}, 1, "page 2: "},
		{[]int{404}, []string{`{}`}, 0, "ordersv0.getOrders"},
		{[]int{200}, []string{page, `{"payload":{"Orders":[{}]} x}`}, 1, "not JSON"},
		{[]int{200}, []string{`{"payload":{"Orders":[{}]`}, 0, "ends before its JSON does"},
		{[]int{200}, []string{page, `{"payload":{"Orders":[{}]`}, 1, "page 2: "},
		{[]int{200}, []string{page, ""}, 1, "page 2: spapi: ordersv0.getOrders: 200, but the body is empty"},
		{[]int{200}, []string{page, "null"}, 1, "page 2: spapi: ordersv0.getOrders: 200, but the body holds none of what the operation declares"},
		{[]int{200}, []string{page, "{}"}, 1, "page 2: "},
		{[]int{200}, []string{page, `{"payload":null}`}, 1, "page 2: "},
		{[]int{200}, []string{page, `{"payload":{}}`}, 1, "page 2: "},
		{[]int{200}, []string{page, `{"payload":{"Orders":null,"NextToken":null}}`}, 1, "page 2: "},
		{[]int{200}, []string{page, `{"message":"Endpoint request timed out"}`}, 1, `{"message":"Endpoint request timed out"}`},
		{[]int{200}, []string{"null"}, 0, "none of what the operation declares"},
		{[]int{200}, []string{page, page}, 2, "page 2: the answer names a next page that the run has had before"},
	} {
		synctest.Test(t, func(t *testing.T) {
			f := new(fake)
			answers(f, c.statuses, c.pages...)
			client := f.client()
			req, err := http.NewRequest(http.MethodGet, "/orders/v0/orders", nil)
			check(t, err)
			for name, pages := range map[string]iter.Seq[error]{
				"raw": func(yield func(error) bool) {
					for _, err := range client.Pages(req) {
						if !yield(err) {
							return
						}
					}
				},
				"typed": func(yield func(error) bool) {
					for _, err := range wire.Pages[json.RawMessage](t.Context(), client, getOrders, nil, []CallOption(nil)) {
						if !yield(err) {
							return
						}
					}
				},
			} {
				f.requests = nil
				whole := 0
				for err = range pages {
					if err == nil {
						whole++
					}
				}
				if whole != c.whole || err == nil || !strings.Contains(err.Error(), c.want) || strings.Contains(err.Error(), "page 1") {
					t.Errorf("%s: %d pages, then %v, want %d and %q", name, whole, err, c.whole, c.want)
				}
			}
		})
	}
}

// An empty list is an answer, also where a token promised more.
func TestEmptyPages(t *testing.T) {
	f := new(fake)
	answers(f, []int{200}, `{"payload":{"Orders":[],"NextToken":"t"}}`, `{"payload":{"Orders":[]}}`)
	req, err := http.NewRequest(http.MethodGet, "/orders/v0/orders", nil)
	check(t, err)
	pages := 0
	for page, err := range f.client().Pages(req) {
		check(t, err)
		if items, err := page.Items(); err != nil || len(items) != 0 {
			t.Errorf("%s: %v", items, err)
		}
		pages++
	}
	if pages != 2 {
		t.Errorf("%d pages", pages)
	}
}
