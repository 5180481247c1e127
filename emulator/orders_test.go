package emulator_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/openspapi/spapi/emulator"
)

// list walks through all pages of a search and returns the ids.
func (c *client) list(path, tokenIn, items, id string, tokenOut ...any) []string {
	c.t.Helper()
	var ids []string
	token := ""
	for pages := 0; ; pages++ {
		p := path
		if token != "" {
			p += "&" + tokenIn + "=" + url.QueryEscape(token)
		}
		r := c.get(p)
		if r.status != 200 {
			c.t.Fatalf("%s: %d %s", p, r.status, r.body)
		}
		steps := []any{}
		for s := range strings.SplitSeq(items, ".") {
			steps = append(steps, s)
		}
		l, _ := r.path(steps...).([]any)
		for _, entry := range l {
			ids = append(ids, entry.(map[string]any)[id].(string))
		}
		if token = r.text(tokenOut...); token == "" {
			return ids
		}
		if pages > 100 {
			c.t.Fatal("no end")
		}
	}
}

func (c *client) ordersV0(query string) []string {
	return c.list("/orders/v0/orders?"+query, "NextToken", "payload.Orders", "AmazonOrderId", "payload", "NextToken")
}

func (c *client) orders2026(query string) []string {
	return c.list("/orders/2026-01-01/orders?"+query, "paginationToken", "orders", "orderId", "pagination", "nextToken")
}

const allUS = "MarketplaceIds=" + us + "&CreatedAfter=2020-01-01T00:00:00Z"

func TestBothVersionsShowTheSameOrders(t *testing.T) {
	c := newClient(t, emulator.WithoutLimits())
	everywhere := "MarketplaceIds=" + us + ",A2EUQ1WTGCTBG2,A1AM78C64UM0Y8&CreatedAfter=2020-01-01T00:00:00Z"
	v0 := c.ordersV0(everywhere)
	if len(v0) != 300 {
		t.Fatalf("%d orders, want 300", len(v0))
	}
	if ids := slices.Compact(slices.Sorted(slices.Values(v0))); len(ids) != 300 {
		t.Errorf("%d different ids", len(ids))
	}
	if v26 := c.orders2026("createdAfter=2020-01-01T00:00:00Z"); !slices.Equal(v0, v26) {
		t.Error("2026-01-01 shows other orders than v0")
	}
	if paged := c.ordersV0(everywhere + "&MaxResultsPerPage=7"); !slices.Equal(v0, paged) {
		t.Error("small pages show other orders")
	}
	if paged := c.orders2026("createdAfter=2020-01-01T00:00:00Z&maxResultsPerPage=13"); !slices.Equal(v0, paged) {
		t.Error("small pages of 2026-01-01 show other orders")
	}
	// The parts are the whole, and each version's filter picks the same.
	total := 0
	for v0Status, v26Status := range map[string]string{"Pending": "PENDING", "Unshipped": "UNSHIPPED", "PartiallyShipped": "PARTIALLY_SHIPPED", "Shipped": "SHIPPED", "Canceled": "CANCELLED"} {
		a, b := c.ordersV0(everywhere+"&OrderStatuses="+v0Status), c.orders2026("createdAfter=2020-01-01T00:00:00Z&fulfillmentStatuses="+v26Status)
		if !slices.Equal(a, b) {
			t.Errorf("%s: %d orders in v0, %d in 2026-01-01", v0Status, len(a), len(b))
		}
		total += len(a)
	}
	if total != 300 {
		t.Errorf("all states together have %d orders", total)
	}
	afn, mfn := c.ordersV0(everywhere+"&FulfillmentChannels=AFN"), c.ordersV0(everywhere+"&FulfillmentChannels=MFN")
	if len(afn)+len(mfn) != 300 || len(mfn) < 50 {
		t.Errorf("%d AFN, %d MFN", len(afn), len(mfn))
	}
	if two := c.ordersV0("MarketplaceIds=" + us + "&AmazonOrderIds=" + afn[0] + "," + mfn[0]); len(two) > 2 {
		t.Errorf("by id: %v", two)
	}
}

