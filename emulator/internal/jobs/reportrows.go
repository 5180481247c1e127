package jobs

import (
	"bytes"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"
	_ "time/tzdata" // what zones a machine knows must not show
	"unicode"

	"github.com/openspapi/spapi/emulator/internal/format"
	"github.com/openspapi/spapi/emulator/internal/ledger"
	"github.com/openspapi/spapi/emulator/internal/random"
	"github.com/openspapi/spapi/emulator/internal/world"
	"github.com/openspapi/spapi/marketplace"
	"golang.org/x/text/encoding/charmap"
	"golang.org/x/text/encoding/japanese"
)

// reportRow is what one row of a flat file shows. What it points to is guarded by the world's lock.
type reportRow struct {
	k    *Queue
	r    *Report
	at   time.Time // when the report was written: it shows the world as of then
	m    *marketplace.Marketplace
	o    *world.Order
	it   *world.OrderItem
	i    int            // of it
	l    *world.Listing // of the row, or of the order's item; may be nil
	back *world.Return
	line *ledger.SettlementRow // of a settlement; nil for its first row
	more map[string]string     // cells that only this kind of row has
}

// rows yields the rows of a report one by one, nil at the end. It takes the world's lock when it needs it.
type rows func() *reportRow

// reportRows starts the rows of a report.
func (k *Queue) reportRows(r *Report, w *world.World, at time.Time) rows {
	markets := k.marketplacesOf(r.Marketplaces)
	inMarkets := func(o *world.Order) bool { return slices.Contains(r.Marketplaces, o.Marketplace.ID) }
	within := func(t time.Time) bool { return !t.IsZero() && !t.Before(r.From) && !t.After(r.To) && !t.After(at) }
	byOrder := func(accept func(*world.Order) bool, expand func(*reportRow) []*reportRow) rows {
		return orderRows(k, r, w, at, func(o *world.Order) bool { return !o.Purchased.After(at) && inMarkets(o) && accept(o) }, expand)
	}
	byListing := func(accept func(*world.Listing, *marketplace.Marketplace) bool) rows {
		var list []*reportRow
		w.RLock()
		defer w.RUnlock()
		for _, l := range w.AllListings() {
			for _, m := range markets {
				if accept(l, m) {
					list = append(list, &reportRow{k: k, r: r, at: at, m: m, l: l})
					break // one row per SKU: the first of the report's marketplaces
				}
			}
		}
		return listRows(list)
	}
	offered := func(l *world.Listing, m *marketplace.Marketplace) bool { return l.Offers[m.ID] != nil }
	switch r.Kind.rows {
	case "orders":
		return byOrder(func(o *world.Order) bool { return within(o.Purchased) }, nil)
	case "orders-updated":
		return byOrder(func(o *world.Order) bool { return within(o.Updated(at)) }, nil)
	case "orders-unshipped":
		return byOrder(func(o *world.Order) bool {
			s := o.Status(at)
			return !o.Amazon && (s == world.Unshipped || s == world.PartiallyShipped) && within(o.Purchased)
		}, nil)
	case "orders-actionable":
		return byOrder(func(o *world.Order) bool {
			s := o.Status(at)
			return !o.Amazon && (s == world.Unshipped || s == world.PartiallyShipped)
		}, nil)
	case "orders-pending":
		return byOrder(func(o *world.Order) bool { return o.Status(at) == world.Pending }, nil)
	case "shipments":
		return byOrder(func(o *world.Order) bool { return o.Status(at) == world.Shipped && within(o.Shipped) }, nil)
	case "shipments-fba":
		return byOrder(func(o *world.Order) bool { return o.Amazon && o.Status(at) == world.Shipped && within(o.Shipped) }, nil)
	case "shipments-fba-promotion":
		return byOrder(func(o *world.Order) bool { return o.Amazon && o.Status(at) == world.Shipped && within(o.Shipped) }, func(row *reportRow) []*reportRow {
			if row.it.Discount.Units == 0 {
				return nil
			}
			return []*reportRow{row}
		})
	case "returns-fba", "returns-mfn":
		fba := r.Kind.rows == "returns-fba"
		return byOrder(func(o *world.Order) bool { return o.Amazon == fba && len(o.Returns) > 0 }, func(row *reportRow) (list []*reportRow) {
			for i := range row.o.Returns {
				b := &row.o.Returns[i]
				when := b.Asked // of a merchant's return; one to Amazon is told when it is there
				if fba {
					when = b.At
				}
				if b.Item == row.i && b.Kind == world.GoodsBack && within(when) {
					one := *row
					one.back, one.more = b, map[string]string{"a-to-z-claim": map[bool]string{true: "Y", false: "N"}[w.Claimed(row.o.ID, row.i, at)]}
					list = append(list, &one)
				}
			}
			return list
		})
	case "replacements":
		return byOrder(func(o *world.Order) bool {
			return o.Amazon && o.Replaces != "" && o.Status(at) == world.Shipped && within(o.Shipped)
		}, nil)
	case "reimbursements":
		var list []*reportRow
		for _, c := range w.Reimbursements() {
			if m := k.marketplacesOf([]string{c.Marketplace}); within(c.At) && slices.Contains(r.Marketplaces, c.Marketplace) && len(m) > 0 {
				list = append(list, &reportRow{k: k, r: r, at: at, m: m[0], more: map[string]string{
					"approval-date": OffsetTimestamp(c.At), "reimbursement-id": c.ID, "amazon-order-id": c.OrderID, "reason": c.Reference, "condition": "NewItem",
					"currency-unit": c.Amount.Currency, "amount-per-unit": c.Amount.String(), "amount-total": c.Amount.String(), "quantity-reimbursed-cash": "1",
					"quantity-reimbursed-inventory": "0", "quantity-reimbursed-total": "1",
				}})
			}
		}
		return listRows(list)
	case "feedback":
		return byOrder(func(o *world.Order) bool { return o.Status(at) == world.Shipped }, func(row *reportRow) []*reportRow {
			f := k.account.Desk.Seed.Of("feedback", k.account.Number, row.o.ID)
			if posted := row.o.Shipped.Add(time.Duration(f.Between(2, 30)) * world.Day); row.i > 0 || !f.Chance(8) || !within(posted) {
				return nil
			} else {
				row.more = map[string]string{"date": flatDate(posted, row.m), "rating": strconv.Itoa(6 - f.Between(1, 2)), "comments": random.Pick(f, []string{"Quick & as described 👍", "Schön, aber „klein“", "丁寧な梱包でした"}), "rater-email": row.o.BuyerEmail}
			}
			return []*reportRow{row}
		})
	case "settlement":
		return k.settlementRows(r, at)
	case "ledger-summary", "ledger-detail":
		return k.ledgerRows(r, w, at)
	case "fba":
		return byListing(func(l *world.Listing, m *marketplace.Marketplace) bool { return l.Amazon && offered(l, m) })
	case "fba-unfulfillable":
		return byListing(func(l *world.Listing, m *marketplace.Marketplace) bool {
			return l.Amazon && offered(l, m) && l.Stock.Unfulfillable() > 0
		})
	case "listings":
		return byListing(func(l *world.Listing, m *marketplace.Marketplace) bool { return l.In(m.ID) })
	case "listings-active":
		return byListing(func(l *world.Listing, m *marketplace.Marketplace) bool { return l.Buyable(m.ID) })
	case "listings-inactive":
		return byListing(func(l *world.Listing, m *marketplace.Marketplace) bool { return l.In(m.ID) && !l.Buyable(m.ID) })
	case "listings-stranded":
		return byListing(func(l *world.Listing, m *marketplace.Marketplace) bool {
			return l.Amazon && l.In(m.ID) && l.Stock.Total() > 0 && !offered(l, m)
		})
	case "listings-mfn", "listings-eu":
		eu := r.Kind.rows == "listings-eu"
		return byListing(func(l *world.Listing, m *marketplace.Marketplace) bool {
			return offered(l, m) && (eu && m.Region == marketplace.Europe || !eu && !l.Amazon)
		})
	case "listings-cancelled":
		var list []*reportRow
		w.RLock()
		defer w.RUnlock()
		for sku := range format.SortedKeys(w.Listings) {
			if l := w.Listings[sku]; l.Deleted && len(markets) > 0 {
				list = append(list, &reportRow{k: k, r: r, at: at, m: markets[0], l: l})
			}
		}
		return listRows(list)
	}
	return listRows(nil)
}

