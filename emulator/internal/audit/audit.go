// Package audit looks whether what the emulator has is one world: whether every unit and every cent comes from somewhere and goes somewhere.
package audit

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/openspapi/spapi/emulator/internal/desk"
	"github.com/openspapi/spapi/emulator/internal/format"
	"github.com/openspapi/spapi/emulator/internal/world"
)

// Result is what has been found of one invariant.
type Result struct {
	Name       string
	Counted    int // what was looked at
	Violations []Violation
}

// Violation is something of a seller's that contradicts another.
type Violation struct {
	SellerID string
	Text     string
}

// checks are the invariants of the world; flows have more.
var checks = map[string]desk.Check{"stock": stock, "ids": ids, "times": times, "quantities": quantities, "refunds": refunds}

// Run looks at all sellers of whom something has been asked, while no request is under way.
func Run(d *desk.Desk) []Result {
	all := d.Checks()
	for name, c := range checks {
		all[name] = c
	}
	var list []Result
	d.Alone(func(asked []*desk.Seller) {
		now := d.Clock.Now()
		for name := range format.SortedKeys(all) {
			r := Result{Name: name, Violations: []Violation{}}
			for _, a := range asked {
				// A clock that was set back doesn't take back what has happened.
				at := now
				if w := a.World(); w.Heard().After(at) {
					at = w.Heard()
				}
				n, texts := all[name](a, at)
				r.Counted += n
				for _, text := range texts {
					r.Violations = append(r.Violations, Violation{a.ID, text})
				}
			}
			list = append(list, r)
		}
	})
	return list
}

// findings are what a check has seen so far.
type findings struct {
	counted    int
	violations []string
}

func (f *findings) add(format string, args ...any) {
	f.violations = append(f.violations, fmt.Sprintf(format, args...))
}

// idOf is the id of an order of whose life [world.World.Lives] tells.
func idOf(w *world.World, o *world.Order) string {
	if whole := w.Order(o.Number); whole != nil {
		return whole.ID
	}
	return fmt.Sprint("number ", o.Number)
}

// stock wants start and movements to make what there is, for each SKU and disposition, and thus each place, and nothing below zero.
func stock(a *desk.Seller, now time.Time) (int, []string) {
	type place struct{ sku, disposition string }
	w := a.World()
	opened, begun := w.Beginning()
	want, reserved := map[place]int{}, map[string]int{}
	for sku, s := range begun {
		for _, d := range append([]string{world.Sellable}, world.Damages...) {
			want[place{sku, d}] = s.Of(d)
		}
	}
	for o := range w.Lives(time.Time{}, now) {
		if !o.Amazon {
			continue
		}
		ended := !o.Cancelled.IsZero() && !o.Cancelled.After(opened) || !o.Shipped.IsZero() && !o.Shipped.After(opened)
		status := o.Status(now)
		for _, it := range o.Items {
			if !o.Purchased.After(opened) && !ended {
				want[place{it.SKU, world.Sellable}] += it.Quantity // the quantities of the beginning are those after its orders
			}
			if status != world.Shipped && status != world.Canceled {
				reserved[it.SKU] += it.Quantity
			}
		}
		for _, m := range o.Movements() {
			if !m.At.After(now) && (m.At.After(opened) || m.Disposition != world.Sellable || cameAtOnce(o, m, opened)) {
				want[place{m.SKU, m.Disposition}] += m.Quantity
			}
		}
	}
	w.RLock()
	defer w.RUnlock()
	for _, m := range w.Moves() {
		want[place{m.SKU, m.Disposition}] += m.Quantity
	}
	var f findings
	for sku := range format.SortedKeys(w.Listings) {
		l := w.Listings[sku]
		for _, d := range append([]string{world.Sellable}, world.Damages...) {
			f.counted++
			if got, n := l.Stock.Of(d), want[place{sku, d}]; got != n {
				f.add("SKU %s, %s: %d units, but start and movements make %d", sku, d, got, n)
			} else if got < 0 {
				f.add("SKU %s, %s: %d units", sku, d, got)
			}
		}
		if l.Stock.Reserved != reserved[sku] {
			f.add("SKU %s: %d units reserved, but %d in open orders", sku, l.Stock.Reserved, reserved[sku])
		}
		if l.Stock.Fulfillable < 0 || l.Quantity < 0 || l.Stock.InboundWorking < 0 || l.Stock.InboundShipped < 0 || l.Stock.InboundReceiving < 0 {
			f.add("SKU %s: below zero: %d fulfillable, %d of the merchant's", sku, l.Stock.Fulfillable, l.Quantity)
		}
	}
	return f.counted, f.violations
}

