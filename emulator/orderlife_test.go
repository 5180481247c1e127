package emulator_test

import (
	"fmt"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/openspapi/spapi/emulator"
	"github.com/openspapi/spapi/marketplace"
)

// confirm tells of a package of n units of item i.
func (c *client) confirm(order, ref string, i, n int) result {
	items := c.get("/orders/v0/orders/" + order + "/orderItems")
	return c.post("/orders/v0/orders/"+order+"/shipmentConfirmation", fmt.Sprintf(`{"marketplaceId":%q,"packageDetail":{"packageReferenceId":%q,"carrierCode":"UPS","shippingMethod":"Ground","trackingNumber":"1Z%s","shipDate":"2026-03-01T13:00:00Z","orderItems":[{"orderItemId":%q,"quantity":%d}]}}`,
		us, ref, ref, items.text("payload", "OrderItems", i, "OrderItemId"), n))
}

func TestPartialShipments(t *testing.T) {
	c := newClient(t, emulator.WithoutLimits(), emulator.WithOrders(2000))
	for _, id := range c.ordersV0(allUS + "&OrderStatuses=Unshipped&FulfillmentChannels=MFN&IsISPU=false") {
		items := c.get("/orders/v0/orders/" + id + "/orderItems")
		if len(items.path("payload", "OrderItems").([]any)) != 2 || items.number("payload", "OrderItems", 0, "QuantityOrdered") < 2 {
			continue
		}
		first, second := items.number("payload", "OrderItems", 0, "QuantityOrdered"), items.number("payload", "OrderItems", 1, "QuantityOrdered")
		see := func(status string, shipped, packages int) {
			t.Helper()
			r := c.get("/orders/v0/orders/" + id)
			if r.text("payload", "OrderStatus") != status || r.number("payload", "NumberOfItemsShipped") != shipped || r.number("payload", "NumberOfItemsUnshipped") != first+second-shipped {
				t.Errorf("want %s with %d shipped: %s", status, shipped, r.body)
			}
			later := c.get("/orders/2026-01-01/orders/" + id + "?includedData=PACKAGES,FULFILLMENT")
			list, _ := later.path("order", "packages").([]any)
			if len(list) != packages || later.number("order", "orderItems", 0, "fulfillment", "quantityFulfilled")+later.number("order", "orderItems", 1, "fulfillment", "quantityFulfilled") != shipped {
				t.Errorf("want %d packages with %d units: %s", packages, shipped, later.body)
			}
		}
		see("Unshipped", 0, 0)
		if r := c.confirm(id, "1", 0, 1); r.status != 204 {
			t.Fatalf("first: %d %s", r.status, r.body)
		}
		see("PartiallyShipped", 1, 1)
		for name, r := range map[string]result{"same package": c.confirm(id, "1", 1, 1), "too many": c.confirm(id, "2", 0, first), "none": c.confirm(id, "2", 0, 0)} {
			if r.status != 400 {
				t.Errorf("%s: %d %s", name, r.status, r.body)
			}
		}
		c.confirm(id, "2", 0, first-1)
		see("PartiallyShipped", first, 2)
		c.confirm(id, "3", 1, second)
		see("Shipped", first+second, 3)
		c.clock.advance(20 * 24 * time.Hour)
		c.refresh()
		see("Shipped", first+second, 3)
		if r := c.get("/orders/2026-01-01/orders/" + id + "?includedData=PACKAGES"); r.text("order", "packages", 2, "packageStatus", "status") != "DELIVERED" || r.text("order", "packages", 2, "trackingNumber") != "1Z3" {
			t.Errorf("after weeks: %s", r.body)
		}
		return
	}
	t.Fatal("no order with two items is open")
}

