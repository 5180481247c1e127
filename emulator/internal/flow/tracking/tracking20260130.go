// Package tracking answers where shipments are, of all sellers: the operation is a grantless one. Of the identifiers that it takes the emulator knows
// two: the tracking numbers of parcels, and of orders that Amazon fulfils their AFTN, which is made of the order's digits (what else it might be isn't known).
// Freight, which the others are for, it has none.
package tracking

import (
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/openspapi/spapi/emulator/internal/answer"
	"github.com/openspapi/spapi/emulator/internal/desk"
	"github.com/openspapi/spapi/emulator/internal/format"
	"github.com/openspapi/spapi/emulator/internal/random"
	"github.com/openspapi/spapi/emulator/internal/world"
)

type object = format.Object

// V20260130 is the API of version 2026-01-30.
var V20260130 = desk.Flow{Handlers: map[string]desk.Handler{"tracking20260130.getShipmentTracking": getShipmentTracking}}

const (
	trackingNumber = "carrierTracking.trackingNumber"
	carrierCode    = "carrierTracking.carrierCode"
)

// identifiers are the parameters of which a request has one.
var identifiers = []string{"id", "acsin", "aftn", "containerNumber", "houseBillOfLadingNumber", trackingNumber}

func getShipmentTracking(c *desk.Call) (answer.Reply, *answer.Error) {
	given := slices.DeleteFunc(slices.Clone(identifiers), func(name string) bool { return c.Query.Get(name) == "" })
	switch {
	case len(given) > 1: // models/tracking-api-model, sandbox case
		return answer.Reply{}, answer.Plain(400, "MULTIPLE_TRACKING_IDS_NOT_ALLOWED",
			"Only one tracking ID type is allowed per request. Please provide a single ID per request.")
	case len(given) == 0:
		return answer.Reply{}, answer.InvalidParameter("id", "one of "+strings.Join(identifiers, ", ")+" is required")
	case c.Query.Get(carrierCode) != "" && given[0] != trackingNumber:
		return answer.Reply{}, answer.InvalidParameter(carrierCode, "is for "+trackingNumber)
	}
	name, value := given[0], c.Query.Get(given[0])
	identifier := object{name: value} // the form that was asked with, and no other
	var s *shipment
	switch name {
	case trackingNumber:
		tracking := object{"trackingNumber": value}
		if code := c.Query.Get(carrierCode); code != "" {
			tracking["carrierCode"] = code
		}
		identifier = object{"carrierTracking": tracking}
		s = byCarrier(c, value, c.Query.Get(carrierCode))
	case "aftn":
		s = byAFTN(c, strings.TrimPrefix(value, "AFTN"))
	}
	if s == nil { // code and wording are assumed
		return answer.Reply{}, answer.Absent("NOT_FOUND", "No shipment was found for the tracking ID.")
	}
	return answer.OK(object{"trackingDetail": s.detail(identifier, value)}), nil
}

// detail is what is told of a shipment that was asked for by an identifier, of that value.
func (s *shipment) detail(identifier object, value string) object {
	history := []object{}
	for _, m := range slices.Backward(s.milestones) {
		history = append(history, m.object())
	}
	detail := object{
		"identifier": identifier, "latestMilestone": history[0], "milestoneHistory": history,
		"trackingUrl": "https://www.swiship.com/track?id=" + url.QueryEscape(value), // models/tracking-api-model, example
	}
	if !s.expected.IsZero() {
		at := format.Timestamp(s.expected)
		detail["trackingEstimates"] = []object{{"type": "ESTIMATED_DELIVERY_DATE", "estimatedInterval": object{"startTime": at, "endTime": at},
			"lastUpdatedTime": format.Timestamp(s.estimated)}}
	}
	return detail
}

// shipment is what has become of one, the oldest first.
type shipment struct {
	milestones []milestone
	expected   time.Time // at the buyer's; zero while that isn't known
	estimated  time.Time // when that was said
}

// milestone is one of a shipment's.
type milestone struct {
	code, sub string
	at        time.Time
	where     world.Address // of which the town is told; without one nothing is
}

// descriptions are those of the codes (models/tracking-api-model, example; those below the line are assumed).
var descriptions = map[string]string{
	"ORDER_PREPARING": "Order is preparing to ship", "CARRIER_ASSIGNED": "Carrier was assigned", "SHIPPED": "Shipment has departed origin",
	"OUT_FOR_DELIVERY": "Shipment is out for delivery", "DELIVERED": "Shipment delivered", "DELIVERED PORCH": "Shipment delivered to porch",

	"ORDER_CANCELLED": "Order was cancelled", "LOST": "Shipment was lost", "DAMAGED": "Shipment was damaged", "UNDELIVERABLE": "Shipment can't be delivered",
	"RECIPIENT_REFUSED_DELIVERY": "Recipient refused the delivery", "RETURNED": "Shipment was returned",
}

func (m *milestone) object() object {
	status := object{"code": m.code, "description": descriptions[m.code]}
	if m.sub != "" {
		status["subCode"] = m.sub
		if text := descriptions[m.code+" "+m.sub]; text != "" {
			status["description"] = text
		}
	}
	body := object{"status": status, "occurredAt": format.Timestamp(m.at)}
	if m.where.City != "" {
		address := object{"city": m.where.City, "countryCode": m.where.Country}
		if m.where.State != "" {
			address["region"] = m.where.State
		}
		body["location"] = object{"address": address}
	}
	return body
}

// reach notes what has happened by now.
func (s *shipment) reach(now time.Time, m milestone) {
	if !m.at.IsZero() && !m.at.After(now) {
		s.milestones = append(s.milestones, m)
	}
}

