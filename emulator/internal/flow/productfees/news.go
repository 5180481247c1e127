package productfees

import (
	"fmt"
	"math"
	"slices"
	"time"

	"github.com/openspapi/spapi/emulator/internal/desk"
	"github.com/openspapi/spapi/emulator/internal/world"
	"github.com/openspapi/spapi/marketplace"
)

// feePromotion is the type of the notification that tells of fees that are lower from now on.
const feePromotion = "FEE_PROMOTION"

var news = map[string]desk.NewsSource{feePromotion: {Since: promotionsBegun, About: aboutPromotion}}

func promotionsBegun(a *desk.Seller, after, until time.Time) (list []desk.News) {
	for _, p := range promotionStore.Of(a).begun(after, until) {
		list = append(list, p.news(a, desk.WorldAt(a, until), p.From)...)
	}
	return list
}

// examplePercent is of a promotion that is told of though there is none.
const examplePercent = 50

func aboutPromotion(a *desk.Seller, about map[string]string, now time.Time) (desk.News, error) {
	w, l, m, err := a.AboutListing(about)
	if err != nil {
		return desk.News{}, err
	}
	if _, err := priced(w, l, m); err != nil {
		return desk.News{}, err
	}
	p := promotionOf(a, m.ID, l.Product.ASIN, now)
	if p == nil {
		p = &Promotion{Type: promotionType, Percent: examplePercent, From: now, Until: now.AddDate(0, 0, promotionDays)}
	}
	w.RLock()
	defer w.RUnlock()
	return p.told(a, []*world.Listing{l}, m, now), nil
}

// priced is the offer of a listing; without one there is nothing that fees are of. The caller doesn't hold the world's lock.
func priced(w *world.World, l *world.Listing, m *marketplace.Marketplace) (*world.Offer, error) {
	w.RLock()
	defer w.RUnlock()
	if o := l.Offers[m.ID]; o != nil {
		return o, nil
	}
	return nil, fmt.Errorf("sku %q: has no price in %s, want an offer", l.SKU, m.ID)
}

// news tells of a promotion, as it is at a time, with each of its items that has a price then, in messages of up to maxPromotionItems.
func (p *Promotion) news(a *desk.Seller, w *world.World, at time.Time) (list []desk.News) {
	m, err := a.AboutMarketplace(map[string]string{"marketplace": p.Marketplace})
	if err != nil {
		return nil // it was checked
	}
	w.RLock()
	defer w.RUnlock()
	var listings []*world.Listing
	seen := map[string]bool{}
	for _, l := range w.AllListings() {
		if asin := l.Product.ASIN; p.covers(asin) && l.Offers[m.ID] != nil && !seen[asin] {
			seen[asin] = true
			listings = append(listings, l)
		}
	}
	for some := range slices.Chunk(listings, maxPromotionItems) {
		list = append(list, p.told(a, some, m, at))
	}
	return list
}

// told is the message about some items: an identifier of each, and, in the same order, what it does to the fees of each at its price. The caller holds the
// world's lock.
func (p *Promotion) told(a *desk.Seller, listings []*world.Listing, m *marketplace.Marketplace, at time.Time) desk.News {
	amount := func(units int) object { // the schema has whole ones
		return object{"Amount": int(math.Round(float64(units) / math.Pow10(world.Decimals(m.Currency)))), "CurrencyCode": m.Currency}
	}
	detail := func(f fee) object {
		return object{"FeeType": f.kind, "FeeAmount": amount(f.amount), "TaxAmount": amount(0), "FeePromotion": amount(f.off), "FinalFee": amount(f.final())}
	}
	// What the kinds of discounts are called is assumed.
	kind, value := "PERCENTAGE", p.Percent
	if p.Amount != "" {
		off, _ := world.ParseMoney(p.Amount, m.Currency)
		kind, value = "AMOUNT", float64(off.Number())
	}
	var ids, information []object
	for _, l := range listings {
		price, tariff := l.Offers[m.ID].PriceAt(at).Units, 0
		if l.Amazon {
			tariff = 100
		}
		fees := estimate(l.Product, m, price, tariff, p)
		var details []object
		off := 0
		for _, f := range fees {
			d, included := detail(f), []object{}
			for _, i := range f.included {
				included = append(included, detail(i))
			}
			d["IncludedFees"] = included
			details, off = append(details, d), off+f.off
		}
		ids = append(ids, object{"IdentifierValueId": l.Product.ASIN, "IdentifierValueFriendlyName": l.Title(m)})
		// That the threshold is the item's price is assumed.
		information = append(information, object{
			"FeeType": referralFee, "FeeDiscountType": kind, "FeeDiscountValue": value, "PriceThreshold": amount(price), "FeeDiscountMonetaryAmount": amount(off),
			"FeesEstimate": object{"TimeOfFeesEstimated": desk.Millis(at), "TotalFeesEstimate": amount(total(fees)), "FeeDetails": details},
		})
	}
	return desk.News{Type: feePromotion, At: at, Payload: object{"FeePromotionNotification": object{
		"MerchantId": a.ID, "MarketplaceId": m.ID, "FeePromotionType": p.Type, "FeePromotionTypeDescription": "A lower referral fee for a while",
		"PromotionActiveTimeRange": object{"EffectiveFromDate": desk.Millis(p.From), "EffectiveThroughDate": desk.Millis(p.Until)},
		"Identifiers":              []object{{"IdentifierType": "ASIN", "IdentifierValues": ids}},
		"PromotionInformation":     information,
	}}}
}
