// Package notifications reads what Amazon tells of changes: the messages of SP-API's Notifications API, with a Go type for the payload of every type.
//
//	n, err := notifications.Parse([]byte(*message.Body))
//	if err != nil {
//		return err
//	}
//	switch p := n.Payload.(type) {
//	case *notifications.OrderChange:
//		fmt.Println(p.AmazonOrderID, p.Summary.OrderStatus)
//	case json.RawMessage: // a type or version that this package doesn't know
//	}
//
// A [Mux] does the switch: it takes functions such as func(context.Context, *OrderChange) error, wrapped by [On].
//
// Messages come in PascalCase or camelCase, at times in both, and Amazon adds to them at any time. So casing counts for nothing, missing members are zero,
// enums are texts that hold any value, and what a type has no place for is in [Notification.Rest]: nothing of a message gets lost.
//
// Amazon sends messages twice, late, out of order, and not at all. [Notification.Key] tells which must stay in order among themselves, [Notification.Time]
// which of two is newer, [Notification.NaturalKey] and [Notification.ID] which have been seen before. [Types] lists all types with what is known of them.
// Package notifications/sqs takes messages from a queue and minds all that.
package notifications

import (
	"bytes"
	"cmp"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"strconv"
	"strings"
	"time"

	"github.com/openspapi/spapi/internal/notificationtypes"
	"github.com/openspapi/spapi/internal/wire"
)

// MaxSize is how many bytes a message may have: as many as SQS takes (1 MiB).
const MaxSize = 1 << 20

// Notification is one message. It prints as its type, payload version and id, and nothing of its payload.
type Notification struct {
	Type                string // "ORDER_CHANGE", as in a subscription, however the message spells it
	NotificationVersion string // of the envelope
	PayloadVersion      string
	EventTime           time.Time // when it happened; see Time for what orders messages
	Metadata            Metadata  // zero where the message has none
	// Payload is a pointer to one of the types that [Payload] lists, such as *OrderChange. It is a json.RawMessage, the payload as it came, where type or
	// payload version are unknown or the payload isn't what it is said to be. It is never nil.
	Payload any
	// Rest is what has no place in the fields above: members that the types don't know, and values that don't fit. It has the first thousand of them and,
	// where there are more, one without a Pointer, whose Reason is "more": Raw has all.
	Rest []Member

	raw      []byte                  // as it came, or without its secrets
	envelope []byte                  // the notification in it
	kind     *notificationtypes.Type // what is known of its type, nil where nothing is
}

// Metadata tells where a message comes from.
type Metadata struct {
	ApplicationID  string    `json:"applicationId,omitzero"`
	SubscriptionID string    `json:"subscriptionId,omitzero"`
	PublishTime    time.Time `json:"publishTime,omitzero"` // when it was sent, at times before EventTime
	NotificationID string    `json:"notificationId,omitzero"`
}

// Member is a value that has no place in a type.
type Member struct {
	Pointer string          // where it stands in the notification: a JSON pointer (RFC 6901), "/Payload/OrderChangeNotification/Summary/New"
	Reason  string          // "unknown member", "second value" of a member that comes twice, or what was expected, "not an integer"; "more": see Rest
	Value   json.RawMessage // as it came
}

// ParseError is why a message is no notification, or none that can be taken.
type ParseError struct {
	Reason string // names of members at most, never their values
	Err    error  // what is wrong with its JSON, or nil
}

func (e *ParseError) Error() string {
	text := "notifications: not a notification: " + e.Reason
	if e.Err != nil {
		text += ": " + e.Err.Error()
	}
	return text
}

// Unwrap returns Err.
func (e *ParseError) Unwrap() error { return e.Err }

// Parse reads a message: the body of an SQS message, or an event of EventBridge, whose detail is the notification, or either in a message of SNS. It keeps the
// body, which must not be changed any more. Its error is a [ParseError]: the message has no type or no payload, is no JSON, or longer than [MaxSize]; or it
// is to hold a secret and doesn't.
func Parse(body []byte) (*Notification, error) {
	if len(body) > MaxSize {
		return nil, &ParseError{Reason: fmt.Sprintf("the body has %d bytes, more than the %d that SQS takes", len(body), MaxSize)}
	}
	head, envelope, err := open(body)
	if err != nil {
		return nil, err
	}
	if !isName(head.kind) {
		return nil, &ParseError{Reason: "its notificationType is no name of a type, such as ORDER_CHANGE"}
	}
	n := &Notification{Type: head.kind, raw: body, envelope: envelope}
	known, at := find(strings.ToUpper(head.kind), head.version)
	if n.kind = known; known != nil {
		n.Type = known.Name
	}
	if at >= 0 {
		err = payloads[at](n)
	}
	if n.Payload == nil && err == nil {
		err = readRaw(n)
	}
	if err != nil {
		return nil, &ParseError{"its JSON is broken", err}
	}
	if n.Payload == nil {
		return nil, &ParseError{Reason: "it has no payload: " + wire.Names(envelope)}
	}
	if n.kind != nil && n.kind.Secret {
		if err := n.hide(); err != nil {
			return nil, err
		}
	}
	return n, nil
}

// isName reports whether a text may be the name of a type: names are printed and logged, whoever has sent them.
func isName(s string) bool {
	for _, c := range []byte(s) {
		if c != '_' && c != '-' && c != '.' && (c < '0' || c > '9') && (c|0x20 < 'a' || c|0x20 > 'z') {
			return false
		}
	}
	return len(s) <= 100
}

