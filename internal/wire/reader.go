package wire

import (
	"encoding"
	"encoding/json"
	"reflect"
	"time"
	"unsafe"
)

// reader reads bodies into results of one type. What it has learned from one body makes the next one cheaper: the order in which members come, and
// how much memory results take.
type reader struct {
	decoder
	states []state // by a form's place
	length int     // of the body before
	inside bool    // of a list's element
	errors bool    // there may be something in a member "errors" at the top
}

// state is what a reader remembers about a form.
type state struct {
	after []int  // of structs: which field came after each, the first of all at 0
	one   room   // for values that are pointed to
	many  []room // for the elements of lists, by how many lists of this type they lie in
	open  int    // lists that are being read
	texts int    // bytes of strings that an element of a list takes
	size  int    // members of the last map
}

// room is memory for values of one type. It is made in arrays, because a page has hundreds of objects.
type room struct {
	free  unsafe.Pointer
	left  int
	given int // in this body
	past  int // in the body before
}

// mostRoom bounds for how many values room is made at once, but for a list that isn't within another: who keeps one value keeps few others alive.
const mostRoom = 128

// mostUnused is how many bytes may stay unused behind an outermost list.
const mostUnused = 1024

func newReader(forms int) *reader { return &reader{states: make([]state, forms)} }

// begin gets ready for a body. It may be the second look at one, and what the first has written is still in the memory that it has left.
func (r *reader) begin() {
	r.inside, r.errors, r.note = false, false, true
	r.texts = texts{}
	r.ints, r.bools = slab[int64]{}, slab[bool]{}
	for i := range r.states {
		r.states[i].fresh(func(m room) int { return m.past })
	}
}

// release lets go of all memory that results share.
func (r *reader) release() {
	r.length = max(len(r.buf), 1)
	r.decoder = decoder{}
	for i := range r.states {
		r.states[i].fresh(func(m room) int { return m.given })
	}
}

// fresh lets go of all memory, and sets what the body before is said to have held.
func (s *state) fresh(past func(room) int) {
	s.one = room{past: past(s.one)}
	s.many = s.many[:min(len(s.many), mostLevels)]
	for level, m := range s.many {
		s.many[level] = room{past: past(m)}
	}
	s.open = 0
}

// mostLevels bounds how many levels of lists within lists are remembered from one body to the next.
const mostLevels = 16

// wanted is for how many values to make room: as many as the rest of the body may hold by what the body before it held, or a part of those so far.
func (r *reader) wanted(m *room) int {
	if m.past == 0 {
		return max(m.given, 1)
	}
	return max((m.past*(len(r.buf)-r.pos)+r.length-1)/r.length, m.given/4, 1)
}

// make makes room for n values.
func (m *room) make(f *form, n int) {
	m.left = n
	if n == 1 {
		m.free = reflect.New(f.typ).UnsafePointer() // without a slice's header
	} else {
		m.free = reflect.MakeSlice(f.list, n, n).UnsafePointer()
	}
}

// new is a zero value of its own.
func (r *reader) new(f *form) unsafe.Pointer {
	m := &r.states[f.place].one
	if m.left == 0 {
		m.make(f, min(r.wanted(m), mostRoom))
	}
	p := m.free
	m.given++
	if m.left--; m.left > 0 {
		m.free = unsafe.Add(m.free, f.size)
	}
	return p
}

// slice is how Go keeps one.
type slice struct {
	data     unsafe.Pointer
	len, cap int
}

// noElements is what lists without elements point to: nil would be no list.
var noElements [0]unsafe.Pointer

