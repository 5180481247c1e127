package main

import (
	"errors"
	"fmt"
	"slices"
	"sort"
	"strings"

	"github.com/openspapi/spapi/internal/catalog"
)

// goPackage is what the templates print: all decisions are made here.
type goPackage struct {
	Name, Model, Version string
	Own                  bool // of a model of the project's own
	Ops                  []*goOp
	Structs              []*goStruct // definitions and inline objects, by name
	Enums                []*goEnum
}

type goStruct struct {
	Name   string
	From   string // where it stands in the model
	Fields []*goField
}

type goField struct {
	Name string // Go name
	API  string // name in JSON, query, path or header
	Type string // Go type
	In   string // "json", or where a parameter stands
	Doc  []string
	Send string // statement that writes the parameter into the request
	kind kind
	ref  *typeRef
}

type goEnum struct {
	Name   string
	From   string
	Values []goEnumValue
}

type goEnumValue struct{ Name, Value string }

type goOp struct {
	*operation
	Method     string // Go method name
	Doc        []string
	Input      *goStruct
	BodyType   string // "" or the Go type of a body that is no object, held in the field Body
	SendBody   string
	Out        string // Go type of the result, "" when there is none
	Pages      *goPages
	Deprecated string
	Brings     []string // of a result that holds different bodies: what each status brings
}

type goPages struct {
	Item  string   // Go type of an item, "" when the item array is not unambiguous
	Items []string // body of the function that finds the items of a page
}

type kind int

const (
	kindRaw kind = iota
	kindString
	kindEnum
	kindBool
	kindInt
	kindNumber
	kindTime
	kindDate
	kindSecret
	kindObject
	kindArray
	kindMap
)

type typeRef struct {
	kind  kind
	enum  *goEnum
	obj   *goStruct
	elem  *typeRef // of arrays and maps
	where *catalog.Schema
}

// value is the Go type as an element or a result; field is the type of a struct field, where absence must show.
func (t *typeRef) value() string {
	switch t.kind {
	case kindString:
		return "string"
	case kindEnum:
		return t.enum.Name
	case kindBool:
		return "bool"
	case kindInt:
		return "int64"
	case kindNumber:
		return "json.Number"
	case kindTime:
		return "time.Time"
	case kindDate:
		return "spapi.Date"
	case kindSecret:
		return "spapi.Secret"
	case kindObject:
		return t.obj.Name
	case kindArray:
		return "[]" + t.elem.value()
	case kindMap:
		return "map[string]" + t.elem.value()
	default:
		return "json.RawMessage"
	}
}

func (t *typeRef) field() string {
	switch t.kind {
	case kindBool, kindInt, kindObject:
		return "*" + t.value()
	}
	return t.value()
}

// builder turns one model into a goPackage.
type builder struct {
	m     *model
	p     *goPackage
	taken map[string]bool // Go names at package level
	defs  map[string]*typeRef
	decls map[*catalog.Schema]*typeRef
}

func buildPackage(m *model) (*goPackage, error) {
	b := &builder{m: m, taken: map[string]bool{"Client": true, "New": true}, defs: map[string]*typeRef{}, decls: map[*catalog.Schema]*typeRef{}}
	b.p = &goPackage{Name: m.pkg, Model: m.stem, Version: m.version, Own: m.own}
	// Inputs get their names first: callers meet them most often.
	for _, op := range m.ops {
		b.taken[op.goName+"Input"] = true
	}
	used := usedDefinitions(m)
	for _, name := range m.order {
		if s := m.defs[name]; used[name] && b.isDeclared(s) {
			b.defs[name] = b.declare(goName(name), "definition "+name, s)
		}
	}
	for _, name := range m.order {
		if t := b.defs[name]; t != nil {
			b.fill(t, m.defs[name])
		}
	}
	var errs []error
	for _, op := range m.ops {
		if err := b.operation(op); err != nil {
			errs = append(errs, err)
		}
	}
	if len(errs) > 0 {
		return nil, errors.Join(errs...)
	}
	sort.Slice(b.p.Structs, func(i, j int) bool { return b.p.Structs[i].Name < b.p.Structs[j].Name })
	sort.Slice(b.p.Enums, func(i, j int) bool { return b.p.Enums[i].Name < b.p.Enums[j].Name })
	return b.p, nil
}

