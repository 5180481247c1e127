package emulator

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/url"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/openspapi/spapi/emulator/internal/flow/productfees"
	"github.com/openspapi/spapi/emulator/internal/ledger"
	"github.com/openspapi/spapi/emulator/internal/world"
	"github.com/openspapi/spapi/marketplace"
)

func (s *shop) market(i int) *marketplace.Marketplace { return &s.desk.Seller(0).Marketplaces[i] }

// setPrice changes a price as a listing's owner does.
func (s *shop) setPrice(sku string, units int) {
	s.t.Helper()
	s.w.Lock()
	defer s.w.Unlock()
	m := s.market(0)
	if !s.w.SetPrice(sku, m.ID, world.Money{Units: units, Currency: m.Currency}, s.Now()) {
		s.t.Fatalf("no listing %s", sku)
	}
}

const (
	foepURI    = "/products/pricing/2022-05-01/offer/featuredOfferExpectedPrice"
	summaryURI = "/products/pricing/2022-05-01/items/competitiveSummary"
)

func (s *shop) foep(sku, marketplaceID string) response {
	s.t.Helper()
	return s.post("/batches"+foepURI, fmt.Sprintf(`{"requests":[{"uri":%q,"method":"GET","sku":%q,"marketplaceId":%q}]}`, foepURI, sku, marketplaceID))
}

// TestExpectedPriceHolds sets the price that is expected to be featured, and finds the offer featured in every API; one unit more, and it isn't.
func TestExpectedPriceHolds(t *testing.T) {
	for _, region := range []marketplace.Region{marketplace.NorthAmerica, marketplace.FarEast} {
		s := newShop(t, WithRegion(region))
		m := s.market(0)
		valid, statuses := 0, map[string]int{}
		for _, l := range s.w.AllListings() {
			a := s.foep(l.SKU, m.ID)
			result := func(steps ...any) any {
				return a.path(append([]any{"responses", 0, "body", "featuredOfferExpectedPriceResults", 0}, steps...)...)
			}
			status, _ := result("resultStatus").(string)
			statuses[status]++
			if status != "VALID_FOEP" {
				continue
			}
			valid++
			amount, _ := result("featuredOfferExpectedPrice", "listingPrice", "amount").(json.Number)
			price, ok := productfees.MoneyFromV0(map[string]any{"Amount": amount, "CurrencyCode": m.Currency}, m, false)
			if !ok || a.text("responses", 0, "body", "offerIdentifier", "asin") != l.Product.ASIN {
				t.Fatalf("%s: %s", l.SKU, a.body)
			}
			for extra, wins := range map[int]bool{0: true, 1: false} {
				s.setPrice(l.SKU, price.Units+extra)
				offers := s.get("/products/pricing/v0/listings/" + url.PathEscape(l.SKU) + "/offers?ItemCondition=New&MarketplaceId=" + m.ID)
				featured := ""
				for i, o := range offers.list("payload", "Offers") {
					entry, _ := o.(map[string]any)
					if entry["IsBuyBoxWinner"] == true {
						featured = offers.text("payload", "Offers", i, "SellerId")
					}
				}
				summary := s.post("/batches"+summaryURI, fmt.Sprintf(`{"requests":[{"uri":%q,"method":"GET","asin":%q,"marketplaceId":%q,"includedData":["featuredBuyingOptions"]}]}`, summaryURI, l.Product.ASIN, m.ID))
				competitive := s.get("/products/pricing/v0/competitivePrice?ItemType=Asin&MarketplaceId=" + m.ID + "&Asins=" + l.Product.ASIN)
				mine := s.desk.Seller(0).ID
				if got := featured == mine; got != wins {
					t.Errorf("%s at %v%+d: featured %v, want %v", l.SKU, price, extra, got, wins)
				}
				if got := summary.text("responses", 0, "body", "featuredBuyingOptions", 0, "segmentedFeaturedOffers", 0, "sellerId"); (got == mine) != wins {
					t.Errorf("%s at %v%+d: summary has %s", l.SKU, price, extra, got)
				}
				if got := competitive.path("payload", 0, "Product", "CompetitivePricing", "CompetitivePrices", 0, "belongsToRequester") == true; got != wins {
					t.Errorf("%s at %v%+d: competitive price %v, want %v", l.SKU, price, extra, got, wins)
				}
			}
			if points := offersPoints(s, l.SKU, m.ID); region == marketplace.FarEast && points == "" {
				t.Errorf("%s: no points in Japan", l.SKU)
			}
		}
		t.Logf("%s: %v", region, statuses)
		if valid < 30 || statuses["NO_COMPETING_OFFER"] == 0 {
			t.Errorf("%s: %v", region, statuses)
		}
	}
}

