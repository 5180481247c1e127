package world

import (
	"errors"
	"fmt"
	"iter"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/openspapi/spapi/emulator/internal/random"
	"github.com/openspapi/spapi/marketplace"
)

// Order is an order with its life written down beforehand: which state it is in follows from the time at which one looks. What
// requests change of it is guarded by the world's lock.
type Order struct {
	number        int // of the seller's orders, from 0
	ID            string
	SellerOrderID string // the seller's own order id
	Marketplace   *marketplace.Marketplace
	Purchased     time.Time
	Payable       time.Time // payment is through: Pending ends
	partly        time.Time // some items shipped; zero for most
	Shipped       time.Time // all items shipped; zero when cancelled
	Cancelled     time.Time // zero when it isn't
	Changed       time.Time // by a request, for the last time; zero for most

	Amazon   bool // fulfilled by Amazon
	Prime    bool
	Business bool
	Express  bool
	Payment  string // Other, COD or CVS
	PO       string // buyer's purchase order number, of business orders
	Replaces string // id of the order that this one replaces for nothing; "" for most
	Store    string // where the buyer picks it up; "" for most
	Pickup   string // last shipment status told of an order that is picked up

	CancelledBy  string    // BUYER, MERCHANT or AMAZON
	CancelReason string    //
	CancelAsked  time.Time // when the buyer asked the merchant to cancel; zero for most

	BuyerName  string
	BuyerEmail string
	To         Address
	Items      []OrderItem
	Tracking   string
	Transit    time.Duration // from the shipment to the door
	Parcels    []Parcel      // told by requests; see [Order.ParcelsAt]
	Invoice    Invoice       // told by requests
	Returns    []Return      // that come of themselves or that requests have told of, also those that lie in the future
	Regulated  *Regulation   // of orders with goods that not everybody may buy

	settled bool // stock has heard of its end
}

type OrderItem struct {
	ID       string
	Product  *Product
	SKU      string
	Quantity int
	Price    Money // of all units, with tax where prices are so
	Tax      Money
	Shipping Money
	Discount Money
	Gift     string // message; "" when it is no gift
}

// Parcel is a shipment of some items.
type Parcel struct {
	Ref        string
	Carrier    string
	Service    string
	Tracking   string
	At         time.Time // when it was told
	Shipped    time.Time // when it left, as told
	Quantities []int     // by item
}

// The order states as orders v0 spells them.
const (
	Pending          = "Pending"
	Unshipped        = "Unshipped"
	PartiallyShipped = "PartiallyShipped"
	Shipped          = "Shipped"
	Canceled         = "Canceled"
)

// Status tells in which state the order is at t.
func (o *Order) Status(t time.Time) string {
	reached := func(at time.Time) bool { return !at.IsZero() && !t.Before(at) }
	switch {
	case reached(o.Cancelled):
		return Canceled
	case reached(o.Shipped):
		return Shipped
	case reached(o.partly):
		return PartiallyShipped
	case reached(o.Payable):
		return Unshipped
	}
	return Pending
}

// Updated is the time of the last change before t.
func (o *Order) Updated(t time.Time) time.Time {
	last := o.Purchased
	for _, at := range []time.Time{o.Payable, o.partly, o.Shipped, o.Cancelled, o.CancelAsked, o.Changed} {
		if !at.IsZero() && !at.After(t) && at.After(last) {
			last = at
		}
	}
	return last
}

// final is the time after which nothing happens to the order by itself.
func (o *Order) final() time.Time {
	if !o.Cancelled.IsZero() {
		return o.Cancelled
	}
	return o.Shipped
}

// DeliveredBy tells whether the buyer has all of the order at t.
func (o *Order) DeliveredBy(t time.Time) bool {
	return o.Status(t) == Shipped && !t.Before(o.Shipped.Add(o.Transit))
}

