package emulator

import (
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/openspapi/spapi/emulator/internal/auth"
	"github.com/openspapi/spapi/emulator/internal/desk"
	"github.com/openspapi/spapi/emulator/internal/exchange"
	"github.com/openspapi/spapi/emulator/internal/format"
	"github.com/openspapi/spapi/internal/catalog"
)

func TestRoutes(t *testing.T) {
	rt := desk.NewRouter(flows)
	for _, test := range []struct{ method, path, id, param string }{
		{"GET", "/orders/v0/orders", "ordersv0.getOrders", ""},
		{"GET", "/orders/v0/orders/1-2", "ordersv0.getOrder", "1-2"},
		{"GET", "/orders/v0/orders/1-2/orderItems", "ordersv0.getOrderItems", "1-2"},
		{"GET", "/orders/2026-01-01/orders/x", "orders20260101.getOrder", "x"},
		{"GET", "/catalog/v0/items", "catalogitemsv0.listCatalogItems", ""},
		{"GET", "/catalog/v0/items/B0", "catalogitemsv0.getCatalogItem", "B0"},
		{"DELETE", "/listings/2021-08-01/items/S/A%2FB%20C%25", "listingsitems20210801.deleteListingsItem", "A/B C%"},
		{"POST", "/uploads/2020-11-01/uploadDestinations/aplus/2020-11-01/contentDocuments", "uploads20201101.createUploadDestinationForResource", "aplus/2020-11-01/contentDocuments"},
		{"POST", "/uploads/2020-11-01/uploadDestinations/aplus%2F2020-11-01%2FcontentDocuments", "", ""},
		{"POST", "/uploads/2020-11-01/uploadDestinations/", "", ""},
		{"GET", "/orders/v0/orders/", "", ""},
		{"GET", "/orders/v0/orders//orderItems", "ordersv0.getOrderItems", ""},
		{"POST", "/products/fees/v0/items//feesEstimate", "productfeesv0.getMyFeesEstimateForASIN", ""},
		{"GET", "//orders/v0/orders", "", ""},
		{"POST", "/orders/v0/orders", "", ""},
		{"GET", "/ORDERS/v0/orders", "", ""},
		{"GET", "/", "", ""},
		{"GET", "", "", ""},
		{"GET", "/orders/v0/orders/%zz", "", ""},
	} {
		r, params := rt.Find(test.method, test.path)
		if r == nil {
			if test.id != "" {
				t.Errorf("%s %s: no route, want %s", test.method, test.path, test.id)
			}
			continue
		}
		if r.Op.ID != test.id {
			t.Errorf("%s %s: %s, want %q", test.method, test.path, r.Op.ID, test.id)
		}
		if test.param != "" {
			found := false
			for _, v := range params {
				found = found || v == test.param
			}
			if !found {
				t.Errorf("%s: parameters %v, want %q", test.path, params, test.param)
			}
		}
	}
}

// TestEveryRouteIsFound finds each operation by its own path, with values that could be mistaken for static segments.
func TestEveryRouteIsFound(t *testing.T) {
	rt := desk.NewRouter(flows)
	ops := catalog.Operations()
	for i := range ops {
		op := &ops[i]
		segments := strings.Split(op.Path, "/")
		for j, s := range segments {
			if strings.HasPrefix(s, "{") {
				segments[j] = url.PathEscape("a/b c")
				if op.GreedyPath && j == len(segments)-1 {
					segments[j] = "a/b%20c"
				}
			}
		}
		r, params := rt.Find(op.Method, strings.Join(segments, "/"))
		if r == nil || r.Op != op {
			t.Errorf("%s: not found by its own path", op.ID)
			continue
		}
		for name, v := range params {
			if v != "a/b c" {
				t.Errorf("%s: %s is %q", op.ID, name, v)
			}
		}
	}
	if n := len(rt.IDs()); n != len(ops)+2 {
		t.Errorf("%d routes for %d operations", n, len(ops))
	}
	handlers := 0
	for _, f := range flows {
		for id := range f.Handlers {
			handlers++
			found := false
			for _, r := range rt.Routes {
				found = found || r.Op.ID == id
			}
			if !found {
				t.Errorf("handler of %s: no such operation", id)
			}
		}
	}
	t.Logf("%d routes, %d with handlers", len(rt.IDs()), handlers)
}

