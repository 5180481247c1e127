package emulator

import (
	"cmp"
	"slices"
	"strings"
	"time"

	"github.com/openspapi/spapi/marketplace"
)

// Offers of an item in one marketplace: the seller's own, from listings, and those of other sellers, which are made from the seed and
// stand still. Pricing and notifications show them.
//
// Who is featured (has the buy box) follows a simple rule of the emulator's own. Amazon publishes none; that price with shipping and points,
// fulfilment and the seller's record count is documented (developer-docs.amazon.com/sp-api/docs/product-pricing-api-v0-use-case-guide):
//
//   - New offers of sellers who are eligible take part, unless their landed price is above the competitive price threshold.
//   - Landed price is price plus shipping minus points. Of an offer that Amazon fulfils, 95 % of it count.
//   - The lowest wins. Of equal ones the one that Amazon fulfils wins, then more feedback, then the lower seller id.

// marketOffer is one seller's offer of an item in a marketplace.
type marketOffer struct {
	seller    string
	mine      bool
	sku       string // of the seller's own
	condition string // New, Used, Collectible, Refurbished, Club
	sub       string // New, Mint, VeryGood, Good, Acceptable, …
	price     money  // now
	regular   money  // without a discount
	business  money  // for business buyers; no units: none
	shipping  money
	points    int
	amazon    bool // fulfilled by Amazon, and Prime
	eligible  bool // may be featured
	feedback  int  // ratings
	positive  int  // percent of them
	hours     [2]int
	country   string
	notes     string
}

// landed is what the buyer pays in the end.
func (o *marketOffer) landed() money {
	return money{o.price.units + o.shipping.units - o.points, o.price.currency} // a point is worth a yen
}

// rank is the landed price as it counts for being featured, times 100.
func (o *marketOffer) rank() int {
	if o.amazon {
		return o.landed().units * 95
	}
	return o.landed().units * 100
}

// channel is who fulfils, as pricing v0 says it.
func (o *marketOffer) channel() string {
	if o.amazon {
		return "Amazon"
	}
	return "Merchant"
}

// itemOffers are all offers of an item in a marketplace.
type itemOffers struct {
	product     *product
	marketplace *marketplace.Marketplace
	offers      []marketOffer // by landed price, then seller
	list        money         // the manufacturer's price
	threshold   money         // the competitive price threshold
	was         money         // usual price of the last months
	competitive money         // at other retailers
}

// offerConditions are the condition_type values of listings by condition and sub-condition.
var offerConditions = map[string][2]string{
	"new_new": {"New", "New"}, "new_open_box": {"New", "OpenBox"}, "new_oem": {"New", "OEM"},
	"used_like_new": {"Used", "Mint"}, "used_very_good": {"Used", "VeryGood"}, "used_good": {"Used", "Good"}, "used_acceptable": {"Used", "Acceptable"},
	"collectible_like_new": {"Collectible", "Mint"}, "collectible_very_good": {"Collectible", "VeryGood"}, "collectible_good": {"Collectible", "Good"},
	"collectible_acceptable": {"Collectible", "Acceptable"}, "refurbished_refurbished": {"Refurbished", "Refurbished"}, "club_club": {"Club", "Club"},
}

// itemConditions are the conditions in the order in which summaries list them.
var itemConditions = []string{"New", "Used", "Collectible", "Refurbished", "Club"}

// ownOffer is the seller's offer under one listing, as the marketplace shows it; false when it can't be bought there.
func (w *world) ownOffer(l *listing, m *marketplace.Marketplace, now time.Time) (marketOffer, bool) {
	if !l.buyable(m.ID) {
		return marketOffer{}, false
	}
	o := l.offers[m.ID]
	cond, known := offerConditions[l.condition]
	if !known {
		cond = offerConditions["new_new"]
	}
	mo := marketOffer{
		seller: w.seller.sellerID, mine: true, sku: l.sku, condition: cond[0], sub: cond[1], price: o.priceAt(now), regular: o.price, business: o.business,
		shipping: money{0, m.Currency}, points: o.points, amazon: l.amazon, eligible: true, feedback: 1200, positive: 97, hours: [2]int{24, 48},
		country: m.CountryCode,
	}
	if l.amazon {
		mo.hours = [2]int{0, 0}
	} else {
		mo.shipping = priceIn(499, m) // as in orders
		if l.leadDays > 0 {
			mo.hours = [2]int{24, 24 * l.leadDays}
		}
	}
	return mo, true
}

