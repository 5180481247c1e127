package financesinvoices

import (
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/openspapi/spapi/emulator/internal/desk"
	"github.com/openspapi/spapi/emulator/internal/format"
	"github.com/openspapi/spapi/emulator/internal/random"
	"github.com/openspapi/spapi/emulator/internal/world"
	"github.com/openspapi/spapi/marketplace"
)

// A vendor writes an invoice every day and a half in each marketplace, for purchase orders of Amazon's; each tenth is one of Amazon's to the vendor, for an
// allowance. All of it follows from the seed and the clock: nothing is kept.
const (
	every = 36 * time.Hour
	past  = 120 // invoices before the seller was added

	matchedAfter = 5 * 24 * time.Hour // Amazon has counted the goods
	quickAfter   = 10 * 24 * time.Hour
	quickPercent = 2
	largeLines   = linesPerPage + 100
)

// invoice is one invoice, written down with its whole life.
type invoice struct {
	m       *marketplace.Marketplace
	number  string
	payee   string // code of the vendor as one who is paid
	vendor  string // id of the vendor's group
	name    string
	po      string
	fee     bool // Amazon's to the vendor
	issued  time.Time
	terms   string
	due     time.Time
	paid    time.Time // when it is paid or deducted
	refused bool
	quick   bool // paid early, for a discount
	lines   []line
}

// line is an item of an invoice.
type line struct {
	product  *world.Product // nil: an allowance
	quantity int
	unit     int // cost of one, without tax
	tax      int // of all
	short    int // units that didn't come
	over     int // per cent by which the cost is above the purchase order's
}

// begin is when the first invoice was issued.
func begin(a *desk.Seller) time.Time {
	return a.Created.UTC().Truncate(24 * time.Hour).Add(-past * every)
}

// issued are the invoices of a marketplace from a time until another, the oldest first.
func issued(a *desk.Seller, m *marketplace.Marketplace, from, to time.Time) []*invoice {
	first := begin(a)
	w := a.World()
	var list []*invoice
	for i := max(int(from.Sub(first)/every), 0); ; i++ {
		switch at := first.Add(time.Duration(i) * every); {
		case at.After(to):
			return list
		case !at.Before(from):
			list = append(list, newInvoice(a, w, m, i, at))
		}
	}
}

// find finds an invoice that has been issued by a time; nil when there is none.
func find(a *desk.Seller, m *marketplace.Marketplace, identifier string, now time.Time) *invoice {
	number, _, _ := strings.Cut(identifier, "~")
	if len(number) <= len(monthly) {
		return nil
	}
	i, err := strconv.Atoi(number[len(monthly):])
	if err != nil || i < 0 || i > int(now.Sub(begin(a))/every) {
		return nil
	}
	if v := newInvoice(a, a.World(), m, i, begin(a).Add(time.Duration(i)*every)); v.identifier() == identifier {
		return v
	}
	return nil
}

// monthly is what comes before an invoice's place among all in its number, such as it is.
const monthly = "INV-US200601"

func newInvoice(a *desk.Seller, w *world.World, m *marketplace.Marketplace, i int, at time.Time) *invoice {
	r := a.Desk.Seed.Of("vendor invoice", a.Number, m.ID, i)
	vendor := a.Desk.Seed.Of("vendor", a.Number)
	v := &invoice{
		m: m, payee: vendor.Text(random.Capitals, 6), vendor: vendor.Text(random.Digits, 7), name: a.StoreName, issued: at, po: r.Text(random.Base36, 8),
		number: fmt.Sprintf("INV-%s%s%04d", m.CountryCode, at.Format("200601"), i), terms: "NET30", due: at.AddDate(0, 0, 30), fee: i%10 == 9,
	}
	v.paid = v.due
	switch {
	case v.fee:
		v.number = "AMZ" + v.number[3:]
		v.paid = at.Add(matchedAfter)
	case i%23 == 11:
		v.refused = true
	case i%6 == 0:
		v.quick, v.terms, v.paid = true, "2% 10, NET30", at.Add(quickAfter)
	}
	rate := 0
	if m.CountryCode != "US" && m.CountryCode != "CA" { // there what is sold on is free of tax
		rate = world.TaxRate(m.CountryCode)
	}
	if v.fee {
		cost := world.PriceIn(r.Between(2_000, 30_000), m).Units
		v.lines = []line{{quantity: 1, unit: cost, tax: cost * rate / 100}}
		return v
	}
	lines := r.Between(1, 12)
	if i%40 == 20 {
		lines = largeLines
	}
	for k := range lines {
		product := random.Pick(r, w.Products)
		l := line{product: product, quantity: r.Between(5, 60), unit: max(world.PriceIn(product.Cents*6/10, m).Units, 1)}
		l.tax = l.quantity * l.unit * rate / 100
		if !v.refused && k == 0 && i%5 == 2 {
			l.short = r.Between(1, 3)
		}
		if !v.refused && k == 0 && i%7 == 3 {
			l.over = 5
		}
		v.lines = append(v.lines, l)
	}
	return v
}

