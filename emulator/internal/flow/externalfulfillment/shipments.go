package externalfulfillment

import (
	"encoding/base64"
	"strconv"
	"time"

	"github.com/openspapi/spapi/emulator/internal/answer"
	"github.com/openspapi/spapi/emulator/internal/desk"
	"github.com/openspapi/spapi/emulator/internal/format"
	"github.com/openspapi/spapi/emulator/internal/world"
)

// shipment is an order as External Fulfillment sees it.
type shipment struct {
	o   *world.Order
	r   record
	now time.Time
}

const (
	// acceptedAfter is how long it takes to assign inventory, and packableAfter until a package may be made; both are assumed.
	acceptedAfter = 10 * time.Minute
	packableAfter = 30 * time.Minute
)

// status is how far the shipment is: the order's life goes before what requests have told of the way there.
func (s *shipment) status() string {
	switch s.o.Status(s.now) {
	case world.Canceled:
		return "CANCELLED"
	case world.Shipped:
		if s.o.DeliveredBy(s.now) {
			return "DELIVERED"
		}
		return "SHIPPED"
	}
	switch {
	case len(s.r.Packages) > 0:
		return shipmentStates[s.least()]
	case !s.r.Confirmed.IsZero():
		return "CONFIRMED"
	case s.now.Sub(s.o.Payable) >= acceptedAfter:
		return "ACCEPTED"
	}
	return "CREATED"
}

// least is the stage that all packages have reached.
func (s *shipment) least() stage {
	least := delivered
	for i := range s.r.Packages {
		least = min(least, s.r.Packages[i].Stage)
	}
	return least
}

// subStates are those of shipments by those of Easy Ship's orders.
var subStates = map[string]string{
	"PendingSchedule": "PENDING_SCHEDULE", "PendingPickUp": "PENDING_PICKUP", "PendingDropOff": "PENDING_DROP_OFF", "LabelCanceled": "LABEL_CANCELED",
	"PickedUp":   "PICKED_UP",
	"DroppedOff": "DROPPED_OFF", "AtOriginFC": "AT_ORIGIN_FC", "AtDestinationFC": "AT_DESTINATION_FC", "OutForDelivery": "OUT_FOR_DELIVERY",
	"Delivered":            "DELIVERED",
	world.EasyShipRejected: "NOT_DELIVERED", world.EasyShipUndeliverable: "UNDELIVERABLE", "ReturningToSeller": "UNDELIVERABLE",
	"ReturnedToSeller": "UNDELIVERABLE",
	world.EasyShipLost: "LOST", world.EasyShipDamaged: "DAMAGED",
}

// subStatus is where the carrier has it, if that is known; "" otherwise.
func (s *shipment) subStatus() string {
	if shippingType(s.o.Marketplace) == byMarketplace {
		return subStates[s.o.EasyShipStatus(s.now)]
	}
	switch status := s.status(); {
	case status == "DELIVERED":
		return "DELIVERED"
	case status == "SHIPPED" && len(s.r.Packages) > 0:
		return s.r.Packages[len(s.r.Packages)-1].Sub
	}
	return ""
}

func (s *shipment) updated() time.Time {
	last := s.o.Updated(s.now)
	for _, at := range []time.Time{s.r.Updated, s.o.Payable.Add(acceptedAfter)} {
		if at.After(last) && !at.After(s.now) {
			last = at
		}
	}
	if at := s.o.Shipped.Add(s.o.Transit); s.status() == "DELIVERED" && at.After(last) {
		last = at
	}
	return last
}

// ended are the states in which orders stay for good, or for long: all others are over soon.
var ended = map[string]bool{"DELIVERED": true, "CANCELLED": true, "SHIPPED": true}

