package wire

import (
	"errors"
	"slices"
	"strings"
	"testing"
)

// TestSettle: what operations of each shape take for their result, and what for something else. want is the body as it is read, "" where it is
// as it came, and "foreign" for none.
func TestSettle(t *testing.T) {
	const (
		payload = "ordersv0.getOrders"                                         // an object in payload
		list    = "sellersv1.getMarketplaceParticipations"                     // a list of objects in payload
		bare    = "finances20240619.listBalances"                              // an object, of which nothing is required
		inner   = "fbainventoryv1.getInventorySummaries"                       // an object with an object that has required members
		array   = "productfeesv0.getMyFeesEstimates"                           // a bare list of objects
		maps    = "shippingv2.getAdditionalInputs"                             // a map in payload
		odd     = "servicesv1.updateSchedule"                                  // a list in payload that may be missing
		notes   = "apluscontent20201101.postContentDocumentApprovalSubmission" // nothing but warnings
		joined  = "fulfillmentoutbound20260704.createOrder"                    // members of two statuses
		none    = "reports20210630.cancelReport"                               // no body
		message = `{"message":"Endpoint request timed out"}`
		foreign = "foreign"
	)
	for _, c := range []struct{ operation, body, want string }{
		{payload, `{"payload":{"Orders":[]}}`, ""},
		{payload, "\xef\xbb\xbf" + ` {"payload":{"Orders":[]}}`, ""},
		{payload, `{"statusCode":200,"payload":{"new":1,"NextToken":"a"}}`, ""},
		{payload, `{"payload":{"Orders":{"AmazonOrderId":"1"}}}`, ""},
		{payload, `{"payload":[{"Orders":[]}]}`, ""},
		{payload, message, foreign}, {payload, `{}`, foreign}, {payload, `null`, foreign}, {payload, `[]`, foreign}, {payload, `[{}]`, foreign},
		{payload, `7`, foreign}, {payload, `true`, foreign}, {payload, `"Orders"`, foreign}, {payload, ` "" `, foreign},
		{payload, `{"payload":null}`, foreign}, {payload, `{"payload":{}}`, foreign}, {payload, `{"payload":[]}`, foreign},
		{payload, `{"payload":"Orders"}`, foreign}, {payload, `{"payload":{"Orders":null,"NextToken":""}}`, foreign},
		{payload, `{"payload":{"message":"no"}}`, foreign}, {payload, `{"errors":[]}`, foreign}, {payload, `{"payload":null,"errors":[],"x":1}`, foreign},
		{payload, `{"Orders":[],"NextToken":"a"}`, `{"payload":{"Orders":[],"NextToken":"a"}}`},
		{payload, `{"payload":{},"Orders":[]}`, foreign},
		{payload, `{"payload":[{"Orders":[]},{"Orders":[]}]}`, foreign},
		{list, `{"payload":[]}`, ""}, {list, `{"payload":[{"marketplace":{"id":"A"}}]}`, ""}, {list, `{"payload":[{"new":1},{"storeName":"A"}]}`, ""},
		{list, `{"payload":{"marketplace":{"id":"A"}}}`, ""},
		{list, `{"payload":[{"message":"no"}]}`, foreign}, {list, `{"payload":{"message":"no"}}`, foreign}, {list, message, foreign}, {list, `{"payload":[null]}`, foreign},
		{list, `[{"storeName":"A"}]`, `{"payload":[{"storeName":"A"}]}`}, {list, `[]`, `{"payload":[]}`},
		{bare, `{"balances":[]}`, ""}, {bare, `{"nextToken":"a"}`, ""}, {bare, `{"balances":{"a":1}}`, ""},
		{bare, message, foreign}, {bare, `{}`, foreign}, {bare, `null`, foreign}, {bare, `{"nextToken":null}`, foreign}, {bare, `[]`, foreign},
		{bare, `{"payload":{"balances":[]},"statusCode":200}`, `{"balances":[]}`}, {bare, `{"payload":{"message":"no"}}`, foreign},
		{inner, `{"payload":{"inventorySummaries":[]}}`, ""}, {inner, `{"pagination":{"nextToken":"a"}}`, ""},
		{inner, `{"payload":{}}`, foreign}, {inner, `{"payload":null,"errors":[]}`, foreign}, {inner, `{"payload":{"message":"no"}}`, foreign}, {inner, `{"errors":[]}`, foreign},
		{array, `[]`, ""}, {array, `[{"Status":"Success"}]`, ""}, {array, `{"Status":"Success"}`, ""},
		{array, message, foreign}, {array, `[` + message + `]`, foreign}, {array, `null`, foreign}, {array, `{}`, foreign},
		{array, `{"payload":[]}`, `[]`},
		{maps, `{"payload":{"$schema":"x"}}`, ""}, {maps, `{"payload":{}}`, ""}, {maps, message, foreign}, {maps, `{"payload":[]}`, foreign}, {maps, `{}`, foreign},
		{odd, `{}`, ""}, {odd, `{"payload":null}`, ""}, {odd, `{"payload":[]}`, ""}, {odd, message, foreign}, {odd, `null`, foreign}, {odd, `[]`, `{"payload":[]}`},
		{notes, `{}`, ""}, {notes, `{"warnings":[]}`, ""}, {notes, `{"warnings":null}`, ""}, {notes, message, foreign},
		{joined, `{"orderId":"1"}`, ""}, {joined, `{"order":{"orderId":"1"}}`, ""}, {joined, `{"order":{}}`, foreign}, {joined, message, foreign},
		{none, `{}`, ""}, {none, `null`, ""}, {none, `{"anything":1}`, ""}, {none, `{"status":"SUCCESS","message":"done"}`, ""}, {none, `OK`, ""}, {none, `{"message":1}`, ""},
		{none, message, foreign}, {none, `{"Message":"no","__type":"x"}`, foreign},
		// What is no JSON is for its reader to tell.
		{payload, `{"message":"no"`, ""}, {payload, `{"payload":{"x":1`, ""}, {bare, `{"payload":{"balances"`, ""}, {payload, `OK`, ""}, {bare, `<html>`, ""}, {maps, ``, ""},
		{"no.such", `{}`, ""},
		{payload, `{"Orders":[]},"errors":[]`, ""}, {payload, `{"Orders":[]}{"Orders":[]}`, ""}, {payload, `[{"Orders":[]}] x`, ""}, {bare, `{"payload":{"balances":[]}} x`, ""},
		{bare, `{"payload":{"balances":[]},"x"`, ""}, // no JSON
	} {
		s, err := Settle(c.operation, []byte(c.body))
		got := string(s.Body)
		switch want := c.want; want {
		case "":
			if got != c.body || err != nil || s.note != nil {
				t.Errorf("%s %s: %s, %v", c.operation, c.body, got, err)
			}
		case foreign:
			var e *ForeignError
			if !errors.As(err, &e) || e.Outline == "" || s.Body != nil {
				t.Errorf("%s %s: %s, %v, want a ForeignError with what came", c.operation, c.body, got, err)
			}
		default:
			if got != want || err != nil || s.note == nil {
				t.Errorf("%s %s: %s, %v, %v, want %s and a warning", c.operation, c.body, got, s.note, err, want)
			}
		}
	}
}

