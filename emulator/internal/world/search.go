package world

import (
	"iter"
	"maps"
	"runtime"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/openspapi/spapi/emulator/internal/format"
	"github.com/openspapi/spapi/emulator/internal/timeline"
)

// row is what searches know of an order without making its life: the moments of [Order.Updated], in seconds of the world, 0 where there is none, and its
// class. An order that there is not has none.
type row struct {
	moments [7]uint32
	class   uint16
	store   uint8 // its place in stores, from 1
}

// Of row.moments.
const (
	purchased = iota
	payable
	partly
	shipped
	cancelled
	cancelAsked
	changed
)

// kindBits is how many bits of what a moment is of tell which of row.moments it is, see [timeline.Kinds]. The others are the number of the order.
const kindBits = 3

func momentOf(number, kind int) uint32 { return uint32(number<<kindBits | kind) } //nolint:gosec // numbers are below 2e7

func numberAt(k timeline.Key) int { return int(k.Of() >> kindBits) }

// ofBits hold what a moment is of. With the seconds, places of moments thus have 60 bits, and are above 0 in worlds of more than 68 years, too.
const ofBits = 28

func placeOf(k timeline.Key) int { return int(k.Second())<<ofBits | int(k.Of()) }

func keyAt(place int) timeline.Key {
	return timeline.At(uint32(place>>ofBits), uint32(place&(1<<ofBits-1))) //nolint:gosec // see ofBits
}

// lastMoments are the moments that can be the last one of an order in a state: a buyer asks for a cancellation after the payment and before the shipment.
var lastMoments = map[string]uint8{
	Pending: 1<<purchased | 1<<changed, Unshipped: 1<<payable | 1<<cancelAsked | 1<<changed, PartiallyShipped: 1<<partly | 1<<cancelAsked | 1<<changed,
	Shipped: 1<<shipped | 1<<cancelAsked | 1<<changed, Canceled: 1<<cancelled | 1<<cancelAsked | 1<<changed,
}

// A class is one of few: marketplace, who fulfils, payment, pickup, and whether the order ends in a cancellation.
const (
	classAmazon    = 1 << 5
	classPayment   = 1 << 6 // times place in payments
	classPickup    = 1 << 8
	classCancelled = 1 << 9
)

var payments = []string{"Other", "COD", "CVS"}

// Traits are what a class tells of an order.
type Traits struct {
	Marketplace string // id
	Amazon      bool
	Payment     string
	Pickup      bool // in a shop
}

// second is a time in seconds of the world: from 1 on for its first order.
func (w *World) second(t time.Time) uint32 {
	if t.IsZero() {
		return 0
	}
	return uint32(min(max(t.Unix()-w.first.Unix()+1, 0), 1<<32-1)) //nolint:gosec // bounded
}

// time is the time of a second of the world.
func (w *World) time(second uint32) time.Time {
	return time.Unix(w.first.Unix()-1+int64(second), 0).UTC()
}

func (w *World) rowOf(o *Order) row {
	if len(o.Items) == 0 {
		return row{}
	}
	r := row{class: uint16(slices.IndexFunc(payments, func(p string) bool { return p == o.Payment })) * classPayment} //nolint:gosec // of three
	for i, t := range [...]time.Time{o.Purchased, o.Payable, o.partly, o.Shipped, o.Cancelled, o.CancelAsked, o.Changed} {
		r.moments[i] = w.second(t)
	}
	for i := range w.seller.Marketplaces {
		if &w.seller.Marketplaces[i] == o.Marketplace {
			r.class |= uint16(i) //nolint:gosec // of 23
		}
	}
	if o.Amazon {
		r.class |= classAmazon
	}
	if o.Store != "" {
		r.class |= classPickup
		r.store = uint8(slices.Index(stores, o.Store) + 1) //nolint:gosec // of 16
	}
	if !o.Cancelled.IsZero() {
		r.class |= classCancelled
	}
	return r
}

// status is [Order.Status].
func (r *row) status(t uint32) string {
	reached := func(moment int) bool { return r.moments[moment] > 0 && r.moments[moment] <= t }
	switch {
	case reached(cancelled):
		return Canceled
	case reached(shipped):
		return Shipped
	case reached(partly):
		return PartiallyShipped
	case reached(payable):
		return Unshipped
	}
	return Pending
}

// updated is [Order.Updated].
func (r *row) updated(t uint32) uint32 {
	last := r.moments[purchased]
	for _, at := range r.moments[1:] {
		if at <= t {
			last = max(last, at)
		}
	}
	return last
}