func offersPoints(s *shop, sku, marketplaceID string) string {
	a := s.get("/products/pricing/v0/price?ItemType=Sku&MarketplaceId=" + marketplaceID + "&Skus=" + url.QueryEscape(sku))
	return a.text("payload", 0, "Product", "Offers", 0, "BuyingPrice", "Points", "PointsNumber")
}

func TestExpectedPriceStates(t *testing.T) {
	s := newShop(t)
	l := s.w.AllListings()[0]
	state := func(sku, m string) response { return s.foep(sku, m) }
	s.want("unknown SKU", state("nothing", usStore), 200, "OFFER_NOT_FOUND")
	s.want("unknown marketplace", state(l.SKU, "nowhere"), 200, `"statusCode":400`)
	s.want("another region's marketplace", state(l.SKU, "A1PA6795UKMFR9"), 200, `"statusCode":403`)
	s.w.Lock()
	l.Condition = "used_good"
	s.w.Unlock()
	s.want("used", state(l.SKU, usStore), 200, "OFFER_NOT_ELIGIBLE")
	s.w.Lock()
	l.Condition, l.Deleted = "new_new", true
	s.w.Unlock()
	s.want("deleted", state(l.SKU, usStore), 200, "OFFER_NOT_FOUND")
	request := fmt.Sprintf(`{"uri":%q,"method":"GET","sku":"x","marketplaceId":%q}`, foepURI, usStore)
	send := func(requests ...string) response {
		return s.post("/batches"+foepURI, `{"requests":[`+strings.Join(requests, ",")+`]}`)
	}
	s.want("41 requests", send(slices.Repeat([]string{request}, 41)...), 400, "requests")
	s.want("no requests", send(), 400, "requests")
	forty := send(slices.Repeat([]string{request}, 40)...)
	if n := len(forty.list("responses")); forty.status != 200 || n != 40 {
		t.Errorf("%d answers", n)
	}
	mixed := send(request, strings.Replace(request, foepURI, "/products/pricing/v0/price", 1), strings.Replace(request, "GET", "POST", 1))
	for i, want := range []string{"200", "400", "400"} {
		if got := mixed.text("responses", i, "status", "statusCode"); got != want {
			t.Errorf("request %d: %s, want %s", i, got, want)
		}
	}
	if mixed.text("responses", 1, "body", "errors", 0, "message") != "Invalid Input" || // in the operation's words, as a whole request would
		mixed.text("responses", 1, "request", "sku") != "x" || mixed.text("responses", 0, "headers", "x-amzn-RequestId") == "" {
		t.Errorf("%s", mixed.body)
	}
}

