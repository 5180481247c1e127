package wire

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"
	"unsafe"

	"github.com/go-faster/jx"
)

// Decoder reads one JSON body. Its methods never fail: malformed JSON is kept and told by [Decoder.Finish], and from then on
// every method returns zero values and every iteration ends.
type Decoder struct {
	jx    jx.Decoder
	body  []byte
	err   error
	warns []warning

	ints    Slab[int64]
	bools   Slab[bool]
	strings Slice[string]
	numbers Slice[json.Number]
	int64s  Slice[int64]
	raws    Slice[json.RawMessage]
	times   Slice[time.Time]
}

// warning keeps the offset in place of the path: finding the path costs a second look at the body, which good bodies never pay.
type warning struct {
	offset int
	reason string
}

var bom = []byte("\xef\xbb\xbf")

// Reset starts a new body.
func (d *Decoder) Reset(body []byte) {
	body = bytes.TrimPrefix(body, bom)
	d.warns = nil
	d.err = nil
	if !utf8.Valid(body) {
		body = bytes.ToValidUTF8(body, []byte("\uFFFD"))
		d.warns = append(d.warns, warning{reason: "not UTF-8, bad bytes replaced"})
	}
	// The capacity is clipped so that an offset can be told from a subslice's capacity.
	d.body = body[:len(body):len(body)]
	d.jx.ResetBytes(d.body)
}

// Finish tells what went wrong. The error is about JSON itself; io.ErrUnexpectedEOF stands for a body cut short.
func (d *Decoder) Finish() ([]Warning, error) {
	if d.err == nil {
		// jx.Next is Invalid at the end of the input and on a byte that starts no value; Skip tells them apart.
		if t := d.jx.Next(); t != jx.Invalid {
			d.err = errors.New("data after the JSON value")
		} else if err := d.jx.Skip(); err != io.EOF {
			d.err = errors.New("data after the JSON value")
		}
	}
	if len(d.warns) == 0 {
		return nil, d.err
	}
	out := make([]Warning, len(d.warns))
	for i, w := range d.warns {
		path, value := locate(d.body, w.offset)
		out[i] = Warning{Path: path, Reason: w.reason, Value: value}
	}
	return out, d.err
}

// Err is the first syntax error so far.
func (d *Decoder) Err() error { return d.err }

func (d *Decoder) fail(err error) {
	if d.err == nil && err != nil {
		if errors.Is(err, io.EOF) {
			err = io.ErrUnexpectedEOF
		}
		d.err = err
	}
}

// Skip passes over a value that nobody asked for.
func (d *Decoder) Skip() {
	if d.err == nil {
		d.fail(d.jx.Skip())
	}
}

// next is the type of the next value; Invalid after an error.
func (d *Decoder) next() jx.Type {
	if d.err != nil {
		return jx.Invalid
	}
	t := d.jx.Next()
	if t == jx.Invalid {
		// Skip finds out what is wrong: end of input or a bad token.
		if err := d.jx.Skip(); err != nil {
			d.fail(err)
		} else {
			d.fail(errors.New("invalid JSON"))
		}
	}
	return t
}

// raw reads the next value as it stands. It is a subslice of the body.
func (d *Decoder) raw() []byte {
	b, err := d.jx.Raw()
	if err != nil {
		d.fail(err)
		return nil
	}
	return b
}

// offset of a subslice that jx cut from the body: both share the end of the underlying array.
func (d *Decoder) offset(sub []byte) int { return cap(d.body) - cap(sub) }

// maxWarnings bounds how many warnings a body can cause: each costs a walk through it. More of them tell nothing new.
const maxWarnings = 100

func (d *Decoder) warn(value []byte, reason string) {
	if d.err == nil && len(d.warns) < maxWarnings {
		d.warns = append(d.warns, warning{offset: d.offset(value), reason: reason})
	}
}

// reject passes over a value that doesn't fit and keeps a warning.
func (d *Decoder) reject(reason string) {
	d.warn(d.raw(), reason)
}

// Present reports whether a value other than null comes next; a null is consumed.
func (d *Decoder) Present() bool {
	switch d.next() {
	case jx.Null:
		d.fail(d.jx.Null())
		return false
	case jx.Invalid:
		return false
	}
	return true
}

// Object iterates over the members of an object.
type Object struct {
	d    *Decoder
	it   jx.ObjIter
	list *jx.ArrIter // that the object is the only element of
}

// Object starts an object. It reports false for null and, with a warning, for anything else. A list of one object is that object, with a warning.
func (d *Decoder) Object() (Object, bool) {
	var list *jx.ArrIter
	switch d.next() {
	case jx.Object:
	case jx.Null:
		d.fail(d.jx.Null())
		return Object{}, false
	case jx.Invalid:
		return Object{}, false
	case jx.Array:
		if list = d.openList(jx.Object); list != nil {
			break
		}
		fallthrough
	default:
		d.reject("not an object")
		return Object{}, false
	}
	it, err := d.jx.ObjIter()
	if err != nil {
		d.fail(err)
		return Object{}, false
	}
	return Object{d: d, it: it, list: list}, true
}