// ParcelsAt are the order's shipments until t: those that requests have told, and those that its life has of itself. A partial
// shipment of itself is the first item.
func (o *Order) ParcelsAt(t time.Time) []Parcel {
	reached := func(at time.Time) bool { return !at.IsZero() && !t.Before(at) }
	var list []Parcel
	open := make([]int, len(o.Items))
	for i, it := range o.Items {
		open[i] = it.Quantity
	}
	if reached(o.Cancelled) {
		return nil
	}
	add := func(p Parcel) {
		for i, n := range p.Quantities {
			open[i] -= n
		}
		list = append(list, p)
	}
	for _, p := range o.Parcels {
		if reached(p.At) {
			add(p)
		}
	}
	itself := func(at time.Time, quantities []int) {
		add(Parcel{Ref: strconv.Itoa(len(list) + 1), Carrier: "UPS", Service: "Ground", Tracking: o.Tracking, At: at, Shipped: at, Quantities: quantities})
	}
	if len(o.Parcels) == 0 && reached(o.partly) && len(o.Items) > 1 {
		quantities := make([]int, len(o.Items))
		quantities[0] = open[0]
		itself(o.partly, quantities)
	}
	if reached(o.Shipped) {
		for _, n := range open {
			if n > 0 {
				itself(o.Shipped, slices.Clone(open))
				break
			}
		}
	}
	return list
}

// ShippedOf is how many units of item i are shipped at t.
func (o *Order) ShippedOf(i int, t time.Time) int {
	switch o.Status(t) {
	case Shipped:
		return o.Items[i].Quantity
	case PartiallyShipped:
		n := 0
		for _, p := range o.ParcelsAt(t) {
			n += p.Quantities[i]
		}
		return n
	}
	return 0
}

// Total adds up what the buyer pays.
func (o *Order) Total() Money {
	sum := Money{0, o.Marketplace.Currency}
	for i := range o.Items {
		sum.Units += o.ItemTotal(i)
	}
	return sum
}

// ItemTotal is what the buyer pays for one item.
func (o *Order) ItemTotal(i int) int {
	it := &o.Items[i]
	sum := it.Price.Units + it.Shipping.Units - it.Discount.Units
	if !taxIncluded(o.Marketplace) {
		sum += it.Tax.Units
	}
	return sum
}

// makeOrder makes the order of a number. Its items are all fulfilled by the same one. live tells that it comes after the beginning: then
// it takes what can be bought, at today's price, and there is none if nothing can.
func (w *World) makeOrder(r random.Source, a *Seller, number int, at time.Time, live bool) *Order {
	m := &a.Marketplaces[0]
	if len(a.Marketplaces) > 1 && r.Chance(3) {
		m = &a.Marketplaces[1+r.IntN(len(a.Marketplaces)-1)]
	}
	c := countryOf(m.CountryCode)
	o := &Order{
		// 3-7-7 format; the number in it makes it the only one of its seller.
		number:        number,
		ID:            random.Pick(r, []string{"111", "112", "113", "701", "302", "249"}) + "-" + r.Text(random.Digits, 7) + "-" + r.Text(random.Digits, 3) + fmt.Sprintf("%04d", number%10000),
		SellerOrderID: fmt.Sprintf("SO-%06d", number+1),
		Marketplace:   m,
		Purchased:     at,
		Payable:       at.Add(time.Duration(r.Between(5, 40)) * time.Minute),
		Express:       r.Chance(5),
		Business:      r.Chance(12),
		To:            w.AddressIn(r, m.CountryCode),
		Tracking:      "1Z" + r.Text(random.Base36, 16),
		Transit:       time.Duration(r.Between(20, 110)) * time.Hour,
		Payment:       "Other",
	}
	seller := random.Pick(r, w.shelf)
	if o.Amazon = !r.Chance(3); o.Amazon != seller.Amazon {
		seller = random.Pick(r, w.shelf) // one more chance for Amazon's usual share
	}
	o.Amazon = seller.Amazon
	o.Prime = o.Amazon && r.Chance(2)
	o.BuyerName = o.To.Name
	o.BuyerEmail = r.Text("abcdefghijklmnopqrstuvwxyz"+random.Digits, 15) + "@marketplace." + strings.TrimPrefix(m.Storefront, "www.")
	if o.Business {
		o.PO = "PO " + r.Text(random.Digits, 6)
		o.To.Company = random.Pick(r, c.companies)
	}
	for i := range r.Between(1, 3) {
		l := seller
		if i > 0 {
			if l = random.Pick(r, w.shelf); l.Amazon != o.Amazon {
				continue
			}
		}
		it := OrderItem{ID: r.Text("123456789", 1) + r.Text(random.Digits, 13), Product: l.Product, SKU: l.SKU, Quantity: r.Between(1, 4)}
		if r.Chance(15) {
			it.Quantity = r.Between(10, 60)
		}
		unit := PriceIn(l.Product.Cents, m)
		if live {
			if !l.Buyable(m.ID) {
				continue
			}
			it.Quantity = min(it.Quantity, l.Available())
			if unit = l.Offers[m.ID].PriceAt(at); o.Business && l.Offers[m.ID].Business.Units > 0 {
				unit = l.Offers[m.ID].Business
			}
		}
		it.Price = Money{unit.Units * it.Quantity, m.Currency}
		it.Tax = Money{taxOn(it.Price.Units, m), m.Currency}
		it.Shipping, it.Discount = Money{0, m.Currency}, Money{0, m.Currency}
		if !o.Prime && i == 0 {
			it.Shipping = PriceIn(499, m)
		}
		if r.Chance(6) {
			it.Discount.Units = it.Price.Units / 10
		}
		if r.Chance(10) {
			it.Gift = c.gift
		}
		if !slices.ContainsFunc(o.Items, func(other OrderItem) bool { return other.SKU == it.SKU }) {
			o.Items = append(o.Items, it)
		}
	}
	if len(o.Items) == 0 {
		return nil
	}
	hours := time.Hour * time.Duration(r.Between(6, 60))
	if !o.Amazon {
		hours = time.Hour * time.Duration(r.Between(24, 160)) // merchants take longer: there is always something to ship
	}
	switch {
	case r.Chance(12):
		o.Cancelled = o.Payable.Add(time.Duration(r.Between(1, 1200)) * time.Minute)
		o.CancelledBy, o.CancelReason = "BUYER", "No longer needed"
		if r.Chance(4) {
			o.CancelledBy, o.CancelReason = "AMAZON", "Payment could not be authorized"
		}
	case !o.Amazon && len(o.Items) > 1 && r.Chance(4):
		o.partly = o.Payable.Add(hours)
		o.Shipped = o.partly.Add(36 * time.Hour)
	default:
		o.Shipped = o.Payable.Add(hours)
	}
	w.peculiarities(r, o)
	w.bringBack(o)
	return o
}

