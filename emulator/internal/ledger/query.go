package ledger

import (
	"fmt"
	"slices"
	"time"

	"github.com/openspapi/spapi/emulator/internal/world"
	"github.com/openspapi/spapi/marketplace"
)

// Query asks for transactions that were posted from one time until before another.
type Query struct {
	From, To time.Time
	Now      time.Time                // as of which; what isn't shown by then stays out
	Market   *marketplace.Marketplace // nil: all
	Status   string                   // "" for all; DEFERRED stands for what waits now
	Group    string                   // id; "" for all
	Released bool                     // only what counts in a group
	All      bool                     // also what isn't shown yet
}

// mostLooked is how many rows a page looks through: one that finds none of them is empty, and the next goes on there.
const mostLooked = 100_000

// Page returns up to size transactions from a position on, 0 for the first, and the position of the next page; 0 after the last. A position is a second and
// how many of that second's rows come before.
func (l *Ledger) Page(q Query, position, size int) (list []Transaction, next int) {
	l.open()
	defer l.mu.Unlock()
	return l.page(q, position, size)
}

func (l *Ledger) page(q Query, position, size int) (list []Transaction, next int) {
	from, skip := q.From, 0
	if position != 0 {
		from, skip = time.Unix(int64(position>>16), 0).UTC(), position&(1<<16-1)
	} else if from.Nanosecond() != 0 {
		from = from.Truncate(time.Second).Add(time.Second)
	}
	if start := l.began().Add(-world.Day); from.Before(start) {
		from, skip = start, 0
	}
	to := q.To
	if to.Nanosecond() != 0 {
		to = to.Truncate(time.Second).Add(time.Second)
	}
	second, n, looked := from.Unix(), 0, 0
	read := reader{l: l, w: l.world(), now: q.Now}
	l.rows(from, to, q.Now, func(r *row) bool {
		if r.at != second {
			second, n = r.at, 0
		}
		place := int(second)<<16 | n
		n++
		if second == from.Unix() && n <= skip {
			return true
		}
		if len(list) == size || looked == mostLooked {
			next = place
			return false
		}
		looked++
		if l.accepts(&q, r) {
			if t, ok := read.transaction(r); ok && (q.Group == "" || t.Group != nil && t.Group.ID == q.Group) && (q.Status == "" || t.Status == q.Status) {
				list = append(list, t)
			}
		}
		return true
	})
	return list, next
}

// accepts tells whether a row can be what is asked for, as far as that is seen without making a transaction of it.
func (l *Ledger) accepts(q *Query, r *row) bool {
	flags := r.flags()
	switch {
	case !q.All && !l.shown(r, q.Now):
		return false
	case (q.Released || q.Status == Released || q.Group != "") && flags&released == 0,
		(q.Status == Deferred || q.Status == DeferredReleased) && flags&deferred == 0:
		return false
	case q.Market == nil:
		return true
	case r.beside != nil:
		return r.beside.m.ID == q.Market.ID
	}
	return int(r.bucket.entries[r.entry].market) == l.indexOf(q.Market.ID)
}

// reader makes transactions of rows.
type reader struct {
	l        *Ledger
	w        *world.World
	now      time.Time
	order    *world.Order // the last one
	postings []posting
}

func (d *reader) transaction(r *row) (Transaction, bool) {
	if r.beside != nil {
		return r.beside.make(), true
	}
	e := &r.bucket.entries[r.entry]
	if d.order == nil || d.order.Number != int(e.number) {
		if d.order = d.w.Order(int(e.number)); d.order == nil {
			return Transaction{}, false
		}
		d.postings = d.l.postings(d.order)
	}
	if int(e.posting) >= len(d.postings) {
		return Transaction{}, false // it has been changed this moment
	}
	return d.l.posted(d.order, &d.postings[e.posting], e.flags&twin != 0, d.now), true
}

