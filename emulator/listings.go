package emulator

import (
	"slices"
	"strings"
	"time"

	"github.com/openspapi/spapi/marketplace"
)

// listing is what the seller offers under one SKU: the one truth that listings items, inventory, pricing, fees, reports and feeds
// show and change. All of it is guarded by world.mu.
type listing struct {
	sku         string
	product     *product // the item of the catalogue that is offered
	created     time.Time
	updated     time.Time
	productType string // as in product type definitions: "WRITING_INSTRUMENT"
	condition   string // as in attributes: "new_new"
	// attributes are those that requests have submitted, without the two that are derived: purchasable_offer is in offers,
	// fulfillment_availability in quantity and amazon. nil means as the catalogue has them. See [world.attributesOf].
	attributes map[string]any
	markets    map[string]bool   // marketplaces in which it is listed, also those without an offer
	offers     map[string]*offer // by marketplace id; where there is none, it can't be bought
	quantity   int               // that the merchant can ship; has no meaning when amazon is true
	leadDays   int               // lead_time_to_ship_max_days; 0 when not said
	amazon     bool              // fulfilled by Amazon, from stock
	stock      fbaStock
	stocked    time.Time // when orders or Amazon last changed quantity or stock
	issues     []listingIssue
	deleted    bool
	revised    bool // by a request
}

// offer is what the seller asks for a listing in one marketplace.
type offer struct {
	price    money
	business money // price for business buyers; no units: none
	sale     money // discounted price from saleFrom until saleTo; no units: none
	saleFrom time.Time
	saleTo   time.Time
	points   int // in Japan
	// extra are members of purchasable_offer that nothing here reads, such as minimum_seller_allowed_price.
	extra map[string]any
}

// priceAt is what a buyer pays at t.
func (o *offer) priceAt(t time.Time) money {
	if o.sale.units > 0 && !t.Before(o.saleFrom) && (o.saleTo.IsZero() || t.Before(o.saleTo)) {
		return o.sale
	}
	return o.price
}

// fbaStock is what lies in Amazon's warehouses, or is on its way there, in units.
type fbaStock struct {
	fnsku            string
	fulfillable      int
	inboundWorking   int
	inboundShipped   int
	inboundReceiving int
	reserved         int // for orders that are not shipped
	unfulfillable    int
}

// total counts what is in the warehouses and on its way, as the inventory's totalQuantity does.
func (s *fbaStock) total() int {
	return s.fulfillable + s.inboundWorking + s.inboundShipped + s.inboundReceiving + s.reserved + s.unfulfillable
}

// listingIssue is one problem that Amazon has with a listing.
type listingIssue struct {
	code       string
	message    string
	severity   string // ERROR, WARNING or INFO
	attributes []string
	categories []string // INVALID_ATTRIBUTE, MISSING_ATTRIBUTE, …
	// marketplaceID is where the issue is; "" everywhere.
	marketplaceID string
}

// makeListings lists every product in all of the seller's marketplaces, at the catalogue's price. Every third or so is shipped by
// the merchant; with two products there is one of each.
func makeListings(seed int64, a *seller, products []*product, opened time.Time) map[string]*listing {
	listings := make(map[string]*listing, len(products))
	for i, p := range products {
		r := newRandom(seed, "listing", a.number, i)
		l := &listing{
			sku: p.sku, product: p, productType: p.kind.typ, condition: "new_new", amazon: i == 0 || i > 1 && !r.chance(3),
			created: opened.Add(-time.Duration(r.between(1, 600*24*60)) * time.Minute), offers: map[string]*offer{}, markets: map[string]bool{},
		}
		l.stocked = opened.Add(-time.Duration(r.between(1, 14*24*60)) * time.Minute)
		l.updated = l.created.Add(time.Duration(r.IntN(int(opened.Sub(l.created)/time.Second))) * time.Second)
		for j := range a.marketplaces {
			m := &a.marketplaces[j]
			o := &offer{price: priceIn(p.cents, m)}
			if r.chance(6) {
				o.business = money{o.price.units * 95 / 100, m.Currency}
			}
			if m.CountryCode == "JP" {
				o.points = o.price.units / 100
			}
			l.offers[m.ID], l.markets[m.ID] = o, true
		}
		if i%10 == 7 {
			l.issues = []listingIssue{{
				code: "90220", message: "'product_description' is required but not supplied.", severity: "WARNING", attributes: []string{"product_description"},
				categories: []string{"MISSING_ATTRIBUTE"}, marketplaceID: a.marketplaces[0].ID,
			}}
		}
		if l.amazon {
			l.stock = fbaStock{fnsku: "X00" + r.text(base36, 5) + base36Digits(i), fulfillable: r.between(20, 600)}
			if r.chance(4) {
				l.stock.inboundShipped, l.stock.inboundReceiving = r.between(10, 200), r.between(0, 20)
			}
			if r.chance(5) {
				l.stock.inboundWorking = r.between(10, 100)
			}
			if r.chance(5) {
				l.stock.unfulfillable = r.between(1, 9)
			}
		} else {
			l.quantity, l.leadDays = r.between(15, 400), r.between(1, 3)
		}
		listings[l.sku] = l
	}
	return listings
}

