package gateway

import (
	"encoding/json"
	"io"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/openspapi/spapi"
	"github.com/openspapi/spapi/emulator"
	"github.com/openspapi/spapi/internal/catalog"
)

// Every row is of an operation or a report type that there is, and says what it takes out.
func TestPersonalTable(t *testing.T) {
	for _, row := range table(personalRows) {
		if row[1] == "report" {
			if spapi.IsRestrictedReportType(row[0]) {
				t.Errorf("%s is known to the SDK", row[0])
			}
			continue
		}
		op, ok := spapi.LookupOperation(row[0])
		if !ok || op.Restricted == spapi.RestrictedAlways || row[1] == "" || row[2] == "" {
			t.Errorf("%v: %+v", row, op)
		}
	}
	for _, row := range table(documentRows) {
		if op, ok := spapi.LookupOperation(row[0]); !ok || row[2] != "GET" && row[2] != "PUT" || row[2] == "GET" && op.ID == "" {
			t.Errorf("%v", row)
		}
	}
}

// Operations that show an order's personal data to a plain token have a row: those that may take a restricted one, and as far as the models tell, all answers
// with members that are named as buyers' data are.
func TestPersonalTableIsWhole(t *testing.T) {
	for _, op := range spapi.Operations() {
		if in := personalIn(&op); op.Restricted == spapi.RestrictedOnRequest && !in.whole && in.members == nil {
			t.Errorf("%s: on request, and nothing is taken out without", op.ID)
		}
	}
	if !personalIn(&spapi.Operation{}).whole {
		t.Error("what nobody knows is open")
	}
}

// reachedAmazon tells whether a request for the operation went out.
type reached struct {
	calls  []string
	tokens []string
}

func (c *reached) option(body string) handedOption {
	return through(func(r *http.Request, next http.RoundTripper) (*http.Response, error) {
		if strings.HasPrefix(r.URL.Path, "/auth/") || strings.HasPrefix(r.URL.Path, "/tokens/") {
			return next.RoundTrip(r)
		}
		if r.Body != nil {
			_, _ = io.Copy(io.Discard, r.Body)
		}
		c.calls = append(c.calls, r.Method+" "+r.URL.Path)
		c.tokens = append(c.tokens, r.Header.Get("X-Amz-Access-Token"))
		return answers(r, 200, body), nil
	})
}

// Each operation, by callers with and without the scope: none without it goes out with a restricted token, or where all of the answer is personal.
func TestEveryOperationByScope(t *testing.T) {
	var c reached
	h := newHanded(t, c.option(`{"reports":[]}`))
	h.addKey("plain", Key{Scope: Scope{Accounts: []string{"*"}, Operations: []string{"*"}, Write: true}, Account: "shop"})
	h.g.reports.put("shop", "x", report{Type: "GET_MERCHANT_LISTINGS_ALL_DATA"})
	parameter := regexp.MustCompile(`\{[^}]*\}`)
	for _, op := range spapi.Operations() {
		if never(&op, op.Path) != "" || op.ID == createTokenOperation {
			continue
		}
		path := parameter.ReplaceAllString(op.Path, "x")
		in := personalIn(&op)
		for _, key := range []string{"plain", "clerk"} {
			c = reached{}
			w := h.as(key, op.Method, path, "{}", "Content-Type", "application/json")
			switch {
			case key == "plain" && in.whole:
				if w.Code != 403 || len(c.calls) != 0 || !strings.Contains(w.Body.String(), "--personal-data") {
					t.Errorf("%s, %s: %d %s, calls %v", op.ID, key, w.Code, w.Body, c.calls)
				}
			case len(c.calls) != 1:
				t.Errorf("%s, %s: %d %s, calls %v", op.ID, key, w.Code, w.Body, c.calls)
			case strings.HasPrefix(c.tokens[0], restrictedPrefix):
				if key == "plain" || op.Restricted == spapi.RestrictedNever {
					t.Errorf("%s, %s: with a restricted token", op.ID, key)
				}
			case key == "clerk" && (op.Restricted == spapi.RestrictedAlways || op.Restricted == spapi.RestrictedOnRequest && in.members != nil):
				t.Errorf("%s, %s: without a restricted token", op.ID, key)
			}
		}
	}
	for _, path := range []string{"/orders/v9/orders", "/orders/v0/orders/", "/orders/v0/orders/x/everything"} {
		c = reached{}
		if w := h.as("plain", "GET", path, ""); w.Code != 403 || len(c.calls) != 0 {
			t.Errorf("%s: %d %s", path, w.Code, w.Body)
		}
	}
	_ = h.g.Close() // what waits for the audit is kept
	for _, op := range spapi.Operations() {
		in := personalIn(&op)
		for _, r := range h.audit.of(op.ID) {
			if r.PersonalData != (r.Caller == "clerk" && (in.whole || in.members != nil)) {
				t.Errorf("%s: the audit has %+v", op.ID, r)
			}
		}
	}
}

