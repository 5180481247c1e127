package call

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/spf13/cobra"
	"go.uber.org/goleak"

	"github.com/openspapi/spapi"
	"github.com/openspapi/spapi/internal/cli/exit"
	"github.com/openspapi/spapi/internal/cli/factory"
	"github.com/openspapi/spapi/internal/cli/operation"
	"github.com/openspapi/spapi/internal/cli/terminal"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// service answers calls in order, and keeps what was asked.
type service struct {
	answers []string
	asked   []string // method, path, sorted query, body
}

func (s *service) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("X-Amzn-Ratelimit-Limit", "1000") // nothing waits
	if r.Header.Get("X-Amz-Access-Token") == "" {
		fmt.Fprint(w, `{"access_token":"Atza|x","token_type":"bearer","expires_in":3600}`)
		return
	}
	query, _ := url.ParseQuery(r.URL.RawQuery)
	body, _ := io.ReadAll(r.Body)
	s.asked = append(s.asked, strings.TrimSpace(r.Method+" "+r.URL.EscapedPath()+" "+query.Encode()+" "+string(body)))
	if len(s.answers) == 0 {
		w.WriteHeader(http.StatusTeapot)
		return
	}
	fmt.Fprint(w, s.answers[0])
	s.answers = s.answers[1:]
}

// call runs "spapi call args…" with credentials from the environment against a service.
func call(t *testing.T, s *service, stdin string, args ...string) (out string, err error) {
	t.Helper()
	server := httptest.NewServer(s)
	defer server.Close()
	for name, value := range map[string]string{
		"SPAPI_CLIENT_ID": "amzn1.application-oa2-client.0123456789abcdef", "SPAPI_CLIENT_SECRET": "amzn1.oa2-cs.v1.0123456789abcdef",
		"SPAPI_REFRESH_TOKEN": "Atzr|0123456789abcdef", "SPAPI_REGION": "na", "SPAPI_PROFILE": "", "SPAPI_ACCOUNT": "",
	} {
		t.Setenv(name, value)
	}
	streams, o, _ := terminal.Buffers()
	streams.In = strings.NewReader(stdin)
	f := factory.With(streams, "test", append([]string{"call"}, args...))
	root := &cobra.Command{Use: "spapi", SilenceErrors: true, SilenceUsage: true}
	f.AddFlags(root)
	root.AddCommand(NewCmdCall(f, nil))
	root.SetArgs(append(f.Args, "--endpoint", server.URL, "--token-url", server.URL+"/token"))
	err = root.ExecuteContext(t.Context())
	http.DefaultTransport.(*http.Transport).CloseIdleConnections()
	server.CloseClientConnections()
	return o.String(), err
}

