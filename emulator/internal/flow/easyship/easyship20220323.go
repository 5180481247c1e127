// Package easyship answers for Easy Ship: merchants' orders that Amazon's own carrier takes to the buyer.
package easyship

import (
	_ "embed"
	"encoding/json"
	"errors"
	"math"
	"strconv"
	"sync"
	"time"

	"github.com/openspapi/spapi/emulator/internal/answer"
	"github.com/openspapi/spapi/emulator/internal/desk"
	"github.com/openspapi/spapi/emulator/internal/format"
	"github.com/openspapi/spapi/emulator/internal/handover"
	"github.com/openspapi/spapi/emulator/internal/table"
	"github.com/openspapi/spapi/emulator/internal/world"
	"github.com/openspapi/spapi/marketplace"
)

type object = format.Object

// V20220323 is the API of version 2022-03-23.
var V20220323 = desk.Flow{Handlers: map[string]desk.Handler{
	"easyship20220323.listHandoverSlots":          listHandoverSlots,
	"easyship20220323.getScheduledPackage":        getScheduledPackage,
	"easyship20220323.createScheduledPackage":     createScheduledPackage,
	"easyship20220323.updateScheduledPackages":    updateScheduledPackages,
	"easyship20220323.createScheduledPackageBulk": createScheduledPackageBulk,
}}

//go:embed errors.csv
var errorTable string

var refusals = sync.OnceValue(func() map[string]*answer.Error {
	list := map[string]*answer.Error{}
	for _, r := range table.Read("errors.csv", errorTable) {
		list[r[0]] = answer.Plain(format.Atoi(r[1]), r[0], r[2])
	}
	return list
})

// refuse is the error of a code; why goes to the log.
func refuse(code, why string) *answer.Error { return refusals()[code].Because(code + ": " + why) }

// How orders are scheduled in a marketplace: one by one for a slot that the seller chooses, or many at once (selling-partner-api-models#5342,
// #5189). Where else Easy Ship is, the emulator has no orders of it.
const (
	single = "single"
	bulk   = "bulk"
)

var scheduling = map[string]string{"IN": single, "PL": bulk, "NL": bulk}

// market is the marketplace that a request names, which must be one for the way of scheduling; "" stands for either.
func market(c *desk.Call, id, way string) (*marketplace.Marketplace, *answer.Error) {
	for i := range c.Seller.Marketplaces {
		m := &c.Seller.Marketplaces[i]
		if m.ID != id {
			continue
		}
		switch has := scheduling[m.CountryCode]; {
		case has == "" || way == single && has != single:
			return nil, refuse("RegionNotSupported", "marketplaceId: scheduling in "+m.Name+" is "+strconv.Quote(has))
		case way == bulk && has != bulk:
			// In India it was InvalidInput, about the operation (selling-partner-api-models#5189 on #4263); the wording is assumed.
			return nil, answer.Plain(400, "InvalidInput", "The operation is not supported for the current marketplace.")
		}
		return m, nil
	}
	if _, known := marketplace.ByID(id); known {
		return c.MarketplaceOf("marketplaceId", id) // which refuses it
	}
	if way == bulk {
		return nil, refuse("InvalidInput", `marketplaceId: "`+id+`" is not a marketplace id`) // the model's sandbox case
	}
	return nil, refuse("ResourceNotFound", `marketplaceId: "`+id+`" is not a marketplace id`)
}

// asked is the order that a request is about, in a marketplace where it can be scheduled this way.
func asked(c *desk.Call, marketplaceID, way, id string) (*world.Order, *answer.Error) {
	m, err := market(c, marketplaceID, way)
	if err != nil {
		return nil, err
	}
	return find(c, m, id)
}

