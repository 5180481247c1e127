package emulator

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

	"github.com/openspapi/spapi/emulator/internal/world"
	"github.com/openspapi/spapi/marketplace"
	"github.com/openspapi/spapi/notifications"
)

// heard are the messages of a type that have been sent so far, each read as users read it, too: nothing may be left over.
func heard(t testing.TB, e *Emulator, typ string) []Message {
	t.Helper()
	list := Told(t, e, typ)
	for _, m := range list {
		n, err := notifications.Parse(m.Delivery.Body)
		if err != nil || len(n.Rest) > 0 || n.Type != m.Type {
			t.Errorf("%s is read as %v, rest %v, error %v\n%s", m.Type, n, n.Rest, err, m.Delivery.Body)
		}
	}
	return list
}

// one is the only message of a type.
func one(t testing.TB, e *Emulator, typ string) Message {
	t.Helper()
	list := heard(t, e, typ)
	if len(list) != 1 {
		t.Fatalf("%d messages of %s, want 1: %v", len(list), typ, texts(list))
	}
	return list[0]
}

func texts(list []Message) (out []string) {
	for _, m := range list {
		out = append(out, string(m.Delivery.Body))
	}
	return out
}

// none wants no message at all.
func none(t testing.TB, e *Emulator, what string) {
	t.Helper()
	if list := Told(t, e, ""); len(list) > 0 {
		t.Errorf("%s is told: %v", what, texts(list))
	}
}

func (s *shop) listingPath(sku string) string {
	return "/listings/2021-08-01/items/" + s.Credentials().SellerID + "/" + url.PathEscape(sku) + "?marketplaceIds=" + s.market(0).ID
}

// patchListing changes attributes of a listing, as JSON patches without brackets.
func (s *shop) patchListing(sku, patches string) {
	s.t.Helper()
	l := s.w.ListingOf(sku)
	if r := s.send("PATCH", s.host+s.listingPath(sku), s.token, `{"productType":"`+l.ProductType+`","patches":[`+patches+`]}`); r.status != 200 || r.text("status") != "ACCEPTED" {
		s.t.Fatalf("patch of %s: %d %s", sku, r.status, r.body)
	}
}

func pricePatch(amount, more string) string {
	return `{"op":"replace","path":"/attributes/purchasable_offer","value":[{"our_price":[{"schedule":[{"value_with_tax":` + amount + `}]}]` + more + `}]}`
}

// rivalled is a listing of Amazon's in the main marketplace that has rivals, takes part and has a price for business buyers or not.
func (s *shop) rivalled(business bool) (*world.Listing, *marketplace.Marketplace) {
	s.t.Helper()
	m := s.market(0)
	s.w.RLock()
	defer s.w.RUnlock()
	for _, l := range s.w.AllListings() {
		io := s.w.OffersOf(l.Product, m, s.Now())
		if l.Amazon && l.Buyable(m.ID) && len(io.Of("New")) > 2 && len(io.Of("Used")) > 0 && (l.Offers[m.ID].Business.Units > 0) == business {
			return l, m
		}
	}
	s.t.Fatal("no such listing")
	return nil, nil
}

// subscribeAll subscribes to types.
func subscribeAll(t testing.TB, e *Emulator, types ...string) {
	t.Helper()
	for _, typ := range types {
		Subscribe(t, e, Subscription{Type: typ})
	}
}

func compare(t testing.TB, what string, got, want any) {
	t.Helper()
	if fmt.Sprint(got) != fmt.Sprint(want) {
		t.Errorf("%s: told %v, but answered %v", what, got, want)
	}
}

// sameOffers holds what a message tells of offers against what getItemOffers answers.
func (s *shop) sameOffers(m Message, customer string) {
	s.t.Helper()
	trigger := func(name string) string { return m.Text("OfferChangeTrigger", name) }
	r := s.get("/products/pricing/v0/items/" + trigger("ASIN") + "/offers?MarketplaceId=" + trigger("MarketplaceId") + "&ItemCondition=" + trigger("ItemCondition") + "&CustomerType=" + customer)
	told, _ := m.At("Offers").([]any)
	compare(s.t, "offers", len(told), len(r.list("payload", "Offers")))
	for i := range told {
		of := func(steps ...any) string { return m.Text(append([]any{"Offers", i}, steps...)...) }
		is := func(steps ...any) string { return r.text(append([]any{"payload", "Offers", i}, steps...)...) }
		for _, path := range [][]any{{"SellerId"}, {"SubCondition"}, {"IsFulfilledByAmazon"}, {"IsFeaturedMerchant"}, {"ListingPrice", "CurrencyCode"}, {"ShipsFrom", "Country"}, {"SellerFeedbackRating", "FeedbackCount"}} {
			compare(s.t, fmt.Sprint("offer ", i, " ", path), of(path...), is(path...))
		}
		for _, path := range [][]any{{"ListingPrice", "Amount"}, {"Shipping", "Amount"}} {
			compare(s.t, fmt.Sprint("offer ", i, " ", path), number(s.t, of(path...)), number(s.t, is(path...)))
		}
	}
	for from, to := range map[string]string{"NumberOfOffers": "NumberOfOffers", "LowestPrices": "LowestPrices", "BuyBoxPrices": "BuyBoxPrices"} {
		told, _ := m.At("Summary", from).([]any)
		compare(s.t, from, len(told), len(r.list("payload", "Summary", to)))
		for i := range told {
			entry, _ := r.path("payload", "Summary", to, i).(map[string]any)
			compare(s.t, from+" condition", m.Text("Summary", from, i, "Condition"), strings.ToLower(fmt.Sprint(entry["condition"])))
			if from == "NumberOfOffers" {
				compare(s.t, from, m.Text("Summary", from, i, "OfferCount"), entry["OfferCount"])
				continue
			}
			compare(s.t, from, number(s.t, m.Text("Summary", from, i, "LandedPrice", "Amount")), number(s.t, r.text("payload", "Summary", to, i, "LandedPrice", "Amount")))
			if customer == "Business" {
				compare(s.t, from, m.Text("Summary", from, i, "OfferType"), r.text("payload", "Summary", to, i, "offerType"))
			}
		}
	}
}

