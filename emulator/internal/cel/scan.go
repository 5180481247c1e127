package cel

import (
	"fmt"
	"strconv"
	"strings"
	"sync"
	"unicode/utf8"
)

type tokenKind int

const (
	end   tokenKind = iota
	sign            // "&&", "("
	word            // names, true, in
	value           // texts and numbers
)

type token struct {
	kind   tokenKind
	text   string
	value  any
	column int // of its first character, from 1
}

func (t token) shown() string {
	if t.kind == value {
		return "a value"
	}
	return strconv.Quote(t.text)
}

// reserved are the words that are no names.
var reserved = sync.OnceValue(func() map[string]bool {
	return map[string]bool{"as": true, "break": true, "const": true, "continue": true, "else": true, "false": true, "for": true, "function": true,
		"if": true, "import": true, "in": true, "let": true, "loop": true, "package": true, "namespace": true, "null": true, "return": true, "true": true,
		"var": true, "void": true, "while": true}
})

type scanner struct {
	text string
	at   int
}

func (s *scanner) column() int { return utf8.RuneCountInString(s.text[:s.at]) + 1 }

func (s *scanner) fail(format string, args ...any) error {
	return fmt.Errorf("column %d: "+format, append([]any{s.column()}, args...)...)
}

func (s *scanner) rest() string { return s.text[s.at:] }

