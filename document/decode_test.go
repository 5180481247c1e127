package document

import (
	"encoding/json"
	"errors"
	"reflect"
	"strings"
	"testing"
	"time"
)

type code string

func (c *code) UnmarshalText(text []byte) error {
	if len(text) != 2 {
		return errors.New("not a country code")
	}
	*c = code(text)
	return nil
}

type Place struct {
	Country code `report:"ship-country"`
}

type order struct {
	ID       string      `report:"order-id|Bestellnummer|注文番号"`
	Quantity int         `report:"quantity|Menge|数量"`
	Price    json.Number `report:"price|Preis|価格"`
	Gift     *bool       `report:"is-gift|Geschenk"`
	At       time.Time   `report:"purchase-date|Kaufdatum|購入日"`
	Discount *float64    `report:"discount"`
	Note     *string     `report:"note"`
	Units    *uint8      `report:"units"`
	Place
	Untagged string
	Skipped  string `report:"-"`
}

func decodeAll[T any](text string, options DecodeOptions) ([]T, error) {
	var out []T
	for v, err := range Decode[T](NewRows(strings.NewReader(text), RowOptions{}), options) {
		if err != nil {
			return out, err
		}
		out = append(out, v)
	}
	return out, nil
}

func TestDecode(t *testing.T) {
	yes, discount, note, units := true, 0.5, " keep my spaces ", uint8(3)
	for _, test := range []struct {
		name, text string
		options    DecodeOptions
		want       []order
	}{
		{"American", "order-id\tquantity\tprice\tis-gift\tpurchase-date\tdiscount\tnote\tunits\tship-country\n" +
			"1\t2\t1,234.50\tY\t2026-01-31T10:00:00-08:00\t.5\t keep my spaces \t3.00\tUS\n2\t\t \t\t\t \t\t\t\n3\n", DecodeOptions{},
			[]order{
				{ID: "1", Quantity: 2, Price: "1234.50", Gift: &yes, At: time.Date(2026, 1, 31, 18, 0, 0, 0, time.UTC), Discount: &discount, Note: &note, Units: &units, Place: Place{"US"}},
				{ID: "2"}, {ID: "3"},
			}},
		{"German", "Bestellnummer\tPreis\tKaufdatum\tMenge\tGeschenk\n1\t1.234,50\t31.01.2026 10:00:00 UTC\t1.000\tja\n", DecodeOptions{Decimal: ','},
			[]order{{ID: "1", Quantity: 1000, Price: "1234.50", Gift: &yes, At: time.Date(2026, 1, 31, 10, 0, 0, 0, time.UTC)}}},
		{"Japanese", "注文番号\t数量\t価格\t購入日\n1\t2\t12,000\t2026/01/31 10:00:00 JST\n", DecodeOptions{},
			[]order{{ID: "1", Quantity: 2, Price: "12000", At: time.Date(2026, 1, 31, 1, 0, 0, 0, time.UTC)}}},
		{"empty", "", DecodeOptions{Strict: true}, nil},
		{"header only", "order-id\n", DecodeOptions{}, nil},
	} {
		got, err := decodeAll[order](test.text, test.options)
		if err != nil {
			t.Errorf("%s: %v", test.name, err)
			continue
		}
		for i := range got {
			got[i].At = got[i].At.UTC()
		}
		for i := range test.want {
			test.want[i].At = test.want[i].At.UTC()
		}
		if !reflect.DeepEqual(got, test.want) {
			t.Errorf("%s:\n got %+v\nwant %+v", test.name, got, test.want)
		}
	}
}

