package emulator_test

import (
	"encoding/json"
	"encoding/xml"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/openspapi/spapi/emulator"
	"github.com/santhosh-tekuri/jsonschema/v6"
)

// feed uploads content, makes a feed of it, waits for its end, and returns what getFeed says and the processing report.
func (c *client) feed(kind, contentType, content, options string) (result, string) {
	c.t.Helper()
	in := c.post("/feeds/2021-06-30/documents", `{"contentType":"`+contentType+`"}`)
	if got := c.do("PUT", in.text("url"), http.Header{"Content-Type": {contentType}}, content); got.status != 200 {
		c.t.Fatalf("upload: %d %s", got.status, got.body)
	}
	r := c.post("/feeds/2021-06-30/feeds", `{"feedType":"`+kind+`","marketplaceIds":["`+us+`"],"inputFeedDocumentId":"`+in.text("feedDocumentId")+`"`+options+`}`)
	if r.status != 202 {
		c.t.Fatalf("createFeed: %d %s", r.status, r.body)
	}
	c.clock.advance(2 * time.Minute)
	f := c.get("/feeds/2021-06-30/feeds/" + r.text("feedId"))
	d := c.get("/feeds/2021-06-30/documents/" + f.text("resultFeedDocumentId"))
	if d.status != 200 {
		c.t.Fatalf("getFeedDocument: %d %s; %s", d.status, d.body, f.body)
	}
	got := c.do("GET", d.text("url"), nil, "")
	if d.text("compressionAlgorithm") == "GZIP" {
		return f, c.unzip(got.body)
	}
	return f, got.body
}

// listings returns what the listings report says of each SKU.
func (c *client) listings() map[string]map[string]string {
	c.t.Helper()
	text, _ := c.reportText(na, c.report(na, spec("GET_MERCHANT_LISTINGS_ALL_DATA", us)))
	out := map[string]map[string]string{}
	for _, line := range strings.Split(strings.TrimSuffix(text, "\r\n"), "\r\n")[1:] {
		cells := strings.Split(line, "\t")
		out[cells[3]] = map[string]string{"price": cells[4], "quantity": cells[5], "asin": cells[16], "channel": cells[26]}
	}
	return out
}

// merchants are the SKUs that the merchant ships, in order.
func merchants(l map[string]map[string]string) (skus []string) {
	for sku, row := range l {
		if row["channel"] == "DEFAULT" {
			skus = append(skus, sku)
		}
	}
	slices.Sort(skus)
	return skus
}

