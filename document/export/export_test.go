package export

import (
	"bytes"
	"encoding/csv"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"reflect"
	"strconv"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/parquet-go/parquet-go"

	"github.com/openspapi/spapi/document"
)

const sample = "order-id\tamount\tamount\t商品名, 全角\t\n" +
	"1\t12,99\t\tx\"y\\z\t\n" +
	"2\n" +
	"3\ta\tb\tc\td\te\n" +
	"4\t \t\r\t,\n"

func written(t testing.TB, text string, format Format) ([]byte, error) {
	t.Helper()
	var b bytes.Buffer
	err := writeRows(&b, strings.NewReader(text), format)
	return b.Bytes(), err
}

func TestText(t *testing.T) {
	for _, test := range []struct {
		format     Format
		text, want string
	}{
		{CSV, sample, "order-id,amount,amount,\"商品名, 全角\"\r\n1,\"12,99\",,\"x\"\"y\\z\"\r\n2,,,\r\n3,a,b,c,d,e\r\n4, ,\"\r\",\",\"\r\n"},
		{TSV, sample, "order-id\tamount\tamount\t商品名, 全角\n1\t12,99\t\tx\"y\\z\n2\t\t\t\n3\ta\tb\tc\td\te\n4\t \t \t,\n"},
		{JSONL, sample, `{"order-id":"1","amount":"12,99","amount_2":"","商品名, 全角":"x\"y\\z"}` + "\n" + `{"order-id":"2"}` + "\n" +
			`{"order-id":"3","amount":"a","amount_2":"b","商品名, 全角":"c","_extra":["d","e"]}` + "\n" + `{"order-id":"4","amount":" ","amount_2":"\r","商品名, 全角":","}` + "\n"},
		{CSV, "", ""}, {TSV, "", ""}, {JSONL, "", ""},
		{CSV, "a\tb\n", "a,b\r\n"}, {TSV, "a\tb\n", "a\tb\n"}, {JSONL, "a\tb\n", ""},
		{CSV, "sku,x\n\"\",\n", "sku,x\r\n,\r\n"},
		{CSV, "\"sku\"\n\"\"\n\"a\"\n", "sku\r\n\"\"\r\na\r\n"}, // one column: an empty line would be no row
		{JSONL, "sku\n\x01\x1f\n", `{"sku":"\u0001\u001f"}` + "\n"},
	} {
		got, err := written(t, test.text, test.format)
		if err != nil || string(got) != test.want {
			t.Errorf("%s of %q: %v\n got %q\nwant %q", test.format, test.text, err, got, test.want)
		}
	}
}

// The standard library reads what is written here.
func FuzzText(f *testing.F) {
	f.Add("a", "b\"c", "d,e\nf")
	f.Add("", "\r", "\x00\xff\u2028")
	f.Fuzz(func(t *testing.T, a, b, c string) {
		var in bytes.Buffer
		w := csv.NewWriter(&in)
		_ = w.WriteAll([][]string{{"x", "y", "z"}, {a, b, c}})
		got, err := written(t, in.String(), JSONL)
		if err != nil {
			t.Fatal(err)
		}
		var object map[string]string
		if err := json.Unmarshal(got, &object); err != nil {
			t.Fatalf("%v in %q", err, got)
		}
		want := map[string]string{"x": strings.ToValidUTF8(a, "\uFFFD"), "y": strings.ToValidUTF8(b, "\uFFFD"), "z": strings.ToValidUTF8(c, "\uFFFD")}
		if utf8.ValidString(a+b+c) && !reflect.DeepEqual(object, want) {
			t.Fatalf("%q, want %q", object, want)
		}
		got, err = written(t, in.String(), CSV)
		if err != nil {
			t.Fatal(err)
		}
		rows, err := csv.NewReader(bytes.NewReader(got)).ReadAll()
		norm := strings.NewReplacer("\r\n", "\n") // encoding/csv's reader does that
		if err != nil || len(rows) != 2 || !reflect.DeepEqual(rows[1], []string{norm.Replace(a), norm.Replace(b), norm.Replace(c)}) {
			t.Fatalf("%v, %q, want %q", err, rows, []string{a, b, c})
		}
	})
}

// readParquet reads all rows, null being "∅".
func readParquet(t testing.TB, data []byte) (names []string, rows [][]string, groups int) {
	t.Helper()
	file, err := parquet.OpenFile(bytes.NewReader(data), int64(len(data)))
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range file.Root().Columns() {
		names = append(names, c.Name())
	}
	for _, group := range file.RowGroups() {
		r := group.Rows()
		buf := make([]parquet.Row, 100)
		for {
			n, err := r.ReadRows(buf)
			for _, row := range buf[:n] {
				var fields []string
				for _, v := range row {
					if v.IsNull() {
						fields = append(fields, "∅")
					} else {
						fields = append(fields, v.String())
					}
				}
				rows = append(rows, fields)
			}
			if err == io.EOF {
				break
			}
			if err != nil {
				t.Fatal(err)
			}
		}
		if err := r.Close(); err != nil {
			t.Fatal(err)
		}
	}
	return names, rows, len(file.RowGroups())
}