// cameAtOnce tells whether a movement is what a request has had come back in the moment of the beginning: the quantities of the beginning don't know of it.
func cameAtOnce(o *world.Order, m world.Movement, opened time.Time) bool {
	return m.At.Equal(opened) && slices.ContainsFunc(o.Returns, func(b world.Return) bool {
		return b.Asked.Equal(opened) && b.At.Equal(opened) && m.Kind == "CustomerReturns" && o.Items[b.Item].SKU == m.SKU
	})
}

// ids wants no two things of a kind to have one.
func ids(a *desk.Seller, now time.Time) (int, []string) {
	w := a.World()
	var f findings
	orders, items, returns := &register{what: "order"}, &register{what: "order item"}, &register{what: "return"}
	for o := range w.All(time.Time{}, now) {
		orders.enter(o.ID)
		for _, it := range o.Items {
			items.enter(it.ID)
		}
		for _, b := range o.Returns {
			returns.enter(b.ID)
		}
		for i, p := range o.Parcels {
			if slices.ContainsFunc(o.Parcels[:i], func(other world.Parcel) bool { return other.Ref == p.Ref }) {
				f.add("order %s: two packages %s", o.ID, p.Ref)
			}
		}
	}
	charges := map[string]bool{}
	for _, c := range w.Charges() {
		if charges[c.ID] {
			f.add("two charges %s", c.ID)
		}
		charges[c.ID] = true
	}
	for _, r := range []*register{orders, items, returns} {
		r.close(&f)
	}
	f.counted += len(charges)
	return f.counted, f.violations
}

// register finds ids that come twice, of which there may be millions: their digits are a number.
type register struct {
	what    string
	numbers []uint64
	bad     []string
}

func (r *register) enter(id string) {
	n, err := strconv.ParseUint(strings.ReplaceAll(id, "-", ""), 10, 64)
	if err != nil {
		r.bad = append(r.bad, id)
		return
	}
	r.numbers = append(r.numbers, n)
}

func (r *register) close(f *findings) {
	for _, id := range r.bad {
		f.add("%s %q: the id is no number", r.what, id)
	}
	slices.Sort(r.numbers)
	for i := range r.numbers {
		if i > 0 && r.numbers[i] == r.numbers[i-1] {
			f.add("two of the id %d: %s", r.numbers[i], r.what)
		}
	}
	f.counted += len(r.numbers)
}

// times wants everything to happen after what leads to it.
func times(a *desk.Seller, now time.Time) (int, []string) {
	w := a.World()
	var f findings
	var last time.Time
	for o := range w.Lives(time.Time{}, now) {
		f.counted++
		before := func(first time.Time, a string, second time.Time, b string) {
			if !first.IsZero() && !second.IsZero() && second.Before(first) {
				f.add("order %s: %s at %s, before it was %s at %s", idOf(w, o), b, second.Format(time.RFC3339), a, first.Format(time.RFC3339))
			}
		}
		if o.Purchased.Before(last) {
			f.add("order %s: purchased at %s, listed after one of %s", idOf(w, o), o.Purchased.Format(time.RFC3339), last.Format(time.RFC3339))
		}
		last = o.Purchased
		before(o.Purchased, "purchased", o.Payable, "paid")
		before(o.Payable, "paid", o.Shipped, "shipped")
		before(o.Purchased, "purchased", o.Cancelled, "cancelled")
		before(o.Purchased, "purchased", o.Updated(now), "updated")
		if o.Updated(now).After(now) {
			f.add("order %s: updated in the future, at %s", idOf(w, o), o.Updated(now).Format(time.RFC3339))
		}
		if !o.Shipped.IsZero() && !o.Cancelled.IsZero() {
			f.add("order %s: shipped and cancelled", idOf(w, o))
		}
		first := o.Shipped
		for _, p := range o.ParcelsAt(now) {
			before(o.Purchased, "purchased", p.At, "told of as shipped")
			if p.At.Before(first) {
				first = p.At
			}
		}
		for _, b := range o.Returns {
			before(first, "shipped", b.Asked, "asked to be returned")
			before(b.Asked, "asked to be returned", b.At, "back")
			before(b.Asked, "asked to be returned", b.Refunded, "refunded")
		}
	}
	last = time.Time{}
	for _, c := range w.Charges() {
		f.counted++
		if c.At.Before(last) || c.At.After(now) {
			f.add("charge %s: at %s, out of order", c.ID, c.At.Format(time.RFC3339))
		}
		last = c.At
	}
	return f.counted, f.violations
}

