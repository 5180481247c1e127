package check

import (
	"bytes"
	"encoding/json"
	"maps"
	"mime"
	"slices"
	"strconv"
	"strings"

	"github.com/openspapi/spapi/emulator/internal/answer"
	"github.com/openspapi/spapi/emulator/internal/exchange"
	"github.com/openspapi/spapi/emulator/internal/format"
	"github.com/openspapi/spapi/internal/catalog"
)

// mostProblems is how many problems of a body are looked for: a body may have many thousand elements, and all of them wrong.
const mostProblems = 20

// read decodes the body and checks it against its schema. Members that the schema doesn't know are accepted: seller APIs ignore them. The error is about
// the body as a whole.
func (c *checker) read(x *exchange.Exchange, detail *catalog.Detail) (any, *answer.Error) {
	if detail.Body == nil {
		return nil, nil // a body where none is declared is ignored
	}
	if text := bytes.TrimSpace(x.Body); len(text) == 0 || string(text) == "null" {
		if detail.Body.Required {
			c.absent(detail.Body)
		}
		return nil, nil
	}
	// No 415 of the service is known, though most models declare one: a form where JSON is wanted was answered as here by createFeedDocument, which declares
	// it too (selling-partner-api-docs#1003), and by createInboundShipmentPlan (selling-partner-api-models#372).
	if kind, _, _ := mime.ParseMediaType(x.Header.Get("Content-Type")); kind != "" && !acceptedType(kind, detail.Consumes) {
		return nil, answer.Invalid("Invalid Input", "Content-Type: is "+kind+", want application/json")
	}
	body, err := format.DecodeJSON(x.Body)
	if err != nil {
		c.wrong(detail.Body.Name, err.Error())
		return nil, nil
	}
	c.root = detail.Body.Name
	c.value(detail.Body.Schema, body, "")
	return body, nil
}

// absent notes that the body is missing: with it, each member that it must have.
func (c *checker) absent(body *catalog.Body) {
	s := c.api.Resolve(body.Schema)
	if s == nil || len(s.Required) == 0 {
		c.problems = append(c.problems, answer.Problem{Name: body.Name, Want: "required", Missing: true, Member: true})
		return
	}
	for _, name := range s.Required {
		c.problems = append(c.problems, answer.Problem{Name: name, Want: "required; the request has no body (" + body.Name + ")", Missing: true, Member: true})
	}
}

// acceptedType takes what is no protocol of its own to the service for JSON too: npm @lorenstuff/amazon-selling-partner-api sends all bodies by fetch,
// which calls a string text/plain, and says of the APIs that it has that they work.
func acceptedType(kind string, consumes []string) bool {
	return kind == "application/json" || kind == "text/plain" || kind == "application/hal+json" || slices.Contains(consumes, kind)
}

// member notes what is wrong with a place in the body: "patches[0].op", or "" for the body itself.
func (c *checker) member(path, want string, missing bool) {
	if path == "" || path[0] == '[' {
		path = c.root + path
	}
	if want != "" && len(c.problems) < mostProblems {
		c.problems = append(c.problems, answer.Problem{Name: path, Want: want, Missing: missing, Member: true})
	}
}

// value checks a JSON value against a schema.
func (c *checker) value(ref *catalog.Schema, v any, path string) {
	s := c.api.Resolve(ref)
	if s == nil || v == nil {
		return // null stands for an absent member
	}
	switch v := v.(type) {
	case map[string]any:
		if s.Type != "" && s.Type != "object" {
			c.member(path, "is an object, want "+s.Type, false)
			return
		}
		c.object(s, v, path)
	case []any:
		c.list(s, v, path)
	case string:
		switch s.Type {
		case "string", "":
			c.member(path, Chars(s, v), false)
		case "integer", "number", "boolean": // the real service reads these from strings, too
			c.member(path, Text(s, v), false)
		default:
			c.member(path, "is a string, want "+s.Type, false)
		}
	case json.Number:
		switch s.Type {
		case "integer", "number":
			c.member(path, Text(s, format.NormalNumber(v, s.Type)), false)
		case "string", "":
			c.member(path, Chars(s, v.String()), false)
		default:
			c.member(path, "is a number, want "+s.Type, false)
		}
	case bool:
		if s.Type != "" && s.Type != "boolean" && s.Type != "string" {
			c.member(path, "is a boolean, want "+s.Type, false)
		}
	}
}

