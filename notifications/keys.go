package notifications

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/openspapi/spapi/internal/notificationtypes"
	"github.com/openspapi/spapi/internal/wire"
)

// Key is what the message is about: messages of one key must be handled in the order of [Notification.Time], those of different keys needn't. It is made of the
// type and, of the payload, what [Type] says: order, SKU, ASIN and the like, "ORDER_CHANGE/A2ZVJC2QVUUJ5V/903-8868176-2219830". Messages that don't tell have
// the key of their subscription.
func (n Notification) Key() string {
	var parts []string
	told := false
	if n.kind != nil {
		for _, path := range n.kind.Key {
			part := n.at(path)
			told = told || part != ""
			parts = append(parts, part)
		}
	}
	if !told {
		parts = []string{n.Metadata.SubscriptionID}
	}
	return join(n.Type, parts)
}

// NaturalKey is the same for messages that tell the same once more, though their ids differ: subscription, ids, what has become of them, and when. It is ""
// where a type has none, or the message lacks one that [Type] says is needed: then there is only the id.
func (n Notification) NaturalKey() string {
	if n.kind == nil || len(n.kind.NaturalKey) == 0 {
		return ""
	}
	parts := []string{n.Metadata.SubscriptionID}
	for _, path := range n.kind.NaturalKey {
		if path != "time" {
			part := n.at(path)
			if part == "" && needs(n.kind, path) {
				return ""
			}
			parts = append(parts, part)
			continue
		}
		t := n.Time()
		if t.IsZero() {
			return ""
		}
		parts = append(parts, t.UTC().Format(time.RFC3339Nano))
	}
	return join(n.Type, parts)
}

// needs reports whether messages that lack a value of their natural key have none: two of them might be taken for one, and the other get lost. The narrowest
// id is always needed; what is around it (account, seller) isn't, as the subscription stands for it; the rest is, where no time tells apart.
func needs(kind *notificationtypes.Type, path string) bool {
	if i := slices.Index(kind.Key, path); i >= 0 {
		return i == len(kind.Key)-1
	}
	return !slices.Contains(kind.NaturalKey, "time")
}

// Time is what orders the messages of a key: the time that the payload gives the change, such as TimeOfOfferChange, or else EventTime, or else when the message
// was sent. It is zero where the message tells none.
func (n Notification) Time() time.Time {
	if n.kind != nil && n.kind.Time != "" {
		if t, err := wire.ParseTime(n.at(n.kind.Time)); err == nil {
			return t
		}
	}
	if n.EventTime.IsZero() {
		return n.Metadata.PublishTime
	}
	return n.EventTime
}

// at is what stands at a path of the payload, several values separated by commas.
func (n Notification) at(path string) string {
	if n.kind.Wrapper != "" {
		path = n.kind.Wrapper + "." + path
	}
	found, err := wire.FindLoose(n.envelope, "payload."+path)
	if err != nil {
		return ""
	}
	texts := make([]string, len(found))
	for i, value := range found {
		texts[i] = text(compact(value))
	}
	return strings.Join(texts, ",")
}

// compact is a value without the blanks between its parts.
func compact(value []byte) []byte {
	if value[0] != '{' && value[0] != '[' {
		return value
	}
	var b bytes.Buffer
	_ = json.Compact(&b, value) // has been scanned
	return b.Bytes()
}

// longestKey is how many bytes a key has before what stands behind its type is hashed.
const longestKey = 200

func join(kind string, parts []string) string {
	var b strings.Builder
	b.WriteString(kind)
	for _, part := range parts {
		b.WriteByte('/')
		b.WriteString(url.PathEscape(part))
	}
	if b.Len() > longestKey {
		sum := sha256.Sum256([]byte(b.String()))
		return kind + "/" + hex.EncodeToString(sum[:])
	}
	return b.String()
}
