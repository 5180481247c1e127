package ledger

import (
	"cmp"
	"math"
	"slices"
	"sort"
	"time"

	"github.com/openspapi/spapi/emulator/internal/world"
	"github.com/openspapi/spapi/marketplace"
)

// Orders' lives are derived anew whenever they are looked at. What is kept of them is when each moves how much: in buckets of orders that follow one another,
// which are made when they are first needed and forgotten when an order in them changes. An order moves money within 60 days of its purchase, so a span of
// time has its entries in the buckets of that span and of the 60 days before; each of them is searched by time.

// bucketOrders is how many orders a bucket has.
const bucketOrders = 1024

// bucket has what some orders move, also what they will.
type bucket struct {
	placed  time.Time // the first of them; zero: none has come
	entries []entry   // by time
}

// entry is one transaction of an order.
type entry struct {
	at           int64
	total, sales int64
	number       int32 // of the order
	posting      uint8 // of the order's
	market       uint8
	flags        uint8
}

const (
	released = 1 << iota // counts in a group
	deferred             // waits, or has waited
	twin                 // releases what has waited
)

// bucketsOf are the buckets of the orders that were placed from one time until before another. The caller holds l.mu.
func (l *Ledger) bucketsOf(from, to time.Time) []*bucket {
	w := l.world()
	var list []*bucket
	for n := w.NumberFrom(from) / bucketOrders; ; n++ {
		b := l.bucket(w, n)
		if b.placed.IsZero() || !b.placed.Before(to) {
			return list
		}
		if len(b.entries) > 0 {
			list = append(list, b)
		}
	}
}

// bucket is the n-th bucket. The caller holds l.mu.
func (l *Ledger) bucket(w *world.World, n int) *bucket {
	b := l.buckets[n]
	if b == nil {
		b = l.fill(w, n*bucketOrders)
		l.buckets[n] = b
	}
	return b
}

// fill makes the bucket of the orders from a number on.
func (l *Ledger) fill(w *world.World, first int) *bucket {
	b := &bucket{}
	for number := first; number < first+bucketOrders; number++ {
		o := w.Life(number)
		if o == nil {
			break
		}
		if b.placed.IsZero() {
			b.placed = o.Purchased
		}
		l.last = max(l.last, number)
		if len(o.Items) == 0 {
			continue
		}
		market := uint8(l.indexOf(o.Marketplace.ID))
		for n, p := range l.postings(o) {
			e := entry{at: p.posted.Unix(), total: int64(p.total()), number: int32(number), posting: uint8(n), market: market, flags: released}
			if !p.refund {
				e.sales = int64(p.principal())
			}
			if !p.matures.IsZero() {
				e.flags = deferred
				b.entries = append(b.entries, e)
				e.at, e.flags = p.matures.Unix(), released|twin
			}
			b.entries = append(b.entries, e)
		}
	}
	slices.SortFunc(b.entries, func(x, y entry) int {
		return cmp.Or(cmp.Compare(x.at, y.at), cmp.Compare(x.number, y.number), cmp.Compare(x.posting, y.posting), cmp.Compare(x.flags, y.flags))
	})
	return b
}

// from is the place of the first entry that is not before a time.
func (b *bucket) from(at int64) int {
	return sort.Search(len(b.entries), func(i int) bool { return b.entries[i].at >= at })
}

// beside is a transaction that no order's own life makes.
type beside struct {
	at      int64
	m       *marketplace.Marketplace
	make    func() Transaction
	closing func() []Transaction // instead, of what has to be added up first: none or some
}

// row is a place in the books: an entry of a bucket, or something beside.
type row struct {
	at     int64
	bucket *bucket
	entry  int
	beside *beside
}

func (r *row) flags() uint8 {
	if r.bucket == nil {
		return released
	}
	return r.bucket.entries[r.entry].flags
}