func (c *checker) list(s *catalog.Schema, v []any, path string) {
	switch {
	case s.Type == "":
		return
	case s.Type != "array":
		c.member(path, "is an array, want "+s.Type, false)
		return
	case s.MinItems != nil && len(v) < *s.MinItems:
		c.member(path, "has "+strconv.Itoa(len(v))+" elements, want at least "+strconv.Itoa(*s.MinItems), false)
	case s.MaxItems != nil && len(v) > *s.MaxItems:
		c.member(path, "has "+strconv.Itoa(len(v))+" elements, want at most "+strconv.Itoa(*s.MaxItems), false)
		return
	}
	for i, e := range v {
		if len(c.problems) >= mostProblems {
			return
		}
		c.value(s.Items, e, path+"["+strconv.Itoa(i)+"]")
	}
	if s.UniqueItems && len(v) > 1 {
		seen := map[string]bool{}
		for _, e := range v {
			b, _ := json.Marshal(e)
			if seen[string(b)] {
				c.member(path, "has an element more than once", false)
				return
			}
			seen[string(b)] = true
		}
	}
}

func (c *checker) object(s *catalog.Schema, v map[string]any, path string) {
	for _, name := range s.Required {
		if v[name] == nil {
			c.member(Member(path, name), "required", true)
		}
	}
	for name := range format.SortedKeys(v) {
		c.value(declared(s, name), v[name], Member(path, name))
	}
}

// declared is the schema of a member of an object; nil where it has none.
func declared(s *catalog.Schema, name string) *catalog.Schema {
	if next := s.Properties[name]; next != nil {
		return next
	}
	return s.AdditionalProperties
}

// Member is the path of a member of what has a path.
func Member(path, name string) string {
	if path == "" {
		return name
	}
	return path + "." + name
}

// undeclared refuses a body that has members which its schema doesn't have, as vendor APIs do: the sentence of an XML validator for the first of them, and
// the mere names of the others (saleweaver/python-amazon-sp-api#276 and #226; in #328 the two kinds come the other way round). All of these were at the top
// of the body; that others are refused too is assumed.
func undeclared(api *catalog.API, schema *catalog.Schema, body []byte) *answer.Error {
	dec := json.NewDecoder(bytes.NewReader(body))
	var found []*answer.Error
	var names []string
	note := func(s *catalog.Schema, path, name string) {
		message := name
		if found == nil {
			expected := strings.Join(slices.Sorted(maps.Keys(s.Properties)), ", ")
			message = "Invalid content was found starting with element '" + name + "'. One of '{" + expected + "}' is expected."
		}
		found = append(found, answer.Invalid(message, ""))
		names = append(names, Member(path, name))
	}
	walk(api, schema, dec, "", note)
	if found == nil {
		return nil
	}
	found[0].Also = found[1:]
	return found[0].Because("body: " + strings.Join(names, ", ") + ": not declared, and vendor APIs take nothing else")
}

// walk goes through a JSON value in its own order, and notes the members that a schema doesn't have. The value is one that decodes.
func walk(api *catalog.API, ref *catalog.Schema, dec *json.Decoder, path string, note func(s *catalog.Schema, path, name string)) {
	s := api.Resolve(ref)
	token, _ := dec.Token()
	switch token {
	case json.Delim('{'):
		for dec.More() {
			key, _ := dec.Token()
			name, _ := key.(string)
			var next *catalog.Schema
			if s != nil {
				if next = declared(s, name); next == nil && len(s.Properties) > 0 {
					note(s, path, name)
				}
			}
			walk(api, next, dec, Member(path, name), note)
		}
		_, _ = dec.Token()
	case json.Delim('['):
		var items *catalog.Schema
		if s != nil {
			items = s.Items
		}
		for i := 0; dec.More(); i++ {
			walk(api, items, dec, path+"["+strconv.Itoa(i)+"]", note)
		}
		_, _ = dec.Token()
	}
}
