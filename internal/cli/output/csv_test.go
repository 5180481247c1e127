package output

import (
	"bytes"
	"encoding/csv"
	"encoding/json"
	"fmt"
	"reflect"
	"strings"
	"testing"

	"github.com/openspapi/spapi/internal/cli/terminal"
)

// printed is what a printer with these flags writes.
func printed(t *testing.T, flags Flags, v any, columns ...Column) (string, error) {
	t.Helper()
	streams, out, _ := terminal.Buffers()
	err := (&Printer{Streams: streams, Flags: flags}).Print(t.Context(), v, columns...)
	return out.String(), err
}

// TestCSVFlat: no field holds JSON, and every value has a column.
func TestCSVFlat(t *testing.T) {
	for _, c := range []struct {
		name, rows, want string
		columns          []Column
	}{
		{"objects", `[{"a":{"b":{"c":1}},"d":2}]`, "a.b.c,d\n1,2\n", nil},
		{"lists of objects", `[{"i":[{"s":"x"},{"s":"y","n":2}]},{"i":[{"n":3}]}]`, "i.0.s,i.0.n,i.1.s,i.1.n\nx,,y,2\n,3,,\n", nil},
		{"lists of values", `[{"l":["a","b,c","say \"x\"",null,1,true]}]`, "l\n\"a,\"\"b,c\"\",\"\"say \"\"\"\"x\"\"\"\"\"\",,1,true\"\n", nil},
		{"a list of lists", `[{"l":[[1,2],[3]]}]`, "l.0,l.1\n\"1,2\",3\n", nil},
		{"an object now and then", `[{"a":1},{"a":{"b":2}}]`, "a,a.b\n1,\n,2\n", nil},
		{"nothing in it", `[{"a":{},"b":[],"c":null}]`, "a,b,c\n,,\n", nil},
		{"a member with a dot", `[{"a.b":1,"c":{"d.e":2}}]`, "a.b,c.d.e\n1,2\n", nil},
		{"a single object", `{"a":{"b":1},"c":"x"}`, "a.b,c\n1,x\n", nil},
		{"no rows", `[]`, "", nil},
		{"no rows of known columns", `[]`, "a,b\n", []Column{{Name: "a", Path: "a"}, {Name: "b", Path: "b"}}},
		{"an empty field alone", `[{"a":""},{"a":"x"}]`, "a\n\"\"\nx\n", nil},
		{"lossless", `[{"n":123456789012345678901234567890,"z":"007","e":1.50,"q":"say \"hi\"","l":"a\r\nb\rc\nd"," s":" x"}]`,
			"n,z,e,q,l,\" s\"\n123456789012345678901234567890,007,1.50,\"say \"\"hi\"\"\",\"a\r\nb\rc\nd\",\" x\"\n", nil},
		{"a known column with an object", `[{"o":{"p":1,"q":[{"r":2}]}}]`, "off.p,off.q.0.r\n1,2\n", []Column{{Name: "off", Path: "o"}}},
		{"through a list of one", `[{"i":[{"s":"a, b"}]}]`, "s\n\"a, b\"\n", []Column{{Name: "s", Path: "i.s"}}},
		{"through a list of several", `[{"i":[{"s":"a, b"},{},{"s":"c"}]},{"i":[{}]}]`, "s\n\"\"\"a, b\"\",,c\"\n\"\"\n", []Column{{Name: "s", Path: "i.s"}}},
		{"one element", `[{"i":[{"s":"a"},{"s":"b"}]}]`, "s\nb\n", []Column{{Name: "s", Path: "i.1.s"}}},
		{"parts", `[{"m":{"x":"1","y":"EUR"}},{}]`, "m.amount,m.currency,n\n1,EUR,2\n,,0\n", []Column{
			{Name: "m", Path: "m", Parts: []Part{{"amount", member0("x")}, {"currency", member0("y")}}},
			{Name: "n", Path: "m", Parts: []Part{{"", func(v Value) string { return map[bool]string{true: "0", false: "2"}[v.Kind() == Nothing] }}}}}},
	} {
		t.Run(c.name, func(t *testing.T) {
			got, err := printed(t, Flags{Format: CSV}, json.RawMessage(c.rows), c.columns...)
			if err != nil || got != c.want {
				t.Errorf("%v\n%s\nwant\n%s", err, got, c.want)
			}
		})
	}
}