// TestPages: every rule asks for the next page in its own way, and items come out a line each.
func TestPages(t *testing.T) {
	for _, c := range []struct {
		name    string
		args    string
		answers []string
		asked   []string
		out     string
	}{
		{"same arguments", "ordersv0.getOrders --marketplace-ids A,B --created-after 2026-01-01",
			[]string{`{"payload":{"Orders":[{"a":1}],"NextToken":"t/1"}}`, `{"payload":{"Orders":[],"NextToken":"t2"}}`, `{"payload":{"Orders":[{"a":2},{"a":3}]}}`},
			[]string{"GET /orders/v0/orders CreatedAfter=2026-01-01&MarketplaceIds=A%2CB", "GET /orders/v0/orders CreatedAfter=2026-01-01&MarketplaceIds=A%2CB&NextToken=t%2F1",
				"GET /orders/v0/orders CreatedAfter=2026-01-01&MarketplaceIds=A%2CB&NextToken=t2"},
			"{\"a\":1}\n{\"a\":2}\n{\"a\":3}\n"},
		{"the token alone", "feeds20210630.getFeeds --feed-types X --page-size 10",
			[]string{`{"feeds":[{"a":1}],"nextToken":"t1"}`, `{"feeds":[{"a":2}]}`},
			[]string{"GET /feeds/2021-06-30/feeds feedTypes=X&pageSize=10", "GET /feeds/2021-06-30/feeds nextToken=t1"}, "{\"a\":1}\n{\"a\":2}\n"},
		{"another query type", "fulfillmentinboundv0.getShipments --query-type SHIPMENT --marketplace-id M --shipment-status-list WORKING",
			[]string{`{"payload":{"ShipmentData":[{"a":1}],"NextToken":"t1"}}`, `{"payload":{"ShipmentData":[{"a":2}]}}`},
			[]string{"GET /fba/inbound/v0/shipments MarketplaceId=M&QueryType=SHIPMENT&ShipmentStatusList=WORKING",
				"GET /fba/inbound/v0/shipments MarketplaceId=M&NextToken=t1&QueryType=NEXT_TOKEN&ShipmentStatusList=WORKING"}, "{\"a\":1}\n{\"a\":2}\n"},
		{"the token of another operation", "fulfillmentinboundv0.getShipmentItemsByShipmentId --shipment-id S --marketplace-id M",
			[]string{`{"payload":{"ItemData":[{"a":1}],"NextToken":"t1"}}`, `{"payload":{"ItemData":[{"a":2}],"NextToken":"t2"}}`, `{"payload":{"ItemData":[{"a":3}]}}`},
			[]string{"GET /fba/inbound/v0/shipments/S/items MarketplaceId=M", "GET /fba/inbound/v0/shipmentItems MarketplaceId=M&NextToken=t1&QueryType=NEXT_TOKEN",
				"GET /fba/inbound/v0/shipmentItems MarketplaceId=M&NextToken=t2&QueryType=NEXT_TOKEN"}, "{\"a\":1}\n{\"a\":2}\n{\"a\":3}\n"},
		{"an offset in the body", `replenishment20221107.listOffers --no-check --pagination {"limit":2,"offset":0} --filters {}`,
			[]string{`{"offers":[{"a":1},{"a":2}]}`, `{"offers":[{"a":3}]}`},
			[]string{`POST /replenishment/2022-11-07/offers/search  {"filters":{},"pagination":{"limit":2,"offset":0}}`,
				`POST /replenishment/2022-11-07/offers/search  {"filters":{},"pagination":{"limit":2,"offset":2}}`}, "{\"a\":1}\n{\"a\":2}\n{\"a\":3}\n"},
		{"an offset up to the total", `replenishment20221107.listOffers --no-check --pagination {"limit":1,"offset":0} --filters {}`,
			[]string{`{"offers":[{"a":1}],"pagination":{"totalResults":2}}`, `{"offers":[{"a":2}],"pagination":{"totalResults":2}}`},
			[]string{`POST /replenishment/2022-11-07/offers/search  {"filters":{},"pagination":{"limit":1,"offset":0}}`,
				`POST /replenishment/2022-11-07/offers/search  {"filters":{},"pagination":{"limit":1,"offset":1}}`}, "{\"a\":1}\n{\"a\":2}\n"},
		{"whole pages where items have several lists", "financesv0.listFinancialEvents",
			[]string{`{"payload":{"FinancialEvents":{"x":[1]},"NextToken":"t1"}}`, `{"payload":{"FinancialEvents":{"y":[2]}}}`},
			[]string{"GET /finances/v0/financialEvents", "GET /finances/v0/financialEvents NextToken=t1"},
			"{\"payload\":{\"FinancialEvents\":{\"x\":[1]},\"NextToken\":\"t1\"}}\n{\"payload\":{\"FinancialEvents\":{\"y\":[2]}}}\n"},
		{"null for no token", "feeds20210630.getFeeds --feed-types X", []string{`{"feeds":[],"nextToken":null}`}, []string{"GET /feeds/2021-06-30/feeds feedTypes=X"}, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := &service{answers: c.answers}
			out, err := call(t, s, "", append(strings.Fields(c.args), "--all")...)
			if err != nil || out != c.out {
				t.Errorf("printed %q, error %v, want %q", out, err, c.out)
			}
			if !slices.Equal(s.asked, c.asked) {
				t.Errorf("asked\n%s\nwant\n%s", strings.Join(s.asked, "\n"), strings.Join(c.asked, "\n"))
			}
		})
	}
}

