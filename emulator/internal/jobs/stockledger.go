package jobs

import (
	"slices"
	"strconv"
	"time"

	"github.com/openspapi/spapi/emulator/internal/world"
)

// ledgerColumns are where the summary counts a movement, by its kind, and adjustments by their reason (Seller Central, inventory adjustment codes).
var ledgerColumns = map[string]string{
	"Receipts": "receipts", "Shipments": "customer-shipments", "CustomerReturns": "customer-returns", "VendorReturns": "vendor-returns",
	"WhseTransfers": "warehouse-transfer-in/out", "Adjustments F": "found", "Adjustments N": "found", "Adjustments M": "lost", "Adjustments 5": "lost",
	"Adjustments D": "disposed", "Adjustments P": "damaged", "Adjustments E": "damaged", "Adjustments 6": "damaged", "Adjustments 7": "damaged",
	"Adjustments H": "damaged", "Adjustments K": "damaged", "Adjustments U": "damaged",
}

func ledgerColumn(m *world.Movement) string {
	kind := m.Kind
	if kind == "Adjustments" {
		kind += " " + m.Reason
	}
	if column := ledgerColumns[kind]; column != "" {
		return column
	}
	return "other-events"
}

// ledgerRows tells what came into Amazon's warehouses and left them. The stock is one for all of a seller's marketplaces, and so is the ledger.
func (k *Queue) ledgerRows(r *Report, w *world.World, at time.Time) rows {
	markets := k.marketplacesOf(r.Marketplaces)
	if len(markets) == 0 {
		return listRows(nil)
	}
	wanted := func(l *world.Listing) bool {
		return l != nil && l.Stock.FNSKU != "" && world.Same(r.Options["FNSKU"], l.Stock.FNSKU) && world.Same(r.Options["MSKU"], l.SKU) &&
			world.Same(r.Options["ASIN"], l.Product.ASIN)
	}
	from, to := r.From.UTC().Truncate(world.Day), r.To.UTC()
	w.RLock()
	defer w.RUnlock()
	if r.Kind.rows == "ledger-summary" {
		return k.ledgerSummary(r, w, at, from, to, wanted)
	}
	type event struct {
		world.Movement
		l *world.Listing
	}
	var events []event
	w.MovementsSince(from.Add(-1), func(m world.Movement) {
		if l := w.Listings[m.SKU]; !m.At.After(to) && !m.At.After(at) && world.Same(r.Options["eventType"], m.Kind) && wanted(l) {
			events = append(events, event{m, l})
		}
	})
	slices.SortStableFunc(events, func(a, b event) int { return a.At.Compare(b.At) })
	next := 0
	return func() *reportRow {
		if next == len(events) {
			return nil
		}
		e := events[next]
		next++
		center, country := k.account.Account.Seller.Center(e.Disposition)
		return &reportRow{k: k, r: r, at: at, m: markets[0], l: e.l, more: map[string]string{
			"date": flatDate(e.At, markets[0]), "event-type": e.Kind, "reference-id": e.Reference, "quantity": strconv.Itoa(e.Quantity),
			"disposition": e.Disposition, "reason": e.Reason, "fulfillment-center": center, "country": country,
			"reconciled-quantity": strconv.Itoa(max(e.Quantity, -e.Quantity)), "unreconciled-quantity": "0", "date-and-time": OffsetTimestamp(e.At),
		}}
	}
}

// ledgerSummary has a row for each period, SKU and disposition, worked back from what is there now: start and movements make end, and end is the next
// start. The caller holds the world's lock.
func (k *Queue) ledgerSummary(r *Report, w *world.World, at, from, to time.Time, wanted func(*world.Listing) bool) rows {
	m := k.marketplacesOf(r.Marketplaces)[0]
	type key struct{ sku, disposition string }
	type daily map[string]map[string]int // by day and column
	later, moved := map[key]int{}, map[key]daily{}
	w.MovementsSince(from.Add(-1), func(mv world.Movement) {
		of := key{mv.SKU, mv.Disposition}
		if mv.At.After(at) || mv.At.After(to) {
			later[of] += mv.Quantity
			return
		}
		if moved[of] == nil {
			moved[of] = daily{}
		}
		day := mv.At.UTC().Format(time.DateOnly)
		if moved[of][day] == nil {
			moved[of][day] = map[string]int{}
		}
		moved[of][day][ledgerColumn(&mv)] += mv.Quantity
	})
	label := func(d time.Time) string {
		switch r.Options["aggregatedByTimePeriod"] {
		case "DAILY":
			return flatDate(d, m)
		case "WEEKLY":
			return flatDate(d.AddDate(0, 0, 6-int(d.Weekday())), m)
		}
		return d.Format("01/2006")
	}
	last := to
	if at.Before(last) {
		last = at.UTC()
	}
	columns := []string{"receipts", "customer-shipments", "customer-returns", "vendor-returns", "warehouse-transfer-in/out", "found", "lost", "damaged",
		"disposed", "other-events"}
	var list []*reportRow
	for _, l := range w.StockList() {
		if !wanted(l) {
			continue
		}
		for _, disposition := range append([]string{world.Sellable}, world.Damages...) {
			of := key{l.SKU, disposition}
			end := l.Stock.Of(disposition) - later[of]
			if end == 0 && moved[of] == nil && disposition != world.Sellable {
				continue
			}
			center, country := k.account.Account.Seller.Center(disposition)
			place := map[bool]string{true: center, false: country}[r.Options["aggregateByLocation"] == "FC"]
			var newest []*reportRow
			for d := last.Truncate(world.Day); !d.Before(from); {
				period, sums, begin := label(d), map[string]int{}, end
				for ; !d.Before(from) && label(d) == period; d = d.Add(-world.Day) {
					for column, n := range moved[of][d.Format(time.DateOnly)] {
						sums[column] += n
						begin -= n
					}
				}
				row := &reportRow{k: k, r: r, at: at, m: m, l: l, more: map[string]string{
					"date": period, "disposition": disposition, "starting-warehouse-balance": strconv.Itoa(begin), "in-transit-between-warehouses": "0",
					"ending-warehouse-balance": strconv.Itoa(end), "unknown-events": "0", "location": place,
				}}
				for _, column := range columns {
					row.more[column] = strconv.Itoa(sums[column])
				}
				newest = append(newest, row)
				end = begin
			}
			slices.Reverse(newest)
			list = append(list, newest...)
		}
	}
	return listRows(list)
}
