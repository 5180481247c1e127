package cel

import (
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"regexp"
	"regexp/syntax"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"
	"unicode/utf8"
)

// Values are nil, bool, int64, float64, string, time.Time, []any and map[string]any.

// fromJSON is a value as expressions have it. What lists and objects hold is changed when it is reached.
func fromJSON(v any) any {
	switch v := v.(type) {
	case json.Number:
		if i, err := v.Int64(); err == nil {
			return i
		}
		f, err := v.Float64()
		if err != nil {
			return v.String()
		}
		return f
	case float64:
		if i := int64(v); float64(i) == v && math.Abs(v) < 1<<53 {
			return i
		}
	}
	return v
}

func nameOf(v any) string {
	switch fromJSON(v).(type) {
	case nil:
		return "null"
	case bool:
		return "bool"
	case int64:
		return "int"
	case float64:
		return "double"
	case string:
		return "string"
	case time.Time:
		return "timestamp"
	case []any:
		return "list"
	}
	return "map"
}

// equal is false for values of different types, but for numbers. It counts, and when all steps are taken it comes to an end: whoever calls it looks at
// [scope.spend].
func (s *scope) equal(a, b any) bool {
	if s.spend(1) != nil {
		return false
	}
	a, b = fromJSON(a), fromJSON(b)
	switch x := a.(type) {
	case []any:
		y, ok := b.([]any)
		return ok && slices.EqualFunc(x, y, s.equal)
	case map[string]any:
		y, ok := b.(map[string]any)
		if !ok || len(x) != len(y) {
			return false
		}
		for name, v := range x {
			if w, ok := y[name]; !ok || !s.equal(v, w) {
				return false
			}
		}
		return true
	case nil:
		return b == nil
	}
	order, err := compare(a, b)
	return err == nil && order == same
}

type order int

const (
	same order = iota
	less
	more
	none // one of them is no number
)

func ordered(c int) order {
	switch {
	case c < 0:
		return less
	case c > 0:
		return more
	}
	return same
}

// compare orders bools, numbers, texts and times.
func compare(a, b any) (order, error) {
	switch x := a.(type) {
	case bool:
		if y, ok := b.(bool); ok {
			switch {
			case x == y:
				return same, nil
			case y:
				return less, nil
			}
			return more, nil
		}
	case string:
		if y, ok := b.(string); ok {
			return ordered(strings.Compare(x, y)), nil
		}
	case time.Time:
		if y, ok := b.(time.Time); ok {
			return ordered(x.Compare(y)), nil
		}
	case int64:
		switch y := b.(type) {
		case int64:
			switch {
			case x < y:
				return less, nil
			case x > y:
				return more, nil
			}
			return same, nil
		case float64:
			return compareMixed(x, y), nil
		}
	case float64:
		switch y := b.(type) {
		case float64:
			return compareFloats(x, y), nil
		case int64:
			switch compareMixed(y, x) {
			case less:
				return more, nil
			case more:
				return less, nil
			case none:
				return none, nil
			}
			return same, nil
		}
	}
	return none, fmt.Errorf("a %s can't be compared with a %s", nameOf(a), nameOf(b))
}

func compareFloats(x, y float64) order {
	switch {
	case x < y:
		return less
	case x > y:
		return more
	case x == y:
		return same
	}
	return none
}

// compareMixed compares exactly: not every int is a double.
func compareMixed(x int64, y float64) order {
	switch {
	case math.IsNaN(y):
		return none
	case y >= 1<<63:
		return less
	case y < -1<<63:
		return more
	}
	whole := math.Trunc(y)
	switch i := int64(whole); {
	case x < i:
		return less
	case x > i:
		return more
	}
	return compareFloats(whole, y)
}

// within is the operator in.
func (s *scope) within(a, b any) (any, error) {
	switch b := b.(type) {
	case []any:
		return slices.ContainsFunc(b, func(v any) bool { return s.equal(a, v) }), nil
	case map[string]any:
		name, ok := a.(string)
		_, found := b[name]
		return ok && found, nil
	}
	return nil, fmt.Errorf("nothing is in a %s: want a list", nameOf(b))
}

// elements are what a loop runs over.
func elements(v any) ([]any, error) {
	switch v := v.(type) {
	case []any:
		values := make([]any, len(v))
		for i, one := range v {
			values[i] = fromJSON(one)
		}
		return values, nil
	case map[string]any:
		names := make([]any, 0, len(v))
		for name := range v {
			names = append(names, name)
		}
		slices.SortFunc(names, func(a, b any) int { return strings.Compare(a.(string), b.(string)) })
		return names, nil
	}
	return nil, fmt.Errorf("runs over a %s, want a list", nameOf(v))
}

// function is what can be called.
type function struct {
	args   int
	method bool // it may be called on a value, which is the first argument
	global bool // it may be called without one
	do     func(s *scope, args []any) (any, error)
}

