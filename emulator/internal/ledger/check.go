package ledger

import (
	"fmt"
	"time"

	"github.com/openspapi/spapi/emulator/internal/world"
)

// mostViolations is how many are told.
const mostViolations = 100

// Check goes through all that has been booked by a time, and tells what doesn't add up: nil when all does. Transactions are worked out of orders here one by
// one, the sums of groups and balances elsewhere, so each is held against the other.
func (l *Ledger) Check(now time.Time) []string {
	c := &checker{now: now, ids: map[string]bool{}, releases: map[string]release{}, groups: map[string]*sums{}, waiting: map[string]int{}}
	l.open()
	from := l.began()
	l.mu.Unlock()
	for position := -1; position != 0; {
		list, next := l.Page(Query{From: from.Add(-fortnight), To: now.Add(time.Second), Now: now, All: true}, max(position, 0), pageOfRows)
		for i := range list {
			c.transaction(&list[i])
		}
		position = next
	}
	for id := range c.releases {
		if r := c.releases[id]; !r.deferred || !r.released {
			c.say("transaction %s: deferred %v, released %v: want both of %s", id, r.deferred, r.released, r.about)
		}
	}
	for i := range l.seller.Marketplaces {
		m := &l.seller.Marketplaces[i]
		var after *Group
		for _, g := range l.Groups(m, time.Time{}, now.Add(time.Second), now) {
			c.group(&g, after)
			after = &g
		}
		b := l.Balances(m, now, now)
		if got := c.waiting[m.ID]; b.Deferred.Units != got {
			c.say("balance of %s: deferred %v, want %d of the transactions that wait", m.ID, b.Deferred, got)
		}
		if open := l.Open(m, now); b.Total().Units-b.Deferred.Units != open.Total.Units {
			c.say("balance of %s: available %v and reserve %v, want together the open group's %v", m.ID, b.Available, b.Reserve, open.Total)
		}
	}
	for id := range c.groups {
		c.say("group %s has transactions, but is not among the groups", id)
	}
	return c.found
}

type checker struct {
	now      time.Time
	ids      map[string]bool
	last     time.Time
	releases map[string]release
	groups   map[string]*sums
	waiting  map[string]int // by marketplace
	found    []string
}

// release is what has been seen of a deferred transaction and its release.
type release struct {
	about              string
	total              int
	deferred, released bool
}

// sums are those of a group's transactions.
type sums struct{ released, settled, transferred int }

func (c *checker) say(format string, args ...any) {
	if len(c.found) < mostViolations {
		c.found = append(c.found, fmt.Sprintf(format, args...))
	}
}

func (c *checker) transaction(t *Transaction) {
	total := t.Total()
	name := fmt.Sprintf("transaction %s (%s %s)", t.ID, t.Type, t.OrderID)
	if c.ids[t.ID] {
		c.say("%s: the id is another's, too", name)
	}
	c.ids[t.ID] = true
	if t.Posted.Before(c.last) || t.Posted.After(c.now) {
		c.say("%s: posted %v, after one of %v and before %v", name, t.Posted, c.last, c.now)
	}
	c.last = t.Posted
	c.breakdowns(name, t.Breakdowns(), total)
	lines := 0
	for i := range t.Lines {
		line := &t.Lines[i]
		lines += line.Units
		if len(line.Entries) > 0 {
			c.breakdowns(name+" item "+line.SKU, line.Breakdowns(t.Marketplace), line.Units)
		}
		c.line(name, t, line)
	}
	if len(t.Lines) > 0 && lines != total {
		c.say("%s: total %d, items %d", name, total, lines)
	}
	settled := 0
	for _, row := range settlementOf(t) {
		settled += row.Units
	}
	switch {
	case t.Type == "Transfer":
		c.of(t.Group).transferred += total
	case t.Status == Released:
		c.of(t.Group).released += total
		c.of(t.Group).settled += settled
	case t.Status == Deferred:
		c.waiting[t.Marketplace.ID] += total
		if !t.Matures.After(c.now) {
			c.say("%s: still deferred, though it matured at %v", name, t.Matures)
		}
	}
	if t.Group != nil && t.Type != "Transfer" && (t.Posted.Before(t.Group.Start) || !t.Posted.Before(t.Group.End)) {
		c.say("%s: posted at %v, outside its group from %v to %v", name, t.Posted, t.Group.Start, t.Group.End)
	}
	c.pair(name, t, total)
}

