package ledger

import (
	"iter"
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

// Settlement yields the amounts of a group, which add up to its total: what was carried, and all that was released but the transfer.
func (l *Ledger) Settlement(g Group, now time.Time) iter.Seq[SettlementRow] {
	return func(yield func(SettlementRow) bool) {
		if g.Beginning.Units != 0 {
			carried := Kinds()["BalanceCarried"]
			if !yield(SettlementRow{Type: carried.SettlementType, Kind: carried.Leaf.SettlementKind, What: carried.Leaf.SettlementWhat, Units: g.Beginning.Units}) {
				return
			}
		}
		for row := range l.amounts(Query{From: g.Start, To: g.End, Now: now, Market: g.Marketplace, Group: g.ID, Released: true, All: true}) {
			if !yield(row) {
				return
			}
		}
	}
}

// Amounts yields what was released in some time, as settlement reports have it.
func (l *Ledger) Amounts(m *marketplace.Marketplace, from, to, now time.Time) iter.Seq[SettlementRow] {
	return l.amounts(Query{From: from, To: to, Now: now, Market: m, Released: true, All: true})
}

func (l *Ledger) amounts(q Query) iter.Seq[SettlementRow] {
	return func(yield func(SettlementRow) bool) {
		for position := -1; position != 0; {
			list, next := l.Page(q, max(position, 0), pageOfRows)
			for i := range list {
				for _, row := range settlementOf(&list[i]) {
					if !yield(row) {
						return
					}
				}
			}
			position = next
		}
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
