package output

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"iter"
	"math"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/openspapi/spapi/internal/wire"
)

// Kind is the kind of a [Value].
type Kind uint8

// The kinds.
const (
	Nothing Kind = iota // null, too
	Bool
	Number
	String
	Object
	Array
)

// Value is a value of a JSON text, which stays as it is written: numbers keep their digits, objects the order of their members. It is found by its place
// in a text that was read once, and its own texts are parts of that. The zero Value is nothing.
type Value struct {
	in *texts
	at int32
}

// texts are JSON texts that were read: their values with their places, each before those in it.
type texts struct {
	all   string
	nodes []node
	roots []Value
}

// node is a value. The names of members stand beside their values, without quotes.
type node struct {
	from, to         int32 // in the text; of a list that was made of other values: none
	nameFrom, nameTo int32
	size             int32 // how many nodes the value takes, itself and those in it
	kind             Kind
	spelled          spelling // of a string
	nameSpelled      spelling
}

// spelling tells how far a string is what stands there.
type spelling uint8

const (
	ascii   spelling = iota // it is, and needs no escapes either
	bare                    // it is
	encoded                 // it has escapes, or bytes that are no UTF-8
)

// maxDepth bounds how deep values are nested, as encoding/json does.
const maxDepth = 10000

var errCut = errors.New("the JSON is cut short")

// Parse reads a JSON text.
func Parse(text string) (Value, error) {
	t := texts{all: text}
	end, err := t.value(0)
	if err == nil && space(text, end) != len(text) {
		err = errors.New("text after the end of the JSON")
	}
	if err != nil {
		return Value{}, err
	}
	return Value{&t, 0}, nil
}

// read reads the rows of a page. They are valid until the next page is read, which takes their memory over.
func (t *texts) read(rows []json.RawMessage) ([]Value, error) {
	n := 0
	for _, row := range rows {
		n += len(row) + 1
	}
	var all strings.Builder
	all.Grow(n)
	for _, row := range rows {
		all.Write(row)
		all.WriteByte('\n') // two numbers are two
	}
	t.all, t.nodes, t.roots = all.String(), t.nodes[:0], t.roots[:0]
	at := 0
	for _, row := range rows {
		t.roots = append(t.roots, Value{t, int32(len(t.nodes))})
		end, err := t.value(at)
		if at += len(row) + 1; err == nil && space(t.all[:at], end) != at {
			err = errors.New("a row that is no single JSON value")
		}
		if err != nil {
			return nil, err
		}
	}
	return t.roots, nil
}

// forget takes back the lists that were made of other values, as far as they are behind those of a text.
func (t *texts) forget(after int) { t.nodes = t.nodes[:after] }

// space is where the text goes on behind spaces.
func space(s string, at int) int {
	for at < len(s) && (s[at] == ' ' || s[at] == '\n' || s[at] == '\t' || s[at] == '\r') {
		at++
	}
	return at
}

// value reads a value and returns where it ends.
func (t *texts) value(at int) (int, error) {
	if len(t.all) > math.MaxInt32 {
		return 0, errors.New("more than 2 GiB of JSON")
	}
	return t.nested(at, 0)
}

func (t *texts) nested(at, depth int) (end int, err error) {
	s := t.all
	if at = space(s, at); at == len(s) {
		return 0, errCut
	}
	n := len(t.nodes)
	t.nodes = append(t.nodes, node{from: int32(at)})
	var kind Kind
	switch c := s[at]; c {
	case '{', '[':
		if depth == maxDepth {
			return 0, errors.New("the JSON is nested too deep")
		}
		if kind = Object; c == '[' {
			kind = Array
		}
		end, err = t.inside(at, depth, c+2) // '}' and ']' stand two behind their openings
	case '"':
		kind = String
		end, t.nodes[n].spelled, err = str(s, at)
	default:
		kind, end, err = scalar(s, at)
	}
	if err != nil {
		return 0, err
	}
	v := &t.nodes[n]
	v.kind, v.to, v.size = kind, int32(end), int32(len(t.nodes)-n)
	return end, nil
}

// inside reads the members of an object or the elements of a list.
func (t *texts) inside(at, depth int, closing byte) (int, error) {
	s := t.all
	if at = space(s, at+1); at < len(s) && s[at] == closing {
		return at + 1, nil
	}
	for {
		name, n := node{}, len(t.nodes)
		if closing == '}' {
			if at = space(s, at); at == len(s) || s[at] != '"' {
				return 0, unexpected(s, at)
			}
			end, spelled, err := str(s, at)
			if err != nil {
				return 0, err
			}
			name = node{nameFrom: int32(at + 1), nameTo: int32(end - 1), nameSpelled: spelled}
			if at = space(s, end); at == len(s) || s[at] != ':' {
				return 0, unexpected(s, at)
			}
			at++
		}
		end, err := t.nested(at, depth+1)
		if err != nil {
			return 0, err
		}
		v := &t.nodes[n]
		v.nameFrom, v.nameTo, v.nameSpelled = name.nameFrom, name.nameTo, name.nameSpelled
		switch at = space(s, end); {
		case at == len(s):
			return 0, errCut
		case s[at] == closing:
			return at + 1, nil
		case s[at] != ',':
			return 0, unexpected(s, at)
		}
		at++
	}
}