// usedDefinitions are the definitions that an operation's input or result needs. Not among them are wrappers that are opened and bodies
// whose members are laid beside the parameters.
func usedDefinitions(m *model) map[string]bool {
	used := map[string]bool{}
	var visit func(s *catalog.Schema)
	visit = func(s *catalog.Schema) {
		if s == nil {
			return
		}
		if s.Ref != "" && !used[s.Ref] {
			used[s.Ref] = true
			visit(m.defs[s.Ref])
		}
		visit(s.Items)
		visit(s.AdditionalProperties)
		for _, p := range s.Properties {
			visit(p)
		}
	}
	for _, op := range m.ops {
		for _, p := range op.detail.Parameters {
			visit(p.Schema)
		}
		if op.detail.Body != nil {
			s := op.detail.Body.Schema
			for r := s; r != nil; r = m.defs[r.Ref] {
				if s = r; s.Ref == "" {
					break
				}
			}
			if isStruct(s) {
				for _, p := range s.Properties {
					visit(p)
				}
			} else {
				visit(op.detail.Body.Schema)
			}
		}
		visit(op.body)
	}
	return used
}

func (b *builder) unique(name string) string {
	for base, n := name, 2; b.taken[name]; n++ {
		name = fmt.Sprintf("%s%d", base, n)
	}
	b.taken[name] = true
	return name
}

func isEnum(s *catalog.Schema) bool {
	return len(s.Enum) > 0 && (s.Type == "string" || s.Type == "")
}

func isStruct(s *catalog.Schema) bool { return len(s.Properties) > 0 }

// isDeclared: only structs and enums get a Go type; named strings, arrays and maps stand as what they are.
func (b *builder) isDeclared(s *catalog.Schema) bool { return isEnum(s) || isStruct(s) }

func (b *builder) declare(name, from string, s *catalog.Schema) *typeRef {
	if given := typeExceptions[b.m.pkg+" "+from]; given != "" {
		name = given
	} else if isEnum(s) {
		name = enumType(name)
	}
	name = b.unique(name)
	t := &typeRef{where: s}
	if isEnum(s) {
		t.kind = kindEnum
		t.enum = &goEnum{Name: name, From: from}
		b.p.Enums = append(b.p.Enums, t.enum)
	} else {
		t.kind = kindObject
		t.obj = &goStruct{Name: name, From: from}
		b.p.Structs = append(b.p.Structs, t.obj)
	}
	b.decls[s] = t
	return t
}

func (b *builder) fill(t *typeRef, s *catalog.Schema) {
	if t.kind == kindEnum {
		seen := map[string]bool{}
		for _, v := range s.Enum {
			if seen[v] {
				continue
			}
			seen[v] = true
			t.enum.Values = append(t.enum.Values, goEnumValue{b.unique(t.enum.Name + enumName(v)), v})
		}
		return
	}
	names := map[string]bool{}
	for _, prop := range s.Order {
		f := b.property(t.obj.Name, prop, s.Properties[prop], slices.Contains(s.Required, prop))
		for base, n := f.Name, 2; names[f.Name]; n++ {
			f.Name = fmt.Sprintf("%s%d", base, n)
		}
		names[f.Name] = true
		t.obj.Fields = append(t.obj.Fields, f)
	}
}

func (b *builder) property(owner, name string, s *catalog.Schema, required bool) *goField {
	typeName := owner + goName(name)
	if strings.HasPrefix(goName(name), owner) { // OrderStatus, not OrderOrderStatus
		typeName = goName(name)
	}
	t := b.ref(s, typeName, owner+"."+name)
	f := &goField{Name: goName(name), API: name, Type: t.field(), In: "json", kind: t.kind, ref: t}
	f.Doc = b.fieldDoc(s, required, "")
	return f
}

