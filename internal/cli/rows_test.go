package cli_test

import (
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/openspapi/spapi/internal/cli"
	"github.com/openspapi/spapi/internal/cli/factory"
	"github.com/openspapi/spapi/internal/cli/terminal"
)

// answering carries requests to nowhere: tokens are granted, everything else has one answer.
type answering string

func (a answering) RoundTrip(req *http.Request) (*http.Response, error) {
	w := httptest.NewRecorder()
	w.Header().Set("Content-Type", "application/json")
	body := string(a)
	if strings.HasSuffix(req.URL.Path, "/auth/o2/token") {
		body = `{"access_token":"Atza|x","token_type":"bearer","expires_in":3600}`
	}
	_, err := io.WriteString(w, body)
	return w.Result(), err
}

// listed is what a command prints, with one answer to all its calls.
func listed(t *testing.T, answer string, args ...string) (out, messages string) {
	t.Helper()
	bare(t)
	streams, o, m := terminal.Buffers()
	f := factory.With(streams, "test", nil)
	f.UseTransport(answering(answer))
	if status := cli.Run(t.Context(), f, append([]string{"--emulator"}, args...)); status != 0 {
		t.Fatalf("%q ends with %d: %s", args, status, m)
	}
	return o.String(), m.String()
}

// TestRowsAsSent: lists write rows as Amazon sent them, with members that no type here knows, in their order, and with all digits. What doesn't fit its type
// is there, too, and told.
func TestRowsAsSent(t *testing.T) {
	orders := `{ "orders" : [
		{ "new" : {"dec":1.50,"big":9007199254740993}, "orderId" : "1", "createdTime":"soon", "lastUpdatedTime":"2026-01-01T00:00:00.000Z","programs":null },
		null, {"orderId":"2","orderItems":{"product":{"sellerSku":"a,\u00fc"}},"salesChannel":{"marketplaceName":"x\/y"}}
	] }`
	rows := []string{
		`{"new":{"dec":1.50,"big":9007199254740993},"orderId":"1","createdTime":"soon","lastUpdatedTime":"2026-01-01T00:00:00.000Z","programs":null}`,
		`null`,
		`{"orderId":"2","orderItems":{"product":{"sellerSku":"a,\u00fc"}},"salesChannel":{"marketplaceName":"x\/y"}}`,
	}
	list := []string{"orders", "list", "--since", "2026-01-01", "--limit", "0"}
	for format, want := range map[string]string{
		"jsonl": strings.Join(rows, "\n") + "\n",
		"json":  "[\n  " + strings.Join(rows, ",\n  ") + "\n]\n",
		"csv": "order,created,status,total.amount,total.currency,items,by,shop,changed,ship by,sku\n" +
			"1,soon,,,,,,,2026-01-01T00:00:00.000Z,,\n,,,,,,,,,,\n2,,,,,1,,x/y,,,\"\"\"a,ü\"\"\"\n",
		"table": "ORDER  CREATED  STATUS  TOTAL  ITEMS  BY  SHOP\n1      soon\n\n2                                  1      x/y\n",
	} {
		out, messages := listed(t, orders, append(list, "-o", format)...)
		if out != want {
			t.Errorf("%s:\n%s\nwant\n%s", format, out, want)
		}
		if !strings.Contains(messages, "orders[].createdTime: not a date-time") {
			t.Errorf("%s: stderr says\n%s", format, messages)
		}
	}
	if out, _ := listed(t, orders, append(list, "--jq", ".[0].new.big, .[2].orderItems.product.sellerSku")...); out != "9007199254740993\na,ü\n" {
		t.Errorf("--jq: %q", out)
	}
	// The same of the raw pages, and of every other list.
	if out, _ := listed(t, orders, "call", "orders20260101.searchOrders", "--created-after", "2026-01-01", "--all"); out != strings.Join(rows, "\n")+"\n" {
		t.Errorf("call --all: %q", out)
	}
	for answer, line := range map[string]string{
		`{"items":[{"new":1.50, "asin":"B0"}],"numberOfResults":1}`:                               "catalog search pen",
		`{"items":[{"new":1.50, "sku":"s"}],"numberOfResults":1,"x":0}`:                           "listings list --seller-id A1",
		`{"transactions":[{"new":1.50, "transactionId":"t"}]}`:                                    "finances --since 2026-01-01 --until 2026-02-01",
		`{"payload":{"granularity":{},"inventorySummaries":[{"new":1.50, "sellerSku":"s"}]}}`:     "inventory",
		`{"payload":{"transactions":[{"new":1.50,"transactionId":"t"}]},"undeclared wrapper":""}`: "finances --since 2026-01-02 --until 2026-02-01",
	} {
		out, messages := listed(t, answer, append(strings.Fields(line), "-o", "jsonl")...)
		if !strings.HasPrefix(out, `{"new":1.50,"`) || strings.Count(out, "\n") != 1 {
			t.Errorf("%s: %q, %s", line, out, messages)
		}
	}
}

// TestRowsOfNoList: what stands in the place of a list is told, and no reason for an error: it has no rows, whatever it is.
func TestRowsOfNoList(t *testing.T) {
	for _, answer := range []string{`{"orders":{}}`, `{"orders":"none"}`, `{"orders":5}`} {
		out, messages := listed(t, answer, "orders", "list", "--since", "2026-01-01", "-o", "json")
		if out != "[]\n" || !strings.Contains(messages, "orders: not an array") {
			t.Errorf("%s: %q, %s", answer, out, messages)
		}
	}
}

// TestRowsThatTheSDKReads: what is spelled otherwise than declared, and read all the same, is in tables as it is in the SDK's types.
func TestRowsThatTheSDKReads(t *testing.T) {
	answer := `{"orders":[{"orderId":["1"],"orderId":["2"],"createdTime":["2026-02-01T10:00:00.5+0200"],"fulfillment":[{"fulfillmentStatus":["PARTIALLY_SHIPPED"]}],
		"proceeds":[{"grandTotal":[{"amount":["3.10"],"currencyCode":"EUR"}]}]}]}`
	for _, limit := range []string{"0", "5"} { // as they came, and from their type
		out, _ := listed(t, answer, "orders", "list", "--since", "2026-01-01", "--utc", "--limit", limit, "-o", "table")
		if want := "ORDER  CREATED               STATUS                TOTAL  ITEMS  BY  SHOP\n2      2026-02-01 08:00 UTC  partially shipped  3.10 EUR\n"; out != want {
			t.Errorf("--limit %s:\n%s\nwant\n%s", limit, out, want)
		}
	}
}
