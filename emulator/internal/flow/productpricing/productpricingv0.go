// Package productpricing answers for product pricing.
package productpricing

import (
	"encoding/json"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"github.com/openspapi/spapi/emulator/internal/answer"
	"github.com/openspapi/spapi/emulator/internal/desk"
	"github.com/openspapi/spapi/emulator/internal/format"
	"github.com/openspapi/spapi/emulator/internal/world"
	"github.com/openspapi/spapi/marketplace"
)

// V0 is the API of product pricing, version 0.
var V0 = desk.Flow{News: news, Changes: watch, Early: map[string]func(*desk.Call) *answer.Error{
	"productpricingv0.getPricing": knownItemType, "productpricingv0.getCompetitivePricing": knownItemType,
	"productpricingv0.getItemOffersBatch": marketplaceLater, "productpricingv0.getListingOffersBatch": marketplaceLater,
}, Handlers: map[string]desk.Handler{
	"productpricingv0.getPricing":            prices(priceV0, "status", "ASIN", "SellerSKU", "Product"),
	"productpricingv0.getCompetitivePricing": prices(competitivePriceV0),
	"productpricingv0.getListingOffers": func(c *desk.Call) (answer.Reply, *answer.Error) {
		return offersReply(c, offersRequest{sku: c.Path["SellerSKU"], marketplace: c.Query.Get("MarketplaceId"), condition: c.Query.Get("ItemCondition"), customer: c.Query.Get("CustomerType")})
	},
	"productpricingv0.getItemOffers": func(c *desk.Call) (answer.Reply, *answer.Error) {
		return offersReply(c, offersRequest{asin: c.Path["Asin"], marketplace: c.Query.Get("MarketplaceId"), condition: c.Query.Get("ItemCondition"), customer: c.Query.Get("CustomerType")})
	},
	"productpricingv0.getItemOffersBatch":    offersBatch("/products/pricing/v0/items/"),
	"productpricingv0.getListingOffersBatch": offersBatch("/products/pricing/v0/listings/"),
}}

// knownItemType answers to an ItemType that there isn't, in whatever case, that there is no such thing (jlevers/selling-partner-api#80,
// selling-partner-api-docs#423).
func knownItemType(c *desk.Call) *answer.Error {
	if kinds := c.Query["ItemType"]; len(kinds) == 1 && !slices.Contains([]string{"", "Asin", "Sku"}, kinds[0]) {
		return answer.Absent("NotFound", "The requested resource doesn't exist.")
	}
	return nil
}

// marketplaceLater lets requests of a batch pass that name no marketplace: each gets an answer of its own (abuzuhri/Amazon-SP-API-CSharp#937).
func marketplaceLater(c *desk.Call) *answer.Error {
	v, err := format.DecodeJSON(c.Exchange.Body)
	body, _ := v.(map[string]any)
	changed := false
	for _, entry := range format.List(body["requests"]) {
		if m, isObject := entry.(map[string]any); isObject && m["MarketplaceId"] == nil {
			m["MarketplaceId"], changed = "", true
		}
	}
	if err == nil && changed {
		c.Exchange.Body, _ = json.Marshal(body) // it has just been read
	}
	return nil
}

// The order of members and the spellings of amounts are those of lineofflight/peddler, test/vcr_cassettes/Peddler/API/ProductPricingV0Test and
// …/APIs/ProductPricingV0Test, all of September 2024. They are not the same for a single request and for one of a batch.

// offersView is how offers are shown.
type offersView struct {
	money                                     func(world.Money) format.Record
	result, identifier, price, summary, offer []string // members that come first
	rank, time                                []string
}

