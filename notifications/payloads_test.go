package notifications

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"reflect"
	"strings"
	"testing"
	"unicode"
)

// withSchemas runs a test for each type that has a schema.
func withSchemas(t *testing.T, f func(*testing.T, Type, schema)) {
	for _, kind := range Types() {
		if kind.Schema != "" {
			t.Run(kind.Name+" "+kind.PayloadVersion, func(t *testing.T) { f(t, kind, schemaFile(t, kind.Schema).resolved()) })
		}
	}
}

func mustParse(t testing.TB, body string) *Notification {
	t.Helper()
	n, err := Parse([]byte(body))
	if err != nil {
		t.Fatalf("%v\n%s", err, body)
	}
	return n
}

// Amazon's own examples are read whole. Written again, they are as valid as before.
func TestSchemaExamples(t *testing.T) {
	examples := 0
	withSchemas(t, func(t *testing.T, kind Type, s schema) {
		list, _ := s.doc["examples"].([]any)
		if list == nil {
			list, _ = s.at["examples"].([]any)
		}
		for _, example := range list {
			examples++
			text, err := json.Marshal(example)
			if err != nil {
				t.Fatal(err)
			}
			n := mustParse(t, string(text))
			if n.Type != kind.Name || goType(n.Payload) != kind.Go {
				t.Errorf("is a %s in a %T, want a %s in a %s", n.Type, n.Payload, kind.Name, kind.Go)
			}
			if got := lost(t, n); got != nil {
				t.Errorf("lost %q", got)
			}
			if kind.PayloadVersion != n.PayloadVersion {
				t.Errorf("payload version %q, want %q", n.PayloadVersion, kind.PayloadVersion)
			}
			before := decoded(t, text)
			if problems := s.validate(before, "", true); problems != nil {
				t.Logf("the example isn't valid itself: %q", problems)
				continue
			}
			if problems := s.validate(rewritten(t, n, before), "", true); problems != nil {
				t.Errorf("written again: %q", problems)
			}
		}
	})
	if examples < 10 && !t.Failed() {
		t.Skipf("SKIPPED: only %d examples, want Amazon's schemas", examples)
	}
	t.Logf("%d examples", examples)
}

func goType(payload any) string {
	if t := reflect.TypeOf(payload); t.Kind() == reflect.Pointer {
		return t.Elem().Name()
	}
	return ""
}

// rewritten is a message with its payload as its Go type writes it, and the rest put where it was.
func rewritten(t *testing.T, n *Notification, before any) any {
	t.Helper()
	text, err := json.Marshal(n.Payload)
	if err != nil {
		t.Fatal(err)
	}
	payload := decoded(t, text)
	if w := n.kind.Wrapper; w != "" {
		payload = map[string]any{w: payload}
	}
	after := map[string]any{}
	for name, value := range before.(map[string]any) {
		after[name] = value
		if strings.EqualFold(name, "payload") {
			after[name] = payload
		}
	}
	return after
}

