package output

import (
	"bytes"
	"encoding/csv"
	"encoding/json"
	"fmt"
	"io"
	"math/rand/v2"
	"slices"
	"strconv"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/openspapi/spapi/internal/cli/terminal"
)

// What rows are is said here a second time, slowly: with encoding/json's tokens, and a value of its own for each.

type slowObject []slowMember

type slowMember struct {
	name  string
	value any
}

func slowValue(t *testing.T, raw []byte) any {
	t.Helper()
	d := json.NewDecoder(bytes.NewReader(raw))
	d.UseNumber()
	var next func() any
	next = func() any {
		token, err := d.Token()
		if err != nil {
			t.Fatal(err)
		}
		switch token {
		case json.Delim('{'):
			o := slowObject{}
			for d.More() {
				name := next()
				o = append(o, slowMember{name.(string), next()})
			}
			_, _ = d.Token()
			return o
		case json.Delim('['):
			list := []any{}
			for d.More() {
				list = append(list, next())
			}
			_, _ = d.Token()
			return list
		}
		return token
	}
	v := next()
	if _, err := d.Token(); err != io.EOF {
		t.Fatalf("%s: %v behind it", raw, err)
	}
	return v
}

func (o slowObject) get(name string) any {
	for _, m := range slices.Backward(o) {
		if m.name == name {
			return m.value
		}
	}
	return nil
}

// slowJSON writes a value with each string as encoding/json writes it.
func slowJSON(v any) string {
	var parts []string
	switch v := v.(type) {
	case slowObject:
		for _, m := range v {
			parts = append(parts, slowJSON(m.name)+":"+slowJSON(m.value))
		}
		return "{" + strings.Join(parts, ",") + "}"
	case []any:
		for _, e := range v {
			parts = append(parts, slowJSON(e))
		}
		return "[" + strings.Join(parts, ",") + "]"
	}
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	_ = e.Encode(v)
	return strings.TrimSuffix(b.String(), "\n")
}

// slowAt is the value at a path: see [Column].
func slowAt(v any, path []string) (_ any, several bool) {
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
				values := make([]any, len(list))
				for j, e := range list {
					values[j], _ = slowAt(e, path[i:])
				}
				if !slices.ContainsFunc(values, func(v any) bool { return v != nil }) {
					return nil, false
				}
				return values, true
			}
			v = list[0]
		}
		o, _ := v.(slowObject)
		v = o.get(name)
	}
	return v, false
}

func slowText(v any) string {
	switch v := v.(type) {
	case nil:
		return ""
	case string:
		return v
	case []any:
		parts := make([]string, len(v))
		for i, e := range v {
			switch e.(type) {
			case slowObject, []any:
				return slowJSON(v)
			}
			parts[i] = slowText(e)
		}
		return strings.Join(parts, ", ")
	case slowObject:
		return slowJSON(v)
	}
	return fmt.Sprint(v)
}

func slowField(v any) string {
	switch v := v.(type) {
	case slowObject:
		return ""
	case []any:
		parts := make([]string, len(v))
		for i, e := range v {
			parts[i] = slowField(e)
		}
		return slowRecord(parts)
	}
	return slowText(v)
}

func slowRecord(values []string) string {
	var b strings.Builder
	w := csv.NewWriter(&b)
	_ = w.Write(values)
	w.Flush()
	return strings.TrimSuffix(b.String(), "\n")
}

// slowStep follows names of members and numbers of elements.
func slowStep(v any, path []string) any {
	for _, name := range path {
		switch w := v.(type) {
		case slowObject:
			v = w.get(name)
		case []any:
			n, err := strconv.Atoi(name)
			if v = nil; err == nil && n < len(w) {
				v = w[n]
			}
		default:
			return nil
		}
	}
	return v
}

// slowFlat are the values of a row by the rowNames of their columns in a CSV, in their order.
func slowFlat(v any, name string, add func(name, text string)) {
	join := func(n string) string { return strings.TrimPrefix(name+"."+n, ".") }
	switch v := v.(type) {
	case slowObject:
		for _, m := range v {
			slowFlat(m.value, join(m.name), add)
		}
		if len(v) > 0 {
			return
		}
	case []any:
		if slices.ContainsFunc(v, func(e any) bool {
			switch e.(type) {
			case slowObject, []any:
				return true
			}
			return false
		}) {
			for i, e := range v {
				slowFlat(e, join(strconv.Itoa(i)), add)
			}
			return
		}
	}
	add(name, slowField(v))
}

// writer makes JSON of all kinds, as a careless server writes it: with spaces, escapes that nobody needs, and bytes that are no UTF-8.
type writer struct {
	rand  *rand.Rand
	b     bytes.Buffer
	plain bool // no spaces and no escapes
}

var rowNames = []string{"a", "b", "c", "0", "1", "Amount", "ü", "d e", "x.y", `q"`, "\u2028"}

func (w *writer) space() {
	if !w.plain && w.rand.IntN(4) == 0 {
		w.b.WriteString([]string{" ", "\n", "\t \r\n", "  "}[w.rand.IntN(4)])
	}
}

