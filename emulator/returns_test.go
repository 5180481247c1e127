package emulator_test

import (
	"fmt"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/openspapi/spapi/emulator"
)

// damaged is what of a SKU can't be sold, by the names of inventory summaries.
func (c *client) damaged(sku, kind string) int {
	c.t.Helper()
	r := c.get(inventory + "&sellerSku=" + url.QueryEscape(sku))
	for i := range r.path("payload", "inventorySummaries").([]any) {
		if r.text("payload", "inventorySummaries", i, "sellerSku") == sku {
			return r.number("payload", "inventorySummaries", i, "inventoryDetails", "unfulfillableQuantity", kind)
		}
	}
	c.t.Fatalf("no summary of %s: %s", sku, r.body)
	return 0
}

// shippedOrder finds an order that has just been shipped, with an item of at least n units, and returns the order's id and the item's members.
func (c *client) shippedOrder(channel string, n int) (id string, item result) {
	c.t.Helper()
	list := c.ordersV0(allUS + "&OrderStatuses=Shipped&FulfillmentChannels=" + channel)
	slices.Reverse(list)
	for _, id := range list {
		r := c.get("/orders/v0/orders/" + id + "/orderItems")
		first, _ := r.path("payload", "OrderItems", 0).(map[string]any)
		item := result{json: first, body: r.body}
		if r.number("payload", "OrderItems", 0, "QuantityShipped") >= n && len(r.path("payload", "OrderItems").([]any)) == 1 && item.text("ItemPrice", "Amount") != "0.00" {
			return id, item
		}
	}
	c.t.Fatal("no such order")
	return "", result{}
}

func TestReturnsToAmazon(t *testing.T) {
	c := newClient(t, emulator.WithoutLimits(), emulator.WithOrders(2000))
	id, item := c.shippedOrder("AFN", 3)
	sku, code := item.text("SellerSKU"), item.text("OrderItemId")
	before, _, _ := c.stock(sku)
	defective := c.damaged(sku, "defectiveQuantity")
	back := func(body string) result { return c.control("POST", "orders/"+id+"/return", body) }
	for body, want := range map[string]string{
		`{"item":"1"}`:     `item \"1\": the order has none of this id`,
		`{"quantity":999}`: `quantity 999: want 1 to `, `{"quantity":-1}`: `quantity -1: want 1 to `,
		`{"reason":"BORED"}`:     `reason \"BORED\": want one of DEFECTIVE, `,
		`{"disposition":"LOST"}`: `disposition \"LOST\": want one of SELLABLE, `,
		`{"travel":"soon"}`:      `travel \"soon\": want a duration`,
		`{"travel":"2000h"}`:     `comes back at `, `{"travel":"-1h"}`: `comes back at `,
		`{"quantty":1}`: `unknown field`,
	} {
		if r := back(body); r.status != 400 || !strings.Contains(r.body, want) {
			t.Errorf("%s: %d %s, want %s", body, r.status, r.body, want)
		}
	}
	if r := c.control("POST", "orders/111-0000000-0000000/return", ""); r.status != 404 || !strings.Contains(r.body, "there is none of this id") {
		t.Errorf("unknown order: %d %s", r.status, r.body)
	}
	r := back(`{"item":"` + code + `","quantity":1,"reason":"UNWANTED_ITEM","travel":"72h"}`)
	if r.status != 200 || r.text("returns", 0, "kind") != "Return" || r.text("returns", 0, "received") != "2026-03-04T12:00:00Z" || !strings.HasSuffix(r.text("returns", 0, "rma"), "RRMA") {
		t.Fatalf("return: %d %s", r.status, r.body)
	}
	back(`{"quantity":1,"reason":"DEFECTIVE","disposition":"DEFECTIVE","travel":"72h"}`)
	if n, _, _ := c.stock(sku); n != before {
		t.Errorf("%d in stock while it is on its way, want %d", n, before)
	}
	c.SetTime(start.Add(72 * time.Hour))
	c.refresh()
	// Orders that come in between take from the stock: the ledger tells what came back.
	text, _ := c.reportText(na, c.report(na, `{"reportType":"GET_LEDGER_DETAIL_VIEW_DATA","marketplaceIds":["`+us+`"],"dataStartTime":"2026-03-01T00:00:00Z","dataEndTime":"2026-04-01T00:00:00Z","reportOptions":{"eventType":"CustomerReturns"}}`))
	_, rows := table(t, text, '\t')
	rows = slices.DeleteFunc(rows, func(row map[string]string) bool { return row["Reference ID"] != id })
	if len(rows) != 2 || rows[0]["Disposition"] == rows[1]["Disposition"] || rows[0]["Quantity"] != "1" || rows[0]["Fulfillment Center"] == rows[1]["Fulfillment Center"] {
		t.Errorf("ledger: %v", rows)
	}
	if n := c.damaged(sku, "defectiveQuantity"); n < defective+1 {
		t.Errorf("%d defective, want %d", n, defective+1)
	}
	text, _ = c.reportText(na, c.report(na, `{"reportType":"GET_FBA_FULFILLMENT_CUSTOMER_RETURNS_DATA","marketplaceIds":["`+us+`"],"dataStartTime":"2026-03-01T00:00:00Z","dataEndTime":"2026-04-01T00:00:00Z"}`))
	_, rows = table(t, text, '\t')
	rows = slices.DeleteFunc(rows, func(row map[string]string) bool { return row["order-id"] != id })
	if len(rows) != 2 || rows[0]["sku"] != sku || rows[0]["reason"] == rows[1]["reason"] || rows[0]["detailed-disposition"] == rows[1]["detailed-disposition"] {
		t.Errorf("report: %v", rows)
	}
	n, _ := strconv.Atoi(fmt.Sprint(item.path("QuantityShipped")))
	if r := back(fmt.Sprintf(`{"quantity":%d}`, n-1)); r.status != 400 || !strings.Contains(r.body, fmt.Sprintf("want 1 to %d", n-2)) {
		t.Errorf("more than is left: %d %s", r.status, r.body)
	}
	before, _, _ = c.stock(sku)
	if r := back(`{"travel":"0s"}`); r.status != 200 || r.number("returns", 0, "quantity") != n-2 {
		t.Errorf("the rest: %d %s", r.status, r.body)
	}
	if got, _, _ := c.stock(sku); got != before+n-2 {
		t.Errorf("%d in stock after %d have come, want %d", got, n-2, before+n-2)
	}
	c.holds()
	if r := back(""); r.status != 400 || !strings.Contains(r.body, "have been given back or paid back") {
		t.Errorf("twice: %d %s", r.status, r.body)
	}
}

