// Package world is what a seller has: products, listings, stock, orders. It follows from the seed and the clock and knows nothing of requests.
package world

import (
	"slices"
	"sync"
	"time"

	"github.com/openspapi/spapi/emulator/internal/random"
)

// World is what one seller has: a catalogue, listings and orders, the same in every API that shows them. It is built on first use
// and goes on by the clock from request to request.
type World struct {
	seller    *Seller
	seed      int64
	opened    time.Time     // where the orders of the beginning end
	first     time.Time     // where they start
	spacing   time.Duration // mean time between two orders; 0: there are none
	most      int           // orders that there will ever be
	beginning int           // orders of the beginning
	Products  []*Product    // the catalogue at the beginning; see [World.Catalogue]
	byASIN    map[string]*Product
	Families  map[string]*Family // by the ASIN of the parent

	sync.RWMutex          // guards all below
	Orders       []*Order // by time of purchase
	byID         map[string]*Order
	next         int                 // number of the order that comes next
	nextAt       time.Time           // when it comes; zero: never
	open         []*Order            // orders of which the stock has something to hear yet
	heard        time.Time           // until when the stock has heard of orders
	due          time.Time           // when it has something to hear; zero: never
	moves        []Movement          // told by requests
	Listings     map[string]*Listing // by SKU, deleted ones too
	shelf        []*Listing          // what buyers pick from: listings in the order in which they came, deleted ones too
	added        []*Product          // items of the catalogue that listings have brought, by time
	touched      map[*Order]bool     // orders that requests have changed
	Told         map[string]bool     // idempotency tokens of addInventory
	charges      []Charge            // by time
}

// moreOrders is how many orders come after those of the beginning, at the least: a clock that is set far ahead must not fill the memory.
// As many as at the beginning come if that is more.
const moreOrders = 1000

// New builds the world of a seller, its newest orders just before the time at which the seller was added.
func New(o Sizes, a *Seller) *World {
	w := &World{
		seller: a, seed: o.Seed, beginning: o.Orders, opened: a.Created.UTC().Truncate(time.Second), most: o.Orders + max(o.Orders, moreOrders),
		Products: makeProducts(o.Seed, a.Number, o.Products), byASIN: map[string]*Product{}, byID: map[string]*Order{}, Told: map[string]bool{},
	}
	for _, p := range w.Products {
		w.byASIN[p.ASIN] = p
	}
	w.Families = makeFamilies(o.Seed, a.Number, w.Products)
	w.Listings = makeListings(o.Seed, a, w.Products, w.opened)
	for _, p := range w.Products {
		w.shelf = append(w.shelf, w.Listings[p.SKU])
	}
	if o.Orders > 0 {
		w.spacing = max(time.Duration(o.Days)*24*time.Hour/time.Duration(o.Orders), 1)
		w.Orders = make([]*Order, 0, o.Orders)
		w.first = w.opened.Add(-time.Duration(o.Orders) * w.spacing)
		for w.next < o.Orders {
			r, at := w.arrival(w.next)
			if o := w.makeOrder(r, a, w.next, at, false); o != nil {
				w.append(o)
			}
			w.next++
		}
	} else {
		w.most = 0
	}
	// What is ordered and has not left lies reserved in Amazon's warehouses, and what has come back damaged waits for its removal. All other quantities of the
	// beginning are those after all orders of the beginning.
	w.heard = w.opened
	w.open = slices.DeleteFunc(w.open, func(o *Order) bool {
		w.begin(o)
		return !w.expects(o)
	})
	w.schedule()
	return w
}

// arrival returns the source of the i-th order's choices and its time: evenly spread with some jitter, so that the i-th order stays
// the i-th.
func (w *World) arrival(i int) (random.Source, time.Time) {
	r := random.New(w.seed, "order", w.seller.Number, i)
	at := w.first.Add(time.Duration(i)*w.spacing + time.Duration(0.95*r.Float64()*float64(w.spacing)))
	return r, at.Truncate(time.Second)
}

