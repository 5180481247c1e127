package wire

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math/bits"
	"unicode/utf16"
	"unicode/utf8"
)

// scanner walks over JSON (RFC 8259), value by value, each byte once. It never fails halfway: what is wrong is kept in err, and from then on it stands
// at the end, where nothing comes any more. Its zero value has nothing to read.
type scanner struct {
	buf   []byte
	pos   int
	depth int
	err   error
	utf8  bool   // whether strings have to be UTF-8
	lists []Span // that have been passed over, when somebody may come again: the long ones that lie in no other
	note  bool   // whether to note them
}

// Span is where a value stands in a body, from its first byte to behind its last.
type Span struct{ From, To int }

// longList is the length in bytes from which it pays to remember where a list ends.
const longList = 1024

// noted notes a list that has been passed over.
func (s *scanner) noted(from int) {
	if s.note && s.pos-from >= longList && s.err == nil {
		s.lists = append(s.lists, Span{from, s.pos})
	}
}

// token is the kind of a value, told from its first byte.
type token uint8

const (
	invalidToken token = iota // no value: the end, or a byte that begins none
	objectToken
	arrayToken
	stringToken
	numberToken
	boolToken
	nullToken
)

var tokens = [256]token{
	'{': objectToken, '[': arrayToken, '"': stringToken, 't': boolToken, 'f': boolToken, 'n': nullToken, '-': numberToken,
	'0': numberToken, '1': numberToken, '2': numberToken, '3': numberToken, '4': numberToken, '5': numberToken, '6': numberToken, '7': numberToken,
	'8': numberToken, '9': numberToken,
}

// maxDepth is how deep objects and lists may lie in each other, as in encoding/json: each level takes stack.
const maxDepth = 10000

var errNotUTF8 = errors.New("not UTF-8")

func scan(text []byte) scanner { return scanner{buf: text} }

// fail keeps the first error.
func (s *scanner) fail(err error) {
	if s.err == nil {
		s.err = err
	}
	s.pos = len(s.buf)
}

// broken fails at the byte where the scanner stands: it isn't what JSON wants there, or there is none.
func (s *scanner) broken(want string) {
	if s.pos >= len(s.buf) {
		s.fail(io.ErrUnexpectedEOF)
		return
	}
	s.fail(fmt.Errorf("invalid byte %q at offset %d, want %s", s.buf[s.pos:s.pos+1], s.pos, want)) // as bytes: one beyond ASCII is no letter
}

// space passes over white space and returns the byte behind it, 0 at the end.
func (s *scanner) space() byte {
	for s.pos < len(s.buf) {
		switch c := s.buf[s.pos]; c {
		case ' ', '\n', '\t', '\r':
			s.pos++
		default:
			return c
		}
	}
	return 0
}

// next is the kind of the value that comes next.
func (s *scanner) next() token {
	if s.pos < len(s.buf) {
		if t := tokens[s.buf[s.pos]]; t != invalidToken {
			return t
		}
	}
	t := tokens[s.space()]
	if t == invalidToken {
		s.broken("a value")
	}
	return t
}

// end finds out whether anything is left behind the value.
func (s *scanner) end() error {
	if s.err == nil {
		if s.space(); s.pos < len(s.buf) {
			s.fail(errors.New("data after the JSON value"))
		}
	}
	return s.err
}

// These find a byte that matters in eight bytes at once.
const (
	ones  = 0x0101010101010101
	highs = 0x8080808080808080
)