func TestPriceChangesShow(t *testing.T) {
	s := newShop(t)
	l := s.w.AllListings()[1]
	s.setPrice(l.SKU, 4321)
	sku := url.QueryEscape(l.SKU)
	for _, what := range []string{"ItemType=Sku&Skus=" + sku, "ItemType=Asin&Asins=" + l.Product.ASIN} {
		a := s.get("/products/pricing/v0/price?MarketplaceId=" + usStore + "&" + what)
		if got := a.text("payload", 0, "Product", "Offers", 0, "BuyingPrice", "ListingPrice", "Amount"); a.status != 200 || got != "43.21" {
			t.Errorf("%s: %q %s", what, got, a.body)
		}
	}
	offers := s.get("/products/pricing/v0/listings/" + url.PathEscape(l.SKU) + "/offers?ItemCondition=New&MarketplaceId=" + usStore)
	if !strings.Contains(offers.body, `"MyOffer":true`) || !strings.Contains(offers.body, "43.21") {
		t.Errorf("offers: %s", offers.body)
	}
	items := s.get("/products/pricing/v0/items/" + l.Product.ASIN + "/offers?ItemCondition=New&MarketplaceId=" + usStore)
	if strings.Contains(items.body, "MyOffer") || !strings.Contains(items.body, "43.21") {
		t.Errorf("item offers: %s", items.body)
	}
	s.w.Lock()
	s.w.SetQuantity(l.SKU, 0, s.Now())
	s.w.Unlock()
	sold := s.get("/products/pricing/v0/price?MarketplaceId=" + usStore + "&ItemType=Sku&Skus=" + sku)
	if sold.text("payload", 0, "status") != "Success" || len(sold.list("payload", 0, "Product", "Offers")) != 0 {
		t.Errorf("sold out: %s", sold.body)
	}
	s.w.Lock()
	s.w.DeleteListing(l.SKU, s.Now())
	s.w.Unlock()
	s.want("deleted", s.get("/products/pricing/v0/price?MarketplaceId="+usStore+"&ItemType=Sku&Skus="+sku), 200, "ClientError")
}

func TestPricingV0Rules(t *testing.T) {
	s := newShop(t)
	all := s.w.AllListings()
	l := all[0]
	sku, asin := url.QueryEscape(l.SKU), l.Product.ASIN
	price := "/products/pricing/v0/price?"
	for _, test := range []struct {
		name, path string
		status     int
		part       string
	}{
		{"no SKUs", price + "ItemType=Sku&MarketplaceId=" + usStore, 400, "Skus"},
		{"no ASINs", price + "ItemType=Asin&MarketplaceId=" + usStore, 400, "Asins"},
		{"ASINs for SKUs", price + "ItemType=Sku&Skus=" + sku + "&Asins=" + asin + "&MarketplaceId=" + usStore, 400, "Asins"},
		{"no marketplace", price + "ItemType=Sku&Skus=" + sku, 400, "MarketplaceId"},
		{"another marketplace", price + "ItemType=Sku&Skus=" + sku + "&MarketplaceId=A1PA6795UKMFR9", 403, ""},
		{"type", price + "ItemType=EAN&MarketplaceId=" + usStore, 404, "The requested resource doesn't exist."},
		{"type in capitals", price + "ItemType=ASIN&Asins=" + asin + "&MarketplaceId=" + usStore, 404, "NotFound"},
		{"21 SKUs", price + "ItemType=Sku&MarketplaceId=" + usStore + "&Skus=" + strings.Repeat("a,", 20) + "a", 400, "Skus"},
		{"unknown and known", price + "ItemType=Sku&MarketplaceId=" + usStore + "&Skus=nothing," + sku, 200, `"status":"ClientError"`},
		{"used of mine", price + "ItemType=Sku&ItemCondition=Used&MarketplaceId=" + usStore + "&Skus=" + sku, 200, `"}}}}]}`},
		{"unknown SKU", "/products/pricing/v0/listings/no%2Fthing/offers?ItemCondition=New&MarketplaceId=" + usStore, 400, "no/thing is an invalid SKU for marketplace " + usStore},
		{"unknown ASIN", "/products/pricing/v0/items/B000000000/offers?ItemCondition=New&MarketplaceId=" + usStore, 400, "B000000000 is an invalid ASIN"},
		{"no condition", "/products/pricing/v0/items/" + asin + "/offers?MarketplaceId=" + usStore, 400, "ItemCondition"},
		{"nothing of that condition", "/products/pricing/v0/items/" + asin + "/offers?ItemCondition=Club&MarketplaceId=" + usStore, 200, "NoBuyableOffers"},
	} {
		s.want(test.name, s.get(test.path), test.status, test.part)
	}
	// Counts agree with each other and with the offers.
	used, business := 0, 0
	for _, l := range all {
		a := s.get("/products/pricing/v0/items/" + l.Product.ASIN + "/offers?ItemCondition=New&MarketplaceId=" + usStore)
		sum, fresh := 0, 0
		for i := range a.list("payload", "Summary", "NumberOfOffers") {
			n, _ := a.path("payload", "Summary", "NumberOfOffers", i, "OfferCount").(json.Number)
			v, _ := n.Int64()
			sum += int(v)
			if a.text("payload", "Summary", "NumberOfOffers", i, "condition") == "new" {
				fresh += int(v)
			} else {
				used++
			}
		}
		if total := a.text("payload", "Summary", "TotalOfferCount"); total != fmt.Sprint(sum) || len(a.list("payload", "Offers")) != fresh {
			t.Errorf("%s: total %s, counted %d, new ones %d of %d", l.SKU, total, sum, len(a.list("payload", "Offers")), fresh)
		}
		if a.text("payload", "Summary", "SalesRankings", 0, "Rank") != fmt.Sprint(l.Product.Rank) {
			t.Errorf("%s: rank", l.SKU)
		}
		b := s.get("/products/pricing/v0/price?ItemType=Sku&OfferType=B2B&MarketplaceId=" + usStore + "&Skus=" + url.QueryEscape(l.SKU))
		if n := len(b.list("payload", 0, "Product", "Offers")); n > 0 != (l.Offers[usStore].Business.Units > 0) {
			t.Errorf("%s: %d business offers", l.SKU, n)
		} else if n > 0 {
			business++
		}
	}
	if used == 0 || business == 0 {
		t.Errorf("%d used offers, %d for business", used, business)
	}
	// Prices are in the marketplace's currency.
	for i := range s.desk.Seller(0).Marketplaces {
		m := s.market(i)
		s.want(m.ID, s.get("/products/pricing/v0/listings/"+url.PathEscape(l.SKU)+"/offers?ItemCondition=New&MarketplaceId="+m.ID), 200, `"CurrencyCode":"`+m.Currency+`"`)
	}
}