// posted makes a transaction of a posting: of what it was at its own time, or of its release. The caller holds l.mu.
func (l *Ledger) posted(o *world.Order, p *posting, release bool, now time.Time) Transaction {
	t := Transaction{
		Type: "Shipment", Description: "Order Payment", Status: Released, Posted: p.posted, Marketplace: o.Marketplace,
		OrderID: o.ID, SellerOrderID: o.SellerOrderID, Merchant: !o.Amazon,
	}
	about := "shipment"
	if p.refund {
		about, t.Type, t.Description = "refund", "Refund", "Refund Order"
		t.RefundID = p.back
	} else {
		t.ShipmentID = l.digits(15, "shipment", o.ID, p.n)
	}
	t.ID = l.id(about, o.ID, p.key())
	if !p.matures.IsZero() {
		t.Deferral, t.Matures = p.reason, p.matures
		switch twin := l.id("release", about, o.ID, p.key()); {
		case release:
			t.ID, t.DeferredID, t.Posted = twin, t.ID, p.matures
		case p.matures.After(now):
			t.Status = Deferred
		default:
			t.Status, t.ReleaseID = DeferredReleased, twin
		}
	}
	if t.Status == Released {
		g := l.shell(l.periodAt(o.Marketplace, t.Posted), now)
		t.Group = &g
	}
	for _, pl := range p.lines {
		line := l.lineOf(o, pl.item, pl.quantity, fmt.Sprint(about, p.key()))
		line.Entries, line.Units = pl.entries, sumOf(pl.entries)
		t.Lines = append(t.Lines, line)
	}
	return t
}

// OfOrder are the transactions of an order that are shown by a time, by time; all also has those that aren't shown yet.
func (l *Ledger) OfOrder(id string, now time.Time, all bool) []Transaction {
	l.open()
	defer l.mu.Unlock()
	w := l.world()
	o := w.OrderByID(id, now)
	if o == nil {
		return nil
	}
	var list []Transaction
	add := func(t Transaction, lag int64) {
		if t.Posted.Unix()+lag <= now.Unix() {
			list = append(list, t)
		}
	}
	for i, p := range l.postings(o) {
		lag := int64(0)
		if !all {
			lag = l.lag(o.Number, i)
		}
		add(l.posted(o, &p, false, now), lag)
		if !p.matures.IsZero() {
			add(l.posted(o, &p, true, now), 0)
		}
	}
	for _, c := range w.ChargesIn(o.Purchased, now.Add(time.Second)) {
		if c.OrderID == id && l.indexOf(c.Marketplace) >= 0 {
			add(l.charged(w, &c), 0)
		}
	}
	slices.SortStableFunc(list, func(a, b Transaction) int { return a.Posted.Compare(b.Posted) })
	return list
}

// Summary adds up what was released, but transfers, and takes it apart as transactions are.
func (l *Ledger) Summary(q Query) (net int, parts []Breakdown) {
	for position := -1; position != 0; {
		list, next := l.Page(q, max(position, 0), pageOfRows)
		for i := range list {
			if list[i].Type == "Transfer" {
				continue
			}
			net += list[i].Total()
			for _, b := range list[i].Breakdowns() {
				whole := at(&parts, b.Type)
				whole.Units += b.Units
				for _, part := range b.Of {
					at(&whole.Of, part.Type).Units += part.Units
				}
			}
		}
		position = next
	}
	return net, parts
}

// Settled finds a closed group by the id of its settlement.
func (l *Ledger) Settled(m *marketplace.Marketplace, id string, now time.Time) (Group, bool) {
	l.open()
	defer l.mu.Unlock()
	for _, p := range l.periods(m, time.Time{}, now.Add(time.Second), now) {
		if !p.end.After(now) && l.settlementID(p) == id {
			return l.group(p, now), true
		}
	}
	return Group{}, false
}

// GroupsOfAll are the groups of all marketplaces that started from one time until before another, the newest first: so many after those that are skipped, and
// whether there are more.
func (l *Ledger) GroupsOfAll(from, to, now time.Time, skip, size int) (groups []Group, more bool) {
	l.open()
	defer l.mu.Unlock()
	var list []period
	for i := range l.seller.Marketplaces {
		list = append(list, l.periods(&l.seller.Marketplaces[i], from, to, now)...)
	}
	slices.SortStableFunc(list, func(a, b period) int { return b.start.Compare(a.start) })
	for i := min(skip, len(list)); i < min(skip+size, len(list)); i++ {
		groups = append(groups, l.group(list[i], now))
	}
	return groups, skip+size < len(list)
}

// Ending are the groups that end after one time and by another, the last first, without their sums.
func (l *Ledger) Ending(m *marketplace.Marketplace, after, by time.Time) []Group {
	l.open()
	defer l.mu.Unlock()
	var list []Group
	for p := l.periodAt(m, by); p.end.After(after) && p.end.After(l.began()); p = l.before(p) {
		if !p.end.After(by) {
			list = append(list, l.shell(p, by))
		}
	}
	return list
}
