package world

import (
	"cmp"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/openspapi/spapi/emulator/internal/random"
	"github.com/openspapi/spapi/marketplace"
)

// The kinds of what buyers get back.
const (
	GoodsBack  = "Return"     // the goods go back, and the money
	MoneyBack  = "Refund"     // money alone: of units that the buyer keeps, or a part of the price
	Concession = "Concession" // money beyond the price, of good will
)

// Return is what a buyer gives back of an order's item, and gets back for it.
type Return struct {
	ID          string    `json:"id"` // no other return of the seller has it
	Kind        string    `json:"kind"`
	Item        int       `json:"item,omitempty"`     // of the order's items
	Quantity    int       `json:"quantity,omitempty"` // of units that come back or are paid back; 0: a part of the price only
	Asked       time.Time `json:"asked"`              // when the buyer asked for it
	At          time.Time `json:"at,omitzero"`        // when the goods are back; zero: they stay with the buyer
	Refunded    time.Time `json:"refunded,omitzero"`  // when the buyer has the money; zero: not decided
	Reason      string    `json:"reason"`
	Disposition string    `json:"disposition,omitempty"` // of what comes back to Amazon: SELLABLE, CUSTOMER_DAMAGED, …
	Comment     string    `json:"comment,omitempty"`
	RMA         string    `json:"rma,omitempty"`      // of what comes back
	Tracking    string    `json:"tracking,omitempty"` // of the way back
	Refund      Refund    `json:"refund,omitzero"`
}

// Refund is money for a buyer, in the smallest unit of the order's currency, and nothing in it below 0. Price, tax, shipping and discount are parts of those of
// the item.
type Refund struct {
	Price      int `json:"price,omitempty"` // with tax where prices are so
	Tax        int `json:"tax,omitempty"`
	Shipping   int `json:"shipping,omitempty"`
	Discount   int `json:"discount,omitempty"`   // that the buyer had, and doesn't get a second time
	Goodwill   int `json:"goodwill,omitempty"`   // beyond the price
	Restocking int `json:"restocking,omitempty"` // that the merchant keeps
}

func (f Refund) plus(g Refund) Refund {
	return Refund{f.Price + g.Price, f.Tax + g.Tax, f.Shipping + g.Shipping, f.Discount + g.Discount, f.Goodwill + g.Goodwill, f.Restocking + g.Restocking}
}

// FreeOf is what of the shipping in a refund of an item the buyer has not paid: a promotion had taken it off.
func (o *Order) FreeOf(item int, f Refund) int {
	it := &o.Items[item]
	if it.Shipping.Units == 0 {
		return 0
	}
	return it.Free.Units * f.Shipping / it.Shipping.Units
}

// RefundTotal is what the buyer gets by a refund of an item.
func (o *Order) RefundTotal(item int, f Refund) Money {
	sum := f.Price + f.Shipping - o.FreeOf(item, f) - f.Discount + f.Goodwill - f.Restocking
	if !taxIncluded(o.Marketplace) {
		sum += f.Tax
	}
	return Money{sum, o.Marketplace.Currency}
}

// Is tells whether a return has reached one of its times by t.
func (r *Return) Is(at, t time.Time) bool { return !at.IsZero() && !at.After(t) }

// reason is why buyers give goods back, in which state these then are, and whether it is the seller's fault: then shipping is paid back, too. The names are
// those of GET_FBA_FULFILLMENT_CUSTOMER_RETURNS_DATA, as far as public clients of it know them; which state goes with which reason is assumed.
type reason struct {
	name         string
	fault        bool
	dispositions []string
}

var reasons = []reason{
	{"DEFECTIVE", true, []string{"DEFECTIVE", "DEFECTIVE", Sellable}},
	{"NOT_AS_DESCRIBED", true, []string{Sellable, Sellable, "CUSTOMER_DAMAGED"}},
	{"UNWANTED_ITEM", false, []string{Sellable, Sellable, "CUSTOMER_DAMAGED"}},
	{"ORDERED_WRONG_ITEM", false, []string{Sellable}},
	{"DAMAGED_BY_FC", true, []string{"WAREHOUSE_DAMAGED"}},
	{"DAMAGED_BY_CARRIER", true, []string{"CARRIER_DAMAGED"}},
	{"QUALITY_UNACCEPTABLE", true, []string{Sellable, "CUSTOMER_DAMAGED", "DEFECTIVE"}},
	{"FOUND_BETTER_PRICE", false, []string{Sellable}},
	{"NO_REASON_GIVEN", false, []string{Sellable, "CUSTOMER_DAMAGED"}},
}

