package world

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/openspapi/spapi/emulator/internal/format"
	"github.com/openspapi/spapi/emulator/internal/random"
	"github.com/openspapi/spapi/marketplace"
)

// Listing is what the seller offers under one SKU: the one truth that listings items, inventory, pricing, fees, reports and feeds
// show and change. All of it is guarded by the world's lock.
type Listing struct {
	SKU         string
	Product     *Product // the item of the catalogue that is offered
	Created     time.Time
	Updated     time.Time
	ProductType string // as in product type definitions: "WRITING_INSTRUMENT"
	Condition   string // as in attributes: "new_new"
	// attributes are those that requests have submitted, without the two that are derived: purchasable_offer is in offers,
	// fulfillment_availability in quantity and amazon. nil means as the catalogue has them. See [World.AttributesOf].
	attributes map[string]any
	markets    map[string]bool   // marketplaces in which it is listed, also those without an offer
	Offers     map[string]*Offer // by marketplace id; where there is none, it can't be bought
	Quantity   int               // that the merchant can ship; has no meaning when amazon is true
	leadDays   int               // lead_time_to_ship_max_days; 0 when not said
	Amazon     bool              // fulfilled by Amazon, from stock
	Stock      Stock
	Stocked    time.Time // when orders or Amazon last changed quantity or stock
	Issues     []ListingIssue
	Deleted    bool
	Revised    bool              // by a request
	standing   map[string]string // the world's: of the seller's account, by marketplace id
}

// Offer is what the seller asks for a listing in one marketplace.
type Offer struct {
	price    Money
	Business Money // price for business buyers; no units: none
	sale     Money // discounted price from saleFrom until saleTo; no units: none
	saleFrom time.Time
	saleTo   time.Time
	Points   int // in Japan
	// extra are members of purchasable_offer that nothing here reads, such as minimum_seller_allowed_price.
	extra map[string]any
}

// PriceAt is what a buyer pays at t.
func (o *Offer) PriceAt(t time.Time) Money {
	if o.sale.Units > 0 && !t.Before(o.saleFrom) && (o.saleTo.IsZero() || t.Before(o.saleTo)) {
		return o.sale
	}
	return o.price
}

// Stock is what lies in Amazon's warehouses, or is on its way there, in units.
type Stock struct {
	FNSKU            string
	Fulfillable      int
	InboundWorking   int
	InboundShipped   int
	InboundReceiving int
	Reserved         int    // for orders that are not shipped
	Damaged          [6]int // what can't be sold, by disposition: see [Damages]
}

// Unfulfillable counts what can't be sold.
func (s *Stock) Unfulfillable() int {
	n := 0
	for _, of := range s.Damaged {
		n += of
	}
	return n
}

// Of counts what has a disposition; what can be sold lies there until it is shipped.
func (s *Stock) Of(disposition string) int {
	if disposition == Sellable {
		return s.Fulfillable + s.Reserved
	}
	return s.Damaged[slices.Index(Damages, disposition)]
}

// setUnfulfillable spreads n units over two dispositions.
func (s *Stock) setUnfulfillable(n int) {
	s.Damaged[slices.Index(Damages, "CUSTOMER_DAMAGED")], s.Damaged[slices.Index(Damages, "DEFECTIVE")] = n/2, n-n/2
}

// Total counts what is in the warehouses and on its way, as the inventory's totalQuantity does.
func (s *Stock) Total() int {
	return s.Fulfillable + s.InboundWorking + s.InboundShipped + s.InboundReceiving + s.Reserved + s.Unfulfillable()
}

// ListingIssue is one problem that Amazon has with a listing.
type ListingIssue struct {
	Code       string
	Message    string
	Severity   string // ERROR, WARNING or INFO
	Attributes []string
	Categories []string // INVALID_ATTRIBUTE, MISSING_ATTRIBUTE, …
	// MarketplaceID is where the issue is; "" everywhere.
	MarketplaceID string
}

