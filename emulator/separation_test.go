package emulator_test

import (
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/openspapi/spapi/emulator"
)

// TestSandboxHasBucketsOfItsOwn empties the bucket of one host and wants the other's full, both ways round.
func TestSandboxHasBucketsOfItsOwn(t *testing.T) {
	const path, sandbox = "/sellers/v1/marketplaceParticipations", "https://sandbox.sellingpartnerapi-na.amazon.com"
	ask := func(c *client, host string) int {
		return c.do("GET", host+path, http.Header{"X-Amz-Access-Token": {c.token}}, "").status
	}
	for _, hosts := range [][2]string{{na, sandbox}, {sandbox, na}} {
		c := newClient(t)
		for i := range 15 { // the burst of both
			if status := ask(c, hosts[0]); status != 200 {
				t.Fatalf("%s: request %d: %d", hosts[0], i, status)
			}
		}
		if status := ask(c, hosts[0]); status != 429 {
			t.Errorf("%s: %d after the burst", hosts[0], status)
		}
		if status := ask(c, hosts[1]); status != 200 {
			t.Errorf("%s: %d, though only %s was asked", hosts[1], status, hosts[0])
		}
	}
}

// TestRestrictedTokenIsForItsMethod asks for the same path by another method: by a concrete path and by the template.
func TestRestrictedTokenIsForItsMethod(t *testing.T) {
	c := newClient(t, emulator.WithoutLimits())
	const path = "/mfn/v0/shipments/0123abcd-0123-4567-89ab-0123456789ab"
	for _, resource := range []string{path, "/mfn/v0/shipments/{shipmentId}"} {
		rdt := c.post("/tokens/2021-03-01/restrictedDataToken", `{"restrictedResources":[{"method":"GET","path":"`+resource+`"}]}`).text("restrictedDataToken")
		if rdt == "" {
			t.Fatalf("no token for %s", resource)
		}
		header := http.Header{"X-Amz-Access-Token": {rdt}}
		// The token opens the door; nobody has such a shipment.
		if r := c.do("GET", na+path, header, ""); r.status != 400 || !strings.Contains(r.body, "no shipment") {
			t.Errorf("%s: GET: %d %s", resource, r.status, r.body)
		}
		if r := c.do("DELETE", na+path, header, ""); r.status != 403 {
			t.Errorf("%s: DELETE with a token for GET: %d %s", resource, r.status, r.body)
		}
	}
}

// TestRestrictedTokenIsForItsSeller takes another seller's token to an order.
func TestRestrictedTokenIsForItsSeller(t *testing.T) {
	c := newClient(t)
	other, err := c.AddAccount(emulator.AccountConfig{})
	if err != nil {
		t.Fatal(err)
	}
	id := c.ordersV0(allUS)[0]
	mine := c.token
	c.token = c.accessToken(other)
	rdt := c.post("/tokens/2021-03-01/restrictedDataToken", `{"restrictedResources":[{"method":"GET","path":"/orders/v0/orders/{orderId}/address"}]}`).text("restrictedDataToken")
	c.token = mine
	if r := c.do("GET", na+"/orders/v0/orders/"+id+"/address", http.Header{"X-Amz-Access-Token": {rdt}}, ""); r.status != 404 {
		t.Errorf("another seller's token finds the order: %d %s", r.status, r.body)
	}
}

