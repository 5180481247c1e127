// Package productpricing answers for product pricing.
package productpricing

import (
	"net/http"
	"net/url"
	"slices"
	"strings"

	"github.com/openspapi/spapi/emulator/internal/answer"
	"github.com/openspapi/spapi/emulator/internal/desk"
	"github.com/openspapi/spapi/emulator/internal/world"
	"github.com/openspapi/spapi/marketplace"
)

// V0 is the API of product pricing, version 0.
var V0 = desk.Flow{Handlers: map[string]desk.Handler{
	"productpricingv0.getPricing":            prices(priceV0),
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

// errPricing is what pricing says to most mistakes (selling-partner-api-models#2408); which parameter it was stands in details here.
func errPricing(name, want string) *answer.Error {
	return answer.Invalid("Invalid Input", name+": "+want)
}

// priceTypeV0 is a price with what comes on top.
func priceTypeV0(o *world.MarketOffer) object {
	p := object{"LandedPrice": desk.MoneyNumber(o.Landed()), "ListingPrice": desk.MoneyNumber(o.Price), "Shipping": desk.MoneyNumber(o.Shipping)}
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

func salesRanksV0(p *world.Product) []object {
	return []object{{"ProductCategoryId": "office_product_display_on_website", "Rank": p.Rank}, {"ProductCategoryId": p.Kind.CategoryN, "Rank": p.Rank/100 + 1}}
}

// prices is the handler of the two operations for up to twenty SKUs or ASINs. One that isn't known is an entry with a status of its
// own, and no error of the whole (selling-partner-api-models#5190).
func prices(show func(c *desk.Call, w *world.World, p *world.Product, l *world.Listing, m *marketplace.Marketplace) object) desk.Handler {
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
			return answer.Reply{}, errPricing(parameter, "required with this ItemType")
		case len(c.Query[other]) > 0:
			return answer.Reply{}, errPricing(other, "can't be used with this ItemType")
		}
		w := c.Seller.World()
		w.RLock()
		defer w.RUnlock()
		list := []object{}
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
				sku := object{"MarketplaceId": "", "SellerId": "", "SellerSKU": ""} // empty when asked by ASIN: the model's sandbox cases
				if bySKU {
					sku = object{"MarketplaceId": m.ID, "SellerId": c.Seller.ID, "SellerSKU": id}
				}
				product := show(c, w, p, l, m)
				product["Identifiers"] = object{"MarketplaceASIN": object{"MarketplaceId": m.ID, "ASIN": p.ASIN}, "SKUIdentifier": sku}
				entry["Product"] = product
			}
			list = append(list, entry)
		}
		return answer.Payload(list), nil
	}
}

// priceV0 shows the seller's own offers of an item, or of one listing.
func priceV0(c *desk.Call, w *world.World, p *world.Product, only *world.Listing, m *marketplace.Marketplace) object {
	business := c.Query.Get("OfferType") == "B2B"
	offers := []object{}
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
		entry["BuyingPrice"] = priceTypeV0(&o)
		offers = append(offers, entry)
	}
	return object{"Offers": offers}
}

// competitivePriceV0 shows the featured offers of an item, new and used, and how many offers there are.
func competitivePriceV0(c *desk.Call, w *world.World, p *world.Product, _ *world.Listing, m *marketplace.Marketplace) object {
	business := c.Query.Get("CustomerType") == "Business"
	io := w.OffersOf(p, m, c.Now)
	competitive := []object{}
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
		entry["Price"] = priceTypeV0(o)
		competitive = append(competitive, entry)
	}
	counts := []object{}
	for _, condition := range world.ItemConditions {
		if n := len(io.Of(condition)); n > 0 {
			counts = append(counts, object{"Count": n, "condition": condition})
		}
	}
	counts = append(counts, object{"Count": len(io.Offers), "condition": "Any"})
	return object{"CompetitivePricing": object{"CompetitivePrices": competitive, "NumberOfOfferListings": counts}, "SalesRankings": salesRanksV0(p)}
}

// offersRequest is what getListingOffers and getItemOffers ask for, alone or in a batch.
type offersRequest struct{ asin, sku, marketplace, condition, customer string }

func offersReply(c *desk.Call, q offersRequest) (answer.Reply, *answer.Error) {
	result, err := offersResult(c, q)
	if err != nil {
		return answer.Reply{}, err
	}
	return answer.Payload(result), nil
}

// maxOffers is how many offers an answer shows (selling-partner-api-models, productPricingV0).
const maxOffers = 20