// next is the moment after one; 0 after the last. Until then the one is the last.
func (r *row) next(moment int) uint32 {
	var next uint32
	for _, at := range r.moments {
		if at > r.moments[moment] && (next == 0 || at < next) {
			next = at
		}
	}
	return next
}

// ends is when the order has come to its end.
func (r *row) ends() uint32 {
	if r.moments[cancelled] > 0 {
		return r.moments[cancelled]
	}
	return r.moments[shipped]
}

// rowBlock is how many rows are skipped together.
const rowBlock = 512

// index is what orders are searched by. Guarded by the world's lock.
type index struct {
	rows    []row // by number
	blocks  []rowSummary
	updates *timeline.List // of the moments of all rows
}

// rowSummary is what is known of a block of rows.
type rowSummary struct {
	classes timeline.Mask
	ends    uint32 // when the last of them has come to its end
}

func (x *index) add(r row) {
	x.rows = append(x.rows, r)
	x.note(len(x.rows) - 1)
}

func (x *index) set(number int, r row) {
	x.rows[number] = r
	x.note(number)
}

func (x *index) note(number int) {
	if number/rowBlock == len(x.blocks) {
		x.blocks = append(x.blocks, rowSummary{})
	}
	r, b := &x.rows[number], &x.blocks[number/rowBlock]
	if r.moments[purchased] == 0 {
		return
	}
	b.classes.Add(r.class)
	b.ends = max(b.ends, r.ends())
}

// build makes the index of the orders of the beginning, and tells the stock which of their units are reserved, and which have come back damaged and wait for
// their removal. All other quantities of the beginning are those after all orders of the beginning.
func (w *World) build() {
	n := w.beginning
	w.index.rows = make([]row, n, w.beginning+w.beginning/8)
	parts := max(min(runtime.GOMAXPROCS(0), n/10000), 1)
	type part struct {
		keys, goods  []timeline.Key
		effects      []effect // that the stock of the beginning has
		replacements [][2]int
	}
	made := make([]part, parts)
	var wait sync.WaitGroup
	for i := range made {
		wait.Go(func() {
			p := &made[i]
			p.keys = make([]timeline.Key, 0, 4*n/parts)
			m, o := w.newMaker(), &Order{}
			for number := i * n / parts; number < (i+1)*n/parts; number++ {
				m.life(number, o, 0)
				r := w.rowOf(o)
				w.index.rows[number] = r
				for j, at := range r.moments {
					if at > 0 {
						p.keys = append(p.keys, timeline.At(at, momentOf(number, j)))
					}
				}
				if o.replaces >= 0 {
					p.replacements = append(p.replacements, [2]int{o.replaces, number})
				}
				ends := w.time(r.ends())
				if len(o.Returns) == 0 && !ends.After(w.ended()) {
					continue // the stock has nothing to hear of it
				}
				if o.Amazon && ends.After(w.ended()) {
					for _, it := range o.Items {
						p.effects = append(p.effects, effect{sku: it.SKU, reserved: it.Quantity})
					}
				}
				for _, e := range o.effects() {
					if e.at.After(w.ended()) {
						p.goods = append(p.goods, timeline.At(w.second(e.at), momentOf(number, 0)))
					} else if e.damaged != 0 {
						p.effects = append(p.effects, e)
					}
				}
			}
		})
	}
	wait.Wait()
	var keys, goods []timeline.Key
	for i := range made {
		p := &made[i]
		if keys = append(keys, p.keys...); i == 0 {
			keys = p.keys
		}
		goods = append(goods, p.goods...)
		for _, e := range p.effects {
			w.apply(e, 1, time.Time{}, time.Time{})
		}
		for _, r := range p.replacements {
			w.replacements[r[0]] = append(w.replacements[r[0]], r[1])
		}
	}
	for number := range n {
		w.index.note(number)
	}
	w.index.updates = timeline.New(keys, func(of uint32) (uint16, uint32) {
		r := &w.index.rows[of>>kindBits]
		return r.class, r.next(int(of % timeline.Kinds))
	})
	slices.Sort(goods)
	w.goods = timeline.New(slices.Compact(goods), func(uint32) (uint16, uint32) { return 0, 0 })
	w.next = n
}

// OrderFilter is what searches ask for. Times are inclusive; zero: not asked.
type OrderFilter struct {
	CreatedAfter, CreatedBefore time.Time
	UpdatedAfter, UpdatedBefore time.Time
	Statuses                    []string                     // nil: all
	Traits                      func(Traits) bool            // nil: all
	Store                       string                       // where the buyer picks it up; "": all
	Accept                      func(*Order, time.Time) bool // nil: all; sees lives, without names and ids
	Only                        []int                        // numbers, see [World.NumbersOf]; nil: all
}