func TestOffersBatches(t *testing.T) {
	s := newShop(t)
	var slash *world.Listing
	for _, l := range s.w.AllListings() {
		if strings.Contains(l.SKU, "/") {
			slash = l
		}
	}
	item := func(uri, method, store string) string {
		return fmt.Sprintf(`{"uri":%q,"method":%q,"MarketplaceId":%q,"ItemCondition":"New","CustomerType":"Consumer"}`, uri, method, store)
	}
	prefix := "/products/pricing/v0/listings/"
	a := s.post("/batches/products/pricing/v0/listingOffers", `{"requests":[`+strings.Join([]string{
		item(prefix+url.PathEscape(slash.SKU)+"/offers", "GET", usStore), item(prefix+"nothing/offers", "GET", usStore), item(prefix+"nought/offers", "PUT", usStore),
		item("/products/pricing/v0/items/B0/offers", "GET", usStore), item(prefix+url.PathEscape(slash.SKU)+"/offers", "GET", "A1PA6795UKMFR9"), item(prefix+"nought/offers", "GET", ""),
	}, ",")+`]}`)
	for i, want := range []string{"200", "400", "400", "400", "403", "400"} {
		if got := a.text("responses", i, "status", "statusCode"); got != want {
			t.Errorf("request %d: %s, want %s", i, got, want)
		}
	}
	if a.text("responses", 0, "request", "SellerSKU") != slash.SKU || a.text("responses", 0, "body", "payload", "SKU") != slash.SKU || a.text("responses", 0, "status", "reasonPhrase") != "OK" ||
		!strings.Contains(a.text("responses", 1, "body", "errors", 0, "message"), "nothing is an invalid SKU") {
		t.Errorf("%.900s", a.body)
	}
	// One of a batch is the same as alone.
	alone := s.get(prefix + url.PathEscape(slash.SKU) + "/offers?ItemCondition=New&CustomerType=Consumer&MarketplaceId=" + usStore)
	var one, other struct{ Payload any } // what differs is how numbers are spelled
	inBatch, _ := json.Marshal(a.path("responses", 0, "body"))
	if err := errors.Join(json.Unmarshal([]byte(alone.body), &other), json.Unmarshal(inBatch, &one)); err != nil || !reflect.DeepEqual(one, other) {
		t.Errorf("in the batch %v\nalone %v: %v", one, other, err)
	}
	s.want("21", s.post("/batches/products/pricing/v0/itemOffers", `{"requests":[`+strings.Repeat(item("/x", "GET", usStore)+",", 20)+item("/x", "GET", usStore)+`]}`), 400, "requests")
	for name, list := range map[string][2]string{
		"the same twice":      {item(prefix+"a/offers", "GET", usStore), item(prefix+"a/offers", "GET", usStore)},
		"of the other family": {item("/products/pricing/v0/items/B0/offers", "GET", usStore), item("/products/pricing/v0/items/B1/offers", "GET", usStore)},
	} {
		s.want(name, s.post("/batches/products/pricing/v0/listingOffers", `{"requests":[`+list[0]+","+list[1]+`]}`), 400, "Duplicate requests submitted.  Cannot run batch request.")
	}
	s.want("none", s.post("/batches/products/pricing/v0/itemOffers", `{}`), 400, "requests")
	s.want("no condition", s.post("/batches/products/pricing/v0/itemOffers", `{"requests":[{"uri":"/products/pricing/v0/items/B0/offers","method":"GET","MarketplaceId":"x"}]}`), 400, "ItemCondition")
}

