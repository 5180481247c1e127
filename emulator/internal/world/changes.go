package world

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/openspapi/spapi/emulator/internal/random"
)

// ErrNoOrder is [World.Change]'s of an order that there is not, or not yet.
var ErrNoOrder = errors.New("no such order")

// Change lets f change an order, or find that it can't be: then all stays as it is, and the error is f's. f runs under the world's lock and gets a
// copy that is taken over as a whole. What f may look at beside the order must not take that lock.
func (w *World) Change(id string, now time.Time, f func(o *Order) error) error {
	w.Lock()
	defer w.Unlock()
	number := w.numberOf(id)
	if number < 0 {
		return ErrNoOrder
	}
	before := w.order(number)
	if before == nil || before.Purchased.After(now) {
		return ErrNoOrder
	}
	after := before.clone()
	if err := f(after); err != nil {
		return err
	}
	asked := now
	now = now.UTC().Truncate(time.Second)
	w.hear(now)
	for _, t := range []*time.Time{&after.Shipped, &after.Cancelled, &after.Changed} {
		*t = t.UTC().Truncate(time.Second)
	}
	w.touched[number] = after
	w.index.set(number, w.rowOf(after))
	w.enter(after)
	w.rehear(before, after, asked)
	w.changes = append(w.changes, number)
	w.wake()
	for _, f := range w.orderWatchers {
		f(before, after, now)
	}
	return nil
}

// WatchOrders lets f know what each change of an order has made of it, and when. f runs under the world's lock, and changes neither.
func (w *World) WatchOrders(f func(before, after *Order, now time.Time)) {
	w.Lock()
	defer w.Unlock()
	w.orderWatchers = append(w.orderWatchers, f)
}

// CancelRequested is that a buyer asks the merchant to cancel.
const CancelRequested = "CancelRequested"

// Happening is something that has happened to an order.
type Happening struct {
	Number int // of the order
	At     time.Time
	What   string // the status that the order has come to, or CancelRequested
}

// happens is what the moments of a row are.
var happens = [...]string{purchased: Pending, payable: Unshipped, partly: PartiallyShipped, shipped: Shipped, cancelled: Canceled, cancelAsked: CancelRequested, changed: ""}

// ByChange is what a change has let happen to an order.
func ByChange(before, after *Order, now time.Time) (list []Happening) {
	if status := after.Status(now); status != before.Status(now) {
		at := map[string]time.Time{Unshipped: after.Payable, PartiallyShipped: after.partly, Shipped: after.Shipped, Canceled: after.Cancelled}[status]
		list = append(list, Happening{after.Number, at, status})
	}
	if asked := after.CancelAsked; !asked.IsZero() && !asked.After(now) && !asked.Equal(before.CancelAsked) {
		list = append(list, Happening{after.Number, asked, CancelRequested})
	}
	return list
}

// Changes are the numbers of orders that came or were changed after the first n such, and how many there have been. Whoever keeps something that is made of
// orders asks for those since it last asked.
func (w *World) Changes(n int) (numbers []int, count int) {
	w.RLock()
	defer w.RUnlock()
	return slices.Clone(w.changes[min(n, len(w.changes)):]), len(w.changes)
}

