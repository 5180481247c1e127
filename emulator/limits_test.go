package emulator_test

import (
	"net/http"
	"sync"
	"testing"
	"time"

	"github.com/openspapi/spapi/emulator"
	"github.com/openspapi/spapi/internal/catalog"
)

func TestThrottling(t *testing.T) {
	c := newClient(t)
	ask := func() result { return c.get("/sellers/v1/marketplaceParticipations") }
	for i := range 15 {
		r := ask()
		if r.status != 200 || r.header.Get("x-amzn-RateLimit-Limit") != "0.016" || r.header.Get("X-Spapi-Emulator-Operation") != "sellersv1.getMarketplaceParticipations" {
			t.Fatalf("request %d: %d %v", i, r.status, r.header)
		}
	}
	r := ask()
	const want = `{"errors":[{"code":"QuotaExceeded","message":"You exceeded your quota for the requested resource.","details":""}]}`
	if r.status != 429 || r.body != want+"\nlimit: no request is left in the bucket of sellersv1.getMarketplaceParticipations" {
		t.Errorf("%d %s", r.status, r.body)
	}
	if r.header.Get("x-amzn-ErrorType") != "TooManyRequestsException" || r.header.Get("Retry-After") != "" || r.header.Get("x-amzn-RateLimit-Limit") != "" {
		t.Errorf("headers %v", r.header)
	}
	if r := c.get("/sellers/v1/account"); r.status != 200 {
		t.Errorf("another operation: %d", r.status)
	}
	other, err := c.AddAccount(emulator.AccountConfig{})
	if err != nil {
		t.Fatal(err)
	}
	mine := c.token
	if c.token = c.accessToken(other); ask().status != 200 {
		t.Error("another seller is throttled, too")
	}
	c.token = mine
	c.clock.advance(62 * time.Second)
	if r := ask(); r.status != 429 {
		t.Errorf("just before the refill: %d", r.status)
	}
	c.clock.advance(500 * time.Millisecond)
	if r := ask(); r.status != 200 {
		t.Errorf("after the refill: %d", r.status)
	}
}

func TestLimitOptions(t *testing.T) {
	c := newClient(t, emulator.WithRateLimit("sellersv1.*", 2, 1), emulator.WithRateLimit("sellersv1.getAccount", 3, 2))
	for i, want := range []struct {
		path   string
		status int
		rate   string
	}{
		{"/sellers/v1/marketplaceParticipations", 200, "2.0"}, {"/sellers/v1/marketplaceParticipations", 429, ""},
		{"/sellers/v1/account", 200, "3.0"}, {"/sellers/v1/account", 200, "3.0"}, {"/sellers/v1/account", 429, ""},
	} {
		if r := c.get(want.path); r.status != want.status || r.header.Get("x-amzn-RateLimit-Limit") != want.rate {
			t.Errorf("%d: %d %q", i, r.status, r.header.Get("x-amzn-RateLimit-Limit"))
		}
	}
	c = newClient(t, emulator.WithoutLimits())
	for range 50 {
		if r := c.get("/sellers/v1/account"); r.status != 200 || r.header.Get("x-amzn-RateLimit-Limit") != "1000000.0" {
			t.Fatalf("without limits: %d %v", r.status, r.header)
		}
	}
}

func TestLimitsCountBadRequests(t *testing.T) {
	c := newClient(t, emulator.WithRateLimit("*", 1, 2))
	for i, want := range []int{400, 400, 429} {
		r := c.get("/orders/v0/orders")
		if r.status != want {
			t.Fatalf("%d: %d", i, r.status)
		}
		if has := r.header.Get("x-amzn-RateLimit-Limit") != ""; has != (want == 400) {
			t.Errorf("%d: rate header %v", r.status, has)
		}
	}
}

func TestApplicationLimits(t *testing.T) {
	var op *catalog.Operation
	for i, o := range catalog.Operations() {
		if o.AppRate > 0 && o.ID == "catalogitems20220401.getCatalogItem" {
			op = &catalog.Operations()[i]
		}
	}
	if op == nil {
		t.Skip("SKIPPED: the catalogue has no limit per application for getCatalogItem")
	}
	c := newClient(t, emulator.WithApplicationLimits(), emulator.WithRateLimit(op.ID, 100000, 100000))
	throttled := 0
	for range int(op.AppRate) + 1 {
		if r := c.get("/catalog/2022-04-01/items/B000000000?marketplaceIds=" + us); r.status == 429 {
			throttled++
		}
	}
	if throttled != 1 {
		t.Errorf("%d throttled, want 1 of %v", throttled, op.AppRate+1)
	}
}

// TestApplicationLimitIsOverAllSellers has two sellers ask in turn: together they have what the application has.
func TestApplicationLimitIsOverAllSellers(t *testing.T) {
	op, _ := catalog.Lookup("catalogitems20220401.getCatalogItem")
	c := newClient(t, emulator.WithApplicationLimits(), emulator.WithRateLimit(op.ID, 100000, 100000))
	other, err := c.AddAccount(emulator.AccountConfig{})
	if err != nil {
		t.Fatal(err)
	}
	tokens := [2]string{c.token, c.accessToken(other)}
	throttled := 0
	for i := range int(op.AppRate) + 1 {
		c.token = tokens[i%2]
		if r := c.get("/catalog/2022-04-01/items/B000000000?marketplaceIds=" + us); r.status == 429 {
			throttled++
		}
	}
	if throttled != 1 {
		t.Errorf("%d throttled, want 1 of %v", throttled, op.AppRate+1)
	}
}