// makeListings lists every product in all of the seller's marketplaces, at the catalogue's price. Every third or so is shipped by
// the merchant; with two products there is one of each.
func makeListings(sizes Sizes, a *Seller, products []*Product, opened time.Time) map[string]*Listing {
	listings := make(map[string]*Listing, len(products))
	// Who sells much has much in stock: for a month or two. An order has about two items of five units.
	daily := 10 * sizes.Orders / (sizes.Days * len(products))
	for i, p := range products {
		r := random.New(sizes.Seed, "listing", a.Number, i)
		l := &Listing{
			SKU: p.SKU, Product: p, ProductType: p.Kind.Type, Condition: "new_new", Amazon: i == 0 || i > 1 && !r.Chance(3),
			Created: opened.Add(-time.Duration(r.Between(1, 600*24*60)) * time.Minute), Offers: map[string]*Offer{}, markets: map[string]bool{},
		}
		l.Stocked = opened.Add(-time.Duration(r.Between(1, 14*24*60)) * time.Minute)
		l.Updated = l.Created.Add(time.Duration(r.IntN(int(opened.Sub(l.Created)/time.Second))) * time.Second)
		for j := range a.Marketplaces {
			m := &a.Marketplaces[j]
			o := &Offer{price: PriceIn(p.Cents, m)}
			if r.Chance(6) {
				o.Business = Money{o.price.Units * 95 / 100, m.Currency}
			}
			if m.CountryCode == "JP" {
				o.Points = o.price.Units / 100
			}
			l.Offers[m.ID], l.markets[m.ID] = o, true
		}
		if i%10 == 7 {
			l.Issues = []ListingIssue{{
				Code: "90220", Message: "'product_description' is required but not supplied.", Severity: "WARNING", Attributes: []string{"product_description"},
				Categories: []string{"MISSING_ATTRIBUTE"}, MarketplaceID: a.Marketplaces[0].ID,
			}}
		}
		if l.Amazon {
			l.Stock = Stock{FNSKU: "X00" + r.Text(random.Base36, 5) + base36Digits(i), Fulfillable: r.Between(20, 600) + daily*(30+i%30)}
			if r.Chance(4) {
				l.Stock.InboundShipped, l.Stock.InboundReceiving = r.Between(10, 200), r.Between(0, 20)
			}
			if r.Chance(5) {
				l.Stock.InboundWorking = r.Between(10, 100)
			}
			if r.Chance(5) {
				l.Stock.setUnfulfillable(r.Between(1, 9))
			}
		} else {
			l.Quantity, l.leadDays = r.Between(15, 400)+daily*(30+i%30), r.Between(1, 3)
		}
		listings[l.SKU] = l
	}
	return listings
}

// Listing returns the listing of a SKU; nil when there is none or it was deleted. The caller holds the world's lock.
func (w *World) Listing(sku string) *Listing {
	if l := w.Listings[sku]; l != nil && !l.Deleted {
		return l
	}
	return nil
}

// ListingOf is the listing of a SKU, also one that was deleted; nil when there never was one. The caller doesn't hold the world's lock.
func (w *World) ListingOf(sku string) *Listing {
	w.RLock()
	defer w.RUnlock()
	return w.Listings[sku]
}

// AllListings returns the listings that are not deleted, by SKU. The caller holds the world's lock.
func (w *World) AllListings() []*Listing {
	list := make([]*Listing, 0, len(w.Listings))
	for _, l := range w.Listings {
		if !l.Deleted {
			list = append(list, l)
		}
	}
	slices.SortFunc(list, func(a, b *Listing) int { return strings.Compare(a.SKU, b.SKU) })
	return list
}

// ProductByASIN finds an item of the catalogue, also one that a listing has brought there; nil when there is none. The caller
// holds the world's lock.
func (w *World) ProductByASIN(asin string) *Product {
	if p := w.byASIN[asin]; p != nil {
		return p
	}
	for _, p := range w.added {
		if p.ASIN == asin {
			return p
		}
	}
	return nil
}

// Catalogue returns all items: those of the beginning and those that listings have brought. The caller holds the world's lock.
func (w *World) Catalogue() []*Product {
	if len(w.added) == 0 {
		return w.Products
	}
	return append(slices.Clip(w.Products), w.added...)
}

// putListing adds a listing or takes the place of the one with its SKU. was is what [World.before] had of it. The caller holds the world's lock for writing, as
// for all below.
func (w *World) putListing(l, was *Listing, now time.Time) {
	l.Updated = now.UTC().Truncate(time.Second)
	if l.Created.IsZero() {
		l.Created = l.Updated
	}
	l.Revised = true
	if w.Listings[l.SKU] != l {
		w.Listings[l.SKU] = l
		w.shelf = append(w.shelf, l)
	}
	w.discount(l)
	w.changed(was, l, now)
}