// ReturnReasons are the names of all reasons.
func ReturnReasons() []string {
	var names []string
	for _, r := range reasons {
		names = append(names, r.name)
	}
	return names
}

func reasonOf(name string) reason {
	i := slices.IndexFunc(reasons, func(r reason) bool { return r.name == name })
	if i < 0 {
		return reason{name: name}
	}
	return reasons[i]
}

// How long things take that no request hurries. All of it ends within 60 days of the purchase, see [World.All].
const (
	refundAfterReceipt = 2 * Day // when Amazon refunds what has come back to a merchant who hasn't; assumed: the merchant has two business days
	refundWindow       = LifeSpan
	returnWindow       = refundWindow - removalAfter // by which what is sent back has come
	removalAfter       = 14 * Day                    // until unfulfillable units leave Amazon's warehouses; how often is the seller's choice, this is assumed
)

// planReturns writes down what the buyer will give back: about one item in ten, asked for within twelve days of the delivery.
func (o *Order) planReturns(r random.Source) {
	if o.Shipped.IsZero() || o.replaces >= 0 {
		return
	}
	for i := range o.Items {
		if r.Chance(10) {
			o.planReturn(r, i)
		}
	}
}

func (o *Order) planReturn(r random.Source, i int) {
	it := &o.Items[i]
	asked := o.Shipped.Add(o.Transit + time.Duration(r.Between(24*60, 12*24*60))*time.Minute)
	why := random.Pick(r, reasons)
	b := Return{
		Kind: GoodsBack, Item: i, Quantity: r.Between(1, min(it.Quantity, 3)), Reason: why.name,
		Asked: asked, At: asked.Add(time.Duration(r.Between(3*24*60, 9*24*60)) * time.Minute),
		Comment: random.Pick(r, []string{"", "", "Trop petit…", "Farbe „anders“ als im Bild", "思ったより小さい", "leaks\tink"}),
	}
	b.Refund = o.share(i, 0, b.Quantity, why.fault)
	switch kind := r.IntN(20); {
	case kind == 0: // the buyer may keep it
		b.Kind, b.At, b.Refunded = MoneyBack, time.Time{}, asked
	case kind == 1: // a part of the price, for a scratch
		b.Kind, b.At, b.Refunded, b.Quantity = MoneyBack, time.Time{}, asked, 0
		b.Refund = o.Portion(i, it.Price.Units*r.Between(10, 30)/100)
	case kind == 2:
		b.Kind, b.At, b.Refunded, b.Quantity = Concession, time.Time{}, asked, 0
		b.Refund = Refund{Goodwill: PriceIn(r.Between(1, 10)*50, o.Marketplace).Units}
	case o.Amazon: // refunded when the carrier has it, or when it is there
		if b.Refunded = b.At; !r.Chance(3) {
			b.Refunded = asked.Add(b.At.Sub(asked) / 3)
		}
		if b.Disposition = random.Pick(r, why.dispositions); kind == 3 {
			b.Refunded, b.At, b.Disposition = asked.Add(b.At.Sub(asked)/3), time.Time{}, "" // lost on its way
		}
	case kind == 3: // the buyer has changed their mind
		b.At = time.Time{}
	default:
		if b.Refunded = b.At.Add(refundAfterReceipt); !why.fault && r.Chance(4) {
			b.Refund.Restocking = b.Refund.Price / 5
		}
	}
	for _, at := range []*time.Time{&b.Asked, &b.At, &b.Refunded} {
		*at = at.Truncate(time.Second)
	}
	o.label(&b, i, r)
}

