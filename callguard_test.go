package spapi_test

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"runtime"
	"runtime/debug"
	"strings"
	"sync"
	"testing"
	"testing/synctest"

	"github.com/openspapi/spapi"
	"github.com/openspapi/spapi/api/catalogitems20220401"
	"github.com/openspapi/spapi/api/feeds20210630"
	"github.com/openspapi/spapi/api/ordersv0"
	"github.com/openspapi/spapi/internal/benchpeer"
	"github.com/openspapi/spapi/marketplace"
)

// canned answers requests for tokens, and all others by answer.
type canned func(*http.Request) (status int, body string, length int64)

func (c canned) RoundTrip(req *http.Request) (*http.Response, error) {
	if req.Body != nil {
		_ = req.Body.Close()
	}
	status, body, length := 200, `{"access_token":"Atza|guard","token_type":"bearer","expires_in":36000}`, int64(-1)
	if req.URL.Path != "/auth/o2/token" {
		status, body, length = c(req)
	}
	h := http.Header{"Content-Type": {"application/json"}, "X-Amzn-Requestid": {"req-1"}, "X-Amzn-Ratelimit-Limit": {"0.0167"}}
	return &http.Response{StatusCode: status, Header: h, Body: io.NopCloser(strings.NewReader(body)), ContentLength: length, Request: req}, nil
}

func (c canned) client(options ...spapi.Option) *spapi.Client {
	app := spapi.NewApp(spapi.Credentials{ClientID: "amzn1.application-oa2-client.0123456789abcdef",
		ClientSecret: spapi.NewSecret("amzn1.oa2-cs.v1.0123456789abcdef")},
		append([]spapi.Option{spapi.WithTransport(c), spapi.WithLimiter(unlimited{})}, options...)...)
	return app.Client(spapi.Authorization{RefreshToken: spapi.NewSecret("Atzr|0123456789abcdef"), Region: marketplace.NorthAmerica})
}

func ordersPage(n int) string { return string(benchpeer.Orders(n)) }

// TestCallAllocations bounds what a call allocates beside the network. It counts, so that it holds on any machine; who makes a call cheaper lowers the bounds.
func TestCallAllocations(t *testing.T) {
	if raceDetector {
		t.Skip("under the race detector pools throw away at random")
	}
	page := ordersPage(100)
	for name, want := range map[string]struct {
		allocations float64
		bytes       uint64 // per call
		body        string
		call        func(context.Context, *spapi.Client) error
	}{
		"nothing decoded": {32, 5 << 10, page, func(ctx context.Context, c *spapi.Client) error {
			return feeds20210630.New(c).CancelFeed(ctx, &feeds20210630.CancelFeedInput{FeedID: "1"})
		}},
		"one order": {66, 8 << 10, ordersPage(1), func(ctx context.Context, c *spapi.Client) error {
			_, err := ordersv0.New(c).GetOrders(ctx, ordersInput) //nolint:staticcheck // deprecated, and the most called operation
			return err
		}},
		"100 orders": {215, 300 << 10, page, func(ctx context.Context, c *spapi.Client) error {
			_, err := ordersv0.New(c).GetOrders(ctx, ordersInput) //nolint:staticcheck // deprecated, and the most called operation
			return err
		}},
	} {
		for _, length := range []int64{int64(len(want.body)), -1} {
			t.Run(fmt.Sprintf("%s, length %d", name, length), func(t *testing.T) {
				client := canned(func(*http.Request) (int, string, int64) { return 200, want.body, length }).client()
				call := func() {
					if err := want.call(t.Context(), client); err != nil {
						t.Fatal(err)
					}
				}
				defer debug.SetGCPercent(debug.SetGCPercent(-1)) // which empties pools whenever it comes
				defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(1))  // each processor has pools of its own
				if n := testing.AllocsPerRun(100, call); n > want.allocations {
					t.Errorf("%g allocations, want at most %g", n, want.allocations)
				}
				const calls = 100
				var before, after runtime.MemStats
				runtime.ReadMemStats(&before)
				for range calls {
					call()
				}
				runtime.ReadMemStats(&after)
				if n := (after.TotalAlloc - before.TotalAlloc) / calls; n > want.bytes {
					t.Errorf("%d bytes, want at most %d", n, want.bytes)
				}
			})
		}
	}
}

