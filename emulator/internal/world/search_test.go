package world

import (
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/openspapi/spapi/marketplace"
)

// testSeller sells in three marketplaces, and in two more where orders have peculiarities.
func testSeller(t testing.TB) *Seller {
	t.Helper()
	s := &Seller{Region: marketplace.NorthAmerica, Created: time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)}
	for _, id := range []string{"ATVPDKIKX0DER", "A2EUQ1WTGCTBG2", "A1AM78C64UM0Y8", "A1VC38T7YXB528", "A21TJRUUN4KGV"} {
		m, found := marketplace.ByID(id)
		if !found {
			t.Fatal(id)
		}
		s.Marketplaces = append(s.Marketplaces, m)
	}
	return s
}

// TestPages holds pages of random filters against a search that looks at every order, at random times, after random changes.
func TestPages(t *testing.T) {
	const orders = 1500
	w := New(Sizes{Seed: 4, Orders: orders, Products: 40, Days: 30}, testSeller(t))
	r := rand.New(rand.NewPCG(1, 2))
	now := w.opened
	statuses := []string{Pending, Unshipped, PartiallyShipped, Shipped, Canceled}
	found := map[string]int{}
	for step := range 250 {
		now = now.Add(time.Duration(r.IntN(20000)) * time.Second)
		w.Advance(now)
		for range 3 { // changes
			o := w.Order(r.IntN(w.next))
			if o == nil {
				continue
			}
			_ = w.Change(o.ID, now, func(o *Order) error { // what can't be done is not
				switch r.IntN(3) {
				case 0:
					return o.Ship(Parcel{Ref: "1"}, now)
				case 1:
					o.Cancel("MERCHANT", "because", now)
				default:
					if o.Store != "" && o.Status(now) == Unshipped {
						o.Pickup, o.Changed, o.Cancelled = "ReadyForPickup", now, now.Add(14*Day)
					}
				}
				return nil
			})
		}
		asOf := now.Add(-time.Duration(r.IntN(3)) * time.Hour)
		some := func() time.Time { return now.Add(-time.Duration(r.IntN(50*24*3600)) * time.Second) }
		f := OrderFilter{}
		if r.IntN(2) == 0 {
			f.UpdatedAfter = some()
			if r.IntN(2) == 0 {
				f.UpdatedBefore = some()
			}
		} else if f.CreatedAfter = some(); r.IntN(2) == 0 {
			f.CreatedBefore = some()
		}
		if r.IntN(2) == 0 {
			f.Statuses = []string{statuses[r.IntN(5)], statuses[r.IntN(5)]}
		}
		if market := w.seller.Marketplaces[r.IntN(5)].ID; r.IntN(3) == 0 {
			f.Traits = func(x Traits) bool { return x.Marketplace == market && !x.Amazon }
		}
		switch r.IntN(6) {
		case 0:
			f.Store = stores[r.IntN(len(stores))]
		case 1:
			f.Accept = func(o *Order, _ time.Time) bool { return o.Business }
		case 2:
			for range 500 {
				f.Only = append(f.Only, r.IntN(w.next))
			}
			slices.Sort(f.Only)
			f.Only = slices.Compact(f.Only)
		}
		var got, want []string
		for place, size := 0, 1+r.IntN(40); ; {
			var page []*Order
			page, place = w.Page(f, asOf, place, size)
			for _, o := range page {
				got = append(got, o.ID)
			}
			if place == 0 {
				break
			}
			if len(page) != size {
				t.Fatalf("step %d: a page of %d with a next one: want %d", step, len(page), size)
			}
		}
		for _, o := range slices.SortedStableFunc(w.All(time.Time{}, asOf), func(a, b *Order) int {
			if f.UpdatedAfter.IsZero() {
				return 0
			}
			return a.Updated(asOf).Compare(b.Updated(asOf))
		}) {
			market := Traits{o.Marketplace.ID, o.Amazon, o.Payment, o.Store != ""}
			if Outside(o.Purchased, f.CreatedAfter, f.CreatedBefore) || Outside(o.Updated(asOf), f.UpdatedAfter, f.UpdatedBefore) ||
				f.Statuses != nil && !slices.Contains(f.Statuses, o.Status(asOf)) || f.Traits != nil && !f.Traits(market) || f.Store != "" && o.Store != f.Store ||
				f.Accept != nil && !f.Accept(o, asOf) || f.Only != nil && !slices.Contains(f.Only, o.Number) {
				continue
			}
			want = append(want, o.ID)
			found[o.Status(asOf)]++
		}
		if !slices.Equal(got, want) {
			t.Fatalf("step %d: %+v as of %v: found %d orders, want %d\n%q\n%q", step, f, asOf, len(got), len(want), got, want)
		}
	}
	for _, status := range statuses {
		if found[status] == 0 {
			t.Errorf("no order was %s: the test sees too little", status)
		}
	}
	if w.next < orders+200 || len(w.touched) < 50 {
		t.Errorf("%d orders, %d changed: the test sees too little", w.next, len(w.touched))
	}
}