// schedule sets the time of the next order.
func (w *World) schedule() {
	if w.nextAt = (time.Time{}); w.next < w.most {
		_, w.nextAt = w.arrival(w.next)
	}
}

func (w *World) append(o *Order) {
	w.Orders = append(w.Orders, o)
	w.byID[o.ID] = o
	w.open = append(w.open, o)
}

// Advance lets come what comes until now: new orders, and the effects of orders' lives on the stock.
func (w *World) Advance(now time.Time) {
	w.RLock()
	idle := (w.nextAt.IsZero() || w.nextAt.After(now)) && (w.due.IsZero() || w.due.After(now))
	w.RUnlock()
	if idle {
		return
	}
	w.Lock()
	defer w.Unlock()
	for !w.nextAt.IsZero() && !w.nextAt.After(now) {
		r, at := w.arrival(w.next)
		w.Settle(at)
		if o := w.makeOrder(r, w.seller, w.next, at, true); o != nil {
			w.append(o)
			w.take(o)
			w.expects(o)
		}
		w.next++
		w.schedule()
	}
	w.Settle(now)
}

// take takes an order's items from the stock.
func (w *World) take(o *Order) {
	for _, it := range o.Items {
		l := w.Listings[it.SKU]
		if l == nil {
			continue
		}
		if o.Amazon {
			l.Stock.Fulfillable -= it.Quantity
			l.Stock.Reserved += it.Quantity
		} else {
			l.Quantity = max(l.Quantity-it.Quantity, 0)
		}
		l.Stocked = o.Purchased
	}
}

// Settle lets the stock hear of what has become of orders by t: what is shipped is no longer reserved, what is cancelled can be sold again, what comes back
// is there. The caller holds the world's lock for writing.
func (w *World) Settle(t time.Time) {
	if !t.After(w.heard) {
		return
	}
	for _, o := range w.open {
		for _, e := range o.effects() {
			if e.at.After(w.heard) && !e.at.After(t) {
				w.apply(e, 1, e.at)
			}
		}
	}
	w.heard, w.due = t, time.Time{}
	w.open = slices.DeleteFunc(w.open, func(o *Order) bool { return !w.expects(o) })
}

// begin puts into the stock of the beginning what an order has there.
func (w *World) begin(o *Order) {
	if o.Amazon && o.final().After(w.opened) {
		for _, it := range o.Items {
			w.Listings[it.SKU].Stock.Reserved += it.Quantity
		}
	}
	for _, e := range o.effects() {
		if e.damaged != 0 && !e.at.After(w.opened) {
			w.Listings[e.sku].Stock.Damaged[slices.Index(Damages, e.damage)] += e.damaged
		}
	}
}

// expects tells whether the stock has something to hear of an order, and notes when.
func (w *World) expects(o *Order) bool {
	later := false
	for _, e := range o.effects() {
		if e.at.After(w.heard) {
			if later = true; w.due.IsZero() || e.at.Before(w.due) {
				w.due = e.at
			}
		}
	}
	return later
}

// rehear lets the stock hear that a request has changed an order: what it had heard and is no longer so is undone.
func (w *World) rehear(before, after *Order, now time.Time) {
	now = now.UTC().Truncate(time.Second)
	heard := func(o *Order) []effect {
		return slices.DeleteFunc(o.effects(), func(e effect) bool { return e.at.After(w.heard) })
	}
	undone, done := heard(before), heard(after)
	for _, e := range undone {
		if i := slices.Index(done, e); i >= 0 {
			done = slices.Delete(done, i, i+1)
		} else {
			w.apply(e, -1, now)
		}
	}
	for _, e := range done {
		w.apply(e, 1, now)
	}
	i := slices.Index(w.open, after)
	switch expected := w.expects(after); {
	case expected && i < 0:
		w.open = append(w.open, after)
	case !expected && i >= 0:
		w.open = slices.Delete(w.open, i, i+1)
	}
}