func offersResult(c *desk.Call, q offersRequest) (object, *answer.Error) {
	m, err := c.MarketplaceOf("MarketplaceId", q.marketplace)
	if err != nil {
		return nil, err
	}
	w := c.Seller.World()
	w.RLock()
	defer w.RUnlock()
	var p *world.Product
	identifier := object{"MarketplaceId": m.ID, "ItemCondition": q.condition}
	result := object{"marketplaceId": m.ID, "ItemCondition": q.condition, "status": "Success", "Identifier": identifier}
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
	result["Summary"] = summaryV0(io, business)
	offers := []object{}
	shown := io.Of(q.condition)
	winner := io.Featured(q.condition, nil)
	for i := range shown[:min(len(shown), maxOffers)] {
		o := &shown[i]
		entry := object{
			"SubCondition": subConditionV0(o.Sub), "SellerId": o.Seller, "ListingPrice": desk.MoneyNumber(priceFor(o, business)), "Shipping": desk.MoneyNumber(o.Shipping),
			"ShippingTime":         object{"minimumHours": o.Hours[0], "maximumHours": o.Hours[1], "availabilityType": "NOW"},
			"SellerFeedbackRating": object{"FeedbackCount": o.Feedback, "SellerPositiveFeedbackRating": o.Positive},
			"ShipsFrom":            object{"Country": o.Country}, "PrimeInformation": object{"IsPrime": o.Amazon, "IsNationalPrime": o.Amazon},
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
		offers = append(offers, entry)
	}
	result["Offers"] = offers
	if len(offers) == 0 {
		result["status"] = "NoBuyableOffers"
	}
	return result, nil
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

// summaryV0 counts and compares all offers, of whatever condition.
func summaryV0(io *world.ItemOffers, business bool) object {
	var counts, eligible, lowest, boxes []object
	for _, condition := range world.ItemConditions {
		offers := io.Of(condition)
		for _, channel := range []string{"Amazon", "Merchant"} {
			n, able := 0, 0
			var low *world.MarketOffer
			for i := range offers {
				if o := &offers[i]; o.Channel() == channel {
					n++
					if io.TakesPart(o) {
						able++
					}
					if low == nil {
						low = o // they are sorted by landed price
					}
				}
			}
			if n == 0 {
				continue
			}
			key := object{"condition": strings.ToLower(condition), "fulfillmentChannel": channel}
			counts = append(counts, mergeObjects(key, object{"OfferCount": n}))
			if able > 0 {
				eligible = append(eligible, mergeObjects(key, object{"OfferCount": able}))
			}
			lowest = append(lowest, mergeObjects(key, boxV0(low, business)))
		}
		if o := io.Featured(condition, nil); o != nil && (condition == "New" || condition == "Used") {
			box := mergeObjects(object{"condition": strings.ToLower(condition)}, boxV0(o, business))
			if business {
				box["sellerId"] = o.Seller
			}
			boxes = append(boxes, box)
		}
	}
	s := object{
		"TotalOfferCount": len(io.Offers), "ListPrice": desk.MoneyNumber(io.List), "CompetitivePriceThreshold": desk.MoneyNumber(io.Threshold), "SalesRankings": salesRanksV0(io.Product),
	}
	for name, list := range map[string][]object{"NumberOfOffers": counts, "BuyBoxEligibleOffers": eligible, "LowestPrices": lowest, "BuyBoxPrices": boxes} {
		if list != nil {
			s[name] = list
		}
	}
	return s
}

func boxV0(o *world.MarketOffer, business bool) object {
	shown := *o
	shown.Price = priceFor(o, business)
	box := priceTypeV0(&shown)
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
		answers := make([]object, len(list))
		for i, entry := range list {
			m, _ := entry.(map[string]any)
			text := func(name string) string { s, _ := m[name].(string); return s }
			q := offersRequest{marketplace: text("MarketplaceId"), condition: text("ItemCondition"), customer: text("CustomerType")}
			request := object{"MarketplaceId": q.marketplace, "ItemCondition": q.condition}
			if q.customer != "" {
				request["CustomerType"] = q.customer
			}
			id, inner := batchItem(text("method"), text("uri"), prefix)
			if strings.HasSuffix(prefix, "/items/") {
				q.asin, request["Asin"] = id, id
			} else {
				q.sku, request["SellerSKU"] = id, id
			}
			var result object
			if inner == nil {
				result, inner = offersResult(c, q)
			}
			answer := object{"headers": c.BatchHeaders(i), "request": request}
			if inner != nil {
				answer["body"], answer["status"] = inner.Reply().Body, desk.StatusLine(inner.Status)
			} else {
				answer["body"], answer["status"] = object{"payload": result}, desk.StatusLine(http.StatusOK)
			}
			answers[i] = answer
		}
		return answer.OK(object{"responses": answers}), nil
	}
}

// batchItem takes the SKU or ASIN out of the address of a request in a batch.
func batchItem(method, uri, prefix string) (string, *answer.Error) {
	rest, ok := strings.CutPrefix(uri, prefix)
	escaped, hasSuffix := strings.CutSuffix(rest, "/offers")
	id, err := url.PathUnescape(escaped)
	switch {
	case !ok || !hasSuffix || err != nil || id == "" || slices.Contains([]string{".", ".."}, id):
		return "", errPricing("uri", `is "`+uri+`", want `+prefix+"…/offers")
	case method != http.MethodGet:
		return id, errPricing("method", "is "+method+", want GET")
	}
	return id, nil
}
