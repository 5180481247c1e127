package paging

import (
	"encoding/json"
	"fmt"
	"strings"

	"github.com/openspapi/spapi/internal/wire"
)

// text is a string or a number at a path, "" where there is nothing.
func text(body []byte, path string, lists []wire.Span) (string, error) {
	if path == "" || len(body) == 0 {
		return "", nil
	}
	raw, err := wire.Find(body, path, lists)
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
	switch raw[0] {
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

// list are the elements of the array at a path, all of which are objects. An object with members in its place is its one element, as for the decoder.
func list(body []byte, path string) ([]json.RawMessage, error) {
	raw, err := wire.Find(body, path, nil)
	if err != nil || raw == nil {
		return nil, wrap(path, err)
	}
	switch what := name(raw); {
	case what == "array":
		items, err := wire.Elements(raw)
		return items, wrap(path, err)
	case what == "null":
		return nil, nil
	case what == "object" && wire.IsSingle(raw):
		return []json.RawMessage{raw}, nil
	default:
		return nil, fmt.Errorf("%s: want a list, not %s", path, what)
	}
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
	return wire.Marshal(members)
}

func quote(s string) []byte {
	b, err := wire.Marshal(s)
	if err != nil {
		return []byte(`""`) // strings always marshal
	}
	return b
}
