// Package sales answers for sales.
package sales

import (
	"regexp"
	"slices"
	"strings"
	"sync"
	"time"
	_ "time/tzdata"

	"github.com/openspapi/spapi/emulator/internal/answer"
	"github.com/openspapi/spapi/emulator/internal/desk"
	"github.com/openspapi/spapi/emulator/internal/format"
	"github.com/openspapi/spapi/emulator/internal/world"
)

// Flow is the API of sales.
var Flow = desk.Flow{Stores: []desk.Keeper{stockHourStore}, News: news, Changes: watch, Handlers: map[string]desk.Handler{"salesv1.getOrderMetrics": getOrderMetrics}}

// salesInterval is the expression that the service names in its error (selling-partner-api-models#2050).
const salesInterval = `[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}(\.[0-9]{3})?(([+-]\d\d:\d\d)|Z)(\[[a-zA-Z/_]+\])?`

var salesIntervalPattern = sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(`^(` + salesInterval + `)--(` + salesInterval + `)$`) })

const (
	// How far back an interval may reach by hours, and else: the model's note on granularity.
	hourlyDays  = 30
	salesYears  = 2
	salesLayout = "2006-01-02T15:04Z07:00"
)

// getOrderMetrics adds up the orders of an interval, cut at the boundaries of hours, days, weeks, months or years.
func getOrderMetrics(c *desk.Call) (answer.Reply, *answer.Error) {
	q := c.Query
	ids := q["marketplaceIds"]
	if len(ids) > 1 {
		// selling-partner-api-models#775
		return answer.Reply{}, answer.Invalid("Invalid Input", "marketplaceIds: has "+format.Number(float64(len(ids)))+" values, want one")
	}
	m, err := c.MarketplaceOf("marketplaceIds", q.Get("marketplaceIds"))
	if err != nil {
		return answer.Reply{}, err
	}
	from, to, zone, err := askedInterval(c)
	if err != nil {
		return answer.Reply{}, err
	}
	if q.Has("asin") && q.Has("sku") {
		return answer.Reply{}, answer.Invalid("Invalid Input", "sku: can't be used with asin")
	}
	network := q.Get("fulfillmentNetwork")
	if network != "" && network != "MFN" && network != "AFN" {
		return answer.Reply{}, answer.Invalid("Invalid Input", "fulfillmentNetwork: is "+network+", want MFN or AFN")
	}
	bounds := salesBounds(from, to, q.Get("granularity"), q.Get("firstDayOfWeek"), zone)
	type sums struct{ units, items, orders, sales int }
	metrics := make([]sums, len(bounds)-1)
	w := c.Seller.World()
	for o := range w.Lives(from, c.Now) {
		if !o.Purchased.Before(to) {
			break
		}
		if o.Marketplace.ID != m.ID || o.Status(c.Now) == world.Canceled || // ordered sales: cancelled orders don't count
			!world.Same(network, o.Channel()) || q.Get("buyerType") == "B2B" && !o.Business || q.Get("buyerType") == "B2C" && o.Business || q.Has("amazonProgram") {
			continue
		}
		i, exact := slices.BinarySearchFunc(bounds, o.Purchased, func(b, t time.Time) int { return b.Compare(t) })
		if !exact {
			i--
		}
		s, counted := &metrics[i], false
		for _, it := range o.Items {
			if !world.Same(q.Get("asin"), it.Product.ASIN) || !world.Same(q.Get("sku"), it.SKU) {
				continue
			}
			counted = true
			s.items++
			s.units += it.Quantity
			s.sales += it.Price.Units
		}
		if counted {
			s.orders++
		}
	}
	list := make([]format.Record, len(metrics))
	for i, s := range metrics {
		average := world.Money{Units: 0, Currency: m.Currency}
		if s.units > 0 {
			average.Units = (s.sales + s.units/2) / s.units
		}
		list[i] = format.Record{
			{"interval", bounds[i].Format(salesLayout) + "--" + bounds[i+1].Format(salesLayout)},
			{"unitCount", s.units}, {"orderItemCount", s.items}, {"orderCount", s.orders},
			{"averageUnitPrice", amount(average)}, {"totalSales", amount(world.Money{Units: s.sales, Currency: m.Currency})},
		}
	}
	return answer.Payload(list), nil
}

// amount is a number, though the model says that it is a text (lineofflight/peddler, test/vcr_cassettes/Peddler/APIs/SalesV1Test, September 2025).
func amount(m world.Money) format.Record {
	return format.Record{{"amount", m.Number()}, {"currencyCode", m.Currency}}
}

