package cel

import (
	"encoding/json"
	"strings"
	"testing"
)

const payload = `{
  "FulfillmentOrderStatusNotification": {"FulfillmentOrderStatus": "SHIPPED", "SellerFulfillmentOrderId": "a'b\"c", "Packages": []},
  "OrderChangeNotification": {
    "OrderChangeType": "BuyerRequestedChange", "AmazonOrderId": null,
    "Summary": {"MarketplaceId": "ATVPDKIKX0DER", "NumberOfItemsShipped": 0, "Big": 9007199254740993, "Price": 12.50, "IsPrime": true,
      "PurchaseDate": "2026-03-01T12:00:00.000Z",
      "OrderItems": [{"SellerSKU": "X-1", "Quantity": 2}, {"SellerSKU": "Y-22", "Quantity": 1, "IsBuyerRequestedCancel": true}]}
  }
}`

func decode(t testing.TB, text string) map[string]any {
	t.Helper()
	d := json.NewDecoder(strings.NewReader(text))
	d.UseNumber()
	var v map[string]any
	if err := d.Decode(&v); err != nil {
		t.Fatal(err)
	}
	return v
}

// Which is what an expression says of payload: "true", "false", or part of an error.
var evaluated = []struct{ expression, which string }{
	{"FulfillmentOrderStatusNotification.FulfillmentOrderStatus == `SHIPPED`", "true"},
	{"FulfillmentOrderStatusNotification.FulfillmentOrderStatus == 'SHIPPED'", "true"},
	{`FulfillmentOrderStatusNotification.FulfillmentOrderStatus != "SHIPPED"`, "false"},
	{`FulfillmentOrderStatusNotification.SellerFulfillmentOrderId == 'a\'b\x22c'`, "true"},
	{"FulfillmentOrderStatusNotification.SellerFulfillmentOrderId == r'a' || true", "true"},
	{"FulfillmentOrderStatusNotification.FulfillmentOrderStatus in ['SHIPPED', `RECEIVED`,]", "true"},
	{"'FulfillmentOrderStatus' in FulfillmentOrderStatusNotification", "true"},
	{"!('x' in [])", "true"},
	{"OrderChangeNotification.Summary.NumberOfItemsShipped < 1 && OrderChangeNotification.Summary.NumberOfItemsShipped >= 0", "true"},
	{"OrderChangeNotification.Summary.NumberOfItemsShipped > -1", "true"},
	{"OrderChangeNotification.Summary.NumberOfItemsShipped == 0.0", "true"},
	{"OrderChangeNotification.Summary.Big == 9007199254740993", "true"},
	{"OrderChangeNotification.Summary.Big == 9007199254740992", "false"},
	{"OrderChangeNotification.Summary.Big > 9007199254740992.0", "true"},
	{"OrderChangeNotification.Summary.Price == 12.5 && OrderChangeNotification.Summary.Price < 13", "true"},
	{"OrderChangeNotification.Summary.Price <= 12", "false"},
	{"OrderChangeNotification.Summary.IsPrime", "true"},
	{"!OrderChangeNotification.Summary.IsPrime", "false"},
	{"OrderChangeNotification.AmazonOrderId == null", "true"},
	{"null == OrderChangeNotification.Summary", "false"},
	{"OrderChangeNotification.Summary.MarketplaceId == 1", "false"},
	{"OrderChangeNotification.Summary.MarketplaceId < 1", "string can't be compared with a int"},
	{"OrderChangeNotification.Nothing == 1", "there is no Nothing"},
	{"orderChangeNotification.Summary == 1", "there is no orderChangeNotification"},
	{"OrderChangeNotification.OrderChangeType.x == 1", "a string has no member x"},
	{"OrderChangeNotification.OrderChangeType", "is a string, want a bool"},
	{"OrderChangeNotification.OrderChangeType && true", "neither true nor false"},
	{"OrderChangeNotification.OrderChangeType && false", "false"},
	{"has(OrderChangeNotification.Nothing)", "false"},
	{"has(OrderChangeNotification.AmazonOrderId)", "true"},
	{"has(OrderChangeNotification.Nothing.x)", "there is no Nothing"},
	{"has(OrderChangeNotification.Nothing) && OrderChangeNotification.Nothing == 1", "false"},
	// An error doesn't count where the other side decides, be it first or second.
	{"OrderChangeNotification.Nothing == 1 && false", "false"},
	{"OrderChangeNotification.Nothing == 1 || true", "true"},
	{"OrderChangeNotification.Nothing == 1 || false", "there is no Nothing"},
	{"false || OrderChangeNotification.Nothing == 1", "there is no Nothing"},
	{"true ? false : true", "false"},
	{"false ? OrderChangeNotification.Nothing : true", "true"},
	{"true || false && false", "true"},
	{"(true || false) && false", "false"},
	{"1 < 2 == true", "true"},
	{"OrderChangeNotification.Summary.OrderItems.exists(i, i.SellerSKU == 'Y-22')", "true"},
	{"OrderChangeNotification.Summary.OrderItems.exists(i, i.IsBuyerRequestedCancel)", "true"},
	{"OrderChangeNotification.Summary.OrderItems.exists(i, i.Nothing)", "there is no Nothing"},
	{"OrderChangeNotification.Summary.OrderItems.all(i, i.Quantity > 1)", "false"},
	{"OrderChangeNotification.Summary.OrderItems.all(i, i.IsBuyerRequestedCancel)", "there is no IsBuyerRequestedCancel"},
	{"OrderChangeNotification.Summary.OrderItems.all(i, has(i.Quantity))", "true"},
	{"OrderChangeNotification.Summary.OrderItems.exists_one(i, i.Quantity == 1)", "true"},
	{"OrderChangeNotification.Summary.OrderItems.exists_one(i, i.Quantity > 0)", "false"},
	{"OrderChangeNotification.Summary.OrderItems.filter(i, i.Quantity > 1).size() == 1", "true"},
	{"OrderChangeNotification.Summary.OrderItems.map(i, i.SellerSKU) == ['X-1', 'Y-22']", "true"},
	{"OrderChangeNotification.Summary.OrderItems.map(i, i.Quantity > 1, i.SellerSKU) == ['X-1']", "true"},
	{"OrderChangeNotification.Summary.OrderItems.exists(i, ['a'].exists(j, j == 'a' && i.Quantity == 2))", "true"},
	{"OrderChangeNotification.Summary.OrderItems.exists(OrderChangeNotification, OrderChangeNotification.Quantity == 2)", "true"},
	{"FulfillmentOrderStatusNotification.Packages.all(p, p.x)", "true"},
	{"FulfillmentOrderStatusNotification.exists(name, name == 'Packages')", "true"},
	{"OrderChangeNotification.OrderChangeType.all(c, true)", "runs over a string"},
	{"OrderChangeNotification.OrderChangeType.startsWith('Buyer') && OrderChangeNotification.OrderChangeType.endsWith('Change')", "true"},
	{"OrderChangeNotification.OrderChangeType.contains('Requested')", "true"},
	{"OrderChangeNotification.OrderChangeType.matches('^Buyer.*d')", "true"},
	{"matches('abc', 'b')", "true"},
	{"OrderChangeNotification.Summary.Price.contains('1')", "contains: of a double and a string"},
	{"size(OrderChangeNotification.Summary.OrderItems) == 2 && 'äö'.size() == 2 && size({}) == 0", "maps can't be written"},
	{"size(OrderChangeNotification.Summary.OrderItems) == 2 && 'äö'.size() == 2", "true"},
	{"timestamp(OrderChangeNotification.Summary.PurchaseDate) > timestamp('2026-02-28T23:59:59+01:00')", "true"},
	{"timestamp(OrderChangeNotification.Summary.MarketplaceId) > timestamp('2026-02-28T23:59:59Z')", "the text can't be read as timestamp"},
	{"int('12') == 12 && double('1.5') == 1.5 && string(12) == '12' && int(1.9) == 1", "true"},
	{"int('x') == 1", "the text can't be read as int"},
	{"'''a'b''' == \"a'b\" && 0x10 == 16 && 1e2 == 100 && 5u == 5 && .5 == 0.5", "true"},
	{"'\\u00e4\\101\\n' == 'äA\n'", "the text has no end"},
	{"true // with a reason", "true"},
	{"1", "is a int, want a bool"},
	{"0.0 == -0.0 && 9223372036854775807 < 9223372036854775808.0", "true"},
	// What isn't taken.
	{"", "ends where a value was expected"},
	{"a + 1 > 2", "column 3: + is arithmetic"},
	{"a - 1 > 2", "is arithmetic"},
	{"a -1 > 2", "is arithmetic"},
	{"a * 2 == 2", "is arithmetic"},
	{"a / 2 == 2", "is arithmetic"},
	{"a % 2 == 0", "is arithmetic"},
	{"-a == 1", "is arithmetic"},
	{"a[0] == 1", "column 2: indexing by [ ]"},
	{"a.b['c'] == 1", "indexing"},
	{"a = 1", "= is no operator: want =="},
	{"a & b", "& is no operator: want &&"},
	{"a == ", "ends where a value was expected"},
	{"(a", `ends where ")" was expected`},
	{"a b", `"b" is not expected here: want the end`},
	{"a.1", "want the end"},
	{"a.if == 1", "want a member's name"},
	{"in == 1", "want a value"},
	{"'a", "the text has no end: want '"},
	{"`a", "the text has no end: want `"},
	{"b'a' == 1", "bytes"},
	{"1x == 1", "1x is no number"},
	{"99999999999999999999 == 1", "no number that can be kept"},
	{"'\\q' == 'q'", "no such escape"},
	{"nothing(1)", "there is no function nothing"},
	{"a.nothing(1)", "there is no method nothing"},
	{"startsWith('a', 'b')", "there is no function startsWith"},
	{"'a'.startsWith()", "startsWith has 1 arguments, want 2"},
	{"has(a)", "has wants one member"},
	{"[1].all(x.y, true)", "is no name"},
	{"[1].all(x)", "all wants a name and an expression"},
	{"'a'.matches('(')", "no regular expression"},
	{"a ? b", `ends where ":" was expected`},
	{"true ? true : ", "ends where a value was expected"},
	{"a # b", "'#' is not expected"},
	{"\xff", "UTF-8"},
	{strings.Repeat("x", 257), "257 characters"},
	{"[1,2,3,4,5,6,7,8,9].all(a,[1,2,3,4,5,6,7,8,9].all(b,[1,2,3,4,5,6,7,8,9].all(c,[1,2,3,4,5,6,7,8,9].all(d,[1,2,3,4,5,6,7,8,9].all(e,[1,2,3,4,5,6,7,8,9].all(f,[1,2,3,4,5,6,7,8,9].all(g,true)))))))", "too many steps"},
}