func TestCompetitiveSummary(t *testing.T) {
	s := newShop(t)
	p := s.w.AllListings()[0].Product
	ask := func(asin, store, rest string) response {
		return s.post("/batches"+summaryURI, fmt.Sprintf(`{"requests":[{"uri":%q,"method":"GET","asin":%q,"marketplaceId":%q,%s}]}`, summaryURI, asin, store, rest))
	}
	everything := ask(p.ASIN, usStore, `"includedData":["featuredBuyingOptions","referencePrices","lowestPricedOffers","similarItems"],"lowestPricedOffersInputs":[{"itemCondition":"New","offerType":"Consumer"},{"itemCondition":"Used","offerType":"Consumer"}]`)
	body := func(steps ...any) any { return everything.path(append([]any{"responses", 0, "body"}, steps...)...) }
	if everything.status != 200 || len(everything.list("responses", 0, "body", "referencePrices")) != 3 || body("lowestPricedOffers", 0, "offers", 0, "listingPrice", "currencyCode") != "USD" || body("similarItems", 0, "items", 0, "asin") == nil {
		t.Errorf("%d %.900s", everything.status, everything.body)
	}
	s.want("only one set", ask(p.ASIN, usStore, `"includedData":["referencePrices"]`), 200, `"referencePrices"`)
	if a := ask(p.ASIN, usStore, `"includedData":["referencePrices"]`); a.path("responses", 0, "body", "similarItems") != nil {
		t.Error("more than what was asked for")
	}
	s.want("inputs without the set", ask(p.ASIN, usStore, `"includedData":["referencePrices"],"lowestPricedOffersInputs":[{"itemCondition":"New","offerType":"Consumer"}]`), 200, `"statusCode":400`)
	s.want("in the operation's words", ask(p.ASIN, "nowhere", `"includedData":["referencePrices"]`), 200, "Invalid Input")
	s.want("unknown ASIN", ask("B000000000", usStore, `"includedData":["referencePrices"]`), 200, `"statusCode":404`)
	s.want("unknown set", ask(p.ASIN, usStore, `"includedData":["everything"]`), 400, "includedData")
	s.want("no set", ask(p.ASIN, usStore, `"includedData":[]`), 400, "includedData")
	s.want("no body", s.post("/batches"+summaryURI, `{}`), 400, "requests")
}

// TestPricesAreTheSame asks two emulators with one seed for everything that is priced.
func TestPricesAreTheSame(t *testing.T) {
	ask := func(seed int64) string {
		s := newShop(t, WithSeed(seed))
		var all strings.Builder
		for _, l := range s.w.AllListings() {
			all.WriteString(s.get("/products/pricing/v0/listings/" + url.PathEscape(l.SKU) + "/offers?ItemCondition=New&MarketplaceId=" + usStore).body)
			all.WriteString(s.foep(l.SKU, usStore).body)
		}
		return all.String()
	}
	first, again, other := ask(3), ask(3), ask(4)
	if first != again {
		t.Error("one seed, two answers")
	}
	if first == other {
		t.Error("two seeds, one answer")
	}
}