func TestReturnsNeedAShipment(t *testing.T) {
	c := newClient(t, emulator.WithoutLimits(), emulator.WithOrders(5000))
	for _, status := range []string{"Pending", "Unshipped", "Canceled"} {
		id := c.ordersV0(allUS + "&OrderStatuses=" + status)[0]
		for _, what := range []string{"return", "refund", "chargeback", "claim"} {
			if r := c.control("POST", "orders/"+id+"/"+what, ""); r.status != 400 || !strings.Contains(r.body, "none of it is shipped") {
				t.Errorf("%s of a %s order: %d %s", what, status, r.status, r.body)
			}
		}
	}
	old := c.ordersV0(allUS + "&OrderStatuses=Shipped&FulfillmentChannels=MFN")[0] // of 60 days ago
	c.clock.advance(24 * time.Hour)
	for what, want := range map[string]string{"return": "days after the purchase", "refund": "refunds are given within 60 days"} {
		if r := c.control("POST", "orders/"+old+"/"+what, ""); r.status != 400 || !strings.Contains(r.body, want) && !strings.Contains(r.body, "given back") {
			t.Errorf("%s after two months: %d %s", what, r.status, r.body)
		}
	}
}

func TestRefunds(t *testing.T) {
	c := newClient(t, emulator.WithoutLimits(), emulator.WithOrders(2000))
	id, item := c.shippedOrder("MFN", 2)
	code, price := item.text("OrderItemId"), item.text("ItemPrice", "Amount")
	refund := func(body string) result { return c.control("POST", "orders/"+id+"/refund", body) }
	for body, want := range map[string]string{
		`{"amount":"1.234"}`:                       `amount: \"1.234\" is no amount of USD`,
		`{"amount":"1e3"}`:                         `is no amount of USD`,
		`{"goodwill":"-1"}`:                        `goodwill: \"-1\" is no amount`,
		`{"amount":"999999.00"}`:                   `price of 999999.00 USD: ` + price + ` USD was paid`,
		`{"shipping":"999.00"}`:                    `shipping of 999.00 USD`,
		`{"amount":"1.00","restocking":"2.00"}`:    `restocking fee`,
		`{"item":"x","amount":"1.00"}`:             `an amount is for one of the order's items`,
		`{"item":"` + code + `","quantity":99999}`: `quantity 99999`,
	} {
		if r := refund(body); r.status != 400 || !strings.Contains(r.body, want) {
			t.Errorf("%s: %d %s, want %s", body, r.status, r.body, want)
		}
	}
	if r := refund(`{"amount":"1.00","reason":"scratched"}`); r.status != 200 || r.text("returns", 0, "kind") != "Refund" || r.number("returns", 0, "quantity") != 0 || r.text("returns", 0, "amount") < "1.0" {
		t.Errorf("partial: %d %s", r.status, r.body)
	}
	if r := refund(`{"amount":"` + price + `"}`); r.status != 400 || !strings.Contains(r.body, "and 1.00 USD of it has been given back") {
		t.Errorf("more than is left: %d %s", r.status, r.body)
	}
	if r := refund(`{"goodwill":"2.50"}`); r.text("returns", 0, "kind") != "Concession" || r.text("returns", 0, "amount") != "2.50" {
		t.Errorf("concession: %d %s", r.status, r.body)
	}
	if r := c.control("POST", "orders/"+id+"/chargeback", `{"amount":"0.50"}`); r.status != 200 || r.text("returns", 0, "amount") != "0.50" {
		t.Errorf("chargeback: %d %s", r.status, r.body)
	}
	if r := c.control("POST", "orders/"+id+"/claim", `{"amount":"`+price+`"}`); r.status != 400 || !strings.Contains(r.body, "and 1.50 USD of it has been given back") {
		t.Errorf("claim of all: %d %s", r.status, r.body)
	}
	for _, bad := range []string{`{"amount":"0"}`, `{"amount":"all"}`, `{"item":"x"}`, `{"amout":"1"}`} {
		if r := c.control("POST", "orders/"+id+"/claim", bad); r.status != 400 {
			t.Errorf("claim %s: %d %s", bad, r.status, r.body)
		}
	}
	rest := refund("")
	if rest.status != 200 || rest.number("returns", 0, "quantity") < 2 {
		t.Errorf("the rest: %d %s", rest.status, rest.body)
	}
	for _, what := range []string{"refund", "return", "chargeback", "claim"} {
		if r := c.control("POST", "orders/"+id+"/"+what, ""); r.status != 400 || !strings.Contains(r.body, "given back") && !strings.Contains(r.body, "nothing is left") {
			t.Errorf("%s of what has been given back: %d %s", what, r.status, r.body)
		}
	}
	if _, err := c.RefundOrder(id, emulator.BuyerRefund{}); err == nil || !strings.HasPrefix(err.Error(), "emulator: order "+id+": item "+code) {
		t.Errorf("error %v", err)
	}
}

