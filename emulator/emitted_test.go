package emulator

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/openspapi/spapi/emulator/internal/world"
	"github.com/openspapi/spapi/internal/notificationtypes"
	"github.com/openspapi/spapi/marketplace"
)

// emitted is what lets the emulator send messages of a type: a change of what it has, by a request or by time; or nothing, and why.
type emitted struct{ kind, version, change, none string }

var emittedTypes = []emitted{
	{"ACCOUNT_STATUS_CHANGED", "2021-01-01", "the control plane sets the status of an account", ""},
	{"ANY_OFFER_CHANGED", "1.0", "an offer of an ASIN changes, by a listing, a feed or a competitor's hour", ""},
	{"APPLICATION_OAUTH_CLIENT_NEW_SECRET", "2023-11-30", "rotateApplicationClientSecret", ""},
	{"APPLICATION_OAUTH_CLIENT_SECRET_EXPIRY", "2023-11-30", "the secret has 90 days left", ""},
	{"B2B_ANY_OFFER_CHANGED", "1.0", "a business offer of an ASIN changes", ""},
	{"BOPIS_CHECKIN_DETAILS", "", "", "nobody has published its shape"},
	{"BRANDED_ITEM_CONTENT_CHANGE", "1.0", "title, description, bullet points or images of a brand's item change", ""},
	{"DATA_KIOSK_QUERY_PROCESSING_FINISHED", "2023-11-15", "a query ends", ""},
	{"DETAIL_PAGE_TRAFFIC_EVENT", "2020-09-04", "an hour ends", ""},
	{"EXTERNAL_FULFILLMENT_SHIPMENT_STATUS_CHANGE", "1.0", "", "nobody has published its schema: what is known of its shape is what others read"},
	{"FBA_INVENTORY_AVAILABILITY_CHANGES", "1.0", "a quantity at Amazon changes", ""},
	{"FBA_OUTBOUND_SHIPMENT_STATUS", "1.0", "a shipment of FBA Onsite is created or cancelled", ""},
	{"FEED_PROCESSING_FINISHED", "2020-09-04", "a feed ends", ""},
	{"FEE_PROMOTION", "1.0", "the control plane lets a fee promotion begin", ""},
	{"FULFILLMENT_ORDER_STATUS", "1.0", "an order of Multi-Channel Fulfillment goes on", ""},
	{"ITEM_INVENTORY_EVENT_CHANGE", "2020-09-04", "an hour ends", ""},
	{"ITEM_PRODUCT_TYPE_CHANGE", "1.0", "the product type of a brand's item changes", ""},
	{"ITEM_SALES_EVENT_CHANGE", "2020-09-04", "an hour ends", ""},
	{"LISTINGS_ITEM_ISSUES_CHANGE", "1.0", "the issues of a listing change", ""},
	{"LISTINGS_ITEM_ISSUES_CHANGE", "2023-12-13", "the issues of a listing change", ""},
	{"LISTINGS_ITEM_MFN_QUANTITY_CHANGE", "1.0", "the quantity of a listing changes", ""},
	{"LISTINGS_ITEM_STATUS_CHANGE", "1.0", "a listing is created, deleted, buyable or no longer so", ""},
	{"MFN_ORDER_STATUS_CHANGE", "1.0", "", "Amazon has removed it; ORDER_CHANGE took its place"},
	{"ORDER_CHANGE", "1.0", "an order comes to another status, or its buyer wants it cancelled", ""},
	{"ORDER_STATUS_CHANGE", "1.0", "", "Amazon has removed it; ORDER_CHANGE took its place"},
	{"PRICING_HEALTH", "1.0", "an offer loses the featured offer by its price", ""},
	{"PRODUCT_TYPE_DEFINITIONS_CHANGE", "1.0", "the control plane lets a new version of product types come out", ""},
	{"REPORT_PROCESSING_FINISHED", "2020-09-04", "a report ends", ""},
	{"SHIPMENT_TRACKING_MILESTONE_CHANGED", "2026-01-30", "a parcel comes to a milestone", ""},
	{"SHIPPING_CHARGE_NOTIFICATION", "", "", "nobody has published its shape"},
	{"TRANSACTION_UPDATE", "1.0", "a transaction is posted or released", ""},
}

