package wire

import (
	"encoding/json"
	"errors"
	"io"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// sample has a field of every kind.
type sample struct {
	S    string            `json:"s,omitzero"`
	B    *bool             `json:"b,omitzero"`
	I    *int64            `json:"i,omitzero"`
	N    json.Number       `json:"n,omitzero"`
	T    time.Time         `json:"t,omitzero"`
	D    Date              `json:"d,omitzero"`
	O    *sample           `json:"o,omitzero"`
	L    []sample          `json:"l,omitzero"`
	SS   []string          `json:"ss,omitzero"`
	Raw  json.RawMessage   `json:"raw,omitzero"`
	M    map[string]string `json:"m,omitzero"`
	Ints []int64           `json:"ints,omitzero"`
}

func decodeSample(body []byte) (*sample, []Warning, error) { return Decode[*sample](body, false) }

func TestDecodeTolerant(t *testing.T) {
	yes, no := true, false
	n := func(v int64) *int64 { return &v }
	day := time.Date(2024, 12, 31, 0, 0, 0, 0, time.UTC)
	for _, tt := range []struct {
		name, body string
		want       sample
		warnings   []string
	}{
		{"all kinds", `{"s":"a","b":true,"i":7,"n":12.50,"ss":["x","y"],"raw":{"k":[1]},"m":{"k":"v"},"ints":[1,2]}`,
			sample{S: "a", B: &yes, I: n(7), N: "12.50", SS: []string{"x", "y"}, Raw: json.RawMessage(`{"k":[1]}`), M: map[string]string{"k": "v"}, Ints: []int64{1, 2}}, nil},
		{"unknown members", `{"new":{"deep":[1,{"s":2}]},"s":"a"}`, sample{S: "a"}, nil},
		{"nulls are absent", `{"s":null,"b":null,"i":null,"n":null,"t":null,"d":null,"o":null,"l":null,"ss":null,"raw":null,"m":null}`, sample{}, nil},
		{"numbers as strings", `{"i":" 42 ","n":" 1.5 "}`, sample{I: n(42), N: "1.5"}, nil},
		{"strings as numbers and booleans", `{"s":17.0}`, sample{S: "17.0"}, nil},
		{"boolean spellings", `{"b":"False"}`, sample{B: &no}, nil},
		{"integer with a point", `{"i":3.0}`, sample{I: n(3)}, nil},
		{"integer of 19 digits", `{"i":9223372036854775807}`, sample{I: n(9223372036854775807)}, nil},
		{"negative integer", `{"i":-5}`, sample{I: n(-5)}, nil},
		{"empty strings are absent", `{"i":"","n":"","b":"","t":""}`, sample{}, nil},
		{"empty array is not absent", `{"l":[],"ss":[]}`, sample{L: []sample{}, SS: []string{}}, nil},
		{"nested lists of one type", `{"l":[{"l":[{"s":"a"},{"s":"b"}],"s":"c"},{"s":"d"}]}`,
			sample{L: []sample{{L: []sample{{S: "a"}, {S: "b"}}, S: "c"}, {S: "d"}}}, nil},
		{"null elements keep their place", `{"ss":["a",null,"b"],"l":[null,{"s":"x"}]}`, sample{SS: []string{"a", "", "b"}, L: []sample{{}, {S: "x"}}}, nil},
		{"escapes", `{"s":"\u00fc\n\"\ud83d\ude00"}`, sample{S: "ü\n\"😀"}, nil},
		{"escapes in what is no text", `{"t":"2024-12-31T01:00:00\u002b01:00","d":"2024\/12\/31","i":"\u0037","n":"\u002d1","b":"\u0074rue"}`,
			sample{T: day, D: Date{2024, 12, 31}, I: n(7), N: "-1", B: &yes}, nil},
		{"date in date-time", `{"t":"2024-12-31","d":"2024-12-31T22:00:00-08:00"}`, sample{T: day, D: Date{2024, 12, 31}}, nil},
		{"byte order mark", "\xef\xbb\xbf" + `{"s":"a"}`, sample{S: "a"}, nil},
		{"wrong types", `{"s":{"x":1},"b":"maybe","i":1.5,"n":"1.5 EUR","t":"soon","o":"x","l":{},"ss":{"a":1},"m":[1]}`, sample{}, []string{
			`s: not a string: {"x":1}`, `b: not a boolean: "maybe"`, `i: not an integer: 1.5`, `n: not a number: "1.5 EUR"`, `t: not a date-time: "soon"`,
			`o: not an object: "x"`, `l: not an array: {}`, `ss: not an array: {"a":1}`, `m: not an object: [1]`}},
		{"a single value is a list of one", `{"s":"a","l":{"s":"b","l":{"i":1}},"ss":"one","ints":7}`,
			sample{S: "a", L: []sample{{S: "b", L: []sample{{I: n(1)}}}}, SS: []string{"one"}, Ints: []int64{7}},
			[]string{`l: not an array, taken as its one element: {"s":"b","l":{"i":1}}`, `l.l: not an array, taken as its one element: {"i":1}`,
				`ss: not an array, taken as its one element: "one"`, `ints: not an array, taken as its one element: 7`}},
		{"a single value of another kind is none", `{"l":"x","ss":{"s":"a"},"ints":true}`, sample{Ints: []int64{0}},
			[]string{`l: not an array: "x"`, `ss: not an array: {"s":"a"}`, `ints: not an array, taken as its one element: true`, `ints: not an integer: true`}},
		{"nothing is no element", `{"l":{ },"ss":""}`, sample{}, []string{`l: not an array: { }`, `ss: not an array: ""`}},
		{"a list of one is a single value", `{"o":[{"s":"a","o":{"i":1}}],"s":[ "b" ],"i":[7],"b":["true"],"n":["1.5"],"t":["2024-12-31"],"d":["2024-12-31"],"m":[{"k":["v"]}],"ints":[[8]]}`,
			sample{O: &sample{S: "a", O: &sample{I: n(1)}}, S: "b", I: n(7), B: &yes, N: "1.5", T: day, D: Date{2024, 12, 31}, M: map[string]string{"k": "v"}, Ints: []int64{8}},
			[]string{`o: a list, whose only element is taken: [{"s":"a","o":{"i":1}}]`, `s: a list, whose only element is taken: [ "b" ]`,
				`i: a list, whose only element is taken: [7]`, `b: a list, whose only element is taken: ["true"]`, `n: a list, whose only element is taken: ["1.5"]`,
				`t: a list, whose only element is taken: ["2024-12-31"]`, `d: a list, whose only element is taken: ["2024-12-31"]`,
				`m: a list, whose only element is taken: [{"k":["v"]}]`, `m[0].k: a list, whose only element is taken: ["v"]`, `ints[0]: a list, whose only element is taken: [8]`}},
		{"lists of none, of several and of another kind", `{"o":[],"s":["a","b"],"i":[[1]],"n":[{}],"t":[null],"m":[{},{}],"ints":[1]}`, sample{Ints: []int64{1}},
			[]string{`o: not an object: []`, `s: not a string: ["a","b"]`, `i: not an integer: [[1]]`, `n: not a number: [{}]`, `t: not a date-time: [null]`, `m: not an object: [{},{}]`}},
		{"path of a warning", `{"s":"a","l":[{"s":"b"},{"o":{"i":"x"}}]}`, sample{S: "a", L: []sample{{S: "b"}, {O: &sample{}}}}, []string{`l[1].o.i: not an integer: "x"`}},
		{"path behind escapes", `{"s":"{\\\"[,","m":{"\\\\":"x","}\"":"y"},"i":"x"}`, sample{S: `{\"[,`, M: map[string]string{`\\`: "x", `}"`: "y"}},
			[]string{`i: not an integer: "x"`}},
		{"name cut between letters", `{"m":{"` + strings.Repeat("ü", 33) + `":{}}}`, sample{M: map[string]string{strings.Repeat("ü", 33): ""}},
			[]string{"m." + strings.Repeat("ü", 30) + "...: not a string: {}"}},
		{"value cut between letters", `{"i":"a` + strings.Repeat("ü", 40) + `"}`, sample{}, []string{`i: not an integer: "a` + strings.Repeat("ü", 29) + "..."}},
		{"overflow", `{"i":1e30}`, sample{}, []string{`i: not an integer: 1e30`}},
		{"bad UTF-8", "{\"s\":\"a\xff\"}", sample{S: "a\uFFFD"}, []string{`: not UTF-8, bad bytes replaced: {"s":"a` + "\uFFFD" + `"}`}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			got, warnings, err := decodeSample([]byte(tt.body))
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(&tt.want, got); diff != "" {
				t.Error(diff)
			}
			var texts []string
			for _, w := range warnings {
				texts = append(texts, w.String())
			}
			if diff := cmp.Diff(tt.warnings, texts); diff != "" {
				t.Error(diff)
			}
		})
	}
}