// identifier is the number, with the payee's code where Amazon is the one who pays (the model).
func (v *invoice) identifier() string {
	if v.fee {
		return v.number
	}
	return v.number + "~" + v.payee
}

// total is what a line comes to, with tax.
func (l *line) total() int { return l.quantity*l.unit + l.tax }

// missing is the share of a line's total for what didn't come, and dear the one for a cost above the purchase order's.
func (l *line) missing() int { return l.total() * l.short / l.quantity }

func (l *line) dear() int { return (l.total() - l.missing()) * l.over / (100 + l.over) }

// sums are those of all lines.
type sums struct{ total, tax, missing, dear int }

func (v *invoice) sums() (s sums) {
	for i := range v.lines {
		l := &v.lines[i]
		s.total, s.tax, s.missing, s.dear = s.total+l.total(), s.tax+l.tax, s.missing+l.missing(), s.dear+l.dear()
	}
	return s
}

// matched tells whether Amazon has looked at the goods.
func (v *invoice) matched(now time.Time) bool { return !now.Before(v.issued.Add(matchedAfter)) }

func (v *invoice) settled(now time.Time) bool { return !v.refused && !now.Before(v.paid) }

func (v *invoice) status(now time.Time) string {
	s := v.sums()
	switch {
	case v.refused && v.matched(now):
		return "REJECTED"
	case !v.settled(now):
		return "IN_PROGRESS"
	case v.fee:
		return "DEDUCTED"
	case s.missing+s.dear > 0:
		return "PARTIALLY_PAID"
	}
	return "PAID"
}

// updated is when something last happened to the invoice.
func (v *invoice) updated(now time.Time) time.Time {
	switch {
	case v.settled(now):
		return v.paid
	case v.matched(now):
		return v.issued.Add(matchedAfter)
	}
	return v.issued
}

func (v *invoice) money(units int) object {
	m := world.Money{Units: units, Currency: v.m.Currency}
	return object{"currencyCode": m.Currency, "currencyAmount": m.Number()}
}

func (v *invoice) breakdown(kind string, units int, parts ...object) object {
	if parts == nil {
		parts = []object{}
	}
	return object{"breakdownType": kind, "breakdownAmount": v.money(units), "breakdowns": parts}
}

// settlement is what has become of the total: nothing before the goods were counted and of what is refused, and else its parts add up to the total.
func (v *invoice) settlement(now time.Time) []object {
	list := []object{}
	if !v.matched(now) || v.refused {
		return list
	}
	s := v.sums()
	payable := s.total - s.missing - s.dear
	paid, queued, discount := 0, payable, 0
	if v.settled(now) {
		if v.quick {
			discount = payable * quickPercent / 100
		}
		paid, queued = payable-discount, 0
	}
	for _, part := range []struct {
		kind  string
		units int
	}{{"AmountPaid", paid}, {"QueuedForPayment", queued}, {"QuickPayDiscount", discount}, {"QuantityVarianceAmount", s.missing}, {"PriceVariance", s.dear}} {
		if part.units != 0 {
			list = append(list, v.breakdown(part.kind, part.units))
		}
	}
	return list
}

