package emulator_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/openspapi/spapi/emulator"
	"github.com/openspapi/spapi/marketplace"
)

const inventory = "/fba/inventory/v1/summaries?details=true&granularityType=Marketplace&granularityId=" + us + "&marketplaceIds=" + us

// number reads a number of a body.
func (r result) number(steps ...any) int {
	n, _ := r.path(steps...).(json.Number)
	i, _ := n.Int64()
	return int(i)
}

// stock is what one SKU has: what can be sold, is reserved, and is there and on its way altogether.
func (c *client) stock(sku string) (fulfillable, reserved, total int) {
	c.t.Helper()
	r := c.get(inventory + "&sellerSku=" + url.QueryEscape(sku))
	d := []any{"payload", "inventorySummaries", 0}
	return r.number(append(d, "inventoryDetails", "fulfillableQuantity")...), r.number(append(d, "inventoryDetails", "reservedQuantity", "totalReservedQuantity")...), r.number(append(d, "totalQuantity")...)
}

func TestInventoryPages(t *testing.T) {
	c := newClient(t, emulator.WithoutLimits(), emulator.WithProducts(200))
	first := c.get(inventory)
	if n := len(first.path("payload", "inventorySummaries").([]any)); n != 50 {
		t.Fatalf("%d on the first page: %s", n, first.body)
	}
	next := inventory + "&nextToken=" + url.QueryEscape(first.text("pagination", "nextToken"))
	c.clock.advance(29 * time.Second)
	if r := c.get(next); r.status != 200 || r.text("payload", "inventorySummaries", 0, "sellerSku") == first.text("payload", "inventorySummaries", 0, "sellerSku") {
		t.Errorf("second page: %d", r.status)
	}
	c.clock.advance(2 * time.Second)
	if r := c.get(next); r.status != 400 || !strings.Contains(r.body, "nextToken") {
		t.Errorf("after 30 seconds: %d %s", r.status, r.body)
	}
	var skus []string
	for _, s := range first.path("payload", "inventorySummaries").([]any)[:3] {
		skus = append(skus, s.(map[string]any)["sellerSku"].(string))
	}
	if r := c.get(inventory + "&sellerSkus=" + url.QueryEscape(strings.Join(skus, ","))); len(r.path("payload", "inventorySummaries").([]any)) != 3 {
		t.Errorf("three SKUs: %s", r.body)
	}
	if r := c.get(strings.Replace(inventory, "details=true&", "", 1)); strings.Contains(r.body, "inventoryDetails") {
		t.Error("details that nobody asked for")
	}
	recent := c.get(inventory + "&startDateTime=2026-02-25T00:00:00Z")
	for i := range recent.path("payload", "inventorySummaries").([]any) {
		if at := recent.text("payload", "inventorySummaries", i, "lastUpdatedTime"); at < "2026-02-25" {
			t.Errorf("changed %s", at)
		}
	}
	for _, bad := range []string{"&startDateTime=2027-01-01T00:00:00Z", "&startDateTime=x", "&nextToken=x"} {
		if r := c.get(inventory + bad); r.status != 400 {
			t.Errorf("%s: %d", bad, r.status)
		}
	}
	// An error list under 200.
	if r := c.get(inventory + "&startDateTime=2024-08-01T00:00:00Z"); r.status != 200 || r.text("errors", 0, "message") != "Invalid request, please check your input." || r.path("payload") != nil {
		t.Errorf("of 18 months ago: %d %s", r.status, r.body)
	}
	if r := c.get(strings.Replace(inventory, "granularityId="+us, "granularityId=A2EUQ1WTGCTBG2", 1)); r.status != 400 {
		t.Errorf("granularity of another marketplace: %d", r.status)
	}
}