func (w *writer) text(s string) {
	if w.plain {
		w.b.WriteString(slowJSON(s))
		return
	}
	w.b.WriteByte('"')
	for _, r := range s {
		switch {
		case w.rand.IntN(8) == 0 && r < 0x10000:
			fmt.Fprintf(&w.b, `\u%04X`, r)
		case r == '"' || r == '\\':
			w.b.WriteString(`\` + string(r))
		case r < ' ':
			fmt.Fprintf(&w.b, `\u%04x`, r)
		case r == '/' && w.rand.IntN(2) == 0:
			w.b.WriteString(`\/`)
		default:
			w.b.WriteRune(r)
		}
	}
	if w.rand.IntN(20) == 0 {
		w.b.WriteString([]string{"\xff", "\xc3", "\xed\xa0\x80", `\ud800`, `\ud83d\ude00`, `\\\"`}[w.rand.IntN(6)])
	}
	w.b.WriteByte('"')
}

func (w *writer) value(depth int) {
	w.space()
	defer w.space()
	kind := w.rand.IntN(10)
	if depth == 0 {
		kind = 0
	}
	switch {
	case kind < 3 && depth < 4:
		w.b.WriteByte('{')
		for i := range w.rand.IntN(5) {
			if i > 0 {
				w.b.WriteByte(',')
			}
			w.space()
			w.text(rowNames[w.rand.IntN(len(rowNames))])
			w.space()
			w.b.WriteByte(':')
			w.value(depth + 1)
		}
		w.b.WriteByte('}')
	case kind < 5 && depth < 4:
		w.b.WriteByte('[')
		for i := range w.rand.IntN(4) {
			if i > 0 {
				w.b.WriteByte(',')
			}
			w.value(depth + 1)
		}
		w.b.WriteByte(']')
	case kind < 7:
		w.text([]string{"", "x", "SKU, 1", "say \"hi\"", "line\nend", "=1", " led", "日本", "\u2028", "a/b\\c", "\u202e", "\x7f", `\.`}[w.rand.IntN(13)])
	case kind < 9:
		w.b.WriteString([]string{"0", "-1", "12.50", "9007199254740993", "1e400", "1.0E-7", "123456789012345678901234567890"}[w.rand.IntN(7)])
	default:
		w.b.WriteString([]string{"null", "true", "false"}[w.rand.IntN(3)])
	}
}

// lists are the rows as a list writes them.
func lists(t *testing.T, flags Flags, rows []json.RawMessage, columns ...Column) string {
	t.Helper()
	streams, out, _ := terminal.Buffers()
	l := (&Printer{Streams: streams, Flags: flags}).List(columns...)
	for _, row := range rows {
		if err := l.AddRaw(t.Context(), row); err != nil {
			t.Fatal(err)
		}
	}
	if err := l.Close(t.Context(), nil); err != nil {
		t.Fatal(err)
	}
	return out.String()
}

// TestRowsAsTheyCame: rows of all kinds come out as the slow way says, in every format.
func TestRowsAsTheyCame(t *testing.T) {
	for seed := range uint64(3000) {
		w := &writer{rand: rand.New(rand.NewPCG(seed, 1)), plain: seed%3 == 0}
		var rows []json.RawMessage
		var values []any
		for range 1 + w.rand.IntN(3) {
			w.b.Reset()
			w.value(0)
			row := bytes.Clone(w.b.Bytes())
			if !json.Valid(row) {
				t.Fatalf("seed %d: %s is no JSON", seed, row)
			}
			rows, values = append(rows, row), append(values, slowValue(t, row))
		}
		fail := func(what, got, want string) {
			t.Helper()
			if got != want {
				t.Fatalf("seed %d: %s of %q: %q, want %q", seed, what, rows, got, want)
			}
		}
		var slow []string
		for _, v := range values {
			slow = append(slow, slowJSON(v))
		}

		// JSON: the same values, a row a line, nothing that is no UTF-8; where Amazon writes as encoding/json does, byte by byte.
		lines := lists(t, Flags{Format: JSONL}, rows)
		got := strings.Split(strings.TrimSuffix(lines, "\n"), "\n")
		if len(got) != len(rows) || strings.ContainsAny(lines, "\u2028\u2029") || !utf8.ValidString(lines) {
			t.Fatalf("seed %d: %q", seed, lines)
		}
		for i, line := range got {
			fail("the value", slowJSON(slowValue(t, []byte(line))), slow[i])
			if fail("the line", string(appendCompact(nil, json.RawMessage(line))), line); w.plain {
				fail("the line", line, slow[i])
			}
		}
		fail("json", lists(t, Flags{Format: JSON}, rows), "[\n  "+strings.Join(got, ",\n  ")+"\n]\n")

		// Columns, as tables and CSV have them.
		var columns []Column
		for i := range 1 + w.rand.IntN(4) {
			path := make([]string, 1+w.rand.IntN(3))
			for j := range path {
				for path[j] = "."; strings.Contains(path[j], "."); {
					path[j] = rowNames[w.rand.IntN(len(rowNames))]
				}
			}
			c := Column{Name: "c" + strconv.Itoa(i), Path: strings.Join(path, "."), List: i == 1, Wide: true}
			if i == 2 {
				c.Text = func(v Value) string { return "<" + string(v.JSON()) + ">" }
				c.Parts = []Part{{Text: c.Text}}
			}
			columns = append(columns, c)
		}
		var table, records [][]string
		for _, v := range values {
			var cells, fields []string
			for i, c := range columns {
				at, several := slowAt(v, strings.Split(c.Path, "."))
				switch list, _ := at.([]any); {
				case i == 2 && several:
					var texts []string
					for _, e := range list {
						texts = append(texts, "<"+slowJSON(e)+">")
					}
					cells, fields = append(cells, strings.Join(texts, ", ")), append(fields, slowRecord(texts))
				case i == 2:
					text := "<" + slowJSON(at) + ">"
					cells, fields = append(cells, text), append(fields, text)
				case i == 1 && !several && at != nil:
					cells, fields = append(cells, slowText(at)), append(fields, slowField([]any{at}))
				case i == 1:
					cells, fields = append(cells, slowText(at)), append(fields, slowField(at))
				default:
					cells = append(cells, slowText(at))
				}
			}
			table, records = append(table, cells), append(records, fields)
		}
		all, err := new(texts).read(rows)
		if err != nil {
			t.Fatal(err)
		}
		csvOf := &csvWriter{w: io.Discard}
		for j, row := range all {
			for i := range columns {
				fail("the cell "+columns[i].Path, columns[i].cell(row), table[j][i])
			}
			fail("the value", string(row.JSON()), slow[j])
			var fields []string
			for _, i := range []int{1, 2} {
				if i < len(columns) {
					fields = append(fields, csvOf.fieldsOf(&columns[i], all)[0].text(row))
				}
			}
			fail("the fields", fmt.Sprint(fields), fmt.Sprint(records[j]))
		}

		// A CSV of all there is, where no name occurs twice in an object or has a dot in it.
		if strings.Contains(strings.Join(slow, ""), "x.y") || slices.ContainsFunc(values, repeats) {
			continue
		}
		text := lists(t, Flags{Format: CSV}, rows)
		r := csv.NewReader(strings.NewReader(text))
		read, err := r.ReadAll()
		if err != nil {
			t.Fatalf("seed %d: %v in %q of %q", seed, err, text, rows)
		}
		if len(read) == 0 { // no row has any member
			continue
		}
		for i, v := range values {
			slowFlat(v, "", func(name, text string) {
				if text != "" && !slices.Contains(read[0], name) {
					t.Fatalf("seed %d: %q of row %d has no column in %q of %q", seed, name, i, text, rows)
				}
			})
			for column, name := range read[0] {
				fail(name, read[1+i][column], strings.ReplaceAll(slowField(slowStep(v, strings.Split(name, "."))), "\r\n", "\n"))
			}
		}
	}
}

// FuzzParse: JSON is what the slow way says, and what is none is no reason to panic.
func FuzzParse(f *testing.F) {
	for _, s := range []string{
		`{"a":[1,{"b":"\u00e9\ud83d\ude00\/"}],"a":null}`, ` [ ] `, `"x`, `{"a"}`, `[1 2]`, `[1,]`, `{,}`, `-`, `tru`, "\"\xff\x00\"", `"\x"`, `}`, `""""`, "",
	} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		v, err := Parse(s)
		valid := json.Valid([]byte(s))
		if valid && strings.Count(s, "[")+strings.Count(s, "{") < maxDepth {
			if err != nil {
				t.Fatalf("%q: %v", s, err)
			}
			if got, want := string(v.JSON()), slowJSON(slowValue(t, []byte(s))); got != want {
				t.Errorf("%q: %s, want %s", s, got, want)
			}
			if line := appendCompact(nil, json.RawMessage(s)); slowJSON(slowValue(t, line)) != slowJSON(slowValue(t, []byte(s))) || bytes.ContainsAny(line, "\n\u2028") {
				t.Errorf("%q: %q", s, line)
			}
		}
		if err == nil {
			w, _ := v.follow([]string{"a", "b"})
			_, _, _ = v.text(), w.JSON(), appendCompact(nil, json.RawMessage(s))
		}
	})
}

// TestParseDepth: values can be nested as deep as encoding/json takes them, and no deeper.
func TestParseDepth(t *testing.T) {
	for depth, want := range map[int]bool{maxDepth: true, maxDepth + 1: false, 1 << 22: false} {
		text := strings.Repeat("[", depth) + strings.Repeat("]", depth)
		if _, err := Parse(text); (err == nil) != want || json.Valid([]byte(text)) != want {
			t.Errorf("%d: %v, want it to fit: %t", depth, err, want)
		}
	}
}

// repeats reports whether a name occurs twice in an object.
func repeats(v any) bool {
	switch v := v.(type) {
	case slowObject:
		seen := map[string]bool{}
		for _, m := range v {
			if seen[m.name] || repeats(m.value) {
				return true
			}
			seen[m.name] = true
		}
	case []any:
		return slices.ContainsFunc(v, repeats)
	}
	return false
}
