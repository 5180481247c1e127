// Package fulfillmentoutbound answers for orders that Amazon fulfils for other shops. Orders that requests have created go their way by the clock, to
// the end in one shipment of one package, and their goods may come back; all else, and whatever names an order that no request has created, is made of the
// schema. They take nothing from the stock, and move no money.
package fulfillmentoutbound

import (
	"maps"
	"slices"
	"strconv"
	"time"

	"github.com/openspapi/spapi/emulator/internal/answer"
	"github.com/openspapi/spapi/emulator/internal/desk"
	"github.com/openspapi/spapi/emulator/internal/format"
)

type object = format.Object

// carrier is how Amazon names itself.
const carrier = "AMZN_US"

// V20200701 is the API of version 2020-07-01.
var V20200701 = desk.Flow{Stores: []desk.Keeper{orders}, News: map[string]desk.NewsSource{statusChanged: news}, Handlers: map[string]desk.Handler{
	"fulfillmentoutbound20200701.createFulfillmentOrder":    createFulfillmentOrder,
	"fulfillmentoutbound20200701.getFulfillmentOrder":       known(getFulfillmentOrder),
	"fulfillmentoutbound20200701.listAllFulfillmentOrders":  listAllFulfillmentOrders,
	"fulfillmentoutbound20200701.updateFulfillmentOrder":    known(updateFulfillmentOrder),
	"fulfillmentoutbound20200701.cancelFulfillmentOrder":    known(cancelFulfillmentOrder),
	"fulfillmentoutbound20200701.createFulfillmentReturn":   known(createFulfillmentReturn),
	"fulfillmentoutbound20200701.getPackageTrackingDetails": getPackageTrackingDetails,
}}

// second is the time of a call in whole seconds, as all that happens to orders has it.
func second(c *desk.Call) time.Time { return c.Now.UTC().Truncate(time.Second) }

// createFulfillmentOrder names the first item whose SKU is unknown by its own id (selling-partner-api-models#2979).
func createFulfillmentOrder(c *desk.Call) (answer.Reply, *answer.Error) {
	body, _ := c.Body.(map[string]any)
	w := c.Seller.World()
	for _, item := range format.List(body["items"]) {
		sku := format.Member(item, "sellerSku")
		w.RLock()
		l := w.Listing(sku)
		w.RUnlock()
		if l == nil {
			return answer.Reply{}, answer.Invalid("the SellerSKU for Item Id: "+format.Member(item, "sellerFulfillmentOrderItemId")+" is invalid.",
				`items: the seller has no SKU "`+sku+`"`)
		}
	}
	rep, err := desk.FromSchema(c)
	if err != nil || c.Sandbox {
		return rep, err
	}
	o := &order{Body: maps.Clone(body), Created: second(c)}
	if body["fulfillmentAction"] != "Hold" {
		o.Released = o.Created
	}
	b := orders.Of(c.Seller)
	b.mu.Lock()
	defer b.mu.Unlock()
	b.orders.Sweep(c.Now)
	if _, there := b.orders.Get(o.id()); there { // an id is unique (the model); the wording is assumed
		return answer.Reply{}, answer.Invalid("An order with this sellerFulfillmentOrderId already exists.", "sellerFulfillmentOrderId: there is an order of this id")
	}
	b.put(o)
	o.tell(c.Seller, o.Created)
	return rep, nil
}

// known is the handler of an operation on an order: one that a request has created, and else what the schema makes up.
func known(answerFor func(c *desk.Call, o *order) (answer.Reply, *answer.Error)) desk.Handler {
	return func(c *desk.Call) (answer.Reply, *answer.Error) {
		if c.Sandbox {
			return desk.FromSchema(c)
		}
		b := orders.Of(c.Seller)
		b.mu.Lock()
		defer b.mu.Unlock()
		o, found := b.orders.Get(c.Path["sellerFulfillmentOrderId"])
		if !found {
			return desk.FromSchema(c)
		}
		b.open[o.id()] = o
		return answerFor(c, o)
	}
}

// object shows an order without its items.
func (o *order) object(w *way, t time.Time) object {
	out := object{"receivedDate": format.Timestamp(o.Created)}
	last := o.at(w, t)
	out["fulfillmentOrderStatus"], out["statusUpdatedDate"] = last.status, format.Timestamp(last.at)
	for _, name := range []string{"sellerFulfillmentOrderId", "marketplaceId", "displayableOrderId", "displayableOrderDate", "displayableOrderComment", "shippingSpeedCategory",
		"deliveryWindow", "destinationAddress", "fulfillmentAction", "fulfillmentPolicy", "codSettings", "notificationEmails", "featureConstraints"} {
		if v, there := o.Body[name]; there {
			out[name] = v
		}
	}
	return out
}

