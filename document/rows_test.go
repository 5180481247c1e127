package document

import (
	"bytes"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
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
		{name: "stray CR", text: "a\tb\n1\rx\t2\r\r\n", header: []string{"a", "b"}, rows: [][]string{{"1\rx", "2"}}, stats: RowStats{Rows: 1, Lines: 2, CR: 1}},
		{name: "trailing tabs", text: "a\tb\t\n1\t2\t\t\n3\t4\n", header: []string{"a", "b"}, rows: [][]string{{"1", "2"}, {"3", "4"}}, stats: RowStats{Rows: 2, Lines: 3, Trailing: 1}},
		{name: "short and long", text: "a\tb\n1\n1\t2\t3\t\n", header: []string{"a", "b"}, rows: [][]string{{"1"}, {"1", "2", "3", ""}}, stats: RowStats{Rows: 2, Lines: 3, Short: 1, Long: 1}},
		{name: "zeros", text: "a\tb\n\x00\t2\x00\n\x00\x00", header: []string{"a", "b"}, rows: [][]string{{"\x00", "2\x00"}, {"\x00\x00"}}, stats: RowStats{Rows: 2, Lines: 3, Short: 1}},
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
		{name: "CSV with sloppy quotes", text: "a,b\n5\" pipe,\"x\"y\n", header: []string{"a", "b"}, rows: [][]string{{`5" pipe`, `"x"y`}}, stats: RowStats{Rows: 1, Lines: 2, Quotes: 1}},
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
				if stats.Irregular, stats.First = 0, nil; !reflect.DeepEqual(stats, test.stats) { // TestIrregular has those
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
		{"a quoted field over too many lines, which is text then", "a,b\n\"" + strings.Repeat("x\n", 3000) + "\",1\n", 5000, 0},
		{"a quoted row over many lines", "a,b\n\"" + strings.Repeat("x\n", 2400) + "\"," + long + "\n", 5000, 2},
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

// A document that is no table has no header: what is in its first line would be lost in the formats that have none.
func TestNoTable(t *testing.T) {
	for text, want := range map[string]string{
		"\x1f\x8b\x08\x00abc\n": "gzip", "%PDF-1.7\n": "PDF", "PK\x03\x04\n": "ZIP",
		"<html><body>x</body></html>": "HTML", "\n <!DOCTYPE HTML PUBLIC>\n": "HTML",
		"<?xml version=\"1.0\"?>\n<Error/>": "XML", "<AmazonEnvelope xmlns:xsi=\"http://x\">\n": "XML",
		`{"errors":[{"code":"x"}]}`: "JSON", "{\n}": "JSON", "[\n {\"a\":1}]": "JSON",
		"a\tb\n1\t2\n": "", "<5 days\tb\n": "", "[a]\tb\n": "", "{x}\tb\n": "", "\"{\"\"a\"\"}\",b\n": "", "<a\tb>\n": "", "": "",
	} {
		rows := NewRows(iotest.OneByteReader(strings.NewReader(text)), RowOptions{})
		_, err := rows.Header()
		for _, again := range rows.All() {
			err = errors.Join(err, again)
		}
		if e, ok := errors.AsType[*NoTableError](err); ok != (want != "") || ok && e.Looks != want || !ok && err != nil {
			t.Errorf("%q: %v, want %q", text, err, want)
		}
	}
}

func TestRowErrors(t *testing.T) {
	cut := &TruncatedError{Have: 3, Want: 9}
	for _, text := range []string{"a,b\n1,2\n3,4", "a\tb\r\n1\n2\t3", "a,b\n\"x\n"} {
		_, _, _, err := readRows(t, io.MultiReader(strings.NewReader(text), iotest.ErrReader(cut)), RowOptions{})
		if !errors.Is(err, error(cut)) {
			t.Errorf("%q: %v", text, err)
		}
	}
	if _, _, _, err := readRows(t, iotest.ErrReader(cut), RowOptions{}); !errors.Is(err, error(cut)) {
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
	fromTheField, err := filepath.Glob("testdata/field/*.txt")
	if err != nil || len(fromTheField) == 0 {
		f.Fatal("no seeds")
	}
	for _, name := range fromTheField {
		raw, err := os.ReadFile(name)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(raw, byte(0), false)
	}
	for _, seed := range []string{"a\tb\n1\t2\n", "a\tb\tc\r\n1\tx\ny\t3\r\n", "\"a\"\t\"b\"\n\"1\t\n\"\"\t2\n", "a,b\n\"1\n2\",3\r\n", "\n\n", "a\n\r\n\r\r\n", "x;y\n;;;\n\t",
		"a\tb\r1\t2\r3\t4", "a\tb\r\n1\t2\r3\t4\r\n", "\"a\"\t\"b\"\r\n\"24\" x\"\t\"TV 24\"\"\n", "a,b\n1,\"x\n2,\"\"\"y\n3,\"z\"\n", "\ufeff"} {
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
		if !reflect.DeepEqual(rows, rows2) || !reflect.DeepEqual(header.Unique(), header2.Unique()) || (err == nil) != (err2 == nil) || !reflect.DeepEqual(stats, stats2) {
			t.Fatalf("whole %q %v %+v, bytewise %q %v %+v", rows, err, stats, rows2, err2, stats2)
		}
		if int64(len(rows)) != stats.Rows || stats.Lines > int64(bytes.Count(text, []byte{'\n'})+bytes.Count(text, []byte{'\r'})+1) {
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
		if separator != 0 && !quoted && utf8.Valid(text) {
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
	return strings.NewReplacer("\r", "", "\n", "", string(rune(separator)), "", string([]byte{separator}), "", " ", "", "\t", "", "\v", "", "\f", "", "\u0085", "", "\u00a0", "", "\ufeff", "").Replace(s)
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

// What users met in the field: each file shows what its name says.
func TestRowsFromTheField(t *testing.T) {
	for name, c := range map[string]struct {
		options   RowOptions
		header    []string
		rows      [][]string
		irregular []string
	}{
		"two-byte-order-marks": {header: []string{"item-name", "seller-sku"}, rows: [][]string{{"Pen", "S-1"}}},
		"inner-quotes": {header: []string{"Date", "Title", "Quantity"},
			rows: [][]string{{"01/02/2026", `24" screen, 2 pack`, "3"}, {"01/03/2026", `Cable 1/4" jack`, "4"}}},
		"unbalanced-quote": {header: []string{"sku", "title", "qty"},
			rows:      [][]string{{"S-1", `"19 inch rack`, "3"}, {"S-2", "Ink", "4"}, {"S-3", "Pen", "5"}, {"S-4", `"24 inch`, "6"}, {"S-5", "Nib", "7"}},
			irregular: []string{"line 2: a quote without another", "line 5: a quote without another"}},
		"cr-only": {header: []string{"ASIN", "Title", "Units"}, rows: [][]string{{"B0A", "Pen", "3"}, {"B0B", "Ink", "4"}}},
		"tab-in-value": {header: []string{"Order ID", "Carrier", "Tracking ID", "Return quantity", "Item Name"},
			rows:      [][]string{{"111-0000000-0000001", "FedEx", "79", "1", "Pen"}, {"111-0000000-0000002", "FedEx", "", "80", "2", "Ink"}},
			irregular: []string{"line 3: 6 fields for 5 columns"}},
		"lf-in-field": {header: []string{"sku", "note", "qty"}, rows: [][]string{{"S-1", "line one"}, {"line two", "3"}, {"S-2", "x", "4"}},
			irregular: []string{"line 2: 2 fields for 3 columns", "line 3: 2 fields for 3 columns"}},
		"lines-before-header": {options: RowOptions{FindHeader: true}, header: []string{"date/time", "settlement id", "type", "total"},
			rows: [][]string{{"Jan 1, 2026 1:02:03 AM PST", "1", "Order", "1,234.50"}}},
	} {
		raw, err := os.ReadFile(filepath.Join("testdata", "field", name+".txt"))
		if err != nil {
			t.Fatal(err)
		}
		header, rows, stats, err := readRows(t, NewTextReader(bytes.NewReader(raw), "utf-8", ""), c.options)
		if err != nil || !slices.Equal(header.Names(), c.header) || !reflect.DeepEqual(rows, c.rows) {
			t.Errorf("%s: %q, %q, %v", name, header.Names(), rows, err)
		}
		if got := irregularOf(stats); !slices.Equal(got, c.irregular) {
			t.Errorf("%s: %q, want %q", name, got, c.irregular)
		}
	}
}

func irregularOf(stats RowStats) (lines []string) {
	for _, i := range stats.First {
		lines = append(lines, i.String())
	}
	return lines
}

// Quotes that nobody wrote as two, and quotes that go with no other.
func TestQuotes(t *testing.T) {
	for name, c := range map[string]struct {
		text      string
		rows      [][]string
		irregular []string
	}{
		"a quote that a later row seems to close": {"sku,title,qty\nS-1,\"19 inch rack,3\nS-2,\"Pen, blue\",4\n",
			[][]string{{"S-1", `"19 inch rack`, "3"}, {"S-2", "Pen, blue", "4"}}, []string{"line 2: a quote without another"}},
		"over several lines, well formed": {"sku,title,qty\nS-1,\"one\ntwo \"\"x\"\",\n\",3\nS-2,Pen,4\n",
			[][]string{{"S-1", "one\ntwo \"x\",\n", "3"}, {"S-2", "Pen", "4"}}, nil},
		"over several lines, with inner quotes": {"sku,title,qty\nS-1,\"one 24\" screen\ntwo 30\" screens\",3\nS-2,Pen,4\n",
			[][]string{{"S-1", "one 24\" screen\ntwo 30\" screens", "3"}, {"S-2", "Pen", "4"}}, nil},
		"at the end of a field that is quoted": {"\"a\"\t\"b\"\t\"c\"\n\"1\"\t\"TV 24\"\"\t\"3\"\n",
			[][]string{{"1", `TV 24"`, "3"}}, []string{"line 2: a quote without another"}},
		"two at the end, well formed":    {"a,b,c\n1,\"TV 24\"\"\",3\n", [][]string{{"1", `TV 24"`, "3"}}, nil},
		"before a further one, same row": {"\"a\"\t\"b\"\t\"c\"\n\"1\"\t\"19 rack\t\"3\"\n", [][]string{{"1", `"19 rack`, "3"}}, []string{"line 2: a quote without another"}},
		"empty fields":                   {"a,b,c\n\"\",\"\",\"\"\n", [][]string{{"", "", ""}}, nil},
		"only a quote":                   {"a,b\n1,\"\n2,3\n", [][]string{{"1", `"`}, {"2", "3"}}, []string{"line 2: a quote without another"}},
		"the last byte closes":           {"a,b\n1,\"x\ny\"", [][]string{{"1", "x\ny"}}, nil},
		"the last byte opens":            {"a,b\n1,\"", [][]string{{"1", `"`}}, []string{"line 2: a quote without another"}},
		"CRLF":                           {"a,b\r\n1,\"x\r\ny\"\r\n2,\"z\r\n", [][]string{{"1", "x\r\ny"}, {"2", `"z`}}, []string{"line 4: a quote without another"}},
		"CRCRLF":                         {"a,b\r\r\n1,\"x\"\r\r\n", [][]string{{"1", "x"}}, nil},
		"with too many fields as well":   {"a,b\n1,\"x,y\n", [][]string{{"1", `"x`, "y"}}, []string{"line 2: 3 fields for 2 columns, a quote without another"}},
		"in the header":                  {"a,\"b\n1,2\n", [][]string{{"1", "2"}}, nil},
		"no field is quoted in full":     {"a,b\n\"x\" y,\"\"z\n", [][]string{{`"x" y`, `""z`}}, []string{"line 2: a quote without another"}},
	} {
		for _, src := range []io.Reader{strings.NewReader(c.text), iotest.OneByteReader(strings.NewReader(c.text))} {
			_, rows, stats, err := readRows(t, src, RowOptions{})
			if err != nil || !reflect.DeepEqual(rows, c.rows) || !slices.Equal(irregularOf(stats), c.irregular) {
				t.Errorf("%s: %q, %q, %v; want %q, %q", name, rows, irregularOf(stats), err, c.rows, c.irregular)
			}
		}
	}
}

// Quotes that are never closed cost neither memory nor time: each byte is looked at a few times, however many there are.
func TestLonelyQuotesAreCheap(t *testing.T) {
	for name, row := range map[string]string{"one": "S,\"x,3\n", "two": "S,\"\"x,3\n", "three": "S,\"\"\"x,3\n", "many fields": strings.Repeat("\"\"x,", 200_000) + "\n"} {
		text := "a,b,c\n" + strings.Repeat(row, (8<<20)/len(row))
		src := &counting{Reader: strings.NewReader(text)}
		rows := NewRows(src, RowOptions{})
		n := 0
		for row, err := range rows.All() {
			if err != nil {
				t.Fatal(err)
			}
			n += 1
			if n == 2 && len(row.data) < 100 && src.n > 4<<20 {
				t.Errorf("%s: %d bytes were read for the second row", name, src.n)
			}
		}
		if want := strings.Count(text, "\n") - 1; n != want || len(rows.buf) > 8<<20 {
			t.Errorf("%s: %d rows of %d, a buffer of %d", name, n, want, len(rows.buf))
		}
	}
}

type counting struct {
	io.Reader
	n int
}

func (c *counting) Read(p []byte) (int, error) {
	n, err := c.Reader.Read(p)
	c.n += n
	return n, err
}

// Lines end as they may: with CR alone, and with this and that.
func TestLineEnds(t *testing.T) {
	want := [][]string{{"1", "2"}, {"3", "4"}, {"5", "6"}}
	for name, text := range map[string]string{
		"CR":                          "a\tb\r1\t2\r3\t4\r5\t6",
		"CR, and at the end":          "a\tb\r1\t2\r3\t4\r5\t6\r",
		"CR first, then others":       "a\tb\r1\t2\n3\t4\r\n5\t6\r",
		"CRLF, and CR once":           "a\tb\r\n1\t2\r3\t4\r\n5\t6\r\n",
		"LF, and CR several times":    "a\tb\n1\t2\r3\t4\r5\t6\n",
		"CRCRLF":                      "a\tb\r\r\n1\t2\r\r\n3\t4\r\r\n5\t6\r\r\n",
		"CR, quoted":                  "\"a\"\t\"b\"\r\"1\"\t\"2\"\r\"3\"\t\"4\"\r\"5\"\t\"6\"\r",
		"CR with blank lines":         "\ra\tb\r\r1\t2\r3\t4\r5\t6\r\r",
		"LF":                          "a\tb\n1\t2\n3\t4\n5\t6\n",
		"CR long after the beginning": strings.Repeat("\r", 70_000) + "a\tb\r1\t2\r3\t4\r5\t6",
	} {
		for _, src := range []io.Reader{strings.NewReader(text), iotest.OneByteReader(strings.NewReader(text))} {
			_, rows, stats, err := readRows(t, src, RowOptions{})
			if err != nil || !reflect.DeepEqual(rows, want) || stats.Irregular != 0 {
				t.Errorf("%s: %q, %+v, %v", name, rows, stats, err)
			}
		}
	}
	// In a field they stay.
	for text, want := range map[string][][]string{
		"a\tb\n1\tx\ry\n":         {{"1", "x\ry"}},
		"a\nx\ry\n":               {{"x\ry"}},
		"n\ra\tb\n1\t2\n":         {{"1", "2"}},
		"a,b\n1,\"x\ry\"\n":       {{"1", "x\ry"}},
		"a\tb\n1\tx\r2\t3\t4\n":   {{"1", "x\r2", "3", "4"}},
		"a\tb\tc\r\n1\r2\t3\t4\n": {{"1\r2", "3", "4"}},
	} {
		if _, rows, _, err := readRows(t, strings.NewReader(text), RowOptions{}); err != nil || !reflect.DeepEqual(rows, want) {
			t.Errorf("%q: %q, %v", text, rows, err)
		}
	}
	// A document of CR alone is read in pieces, as any other; one where only the header's line ends otherwise is looked at once.
	src := &counting{Reader: strings.NewReader("a\tb\r" + strings.Repeat("1\t2\r", 1<<20))}
	for range NewRows(src, RowOptions{}).All() {
		break
	}
	if src.n > 1<<20 {
		t.Errorf("%d bytes were read for one row", src.n)
	}
	if _, rows, _, err := readRows(t, strings.NewReader("a\tb\r\n"+strings.Repeat("1\t2\r", 1<<20)), RowOptions{}); err != nil || len(rows) != 1<<20 {
		t.Errorf("%d rows, %v", len(rows), err)
	}
}

// The first rows that are irregular are named, the rest counted.
func TestIrregularIsBounded(t *testing.T) {
	_, _, stats, err := readRows(t, strings.NewReader("a\tb\n"+strings.Repeat("secret\n", 1000)), RowOptions{})
	if err != nil || stats.Short != 1000 || stats.Irregular != 1000 || len(stats.First) != maxIrregular || stats.First[9] != (Irregular{Line: 11, Fields: 1, Columns: 2}) {
		t.Errorf("%+v, %v", stats, err)
	}
}

// The header is found below whatever explains the report, and where there is nothing above it.
// The header once more, as where reports were put together, is a row and is told.
func TestHeaderAgain(t *testing.T) {
	rows := NewRows(strings.NewReader("a\tb\n1\t2\na\tb\nb\ta\na\tb\tc\n"), RowOptions{})
	n := 0
	for range rows.All() {
		n++
	}
	stats := rows.Stats()
	if n != 4 || stats.Headers != 1 || stats.Irregular != 2 || stats.First[0].String() != "line 3: the header again" {
		t.Errorf("%d rows, %+v", n, stats)
	}
	single := NewRows(strings.NewReader("a\na\n"), RowOptions{})
	for range single.All() {
	}
	if stats := single.Stats(); stats.Irregular != 0 {
		t.Errorf("%+v", stats)
	}
}

func TestFindHeader(t *testing.T) {
	explained := "Includes Marketplace, Fulfilment (FBA), and Webstore transactions\nAll amounts in EUR, unless specified\nDefinitions:\nTax: a, b\n\n"
	for name, c := range map[string]struct {
		text, first string
		line        int64 // of the first row, 0: there is none
	}{
		"explained without quotes":      {explained + "when,id,type,total,x\n1,2,3,4,5\n", "when", 7},
		"no rows":                       {explained + "when,id,type,total,x\n", "when", 0},
		"the first row has a field too": {explained + "a,b,c,d,e,f,g,h,i,j\n1,2,3,4,5,6,7,8,9,10,11\n", "a", 7},
		"rows that are shorter":         {explained + "a,b,c,d,e,f\n1,2,3,4,5\n1,2,3,4,5\n", "a", 7},
		"nothing above":                 {"when,id,type\n1,2,3\n4,5,6\n", "when", 2},
		"a byte order mark before it":   {"Definitions:\r\n\ufeffwhen,id\r\n1,2\r\n", "when", 3},
		"tabs":                          {"All amounts in EUR\nwhen\tid\n1\t2\n", "when", 3},
		"one column":                    {"when\n1\n2\n", "when", 2},
		"empty":                         {"", "", 0},
		"too far down":                  {strings.Repeat("x\n", maxBefore) + "when,id\n1,2\n", "x", 2},
	} {
		rows := NewRows(NewTextReader(strings.NewReader(c.text), "utf-8", ""), RowOptions{FindHeader: true})
		header, err := rows.Header()
		if err != nil {
			t.Fatal(err)
		}
		first := strings.Join(header.Names()[:min(header.Len(), 1)], "")
		line := int64(0)
		for row := range rows.All() {
			line = row.Line()
			break
		}
		if first != c.first || line != c.line {
			t.Errorf("%s: the first column is %q, the first row in line %d, want %q and %d", name, first, line, c.first, c.line)
		}
	}
}

// A byte order mark inside quotes is no part of a name.
func TestByteOrderMarkInAName(t *testing.T) {
	header, rows, _, err := readRows(t, strings.NewReader("\"\ufeffa\",\"b\"\n1,2\n"), RowOptions{})
	if err != nil || !slices.Equal(header.Names(), []string{"a", "b"}) || len(rows) != 1 {
		t.Errorf("%q, %q, %v", header.Names(), rows, err)
	}
}

// A document that is no table may have a header of very many columns, all of one name or of none.
func TestManyColumnsOfOneName(t *testing.T) {
	for _, name := range []string{"a", ""} {
		names := slices.Repeat([]string{name}, 300_000)
		names[len(names)-1] = "last"
		if got := NewHeader(names).Unique(); got[299_998] != map[string]string{"a": "a_299999", "": "column_299999"}[name] {
			t.Errorf("%q: %q", name, got[299_998])
		}
	}
}