func TestListingsFeed(t *testing.T) {
	c := newClient(t, emulator.WithoutLimits())
	before := c.listings()
	skus := merchants(before)
	seller := c.Credentials().SellerID
	offer := func(price string) string {
		return `[{"marketplace_id":"` + us + `","currency":"USD","our_price":[{"schedule":[{"value_with_tax":` + price + `}]}]}]`
	}
	quote := func(s string) string { b, _ := json.Marshal(s); return string(b) }
	messages := []string{
		`{"messageId":1,"sku":` + quote(skus[0]) + `,"operationType":"PATCH","productType":"WRITING_INSTRUMENT","patches":[{"op":"replace","path":"/attributes/fulfillment_availability","value":[{"fulfillment_channel_code":"DEFAULT","quantity":7}]},{"op":"replace","path":"/attributes/purchasable_offer","value":` + offer("12.34") + `}]}`,
		`{"messageId":2,"sku":` + quote(skus[1]) + `,"operationType":"DELETE"}`,
		`{"messageId":3,"sku":` + quote(skus[2]) + `,"operationType":"PARTIAL_UPDATE","productType":"LAMP","attributes":{"purchasable_offer":` + offer("56.78") + `}}`,
		`{"messageId":4,"sku":"NEW-1","operationType":"UPDATE","productType":"LAMP","requirements":"LISTING_OFFER_ONLY","attributes":{"condition_type":[{"value":"new_new"}],"merchant_suggested_asin":[{"value":"` + before[skus[0]]["asin"] + `"}],"fulfillment_availability":[{"fulfillment_channel_code":"DEFAULT","quantity":3}],"purchasable_offer":` + offer("9.99") + `}}`,
		// What the message schema forbids:
		`{"messageId":4,"sku":"TWICE","operationType":"DELETE"}`,
		`{"messageId":6,"sku":"X","operationType":"DELETE","productType":"LAMP"}`,
		`{"messageId":7,"sku":"X","operationType":"UPDATE","attributes":{"a":1}}`,
		`{"messageId":8,"sku":"X","operationType":"UPDATE","productType":"LAMP","attributes":{}}`,
		`{"messageId":9,"sku":"X","operationType":"PATCH","productType":"LAMP"}`,
		`{"messageId":10,"operationType":"DELETE"}`,
		`{"messageId":11,"sku":"X","operationType":"RENAME"}`,
		`{"messageId":12,"sku":"no such","operationType":"DELETE"}`,
		`{"messageId":13,"sku":` + quote(skus[0]) + `,"operationType":"PATCH","productType":"LAMP","patches":[{"op":"move","path":"/attributes/x"}]}`,
		`{"messageId":14,"sku":` + quote(skus[0]) + `,"operationType":"PATCH","productType":"LAMP","patches":[{"op":"replace","path":"/attributes/purchasable_offer","value":` + offer("-1") + `}]}`,
		`{"messageId":0,"sku":"X","operationType":"DELETE"}`,
		`7`,
	}
	content := `{"header":{"sellerId":"` + seller + `","version":"2.0","issueLocale":"en_US"},"messages":[` + strings.Join(messages, ",") + `]}`
	f, report := c.feed("JSON_LISTINGS_FEED", "application/json; charset=UTF-8", content, "")
	if f.text("processingStatus") != "DONE" {
		t.Errorf("feed: %s", f.body)
	}
	var parsed struct {
		Header  struct{ FeedID string }
		Issues  []struct{ MessageID int }
		Summary struct{ Errors, MessagesProcessed, MessagesAccepted, MessagesInvalid int }
	}
	if err := json.Unmarshal([]byte(report), &parsed); err != nil {
		t.Fatal(err)
	}
	if s := parsed.Summary; s.MessagesProcessed != 16 || s.MessagesAccepted != 4 || s.MessagesInvalid != 12 || s.Errors != 12 || parsed.Header.FeedID != f.text("feedId") {
		t.Errorf("report: %s", report)
	}
	after := c.listings()
	if got := after[skus[0]]; got["price"] != "12.34" || got["quantity"] != "7" {
		t.Errorf("patched: %v", got)
	}
	if got := after[skus[1]]; got != nil {
		t.Errorf("deleted: %v", got)
	}
	if got := after[skus[2]]; got["price"] != "56.78" || got["quantity"] != before[skus[2]]["quantity"] {
		t.Errorf("updated in part: %v", got)
	}
	if got := after["NEW-1"]; got["price"] != "9.99" || got["quantity"] != "3" || got["asin"] != before[skus[0]]["asin"] {
		t.Errorf("new: %v", got)
	}
	validFeedReport(t, report)
	for name, content := range map[string]string{
		"no JSON": "{", "no header": `{"messages":[{}]}`, "version": `{"header":{"sellerId":"` + seller + `","version":"1.0"},"messages":[{}]}`,
		"seller": `{"header":{"sellerId":"A","version":"2.0"},"messages":[{}]}`, "no messages": `{"header":{"sellerId":"` + seller + `","version":"2.0"},"messages":[]}`,
		"too many": `{"header":{"sellerId":"` + seller + `","version":"2.0"},"messages":[` + strings.Repeat("{},", 25000) + `{}]}`,
	} {
		f, report := c.feed("JSON_LISTINGS_FEED", "application/json", content, "")
		if f.text("processingStatus") != "FATAL" || !strings.Contains(report, `"severity":"ERROR"`) {
			t.Errorf("%s: %s %.300s", name, f.body, report)
		}
		validFeedReport(t, report)
	}
}

