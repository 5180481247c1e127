package wire

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
	"time"
	"unsafe"
)

// decoder reads one JSON body, and takes what is written otherwise than declared as long as it can't be mistaken. Like those of its scanner,
// its methods never fail: malformed JSON is told by read. What they return shares no memory with the body.
type decoder struct {
	scanner
	warns []warning
	many  bool // there were more than are kept
	loose bool // whether to take names in any casing, and to tell all that has no place: see DecodeLoose
	texts texts
	ints  slab[int64]
	bools slab[bool]
}

// warning keeps the offset in place of the path: finding the path costs a second look at the body, which good bodies never pay.
type warning struct {
	offset int
	reason string
}

var bom = []byte("\xef\xbb\xbf")

// maxWarnings bounds how many warnings a body can cause. More of them tell nothing new.
const maxWarnings = 100

const replacedBytes = "not UTF-8, bad bytes replaced"

// read has read called for a body, a second time with bad bytes replaced where it isn't UTF-8: that is found out on the way. The error is about JSON
// itself; io.ErrUnexpectedEOF stands for a body cut short.
func (d *decoder) read(body []byte, read func()) ([]Warning, error) {
	d.parse(body, read)
	var out []Warning
	l := locator{body: d.buf}
	for _, w := range d.warns {
		out = append(out, Warning{Path: l.path(w.offset), Reason: w.reason, Value: l.value(w.offset)})
	}
	return out, d.err
}

func (d *decoder) parse(body []byte, read func()) {
	d.begin(bytes.TrimPrefix(body, bom))
	read()
	if d.end() == errNotUTF8 {
		d.begin(bytes.ToValidUTF8(d.buf, []byte("\uFFFD")))
		d.warns = append(d.warns, warning{reason: replacedBytes})
		read()
		_ = d.end() // is kept
	}
}

func (d *decoder) begin(body []byte) {
	d.scanner = scan(body)
	d.utf8 = true
	d.warns, d.many = nil, false
}

// warn keeps a warning about the value at an offset.
func (d *decoder) warn(offset int, reason string) {
	most := maxWarnings
	if d.loose {
		most = mostLeft
	}
	switch {
	case d.err != nil:
	case len(d.warns) < most:
		d.warns = append(d.warns, warning{offset, reason})
	default:
		d.many = true
	}
}

// reject passes over a value that doesn't fit and keeps a warning.
func (d *decoder) reject(reason string) {
	d.space()
	at := d.pos
	d.skip()
	d.warn(at, reason)
}

const (
	onlyElement   = "a list, whose only element is taken"
	onlyElementOf = "not an array, taken as its one element"
)

// lone reads a value that is no scalar where one is declared: a list of one is, with a warning.
func lone[T any](d *decoder, t token, reason string, read func(*decoder) T) (v T) {
	if t == arrayToken && d.holdsOnly(stringToken, numberToken, boolToken) {
		d.warn(d.pos, onlyElement)
		d.open(']')
		v = read(d)
		d.more(']')
		return v
	}
	d.reject(reason)
	return v
}

// around is what stands around an object: noList, or the list whose only element it may be, told by the number of warnings before.
type around int

const noList around = -1

// object reports whether an object comes next. It is false for null and, with a warning, for anything else, which is then passed over. A list of one object
// is that object, with a warning. Who has read the object calls close.
func (d *decoder) object() (bool, around) {
	switch t := d.next(); t {
	case objectToken:
		return true, noList
	case nullToken:
		d.literal()
	case invalidToken:
	default:
		if t == arrayToken {
			ahead := d.scanner
			if ahead.open(']') && ahead.next() == objectToken {
				before := len(d.warns)
				d.warn(d.pos, onlyElement)
				d.open(']')
				return true, around(before)
			}
		}
		d.reject("not an object")
	}
	return false, noList
}