// ref is the type of a schema. name is for what the model leaves nameless.
func (b *builder) ref(s *catalog.Schema, name, from string) *typeRef {
	if s.Ref != "" {
		if t := b.defs[s.Ref]; t != nil {
			return t
		}
		return b.ref(b.m.defs[s.Ref], goName(s.Ref), "definition "+s.Ref)
	}
	if t := b.decls[s]; t != nil {
		return t
	}
	switch {
	case b.isDeclared(s):
		t := b.declare(name, from, s)
		b.fill(t, s)
		return t
	case s.Type == "array":
		elemName := name
		if isStruct(s.Items) {
			elemName += "Item"
		}
		return &typeRef{kind: kindArray, elem: b.ref(s.Items, elemName, from), where: s}
	case s.AdditionalProperties != nil:
		return &typeRef{kind: kindMap, elem: b.ref(s.AdditionalProperties, name+"Value", from), where: s}
	}
	return &typeRef{kind: scalarKind(s), where: s}
}

func scalarKind(s *catalog.Schema) kind {
	switch s.Type {
	case "string":
		switch s.Format {
		case "date-time", "dateTime": // the second is a typo of four properties
			return kindTime
		case "date":
			return kindDate
		case "password":
			return kindSecret
		case "boolean": // four query parameters are strings with this format
			return kindBool
		}
		return kindString
	case "boolean":
		return kindBool
	case "integer":
		return kindInt
	case "number":
		if s.Format == "int32" || s.Format == "int64" {
			return kindInt
		}
		return kindNumber
	}
	return kindRaw
}

// fieldDoc says in words what the schema demands.
func (b *builder) fieldDoc(s *catalog.Schema, required bool, in string) []string {
	r := s
	for r.Ref != "" {
		r = b.m.defs[r.Ref]
	}
	var parts []string
	if in != "" {
		parts = append(parts, in)
	}
	if required {
		parts = append(parts, "required")
	}
	if r.Type == "array" {
		switch {
		case r.MinItems != nil && r.MaxItems != nil:
			parts = append(parts, fmt.Sprintf("%d to %d elements", *r.MinItems, *r.MaxItems))
		case r.MaxItems != nil:
			parts = append(parts, fmt.Sprintf("at most %d elements", *r.MaxItems))
		case r.MinItems != nil && *r.MinItems > 0:
			parts = append(parts, fmt.Sprintf("at least %d elements", *r.MinItems))
		}
		if r.UniqueItems {
			parts = append(parts, "no element twice")
		}
		r = r.Items
		for r.Ref != "" {
			r = b.m.defs[r.Ref]
		}
	}
	switch {
	case r.MinLength != nil && r.MaxLength != nil && *r.MinLength == *r.MaxLength:
		parts = append(parts, fmt.Sprintf("%d characters", *r.MaxLength))
	case r.MinLength != nil && r.MaxLength != nil:
		parts = append(parts, fmt.Sprintf("%d to %d characters", *r.MinLength, *r.MaxLength))
	case r.MaxLength != nil:
		parts = append(parts, fmt.Sprintf("at most %d characters", *r.MaxLength))
	case r.MinLength != nil && *r.MinLength > 0:
		parts = append(parts, fmt.Sprintf("at least %d characters", *r.MinLength))
	}
	switch {
	case r.Minimum != nil && r.Maximum != nil:
		parts = append(parts, fmt.Sprintf("%s to %s", number(*r.Minimum), number(*r.Maximum)))
	case r.Maximum != nil:
		parts = append(parts, "at most "+number(*r.Maximum))
	case r.Minimum != nil:
		parts = append(parts, "at least "+number(*r.Minimum))
	}
	if r.Pattern != "" && len(r.Pattern) < 100 {
		parts = append(parts, "pattern "+r.Pattern)
	}
	if len(parts) == 0 {
		return nil
	}
	text := strings.Join(parts, "; ")
	return []string{strings.ToUpper(text[:1]) + text[1:] + "."}
}

func number(f float64) string { return strings.TrimSuffix(fmt.Sprintf("%.10g", f), ".0") }