// peculiarities gives some orders what few have: cash on delivery, a cancellation that the buyer asks for, goods in exchange for
// broken ones, a shop where they are picked up, goods that not everybody may buy.
func (w *World) peculiarities(r random.Source, o *Order) {
	switch code := o.Marketplace.CountryCode; {
	case code == "JP" && r.Chance(6):
		o.Payment = "CVS"
	case (code == "JP" || code == "IN" || code == "AE" || code == "SA" || code == "EG") && r.Chance(5):
		o.Payment = "COD"
	}
	if o.Amazon {
		if r.Chance(30) {
			w.replace(r, o)
		}
		return
	}
	switch r.IntN(16) {
	case 0, 1:
		if o.Cancelled.IsZero() {
			first := o.Shipped
			if !o.partly.IsZero() {
				first = o.partly
			}
			o.CancelAsked = o.Payable.Add(first.Sub(o.Payable) / 3).Truncate(time.Second)
			o.CancelReason = "Wrong shipping address entered"
		}
	case 2, 3:
		if o.Cancelled.IsZero() && o.partly.IsZero() && !o.Business {
			// It waits until the shop tells that it was picked up, and is cancelled in the end.
			o.Store, o.Express = "STORE-"+r.Text(random.Digits, 3), false
			o.Shipped, o.Cancelled = time.Time{}, o.Payable.Add(6*24*time.Hour)
			o.CancelledBy, o.CancelReason = "AMAZON", "Not ready for pickup in time"
		}
	case 4:
		w.replace(r, o)
	}
	if slices.ContainsFunc(o.Items, func(it OrderItem) bool { return it.Product.Kind.Type == regulatedType }) {
		o.Regulated = newRegulation(r, o)
	}
}