func TestOrderFilters(t *testing.T) {
	c := newClient(t, emulator.WithoutLimits(), emulator.WithOrders(1000))
	all := c.ordersV0(allUS)
	count := func(query string) int { return len(c.ordersV0(allUS + query)) }
	for name, parts := range map[string][]string{
		"status":  {"&OrderStatuses=Pending", "&OrderStatuses=Unshipped,PartiallyShipped", "&OrderStatuses=Shipped", "&OrderStatuses=Canceled"},
		"channel": {"&FulfillmentChannels=AFN", "&FulfillmentChannels=MFN"}, "payment": {"&PaymentMethods=Other", "&PaymentMethods=COD,CVS"}, "pickup": {"&IsISPU=true", "&IsISPU=false"},
	} {
		sum := 0
		for _, p := range parts {
			sum += count(p)
		}
		if sum != len(all) {
			t.Errorf("%s: the parts have %d of %d orders", name, sum, len(all))
		}
	}
	earliest := url.QueryEscape(start.Add(-5 * 24 * time.Hour).Format(time.RFC3339))
	before, after := count("&EarliestDeliveryDateBefore="+earliest), count("&EarliestDeliveryDateAfter="+earliest)
	if mfn := count("&FulfillmentChannels=MFN"); before+after != mfn || after == 0 || before == 0 {
		t.Errorf("by delivery: %d and %d of %d", before, after, mfn)
	}
	one := c.get("/orders/v0/orders/" + all[7])
	if ids := c.ordersV0(allUS + "&SellerOrderId=" + one.text("payload", "SellerOrderId")); len(ids) != 1 || ids[0] != all[7] {
		t.Errorf("by seller's id: %q", ids)
	}
	if ids := c.ordersV0("MarketplaceIds=" + us + "&AmazonOrderIds=" + all[3] + "," + all[9]); len(ids) != 2 {
		t.Errorf("by ids: %q", ids)
	}
	for _, bad := range []string{"&SellerOrderId=x&OrderStatuses=Shipped", "&EarliestDeliveryDateAfter=soon", "&EasyShipShipmentStatuses=Gone", "&ElectronicInvoiceStatuses=x", "&IsISPU=perhaps", "&LatestDeliveryDateBefore=1"} {
		if r := c.get("/orders/v0/orders?" + allUS + bad); r.status != 400 {
			t.Errorf("%s: %d", bad, r.status)
		}
	}
	if n := count("&EasyShipShipmentStatuses=Delivered"); n != 0 {
		t.Errorf("%d Easy Ship orders in the United States", n)
	}
}

func TestMarketplacesHaveTheirOwnOrders(t *testing.T) {
	c := newClient(t, emulator.WithoutLimits(), emulator.WithOrders(400))
	for _, test := range []struct {
		region    marketplace.Region
		endpoint  string
		market    marketplace.Marketplace
		query     string
		least     int
		v0, later []any
		want      [2]string
	}{
		{marketplace.Europe, eu, marketplace.IN, "&EasyShipShipmentStatuses=Delivered", 5, []any{"EasyShipShipmentStatus"}, []any{"programs", 0}, [2]string{"Delivered", "AMAZON_EASY_SHIP"}},
		{marketplace.NorthAmerica, na, marketplace.BR, "&ElectronicInvoiceStatuses=Accepted", 5, []any{"ElectronicInvoiceStatus"}, nil, [2]string{"Accepted", ""}},
		{marketplace.FarEast, "https://sellingpartnerapi-fe.amazon.com", marketplace.JP, "&PaymentMethods=COD&OrderStatuses=Shipped", 5, []any{"PaymentMethod"}, []any{"payment", "paymentExecutions", 0, "paymentMethod"}, [2]string{"COD", "CashOnDelivery"}},
	} {
		cred, err := c.AddAccount(emulator.AccountConfig{Region: test.region, Marketplaces: []string{test.market.ID}})
		if err != nil {
			t.Fatal(err)
		}
		header := map[string][]string{"X-Amz-Access-Token": {c.accessToken(cred)}}
		r := c.do("GET", test.endpoint+"/orders/v0/orders?CreatedAfter=2020-01-01T00:00:00Z&MarketplaceIds="+test.market.ID+test.query, header, "")
		list, _ := r.path("payload", "Orders").([]any)
		if len(list) < test.least {
			t.Errorf("%s: %d orders: %.300s", test.market.Name, len(list), r.body)
			continue
		}
		for i := range list {
			if got := r.text(append([]any{"payload", "Orders", i}, test.v0...)...); got != test.want[0] {
				t.Errorf("%s: %v is %q", test.market.Name, test.v0, got)
			}
			if test.later == nil {
				continue
			}
			later := c.do("GET", test.endpoint+"/orders/2026-01-01/orders/"+r.text("payload", "Orders", i, "AmazonOrderId")+"?includedData=PAYMENT", header, "")
			if !strings.Contains(later.body, test.want[1]) {
				t.Errorf("%s: %s", test.market.Name, later.body)
			}
		}
	}
}