func TestSandboxInventory(t *testing.T) {
	c := newClient(t, emulator.WithoutLimits())
	do := func(method, path, token, body string) result {
		t.Helper()
		return c.do(method, marketplace.NorthAmerica.SandboxEndpoint()+path, http.Header{"X-Amz-Access-Token": {c.token}, "Content-Type": {"application/json"}, "X-Amzn-Idempotency-Token": {token}}, body)
	}
	item := `{"sellerSku":"Neu & gut","marketplaceId":"` + us + `",`
	if r := c.call("POST", "/fba/inventory/v1/items", item+`"productName":"x"}`); r.status != 403 {
		t.Errorf("outside the sandbox: %d", r.status)
	}
	if r := do("POST", "/fba/inventory/v1/items", "", item+`"productName":"Schöner Stift"}`); r.status != 200 {
		t.Fatalf("create: %d %s", r.status, r.body)
	}
	if r := do("POST", "/fba/inventory/v1/items", "", item+`"productName":"x"}`); r.status != 400 {
		t.Errorf("create again: %d", r.status)
	}
	add := `{"inventoryItems":[` + item + `"quantity":30}]}`
	if r := do("POST", "/fba/inventory/v1/items/inventory", "token-1", add); r.status != 200 {
		t.Fatalf("add: %d %s", r.status, r.body)
	}
	if r := do("POST", "/fba/inventory/v1/items/inventory", "token-1", add); r.status != 400 || !strings.Contains(r.body, "Idempotency Token already exists.") {
		t.Errorf("the same token again: %d %s", r.status, r.body)
	}
	if n, _, total := c.stock("Neu & gut"); n != 30 || total != 30 {
		t.Errorf("%d of %d in stock, want 30: the second call had the same token", n, total)
	}
	do("POST", "/fba/inventory/v1/items/inventory", "token-2", add)
	if n, _, _ := c.stock("Neu & gut"); n != 60 {
		t.Errorf("%d in stock, want 60", n)
	}
	if r := do("POST", "/fba/inventory/v1/items/inventory", "token-3", strings.Replace(add, "Neu", "Alt", 1)); r.status != 400 || !strings.Contains(r.body, "sellerSku") {
		t.Errorf("unknown SKU: %d %s", r.status, r.body)
	}
	if r := c.get(c.listingPath("Neu & gut") + "&includedData=summaries,fulfillmentAvailability"); r.text("summaries", 0, "itemName") != "Schöner Stift" || r.text("fulfillmentAvailability", 0, "fulfillmentChannelCode") != "AMAZON_NA" {
		t.Errorf("listing: %s", r.body)
	}
	path := "/fba/inventory/v1/items/" + url.PathEscape("Neu & gut") + "?marketplaceId=" + us
	if r := do("DELETE", path, "", ""); r.status != 400 || !strings.Contains(r.body, "should be 0 to allow deleting") {
		t.Errorf("delete with stock: %d %s", r.status, r.body)
	}
	if n, _, _ := c.stock("Neu & gut"); n != 60 {
		t.Errorf("%d in stock after a refused delete, want 60", n)
	}
	if r := do("POST", "/fba/inventory/v1/items", "", strings.Replace(item, "Neu & gut", "leer", 1)+`"productName":"x"}`); r.status != 200 {
		t.Fatalf("create: %d %s", r.status, r.body)
	}
	path = strings.Replace(path, url.PathEscape("Neu & gut"), "leer", 1)
	if r := do("DELETE", path, "", ""); r.status != 200 {
		t.Errorf("delete: %d %s", r.status, r.body)
	}
	if r := do("DELETE", path, "", ""); r.status != 404 {
		t.Errorf("delete again: %d", r.status)
	}
}