// quantities wants no more units to be shipped than were ordered, and no more to come back than were shipped.
func quantities(a *desk.Seller, now time.Time) (int, []string) {
	w := a.World()
	var f findings
	for o := range w.Lives(time.Time{}, now) {
		shipped := make([]int, len(o.Items))
		for _, p := range o.ParcelsAt(now) {
			for i, n := range p.Quantities {
				if i >= len(shipped) || n < 0 {
					f.add("order %s: package %s has %d units of item %d", idOf(w, o), p.Ref, n, i)
					continue
				}
				shipped[i] += n
			}
		}
		status, some, all := o.Status(now), false, true
		for i, it := range o.Items {
			f.counted++
			if it.Quantity < 1 || shipped[i] > it.Quantity || shipped[i] != o.ShippedOf(i, now) {
				f.add("order %s, item %d: %d ordered, %d in packages, %d shipped", idOf(w, o), i, it.Quantity, shipped[i], o.ShippedOf(i, now))
			}
			some, all = some || shipped[i] > 0, all && shipped[i] == it.Quantity
			if units, _ := o.Given(i, now); units > shipped[i] {
				f.add("order %s, item %d: %d units given back of %d shipped", idOf(w, o), i, units, shipped[i])
			}
		}
		if (status == world.Shipped) != all || (status == world.PartiallyShipped) != (some && !all) {
			f.add("order %s: %s, with packages of all: %t, of some: %t", idOf(w, o), status, all, some)
		}
	}
	return f.counted, f.violations
}

// refunds wants no buyer to be paid back more than was paid, and charges to be about orders that there are.
func refunds(a *desk.Seller, now time.Time) (int, []string) {
	w := a.World()
	disputed := map[[2]int]int{} // by number of the order, and its item
	var f findings
	for _, c := range w.Charges() {
		f.counted++
		if c.OrderID == "" {
			continue
		}
		o := w.OrderByID(c.OrderID, now)
		if o == nil || c.Item >= len(o.Items) {
			f.add("charge %s: of an order %s, item %d, that there is not", c.ID, c.OrderID, c.Item)
			continue
		}
		if c.Amount.Currency != o.Marketplace.Currency || c.Marketplace != o.Marketplace.ID {
			f.add("charge %s: in %s of %s, but order %s is of %s", c.ID, c.Amount.Currency, c.Marketplace, o.ID, o.Marketplace.ID)
		}
		if c.Kind == world.Chargeback || c.Kind == world.GuaranteeClaim {
			disputed[[2]int{o.Number, c.Item}] -= c.Amount.Units
		}
	}
	for o := range w.Lives(time.Time{}, now) {
		for i := range o.Returns {
			b := &o.Returns[i]
			if b.Item < 0 || b.Item >= len(o.Items) {
				f.add("order %s: return %s of an item that there is not", idOf(w, o), b.ID)
				return f.counted, f.violations
			}
			if r := b.Refund; min(r.Price, r.Tax, r.Shipping, r.Discount, r.Goodwill, r.Restocking) < 0 || o.RefundTotal(r).Units < 0 {
				f.add("order %s: return %s pays back less than nothing: %+v", idOf(w, o), b.ID, r)
			}
			if known := b.Disposition == world.Sellable || slices.Contains(world.Damages, b.Disposition); known != (o.Amazon && !b.At.IsZero()) {
				f.add("order %s: return %s is %q", idOf(w, o), b.ID, b.Disposition)
			}
		}
		for i, it := range o.Items {
			f.counted++
			_, sum := o.Given(i, now)
			price := sum.Price + disputed[[2]int{o.Number, i}]
			if price > it.Price.Units || sum.Tax > it.Tax.Units || sum.Shipping > it.Shipping.Units || sum.Discount > it.Discount.Units {
				f.add("order %s, item %d: %+v given back of price %v, tax %v, shipping %v, discount %v", idOf(w, o), i, sum, it.Price, it.Tax, it.Shipping, it.Discount)
			}
		}
	}
	return f.counted, f.violations
}
