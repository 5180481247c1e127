package world

import (
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/openspapi/spapi/emulator/internal/random"
	"github.com/openspapi/spapi/marketplace"
)

// The lives of orders are derived: the order of a number follows from the seed, the seller and the number, and for one that came after the beginning from what
// was noted of its basket. Nothing here may depend on anything that changes.

// maker is where lives are made, one at a time.
type maker struct {
	w                                    *World
	lives, baskets, extras, faces, backs random.Stream
	old                                  []*Order // memory for orders that others replace, by depth
}

func (w *World) newMaker() *maker {
	stream := func(what string) random.Stream { return random.NewStream(w.seed, what, w.seller.Number) }
	return &maker{w: w, lives: stream("order"), baskets: stream("basket"), extras: stream("extras"), faces: stream("face"), backs: stream("return")}
}

// basket is what was bought at a moment that can't be derived.
type basket struct {
	items    []bought // none: there is no order of that number
	amazon   bool     // fulfilled by Amazon
	replaces int      // number of the order that is replaced for nothing; -1: none
}

type bought struct {
	listing  *Listing
	product  *Product
	quantity int
	unit     int // price of one
}

// arrival is when the order of a number is placed: evenly spread with some jitter, so that the i-th order stays the i-th.
func (w *World) arrival(r random.Source, number int) time.Time {
	at := w.first.Add(time.Duration(number)*w.spacing + time.Duration(0.95*r.Float64()*float64(w.spacing)))
	return at.Truncate(time.Second)
}

// draws are what chance has in store for an order: each is drawn for every order, whether it matters or not, so that none depends on another.
type draws struct {
	prime                      bool
	hours                      [2]int // until it is shipped: by the merchant, who takes longer, and by Amazon
	end, part, cash, odd, shop int
	cancelled                  int // minutes until it is
	byAmazon                   bool
	earlier                    float64 // which order it might replace
}

// draw makes in o what an order begins with.
func (m *maker) draw(number int, o *Order) (d draws) {
	*o = Order{Number: number, Items: o.Items[:0], Returns: o.Returns[:0], Payment: "Other", replaces: -1}
	r := m.lives.Of(uint64(number)) //nolint:gosec // numbers begin with 0
	o.Purchased = m.w.arrival(r, number)
	o.Marketplace = m.w.marketOf(r)
	o.Payable = o.Purchased.Add(time.Duration(r.Between(5, 40)) * time.Minute)
	o.Express, o.Business = r.Chance(5), r.Chance(12)
	o.Transit = time.Duration(r.Between(20, 110)) * time.Hour
	d.prime = r.Chance(2)
	d.hours = [2]int{r.Between(24, 160), r.Between(6, 60)}
	d.end, d.part, d.cash, d.odd, d.shop = r.IntN(12), r.IntN(4), r.IntN(30), r.IntN(16), r.IntN(len(stores))
	d.cancelled, d.byAmazon, d.earlier = r.Between(1, 1200), r.Chance(4), r.Float64()
	return d
}

// replaces tells whether an order might be one that replaces another.
func (d *draws) replaces(amazon bool) bool { return amazon && d.cash == 29 || !amazon && d.odd == 4 }

// life makes the life of the order of a number in o, whose memory it uses again: all but what [maker.face] adds. An order without items is none. Items of one
// order are all fulfilled by the same one.
func (m *maker) life(number int, o *Order, depth int) {
	d := m.draw(number, o)
	live := number - m.w.beginning
	if live >= 0 {
		b := &m.w.came[live]
		o.Amazon, o.replaces = b.amazon, b.replaces
		for _, it := range b.items {
			o.Items = append(o.Items, OrderItem{Product: it.product, SKU: it.listing.SKU, Quantity: it.quantity,
				Price: Money{it.unit * it.quantity, o.Marketplace.Currency}})
		}
	} else {
		m.fill(number, o)
	}
	o.Prime = o.Amazon && d.prime
	m.price(number, o)
	hours := d.hours[0]
	if o.Amazon {
		hours = d.hours[1]
	}
	switch {
	case d.end == 0:
		o.Cancelled = o.Payable.Add(time.Duration(d.cancelled) * time.Minute)
		o.CancelledBy, o.CancelReason = "BUYER", "No longer needed"
		if d.byAmazon {
			o.CancelledBy, o.CancelReason = "AMAZON", "Payment could not be authorized"
		}
	case !o.Amazon && len(o.Items) > 1 && d.part == 0:
		o.partly = o.Payable.Add(time.Duration(hours) * time.Hour)
		o.Shipped = o.partly.Add(36 * time.Hour)
	default:
		o.Shipped = o.Payable.Add(time.Duration(hours) * time.Hour)
	}
	o.peculiarities(&d)
	if live < 0 && d.replaces(o.Amazon) {
		m.replace(o, d.earlier, depth)
	} else if o.replaces >= 0 {
		o.free()
	}
	o.planReturns(m.backs.Of(uint64(number))) //nolint:gosec // numbers begin with 0
}

