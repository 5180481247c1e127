package check

import (
	"strings"
	"testing"

	"github.com/openspapi/spapi/emulator/internal/format"
	"github.com/openspapi/spapi/internal/catalog"
)

func ptr[T any](v T) *T { return &v }

func TestText(t *testing.T) {
	for _, test := range []struct {
		schema catalog.Schema
		text   string
		wrong  string // part of what is wrong; "" for nothing
	}{
		{catalog.Schema{Type: "integer"}, "12", ""},
		{catalog.Schema{Type: "integer"}, "1.5", "not an integer"},
		{catalog.Schema{Type: "integer"}, "", "not an integer"},
		{catalog.Schema{Type: "integer", Format: "int32"}, "3000000000", "not an integer"},
		{catalog.Schema{Type: "string"}, "\xff", "UTF-8"},
		{catalog.Schema{Type: "integer", Minimum: ptr(1.0)}, "0", "minimum of 1"},
		{catalog.Schema{Type: "integer", Maximum: ptr(20.0)}, "21", "maximum of 20"},
		{catalog.Schema{Type: "number", MultipleOf: ptr(0.5)}, "1.5", ""},
		{catalog.Schema{Type: "number", MultipleOf: ptr(0.5)}, "1.6", "multiple of 0.5"},
		{catalog.Schema{Type: "number"}, "NaN", "not a number"},
		{catalog.Schema{Type: "integer", Enum: []string{"1", "2"}}, "3", "one of 1, 2"},
		{catalog.Schema{Type: "boolean"}, "true", ""},
		{catalog.Schema{Type: "boolean"}, "yes", "true or false"},
		{catalog.Schema{Type: "string", Enum: []string{"A", "B"}}, "a", "one of A, B"},
		{catalog.Schema{Type: "string", MinLength: ptr(2)}, "é", "shorter than 2"},
		{catalog.Schema{Type: "string", MaxLength: ptr(2)}, "日本", ""},
		{catalog.Schema{Type: "string", MaxLength: ptr(2)}, "日本語", "longer than 2"},
		{catalog.Schema{Type: "string", Pattern: "^[A-Z]{2}$"}, "DE", ""},
		{catalog.Schema{Type: "string", Pattern: "^[A-Z]{2}$"}, "de", "does not match"},
		{catalog.Schema{Type: "string", Format: "date-time"}, "2026-01-01T00:00:00Z", ""},
		{catalog.Schema{Type: "string", Format: "date-time"}, "2026-01-01T00:00:00.1234567+02:00", ""},
		{catalog.Schema{Type: "string", Format: "date-time"}, "2026-01-01", ""},
		{catalog.Schema{Type: "string", Format: "dateTime"}, "01.01.2026", "ISO8601"},
		{catalog.Schema{Type: "string", Format: "date"}, "2026-13-01", "ISO8601"},
		{catalog.Schema{Type: "string", Format: "boolean"}, "1", "true or false"},
	} {
		got := Text(&test.schema, test.text)
		if (got == "") != (test.wrong == "") || !strings.Contains(got, test.wrong) {
			t.Errorf("%+v %q: %q, want %q", test.schema, test.text, got, test.wrong)
		}
	}
}

func TestValue(t *testing.T) {
	api := &catalog.API{Definitions: map[string]*catalog.Schema{
		"Item": {Type: "object", Required: []string{"id"}, Properties: map[string]*catalog.Schema{
			"id": {Type: "string"}, "n": {Type: "integer"}, "sub": {Ref: "Item"}, "ok": {Type: "boolean"},
			"list": {Type: "array", MinItems: ptr(1), MaxItems: ptr(2), UniqueItems: true, Items: &catalog.Schema{Type: "string"}},
		}, AdditionalProperties: &catalog.Schema{Type: "number"}},
	}}
	for _, test := range []struct{ body, where, wrong string }{
		{`{"id":"a"}`, "", ""},
		{`{"id":"a","n":2.0,"extra":1.5,"sub":{"id":"b"},"list":["x","y"]}`, "", ""},
		{`{"id":"a","n":"2","ok":"true"}`, "", ""},
		{`{}`, "id", "required"},
		{`{"id":null}`, "id", "required"},
		{`{"id":"a","n":2.5}`, "n", "not an integer"},
		{`{"id":"a","n":true}`, "n", "boolean"},
		{`{"id":"a","n":[]}`, "n", "array"},
		{`{"id":{}}`, "id", "object"},
		{`{"id":"a","ok":1}`, "ok", "number"},
		{`{"id":"a","sub":{}}`, "sub.id", "required"},
		{`{"id":"a","list":[]}`, "list", "at least 1"},
		{`{"id":"a","list":["a","b","c"]}`, "list", "at most 2"},
		{`{"id":"a","list":["a","a"]}`, "list", "more than once"},
		{`{"id":"a","list":[{}]}`, "list[0]", "object"},
		{`{"id":"a","extra":"x"}`, "extra", "not a number"},
		{`[]`, "", "array"},
		{`"x"`, "", "string"},
	} {
		v, err := format.DecodeJSON([]byte(test.body))
		if err != nil {
			t.Fatal(err)
		}
		c, where, wrong := checker{api: api}, "", ""
		c.value(&catalog.Schema{Ref: "Item"}, v, "")
		if len(c.problems) > 0 {
			where, wrong = c.problems[0].Name, c.problems[0].Want
		}
		if (wrong == "") != (test.wrong == "") || !strings.Contains(wrong, test.wrong) || wrong != "" && where != test.where {
			t.Errorf("%s: %q %q, want %q %q", test.body, where, wrong, test.where, test.wrong)
		}
	}
	for _, bad := range []string{"", "{", "{}x", "[1,]", "nul"} {
		if _, err := format.DecodeJSON([]byte(bad)); err == nil {
			t.Errorf("%q decodes", bad)
		}
	}
}
