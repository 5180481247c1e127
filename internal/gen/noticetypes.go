package main

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/openspapi/spapi/internal/catalog"
	"github.com/openspapi/spapi/internal/notificationtypes"
)

// goNotices is what the template of payloads prints.
type goNotices struct {
	goPackage
	Payloads []*goPayload // in order of type and version
}

// goPayload is how the payload of one type and version is read.
type goPayload struct {
	Type    string // Go type
	Body    string // Go type of the member "payload": the wrapper's, or Type itself
	Wrapper string // member of the wrapper, "" where there is none
	Shared  bool   // another version has the same Go types
	Map     bool   // its members aren't known
	Doc     []string
}

// Names are the Go types of payloads, each once.
func (p *goNotices) Names() (names []string) {
	for _, payload := range p.Payloads {
		if !payload.Shared {
			names = append(names, payload.Type)
		}
	}
	return names
}

// DocOf is what is said about the Go type of a payload, nothing of other types.
func (p *goNotices) DocOf(name string) []string {
	for _, payload := range p.Payloads {
		if payload.Type == name {
			return payload.Doc
		}
	}
	return nil
}

// mostMembers is how many members an object may have: those that were met are kept in a word.
const mostMembers = 64

// noticeBuilder makes the Go types of all payloads.
type noticeBuilder struct {
	n     *notices
	p     *goNotices
	root  string // Go type of the payload at hand
	types map[string]*typeRef
	signs map[string]string // what a type consists of, by its name
	errs  []error
}

func (n *notices) build() (*goNotices, error) {
	b := &noticeBuilder{n: n, p: &goNotices{}, types: map[string]*typeRef{}, signs: map[string]string{}}
	schemas := map[string]*catalog.Schema{} // by Go type: versions that share one have the members of all
	for i, t := range n.types {
		if t.Schema == "" {
			continue
		}
		if n.files[t.Schema] == nil {
			b.errs = append(b.errs, n.rows[i].errorf("there is no schema %s", t.Schema))
			continue
		}
		s, err := n.payload(t.Schema, t.Wrapper)
		if err == nil && schemas[t.Go] != nil && !merge(schemas[t.Go], s) {
			err = n.rows[i].errorf("%s doesn't fit the other version's schema: give it a goType of its own", t.Schema)
		}
		if err != nil {
			b.errs = append(b.errs, err)
			continue
		}
		if schemas[t.Go] == nil {
			schemas[t.Go] = s
		}
	}
	for i, t := range n.types {
		b.payload(n.rows[i], t, schemas[t.Go])
	}
	b.unused()
	slices.SortFunc(b.p.Structs, func(x, y *goStruct) int { return strings.Compare(x.Name, y.Name) })
	slices.SortFunc(b.p.Enums, func(x, y *goEnum) int { return strings.Compare(x.Name, y.Name) })
	return b.p, errors.Join(b.errs...)
}

// unused notes schemas that no row names and rows that nothing needs.
func (b *noticeBuilder) unused() {
	for name := range b.n.files {
		if slices.ContainsFunc(b.n.types, func(t notificationtypes.Type) bool { return t.Schema == name }) {
			continue
		}
		if own := ownSchemas + name; b.n.files[own] != nil {
			if _, err := b.n.payload(name, ""); err == nil {
				b.note("overlay/schemas/%s: Amazon's schema of that name can be read now: have the row in notifications.csv name it", name)
			}
			continue
		}
		b.note("overlay/notifications.csv: no row names the schema %s", name)
	}
	for members := range b.n.shapes {
		if !b.n.used[members] {
			b.note("overlay/notification_shapes.csv: nothing has the shape %s", members)
		}
	}
	for key := range b.n.formats {
		if !b.n.used[key] {
			b.note("overlay/notification_formats.csv: there is no %s", key)
		}
	}
	slices.SortFunc(b.n.notes, func(x, y error) int { return strings.Compare(x.Error(), y.Error()) })
}

func (b *noticeBuilder) note(format string, args ...any) {
	b.n.notes = append(b.n.notes, fmt.Errorf(format, args...))
}

func (b *noticeBuilder) payload(r row, t notificationtypes.Type, s *catalog.Schema) {
	p := &goPayload{Type: t.Go, Body: t.Go, Wrapper: t.Wrapper, Map: t.Schema == "", Doc: b.doc(t)}
	p.Shared = slices.ContainsFunc(b.p.Payloads, func(other *goPayload) bool { return other.Type == t.Go })
	if t.Wrapper != "" {
		p.Body = "bodyOf" + t.Go
	}
	b.p.Payloads = append(b.p.Payloads, p)
	switch {
	case p.Map:
		if len(t.Key)+len(t.NaturalKey)+len(t.Time)+len(t.FilterPaths) > 0 {
			b.errs = append(b.errs, r.errorf("%s has paths and no schema that they could lead through", t.Name))
		}
		return
	case s == nil:
		return // told already
	}
	if !p.Shared {
		b.root = t.Go
		b.ref(s, t.Go, t.Go)
	}
	root := b.types[t.Go]
	if root == nil {
		return
	}
	for _, path := range slices.Concat(t.Key, t.NaturalKey, strings.Fields(strings.Join(t.FilterPaths, " ")), []string{t.Time}) {
		if path == "" || path == "time" && slices.Contains(t.NaturalKey, path) {
			continue
		}
		found, err := lead(root, path)
		if err == nil && path == t.Time && found.kind != kindTime {
			err = errors.New("is no time")
		}
		if err != nil {
			b.errs = append(b.errs, r.errorf("%s: %s: %v", t.Name, path, err))
		}
	}
}