var (
	singleOffers = offersView{
		// That an amount has as many decimals as its currency, and no fixed two, is assumed.
		money: func(m world.Money) format.Record {
			return format.Record{{"CurrencyCode", m.Currency}, {"Amount", json.Number(m.String())}}
		},
		result:     []string{"ASIN", "SKU", "status", "ItemCondition", "Identifier", "Summary", "Offers", "marketplaceId"},
		identifier: []string{"MarketplaceId", "ItemCondition"},
		price:      []string{"condition", "fulfillmentChannel", "LandedPrice", "ListingPrice", "Shipping"},
		summary: []string{"LowestPrices", "BuyBoxPrices", "NumberOfOffers", "BuyBoxEligibleOffers", "SalesRankings", "ListPrice", "CompetitivePriceThreshold",
			"TotalOfferCount"},
		offer: []string{"Shipping", "ListingPrice", "ShippingTime", "SellerFeedbackRating", "PrimeInformation", "SubCondition", "SellerId", "IsFeaturedMerchant",
			"IsBuyBoxWinner", "IsFulfilledByAmazon"},
		rank: []string{"ProductCategoryId", "Rank"},
		time: []string{"maximumHours", "minimumHours", "availabilityType"},
	}
	batchedOffers = offersView{
		money:      desk.MoneyNumber,
		result:     []string{"marketplaceId", "Identifier", "ASIN", "SKU", "Summary", "Offers", "status", "ItemCondition"},
		identifier: []string{"ASIN", "SellerSKU", "MarketplaceId", "ItemCondition"},
		price:      []string{"condition", "fulfillmentChannel", "LandedPrice", "Shipping", "ListingPrice"},
		summary: []string{"BuyBoxEligibleOffers", "LowestPrices", "BuyBoxPrices", "CompetitivePriceThreshold", "NumberOfOffers", "ListPrice", "TotalOfferCount",
			"SalesRankings"},
		offer: []string{"ShippingTime", "IsFulfilledByAmazon", "ListingPrice", "IsBuyBoxWinner", "SellerId", "Shipping", "SubCondition", "IsFeaturedMerchant",
			"SellerFeedbackRating", "PrimeInformation"},
		rank: []string{"Rank", "ProductCategoryId"},
		time: []string{"minimumHours", "maximumHours", "availabilityType"},
	}
)

// priceTypeV0 is a price with what comes on top.
func priceTypeV0(o *world.MarketOffer, money func(world.Money) format.Record) object {
	p := object{"LandedPrice": money(o.Landed()), "ListingPrice": money(o.Price), "Shipping": money(o.Shipping)}
	if points := pointsV0(o); points != nil {
		p["Points"] = points
	}
	return p
}

// pointsV0 are Amazon points, which exist in Japan only.
func pointsV0(o *world.MarketOffer) object {
	if o.Points == 0 {
		return nil
	}
	return object{"PointsNumber": o.Points, "PointsMonetaryValue": desk.MoneyNumber(world.Money{Units: o.Points, Currency: o.Price.Currency})}
}

func salesRanksV0(p *world.Product, order ...string) []format.Record {
	return []format.Record{
		format.Ordered(object{"ProductCategoryId": "office_product_display_on_website", "Rank": p.Rank}, order...),
		format.Ordered(object{"ProductCategoryId": p.Kind.CategoryN, "Rank": p.Rank/100 + 1}, order...),
	}
}