func TestEval(t *testing.T) {
	object := decode(t, payload)
	for _, test := range evaluated {
		p, err := Compile(test.expression)
		got := "false"
		if err == nil {
			var is bool
			if is, err = p.Eval(object); is {
				got = "true"
			}
		}
		if err != nil {
			got = err.Error()
		}
		if test.which == "true" || test.which == "false" {
			if got != test.which {
				t.Errorf("%s: %s, want %s", test.expression, got, test.which)
			}
		} else if err == nil || !strings.Contains(got, test.which) {
			t.Errorf("%s: %s, want an error with %q", test.expression, got, test.which)
		}
	}
}

// FuzzCompile: whatever is read ends, without a panic, and says the same twice; what isn't read says where.
func FuzzCompile(f *testing.F) {
	for _, test := range evaluated {
		f.Add(test.expression)
	}
	object := decode(f, payload)
	f.Fuzz(func(t *testing.T, text string) {
		p, err := Compile(text)
		if err != nil {
			if err.Error() == "" || p != nil {
				t.Errorf("%q: %v with %v", text, err, p)
			}
			return
		}
		a, errA := p.Eval(object)
		b, errB := p.Eval(object)
		if a != b || (errA == nil) != (errB == nil) || a && errA != nil {
			t.Errorf("%q: %t %v, then %t %v", text, a, errA, b, errB)
		}
	})
}

