package ledger

import (
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"slices"
	"strconv"
	"time"

	"github.com/openspapi/spapi/emulator/internal/world"
	"github.com/openspapi/spapi/marketplace"
)

// settlementDays is how often Amazon settles (a recorded group: 2022-04-29T19:15:59Z to 2022-05-13T19:15:59Z).
const settlementDays = 14

const fortnight = settlementDays * world.Day

// Group is a financial event group: what is settled together, of one marketplace and account. In Europe, too, each marketplace settles for itself, as its
// payouts (transfers_2024-06-01) and settlement reports do.
type Group struct {
	ID           string // what v0 calls FinancialEventGroupId, and initiatePayout payoutReferenceId
	SettlementID string
	Marketplace  *marketplace.Marketplace
	AccountType  string
	Start, End   time.Time   // End of an open one: when it is to close
	Closed       bool        // by the time asked for
	OnDemand     bool        // closed early, by a payout
	Beginning    world.Money // what the one before was short of; never above 0
	Total        world.Money // of an open one as of now; of a closed one what is paid out, or carried to the next below 0
	FundTransfer time.Time   // when the money is at the bank; zero: nothing is paid out
	TransferID   string
	TraceID      string // the bank's; "" before the transfer
	AccountTail  string
}

// period is the time of a group.
type period struct {
	m          *marketplace.Marketplace
	start, end time.Time
	onDemand   bool // end is a payout's
}

// periodAt is the one in which a time lies. Periods of two weeks follow one another from before the seller was added; payouts on demand cut them. The
// caller holds l.mu.
func (l *Ledger) periodAt(m *marketplace.Marketplace, t time.Time) period {
	anchor := l.anchor(m)
	n := t.Sub(anchor) / fortnight
	if t.Before(anchor.Add(n * fortnight)) {
		n-- // towards zero
	}
	p := period{m: m, start: anchor.Add(n * fortnight)}
	p.end = p.start.Add(fortnight)
	for _, cut := range l.cuts[m.ID] {
		switch {
		case !cut.After(p.start) || !cut.Before(p.end):
		case !cut.After(t):
			p.start = cut
		default:
			p.end, p.onDemand = cut, true
		}
	}
	return p
}

// before is the period that ends where another starts.
func (l *Ledger) before(p period) period { return l.periodAt(p.m, p.start.Add(-time.Second)) }

// anchor is where a period of the marketplace starts: at a time of its own on the day before the seller was added, or that day.
func (l *Ledger) anchor(m *marketplace.Marketplace) time.Time {
	day := l.seller.Created.UTC().Truncate(world.Day)
	at := day.Add(time.Duration(l.number("close", m.ID)%uint64(world.Day/time.Second)) * time.Second)
	if at.After(l.seller.Created) {
		at = at.Add(-world.Day)
	}
	return at
}

// began is when the seller's business starts: with the first order. The caller holds l.mu.
func (l *Ledger) began() time.Time {
	if l.start.IsZero() {
		l.start = l.seller.Created.UTC().Truncate(time.Second)
		for o := range l.world().All(time.Time{}, l.start) {
			l.start = o.Purchased
			break
		}
	}
	return l.start
}

// figures are the sums of a period, which holds as long as no order and no charge in it changes.
type figures struct {
	moved    int // by orders, charges, fees
	sales    int // of moved, the price of goods
	credit   int // reserve of the period before
	reserve  int // held back at the close
	carried  int // from the period before; at most 0
	recovery int // what the seller's card paid at the close of what was carried
}

// total is what is paid out of a closed period, or carried on.
func (f *figures) total() int { return f.carried + f.moved + f.credit - f.reserve + f.recovery }

// running is what an open period has come to.
func (f *figures) running() int { return f.carried + f.moved + f.credit }

// figures of a period until a time: at its end it closes. What a period is short of is carried to the next; if that is short too, the seller's card pays
// what was carried. So no period's figures reach back further than to the two before. The caller holds l.mu.
func (l *Ledger) figures(p period, until time.Time) figures {
	f := l.sums(p, until)
	if before := l.before(p); before.end.After(l.began()) {
		b := l.sums(before, before.end)
		f.credit, b.reserve = l.reserve(p.m, b.sales), l.reserve(p.m, b.sales)
		if earlier := l.before(before); earlier.end.After(l.began()) {
			e := l.sums(earlier, earlier.end)
			b.credit = l.reserve(p.m, e.sales)
		}
		f.carried = min(0, b.moved+b.credit-b.reserve)
	}
	f.reserve = l.reserve(p.m, f.sales)
	if short := f.carried + f.moved + f.credit - f.reserve; f.carried < 0 && short < 0 {
		f.recovery = -f.carried
	}
	return f
}

// reserve is what Amazon holds back at the close of a period with so many sales.
func (l *Ledger) reserve(m *marketplace.Marketplace, sales int) int {
	if sales <= 0 || !l.terms.Reserve {
		return 0
	}
	return max(world.PriceIn(reserveCents, m).Units, sales*l.terms.ReservePercent/100)
}

