package world

import (
	"slices"
	"time"

	"github.com/openspapi/spapi/marketplace"
)

// Charge is money that moved beside the lives of orders, by requests or the control plane: postage, reimbursements, chargebacks, concessions. What
// kinds there are is the ledger's.
type Charge struct {
	ID          string // no other charge of the seller has it
	At          time.Time
	Kind        string // as the ledger's table of kinds has it: PostageBilling, …
	OrderID     string // "" for none
	Item        int    // of the order's items; -1: none
	Marketplace string // id
	Amount      Money  // above 0 for what the seller gets
	Tax         int    `json:",omitempty"` // of a chargeback or claim: what goes back along with the price
	Discount    int    `json:",omitempty"` // the same: what was off the price, and isn't given back
	Reference   string // what it is about where that is no order: a shipment, a claim
}

// Charge notes a charge.
func (w *World) Charge(c Charge) {
	w.Lock()
	defer w.Unlock()
	w.charge(c)
}

// charge wants the world's lock held for writing.
func (w *World) charge(c Charge) {
	c.At = c.At.UTC().Truncate(time.Second)
	i, _ := slices.BinarySearchFunc(w.charges, c.At, func(o Charge, t time.Time) int {
		if o.At.After(t) {
			return 1
		}
		return -1 // after those of the same time
	})
	w.charges = slices.Insert(w.charges, i, c)
	for _, f := range w.chargeWatchers {
		f(c)
	}
}

// WatchCharges lets f know of each charge. f runs under the world's lock.
func (w *World) WatchCharges(f func(Charge)) {
	w.Lock()
	defer w.Unlock()
	w.chargeWatchers = append(w.chargeWatchers, f)
}

// Charges are all charges, by time.
func (w *World) Charges() []Charge {
	w.RLock()
	defer w.RUnlock()
	return slices.Clone(w.charges)
}

// ChargeCount is how many charges there are: whoever keeps what is made of them looks whether there are more.
func (w *World) ChargeCount() int {
	w.RLock()
	defer w.RUnlock()
	return len(w.charges)
}

// ChargesIn are the charges from one time until before another, by time.
func (w *World) ChargesIn(from, to time.Time) []Charge {
	w.RLock()
	defer w.RUnlock()
	at := func(t time.Time) int {
		i, _ := slices.BinarySearchFunc(w.charges, t, func(c Charge, t time.Time) int { return c.At.Compare(t) })
		return i
	}
	i := at(from)
	return slices.Clone(w.charges[i:max(i, at(to))])
}

// TaxIncluded tells whether prices in a marketplace contain the tax.
func TaxIncluded(m *marketplace.Marketplace) bool { return taxIncluded(m) }

// TaxIn is the tax that an amount contains, or that comes on top of it where prices are without.
func TaxIn(units int, m *marketplace.Marketplace) int { return taxOn(units, m) }

// StoredAtFirst are the listings whose goods lay in Amazon's warehouses at the beginning, with the stock of then.
func (w *World) StoredAtFirst() []*Listing {
	listings := makeListings(w.sizes, w.seller, w.Products, w.opened)
	var list []*Listing
	for _, p := range w.Products {
		if l := listings[p.SKU]; l.Amazon {
			list = append(list, l)
		}
	}
	return list
}
