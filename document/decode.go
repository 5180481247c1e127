package document

import (
	"encoding"
	"encoding/json"
	"fmt"
	"iter"
	"math"
	"reflect"
	"strconv"
	"strings"
	"time"
)

// DecodeOptions say how cells become values. The zero value is ready for use.
type DecodeOptions struct {
	Time    TimeOptions
	Decimal byte // ',' where the marketplace writes a decimal comma; default '.'; see [ParseNumber]

	// Strict wants every column that the struct names; default: a missing column leaves its fields zero, as long as there is one at all.
	Strict bool
	// OnCell is told of each cell that does not fit its field, which stays zero. Default: such a cell ends the iteration.
	OnCell func(*CellError)
}

// CellError is a cell that does not fit the type of its field.
type CellError struct {
	Line   int64
	Column string
	Value  string // shortened
	Err    error
}

func (e *CellError) Error() string {
	return fmt.Sprintf("document: line %d, column %q: %v", e.Line, e.Column, e.Err)
}

// Unwrap returns what is wrong with the value.
func (e *CellError) Unwrap() error { return e.Err }

// ColumnError is a document that lacks columns of a struct.
type ColumnError struct {
	Missing [][]string // the names that were looked for, by field
	Found   []string   // the names that the document has
}

func (e *ColumnError) Error() string {
	missing := make([]string, len(e.Missing))
	for i, names := range e.Missing {
		missing[i] = strings.Join(names, "|")
	}
	found := e.Found
	if len(found) > 40 {
		found = append(found[:40:40], "…")
	}
	return fmt.Sprintf("document: no column %q; the document has %q", missing, found)
}

// Decode reads rows into structs. A field takes the column that its tag names, or the first of several names, as localised reports need
// them: `report:"order-id|Bestellnummer|注文番号"`; see [Header.Index]. Fields without a tag stay zero.
//
// Fields may be strings (as they stand), integers, floats, json.Number (see [ParseNumber]), bool, time.Time (see [ParseTime]), anything with UnmarshalText, and
// pointers to these, nil for an empty or missing cell. Empty cells leave fields zero. A struct type that has other tagged fields, or none, is an error.
//
// Iteration ends after an error: those of [Rows.All], [*ColumnError], [*CellError].
func Decode[T any](rows *Rows, options DecodeOptions) iter.Seq2[T, error] {
	return func(yield func(T, error) bool) {
		var zero T
		header, err := rows.Header()
		if err != nil {
			yield(zero, err)
			return
		}
		plan, err := newPlan(reflect.TypeFor[T](), header, &options)
		if err != nil {
			yield(zero, err)
			return
		}
		for row, err := range rows.All() {
			var v T
			if err == nil {
				err = plan.decode(reflect.ValueOf(&v).Elem(), row)
			}
			if err != nil {
				v = zero
			}
			if !yield(v, err) || err != nil {
				return
			}
		}
	}
}

type plan struct {
	fields  []planField
	options *DecodeOptions
}

type planField struct {
	index  []int
	column int
	name   string
	set    func(reflect.Value, string) error
}

func newPlan(t reflect.Type, header *Header, options *DecodeOptions) (*plan, error) {
	if t.Kind() != reflect.Struct {
		return nil, fmt.Errorf("document: rows can be decoded into structs, not into %s", t)
	}
	p := &plan{options: options}
	var missing [][]string
	tagged := 0
	for _, f := range reflect.VisibleFields(t) {
		tag := f.Tag.Get("report")
		if tag == "" || tag == "-" {
			continue
		}
		tagged++
		if !f.IsExported() || throughPointer(t, f.Index) {
			return nil, fmt.Errorf("document: field %s.%s has a report tag but cannot be set: it must be exported, and embedded structs must not be pointers", t, f.Name)
		}
		set := setter(f.Type, options)
		if set == nil {
			return nil, fmt.Errorf("document: field %s.%s: a cell cannot become a %s; use string, a number, bool, time.Time or a type with UnmarshalText", t, f.Name, f.Type)
		}
		names := strings.Split(tag, "|")
		column := header.Index(names...)
		if column < 0 {
			missing = append(missing, names)
			continue
		}
		p.fields = append(p.fields, planField{f.Index, column, header.unique[column], set})
	}
	switch {
	case tagged == 0:
		return nil, fmt.Errorf(`document: %s has no field with a report tag, such as report:"order-id"`, t)
	case header.Len() == 0: // an empty document has neither columns nor rows to miss them
	case len(missing) > 0 && (options.Strict || len(p.fields) == 0):
		return nil, &ColumnError{Missing: missing, Found: header.Unique()}
	}
	return p, nil
}

func throughPointer(t reflect.Type, index []int) bool {
	for _, i := range index[:len(index)-1] {
		if t = t.Field(i).Type; t.Kind() != reflect.Struct {
			return true
		}
	}
	return false
}

