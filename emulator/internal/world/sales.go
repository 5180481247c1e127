package world

import (
	"cmp"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/openspapi/spapi/emulator/internal/random"
	"github.com/openspapi/spapi/marketplace"
)

// salesKey is what sales are summed up by; members that don't matter are empty.
type salesKey struct{ Marketplace, Date, product string }

// Sales are the sums of one day, product, or both: the same for the sales and traffic report and for Data Kiosk.
type Sales struct {
	salesKey
	End      string // last day of a period
	Currency string
	Product  *Product

	All, B2B Counts
}

// Counts are what is counted of all buyers, and of business buyers alone.
type Counts struct {
	Units, Items   int
	Amount         int // of what was ordered
	ShippedUnits   int
	ShippedOrders  int
	ShippedAmount  int
	Refunded       int
	RefundedAmount int
	Claims         int // granted by Amazon
	ClaimsAmount   int
	PageViews      int
	Sessions       int
	MobileViews    int
	MobileSessions int
}

// SumSales adds up the orders that were placed, shipped or returned from one day to another, as of at. period is DAY, WEEK, MONTH or ""
// for all of it; products tells whether each product counts for itself.
func (w *World) SumSales(at, from, to time.Time, markets []string, period string, products bool) []*Sales {
	sums := map[salesKey]*Sales{}
	get := func(o *Order, t time.Time, p *Product) *Sales {
		key := salesKey{Marketplace: o.Marketplace.ID}
		var end string
		key.Date, end = periodOf(t, from, to, period)
		if products {
			key.product = p.ASIN
		}
		s := sums[key]
		if s == nil {
			s = &Sales{salesKey: key, End: end, Currency: o.Marketplace.Currency}
			if products {
				s.Product = p
			}
			sums[key] = s
		}
		return s
	}
	last := to.Add(Day)
	within := func(t time.Time) bool { return !t.IsZero() && !t.Before(from) && t.Before(last) && !t.After(at) }
	for o := range w.Lives(from.Add(-LifeSpan), at) {
		if o.Purchased.After(last) {
			break
		}
		if !slices.Contains(markets, o.Marketplace.ID) {
			continue
		}
		add := func(s *Sales, f func(*Counts)) {
			f(&s.All)
			if o.Business {
				f(&s.B2B)
			}
		}
		for i := range o.Items {
			it := &o.Items[i]
			if within(o.Purchased) {
				add(get(o, o.Purchased, it.Product), func(c *Counts) { c.Units += it.Quantity; c.Items++; c.Amount += it.Price.Units })
			}
			if o.Status(at) != Shipped {
				continue
			}
			if within(o.Shipped) {
				add(get(o, o.Shipped, it.Product), func(c *Counts) {
					c.ShippedUnits += it.Quantity
					c.ShippedAmount += it.Price.Units
					if i == 0 || products {
						c.ShippedOrders++
					}
				})
			}
			for _, back := range o.Returns {
				if back.Item == i && within(back.Refunded) {
					add(get(o, back.Refunded, it.Product), func(c *Counts) {
						c.Refunded += back.Quantity
						c.RefundedAmount += back.Refund.Price
					})
				}
			}
		}
	}
	for _, c := range w.Charges() {
		if c.Kind != GuaranteeClaim || !within(c.At) || !slices.Contains(markets, c.Marketplace) {
			continue
		}
		if o := w.OrderByID(c.OrderID, at); o != nil && c.Item >= 0 && c.Item < len(o.Items) { // a charge needn't be about an item
			s := get(o, c.At, o.Items[c.Item].Product)
			for _, counts := range []*Counts{&s.All, &s.B2B} {
				if counts == &s.All || o.Business {
					counts.Claims++
					counts.ClaimsAmount -= c.Amount.Units
				}
			}
		}
	}
	list := make([]*Sales, 0, len(sums))
	for _, s := range sums {
		s.B2B.Sessions = s.B2B.Items * visitsOfBusiness
		s.All.Sessions = s.All.Items*visits + w.idleVisits(s.Marketplace, s.Date, s.salesKey.product)
		for _, c := range []*Counts{&s.B2B, &s.All} {
			c.MobileSessions = c.Sessions * 6 / 10
			c.PageViews, c.MobileViews = pageViews(c.Sessions), pageViews(c.MobileSessions)
		}
		list = append(list, s)
	}
	slices.SortFunc(list, func(a, b *Sales) int {
		for _, order := range []int{strings.Compare(a.Date, b.Date), strings.Compare(a.Marketplace, b.Marketplace), strings.Compare(a.salesKey.product, b.salesKey.product)} {
			if order != 0 {
				return order
			}
		}
		return 0
	})
	return list
}