// Page finds the orders of a page that a filter lets pass at time t: by creation or, when updates are asked for, by update. place is where it begins: 0, or
// what the page before returned as next, which is 0 after the last.
func (w *World) Page(f OrderFilter, t time.Time, place, size int) (page []*Order, next int) {
	w.RLock()
	defer w.RUnlock()
	for at, number := range w.matches(&f, t, place) {
		if len(page) == size {
			return page, at
		}
		page = append(page, w.order(number))
	}
	return page, 0
}

// matches yields the numbers of the orders that a filter lets pass, and the place of each. The caller holds the world's lock.
func (w *World) matches(f *OrderFilter, t time.Time, place int) iter.Seq2[int, int] {
	asOf, x := w.second(t), &w.index
	classes := w.classesOf(f)
	from, to := max(w.firstSecond(f.CreatedAfter), 1), min(w.lastSecond(f.CreatedBefore), asOf)
	before := w.lastSecond(f.UpdatedBefore)
	// Orders that have ended can't be in a state before their end.
	var endAfter uint32
	if f.Statuses != nil && !slices.Contains(f.Statuses, Shipped) && !slices.Contains(f.Statuses, Canceled) {
		endAfter = asOf + 1
	}
	lives := f.lives(w)
	store := uint8(slices.Index(stores, f.Store) + 1) //nolint:gosec // of 16
	accepts := func(number int, updated uint32) bool {
		r := &x.rows[number]
		return r.moments[purchased] >= from && r.moments[purchased] <= to && classes.Has(r.class) && (f.Store == "" || r.store == store && store > 0) &&
			(f.Statuses == nil || slices.Contains(f.Statuses, r.status(asOf))) &&
			(updated == 0 && (before >= asOf || r.updated(asOf) <= before) || updated > 0 && r.updated(asOf) == updated) &&
			(f.Accept == nil || f.Accept(lives(number), t))
	}
	switch {
	case !f.UpdatedAfter.IsZero():
		return func(yield func(int, int) bool) {
			kinds := uint8(1<<len(row{}.moments) - 1)
			if f.Statuses != nil {
				kinds = 0
				for _, status := range f.Statuses {
					kinds |= lastMoments[status]
				}
			}
			begin, last := timeline.At(w.firstSecond(f.UpdatedAfter), 0), min(before, asOf)
			var seen timeline.Key // two moments of one order may fall together
			// The last moment of an order that has not ended has another after it, which is to come.
			for k := range x.updates.From(max(begin, keyAt(place)), &classes, endAfter, kinds) {
				if k.Second() > last {
					return
				}
				if kinds&(1<<k.Kind()) == 0 || seen>>kindBits == k>>kindBits {
					continue
				}
				number := numberAt(k)
				if (f.Only == nil || slices.Contains(f.Only, number)) && accepts(number, k.Second()) {
					seen = k
					if !yield(placeOf(k), number) {
						return
					}
				}
			}
		}
	case f.Only != nil:
		return func(yield func(int, int) bool) {
			for _, number := range f.Only {
				if number >= place-1 && accepts(number, 0) && !yield(number+1, number) {
					return
				}
			}
		}
	}
	return func(yield func(int, int) bool) {
		number := max(place-1, 0)
		if place == 0 {
			number = w.numberFrom(w.time(from))
		}
		for ; number < len(x.rows); number++ {
			if b := &x.blocks[number/rowBlock]; !b.classes.Meets(&classes) || b.ends < endAfter {
				number |= rowBlock - 1 // on to the next block
				continue
			}
			switch r := &x.rows[number]; {
			case f.Store != "" && r.store != store: // few have any
				continue
			case r.moments[purchased] > to:
				return
			}
			if accepts(number, 0) && !yield(number+1, number) {
				return
			}
		}
	}
}

// Happened is what has happened to orders after a time and by another, by time. It takes as long as that is much, however many orders there are.
func (w *World) Happened(after, until time.Time) (list []Happening) {
	w.RLock()
	defer w.RUnlock()
	last := w.second(until)
	for k := range w.index.updates.From(timeline.At(w.second(after)+1, 0), nil, 0, 0) {
		if k.Second() > last {
			break
		}
		r, moment := &w.index.rows[numberAt(k)], k.Kind()
		if r.moments[moment] != k.Second() || happens[moment] == "" || r.passed(moment) {
			continue // it has been put off, or is no news
		}
		list = append(list, Happening{numberAt(k), w.time(k.Second()), happens[moment]})
	}
	return list
}

