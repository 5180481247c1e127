// Package ledger keeps a seller's books: which money moves when, for what, and where it is settled. It follows from the lives of orders, from charges and
// from the clock; nothing is stored but the payouts on demand, which cut a period short.
package ledger

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/openspapi/spapi/emulator/internal/desk"
	"github.com/openspapi/spapi/emulator/internal/world"
	"github.com/openspapi/spapi/marketplace"
)

// Ledger is the books of one seller. It may be used by several at the same time; who calls it doesn't hold the world's lock.
type Ledger struct {
	seller *world.Seller
	seed   int64
	terms  Terms
	world  func() *world.World

	mu      sync.Mutex
	cuts    map[string][]time.Time // payouts on demand, by marketplace
	start   time.Time              // see [Ledger.began]
	stored  []*world.Listing       // of the beginning, at Amazon's
	seen    [2]int                 // changes of orders, and charges, that have been heard of
	last    int                    // number of the last order that has been looked at
	buckets map[int]*bucket        // by what they start with, see [bucketOrders]
	kept    map[sumKey]figures
	shells  map[string]Group // see [Ledger.shell]

	news news
}

// Terms are what Amazon has agreed on with a seller.
type Terms struct {
	DD7            bool // money waits until the seventh day after the delivery
	Established    bool // where the seller sells: pays the value-added tax itself
	Reserve        bool // some money is held back at each close
	ReservePercent int  // of the sales, but at least ten dollars
}

// termsOf are the seller's: two in three wait for their money, one in four is established elsewhere, one in three has a reserve. The emulator's own: Amazon
// sets them by account.
func termsOf(number int, pick func(what string) uint64) Terms {
	return Terms{DD7: number%3 != 2, Established: pick("established")%4 != 0, Reserve: number%3 == 1, ReservePercent: 3}
}

// New opens the books of a seller.
func New(seed int64, a *world.Seller, w func() *world.World) *Ledger {
	l := &Ledger{
		seller: a, seed: seed, world: w, cuts: map[string][]time.Time{}, buckets: map[int]*bucket{}, kept: map[sumKey]figures{}, shells: map[string]Group{},
	}
	l.terms = termsOf(a.Number, func(what string) uint64 { return l.number(what) })
	return l
}

// Books are the ledgers of all sellers.
var Books = &desk.Store[*Ledger]{
	Name:   "ledger",
	Create: func(a *desk.Seller) *Ledger { return New(a.Desk.Seed.Value(), &a.Account.Seller, a.World) },
	Save: func(l *Ledger) (any, error) {
		l.mu.Lock()
		defer l.mu.Unlock()
		if len(l.cuts) == 0 {
			return nil, nil
		}
		return ledgerState{l.cuts}, nil
	},
	Load: func(l *Ledger, raw json.RawMessage) error {
		var s ledgerState
		if err := json.Unmarshal(raw, &s); err != nil {
			return err
		}
		l.mu.Lock()
		defer l.mu.Unlock()
		for id, cuts := range s.Payouts {
			if l.indexOf(id) < 0 {
				return fmt.Errorf("payouts of marketplace %q, where the seller doesn't sell", id)
			}
			slices.SortFunc(cuts, time.Time.Compare)
			l.cuts[id] = cuts
		}
		return nil
	},
}

// ledgerState is what an export keeps.
type ledgerState struct {
	Payouts map[string][]time.Time `json:"payouts"` // on demand, by marketplace
}

// open takes the lock, and forgets what no longer holds.
func (l *Ledger) open() {
	w := l.world()
	l.mu.Lock()
	numbers, n := w.Changes(l.seen[0])
	charges := w.ChargeCount()
	stale := charges != l.seen[1]
	l.seen = [2]int{n, charges}
	for _, number := range numbers {
		delete(l.buckets, number/bucketOrders)
		stale = stale || number <= l.last
	}
	if stale {
		clear(l.kept)
	}
}

// Open is the group in which money is settled now.
func (l *Ledger) Open(m *marketplace.Marketplace, now time.Time) Group {
	l.open()
	defer l.mu.Unlock()
	return l.group(l.periodAt(m, now), now)
}

// Groups are those that started from one time until before another, the newest first.
func (l *Ledger) Groups(m *marketplace.Marketplace, from, to, now time.Time) []Group {
	l.open()
	defer l.mu.Unlock()
	var list []Group
	for _, p := range l.periods(m, from, to, now) {
		list = append(list, l.group(p, now))
	}
	return list
}

