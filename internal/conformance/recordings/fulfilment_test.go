package recordings

import (
	"fmt"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/openspapi/spapi/emulator"
	"github.com/openspapi/spapi/marketplace"
)

// fulfilmentChecks are about what comes after an order, and beside it: shipping, inbound and outbound fulfilment, messages, finances, stock.
func fulfilmentChecks() []check {
	return []check{
		{rows: []int{45}, run: checkOldInventory},
		{rows: []int{103}, run: checkShipmentBody},
		{rows: []int{105}, run: checkUnknownShipment},
		{rows: []int{106}, run: checkRatesBody},
		{rows: []int{109}, run: checkPurchaseFails},
		{rows: []int{140, 141}, run: checkSolicitations},
		{rows: []int{143}, run: checkMessageRefused},
		{rows: []int{146}, run: checkUnknownSKU},
		{rows: []int{148}, run: checkOutboundBody},
		{rows: []int{172, 173}, run: checkFinancesTrouble},
		{rows: []int{174}, run: checkTransactions},
		{rows: []int{238}, run: checkInventoryPages},
	}
}

// amazonCom is the marketplace of these requests.
var amazonCom = marketplace.US.ID

const inventory = "/fba/inventory/v1/summaries?granularityType=Marketplace&granularityId=%[1]s&marketplaceIds=%[1]s"

// checkOldInventory: the rate of 2020 was 1 per second; it is 2 now.
func checkOldInventory(t *testing.T) {
	s := open(t)
	since := s.emu.Now().AddDate(0, -19, 0).UTC().Format(time.RFC3339)
	s.do("GET", fmt.Sprintf(inventory, amazonCom)+"&startDateTime="+since, "").wantError(200, "code", "InvalidInput", "message", "Invalid request, please check your input.").
		wantHeader("Content-Type", "application/json").wantHeader("Expires", "0").wantHeader("Cache-Control", "no-cache").wantHeader("x-amzn-ErrorType", "")
}

// planned starts an emulator with limits, whose rate headers are those of the usage plans.
func planned(t *testing.T, opts ...emulator.Option) *service {
	t.Helper()
	emu, err := emulator.New(append([]emulator.Option{emulator.WithSeed(1)}, opts...)...)
	if err != nil {
		t.Fatal(err)
	}
	s := &service{T: t, emu: emu, creds: emu.Credentials(), host: northAmerica}
	s.renew()
	return s
}

// renew gets an access token, as one must every hour.
func (s *service) renew() {
	s.Helper()
	s.token = s.accessToken(url.Values{"grant_type": {"refresh_token"}, "refresh_token": {s.creds.RefreshToken}})
}

// restricted sends a request with a token for personal data of its path.
func (s *service) restricted(method, path, body string) *reply {
	s.Helper()
	token := s.do("POST", "/tokens/2021-03-01/restrictedDataToken", `{"restrictedResources":[{"method":"`+method+`","path":"`+path+`"}]}`).want(200).text("restrictedDataToken")
	return s.do(method, path, body, "x-amz-access-token", token)
}

// invalidInput is what most services say about a body that can't be read.
func (r *reply) invalidInput() {
	r.Helper()
	r.wantError(400, "code", "InvalidInput", "message", "Invalid Input", "details", "").wantHeader("Content-Type", "application/json").wantHeader("x-amzn-ErrorType", "")
}

func checkShipmentBody(t *testing.T) {
	s := open(t)
	for _, body := range []string{"{", `{"ShipmentRequestDetails":"x"}`} {
		s.restricted("POST", "/mfn/v0/shipments", body).invalidInput()
	}
}

func checkUnknownShipment(t *testing.T) {
	open(t).restricted("GET", "/shipping/v1/shipments/89108749065090", "").
		wantError(400, "code", "InvalidInput", "message", "Invalid input.", "details", "Shipment not found for specified shipmentId").wantHeader("Content-Type", "application/json")
}

func checkRatesBody(t *testing.T) {
	open(t).do("POST", "/shipping/v2/shipments/rates", `{"shipFrom":"x"}`).
		wantError(400, "code", "InvalidInput", "message", "Invalid input", "details", "Provided input is invalid. Please verify.").wantHeader("Content-Type", "application/json")
}

