package desk

import (
	"bytes"
	"encoding/json"
	"sync"
	"time"

	"github.com/openspapi/spapi/emulator/internal/answer"
	"github.com/openspapi/spapi/emulator/internal/random"
)

// Messages from Amazon to the application's queues: the place where notifications leave the emulator. There is no queue service
// here; a message goes to a sink, if there is one, and is kept for those who ask later.

// Delivery is a message that the emulator has put into a queue.
type Delivery struct {
	Time  time.Time       `json:"time"`
	Queue string          `json:"queue"` // ARN
	Body  json.RawMessage `json:"body"`  // as Amazon writes it, secrets included
}

// maxDeliveries is how many are kept.
const maxDeliveries = 1000

type Outbox struct {
	seed *random.Seed
	sink func(queue string, body []byte)

	mu      sync.Mutex
	sent    int        // messages so far: the source of their ids
	waiting []Delivery // for the sink
	kept    []Delivery

	secretQueue string    // where credentials go; "": the application is not enrolled
	reminded    time.Time // the secret's expiry of which the last reminder told
}

// Notification is what a message tells.
type Notification struct {
	Kind, Version string
	Application   string // id
	Subscription  string // id
	Pascal        bool   // the envelope is in PascalCase
	Payload       object
}

// clear empties the box and registers a queue for credentials, or none.
func (b *Outbox) clear(secretQueue string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.sent, b.waiting, b.kept, b.secretQueue, b.reminded = 0, nil, nil, secretQueue, time.Time{}
}

// SetCredentialQueue registers another queue for new client secrets, or none.
func (b *Outbox) SetCredentialQueue(arn string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.secretQueue = arn
}

// CredentialQueue is where new client secrets go; "" for nowhere.
func (b *Outbox) CredentialQueue() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.secretQueue
}

// Deliveries are the last messages, oldest first.
func (b *Outbox) Deliveries() []Delivery {
	b.mu.Lock()
	defer b.mu.Unlock()
	return append([]Delivery(nil), b.kept...)
}

// Send puts a notification into a queue.
func (b *Outbox) Send(queue string, n Notification, now time.Time) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.post(queue, n, now)
}

// Remind puts a notification about the end of a secret into the queue for credentials, once for each end.
func (b *Outbox) Remind(end time.Time, n Notification, now time.Time) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if end.Equal(b.reminded) || b.secretQueue == "" {
		return
	}
	b.reminded = end
	b.post(b.secretQueue, n, now)
}

// post wants b.mu held.
func (b *Outbox) post(queue string, n Notification, now time.Time) {
	d := Delivery{Time: now.UTC(), Queue: queue, Body: b.envelope(n, now)}
	if b.sink != nil {
		b.waiting = append(b.waiting, d)
	}
	if len(b.kept) >= maxDeliveries {
		b.kept = append(b.kept[:0], b.kept[1:]...)
	}
	b.kept = append(b.kept, d)
}

// deliver hands waiting messages to the sink. No lock is held while it is called.
func (b *Outbox) deliver() {
	b.mu.Lock()
	waiting := b.waiting
	b.waiting = nil
	b.mu.Unlock()
	for _, d := range waiting {
		b.sink(d.Queue, bytes.Clone(d.Body))
	}
}

// envelope is a notification as it is sent. Amazon writes the envelopes of older types in PascalCase and those of newer ones in camelCase
// (selling-partner-api-models, schemas/notifications). It wants b.mu held.
func (b *Outbox) envelope(n Notification, now time.Time) []byte {
	b.sent++
	at := Millis(now)
	id := b.seed.Of("notification", b.sent).UUID()
	names := [...]string{
		"notificationVersion", "notificationType", "payloadVersion", "eventTime", "payload", "notificationMetadata",
		"applicationId", "subscriptionId", "publishTime", "notificationId",
	}
	if n.Pascal {
		for i, name := range names {
			names[i] = string(name[0]-'a'+'A') + name[1:]
		}
	}
	rep := answer.Reply{Body: object{
		names[0]: "1.0", names[1]: n.Kind, names[2]: n.Version, names[3]: at, names[4]: n.Payload,
		names[5]: object{names[6]: n.Application, names[7]: n.Subscription, names[8]: at, names[9]: id},
	}}
	body, _ := rep.Encode()
	return body
}

// Millis spells a time with thousandths of seconds, as notifications and some APIs do.
func Millis(t time.Time) string { return t.UTC().Format("2006-01-02T15:04:05.000Z") }

// outboxState is what an export keeps of the outbox.
type outboxState struct {
	Sent        int        `json:"sent,omitempty"`
	Kept        []Delivery `json:"kept,omitempty"`
	SecretQueue string     `json:"secret_queue,omitempty"`
	Reminded    time.Time  `json:"reminded,omitzero"`
}

func (b *Outbox) save() any {
	b.mu.Lock()
	defer b.mu.Unlock()
	return outboxState{b.sent, b.kept, b.secretQueue, b.reminded.UTC()}
}

func (b *Outbox) load(raw json.RawMessage) error {
	var s outboxState
	if err := json.Unmarshal(raw, &s); err != nil {
		return err
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	b.sent, b.waiting, b.kept, b.secretQueue, b.reminded = s.Sent, nil, s.Kept, s.SecretQueue, s.Reminded
	return nil
}