// TestIDsLeadBack finds orders by all that has their number in it.
func TestIDsLeadBack(t *testing.T) {
	w := New(Sizes{Seed: 4, Orders: 20000, Products: 40, Days: 30}, testSeller(t))
	seen, replaced := map[string]bool{}, 0
	for o := range w.All(time.Time{}, w.opened) {
		for _, id := range append([]string{o.ID}, func() (ids []string) {
			for _, it := range o.Items {
				ids = append(ids, it.ID)
			}
			return ids
		}()...) {
			if seen[id] {
				t.Fatalf("%s twice", id)
			}
			seen[id] = true
		}
		if !OrderIDPattern().MatchString(o.ID) || w.numberOf(o.ID) != o.Number {
			t.Fatalf("%s leads to %d, want %d", o.ID, w.numberOf(o.ID), o.Number)
		}
		if got := w.NumbersOfSeller(o.SellerOrderID); len(got) != 1 || got[0] != o.Number {
			t.Fatalf("%s leads to %d, want %d", o.SellerOrderID, got, o.Number)
		}
		if got := w.NumbersOfBuyer(o.BuyerEmail); !slices.Contains(got, o.Number) {
			t.Fatalf("%s leads to %d, want %d with them", o.BuyerEmail, got, o.Number)
		} else if len(got) > 1 {
			replaced++
		}
	}
	if replaced == 0 {
		t.Error("no buyer has two orders")
	}
	for _, id := range []string{"", "111-1111111-1111111", "111-1111111-111111x", "111-1111111", "999-9999999-99999999"} {
		if n := w.numberOf(id); n >= 0 {
			t.Errorf("%q leads to %d", id, n)
		}
	}
}

// TestRowsAreLives holds what searches know of an order against its life, at each of its moments.
func TestRowsAreLives(t *testing.T) {
	w := New(Sizes{Seed: 4, Orders: 3000, Products: 40, Days: 30}, testSeller(t))
	for number := range w.next {
		o, r := w.life(number), &w.index.rows[number]
		for _, at := range r.moments {
			for _, second := range []uint32{at, at + 1, max(at, 2) - 1} {
				if at == 0 || second < r.moments[purchased] {
					continue
				}
				if when := w.time(second); r.status(second) != o.Status(when) || w.time(r.updated(second)) != o.Updated(when) {
					t.Fatalf("order %d at %v: %s, updated %v; its life says %s, %v", number, when, r.status(second), w.time(r.updated(second)), o.Status(when), o.Updated(when))
				}
			}
		}
	}
}

