package output

import (
	"bytes"
	"encoding/csv"
	"fmt"
	"io"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"unicode/utf8"
)

// csvWriter writes RFC 4180 with a heading, and with "\n" at the line ends as other tools of a shell do. No field holds JSON: objects and lists of them
// are a column for each value in them, a list of values is a record of its own in the field: with commas, and quotes where a value has one.
type csvWriter struct {
	w           io.Writer
	spreadsheet bool

	fields  []field
	missing []string // values that the heading, which was written with the first rows, has no column for
	without int      // rows that have such values
}

// field is a column of the file.
type field struct {
	name string
	text func(row any) string
	// Of columns that have what the first rows had: where their values are, and what they have.
	path []string
	tree *tree
}

// tree is what of a value has a column: the members of objects, the elements of lists that have any but scalars.
type tree struct {
	names    []string
	children map[string]*tree
	scalar   bool
}

// begin writes the heading.
func (c *csvWriter) begin(rows []any, columns []Column) error {
	if columns == nil {
		whole := &tree{}
		objects := true
		for _, row := range rows {
			_, ok := row.(object)
			objects = objects && ok
			whole.add(row)
		}
		if !objects {
			columns = []Column{{Name: "value"}}
		} else {
			c.fields = whole.fields(nil, "", nil)
		}
	}
	for _, column := range columns {
		c.fields = append(c.fields, fieldsOf(&column, rows)...)
	}
	if len(c.fields) == 0 {
		return nil
	}
	heading := make([]string, len(c.fields))
	for i, f := range c.fields {
		heading[i] = f.name
	}
	if c.spreadsheet {
		if _, err := io.WriteString(c.w, "\ufeff"); err != nil {
			return err
		}
	}
	return c.record(heading)
}

// fieldsOf are the columns of the file for one of the command.
func fieldsOf(c *Column, rows []any) []field {
	if len(c.Parts) > 0 {
		var fields []field
		for _, part := range c.Parts {
			name := c.Name
			if part.Name != "" {
				name += "." + part.Name
			}
			fields = append(fields, field{name: name, text: func(row any) string { return c.dressed(row, part.Text, flat, "") }})
		}
		return fields
	}
	if c.Path == "" && c.Text != nil {
		return []field{{name: c.Name, text: c.cell}}
	}
	if c.List {
		return []field{{name: c.Name, text: func(row any) string {
			v, several := at(row, c.path())
			if v == nil || several {
				return flat(v)
			}
			return flat([]any{v})
		}}}
	}
	values := &tree{}
	for _, row := range rows {
		v, _ := at(row, c.path())
		values.add(v)
	}
	if len(values.names) == 0 {
		values.scalar = true
	}
	return values.fields(c.path(), c.Name, nil)
}

// add takes the values of v in.
func (t *tree) add(v any) {
	child := func(name string, v any) {
		if t.children == nil {
			t.children = map[string]*tree{}
		}
		if t.children[name] == nil {
			t.children[name] = &tree{}
			t.names = append(t.names, name)
		}
		t.children[name].add(v)
	}
	switch v := v.(type) {
	case nil:
	case object:
		for _, m := range v {
			child(m.name, m.value)
		}
	case []any:
		if scalars(v) {
			t.scalar = t.scalar || len(v) > 0
			return
		}
		for i, e := range v {
			child(strconv.Itoa(i), e)
		}
	default:
		t.scalar = true
	}
}

// fields are the columns for the values below a path of the rows; the first of them looks out for values that have none.
func (t *tree) fields(root []string, name string, below []string) []field {
	var fields []field
	if len(below) > 0 || root != nil || name != "" {
		if t.scalar || len(t.names) == 0 {
			fields = append(fields, field{name: name, text: func(row any) string {
				v, _ := at(row, root)
				return flat(step(v, below))
			}})
		}
	}
	for _, n := range t.names {
		full := n
		if name != "" {
			full = name + "." + n
		}
		fields = append(fields, t.children[n].fields(root, full, append(slices.Clone(below), n))...)
	}
	if below == nil && len(fields) > 0 {
		fields[0].path, fields[0].tree = root, t
	}
	return fields
}