// passed tells whether the order is further than a moment takes it when that comes. Of two in one second both count.
func (r *row) passed(moment int) bool {
	if moment > cancelled {
		return false
	}
	return slices.ContainsFunc(r.moments[moment+1:cancelled+1], func(at uint32) bool { return at > 0 && at < r.moments[moment] })
}

// lives returns what makes the lives that Accept looks at, in one memory.
func (f *OrderFilter) lives(w *World) func(number int) *Order {
	if f.Accept == nil {
		return nil
	}
	m, own := w.newMaker(), &Order{}
	return func(number int) *Order {
		if o := w.touched[number]; o != nil {
			return o
		}
		m.life(number, own, 0)
		return own
	}
}

// firstSecond is the first second that is not before a time, lastSecond the last that is not after it.
func (w *World) firstSecond(t time.Time) uint32 {
	if t.Nanosecond() > 0 {
		t = t.Add(time.Second)
	}
	return w.second(t)
}

func (w *World) lastSecond(t time.Time) uint32 {
	if t.IsZero() {
		return 1<<32 - 1
	}
	return w.second(t)
}

// classesOf are the classes that a filter may let pass.
func (w *World) classesOf(f *OrderFilter) (classes timeline.Mask) {
	for class := range uint16(timeline.Classes) {
		market, payment := int(class%classAmazon), int(class/classPayment%4)
		if market >= len(w.seller.Marketplaces) || payment >= len(payments) {
			continue
		}
		if f.Traits == nil || f.Traits(Traits{w.seller.Marketplaces[market].ID, class&classAmazon > 0, payments[payment], class&classPickup > 0}) {
			if class&classCancelled > 0 || len(f.Statuses) != 1 || f.Statuses[0] != Canceled {
				classes.Add(class)
			}
		}
	}
	return classes
}

// numberFrom is the number of the first order that may have been placed at a time or later. The caller holds the world's lock.
func (w *World) numberFrom(t time.Time) int {
	if w.spacing == 0 || !t.After(w.first) {
		return 0
	}
	// The jitter of an order is less than the spacing.
	return min(max(int(t.Sub(w.first)/w.spacing)-1, 0), w.next)
}

// OrderByID finds an order that has been placed by t; nil otherwise. It is a copy, as all orders that the world hands out.
func (w *World) OrderByID(id string, t time.Time) *Order {
	w.RLock()
	defer w.RUnlock()
	number := w.numberOf(id)
	if number < 0 || w.index.rows[number].moments[purchased] == 0 || w.index.rows[number].moments[purchased] > w.second(t) {
		return nil
	}
	return w.order(number)
}

// OrderByTracking finds the order of which a parcel has that tracking number at t; nil where there is none.
func (w *World) OrderByTracking(number string, t time.Time) *Order {
	w.RLock()
	defer w.RUnlock()
	candidates := w.parcels[number]
	if digits, found := strings.CutPrefix(number, trackingPrefix); found && len(digits) == 16 {
		if n := w.outOfBase36(strings.ToLower(digits[8:])); n >= 0 {
			candidates = append(slices.Clip(candidates), n)
		}
	}
	for _, n := range candidates {
		if o := w.order(n); o != nil && slices.ContainsFunc(o.ParcelsAt(t), func(p Parcel) bool { return p.Tracking == number }) {
			return o
		}
	}
	return nil
}

// Touched are the numbers of the orders that requests have changed, in order.
func (w *World) Touched() []int {
	w.RLock()
	defer w.RUnlock()
	return slices.Sorted(maps.Keys(w.touched))
}

// NumbersOf are the numbers of the orders of ids, in order. Unknown ones are left out.
func (w *World) NumbersOf(ids []string) []int {
	w.RLock()
	defer w.RUnlock()
	numbers := []int{}
	for _, id := range ids {
		if n := w.numberOf(id); n >= 0 {
			numbers = append(numbers, n)
		}
	}
	slices.Sort(numbers)
	return slices.Compact(numbers)
}

// NumbersOfBuyer are the numbers of the orders of the buyer behind an address, in order.
func (w *World) NumbersOfBuyer(email string) []int {
	w.RLock()
	defer w.RUnlock()
	numbers := []int{}
	if n := w.buyerOf(email); n >= 0 {
		for _, n := range append([]int{n}, w.replacements[n]...) {
			if o := w.order(n); o != nil && o.BuyerEmail == email {
				numbers = append(numbers, n)
			}
		}
	}
	return numbers
}

// NumbersOfSeller is the number of the order with that id of the seller's own.
func (w *World) NumbersOfSeller(id string) []int {
	w.RLock()
	defer w.RUnlock()
	if n := numberOfSeller(id); n >= 0 && n < w.next {
		return []int{n}
	}
	return []int{}
}

