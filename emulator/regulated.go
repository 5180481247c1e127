package emulator

import (
	"net/http"
	"slices"
	"strings"
	"time"
)

// regulatedType is the product type of which merchants' orders have to be looked at before they are shipped: blades, of which some
// countries want to know who gets them.
const regulatedType = "SCISSORS"

// regulation is what a buyer had to tell for an order with regulated goods, and what the merchant made of it.
type regulation struct {
	fields   []regulatedField
	due      time.Time // until when it has to be looked at
	status   string    // Approved or Rejected; "" while nobody has
	reason   string    // id of the reason for the rejection
	reviewer string
	reviewed time.Time
}

type regulatedField struct{ id, label, kind, value string }

// rejectionReasons are the ones that can be given, with their descriptions.
var rejectionReasons = [][2]string{
	{"age_check_underage", "The recipient is not old enough for this product."},
	{"age_check_unreadable", "The document can't be read."},
	{"age_check_mismatch", "The document doesn't belong to the recipient."},
}

func newRegulation(r random, o *order) *regulation {
	born := o.purchased.AddDate(-r.between(16, 80), 0, -r.IntN(360))
	return &regulation{
		due: o.purchased.Add(14 * 24 * time.Hour),
		fields: []regulatedField{
			{"age_check_name", "Name of the recipient", "Text", o.to.name},
			{"age_check_date_of_birth", "Date of birth", "Text", born.Format(time.DateOnly)},
			{"age_check_document", "Proof of age", "FileAttachment", "https://m.media-amazon.com/documents/" + r.text(hexDigits, 24) + ".pdf"},
		},
	}
}

// statusAt is the verification status: an order that nobody looks at in time expires, and one that is cancelled needs no look any more.
func (g *regulation) statusAt(o *order, t time.Time) string {
	switch {
	case g.status != "" && !t.Before(g.reviewed):
		return g.status
	case o.status(t) == canceled:
		return "Cancelled"
	case !t.Before(g.due):
		return "Expired"
	}
	return "Pending"
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