var ordersInput = &ordersv0.GetOrdersInput{MarketplaceIDs: []string{"ATVPDKIKX0DER"}, CreatedAfter: "2026-03-01T00:00:00Z"}

// claim is what a call has brought, and what it still has to be when many others have come after it.
type claim struct {
	what string
	is   func() string
	want string
}

// TestReleasedMemoryIsSeenByNobody: all tests of this package run with memory that is overwritten when it is given back, so that whatever still points
// into it shows. Here many calls of all kinds share the pool.
func TestReleasedMemoryIsSeenByNobody(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var mu sync.Mutex
		seen := map[string]int{}
		client := canned(func(req *http.Request) (int, string, int64) {
			id := req.URL.Path[strings.LastIndexByte(req.URL.Path, '/')+1:]
			if req.URL.Path == "/orders/v0/orders" {
				id = cmp.Or(req.URL.Query().Get("NextToken"), req.URL.Query().Get("CreatedAfter"))
			}
			mu.Lock()
			defer mu.Unlock()
			seen[id]++
			return answerTo(id, seen[id])
		}).client(spapi.WithMaxBody(4<<20), spapi.WithRetry(spapi.RetryPolicy{Budget: 10_000}))
		var claims [8][]claim
		var group sync.WaitGroup
		for g := range claims {
			group.Go(func() {
				for i := range 12 {
					claims[g] = append(claims[g], callAll(t, client, fmt.Sprintf("%d.%d", g, i))...)
				}
			})
		}
		group.Wait()
		for _, claims := range claims {
			for _, c := range claims {
				if is := c.is(); is != c.want {
					t.Fatalf("%s: became %.200q, want %.200q", c.what, is, c.want)
				}
			}
		}
	})
}

// answerTo is what a request for an id is answered: its first letters say how.
func answerTo(id string, attempt int) (status int, body string, length int64) {
	kind, _, _ := strings.Cut(id, "-")
	order := fmt.Sprintf(`{"AmazonOrderId":%q,"PurchaseDate":"date of %[1]s","NumberOfItemsShipped":"none of %[1]s","PaymentMethodDetails":["%[1]s"]}`, id)
	pad := strings.Repeat(" ", 100*len(id)*attempt)
	body = `{"payload":` + order + pad + `}`
	switch kind {
	case "huge": // more than is kept
		body = `{"padding":"` + strings.Repeat(" ", 2<<20) + `",` + body[1:]
	case "broken":
		if attempt == 1 {
			return 200, `{"payload":{"AmazonOrderId":"wrong", "PurchaseDate":"` + strings.Repeat("x", 3000), -1
		}
	case "busy":
		if attempt == 1 {
			return 503, errorList(id), -1
		}
	case "refused":
		body = errorList(id)
	case "missing":
		status, body = 404, errorList(id)
	case "html":
		body = "<html><body>" + id + "</body></html>"
	case "message":
		body = `{"message":"` + id + `"}`
	case "syntax":
		body = `{"payload":{"AmazonOrderId":"` + id + `",x}}`
	case "item":
		body = `{"asin":"` + id + `","attributes":{"name":["` + id + `"]}}`
	case "page":
		body = fmt.Sprintf(`{"payload":{"Orders":[%s],"NextToken":"last-%s"}}`, order, id)
	case "last":
		body = fmt.Sprintf(`{"payload":{"Orders":[%s]}}`, order)
	}
	if length = int64(len(body)); len(id)%2 == 0 {
		length = -1
	}
	return cmp.Or(status, 200), body, length
}

func errorList(id string) string {
	return fmt.Sprintf(`{"errors":[{"code":"code-%s","message":"message of %[1]s","details":"details of %[1]s"}]}`, id)
}

