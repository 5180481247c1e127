package output

import (
	"encoding/json"
	"errors"
	"reflect"
	"strings"
	"testing"

	"go.yaml.in/yaml/v3"

	"github.com/openspapi/spapi/internal/cli/exit"
	"github.com/openspapi/spapi/internal/cli/terminal"
)

// order is a row as an SDK type makes it; big has more digits than a float64 keeps.
var orders = json.RawMessage(`[
	{"id":"1","total":{"Amount":"9.90","Currency":"EUR"},"big":9007199254740993,"tags":["a","b"],"url":"https://h/?a=1&b=2"},
	{"id":"2","gift":true,"note":"two\nlines, \"quoted\""}
]`)

var columns = []Column{
	{Name: "order", Path: "id"},
	{Name: "total", Path: "total.Amount", Right: true},
	{Name: "gift", Path: "gift", Text: func(v Value) string {
		if v.Text() == "true" {
			return "yes"
		}
		return ""
	}},
	{Name: "both", Text: func(v Value) string {
		var row struct{ ID, Note string }
		if err := json.Unmarshal(v.JSON(), &row); err != nil {
			return err.Error()
		}
		return row.ID + row.Note
	}},
}

func TestPrint(t *testing.T) {
	for _, c := range []struct {
		name     string
		format   Format
		jq       string
		terminal bool
		value    any
		columns  []Column
		want     string
	}{
		{"json is the default", "", "", false, orders, columns, `[
  {"id":"1","total":{"Amount":"9.90","Currency":"EUR"},"big":9007199254740993,"tags":["a","b"],"url":"https://h/?a=1&b=2"},
  {"id":"2","gift":true,"note":"two\nlines, \"quoted\""}
]
`},
		{"an object is a line", "json", "", false, map[string]any{"a": 1, "b": "<&>"}, nil, `{"a":1,"b":"<&>"}` + "\n"},
		{"on a terminal it is indented", "json", "", true, map[string]any{"a": []int{1}}, nil, "{\n  \"a\": [\n    1\n  ]\n}\n"},
		{"empty list", "json", "", false, []int{}, nil, "[]\n"},
		{"jsonl", "jsonl", "", false, json.RawMessage(`[{"a":1},{"a":2}]`), columns, "{\"a\":1}\n{\"a\":2}\n"},
		{"jsonl of an object", "jsonl", "", false, json.RawMessage(`{"a":1}`), nil, "{\"a\":1}\n"},
		{"a terminal gets a table", "", "", true, orders, columns, "ORDER  TOTAL  GIFT  BOTH\n1       9.90        1\n2             yes   2two lines, \"quoted\"\n"},
		{"table without columns", "table", "", false, orders, nil, "id  total                               big               tags  url                 gift  note\n" +
			"1   {\"Amount\":\"9.90\",\"Currency\":\"EUR\"}  9007199254740993  a, b  https://h/?a=1&b=2\n" +
			"2                                                                                   true  two lines, \"quoted\"\n"},
		{"table of an object", "table", "", false, json.RawMessage(`{"a":1,"longer":"x"}`), nil, "a       1\nlonger  x\n"},
		{"table of nothing", "table", "", false, []int{}, columns, ""},
		{"a table lets nobody move the cursor", "table", "", false, []map[string]string{{"a": "x\x1b[2Jy\u202ez\x07"}}, nil, "a\nx[2Jyz\n"},
		{"csv", "csv", "", false, orders, columns, "order,total,gift,both\n1,9.90,,1\n2,,true,\"2two\nlines, \"\"quoted\"\"\"\n"},
		{"csv without columns", "csv", "", false, orders, nil, "id,total.Amount,total.Currency,big,tags,url,gift,note\n" +
			"1,9.90,EUR,9007199254740993,\"a,b\",https://h/?a=1&b=2,,\n2,,,,,,true,\"two\nlines, \"\"quoted\"\"\"\n"},
		{"csv of scalars", "csv", "", false, []int{1, 2}, nil, "value\n1\n2\n"},
		{"yaml", "yaml", "", false, orders, nil, `- id: "1"
  total:
    Amount: "9.90"
    Currency: EUR
  big: 9007199254740993
  tags:
  - a
  - b
  url: "https://h/?a=1&b=2"
- id: "2"
  gift: true
  note: "two\nlines, \"quoted\""
`},
		{"jq alone: strings are bare", "", ".[].id", false, orders, nil, "1\n2\n"},
		{"jq alone: others are JSON", "", ".[0].total, .[0].big, .[1].nothing", false, orders, nil, "{\"Amount\":\"9.90\",\"Currency\":\"EUR\"}\n9007199254740993\nnull\n"},
		{"jq alone on a terminal", "", ".[].id", true, orders, nil, "1\n2\n"},
		{"jq as json", "json", ".[].id", false, orders, nil, "\"1\"\n\"2\"\n"},
		{"jq as a table", "table", "[.[] | {id, big}]", false, orders, nil, "big               id\n9007199254740993  1\n                  2\n"},
		{"jq as csv of several results", "csv", ".[] | {id}", false, orders, nil, "id\n1\n2\n"},
		{"jq as yaml documents", "yaml", ".[].id", false, orders, nil, "\"1\"\n---\n\"2\"\n"},
		{"jq sees no environment", "", "env | length", false, orders, nil, "0\n"},
	} {
		t.Run(c.name, func(t *testing.T) {
			streams, out, _ := terminal.Buffers()
			streams.OutIsTerminal = c.terminal
			p := &Printer{Streams: streams, Flags: Flags{Format: c.format}}
			if c.jq != "" {
				if err := p.Flags.JQ.Set(c.jq); err != nil {
					t.Fatal(err)
				}
			}
			if err := p.Print(t.Context(), c.value, c.columns...); err != nil {
				t.Fatal(err)
			}
			if out.String() != c.want {
				t.Errorf("printed\n%s\nwant\n%s", out, c.want)
			}
		})
	}
}