func listRows(list []*reportRow) rows {
	return func() *reportRow {
		if len(list) == 0 {
			return nil
		}
		row := list[0]
		list = list[1:]
		return row
	}
}

// orderRows yields a row per item of the orders that are accepted, or what expand makes of it.
func orderRows(k *Queue, r *Report, w *world.World, at time.Time, accept func(*world.Order) bool, expand func(*reportRow) []*reportRow) rows {
	number, item := w.NumberFrom(earliest(r)), 0
	var o *world.Order // whose items are rows; nil: to be found
	var waiting []*reportRow
	return func() *reportRow {
		for {
			if len(waiting) > 0 {
				row := waiting[0]
				waiting = waiting[1:]
				return row
			}
			for ; o == nil; number++ {
				life := w.Life(number)
				if life == nil || life.Purchased.After(at) {
					return nil
				}
				if len(life.Items) > 0 && accept(life) {
					o, item = w.Order(number), 0
				}
			}
			row := &reportRow{k: k, r: r, at: at, m: o.Marketplace, o: o, it: &o.Items[item], i: item, l: w.ListingOf(o.Items[item].SKU)}
			if item++; item == len(o.Items) {
				o = nil
			}
			if expand == nil {
				return row
			}
			waiting = expand(row)
		}
	}
}