// Traffic is made up: so many visits for each thing sold, and a few that lead to nothing.
const (
	visits           = 9
	visitsOfBusiness = 4
)

// idleVisits are those of a period that lead to nothing; product is an ASIN, or "" for all.
func (w *World) idleVisits(marketplaceID, date, product string) int {
	return random.New(w.seed, "desk", w.seller.Number, "traffic", marketplaceID, date, product).Between(3, 25)
}

func pageViews(sessions int) int { return sessions * 16 / 10 }

// periodOf is the first and last day of the period that t is in, kept to the days asked for. Weeks begin on Sunday
// (selling-partner-api-models, sellerSalesAndTrafficReport.json).
func periodOf(t, from, to time.Time, period string) (first, last string) {
	d := t.UTC().Truncate(Day)
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

// Figures of hours, which begin at the top of the clock in UTC. They are what the sums of days are made of.

// HourItem is what an item comes to in one marketplace in the hour from Start.
type HourItem struct {
	Start       time.Time
	Marketplace *marketplace.Marketplace
	ASIN        string
	Units       int // ordered, page views, or in stock
	Amount      int // of what was ordered, in the smallest unit of the currency
}

type hourKey struct {
	start, marketplace int64
	asin               string
}

// HoursIn are the ends of hours after a time and until another.
func HoursIn(after, until time.Time) []time.Time {
	var list []time.Time
	for h := after.UTC().Truncate(time.Hour).Add(time.Hour); !h.After(until); h = h.Add(time.Hour) {
		list = append(list, h)
	}
	return list
}

// lateSales is how long after an hour its figures are still told anew when they change (developer-docs.amazon.com/sp-api/docs/notification-type-values, of the
// hourly types: late data of up to 24 hours).
const lateSales = 24 * time.Hour

// SalesByHour are, for each of some hours that follow one another, by its end, the sales of the hour as of its end, and anew those of an earlier hour of which
// orders were cancelled in it. The caller doesn't hold the world's lock.
func (w *World) SalesByHour(ends []time.Time) [][]HourItem {
	if len(ends) == 0 {
		return nil
	}
	type event struct {
		key           hourKey
		units, amount int
	}
	last := ends[len(ends)-1]
	first := ends[0].Add(-time.Hour - lateSales)
	events := map[int64][]event{} // by the end of the hour in which they are known
	for o := range w.Lives(first, last) {
		placed := o.Purchased.Truncate(time.Hour).Add(time.Hour)
		if placed.After(last) || !o.Cancelled.IsZero() && !o.Cancelled.After(placed) {
			continue
		}
		var gone time.Time
		if !o.Cancelled.IsZero() {
			if gone = o.Cancelled.Truncate(time.Hour); gone.Before(o.Cancelled) {
				gone = gone.Add(time.Hour)
			}
		}
		for i := range o.Items {
			it := &o.Items[i]
			e := event{hourKey{placed.Add(-time.Hour).Unix(), w.place(o.Marketplace), it.Product.ASIN}, it.Quantity, it.Price.Units}
			events[placed.Unix()] = append(events[placed.Unix()], e)
			if !gone.IsZero() && gone.Sub(placed) <= lateSales {
				e.units, e.amount = -e.units, -e.amount
				events[gone.Unix()] = append(events[gone.Unix()], e)
			}
		}
	}
	sums := map[hourKey]HourItem{}
	var list [][]HourItem
	for _, end := range HoursIn(first, last) {
		changed := map[hourKey]bool{}
		for _, e := range events[end.Unix()] {
			s := sums[e.key]
			s.Units, s.Amount = s.Units+e.units, s.Amount+e.amount
			sums[e.key], changed[e.key] = s, true
		}
		if !end.Before(ends[0]) {
			list = append(list, w.hourItems(changed, sums))
		}
	}
	return list
}

func (w *World) place(m *marketplace.Marketplace) int64 {
	return int64(slices.IndexFunc(w.seller.Marketplaces, func(o marketplace.Marketplace) bool { return o.ID == m.ID }))
}

// hourItems are sums in their order: by marketplace, hour and ASIN.
func (w *World) hourItems(keys map[hourKey]bool, sums map[hourKey]HourItem) []HourItem {
	order := slices.SortedFunc(maps.Keys(keys), func(a, b hourKey) int {
		return cmp.Or(cmp.Compare(a.marketplace, b.marketplace), cmp.Compare(a.start, b.start), strings.Compare(a.asin, b.asin))
	})
	list := make([]HourItem, len(order))
	for i, k := range order {
		list[i] = sums[k]
		list[i].Start, list[i].Marketplace, list[i].ASIN = time.Unix(k.start, 0).UTC(), &w.seller.Marketplaces[k.marketplace], k.asin
	}
	return list
}

// TrafficByHour are, for each of some hours, by its end, the page views of what the seller lists. The hours of a day come to what
// [World.SumSales] has of it. The caller doesn't hold the world's lock.
func (w *World) TrafficByHour(ends []time.Time) [][]HourItem {
	if len(ends) == 0 {
		return nil
	}
	type key struct {
		marketplace int64
		asin        string
	}
	day := func(end time.Time) time.Time { return end.Add(-time.Nanosecond).Truncate(Day) }
	bought := map[int64]map[key]int{} // items, by the end of the hour
	for o := range w.Lives(day(ends[0]), ends[len(ends)-1]) {
		end := o.Purchased.Truncate(time.Hour).Add(time.Hour).Unix()
		if bought[end] == nil {
			bought[end] = map[key]int{}
		}
		for i := range o.Items {
			bought[end][key{w.place(o.Marketplace), o.Items[i].Product.ASIN}]++
		}
	}
	w.RLock()
	listed := map[key]bool{}
	for _, l := range w.Listings {
		for i := range w.seller.Marketplaces {
			if m := &w.seller.Marketplaces[i]; !l.Deleted && l.In(m.ID) {
				listed[key{int64(i), l.Product.ASIN}] = true
			}
		}
	}
	w.RUnlock()
	type count struct {
		key
		items, idle, views int // of the day so far
	}
	var counts []*count // in their order
	known := map[key]bool{}
	var today time.Time
	var list [][]HourItem
	for _, end := range HoursIn(day(ends[0]), ends[len(ends)-1]) {
		if d := day(end); !d.Equal(today) {
			today, counts, known = d, nil, map[key]bool{}
		}
		date, hour, fresh := today.Format(time.DateOnly), int(end.Sub(today)/time.Hour), false
		for _, keys := range []map[key]bool{listed, keysOf(bought[end.Unix()])} {
			for k := range keys {
				if !known[k] {
					known[k], fresh = true, true
					counts = append(counts, &count{key: k, idle: w.idleVisits(w.seller.Marketplaces[k.marketplace].ID, date, k.asin)})
				}
			}
		}
		if fresh {
			slices.SortFunc(counts, func(a, b *count) int {
				return cmp.Or(cmp.Compare(a.marketplace, b.marketplace), strings.Compare(a.asin, b.asin))
			})
		}
		var items []HourItem
		for _, c := range counts {
			c.items += bought[end.Unix()][c.key]
			views := pageViews(c.items*visits + c.idle*hour/24)
			if n := views - c.views; n > 0 {
				items = append(items, HourItem{end.Add(-time.Hour), &w.seller.Marketplaces[c.marketplace], c.asin, n, 0})
			}
			c.views = views
		}
		if !end.Before(ends[0]) {
			list = append(list, items)
		}
	}
	return list
}

func keysOf[K comparable](m map[K]int) map[K]bool {
	keys := make(map[K]bool, len(m))
	for k := range m {
		keys[k] = true
	}
	return keys
}

// StockOf is how much of some items can be sold of what lies at Amazon, in each marketplace in which the seller lists them, for the hour up to end. with
// stands in the place of of, a listing that has changed since. The caller holds the world's lock.
func (w *World) StockOf(asins map[string]bool, end time.Time, with, of *Listing) []HourItem {
	changed, sums := map[hourKey]bool{}, map[hourKey]HourItem{}
	for _, l := range w.Listings {
		if l == of {
			l = with
		}
		if l == nil || !asins[l.Product.ASIN] {
			continue
		}
		for i := range w.seller.Marketplaces {
			if !l.In(w.seller.Marketplaces[i].ID) {
				continue
			}
			k := hourKey{end.Add(-time.Hour).Unix(), int64(i), l.Product.ASIN}
			s := sums[k]
			s.Units += l.AtAmazon()
			sums[k], changed[k] = s, true
		}
	}
	return w.hourItems(changed, sums)
}

// AtAmazon is how many units that lie at Amazon a buyer can order.
func (l *Listing) AtAmazon() int {
	if l == nil || l.Deleted || !l.Amazon {
		return 0
	}
	return l.Stock.Fulfillable
}
