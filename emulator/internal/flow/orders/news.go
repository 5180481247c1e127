package orders

import (
	"fmt"
	"slices"
	"time"

	"github.com/openspapi/spapi/emulator/internal/agenda"
	"github.com/openspapi/spapi/emulator/internal/desk"
	"github.com/openspapi/spapi/emulator/internal/world"
)

// News are the notifications ORDER_CHANGE.
var News = agenda.News{Type: "ORDER_CHANGE", About: aboutOrder,
	Tell: func(a *desk.Seller, o *world.Order, h world.Happening, t time.Time) (desk.News, bool) {
		// That a new order isn't told of while it is Pending, its first status, is assumed: seller support is quoted so (selling-partner-api-docs#3278), others have
		// seen it otherwise.
		return changed(a, o, h, t), h.What != world.Pending
	}}.Flow()

func aboutOrder(a *desk.Seller, about map[string]string, now time.Time) (desk.News, error) {
	o := agenda.Newest(a.World(), about["order"], now, func(o *world.Order) bool { return about["order"] != "" || o.Status(now) != world.Pending })
	if o == nil {
		return desk.News{}, fmt.Errorf("order: the seller has none of id %q; getOrders lists those that there are", about["order"])
	}
	return changed(a, o, world.Happening{Number: o.Number, At: o.Updated(now), What: o.Status(now)}, now), nil
}

// changed is what is told of an order that has come to a status, or that its buyer wants to be cancelled, as it is at t. The reason of a change of
// status is assumed, that of the other is the schema's.
func changed(a *desk.Seller, o *world.Order, h world.Happening, t time.Time) desk.News {
	kind, reason, status := "OrderStatusChange", "Order Status Change", h.What
	if h.What == world.CancelRequested {
		kind, reason, status = "BuyerRequestedChange", "Buyer Requested Cancel", o.Status(t)
	}
	return desk.News{Type: "ORDER_CHANGE", At: h.At, Payload: object{"OrderChangeNotification": object{
		"NotificationLevel": "OrderLevel", "SellerId": a.ID, "AmazonOrderId": o.ID, "OrderChangeType": kind,
		"OrderChangeTrigger": object{"TimeOfOrderChange": desk.Millis(h.At), "ChangeReason": reason},
		"Summary":            summary(o, status, t),
	}}}
}

// summary is what the notification tells of an order.
func summary(o *world.Order, status string, t time.Time) object {
	var code any // the address comes with the payment
	if status != world.Pending {
		code = o.To.PostalCode
	}
	s := object{
		"MarketplaceId": o.Marketplace.ID, "OrderStatus": status, "PurchaseDate": desk.Millis(o.Purchased), "DestinationPostalCode": code,
		"FulfillmentType": o.Channel(), "OrderType": "StandardOrder", "EarliestShipDate": desk.Millis(o.Purchased), "LatestShipDate": desk.Millis(latestShip(o)),
	}
	if programs := chosen(map[string]bool{"Business": o.Business, "Prime": o.Prime, "Replacement": o.Replaces != ""}); len(programs) > 0 {
		s["OrderPrograms"] = programs
	}
	easyShip := o.EasyShipStatus(t)
	if programs := chosen(map[string]bool{"EasyShip": easyShip != "", "ISPU": o.Store != ""}); len(programs) > 0 {
		s["ShippingPrograms"] = programs
	}
	if easyShip != "" {
		s["EasyShipShipmentStatus"] = easyShip
	}
	if invoice := o.InvoiceStatus(t); invoice != "" {
		s["ElectronicInvoiceStatus"] = invoice
	}
	var delivery object
	if !o.Amazon { // the latest day isn't told of all (the schema)
		earliest, latest := o.DeliveryWindow()
		delivery = object{"EarliestDeliveryDate": desk.Millis(earliest)}
		if world.ToBeShipped(status) || status == world.Shipped {
			delivery["LatestDeliveryDate"] = desk.Millis(latest)
		}
	}
	asked := !o.CancelAsked.IsZero() && !t.Before(o.CancelAsked)
	var source any
	if o.Store != "" {
		source = o.SupplySource()
	}
	items, done, open := []object{}, 0, 0
	for i := range o.Items {
		it, sent := &o.Items[i], o.ShippedOf(i, t)
		done, open = done+sent, open+it.Quantity-sent
		item := object{"OrderItemId": it.ID, "SellerSKU": it.SKU, "SupplySourceId": source, "Quantity": it.Quantity, "QuantityShipped": sent,
			"IsBuyerRequestedCancel": asked}
		if status == world.PartiallyShipped { // only where the items differ
			item["OrderItemStatus"] = world.Unshipped
			if sent == it.Quantity {
				item["OrderItemStatus"] = world.Shipped
			}
		}
		for name, v := range delivery {
			s[name], item["Item"+name] = v, v
		}
		items = append(items, item)
	}
	if status == world.Canceled {
		open = 0
	}
	s["NumberOfItemsShipped"], s["NumberOfItemsUnshipped"], s["OrderItems"] = done, open, items
	return s
}

// chosen are the names of what holds, in order.
func chosen(of map[string]bool) (list []string) {
	for name, holds := range of {
		if holds {
			list = append(list, name)
		}
	}
	slices.Sort(list)
	return list
}

// latestShip is until when an order is to be shipped.
func latestShip(o *world.Order) time.Time { return o.Purchased.Add(72 * time.Hour) }
