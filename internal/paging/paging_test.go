package paging

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"
)

func TestRulesAreInOrder(t *testing.T) {
	if !slices.IsSortedFunc(Rules(), func(a, b Rule) int { return strings.Compare(a.Operation, b.Operation) }) {
		t.Error("Find searches in a list that is not in order")
	}
	for _, r := range Rules() {
		if Find(r.Operation) == nil || r.Then != "" && Find(r.Then) == nil {
			t.Errorf("%s or what follows it is not found", r.Operation)
		}
	}
	if Find("ordersv0.getOrder") != nil || Find("") != nil {
		t.Error("found what has no rule")
	}
}

func request(t *testing.T, method, target, body string) *http.Request {
	t.Helper()
	req, err := http.NewRequest(method, target, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	return req
}

// TestNext: what a request becomes. Its parts stay as they were written.
func TestNext(t *testing.T) {
	for _, c := range []struct{ name, operation, method, target, body, page, want string }{
		{"escapes stay", "ordersv0.getOrders", "GET", "https://h/orders/v0/orders?MarketplaceIds=A%2CB&x=a%20b", "", `{"payload":{"NextToken":"t/1+ ="}}`,
			"GET https://h/orders/v0/orders?MarketplaceIds=A%2CB&x=a%20b&NextToken=t%2F1%2B%20%3D"},
		{"a token is replaced, also one that is escaped", "ordersv0.getOrders", "GET", "/orders/v0/orders?Next%54oken=old&&a=1", "", `{"payload":{"NextToken":"new"}}`,
			"GET /orders/v0/orders?a=1&NextToken=new"},
		{"names are told apart by case", "ordersv0.getOrders", "GET", "/orders/v0/orders?nexttoken=x", "", `{"payload":{"NextToken":"new"}}`, "GET /orders/v0/orders?nexttoken=x&NextToken=new"},
		{"the token alone", "reports20210630.getReports", "GET", "/reports/2021-06-30/reports?reportTypes=A&pageSize=1", "", `{"nextToken":"n"}`, "GET /reports/2021-06-30/reports?nextToken=n"},
		{"below a path, to another operation", "fulfillmentinboundv0.getShipmentItemsByShipmentId", "GET", "https://h/pre%2Ffix/fba/inbound/v0/shipments/a%2Fb/items?MarketplaceId=M&x=1", "",
			`{"payload":{"NextToken":"n"}}`, "GET https://h/pre%2Ffix/fba/inbound/v0/shipmentItems?MarketplaceId=M&QueryType=NEXT_TOKEN&NextToken=n"},
		{"a body that stays", "servicesv1.getFixedSlotCapacity", "POST", "/service/v1/serviceResources/1/capacity/fixed?marketplaceIds=A", `{"a": 1}`, `{"nextPageToken":"n"}`,
			`POST /service/v1/serviceResources/1/capacity/fixed?marketplaceIds=A&nextPageToken=n {"a": 1}`},
		{"digits stay", "replenishment20221107.listOffers", "POST", "/replenishment/2022-11-07/offers/search", `{"x":9007199254740993,"t":"<&>","pagination":{"limit":1,"y":1.50}}`,
			`{"offers":[{}]}`, `POST /replenishment/2022-11-07/offers/search {"pagination":{"limit":1,"offset":1,"y":1.50},"t":"<&>","x":9007199254740993}`},
		{"the end by the total", "replenishment20221107.listOffers", "POST", "/replenishment/2022-11-07/offers/search", `{"pagination": {"limit": 1, "offset": 4 }}`,
			`{"pagination": {"totalResults": 5}, "offers": [ {} ]}`, ""},
		{"a byte order mark", "ordersv0.getOrders", "GET", "/orders/v0/orders", "", "\xef\xbb\xbf" + `{"payload":{"NextToken":"n"}}`, "GET /orders/v0/orders?NextToken=n"},
		{"no token", "ordersv0.getOrders", "GET", "/orders/v0/orders", "", `{"payload":{"NextToken":""}}`, ""},
		{"an object in a list of one", "ordersv0.getOrders", "GET", "/orders/v0/orders", "", `{"payload":[{"NextToken":"n"} ]}`, "GET /orders/v0/orders?NextToken=n"},
		{"an object in a list of two", "ordersv0.getOrders", "GET", "/orders/v0/orders", "", `{"payload":[{"NextToken":"n"},{}]}`, ""},
		{"a list in its place", "ordersv0.getOrders", "GET", "/orders/v0/orders", "", `{"payload":[]}`, ""},
		{"lists of one", "orders20260101.searchOrders", "GET", "/orders/2026-01-01/orders", "", ` [ {"orders":[],"pagination":[ {"nextToken":"n"} ]} ] `,
			"GET /orders/2026-01-01/orders?paginationToken=n"},
		{"lists of several", "orders20260101.searchOrders", "GET", "/orders/2026-01-01/orders", "", `{"pagination":[{"nextToken":"n"},{}]}`, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			first := request(t, c.method, c.target, c.body)
			run, err := Start(c.operation, first)
			if err != nil {
				t.Fatal(err)
			}
			next, err := run.Next([]byte(c.page), nil)
			if err != nil {
				t.Fatal(err)
			}
			got := ""
			if next != nil {
				body, err := io.ReadAll(next.Body)
				if err != nil || next.ContentLength != int64(len(body)) {
					t.Errorf("the body has %d bytes, said to be %d: %v", len(body), next.ContentLength, err)
				}
				got = strings.TrimSpace(fmt.Sprintf("%s %s %s", next.Method, next.URL, body))
			}
			if got != c.want {
				t.Errorf("got  %s\nwant %s", got, c.want)
			}
			if first.URL.String() != request(t, c.method, c.target, "").URL.String() {
				t.Errorf("the first request became %s", first.URL)
			}
		})
	}
}

