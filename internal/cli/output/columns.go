package output

import (
	"encoding/json"
	"fmt"
	"reflect"
	"slices"
	"strconv"
	"strings"

	"github.com/openspapi/spapi/internal/cli/exit"
)

// Check finds, before anything is sent, columns of --columns that rows of a type cannot have.
func (p *Printer) Check(row reflect.Type, columns ...Column) error {
	return p.check(columns, func(path []string) bool { return typeHas(row, path) }, typeMembers(row))
}

// CheckPaths is Check for rows of which another one knows what they can have, and their members.
func (p *Printer) CheckPaths(has func(path []string) bool, members []string) error {
	return p.check(nil, has, members)
}

func (p *Printer) check(columns []Column, has func(path []string) bool, members []string) error {
	if _, err := p.choose(columns, has, members); err != nil {
		return &exit.UsageError{Err: err}
	}
	return nil
}

// chosen are the columns of --columns for rows, those given where there is no such flag. A path that no row has is an error, as long as there are
// rows.
func (p *Printer) chosen(row reflect.Type, columns []Column, rows []Value) ([]Column, error) {
	return p.choose(columns, func(path []string) bool {
		found := len(rows) == 0 || row != nil && !opaque(row) && typeHas(row, path) || p.Has != nil && p.Has(path)
		for _, r := range rows {
			v, _ := r.follow(path)
			found = found || v.Kind() != Nothing
		}
		return found
	}, membersOf(rows))
}

func (p *Printer) choose(columns []Column, has func(path []string) bool, members []string) ([]Column, error) {
	if len(p.Flags.Columns) == 0 {
		return columns, nil
	}
	var chosen []Column
	for _, name := range p.Flags.Columns {
		c, own := called(name, columns)
		if !own && (name == "" || !has(strings.Split(name, "."))) {
			return nil, unknown(name, columns, has, members)
		}
		c.Spare, c.Wide = 0, false // it is wanted
		chosen = append(chosen, c)
	}
	return chosen, nil
}

// called is the column with a name that a heading has, that of a CSV as well: total, total.amount. Otherwise it is that of a path.
func called(name string, columns []Column) (_ Column, own bool) {
	for _, c := range columns {
		if spelled(c.Name) == spelled(name) {
			return c, true
		}
		for _, part := range c.Parts {
			if full := c.Name + "." + part.Name; part.Name != "" && spelled(full) == spelled(name) {
				c.Name, c.Text, c.Parts = full, part.Text, []Part{{Text: part.Text}}
				return c, true
			}
		}
	}
	return Column{Name: name, Path: name}, false
}

// spelled lets names be written with dashes, and in any case.
func spelled(name string) string { return strings.ToLower(strings.ReplaceAll(name, " ", "-")) }

func unknown(name string, columns []Column, has func(path []string) bool, members []string) error {
	path := strings.Split(name, ".")
	for n := len(path) - 1; n > 0; n-- {
		if path[n] != "" && has(path[:n]) {
			return fmt.Errorf("--columns %q: the rows have %s, but no %s in it", name, strings.Join(path[:n], "."), path[n])
		}
	}
	var want []string
	for _, c := range columns {
		want = append(want, spelled(c.Name))
	}
	var paths string
	if len(members) > 0 {
		paths = "a path in the JSON that begins with " + OneOf(members)
		if len(want) > 0 {
			paths = ", or " + paths
		}
	}
	return fmt.Errorf("--columns %q: there is no such column: want %s%s", name, strings.Join(want, ", "), paths)
}

func membersOf(rows []Value) []string {
	var names []string
	for _, row := range rows {
		for name := range row.Members() {
			if !slices.Contains(names, name) {
				names = append(names, name)
			}
		}
	}
	return names
}

// bareType is a type without pointers.
func bareType(t reflect.Type) reflect.Type {
	for t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	return t
}

// opaque tells of types of which nothing is known about their JSON.
func opaque(t reflect.Type) bool {
	switch t = bareType(t); t.Kind() {
	case reflect.Interface, reflect.Map:
		return true
	case reflect.Slice:
		return t == reflect.TypeFor[json.RawMessage]() || opaque(t.Elem())
	}
	return false
}

// typeHas reports whether the JSON of a type can have a value at a path.
func typeHas(t reflect.Type, path []string) bool {
	t = bareType(t)
	if len(path) == 0 || opaque(t) && t.Kind() != reflect.Slice || t == reflect.TypeFor[json.RawMessage]() {
		return true
	}
	switch t.Kind() {
	case reflect.Slice, reflect.Array:
		if _, err := strconv.Atoi(path[0]); err == nil {
			path = path[1:]
		}
		return typeHas(t.Elem(), path)
	case reflect.Struct:
		for _, f := range reflect.VisibleFields(t) {
			if jsonName(f) == path[0] {
				return typeHas(f.Type, path[1:])
			}
		}
	}
	return false
}

func typeMembers(t reflect.Type) []string {
	if t = bareType(t); t.Kind() != reflect.Struct {
		return nil
	}
	var names []string
	for _, f := range reflect.VisibleFields(t) {
		if name := jsonName(f); name != "" {
			names = append(names, name)
		}
	}
	return names
}

// jsonName is the name under which encoding/json writes a field, "" if it doesn't.
func jsonName(f reflect.StructField) string {
	tag, _, _ := strings.Cut(f.Tag.Get("json"), ",")
	switch {
	case tag == "-" || !f.IsExported() || f.Anonymous && tag == "":
		return ""
	case tag == "":
		return f.Name
	}
	return tag
}

// columnsOf are the members that rows have; rows that are no objects have one column.
func columnsOf(rows []Value) []Column {
	for _, row := range rows {
		if row.Kind() != Object {
			return []Column{{Name: "value"}}
		}
	}
	var columns []Column
	for i, name := range membersOf(rows) {
		columns = append(columns, Column{Name: name, steps: []string{name}, Long: true, Spare: i})
	}
	return columns
}

// path is where the field of a column is.
func (c *Column) path() []string {
	if c.steps == nil && c.Path != "" {
		c.steps = strings.Split(c.Path, ".")
	}
	return c.steps
}

// cell is the text of the field in a table.
func (c *Column) cell(row Value) string {
	v, several := row.follow(c.path())
	if c.Text == nil {
		return v.text()
	}
	if !several {
		return c.Text(v)
	}
	return strings.Join(dressed(v, c.Text, nil), ", ")
}

// dressed are the texts of the elements of a list.
func dressed(list Value, dress func(Value) string, texts []string) []string {
	for e := range list.Elements() {
		texts = append(texts, dress(e))
	}
	return texts
}
