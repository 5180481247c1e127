package jobs

import (
	"encoding/json"
	"math"
	"strings"
	"time"

	"github.com/openspapi/spapi/emulator/internal/format"
	"github.com/openspapi/spapi/emulator/internal/world"
)

// fields are the counts by the names that both the report and Data Kiosk give them. b2b appends "B2B".
func fields(s *world.Sales, c *world.Counts, suffix string) map[string]any {
	amount := func(units int) any {
		return object{"amount": round(float64(units)/math.Pow10(world.Decimals(s.Currency)), 2), "currencyCode": s.Currency}
	}
	per := func(a, b int) int {
		if b == 0 {
			return 0
		}
		return a / b
	}
	out := map[string]any{
		"orderedProductSales": amount(c.Amount), "unitsOrdered": c.Units, "totalOrderItems": c.Items, "averageSalesPerOrderItem": amount(per(c.Amount, c.Items)),
		"averageUnitsPerOrderItem": ratio(c.Units, c.Items, 1), "averageSellingPrice": amount(per(c.Amount, c.Units)), "unitsRefunded": c.Refunded,
		"refundRate": min(ratio(c.Refunded, c.Units, 100), 100), "claimsGranted": c.Claims, "claimsAmount": amount(c.ClaimsAmount),
		"shippedProductSales": amount(c.ShippedAmount),
		"unitsShipped":        c.ShippedUnits, "ordersShipped": c.ShippedOrders,
		"browserPageViews": c.PageViews - c.MobileViews, "mobileAppPageViews": c.MobileViews, "pageViews": c.PageViews,
		"browserSessions": c.Sessions - c.MobileSessions, "mobileAppSessions": c.MobileSessions, "sessions": c.Sessions, "buyBoxPercentage": format.Double(96.5),
		"orderItemSessionPercentage": min(ratio(c.Items, c.Sessions, 100), 100), "unitSessionPercentage": ratio(c.Units, c.Sessions, 100),
		"feedbackReceived": c.Items / 20,
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
func shares(s *world.Sales, c, of *world.Counts, suffix string) map[string]any {
	return map[string]any{
		"browserPageViewsPercentage" + suffix:   ratio(c.PageViews-c.MobileViews, of.PageViews-of.MobileViews, 100),
		"mobileAppPageViewsPercentage" + suffix: ratio(c.MobileViews, of.MobileViews, 100),
		"pageViewsPercentage" + suffix:          ratio(c.PageViews, of.PageViews, 100),
		"browserSessionPercentage" + suffix:     ratio(c.Sessions-c.MobileSessions, of.Sessions-of.MobileSessions, 100),
		"mobileAppSessionPercentage" + suffix:   ratio(c.MobileSessions, of.MobileSessions, 100),
		"sessionPercentage" + suffix:            ratio(c.Sessions, of.Sessions, 100),
	}
}

// totals adds up the traffic of a list, which the shares are parts of.
func totals(list []*world.Sales) (all, b2b world.Counts) {
	for _, s := range list {
		for sum, c := range map[*world.Counts]*world.Counts{&all: &s.All, &b2b: &s.B2B} {
			sum.PageViews += c.PageViews
			sum.MobileViews += c.MobileViews
			sum.Sessions += c.Sessions
			sum.MobileSessions += c.MobileSessions
		}
	}
	return all, b2b
}

func round(f float64, digits int) format.Double {
	p := math.Pow10(digits)
	return format.Double(math.Round(f*p) / p)
}

func ratio(a, b int, factor float64) format.Double {
	if b == 0 {
		return 0
	}
	return round(float64(a)/float64(b)*factor, 2)
}

// figures is everything that is known about a sum, by name.
func figures(s *world.Sales, all, b2b *world.Counts) map[string]any {
	out := fields(s, &s.All, "")
	for _, more := range []map[string]any{fields(s, &s.B2B, "B2B"), shares(s, &s.All, all, ""), shares(s, &s.B2B, b2b, "B2B")} {
		for name, v := range more {
			out[name] = v
		}
	}
	return out
}

// choose takes the named members out of m, in the order of their names.
func choose(m map[string]any, names []string) format.Record {
	out := make(format.Record, 0, len(names))
	for _, name := range names {
		if v, ok := m[name]; ok {
			out = append(out, [2]any{name, v})
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
func (k *Queue) salesReport(r *Report, w *world.World, at time.Time) (body []byte, problem string) {
	from, to := r.From.UTC().Truncate(world.Day), r.To.UTC().Truncate(world.Day)
	switch {
	case !r.ranged():
		return nil, "dataStartTime and dataEndTime are required for GET_SALES_AND_TRAFFIC_REPORT." // wording assumed, as of the next
	case from.Before(at.AddDate(-2, 0, 0).Truncate(world.Day)):
		return nil, "dataStartTime must be no more than two years ago."
	case len(r.Marketplaces) > 1:
		return nil, "Only one marketplace is supported for GET_SALES_AND_TRAFFIC_REPORT."
	}
	period, product := r.Options["dateGranularity"], r.Options["asinGranularity"]
	if period == "" {
		period = "DAY"
	}
	if product == "" {
		product = "PARENT"
	}
	byDate, byASIN := []format.Record{}, []format.Record{}
	for _, s := range k.sumSales(askedByReport, r.Kind.Name, at, from, to, r.Marketplaces, period, false) {
		f := figures(s, &world.Counts{}, &world.Counts{})
		byDate = append(byDate, format.Record{{"date", s.Date}, {"salesByDate", choose(f, reportSalesByDate)}, {"trafficByDate", choose(f, reportTrafficByDate)}})
	}
	list := k.sumSales(askedByReport, r.Kind.Name, at, from, to, r.Marketplaces, "", true)
	all, b2b := totals(list)
	for _, s := range list {
		f := figures(s, &all, &b2b)
		var child, sku any
		if product != "PARENT" {
			child = s.Product.ASIN
		}
		if product == "SKU" {
			sku = s.Product.SKU
		}
		byASIN = append(byASIN, format.Record{{"parentAsin", s.Product.ASIN}, {"childAsin", child}, {"sku", sku},
			{"salesByAsin", choose(f, reportSalesByASIN)}, {"trafficByAsin", choose(f, reportTrafficByASIN)}})
	}
	spec := format.Record{
		{"reportType", r.Kind.Name}, {"reportOptions", format.Record{{"dateGranularity", period}, {"asinGranularity", product}}},
		{"dataStartTime", from.Format(time.DateOnly)}, {"dataEndTime", to.Format(time.DateOnly)}, {"marketplaceIds", r.Marketplaces},
	}
	body, err := json.Marshal(format.Record{{"reportSpecification", spec}, {"salesAndTrafficByDate", byDate}, {"salesAndTrafficByAsin", byASIN}})
	if err != nil {
		panic("emulator: sales report: " + err.Error()) // figures are finite
	}
	return body, ""
}

// The operations that ask for sales and traffic.
const (
	askedByReport = "reports20210630.createReport"
	askedByQuery  = "datakiosk20231115.createQuery"
)

// sumSales is what is known at a time of the sales and traffic of some days, for an operation that asks for it, and a type of reports. While a fault restates
// them, the figures of a day grow until they are what they stay.
func (k *Queue) sumSales(operation, reportType string, at, from, to time.Time, markets []string, period string, products bool) []*world.Sales {
	list := k.account.World().SumSales(at, from, to, markets, period, products)
	long := k.account.Desk.Faults.Restated(operation, reportType)
	if long == 0 {
		return list
	}
	for _, s := range list {
		first, _ := time.Parse(time.DateOnly, s.Date) // SumSales has written them
		last, _ := time.Parse(time.DateOnly, s.End)
		days, known := 0, 0.0
		for day := first; !day.After(last); day = day.Add(world.Day) {
			days++
			known += k.known(s.Marketplace, day, at, long)
		}
		for _, c := range []*world.Counts{&s.All, &s.B2B} {
			for _, n := range []*int{&c.Units, &c.Items, &c.Amount, &c.ShippedUnits, &c.ShippedOrders, &c.ShippedAmount, &c.Refunded, &c.RefundedAmount, &c.PageViews, &c.Sessions,
				&c.MobileViews, &c.MobileSessions} {
				*n = int(float64(*n) * known / float64(max(days, 1)))
			}
		}
	}
	return list
}

// known is which part of a day's figures is known at a time, when it takes long after the day until all of them are. How much is missing at first differs
// from day to day.
func (k *Queue) known(marketplace string, day, at time.Time, long time.Duration) float64 {
	open := float64(day.Add(world.Day).Add(long).Sub(at)) / float64(long)
	missing := 0.05 + 0.25*k.account.Desk.Seed.Of("restated", k.account.Number, marketplace, day.Unix()).Float64()
	return 1 - missing*min(max(open, 0), 1)
}