func number(t testing.TB, text string) float64 {
	t.Helper()
	f, err := json.Number(text).Float64()
	if err != nil {
		t.Errorf("%q is no number", text)
	}
	return f
}

func TestOfferNews(t *testing.T) {
	s := newShop(t)
	l, m := s.rivalled(false)
	other, _ := s.rivalled(true)
	price := func(cents int) string { return fmt.Sprintf("%d.%02d", cents/100, cents%100) }
	usual := l.Product.Cents
	s.patchListing(l.SKU, pricePatch(price(usual+1), "")) // before anybody is subscribed
	subscribeAll(t, s.Emulator, "ANY_OFFER_CHANGED", "B2B_ANY_OFFER_CHANGED", "PRICING_HEALTH")
	none(t, s.Emulator, "what was before the subscription")

	s.Advance(time.Minute)
	s.patchListing(l.SKU, pricePatch(price(usual/2), ""))
	n := one(t, s.Emulator, "ANY_OFFER_CHANGED")
	s.sameOffers(n, "Consumer")
	for path, want := range map[string]string{"MarketplaceId": m.ID, "ASIN": l.Product.ASIN, "ItemCondition": "New", "OfferChangeType": "Internal", "TimeOfOfferChange": n.EventTime.Format("2006-01-02T15:04:05.000Z")} {
		compare(t, path, n.Text("OfferChangeTrigger", path), want)
	}
	compare(t, "time", n.EventTime, s.Now())
	compare(t, "the lowest price is ours", number(t, n.Text("Offers", 0, "ListingPrice", "Amount")), number(t, price(usual/2)))
	summary := s.post("/batches"+summaryURI, fmt.Sprintf(`{"requests":[{"uri":%q,"method":"GET","asin":%q,"marketplaceId":%q,"includedData":["featuredBuyingOptions","referencePrices"]}]}`, summaryURI, l.Product.ASIN, m.ID))
	compare(t, "featured", number(t, n.Text("Summary", "BuyBoxPrices", 0, "ListingPrice", "Amount")),
		number(t, summary.text("responses", 0, "body", "featuredBuyingOptions", 0, "segmentedFeaturedOffers", 0, "listingPrice", "amount")))
	compare(t, "threshold", number(t, n.Text("Summary", "CompetitivePriceThreshold", "Amount")), number(t, summary.text("responses", 0, "body", "referencePrices", 0, "price", "amount")))
	rank := s.get("/products/pricing/v0/items/" + l.Product.ASIN + "/offers?MarketplaceId=" + m.ID + "&ItemCondition=New")
	compare(t, "rank", n.Text("Summary", "SalesRankings", 0, "Rank"), rank.text("payload", "Summary", "SalesRankings", 0, "Rank"))

	s.patchListing(l.SKU, pricePatch(price(usual/2), "")) // the same again
	one(t, s.Emulator, "ANY_OFFER_CHANGED")
	if list := heard(t, s.Emulator, "PRICING_HEALTH"); len(list) > 0 {
		t.Errorf("a low price is told as a problem: %v", texts(list))
	}

	// Above the threshold the offer can't be the featured one any more.
	s.Advance(time.Minute)
	s.patchListing(l.SKU, pricePatch(price(usual*2), ""))
	health := one(t, s.Emulator, "PRICING_HEALTH")
	compare(t, "issue", health.Text("issueType"), "BuyBoxDisqualification")
	compare(t, "ours", number(t, health.Text("merchantOffer", "listingPrice", "amount")), number(t, price(usual*2)))
	last := heard(t, s.Emulator, "ANY_OFFER_CHANGED")[1]
	s.sameOffers(last, "Consumer")
	if number(t, health.Text("merchantOffer", "landedPrice", "amount")) <= number(t, health.Text("summary", "referencePrice", "competitivePriceThreshold", "amount")) {
		t.Errorf("disqualified below the threshold: %s", health.Delivery.Body)
	}
	compare(t, "featured", health.Text("summary", "buyBoxPrices", 0, "landedPrice", "amount"), last.Text("Summary", "BuyBoxPrices", 0, "LandedPrice", "Amount"))
	compare(t, "trigger", health.Text("offerChangeTrigger", "timeOfOfferChange"), last.Text("OfferChangeTrigger", "TimeOfOfferChange"))

	// Prices for business buyers.
	if list := heard(t, s.Emulator, "B2B_ANY_OFFER_CHANGED"); len(list) > 0 {
		t.Errorf("an offer without a price for businesses is told to them: %v", texts(list))
	}
	s.patchListing(other.SKU, pricePatch(price(other.Product.Cents*9/10), `},{"audience":"B2B","our_price":[{"schedule":[{"value_with_tax":`+price(other.Product.Cents*8/10)+`}]}]`))
	s.sameOffers(one(t, s.Emulator, "B2B_ANY_OFFER_CHANGED"), "Business")

	// A discount begins and ends by its schedule, whether anybody asks for something meanwhile or not.
	was := len(heard(t, s.Emulator, "ANY_OFFER_CHANGED"))
	from, to := s.Now().Add(time.Hour).UTC(), s.Now().Add(3*time.Hour).UTC()
	s.patchListing(l.SKU, pricePatch(price(usual*2), fmt.Sprintf(`,"discounted_price":[{"schedule":[{"value_with_tax":%s,"start_at":%q,"end_at":%q}]}]`, price(usual/2), from.Format(time.RFC3339), to.Format(time.RFC3339))))
	if list := heard(t, s.Emulator, "ANY_OFFER_CHANGED"); len(list) != was {
		t.Errorf("a discount to come is told: %v", texts(list[was:]))
	}
	s.Advance(2 * time.Hour)
	s.refresh()
	list := heard(t, s.Emulator, "ANY_OFFER_CHANGED")
	list = list[was:]
	list = slices.DeleteFunc(list, func(n Message) bool { return n.Text("OfferChangeTrigger", "ASIN") != l.Product.ASIN })
	if len(list) != 1 || !list[0].EventTime.Equal(from) {
		t.Fatalf("begin of a discount at %s: told %v", from, texts(list))
	}
	s.sameOffers(list[0], "Consumer")
	state, err := s.Export()
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Import(state); err != nil {
		t.Fatal(err)
	}
	s.w = s.desk.Seller(0).World()
	s.Advance(2 * time.Hour)
	list = slices.DeleteFunc(heard(t, s.Emulator, "ANY_OFFER_CHANGED")[was:], func(n Message) bool { return n.Text("OfferChangeTrigger", "ASIN") != l.Product.ASIN })
	if len(list) != 2 || !list[1].EventTime.Equal(to) {
		t.Errorf("end of a discount at %s, after an import: told %v", to, texts(list))
	}

	s.Reset()
	s.Advance(24 * time.Hour)
	none(t, s.Emulator, "what was subscribed before a reset")
}

