package world

import (
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/openspapi/spapi/marketplace"
)

// Order is an order with its life written down beforehand: which state it is in follows from the time at which one looks. Those that the world hands out are
// copies: changing one changes nothing, see [World.Change].
type Order struct {
	Number        int // of the seller's orders, from 0
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
	EasyShip   *EasyShip     // the package that a request has scheduled, replaced as a whole; see [Order.EasyShipAt]

	replaces int // number of the order that this one replaces; -1 for most
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
	Free     Money  // of the shipping, taken off again by a promotion
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

func (o *Order) clone() *Order {
	c := *o
	c.Items, c.Parcels, c.Returns = slices.Clone(o.Items), slices.Clone(o.Parcels), slices.Clone(o.Returns)
	return &c
}

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

// DeliveredBy tells whether the buyer has all of the order at t.
func (o *Order) DeliveredBy(t time.Time) bool {
	return o.Status(t) == Shipped && !t.Before(o.Shipped.Add(o.Transit)) && !o.strayed()
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
	sum := it.Price.Units + it.Shipping.Units - it.Discount.Units - it.Free.Units
	if !taxIncluded(o.Marketplace) {
		sum += it.Tax.Units
	}
	return sum
}

func (o *Order) Channel() string {
	if o.Amazon {
		return "AFN"
	}
	return "MFN"
}

// How long after its purchase the buyer of a merchant's order is told to have it.
const (
	DeliverEarliest = 48 * time.Hour
	DeliverLatest   = 7 * 24 * time.Hour
)

// DeliveryWindow is when the buyer was told to have the order of a merchant.
func (o *Order) DeliveryWindow() (earliest, latest time.Time) {
	return o.Purchased.Add(DeliverEarliest), o.Purchased.Add(DeliverLatest)
}

const supplySourcePrefix = "supply-"

// SupplySource is where an order that is picked up comes from; "" for all others.
func (o *Order) SupplySource() string {
	if o.Store == "" {
		return ""
	}
	return supplySourcePrefix + o.Store
}

// StoreOf is the store that is a supply source; "" where there is none.
func StoreOf(supplySource string) string {
	store, found := strings.CutPrefix(supplySource, supplySourcePrefix)
	if !found {
		return ""
	}
	return store
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

// Onsite tells whether the seller writes the electronic invoice of an order that Amazon fulfils: so it is where the goods lie in a warehouse of the
// seller's that Amazon works from (FBA Onsite), in Brazil. Which orders come from there is assumed: one in three.
func (o *Order) Onsite() bool {
	return o.Amazon && o.Marketplace.CountryCode == "BR" && o.Number%3 == 0
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

// The ids of promotions: of what is taken off the price, and off the shipping.
const (
	PriceOff     = "Save 10% on pens & more"
	FreeShipping = "Free Shipping"
)

// Promotions are the ids of those that took something off an item.
func (it *OrderItem) Promotions() []string {
	ids := []string{}
	if it.Discount.Units > 0 {
		ids = append(ids, PriceOff)
	}
	if it.Free.Units > 0 {
		ids = append(ids, FreeShipping)
	}
	return ids
}

// Amazon's company in Brazil, as its invoices and those to it name it, with its tax number.
const (
	BrazilCompany = "Amazon Serviços de Varejo do Brasil Ltda."
	BrazilCNPJ    = "15436940000103"
)

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
	if err != nil || n >= 1e17 {
		return "", false
	}
	return OrderIDOf(n), true
}

// OrderIDOf is the id of an order whose digits are a number of at most seventeen.
func OrderIDOf(digits uint64) string {
	text := fmt.Sprintf("%017d", digits)
	return text[:3] + "-" + text[3:10] + "-" + text[10:]
}

// OrderIDPattern is what ids of orders look like: three, seven and seven digits.
var OrderIDPattern = sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(`^\d{3}-\d{7}-\d{7}$`) })
