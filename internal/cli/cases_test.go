package cli_test

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"testing"

	"github.com/openspapi/spapi/emulator"
	"github.com/openspapi/spapi/internal/cli/exit"
)

// answer is what a service answers to requests of a method and path. Several of one path are given in their order, the last one again and again.
type answer struct {
	method, path string // path is a regular expression
	status       int
	contentType  string // default: JSON
	body         string // $HOST is the service's own
}

// service is an SP-API on loopback that answers as it is told, and knows what it was asked.
type service struct {
	mu       sync.Mutex
	answers  []answer
	given    map[int]bool
	requests []*http.Request
	bodies   []string
}

// serveAnswers starts a service, and makes it what the environment names.
func serveAnswers(t *testing.T, answers ...answer) *service {
	t.Helper()
	bare(t)
	s := &service{answers: answers, given: map[int]bool{}}
	server := httptest.NewServer(s)
	t.Cleanup(server.Close)
	for name, value := range map[string]string{
		"SPAPI_CLIENT_ID": "amzn1.application-oa2-client.0123456789abcdef", "SPAPI_CLIENT_SECRET": "amzn1.oa2-cs.v1.0123456789abcdef", "SPAPI_REFRESH_TOKEN": "Atzr|0123456789abcdef",
		"SPAPI_REGION": "na", "SPAPI_MARKETPLACE": "US", "SPAPI_SELLER_ID": "A1EXAMPLESELLER", "SPAPI_ENDPOINT": server.URL, "SPAPI_TOKEN_URL": server.URL + "/auth/o2/token",
	} {
		t.Setenv(name, value)
	}
	return s
}

func (s *service) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, _ := io.ReadAll(r.Body)
	if r.URL.Path == "/auth/o2/token" {
		w.Header().Set("Content-Type", "application/json")
		fmt.Fprint(w, `{"access_token":"Atza|0123456789abcdef","token_type":"bearer","expires_in":3600}`)
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.requests, s.bodies = append(s.requests, r), append(s.bodies, string(body))
	last := -1
	for i, a := range s.answers {
		if a.method == r.Method && regexp.MustCompile(a.path).MatchString(r.URL.Path) && (last < 0 || a.path == s.answers[last].path) {
			if last = i; !s.given[i] {
				break
			}
		}
	}
	if last < 0 {
		w.WriteHeader(http.StatusNotFound)
		return
	}
	s.given[last] = true
	a := s.answers[last]
	if a.contentType == "" {
		a.contentType = "application/json"
	}
	w.Header().Set("Content-Type", a.contentType)
	w.WriteHeader(a.status)
	fmt.Fprint(w, strings.ReplaceAll(a.body, "$HOST", r.Host))
}

