package externalfulfillment

import (
	"net/http"
	"slices"
	"strconv"
	"time"

	"github.com/openspapi/spapi/emulator/internal/answer"
	"github.com/openspapi/spapi/emulator/internal/carriers"
	"github.com/openspapi/spapi/emulator/internal/desk"
	"github.com/openspapi/spapi/emulator/internal/format"
	"github.com/openspapi/spapi/emulator/internal/handover"
	"github.com/openspapi/spapi/emulator/internal/world"
)

// rejectable are the states in which a seller may say no (models/external-fulfillment, sandbox case: orderStatesEligibleForRejection; CREATED is added, as
// the guides have it).
var rejectable = []string{"CREATED", "ACCEPTED", "CONFIRMED", "PACKAGE_CREATED", "PICKUP_SLOT_RETRIEVED"}

// change lets f change a shipment and its order, or refuse to; then all stays as it was.
func change(c *desk.Call, f func(s *shipment) *answer.Error) *answer.Error {
	found, err := find(c)
	if err != nil {
		return err
	}
	b := books.Of(c.Seller)
	b.mu.Lock()
	defer b.mu.Unlock()
	return c.ChangeOrder(found.o.ID, func(o *world.Order) *answer.Error {
		s := &shipment{o, b.of(o.ID), c.Now}
		if err := f(s); err != nil {
			return err
		}
		s.r.Updated = c.Now.UTC().Truncate(time.Second)
		b.records[o.ID] = &s.r
		return nil
	})
}

func done(err *answer.Error) (answer.Reply, *answer.Error) {
	if err != nil {
		return answer.Reply{}, err
	}
	return answer.Reply{Status: http.StatusNoContent}, nil
}

// wrongState refuses what can't be done to a shipment as it is (developer-docs.amazon.com/sp-api/docs: InvalidInput also stands for the wrong step).
func wrongState(s *shipment, want string) *answer.Error {
	return answer.InvalidParameter("shipmentId", "the shipment is "+s.status()+", want "+want)
}

// repeated refuses what has been done: the shipment is as far as the request would bring it. The text is the docs' for SC_00004; that it is about this is
// assumed.
func repeated(what, id string) *answer.Error {
	return answer.Plain(http.StatusConflict, "DuplicateRequest", "Requested operation is already in progress for '"+what+"' '"+id+"'")
}

// processShipment confirms a shipment, or rejects it: then the order is cancelled.
func processShipment(c *desk.Call) (answer.Reply, *answer.Error) {
	body, _ := c.Body.(map[string]any)
	return done(change(c, func(s *shipment) *answer.Error {
		reason, err := s.whole(format.List(body["lineItems"]))
		if err != nil {
			return err
		}
		status := s.status()
		if c.Query.Get("operation") == "CONFIRM" {
			switch status {
			case "CREATED", "ACCEPTED":
				s.r.Confirmed = c.Now.UTC().Truncate(time.Second)
				return nil
			case "CONFIRMED":
				return repeated("shipmentId", c.Path["shipmentId"])
			}
			return wrongState(s, "CREATED or ACCEPTED")
		}
		reference := format.Member(body, "referenceId")
		if reference == "" {
			return answer.MissingMember("referenceId", "required to reject")
		}
		for _, r := range books.Of(c.Seller).records {
			if r.Rejected == reference {
				return answer.Plain(http.StatusConflict, "DuplicateRequest", "Duplicate clientToken exists for 'referenceId' '"+reference+"'")
			}
		}
		if !slices.Contains(rejectable, status) || !s.o.Cancel("MERCHANT", reason, c.Now) {
			return wrongState(s, "one of orderStatesEligibleForRejection")
		}
		s.r.Rejected = reference
		return nil
	}))
}

// reasons are those of rejections, in words.
var reasons = map[string]string{"OUT_OF_STOCK": "Out of stock", "CUSTOMER_REQUESTED": "Requested by the customer"}

// whole wants that items that are named are all there are, whole: there is no partial answer (the model's note on cancellations).
func (s *shipment) whole(items []any) (reason string, _ *answer.Error) {
	reason = "Rejected by the seller"
	seen := map[int]bool{}
	for i, entry := range items {
		m, _ := entry.(map[string]any)
		at := "lineItems[" + strconv.Itoa(i) + "].lineItem"
		line, _ := m["lineItem"].(map[string]any)
		k, err := s.item(at+".id", format.Member(line, "id"))
		if err != nil {
			return "", err
		}
		if n, given := format.Whole(line["quantity"]); given && n != 0 && n != s.o.Items[k].Quantity {
			return "", answer.InvalidParameter(at+".quantity", "is not all of the item")
		}
		seen[k] = true
		if text := reasons[format.Member(m, "reason")]; text != "" {
			reason = text
		}
	}
	if len(items) > 0 && len(seen) < len(s.o.Items) {
		return "", answer.InvalidParameter("lineItems", "has not all items of the shipment")
	}
	return reason, nil
}