func TestParquet(t *testing.T) {
	data, err := written(t, sample, Parquet)
	if err != nil {
		t.Fatal(err)
	}
	names, rows, _ := readParquet(t, data)
	if want := []string{"order-id", "amount", "amount_2", "商品名, 全角", "_extra"}; !reflect.DeepEqual(names, want) {
		t.Errorf("columns %q, want %q", names, want)
	}
	want := [][]string{{"1", "12,99", "", `x"y\z`, "∅"}, {"2", "∅", "∅", "∅", "∅"}, {"3", "a", "b", "c", "d\te"}, {"4", " ", "\r", ",", "∅"}}
	if !reflect.DeepEqual(rows, want) {
		t.Errorf("rows %q, want %q", rows, want)
	}
	for _, text := range []string{"", "a\tb\n", "_extra\n1\n"} {
		data, err := written(t, text, Parquet)
		if err != nil {
			t.Fatal(err)
		}
		names, rows, _ := readParquet(t, data)
		if len(rows) != strings.Count(text, "1") || len(names) != 1+len(strings.Fields(text))-strings.Count(text, "1") {
			t.Errorf("%q: %q, %q", text, names, rows)
		}
	}
}

func TestParquetTyped(t *testing.T) {
	text := "id\tn\tamount\tgift\tat\tday\n" +
		"a\t1.000\t-1.234,50\tja\t31.01.2026 10:00:00 UTC\t31.12.1969\n" +
		"b\t\t\t\t\t\n" +
		"c\n"
	columns := []Column{{Name: "N", Kind: Int64}, {Name: "amount", Kind: Decimal, Scale: 2}, {Name: "gift", Kind: Bool}, {Name: "at", Kind: Timestamp}, {Name: "day", Kind: Date}}
	write := func(text string, options ParquetOptions) ([]byte, error) {
		rows := document.NewRows(strings.NewReader(text), document.RowOptions{})
		header, err := rows.Header()
		if err != nil {
			t.Fatal(err)
		}
		var b bytes.Buffer
		w, err := NewParquet(&b, header, options)
		if err != nil {
			return nil, err
		}
		err = Copy(w, rows)
		return b.Bytes(), err
	}
	german := document.DecodeOptions{Decimal: ','}
	data, err := write(text, ParquetOptions{Columns: columns, Decode: german})
	if err != nil {
		t.Fatal(err)
	}
	_, rows, _ := readParquet(t, data)
	want := [][]string{{"a", "1000", "-123450", "true", "1769853600000", "-1", "∅"}, {"b", "∅", "∅", "∅", "∅", "∅", "∅"}, {"c", "∅", "∅", "∅", "∅", "∅", "∅"}}
	if !reflect.DeepEqual(rows, want) {
		t.Errorf("%q, want %q", rows, want)
	}
	file, err := parquet.OpenFile(bytes.NewReader(data), int64(len(data)))
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"optional int64 amount (DECIMAL(18,2))", "optional int32 day (DATE)", "optional binary id (STRING)", "TIMESTAMP(isAdjustedToUTC=true,unit=MILLIS)", "optional boolean gift"} {
		if !strings.Contains(file.Schema().String(), want) {
			t.Errorf("schema lacks %q:\n%s", want, file.Schema())
		}
	}

	for _, bad := range []string{"x\tmany", "x\t1\t1,234\n", "x\t1\t99999999999999999,00", "x\t1\t1\tperhaps", "x\t1\t1\tja\tsoon", "x\t9223372036854775808"} {
		var cell *document.CellError
		if _, err := write("id\tn\tamount\tgift\tat\tday\nok\n"+bad+"\n", ParquetOptions{Columns: columns, Decode: german}); !errors.As(err, &cell) || cell.Line != 3 {
			t.Errorf("%q: %v", bad, err)
		}
		told := 0
		lenient := document.DecodeOptions{Decimal: ',', OnCell: func(*document.CellError) { told++ }}
		data, err := write("id\tn\tamount\tgift\tat\tday\nok\n"+bad+"\n", ParquetOptions{Columns: columns, Decode: lenient})
		if err != nil || told != 1 {
			t.Errorf("%q: %v, told %d times", bad, err, told)
			continue
		}
		if _, rows, _ := readParquet(t, data); len(rows) != 2 || rows[1][0] != "x" {
			t.Errorf("%q: %q", bad, rows)
		}
	}
	var missing *document.ColumnError
	if _, err := write("id\n", ParquetOptions{Columns: columns}); !errors.As(err, &missing) {
		t.Error(err)
	}
	if _, err := write("id\n", ParquetOptions{Columns: []Column{{Name: "id", Kind: Decimal, Scale: 19}}}); err == nil {
		t.Error("scale 19 was taken")
	}
}