func TestOrderWindows(t *testing.T) {
	c := newClient(t, emulator.WithoutLimits())
	stamp := func(at time.Time) string { return url.QueryEscape(at.Format(time.RFC3339)) }
	from, to := start.Add(-20*24*time.Hour), start.Add(-10*24*time.Hour)
	created := c.ordersV0("MarketplaceIds=" + us + "&CreatedAfter=" + stamp(from) + "&CreatedBefore=" + stamp(to))
	if len(created) < 20 || len(created) > 50 {
		t.Errorf("%d orders in ten days", len(created))
	}
	r := c.get("/orders/v0/orders?MarketplaceIds=" + us + "&LastUpdatedAfter=" + stamp(from) + "&LastUpdatedBefore=" + stamp(to))
	last := ""
	for i := range created {
		u := r.text("payload", "Orders", i, "LastUpdateDate")
		if u == "" {
			break
		}
		if u < last || u < from.Format(time.RFC3339) || u > to.Format(time.RFC3339) {
			t.Errorf("updated %s after %s", u, last)
		}
		last = u
	}
	if last == "" {
		t.Errorf("no updates: %s", r.body)
	}
}

func TestOrdersLiveOn(t *testing.T) {
	c := newClient(t, emulator.WithoutLimits())
	open := c.ordersV0(allUS + "&OrderStatuses=Unshipped,Pending,PartiallyShipped")
	if len(open) == 0 {
		t.Fatal("no open orders")
	}
	c.clock.advance(10 * 24 * time.Hour)
	c.refresh()
	before := "&CreatedBefore=" + url.QueryEscape(start.Format(time.RFC3339))
	if late := c.ordersV0(allUS + before + "&OrderStatuses=Unshipped,Pending,PartiallyShipped"); len(late) != 0 {
		t.Errorf("%d orders still open after ten days", len(late))
	}
	since := url.QueryEscape(start.Format(time.RFC3339))
	updated := c.ordersV0("MarketplaceIds=" + us + "&LastUpdatedAfter=" + since)
	fresh := c.ordersV0("MarketplaceIds=" + us + "&CreatedAfter=" + since)
	if len(fresh) < 20 {
		t.Errorf("%d new orders in ten days", len(fresh))
	}
	updated = slices.DeleteFunc(updated, func(id string) bool { return slices.Contains(fresh, id) })
	slices.Sort(updated)
	slices.Sort(open)
	if !slices.Equal(open, updated) {
		t.Errorf("%d orders were open, %d were updated since", len(open), len(updated))
	}
}

func TestPagesAreOneSnapshot(t *testing.T) {
	c := newClient(t, emulator.WithoutLimits())
	first := c.get("/orders/v0/orders?" + allUS + "&MaxResultsPerPage=2&OrderStatuses=Unshipped")
	token := first.text("payload", "NextToken")
	if token == "" || !strings.ContainsAny(token, "+/=") {
		t.Fatalf("token %q", token)
	}
	next := "/orders/v0/orders?MarketplaceIds=" + us + "&NextToken="
	before := c.get(next + url.QueryEscape(token))
	c.clock.advance(23 * time.Hour) // orders are shipped and placed meanwhile
	c.refresh()
	after := c.get(next + url.QueryEscape(token))
	if before.status != 200 || !reflect.DeepEqual(after.path("payload", "Orders"), before.path("payload", "Orders")) {
		t.Errorf("the second page changed as time passed: %s, then %s", before.body, after.body)
	}
	if strings.Contains(token, "+") {
		// A raw "+" arrives as a blank.
		if r := c.get(next + token); r.status != 400 || r.body != `{"errors":[{"message":null,"code":"InvalidInput"}]}`+"\nNextToken: is not a token of this list" {
			t.Errorf("raw token: %d %s", r.status, r.body)
		}
	}
	if r := c.get(next + url.QueryEscape(token) + "&OrderStatuses=Shipped"); r.status != 400 {
		t.Errorf("other arguments: %d", r.status)
	}
	c.clock.advance(24 * time.Hour)
	c.refresh()
	if r := c.get(next + url.QueryEscape(token)); r.status != 400 || !strings.Contains(r.body, "expired") {
		t.Errorf("old token: %d %s", r.status, r.body)
	}
}

