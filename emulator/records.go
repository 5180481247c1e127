package emulator

import (
	"encoding/json"
	"time"

	"github.com/openspapi/spapi/emulator/internal/contacts"
)

// LoggedRequest is one request that the emulator has answered. It holds no tokens, secrets or personal data: "redacted" stands for words of a path that is
// no operation's, for values of parameters that the operation doesn't declare, and for whatever looks like a secret.
type LoggedRequest struct {
	Time      time.Time `json:"time"`
	Method    string    `json:"method"`
	Path      string    `json:"path"`
	Query     string    `json:"query"`     // encoded
	Operation string    `json:"operation"` // "ordersv0.getOrders", "lwa.token", "sts.AssumeRole"; "" when no operation was found
	Status    int       `json:"status"`    // 0 where a fault has reset the connection
	RequestID string    `json:"request_id"`
	Fault     FaultKind `json:"fault,omitempty"` // that struck the request; "" for none
	Remaining int       `json:"remaining"`       // requests left in the operation's bucket after this one; -1 where no limit was looked at
	// Ignored are the names of query parameters that the operation doesn't have: Amazon ignores them, so a misspelled one has no effect.
	Ignored []string `json:"ignored,omitempty"`
	// Reason tells which check refused the request, and why: "token: …", "marketplaces: …", "CreatedAfter: …"; "" for a request that was not refused.
	// Amazon tells less. See [WithExplain].
	Reason string `json:"reason,omitempty"`
}

// Requests returns the last 1,000 requests, oldest first.
func (e *Emulator) Requests() []LoggedRequest {
	log := e.desk.Requests()
	list := make([]LoggedRequest, len(log))
	for i, r := range log {
		list[i] = LoggedRequest(r)
	}
	return list
}

// Delivery is a message that the emulator has sent to a queue, and what has become of it.
type Delivery struct {
	Time  time.Time       `json:"time"`
	Queue string          `json:"queue"` // ARN; of EventBridge that of the partner event source
	Body  json.RawMessage `json:"body"`  // as Amazon writes it, secrets included; of a message that a fault has spoiled, a JSON text
	// Outcome is "delivered", or why the message did not arrive, of which Amazon says nothing: "dropped: policy: …". Faults that have struck it are named:
	// "lost (fault fault-1)".
	Outcome string `json:"outcome,omitempty"`
}

// Deliver delivers what time has brought: messages about what has happened by the emulator's clock, and those that a fault lets come late. It is done after
// each request, when a consumer asks a queue for messages, while [Emulator.Serve] runs each second, and by [Emulator.Deliveries].
func (e *Emulator) Deliver() { e.desk.Deliver() }

// Deliveries returns the last 1,000 messages that were sent to queues, oldest first, those that did not arrive among them.
func (e *Emulator) Deliveries() []Delivery {
	e.desk.Deliver()
	sent := e.desk.Outbox.Deliveries()
	list := make([]Delivery, len(sent))
	for i, d := range sent {
		list[i] = Delivery(d)
	}
	return list
}

// BuyerMessage is a message that a seller has sent to the buyer of an order, or a solicitation.
type BuyerMessage struct {
	Time        time.Time `json:"time"`
	OrderID     string    `json:"order_id"`
	Type        string    `json:"type"` // as in the operation's path: "legalDisclosure", "productReviewAndSellerFeedback"
	Text        string    `json:"text,omitempty"`
	Attachments []string  `json:"attachments,omitempty"` // file names
}

// Messages returns what a seller has sent to buyers by the messaging and solicitations APIs, oldest first; nil for an unknown seller.
func (e *Emulator) Messages(sellerID string) []BuyerMessage {
	a := e.desk.Auth.BySellerID(sellerID)
	if a == nil {
		return nil
	}
	seller := e.desk.Seller(a.Number)
	if seller == nil {
		return nil // a reset came between
	}
	var list []BuyerMessage
	for _, m := range contacts.MessagesOf(seller) {
		list = append(list, BuyerMessage(m))
	}
	return list
}