// item is the place of a line item.
func (s *shipment) item(at, id string) (int, *answer.Error) {
	for i := range s.o.Items {
		if lineID(i) == id {
			return i, nil
		}
	}
	return 0, answer.InvalidParameter(at, `"`+id+`" is not a line item of the shipment`)
}

// createPackages says in which packages all of a shipment is.
func createPackages(c *desk.Call) (answer.Reply, *answer.Error) {
	body, _ := c.Body.(map[string]any)
	return done(change(c, func(s *shipment) *answer.Error {
		switch status := s.status(); {
		case status == "PACKAGE_CREATED":
			return repeated("shipmentId", c.Path["shipmentId"])
		case status != "CONFIRMED":
			return wrongState(s, "CONFIRMED")
		case c.Now.Before(s.o.Payable.Add(packableAfter)):
			return answer.InvalidParameter("shipmentId", "earliestPackDateTime has not come")
		}
		for i, entry := range format.List(body["packages"]) {
			p, err := s.read("packages["+strconv.Itoa(i)+"].", entry)
			if err != nil {
				return err
			}
			if slices.ContainsFunc(s.r.Packages, func(other pack) bool { return other.ID == p.ID }) {
				return answer.InvalidParameter("packages["+strconv.Itoa(i)+"].id", `"`+p.ID+`" is another package's`)
			}
			s.r.Packages = append(s.r.Packages, p)
		}
		return s.packed()
	}))
}

// packed wants all units in a package, and none twice. Easy Ship takes an order in one.
func (s *shipment) packed() *answer.Error {
	if shippingType(s.o.Marketplace) == byMarketplace && len(s.r.Packages) > 1 {
		return answer.InvalidParameter("packages", "are several, and Easy Ship takes an order in one")
	}
	for i := range s.o.Items {
		n, want := 0, s.o.Items[i].Quantity-s.o.ShippedOf(i, s.now)
		for k := range s.r.Packages {
			for _, l := range s.r.Packages[k].Lines {
				if l.Item == i {
					n += l.Quantity
				}
			}
		}
		if n > want { // developer-docs.amazon.com/sp-api/docs, table of errors: SC_00002
			return answer.Plain(400, "InvalidInput", "Invalid input, 'quantity': '"+strconv.Itoa(n)+"' can't be higher than '"+strconv.Itoa(want)+"'")
		}
		if n < want {
			return answer.InvalidParameter("packages", "have "+strconv.Itoa(n)+" of "+strconv.Itoa(want)+" units of line item "+lineID(i))
		}
	}
	return nil
}

// lightest is the least that a package weighs, in grams (the model's note).
const lightest = 5

// read reads a package. Of the model's numbers, which are texts, it wants positive ones.
func (s *shipment) read(at string, v any) (pack, *answer.Error) {
	m, _ := v.(map[string]any)
	p := pack{ID: format.Member(m, "id"), Handling: format.Member(m, "packageHandlingRequirements")}
	if p.ID == "" {
		return p, answer.MissingMember(at+"id", "required")
	}
	sides, _ := m["dimensions"].(map[string]any)
	for i, side := range []string{"length", "width", "height"} {
		p.Sides[i], p.Unit = format.Member(sides[side], "value"), format.Member(sides[side], "dimensionUnit")
		if !(positive(p.Sides[i]) > 0) {
			return p, answer.InvalidParameter(at+"dimensions."+side+".value", "want a number above 0, as a text")
		}
	}
	p.Weight, p.In = format.Member(m["weight"], "value"), format.Member(m["weight"], "weightUnit")
	if !(positive(p.Weight)*weights[p.In] >= lightest) {
		return p, answer.InvalidParameter(at+"weight.value", "is below 5 grams")
	}
	p.Hazmat = texts(m["hazmatLabels"])
	for i, entry := range format.List(m["packageLineItems"]) {
		line, _ := entry.(map[string]any)
		where := at + "packageLineItems[" + strconv.Itoa(i) + "]."
		k, err := s.item(where+"packageLineItemId", format.Member(line, "packageLineItemId"))
		if err != nil {
			return p, err
		}
		n, _ := format.Whole(line["quantity"])
		if n < 1 {
			return p, answer.InvalidParameter(where+"quantity", "is below 1")
		}
		l := packLine{Item: k, Quantity: n, Serials: texts(line["serialNumbers"]), Origin: format.Member(line, "countryOfOrigin")}
		if value, given := line["itemValue"].(map[string]any); given {
			l.Value = []string{format.Member(value, "value"), format.Member(value, "currencyCode")}
		}
		p.Lines = append(p.Lines, l)
	}
	if len(p.Lines) == 0 {
		return p, answer.InvalidParameter(at+"packageLineItems", "has no elements")
	}
	return p, nil
}