// An integer of any length is read exactly or rejected; none wraps, and none is rounded.
func TestIntegersKeepTheirValue(t *testing.T) {
	const most, least = "9223372036854775807", "-9223372036854775808"
	for _, body := range []string{"999999999999999999", "1000000000000000000", most, "-" + most, least} {
		point := len(body) - 2
		for _, text := range []string{body, `"` + body + `"`, body + ".0", body + ".000", body + "e0", body + "000e-3", body[:point] + "." + body[point:] + "E+2"} {
			got, warnings, err := decodeSample([]byte(`{"i":` + text + `}`))
			if err != nil || len(warnings) > 0 || got.I == nil || strconv.FormatInt(*got.I, 10) != body {
				t.Errorf("%s is read as %v, %v, %v", text, got.I, warnings, err)
			}
		}
	}
	bad := []string{
		"9223372036854775808", "-9223372036854775809", "9007199254740993.5", "1.99999999999999999999", "0.00000000000000000000001", "1e-400",
		"99999999999999999e-1", "1e999999999", "1e99999999999999999999", "1e", "1e19", "9223372036854775808.0", "1e-1", ".", "-", "+", "0x10", "1_000", "Infinity"}
	for digits := 20; digits <= 25; digits++ {
		for _, d := range "19" {
			bad = append(bad, strings.Repeat(string(d), digits), "-"+strings.Repeat(string(d), digits))
		}
		bad = append(bad, "18446744073709551617"+strings.Repeat("0", digits-20)) // 2^64+1 wraps to 1
	}
	for _, text := range bad {
		text = `"` + text + `"`
		got, warnings, err := decodeSample([]byte(`{"i":` + text + `,"ints":[` + text + `]}`))
		if err != nil || got.I != nil || len(warnings) != 2 || got.Ints[0] != 0 {
			t.Errorf("%s is read as %v and %v, %v, %v", text, got.I, got.Ints, warnings, err)
		}
	}
	for text, want := range map[string]int64{
		"1e3": 1000, "12.50e1": 125, "-0": 0, "0.00": 0, "0e9": 0, "1E+2": 100, "9007199254740993e0": 9007199254740993, "007": 7,
	} {
		got, warnings, err := decodeSample([]byte(`{"i":"` + text + `"}`))
		if err != nil || len(warnings) > 0 || got.I == nil || *got.I != want {
			t.Errorf("%s is read as %v, %v, %v; want %d", text, got.I, warnings, err, want)
		}
	}
	for _, digits := range []string{most + "0", "123456789012345678901234567890.10"} { // decimals are kept as they are written
		if got, _, err := decodeSample([]byte(`{"n":` + digits + `}`)); err != nil || string(got.N) != digits {
			t.Errorf("%s is read as %s, %v", digits, got.N, err)
		}
		if got, warnings, err := decodeSample([]byte(`{"t":` + digits + `}`)); err != nil || !got.T.IsZero() || len(warnings) != 1 {
			t.Errorf("%s is read as the time %s, %v, %v", digits, got.T, warnings, err)
		}
	}
}