// listing returns the listing of a SKU; nil when there is none or it was deleted. The caller holds w.mu.
func (w *world) listing(sku string) *listing {
	if l := w.listings[sku]; l != nil && !l.deleted {
		return l
	}
	return nil
}

// allListings returns the listings that are not deleted, by SKU. The caller holds w.mu.
func (w *world) allListings() []*listing {
	list := make([]*listing, 0, len(w.listings))
	for _, l := range w.listings {
		if !l.deleted {
			list = append(list, l)
		}
	}
	slices.SortFunc(list, func(a, b *listing) int { return strings.Compare(a.sku, b.sku) })
	return list
}

// productByASIN finds an item of the catalogue, also one that a listing has brought there; nil when there is none. The caller
// holds w.mu.
func (w *world) productByASIN(asin string) *product {
	if p := w.byASIN[asin]; p != nil {
		return p
	}
	for _, p := range w.added {
		if p.asin == asin {
			return p
		}
	}
	return nil
}

// catalogue returns all items: those of the beginning and those that listings have brought. The caller holds w.mu.
func (w *world) catalogue() []*product {
	if len(w.added) == 0 {
		return w.products
	}
	return append(slices.Clip(w.products), w.added...)
}

// putListing adds a listing or takes the place of the one with its SKU. The caller holds w.mu for writing, as for all below.
func (w *world) putListing(l *listing, now time.Time) {
	l.updated = now.UTC().Truncate(time.Second)
	if l.created.IsZero() {
		l.created = l.updated
	}
	l.revised = true
	if w.listings[l.sku] != l {
		w.listings[l.sku] = l
		w.shelf = append(w.shelf, l)
	}
}

// setPrice changes what a listing costs in one marketplace, offering it there if it wasn't; false when there is no such listing.
func (w *world) setPrice(sku, marketplaceID string, price money, now time.Time) bool {
	l := w.listing(sku)
	if l == nil {
		return false
	}
	o := l.offers[marketplaceID]
	if o == nil {
		o = &offer{}
		l.offers[marketplaceID], l.markets[marketplaceID] = o, true
	}
	o.price = price
	w.putListing(l, now)
	return true
}

// setQuantity changes how many units the merchant can ship; false when there is no such listing. A listing that Amazon fulfils
// becomes the merchant's, as at Amazon when a quantity is sent for it.
func (w *world) setQuantity(sku string, n int, now time.Time) bool {
	l := w.listing(sku)
	if l == nil {
		return false
	}
	l.quantity, l.amazon = n, false
	w.putListing(l, now)
	return true
}

// deleteListing takes a listing away; false when there is none. What lies at Amazon stays in the inventory.
func (w *world) deleteListing(sku string, now time.Time) bool {
	l := w.listing(sku)
	if l == nil {
		return false
	}
	l.deleted = true
	w.putListing(l, now)
	return true
}

// in tells whether a listing is listed in a marketplace, with or without an offer.
func (l *listing) in(marketplaceID string) bool { return l.markets[marketplaceID] }

// available is how many units a buyer can order.
func (l *listing) available() int {
	if l.amazon {
		return l.stock.fulfillable
	}
	return l.quantity
}

// buyable tells whether a listing can be bought in a marketplace.
func (l *listing) buyable(marketplaceID string) bool {
	if l.deleted || l.offers[marketplaceID] == nil || l.available() == 0 {
		return false
	}
	return !slices.ContainsFunc(l.issues, func(i listingIssue) bool {
		return i.severity == "ERROR" && (i.marketplaceID == "" || i.marketplaceID == marketplaceID)
	})
}

