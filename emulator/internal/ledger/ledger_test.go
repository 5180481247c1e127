package ledger

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"strings"
	"testing"
	"time"

	"github.com/openspapi/spapi/emulator/internal/world"
	"github.com/openspapi/spapi/marketplace"
)

var opened = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

// books are a ledger over a world of its own.
func books(seed int64, number int, sizes world.Sizes, markets ...marketplace.Marketplace) (*Ledger, *world.World) {
	a := &world.Seller{Number: number, ID: "A1", Region: markets[0].Region, Marketplaces: markets, Created: opened}
	sizes.Seed = seed
	w := world.New(sizes, a)
	return New(seed, a, func() *world.World { return w }), w
}

// TestBooksAddUp holds the books of several sellers against themselves, at the beginning and later.
func TestBooksAddUp(t *testing.T) {
	for number, markets := range [][]marketplace.Marketplace{
		{marketplace.US, marketplace.CA}, {marketplace.DE, marketplace.SE, marketplace.UK}, {marketplace.JP, marketplace.AU}, {marketplace.IN},
	} {
		l, w := books(int64(number), number, world.Sizes{Orders: 600, Products: 20, Days: 90}, markets...)
		for _, later := range []time.Duration{0, 5 * world.Day, 40 * world.Day} {
			now := opened.Add(later)
			w.Advance(now)
			for _, problem := range l.Check(now) {
				t.Errorf("seller %d after %v: %s", number, later, problem)
			}
		}
		kinds := map[string]int{}
		states := map[string]int{}
		l.open()
		list, _ := l.page(Query{From: opened.AddDate(0, -3, 0), To: opened, Now: opened}, 0, 1e6)
		l.mu.Unlock()
		for _, row := range list {
			kinds[row.Type]++
			states[row.Status]++
		}
		for _, kind := range []string{"Shipment", "Refund", "ServiceFee", "Transfer"} {
			if kinds[kind] == 0 {
				t.Errorf("seller %d: no %s among %v", number, kind, kinds)
			}
		}
		if l.terms.DD7 && (states[Deferred] == 0 || states[DeferredReleased] == 0) {
			t.Errorf("seller %d: %v", number, states)
		}
	}
}

// money is what TestWorkedExample calls an amount in dollars.
func money(text string) int {
	var sign, whole, cents int
	sign = 1
	if strings.HasPrefix(text, "-") {
		sign, text = -1, text[1:]
	}
	if _, err := fmt.Sscanf(text, "%d.%d", &whole, &cents); err != nil {
		panic(err)
	}
	return sign * (whole*100 + cents)
}