// buy chooses what the order of a number that comes now has: what can be bought, at today's price.
func (m *maker) buy(number int) basket {
	w, o := m.w, &Order{}
	d := m.draw(number, o)
	r := m.baskets.Of(uint64(number)) //nolint:gosec // numbers begin with 0
	first := random.Pick(r, w.shelf)
	if amazon := !r.Chance(3); amazon != first.Amazon {
		first = random.Pick(r, w.shelf) // one more chance for Amazon's usual share
	}
	b := basket{amazon: first.Amazon, replaces: -1}
	o.Amazon = b.amazon
	if d.replaces(b.amazon) {
		if j := w.replaced(number, d.earlier); j >= 0 {
			old := w.life(j)
			if len(old.Items) > 0 && old.replaceableBy(o) {
				it := old.Items[0]
				if l := w.Listings[it.SKU]; l != nil && !l.Deleted && l.Amazon == b.amazon && l.Available() > 0 {
					b.replaces, b.items = j, []bought{{l, it.Product, min(it.Quantity, l.Available()), 0}}
					return b
				}
			}
		}
	}
	for i := range r.Between(1, 3) {
		l := first
		if i > 0 {
			l = random.Pick(r, w.shelf)
		}
		q := quantity(r)
		if l.Amazon != b.amazon || !l.Buyable(o.Marketplace.ID) || slices.ContainsFunc(b.items, func(other bought) bool { return other.listing == l }) {
			continue
		}
		offer := l.Offers[o.Marketplace.ID]
		unit := offer.PriceAt(o.Purchased)
		if o.Business && offer.Business.Units > 0 {
			unit = offer.Business
		}
		b.items = append(b.items, bought{l, l.Product, min(q, l.Available()), unit.Units})
	}
	return b
}

// marketOf chooses where an order is placed: two in three in the seller's main marketplace.
func (w *World) marketOf(r random.Source) *marketplace.Marketplace {
	n, other := len(w.seller.Marketplaces), r.Chance(3)
	i := r.IntN(max(n-1, 1))
	if n > 1 && other {
		return &w.seller.Marketplaces[1+i]
	}
	return &w.seller.Marketplaces[0]
}

// fill puts into an order of the beginning what was bought then: at the catalogue's prices, whatever has become of the listings since.
func (m *maker) fill(number int, o *Order) {
	w := m.w
	r := m.baskets.Of(uint64(number)) //nolint:gosec // numbers begin with 0
	n := len(w.Products)
	first := r.IntN(n)
	if amazon := !r.Chance(3); amazon != w.amazons[first] {
		first = r.IntN(n) // one more chance for Amazon's usual share
	}
	o.Amazon = w.amazons[first]
	for i := range r.Between(1, 3) {
		p := first
		if i > 0 {
			if p = r.IntN(n); w.amazons[p] != o.Amazon {
				continue
			}
		}
		q := quantity(r)
		product := w.Products[p]
		if !slices.ContainsFunc(o.Items, func(other OrderItem) bool { return other.Product == product }) {
			o.Items = append(o.Items, OrderItem{Product: product, SKU: product.SKU, Quantity: q,
				Price: Money{PriceIn(product.Cents, o.Marketplace).Units * q, o.Marketplace.Currency}})
		}
	}
}

// quantity is how many units of an item are bought.
func quantity(r random.Source) int {
	few, many := r.Between(1, 4), r.Between(10, 60)
	if r.Chance(15) {
		return many
	}
	return few
}

// price adds what comes with the prices of items.
func (m *maker) price(number int, o *Order) {
	r := m.extras.Of(uint64(number)) //nolint:gosec // numbers begin with 0
	for i := range o.Items {
		it := &o.Items[i]
		currency := o.Marketplace.Currency
		it.Tax = Money{taxOn(it.Price.Units, o.Marketplace), currency}
		it.Shipping, it.Discount, it.Free = Money{0, currency}, Money{0, currency}, Money{0, currency}
		if !o.Prime && i == 0 {
			it.Shipping = PriceIn(499, o.Marketplace)
		}
		if r.Chance(6) {
			it.Discount.Units = it.Price.Units / 10
		}
		if r.Chance(10) {
			it.Gift = countryOf(o.Marketplace.CountryCode).gift
		}
	}
	if r.Chance(8) && len(o.Items) > 0 {
		o.Items[0].Free = o.Items[0].Shipping
	}
}