// Periods are like [Ledger.Groups], without the sums, which take much longer.
func (l *Ledger) Periods(m *marketplace.Marketplace, from, to, now time.Time) []Group {
	l.open()
	defer l.mu.Unlock()
	var list []Group
	for _, p := range l.periods(m, from, to, now) {
		list = append(list, l.shell(p, now))
	}
	return list
}

// periods are those that started from one time until before another, the newest first.
func (l *Ledger) periods(m *marketplace.Marketplace, from, to, now time.Time) []period {
	var list []period
	p := l.periodAt(m, now)
	for !p.start.Before(to) && p.end.After(l.began()) {
		p = l.before(p)
	}
	for ; !p.start.Before(from) && p.end.After(l.began()); p = l.before(p) {
		list = append(list, p)
	}
	return list
}

// Group finds a group by its id.
func (l *Ledger) Group(id string, now time.Time) (Group, bool) {
	l.open()
	defer l.mu.Unlock()
	for i := range l.seller.Marketplaces {
		for _, p := range l.periods(&l.seller.Marketplaces[i], time.Time{}, now.Add(time.Second), now) {
			if l.id("group", p.m.ID, p.start.Unix()) == id {
				return l.group(p, now), true
			}
		}
	}
	return Group{}, false
}

// Why a group isn't closed for a payout on demand.
var (
	ErrPaidOut = errors.New("there has been a payout on demand")
	ErrNoFunds = errors.New("there is nothing to pay out")
)

// CloseEarly closes the open group now, for a payout on demand, unless there has been one in the pause before now, or, where the clock was set back, after.
func (l *Ledger) CloseEarly(m *marketplace.Marketplace, pause time.Duration, now time.Time) (Group, error) {
	since := now.Add(-pause)
	now = now.UTC().Truncate(time.Second)
	l.open()
	defer l.mu.Unlock()
	if slices.ContainsFunc(l.cuts[m.ID], since.Before) {
		return Group{}, ErrPaidOut
	}
	p := l.periodAt(m, now)
	if f := l.figures(p, now); !p.start.Before(now) || f.total() <= 0 {
		return Group{}, ErrNoFunds
	}
	l.cuts[m.ID] = append(l.cuts[m.ID], now)
	clear(l.kept)
	clear(l.shells)
	l.tellCut(m, now)
	return l.group(l.periodAt(m, p.start), now), nil
}

// Balances are what a seller has in one marketplace.
type Balances struct {
	Available world.Money // what a payout would pay now
	Deferred  world.Money // of transactions that wait
	Reserve   world.Money // held back for the account as a whole
}

// Reserved is what the seller can't have yet.
func (b *Balances) Reserved() world.Money {
	return world.Money{Units: b.Deferred.Units + b.Reserve.Units, Currency: b.Deferred.Currency}
}

// Total is all that the seller has.
func (b *Balances) Total() world.Money {
	return world.Money{Units: b.Available.Units + b.Deferred.Units + b.Reserve.Units, Currency: b.Available.Currency}
}

// Balances are those at a time, now or before.
func (l *Ledger) Balances(m *marketplace.Marketplace, at, now time.Time) Balances {
	l.open()
	defer l.mu.Unlock()
	until := at.UTC().Truncate(time.Second).Add(time.Second)
	p := l.periodAt(m, at)
	f := l.figures(p, until)
	money := func(units int) world.Money { return world.Money{Units: units, Currency: m.Currency} }
	return Balances{Available: money(f.running() - f.reserve), Deferred: money(l.waiting(m, until)), Reserve: money(f.reserve)}
}

// waiting adds up what is deferred just before a time. The caller holds l.mu.
func (l *Ledger) waiting(m *marketplace.Marketplace, until time.Time) int {
	sum, market := 0, l.indexOf(m.ID)
	for _, b := range l.bucketsOf(until.Add(-world.LifeSpan), until) {
		for i := range b.entries[:b.from(until.Unix())] {
			e := &b.entries[i]
			switch {
			case int(e.market) != market:
			case e.flags&deferred != 0:
				sum += int(e.total)
			case e.flags&twin != 0:
				sum -= int(e.total)
			}
		}
	}
	return sum
}
