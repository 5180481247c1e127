package world

import (
	"testing"
	"time"
)

// TestPlannedReturns: all kinds occur, to about one item in ten, none pays back more than was paid, and all of it happens within the span that those who
// look for it go back.
func TestPlannedReturns(t *testing.T) {
	w := New(Sizes{Seed: 3, Orders: 20000, Products: 40, Days: 400}, testSeller(t))
	items, kinds, ids := 0, map[string]int{}, map[string]bool{}
	for o := range w.Lives(time.Time{}, w.opened) {
		last := o.Purchased.Add(LifeSpan)
		for _, m := range o.Movements() {
			if m.At.After(last) {
				t.Errorf("order %d: %s at %v, bought %v", o.Number, m.Kind, m.At, o.Purchased)
			}
		}
		if !o.Shipped.IsZero() && o.replaces < 0 {
			items += len(o.Items)
		}
		for _, b := range o.Returns {
			it := &o.Items[b.Item]
			if b.Asked.Before(o.Shipped) || b.Asked.After(last) || b.At.After(last) || b.Refunded.After(last) {
				t.Errorf("order %d, bought %v, shipped %v: %+v", o.Number, o.Purchased, o.Shipped, b)
			}
			if total := o.RefundTotal(b.Item, b.Refund).Units; b.Refund.Price > it.Price.Units || total < 0 || total > o.ItemTotal(b.Item) && b.Kind != Concession {
				t.Errorf("order %d: %+v of an item of %d", o.Number, b.Refund, o.ItemTotal(b.Item))
			}
			if ids[b.ID] {
				t.Errorf("two returns %s", b.ID)
			}
			kind := b.Kind
			switch {
			case b.Kind == GoodsBack && b.At.IsZero():
				kind += ", never sent"
			case b.Kind == GoodsBack && o.Amazon && b.Refunded.Before(b.At):
				kind += ", refunded on its way"
			case b.Kind == GoodsBack && b.Refund.Restocking > 0:
				kind += ", with a restocking fee"
			case b.Kind == MoneyBack && b.Quantity == 0:
				kind += ", a part"
			}
			ids[b.ID] = true
			kinds[kind]++
			kinds[b.Disposition]++
		}
	}
	if n := len(ids); n < items/12 || n > items/8 {
		t.Errorf("%d returns of %d items", n, items)
	}
	for _, kind := range []string{
		GoodsBack, GoodsBack + ", never sent", GoodsBack + ", refunded on its way", GoodsBack + ", with a restocking fee", MoneyBack, MoneyBack + ", a part", Concession,
		Sellable, "CUSTOMER_DAMAGED", "WAREHOUSE_DAMAGED", "CARRIER_DAMAGED", "DEFECTIVE",
	} {
		if kinds[kind] == 0 {
			t.Errorf("no %s: %v", kind, kinds)
		}
	}
}

// TestSharesAddUp pays an item back unit by unit.
func TestSharesAddUp(t *testing.T) {
	w := New(Sizes{Seed: 3, Orders: 500, Products: 40, Days: 30}, testSeller(t))
	for o := range w.Lives(time.Time{}, w.opened) {
		for i, it := range o.Items {
			var sum Refund
			for n := range it.Quantity {
				sum = sum.plus(o.share(i, n, 1, true))
			}
			if want := (Refund{Price: it.Price.Units, Tax: it.Tax.Units, Discount: it.Discount.Units, Shipping: it.Shipping.Units}); sum != want {
				t.Fatalf("order %d: the units of an item come to %+v, want %+v", o.Number, sum, want)
			}
		}
	}
}

func TestParseMoney(t *testing.T) {
	for text, want := range map[string]int{"3.50": 350, "3.5": 350, "3": 300, "0.07": 7, "": -1, ".5": -1, "3.": -1, "3.505": -1, "-1": -1, "1e3": -1, "1,50": -1, "99999999999": -1} {
		m, err := ParseMoney(text, "USD")
		if (err != nil) != (want < 0) || err == nil && m != (Money{want, "USD"}) {
			t.Errorf("%q: %v, %v", text, m, err)
		}
	}
	if m, err := ParseMoney("350", "JPY"); err != nil || m.Units != 350 {
		t.Errorf("yen: %v, %v", m, err)
	}
	if _, err := ParseMoney("3.50", "JPY"); err == nil {
		t.Error("yen with decimals")
	}
}

// TestManyRefunds pays back a cent at a time, of two orders with neighbouring numbers, for as long as it goes: no two refunds have one id.
func TestManyRefunds(t *testing.T) {
	w := New(Sizes{Seed: 3, Orders: 400, Products: 40, Days: 30}, testSeller(t))
	ids, refused := map[string]bool{}, 0
	for o := range w.All(w.opened.Add(-40*Day), w.opened) {
		if o.Status(w.opened) != Shipped || o.replaces >= 0 {
			continue
		}
		for range 130 {
			_, err := w.GiveBack(o.ID, o.Items[0].ID, 0, Refund{Goodwill: 1}, "Other", w.opened)
			if err != nil {
				refused++
				break
			}
		}
		for _, b := range w.Order(o.Number).Returns {
			if ids[b.ID] {
				t.Fatalf("two refunds %s", b.ID)
			}
			ids[b.ID] = true
		}
		if len(ids) > 1000 {
			break
		}
	}
	if len(ids) < 1000 || refused == 0 {
		t.Errorf("%d refunds, %d refused: the test sees too little", len(ids), refused)
	}
}