func TestDecodeErrors(t *testing.T) {
	var column *ColumnError
	if _, err := decodeAll[order]("foo\tbar\n1\t2\n", DecodeOptions{}); !errors.As(err, &column) || !strings.Contains(err.Error(), "Bestellnummer") || !strings.Contains(err.Error(), "bar") {
		t.Error(err)
	}
	if _, err := decodeAll[order]("order-id\n1\n", DecodeOptions{Strict: true}); !errors.As(err, &column) || len(column.Missing) != 8 {
		t.Error(err)
	}
	if _, err := decodeAll[struct{ A string }]("a\n1\n", DecodeOptions{}); err == nil || !strings.Contains(err.Error(), "report tag") {
		t.Error(err)
	}
	if _, err := decodeAll[struct {
		A []string `report:"a"`
	}]("a\n1\n", DecodeOptions{}); err == nil || !strings.Contains(err.Error(), "[]string") {
		t.Error(err)
	}
	if _, err := decodeAll[struct {
		a string `report:"a"`
	}]("a\n1\n", DecodeOptions{}); err == nil || !strings.Contains(err.Error(), "exported") {
		t.Error(err)
	}
	if _, err := decodeAll[struct {
		*Place
	}]("ship-country\nDE\n", DecodeOptions{}); err == nil || !strings.Contains(err.Error(), "pointers") {
		t.Error(err)
	}
	if _, err := decodeAll[string]("a\n1\n", DecodeOptions{}); err == nil {
		t.Error("a string took a row")
	}
	text := "order-id\tquantity\tprice\tunits\tis-gift\tpurchase-date\tship-country\n1\tmany\tn/a\t300\tperhaps\tyesterday\tGermany\n2\t2\t1\t1\tno\t2026-01-31\tDE\n"
	got, err := decodeAll[order](text, DecodeOptions{})
	var cell *CellError
	if !errors.As(err, &cell) || len(got) != 0 || cell.Line != 2 || cell.Column != "quantity" || cell.Value != "many" {
		t.Errorf("%v, %v", err, got)
	}
	var cells []string
	got, err = decodeAll[order](text, DecodeOptions{OnCell: func(e *CellError) { cells = append(cells, e.Column) }})
	if err != nil || len(got) != 2 || got[1].Quantity != 2 || got[0].ID != "1" {
		t.Errorf("%v, %+v", err, got)
	}
	if strings.Join(cells, " ") != "quantity price is-gift purchase-date units ship-country" {
		t.Errorf("told of %q", cells)
	}
	if got[0].Gift != nil || got[0].Price != "" || !got[0].At.IsZero() || got[0].Units != nil || got[0].Country != "" {
		t.Errorf("%+v", got[0])
	}
}

func TestNumber(t *testing.T) {
	for _, test := range []struct {
		in      string
		decimal byte
		want    string // "" for an error
	}{
		{"12.99", '.', "12.99"}, {"12,99", ',', "12.99"}, {"1,234.50", '.', "1234.50"}, {"1.234,50", ',', "1234.50"},
		{"1,234", '.', "1234"}, {"1,234", ',', "1.234"}, {"1.234", ',', "1234"}, {"1.234", '.', "1.234"}, {"1.234", 0, "1.234"},
		{"12,34", '.', "12.34"}, {"12.34", ',', "12.34"}, {"0,123", '.', "0.123"}, {"0.123", ',', "0.123"}, {"1.234.567", '.', "1234567"}, {"1,234,567", ',', "1234567"},
		{"1.234,50", '.', "1234.50"}, {"1,234.50", ',', "1234.50"}, {"12,34,567.80", '.', "1234567.80"},
		{"1 234,50", ',', "1234.50"}, {"1\u202f234,50", ',', "1234.50"}, {"1\u00a0234", '.', "1234"}, {"1'234.50", '.', "1234.50"}, {"1’234’567", '.', "1234567"},
		{"-5", '.', "-5"}, {"- 5", '.', "-5"}, {"−5,0", ',', "-5.0"}, {"+5", '.', "5"}, {"(5.00)", '.', "-5.00"}, {" 7 ", '.', "7"}, {"007", '.', "7"}, {"0", '.', "0"}, {"0.00", '.', "0.00"},
		{".5", '.', "0.5"}, {"5.", '.', "5"}, {",5", ',', "0.5"}, {"1E5", '.', "1E5"}, {"1.5e-3", '.', "1.5e-3"},
		{"", '.', ""}, {"-", '.', ""}, {"--5", '.', ""}, {"5-", '.', "-5"}, {"1.234,50-", ',', "-1234.50"}, {"1,00 −", ',', "-1.00"}, {"5--", '.', ""}, {"-5-", '.', ""}, {"+5-", '.', ""}, {"(5)-", '.', ""}, {"1-2", '.', ""}, {"1.2.3", '.', ""}, {"1,2,3", '.', ""}, {"12 34", '.', ""}, {"abc", '.', ""}, {"1e", '.', ""},
		{"1e+-5", '.', ""}, {"NaN", '.', ""}, {"0x10", '.', ""}, {"1_000", '.', ""}, {"()", '.', ""}, {".", '.', ""}, {",", '.', ""}, {"1,23.45", '.', ""}, {"1.234,5,6", ',', ""}, {"５", '.', ""},
	} {
		got, err := ParseNumber(test.in, test.decimal)
		if got != test.want || (err == nil) != (test.want != "") {
			t.Errorf("ParseNumber(%q, %q) = %q, %v, want %q", test.in, test.decimal, got, err, test.want)
		}
	}
}

