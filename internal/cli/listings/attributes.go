package listings

import (
	"encoding/json"
	"maps"
	"slices"
	"strconv"

	"github.com/openspapi/spapi/internal/cli/output"
)

// attribute is a value of a listing for people.
type attribute struct {
	Name  string `json:"attribute"`
	Value string `json:"value"`
}

var attributeColumns = []output.Column{{Name: "attribute", Path: "attribute"}, {Name: "value", Path: "value", Long: true}}

// unwrapped are the attributes of a listing without what Amazon wraps around each value, [{"value": …, "marketplace_id": …, "language_tag": …}]: a line
// for each value, named by the members that lead to it. Elements of a list that are no single values, such as several offers, are numbered, and
// the language is told where there are several.
func unwrapped(all map[string]json.RawMessage) []attribute {
	lines := []attribute{}
	for _, name := range slices.Sorted(maps.Keys(all)) {
		lines = append(lines, unwrap(name, all[name])...)
	}
	return lines
}

func unwrap(name string, raw json.RawMessage) []attribute {
	var list []json.RawMessage
	if json.Unmarshal(raw, &list) == nil {
		return unwrapList(name, list)
	}
	var members map[string]json.RawMessage
	if json.Unmarshal(raw, &members) != nil {
		return []attribute{{name, scalar(raw)}}
	}
	if members == nil { // null
		return nil
	}
	delete(members, "marketplace_id")
	delete(members, "language_tag")
	if value, ok := members["value"]; ok {
		unit, measured := members["unit"]
		switch {
		case len(members) == 1:
			return unwrap(name, value)
		case len(members) == 2 && measured:
			return []attribute{{name, scalar(value) + " " + scalar(unit)}}
		}
	}
	var lines []attribute
	for _, member := range slices.Sorted(maps.Keys(members)) {
		lines = append(lines, unwrap(name+"."+member, members[member])...)
	}
	return lines
}

func unwrapList(name string, list []json.RawMessage) []attribute {
	languages := map[string]bool{}
	language := func(raw json.RawMessage) string {
		var e struct {
			Tag string `json:"language_tag"`
		}
		_ = json.Unmarshal(raw, &e) // elements without one are no objects, or have none
		return e.Tag
	}
	for _, e := range list {
		languages[language(e)] = true
	}
	var lines []attribute
	for i, e := range list {
		own := unwrap(name, e)
		if len(own) != 1 && len(list) > 1 {
			own = unwrap(name+"."+strconv.Itoa(i), e)
		}
		for _, line := range own {
			if tag := language(e); tag != "" && len(languages) > 1 {
				line.Name += " (" + tag + ")"
			}
			lines = append(lines, line)
		}
	}
	return lines
}

// scalar is a value as it is said.
func scalar(raw json.RawMessage) string {
	var s string
	if json.Unmarshal(raw, &s) == nil {
		return s
	}
	return string(raw)
}