// buyer is what an order of version 0 shows of its buyer to a plain token of an application that may see it.
const buyersOrder = `{"AmazonOrderId":"1","BuyerInfo":{"BuyerEmail":"canary@x","BuyerName":"Canary"},"BuyerTaxInformation":{"BuyerLegalCompanyName":"Canary"},
"ShippingAddress":{"Name":"Canary","AddressLine1":"Canary","City":"Town","PostalCode":"123","CountryCode":"DE","Phone":"Canary","Next":"Canary"},"OrderTotal":{"Amount":"1.00"}}`

// Amazon lets plain tokens see personal data, too: callers without the scope get it without.
func TestWithoutScopePersonalDataIsTakenOut(t *testing.T) {
	for _, c := range []struct{ name, path, answer string }{
		{"orders v0", "/orders/v0/orders?MarketplaceIds=A", `{"payload":{"Orders":[` + buyersOrder + `],"NextToken":"n"}}`},
		{"order v0", "/orders/v0/orders/1", `{"payload":` + buyersOrder + `}`},
		{"address v0", "/orders/v0/orders/1/address", `{"payload":` + buyersOrder + `}`},
		{"buyer v0", "/orders/v0/orders/1/buyerInfo", `{"payload":{"AmazonOrderId":"1","BuyerEmail":"canary@x","BuyerTaxInfo":{"x":"Canary"}}}`},
		{"items v0", "/orders/v0/orders/1/orderItems", `{"payload":{"OrderItems":[{"ASIN":"1","BuyerInfo":{"GiftMessageText":"Canary","GiftWrapLevel":"1"}}]}}`},
		{"items' buyer v0", "/orders/v0/orders/1/orderItems/buyerInfo", `{"payload":{"OrderItems":[{"OrderItemId":"1","GiftMessageText":"Canary"}]}}`},
		{"orders 2026", "/orders/2026-01-01/orders?includedData=BUYER,RECIPIENT", `{"orders":[{"orderId":"1","buyer":{"buyerName":"Canary","buyerEmail":"canary@x"},
			"recipient":{"deliveryAddress":{"name":"Canary","city":"Town","postalCode":"Canary","extendedFields":{"streetName":"Canary"}},"deliveryPreference":{"addressInstruction":"Canary"}},
			"tax":{"taxRegistrations":[{"legalName":"Canary"}]},"orderItems":[{"product":{"asin":"1","customization":{"customizedUrl":"https://canary"}},
			"fulfillment":{"packing":{"giftOption":{"giftMessage":"Canary","giftWrapLevel":"1"}}}}]}]}`},
		{"order 2026", "/orders/2026-01-01/orders/1", `{"order":{"orderId":"1","recipient":{"deliveryAddress":{"phone":"Canary"}}}}`},
		{"outbound", "/fba/outbound/2020-07-01/fulfillmentOrders/1", `{"payload":{"fulfillmentOrder":{"sellerFulfillmentOrderId":"1","destinationAddress":{"name":"Canary","city":"Town"},
			"notificationEmails":["canary@x"]},"fulfillmentOrderItems":[{"giftMessage":"Canary"}]}}`},
		{"outbound list", "/fba/outbound/2020-07-01/fulfillmentOrders", `{"payload":{"fulfillmentOrders":[{"sellerFulfillmentOrderId":"1","destinationAddress":{"phone":"Canary"}}]}}`},
		{"outbound 2026", "/fulfillment/outbound/2026-07-04/orders/1", `{"order":{"orderId":"1","destination":{"deliveryAddress":{"email":"canary@x"},"deliveryNotes":"Canary"}}}`},
		{"services", "/service/v1/serviceJobs/1", `{"payload":{"serviceJobId":"1","buyer":{"buyerId":"1","name":"Canary","phone":"Canary"},"serviceLocation":{"address":{"name":"Canary"}}}}`},
		{"external", "/externalFulfillment/2024-09-11/shipments/1", `{"id":"1","partyInfoList":[{"partyId":"1","address":{"name":"Canary"},"taxInfo":{"number":"Canary"}}],
			"shippingInfo":{"shipToAddress":{"email":"canary@x"}},"lineItems":[{"giftAttributes":{"giftMessage":"Canary"}}]}`},
	} {
		t.Run(c.name, func(t *testing.T) {
			var sent reached
			h := newHanded(t, sent.option(c.answer))
			w := h.as("reader", "GET", c.path, "")
			if text := w.Body.String(); w.Code != 200 || strings.Contains(strings.ToLower(text), "canary") || !strings.Contains(text, `"1"`) || !json.Valid(w.Body.Bytes()) {
				t.Errorf("without the scope: %d %s", w.Code, text)
			}
			if len(sent.tokens) != 1 || strings.HasPrefix(sent.tokens[0], restrictedPrefix) {
				t.Errorf("tokens %q", sent.tokens)
			}
			if n := w.Header().Get("Content-Length"); n != "" && n != itoa(w.Body.Len()) {
				t.Errorf("Content-Length %s of %d bytes", n, w.Body.Len())
			}
			if w = h.as("clerk", "GET", c.path, ""); w.Code != 200 || !strings.Contains(w.Body.String(), "anary") {
				t.Errorf("with the scope: %d %s", w.Code, w.Body)
			}
			if w = h.as("clerk", "GET", c.path, "", headerRestrictedData, "none"); w.Code != 200 || strings.Contains(strings.ToLower(w.Body.String()), "canary") {
				t.Errorf("with the scope, without the data: %d %s", w.Code, w.Body)
			}
			if told := strings.ToLower(h.tells()); strings.Contains(told, "canary") {
				t.Error("a buyer is in the log, the audit or the metrics")
			}
		})
	}
}