// Ship tells of a parcel of an order that the seller fulfils, as confirmShipment and the fulfilment feeds do. p.Quantities is by item; nil stands
// for all that is open. The error says why the order or an item can't be shipped. It is for use within [World.Change], as all below.
func (o *Order) Ship(p Parcel, now time.Time) error {
	now = now.UTC().Truncate(time.Second)
	if status := o.Status(now); o.Amazon || status != Unshipped && status != PartiallyShipped {
		return fmt.Errorf("the order is %s and fulfilled by %s", status, o.Channel())
	}
	before := o.ParcelsAt(now)
	open, left := make([]int, len(o.Items)), 0
	for i, it := range o.Items {
		open[i] = it.Quantity
		for _, b := range before {
			open[i] -= b.Quantities[i]
		}
	}
	if p.Quantities == nil {
		p.Quantities = slices.Clone(open)
	}
	sent := 0
	for i, n := range p.Quantities {
		if n < 0 || n > open[i] {
			return fmt.Errorf("item %s: %d of %d open units", o.Items[i].ID, n, open[i])
		}
		sent += n
		left += open[i] - n
	}
	if sent == 0 {
		return fmt.Errorf("no item is shipped")
	}
	p.At = now
	if p.Shipped.IsZero() {
		p.Shipped = now
	}
	o.Parcels, o.Tracking, o.Changed = append(slices.Clip(before), p), p.Tracking, now
	// A life that was to end in a cancellation doesn't any more.
	if !o.Cancelled.IsZero() {
		o.Cancelled, o.CancelledBy, o.CancelReason = time.Time{}, "", ""
		o.Shipped = now.Add(48 * time.Hour)
	}
	o.CancelAsked = until(o.CancelAsked, now) // too late for that
	if left == 0 {
		if !o.Shipped.IsZero() {
			o.shiftReturns(now.Sub(o.Shipped), now)
		}
		o.Shipped, o.partly = now, until(o.partly, now)
	} else if o.partly.IsZero() || o.partly.After(now) {
		o.partly = now
	}
	return nil
}

// NextPackage is a number that no package of the order has.
func (o *Order) NextPackage(now time.Time) string {
	list := o.ParcelsAt(now)
	for n := len(list) + 1; ; n++ {
		if ref := strconv.Itoa(n); !slices.ContainsFunc(list, func(p Parcel) bool { return p.Ref == ref }) {
			return ref
		}
	}
}

// Relabel gives a package another label. What the order waits for arrives at the time given, if that is later.
func (o *Order) Relabel(ref, carrier, service, tracking string, arrives, now time.Time) {
	for i := range o.Parcels {
		if p := &o.Parcels[i]; p.Ref == ref {
			p.Carrier, p.Service, p.Tracking = carrier, service, tracking
		}
	}
	o.Tracking, o.Changed = tracking, now.UTC().Truncate(time.Second)
	o.Arrives(arrives)
}

// Arrives puts the delivery off.
func (o *Order) Arrives(at time.Time) {
	if !o.Shipped.IsZero() && at.After(o.Shipped.Add(o.Transit)) {
		o.Transit = at.Sub(o.Shipped)
	}
}

// Cancel ends an order that has not left. by is BUYER, MERCHANT or AMAZON. It returns false when it is too late.
func (o *Order) Cancel(by, reason string, now time.Time) bool {
	now = now.UTC().Truncate(time.Second)
	if status := o.Status(now); status != Pending && status != Unshipped {
		return false
	}
	o.Cancelled, o.CancelledBy, o.CancelReason, o.Changed = now, by, reason, now
	o.Shipped, o.partly, o.Returns = time.Time{}, time.Time{}, nil
	o.Payable, o.CancelAsked = until(o.Payable, now), until(o.CancelAsked, now)
	return true
}

// until is a moment of a life that still comes to pass when the life changes; zero for one that would have come after.
func until(moment, now time.Time) time.Time {
	if moment.After(now) {
		return time.Time{}
	}
	return moment
}

// regulatedType is the product type of which merchants' orders have to be looked at before they are shipped: blades, of which some
// countries want to know who gets them.
const regulatedType = "SCISSORS"

// Regulation is what a buyer had to tell for an order with regulated goods, and what the merchant made of it.
type Regulation struct {
	Fields   []RegulatedField
	due      time.Time // until when it has to be looked at
	Status   string    // Approved or Rejected; "" while nobody has
	Reason   string    // id of the reason for the rejection
	Reviewer string
	Reviewed time.Time
}

type RegulatedField struct{ ID, Label, Kind, Value string }

// RejectionReasons are the ones that can be given, with their descriptions.
var RejectionReasons = [][2]string{
	{"age_check_underage", "The recipient is not old enough for this product."},
	{"age_check_unreadable", "The document can't be read."},
	{"age_check_mismatch", "The document doesn't belong to the recipient."},
}