// earliest is the time of the oldest order that can have a row; zero when any can. What happens to an order happens within 60 days: it is shipped
// within three weeks, and comes back within three more.
func earliest(r *Report) time.Time {
	switch r.Kind.rows {
	case "orders":
		return r.From
	case "shipments", "shipments-fba", "shipments-fba-promotion", "returns-fba", "returns-mfn", "feedback":
		return r.From.AddDate(0, 0, -60)
	}
	return time.Time{}
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
	head.more["settlement-start-date"], head.more["settlement-end-date"] = ledger.SettlementTime(r.From, m), ledger.SettlementTime(r.To, m)
	head.more["deposit-date"], head.more["total-amount"] = ledger.SettlementTime(r.To.Add(world.Day), m), head.local(world.Money{Units: total, Currency: m.Currency})
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
		return &reportRow{k: k, r: r, at: at, m: m, line: &own}
	}
}

// flatDate is the local spelling of a day.
func flatDate(t time.Time, m *marketplace.Marketplace) string {
	switch {
	case m.DayFirst:
		return t.UTC().Format("02/01/2006")
	case m.Region == marketplace.NorthAmerica:
		return t.UTC().Format("01/02/2006")
	}
	return t.UTC().Format("2006/01/02")
}

// local writes an amount as the marketplace's country does.
func (row *reportRow) local(m world.Money) string {
	if row.m.DecimalComma {
		return strings.Replace(m.String(), ".", ",", 1)
	}
	return m.String()
}

// normal is a column's name without its spelling: "Merchant SKU", "merchant_sku" and "merchant-sku" are one.
func normal(column string) string {
	return strings.NewReplacer(" ", "-", "_", "-").Replace(strings.ToLower(column))
}

// cell is what a row has in a column, by the column's normal name; "" for what doesn't apply or what the world doesn't know.
func (row *reportRow) cell(name string) string {
	if v, ok := row.more[name]; ok {
		return v
	}
	if row.line != nil {
		return row.line.Cell(name, row.local(world.Money{Units: row.line.Units, Currency: row.m.Currency}))
	}
	if row.back != nil {
		if v, ok := row.returnCell(name); ok {
			return v
		}
	}
	if row.o != nil {
		if v, ok := row.orderCell(name); ok {
			return v
		}
	}
	if row.l != nil {
		if v, ok := row.listingCell(name); ok {
			return v
		}
	}
	switch name {
	case "snapshot-date", "reporting-date":
		return OffsetTimestamp(row.at)
	case "country", "country-code", "ship-country":
		return row.m.CountryCode
	case "marketplace-name", "sales-channel":
		return "Amazon." + strings.TrimPrefix(row.m.Storefront, "www.amazon.")
	case "marketplace":
		return row.m.CountryCode
	case "fulfillment-center", "fulfillment-center-id":
		center, _ := row.k.account.Account.Seller.Center(world.Sellable)
		return center
	case "currency", "currency-code", "currency-unit", "transaction-currency-code":
		return row.m.Currency
	}
	return ""
}

