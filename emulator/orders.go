package emulator

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/openspapi/spapi/marketplace"
)

// order is an order with its life written down beforehand: which state it is in follows from the time at which one looks. What
// requests change of it is guarded by world.mu.
type order struct {
	number      int // of the seller's orders, from 0
	id          string
	sellerID    string // the seller's own order id
	marketplace *marketplace.Marketplace
	purchased   time.Time
	payable     time.Time // payment is through: Pending ends
	partly      time.Time // some items shipped; zero for most
	shipped     time.Time // all items shipped; zero when cancelled
	cancelled   time.Time // zero when it isn't
	changed     time.Time // by a request, for the last time; zero for most

	amazon   bool // fulfilled by Amazon
	prime    bool
	business bool
	express  bool
	payment  string // Other, COD or CVS
	po       string // buyer's purchase order number, of business orders
	replaces string // id of the order that this one replaces for nothing; "" for most
	store    string // where the buyer picks it up; "" for most
	pickup   string // last shipment status told of an order that is picked up

	cancelledBy  string    // BUYER, MERCHANT or AMAZON
	cancelReason string    //
	cancelAsked  time.Time // when the buyer asked the merchant to cancel; zero for most

	buyerName  string
	buyerEmail string
	to         address
	items      []orderItem
	tracking   string
	transit    time.Duration // from the shipment to the door
	parcels    []parcel      // told by requests; see [order.parcelsAt]
	regulated  *regulation   // of orders with goods that not everybody may buy

	settled bool // stock has heard of its end
}

type orderItem struct {
	id       string
	product  *product
	sku      string
	quantity int
	price    money // of all units, with tax where prices are so
	tax      money
	shipping money
	discount money
	gift     string // message; "" when it is no gift
}

// parcel is a shipment of some items.
type parcel struct {
	ref        string
	carrier    string
	service    string
	tracking   string
	at         time.Time // when it was told
	shipped    time.Time // when it left, as told
	quantities []int     // by item
}

// The order states as orders v0 spells them.
const (
	pending          = "Pending"
	unshipped        = "Unshipped"
	partiallyShipped = "PartiallyShipped"
	shipped          = "Shipped"
	canceled         = "Canceled"
)

// status tells in which state the order is at t.
func (o *order) status(t time.Time) string {
	reached := func(at time.Time) bool { return !at.IsZero() && !t.Before(at) }
	switch {
	case reached(o.cancelled):
		return canceled
	case reached(o.shipped):
		return shipped
	case reached(o.partly):
		return partiallyShipped
	case reached(o.payable):
		return unshipped
	}
	return pending
}

// updated is the time of the last change before t.
func (o *order) updated(t time.Time) time.Time {
	last := o.purchased
	for _, at := range []time.Time{o.payable, o.partly, o.shipped, o.cancelled, o.cancelAsked, o.changed} {
		if !at.IsZero() && !at.After(t) && at.After(last) {
			last = at
		}
	}
	return last
}

// final is the time after which nothing happens to the order by itself.
func (o *order) final() time.Time {
	if !o.cancelled.IsZero() {
		return o.cancelled
	}
	return o.shipped
}

// deliveredBy tells whether the buyer has all of the order at t.
func (o *order) deliveredBy(t time.Time) bool {
	return o.status(t) == shipped && !t.Before(o.shipped.Add(o.transit))
}

// parcelsAt are the order's shipments until t: those that requests have told, and those that its life has of itself. A partial
// shipment of itself is the first item.
func (o *order) parcelsAt(t time.Time) []parcel {
	reached := func(at time.Time) bool { return !at.IsZero() && !t.Before(at) }
	var list []parcel
	open := make([]int, len(o.items))
	for i, it := range o.items {
		open[i] = it.quantity
	}
	if reached(o.cancelled) {
		return nil
	}
	add := func(p parcel) {
		for i, n := range p.quantities {
			open[i] -= n
		}
		list = append(list, p)
	}
	for _, p := range o.parcels {
		if reached(p.at) {
			add(p)
		}
	}
	itself := func(at time.Time, quantities []int) {
		add(parcel{ref: strconv.Itoa(len(list) + 1), carrier: "UPS", service: "Ground", tracking: o.tracking, at: at, shipped: at, quantities: quantities})
	}
	if len(o.parcels) == 0 && reached(o.partly) && len(o.items) > 1 {
		quantities := make([]int, len(o.items))
		quantities[0] = open[0]
		itself(o.partly, quantities)
	}
	if reached(o.shipped) {
		for _, n := range open {
			if n > 0 {
				itself(o.shipped, slices.Clone(open))
				break
			}
		}
	}
	return list
}