// quoted passes over a string and returns what stands between its quotes, and whether there are escapes in it.
func (s *scanner) quoted() (text []byte, escaped bool) {
	buf := s.buf
	i := s.pos + 1
	start := i
	var wide uint64 // has a high bit where a byte is beyond ASCII
	for {
		for i+8 <= len(buf) {
			w := binary.LittleEndian.Uint64(buf[i:])
			quote, slash := w^('"'*ones), w^('\\'*ones)
			// The lowest byte that is marked is one of the three; those above it may be marked by a borrow.
			stop := ((quote - ones) &^ quote) | ((slash - ones) &^ slash) | ((w - ' '*ones) &^ w)
			wide |= w
			if stop &= highs; stop != 0 {
				i += bits.TrailingZeros64(stop) >> 3
				goto found
			}
			i += 8
		}
		for i < len(buf) && buf[i] != '"' && buf[i] != '\\' && buf[i] >= ' ' {
			wide |= uint64(buf[i])
			i++
		}
		if i == len(buf) {
			s.fail(io.ErrUnexpectedEOF)
			return nil, false
		}
	found:
		switch buf[i] {
		case '"':
			text = buf[start:i:i]
			s.pos = i + 1
			if s.utf8 && wide&highs != 0 && !utf8.Valid(text) {
				s.fail(errNotUTF8)
			}
			return text, escaped
		case '\\':
			escaped = true
			s.pos = i
			n := s.escape()
			if n == 0 {
				return nil, false
			}
			i += n
		default:
			s.pos = i
			s.broken("a string without control characters")
			return nil, false
		}
	}
}

// escapes are the letters behind a backslash, with what they stand for; that of u is said by what follows.
var escapes = [256]byte{'"': '"', '\\': '\\', '/': '/', 'b': '\b', 'f': '\f', 'n': '\n', 'r': '\r', 't': '\t', 'u': 'u'}

// escape is the length of the escape at hand, 0 after an error.
func (s *scanner) escape() int {
	if s.pos+1 >= len(s.buf) {
		s.fail(io.ErrUnexpectedEOF)
		return 0
	}
	switch escapes[s.buf[s.pos+1]] {
	case 0:
		s.pos++
		s.broken("an escape")
		return 0
	case 'u':
		for i := 2; i < 6; i++ {
			if at := s.pos + i; at >= len(s.buf) || hex(s.buf[at]) < 0 {
				s.pos = at
				s.broken("four hexadecimal digits")
				return 0
			}
		}
		return 6
	}
	return 2
}

func hex(c byte) rune {
	switch {
	case '0' <= c && c <= '9':
		return rune(c - '0')
	case 'a' <= c|0x20 && c|0x20 <= 'f':
		return rune(c|0x20-'a') + 10
	}
	return -1
}

// unescape appends what a string of JSON stands for. A half of a surrogate pair alone is a replacement character, as in encoding/json.
func unescape(to, text []byte) []byte {
	for len(text) > 0 {
		i := bytes.IndexByte(text, '\\')
		if i < 0 {
			break
		}
		to = append(to, text[:i]...)
		c := text[i+1]
		text = text[i+2:]
		if c != 'u' {
			to = append(to, escapes[c])
			continue
		}
		r := hex4(text)
		text = text[4:]
		if utf16.IsSurrogate(r) {
			low := rune(-1)
			if len(text) >= 6 && text[0] == '\\' && text[1] == 'u' {
				low = hex4(text[2:])
			}
			if r = utf16.DecodeRune(r, low); r != utf8.RuneError {
				text = text[6:]
			}
		}
		to = utf8.AppendRune(to, r)
	}
	return append(to, text...)
}

func hex4(digits []byte) rune {
	return hex(digits[0])<<12 | hex(digits[1])<<8 | hex(digits[2])<<4 | hex(digits[3])
}

// number passes over a number and returns it as it is written.
func (s *scanner) number() []byte {
	start := s.pos
	if s.buf[s.pos] == '-' {
		s.pos++
	}
	if s.pos < len(s.buf) && s.buf[s.pos] == '0' {
		s.pos++
	} else {
		s.digits()
	}
	if s.pos < len(s.buf) && s.buf[s.pos] == '.' {
		s.pos++
		s.digits()
	}
	if s.pos < len(s.buf) && s.buf[s.pos]|0x20 == 'e' {
		if s.pos++; s.pos < len(s.buf) && (s.buf[s.pos] == '+' || s.buf[s.pos] == '-') {
			s.pos++
		}
		s.digits()
	}
	if s.err != nil {
		return nil
	}
	return s.buf[start:s.pos:s.pos]
}