// put puts a new listing of the seller's own brand.
func (s *shop) putListing(sku, productType string, attributes map[string]any) {
	s.t.Helper()
	all := map[string]any{}
	for name, v := range map[string]any{"item_name": "Own pen", "brand": "Own brand", "bullet_point": "Writes", "country_of_origin": "DE", "supplier_declared_dg_hz_regulation": "not_applicable", "condition_type": "new_new"} {
		all[name] = []any{map[string]any{"value": v}}
	}
	all["purchasable_offer"] = []any{map[string]any{"our_price": []any{map[string]any{"schedule": []any{map[string]any{"value_with_tax": 12.5}}}}}}
	all["fulfillment_availability"] = []any{map[string]any{"fulfillment_channel_code": "DEFAULT", "quantity": 7}}
	for name, v := range attributes {
		all[name] = v
	}
	body, err := json.Marshal(map[string]any{"productType": productType, "requirements": "LISTING", "attributes": all})
	if err != nil {
		s.t.Fatal(err)
	}
	if r := s.send("PUT", s.host+s.listingPath(sku), s.token, string(body)); r.status != 200 || r.text("status") != "ACCEPTED" {
		s.t.Fatalf("put of %s: %d %s", sku, r.status, r.body)
	}
}

// sameStatus holds what a message tells of a listing against getListingsItem.
func (s *shop) sameStatus(m Message) {
	s.t.Helper()
	r := s.get(s.listingPath(m.Text("Sku")))
	compare(s.t, "status", m.At("Status"), r.path("summaries", 0, "status"))
	compare(s.t, "ASIN", m.Text("Asin"), r.text("summaries", 0, "asin"))
	created, _ := time.Parse(time.RFC3339, r.text("summaries", 0, "createdDate"))
	told, _ := time.Parse(time.RFC3339, m.Text("CreatedDate"))
	compare(s.t, "created", told.UTC(), created.UTC())
}

func TestListingNews(t *testing.T) {
	s := newShop(t)
	quantity := func(n int) string {
		return fmt.Sprintf(`{"op":"replace","path":"/attributes/fulfillment_availability","value":[{"fulfillment_channel_code":"DEFAULT","quantity":%d}]}`, n)
	}
	subscribeAll(t, s.Emulator, "LISTINGS_ITEM_STATUS_CHANGE", "LISTINGS_ITEM_MFN_QUANTITY_CHANGE", "LISTINGS_ITEM_ISSUES_CHANGE")
	Subscribe(t, s.Emulator, Subscription{Type: "LISTINGS_ITEM_ISSUES_CHANGE", Version: "1.0"})
	s.putListing("own 1", "WRITING_INSTRUMENT", nil)
	created := one(t, s.Emulator, "LISTINGS_ITEM_STATUS_CHANGE")
	compare(t, "status", created.At("Status"), []string{"BUYABLE", "DISCOVERABLE"})
	s.sameStatus(created)
	compare(t, "quantity", one(t, s.Emulator, "LISTINGS_ITEM_MFN_QUANTITY_CHANGE").Text("Quantity"), 7)
	s.putListing("own 1", "WRITING_INSTRUMENT", nil) // the same again
	one(t, s.Emulator, "LISTINGS_ITEM_STATUS_CHANGE")

	s.patchListing("own 1", quantity(0))
	list := heard(t, s.Emulator, "LISTINGS_ITEM_STATUS_CHANGE")
	if len(list) != 2 {
		t.Fatalf("sold out: told %v", texts(list))
	}
	compare(t, "status", list[1].At("Status"), []string{"DISCOVERABLE"})
	s.sameStatus(list[1])
	s.patchListing("own 1", quantity(9))
	s.patchListing("own 1", quantity(8)) // as buyable as before
	if list = heard(t, s.Emulator, "LISTINGS_ITEM_MFN_QUANTITY_CHANGE"); len(list) != 4 || list[3].Text("Quantity") != "8" {
		t.Errorf("quantities: told %v", texts(list))
	}
	if r := s.send("DELETE", s.host+s.listingPath("own 1"), s.token, ""); r.status != 200 {
		t.Fatal(r.body)
	}
	if list = heard(t, s.Emulator, "LISTINGS_ITEM_STATUS_CHANGE"); len(list) != 4 || fmt.Sprint(list[3].At("Status")) != "[DELETED]" {
		t.Errorf("back and deleted: told %v", texts(list))
	}

	// What is amiss is told in both versions when it is mended, where it was.
	s.w.RLock()
	var amiss *world.Listing
	for _, l := range s.w.AllListings() {
		if len(l.Issues) > 0 {
			amiss = l
		}
	}
	s.w.RUnlock()
	if list := heard(t, s.Emulator, "LISTINGS_ITEM_ISSUES_CHANGE"); len(list) > 0 {
		t.Errorf("issues of a listing without: told %v", texts(list))
	}
	s.patchListing(amiss.SKU, `{"op":"add","path":"/attributes/product_description","value":[{"value":"Writes well"}]}`)
	list = heard(t, s.Emulator, "LISTINGS_ITEM_ISSUES_CHANGE")
	versions := []string{}
	for _, m := range list {
		versions = append(versions, m.Version)
		compare(t, "severities", m.At("Severities"), []string{"NONE"})
		compare(t, "listing", m.Text("Sku")+m.Text("MarketplaceId"), amiss.SKU+s.market(0).ID)
	}
	slices.Sort(versions)
	compare(t, "versions", versions, []string{"1.0", "2023-12-13"})
	compare(t, "issues", len(s.get(s.listingPath(amiss.SKU)+"&includedData=issues").list("issues")), 0)

	// Orders take from the merchant's stock, and cancelled ones give back.
	was := len(heard(t, s.Emulator, "LISTINGS_ITEM_MFN_QUANTITY_CHANGE"))
	s.Advance(5 * 24 * time.Hour)
	s.refresh()
	latest := map[string]string{}
	for _, m := range heard(t, s.Emulator, "LISTINGS_ITEM_MFN_QUANTITY_CHANGE")[was:] {
		latest[m.Text("Sku")] = m.Text("Quantity")
	}
	if len(latest) < 3 {
		t.Fatalf("orders of five days have changed the quantities %v only", latest)
	}
	for sku, n := range latest {
		compare(t, "quantity of "+sku, n, s.get(s.listingPath(sku)+"&includedData=fulfillmentAvailability").text("fulfillmentAvailability", 0, "quantity"))
	}

	// By a feed.
	s.w.RLock()
	sku := ""
	for _, l := range s.w.AllListings() {
		if !l.Amazon && l.Quantity > 0 {
			sku = l.SKU
		}
	}
	s.w.RUnlock()
	was = len(heard(t, s.Emulator, "LISTINGS_ITEM_STATUS_CHANGE"))
	d := s.post("/feeds/2021-06-30/documents", `{"contentType":"application/json; charset=UTF-8"}`)
	s.fill(d, "application/json; charset=UTF-8", fmt.Sprintf(`{"header":{"sellerId":%q,"version":"2.0"},"messages":[{"messageId":1,"sku":%q,"operationType":"PATCH","productType":%q,"patches":[%s]}]}`,
		s.Credentials().SellerID, sku, s.w.ListingOf(sku).ProductType, quantity(0)))
	r := s.post("/feeds/2021-06-30/feeds", `{"feedType":"JSON_LISTINGS_FEED","marketplaceIds":["`+s.market(0).ID+`"],"inputFeedDocumentId":"`+d.text("feedDocumentId")+`"}`)
	if r.status != 202 {
		t.Fatal(r.body)
	}
	s.Advance(30 * time.Minute)
	s.get("/feeds/2021-06-30/feeds/" + r.text("feedId"))
	list = slices.DeleteFunc(heard(t, s.Emulator, "LISTINGS_ITEM_STATUS_CHANGE")[was:], func(m Message) bool { return m.Text("Sku") != sku })
	if len(list) != len(s.desk.Seller(0).Marketplaces) { // the merchant has one stock for all
		t.Errorf("a feed that sells %s out: told %v", sku, texts(list))
	}
}

