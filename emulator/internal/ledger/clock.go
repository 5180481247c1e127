package ledger

import (
	"strconv"
	"time"

	"github.com/openspapi/spapi/emulator/internal/format"
	"github.com/openspapi/spapi/emulator/internal/world"
)

// fees are what charges and the clock move from one time until before another, by kind, not by time. The caller holds l.mu.
func (l *Ledger) fees(from, to time.Time) []beside {
	return append(l.charges(l.world().ChargesIn(from, to)), l.dues(from, to)...)
}

// charges are what charges move. The caller holds l.mu.
func (l *Ledger) charges(charges []world.Charge) (list []beside) {
	w := l.world()
	for _, c := range charges {
		if m := l.indexOf(c.Marketplace); m >= 0 {
			list = append(list, beside{at: c.At.Unix(), m: &l.seller.Marketplaces[m], make: func() Transaction { return l.charged(w, &c) }})
		}
	}
	return list
}

// dues are what the seller pays for each month, from one time until before another. The caller holds l.mu.
func (l *Ledger) dues(from, to time.Time) (list []beside) {
	add := func(at time.Time, m int, make func() Transaction) {
		if !at.Before(from) && at.Before(to) {
			list = append(list, beside{at: at.Unix(), m: &l.seller.Marketplaces[m], make: make})
		}
	}
	// The main marketplace's account pays what is for the seller as a whole.
	began := l.began()
	for month := firstOf(format.Latest(firstOf(from).AddDate(0, -1, 0), began)); month.Before(to); month = month.AddDate(0, 1, 0) {
		add(format.Latest(month, began), 0, func() Transaction { return l.subscribed(month) })
		// Storage is billed between the 7th and the 15th of the month after (Amazon's fee schedule).
		billed := month.AddDate(0, 1, 6).Add(time.Duration(l.number("storage", int(month.Unix()))%(8*86400)) * time.Second)
		if len(l.storage()) > 0 {
			add(billed, 0, func() Transaction { return l.storageOf(month, billed) })
		}
	}
	return list
}

func firstOf(t time.Time) time.Time {
	return time.Date(t.Year(), t.Month(), 1, 0, 0, 0, 0, time.UTC)
}

// subscribed is the fee of the professional plan for a month.
func (l *Ledger) subscribed(month time.Time) Transaction {
	t := l.plain("Subscription", 0, format.Latest(month, l.began()), "subscription "+month.Format("2006-01"))
	t.From, t.To = month, month.AddDate(0, 1, 0).Add(-time.Second)
	m := t.Marketplace
	t.Entries = []Entry{{t.Kind.Leaf, -world.PriceIn(subscription, m).Units, 0}}
	return t
}

// storage are the listings that Amazon stored at the beginning. Their stock of that time is what storage is billed by: later movements don't change
// the bill.
func (l *Ledger) storage() []*world.Listing {
	if l.stored == nil {
		l.stored = l.world().StoredAtFirst()
	}
	return l.stored
}

// storageOf is the fee for what lay at Amazon's during a month, an item for each listing.
func (l *Ledger) storageOf(month, billed time.Time) Transaction {
	t := l.plain("FBAStorageFee", 0, billed, "storage "+month.Format("2006-01"))
	t.From, t.To = month, month.AddDate(0, 1, 0).Add(-time.Second)
	rate := storage
	if month.Month() >= time.October {
		rate = storageInAutumn
	}
	for _, s := range l.storage() {
		p := s.Product
		volume := p.Millimeters[0] * p.Millimeters[1] * p.Millimeters[2]
		cents := (volume*s.Stock.Fulfillable/100*rate + cubicFoot/200) / (cubicFoot / 100)
		if fee := world.PriceIn(cents, t.Marketplace).Units; fee > 0 {
			t.Lines = append(t.Lines, Line{
				ID: l.digits(14, "storage", s.SKU, month.Format("2006-01")), SKU: s.SKU, FNSKU: s.Stock.FNSKU, ASIN: p.ASIN, Title: p.Title,
				Units: -fee, Entries: []Entry{{t.Kind.Leaf, -fee, 0}},
			})
		}
	}
	return t
}

