package wire

import (
	"bytes"
	"encoding/json"
	"slices"
	"strings"
)

// Find returns the value at a path of members' names in a body, nil where there is none. A list of one object is that object, as where results are read.
// It goes to the end of the lists on its way at once, of which [Taken] tells. What follows the value is not looked at.
func Find(body []byte, path string, lists []Span) ([]byte, error) {
	s := scan(bytes.TrimPrefix(body, bom))
	return s.find(path, lists), s.err
}

func (s *scanner) find(path string, lists []Span) []byte {
	for name := range strings.SplitSeq(path, ".") {
		if s.next() == arrayToken && s.holdsOnly(objectToken) {
			s.open(']')
		}
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

// holdsOnly reports whether the list that comes next has one element, of one of these kinds. A mistake in its JSON is found by whoever passes over it.
func (s *scanner) holdsOnly(kinds ...token) bool {
	ahead := *s
	list := elements{s: &ahead}
	if !list.next() || !slices.Contains(kinds, ahead.next()) {
		return false
	}
	ahead.skip()
	return !list.next() && ahead.err == nil
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
