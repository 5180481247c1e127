package world

import (
	"fmt"
	"slices"
	"time"
)

// What an export may hold: one that was tampered with is refused, before something is reckoned with it that no world has.

const (
	mostUnits = 1e9  // of goods
	mostMoney = 1e12 // in the smallest unit of a currency
)

// between tells that a number of an export is out of bounds.
func between(what string, n, low, high int) error {
	if n < low || n > high {
		return fmt.Errorf("%s %d: want %d to %d", what, n, low, high)
	}
	return nil
}

// first is the first error of some; nil where there is none.
func first(errs ...error) error {
	for _, err := range errs {
		if err != nil {
			return err
		}
	}
	return nil
}

// checkBasket wants what can have been bought by the order of a number.
func checkBasket(b *basket, number int) error {
	err := first(between("items", len(b.items), 0, 3), between("number of the replaced order", b.replaces, -1, number-1))
	for _, it := range b.items {
		err = first(err, between("quantity", it.quantity, 1, mostUnits), between("price", it.unit, 0, mostMoney))
	}
	return err
}

// check wants of a listing what can be reckoned with.
func (s *listingState) check() error {
	err := first(between("quantity", s.Quantity, -mostUnits, mostUnits), checkStock(s.Stock))
	for _, o := range s.Offers {
		for _, units := range o.Units {
			err = first(err, between("price", units, 0, mostMoney))
		}
	}
	return err
}

func checkStock(numbers [12]int) (err error) {
	for _, n := range numbers {
		err = first(err, between("stock", n, -mostUnits, mostUnits))
	}
	return err
}

// checkMoves wants movements and charges to be of goods and orders that there are, charges by time.
func (w *World) checkMoves() error {
	for i := range w.moves {
		m := &w.moves[i]
		if m.Disposition != Sellable && !slices.Contains(Damages, m.Disposition) || w.Listings[m.SKU] == nil {
			return fmt.Errorf("movement of SKU %q, disposition %q: unknown", m.SKU, m.Disposition)
		}
		if err := between("movement: quantity", m.Quantity, -mostUnits, mostUnits); err != nil {
			return err
		}
	}
	var last time.Time
	for i := range w.charges {
		c := &w.charges[i]
		items := 0
		if number := w.numberOf(c.OrderID); number >= 0 {
			items = len(w.life(number).Items)
		}
		least := -1
		if c.Kind == Chargeback || c.Kind == GuaranteeClaim {
			least = 0
		}
		switch {
		case (c.OrderID != "" || least == 0) && (items == 0 || c.Item >= items) || c.Item < least:
			return fmt.Errorf("charge %q of order %q, item %d: there is none", c.ID, c.OrderID, c.Item)
		case c.At.Before(last):
			return fmt.Errorf("charge %q at %s: want one not before %s, that of the one before", c.ID, c.At.Format(time.RFC3339), last.Format(time.RFC3339))
		}
		if err := between("charge "+c.ID+": amount", c.Amount.Units, -mostMoney, mostMoney); err != nil {
			return err
		}
		last = c.At
	}
	return nil
}

// checkOrder wants of an order that requests have changed what no request changes, and of the rest what fits its items. made is the order as it came.
func checkOrder(o, made *Order) error {
	switch {
	case made == nil:
		return fmt.Errorf("there is none of number %d", o.Number)
	case !o.Purchased.Equal(made.Purchased) || o.Marketplace != made.Marketplace || o.Amazon != made.Amazon || o.replaces != made.replaces:
		return fmt.Errorf("time of purchase, marketplace, fulfilment or what it replaces is another's")
	case !slices.Contains(payments, o.Payment):
		return fmt.Errorf("payment %q: unknown", o.Payment)
	case o.Store != "" && !slices.Contains(stores, o.Store):
		return fmt.Errorf("store %q: unknown", o.Store)
	case !slices.EqualFunc(o.Items, made.Items, func(a, b OrderItem) bool {
		return a.ID == b.ID && a.SKU == b.SKU && a.Quantity == b.Quantity && a.Product != nil
	}):
		return fmt.Errorf("items: want those that were bought")
	}
	err := between("transit", int(o.Transit), 0, int(10*365*Day))
	for i := range o.Items {
		it := &o.Items[i]
		open := it.Quantity
		for j := range o.Parcels {
			q := o.Parcels[j].Quantities
			if len(q) != len(o.Items) {
				return fmt.Errorf("package %q of %d items: want %d", o.Parcels[j].Ref, len(q), len(o.Items))
			}
			err = first(err, between("units in package "+o.Parcels[j].Ref, q[i], 0, open))
			open -= q[i]
		}
		for _, m := range []Money{it.Price, it.Tax, it.Shipping, it.Discount, it.Free} {
			err = first(err, between("item "+it.ID+": amount", m.Units, 0, mostMoney))
		}
	}
	for i := range o.Returns {
		b := &o.Returns[i]
		if err = first(err, between("item of a return", b.Item, 0, len(o.Items)-1)); err != nil {
			return err
		}
		if known := b.Disposition == Sellable || slices.Contains(Damages, b.Disposition); len(b.ID) < 8 || o.Amazon && !b.At.IsZero() && !known {
			return fmt.Errorf("return %q, disposition %q: unknown", b.ID, b.Disposition)
		}
		err = between("units of return "+b.ID, b.Quantity, 0, o.Items[b.Item].Quantity)
		f := &b.Refund
		for _, units := range []int{f.Price, f.Tax, f.Shipping, f.Discount, f.Goodwill, f.Restocking} {
			err = first(err, between("refund of return "+b.ID, units, 0, mostMoney))
		}
	}
	return err
}