// prices is the handler of the two operations for up to twenty SKUs or ASINs. One that isn't known is an entry with a status of its
// own, and no error of the whole (selling-partner-api-models#5190). order has the members of an entry that come first.
func prices(show func(c *desk.Call, w *world.World, p *world.Product, l *world.Listing, m *marketplace.Marketplace) object, order ...string) desk.Handler {
	return func(c *desk.Call) (answer.Reply, *answer.Error) {
		m, err := c.MarketplaceOf("MarketplaceId", c.Query.Get("MarketplaceId"))
		if err != nil {
			return answer.Reply{}, err
		}
		bySKU := c.Query.Get("ItemType") == "Sku"
		parameter, other := "Asins", "Skus"
		if bySKU {
			parameter, other = other, parameter
		}
		ids := c.Query[parameter]
		switch {
		case len(ids) == 0:
			return answer.Reply{}, answer.InvalidParameter(parameter, "required with this ItemType")
		case len(c.Query[other]) > 0:
			return answer.Reply{}, answer.InvalidParameter(other, "can't be used with this ItemType")
		}
		w := c.Seller.World()
		w.RLock()
		defer w.RUnlock()
		list := []format.Record{}
		for _, id := range ids {
			entry := object{"status": "Success"}
			var p *world.Product
			var l *world.Listing
			if bySKU {
				entry["SellerSKU"] = id
				if l = w.Listing(id); l != nil && l.Offers[m.ID] != nil {
					p = l.Product
				}
			} else {
				entry["ASIN"] = id
				p = w.ProductByASIN(id)
			}
			if p == nil {
				entry["status"] = "ClientError"
			} else {
				var sku any
				if bySKU {
					sku = format.Record{{"MarketplaceId", m.ID}, {"SellerId", c.Seller.ID}, {"SellerSKU", id}}
				}
				product := show(c, w, p, l, m)
				product["Identifiers"] = format.Record{{"MarketplaceASIN", format.Record{{"MarketplaceId", m.ID}, {"ASIN", p.ASIN}}}, {"SKUIdentifier", sku}}
				entry["Product"] = product
			}
			list = append(list, format.Ordered(entry, order...))
		}
		return answer.Payload(list), nil
	}
}

// priceV0 shows the seller's own offers of an item, or of one listing.
func priceV0(c *desk.Call, w *world.World, p *world.Product, only *world.Listing, m *marketplace.Marketplace) object {
	business := c.Query.Get("OfferType") == "B2B"
	offers := []format.Record{}
	for _, l := range w.OwnListings(p) {
		o, ok := w.OwnOffer(l, m, c.Now)
		if !ok || only != nil && l != only || business && o.Business.Units == 0 || !world.Same(c.Query.Get("ItemCondition"), o.Condition) {
			continue
		}
		entry := object{
			"RegularPrice": desk.MoneyNumber(o.Regular), "FulfillmentChannel": strings.ToUpper(o.Channel()), "ItemCondition": o.Condition, "ItemSubCondition": o.Sub, "SellerSKU": o.SKU,
		}
		if business {
			entry["offerType"], entry["businessPrice"] = "B2B", desk.MoneyNumber(o.Business)
			o.Price = o.Business
		} else if c.Query.Has("OfferType") {
			entry["offerType"] = "B2C"
		}
		entry["BuyingPrice"] = format.Ordered(priceTypeV0(&o, desk.MoneyNumber), "ListingPrice", "LandedPrice", "Shipping")
		offers = append(offers, format.Ordered(entry, "BuyingPrice", "RegularPrice", "businessPrice", "FulfillmentChannel", "ItemCondition",
			"ItemSubCondition", "SellerSKU"))
	}
	if len(offers) == 0 {
		return object{} // there is no empty list (selling-partner-api-models#5190)
	}
	return object{"Offers": offers}
}

// competitivePriceV0 shows the featured offers of an item, new and used, and how many offers there are.
func competitivePriceV0(c *desk.Call, w *world.World, p *world.Product, _ *world.Listing, m *marketplace.Marketplace) object {
	business := c.Query.Get("CustomerType") == "Business"
	io := w.OffersOf(p, m, c.Now)
	competitive := []format.Record{}
	for i, condition := range []string{"New", "Used"} {
		o := io.Featured(condition, nil)
		if o == nil {
			continue
		}
		entry := object{"CompetitivePriceId": string(rune('1' + i)), "condition": condition, "subcondition": o.Sub, "belongsToRequester": o.Mine}
		if business {
			entry["offerType"], entry["sellerId"] = "B2C", o.Seller
			if o.Business.Units > 0 {
				b := *o
				b.Price, o = o.Business, &b
				entry["offerType"] = "B2B"
			}
		}
		entry["Price"] = priceTypeV0(o, moneyOrZero)
		competitive = append(competitive, format.Ordered(entry, "belongsToRequester", "condition", "subcondition", "Price", "CompetitivePriceId"))
	}
	counts := []format.Record{}
	for _, condition := range world.ItemConditions {
		if n := len(io.Of(condition)); n > 0 {
			counts = append(counts, format.Record{{"condition", condition}, {"Count", n}})
		}
	}
	counts = append(counts, format.Record{{"condition", "Any"}, {"Count", len(io.Offers)}})
	return object{"CompetitivePricing": object{"CompetitivePrices": competitive, "NumberOfOfferListings": counts}, "SalesRankings": salesRanksV0(p)}
}

