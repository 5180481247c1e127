// Package merchantfulfillment answers for Merchant Fulfillment (Buy Shipping): labels for orders that the seller ships.
package merchantfulfillment

import (
	_ "embed"
	"encoding/json"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/openspapi/spapi/emulator/internal/answer"
	"github.com/openspapi/spapi/emulator/internal/carriers"
	"github.com/openspapi/spapi/emulator/internal/desk"
	"github.com/openspapi/spapi/emulator/internal/format"
	"github.com/openspapi/spapi/emulator/internal/table"
	"github.com/openspapi/spapi/emulator/internal/world"
)

type object = format.Object

// V0 is the API of version v0.
var V0 = desk.Flow{Stores: []desk.Keeper{books}, Settle: settle, Handlers: map[string]desk.Handler{
	"merchantfulfillmentv0.getEligibleShipmentServices": eligibleServices,
	"merchantfulfillmentv0.getAdditionalSellerInputs":   additionalInputs,
	"merchantfulfillmentv0.createShipment":              createShipment,
	"merchantfulfillmentv0.getShipment":                 getShipment,
	"merchantfulfillmentv0.cancelShipment":              cancelShipment,
}, Early: map[string]func(*desk.Call) *answer.Error{
	"merchantfulfillmentv0.getShipment":    checkID,
	"merchantfulfillmentv0.cancelShipment": checkID,
}}

//go:embed refusals.csv
var refusalTable string

var refusals = sync.OnceValue(func() map[string][3]string {
	all := map[string][3]string{}
	for _, r := range table.Read("refusals.csv", refusalTable) {
		all[r[0]] = [3]string{r[1], r[2], r[3]}
	}
	return all
})

// refuse is the error of a refusal in the table. reason says what it is about.
func refuse(c *desk.Call, refusal, reason string) *answer.Error {
	r, known := refusals()[refusal]
	if !known {
		table.Refuse("refusals.csv", "no "+refusal)
	}
	e := answer.Invalid(r[2], reason)
	if c.Desk.Options.DocumentedShippingErrors {
		e.Status, e.Code = format.Atoi(r[0]), r[1]
	}
	return e
}

// constraint is how the service says that a value is not as its type wants it (selling-partner-api-models merchantFulfillmentV0, sandbox cases).
func constraint(value, at, want string) *answer.Error {
	return answer.Invalid("1 validation error detected: Value '"+value+"' at '"+at+"' failed to satisfy constraint: Member must "+want, at+": "+want)
}

// shipment is a label that was bought, as it is saved.
type shipment struct {
	ID        string           `json:"id"`
	OrderID   string           `json:"order_id"`
	Details   json.RawMessage  `json:"details"` // ShipmentRequestDetails as they came
	Items     []int            `json:"items"`   // quantities, by item of the order
	ServiceID string           `json:"service_id"`
	OfferID   string           `json:"offer_id"`
	Format    string           `json:"format"`
	Tracking  string           `json:"tracking"`
	Cost      world.Money      `json:"cost"`
	Package   string           `json:"package"` // of the order's parcels
	Way       carriers.Journey `json:"way"`
	Asked     time.Time        `json:"asked"`    // for a refund; zero: never
	Decided   time.Time        `json:"decided"`  // when the carrier says yes or no to it
	Refunded  bool             `json:"refunded"` // it will have said, or has said, yes
	Replaced  bool             `json:"replaced"` // another label has been bought for the same items
	Credited  bool             `json:"credited"` // the money has moved
}

// The states of a shipment.
const (
	purchased      = "Purchased"
	refundPending  = "RefundPending"
	refundApplied  = "RefundApplied"
	refundRejected = "RefundRejected"
)

// status is the state at t.
func (s *shipment) status(t time.Time) string {
	switch {
	case s.Asked.IsZero():
		return purchased
	case t.Before(s.Decided):
		return refundPending
	case s.Refunded:
		return refundApplied
	}
	return refundRejected
}

// book has a seller's shipments.
type book struct {
	mu      sync.Mutex
	all     []*shipment // in the order in which they were bought
	byID    map[string]*shipment
	byOrder map[string][]*shipment
	due     []*shipment // refunds whose money hasn't moved
}

func (b *book) add(s *shipment) {
	b.all = append(b.all, s)
	b.byID[s.ID] = s
	b.byOrder[s.OrderID] = append(b.byOrder[s.OrderID], s)
	if s.Refunded && !s.Credited {
		b.due = append(b.due, s)
	}
}

var books = &desk.Store[*book]{
	Name: "merchantfulfillment",
	Create: func(*desk.Seller) *book {
		return &book{byID: map[string]*shipment{}, byOrder: map[string][]*shipment{}}
	},
	Save: func(b *book) (any, error) {
		b.mu.Lock()
		defer b.mu.Unlock()
		if len(b.all) == 0 {
			return nil, nil
		}
		return b.all, nil
	},
	Load: func(b *book, raw json.RawMessage) error {
		var saved []*shipment
		if err := json.Unmarshal(raw, &saved); err != nil {
			return err
		}
		b.mu.Lock()
		defer b.mu.Unlock()
		for _, s := range saved {
			b.add(s)
		}
		return nil
	},
}

// settle moves the money of refunds that have become due.
func settle(a *desk.Seller, now time.Time) {
	b := books.Of(a)
	b.mu.Lock()
	defer b.mu.Unlock()
	var later []*shipment
	for _, s := range b.due {
		if now.Before(s.Decided) {
			later = append(later, s)
			continue
		}
		s.Credited = true
		charge(a.World(), s, "PostageRefund", s.Decided, s.Cost.Units)
	}
	b.due = later
}

