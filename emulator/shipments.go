package emulator

import (
	"fmt"
	"slices"
	"time"
)

// touch notes that a request has changed an order. The caller holds w.mu for writing, as for all below.
func (w *world) touch(o *order) {
	if w.touched == nil {
		w.touched = map[*order]bool{}
	}
	w.touched[o] = true
}

// ship tells of a parcel of an order that the seller fulfils, as confirmShipment and the fulfilment feeds do. p.quantities is by item; nil stands
// for all that is open. The error says why the order or an item can't be shipped.
func (w *world) ship(o *order, p parcel, now time.Time) error {
	now = now.UTC().Truncate(time.Second)
	if status := o.status(now); o.amazon || status != unshipped && status != partiallyShipped {
		return fmt.Errorf("the order is %s and fulfilled by %s", status, channelV0(o))
	}
	before := o.parcelsAt(now)
	open, left := make([]int, len(o.items)), 0
	for i, it := range o.items {
		open[i] = it.quantity
		for _, b := range before {
			open[i] -= b.quantities[i]
		}
	}
	if p.quantities == nil {
		p.quantities = slices.Clone(open)
	}
	sent := 0
	for i, n := range p.quantities {
		if n < 0 || n > open[i] {
			return fmt.Errorf("item %s: %d of %d open units", o.items[i].id, n, open[i])
		}
		sent += n
		left += open[i] - n
	}
	if sent == 0 {
		return fmt.Errorf("no item is shipped")
	}
	p.at = now
	if p.shipped.IsZero() {
		p.shipped = now
	}
	o.parcels, o.tracking, o.changed = append(slices.Clip(before), p), p.tracking, now
	// A life that was to end in a cancellation doesn't any more.
	if !o.cancelled.IsZero() {
		o.cancelled, o.cancelledBy, o.cancelReason = time.Time{}, "", ""
		o.shipped = now.Add(48 * time.Hour)
	}
	if left == 0 {
		o.shipped = now
	} else if o.partly.IsZero() || o.partly.After(now) {
		o.partly = now
	}
	w.touch(o)
	w.settle(now)
	return nil
}

// cancelOrder ends an order that has not left. by is BUYER, MERCHANT or AMAZON. It returns false when it is too late.
func (w *world) cancelOrder(o *order, by, reason string, now time.Time) bool {
	now = now.UTC().Truncate(time.Second)
	if status := o.status(now); status != pending && status != unshipped {
		return false
	}
	o.cancelled, o.cancelledBy, o.cancelReason, o.changed = now, by, reason, now
	o.shipped, o.partly = time.Time{}, time.Time{}
	w.touch(o)
	w.settle(now)
	return true
}

// returned is an item that the buyer has sent back.
type returned struct {
	at       time.Time
	quantity int
	reason   string
	state    string // disposition of FBA returns
	comment  string
	rma      string
}

// returned tells whether an item came back: about one in ten does, a while after it was shipped.
func (w *world) returned(o *order, item int) *returned {
	if o.shipped.IsZero() {
		return nil
	}
	r := newRandom(w.seed, "return", w.seller.number, o.id, item)
	if !r.chance(10) {
		return nil
	}
	return &returned{
		at:       o.shipped.Add(time.Duration(r.between(4*24, 20*24)) * time.Hour),
		quantity: r.between(1, o.items[item].quantity),
		reason:   pick(r, []string{"DEFECTIVE", "NOT_AS_DESCRIBED", "UNWANTED_ITEM", "ORDERED_WRONG_ITEM", "DAMAGED_BY_FC"}),
		state:    pick(r, []string{"SELLABLE", "SELLABLE", "CUSTOMER_DAMAGED", "DEFECTIVE"}),
		comment:  pick(r, []string{"", "", "Trop petit…", "Farbe „anders“ als im Bild", "思ったより小さい", "leaks\tink"}),
		rma:      "D" + r.text(base36, 8) + "RRMA",
	}
}
