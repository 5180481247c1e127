package world

import (
	"testing"
	"time"
)

// TestClaimOfNoItem: a claim that is about no item of its order, as a state may have it, counts nowhere.
func TestClaimOfNoItem(t *testing.T) {
	w := New(Sizes{Seed: 3, Orders: 50, Products: 5, Days: 30}, testSeller(t))
	o := w.order(0)
	for _, item := range []int{-1, len(o.Items)} {
		w.Charge(Charge{ID: "claim", At: w.opened, Kind: GuaranteeClaim, OrderID: o.ID, Item: item, Marketplace: o.Marketplace.ID, Amount: Money{-100, o.Marketplace.Currency}})
	}
	for _, s := range w.SumSales(w.opened, w.opened.Add(-Day), w.opened, []string{o.Marketplace.ID}, "", false) {
		if s.All.Claims != 0 {
			t.Errorf("%s: %d claims", s.Date, s.All.Claims)
		}
	}
}

// TestFreeShipping: some orders are sent for nothing, and who gives such a thing back isn't paid the postage.
func TestFreeShipping(t *testing.T) {
	w := New(Sizes{Seed: 3, Orders: 3000, Products: 40, Days: 400}, testSeller(t))
	orders, free, back := 0, 0, 0
	for o := range w.Lives(time.Time{}, w.opened) {
		it := &o.Items[0]
		if it.Shipping.Units == 0 {
			continue
		}
		if orders++; it.Free.Units == 0 {
			continue
		}
		if free++; it.Free != it.Shipping {
			t.Errorf("order %d: %v of %v is free", o.Number, it.Free, it.Shipping)
		}
		if f := o.share(0, 0, it.Quantity, true); o.RefundTotal(0, f).Units != o.ItemTotal(0) {
			t.Errorf("order %d: %v is paid back of %d", o.Number, o.RefundTotal(0, f), o.ItemTotal(0))
		} else {
			back += f.Shipping
		}
	}
	if free < orders/12 || free > orders/6 || back == 0 {
		t.Errorf("%d of %d orders are sent for nothing, with postage of %d", free, orders, back)
	}
}