func (row *reportRow) returnCell(name string) (string, bool) {
	b, o := row.back, row.o
	switch name {
	case "return-date":
		return OffsetTimestamp(b.At), true
	case "return-request-date":
		return OffsetTimestamp(b.Asked), true
	case "return-delivery-date":
		if !b.Is(b.At, row.at) {
			return "", true
		}
		return OffsetTimestamp(b.At), true
	case "quantity", "return-quantity":
		return strconv.Itoa(b.Quantity), true
	case "reason":
		return b.Reason, true
	case "return-reason":
		return "CR-" + b.Reason, true // as jlevers/selling-partner-api's users quote it
	case "detailed-disposition":
		return b.Disposition, true
	case "fulfillment-center-id":
		center, _ := row.k.account.Account.Seller.Center(b.Disposition)
		return center, true
	case "status":
		return "Unit returned to inventory", true
	case "return-request-status":
		return "Approved", true
	case "customer-comments":
		return b.Comment, true
	case "license-plate-number":
		return "LPN" + b.RMA, true
	case "amazon-rma-id":
		return b.RMA, true
	case "tracking-id":
		return b.Tracking, true
	case "order-amount":
		return o.Total().String(), true
	case "refunded-amount":
		if !b.Is(b.Refunded, row.at) {
			return "", true
		}
		return o.RefundTotal(b.Item, b.Refund).String(), true
	case "order-quantity":
		return strconv.Itoa(row.it.Quantity), true
	case "order-date":
		return OffsetTimestamp(o.Purchased), true
	case "label-type":
		return "AmazonUnPaidLabel", true
	case "in-policy", "is-prime":
		return map[bool]string{true: "Y", false: "N"}[name == "in-policy" || o.Prime], true
	case "return-type":
		return "C-Returns", true
	case "resolution":
		return map[bool]string{true: "StandardRefund"}[b.Is(b.Refunded, row.at)], true
	}
	return "", false
}