// Whatever a schema allows, and much that it doesn't, is read without a loss, in either casing and in both.
func TestRandomInstances(t *testing.T) {
	withSchemas(t, func(t *testing.T, kind Type, s schema) {
		r := rand.New(rand.NewPCG(1, uint64(len(kind.Name))))
		rest := 0
		for i := range 24 {
			odd := i%3 == 2
			message := s.random(r, odd, 0).(map[string]any)
			for name := range message {
				switch strings.ToLower(name) {
				case "notificationtype":
					message[name] = kind.Name
				case "payloadversion":
					message[name] = kind.PayloadVersion
				case "eventtime":
					message[name] = "2026-01-31T12:00:00.123Z"
				}
			}
			if message["notificationType"] == nil && message["NotificationType"] == nil {
				message["notificationType"] = kind.Name
			}
			for _, casing := range []func(rune) rune{nil, unicode.ToLower, unicode.ToUpper, func(c rune) rune {
				if r.IntN(2) == 0 {
					return unicode.ToLower(c)
				}
				return unicode.ToUpper(c)
			}} {
				text, err := json.Marshal(recased(message, casing))
				if err != nil {
					t.Fatal(err)
				}
				n, err := Parse(text)
				if err != nil {
					if odd || kind.Secret {
						continue // a payload of null
					}
					t.Fatalf("%v\n%s", err, text)
				}
				if kind.Secret {
					continue // which is not written
				}
				if !odd && (goType(n.Payload) != kind.Go || len(n.Rest) > 0) {
					t.Fatalf("read into a %T, rest %v\n%s", n.Payload, n.Rest, text)
				}
				rest += len(n.Rest)
				if got := lost(t, n); got != nil {
					t.Fatalf("lost %q\nrest %v\n%s", got, n.Rest, text)
				}
			}
		}
		if rest == 0 && !kind.Secret {
			t.Error("nothing odd was met")
		}
	})
}

// recased gives all members' names another first letter.
func recased(v any, casing func(rune) rune) any {
	switch v := v.(type) {
	case map[string]any:
		out := map[string]any{}
		for name, value := range v {
			first := []rune(name)[0]
			if casing != nil {
				first = casing(first)
			}
			out[string(first)+string([]rune(name)[1:])] = recased(value, casing)
		}
		return out
	case []any:
		var out = []any{}
		for _, value := range v {
			out = append(out, recased(value, casing))
		}
		return out
	}
	return v
}

// The table and the Go types belong together.
func TestTypes(t *testing.T) {
	types := Types()
	if want := 31; len(payloads) != want || len(types) != len(payloads) {
		t.Fatalf("%d types, %d readers, want 31", len(types), len(payloads))
	}
	for _, kind := range types {
		body := fmt.Sprintf(`{"notificationType":%q,"payloadVersion":%q,"payload":{}}`, kind.Name, kind.PayloadVersion)
		if kind.Wrapper != "" {
			body = strings.Replace(body, `{}`, fmt.Sprintf(`{%q:{"clientId":"c","newClientSecret":"s"}}`, kind.Wrapper), 1)
		}
		n := mustParse(t, body)
		if goType(n.Payload) != kind.Go || !n.Known() {
			t.Errorf("%s %s is read into a %T, want a %s", kind.Name, kind.PayloadVersion, n.Payload, kind.Go)
		}
		if got, ok := TypeOfVersion(kind.Name, kind.PayloadVersion); !ok || got.Go != kind.Go || got.Source == "" || got.Status == "" {
			t.Errorf("TypeOfVersion(%q, %q) = %+v, %v", kind.Name, kind.PayloadVersion, got, ok)
		}
		for _, also := range kind.AlsoVersions {
			if n := mustParse(t, strings.Replace(body, kind.PayloadVersion, also, 1)); goType(n.Payload) != kind.Go {
				t.Errorf("%s %s is read into a %T", kind.Name, also, n.Payload)
			}
		}
		if kind.Alias != "" {
			if n := mustParse(t, strings.Replace(body, kind.Name, kind.Alias, 1)); n.Type != kind.Name || goType(n.Payload) != kind.Go {
				t.Errorf("%s is a %s in a %T", kind.Alias, n.Type, n.Payload)
			}
		}
	}
	if latest, ok := TypeOf("LISTINGS_ITEM_ISSUES_CHANGE"); !ok || latest.PayloadVersion != "2023-12-13" || latest.Status != "current" {
		t.Errorf("TypeOf = %+v, %v", latest, ok)
	}
	for _, name := range []string{"", "ORDER", "ZZZ", "order_change"} {
		if _, ok := TypeOf(name); ok {
			t.Errorf("there is a type %q", name)
		}
	}
	if _, ok := TypeOfVersion("ORDER_CHANGE", "2.0"); ok {
		t.Error("there is an ORDER_CHANGE 2.0")
	}
}