// TestMerchantsRefundByFeed: what comes back to a merchant is refunded by a feed, or by itself two days later; what is in a feed that is more than was paid
// is refused. What comes back doesn't change the merchant's quantity.
func TestMerchantsRefundByFeed(t *testing.T) {
	c := newClient(t, emulator.WithoutLimits(), emulator.WithOrders(2000))
	id, item := c.shippedOrder("MFN", 2)
	code, sku := item.text("OrderItemId"), item.text("SellerSKU")
	quantity := func() int {
		return c.get(c.listingPath(sku)+"&includedData=fulfillmentAvailability").number("fulfillmentAvailability", 0, "quantity")
	}
	if r := c.control("POST", "orders/"+id+"/return", `{"disposition":"SELLABLE"}`); r.status != 400 || !strings.Contains(r.body, "fulfilled by the merchant") {
		t.Errorf("disposition: %d %s", r.status, r.body)
	}
	before := quantity()
	if r := c.control("POST", "orders/"+id+"/return", `{"quantity":1,"travel":"0s"}`); r.status != 200 || r.text("returns", 0, "refunded") != "2026-03-03T12:00:00Z" {
		t.Fatalf("return: %d %s", r.status, r.body)
	}
	if n := quantity(); n != before {
		t.Errorf("quantity %d, want %d", n, before)
	}
	report := func() map[string]string {
		text, _ := c.reportText(na, c.report(na, `{"reportType":"GET_FLAT_FILE_RETURNS_DATA_BY_RETURN_DATE","marketplaceIds":["`+us+`"],"dataStartTime":"2026-02-28T00:00:00Z","dataEndTime":"2026-04-01T00:00:00Z"}`))
		_, rows := table(t, text, '\t')
		for _, row := range rows {
			if row["Order ID"] == id {
				return row
			}
		}
		t.Fatalf("no return of %s: %s", id, text)
		return nil
	}
	if row := report(); row["A-to-Z Claim"] != "N" || row["Return quantity"] != "1" || row["Refunded Amount"] != "" || row["Resolution"] != "" || row["Return Reason"] != "CR-NO_REASON_GIVEN" {
		t.Errorf("before the refund: %v", row)
	}
	const head = "order-id\torder-item-id\tadjustment-reason-code\tcurrency\titem-price-adj\titem-tax-adj\tshipping-price-adj\tquantity-cancelled\n"
	for line, want := range map[string]string{
		"111-0000000-0000000\t" + code + "\tCustomerReturn\tUSD\t1.00": "was not found",
		id + "\t1\tCustomerReturn\tUSD\t1.00":                          "is not in the order",
		id + "\t" + code + "\t\tUSD\t1.00":                             "has no reason",
		id + "\t" + code + "\tCustomerReturn\tEUR\t1.00":               "is not that of the order",
		id + "\t" + code + "\tCustomerReturn\tUSD\t1.005":              "is no amount of USD",
		id + "\t" + code + "\tCustomerReturn\tUSD\t99999.00":           "can't be adjusted: item " + code,
		id + "\t" + code + "\tCustomerReturn\tUSD":                     "has no amount",
		id + "\t" + code + "\tCustomerReturn\tUSD\t1.00\t\t\t1":        "can't be cancelled",
	} {
		if _, text := c.feed("POST_FLAT_FILE_PAYMENT_ADJUSTMENT_DATA", "text/tab-separated-values", head+line+"\n", ""); !strings.Contains(text, want) {
			t.Errorf("%q: %s, want %s", line, text, want)
		}
	}
	xml := func(amount string) string {
		return `<?xml version="1.0"?><AmazonEnvelope><Header><DocumentVersion>1.01</DocumentVersion><MerchantIdentifier>M</MerchantIdentifier></Header><MessageType>OrderAdjustment</MessageType>
<Message><MessageID>1</MessageID><OrderAdjustment><AmazonOrderID>` + id + `</AmazonOrderID><AdjustedItem><AmazonOrderItemCode>` + code + `</AmazonOrderItemCode><AdjustmentReason>CustomerReturn</AdjustmentReason>
<ItemPriceAdjustments><Component><Type>Principal</Type><Amount currency="USD">` + amount + `</Amount></Component></ItemPriceAdjustments></AdjustedItem></OrderAdjustment></Message></AmazonEnvelope>`
	}
	if _, text := c.feed("POST_PAYMENT_ADJUSTMENT_DATA", "text/xml", xml("99999.00"), ""); !strings.Contains(text, "<MessagesWithError>1<") {
		t.Errorf("too much: %s", text)
	}
	if _, text := c.feed("POST_PAYMENT_ADJUSTMENT_DATA", "text/xml", xml("1.00"), ""); !strings.Contains(text, "<MessagesSuccessful>1<") {
		t.Errorf("refund: %s", text)
	}
	if r := c.control("POST", "orders/"+id+"/claim", `{"amount":"0.25"}`); r.status != 200 {
		t.Errorf("claim: %d %s", r.status, r.body)
	}
	if row := report(); !strings.HasPrefix(row["Refunded Amount"], "1.0") || row["Resolution"] != "StandardRefund" || row["A-to-Z Claim"] != "Y" {
		t.Errorf("after the refund: %v", row)
	}
	sales, _ := c.reportText(na, c.report(na, `{"reportType":"GET_SALES_AND_TRAFFIC_REPORT","marketplaceIds":["`+us+`"],"dataStartTime":"2026-03-01T00:00:00Z","dataEndTime":"2026-03-01T00:00:00Z"}`))
	if !strings.Contains(sales, `"claimsGranted":1,"claimsAmount":{"amount":0.25,`) {
		t.Errorf("sales: %.600s", sales)
	}
}