func (p *plan) decode(v reflect.Value, row Row) error {
	// One copy of the row holds all strings that are cut from it.
	text := string(row.data)
	for i := range p.fields {
		f := &p.fields[i]
		if f.column >= len(row.spans) {
			continue
		}
		s := row.spans[f.column]
		if s.from == s.to {
			continue
		}
		cell := text[s.from:s.to]
		if err := f.set(v.FieldByIndex(f.index), cell); err != nil {
			e := &CellError{Line: row.line, Column: f.name, Value: clip(cell), Err: err}
			if p.options.OnCell == nil {
				return e
			}
			v.FieldByIndex(f.index).SetZero()
			p.options.OnCell(e)
		}
	}
	return nil
}

var (
	timeType        = reflect.TypeFor[time.Time]()
	numberType      = reflect.TypeFor[json.Number]()
	unmarshalerType = reflect.TypeFor[encoding.TextUnmarshaler]()
)

// setter returns what puts a cell that is not empty into a value of the type, nil if that cannot be done.
func setter(t reflect.Type, options *DecodeOptions) func(reflect.Value, string) error {
	number := func(s string) (string, error) { return ParseNumber(s, options.Decimal) }
	switch {
	case t == timeType:
		parser := NewTimeParser(options.Time)
		return blankIsZero(func(v reflect.Value, s string) error {
			at, err := parser.Parse(s)
			v.Set(reflect.ValueOf(at))
			return err
		})
	case t == numberType:
		return blankIsZero(func(v reflect.Value, s string) error {
			n, err := number(s)
			v.SetString(n)
			return err
		})
	case reflect.PointerTo(t).Implements(unmarshalerType):
		return func(v reflect.Value, s string) error {
			return v.Addr().Interface().(encoding.TextUnmarshaler).UnmarshalText([]byte(s))
		}
	}
	switch t.Kind() {
	case reflect.String:
		return func(v reflect.Value, s string) error {
			v.SetString(s)
			return nil
		}
	case reflect.Bool:
		return blankIsZero(func(v reflect.Value, s string) error {
			b, err := ParseBool(s)
			v.SetBool(b)
			return err
		})
	case reflect.Int, reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64:
		return blankIsZero(func(v reflect.Value, s string) error {
			n, err := number(s)
			if err != nil {
				return err
			}
			i, err := strconv.ParseInt(withoutZeros(n), 10, 64)
			if err != nil || v.OverflowInt(i) {
				return fmt.Errorf("%q is not an integer that fits %s", clip(s), t)
			}
			v.SetInt(i)
			return nil
		})
	case reflect.Uint, reflect.Uint8, reflect.Uint16, reflect.Uint32, reflect.Uint64:
		return blankIsZero(func(v reflect.Value, s string) error {
			n, err := number(s)
			if err != nil {
				return err
			}
			i, err := strconv.ParseUint(withoutZeros(n), 10, 64)
			if err != nil || v.OverflowUint(i) {
				return fmt.Errorf("%q is not an integer that fits %s", clip(s), t)
			}
			v.SetUint(i)
			return nil
		})
	case reflect.Float32, reflect.Float64:
		return blankIsZero(func(v reflect.Value, s string) error {
			n, err := number(s)
			if err != nil {
				return err
			}
			f, err := strconv.ParseFloat(n, 64)
			if err != nil || math.IsInf(f, 0) || v.OverflowFloat(f) {
				return fmt.Errorf("%q does not fit %s", clip(s), t)
			}
			v.SetFloat(f)
			return nil
		})
	case reflect.Pointer:
		inner := setter(t.Elem(), options)
		if inner == nil || t.Elem().Kind() == reflect.Pointer {
			return nil
		}
		blank := t.Elem().Kind() != reflect.String || t.Elem() == numberType
		return func(v reflect.Value, s string) error {
			if blank && strings.TrimSpace(s) == "" {
				return nil
			}
			p := reflect.New(t.Elem())
			if err := inner(p.Elem(), s); err != nil {
				return err
			}
			v.Set(p)
			return nil
		}
	}
	return nil
}

// blankIsZero leaves fields alone whose cell holds nothing but spaces.
func blankIsZero(set func(reflect.Value, string) error) func(reflect.Value, string) error {
	return func(v reflect.Value, s string) error {
		if strings.TrimSpace(s) == "" {
			return nil
		}
		return set(v, s)
	}
}

// withoutZeros makes "3.00" an integer, as some reports write quantities.
func withoutZeros(n string) string {
	if whole, fraction, ok := strings.Cut(n, "."); ok && strings.Trim(fraction, "0") == "" {
		return whole
	}
	return n
}

// ParseBool reads the flags of reports: true and false, Y and N, yes and no in the languages that were met, 1 and 0.
func ParseBool(s string) (bool, error) {
	switch strings.ToLower(strings.TrimSpace(s)) {
	case "true", "t", "y", "yes", "1", "ja", "oui", "sí", "si", "sì", "はい":
		return true, nil
	case "false", "f", "n", "no", "0", "nein", "non", "いいえ":
		return false, nil
	}
	return false, fmt.Errorf("%q is neither true nor false", clip(s))
}
