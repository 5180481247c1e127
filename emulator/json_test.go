package emulator

import (
	"bytes"
	"encoding/json"
	"math"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/openspapi/spapi/emulator/internal/answer"
	"github.com/openspapi/spapi/emulator/internal/auth"
	"github.com/openspapi/spapi/emulator/internal/desk"
	"github.com/openspapi/spapi/emulator/internal/flow/orders"
	"github.com/openspapi/spapi/emulator/internal/format"
	"github.com/openspapi/spapi/internal/catalog"
)

// byLibrary is what a reply's body was before there was a writer of its own.
func byLibrary(t testing.TB, v any) string {
	t.Helper()
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(v); err != nil {
		t.Fatal(err)
	}
	return string(bytes.TrimSuffix(b.Bytes(), []byte("\n")))
}

func TestJSONIsThatOfTheLibrary(t *testing.T) {
	every := make([]byte, 256)
	for i := range every {
		every[i] = byte(i)
	}
	type entry struct {
		Name string  `json:"name"`
		Text *string `json:"text,omitempty"`
	}
	many := object{}
	for i := range 200 {
		many[string(rune('a'+i%26))+string(rune('Z'-i/26))] = object{"n": i, "list": []object{{"b": 1, "a": 2}}}
	}
	for _, v := range []any{
		nil, "", "a<b>&c", "Möller 文具 😀 €", "a\u2028b\u2029", "tab\tquote\"back\\\b\f\x7f\x00", string(every), "\xff", true, false, 0, -1, math.MaxInt, math.MinInt,
		1.5, 1e300, int64(7), json.Number("1.50"), json.RawMessage(`{ "a" : "<" }`), entry{Name: "<x>"}, []entry{{Name: "é"}}, &entry{},
		object{}, object(nil), map[string]any(nil), []object{}, []object(nil), []any{}, []any(nil), []string{}, []string(nil), []string{"b", "a<"}, []object{nil, {}},
		object{"b": 1, "a": []any{object{"z": nil, "\"": "x"}, []string{"y"}, 1, "é"}, "": map[string]any{"k": []object{{"m": map[string]string{"b": "1", "a": "2"}}}}, "\xff": 1, "\u2028": 2, "ab": 1, "a b": 2},
		many,
	} {
		r := answer.Reply{Body: v}
		if v == nil {
			r.Body = []any{nil}
		}
		got, _ := r.Encode()
		if want := byLibrary(t, r.Body); string(got) != want {
			t.Errorf("got  %q\nwant %q", got, want)
		}
	}
}

func TestRecordsAreLikeObjects(t *testing.T) {
	for _, c := range []struct {
		record format.Record
		object object
	}{
		{nil, object{}},
		{format.Record{{"a", nil}}, object{}},
		{format.Record{{"a", nil}, {"b", "<"}, {"c", format.Record{{"d", 1}}}, {"e", nil}, {"f", []format.Record{{{"g", "é\""}}, {}}}}, object{"b": "<", "c": object{"d": 1}, "f": []object{{"g": "é\""}, {}}}},
	} {
		r := answer.Reply{Body: c.record}
		got, _ := r.Encode()
		if want := byLibrary(t, c.object); string(got) != want {
			t.Errorf("got  %q\nwant %q", got, want)
		}
		if got, want := byLibrary(t, []any{c.record}), byLibrary(t, []any{c.object}); got != want { // by way of MarshalJSON
			t.Errorf("got  %q\nwant %q", got, want)
		}
	}
}

// TestOrderRecordsAreInOrder looks through the orders of sellers everywhere for records whose names are out of order.
func TestOrderRecordsAreInOrder(t *testing.T) {
	e, err := New(WithOrders(2000))
	if err != nil {
		t.Fatal(err)
	}
	var check func(v any)
	check = func(v any) {
		switch v := v.(type) {
		case format.Record:
			if !slices.IsSortedFunc(v, func(a, b [2]any) int { return strings.Compare(a[0].(string), b[0].(string)) }) {
				t.Fatalf("not in order: %v", v)
			}
			for _, m := range v {
				check(m[1])
			}
		case []format.Record:
			for _, r := range v {
				check(r)
			}
		}
	}
	op, found := catalog.Lookup("ordersv0.getOrder")
	if !found {
		t.Fatal("no getOrder")
	}
	w := e.desk.Seller(0).World()
	for o := range w.All(time.Time{}, e.Now()) {
		g := &auth.Grant{Kind: auth.RestrictedGrant, Resources: []auth.Resource{{Method: op.Method, Path: op.Path, Elements: []string{"buyerInfo", "shippingAddress", "buyerTaxInformation"}}}}
		c := &desk.Call{Desk: e.desk, Op: op, Seller: e.desk.Seller(0), Grant: g, Now: e.Now(), Path: map[string]string{"orderId": o.ID}}
		check(orders.OrderObjectV0(c, o, c.Now))
	}
}

func FuzzJSONString(f *testing.F) {
	f.Add("Möller\u2028\"")
	f.Fuzz(func(t *testing.T, s string) {
		r := answer.Reply{Body: object{s: s}}
		got, _ := r.Encode()
		if want := byLibrary(t, r.Body); string(got) != want {
			t.Errorf("got  %q\nwant %q", got, want)
		}
	})
}

func BenchmarkJSON(b *testing.B) {
	list := []object{}
	for range 20 {
		list = append(list, object{"AmazonOrderId": "111-1234567-1234567", "OrderStatus": "Shipped", "IsPrime": true, "NumberOfItemsShipped": 3, "OrderTotal": object{"CurrencyCode": "USD", "Amount": "12.50"}, "PaymentMethodDetails": []string{"Standard"}})
	}
	r := answer.Reply{Body: object{"payload": object{"Orders": list}}}
	b.Run("writer", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			r.Encode()
		}
	})
	b.Run("floor: encoding/json", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			byLibrary(b, r.Body)
		}
	})
}