func TestReplacementsAndCancellations(t *testing.T) {
	c := newClient(t, emulator.WithoutLimits(), emulator.WithOrders(2000))
	replaced, asked, byAmazon := 0, 0, 0
	page := c.get("/orders/2026-01-01/orders?createdAfter=2020-01-01T00:00:00Z&includedData=CANCELLATION,PROCEEDS,FULFILLMENT")
	for range 20 {
		list, _ := page.path("orders").([]any)
		for i := range list {
			id := page.text("orders", i, "orderId")
			if original := page.text("orders", i, "associatedOrders", 0, "orderId"); original != "" {
				replaced++
				r := c.get("/orders/v0/orders/" + id)
				if r.path("payload", "IsReplacementOrder") != true || r.text("payload", "ReplacedOrderId") != original {
					t.Errorf("v0: %s", r.body)
				}
				if c.get("/orders/v0/orders/"+original).status != 200 {
					t.Errorf("the replaced order %s is not there", original)
				}
				if total := page.text("orders", i, "proceeds", "grandTotal", "amount"); total != "0.00" && total != "" {
					t.Errorf("a replacement costs %s", total)
				}
			}
			if page.text("orders", i, "orderItems", 0, "cancellation", "cancellationRequest", "requester") == "BUYER" {
				asked++
				if asked < 5 {
					r := c.get("/orders/v0/orders/" + id + "/orderItems")
					if r.text("payload", "OrderItems", 0, "BuyerRequestedCancel", "IsBuyerRequestedCancel") != "true" || r.text("payload", "OrderItems", 0, "BuyerRequestedCancel", "BuyerCancelReason") == "" {
						t.Errorf("v0: %s", r.body)
					}
				}
			}
			if page.text("orders", i, "orderItems", 0, "cancellation", "cancellationExecution", "cancelledBy") == "AMAZON" {
				byAmazon++
			}
		}
		token := page.text("pagination", "nextToken")
		if token == "" {
			break
		}
		page = c.get("/orders/2026-01-01/orders?paginationToken=" + url.QueryEscape(token))
	}
	if replaced == 0 || asked == 0 || byAmazon == 0 {
		t.Errorf("%d replacements, %d asked to be cancelled, %d cancelled by Amazon", replaced, asked, byAmazon)
	}
}

func TestPickupInStore(t *testing.T) {
	c := newClient(t, emulator.WithoutLimits(), emulator.WithOrders(2000))
	open := c.ordersV0(allUS + "&IsISPU=true&OrderStatuses=Unshipped")
	if len(open) < 2 {
		t.Fatalf("%d orders wait in the shop", len(open))
	}
	tell := func(id, status string) int {
		r := c.post("/orders/v0/orders/"+id+"/shipment", `{"marketplaceId":"`+us+`","shipmentStatus":"`+status+`"}`)
		if r.status == 400 && !strings.Contains(r.body, "shipmentStatus") {
			t.Errorf("%s: %s", status, r.body)
		}
		return r.status
	}
	for i, end := range []string{"PickedUp", "RefusedPickup"} {
		id := open[i]
		if r := c.get("/orders/v0/orders/" + id); r.text("payload", "FulfillmentInstruction", "FulfillmentSupplySourceId") == "" || r.path("payload", "IsISPU") != true {
			t.Errorf("order: %s", r.body)
		}
		if s := tell(id, end); s != 400 {
			t.Errorf("%s before it is ready: %d", end, s)
		}
		if s := tell(id, "ReadyForPickup"); s != 204 {
			t.Errorf("ready: %d", s)
		}
		if s := tell(id, "ReadyForPickup"); s != 400 {
			t.Errorf("ready twice: %d", s)
		}
		if s := tell(id, end); s != 204 {
			t.Errorf("%s: %d", end, s)
		}
		want := []string{"Shipped", "Canceled"}[i]
		if r := c.get("/orders/v0/orders/" + id); r.text("payload", "OrderStatus") != want {
			t.Errorf("%s: %s", end, r.body)
		}
	}
	other := c.ordersV0(allUS + "&IsISPU=false&OrderStatuses=Unshipped")[0]
	if r := c.post("/orders/v0/orders/"+other+"/shipment", `{"marketplaceId":"`+us+`","shipmentStatus":"ReadyForPickup"}`); r.status != 400 {
		t.Errorf("an order that is sent: %d", r.status)
	}
	if r := c.post("/orders/v0/orders/"+open[0]+"/shipment", `{"marketplaceId":"1","shipmentStatus":"ReadyForPickup"}`); r.status != 400 || r.text("errors", 0, "message") != "Marketplace ID is not defined" {
		t.Errorf("wrong marketplace: %d %s", r.status, r.body)
	}
}

