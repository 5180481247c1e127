package document

import (
	"bytes"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"reflect"
	"slices"
	"strings"
	"testing"
	"testing/iotest"
	"unicode/utf8"
)

func readRows(t testing.TB, src io.Reader, options RowOptions) (*Header, [][]string, RowStats, error) {
	t.Helper()
	rows := NewRows(src, options)
	header, err := rows.Header()
	if err != nil {
		return header, nil, rows.Stats(), err
	}
	var out [][]string
	for row, rowErr := range rows.All() {
		if rowErr != nil {
			err = rowErr
			continue // the loop must end by itself
		}
		fields := row.Strings()
		for i := range fields {
			if string(row.Field(i)) != fields[i] {
				t.Fatalf("field %d is %q and %q", i, row.Field(i), fields[i])
			}
		}
		if row.Field(len(fields)) != nil || row.Field(-1) != nil {
			t.Fatal("a field beyond the row")
		}
		out = append(out, fields)
	}
	return header, out, rows.Stats(), err
}

func TestRows(t *testing.T) {
	for _, test := range []struct {
		name    string
		text    string
		options RowOptions
		header  []string // unique names
		rows    [][]string
		stats   RowStats
	}{
		{name: "plain", text: "a\tb\n1\t2\n3\t4\n", header: []string{"a", "b"}, rows: [][]string{{"1", "2"}, {"3", "4"}}, stats: RowStats{Rows: 2, Lines: 3}},
		{name: "CRLF", text: "a\tb\r\n1\t2\r\n", header: []string{"a", "b"}, rows: [][]string{{"1", "2"}}, stats: RowStats{Rows: 1, Lines: 2}},
		{name: "no line end at the end", text: "a\tb\n1\t2", header: []string{"a", "b"}, rows: [][]string{{"1", "2"}}, stats: RowStats{Rows: 1, Lines: 2}},
		{name: "empty", header: []string{}},
		{name: "nothing but line ends", text: "\r\n\n\n", header: []string{}, stats: RowStats{Lines: 3}},
		{name: "header only", text: "a\tb\r\n", header: []string{"a", "b"}, stats: RowStats{Lines: 1}},
		{name: "header only, no line end", text: "a\tb", header: []string{"a", "b"}, stats: RowStats{Lines: 1}},
		{name: "one column", text: "sku\nA\n\nB\n", header: []string{"sku"}, rows: [][]string{{"A"}, {"B"}}, stats: RowStats{Rows: 2, Lines: 4, Blank: 1}},
		{name: "quotes are characters", text: "a\tb\n\"1\tx\"y\"\n", header: []string{"a", "b"}, rows: [][]string{{`"1`, `x"y"`}}, stats: RowStats{Rows: 1, Lines: 2}},
		{name: "stray CR", text: "a\tb\n1\rx\t2\r\r\n", header: []string{"a", "b"}, rows: [][]string{{"1\rx", "2\r"}}, stats: RowStats{Rows: 1, Lines: 2, CR: 2}},
		{name: "trailing tabs", text: "a\tb\t\n1\t2\t\t\n3\t4\n", header: []string{"a", "b"}, rows: [][]string{{"1", "2"}, {"3", "4"}}, stats: RowStats{Rows: 2, Lines: 3, Trailing: 1}},
		{name: "short and long", text: "a\tb\n1\n1\t2\t3\t\n", header: []string{"a", "b"}, rows: [][]string{{"1"}, {"1", "2", "3", ""}}, stats: RowStats{Rows: 2, Lines: 3, Short: 1, Long: 1}},
		{name: "empty fields", text: "a\tb\tc\n\t\t\n", header: []string{"a", "b", "c"}, rows: [][]string{{"", "", ""}}, stats: RowStats{Rows: 1, Lines: 2}},
		{name: "duplicate, empty and clashing names", text: "amount\t\tamount\tamount_2\tamount\tx\n", header: []string{"amount", "column_2", "amount_3", "amount_2", "amount_4", "x"}, stats: RowStats{Lines: 1}},
		{name: "line feed in a field", text: "a\tb\tc\r\n1\tx\ny\t3\r\n4\t5\t6\r\n", header: []string{"a", "b", "c"},
			rows: [][]string{{"1", "x\ny", "3"}, {"4", "5", "6"}}, stats: RowStats{Rows: 2, Lines: 4, Joined: 1}},
		{name: "several line feeds in fields", text: "a\tb\tc\r\n1\n\n2\tx\ny\t3\r\n4\t5\t6\r\n", header: []string{"a", "b", "c"},
			rows: [][]string{{"1\n\n2", "x\ny", "3"}, {"4", "5", "6"}}, stats: RowStats{Rows: 2, Lines: 6, Joined: 1}},
		{name: "a short row is not joined to a whole one", text: "a\tb\tc\r\n1\t2\n4\t5\t6\r\n", header: []string{"a", "b", "c"},
			rows: [][]string{{"1", "2"}, {"4", "5", "6"}}, stats: RowStats{Rows: 2, Lines: 3, Short: 1}},
		{name: "lines without CR are never joined", text: "a\tb\tc\n1\t2\n\t4", header: []string{"a", "b", "c"},
			rows: [][]string{{"1", "2"}, {"", "4"}}, stats: RowStats{Rows: 2, Lines: 3, Short: 2}},
		{name: "only the header's line ends with CRLF", text: "a\tb\tc\r\n1\t2\n3\t4\n5\n", header: []string{"a", "b", "c"},
			rows: [][]string{{"1", "2"}, {"3", "4"}, {"5"}}, stats: RowStats{Rows: 3, Lines: 4, Short: 3}},
		{name: "CSV", text: "a,b\n\"x, y\",\"say \"\"hi\"\"\"\n\"two\nlines\",\n", header: []string{"a", "b"},
			rows: [][]string{{"x, y", `say "hi"`}, {"two\nlines", ""}}, stats: RowStats{Rows: 2, Lines: 4}},
		{name: "CSV with CRLF", text: "a,b\r\n\"1\r\n2\",3\r\n", header: []string{"a", "b"}, rows: [][]string{{"1\r\n2", "3"}}, stats: RowStats{Rows: 1, Lines: 3, CR: 1}},
		{name: "CSV with sloppy quotes", text: "a,b\n5\" pipe,\"x\"y\n", header: []string{"a", "b"}, rows: [][]string{{`5" pipe`, "xy"}}, stats: RowStats{Rows: 1, Lines: 2}},
		{name: "quoted tabs, as the ledger", text: "\"Date\"\t\"FNSKU\"\n\"01/02/2026\"\t\"X\tY\"\n", header: []string{"Date", "FNSKU"},
			rows: [][]string{{"01/02/2026", "X\tY"}}, stats: RowStats{Rows: 1, Lines: 2}},
		{name: "semicolons", text: "a;b\n1;2,5\n", header: []string{"a", "b"}, rows: [][]string{{"1", "2,5"}}, stats: RowStats{Rows: 1, Lines: 2}},
		{name: "comma in a one-column header that is tab-separated", text: "a, b\nx,y\n", options: RowOptions{Dialect: TSV}, header: []string{"a, b"}, rows: [][]string{{"x,y"}}, stats: RowStats{Rows: 1, Lines: 2}},
		{name: "preamble", text: "All amounts in EUR\n\na,b\n1,2\n", options: RowOptions{Skip: 1}, header: []string{"a", "b"}, rows: [][]string{{"1", "2"}}, stats: RowStats{Rows: 1, Lines: 4}},
		{name: "only a preamble", text: "All amounts in EUR", options: RowOptions{Skip: 3}, header: []string{}, stats: RowStats{Lines: 1}},
	} {
		t.Run(test.name, func(t *testing.T) {
			for _, src := range []io.Reader{strings.NewReader(test.text), iotest.OneByteReader(strings.NewReader(test.text)), iotest.DataErrReader(strings.NewReader(test.text))} {
				header, rows, stats, err := readRows(t, src, test.options)
				if err != nil {
					t.Fatal(err)
				}
				if got := header.Unique(); len(got) != len(test.header) || len(got) > 0 && !reflect.DeepEqual(got, test.header) {
					t.Errorf("header %q, want %q", got, test.header)
				}
				if !reflect.DeepEqual(rows, test.rows) {
					t.Errorf("rows %q, want %q", rows, test.rows)
				}
				if stats != test.stats {
					t.Errorf("stats %+v, want %+v", stats, test.stats)
				}
			}
		})
	}
}