// The paths of warnings are those of the body as it came.
func TestSettledWarnings(t *testing.T) {
	read := func(operation, body string) string {
		s, err := Settle(operation, []byte(body))
		if err != nil {
			t.Fatal(err)
		}
		_, warnings, err := Decode[*sample](s.Body, true)
		if operation != "ordersv0.getOrders" {
			_, warnings, err = decodeSample(s.Body)
		}
		if err != nil {
			t.Fatal(err)
		}
		var paths []string
		for _, w := range s.about(Taken{Warnings: warnings}).Warnings {
			paths = append(paths, w.Path)
		}
		return strings.Join(paths, " ")
	}
	for _, c := range [][3]string{
		{"ordersv0.getOrders", `{"payload":{"Orders":[],"i":"x"}}`, "payload.i"},
		{"ordersv0.getOrders", `{"Orders":[],"i":"x"}`, "payload i"},
		{"finances20240619.listBalances", `{"balances":[],"i":"x"}`, "i"},
		{"finances20240619.listBalances", `{"payload":{"balances":[],"i":"x"}}`, "payload payload.i"},
		{"ordersv0.getOrders", `[{"Orders":[],"i":"x"}]`, "payload  [0].i"},
		{"finances20240619.listBalances", `{"payload":[{"balances":[],"i":"x"}]}`, "payload payload payload[0].i"},
	} {
		if got := read(c[0], c[1]); got != c[2] {
			t.Errorf("%s: %q, want %q", c[1], got, c[2])
		}
	}
}