func itoa(n int) string { b, _ := json.Marshal(n); return string(b) }

// What can't be read can't be edited: nothing of it goes out.
func TestEditFailsClosed(t *testing.T) {
	for name, answer := range map[string]string{"cut": `{"payload":{"Orders":[{"BuyerInfo":{"BuyerName":"Canary"`, "no JSON": "Canary", "too large": strings.Repeat("Canary", maxEdited/6+1)} {
		var sent reached
		h := newHanded(t, sent.option(answer))
		w := h.as("reader", "GET", "/orders/v0/orders?MarketplaceIds=A", "")
		if w.Code != 502 || strings.Contains(w.Body.String(), "Canary") {
			t.Errorf("%s: %d %.200s", name, w.Code, w.Body)
		}
	}
	h := newHanded(t, through(func(r *http.Request, next http.RoundTripper) (*http.Response, error) {
		if strings.HasPrefix(r.URL.Path, "/orders") {
			return answers(r, 200, "\x1f\x8b", "Content-Encoding", "br"), nil
		}
		return next.RoundTrip(r)
	}))
	if w := h.as("reader", "GET", "/orders/v0/orders?MarketplaceIds=A", ""); w.Code != 502 {
		t.Errorf("packed: %d %s", w.Code, w.Body)
	}
}