func TestOrderRefusals(t *testing.T) {
	c := newClient(t, emulator.WithoutLimits())
	for _, test := range []struct {
		path   string
		status int
		names  string
	}{
		{"/orders/v0/orders?CreatedAfter=2026-01-01", 400, "MarketplaceIds"},
		{"/orders/v0/orders?MarketplaceIds=" + us, 400, "CreatedAfter"},
		{"/orders/v0/orders?" + allUS + "&LastUpdatedAfter=2026-01-01", 400, "LastUpdatedAfter"},
		{"/orders/v0/orders?" + allUS + "&LastUpdatedBefore=2026-01-01", 400, "LastUpdatedBefore"},
		{"/orders/v0/orders?" + allUS + "&CreatedBefore=" + start.Add(-time.Minute).Format(time.RFC3339), 400, "CreatedBefore"},
		{"/orders/v0/orders?" + allUS + "&CreatedBefore=2019-01-01", 400, "CreatedBefore"},
		{"/orders/v0/orders?" + allUS + "&MaxResultsPerPage=101", 400, "MaxResultsPerPage"},
		{"/orders/v0/orders?" + allUS + "&MaxResultsPerPage=0", 400, "MaxResultsPerPage"},
		{"/orders/v0/orders?" + allUS + "&OrderStatuses=Lost", 400, "OrderStatuses"},
		{"/orders/v0/orders?" + allUS + "&IsISPU=maybe", 400, "IsISPU"},
		{"/orders/v0/orders?MarketplaceIds=" + us + "&CreatedAfter=yesterday", 400, "CreatedAfter"},
		{"/orders/v0/orders?MarketplaceIds=nowhere&CreatedAfter=2026-01-01", 400, "MarketplaceIds"},
		{"/orders/v0/orders/1", 400, "orderId"},
		{"/orders/v0/orders/111-1111111-1111111", 404, "111-1111111-1111111"},
		{"/orders/2026-01-01/orders", 400, "createdAfter"},
		{"/orders/2026-01-01/orders?createdAfter=x", 400, "createdAfter"},
		{"/orders/2026-01-01/orders?createdAfter=2026-01-01T00:00:00Z&includedData=SHOE_SIZE", 400, "includedData"},
		{"/orders/2026-01-01/orders?createdAfter=2026-01-01T00:00:00Z&paginationToken=x", 400, "paginationToken"},
		{"/orders/2026-01-01/orders?createdAfter=2026-01-01T00:00:00Z&maxResultsPerPage=101", 400, "maxResultsPerPage"},
		{"/orders/2026-01-01/orders/1", 400, "orderId"},
		{"/orders/2026-01-01/orders/111-1111111-1111111", 404, "111-1111111-1111111"},
	} {
		if r := c.get(test.path); r.status != test.status || !strings.Contains(r.body, test.names) {
			t.Errorf("%s: %d %s, want %d naming %s", test.path, r.status, r.body, test.status, test.names)
		}
	}
}

// rdt asks for a restricted token and returns the answer.
func (c *client) rdt(resources string) result {
	return c.post("/tokens/2021-03-01/restrictedDataToken", `{"restrictedResources":[`+resources+`]}`)
}