// close goes out of what stands around an object that has been read, and reports whether the object counts: in a list of several it doesn't. Only now
// it is told whether there are several, because to look ahead in lists that lie in each other would take time by the square of their depth.
func (d *decoder) close(a around) bool {
	if a == noList || !d.more(']') {
		return true
	}
	full := len(d.warns) == int(a)
	at := 0
	if !full {
		at = d.warns[a].offset
		d.warns = d.warns[:a]
	}
	for d.skip(); d.more(']'); {
		d.skip()
	}
	if !full {
		d.warn(at, "not an object")
	}
	return false
}

// array reports whether a list comes next. It is false for null and, with a warning, for anything else, which is then passed over. A single value that is
// of the kinds that elements have, and is no empty text and no empty object, is a list of one, with a warning.
func (d *decoder) array(objects, scalars bool) (ok, single bool) {
	switch t := d.next(); t {
	case arrayToken:
		return true, false
	case nullToken:
		d.literal()
	case invalidToken:
	default:
		if t == objectToken && objects || t != objectToken && scalars {
			if ahead := d.scanner; ahead.single() {
				d.warn(d.pos, onlyElementOf)
				return true, true
			}
		}
		d.reject("not an array")
	}
	return false, false
}

// IsSingle reports whether a value that stands in the place of an array is its one element: an empty text or object says that there is none.
func IsSingle(value []byte) bool {
	s := scan(value)
	return s.single()
}

// single is IsSingle for what comes next, of which it reads no more than it must.
func (s *scanner) single() bool {
	switch s.next() {
	case objectToken:
		return s.open('}')
	case stringToken:
		return !bytes.HasPrefix(s.buf[s.pos:], []byte(`""`))
	case numberToken, boolToken:
		return true
	}
	return false
}

// quotedText reads a string that is one.
func (d *decoder) quotedText() string {
	text, escaped := d.quoted()
	switch {
	case d.err != nil:
		return ""
	case escaped:
		return d.texts.unescaped(text)
	}
	return d.texts.keep(text)
}

// text reads a string; numbers and booleans are taken as they are written.
func (d *decoder) text() string {
	switch t := d.next(); t {
	case stringToken:
		return d.quotedText()
	case numberToken:
		return d.texts.keep(d.number())
	case boolToken:
		return d.texts.keep(d.literal())
	case nullToken:
		d.literal()
	case invalidToken:
	default:
		return lone(d, t, "not a string", (*decoder).text)
	}
	return ""
}

// scalar reads a string or a number in any spelling with parse, which gets it without quotes and blanks around it. What is empty or null is absent.
func scalar[T any](d *decoder, reason string, parse func(d *decoder, text []byte) (T, bool), read func(*decoder) T) (v T) {
	t := d.next()
	at := d.pos
	var text []byte
	switch t {
	case stringToken:
		var escaped bool
		if text, escaped = d.quoted(); escaped { // some writers escape a plus or a slash
			text = unescape(nil, text)
		}
	case numberToken:
		text = d.number()
	case nullToken:
		d.literal()
		return v
	case invalidToken:
		return v
	default:
		return lone(d, t, reason, read)
	}
	if text = bytes.Trim(text, `" `); len(text) == 0 {
		return v
	}
	v, ok := parse(d, text)
	if !ok {
		d.warn(at, reason)
	}
	return v
}

// boolean reads a boolean; "true", "TRUE", 1 and their opposites do too.
func (d *decoder) boolean() *bool {
	if d.next() != boolToken {
		return scalar(d, "not a boolean", func(d *decoder, text []byte) (*bool, bool) {
			v, err := strconv.ParseBool(string(text))
			if err != nil {
				return nil, false
			}
			return d.keepBool(v), true
		}, (*decoder).boolean)
	}
	word := d.literal()
	if word == nil {
		return nil
	}
	return d.keepBool(word[0] == 't')
}

func (d *decoder) keepBool(v bool) *bool {
	p := d.bools.new()
	*p = v
	return p
}

