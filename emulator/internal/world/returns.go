package world

import (
	"time"

	"github.com/openspapi/spapi/emulator/internal/random"
)

// Return is some units of an order's item that the buyer has sent back.
type Return struct {
	Item        int // of the order's items
	Quantity    int
	Asked       time.Time // when the buyer asked to return it
	At          time.Time // when the goods are back; zero: they stay with the buyer
	Refunded    time.Time // when the buyer has the money; zero: not decided
	Reason      string
	Disposition string // of FBA returns: SELLABLE, CUSTOMER_DAMAGED, …
	Comment     string
	RMA         string
}

// bringBack decides which items come back: about one in ten does, a while after it was shipped.
func (w *World) bringBack(o *Order) {
	if o.Shipped.IsZero() {
		return
	}
	for i := range o.Items {
		r := random.New(w.seed, "return", w.seller.Number, o.ID, i)
		if !r.Chance(10) {
			continue
		}
		back := Return{
			Item:        i,
			At:          o.Shipped.Add(time.Duration(r.Between(4*24, 20*24)) * time.Hour),
			Quantity:    r.Between(1, o.Items[i].Quantity),
			Reason:      random.Pick(r, []string{"DEFECTIVE", "NOT_AS_DESCRIBED", "UNWANTED_ITEM", "ORDERED_WRONG_ITEM", "DAMAGED_BY_FC"}),
			Disposition: random.Pick(r, []string{"SELLABLE", "SELLABLE", "CUSTOMER_DAMAGED", "DEFECTIVE"}),
			Comment:     random.Pick(r, []string{"", "", "Trop petit…", "Farbe „anders“ als im Bild", "思ったより小さい", "leaks\tink"}),
			RMA:         "D" + r.Text(random.Base36, 8) + "RRMA",
		}
		back.Asked, back.Refunded = back.At.Add(-72*time.Hour), back.At
		o.Returns = append(o.Returns, back)
	}
}

// ReturnOf is the first return of an item; nil when there is none.
func (o *Order) ReturnOf(item int) *Return {
	for i := range o.Returns {
		if o.Returns[i].Item == item {
			return &o.Returns[i]
		}
	}
	return nil
}
