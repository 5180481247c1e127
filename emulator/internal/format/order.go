package format

import "slices"

// First is an object that begins with one member; the others follow by name. Amazon's lists by marketplace are written so.
func First(name string, value any, others Object) Record {
	return append(Record{{name, value}}, Ordered(others)...)
}

// Ordered is an object with the members named in their order, as far as there are such, before the others by name.
func Ordered(o Object, names ...string) Record {
	r := make(Record, 0, len(o)+1)
	for _, name := range names {
		if v, has := o[name]; has {
			r = append(r, [2]any{name, v})
		}
	}
	for name := range SortedKeys(o) {
		if !slices.Contains(names, name) {
			r = append(r, [2]any{name, o[name]})
		}
	}
	return r
}
