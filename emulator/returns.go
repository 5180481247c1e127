package emulator

import (
	"errors"
	"fmt"
	"time"

	"github.com/openspapi/spapi/emulator/internal/desk"
	"github.com/openspapi/spapi/emulator/internal/world"
)

// BuyerReturn is what a buyer sends back of an order.
type BuyerReturn struct {
	Item        string        // order item id; "" for all items
	Quantity    int           // of units of the item; 0 for all that the buyer still has
	Reason      string        // as GET_FBA_FULFILLMENT_CUSTOMER_RETURNS_DATA has it: DEFECTIVE; NO_REASON_GIVEN by default
	Disposition string        // what Amazon finds, of orders that Amazon fulfils: SELLABLE, which is the default, CUSTOMER_DAMAGED, …
	Comment     string        // the buyer's
	Travel      time.Duration // until it is back
}

// BuyerRefund is what a buyer is paid back of an order without sending anything back. The amounts are spelled as in answers, "3.50", in the order's currency.
// Where none is given, units are paid back with all that has been paid for them.
type BuyerRefund struct {
	Item       string // order item id; "" for all items, or for the only one
	Quantity   int    // of units of the item; 0 for all that are left, or, with an amount, for none
	Amount     string // of the item's price; tax and discount go with it
	Shipping   string // of what was paid for shipping
	Goodwill   string // beyond the price
	Restocking string // kept of the amount
	Reason     string
}

// BuyerDispute is what a buyer gets back of an order by the bank or by Amazon.
type BuyerDispute struct {
	Item   string // order item id; "" for all items
	Amount string // of the item's price, "3.50"; "" for all that has not been given back
}

// Returned is one thing that a buyer gives back or gets back.
type Returned struct {
	ID       string    `json:"id"`
	Kind     string    `json:"kind"` // Return, Refund, Concession, Chargeback or GuaranteeClaim
	Item     string    `json:"item"` // order item id
	Quantity int       `json:"quantity"`
	Asked    time.Time `json:"asked"`
	Received time.Time `json:"received,omitzero"` // when the goods are back; zero: they stay with the buyer
	Refunded time.Time `json:"refunded,omitzero"` // when the buyer has the money; zero: not decided
	Amount   string    `json:"amount"`            // that the buyer gets; of chargebacks and claims that of the item's price alone
	Currency string    `json:"currency"`
	RMA      string    `json:"rma,omitempty"`
}

// ReturnOrder has the buyer of an order send back what has been shipped. What comes back to Amazon is in the stock again when it is there, and refunded then;
// what comes back to the merchant is refunded two days later, unless the merchant has done so. The error tells why that can't be.
func (e *Emulator) ReturnOrder(orderID string, r BuyerReturn) ([]Returned, error) {
	a, o, err := e.orderOf(orderID)
	if err != nil {
		return nil, err
	}
	b := world.Return{Quantity: r.Quantity, Reason: r.Reason, Disposition: r.Disposition, Comment: r.Comment}
	var told []world.Return
	e.desk.Beside(func() { told, err = a.World().SendBack(orderID, r.Item, b, r.Travel, e.Now()) })
	return returned(o, told), orderProblem(orderID, err)
}

// RefundOrder pays the buyer of an order back without anything being sent back. The error tells why that can't be: what is not shipped, what has been refunded,
// or more than was paid.
func (e *Emulator) RefundOrder(orderID string, r BuyerRefund) ([]Returned, error) {
	a, o, err := e.orderOf(orderID)
	if err != nil {
		return nil, err
	}
	if r.Item == "" && len(o.Items) == 1 {
		r.Item = o.Items[0].ID
	}
	var units [4]int
	given := false
	for i, text := range []string{r.Amount, r.Shipping, r.Goodwill, r.Restocking} {
		if text == "" {
			continue
		}
		m, err := world.ParseMoney(text, o.Marketplace.Currency)
		if err != nil {
			return nil, orderProblem(orderID, fmt.Errorf("%s: %w", []string{"amount", "shipping", "goodwill", "restocking"}[i], err))
		}
		units[i], given = m.Units, true
	}
	refund := world.Refund{}
	if given && units[0]+units[1]+units[2] == 0 {
		return nil, orderProblem(orderID, errors.New("the amounts are nothing"))
	}
	if given {
		i := o.ItemIndex(r.Item)
		if i < 0 {
			return nil, orderProblem(orderID, fmt.Errorf("item %q: an amount is for one of the order's items", r.Item))
		}
		refund = o.Portion(i, units[0])
		refund.Shipping, refund.Goodwill, refund.Restocking = units[1], units[2], units[3]
	}
	var told []world.Return
	e.desk.Beside(func() { told, err = a.World().GiveBack(orderID, r.Item, r.Quantity, refund, r.Reason, e.Now()) })
	return returned(o, told), orderProblem(orderID, err)
}