func TestRestrictedTokens(t *testing.T) {
	c := newClient(t, emulator.WithoutLimits())
	plain := c.token
	shippedUS := c.ordersV0(allUS + "&OrderStatuses=Shipped")
	id := shippedUS[0]
	order := "/orders/v0/orders/" + id
	use := func(token, path string) result {
		return c.do("GET", na+path, http.Header{"X-Amz-Access-Token": {token}}, "")
	}
	if r := use(plain, order); r.path("payload", "BuyerInfo") != nil || r.path("payload", "ShippingAddress", "Name") != nil || r.text("payload", "ShippingAddress", "City") == "" {
		t.Errorf("a plain token shows %s", r.body)
	}
	if r := use(plain, order+"/address"); r.status != 200 || r.path("payload", "ShippingAddress", "Name") != nil {
		t.Errorf("a plain token shows %s", r.body)
	}
	both := c.rdt(`{"method":"GET","path":"/orders/v0/orders","dataElements":["buyerInfo"]},{"method":"GET","path":"/orders/v0/orders/{orderId}","dataElements":["buyerInfo","shippingAddress"]},{"method":"GET","path":"` + order + `/address"}`)
	token := both.text("restrictedDataToken")
	if both.status != 200 || !strings.HasPrefix(token, "Atz.sprdt|") || both.path("expiresIn") != json.Number("3600") {
		t.Fatalf("%d %s", both.status, both.body)
	}
	if r := use(token, order); r.text("payload", "BuyerInfo", "BuyerName") == "" || r.text("payload", "ShippingAddress", "AddressLine1") == "" {
		t.Errorf("generic path: %s", r.body)
	}
	if r := use(token, "/orders/v0/orders?"+allUS+"&OrderStatuses=Shipped"); r.text("payload", "Orders", 0, "BuyerInfo", "BuyerName") == "" || r.path("payload", "Orders", 0, "ShippingAddress", "AddressLine1") != nil {
		t.Errorf("only buyerInfo was asked for: %d %.300s", r.status, r.body)
	}
	if r := use(token, order+"/address"); r.text("payload", "ShippingAddress", "Name") == "" {
		t.Errorf("concrete path: %d %s", r.status, r.body)
	}
	for _, path := range []string{"/orders/v0/orders/" + shippedUS[1] + "/address", order + "/orderItems", "/sellers/v1/account"} {
		if r := use(token, path); r.status != 403 {
			t.Errorf("%s with a restricted token for others: %d", path, r.status)
		}
	}
	if r := c.do("POST", na+"/tokens/2021-03-01/restrictedDataToken", http.Header{"X-Amz-Access-Token": {token}}, `{"restrictedResources":[{"method":"GET","path":"/orders/v0/orders"}]}`); r.status != 403 {
		t.Errorf("a restricted token buys another one: %d", r.status)
	}
	c.clock.advance(time.Hour)
	if r := use(token, order); r.text("errors", 0, "details") != "The access token you provided has expired." {
		t.Errorf("after an hour: %s", r.body)
	}
	c.refresh()
	one := `{"method":"GET","path":"/orders/v0/orders"}`
	for _, test := range []struct{ resources, message string }{
		{"", "Empty target resource arguement found"}, //nolint:misspell // as Amazon spells it
		{strings.Repeat(one+",", 50) + one, "restrictedResources"},
		{`{"method":"GET","path":"/sellers/v1/account"}`, "Application do not have access to some or all requested resource"},
		{`{"method":"POST","path":"/orders/v0/orders"}`, "Application do not have access to some or all requested resource"},
		{`{"method":"PATCH","path":"/orders/v0/orders"}`, "restrictedResources[0].method"},
		{`{"path":"/orders/v0/orders"}`, "restrictedResources[0].method"},
		{`{"method":"GET","path":"/orders/v0/orders","dataElements":["shoeSize"]}`, "Application does not have access to one or more requested data elements: [shoeSize]"},
		{`{"method":"GET","path":"/orders/v0/orders/{orderId}/orderItems","dataElements":["shippingAddress"]}`, "[shippingAddress]"},
		{`{"method":"GET","path":"/reports/2021-06-30/documents/{reportDocumentId}"}`, "Invalid or unsupported document ID found"},
	} {
		if r := c.rdt(test.resources); r.status != 400 || !strings.Contains(r.body, test.message) {
			t.Errorf("%s: %d %s, want %q", test.resources, r.status, r.body, test.message)
		}
	}
	if r := c.rdt(strings.TrimSuffix(strings.Repeat(one+",", 50), ",")); r.status != 200 {
		t.Errorf("50 resources: %d %s", r.status, r.body)
	}
}