func checkPurchaseFails(t *testing.T) {
	s := open(t)
	if _, err := s.emu.AddFault(emulator.Fault{Kind: emulator.FaultInternal, Operation: "shippingv1.purchaseShipment"}); err != nil {
		t.Fatal(err)
	}
	s.do("POST", "/shipping/v1/purchaseShipment", "{}").
		wantError(500, "code", "InternalFailure", "message", "We encountered an internal error. Please try again.", "details", "").wantHeader("Content-Type", "application/json")
}

// shippedOrders are the ids of orders that have been shipped.
func (s *service) shippedOrders() (ids []string) {
	s.Helper()
	r := s.do("GET", "/orders/v0/orders?CreatedAfter=2020-01-01T00:00:00Z&OrderStatuses=Shipped&MarketplaceIds="+amazonCom, "").want(200)
	list, _ := r.value("payload.Orders").([]any)
	for _, o := range list {
		id, _ := o.(map[string]any)["AmazonOrderId"].(string)
		ids = append(ids, id)
	}
	return ids
}

func checkSolicitations(t *testing.T) {
	s := open(t, emulator.WithFixedTime(time.Time{}))
	solicit := func(id string) *reply {
		return s.do("POST", "/solicitations/v1/orders/"+id+"/solicitations/productReviewAndSellerFeedback?marketplaceIds="+amazonCom, "")
	}
	refused := func(r *reply, message string) {
		t.Helper()
		r.wantError(403, "code", "Unauthorized", "message", message, "details", "").wantHeader("Content-Type", "application/json")
	}
	asked, outside := 0, 0
	for _, id := range s.shippedOrders() {
		if r := solicit(id); r.status == 201 {
			asked++
			refused(solicit(id), "The requested solicitation is not available for this amazonOrderId.")
		} else {
			outside++
			refused(r, "You can’t use this feature to request a review outside the 5-30 day range after the order delivery date.")
		}
	}
	if asked == 0 || outside == 0 {
		t.Errorf("%d buyers asked, %d orders outside the range: want some of each", asked, outside)
	}
}

// checkMessageRefused: the row has the message without its full stop; so do only titles and prose. The bodies in selling-partner-api-docs#193, from the same
// reporter, and #1662 have it.
func checkMessageRefused(t *testing.T) {
	s := open(t)
	s.do("POST", "/messaging/v1/orders/"+s.shippedOrders()[0]+"/messages/confirmCustomizationDetails?marketplaceIds="+amazonCom, `{"text":"This is a message"}`).
		wantError(403, "code", "Unauthorized", "message", "Invalid amazonOrderId and template combination.", "details", "").wantHeader("Content-Type", "application/json")
}

func checkUnknownSKU(t *testing.T) {
	body := `{"marketplaceId":"` + amazonCom + `","sellerFulfillmentOrderId":"F-1","displayableOrderId":"F-1","displayableOrderDate":"2026-01-15T00:00:00Z",` +
		`"displayableOrderComment":"Thank you","shippingSpeedCategory":"Standard","destinationAddress":{"name":"A Buyer","addressLine1":"1 Main Street","postalCode":"98101",` +
		`"countryCode":"US"},"items":[{"sellerSku":"no such SKU","sellerFulfillmentOrderItemId":"xxxx-0","quantity":1}]}`
	open(t).do("POST", "/fba/outbound/2020-07-01/fulfillmentOrders", body).
		wantError(400, "code", "InvalidInput", "message", "the SellerSKU for Item Id: xxxx-0 is invalid.", "details", "").wantHeader("Content-Type", "application/json")
}

func checkOutboundBody(t *testing.T) {
	open(t).do("POST", "/fba/outbound/2020-07-01/fulfillmentOrders", "{").invalidInput()
}