// positive reads a decimal number; what is none is below 0.
func positive(text string) float64 {
	f, err := strconv.ParseFloat(text, 64)
	if err != nil {
		return -1
	}
	return f
}

func texts(v any) []string {
	var list []string
	for _, entry := range format.List(v) {
		if text, ok := entry.(string); ok {
			list = append(list, text)
		}
	}
	return list
}

// box finds a package of the shipment.
func (s *shipment) box(id string) (*pack, *answer.Error) {
	for i := range s.r.Packages {
		if s.r.Packages[i].ID == id {
			return &s.r.Packages[i], nil
		}
	}
	return nil, absent("packageId", id)
}

// updatePackage replaces a package, after which its shipping options have to be asked for again.
func updatePackage(c *desk.Call) (answer.Reply, *answer.Error) {
	return done(change(c, func(s *shipment) *answer.Error {
		p, err := s.box(c.Path["packageId"])
		if err != nil {
			return err
		}
		if !slices.Contains([]string{"PACKAGE_CREATED", "PICKUP_SLOT_RETRIEVED", "INVOICE_GENERATED"}, s.status()) {
			return wrongState(s, "PACKAGE_CREATED to INVOICE_GENERATED")
		}
		read, err := s.read("", c.Body)
		if err != nil {
			return err
		}
		if read.ID != p.ID {
			return answer.InvalidParameter("id", "is not the package of the path")
		}
		*p = read
		for i := range s.r.Packages {
			s.r.Packages[i].Stage = created
		}
		s.r.Invoiced = time.Time{}
		return s.packed()
	}))
}

// never is longer than any way.
const never = 3650 * world.Day

// updatePackageStatus tells that a package has left, and, of sellers' own carriers, what became of it.
func updatePackageStatus(c *desk.Call) (answer.Reply, *answer.Error) {
	body, _ := c.Body.(map[string]any)
	status, sub := format.Member(body, "status"), format.Member(body, "subStatus")
	if status == "" {
		status = c.Query.Get("status") // deprecated
	}
	if status == "" { // developer-docs.amazon.com/sp-api/docs, table of errors: SC_00002
		return answer.Reply{}, answer.Plain(400, "InvalidInput", "At least one field is mandatory in the input payload")
	}
	scheduled := ""
	err := change(c, func(s *shipment) *answer.Error {
		p, err := s.box(c.Path["packageId"])
		if err != nil {
			return err
		}
		if s.o.EasyShip != nil {
			scheduled = s.o.ID
		}
		state := s.status()
		gone := p.Stage >= shipped || state == "SHIPPED"
		self := shippingType(s.o.Marketplace) == bySeller
		s.r.Reason = format.Member(body, "reason")
		now := c.Now.UTC().Truncate(time.Second)
		switch {
		case state == "DELIVERED" || state == "CANCELLED":
			return wrongState(s, "SHIPLABEL_GENERATED or SHIPPED")
		case status == "SHIPPED" && sub == "" && gone:
			return repeated("packageId", p.ID)
		case status == "SHIPPED" && sub == "":
			return s.ship(c, p)
		case !gone:
			return wrongState(s, "SHIPPED")
		case !self:
			return answer.InvalidParameter("status", "is told by the carrier")
		case status == "SHIPPED" && sub == "OUT_FOR_DELIVERY":
			p.Sub = sub
		case status == "SHIPPED" && sub == "NOT_DELIVERED": // it is tried again the next day
			p.Sub = sub
			s.o.Transit = max(s.o.Transit, now.Add(world.Day).Sub(s.o.Shipped))
		case status == "SHIPPED" && sub == "UNDELIVERABLE":
			p.Sub, s.o.Transit = sub, never
		case status == "DELIVERED" && (sub == "" || sub == "DELIVERED"):
			p.Stage, p.Sub = delivered, "DELIVERED"
			if s.o.Status(now) == world.Shipped && s.least() == delivered {
				s.o.Transit = now.Sub(s.o.Shipped)
			}
		default:
			return answer.InvalidParameter("status", "is "+status+" with sub-status "+strconv.Quote(sub))
		}
		s.o.Changed = now
		return nil
	})
	if err == nil && scheduled != "" {
		handover.Follow(c, scheduled) // it has left before its slot
	}
	return done(err)
}