// charge tells the world of money for a label.
func charge(w *world.World, s *shipment, kind string, at time.Time, units int) {
	o := w.OrderByID(s.OrderID, at)
	w.Charge(world.Charge{ID: kind + "-" + s.ID, At: at, Kind: kind, OrderID: s.OrderID, Item: -1, Marketplace: o.Marketplace.ID,
		Amount: world.Money{Units: units, Currency: s.Cost.Currency}, Reference: s.ID})
}

const (
	// cancelWindow is how long after the purchase a label can be given back, and decision how long the carrier thinks about it. Both are assumed; Seller
	// Central's help has 30 days for unused labels.
	cancelWindow = 30 * world.Day
	decision     = 2 * world.Day
)

var uuidPattern = sync.OnceValue(func() *regexp.Regexp {
	return regexp.MustCompile(`^` + uuidText + `$`)
})

const uuidText = "[0-9a-fA-F]{8}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{12}"

// checkID refuses an id of another form.
func checkID(c *desk.Call) *answer.Error {
	if id := c.Path["shipmentId"]; !uuidPattern().MatchString(id) {
		return constraint(id, "shipmentId", "satisfy regular expression pattern: "+uuidText)
	}
	return nil
}

// find finds the shipment of the path. One that was bought before the clock was set back isn't there yet. The caller holds the book's lock.
func find(c *desk.Call, b *book) (*shipment, *answer.Error) {
	id := c.Path["shipmentId"]
	s := b.byID[strings.ToLower(id)]
	if s == nil || s.Way.Bought.After(c.Now) {
		return nil, refuse(c, "unknown", "shipmentId: no shipment "+id)
	}
	return s, nil
}

func getShipment(c *desk.Call) (answer.Reply, *answer.Error) {
	b := books.Of(c.Seller)
	b.mu.Lock()
	defer b.mu.Unlock()
	s, err := find(c, b)
	if err != nil {
		return answer.Reply{}, err
	}
	return answer.Payload(s.object(c)), nil
}

// cancelShipment asks for a refund of the label, which the carrier gives unless it has scanned the parcel. The order stays shipped.
func cancelShipment(c *desk.Call) (answer.Reply, *answer.Error) {
	b := books.Of(c.Seller)
	b.mu.Lock()
	defer b.mu.Unlock()
	s, err := find(c, b)
	if err != nil {
		return answer.Reply{}, err
	}
	now := c.Now.UTC().Truncate(time.Second)
	switch status := s.status(c.Now); {
	case status == refundApplied || status == refundRejected:
		return answer.Reply{}, refuse(c, "state", "shipmentId: the shipment is "+status)
	case status == purchased && now.After(s.Way.Bought.Add(cancelWindow)):
		return answer.Reply{}, refuse(c, "window", "shipmentId: bought more than "+strconv.Itoa(int(cancelWindow/world.Day))+" days ago")
	case status == purchased:
		s.Asked, s.Decided = now, now.Add(decision)
		if s.Refunded = now.Before(s.Way.Scanned); s.Refunded {
			s.Way.Cancelled = now
			b.due = append(b.due, s)
		}
	}
	return answer.Payload(s.object(c)), nil
}

// additionalInputs tells what a service wants to know beyond the usual.
func additionalInputs(c *desk.Call) (answer.Reply, *answer.Error) {
	var body struct {
		ShippingServiceID, OrderID string
		ShipFromAddress            address
	}
	if err := format.Read(c.Body, &body); err != nil {
		return answer.Reply{}, refuse(c, "request", err.Error())
	}
	if err := body.ShipFromAddress.check(c, "shipFromAddress", "additional sender"); err != nil {
		return answer.Reply{}, err
	}
	o := c.Seller.World().OrderByID(body.OrderID, c.Now)
	if o == nil {
		return answer.Reply{}, refuse(c, "unknown", "OrderId: no order "+body.OrderID)
	}
	s := serviceOf(o, body.ShippingServiceID)
	if s == nil {
		return answer.Reply{}, refuse(c, "service", "ShippingServiceId: no service "+body.ShippingServiceID+" in "+o.Marketplace.CountryCode)
	}
	shipmentLevel, itemLevel := []object{}, []object{}
	if s.Questions {
		shipmentLevel = append(shipmentLevel, question(pickupNotes, "SHIPMENT_LEVEL", "Where the courier finds the parcel"))
		for _, it := range o.Items {
			itemLevel = append(itemLevel, object{"Asin": it.Product.ASIN, "AdditionalInputs": []object{question(goods, "ITEM_LEVEL", "What is in the parcel")}})
		}
	}
	return answer.Payload(object{"ShipmentLevelFields": shipmentLevel, "ItemLevelFieldsList": itemLevel}), nil
}

// What the services with questions ask for. Fields and wording are assumed.
const (
	pickupNotes = "PICKUP_INSTRUCTIONS"
	goods       = "GOODS_DESCRIPTION"
)

func question(name, target, shown string) object {
	return object{"AdditionalInputFieldName": name, "SellerInputDefinition": object{
		"IsRequired": true, "DataType": "String", "InputDisplayText": shown, "InputTarget": target, "StoredValue": object{},
		"Constraints": []object{{"ValidationRegEx": "^.{1,100}$", "ValidationString": "1 to 100 characters"}},
	}}
}

// answered tells whether a list of seller inputs has a text for a field.
func answered(list []sellerInput, name string) bool {
	for _, in := range list {
		if n := len([]rune(in.AdditionalSellerInput.ValueAsString)); in.AdditionalInputFieldName == name && n > 0 && n <= 100 {
			return true
		}
	}
	return false
}

type sellerInput struct {
	AdditionalInputFieldName string
	AdditionalSellerInput    struct{ ValueAsString string }
}
