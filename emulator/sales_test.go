package emulator

import (
	"encoding/json"
	"fmt"
	"math"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/openspapi/spapi/emulator/internal/world"
)

// metrics asks for order metrics.
func (s *shop) metrics(interval, granularity string, more ...string) response {
	s.t.Helper()
	q := url.Values{"marketplaceIds": {usStore}, "interval": {interval}, "granularity": {granularity}}
	for i := 0; i < len(more); i += 2 {
		if q.Set(more[i], more[i+1]); more[i+1] == "" {
			q.Del(more[i])
		}
	}
	return s.get("/sales/v1/orderMetrics?" + q.Encode())
}

// sums adds up the entries of an answer.
func sums(a response) (units, items, orders int, sales string, entries int) {
	cents := 0
	for i := range a.list("payload") {
		n := func(name string) int {
			v, _ := a.path("payload", i, name).(json.Number)
			f, _ := v.Int64()
			return int(f)
		}
		units += n("unitCount")
		items += n("orderItemCount")
		orders += n("orderCount")
		amount, _ := a.path("payload", i, "totalSales", "amount").(json.Number) // not a text, as the model has it
		f, _ := amount.Float64()
		cents += int(math.Round(f * 100))
		entries++
	}
	return units, items, orders, world.Money{Units: cents, Currency: "USD"}.String(), entries
}

func TestOrderMetricsAddUp(t *testing.T) {
	s := newShop(t)
	from, to := shopTime.Add(-days(25)), shopTime
	interval := from.Format(time.RFC3339) + "--" + to.Format(time.RFC3339)
	// What the orders themselves say.
	var units, items, orders, cents int
	byASIN := map[string]int{}
	bySKU := map[string]int{}
	channels := map[string]int{}
	business := 0
	for o := range s.w.All(time.Time{}, shopTime) {
		if o.Purchased.Before(from) || !o.Purchased.Before(to) || o.Status(shopTime) == world.Canceled || o.Marketplace.ID != usStore {
			continue
		}
		orders++
		channels[o.Channel()]++
		if o.Business {
			business++
		}
		for _, it := range o.Items {
			items++
			units += it.Quantity
			cents += it.Price.Units
			byASIN[it.Product.ASIN] += it.Quantity
			bySKU[it.SKU] += it.Quantity
		}
	}
	want := fmt.Sprint(units, items, orders, world.Money{Units: cents, Currency: "USD"}.String(), orders > 30)
	for granularity, entries := range map[string]int{"Hour": 25 * 24, "Day": 26, "Week": 4, "Month": 2, "Year": 1, "Total": 1} {
		a := s.metrics(interval, granularity, "granularityTimeZone", "UTC")
		u, i, o, sales, n := sums(a)
		if got := fmt.Sprint(u, i, o, sales, o > 30); a.status != 200 || got != want || n != entries {
			t.Errorf("%s: %s in %d entries, want %s in %d", granularity, got, n, want, entries)
		}
	}
	total := s.metrics(interval, "Total")
	if got, want := total.text("payload", 0, "interval"), "2026-02-04T12:00Z--2026-03-01T12:00Z"; got != want {
		t.Errorf("interval %s, want %s", got, want)
	}
	if got, want := total.text("payload", 0, "averageUnitPrice", "amount"), (world.Money{Units: (cents + units/2) / units, Currency: "USD"}).String(); got != want {
		t.Errorf("average %s, want %s", got, want)
	}
	count := func(more ...string) (units, orders int) {
		u, _, o, _, _ := sums(s.metrics(interval, "Total", more...))
		return u, o
	}
	for channel, n := range channels {
		if _, got := count("fulfillmentNetwork", channel); got != n {
			t.Errorf("%s: %d, want %d", channel, got, n)
		}
	}
	if _, got := count("buyerType", "B2B"); got != business || business == 0 {
		t.Errorf("business orders %d, want %d", got, business)
	}
	if _, got := count("buyerType", "B2C"); got != orders-business {
		t.Errorf("consumers' orders %d, want %d", got, orders-business)
	}
	for asin, n := range byASIN {
		if got, _ := count("asin", asin); got != n {
			t.Errorf("%s: %d units, want %d", asin, got, n)
		}
	}
	for sku, n := range bySKU {
		if got, _ := count("sku", sku); got != n {
			t.Errorf("%s: %d units, want %d", sku, got, n)
		}
	}
	if u, o := count("amazonProgram", "AmazonHaul"); u != 0 || o != 0 {
		t.Errorf("%d units of a programme that the seller isn't in", u)
	}
	if got := s.metrics(interval, "Total", "asin", "B000000000").text("payload", 0, "averageUnitPrice", "amount"); got != "0.0" {
		t.Errorf("average of nothing: %s", got)
	}
}