// Every operation whose success has a body is in the table, and none else.
func TestResultsAreInOrder(t *testing.T) {
	if !slices.IsSortedFunc(results[:], func(a, b Result) int { return strings.Compare(a.Operation, b.Operation) }) || len(results) < 300 {
		t.Errorf("%d results", len(results))
	}
	for _, r := range results {
		if resultOf(r.Operation) == nil || r.Shape.Kind == ObjectKind && !r.Shape.objects() {
			t.Errorf("%+v", r)
		}
	}
}

// An outline shows what a gateway says and no more than the names of anything else.
func TestOutline(t *testing.T) {
	for text, want := range map[string]string{
		`{"message":"Endpoint request timed out"}`:                                                                         `{"message":"Endpoint request timed out"}`,
		`{ "Message" : "User: \u202Ex\n", "__type":"a#B","statusCode":504}`:                                                `{"Message":"User: \u202ex\n","__type":"a#B","statusCode":504}`,
		`{"payload":{"BuyerName":"Jane Doe","ids":["1"],"phone":5550100,"n":null,"e":"","a":[],"o":{},"t":true}}`:          `{"payload":{"BuyerName":…,"ids":[…],"phone":…,"n":null,"e":"","a":[],"o":{},"t":true}}`,
		`[{"message":"a"},{"message":"b"},3]`:                                                                              `[{"message":"a"},…]`,
		`{"jane@doe.example":1,"Jane Doe":2,"902-3159896-1390916":3,"` + strings.Repeat("x", 41) + `":4,"":5,"a-1_$":"x"}`: `{…:1,…:2,…:3,…:4,…:5,"a-1_$":…}`,
		`{"a":1,"b":1,"c":1,"d":1,"e":1,"f":1,"g":1,"h":1,"i":1,"j":1}`:                                                    `{"a":1,"b":1,"c":1,"d":1,"e":1,"f":1,"g":1,"h":1,…}`,
		`{"a":{"b":{"c":{"d":1}}},"l":[[[[1]]]]}`:                                                                          `{"a":{"b":{…}},"l":[[…]]}`,
		`{"message":"` + strings.Repeat("ä", 100) + `"}`:                                                                   `{"message":"` + strings.Repeat("ä", 60) + `…"}`,
		`null`: `null`, `7`: `7`, `"Endpoint request timed out"`: `"Endpoint request timed out"`, `{"a"`: "", ``: "", `OK`: "", `{"code":"Throttled","error":{"message":"m"}}`: `{"code":"Throttled","error":{"message":"m"}}`,
	} {
		if got := Outline([]byte(text)); got != want {
			t.Errorf("%s\nis  %s\nnot %s", text, got, want)
		}
	}
	if got := Outline([]byte(strings.Repeat("[", 100000))); got != "" {
		t.Errorf("%d brackets: %.100s", 100000, got)
	}
}