func unexpected(s string, at int) error {
	if at == len(s) {
		return errCut
	}
	return errors.New("the JSON has " + strconv.QuoteRune(rune(s[at])) + " where it can't stand")
}

// str is where a string ends that begins at a quote.
func str(s string, at int) (end int, _ spelling, err error) {
	var all byte
	backslash := false
	for end = at + 1; end < len(s); end++ {
		switch c := s[end]; c {
		case '"':
			switch {
			case backslash, all >= utf8.RuneSelf && !utf8.ValidString(s[at:end]):
				return end + 1, encoded, nil
			case all >= utf8.RuneSelf:
				return end + 1, bare, nil
			}
			return end + 1, ascii, nil
		case '\\':
			backslash = true
			end++
		default:
			all |= c
		}
	}
	return 0, 0, errCut
}

// scalar is where a number, a truth value or null ends.
func scalar(s string, at int) (kind Kind, end int, err error) {
	for end = at; end < len(s) && strings.IndexByte(",]} \t\r\n", s[end]) < 0; {
		end++
	}
	switch word := s[at:end]; {
	case word == "null":
		return Nothing, end, nil
	case word == "true" || word == "false":
		return Bool, end, nil
	case word != "" && (word[0] == '-' || word[0] >= '0' && word[0] <= '9'):
		return Number, end, nil
	}
	return 0, 0, unexpected(s, at)
}

// node is that of the value; the zero node is nothing.
func (v Value) node() node {
	if v.in == nil {
		return node{}
	}
	return v.in.nodes[v.at]
}

// Kind is the kind of the value.
func (v Value) Kind() Kind { return v.node().kind }

// Text is the text of a scalar: that of a string, numbers as they are written, true and false. It is empty for all else, but for a list of one scalar,
// which is that scalar, as for the SDK.
func (v Value) Text() string {
	switch n := v.only().node(); n.kind {
	case String:
		return unescaped(v.in.all[n.from+1:n.to-1], n.spelled)
	case Number, Bool:
		return v.in.all[n.from:n.to]
	}
	return ""
}

// only is the element of a list of one, any other value itself.
func (v Value) only() Value {
	if v.Kind() == Array && v.Len() == 1 {
		return v.first()
	}
	return v
}

// unescaped is the string that is written between quotes.
func unescaped(text string, spelled spelling) string {
	if spelled < encoded {
		return text
	}
	var s string
	if json.Unmarshal([]byte(`"`+text+`"`), &s) != nil {
		return strings.ToValidUTF8(text, "\ufffd") // no JSON: a control character, or an escape that there isn't
	}
	return s
}

// name is the name of a value that is a member.
func (v Value) name() string {
	n := v.in.nodes[v.at]
	return unescaped(v.in.all[n.nameFrom:n.nameTo], n.nameSpelled)
}

// end is the place behind the values in v.
func (v Value) end() int32 { return v.at + v.in.nodes[v.at].size }

// first and next are the values right in v, up to its end.
func (v Value) first() Value { return Value{v.in, v.at + 1} }
func (v Value) next() Value  { return Value{v.in, v.end()} }

// Members are the members of an object, in their order. A list of one object is that object, as for the SDK.
func (v Value) Members() iter.Seq2[string, Value] {
	return func(yield func(string, Value) bool) {
		if v = v.only(); v.Kind() != Object {
			return
		}
		for m, end := v.first(), v.end(); m.at < end; m = m.next() {
			if !yield(m.name(), m) {
				return
			}
		}
	}
}

// Elements are the elements of a list. In the place of a list a value is its one element, unless it is empty, as for the SDK.
func (v Value) Elements() iter.Seq[Value] {
	return func(yield func(Value) bool) {
		if v.Kind() != Array {
			if v.Text() != "" || v.Len() > 0 {
				yield(v)
			}
			return
		}
		for e, end := v.first(), v.end(); e.at < end; e = e.next() {
			if !yield(e) {
				return
			}
		}
	}
}

// Len is the number of elements of a list, or of members of an object.
func (v Value) Len() int {
	n := 0
	if v.Kind() >= Object {
		for e, end := v.first(), v.end(); e.at < end; e = e.next() {
			n++
		}
	}
	return n
}

// Member is the member of an object with a name, the last one as for the SDK and --jq; nothing if there is none.
func (v Value) Member(name string) Value {
	m, _ := v.get(name)
	return m
}

func (v Value) get(name string) (found Value, ok bool) {
	if v.Kind() != Object {
		return Value{}, false
	}
	t := v.in
	for at, end := v.at+1, v.end(); at < end; {
		n := &t.nodes[at]
		if n.nameSpelled < encoded && t.all[n.nameFrom:n.nameTo] == name || n.nameSpelled == encoded && (Value{t, at}).name() == name {
			found, ok = Value{t, at}, true
		}
		at += n.size
	}
	return found, ok
}

