package ledger

import (
	"strconv"
	"time"

	"github.com/openspapi/spapi/emulator/internal/world"
	"github.com/openspapi/spapi/marketplace"
)

// SettlementRow is one amount of a settlement report.
type SettlementRow struct {
	Type, Kind, What string // transaction-type, amount-type, amount-description
	Units            int
	Of               *Transaction // without amounts for what was carried from the period before
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
			return SettlementRow{Type: carried.SettlementType, Kind: carried.Leaf.SettlementKind, What: carried.Leaf.SettlementWhat, Units: g.Beginning.Units,
				Of: &Transaction{Posted: g.Start, Marketplace: g.Marketplace, Group: &g}}, true
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

// Cell is what a row has in a column; amount is its amount as the marketplace's country writes it. Only the first row of a report, which is none of these, has
// the columns that are about the whole.
func (l *SettlementRow) Cell(column, amount string) string {
	t := l.Of
	amountOf := func(kind string, what bool) string {
		switch {
		case l.Kind != kind:
			return ""
		case what:
			return l.What
		}
		return amount
	}
	switch column {
	case "settlement-id":
		return t.Group.SettlementID
	case "transaction-type":
		return l.Type
	case "amount-type":
		return l.Kind
	case "amount-description":
		return l.What
	case "amount":
		return amount
	case "price-type":
		return amountOf("ItemPrice", true)
	case "price-amount":
		return amountOf("ItemPrice", false)
	case "item-related-fee-type":
		return amountOf("ItemFees", true)
	case "item-related-fee-amount":
		return amountOf("ItemFees", false)
	case "promotion-type":
		return amountOf("Promotion", true)
	case "promotion-amount":
		return amountOf("Promotion", false)
	case "other-fee-reason-description":
		return amountOf("other-transaction", true)
	case "other-amount":
		if l.Kind != "ItemPrice" && l.Kind != "ItemFees" && l.Kind != "Promotion" {
			return amount
		}
	case "promotion-id":
		if l.Kind == "Promotion" {
			return PromotionOf(l.What)
		}
	case "posted-date":
		return SettlementDate(t.Posted, t.Marketplace)
	case "posted-date-time":
		return SettlementTime(t.Posted, t.Marketplace)
	case "order-id":
		return t.OrderID
	case "merchant-order-id":
		return t.SellerOrderID
	case "shipment-id":
		return t.ShipmentID
	case "adjustment-id":
		return t.RefundID
	case "marketplace-name":
		return world.StoreName(t.Marketplace)
	}
	if l.Line == nil {
		return ""
	}
	switch column {
	case "fulfillment-id":
		return l.Line.Network
	case "order-item-code":
		return l.Line.OrderItemID
	case "merchant-adjustment-item-id":
		if t.RefundID != "" {
			return l.Line.ID
		}
	case "sku":
		return l.Line.SKU
	case "quantity-purchased":
		if l.What == "Principal" && l.Kind == "ItemPrice" {
			return strconv.Itoa(l.Line.Quantity)
		}
	}
	return ""
}

// PromotionOf is the id of the promotion that took something off the principal or the shipping, as orders have it.
func PromotionOf(what string) string {
	if what == "Shipping" {
		return world.FreeShipping
	}
	return world.PriceOff
}

// SettlementDate and [SettlementTime] are as the marketplace's country writes them (abuzuhri/Amazon-SP-API-CSharp#571 has 14.03.2023 of Germany).
func SettlementDate(t time.Time, m *marketplace.Marketplace) string {
	if m.DayFirst {
		return t.UTC().Format("02.01.2006")
	}
	return t.UTC().Format(time.DateOnly)
}

// SettlementTime is a time as [SettlementDate] writes days.
func SettlementTime(t time.Time, m *marketplace.Marketplace) string {
	return SettlementDate(t, m) + t.UTC().Format(" 15:04:05 UTC")
}