func getFulfillmentOrder(c *desk.Call, o *order) (answer.Reply, *answer.Error) {
	w, t := o.way(c.Seller), c.Now
	head := o.object(&w, t)
	if _, there := head["marketplaceId"]; !there {
		head["marketplaceId"] = c.Seller.Marketplaces[0].ID
	}
	isCancelled := o.at(&w, t).status == cancelled
	items, inShipment := []object{}, []object{}
	for _, it := range o.items() {
		given, _ := it.(map[string]any)
		item := maps.Clone(given)
		gone := 0
		if isCancelled {
			gone = quantity(it)
		}
		item["cancelledQuantity"], item["unfulfillableQuantity"] = gone, 0
		if !w.shipped.IsZero() {
			item["estimatedShipDate"], item["estimatedArrivalDate"] = format.Timestamp(w.shipped), format.Timestamp(w.arrives)
		}
		items = append(items, item)
		inShipment = append(inShipment, object{"sellerSku": given["sellerSku"], "sellerFulfillmentOrderItemId": given["sellerFulfillmentOrderItemId"], "quantity": given["quantity"]})
	}
	body := object{"fulfillmentOrder": head, "fulfillmentOrderItems": items, "returnItems": o.returnItems(&w, t), "returnAuthorizations": o.authorizations(c)}
	if !w.processed.IsZero() && !w.processed.After(t) {
		shipment := object{"amazonShipmentId": w.shipment, "fulfillmentCenterId": center, "fulfillmentShipmentStatus": pending, "shippingDate": format.Timestamp(w.shipped),
			"estimatedArrivalDate": format.Timestamp(w.arrives), "fulfillmentShipmentItem": inShipment}
		if !w.shipped.IsZero() && !w.shipped.After(t) {
			for _, it := range inShipment {
				it["packageNumber"] = w.parcel
			}
			shipment["fulfillmentShipmentStatus"] = shipped
			shipment["fulfillmentShipmentPackage"] = []object{{"packageNumber": w.parcel, "carrierCode": carrier, "trackingNumber": w.tracking,
				"estimatedArrivalDate": format.Timestamp(w.arrives)}}
		}
		body["fulfillmentShipments"] = []object{shipment}
	}
	return answer.Payload(body), nil
}

// center is where all is sent from.
const center = "PSP1"

// listAllFulfillmentOrders lists those whose status has changed since a time; without any that requests have created it lists what the schema makes up. All
// fit on one page.
func listAllFulfillmentOrders(c *desk.Call) (answer.Reply, *answer.Error) {
	b := orders.Of(c.Seller)
	b.mu.Lock()
	defer b.mu.Unlock()
	if c.Sandbox || b.orders.Len() == 0 {
		return desk.FromSchema(c)
	}
	since, _ := format.ParseTime(c.Query.Get("queryStartDate"))
	list := []object{}
	for _, o := range b.sorted() {
		w := o.way(c.Seller)
		if o.at(&w, c.Now).at.Before(since) {
			continue
		}
		head := o.object(&w, c.Now)
		if _, there := head["marketplaceId"]; !there {
			head["marketplaceId"] = c.Seller.Marketplaces[0].ID
		}
		list = append(list, head)
	}
	return answer.Payload(object{"fulfillmentOrders": list}), nil
}

// updateFulfillmentOrder is for orders on hold, others are refused as what one has no right to (selling-partner-api-models#2605).
func updateFulfillmentOrder(c *desk.Call, o *order) (answer.Reply, *answer.Error) {
	w := o.way(c.Seller)
	if status := o.at(&w, c.Now).status; !o.Released.IsZero() || status != isNew && status != received {
		return answer.Reply{}, answer.Denied("").Because("sellerFulfillmentOrderId: the order is " + status + " and not on hold")
	}
	rep, err := desk.FromSchema(c)
	if err != nil {
		return rep, err
	}
	body, _ := c.Body.(map[string]any)
	for name, v := range body {
		if name != "items" {
			o.Body[name] = v
		}
	}
	if body["fulfillmentAction"] == "Ship" {
		o.Released = second(c)
	}
	return rep, nil
}

// cancelFulfillmentOrder comes too late when something has been picked. The wording is assumed.
func cancelFulfillmentOrder(c *desk.Call, o *order) (answer.Reply, *answer.Error) {
	w := o.way(c.Seller)
	switch status := o.at(&w, c.Now).status; status {
	case cancelled:
		return desk.FromSchema(c)
	case isNew, received, planning:
	default:
		return answer.Reply{}, answer.Invalid("The order cannot be cancelled.", "sellerFulfillmentOrderId: the order is "+status)
	}
	rep, err := desk.FromSchema(c)
	if err != nil {
		return rep, err
	}
	o.Cancelled = second(c)
	o.tell(c.Seller, o.Cancelled)
	return rep, nil
}

