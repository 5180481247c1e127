package document

import (
	"slices"
	"strconv"
	"strings"
)

// Header is the names of a document's columns. Names are as good as Amazon makes them: localised in some reports, some twice, some empty.
type Header struct {
	names  []string
	unique []string
	exact  map[string]int
	folded map[string]int
}

// NewHeader makes the header of the columns with these names, without byte order marks. Columns after the last one that has a name don't count: they come from tabs at the end of the line.
func NewHeader(names []string) *Header {
	for len(names) > 1 && strings.TrimSpace(names[len(names)-1]) == "" {
		names = names[:len(names)-1]
	}
	names = slices.Clone(names)
	for i := range names {
		names[i] = strings.Trim(names[i], byteOrderMark)
	}
	h := &Header{
		names: names, unique: make([]string, len(names)),
		exact: make(map[string]int, len(names)), folded: make(map[string]int, len(names)),
	}
	taken := make(map[string]bool, len(names))
	for _, name := range names {
		taken[strings.TrimSpace(name)] = true
	}
	used := make(map[string]bool, len(names))
	next := map[string]int{} // by name: the number that may be free, since a document with a mistake may have a million columns of one name
	for i, name := range names {
		name = strings.TrimSpace(name)
		unique := name
		if name == "" {
			unique = "column_" + strconv.Itoa(i+1)
		}
		for n := max(next[unique], 2); used[unique] || unique != name && taken[unique]; n++ {
			if name != "" {
				next[name] = n + 1
			}
			unique = name + "_" + strconv.Itoa(n)
			if name == "" {
				unique = "column_" + strconv.Itoa(i+1) + "_" + strconv.Itoa(n)
			}
		}
		used[unique] = true
		h.unique[i] = unique
		h.exact[unique] = i
		if key := fold(unique); key != "" {
			if _, ok := h.folded[key]; !ok {
				h.folded[key] = i
			}
		}
	}
	return h
}

// Len returns the number of columns.
func (h *Header) Len() int { return len(h.names) }

// Names returns the names as they stand in the document.
func (h *Header) Names() []string { return append([]string(nil), h.names...) }

// Unique returns a name for each column that no other has: the second "amount" is "amount_2", the third column without a name "column_3".
func (h *Header) Unique() []string { return append([]string(nil), h.unique...) }

// Index returns the first column that has one of the names, tried in the given order, as they stand (or as Unique has them), and then
// without regard to case, spaces, hyphens and underscores; -1 if there is none.
func (h *Header) Index(names ...string) int {
	for _, name := range names {
		if i, ok := h.exact[strings.TrimSpace(name)]; ok {
			return i
		}
	}
	for _, name := range names {
		if i, ok := h.folded[fold(name)]; ok {
			return i
		}
	}
	return -1
}

// fold makes "Order ID", "order-id" and "order_id" one.
func fold(name string) string {
	return strings.Map(func(r rune) rune {
		switch r {
		case ' ', '-', '_', '\u00a0', '\u3000', '\ufeff':
			return -1
		}
		return r
	}, strings.ToLower(name))
}