// lead follows a path of members' names, through lists too.
func lead(t *typeRef, path string) (*typeRef, error) {
	for name := range strings.SplitSeq(path, ".") {
		for t.kind == kindArray {
			t = t.elem
		}
		if t.kind != kindObject {
			return nil, fmt.Errorf("there is no object that %s could be a member of", name)
		}
		i := slices.IndexFunc(t.obj.Fields, func(f *goField) bool { return f.API == name })
		if i < 0 {
			return nil, fmt.Errorf("%s has no member %s", t.obj.Name, name)
		}
		t = t.obj.Fields[i].ref
	}
	return t, nil
}

func (b *noticeBuilder) doc(t notificationtypes.Type) []string {
	which := t.Name
	if t.PayloadVersion != "" {
		versions := slices.Clone(t.AlsoVersions)
		for _, other := range b.n.types {
			if other.Go == t.Go {
				versions = append(versions, other.PayloadVersion)
			}
		}
		slices.Sort(versions)
		which += ", payload version " + strings.Join(versions, " or ")
	}
	lines := []string{fmt.Sprintf("%s is the payload of %s: %s.", t.Go, which, t.Trigger)}
	switch t.Status {
	case "removed":
		lines = append(lines, fmt.Sprintf("Deprecated: Amazon removed %s on %s; %s took its place.", t.Name, t.Removal, t.ReplacedBy))
	case "documented":
		shape := "Nobody has published its schema; the members are those that public integrations read."
		if t.Schema == "" {
			shape = "Nobody has published its schema: these are its members as they came."
		}
		lines = append(lines, shape)
	}
	return lines
}

// ref is the type of a schema; name is what it is called if nothing calls it otherwise, place where it stands.
func (b *noticeBuilder) ref(s *catalog.Schema, name, place string) *typeRef {
	switch {
	case isEnum(s):
		return b.enum(s, enumType(name), place)
	case s.Type == "object" && isStruct(s):
		return b.object(s, name, place)
	case s.Type == "array":
		return &typeRef{kind: kindArray, elem: b.ref(s.Items, singular(name), place), where: s}
	}
	return &typeRef{kind: scalarKind(s), where: s}
}

func (b *noticeBuilder) object(s *catalog.Schema, name, place string) *typeRef {
	members := strings.Join(s.Order, ";")
	from := place
	if given, ok := b.n.shapes[members]; ok {
		b.n.used[members] = true
		name, from = given.name, "an object of "+strings.Join(s.Order, ", ")
		for _, member := range given.numbers {
			if inner := s.Properties[member]; inner != nil {
				inner.Type, inner.Format = "number", ""
			}
		}
	}
	obj := &goStruct{Name: name, From: from}
	folded := map[string]string{}
	for _, member := range s.Order {
		inner := s.Properties[member]
		t := b.ref(inner, b.within(member), place+"."+member)
		f := &goField{Name: goName(member), API: member, Type: t.field(), In: "json", kind: t.kind, ref: t}
		f.Doc = (&builder{}).fieldDoc(inner, false, "")
		obj.Fields = append(obj.Fields, f)
		for _, word := range []string{strings.ToLower(member), f.Name} {
			if other := folded[word]; other != "" && other != member {
				b.errs = append(b.errs, fmt.Errorf("%s: %s and %s differ by their casing only", place, other, member))
			}
			folded[word] = member
		}
	}
	if len(s.Order) > mostMembers {
		b.errs = append(b.errs, fmt.Errorf("%s has %d members, more than %d", place, len(s.Order), mostMembers))
	}
	t := &typeRef{kind: kindObject, obj: obj, where: s}
	var sign strings.Builder
	for _, f := range obj.Fields {
		fmt.Fprintln(&sign, f.Name, f.Type, f.API)
	}
	if b.declare(name, sign.String(), place, &t) {
		b.p.Structs = append(b.p.Structs, obj)
	}
	return t
}

func (b *noticeBuilder) enum(s *catalog.Schema, name, place string) *typeRef {
	values := strings.Join(s.Enum, ";")
	if given, ok := b.n.shapes[values]; ok {
		b.n.used[values] = true
		name, place = given.name, "one of "+strings.Join(s.Enum, ", ")
	}
	e := &goEnum{Name: name, From: place}
	for _, v := range s.Enum {
		e.Values = append(e.Values, goEnumValue{name + enumName(v), v})
	}
	t := &typeRef{kind: kindEnum, enum: e, where: s}
	if b.declare(name, strings.Join(s.Enum, "\n"), place, &t) {
		b.p.Enums = append(b.p.Enums, e)
	}
	return t
}

// declare reports whether a type is new. One of the same name must be made of the same.
func (b *noticeBuilder) declare(name, sign, place string, t **typeRef) bool {
	known := b.types[name]
	if known == nil {
		b.types[name], b.signs[name] = *t, sign
		return true
	}
	if b.signs[name] != sign {
		b.errs = append(b.errs, fmt.Errorf("%s: another type is called %s and made of other things: name one of them in overlay/notification_shapes.csv",
			place, name))
	}
	*t = known
	return false
}

// within is the name of a type for a member: by the payload and the member, or by the member where that says both.
func (b *noticeBuilder) within(member string) string {
	name := goName(member)
	if strings.HasPrefix(name, b.root) {
		return name
	}
	return b.root + name
}