// NewRegulation is what the buyer has to tell of an order.
func NewRegulation(r random.Source, o *Order) *Regulation {
	born := o.Purchased.AddDate(-r.Between(16, 80), 0, -r.IntN(360))
	return &Regulation{
		due: o.Purchased.Add(14 * 24 * time.Hour),
		Fields: []RegulatedField{
			{"age_check_name", "Name of the recipient", "Text", o.To.Name},
			{"age_check_date_of_birth", "Date of birth", "Text", born.Format(time.DateOnly)},
			{"age_check_document", "Proof of age", "FileAttachment", "https://m.media-amazon.com/documents/" + r.Text(random.HexDigits, 24) + ".pdf"},
		},
	}
}

// StatusAt is the verification status: an order that nobody looks at in time expires, and one that is cancelled needs no look any more.
func (g *Regulation) StatusAt(o *Order, t time.Time) string {
	switch {
	case g.Status != "" && !t.Before(g.Reviewed):
		return g.Status
	case o.Status(t) == Canceled:
		return "Cancelled"
	case !t.Before(g.due):
		return "Expired"
	}
	return "Pending"
}

// EasyShip is the package in which Amazon's own carrier takes an order of a merchant to the buyer.
type EasyShip struct {
	ID          string
	Tracking    string
	Identifier  string // the seller's own, printed on the label; "" for none
	Invoice     string // number
	Millimeters [3]int // length, width, height
	Grams       int
	Serials     map[string][]string `json:",omitempty"` // of items, by order item id
	Slot        EasyShipSlot
	Scheduled   time.Time
	Handed      time.Time // when the carrier has it
	End         string    // how it ends if not at the buyer's: EasyShipLost, …; "" for most
}

// EasyShipSlot is when a package is picked up, or dropped off.
type EasyShipSlot struct {
	ID         string // as it was given out; "" for one that no request has chosen
	DropOff    bool
	Start, End time.Time
}

// The ends of a package that its buyer doesn't have, as EasyShipShipmentStatus of orders v0 spells them.
const (
	EasyShipLost          = "Lost"
	EasyShipDamaged       = "Damaged"
	EasyShipRejected      = "RejectedByBuyer"
	EasyShipUndeliverable = "Undeliverable"
)

const (
	// easyShipBy is when the emulator's seller schedules by hand what no request has: before the first of the orders is shipped by itself.
	easyShipBy = 20 * time.Hour
	// EasyShipWindow is how long slots are (models/easy-ship-model, sandbox cases: an hour and more; assumed).
	EasyShipWindow = 3 * time.Hour
)

// strayed tells whether the order never reaches its buyer.
func (o *Order) strayed() bool { return o.EasyShip != nil && o.EasyShip.End != "" }

// easyShipScheduled tells whether there is a package at t: as a request has scheduled it, or as the seller did by hand.
func (o *Order) easyShipScheduled(t time.Time) bool {
	if o.EasyShip != nil {
		return !t.Before(o.EasyShip.Scheduled)
	}
	switch by := o.Payable.Add(easyShipBy); o.Status(t) {
	case Pending:
		return false
	case Unshipped:
		return !t.Before(by)
	case Canceled:
		return !o.Cancelled.Before(by)
	}
	return true
}

// EasyShipAt is the package of an Easy Ship order at t; nil while there is none.
func (o *Order) EasyShipAt(t time.Time) *EasyShip {
	if !o.easyShips() || !o.easyShipScheduled(t) {
		return nil
	}
	if o.EasyShip != nil {
		p := *o.EasyShip
		return &p
	}
	p := o.NewEasyShip()
	p.Scheduled = o.Payable.Add(easyShipBy)
	switch p.Handed = o.Shipped; {
	case !o.partly.IsZero():
		p.Handed = o.partly
	case p.Handed.IsZero(): // it is cancelled before
		p.Handed = p.Scheduled.Add(Day)
	}
	if p.Handed.Before(p.Scheduled) {
		p.Scheduled = p.Handed
	}
	start := p.Handed.Truncate(EasyShipWindow)
	p.Slot = EasyShipSlot{Start: start, End: start.Add(EasyShipWindow)}
	return &p
}

