package notifications

import (
	"encoding/json"
	"time"

	"github.com/openspapi/spapi/internal/wire"
)

// envelope is a notification whose payload is read into a B.
type envelope[B any] struct {
	NotificationVersion string    `json:"NotificationVersion"`
	NotificationType    string    `json:"NotificationType"`
	PayloadVersion      string    `json:"PayloadVersion"`
	EventTime           time.Time `json:"EventTime"`
	Payload             B         `json:"Payload"`
	Metadata            Metadata  `json:"NotificationMetadata"`
}

// reader fills a notification from its envelope. It leaves the payload nil where that isn't what it should be.
type reader func(n *Notification) error

// read is the reader of payloads in a P, which open takes out of what the member "payload" holds.
func read[B, P any](open func(*B) *P) reader {
	return func(n *Notification) error {
		e, err := fill[*B](n)
		if err != nil || e.Payload == nil {
			return err
		}
		if p := open(e.Payload); p != nil {
			n.Payload = p
		}
		return nil
	}
}

// readMap is the reader of payloads whose members aren't known.
func readMap[P ~map[string]json.RawMessage](n *Notification) error {
	e, err := fill[P](n)
	if err == nil && e.Payload != nil {
		n.Payload = &e.Payload
	}
	return err
}

// readRaw reads a payload as it stands.
func readRaw(n *Notification) error {
	e, err := fill[json.RawMessage](n)
	if err == nil && e.Payload != nil {
		n.Payload = e.Payload
	}
	return err
}

func fill[B any](n *Notification) (*envelope[B], error) {
	e := new(envelope[B])
	left, err := wire.DecodeLoose(n.envelope, e)
	if err != nil {
		return e, err
	}
	n.NotificationVersion, n.PayloadVersion, n.EventTime, n.Metadata = e.NotificationVersion, e.PayloadVersion, e.EventTime, e.Metadata
	n.Rest = nil
	for _, l := range left {
		n.Rest = append(n.Rest, Member(l))
	}
	return e, nil
}
