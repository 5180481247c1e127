package check

import (
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
