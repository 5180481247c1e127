package world

import (
	"errors"
	"fmt"
	"slices"
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
	now = now.UTC().Truncate(time.Second)
	w.hear(now)
	for _, t := range []*time.Time{&after.Shipped, &after.Cancelled, &after.Changed} {
		*t = t.UTC().Truncate(time.Second)
	}
	w.touched[number] = after
	w.index.set(number, w.rowOf(after))
	w.enter(after)
	w.rehear(before, after, now)
	w.noteChange(after)
	w.wake()
	return nil
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