func FuzzNumber(f *testing.F) {
	for _, s := range []string{"1.234,50", "-12", "1 234", "1e5", "1,2,3", "(0,5)", "1''2"} {
		f.Add(s, true)
		f.Add(s, false)
	}
	f.Fuzz(func(t *testing.T, s string, comma bool) {
		decimal := byte('.')
		if comma {
			decimal = ','
		}
		n, err := ParseNumber(s, decimal)
		if err != nil {
			return
		}
		if !json.Valid([]byte(n)) {
			t.Fatalf("%q became %q, which is no JSON", s, n)
		}
		if again, err := ParseNumber(n, '.'); err != nil || again != n {
			t.Fatalf("%q became %q and then %q, %v", s, n, again, err)
		}
	})
}

func TestParseTime(t *testing.T) {
	berlin := time.FixedZone("berlin", 3600)
	for _, test := range []struct {
		in      string
		options TimeOptions
		want    string // RFC 3339 in UTC; "" for an error
	}{
		{"2026-01-31T10:00:00+00:00", TimeOptions{}, "2026-01-31T10:00:00Z"},
		{"2026-01-31T10:00:00-08:00", TimeOptions{}, "2026-01-31T18:00:00Z"},
		{"2026-01-31T10:00:00.123Z", TimeOptions{}, "2026-01-31T10:00:00Z"},
		{"2026-01-31T10:00:00+0900", TimeOptions{}, "2026-01-31T01:00:00Z"},
		{"2026-01-31T10:00:00", TimeOptions{Location: berlin}, "2026-01-31T09:00:00Z"},
		{"2026-01-31 10:00:00 UTC", TimeOptions{Location: berlin}, "2026-01-31T10:00:00Z"},
		{"2026-01-31 10:00:00 PST", TimeOptions{}, "2026-01-31T18:00:00Z"},
		{"31.01.2026 10:00:00 UTC", TimeOptions{}, "2026-01-31T10:00:00Z"},
		{"31.01.2026 10:00:00 MEZ", TimeOptions{}, "2026-01-31T09:00:00Z"},
		{"31.01.2026", TimeOptions{}, "2026-01-31T00:00:00Z"},
		{"2026/01/31 10:00:00 JST", TimeOptions{}, "2026-01-31T01:00:00Z"},
		{"2026/1/5", TimeOptions{}, "2026-01-05T00:00:00Z"},
		{"2026年1月31日", TimeOptions{}, "2026-01-31T00:00:00Z"},
		{"Jan 31, 2026 10:00:00 AM PST", TimeOptions{}, "2026-01-31T18:00:00Z"},
		{"31-Jan-2026", TimeOptions{}, "2026-01-31T00:00:00Z"},
		{"Mon Oct 28 18:49:32 UTC 2019", TimeOptions{Location: berlin}, "2019-10-28T18:49:32Z"},
		{"Sat Oct  5 18:49:32 PDT 2019", TimeOptions{}, "2019-10-06T01:49:32Z"},
		{"Mon Oct 28 18:49:32 2019", TimeOptions{Location: berlin}, "2019-10-28T17:49:32Z"},
		{"Mon Oct 28 18:49:32 XYZ 2019", TimeOptions{}, ""},
		{"UTC 2019", TimeOptions{}, ""},
		{"2026-01-31", TimeOptions{}, "2026-01-31T00:00:00Z"},
		{"01/02/2026", TimeOptions{}, "2026-01-02T00:00:00Z"},
		{"01/02/2026", TimeOptions{DayFirst: true}, "2026-02-01T00:00:00Z"},
		{"31-01-2026", TimeOptions{DayFirst: true}, "2026-01-31T00:00:00Z"},
		{"31/01/2026", TimeOptions{}, ""}, // the column's other dates would be read with month and day exchanged
		{"2026-02-30", TimeOptions{}, ""},
		{"2026-01-31 10:00:00 XYZ", TimeOptions{}, ""},
		{"", TimeOptions{}, ""}, {"yesterday", TimeOptions{}, ""}, {"20260131", TimeOptions{}, "2026-01-31T00:00:00Z"},
	} {
		got, err := ParseTime(test.in, test.options)
		if test.want == "" {
			if err == nil {
				t.Errorf("%q is %v", test.in, got)
			}
			continue
		}
		if err != nil || got.UTC().Format(time.RFC3339) != test.want {
			t.Errorf("%q is %v, %v, want %s", test.in, got, err, test.want)
		}
	}
}