// askedInterval reads the interval and the time zone, and keeps to the rules of the model's notes.
func askedInterval(c *desk.Call) (from, to time.Time, zone *time.Location, _ *answer.Error) {
	text, granularity := c.Query.Get("interval"), c.Query.Get("granularity")
	fail := func(message, details string) (time.Time, time.Time, *time.Location, *answer.Error) {
		return time.Time{}, time.Time{}, nil, answer.Invalid(message, details)
	}
	match := salesIntervalPattern().FindStringSubmatch(text)
	if match == nil {
		return fail(`{getOrderMetrics.arg1=must match "`+salesInterval+"--"+salesInterval+`"}`, "interval: two times in ISO 8601 with two hyphens between them")
	}
	var times [2]time.Time
	for i, part := range []string{match[1], match[1+len(match)/2]} {
		part, _, _ = strings.Cut(part, "[")
		t, err := time.Parse(time.RFC3339Nano, part)
		if err != nil {
			return fail("Invalid Input", "interval: "+part+" is no time")
		}
		times[i] = t
	}
	from, to = times[0], times[1]
	if !from.Before(to) {
		return fail("Invalid Input", "interval: ends before it begins")
	}
	switch {
	case granularity == "Hour" && from.Before(c.Now.AddDate(0, 0, -hourlyDays)):
		return fail("Invalid Input", "interval: begins more than 30 days ago, which is too long for granularity Hour")
	case from.Before(c.Now.AddDate(-salesYears, 0, 0)):
		return fail("Invalid Input", "interval: begins more than 2 years ago")
	case to.After(c.Now.AddDate(salesYears, 0, 0)) || granularity == "Hour" && to.After(c.Now.AddDate(0, 0, hourlyDays)):
		return fail("Invalid Input", "interval: ends too far in the future") // assumed: without an end there would be no end of intervals
	}
	name := c.Query.Get("granularityTimeZone")
	if name == "" {
		if granularity != "Hour" && granularity != "Total" {
			return fail("Invalid Input", "granularityTimeZone: required for a granularity above Hour")
		}
		return from, to, from.Location(), nil
	}
	zone, err := time.LoadLocation(name)
	if err != nil || name == "Local" {
		return fail("Invalid Input", `granularityTimeZone: "`+name+`" is not a time zone of the IANA`)
	}
	for i, t := range []time.Time{from, to} {
		_, asked := t.Zone()
		if _, actual := t.In(zone).Zone(); asked != actual && i == 0 { // the end may lie behind a change of the clock
			return fail("Invalid Input", "granularityTimeZone: "+name+" has another offset than the interval")
		}
	}
	return from.In(zone), to.In(zone), zone, nil
}

// salesBounds returns the times at which an interval is cut, its begin and end included.
func salesBounds(from, to time.Time, granularity, firstDay string, zone *time.Location) []time.Time {
	bounds := []time.Time{from}
	if granularity == "Total" {
		return append(bounds, to)
	}
	t := from.In(zone)
	midnight := time.Date(t.Year(), t.Month(), t.Day(), 0, 0, 0, 0, zone)
	var next func(time.Time) time.Time
	switch granularity {
	case "Hour":
		midnight = t.Truncate(time.Hour) // zones off by half an hour: their hours begin at :30 of the others'
		if _, offset := t.Zone(); offset%3600 != 0 {
			shift := time.Duration(offset%3600) * time.Second
			midnight = t.Add(shift).Truncate(time.Hour).Add(-shift)
		}
		next = func(t time.Time) time.Time { return t.Add(time.Hour) }
	case "Day":
		next = func(t time.Time) time.Time { return t.AddDate(0, 0, 1) }
	case "Week":
		first := time.Monday
		if firstDay == "Sunday" {
			first = time.Sunday
		}
		midnight = midnight.AddDate(0, 0, -(int(t.Weekday())-int(first)+7)%7)
		next = func(t time.Time) time.Time { return t.AddDate(0, 0, 7) }
	case "Month":
		midnight = time.Date(t.Year(), t.Month(), 1, 0, 0, 0, 0, zone)
		next = func(t time.Time) time.Time { return t.AddDate(0, 1, 0) }
	default:
		midnight = time.Date(t.Year(), 1, 1, 0, 0, 0, 0, zone)
		next = func(t time.Time) time.Time { return t.AddDate(1, 0, 0) }
	}
	for b := next(midnight); b.Before(to); b = next(b) {
		if b.After(from) {
			bounds = append(bounds, b)
		}
	}
	return append(bounds, to)
}