func TestFees(t *testing.T) {
	s := newShop(t, WithProducts(48))
	body := func(price, more string) string {
		return `{"FeesEstimateRequest":{"MarketplaceId":"` + usStore + `","Identifier":"mine","PriceToEstimateFees":{"ListingPrice":{"CurrencyCode":"USD","Amount":` + price + `}}` + more + `}}`
	}
	tiers := map[int]int{}
	for _, l := range s.w.AllListings() {
		p := l.Product
		pick, weight := ledger.FulfillmentCents(p)
		tiers[pick]++
		a := s.post("/products/fees/v0/listings/"+url.PathEscape(l.SKU)+"/feesEstimate", body("20.00", `,"IsAmazonFulfilled":true`))
		percent := map[string]int{"LAMP": 12, "SCISSORS": 10, "STAPLER": 10}[p.Kind.Type]
		if percent == 0 {
			percent = 15
		}
		want := world.Money{Units: 2000*percent/100 + pick + weight, Currency: "USD"}
		result := func(steps ...any) string { return a.text(append([]any{"payload", "FeesEstimateResult"}, steps...)...) }
		if got := result("FeesEstimate", "TotalFeesEstimate", "Amount"); a.status != 200 || result("Status") != "Success" || got != fmt.Sprint(want.Number()) ||
			result("FeesEstimateIdentifier", "SellerInputIdentifier") != "mine" || result("FeesEstimateIdentifier", "IdValue") != l.SKU || result("FeesEstimate", "TimeOfFeesEstimation") != "2026-03-01T12:00:00.000Z" {
			t.Errorf("%s: %s, want %v: %s", l.SKU, got, want, a.body)
		}
		byASIN := s.post("/products/fees/v0/items/"+p.ASIN+"/feesEstimate", body("20.00", `,"IsAmazonFulfilled":true`))
		if byASIN.text("payload", "FeesEstimateResult", "FeesEstimate", "TotalFeesEstimate", "Amount") != fmt.Sprint(want.Number()) {
			t.Errorf("%s by ASIN: %s", l.SKU, byASIN.body)
		}
	}
	if len(tiers) < 2 {
		t.Errorf("size tiers %v", tiers)
	}
	l := s.w.AllListings()[0]
	path := "/products/fees/v0/listings/" + url.PathEscape(l.SKU) + "/feesEstimate"
	const clientError = `"Message":"There is an client-side error. Please verify your inputs."`
	for _, test := range []struct {
		name, path, body string
		status           int
		part             string
	}{
		{"by the merchant", path, body("20", ""), 200, `"TotalFeesEstimate":{"CurrencyCode":"USD","Amount":` + fmt.Sprint(2000*feePercent(l)/100/100)},
		{"least fee", path, body("0.5", ""), 200, `"TotalFeesEstimate":{"CurrencyCode":"USD","Amount":0.3}`},
		{"amount as text", path, body(`"20.00"`, `,"IsAmazonFulfilled":"true"`), 200, `"FBAPickAndPack"`},
		{"small and light", path, body("10", `,"IsAmazonFulfilled":true,"OptionalFulfillmentProgram":"FBA_SNL"`), 200, "Success"},
		{"too dear for small and light", path, body("12.01", `,"IsAmazonFulfilled":true,"OptionalFulfillmentProgram":"FBA_SNL"`), 200, clientError},
		{"european programme", path, body("10", `,"IsAmazonFulfilled":true,"OptionalFulfillmentProgram":"FBA_EFN"`), 200, clientError},
		{"programme of the merchant's", path, body("10", `,"OptionalFulfillmentProgram":"FBA_CORE"`), 200, clientError},
		{"unknown programme", path, body("10", `,"OptionalFulfillmentProgram":"X"`), 400, "OptionalFulfillmentProgram"},
		{"no price", path, body("0", ""), 200, clientError},
		{"other currency", path, strings.Replace(body("20", ""), "USD", "EUR", 1), 200, clientError},
		{"unknown marketplace", path, strings.Replace(body("20", ""), usStore, "A1PA6795UKMFR9", 1), 200, clientError},
		{"unknown SKU", "/products/fees/v0/listings/nothing/feesEstimate", body("20", ""), 200, `"Code":"InvalidParameterValue"`},
		{"nothing asked", path, `{}`, 400, "FeesEstimateRequest"},
		{"no identifier", path, strings.Replace(body("20", ""), `"Identifier":"mine",`, "", 1), 400, "Identifier"},
	} {
		s.want(test.name, s.post(test.path, test.body), test.status, test.part)
	}
	one := strings.TrimSuffix(body("20", ""), "}")
	list := s.post("/products/fees/v0/feesEstimate", "["+one+`,"IdType":"SellerSKU","IdValue":"`+l.SKU+`"},`+one+`,"IdType":"ASIN","IdValue":"B000000000"},{"IdType":"ASIN","IdValue":"`+l.Product.ASIN+`"}]`)
	for i, want := range []string{"Success", "ClientError", "ClientError"} {
		if got := list.text(i, "Status"); list.status != 200 || got != want {
			t.Errorf("entry %d: %q, want %s: %s", i, got, want, list.body)
		}
	}
	s.want("none", s.post("/products/fees/v0/feesEstimate", "[]"), 400, "body")
	s.want("21", s.post("/products/fees/v0/feesEstimate", "["+strings.Repeat(`{"IdType":"ASIN","IdValue":"x"},`, 20)+`{"IdType":"ASIN","IdValue":"x"}]`), 400, "body")
	japan := newShop(t, WithRegion(marketplace.FarEast))
	jl := japan.w.AllListings()[0]
	a := japan.post("/products/fees/v0/listings/"+url.PathEscape(jl.SKU)+"/feesEstimate", `{"FeesEstimateRequest":{"MarketplaceId":"A1VC38T7YXB528","Identifier":"x","PriceToEstimateFees":{"ListingPrice":{"CurrencyCode":"JPY","Amount":2000},"Points":{"PointsNumber":100,"PointsMonetaryValue":{"CurrencyCode":"JPY","Amount":100}}}}}`)
	if got, want := a.text("payload", "FeesEstimateResult", "FeesEstimate", "TotalFeesEstimate", "Amount"), fmt.Sprint((1900*feePercent(jl)+50)/100, ".0"); got != want {
		t.Errorf("yen: %s, want %s: %s", got, want, a.body)
	}
}

