// Package outbox is where notifications leave the emulator. A message goes through the faults of delivery to its queue, whose policy may refuse it, then to a
// sink, if there is one, and is kept for those who ask later.
package outbox

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/openspapi/spapi/emulator/internal/answer"
	"github.com/openspapi/spapi/emulator/internal/fault"
	"github.com/openspapi/spapi/emulator/internal/format"
	"github.com/openspapi/spapi/emulator/internal/queues"
	"github.com/openspapi/spapi/emulator/internal/random"
)

// Delivery is a message that the emulator has sent, and what has become of it.
type Delivery struct {
	Time    time.Time       `json:"time"`
	Queue   string          `json:"queue"`             // ARN; of EventBridge that of the partner event source
	Body    json.RawMessage `json:"body"`              // as Amazon writes it, secrets included; of a message that a fault has spoiled, a JSON text
	Outcome string          `json:"outcome,omitempty"` // "delivered", "dropped: policy: …", "lost (fault fault-1)"
}

// Delivered begins the outcome of a message that has arrived.
const Delivered = "delivered"

const (
	maxDeliveries = 1000    // that are kept
	maxLate       = 100_000 // messages that a fault lets come late
)

// Box has the messages from Amazon to the application's queues. It is safe for concurrent use.
type Box struct {
	Seed   *random.Seed
	Sink   func(queue string, body []byte) // nil for none
	Queues *queues.Service
	Faults *fault.Rules

	mu      sync.Mutex
	sent    int        // messages so far: the source of their ids
	late    []lateOne  // in order of when they are due
	waiting []Delivery // for the sink
	handing bool       // somebody hands messages to the sink
	kept    []Delivery

	secretQueue string    // where credentials go; "": the application is not enrolled
	reminded    time.Time // the secret's expiry of which the last reminder told
}

// lateOne is a message that a fault lets come late.
type lateOne struct {
	Due   time.Time `json:"due"` // by the emulator's clock
	Queue string    `json:"queue"`
	Kind  string    `json:"kind"`
	Body  []byte    `json:"body"`
	How   string    `json:"how"`
	Mixed bool      `json:"mixed,omitempty"` // its place is to be changed with another's
}

// Amazon is who sends to queues: developer-docs.amazon.com/sp-api/docs/set-up-notifications-with-amazon-sqs.
var Amazon = queues.Principal{Account: "437568002678"}

// events is who sends what comes to an event bus on to a queue, by a rule: docs.aws.amazon.com/eventbridge/latest/userguide/eb-use-resource-based.html.
var events = queues.Principal{Service: "events.amazonaws.com"}

// EventsQueue is the name of the queue to which a rule sends the events of each account's bus in a region, as users make one.
const EventsQueue = "spapi-events"

// place is the queue in which messages to a target arrive, and who puts them there.
func place(target string) (queues.Name, queues.Principal, error) {
	if parts := strings.Split(target, ":"); len(parts) == 6 && parts[2] == "events" && strings.HasPrefix(parts[5], "event-source/") {
		return queues.Name{Region: parts[3], Account: parts[4], Name: EventsQueue}, events, nil
	}
	n, err := queues.ParseARN(target)
	return n, Amazon, err
}

// Open makes the queue of a target, with a policy that lets Amazon send to it, unless there is one.
func (b *Box) Open(target string) {
	if n, who, err := place(target); err == nil {
		b.Queues.Ensure(n, who)
	}
}

// Clear empties the box and registers a queue for credentials, or none.
func (b *Box) Clear(secretQueue string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.sent, b.late, b.waiting, b.kept, b.secretQueue, b.reminded = 0, nil, nil, nil, secretQueue, time.Time{}
	if secretQueue != "" {
		b.Open(secretQueue)
	}
}

// SetCredentialQueue registers another queue for new client secrets, or none.
func (b *Box) SetCredentialQueue(arn string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.secretQueue = arn
	if arn != "" {
		b.Open(arn)
	}
}

// CredentialQueue is where new client secrets go; "" for nowhere.
func (b *Box) CredentialQueue() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.secretQueue
}

// Deliveries are the last messages, oldest first.
func (b *Box) Deliveries() []Delivery {
	b.mu.Lock()
	defer b.mu.Unlock()
	return append([]Delivery(nil), b.kept...)
}

// Send sends a notification to a target, the ARN of a queue or of a partner event source, and tells what has become of it.
func (b *Box) Send(target string, n Notification, now time.Time) Delivery {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.post(target, n, now)
}

// Remind puts a notification about the end of a secret into the queue for credentials, once for each end.
func (b *Box) Remind(end time.Time, n Notification, now time.Time) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if end.Equal(b.reminded) || b.secretQueue == "" {
		return
	}
	b.reminded = end
	b.post(b.secretQueue, n, now)
}

// post sends a notification as the faults have it. It wants b.mu held.
func (b *Box) post(target string, n Notification, now time.Time) Delivery {
	body := b.envelope(n, now)
	hit := b.Faults.Message(n.Kind)
	how := ""
	if len(hit.Rules) > 0 {
		how = " (fault " + strings.Join(hit.Rules, ", ") + ")"
	}
	switch {
	case hit.Lost:
		return b.note(target, body, "lost"+how, now)
	case hit.Denied:
		return b.note(target, body, "dropped: policy: nothing in it lets "+Amazon.String()+" do sqs:SendMessage"+how, now)
	}
	if hit.Poison {
		body = b.spoil(body)
	}
	var d Delivery
	for range 1 + hit.Duplicates {
		if hit.Late > 0 && len(b.late) >= maxLate {
			return b.note(target, body, fmt.Sprintf("dropped: %d messages are late already", maxLate)+how, now)
		}
		if hit.Late > 0 {
			one := lateOne{Due: now.Add(hit.Late), Queue: target, Kind: n.Kind, Body: body, How: how, Mixed: hit.Shuffled}
			i := len(b.late)
			for i > 0 && b.late[i-1].Due.After(one.Due) {
				i--
			}
			b.late = slices.Insert(b.late, i, one)
			d = Delivery{Time: now.UTC(), Queue: target, Body: shown(body), Outcome: "late: due " + format.Millis(one.Due) + how}
			continue
		}
		d = b.put(target, n.Kind, body, how, hit.Shuffled, now)
	}
	return d
}