func (b *builder) operation(op *operation) error {
	g := &goOp{operation: op, Method: op.goName}
	g.Input = &goStruct{Name: op.goName + "Input"}
	names := map[string]bool{}
	for _, prm := range op.detail.Parameters {
		f := b.parameter(op, prm)
		for base, n := f.Name, 2; names[f.Name]; n++ {
			f.Name = fmt.Sprintf("%s%d", base, n)
		}
		names[f.Name] = true
		f.Send = b.send(prm, f)
		g.Input.Fields = append(g.Input.Fields, f)
	}
	if body := op.detail.Body; body != nil {
		if err := b.body(g, body, names); err != nil {
			return err
		}
	}
	if op.body != nil {
		t := b.ref(op.body, op.goName+"Result", "result of "+op.Name)
		g.Out = t.value()
		if t.kind == kindObject {
			g.Out = "*" + g.Out
		}
		if op.successes != nil {
			g.joined(t)
		}
		if op.Paging != nil {
			if err := b.pages(g, t); err != nil {
				return err
			}
		}
	}
	g.Doc = opDoc(op, g)
	b.p.Ops = append(b.p.Ops, g)
	return nil
}

func (b *builder) parameter(op *operation, prm catalog.Parameter) *goField {
	t := b.ref(prm.Schema, op.goName+goName(prm.Name), "parameter "+prm.Name+" of "+op.Name)
	f := &goField{Name: goName(prm.Name), API: prm.Name, Type: t.field(), In: prm.In, kind: t.kind, ref: t}
	in := map[string]string{"path": "path", "query": "query", "header": "header"}[prm.In]
	f.Doc = b.fieldDoc(prm.Schema, prm.Required && prm.In != "path", in+" "+prm.Name)
	return f
}

// doubleEscaped are the array parameters whose elements the server unescapes a second time: the model of FBA inbound
// 2024-03-20 asks for %, + and the comma to be encoded twice in SKUs.
var doubleEscaped = map[string]bool{"fulfillmentInbound_2024-03-20 mskus": true}

func (b *builder) send(prm catalog.Parameter, f *goField) string {
	field := "in." + f.Name
	need := "wire.Optional"
	if prm.Required {
		need = "wire.Required"
	}
	str := func(v string) string {
		if f.kind == kindEnum {
			return "string(" + v + ")"
		}
		return v
	}
	switch prm.In {
	case "path":
		switch f.kind {
		case kindString, kindEnum:
			return fmt.Sprintf("r.Path(%q, %s)", prm.Name, str(field))
		}
		return fmt.Sprintf("r.Path(%q, wire.Text(%s))", prm.Name, field)
	case "header":
		return fmt.Sprintf("r.Header(%q, %s, %s)", prm.Name, str(field), need)
	}
	switch f.kind {
	case kindInt:
		return fmt.Sprintf("r.QueryInt(%q, %s, %s)", prm.Name, field, need)
	case kindBool:
		return fmt.Sprintf("r.QueryBool(%q, %s, %s)", prm.Name, field, need)
	case kindTime:
		return fmt.Sprintf("r.QueryTime(%q, %s, %s)", prm.Name, field, need)
	case kindDate:
		return fmt.Sprintf("r.QueryDate(%q, wire.Date(%s), %s)", prm.Name, field, need)
	case kindArray:
		fn := "QueryCSV"
		if prm.Multi {
			fn = "QueryMulti"
		}
		if doubleEscaped[b.m.stem+" "+prm.Name] {
			fn = "QueryMultiTwice"
		}
		return fmt.Sprintf("wire.%s(r, %q, %s, %s)", fn, prm.Name, field, need)
	}
	return fmt.Sprintf("wire.QueryString(r, %q, %s, %s)", prm.Name, field, need)
}

