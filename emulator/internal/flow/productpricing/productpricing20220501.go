package productpricing

import (
	"net/http"
	"slices"

	"github.com/openspapi/spapi/emulator/internal/answer"
	"github.com/openspapi/spapi/emulator/internal/desk"
	"github.com/openspapi/spapi/emulator/internal/format"
	"github.com/openspapi/spapi/emulator/internal/world"
)

type object = format.Object

// V20220501 is the API of product pricing, version 2022-05-01.
var V20220501 = desk.Flow{Handlers: map[string]desk.Handler{
	"productpricing20220501.getFeaturedOfferExpectedPriceBatch": expectedPrices,
	"productpricing20220501.getCompetitiveSummary":              competitiveSummaries,
}}

// maxExpectedPrices is how many SKUs a batch may have (selling-partner-api-models, productPricing_2022-05-01).
const maxExpectedPrices = 40

func number2022(m world.Money) object {
	return object{"currencyCode": m.Currency, "amount": m.Number()}
}

// amountLast is a price as expected prices show it.
func amountLast(m world.Money) format.Record {
	return format.Record{{"currencyCode", m.Currency}, {"amount", m.Number()}}
}

func points2022(o *world.MarketOffer) object {
	return object{"pointsNumber": o.Points, "pointsMonetaryValue": number2022(world.Money{Units: o.Points, Currency: o.Price.Currency})}
}

func fulfillment2022(o *world.MarketOffer) string {
	if o.Amazon {
		return "AFN"
	}
	return "MFN"
}

// expectedPrices answers for each SKU at which price its offer would be featured.
func expectedPrices(c *desk.Call) (answer.Reply, *answer.Error) {
	body, _ := c.Body.(map[string]any)
	list, _ := body["requests"].([]any)
	switch {
	case len(list) == 0:
		return answer.Reply{}, answer.MissingMember("requests", "required")
	case len(list) > maxExpectedPrices:
		return answer.Reply{}, answer.InvalidParameter("requests", "has more than 40 elements")
	}
	answers := make([]format.Record, len(list))
	for i, entry := range list {
		m, _ := entry.(map[string]any)
		text := func(name string) string { s, _ := m[name].(string); return s }
		request := format.Record{{"marketplaceId", text("marketplaceId")}, {"sku", text("sku")}, {"segment", m["segment"]}}
		err := batchURI(text("method"), text("uri"), "/products/pricing/2022-05-01/offer/featuredOfferExpectedPrice")
		var result format.Record
		if err == nil {
			result, err = expectedPrice(c, text("marketplaceId"), text("sku"))
		}
		answers[i] = batchAnswer(c, i, result, err, request)
	}
	return answer.OK(object{"responses": answers}), nil
}

// batchAnswer is the answer to one request of a batch, with its members in Amazon's order (lineofflight/peddler,
// test/vcr_cassettes/Peddler/APIs/ProductPricing20220501Test and ProductPricingV0Test, September 2024).
func batchAnswer(c *desk.Call, i int, body any, err *answer.Error, request format.Record) format.Record {
	status := http.StatusOK
	if err != nil {
		status, body = c.Refusal(err)
	}
	return format.Record{{"headers", c.BatchHeaders(i)}, {"status", desk.StatusLine(status)}, {"body", body}, {"request", request}}
}

func batchURI(method, uri, want string) *answer.Error {
	switch {
	case uri != want:
		return answer.InvalidParameter("uri", `is "`+uri+`", want `+want)
	case method != http.MethodGet:
		return answer.InvalidParameter("method", "is "+method+", want GET")
	}
	return nil
}