// TestSKUsWithACommaStayWhole: SP-API cuts lists at every comma, so that "RED,XL" in one would ask for RED and XL. A service that does so is asked for the SKU
// alone, or not at all.
func TestSKUsWithACommaStayWhole(t *testing.T) {
	s := serveAnswers(t,
		answer{method: "GET", path: "^/fba/inventory/", status: 200, body: `{"payload":{"granularity":{"granularityType":"Marketplace","granularityId":"ATVPDKIKX0DER"},"inventorySummaries":[]}}`},
		answer{method: "GET", path: "^/listings/2021-08-01/items/[^/]+/RED,XL$", status: 200, body: `{"sku":"RED,XL","summaries":[{"marketplaceId":"ATVPDKIKX0DER","status":["BUYABLE"]}]}`},
		answer{method: "GET", path: "^/listings/2021-08-01/items/[^/]+/", status: 404, body: `{"errors":[{"code":"NOT_FOUND","message":"no such SKU"}]}`},
		answer{method: "GET", path: "^/listings/", status: 200, body: `{"numberOfResults":1,"items":[{"sku":"BLUE","summaries":[]}]}`},
	)
	status, _, messages := run(t, "", "inventory", "RED,XL", "BLUE", "A,B")
	if status != exit.OK || len(s.requests) != 3 {
		t.Fatalf("inventory: status %d after %d requests: %s", status, len(s.requests), messages)
	}
	for i, want := range []string{"RED,XL", "A,B", ""} {
		q := s.requests[i].URL.Query()
		if q.Get("sellerSku") != want || (want != "") != (q.Get("sellerSkus") == "") || want == "" && q.Get("sellerSkus") != "BLUE" {
			t.Errorf("asked for %q", s.requests[i].URL.RawQuery)
		}
	}
	for _, c := range []struct {
		args []string
		want string
	}{
		{[]string{"RED,XL"}, "RED,XL"}, {[]string{"RED,XL", "BLUE"}, "BLUE RED,XL"}, {[]string{"no,such"}, ""},
		{[]string{"RED,XL", "--status", "buyable"}, "RED,XL"}, {[]string{"RED,XL", "--status", "discoverable"}, ""},
	} {
		status, out, messages := run(t, "", append([]string{"listings", "list", "--jq", `[.[].sku] | join(" ")`}, c.args...)...)
		if status != exit.OK || strings.TrimSpace(out) != c.want {
			t.Errorf("listings list %q: status %d, %q, %s; want %q", c.args, status, out, messages, c.want)
		}
	}
	for _, r := range s.requests {
		if ids := r.URL.Query().Get("identifiers"); strings.Contains(ids, ",") {
			t.Errorf("a search was asked for %q", ids)
		}
	}
	asked := len(s.requests)
	for _, args := range [][]string{
		{"pricing", "RED,XL"}, {"catalog", "search", "--by", "sku", "RED,XL"}, {"call", "fbainventoryv1.getInventorySummaries", "--seller-skus", `"RED,XL"`,
			"--granularity-type", "Marketplace", "--granularity-id", "ATVPDKIKX0DER", "--marketplace-ids", "ATVPDKIKX0DER"},
	} {
		status, _, messages := run(t, "", args...)
		if status != exit.Usage || !strings.Contains(messages, `"RED,XL"`) || !strings.Contains(messages, "holds a comma") || len(s.requests) != asked {
			t.Errorf("%q: status %d after %d requests: %s", args, status, len(s.requests)-asked, messages)
		}
	}
}

// TestStockOfOtherSKUs: where Amazon cuts a single SKU at its comma too, what came isn't its stock.
func TestStockOfOtherSKUs(t *testing.T) {
	serveAnswers(t, answer{method: "GET", path: "^/fba/inventory/", status: 200,
		body: `{"payload":{"granularity":{"granularityType":"Marketplace","granularityId":"ATVPDKIKX0DER"},"inventorySummaries":[{"sellerSku":"RED","totalQuantity":1},{"sellerSku":"XL","totalQuantity":2}]}}`})
	for _, c := range []struct {
		args      []string
		status    int
		out, told string
	}{
		{[]string{"inventory", "RED,XL"}, exit.Failure, "", `the stock of ["RED,XL"] can't be told`},
		{[]string{"inventory", "RED,XL", "RED", "XL"}, exit.Failure, "RED XL", `the stock of ["RED,XL"] can't be told`},
		{[]string{"inventory", "RED", "XL"}, exit.OK, "RED XL", ""},
	} {
		status, out, messages := run(t, "", append(c.args, "-o", "csv", "--columns", "sku")...)
		if got := strings.Join(strings.Fields(out)[min(1, len(strings.Fields(out))):], " "); status != c.status || got != c.out || !strings.Contains(messages, c.told) {
			t.Errorf("%q: status %d, %q, %q", c.args, status, out, messages)
		}
	}
}

// TestResourcesWithALeadingSlash: a resource is a path, and people give it with the slash at its beginning. One slash goes out, and the emulator takes it.
func TestResourcesWithALeadingSlash(t *testing.T) {
	bare(t)
	const want = "/uploads/2020-11-01/uploadDestinations/messaging/v1/orders/902-0000000-0000001/messages/invoice"
	for _, resource := range []string{"/messaging/v1/orders/902-0000000-0000001/messages/invoice", "messaging/v1/orders/902-0000000-0000001/messages/invoice"} {
		args := []string{"--emulator", "call", "uploads20201101.createUploadDestinationForResource", "--marketplace-ids", "ATVPDKIKX0DER", "--content-md5", "qCcR3o+U0FUR1+gXhApNfQ==", "--resource", resource}
		if status, out, messages := run(t, "", append(args, "--dry-run")...); status != exit.OK || !strings.Contains(out+messages, want+"?") {
			t.Errorf("%s: status %d, %s%s", resource, status, out, messages)
		}
		if status, out, messages := run(t, "", args...); status != exit.OK || !strings.Contains(out, "uploadDestinationId") {
			t.Errorf("%s: status %d, %s%s", resource, status, out, messages)
		}
	}
}