// Next moves to the next member, whose value must then be read or skipped.
func (o *Object) Next() bool {
	if o.d == nil || o.d.err != nil {
		return false
	}
	if o.it.Next() {
		return true
	}
	if err := o.it.Err(); err != nil {
		if o.d.jx.Skip() == io.EOF { // jx blames another byte when the body ends behind a colon
			err = io.ErrUnexpectedEOF
		}
		o.d.fail(err)
	} else if o.list != nil {
		o.d.closeList(o.list)
	}
	return false
}

// Key of the current member, valid until its value is read.
func (o *Object) Key() []byte { return o.it.Key() }

// openList goes into a list whose only element is of the kind that is declared in its place, with a warning; nil if it isn't. The element must
// be read, and the list closed.
func (d *Decoder) openList(declared ...jx.Type) *jx.ArrIter {
	fits := false
	var raw jx.Raw
	err := d.jx.Capture(func(ahead *jx.Decoder) (err error) {
		if raw, err = ahead.Raw(); err != nil {
			return err
		}
		elements := jx.DecodeBytes(raw)
		list, err := elements.ArrIter()
		if err == nil && list.Next() && slices.Contains(declared, elements.Next()) {
			err = elements.Skip()
			fits = err == nil && !list.Next()
		}
		return err
	})
	if err != nil || !fits {
		return nil // a mistake in the JSON is found by whoever passes over the list
	}
	d.warn(raw, "a list, whose only element is taken")
	list, err := d.jx.ArrIter()
	d.fail(err)
	list.Next()
	return &list
}

func (d *Decoder) closeList(list *jx.ArrIter) {
	list.Next()
	d.fail(list.Err())
}

// lone reads a value that is no scalar where one is declared: a list of one is, with a warning.
func lone[T any](d *Decoder, t jx.Type, reason string, read func(*Decoder) T) (v T) {
	if t == jx.Array {
		if list := d.openList(jx.String, jx.Number, jx.Bool); list != nil {
			v = read(d)
			d.closeList(list)
			return v
		}
	}
	d.reject(reason)
	return v
}

// Array iterates over the elements of an array.
type Array struct {
	d    *Decoder
	it   jx.ArrIter
	lone bool // what stands in the place of the array is its one element
}

// Array starts an array. It reports false for null and, with a warning, for anything else. A single value that is no empty text and no empty object is
// an array of one, with a warning.
func (d *Decoder) Array() (Array, bool) { return d.array(true, true) }

// Objects is [Decoder.Array] for objects: a single value must be one.
func (d *Decoder) Objects() (Array, bool) { return d.array(true, false) }

func (d *Decoder) array(objects, scalars bool) (Array, bool) {
	switch t := d.next(); t {
	case jx.Array:
		it, err := d.jx.ArrIter()
		if err != nil {
			d.fail(err)
			return Array{}, false
		}
		return Array{d: d, it: it}, true
	case jx.Null:
		d.fail(d.jx.Null())
	case jx.Invalid:
	default:
		if fits := t == jx.Object && objects || t != jx.Object && scalars; fits && d.isElement() {
			return Array{d: d, lone: true}, true
		}
		d.reject("not an array")
	}
	return Array{}, false
}

// isElement reports, with a warning, whether the next value is the one element of the array in whose place it stands.
func (d *Decoder) isElement() bool {
	var raw jx.Raw
	err := d.jx.Capture(func(ahead *jx.Decoder) (err error) {
		raw, err = ahead.Raw()
		return err
	})
	if err != nil || !IsSingle(raw) {
		return false
	}
	d.warn(raw, "not an array, taken as its one element")
	return true
}

// IsSingle reports whether a value that stands in the place of an array is its one element: an empty text or object says that there is none.
func IsSingle(value jx.Raw) bool {
	switch value.Type() {
	case jx.Object:
		return len(bytes.TrimSpace(value[1:len(value)-1])) > 0
	case jx.String:
		return len(value) > len(`""`)
	}
	return value.Type() == jx.Number || value.Type() == jx.Bool
}

// Next moves to the next element, which must then be read or skipped.
func (a *Array) Next() bool {
	if a.d == nil || a.d.err != nil {
		return false
	}
	if a.lone {
		a.d, a.lone = nil, false
		return true
	}
	if a.it.Next() {
		return true
	}
	a.d.fail(a.it.Err())
	return false
}

// text shares the memory of b, which belongs to the body or was made by jx for this string alone.
func text(b []byte) string { return unsafe.String(unsafe.SliceData(b), len(b)) }