// TestOrdersMoveTheStock lets a month pass and adds up: what was ordered has left the stock, what was cancelled is back, what can be sold again of what buyers
// have sent back too, and what is open is reserved.
func TestOrdersMoveTheStock(t *testing.T) {
	c := newClient(t, emulator.WithoutLimits(), emulator.WithOrders(600), emulator.WithProducts(10))
	type level struct{ fulfillable, reserved, quantity int }
	levels := func() map[string]level {
		m := map[string]level{}
		for _, sku := range c.skus("&sortBy=sku&sortOrder=ASC") {
			r := c.get(c.listingPath(sku) + "&includedData=fulfillmentAvailability")
			l := level{quantity: r.number("fulfillmentAvailability", 0, "quantity")}
			if r.text("fulfillmentAvailability", 0, "fulfillmentChannelCode") != "DEFAULT" {
				l.fulfillable, l.reserved, _ = c.stock(sku)
			}
			m[sku] = l
		}
		return m
	}
	before := levels()
	c.clock.advance(30 * 24 * time.Hour)
	c.refresh()
	after := levels()
	sold, reserved := map[string]int{}, map[string]int{}
	for _, id := range c.orders2026("createdAfter=2020-01-01T00:00:00Z") {
		r := c.get("/orders/2026-01-01/orders/" + id + "?includedData=FULFILLMENT,CANCELLATION")
		status := r.text("order", "fulfillment", "fulfillmentStatus")
		live := r.text("order", "createdTime") > "2026-03-01T12:00:00Z"
		for i := range r.path("order", "orderItems").([]any) {
			sku, n := r.text("order", "orderItems", i, "product", "sellerSku"), r.number("order", "orderItems", i, "quantityOrdered")
			if live && status != "CANCELLED" {
				sold[sku] += n
			}
			if !live && status == "CANCELLED" && r.text("order", "lastUpdatedTime") > "2026-03-01T12:00:00Z" {
				sold[sku] -= n
			}
			if status != "CANCELLED" && status != "SHIPPED" && r.text("order", "fulfillment", "fulfilledBy") == "AMAZON" {
				reserved[sku] += n
			}
		}
	}
	text, _ := c.reportText(na, c.report(na, `{"reportType":"GET_FBA_FULFILLMENT_CUSTOMER_RETURNS_DATA","marketplaceIds":["`+us+`","A2EUQ1WTGCTBG2","A1AM78C64UM0Y8"],"dataStartTime":"2026-03-01T12:00:01Z","dataEndTime":"2026-03-31T12:00:00Z"}`))
	_, returns := table(t, text, '\t')
	back := 0
	for _, row := range returns {
		if n, _ := strconv.Atoi(row["quantity"]); row["detailed-disposition"] == "SELLABLE" {
			sold[row["sku"]] -= n
			back += n
		}
	}
	if back == 0 {
		t.Error("nothing has come back")
	}
	moved := 0
	for sku, b := range before {
		a := after[sku]
		if got := b.fulfillable + b.quantity - a.fulfillable - a.quantity; got != sold[sku] || a.reserved != reserved[sku] {
			t.Errorf("%s: %d less in stock, %d sold; %d reserved, %d open", sku, got, sold[sku], a.reserved, reserved[sku])
		}
		if a.fulfillable < 0 || a.quantity < 0 {
			t.Errorf("%s: below nothing: %+v", sku, a)
		}
		moved += sold[sku]
	}
	if moved < 100 {
		t.Errorf("only %d units were sold", moved)
	}
}

// TestPricesReachOrders changes a price and wants the orders that come later to have it.
func TestPricesReachOrders(t *testing.T) {
	c := newClient(t, emulator.WithoutLimits(), emulator.WithProducts(1), emulator.WithOrders(300))
	sku := c.skus("")[0]
	patch := `{"productType":"PRODUCT","patches":[{"op":"replace","path":"/attributes/purchasable_offer","value":[{"our_price":[{"schedule":[{"value_with_tax":77.01}]}]}]}]}`
	if r := c.call("PATCH", c.listingPath(sku), patch); r.text("status") != "ACCEPTED" {
		t.Fatal(r.body)
	}
	c.clock.advance(10 * 24 * time.Hour)
	c.refresh()
	later := 0
	for _, id := range c.ordersV0("MarketplaceIds=" + us + "&CreatedAfter=2026-03-01T12:00:00Z") {
		r := c.get("/orders/2026-01-01/orders/" + id)
		if price := r.text("order", "orderItems", 0, "product", "price", "unitPrice", "amount"); price != "" && price != "0.00" {
			later++
			if price != "77.01" {
				t.Errorf("%s costs %s", id, price)
			}
		}
	}
	if later == 0 {
		t.Error("no later order")
	}
	// What is sold out is not ordered, and what is deleted neither.
	sellOut := `{"productType":"PRODUCT","patches":[{"op":"replace","path":"/attributes/fulfillment_availability",
		"value":[{"fulfillment_channel_code":"DEFAULT","quantity":0}]}]}`
	for _, change := range [][2]string{{"PATCH", sellOut}, {"DELETE", ""}} {
		since := c.clock.Now()
		if r := c.call(change[0], c.listingPath(sku), change[1]); r.text("status") != "ACCEPTED" {
			t.Fatal(r.body)
		}
		c.clock.advance(24 * time.Hour)
		c.refresh()
		if ids := c.ordersV0("MarketplaceIds=" + us + "&CreatedAfter=" + url.QueryEscape(since.Format(time.RFC3339))); len(ids) > 0 {
			t.Errorf("after %s: ordered in %q", change[0], ids)
		}
	}
}