// closings are what the closes of periods move from one time until before another: the reserve at the end and at the start of the next one, what the
// seller's card pays, and a day later the transfer to the bank. The caller holds l.mu.
func (l *Ledger) closings(from, to, now time.Time) []beside {
	var list []beside
	for i := range l.seller.Marketplaces {
		for _, p := range l.periods(&l.seller.Marketplaces[i], from.Add(-fortnight-2*world.Day), to.Add(2*time.Second), now) {
			until := p.end
			if until.After(now) {
				until = now.Truncate(time.Second).Add(time.Second)
			}
			add := func(at time.Time, moves func(f *figures, add func(kind string, units int))) {
				if at.Before(from) || !at.Before(to) {
					return
				}
				list = append(list, beside{at: at.Unix(), m: p.m, closing: func() (some []Transaction) {
					f := l.figures(p, until)
					moves(&f, func(kind string, units int) {
						if units != 0 {
							some = append(some, l.closed(p, kind, at, units, now))
						}
					})
					return some
				}})
			}
			add(p.start, func(f *figures, add func(string, int)) { add("ReserveCredit", f.credit) })
			if p.end.After(now) {
				continue
			}
			add(p.end.Add(-time.Second), func(f *figures, add func(string, int)) {
				add("ReserveDebit", -f.reserve)
				add("SuccessfulCharge", f.recovery)
			})
			add(p.end.Add(world.Day), func(f *figures, add func(string, int)) { add("FundTransfer", max(f.total(), 0)) })
		}
	}
	return list
}

// closed is something that the close of a period moves.
func (l *Ledger) closed(p period, kind string, at time.Time, units int, now time.Time) Transaction {
	t := l.plain(kind, l.indexOf(p.m.ID), at, kind+" "+strconv.FormatInt(p.start.Unix(), 10))
	g := l.shell(p, now)
	t.Group = &g
	t.Entries = []Entry{{t.Kind.Leaf, units, 0}}
	if kind == "FundTransfer" {
		g = l.group(p, now)
	}
	return t
}

// plain is a transaction of a kind, without amounts. The caller holds l.mu.
func (l *Ledger) plain(kind string, market int, at time.Time, about string) Transaction {
	k := kindOf(kind)
	m := &l.seller.Marketplaces[market]
	t := Transaction{ID: l.id(k.Name, m.ID, about), Type: k.Type, Description: k.Description, Kind: k, Status: Released, Posted: at, Marketplace: m}
	g := l.shell(l.periodAt(m, at), at)
	t.Group = &g
	return t
}

// charged is a charge as a transaction. The caller holds l.mu.
func (l *Ledger) charged(w *world.World, c *world.Charge) Transaction {
	kind := c.Kind
	if kindOf(kind).List == "" {
		kind = "Other" // what only the clock moves
	}
	t := l.plain(kind, l.indexOf(c.Marketplace), c.At, "charge "+c.ID)
	t.OrderID, t.Reference = c.OrderID, c.Reference
	var o *world.Order
	if c.OrderID != "" {
		o = w.OrderByID(c.OrderID, c.At)
	}
	k := t.Kind
	if o != nil {
		t.SellerOrderID, t.Merchant = o.SellerOrderID, !o.Amazon
	}
	if k.Type == "Refund" {
		t.RefundID = l.digits(14, "refund", c.ID)
	}
	if o == nil || c.Item < 0 || c.Item >= len(o.Items) {
		reversal := k.Leaf
		if reversal == nil {
			reversal = principal()
		}
		t.Entries = []Entry{{reversal, c.Amount.Units, 0}}
		return t
	}
	it := &o.Items[c.Item]
	line := l.lineOf(o, c.Item, it.Quantity, "charge "+c.ID)
	switch {
	case k.Leaf == nil:
		// A bank or Amazon gives the buyer the price back, or a part of it; it looks like a refund without its fee (assumed).
		line.Entries = l.reverse(o, it, givenBack{price: -c.Amount.Units, tax: c.Tax, discount: c.Discount}, false)
		line.Units = sumOf(line.Entries)
	case k.Type == "Refund":
		line.Units, line.Entries = c.Amount.Units, []Entry{{k.Leaf, c.Amount.Units, 0}}
	default: // only the transaction says what it is (selling-partner-api-models#4993)
		line.Units = c.Amount.Units
		t.Entries = []Entry{{k.Leaf, c.Amount.Units, 0}}
	}
	t.Lines = []Line{line}
	return t
}

// lineOf is an item of an order as a line.
func (l *Ledger) lineOf(o *world.Order, item, quantity int, about string) Line {
	it := &o.Items[item]
	return Line{
		ID: l.digits(14, "line", about, o.ID, item), OrderItemID: it.ID, SKU: it.SKU, ASIN: it.Product.ASIN, Title: it.Product.TitleIn(o.Marketplace),
		Network: o.Channel(), Quantity: quantity,
	}
}

// digits makes a number of so many digits.
func (l *Ledger) digits(n int, parts ...any) string {
	low := uint64(1)
	for range n - 1 {
		low *= 10
	}
	return strconv.FormatUint(low+l.number(parts...)%(9*low), 10)
}