// TestList: rows as they come are what the whole list would be, and what was flushed is out.
func TestList(t *testing.T) {
	for _, format := range []Format{"", JSON, JSONL, Table, CSV, YAML} {
		for _, onTerminal := range []bool{false, true} {
			streams, out, _ := terminal.Buffers()
			streams.OutIsTerminal = onTerminal
			p := &Printer{Streams: streams, Flags: Flags{Format: format}, Default: JSONL}
			var list []json.RawMessage
			if err := json.Unmarshal(orders, &list); err != nil {
				t.Fatal(err)
			}
			l := p.List(columns...)
			for i, row := range list {
				if err := l.Add(t.Context(), row); err != nil {
					t.Fatal(err)
				}
				before := out.Len()
				if err := l.Flush(); err != nil {
					t.Fatal(err)
				}
				if !strings.Contains(out.String()[before:], []string{"9.90", "quoted"}[i]) {
					t.Errorf("%q: row %d isn't out: %q", format, i, out.String()[before:])
				}
			}
			if err := l.Close(t.Context(), nil); err != nil {
				t.Fatal(err)
			}
			got := out.String()
			out.Reset()
			if err := p.Print(t.Context(), orders, columns...); err != nil {
				t.Fatal(err)
			}
			if want := out.String(); format != Table && got != want { // later rows of a table may be wider
				t.Errorf("%q: a list gives\n%s\nthe whole\n%s", format, got, want)
			}
		}
	}
}

// TestListFails: what came of a list that breaks off is whole in its format, and a list that had nothing isn't taken for an empty one.
func TestListFails(t *testing.T) {
	broken := errors.New("broken")
	for format, want := range map[Format]string{
		JSON: "[\n  {\"a\":1}\n]\n", JSONL: "{\"a\":1}\n", Table: "A\n1\n", CSV: "a\n1\n", YAML: "- a: 1\n",
	} {
		for _, rows := range []int{0, 1} {
			streams, out, _ := terminal.Buffers()
			l := (&Printer{Streams: streams, Flags: Flags{Format: format}}).List(Column{Name: "a", Path: "a"})
			for range rows {
				if err := l.Add(t.Context(), map[string]int{"a": 1}); err != nil {
					t.Fatal(err)
				}
			}
			if err := l.Close(t.Context(), broken); !errors.Is(err, broken) {
				t.Errorf("%s: ends with %v", format, err)
			}
			if got := out.String(); got != strings.Repeat(want, rows) {
				t.Errorf("%s with %d rows: %q, want %q", format, rows, got, strings.Repeat(want, rows))
			}
		}
	}
	streams, out, _ := terminal.Buffers()
	p := &Printer{Streams: streams}
	if err := p.Flags.JQ.Set("length"); err != nil {
		t.Fatal(err)
	}
	l := p.List()
	if err := l.Add(t.Context(), 1); err != nil {
		t.Fatal(err)
	}
	if err := l.Close(t.Context(), broken); !errors.Is(err, broken) || out.String() != "1\n" {
		t.Errorf("--jq over what came: %q, %v", out, err)
	}
}

