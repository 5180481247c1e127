package main

import (
	"errors"
	"slices"
	"strings"

	"github.com/go-faster/jx"

	"github.com/openspapi/spapi/internal/catalog"
	"github.com/openspapi/spapi/internal/wire"
)

// noticeSchema reads a schema of notifications. They are JSON Schema with traps of their own: a reference that is written "#ref", definitions that aren't
// there, lists of alternatives that only differ in optional members, elements without a type, times that are texts. What comes out knows none of that.
type noticeSchema struct {
	name    string
	doc     *node
	formats map[string]string // by schema and path
	used    map[string]bool
	depth   int
}

// noticePayload is the schema of a payload, within its wrapper where it has one.
func (n *notices) payload(name, wrapper string) (*catalog.Schema, error) {
	doc, err := parseTree(name, n.files[name])
	if err != nil {
		return nil, err
	}
	p := &noticeSchema{name: name, doc: doc, formats: n.formats, used: n.used}
	root, err := p.resolve(doc)
	if err != nil {
		return nil, err
	}
	at := root.get("properties").fold("payload")
	if at == nil {
		return nil, root.errorf("no property payload")
	}
	if at, err = p.resolve(at); err != nil {
		return nil, err
	}
	if wrapper != "" {
		inner := at.get("properties").get(wrapper)
		if inner == nil {
			return nil, at.errorf("no property %s, which the payload is said to be in", wrapper)
		}
		at = inner
	}
	return p.schema(at, "")
}

// fold is the member of that name in whatever casing.
func (n *node) fold(key string) *node {
	if n != nil {
		for _, m := range n.members {
			if strings.EqualFold(m.key, key) {
				return m.value
			}
		}
	}
	return nil
}

// resolve follows references within the document.
func (p *noticeSchema) resolve(n *node) (*node, error) {
	for range 10 {
		ref := n.get("$ref")
		if ref == nil {
			ref = n.get("#ref")
		}
		if ref == nil {
			return n, nil
		}
		name, ok := strings.CutPrefix(ref.text, "#/definitions/")
		target := p.doc.get("definitions").get(name)
		if !ok || target == nil {
			return nil, ref.errorf("no definition %q", ref.text)
		}
		n = target
	}
	return nil, n.errorf("references lead to references without end")
}

// schema reads what stands at a path of members' names; lists count for nothing in it.
func (p *noticeSchema) schema(n *node, path string) (*catalog.Schema, error) {
	if p.depth++; p.depth > 50 {
		return nil, n.errorf("refers to itself, or objects lie more than 50 deep")
	}
	defer func() { p.depth-- }()
	n, err := p.resolve(n)
	if err != nil {
		return nil, err
	}
	if any := n.get("anyOf"); any != nil {
		return p.merged(any, path)
	}
	s := &catalog.Schema{}
	if s.Type, err = nodeType(n); err != nil {
		return nil, err
	}
	s.Format, err = n.str("format")
	var e error
	s.Enum, e = n.strings("enum")
	err = errors.Join(err, e)
	s.Minimum, e = n.float("minimum")
	err = errors.Join(err, e)
	s.Maximum, e = n.float("maximum")
	err = errors.Join(err, e)
	s.MaxItems, e = n.int("maxItems")
	err = errors.Join(err, e)
	s.UniqueItems, e = n.bool("uniqueItems")
	if err = errors.Join(err, e); err != nil {
		return nil, err
	}
	switch s.Type {
	case "array":
		s.Items, err = p.items(n, path)
		return s, err
	case "object":
		return s, p.properties(s, n, path)
	}
	if s.Type == "string" && s.Format == "" && areTimes(n.get("examples").list()) {
		s.Format = "date-time"
	}
	if key := p.name + " " + path; p.formats[key] != "" {
		p.used[key] = true
		if values, ok := strings.CutPrefix(p.formats[key], "enum "); ok {
			s.Enum = strings.Fields(values)
		} else if s.Format = p.formats[key]; s.Format == "number" {
			s.Type, s.Format = "number", ""
		}
	}
	return s, nil
}

