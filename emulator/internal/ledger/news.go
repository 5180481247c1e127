package ledger

import (
	"maps"
	"slices"
	"strconv"
	"sync"
	"time"

	"github.com/openspapi/spapi/emulator/internal/agenda"
	"github.com/openspapi/spapi/emulator/internal/desk"
	"github.com/openspapi/spapi/emulator/internal/world"
	"github.com/openspapi/spapi/marketplace"
)

// Update is the notification that tells of transactions.
const Update = "TRANSACTION_UPDATE"

// news is what is needed to tell which transactions have come since a time, and those that requests make.
type news struct {
	wanted func() bool                                        // whether somebody wants to be told; nil: nobody ever
	tell   func(at time.Time, transaction func() Transaction) // of what a request has moved. transaction is called later, with no lock held
	now    func() time.Time
	orders *agenda.Agenda
	quiet  quiet // guarded by the ledger's lock

	mu   sync.Mutex
	told map[string]time.Time // what has been told by tell, and the time that it has: so that who looks through that time doesn't tell it again
}

// quiet is a span in which nothing comes but of orders, as long as there are no more charges.
type quiet struct {
	from, until time.Time
	charges     int
}

// mark notes that something is told by tell; false where nobody wants to be told, or it is still to come.
func (n *news) mark(what string, at time.Time) bool {
	if n.wanted == nil || !n.wanted() || at.After(n.now()) {
		return false
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	n.told[what] = at
	return true
}

func (n *news) marked(what string) bool {
	n.mu.Lock()
	defer n.mu.Unlock()
	_, told := n.told[what]
	return told
}

// forget forgets what nobody asks for who goes on from a time.
func (n *news) forget(until time.Time) {
	n.mu.Lock()
	defer n.mu.Unlock()
	maps.DeleteFunc(n.told, func(_ string, at time.Time) bool { return !at.After(until) })
}

// Watch lets the ledger know what requests do in a world that has just been made, and tell what they move.
func Watch(a *desk.Seller, w *world.World, tell func(at time.Time, transaction func() Transaction)) {
	l := Books.Of(a)
	n := &l.news
	n.wanted, n.tell, n.now, n.told = func() bool { return a.Wants(Update) }, tell, a.Desk.Clock.Now, map[string]time.Time{}
	n.orders = agenda.New(w, l.shownAt)
	w.WatchCharges(func(c world.Charge) {
		if l.indexOf(c.Marketplace) >= 0 && n.mark(c.ID, c.At) {
			tell(c.At, func() Transaction {
				l.open()
				defer l.mu.Unlock()
				return l.charged(l.world(), &c)
			})
		}
	})
}

// tellCut tells what a request has moved by closing a period. The caller holds l.mu.
func (l *Ledger) tellCut(m *marketplace.Marketplace, at time.Time) {
	for _, b := range l.closings(at.Add(-time.Second), at.Add(time.Second), at) {
		if b.m.ID != m.ID || !l.news.mark(closingKey(&b), time.Unix(b.at, 0)) {
			continue
		}
		for _, t := range b.closing() {
			l.news.tell(t.Posted, func() Transaction { return t })
		}
	}
}

// closingKey tells what closes move at a time from others.
func closingKey(b *beside) string { return "close " + b.m.ID + " " + strconv.FormatInt(b.at, 10) }

// shownAt are the times at which what an order moves gets into the books that are shown.
func (l *Ledger) shownAt(o *world.Order, add func(at time.Time)) {
	for i, p := range l.postings(o) {
		add(p.posted.Add(time.Duration(l.lag(o.Number, i)) * time.Second))
		if !p.matures.IsZero() {
			add(p.matures)
		}
	}
}

// Shown is a transaction, and when it got into the books.
type Shown struct {
	At time.Time
	Transaction
}

// Shown are the transactions that get into the books after one time and by another, by time, but those that were told when a request made them. Of orders it
// looks only at those of which something comes: it is cheap where nothing does. The world was made with [Watch].
func (l *Ledger) Shown(after, until time.Time) (list []Shown) {
	l.open()
	defer l.mu.Unlock()
	w := l.world()
	for at, number := range l.news.orders.Between(after, until) {
		o := w.Order(number)
		for i, p := range l.postings(o) {
			if p.posted.Add(time.Duration(l.lag(number, i)) * time.Second).Equal(at) {
				list = append(list, Shown{at, l.posted(o, &p, false, at)})
			}
			if p.matures.Truncate(time.Second).Equal(at) {
				list = append(list, Shown{at, l.posted(o, &p, true, at)})
			}
		}
	}
	for _, b := range l.besides(after, until) {
		if b.closing == nil {
			list = append(list, Shown{time.Unix(b.at, 0).UTC(), b.make()})
		} else if !l.news.marked(closingKey(&b)) {
			for _, t := range b.closing() {
				list = append(list, Shown{time.Unix(b.at, 0).UTC(), t})
			}
		}
	}
	l.news.forget(until)
	slices.SortStableFunc(list, func(x, y Shown) int { return x.At.Compare(y.At) })
	return list
}

// besides are what no order moves after a time and by another. The caller holds l.mu.
func (l *Ledger) besides(after, until time.Time) []beside {
	const ahead = time.Hour // so far it is looked whether anything comes
	charged := l.world().ChargeCount()
	from, to := after.Truncate(time.Second).Add(time.Second), until.Truncate(time.Second).Add(time.Second)
	q := &l.news.quiet
	if charged == q.charges && !from.Before(q.from) && !to.After(q.until) {
		return nil
	}
	all := func(from, to, now time.Time) []beside {
		charges := slices.DeleteFunc(l.world().ChargesIn(from, to), func(c world.Charge) bool { return l.news.marked(c.ID) })
		return append(append(l.charges(charges), l.dues(from, to)...), l.closings(from, to, now)...)
	}
	next := to.Add(ahead)
	for _, b := range all(to, next, until.Add(ahead)) {
		if at := time.Unix(b.at, 0); at.Before(next) {
			next = at
		}
	}
	*q = quiet{from: to, until: next, charges: charged}
	return all(from, to, until)
}