// JSON is the value as compact JSON.
func (v Value) JSON() json.RawMessage { return v.append(nil) }

// append writes compact JSON. Strings are written in one way, whichever escapes they came with.
func (v Value) append(b []byte) []byte {
	n := v.node()
	switch n.kind {
	case Object, Array:
		closing := byte('}')
		if b = append(b, '{'); n.kind == Array {
			b[len(b)-1], closing = '[', ']'
		}
		end := v.end()
		for e := v.first(); e.at < end; e = e.next() {
			if e.at > v.at+1 {
				b = append(b, ',')
			}
			if n.kind == Object {
				m := v.in.nodes[e.at]
				b = append(appendString(b, v.in.all[m.nameFrom:m.nameTo], m.nameSpelled), ':')
			}
			b = e.append(b)
		}
		return append(b, closing)
	case String:
		return appendString(b, v.in.all[n.from+1:n.to-1], n.spelled)
	case Nothing:
		return append(b, "null"...)
	}
	return append(b, v.in.all[n.from:n.to]...)
}

func appendString(b []byte, text string, spelled spelling) []byte {
	if spelled == ascii {
		return append(append(append(b, '"'), text...), '"')
	}
	raw, _ := encode(unescaped(text, spelled)) // a string can be encoded
	return append(b, raw...)
}

// follow follows a path; see [Column]. Several tells that the value is a list of the values of several elements of a list, which is made for it.
func (v Value) follow(path []string) (_ Value, several bool) {
	for i, name := range path {
		if v.Kind() == Array {
			if n, ok := position(name); ok {
				if v, ok = v.element(n); !ok {
					return Value{}, false
				}
				continue
			}
			if v.Len() != 1 {
				return v.each(path[i:])
			}
			v = v.first()
		}
		var ok bool
		if v, ok = v.get(name); !ok {
			return Value{}, false
		}
	}
	return v, false
}

// position reads the number of an element in a path.
func position(name string) (int, bool) {
	if name == "" || name[0] > '9' { // most names
		return 0, false
	}
	n, err := strconv.Atoi(name)
	return n, err == nil
}

// element is an element of a list.
func (v Value) element(n int) (_ Value, ok bool) {
	for e, end := v.first(), v.end(); e.at < end; e = e.next() {
		if n == 0 {
			return e, true
		}
		n--
	}
	return Value{}, false
}

// each are the values at a path of all elements, nothing where no element has one.
func (v Value) each(path []string) (Value, bool) {
	var few [16]Value
	values := few[:0]
	found := false
	for e, end := v.first(), v.end(); e.at < end; e = e.next() {
		w, _ := e.follow(path)
		found = found || w.Kind() != Nothing
		values = append(values, w)
	}
	if !found {
		return Value{}, false
	}
	t := v.in
	n := len(t.nodes)
	t.nodes = append(t.nodes, node{kind: Array})
	for _, w := range values {
		if w.in == nil {
			t.nodes = append(t.nodes, node{size: 1})
		} else {
			t.nodes = append(t.nodes, t.nodes[w.at:w.end()]...)
		}
	}
	t.nodes[n].size = int32(len(t.nodes) - n)
	return Value{t, int32(n)}, true
}

// text is a value for a table's cell: scalars as they are, lists of scalars with commas, all else as compact JSON.
func (v Value) text() string {
	switch v.Kind() {
	case Array:
		if !v.scalars() {
			break
		}
		var parts []string
		for e := range v.Elements() {
			parts = append(parts, e.Text())
		}
		return strings.Join(parts, ", ")
	case Object:
	default:
		return v.Text()
	}
	return string(v.append(nil))
}

// scalars reports whether all elements of a list are scalars.
func (v Value) scalars() bool {
	for e, end := v.first(), v.end(); e.at < end; e = e.next() {
		if v.in.nodes[e.at].kind >= Object {
			return false
		}
	}
	return true
}

// elements are the rows of a list, or the value as the only one.
func elements(v Value) []Value {
	if v.Kind() != Array {
		return []Value{v}
	}
	rows := make([]Value, 0, v.Len())
	for e := range v.Elements() {
		rows = append(rows, e)
	}
	return rows
}

// encode is v as compact JSON without HTML escapes: "&" in URLs stays readable.
func encode(v any) ([]byte, error) {
	if raw, ok := v.(json.RawMessage); ok {
		if !json.Valid(raw) {
			return nil, json.Compact(new(bytes.Buffer), raw)
		}
		return appendCompact(nil, raw), nil
	}
	return wire.Marshal(v)
}

// WriteJSON writes v on one line.
func WriteJSON(w io.Writer, v any) error {
	b, err := encode(v)
	if err != nil {
		return err
	}
	_, err = w.Write(append(b, '\n'))
	return err
}
