package emulator

import (
	"encoding/json"
	"math"
	"slices"
	"strings"
	"time"
)

// salesKey is what sales are summed up by; members that don't matter are empty.
type salesKey struct{ marketplace, date, product string }

// sales are the sums of one day, product, or both: the same for the sales and traffic report and for Data Kiosk.
type sales struct {
	salesKey
	end      string // last day of a period
	currency string
	product  *product

	all, b2b counts
}

// counts are what is counted of all buyers, and of business buyers alone.
type counts struct {
	units, items   int
	amount         int // of what was ordered
	shippedUnits   int
	shippedOrders  int
	shippedAmount  int
	refunded       int
	refundedAmount int
	pageViews      int
	sessions       int
	mobileViews    int
	mobileSessions int
}

// sumSales adds up the orders that were placed, shipped or returned from one day to another, as of at. period is DAY, WEEK, MONTH or ""
// for all of it; products tells whether each product counts for itself.
func (k *desk) sumSales(w *world, at, from, to time.Time, markets []string, period string, products bool) []*sales {
	sums := map[salesKey]*sales{}
	get := func(o *order, t time.Time, p *product) *sales {
		key := salesKey{marketplace: o.marketplace.ID}
		var end string
		key.date, end = periodOf(t, from, to, period)
		if products {
			key.product = p.asin
		}
		s := sums[key]
		if s == nil {
			s = &sales{salesKey: key, end: end, currency: o.marketplace.Currency}
			if products {
				s.product = p
			}
			sums[key] = s
		}
		return s
	}
	last := to.Add(day)
	within := func(t time.Time) bool { return !t.IsZero() && !t.Before(from) && t.Before(last) && !t.After(at) }
	w.mu.RLock()
	defer w.mu.RUnlock()
	for _, o := range w.orders {
		if o.purchased.After(at) {
			break
		}
		if !slices.Contains(markets, o.marketplace.ID) {
			continue
		}
		add := func(s *sales, f func(*counts)) {
			f(&s.all)
			if o.business {
				f(&s.b2b)
			}
		}
		for i := range o.items {
			it := &o.items[i]
			if within(o.purchased) {
				add(get(o, o.purchased, it.product), func(c *counts) { c.units += it.quantity; c.items++; c.amount += it.price.units })
			}
			if o.status(at) != shipped {
				continue
			}
			if within(o.shipped) {
				add(get(o, o.shipped, it.product), func(c *counts) {
					c.shippedUnits += it.quantity
					c.shippedAmount += it.price.units
					if i == 0 || products {
						c.shippedOrders++
					}
				})
			}
			if back := k.returned(o, i); back != nil && within(back.at) {
				add(get(o, back.at, it.product), func(c *counts) {
					c.refunded += back.quantity
					c.refundedAmount += it.price.units * back.quantity / it.quantity
				})
			}
		}
	}
	list := make([]*sales, 0, len(sums))
	for _, s := range sums {
		// Traffic is made up: about eight visits for each thing sold.
		r := k.random("traffic", s.marketplace, s.date, s.salesKey.product)
		for c, factor := range map[*counts]int{&s.all: 8, &s.b2b: 3} {
			c.sessions = c.items*factor + c.items
		}
		s.all.sessions += r.between(3, 25)
		for _, c := range []*counts{&s.b2b, &s.all} {
			c.mobileSessions = c.sessions * 6 / 10
			c.pageViews, c.mobileViews = c.sessions*16/10, c.mobileSessions*16/10
		}
		list = append(list, s)
	}
	slices.SortFunc(list, func(a, b *sales) int {
		for _, order := range []int{strings.Compare(a.date, b.date), strings.Compare(a.marketplace, b.marketplace), strings.Compare(a.salesKey.product, b.salesKey.product)} {
			if order != 0 {
				return order
			}
		}
		return 0
	})
	return list
}

// periodOf is the first and last day of the period that t is in, kept to the days asked for. Weeks begin on Sunday
// (selling-partner-api-models, sellerSalesAndTrafficReport.json).
func periodOf(t, from, to time.Time, period string) (first, last string) {
	d := t.UTC().Truncate(day)
	a, b := d, d
	switch period {
	case "WEEK":
		a = d.AddDate(0, 0, -int(d.Weekday()))
		b = a.AddDate(0, 0, 6)
	case "MONTH":
		a = time.Date(d.Year(), d.Month(), 1, 0, 0, 0, 0, time.UTC)
		b = a.AddDate(0, 1, -1)
	case "", "RANGE":
		a, b = from, to
	}
	if a.Before(from) {
		a = from
	}
	if b.After(to) {
		b = to
	}
	return a.Format(time.DateOnly), b.Format(time.DateOnly)
}