// Where a restricted token can't be had, a call with the scope fails: it never falls back to less.
func TestRestrictedTokenNeverFallsBack(t *testing.T) {
	var sent reached
	h := newHanded(t, sent.option(`{}`))
	if _, err := h.emu.AddFault(emulator.Fault{Kind: emulator.FaultInternal, Operation: createTokenOperation, Every: 1}); err != nil {
		t.Fatal(err)
	}
	for _, path := range []string{"/orders/v0/orders?MarketplaceIds=A", "/orders/v0/orders/1/regulatedInfo", "/orders/v0/orders/1/address"} {
		w := h.as("clerk", "GET", path, "")
		if w.Code < 400 || len(sent.calls) != 0 {
			t.Errorf("%s: %d %s, calls %v", path, w.Code, w.Body, sent.calls)
		}
	}
}

func TestRestrictedDataHeader(t *testing.T) {
	var sent reached
	h := newHanded(t, sent.option(`{"payload":{}}`))
	for _, c := range []struct {
		key, path, value string
		status           int
		says             string
	}{
		{"clerk", "/orders/v0/orders?MarketplaceIds=A", "buyerInfo", 200, ""},
		{"clerk", "/orders/v0/orders?MarketplaceIds=A", "buyerInfo, shippingAddress", 200, ""},
		{"clerk", "/orders/v0/orders?MarketplaceIds=A", "phone", 400, "buyerInfo, shippingAddress"},
		{"clerk", "/orders/v0/orders?MarketplaceIds=A", "", 400, "want"},
		{"clerk", "/orders/v0/orders/1/regulatedInfo", "none", 400, "leave the header out"},
		{"clerk", participations, "buyerInfo", 400, `want \"none\"`},
		{"clerk", participations, "none", 200, ""},
		{"reader", "/orders/v0/orders?MarketplaceIds=A", "none", 200, ""},
		{"reader", "/orders/v0/orders?MarketplaceIds=A", "buyerInfo", 403, "--personal-data"},
		{"reader", "/orders/v0/orders?MarketplaceIds=A", "phone\x1b[2J", 400, "want"},
	} {
		sent = reached{}
		w := h.as(c.key, "GET", c.path, "", headerRestrictedData, c.value)
		if w.Code != c.status || !strings.Contains(w.Body.String(), c.says) || strings.Contains(w.Body.String(), "\x1b") {
			t.Errorf("%s %s %q: %d %s", c.key, c.path, c.value, w.Code, w.Body)
		}
	}
}

const mint = "/tokens/2021-03-01/restrictedDataToken"