// TestOrderMetricsBounds looks at the boundaries of days, weeks and months where the clocks change.
func TestOrderMetricsBounds(t *testing.T) {
	s := newShop(t)
	for _, test := range []struct {
		interval, granularity, zone, firstDay string
		want                                  string // the intervals, by comma
	}{
		{"2025-11-01T00:00:00-07:00--2025-11-04T00:00:00-08:00", "Day", "US/Pacific", "", "2025-11-01T00:00-07:00--2025-11-02T00:00-07:00,2025-11-02T00:00-07:00--2025-11-03T00:00-08:00,2025-11-03T00:00-08:00--2025-11-04T00:00-08:00"},
		{"2025-09-01T02:00:00Z--2025-09-03T19:00:00Z", "Day", "UTC", "", "2025-09-01T02:00Z--2025-09-02T00:00Z,2025-09-02T00:00Z--2025-09-03T00:00Z,2025-09-03T00:00Z--2025-09-03T19:00Z"},
		{"2026-02-20T00:00:00+01:00--2026-02-28T00:00:00+01:00", "Week", "Europe/Berlin", "", "2026-02-20T00:00+01:00--2026-02-23T00:00+01:00,2026-02-23T00:00+01:00--2026-02-28T00:00+01:00"},
		{"2026-02-20T00:00:00+01:00--2026-02-28T00:00:00+01:00", "Week", "Europe/Berlin", "Sunday", "2026-02-20T00:00+01:00--2026-02-22T00:00+01:00,2026-02-22T00:00+01:00--2026-02-28T00:00+01:00"},
		{"2026-01-31T00:00:00+09:00--2026-03-01T00:00:00+09:00", "Month", "Asia/Tokyo", "", "2026-01-31T00:00+09:00--2026-02-01T00:00+09:00,2026-02-01T00:00+09:00--2026-03-01T00:00+09:00"},
		{"2025-12-31T00:00:00Z--2026-01-02T00:00:00Z", "Year", "UTC", "", "2025-12-31T00:00Z--2026-01-01T00:00Z,2026-01-01T00:00Z--2026-01-02T00:00Z"},
		{"2026-02-28T10:15:00+05:30--2026-02-28T12:00:00+05:30", "Hour", "Asia/Kolkata", "", "2026-02-28T10:15+05:30--2026-02-28T11:00+05:30,2026-02-28T11:00+05:30--2026-02-28T12:00+05:30"},
		{"2026-02-28T10:15:00-05:00--2026-02-28T11:30:00-05:00", "Hour", "", "", "2026-02-28T10:15-05:00--2026-02-28T11:00-05:00,2026-02-28T11:00-05:00--2026-02-28T11:30-05:00"},
	} {
		a := s.metrics(test.interval, test.granularity, "granularityTimeZone", test.zone, "firstDayOfWeek", test.firstDay)
		var got []string
		for i := range a.list("payload") {
			got = append(got, a.text("payload", i, "interval"))
		}
		if strings.Join(got, ",") != test.want {
			t.Errorf("%s by %s in %q:\n got %s\nwant %s\n%s", test.interval, test.granularity, test.zone, strings.Join(got, ","), test.want, a.body)
		}
	}
}

func TestOrderMetricsRules(t *testing.T) {
	s := newShop(t)
	good := "2026-02-01T00:00:00Z--2026-02-03T00:00:00Z"
	for _, test := range []struct {
		name, interval, granularity string
		more                        []string
		status                      int
		part                        string
	}{
		{"good", good, "Day", []string{"granularityTimeZone", "UTC"}, 200, "payload"},
		{"no time zone", good, "Day", nil, 400, "granularityTimeZone"},
		{"total needs none", good, "Total", nil, 200, "payload"},
		{"zone with another offset", good, "Day", []string{"granularityTimeZone", "US/Pacific"}, 400, "granularityTimeZone"},
		{"unknown zone", good, "Day", []string{"granularityTimeZone", "Mars/Base"}, 400, "granularityTimeZone"},
		{"zone of the machine", good, "Day", []string{"granularityTimeZone", "Local"}, 400, "granularityTimeZone"},
		{"milliseconds", "2026-02-01T00:00:00.000Z--2026-02-03T00:00:00.500Z", "Total", nil, 200, "payload"},
		{"no seconds", "2026-02-01T00:00Z--2026-02-03T00:00Z", "Total", nil, 400, "{getOrderMetrics.arg1=must match"},
		{"local times", "2026-02-01T00:00:00--2026-02-03T00:00:00", "Total", nil, 400, "{getOrderMetrics.arg1=must match"},
		{"one hyphen", "2026-02-01T00:00:00Z-2026-02-03T00:00:00Z", "Total", nil, 400, "interval"},
		{"no such day", "2026-02-31T00:00:00Z--2026-03-03T00:00:00Z", "Total", nil, 400, "interval"},
		{"backwards", "2026-02-03T00:00:00Z--2026-02-01T00:00:00Z", "Total", nil, 400, "interval"},
		{"hours of long ago", "2026-01-01T00:00:00Z--2026-01-02T00:00:00Z", "Hour", nil, 400, "30 days"},
		{"three years ago", "2023-01-01T00:00:00Z--2026-01-02T00:00:00Z", "Total", nil, 400, "2 years"},
		{"far future", "2026-01-01T00:00:00Z--2126-01-02T00:00:00Z", "Day", []string{"granularityTimeZone", "UTC"}, 400, "future"},
		{"granularity", good, "Minute", nil, 400, "granularity"},
		{"asin and sku", good, "Total", []string{"asin", "x", "sku", "y"}, 400, "sku"},
		{"network", good, "Total", []string{"fulfillmentNetwork", "XFN"}, 400, "fulfillmentNetwork"},
		{"two marketplaces", good, "Total", []string{"marketplaceIds", usStore + ",A2EUQ1WTGCTBG2"}, 400, "marketplaceIds"},
		{"another region", good, "Total", []string{"marketplaceIds", "A1PA6795UKMFR9"}, 403, ""},
		{"buyers", good, "Total", []string{"buyerType", "C2C"}, 400, "buyerType"},
	} {
		s.want(test.name, s.metrics(test.interval, test.granularity, test.more...), test.status, test.part)
	}
	// New orders count when they have come.
	interval := "2026-03-01T12:00:00Z--2026-03-03T12:00:00Z"
	if _, _, orders, _, _ := sums(s.metrics(interval, "Total")); orders != 0 {
		t.Errorf("%d orders of the future", orders)
	}
	s.Advance(days(2))
	s.refresh()
	if _, _, orders, _, _ := sums(s.metrics(interval, "Total")); orders == 0 {
		t.Error("no orders in two days")
	}
}