// pair notes the two sides of a deferred transaction that has been released.
func (c *checker) pair(name string, t *Transaction, total int) {
	key := t.ReleaseID
	if t.DeferredID != "" {
		key = t.ID
	}
	if key == "" {
		return
	}
	r, seen := c.releases[key]
	if seen && r.total != total {
		c.say("%s: %d, but the other side is %d", name, total, r.total)
	}
	r.about, r.total = name, total
	if t.DeferredID != "" {
		r.released = true
	} else {
		r.deferred = true
	}
	c.releases[key] = r
}

func (c *checker) of(g *Group) *sums {
	if g == nil {
		return &sums{}
	}
	if c.groups[g.ID] == nil {
		c.groups[g.ID] = &sums{}
	}
	return c.groups[g.ID]
}

func (c *checker) breakdowns(name string, list []Breakdown, total int) {
	sum := 0
	for _, b := range list {
		sum += b.Units
		if len(b.Of) > 0 {
			c.breakdowns(name+" "+b.Type, b.Of, b.Units)
		}
	}
	if sum != total {
		c.say("%s: %d, but taken apart %d", name, total, sum)
	}
}

// line holds the amounts of an item against each other: tax that Amazon pays itself, shipping that Amazon keeps, what a refund keeps.
func (c *checker) line(name string, t *Transaction, line *Line) {
	of := map[string]int{}
	for _, e := range line.Entries {
		of[e.Leaf.Name] += e.Units
		if e.Leaf.V0 == "withheld" {
			of["withheld"] += e.Units
			if e.Units+of[priceTax().Name] != 0 {
				c.say("%s: %s %d against a tax of %d", name, e.Leaf.Name, e.Units, of[priceTax().Name])
			}
		}
	}
	if paid := of[shippingPaid().Name] + of[shippingDiscount().Name]; line.Network == "AFN" && paid+of[shippingKept().Name] != 0 {
		c.say("%s: shipping %d, of which Amazon keeps %d", name, paid, of[shippingKept().Name])
	}
	if fee := of[commission().Name]; t.Type == "Refund" && t.Kind == nil {
		want := -min(world.PriceIn(mostRefundCents, t.Marketplace).Units, (fee*refundPercent+50)/100)
		if got := of[refundCommission().Name]; got != want {
			c.say("%s: keeps %d of a referral fee of %d, want %d", name, got, fee, want)
		}
	}
}

// group holds a group against its transactions and the one that follows; nil for none.
func (c *checker) group(g, next *Group) {
	s := c.of(g)
	delete(c.groups, g.ID)
	if got := g.Beginning.Units + s.released; got != g.Total.Units {
		c.say("group %s of %s from %v: total %v, but beginning %v and transactions %d", g.ID, g.Marketplace.ID, g.Start, g.Total, g.Beginning, s.released)
	}
	if got := g.Beginning.Units + s.settled; g.Closed && got != g.Total.Units {
		c.say("settlement %s: total %v, but rows %d", g.SettlementID, g.Total, got)
	}
	want := 0
	if !g.FundTransfer.IsZero() && !g.FundTransfer.After(c.now) {
		want = g.Total.Units
	}
	if s.transferred != want {
		c.say("group %s: transferred %d, want %d", g.ID, s.transferred, want)
	}
	if next == nil {
		return
	}
	if !next.Start.Equal(g.End) {
		c.say("group %s ends at %v, the next starts at %v", g.ID, g.End, next.Start)
	}
	if next.Beginning.Units != min(0, g.Total.Units) {
		c.say("group %s: total %v, but the next begins with %v", g.ID, g.Total, next.Beginning)
	}
}