// list reads an array.
func (r *reader) list(f *form, p unsafe.Pointer) {
	to := (*slice)(p)
	elem := f.elem
	ok, single := r.array(elem.kind == structForm || elem.kind == rawForm || elem.kind == listForm || elem.kind == mapForm, elem.kind != structForm)
	if !ok {
		*to = slice{}
		return
	}
	state := &r.states[f.place]
	outermost := !r.inside
	r.inside, r.note = true, false
	from := r.pos
	// Lists of the same type within an element have room of their own: elements of one list lie side by side.
	level := state.open
	if level == len(state.many) {
		state.many = append(state.many, room{})
	}
	state.open++
	m := state.many[level]
	data, n := m.free, 0
	first := r.pos
	for more := single || r.open(']'); more; more = !single && r.more(']') {
		if m.left == 0 {
			data = r.grow(f, &m, data, n, first, outermost)
		}
		if outermost {
			r.texts.element(state.texts)
		}
		r.value(elem, unsafe.Add(data, uintptr(n)*elem.size))
		if r.err != nil {
			break
		}
		if outermost {
			// A little more than the last one took, or not much less than a large one of late.
			state.texts = max(r.texts.used+r.texts.used/32, state.texts/2)
		}
		n++
		m.left--
		if single {
			break
		}
	}
	if outermost {
		r.inside, r.note = false, true
		r.noted(from)
		r.texts.element(0)
	}
	switch {
	case n == 0:
		*to = slice{data: unsafe.Pointer(&noElements)}
	case outermost && m.left > n && uintptr(m.left)*elem.size > mostUnused:
		*to = slice{data: m.trim(elem, data, n), len: n, cap: n}
	default:
		*to = slice{data: data, len: n, cap: n}
		if m.left > 0 {
			m.free = unsafe.Add(data, uintptr(n)*elem.size)
		}
	}
	m.given += n
	state.many[level] = m
	state.open--
}

// grow makes room for more elements behind the n that a list has, which move there.
func (r *reader) grow(f *form, m *room, data unsafe.Pointer, n, first int, outermost bool) unsafe.Pointer {
	size, rest := r.wanted(m), len(r.buf)-r.pos
	switch {
	case !outermost:
		size = max(min(size, mostRoom), 2*n)
	case n == 0:
		// An element and its comma take two bytes, and the other body may have held many of nothing.
		size = max(min(size, rest/2, 8*rest/int(max(f.elem.size, 1))), 1)
	default:
		// As many as the rest of the body can hold, if they are like those so far, but not too many: other things may follow.
		// No more than the rest can hold: an element and its comma take two bytes.
		size = min(max(min(n+1+n*rest/max(r.pos-first, 1), 8*n), 2*n), n+1+rest/2)
	}
	m.make(f.elem, size)
	if n > 0 {
		reflect.Copy(reflect.SliceAt(f.elem.typ, m.free, n), reflect.SliceAt(f.elem.typ, data, n))
	}
	m.left -= n
	return m.free
}

// trim moves the n elements of a list into memory of their own. Most of what they were read into is unused, and left for other lists.
func (m *room) trim(elem *form, data unsafe.Pointer, n int) unsafe.Pointer {
	own := reflect.MakeSlice(elem.list, n, n)
	read := reflect.SliceAt(elem.typ, data, n)
	reflect.Copy(own, read)
	read.Clear()
	m.free, m.left = data, m.left+n
	return own.UnsafePointer()
}

// value reads the next value into the memory of a form, which is zero or holds what a member of the same name had before.
func (r *reader) value(f *form, p unsafe.Pointer) {
	switch f.kind {
	case textForm:
		*(*string)(p) = r.text()
	case boolPointer:
		*(**bool)(p) = r.boolean()
	case intPointer:
		*(**int64)(p) = r.integer()
	case pointerForm:
		*(*unsafe.Pointer)(p) = r.pointer(f.elem)
	case listForm:
		r.list(f, p)
	case structForm:
		r.object(f, p)
	case timeForm:
		*(*time.Time)(p) = r.instant()
	case decimalForm:
		*(*json.Number)(p) = r.decimal()
	case dateForm:
		*(*Date)(p) = r.date()
	case rawForm:
		*(*json.RawMessage)(p) = r.anything()
	case boolForm:
		if v := r.boolean(); v != nil {
			*(*bool)(p) = *v
		}
	case intForm:
		if v := r.integer(); v != nil {
			*(*int64)(p) = *v
		}
	case mapForm:
		r.table(f, p)
	case ownForm:
		r.own(f, p)
	case errorsForm:
		r.declaredErrors(f.elem, p)
	}
}

func (r *reader) pointer(elem *form) unsafe.Pointer {
	if ok, around := r.decoder.object(); ok {
		p := r.new(elem)
		r.members(elem, p)
		if r.close(around) {
			return p
		}
	}
	return nil
}

func (r *reader) object(f *form, p unsafe.Pointer) {
	if ok, around := r.decoder.object(); ok {
		r.members(f, p)
		if !r.close(around) {
			reflect.NewAt(f.typ, p).Elem().SetZero()
		}
	}
}