func member0(name string) func(Value) string {
	return func(v Value) string { return v.Member(name).Text() }
}

// TestCSVLater: what has no column in the heading, which was written with the first page, is an error at the end that names it, not lost in silence.
func TestCSVLater(t *testing.T) {
	for _, columns := range [][]Column{nil, {{Name: "a", Path: "a"}, {Name: "i", Path: "i"}}} {
		streams, out, _ := terminal.Buffers()
		l := (&Printer{Streams: streams, Flags: Flags{Format: CSV}}).List(columns...)
		for _, row := range []string{`{"a":1,"i":[{"s":"x"}]}`, `{"a":2,"i":[{"s":"y"},{"s":"z"}]}`, `{"a":3,"i":[{"s":"y","n":{"k":1}}]}`, `{"a":4,"i":[]}`} {
			if err := l.Add(t.Context(), json.RawMessage(row)); err != nil {
				t.Fatal(err)
			}
			if err := l.Flush(); err != nil {
				t.Fatal(err)
			}
		}
		err := l.Close(t.Context(), nil)
		if err == nil || !strings.Contains(err.Error(), "values of 2 rows have no column") || !strings.Contains(err.Error(), "i.1.s, i.0.n.k") {
			t.Errorf("ends with %v", err)
		}
		if want := "a,i.0.s\n1,x\n2,y\n3,y\n4,\n"; out.String() != want {
			t.Errorf("%q, want %q", out, want)
		}
	}
}

// TestSpreadsheet: Excel finds UTF-8, its own line ends, and no formula in another's text.
func TestSpreadsheet(t *testing.T) {
	got, err := printed(t, Flags{Spreadsheet: true}, json.RawMessage(`[{"t":"=1+1","n":-12.5,"s":"-12.50","l":"a\nb","c":"a\rb"}]`))
	if want := "\ufefft,n,s,l,c\r\n'=1+1,-12.5,-12.50,\"a\nb\",\"a\rb\"\r\n"; err != nil || got != want {
		t.Errorf("%q, %v, want %q", got, err, want)
	}
	for value, want := range map[string]string{
		"": "", "a=1": "a=1", "1": "1", "-1": "-1", "+1.5": "+1.5", "-1.234,56": "-1.234,56", "-1e-5": "-1e-5", "1 = 2": "1 = 2",
		"=A1": "'=A1", "+A1": "'+A1", "-A1": "'-A1", "@SUM(1)": "'@SUM(1)", "\t=1": "'\t=1", "\r=1": "'\r=1", "\n=1": "'\n=1",
		"＝1": "'＝1", "＋1": "'＋1", "－1": "'－1", "＠a": "'＠a",
		"-": "'-", "-1+cmd|' /C calc'!A0": "'-1+cmd|' /C calc'!A0", "'=1": "'=1", "-2+3": "'-2+3",
	} {
		if got := Guard(value); got != want {
			t.Errorf("%q becomes %q, want %q", value, got, want)
		}
	}
}

type typed struct {
	ID    string `json:"id"`
	Inner *struct {
		List []struct {
			Name string `json:"name"`
		} `json:"list"`
	} `json:"inner,omitzero"`
	Any    map[string]json.RawMessage `json:"any,omitzero"`
	Hidden string                     `json:"-"`
	Plain  string
}