func TestRowLines(t *testing.T) {
	rows := NewRows(strings.NewReader("a,b\n\"1\n2\",3\n\n4,5\n"), RowOptions{})
	var lines []int64
	var kept Row
	for row, err := range rows.All() {
		if err != nil {
			t.Fatal(err)
		}
		if lines == nil {
			kept = row.Clone()
		}
		lines = append(lines, row.Line())
	}
	if !reflect.DeepEqual(lines, []int64{2, 5}) {
		t.Errorf("rows start at %d", lines)
	}
	if kept.Get("a") != "1\n2" || kept.Get("nothing", "B") != "3" || kept.Get("c") != "" {
		t.Errorf("%q", kept.Strings())
	}
	if s := fmt.Sprintf("%v %+v %s", kept, kept, kept); strings.Contains(s, "3}") || !strings.Contains(s, "line 2") {
		t.Error(s)
	}
}

func TestRowsGoOn(t *testing.T) {
	rows := NewRows(strings.NewReader("a\n1\n2\n3\n"), RowOptions{})
	var got []string
	for range 5 {
		for row := range rows.All() {
			got = append(got, row.Get("a"))
			break
		}
	}
	if strings.Join(got, "") != "123" {
		t.Errorf("%q", got)
	}
}

func TestLongLines(t *testing.T) {
	long := strings.Repeat("x", 5000)
	for _, test := range []struct {
		name, text string
		limit      int
		line       int64 // of the error, 0 for none
	}{
		{"fits exactly", "a\tb\n" + long + "\n", 5000, 0},
		{"one byte too much", "a\tb\n1\t2\n" + long + "y\n", 5000, 3},
		{"no line end", "a\tb\n" + long + "yz", 5000, 2},
		{"header", long + "y\n", 5000, 1},
		{"quoted over many lines", "a,b\n\"" + strings.Repeat("x\n", 3000) + "\",1\n", 5000, 2},
		{"never ends", "a\tb\n1\t2\n\n" + strings.Repeat(long, 1000), 100_000, 4},
	} {
		_, _, _, err := readRows(t, strings.NewReader(test.text), RowOptions{MaxLine: test.limit})
		var e *LineError
		if (test.line != 0) != errors.As(err, &e) {
			t.Errorf("%s: %v", test.name, err)
		} else if e != nil && (e.Limit != test.limit || e.Size <= test.limit || !strings.Contains(e.Error(), fmt.Sprint("line ", test.line))) {
			t.Errorf("%s: %v, want line %d", test.name, e, test.line)
		}
	}
}