// nodeType is the type; that it may be null counts for nothing.
func nodeType(n *node) (string, error) {
	t := n.get("type")
	if t == nil {
		if n.get("properties") != nil {
			return "object", nil
		}
		return "", n.errorf("no type")
	}
	if t.kind == jx.String {
		return t.text, nil
	}
	words, err := n.strings("type")
	if err != nil {
		return "", err
	}
	words = slices.DeleteFunc(words, func(s string) bool { return s == "null" })
	if len(words) != 1 {
		return "", t.errorf("want one type beside null, not %q", words)
	}
	return words[0], nil
}

func (p *noticeSchema) properties(s *catalog.Schema, n *node, path string) error {
	members := n.get("properties")
	if members == nil {
		return nil
	}
	s.Properties = map[string]*catalog.Schema{}
	if path != "" {
		path += "."
	}
	for _, m := range members.members {
		inner, err := p.schema(m.value, path+m.key)
		if err != nil {
			return err
		}
		if s.Properties[m.key] == nil {
			s.Order = append(s.Order, m.key)
		}
		s.Properties[m.key] = inner
	}
	required, err := n.strings("required")
	for _, name := range required { // one is required and described nowhere but in examples
		for _, example := range n.get("examples").list() {
			if value := example.get(name); value != nil && s.Properties[name] == nil {
				s.Order = append(s.Order, name)
				s.Properties[name] = shown(value)
			}
		}
	}
	return err
}

// shown is the schema that an example shows.
func shown(example *node) *catalog.Schema {
	switch example.kind {
	case jx.Object:
		s := &catalog.Schema{Type: "object", Properties: map[string]*catalog.Schema{}}
		for _, m := range example.members {
			s.Order = append(s.Order, m.key)
			s.Properties[m.key] = shown(m.value)
		}
		return s
	case jx.Array:
		for _, element := range example.items {
			return &catalog.Schema{Type: "array", Items: shown(element)}
		}
	case jx.Bool:
		return &catalog.Schema{Type: "boolean"}
	case jx.Number:
		if !strings.ContainsAny(example.text, ".eE") {
			return &catalog.Schema{Type: "integer"}
		}
		return &catalog.Schema{Type: "number"}
	case jx.String:
		if areTimes([]*node{example}) {
			return &catalog.Schema{Type: "string", Format: "date-time"}
		}
		return &catalog.Schema{Type: "string"}
	}
	return &catalog.Schema{}
}

// items is the type of a list's elements. A list of types, meant for tuples, has one for each kind of element. Where there is none, the examples tell.
func (p *noticeSchema) items(n *node, path string) (*catalog.Schema, error) {
	items := n.get("items")
	switch {
	case items == nil:
		for _, example := range n.get("examples").list() {
			for _, element := range example.list() {
				if element.kind == jx.String {
					return &catalog.Schema{Type: "string"}, nil
				}
			}
		}
		return nil, n.errorf("neither items nor an example tell what is in the list")
	case items.kind == jx.Array:
		return p.merged(items, path)
	}
	return p.schema(items, path)
}

// merged is a schema that any of several fits.
func (p *noticeSchema) merged(of *node, path string) (*catalog.Schema, error) {
	var out *catalog.Schema
	for _, one := range of.items {
		s, err := p.schema(one, path)
		if err != nil {
			return nil, err
		}
		if out == nil {
			out = s
		} else if !merge(out, s) {
			return nil, one.errorf("has nothing in common with what stands before it")
		}
	}
	if out == nil {
		return nil, of.errorf("no schema in it")
	}
	return out, nil
}

// merge widens a schema by another, and reports whether it could.
func merge(to, from *catalog.Schema) bool {
	if to.Type != from.Type || to.Format != from.Format {
		return false
	}
	for _, v := range from.Enum {
		if !slices.Contains(to.Enum, v) {
			to.Enum = append(to.Enum, v)
		}
	}
	if to.Items != nil && !merge(to.Items, from.Items) {
		return false
	}
	for _, name := range from.Order {
		if to.Properties[name] == nil {
			to.Order = append(to.Order, name)
			to.Properties[name] = from.Properties[name]
		} else if !merge(to.Properties[name], from.Properties[name]) {
			return false
		}
	}
	return true
}

// areTimes reports whether examples are times with date and zone.
func areTimes(examples []*node) bool {
	for _, e := range examples {
		if _, err := wire.ParseTime(e.text); err != nil || e.kind != jx.String || !strings.Contains(e.text, "T") {
			return false
		}
	}
	return len(examples) > 0
}
