package productpricing

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/openspapi/spapi/emulator/internal/desk"
	"github.com/openspapi/spapi/emulator/internal/world"
	"github.com/openspapi/spapi/marketplace"
)

// The types of notifications about offers.
const (
	anyOffer      = "ANY_OFFER_CHANGED"
	businessOffer = "B2B_ANY_OFFER_CHANGED"
	pricingHealth = "PRICING_HEALTH"
)

// offerMakers make the payloads.
var offerMakers = map[string]func(*offerEvent) object{anyOffer: anyOfferPayload, businessOffer: businessOfferPayload, pricingHealth: pricingHealthPayload}

var news = map[string]desk.NewsSource{
	anyOffer:      {Since: desk.Until, About: aboutOffer(anyOffer)},
	businessOffer: {Since: desk.Until, About: aboutOffer(businessOffer)},
	pricingHealth: {Since: desk.Until, About: aboutOffer(pricingHealth)},
}

// offerEvent is a change of the offers of an item in one condition.
type offerEvent struct {
	seller    *desk.Seller
	offers    *world.ItemOffers // as they are now
	condition string
	own       *world.MarketOffer // the seller's that changed; nil where it is gone
	at        time.Time
}

// watch tells of a change of the seller's own offer of an item. Those of other sellers stand still.
func watch(a *desk.Seller, w *world.World, c world.Change) {
	if c.Stock && (c.Was.Available() == 0) == (c.Now.Available() == 0) {
		return
	}
	wanted := a.Wants(anyOffer) || a.Wants(businessOffer) || a.Wants(pricingHealth)
	if !wanted {
		return
	}
	for i := range a.Marketplaces {
		m := &a.Marketplaces[i]
		var was, is *world.MarketOffer
		if c.Was != nil {
			if o, ok := w.OwnOffer(c.Was, m, c.WasAt); ok {
				was = &o
			}
		}
		if o, ok := w.OwnOffer(c.Now, m, c.At); ok {
			is = &o
		}
		switch {
		case was == nil && is == nil || was != nil && is != nil && *was == *is && c.Was.Product.ASIN == c.Now.Product.ASIN:
		case was != nil && is != nil && c.Was.Product.ASIN != c.Now.Product.ASIN: // it is another item's now
			tellOffers(a, w, c.Was.Product, m, was, nil, c.At)
			tellOffers(a, w, c.Now.Product, m, nil, is, c.At)
		case is == nil:
			tellOffers(a, w, c.Was.Product, m, was, nil, c.At)
		default:
			tellOffers(a, w, c.Now.Product, m, was, is, c.At)
		}
	}
}

// tellOffers tells of an own offer of an item that was another one, or none.
func tellOffers(a *desk.Seller, w *world.World, p *world.Product, m *marketplace.Marketplace, was, is *world.MarketOffer, at time.Time) {
	io := w.OffersOf(p, m, at)
	for _, condition := range world.ItemConditions {
		in := func(o *world.MarketOffer) bool { return o != nil && o.Condition == condition }
		if !in(was) && !in(is) || !leads(io, condition, was) && !leads(io, condition, is) {
			continue
		}
		e := &offerEvent{seller: a, offers: io, condition: condition, at: at}
		if in(is) {
			e.own = is
		}
		kinds := []string{anyOffer}
		if in(was) && was.Business.Units > 0 || in(is) && is.Business.Units > 0 {
			kinds = append(kinds, businessOffer)
		}
		if in(was) && in(is) && io.TakesPart(was) && !io.TakesPart(is) {
			kinds = append(kinds, pricingHealth)
		}
		for _, kind := range kinds {
			if a.Wants(kind) {
				a.Tell(e.news(kind))
			}
		}
	}
}

// leads tells whether an offer is, or would be, among the first of its condition that answers and messages show.
func leads(io *world.ItemOffers, condition string, own *world.MarketOffer) bool {
	if own == nil || own.Condition != condition {
		return false
	}
	before := 0
	for _, o := range io.Of(condition) {
		if (!o.Mine || o.SKU != own.SKU) && o.Landed().Units < own.Landed().Units {
			before++
		}
	}
	return before < maxOffers
}

func (e *offerEvent) news(kind string) desk.News {
	return desk.News{Type: kind, At: e.at, Payload: offerMakers[kind](e)}
}

// money is an amount as PascalCase has it, moneyCamel as camelCase does.
func money(m world.Money) object { return object{"Amount": m.Number(), "CurrencyCode": m.Currency} }
func moneyCamel(m world.Money) object {
	return object{"amount": m.Number(), "currencyCode": m.Currency}
}