// A restricted data token by the gateway is its own: for its caller, its account, and as long as the key has the scope.
func TestCreateRestrictedDataToken(t *testing.T) {
	h := newHanded(t)
	body := `{"restrictedResources":[{"method":"GET","path":"/orders/v0/orders","dataElements":["buyerInfo","shippingAddress"]}]}`
	wants(t, h.as("reader", "POST", mint, body), 403, "--personal-data")
	w := h.as("clerk", "POST", mint, body, "Content-Type", "application/json")
	wants(t, w, 200, "expiresIn")
	token := field[string](t, w.Body.Bytes(), "restrictedDataToken")
	opened, no := h.g.openToken(token)
	if no != nil || opened.Account != "shop" || !strings.HasPrefix(opened.Restricted.Reveal(), restrictedPrefix) || strings.Contains(token, opened.Restricted.Reveal()[len(restrictedPrefix):]) {
		t.Fatalf("%.60s opens to %+v", token, opened)
	}
	orders := "/orders/v0/orders?CreatedAfter=2026-01-01T00:00:00Z&MarketplaceIds=" + h.emu.Credentials().MarketplaceID
	if w = h.do("GET", orders, "", "x-amz-access-token", token); w.Code != 200 || !strings.Contains(w.Body.String(), "BuyerEmail") {
		t.Fatalf("%d %.300s", w.Code, w.Body)
	}
	// It opens what it was made for, and nothing else.
	if w = h.do("GET", "/orders/v0/orders/1/address", "", "x-amz-access-token", token); w.Code != 403 {
		t.Errorf("another operation: %d %s", w.Code, w.Body)
	}
	if w = h.do("GET", orders, "", "x-amz-access-token", token, "X-Spapi-Account", "other"); w.Code == 200 && strings.Contains(w.Body.String(), "BuyerEmail") {
		t.Errorf("another account: %d %.200s", w.Code, w.Body)
	}
	if w = h.do("GET", orders, "", "x-amz-access-token", token, headerRestrictedData, "buyerInfo"); w.Code != 400 {
		t.Errorf("with the header: %d", w.Code)
	}
	for _, r := range h.audit.of("ordersv0.getOrders") {
		if !r.PersonalData && r.Status == 200 {
			t.Errorf("the audit has %+v", r)
		}
	}
	// The key loses the scope.
	_ = h.state.Update(t.Context(), func(r *Records) error {
		for i := range r.Keys {
			r.Keys[i].Scope.PersonalData = false
		}
		return nil
	})
	h.reload()
	if w = h.do("GET", orders, "", "x-amz-access-token", token); w.Code != 403 {
		t.Errorf("without the scope: %d %.200s", w.Code, w.Body)
	}
	if told := h.tells(); strings.Contains(told, token[20:60]) || strings.Contains(told, opened.Restricted.Reveal()[20:40]) {
		t.Error("a token is in the log, the audit or the metrics")
	}
}

func TestCreateRestrictedDataTokenRefusals(t *testing.T) {
	var bodies []string
	h := newHanded(t, through(func(r *http.Request, next http.RoundTripper) (*http.Response, error) {
		if r.URL.Path == mint {
			b, _ := io.ReadAll(r.Body)
			bodies = append(bodies, string(b))
			r.Body = io.NopCloser(strings.NewReader(string(b)))
		}
		return next.RoundTrip(r)
	}))
	h.addKey("narrow", Key{Scope: Scope{Accounts: []string{"*"}, Operations: []string{"ordersv0.getOrders", createTokenOperation}, PersonalData: true}, Account: "shop"})
	resource := func(method, path string) string {
		return `{"restrictedResources":[{"method":"` + method + `","path":"` + path + `"}]}`
	}
	for name, c := range map[string]struct{ key, body, says string }{
		"an operation beyond the scope":      {"narrow", resource("GET", "/orders/v0/orders/{orderId}"), "does not open ordersv0.getOrder"},
		"a write beyond the scope":           {"narrow", resource("POST", "/mfn/v0/shipments"), "does not open"},
		"one of two beyond the scope":        {"narrow", `{"restrictedResources":[{"method":"GET","path":"/orders/v0/orders"},{"method":"GET","path":"/orders/v0/orders/1"}]}`, "restrictedResources[1]"},
		"the same member twice":              {"narrow", `{"restrictedResources":[{"method":"GET","path":"/orders/v0/orders"}],"restrictedResources":[{"method":"GET","path":"/orders/v0/orders/1"}]}`, "does not open"},
		"another spelling of the member":     {"narrow", `{"restrictedResources":[{"method":"GET","path":"/orders/v0/orders"}],"RestrictedResources":[{"method":"GET","path":"/orders/v0/orders/1"}]}`, "does not open"},
		"delegation":                         {"clerk", `{"targetApplication":"amzn1.x","restrictedResources":[{"method":"GET","path":"/orders/v0/orders"}]}`, "targetApplication"},
		"a path that there isn't":            {"clerk", resource("GET", "/orders/v9/orders"), "no operation"},
		"dots":                               {"clerk", resource("GET", "/orders/v0/orders/.."), "no operation"},
		"dots, escaped":                      {"clerk", resource("GET", "/orders/v0/orders/%2e%2e"), "no operation"},
		"a slash, escaped":                   {"clerk", resource("GET", "/orders/v0/orders/x%2fbuyerInfo"), "no operation"},
		"a query":                            {"clerk", resource("GET", "/orders/v0/orders/x?y"), "no operation"},
		"no method":                          {"clerk", resource("", "/orders/v0/orders"), "no operation"},
		"text":                               {"clerk", "x", "not JSON"},
		"too many":                           {"clerk", `{"restrictedResources":[` + strings.Repeat(`{"method":"GET","path":"/orders/v0/orders"},`, 50) + `{"method":"GET","path":"/orders/v0/orders"}]}`, "at most 50"},
		"too large":                          {"clerk", `{"x":"` + strings.Repeat("x", maxTokenRequestBody) + `"}`, "larger"},
		"control characters in what it says": {"clerk", resource("GET", `/\u001b[2J`), `\\x1b`},
	} {
		bodies = nil
		w := h.as(c.key, "POST", mint, c.body)
		if w.Code != 403 && w.Code != 400 || !strings.Contains(w.Body.String(), c.says) || bodies != nil {
			t.Errorf("%s: %d %s, sent %q", name, w.Code, w.Body, bodies)
		}
	}
	// A null application is none, and Amazon gets what was checked.
	w := h.as("clerk", "POST", mint, `{"targetApplication":null,"more":1,"restrictedResources":[{"method":"GET","path":"/orders/v0/orders","dataElements":[]}]}`)
	if w.Code != 200 || len(bodies) != 1 || strings.Contains(bodies[0], "more") {
		t.Errorf("%d %s, sent %q", w.Code, w.Body, bodies)
	}
}