// TestRefundsKeepTheirIDs: what a buyer was going to ask for and doesn't any more is no part of the ids of what has been refunded.
func TestRefundsKeepTheirIDs(t *testing.T) {
	c := newClient(t, emulator.WithoutLimits(), emulator.WithOrders(4000))
	var orders [][3]string
	for _, id := range c.ordersV0("MarketplaceIds=" + us + "&OrderStatuses=Shipped&CreatedAfter=2026-02-22T00:00:00Z") {
		if r := c.get("/orders/v0/orders/" + id + "/orderItems"); len(r.path("payload", "OrderItems").([]any)) > 1 {
			orders = append(orders, [3]string{id, r.text("payload", "OrderItems", 0, "OrderItemId"), r.text("payload", "OrderItems", 1, "OrderItemId")})
		}
	}
	for _, o := range orders {
		if r := c.control("POST", "orders/"+o[0]+"/refund", `{"item":"`+o[2]+`","amount":"0.05"}`); r.status != 200 && !strings.Contains(r.body, "given back") {
			t.Errorf("%s: %d %s", o[0], r.status, r.body)
		}
	}
	c.clock.advance(50 * time.Hour)
	c.refresh()
	refunds := func(id string) (ids []string) {
		r := c.get("/finances/2024-06-19/transactions?relatedIdentifierName=ORDER_ID&relatedIdentifierValue=" + id)
		for i := range r.path("payload", "transactions").([]any) {
			if r.text("payload", "transactions", i, "transactionType") == "Refund" {
				ids = append(ids, r.text("payload", "transactions", i, "transactionId"))
			}
		}
		return ids
	}
	before, told := map[string][]string{}, 0
	for _, o := range orders {
		before[o[0]] = refunds(o[0])
		if r := c.control("POST", "orders/"+o[0]+"/return", `{"item":"`+o[1]+`","travel":"300h"}`); r.status == 200 {
			told++
		}
	}
	if len(orders) < 30 || told < 30 {
		t.Fatalf("%d orders, %d returns", len(orders), told)
	}
	seen := 0
	for id, ids := range before {
		seen += len(ids)
		if after := refunds(id); !slices.Equal(ids, after) {
			t.Errorf("order %s had the refunds %q, and has %q", id, ids, after)
		}
	}
	if seen < 30 {
		t.Errorf("%d refunds", seen)
	}
}