// TestTracking finds orders by the tracking numbers that they have of themselves, once they are shipped, and by those that requests tell.
func TestTracking(t *testing.T) {
	w := New(Sizes{Seed: 4, Orders: 500, Products: 40, Days: 30}, testSeller(t))
	now, found, told := w.opened, 0, ""
	for o := range w.All(time.Time{}, now) {
		shipped := o.Status(now) == Shipped || o.Status(now) == PartiallyShipped
		if got := w.OrderByTracking(o.Tracking, now); shipped != (got != nil && got.ID == o.ID) {
			t.Fatalf("%s, %s: %s leads to %v", o.ID, o.Status(now), o.Tracking, got)
		}
		if found++; !o.Amazon && o.Status(now) == Unshipped && told == "" {
			if err := w.Change(o.ID, now, func(o *Order) error { return o.Ship(Parcel{Ref: "1", Tracking: "ABC"}, now) }); err != nil {
				t.Fatal(err)
			}
			told = o.ID
		}
	}
	if o := w.OrderByTracking("ABC", now); o == nil || o.ID != told || told == "" {
		t.Errorf("ABC leads to %v, want %s", o, told)
	}
	if found < 400 {
		t.Errorf("%d orders", found)
	}
	for _, number := range []string{"", "1Z", "1Z0123456789abcdef", "1ZÄÖÜ456789ABCDEF"} {
		if o := w.OrderByTracking(number, now); o != nil {
			t.Errorf("%q leads to %s", number, o.ID)
		}
	}
}

// TestPagesOfACentury walks by update through a world of more seconds than a place could have bits for, if it weren't for [ofBits].
func TestPagesOfACentury(t *testing.T) {
	w := New(Sizes{Seed: 4, Orders: 600, Products: 40, Days: 36500}, testSeller(t))
	walked := func(f OrderFilter) (ids []string) {
		for place := 0; ; {
			var page []*Order
			page, place = w.Page(f, w.opened, place, 7)
			for _, o := range page {
				ids = append(ids, o.ID)
			}
			if place == 0 {
				return ids
			}
			if place < 0 {
				t.Fatalf("place %d after %d orders: tokens have none below 0", place, len(ids))
			}
		}
	}
	created, updated := walked(OrderFilter{}), walked(OrderFilter{UpdatedAfter: w.first})
	slices.Sort(created)
	slices.Sort(updated)
	if !slices.Equal(created, updated) || len(created) < 500 {
		t.Errorf("%d orders by creation, %d by update", len(created), len(updated))
	}
}

// TestItemIDsDontMeet looks for two items of one id where it is most likely: at numbers that scrambled ids lead to that are scrambled again.
func TestItemIDsDontMeet(t *testing.T) {
	w := New(Sizes{Seed: 4, Orders: 1, Products: 40, Days: 30}, testSeller(t))
	met := 0
	for number := range 3000 {
		n := w.itemIDs.Of(uint64(number) * 4) //nolint:gosec // from 0
		if n >= 1e13 {
			continue
		}
		met++
		if other := int(n / 4); w.itemID(number, 0) == w.itemID(other, int(n%4)) { //nolint:gosec // below 1e13
			t.Fatalf("items of orders %d and %d have one id", number, other)
		}
	}
	if met < 100 {
		t.Errorf("%d ids were scrambled again: the test sees too little", met)
	}
}

// TestLivesStayAsTheyAre changes an item of the catalogue while somebody reads a changed order of it: the life that is read stays, the order has the new item.
func TestLivesStayAsTheyAre(t *testing.T) {
	w := New(Sizes{Seed: 4, Orders: 50, Products: 40, Days: 3}, testSeller(t))
	for o := range w.All(time.Time{}, w.opened) {
		if err := w.Change(o.ID, w.opened, func(o *Order) error { o.Changed = w.opened; return nil }); err != nil {
			t.Fatal(err)
		}
		life := w.Life(o.Number)
		old, product := life.Items[0].Product, *life.Items[0].Product
		w.Lock()
		w.renew(old, &product)
		w.Unlock()
		if life.Items[0].Product != old || w.Life(o.Number).Items[0].Product != &product {
			t.Fatalf("order %d: the life that is read has another item, or the order has not", o.Number)
		}
	}
}
