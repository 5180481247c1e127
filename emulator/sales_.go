package emulator

import (
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
func (w *world) sumSales(at, from, to time.Time, markets []string, period string, products bool) []*sales {
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
			if back := w.returned(o, i); back != nil && within(back.at) {
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
		r := newRandom(w.seed, "desk", w.seller.number, "traffic", s.marketplace, s.date, s.salesKey.product)
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
