package notifications

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"
)

// schema is a JSON schema as its JSON, with the document for its references.
type schema struct {
	doc, at map[string]any
}

// schemaFile reads a schema of the table: Amazon's, of a checkout of the models, or the project's own. Without a checkout the test skips.
func schemaFile(t testing.TB, name string) schema {
	t.Helper()
	file := filepath.Join("..", "internal", "gen", "overlay", "schemas", strings.TrimPrefix(name, "own/"))
	if !strings.HasPrefix(name, "own/") {
		dir := os.Getenv("SPAPI_MODELS")
		if dir == "" {
			dir = filepath.Join("..", "..", "shared", "models")
		}
		file = filepath.Join(dir, "schemas", "notifications", name)
		if _, err := os.Stat(file); err != nil {
			t.Skipf("SKIPPED: no %s; set SPAPI_MODELS to a checkout of Amazon's models", file)
		}
	}
	data, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	s := schema{}
	if err := json.Unmarshal(data, &s.doc); err != nil {
		t.Fatal(err)
	}
	s.at = s.doc
	return s
}

func (s schema) in(at any) schema { return schema{s.doc, at.(map[string]any)}.resolved() }

func (s schema) resolved() schema {
	for _, key := range []string{"$ref", "#ref"} {
		if ref, ok := s.at[key].(string); ok {
			definitions := s.doc["definitions"].(map[string]any)
			return s.in(definitions[strings.TrimPrefix(ref, "#/definitions/")])
		}
	}
	return s
}

func (s schema) types() []string {
	switch t := s.at["type"].(type) {
	case string:
		return []string{t}
	case []any:
		var out []string
		for _, one := range t {
			out = append(out, one.(string))
		}
		return out
	}
	if s.at["properties"] != nil {
		return []string{"object"}
	}
	return nil
}

// items are the schemas that elements may have.
func (s schema) items() []schema {
	switch items := s.at["items"].(type) {
	case map[string]any:
		return []schema{s.in(items)}
	case []any:
		var out []schema
		for _, one := range items {
			out = append(out, s.in(one))
		}
		return out
	}
	return nil
}

// validate is what a value has against the schema, with required members only if strict.
func (s schema) validate(v any, place string, strict bool) (problems []string) {
	s = s.resolved()
	fail := func(format string, args ...any) { problems = append(problems, place+": "+fmt.Sprintf(format, args...)) }
	if any, ok := s.at["anyOf"].([]any); ok {
		for _, one := range any {
			if len(s.in(one).validate(v, place, strict)) == 0 {
				return nil
			}
		}
		fail("fits none of anyOf")
		return problems
	}
	if types := s.types(); types != nil && !slices.Contains(types, kindOf(v)) && !(kindOf(v) == "integer" && slices.Contains(types, "number")) {
		fail("is a %s, want %v", kindOf(v), types)
		return problems
	}
	if enum, ok := s.at["enum"].([]any); ok && !slices.Contains(enum, v) {
		fail("%v is none of %v", v, enum)
	}
	switch v := v.(type) {
	case map[string]any:
		properties, _ := s.at["properties"].(map[string]any)
		for name, value := range v {
			if p, ok := properties[name]; ok {
				problems = append(problems, s.in(p).validate(value, place+"/"+name, strict)...)
			} else if s.at["additionalProperties"] == false {
				fail("%s may not be there", name)
			}
		}
		if required, ok := s.at["required"].([]any); ok && strict {
			for _, name := range required {
				if _, ok := v[name.(string)]; !ok {
					fail("lacks %s", name)
				}
			}
		}
	case []any:
		for i, element := range v {
			for _, item := range s.items()[:min(1, len(s.items()))] {
				problems = append(problems, item.validate(element, fmt.Sprintf("%s/%d", place, i), strict)...)
			}
		}
	}
	return problems
}