// makeReport has a report made by Amazon itself, behind the gateway's back, and returns its id and its document's.
func (h *handed) makeReport(reportType string) (reportID, documentID string) {
	h.t.Helper()
	c := h.emu.Credentials()
	client := spapi.NewApp(spapi.Credentials{ClientID: c.ClientID, ClientSecret: spapi.NewSecret(c.ClientSecret)}, spapi.WithTransport(h.emu)).
		Client(spapi.Authorization{RefreshToken: spapi.NewSecret(c.RefreshToken), Region: c.Region})
	send := func(method, path, body string) []byte {
		r, _ := http.NewRequestWithContext(h.t.Context(), method, path, strings.NewReader(body))
		r.Header.Set("Content-Type", "application/json")
		res, err := client.Do(r)
		if err != nil {
			h.t.Fatal(err)
		}
		defer func() { _ = res.Body.Close() }()
		b, _ := io.ReadAll(res.Body)
		return b
	}
	made := send("POST", "/reports/2021-06-30/reports", `{"reportType":"`+reportType+`","marketplaceIds":["`+c.MarketplaceID+`"],"dataStartTime":"2026-02-10T00:00:00Z","dataEndTime":"2026-03-02T11:00:00Z"}`)
	reportID = field[string](h.t, made, "reportId")
	for range 50 {
		r := send("GET", "/reports/2021-06-30/reports/"+reportID, "")
		if field[string](h.t, r, "processingStatus") == "DONE" {
			return reportID, field[string](h.t, r, "reportDocumentId")
		}
		h.emu.Advance(tick)
	}
	h.t.Fatalf("%s: %s isn't made: %s", reportType, made, send("GET", "/reports/2021-06-30/reports/"+reportID, ""))
	return "", ""
}

const (
	restrictedReport = "GET_AMAZON_FULFILLED_SHIPMENTS_DATA_TAX"
	plainReport      = "GET_MERCHANT_LISTINGS_ALL_DATA"
	reportDocument   = "/reports/2021-06-30/documents/"
)