// shippedOf is how many units of item i are shipped at t.
func (o *order) shippedOf(i int, t time.Time) int {
	switch o.status(t) {
	case shipped:
		return o.items[i].quantity
	case partiallyShipped:
		n := 0
		for _, p := range o.parcelsAt(t) {
			n += p.quantities[i]
		}
		return n
	}
	return 0
}

// total adds up what the buyer pays.
func (o *order) total() money {
	sum := money{0, o.marketplace.Currency}
	for i := range o.items {
		sum.units += o.itemTotal(i)
	}
	return sum
}

// itemTotal is what the buyer pays for one item.
func (o *order) itemTotal(i int) int {
	it := &o.items[i]
	sum := it.price.units + it.shipping.units - it.discount.units
	if !taxIncluded(o.marketplace) {
		sum += it.tax.units
	}
	return sum
}

// makeOrder makes the order of a number. Its items are all fulfilled by the same one. live tells that it comes after the beginning: then
// it takes what can be bought, at today's price, and there is none if nothing can.
func (w *world) makeOrder(r random, a *seller, number int, at time.Time, live bool) *order {
	m := &a.marketplaces[0]
	if len(a.marketplaces) > 1 && r.chance(3) {
		m = &a.marketplaces[1+r.IntN(len(a.marketplaces)-1)]
	}
	c := countryOf(m.CountryCode)
	o := &order{
		// 3-7-7 format; the number in it makes it the only one of its seller.
		number:      number,
		id:          pick(r, []string{"111", "112", "113", "701", "302", "249"}) + "-" + r.text(digits, 7) + "-" + r.text(digits, 3) + fmt.Sprintf("%04d", number%10000),
		sellerID:    fmt.Sprintf("SO-%06d", number+1),
		marketplace: m,
		purchased:   at,
		payable:     at.Add(time.Duration(r.between(5, 40)) * time.Minute),
		express:     r.chance(5),
		business:    r.chance(12),
		to:          w.addressIn(r, m.CountryCode),
		tracking:    "1Z" + r.text(base36, 16),
		transit:     time.Duration(r.between(20, 110)) * time.Hour,
		payment:     "Other",
	}
	seller := pick(r, w.shelf)
	if o.amazon = !r.chance(3); o.amazon != seller.amazon {
		seller = pick(r, w.shelf) // one more chance for Amazon's usual share
	}
	o.amazon = seller.amazon
	o.prime = o.amazon && r.chance(2)
	o.buyerName = o.to.name
	o.buyerEmail = r.text("abcdefghijklmnopqrstuvwxyz"+digits, 15) + "@marketplace." + strings.TrimPrefix(m.Storefront, "www.")
	if o.business {
		o.po = "PO " + r.text(digits, 6)
		o.to.company = pick(r, c.companies)
	}
	for i := range r.between(1, 3) {
		l := seller
		if i > 0 {
			if l = pick(r, w.shelf); l.amazon != o.amazon {
				continue
			}
		}
		it := orderItem{id: r.text("123456789", 1) + r.text(digits, 13), product: l.product, sku: l.sku, quantity: r.between(1, 4)}
		if r.chance(15) {
			it.quantity = r.between(10, 60)
		}
		unit := priceIn(l.product.cents, m)
		if live {
			if !l.buyable(m.ID) {
				continue
			}
			it.quantity = min(it.quantity, l.available())
			if unit = l.offers[m.ID].priceAt(at); o.business && l.offers[m.ID].business.units > 0 {
				unit = l.offers[m.ID].business
			}
		}
		it.price = money{unit.units * it.quantity, m.Currency}
		it.tax = money{taxOn(it.price.units, m), m.Currency}
		it.shipping, it.discount = money{0, m.Currency}, money{0, m.Currency}
		if !o.prime && i == 0 {
			it.shipping = priceIn(499, m)
		}
		if r.chance(6) {
			it.discount.units = it.price.units / 10
		}
		if r.chance(10) {
			it.gift = c.gift
		}
		if !slices.ContainsFunc(o.items, func(other orderItem) bool { return other.sku == it.sku }) {
			o.items = append(o.items, it)
		}
	}
	if len(o.items) == 0 {
		return nil
	}
	hours := time.Hour * time.Duration(r.between(6, 60))
	if !o.amazon {
		hours = time.Hour * time.Duration(r.between(24, 160)) // merchants take longer: there is always something to ship
	}
	switch {
	case r.chance(12):
		o.cancelled = o.payable.Add(time.Duration(r.between(1, 1200)) * time.Minute)
		o.cancelledBy, o.cancelReason = "BUYER", "No longer needed"
		if r.chance(4) {
			o.cancelledBy, o.cancelReason = "AMAZON", "Payment could not be authorized"
		}
	case !o.amazon && len(o.items) > 1 && r.chance(4):
		o.partly = o.payable.Add(hours)
		o.shipped = o.partly.Add(36 * time.Hour)
	default:
		o.shipped = o.payable.Add(hours)
	}
	w.peculiarities(r, o)
	return o
}