func getShipments(c *desk.Call) (answer.Reply, *answer.Error) {
	pg, problem := c.Page("paginationToken")
	if problem != nil {
		return answer.Reply{}, answer.InvalidParameter("paginationToken", problem.Error())
	}
	n := size(pg.Arg("maxResults"))
	if n == 0 {
		return answer.Reply{}, answer.InvalidParameter("maxResults", "is "+pg.Arg("maxResults")+", want 1 to 100")
	}
	after, before := bound(pg.Arg("lastUpdatedAfter")), bound(pg.Arg("lastUpdatedBefore"))
	var since time.Time
	if !ended[pg.Arg("status")] {
		since = pg.AsOf.Add(-openFor)
	}
	if early := after.Add(-world.LifeSpan); !after.IsZero() && early.After(since) {
		since = early
	}
	b := books.Of(c.Seller)
	list := []object{}
	next := scan(c, since, pg.Start, pg.AsOf, func(o *world.Order) bool {
		if len(list) == n {
			return false
		}
		if o.Status(pg.AsOf) == world.Pending || !world.Same(pg.Arg("marketplaceId"), o.Marketplace.ID) || !world.Same(pg.Arg("channelName"), channel) ||
			!world.Same(pg.Arg("locationId"), locationOf(c, o.Marketplace)) {
			return true
		}
		b.mu.Lock()
		s := &shipment{o, b.of(o.ID), pg.AsOf}
		b.mu.Unlock()
		if s.status() == pg.Arg("status") && within(s.updated(), after, before) {
			list = append(list, s.object(c))
		}
		return true
	})
	body := object{"shipments": list}
	if next > 0 {
		body["pagination"] = object{"nextToken": c.Token(pg, next)}
	}
	return answer.OK(body), nil
}

func getShipment(c *desk.Call) (answer.Reply, *answer.Error) {
	s, err := find(c)
	if err != nil {
		return answer.Reply{}, err
	}
	return answer.OK(s.object(c)), nil
}

// find finds the shipment of the path.
func find(c *desk.Call) (*shipment, *answer.Error) {
	id := c.Path["shipmentId"]
	orderID, ok := orderOf(id)
	if !ok { // models/external-fulfillment, sandbox case of getShipment
		return nil, answer.Plain(400, "InvalidInput", "Invalid input '"+id+"' for parameter 'shipmentId'").Detailed("Please pass the correct shipmentId")
	}
	o := c.Seller.World().OrderByID(orderID, c.Now)
	if o == nil || !taken(o) || o.Status(c.Now) == world.Pending {
		return nil, absent("shipmentId", id)
	}
	b := books.Of(c.Seller)
	b.mu.Lock()
	defer b.mu.Unlock()
	return &shipment{o, b.of(o.ID), c.Now}, nil
}

// absent is as in models/external-fulfillment, sandbox case of getShipment.
func absent(what, id string) *answer.Error {
	return answer.Absent("NotFound", "Requested Entity with '"+what+"' '"+id+"' is not found")
}