// priced is an offer's price with what comes on top, as a kind of buyer sees it.
func priced(o *world.MarketOffer, business bool) object {
	shown := *o
	shown.Price = priceFor(o, business)
	p := object{"LandedPrice": money(shown.Landed()), "ListingPrice": money(shown.Price), "Shipping": money(shown.Shipping)}
	if o.Points > 0 {
		p["Points"] = object{"PointsNumber": o.Points}
	}
	return p
}

func pricedCamel(o *world.MarketOffer) object {
	p := object{"condition": strings.ToLower(o.Condition), "landedPrice": moneyCamel(o.Landed()), "listingPrice": moneyCamel(o.Price),
		"shipping": moneyCamel(o.Shipping)}
	if o.Points > 0 {
		p["points"] = object{"pointsNumber": o.Points}
	}
	return p
}

// salesRankings are those of an item, under the names that a message has.
func salesRankings(p *world.Product, category, rank string) []object {
	list := []object{}
	for _, r := range salesRanksV0(p, "ProductCategoryId", "Rank") {
		list = append(list, object{category: r[0][1], rank: r[1][1]})
	}
	return list
}

func (e *offerEvent) trigger() object {
	return object{"MarketplaceId": e.offers.Marketplace.ID, "ASIN": e.offers.Product.ASIN, "ItemCondition": e.condition, "TimeOfOfferChange": desk.Millis(e.at)}
}

// shown are the first offers of the condition, as getItemOffers lists them.
func (e *offerEvent) shown() []world.MarketOffer {
	list := e.offers.Of(e.condition)
	return list[:min(len(list), maxOffers)]
}

// offerObject is what both types tell of one offer.
func offerObject(o *world.MarketOffer, business bool) object {
	out := object{
		"SellerId": o.Seller, "SubCondition": subConditionV0(o.Sub), "ListingPrice": money(priceFor(o, business)), "Shipping": money(o.Shipping),
		"ShippingTime": object{"MinimumHours": o.Hours[0], "MaximumHours": o.Hours[1], "AvailabilityType": "NOW"},
		"ShipsFrom":    object{"Country": o.Country}, "IsFulfilledByAmazon": o.Amazon, "IsFeaturedMerchant": o.Eligible,
	}
	if o.Points > 0 {
		out["Points"] = object{"PointsNumber": o.Points}
	}
	return out
}

func anyOfferPayload(e *offerEvent) object {
	io := e.offers
	counts, eligible, lowest, boxes, offers := []object{}, []object{}, []object{}, []object{}, []object{}
	able := 0
	for _, t := range tallies(io) {
		key := object{"Condition": strings.ToLower(t.condition), "FulfillmentChannel": t.channel}
		counts = append(counts, mergeObjects(key, object{"OfferCount": t.offers}))
		if t.eligible > 0 {
			eligible = append(eligible, mergeObjects(key, object{"OfferCount": t.eligible}))
		}
		able += t.eligible
		lowest = append(lowest, mergeObjects(key, priced(t.lowest, false)))
	}
	for _, o := range buyBoxes(io) {
		boxes = append(boxes, mergeObjects(object{"Condition": strings.ToLower(o.Condition)}, priced(o, false)))
	}
	shown := e.shown()
	for i := range shown {
		o := &shown[i]
		offer := offerObject(o, false)
		offer["SellerFeedbackRating"] = object{"FeedbackCount": o.Feedback, "SellerPositiveFeedbackRating": o.Positive}
		offer["PrimeInformation"] = object{"IsOfferPrime": o.Amazon, "IsOfferNationalPrime": o.Amazon}
		offer["IsExpeditedShippingAvailable"], offer["ShipsDomestically"], offer["ShipsInternationally"] = o.Amazon, o.Country == io.Marketplace.CountryCode, false
		offers = append(offers, offer)
	}
	trigger := e.trigger()
	trigger["OfferChangeType"] = "Internal"
	return object{"AnyOfferChangedNotification": object{
		"SellerId": e.seller.ID, "OfferChangeTrigger": trigger, "Offers": offers,
		"Summary": object{
			"NumberOfOffers": counts, "LowestPrices": lowest, "BuyBoxPrices": boxes, "ListPrice": money(io.List), "TotalBuyBoxEligibleOffers": able,
			"SalesRankings": salesRankings(io.Product, "ProductCategoryId", "Rank"), "NumberOfBuyBoxEligibleOffers": eligible,
			"CompetitivePriceThreshold": money(io.Threshold),
		},
	}}
}