// TestColumns: columns are chosen by name or path, for tables and CSV alike, and what no row can have is refused.
func TestColumns(t *testing.T) {
	known := []Column{{Name: "id", Path: "id"}, {Name: "ship by", Path: "inner.list.name", Spare: 1, Wide: true}}
	row := typed{ID: "1"}
	for _, c := range []struct{ columns, csv, table string }{
		{"id", "id\n1\n", "ID\n1\n"},
		{"ship-by,ID", "ship by,id\n,1\n", "SHIP BY  ID\n         1\n"},
		{"inner.list.0.name,inner.list.name,inner,any.x.y,Plain", "inner.list.0.name,inner.list.name,inner,any.x.y,Plain\n,,,,\n", "INNER.LIST.0.NAME  INNER.LIST.NAME  INNER  ANY.X.Y  PLAIN\n\n"},
	} {
		flags := Flags{Columns: strings.Split(c.columns, ",")}
		if err := (&Printer{Flags: flags}).Check(reflect.TypeFor[*typed](), known...); err != nil {
			t.Errorf("%s: %v", c.columns, err)
		}
		if got, err := printed(t, flags, []*typed{&row}, known...); err != nil || got != c.table {
			t.Errorf("%s: %q, %v, want %q", c.columns, got, err, c.table)
		}
		flags.Format = CSV
		if got, err := printed(t, flags, []*typed{&row}, known...); err != nil || got != c.csv {
			t.Errorf("%s: %q, %v, want %q", c.columns, got, err, c.csv)
		}
	}
	no := "there is no such column: want id, ship-by, or a path in the JSON that begins with id, inner, any or Plain"
	for wrong, want := range map[string]string{
		"nosuch": no, "Hidden": no, "-": no, "": no, "inner.": no, "any2": no,
		"inner.nosuch":      "the rows have inner, but no nosuch in it",
		"inner.nosuch.more": "the rows have inner, but no nosuch in it",
		"inner.list.nosuch": "the rows have inner.list, but no nosuch in it",
		"id.x":              "the rows have id, but no x in it",
	} {
		flags := Flags{Columns: []string{"id", wrong}}
		err := (&Printer{Flags: flags}).Check(reflect.TypeFor[typed](), known...)
		if err == nil || err.Error() != fmt.Sprintf("--columns %q: %s", wrong, want) {
			t.Errorf("%q: %v", wrong, err)
		}
		if _, err := printed(t, flags, []typed{row}, known...); err == nil {
			t.Errorf("%q is printed", wrong)
		}
		if _, err := printed(t, flags, json.RawMessage(`[{"id":"1","inner":{"list":[{"name":"x"}]}}]`)); err == nil {
			t.Errorf("%q of raw JSON is printed", wrong)
		}
	}
	if got, err := printed(t, Flags{Columns: []string{"b.c"}}, json.RawMessage(`[{"a":1},{"b":{"c":2}}]`)); err != nil || got != "B.C\n\n2\n" {
		t.Errorf("a path that some rows have: %q, %v", got, err)
	}
}

// TestColumnsOfHeading: what a heading of the command's own CSV says is a name for --columns, in tables too.
func TestColumnsOfHeading(t *testing.T) {
	part := func(name string) Part {
		return Part{Name: name, Text: member0(name)}
	}
	known := []Column{{Name: "id", Path: "id"},
		{Name: "grand total", Path: "sum", Text: func(Value) string { return "whole" }, Parts: []Part{part("amount"), part("currency")}}}
	rows := json.RawMessage(`[{"id":"1","sum":{"amount":"2.50","currency":"EUR"}}]`)
	all, err := printed(t, Flags{Format: CSV}, rows, known...)
	if want := "id,grand total.amount,grand total.currency\n1,2.50,EUR\n"; err != nil || all != want {
		t.Fatalf("%q, %v, want %q", all, err, want)
	}
	for columns, want := range map[string][2]string{
		"grand total.currency":     {"grand total.currency\nEUR\n", "GRAND TOTAL.CURRENCY\nEUR\n"},
		"grand-total.AMOUNT,id":    {"grand total.amount,id\n2.50,1\n", "GRAND TOTAL.AMOUNT  ID\n2.50                1\n"},
		"grand-total,sum.currency": {"grand total.amount,grand total.currency,sum.currency\n2.50,EUR,EUR\n", "GRAND TOTAL  SUM.CURRENCY\nwhole        EUR\n"},
	} {
		for i, format := range []Format{CSV, Table} {
			if got, err := printed(t, Flags{Format: format, Columns: strings.Split(columns, ",")}, rows, known...); err != nil || got != want[i] {
				t.Errorf("%s as %s: %q, %v, want %q", columns, format, got, err, want[i])
			}
		}
	}
}