// stockSums are the messages about stock by SKU, in the order in which they came.
func stockSums(list []Message) map[string][]string {
	sums := map[string][]string{}
	for _, m := range list {
		sums[m.Text("SKU")] = append(sums[m.Text("SKU")], fmt.Sprint(m.EventTime, m.Payload))
	}
	return sums
}

// TestStockNews lets days pass in one leap, and in another emulator in steps with an export and import among them: both are told the same, and it ends in what
// getInventorySummaries answers.
func TestStockNews(t *testing.T) {
	s, steps := newShop(t), newShop(t)
	for _, e := range []*shop{s, steps} {
		e.Advance(30 * time.Hour) // before the subscription
		e.refresh()
		Subscribe(t, e.Emulator, Subscription{Type: "FBA_INVENTORY_AVAILABILITY_CHANGES"})
	}
	begun := s.Now()
	none(t, s.Emulator, "what was before the subscription")
	s.Advance(5 * 24 * time.Hour)
	told := heard(t, s.Emulator, "FBA_INVENTORY_AVAILABILITY_CHANGES")
	for i := range 40 {
		steps.Advance(3 * time.Hour)
		if i%7 == 3 {
			state, err := steps.Export()
			if err != nil {
				t.Fatal(err)
			}
			other, err := New(WithFixedTime(shopTime), WithoutLimits())
			if err != nil {
				t.Fatal(err)
			}
			if err := other.Import(state); err != nil {
				t.Fatal(err)
			}
			steps.Emulator = other
		}
		if i%2 == 0 {
			steps.Deliveries()
		}
	}
	if len(told) < 50 {
		t.Fatalf("%d messages of five days", len(told))
	}
	if got, want := stockSums(heard(t, steps.Emulator, "FBA_INVENTORY_AVAILABILITY_CHANGES")), stockSums(told); !reflect.DeepEqual(got, want) {
		for sku := range want {
			if !reflect.DeepEqual(got[sku], want[sku]) {
				t.Errorf("%s: in steps %d messages, in a leap %d: %v, %v", sku, len(got[sku]), len(want[sku]), got[sku], want[sku])
				break
			}
		}
	}
	s.refresh()
	now := s.get("/fba/inventory/v1/summaries?granularityType=Marketplace&granularityId=" + s.market(0).ID + "&marketplaceIds=" + s.market(0).ID + "&details=true&startDateTime=" + begun.Format(time.RFC3339))
	latest := map[string]Message{}
	for _, m := range told {
		if m.EventTime.Before(begun) || m.EventTime.After(s.Now()) {
			t.Errorf("an event of %s, subscribed at %s", m.EventTime, begun)
		}
		latest[m.Text("SKU")] = m
	}
	if len(latest) != len(now.list("payload", "inventorySummaries")) {
		t.Errorf("%d SKUs were told of, %d have changed", len(latest), len(now.list("payload", "inventorySummaries")))
	}
	for i := range now.list("payload", "inventorySummaries") {
		is := func(steps ...any) string {
			return now.text(append([]any{"payload", "inventorySummaries", i}, steps...)...)
		}
		m := latest[is("sellerSku")]
		compare(t, "FNSKU", m.Text("FNSKU"), is("fnSku"))
		compare(t, "name", m.Text("FulfillmentInventoryByMarketplace", 0, "ItemName"), is("productName"))
		of := func(steps ...any) string {
			return m.Text(append([]any{"FulfillmentInventoryByMarketplace", 0, "FulfillmentInventory"}, steps...)...)
		}
		compare(t, "fulfillable", of("Fulfillable"), is("inventoryDetails", "fulfillableQuantity"))
		compare(t, "reserved", of("ReservedQuantityBreakdown", "PendingCustomerOrder"), is("inventoryDetails", "reservedQuantity", "pendingCustomerOrderQuantity"))
		compare(t, "unfulfillable", of("Unfulfillable"), is("inventoryDetails", "unfulfillableQuantity", "totalUnfulfillableQuantity"))
		compare(t, "shipped", of("InboundQuantityBreakdown", "Shipped"), is("inventoryDetails", "inboundShippedQuantity"))
		compare(t, "working", of("InboundQuantityBreakdown", "Working"), is("inventoryDetails", "inboundWorkingQuantity"))
		compare(t, "receiving", of("InboundQuantityBreakdown", "Receiving"), is("inventoryDetails", "inboundReceivingQuantity"))
	}
	// By a request: the buyer sends back what Amazon can sell again.
	o := s.orderWhere("shipped by Amazon", func(o *world.Order) bool {
		return o.Amazon && o.DeliveredBy(s.Now()) && o.Purchased.After(s.Now().Add(-20*world.Day)) && len(o.Returns) == 0 && len(o.Items) == 1
	})
	if _, err := s.ReturnOrder(o.ID, BuyerReturn{Quantity: 1, Travel: time.Hour}); err != nil {
		t.Fatal(err)
	}
	before := len(heard(t, s.Emulator, "FBA_INVENTORY_AVAILABILITY_CHANGES"))
	at := s.Now().Add(time.Hour)
	s.Advance(2 * time.Hour)
	if !slices.ContainsFunc(heard(t, s.Emulator, "FBA_INVENTORY_AVAILABILITY_CHANGES")[before:], func(m Message) bool {
		return m.Text("SKU") == o.Items[0].SKU && m.EventTime.Equal(at.Truncate(time.Second))
	}) {
		t.Errorf("the return of %s at %s isn't told", o.Items[0].SKU, at)
	}
}