// SetPrice changes what a listing costs in one marketplace, offering it there if it wasn't; false when there is no such listing.
func (w *World) SetPrice(sku, marketplaceID string, price Money, now time.Time) bool {
	l := w.Listing(sku)
	if l == nil {
		return false
	}
	was := w.before(l)
	o := l.Offers[marketplaceID]
	if o == nil {
		o = &Offer{}
		l.Offers[marketplaceID], l.markets[marketplaceID] = o, true
	}
	o.price = price
	w.putListing(l, was, now)
	return true
}

// SetQuantity changes how many units the merchant can ship; false when there is no such listing. A listing that Amazon fulfils
// becomes the merchant's, as at Amazon when a quantity is sent for it.
func (w *World) SetQuantity(sku string, n int, now time.Time) bool {
	l := w.Listing(sku)
	if l == nil {
		return false
	}
	was := w.before(l)
	l.Quantity, l.Amazon = n, false
	w.putListing(l, was, now)
	return true
}

// DeleteListing takes a listing away; false when there is none. What lies at Amazon stays in the inventory.
func (w *World) DeleteListing(sku string, now time.Time) bool {
	l := w.Listing(sku)
	if l == nil {
		return false
	}
	was := w.before(l)
	l.Deleted = true
	w.putListing(l, was, now)
	return true
}

// In tells whether a listing is listed in a marketplace, with or without an offer.
func (l *Listing) In(marketplaceID string) bool { return l.markets[marketplaceID] }

// Available is how many units a buyer can order.
func (l *Listing) Available() int {
	if l.Amazon {
		return l.Stock.Fulfillable
	}
	return l.Quantity
}

// Buyable tells whether a listing can be bought in a marketplace.
func (l *Listing) Buyable(marketplaceID string) bool {
	if l.Deleted || l.Offers[marketplaceID] == nil || l.Available() == 0 || l.standing[marketplaceID] == Deactivated {
		return false
	}
	return !slices.ContainsFunc(l.Issues, func(i ListingIssue) bool {
		return i.Severity == "ERROR" && (i.MarketplaceID == "" || i.MarketplaceID == marketplaceID)
	})
}

// purchasableOffer is the attribute of that name: price and terms for each of the given marketplaces in which there is an offer.
func (l *Listing) purchasableOffer(markets []*marketplace.Marketplace) []any {
	list := []any{}
	add := func(m *marketplace.Marketplace, o *Offer, audience string, price Money) {
		entry := map[string]any{}
		for name, v := range o.extra {
			entry[name] = v
		}
		schedule := func(from, to time.Time, price Money) []any {
			s := map[string]any{"value_with_tax": price.Number()}
			if !from.IsZero() {
				s["start_at"] = format.Timestamp(from)
			}
			if !to.IsZero() {
				s["end_at"] = format.Timestamp(to)
			}
			return []any{map[string]any{"schedule": []any{s}}}
		}
		entry["marketplace_id"], entry["currency"], entry["audience"] = m.ID, price.Currency, audience
		entry["our_price"] = schedule(time.Time{}, time.Time{}, price)
		if audience == "ALL" && o.sale.Units > 0 {
			entry["discounted_price"] = schedule(o.saleFrom, o.saleTo, o.sale)
		}
		list = append(list, entry)
	}
	for _, m := range markets {
		o := l.Offers[m.ID]
		if o == nil {
			continue
		}
		add(m, o, "ALL", o.price)
		if o.Business.Units > 0 {
			add(m, o, "B2B", o.Business)
		}
	}
	return list
}

// FulfillmentChannel is the code of who ships: DEFAULT is the merchant, the other ones are Amazon's by region
// (selling-partner-api-models, listingsItems_2021-08-01: "AMAZON_NA").
func (l *Listing) FulfillmentChannel(region marketplace.Region) string {
	if !l.Amazon {
		return "DEFAULT"
	}
	return map[marketplace.Region]string{marketplace.NorthAmerica: "AMAZON_NA", marketplace.Europe: "AMAZON_EU", marketplace.FarEast: "AMAZON_JP"}[region]
}

// fulfillmentAvailability is the attribute of that name.
func (l *Listing) fulfillmentAvailability(region marketplace.Region) []any {
	entry := map[string]any{"fulfillment_channel_code": l.FulfillmentChannel(region)}
	if !l.Amazon {
		entry["quantity"] = l.Quantity
		if l.leadDays > 0 {
			entry["lead_time_to_ship_max_days"] = l.leadDays
		}
	}
	return []any{entry}
}