// find finds an order in a marketplace. One that Amazon fulfils, or that the buyer picks up, is none for Easy Ship.
func find(c *desk.Call, m *marketplace.Marketplace, id string) (*world.Order, *answer.Error) {
	o := c.Seller.World().OrderByID(id, c.Now)
	switch {
	case o == nil || o.Marketplace.ID != m.ID:
		return nil, refuse("ResourceNotFound", `amazonOrderId: the seller has no order "`+id+`" in `+m.Name)
	case o.Amazon || o.Store != "":
		return nil, refuse("InvalidOrderState", "amazonOrderId: the order is not one of Easy Ship")
	}
	return o, nil
}

// toHand refuses an order that has left, is cancelled, or isn't paid.
func toHand(o *world.Order, now time.Time) *answer.Error {
	if status := o.Status(now); status != world.Unshipped {
		return refuse("InvalidOrderState", "amazonOrderId: the order is "+status)
	}
	return nil
}

func listHandoverSlots(c *desk.Call) (answer.Reply, *answer.Error) {
	body, err := bodyOf(c, "amazonOrderId")
	if err != nil {
		return answer.Reply{}, err
	}
	o, err := asked(c, format.Member(body, "marketplaceId"), single, format.Member(body, "amazonOrderId"))
	if err != nil {
		return answer.Reply{}, err
	}
	if err := toHand(o, c.Now); err != nil {
		return answer.Reply{}, err
	}
	dimensions, _ := body["packageDimensions"].(map[string]any)
	weight, _ := body["packageWeight"].(map[string]any)
	var millimeters [3]int
	for i, side := range []string{"length", "width", "height"} {
		n, given := number(dimensions[side])
		if !given {
			return answer.Reply{}, answer.MissingMember("packageDimensions."+side, "required") // the model's note; its schema leaves them optional
		}
		millimeters[i] = int(math.Round(min(n*10, 1e5)))
	}
	grams, given := number(weight["value"])
	if !given {
		return answer.Reply{}, answer.MissingMember("packageWeight.value", "required")
	}
	list := []object{}
	for _, s := range handover.Slots(c, o, millimeters, int(math.Ceil(min(grams, 1e9)))) {
		list = append(list, slotObject(world.EasyShipSlot{ID: s.ID, DropOff: s.DropOff, Start: s.Start, End: s.End}, o.Marketplace))
	}
	if len(list) == 0 {
		return answer.Reply{}, refuse("TimeSlotNotAvailable", "the package is too large, or the order's latest day is over")
	}
	return answer.OK(object{"amazonOrderId": o.ID, "timeSlots": list}), nil
}

// bodyOf is the body of a request, of which the model requires none though nothing can be done without.
func bodyOf(c *desk.Call, member string) (map[string]any, *answer.Error) {
	body, _ := c.Body.(map[string]any)
	if body == nil {
		return nil, answer.MissingMember(member, "required; the request has no body")
	}
	return body, nil
}

// number reads a number, which may come as a text.
func number(v any) (float64, bool) {
	switch v := v.(type) {
	case json.Number:
		f, err := v.Float64()
		return f, err == nil
	case string:
		f, err := strconv.ParseFloat(v, 64)
		return f, err == nil
	}
	return 0, false
}

func getScheduledPackage(c *desk.Call) (answer.Reply, *answer.Error) {
	o, err := asked(c, c.Query.Get("marketplaceId"), "", c.Query.Get("amazonOrderId"))
	if err != nil {
		return answer.Reply{}, err
	}
	p := o.EasyShipAt(c.Now)
	if p == nil {
		return answer.Reply{}, refuse("ResourceNotFound", "amazonOrderId: the order has not been scheduled")
	}
	return answer.OK(packageObject(o, p, c.Now)), nil
}