// str reads a string; the type must have been checked.
func (d *Decoder) str() []byte {
	b, err := d.jx.StrBytes()
	if err != nil {
		d.fail(err)
		return nil
	}
	return b
}

// String reads a string; numbers and booleans are taken as they are written.
func (d *Decoder) String() string {
	switch t := d.next(); t {
	case jx.String:
		return text(d.str())
	case jx.Number, jx.Bool:
		return text(d.raw())
	case jx.Null:
		d.fail(d.jx.Null())
	case jx.Invalid:
	default:
		return lone(d, t, "not a string", (*Decoder).String)
	}
	return ""
}

// Bool reads a boolean; "true", "TRUE", 1 and their opposites do too.
func (d *Decoder) Bool() *bool {
	var v bool
	switch t := d.next(); t {
	case jx.Bool:
		b, err := d.jx.Bool()
		if err != nil {
			d.fail(err)
			return nil
		}
		v = b
	case jx.Null:
		d.fail(d.jx.Null())
		return nil
	case jx.Invalid:
		return nil
	case jx.String, jx.Number:
		b := d.raw()
		s := string(bytes.Trim(b, `" `))
		if s == "" {
			return nil
		}
		x, err := strconv.ParseBool(s)
		if err != nil {
			d.warn(b, "not a boolean")
			return nil
		}
		v = x
	default:
		return lone(d, t, "not a boolean", (*Decoder).Bool)
	}
	p := d.bools.New()
	*p = v
	return p
}

// Int reads an integer; a string that holds one and a decimal without a fraction do too.
func (d *Decoder) Int() *int64 {
	switch t := d.next(); t {
	case jx.Number, jx.String:
		b := d.raw()
		digits := bytes.Trim(b, `" `)
		if d.err != nil || len(digits) == 0 {
			return nil
		}
		n, ok := parseInt(digits)
		if !ok {
			d.warn(b, "not an integer")
			return nil
		}
		p := d.ints.New()
		*p = n
		return p
	case jx.Null:
		d.fail(d.jx.Null())
	case jx.Invalid:
	default:
		return lone(d, t, "not an integer", (*Decoder).Int)
	}
	return nil
}

func parseInt(b []byte) (int64, bool) {
	if len(b) <= 18 { // cannot overflow
		var n int64
		digits := b
		if b[0] == '-' {
			digits = b[1:]
		}
		ok := len(digits) > 0
		for _, c := range digits {
			if c < '0' || c > '9' {
				ok = false
				break
			}
			n = n*10 + int64(c-'0')
		}
		if ok {
			if b[0] == '-' {
				n = -n
			}
			return n, true
		}
	}
	// Not by way of a float, which would round: 1.99999999999999999999 is no 2, and 9007199254740993.0 is an integer.
	mantissa, exponent, scientific := strings.Cut(strings.ToLower(string(b)), "e")
	shift := 0
	if scientific {
		var err error
		if shift, err = strconv.Atoi(exponent); err != nil {
			return 0, false
		}
	}
	whole, fraction, _ := strings.Cut(mantissa, ".")
	significant := strings.TrimRight(whole+fraction, "0")
	zeros := len(whole) + shift - len(significant)
	if zeros < 0 || zeros > 19 { // a fraction is left, or more digits than an int64 has
		return 0, false
	}
	n, err := strconv.ParseInt(significant+strings.Repeat("0", zeros), 10, 64)
	return n, err == nil
}

// Number reads a decimal as it is written; a string that holds one does too.
func (d *Decoder) Number() json.Number {
	switch t := d.next(); t {
	case jx.Number:
		return json.Number(text(d.raw()))
	case jx.String:
		b := d.raw()
		digits := bytes.Trim(b, `" `)
		if d.err != nil || len(digits) == 0 {
			return ""
		}
		if jx.Raw(digits).Type() != jx.Number || jx.DecodeBytes(digits).Validate() != nil {
			d.warn(b, "not a number")
			return ""
		}
		return json.Number(text(digits))
	case jx.Null:
		d.fail(d.jx.Null())
	case jx.Invalid:
	default:
		return lone(d, t, "not a number", (*Decoder).Number)
	}
	return ""
}

// Raw reads any value as it stands; null is nil.
func (d *Decoder) Raw() json.RawMessage {
	switch d.next() {
	case jx.Null:
		d.fail(d.jx.Null())
		return nil
	case jx.Invalid:
		return nil
	}
	b := d.raw()
	return json.RawMessage(b[:len(b):len(b)])
}