// manyOrders is rows of the type order.
func manyOrders(rows int) string {
	return "order-id\tquantity\tprice\tpurchase-date\n" + strings.Repeat("250-1234567-1234567\t2\t12.99\t2026-01-31T10:00:00+00:00\n", rows)
}

// TestDecodeAllocations: a row takes at most nine, with its struct and its strings.
func TestDecodeAllocations(t *testing.T) {
	const rows = 10_000
	text := manyOrders(rows)
	got := testing.AllocsPerRun(3, func() {
		for _, err := range Decode[order](NewRows(strings.NewReader(text), RowOptions{Dialect: TSV}), DecodeOptions{}) {
			if err != nil {
				t.Fatal(err)
			}
		}
	})
	if got > 9*rows+200 {
		t.Errorf("%.0f allocations for %d rows", got, rows)
	}
}

func BenchmarkDecode(b *testing.B) {
	text := manyOrders(10_000)
	b.SetBytes(int64(len(text)))
	b.ReportAllocs()
	for b.Loop() {
		for _, err := range Decode[order](NewRows(strings.NewReader(text), RowOptions{Dialect: TSV}), DecodeOptions{}) {
			if err != nil {
				b.Fatal(err)
			}
		}
	}
}

// halfway takes what it can before it fails.
type halfway string

func (h *halfway) UnmarshalText(text []byte) error {
	*h = halfway(text[:1])
	return errors.New("no more")
}

// A value that its field can't hold is an error, not another value.
func TestDecodeOverflow(t *testing.T) {
	type small struct {
		I int8    `report:"i"`
		U uint8   `report:"u"`
		F float32 `report:"f"`
		H halfway `report:"h"`
	}
	for text, want := range map[string]small{
		"i\tu\tf\n127\t255\t3e38\n": {I: 127, U: 255, F: 3e38},
		"i\n128\n":                  {}, "i\n-129\n": {}, "u\n256\n": {}, "u\n-1\n": {}, "f\n4e38\n": {}, "f\n1e999\n": {}, "i\n9223372036854775808\n": {}, "i\n1.5\n": {}, "h\nabc\n": {},
	} {
		_, err := decodeAll[small](text, DecodeOptions{})
		_, bad := errors.AsType[*CellError](err)
		told := 0
		got, lenient := decodeAll[small](text, DecodeOptions{OnCell: func(*CellError) { told++ }})
		if bad != (want == small{}) || lenient != nil || len(got) != 1 || got[0] != want || told > 0 != bad {
			t.Errorf("%q: %v; told %d times, %+v, %v", text, err, told, got, lenient)
		}
	}
}

// With an error comes no half of a row.
func TestDecodeErrorHasNoValue(t *testing.T) {
	type row struct {
		A string `report:"a"`
		B int    `report:"b"`
	}
	for v, err := range Decode[row](NewRows(strings.NewReader("a\tb\nx\ty\n"), RowOptions{}), DecodeOptions{}) {
		if err == nil || v != (row{}) {
			t.Errorf("got %+v, %v", v, err)
		}
	}
}
