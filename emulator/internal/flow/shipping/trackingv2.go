package shipping

import (
	"net/http"
	"slices"
	"time"

	"github.com/openspapi/spapi/emulator/internal/answer"
	"github.com/openspapi/spapi/emulator/internal/carriers"
	"github.com/openspapi/spapi/emulator/internal/desk"
	"github.com/openspapi/spapi/emulator/internal/format"
	"github.com/openspapi/spapi/emulator/internal/world"
)

// parcel finds a package by its tracking number; nil when there is none, or not yet. The caller holds the office's lock.
func (f *office) parcel(c *desk.Call, tracking string) (*shipment, *sentParcel) {
	s := f.tracked[tracking]
	if s == nil || s.Bought.After(c.Now) {
		return nil, nil
	}
	i := slices.IndexFunc(s.Packages, func(p sentParcel) bool { return p.Tracking == tracking })
	return s, &s.Packages[i]
}

// status is that of a package at t.
func (p *sentParcel) status(t time.Time) string {
	events := p.Way.Events(t)
	return events[len(events)-1].Status
}

// notTracked is about a number that no package has. v1's words for what there isn't (selling-partner-api-models, sandbox case of v1); that v2 has them too is
// assumed.
func notTracked(tracking string) *answer.Error {
	return answer.NotFound("The requested resource doesn't exist.").Because("trackingId: no package " + tracking)
}

// getTracking tells how far a package is.
func getTracking(c *desk.Call) (answer.Reply, *answer.Error) {
	f := open(c)
	defer f.mu.Unlock()
	tracking := c.Query.Get("trackingId")
	s, p := f.parcel(c, tracking)
	if s == nil || s.service().CarrierID != c.Query.Get("carrierId") {
		return answer.Reply{}, notTracked(tracking)
	}
	from, to := s.Request.ShipFrom, s.Request.ShipTo
	if s.OrderID != "" {
		o := c.Seller.World().OrderByID(s.OrderID, c.Now)
		to = &address{City: o.To.City, StateOrRegion: o.To.State, PostalCode: o.To.PostalCode, CountryCode: o.To.Country}
	}
	location := func(a *address) object {
		return object{"city": a.City, "stateOrRegion": a.StateOrRegion, "postalCode": a.PostalCode, "countryCode": a.CountryCode}
	}
	list, forward, returns, back := []object{}, []string{}, []string{}, ""
	var last carriers.Event
	for _, last = range p.Way.Events(c.Now) {
		e := object{"eventCode": last.Code, "eventTime": format.Timestamp(last.At), "location": location(from), "shipmentType": "FORWARD"}
		if last.There {
			e["location"] = location(to)
		}
		if last.Code == "ReturnInitiated" {
			e["shipmentType"], back = "RETURNS", "R"+tracking
		}
		list = append(list, e)
	}
	if last.Detail != "" {
		forward = append(forward, last.Detail)
	}
	return answer.Payload(object{"trackingId": tracking, "alternateLegTrackingId": back, "eventHistory": list,
		"promisedDeliveryDate": format.Timestamp(s.Latest),
		"summary":              object{"status": last.Status, "trackingDetailCodes": object{"forward": forward, "returns": returns}}}), nil
}

// The days within which a delivery can be put off, and when there is another attempt of itself; assumed.
const (
	mostDelay    = 14 * world.Day
	anotherDay   = world.Day
	undelivered  = 100 * 365 * world.Day // until an order arrives that goes back
	deliveryHour = 12 * time.Hour
)