// TestTimesOfCalls: times of flags go out in UTC and with three digits or none, and an export of invoices takes times of day.
func TestTimesOfCalls(t *testing.T) {
	bare(t)
	_, out, messages := run(t, "", "--emulator", "call", "reports20210630.getReports", "--report-types", "GET_MERCHANT_LISTINGS_ALL_DATA", "--created-since", "2026-11-02T03:04:05.123456+02:00",
		"--created-until", "2026-11-03T03:04:05Z", "--dry-run")
	if !strings.Contains(out+messages, "createdSince=2026-11-02T01%3A04%3A05.123Z&createdUntil=2026-11-03T03%3A04%3A05Z") {
		t.Error(out, messages)
	}
	emu, err := emulator.New(emulator.WithSeed(1), emulator.WithoutLimits())
	if err != nil {
		t.Fatal(err)
	}
	seller, err := emu.AddAccount(emulator.AccountConfig{Region: "na", Marketplaces: []string{"A2Q3Y263D00KWC"}})
	if err != nil {
		t.Fatal(err)
	}
	server := httptest.NewServer(emu)
	t.Cleanup(server.Close)
	for name, value := range map[string]string{
		"SPAPI_CLIENT_ID": seller.ClientID, "SPAPI_CLIENT_SECRET": seller.ClientSecret, "SPAPI_REFRESH_TOKEN": seller.RefreshToken, "SPAPI_REGION": "na", "SPAPI_MARKETPLACE": "BR",
		"SPAPI_ENDPOINT": server.URL, "SPAPI_TOKEN_URL": server.URL + "/auth/o2/token",
	} {
		t.Setenv(name, value)
	}
	args := []string{"call", "invoices20240619.createInvoicesExport", "--marketplace-id", "A2Q3Y263D00KWC", "--date-start", "2026-07-01T08:30:00Z", "--date-end", "2026-07-30T23:59:59-03:00"}
	if _, out, messages := run(t, "", append(args, "--dry-run")...); !strings.Contains(out+messages, `"dateStart":"2026-07-01T08:30:00Z"`) || !strings.Contains(out+messages, `"dateEnd":"2026-07-31T02:59:59Z"`) {
		t.Error(out, messages)
	}
	if status, out, messages := run(t, "", args...); status != exit.OK || !strings.Contains(out, "exportId") {
		t.Errorf("status %d, %s%s", status, out, messages)
	}
}

// TestOffersWithoutAnEnd: Amazon tells of an offer that it has no end by a null, which its own schemas don't take. The patch leaves it out.
func TestOffersWithoutAnEnd(t *testing.T) {
	s := serveAnswers(t,
		answer{method: "GET", path: "^/listings/2021-08-01/items/", status: 200, body: `{"sku":"S-1","summaries":[{"marketplaceId":"ATVPDKIKX0DER","productType":"ESSENTIAL_OIL"}],
			"attributes":{"purchasable_offer":[
				{"currency":"USD","start_at":{"value":"2024-01-01T00:00:00.000Z"},"end_at":{"value":null},"audience":"ALL","our_price":[{"schedule":[{"value_with_tax":10.0}]}],
					"discounted_price":[{"schedule":[{"value_with_tax":9.50,"start_at":"2024-01-01","end_at":null}]}],"marketplace_id":"ATVPDKIKX0DER"},
				{"currency":"USD","end_at":{"value":null},"audience":"B2B","our_price":[{"schedule":[{"value_with_tax":9.0}]}],"marketplace_id":"ATVPDKIKX0DER","points":null},
				{"currency":"EUR","audience":"ALL","our_price":[{"schedule":[{"value_with_tax":9.0}]}],"marketplace_id":"A1PA6795UKMFR9"}]}}`},
		answer{method: "PATCH", path: "^/listings/2021-08-01/items/", status: 200, body: `{"sku":"S-1","status":"ACCEPTED","submissionId":"1","issues":[]}`},
	)
	status, _, messages := run(t, "", "listings", "set-price", "S-1", "12.50")
	if status != exit.OK || len(s.bodies) != 2 {
		t.Fatalf("status %d after %d requests: %s", status, len(s.bodies), messages)
	}
	const want = `{"productType":"ESSENTIAL_OIL","patches":[{"op":"replace","path":"/attributes/purchasable_offer","value":[` +
		`{"audience":"ALL","currency":"USD","discounted_price":[{"schedule":[{"start_at":"2024-01-01","value_with_tax":9.50}]}],"marketplace_id":"ATVPDKIKX0DER",` +
		`"our_price":[{"schedule":[{"value_with_tax":12.50}]}],"start_at":{"value":"2024-01-01T00:00:00.000Z"}},` +
		`{"audience":"B2B","currency":"USD","marketplace_id":"ATVPDKIKX0DER","our_price":[{"schedule":[{"value_with_tax":9.0}]}]}]}]}`
	if s.bodies[1] != want {
		t.Errorf("sent\n%s\nwant\n%s", s.bodies[1], want)
	}
}

