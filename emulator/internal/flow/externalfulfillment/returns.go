package externalfulfillment

import (
	"time"

	"github.com/openspapi/spapi/emulator/internal/answer"
	"github.com/openspapi/spapi/emulator/internal/desk"
	"github.com/openspapi/spapi/emulator/internal/format"
	"github.com/openspapi/spapi/emulator/internal/random"
	"github.com/openspapi/spapi/emulator/internal/world"
	"github.com/openspapi/spapi/marketplace"
)

// back is a return on its way.
type back struct {
	o   *world.Order
	i   int // of the order's returns
	now time.Time
}

func (b *back) in() *world.Return { return &b.o.Returns[b.i] }

// way are the states of a return by which part of the time from the buyer's wish to the goods' arrival has passed. Their order is that of the model's list,
// the times are assumed.
var way = []struct {
	percent int
	status  string
}{
	{0, "CREATED"}, {10, "CARRIER_NOTIFIED_TO_PICK_UP_FROM_CUSTOMER"}, {25, "CARRIER_OUT_FOR_PICK_UP_FROM_CUSTOMER"}, {40, "PICKED_FROM_CUSTOMER"}, {50,
		"IN_TRANSIT"},
	{90, "OUT_FOR_DELIVERY"}, {100, "DELIVERED"},
}

// after is when a part of the way has passed.
func (b *back) after(percent int) time.Time {
	r := b.in()
	return r.Asked.Add(r.At.Sub(r.Asked) * time.Duration(percent) / 100)
}

// state is how far the return is, and since when; "" when there is none yet, or the goods stay with the buyer.
func (b *back) state() (status string, since time.Time) {
	r := b.in()
	if r.At.IsZero() || r.Asked.After(b.now) {
		return "", time.Time{}
	}
	for _, step := range way {
		if at := b.after(step.percent); !at.After(b.now) {
			status, since = step.status, at
		}
	}
	// A day after the goods are there they are put away, several of them in two parts; assumed.
	for at, done := range map[time.Duration]string{12 * time.Hour: "PARTIALLY_PROCESSED", world.Day: "PROCESSED"} {
		if end := r.At.Add(at); !end.After(b.now) && end.After(since) && (done == "PROCESSED" || r.Quantity > 1) {
			status, since = done, end
		}
	}
	return status, since
}

// tracking is the number on the way back.
func (b *back) tracking(c *desk.Call) string {
	if t := b.in().Tracking; t != "" {
		return t
	}
	return c.Desk.Seed.Of("reverse tracking", c.Seller.Number, b.o.ID, b.in().ID).Text(random.Digits, 11)
}

func (b *back) object(c *desk.Call) object {
	o, r := b.o, b.in()
	status, since := b.state()
	location := locationOf(c, o.Marketplace)
	it := &o.Items[r.Item]
	shipping := object{}
	for _, p := range o.ParcelsAt(b.now) {
		if p.Quantities[r.Item] > 0 {
			shipping["forwardTrackingInfo"] = object{"carrierName": p.Carrier, "trackingId": p.Tracking}
		}
	}
	if !b.after(10).After(b.now) {
		shipping["reverseTrackingInfo"] = object{"carrierName": "ATS", "trackingId": b.tracking(c)}
	}
	if at := b.after(40); !at.After(b.now) {
		shipping["pickupDateTime"] = format.Timestamp(at)
	}
	if !r.At.After(b.now) {
		shipping["deliveryDateTime"] = format.Timestamp(r.At)
	}
	return object{
		"id": returnID(c, o.ID,
			r), "returnLocationId": location, "fulfillmentLocationId": location, "merchantSku": it.SKU, "returnType": "CUSTOMER", "returnSubType": "NORMAL",
		"numberOfUnits": r.Quantity, "status": status, "creationDateTime": format.Timestamp(r.Asked), "lastUpdatedDateTime": format.Timestamp(since),
		"returnMetadata":     object{"returnReason": r.Reason, "rmaId": r.RMA, "fulfillmentOrderId": o.ID},
		"returnShippingInfo": shipping,
		"marketplaceChannelDetails": object{
			"marketplaceChannel": object{"marketplaceName": marketName(o.Marketplace),
				"channelName": channel}, "merchantId": c.Seller.ID, "shipmentId": shipmentID(o.ID),
			"customerOrderId": o.ID, "returnLocationId": location, "channelSku": it.SKU,
		},
		"packageDeliveryMode": "WITHOUT_OTP",
	}
}