// worldTranscript changes the world in every way and returns all that is seen of it.
func worldTranscript(c *client) string {
	var all strings.Builder
	note := func(r result) { fmt.Fprintf(&all, "%d %s %s\n", r.status, r.header.Get("x-amzn-RequestId"), r.body) }
	sku := c.skuOf("DEFAULT")
	note(c.call("PUT", c.listingPath("neu"), newPen))
	note(c.call("PATCH", c.listingPath(sku), `{"productType":"PRODUCT","patches":[{"op":"replace","path":"/attributes/fulfillment_availability","value":[{"fulfillment_channel_code":"DEFAULT","quantity":1234}]}]}`))
	note(c.call("DELETE", c.listingPath(c.skuOf("AMAZON")), ""))
	c.clock.advance(3 * 24 * time.Hour)
	c.refresh()
	open := c.ordersV0(allUS + "&OrderStatuses=Unshipped&FulfillmentChannels=MFN&IsISPU=false")
	items := c.get("/orders/v0/orders/" + open[0] + "/orderItems")
	note(c.post("/orders/v0/orders/"+open[0]+"/shipmentConfirmation", `{"marketplaceId":"`+us+`","packageDetail":{"packageReferenceId":"1","carrierCode":"Other","carrierName":"Bote","trackingNumber":"ÄÖ1","shipDate":"2026-03-04T12:00:00Z","orderItems":[{"orderItemId":"`+items.text("payload", "OrderItems", 0, "OrderItemId")+`","quantity":1}]}}`))
	return all.String() + worldSeen(c)
}

func worldSeen(c *client) string {
	var all strings.Builder
	note := func(r result) { all.WriteString(r.body + "\n") }
	note(c.get("/orders/v0/orders?" + allUS + "&MaxResultsPerPage=100"))
	note(c.get("/orders/2026-01-01/orders?lastUpdatedAfter=2026-02-25T00:00:00Z&includedData=BUYER,RECIPIENT,PROCEEDS,CANCELLATION,FULFILLMENT,PACKAGES"))
	note(c.get("/listings/2021-08-01/items/" + c.Credentials().SellerID + "?pageSize=20&includedData=summaries,attributes,offers,fulfillmentAvailability,issues&marketplaceIds=" + us))
	note(c.get(inventory))
	note(c.get("/catalog/2022-04-01/items?keywords=K%C3%A4the&marketplaceIds=" + us))
	return all.String()
}

func TestWorldIsTheSameAgain(t *testing.T) {
	run := func() string { return worldTranscript(newClient(t, emulator.WithoutLimits())) }
	first := run()
	for range 3 {
		if run() != first {
			t.Fatal("the same requests gave other answers")
		}
	}
	if !strings.Contains(first, "Käthe") || strings.Count(first, "ACCEPTED") != 3 {
		t.Error("the transcript shows too little")
	}
}

