// Package format reads and writes JSON and times in Amazon's spellings.
package format

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"math"
	"slices"
	"strconv"
	"time"
)

// Whole reads a whole number of a JSON body.
func Whole(v any) (int, bool) {
	switch v := v.(type) {
	case json.Number:
		n, err := strconv.Atoi(NormalNumber(v, "integer"))
		return n, err == nil
	case string: // read from strings, too
		n, err := strconv.Atoi(v)
		return n, err == nil
	}
	return 0, false
}

// SortedKeys yields the keys of m in order, so that of several mistakes the same one is reported each time.
func SortedKeys[V any](m map[string]V) func(yield func(string) bool) {
	return func(yield func(string) bool) {
		keys := make([]string, 0, len(m))
		for k := range m {
			keys = append(keys, k)
		}
		slices.Sort(keys)
		for _, k := range keys {
			if !yield(k) {
				return
			}
		}
	}
}

// DecodeJSON decodes one JSON value, keeping numbers as they are spelled.
func DecodeJSON(b []byte) (any, error) {
	dec := json.NewDecoder(bytes.NewReader(b))
	dec.UseNumber()
	var v any
	if err := dec.Decode(&v); err != nil {
		return nil, err
	}
	if _, err := dec.Token(); err != io.EOF {
		return nil, fmt.Errorf("something follows the JSON value, at byte %d", dec.InputOffset())
	}
	return v, nil
}

// ParseTime reads the ISO 8601 spellings that SP-API takes.
func ParseTime(text string) (time.Time, bool) {
	for _, layout := range []string{
		time.RFC3339Nano, "2006-01-02T15:04:05.999999999Z0700", "2006-01-02T15:04Z07:00",
		"2006-01-02T15:04:05.999999999", "2006-01-02T15:04", "2006-01-02", "20060102T150405Z",
	} {
		if t, err := time.Parse(layout, text); err == nil {
			return t.UTC(), true
		}
	}
	return time.Time{}, false
}

// NormalNumber spells whole numbers without fraction and exponent: 50.0 is an integer in JSON.
func NormalNumber(n json.Number, kind string) string {
	if f, err := n.Float64(); err == nil && kind == "integer" && f == math.Trunc(f) && math.Abs(f) < 1<<53 {
		return strconv.FormatInt(int64(f), 10)
	}
	return n.String()
}

func Member(v any, name string) string {
	m, _ := v.(map[string]any)
	s, _ := m[name].(string)
	return s
}

// Latest is the later of two times.
func Latest(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}

// Earliest is the earlier of two times.
func Earliest(a, b time.Time) time.Time {
	if a.Before(b) {
		return a
	}
	return b
}

// Timestamp is the spelling of times in SP-API bodies, to the second.
func Timestamp(t time.Time) string { return t.UTC().Format(time.RFC3339) } // the layout for which package time has a short cut

// Millis spells a time with thousandths of seconds, as notifications and some APIs do.
func Millis(t time.Time) string { return t.UTC().Format("2006-01-02T15:04:05.000Z") }

// List is v if it is a list; nil otherwise.
func List(v any) []any {
	list, _ := v.([]any)
	return list
}

// Atoi reads a whole number that has been checked before; what is none is 0.
func Atoi(text string) int {
	n, _ := strconv.Atoi(text)
	return n
}

// Number writes a number without an exponent and without needless digits.
func Number(f float64) string { return strconv.FormatFloat(f, 'f', -1, 64) }

// Read reads a body that has been decoded and checked into a Go value.
func Read(v, into any) error {
	b, err := json.Marshal(v)
	if err != nil {
		return err
	}
	return json.Unmarshal(b, into)
}

// Float reads a number that has been checked before; what is none is 0.
func Float(n json.Number) float64 {
	f, _ := n.Float64()
	return f
}