// TestPagesEnd: a server that repeats its token must not be asked for ever; what came before an error was printed.
func TestPagesEnd(t *testing.T) {
	page := `{"feeds":[{"a":1}],"nextToken":"t1"}`
	s := &service{answers: []string{page, page, page, page}}
	out, err := call(t, s, "", "feeds20210630.getFeeds", "--feed-types", "X", "--all")
	if err == nil || !strings.Contains(err.Error(), "feeds20210630.getFeeds: page 2: ") || len(s.asked) != 2 || out != "{\"a\":1}\n{\"a\":1}\n" {
		t.Errorf("after %d pages: printed %q, error %v", len(s.asked), out, err)
	}
	other := strings.Replace(page, "t1", "t2", 1)
	s = &service{answers: []string{page, other, page, other, page, other}}
	out, err = call(t, s, "", "feeds20210630.getFeeds", "--feed-types", "X", "--all")
	if err == nil || !strings.Contains(err.Error(), "feeds20210630.getFeeds: page 3: ") || len(s.asked) != 3 {
		t.Errorf("after %d pages in a circle: printed %q, error %v", len(s.asked), out, err)
	}
	s = &service{answers: []string{page}}
	out, err = call(t, s, "", "feeds20210630.getFeeds", "--feed-types", "X", "--all")
	if exit.Status(err) != exit.API || out != "{\"a\":1}\n" {
		t.Errorf("printed %q, error %v, want an item, and status %d", out, err, exit.API)
	}
}

// TestRequests: what flags and --input become on the wire.
func TestRequests(t *testing.T) {
	file := filepath.Join(t.TempDir(), "list.json")
	if err := os.WriteFile(file, []byte("\ufeff[{\"op\":\"delete\",\"path\":\"/a\"}]\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	const patch = "listingsitems20210801.patchListingsItem"
	for _, c := range []struct {
		name  string
		args  []string
		stdin string
		want  string
	}{
		{"path parameters stay one segment", []string{"ordersv0.getOrder", "--order-id", "a/b c%?"}, "", "GET /orders/v0/orders/a%2Fb%20c%25%3F"},
		{"a list given twice", []string{"ordersv0.getOrders", "--marketplace-ids", "A", "--MarketplaceIds", "B,C"}, "", "GET /orders/v0/orders MarketplaceIds=A%2CB%2CC"},
		{"SKUs that are unescaped twice", []string{"fulfillmentinbound20240320.listPrepDetails", "--marketplace-id", "M", "--mskus", `"a,b",c%`}, "",
			"GET /inbound/fba/2024-03-20/items/prepDetails marketplaceId=M&mskus=a%252Cb&mskus=c%2525"},
		{"numbers and booleans", []string{"ordersv0.getOrders", "--marketplace-ids", "A", "--max-results-per-page", "5", "--is-ispu"}, "", "GET /orders/v0/orders IsISPU=true&MarketplaceIds=A&MaxResultsPerPage=5"},
		{"enums are spelled as the API does", []string{"orders20260101.searchOrders", "--created-after", "2026-01-01", "--fulfilled-by", "amazon"}, "",
			"GET /orders/2026-01-01/orders createdAfter=2026-01-01&fulfilledBy=AMAZON"},
		{"JSON from a file", []string{patch, "--seller-id", "S", "--sku", "K", "--marketplace-ids", "M", "--product-type", "P", "--patches", "@" + file}, "",
			`PATCH /listings/2021-08-01/items/S/K marketplaceIds=M {"patches":[{"op":"delete","path":"/a"}],"productType":"P"}`},
		{"all from --input", []string{patch, "--input", "-"}, `{"sellerId":"S","sku":"K","marketplaceIds":["M","N"],"productType":"P","patches":[{"op":"delete","path":"/a"}]}`,
			`PATCH /listings/2021-08-01/items/S/K marketplaceIds=M%2CN {"patches":[{"op":"delete","path":"/a"}],"productType":"P"}`},
		{"a flag goes before --input", []string{patch, "--input", "-", "--sku", "L", "--product-type", "Q"}, `{"sellerId":"S","sku":"K","marketplaceIds":"M","productType":"P","patches":[{"op":"delete","path":"/a"}]}`,
			`PATCH /listings/2021-08-01/items/S/L marketplaceIds=M {"patches":[{"op":"delete","path":"/a"}],"productType":"Q"}`},
		{"64-bit numbers keep their digits", []string{patch, "--input", "-", "--no-check"}, `{"sellerId":"S","sku":"K","marketplaceIds":"M","x":9007199254740993,"t":"<&>"}`,
			`PATCH /listings/2021-08-01/items/S/K marketplaceIds=M {"t":"<&>","x":9007199254740993}`},
		{"a body that is a list", []string{"productfeesv0.getMyFeesEstimates", "--input", "-"}, `[{"IdType":"ASIN","IdValue":"B1"}]`, `POST /products/fees/v0/feesEstimate  [{"IdType":"ASIN","IdValue":"B1"}]`},
		{"an empty body that is required", []string{"notificationsv1.sendTestNotification", "--notification-type", "X"}, "", "POST /notifications/v1/subscriptions/X/testNotification  {}"},
		{"a name in path and body is given once", []string{"awd20240509.updateInbound", "--order-id", "O", "--no-check"}, "", `PUT /awd/2024-05-09/inboundOrders/O  {"orderId":"O"}`},
		{"a name in query and body is two flags", []string{"externalfulfillmentshipments20240911.updatePackageStatus", "--shipment-id", "S", "--package-id", "P", "--no-check", "--status", "A", "--body-status", "B"}, "",
			`PATCH /externalFulfillment/2024-09-11/shipments/S/packages/P status=A {"status":"B"}`},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := &service{answers: []string{`{}`}}
			if _, err := call(t, s, c.stdin, append(c.args, "--yes")...); err != nil && !errors.As(err, new(*spapi.DecodeError)) { // {} is no answer of most
				t.Fatal(err)
			}
			if len(s.asked) != 1 || s.asked[0] != c.want {
				t.Errorf("asked\n%q\nwant\n%q", s.asked, c.want)
			}
		})
	}
}