// TestEmulatorRefusesNulls: the emulator holds offers against the schemas as the service does, so that what the command sends is taken because it is right.
func TestEmulatorRefusesNulls(t *testing.T) {
	bare(t)
	t.Setenv("SPAPI_SELLER_ID", "")
	_, sku, _ := run(t, "", "--emulator", "listings", "list", "--limit", "1", "--jq", ".[0].sku")
	patch := func(end string) string {
		_, out, messages := run(t, `[{"op":"replace","path":"/attributes/purchasable_offer","value":[{"marketplace_id":"ATVPDKIKX0DER","currency":"USD","our_price":[{"schedule":[{"value_with_tax":12.5}]}]`+end+`}]}]`,
			"--emulator", "listings", "patch", strings.TrimSpace(sku), "--patches", "-", "--jq", ".status")
		return out + messages
	}
	if out := patch(`,"end_at":{"value":null}`); !strings.Contains(out, "INVALID") {
		t.Errorf("a null was taken: %s", out)
	}
	for _, end := range []string{"", `,"end_at":{"value":"2027-01-01"}`} {
		if out := patch(end); !strings.Contains(out, "ACCEPTED") {
			t.Errorf("%q was refused: %s", end, out)
		}
	}
}

// TestSellerOfListingsFeeds: the header of a listings feed names the seller of the environment, unless a flag names another.
func TestSellerOfListingsFeeds(t *testing.T) {
	s := serveAnswers(t,
		answer{method: "POST", path: "/documents$", status: 201, body: `{"feedDocumentId":"d","url":"http://$HOST/upload"}`},
		answer{method: "PUT", path: "^/upload$", status: 200},
		answer{method: "POST", path: "/feeds$", status: 202, body: `{"feedId":"7"}`},
		answer{method: "GET", path: "/feeds/7$", status: 200, body: `{"feedId":"7","feedType":"JSON_LISTINGS_FEED","createdTime":"2026-11-01T00:00:00Z","processingStatus":"DONE"}`},
	)
	for want, flags := range map[string][]string{"A1EXAMPLESELLER": nil, "A2OTHER": {"--seller-id", "A2OTHER"}} {
		s.bodies = nil
		args := append([]string{"feed", "submit", "JSON_LISTINGS_FEED", "-", "--poll", "1ms"}, flags...)
		if status, _, messages := run(t, `{"sku":"S","operationType":"DELETE"}`, args...); status != exit.OK {
			t.Fatalf("status %d: %s", status, messages)
		}
		if sent := strings.Join(s.bodies, "\n"); !strings.Contains(sent, `{"header":{"sellerId":"`+want+`","version":"2.0"}`) {
			t.Errorf("want seller %s in\n%s", want, sent)
		}
	}
}