// expectedPrice computes the price at which one listing would be featured. The result's states are those that the model names.
func expectedPrice(c *desk.Call, marketplaceID, sku string) (format.Record, *answer.Error) {
	m, err := c.MarketplaceOf("marketplaceId", marketplaceID)
	if err != nil {
		return nil, err
	}
	w := c.Seller.World()
	w.RLock()
	defer w.RUnlock()
	l := w.Listing(sku)
	if l == nil || l.Offers[m.ID] == nil {
		return format.Record{{"featuredOfferExpectedPriceResults", []object{{"resultStatus": "OFFER_NOT_FOUND"}}}}, nil
	}
	var status, expected, competing, currently any
	done := func() (format.Record, *answer.Error) {
		result := format.Record{{"resultStatus", status}, {"featuredOfferExpectedPrice", expected}, {"competingFeaturedOffer", competing},
			{"currentFeaturedOffer", currently}}
		// How the offer is fulfilled isn't told.
		identifier := format.Record{{"marketplaceId", m.ID}, {"asin", l.Product.ASIN}, {"sellerId", c.Seller.ID}, {"sku", sku}}
		return format.Record{{"featuredOfferExpectedPriceResults", []format.Record{result}}, {"offerIdentifier", identifier}}, nil
	}
	io := w.OffersOf(l.Product, m, c.Now)
	target := func(o *world.MarketOffer) bool { return o.Mine && o.SKU == sku }
	own := slices.IndexFunc(io.Offers, func(o world.MarketOffer) bool { return target(&o) })
	if current := io.Featured("New", nil); current != nil {
		currently = featuredOffer(io, current)
	}
	if own < 0 || io.Offers[own].Condition != "New" {
		status = "OFFER_NOT_ELIGIBLE"
		return done()
	}
	rival := io.Featured("New", target)
	if rival == nil {
		status = "NO_COMPETING_OFFER"
		return done()
	}
	competing = featuredOffer(io, rival)
	price, can := io.ExpectedPrice(&io.Offers[own], rival)
	if !can {
		status = "OFFER_NOT_ELIGIBLE"
		return done()
	}
	var points any
	if io.Offers[own].Points > 0 {
		points = points2022(&io.Offers[own])
	}
	status, expected = "VALID_FOEP", format.Record{{"listingPrice", amountLast(price)}, {"points", points}}
	return done()
}

// featuredOffer names an offer that is or would be featured. SKUs are shown to their owner only.
func featuredOffer(io *world.ItemOffers, o *world.MarketOffer) format.Record {
	var points any
	if o.Points > 0 {
		points = points2022(o)
	}
	return format.Record{
		{"condition", o.Condition}, {"price", format.Record{{"shippingPrice", amountLast(o.Shipping)}, {"listingPrice", amountLast(o.Price)}, {"points", points}}},
		{"offerIdentifier", format.Record{{"marketplaceId", io.Marketplace.ID}, {"asin", io.Product.ASIN}, {"sellerId", o.Seller},
			{"fulfillmentType", fulfillment2022(o)}}},
	}
}

// competitiveSummaries answers for each ASIN with the data sets that were asked for.
func competitiveSummaries(c *desk.Call) (answer.Reply, *answer.Error) {
	body, _ := c.Body.(map[string]any)
	list, _ := body["requests"].([]any)
	answers := make([]object, len(list))
	for i, entry := range list {
		m, _ := entry.(map[string]any)
		text := func(name string) string { s, _ := m[name].(string); return s }
		summary := object{"asin": text("asin"), "marketplaceId": text("marketplaceId")}
		err := batchURI(text("method"), text("uri"), "/products/pricing/2022-05-01/items/competitiveSummary")
		if err == nil {
			err = competitiveSummary(c, summary, text("asin"), text("marketplaceId"), m)
		}
		status := object{"statusCode": http.StatusOK, "reasonPhrase": "Success"} // sic: lineofflight/peddler, as above
		if err != nil {
			code, refusal := c.Refusal(err)
			status = object{"statusCode": code, "reasonPhrase": http.StatusText(code)}
			errors, _ := refusal.(map[string]any)
			summary = object{"asin": text("asin"), "marketplaceId": text("marketplaceId"), "errors": errors["errors"]}
		}
		answers[i] = object{"status": status, "body": summary}
	}
	return answer.OK(object{"responses": answers}), nil
}

