package echo

import (
	"net/url"
	"strings"

	"github.com/openspapi/spapi/emulator/internal/format"
)

// Said is what a request says, or a part of it: an object, a list or a single value.
type Said struct {
	api    string
	path   []string // plain names from the request down to here; lists are not counted
	kind   string   // of thing whose id it is, or its elements are
	value  any      // of a single one
	list   bool
	plain  bool // a parameter, which tells at the top what it is about
	parts  []*Said
	leaves map[string][]leaf // single values below, by kind or plain name; made when first asked for
	lists  []*Said           // lists below that are not in one with several elements
}

type leaf struct {
	*Said
	inList bool // the first of several
}

// New begins with an empty request to an API, by package name.
func New(api string) *Said { return &Said{api: api} }

// Parameter adds a parameter with one value, or with a list of them.
func (s *Said) Parameter(name string, values []string, list bool) {
	if list {
		elements := make([]any, len(values))
		for i, v := range values {
			elements[i] = v
		}
		s.add("", name, elements).plain = true
	} else if len(values) > 0 {
		s.add("", name, values[0]).plain = true
	}
}

// Body adds a decoded body.
func (s *Said) Body(v any) {
	switch v := v.(type) {
	case map[string]any:
		s.members("", v)
	case []any:
		s.add("", "", v)
	}
}

func (s *Said) members(parent string, m map[string]any) {
	for name := range format.SortedKeys(m) {
		s.add(parent, name, m[name])
	}
}

func (s *Said) add(parent, name string, v any) *Said {
	part := &Said{api: s.api, path: s.path, kind: KindOf(s.api, parent, name)}
	if name != "" {
		part.path = append(s.path[:len(s.path):len(s.path)], Plain(name))
	}
	s.parts = append(s.parts, part)
	part.set(name, v)
	return part
}

func (s *Said) set(name string, v any) {
	switch v := v.(type) {
	case map[string]any:
		s.members(name, v)
	case []any:
		s.list = true
		for _, e := range v {
			element := &Said{api: s.api, path: s.path, kind: s.kind}
			s.parts = append(s.parts, element)
			element.set(name, e)
		}
	case string:
		s.value = v
		if strings.EqualFold(name, "uri") { // a row of a batch is a request of its own, whose ids stand in its address
			s.address(v)
		}
	default:
		s.value = v
	}
}

func (s *Said) address(uri string) {
	u, err := url.Parse(uri)
	if err != nil {
		return
	}
	for name := range format.SortedKeys(u.Query()) {
		s.add("", name, u.Query().Get(name)).plain = true
	}
}

// index finds the single values and the lists that are told of the whole, not of one of several elements.
func (s *Said) index() {
	if s.leaves != nil {
		return
	}
	s.leaves = map[string][]leaf{}
	s.collect(s, false)
}

func (s *Said) collect(from *Said, inList bool) {
	if from.list && from != s {
		s.lists = append(s.lists, from)
	}
	switch {
	case from.list && len(from.parts) > 1 && from != s:
		s.collect(from.parts[0], true)
		return
	case from.value != nil:
		key := from.kind
		if key == "" && len(from.path) > 0 {
			key = "." + from.path[len(from.path)-1]
		}
		s.leaves[key] = append(s.leaves[key], leaf{from, inList})
	}
	for _, part := range from.parts {
		s.collect(part, inList)
	}
}

// Key is what single values are found by: the kind of an id, or the plain name of anything else.
func Key(api, parent, name string) string {
	if kind := KindOf(api, parent, name); kind != "" {
		return kind
	}
	return "." + Plain(name)
}

// IsKind tells a key that is a kind of ids.
func IsKind(key string) bool { return !strings.HasPrefix(key, ".") }

// Says tells whether there are values with a key.
func (s *Said) Says(key string) bool {
	s.index()
	return len(s.leaves[key]) > 0
}

// Value finds what is said about a member of an answer by its key: at its path from the top of the answer, and inside how many of its names lie within what
// s is about. Of several the one counts whose path ends most alike. What is no id must stand in an object of the same name, or directly in
// what s is about, or be a parameter; only a parameter, where elements of lists have been looked at before.
func (s *Said) Value(key string, path []string, inside int, elements bool) any {
	s.index()
	var best *leaf
	most := 0
	for i := range s.leaves[key] {
		l := &s.leaves[key][i]
		alike := 2 * commonEnd(l.path, path)
		if IsKind(key) {
			alike = max(alike, 2) // their last names differ, but not their meaning
		} else if !(l.plain || !elements && (alike >= 4 || l.Said == s || len(l.path) == len(s.path)+1 && inside == 1)) {
			continue
		}
		if !l.inList {
			alike++
		}
		if alike > most {
			best, most = l, alike
		}
	}
	if best == nil {
		return nil
	}
	return best.value
}

func commonEnd(a, b []string) int {
	n := 0
	for n < len(a) && n < len(b) && a[len(a)-1-n] == b[len(b)-1-n] {
		n++
	}
	return n
}

// List finds the list in the request that a list of the answer goes along, element by element: the one that tells most of the kinds of ids that the answer's
// elements have, or that is called the same and has objects or single values, too. taken are lists that the answer already goes along.
func (s *Said) List(kinds map[string]bool, name string, objects bool, taken func(*Said) bool) *Said {
	s.index()
	var best *Said
	most := 0
	for _, l := range s.lists {
		if len(l.parts) == 0 || taken(l) {
			continue
		}
		first := l.parts[0]
		alike := 0
		if objects == (first.value == nil) && len(l.path) > 0 && l.path[len(l.path)-1] == Plain(name) {
			alike++
		}
		for kind := range first.kinds() {
			if kinds[kind] {
				alike += 2
			}
		}
		if alike > most {
			best, most = l, alike
		}
	}
	return best
}

// kinds are those of the ids that an element has, but for those in lists.
func (s *Said) kinds() map[string]bool {
	kinds := map[string]bool{}
	var look func(s *Said)
	look = func(s *Said) {
		if s.list {
			return
		}
		if s.value != nil && s.kind != "" {
			kinds[s.kind] = true
		}
		for _, part := range s.parts {
			look(part)
		}
	}
	look(s)
	return kinds
}

// IDs are all of a kind, whatever list they stand in.
func (s *Said) IDs(kind string) (ids []string) {
	if id, ok := s.value.(string); ok && s.kind == kind {
		ids = append(ids, id)
	}
	for _, part := range s.parts {
		ids = append(ids, part.IDs(kind)...)
	}
	return ids
}

// Empty tells whether nothing is said.
func (s *Said) Empty() bool { return s.value == nil && len(s.parts) == 0 }

// Elements are those of a list.
func (s *Said) Elements() []*Said { return s.parts }
