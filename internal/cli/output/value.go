package output

import (
	"bytes"
	"encoding/json"
	"io"
	"strconv"
	"strings"
)

// object is a JSON object that keeps the order of its members. Other values are those of encoding/json with UseNumber.
type object []member

type member struct {
	name  string
	value any
}

func (o object) get(name string) (any, bool) {
	for _, m := range o {
		if m.name == name {
			return m.value, true
		}
	}
	return nil, false
}

// appendJSON writes a value that was read from JSON, with its members in their order.
func appendJSON(b []byte, v any) []byte {
	switch v := v.(type) {
	case object:
		b = append(b, '{')
		for i, m := range v {
			if i > 0 {
				b = append(b, ',')
			}
			b = append(appendJSON(b, m.name), ':')
			b = appendJSON(b, m.value)
		}
		return append(b, '}')
	case []any:
		b = append(b, '[')
		for i, e := range v {
			if i > 0 {
				b = append(b, ',')
			}
			b = appendJSON(b, e)
		}
		return append(b, ']')
	}
	raw, _ := encode(v) // a scalar can be encoded
	return append(b, raw...)
}

// encode is v as compact JSON without HTML escapes: "&" in URLs stays readable.
func encode(v any) ([]byte, error) {
	if raw, ok := v.(json.RawMessage); ok {
		var b bytes.Buffer
		if err := json.Compact(&b, raw); err != nil {
			return nil, err
		}
		return b.Bytes(), nil
	}
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if err := e.Encode(v); err != nil {
		return nil, err
	}
	return bytes.TrimSuffix(b.Bytes(), []byte("\n")), nil
}

// ordered reads JSON that encode wrote.
func ordered(text []byte) (any, error) {
	d := json.NewDecoder(bytes.NewReader(text))
	d.UseNumber()
	return next(d)
}

func next(d *json.Decoder) (any, error) {
	token, err := d.Token()
	if err != nil {
		return nil, err
	}
	switch token {
	case json.Delim('{'):
		o := object{}
		for d.More() {
			name, err := d.Token()
			if err != nil {
				return nil, err
			}
			value, err := next(d)
			if err != nil {
				return nil, err
			}
			o = append(o, member{name.(string), value})
		}
		_, err := d.Token()
		return o, err
	case json.Delim('['):
		list := []any{}
		for d.More() {
			value, err := next(d)
			if err != nil {
				return nil, err
			}
			list = append(list, value)
		}
		_, err := d.Token()
		return list, err
	}
	return token, nil
}

// at follows a path; see [Column]. Several tells that v are the values of several elements of a list.
func at(v any, path []string) (_ any, several bool) {
	for i, name := range path {
		if list, ok := v.([]any); ok {
			if n, err := strconv.Atoi(name); err == nil {
				if n < 0 || n >= len(list) {
					return nil, false
				}
				v = list[n]
				continue
			}
			if len(list) != 1 {
				return each(list, path[i:])
			}
			v = list[0]
		}
		o, ok := v.(object)
		if !ok {
			return nil, false
		}
		if v, ok = o.get(name); !ok {
			return nil, false
		}
	}
	return v, false
}

// each are the values at a path of all elements, nil where no element has one.
func each(list []any, path []string) (any, bool) {
	values := make([]any, len(list))
	found := false
	for i, e := range list {
		values[i], _ = at(e, path)
		found = found || values[i] != nil
	}
	if !found {
		return nil, false
	}
	return values, true
}

// text is a value for a table's cell: scalars as they are, lists of scalars with commas, all else as compact JSON.
func text(v any) string {
	switch v := v.(type) {
	case nil:
		return ""
	case string:
		return v
	case json.Number:
		return v.String()
	case bool:
		return strconv.FormatBool(v)
	case []any:
		parts := make([]string, len(v))
		for i, e := range v {
			switch e.(type) {
			case object, []any:
				return string(appendJSON(nil, v))
			}
			parts[i] = text(e)
		}
		return strings.Join(parts, ", ")
	}
	return string(appendJSON(nil, v))
}

// elements are the rows of a list, or the value as the only one.
func elements(v any) []any {
	if list, ok := v.([]any); ok {
		return list
	}
	return []any{v}
}

// WriteJSON writes v on one line.
func WriteJSON(w io.Writer, v any) error {
	b, err := encode(v)
	if err != nil {
		return err
	}
	_, err = w.Write(append(b, '\n'))
	return err
}
