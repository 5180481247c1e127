package ledger

import (
	"slices"
	"time"

	"github.com/openspapi/spapi/emulator/internal/world"
)

// posting is what a parcel or a refund of an order moves, of what has happened and of what is to come.
type posting struct {
	refund  bool
	n       int    // of the order's parcels
	back    string // id of the return that is refunded: its place among the order's may change
	posted  time.Time
	matures time.Time // zero: not deferred
	reason  string
	lines   []postingLine
}

type postingLine struct {
	item, quantity int
	entries        []Entry
}

// key tells a posting from others of its order and kind.
func (p *posting) key() any {
	if p.refund {
		return p.back
	}
	return p.n
}

func (p *posting) total() int {
	sum := 0
	for i := range p.lines {
		sum += sumOf(p.lines[i].entries)
	}
	return sum
}

// principal is what of a posting is the price of goods.
func (p *posting) principal() int {
	sum := 0
	for i := range p.lines {
		for _, e := range p.lines[i].entries {
			if e.Leaf == principal() {
				sum += e.Units
			}
		}
	}
	return sum
}

// lastThing is later than all that happens to an order.
var lastThing = time.Date(9999, 1, 1, 0, 0, 0, 0, time.UTC)

// invoiceDays is how long a business has to pay an invoice.
const invoiceDays = 30 * world.Day

// postings are all that an order moves, of which its life is enough. An order that replaces another for nothing moves nothing.
func (l *Ledger) postings(o *world.Order) []posting {
	if !slices.ContainsFunc(o.Items, func(it world.OrderItem) bool { return it.Price.Units > 0 }) {
		return nil
	}
	parcels := o.ParcelsAt(lastThing)
	list := make([]posting, 0, len(parcels)+len(o.Returns))
	var sent []int // units before a parcel; nil with a single one, which has all
	if len(parcels) > 1 {
		sent = make([]int, len(o.Items))
	}
	for n := range parcels {
		parcel := &parcels[n]
		p := posting{n: n, posted: parcel.At, lines: make([]postingLine, 0, len(o.Items))}
		p.reason, p.matures = l.deferral(o, p.posted)
		for i := range o.Items {
			if i >= len(parcel.Quantities) || parcel.Quantities[i] == 0 {
				continue
			}
			before := 0
			if sent != nil {
				before = sent[i]
				sent[i] += parcel.Quantities[i]
			}
			p.lines = append(p.lines, postingLine{i, parcel.Quantities[i], l.sold(o, i, before, parcel.Quantities[i])})
		}
		list = append(list, p)
	}
	for n := range o.Returns {
		r := &o.Returns[n]
		if r.Refunded.IsZero() || len(parcels) == 0 || r.Item >= len(o.Items) {
			continue
		}
		p := posting{refund: true, back: r.ID, posted: r.Refunded.UTC().Truncate(time.Second), lines: []postingLine{{r.Item, r.Quantity, l.refunded(o, r)}}}
		for i := range parcels { // a refund of money that still waits waits as long
			if s := &list[i]; s.matures.After(p.posted) && s.matures.After(p.matures) {
				p.reason, p.matures = s.reason, s.matures
			}
		}
		list = append(list, p)
	}
	return list
}

// deferral tells why the money of a parcel waits, and until when; zero for money that doesn't. Amazon defers by account and order
// (developer-docs.amazon.com/sp-api, DeferredContext); that two in three accounts wait for the seventh day after the delivery, and that every other business
// order is paid by invoice within 30 days, is the emulator's own.
func (l *Ledger) deferral(o *world.Order, sent time.Time) (reason string, matures time.Time) {
	switch {
	case o.Business && o.Number%2 == 0:
		return "B2B", sent.Add(invoiceDays)
	case l.terms.DD7:
		return "DD7", sent.Add(o.Transit + 7*world.Day)
	}
	return "", time.Time{}
}

// part is the share of an amount that some of all units have, after those before: the shares of all parcels add up to the amount.
func part(amount, before, n, all int) int { return amount*(before+n)/all - amount*before/all }

