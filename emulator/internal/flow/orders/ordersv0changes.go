package orders

import (
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/openspapi/spapi/emulator/internal/answer"
	"github.com/openspapi/spapi/emulator/internal/desk"
	"github.com/openspapi/spapi/emulator/internal/format"
	"github.com/openspapi/spapi/emulator/internal/world"
)

// confirmShipmentV0 ships some or all of an order that the seller fulfils.
func confirmShipmentV0(c *desk.Call) (answer.Reply, *answer.Error) {
	_, o := c.Order()
	if o == nil {
		return answer.Reply{}, desk.OrderNotFound(c.Path["orderId"])
	}
	body, _ := c.Body.(map[string]any)
	if id, _ := body["marketplaceId"].(string); id != o.Marketplace.ID {
		return answer.Reply{}, answer.InvalidParameter("marketplaceId", "is not the marketplace of the order")
	}
	detail, _ := body["packageDetail"].(map[string]any)
	text := func(name string) string { s, _ := detail[name].(string); return s }
	if reference := text("packageReferenceId"); detail["packageReferenceId"] != nil && reference == "" {
		// Until January 2026 numbers were taken for texts (selling-partner-api-models#5094).
		return answer.Reply{}, answer.Invalid("The input you have submitted is not valid. "+
			"Please check the fields with invalid type [packageDetail.packageReferenceId].",
			"packageDetail.packageReferenceId: want a text")
	} else if n, err := strconv.Atoi(reference); err != nil || n < 1 {
		// jlevers/selling-partner-api#489
		return answer.Reply{}, answer.Invalid("PackageReferenceId: is invalid, must be a positive numeric value.",
			"packageDetail.packageReferenceId: want a whole number above 0, as a text")
	}
	p := world.Parcel{Ref: text("packageReferenceId"), Carrier: text("carrierCode"), Service: text("shippingMethod"), Tracking: text("trackingNumber"), Quantities: make([]int, len(o.Items))}
	if strings.EqualFold(p.Carrier, "Other") {
		if p.Carrier = text("carrierName"); p.Carrier == "" {
			return answer.Reply{}, answer.InvalidParameter("packageDetail.carrierName", "required when carrierCode is Other")
		}
	}
	if p.Shipped, _ = format.ParseTime(text("shipDate")); p.Shipped.Before(o.Purchased.Truncate(24 * time.Hour)) {
		return answer.Reply{}, answer.InvalidParameter("packageDetail.shipDate", "lies before the order")
	}
	list, _ := detail["orderItems"].([]any)
	if len(list) == 0 {
		return answer.Reply{}, answer.InvalidParameter("packageDetail.orderItems", "has no elements")
	}
	for _, entry := range list {
		m, _ := entry.(map[string]any)
		id, _ := m["orderItemId"].(string)
		i := o.ItemIndex(id)
		if i < 0 {
			// selling-partner-api-models#492, jlevers/selling-partner-api#528
			return answer.Reply{}, answer.Invalid("OrderItemId is invalid, please obtain the value through the getOrderItems API or Manage Orders page",
				`packageDetail.orderItems.orderItemId: "`+id+`" is not an item of the order`)
		}
		n, _ := format.Whole(m["quantity"])
		if n < 1 {
			return answer.Reply{}, answer.InvalidParameter("packageDetail.orderItems.quantity", "is below the minimum of 1")
		}
		p.Quantities[i] += n
	}
	return answer.Reply{Status: http.StatusNoContent}, c.ChangeOrder(o.ID, func(o *world.Order) *answer.Error {
		if slices.ContainsFunc(o.Parcels, func(other world.Parcel) bool { return other.Ref == p.Ref }) {
			return answer.InvalidParameter("packageDetail.packageReferenceId", `"`+p.Ref+`" is a package of the order already`)
		}
		if err := o.Ship(p, c.Now); err != nil {
			// sic: selling-partner-api-models#5037
			return answer.Invalid("Failed to create package due to not finding a matching package or order already fulfilled.  "+
				"ErrorMessage(errorCode=GeneralError, "+
				"errorDescription=Unable to find package to update for order (), errorMetric=PackageToUpdateNotFound, packageIndex=null)", "orderId: "+err.Error())
		}
		return nil
	})
}