func validFeedReport(t *testing.T, report string) {
	t.Helper()
	dir := os.Getenv("SPAPI_MODELS")
	if dir == "" {
		dir = "../../shared/models"
	}
	file := filepath.Join(dir, "schemas", "feeds", "listings-feed-processing-report-schema-v2.json")
	if _, err := os.Stat(file); err != nil {
		t.Logf("no %s: set SPAPI_MODELS to a checkout of Amazon's models", file)
		return
	}
	schema, err := jsonschema.NewCompiler().Compile(file)
	if err != nil {
		t.Fatal(err)
	}
	body, err := jsonschema.UnmarshalJSON(strings.NewReader(report))
	if err != nil {
		t.Fatal(err)
	}
	if err := schema.Validate(body); err != nil {
		t.Errorf("processing report: %v", err)
	}
}

// TestFeedChangesWithoutBeingAskedFor: what a feed has done shows in other APIs at its time, whoever looks.
func TestFeedChangesWithoutBeingAskedFor(t *testing.T) {
	c := newClient(t, emulator.WithoutLimits())
	order, item := c.unshippedOrder()
	in := c.post("/feeds/2021-06-30/documents", `{"contentType":"text/xml"}`)
	c.do("PUT", in.text("url"), http.Header{"Content-Type": {"text/xml"}}, fulfillment(order, item))
	c.post("/feeds/2021-06-30/feeds", `{"feedType":"POST_ORDER_FULFILLMENT_DATA","marketplaceIds":["`+us+`"],"inputFeedDocumentId":"`+in.text("feedDocumentId")+`"}`)
	if s := c.get("/orders/v0/orders/"+order).text("payload", "OrderStatus"); s != "Unshipped" {
		t.Errorf("at once: %s", s)
	}
	c.clock.advance(time.Minute)
	if s := c.get("/orders/v0/orders/"+order).text("payload", "OrderStatus"); s == "Unshipped" {
		t.Errorf("a minute later: %s", s)
	}
}

// unshippedOrder finds an order that the merchant has to ship, and its only item.
func (c *client) unshippedOrder(not ...string) (order, item string) {
	c.t.Helper()
	for _, id := range c.ordersV0(allUS + "&OrderStatuses=Unshipped&FulfillmentChannels=MFN") {
		items := c.get("/orders/v0/orders/" + id + "/orderItems")
		if l, _ := items.path("payload", "OrderItems").([]any); len(l) == 1 && !slices.Contains(not, id) {
			return id, items.text("payload", "OrderItems", 0, "OrderItemId")
		}
	}
	c.t.Fatal("no order to be shipped")
	return "", ""
}

func envelope(kind string, messages ...string) string {
	var b strings.Builder
	b.WriteString(`<?xml version="1.0" encoding="UTF-8"?><AmazonEnvelope><Header><DocumentVersion>1.01</DocumentVersion><MerchantIdentifier>M</MerchantIdentifier></Header><MessageType>` + kind + `</MessageType>`)
	for i, m := range messages {
		fmt.Fprintf(&b, "<Message><MessageID>%d</MessageID>%s</Message>", i+1, m)
	}
	return b.String() + "</AmazonEnvelope>"
}

func fulfillment(order, item string) string {
	return envelope("OrderFulfillment", `<OrderFulfillment><AmazonOrderID>`+order+`</AmazonOrderID><FulfillmentDate>2026-03-01T12:00:00Z</FulfillmentDate><FulfillmentData><CarrierCode>DHL</CarrierCode><ShippingMethod>Paket</ShippingMethod><ShipperTrackingNumber>JJD1</ShipperTrackingNumber></FulfillmentData><Item><AmazonOrderItemCode>`+item+`</AmazonOrderItemCode></Item></OrderFulfillment>`)
}