// sold are the amounts of some units of an item, after others of it.
func (l *Ledger) sold(o *world.Order, i, before, n int) []Entry {
	it, m := &o.Items[i], o.Marketplace
	share := func(amount int) int { return part(amount, before, n, it.Quantity) }
	entries := make([]Entry, 0, 8)
	add := func(leaf *Leaf, units, tax int) {
		if units != 0 {
			entries = append(entries, Entry{leaf, units, tax})
		}
	}
	tax, shipping, free, off := share(it.Tax.Units), share(it.Shipping.Units), share(it.Free.Units), share(it.Discount.Units)
	add(principal(), share(o.Net(it)), 0)
	add(priceTax(), tax, 0)
	add(shippingPaid(), shipping, 0)
	add(discount(), -off, 0)
	add(shippingDiscount(), -free, 0)
	if withheld := l.withheld(o, it); withheld != nil {
		add(withheld, -tax, 0)
	}
	add(commission(), -share(l.referral(o, it)), 0)
	if o.Amazon {
		fee := Fulfillment(it.Product, m) * n
		add(perUnit(), -fee, -feeTax(fee, m))
		kept := shipping - free // Amazon sends, so the postage is Amazon's
		add(shippingKept(), -kept, -feeTax(kept, m))
	}
	return entries
}

// referral is the referral fee of an item: on what the buyer pays for the goods, and for their shipping where the seller keeps that.
func (l *Ledger) referral(o *world.Order, it *world.OrderItem) int {
	base := it.Price.Units - it.Discount.Units
	if !o.Amazon {
		base += it.Shipping.Units - it.Free.Units
	}
	return Referral(it.Product, base, it.Quantity, o.Marketplace)
}

// withheld is the leaf of the tax that Amazon keeps back of an item; nil where the seller pays it.
func (l *Ledger) withheld(o *world.Order, it *world.OrderItem) *Leaf {
	return withheldFrom(o.Marketplace, l.terms.Established, o.Business, world.Money{Units: it.Price.Units / it.Quantity, Currency: it.Price.Currency})
}

// refunded are the amounts of a return.
func (l *Ledger) refunded(o *world.Order, r *world.Return) []Entry {
	it, f := &o.Items[r.Item], &r.Refund
	back := givenBack{price: f.Price, tax: f.Tax, shipping: f.Shipping, discount: f.Discount, goodwill: f.Goodwill, restocking: f.Restocking}
	back.free = o.FreeOf(r.Item, *f)
	return l.reverse(o, it, back, true)
}

// givenBack is what a buyer gets back of an item, as the order spells it: the price with the tax where prices are so.
type givenBack struct{ price, tax, shipping, discount, free, goodwill, restocking int }

// reverse are the amounts of what a buyer gets back: the referral fee comes back in proportion, and a refund keeps some of it.
func (l *Ledger) reverse(o *world.Order, it *world.OrderItem, b givenBack, refund bool) []Entry {
	m := o.Marketplace
	entries := make([]Entry, 0, 8)
	add := func(leaf *Leaf, units, tax int) {
		if units != 0 {
			entries = append(entries, Entry{leaf, units, tax})
		}
	}
	net := b.price
	if world.TaxIncluded(m) {
		net -= b.tax
	}
	add(principal(), -net, 0)
	add(priceTax(), -b.tax, 0)
	add(shippingPaid(), -b.shipping, 0)
	add(discount(), b.discount, 0)
	add(shippingDiscount(), b.free, 0)
	add(goodwill(), -b.goodwill, 0)
	add(restocking(), b.restocking, 0)
	if withheld := l.withheld(o, it); withheld != nil {
		add(withheld, b.tax, 0)
	}
	if it.Price.Units > 0 {
		fee := l.referral(o, it) * b.price / it.Price.Units
		add(commission(), fee, 0)
		if refund {
			add(refundCommission(), -min(world.PriceIn(mostRefundCents, m).Units, (fee*refundPercent+50)/100), 0)
		}
	}
	if o.Amazon {
		kept := b.shipping - b.free
		add(shippingKept(), kept, feeTax(kept, m))
	}
	return entries
}