// ship sends a package on its way: its part of the order is shipped.
func (s *shipment) ship(c *desk.Call, p *pack) *answer.Error {
	if p.Stage != labelled {
		return wrongState(s, "SHIPLABEL_GENERATED")
	}
	if e := s.o.EasyShipAt(c.Now); e != nil && shippingType(s.o.Marketplace) == byMarketplace {
		e.Handed = c.Now
		s.o.HandOver(*e, c.Now)
	} else {
		parcel := world.Parcel{Ref: p.ID, Carrier: p.Carrier, Tracking: p.Tracking, Quantities: make([]int, len(s.o.Items))}
		for _, l := range p.Lines {
			parcel.Quantities[l.Item] += l.Quantity
		}
		if err := s.o.Ship(parcel, c.Now); err != nil {
			return answer.InvalidParameter("packageId", err.Error())
		}
	}
	p.Stage, p.Shipped = shipped, c.Now.UTC().Truncate(time.Second)
	return nil
}

// options are the ways in which a package can be sent. Easy Ship's are its slots.
func (s *shipment) options(c *desk.Call, p *pack) []object {
	if shippingType(s.o.Marketplace) == bySeller {
		return []object{{"shippingOptionId": "SELF_" + p.ID, "shipBy": "SELLER"}, {"shippingOptionId": "CARRIER_" + p.ID, "shipBy": "THIRD_PARTY_CARRIER"}}
	}
	list := []object{}
	for _, slot := range handover.Slots(c, s.o, p.millimeters(), p.grams()) {
		window := object{"startTime": slot.Start.Unix(), "endTime": slot.End.Unix(), "handoverMethod": "PICKUP"}
		option := object{"shippingOptionId": slot.ID, "shipBy": "MARKETPLACE", "carrierName": "ATS", "timeSlot": window}
		if slot.DropOff {
			window["handoverMethod"] = "DROPOFF"
			option["handoverLocation"] = s.dropOff()
		} else {
			option["pickupWindow"] = object{"startTime": slot.Start.Unix(), "endTime": slot.End.Unix()}
		}
		list = append(list, option)
	}
	return list
}

// dropOff is where Easy Ship takes packages.
func (s *shipment) dropOff() object {
	return object{"address": object{"name": "Amazon", "postalCode": s.o.To.PostalCode, "city": s.o.To.City, "countryCode": s.o.Marketplace.CountryCode},
		"distance": object{"value": "3.5", "distanceUnit": "KM"}}
}

// The sizes of units in millimeters and grams.
var (
	lengths = map[string]float64{"CM": 10, "M": 1000, "IN": carriers.Inch}
	weights = map[string]float64{"G": 1, "KG": 1000, "LB": carriers.Pound, "OZ": carriers.Ounce}
)

func (p *pack) millimeters() (sides [3]int) {
	for i, side := range p.Sides {
		sides[i] = int(min(positive(side)*lengths[p.Unit], 1e4))
	}
	return sides
}

func (p *pack) grams() int { return max(int(min(positive(p.Weight)*weights[p.In], 1e7)), 11) }

// retrieveShippingOptions lists the ways, and notes that the seller knows them.
func retrieveShippingOptions(c *desk.Call) (answer.Reply, *answer.Error) {
	var list []object
	err := change(c, func(s *shipment) *answer.Error {
		p, err := s.box(c.Query.Get("packageId"))
		if err != nil {
			return err
		}
		if state := s.status(); p.Stage > invoiced || state == "SHIPPED" || state == "DELIVERED" || state == "CANCELLED" {
			return wrongState(s, "PACKAGE_CREATED to INVOICE_GENERATED")
		}
		list = s.options(c, p)
		p.Stage = max(p.Stage, optionsRetrieved)
		return nil
	})
	if err != nil {
		return answer.Reply{}, err
	}
	body := object{"shippingOptions": list}
	if len(list) > 0 {
		body["recommendedShippingOption"] = list[0]
	}
	return answer.OK(body), nil
}