// TestCircles: tokens that come again end a run, whatever lies between, the one that the first request brought among them.
func TestCircles(t *testing.T) {
	for _, c := range []struct {
		target, tokens string
		want           int // pages until the error, 0 for none
	}{
		{"/orders/v0/orders", "AA", 2}, {"/orders/v0/orders", "ABAB", 3}, {"/orders/v0/orders", "ABCDB", 5}, {"/orders/v0/orders?NextToken=A", "A", 1},
		{"/orders/v0/orders", "ABCDEFG", 0},
	} {
		run, err := Start("ordersv0.getOrders", request(t, "GET", c.target, ""))
		if err != nil {
			t.Fatal(err)
		}
		got := 0
		for i, token := range strings.Split(c.tokens, "") {
			_, err := run.Next(fmt.Appendf(nil, `{"payload":{"Orders":[],"NextToken":%q}}`, token), nil)
			if err != nil {
				got = i + 1
				if want := fmt.Sprintf("ordersv0.getOrders: page %d: ", got); !strings.HasPrefix(err.Error(), want) {
					t.Errorf("%v, want it to begin with %s", err, want)
				}
				break
			}
		}
		if got != c.want {
			t.Errorf("%s after %s: an error on page %d, want %d", c.tokens, c.target, got, c.want)
		}
	}
}

func TestSeenIsBounded(t *testing.T) {
	var s seen
	for i := range 3 * remembered {
		if !s.add(fmt.Sprint(i)) {
			t.Fatalf("%d was new", i)
		}
	}
	if len(s.hashes) != remembered || len(s.order) != remembered {
		t.Errorf("%d and %d are kept, want %d", len(s.hashes), len(s.order), remembered)
	}
	if s.add(fmt.Sprint(2*remembered)) || s.add(fmt.Sprint(3*remembered-1)) {
		t.Error("one of the latest is forgotten")
	}
}

func TestStartAndItems(t *testing.T) {
	once := &http.Request{Method: "POST", URL: &url.URL{Path: "/x"}, Body: io.NopCloser(strings.NewReader("{}"))}
	if _, err := Start("servicesv1.getFixedSlotCapacity", once); err == nil || !strings.Contains(err.Error(), "set GetBody") {
		t.Errorf("a body that can be sent once only: %v", err)
	}
	for body, want := range map[string]string{
		`{}`:                                     "replenishment20221107.listOffers: page 1: the request has no pagination.limit",
		`{"pagination":{"limit":0}}`:             "has no pagination.limit",
		`{"pagination":{"limit":[]}}`:            "want a string, not array",
		`{"pagination":{"limit":1,"offset":-1}}`: `pagination.offset is "-1"`,
		`{`:                                      "listOffers: page 1: the request",
	} {
		if _, err := Start("replenishment20221107.listOffers", request(t, "POST", "/x", body)); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %s", body, err, want)
		}
	}
	for _, c := range []struct{ operation, body, want, failure string }{
		{"ordersv0.getOrders", `{"payload":{"Orders":[{"a":1}, 2]}}`, `{"a":1}|2`, ""},
		{"ordersv0.getOrders", `{"payload":{"Orders":null}}`, "", ""},
		{"ordersv0.getOrders", `{}`, "", ""},
		{"ordersv0.getOrders", `{"payload":[{"Orders":[{"a":1}]}]}`, `{"a":1}`, ""},
		{"ordersv0.getOrders", ` [{"payload":[ {"Orders":[{"a":1}, 2]} ]} ] `, `{"a":1}|2`, ""},
		{"ordersv0.getOrders", `{"payload":[{"Orders":[{"a":1}]},{"Orders":[3]}]}`, "", ""},
		{"ordersv0.getOrders", `{"payload":{"Orders":{}}}`, "", "ordersv0.getOrders: the items: payload.Orders: want a list, not object"},
		{"ordersv0.getOrders", `{"payload":{"Orders":"none"}}`, "", "ordersv0.getOrders: the items: payload.Orders: want a list, not string"},
		{"financesv0.listFinancialEvents", `{"payload":{}}`, `{"payload":{}}`, ""},
		{"financesv0.listFinancialEvents", "\ufeff{}", `{}`, ""},
		{"ordersv0.getOrder", `{}`, "", "ordersv0.getOrder doesn't page"},
	} {
		items, err := Items(c.operation, []byte(c.body))
		var parts []string
		for _, item := range items {
			parts = append(parts, string(item))
		}
		if got := strings.Join(parts, "|"); got != c.want || (err == nil) != (c.failure == "") || err != nil && err.Error() != c.failure {
			t.Errorf("%s %s: %q, %v", c.operation, c.body, got, err)
		}
	}
}

