package wire

import (
	"encoding/json"
	"fmt"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"
)

type loose struct {
	SKU   string                     `json:"SellerSKU"`
	Count *int64                     `json:"count"`
	At    time.Time                  `json:"At"`
	Part  *loosePart                 `json:"Part"`
	Parts []loosePart                `json:"Parts"`
	Names []string                   `json:"Names"`
	Table map[string]json.RawMessage `json:"Table"`
}

type loosePart struct {
	OK *bool `json:"Ok"`
}

// What has no place in the type is told with its place and whole, however long.
func TestDecodeLoose(t *testing.T) {
	long := strings.Repeat("n", 200)
	body := `{"sellerSku":"a","COUNT":7,"at":"2026-01-31T12:00:00Z","new":[1,2.50],"part":{"OK":"true","` + long + `":"` + long + `"},
		"PARTS":[{"ok":true},{"ok":"perhaps","x/~y":{"z":null}},null],"names":"one","Table":{"a":1,"A":2,"a":3},"SellerSKU":"b","é":"É"}`
	var got loose
	left, err := DecodeLoose([]byte(body), &got)
	if err != nil {
		t.Fatal(err)
	}
	if got.SKU != "a" || *got.Count != 7 || got.At.Year() != 2026 || !*got.Part.OK || len(got.Parts) != 3 || !*got.Parts[0].OK ||
		got.Names[0] != "one" || len(got.Table) != 2 ||
		string(got.Table["a"]) != "1" {
		t.Errorf("%+v", got)
	}
	want := []string{
		"/new unknown member [1,2.50]",
		"/part/" + long + ` unknown member "` + long + `"`,
		`/PARTS/1/ok not a boolean "perhaps"`,
		`/PARTS/1/x~1~0y unknown member {"z":null}`,
		"/Table/a second value 3",
		`/SellerSKU second value "b"`,
		`/é unknown member "É"`,
	}
	var said []string
	for _, l := range left {
		said = append(said, fmt.Sprintf("%s %s %s", l.Pointer, l.Reason, l.Value))
	}
	if !slices.Equal(said, want) {
		t.Errorf("left\n%s\nwant\n%s", strings.Join(said, "\n"), strings.Join(want, "\n"))
	}
	// A null is as good as none, also where the member comes in another casing.
	if left, err = DecodeLoose([]byte(`{"SellerSKU":null,"sellerSku":"a","part":null,"Part":{"ok":null,"Ok":true},"count":7,"Count":null}`), &got); err != nil ||
		got.SKU != "a" || got.Part == nil || !*got.Part.OK || *got.Count != 7 || len(left) != 1 || left[0].Pointer != "/Count" {
		t.Errorf("%+v, left %v, error %v", got, left, err)
	}
	// The same reader reads the next body, in another casing and with nothing in it.
	if left, err = DecodeLoose([]byte(`{"SELLERSKU":"c"}`), &got); err != nil || left != nil || got.SKU != "c" || got.Count != nil {
		t.Errorf("%+v, left %v, error %v", got, left, err)
	}
	for _, body := range []string{``, `{`, `{"a":}`, `{} {}`} {
		if left, err := DecodeLoose([]byte(body), &got); err == nil || left != nil {
			t.Errorf("%s: left %v, error %v", body, left, err)
		}
	}
}

// A strict reader of the same type is not touched by it.
func TestLooseIsApart(t *testing.T) {
	var got loose
	if _, err := DecodeLoose([]byte(`{"sellersku":"a"}`), &got); err != nil || got.SKU != "a" {
		t.Fatal(got, err)
	}
	strict, warnings, err := Decode[*loose]([]byte(`{"sellersku":"a","SellerSKU":"b","SellerSKU":"c"}`), false)
	if err != nil || strict.SKU != "c" || warnings != nil {
		t.Errorf("%+v, warnings %v, error %v", strict, warnings, err)
	}
}