// moneyOrZero is a number without a fraction where it is nothing: only competitive prices have that.
func moneyOrZero(m world.Money) format.Record {
	if m.Units == 0 {
		return format.Record{{"CurrencyCode", m.Currency}, {"Amount", 0}}
	}
	return desk.MoneyNumber(m)
}

// offersRequest is what getListingOffers and getItemOffers ask for, alone or in a batch.
type offersRequest struct{ asin, sku, marketplace, condition, customer string }

func offersReply(c *desk.Call, q offersRequest) (answer.Reply, *answer.Error) {
	result, err := offersResult(c, q, &singleOffers)
	if err != nil {
		return answer.Reply{}, err
	}
	return answer.Payload(result), nil
}

// maxOffers is how many offers an answer shows (selling-partner-api-models, productPricingV0).
const maxOffers = 20

func offersResult(c *desk.Call, q offersRequest, view *offersView) (format.Record, *answer.Error) {
	if q.marketplace == "" {
		return nil, answer.Plain(http.StatusBadRequest, "InvalidInput", "Requested MarketplaceId is invalid, unsupported, or does not exist.")
	}
	m, err := c.MarketplaceOf("MarketplaceId", q.marketplace)
	if err != nil {
		return nil, err
	}
	w := c.Seller.World()
	w.RLock()
	defer w.RUnlock()
	var p *world.Product
	identifier := object{"MarketplaceId": m.ID, "ItemCondition": q.condition}
	result := object{"marketplaceId": m.ID, "ItemCondition": q.condition, "status": "Success"}
	if q.asin != "" {
		if p = w.ProductByASIN(q.asin); p == nil {
			return nil, answer.Invalid(q.asin+" is an invalid ASIN for marketplace "+m.ID, "")
		}
		identifier["ASIN"], result["ASIN"] = q.asin, q.asin
	} else {
		l := w.Listing(q.sku)
		if l == nil || l.Offers[m.ID] == nil {
			return nil, answer.Invalid(q.sku+" is an invalid SKU for marketplace "+m.ID, "") // selling-partner-api-models#1953
		}
		p = l.Product
		identifier["SellerSKU"], result["SKU"] = q.sku, q.sku
	}
	io := w.OffersOf(p, m, c.Now)
	business := q.customer == "Business"
	result["Summary"], result["Identifier"] = summaryV0(io, business, view), format.Ordered(identifier, view.identifier...)
	offers := []format.Record{}
	shown := io.Of(q.condition)
	winner := io.Featured(q.condition, nil)
	for i := range shown[:min(len(shown), maxOffers)] {
		o := &shown[i]
		entry := object{
			"SubCondition": subConditionV0(o.Sub), "SellerId": o.Seller, "ListingPrice": view.money(priceFor(o, business)), "Shipping": view.money(o.Shipping),
			"ShippingTime":         format.Ordered(object{"minimumHours": o.Hours[0], "maximumHours": o.Hours[1], "availabilityType": "NOW"}, view.time...),
			"SellerFeedbackRating": format.Record{{"FeedbackCount", o.Feedback}, {"SellerPositiveFeedbackRating", format.Double(o.Positive)}},
			"ShipsFrom":            object{"Country": o.Country}, "PrimeInformation": format.Record{{"IsPrime", o.Amazon}, {"IsNationalPrime", o.Amazon}},
			"IsFulfilledByAmazon": o.Amazon, "IsFeaturedMerchant": o.Eligible, "IsBuyBoxWinner": winner != nil && winner.Seller == o.Seller && winner.SKU == o.SKU,
		}
		if q.sku != "" {
			entry["MyOffer"] = o.Mine
		}
		if business {
			entry["offerType"] = typeFor(o, business)
		}
		if o.Notes != "" {
			entry["ConditionNotes"] = o.Notes
		}
		if points := pointsV0(o); points != nil {
			entry["Points"] = points
		}
		offers = append(offers, format.Ordered(entry, view.offer...))
	}
	result["Offers"] = offers
	if len(offers) == 0 {
		result["status"] = "NoBuyableOffers"
	}
	return format.Ordered(result, view.result...), nil
}

