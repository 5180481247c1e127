package world

import (
	"fmt"
	"slices"
	"time"

	"github.com/openspapi/spapi/emulator/internal/random"
)

// Touch notes that a request has changed an order. The caller holds the world's lock for writing, as for all below.
func (w *World) Touch(o *Order) {
	if w.touched == nil {
		w.touched = map[*Order]bool{}
	}
	w.touched[o] = true
}

// Ship tells of a parcel of an order that the seller fulfils, as confirmShipment and the fulfilment feeds do. p.quantities is by item; nil stands
// for all that is open. The error says why the order or an item can't be shipped.
func (w *World) Ship(o *Order, p Parcel, now time.Time) error {
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
	if left == 0 {
		o.Shipped = now
	} else if o.partly.IsZero() || o.partly.After(now) {
		o.partly = now
	}
	w.Touch(o)
	w.Settle(now)
	return nil
}

// CancelOrder ends an order that has not left. by is BUYER, MERCHANT or AMAZON. It returns false when it is too late.
func (w *World) CancelOrder(o *Order, by, reason string, now time.Time) bool {
	now = now.UTC().Truncate(time.Second)
	if status := o.Status(now); status != Pending && status != Unshipped {
		return false
	}
	o.Cancelled, o.CancelledBy, o.CancelReason, o.Changed = now, by, reason, now
	o.Shipped, o.partly = time.Time{}, time.Time{}
	w.Touch(o)
	w.Settle(now)
	return true
}

// Return is an item that the buyer has sent back.
type Return struct {
	At       time.Time
	Quantity int
	Reason   string
	State    string // disposition of FBA returns
	Comment  string
	RMA      string
}

// ReturnOf tells whether an item came back: about one in ten does, a while after it was shipped.
func (w *World) ReturnOf(o *Order, item int) *Return {
	if o.Shipped.IsZero() {
		return nil
	}
	r := random.New(w.seed, "return", w.seller.Number, o.ID, item)
	if !r.Chance(10) {
		return nil
	}
	return &Return{
		At:       o.Shipped.Add(time.Duration(r.Between(4*24, 20*24)) * time.Hour),
		Quantity: r.Between(1, o.Items[item].Quantity),
		Reason:   random.Pick(r, []string{"DEFECTIVE", "NOT_AS_DESCRIBED", "UNWANTED_ITEM", "ORDERED_WRONG_ITEM", "DAMAGED_BY_FC"}),
		State:    random.Pick(r, []string{"SELLABLE", "SELLABLE", "CUSTOMER_DAMAGED", "DEFECTIVE"}),
		Comment:  random.Pick(r, []string{"", "", "Trop petit…", "Farbe „anders“ als im Bild", "思ったより小さい", "leaks\tink"}),
		RMA:      "D" + r.Text(random.Base36, 8) + "RRMA",
	}
}
