package document

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"strings"
	"testing"
	"testing/iotest"
)

func elementsOf(src io.Reader, path string, limit int) (string, error) {
	var out []string
	for raw, err := range Elements(src, path, limit) {
		if err != nil {
			return strings.Join(out, " "), err
		}
		out = append(out, string(raw))
	}
	return strings.Join(out, " "), nil
}

func TestElements(t *testing.T) {
	for _, test := range []struct{ name, text, path, want, problem string }{
		{"member", `{"spec":{"items":[0]},"items":[{"a":1}, 2 ,"x",[3],null],"after":[9]}`, "items", `{"a":1} 2 "x" [3] null`, ""},
		{"deep", `{"a":{"x":1,"b":{"c":[1,2]}},"b":{"c":[3]}}`, "a.b.c", "1 2", ""},
		{"the document itself", ` [1,2] `, "", "1 2", ""},
		{"empty array", `{"items":[]}`, "items", "", ""},
		{"null", `{"items":null}`, "items", "", ""},
		{"escaped name", `{"it\u0065ms":[1]}`, "items", "1", ""},
		{"twice", `{"items":[1],"items":[2]}`, "items", "1", ""},
		{"missing", `{"reportSpecification":{},"data":[1]}`, "items", "", `"items" is missing; there are ["reportSpecification" "data"]`},
		{"missing below", `{"a":{"x":1}}`, "a.b", "", `"b" is missing`},
		{"object", `{"items":{}}`, "items", "", "it is an object"},
		{"through a string", `{"a":"x"}`, "a.b", "", `"b" is looked for in a string`},
		{"not JSON", `<html>`, "items", "", "unexpected"},
		{"empty", ``, "items", "", "EOF"},
		{"cut in the array", `{"items":[1,2`, "items", "1", "EOF"},
		{"cut after the array", `{"items":[1,2]`, "items", "1 2", "EOF"},
		{"broken element", `{"items":[1,{"a":}]}`, "items", "1", "unexpected"},
		{"text after the end", `{"items":[1]} x`, "items", "1", "after the end"},
		{"more JSON after the end", `{"items":[1]}{}`, "items", "1", "after the end"},
	} {
		for _, src := range []io.Reader{strings.NewReader(test.text), iotest.OneByteReader(strings.NewReader(test.text)), iotest.DataErrReader(strings.NewReader(test.text))} {
			got, err := elementsOf(src, test.path, 0)
			if (err == nil) != (test.problem == "") || err != nil && !strings.Contains(err.Error(), test.problem) {
				t.Errorf("%s: %v, want %q", test.name, err, test.problem)
			}
			if got != test.want && !(strings.HasPrefix(test.name, "cut in") && got == "1 2") {
				t.Errorf("%s: %q, want %q", test.name, got, test.want)
			}
		}
	}
}

func TestElementsStream(t *testing.T) {
	element := `{"parentAsin":"B000000001","traffic":{"sessions":12,"name":"` + strings.Repeat("é", 50) + `"}},`
	src := io.MultiReader(strings.NewReader(`{"reportSpecification":{"x":[`+strings.Repeat("1,", 100_000)+`2]},"salesAndTrafficByAsin":[`),
		strings.NewReader(strings.Repeat(element, 50_000)), strings.NewReader(`{"last":true}],"after":1}`))
	n := 0
	for raw, err := range Elements(src, "salesAndTrafficByAsin", 4096) {
		if err != nil {
			t.Fatal(err)
		}
		if n < 50_000 && string(raw)+"," != element || !json.Valid(raw) {
			t.Fatalf("element %d is %q", n, raw)
		}
		n++
	}
	if n != 50_001 {
		t.Errorf("%d elements", n)
	}
	for range Elements(strings.NewReader(`[1,2,3]`), "", 0) {
		break // no complaint about what follows
	}
}

func TestElementsErrors(t *testing.T) {
	big := `{"items":[1,"` + strings.Repeat("x", 10_000) + `"]}`
	var e *ElementError
	if got, err := elementsOf(strings.NewReader(big), "items", 5000); !errors.As(err, &e) || e.Limit != 5000 {
		t.Errorf("%q, %v", got, err)
	}
	for text, want := range map[string]string{
		`{"items":[1,{"b":tru}]}`: "document: this is no JSON: ", `{"items":{}}`: `document: no array at "items": it is an object`, `{"items":[1`: "document: the JSON is cut short", "": "document: empty, where JSON is wanted",
		`x`: "document: this is no JSON: ", `{"items":[]} x`: "document: text after the end of the JSON",
	} {
		if _, err := elementsOf(strings.NewReader(text), "items", 0); err == nil || !strings.HasPrefix(err.Error(), want) || strings.Contains(err.Error(), "callback") {
			t.Errorf("%q: %v, want %q", text, err, want)
		}
	}
	cut := &TruncatedError{Have: 1, Want: 2}
	for _, text := range []string{"", `{"items":[1,`, `{"items":[1]}`, `{"ite`} {
		if _, err := elementsOf(io.MultiReader(strings.NewReader(text), iotest.ErrReader(cut)), "items", 0); !errors.Is(err, error(cut)) {
			t.Errorf("%q: %v", text, err)
		}
	}
}