// shown tells whether a row has got into the books that are shown by a time: what orders move gets there within 48 hours (the models' note),
// mostly within twelve; how fast is the emulator's own. All else is there at once.
func (l *Ledger) shown(r *row, now time.Time) bool {
	if r.bucket == nil || r.flags()&twin != 0 || r.at+48*3600 <= now.Unix() {
		return r.at <= now.Unix()
	}
	e := &r.bucket.entries[r.entry]
	return r.at+l.lag(int(e.number), int(e.posting)) <= now.Unix()
}

// lag is how many seconds pass until a posting of an order is shown.
func (l *Ledger) lag(order, posting int) int64 {
	h := l.number("lag", order, posting)
	if h%8 == 0 {
		return 12*3600 + int64(h>>8%(35*3600))
	}
	return 300 + int64(h>>8%(11*3600))
}

// rows yields the rows from one time until before another, by time, also those that aren't shown yet. What lies further on is looked at when it is
// reached: who stops early pays for no more. The caller holds l.mu.
func (l *Ledger) rows(from, to, now time.Time, yield func(*row) bool) {
	if latest := now.Truncate(time.Second).Add(time.Second); to.After(latest) {
		to = latest
	}
	w := l.world()
	next := w.NumberFrom(from.Add(-world.LifeSpan)) / bucketOrders // of the buckets
	placed := func() int64 {                                       // its first order; none moves anything before it is placed
		if first := w.Life(next * bucketOrders); first != nil {
			return first.Purchased.Unix()
		}
		return math.MaxInt64
	}
	nextAt := placed()
	var open cursors
	besides := append(l.fees(from, to), l.closings(from, to, now)...)
	slices.SortStableFunc(besides, func(x, y beside) int { return cmp.Compare(x.at, y.at) })
	for {
		at := to.Unix()
		if len(open) > 0 {
			at = open[0].at()
		}
		if len(besides) > 0 {
			at = min(at, besides[0].at)
		}
		if nextAt <= at && nextAt < to.Unix() {
			if b := l.bucket(w, next); len(b.entries) > 0 {
				if i := b.from(from.Unix()); i < len(b.entries) {
					open.push(cursor{b, i, next})
				}
			}
			next++
			nextAt = placed()
			continue
		}
		if at >= to.Unix() {
			return
		}
		if len(open) > 0 && open[0].at() == at {
			if !yield(&row{at: at, bucket: open[0].b, entry: open[0].i}) {
				return
			}
			open.step()
			continue
		}
		b := besides[0]
		besides = besides[1:]
		if b.closing == nil {
			if !yield(&row{at: at, beside: &b}) {
				return
			}
			continue
		}
		for _, t := range b.closing() {
			if !yield(&row{at: at, beside: &beside{at: at, m: b.m, make: func() Transaction { return t }}}) {
				return
			}
		}
	}
}

// cursor is a place in a bucket.
type cursor struct {
	b        *bucket
	i, place int
}

func (c *cursor) at() int64 { return c.b.entries[c.i].at }

func (c *cursor) before(other *cursor) bool {
	return cmp.Or(cmp.Compare(c.at(), other.at()), cmp.Compare(c.place, other.place)) < 0
}

// cursors are a heap: the first is the earliest.
type cursors []cursor

func (h *cursors) push(c cursor) {
	*h = append(*h, c)
	for i := len(*h) - 1; i > 0; {
		above := (i - 1) / 2
		if !(*h)[i].before(&(*h)[above]) {
			return
		}
		(*h)[i], (*h)[above] = (*h)[above], (*h)[i]
		i = above
	}
}

// step moves the first one on, or away after its last entry.
func (h *cursors) step() {
	list := *h
	if list[0].i++; list[0].i == len(list[0].b.entries) {
		list[0] = list[len(list)-1]
		list = list[:len(list)-1]
		*h = list
	}
	for i := 0; ; {
		least := i
		for _, below := range []int{2*i + 1, 2*i + 2} {
			if below < len(list) && list[below].before(&list[least]) {
				least = below
			}
		}
		if least == i {
			return
		}
		list[i], list[least] = list[least], list[i]
		i = least
	}
}