// members reads an object into a struct. The next member is mostly the one that came next in the last object of the type, written without blanks: to
// compare is faster than to look it up.
func (r *reader) members(f *form, p unsafe.Pointer) {
	state := &r.states[f.place]
	if state.after == nil {
		state.after = make([]int, len(f.fields)+1)
		for i := range f.fields {
			state.after[i] = i
		}
	}
	after := state.after
	last := 0
	var seen uint64 // of fields, where the reader is loose
	for more := r.open('}'); more; more = r.more('}') {
		guess := after[last]
		if guess < len(f.fields) {
			if field := &f.fields[guess]; len(r.buf)-r.pos >= len(field.opening) && string(r.buf[r.pos:r.pos+len(field.opening)]) == field.opening {
				r.pos += len(field.opening)
				last = guess + 1
				if r.loose && r.again(&seen, guess) {
					continue
				}
				if field.form.kind == textForm && r.pos < len(r.buf) && r.buf[r.pos] == '"' { // most members: a shorter way
					*(*string)(unsafe.Add(p, field.offset)) = r.quotedText()
				} else {
					r.value(field.form, unsafe.Add(p, field.offset))
				}
				continue
			}
		}
		name := r.name()
		i, ok := f.index[string(name)]
		if !ok && r.loose {
			if i, ok = f.fold(name); !ok {
				r.reject(unknownMember)
				continue
			}
		}
		if !ok {
			if r.depth == 1 && string(name) == "errors" {
				r.errors = true
			}
			r.skip()
			continue
		}
		after[last] = i
		last = i + 1
		if r.loose && r.again(&seen, i) {
			continue
		}
		r.value(f.fields[i].form, unsafe.Add(p, f.fields[i].offset))
	}
}

// table reads an object whose members have no names beforehand. Maps of the types that results mostly have are made without reflection.
func (r *reader) table(f *form, p unsafe.Pointer) {
	switch f.typ {
	case rawMapType:
		*(*map[string]json.RawMessage)(p) = table(r, f, (*reader).anything)
		return
	case textMapType:
		*(*map[string]string)(p) = table(r, f, (*reader).text)
		return
	}
	values := table(r, f, func(r *reader) reflect.Value {
		value := reflect.New(f.elem.typ)
		r.value(f.elem, value.UnsafePointer())
		return value.Elem()
	})
	to := reflect.NewAt(f.typ, p).Elem()
	to.SetZero()
	if values != nil {
		to.Set(reflect.MakeMapWithSize(f.typ, len(values)))
	}
	for name, value := range values {
		to.SetMapIndex(reflect.ValueOf(name).Convert(f.typ.Key()), value)
	}
}

var (
	rawMapType  = reflect.TypeFor[map[string]json.RawMessage]()
	textMapType = reflect.TypeFor[map[string]string]()
)

func table[T any](r *reader, f *form, read func(*reader) T) map[string]T {
	ok, around := r.decoder.object()
	if !ok {
		return nil
	}
	state := &r.states[f.place]
	to := make(map[string]T, state.size)
	for m := (members{s: &r.scanner}); m.next(); {
		if r.depth == 1 && string(m.name) == "errors" {
			r.errors = true
		}
		name := r.texts.keep(m.name)
		if _, met := to[name]; met && r.loose {
			r.reject(secondValue)
			continue
		}
		to[name] = read(r)
	}
	state.size = min(len(to), mostRoom)
	if !r.close(around) {
		return nil
	}
	return to
}

// declaredErrors reads the member "errors" of a result that declares it, and finds out whether there may be any.
func (r *reader) declaredErrors(f *form, p unsafe.Pointer) {
	r.space()
	from := r.pos
	r.value(f, p)
	if r.depth != 1 || r.err != nil {
		return
	}
	switch string(r.buf[from:r.pos]) {
	case "null", "[]":
	default:
		r.errors = true
	}
}

// own reads a text into a type that reads itself from one.
func (r *reader) own(f *form, p unsafe.Pointer) {
	r.space()
	at := r.pos
	text := r.text()
	if text == "" {
		reflect.NewAt(f.typ, p).Elem().SetZero()
		return
	}
	if err := reflect.NewAt(f.typ, p).Interface().(encoding.TextUnmarshaler).UnmarshalText([]byte(text)); err != nil {
		reflect.NewAt(f.typ, p).Elem().SetZero() // it may have been written in part
		r.warn(at, "not a "+f.typ.Name())
	}
}