// step follows names of members and numbers of elements, nothing else.
func step(v any, path []string) any {
	for _, name := range path {
		switch w := v.(type) {
		case object:
			v, _ = w.get(name)
		case []any:
			n, err := strconv.Atoi(name)
			if err != nil || n >= len(w) {
				return nil
			}
			v = w[n]
		default:
			return nil
		}
	}
	return v
}

// lacks are the paths of the values of v that have no column.
func (t *tree) lacks(v any, path string) []string {
	child := func(name string, v any) []string {
		full := name
		if path != "" {
			full = path + "." + name
		}
		var below *tree
		if t != nil {
			below = t.children[name]
		}
		return below.lacks(v, full)
	}
	var missing []string
	switch v := v.(type) {
	case nil:
		return nil
	case object:
		for _, m := range v {
			missing = append(missing, child(m.name, m.value)...)
		}
		return missing
	case []any:
		if len(v) == 0 {
			return nil
		}
		if !scalars(v) {
			for i, e := range v {
				missing = append(missing, child(strconv.Itoa(i), e)...)
			}
			return missing
		}
	}
	if t != nil && (t.scalar || len(t.names) == 0) {
		return nil
	}
	return []string{path}
}

func scalars(list []any) bool {
	return !slices.ContainsFunc(list, func(e any) bool {
		switch e.(type) {
		case object, []any:
			return true
		}
		return false
	})
}

// flat is a value for a field: a scalar as it is, a list as a record of its own.
func flat(v any) string {
	switch v := v.(type) {
	case object: // which the heading knows nothing of, so that it is told
		return ""
	case []any:
		parts := make([]string, len(v))
		for i, e := range v {
			parts[i] = flat(e)
		}
		return record(parts)
	}
	return text(v)
}

// record are values in one field.
func record(values []string) string {
	var b strings.Builder
	w := csv.NewWriter(&b)
	_ = w.Write(values) // a builder takes everything
	w.Flush()
	return strings.TrimSuffix(b.String(), "\n")
}

// rows writes rows.
func (c *csvWriter) rows(rows []any) error {
	if len(c.fields) == 0 {
		return nil
	}
	values := make([]string, len(c.fields))
	for _, row := range rows {
		var missing []string
		for i, f := range c.fields {
			values[i] = f.text(row)
			if f.tree != nil {
				v, _ := at(row, f.path)
				missing = append(missing, f.tree.lacks(v, strings.Join(f.path, "."))...)
			}
		}
		if err := c.record(values); err != nil {
			return err
		}
		if len(missing) > 0 {
			c.without++
		}
		for _, path := range missing {
			if len(c.missing) < 5 && !slices.Contains(c.missing, path) {
				c.missing = append(c.missing, path)
			}
		}
	}
	return nil
}

// record writes a line.
func (c *csvWriter) record(values []string) error {
	if c.spreadsheet {
		values = slices.Clone(values)
		for i, v := range values {
			values[i] = Guard(v)
		}
	}
	var b bytes.Buffer
	if len(values) == 1 && values[0] == "" {
		b.WriteString("\"\"\n") // an empty line is none to those who read it
	} else {
		w := csv.NewWriter(&b)
		if err := w.Write(values); err != nil {
			return err
		}
		w.Flush()
	}
	line := b.Bytes()
	if c.spreadsheet { // by hand: the writer would change line ends within values, too
		line = append(line[:len(line)-1], "\r\n"...)
	}
	_, err := c.w.Write(line)
	return err
}

// end tells of values that were left out.
func (c *csvWriter) end() error {
	if c.without == 0 {
		return nil
	}
	return fmt.Errorf("CSV: values of %s have no column, since the heading was written with the first rows: %s; "+
		"name the columns with --columns, or take -o jsonl",
		Plural(c.without, "row"), strings.Join(c.missing, ", "))
}

var number = sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(`^[+-]?[0-9]+([.,][0-9]+)*([eE][+-]?[0-9]+)?$`) })

// Guard is a value of a CSV as spreadsheets may have it: a text that they would run as a formula gets an apostrophe before it, a number never. The
// first characters are those of OWASP's page on CSV injection (owasp.org/www-community/attacks/CSV_Injection), the wide forms included.
func Guard(value string) string {
	first, _ := utf8.DecodeRuneInString(value)
	if value == "" || !strings.ContainsRune("=+-@\t\r\n＝＋－＠", first) || number().MatchString(value) {
		return value
	}
	return "'" + value
}
