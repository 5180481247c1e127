package emulator

import (
	"slices"
	"sync"
	"time"
)

// world is what one seller has: a catalogue, listings and orders, the same in every API that shows them. It is built on first use
// and goes on by the clock from request to request.
type world struct {
	seller    *seller
	seed      int64
	opened    time.Time     // where the orders of the beginning end
	first     time.Time     // where they start
	spacing   time.Duration // mean time between two orders; 0: there are none
	most      int           // orders that there will ever be
	beginning int           // orders of the beginning
	products  []*product    // the catalogue at the beginning; see [world.catalogue]
	byASIN    map[string]*product
	families  map[string]*family // by the ASIN of the parent

	mu       sync.RWMutex // guards all below
	orders   []*order     // by time of purchase
	byID     map[string]*order
	next     int                 // number of the order that comes next
	nextAt   time.Time           // when it comes; zero: never
	open     []*order            // orders whose end the stock has not heard of
	listings map[string]*listing // by SKU, deleted ones too
	shelf    []*listing          // what buyers pick from: listings in the order in which they came, deleted ones too
	added    []*product          // items of the catalogue that listings have brought, by time
	touched  map[*order]bool     // orders that requests have changed
	told     map[string]bool     // idempotency tokens of addInventory
}

// moreOrders is how many orders come after those of the beginning, at the least: a clock that is set far ahead must not fill the memory.
// As many as at the beginning come if that is more.
const moreOrders = 1000

// newWorld builds the world of a seller, its newest orders just before the time at which the seller was added.
func newWorld(o sizes, a *seller) *world {
	w := &world{
		seller: a, seed: o.seed, beginning: o.orders, opened: a.created.UTC().Truncate(time.Second), most: o.orders + max(o.orders, moreOrders),
		products: makeProducts(o.seed, a.number, o.products), byASIN: map[string]*product{}, byID: map[string]*order{}, told: map[string]bool{},
	}
	for _, p := range w.products {
		w.byASIN[p.asin] = p
	}
	w.families = makeFamilies(o.seed, a.number, w.products)
	w.listings = makeListings(o.seed, a, w.products, w.opened)
	for _, p := range w.products {
		w.shelf = append(w.shelf, w.listings[p.sku])
	}
	if o.orders > 0 {
		w.spacing = max(time.Duration(o.days)*24*time.Hour/time.Duration(o.orders), 1)
		w.orders = make([]*order, 0, o.orders)
		w.first = w.opened.Add(-time.Duration(o.orders) * w.spacing)
		for w.next < o.orders {
			r, at := w.arrival(w.next)
			if o := w.makeOrder(r, a, w.next, at, false); o != nil {
				w.append(o)
			}
			w.next++
		}
	} else {
		w.most = 0
	}
	// What is ordered and has not left lies reserved in Amazon's warehouses. The quantities of the beginning are those after all
	// orders of the beginning.
	for _, o := range w.open {
		for _, it := range o.items {
			if o.amazon && o.final().After(w.opened) {
				w.listings[it.sku].stock.reserved += it.quantity
			}
		}
	}
	w.open = slices.DeleteFunc(w.open, func(o *order) bool { o.settled = !o.final().After(w.opened); return o.settled })
	w.schedule()
	return w
}

// arrival returns the source of the i-th order's choices and its time: evenly spread with some jitter, so that the i-th order stays
// the i-th.
func (w *world) arrival(i int) (random, time.Time) {
	r := newRandom(w.seed, "order", w.seller.number, i)
	at := w.first.Add(time.Duration(i)*w.spacing + time.Duration(0.95*r.Float64()*float64(w.spacing)))
	return r, at.Truncate(time.Second)
}

// schedule sets the time of the next order.
func (w *world) schedule() {
	if w.nextAt = (time.Time{}); w.next < w.most {
		_, w.nextAt = w.arrival(w.next)
	}
}

func (w *world) append(o *order) {
	w.orders = append(w.orders, o)
	w.byID[o.id] = o
	w.open = append(w.open, o)
}

// advance lets come what comes until now: new orders, and the effects of orders' ends on the stock.
func (w *world) advance(now time.Time) {
	w.mu.RLock()
	idle := (w.nextAt.IsZero() || w.nextAt.After(now)) && !slices.ContainsFunc(w.open, func(o *order) bool { return !o.final().After(now) })
	w.mu.RUnlock()
	if idle {
		return
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	for !w.nextAt.IsZero() && !w.nextAt.After(now) {
		r, at := w.arrival(w.next)
		w.settle(at)
		if o := w.makeOrder(r, w.seller, w.next, at, true); o != nil {
			w.append(o)
			w.take(o)
		}
		w.next++
		w.schedule()
	}
	w.settle(now)
}

// take takes an order's items from the stock.
func (w *world) take(o *order) {
	for _, it := range o.items {
		l := w.listings[it.sku]
		if l == nil {
			continue
		}
		if o.amazon {
			l.stock.fulfillable -= it.quantity
			l.stock.reserved += it.quantity
		} else {
			l.quantity = max(l.quantity-it.quantity, 0)
		}
		l.stocked = o.purchased
	}
}

// settle lets the stock hear of orders that have ended by t: what is shipped is no longer reserved, what is cancelled can be sold again. The
// caller holds w.mu for writing.
func (w *world) settle(t time.Time) {
	w.open = slices.DeleteFunc(w.open, func(o *order) bool {
		if o.final().After(t) {
			return false
		}
		o.settled = true
		for _, it := range o.items {
			l := w.listings[it.sku]
			if l == nil {
				continue
			}
			back := !o.cancelled.IsZero()
			switch {
			case o.amazon:
				l.stock.reserved = max(l.stock.reserved-it.quantity, 0)
				if back {
					l.stock.fulfillable += it.quantity
				}
			case back:
				l.quantity += it.quantity
			default:
				continue
			}
			if l.stocked.Before(o.final()) {
				l.stocked = o.final()
			}
		}
		return true
	})
}