func (row *reportRow) orderCell(name string) (string, bool) {
	o, it := row.o, row.it
	status := o.Status(row.at)
	paid := func(m world.Money) string {
		if status == world.Pending || status == world.Canceled {
			return "" // prices come with the payment
		}
		return m.String()
	}
	zero := world.Money{Units: 0, Currency: it.Price.Currency}
	switch name {
	case "amazon-order-id", "order-id", "transaction-event-id":
		return o.ID, true
	case "merchant-order-id":
		return o.SellerOrderID, true
	case "replacement-amazon-order-id":
		return o.ID, true
	case "original-amazon-order-id":
		return o.Replaces, true
	case "original-fulfillment-center-id":
		center, _ := row.k.account.Account.Seller.Center(world.Sellable)
		return center, true
	case "purchase-date", "order-date":
		return OffsetTimestamp(o.Purchased), true
	case "payments-date":
		return OffsetTimestamp(o.Payable), true
	case "last-updated-date":
		return OffsetTimestamp(o.Updated(row.at)), true
	case "shipment-date", "transaction-depart-date", "transaction-complete-date", "tax-calculation-date", "invoice-date":
		return OffsetTimestamp(o.Shipped), true
	case "estimated-arrival-date", "transaction-arrival-date", "promise-date", "delivery-end-date":
		return OffsetTimestamp(o.Purchased.Add(7 * world.Day)), true
	case "delivery-start-date":
		return OffsetTimestamp(o.Purchased.Add(2 * world.Day)), true
	case "delivery-time-zone":
		return "UTC", true
	case "days-past-promise":
		return strconv.Itoa(max(0, int(row.at.Sub(o.Purchased.Add(3*world.Day))/world.Day))), true
	case "order-status":
		if status == world.PartiallyShipped {
			return "Shipping", true
		}
		return strings.Replace(status, world.Canceled, "Cancelled", 1), true // the flat files spell it with two l
	case "item-status":
		if status == world.PartiallyShipped && o.ShippedOf(row.i, row.at) == 0 {
			return world.Unshipped, true
		}
		return strings.Replace(strings.Replace(status, world.Canceled, "Cancelled", 1), world.PartiallyShipped, world.Shipped, 1), true
	case "fulfillment-channel":
		return map[bool]string{true: "Amazon", false: "Merchant"}[o.Amazon], true
	case "ship-service-level":
		return map[bool]string{true: "Expedited", false: "Standard"}[o.Express], true
	case "order-item-id", "order-item-code", "amazon-order-item-id":
		return it.ID, true
	case "shipment-id", "activity-transaction-id":
		return "D" + it.ID[:8], true
	case "shipment-item-id":
		return "D" + it.ID[3:], true
	case "product-name", "item-name", "item-description", "title":
		return it.Product.TitleIn(o.Marketplace), true
	case "sku", "merchant-sku", "msku", "seller-sku":
		return it.SKU, true
	case "asin":
		return it.Product.ASIN, true
	case "quantity", "quantity-purchased", "qty":
		if status == world.Canceled {
			return "0", true
		}
		return strconv.Itoa(it.Quantity), true
	case "quantity-shipped":
		return strconv.Itoa(o.ShippedOf(row.i, row.at)), true
	case "quantity-to-ship":
		return strconv.Itoa(it.Quantity - o.ShippedOf(row.i, row.at)), true
	case "currency", "currency-code", "transaction-currency-code":
		if paid(it.Price) == "" {
			return "", true
		}
		return it.Price.Currency, true
	case "item-price", "total-activity-value-amt-vat-incl", "invoice-amount":
		return paid(it.Price), true
	case "item-price-per-unit":
		return paid(world.Money{Units: it.Price.Units / it.Quantity, Currency: it.Price.Currency}), true
	case "item-tax":
		return paid(it.Tax), true
	case "shipping-price":
		return paid(it.Shipping), true
	case "shipping-tax", "gift-wrap-price", "gift-wrap-tax":
		return paid(zero), true
	case "ship-promotion-discount":
		return paid(it.Free), true
	case "item-promotion-discount":
		return paid(it.Discount), true
	case "promotion-ids":
		return strings.Join(it.Promotions(), ","), true
	case "item-promotion-id", "description", "promotion-id":
		if it.Discount.Units > 0 {
			return world.PriceOff, true
		}
		return "", true
	case "is-business-order":
		return strconv.FormatBool(o.Business), true
	case "purchase-order-number":
		return o.PO, true
	case "price-designation":
		return map[bool]string{true: "Business Price", false: ""}[o.Business], true
	case "ship-city", "arrival-city", "ship-to-city", "bill-city":
		return o.To.City, true
	case "ship-state", "ship-to-state", "bill-state":
		return o.To.State, true
	case "ship-postal-code", "arrival-post-code", "ship-to-postal-code", "bill-postal-code":
		return o.To.PostalCode, true
	case "ship-country", "arrival-country", "ship-to-country", "bill-country":
		return o.To.Country, true
	case "ship-address-1", "bill-address-1":
		return o.To.Line1, true
	case "ship-address-2", "bill-address-2":
		return o.To.Line2, true
	case "recipient-name":
		return o.To.Name, true
	case "buyer-name":
		return o.BuyerName, true
	case "buyer-email":
		return o.BuyerEmail, true
	case "buyer-phone-number", "ship-phone-number":
		return o.To.Phone, true
	case "carrier", "return-carrier":
		return "UPS", true
	case "tracking-number", "tracking-id":
		return o.Tracking, true
	case "transaction-type":
		return "SALE", true
	}
	return "", false
}