func TestBrandNews(t *testing.T) {
	s := newShop(t)
	s.putListing("own", "WRITING_INSTRUMENT", nil)
	subscribeAll(t, s.Emulator, "BRANDED_ITEM_CONTENT_CHANGE", "ITEM_PRODUCT_TYPE_CHANGE")
	catalogue := func(asin string) response {
		return s.get("/catalog/2022-04-01/items/" + asin + "?marketplaceIds=" + s.market(0).ID + "&includedData=attributes,summaries,productTypes,images")
	}
	value := func(v string) []any { return []any{map[string]any{"value": v}} }
	image := "https://example.com/own.jpg"
	change := map[string]any{
		"item_name": value("Another pen"), "product_description": value("It writes"), "bullet_point": value("Writes on"),
		"main_product_image_locator": []any{map[string]any{"media_location": image}},
	}
	s.putListing("own", "WRITING_INSTRUMENT", change)
	m := one(t, s.Emulator, "BRANDED_ITEM_CONTENT_CHANGE")
	compare(t, "changed", m.At("AttributesChanged"), []string{"item_name", "bullet_point", "product_description", "main_product_image_locator"})
	r := catalogue(m.Text("Asin"))
	compare(t, "brand", m.Text("BrandName"), r.text("summaries", 0, "brand"))
	compare(t, "name", "Another pen", r.text("summaries", 0, "itemName"))
	compare(t, "description", "It writes", r.text("attributes", "product_description", 0, "value"))
	compare(t, "bullets", []string{"Writes on"}, []any{r.text("attributes", "bullet_point", 0, "value")})
	compare(t, "image", image, r.text("images", 0, "images", 0, "link"))
	s.putListing("own", "WRITING_INSTRUMENT", change)
	s.patchListing("own", pricePatch("13.5", "")) // no content
	one(t, s.Emulator, "BRANDED_ITEM_CONTENT_CHANGE")
	state, err := s.Export()
	if err == nil {
		err = s.Import(state)
	}
	if err != nil {
		t.Fatal(err)
	}
	s.w = s.desk.Seller(0).World()
	compare(t, "description after an import", "It writes", catalogue(m.Text("Asin")).text("attributes", "product_description", 0, "value"))

	s.putListing("own", "SCISSORS", change)
	n := one(t, s.Emulator, "ITEM_PRODUCT_TYPE_CHANGE")
	compare(t, "before", n.Text("PreviousProductType"), "WRITING_INSTRUMENT")
	compare(t, "now", n.Text("CurrentProductType"), catalogue(n.Text("Asin")).text("productTypes", 0, "productType"))

	// The page of an item that isn't the seller's own stays as it is.
	l, _ := s.rivalled(false)
	was := catalogue(l.Product.ASIN).body
	s.patchListing(l.SKU, `{"op":"replace","path":"/attributes/item_name","value":[{"value":"Mine"}]}`)
	compare(t, "page", catalogue(l.Product.ASIN).body, was)
	one(t, s.Emulator, "BRANDED_ITEM_CONTENT_CHANGE")
}