// label numbers a return and adds it. n tells returns of one order apart.
func (o *Order) label(b *Return, n int, r random.Source) {
	b.ID = o.returnID(n)
	if b.Kind == GoodsBack {
		code := (o.Number*64 + n) * 1000003 % (36 * 36 * 36 * 36 * 36 * 36 * 36 * 36)
		var digits [8]byte
		for i := range digits {
			digits[i] = random.Base36[code%36]
			code /= 36
		}
		b.RMA, b.Tracking = "D"+string(digits[:])+"RRMA", "1Z"+r.Text(random.Base36, 16)
	}
	o.Returns = append(o.Returns, *b)
}

// returnID has a factor without one in common with 10: no two numbers have one id.
func (o *Order) returnID(n int) string { return strconv.Itoa(1e13 + (o.Number*64+n)*3141592653%1e13) }

// share is what n units of an item come to, after some have been paid back: shares of one unit each add up to the whole.
func (o *Order) share(item, before, n int, shipping bool) Refund {
	it := &o.Items[item]
	part := func(m Money) int { return m.Units*(before+n)/it.Quantity - m.Units*before/it.Quantity }
	f := Refund{Price: part(it.Price), Tax: part(it.Tax), Discount: part(it.Discount)}
	if shipping && before+n == it.Quantity {
		f.Shipping = it.Shipping.Units
	}
	return f
}

// Portion is a part of an item's price, with the tax and the discount that go with it.
func (o *Order) Portion(item, price int) Refund {
	it := &o.Items[item]
	if it.Price.Units == 0 {
		return Refund{}
	}
	part := func(m Money) int { return price * m.Units / it.Price.Units }
	return Refund{Price: price, Tax: part(it.Tax), Discount: part(it.Discount)}
}

// shiftReturns moves what the buyer was going to ask for along with the shipment.
func (o *Order) shiftReturns(by time.Duration, now time.Time) {
	for i := range o.Returns {
		b := &o.Returns[i]
		if !b.Asked.After(now) {
			continue
		}
		for _, at := range []*time.Time{&b.Asked, &b.At, &b.Refunded} {
			if !at.IsZero() {
				*at = at.Add(by)
			}
		}
	}
}

// expect strikes out what the buyer was going to ask for about an item: what is told takes its place.
func (o *Order) expect(item int, now time.Time) {
	o.Returns = slices.DeleteFunc(o.Returns, func(b Return) bool { return b.Item == item && b.Asked.After(now) })
}

// Given is what an item's buyer has asked to be given back by t, in units and money, whether it has come to that or not.
func (o *Order) Given(item int, t time.Time) (units int, sum Refund) {
	for i := range o.Returns {
		if b := &o.Returns[i]; b.Item == item && !b.Asked.After(t) {
			units += b.Quantity
			sum = sum.plus(b.Refund)
		}
	}
	return units, sum
}

// ItemIndex finds an item of an order by its id; -1 when there is none.
func (o *Order) ItemIndex(id string) int {
	return slices.IndexFunc(o.Items, func(it OrderItem) bool { return it.ID == id })
}