func FuzzElements(f *testing.F) {
	f.Add(`{"items":[{"a":1},[2],"\u00e9"]}`)
	f.Add(`{"a":[],"items":[ 1 , 2 ]} `)
	f.Add(`{"items":[1`)
	f.Fuzz(func(t *testing.T, text string) {
		got, err := elementsOf(strings.NewReader(text), "items", 0)
		slow, slowErr := elementsOf(iotest.OneByteReader(strings.NewReader(text)), "items", 0)
		if (err == nil) != (slowErr == nil) || err == nil && got != slow {
			t.Fatalf("%q %v, bytewise %q %v", got, err, slow, slowErr)
		}
		if err != nil {
			return
		}
		var doc map[string][]json.RawMessage
		if json.Unmarshal([]byte(text), &doc) != nil || strings.Count(text, "items") != 1 {
			return
		}
		var want []string
		for _, raw := range doc["items"] {
			want = append(want, string(raw))
		}
		if got != strings.Join(want, " ") {
			t.Fatalf("%q has %q, encoding/json finds %q", text, got, want)
		}
	})
}

func TestLines(t *testing.T) {
	long := `"` + strings.Repeat("x", 100_000) + `"`
	for _, test := range []struct {
		text  string
		limit int
		want  []string
		fails int64 // index, -1 for none
	}{
		{"", 0, nil, -1},
		{"{}\n{\"a\":1}\r\n\n  \n[]", 0, []string{"{}", `{"a":1}`, "[]"}, -1},
		{long + "\n" + long, 0, []string{long, long}, -1},
		{"1\n" + long + "\n", 100_001, []string{"1"}, 1},
		{"1\n" + long, len(long), []string{"1", long}, -1},
		{"12345\n123456\n", 5, []string{"12345"}, 1},
	} {
		for _, src := range []io.Reader{strings.NewReader(test.text), iotest.HalfReader(strings.NewReader(test.text))} {
			var got []string
			var err error
			for line, lineErr := range Lines(src, test.limit) {
				if err = lineErr; err == nil {
					got = append(got, string(line))
				}
			}
			var e *ElementError
			if errors.As(err, &e) != (test.fails >= 0) || e != nil && e.Index != test.fails || e == nil && err != nil {
				t.Errorf("%.20q: %v, want one at %d", test.text, err, test.fails)
			}
			if fmt.Sprint(got) != fmt.Sprint(test.want) {
				t.Errorf("%.20q: %.200q", test.text, got)
			}
		}
	}
	cut := errors.New("cut")
	n := 0
	for _, err := range Lines(io.MultiReader(strings.NewReader("1\n{\"half"), iotest.ErrReader(cut)), 0) {
		if n++; n == 2 && !errors.Is(err, cut) {
			t.Error(err)
		}
	}
	if n != 2 {
		t.Errorf("%d lines", n)
	}
}

// manyElements is a document of so many elements and an empty one.
func manyElements(n int) string {
	return `{"items":[` + strings.Repeat(`{"parentAsin":"B000000001","traffic":{"sessions":12,"views":3.5,"buyBox":[1,2,3]}},`, n) + `{}]}`
}

// TestElementsAllocations: an element takes one.
func TestElementsAllocations(t *testing.T) {
	const elements = 20_000
	text := manyElements(elements)
	got := testing.AllocsPerRun(3, func() {
		for _, err := range Elements(strings.NewReader(text), "items", 0) {
			if err != nil {
				t.Fatal(err)
			}
		}
	})
	if got > elements+200 {
		t.Errorf("%.0f allocations for %d elements", got, elements)
	}
}

func BenchmarkElements(b *testing.B) {
	text := manyElements(20_000)
	b.SetBytes(int64(len(text)))
	b.ReportAllocs()
	for b.Loop() {
		for _, err := range Elements(strings.NewReader(text), "items", 0) {
			if err != nil {
				b.Fatal(err)
			}
		}
	}
}

// Limits of nothing and of everything are the same for all that is bounded.
func TestLimitsAtTheirEnds(t *testing.T) {
	for _, limit := range []int{math.MinInt, -1, 0, math.MaxInt} {
		if got, err := elementsOf(strings.NewReader(`[1,2]`), "", limit); err != nil || got == "" {
			t.Errorf("Elements within %d: %q, %v", limit, got, err)
		}
		n := 0
		for line, err := range Lines(strings.NewReader("{}\n{}\n"), limit) {
			if n++; err != nil || string(line) != "{}" {
				t.Errorf("Lines within %d: %q, %v", limit, line, err)
			}
		}
		if n != 2 {
			t.Errorf("Lines within %d: %d", limit, n)
		}
		_, rows, _, err := readRows(t, strings.NewReader("a\tb\n1\t2\n"), RowOptions{MaxLine: limit})
		if err != nil || len(rows) != 1 {
			t.Errorf("rows within %d: %v, %v", limit, rows, err)
		}
	}
}
