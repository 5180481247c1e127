package cli_test

import (
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"unicode"

	"github.com/jedib0t/go-pretty/v6/text"

	"github.com/openspapi/spapi/internal/cli"
	"github.com/openspapi/spapi/internal/cli/factory"
	"github.com/openspapi/spapi/internal/cli/terminal"
)

// wicked acts on a terminal: it clears it, sets its title, goes back over the line, changes colours, and turns the direction of writing.
const wicked = "W\x1b[2J\x1b]0;t\x07\r\b\x1b[31m\u009b2J\u202e\u2066\u200f\u2028\x7fX"

// TestTextsOfOthers: whatever Amazon, or something between, sends, nothing of it acts on a terminal; what goes to a pipe is what came.
func TestTextsOfOthers(t *testing.T) {
	bare(t)
	quoted, err := json.Marshal(wicked)
	if err != nil {
		t.Fatal(err)
	}
	said := string(quoted)
	header := strings.Map(func(r rune) rune { // what a header can hold
		if r < ' ' || r == 0x7f {
			return -1
		}
		return r
	}, wicked)
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		w.Header().Set("x-amzn-RequestId", header)
		switch path := r.URL.Path; {
		case path == "/token":
			_, _ = io.WriteString(w, `{"access_token":"Atza|x","token_type":"bearer","expires_in":3600}`)
		case path == "/refused":
			w.WriteHeader(http.StatusUnauthorized)
			_, _ = io.WriteString(w, `{"error":"invalid_client","error_description":`+said+`}`)
		case strings.HasPrefix(path, "/orders/2026-01-01/orders/"):
			w.WriteHeader(http.StatusBadRequest)
			_, _ = io.WriteString(w, `{"errors":[{"code":`+said+`,"message":`+said+`,"details":`+said+`}]}`)
		case path == "/page":
			w.Header().Set("Content-Type", "text/html")
			w.WriteHeader(http.StatusNotFound)
			_, _ = io.WriteString(w, "<html><title>"+wicked+"</title></html>")
		case path == "/sellers/v1/marketplaceParticipations":
			_, _ = io.WriteString(w, "<html>"+wicked)
		case strings.Contains(path, "/listings/2021-08-01/items/"):
			_, _ = io.WriteString(w, `{"sku":`+said+`,"summaries":[{"asin":`+said+`,"productType":`+said+`,"itemName":`+said+`,"status":[`+said+`]}],`+
				`"attributes":{`+said+`:[{"value":`+said+`,"language_tag":`+said+`}]},"issues":[{"code":`+said+`,"message":`+said+`,"severity":`+said+`}]}`)
		default:
			_, _ = io.WriteString(w, `{"orders":[{"orderId":`+said+`,"createdTime":`+said+`,`+
				`"fulfillment":{"fulfillmentStatus":`+said+`},"salesChannel":{"marketplaceName":`+said+`},`+
				`"orderItems":[{"product":{"title":`+said+`}}]}]}`)
		}
	}))
	defer server.Close()
	for name, value := range map[string]string{"SPAPI_CLIENT_ID": "amzn1.application-oa2-client.x", "SPAPI_CLIENT_SECRET": "amzn1.oa2-cs.v1.x",
		"SPAPI_REFRESH_TOKEN": "Atzr|x", "SPAPI_MARKETPLACE": "US", "SPAPI_SELLER_ID": "A1", "SPAPI_ENDPOINT": server.URL, "SPAPI_TOKEN_URL": server.URL + "/token"} {
		t.Setenv(name, value)
	}
	list := []string{"orders", "list", "--since", "2026-01-01"}
	search := []string{"call", "orders20260101.searchOrders", "--created-after", "2026-01-01"}
	seen := 0
	for _, args := range [][]string{
		list, append(list, "-o", "wide"), append(list, "-o", "json"), append(list, "-o", "jsonl"), append(list, "-o", "csv"), append(list, "-o", "yaml"),
		append(list, "--jq", ".[].orderId"), append(list, "--jq", "[.[].orderId]", "-o", "table"), append(list, "-v"),
		search, append(search, "-o", "table"), append(search, "--all"), append(search, "-o", "csv"),
		{"listings", "get", "S"}, {"listings", "get", "S", "-o", "json"},
		{"orders", "get", "123-1234567-1234567"}, {"orders", "get", "123-1234567-1234567", "-v"}, {"call", "orders20260101.getOrder", "--order-id", "1"},
		{"request", "/page"}, {"request", "/page", "-i"}, {"request", "/orders/2026-01-01/orders/1"}, {"request", "/orders/2026-01-01/orders/1", "-o", "table"},
		{"marketplaces"}, {"call", "sellersv1.getMarketplaceParticipations"}, {"request", "/sellers/v1/marketplaceParticipations"},
		{"doctor"}, {"--token-url", server.URL + "/refused", "orders", "list"}, {"--token-url", server.URL + "/refused", "doctor"},
	} {
		for _, onTerminal := range []bool{true, false} {
			streams, out, messages := terminal.Buffers()
			streams.OutIsTerminal, streams.ErrIsTerminal, streams.Width = onTerminal, onTerminal, 100
			cli.Run(t.Context(), factory.With(streams, "test", args), args)
			if strings.Contains(out.String()+messages.String(), "W") {
				seen++
			}
			shown := messages.String()
			if onTerminal {
				shown += out.String()
			}
			for _, r := range shown {
				if r != '\n' && r != '\t' && (unicode.IsControl(r) || unicode.Is(unicode.Bidi_Control, r)) {
					t.Errorf("spapi %q (terminal: %t) shows %U:\n%q\n%q", args, onTerminal, r, out, messages)
					break
				}
			}
		}
	}
	if seen < 50 {
		t.Errorf("only %d outputs show the text at all", seen)
	}
	// To a pipe it goes as it came.
	streams, out, _ := terminal.Buffers()
	if args := append(list, "--jq", ".[].orderId"); cli.Run(t.Context(), factory.With(streams, "test", args), args) != 0 || out.String() != wicked+"\n" {
		t.Errorf("to a pipe: %q, want %q", out, wicked+"\n")
	}
	streams, out, _ = terminal.Buffers()
	streams.OutIsTerminal = true
	var back []struct{ OrderID string }
	if args := append(list, "-o", "json"); cli.Run(t.Context(), factory.With(streams, "test", args), args) != 0 || json.Unmarshal(out.Bytes(), &back) != nil ||
		len(back) != 1 || back[0].OrderID != wicked {
		t.Errorf("JSON on a terminal: %q is not what came", out)
	}
}