func TestRegulatedOrders(t *testing.T) {
	c := newClient(t, emulator.WithoutLimits(), emulator.WithOrders(2000))
	plain := c.token
	rdt := c.post("/tokens/2021-03-01/restrictedDataToken", `{"restrictedResources":[{"method":"GET","path":"/orders/v0/orders/{orderId}/regulatedInfo"},{"method":"PATCH","path":"/orders/v0/orders/{orderId}/regulatedInfo"}]}`)
	info := func(id string) result {
		c.token = plain
		if r := c.get("/orders/v0/orders/" + id + "/regulatedInfo"); r.status != 403 {
			t.Errorf("with a plain token: %d", r.status)
		}
		token := rdt.text("restrictedDataToken")
		if token == "" {
			r := c.post("/tokens/2021-03-01/restrictedDataToken", `{"restrictedResources":[{"method":"GET","path":"/orders/v0/orders/{orderId}/regulatedInfo"}]}`)
			token = r.text("restrictedDataToken")
		}
		c.token = token
		defer func() { c.token = plain }()
		return c.get("/orders/v0/orders/" + id + "/regulatedInfo")
	}
	update := func(id, body string) result {
		return c.call("PATCH", "/orders/v0/orders/"+id+"/regulatedInfo", `{"regulatedOrderVerificationStatus":`+body+`}`)
	}
	seen := map[string]bool{}
	var waiting []string
	for _, id := range c.ordersV0(allUS + "&FulfillmentChannels=MFN&CreatedBefore=2026-03-01T11:00:00Z") {
		o := c.get("/orders/v0/orders/" + id)
		if o.path("payload", "HasRegulatedItems") != true {
			continue
		}
		r := info(id)
		status := r.text("payload", "RegulatedOrderVerificationStatus", "Status")
		seen[status] = true
		if r.text("payload", "RegulatedInformation", "Fields", 0, "FieldValue") == "" {
			t.Errorf("no fields: %s", r.body)
		}
		if status == "Pending" && o.text("payload", "OrderStatus") == "Unshipped" {
			waiting = append(waiting, id)
		}
	}
	if !seen["Expired"] || !seen["Pending"] || len(waiting) < 2 {
		t.Fatalf("seen %v, %d waiting", seen, len(waiting))
	}
	for body, want := range map[string]string{
		`{"status":"Rejected","externalReviewerId":"r"}`:                                                 "Missing request parameter: rejectionReasonId.",
		`{"status":"Cancelled","externalReviewerId":"r"}`:                                                "Invalid request parameter `status`. Must be one of [Approved, Rejected].",
		`{"status":"Approved"}`:                                                                          "externalReviewerId",
		`{"status":"Rejected","externalReviewerId":"r","rejectionReasonId":"x"}`:                         "rejectionReasonId",
		`{"status":"Approved","externalReviewerId":"r","verificationDetails":{"prescriptionDetail":{}}}`: "prescriptionDetail",
	} {
		if r := update(waiting[0], body); r.status != 400 || !strings.Contains(r.body, want) {
			t.Errorf("%s: %d %s", body, r.status, r.body)
		}
	}
	if r := update(waiting[0], `{"status":"Approved","externalReviewerId":"Prüfer 1"}`); r.status != 204 {
		t.Fatalf("approve: %d %s", r.status, r.body)
	}
	if r := info(waiting[0]); r.text("payload", "RegulatedOrderVerificationStatus", "Status") != "Approved" || r.text("payload", "RegulatedOrderVerificationStatus", "ExternalReviewerId") != "Prüfer 1" {
		t.Errorf("approved: %s", r.body)
	}
	if r := update(waiting[0], `{"status":"Approved","externalReviewerId":"r"}`); r.status != 400 {
		t.Errorf("twice: %d", r.status)
	}
	update(waiting[1], `{"status":"Rejected","externalReviewerId":"r","rejectionReasonId":"age_check_underage"}`)
	if r := info(waiting[1]); r.text("payload", "RegulatedOrderVerificationStatus", "RejectionReason", "RejectionReasonId") != "age_check_underage" {
		t.Errorf("rejected: %s", r.body)
	}
	if r := c.get("/orders/v0/orders/" + waiting[1]); r.text("payload", "OrderStatus") != "Canceled" {
		t.Errorf("a rejected order: %s", r.body)
	}
	if !slices.Contains(c.ordersV0("MarketplaceIds="+us+"&LastUpdatedAfter=2026-03-01T12:00:00Z"), waiting[0]) {
		// It was updated at the very time of the request, which a search sees two minutes later.
		c.clock.advance(3 * time.Minute)
		if !slices.Contains(c.ordersV0("MarketplaceIds="+us+"&LastUpdatedAfter=2026-03-01T12:00:00Z"), waiting[0]) {
			t.Error("the approval is no update")
		}
	}
}