// offersOf returns all offers of an item. The caller holds w.mu.
func (w *world) offersOf(p *product, m *marketplace.Marketplace, now time.Time) *itemOffers {
	io := &itemOffers{product: p, marketplace: m}
	usual := priceIn(p.cents, m)
	if !p.own {
		io.offers = w.rivals(p, m)
	}
	for _, l := range w.ownListings(p) {
		if o, ok := w.ownOffer(l, m, now); ok {
			io.offers = append(io.offers, o)
		}
	}
	if usual.units == 0 && len(io.offers) > 0 { // an item that a listing has brought: nobody knows another price
		usual = io.offers[0].regular
	}
	percent := func(n int) money { return money{usual.units * n / 100, m.Currency} }
	io.was, io.list, io.threshold, io.competitive = usual, percent(125), percent(120), percent(105)
	slices.SortFunc(io.offers, func(a, b marketOffer) int {
		return cmp.Or(a.landed().units-b.landed().units, strings.Compare(a.seller, b.seller), strings.Compare(a.sku, b.sku))
	})
	return io
}

// rivals are the other sellers' offers of an item: none for one item in eight, up to nine for the others. Every other one is fulfilled by
// Amazon, and one in four is used.
func (w *world) rivals(p *product, m *marketplace.Marketplace) []marketOffer {
	r := newRandom(w.seed, "rivals", w.seller.number, p.asin, m.ID)
	if r.chance(8) {
		return nil
	}
	offers := make([]marketOffer, r.between(1, 9))
	for i := range offers {
		o := marketOffer{
			seller: "A" + r.text(base36, 13), condition: "New", sub: "New", amazon: r.chance(2), eligible: !r.chance(4), feedback: r.between(0, 25000), positive: r.between(80, 100),
			country: m.CountryCode, shipping: money{0, m.Currency}, hours: [2]int{0, 0},
		}
		percent := r.between(88, 130)
		if i > 0 && r.chance(4) {
			o.condition, o.sub, percent = "Used", pick(r, []string{"Mint", "VeryGood", "Good", "Acceptable"}), r.between(35, 80)
			o.notes = pick(r, []string{"Box opened, never used.", "Kleine Kratzer, sonst „wie neu“", "Tested & works 👍"})
		}
		o.price = money{max(priceIn(p.cents, m).units*percent/100, 1), m.Currency}
		o.regular = o.price
		if r.chance(5) {
			o.business = money{max(o.price.units*95/100, 1), m.Currency}
		}
		if !o.amazon {
			o.hours = [2]int{24, 24 * r.between(1, 3)}
			if r.chance(2) {
				o.shipping = priceIn(499, m)
			}
		}
		if m.CountryCode == "JP" && r.chance(2) {
			o.points = o.price.units / 100
		}
		if r.chance(6) {
			o.country = "CN"
		}
		offers[i] = o
	}
	return offers
}

// of returns the offers of one condition.
func (io *itemOffers) of(condition string) []marketOffer {
	var list []marketOffer
	for _, o := range io.offers {
		if o.condition == condition {
			list = append(list, o)
		}
	}
	return list
}

// takesPart tells whether an offer may be featured at its price. A used offer has no threshold.
func (io *itemOffers) takesPart(o *marketOffer) bool {
	return o.eligible && (o.condition != "New" || o.landed().units <= io.threshold.units)
}

// better tells whether of two offers that take part a is featured.
func better(a, b *marketOffer) bool {
	if a.rank() != b.rank() {
		return a.rank() < b.rank()
	}
	if a.amazon != b.amazon {
		return a.amazon
	}
	if a.feedback != b.feedback {
		return a.feedback > b.feedback
	}
	return a.seller < b.seller
}

// featured returns the offer of a condition that is featured; nil when none is. skip leaves offers out.
func (io *itemOffers) featured(condition string, skip func(*marketOffer) bool) *marketOffer {
	var best *marketOffer
	for i := range io.offers {
		o := &io.offers[i]
		if o.condition == condition && io.takesPart(o) && (skip == nil || !skip(o)) && (best == nil || better(o, best)) {
			best = o
		}
	}
	return best
}

// expectedPrice is the highest price at which the seller's own offer is featured instead of the rival; false when there is none.
func (io *itemOffers) expectedPrice(own, rival *marketOffer) (money, bool) {
	try := *own
	wins := func(units int) bool {
		try.price.units = units
		return io.takesPart(&try) && better(&try, rival)
	}
	if !wins(1) {
		return money{}, false
	}
	low, high := 1, io.threshold.units+own.points+1
	for high-low > 1 { // wins(low), not wins(high)
		if mid := (low + high) / 2; wins(mid) {
			low = mid
		} else {
			high = mid
		}
	}
	return money{low, own.price.currency}, true
}

// ownListings returns the seller's listings of an item, by SKU. The caller holds w.mu.
func (w *world) ownListings(p *product) []*listing {
	var list []*listing
	for _, l := range w.listings {
		if l.product == p && !l.deleted {
			list = append(list, l)
		}
	}
	slices.SortFunc(list, func(a, b *listing) int { return strings.Compare(a.sku, b.sku) })
	return list
}