// stores are where buyers pick up what they have ordered, in the seller's shops.
var stores = []string{"STORE-017", "STORE-044", "STORE-108", "STORE-123", "STORE-208", "STORE-310", "STORE-365", "STORE-402",
	"STORE-415", "STORE-555", "STORE-601", "STORE-678", "STORE-702", "STORE-790", "STORE-833", "STORE-951"}

// peculiarities gives some orders what few have: cash on delivery, a cancellation that the buyer asks for, a shop where they are picked up.
func (o *Order) peculiarities(d *draws) {
	switch code := o.Marketplace.CountryCode; {
	case code == "JP" && d.cash < 5:
		o.Payment = "CVS"
	case (code == "JP" || code == "IN" || code == "AE" || code == "SA" || code == "EG") && d.cash%6 == 5:
		o.Payment = "COD"
	}
	if o.Amazon || !o.Cancelled.IsZero() {
		return
	}
	switch d.odd {
	case 0, 1:
		first := o.Shipped
		if !o.partly.IsZero() {
			first = o.partly
		}
		o.CancelAsked = o.Payable.Add(first.Sub(o.Payable) / 3).Truncate(time.Second)
		o.CancelReason = "Wrong shipping address entered"
	case 2, 3:
		if o.partly.IsZero() && !o.Business {
			// It waits until the shop tells that it was picked up, and is cancelled in the end.
			o.Store, o.Express = stores[d.shop], false
			o.Shipped, o.Cancelled = time.Time{}, o.Payable.Add(6*24*time.Hour)
			o.CancelledBy, o.CancelReason = "AMAZON", "Not ready for pickup in time"
		}
	}
}

// replaceable is for how long an order can be replaced.
const replaceable = 20 * 24 * time.Hour

// replace makes o an order that replaces an earlier one of the same fulfilment for nothing. share chooses which.
func (m *maker) replace(o *Order, share float64, depth int) {
	number := m.w.replaced(o.Number, share)
	if number < 0 {
		return
	}
	if depth == len(m.old) {
		m.old = append(m.old, &Order{})
	}
	old := m.old[depth]
	if m.life(number, old, depth+1); !old.replaceableBy(o) {
		return
	}
	it := old.Items[0]
	o.Items, o.replaces, o.partly = append(o.Items[:0], it), number, time.Time{}
	o.free()
}

// replaced is the number of the order that one might replace; -1 for none.
func (w *World) replaced(number int, share float64) int {
	most := min(number, int(replaceable/w.spacing)+1)
	if most == 0 {
		return -1
	}
	return number - 1 - int(share*float64(most))
}

func (o *Order) replaceableBy(n *Order) bool {
	return o.Amazon == n.Amazon && o.Marketplace == n.Marketplace && o.replaces < 0 && o.DeliveredBy(n.Purchased)
}

// free makes an order cost nothing.
func (o *Order) free() {
	nothing := Money{0, o.Marketplace.Currency}
	for i := range o.Items {
		it := &o.Items[i]
		it.Price, it.Tax, it.Shipping, it.Discount, it.Free, it.Gift = nothing, nothing, nothing, nothing, nothing, ""
	}
}

// face adds to a life who bought it, and all ids.
func (m *maker) face(o *Order) {
	w := m.w
	o.ID, o.SellerOrderID = w.orderID(o.Number), sellerOrderID(o.Number)
	buyer := o.Number
	if o.replaces >= 0 {
		buyer, o.Replaces = o.replaces, w.orderID(o.replaces)
	}
	r := m.faces.Of(uint64(buyer)) //nolint:gosec // numbers begin with 0
	o.To = w.AddressIn(r, o.Marketplace.CountryCode)
	o.BuyerName = o.To.Name
	o.BuyerEmail = w.buyerEmail(buyer, r.Text(base36Small, 7), o.Marketplace)
	po, company := "PO "+r.Text(random.Digits, 6), random.Pick(r, countryOf(o.Marketplace.CountryCode).companies)
	if o.Business {
		o.PO, o.To.Company = po, company
	}
	r = m.faces.Of(1<<40 + uint64(o.Number)) //nolint:gosec // numbers begin with 0
	o.Tracking = w.tracking(o.Number, r.Text(random.Base36, 8))
	regulated := !o.Amazon
	for i := range o.Items {
		o.Items[i].ID = w.itemID(o.Number, i)
	}
	if regulated && o.Has(regulatedType) {
		o.Regulated = NewRegulation(r, o)
	}
}

// life is the life of the order of a number, to be read; without items there is no such order. The caller holds the world's lock.
func (w *World) life(number int) *Order {
	if o := w.touched[number]; o != nil {
		return o
	}
	m := w.makers.Get().(*maker)
	defer w.makers.Put(m)
	o := &Order{}
	m.life(number, o, 0)
	return o
}