// subConditionV0 spells sub-conditions as offers do: in lower case, whatever the documentation says (selling-partner-api-docs#2529).
func subConditionV0(sub string) string {
	if sub == "VeryGood" {
		return "very_good"
	}
	return strings.ToLower(sub)
}

// priceFor is the price that a kind of buyer sees, and typeFor whom that price is for.
func priceFor(o *world.MarketOffer, business bool) world.Money {
	if business && o.Business.Units > 0 {
		return o.Business
	}
	return o.Price
}

func typeFor(o *world.MarketOffer, business bool) string {
	if business && o.Business.Units > 0 {
		return "B2B"
	}
	return "B2C"
}

// tally is how many offers of a condition and a fulfilment there are, how many of them may be featured, and which is the lowest.
type tally struct {
	condition, channel string
	offers, eligible   int
	lowest             *world.MarketOffer
}

// tallies counts and compares all offers, of whatever condition.
func tallies(io *world.ItemOffers) []tally {
	var list []tally
	for _, condition := range world.ItemConditions {
		offers := io.Of(condition)
		for _, channel := range []string{"Amazon", "Merchant"} {
			t := tally{condition: condition, channel: channel}
			for i := range offers {
				if o := &offers[i]; o.Channel() == channel {
					t.offers++
					if io.TakesPart(o) {
						t.eligible++
					}
					if t.lowest == nil {
						t.lowest = o // they are sorted by landed price
					}
				}
			}
			if t.offers > 0 {
				list = append(list, t)
			}
		}
	}
	return list
}

// buyBoxes are the featured offers, of new and used items.
func buyBoxes(io *world.ItemOffers) []*world.MarketOffer {
	var list []*world.MarketOffer
	for _, condition := range []string{"New", "Used"} {
		if o := io.Featured(condition, nil); o != nil {
			list = append(list, o)
		}
	}
	return list
}

// summaryV0 is what all offers come to.
func summaryV0(io *world.ItemOffers, business bool, view *offersView) format.Record {
	var counts, eligible, lowest, boxes []format.Record
	for _, t := range tallies(io) {
		key := object{"condition": strings.ToLower(t.condition), "fulfillmentChannel": t.channel}
		count := func(n int) format.Record {
			return format.Ordered(mergeObjects(key, object{"OfferCount": n}), "condition", "fulfillmentChannel")
		}
		counts = append(counts, count(t.offers))
		if t.eligible > 0 {
			eligible = append(eligible, count(t.eligible))
		}
		lowest = append(lowest, format.Ordered(mergeObjects(key, boxV0(t.lowest, business, view)), view.price...))
	}
	for _, o := range buyBoxes(io) {
		box := mergeObjects(object{"condition": o.Condition}, boxV0(o, business, view)) // in lower case everywhere else
		if business {
			box["sellerId"] = o.Seller
		}
		boxes = append(boxes, format.Ordered(box, view.price...))
	}
	s := object{
		"TotalOfferCount": len(io.Offers), "ListPrice": view.money(io.List), "CompetitivePriceThreshold": view.money(io.Threshold),
		"SalesRankings": salesRanksV0(io.Product, view.rank...),
	}
	for name, list := range map[string][]format.Record{"NumberOfOffers": counts, "BuyBoxEligibleOffers": eligible, "LowestPrices": lowest, "BuyBoxPrices": boxes} {
		if list != nil {
			s[name] = list
		}
	}
	return format.Ordered(s, view.summary...)
}