// digits passes over one digit or more.
func (s *scanner) digits() {
	start := s.pos
	for s.pos < len(s.buf) && '0' <= s.buf[s.pos] && s.buf[s.pos] <= '9' {
		s.pos++
	}
	if s.pos == start {
		s.broken("a digit")
	}
}

// literal passes over true, false or null, of which the first byte is at hand, and returns it.
func (s *scanner) literal() []byte {
	word := "null"
	switch s.buf[s.pos] {
	case 't':
		word = "true"
	case 'f':
		word = "false"
	}
	start := s.pos
	for i := range len(word) {
		if s.pos >= len(s.buf) || s.buf[s.pos] != word[i] {
			s.broken(word)
			return nil
		}
		s.pos++
	}
	return s.buf[start:s.pos:s.pos]
}

// null passes over a null and reports whether there was one.
func (s *scanner) null() bool {
	if s.space() != 'n' {
		return false
	}
	s.literal()
	return s.err == nil
}

// raw passes over any value and returns it as it stands.
func (s *scanner) raw() []byte {
	s.space()
	start := s.pos
	if s.skip(); s.err != nil {
		return nil
	}
	return s.buf[start:s.pos:s.pos]
}

// skip passes over any value.
func (s *scanner) skip() {
	switch s.next() {
	case stringToken:
		s.quoted()
	case numberToken:
		s.number()
	case boolToken, nullToken:
		s.literal()
	case objectToken:
		for more := s.open('}'); more; more = s.more('}') {
			if s.space() != '"' {
				s.broken("a member's name")
				return
			}
			s.quoted()
			s.colon()
			s.skip()
		}
	case arrayToken:
		s.skipList()
	}
}

func (s *scanner) skipList() {
	from, note := s.pos, s.note
	s.note = false
	for more := s.open(']'); more; more = s.more(']') {
		s.skip()
	}
	s.note = note
	s.noted(from)
}

// open goes into an object or a list and reports whether there is anything in it before its closing byte.
func (s *scanner) open(closing byte) bool {
	if s.depth++; s.depth > maxDepth {
		s.fail(errors.New("objects and lists lie more than 10000 deep in each other"))
		return false
	}
	s.pos++
	switch s.space() {
	case closing:
		s.pos++
		s.depth--
		return false
	case 0:
		s.broken("a value")
		return false
	}
	return true
}

// more passes over what separates two members or elements and reports whether there is another one before the closing byte.
func (s *scanner) more(closing byte) bool {
	if s.pos < len(s.buf) && s.buf[s.pos] == ',' {
		s.pos++
		return true
	}
	switch s.space() {
	case ',':
		s.pos++
		return true
	case closing:
		s.pos++
		s.depth--
		return false
	}
	s.broken(`"," or "` + string(closing) + `"`)
	return false
}

// colon passes over what separates a member's name from its value.
func (s *scanner) colon() {
	if s.space() != ':' {
		s.broken(`":"`)
		return
	}
	s.pos++
}

// name passes over the name of a member and the colon. The name is part of the body, unless it has escapes.
func (s *scanner) name() []byte {
	if s.space() != '"' {
		s.broken("a member's name")
		return nil
	}
	text, escaped := s.quoted()
	if escaped && s.err == nil {
		text = unescape(nil, text)
	}
	s.colon()
	return text
}

// members iterates over the members of an object; after each call of next a value must be read or skipped.
type members struct {
	s     *scanner
	begun bool
	name  []byte // of the current member
}

func (m *members) next() bool {
	if m.begun && !m.s.more('}') || !m.begun && !m.s.open('}') {
		return false
	}
	m.begun = true
	m.name = m.s.name()
	return m.s.err == nil
}

// elements iterates over those of a list; after each call of next a value must be read or skipped.
type elements struct {
	s     *scanner
	begun bool
}

func (e *elements) next() bool {
	if e.begun {
		return e.s.more(']')
	}
	e.begun = true
	return e.s.open(']')
}