// marketName is as in models/external-fulfillment, sandbox cases: "AMAZON_US".
func marketName(m *marketplace.Marketplace) string { return "AMAZON_" + m.CountryCode }

// readableTimes refuses a time that is none in the words of models/external-fulfillment, sandbox case of lastUpdatedAfter; those of the others are assumed.
func readableTimes(c *desk.Call) *answer.Error {
	for _, name := range []string{"createdSince", "createdUntil", "lastUpdatedSince", "lastUpdatedUntil", "lastUpdatedAfter", "lastUpdatedBefore"} {
		if text := c.Query.Get(name); text != "" && len(c.Query[name]) == 1 && bound(text).IsZero() {
			return answer.Plain(400, "InvalidInput", string(name[0]-'a'+'A')+name[1:]+" value is an not a valid ISO date/time object.").Because(name + ": is no time")
		}
	}
	return nil
}

func listReturns(c *desk.Call) (answer.Reply, *answer.Error) {
	pg, problem := c.Page("nextToken")
	if problem != nil {
		return answer.Reply{}, answer.InvalidParameter("nextToken", problem.Error())
	}
	n := size(pg.Arg("maxResults"))
	if n == 0 {
		return answer.Reply{}, answer.InvalidParameter("maxResults", "is "+pg.Arg("maxResults")+", want 1 to 100")
	}
	updatedSince, updatedUntil := bound(pg.Arg("lastUpdatedSince")), bound(pg.Arg("lastUpdatedUntil"))
	if (!updatedSince.IsZero() || !updatedUntil.IsZero()) && (pg.Arg("returnLocationId") == "" || pg.Arg("status") == "") {
		return answer.Reply{}, answer.InvalidParameter("lastUpdatedSince", "needs returnLocationId and status") // the model's note
	}
	createdSince, createdUntil := bound(pg.Arg("createdSince")), bound(pg.Arg("createdUntil"))
	if createdSince.IsZero() {
		createdSince = bound(pg.Arg("lastUpdatedAfter")) // its deprecated name, by the model's note
	}
	if createdUntil.IsZero() {
		createdUntil = bound(pg.Arg("lastUpdatedBefore"))
	}
	var since time.Time
	for _, t := range []time.Time{createdSince, updatedSince} {
		if early := t.Add(-world.LifeSpan); !t.IsZero() && early.After(since) {
			since = early
		}
	}
	list := []object{}
	next := scan(c, since, pg.Start, pg.AsOf, func(o *world.Order) bool {
		if len(list) >= n {
			return false
		}
		if !world.Same(pg.Arg("returnLocationId"), locationOf(c, o.Marketplace)) {
			return true
		}
		for i := range o.Returns {
			b := &back{o, i, pg.AsOf}
			status, at := b.state()
			if r := b.in(); status != "" && world.Same(pg.Arg("status"), status) && world.Same(pg.Arg("rmaId"), r.RMA) &&
				world.Same(pg.Arg("reverseTrackingId"), b.tracking(c)) &&
				within(r.Asked, createdSince, createdUntil) && within(at, updatedSince, updatedUntil) {
				list = append(list, b.object(c))
			}
		}
		return true
	})
	body := object{"returns": list}
	if next > 0 {
		body["nextToken"] = c.Token(pg, next)
	}
	return answer.OK(body), nil
}

func getReturn(c *desk.Call) (answer.Reply, *answer.Error) {
	id := c.Path["returnId"]
	if !returnPattern().MatchString(id) { // models/external-fulfillment, sandbox case
		return answer.Reply{}, answer.Plain(400, "InvalidInput", "Invalid input '"+id+"' for parameter 'returnId'")
	}
	if o := c.Seller.World().OrderByID(orderOfReturn(c, id), c.Now); o != nil && taken(o) {
		for i := range o.Returns {
			b := &back{o, i, c.Now}
			if status, _ := b.state(); status != "" && returnID(c, o.ID, b.in()) == id {
				return answer.OK(b.object(c)), nil
			}
		}
	}
	return answer.Reply{}, absent("returnId", id)
}