// spoil makes of a message something else: at times half of it, at times what is no notification. It wants b.mu held.
func (b *Box) spoil(body []byte) []byte {
	if b.Seed.Of("poison", b.sent).IntN(2) == 0 {
		return body[:len(body)/2]
	}
	return []byte(`{"Type":"Notification","Message":"This is no notification of the Selling Partner API."}`)
}

// put puts a message into its queue. It wants b.mu held.
func (b *Box) put(target, kind string, body []byte, how string, mixed bool, now time.Time) Delivery {
	n, who, err := place(target)
	text := string(body)
	if who == events {
		text = string(b.event(target, kind, body, now))
	}
	if err == nil {
		err = b.Queues.Send(n, who, text)
	}
	if full := queues.FullError(""); b.Sink != nil && errors.As(err, &full) { // whoever has a sink may never read the queues
		err, how = nil, " to the sink alone: "+err.Error()+how
	}
	if err != nil {
		return b.note(target, body, "dropped: "+err.Error()+how, now)
	}
	choice := 1.
	if mixed {
		choice = b.Seed.Of("shuffled", b.sent, len(b.kept)).Float64()
		b.Queues.Shuffle(n, choice)
	}
	d := b.note(target, body, Delivered+how, now)
	if b.Sink != nil {
		b.waiting = append(b.waiting, Delivery{Queue: target, Body: body})
		if last := len(b.waiting) - 1; mixed {
			i := min(int(choice*float64(last+1)), last)
			b.waiting[i], b.waiting[last] = b.waiting[last], b.waiting[i]
		}
	}
	return d
}

// event is a notification as an event bus has it. It wants b.mu held.
func (b *Box) event(target, kind string, body []byte, now time.Time) []byte {
	parts := strings.SplitN(target, ":", 6)
	rep := answer.Reply{Body: format.Object{
		"version": "0", "id": b.Seed.Of("event", b.sent).UUID(), "detail-type": kind, "source": strings.TrimPrefix(parts[5], "event-source/"), "account": parts[4],
		"time": now.UTC().Format("2006-01-02T15:04:05Z"), "region": parts[3], "resources": []string{}, "detail": shown(body),
	}}
	text, _ := rep.Encode()
	return text
}

// shown is a body as JSON, whatever it is.
func shown(body []byte) json.RawMessage {
	if json.Valid(body) {
		return body
	}
	text, err := json.Marshal(string(body))
	if err != nil {
		panic("emulator: message: " + err.Error()) // of a text
	}
	return text
}

// note keeps a message for those who ask later. It wants b.mu held.
func (b *Box) note(target string, body []byte, outcome string, now time.Time) Delivery {
	d := Delivery{Time: now.UTC(), Queue: target, Body: shown(body), Outcome: outcome}
	if len(b.kept) >= maxDeliveries {
		b.kept = append(b.kept[:0], b.kept[1:]...)
	}
	b.kept = append(b.kept, d)
	return d
}

// Release sends what was to come late.
func (b *Box) Release(now time.Time) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for len(b.late) > 0 && !b.late[0].Due.After(now) {
		one := b.late[0]
		b.late = b.late[1:]
		b.put(one.Queue, one.Kind, one.Body, one.How, one.Mixed, now)
	}
}

// Deliver hands waiting messages to the sink, in order, one at a time: if somebody does so already, these are handed over by them. No lock is held while
// the sink is called.
func (b *Box) Deliver() {
	b.mu.Lock()
	if b.handing {
		b.mu.Unlock()
		return
	}
	b.handing = true
	defer func() { // the sink may panic
		b.handing = false
		b.mu.Unlock()
	}()
	for len(b.waiting) > 0 {
		d := b.waiting[0]
		b.waiting = b.waiting[1:]
		func() {
			b.mu.Unlock()
			defer b.mu.Lock()
			b.Sink(d.Queue, bytes.Clone(d.Body))
		}()
	}
}

// saved is what an export keeps.
type saved struct {
	Sent        int        `json:"sent,omitempty"`
	Late        []lateOne  `json:"late,omitempty"`
	Kept        []Delivery `json:"kept,omitempty"`
	SecretQueue string     `json:"secret_queue,omitempty"`
	Reminded    time.Time  `json:"reminded,omitzero"`
}

// Save returns what an export keeps.
func (b *Box) Save() any {
	b.mu.Lock()
	defer b.mu.Unlock()
	return saved{b.sent, b.late, b.kept, b.secretQueue, b.reminded.UTC()}
}

// Load brings the box to what Save returned.
func (b *Box) Load(raw json.RawMessage) error {
	var s saved
	if err := json.Unmarshal(raw, &s); err != nil {
		return err
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	b.sent, b.late, b.waiting, b.kept, b.secretQueue, b.reminded = s.Sent, s.Late, nil, s.Kept, s.SecretQueue, s.Reminded
	return nil
}
