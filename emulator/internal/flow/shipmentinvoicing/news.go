package shipmentinvoicing

import (
	"fmt"
	"time"

	"github.com/openspapi/spapi/emulator/internal/agenda"
	"github.com/openspapi/spapi/emulator/internal/desk"
	"github.com/openspapi/spapi/emulator/internal/world"
)

// News are the notifications FBA_OUTBOUND_SHIPMENT_STATUS: of shipments of FBA Onsite, which need an invoice. That a shipment is created as soon as the order
// is paid, and is cancelled with its order, is assumed.
var News = agenda.News{Type: "FBA_OUTBOUND_SHIPMENT_STATUS", About: aboutShipment,
	Tell: func(a *desk.Seller, o *world.Order, h world.Happening, _ time.Time) (desk.News, bool) {
		switch {
		case !o.Onsite():
		case h.What == world.Unshipped:
			return told(a, o, "Created", h.At), true
		case h.What == world.Canceled && existed(o, h.At):
			return told(a, o, "Cancelled", h.At), true
		}
		return desk.News{}, false
	}}.Flow()

// existed tells whether an order has, or had, a shipment at t.
func existed(o *world.Order, t time.Time) bool { return !o.Payable.IsZero() && !o.Payable.After(t) }

func aboutShipment(a *desk.Seller, about map[string]string, now time.Time) (desk.News, error) {
	id := about["order"]
	if shipment := about["shipment"]; id == "" && shipment != "" {
		if id, _ = world.OrderOfShipment(shipment); id == "" {
			id = shipment // which is none
		}
	}
	o := agenda.Newest(a.World(), id, now, func(o *world.Order) bool { return o.Onsite() && existed(o, now) })
	if o == nil {
		of := ""
		if id != "" {
			of = fmt.Sprintf(" of id %q", id)
		}
		return desk.News{}, fmt.Errorf("order or shipment: the seller has none%s that FBA Onsite ships: every third of those in Brazil that Amazon fulfils is", of)
	}
	if o.Status(now) == world.Canceled {
		return told(a, o, "Cancelled", o.Cancelled), nil
	}
	return told(a, o, "Created", o.Payable), nil
}

func told(a *desk.Seller, o *world.Order, status string, at time.Time) desk.News {
	return desk.News{Type: "FBA_OUTBOUND_SHIPMENT_STATUS", At: at, Payload: object{"FBAOutboundShipmentStatusNotification": object{
		"SellerId": a.ID, "AmazonOrderId": o.ID, "AmazonShipmentId": o.ShipmentID(), "ShipmentStatus": status,
	}}}
}
