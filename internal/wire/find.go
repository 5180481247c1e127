package wire

import (
	"bytes"
	"encoding/json"
	"slices"
	"strings"
)

// Find returns the value at a path of members' names in a body, nil where there is none. A list of one object on the path is that object, as for the
// decoder. It goes to the end of the lists on its way at once, of which [Taken] tells. What follows the value is not looked at.
func Find(body []byte, path string, lists []Span) ([]byte, error) {
	s := scan(bytes.TrimPrefix(body, bom))
	return s.find(path, lists), s.err
}

func (s *scanner) find(path string, lists []Span) []byte {
	for name := range strings.SplitSeq(path, ".") {
		s.intoLone()
		if s.next() != objectToken {
			s.skip()
			return nil
		}
		found := false
		for m := (members{s: s}); m.next(); {
			if found = string(m.name) == name; found {
				break
			}
			s.space()
			if i, ok := slices.BinarySearchFunc(lists, s.pos, func(l Span, at int) int { return l.From - at }); ok {
				s.pos = lists[i].To
			} else {
				s.skip()
			}
		}
		if !found {
			return nil
		}
	}
	return s.raw()
}

// intoLone goes into a list of one object.
func (s *scanner) intoLone() {
	if s.next() != arrayToken {
		return
	}
	ahead := *s
	if ahead.open(']') && ahead.next() == objectToken {
		if ahead.skip(); !ahead.more(']') && ahead.err == nil {
			s.open(']')
		}
	}
}

// Elements are those of a list, as they stand in it.
func Elements(list []byte) (out []json.RawMessage, err error) {
	s := scan(list)
	if s.next() != arrayToken {
		s.broken("a list")
		return nil, s.err
	}
	for e := (elements{s: &s}); e.next(); {
		out = append(out, s.raw())
	}
	return out, s.err
}