func TestOrderFeeds(t *testing.T) {
	c := newClient(t, emulator.WithoutLimits(), emulator.WithOrders(2000))
	status := func(order string) string { return c.get("/orders/v0/orders/"+order).text("payload", "OrderStatus") }

	a, item := c.unshippedOrder()
	f, report := c.feed("POST_ORDER_FULFILLMENT_DATA", "text/xml; charset=utf-8", strings.Replace(fulfillment(a, item), "</AmazonEnvelope>", `<Message><MessageID>2</MessageID><OrderFulfillment><AmazonOrderID>111-0000000-0000000</AmazonOrderID></OrderFulfillment></Message></AmazonEnvelope>`, 1), "")
	var parsed struct {
		Message struct {
			ProcessingReport struct {
				DocumentTransactionID string
				ProcessingSummary     struct{ MessagesProcessed, MessagesSuccessful, MessagesWithError int }
				Result                []struct {
					MessageID  int
					ResultCode string
				}
			}
		}
	}
	if err := xml.Unmarshal([]byte(report), &parsed); err != nil {
		t.Fatal(err)
	}
	p := parsed.Message.ProcessingReport
	if status(a) != "Shipped" || f.text("processingStatus") != "DONE" || p.ProcessingSummary.MessagesSuccessful != 1 || len(p.Result) != 1 || p.Result[0].MessageID != 2 || p.DocumentTransactionID != f.text("feedId") {
		t.Errorf("fulfilment in XML: %s %s %s", status(a), f.body, report)
	}

	b, item := c.unshippedOrder()
	_, report = c.feed("POST_FLAT_FILE_FULFILLMENT_DATA", "text/tab-separated-values; charset=UTF-8",
		"order-id\torder-item-id\tquantity\tship-date\tcarrier-code\tcarrier-name\ttracking-number\tship-method\n"+b+"\t"+item+"\t\t2026-03-01\tOther\tSnail\t1\tslow\n"+"111-0000000-0000000\t\t\t\t\t\t\t\n", "")
	if status(b) != "Shipped" || !strings.Contains(report, "Number of records processed\t\t2\n") || !strings.Contains(report, "Number of records successful\t\t1\n") || !strings.Contains(report, "\n3\t") {
		t.Errorf("fulfilment as a flat file: %s %s", status(b), report)
	}

	d, _ := c.unshippedOrder()
	if c.feed("POST_ORDER_ACKNOWLEDGEMENT_DATA", "text/xml", envelope("OrderAcknowledgement", `<OrderAcknowledgement><AmazonOrderID>`+d+`</AmazonOrderID><StatusCode>Failure</StatusCode></OrderAcknowledgement>`), ""); status(d) != "Canceled" {
		t.Errorf("refused in XML: %s", status(d))
	}
	g, _ := c.unshippedOrder()
	if c.feed("POST_FLAT_FILE_ORDER_ACKNOWLEDGEMENT_DATA", "text/plain", "order-id\tcancellation-reason-code\n"+g+"\tNoInventory\n", ""); status(g) != "Canceled" {
		t.Errorf("refused as a flat file: %s", status(g))
	}
	h, _ := c.unshippedOrder()
	_, report = c.feed("UPLOAD_VAT_INVOICE", "application/pdf", "%PDF-1.4 …", `,"feedOptions":{"metadata:OrderId":"`+h+`","metadata:InvoiceNumber":"1"}`)
	if !strings.Contains(report, "<MessagesSuccessful>1</MessagesSuccessful>") {
		t.Errorf("invoice: %s", report)
	}
	if f, _ := c.feed("UPLOAD_VAT_INVOICE", "application/pdf", "no pdf", ""); f.text("processingStatus") != "FATAL" {
		t.Errorf("no PDF: %s", f.body)
	}
	for name, content := range map[string]string{"no XML": "<a", "other root": "<a/>", "no messages": envelope("OrderFulfillment"), "no merchant": "<AmazonEnvelope><Header/><Message/></AmazonEnvelope>"} {
		if f, _ := c.feed("POST_ORDER_FULFILLMENT_DATA", "text/xml", content, ""); f.text("processingStatus") != "FATAL" {
			t.Errorf("%s: %s", name, f.body)
		}
	}
	if f, _ := c.feed("POST_FLAT_FILE_FULFILLMENT_DATA", "text/plain", "a\tb\n1\t2\n", ""); f.text("processingStatus") != "FATAL" {
		t.Errorf("no order-id: %s", f.body)
	}
}