// replace makes o an order that replaces an earlier one of the same fulfilment for nothing.
func (w *World) replace(r random.Source, o *Order) {
	if len(w.Orders) == 0 {
		return
	}
	old := w.Orders[len(w.Orders)-1-r.IntN(min(len(w.Orders), int(20*24*time.Hour/w.spacing)+1))]
	if old.Amazon != o.Amazon || old.Marketplace != o.Marketplace || old.Replaces != "" || !old.DeliveredBy(o.Purchased) {
		return
	}
	it := old.Items[0]
	l := w.Listings[it.SKU]
	if l == nil || l.Deleted || l.Available() == 0 {
		return
	}
	it.ID, it.Quantity = o.Items[0].ID, min(it.Quantity, l.Available())
	nothing := Money{0, o.Marketplace.Currency}
	it.Price, it.Tax, it.Shipping, it.Discount, it.Gift = nothing, nothing, nothing, nothing, ""
	o.Items, o.Replaces, o.partly = []OrderItem{it}, old.ID, time.Time{}
	o.To, o.BuyerName, o.BuyerEmail, o.Business, o.PO = old.To, old.BuyerName, old.BuyerEmail, old.Business, old.PO
}

// OrderByID finds an order that has been placed by t; nil otherwise. It is a copy, as all orders that the world hands out. The caller doesn't hold
// the world's lock.
func (w *World) OrderByID(id string, t time.Time) *Order {
	w.RLock()
	defer w.RUnlock()
	o := w.byID[id]
	if o == nil || o.Purchased.After(t) {
		return nil
	}
	return o.clone()
}

func (o *Order) clone() *Order {
	c := *o
	c.Parcels, c.Returns = slices.Clone(o.Parcels), slices.Clone(o.Returns)
	return &c
}

// ErrNoOrder is [World.Change]'s of an order that there is not, or not yet.
var ErrNoOrder = errors.New("no such order")

// Change lets f change an order, or find that it can't be: then all stays as it is, and the error is f's. f runs under the world's lock and gets a
// copy that is taken over as a whole. What f may look at beside the order must not take that lock.
func (w *World) Change(id string, now time.Time, f func(o *Order) error) error {
	w.Lock()
	defer w.Unlock()
	o := w.byID[id]
	if o == nil || o.Purchased.After(now) {
		return ErrNoOrder
	}
	changed := o.clone()
	if err := f(changed); err != nil {
		return err
	}
	*o = *changed
	if w.touched == nil {
		w.touched = map[*Order]bool{}
	}
	w.touched[o] = true
	w.Settle(now)
	return nil
}

// All yields the orders that were placed from since until t, by time of purchase: copies. What happens to an order by itself happens within 60 days
// of its purchase.
func (w *World) All(since, t time.Time) iter.Seq[*Order] {
	return func(yield func(*Order) bool) {
		w.RLock()
		from, _ := slices.BinarySearchFunc(w.Orders, since, func(o *Order, t time.Time) int { return o.Purchased.Compare(t) })
		orders := w.Orders[from:]
		w.RUnlock()
		for _, o := range orders {
			w.RLock()
			o = o.clone()
			w.RUnlock()
			if o.Purchased.After(t) || !yield(o) {
				return
			}
		}
	}
}

func (o *Order) Channel() string {
	if o.Amazon {
		return "AFN"
	}
	return "MFN"
}

// DeliveryWindow is when the buyer was told to have the order of a merchant.
func (o *Order) DeliveryWindow() (earliest, latest time.Time) {
	return o.Purchased.Add(48 * time.Hour), o.Purchased.Add(7 * 24 * time.Hour)
}

// SupplySource is where an order that is picked up comes from; "" for all others.
func (o *Order) SupplySource() string {
	if o.Store == "" {
		return ""
	}
	return "supply-" + o.Store
}

// Has tells whether an order has an item of a product type. Lamps can be ordered with their installation, and calendars come with a
// key to their digital edition.
func (o *Order) Has(productType string) bool {
	return slices.ContainsFunc(o.Items, func(it OrderItem) bool { return it.Product.Kind.Type == productType })
}

// Net is an item's price without the tax that is in it.
func (o *Order) Net(it *OrderItem) int {
	if taxIncluded(o.Marketplace) {
		return it.Price.Units - it.Tax.Units
	}
	return it.Price.Units
}

func ToBeShipped(status string) bool { return status == Unshipped || status == PartiallyShipped }