func TestOrderDetails2026(t *testing.T) {
	c := newClient(t, emulator.WithoutLimits())
	ids := c.orders2026("createdAfter=2020-01-01T00:00:00Z&fulfillmentStatuses=SHIPPED")
	plain := c.get("/orders/2026-01-01/orders/" + ids[0])
	for _, set := range []string{"buyer", "recipient", "proceeds", "payment", "fulfillment", "packages"} {
		if plain.path("order", set) != nil {
			t.Errorf("%s without being asked for", set)
		}
	}
	full := c.get("/orders/2026-01-01/orders/" + ids[0] + "?includedData=BUYER,RECIPIENT,PROCEEDS,EXPENSE,PROMOTION,CANCELLATION,FULFILLMENT,PACKAGES,TAX,PAYMENT,FULFILLMENT_ORDERS")
	for _, set := range []string{"buyer", "recipient", "proceeds", "payment", "fulfillment", "packages"} {
		if full.path("order", set) == nil {
			t.Errorf("no %s in %s", set, full.body)
		}
	}
	// The two versions agree on money.
	v0 := c.get("/orders/v0/orders/" + ids[0])
	if a, b := v0.text("payload", "OrderTotal", "Amount"), full.text("order", "proceeds", "grandTotal", "amount"); a != b || a == "" {
		t.Errorf("total %q in v0, %q in 2026-01-01", a, b)
	}
}

func TestConfirmShipment(t *testing.T) {
	c := newClient(t, emulator.WithoutLimits())
	open := c.ordersV0(allUS + "&OrderStatuses=Unshipped&FulfillmentChannels=MFN&IsISPU=false")
	if len(open) == 0 {
		t.Fatal("no open order")
	}
	items := c.get("/orders/v0/orders/" + open[0] + "/orderItems")
	for len(items.path("payload", "OrderItems").([]any)) > 1 && len(open) > 1 {
		open = open[1:]
		items = c.get("/orders/v0/orders/" + open[0] + "/orderItems")
	}
	body := func(item string) string {
		return fmt.Sprintf(`{"marketplaceId":%q,"packageDetail":{"packageReferenceId":"1","carrierCode":"UPS","trackingNumber":"1ZTEST","shipDate":"2026-03-01T12:00:00Z","orderItems":[{"orderItemId":%q,"quantity":%v}]}}`, us, item, items.path("payload", "OrderItems", 0, "QuantityOrdered"))
	}
	path := "/orders/v0/orders/" + open[0] + "/shipmentConfirmation"
	if r := c.post(path, body("1")); r.status != 400 || !strings.Contains(r.body, "orderItemId") {
		t.Errorf("wrong item: %d %s", r.status, r.body)
	}
	if r := c.post(path, body(items.text("payload", "OrderItems", 0, "OrderItemId"))); r.status != 204 || r.body != "" {
		t.Errorf("%d %s", r.status, r.body)
	}
	if r := c.get("/orders/2026-01-01/orders/" + open[0] + "?includedData=FULFILLMENT,PACKAGES"); r.text("order", "fulfillment", "fulfillmentStatus") != "SHIPPED" || r.text("order", "packages", 0, "trackingNumber") != "1ZTEST" {
		t.Errorf("the other version has not heard of it: %s", r.body)
	}
	if r := c.post(path, body(items.text("payload", "OrderItems", 0, "OrderItemId"))); r.status != 400 {
		t.Errorf("twice: %d", r.status)
	}
}

func TestWorldSizes(t *testing.T) {
	c := newClient(t, emulator.WithoutLimits(), emulator.WithOrders(2000), emulator.WithDays(730), emulator.WithProducts(500))
	if n := len(c.orders2026("createdAfter=2020-01-01T00:00:00Z")); n != 2000 {
		t.Errorf("%d orders", n)
	}
	none := newClient(t, emulator.WithOrders(0), emulator.WithProducts(1))
	if r := none.get("/orders/v0/orders?" + allUS); r.status != 200 || len(r.path("payload", "Orders").([]any)) != 0 {
		t.Errorf("empty world: %d %s", r.status, r.body)
	}
}