// sendBack has the buyer send back units of an item, 0 for all that are left. See [World.SendBack].
func (o *Order) sendBack(b Return, travel time.Duration, disputed Refund, now time.Time) (Return, error) {
	it := &o.Items[b.Item]
	units, sum := o.Given(b.Item, now)
	left := o.ShippedOf(b.Item, now) - units
	switch full := o.full(); {
	case full != nil:
		return b, full
	case o.ShippedOf(b.Item, now) == 0:
		return b, fmt.Errorf("item %s: none of it is shipped", it.ID)
	case left <= 0:
		return b, fmt.Errorf("item %s: all %d units that are shipped have been given back or paid back", it.ID, units)
	case b.Quantity < 0 || b.Quantity > left:
		return b, fmt.Errorf("item %s: quantity %d: want 1 to %d, which the buyer still has", it.ID, b.Quantity, left)
	case travel < 0 || now.Add(travel).After(o.Purchased.Add(returnWindow)):
		return b, fmt.Errorf("item %s: comes back at %s: want a time from now until %s, %d days after the purchase", it.ID, now.Add(travel).Format(time.RFC3339),
			o.Purchased.Add(returnWindow).Format(time.RFC3339), returnWindow/Day)
	case b.Reason != "" && !slices.Contains(ReturnReasons(), b.Reason):
		return b, fmt.Errorf("reason %q: want one of %s", b.Reason, strings.Join(ReturnReasons(), ", "))
	case !o.Amazon && b.Disposition != "":
		return b, fmt.Errorf("item %s: a disposition is found by Amazon, but the order is fulfilled by the merchant", it.ID)
	case o.Amazon && b.Disposition != "" && b.Disposition != Sellable && !slices.Contains(Damages, b.Disposition):
		return b, fmt.Errorf("disposition %q: want one of %s, %s", b.Disposition, Sellable, strings.Join(Damages, ", "))
	}
	if b.Quantity == 0 {
		b.Quantity = left
	}
	if o.Amazon {
		b.Disposition = cmp.Or(b.Disposition, Sellable)
	}
	o.expect(b.Item, now)
	b.Kind, b.Asked, b.At, b.Reason = GoodsBack, now, now.Add(travel).Truncate(time.Second), cmp.Or(b.Reason, "NO_REASON_GIVEN")
	b.Refund = o.share(b.Item, units, b.Quantity, reasonOf(b.Reason).fault)
	o.keep(&b.Refund, b.Item, sum.plus(disputed))
	if b.Refunded = b.At; !o.Amazon {
		b.Refunded = b.At.Add(refundAfterReceipt)
	}
	return o.tell(b), nil
}

// keep takes out of a refund what has been paid back of an item, or by the bank.
func (o *Order) keep(f *Refund, item int, sum Refund) {
	it := &o.Items[item]
	f.Price = max(min(f.Price, it.Price.Units-sum.Price), 0)
	f.Tax, f.Discount = min(f.Tax, it.Tax.Units-sum.Tax), min(f.Discount, it.Discount.Units-sum.Discount)
	f.Shipping = min(f.Shipping, it.Shipping.Units-sum.Shipping)
	if f.Price == 0 {
		f.Tax, f.Discount = 0, 0
	}
}

// giveBack pays back units of an item, 0 for all that are left, or, with a refund, just that. See [World.GiveBack].
func (o *Order) giveBack(item, quantity int, refund Refund, why string, disputed Refund, now time.Time) (Return, error) {
	it := &o.Items[item]
	if o.ShippedOf(item, now) == 0 {
		return Return{}, fmt.Errorf("item %s: none of it is shipped", it.ID)
	}
	if now.After(o.Purchased.Add(refundWindow)) {
		return Return{}, fmt.Errorf("item %s: the order is of %s: refunds are given within %d days of the purchase", it.ID, o.Purchased.Format(time.RFC3339),
			refundWindow/Day)
	}
	waiting := slices.IndexFunc(o.Returns, func(b Return) bool {
		return b.Item == item && !b.Asked.After(now) && (b.Refunded.IsZero() || b.Refunded.After(now)) && (quantity == 0 || quantity == b.Quantity)
	})
	if waiting >= 0 {
		b := o.Returns[waiting]
		if refund != (Refund{}) {
			if err := o.affords(item, refund, b.Refund, disputed, now); err != nil {
				return b, err
			}
			b.Refund = refund
		}
		b.Refunded = now
		o.Returns[waiting] = b
		return b, nil
	}
	if err := o.full(); err != nil {
		return Return{}, err
	}
	units, sum := o.Given(item, now)
	left := o.ShippedOf(item, now) - units
	kind := MoneyBack
	switch {
	case refund == (Refund{}) && left <= 0:
		return Return{}, fmt.Errorf("item %s: all %d units that are shipped have been given back or paid back", it.ID, units)
	case quantity < 0 || quantity > left:
		return Return{}, fmt.Errorf("item %s: quantity %d: %d units can be paid back", it.ID, quantity, max(left, 0))
	case refund == (Refund{}):
		if quantity == 0 {
			quantity = left
		}
		refund = o.share(item, units, quantity, true)
		o.keep(&refund, item, sum.plus(disputed))
	case refund.Price == 0 && refund.Shipping == 0 && refund.Goodwill > 0:
		kind = Concession
	}
	if err := o.affords(item, refund, Refund{}, disputed, now); err != nil {
		return Return{}, err
	}
	o.expect(item, now)
	return o.tell(Return{Kind: kind, Item: item, Quantity: quantity, Asked: now, Refunded: now, Reason: why, Refund: refund}), nil
}