// EasyShipStatus is the state of an Easy Ship order, which are the merchants' in India; "" for all others.
func (o *Order) EasyShipStatus(t time.Time) string {
	if o.Amazon || o.Marketplace.CountryCode != "IN" {
		return ""
	}
	switch o.Status(t) {
	case Unshipped:
		if t.Sub(o.Payable) < 4*time.Hour {
			return "PendingSchedule"
		}
		return "PendingPickUp"
	case PartiallyShipped:
		return "PickedUp"
	case Shipped:
		switch since := t.Sub(o.Shipped); {
		case o.DeliveredBy(t):
			return "Delivered"
		case since > o.Transit*3/4:
			return "OutForDelivery"
		case since > o.Transit/2:
			return "AtDestinationFC"
		case since > o.Transit/4:
			return "AtOriginFC"
		}
		return "PickedUp"
	case Canceled:
		return "LabelCanceled"
	}
	return ""
}

// Invoice is the electronic invoice that the seller has submitted last for an order; the zero value when requests have told of none.
type Invoice struct {
	Submitted time.Time `json:"submitted,omitzero"`
	Checked   time.Time `json:"checked,omitzero"` // until then it is processed
	Accepted  bool      `json:"accepted,omitempty"`
}

// The states of invoices.
const (
	InvoiceNotFound   = "NotFound"
	InvoiceProcessing = "Processing"
	InvoiceAccepted   = "Accepted"
	InvoiceErrored    = "Errored"
)

// Number is the order's place among all of the seller's, from 0.
func (o *Order) Number() int { return o.number }

// Onsite tells whether the seller writes the electronic invoice of an order that Amazon fulfils: so it is where the goods lie in a warehouse of the
// seller's that Amazon works from (FBA Onsite), in Brazil. Which orders come from there is assumed: one in three.
func (o *Order) Onsite() bool {
	return o.Amazon && o.Marketplace.CountryCode == "BR" && o.number%3 == 0
}

// InvoiceStatus is the state of the electronic invoice, which Brazil wants of whoever sells and Easy Ship in India has no need of; "" elsewhere. What
// has been shipped had its invoice, if nothing else was told.
func (o *Order) InvoiceStatus(t time.Time) string {
	switch status := o.Status(t); {
	case o.EasyShipStatus(t) != "":
		return "NotRequired"
	case o.Marketplace.CountryCode != "BR" || o.Amazon && !o.Onsite():
		return ""
	case !o.Invoice.Submitted.IsZero() && !t.Before(o.Invoice.Submitted):
		switch {
		case t.Before(o.Invoice.Checked):
			return InvoiceProcessing
		case o.Invoice.Accepted:
			return InvoiceAccepted
		}
		return InvoiceErrored
	case status == Shipped || status == PartiallyShipped:
		return InvoiceAccepted
	}
	return InvoiceNotFound
}

// shipmentDigits is how many base-36 digits hold the digits of an order's id.
const shipmentDigits = 11

// ShipmentID is the id of the order's shipment, as those who write its invoice know it. It has the order's id in it, so that it can be found again.
func (o *Order) ShipmentID() string {
	n, err := strconv.ParseUint(strings.ReplaceAll(o.ID, "-", ""), 10, 64)
	if err != nil {
		return "" // ids are made of digits
	}
	text := strings.ToUpper(strconv.FormatUint(n, 36))
	return "F" + strings.Repeat("0", max(shipmentDigits-len(text), 0)) + text
}

// OrderOfShipment is the id of the order that a shipment's id has in it; false when it can be none.
func OrderOfShipment(id string) (string, bool) {
	rest, found := strings.CutPrefix(id, "F")
	if !found || len(rest) != shipmentDigits || rest != strings.ToUpper(rest) {
		return "", false
	}
	n, err := strconv.ParseUint(rest, 36, 64)
	digits := strconv.FormatUint(n, 10)
	if err != nil || len(digits) > 17 {
		return "", false
	}
	digits = strings.Repeat("0", 17-len(digits)) + digits
	return digits[:3] + "-" + digits[3:10] + "-" + digits[10:], true
}

// OrderIDPattern is what ids of orders look like: three, seven and seven digits.
var OrderIDPattern = sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(`^\d{3}-\d{7}-\d{7}$`) })
