package gateway

import (
	"bytes"
	"encoding/json"
	"errors"
	"strings"
	"testing"
)

func membersOf(paths ...string) *members {
	m := new(members)
	for _, p := range paths {
		replaced, yes := strings.CutPrefix(p, "=")
		m.add(replaced, yes)
	}
	return m
}

func TestMembers(t *testing.T) {
	for _, c := range []struct{ name, members, in, want string }{
		{"one", "a.b", `{"a":{"b":1,"c":2}}`, `{"a":{"c":2}}`},
		{"in lists", "a.b", `{"a":[{"b":1},{"c":[1,2]},[{"b":3,"d":4}]]}`, `{"a":[{},{"c":[1,2]},[{"d":4}]]}`},
		{"several names", "a.b|c", `{"a":{"b":1,"c":2,"d":3}}`, `{"a":{"d":3}}`},
		{"all but some", "a.!b|c", `{"a":{"b":1,"x":2,"c":3,"y":{"z":1}}}`, `{"a":{"b":1,"c":3}}`},
		{"all", "a.!", `{"a":{"b":1,"x":2}}`, `{"a":{}}`},
		{"all but some, deeper", "a.!b a.c.d", `{"a":{"b":1,"c":{"d":1,"e":2},"f":1}}`, `{"a":{"b":1,"c":{"e":2}}}`},
		{"case", "payload.Name", `{"PAYLOAD":{"nAmE":1,"x":2}}`, `{"PAYLOAD":{"x":2}}`},
		{"escapes in names", "a.b", `{"\u0061":{"\u0062":1,"c":2}}`, `{"a":{"c":2}}`},
		{"twice", "a", `{"a":1,"b":2,"a":3}`, `{"b":2}`},
		{"no object where one is meant", "a.!b", `{"a":"Jane Doe, 1 Main St"}`, `{"a":null}`},
		{"list where an object is meant", "a.!b", `{"a":["Jane Doe",{"b":1,"c":2}]}`, `{"a":[null,{"b":1}]}`},
		{"null", "a.!b", `{"a":null}`, `{"a":null}`},
		{"numbers keep their spelling", "x", `{"a":1.00,"b":12345678901234567890,"c":1e3}`, `{"a":1.00,"b":12345678901234567890,"c":1e3}`},
		{"absent", "x.y", `{"a":1}`, `{"a":1}`},
		{"replaced", "=u", `{"u":"https://x","v":"https://x"}`, `{"u":"NEW u https://x","v":"https://x"}`},
		{"replaced in lists", "=a.u", `{"a":[{"u":"1"},{"u":"2"}]}`, `{"a":[{"u":"NEW a.u 1"},{"u":"NEW a.u 2"}]}`},
		{"null is not replaced", "=u", `{"u":null}`, `{"u":null}`},
		{"top list", "a", `[{"a":1},{"b":2}]`, `[{},{"b":2}]`},
	} {
		got, err := membersOf(strings.Fields(c.members)...).edit([]byte(c.in), func(path, v string) (string, error) { return "NEW " + path + " " + v, nil })
		if err != nil || string(got) != c.want {
			t.Errorf("%s: %s %v, want %s", c.name, got, err, c.want)
		}
	}
	for _, bad := range []string{"", "{", `{"a":1`, `{"a":1}x`, `{"a":1}{"a":1}`, "Jane Doe", `{"a":{"b":tru}}`, strings.Repeat("[", 100_000)} {
		if got, err := membersOf("a.b").edit([]byte(bad), nil); err == nil || strings.Contains(err.Error(), "Jane") {
			t.Errorf("%.20q became %.20q %v", bad, got, err)
		}
	}
	fails := errors.New("no")
	if _, err := membersOf("=u").edit([]byte(`{"u":"x"}`), func(string, string) (string, error) { return "", fails }); !errors.Is(err, fails) {
		t.Error(err)
	}
}

func TestMembersMerged(t *testing.T) {
	both := merged(membersOf("a.b", "c.!d"), membersOf("=a.u", "c.!d|e", "f"))
	got, err := both.edit([]byte(`{"a":{"b":1,"u":"x"},"c":{"d":1,"e":2,"g":3},"f":1}`), func(string, string) (string, error) { return "y", nil })
	if want := `{"a":{"u":"y"},"c":{"d":1}}`; err != nil || string(got) != want {
		t.Errorf("%s %v, want %s", got, err, want)
	}
	one := membersOf("a")
	if merged(nil, one) != one || merged(one, nil) != one || merged(nil, nil) != nil {
		t.Error("nothing merged")
	}
	if a, err := merged(membersOf("c.!d"), membersOf("c.e")).edit([]byte(`{"c":{"d":1,"e":2,"f":3}}`), nil); err != nil || string(a) != `{"c":{"d":1}}` {
		t.Errorf("%s %v", a, err)
	}
}

// What is taken out is gone, and what stays is the same JSON as before.
func FuzzMembers(f *testing.F) {
	f.Add([]byte(`{"a":{"b":"secret","c":[1,2,{"b":"secret"}]},"d":{"e":1,"f":"secret"}}`))
	f.Add([]byte(`[{"a":[{"b":{}}]}]`))
	m := membersOf("a.b", "d.!e")
	var drop func(v any, path string) any
	drop = func(v any, path string) any {
		switch v := v.(type) {
		case []any:
			for i := range v {
				v[i] = drop(v[i], path)
			}
		case map[string]any:
			for name := range v {
				low := path + "." + strings.ToLower(name)
				if low == ".a.b" || path == ".d" && low != ".d.e" {
					delete(v, name)
				} else {
					v[name] = drop(v[name], low)
				}
			}
		default:
			if path == ".d" {
				return nil
			}
		}
		return v
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		got, err := m.edit(text, nil)
		if err != nil {
			return
		}
		var a, b any
		if json.Unmarshal(text, &a) != nil {
			return // encoding/json is stricter about depth and UTF-8
		}
		if err := json.Unmarshal(got, &b); err != nil {
			t.Fatalf("%q became %q: %v", text, got, err)
		}
		if hasDuplicates(text) {
			return
		}
		x, _ := json.Marshal(drop(a, ""))
		y, _ := json.Marshal(b)
		if !bytes.Equal(x, y) {
			t.Fatalf("%q became %q: %s, not %s", text, got, y, x)
		}
	})
}

// hasDuplicates tells that an object may have a member twice, of which encoding/json keeps one.
func hasDuplicates(text []byte) bool {
	d := json.NewDecoder(bytes.NewReader(text))
	seen := map[string]bool{}
	for {
		token, err := d.Token()
		if err != nil {
			return false
		}
		if s, ok := token.(string); ok {
			if low := strings.ToLower(s); seen[low] {
				return true
			} else {
				seen[low] = true
			}
		}
	}
}