// fields are the counts by the names that both the report and Data Kiosk give them. b2b appends "B2B".
func (s *sales) fields(c *counts, suffix string) map[string]any {
	amount := func(units int) any {
		return object{"amount": round(float64(units)/math.Pow10(decimals(s.currency)), 2), "currencyCode": s.currency}
	}
	per := func(a, b int) int {
		if b == 0 {
			return 0
		}
		return a / b
	}
	out := map[string]any{
		"orderedProductSales": amount(c.amount), "unitsOrdered": c.units, "totalOrderItems": c.items, "averageSalesPerOrderItem": amount(per(c.amount, c.items)),
		"averageUnitsPerOrderItem": ratio(c.units, c.items, 1), "averageSellingPrice": amount(per(c.amount, c.units)), "unitsRefunded": c.refunded,
		"refundRate": min(ratio(c.refunded, c.units, 100), 100), "claimsGranted": 0, "claimsAmount": amount(0), "shippedProductSales": amount(c.shippedAmount),
		"unitsShipped": c.shippedUnits, "ordersShipped": c.shippedOrders,
		"browserPageViews": c.pageViews - c.mobileViews, "mobileAppPageViews": c.mobileViews, "pageViews": c.pageViews,
		"browserSessions": c.sessions - c.mobileSessions, "mobileAppSessions": c.mobileSessions, "sessions": c.sessions, "buyBoxPercentage": 96.5,
		"orderItemSessionPercentage": min(ratio(c.items, c.sessions, 100), 100), "unitSessionPercentage": ratio(c.units, c.sessions, 100),
		"feedbackReceived": c.items / 20,
	}
	if suffix == "" {
		out["averageOfferCount"], out["averageParentItems"], out["negativeFeedbackReceived"], out["receivedNegativeFeedbackRate"] = 60, 60, 0, 0
		return out
	}
	renamed := map[string]any{}
	for name, v := range out {
		renamed[name+suffix] = v
	}
	return renamed
}

// shares are the parts of all page views and sessions, in percent.
func (s *sales) shares(c, of *counts, suffix string) map[string]any {
	return map[string]any{
		"browserPageViewsPercentage" + suffix:   ratio(c.pageViews-c.mobileViews, of.pageViews-of.mobileViews, 100),
		"mobileAppPageViewsPercentage" + suffix: ratio(c.mobileViews, of.mobileViews, 100),
		"pageViewsPercentage" + suffix:          ratio(c.pageViews, of.pageViews, 100),
		"browserSessionPercentage" + suffix:     ratio(c.sessions-c.mobileSessions, of.sessions-of.mobileSessions, 100),
		"mobileAppSessionPercentage" + suffix:   ratio(c.mobileSessions, of.mobileSessions, 100),
		"sessionPercentage" + suffix:            ratio(c.sessions, of.sessions, 100),
	}
}

// totals adds up the traffic of a list, which the shares are parts of.
func totals(list []*sales) (all, b2b counts) {
	for _, s := range list {
		for sum, c := range map[*counts]*counts{&all: &s.all, &b2b: &s.b2b} {
			sum.pageViews += c.pageViews
			sum.mobileViews += c.mobileViews
			sum.sessions += c.sessions
			sum.mobileSessions += c.mobileSessions
		}
	}
	return all, b2b
}

func round(f float64, digits int) float64 {
	p := math.Pow10(digits)
	return math.Round(f*p) / p
}

func ratio(a, b int, factor float64) float64 {
	if b == 0 {
		return 0
	}
	return round(float64(a)/float64(b)*factor, 2)
}

// figures is everything that is known about a sum, by name.
func (s *sales) figures(all, b2b *counts) map[string]any {
	out := s.fields(&s.all, "")
	for _, more := range []map[string]any{s.fields(&s.b2b, "B2B"), s.shares(&s.all, all, ""), s.shares(&s.b2b, b2b, "B2B")} {
		for name, v := range more {
			out[name] = v
		}
	}
	return out
}

// choose takes the named members out of m.
func choose(m map[string]any, names []string) object {
	out := object{}
	for _, name := range names {
		if v, ok := m[name]; ok {
			out[name] = v
		}
	}
	return out
}