// affords tells what of a refund is more than has been paid for an item and not paid back. The refund takes the place of another. Good will has no such bound.
func (o *Order) affords(item int, f, other, disputed Refund, now time.Time) error {
	it := &o.Items[item]
	_, sum := o.Given(item, now)
	sum = sum.plus(disputed)
	for _, part := range []struct {
		name              string
		asked, paid, back int
	}{
		{"price", f.Price, it.Price.Units, sum.Price - other.Price}, {"tax", f.Tax, it.Tax.Units, sum.Tax - other.Tax},
		{"shipping", f.Shipping, it.Shipping.Units, sum.Shipping - other.Shipping}, {"discount", f.Discount, it.Discount.Units, sum.Discount - other.Discount},
	} {
		in := func(units int) string { return Money{units, it.Price.Currency}.String() + " " + it.Price.Currency }
		if part.asked < 0 || part.asked > part.paid-part.back {
			return fmt.Errorf("item %s: %s of %s: %s was paid, and %s of it has been given back", it.ID, part.name, in(part.asked), in(part.paid), in(part.back))
		}
	}
	switch {
	case f.Goodwill < 0 || f.Restocking < 0 || f.Restocking > f.Price:
		return fmt.Errorf("item %s: good will and restocking fee are not below nothing, and the fee is a part of the price", it.ID)
	case o.RefundTotal(item, f).Units <= 0:
		return fmt.Errorf("item %s: nothing is left to be paid back", it.ID)
	}
	return nil
}

// mostReturns is how many returns and refunds an order has: with what was planned of three items their numbers stay below the 64 of [Order.returnID].
const mostReturns = 60

// full tells that an order has all returns and refunds that it can have.
func (o *Order) full() error {
	if len(o.Returns) < mostReturns {
		return nil
	}
	return fmt.Errorf("the order has %d returns and refunds: it takes no more", len(o.Returns))
}

// tell adds what a request has told, of an order that is not full.
func (o *Order) tell(b Return) Return {
	n := len(o.Items) // what was planned has the numbers below
	for slices.ContainsFunc(o.Returns, func(other Return) bool { return other.ID == o.returnID(n) }) {
		n++
	}
	o.label(&b, n, random.New(int64(o.Number), "return", o.ID, n))
	return o.Returns[len(o.Returns)-1]
}

// eachItem lets f change the item of an id, or, without an id, each that it can: its error counts where there is none.
func (w *World) eachItem(orderID, itemID string, now time.Time, f func(o *Order, i int) error) error {
	return w.Change(orderID, now, func(o *Order) error {
		if itemID != "" {
			i := o.ItemIndex(itemID)
			if i < 0 {
				return fmt.Errorf("item %q: the order has none of this id", itemID)
			}
			return f(o, i)
		}
		var first error
		done := false
		for i := range o.Items {
			if err := f(o, i); err == nil {
				done = true
			} else if first == nil {
				first = err
			}
		}
		if done {
			return nil
		}
		return first
	})
}

// SendBack has the buyer of an order send back units of an item, 0 for all that are left, of all items where no id is given. b tells quantity, reason,
// disposition and comment. What comes to Amazon is refunded when it is there, what comes to a merchant two days later. The error tells why that can't be.
func (w *World) SendBack(orderID, itemID string, b Return, travel time.Duration, now time.Time) (told []Return, err error) {
	now = now.UTC().Truncate(time.Second)
	err = w.eachItem(orderID, itemID, now, func(o *Order, i int) error {
		b := b
		b.Item = i
		b, err := o.sendBack(b, travel, w.disputed(o, i), now)
		if err == nil {
			told = append(told, b)
		}
		return err
	})
	return told, err
}