// StockList are the listings of which Amazon has, or had, stock: those that it fulfils, and deleted ones of which something is
// left. The caller holds the world's lock.
func (w *World) StockList() []*Listing {
	list := w.AllListings()
	list = slices.DeleteFunc(list, func(l *Listing) bool { return l.Stock.FNSKU == "" || !l.Amazon && l.Stock.Total() == 0 })
	for sku := range format.SortedKeys(w.Listings) {
		if l := w.Listings[sku]; l.Deleted && l.Stock.Total() > 0 {
			list = append(list, l)
		}
	}
	return list
}

// ConditionNames spells conditions as inventory does, by their spelling in attributes.
var ConditionNames = map[string]string{
	"new_new": "NewItem", "new_open_box": "NewOpenBox", "new_oem": "NewOEM", "refurbished_refurbished": "Refurbished", "used_like_new": "UsedLikeNew", "used_very_good": "UsedVeryGood",
	"used_good": "UsedGood", "used_acceptable": "UsedAcceptable", "collectible_like_new": "CollectibleLikeNew", "collectible_very_good": "CollectibleVeryGood",
	"collectible_good": "CollectibleGood", "collectible_acceptable": "CollectibleAcceptable", "club_club": "Club",
}

// Title is the item's name as the listing has it.
func (l *Listing) Title(m *marketplace.Marketplace) string {
	list, _ := l.attributes["item_name"].([]any)
	for _, v := range list {
		if format.Member(v, "marketplace_id") == m.ID {
			return format.Member(v, "value")
		}
	}
	return l.Product.TitleIn(m)
}

// Status is what buyers can do with the listing.
func (l *Listing) Status(marketplaceID string) []string {
	list := []string{}
	if l.Buyable(marketplaceID) {
		list = append(list, "BUYABLE")
	}
	return append(list, "DISCOVERABLE")
}

// Change is what has happened to a listing: by a request, an order, or the time.
type Change struct {
	At    time.Time
	Was   *Listing  // a copy, as it was; nil where there was none
	WasAt time.Time // when it was so: At, but of a price that its schedule changes
	Now   *Listing  // as it is: to be read under the world's lock
	Stock bool      // nothing but stock or quantity has changed
}

// watcher tells of changes of listings. Guarded by the world's lock.
type watcher struct {
	on   func() bool
	tell func(Change)
	// While asked, wanted is what on has said: it is asked once for all that a leap of the clock brings.
	asked, wanted bool

	discounted map[*Listing]bool // with a price that changes by its schedule
	priced     time.Time         // until when such changes have been told
	due        time.Time         // when the next such change comes; zero: never
}

// Watch has each change of a listing told from now on, as long as on says so. The world's lock is held for writing while tell is called: it may read the world,
// and the price at a time, but ask for nothing that takes the lock.
func (w *World) Watch(on func() bool, tell func(Change)) {
	w.Lock()
	defer w.Unlock()
	w.watcher.on, w.watcher.tell = on, tell
}

// watched tells whether anybody wants to know of changes.
func (w *World) watched() bool {
	if w.watcher.asked {
		return w.watcher.wanted
	}
	return w.watcher.on != nil && w.watcher.on()
}

// before is a copy of a listing that is about to be changed, for [World.changed]; nil where nobody watches, or there is none.
func (w *World) before(l *Listing) *Listing {
	was := w.stocked(l)
	if was == nil {
		return nil
	}
	was.markets, was.Offers = maps.Clone(l.markets), make(map[string]*Offer, len(l.Offers))
	for id, o := range l.Offers {
		copied := *o
		was.Offers[id] = &copied
	}
	return was
}

// stocked is like before, for changes of stock and quantity only.
func (w *World) stocked(l *Listing) *Listing {
	if l == nil || !w.watched() {
		return nil
	}
	was := *l
	return &was
}

// changed tells of a change of a listing, which was nil before it came.
func (w *World) changed(was, l *Listing, at time.Time) {
	if w.watched() {
		w.watcher.tell(Change{at, was, at, l, false})
	}
}

// moved is like changed, after [World.stocked].
func (w *World) moved(was, l *Listing, at time.Time) {
	if w.watched() && was != nil {
		w.watcher.tell(Change{at, was, at, l, true})
	}
}