// Who keeps or lengthens one result changes no other.
func TestResultsDoNotOverlap(t *testing.T) {
	got, _, err := decodeSample([]byte(`{"raw":[1],"s":"after","i":1,"o":{"i":2,"o":{"i":3}}}`))
	if err != nil {
		t.Fatal(err)
	}
	_ = append(got.Raw, 'X')
	if got.S != "after" || *got.I != 1 || *got.O.I != 2 || *got.O.O.I != 3 {
		t.Errorf("got %s %d %d %d", got.S, *got.I, *got.O.I, *got.O.O.I)
	}
	for _, inner := range []int{1, 15, 16, 17, 200} { // on both sides of the bounds at which memory is handed over and chunks end
		one := `{"l":[` + strings.TrimSuffix(strings.Repeat(`{"s":"in"},`, inner), ",") + `],"ss":["a","b"]}`
		body := `{"l":[{"s":"first"},` + one + `,` + one + `,{"s":"last"}],"ss":["c"]}`
		got, warnings, err := decodeSample([]byte(body))
		if err != nil || len(warnings) > 0 || len(got.L) != 4 || got.L[0].S != "first" || got.L[3].S != "last" {
			t.Fatalf("%d inner elements: %d outer ones, %v, %v", inner, len(got.L), warnings, err)
		}
		for i := range 2 {
			l := got.L[1+i]
			if len(l.L) != inner || cap(l.L) != inner || cap(l.SS) != 2 {
				t.Fatalf("%d inner elements: length %d, capacities %d and %d", inner, len(l.L), cap(l.L), cap(l.SS))
			}
			_ = append(l.L, sample{S: "XXX"})
			_ = append(l.SS, "XXX")
		}
		for i := range 2 {
			for _, v := range got.L[1+i].L {
				if v.S != "in" {
					t.Fatalf("%d inner elements: one is %q", inner, v.S)
				}
			}
		}
		if got.SS[0] != "c" {
			t.Errorf("%d inner elements: %q", inner, got.SS)
		}
	}
}