// Many row groups, pages and columns hold the same as the text.
func TestParquetLarge(t *testing.T) {
	r := rand.New(rand.NewPCG(5, 6))
	const columns = 40
	var text strings.Builder
	var want [][]string
	for i := range columns {
		fmt.Fprintf(&text, "c%d\t", i)
	}
	text.WriteByte('\n')
	for range 3000 {
		row := make([]string, columns, columns+1)
		for i := range row {
			row[i] = strings.Repeat("v", r.IntN(20)) + fmt.Sprint(r.IntN(1000))
		}
		if r.IntN(500) == 0 {
			row[0] = strings.Repeat("huge", 100_000)
		}
		text.WriteString(strings.Join(row, "\t") + "\n")
		want = append(want, append(row, "∅"))
	}
	rows := document.NewRows(strings.NewReader(text.String()), document.RowOptions{})
	header, err := rows.Header()
	if err != nil {
		t.Fatal(err)
	}
	var b bytes.Buffer
	w, err := NewParquet(&b, header, ParquetOptions{RowGroup: 256 << 10})
	if err != nil {
		t.Fatal(err)
	}
	if err := Copy(w, rows); err != nil {
		t.Fatal(err)
	}
	_, got, groups := readParquet(t, b.Bytes())
	if !reflect.DeepEqual(got, want) {
		t.Error("the file does not hold the rows")
	}
	if groups < 5 {
		t.Errorf("only %d row groups", groups)
	}
}

type failing struct{ left int }

var errDisk = errors.New("no space left")

func (f *failing) Write(p []byte) (int, error) {
	if f.left -= len(p); f.left < 0 {
		return 0, errDisk
	}
	return len(p), nil
}

func TestWriteErrors(t *testing.T) {
	text := "a\tb\n" + strings.Repeat("1\t"+strings.Repeat("x", 1000)+"\n", 1000)
	for _, format := range []Format{CSV, TSV, JSONL, Parquet} {
		for _, left := range []int{0, 3, 20_000} {
			if err := writeRows(&failing{left}, strings.NewReader(text), format); !errors.Is(err, errDisk) {
				t.Errorf("%s, %d bytes of room: %v", format, left, err)
			}
		}
	}
}

func TestFormatOf(t *testing.T) {
	for name, want := range map[string]Format{"a.csv": CSV, "x/b.TSV": TSV, "c.txt": TSV, "d.jsonl": JSONL, "e.ndjson": JSONL, "f.parquet": Parquet} {
		if got, err := FormatOf(name); err != nil || got != want {
			t.Errorf("%s is %s, %v", name, got, err)
		}
	}
	for _, name := range []string{"", "a", "a.xlsx"} {
		if got, err := FormatOf(name); err == nil {
			t.Errorf("%q is %s", name, got)
		}
	}
	if _, err := NewWriter(io.Discard, "xml", document.NewHeader(nil)); err == nil {
		t.Error("xml was taken")
	}
}

// TestGolden pins the bytes of a whole conversion, charset and all.
func TestGolden(t *testing.T) {
	for _, name := range []string{"windows-31j", "windows-1252", "utf-8-bom"} {
		raw, err := os.Open(filepath.Join("..", "testdata", "charset", name+".txt"))
		if err != nil {
			t.Fatal(err)
		}
		for _, format := range []Format{CSV, JSONL} {
			if _, err := raw.Seek(0, io.SeekStart); err != nil {
				t.Fatal(err)
			}
			var b bytes.Buffer
			if err := writeRows(&b, document.NewTextReader(raw, "", ""), format); err != nil {
				t.Fatal(err)
			}
			golden := filepath.Join("testdata", name+"."+string(format))
			if *update {
				if err := os.WriteFile(golden, b.Bytes(), 0o644); err != nil {
					t.Fatal(err)
				}
			}
			want, err := os.ReadFile(golden)
			if err != nil || !bytes.Equal(b.Bytes(), want) {
				t.Errorf("%s: %v\n got %q\nwant %q", golden, err, b.Bytes(), want)
			}
		}
		_ = raw.Close()
	}
}

// The surplus of a row never takes the name of a column.
func TestExtraIsNoColumn(t *testing.T) {
	got, err := written(t, "_extra\tb\n1\t2\t3\n", JSONL)
	if want := `{"_extra":"1","b":"2","_extra_":["3"]}` + "\n"; err != nil || string(got) != want {
		t.Errorf("%s, %v, want %s", got, err, want)
	}
}

// More columns than Parquet can have are an error.
func TestTooManyColumns(t *testing.T) {
	for n, fits := range map[int]bool{65_535: false, 65_534: true} {
		names := make([]string, n)
		for i := range names {
			names[i] = strconv.Itoa(i)
		}
		w, err := NewWriter(io.Discard, Parquet, document.NewHeader(names))
		if (err == nil) != fits || !fits && !strings.Contains(err.Error(), "65535 columns are too many") {
			t.Errorf("%d: %v", n, err)
		}
		if err == nil {
			if err := w.Close(); err != nil {
				t.Error(err)
			}
		}
	}
}
