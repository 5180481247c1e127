package gateway

import (
	"cmp"
	"encoding"
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"

	"go.yaml.in/yaml/v3"

	"github.com/openspapi/spapi/internal/cli/operation"
	"github.com/openspapi/spapi/internal/settings"
)

// maxFile is far more than a configuration has, in bytes.
const maxFile = 1 << 20

// maxValues is how many values it may have.
const maxValues = 10_000

// problem is one thing that is wrong with a configuration.
type problem struct {
	Line  int    // 0: it stands nowhere
	Field string // such as tls.certificate
	Value string // "" where it says nothing, or must not be shown
	Want  string // what is wrong, and what would be right
}

func (p problem) String() string {
	var b strings.Builder
	if p.Field != "" {
		b.WriteString(p.Field)
		if p.Value != "" {
			fmt.Fprintf(&b, " %q", p.Value)
		}
		b.WriteString(": ")
	}
	return b.String() + p.Want
}

// fileError is all that is wrong with a configuration.
type fileError struct {
	file     string
	problems []problem
}

// Error says all in one line.
func (e *fileError) Error() string {
	var b strings.Builder
	b.WriteString(e.file)
	for i, p := range e.problems {
		switch {
		case i > 0:
			b.WriteString(";")
		default:
			b.WriteString(":")
		}
		if p.Line > 0 {
			fmt.Fprintf(&b, " line %d:", p.Line)
		}
		b.WriteString(" " + p.String())
	}
	return b.String()
}

// Lines says each thing in a line of its own, as compilers do.
func (e *fileError) Lines() []string {
	var lines []string
	for _, p := range e.problems {
		at := e.file
		if p.Line > 0 {
			at = fmt.Sprintf("%s:%d", at, p.Line)
		}
		lines = append(lines, at+": "+p.String())
	}
	return lines
}

// reader reads nodes of YAML into a value by the tags "yaml" of its fields. It goes on after a mistake.
type reader struct {
	dir      string // what paths are relative to
	problems []problem
	lines    map[string]int // by field
	values   int
}

// read reads a document. The error is that it is none.
func (f *reader) read(text []byte, into any) error {
	if len(text) > maxFile {
		return fmt.Errorf("the file has %d bytes: want at most %d", len(text), maxFile)
	}
	if !utf8.Valid(text) {
		return errors.New("the file is not in UTF-8")
	}
	d := yaml.NewDecoder(strings.NewReader(string(text)))
	var root yaml.Node
	if err := d.Decode(&root); errors.Is(err, io.EOF) {
		return nil // it says nothing: all is as without a file
	} else if err != nil {
		return errors.New("is no YAML: " + shown(strings.TrimPrefix(err.Error(), "yaml: ")))
	}
	if err := d.Decode(new(yaml.Node)); !errors.Is(err, io.EOF) {
		return errors.New("has a second document: want one")
	}
	f.lines = map[string]int{}
	top := root.Content[0]
	if top.Kind == yaml.ScalarNode && top.Tag == "!!null" {
		return nil
	}
	f.value("", top, reflect.ValueOf(into).Elem(), "")
	if f.values > maxValues {
		return fmt.Errorf("has more than %d values", maxValues)
	}
	return nil
}

// line is where a field stands, or what it would stand in.
func (f *reader) line(field string) int {
	for {
		if line := f.lines[field]; line > 0 || field == "" {
			return line
		}
		field = field[:max(0, strings.LastIndexAny(field, ".["))]
	}
}

// wrong notes a mistake of a field, unless there is one already: of a value that was not read nothing more can be told.
func (f *reader) wrong(field, value, want string, args ...any) {
	if slices.ContainsFunc(f.problems, func(p problem) bool { return p.Field == field }) {
		return
	}
	f.problems = append(f.problems, problem{f.line(field), field, shown(value), fmt.Sprintf(want, args...)})
}

// path is the name of a file or folder, absolute once it has been read.
type path string

// hidden is a text that may hold a secret, and is shown nowhere.
type hidden string

// value reads a node into a value. choices are those of a text that has no others.
func (f *reader) value(field string, n *yaml.Node, v reflect.Value, choices string) {
	if f.values++; f.values > maxValues {
		return
	}
	for n.Kind == yaml.AliasNode {
		n = n.Alias
	}
	if f.lines[field] == 0 {
		f.lines[field] = n.Line
	}
	if n.Kind == yaml.ScalarNode && n.Tag == "!!null" { // what is forgotten must not pass for a wish to have the default
		f.wrong(field, "", "has nothing behind it: give it a value, or leave it out")
		return
	}
	if _, leaf := v.Addr().Interface().(encoding.TextUnmarshaler); !leaf {
		switch v.Kind() {
		case reflect.Pointer:
			v.Set(reflect.New(v.Type().Elem()))
			f.value(field, n, v.Elem(), choices)
			return
		case reflect.Struct:
			f.object(field, n, v)
			return
		case reflect.Slice:
			f.list(field, n, v)
			return
		default:
		}
	}
	if n.Kind != yaml.ScalarNode {
		f.wrong(field, "", "is no single value: want %s", kindOf(v, choices))
		return
	}
	f.scalar(field, n.Value, v, choices)
}