// TestGrantlessLimitIsOfARegion: what the application asks for by itself has a bucket at each region's endpoint, and an export keeps them apart.
func TestGrantlessLimitIsOfARegion(t *testing.T) {
	c := newClient(t)
	c.token = c.grantless("sellingpartnerapi::notifications")
	ask := func(host string) result {
		return c.do("GET", host+"/notifications/v1/destinations", http.Header{"X-Amz-Access-Token": {c.token}}, "")
	}
	for _, host := range []string{na, eu} {
		for i, want := range []int{200, 200, 200, 200, 200, 429} {
			if r := ask(host); r.status != want {
				t.Errorf("%s, call %d: %d, want %d", host, i, r.status, want)
			}
		}
	}
	c.clock.advance(2 * time.Second)
	if r := ask(eu); r.status != 200 {
		t.Errorf("after 2 s: %d", r.status)
	}
	state, err := c.Export()
	if err != nil {
		t.Fatal(err)
	}
	if err := c.Import(state); err != nil {
		t.Fatal(err)
	}
	for host, left := range map[string]int{na: 2, eu: 1} {
		for i := range left + 1 {
			if r := ask(host); (r.status == 200) != (i < left) {
				t.Errorf("%s, call %d after the import: %d, want %d that pass", host, i, r.status, left)
			}
		}
	}
}

// TestLimitsOfSomeRequests: previews of listings and, over all sellers, relationships and product data have limits beside their operation's.
func TestLimitsOfSomeRequests(t *testing.T) {
	const general, relations, product = "The frequency of requests was greater than what is allowed for the application.",
		"The frequency of requests was greater than what is allowed for relationships.", "The frequency of requests was greater than what is allowed for product data."
	patch := func(c *client, mode, attribute string) result {
		return c.do("PATCH", na+"/listings/2021-08-01/items/"+c.Credentials().SellerID+"/SKU?marketplaceIds="+us+mode,
			map[string][]string{"X-Amz-Access-Token": {c.token}, "Content-Type": {"application/json"}},
			`{"productType":"PRODUCT","patches":[{"op":"replace","path":"/attributes/`+attribute+`","value":[{"value":"x"}]}]}`)
	}
	c := newClient(t)
	preview := "&mode=VALIDATION_PREVIEW"
	if first, second := patch(c, preview, "item_name"), patch(c, preview, "item_name"); first.status == 429 || second.status != 429 || second.text("errors", 0, "message") !=
		"You exceeded your quota for the requested resource." {
		t.Errorf("previews: %d, %d %s", first.status, second.status, second.body)
	}
	if r := patch(c, "", "item_name"); r.status == 429 {
		t.Errorf("after previews: %s", r.body)
	}
	c.clock.advance(time.Second)
	if r := patch(c, preview, "item_name"); r.status == 429 {
		t.Errorf("a second later: %s", r.body)
	}

	// Enough sellers that none meets the five of its own.
	c = newClient(t, emulator.WithApplicationLimits())
	var tokens []string
	for range 130 {
		other, err := c.AddAccount(emulator.AccountConfig{})
		if err != nil {
			t.Fatal(err)
		}
		tokens = append(tokens, c.accessToken(other))
	}
	for _, test := range []struct {
		attribute, message string
		allowed            int
	}{{"child_parent_sku_relationship", relations, 5}, {"package_contains_sku", relations, 5}, {"item_name", product, 100}, {"purchasable_offer", general, 500}} {
		c.clock.advance(time.Minute)
		n := 0
		var r result
		for ; n <= test.allowed; n++ {
			c.token = tokens[n%len(tokens)]
			if r = patch(c, "", test.attribute); r.status == 429 {
				break
			}
		}
		if n != test.allowed || r.text("errors", 0, "message") != test.message {
			t.Errorf("%s: %d requests, then %d %s; want %d and %q", test.attribute, n, r.status, r.body, test.allowed, test.message)
		}
	}
}

// TestResetFillsTheBuckets empties a bucket, and a reset fills it.
func TestResetFillsTheBuckets(t *testing.T) {
	c := newClient(t, emulator.WithRateLimit("sellersv1.*", 0.001, 1))
	ask := func() int { return c.get("/sellers/v1/account").status }
	if a, b := ask(), ask(); a != 200 || b != 429 {
		t.Errorf("%d and %d, want 200 and 429", a, b)
	}
	c.Reset()
	c.refresh()
	if got := ask(); got != 200 {
		t.Errorf("after a reset: %d", got)
	}
}

// TestConcurrentUse is for the race detector.
func TestConcurrentUse(t *testing.T) {
	c := newClient(t, emulator.WithoutLimits())
	open := c.ordersV0(allUS + "&OrderStatuses=Unshipped&FulfillmentChannels=MFN")
	items := c.get("/orders/v0/orders/" + open[0] + "/orderItems")
	var wg sync.WaitGroup
	for i := range 8 {
		wg.Go(func() {
			for range 5 {
				c.get("/orders/v0/orders?" + allUS)
				c.get("/orders/2026-01-01/orders?createdAfter=2020-01-01T00:00:00Z&includedData=PACKAGES")
				c.get("/orders/v0/orders/" + open[0])
				c.accessToken(c.Credentials())
				c.Requests()
			}
			if i == 0 {
				c.post("/orders/v0/orders/"+open[0]+"/shipmentConfirmation", `{"marketplaceId":"`+us+`","packageDetail":{"packageReferenceId":"1","carrierCode":"UPS","trackingNumber":"1Z","shipDate":"2026-03-01T12:00:00Z","orderItems":[{"orderItemId":"`+items.text("payload", "OrderItems", 0, "OrderItemId")+`","quantity":1}]}}`)
			}
		})
	}
	wg.Wait()
}