// head is what the outside of a message tells.
type head struct {
	kind, version string
	detail        []byte // of EventBridge
	message       []byte // of SNS
}

// mostWrappers is how many wrappers may be around a notification: SNS around EventBridge is the most that anybody sets up.
const mostWrappers = 2

// open takes the wrappers off a message.
func open(body []byte) (head, []byte, error) {
	for range mostWrappers + 1 {
		h, err := look(body)
		switch {
		case err != nil:
			return h, nil, &ParseError{"the body is no JSON object", err}
		case h.kind != "":
			return h, body, nil
		case h.detail != nil:
			body = h.detail
		case h.message != nil:
			body = []byte(text(h.message))
		default:
			return h, nil, &ParseError{Reason: "it has no member notificationType: " + wire.Names(body)}
		}
	}
	return head{}, nil, &ParseError{Reason: fmt.Sprintf("it lies in more than %d wrappers", mostWrappers)}
}

// look looks at the members of a body until type and version are known.
func look(body []byte) (h head, err error) {
	var versioned, eventBridge, sns bool
	err = wire.Members(body, func(name, value []byte) bool {
		switch string(name) {
		case "notificationtype":
			h.kind = cmp.Or(h.kind, text(value)) // of two values the first counts, as it does in the fields
		case "payloadversion":
			if !versioned && string(value) != "null" {
				h.version, versioned = text(value), true
			}
		case "detail":
			h.detail = value
		case "detail-type":
			eventBridge = true
		case "message":
			h.message = value
		case "topicarn":
			sns = true
		}
		return h.kind == "" || !versioned
	})
	if !eventBridge {
		h.detail = nil
	}
	if !sns {
		h.message = nil
	}
	return h, err
}

// text is a value as a text: a string's, or that of anything else as it stands; null is "".
func text(value []byte) string {
	switch {
	case len(value) == 0 || string(value) == "null":
		return ""
	case value[0] != '"':
		return string(value)
	case bytes.IndexByte(value, '\\') < 0:
		return string(value[1 : len(value)-1])
	}
	var s string
	_ = json.Unmarshal(value, &s) // has been scanned
	return s
}

// hide takes the secret out of what is kept of the message, so that it is in the payload alone, which doesn't print it.
func (n *Notification) hide() error {
	p, ok := n.Payload.(*ApplicationOAuthClientNewSecret)
	if !ok || p.NewClientSecret.IsZero() || p.ClientID == "" {
		return &ParseError{Reason: n.Type + " " + plain(n.PayloadVersion) + " without clientId and newClientSecret in " + n.kind.Wrapper}
	}
	redacted, err := json.Marshal(p.NewClientSecret)
	if err != nil {
		return &ParseError{"its secret cannot be hidden", err}
	}
	for i := range n.Rest { // whatever it is, it may hold the secret
		n.Rest[i].Value = redacted
	}
	n.raw, err = json.Marshal(struct {
		NotificationVersion string         `json:"notificationVersion,omitzero"`
		NotificationType    string         `json:"notificationType"`
		PayloadVersion      string         `json:"payloadVersion,omitzero"`
		EventTime           time.Time      `json:"eventTime,omitzero"`
		Payload             map[string]any `json:"payload"`
		Metadata            Metadata       `json:"notificationMetadata,omitzero"`
	}{n.NotificationVersion, n.Type, n.PayloadVersion, n.EventTime, map[string]any{n.kind.Wrapper: p}, n.Metadata})
	if err != nil {
		return &ParseError{"its secret cannot be hidden", err}
	}
	n.envelope = n.raw
	return nil
}

// ID is the id that Amazon gave the message, the same when it comes again; "" where the message has none.
func (n Notification) ID() string { return n.Metadata.NotificationID }

// Known reports whether Payload has a type.
func (n Notification) Known() bool {
	_, raw := n.Payload.(json.RawMessage)
	return n.Payload != nil && !raw
}

// Raw is the message as it came, wrappers included, but without its secret where it has one. It must not be changed.
func (n Notification) Raw() []byte { return n.raw }

// MarshalJSON is Raw.
func (n Notification) MarshalJSON() ([]byte, error) {
	if n.raw == nil {
		return []byte("null"), nil
	}
	return bytes.TrimPrefix(n.raw, []byte("\xef\xbb\xbf")), nil
}

// String is type, payload version and id.
func (n Notification) String() string {
	s := n.Type
	for _, more := range []string{n.PayloadVersion, n.ID()} {
		if more != "" {
			s += " " + plain(more)
		}
	}
	return s
}

// plain is a text that can be printed: short, and without what a terminal obeys.
func plain(s string) string {
	if len(s) > 100 {
		s = strings.ToValidUTF8(s[:100], "") + "…"
	}
	if quoted := strconv.Quote(s); quoted[1:len(quoted)-1] != s {
		return quoted
	}
	return s
}

// Format is String, whatever the verb.
func (n Notification) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, n.String()) }

// LogValue is type, payload version and id.
func (n Notification) LogValue() slog.Value {
	return slog.GroupValue(slog.String("type", n.Type), slog.String("version", plain(n.PayloadVersion)), slog.String("id", plain(n.ID())))
}
