package ledger

import (
	_ "embed"
	"sync"

	"github.com/openspapi/spapi/emulator/internal/format"
	"github.com/openspapi/spapi/emulator/internal/table"
	"github.com/openspapi/spapi/emulator/internal/world"
	"github.com/openspapi/spapi/marketplace"
)

// Leaf is one row of leaves.csv, or the leaf of a kind.
type Leaf struct {
	Name, Parent                   string
	V0, V0Type                     string // V0: charge, fee, withheld or promotion
	SettlementKind, SettlementWhat string
	split                          string // yes, base or ""
}

// Kind is one row of kinds.csv: a sort of money that moves beside orders' own lives.
type Kind struct {
	Name, Sign, Type, Description string
	List, V0Type                  string // of v0
	SettlementType                string
	Leaf                          *Leaf // nil: the leaves of an order's item, see [reverse]
}

//go:embed leaves.csv
var leavesCSV string

//go:embed kinds.csv
var kindsCSV string

//go:embed taxes.csv
var taxesCSV string

// Leaves are the rows of leaves.csv by name.
var Leaves = sync.OnceValue(func() map[string]*Leaf {
	leaves := map[string]*Leaf{}
	for _, f := range table.Read("leaves.csv", leavesCSV) {
		leaves[f[0]] = &Leaf{Name: f[0], Parent: f[1], V0: f[2], V0Type: f[3], SettlementKind: f[4], SettlementWhat: f[5], split: f[6]}
	}
	return leaves
})

// leaf is a row of leaves.csv that the code names.
func leaf(name string) *Leaf {
	l := Leaves()[name]
	if l == nil {
		table.Refuse("leaves.csv", "no leaf "+name)
	}
	return l
}

// The leaves that the code works out.
var (
	principal        = sync.OnceValue(func() *Leaf { return leaf("OurPricePrincipal") })
	priceTax         = sync.OnceValue(func() *Leaf { return leaf("OurPriceTax") })
	discount         = sync.OnceValue(func() *Leaf { return leaf("OurPriceDiscount") })
	shippingPaid     = sync.OnceValue(func() *Leaf { return leaf("ShippingPrincipal") })
	shippingDiscount = sync.OnceValue(func() *Leaf { return leaf("ShippingDiscount") })
	shippingKept     = sync.OnceValue(func() *Leaf { return leaf("ShippingChargeback") })
	commission       = sync.OnceValue(func() *Leaf { return leaf("Commission") })
	perUnit          = sync.OnceValue(func() *Leaf { return leaf("FBAPerUnitFulfillmentFee") })
	refundCommission = sync.OnceValue(func() *Leaf { return leaf("RefundCommission") })
	goodwill         = sync.OnceValue(func() *Leaf { return leaf("GoodwillPrincipal") })
	restocking       = sync.OnceValue(func() *Leaf { return leaf("RestockingDeductionPrincipal") })
)

// Kinds are the rows of kinds.csv by name.
var Kinds = sync.OnceValue(func() map[string]*Kind {
	kinds := map[string]*Kind{}
	for _, f := range table.Read("kinds.csv", kindsCSV) {
		k := &Kind{Name: f[0], Sign: f[1], Type: f[2], Description: f[3], List: f[6], V0Type: f[7], SettlementType: f[8]}
		if f[4] != "item" {
			k.Leaf = &Leaf{Name: f[4], Parent: f[5], V0: "charge", V0Type: f[7], SettlementKind: f[9], SettlementWhat: f[10]}
		}
		kinds[k.Name] = k
	}
	return kinds
})

// kindOf is the kind of a charge; one that the table doesn't have is booked as other.
func kindOf(name string) *Kind {
	if k := Kinds()[name]; k != nil {
		return k
	}
	return Kinds()["Other"]
}

// taxRule is one row of taxes.csv.
type taxRule struct {
	withheld *Leaf
	foreign  bool // only of sellers who aren't established there
	under    int  // units of the currency; 0: of all
	feeTax   bool
}

var taxRules = sync.OnceValue(func() map[string]*taxRule {
	rules := map[string]*taxRule{}
	for _, f := range table.Read("taxes.csv", taxesCSV) {
		rules[f[0]] = &taxRule{withheld: leaf(f[1]), foreign: f[2] == "foreign", under: format.Atoi(f[3]), feeTax: f[4] == "yes"}
	}
	return rules
})

// withheldFrom is the leaf of the tax that Amazon keeps back of an item; nil where the seller pays it.
func withheldFrom(m *marketplace.Marketplace, established, business bool, unit world.Money) *Leaf {
	r := taxRules()[m.CountryCode]
	switch {
	case r == nil, r.foreign && (established || business):
		return nil // a business accounts for the tax itself
	case r.under > 0 && unit.Units > r.under*100:
		return nil
	}
	return r.withheld
}

// feeTax is the value-added tax in a fee.
func feeTax(units int, m *marketplace.Marketplace) int {
	if r := taxRules()[m.CountryCode]; r == nil || !r.feeTax {
		return 0
	}
	return world.TaxIn(units, m)
}
