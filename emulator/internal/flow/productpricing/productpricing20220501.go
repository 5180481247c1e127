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
	answers := make([]object, len(list))
	for i, entry := range list {
		m, _ := entry.(map[string]any)
		text := func(name string) string { s, _ := m[name].(string); return s }
		request := object{"marketplaceId": text("marketplaceId"), "sku": text("sku")}
		if m["segment"] != nil {
			request["segment"] = m["segment"]
		}
		answer := object{"headers": c.BatchHeaders(i), "request": request}
		err := batchURI(text("method"), text("uri"), "/products/pricing/2022-05-01/offer/featuredOfferExpectedPrice")
		var result object
		if err == nil {
			result, err = expectedPrice(c, text("marketplaceId"), text("sku"))
		}
		if err != nil {
			answer["body"], answer["status"] = err.Reply().Body, desk.StatusLine(err.Status)
		} else {
			answer["body"], answer["status"] = result, desk.StatusLine(http.StatusOK)
		}
		answers[i] = answer
	}
	return answer.OK(object{"responses": answers}), nil
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
func expectedPrice(c *desk.Call, marketplaceID, sku string) (object, *answer.Error) {
	m, err := c.MarketplaceOf("marketplaceId", marketplaceID)
	if err != nil {
		return nil, err
	}
	w := c.Seller.World()
	w.RLock()
	defer w.RUnlock()
	l := w.Listing(sku)
	if l == nil || l.Offers[m.ID] == nil {
		return object{"featuredOfferExpectedPriceResults": []object{{"resultStatus": "OFFER_NOT_FOUND"}}}, nil
	}
	fulfilled := "MFN"
	if l.Amazon {
		fulfilled = "AFN"
	}
	out := object{"offerIdentifier": object{"marketplaceId": m.ID, "sellerId": c.Seller.ID, "sku": sku, "asin": l.Product.ASIN, "fulfillmentType": fulfilled}}
	result := object{}
	out["featuredOfferExpectedPriceResults"] = []object{result}
	io := w.OffersOf(l.Product, m, c.Now)
	target := func(o *world.MarketOffer) bool { return o.Mine && o.SKU == sku }
	own := slices.IndexFunc(io.Offers, func(o world.MarketOffer) bool { return target(&o) })
	if current := io.Featured("New", nil); current != nil {
		result["currentFeaturedOffer"] = featuredOffer(c, io, current)
	}
	if own < 0 || io.Offers[own].Condition != "New" {
		result["resultStatus"] = "OFFER_NOT_ELIGIBLE"
		return out, nil
	}
	rival := io.Featured("New", target)
	if rival == nil {
		result["resultStatus"] = "NO_COMPETING_OFFER"
		return out, nil
	}
	result["competingFeaturedOffer"] = featuredOffer(c, io, rival)
	price, can := io.ExpectedPrice(&io.Offers[own], rival)
	if !can {
		result["resultStatus"] = "OFFER_NOT_ELIGIBLE"
		return out, nil
	}
	expected := object{"listingPrice": number2022(price)}
	if io.Offers[own].Points > 0 {
		expected["points"] = points2022(&io.Offers[own])
	}
	result["resultStatus"], result["featuredOfferExpectedPrice"] = "VALID_FOEP", expected
	return out, nil
}

// featuredOffer names an offer that is or would be featured. SKUs are shown to their owner only.
func featuredOffer(c *desk.Call, io *world.ItemOffers, o *world.MarketOffer) object {
	price := object{"listingPrice": number2022(o.Price), "shippingPrice": number2022(o.Shipping)}
	if o.Points > 0 {
		price["points"] = points2022(o)
	}
	return object{
		"offerIdentifier": object{"marketplaceId": io.Marketplace.ID, "sellerId": o.Seller, "asin": io.Product.ASIN, "fulfillmentType": fulfillment2022(o)},
		"condition":       o.Condition, "price": price,
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
		status := http.StatusOK
		if err != nil {
			status = err.Status
			errors, _ := err.Reply().Body.(map[string]any)
			summary = object{"asin": text("asin"), "marketplaceId": text("marketplaceId"), "errors": errors["errors"]}
		}
		answers[i] = object{"status": desk.StatusLine(status), "body": summary}
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
				where := object{"glanceViewWeightPercentage": 100, "sampleLocation": object{"postalCode": object{"countryCode": m.CountryCode, "value": samplePostalCode(m.CountryCode)}}}
				shown["featuredOfferSegments"] = []object{{"customerMembership": "DEFAULT", "segmentDetails": where}}
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
				if len(offers) > 0 {
					lowest = append(lowest, object{"lowestPricedOffersInput": in, "offers": offers[:min(len(offers), maxOffers)]})
				}
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

// samplePostalCode is a place in a country.
func samplePostalCode(code string) string {
	if c, ok := world.Countries[code]; ok {
		return c.Places[0].PostalCode
	}
	return "10000"
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