// submitNdrFeedback tells the carrier what to do with a parcel that it couldn't deliver.
func submitNdrFeedback(c *desk.Call) (answer.Reply, *answer.Error) {
	var body struct {
		TrackingID, NdrAction string
		NdrRequestData        struct{ RescheduleDate string }
	}
	if err := format.Read(c.Body, &body); err != nil {
		return answer.Reply{}, invalid(err.Error())
	}
	f := open(c)
	defer f.mu.Unlock()
	s, p := f.parcel(c, body.TrackingID)
	if s == nil {
		return answer.Reply{}, notTracked(body.TrackingID)
	}
	if status := p.status(c.Now); status != "DeliveryAttempted" || !p.Way.Again.IsZero() {
		return answer.Reply{}, invalid("trackingId: the parcel is " + status + ", and nobody waits for an answer")
	}
	now := c.Now.UTC().Truncate(time.Second)
	way := p.Way
	arrives := now.Add(anotherDay)
	switch body.NdrAction {
	case "RESCHEDULE":
		day, _ := format.ParseTime(body.NdrRequestData.RescheduleDate)
		if !day.After(now) || day.After(now.Add(mostDelay)) {
			return answer.Reply{}, invalid("ndrRequestData.rescheduleDate: want a day of the next two weeks")
		}
		arrives = format.Latest(day.Truncate(world.Day).Add(deliveryHour), arrives)
		way.Again, way.Ends = now, arrives
	case "REATTEMPT":
		way.Again, way.Ends = now, arrives
	case "RTO":
		way.Returning = now
		arrives = now.Add(undelivered)
	}
	if s.OrderID != "" {
		if err := c.ChangeOrder(s.OrderID, func(o *world.Order) *answer.Error {
			o.Arrives(arrives)
			if body.NdrAction == "RTO" { // nobody sends back what never came
				o.Returns = slices.DeleteFunc(slices.Clone(o.Returns), func(r world.Return) bool { return r.At.After(now) })
			}
			return nil
		}); err != nil {
			return answer.Reply{}, err
		}
	}
	p.Way = way
	return answer.Reply{Status: http.StatusNoContent}, nil
}

// claim is one that was made for a package, as it is saved.
type claim struct {
	ID       string      `json:"id"`
	Tracking string      `json:"tracking"`
	Reason   string      `json:"reason"`
	Made     time.Time   `json:"made"`
	Due      time.Time   `json:"due"`    // when it is paid
	Amount   world.Money `json:"amount"` // 0: nothing, for a certificate
	Paid     bool        `json:"paid"`
}

// settlement is how long a claim takes until it is paid; assumed.
const settlement = 5 * world.Day

// createClaim claims what a lost or damaged parcel was worth: up to what it was insured for.
func createClaim(c *desk.Call) (answer.Reply, *answer.Error) {
	var body struct {
		TrackingID, ClaimReason, SettlementType string
		DeclaredValue                           *currency
	}
	if err := format.Read(c.Body, &body); err != nil {
		return answer.Reply{}, invalid(err.Error())
	}
	if v := body.DeclaredValue; v != nil && !carriers.Insurable(format.Float(v.Value)) {
		return answer.Reply{}, invalid("declaredValue: is below 0, or more than anything is worth")
	}
	f := open(c)
	defer f.mu.Unlock()
	s, p := f.parcel(c, body.TrackingID)
	if s == nil {
		return answer.Reply{}, notTracked(body.TrackingID)
	}
	// What is lost can't be damaged, and what has arrived isn't lost; assumed.
	want := "Delivered"
	if body.ClaimReason == "LOST_IN_TRANSIT" {
		want = "Lost"
	}
	if status := p.status(c.Now); status != want {
		return answer.Reply{}, invalid("claimReason: is " + body.ClaimReason + ", but the parcel is " + status)
	}
	if slices.ContainsFunc(f.claims, func(cl *claim) bool { return cl.Tracking == body.TrackingID }) {
		return answer.Reply{}, invalid("trackingId: there is a claim already")
	}
	now := c.Now.UTC().Truncate(time.Second)
	made := &claim{ID: c.Desk.Seed.Of("claim", body.TrackingID).UUID(), Tracking: body.TrackingID, Reason: body.ClaimReason, Made: now,
		Due: now.Add(settlement)}
	made.Amount.Currency = s.Cost.Currency
	if body.SettlementType != "CERTIFICATE_OF_FACT" {
		i := slices.IndexFunc(s.Packages, func(o sentParcel) bool { return o.Tracking == p.Tracking })
		value := format.Float(s.Request.Packages[i].InsuredValue.Value)
		if body.DeclaredValue != nil {
			value = min(value, format.Float(body.DeclaredValue.Value))
		}
		made.Amount = world.MoneyOf(value, made.Amount.Currency)
	}
	f.claims = append(f.claims, made)
	return answer.Reply{Status: http.StatusCreated, Body: object{"claimId": made.ID}}, nil
}