// changes lets happen whatever the table says of the types, after a subscription to each, and returns the types and payload versions of what came of it.
func (s *shop) changes(arrived *[][]byte) map[string]bool {
	s.t.Helper()
	s.SetCredentialQueue("arn:aws:sqs:us-east-1:123456789012:secrets")
	s.RotateSecret()
	s.send("POST", s.host+"/applications/2023-11-30/clientSecret", s.grantless("sellingpartnerapi::client_credential:rotation"), "")
	s.Advance(91 * 24 * time.Hour)
	s.refresh()
	s.putListing("own", "WRITING_INSTRUMENT", nil)
	cheap, m := s.rivalled(false)
	business, _ := s.rivalled(true)
	var amiss *world.Listing
	for _, l := range s.w.AllListings() {
		if len(l.Issues) > 0 {
			amiss = l
		}
	}
	for _, e := range emittedTypes {
		if typ := typeOf(s.t, e.kind, e.version); e.change == "" || typ.Token == "none" {
			continue
		}
		sub := Subscription{Type: e.kind, Version: e.version}
		if e.kind == "FBA_OUTBOUND_SHIPMENT_STATUS" { // in Brazil only
			sub.Seller = &s.Accounts()[1]
		}
		if e.kind == "SHIPMENT_TRACKING_MILESTONE_CHANGED" { // of one shipment
			o := s.orderWhere("on its way", func(o *world.Order) bool { return o.Amazon && o.Status(s.Now()) == world.Unshipped })
			sub.Directive = `{"eventFilter":{"eventFilterType":"` + e.kind + `","trackingIdentifier":{"aftn":"AFTN` + strings.ReplaceAll(o.ID, "-", "") + `"}}}`
		}
		Subscribe(s.t, s.Emulator, sub)
	}
	// One job of each kind, which ends.
	s.want("report", s.post("/reports/2021-06-30/reports", `{"reportType":"GET_MERCHANT_LISTINGS_ALL_DATA","marketplaceIds":["ATVPDKIKX0DER"]}`), 202, "reportId")
	s.want("query", s.post("/dataKiosk/2023-11-15/queries", `{"query":"{analytics_salesAndTraffic_2024_04_24{salesAndTrafficByDate(aggregateBy:DAY,startDate:\"2026-05-01\",`+
		`endDate:\"2026-05-02\",marketplaceIds:[\"ATVPDKIKX0DER\"]){endDate}}}"}`), 202, "queryId")
	document := s.post("/feeds/2021-06-30/documents", `{"contentType":"application/json"}`)
	s.send("PUT", document.text("url"), "", `{"header":{"sellerId":"A1","version":"2.0"},"messages":[]}`)
	s.want("feed", s.post("/feeds/2021-06-30/feeds", `{"feedType":"JSON_LISTINGS_FEED","marketplaceIds":["ATVPDKIKX0DER"],"inputFeedDocumentId":"`+document.text("feedDocumentId")+`"}`), 202, "feedId")
	s.want("outbound order", s.post("/fba/outbound/2020-07-01/fulfillmentOrders", outboundOrder(s.w.Products[0].SKU)), 200, "")
	// Listings.
	cents := func(n int) string { return fmt.Sprintf("%d.%02d", n/100, n%100) }
	s.patchListing(cheap.SKU, pricePatch(cents(cheap.Product.Cents/2), ""))
	s.patchListing(cheap.SKU, pricePatch(cents(cheap.Product.Cents*2), ""))
	s.patchListing(business.SKU, pricePatch(cents(business.Product.Cents*9/10), `},{"audience":"B2B","our_price":[{"schedule":[{"value_with_tax":`+cents(business.Product.Cents*8/10)+`}]}]`))
	s.patchListing(amiss.SKU, `{"op":"add","path":"/attributes/product_description","value":[{"value":"Writes well"}]}`)
	s.putListing("own", "SCISSORS", map[string]any{"item_name": []any{map[string]any{"value": "Own scissors"}}})
	s.send("DELETE", s.host+s.listingPath("own"), s.token, "")
	// The control plane.
	s.PublishProductTypes()
	if _, err := s.BeginFeePromotion(FeePromotion{Percent: 50, From: s.Now().Add(time.Minute)}); err != nil {
		s.t.Fatal(err)
	}
	if err := s.SetAccountStatus(s.Credentials().SellerID, m.ID, "AT_RISK"); err != nil {
		s.t.Fatal(err)
	}
	s.Advance(3 * 24 * time.Hour)
	s.Deliver()
	came := map[string]bool{}
	for _, body := range *arrived {
		told := ReadMessage(s.t, Delivery{Body: body})
		came[told.Type+" "+told.Version] = true
	}
	return came
}