// exampleBooks has a fortnight with two orders that Amazon sends, each of one item with a price of its own: A, and B, which has free shipping. A is given
// back. All other orders are cancelled. B is sent so many days after the start.
func exampleBooks(t *testing.T, terms Terms, sentB int) (l *Ledger, p period) {
	t.Helper()
	l, _ = books(2, 2, world.Sizes{Orders: 30, Products: 1, Days: 30}, marketplace.US)
	l.terms = terms
	l.seller.Created = time.Date(2026, 3, 14, 12, 0, 0, 0, time.UTC)
	w := world.New(world.Sizes{Seed: 2, Orders: 30, Products: 1, Days: 30}, l.seller)
	l.world = func() *world.World { return w }
	us := &l.seller.Marketplaces[0]
	p = l.before(l.periodAt(us, l.seller.Created))
	usd := func(text string) world.Money { return world.Money{Units: money(text), Currency: "USD"} }
	items := []world.OrderItem{
		{ID: "11111111111111", SKU: "A", Price: usd("29.99"), Tax: usd("2.40"), Product: &world.Product{ASIN: "B0A", Grams: 1300}},
		{ID: "22222222222222", SKU: "B", Price: usd("48.50"), Tax: usd("3.88"), Shipping: usd("4.99"), Free: usd("4.99"), Product: &world.Product{ASIN: "B0B", Grams: 1400}},
	}
	for o := range w.All(time.Time{}, p.end.Add(30*world.Day)) {
		err := w.Change(o.ID, l.seller.Created, func(o *world.Order) error {
			o.Returns, o.Shipped, o.Cancelled = nil, time.Time{}, o.Purchased.Add(time.Hour)
			if len(items) == 0 || o.Purchased.Before(p.start) {
				return nil
			}
			it := items[0]
			items = items[1:]
			it.Quantity, it.Product.Millimeters = 1, [3]int{300, 200, 100}
			o.Items, o.Replaces, o.Amazon, o.Business, o.Cancelled, o.Transit = []world.OrderItem{it}, "", true, false, time.Time{}, world.Day
			o.Shipped = p.start.Add(3 * world.Day)
			if it.SKU == "B" {
				o.Shipped = p.start.Add(time.Duration(sentB) * world.Day)
				return nil
			}
			back := p.start.Add(6 * world.Day)
			o.Returns = []world.Return{{
				ID: "33333333333333", Kind: world.GoodsBack, Disposition: world.Sellable, Quantity: 1, Asked: back.Add(-world.Day), At: back, Refunded: back,
				Reason: "UNWANTED_ITEM", Refund: world.Refund{Price: 2999, Tax: 240},
			}}
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	w.Charge(world.Charge{
		ID: "lost", At: p.start.Add(5 * world.Day), Kind: "FBAInventoryReimbursement", Item: -1, Marketplace: us.ID, Amount: usd("42.88"), Reference: "WAREHOUSE_LOST",
	})
	// The plan's fee of the month before has been paid.
	w.Charge(world.Charge{ID: "paid", At: l.began().Add(time.Hour), Kind: "Other", Item: -1, Marketplace: us.ID, Amount: usd("39.99")})
	// What lay at Amazon's in February comes to 1.11 dollars.
	units := w.StoredAtFirst()[0].Stock.Fulfillable
	w.Products[0].Millimeters = [3]int{10, 10, 111 * cubicFoot / (storage * 100 * units)}
	return l, p
}

// booked are the transactions of a group with their amounts, as the example writes them.
func booked(l *Ledger, g Group, now time.Time) string {
	list, _ := l.Page(Query{From: g.Start, To: now.Add(time.Second), Now: now, Group: g.ID, All: true}, 0, 100)
	var b strings.Builder
	for i := range list {
		tr := &list[i]
		fmt.Fprintf(&b, "%s %v:", tr.Type, tr.Money(tr.Total()))
		for _, line := range tr.Lines {
			for _, e := range line.Entries {
				fmt.Fprintf(&b, " %s %v", e.Leaf.Name, tr.Money(e.Units))
			}
		}
		for _, e := range tr.Entries {
			fmt.Fprintf(&b, " %s %v", e.Leaf.Name, tr.Money(e.Units))
		}
		b.WriteByte('\n')
	}
	return b.String()
}

// TestWorkedExample is an American seller's fortnight, to the cent: two shipments, a refund, a reimbursement, fees and a reserve.
func TestWorkedExample(t *testing.T) {
	l, p := exampleBooks(t, Terms{Established: true, Reserve: true}, 4)
	now := p.end.Add(world.Day)
	g := l.Groups(p.m, p.start, p.start.Add(time.Second), now)[0]
	const want = `ServiceFee -39.99: Subscription -39.99
Shipment 20.07: OurPricePrincipal 29.99 OurPriceTax 2.40 MarketplaceFacilitatorTax-Principal -2.40 Commission -4.50 FBAPerUnitFulfillmentFee -5.42
Shipment 35.61: OurPricePrincipal 48.50 OurPriceTax 3.88 ShippingPrincipal 4.99 ShippingDiscount -4.99 MarketplaceFacilitatorTax-Principal -3.88 Commission -7.28 FBAPerUnitFulfillmentFee -5.61
FBAInventoryReimbursement 42.88: FBAInventoryReimbursement 42.88
Refund -26.39: OurPricePrincipal -29.99 OurPriceTax -2.40 MarketplaceFacilitatorTax-Principal 2.40 Commission 4.50 RefundCommission -0.90
ServiceFee -1.11: FBAStorageFee -1.11
Adjustment -10.00: ReserveDebit -10.00
Transfer 21.07: FundTransfer 21.07
`
	if got := booked(l, g, now); got != want {
		t.Errorf("booked\n%swant\n%s", got, want)
	}
	if g.Total.String() != "21.07" || g.Beginning.Units != 0 || !g.Closed || !g.FundTransfer.Equal(now) {
		t.Errorf("group %+v", g)
	}
	sum := 0
	next := l.Settlement(g, now)
	for row, more := next(); more; row, more = next() {
		sum += row.Units
	}
	if sum != g.Total.Units {
		t.Errorf("settlement %d, want %v", sum, g.Total)
	}
	if open := l.Open(p.m, now); !strings.Contains(booked(l, open, now), "ReserveCredit 10.00") {
		t.Errorf("no credit of the reserve in the next: %s", booked(l, open, now))
	}
	for _, problem := range l.Check(now) {
		t.Error(problem)
	}
}

// TestWorkedExampleDeferred is the same where B's money waits until after the close: the fortnight is short of 14.54, which the next one begins with, and
// there B counts.
func TestWorkedExampleDeferred(t *testing.T) {
	l, p := exampleBooks(t, Terms{Established: true, Reserve: true, DD7: true}, 9)
	now := p.end.Add(world.Day)
	g := l.Groups(p.m, p.start, p.start.Add(time.Second), now)[0]
	if g.Total.String() != "-14.54" || !g.FundTransfer.IsZero() {
		t.Errorf("group %+v", g)
	}
	if b := l.Balances(p.m, now, now); b.Deferred.String() != "35.61" || b.Total().Units != b.Available.Units+b.Reserve.Units+3561 {
		t.Errorf("balances %+v", b)
	}
	now = p.start.Add(17 * world.Day)
	next := l.Open(p.m, now)
	if got := booked(l, next, now); next.Beginning.String() != "-14.54" || !strings.Contains(got, "Shipment 35.61") || strings.Contains(got, "Shipment 20.07") {
		t.Errorf("the next begins with %v and has\n%s", next.Beginning, got)
	}
	for _, problem := range l.Check(p.end.Add(fortnight)) {
		t.Error(problem)
	}
	second := l.Groups(p.m, p.end, p.end.Add(time.Second), p.end.Add(fortnight))[0]
	row, _ := l.Settlement(second, p.end.Add(fortnight))()
	if row.What != "Payable to Amazon" || row.Units != -1454 || row.Cell("settlement-id", "") != second.SettlementID {
		t.Errorf("the next settlement begins with %+v", row)
	}
	order, states := "", ""
	list, _ := l.Page(Query{From: p.start, To: now.Add(time.Second), Now: now}, 0, 100)
	for i := range list {
		tr := &list[i]
		if tr.Type == "Shipment" && tr.Total() == 3561 {
			order = tr.OrderID
			states += tr.Status + " "
		}
	}
	if states != "DEFERRED_RELEASED RELEASED " {
		t.Errorf("B is %s", states)
	}
	pair := l.OfOrder(order, now, true)
	if len(pair) != 2 || pair[0].ReleaseID != pair[1].ID || pair[1].DeferredID != pair[0].ID || len(pair[0].ID) != 43 || pair[0].Deferral != "DD7" ||
		!pair[0].Matures.Equal(pair[1].Posted) {
		t.Errorf("the pair of B: %+v", pair)
	}
}

// TestPagesAreOneList reads all transactions page by page, of sizes that cut seconds in two, and holds them against one long page; orders that change in
// between change only what is theirs.
func TestPagesAreOneList(t *testing.T) {
	l, w := books(5, 0, world.Sizes{Orders: 8000, Products: 10, Days: 4}, marketplace.US, marketplace.CA)
	now := opened.Add(2 * world.Day)
	w.Advance(now)
	q := Query{From: opened.AddDate(0, 0, -10), To: now, Now: now}
	whole, end := l.Page(q, 0, 1e6)
	if end != 0 || len(whole) < 4000 {
		t.Fatalf("%d transactions", len(whole))
	}
	n := 0
	for position, pages := -1, 0; position != 0; pages++ {
		list, next := l.Page(q, max(position, 0), 1+(pages*7)%13)
		for i := range list {
			if n >= len(whole) || list[i].ID != whole[n].ID {
				t.Fatalf("page %d: another transaction in place %d", pages, n)
			}
			n++
		}
		position = next
	}
	if n != len(whole) {
		t.Errorf("%d transactions in pages, want %d", n, len(whole))
	}
	// What is kept of orders is made once, and again where one has changed.
	before := maps.Clone(l.buckets)
	var open string
	for o := range w.All(now.Add(-3*world.Day), now) {
		if !o.Amazon && o.Status(now) == world.Unshipped && o.Store == "" {
			open = o.ID
		}
	}
	if err := w.Change(open, now, func(o *world.Order) error { return o.Ship(world.Parcel{}, now) }); err != nil {
		t.Fatal(err)
	}
	l.Page(q, 0, 1e6)
	same, anew := 0, 0
	for first, b := range l.buckets {
		if before[first] == b {
			same++
		} else {
			anew++
		}
	}
	if anew != 1 || same < 5 {
		t.Errorf("%d buckets were made anew, %d kept: want 1, and all others", anew, same)
	}
	if got := l.OfOrder(open, now, true); len(got) != 1 || got[0].Type != "Shipment" || !got[0].Posted.Equal(now) {
		t.Errorf("of the order that was sent: %+v", got)
	}
	for _, problem := range l.Check(now) {
		t.Error(problem)
	}
	// A page looks at no more than it needs.
	fresh := New(l.seed, l.seller, l.world)
	if fresh.Page(q, 0, 10); len(fresh.buckets) > 2 {
		t.Errorf("%d buckets were made for one page of %d", len(fresh.buckets), len(l.buckets))
	}
}

// TestPayoutOnDemand closes a group early: what was available is paid out, the next group starts there, and the one after at its usual time.
func TestPayoutOnDemand(t *testing.T) {
	l, w := books(4, 1, world.Sizes{Orders: 600, Products: 10, Days: 60}, marketplace.DE, marketplace.FR)
	de := &l.seller.Marketplaces[0]
	now := opened.Add(4*world.Day + time.Hour)
	w.Advance(now)
	usual := l.Open(de, now).End
	available := l.Balances(de, now, now).Available
	g, err := l.CloseEarly(de, world.Day, now)
	if err != nil || !g.Closed || !g.OnDemand || !g.End.Equal(now) || available.Units <= 0 {
		t.Fatalf("group %+v, available %v", g, available)
	}
	if next := l.Open(de, now); !next.Start.Equal(now) || !next.End.Equal(usual) || next.ID == g.ID || next.SettlementID == g.SettlementID {
		t.Errorf("the next is %+v, want until %v", next, usual)
	}
	if _, err := l.CloseEarly(de, 0, now); !errors.Is(err, ErrNoFunds) {
		t.Errorf("closed a second time in the same second: %v", err)
	}
	for _, at := range []time.Time{now, now.Add(world.Day - time.Second), now.Add(-world.Day)} { // the last by a clock that was set back
		if _, err := l.CloseEarly(de, world.Day, at); !errors.Is(err, ErrPaidOut) {
			t.Errorf("closed a second time at %v: %v", at, err)
		}
	}
	if french := l.Open(&l.seller.Marketplaces[1], now); french.Start.Equal(now) {
		t.Error("the other marketplace's group was closed, too")
	}
	later := now.Add(20 * world.Day)
	w.Advance(later)
	for _, at := range []time.Time{now, later} {
		for _, problem := range l.Check(at) {
			t.Errorf("at %v: %s", at, problem)
		}
	}
	if found, ok := l.Group(g.ID, later); !ok || found.Total != g.Total || found.TraceID == "" {
		t.Errorf("later it is %+v, want %+v", found, g)
	}
	saved, err := Books.Save(l)
	if err != nil {
		t.Fatal(err)
	}
	text, err := json.Marshal(saved)
	if err != nil {
		t.Fatal(err)
	}
	other := New(l.seed, l.seller, l.world)
	if err := Books.Load(other, text); err != nil {
		t.Fatal(err)
	}
	if found, ok := other.Group(g.ID, later); !ok || found != func() Group { f, _ := l.Group(g.ID, later); return f }() {
		t.Errorf("after an import it is %+v", found)
	}
}

// TestDebtIsCollected has a seller without orders, who only pays fees: what a period is short of is carried to the next, and then the card pays it.
func TestDebtIsCollected(t *testing.T) {
	l, _ := books(1, 2, world.Sizes{Products: 1, Days: 1}, marketplace.US)
	now := opened.Add(100 * world.Day)
	carried, paid := 0, 0
	for _, g := range l.Groups(&l.seller.Marketplaces[0], time.Time{}, now, now) {
		if g.Beginning.Units < 0 {
			carried++
		}
	}
	list, _ := l.Page(Query{From: opened.Add(-world.Day), To: now, Now: now}, 0, 1000)
	for i := range list {
		if list[i].Type == "DebtRecovery" {
			paid++
		}
	}
	if carried == 0 || paid == 0 {
		t.Errorf("%d debts were carried, %d paid", carried, paid)
	}
	for _, problem := range l.Check(now) {
		t.Error(problem)
	}
}

// TestTables: every leaf that the code works out is in the table, and every kind has what the places need where it is shown.
func TestTables(t *testing.T) {
	for _, of := range []func() *Leaf{
		principal, priceTax, discount, shippingPaid, shippingDiscount, shippingKept, commission, perUnit, refundCommission, goodwill, restocking,
	} {
		if of().SettlementWhat == "" {
			t.Errorf("%s has no label", of().Name)
		}
	}
	for name, k := range Kinds() {
		if k.Leaf != nil && k.Name != "FundTransfer" && (k.SettlementType == "" || k.Leaf.SettlementWhat == "") {
			t.Errorf("%s has no label in settlements", name)
		}
		if k.Sign != "+" && k.Sign != "-" && k.Sign != "±" {
			t.Errorf("%s: sign %q", name, k.Sign)
		}
	}
	if kindOf("no such kind").Name != "Other" {
		t.Error("an unknown kind is not booked as other")
	}
}

// TestCharges books each kind of charge, about an order's item and about none.
func TestCharges(t *testing.T) {
	l, w := books(6, 0, world.Sizes{Orders: 60, Products: 4, Days: 30}, marketplace.US)
	var order *world.Order
	for o := range w.All(time.Time{}, opened.Add(-10*world.Day)) {
		if o.Status(opened) == world.Shipped && o.Items[0].Price.Units > 0 {
			order = o
		}
	}
	at := opened.Add(-time.Hour)
	for name, k := range Kinds() {
		if k.List == "" {
			continue
		}
		units := 500
		if k.Sign == "-" {
			units = -500
		}
		c := world.Charge{ID: "a " + name, At: at, Kind: name, Item: -1, Marketplace: marketplace.US.ID, Amount: world.Money{Units: units, Currency: "USD"}, Reference: "R1"}
		w.Charge(c)
		c.ID, c.OrderID, c.Item = "b "+name, order.ID, 0
		w.Charge(c)
	}
	seen := map[string]int{}
	list, _ := l.Page(Query{From: at, To: at.Add(time.Second), Now: opened}, 0, 1000)
	for i := range list {
		tr := &list[i]
		if tr.Kind == nil {
			continue
		}
		seen[tr.Kind.Name]++
		if want := map[string]int{"+": 500, "-": -500, "±": 500}[tr.Kind.Sign]; tr.Kind.Leaf != nil && tr.Total() != want {
			t.Errorf("%s: %d, want %d", tr.Kind.Name, tr.Total(), want)
		}
	}
	for name, k := range Kinds() {
		if k.List != "" && seen[name] < 2 {
			t.Errorf("%s: booked %d times, want twice", name, seen[name])
		}
	}
	// A chargeback of the whole price is a refund that keeps nothing of the referral fee.
	it := order.Items[0]
	w.Charge(world.Charge{
		ID: "whole", At: at, Kind: "Chargeback", OrderID: order.ID, Marketplace: marketplace.US.ID, Amount: world.Money{Units: -it.Price.Units, Currency: "USD"},
		Tax: it.Tax.Units, Discount: it.Discount.Units,
	})
	for _, tr := range l.OfOrder(order.ID, opened, true) {
		if tr.Kind != nil && tr.Kind.Name == "Chargeback" && tr.ID == l.id("Chargeback", marketplace.US.ID, "charge whole") {
			if want := -it.Price.Units + it.Discount.Units + l.referral(order, &it); tr.Total() != want {
				t.Errorf("chargeback of the whole: %d, want %d: %+v", tr.Total(), want, tr.Lines)
			}
		}
	}
	for _, problem := range l.Check(opened) {
		t.Error(problem)
	}
}
