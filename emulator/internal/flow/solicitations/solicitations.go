// Package solicitations answers for solicitations.
package solicitations

import (
	"net/http"
	"time"

	"github.com/openspapi/spapi/emulator/internal/answer"
	"github.com/openspapi/spapi/emulator/internal/contacts"
	"github.com/openspapi/spapi/emulator/internal/desk"
	"github.com/openspapi/spapi/emulator/internal/format"
	"github.com/openspapi/spapi/emulator/internal/world"
)

type object = format.Object

// Flow is the API of solicitations.
var Flow = desk.Flow{Handlers: map[string]desk.Handler{
	"solicitationsv1.getSolicitationActionsForOrder":                   getSolicitationActions,
	"solicitationsv1.createProductReviewAndSellerFeedbackSolicitation": solicitReview,
}}

const reviewSolicitation = "productReviewAndSellerFeedback"

const (
	// A buyer can be asked from five days after the earliest until thirty days after the latest delivery
	// (developer-docs.amazon.com/sp-api/docs/set-up-the-solicitations-api).
	SolicitFrom = 5 * 24 * time.Hour
	SolicitTo   = 30 * 24 * time.Hour
)

// errSolicited is the refusal of a second solicitation (selling-partner-api-models#19); that an order which isn't shipped gets it too is
// assumed.
func errSolicited() *answer.Error {
	return contacts.Refused("The requested solicitation is not available for this amazonOrderId.")
}

// refusedSolicitation tells why the buyer of an order can't be asked now; nil when it can.
func refusedSolicitation(c *desk.Call, w *world.World, o *world.Order) *answer.Error {
	w.RLock()
	status := o.Status(c.Now)
	w.RUnlock()
	sent := contacts.Books.Of(c.Seller)
	sent.Mu.Lock()
	defer sent.Mu.Unlock()
	if status != world.Shipped || sent.Sent(o.ID, reviewSolicitation) {
		return errSolicited()
	}
	if earliest, latest := o.DeliveryWindow(); c.Now.Before(earliest.Add(SolicitFrom)) || c.Now.After(latest.Add(SolicitTo)) {
		return contacts.Refused("You can’t use this feature to request a review outside the 5-30 day range after the order delivery date.") // selling-partner-api-docs#121
	}
	return nil
}

// getSolicitationActions lists the one action while it is possible, and nothing otherwise (selling-partner-api-models#4927).
func getSolicitationActions(c *desk.Call) (answer.Reply, *answer.Error) {
	w, o, err := contacts.Order(c)
	if err != nil {
		return answer.Reply{}, err
	}
	if o == nil {
		return answer.Reply{}, desk.OrderNotFound(c.Path["amazonOrderId"])
	}
	names := []string{}
	if refusedSolicitation(c, w, o) == nil {
		names = append(names, reviewSolicitation)
	}
	base := "/solicitations/v1/orders/" + o.ID
	return contacts.HAL(http.StatusOK, contacts.ActionList(c, base, names, func(name string) string { return base + "/solicitations/" + name }, func(name string) object {
		return object{"$schema": "http://json-schema.org/draft-04/schema#", "type": "object", "title": name, "properties": object{}}
	})), nil
}

// solicitReview asks the buyer for a review and feedback, once per order.
func solicitReview(c *desk.Call) (answer.Reply, *answer.Error) {
	w, o, err := contacts.Order(c)
	if err != nil {
		return answer.Reply{}, err
	}
	if o == nil {
		return answer.Reply{}, desk.OrderNotFound(c.Path["amazonOrderId"])
	}
	if err := refusedSolicitation(c, w, o); err != nil {
		return answer.Reply{}, err
	}
	sent := contacts.Books.Of(c.Seller)
	sent.Mu.Lock()
	defer sent.Mu.Unlock()
	if sent.Sent(o.ID, reviewSolicitation) {
		return answer.Reply{}, errSolicited() // by another request in the meantime
	}
	sent.Send(contacts.Message{Time: c.Now.UTC(), OrderID: o.ID, Type: reviewSolicitation})
	return contacts.HAL(http.StatusCreated, object{}), nil
}