// body lays the fields of an object body beside the parameters; any other body is the field Body.
func (b *builder) body(g *goOp, body *catalog.Body, names map[string]bool) error {
	send := "OptionalJSON"
	if body.Required {
		send = "JSON"
	}
	s := body.Schema
	for s.Ref != "" {
		s = b.m.defs[s.Ref]
	}
	if !isStruct(s) {
		t := b.ref(body.Schema, g.Method+"Body", "body of "+g.operation.Name)
		g.BodyType = t.value()
		g.SendBody = fmt.Sprintf("r.%s(in.Body)", send)
		if t.kind == kindArray || t.kind == kindMap || t.kind == kindRaw {
			g.SendBody = "if in.Body != nil { r.JSON(in.Body) }"
		}
		if names["Body"] {
			return fmt.Errorf("%s: %s: a parameter is called Body too", b.m.file, g.operation.Name)
		}
		return nil
	}
	g.SendBody = fmt.Sprintf("r.%s(in)", send)
	owner := g.Input.Name
	if t := b.defs[body.Schema.Ref]; t != nil {
		owner = t.obj.Name
	} else if body.Schema.Ref != "" {
		owner = goName(body.Schema.Ref)
	}
	for _, prop := range s.Order {
		f := b.property(owner, prop, s.Properties[prop], slices.Contains(s.Required, prop))
		if names[f.Name] { // three operations have a parameter and a body member of one name
			f.Name = "Body" + f.Name
		}
		names[f.Name] = true
		g.Input.Fields = append(g.Input.Fields, f)
	}
	return nil
}

// pages checks the overlay's rule and makes the small function body that finds a page's items.
func (b *builder) pages(g *goOp, out *typeRef) error {
	pg := g.Paging
	fail := func(format string, args ...any) error {
		return fmt.Errorf("overlay/paging.csv: %s %s: %s", b.m.stem, g.operation.Name, fmt.Sprintf(format, args...))
	}
	path := func(p string) string { // from the whole body to the result
		if g.Shape == "payload" {
			p = strings.TrimPrefix(strings.TrimPrefix(p, "payload"), ".")
		}
		return p
	}
	rule, ok, err := pagingRule(b.m, g.operation)
	if err != nil || !ok {
		return err
	}
	pages := &goPages{}
	if pg.Items != "" {
		guards, expr, t, err := walk(out, "page", path(pg.Items))
		if err != nil {
			return fail("items: %v", err)
		}
		if t.kind == kindArray && (t.elem.kind == kindObject || t.elem.kind == kindString) {
			pages.Item = t.elem.value()
			pages.Items = guard(guards, "nil")
			pages.Items = append(pages.Items, "return "+expr)
		}
	}
	if rule.Total != "" {
		if _, _, _, err := walk(out, "page", path(rule.Total)); err != nil {
			return fail("total: %v", err)
		}
	}
	if rule.Next != "" {
		_, _, t, err := walk(out, "page", path(rule.Next))
		if err != nil {
			return fail("tokenOut: %v", err)
		}
		if t.kind != kindString {
			return fail("tokenOut %s is not a string", pg.TokenOut)
		}
	}
	g.Pages = pages
	return nil
}

// guard returns early when a pointer on the way is nil.
func guard(pointers []string, result string) []string {
	if len(pointers) == 0 {
		return nil
	}
	return []string{fmt.Sprintf("if %s == nil { return %s }", strings.Join(pointers, " == nil || "), result)}
}

// walk follows a dotted path from a result and collects the pointers that may be nil on the way.
func walk(t *typeRef, expr, path string) (guards []string, _ string, _ *typeRef, err error) {
	if t.kind == kindObject {
		guards = append(guards, expr)
	}
	for _, step := range strings.Split(path, ".") {
		if path == "" {
			break
		}
		if t.kind != kindObject {
			return nil, "", nil, fmt.Errorf("%s: %s is no object", path, expr)
		}
		if len(guards) == 0 || guards[len(guards)-1] != expr {
			guards = append(guards, expr)
		}
		var found *goField
		for _, f := range t.obj.Fields {
			if f.API == step {
				found = f
			}
		}
		if found == nil {
			return nil, "", nil, fmt.Errorf("no member %q in %s", step, t.obj.Name)
		}
		expr += "." + found.Name
		t = found.ref
	}
	return guards, expr, t, nil
}