// peculiarities gives some orders what few have: cash on delivery, a cancellation that the buyer asks for, goods in exchange for
// broken ones, a shop where they are picked up, goods that not everybody may buy.
func (w *world) peculiarities(r random, o *order) {
	switch code := o.marketplace.CountryCode; {
	case code == "JP" && r.chance(6):
		o.payment = "CVS"
	case (code == "JP" || code == "IN" || code == "AE" || code == "SA" || code == "EG") && r.chance(5):
		o.payment = "COD"
	}
	if o.amazon {
		if r.chance(30) {
			w.replace(r, o)
		}
		return
	}
	switch r.IntN(16) {
	case 0, 1:
		if o.cancelled.IsZero() {
			first := o.shipped
			if !o.partly.IsZero() {
				first = o.partly
			}
			o.cancelAsked = o.payable.Add(first.Sub(o.payable) / 3).Truncate(time.Second)
			o.cancelReason = "Wrong shipping address entered"
		}
	case 2, 3:
		if o.cancelled.IsZero() && o.partly.IsZero() && !o.business {
			// It waits until the shop tells that it was picked up, and is cancelled in the end.
			o.store, o.express = "STORE-"+r.text(digits, 3), false
			o.shipped, o.cancelled = time.Time{}, o.payable.Add(6*24*time.Hour)
			o.cancelledBy, o.cancelReason = "AMAZON", "Not ready for pickup in time"
		}
	case 4:
		w.replace(r, o)
	}
	if slices.ContainsFunc(o.items, func(it orderItem) bool { return it.product.kind.typ == regulatedType }) {
		o.regulated = newRegulation(r, o)
	}
}

// replace makes o an order that replaces an earlier one of the same fulfilment for nothing.
func (w *world) replace(r random, o *order) {
	if len(w.orders) == 0 {
		return
	}
	old := w.orders[len(w.orders)-1-r.IntN(min(len(w.orders), int(20*24*time.Hour/w.spacing)+1))]
	if old.amazon != o.amazon || old.marketplace != o.marketplace || old.replaces != "" || !old.deliveredBy(o.purchased) {
		return
	}
	it := old.items[0]
	l := w.listings[it.sku]
	if l == nil || l.deleted || l.available() == 0 {
		return
	}
	it.id, it.quantity = o.items[0].id, min(it.quantity, l.available())
	nothing := money{0, o.marketplace.Currency}
	it.price, it.tax, it.shipping, it.discount, it.gift = nothing, nothing, nothing, nothing, ""
	o.items, o.replaces, o.partly = []orderItem{it}, old.id, time.Time{}
	o.to, o.buyerName, o.buyerEmail, o.business, o.po = old.to, old.buyerName, old.buyerEmail, old.business, old.po
}

// orderByID finds an order that has been placed by t; nil otherwise. The caller doesn't hold w.mu.
func (w *world) orderByID(id string, t time.Time) *order {
	w.mu.RLock()
	defer w.mu.RUnlock()
	o := w.byID[id]
	if o == nil || o.purchased.After(t) {
		return nil
	}
	return o
}

func channelV0(o *order) string {
	if o.amazon {
		return "AFN"
	}
	return "MFN"
}

// deliveryWindow is when the buyer was told to have the order of a merchant.
func (o *order) deliveryWindow() (earliest, latest time.Time) {
	return o.purchased.Add(48 * time.Hour), o.purchased.Add(7 * 24 * time.Hour)
}

// supplySource is where an order that is picked up comes from; "" for all others.
func (o *order) supplySource() string {
	if o.store == "" {
		return ""
	}
	return "supply-" + o.store
}

// has tells whether an order has an item of a product type. Lamps can be ordered with their installation, and calendars come with a
// key to their digital edition.
func (o *order) has(productType string) bool {
	return slices.ContainsFunc(o.items, func(it orderItem) bool { return it.product.kind.typ == productType })
}

// net is an item's price without the tax that is in it.
func (o *order) net(it *orderItem) int {
	if taxIncluded(o.marketplace) {
		return it.price.units - it.tax.units
	}
	return it.price.units
}

func open(status string) bool { return status == unshipped || status == partiallyShipped }