func TestProductTypeNews(t *testing.T) {
	s := newShop(t)
	version := func(more string) response {
		return s.get("/definitions/2020-09-01/productTypes/LAMP?marketplaceIds=" + s.market(0).ID + more)
	}
	first := version("").text("productTypeVersion", "version")
	Subscribe(t, s.Emulator, Subscription{Type: "PRODUCT_TYPE_DEFINITIONS_CHANGE"})
	published := s.PublishProductTypes()
	m := one(t, s.Emulator, "PRODUCT_TYPE_DEFINITIONS_CHANGE")
	compare(t, "version", m.Text("ProductTypeVersion"), published)
	compare(t, "account", m.Text("AccountId"), s.Credentials().SellerID)
	compare(t, "version", version("").text("productTypeVersion", "version"), published)
	compare(t, "version", s.get("/definitions/2020-09-01/productTypes?marketplaceIds="+s.market(0).ID).text("productTypeVersion"), published)
	old := version("&productTypeVersion=" + url.QueryEscape(first))
	compare(t, "the old one", old.text("productTypeVersion", "version")+old.text("productTypeVersion", "latest"), first+"false")
	if first == published {
		t.Errorf("the new version is the old one: %s", first)
	}
	state, err := s.Export()
	if err == nil {
		err = s.Import(state)
	}
	if err != nil {
		t.Fatal(err)
	}
	compare(t, "version after an import", version("").text("productTypeVersion", "version"), published)
	one(t, s.Emulator, "PRODUCT_TYPE_DEFINITIONS_CHANGE")
	if r := s.control("POST", "product-types", `{}`); r.status != 200 || r.text("version") == published || r.text("version") == "" {
		t.Errorf("by the control plane: %d %s", r.status, r.body)
	}
	if n := len(heard(t, s.Emulator, "PRODUCT_TYPE_DEFINITIONS_CHANGE")); n != 2 {
		t.Errorf("%d messages of two versions", n)
	}
}

func (s *shop) control(method, path, body string) response {
	s.t.Helper()
	return s.send(method, "http://emulator.test"+controlPath+path, "", body)
}

func TestAccountNews(t *testing.T) {
	s := newShop(t)
	id, m := s.Credentials().SellerID, s.market(0)
	l, _ := s.rivalled(false)
	subscribeAll(t, s.Emulator, "ACCOUNT_STATUS_CHANGED", "LISTINGS_ITEM_STATUS_CHANGE")
	if err := s.SetAccountStatus(id, "", "AT_RISK"); err != nil {
		t.Fatal(err)
	}
	if err := s.SetAccountStatus(id, m.ID, "AT_RISK"); err != nil { // it is
		t.Fatal(err)
	}
	n := one(t, s.Emulator, "ACCOUNT_STATUS_CHANGED")
	compare(t, "status", n.Text("previousAccountStatus")+" "+n.Text("currentAccountStatus"), "NORMAL AT_RISK")
	suspended := func() string {
		return s.get("/sellers/v1/marketplaceParticipations").text("payload", 0, "participation", "hasSuspendedListings")
	}
	buyable := func() bool {
		return strings.Contains(s.get(s.listingPath(l.SKU)).body, `"BUYABLE"`)
	}
	if suspended() != "false" || !buyable() || len(heard(t, s.Emulator, "LISTINGS_ITEM_STATUS_CHANGE")) > 0 {
		t.Errorf("at risk: suspended %s, buyable %t", suspended(), buyable())
	}
	if r := s.control("POST", "accounts/"+id+"/status", `{"status":"DEACTIVATED","marketplace":"`+m.ID+`"}`); r.status != 200 {
		t.Fatal(r.body)
	}
	if suspended() != "true" || buyable() {
		t.Errorf("deactivated: suspended %s, buyable %t", suspended(), buyable())
	}
	off := heard(t, s.Emulator, "LISTINGS_ITEM_STATUS_CHANGE")
	if len(off) < 50 || fmt.Sprint(off[0].At("Status")) != "[DISCOVERABLE]" || off[0].Text("MarketplaceId") != m.ID {
		t.Errorf("%d listings are told of", len(off))
	}
	s.Advance(3 * 24 * time.Hour)
	s.refresh()
	for o := range s.w.All(shopTime.Add(time.Second), s.Now()) {
		if o.Marketplace.ID == m.ID {
			t.Errorf("order %s of %s: something was bought of an account that is deactivated", o.ID, o.Purchased)
		}
	}
	state, err := s.Export()
	if err == nil {
		err = s.Import(state)
	}
	if err != nil {
		t.Fatal(err)
	}
	s.w = s.desk.Seller(0).World()
	if suspended() != "true" || buyable() {
		t.Errorf("deactivated, and imported: suspended %s, buyable %t", suspended(), buyable())
	}
	if err := s.SetAccountStatus(id, m.ID, "NORMAL"); err != nil {
		t.Fatal(err)
	}
	list := heard(t, s.Emulator, "ACCOUNT_STATUS_CHANGED")
	if len(list) != 3 || list[2].Text("previousAccountStatus") != "DEACTIVATED" || suspended() != "false" || !buyable() {
		t.Errorf("back: suspended %s, buyable %t, told %v", suspended(), buyable(), texts(list))
	}
	for text, err := range map[string]error{
		"LOST": s.SetAccountStatus(id, "", "LOST"), `marketplace "x"`: s.SetAccountStatus(id, "x", "NORMAL"), `seller "x"`: s.SetAccountStatus("x", "", "NORMAL"),
	} {
		if err == nil || !strings.Contains(err.Error(), text) {
			t.Errorf("error %v: want one that says %s", err, text)
		}
	}
	raw, err := json.Marshal(state)
	if err != nil {
		t.Fatal(err)
	}
	state = new(State)
	if err := json.Unmarshal([]byte(strings.Replace(string(raw), `"DEACTIVATED"`, `"GONE"`, 1)), state); err != nil {
		t.Fatal(err)
	}
	if err := s.Import(state); err == nil || !strings.Contains(err.Error(), "GONE") {
		t.Errorf("import of an account that is GONE: %v", err)
	}
}