// What the bank has given back of a price has its share of the tax with it: a refund of the rest has the rest.
func TestDisputesAndRefundsGiveBackTaxOnce(t *testing.T) {
	steps := map[string][]string{
		"chargeback, refund":       {"chargeback", `{"amount":"1.01"}`, "refund", ``},
		"refund, claim":            {"refund", `{"amount":"1.01"}`, "claim", ``},
		"chargebacks, goods back":  {"chargeback", `{"amount":"1.01"}`, "chargeback", `{"amount":"0.99"}`, "return", ``},
		"claim, refund, all of it": {"claim", `{"amount":"0.07"}`, "refund", `{"amount":"0.07"}`, "chargeback", ``},
	}
	for name, list := range steps {
		t.Run(name, func(t *testing.T) {
			c := newClient(t, emulator.WithoutLimits(), emulator.WithOrders(2000))
			c.SetTime(start.Add(time.Second))
			id, _ := c.shippedOrder("AFN", 1)
			for i := 0; i < len(list); i += 2 {
				if r := c.control("POST", "orders/"+id+"/"+list[i], list[i+1]); r.status != 200 {
					t.Fatalf("%s: %d %s", list[i], r.status, r.body)
				}
			}
			c.holds()
			c.SetTime(start.Add(40 * 24 * time.Hour))
			c.refresh()
			r := c.get("/finances/2024-06-19/transactions?transactionStatus=RELEASED&relatedIdentifierName=ORDER_ID&relatedIdentifierValue=" + id)
			sums := map[string]float64{}
			var add func(nodes any)
			add = func(nodes any) {
				for i := range nodes.([]any) {
					node := result{json: nodes.([]any)[i].(map[string]any), body: r.body}
					amount, _ := strconv.ParseFloat(fmt.Sprint(node.path("breakdownAmount", "currencyAmount")), 64)
					sums[node.text("breakdownType")] += amount
					add(node.path("breakdowns"))
				}
			}
			transactions := r.path("payload", "transactions").([]any)
			for i := range transactions {
				add(r.path("payload", "transactions", i, "items", 0, "breakdowns"))
			}
			if len(transactions) < 3 {
				t.Errorf("%d transactions: %s", len(transactions), r.body)
			}
			for _, leaf := range []string{"OurPricePrincipal", "OurPriceTax", "OurPriceDiscount"} {
				if sums[leaf] > 0.001 || sums[leaf] < -0.001 {
					t.Errorf("%s: %.2f is left of an order that was given back", leaf, sums[leaf])
				}
			}
		})
	}
}