func TestWorldIsExported(t *testing.T) {
	c := newClient(t, emulator.WithoutLimits())
	worldTranscript(c)
	state, err := c.Export()
	if err != nil {
		t.Fatal(err)
	}
	text, err := json.Marshal(state)
	if err != nil {
		t.Fatal(err)
	}
	var read emulator.State
	if err := json.Unmarshal(text, &read); err != nil {
		t.Fatal(err)
	}
	other := newClient(t, emulator.WithoutLimits(), emulator.WithSeed(77))
	if err := other.Import(&read); err != nil {
		t.Fatal(err)
	}
	other.clock.advance(c.clock.Now().Sub(other.clock.Now()))
	for _, days := range []int{0, 1, 9} {
		for _, one := range []*client{c, other} {
			one.clock.advance(time.Duration(days) * 24 * time.Hour)
			one.refresh()
		}
		if a, b := worldSeen(c), worldSeen(other); a != b {
			t.Errorf("%d days later the imported world differs:\n%s", days, firstDifference(a, b))
		}
	}
	again, _ := other.Export()
	if b, _ := json.Marshal(again); !bytes.Contains(b, []byte(`"stores":{"world":{`)) {
		t.Error("nothing exported")
	}
}

func firstDifference(a, b string) string {
	for i := range min(len(a), len(b)) {
		if a[i] != b[i] {
			return a[max(i-200, 0):min(i+200, len(a))] + "\n----\n" + b[max(i-200, 0):min(i+200, len(b))]
		}
	}
	return fmt.Sprintf("%d and %d bytes", len(a), len(b))
}

func TestTextsAreOfTheirCountries(t *testing.T) {
	marks := map[string]string{"A1PA6795UKMFR9": "äöüßÄÖÜ", "A1C3SOZRARQ6R3": "ąćęłńóśźżŁŚ", "A33AVAJ2PDY3EV": "çğıöşüİŞ", "A17E79C6D8DWNP": "ابتحدرسعفقكلمنهوي", "ARBP9OOSHTCHU": "ابتحدرسعفقكلمنهوي"}
	var ids []string
	for id := range marks {
		ids = append(ids, id)
	}
	slices.Sort(ids)
	c := newClient(t, emulator.WithoutLimits())
	cred, err := c.AddAccount(emulator.AccountConfig{Region: marketplace.Europe, Marketplaces: ids})
	if err != nil {
		t.Fatal(err)
	}
	c.token = c.accessToken(cred)
	for id, letters := range marks {
		r := c.do("GET", eu+"/orders/2026-01-01/orders?createdAfter=2020-01-01T00:00:00Z&includedData=RECIPIENT,BUYER&marketplaceIds="+id, http.Header{"X-Amz-Access-Token": {c.token}}, "")
		if !strings.ContainsAny(r.body, letters) {
			t.Errorf("%s: orders have none of %s: %.300s", id, letters, r.body)
		}
		r = c.do("GET", eu+"/catalog/2022-04-01/items?keywords=pen&marketplaceIds="+id, http.Header{"X-Amz-Access-Token": {c.token}}, "")
		if !strings.ContainsAny(r.body, letters) {
			t.Errorf("%s: titles have none of %s: %.300s", id, letters, r.body)
		}
	}
}

// TestThousandWorlds gives a thousand sellers of one process a world each and wants no order, SKU's stock or listing of one to be
// another's.
func TestThousandWorlds(t *testing.T) {
	c := newClient(t, emulator.WithoutLimits(), emulator.WithOrders(30), emulator.WithProducts(6))
	seen := map[string]int{}
	for i := range 1000 {
		cred, err := c.AddAccount(emulator.AccountConfig{})
		if err != nil {
			t.Fatal(err)
		}
		c.token = c.accessToken(cred)
		path := "/listings/2021-08-01/items/" + cred.SellerID
		if i%100 == 0 { // only some have this one
			c.call("PUT", path+"/neu?marketplaceIds="+us, newPen)
		}
		r := c.get(path + "/neu?marketplaceIds=" + us)
		if found := r.status == 200; found != (i%100 == 0) {
			t.Fatalf("seller %d: new listing found: %v", i, found)
		}
		for _, id := range c.ordersV0(allUS) {
			if before, taken := seen[id]; taken {
				t.Fatalf("sellers %d and %d share order %s", before, i, id)
			}
			seen[id] = i
		}
	}
	if len(seen) < 15000 {
		t.Errorf("%d orders altogether", len(seen))
	}
}