// TestAnswers: what comes back is printed as it came, in the shape that the operation declares; what isn't an answer of the operation is an error.
func TestAnswers(t *testing.T) {
	for _, c := range []struct{ name, answer, out, failure string }{
		{"numbers keep their digits", `{"payload":{"AmazonOrderId":"1","a": 9007199254740993, "b":"<&>"}}`,
			"{\"payload\":{\"AmazonOrderId\":\"1\",\"a\":9007199254740993,\"b\":\"<&>\"}}\n", ""},
		{"without its wrapper", `{"AmazonOrderId":"1"}`, "{\"payload\":{\"AmazonOrderId\":\"1\"}}\n", ""},
		{"a gateway's message", `{"message":"Endpoint request timed out"}`, "", `none of what the operation declares: {"message":"Endpoint request timed out"}`},
		{"nothing", `{}`, "", "none of what the operation declares: {}"},
		{"null", `null`, "", "none of what the operation declares: null"},
		{"not JSON", `<html>`, "", "HTML page"},
		{"cut short", `{"a":`, "", "the body ends before its JSON does"},
		{"nothing but errors", `{"errors":[{"code":"X","message":"y"}]}`, "", "200 X: y"},
	} {
		t.Run(c.name, func(t *testing.T) {
			out, err := call(t, &service{answers: slices.Repeat([]string{c.answer}, 5)}, "", "ordersv0.getOrder", "--order-id", "1")
			if out != c.out || (err == nil) != (c.failure == "") || err != nil && !strings.Contains(err.Error(), c.failure) {
				t.Errorf("printed %q, error %v, want %q and %q", out, err, c.out, c.failure)
			}
		})
	}
}

// TestRows: what tables are made of.
func TestRows(t *testing.T) {
	op, err := operation.Lookup("ordersv0.getOrders")
	if err != nil {
		t.Fatal(err)
	}
	for body, want := range map[string]string{
		`{"payload":{"Orders":[{"a":1}],"NextToken":"x"}}`: `[{"a":1}]`,
		`{"payload":{"x":1}}`:                              `{"x":1}`,
		`[1]`:                                              `[1]`,
	} {
		if got := rows(op, json.RawMessage(body)); string(got) != want {
			t.Errorf("rows of %s are %s, want %s", body, got, want)
		}
	}
}