func feePercent(l *world.Listing) int { return ledger.ReferralPercent(l.Product.Kind.Type) }

// TestListingsShowInPrices changes and deletes a listing by the listings API, and finds both in pricing.
func TestListingsShowInPrices(t *testing.T) {
	s := newShop(t)
	l := s.w.AllListings()[2]
	item := s.host + "/listings/2021-08-01/items/" + s.Credentials().SellerID + "/" + url.PathEscape(l.SKU) + "?marketplaceIds=" + usStore
	patch := fmt.Sprintf(`{"productType":%q,"patches":[{"op":"replace","path":"/attributes/purchasable_offer","value":[{"marketplace_id":%q,"currency":"USD","our_price":[{"schedule":[{"value_with_tax":12.34}]}]}]}]}`, l.ProductType, usStore)
	s.want("patch", s.send("PATCH", item, s.token, patch), 200, "ACCEPTED")
	price := func() response {
		return s.get("/products/pricing/v0/price?ItemType=Sku&MarketplaceId=" + usStore + "&Skus=" + url.QueryEscape(l.SKU))
	}
	if got := price().text("payload", 0, "Product", "Offers", 0, "RegularPrice", "Amount"); got != "12.34" {
		t.Errorf("price %q: %s", got, price().body)
	}
	before := s.get("/products/pricing/v0/items/" + l.Product.ASIN + "/offers?ItemCondition=New&MarketplaceId=" + usStore)
	if !strings.Contains(before.body, s.desk.Seller(0).ID) {
		t.Errorf("own offer is missing: %s", before.body)
	}
	s.want("delete", s.send("DELETE", item, s.token, ""), 200, "ACCEPTED")
	s.want("deleted", price(), 200, "ClientError")
	if after := s.get("/products/pricing/v0/items/" + l.Product.ASIN + "/offers?ItemCondition=New&MarketplaceId=" + usStore); strings.Contains(after.body, s.desk.Seller(0).ID) {
		t.Errorf("still offered: %s", after.body)
	}
	s.want("no expected price", s.foep(l.SKU, usStore), 200, "OFFER_NOT_FOUND")
}