func TestDateText(t *testing.T) {
	type holder struct {
		D Date
	}
	for text, want := range map[string]Date{`{"D":"0987-01-02"}`: {987, 1, 2}, `{"D":"2024-02-29"}`: {2024, 2, 29}, `{"D":""}`: {}} {
		h := holder{Date{1, 1, 1}}
		if err := json.Unmarshal([]byte(text), &h); err != nil || h.D != want {
			t.Errorf("%s is read as %v, %v", text, h.D, err)
		}
		if out, err := json.Marshal(h); err != nil || string(out) != text {
			t.Errorf("%v is written as %s, %v", h.D, out, err)
		}
	}
	for _, bad := range []string{"2023-02-29", "2024-1-2", "2024-01-02T00:00:00Z", "soon"} {
		if err := new(Date).UnmarshalText([]byte(bad)); err == nil || !strings.Contains(err.Error(), bad) {
			t.Errorf("%s: %v", bad, err)
		}
	}
}

func TestDecodeMalformed(t *testing.T) {
	whole := `{"s":"abc","l":[{"s":"x","i":12},{"b":true}],"m":{"k":"v"},"n":1.5}`
	for i := range len(whole) {
		if _, _, err := decodeSample([]byte(whole[:i])); !errors.Is(err, io.ErrUnexpectedEOF) {
			t.Errorf("cut after %q: error %v, want unexpected EOF", whole[:i], err)
		}
	}
	for _, body := range []string{`{"s":"a"} x`, `{"s":"a"}{}`, `<html>`, `{"s" "a"}`, `{"s":tru}`, `{"l":[1 2]}`, `null`} {
		if _, _, err := decodeSample([]byte(body)); err == nil {
			t.Errorf("%s: no error", body)
		}
	}
	for body, want := range map[string]string{"<": `byte "<" at offset 0, want a value`, "\x1f\x8b": `byte "\x1f" at`, `{"l":` + "\xcc}": `byte "\xcc" at offset 5`} { // \xcc isn't Ì
		if _, _, err := decodeSample([]byte(body)); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v, want %s", body, err, want)
		}
	}
}

func TestPayload(t *testing.T) {
	for body, want := range map[string]string{
		`{"payload":{"s":"a"},"errors":[]}`: "a",
		`{"payload":null}`:                  "",
		`{}`:                                "",
	} {
		got, _, err := Decode[*sample]([]byte(body), true)
		if err != nil || got == nil || got.S != want {
			t.Errorf("%s: %+v, %v", body, got, err)
		}
	}
}

func TestWarningsAreBounded(t *testing.T) {
	body := []byte(`{"ss":[`)
	for range 1000 {
		body = append(body, `{},`...)
	}
	body = append(body, `{}]}`...)
	_, warnings, err := decodeSample(body)
	if err != nil || len(warnings) != maxWarnings {
		t.Fatalf("%d warnings, error %v", len(warnings), err)
	}
	if warnings[7].Path != "ss[7]" {
		t.Errorf("path %q", warnings[7].Path)
	}
}