// integer reads an integer; a string that holds one and a decimal without a fraction do too.
func (d *decoder) integer() *int64 {
	return scalar(d, "not an integer", func(d *decoder, text []byte) (*int64, bool) {
		n, ok := parseInt(text)
		if !ok {
			return nil, false
		}
		p := d.ints.new()
		*p = n
		return p, true
	}, (*decoder).integer)
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

// decimal reads a decimal as it is written; a string that holds one does too.
func (d *decoder) decimal() json.Number {
	return scalar(d, "not a number", func(d *decoder, text []byte) (json.Number, bool) {
		s := scan(text)
		if s.next() != numberToken || s.number() == nil || s.pos < len(text) {
			return "", false
		}
		return json.Number(d.texts.keep(text)), true
	}, (*decoder).decimal)
}

// anything reads any value as it stands; null is nil.
func (d *decoder) anything() json.RawMessage {
	if d.null() {
		return nil
	}
	text := d.raw()
	if text == nil {
		return nil
	}
	kept := d.texts.bytes(text)
	return json.RawMessage(kept[:len(kept):len(kept)])
}

// instant reads a date-time in any of the spellings that SP-API uses; see [ParseTime].
func (d *decoder) instant() time.Time {
	return scalar(d, "not a date-time", parseTime, (*decoder).instant)
}

func parseTime(_ *decoder, text []byte) (time.Time, bool) {
	t, err := ParseTime(unsafe.String(unsafe.SliceData(text), len(text))) // which keeps nothing of it
	return t, err == nil
}

// date reads a calendar date; a date-time counts with the date that it is written with.
func (d *decoder) date() Date {
	return scalar(d, "not a date", func(_ *decoder, text []byte) (Date, bool) {
		t, ok := parseTime(nil, text)
		if !ok {
			return Date{}, false
		}
		y, m, day := t.Date()
		return Date{y, m, day}, true
	}, (*decoder).date)
}

// locator finds the paths to values by a scan from the top, one value after the other. All that stands before them is well-formed.
type locator struct {
	body  []byte
	pos   int
	stack []level
	name  bool // a string now is a member's name
}

// level is an object or a list on the way to a value.
type level struct {
	array bool
	index int
	key   []byte // as it is written between its quotes
}

// advance goes on to the value at an offset, which is not before that of the last one.
func (l *locator) advance(offset int) {
	for ; l.pos < offset; l.pos++ {
		switch c := l.body[l.pos]; c {
		case '{', '[':
			l.stack = append(l.stack, level{array: c == '['})
			l.name = true
		case '}', ']':
			l.stack = l.stack[:len(l.stack)-1]
		case ',':
			l.stack[len(l.stack)-1].index++
			l.name = true
		case ':':
			l.name = false
		case '"':
			start := l.pos
			for l.pos++; l.body[l.pos] != '"'; l.pos++ {
				if l.body[l.pos] == '\\' {
					l.pos++
				}
			}
			if top := len(l.stack) - 1; l.name && top >= 0 && !l.stack[top].array {
				l.stack[top].key = l.body[start+1 : l.pos]
			}
		}
	}
}

// path is that to the value at an offset, which is not before that of the last one.
func (l *locator) path(offset int) string {
	l.advance(offset)
	var b strings.Builder
	for i, level := range l.stack {
		switch {
		case level.array:
			fmt.Fprintf(&b, "[%d]", level.index)
		case i == 0:
			b.WriteString(level.name())
		default:
			b.WriteString("." + level.name())
		}
	}
	return b.String()
}

// name is a member's, cut: it may stand in as many paths as there are warnings.
func (l level) name() string { return clip(unescape(nil, l.key)) }

// value is the one at an offset, as far as a warning shows it.
func (l *locator) value(offset int) string {
	s := scan(l.body[offset:])
	s.space()
	part := s.buf[s.pos:min(s.pos+maxValue+1, len(s.buf))]
	s = scan(part)
	if whole := s.raw(); s.err == nil {
		part = whole
	}
	return clip(part)
}

// maxValue is how many bytes of a value, or of a name on the way to it, are shown.
const maxValue = 64

func clip(b []byte) string {
	if len(b) > maxValue {
		return strings.ToValidUTF8(string(b[:maxValue-3]), "") + "..." // not half a letter
	}
	return string(b)
}