func (row *reportRow) listingCell(name string) (string, bool) {
	l, p := row.l, row.l.Product
	price := world.Money{Units: 0, Currency: row.m.Currency}
	offer := l.Offers[row.m.ID]
	if offer != nil {
		price = offer.PriceAt(row.at)
	}
	number := func(n int) (string, bool) { return strconv.Itoa(n), true }
	switch name {
	case "item-name", "product-name", "title":
		return l.Title(row.m), true
	case "item-description":
		return l.Title(row.m) + ". " + p.Brand + ", " + p.Color, true
	case "sku", "seller-sku", "msku", "merchant-sku":
		return l.SKU, true
	case "fnsku", "fulfillment-channel-sku":
		return l.Stock.FNSKU, true
	case "asin", "asin1", "product-id":
		return p.ASIN, true
	case "product-id-type":
		return "1", true // an ASIN
	case "listing-id":
		return "0" + row.k.account.Desk.Seed.Of("listing id", row.k.account.Number, l.SKU).Text(random.Digits, 3) + "ZX" + p.ASIN[2:], true
	case "price", "your-price", "sales-price":
		return price.String(), true
	case "business-price":
		if offer != nil && offer.Business.Units > 0 {
			return offer.Business.String(), true
		}
		return "", true
	case "quantity":
		if l.Amazon && row.r.Kind.rows != "fba" {
			return "", true // Amazon's stock isn't shown there
		}
		return number(l.Available())
	case "open-date":
		return localTime(l.Created, row.m), true
	case "image-url", "zshop-browse-path", "asin2", "asin3", "zshop-category1":
		return "", true
	case "item-is-marketplace", "afn-listing-exists", "eligible":
		return map[bool]string{true: "y", false: map[bool]string{true: "Yes", false: "No"}[l.Amazon]}[name == "item-is-marketplace"], true
	case "mfn-listing-exists":
		return map[bool]string{true: "No", false: "Yes"}[l.Amazon], true
	case "item-condition":
		return "11", true // new
	case "condition", "condition-type":
		return map[bool]string{true: "New", false: "NewItem"}[name == "condition"], true
	case "warehouse-condition-code":
		return "SELLABLE", true
	case "pending-quantity":
		return "0", true
	case "fulfillment-channel", "fulfilled-by":
		return map[bool]string{true: "AMAZON_" + map[marketplace.Region]string{marketplace.NorthAmerica: "NA", marketplace.Europe: "EU", marketplace.FarEast: "JP"}[row.m.Region], false: "DEFAULT"}[l.Amazon], true
	case "merchant-shipping-group":
		return "Migrated Template", true
	case "status":
		if l.Buyable(row.m.ID) {
			return "Active", true
		}
		return "Inactive", true
	case "pan-eu-status":
		return "Enrolled", true
	case "status-primary", "status-secondary":
		return "Inactive", true
	case "issue-description", "error-message", "stranded-reason":
		if len(l.Issues) > 0 {
			return l.Issues[0].Message, true
		}
		return "", true
	case "status-change-date", "date-stranded":
		return OffsetTimestamp(l.Updated), true
	case "quantity-available", "afn-fulfillable-quantity", "available", "sellable-quantity", "quantity-for-local-fulfillment", "fulfillable-qty", "average-quantity-on-hand":
		return number(l.Stock.Fulfillable)
	case "mfn-fulfillable-quantity":
		if l.Amazon {
			return "", true
		}
		return number(l.Quantity)
	case "afn-warehouse-quantity":
		return number(l.Stock.Fulfillable + l.Stock.Reserved + l.Stock.Unfulfillable())
	case "afn-unsellable-quantity", "unsellable-quantity", "unfulfillable", "unfulfillable-qty", "requested-quantity", "shipped-quantity":
		return number(l.Stock.Unfulfillable())
	case "afn-reserved-quantity", "reserved-qty", "reserved-quantity", "reserved-customerorders", "customer-order":
		return number(l.Stock.Reserved)
	case "afn-total-quantity", "total-units":
		return number(l.Stock.Total())
	case "afn-inbound-working-quantity", "inbound-working":
		return number(l.Stock.InboundWorking)
	case "afn-inbound-shipped-quantity", "inbound-shipped", "inbound-shipped-qty":
		return number(l.Stock.InboundShipped)
	case "afn-inbound-receiving-quantity", "inbound-received":
		return number(l.Stock.InboundReceiving)
	case "inbound-quantity", "inbound":
		return number(l.Stock.InboundWorking + l.Stock.InboundShipped + l.Stock.InboundReceiving)
	case "afn-researching-quantity", "afn-reserved-future-supply", "afn-future-supply-buyable", "reserved-fc-transfers", "reserved-fc-processing", "fc-transfer", "fc-processing",
		"pending-removal-quantity", "in-process-quantity", "disposed-quantity", "cancelled-quantity":
		return "0", true
	case "per-unit-volume", "item-volume":
		return fmt.Sprintf("%.2f", float64(p.Millimeters[0]*p.Millimeters[1]*p.Millimeters[2])/1e6), true
	case "longest-side", "median-side", "shortest-side":
		sides := slices.Clone(p.Millimeters[:])
		slices.Sort(sides)
		side := map[string]int{"longest-side": sides[2], "median-side": sides[1], "shortest-side": sides[0]}[name]
		return fmt.Sprintf("%.1f", float64(side)/10), true
	case "unit-of-dimension", "measurement-units":
		return "centimeters", true
	case "item-package-weight", "weight":
		return strconv.Itoa(p.Grams), true
	case "unit-of-weight", "weight-units":
		return "grams", true
	case "brand":
		return p.Brand, true
	case "product-group":
		return p.Kind.Category, true
	case "estimated-referral-fee-per-item", "estimated-referral-fee-per-unit":
		return world.Money{Units: ledger.Referral(p, price.Units, 1, row.m), Currency: price.Currency}.String(), true
	case "expected-fulfillment-fee-per-unit":
		return world.Money{Units: ledger.Fulfillment(p, row.m), Currency: price.Currency}.String(), true
	case "estimated-fee-total":
		return world.Money{Units: ledger.Referral(p, price.Units, 1, row.m) + ledger.Fulfillment(p, row.m), Currency: price.Currency}.String(), true
	}
	return "", false
}