// Life is the life of the order of a number, see [World.Lives], to be read only; nil where none has come yet, without items where there is none.
func (w *World) Life(number int) *Order {
	w.RLock()
	defer w.RUnlock()
	if number >= w.next {
		return nil
	}
	return w.life(number)
}

// Order is the order of a number; nil where there is none.
func (w *World) Order(number int) *Order {
	w.RLock()
	defer w.RUnlock()
	if number >= w.next {
		return nil
	}
	return w.order(number)
}

// NumberFrom is a number that no order placed at a time or later is below, and few that were placed earlier are above.
func (w *World) NumberFrom(t time.Time) int {
	w.RLock()
	defer w.RUnlock()
	return w.numberFrom(t)
}

// LifeSpan is how long after its purchase something happens to an order by itself, at the most.
const LifeSpan = 60 * Day

// All yields the orders that were placed from since until t, by time of purchase: copies. See [LifeSpan]. The caller doesn't hold the world's lock.
func (w *World) All(since, t time.Time) iter.Seq[*Order] {
	return func(yield func(*Order) bool) {
		for place := 0; ; {
			var page []*Order
			if page, place = w.Page(OrderFilter{CreatedAfter: since}, t, place, 64); len(page) == 0 {
				return
			}
			for _, o := range page {
				if !yield(o) {
					return
				}
			}
			if place == 0 {
				return
			}
		}
	}
}

// Lives is like All, but yields lives without names and ids, each good until the next, at a fraction of the time.
func (w *World) Lives(since, t time.Time) iter.Seq[*Order] {
	return func(yield func(*Order) bool) {
		m, own := w.makers.Get().(*maker), &Order{}
		defer w.makers.Put(m)
		w.RLock()
		number := w.numberFrom(since)
		w.RUnlock()
		for {
			w.RLock()
			if number >= w.next {
				w.RUnlock()
				return
			}
			o := w.touched[number]
			if o == nil {
				o = own
				m.life(number, o, 0)
			}
			w.RUnlock()
			number++
			switch {
			case o.Purchased.After(t):
				return
			case len(o.Items) == 0 || o.Purchased.Before(since):
			case !yield(o):
				return
			}
		}
	}
}

// Outside tells whether a time lies outside of two bounds, of which either may be zero.
func Outside(t, after, before time.Time) bool {
	return !after.IsZero() && t.Before(after) || !before.IsZero() && t.After(before)
}

// Among tells whether a list filter that may be empty lets a value pass.
func Among(filter []string, value string) bool {
	return len(filter) == 0 || slices.Contains(filter, value)
}

// Same tells whether a filter that may be empty lets a value pass.
func Same(filter, value string) bool { return filter == "" || filter == value }

// SearchDelay is how old an order must be to be found, and a "before" in a search
// (selling-partner-api-docs#326, selling-partner-api-models orders_2026-01-01).
const SearchDelay = 2 * time.Minute

// ParseOrderTimes reads the four time arguments, whose names differ only in case between the versions, and keeps to the rules of the
// model's notes. what names the parameter that is wrong.
func ParseOrderTimes(arg func(string) string, names [4]string, asOf time.Time, needed bool) (f OrderFilter, what, want string) {
	var times [4]time.Time
	for i, name := range names {
		if text := arg(name); text != "" {
			t, ok := format.ParseTime(text)
			if !ok {
				return f, name, "timestamp must follow ISO8601" // selling-partner-api-models#1215
			}
			times[i] = t
		}
	}
	f.CreatedAfter, f.CreatedBefore, f.UpdatedAfter, f.UpdatedBefore = times[0], times[1], times[2], times[3]
	latest := asOf.Add(-SearchDelay)
	switch {
	case times[0].IsZero() && times[2].IsZero() && needed:
		return f, names[0], "one of " + names[0] + ", " + names[2] + " is required"
	case !times[0].IsZero() && !times[2].IsZero():
		return f, names[2], "can't be used with " + names[0]
	case !times[0].IsZero() && !times[3].IsZero():
		return f, names[3], "can't be used with " + names[0]
	case !times[2].IsZero() && !times[1].IsZero():
		return f, names[1], "can't be used with " + names[2]
	}
	for _, i := range []int{1, 3} {
		switch {
		case times[i].IsZero():
		case times[i].After(latest):
			return f, names[i], "must be at least two minutes before the request"
		case times[i].Before(times[i-1]):
			return f, names[i], "lies before " + names[i-1]
		}
	}
	if f.CreatedBefore.IsZero() {
		f.CreatedBefore = latest
	}
	return f, "", ""
}

const Day = 24 * time.Hour