func businessOfferPayload(e *offerEvent) object {
	io := e.offers
	counts, eligible, lowest, boxes, offers := []object{}, []object{}, []object{}, []object{}, []object{}
	for _, t := range tallies(io) {
		key := object{"Condition": strings.ToLower(t.condition), "FulfillmentChannel": t.channel}
		counts = append(counts, mergeObjects(key, object{"OfferCount": t.offers}))
		if t.eligible > 0 {
			eligible = append(eligible, mergeObjects(key, object{"OfferCount": t.eligible}))
		}
		low := mergeObjects(key, priced(t.lowest, true))
		low["OfferType"], low["QuantityTier"] = typeFor(t.lowest, true), 1
		lowest = append(lowest, low)
	}
	for _, o := range buyBoxes(io) {
		box := mergeObjects(object{"Condition": strings.ToLower(o.Condition)}, priced(o, true))
		box["OfferType"], box["QuantityTier"], box["SellerId"] = typeFor(o, true), 1, o.Seller
		boxes = append(boxes, box)
	}
	winner, shown := io.Featured(e.condition, nil), e.shown()
	for i := range shown {
		o := &shown[i]
		offer := offerObject(o, true)
		offer["SellerFeedbackRating"] = object{"FeedbackCount": o.Feedback, "SellerPositiveFeedbackRating": o.Positive}
		offer["PrimeInformation"] = object{"IsPrime": o.Amazon, "IsNationalPrime": o.Amazon}
		offer["IsBuyBoxWinner"] = winner != nil && winner.Seller == o.Seller && winner.SKU == o.SKU
		if o.Notes != "" {
			offer["ConditionNotes"] = o.Notes
		}
		offers = append(offers, offer)
	}
	return object{"B2BAnyOfferChangedNotification": object{
		"SellerId": e.seller.ID, "OfferChangeTrigger": e.trigger(), "Offers": offers,
		"Summary": object{"NumberOfOffers": counts, "BuyBoxEligibleOffers": eligible, "LowestPrices": lowest, "BuyBoxPrices": boxes},
	}}
}

func pricingHealthPayload(e *offerEvent) object {
	io := e.offers
	counts, eligible, boxes := []object{}, []object{}, []object{}
	for _, t := range tallies(io) {
		key := object{"condition": strings.ToLower(t.condition), "fulfillmentType": fulfillment2022(t.lowest)}
		counts = append(counts, mergeObjects(key, object{"offerCount": t.offers}))
		if t.eligible > 0 {
			eligible = append(eligible, mergeObjects(key, object{"offerCount": t.eligible}))
		}
	}
	for _, o := range buyBoxes(io) {
		boxes = append(boxes, pricedCamel(o))
	}
	return object{
		"issueType": "BuyBoxDisqualification", "sellerId": e.seller.ID,
		"offerChangeTrigger": object{"marketplaceId": io.Marketplace.ID, "asin": io.Product.ASIN, "itemCondition": strings.ToLower(e.condition),
			"timeOfOfferChange": desk.Millis(e.at)},
		"merchantOffer": mergeObjects(pricedCamel(e.own), object{"fulfillmentType": fulfillment2022(e.own)}),
		"summary": object{
			"numberOfOffers": counts, "buyBoxEligibleOffers": eligible, "buyBoxPrices": boxes, "salesRankings": salesRankings(io.Product, "productCategoryId", "rank"),
			"referencePrice": object{
				"averageSellingPrice": moneyCamel(io.Was), "competitivePriceThreshold": moneyCamel(io.Threshold), "retailOfferPrice": moneyCamel(io.Competitive),
				"msrpPrice": moneyCamel(io.List),
			},
		},
	}
}

// aboutOffer tells of the offers of an item as they are, as if the seller's own had changed.
func aboutOffer(kind string) func(*desk.Seller, map[string]string, time.Time) (desk.News, error) {
	return func(a *desk.Seller, about map[string]string, now time.Time) (desk.News, error) {
		w, l, m, err := a.AboutListing(about)
		if err != nil {
			return desk.News{}, err
		}
		w.RLock()
		defer w.RUnlock()
		e := &offerEvent{seller: a, offers: w.OffersOf(l.Product, m, now), condition: "New", at: now}
		if i := slices.IndexFunc(e.offers.Offers, func(o world.MarketOffer) bool { return o.Mine && o.SKU == l.SKU }); i >= 0 {
			e.own = &e.offers.Offers[i]
			e.condition = e.own.Condition
		}
		if kind == pricingHealth && e.own == nil {
			return desk.News{}, fmt.Errorf("sku %q: can't be bought in %s now, want an offer that can", l.SKU, m.ID)
		}
		return e.news(kind), nil
	}
}
