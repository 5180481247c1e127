package emulator

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"

	"github.com/openspapi/spapi/emulator/internal/flow/notifications"
	"github.com/openspapi/spapi/emulator/internal/queues"
)

// Trigger is a notification that is wanted although nothing has changed, see [Emulator.Trigger].
type Trigger struct {
	Type           string `json:"type"`                     // of the notification: "ORDER_CHANGE"
	PayloadVersion string `json:"payloadVersion,omitempty"` // "": that of each subscription; for a queue the type's latest
	// Seller is the id of the seller whose news it is; "": the first one who is subscribed to the type, else the first one.
	Seller string `json:"seller,omitempty"`
	// About has ids of what it is about: "order", "sku", "asin", "marketplace", "report", "feed", "query" and "shipment", as the type goes. What is missing is
	// chosen.
	About map[string]string `json:"about,omitempty"`
	// Payload is the payload as it is to stand in the message, with the member that wraps it, and is sent as it is, whether or not it fits Amazon's schema.
	// Without one the payload tells what there is now of what the message is about.
	Payload json.RawMessage `json:"payload,omitempty"`
	Queue   string          `json:"queue,omitempty"` // ARN of the queue to which it goes, past subscriptions and their filters; "": to those who are subscribed
	Dry     bool            `json:"dry,omitempty"`   // nothing is sent
}

// Triggered is what has become of a [Trigger].
type Triggered struct {
	Messages []TriggeredMessage `json:"messages"`         // one for each subscription that there is to the type, and for a queue that was named
	Reason   string             `json:"reason,omitempty"` // why there is none
	Notes    []string           `json:"notes,omitempty"`  // what is odd about the payload that was given
}

// TriggeredMessage is what has become of one message.
type TriggeredMessage struct {
	Queue        string `json:"queue"`                  // ARN; of EventBridge that of the partner event source
	Subscription string `json:"subscription,omitempty"` // id; "" for a queue that was named
	// Outcome is "sent"; "filtered" by the subscription's processing directive; "held" by its aggregation; or, of one that was sent and hasn't arrived, "dropped",
	// "lost" or "late".
	Outcome string          `json:"outcome"`
	Reason  string          `json:"reason,omitempty"` // of an outcome that isn't "sent"
	Body    json.RawMessage `json:"body,omitempty"`   // the envelope; of a dry one as it would be
}

// Trigger sends a notification without anything having changed, for those who try their consumers: to those who are subscribed to the type, through their
// filters, or to one queue. The error is about what was wanted: an unknown type, payload version, seller or id, a payload that is no object, a queue that is
// no ARN, a type of which the emulator makes no payload.
func (e *Emulator) Trigger(t Trigger) (*Triggered, error) {
	wanted := notifications.Trigger{Type: t.Type, Version: t.PayloadVersion, About: t.About, Queue: t.Queue, Dry: t.Dry}
	var err error
	if wanted.Payload, err = payloadOf(t.Payload); err != nil {
		return nil, err
	}
	if t.Queue != "" {
		if _, err := queues.ParseARN(t.Queue); err != nil {
			return nil, fmt.Errorf("emulator: queue: %w", err)
		}
	}
	out := &Triggered{Messages: []TriggeredMessage{}}
	e.desk.Beside(func() {
		if t.Seller != "" {
			account := e.desk.Auth.BySellerID(t.Seller)
			if account == nil {
				err = fmt.Errorf("seller: there is no %q", t.Seller)
				return
			}
			wanted.Seller = e.desk.Seller(account.Number)
		}
		var list []notifications.Triggered
		if list, out.Reason, out.Notes, err = wanted.Pull(e.desk); err != nil {
			return
		}
		for _, m := range list {
			out.Messages = append(out.Messages, TriggeredMessage{Queue: m.Queue, Subscription: m.Subscription, Outcome: m.Outcome, Reason: m.Why, Body: m.Body})
		}
	})
	if err != nil {
		return nil, fmt.Errorf("emulator: %w", err)
	}
	e.desk.Deliver()
	return out, nil
}

func payloadOf(text json.RawMessage) (payload map[string]any, err error) {
	if len(text) == 0 || string(text) == "null" {
		return nil, nil
	}
	dec := json.NewDecoder(bytes.NewReader(text))
	dec.UseNumber()
	if err := dec.Decode(&payload); err != nil {
		return nil, errors.New("emulator: payload: is no JSON object")
	}
	if _, err := dec.Token(); err != io.EOF {
		return nil, errors.New("emulator: payload: something follows the object")
	}
	if nested(payload, maxNesting) {
		return nil, fmt.Errorf("emulator: payload: has objects within objects more than %d deep", maxNesting)
	}
	return payload, nil
}

// maxNesting is how deep a payload may be. Go reads nothing that is more than 10,000 deep, and it stands in an envelope, and that in exports.
const maxNesting = 1000

// nested tells whether a value is deeper than it may be.
func nested(v any, left int) bool {
	switch v := v.(type) {
	case map[string]any:
		for _, inner := range v {
			if left == 0 || nested(inner, left-1) {
				return true
			}
		}
	case []any:
		return slices.ContainsFunc(v, func(inner any) bool { return left == 0 || nested(inner, left-1) })
	}
	return false
}

// controlTrigger is [Emulator.Trigger] as JSON.
func controlTrigger(e *Emulator, c *controlCall) (any, error) {
	var in Trigger
	if err := c.read(&in); err != nil {
		return nil, err
	}
	return e.Trigger(in)
}