func (s *shipment) object(c *desk.Call) object {
	o, status := s.o, s.status()
	location := locationOf(c, o.Marketplace)
	attributes := object{"marketplaceId": o.Marketplace.ID, "channelName": channel, "merchantId": c.Seller.ID}
	priority := "LOW"
	if o.Express {
		attributes["customAttributes"], priority = []string{"FASTTRACK"}, "HIGH"
	}
	units := 0
	lines := []object{}
	for i := range o.Items {
		units += o.Items[i].Quantity
		lines = append(lines, s.line(i))
	}
	source := "INTERNAL_PLATFORM"
	if len(s.r.Packages) == 0 && (status == "SHIPPED" || status == "DELIVERED") {
		source = "EXTERNAL_PLATFORM" // somebody has shipped it elsewhere
	}
	payment := "PREPAID"
	if o.Payment == "COD" {
		payment = "CASH_ON_DELIVERY"
	}
	info := object{
		"shipmentType": "NEW", "numberOfUnits": units, "priority": priority, "buyerOrderId": o.ID, "orderStatesEligibleForRejection": rejectable,
		"orderPlacedTimestamp": strconv.FormatInt(o.Purchased.UnixMilli(), 10), "processingSource": source, "paymentMethod": payment,
	}
	if o.Replaces != "" {
		info["shipmentType"] = "REPLACEMENT"
		info["originalShipmentInfo"] = object{"id": shipmentID(o.Replaces), "locationId": location,
			"marketplaceAttributes": object{"marketplaceId": o.Marketplace.ID, "channelName": channel}}
	}
	invoice := object{"requirement": "REQUIRED", "status": "PENDING"}
	if !s.r.Invoiced.IsZero() {
		invoice["status"] = "AVAILABLE"
	}
	to := object{"postalCode": o.To.PostalCode, "city": o.To.City, "countryCode": o.To.Country} // what the model calls needed for taxes
	if o.To.State != "" {
		to["state"] = o.To.State
	}
	method := "SELF_SHIP"
	if shippingType(o.Marketplace) == byMarketplace {
		method = "ATS_STANDARD" // models/external-fulfillment, sandbox case
	}
	body := object{
		"id": shipmentID(o.ID), "locationId": location, "marketplaceAttributes": attributes, "shipmentInfo": info,
		"shipmentRequirements": object{"pSlip": object{"requirement": "NOT_REQUIRED", "status": "NOT_GENERATED"}, "invoice": invoice},
		"charges":              s.charges(), "status": status, "lineItems": lines,
		"shippingInfo": object{
			"recommendedShipMethod": method, "expectedShippingDateTimeInUTC": format.Timestamp(o.Purchased.Add(72 * time.Hour)), "shipToAddress": to,
			"shippingType": shippingType(o.Marketplace),
		},
		"creationDateTime": format.Timestamp(o.Payable), "lastUpdatedDateTime": format.Timestamp(s.updated()),
		"earliestPackDateTime": format.Timestamp(o.Payable.Add(packableAfter)),
	}
	if !s.r.Invoiced.IsZero() {
		body["invoiceInfo"] = object{"invoiceId": s.invoiceID(location), "creationDateTime": format.Timestamp(s.r.Invoiced)}
	}
	if sub := s.subStatus(); sub != "" {
		body["subStatus"] = sub
		if s.r.Reason != "" {
			body["reason"] = s.r.Reason
		}
	}
	if packages := s.packages(); len(packages) > 0 {
		body["packages"] = packages
	}
	return body
}

func (s *shipment) invoiceID(location string) string {
	return "IN-" + location + "-" + s.o.SellerOrderID[len("SO-"):]
}

// lineID is how shipments number their items.
func lineID(i int) string { return strconv.Itoa(i + 1) }

func (s *shipment) line(i int) object {
	it := &s.o.Items[i]
	line := object{
		"shipmentLineItemId": lineID(i), "merchantSku": it.SKU, "numberOfUnits": it.Quantity, "pieceType": "SINGLE", "hazmatLabels": []string{},
		"charges": lineCharges(s.o, i),
		"complianceAttributes": object{"hazmatLabelsRequirement": "DISALLOWED", "serialNumberRequirement": "DISALLOWED",
			"countryOfOriginRequirement": "DISALLOWED", "itemValueRequirement": "DISALLOWED"},
		"giftAttributes": object{"giftWrapRequirement": "DISALLOWED", "giftMessagePresence": "ABSENT"},
		"cancellations":  []object{},
	}
	if it.Gift != "" {
		line["giftAttributes"] = object{"giftWrapRequirement": "REQUIRED", "giftMessagePresence": "PRESENT",
			"giftMessage": object{"format": "PLAIN_TEXT", "content": base64.StdEncoding.EncodeToString([]byte(it.Gift))}}
	}
	if s.o.Status(s.now) == world.Canceled {
		kind := "MARKETPLACE_CANCELLED"
		if s.o.CancelledBy == "MERCHANT" {
			kind = "SELLER_REJECTED"
		}
		line["cancellations"] = []object{{"cancelledQuantity": it.Quantity, "cancelledTimestamp": format.Timestamp(s.o.Cancelled), "cancellationType": kind,
			"cancellationReason": s.o.CancelReason}}
	}
	return line
}