// TestNextTokensAreForOneList takes a token to another operation, another seller and another search.
func TestNextTokensAreForOneList(t *testing.T) {
	c := newClient(t, emulator.WithoutLimits())
	first := c.get("/orders/v0/orders?" + allUS + "&MaxResultsPerPage=10")
	token := url.QueryEscape(first.text("payload", "NextToken"))
	if token == "" {
		t.Fatal("one page")
	}
	if r := c.get("/orders/v0/orders?" + allUS + "&MaxResultsPerPage=10&NextToken=" + token); r.status != 200 {
		t.Errorf("the list itself: %d %s", r.status, r.body)
	}
	for range 2 {
		c.post("/reports/2021-06-30/reports", `{"reportType":"GET_MERCHANT_LISTINGS_ALL_DATA","marketplaceIds":["`+us+`"]}`)
	}
	reports := url.QueryEscape(c.get("/reports/2021-06-30/reports?reportTypes=GET_MERCHANT_LISTINGS_ALL_DATA&pageSize=1").text("nextToken"))
	if reports == "" {
		t.Fatal("one page of reports")
	}
	for name, path := range map[string]string{
		"other seal":      "/orders/v0/orders?" + allUS + "&NextToken=AAAA" + token[4:],
		"other list":      "/dataKiosk/2023-11-15/queries?paginationToken=" + reports,
		"other arguments": "/orders/v0/orders?MarketplaceIds=A2EUQ1WTGCTBG2&NextToken=" + token,
		"other operation": "/orders/2026-01-01/orders?createdAfter=2020-01-01T00:00:00Z&paginationToken=" + token,
		"spoilt":          "/orders/v0/orders?" + allUS + "&NextToken=" + token[:len(token)-12] + "AAAA" + token[len(token)-8:],
	} {
		if r := c.get(path); r.status != 400 {
			t.Errorf("%s: %d %s", name, r.status, r.body)
		}
	}
	other, err := c.AddAccount(emulator.AccountConfig{})
	if err != nil {
		t.Fatal(err)
	}
	mine := c.token
	c.token = c.accessToken(other)
	if r := c.get("/orders/v0/orders?" + allUS + "&MaxResultsPerPage=10&NextToken=" + token); r.status != 400 {
		t.Errorf("another seller's token: %d %s", r.status, r.body)
	}
	c.token = mine
	c.clock.advance(24*time.Hour - time.Second)
	c.refresh()
	if r := c.get("/orders/v0/orders?" + allUS + "&MaxResultsPerPage=10&NextToken=" + token); r.status != 200 {
		t.Errorf("after almost a day: %d %s", r.status, r.body)
	}
	c.clock.advance(time.Second)
	if r := c.get("/orders/v0/orders?" + allUS + "&MaxResultsPerPage=10&NextToken=" + token); r.status != 400 {
		t.Errorf("after a day: %d", r.status)
	}
}

// TestReportsAreFiltered asks for reports by each filter that getReports has; each must leave something out.
func TestReportsAreFiltered(t *testing.T) {
	c := newClient(t, emulator.WithoutLimits())
	const path, settlement = "/reports/2021-06-30/reports", "GET_V2_SETTLEMENT_REPORT_DATA_FLAT_FILE_V2"
	const listings, canada = "GET_MERCHANT_LISTINGS_ALL_DATA", "A2EUQ1WTGCTBG2"
	for _, marketplace := range []string{us, canada} {
		if r := c.post(path, `{"reportType":"`+listings+`","marketplaceIds":["`+marketplace+`"]}`); r.status != 202 {
			t.Fatalf("%d %s", r.status, r.body)
		}
	}
	c.clock.advance(time.Hour)
	c.refresh()
	if r := c.post(path, `{"reportType":"`+listings+`","marketplaceIds":["`+us+`"]}`); r.status != 202 {
		t.Fatalf("%d %s", r.status, r.body)
	}
	list := func(query string) (found []string) {
		t.Helper()
		r := c.get(path + "?pageSize=100&reportTypes=" + query)
		if r.status != 200 {
			t.Fatalf("%s: %d %s", query, r.status, r.body)
		}
		reports, _ := r.path("reports").([]any)
		for i := range reports {
			market, _ := r.path("reports", i, "marketplaceIds", 0).(string)
			found = append(found, r.text("reports", i, "reportType")+" "+market+" "+r.text("reports", i, "processingStatus"))
		}
		return found
	}
	for query, want := range map[string][]string{
		listings:                               {listings + " " + us + " IN_QUEUE", listings + " " + canada + " DONE", listings + " " + us + " DONE"},
		listings + "&marketplaceIds=" + canada: {listings + " " + canada + " DONE"},
		listings + "&processingStatuses=DONE":  {listings + " " + canada + " DONE", listings + " " + us + " DONE"},
		listings + "&createdSince=" + start.Add(time.Minute).Format(time.RFC3339): {listings + " " + us + " IN_QUEUE"},
		listings + "&createdUntil=" + start.Add(time.Minute).Format(time.RFC3339): {listings + " " + canada + " DONE", listings + " " + us + " DONE"},
	} {
		if got := list(query); !slices.Equal(got, want) {
			t.Errorf("%s:\ngot  %q\nwant %q", query, got, want)
		}
	}
	every, american := list(settlement), list(settlement+"&marketplaceIds="+us)
	if len(american) == 0 || len(american) >= len(every) {
		t.Errorf("%d settlements, %d of them in the United States", len(every), len(american))
	}
	for _, line := range every {
		if !strings.HasPrefix(line, settlement+" ") {
			t.Errorf("among the settlements: %s", line)
		}
	}
}

