package notifications

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/openspapi/spapi/internal/wire"
)

// leaves are all values of a body by their place, names in lower case. What tells nothing (null, "") is left out; empty lists and objects are values.
func leaves(v any, place string, to map[string][]string) {
	switch v := v.(type) {
	case map[string]any:
		if len(v) == 0 {
			to[place] = append(to[place], "{}")
		}
		for name, value := range v {
			leaves(value, place+"/"+strings.ToLower(strings.NewReplacer("~", "~0", "/", "~1").Replace(name)), to)
		}
	case []any:
		if len(v) == 0 {
			to[place] = append(to[place], "[]")
		}
		for i, value := range v {
			leaves(value, place+"/"+strconv.Itoa(i), to)
		}
	case nil:
	default:
		if text := fmt.Sprint(v); text != "" {
			to[place] = append(to[place], text)
		}
	}
}

// same reports whether two texts stand for the same value: a number, a time, a boolean or a text.
func same(a, b string) bool {
	a, b = strings.Trim(a, `" `), strings.Trim(b, `" `)
	if a == b || strings.EqualFold(a, b) {
		return true
	}
	if x, err := strconv.ParseFloat(a, 64); err == nil {
		if y, err := strconv.ParseFloat(b, 64); err == nil && x == y {
			return true
		}
	}
	if x, err := strconv.ParseBool(a); err == nil {
		if y, err := strconv.ParseBool(b); err == nil && x == y {
			return true
		}
	}
	x, err := wire.ParseTime(a)
	y, errY := time.Parse(time.RFC3339Nano, b)
	return err == nil && errY == nil && x.Equal(y)
}

// lost are the values of a body that are neither in the fields of what it was parsed into nor in its rest.
func lost(t testing.TB, n *Notification) (missing []string) {
	t.Helper()
	body := decoded(t, n.envelope)
	want, got := map[string][]string{}, map[string][]string{}
	leaves(body, "", want)
	payload, err := json.Marshal(n.Payload)
	if err != nil {
		t.Fatal(err)
	}
	place := "/payload"
	if n.kind != nil && n.Known() && n.kind.Wrapper != "" {
		place += "/" + strings.ToLower(n.kind.Wrapper)
	}
	leaves(decoded(t, payload), place, got)
	envelope, err := json.Marshal(map[string]any{"notificationVersion": n.NotificationVersion, "notificationType": n.Type, "payloadVersion": n.PayloadVersion,
		"eventTime": n.EventTime, "notificationMetadata": n.Metadata})
	if err != nil {
		t.Fatal(err)
	}
	leaves(decoded(t, envelope), "", got)
	for _, m := range n.Rest {
		leaves(decoded(t, m.Value), strings.ToLower(m.Pointer), got)
	}
	for _, at := range slices.Sorted(maps.Keys(want)) {
		for _, value := range want[at] {
			if value == "{}" || value == "[]" { // of which there may be several kinds: an element that is null is an empty object
				continue
			}
			if at == "/notificationtype" && n.kind != nil {
				continue // its name in the table
			}
			found := slices.Concat(got[at], got[at+"/0"])      // a value in the place of a list is its one element
			for place := at; strings.HasSuffix(place, "/0"); { // and the other way round
				place = strings.TrimSuffix(place, "/0")
				found = append(found, got[place]...)
			}
			if !slices.ContainsFunc(found, func(g string) bool { return same(value, g) }) {
				missing = append(missing, fmt.Sprintf("%s: %s", at, value))
			}
		}
	}
	return missing
}