// GiveBack pays back units of an item that the buyer keeps, 0 for all that are left, or, with a refund, just that; of all items where no id is given. What the
// buyer has been asking for is settled by it. The error tells why the buyer can't get so much.
func (w *World) GiveBack(orderID, itemID string, quantity int, refund Refund, why string, now time.Time) (told []Return, err error) {
	now = now.UTC().Truncate(time.Second)
	err = w.eachItem(orderID, itemID, now, func(o *Order, i int) error {
		b, err := o.giveBack(i, quantity, refund, why, w.disputed(o, i), now)
		if err == nil {
			told = append(told, b)
		}
		return err
	})
	return told, err
}

// The kinds of charges by which buyers get their money back from others than the seller.
const (
	Chargeback     = "Chargeback"     // the buyer's bank takes it back
	GuaranteeClaim = "GuaranteeClaim" // Amazon's A-to-z Guarantee pays
)

// disputed is how much of an item has gone back by chargebacks and claims. The caller holds the world's lock.
func (w *World) disputed(o *Order, item int) Refund {
	var sum Refund
	for _, c := range w.charges {
		if c.OrderID == o.ID && c.Item == item && (c.Kind == Chargeback || c.Kind == GuaranteeClaim) {
			sum = sum.plus(Refund{Price: -c.Amount.Units, Tax: c.Tax, Discount: c.Discount})
		}
	}
	return sum
}

// Dispute has the buyer of an order get a part of an item's price, 0 for all that is left, by a chargeback or a claim; of all items where no id is given. The
// error tells why that can't be.
func (w *World) Dispute(kind, orderID, itemID string, price int, now time.Time) (told []Charge, err error) {
	now = now.UTC().Truncate(time.Second)
	err = w.eachItem(orderID, itemID, now, func(o *Order, i int) error {
		it := &o.Items[i]
		_, sum := o.Given(i, now)
		sum = sum.plus(w.disputed(o, i))
		left := it.Price.Units - sum.Price
		in := func(units int) string { return Money{units, it.Price.Currency}.String() + " " + it.Price.Currency }
		switch {
		case o.ShippedOf(i, now) == 0:
			return fmt.Errorf("item %s: none of it is shipped", it.ID)
		case left <= 0:
			return fmt.Errorf("item %s: nothing is left to be paid back", it.ID)
		case price < 0 || price > left:
			return fmt.Errorf("item %s: amount of %s: %s was paid, and %s of it has been given back", it.ID, in(price), in(it.Price.Units), in(it.Price.Units-left))
		}
		amount := price
		if amount == 0 {
			amount = left
		}
		part, tax, discount := o.Portion(i, amount), it.Tax.Units-sum.Tax, it.Discount.Units-sum.Discount
		if amount < left { // the last part takes all that is left
			tax, discount = min(part.Tax, tax), min(part.Discount, discount)
		}
		o.expect(i, now)
		c := Charge{
			Kind: kind, At: now, OrderID: o.ID, Item: i, Marketplace: o.Marketplace.ID, Amount: Money{-amount, it.Price.Currency}, Tax: tax, Discount: discount,
			Reference: it.ID,
		}
		c.ID = fmt.Sprintf("%s-%s-%s-%d", strings.ToLower(kind), o.ID, it.ID, it.Price.Units-left)
		w.charge(c)
		told = append(told, c)
		return nil
	})
	return told, err
}

// ParseMoney reads an amount as [Money.String] writes it.
func ParseMoney(text, currency string) (Money, error) {
	whole, part, cut := strings.Cut(text, ".")
	digits := Decimals(currency)
	units, err := strconv.ParseUint(whole+(part + "00")[:max(digits, len(part))], 10, 31)
	if err != nil || whole == "" || len(part) > digits || cut && part == "" {
		return Money{}, fmt.Errorf("%q is no amount of %s: want one like %s", text, currency, Money{1250, currency})
	}
	return Money{int(units), currency}, nil //nolint:gosec // 31 bits
}