// A thousand values are told, and that there are more. A list that isn't the one object it could be counts as one.
func TestLooseTellsMany(t *testing.T) {
	var got loose
	body := `{"Part":[{"new":1},{"new":2}],"Parts":[` + strings.Repeat(`{"new":1},`, 999) + `{}]}`
	left, err := DecodeLoose([]byte(body), &got)
	if err != nil || len(left) != 1000 || left[0].Pointer != "/Part" || string(left[0].Value) != `[{"new":1},{"new":2}]` || left[999].Pointer != "/Parts/998/new" {
		t.Errorf("%d left, the first %+v, error %v", len(left), left[0], err)
	}
	left, err = DecodeLoose([]byte(strings.Replace(body, `{}`, `{"new":2},{"new":3}`, 1)), &got)
	if err != nil || len(left) != 1001 || left[999].Pointer != "/Parts/998/new" || left[1000].Pointer != "" || left[1000].Reason != "more" || left[1000].Value != nil {
		t.Errorf("%d left, the last %+v, error %v", len(left), left[len(left)-1], err)
	}
	if left, err = DecodeLoose([]byte(`{"new":1}`), &got); err != nil || len(left) != 1 {
		t.Errorf("the next body: %v, error %v", left, err)
	}
}

// Bodies that are made to cost much cost a multiple of what they have.
func TestLooseHostileBodies(t *testing.T) {
	const size = 1 << 18
	for name, body := range map[string]string{
		"unknown members":     `{` + strings.Repeat(`"a":0,`, size/6) + `"b":0}`,
		"long names":          `{` + strings.Repeat(`"`+strings.Repeat("a", 1000)+`":0,`, size/1004) + `"b":0}`,
		"values in a list":    `{"Parts":[` + strings.Repeat(`0,`, size/2) + `{}]}`,
		"unknown in elements": `{"Parts":[` + strings.Repeat(`{"a":0},`, size/8) + `{}]}`,
		"depth":               `{"x":` + strings.Repeat(`[`, 9000) + strings.Repeat(`]`, 9000) + `}`,
		"lists of one":        `{"Part":` + strings.Repeat(`[`, 9000) + strings.Repeat(`]`, 9000) + `}`,
	} {
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		var got loose
		if _, err := DecodeLoose([]byte(body), &got); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		runtime.ReadMemStats(&after)
		if took := after.TotalAlloc - before.TotalAlloc; took > uint64(40*size) {
			t.Errorf("%s: %d bytes for a body of %d", name, took, len(body))
		}
	}
}

func TestFindLoose(t *testing.T) {
	body := []byte(`{"Payload":{"order":{"ID":"1","lines":[{"id":"a"},{"ID":null},{"x":1},{"iD":"b"}],"Empty":null,"s":"t"},"ORDER":{"id":"2"}}}`)
	for path, want := range map[string]string{
		"payload.Order.Id": `"1"`, "payload.order.lines.id": `"a" "b"`, "PAYLOAD.ORDER.LINES": `[{"id":"a"},{"ID":null},{"x":1},{"iD":"b"}]`,
		"payload.order.empty": "", "payload.order.s.t": "", "payload.none": "", "k": "",
	} {
		found, err := FindLoose(body, path)
		var texts []string
		for _, f := range found {
			texts = append(texts, string(f))
		}
		if got := strings.Join(texts, " "); got != want || err != nil {
			t.Errorf("%s: %s, error %v; want %s", path, got, err, want)
		}
	}
	if _, err := FindLoose([]byte(`{"a":[`), "a"); err == nil {
		t.Error("no error for half a body")
	}
	for _, pair := range [][2]string{{"@", "`"}, {"[", "{"}, {"a\u017f", "as "}} { // what only looks like the same letter in another case
		if foldedEqual([]byte(pair[0]), pair[1]) {
			t.Errorf("%q is taken for %q", pair[0], pair[1])
		}
	}
}

func TestMembers(t *testing.T) {
	var got []string
	each := func(name, value []byte) bool {
		got = append(got, string(name)+"="+string(value))
		return string(name) != "stop"
	}
	body := "\xef\xbb\xbf" + ` {"Aa":1,"b\u0042":{"C":[]},"stop":null,"broken":`
	if err := Members([]byte(body), each); err != nil || strings.Join(got, " ") != `aa=1 bb={"C":[]} stop=null` {
		t.Errorf("%q, error %v", got, err)
	}
	for _, body := range []string{``, `[]`, `null`, `{"a":1`, `{"a":}`, `{} x`} {
		if err := Members([]byte(body), func([]byte, []byte) bool { return true }); err == nil {
			t.Errorf("%s: no error", body)
		}
	}
}
