// Package world is what a seller has: products, listings, stock, orders. It follows from the seed and the clock and knows nothing of requests.
package world

import (
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/openspapi/spapi/emulator/internal/random"
	"github.com/openspapi/spapi/emulator/internal/timeline"
	"github.com/openspapi/spapi/marketplace"
)

// Seller is who a world belongs to, in one region.
type Seller struct {
	Number       int // among the emulator's sellers, from 0
	ID           string
	StoreName    string
	Region       marketplace.Region
	Marketplaces []marketplace.Marketplace // the first is the main one
	Created      time.Time
}

// Sizes are what worlds are made by.
type Sizes struct {
	Seed     int64
	Orders   int // at the beginning
	Products int
	Days     int // over which the orders of the beginning are spread
}

// Check bounds a world. The upper bounds only keep a slip of the pen from taking all memory.
func (s Sizes) Check() error {
	if s.Orders < 0 || s.Products < 1 || s.Days < 1 || s.Orders > 1e7 || s.Products > 1e6 || s.Days > 36500 {
		return fmt.Errorf("world of %d orders, %d products over %d days: want 0 to 10000000, 1 to 1000000 and 1 to 36500", s.Orders, s.Products, s.Days)
	}
	return nil
}

// World is what one seller has: a catalogue, listings and orders, the same in every API that shows them. It is built on first use
// and goes on by the clock from request to request.
type World struct {
	seller    *Seller
	seed      int64
	sizes     Sizes
	opened    time.Time     // where the orders of the beginning end
	first     time.Time     // where they start
	spacing   time.Duration // mean time between two orders; 0: there are none
	most      int           // orders that there will ever be
	beginning int           // orders of the beginning
	Products  []*Product    // the catalogue at the beginning; see [World.Catalogue]
	amazons   []bool        // of Products: whether Amazon fulfilled them then
	byASIN    map[string]*Product
	Families  map[string]*Family // by the ASIN of the parent
	orderIDs  *random.Scramble
	itemIDs   *random.Scramble
	buyers    *random.Scramble
	makers    sync.Pool // of *maker

	sync.RWMutex                     // guards all below
	next         int                 // number of the order that comes next
	nextAt       time.Time           // when it comes; zero: never
	came         []basket            // of orders after the beginning
	touched      map[int]*Order      // orders that requests have changed, by number
	index        index               // of all orders
	heard        time.Time           // until when the stock has heard of what happened to orders
	due          time.Time           // when something comes next; zero: never
	goods        *timeline.List      // moments after the beginning at which stock moves
	replacements map[int][]int       // numbers of orders that replace another, by its number
	parcels      map[string][]int    // numbers of orders by the tracking numbers that requests have told
	Listings     map[string]*Listing // by SKU, deleted ones too
	shelf        []*Listing          // what buyers pick from: listings in the order in which they came, deleted ones too
	added        []*Product          // items of the catalogue that listings have brought, by time
	Told         map[string]bool     // idempotency tokens of addInventory
	charges      []Charge            // by time
	moves        []Movement          // of stock, told by requests
	changes      []int               // numbers of orders that came or were changed, see [World.Changes]
	standing     map[string]string   // of the seller's account, by marketplace id; see [World.SetStanding]
	watcher      watcher

	orderWatchers  []func(before, after *Order, now time.Time)
	chargeWatchers []func(Charge)
}

// moreOrders is how many orders come after those of the beginning, at the least: a clock that is set far ahead must not fill the memory.
// As many as at the beginning come if that is more.
const moreOrders = 1000

// New builds the world of a seller, its newest orders just before the time at which the seller was added.
func New(o Sizes, a *Seller) *World {
	w := &World{
		seller: a, seed: o.Seed, sizes: o, beginning: o.Orders, opened: a.Created.UTC().Truncate(time.Second), most: o.Orders + max(o.Orders, moreOrders),
		Products: makeProducts(o.Seed, a.Number, o.Products), byASIN: map[string]*Product{}, Told: map[string]bool{},
		touched: map[int]*Order{}, replacements: map[int][]int{}, parcels: map[string][]int{},
		orderIDs: random.NewScramble(1e7, o.Seed, "order id", a.Number), itemIDs: random.NewScramble(1e7, o.Seed, "item id", a.Number),
		buyers: random.NewScramble(36*36*36*36, o.Seed, "buyer", a.Number),
	}
	w.makers.New = func() any { return w.newMaker() }
	w.watcher.priced = w.opened
	for _, p := range w.Products {
		w.byASIN[p.ASIN] = p
	}
	w.Families = makeFamilies(o.Seed, a.Number, w.Products)
	w.Listings = makeListings(o, a, w.Products, w.opened)
	for _, p := range w.Products {
		l := w.Listings[p.SKU]
		w.shelf, w.amazons = append(w.shelf, l), append(w.amazons, l.Amazon)
	}
	w.first, w.heard = w.opened, w.ended()
	if o.Orders == 0 {
		w.most = 0
	} else {
		w.spacing = max(time.Duration(o.Days)*24*time.Hour/time.Duration(o.Orders), 1)
		w.first = w.opened.Add(-time.Duration(o.Orders) * w.spacing)
	}
	w.build()
	w.schedule()
	w.wake()
	return w
}