// order makes the order of a number whole; nil where there is none. The caller holds the world's lock.
func (w *World) order(number int) *Order {
	if o := w.touched[number]; o != nil {
		return o.clone()
	}
	m := w.makers.Get().(*maker)
	defer w.makers.Put(m)
	o := &Order{}
	if m.life(number, o, 0); len(o.Items) == 0 {
		return nil
	}
	m.face(o)
	return o
}

// Ids are the number of the order, scrambled: they lead back to it without an index.

const base36Small = "0123456789abcdefghijklmnopqrstuvwxyz"

var orderPrefixes = []string{"111", "112", "113", "701", "302", "249"}

// orderID is in 3-7-7 format.
func (w *World) orderID(number int) string {
	n := w.orderIDs.Of(uint64(number)) //nolint:gosec // numbers begin with 0
	b := make([]byte, 0, 19)
	b = append(b, orderPrefixes[n%uint64(len(orderPrefixes))]...)
	b = append(b, '-')
	b = appendPadded(b, n/1e7, 7)
	b = append(b, '-')
	return string(appendPadded(b, n%1e7, 7))
}

// numberOf is the number of the order of an id; -1 where there is none.
func (w *World) numberOf(id string) int {
	if len(id) != 19 {
		return -1
	}
	a, errA := strconv.ParseUint(id[4:11], 10, 32)
	b, errB := strconv.ParseUint(id[12:], 10, 32)
	if errA != nil || errB != nil {
		return -1
	}
	n := w.orderIDs.Unscramble(a*1e7 + b)
	if n >= uint64(w.next) || w.orderID(int(n)) != id { //nolint:gosec // numbers begin with 0
		return -1
	}
	return int(n) //nolint:gosec // below next
}

const sellerOrderPrefix = "SO-"

func sellerOrderID(number int) string {
	return string(appendPadded([]byte(sellerOrderPrefix), uint64(number)+1, 6)) //nolint:gosec // numbers begin with 0
}

// numberOfSeller is the number of the order with that id of the seller's own; -1 where there is none.
func numberOfSeller(id string) int {
	digits, found := strings.CutPrefix(id, sellerOrderPrefix)
	n, err := strconv.Atoi(digits)
	if !found || err != nil || n < 1 || sellerOrderID(n-1) != id {
		return -1
	}
	return n - 1
}

// itemID is 14 digits, the first of them not 0: ids that begin with one are scrambled again, from where no number of an item lies, so that no two meet.
func (w *World) itemID(number, item int) string {
	n := w.itemIDs.Of(uint64(number)*4 + uint64(item)) //nolint:gosec // numbers begin with 0
	for n < 1e13 {
		n = w.itemIDs.Of(1e13 + n)
	}
	return strconv.FormatUint(n, 10)
}

// buyerEmail is the address by which Amazon hides a buyer's.
func (w *World) buyerEmail(buyer int, tail string, m *marketplace.Marketplace) string {
	return w.inBase36(buyer) + tail + "@marketplace." + strings.TrimPrefix(m.Storefront, "www.")
}

// inBase36 writes a number, scrambled, in eight digits.
func (w *World) inBase36(number int) string {
	n := w.buyers.Of(uint64(number)) //nolint:gosec // numbers begin with 0
	var b [8]byte
	for i := range b {
		b[len(b)-1-i] = base36Small[n%36]
		n /= 36
	}
	return string(b[:])
}

// outOfBase36 is the number that eight digits are of; -1 where there is no order of it.
func (w *World) outOfBase36(digits string) int {
	n, err := strconv.ParseUint(digits, 36, 64)
	if err != nil || len(digits) != 8 {
		return -1
	}
	if n = w.buyers.Unscramble(n); n >= uint64(w.next) { //nolint:gosec // numbers begin with 0
		return -1
	}
	return int(n) //nolint:gosec // below next
}

const trackingPrefix = "1Z"

// tracking is the number by which a carrier knows what an order has of a parcel by itself.
func (w *World) tracking(number int, head string) string {
	return trackingPrefix + head + strings.ToUpper(w.inBase36(number))
}

// buyerOf is the number of the order by which a buyer with that address became known; -1 where there is none.
func (w *World) buyerOf(email string) int {
	return w.outOfBase36(email[:min(len(email), 8)])
}

// appendPadded writes n with at least so many digits.
func appendPadded(b []byte, n uint64, digits int) []byte {
	var room [20]byte
	text := strconv.AppendUint(room[:0], n, 10)
	for range digits - len(text) {
		b = append(b, '0')
	}
	return append(b, text...)
}
