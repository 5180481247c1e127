package world

import (
	"slices"
	"strings"
	"time"

	"github.com/openspapi/spapi/emulator/internal/random"
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
		// Traffic is made up: about eight visits for each thing sold.
		r := random.New(w.seed, "desk", w.seller.Number, "traffic", s.Marketplace, s.Date, s.salesKey.product)
		for c, factor := range map[*Counts]int{&s.All: 8, &s.B2B: 3} {
			c.Sessions = c.Items*factor + c.Items
		}
		s.All.Sessions += r.Between(3, 25)
		for _, c := range []*Counts{&s.B2B, &s.All} {
			c.MobileSessions = c.Sessions * 6 / 10
			c.PageViews, c.MobileViews = c.Sessions*16/10, c.MobileSessions*16/10
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
