package ledger

import (
	"cmp"
	"slices"
	"sort"
	"time"

	"github.com/openspapi/spapi/emulator/internal/world"
	"github.com/openspapi/spapi/marketplace"
)

// Orders' lives are derived anew whenever they are looked at. What is kept of them is when each moves how much: in buckets, by time of purchase, which
// are made when they are first needed and forgotten when an order in them changes. An order moves money within 60 days of its purchase, so a span of
// time has its entries in the buckets of that span and of the 60 days before; each of them is searched by time.

// bucketSpan is of which time a bucket has the orders.
const bucketSpan = 6 * time.Hour

// bucket has what the orders of some hours move, also what they will.
type bucket struct {
	until   time.Time // as far as orders have been seen
	orders  []string  // ids
	entries []entry   // by time
}

// entry is one transaction of an order.
type entry struct {
	at           int64
	total, sales int64
	order        int32 // of the bucket's
	posting      uint8 // of the order's
	market       uint8
	flags        uint8
}

const (
	released = 1 << iota // counts in a group
	deferred             // waits, or has waited
	twin                 // releases what has waited
	merchant             // of an order that the seller fulfils
)

func chunkOf(at int64) int64 {
	span := int64(bucketSpan / time.Second)
	n := at / span
	if at < 0 && at%span != 0 {
		n--
	}
	return n
}

// bucketsOf are the buckets of the orders that were placed from one time until before another. The caller holds l.mu.
func (l *Ledger) bucketsOf(from, to time.Time) []*bucket {
	if start := l.began(); from.Before(start) {
		from = start
	}
	w := l.world()
	var list []*bucket
	span := int64(bucketSpan / time.Second)
	for n := chunkOf(from.Unix()); n*span < to.Unix(); n++ {
		end := time.Unix((n+1)*span, 0).UTC()
		until := end
		if end.After(to) {
			until = to
		}
		b := l.chunks[n]
		if b == nil || b.until.Before(until) {
			b = l.fill(w, time.Unix(n*span, 0).UTC(), end)
			b.until = until // orders may still come
			l.chunks[n] = b
		}
		if len(b.entries) > 0 {
			list = append(list, b)
		}
	}
	return list
}

// fill makes a bucket.
func (l *Ledger) fill(w *world.World, from, to time.Time) *bucket {
	b := &bucket{}
	for o := range w.All(from, to.Add(-time.Second)) {
		postings := l.postings(o)
		if len(postings) == 0 {
			continue
		}
		order := int32(len(b.orders))
		b.orders = append(b.orders, o.ID)
		market := uint8(l.indexOf(o.Marketplace.ID))
		var own uint8
		if !o.Amazon {
			own = merchant
		}
		for n := range postings {
			p := &postings[n]
			e := entry{at: p.posted.Unix(), total: int64(p.total()), order: order, posting: uint8(n), market: market, flags: own | released}
			if !p.refund {
				e.sales = int64(p.principal())
			}
			if !p.matures.IsZero() {
				e.flags = own | deferred
				b.entries = append(b.entries, e)
				e.at, e.flags = p.matures.Unix(), own|released|twin
			}
			b.entries = append(b.entries, e)
		}
	}
	slices.SortFunc(b.entries, func(x, y entry) int {
		return cmp.Or(cmp.Compare(x.at, y.at), cmp.Compare(x.order, y.order), cmp.Compare(x.posting, y.posting), cmp.Compare(x.flags, y.flags))
	})
	return b
}

// from is the place of the first entry that is not before a time.
func (b *bucket) from(at int64) int {
	return sort.Search(len(b.entries), func(i int) bool { return b.entries[i].at >= at })
}

// beside is a transaction that no order's own life makes.
type beside struct {
	at   int64
	m    *marketplace.Marketplace
	make func() Transaction
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
	return r.at+l.lag(r.bucket.orders[e.order], int(e.posting)) <= now.Unix()
}

// lag is how many seconds pass until a posting of an order is shown.
func (l *Ledger) lag(orderID string, posting int) int64 {
	h := l.number("lag", orderID, posting)
	if h%8 == 0 {
		return 12*3600 + int64(h>>8%(35*3600))
	}
	return 300 + int64(h>>8%(11*3600))
}

// rows yields the rows from one time until before another, by time, also those that aren't shown yet. The caller holds l.mu.
func (l *Ledger) rows(from, to, now time.Time, yield func(*row) bool) {
	type cursor struct {
		b        *bucket
		i, place int
	}
	var heap []cursor
	less := func(x, y cursor) bool {
		return cmp.Or(cmp.Compare(x.b.entries[x.i].at, y.b.entries[y.i].at), cmp.Compare(x.place, y.place)) < 0
	}
	var down func(i int)
	down = func(i int) {
		for {
			least := i
			for _, c := range []int{2*i + 1, 2*i + 2} {
				if c < len(heap) && less(heap[c], heap[least]) {
					least = c
				}
			}
			if least == i {
				return
			}
			heap[i], heap[least] = heap[least], heap[i]
			i = least
		}
	}
	if latest := now.Truncate(time.Second).Add(time.Second); to.After(latest) {
		to = latest
	}
	for place, b := range l.bucketsOf(from.Add(-within), to) {
		if i := b.from(from.Unix()); i < len(b.entries) && b.entries[i].at < to.Unix() {
			heap = append(heap, cursor{b, i, place})
		}
	}
	for i := len(heap) / 2; i >= 0; i-- {
		down(i)
	}
	besides := append(l.fees(from, to), l.closings(from, to, now)...)
	slices.SortStableFunc(besides, func(x, y beside) int { return cmp.Compare(x.at, y.at) })
	for len(heap) > 0 || len(besides) > 0 {
		if len(heap) == 0 || len(besides) > 0 && besides[0].at < heap[0].b.entries[heap[0].i].at {
			b := &besides[0]
			besides = besides[1:]
			if !yield(&row{at: b.at, beside: b}) {
				return
			}
			continue
		}
		c := &heap[0]
		if !yield(&row{at: c.b.entries[c.i].at, bucket: c.b, entry: c.i}) {
			return
		}
		if c.i++; c.i == len(c.b.entries) || c.b.entries[c.i].at >= to.Unix() {
			heap[0] = heap[len(heap)-1]
			heap = heap[:len(heap)-1]
		}
		if len(heap) > 0 {
			down(0)
		}
	}
}
