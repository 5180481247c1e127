package check

import (
	"encoding/json"
	"math"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"unicode/utf8"

	"github.com/openspapi/spapi/emulator/internal/format"
	"github.com/openspapi/spapi/internal/catalog"
)

// Text checks the text of a parameter's value and returns what is wrong, or "".
func Text(s *catalog.Schema, text string) string {
	switch s.Type {
	case "integer":
		n, err := strconv.ParseInt(text, 10, 64)
		if err != nil || s.Format == "int32" && n != int64(int32(n)) {
			return "is not an integer"
		}
		return number(s, float64(n))
	case "number":
		f, err := strconv.ParseFloat(text, 64)
		if err != nil || math.IsInf(f, 0) || math.IsNaN(f) {
			return "is not a number"
		}
		return number(s, f)
	case "boolean":
		if text != "true" && text != "false" {
			return "is not true or false"
		}
		return ""
	default:
		return Chars(s, text)
	}
}

func number(s *catalog.Schema, f float64) string {
	switch {
	case s.Minimum != nil && f < *s.Minimum:
		return "is below the minimum of " + format.Number(*s.Minimum)
	case s.Maximum != nil && f > *s.Maximum:
		return "is above the maximum of " + format.Number(*s.Maximum)
	case s.MultipleOf != nil && *s.MultipleOf > 0 && math.Mod(f, *s.MultipleOf) != 0:
		return "is not a multiple of " + format.Number(*s.MultipleOf)
	case len(s.Enum) > 0 && !slices.Contains(s.Enum, format.Number(f)):
		return "is not one of " + strings.Join(s.Enum, ", ")
	}
	return ""
}

// Chars checks a text as [Text] does, whatever the type.
func Chars(s *catalog.Schema, text string) string {
	n := utf8.RuneCountInString(text)
	switch {
	case !utf8.ValidString(text):
		return "is not valid UTF-8"
	case len(s.Enum) > 0 && !slices.Contains(s.Enum, text):
		return "is not one of " + strings.Join(s.Enum, ", ")
	case s.MinLength != nil && n < *s.MinLength:
		return "is shorter than " + strconv.Itoa(*s.MinLength) + " characters"
	case s.MaxLength != nil && n > *s.MaxLength:
		return "is longer than " + strconv.Itoa(*s.MaxLength) + " characters"
	case s.Pattern != "" && !Compiled(s.Pattern).MatchString(text):
		return "does not match " + s.Pattern
	}
	switch s.Format {
	case "date-time", "dateTime":
		if _, ok := format.ParseTime(text); !ok {
			return "timestamp must follow ISO8601" // selling-partner-api-models#1215
		}
	case "date":
		if _, ok := format.ParseTime(text); !ok { // a full time is accepted for a date
			return "date must follow ISO8601"
		}
	case "boolean":
		if text != "true" && text != "false" {
			return "is not true or false"
		}
	}
	return ""
}

var (
	patternsMu sync.Mutex
	patterns   = map[string]*regexp.Regexp{}
)

// Compiled compiles a pattern of the catalogue once. One that is no regular expression matches everything.
func Compiled(pattern string) *regexp.Regexp {
	patternsMu.Lock()
	defer patternsMu.Unlock()
	re := patterns[pattern]
	if re == nil {
		var err error
		if re, err = regexp.Compile(pattern); err != nil {
			re = regexp.MustCompile("")
		}
		patterns[pattern] = re
	}
	return re
}

// Value checks a JSON value against a schema. It returns the path of what is wrong, "patches[0].op", and why; "" for nothing.
func Value(api *catalog.API, ref *catalog.Schema, v any, path string) (where, want string) {
	s := api.Resolve(ref)
	if s == nil || v == nil {
		return "", "" // null stands for an absent member
	}
	switch v := v.(type) {
	case map[string]any:
		if s.Type != "" && s.Type != "object" {
			return path, "is an object, want " + s.Type
		}
		return object(api, s, v, path)
	case []any:
		if s.Type == "" {
			return "", ""
		}
		if s.Type != "array" {
			return path, "is an array, want " + s.Type
		}
		if s.MinItems != nil && len(v) < *s.MinItems {
			return path, "has " + strconv.Itoa(len(v)) + " elements, want at least " + strconv.Itoa(*s.MinItems)
		}
		if s.MaxItems != nil && len(v) > *s.MaxItems {
			return path, "has " + strconv.Itoa(len(v)) + " elements, want at most " + strconv.Itoa(*s.MaxItems)
		}
		for i, e := range v {
			if where, want := Value(api, s.Items, e, path+"["+strconv.Itoa(i)+"]"); want != "" {
				return where, want
			}
		}
		if s.UniqueItems && len(v) > 1 {
			seen := map[string]bool{}
			for _, e := range v {
				b, _ := json.Marshal(e)
				if seen[string(b)] {
					return path, "has an element more than once"
				}
				seen[string(b)] = true
			}
		}
	case string:
		switch s.Type {
		case "string", "":
			return path, Chars(s, v)
		case "integer", "number", "boolean": // the real service reads these from strings, too
			return path, Text(s, v)
		}
		return path, "is a string, want " + s.Type
	case json.Number:
		switch s.Type {
		case "integer", "number":
			return path, Text(s, format.NormalNumber(v, s.Type))
		case "string", "":
			return path, Chars(s, v.String())
		}
		return path, "is a number, want " + s.Type
	case bool:
		if s.Type != "" && s.Type != "boolean" && s.Type != "string" {
			return path, "is a boolean, want " + s.Type
		}
	}
	return "", ""
}

func object(api *catalog.API, s *catalog.Schema, v map[string]any, path string) (where, want string) {
	for _, name := range s.Required {
		if v[name] == nil {
			return Member(path, name), "required"
		}
	}
	for name := range format.SortedKeys(v) {
		next := s.Properties[name]
		if next == nil {
			next = s.AdditionalProperties
		}
		if where, want := Value(api, next, v[name], Member(path, name)); want != "" {
			return where, want
		}
	}
	return "", ""
}

// Member is the path of a member of what has a path.
func Member(path, name string) string {
	if path == "" {
		return name
	}
	return path + "." + name
}