// A document's id doesn't tell of what type its report is. The gateway finds out.
func TestRestrictedReports(t *testing.T) {
	for _, seen := range []bool{true, false} {
		h := newHanded(t)
		secretID, secret := h.makeReport(restrictedReport)
		plainID, plain := h.makeReport(plainReport)
		if seen { // the callers have asked for the reports through the gateway
			wants(t, h.as("reader", "GET", "/reports/2021-06-30/reports/"+secretID, ""), 200, secret)
			wants(t, h.as("reader", "GET", "/reports/2021-06-30/reports?reportTypes="+plainReport, ""), 200, plainID)
		}
		w := h.as("reader", "GET", reportDocument+secret, "")
		wants(t, w, 403, "--personal-data")
		wants(t, h.as("reader", "GET", reportDocument+plain, ""), 200, "url")
		wants(t, h.as("clerk", "GET", reportDocument+plain, ""), 200, "url")
		w = h.as("clerk", "GET", reportDocument+secret, "")
		wants(t, w, 200, "url")
		address := field[string](t, w.Body.Bytes(), "url")
		if got := h.do("GET", address, ""); got.Code != 200 || got.Body.Len() == 0 {
			t.Errorf("%d %.100s", got.Code, got.Body)
		}
		lists := 0
		for _, r := range h.emu.Requests() {
			if r.Operation == "reports20210630.getReports" {
				lists++
			}
		}
		if want := (len(personalReports()) + 9) / 10; !seen && lists > 2*want || seen && lists != 1 {
			t.Errorf("seen %t: %d lists", seen, lists)
		}
		records := h.audit.of(reportDocumentOperation + "/document")
		if len(records) != 1 || !records[0].PersonalData || records[0].Caller != "clerk" || records[0].Account != "shop" {
			t.Errorf("the audit has %+v", records)
		}
		for _, r := range h.audit.of(reportDocumentOperation) {
			if r.Status == 200 && r.PersonalData != slices.Contains([]string{"clerk"}, r.Caller) && r.Caller == "reader" {
				t.Errorf("the audit has %+v", r)
			}
		}
		if w = h.as("reader", "GET", reportDocument+url.PathEscape(secret+" "), ""); w.Code != 400 {
			t.Errorf("another spelling: %d %s", w.Code, w.Body)
		}
		if w = h.as("reader", "GET", reportDocument+strings.ToUpper(secret), ""); w.Code != 403 {
			t.Errorf("another case: %d %s", w.Code, w.Body)
		}
	}
}

// When it can't be found out of what type a report is, nobody gets it.
func TestReportOfUnknownTypeFailsClosed(t *testing.T) {
	h := newHanded(t)
	_, secret := h.makeReport(restrictedReport)
	if _, err := h.emu.AddFault(emulator.Fault{Kind: emulator.FaultInternal, Operation: "reports20210630.getReports", Every: 1}); err != nil {
		t.Fatal(err)
	}
	for _, key := range []string{"reader", "clerk"} {
		w := h.as(key, "GET", reportDocument+secret, "")
		if w.Code != 503 || strings.Contains(w.Body.String(), "X-Amz") {
			t.Errorf("%s: %d %s", key, w.Code, w.Body)
		}
	}
}

func TestReportMemoryIsBounded(t *testing.T) {
	m := newReportMemory()
	for i := range 3 * maxReports {
		m.put("a", itoa(i), report{Type: "t"})
	}
	if n := len(m.young) + len(m.old); n > 2*maxReports {
		t.Errorf("%d entries", n)
	}
	if _, ok := m.get("a", itoa(3*maxReports-1)); !ok {
		t.Error("the youngest is gone")
	}
	if _, ok := m.get("b", itoa(3*maxReports-1)); ok {
		t.Error("another account's document is known")
	}
	m.put("a", "", report{})
}

