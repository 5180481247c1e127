package wire

import (
	"strconv"
	"strings"
)

// What an outline shows at most. It is for error messages.
const (
	outlineMembers = 8   // of an object
	outlineDepth   = 3   // of objects and lists in each other
	outlineName    = 40  // bytes of a member's name
	outlineText    = 120 // bytes of a message
)

// Outline tells in a line what JSON holds without telling whose it is: the names of its members and, of their values, only what services say of
// themselves, such as {"message":"Endpoint request timed out"}. All else is … where there is something. It is "" for what is no JSON.
func Outline(text []byte) string { return outlined(text, notices) }

// Names is Outline without what services say: of values it tells only what kind they are, for what isn't a service's answer.
func Names(text []byte) string { return outlined(text, nil) }

func outlined(text []byte, told map[string]bool) string {
	var b strings.Builder
	s := scan(text)
	if outline(&b, &s, told, "message", outlineDepth); s.end() != nil { // a text alone is one
		return ""
	}
	return b.String()
}

// notices are the members in which services and gateways say what is the matter, in lower case.
var notices = map[string]bool{"message": true, "error": true, "code": true, "errorcode": true, "errormessage": true, "__type": true}

func outline(b *strings.Builder, s *scanner, told map[string]bool, name string, depth int) {
	switch s.next() {
	case nullToken, boolToken:
		b.Write(s.literal())
	case numberToken:
		if number := s.number(); len(number) <= 3 && told != nil { // a status
			b.Write(number)
		} else {
			b.WriteString("…")
		}
	case stringToken:
		text, _ := s.quoted()
		switch {
		case len(text) == 0:
			b.WriteString(`""`)
		case told[strings.ToLower(name)]:
			b.WriteString(strconv.Quote(short(string(unescape(nil, text)), outlineText)))
		default:
			b.WriteString("…")
		}
	case objectToken:
		outlineObject(b, s, told, depth)
	case arrayToken:
		outlineList(b, s, told, depth)
	}
}

func outlineList(b *strings.Builder, s *scanner, told map[string]bool, depth int) {
	b.WriteByte('[')
	elements := elements{s: s}
	for n := 0; elements.next(); n++ {
		switch {
		case n == 0 && depth > 1:
			outline(b, s, told, "", depth-1)
			continue
		case n == 0:
			b.WriteString("…")
		case n == 1:
			b.WriteString(",…")
		}
		s.skip()
	}
	b.WriteByte(']')
}

func outlineObject(b *strings.Builder, s *scanner, told map[string]bool, depth int) {
	shown := outlineMembers
	if depth <= 1 {
		shown = 0
	}
	b.WriteByte('{')
	members := members{s: s}
	for n := 0; members.next(); n++ {
		if n > 0 && n <= shown {
			b.WriteByte(',')
		}
		if n >= shown {
			if n == shown {
				b.WriteString("…")
			}
			s.skip()
			continue
		}
		name := string(members.name)
		if isName(name) {
			b.WriteString(strconv.Quote(name))
		} else {
			b.WriteString("…")
		}
		b.WriteByte(':')
		outline(b, s, told, name, depth-1)
	}
	b.WriteByte('}')
}

// isName tells names that an API gives its members from what people are called, write or buy: those are keys of maps.
func isName(s string) bool {
	if s == "" || len(s) > outlineName {
		return false
	}
	for i, c := range []byte(s) {
		letter := 'a' <= c|0x20 && c|0x20 <= 'z' || c == '_' || c == '$'
		if !letter && (i == 0 || !('0' <= c && c <= '9' || c == '-')) {
			return false
		}
	}
	return true
}

// short cuts a text to n bytes, not within a letter.
func short(s string, n int) string {
	if len(s) <= n {
		return s
	}
	return strings.ToValidUTF8(s[:n], "") + "…"
}