func TestRowErrors(t *testing.T) {
	_, rows, _, err := readRows(t, strings.NewReader("a,b\n1,2\n3,\"never closed\n4,5\n"), RowOptions{})
	if !errors.Is(err, ErrQuote) || !strings.Contains(err.Error(), "line 3") || len(rows) != 1 {
		t.Errorf("%v after %q", err, rows)
	}
	cut := &TruncatedError{Have: 3, Want: 9}
	for _, text := range []string{"a,b\n1,2\n3,4", "a\tb\r\n1\n2\t3", "a,b\n\"x\n"} {
		_, _, _, err = readRows(t, io.MultiReader(strings.NewReader(text), iotest.ErrReader(cut)), RowOptions{})
		if !errors.Is(err, error(cut)) {
			t.Errorf("%q: %v", text, err)
		}
	}
	if _, _, _, err = readRows(t, iotest.ErrReader(cut), RowOptions{}); !errors.Is(err, error(cut)) {
		t.Errorf("%v", err)
	}
	for _, err := range NewRows(iotest.ErrReader(cut), RowOptions{}).All() {
		if !errors.Is(err, error(cut)) {
			t.Errorf("%v", err)
		}
	}
}

func TestHeaderIndex(t *testing.T) {
	h := NewHeader([]string{"order-id", "SKU", "sku", " Bestellnummer ", "出品者 SKU"})
	for _, test := range []struct {
		names []string
		want  int
	}{
		{[]string{"order-id"}, 0}, {[]string{"Order ID"}, 0}, {[]string{"order_id"}, 0}, {[]string{"sku"}, 2}, {[]string{"SKU"}, 1}, {[]string{"S K U"}, 1},
		{[]string{"nothing", "bestellnummer"}, 3}, {[]string{"出品者sku"}, 4}, {[]string{"nothing"}, -1}, {nil, -1}, {[]string{""}, -1},
	} {
		if got := h.Index(test.names...); got != test.want {
			t.Errorf("%q is column %d, want %d", test.names, got, test.want)
		}
	}
}

