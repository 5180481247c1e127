package wire

import (
	"strconv"
	"strings"

	"github.com/go-faster/jx"
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
func Outline(text []byte) string {
	var b strings.Builder
	if err := outline(&b, jx.DecodeBytes(text), "message", outlineDepth); err != nil { // a text alone is one
		return ""
	}
	return b.String()
}

// notices are the members in which services and gateways say what is the matter, in lower case.
var notices = map[string]bool{"message": true, "error": true, "code": true, "errorcode": true, "errormessage": true, "__type": true}

func outline(b *strings.Builder, d *jx.Decoder, name string, depth int) error {
	switch d.Next() {
	case jx.Null, jx.Bool:
		raw, err := d.Raw()
		b.WriteString(raw.String())
		return err
	case jx.Number:
		raw, err := d.Raw()
		if len(raw) <= 3 { // a status
			b.WriteString(raw.String())
		} else {
			b.WriteString("…")
		}
		return err
	case jx.String:
		text, err := d.Str()
		switch {
		case text == "":
			b.WriteString(`""`)
		case notices[strings.ToLower(name)]:
			b.WriteString(strconv.Quote(short(text, outlineText)))
		default:
			b.WriteString("…")
		}
		return err
	case jx.Object:
		return outlineObject(b, d, depth)
	case jx.Array:
		return outlineList(b, d, depth)
	}
	return d.Skip() // an error: there is no value
}

func outlineList(b *strings.Builder, d *jx.Decoder, depth int) error {
	elements, err := d.ArrIter()
	if err != nil {
		return err
	}
	b.WriteByte('[')
	for n := 0; elements.Next(); n++ {
		switch {
		case n == 0 && depth > 1:
			err = outline(b, d, "", depth-1)
		case n == 0:
			b.WriteString("…")
			err = d.Skip()
		case n == 1:
			b.WriteString(",…")
			fallthrough
		default:
			err = d.Skip()
		}
		if err != nil {
			return err
		}
	}
	b.WriteByte(']')
	return elements.Err()
}

func outlineObject(b *strings.Builder, d *jx.Decoder, depth int) error {
	members, err := d.ObjIter()
	if err != nil {
		return err
	}
	shown := outlineMembers
	if depth <= 1 {
		shown = 0
	}
	b.WriteByte('{')
	for n := 0; members.Next(); n++ {
		if n > 0 && n <= shown {
			b.WriteByte(',')
		}
		if n >= shown {
			if n == shown {
				b.WriteString("…")
			}
			err = d.Skip()
		} else {
			name := string(members.Key())
			if isName(name) {
				b.WriteString(strconv.Quote(name))
			} else {
				b.WriteString("…")
			}
			b.WriteByte(':')
			err = outline(b, d, name, depth-1)
		}
		if err != nil {
			return err
		}
	}
	b.WriteByte('}')
	return members.Err()
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
