package notifications

import (
	"errors"
	"fmt"
	"io"
	"reflect"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"

	"github.com/openspapi/spapi/marketplace"
)

// How large the file of a set-up may be: in bytes, and in values, those counted each time that an alias stands for. 200 sellers with a subscription of their
// own for each of 30 types have some 30,000.
const (
	maxSetup  = 16 << 20
	maxValues = 100_000
)

// ReadSetup reads a [Setup] in YAML or JSON, which has the members that the types name. It is strict: what it doesn't know is an error, and all that is
// wrong is in one [*SetupError] with lines. Scalars are taken as they are written, so that payloadVersion: 1.0 needs no quotes. The result has been checked by
// [Setup.Check].
func ReadSetup(r io.Reader) (*Setup, error) {
	text, err := io.ReadAll(io.LimitReader(r, maxSetup+1))
	if err != nil {
		return nil, fmt.Errorf("notifications: set-up: %w", err)
	}
	if len(text) > maxSetup {
		return nil, fmt.Errorf("notifications: set-up: the file is larger than %d bytes", maxSetup)
	}
	d := yaml.NewDecoder(strings.NewReader(string(text)))
	var root yaml.Node
	if err := d.Decode(&root); err != nil {
		if errors.Is(err, io.EOF) {
			return nil, &SetupError{Problems: []SetupProblem{{Field: "file", Want: "is empty: want destinations and subscriptions"}}}
		}
		return nil, fmt.Errorf("notifications: set-up: neither YAML nor JSON: %s", shown(strings.TrimPrefix(err.Error(), "yaml: ")))
	}
	if err := d.Decode(new(yaml.Node)); !errors.Is(err, io.EOF) {
		return nil, &SetupError{Problems: []SetupProblem{{Field: "file", Want: "has a second document: want one"}}}
	}
	f := setupFile{lines: map[string]int{}}
	var s Setup
	f.read("", root.Content[0], reflect.ValueOf(&s).Elem())
	if f.values > maxValues {
		return nil, fmt.Errorf("notifications: set-up: the file has more than %d values, those counted each time that aliases stand for", maxValues)
	}
	if err := f.problems.err(); err != nil {
		return nil, err
	}
	s.check(&f.problems)
	for i := range f.problems {
		f.problems[i].Line = f.line(f.problems[i].Field)
	}
	if err := f.problems.err(); err != nil {
		return nil, err
	}
	return &s, nil
}

// setupFile reads nodes into values by the names of their JSON members.
type setupFile struct {
	problems problems
	lines    map[string]int // by field
	values   int
}

// line is where a field stands, or what it would stand in.
func (f *setupFile) line(field string) int {
	for {
		if line := f.lines[field]; line > 0 || field == "" {
			return line
		}
		field = field[:max(0, strings.LastIndexAny(field, ".["))]
	}
}

func (f *setupFile) wrong(n *yaml.Node, field, want string, args ...any) {
	p := SetupProblem{Line: n.Line, Field: field, Want: fmt.Sprintf(want, args...)}
	if p.Field == "" {
		p.Field = "file"
	}
	if n.Kind == yaml.ScalarNode {
		p.Value = shown(n.Value)
	}
	f.problems = append(f.problems, p)
}

func (f *setupFile) read(field string, n *yaml.Node, v reflect.Value) {
	if f.values++; f.values > maxValues {
		return
	}
	for n.Kind == yaml.AliasNode {
		n = n.Alias
	}
	f.lines[field] = n.Line
	if n.Kind == yaml.ScalarNode && n.Tag == "!!null" {
		switch { // what is forgotten must not pass for a wish to have nothing
		case field == "":
			f.wrong(n, field, "is empty: want destinations and subscriptions")
		case v.Kind() == reflect.Slice:
			f.wrong(n, field, "has nothing behind it: want a list, or [] for none")
		}
		return
	}
	switch v.Kind() {
	case reflect.Pointer:
		v.Set(reflect.New(v.Type().Elem()))
		f.read(field, n, v.Elem())
	case reflect.Struct:
		f.object(field, n, v)
	case reflect.Slice:
		if n.Kind != yaml.SequenceNode {
			f.wrong(n, field, "is no list: want one")
			return
		}
		list := reflect.MakeSlice(v.Type(), len(n.Content), len(n.Content))
		for i, item := range n.Content {
			f.read(fmt.Sprintf("%s[%d]", field, i), item, list.Index(i))
		}
		v.Set(list)
	default: // a text: there is nothing else in a set-up
		if n.Kind != yaml.ScalarNode {
			f.wrong(n, field, "is no text: want one")
			return
		}
		v.SetString(n.Value)
		if r, ok := v.Interface().(marketplace.Region); ok {
			if parsed, err := marketplace.ParseRegion(string(r)); err == nil {
				v.SetString(string(parsed))
			}
		}
	}
}

func (f *setupFile) object(field string, n *yaml.Node, v reflect.Value) {
	if n.Kind != yaml.MappingNode {
		f.wrong(n, field, "is no object: want one with %s", orNone(memberNames(v.Type())))
		return
	}
	names := memberNames(v.Type())
	var seen []string
	for i := 0; i+1 < len(n.Content); i += 2 {
		name, inside := n.Content[i].Value, field
		if inside != "" {
			inside += "."
		}
		at := slices.Index(names, name)
		switch {
		case at < 0:
			f.problems = append(f.problems, SetupProblem{Line: n.Content[i].Line, Field: inside + shown(name), Want: "is not known: want " + orNone(names)})
		case slices.Contains(seen, name):
			f.problems = append(f.problems, SetupProblem{Line: n.Content[i].Line, Field: inside + name, Want: "is there twice"})
		default:
			f.read(inside+name, n.Content[i+1], v.Field(at))
		}
		seen = append(seen, name)
	}
}

// memberNames are the JSON names of a struct's fields, in their order.
func memberNames(t reflect.Type) []string {
	names := make([]string, t.NumField())
	for i := range names {
		names[i], _, _ = strings.Cut(t.Field(i).Tag.Get("json"), ",")
	}
	return names
}
