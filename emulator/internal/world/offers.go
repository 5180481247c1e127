package world

import (
	"cmp"
	"slices"
	"strings"
	"time"

	"github.com/openspapi/spapi/emulator/internal/random"
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

// MarketOffer is one seller's offer of an item in a marketplace.
type MarketOffer struct {
	Seller    string
	Mine      bool
	SKU       string // of the seller's own
	Condition string // New, Used, Collectible, Refurbished, Club
	Sub       string // New, Mint, VeryGood, Good, Acceptable, …
	Price     Money  // now
	Regular   Money  // without a discount
	Business  Money  // for business buyers; no units: none
	Shipping  Money
	Points    int
	Amazon    bool // fulfilled by Amazon, and Prime
	Eligible  bool // may be featured
	Feedback  int  // ratings
	Positive  int  // percent of them
	Hours     [2]int
	Country   string
	Notes     string
}

// Landed is what the buyer pays in the end.
func (o *MarketOffer) Landed() Money {
	return Money{o.Price.Units + o.Shipping.Units - o.Points, o.Price.Currency} // a point is worth a yen
}

// rank is the landed price as it counts for being featured, times 100.
func (o *MarketOffer) rank() int {
	if o.Amazon {
		return o.Landed().Units * 95
	}
	return o.Landed().Units * 100
}

// Channel is who fulfils, as pricing v0 says it.
func (o *MarketOffer) Channel() string {
	if o.Amazon {
		return "Amazon"
	}
	return "Merchant"
}

// ItemOffers are all offers of an item in a marketplace.
type ItemOffers struct {
	Product     *Product
	Marketplace *marketplace.Marketplace
	Offers      []MarketOffer // by landed price, then seller
	List        Money         // the manufacturer's price
	Threshold   Money         // the competitive price threshold
	Was         Money         // usual price of the last months
	Competitive Money         // at other retailers
}

// offerConditions are the condition_type values of listings by condition and sub-condition.
var offerConditions = map[string][2]string{
	"new_new": {"New", "New"}, "new_open_box": {"New", "OpenBox"}, "new_oem": {"New", "OEM"},
	"used_like_new": {"Used", "Mint"}, "used_very_good": {"Used", "VeryGood"}, "used_good": {"Used", "Good"}, "used_acceptable": {"Used", "Acceptable"},
	"collectible_like_new": {"Collectible", "Mint"}, "collectible_very_good": {"Collectible", "VeryGood"}, "collectible_good": {"Collectible", "Good"},
	"collectible_acceptable": {"Collectible", "Acceptable"}, "refurbished_refurbished": {"Refurbished", "Refurbished"}, "club_club": {"Club", "Club"},
}

// ItemConditions are the conditions in the order in which summaries list them.
var ItemConditions = []string{"New", "Used", "Collectible", "Refurbished", "Club"}

// OwnOffer is the seller's offer under one listing, as the marketplace shows it; false when it can't be bought there.
func (w *World) OwnOffer(l *Listing, m *marketplace.Marketplace, now time.Time) (MarketOffer, bool) {
	if !l.Buyable(m.ID) {
		return MarketOffer{}, false
	}
	o := l.Offers[m.ID]
	cond, known := offerConditions[l.Condition]
	if !known {
		cond = offerConditions["new_new"]
	}
	mo := MarketOffer{
		Seller: w.seller.ID, Mine: true, SKU: l.SKU, Condition: cond[0], Sub: cond[1], Price: o.PriceAt(now), Regular: o.price, Business: o.Business,
		Shipping: Money{0, m.Currency}, Points: o.Points, Amazon: l.Amazon, Eligible: true, Feedback: 1200, Positive: 97, Hours: [2]int{24, 48},
		Country: m.CountryCode,
	}
	if l.Amazon {
		mo.Hours = [2]int{0, 0}
	} else {
		mo.Shipping = PriceIn(499, m) // as in orders
		if l.leadDays > 0 {
			mo.Hours = [2]int{24, 24 * l.leadDays}
		}
	}
	return mo, true
}

// OffersOf returns all offers of an item. The caller holds the world's lock.
func (w *World) OffersOf(p *Product, m *marketplace.Marketplace, now time.Time) *ItemOffers {
	io := &ItemOffers{Product: p, Marketplace: m}
	usual := PriceIn(p.Cents, m)
	if !p.own {
		io.Offers = w.rivals(p, m)
	}
	for _, l := range w.OwnListings(p) {
		if o, ok := w.OwnOffer(l, m, now); ok {
			io.Offers = append(io.Offers, o)
		}
	}
	if usual.Units == 0 && len(io.Offers) > 0 { // an item that a listing has brought: nobody knows another price
		usual = io.Offers[0].Regular
	}
	percent := func(n int) Money { return Money{usual.Units * n / 100, m.Currency} }
	io.Was, io.List, io.Threshold, io.Competitive = usual, percent(125), percent(120), percent(105)
	slices.SortFunc(io.Offers, func(a, b MarketOffer) int {
		return cmp.Or(a.Landed().Units-b.Landed().Units, strings.Compare(a.Seller, b.Seller), strings.Compare(a.SKU, b.SKU))
	})
	return io
}

// rivals are the other sellers' offers of an item: none for one item in eight, up to nine for the others. Every other one is fulfilled by
// Amazon, and one in four is used.
func (w *World) rivals(p *Product, m *marketplace.Marketplace) []MarketOffer {
	r := random.New(w.seed, "rivals", w.seller.Number, p.ASIN, m.ID)
	if r.Chance(8) {
		return nil
	}
	offers := make([]MarketOffer, r.Between(1, 9))
	for i := range offers {
		o := MarketOffer{
			Seller: "A" + r.Text(random.Base36, 13), Condition: "New", Sub: "New", Amazon: r.Chance(2), Eligible: !r.Chance(4), Feedback: r.Between(0, 25000), Positive: r.Between(80, 100),
			Country: m.CountryCode, Shipping: Money{0, m.Currency}, Hours: [2]int{0, 0},
		}
		percent := r.Between(88, 130)
		if i > 0 && r.Chance(4) {
			o.Condition, o.Sub, percent = "Used", random.Pick(r, []string{"Mint", "VeryGood", "Good", "Acceptable"}), r.Between(35, 80)
			o.Notes = random.Pick(r, []string{"Box opened, never used.", "Kleine Kratzer, sonst „wie neu“", "Tested & works 👍"})
		}
		o.Price = Money{max(PriceIn(p.Cents, m).Units*percent/100, 1), m.Currency}
		o.Regular = o.Price
		if r.Chance(5) {
			o.Business = Money{max(o.Price.Units*95/100, 1), m.Currency}
		}
		if !o.Amazon {
			o.Hours = [2]int{24, 24 * r.Between(1, 3)}
			if r.Chance(2) {
				o.Shipping = PriceIn(499, m)
			}
		}
		if m.CountryCode == "JP" && r.Chance(2) {
			o.Points = o.Price.Units / 100
		}
		if r.Chance(6) {
			o.Country = "CN"
		}
		offers[i] = o
	}
	return offers
}

// Of returns the offers of one condition.
func (io *ItemOffers) Of(condition string) []MarketOffer {
	var list []MarketOffer
	for _, o := range io.Offers {
		if o.Condition == condition {
			list = append(list, o)
		}
	}
	return list
}

// TakesPart tells whether an offer may be featured at its price. A used offer has no threshold.
func (io *ItemOffers) TakesPart(o *MarketOffer) bool {
	return o.Eligible && (o.Condition != "New" || o.Landed().Units <= io.Threshold.Units)
}

// better tells whether of two offers that take part a is featured.
func better(a, b *MarketOffer) bool {
	if a.rank() != b.rank() {
		return a.rank() < b.rank()
	}
	if a.Amazon != b.Amazon {
		return a.Amazon
	}
	if a.Feedback != b.Feedback {
		return a.Feedback > b.Feedback
	}
	return a.Seller < b.Seller
}

// Featured returns the offer of a condition that is featured; nil when none is. skip leaves offers out.
func (io *ItemOffers) Featured(condition string, skip func(*MarketOffer) bool) *MarketOffer {
	var best *MarketOffer
	for i := range io.Offers {
		o := &io.Offers[i]
		if o.Condition == condition && io.TakesPart(o) && (skip == nil || !skip(o)) && (best == nil || better(o, best)) {
			best = o
		}
	}
	return best
}

// ExpectedPrice is the highest price at which the seller's own offer is featured instead of the rival; false when there is none.
func (io *ItemOffers) ExpectedPrice(own, rival *MarketOffer) (Money, bool) {
	try := *own
	wins := func(units int) bool {
		try.Price.Units = units
		return io.TakesPart(&try) && better(&try, rival)
	}
	if !wins(1) {
		return Money{}, false
	}
	low, high := 1, io.Threshold.Units+own.Points+1
	for high-low > 1 { // wins(low), not wins(high)
		if mid := (low + high) / 2; wins(mid) {
			low = mid
		} else {
			high = mid
		}
	}
	return Money{low, own.Price.Currency}, true
}

// OwnListings returns the seller's listings of an item, by SKU. The caller holds the world's lock.
func (w *World) OwnListings(p *Product) []*Listing {
	var list []*Listing
	for _, l := range w.Listings {
		if l.Product == p && !l.Deleted {
			list = append(list, l)
		}
	}
	slices.SortFunc(list, func(a, b *Listing) int { return strings.Compare(a.SKU, b.SKU) })
	return list
}
