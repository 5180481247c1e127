package jobs

import (
	"cmp"
	"slices"
	"strconv"
	"time"

	"github.com/openspapi/spapi/emulator/internal/ledger"
	"github.com/openspapi/spapi/emulator/internal/operations"
	"github.com/openspapi/spapi/emulator/internal/world"
	"github.com/openspapi/spapi/marketplace"
)

// settlementTypes are the reports that Amazon makes of each group that closes.
var settlementTypes = []string{"GET_V2_SETTLEMENT_REPORT_DATA_FLAT_FILE", "GET_V2_SETTLEMENT_REPORT_DATA_FLAT_FILE_V2", "GET_V2_SETTLEMENT_REPORT_DATA_XML"}

// OpenSettlements writes the settlement reports of all groups that have closed in the last 90 days, and plans the coming ones. Amazon makes them by itself:
// they can only be listed (developer-docs.amazon.com/sp-api/docs/report-type-values-settlement). It wants k.Mu held.
func (k *Queue) OpenSettlements() {
	first := k.settled.IsZero()
	now := k.account.Created
	if k.now.After(now) {
		now = k.now
	}
	if first {
		k.settled = now.Add(-Retention("report", now))
	}
	k.settle14(now)
	if first {
		k.planSettlement()
	}
}

// planSettlement plans the reports of the next groups that close by themselves.
func (k *Queue) planSettlement() {
	var next time.Time
	for _, c := range k.closings(k.settled, k.settled.AddDate(0, 0, 15)) {
		if next.IsZero() || c.ready.Before(next) {
			next = c.ready
		}
	}
	k.later(next, func(at time.Time) {
		k.settle14(at)
		k.planSettlement()
	})
}

// closing is a group with the time at which its reports are there: up to an hour after it has closed.
type closing struct {
	group ledger.Group
	ready time.Time
}

// closings are the groups whose reports come after one time, and by another.
func (k *Queue) closings(after, by time.Time) []closing {
	var list []closing
	l := ledger.Books.Of(k.account)
	for i := range k.account.Marketplaces {
		for _, g := range l.Ending(&k.account.Marketplaces[i], after.Add(-time.Hour), by) {
			ready := g.End.Add(time.Duration(k.random("settlement", g.ID).Between(60, 3600)) * time.Second)
			if ready.After(after) && !ready.After(by) {
				list = append(list, closing{g, ready})
			}
		}
	}
	slices.SortStableFunc(list, func(a, b closing) int { return a.ready.Compare(b.ready) })
	return list
}

// settle14 writes the reports that have come until a time.
func (k *Queue) settle14(until time.Time) {
	for _, c := range k.closings(k.settled, until) {
		for _, name := range settlementTypes {
			kind := ReportTypes()[name]
			// What is older than the retention when it is looked at needn't be written.
			if k.account.Desk.Gone(operations.ReportType, name, c.ready) || k.now.Sub(c.ready) >= kind.retention {
				continue
			}
			n := k.Next()
			r := &Report{Kind: kind, Marketplaces: []string{c.group.Marketplace.ID}, From: c.group.Start, To: c.group.End, asOf: c.ready, Job: Job{n: n, Created: c.ready}}
			r.started, r.ended = c.ready, c.ready
			r.ID = k.newID(n, c.ready)
			d, _ := k.WriteReport(r, c.ready)
			if d == nil {
				continue
			}
			d.Expires = r.ended.Add(kind.retention)
			r.Document = k.AddDocument("report", d)
			r.Outcome = done
			k.Reports.Add(r)
		}
	}
	if until.After(k.settled) {
		k.settled = until
	}
}

// settlementRows yields the first row of a settlement, which has its total, and then its amounts. A report that was asked for is of any time.
func (k *Queue) settlementRows(r *Report, at time.Time) rows {
	markets := k.marketplacesOf(r.Marketplaces)
	if len(markets) == 0 {
		return listRows(nil)
	}
	l, m := ledger.Books.Of(k.account), markets[0]
	head := &reportRow{k: k, r: r, at: at, m: m, more: map[string]string{"currency": m.Currency}}
	var next func() (ledger.SettlementRow, bool)
	total := 0
	if groups := l.Groups(m, r.From, r.From.Add(time.Second), at); r.Kind.Settlement && len(groups) == 1 {
		next = l.Settlement(groups[0], at)
		total = groups[0].Total.Units
		head.more["settlement-id"] = groups[0].SettlementID
	} else {
		sum := l.Amounts(m, r.From, r.To, at)
		for row, more := sum(); more; row, more = sum() {
			total += row.Units
		}
		next = l.Amounts(m, r.From, r.To, at)
	}
	line, more := next()
	if !more {
		return listRows(nil)
	}
	head.more["settlement-start-date"], head.more["settlement-end-date"] = settlementTime(r.From, m), settlementTime(r.To, m)
	head.more["deposit-date"], head.more["total-amount"] = settlementTime(r.To.Add(world.Day), m), head.local(world.Money{Units: total, Currency: m.Currency})
	first := true
	return func() *reportRow {
		if first {
			first = false
			return head
		}
		if !more {
			return nil
		}
		own := line
		line, more = next()
		return &reportRow{k: k, r: r, at: at, m: m, line: &own, more: map[string]string{"settlement-id": cmp.Or(settlementOf(&own), head.more["settlement-id"])}}
	}
}

func settlementOf(line *ledger.SettlementRow) string {
	if line.Of == nil {
		return ""
	}
	return line.Of.Group.SettlementID
}

// settlementCell is what a row of a settlement has in a column. Only the first row has the columns that are about the whole.
func (row *reportRow) settlementCell(name string) string {
	l, t := row.line, row.line.Of
	if t == nil {
		t = &ledger.Transaction{Posted: row.r.From}
	}
	amountOf := func(kind string, what bool) string {
		switch {
		case l.Kind != kind:
			return ""
		case what:
			return l.What
		}
		return row.amount()
	}
	switch name {
	case "transaction-type":
		return l.Type
	case "amount-type":
		return l.Kind
	case "amount-description":
		return l.What
	case "amount":
		return row.amount()
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
			return row.amount()
		}
	case "promotion-id":
		if l.Kind == "Promotion" {
			return map[string]string{"Principal": "Save 10% on pens & more", "Shipping": "Free Shipping"}[l.What]
		}
	case "posted-date":
		return settlementDate(t.Posted, row.m)
	case "posted-date-time":
		return settlementTime(t.Posted, row.m)
	case "order-id":
		return t.OrderID
	case "merchant-order-id":
		return t.SellerOrderID
	case "shipment-id":
		return t.ShipmentID
	case "adjustment-id":
		return t.RefundID
	case "marketplace-name":
		return "Amazon." + row.m.Storefront[len("www.amazon."):]
	}
	if l.Line == nil {
		return ""
	}
	switch name {
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

// amount is the row's, as the marketplace's country writes it.
func (row *reportRow) amount() string {
	return row.local(world.Money{Units: row.line.Units, Currency: row.m.Currency})
}

// settlementDate and settlementTime are as the marketplace's country writes them (abuzuhri/Amazon-SP-API-CSharp#571 has 14.03.2023 of Germany).
func settlementDate(t time.Time, m *marketplace.Marketplace) string {
	if m.DayFirst {
		return t.UTC().Format("02.01.2006")
	}
	return t.UTC().Format(time.DateOnly)
}

func settlementTime(t time.Time, m *marketplace.Marketplace) string {
	return settlementDate(t, m) + t.UTC().Format(" 15:04:05 UTC")
}