func createScheduledPackage(c *desk.Call) (answer.Reply, *answer.Error) {
	body, err := bodyOf(c, "amazonOrderId")
	if err != nil {
		return answer.Reply{}, err
	}
	o, err := asked(c, format.Member(body, "marketplaceId"), single, format.Member(body, "amazonOrderId"))
	if err != nil {
		return answer.Reply{}, err
	}
	details, _ := body["packageDetails"].(map[string]any)
	slotID := format.Member(details["packageTimeSlot"], "slotId")
	var made *world.EasyShip
	err = c.ChangeOrder(o.ID, func(o *world.Order) *answer.Error {
		if err := schedulable(o, c.Now); err != nil {
			return err
		}
		s, err := slotOf(c, o, slotID)
		if err != nil {
			return err
		}
		return schedule(c, o, details, s, &made)
	})
	if err != nil {
		return answer.Reply{}, err
	}
	handover.Follow(c, o.ID)
	return answer.OK(packageObject(c.Seller.World().OrderByID(o.ID, c.Now), made, c.Now)), nil
}

// schedulable refuses an order that has been scheduled, or can't be. That a second request is refused is Easy Ship's rule against scheduling twice.
func schedulable(o *world.Order, now time.Time) *answer.Error {
	if o.EasyShipAt(now) != nil && o.Status(now) != world.Canceled {
		return refuse("ScheduledPackageAlreadyExists", "amazonOrderId: the order's package has been scheduled")
	}
	return toHand(o, now)
}

// slotOf reads the slot that a request chooses.
func slotOf(c *desk.Call, o *world.Order, id string) (handover.Slot, *answer.Error) {
	s, problem := handover.ReadSlot(c, o, id)
	switch {
	case errors.Is(problem, handover.ErrSlotExpired):
		return s, refuse("ScheduleWindowExpired", "packageTimeSlot.slotId: "+problem.Error())
	case errors.Is(problem, handover.ErrSlotStale):
		return s, refuse("RetryableAfterGettingNewSlots", "packageTimeSlot.slotId: "+problem.Error())
	case problem != nil:
		return s, refuse("InvalidTimeSlotId", "packageTimeSlot.slotId: "+problem.Error())
	}
	return s, nil
}

// schedule gives an order a package for a slot.
func schedule(c *desk.Call, o *world.Order, details map[string]any, s handover.Slot, made **world.EasyShip) *answer.Error {
	p := o.NewEasyShip()
	p.Identifier = format.Member(details, "packageIdentifier")
	for i, entry := range format.List(details["packageItems"]) {
		id := format.Member(entry, "orderItemId")
		if o.ItemIndex(id) < 0 {
			return answer.InvalidParameter("packageDetails.packageItems["+strconv.Itoa(i)+"].orderItemId", `"`+id+`" is not an item of the order`)
		}
		if p.Serials == nil {
			p.Serials = map[string][]string{}
		}
		item, _ := entry.(map[string]any)
		p.Serials[id] = []string{}
		for _, serial := range format.List(item["orderItemSerialNumbers"]) {
			text, _ := serial.(string)
			p.Serials[id] = append(p.Serials[id], text)
		}
	}
	handover.Take(c, o, p, s)
	*made = o.EasyShip
	return nil
}

// updateScheduledPackages schedules packages anew: all that are named, or none.
func updateScheduledPackages(c *desk.Call) (answer.Reply, *answer.Error) {
	body, err := bodyOf(c, "updatePackageDetailsList")
	if err != nil {
		return answer.Reply{}, err
	}
	m, err := market(c, format.Member(body, "marketplaceId"), single)
	if err != nil {
		return answer.Reply{}, err
	}
	type update struct {
		id   string
		slot handover.Slot
	}
	var updates []update
	for _, entry := range format.List(body["updatePackageDetailsList"]) {
		details, _ := entry.(map[string]any)
		wanted := details["scheduledPackageId"]
		o, err := find(c, m, format.Member(wanted, "amazonOrderId"))
		if err != nil {
			return answer.Reply{}, err
		}
		s, err := slotOf(c, o, format.Member(details["packageTimeSlot"], "slotId"))
		if err == nil {
			err = reschedulable(o, format.Member(wanted, "packageId"), c.Now)
		}
		if err != nil {
			return answer.Reply{}, err
		}
		updates = append(updates, update{o.ID, s})
	}
	list := []object{}
	for _, u := range updates {
		err := c.ChangeOrder(u.id, func(o *world.Order) *answer.Error {
			if err := reschedulable(o, "", c.Now); err != nil {
				return err // by another request in the meantime
			}
			handover.Take(c, o, *o.EasyShipAt(c.Now), u.slot)
			return nil
		})
		if err != nil {
			return answer.Reply{}, err
		}
		handover.Follow(c, u.id)
		o := c.Seller.World().OrderByID(u.id, c.Now)
		list = append(list, packageObject(o, o.EasyShip, c.Now))
	}
	return answer.OK(object{"packages": list}), nil
}