// hourMessages are what messages about hours say, by "marketplace start ASIN"; of several about the same the last, as users are told to read them.
func hourMessages(t testing.TB, list []Message, account, of, figure string) (last map[string]string, entries int) {
	t.Helper()
	last = map[string]string{}
	for _, m := range list {
		told, _ := m.At(of).([]any)
		if len(told) == 0 || len(told) > 100 {
			t.Errorf("%d items in a message", len(told))
		}
		for i := range told {
			entries++
			last[m.Text(of, i, "marketplaceId")+" "+m.Text(of, i, "startTime")+" "+m.Text(of, i, "asin")] = m.Text(of, i, figure)
			start, err := time.Parse(time.RFC3339, m.Text(of, i, "startTime"))
			if end := m.Text(of, i, "endTime"); err != nil || end != start.Add(time.Hour).Format(time.RFC3339) || m.Text(of, i, "accountId") != account {
				t.Errorf("from %s to %s: %v", m.Text(of, i, "startTime"), end, err)
			}
			if late := m.EventTime.Sub(start); late < time.Hour || late > 25*time.Hour || !m.EventTime.Equal(m.EventTime.Truncate(time.Hour)) {
				t.Errorf("the hour from %s is told at %s", start, m.EventTime)
			}
		}
	}
	return last, entries
}

// hoursSpan is from half past one until four, two days later.
const hoursSpan = 50*time.Hour + 30*time.Minute

func TestHourNews(t *testing.T) {
	leap, steps := testHours(t, hoursSpan), testHours(t, 30*time.Minute)
	if !reflect.DeepEqual(leap, steps) {
		for kind := range steps {
			for key, n := range steps[kind] {
				if leap[kind][key] != n {
					t.Errorf("%s, %s: %q in a leap, %q in steps", kind, key, leap[kind][key], n)
				}
			}
		}
	}
}

// testHours lets two days and two hours pass, from noon of one day, and looks at all hours, and at the whole days among them. It returns
// the figures by type.
func testHours(t *testing.T, step time.Duration) map[string]map[string]string {
	var bodies [][]byte
	var queues []string
	s := newShop(t, WithOrders(6000), WithNotificationSink(func(queue string, body []byte) { bodies, queues = append(bodies, body), append(queues, queue) }))
	account := "amzn1.merchant.o." + s.Credentials().SellerID
	s.Advance(90 * time.Minute) // something has happened before
	s.refresh()
	begun := s.Now()
	subscribeAll(t, s.Emulator, "DETAIL_PAGE_TRAFFIC_EVENT", "ITEM_SALES_EVENT_CHANGE", "ITEM_INVENTORY_EVENT_CHANGE")
	none(t, s.Emulator, "what was before the subscription")
	stock := map[string]map[string]int{} // at the top of hours, by ASIN
	for passed := time.Duration(0); passed < hoursSpan; passed += step {
		s.Advance(step)
		if passed%(6*step) == 0 {
			s.w = s.desk.Seller(0).World() // as a request does
		}
		s.Deliveries()
		if top := s.Now(); top.Equal(top.Truncate(time.Hour)) {
			w := s.desk.Seller(0).World()
			w.RLock()
			stock[top.Format(time.RFC3339)] = map[string]int{}
			for _, l := range w.AllListings() {
				stock[top.Format(time.RFC3339)][l.Product.ASIN] += l.AtAmazon()
			}
			w.RUnlock()
		}
	}
	byType := map[string][]Message{}
	for i, body := range bodies {
		m := ReadMessage(t, Delivery{Queue: queues[i], Body: body})
		byType[m.Type] = append(byType[m.Type], m)
		if n, err := notifications.Parse(body); err != nil || len(n.Rest) > 0 {
			t.Fatalf("%v, rest %v", err, n.Rest)
		}
		if !m.EventTime.After(begun) {
			t.Errorf("%s of %s, subscribed at %s", m.Type, m.EventTime, begun)
		}
	}
	s.refresh()
	m := s.market(0)
	top := s.Now().Truncate(time.Hour)

	// Sales: what getOrderMetrics answers now, and what was answered at the top of each hour where the messages came in steps.
	sales, entries := hourMessages(t, byType["ITEM_SALES_EVENT_CHANGE"], account, "itemSalesEventChanges", "orderedUnits")
	revenue, _ := hourMessages(t, byType["ITEM_SALES_EVENT_CHANGE"], account, "itemSalesEventChanges", "orderedRevenue")
	if entries <= len(sales) || len(sales) < 100 {
		t.Errorf("%d figures of %d hours and items: no order was cancelled after its hour?", entries, len(sales))
	}
	from := begun.Truncate(time.Hour)
	for _, p := range s.w.Products[:20] {
		r := s.get("/sales/v1/orderMetrics?marketplaceIds=" + m.ID + "&granularity=Hour&asin=" + p.ASIN + "&interval=" + url.QueryEscape(from.Format("2006-01-02T15:04:05Z")+"--"+top.Format("2006-01-02T15:04:05Z")))
		for i := range r.list("payload") {
			key := m.ID + " " + from.Add(time.Duration(i)*time.Hour).Format(time.RFC3339) + " " + p.ASIN
			units, amount := r.text("payload", i, "unitCount"), r.text("payload", i, "totalSales", "amount")
			told, there := sales[key]
			if !there && units == "0" {
				continue
			}
			compare(t, "units of "+key, told, units)
			compare(t, "revenue of "+key, number(t, revenue[key]), number(t, amount))
		}
	}

	// Traffic: the hours of a whole day come to the page views of the report.
	views, _ := hourMessages(t, byType["DETAIL_PAGE_TRAFFIC_EVENT"], account, "detailPageTrafficEvents", "glanceViews")
	day := begun.Truncate(world.Day).Add(world.Day)
	counted := 0
	for _, sum := range s.w.SumSales(day.Add(world.Day), day, day, []string{m.ID}, "", true) {
		total := 0
		for h := range 24 {
			var n int
			_, _ = fmt.Sscan(views[m.ID+" "+day.Add(time.Duration(h)*time.Hour).Format(time.RFC3339)+" "+sum.Product.ASIN], &n)
			total += n
		}
		compare(t, "page views of "+sum.Product.ASIN, total, sum.All.PageViews)
		counted++
	}
	if counted < 20 {
		t.Errorf("%d items in a day's report", counted)
	}
	for key, n := range views {
		if n == "0" {
			t.Errorf("%s: no view is told", key)
		}
	}

	// Stock: what lay there at the end of the hour, of the items of which it has changed.
	units, entries := hourMessages(t, byType["ITEM_INVENTORY_EVENT_CHANGE"], account, "itemInventoryEventChanges", "highlyAvailableInventory")
	if entries != len(units) || entries < 50 {
		t.Errorf("%d figures of the stock of %d hours and items", entries, len(units))
	}
	held := 0
	for key, n := range units {
		part := strings.Fields(key)
		start, _ := time.Parse(time.RFC3339, part[1])
		if at := stock[start.Add(time.Hour).Format(time.RFC3339)]; at != nil {
			held++
			compare(t, "stock of "+key, n, at[part[2]])
		}
	}
	if step < time.Hour && held < 10 {
		t.Errorf("%d figures of the stock were looked at", held)
	}
	last := map[string]string{} // figures by ASIN: nothing has changed since
	for key, n := range units {
		part := strings.Fields(key)
		if part[1] > last[part[2]] {
			last[part[2]], last["units "+part[2]] = part[1], n
		}
	}
	w := s.desk.Seller(0).World()
	w.RLock()
	defer w.RUnlock()
	for _, l := range w.AllListings() {
		if told := last["units "+l.Product.ASIN]; told != "" {
			compare(t, "stock of "+l.Product.ASIN, told, l.AtAmazon())
		}
	}
	return map[string]map[string]string{"sales": sales, "revenue": revenue, "views": views, "stock": units}
}

