package ledger

import (
	"time"

	"github.com/openspapi/spapi/marketplace"
)

// SettlementRow is one amount of a settlement report.
type SettlementRow struct {
	Type, Kind, What string       // transaction-type, amount-type, amount-description
	Units            int          //
	Of               *Transaction // nil: what was carried from the period before
	Line             *Line        // nil for an amount of the transaction as a whole
}

// pageOfRows is how many transactions are looked up at a time: in between the books are free for others.
const pageOfRows = 500

// Settlement returns the amounts of a group one by one, false after the last. They add up to its total: what was carried, and all that was released but
// the transfer.
func (l *Ledger) Settlement(g Group, now time.Time) func() (SettlementRow, bool) {
	next := l.amounts(Query{From: g.Start, To: g.End, Now: now, Market: g.Marketplace, Group: g.ID, Released: true, All: true})
	first := g.Beginning.Units != 0
	return func() (SettlementRow, bool) {
		if first {
			first = false
			carried := Kinds()["BalanceCarried"]
			return SettlementRow{Type: carried.SettlementType, Kind: carried.Leaf.SettlementKind, What: carried.Leaf.SettlementWhat, Units: g.Beginning.Units}, true
		}
		return next()
	}
}

// Amounts returns what was released in some time one by one, as settlement reports have it, false after the last.
func (l *Ledger) Amounts(m *marketplace.Marketplace, from, to, now time.Time) func() (SettlementRow, bool) {
	return l.amounts(Query{From: from, To: to, Now: now, Market: m, Released: true, All: true})
}

func (l *Ledger) amounts(q Query) func() (SettlementRow, bool) {
	position := -1
	var list []Transaction
	var rows []SettlementRow
	return func() (SettlementRow, bool) {
		for len(rows) == 0 {
			switch {
			case len(list) > 0:
				rows = settlementOf(&list[0])
				list = list[1:]
			case position == 0:
				return SettlementRow{}, false
			default:
				list, position = l.Page(q, max(position, 0), pageOfRows)
			}
		}
		row := rows[0]
		rows = rows[1:]
		return row, true
	}
}

// settlementOf are the amounts of a transaction as settlement reports have them; none of a transfer, which is the report's total.
func settlementOf(t *Transaction) []SettlementRow {
	kind := t.Type
	switch {
	case t.Kind != nil:
		kind = t.Kind.SettlementType
	case t.Type == "Shipment":
		kind = "Order"
	}
	if kind == "" {
		return nil
	}
	var rows []SettlementRow
	add := func(line *Line, entries []Entry) {
		for i := range entries {
			row := SettlementRow{Type: kind, Kind: entries[i].Leaf.SettlementKind, What: entries[i].Leaf.SettlementWhat, Units: entries[i].Units, Of: t, Line: line}
			if t.Kind != nil && t.Kind.Name == "FBAInventoryReimbursement" && t.Reference != "" {
				row.What = t.Reference
			}
			rows = append(rows, row)
		}
	}
	for i := range t.Lines {
		add(&t.Lines[i], t.Lines[i].Entries)
	}
	add(nil, t.Entries)
	return rows
}