// Sellable is the disposition of what can be sold.
const Sellable = "SELLABLE"

// Damages are the dispositions of what can't be sold (Seller Central, inventory ledger).
var Damages = []string{"CUSTOMER_DAMAGED", "WAREHOUSE_DAMAGED", "CARRIER_DAMAGED", "DISTRIBUTOR_DAMAGED", "DEFECTIVE", "EXPIRED"}

// centers are Amazon's warehouses by country: where goods are that can be sold, and where those are that can't. Countries without a row have their region's.
var centers = map[string][2]string{
	"US": {"PHX7", "IND9"}, "CA": {"YYZ1", "YVR2"}, "MX": {"MEX1", "MEX2"}, "BR": {"GRU5", "CNF1"}, "GB": {"LTN4", "MAN1"}, "DE": {"LEJ1", "FRA3"},
	"FR": {"ORY1", "LYS1"}, "IT": {"MXP5", "FCO1"}, "ES": {"MAD4", "BCN1"}, "PL": {"POZ1", "WRO1"}, "JP": {"NRT1", "KIX1"}, "AU": {"MEL1", "BWU1"},
	"SG": {"SIN2", "SIN3"}, "IN": {"BLR7", "BOM7"},
}

// Center is the warehouse in which Amazon has a seller's goods of a disposition, and its country.
func (a *Seller) Center(disposition string) (code, country string) {
	country = a.Marketplaces[0].CountryCode
	if _, ok := centers[country]; !ok {
		country = map[marketplace.Region]string{marketplace.NorthAmerica: "US", marketplace.Europe: "DE", marketplace.FarEast: "JP"}[a.Region]
	}
	if disposition == Sellable {
		return centers[country][0], country
	}
	return centers[country][1], country
}

// Movement is units that come into Amazon's warehouses or leave them: a row of the inventory ledger.
type Movement struct {
	At          time.Time `json:"at"`
	SKU         string    `json:"sku"`
	Kind        string    `json:"kind"` // as the ledger's eventType: Shipments, CustomerReturns, Receipts, VendorReturns, Adjustments
	Disposition string    `json:"disposition"`
	Quantity    int       `json:"quantity"`  // below 0: they leave
	Reference   string    `json:"reference"` // what it is about: an order, a removal, a receipt
	Reason      string    `json:"reason,omitempty"`
}

// Movements are those of an order's life, also those to come: what is shipped leaves, what is sent back comes, and what of it can't be sold leaves again.
func (o *Order) Movements() []Movement {
	if !o.Amazon || o.Shipped.IsZero() {
		return nil
	}
	list := make([]Movement, 0, len(o.Items)+2*len(o.Returns))
	for _, it := range o.Items {
		list = append(list, Movement{o.Shipped, it.SKU, "Shipments", Sellable, -it.Quantity, o.ID, ""})
	}
	for _, b := range o.Returns {
		if b.At.IsZero() || b.Quantity == 0 {
			continue
		}
		sku := o.Items[b.Item].SKU
		list = append(list, Movement{b.At, sku, "CustomerReturns", b.Disposition, b.Quantity, o.ID, ""})
		if b.Disposition != Sellable {
			list = append(list, Movement{b.At.Add(removalAfter), sku, "VendorReturns", b.Disposition, -b.Quantity, "RM-" + b.ID[len(b.ID)-8:], ""})
		}
	}
	return list
}

// effect is what an order does to a listing's stock at one time.
type effect struct {
	at                              time.Time
	sku                             string
	quantity, fulfillable, reserved int
	damage                          string // disposition of what can't be sold
	damaged                         int
}

// effects are those of an order's life after its purchase, also those to come.
func (o *Order) effects() []effect {
	var list []effect
	if !o.Cancelled.IsZero() {
		for _, it := range o.Items {
			if o.Amazon {
				list = append(list, effect{at: o.Cancelled, sku: it.SKU, fulfillable: it.Quantity, reserved: -it.Quantity})
			} else {
				list = append(list, effect{at: o.Cancelled, sku: it.SKU, quantity: it.Quantity})
			}
		}
		return list
	}
	for _, m := range o.Movements() {
		switch {
		case m.Kind == "Shipments":
			list = append(list, effect{at: m.At, sku: m.SKU, reserved: m.Quantity})
		case m.Disposition == Sellable:
			list = append(list, effect{at: m.At, sku: m.SKU, fulfillable: m.Quantity})
		default:
			list = append(list, effect{at: m.At, sku: m.SKU, damage: m.Disposition, damaged: m.Quantity})
		}
	}
	return list
}