// maxSimilar is how many similar items are named.
const maxSimilar = 20

func competitiveSummary(c *desk.Call, out object, asin, marketplaceID string, request map[string]any) *answer.Error {
	m, err := c.MarketplaceOf("marketplaceId", marketplaceID)
	if err != nil {
		return err
	}
	included, _ := request["includedData"].([]any)
	inputs, _ := request["lowestPricedOffersInputs"].([]any)
	if len(inputs) > 0 && !slices.Contains(included, any("lowestPricedOffers")) {
		return answer.InvalidParameter("lowestPricedOffersInputs", "is only valid with lowestPricedOffers in includedData")
	}
	w := c.Seller.World()
	w.RLock()
	defer w.RUnlock()
	p := w.ProductByASIN(asin)
	if p == nil {
		return answer.NotFound("The requested ASIN " + asin + " was not found.") // wording assumed
	}
	io := w.OffersOf(p, m, c.Now)
	for _, set := range included {
		switch set {
		case "featuredBuyingOptions":
			options := []object{}
			// New only: selling-partner-api-models#5377.
			if o := io.Featured("New", nil); o != nil {
				shown := offer2022(o)
				delete(shown, "subCondition")
				delete(shown, "primeDetails")
				segments := []object{}
				for _, who := range []string{"PRIME", "NON_PRIME"} {
					segments = append(segments, object{"customerMembership": who, "segmentDetails": object{"glanceViewWeightPercentage": format.Double(50)}})
				}
				shown["featuredOfferSegments"] = segments
				options = append(options, object{"buyingOptionType": "New", "segmentedFeaturedOffers": []object{shown}})
			}
			out["featuredBuyingOptions"] = options
		case "referencePrices":
			out["referencePrices"] = []object{
				{"name": "CompetitivePriceThreshold", "price": number2022(io.Threshold)},
				{"name": "CompetitivePrice", "price": number2022(io.Competitive)},
				{"name": "WasPrice", "price": number2022(io.Was)},
			}
		case "lowestPricedOffers":
			if len(inputs) == 0 {
				inputs = []any{map[string]any{"itemCondition": "New", "offerType": "Consumer"}} // the documented defaults
			}
			lowest := []object{}
			for _, input := range inputs {
				in, _ := input.(map[string]any)
				condition, _ := in["itemCondition"].(string)
				offers := []object{}
				for _, o := range io.Of(condition) {
					offers = append(offers, offer2022(&o))
				}
				lowest = append(lowest, object{"lowestPricedOffersInput": in, "offers": offers[:min(len(offers), maxOffers)]})
			}
			out["lowestPricedOffers"] = lowest
		case "similarItems":
			items := []object{}
			for _, other := range w.Catalogue() {
				if other != p && other.Kind.Name == p.Kind.Name && len(items) < maxSimilar {
					items = append(items, object{"asin": other.ASIN})
				}
			}
			out["similarItems"] = []object{{"items": items}}
		}
	}
	return nil
}

func offer2022(o *world.MarketOffer) object {
	prime := "NONE"
	if o.Amazon {
		prime = "NATIONAL"
	}
	out := object{
		"sellerId": o.Seller, "condition": o.Condition, "subCondition": o.Sub, "fulfillmentType": fulfillment2022(o), "listingPrice": number2022(o.Price),
		"shippingOptions": []object{{"shippingOptionType": "DEFAULT", "price": number2022(o.Shipping)}}, "primeDetails": object{"eligibility": prime},
	}
	if o.Points > 0 {
		out["points"] = points2022(o)
	}
	if off := o.Regular.Units - o.Price.Units; off > 0 {
		out["promotions"] = []object{{"promotionType": "SALE", "promotionSavings": object{
			"discount":        object{"type": "AMOUNT_OFF", "amountOff": number2022(world.Money{Units: off, Currency: o.Price.Currency})},
			"discountedPrice": number2022(o.Price),
		}}}
	}
	return out
}