// callAll makes calls of all kinds, and tells what they brought.
func callAll(t *testing.T, client *spapi.Client, id string) (claims []claim) {
	ctx, orders := t.Context(), ordersv0.New(client)
	add := func(what, want string, is func() string) { claims = append(claims, claim{what, is, want}) }
	ofOrder := func(what, id string, o *ordersv0.Order) {
		add(what, id+"|date of "+id+"|"+id, func() string { return o.AmazonOrderID + "|" + o.PurchaseDate + "|" + o.PaymentMethodDetails[0] })
	}
	kinds := []string{"good", "broken", "busy"}
	if strings.HasSuffix(id, ".0") {
		kinds = append(kinds, "huge")
	}
	for _, kind := range kinds {
		o, err := orders.GetOrder(ctx, &ordersv0.GetOrderInput{OrderID: kind + "-" + id}) //nolint:staticcheck // deprecated, and the shortest
		if err != nil {
			t.Fatal(err)
		}
		ofOrder(kind, kind+"-"+id, o)
	}
	var met spapi.Response
	o, err := orders.GetOrder(ctx, &ordersv0.GetOrderInput{OrderID: "met-" + id}, spapi.WithResponse(&met)) //nolint:staticcheck // as above
	if err != nil {
		t.Fatal(err)
	}
	ofOrder("with its response", "met-"+id, o)
	_, body, _ := answerTo("met-"+id, 1)
	add("the body of a response", body, func() string { return string(met.Body) })
	add("the warnings of a response", `"none of met-`+id+`"`, func() string { return met.Warnings[0].Value })
	for _, kind := range []string{"refused", "missing", "html", "message", "syntax"} {
		_, err := orders.GetOrder(ctx, &ordersv0.GetOrderInput{OrderID: kind + "-" + id}) //nolint:staticcheck // as above
		if err == nil {
			t.Fatalf("%s: no error", kind)
		}
		add("the error of "+kind, strings.Clone(err.Error()), err.Error)
		if kind == "refused" || kind == "missing" {
			add("the text of "+kind, "message of "+kind+"-"+id, func() string { return err.(*spapi.APIError).Message })
		}
	}
	item, err := catalogitems20220401.New(client).GetCatalogItem(ctx, &catalogitems20220401.GetCatalogItemInput{ASIN: "item-" + id, MarketplaceIDs: []string{"A"}})
	if err != nil {
		t.Fatal(err)
	}
	add("raw JSON of a result", fmt.Sprintf("item-%s|name|[%q]", id, "item-"+id), func() string {
		for name, value := range item.Attributes {
			return item.ASIN + "|" + name + "|" + string(value)
		}
		return ""
	})
	pages := 0
	in := &ordersv0.GetOrdersInput{CreatedAfter: "page-" + id, MarketplaceIDs: []string{"A"}}
	for page, err := range orders.GetOrdersPages(ctx, in) { //nolint:staticcheck // as above
		if err != nil {
			t.Fatal(err)
		}
		want := "page-" + id
		if page.NextToken == "" {
			want = "last-" + want
		}
		ofOrder("a page", want, &page.Orders[0])
		pages++
	}
	if pages != 2 {
		t.Errorf("%d pages, want 2: the second was named in the body of the first", pages)
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, "/orders/v0/orders?CreatedAfter=page-raw"+id, nil)
	if err != nil {
		t.Fatal(err)
	}
	want := "page-raw" + id
	for page, err := range client.Pages(req) {
		if err != nil {
			t.Fatal(err)
		}
		_, body, _ := answerTo(want, 1)
		add("the body of a raw page", body, func() string { return string(page.Body) })
		items, err := page.Items()
		if err != nil {
			t.Fatal(err)
		}
		id := want
		add("an item of a raw page", id, func() string {
			var o struct{ AmazonOrderID string }
			_ = json.Unmarshal(items[0], &o)
			return o.AmazonOrderID
		})
		want = "last-" + want
	}
	return claims
}