// TestCSVList: the text of one element isn't taken for those of several.
func TestCSVList(t *testing.T) {
	rows := json.RawMessage(`[{"list":[{"v":"a,b"}]},{"list":[{"v":"a"},{"v":"b"}]},{"list":[{"v":"a"}]},{"list":[{"v":"say \"x\""}]},{"list":[]},{}]`)
	want := "v\n\"\"\"a,b\"\"\"\n\"a,b\"\na\n\"\"\"say \"\"\"\"x\"\"\"\"\"\"\"\n\"\"\n\"\"\n"
	got, err := printed(t, Flags{Format: CSV}, rows, Column{Name: "v", Path: "list.v", List: true})
	if err != nil || got != want {
		t.Errorf("%q, %v, want %q", got, err, want)
	}
}

// TestFlagsCheck: flags that say two things are refused.
func TestFlagsCheck(t *testing.T) {
	for _, c := range []struct {
		flags Flags
		want  string
	}{
		{Flags{Format: JSON, Columns: []string{"a"}}, "--columns doesn't go with -o json"},
		{Flags{Format: Table, Spreadsheet: true}, "--spreadsheet doesn't go with -o table"},
		{Flags{Format: CSV, Spreadsheet: true, Columns: []string{"a"}}, ""},
		{Flags{Format: Wide, Columns: []string{"a"}}, ""},
		{Flags{Spreadsheet: true}, ""},
	} {
		err := c.flags.Check()
		if (err == nil) != (c.want == "") || err != nil && !strings.Contains(err.Error(), c.want) {
			t.Errorf("%+v: %v, want %q", c.flags, err, c.want)
		}
	}
	for _, flags := range []Flags{{Columns: []string{"a"}}, {Spreadsheet: true}, {Format: CSV}} {
		if flags.Refuse("x") == nil || !flags.Given() {
			t.Errorf("%+v is not refused", flags)
		}
	}
}

// FuzzCSV: a reader of CSV finds every value of every row.
func FuzzCSV(f *testing.F) {
	f.Add("a", "=1", "b\r\n", "\"x\"")
	f.Fuzz(func(t *testing.T, name, one, two, three string) {
		raw, err := encode([]any{map[string]any{name: one, "x": map[string]any{"y": two}, "l": []string{one, two, three}}})
		if err != nil {
			t.Skip()
		}
		got, err := printed(t, Flags{Format: CSV}, json.RawMessage(raw))
		if err != nil {
			t.Fatal(err)
		}
		rows, err := csv.NewReader(strings.NewReader(got)).ReadAll()
		if err != nil || len(rows) != 2 {
			t.Fatalf("%v: %q", err, got)
		}
		same := func(s string) string { // what reading JSON and CSV change: bytes that are no UTF-8, and \r before \n
			var v string
			raw, _ := encode(s)
			_ = json.Unmarshal(raw, &v)
			return strings.ReplaceAll(v, "\r\n", "\n")
		}
		for i, column := range rows[0] {
			switch column {
			case "x.y":
				if rows[1][i] != same(two) && name != "x" && name != "x.y" {
					t.Errorf("%q, want %q", rows[1][i], two)
				}
			case "l":
				if name == "l" {
					continue
				}
				list, err := csv.NewReader(bytes.NewBufferString(rows[1][i])).Read()
				if err != nil || !reflect.DeepEqual(list, []string{same(one), same(two), same(three)}) {
					t.Errorf("%q, %v, want %q", list, err, []string{one, two, three})
				}
			}
		}
	})
}