// schedule sets the time of the next order.
func (w *World) schedule() {
	w.nextAt = time.Time{}
	if w.next < w.most {
		m := w.makers.Get().(*maker)
		w.nextAt = w.arrival(m.lives.Of(uint64(w.next)), w.next) //nolint:gosec // numbers begin with 0
		w.makers.Put(m)
	}
}

// Advance lets come what comes until now: new orders, and what happens to the stock.
func (w *World) Advance(now time.Time) {
	w.RLock()
	idle := w.due.IsZero() || w.due.After(now)
	priced := w.watcher.due.IsZero() || w.watcher.due.After(now)
	w.RUnlock()
	if idle && priced {
		return
	}
	w.Lock()
	defer w.Unlock()
	w.watcher.wanted = w.watched()
	w.watcher.asked = true
	defer func() { w.watcher.asked = false }()
	if !idle {
		for !w.nextAt.IsZero() && !w.nextAt.After(now) {
			w.hear(w.nextAt)
			w.comes()
		}
		w.hear(now.UTC().Truncate(time.Second))
		w.wake()
	}
	w.reprice(now)
}

// wake notes when something comes next. The caller holds the world's lock for writing, as for all below.
func (w *World) wake() {
	w.due = w.nextAt
	for k := range w.goods.From(timeline.At(w.second(w.heard)+1, 0), nil, 0, 0) {
		if at := w.time(k.Second()); w.due.IsZero() || at.Before(w.due) {
			w.due = at
		}
		break
	}
}

// comes lets the next order come, or none where nothing can be bought.
func (w *World) comes() {
	m := w.makers.Get().(*maker)
	defer w.makers.Put(m)
	number := w.next
	w.came = append(w.came, m.buy(number))
	w.next++
	w.schedule()
	o := &Order{}
	m.life(number, o, 0)
	w.index.add(w.rowOf(o))
	w.changes = append(w.changes, number)
	if len(o.Items) == 0 {
		return
	}
	w.enter(o)
	if o.replaces >= 0 {
		w.replacements[o.replaces] = append(w.replacements[o.replaces], number)
	}
	w.take(o)
}

// take takes an order's items from the stock.
func (w *World) take(o *Order) {
	for _, it := range o.Items {
		l := w.Listings[it.SKU]
		was := w.stocked(l)
		if o.Amazon {
			l.Stock.Fulfillable -= it.Quantity
			l.Stock.Reserved += it.Quantity
		} else {
			l.Quantity -= it.Quantity
		}
		l.Stocked = o.Purchased
		w.moved(was, l, o.Purchased)
	}
}

// enter puts the moments of a life into the lists, of those at which stock moves what the stock has not heard of.
func (w *World) enter(o *Order) {
	r := w.rowOf(o)
	for _, p := range o.Parcels {
		if !slices.Contains(w.parcels[p.Tracking], o.Number) {
			w.parcels[p.Tracking] = append(w.parcels[p.Tracking], o.Number)
		}
	}
	for i, at := range r.moments {
		if at > 0 {
			w.index.updates.Insert(timeline.At(at, momentOf(o.Number, i)), r.class, r.next(i))
		}
	}
	for _, e := range o.effects() {
		if e.at.After(w.heard) {
			w.goods.Insert(timeline.At(w.second(e.at), momentOf(o.Number, 0)), 0, 0)
		}
	}
}

// ended is the last second of the beginning: what requests do when the world opens comes after it.
func (w *World) ended() time.Time { return w.opened.Add(-time.Second) }

// hear lets the stock hear of what happened to orders until t.
func (w *World) hear(t time.Time) {
	if !t.After(w.heard) {
		return
	}
	for k := range w.goods.From(timeline.At(w.second(w.heard)+1, 0), nil, 0, 0) {
		at := w.time(k.Second())
		if at.After(t) {
			break
		}
		w.reprice(at)
		for _, e := range w.life(numberAt(k)).effects() {
			if e.at.Equal(at) {
				w.apply(e, 1, at, at)
			}
		}
	}
	w.reprice(t)
	w.heard = t
}

// rehear lets the stock hear that a request has changed an order: what it had heard and is no longer so is undone.
func (w *World) rehear(before, after *Order, now time.Time) {
	second := now.UTC().Truncate(time.Second)
	heard := func(o *Order) []effect {
		return slices.DeleteFunc(o.effects(), func(e effect) bool { return e.at.After(w.heard) })
	}
	undone, done := heard(before), heard(after)
	for _, e := range undone {
		if i := slices.Index(done, e); i >= 0 {
			done = slices.Delete(done, i, i+1)
		} else {
			w.apply(e, -1, second, now)
		}
	}
	for _, e := range done {
		w.apply(e, 1, second, now)
	}
}