// TestShopNewsOnRequest asks each source for a message about what there is, without a change.
func TestShopNewsOnRequest(t *testing.T) {
	s := newShop(t)
	a, m := s.desk.Seller(0), s.market(0)
	l, _ := s.rivalled(true)
	sources := s.desk.NewsSources()
	for _, typ := range append([]string{"FEE_PROMOTION"}, shopTypes...) {
		Subscribe(t, s.Emulator, Subscription{Type: typ})
		about := sources[typ].About
		for _, what := range []map[string]string{{}, {"sku": l.SKU}, {"asin": l.Product.ASIN, "marketplace": s.market(1).ID}} {
			before := len(heard(t, s.Emulator, typ))
			n, err := about(a, what, s.Now())
			if err != nil {
				t.Errorf("%s about %v: %v", typ, what, err)
				continue
			}
			a.Tell(n)
			list := heard(t, s.Emulator, typ)
			if len(list) != before+1 {
				t.Errorf("%s about %v: %d messages", typ, what, len(list)-before)
				continue
			}
			if typ == "ACCOUNT_STATUS_CHANGED" || typ == "PRODUCT_TYPE_DEFINITIONS_CHANGE" || len(what) == 0 {
				continue
			}
			body, id := string(list[before].Delivery.Body), l.Product.ASIN
			if typ == "LISTINGS_ITEM_MFN_QUANTITY_CHANGE" {
				id = l.SKU
			}
			if !strings.Contains(body, id) {
				t.Errorf("%s about %v: %s", typ, what, body)
			}
		}
		if typ == "PRODUCT_TYPE_DEFINITIONS_CHANGE" {
			continue // of all marketplaces, and no listing's
		}
		if _, err := about(a, map[string]string{"marketplace": "nowhere"}, s.Now()); err == nil || !strings.Contains(err.Error(), `"nowhere"`) || !strings.Contains(err.Error(), m.ID) {
			t.Errorf("%s about a marketplace that there is not: %v", typ, err)
		}
		if typ == "ACCOUNT_STATUS_CHANGED" {
			continue
		}
		if _, err := about(a, map[string]string{"sku": "nothing"}, s.Now()); err == nil || !strings.Contains(err.Error(), `sku "nothing"`) || !strings.Contains(err.Error(), "more") {
			t.Errorf("%s about a listing that there is not: %v", typ, err)
		}
		if _, err := about(a, map[string]string{"asin": "B000000000"}, s.Now()); err == nil || !strings.Contains(err.Error(), `asin "B000000000"`) {
			t.Errorf("%s about an item that there is not: %v", typ, err)
		}
	}
	sent := heard(t, s.Emulator, "LISTINGS_ITEM_STATUS_CHANGE")
	s.sameStatus(sent[len(sent)-2])
	offers := heard(t, s.Emulator, "ANY_OFFER_CHANGED")
	s.sameOffers(offers[len(offers)-1], "Consumer")
}

// TestSandboxStockNews brings goods in and takes them away by FBA inventory's own operations.
func TestSandboxStockNews(t *testing.T) {
	s := newShop(t, WithSandbox())
	m := s.market(0).ID
	subscribeAll(t, s.Emulator, "FBA_INVENTORY_AVAILABILITY_CHANGES", "LISTINGS_ITEM_STATUS_CHANGE")
	if r := s.post("/fba/inventory/v1/items", `{"sellerSku":"crate","marketplaceId":"`+m+`","productName":"Crate"}`); r.status != 200 {
		t.Fatal(r.body)
	}
	r, err := http.NewRequest("POST", s.host+"/fba/inventory/v1/items/inventory", strings.NewReader(`{"inventoryItems":[{"sellerSku":"crate","marketplaceId":"`+m+`","quantity":5}]}`))
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("x-amz-access-token", s.token)
	r.Header.Set("x-amzn-idempotency-token", "once")
	r.Header.Set("Content-Type", "application/json")
	resp, err := s.RoundTrip(r)
	if err != nil {
		t.Fatal(err)
	}
	resp.Body.Close()
	told := one(t, s.Emulator, "FBA_INVENTORY_AVAILABILITY_CHANGES")
	compare(t, "fulfillable", told.Text("FulfillmentInventoryByMarketplace", 0, "FulfillmentInventory", "Fulfillable"), 5)
	compare(t, "SKU", told.Text("SKU"), "crate")
	compare(t, "time", told.EventTime, s.Now())
}