// purchasableOffer is the attribute of that name: price and terms for each of the given marketplaces in which there is an offer.
func (l *listing) purchasableOffer(markets []*marketplace.Marketplace) []any {
	list := []any{}
	add := func(m *marketplace.Marketplace, o *offer, audience string, price money) {
		entry := map[string]any{}
		for name, v := range o.extra {
			entry[name] = v
		}
		schedule := func(from, to time.Time, price money) []any {
			s := map[string]any{"value_with_tax": price.number()}
			if !from.IsZero() {
				s["start_at"] = timestamp(from)
			}
			if !to.IsZero() {
				s["end_at"] = timestamp(to)
			}
			return []any{map[string]any{"schedule": []any{s}}}
		}
		entry["marketplace_id"], entry["currency"], entry["audience"] = m.ID, price.currency, audience
		entry["our_price"] = schedule(time.Time{}, time.Time{}, price)
		if audience == "ALL" && o.sale.units > 0 {
			entry["discounted_price"] = schedule(o.saleFrom, o.saleTo, o.sale)
		}
		list = append(list, entry)
	}
	for _, m := range markets {
		o := l.offers[m.ID]
		if o == nil {
			continue
		}
		add(m, o, "ALL", o.price)
		if o.business.units > 0 {
			add(m, o, "B2B", o.business)
		}
	}
	return list
}

// fulfillmentChannel is the code of who ships: DEFAULT is the merchant, the other ones are Amazon's by region
// (selling-partner-api-models, listingsItems_2021-08-01: "AMAZON_NA").
func (l *listing) fulfillmentChannel(region marketplace.Region) string {
	if !l.amazon {
		return "DEFAULT"
	}
	return map[marketplace.Region]string{marketplace.NorthAmerica: "AMAZON_NA", marketplace.Europe: "AMAZON_EU", marketplace.FarEast: "AMAZON_JP"}[region]
}

// fulfillmentAvailability is the attribute of that name.
func (l *listing) fulfillmentAvailability(region marketplace.Region) []any {
	entry := map[string]any{"fulfillment_channel_code": l.fulfillmentChannel(region)}
	if !l.amazon {
		entry["quantity"] = l.quantity
		if l.leadDays > 0 {
			entry["lead_time_to_ship_max_days"] = l.leadDays
		}
	}
	return []any{entry}
}

// stockList are the listings of which Amazon has, or had, stock: those that it fulfils, and deleted ones of which something is
// left. The caller holds w.mu.
func (w *world) stockList() []*listing {
	list := w.allListings()
	list = slices.DeleteFunc(list, func(l *listing) bool { return l.stock.fnsku == "" || !l.amazon && l.stock.total() == 0 })
	for sku := range sortedKeys(w.listings) {
		if l := w.listings[sku]; l.deleted && l.stock.total() > 0 {
			list = append(list, l)
		}
	}
	return list
}

// conditionNames spells conditions as inventory does, by their spelling in attributes.
var conditionNames = map[string]string{
	"new_new": "NewItem", "new_open_box": "NewOpenBox", "new_oem": "NewOEM", "refurbished_refurbished": "Refurbished", "used_like_new": "UsedLikeNew", "used_very_good": "UsedVeryGood",
	"used_good": "UsedGood", "used_acceptable": "UsedAcceptable", "collectible_like_new": "CollectibleLikeNew", "collectible_very_good": "CollectibleVeryGood",
	"collectible_good": "CollectibleGood", "collectible_acceptable": "CollectibleAcceptable", "club_club": "Club",
}

// title is the item's name as the listing has it.
func (l *listing) title(m *marketplace.Marketplace) string {
	list, _ := l.attributes["item_name"].([]any)
	for _, v := range list {
		if member(v, "marketplace_id") == m.ID {
			return member(v, "value")
		}
	}
	return l.product.titleIn(m)
}

// status is what buyers can do with the listing.
func (l *listing) status(marketplaceID string) []string {
	list := []string{}
	if l.buyable(marketplaceID) {
		list = append(list, "BUYABLE")
	}
	return append(list, "DISCOVERABLE")
}