// byCarrier is the parcel with a tracking number, if it is that carrier's.
func byCarrier(c *desk.Call, number, carrier string) *shipment {
	for _, a := range c.Desk.AllSellers() {
		o := a.World().OrderByTracking(number, c.Now)
		if o == nil {
			continue
		}
		for _, p := range o.ParcelsAt(c.Now) {
			if p.Tracking == number && (carrier == "" || strings.EqualFold(p.Carrier, carrier)) {
				return follow(c.Desk, o, p.At, c.Now)
			}
		}
	}
	return nil
}

// byAFTN is an order that Amazon fulfils by its digits, or in the sandbox one of its six.
func byAFTN(c *desk.Call, digits string) *shipment {
	if s := sandboxed(digits); c.Sandbox && s != nil {
		return s
	}
	n, err := strconv.ParseUint(digits, 10, 64)
	if err != nil || len(digits) != 17 {
		return nil
	}
	var o *world.Order
	for _, a := range c.Desk.AllSellers() {
		if o = a.World().OrderByID(world.OrderIDOf(n), c.Now); o != nil {
			break
		}
	}
	if o == nil || !o.Amazon || o.Status(c.Now) == world.Pending {
		return nil
	}
	return ofOrder(c.Desk, o, c.Now)
}

// ofOrder is the shipment of an order that Amazon fulfils, by a time.
func ofOrder(d *desk.Desk, o *world.Order, now time.Time) *shipment {
	if o.Status(now) != world.Canceled {
		return follow(d, o, o.Shipped, now)
	}
	s := &shipment{milestones: []milestone{{code: "ORDER_PREPARING", at: o.Payable}}}
	if o.Cancelled.Before(o.Payable) {
		s.milestones = nil
	}
	sub := map[string]string{"MERCHANT": "SELLER_REQUEST", "BUYER": "CUSTOMER_REQUEST"}[o.CancelledBy]
	s.reach(now, milestone{code: "ORDER_CANCELLED", sub: sub, at: o.Cancelled})
	return s
}

// assignedBefore is how long before it leaves a shipment has its carrier; assumed.
const assignedBefore = 2 * time.Hour

// follow goes with a shipment that leaves, or will leave, at a time: as far along the way as orders and their packages show it, too.
func follow(d *desk.Desk, o *world.Order, leaves, now time.Time) *shipment {
	s := &shipment{}
	s.reach(now, milestone{code: "ORDER_PREPARING", at: o.Payable})
	if leaves.IsZero() {
		return s
	}
	before := min(assignedBefore, max(leaves.Sub(o.Payable)/2, 0))
	s.reach(now, milestone{code: "CARRIER_ASSIGNED", at: leaves.Add(-before)})
	s.reach(now, milestone{code: "SHIPPED", at: leaves})
	if !leaves.After(now) {
		s.expected, s.estimated = leaves.Add(o.Transit), leaves
	}
	late, there := leaves.Add(o.Transit*3/4), leaves.Add(o.Transit)
	last := milestone{code: "DELIVERED", at: there, where: o.To}
	if r := d.Seed.Of("doorstep", o.ID); r.Chance(2) {
		last.sub = random.Pick(r, []string{"PORCH", "MAIL_ROOM", "RECEPTION"})
	}
	if o.EasyShip != nil {
		switch o.EasyShip.End {
		case world.EasyShipLost:
			s.reach(now, milestone{code: "LOST", at: late})
			return s
		case world.EasyShipDamaged:
			s.reach(now, milestone{code: "DAMAGED", at: late})
			return s
		case world.EasyShipRejected:
			last = milestone{code: "RECIPIENT_REFUSED_DELIVERY", at: there, where: o.To}
		case world.EasyShipUndeliverable:
			last = milestone{code: "UNDELIVERABLE", at: there, where: o.To}
		}
	}
	s.reach(now, milestone{code: "OUT_FOR_DELIVERY", at: late, where: o.To})
	s.reach(now, last)
	if last.code != "DELIVERED" {
		s.reach(now, milestone{code: "RETURNED", at: leaves.Add(2 * o.Transit)})
	}
	return s
}

// sandboxed is one of the six shipments of Amazon's sandbox, each a stage further: AFTN1111111111 to AFTN6666666666
// (models/tracking-api-model, sandbox cases); nil for anything else.
func sandboxed(digits string) *shipment {
	if len(digits) != 10 || digits != strings.Repeat(digits[:1], 10) {
		return nil
	}
	n := strings.Index("123456", digits[:1])
	if n < 0 {
		return nil
	}
	at := func(day, hour, minute, second int) time.Time {
		return time.Date(2026, 6, day, hour, minute, second, 0, time.UTC)
	}
	way := []milestone{
		{code: "ORDER_PREPARING", at: at(12, 19, 43, 40)}, {code: "CARRIER_ASSIGNED", at: at(13, 4, 41, 37)}, {code: "SHIPPED", at: at(13, 5, 21, 43)},
		{code: "OUT_FOR_DELIVERY", at: at(13, 16, 20, 51), where: world.Address{City: "Buda", State: "Texas", Country: "US"}},
		{code: "DELIVERED", sub: "PORCH", at: at(14, 1, 26, 56), where: world.Address{City: "Austin", State: "Texas", Country: "US"}},
	}
	if n == 5 {
		return &shipment{milestones: []milestone{way[0], {code: "ORDER_CANCELLED", sub: "SELLER_REQUEST", at: at(13, 4, 41, 37)}}}
	}
	s := &shipment{milestones: way[:n+1]}
	if n >= 2 {
		s.expected, s.estimated = at(14, 3, 0, 0), way[2].at
	}
	return s
}
