package ledger

import (
	"time"

	"github.com/openspapi/spapi/emulator/internal/world"
	"github.com/openspapi/spapi/marketplace"
)

// The states of a transaction.
const (
	Deferred         = "DEFERRED"          // waits until it matures
	DeferredReleased = "DEFERRED_RELEASED" // has waited; its money came with another transaction
	Released         = "RELEASED"
)

// StandardOrders is the type of the one account that a seller has in each marketplace.
const StandardOrders = "Standard Orders"

// Entry is one amount.
type Entry struct {
	Leaf  *Leaf
	Units int // above 0 for the seller
	Tax   int // the value-added tax in a fee
}

// Line is an item of a transaction.
type Line struct {
	ID          string // ORDER_ADJUSTMENT_ITEM_ID
	OrderItemID string
	SKU, FNSKU  string
	ASIN, Title string
	Network     string // AFN, MFN or ""
	Quantity    int
	Units       int     // what the item comes to
	Entries     []Entry // none where only the transaction says what the amount is
}

// Transaction is money that moved at one time for one reason.
type Transaction struct {
	ID, Type, Description string
	Status                string
	Posted                time.Time
	Marketplace           *marketplace.Marketplace
	Kind                  *Kind  // nil: a shipment or refund of the order's own life
	Group                 *Group // in which it is settled; nil while it is deferred
	OrderID               string
	SellerOrderID         string
	Merchant              bool // of an order that the seller fulfils
	ShipmentID, RefundID  string
	Reference             string // of a charge
	DeferredID, ReleaseID string // the other one of a deferred transaction and its release
	Deferral              string // why it waits, or waited: DD7 or B2B; ""
	Matures               time.Time
	From, To              time.Time // which time a fee is for; zero for none
	Lines                 []Line
	Entries               []Entry // beside those of the lines
}

// Total is what the transaction comes to.
func (t *Transaction) Total() int {
	sum := 0
	for i := range t.Entries {
		sum += t.Entries[i].Units
	}
	for i := range t.Lines {
		sum += sumOf(t.Lines[i].Entries)
	}
	return sum
}

// Money is an amount in the transaction's currency.
func (t *Transaction) Money(units int) world.Money {
	return world.Money{Units: units, Currency: t.Marketplace.Currency}
}

func sumOf(entries []Entry) int {
	sum := 0
	for i := range entries {
		sum += entries[i].Units
	}
	return sum
}

// Breakdown is an amount with what it is made of.
type Breakdown struct {
	Type  string
	Units int
	Of    []Breakdown // nil for one that isn't taken apart
}

// Breakdowns take a line apart: leaves below what they belong to, and fees into base and tax where they have value-added tax.
func (l *Line) Breakdowns(m *marketplace.Marketplace) []Breakdown {
	var list []Breakdown
	for i := range l.Entries {
		e := &l.Entries[i]
		b := Breakdown{Type: e.Leaf.Name, Units: e.Units}
		if r := taxRules()[m.CountryCode]; r != nil && r.feeTax && e.Leaf.split != "" {
			b.Of = append(b.Of, Breakdown{Type: "Base", Units: e.Units - e.Tax})
			if e.Tax != 0 {
				b.Of = append(b.Of, Breakdown{Type: "Tax", Units: e.Tax})
			}
		}
		if e.Leaf.Parent == "" {
			list = append(list, b)
			continue
		}
		parent := at(&list, e.Leaf.Parent)
		parent.Units += b.Units
		parent.Of = append(parent.Of, b)
	}
	return list
}

// Breakdowns take a transaction apart: into sales and expenses, by the sign of what is below them (selling-partner-api-models#4274). Refunds have
// names of their own for both, and keep to them whatever the sign (published transactions).
func (t *Transaction) Breakdowns() []Breakdown {
	var parts []Breakdown
	add := func(e *Entry) {
		name := e.Leaf.Parent
		if name == "" {
			name = e.Leaf.Name
		}
		at(&parts, name).Units += e.Units
	}
	for i := range t.Entries {
		add(&t.Entries[i])
	}
	for i := range t.Lines {
		for j := range t.Lines[i].Entries {
			add(&t.Lines[i].Entries[j])
		}
	}
	return classed(t.Type, parts)
}

// classed puts amounts below sales and expenses.
func classed(kind string, parts []Breakdown) []Breakdown {
	var list []Breakdown
	for _, side := range []string{"Sales", "Expenses"} {
		name := side
		if kind == "Refund" {
			name = "Refunded " + side
		}
		for _, p := range parts {
			if sideOf(kind, p) == side {
				b := at(&list, name)
				b.Units += p.Units
				b.Of = append(b.Of, p)
			}
		}
	}
	return list
}

func sideOf(kind string, p Breakdown) string {
	expense := p.Units < 0
	switch kind {
	case "Refund":
		expense = p.Type == "AmazonFees"
	case "Transfer": // with the amount above 0 (published transactions)
		expense = true
	}
	if expense {
		return "Expenses"
	}
	return "Sales"
}

// at is the breakdown of a type in a list, which gets one if it has none.
func at(list *[]Breakdown, name string) *Breakdown {
	for i := range *list {
		if (*list)[i].Type == name {
			return &(*list)[i]
		}
	}
	*list = append(*list, Breakdown{Type: name})
	return &(*list)[len(*list)-1]
}