// TestEightyColumns: on a terminal of 80 columns tables keep to its width, and show what matters whole.
func TestEightyColumns(t *testing.T) {
	bare(t)
	for command, heading := range map[string]string{
		"orders list":            "ORDER CREATED STATUS TOTAL",
		"orders list --limit 0":  "ORDER CREATED STATUS TOTAL",
		"listings list":          "SKU ASIN STATUS PRICE QUANTITY TITLE",
		"listings get PN-0005":   "SKU ASIN STATUS PRICE QUANTITY",
		"inventory":              "SKU ASIN TOTAL AVAILABLE TITLE",
		"finances":               "POSTED TYPE AMOUNT ORDER",
		"pricing PN-0005":        "SKU ASIN OWN FEATURED",
		"fees PN-0005 --price 1": "PRODUCT PRICE FEES",
		"catalog search pen":     "ASIN TITLE BRAND RANK",
		"marketplaces":           "COUNTRY ID CURRENCY TAKES",
		"marketplaces --all":     "COUNTRY ID NAME REGION CURRENCY",
		"report types orders":    "TYPE FOR FORMAT",
		"feed types order":       "TYPE INSTEAD",
		"ops orders":             "OPERATION RATE",
	} {
		args := append([]string{"--emulator"}, strings.Fields(command)...)
		streams, out, messages := terminal.Buffers()
		streams.OutIsTerminal, streams.Width = true, 80
		if status := cli.Run(t.Context(), factory.With(streams, "test", args), args); status != 0 {
			t.Errorf("%s: status %d, %s", command, status, messages)
			continue
		}
		lines := strings.Split(strings.TrimSuffix(out.String(), "\n"), "\n")
		shown := strings.Fields(lines[0])
		for want := range strings.FieldsSeq(heading) {
			if !slices.Contains(shown, want) {
				t.Errorf("%s: no %s in %s", command, want, lines[0])
			}
		}
		for _, line := range lines {
			if n := text.StringWidthWithoutEscSequences(line); n > 80 {
				t.Errorf("%s: %d columns: %s", command, n, line)
			}
		}
	}
}