func boxV0(o *world.MarketOffer, business bool, view *offersView) object {
	shown := *o
	shown.Price = priceFor(o, business)
	box := priceTypeV0(&shown, view.money)
	if business {
		box["offerType"] = typeFor(o, business)
	}
	return box
}

// mergeObjects returns the members of both.
func mergeObjects(a, b object) object {
	out := object{}
	for k, v := range a {
		out[k] = v
	}
	for k, v := range b {
		out[k] = v
	}
	return out
}

// offersBatch is the handler of both batches. What is wrong with one of the requests stands in its own answer.
func offersBatch(prefix string) desk.Handler {
	return func(c *desk.Call) (answer.Reply, *answer.Error) {
		body, _ := c.Body.(map[string]any)
		list, _ := body["requests"].([]any)
		if len(list) == 0 {
			return answer.Reply{}, answer.MissingMember("requests", "required")
		}
		if repeated(list, prefix) {
			// With two blanks (jrl84/amazon-sp-api#168, selling-partner-api-docs#2410).
			return answer.Reply{}, answer.Plain(http.StatusBadRequest, "InvalidInput", "Duplicate requests submitted.  Cannot run batch request.")
		}
		answers := make([]format.Record, len(list))
		for i, entry := range list {
			m, _ := entry.(map[string]any)
			text := func(name string) string { s, _ := m[name].(string); return s }
			q := offersRequest{marketplace: text("MarketplaceId"), condition: text("ItemCondition"), customer: text("CustomerType")}
			request := format.Record{{"MarketplaceId", q.marketplace}, {"ItemCondition", q.condition}}
			if q.customer != "" {
				request = append(request, [2]any{"CustomerType", q.customer})
			}
			id, inner := batchItem(text("method"), text("uri"), prefix)
			if strings.HasSuffix(prefix, "/items/") {
				q.asin, request = id, append(request, [2]any{"Asin", id})
			} else {
				q.sku, request = id, append(request, [2]any{"SellerSKU", id})
			}
			var result format.Record
			if inner == nil {
				result, inner = offersResult(c, q, &batchedOffers)
			}
			answers[i] = batchAnswer(c, i, object{"payload": result}, inner, request)
		}
		return answer.OK(object{"responses": answers}), nil
	}
}

// repeated tells whether a batch asks for the same twice. Addresses of the other family ask for nothing, and so for the same.
func repeated(list []any, prefix string) bool {
	seen := map[[4]string]bool{}
	for _, entry := range list {
		id, _ := batchItem(http.MethodGet, format.Member(entry, "uri"), prefix)
		key := [4]string{id, format.Member(entry, "MarketplaceId"), format.Member(entry, "ItemCondition"), format.Member(entry, "CustomerType")}
		if seen[key] {
			return true
		}
		seen[key] = true
	}
	return false
}

// batchItem takes the SKU or ASIN out of the address of a request in a batch.
func batchItem(method, uri, prefix string) (string, *answer.Error) {
	rest, ok := strings.CutPrefix(uri, prefix)
	escaped, hasSuffix := strings.CutSuffix(rest, "/offers")
	id, err := url.PathUnescape(escaped)
	switch {
	case !ok || !hasSuffix || err != nil || id == "" || slices.Contains([]string{".", ".."}, id):
		return "", answer.InvalidParameter("uri", `is "`+uri+`", want `+prefix+"…/offers")
	case method != http.MethodGet:
		return id, answer.InvalidParameter("method", "is "+method+", want GET")
	}
	return id, nil
}