// TestListEach: one filter for each row, not for the list.
func TestListEach(t *testing.T) {
	for format, want := range map[Format]string{
		"": "x\ny\n", JSON: "\"x\"\n\"y\"\n", JSONL: "\"x\"\n\"y\"\n", CSV: "value\nx\ny\n", Table: "value\nx\ny\n", YAML: "x\n---\n\"y\"\n",
	} {
		streams, out, _ := terminal.Buffers()
		p := &Printer{Streams: streams, Flags: Flags{Format: format}}
		if err := p.Flags.JQ.Set(".a"); err != nil {
			t.Fatal(err)
		}
		l := p.List()
		l.Each = true
		for _, a := range []string{"x", "y"} {
			if err := l.Add(t.Context(), map[string]string{"a": a}); err != nil {
				t.Fatal(err)
			}
		}
		if err := l.Close(t.Context(), nil); err != nil {
			t.Fatal(err)
		}
		if out.String() != want {
			t.Errorf("%q: %q, want %q", format, out, want)
		}
	}
}

// TestYAML: a YAML reader finds what was written, also with the strings that YAML is known for.
func TestYAML(t *testing.T) {
	words := []string{"no", "Off", "null", "~", "1", "0x1f", "1e3", "-", "- a", "a: b", "a #b", "#a", "'a'", `"a"`, "", " a", "a ", "é", "日本", "a\tb", "a\nb\n",
		"2026-01-31", "12:30", "{a", "[a", "&a", "*a", "!a", "%a", "@a", "`a", "|", ">", "?", "=", "<<", "a\u2028b", "\u0085", ".inf", "a,b", "Y", "/path", "a:", "\x7f", "\ufeffa", "A1PA6795UKMFR9"}
	value := map[string]any{"list": []any{}, "nested": []any{[]any{"x", []any{"y"}}, map[string]any{"a": map[string]any{}, "b": nil}}, "number": 1.5}
	for r := rune(0); r <= 0xa0; r++ {
		words = append(words, "a"+string(r)+"b", string(r))
	}
	for _, r := range "\u061c\u200e\u200f\u2028\u2029\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069\ufeff\ufffe\uffff\U0001f58a" {
		words = append(words, "a"+string(r)+"b", string(r))
	}
	for _, w := range words {
		value["k"+w] = w
		value[w] = []any{w}
	}
	raw, err := encode(value)
	if err != nil {
		t.Fatal(err)
	}
	streams, out, _ := terminal.Buffers()
	p := &Printer{Streams: streams, Flags: Flags{Format: YAML}}
	if err := p.Print(t.Context(), json.RawMessage(raw)); err != nil {
		t.Fatal(err)
	}
	for _, r := range out.String() {
		if r != '\n' && terminal.Acts(r) || r == '\ufeff' {
			t.Errorf("%U stands there bare", r)
		}
	}
	var got any
	if err := yaml.Unmarshal(out.Bytes(), &got); err != nil {
		t.Fatalf("%v in\n%s", err, out)
	}
	if !reflect.DeepEqual(got, any(value)) {
		t.Errorf("read back\n%#v\nwant\n%#v\nfrom\n%s", got, value, out)
	}
}

// TestYAMLSurrogates: half a surrogate pair, which JSON can escape and YAML can't, is the replacement character.
func TestYAMLSurrogates(t *testing.T) {
	streams, out, _ := terminal.Buffers()
	p := &Printer{Streams: streams, Flags: Flags{Format: YAML}}
	if err := p.Print(t.Context(), json.RawMessage(`["a\ud800b","\udc00","\ud83d\udd8a"]`)); err != nil {
		t.Fatal(err)
	}
	var got []string
	if err := yaml.Unmarshal(out.Bytes(), &got); err != nil || !reflect.DeepEqual(got, []string{"a\ufffdb", "\ufffd", "🖊"}) {
		t.Errorf("%q, %v from %q", got, err, out)
	}
}

func TestJQErrors(t *testing.T) {
	var q Query
	for _, bad := range []string{".[", "nosuch", "$x", "input_filename | ."} {
		if err := q.Set(bad); bad != "input_filename | ." && err == nil {
			t.Errorf("%q compiles", bad)
		}
	}
	for _, bad := range []string{".a", `error("x")`, "halt_error"} {
		if err := q.Set(bad); err != nil {
			t.Fatal(err)
		}
		if _, err := q.run(t.Context(), []byte(`[1]`)); !exit.IsUsage(err) || strings.Contains(err.Error(), "\n") {
			t.Errorf("%q ends with %v, want a usage error in a line", bad, err)
		}
	}
	if err := q.Set("1, halt, 2"); err != nil {
		t.Fatal(err)
	}
	if got, err := q.run(t.Context(), []byte(`null`)); err != nil || len(got) != 1 {
		t.Errorf("halt gives %s, %v, want one result", got, err)
	}
}

func TestOneOf(t *testing.T) {
	for want, names := range map[string][]string{"": nil, "a": {"a"}, "a or b": {"a", "b"}, "a, b or c": {"a", "b", "c"}} {
		if got := OneOf(names); got != want {
			t.Errorf("%q gives %q, want %q", names, got, want)
		}
	}
}