// checkFinancesTrouble has what the service of finances v0 says while something is wrong with it: in both cases a retry succeeded.
func checkFinancesTrouble(t *testing.T) {
	s := open(t)
	events := "/finances/v0/financialEvents?MaxResultsPerPage=1&PostedAfter=" + s.emu.Now().AddDate(0, 0, -90).UTC().Format(time.RFC3339)
	token := s.do("GET", events, "").want(200).text("payload.NextToken")
	next := events + "&NextToken=" + url.QueryEscape(token)
	groups, _ := s.do("GET", "/finances/v0/financialEventGroups", "").want(200).value("payload.FinancialEventGroupList").([]any)
	if token == "" || len(groups) == 0 {
		t.Fatalf("token %q, groups %v", token, groups)
	}
	id, _ := groups[0].(map[string]any)["FinancialEventGroupId"].(string)
	group := "/finances/v0/financialEventGroups/" + id + "/financialEvents"
	for _, trouble := range []struct {
		kind            emulator.FaultKind
		target, message string
	}{
		{emulator.FaultBrokenMessage, next, "$errorResponse.Message"},
		{emulator.FaultBeyondRetention, group, "Request was not valid or data requested exceeds data retention period."},
	} {
		if _, err := s.emu.AddFault(emulator.Fault{Kind: trouble.kind, Limit: 1}); err != nil {
			t.Fatal(err)
		}
		r := s.do("GET", trouble.target, "").want(400).wantHeader("Content-Type", "application/json")
		for name, want := range map[string]string{"code": "InvalidInput", "message": trouble.message, "details": ""} {
			if got := r.text("errors.0." + name); got != want {
				t.Errorf("%s is %q, want %q", name, got, want)
			}
		}
		s.do("GET", trouble.target, "").want(200)
	}
}

// checkTransactions: the row names the Vary of a large body; the emulator's may be a small one, which lacks the first part.
func checkTransactions(t *testing.T) {
	r := planned(t).do("GET", "/finances/2024-06-19/transactions?postedAfter=2026-01-01T00:00:00Z", "").want(200).
		wantHeader("Content-Type", "application/json").wantHeader("x-amzn-RateLimit-Limit", "0.5").wantHeader("Server", "Server").
		wantHeader("Strict-Transport-Security", "max-age=47474747; includeSubDomains; preload")
	id := strings.ReplaceAll(r.header.Get("X-Amzn-Requestid"), "-", "")
	if len(id) != 32 {
		t.Fatalf("request id %q", id)
	}
	for name, pattern := range map[string]string{
		"X-Amz-Rid": `^[0-9A-Z]{20}$`, "X-Amz-Apigw-Id": "^OPF" + id[:12] + "$", "X-Amzn-Trace-Id": "^Root=1-[0-9a-f]{8}-" + id[:16] + "$",
		"Vary": "^(accept-encoding,)?Content-Type,Accept-Encoding,User-Agent$",
	} {
		if got := r.header.Get(name); !regexp.MustCompile(pattern).MatchString(got) {
			t.Errorf("%s: %q, want %s", name, got, pattern)
		}
	}
}

func checkInventoryPages(t *testing.T) {
	mexico := marketplace.MX.ID
	s := planned(t, emulator.WithProducts(120))
	path, pages, items := fmt.Sprintf(inventory, mexico), 0, 0
	for token := ""; ; pages++ {
		r := s.do("GET", path+token, "").want(200).wantHeader("Content-Type", "application/json").wantHeader("x-amzn-RateLimit-Limit", "2.0")
		list, _ := r.value("payload.inventorySummaries").([]any)
		items += len(list)
		for _, item := range list {
			var names []string
			for name := range item.(map[string]any) {
				names = append(names, name)
			}
			slices.Sort(names)
			if want := []string{"asin", "condition", "fnSku", "lastUpdatedTime", "productName", "sellerSku", "stores", "totalQuantity"}; !slices.Equal(names, want) {
				t.Fatalf("members %q, want %q", names, want)
			}
		}
		next, _ := r.value("pagination.nextToken").(string)
		if next == "" {
			break
		}
		if len(list) != 50 {
			t.Errorf("page %d has %d items, want 50", pages+1, len(list))
		}
		token = "&nextToken=" + url.QueryEscape(next)
	}
	if pages < 1 || items <= 50 {
		t.Errorf("%d items on %d pages: want more of them", items, pages+1)
	}
}