// updateShipmentStatusV0 tells where an order is that the buyer picks up in a shop: first ready, then picked up or refused.
func updateShipmentStatusV0(c *desk.Call) (answer.Reply, *answer.Error) {
	return answer.Reply{Status: http.StatusNoContent}, c.ChangeOrder(c.Path["orderId"], func(o *world.Order) *answer.Error {
		body, _ := c.Body.(map[string]any)
		if id, _ := body["marketplaceId"].(string); id != o.Marketplace.ID {
			// selling-partner-api-models, ordersV0, sandbox case
			return answer.Invalid("Marketplace ID is not defined", "marketplaceId: is not the marketplace of the order")
		}
		status, _ := body["shipmentStatus"].(string)
		items, _ := body["orderItems"].([]any)
		for _, entry := range items {
			m, _ := entry.(map[string]any)
			id, _ := m["orderItemId"].(string)
			if o.ItemIndex(id) < 0 {
				return answer.InvalidParameter("orderItems.orderItemId", `"`+id+`" is not an item of the order`)
			}
		}
		if o.Store == "" {
			return answer.InvalidParameter("orderId", "is not an order that is picked up in a store")
		}
		wanted := map[string]string{"ReadyForPickup": "", "PickedUp": "ReadyForPickup", "RefusedPickup": "ReadyForPickup"}
		if at := o.Status(c.Now); at != world.Unshipped && o.Pickup == "" || o.Pickup != wanted[status] {
			return answer.InvalidParameter("shipmentStatus", "is "+status+", but the order is "+strings.TrimSpace(at+" "+o.Pickup))
		}
		now := c.Now.UTC().Truncate(time.Second)
		o.Pickup, o.Changed = status, now
		switch status {
		case "PickedUp":
			o.Shipped, o.Cancelled, o.Transit = now, time.Time{}, 0
		case "RefusedPickup":
			o.Cancelled, o.CancelledBy, o.CancelReason = now, "BUYER", "Refused at pickup"
		default:
			o.Cancelled, o.CancelledBy, o.CancelReason = now.Add(14*24*time.Hour), "AMAZON", "Not picked up"
		}
		return nil
	})
}

// regulatedInfoV0 shows what the buyer told. An order without regulated goods has nothing to tell: no fields, and no action wanted.
func regulatedInfoV0(c *desk.Call, o *world.Order) object {
	fields, reasons := []object{}, []object{}
	verification := object{"Status": "Approved", "RequiresMerchantAction": false}
	if g := o.Regulated; g != nil {
		status := g.StatusAt(o, c.Now)
		verification = object{"Status": status, "RequiresMerchantAction": status == "Pending"}
		for _, reason := range world.RejectionReasons {
			entry := object{"RejectionReasonId": reason[0], "RejectionReasonDescription": reason[1]}
			reasons = append(reasons, entry)
			if status == "Rejected" && g.Reason == reason[0] {
				verification["RejectionReason"] = entry
			}
		}
		if g.Status != "" {
			verification["ReviewDate"], verification["ExternalReviewerId"] = format.Timestamp(g.Reviewed), g.Reviewer
		}
		for _, f := range g.Fields {
			fields = append(fields, object{"FieldId": f.ID, "FieldLabel": f.Label, "FieldType": f.Kind, "FieldValue": f.Value})
		}
	}
	verification["ValidRejectionReasons"] = reasons
	return object{"AmazonOrderId": o.ID, "RequiresDosageLabel": false, "RegulatedInformation": object{"Fields": fields}, "RegulatedOrderVerificationStatus": verification}
}

// updateVerificationStatusV0 approves or rejects. The errors are those of the model's sandbox cases, of which a request can have several.
func updateVerificationStatusV0(c *desk.Call) (answer.Reply, *answer.Error) {
	body, _ := c.Body.(map[string]any)
	update, _ := body["regulatedOrderVerificationStatus"].(map[string]any)
	text := func(name string) string { s, _ := update[name].(string); return s }
	status, reason := text("status"), text("rejectionReasonId")
	return answer.Reply{Status: http.StatusNoContent}, c.ChangeOrder(c.Path["orderId"], func(o *world.Order) *answer.Error {
		if o.Regulated == nil {
			return answer.Invalid("Order "+o.ID+" has no regulated items.", "orderId: the order needs no verification") // wording assumed
		}
		if status != "" && status != "Approved" && status != "Rejected" {
			return answer.Invalid("Invalid request parameter `status`. Must be one of [Approved, Rejected].",
				`regulatedOrderVerificationStatus.status: is "`+status+`"`)
		}
		if status == "Rejected" && reason == "" {
			return answer.Invalid("Missing request parameter: rejectionReasonId.", "regulatedOrderVerificationStatus.rejectionReasonId: required when status is Rejected")
		}
		if reason != "" && !slices.ContainsFunc(world.RejectionReasons, func(r [2]string) bool { return r[0] == reason }) {
			return answer.Invalid("Invalid request parameter `rejectionReasonId`.", "regulatedOrderVerificationStatus.rejectionReasonId: is none of ValidRejectionReasons")
		}
		if details, ok := update["verificationDetails"].(map[string]any); ok {
			for name := range format.SortedKeys(details) {
				state := status
				if state == "" {
					state = o.Regulated.StatusAt(o, c.Now)
				}
				return answer.Invalid("Verification Detail `"+name+"` is not supported when order is in "+state+" status.", "regulatedOrderVerificationStatus.verificationDetails: takes none")
			}
		}
		if now := o.Regulated.StatusAt(o, c.Now); now != "Pending" {
			return answer.Invalid("Order "+o.ID+" can't be verified.", "orderId: its verification is "+strings.ToLower(now)) // wording assumed
		}
		if status != "" {
			g := *o.Regulated
			g.Status, g.Reason, g.Reviewer, g.Reviewed = status, reason, text("externalReviewerId"), c.Now.UTC().Truncate(time.Second)
			o.Regulated, o.Changed = &g, g.Reviewed
			if status == "Rejected" { // what must not be sold is cancelled
				o.Cancel("AMAZON", "Rejected by the merchant's verification", c.Now)
			}
		}
		return nil
	})
}
