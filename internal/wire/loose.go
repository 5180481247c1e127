package wire

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"reflect"
	"strconv"
	"strings"
	"sync"
)

// Left is a value of a body that has no place in the type that the body is read into.
type Left struct {
	Pointer string          // where it stands: a JSON pointer (RFC 6901)
	Reason  string          // "unknown member", "second value", or what was expected, such as "not an integer"; "more" without the others if there are more
	Value   json.RawMessage // as it came; it shares memory with the body
}

// The reasons of a loose reader's own.
const (
	unknownMember = "unknown member"
	secondValue   = "second value"
	moreLeft      = "more"
)

// mostLeft bounds how many values a body can leave: each costs more than its bytes, and whoever wants more of them has the body.
const mostLeft = 1000

// mostLoose is how many members a struct may have that is read loosely, and how long the name of one may be.
const mostLoose = 64

var looseRoots sync.Map // by reflect.Type

func looseRootOf(t reflect.Type) *root {
	if known, ok := looseRoots.Load(t); ok {
		return known.(*root)
	}
	c := compiler{forms: map[reflect.Type]*form{}, loose: true}
	made := &root{form: c.compile(t), forms: len(c.forms)}
	known, _ := looseRoots.LoadOrStore(t, made)
	return known.(*root)
}

// DecodeLoose reads a body into the struct that out points to, as messages are read that come in several casings and whose senders add to them: it takes
// members' names in any casing, and returns what has no place in the type, so that nothing of the body gets lost; beyond a thousand it says that there is
// more. Of two values of one member the first that isn't null counts. Its error means that the body is not JSON.
func DecodeLoose(body []byte, out any) ([]Left, error) {
	p := reflect.ValueOf(out)
	return looseRootOf(p.Type().Elem()).readLoose(body, p)
}

func (r *root) readLoose(body []byte, out reflect.Value) ([]Left, error) {
	reader, ok := r.readers.Get().(*reader)
	if !ok {
		reader = newReader(r.forms)
	}
	reader.loose = true
	reader.decoder.parse(body, func() {
		reader.begin()
		out.Elem().SetZero()
		reader.value(r.form, out.UnsafePointer())
	})
	left, err := reader.decoder.left(), reader.err
	reader.release()
	r.readers.Put(reader)
	return left, err
}

// left is what the warnings are about, but for those whose value was taken all the same.
func (d *decoder) left() (left []Left) {
	if d.err != nil {
		return nil
	}
	l := locator{body: d.buf}
	for _, w := range d.warns {
		switch w.reason {
		case onlyElement, onlyElementOf, replacedBytes:
			continue
		}
		pointer := l.pointer(w.offset)
		s := scan(d.buf[w.offset:])
		left = append(left, Left{Pointer: pointer, Reason: w.reason, Value: s.raw()})
	}
	if d.many {
		left = append(left, Left{Reason: moreLeft})
	}
	return left
}

// again reports whether a member has been read before, or is null, and passes over its value then.
func (r *reader) again(seen *uint64, i int) bool {
	if *seen&(1<<i) != 0 {
		r.reject(secondValue)
		return true
	}
	if r.null() {
		return true // as if it weren't there: the member may come in another casing
	}
	*seen |= 1 << i
	return false
}

// fold finds a field by its name in whatever casing.
func (f *form) fold(name []byte) (int, bool) {
	var room [mostLoose]byte
	if len(name) > len(room) {
		return 0, false
	}
	i, ok := f.folded[string(lower(room[:0], name))]
	return i, ok
}

// lower appends a name with the letters of ASCII in lower case.
func lower(to, name []byte) []byte {
	for _, c := range name {
		if 'A' <= c && c <= 'Z' {
			c |= 0x20
		}
		to = append(to, c)
	}
	return to
}

// folding makes the index that fold uses.
func (f *form) folding() {
	f.folded = make(map[string]int, len(f.index))
	for name, i := range f.index {
		folded := string(lower(nil, []byte(name)))
		if _, taken := f.folded[folded]; taken || len(name) > mostLoose || len(f.fields) > mostLoose {
			panic(fmt.Sprintf("%s cannot be read loosely because of %s", f.typ, name)) // the generator makes none
		}
		f.folded[folded] = i
	}
}

var errNoObject = errors.New("not an object")

// Members calls each with the members of an object, their names in lower case, until it returns false. What comes behind is not looked at.
func Members(body []byte, each func(name, value []byte) bool) error {
	s := scan(bytes.TrimPrefix(body, bom))
	if s.next() != objectToken {
		s.fail(errNoObject)
	}
	var room []byte
	if s.err == nil {
		for m := (members{s: &s}); m.next(); {
			room = lower(room[:0], m.name)
			if value := s.raw(); s.err == nil && !each(room, value) {
				return nil
			}
		}
		_ = s.end() // is kept
	}
	return s.err
}

// FindLoose returns what is at a path of members' names, in any casing, in a body: the values in all elements where there are lists on the way. Nulls are
// left out.
func FindLoose(body []byte, path string) ([]json.RawMessage, error) {
	s := scan(bytes.TrimPrefix(body, bom))
	found := s.gather(nil, strings.Split(path, "."))
	return found, s.err
}

func (s *scanner) gather(found []json.RawMessage, path []string) []json.RawMessage {
	switch t := s.next(); {
	case t == nullToken:
		s.literal()
	case len(path) == 0:
		if value := s.raw(); s.err == nil {
			found = append(found, value)
		}
	case t == arrayToken:
		for e := (elements{s: s}); e.next(); {
			found = s.gather(found, path)
		}
	case t == objectToken:
		met := false
		for m := (members{s: s}); m.next(); {
			switch {
			case met || !foldedEqual(m.name, path[0]):
				s.skip()
			case !s.null():
				met = true
				found = s.gather(found, path[1:])
			}
		}
	default:
		s.skip()
	}
	return found
}

func foldedEqual(name []byte, to string) bool {
	if len(name) != len(to) {
		return false
	}
	for i, c := range name {
		d := to[i]
		if c != d && (c^d != 0x20 || c|0x20 < 'a' || c|0x20 > 'z') {
			return false
		}
	}
	return true
}

var pointerEscaper = strings.NewReplacer("~", "~0", "/", "~1")

// pointer is where the value at an offset stands, which is not before that of the last one.
func (l *locator) pointer(offset int) string {
	l.advance(offset)
	var b strings.Builder
	for _, level := range l.stack {
		b.WriteByte('/')
		if level.array {
			b.WriteString(strconv.Itoa(level.index))
		} else {
			b.WriteString(pointerEscaper.Replace(string(unescape(nil, level.key))))
		}
	}
	return b.String()
}