// TestProcessingReportsDecide: a feed of which not all was carried out ends with a failure, whatever its processing report says in words, and none that was.
func TestProcessingReportsDecide(t *testing.T) {
	for name, c := range map[string]struct {
		report string
		status int
	}{
		"counts only": {"Feed Processing Summary:\n\tNumber of records processed\t\t2\n\tNumber of records successful\t\t0\n", exit.Failure},
		"German":      {"Zusammenfassung:\n\tverarbeitet\t\t3\n\terfolgreich\t\t1\n\noriginal-record-number\torder-id\torder-item-id\terror-code\terror-type\terror-message\n1\t302-0000000-0000009\t44\t18028\tFehler\tx\n", exit.Failure},
		"no report":   {"<html><body>Access denied</body></html>", exit.Failure},
		"all":         {"Feed Processing Summary:\n\tNumber of records processed\t\t2\n\tNumber of records successful\t\t2\n", exit.OK},
	} {
		serveAnswers(t,
			answer{method: "GET", path: "/feeds/7$", status: 200, body: `{"feedId":"7","feedType":"POST_FLAT_FILE_FULFILLMENT_DATA","createdTime":"2026-11-01T00:00:00Z","processingStatus":"DONE","resultFeedDocumentId":"r"}`},
			answer{method: "GET", path: "/documents/r$", status: 200, body: `{"feedDocumentId":"r","url":"http://$HOST/report"}`},
			answer{method: "GET", path: "^/report$", status: 200, contentType: "text/plain;charset=UTF-8", body: c.report},
		)
		status, out, messages := run(t, "", "feed", "result", "7", "-o", "csv")
		if status != c.status {
			t.Errorf("%s: status %d, want %d: %s%s", name, status, c.status, out, messages)
		}
		if name == "German" && !strings.Contains(out, ",302-0000000-0000009,1,ERROR,18028,,x") {
			t.Errorf("%s: %s", name, out)
		}
	}
}