// TestTypesEmitted: each type stands in the table, and says what lets messages of it come: then one comes when that happens, in each payload version, and the
// type has a source in a flow; or why none does, and then it has none. What the source makes on request fits Amazon's schema, too. News of secrets are no
// flow's: application management sends them.
func TestTypesEmitted(t *testing.T) {
	var arrived [][]byte
	s := newShop(t, WithNotificationSink(func(_ string, body []byte) { arrived = append(arrived, body) }))
	brazil, err := s.AddAccount(AccountConfig{Region: marketplace.NorthAmerica, Marketplaces: []string{"A2Q3Y263D00KWC"}})
	if err != nil {
		t.Fatal(err)
	}
	came := s.changes(&arrived)
	all, sources, changed := notificationtypes.All(), s.desk.NewsSources(), 0
	if len(all) != len(emittedTypes) {
		t.Fatalf("%d types are in the table, and there are %d", len(emittedTypes), len(all))
	}
	known := map[string]bool{}
	for i, e := range emittedTypes {
		typ := all[i]
		known[e.kind] = true
		if typ.Name != e.kind || typ.PayloadVersion != e.version || (e.change == "") == (e.none == "") {
			t.Errorf("row %d is %+v, want %s %s with one reason", i, e, typ.Name, typ.PayloadVersion)
			continue
		}
		if e.change != "" {
			changed++
		}
		if came := came[e.kind+" "+e.version]; came != (e.change != "") {
			t.Errorf("%s %s: a message came of a change: %t, and the table says %q %q", e.kind, e.version, came, e.change, e.none)
		}
		if typ.Token == "none" {
			continue
		}
		source, ok := sources[e.kind]
		if ok != (e.change != "") {
			t.Errorf("%s: has a source: %t, and the table says %q %q", e.kind, ok, e.change, e.none)
		}
		if !ok {
			continue
		}
		if source.About == nil {
			t.Errorf("%s: its source has no About: nobody can trigger it", e.kind)
			continue
		}
		seller := ""
		if e.kind == "FBA_OUTBOUND_SHIPMENT_STATUS" { // in Brazil only
			seller = brazil.SellerID
		}
		got, err := s.Trigger(Trigger{Type: e.kind, PayloadVersion: e.version, Seller: seller, Queue: QueueOf(e.kind)})
		if err != nil || len(got.Messages) != 1 {
			t.Errorf("%s: %+v %v", e.kind, got, err)
			continue
		}
		if m := ReadMessage(t, Delivery{Body: got.Messages[0].Body}); m.Type != e.kind || m.Version != e.version {
			t.Errorf("%s %s: %+v", e.kind, e.version, m)
		}
	}
	for kind := range sources {
		if !known[kind] {
			t.Errorf("%s has a source and is no type", kind)
		}
	}
	t.Logf("%d of %d types (payload versions counted apart) are sent because something has changed; the others only on request", changed, len(all))
}
