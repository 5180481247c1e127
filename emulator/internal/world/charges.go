package world

import (
	"slices"
	"time"
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
}

// Charges are all charges, by time.
func (w *World) Charges() []Charge {
	w.RLock()
	defer w.RUnlock()
	return slices.Clone(w.charges)
}