// TestValuesAreGivenOnce repeats good values: in a list whose values must differ, and for a parameter that takes one.
func TestValuesAreGivenOnce(t *testing.T) {
	c := newClient(t, emulator.WithoutLimits())
	const asins = "/aplus/2020-11-01/contentDocuments/key/asins?marketplaceId=" + us
	const orders = "/orders/2026-01-01/orders?createdAfter=2020-01-01T00:00:00Z"
	for path, want := range map[string]string{
		asins + "&asinSet=B012345678,B012345679":         "",
		asins + "&asinSet=B012345678,B012345678":         "asinSet: has a value more than once",
		asins + "&asinSet=B012345678&asinSet=B012345678": "asinSet: has a value more than once",
		asins + "&includedDataSet=METADATA":              "",
		asins + "&includedDataSet=METADATA,METADATA":     "includedDataSet: has a value more than once",
		orders: "",
		orders + "&createdAfter=2020-01-01T00:00:00Z": "createdAfter: given more than once",
	} {
		r := c.get(path)
		if want == "" && r.status != 200 || want != "" && (r.status != 400 || !strings.Contains(r.body, want)) {
			t.Errorf("%s: %d %s, want %q", path, r.status, r.body, want)
		}
	}
}

// TestGrantlessTokenIsForItsScopes takes a token to an operation of another scope.
func TestGrantlessTokenIsForItsScopes(t *testing.T) {
	c := newClient(t)
	for scopes, want := range map[string]int{
		"sellingpartnerapi::notifications": 200, "sellingpartnerapi::migration": 403, "sellingpartnerapi::migration sellingpartnerapi::notifications": 200,
	} {
		header := http.Header{"X-Amz-Access-Token": {c.grantless(scopes)}}
		if r := c.do("GET", na+"/notifications/v1/destinations", header, ""); r.status != want {
			t.Errorf("%s: %d %s, want %d", scopes, r.status, r.body, want)
		}
	}
}

// TestUnknownParametersAreIgnored has them named by the log, and refused where that is wanted.
func TestUnknownParametersAreIgnored(t *testing.T) {
	for _, path := range []string{"/orders/v0/orders?" + allUS, "/catalog/v0/categories?ASIN=B000000000&MarketplaceId=" + us, "/vendor/orders/v1/purchaseOrders?limit=1"} {
		for _, strict := range []bool{false, true} {
			opts := []emulator.Option{emulator.WithoutLimits()}
			if strict {
				opts = append(opts, emulator.WithStrictParameters())
			}
			c := newClient(t, opts...)
			plain, r := c.get(path), c.get(path+"&zebra=1&marketplace_ids=x&includeddata=y")
			refused := r.status == 400 && strings.Contains(r.body, `"message":"Not a parameter of `) && strings.Contains(r.body, `: includeddata, marketplace_ids, zebra",`)
			if strict && !refused || !strict && (r.status != plain.status || r.body != plain.body) {
				t.Errorf("%s, strict %v: %d %s", path, strict, r.status, r.body)
			}
			log := c.Requests()
			entry := log[len(log)-1]
			if want := "[includeddata marketplace_ids zebra]"; fmt.Sprint(entry.Ignored) != want {
				t.Errorf("%s, strict %v: log names %v, want %s", path, strict, entry.Ignored, want)
			}
			if text := fmt.Sprintf("%+v", entry); strings.Contains(text, "zebra=1") {
				t.Errorf("the log has a value: %s", text)
			}
		}
	}
}

// TestOrdersOfTheFutureAreUnknown goes back to a time before an order was placed.
func TestOrdersOfTheFutureAreUnknown(t *testing.T) {
	c := newClient(t, emulator.WithoutLimits())
	c.clock.advance(48 * time.Hour)
	c.refresh()
	ids := c.ordersV0("MarketplaceIds=" + us + "&CreatedAfter=" + url.QueryEscape(start.Add(time.Hour).Format(time.RFC3339)))
	if len(ids) == 0 {
		t.Fatal("no order was placed in two days")
	}
	if r := c.get("/orders/v0/orders/" + ids[0]); r.status != 200 {
		t.Errorf("%d %s", r.status, r.body)
	}
	c.clock.advance(-48 * time.Hour)
	if r := c.get("/orders/v0/orders/" + ids[0]); r.status != 404 {
		t.Errorf("before it was placed: %d %s", r.status, r.body)
	}
}
