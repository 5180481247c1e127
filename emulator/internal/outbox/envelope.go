package outbox

import (
	"slices"
	"time"

	"github.com/openspapi/spapi/emulator/internal/answer"
	"github.com/openspapi/spapi/emulator/internal/format"
	"github.com/openspapi/spapi/internal/notificationtypes"
)

// Notification is what a message tells.
type Notification struct {
	Kind, Version string
	Application   string    // id
	Subscription  string    // id
	At            time.Time // when it happened; zero: now
	Payload       format.Object
}

// envelope is a notification as it is sent. It wants b.mu held.
func (b *Box) envelope(n Notification, now time.Time) []byte {
	b.sent++
	return b.draft(n, b.sent, now)
}

// Draft is a notification as it would be sent next. Nothing is sent.
func (b *Box) Draft(n Notification, now time.Time) []byte {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.draft(n, b.sent+1, now)
}

// draft writes the message of a number. Amazon writes the envelopes of some types in PascalCase and of others in camelCase, each with a version of its own
// (selling-partner-api-models, schemas/notifications). Of types whose envelope nobody has published, camelCase and 1.0 are assumed.
func (b *Box) draft(n Notification, number int, now time.Time) []byte {
	at := format.Millis(now)
	happened := at
	if !n.At.IsZero() {
		happened = format.Millis(n.At)
	}
	id := b.Seed.Of("notification", number).UUID()
	names := [...]string{
		"notificationVersion", "notificationType", "payloadVersion", "eventTime", "payload", "notificationMetadata",
		"applicationId", "subscriptionId", "publishTime", "notificationId",
	}
	pascal, version := envelopeOf(n.Kind, n.Version)
	if pascal {
		for i, name := range names {
			names[i] = string(name[0]-'a'+'A') + name[1:]
		}
	}
	rep := answer.Reply{Body: format.Object{
		names[0]: version, names[1]: n.Kind, names[2]: n.Version, names[3]: happened, names[4]: n.Payload,
		names[5]: format.Object{names[6]: n.Application, names[7]: n.Subscription, names[8]: at, names[9]: id},
	}}
	body, _ := rep.Encode()
	return body
}

// envelopeOf is how a type's envelope is spelt, and its version.
func envelopeOf(kind, payloadVersion string) (pascal bool, version string) {
	version = "1.0"
	for _, t := range notificationtypes.All() {
		if t.Name != kind {
			continue
		}
		pascal = t.Casing == "pascal"
		if t.NotificationVersion != "" {
			version = t.NotificationVersion
		}
		if t.PayloadVersion == payloadVersion || slices.Contains(t.AlsoVersions, payloadVersion) {
			break
		}
	}
	return pascal, version
}