func (v *invoice) header(now time.Time) object {
	s := v.sums()
	vendor := object{"partnerId": v.vendor, "partnerType": "VENDOR", "partnerName": v.name, "partnerEntities": []string{v.payee}}
	amazon := object{"partnerId": "AMAZON_" + v.m.CountryCode, "partnerType": "AMAZON", "partnerName": "Amazon", "partnerEntities": []string{}}
	related := func(name string, values ...string) object {
		return object{"relatedIdentifierName": name, "relatedIdentifierValue": values}
	}
	h := object{
		"invoiceNumber": v.number, "invoiceIdentifier": v.identifier(), "invoiceStatus": v.status(now), "invoiceType": "AP_INVENTORY",
		"payee": vendor, "payer": amazon,
		"issueDate": format.Timestamp(v.issued), "dueDate": format.Timestamp(v.due), "paymentTerms": v.terms, "invoiceAmount": v.money(s.total),
		"creationDate": format.Timestamp(v.issued), "lastUpdatedDate": format.Timestamp(v.updated(now)),
		"invoiceAmountBreakdowns": []object{
			v.breakdown("Total", s.total, v.breakdown("InvoiceAmountWithoutTax", s.total-s.tax), v.breakdown("TaxAmount", s.tax)),
		},
		"invoiceSettlementBreakdowns": v.settlement(now),
		"relatedIdentifiers":          []object{related("PURCHASE_ORDER_IDS", v.po), related("PAYEE_CODE", v.payee)},
	}
	if v.fee {
		month := time.Date(v.issued.Year(), v.issued.Month(), 1, 0, 0, 0, 0, time.UTC)
		h["invoiceType"], h["payee"], h["payer"] = "OTHER", amazon, vendor
		h["billingPeriod"] = object{"startDate": format.Timestamp(month.AddDate(0, -1, 0)), "endDate": format.Timestamp(month.Add(-time.Second))}
		h["relatedIdentifiers"] = []object{related("AGREEMENT_IDS", v.po)}
	}
	return h
}

func (l *line) object(v *invoice, number int, now time.Time) object {
	o := object{
		"lineItemId": fmt.Sprintf("LI-%03d", number), "unitCost": v.money(l.unit), "quantity": l.quantity, "totalAmount": v.money(l.total()),
		"totalAmountBreakdown": []object{v.breakdown("ItemCostWithoutTax", l.total()-l.tax), v.breakdown("ItemTaxAmount", l.tax)},
	}
	if l.tax > 0 {
		o["taxRateCodes"] = []string{fmt.Sprintf("%s %d", v.m.CountryCode, world.TaxRate(v.m.CountryCode))}
	}
	if l.product == nil {
		month := time.Date(v.issued.Year(), v.issued.Month(), 1, 0, 0, 0, 0, time.UTC)
		o["lineItemContext"] = object{"lineItemType": "SERVICES", "serviceChargeType": "DAMAGE_ALLOWANCE", "itemDescription": "Damage allowance",
			"serviceChargePeriod": object{"startDate": format.Timestamp(month.AddDate(0, -1, 0)), "endDate": format.Timestamp(month.Add(-time.Second))}}
		return o
	}
	identifier := func(name, value string) object {
		return object{"itemIdentifierName": name, "itemIdentifierValue": value}
	}
	context := object{"lineItemType": "GOODS", "itemDescription": l.product.TitleIn(v.m), "itemIdentifiers": []object{
		identifier("ASIN", l.product.ASIN), identifier("EAN", l.product.EAN), identifier("SKU", l.product.SKU)}}
	if v.matched(now) && !v.refused {
		payable := l.total() - l.missing() - l.dear()
		matching := object{
			"matchedQuantity": l.quantity - l.short, "matchedAmount": v.money(payable), "quantityVariance": l.short, "priceVariance": v.money(l.dear()),
			"paidQuantity": 0, "paidAmount": v.money(0),
		}
		if v.settled(now) {
			matching["paidQuantity"], matching["paidAmount"] = l.quantity-l.short, v.money(payable)
		}
		reasons := []object{}
		if l.short > 0 {
			reasons = append(reasons, object{"varianceType": "PQV", "defectTypes": []string{"SHORTAGES_IN_TRANSIT"}})
		}
		if l.over > 0 {
			reasons = append(reasons, object{"varianceType": "PPV", "defectTypes": []string{"PRODUCT_COST_NOT_ACTIVE"}})
		}
		matching["varianceReasons"] = reasons
		context["matchingContext"] = matching
	}
	o["lineItemContext"] = context
	o["relatedItemIdentifiers"] = []object{{"relatedIdentifierName": "PURCHASE_ORDER_IDS", "relatedIdentifierValue": []string{v.po}}}
	return o
}
