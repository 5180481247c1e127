package emulator

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"
)

// touch notes that a request has changed an order. The caller holds w.mu for writing, as for all below.
func (w *world) touch(o *order) {
	if w.touched == nil {
		w.touched = map[*order]bool{}
	}
	w.touched[o] = true
}

// ship tells of a parcel of an order that the seller fulfils, as confirmShipment and the fulfilment feeds do. p.quantities is by item; nil stands
// for all that is open. The error says why the order or an item can't be shipped.
func (w *world) ship(o *order, p parcel, now time.Time) error {
	now = now.UTC().Truncate(time.Second)
	if status := o.status(now); o.amazon || status != unshipped && status != partiallyShipped {
		return fmt.Errorf("the order is %s and fulfilled by %s", status, channelV0(o))
	}
	before := o.parcelsAt(now)
	open, left := make([]int, len(o.items)), 0
	for i, it := range o.items {
		open[i] = it.quantity
		for _, b := range before {
			open[i] -= b.quantities[i]
		}
	}
	if p.quantities == nil {
		p.quantities = slices.Clone(open)
	}
	sent := 0
	for i, n := range p.quantities {
		if n < 0 || n > open[i] {
			return fmt.Errorf("item %s: %d of %d open units", o.items[i].id, n, open[i])
		}
		sent += n
		left += open[i] - n
	}
	if sent == 0 {
		return fmt.Errorf("no item is shipped")
	}
	p.at = now
	if p.shipped.IsZero() {
		p.shipped = now
	}
	o.parcels, o.tracking, o.changed = append(slices.Clip(before), p), p.tracking, now
	// A life that was to end in a cancellation doesn't any more.
	if !o.cancelled.IsZero() {
		o.cancelled, o.cancelledBy, o.cancelReason = time.Time{}, "", ""
		o.shipped = now.Add(48 * time.Hour)
	}
	if left == 0 {
		o.shipped = now
	} else if o.partly.IsZero() || o.partly.After(now) {
		o.partly = now
	}
	w.touch(o)
	w.settle(now)
	return nil
}

// cancelOrder ends an order that has not left. by is BUYER, MERCHANT or AMAZON. It returns false when it is too late.
func (w *world) cancelOrder(o *order, by, reason string, now time.Time) bool {
	now = now.UTC().Truncate(time.Second)
	if status := o.status(now); status != pending && status != unshipped {
		return false
	}
	o.cancelled, o.cancelledBy, o.cancelReason, o.changed = now, by, reason, now
	o.shipped, o.partly = time.Time{}, time.Time{}
	w.touch(o)
	w.settle(now)
	return true
}

// confirmShipmentV0 ships some or all of an order that the seller fulfils.
func confirmShipmentV0(c *call) (reply, *apiError) {
	w, o := c.order()
	if o == nil {
		return reply{}, orderNotFound(c.path["orderId"])
	}
	body, _ := c.body.(map[string]any)
	if id, _ := body["marketplaceId"].(string); id != o.marketplace.ID {
		return reply{}, invalidParameter("marketplaceId", "is not the marketplace of the order")
	}
	detail, _ := body["packageDetail"].(map[string]any)
	text := func(name string) string { s, _ := detail[name].(string); return s }
	p := parcel{ref: text("packageReferenceId"), carrier: text("carrierCode"), service: text("shippingMethod"), tracking: text("trackingNumber"), quantities: make([]int, len(o.items))}
	if strings.EqualFold(p.carrier, "Other") {
		if p.carrier = text("carrierName"); p.carrier == "" {
			return reply{}, invalidParameter("packageDetail.carrierName", "required when carrierCode is Other")
		}
	}
	if p.shipped, _ = parseTime(text("shipDate")); p.shipped.Before(o.purchased.Truncate(24 * time.Hour)) {
		return reply{}, invalidParameter("packageDetail.shipDate", "lies before the order")
	}
	list, _ := detail["orderItems"].([]any)
	if len(list) == 0 {
		return reply{}, invalidParameter("packageDetail.orderItems", "has no elements")
	}
	for _, entry := range list {
		m, _ := entry.(map[string]any)
		id, _ := m["orderItemId"].(string)
		i := slices.IndexFunc(o.items, func(it orderItem) bool { return it.id == id })
		if i < 0 {
			return reply{}, invalidParameter("packageDetail.orderItems.orderItemId", `"`+id+`" is not an item of the order`)
		}
		n, _ := whole(m["quantity"])
		if n < 1 {
			return reply{}, invalidParameter("packageDetail.orderItems.quantity", "is below the minimum of 1")
		}
		p.quantities[i] += n
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	if slices.ContainsFunc(o.parcels, func(other parcel) bool { return other.ref == p.ref }) {
		return reply{}, invalidParameter("packageDetail.packageReferenceId", `"`+p.ref+`" is a package of the order already`)
	}
	if err := w.ship(o, p, c.now); err != nil {
		return reply{}, invalid("Order can't be confirmed.", "orderId: "+err.Error()) // wording assumed
	}
	return reply{status: http.StatusNoContent}, nil
}

// updateShipmentStatusV0 tells where an order is that the buyer picks up in a shop: first ready, then picked up or refused.
func updateShipmentStatusV0(c *call) (reply, *apiError) {
	w, o := c.order()
	if o == nil {
		return reply{}, orderNotFound(c.path["orderId"])
	}
	body, _ := c.body.(map[string]any)
	if id, _ := body["marketplaceId"].(string); id != o.marketplace.ID {
		// selling-partner-api-models, ordersV0, sandbox case
		return reply{}, invalid("Marketplace ID is not defined", "marketplaceId: is not the marketplace of the order")
	}
	status, _ := body["shipmentStatus"].(string)
	items, _ := body["orderItems"].([]any)
	for _, entry := range items {
		m, _ := entry.(map[string]any)
		id, _ := m["orderItemId"].(string)
		if !slices.ContainsFunc(o.items, func(it orderItem) bool { return it.id == id }) {
			return reply{}, invalidParameter("orderItems.orderItemId", `"`+id+`" is not an item of the order`)
		}
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	if o.store == "" {
		return reply{}, invalidParameter("orderId", "is not an order that is picked up in a store")
	}
	wanted := map[string]string{"ReadyForPickup": "", "PickedUp": "ReadyForPickup", "RefusedPickup": "ReadyForPickup"}
	if at := o.status(c.now); at != unshipped && o.pickup == "" || o.pickup != wanted[status] {
		return reply{}, invalidParameter("shipmentStatus", "is "+status+", but the order is "+strings.TrimSpace(at+" "+o.pickup))
	}
	now := c.now.UTC().Truncate(time.Second)
	o.pickup, o.changed = status, now
	switch status {
	case "PickedUp":
		o.shipped, o.cancelled, o.transit = now, time.Time{}, 0
	case "RefusedPickup":
		o.cancelled, o.cancelledBy, o.cancelReason = now, "BUYER", "Refused at pickup"
	default:
		o.cancelled, o.cancelledBy, o.cancelReason = now.Add(14*24*time.Hour), "AMAZON", "Not picked up"
	}
	w.touch(o)
	w.settle(now)
	return reply{status: http.StatusNoContent}, nil
}