// Time reads a date-time in any of the spellings that SP-API uses; see [ParseTime].
func (d *Decoder) Time() time.Time {
	switch t := d.next(); t {
	case jx.String, jx.Number:
		b := d.raw()
		s := bytes.Trim(b, `" `)
		if d.err != nil || len(s) == 0 {
			return time.Time{}
		}
		t, err := ParseTime(text(s))
		if err != nil {
			d.warn(b, "not a date-time")
			return time.Time{}
		}
		return t
	case jx.Null:
		d.fail(d.jx.Null())
	case jx.Invalid:
	default:
		return lone(d, t, "not a date-time", (*Decoder).Time)
	}
	return time.Time{}
}

// Date reads a calendar date; a date-time counts with the date that it is written with.
func (d *Decoder) Date() Date {
	switch t := d.next(); t {
	case jx.String, jx.Number:
		b := d.raw()
		s := bytes.Trim(b, `" `)
		if d.err != nil || len(s) == 0 {
			return Date{}
		}
		t, err := ParseTime(text(s))
		if err != nil {
			d.warn(b, "not a date")
			return Date{}
		}
		y, m, day := t.Date()
		return Date{y, m, day}
	case jx.Null:
		d.fail(d.jx.Null())
	case jx.Invalid:
	default:
		return lone(d, t, "not a date", (*Decoder).Date)
	}
	return Date{}
}

// Strings reads an array of strings. A null element is an empty string, so that places are kept.
func (d *Decoder) Strings() []string {
	return collect(d, &d.strings, (*Decoder).String, false)
}

// Numbers reads an array of decimals.
func (d *Decoder) Numbers() []json.Number {
	return collect(d, &d.numbers, (*Decoder).Number, false)
}

// Raws reads an array of anything.
func (d *Decoder) Raws() []json.RawMessage {
	return collect(d, &d.raws, (*Decoder).Raw, true)
}

// Times reads an array of date-times.
func (d *Decoder) Times() []time.Time {
	return collect(d, &d.times, (*Decoder).Time, false)
}

// Ints reads an array of integers. An element that is none counts as 0, with its warning.
func (d *Decoder) Ints() []int64 {
	return collect(d, &d.int64s, func(d *Decoder) int64 {
		if p := d.Int(); p != nil {
			return *p
		}
		return 0
	}, false)
}

func collect[T any](d *Decoder, s *Slice[T], read func(*Decoder) T, objects bool) []T {
	arr, ok := d.array(objects, true)
	if !ok {
		return nil
	}
	mark := s.Mark()
	for arr.Next() {
		s.Push(read(d))
	}
	return s.Cut(mark)
}

// Strs is [Decoder.Strings] for a named string type.
func Strs[T ~string](d *Decoder) []T {
	s := d.Strings()
	return unsafe.Slice((*T)(unsafe.Pointer(unsafe.SliceData(s))), len(s))
}

// List reads an array of elements that have no method of their own, such as arrays of arrays.
func List[T any](d *Decoder, read func() T) []T {
	arr, ok := d.Array()
	if !ok {
		return nil
	}
	out := []T{}
	for arr.Next() {
		out = append(out, read())
	}
	return out
}

// Map reads an object whose keys are not known beforehand.
func Map[T any](d *Decoder, read func() T) map[string]T {
	obj, ok := d.Object()
	if !ok {
		return nil
	}
	out := map[string]T{}
	for obj.Next() {
		key := string(obj.Key()) // the key is only valid until its value is read
		out[key] = read()
	}
	return out
}

// Deref is the value behind p, or zero.
func Deref[T any](p *T) (v T) {
	if p != nil {
		v = *p
	}
	return v
}

// locate finds the path to the value at an offset by a scan from the top. All that stands before it is well-formed.
func locate(body []byte, offset int) (path, value string) {
	type level struct {
		array bool
		index int
		key   string
	}
	var stack []level
	key := true // a string now is a member's name
	for i := 0; i < offset; i++ {
		switch body[i] {
		case '{', '[':
			stack = append(stack, level{array: body[i] == '['})
			key = true
		case '}', ']':
			stack = stack[:len(stack)-1]
		case ',':
			stack[len(stack)-1].index++
			key = true
		case ':':
			key = false
		case '"':
			start := i
			for i++; body[i] != '"'; i++ {
				if body[i] == '\\' {
					i++
				}
			}
			if top := len(stack) - 1; key && top >= 0 && !stack[top].array {
				stack[top].key, _ = jx.DecodeBytes(body[start : i+1]).Str()
			}
		}
	}
	var b strings.Builder
	for i, l := range stack {
		switch {
		case l.array:
			fmt.Fprintf(&b, "[%d]", l.index)
		case i == 0:
			b.WriteString(l.key)
		default:
			b.WriteString("." + l.key)
		}
	}
	raw, _ := jx.DecodeBytes(body[offset:]).Raw()
	return b.String(), clip(bytes.TrimSpace(raw))
}

func clip(b []byte) string {
	if len(b) > 64 {
		return strings.ToValidUTF8(string(b[:61]), "") + "..." // not half a letter
	}
	return string(b)
}