func letter(c byte) bool { return c == '_' || c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' }

func digit(c byte) bool { return c >= '0' && c <= '9' }

// scan cuts an expression into tokens; the last one is the end.
func scan(text string) ([]token, error) {
	if !utf8.ValidString(text) {
		return nil, fmt.Errorf("is no UTF-8")
	}
	s := &scanner{text: text}
	var tokens []token
	for {
		s.blanks()
		t := token{column: s.column()}
		if s.rest() == "" {
			return append(tokens, t), nil
		}
		var err error
		switch c := s.rest()[0]; {
		case letter(c):
			t.kind, t.text = word, s.word()
			// A text may have a letter before it: r for one without escapes, b for bytes.
			if next := s.rest(); next != "" && (next[0] == '"' || next[0] == '\'') && len(t.text) == 1 && strings.Contains("rRbB", t.text) {
				if strings.Contains("bB", t.text) {
					return nil, s.fail("bytes can't be written")
				}
				t.kind = value
				t.value, err = s.quoted(true)
			}
		case digit(c), c == '.' && len(s.rest()) > 1 && digit(s.rest()[1]):
			t.kind = value
			t.value, err = s.number("")
		case c == '-' && s.negative(tokens):
			s.at++
			t.kind = value
			t.value, err = s.number("-")
		case c == '"' || c == '\'':
			t.kind = value
			t.value, err = s.quoted(false)
		case c == '`':
			inside, _, closed := strings.Cut(s.rest()[1:], "`")
			if !closed {
				return nil, s.fail("the text has no end: want `")
			}
			t.kind, t.value = value, inside
			s.at += len(inside) + 2
		default:
			t.kind = sign
			t.text, err = s.sign()
		}
		if err != nil {
			return nil, err
		}
		tokens = append(tokens, t)
	}
}

// blanks passes over blanks and comments.
func (s *scanner) blanks() {
	for {
		s.at = len(s.text) - len(strings.TrimLeft(s.rest(), " \t\r\n\f"))
		if !strings.HasPrefix(s.rest(), "//") {
			return
		}
		line, _, _ := strings.Cut(s.rest(), "\n")
		s.at += len(line)
	}
}

func (s *scanner) word() string {
	n := 0
	for n < len(s.rest()) && (letter(s.rest()[n]) || digit(s.rest()[n])) {
		n++
	}
	w := s.rest()[:n]
	s.at += n
	return w
}

// negative tells whether a minus belongs to the number behind it: where a value may begin.
func (s *scanner) negative(before []token) bool {
	next := s.rest()[1:]
	if next == "" || !digit(next[0]) && (next[0] != '.' || len(next) < 2 || !digit(next[1])) {
		return false
	}
	if len(before) == 0 {
		return true
	}
	switch last := before[len(before)-1]; last.kind {
	case value:
		return false
	case word:
		return last.text == "in"
	default:
		return last.text != ")" && last.text != "]" && last.text != "."
	}
}

func (s *scanner) number(minus string) (any, error) {
	rest, n := s.rest(), 0
	digits := func(is func(byte) bool) {
		for n < len(rest) && is(rest[n]) {
			n++
		}
	}
	hex, float := strings.HasPrefix(rest, "0x") || strings.HasPrefix(rest, "0X"), false
	if hex {
		n = 2
		digits(func(c byte) bool { return digit(c) || c >= 'a' && c <= 'f' || c >= 'A' && c <= 'F' })
	} else {
		digits(digit)
		if n+1 < len(rest) && rest[n] == '.' && digit(rest[n+1]) {
			float = true
			n++
			digits(digit)
		}
		if n < len(rest) && (rest[n] == 'e' || rest[n] == 'E') {
			float = true
			n++
			if n < len(rest) && (rest[n] == '+' || rest[n] == '-') {
				n++
			}
			digits(digit)
		}
	}
	text := minus + rest[:n]
	if !hex && !float && n < len(rest) && (rest[n] == 'u' || rest[n] == 'U') && minus == "" {
		n++ // an unsigned one is a number like others
	}
	if n < len(rest) && (letter(rest[n]) || digit(rest[n])) {
		return nil, s.fail("%s is no number", rest[:n+1])
	}
	var v any
	var err error
	if float {
		v, err = strconv.ParseFloat(text, 64)
	} else if hex {
		v, err = strconv.ParseInt(text, 0, 64)
	} else {
		v, err = strconv.ParseInt(text, 10, 64)
	}
	if err != nil {
		return nil, s.fail("%s is no number that can be kept", text)
	}
	s.at += n
	return v, nil
}

// quoted reads a text in quotes, single or threefold.
func (s *scanner) quoted(raw bool) (string, error) {
	quote := s.rest()[:1]
	if triple := strings.Repeat(quote, 3); strings.HasPrefix(s.rest(), triple) {
		quote = triple
	}
	start := s.at
	s.at += len(quote)
	var b strings.Builder
	for {
		rest := s.rest()
		switch {
		case rest == "" || len(quote) == 1 && (rest[0] == '\n' || rest[0] == '\r'):
			s.at = start
			return "", s.fail("the text has no end: want %s", quote)
		case strings.HasPrefix(rest, quote):
			s.at += len(quote)
			return b.String(), nil
		case rest[0] == '\\' && !raw:
			if err := s.escape(&b); err != nil {
				return "", err
			}
		default:
			b.WriteByte(rest[0])
			s.at++
		}
	}
}

// What may stand behind a backslash, and at the same place what it means.
const (
	escapes = "abfnrtv\\\"'`?"
	escaped = "\a\b\f\n\r\t\v\\\"'`?"
)

func (s *scanner) escape(b *strings.Builder) error {
	rest := s.rest()
	if len(rest) < 2 {
		return s.fail("the text has no end")
	}
	if i := strings.IndexByte(escapes, rest[1]); i >= 0 {
		b.WriteByte(escaped[i])
		s.at += 2
		return nil
	}
	from, length, base := 2, 0, 16
	switch c := rest[1]; {
	case c == 'x' || c == 'X':
		length = 2
	case c == 'u':
		length = 4
	case c == 'U':
		length = 8
	case c >= '0' && c <= '3':
		from, length, base = 1, 3, 8
	}
	if length == 0 || len(rest) < from+length {
		return s.fail("the text has no such escape: %.2s", rest)
	}
	r, err := strconv.ParseUint(rest[from:from+length], base, 32)
	if err != nil || r > utf8.MaxRune || !utf8.ValidRune(rune(r)) {
		return s.fail("the text has no such escape: %s", rest[:from+length])
	}
	b.WriteRune(rune(r))
	s.at += from + length
	return nil
}

// sign reads an operator or a bracket.
func (s *scanner) sign() (string, error) {
	for _, text := range []string{"&&", "||", "==", "!=", "<=", ">=", "<", ">", "!", "?", ":", "(", ")", "[", "]", "{", "}", ".", ",", "+", "-", "*", "/", "%"} {
		if strings.HasPrefix(s.rest(), text) {
			s.at += len(text)
			return text, nil
		}
	}
	r, _ := utf8.DecodeRuneInString(s.rest())
	switch r {
	case '=':
		return "", s.fail("= is no operator: want ==")
	case '&', '|':
		return "", s.fail("%c is no operator: want %c%c", r, r, r)
	}
	return "", s.fail("%q is not expected", r)
}