// ChargeBack has the buyer's bank take back what the buyer has paid for an order. The error tells why that can't be.
func (e *Emulator) ChargeBack(orderID string, d BuyerDispute) ([]Returned, error) {
	return e.dispute(world.Chargeback, orderID, d)
}

// Claim has Amazon pay the buyer of an order by its A-to-z Guarantee, at the seller's cost. The error tells why that can't be.
func (e *Emulator) Claim(orderID string, d BuyerDispute) ([]Returned, error) {
	return e.dispute(world.GuaranteeClaim, orderID, d)
}

func (e *Emulator) dispute(kind, orderID string, d BuyerDispute) ([]Returned, error) {
	a, o, err := e.orderOf(orderID)
	if err != nil {
		return nil, err
	}
	price := world.Money{}
	if d.Amount != "" {
		if price, err = world.ParseMoney(d.Amount, o.Marketplace.Currency); err == nil && price.Units == 0 {
			err = errors.New("is nothing")
		}
		if err != nil {
			return nil, orderProblem(orderID, fmt.Errorf("amount: %w", err))
		}
	}
	var charges []world.Charge
	e.desk.Beside(func() { charges, err = a.World().Dispute(kind, orderID, d.Item, price.Units, e.Now()) })
	var list []Returned
	for _, c := range charges {
		list = append(list, Returned{
			ID: c.ID, Kind: c.Kind, Item: o.Items[c.Item].ID, Asked: c.At, Refunded: c.At,
			Amount: world.Money{Units: -c.Amount.Units, Currency: c.Amount.Currency}.String(), Currency: c.Amount.Currency,
		})
	}
	return list, orderProblem(orderID, err)
}

func returned(o *world.Order, told []world.Return) []Returned {
	var list []Returned
	for _, b := range told {
		list = append(list, Returned{
			ID: b.ID, Kind: b.Kind, Item: o.Items[b.Item].ID, Quantity: b.Quantity, Asked: b.Asked, Received: b.At, Refunded: b.Refunded,
			Amount: o.RefundTotal(b.Item, b.Refund).String(), Currency: o.Marketplace.Currency, RMA: b.RMA,
		})
	}
	return list
}

// orderOf finds the order of an id among those of all sellers.
func (e *Emulator) orderOf(id string) (*desk.Seller, *world.Order, error) {
	now := e.Now()
	var owner *desk.Seller
	var order *world.Order
	e.desk.Beside(func() {
		for _, a := range e.desk.AllSellers() {
			if order = a.World().OrderByID(id, now); order != nil {
				owner = a
				return
			}
		}
	})
	if owner == nil {
		return nil, nil, orderProblem(id, errNoSuch)
	}
	return owner, order, nil
}

// orderProblem is the error of what can't be done with an order; nil without one.
func orderProblem(id string, err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("emulator: order %s: %w", id, err)
}

func controlReturn(e *Emulator, c *controlCall) (any, error) {
	in := struct {
		Item        string `json:"item"`
		Quantity    int    `json:"quantity"`
		Reason      string `json:"reason"`
		Disposition string `json:"disposition"`
		Comment     string `json:"comment"`
		Travel      string `json:"travel"`
	}{Travel: "120h"}
	if err := c.read(&in); err != nil {
		return nil, err
	}
	travel, err := time.ParseDuration(in.Travel)
	if err != nil {
		return nil, fmt.Errorf("travel %q: want a duration such as 120h", in.Travel)
	}
	list, err := e.ReturnOrder(c.id, BuyerReturn{in.Item, in.Quantity, in.Reason, in.Disposition, in.Comment, travel})
	return controlReturned(list, err)
}

func controlRefund(e *Emulator, c *controlCall) (any, error) {
	var in struct {
		Item       string `json:"item"`
		Quantity   int    `json:"quantity"`
		Amount     string `json:"amount"`
		Shipping   string `json:"shipping"`
		Goodwill   string `json:"goodwill"`
		Restocking string `json:"restocking"`
		Reason     string `json:"reason"`
	}
	if err := c.read(&in); err != nil {
		return nil, err
	}
	list, err := e.RefundOrder(c.id, BuyerRefund(in))
	return controlReturned(list, err)
}

// controlDispute is for both ways by which others than the seller pay a buyer back.
func controlDispute(do func(e *Emulator, orderID string, d BuyerDispute) ([]Returned, error)) func(e *Emulator, c *controlCall) (any, error) {
	return func(e *Emulator, c *controlCall) (any, error) {
		var in struct {
			Item   string `json:"item"`
			Amount string `json:"amount"`
		}
		if err := c.read(&in); err != nil {
			return nil, err
		}
		list, err := do(e, c.id, BuyerDispute(in))
		return controlReturned(list, err)
	}
}

func controlReturned(list []Returned, err error) (any, error) {
	if errors.Is(err, errNoSuch) {
		err = errNoSuch // the reply names the order
	}
	return object{"returns": list}, err
}