func (o *order) returnItems(w *way, t time.Time) []object {
	list := []object{}
	for i := range o.Returns {
		r := &o.Returns[i]
		item := object{"sellerReturnItemId": r.ID, "sellerFulfillmentOrderItemId": r.Item, "amazonShipmentId": w.shipment, "sellerReturnReasonCode": r.Reason,
			"status": isNew, "statusChangedDate": format.Timestamp(r.Told), "returnAuthorizationId": "RA-" + o.id()}
		if r.Comment != "" {
			item["returnComment"] = r.Comment
		}
		if !r.Received.After(t) {
			item["status"], item["statusChangedDate"] = "Processed", format.Timestamp(r.Received)
			item["returnReceivedCondition"], item["fulfillmentCenterId"] = "Sellable", center
		}
		list = append(list, item)
	}
	return list
}

// authorizations has the one under which all of an order is sent back.
func (o *order) authorizations(c *desk.Call) []object {
	if len(o.Returns) == 0 {
		return []object{}
	}
	rma := "RMA" + strconv.FormatInt(o.Created.Unix(), 36)
	return []object{{"returnAuthorizationId": "RA-" + o.id(), "fulfillmentCenterId": center, "amazonRmaId": rma,
		"rmaPageURL": "https://www.amazon.com/returns/label/" + rma,
		"returnToAddress": object{"name": "Amazon Returns", "addressLine1": "172 Trade Street", "city": "Lexington", "stateOrRegion": "KY", "postalCode": "40511",
			"countryCode": c.Seller.Marketplaces[0].CountryCode}}}
}

// createFulfillmentReturn takes back a unit for each item of the request that can be sent back. How long it travels is assumed.
func createFulfillmentReturn(c *desk.Call, o *order) (answer.Reply, *answer.Error) {
	w, now := o.way(c.Seller), second(c)
	sent := !w.shipped.IsZero() && !w.shipped.After(c.Now)
	body, _ := c.Body.(map[string]any)
	invalid := []object{}
	var taken []string
	for _, it := range format.List(body["items"]) {
		b := sentBack{ID: format.Member(it, "sellerReturnItemId"), Item: format.Member(it, "sellerFulfillmentOrderItemId"), Reason: format.Member(it, "returnReasonCode"),
			Comment: format.Member(it, "returnComment"), Told: now}
		before := 0
		for _, r := range o.Returns {
			if r.Item == b.Item {
				before++
			}
		}
		code, why := "", ""
		switch item := o.item(b.Item); {
		case item == nil || format.Member(it, "amazonShipmentId") != w.shipment:
			code, why = "InvalidValues", "The order has no such item in this shipment."
		case slices.ContainsFunc(o.Returns, func(r sentBack) bool { return r.ID == b.ID }):
			code, why = "DuplicateRequest", "There is a return item of this id."
		case !sent:
			code, why = "NoCompletedShipItems", "Nothing of the order has been shipped."
		case before >= quantity(item):
			code, why = "NoReturnableQuantity", "All units are being returned."
		}
		if code != "" {
			invalid = append(invalid, object{"sellerReturnItemId": b.ID, "sellerFulfillmentOrderItemId": b.Item,
				"invalidItemReason": object{"invalidItemReasonCode": code, "description": why}})
			continue
		}
		r := c.Desk.Seed.Of("outbound return", c.Seller.Number, o.id(), b.ID)
		b.Received = now.Add(time.Duration(r.Between(4*86400, 10*86400)) * time.Second)
		o.Returns = append(o.Returns, b)
		taken = append(taken, b.ID)
	}
	items := slices.DeleteFunc(o.returnItems(&w, c.Now), func(r object) bool { return !slices.Contains(taken, r["sellerReturnItemId"].(string)) })
	authorizations := o.authorizations(c)
	if len(taken) == 0 {
		authorizations = []object{}
	}
	return answer.Payload(object{"returnItems": items, "invalidReturnItems": invalid, "returnAuthorizations": authorizations}), nil
}

// getPackageTrackingDetails finds the package of an order that a request has created; of others it tells what the schema makes up.
func getPackageTrackingDetails(c *desk.Call) (answer.Reply, *answer.Error) {
	b := orders.Of(c.Seller)
	b.mu.Lock()
	defer b.mu.Unlock()
	number := c.Query.Get("packageNumber")
	for _, o := range b.orders.All() {
		w := o.way(c.Seller)
		if c.Sandbox || strconv.Itoa(w.parcel) != number || w.shipped.IsZero() || w.shipped.After(c.Now) {
			continue
		}
		status := "IN_TRANSIT"
		if !w.arrives.After(c.Now) {
			status = "DELIVERED"
		}
		return answer.Payload(object{"packageNumber": w.parcel, "trackingNumber": w.tracking, "carrierCode": carrier, "shipDate": format.Timestamp(w.shipped),
			"estimatedArrivalDate": format.Timestamp(w.arrives), "currentStatus": status, "customerTrackingLink": "https://www.swiship.com/track?id=" + w.tracking}), nil
	}
	return desk.FromSchema(c)
}
