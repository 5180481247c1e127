package emulator

import (
	"bytes"
	"encoding/json"
	"time"
)

// Messages from Amazon to the application's queues: the place where notifications leave the emulator. There is no queue service
// here; a message goes to the function that [WithNotificationSink] names, and can be read from [Emulator.Deliveries].

// Delivery is a message that the emulator has put into a queue.
type Delivery struct {
	Time  time.Time       `json:"time"`
	Queue string          `json:"queue"` // ARN
	Body  json.RawMessage `json:"body"`  // as Amazon writes it, secrets included
}

// maxDeliveries is how many are kept.
const maxDeliveries = 1000

// outbox is guarded by Emulator.mu.
type outbox struct {
	sent    int        // messages so far: the source of their ids
	waiting []Delivery // for the sink
	kept    []Delivery

	secretQueue string    // where credentials go; "": the application is not enrolled
	reminded    time.Time // the secret's expiry of which the last reminder told
}

// WithNotificationSink names a function that is given each message that Amazon would put into one of the application's queues: the
// queue's ARN and the message. It is called after the request that caused the message has been worked on, and before it is
// answered. It may send requests to the emulator.
func WithNotificationSink(sink func(queue string, body []byte)) Option {
	return func(o *options) { o.sink = sink }
}

// Deliveries returns the last 1,000 messages that were put into queues, oldest first.
func (e *Emulator) Deliveries() []Delivery {
	e.deliver()
	e.mu.Lock()
	defer e.mu.Unlock()
	return append([]Delivery(nil), e.outbox.kept...)
}

// post puts a message into a queue; it wants e.mu held.
func (e *Emulator) post(queue string, body []byte, now time.Time) {
	b := &e.outbox
	d := Delivery{Time: now.UTC(), Queue: queue, Body: body}
	if e.options.sink != nil {
		b.waiting = append(b.waiting, d)
	}
	if len(b.kept) >= maxDeliveries {
		b.kept = append(b.kept[:0], b.kept[1:]...)
	}
	b.kept = append(b.kept, d)
}

// deliver hands waiting messages to the sink. No lock is held while it is called.
func (e *Emulator) deliver() {
	e.gate.RLock()
	e.mu.Lock()
	e.remindOfSecret(e.now())
	waiting := e.outbox.waiting
	e.outbox.waiting = nil
	e.mu.Unlock()
	e.gate.RUnlock()
	for _, d := range waiting {
		e.options.sink(d.Queue, bytes.Clone(d.Body))
	}
}

// envelope is a notification. Amazon writes the envelopes of older types in PascalCase and those of newer ones in camelCase
// (selling-partner-api-models, schemas/notifications). It wants e.mu held.
func (e *Emulator) envelope(kind, version, subscription string, pascal bool, payload object, now time.Time) []byte {
	e.outbox.sent++
	at := millis(now)
	id := e.random("notification", e.outbox.sent).UUID()
	names := [...]string{
		"notificationVersion", "notificationType", "payloadVersion", "eventTime", "payload", "notificationMetadata",
		"applicationId", "subscriptionId", "publishTime", "notificationId",
	}
	if pascal {
		for i, n := range names {
			names[i] = string(n[0]-'a'+'A') + n[1:]
		}
	}
	rep := reply{body: object{
		names[0]: "1.0", names[1]: kind, names[2]: version, names[3]: at, names[4]: payload,
		names[5]: object{names[6]: e.app.id, names[7]: subscription, names[8]: at, names[9]: id},
	}}
	body, _ := rep.encode()
	return body
}

// millis is a time as notifications spell it.
func millis(t time.Time) string { return t.UTC().Format("2006-01-02T15:04:05.000Z") }

// outboxState is what an export keeps of the outbox.
type outboxState struct {
	Sent        int        `json:"sent,omitempty"`
	Kept        []Delivery `json:"kept,omitempty"`
	SecretQueue string     `json:"secret_queue,omitempty"`
	Reminded    time.Time  `json:"reminded,omitzero"`
}

var outboxStateful = stateful{
	name: "outbox",
	save: func(e *Emulator, _ *account) (any, error) {
		e.mu.Lock()
		defer e.mu.Unlock()
		b := &e.outbox
		return outboxState{b.sent, b.kept, b.secretQueue, b.reminded.UTC()}, nil
	},
	load: func(e *Emulator, _ *account, raw json.RawMessage) error {
		var s outboxState
		if err := json.Unmarshal(raw, &s); err != nil {
			return err
		}
		e.mu.Lock()
		defer e.mu.Unlock()
		e.outbox = outbox{sent: s.Sent, kept: s.Kept, secretQueue: s.SecretQueue, reminded: s.Reminded}
		return nil
	},
	reset: func(e *Emulator) { e.outbox = outbox{secretQueue: e.options.secretQueue} },
}