// What requests do in the very second in which the world opens is part of the stock, its movements and its state.
func TestStockOfTheFirstSecond(t *testing.T) {
	c := newClient(t, emulator.WithoutLimits(), emulator.WithOrders(2000))
	id, item := c.shippedOrder("AFN", 1)
	before, _, _ := c.stock(item.text("SellerSKU"))
	if r := c.control("POST", "orders/"+id+"/return", `{"travel":"0s"}`); r.status != 200 {
		t.Fatalf("return: %d %s", r.status, r.body)
	}
	after, _, _ := c.stock(item.text("SellerSKU"))
	if after <= before {
		t.Errorf("%d in stock, %d before the return", after, before)
	}
	c.holds()
	state, err := c.Export()
	if err != nil {
		t.Fatal(err)
	}
	c = newClient(t, emulator.WithoutLimits())
	if err := c.Import(state); err != nil {
		t.Fatal(err)
	}
	c.refresh()
	if n, _, _ := c.stock(item.text("SellerSKU")); n != after {
		t.Errorf("%d in stock after the import, want %d", n, after)
	}
	c.holds()
}

// TestReturnsInTheMomentOfTheBeginning has goods come back before the clock has moved: they are counted once, and an export has them.
func TestReturnsInTheMomentOfTheBeginning(t *testing.T) {
	c := newClient(t, emulator.WithoutLimits(), emulator.WithOrders(2000), emulator.WithFixedTime(start))
	id, item := c.shippedOrder("AFN", 1)
	before, _, _ := c.stock(item.text("SellerSKU"))
	r := c.control("POST", "orders/"+id+"/return", `{"travel":"0s","quantity":1}`)
	if r.status != 200 {
		t.Fatalf("%d %s", r.status, r.body)
	}
	c.holds()
	state, err := c.Export()
	if err != nil {
		t.Fatal(err)
	}
	c.Reset()
	if err := c.Import(state); err != nil {
		t.Fatal(err)
	}
	c.holds()
	if after, _, _ := c.stock(item.text("SellerSKU")); after != before+1 {
		t.Errorf("%d units after export and import, want %d", after, before+1)
	}
}

func TestRefundOfNothing(t *testing.T) {
	c := newClient(t, emulator.WithoutLimits(), emulator.WithOrders(2000))
	id, _ := c.shippedOrder("AFN", 1)
	for _, body := range []string{`{"amount":"0"}`, `{"amount":"0.00"}`, `{"goodwill":"0"}`, `{"restocking":"1.00"}`} {
		if r := c.control("POST", "orders/"+id+"/refund", body); r.status != 400 || !strings.Contains(r.body, "the amounts are nothing") {
			t.Errorf("%s: %d %s", body, r.status, r.body)
		}
	}
}