// FuzzRequests sends anything at all: no panic, no 5xx, and JSON in every answer of SP-API.
func FuzzRequests(f *testing.F) {
	e, err := New(WithClock(fixedClock(time.Date(2026, 3, 1, 0, 0, 0, 0, time.UTC))), WithoutLimits(), WithOrders(20))
	if err != nil {
		f.Fatal(err)
	}
	op, _ := catalog.Lookup("ordersv0.getOrders")
	restricted := tokenFor(e, op)
	plain := e.desk.Auth.Issue("Atza|", &auth.Grant{Account: e.desk.Seller(0).Account, Expires: e.Now().Add(time.Hour)}, e.Now())
	for _, seed := range []struct{ method, path, query, body string }{
		{"GET", "/orders/v0/orders", "MarketplaceIds=ATVPDKIKX0DER&CreatedAfter=2020-01-01", ""},
		{"GET", "/orders/2026-01-01/orders", "createdAfter=2020-01-01T00:00:00Z&paginationToken=AAAA", ""},
		{"GET", "/catalog/2022-04-01/items", "keywords=pen&marketplaceIds=ATVPDKIKX0DER&pageSize=3", ""},
		{"PATCH", "/listings/2021-08-01/items/A/B%2FC", "marketplaceIds=ATVPDKIKX0DER", `{"productType":"X","patches":[{"op":"replace","path":"/a"}]}`},
		{"POST", "/tokens/2021-03-01/restrictedDataToken", "", `{"restrictedResources":[{"method":"GET","path":"/orders/v0/orders/{orderId}"}]}`},
		{"POST", "/auth/o2/token", "", "grant_type=refresh_token"},
		{"POST", "/sts/", "Action=AssumeRole&Version=2011-06-15", ""},
		{"GET", "/catalog/v0/items/%2e%2e", "%zz&;=&a", "null"},
		{"GET", "/apps/authorize/consent", "application_id=x&state=y&redirect_uri=http://localhost&emulator_consent=approve", ""},
		{"GET", "/apps/authorize/confirm/x", "amazon_state=y", ""},
		{"POST", "/apps/store/dp/x", "", "emulator_consent=deny"},
		{"GET", "/sales/v1/orderMetrics", "marketplaceIds=ATVPDKIKX0DER&granularity=Week&granularityTimeZone=UTC&interval=2026-02-01T00:00:00Z--2026-02-20T00:00:00Z", ""},
		{"GET", "/products/pricing/v0/price", "MarketplaceId=ATVPDKIKX0DER&ItemType=Sku&Skus=a,b", ""},
		{"POST", "/batches/products/pricing/v0/itemOffers", "", `{"requests":[{"uri":"/products/pricing/v0/items/B0/offers","method":"GET","MarketplaceId":"ATVPDKIKX0DER","ItemCondition":"New"}]}`},
		{"POST", "/batches/products/pricing/2022-05-01/items/competitiveSummary", "", `{"requests":[{"asin":"B0","marketplaceId":"ATVPDKIKX0DER","includedData":["similarItems"],"method":"GET","uri":"/products"}]}`},
		{"POST", "/products/fees/v0/feesEstimate", "", `[{"IdType":"ASIN","IdValue":"B0","FeesEstimateRequest":{"MarketplaceId":"ATVPDKIKX0DER","Identifier":"x","PriceToEstimateFees":{"ListingPrice":{"CurrencyCode":"USD","Amount":1e400}}}}]`},
		{"POST", "/messaging/v1/orders/111-1111111-1111111/messages/warranty", "marketplaceIds=ATVPDKIKX0DER", `{"attachments":[null]}`},
		{"POST", "/notifications/v1/subscriptions/ORDER_CHANGE", "", `{"payloadVersion":"1.0","destinationId":"x","processingDirective":{"filterExpression":"a"}}`},
		{"POST", "/uploads/2020-11-01/uploadDestinations/messaging/v1/orders/111-1111111-1111111/messages/invoice", "marketplaceIds=ATVPDKIKX0DER&contentMD5=x", ""},
	} {
		f.Add(seed.method, seed.path, seed.query, seed.body, "Content-Type", "application/json", true)
	}
	f.Add("POST", "/_emulator/clock", "", `{"advance":"1h"}`, "Origin", "null", true)
	f.Add("POST", "/_emulator/faults", "", `{"kind":"late","every":2}`, "Accept-Encoding", "gzip", true)
	f.Add("PUT", "/_emulator/state", "", `{"version":2,"orders":1,"products":1,"days":1,"accounts":[{"region":"eu"}]}`, "Host", "x", true)
	f.Add("GET", "/sellers/v1/account", "", "", "Authorization", "AWS4-HMAC-SHA256 Credential=a/b/c/d/aws4_request, SignedHeaders=host, Signature=0", true)
	f.Fuzz(func(t *testing.T, method, path, query, body, name, value string, plainToken bool) {
		u := &url.URL{Scheme: "https", Host: "sellingpartnerapi-na.amazon.com", RawQuery: query}
		if decoded, err := url.PathUnescape(path); err == nil {
			u.Path, u.RawPath = decoded, path
		} else {
			u.Path = path
		}
		r := (&http.Request{Method: method, URL: u, Header: http.Header{"Content-Type": {"application/json"}}, Body: http.NoBody})
		if body != "" {
			r.Body = readCloser{strings.NewReader(body)}
		}
		r.Header.Set(name, value)
		r.Header.Set("x-amz-access-token", restricted)
		if plainToken {
			r.Header.Set("x-amz-access-token", plain)
		}
		resp, err := e.RoundTrip(r)
		e.ClearFaults() // of the control plane: they would wait or break connections, as they should
		if err != nil {
			t.Fatal(err)
		}
		if resp.StatusCode >= 500 || resp.StatusCode < 200 {
			t.Errorf("status %d", resp.StatusCode)
		}
		rec := &exchange.Recorder{}
		if _, err := rec.Body.ReadFrom(resp.Body); err != nil {
			t.Fatal(err)
		}
		if resp.Header.Get("Content-Type") == "application/json" && resp.ContentLength > 0 {
			if _, err := format.DecodeJSON(rec.Body.Bytes()); err != nil {
				t.Errorf("%s: %v", rec.Body.String(), err)
			}
		}
		resp.Body.Close()
	})
}

type readCloser struct{ *strings.Reader }

func (readCloser) Close() error { return nil }
