package paging

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"strings"

	"github.com/openspapi/spapi/internal/wire"
)

var bom = []byte("\xef\xbb\xbf")

// find returns the value at a path as it stands, nil where there is none. Values on the way are passed over by their brackets and quotes alone: bodies
// of answers have been checked as JSON. What follows the value is not looked at.
func find(body []byte, path string) ([]byte, error) {
	at, err := seek(body, path)
	if err != nil || at < 0 {
		return nil, err
	}
	end, err := skip(body, at)
	return body[at:end], err
}

// seek is where the value at a path begins, -1 where there is none.
func seek(body []byte, path string) (int, error) {
	at := space(body, len(body)-len(bytes.TrimPrefix(body, bom)))
	for path != "" {
		var member string
		member, path, _ = strings.Cut(path, ".")
		if kind(body, at) != '{' {
			_, err := skip(body, at)
			return -1, err
		}
		found := false
		for at = space(body, at+1); !found; {
			if kind(body, at) == '}' {
				return -1, nil
			}
			end, err := skip(body, at)
			if err != nil {
				return -1, err
			}
			found = isName(body[at:end], member)
			if at = space(body, end); kind(body, at) != ':' {
				return -1, misplaced(body, at)
			}
			if at = space(body, at+1); found {
				break
			}
			if at, err = skip(body, at); err != nil {
				return -1, err
			}
			if at, err = behind(body, at, '}'); err != nil {
				return -1, err
			}
		}
	}
	return at, nil
}

// behind is where the next member or element begins, or the bracket that ends them.
func behind(body []byte, at int, closing byte) (int, error) {
	switch at = space(body, at); kind(body, at) {
	case ',':
		return space(body, at+1), nil
	case closing:
		return at, nil
	}
	return at, misplaced(body, at)
}

// isName reports whether a member's name, as it is written, is a name.
func isName(written []byte, name string) bool {
	if bytes.IndexByte(written, '\\') < 0 {
		return len(written) == len(name)+2 && written[0] == '"' && string(written[1:len(written)-1]) == name
	}
	var s string
	return json.Unmarshal(written, &s) == nil && s == name
}

// kind is the first byte of what stands at a place, 0 at the end.
func kind(body []byte, at int) byte {
	if at >= len(body) {
		return 0
	}
	return body[at]
}

func space(body []byte, at int) int {
	for at < len(body) && (body[at] == ' ' || body[at] == '\n' || body[at] == '\t' || body[at] == '\r') {
		at++
	}
	return at
}

func misplaced(body []byte, at int) error {
	if at >= len(body) {
		return io.ErrUnexpectedEOF
	}
	return fmt.Errorf("no JSON: %q where it can't stand", body[at])
}

// marks are the bytes by which values are passed over: quotes, and brackets of both kinds.
var marks = [256]bool{'"': true, '{': true, '}': true, '[': true, ']': true}

// skip is where the value ends that begins at a place.
func skip(body []byte, at int) (int, error) {
	switch kind(body, at) {
	case 0:
		return at, io.ErrUnexpectedEOF
	case '"', '{', '[':
	case '}', ']', ',', ':':
		return at, misplaced(body, at)
	default:
		for at < len(body) && !marks[body[at]] && body[at] != ',' && body[at] != ':' && body[at] > ' ' {
			at++
		}
		return at, nil
	}
	for depth := 0; ; {
		for at < len(body) && !marks[body[at]] {
			at++
		}
		if at == len(body) {
			return at, io.ErrUnexpectedEOF
		}
		switch body[at] {
		case '"':
			if at = quoted(body, at+1); at == len(body) {
				return at, io.ErrUnexpectedEOF
			}
		case '{', '[':
			depth++
		default:
			depth--
		}
		at++
		if depth == 0 {
			return at, nil
		}
	}
}

// quoted is where the quote stands that ends a text, the end of the body where there is none.
func quoted(body []byte, at int) int {
	for {
		n := bytes.IndexByte(body[at:], '"')
		if n < 0 {
			return len(body)
		}
		backslashes := 0
		for backslashes < n && body[at+n-1-backslashes] == '\\' {
			backslashes++
		}
		if at += n; backslashes%2 == 0 {
			return at
		}
		at++ // the quote is one of the text
	}
}

// text is a string or a number at a path, "" where there is nothing.
func text(body []byte, path string) (string, error) {
	if path == "" || len(body) == 0 {
		return "", nil
	}
	raw, err := find(body, path)
	if err != nil || raw == nil {
		return "", wrap(path, err)
	}
	switch what := name(raw); what {
	case "null":
		return "", nil
	case "number":
		return string(raw), nil
	case "string":
		var s string
		err := json.Unmarshal(raw, &s)
		return s, wrap(path, err)
	default:
		return "", fmt.Errorf("%s: want a string, not %s", path, what)
	}
}

// name is what a value is called.
func name(raw []byte) string {
	switch kind(raw, 0) {
	case '{':
		return "object"
	case '[':
		return "array"
	case '"':
		return "string"
	case 'n':
		return "null"
	case 't', 'f':
		return "bool"
	}
	return "number"
}

// list are the elements of the array at a path. An object with members in its place is its one element, as for the decoder.
func list(body []byte, path string) ([]json.RawMessage, error) {
	at, err := seek(body, path)
	if err != nil || at < 0 {
		return nil, wrap(path, err)
	}
	if kind(body, at) != '[' {
		end, err := skip(body, at)
		switch raw := body[at:end]; {
		case err != nil:
			return nil, wrap(path, err)
		case name(raw) == "null":
			return nil, nil
		case wire.IsSingle(raw):
			return []json.RawMessage{raw}, nil
		default:
			return nil, fmt.Errorf("%s: want a list, not %s", path, name(raw))
		}
	}
	var items []json.RawMessage
	for at = space(body, at+1); kind(body, at) != ']'; {
		end, err := skip(body, at)
		if err != nil {
			return nil, wrap(path, err)
		}
		items = append(items, body[at:end:end])
		if at, err = behind(body, end, ']'); err != nil {
			return nil, wrap(path, err)
		}
	}
	return items, nil
}

func wrap(path string, err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("%s: %w", path, err)
}

// setMember puts a value at a path of a JSON object. Objects on the way are made where they are missing; numbers keep their digits.
func setMember(body []byte, path string, value json.RawMessage) ([]byte, error) {
	var members map[string]json.RawMessage
	if len(body) > 0 {
		if err := json.Unmarshal(body, &members); err != nil {
			return nil, err
		}
	}
	if members == nil {
		members = map[string]json.RawMessage{}
	}
	member, rest, nested := strings.Cut(path, ".")
	if nested {
		var err error
		if value, err = setMember(members[member], rest, value); err != nil {
			return nil, err
		}
	}
	members[member] = value
	return marshal(members)
}

func quote(s string) []byte {
	b, err := marshal(s)
	if err != nil {
		return []byte(`""`) // strings always marshal
	}
	return b
}

// marshal is json.Marshal without HTML escapes.
func marshal(v any) ([]byte, error) {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	err := e.Encode(v)
	return bytes.TrimSuffix(b.Bytes(), []byte("\n")), err
}
