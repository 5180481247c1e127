package wire

import (
	"bytes"
	"encoding/json"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"sync"
	"time"
)

// FormatTime writes a time as SP-API wants it: in UTC, with three digits of a second's fraction or none. Longer fractions are cut
// (developer-docs.amazon.com/sp-api/docs/iso-8601 has yyyy-MM-ddTHH:mm:ss.sssZ). Offsets are in that page too, but Orders refuses them
// (amzn/selling-partner-api-models#1380, #2687).
func FormatTime(t time.Time) string {
	t = t.UTC()
	if t.Nanosecond() < int(time.Millisecond) {
		return t.Format("2006-01-02T15:04:05Z")
	}
	return t.Format("2006-01-02T15:04:05.000Z") // cuts, doesn't round
}

// encodeJSON is json.Marshal without HTML escapes, so that a title with "&" goes out as it was written, and with times as [FormatTime] has them.
func encodeJSON(v any) ([]byte, error) {
	var b bytes.Buffer
	if err := appendJSON(&b, reflect.ValueOf(v)); err != nil {
		return nil, err
	}
	return b.Bytes(), nil
}

var timeType = reflect.TypeFor[time.Time]()

// timed remembers of types whether their values can hold a time.
var timed sync.Map // by reflect.Type

func holdsTime(t reflect.Type) bool {
	if known, ok := timed.Load(t); ok {
		return known.(bool)
	}
	holds := findTime(t, map[reflect.Type]bool{})
	timed.Store(t, holds)
	return holds
}

func findTime(t reflect.Type, seen map[reflect.Type]bool) bool {
	if t == timeType || t.Kind() == reflect.Interface {
		return true
	}
	if seen[t] || t.Kind() != reflect.Pointer && t.Implements(reflect.TypeFor[json.Marshaler]()) {
		return false
	}
	seen[t] = true
	switch t.Kind() {
	case reflect.Pointer, reflect.Slice, reflect.Array, reflect.Map:
		return findTime(t.Elem(), seen)
	case reflect.Struct:
		for i := range t.NumField() {
			if f := t.Field(i); f.IsExported() && f.Tag.Get("json") != "-" && findTime(f.Type, seen) {
				return true
			}
		}
	}
	return false
}

// appendJSON writes what can hold a time by itself, and leaves all else to encoding/json.
func appendJSON(b *bytes.Buffer, v reflect.Value) error {
	if !v.IsValid() || !holdsTime(v.Type()) {
		return appendPlain(b, v)
	}
	switch v.Kind() {
	case reflect.Pointer, reflect.Interface:
		if !v.IsNil() {
			return appendJSON(b, v.Elem())
		}
	case reflect.Slice, reflect.Array:
		if v.Kind() == reflect.Array || !v.IsNil() {
			return appendList(b, v)
		}
	case reflect.Map:
		if !v.IsNil() && v.Type().Key().Kind() == reflect.String {
			return appendMap(b, v)
		}
	case reflect.Struct:
		if t, ok := v.Interface().(time.Time); ok {
			if y := t.UTC().Year(); y < 0 || y > 9999 {
				return fmt.Errorf("the year %d has no place in a time", y)
			}
			b.WriteString(`"` + FormatTime(t) + `"`)
			return nil
		}
		return appendStruct(b, v)
	}
	return appendPlain(b, v)
}

// Marshal is json.Marshal without HTML escapes.
func Marshal(v any) ([]byte, error) {
	var b bytes.Buffer
	if err := appendPlain(&b, reflect.ValueOf(v)); err != nil {
		return nil, err
	}
	return b.Bytes(), nil
}

func appendPlain(b *bytes.Buffer, v reflect.Value) error {
	var plain any
	if v.IsValid() {
		plain = v.Interface()
	}
	enc := json.NewEncoder(b)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(plain); err != nil {
		return err
	}
	b.Truncate(b.Len() - 1) // the line end
	return nil
}

func appendList(b *bytes.Buffer, v reflect.Value) error {
	b.WriteByte('[')
	for i := range v.Len() {
		if i > 0 {
			b.WriteByte(',')
		}
		if err := appendJSON(b, v.Index(i)); err != nil {
			return err
		}
	}
	b.WriteByte(']')
	return nil
}

func appendMap(b *bytes.Buffer, v reflect.Value) error {
	keys := v.MapKeys()
	slices.SortFunc(keys, func(a, b reflect.Value) int { return strings.Compare(a.String(), b.String()) })
	b.WriteByte('{')
	for i, key := range keys {
		if i > 0 {
			b.WriteByte(',')
		}
		if err := appendMember(b, key.String(), v.MapIndex(key)); err != nil {
			return err
		}
	}
	b.WriteByte('}')
	return nil
}

// appendStruct writes a struct as generated code has them: each field has a tag, with omitzero or nothing behind the name, and none is embedded.
func appendStruct(b *bytes.Buffer, v reflect.Value) error {
	b.WriteByte('{')
	first := true
	for i := range v.NumField() {
		f := v.Type().Field(i)
		name, options, _ := strings.Cut(f.Tag.Get("json"), ",")
		if !f.IsExported() || name == "-" || options == "omitzero" && isZero(v.Field(i)) {
			continue
		}
		if name == "" {
			name = f.Name
		}
		if !first {
			b.WriteByte(',')
		}
		first = false
		if err := appendMember(b, name, v.Field(i)); err != nil {
			return err
		}
	}
	b.WriteByte('}')
	return nil
}

func isZero(v reflect.Value) bool {
	if z, ok := v.Interface().(interface{ IsZero() bool }); ok && (v.Kind() != reflect.Pointer || !v.IsNil()) {
		return z.IsZero()
	}
	return v.IsZero()
}

func appendMember(b *bytes.Buffer, name string, v reflect.Value) error {
	if err := appendPlain(b, reflect.ValueOf(name)); err != nil {
		return err
	}
	b.WriteByte(':')
	return appendJSON(b, v)
}