func TestPersonalDataNeedsRoles(t *testing.T) {
	c := newClient(t, emulator.WithoutLimits())
	path := "/orders/2026-01-01/orders/" + c.ordersV0(allUS + "&OrderStatuses=Shipped")[0] + "?includedData=BUYER,RECIPIENT"
	if r := c.get(path); r.text("order", "buyer", "buyerName") == "" || r.text("order", "recipient", "deliveryAddress", "addressLine1") == "" {
		t.Errorf("with all roles: %s", r.body)
	}
	c.SetRoles("Inventory and Order Tracking")
	if r := c.get(path); r.path("order", "buyer") != nil || r.text("order", "recipient", "deliveryAddress", "addressLine1") != "" || r.text("order", "recipient", "deliveryAddress", "city") == "" {
		t.Errorf("without: %d %s", r.status, r.body)
	}
	c.SetRoles("Inventory and Order Tracking", "Tax Remittance (Restricted)")
	if r := c.get(path); r.text("order", "buyer", "buyerName") == "" || r.text("order", "recipient", "deliveryAddress", "addressLine1") != "" {
		t.Errorf("with a role for the buyer: %s", r.body)
	}
}

// TestNewOrdersAreFixed lets time pass in one step and in many, and wants the same orders.
func TestNewOrdersAreFixed(t *testing.T) {
	step := newClient(t, emulator.WithoutLimits())
	for range 72 {
		step.clock.advance(20 * time.Minute * 12)
		step.refresh()
		step.get("/orders/v0/orders?" + allUS)
	}
	leap := newClient(t, emulator.WithoutLimits(), emulator.WithRemoved())
	leap.clock.advance(12 * 24 * time.Hour)
	leap.refresh()
	query := "/orders/v0/orders?MarketplaceIds=" + us + "&CreatedAfter=2026-03-01T12:00:00Z"
	if a, b := step.get(query), leap.get(query); a.body != b.body || len(a.path("payload", "Orders").([]any)) < 20 {
		t.Errorf("other orders in small steps: %s", firstDifference(a.body, b.body))
	}
	if a, b := step.get(inventory), leap.get(inventory); a.body != b.body {
		t.Errorf("other stock in small steps: %s", firstDifference(a.body, b.body))
	}
	// However far the clock goes, the orders end some day.
	leap.clock.advance(50 * 365 * 24 * time.Hour)
	leap.refresh()
	if n := len(leap.ordersV0("MarketplaceIds=" + us + ",A2EUQ1WTGCTBG2,A1AM78C64UM0Y8&CreatedAfter=2020-01-01T00:00:00Z")); n < 300 || n > 1300 {
		t.Errorf("%d orders after fifty years", n)
	}
}