// TestListingFeedsOfOld work until 2025-07-31 on the clock, and fail from then on.
func TestListingFeedsOfOld(t *testing.T) {
	c := newClient(t, emulator.WithoutLimits())
	if f, report := c.feed("POST_INVENTORY_AVAILABILITY_DATA", "text/xml", envelope("Inventory", "<Inventory><SKU>x</SKU><Quantity>1</Quantity></Inventory>"), ""); f.text("processingStatus") != "FATAL" || !strings.Contains(report, "no longer supported") {
		t.Errorf("in 2026: %s %s", f.body, report)
	}
	old := &clock{t: time.Date(2025, 7, 1, 0, 0, 0, 0, time.UTC)}
	c = &client{t: t, clock: old}
	e, err := emulator.New(emulator.WithSeed(1), emulator.WithClock(old), emulator.WithoutLimits())
	if err != nil {
		t.Fatal(err)
	}
	c.Emulator = e
	c.refresh()
	read := func() map[string]map[string]string {
		text, _ := c.reportText(na, c.report(na, `{"reportType":"GET_MERCHANT_LISTINGS_ALL_DATA","marketplaceIds":["`+us+`"]}`))
		out := map[string]map[string]string{}
		for _, line := range strings.Split(strings.TrimSuffix(text, "\r\n"), "\r\n")[1:] {
			cells := strings.Split(line, "\t")
			out[cells[3]] = map[string]string{"price": cells[4], "quantity": cells[5], "channel": cells[26]}
		}
		return out
	}
	skus := merchants(read())
	sku := skus[0]
	c.feed("POST_INVENTORY_AVAILABILITY_DATA", "text/xml", envelope("Inventory", "<OperationType>Update</OperationType><Inventory><SKU>"+xmlEscape(sku)+"</SKU><Quantity>41</Quantity></Inventory>"), "")
	c.feed("POST_PRODUCT_PRICING_DATA", "text/xml", envelope("Price", "<Price><SKU>"+xmlEscape(sku)+`</SKU><StandardPrice currency="USD">17.50</StandardPrice></Price>`), "")
	if got := read()[sku]; got["quantity"] != "41" || got["price"] != "17.50" {
		t.Errorf("XML: %v", got)
	}
	c.feed("POST_FLAT_FILE_PRICEANDQUANTITYONLY_UPDATE_DATA", "text/tab-separated-values", "sku\tprice\tquantity\n"+sku+"\t18.25\t42\n"+skus[1]+"\tx\t\n", "")
	if got := read()[sku]; got["quantity"] != "42" || got["price"] != "18.25" {
		t.Errorf("flat file: %v", got)
	}
	c.feed("POST_FLAT_FILE_INVLOADER_DATA", "text/tab-separated-values; charset=Cp1252", "sku\tadd-delete\n"+sku+"\td\n", "")
	if got := read()[sku]; got != nil {
		t.Errorf("deleted: %v", got)
	}
}

func xmlEscape(s string) string {
	var b strings.Builder
	_ = xml.EscapeText(&b, []byte(s))
	return b.String()
}

