package format

import (
	"bytes"
	"encoding/json"
	"slices"
	"strconv"
	"strings"
	"sync"
	"unicode/utf8"
)

// Writer writes what handlers build, objects and lists, as encoding/json does without escaping HTML: the same bytes in about a third of the
// time (BenchmarkJSON, TestJSONIsThatOfTheLibrary). What it doesn't know it leaves to encoding/json.
type Writer struct {
	out     []byte
	members []jsonMember // of the objects that are being written, the outer ones before the inner ones
}

type jsonMember struct {
	name  string
	value any
}

// Record is an object whose members, each a name and a value, are written down in the order of their names, which are plain. It is built
// faster than a map, and a member of value nil is left out.
type Record [][2]any

// MarshalJSON is for what encoding/json writes.
func (r Record) MarshalJSON() ([]byte, error) {
	w := NewWriter()
	defer w.Release()
	err := w.writeRecord(r)
	return bytes.Clone(w.out), err
}

var jsonWriters = sync.Pool{New: func() any { return &Writer{} }}

// NewWriter returns a writer with nothing in it, which is to be released.
func NewWriter() *Writer { return jsonWriters.Get().(*Writer) }

// Bytes are what has been written; they are good until the writer is released.
func (w *Writer) Bytes() []byte { return w.out }

// largestKept is the size above which a writer's memory isn't kept for the next reply.
const largestKept = 1 << 20

// Release gives the writer back; its bytes must not be used any more.
func (w *Writer) Release() {
	if cap(w.out) > largestKept || cap(w.members) > largestKept/32 {
		return
	}
	clear(w.members[:cap(w.members)])
	w.out, w.members = w.out[:0], w.members[:0]
	jsonWriters.Put(w)
}

func (w *Writer) Write(v any) error {
	switch v := v.(type) {
	case nil:
		w.out = append(w.out, "null"...)
	case string:
		return w.writeString(v)
	case bool:
		w.out = strconv.AppendBool(w.out, v)
	case int:
		w.out = strconv.AppendInt(w.out, int64(v), 10)
	case Double:
		w.out = v.append(w.out)
	case Record:
		return w.writeRecord(v)
	case []Record:
		return writeList(w, v, w.writeRecord)
	case Object:
		return w.writeObject(v)
	case map[string]any:
		return w.writeObject(v)
	case []Object:
		return writeList(w, v, func(o Object) error { return w.writeObject(o) })
	case []any:
		return writeList(w, v, w.Write)
	case []string:
		return writeList(w, v, w.writeString)
	default:
		return w.writeOther(v)
	}
	return nil
}

func (w *Writer) writeObject(o map[string]any) error {
	if o == nil {
		w.out = append(w.out, "null"...)
		return nil
	}
	first := len(w.members)
	for name, value := range o {
		w.members = append(w.members, jsonMember{name, value})
	}
	mine := w.members[first:] // stays what it is when inner objects let w.members grow
	slices.SortFunc(mine, func(a, b jsonMember) int { return strings.Compare(a.name, b.name) })
	w.out = append(w.out, '{')
	for i := range mine {
		if i > 0 {
			w.out = append(w.out, ',')
		}
		if err := w.writeString(mine[i].name); err != nil {
			return err
		}
		w.out = append(w.out, ':')
		if err := w.Write(mine[i].value); err != nil {
			return err
		}
	}
	w.out = append(w.out, '}')
	w.members = w.members[:first]
	return nil
}

func (w *Writer) writeRecord(r Record) error {
	next := byte('{')
	for i := range r {
		if r[i][1] == nil {
			continue
		}
		w.out = append(w.out, next, '"')
		w.out = append(w.out, r[i][0].(string)...)
		w.out = append(w.out, '"', ':')
		if err := w.Write(r[i][1]); err != nil {
			return err
		}
		next = ','
	}
	if next == '{' {
		w.out = append(w.out, next)
	}
	w.out = append(w.out, '}')
	return nil
}

func writeList[T any](w *Writer, list []T, write func(T) error) error {
	if list == nil {
		w.out = append(w.out, "null"...)
		return nil
	}
	w.out = append(w.out, '[')
	for i, v := range list {
		if i > 0 {
			w.out = append(w.out, ',')
		}
		if err := write(v); err != nil {
			return err
		}
	}
	w.out = append(w.out, ']')
	return nil
}

func (w *Writer) writeString(s string) error {
	if !plain(s) {
		return w.writeOther(s)
	}
	w.out = append(w.out, '"')
	w.out = append(w.out, s...)
	w.out = append(w.out, '"')
	return nil
}

// plain tells whether nothing in a text wants escaping. U+2028 and U+2029, which encoding/json escapes, begin with 0xe2.
func plain(s string) bool {
	ascii := true
	for i := range len(s) {
		switch c := s[i]; {
		case c < ' ' || c == '"' || c == '\\' || c == 0xe2:
			return false
		case c >= utf8.RuneSelf:
			ascii = false
		}
	}
	return ascii || utf8.ValidString(s)
}

func (w *Writer) writeOther(v any) error {
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(v); err != nil {
		return err
	}
	w.out = append(w.out, bytes.TrimSuffix(b.Bytes(), []byte("\n"))...)
	return nil
}

// Object is a JSON object under construction. encoding/json writes its keys sorted: the same content gives the same bytes.
type Object map[string]any