func FuzzRows(f *testing.F) {
	for _, seed := range []string{"a\tb\n1\t2\n", "a\tb\tc\r\n1\tx\ny\t3\r\n", "\"a\"\t\"b\"\n\"1\t\n\"\"\t2\n", "a,b\n\"1\n2\",3\r\n", "\n\n", "a\n\r\n\r\r\n", "x;y\n;;;\n\t"} {
		f.Add([]byte(seed), byte(0), false)
		f.Add([]byte(seed), byte('\t'), false)
		f.Add([]byte(seed), byte(','), true)
	}
	f.Fuzz(func(t *testing.T, text []byte, separator byte, quoted bool) {
		if separator == '\n' || separator == '\r' || separator == '"' {
			return
		}
		options := RowOptions{Dialect: Dialect{separator, quoted}, MaxLine: 1000}
		header, rows, stats, err := readRows(t, bytes.NewReader(text), options)
		header2, rows2, stats2, err2 := readRows(t, iotest.OneByteReader(bytes.NewReader(text)), options)
		if !reflect.DeepEqual(rows, rows2) || !reflect.DeepEqual(header.Unique(), header2.Unique()) || (err == nil) != (err2 == nil) || stats != stats2 {
			t.Fatalf("whole %q %v %+v, bytewise %q %v %+v", rows, err, stats, rows2, err2, stats2)
		}
		if int64(len(rows)) != stats.Rows || stats.Lines > int64(bytes.Count(text, []byte{'\n'})+1) {
			t.Fatalf("%d rows, %+v", len(rows), stats)
		}
		seen := map[string]bool{}
		for _, name := range header.Unique() {
			if seen[name] || strings.TrimSpace(name) == "" {
				t.Fatalf("names %q", header.Unique())
			}
			seen[name] = true
		}
		if err != nil || header.Len() == 0 {
			return
		}
		// Without quoting nothing is lost: all characters but line ends and separators come through, in their order.
		if separator != 0 && !quoted {
			var got, want strings.Builder
			for _, name := range header.Names() {
				got.WriteString(name)
			}
			for _, row := range rows {
				got.WriteString(strings.Join(row, ""))
			}
			want.Write(text)
			if drop(got.String(), separator) != drop(want.String(), separator) {
				t.Fatalf("%q became %q with header %q", text, rows, header.Names())
			}
		}
	})
}

func drop(s string, separator byte) string {
	return strings.NewReplacer("\r", "", "\n", "", string(rune(separator)), "", string([]byte{separator}), "", " ", "", "\t", "", "\v", "", "\f", "", "\u0085", "", "\u00a0", "").Replace(s)
}

// What encoding/csv writes comes back.
func FuzzCSV(f *testing.F) {
	f.Add("a", "b\"c", "d,e\nf")
	f.Add("", "\r", "\t")
	f.Fuzz(func(t *testing.T, a, b, c string) {
		if !utf8.ValidString(a + b + c) {
			return
		}
		var buf bytes.Buffer
		w := csv.NewWriter(&buf)
		_ = w.Write([]string{"x", "y", "z"})
		_ = w.Write([]string{a, b, c})
		w.Flush()
		_, rows, _, err := readRows(t, &buf, RowOptions{Dialect: CSV})
		if err != nil || len(rows) != 1 || !reflect.DeepEqual(rows[0], []string{a, b, c}) {
			t.Fatalf("%q, %v, want %q", rows, err, []string{a, b, c})
		}
	})
}

func TestRowsDoNotAllocatePerRow(t *testing.T) {
	text := "a\tb\tc\n" + strings.Repeat("one\ttwo\tthree\n", 50_000)
	allocs := testing.AllocsPerRun(3, func() {
		n := 0
		for row, err := range NewRows(strings.NewReader(text), RowOptions{}).All() {
			if err != nil {
				t.Fatal(err)
			}
			n += len(row.Field(2))
		}
		if n != 5*50_000 {
			t.Fatal(n)
		}
	})
	if allocs > 100 {
		t.Errorf("%v allocations for 50,000 rows", allocs)
	}
}

func BenchmarkRows(b *testing.B) {
	text := "a\tb\tc\td\n" + strings.Repeat("250-1234567-1234567\tSKU-000123\t12.99\tA name of some length in it\n", 20_000)
	b.SetBytes(int64(len(text)))
	b.ReportAllocs()
	for b.Loop() {
		for _, err := range NewRows(strings.NewReader(text), RowOptions{Dialect: TSV}).All() {
			if err != nil {
				b.Fatal(err)
			}
		}
	}
}

// A row is put together from at most 64 lines: a document that only looks as if its rows were cut is neither hoarded nor glued into one row.
func TestJoinBound(t *testing.T) {
	for lines, want := range map[int][]string{
		maxJoined:     {"a|" + strings.Repeat("x\n", maxJoined-1) + "x|c", "1|2|3"},
		maxJoined + 1: nil,
	} {
		text := "A\tB\tC\r\na\t" + strings.Repeat("x\n", lines-1) + "x\tc\r\n1\t2\t3\r\n"
		_, rows, stats, err := readRows(t, strings.NewReader(text), RowOptions{})
		if err != nil {
			t.Fatal(err)
		}
		var got []string
		for _, row := range rows {
			got = append(got, strings.Join(row, "|"))
		}
		if want != nil && !slices.Equal(got, want) {
			t.Errorf("%d lines: got %q", lines, got)
		}
		if want != nil && stats.Joined != 1 || want == nil && (stats.Joined != 0 || len(got) != lines+1 || got[0] != "a|x") {
			t.Errorf("%d lines: %d rows, the first %q, %+v", lines, len(got), got[0], stats)
		}
		if stats.Lines != int64(lines+2) {
			t.Errorf("%d lines: counted %d", lines, stats.Lines)
		}
	}
}