var (
	reportSalesByDate = strings.Fields(`orderedProductSales orderedProductSalesB2B unitsOrdered unitsOrderedB2B totalOrderItems totalOrderItemsB2B averageSalesPerOrderItem
		averageSalesPerOrderItemB2B averageUnitsPerOrderItem averageUnitsPerOrderItemB2B averageSellingPrice averageSellingPriceB2B unitsRefunded refundRate claimsGranted claimsAmount
		shippedProductSales unitsShipped ordersShipped`)
	reportTrafficByDate = strings.Fields(`browserPageViews browserPageViewsB2B mobileAppPageViews mobileAppPageViewsB2B pageViews pageViewsB2B browserSessions browserSessionsB2B
		mobileAppSessions mobileAppSessionsB2B sessions sessionsB2B buyBoxPercentage buyBoxPercentageB2B orderItemSessionPercentage orderItemSessionPercentageB2B
		unitSessionPercentage unitSessionPercentageB2B averageOfferCount averageParentItems feedbackReceived negativeFeedbackReceived receivedNegativeFeedbackRate`)
	reportSalesByASIN   = strings.Fields(`unitsOrdered unitsOrderedB2B orderedProductSales orderedProductSalesB2B totalOrderItems totalOrderItemsB2B`)
	reportTrafficByASIN = strings.Fields(`browserSessions browserSessionsB2B mobileAppSessions mobileAppSessionsB2B sessions sessionsB2B browserSessionPercentage
		browserSessionPercentageB2B mobileAppSessionPercentage mobileAppSessionPercentageB2B sessionPercentage sessionPercentageB2B browserPageViews browserPageViewsB2B
		mobileAppPageViews mobileAppPageViewsB2B pageViews pageViewsB2B browserPageViewsPercentage browserPageViewsPercentageB2B mobileAppPageViewsPercentage
		mobileAppPageViewsPercentageB2B pageViewsPercentage pageViewsPercentageB2B buyBoxPercentage buyBoxPercentageB2B unitSessionPercentage unitSessionPercentageB2B`)
)

// salesReport writes GET_SALES_AND_TRAFFIC_REPORT as its schema has it (selling-partner-api-models, sellerSalesAndTrafficReport.json). problem
// tells why there is none: dates are needed and reach back two years.
func (k *desk) salesReport(r *report, w *world, at time.Time) (body []byte, problem string) {
	from, to := r.from.UTC().Truncate(day), r.to.UTC().Truncate(day)
	switch {
	case r.from.Equal(r.created) && r.to.Equal(r.created): // nothing was said: both are the time of the request
		return nil, "dataStartTime and dataEndTime are required for GET_SALES_AND_TRAFFIC_REPORT." // wording assumed, as of the next
	case from.Before(at.AddDate(-2, 0, 0).Truncate(day)):
		return nil, "dataStartTime must be no more than two years ago."
	case len(r.marketplaces) > 1:
		return nil, "Only one marketplace is supported for GET_SALES_AND_TRAFFIC_REPORT."
	}
	period, product := r.options["dateGranularity"], r.options["asinGranularity"]
	if period == "" {
		period = "DAY"
	}
	if product == "" {
		product = "PARENT"
	}
	byDate, byASIN := []object{}, []object{}
	for _, s := range k.sumSales(w, at, from, to, r.marketplaces, period, false) {
		f := s.figures(&counts{}, &counts{})
		byDate = append(byDate, object{"date": s.date, "salesByDate": choose(f, reportSalesByDate), "trafficByDate": choose(f, reportTrafficByDate)})
	}
	list := k.sumSales(w, at, from, to, r.marketplaces, "", true)
	all, b2b := totals(list)
	for _, s := range list {
		f := s.figures(&all, &b2b)
		entry := object{"parentAsin": s.product.asin, "salesByAsin": choose(f, reportSalesByASIN), "trafficByAsin": choose(f, reportTrafficByASIN)}
		if product != "PARENT" {
			entry["childAsin"] = s.product.asin
		}
		if product == "SKU" {
			entry["sku"] = s.product.sku
		}
		byASIN = append(byASIN, entry)
	}
	spec := object{
		"reportType": r.kind.name, "reportOptions": object{"dateGranularity": period, "asinGranularity": product},
		"dataStartTime": from.Format(time.DateOnly), "dataEndTime": to.Format(time.DateOnly), "marketplaceIds": r.marketplaces,
	}
	body, err := json.Marshal(object{"reportSpecification": spec, "salesAndTrafficByDate": byDate, "salesAndTrafficByAsin": byASIN})
	if err != nil {
		panic("emulator: sales report: " + err.Error()) // figures are finite
	}
	return body, ""
}