// TestEvalEnds: an expression within the length that Amazon takes can be made to cost hours, of patterns, comparisons and errors. It comes to an end.
func TestEvalEnds(t *testing.T) {
	var object map[string]any
	if err := json.Unmarshal([]byte(`{"a":[1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,16,17,18,19,20],"p":"(.*a){500}b","s":"`+strings.Repeat("a", 5000)+`"}`), &object); err != nil {
		t.Fatal(err)
	}
	for _, test := range []struct{ text, want string }{
		{`a.all(x, a.all(y, !s.matches('(.*a){50}b')))`, "too many steps"},
		{`s.matches(p)`, "too large a regular expression"},
		{`a.all(x, a.all(y, a.all(z, !s.contains('b'))))`, "too many steps"},
		{`a.all(x, a.all(y, a.all(z, size(s) > 0)))`, "too many steps"},
		{"[[1]" + strings.Repeat(".map(a,[a,a,a,a,a,a])", 10) + "].all(x, x == x)", "too many steps"},
		{"[[1]" + strings.Repeat(".map(a,[a,a,a,a,a,a])", 10) + "].all(x, x != x)", "too many steps"},
		{"[[1]" + strings.Repeat(".map(a,[a,a,a,a,a,a])", 10) + "].all(x, x in [x])", "too many steps"},
		{`a.all(x, a.all(y, a.all(z, x.b)))`, "has no member b"},
	} {
		p, err := Compile(test.text)
		if err != nil {
			t.Errorf("%s: %v", test.text, err)
			continue
		}
		_, err = p.Eval(object)
		if err == nil || !strings.Contains(err.Error(), test.want) || len(err.Error()) > 200 {
			t.Errorf("%s: %.200v, want %s", test.text, err, test.want)
		}
	}
	if _, err := Compile(`s.matches('(.{30}){30}.{500}')`); err == nil || !strings.Contains(err.Error(), "column 3") || !strings.Contains(err.Error(), "want at most 1000") {
		t.Errorf("%v", err)
	}
	p, err := Compile(`s.matches('^[a-z]+$') && !s.matches('\\pL+ \\w{20,40}')`)
	if err != nil {
		t.Fatal(err)
	}
	if is, err := p.Eval(object); err != nil || !is {
		t.Errorf("%t %v", is, err)
	}
}
