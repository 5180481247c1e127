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
	line        recorder
	list        recorder // of values in one field

	fields  []field
	missing []string // values that the heading, which was written with the first rows, has no column for
	without int      // rows that have such values
}

// field is a column of the file.
type field struct {
	name string
	text func(row Value) string
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
func (c *csvWriter) begin(rows []Value, columns []Column) error {
	if columns == nil {
		whole := &tree{}
		objects := true
		for _, row := range rows {
			objects = objects && row.Kind() == Object
			whole.add(row)
		}
		if !objects {
			columns = []Column{{Name: "value"}}
		} else {
			c.fields = c.fieldsOfTree(whole, nil, "", nil)
		}
	}
	for _, column := range columns {
		c.fields = append(c.fields, c.fieldsOf(&column, rows)...)
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
func (c *csvWriter) fieldsOf(column *Column, rows []Value) []field {
	if len(column.Parts) > 0 {
		var fields []field
		for _, part := range column.Parts {
			name := column.Name
			if part.Name != "" {
				name += "." + part.Name
			}
			fields = append(fields, field{name: name, text: func(row Value) string {
				v, several := row.follow(column.path())
				switch {
				case part.Text == nil:
					return c.flat(v)
				case !several:
					return part.Text(v)
				}
				return c.list.field(func(texts []string) []string { return dressed(v, part.Text, texts) })
			}})
		}
		return fields
	}
	if column.Path == "" && column.Text != nil {
		return []field{{name: column.Name, text: column.cell}}
	}
	if column.List {
		return []field{{name: column.Name, text: func(row Value) string {
			v, several := row.follow(column.path())
			if v.Kind() == Nothing || several {
				return c.flat(v)
			}
			return c.list.field(func(texts []string) []string { return append(texts, c.flat(v)) })
		}}}
	}
	values := &tree{}
	for _, row := range rows {
		v, _ := row.follow(column.path())
		values.add(v)
	}
	if len(values.names) == 0 {
		values.scalar = true
	}
	return c.fieldsOfTree(values, column.path(), column.Name, nil)
}

// add takes the values of v in.
func (t *tree) add(v Value) {
	child := func(name string, v Value) {
		if t.children == nil {
			t.children = map[string]*tree{}
		}
		if t.children[name] == nil {
			t.children[name] = &tree{}
			t.names = append(t.names, name)
		}
		t.children[name].add(v)
	}
	switch v.Kind() {
	case Nothing:
	case Object:
		for name, m := range v.Members() {
			child(name, m)
		}
	case Array:
		if v.scalars() {
			t.scalar = t.scalar || v.Len() > 0
			return
		}
		i := 0
		for e := range v.Elements() {
			child(strconv.Itoa(i), e)
			i++
		}
	default:
		t.scalar = true
	}
}

// fieldsOfTree are the columns for the values below a path of the rows; the first of them looks out for values that have none.
func (c *csvWriter) fieldsOfTree(t *tree, root []string, name string, below []string) []field {
	var fields []field
	if len(below) > 0 || root != nil || name != "" {
		if t.scalar || len(t.names) == 0 {
			fields = append(fields, field{name: name, text: func(row Value) string {
				v, _ := row.follow(root)
				return c.flat(v.step(below))
			}})
		}
	}
	for _, n := range t.names {
		full := n
		if name != "" {
			full = name + "." + n
		}
		fields = append(fields, c.fieldsOfTree(t.children[n], root, full, append(slices.Clone(below), n))...)
	}
	if below == nil && len(fields) > 0 {
		fields[0].path, fields[0].tree = root, t
	}
	return fields
}

// step follows names of members and numbers of elements, nothing else.
func (v Value) step(path []string) Value {
	for _, name := range path {
		switch v.Kind() {
		case Object:
			v = v.Member(name)
		case Array:
			n, ok := position(name)
			if !ok {
				return Value{}
			}
			v, _ = v.element(n)
		default:
			return Value{}
		}
	}
	return v
}

// holds reports whether all values of v have a column.
func (t *tree) holds(v Value) bool {
	switch v.Kind() {
	case Nothing:
		return true
	case Object:
		for m, end := v.first(), v.end(); m.at < end; m = m.next() {
			if !t.child(m.name()).holds(m) {
				return false
			}
		}
		return true
	case Array:
		if v.Len() == 0 {
			return true
		}
		if !v.scalars() {
			i := 0
			for e, end := v.first(), v.end(); e.at < end; e = e.next() {
				if !t.child(strconv.Itoa(i)).holds(e) {
					return false
				}
				i++
			}
			return true
		}
	}
	return t != nil && (t.scalar || len(t.names) == 0)
}

func (t *tree) child(name string) *tree {
	if t == nil {
		return nil
	}
	return t.children[name]
}

// lacks are the paths of the values of v that have no column.
func (t *tree) lacks(v Value, path string) []string {
	below := func(name string, v Value) []string {
		full := name
		if path != "" {
			full = path + "." + name
		}
		return t.child(name).lacks(v, full)
	}
	var missing []string
	switch {
	case t.holds(v):
	case v.Kind() == Object:
		for name, m := range v.Members() {
			missing = append(missing, below(name, m)...)
		}
	case v.Kind() == Array && !v.scalars():
		i := 0
		for e := range v.Elements() {
			missing = append(missing, below(strconv.Itoa(i), e)...)
			i++
		}
	default:
		missing = []string{path}
	}
	return missing
}

// flat is a value for a field: a scalar as it is, a list as a record of its own. An object is empty: the heading knows nothing of it, which is told.
func (c *csvWriter) flat(v Value) string {
	if v.Kind() != Array {
		return v.Text()
	}
	return c.list.field(func(texts []string) []string {
		for e, end := v.first(), v.end(); e.at < end; e = e.next() {
			texts = append(texts, c.flat(e))
		}
		return texts
	})
}

// recorder writes records of a CSV.
type recorder struct {
	b     bytes.Buffer
	w     *csv.Writer
	texts []string
}

// record is a record with its line end, valid until the next one.
func (r *recorder) record(values []string) []byte {
	if r.w == nil {
		r.w = csv.NewWriter(&r.b)
	}
	r.b.Reset()
	_ = r.w.Write(values) // a buffer takes everything
	r.w.Flush()
	return r.b.Bytes()
}

// field is a record in one field, of the values that a function adds to a list, which may make such fields itself.
func (r *recorder) field(add func(texts []string) []string) string {
	texts := r.texts
	r.texts = nil
	texts = add(texts[:0])
	line := r.record(texts)
	r.texts = texts
	return string(line[:len(line)-1])
}

// rows writes rows.
func (c *csvWriter) rows(rows []Value) error {
	if len(c.fields) == 0 {
		return nil
	}
	values := make([]string, len(c.fields))
	for _, row := range rows {
		read := len(row.in.nodes)
		var missing []string
		for i, f := range c.fields {
			values[i] = f.text(row)
			if f.tree == nil {
				continue
			}
			if v, _ := row.follow(f.path); !f.tree.holds(v) {
				missing = append(missing, f.tree.lacks(v, strings.Join(f.path, "."))...)
			}
		}
		row.in.forget(read)
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
	var line []byte
	if len(values) == 1 && values[0] == "" {
		line = []byte("\"\"\n") // an empty line is none to those who read it
	} else {
		line = c.line.record(values)
	}
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