var functions = sync.OnceValue(func() map[string]function {
	return map[string]function{
		"size":       {1, true, true, alone(size)},
		"startsWith": {2, true, false, texts(func(_ *scope, a, b string) (any, error) { return strings.HasPrefix(a, b), nil })},
		"endsWith":   {2, true, false, texts(func(_ *scope, a, b string) (any, error) { return strings.HasSuffix(a, b), nil })},
		"contains":   {2, true, false, texts(func(_ *scope, a, b string) (any, error) { return strings.Contains(a, b), nil })},
		"matches":    {2, true, true, texts(matches)},
		"int":        {1, false, true, alone(toInt)},
		"double":     {1, false, true, alone(toDouble)},
		"string":     {1, false, true, alone(toText)},
		"timestamp":  {1, false, true, alone(toTime)},
	}
})

// perStep is about how many characters are looked through in the time of a step.
const perStep = 32

func matches(s *scope, text, pattern string) (any, error) {
	size, err := patternSize(pattern)
	if err != nil {
		return nil, err
	}
	if err := s.spend(size + len(text)*size/perStep); err != nil {
		return nil, err
	}
	re, err := regexp.Compile(pattern)
	if err != nil {
		return nil, fmt.Errorf("%q is no regular expression", pattern)
	}
	return re.MatchString(text), nil
}

// maxPattern is how large a regular expression may be, repetitions written out.
const maxPattern = 1000

// patternSize is about how many instructions a regular expression has. Those with too many are refused: (.*.{30}){30} is short, and takes long.
func patternSize(pattern string) (int, error) {
	re, err := syntax.Parse(pattern, syntax.Perl)
	if err != nil {
		return 0, fmt.Errorf("%q is no regular expression", pattern)
	}
	size := sizeOf(re)
	if size > maxPattern {
		return 0, fmt.Errorf("%q is too large a regular expression: written out it has %d parts, want at most %d", pattern, size, maxPattern)
	}
	return size, nil
}

func sizeOf(re *syntax.Regexp) int {
	size := 1
	if re.Op == syntax.OpLiteral {
		size += len(re.Rune)
	}
	for _, sub := range re.Sub {
		size += sizeOf(sub)
	}
	if re.Op == syntax.OpRepeat {
		size *= max(re.Min, re.Max, 1)
	}
	return size
}

// alone is a function of one value, which takes about as long as the value is.
func alone(do func(v any) (any, error)) func(*scope, []any) (any, error) {
	return func(s *scope, args []any) (any, error) {
		if text, ok := args[0].(string); ok {
			if err := s.spend(len(text) / perStep); err != nil {
				return nil, err
			}
		}
		return do(args[0])
	}
}

// texts is a function of two texts.
func texts(do func(s *scope, a, b string) (any, error)) func(*scope, []any) (any, error) {
	return func(s *scope, args []any) (any, error) {
		a, okA := args[0].(string)
		b, okB := args[1].(string)
		if !okA || !okB {
			return nil, fmt.Errorf("of a %s and a %s, want two strings", nameOf(args[0]), nameOf(args[1]))
		}
		if err := s.spend((len(a) + len(b)) / perStep); err != nil {
			return nil, err
		}
		return do(s, a, b)
	}
}

func size(v any) (any, error) {
	switch v := v.(type) {
	case string:
		return int64(utf8.RuneCountInString(v)), nil
	case []any:
		return int64(len(v)), nil
	case map[string]any:
		return int64(len(v)), nil
	}
	return nil, fmt.Errorf("of a %s, want a string, list or map", nameOf(v))
}

func toInt(v any) (any, error) {
	switch v := v.(type) {
	case int64:
		return v, nil
	case float64:
		if t := math.Trunc(v); t > -1<<63 && t < 1<<63 {
			return int64(t), nil
		}
	case string:
		if i, err := strconv.ParseInt(v, 10, 64); err == nil {
			return i, nil
		}
	case time.Time:
		return v.Unix(), nil
	}
	return nil, unable(v, "int")
}

func toDouble(v any) (any, error) {
	switch v := v.(type) {
	case int64:
		return float64(v), nil
	case float64:
		return v, nil
	case string:
		if f, err := strconv.ParseFloat(v, 64); err == nil {
			return f, nil
		}
	}
	return nil, unable(v, "double")
}

func toText(v any) (any, error) {
	switch v := v.(type) {
	case string:
		return v, nil
	case bool:
		return strconv.FormatBool(v), nil
	case int64:
		return strconv.FormatInt(v, 10), nil
	case float64:
		return strconv.FormatFloat(v, 'g', -1, 64), nil
	case time.Time:
		return v.UTC().Format(time.RFC3339Nano), nil
	}
	return nil, unable(v, "string")
}

func toTime(v any) (any, error) {
	switch v := v.(type) {
	case time.Time:
		return v, nil
	case int64:
		return time.Unix(v, 0).UTC(), nil
	case string:
		if t, err := time.Parse(time.RFC3339Nano, v); err == nil {
			return t, nil
		}
	}
	return nil, unable(v, "timestamp")
}

// unable leaves the value out: it may be a person's.
func unable(v any, kind string) error {
	if _, ok := v.(string); ok {
		return errors.New("the text can't be read as " + kind)
	}
	return errors.New("a " + nameOf(v) + " can't be made a " + kind)
}