// reschedulable refuses a package that there isn't, or that has left. packageID is "" where the request names none.
func reschedulable(o *world.Order, packageID string, now time.Time) *answer.Error {
	p := o.EasyShipAt(now)
	switch status := o.Status(now); {
	case p == nil || packageID != "" && packageID != p.ID:
		return refuse("ResourceNotFound", "scheduledPackageId: the order has no such package")
	case status == world.Canceled:
		return refuse("InvalidOrderState", "amazonOrderId: the order is "+status)
	case status != world.Unshipped:
		return refuse("OrderNotEligibleForRescheduling", "amazonOrderId: the package has left")
	}
	return nil
}

// packageStates are those of a package by those of its order.
var packageStates = map[string]string{
	"PendingPickUp": "ReadyForPickup", "PendingDropOff": "ReadyForPickup", "PickedUp": "PickedUp", "DroppedOff": "PickedUp", "AtOriginFC": "AtOriginFC",
	"AtDestinationFC": "AtDestinationFC", "OutForDelivery": "OutForDelivery", "Delivered": "Delivered", world.EasyShipRejected: "Rejected",
	world.EasyShipUndeliverable: "Undeliverable", "ReturnedToSeller": "ReturnedToSeller", world.EasyShipLost: "LostInTransit",
	world.EasyShipDamaged: "DamagedInTransit", "LabelCanceled": "LabelCanceled",
}

func packageObject(o *world.Order, p *world.EasyShip, now time.Time) object {
	state := o.EasyShipStatus(now)
	if state == "ReturningToSeller" { // which packages don't have: they stay what made them turn back
		state = p.End
	}
	items := []object{}
	for i := range o.Items {
		it := &o.Items[i]
		serials, named := p.Serials[it.ID]
		if p.Serials != nil && !named {
			continue
		}
		item := object{"orderItemId": it.ID}
		if len(serials) > 0 {
			item["orderItemSerialNumbers"] = serials
		}
		items = append(items, item)
	}
	centimeters := func(mm int) format.Double { return format.Double(float64(mm) / 10) }
	body := object{
		"scheduledPackageId": object{"amazonOrderId": o.ID, "packageId": p.ID},
		"packageDimensions": object{"length": centimeters(p.Millimeters[0]), "width": centimeters(p.Millimeters[1]),
			"height": centimeters(p.Millimeters[2]), "unit": "cm"},
		"packageWeight":   object{"value": format.Double(p.Grams), "unit": "g"},
		"packageItems":    items,
		"packageTimeSlot": slotObject(p.Slot, o.Marketplace),
		"packageStatus":   packageStates[state],
		"trackingDetails": object{"trackingId": p.Tracking},
		"invoice":         object{"invoiceNumber": p.Invoice, "invoiceDate": world.InZone(o.Marketplace, p.Scheduled)},
	}
	if p.Identifier != "" {
		body["packageIdentifier"] = p.Identifier
	}
	return body
}

func slotObject(s world.EasyShipSlot, m *marketplace.Marketplace) object {
	method := "PICKUP"
	if s.DropOff {
		method = "DROPOFF"
	}
	id := s.ID
	if id == "" {
		id = "MANUAL" // of one that the seller chose by hand; assumed, since the model wants an id
	}
	return object{"slotId": id, "startTime": world.InZone(m, s.Start), "endTime": world.InZone(m, s.End), "handoverMethod": method}
}