// buyersMembers are names that buyers' data have in Amazon's models.
var buyersMembers = regexp.MustCompile(`(?i)^(buyer(name|email|address|phone|taxinfo|county|info)|recipient|shipto|shipto(party|address)|shippingaddress|deliveryaddress|` +
	`destinationaddress|giftmessage.*|customer(name|email|phone)|signedforby|receivedby|partyinfolist|labels|labeldata|packingslips?|customerinvoices?|dropofflocation)$`)

// notBuyers are operations with such a member that is none of a buyer's.
var notBuyers = map[string]string{
	"awd20240509.getInbound":                                "Amazon's warehouse",
	"awd20240509.getInboundShipment":                        "Amazon's warehouse",
	"awd20240509.getOutbound":                               "Amazon's warehouse",
	"awd20240509.listOutbounds":                             "Amazon's warehouse",
	"fulfillmentoutbound20200701.getPackageTrackingDetails": "city and country; what is personal has a row",
	"vendorordersv1.getPurchaseOrder":                       "Amazon's warehouse",
	"vendorordersv1.getPurchaseOrders":                      "Amazon's warehouse",
	"vendorordersv1.getPurchaseOrdersStatus":                "Amazon's warehouse",
	"vendorshipmentsv1.GetShipmentDetails":                  "Amazon's warehouse",
	"vendorshipmentsv1.GetShipmentLabels":                   "Amazon's warehouse",
}

// By Amazon's models: what the table takes out is there, and an answer with members that are called as buyers' data are has a row.
func TestPersonalTableByModels(t *testing.T) {
	for _, op := range catalog.Operations() {
		api, err := catalog.LoadAPI(op.API)
		if err != nil {
			t.Fatal(err)
		}
		paths := map[string]bool{}
		for _, r := range api.Operations[op.Name].Responses {
			if r.Status/100 == 2 && r.Schema != nil {
				walkSchema(api, r.Schema, "", map[*catalog.Schema]bool{}, paths)
			}
		}
		known, ok := spapi.LookupOperation(op.ID)
		if !ok {
			continue
		}
		in := personalIn(&known)
		for path := range paths {
			name := path[strings.LastIndex(path, ".")+1:]
			if buyersMembers.MatchString(name) && !in.whole && in.members == nil && notBuyers[op.ID] == "" {
				t.Errorf("%s shows %s, and has no row", op.ID, path)
			}
		}
	}
	for _, rows := range [][][]string{table(personalRows), table(documentRows)} {
		for _, row := range rows {
			op, ok := catalog.Lookup(row[0])
			if !ok || row[1] == "*" {
				continue
			}
			api, err := catalog.LoadAPI(op.API)
			if err != nil {
				t.Fatal(err)
			}
			paths := map[string]bool{}
			for _, r := range api.Operations[op.Name].Responses {
				if r.Status/100 == 2 && r.Schema != nil {
					walkSchema(api, r.Schema, "", map[*catalog.Schema]bool{}, paths)
				}
			}
			for _, path := range strings.Split(row[1], ";") {
				i := strings.LastIndex(path, ".") + 1
				for _, name := range strings.Split(strings.TrimPrefix(path[i:], "!"), "|") {
					if want := strings.TrimSuffix(path[:i]+name, "."); !paths[want] {
						t.Errorf("%s has no %s", op.ID, want)
					}
				}
			}
		}
	}
}

// walkSchema collects the paths of all members, lists counting as what is in them.
func walkSchema(api *catalog.API, s *catalog.Schema, path string, above map[*catalog.Schema]bool, paths map[string]bool) {
	s = api.Resolve(s)
	if s == nil || above[s] {
		return
	}
	above[s] = true
	defer delete(above, s)
	for _, next := range []*catalog.Schema{s.Items, s.AdditionalProperties} {
		if next != nil {
			walkSchema(api, next, path, above, paths)
		}
	}
	for name, next := range s.Properties {
		at := strings.TrimPrefix(path+"."+name, ".")
		paths[at] = true
		walkSchema(api, next, at, above, paths)
	}
}