// NewEasyShip is a package of the whole order, without time and slot.
func (o *Order) NewEasyShip() EasyShip {
	p := EasyShip{
		ID: random.New(int64(o.Number), "easy ship", o.ID).UUID(), Tracking: o.Tracking,
		Invoice: "IN-" + strings.TrimPrefix(o.SellerOrderID, "SO-"),
	}
	for i := range o.Items {
		it := &o.Items[i]
		p.Grams += it.Product.Grams * it.Quantity
		sides := slices.Clone(it.Product.Millimeters[:])
		slices.Sort(sides)
		p.Millimeters[0] = max(p.Millimeters[0], sides[2])
		p.Millimeters[1] = max(p.Millimeters[1], sides[1])
		p.Millimeters[2] += sides[0] * it.Quantity // one on the other
	}
	p.Grams = max(p.Grams, 11) // the least that Easy Ship takes
	return p
}

// easyShips tells whether an order is Easy Ship's: those of merchants in India, and others once they are scheduled.
func (o *Order) easyShips() bool {
	return !o.Amazon && o.Store == "" && (o.Marketplace.CountryCode == "IN" || o.EasyShip != nil)
}

// HandOver schedules an order's package, or schedules it anew: the order is shipped when the carrier has it. For use within [World.Change].
func (o *Order) HandOver(p EasyShip, now time.Time) {
	now = now.UTC().Truncate(time.Second)
	p.Handed = p.Handed.UTC().Truncate(time.Second)
	if p.Scheduled.IsZero() {
		p.Scheduled = now
	}
	quantities := make([]int, len(o.Items))
	for i, it := range o.Items {
		quantities[i] = it.Quantity
	}
	if !o.Shipped.IsZero() {
		o.shiftReturns(p.Handed.Sub(o.Shipped), now)
	}
	if p.End != "" {
		o.Returns = nil
	}
	o.EasyShip, o.Tracking, o.Changed = &p, p.Tracking, now
	o.Shipped, o.partly, o.Cancelled, o.CancelledBy = p.Handed, time.Time{}, time.Time{}, ""
	if o.CancelAsked.IsZero() {
		o.CancelReason = ""
	}
	o.Parcels = []Parcel{{Ref: "1", Carrier: "ATS", Service: "Easy Ship", Tracking: p.Tracking, At: p.Handed, Shipped: p.Handed, Quantities: quantities}}
}

// EasyShipStays tells whether an order stays in a state of Easy Ship for good.
func EasyShipStays(status string) bool {
	return slices.Contains([]string{"Delivered", "LabelCanceled", "ReturnedToSeller", EasyShipLost, EasyShipDamaged}, status)
}

// EasyShipStatus is the state of an Easy Ship order as orders v0 spells it; "" for all others. The order of the states is that of the model's list;
// how long each lasts is assumed.
func (o *Order) EasyShipStatus(t time.Time) string {
	status := o.Status(t)
	if !o.easyShips() || status == Pending {
		return ""
	}
	scheduled, dropOff, end := o.easyShipScheduled(t), false, ""
	if o.EasyShip != nil {
		dropOff, end = o.EasyShip.Slot.DropOff, o.EasyShip.End
	}
	switch {
	case !scheduled && o.Marketplace.CountryCode != "IN":
		return "" // not yet
	case status == Canceled:
		return "LabelCanceled" // also where there was none yet, which is assumed
	case !scheduled:
		return "PendingSchedule"
	case status == Unshipped && dropOff:
		return "PendingDropOff"
	case status == Unshipped:
		return "PendingPickUp"
	}
	since := t.Sub(o.Shipped)
	switch {
	case status == PartiallyShipped || since <= o.Transit/4:
		if dropOff {
			return "DroppedOff"
		}
		return "PickedUp"
	case since <= o.Transit/2:
		return "AtOriginFC"
	case since <= o.Transit*3/4:
		return "AtDestinationFC"
	case end == EasyShipLost || end == EasyShipDamaged:
		return end
	case since < o.Transit:
		return "OutForDelivery"
	case end == "":
		return "Delivered"
	case since < o.Transit*5/4:
		return end
	case since < o.Transit*2:
		return "ReturningToSeller"
	}
	return "ReturnedToSeller"
}