func TestParseTime(t *testing.T) {
	local := time.Local
	time.Local = time.FixedZone("far away", -11*3600) // what is read must not depend on where the program runs
	defer func() { time.Local = local }()
	utc := func(s string) time.Time {
		v, err := time.Parse(time.RFC3339Nano, s)
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
	for in, want := range map[string]string{
		"2019-07-26T11:10:00Z":      "2019-07-26T11:10:00Z", // the first seven are the spellings in Amazon's examples
		"2020-08-17T21:05:58.193Z":  "2020-08-17T21:05:58.193Z",
		"2020-08-15T05:24:00.00Z":   "2020-08-15T05:24:00Z",
		"2025-01-12T10:30:00+09:00": "2025-01-12T01:30:00Z",
		"2024-01-07T00:00Z":         "2024-01-07T00:00:00Z",
		"2024-12-31":                "2024-12-31T00:00:00Z",
		"1650163712052":             "2022-04-17T02:48:32.052Z",
		"1650163712":                "2022-04-17T02:48:32Z",
		"2024-01-07T10:11:12":       "2024-01-07T10:11:12Z",
		"20240107T101112Z":          "2024-01-07T10:11:12Z",
		"2024-01-07T10:11:12+0100":  "2024-01-07T09:11:12Z",
		"20240107":                  "2024-01-07T00:00:00Z",
		"2024-01-07T10:11:12,5Z":    "2024-01-07T10:11:12.5Z",
		"1572288572.123":            "2019-10-28T18:49:32.123Z",
		"1.572288572123E9":          "2019-10-28T18:49:32.123Z",

		"Mon Oct 28 18:49:32 UTC 2019":    "2019-10-28T18:49:32Z",
		"Fri Nov  1 08:49:32 PDT 2019":    "2019-11-01T15:49:32Z",
		"Fri Nov 1 08:49:32 JST 2019":     "2019-10-31T23:49:32Z",
		"Mon Oct 28 18:49:32 2019":        "2019-10-28T18:49:32Z",
		"Mon, 28 Oct 2019 18:49:32 GMT":   "2019-10-28T18:49:32Z",
		"Mon, 28 Oct 2019 18:49:32 +0100": "2019-10-28T17:49:32Z",
		"2019-10-28 18:49:32 UTC":         "2019-10-28T18:49:32Z",
		"2019-10-28 18:49:32 PST":         "2019-10-29T02:49:32Z",
	} {
		got, err := ParseTime(in)
		if err != nil || !got.Equal(utc(want)) {
			t.Errorf("%s: %v, %v; want %s", in, got, err, want)
		}
		if !strings.HasSuffix(in, "00") && got.Location() != time.UTC {
			t.Errorf("%s: %v is in zone %v", in, got, got.Location())
		}
	}
	for _, in := range []string{"", "soon", "2024-13-01", "24:00", "12345678", "270000000000000", "Mon Oct 28 18:49:32 XYZ 2019", "1e300", "NaN", "1.5"} {
		if got, err := ParseTime(in); err == nil {
			t.Errorf("%q: %v, want an error", in, got)
		}
	}
}

func FuzzDecode(f *testing.F) {
	f.Add([]byte(`{"s":"abc","l":[{"s":"x","i":12},{"b":true}],"m":{"k":"v"},"n":1.5}`))
	f.Add([]byte(`{"t":270000000000000}`))
	f.Add([]byte(`{"t":1650163712052,"d":"2024-12-31","i":"x","o":{"o":{"ss":[1,null]}}}`))
	f.Fuzz(func(t *testing.T, body []byte) {
		got, _, err := decodeSample(append([]byte(nil), body...))
		if err != nil {
			return
		}
		// What was read survives being written and read again.
		first, err := json.Marshal(got)
		if err != nil {
			t.Fatalf("marshal: %v", err)
		}
		again, warnings, err := decodeSample(first)
		if err != nil || len(warnings) > 0 {
			t.Fatalf("%s: %v %v", first, warnings, err)
		}
		second, err := json.Marshal(again)
		if err != nil || string(first) != string(second) {
			t.Fatalf("%s\n%s\n%v", first, second, err)
		}
	})
}

func FuzzErrors(f *testing.F) {
	f.Add([]byte(`{"errors":[{"code":"InvalidInput","message":null}]}`))
	f.Add([]byte(`[{"code":1}]`))
	f.Fuzz(func(_ *testing.T, body []byte) {
		DecodeErrors(body)
		_, _, _ = TopLevel(body)
	})
}