// ClearStock takes all that Amazon has of a listing out of the stock. The caller holds the world's lock for writing.
func (w *World) ClearStock(l *Listing, now time.Time) {
	was := w.stocked(l)
	l.Stock = Stock{FNSKU: l.Stock.FNSKU}
	w.moved(was, l, now)
}

// discount notes whether a listing has a price that changes by its schedule.
func (w *World) discount(l *Listing) {
	has := false
	for _, o := range l.Offers {
		has = has || o.sale.Units > 0
	}
	switch {
	case has && w.watcher.discounted == nil:
		w.watcher.discounted = map[*Listing]bool{l: true}
	case has:
		w.watcher.discounted[l] = true
	default:
		delete(w.watcher.discounted, l)
	}
	w.nextPrice()
}

// nextPrice notes when the next price changes by its schedule.
func (w *World) nextPrice() {
	w.watcher.due = time.Time{}
	for l := range w.watcher.discounted {
		for _, at := range l.priceMoments() {
			if at.After(w.watcher.priced) && (w.watcher.due.IsZero() || at.Before(w.watcher.due)) {
				w.watcher.due = at
			}
		}
	}
}

// priceMoments are when discounts of a listing begin and end.
func (l *Listing) priceMoments() []time.Time {
	var list []time.Time
	if l.Deleted {
		return nil
	}
	for _, o := range l.Offers {
		if o.sale.Units > 0 {
			list = append(list, o.saleFrom, o.saleTo)
		}
	}
	slices.SortFunc(list, time.Time.Compare)
	return slices.CompactFunc(list, time.Time.Equal)
}

// reprice tells of the prices that their schedules have changed until t.
func (w *World) reprice(t time.Time) {
	x := &w.watcher
	for !x.due.IsZero() && !x.due.After(t) {
		at := x.due
		var of []*Listing
		for l := range x.discounted {
			if slices.ContainsFunc(l.priceMoments(), at.Equal) {
				of = append(of, l)
			}
		}
		slices.SortFunc(of, func(a, b *Listing) int { return strings.Compare(a.SKU, b.SKU) })
		for _, l := range of {
			if w.watched() {
				x.tell(Change{at, w.before(l), at.Add(-1), l, false})
			}
		}
		x.priced = at
		w.nextPrice()
	}
	if t.After(x.priced) {
		x.priced = t
	}
}

// The states of a seller's account in a marketplace.
const (
	Normal      = "NORMAL"
	AtRisk      = "AT_RISK"
	Deactivated = "DEACTIVATED"
)

// Standings are all states of an account.
var Standings = []string{Normal, AtRisk, Deactivated}

// Standing is the state of the seller's account in a marketplace.
func (w *World) Standing(marketplaceID string) string {
	w.RLock()
	defer w.RUnlock()
	return w.standingIn(marketplaceID)
}

func (w *World) standingIn(marketplaceID string) string {
	if s := w.standing[marketplaceID]; s != "" {
		return s
	}
	return Normal
}

// SetStanding brings the seller's account in a marketplace into a state, and returns the one before. Nothing can be bought of an account that is deactivated.
func (w *World) SetStanding(m *marketplace.Marketplace, state string, now time.Time) (before string) {
	w.Lock()
	defer w.Unlock()
	before = w.standingIn(m.ID)
	if before == state {
		return before
	}
	next := maps.Clone(w.standing) // listings that were copied keep theirs
	if next == nil {
		next = map[string]string{}
	}
	if delete(next, m.ID); state != Normal {
		next[m.ID] = state
	}
	w.standing = next
	for _, l := range w.AllListings() {
		was := w.before(l)
		if l.standing = next; was != nil && was.Buyable(m.ID) != l.Buyable(m.ID) {
			w.changed(was, l, now)
		}
	}
	for _, l := range w.Listings {
		l.standing = next
	}
	return before
}

// loadStanding brings the account into the states of an export.
func (w *World) loadStanding(states map[string]string) error {
	for id, state := range states {
		if !slices.Contains(Standings, state) || !slices.ContainsFunc(w.seller.Marketplaces, func(m marketplace.Marketplace) bool { return m.ID == id }) {
			return fmt.Errorf("account in marketplace %q is %q: want one of the seller's marketplaces, and one of %v", id, state, Standings)
		}
	}
	w.standing = states
	for _, l := range w.Listings {
		l.standing = states
	}
	return nil
}