// packages are those that requests have made, or else what the order was shipped in.
func (s *shipment) packages() []object {
	list := []object{}
	ship := s.o.Status(s.now)
	for i := range s.r.Packages {
		p := &s.r.Packages[i]
		at := p.Stage
		if ship == world.Shipped {
			at = shipped
			if s.o.DeliveredBy(s.now) {
				at = delivered
			}
		}
		state := packageStates[at]
		if ship == world.Canceled {
			state = "CANCELLED"
		}
		entry := object{"id": p.ID, "status": state, "dimensions": dimensions(p.Sides, p.Unit), "weight": object{"value": p.Weight, "weightUnit": p.In},
			"hazmatLabels": append([]string{}, p.Hazmat...)}
		lines := []object{}
		for _, l := range p.Lines {
			line := object{"packageLineItemId": lineID(l.Item), "quantity": l.Quantity, "serialNumbers": append([]string{}, l.Serials...)}
			if l.Origin != "" {
				line["countryOfOrigin"] = l.Origin
			}
			if len(l.Value) == 2 {
				line["itemValue"] = object{"value": l.Value[0], "currencyCode": l.Value[1]}
			}
			lines = append(lines, line)
		}
		if entry["packageLineItems"] = lines; p.Handling != "" {
			entry["packageHandlingRequirements"] = p.Handling
		}
		list = append(list, entry)
	}
	if len(list) > 0 {
		return list
	}
	whole := s.o.NewEasyShip() // for its size
	for _, p := range s.o.ParcelsAt(s.now) {
		state := "SHIPPED"
		if s.o.DeliveredBy(s.now) {
			state = "DELIVERED"
		}
		lines := []object{}
		for i, n := range p.Quantities {
			if n > 0 {
				lines = append(lines, object{"packageLineItemId": lineID(i), "quantity": n, "serialNumbers": []string{}})
			}
		}
		var sides [3]string
		for i, mm := range whole.Millimeters {
			sides[i] = format.Number(float64(mm) / 10)
		}
		list = append(list, object{"id": p.Ref, "status": state, "dimensions": dimensions(sides, "CM"), "weight": object{"value": strconv.Itoa(whole.Grams),
			"weightUnit": "G"},
			"packageLineItems": lines, "hazmatLabels": []string{}})
	}
	return list
}

func dimensions(sides [3]string, unit string) object {
	side := func(v string) object { return object{"value": v, "dimensionUnit": unit} }
	return object{"length": side(sides[0]), "width": side(sides[1]), "height": side(sides[2])}
}

// charge is an amount with its tax and discount, in minor units.
type charge struct{ base, discount, tax int }

func (a charge) object(kind, currency, tax string) object {
	breakup := func(base, discount int) object {
		amount := func(units int) object {
			return object{"value": world.Money{Units: units, Currency: currency}.String(), "currencyCode": currency}
		}
		return object{"baseAmount": amount(base), "discountAmount": amount(discount), "netAmount": amount(base - discount)}
	}
	return object{
		"chargeType": kind, "baseCharge": breakup(a.base, a.discount), "totalCharge": breakup(a.base+a.tax, a.discount), "totalTax": object{"type": "TOTAL",
			"charge": breakup(a.tax, 0)},
		"taxBreakup": []object{{"type": tax, "charge": breakup(a.tax, 0)}},
	}
}

// taxName is what the tax on an order is called.
func taxName(o *world.Order) string {
	switch o.Marketplace.CountryCode {
	case "IN":
		return "IGST"
	case "US", "CA", "JP", "AU", "SG", "BR":
		return "OTHER"
	}
	return "VAT"
}

func lineCharges(o *world.Order, i int) []object {
	it := &o.Items[i]
	list := []object{charge{o.Net(it), it.Discount.Units, it.Tax.Units}.object("PRODUCT", o.Marketplace.Currency, taxName(o))}
	if it.Shipping.Units > 0 {
		list = append(list, charge{it.Shipping.Units, it.Free.Units, 0}.object("SHIPPING", o.Marketplace.Currency, taxName(o)))
	}
	return list
}

func (s *shipment) charges() []object {
	var total charge
	shipping, free := 0, 0
	for i := range s.o.Items {
		it := &s.o.Items[i]
		total.base, total.discount, total.tax = total.base+s.o.Net(it)+it.Shipping.Units, total.discount+it.Discount.Units, total.tax+it.Tax.Units
		shipping, free = shipping+it.Shipping.Units, free+it.Free.Units
	}
	total.discount += free
	currency, tax := s.o.Marketplace.Currency, taxName(s.o)
	return []object{total.object("TOTAL", currency, tax), charge{base: shipping, discount: free}.object("SHIPPING", currency, tax)}
}
