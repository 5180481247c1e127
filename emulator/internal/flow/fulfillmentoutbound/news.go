package fulfillmentoutbound

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/openspapi/spapi/emulator/internal/desk"
	"github.com/openspapi/spapi/emulator/internal/format"
)

const statusChanged = "FULFILLMENT_ORDER_STATUS"

// news are of orders, their shipments and what comes back; none is sent of a delivery (selling-partner-api-models#1575, #4929). That a return is called
// Return is assumed.
var news = desk.NewsSource{
	Since: func(a *desk.Seller, after, until time.Time) (list []desk.News) {
		b := orders.Of(a)
		b.mu.Lock()
		defer b.mu.Unlock()
		for id, o := range b.open {
			w := o.way(a)
			steps := o.steps(&w)
			for _, s := range steps {
				if s.at.After(after) && !s.at.After(until) && !s.byRequest {
					list = append(list, o.news(a, &w, s))
				}
			}
			if !steps[len(steps)-1].at.After(until) {
				delete(b.open, id)
			}
		}
		slices.SortStableFunc(list, func(x, y desk.News) int {
			return cmp.Or(x.At.Compare(y.At), cmp.Compare(orderOf(x), orderOf(y)))
		})
		return list
	},
	About: func(a *desk.Seller, about map[string]string, now time.Time) (desk.News, error) {
		b := orders.Of(a)
		b.mu.Lock()
		defer b.mu.Unlock()
		o, _ := b.orders.Get(about["order"])
		if about["order"] == "" {
			if all := b.sorted(); len(all) > 0 {
				o = all[len(all)-1]
			}
		}
		if o == nil && about["order"] == "" {
			return desk.News{}, errors.New("order: the seller has no outbound order: createFulfillmentOrder makes one")
		}
		if o == nil {
			return desk.News{}, fmt.Errorf("order: there is no outbound order of id %q: want a sellerFulfillmentOrderId that createFulfillmentOrder was called with", about["order"])
		}
		w := o.way(a)
		return o.news(a, &w, o.at(&w, now)), nil
	},
}

func orderOf(n desk.News) string {
	return format.Member(n.Payload["FulfillmentOrderStatusNotification"], "SellerFulfillmentOrderId")
}

// tell tells what a request has brought about.
func (o *order) tell(a *desk.Seller, now time.Time) {
	if !a.Wants(statusChanged) {
		return
	}
	w := o.way(a)
	for _, s := range o.steps(&w) {
		if s.byRequest && s.at.Equal(now) {
			a.Tell(o.news(a, &w, s))
		}
	}
}

// news is what is told of a step. Spellings of statuses are the API's (amzn/selling-partner-api-samples compares with Complete).
func (o *order) news(a *desk.Seller, w *way, s step) desk.News {
	told := object{"SellerId": a.ID, "EventType": "Order", "StatusUpdatedDateTime": desk.Millis(s.at), "SellerFulfillmentOrderId": o.id(), "FulfillmentOrderStatus": s.status}
	switch {
	case s.shipment != "":
		told["EventType"] = "Shipment"
		shipment := object{"FulfillmentShipmentStatus": s.shipment, "AmazonShipmentId": w.shipment, "EstimatedArrivalDateTime": desk.Millis(w.arrives),
			"FulfillmentShipmentPackages": []object{}}
		if s.shipment == shipped {
			parcel := object{"PackageNumber": w.parcel, "CarrierCode": carrier, "TrackingNumber": w.tracking}
			shipment["FulfillmentShipmentPackages"], shipment["info"] = []object{parcel}, parcel // the schema's example has the first one there, too
		}
		told["FulfillmentShipment"] = shipment
	case s.back != nil:
		told["EventType"] = "Return"
		told["FulfillmentReturnItem"] = object{"ReceivedDateTime": desk.Millis(s.back.Received), "ReturnedQuantity": 1,
			"SellerSKU": format.Member(o.item(s.back.Item), "sellerSku")}
	}
	return desk.News{Type: statusChanged, At: s.at, Payload: object{"FulfillmentOrderStatusNotification": told}}
}