func kindOf(v any) string {
	switch v := v.(type) {
	case nil:
		return "null"
	case string:
		return "string"
	case bool:
		return "boolean"
	case []any:
		return "array"
	case map[string]any:
		return "object"
	case json.Number:
		if strings.ContainsAny(v.String(), ".eE") {
			return "number"
		}
		return "integer"
	}
	return fmt.Sprintf("%T", v)
}

// decoded is JSON as Go has it, numbers as they are written.
func decoded(t testing.TB, data []byte) any {
	t.Helper()
	d := json.NewDecoder(strings.NewReader(string(data)))
	d.UseNumber()
	var v any
	if err := d.Decode(&v); err != nil {
		t.Fatalf("%v in %.200s", err, data)
	}
	return v
}

// random makes an instance. With odd, values are at times what the schema doesn't foresee: members that it doesn't know, other types, null.
func (s schema) random(r *rand.Rand, odd bool, depth int) any {
	s = s.resolved()
	if any, ok := s.at["anyOf"].([]any); ok {
		return s.in(any[r.IntN(len(any))]).random(r, odd, depth)
	}
	if odd && depth > 1 && r.IntN(12) == 0 {
		return []any{nil, "text", json.Number("17"), json.Number("2.50"), true, []any{}, []any{"a", json.Number("1")}, map[string]any{"x/~y": "z"}, ""}[r.IntN(9)]
	}
	if enum, ok := s.at["enum"].([]any); ok {
		return enum[r.IntN(len(enum))]
	}
	types := s.types()
	switch types[r.IntN(len(types))] {
	case "object":
		o := map[string]any{}
		properties, _ := s.at["properties"].(map[string]any)
		for _, name := range sortedKeys(properties) {
			if r.IntN(8) > 0 || depth < 3 {
				inner := s.in(properties[name])
				if timeName.MatchString(name) && slices.Contains(inner.types(), "string") { // some have neither format nor example
					inner.at = map[string]any{"type": inner.at["type"], "format": "date-time"}
				}
				o[name] = inner.random(r, odd, depth+1)
			}
		}
		if odd && r.IntN(3) == 0 {
			o[fmt.Sprintf("New~Member/%d", r.IntN(3))] = []any{json.Number("1"), map[string]any{"Deep": "value"}, nil}[r.IntN(3)]
		}
		return o
	case "array":
		list := []any{}
		for range r.IntN(4) {
			if items := s.items(); len(items) > 0 {
				list = append(list, items[r.IntN(len(items))].random(r, odd, depth+1))
			} else {
				list = append(list, "element")
			}
		}
		return list
	case "integer":
		return json.Number(fmt.Sprint(r.IntN(1000)))
	case "number":
		return json.Number([]string{"8184.23", "0", "10.0", "1e3", "-4.2", "12345678901234567890.123"}[r.IntN(6)])
	case "boolean":
		return r.IntN(2) == 0
	case "null":
		return nil
	}
	if s.isTime() {
		at := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC).Add(time.Duration(r.IntN(1e9)) * time.Millisecond)
		return at.In(time.FixedZone("", 3600*r.IntN(5))).Format([]string{time.RFC3339, "2006-01-02T15:04:05.000Z07:00"}[r.IntN(2)])
	}
	return []string{"plain", "Ünï \"quoted\" \\ <&> \u2028", "A2ZVJC2QVUUJ5V", "903-8868176-2219830"}[r.IntN(4)]
}

var timeName = regexp.MustCompile(`(?i)(time|date)$|^timeof`)

func (s schema) isTime() bool {
	if s.at["format"] == "date-time" {
		return true
	}
	examples, _ := s.at["examples"].([]any)
	for _, e := range examples {
		if text, ok := e.(string); ok {
			if _, err := time.Parse(time.RFC3339, text); err == nil {
				return true
			}
		}
	}
	return false
}

func sortedKeys(m map[string]any) []string {
	keys := make([]string, 0, len(m))
	for k := range m {
		keys = append(keys, k)
	}
	slices.Sort(keys)
	return keys
}