// apply lets the stock hear of an effect, or, with -1, forget it. The stock is as of at from then on, and those who watch it are told of now.
func (w *World) apply(e effect, sign int, at, now time.Time) {
	l := w.Listings[e.sku]
	if l == nil {
		return
	}
	was := w.stocked(l)
	l.Quantity += sign * e.quantity
	l.Stock.Fulfillable += sign * e.fulfillable
	l.Stock.Reserved += sign * e.reserved
	if e.damage != "" {
		l.Stock.Damaged[slices.Index(Damages, e.damage)] += sign * e.damaged
	}
	if l.Stocked.Before(at) {
		l.Stocked = at
	}
	w.moved(was, l, now)
}

// Moved notes units that come or leave by a request, and changes the stock by them. The caller holds the world's lock for writing.
func (w *World) Moved(m Movement) {
	l := w.Listings[m.SKU]
	if m.Quantity == 0 || l == nil {
		return
	}
	was, now := w.stocked(l), m.At
	m.At = m.At.UTC().Truncate(time.Second)
	if m.Disposition == Sellable {
		l.Stock.Fulfillable += m.Quantity
	} else {
		l.Stock.Damaged[slices.Index(Damages, m.Disposition)] += m.Quantity
	}
	l.Stocked = m.At
	w.moves = append(w.moves, m)
	w.moved(was, l, now)
}

// Moves are the movements that requests have told of, in the order in which they came. The caller holds the world's lock.
func (w *World) Moves() []Movement { return slices.Clone(w.moves) }

// Heard is until when the stock has heard of orders: what it holds is as of then. The caller holds the world's lock.
func (w *World) Heard() time.Time { return w.heard }

// MovementsSince yields all movements of stock after a time until [World.Heard], not in their order. The caller holds the world's lock.
func (w *World) MovementsSince(since time.Time, yield func(Movement)) {
	for _, m := range w.moves {
		if m.At.After(since) {
			yield(m)
		}
	}
	m, own := w.makers.Get().(*maker), &Order{}
	defer w.makers.Put(m)
	for number := w.numberFrom(since.Add(-LifeSpan)); number < w.next; number++ {
		o := w.touched[number]
		if o == nil { // without its face, which takes most of the time
			o = own
			m.life(number, o, 0)
			o.ID = w.orderID(number)
		}
		if o.Purchased.After(w.heard) {
			return
		}
		if !o.Amazon || len(o.Items) == 0 {
			continue
		}
		for _, m := range o.Movements() {
			if m.At.After(since) && !m.At.After(w.heard) {
				yield(m)
			}
		}
	}
}

// Beginning is when the orders of the beginning end, and what lay in Amazon's warehouses then but for what those orders have there.
func (w *World) Beginning() (at time.Time, stock map[string]Stock) {
	stock = map[string]Stock{}
	for sku, l := range makeListings(w.sizes, w.seller, w.Products, w.opened) {
		stock[sku] = l.Stock
	}
	return w.ended(), stock
}

// Reimbursements are the charges by which Amazon makes good for units, and takes that back.
func (w *World) Reimbursements() []Charge {
	return slices.DeleteFunc(w.Charges(), func(c Charge) bool {
		return c.Kind != "FBAInventoryReimbursement" && c.Kind != "FBAReversedReimbursement"
	})
}

// Claimed tells whether a claim about an order's item has been granted by t.
func (w *World) Claimed(orderID string, item int, t time.Time) bool {
	return slices.ContainsFunc(w.Charges(), func(c Charge) bool {
		return c.Kind == GuaranteeClaim && c.OrderID == orderID && c.Item == item && !c.At.After(t)
	})
}