func (f *reader) scalar(field, text string, v reflect.Value, choices string) {
	if leaf, ok := v.Addr().Interface().(encoding.TextUnmarshaler); ok {
		if err := leaf.UnmarshalText([]byte(text)); err != nil {
			f.wrong(field, text, "%s", err)
		}
		return
	}
	switch v.Kind() {
	case reflect.Bool:
		switch text {
		case "true", "false":
			v.SetBool(text == "true")
		default:
			f.wrong(field, text, "want true or false")
		}
	case reflect.Int:
		n, err := strconv.Atoi(text)
		if err != nil {
			f.wrong(field, text, "want a whole number")
			return
		}
		v.SetInt(int64(n))
	default:
		switch {
		case v.Type() == reflect.TypeFor[hidden]():
			v.SetString(text)
			return
		case strings.TrimSpace(text) == "":
			f.wrong(field, "", "is empty: want %s", kindOf(v, choices))
			return
		case choices != "" && !slices.Contains(strings.Split(choices, ","), text):
			f.wrong(field, text, "want %s", kindOf(v, choices))
			return
		case v.Type() == reflect.TypeFor[path]():
			if strings.ContainsRune(text, 0) {
				f.wrong(field, "", "is no name of a file")
				return
			}
			if !filepath.IsAbs(text) {
				text = filepath.Join(f.dir, text)
			}
		}
		v.SetString(text)
	}
}

// kindOf says what a value may be.
func kindOf(v reflect.Value, choices string) string {
	switch {
	case choices != "":
		return orList(strings.Split(choices, ","))
	case v.Kind() == reflect.Bool:
		return "true or false"
	case v.Kind() == reflect.Int:
		return "a whole number"
	case v.Type() == reflect.TypeFor[path]():
		return "a path"
	}
	return "a text"
}

func orList(names []string) string {
	if len(names) < 2 {
		return strings.Join(names, "")
	}
	last := len(names) - 1
	return strings.Join(names[:last], ", ") + " or " + names[last]
}

func (f *reader) list(field string, n *yaml.Node, v reflect.Value) {
	if n.Kind != yaml.SequenceNode {
		f.wrong(field, n.Value, "is no list: want one, such as [a, b]")
		return
	}
	list := reflect.MakeSlice(v.Type(), len(n.Content), len(n.Content))
	for i, item := range n.Content {
		f.value(fmt.Sprintf("%s[%d]", field, i), item, list.Index(i), "")
	}
	v.Set(list)
}

func (f *reader) object(field string, n *yaml.Node, v reflect.Value) {
	names := memberNames(v.Type())
	if n.Kind != yaml.MappingNode {
		f.wrong(field, n.Value, "is no mapping: want one with %s", orList(names))
		return
	}
	seen := map[string]int{}
	for i := 0; i+1 < len(n.Content); i += 2 {
		key := n.Content[i]
		inside := strings.TrimPrefix(field+"."+cmp.Or(shown(key.Value), `""`), ".")
		at := slices.Index(names, key.Value)
		first := seen[key.Value]
		seen[key.Value] = key.Line
		switch {
		case at < 0:
			f.lines[inside] = key.Line
			f.wrong(inside, "", "is not known: %s", nearest(key.Value, names))
		case first > 0:
			f.problems = append(f.problems, problem{Line: key.Line, Field: inside, Want: fmt.Sprintf("is there twice, on line %d first", first)})
		default:
			f.lines[inside] = key.Line // the node of a mapping begins below it
			f.value(inside, n.Content[i+1], v.Field(at), v.Type().Field(at).Tag.Get("choices"))
		}
	}
}

// nearest says what may have been meant by a name that isn't known.
func nearest(name string, names []string) string {
	near := operation.Near(name, names)
	for _, n := range names { // "key" may be key_file
		if !slices.Contains(near, n) && name != "" && (strings.HasPrefix(n, name+"_") || strings.HasSuffix(n, "_"+name)) {
			near = append(near, n)
		}
	}
	if len(near) > 0 {
		return "did you mean " + orList(near) + "?"
	}
	return "want " + orList(names)
}

// memberNames are the names of a struct's fields in YAML, in their order. Fields that have none stand last.
func memberNames(t reflect.Type) []string {
	var names []string
	for i := range t.NumField() {
		if name := t.Field(i).Tag.Get("yaml"); name != "" {
			names = append(names, name)
		}
	}
	return names
}

// shown is a text as errors may show it: bounded, in one line, and no secret.
func shown(text string) string {
	const most = 80
	switch {
	case settings.SecretShape(text):
		return "(a token or secret)"
	case utf8.RuneCountInString(text) > most:
		text = string([]rune(text)[:most]) + "…"
	}
	return strings.Map(func(r rune) rune {
		if unicode.IsControl(r) || !unicode.IsPrint(r) && r != ' ' {
			return '?'
		}
		return r
	}, text)
}