// TestDamagedProcessingReports: what can be read is shown, by feed submit as by feed result, and the rest isn't taken for success.
func TestDamagedProcessingReports(t *testing.T) {
	file := filepath.Join(t.TempDir(), "feed.txt")
	if err := os.WriteFile(file, []byte("order-id\n1\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	for report, want := range map[string]string{
		`{"issues":[{"messageId":1,"sku":"S-1","code":"9","severity":"ERROR","message":"m"}],"summ`: "its end is missing",
		"<html></html>": "no processing report",
	} {
		for _, args := range [][]string{{"feed", "result", "7"}, {"feed", "submit", "POST_FLAT_FILE_FULFILLMENT_DATA", file, "--poll", "1ms"}} {
			serveAnswers(t,
				answer{method: "POST", path: "/documents$", status: 201, body: `{"feedDocumentId":"in","url":"http://$HOST/up"}`},
				answer{method: "PUT", path: "^/up$", status: 200},
				answer{method: "POST", path: "/feeds$", status: 202, body: `{"feedId":"7"}`},
				answer{method: "GET", path: "/feeds/7$", status: 200, body: `{"feedId":"7","feedType":"POST_FLAT_FILE_FULFILLMENT_DATA","createdTime":"2026-11-01T00:00:00Z","processingStatus":"DONE","resultFeedDocumentId":"r"}`},
				answer{method: "GET", path: "/documents/r$", status: 200, body: `{"feedDocumentId":"r","url":"http://$HOST/report"}`},
				answer{method: "GET", path: "^/report$", status: 200, contentType: "text/plain;charset=UTF-8", body: report},
			)
			status, out, messages := run(t, "", append(args, "-o", "jsonl")...)
			if status != exit.Failure || !strings.Contains(messages, want) || !strings.Contains(messages, `"spapi feed result 7 --raw"`) || strings.Contains(report, "S-1") != strings.Contains(out, `"sku":"S-1"`) {
				t.Errorf("%q: status %d, %q, %q", args, status, out, messages)
			}
		}
	}
}

// TestReportsOfFailuresAreShown: the issues of a feed that ended FATAL and of a damaged report are printed, a feed that ended FATAL is never said to have been
// carried out, and what is no processing report at all doesn't pass for one without issues.
func TestReportsOfFailuresAreShown(t *testing.T) {
	const damaged = "<AmazonEnvelope><Message><ProcessingReport><Result><MessageID>3</MessageID><ResultCode>Error</ResultCode><ResultMessageCode>8541</ResultMessageCode>" +
		"<ResultDescription>bad</ResultDescription></Result>"
	folder := t.TempDir()
	file := filepath.Join(folder, "a.xml")
	if err := os.WriteFile(file, []byte("<AmazonEnvelope></AmazonEnvelope>"), 0o600); err != nil {
		t.Fatal(err)
	}
	listings := filepath.Join(folder, "a.jsonl")
	if err := os.WriteFile(listings, []byte(`{"sku":"S","operationType":"DELETE"}`+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct{ state, report, issue, says string }{
		"FATAL":             {"FATAL", damaged + "</ProcessingReport></Message></AmazonEnvelope>", ",8541,,bad", "ended FATAL: bad"},
		"damaged":           {"DONE", damaged, ",8541,,bad", "its end is missing"},
		"FATAL and damaged": {"FATAL", damaged, ",8541,,bad", "ended FATAL: bad"},
		"a gateway's":       {"DONE", `{"message":"Endpoint request timed out"}`, "", "it is no processing report"},
		"another XML":       {"DONE", `<Error><Code>SlowDown</Code></Error>`, "", "it is no processing report"},
		"text":              {"DONE", "try later", "", "it says: try later"},
		"empty":             {"DONE", " ", "", "it is no processing report"},
	} {
		for _, args := range [][]string{
			{"feed", "result", "7"}, {"feed", "submit", "POST_ORDER_FULFILLMENT_DATA", file}, {"feed", "submit", "JSON_LISTINGS_FEED", listings, "--seller-id", "A1B2C3"},
		} {
			serveAnswers(t,
				answer{method: "POST", path: "/documents$", status: 201, body: `{"feedDocumentId":"d","url":"http://$HOST/upload"}`},
				answer{method: "PUT", path: "^/upload$", status: 200, body: ""},
				answer{method: "POST", path: "/feeds$", status: 202, body: `{"feedId":"7"}`},
				answer{method: "GET", path: "/feeds/7$", status: 200, body: `{"feedId":"7","feedType":"POST_ORDER_FULFILLMENT_DATA","createdTime":"2026-11-01T00:00:00Z","processingStatus":"` +
					c.state + `","resultFeedDocumentId":"r"}`},
				answer{method: "GET", path: "/documents/r$", status: 200, body: `{"feedDocumentId":"r","url":"http://$HOST/report"}`},
				answer{method: "GET", path: "^/report$", status: 200, contentType: "text/plain;charset=UTF-8", body: c.report},
			)
			status, out, messages := run(t, "", append(args, "-o", "csv", "--marketplace", "US")...)
			if status == exit.OK || !strings.Contains(messages, c.says) || c.issue != "" && !strings.Contains(out, c.issue) {
				t.Errorf("%s, %q: status %d: %s%s", name, args, status, out, messages)
			}
			if c.state == "FATAL" && strings.Contains(messages, "was carried out") {
				t.Errorf("%s, %q: %s", name, args, messages)
			}
		}
	}
}

// TestFeedOfAnotherSeller: a file that says whose feed it is isn't sent for another seller.
func TestFeedOfAnotherSeller(t *testing.T) {
	const feed = `{"header":{"sellerId":"A1B2C3","version":"2.0"},"messages":[{"messageId":1,"sku":"S","operationType":"DELETE"}]}`
	serveAnswers(t) // and nothing is
	status, out, messages := run(t, feed, "feed", "submit", "JSON_LISTINGS_FEED", "-", "--seller-id", "A9OTHER", "--marketplace", "US")
	if status != exit.Usage || out != "" || !strings.Contains(messages, `--seller-id "A9OTHER" is not the seller whom the header of the feed names: "A1B2C3"`) {
		t.Errorf("status %d: %s%s", status, out, messages)
	}
	serveAnswers(t, answer{method: "POST", path: "/documents$", status: 400, body: `{"errors":[{"code":"InvalidInput","message":"so far"}]}`})
	if status, _, messages := run(t, feed, "feed", "submit", "JSON_LISTINGS_FEED", "-", "--seller-id", "A1B2C3", "--marketplace", "US"); !strings.Contains(messages, "so far") {
		t.Errorf("status %d: %s", status, messages)
	}
}

// TestAuthorizedAnew: a feed that is noted under a refresh token isn't sent again under another one, which may be the same seller's. Ids tell sellers apart.
func TestAuthorizedAnew(t *testing.T) {
	file := filepath.Join(t.TempDir(), "a.xml")
	if err := os.WriteFile(file, []byte("<AmazonEnvelope></AmazonEnvelope>"), 0o600); err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		first, second [2]string // refresh token and seller's id
		status, sent  int
	}{
		"the same":                   {[2]string{"Atzr|1", ""}, [2]string{"Atzr|1", ""}, exit.OK, 1},
		"another token":              {[2]string{"Atzr|1", ""}, [2]string{"Atzr|2", ""}, exit.Usage, 1},
		"an id where there was none": {[2]string{"Atzr|1", ""}, [2]string{"Atzr|1", "A1B2C3"}, exit.Usage, 1},
		"another token, one seller":  {[2]string{"Atzr|1", "A1B2C3"}, [2]string{"Atzr|2", "A1B2C3"}, exit.OK, 1},
		"two sellers":                {[2]string{"Atzr|1", "A1B2C3"}, [2]string{"Atzr|2", "A9OTHER"}, exit.OK, 2},
	} {
		s := serveAnswers(t,
			answer{method: "POST", path: "/documents$", status: 201, body: `{"feedDocumentId":"d","url":"http://$HOST/upload"}`},
			answer{method: "PUT", path: "^/upload$", status: 200, body: ""},
			answer{method: "POST", path: "/feeds$", status: 202, body: `{"feedId":"7"}`},
		)
		j := filepath.Join(t.TempDir(), "j")
		status := -1
		for _, who := range [][2]string{c.first, c.second} {
			t.Setenv("SPAPI_REFRESH_TOKEN", who[0]+"0123456789abcdef")
			t.Setenv("SPAPI_SELLER_ID", who[1])
			var messages string
			if status, _, messages = run(t, "", "feed", "submit", "POST_ORDER_FULFILLMENT_DATA", file, "--no-wait", "--journal", j); status == exit.Usage && !strings.Contains(messages, "another authorization") {
				t.Errorf("%s: %s", name, messages)
			}
		}
		sent := 0
		for _, r := range s.requests {
			if r.Method == http.MethodPost && strings.HasSuffix(r.URL.Path, "/feeds") {
				sent++
			}
		}
		if status != c.status || sent != c.sent {
			t.Errorf("%s: status %d, sent %d times", name, status, sent)
		}
	}
}

// TestCountedListsAreWhole: a list that the service counts and doesn't give is an error, and --limit isn't blamed for what it doesn't do.
func TestCountedListsAreWhole(t *testing.T) {
	for _, args := range [][]string{{"listings", "list"}, {"catalog", "search", "x"}} {
		for _, c := range []struct {
			body   string
			limit  string
			status int
			says   string
		}{
			{`{"numberOfResults":5,"items":null}`, "20", exit.Failure, "the service says that there are 5 "},
			{`{"numberOfResults":5,"items":[{"sku":"S","asin":"B000000001"}]}`, "1", exit.OK, "1 of 5 "},
			{`{"numberOfResults":5,"items":[{"sku":"S","asin":"B000000001"}]}`, "0", exit.OK, "the service gives no more"},
			{`{"numberOfResults":5,"items":[{"sku":"S","asin":"B000000001"}]}`, "20", exit.OK, "the service gives no more"},
			{`{"numberOfResults":0,"items":[]}`, "20", exit.OK, ""},
		} {
			serveAnswers(t, answer{method: "GET", path: "items", status: 200, body: c.body})
			status, out, messages := run(t, "", append(args, "--limit", c.limit)...)
			if status != c.status || !strings.Contains(messages, c.says) || strings.Contains(messages, "--limit") != (c.limit == "1") {
				t.Errorf("%q, %s, --limit %s: status %d: %s%s", args, c.body, c.limit, status, out, messages)
			}
		}
	}
}

// TestPagesInPlaceOfAnswers: a page where the path is unknown is not told as an order that doesn't exist.
func TestPagesInPlaceOfAnswers(t *testing.T) {
	serveAnswers(t, answer{method: "GET", path: ".", status: 404, contentType: "text/html", body: "<html><body>Not Found</body></html>"})
	for _, args := range [][]string{{"orders", "get", "902-0000000-0000001"}, {"report", "get", "1"}, {"listings", "get", "S-1"}, {"call", "ordersv0.getOrder", "--order-id", "1"}} {
		status, _, messages := run(t, "", args...)
		if status != exit.API || !strings.Contains(messages, "path of the request is unknown at http://127.0.0.1:") || strings.Contains(messages, "no such resource") {
			t.Errorf("%q: status %d: %s", args, status, messages)
		}
	}
}