// localTime is how listing reports write a time: by the clock of the marketplace, and with the name of its zone.
func localTime(t time.Time, m *marketplace.Marketplace) string {
	zone, err := m.Location()
	if err != nil {
		panic("emulator: " + err.Error()) // time/tzdata is linked in
	}
	return t.In(zone).Format("2006-01-02 15:04:05 MST")
}

// charset is how a marketplace's flat files are written. name is as it stands in Content-Type: Amazon has a name of its own for windows-1252.
func charset(m *marketplace.Marketplace) (name string, encode func([]byte) []byte) {
	switch m.Charset {
	case "Shift_JIS":
		return "Shift_JIS", func(b []byte) []byte {
			out, err := japanese.ShiftJIS.NewEncoder().Bytes(b)
			if err == nil {
				return out
			}
			return runeByRune(b, func(r rune) ([]byte, bool) {
				out, err := japanese.ShiftJIS.NewEncoder().Bytes([]byte(string(r)))
				return out, err == nil
			})
		}
	case "windows-1252":
		return "Cp1252", func(b []byte) []byte {
			return runeByRune(b, func(r rune) ([]byte, bool) {
				c, ok := charmap.Windows1252.EncodeRune(r)
				return []byte{c}, ok
			})
		}
	}
	panic("emulator: reports in " + m.Charset + " are not known") // a charset that is new in the table
}

// runeByRune encodes text; what the charset doesn't have becomes a question mark, as at Amazon (selling-partner-api-models#4955).
func runeByRune(b []byte, encode func(rune) ([]byte, bool)) []byte {
	out := make([]byte, 0, len(b))
	for _, r := range string(b) {
		if r < unicode.MaxASCII {
			out = append(out, byte(r))
		} else if c, ok := encode(r); ok {
			out = append(out, c...)
		} else {
			out = append(out, '?')
		}
	}
	return out
}

// flatten takes what would break a flat file out of a value: its cells aren't quoted.
var flatten = strings.NewReplacer("\t", " ", "\n", " ", "\r", " ")

// flatFile writes rows as a flat file: separated by tabs, or by commas; quoted or not. Reports of fulfilled inventory events are quoted
// in all cells (GET_LEDGER_*), CSV where it must be.
func flatFile(w *world.World, columns []string, start func() rows, separator byte, quoted bool, encode func([]byte) []byte) func() Source {
	names := make([]string, len(columns))
	for i, c := range columns {
		names[i] = normal(c)
	}
	write := func(b *bytes.Buffer, cell string, i int) {
		if i > 0 {
			b.WriteByte(separator)
		}
		switch {
		case quoted, separator == ',' && strings.ContainsAny(cell, ",\"\n\r"):
			b.WriteByte('"')
			b.WriteString(strings.ReplaceAll(cell, `"`, `""`))
			b.WriteByte('"')
		default:
			b.WriteString(flatten.Replace(cell))
		}
	}
	return func() Source {
		var next rows
		var b bytes.Buffer
		return func() []byte {
			b.Reset()
			if next == nil {
				next = start()
				for i, c := range columns {
					write(&b, c, i)
				}
				b.WriteString("\r\n")
			}
			for range 64 {
				row := next()
				if row == nil {
					break
				}
				w.RLock()
				for i, name := range names {
					write(&b, row.cell(name), i)
				}
				w.RUnlock()
				b.WriteString("\r\n")
			}
			if b.Len() == 0 {
				return nil
			}
			return encode(b.Bytes())
		}
	}
}
