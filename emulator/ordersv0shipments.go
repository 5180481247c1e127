package emulator

import (
	"net/http"
	"slices"
	"strings"
	"time"
)

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

// regulatedInfoV0 shows what the buyer told. An order without regulated goods has nothing to tell: no fields, and no action wanted.
func regulatedInfoV0(c *call, o *order) object {
	fields, reasons := []object{}, []object{}
	verification := object{"Status": "Approved", "RequiresMerchantAction": false}
	if g := o.regulated; g != nil {
		status := g.statusAt(o, c.now)
		verification = object{"Status": status, "RequiresMerchantAction": status == "Pending"}
		for _, reason := range rejectionReasons {
			entry := object{"RejectionReasonId": reason[0], "RejectionReasonDescription": reason[1]}
			reasons = append(reasons, entry)
			if status == "Rejected" && g.reason == reason[0] {
				verification["RejectionReason"] = entry
			}
		}
		if g.status != "" {
			verification["ReviewDate"], verification["ExternalReviewerId"] = timestamp(g.reviewed), g.reviewer
		}
		for _, f := range g.fields {
			fields = append(fields, object{"FieldId": f.id, "FieldLabel": f.label, "FieldType": f.kind, "FieldValue": f.value})
		}
	}
	verification["ValidRejectionReasons"] = reasons
	return object{"AmazonOrderId": o.id, "RequiresDosageLabel": false, "RegulatedInformation": object{"Fields": fields}, "RegulatedOrderVerificationStatus": verification}
}

// updateVerificationStatusV0 approves or rejects. The errors are those of the model's sandbox cases, of which a request can have several.
func updateVerificationStatusV0(c *call) (reply, *apiError) {
	w, o := c.order()
	if o == nil {
		return reply{}, orderNotFound(c.path["orderId"])
	}
	body, _ := c.body.(map[string]any)
	update, _ := body["regulatedOrderVerificationStatus"].(map[string]any)
	text := func(name string) string { s, _ := update[name].(string); return s }
	status, reason := text("status"), text("rejectionReasonId")
	w.mu.Lock()
	defer w.mu.Unlock()
	if o.regulated == nil {
		return reply{}, invalid("Order "+o.id+" has no regulated items.", "orderId: the order needs no verification") // wording assumed
	}
	if status != "" && status != "Approved" && status != "Rejected" {
		return reply{}, invalid("Invalid request parameter `status`. Must be one of [Approved, Rejected].", "regulatedOrderVerificationStatus.status: is "+status)
	}
	if status == "Rejected" && reason == "" {
		return reply{}, invalid("Missing request parameter: rejectionReasonId.", "regulatedOrderVerificationStatus.rejectionReasonId: required when status is Rejected")
	}
	if reason != "" && !slices.ContainsFunc(rejectionReasons, func(r [2]string) bool { return r[0] == reason }) {
		return reply{}, invalid("Invalid request parameter `rejectionReasonId`.", "regulatedOrderVerificationStatus.rejectionReasonId: is none of ValidRejectionReasons")
	}
	if details, ok := update["verificationDetails"].(map[string]any); ok {
		for name := range sortedKeys(details) {
			state := status
			if state == "" {
				state = o.regulated.statusAt(o, c.now)
			}
			return reply{}, invalid("Verification Detail `"+name+"` is not supported when order is in "+state+" status.", "regulatedOrderVerificationStatus.verificationDetails: takes none")
		}
	}
	if now := o.regulated.statusAt(o, c.now); now != "Pending" {
		return reply{}, invalid("Order "+o.id+" can't be verified.", "orderId: its verification is "+strings.ToLower(now)) // wording assumed
	}
	if status != "" {
		g := *o.regulated
		g.status, g.reason, g.reviewer, g.reviewed = status, reason, text("externalReviewerId"), c.now.UTC().Truncate(time.Second)
		o.regulated, o.changed = &g, g.reviewed
		w.touch(o)
		if status == "Rejected" { // what must not be sold is cancelled
			w.cancelOrder(o, "AMAZON", "Rejected by the merchant's verification", c.now)
		}
	}
	return reply{status: http.StatusNoContent}, nil
}
