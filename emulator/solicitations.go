package emulator

import (
	"net/http"
	"time"

	"github.com/openspapi/spapi/emulator/internal/world"
)

var solicitationsFlow = flow{handlers: map[string]handler{
	"solicitationsv1.getSolicitationActionsForOrder":                   getSolicitationActions,
	"solicitationsv1.createProductReviewAndSellerFeedbackSolicitation": solicitReview,
}}

const reviewSolicitation = "productReviewAndSellerFeedback"

const (
	// A buyer can be asked from five days after the earliest until thirty days after the latest delivery
	// (developer-docs.amazon.com/sp-api/docs/set-up-the-solicitations-api).
	solicitFrom = 5 * 24 * time.Hour
	solicitTo   = 30 * 24 * time.Hour
)

// errSolicited is the refusal of a second solicitation (selling-partner-api-models#19); that an order which isn't shipped gets it too is
// assumed.
func errSolicited() *apiError {
	return errContact("The requested solicitation is not available for this amazonOrderId.")
}

// refusedSolicitation tells why the buyer of an order can't be asked now; nil when it can.
func (c *call) refusedSolicitation(w *world.World, o *world.Order) *apiError {
	w.RLock()
	status := o.Status(c.now)
	w.RUnlock()
	sent := contactStore.of(c.account)
	sent.mu.Lock()
	defer sent.mu.Unlock()
	if status != world.Shipped || sent.has(o.ID, reviewSolicitation) {
		return errSolicited()
	}
	if earliest, latest := o.DeliveryWindow(); c.now.Before(earliest.Add(solicitFrom)) || c.now.After(latest.Add(solicitTo)) {
		return errContact("You can’t use this feature to request a review outside the 5-30 day range after the order delivery date.") // selling-partner-api-docs#121
	}
	return nil
}

// getSolicitationActions lists the one action while it is possible, and nothing otherwise (selling-partner-api-models#4927).
func getSolicitationActions(c *call) (reply, *apiError) {
	w, o, err := c.contactOrder()
	if err != nil {
		return reply{}, err
	}
	if o == nil {
		return reply{}, orderNotFound(c.path["amazonOrderId"])
	}
	names := []string{}
	if c.refusedSolicitation(w, o) == nil {
		names = append(names, reviewSolicitation)
	}
	base := "/solicitations/v1/orders/" + o.ID
	return hal(http.StatusOK, c.actionList(base, names, func(name string) string { return base + "/solicitations/" + name }, func(name string) object {
		return object{"$schema": "http://json-schema.org/draft-04/schema#", "type": "object", "title": name, "properties": object{}}
	})), nil
}

// solicitReview asks the buyer for a review and feedback, once per order.
func solicitReview(c *call) (reply, *apiError) {
	w, o, err := c.contactOrder()
	if err != nil {
		return reply{}, err
	}
	if o == nil {
		return reply{}, orderNotFound(c.path["amazonOrderId"])
	}
	if err := c.refusedSolicitation(w, o); err != nil {
		return reply{}, err
	}
	sent := contactStore.of(c.account)
	sent.mu.Lock()
	defer sent.mu.Unlock()
	if sent.has(o.ID, reviewSolicitation) {
		return reply{}, errSolicited() // by another request in the meantime
	}
	sent.messages = append(sent.messages, BuyerMessage{Time: c.now.UTC(), OrderID: o.ID, Type: reviewSolicitation})
	return hal(http.StatusCreated, object{}), nil
}