func TestFeedRequests(t *testing.T) {
	c := newClient(t, emulator.WithoutLimits())
	in := c.post("/feeds/2021-06-30/documents", `{"contentType":"text/xml"}`).text("feedDocumentId")
	create := func(kind, marketplace, document string) result {
		return c.post("/feeds/2021-06-30/feeds", `{"feedType":"`+kind+`","marketplaceIds":["`+marketplace+`"],"inputFeedDocumentId":"`+document+`"}`)
	}
	for name, r := range map[string]result{
		"type": create("POST_NOTHING", us, in), "marketplace": create("JSON_LISTINGS_FEED", "X", in), "document": create("JSON_LISTINGS_FEED", us, "x"),
		"content type": c.post("/feeds/2021-06-30/documents", `{"contentType":" "}`), "no content type": c.post("/feeds/2021-06-30/documents", `{}`),
		"result": c.get("/feeds/2021-06-30/documents/x"), "list": c.get("/feeds/2021-06-30/feeds"), "list of unknown": c.get("/feeds/2021-06-30/feeds?feedTypes=X"),
	} {
		if r.status != 400 {
			t.Errorf("%s: %d %s", name, r.status, r.body)
		}
	}
	first := create("JSON_LISTINGS_FEED", us, in).text("feedId")
	second := create("JSON_LISTINGS_FEED", us, in).text("feedId")
	if r := c.at(na, "DELETE", "/feeds/2021-06-30/feeds/"+first, ""); r.status != 200 {
		t.Errorf("cancel: %d %s", r.status, r.body)
	}
	c.clock.advance(time.Minute)
	if r := c.get("/feeds/2021-06-30/feeds/" + first); r.text("processingStatus") != "CANCELLED" {
		t.Errorf("cancelled: %s", r.body)
	}
	if r := c.get("/feeds/2021-06-30/feeds/" + second); r.text("processingStatus") != "FATAL" { // nothing was uploaded
		t.Errorf("without contents: %s", r.body)
	}
	if r := c.at(na, "DELETE", "/feeds/2021-06-30/feeds/"+second, ""); r.status != 400 {
		t.Errorf("cancelling at the end: %d %s", r.status, r.body)
	}
	page := c.get("/feeds/2021-06-30/feeds?feedTypes=JSON_LISTINGS_FEED&pageSize=1")
	rest := c.get("/feeds/2021-06-30/feeds?nextToken=" + url.QueryEscape(page.text("nextToken")))
	if page.text("feeds", 0, "feedId") != second || rest.text("feeds", 0, "feedId") != first || rest.text("nextToken") != "" {
		t.Errorf("pages: %s %s", page.body, rest.body)
	}
	if r := c.get("/feeds/2021-06-30/feeds?pageSize=1&nextToken=" + url.QueryEscape(page.text("nextToken"))); r.status != 400 {
		t.Errorf("token beside another parameter: %d", r.status)
	}
	if r := c.get("/feeds/2021-06-30/feeds?feedTypes=JSON_LISTINGS_FEED&processingStatuses=CANCELLED"); len(r.json["feeds"].([]any)) != 1 {
		t.Errorf("by status: %s", r.body)
	}
}

// TestListingsFeedLimit: five in five minutes, whatever the operation's own limit still allows; other types go on.
func TestListingsFeedLimit(t *testing.T) {
	submit := func(c *client, kind string) int {
		in := c.post("/feeds/2021-06-30/documents", `{"contentType":"application/json"}`)
		if got := c.do("PUT", in.text("url"), http.Header{"Content-Type": {"application/json"}}, "{}"); got.status != 200 {
			t.Fatalf("upload: %d %s", got.status, got.body)
		}
		r := c.post("/feeds/2021-06-30/feeds", `{"feedType":"`+kind+`","marketplaceIds":["`+us+`"],"inputFeedDocumentId":"`+in.text("feedDocumentId")+`"}`)
		if r.status == 429 && (r.text("errors", 0, "code") != "QuotaExceeded" || r.header.Get("x-amzn-RateLimit-Limit") != "" || r.header.Get("Retry-After") != "") {
			t.Errorf("429: %s %v", r.body, r.header)
		}
		return r.status
	}
	const listings, other = "JSON_LISTINGS_FEED", "POST_ORDER_FULFILLMENT_DATA"
	expect := func(c *client, kind string, want ...int) {
		t.Helper()
		for i, status := range want {
			if got := submit(c, kind); got != status {
				t.Errorf("%s, number %d: %d, want %d", kind, i+1, got, status)
			}
		}
	}
	c := newClient(t)
	expect(c, listings, 202, 202, 202, 202, 202, 429)
	expect(c, other, 202)
	second, err := c.AddAccount(emulator.AccountConfig{})
	if err != nil {
		t.Fatal(err)
	}
	mine := c.token
	c.token = c.accessToken(second)
	expect(c, listings, 202) // each seller has five
	c.token = mine
	c.clock.advance(time.Minute)
	expect(c, listings, 202, 429)
	state, err := c.Export()
	if err != nil {
		t.Fatal(err)
	}
	if err := c.Import(state); err != nil {
		t.Fatal(err)
	}
	expect(c, listings, 429)
	c.clock.advance(5 * time.Minute)
	c.refresh()
	expect(c, listings, 202, 202, 202, 202)

	for _, free := range []emulator.Option{emulator.WithoutLimits(), emulator.WithSandbox(), emulator.WithRateLimit("feeds20210630.create*", 100, 100)} {
		expect(newClient(t, free), listings, 202, 202, 202, 202, 202, 202, 202)
	}
}