// FuzzItems: items come as they stand, whatever stands beside them, and a body that breaks off has none.
func FuzzItems(f *testing.F) {
	for _, s := range []string{`{"a\\\"}":["]\\\\",1,{}]}`, ` [ {"b" : "\\"} ] `, `"\\\\\""`, `-1.5e3`, "null", "\ttrue\r\n", `""`,
		`{"Orders":[1],"payload":{}}`} {
		f.Add(s, `{"x":[[],{}]}`)
	}
	f.Fuzz(func(t *testing.T, a, b string) {
		for _, body := range []string{a, b} {
			_, _ = Items("ordersv0.getOrders", []byte(body)) // whatever it is, it is no reason to panic
		}
		if !json.Valid([]byte(a)) || !json.Valid([]byte(b)) {
			return
		}
		body := "\ufeff {\"x\":" + a + ",\"payload\" :{\"y\":" + b + ", \"Or\\u0064ers\": [" + a + " ,\n" + b + "],"
		whole := body + `"NextToken":"t"},"z":` + a + "}"
		items, err := Items("ordersv0.getOrders", []byte(whole))
		if err != nil || len(items) != 2 || string(items[0]) != trimmed(a) || string(items[1]) != trimmed(b) {
			t.Errorf("%q: %q, %v", whole, items, err)
		}
		if token, err := text([]byte(whole), "payload.NextToken", nil); err != nil || token != "t" {
			t.Errorf("%q: %q, %v", whole, token, err)
		}
		for i := len("\ufeff"); i < strings.LastIndexByte(body, ']'); i++ {
			if items, err := Items("ordersv0.getOrders", []byte(body[:i])); err == nil {
				t.Errorf("%q: %q", body[:i], items)
			}
		}
	})
}

func trimmed(s string) string { return strings.Trim(s, " \n\t\r") }

func FuzzNext(f *testing.F) {
	for _, s := range []string{`{"payload":{"NextToken":"a"}}`, `{"payload":{"NextToken":`, `[]`, ``, `{"payload":{"NextToken":"\ud800"}}`, `{"payload":null}`} {
		f.Add(s, "a=b&NextToken=x")
	}
	f.Fuzz(func(t *testing.T, body, query string) {
		req := &http.Request{Method: "GET", URL: &url.URL{Path: "/orders/v0/orders", RawQuery: query}, Header: http.Header{}}
		run, err := Start("ordersv0.getOrders", req)
		if err != nil {
			t.Fatal(err)
		}
		next, err := run.Next([]byte(body), nil)
		if err != nil || next == nil {
			return
		}
		token, err := text([]byte(body), "payload.NextToken", nil)
		if err != nil {
			t.Fatal(err)
		}
		if got := next.URL.Query()["NextToken"]; len(got) != 1 || got[0] != token {
			t.Errorf("%q with %q asks with %q, want %q", query, body, got, token)
		}
	})
}

// Bytes that aren't UTF-8 cost no page and no item: it comes as it stands.
func TestItemsThatAreNotUTF8(t *testing.T) {
	items, err := Items("ordersv0.getOrders", []byte("{\"payload\":{\"x\":\"\xff\",\"Orders\":[{\"a\":\"\xc3\"},{}]}}"))
	if err != nil || len(items) != 2 || string(items[0]) != "{\"a\":\"\xc3\"}" {
		t.Errorf("%q, %v", items, err)
	}
}