// sumKey names sums that are kept.
type sumKey struct {
	marketplace string
	start, end  int64
}

// sums adds up what a period has moved until a time. The caller holds l.mu.
func (l *Ledger) sums(p period, until time.Time) figures {
	key := sumKey{p.m.ID, p.start.Unix(), until.Unix()}
	if f, ok := l.kept[key]; ok {
		return f
	}
	var f figures
	market := l.indexOf(p.m.ID)
	for _, b := range l.bucketsOf(p.start.Add(-world.LifeSpan), until) {
		from, to := b.from(p.start.Unix()), b.from(until.Unix())
		for i := from; i < to; i++ {
			if e := &b.entries[i]; int(e.market) == market && e.flags&released != 0 {
				f.moved += int(e.total)
				f.sales += int(e.sales)
			}
		}
	}
	for _, b := range l.fees(p.start, until) {
		if b.m.ID == p.m.ID {
			t := b.make()
			f.moved += t.Total()
		}
	}
	if len(l.kept) > 10_000 {
		clear(l.kept)
	}
	l.kept[key] = f
	return f
}

// group is a period as of a time. The caller holds l.mu.
func (l *Ledger) group(p period, now time.Time) Group {
	g := l.shell(p, now)
	until := p.end
	if !g.Closed {
		until = now.Add(time.Second) // what is posted now is in it
	}
	f := l.figures(p, until)
	g.Beginning.Units, g.Total.Units = f.carried, f.running()
	if g.Closed {
		g.Total.Units = f.total()
	}
	if g.Closed && g.Total.Units > 0 {
		g.FundTransfer = g.End.Add(world.Day)
		g.TransferID = strconv.FormatUint(1e10+l.number("transfer", g.ID)%9e10, 10)
		if !g.FundTransfer.After(now) {
			g.TraceID = strconv.FormatUint(1e14+l.number("trace", g.ID)%9e14, 10)
		}
	}
	return g
}

// shell is a group without its sums. The last one of each marketplace is kept: transactions that follow one another are mostly of one. The caller holds l.mu.
func (l *Ledger) shell(p period, now time.Time) Group {
	g := l.shells[p.m.ID]
	if !g.Start.Equal(p.start) || !g.End.Equal(p.end) {
		g = Group{
			ID: l.id("group", p.m.ID, p.start.Unix()), SettlementID: l.settlementID(p), Marketplace: p.m, AccountType: StandardOrders,
			Start: p.start, End: p.end, OnDemand: p.onDemand, AccountTail: l.AccountTail(),
			Beginning: world.Money{Currency: p.m.Currency}, Total: world.Money{Currency: p.m.Currency},
		}
		l.shells[p.m.ID] = g
	}
	g.Closed = !p.end.After(now)
	return g
}

// settlementID has eleven digits: the seller's, the day's, the marketplace's, and which of the day it is.
func (l *Ledger) settlementID(p period) string {
	day := p.start.Truncate(world.Day)
	earlier := 0
	for at := p; at.start.After(day); earlier++ {
		if at = l.before(at); at.start.Before(day) {
			break
		}
	}
	own := uint64(l.seed%900+900+int64(l.seller.Number)) % 900
	return fmt.Sprintf("%d%04d%02d%02d", 100+own, (p.start.Unix()/86400-16000)%10000, l.indexOf(p.m.ID), earlier%100)
}

// id makes an id of 43 characters of what it is for: the same for the same seller, and no other's.
func (l *Ledger) id(parts ...any) string {
	text := fmt.Appendf(nil, "ledger\x00%d\x00%d", l.seed, l.seller.Number)
	for _, p := range parts {
		text = append(text, 0)
		switch p := p.(type) {
		case string:
			text = append(text, p...)
		default:
			text = fmt.Append(text, p)
		}
	}
	sum := sha256.Sum256(text)
	return base64.RawURLEncoding.EncodeToString(sum[:])
}

// number makes a number of what it is for.
func (l *Ledger) number(parts ...any) uint64 {
	h := uint64(14695981039346656037) // FNV-1a
	add := func(text string) {
		for i := range len(text) {
			h = (h ^ uint64(text[i])) * 1099511628211
		}
		h = (h ^ 0xff) * 1099511628211
	}
	add(strconv.FormatInt(l.seed, 10))
	add(strconv.Itoa(l.seller.Number))
	for _, p := range parts {
		switch p := p.(type) {
		case string:
			add(p)
		case int:
			add(strconv.Itoa(p))
		}
	}
	h ^= h >> 33
	h *= 0xff51afd7ed558ccd
	return h ^ h>>33
}

// indexOf is the place of a marketplace among the seller's.
func (l *Ledger) indexOf(id string) int {
	return slices.IndexFunc(l.seller.Marketplaces, func(m marketplace.Marketplace) bool { return m.ID == id })
}
