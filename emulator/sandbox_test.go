package emulator

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/openspapi/spapi/emulator/internal/auth"
	"github.com/openspapi/spapi/emulator/internal/desk"
	"github.com/openspapi/spapi/emulator/internal/exchange"
	"github.com/openspapi/spapi/emulator/internal/format"
	"github.com/openspapi/spapi/emulator/internal/operations"
	"github.com/openspapi/spapi/emulator/internal/sandbox"
	"github.com/openspapi/spapi/internal/catalog"
	"github.com/openspapi/spapi/marketplace"
)

// modelsDir returns the checkout of Amazon's models, or skips.
func modelsDir(t testing.TB) string {
	t.Helper()
	dir := os.Getenv("SPAPI_MODELS")
	if dir == "" {
		dir = "../../shared/models"
	}
	if _, err := os.Stat(dir); err != nil {
		t.Skipf("SKIPPED: no checkout of Amazon's models in %s; set SPAPI_MODELS", dir)
	}
	return dir
}

type fixedClock time.Time

func (c fixedClock) Now() time.Time { return time.Time(c) }

// tokenFor returns a token that op accepts: grantless, restricted or a seller's.
func tokenFor(e *Emulator, op *catalog.Operation) string { return tokenOf(e, e.desk.Seller(0), op) }

// tokenOf is a token of a seller for an operation.
func tokenOf(e *Emulator, a *desk.Seller, op *catalog.Operation) string {
	now := e.Now()
	g := &auth.Grant{Account: a.Account, Expires: now.Add(time.Hour)}
	switch {
	case op.Grantless != "":
		g = &auth.Grant{Kind: auth.GrantlessGrant, Scopes: []string{op.Grantless}, Expires: now.Add(time.Hour)}
	case op.Restricted != nil:
		g.Kind = auth.RestrictedGrant
		g.Resources = []auth.Resource{{Method: op.Method, Path: op.Path, Elements: op.Restricted.DataElements}}
	}
	return e.desk.Auth.Issue("Atza|", g, now)
}

// unsendable tells whether the case wants an empty path parameter, which no URL can carry.
func unsendable(sc *sandbox.Case, op *catalog.Operation) bool {
	for name, v := range sc.Params {
		if v == "" && strings.Contains(op.Path, "{"+name+"}") {
			return true
		}
	}
	return false
}

// requestOf builds the request that a case describes.
func requestOf(sc *sandbox.Case, t testing.TB, op *catalog.Operation, base string) *http.Request {
	t.Helper()
	path, query, header := op.Path, url.Values{}, http.Header{}
	_, detail := operations.SchemasOf(op)
	in := map[string]string{}
	for _, p := range detail.Parameters {
		in[p.Name] = p.In
	}
	text := func(v any) string {
		if list, ok := v.([]any); ok {
			var parts []string
			for _, e := range list {
				parts = append(parts, fmt.Sprint(e))
			}
			return strings.Join(parts, ",")
		}
		if _, whatever := v.(sandbox.AnyValue); whatever {
			return "whatever"
		}
		return fmt.Sprint(v)
	}
	for name, v := range sc.Params {
		switch in[name] {
		case "path":
			path = strings.ReplaceAll(path, "{"+name+"}", url.PathEscape(text(v)))
		case "header":
			header.Set(name, text(v))
		default:
			query.Set(name, text(v))
		}
	}
	for name, where := range in {
		if where == "path" {
			path = strings.ReplaceAll(path, "{"+name+"}", "anything") // a case that leaves it out takes any
		}
	}
	body := ""
	if sc.Body != nil {
		b, err := json.Marshal(sc.Body)
		if err != nil {
			t.Fatal(err)
		}
		body = string(b)
		header.Set("Content-Type", "application/json")
	}
	u := base + path
	if len(query) > 0 {
		u += "?" + query.Encode()
	}
	r, err := http.NewRequest(op.Method, u, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	r.Header = header
	return r
}

// abroad tells whether a marketplace lies outside of North America.
func abroad(id string) bool {
	m, known := marketplace.ByID(id)
	return known && m.Region != marketplace.NorthAmerica
}

// TestSandboxReplay sends the request of every official case and wants its answer. A case can only be missed because of another one
// that asks for the same and is better by the rules: an error beside a success. Those are counted, not passed over in silence.
func TestSandboxReplay(t *testing.T) {
	e, err := New(WithModels(modelsDir(t)), WithClock(fixedClock(time.Date(2026, 3, 1, 0, 0, 0, 0, time.UTC))), WithoutLimits())
	if err != nil {
		t.Fatal(err)
	}
	total, replayed := 0, 0
	shadowed := map[string]int{}
	var left []string
	for id, cases := range e.desk.Cases {
		op, _ := catalog.Lookup(id)
		token := tokenFor(e, op)
		for i, sc := range cases {
			total++
			if unsendable(sc, op) {
				left = append(left, id)
				continue
			}
			r := requestOf(sc, t, op, marketplace.NorthAmerica.SandboxEndpoint())
			r.Header.Set("x-amz-access-token", token)
			if op.API == "orders20260101" && abroad(r.URL.Query().Get("marketplaceIds")) {
				left = append(left, id) // refused before the case is looked for
				continue
			}
			rec := exchange.NewRecorder()
			e.ServeHTTP(rec, r)
			if rec.Status == sc.Status && sameJSON(rec.Body.Bytes(), sc.Answer) {
				replayed++
				for name, v := range sc.Headers {
					if rec.Header().Get(name) != v {
						t.Errorf("%s case %d: header %s is %q, want %q", id, i, name, rec.Header().Get(name), v)
					}
				}
				continue
			}
			better := false
			for _, other := range cases {
				better = better || other != sc && other.Status == rec.Status && sameJSON(rec.Body.Bytes(), other.Answer) && covers(other, sc)
			}
			if !better {
				t.Errorf("%s case %d (%s): %d %s, want %d %s", id, i, r.URL, rec.Status, rec.Body.String(), sc.Status, sc.Answer)
				continue
			}
			shadowed[id]++
		}
	}
	sum := 0
	for _, n := range shadowed {
		sum += n
	}
	t.Logf("%d cases of %d operations: %d replayed, %d stand behind another case for the same request: %v; an empty path segment can't be sent, or a marketplace lies in another region: %v", total, len(e.desk.Cases), replayed, sum, shadowed, left)
	if total == 0 || replayed < total*9/10 {
		t.Errorf("only %d of %d replayed", replayed, total)
	}
}

// covers tells whether everything that sc asks for is asked for by a request of other, too: no request tells them apart but by the
// rules.
func covers(sc *sandbox.Case, other *sandbox.Case) bool {
	for name, v := range sc.Params {
		if _, whatever := v.(sandbox.AnyValue); whatever {
			continue
		}
		if !reflect.DeepEqual(other.Params[name], v) {
			return false
		}
	}
	if sc.Body == nil {
		return true
	}
	_, ok := sandbox.Contains(other.Body, sc.Body)
	return ok
}

func sameJSON(a, b []byte) bool {
	if len(a) == 0 || len(b) == 0 {
		return len(a) == len(b)
	}
	x, errX := format.DecodeJSON(a)
	y, errY := format.DecodeJSON(b)
	return errX == nil && errY == nil && reflect.DeepEqual(x, y)
}

// withHandler are the operations that have a world behind them.
func withHandler() map[string]bool {
	ids := map[string]bool{}
	for _, f := range flows {
		for id := range f.Handlers {
			ids[id] = true
		}
	}
	return ids
}

// TestCasesDoNotHideTheWorld sends the requests of all cases to an emulator that isn't the sandbox: it answers them as it does without the models,
// but for cases that ask for something of their own. Which those are is told apart here by a list of what anybody may ask for.
func TestCasesDoNotHideTheWorld(t *testing.T) {
	at := WithFixedTime(time.Date(2026, 3, 1, 0, 0, 0, 0, time.UTC))
	with, err := New(WithModels(modelsDir(t)), at, WithoutLimits())
	if err != nil {
		t.Fatal(err)
	}
	without, err := New(at, WithoutLimits())
	if err != nil {
		t.Fatal(err)
	}
	everyday := map[string]int{}
	handlers := withHandler()
	same, own := 0, 0
	for id := range format.SortedKeys(with.desk.Cases) {
		if !handlers[id] {
			continue
		}
		op, _ := catalog.Lookup(id)
		for i, sc := range with.desk.Cases[id] {
			if unsendable(sc, op) {
				continue
			}
			send := func(e *Emulator) *exchange.Recorder {
				r := requestOf(sc, t, op, marketplace.NorthAmerica.Endpoint())
				r.Header.Set("x-amz-access-token", tokenFor(e, op))
				rec := exchange.NewRecorder()
				e.ServeHTTP(rec, r)
				return rec
			}
			if sc.Particular {
				own++
				want := sc.Status
				if query := requestOf(sc, t, op, "https://x").URL.RawQuery; strings.Contains(query, "A1VC38T7YXB528") || strings.Contains(query, marketplace.IN.ID) {
					want = http.StatusForbidden // a marketplace of another region goes before any case
				}
				if got := send(with); got.Status != want && !strings.HasPrefix(id, "tokens") {
					t.Errorf("%s case %d: %d %s, want the case's %d", id, i, got.Status, got.Body.String(), want)
				}
				continue
			}
			everyday[id]++
			same++
			if got, want := send(with), send(without); got.Status != want.Status || !sameJSON(got.Body.Bytes(), want.Body.Bytes()) &&
				!bytes.Contains(got.Body.Bytes(), []byte("X-Amz-Signature")) {
				t.Errorf("%s case %d: with models %d %s, without %d %s", id, i, got.Status, got.Body.String(), want.Status, want.Body.String())
			}
		}
	}
	for id, n := range map[string]int{
		"productpricingv0.getPricing": 3, "productpricingv0.getCompetitivePricing": 3, "feeds20210630.createFeedDocument": 2, "feeds20210630.getFeeds": 2,
		"datakiosk20231115.getQueries": 3, "notificationsv1.getSubscriptions": 1, "notificationsv1.createDestination": 1, "sellersv1.getAccount": 2,
		"listingsitems20210801.getListingsItem": 1, "listingsitems20210801.putListingsItem": 1, "reports20210630.getReports": 2, "ordersv0.updateShipmentStatus": 1,
	} {
		if everyday[id] != n {
			t.Errorf("%s: %d cases count as everyday requests, want %d", id, everyday[id], n)
		}
	}
	t.Logf("%d cases are left to the world, %d ask for something of their own", same, own)
	if same < 30 || own < 100 {
		t.Errorf("%d and %d: want at least 30 and 100", same, own)
	}
}

// TestStrictSandbox: the strict sandbox refuses what fits no case, for each operation of which there are cases, and for no other.
func TestStrictSandbox(t *testing.T) {
	e, err := New(WithModels(modelsDir(t)), WithSandbox(), WithSandboxStrict(), WithoutLimits(), WithFixedTime(time.Time{}))
	if err != nil {
		t.Fatal(err)
	}
	refused, general := 0, 0
	for _, op := range catalog.Operations() {
		cases, any := e.desk.Cases[op.ID]
		all := false
		for _, sc := range cases {
			all = all || covers(sc, &sandbox.Case{})
		}
		target := op.Path
		for _, name := range []string{"{", "}"} {
			target = strings.ReplaceAll(target, name, "")
		}
		r, err := http.NewRequest(op.Method, "http://127.0.0.1"+target, http.NoBody)
		if err != nil {
			t.Fatal(err)
		}
		r.Header.Set("x-amz-access-token", tokenFor(e, &op))
		rec := exchange.NewRecorder()
		e.ServeHTTP(rec, r)
		unmatched := rec.Status == 400 && strings.Contains(rec.Body.String(), "Could not match input arguments")
		if want := any && !all && op.API != "tokens20210301"; unmatched != want {
			t.Errorf("%s with %d cases: %d %s", op.ID, len(cases), rec.Status, rec.Body.String())
		}
		if unmatched {
			refused++
		} else if any {
			general++
		}
	}
	t.Logf("%d operations refuse a request that fits no case, %d have a case for all", refused, general)
	if refused < 100 {
		t.Errorf("only %d refuse", refused)
	}
}

// TestSandboxNamesNoHostOutside: on a port no case leads a client to another machine; at Amazon's hosts it's the case to the letter.
func TestSandboxNamesNoHostOutside(t *testing.T) {
	e, err := New(WithModels(modelsDir(t)), WithSandbox(), WithoutLimits())
	if err != nil {
		t.Fatal(err)
	}
	op, _ := catalog.Lookup("feeds20210630.createFeedDocument")
	for base, want := range map[string]string{
		"http://127.0.0.1:8080": "http://127.0.0.1:8080/_documents/", marketplace.Europe.SandboxEndpoint(): "https://d34o8swod1owfl.cloudfront.net/",
	} {
		for _, sc := range e.desk.Cases[op.ID] {
			if sc.Status != http.StatusCreated {
				continue
			}
			r := requestOf(sc, t, op, base)
			r.Header.Set("x-amz-access-token", tokenFor(e, op))
			rec := exchange.NewRecorder()
			e.ServeHTTP(rec, r)
			if rec.Status != http.StatusCreated || !strings.Contains(rec.Body.String(), `"url":"`+want) {
				t.Errorf("at %s: %d %s, want a URL below %s", base, rec.Status, rec.Body.String(), want)
			}
		}
	}
}

// TestCasesLeadNowhereElse looks at all addresses in all cases at hand, as they are answered on a port.
func TestCasesLeadNowhereElse(t *testing.T) {
	e, err := New(WithModels(modelsDir(t)), WithSandbox(), WithoutLimits())
	if err != nil {
		t.Fatal(err)
	}
	const here = "http://127.0.0.1:8080"
	r, err := http.NewRequest(http.MethodGet, here+"/", nil)
	if err != nil {
		t.Fatal(err)
	}
	x, err := exchange.Read(r, exchange.Limits{})
	if err != nil {
		t.Fatal(err)
	}
	led := 0
	for id, cases := range e.desk.Cases {
		for _, sc := range cases {
			for _, link := range linkPattern.FindAllString(string(sc.Within(&x)), -1) {
				// Pages and pictures, for people.
				plain := strings.HasPrefix(link, "http://www.amazon.com/gp/bestsellers/") || strings.HasPrefix(link, "https://www.example.com/")
				for beginning := range plainLinks {
					plain = plain || beginning != "https://www.amazon." && strings.HasPrefix(link, beginning)
				}
				switch {
				case strings.HasPrefix(link, here+"/_documents/"):
					led++
				case !plain:
					t.Errorf("%s: %s", id, link)
				}
			}
		}
	}
	if led < 5 {
		t.Errorf("%d addresses lead to the emulator", led)
	}
}

const testModel = `{"swagger":"2.0","paths":{"/orders/v0/orders/{orderId}":{"get":{
 "parameters":[{"name":"orderId","in":"path"}],
 "responses":{
  "200":{"x-amzn-api-sandbox":{"static":[
    {"request":{"parameters":{"orderId":{"value":"TEST"}}},"response":{"payload":{"AmazonOrderId":"one"}}},
    {"request":{"parameters":{}},"response":{"payload":{"AmazonOrderId":"any"}}}]}},
  "400":{"x-amzn-api-sandbox":{"static":[
    {"request":{"parameters":{"orderId":{"value":"TEST"}}},"response":{"errors":[]}},
    {"request":{"parameters":{"orderId":{"value":"BAD"}}},"response":{"errors":[{"code":"InvalidInput","message":"Invalid Input"}]}}]}}}}},
 "/orders/v0/orders/{orderId}/shipment":{"post":{
 "parameters":[{"name":"orderId","in":"path"},{"name":"payload","in":"body"}],
 "responses":{
  "204":{"x-amzn-api-sandbox":{"static":[{"request":{"parameters":{"orderId":{},"body":{"value":{"marketplaceId":"1","orderItems":[{"quantity":1}]}}}},"response":{}}]}},
  "400":{"x-amazon-spds-sandbox-behaviors":[{"request":{"parameters":{"payload":{"marketplaceId":"2"}}},"response":{"errors":[]}}]}}}}}}`

// everydayModels have cases that fit what anybody may ask for, and one of the tokens API.
var everydayModels = map[string]string{
	"productPricingV0": `{"swagger":"2.0","paths":{"/products/pricing/v0/price":{"get":{"parameters":[{"name":"MarketplaceId","in":"query"},{"name":"ItemType","in":"query"}],
 "responses":{"200":{"x-amzn-api-sandbox":{"static":[{"request":{"parameters":{"MarketplaceId":{"value":"ATVPDKIKX0DER"},"ItemType":{"value":"Asin"},"Asins":{}}},"response":{"payload":[]}}]}}}}}}}`,
	"feeds_2021-06-30": `{"swagger":"2.0","paths":{"/feeds/2021-06-30/documents":{"post":{"parameters":[{"name":"body","in":"body"}],
 "responses":{"201":{"x-amzn-api-sandbox":{"static":[{"request":{"parameters":{"body":{"value":{"contentType":"text/plain"}}}},"response":{"url":"https://d34o8swod1owfl.cloudfront.net/x","feedDocumentId":"case"}}]}}}}},
 "/feeds/2021-06-30/feeds":{"get":{"parameters":[{"name":"pageSize","in":"query"}],
 "responses":{"200":{"x-amzn-api-sandbox":{"static":[{"request":{"parameters":{"pageSize":{"value":10}}},"response":{"feeds":[],"nextToken":"case"}}]}}}}}}}`,
	"tokens_2021-03-01": `{"swagger":"2.0","paths":{"/tokens/2021-03-01/restrictedDataToken":{"post":{"parameters":[{"name":"body","in":"body"}],
 "responses":{"200":{"x-amzn-api-sandbox":{"static":[{"request":{"parameters":{"body":{"value":{"targetApplication":"case"}}}},"response":{"restrictedDataToken":"case"}}]}}}}}}}`,
}

// TestSandboxRules has what comes of cases at different hosts, on models made for it.
func TestSandboxRules(t *testing.T) {
	dir := t.TempDir()
	for name, text := range everydayModels {
		if err := os.WriteFile(filepath.Join(dir, name+".json"), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	e, err := New(WithModels(dir), WithSandboxStrict(), WithoutLimits(), WithFixedTime(time.Time{}))
	if err != nil {
		t.Fatal(err)
	}
	onPort, err := New(WithModels(dir), WithSandboxStrict(), WithSandbox(), WithoutLimits(), WithFixedTime(time.Time{}))
	if err != nil {
		t.Fatal(err)
	}
	sandboxHost, production, port := marketplace.NorthAmerica.SandboxEndpoint(), marketplace.NorthAmerica.Endpoint(), "http://127.0.0.1:8080"
	order := e.desk.Seller(0).World().Order(0).ID
	for _, test := range []struct {
		name, method, url, body string
		status                  int
		part                    string
	}{
		{"prices by ASIN in the sandbox", "GET", sandboxHost + "/products/pricing/v0/price?MarketplaceId=ATVPDKIKX0DER&ItemType=Asin", "", 200, `{"payload":[]}`},
		{"prices by ASIN", "GET", production + "/products/pricing/v0/price?MarketplaceId=ATVPDKIKX0DER&ItemType=Asin&Asins=B000000000", "", 200, `"B000000000"`},
		{"a page of ten in the sandbox", "GET", sandboxHost + "/feeds/2021-06-30/feeds?pageSize=10&feedTypes=POST_PRODUCT_DATA", "", 200, `"case"`},
		{"a page of ten", "GET", production + "/feeds/2021-06-30/feeds?pageSize=10&feedTypes=POST_PRODUCT_DATA", "", 200, `{"feeds":[]}`},
		{"a document in the sandbox", "POST", sandboxHost + "/feeds/2021-06-30/documents", `{"contentType":"text/plain"}`, 201,
			`"https://d34o8swod1owfl.cloudfront.net/x"`},
		{"a document on a port", "POST", port + "/feeds/2021-06-30/documents", `{"contentType":"text/plain"}`, 201, `"http://127.0.0.1:8080/_documents/x"`},
		{"a document", "POST", production + "/feeds/2021-06-30/documents", `{"contentType":"text/plain"}`, 201, `"https://tortuga-`},
		{"a token of a case", "POST", sandboxHost + "/tokens/2021-03-01/restrictedDataToken", `{"targetApplication":"case"}`, 200, `"case"`},
		{"a token for an order", "POST", sandboxHost + "/tokens/2021-03-01/restrictedDataToken",
			`{"restrictedResources":[{"method":"GET","path":"/orders/v0/orders/` + order + `/address"}]}`, 200, `"expiresIn"`},
		{"no case fits", "POST", sandboxHost + "/feeds/2021-06-30/documents", `{"contentType":"text/html"}`, 400, "Could not match input arguments"},
		{"no cases there", "GET", sandboxHost + "/sellers/v1/marketplaceParticipations", "", 200, "payload"},
	} {
		at := e
		if strings.HasPrefix(test.url, port) {
			at = onPort
		}
		token := at.desk.Auth.Issue("Atza|", &auth.Grant{Account: at.desk.Seller(0).Account, Expires: at.Now().Add(time.Hour)}, at.Now())
		r, err := http.NewRequest(test.method, test.url, strings.NewReader(test.body))
		if err != nil {
			t.Fatal(err)
		}
		r.Header.Set("x-amz-access-token", token)
		r.Header.Set("Content-Type", "application/json")
		rec := exchange.NewRecorder()
		at.ServeHTTP(rec, r)
		if rec.Status != test.status || !strings.Contains(rec.Body.String(), test.part) {
			t.Errorf("%s: %d %s, want %d %s", test.name, rec.Status, rec.Body.String(), test.status, test.part)
		}
	}
}

// TestStaticSandboxChecksNothing: what is static and has no world behind it takes requests without what is required, in the sandbox only.
func TestStaticSandboxChecksNothing(t *testing.T) {
	e, err := New(WithoutLimits(), WithFixedTime(time.Time{}))
	if err != nil {
		t.Fatal(err)
	}
	handlers, asked := withHandler(), 0
	for _, op := range catalog.Operations() {
		_, detail := operations.SchemasOf(&op)
		if handlers[op.ID] || op.Sandbox != "static" || detail.Body == nil || !detail.Body.Required {
			continue
		}
		asked++
		for host, want := range map[string]int{marketplace.NorthAmerica.SandboxEndpoint(): 2, marketplace.NorthAmerica.Endpoint(): 4} {
			r, err := http.NewRequest(op.Method, host+strings.NewReplacer("{", "", "}", "").Replace(op.Path), http.NoBody)
			if err != nil {
				t.Fatal(err)
			}
			r.Header.Set("x-amz-access-token", tokenFor(e, &op))
			rec := exchange.NewRecorder()
			e.ServeHTTP(rec, r)
			if rec.Status/100 != want {
				t.Errorf("%s %s without a body: %d %s", op.Method, r.URL, rec.Status, rec.Body.String())
			}
		}
	}
	if asked < 20 {
		t.Errorf("%d operations asked", asked)
	}
}

// TestSandboxMatching has the rules one by one, on a model made for it.
func TestSandboxMatching(t *testing.T) {
	dir := t.TempDir()
	for name, text := range map[string]string{"ordersV0.json": testModel, "some.schema.json": `{"$schema":"x"}`, "notes.json": `[1]`} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	e, err := New(WithModels(dir), WithSandboxStrict(), WithoutLimits(), WithFixedTime(time.Time{}))
	if err != nil {
		t.Fatal(err)
	}
	op, _ := catalog.Lookup("ordersv0.updateShipmentStatus")
	token := e.desk.Auth.Issue("Atza|", &auth.Grant{Account: e.desk.Seller(0).Account, Expires: e.Now().Add(time.Hour)}, e.Now())
	sandbox, production := marketplace.NorthAmerica.SandboxEndpoint(), marketplace.NorthAmerica.Endpoint()
	shipment := strings.Replace(op.Path, "{orderId}", "x", 1)
	for _, test := range []struct {
		name, method, url, body string
		status                  int
		part                    string
	}{
		{"success before error", "GET", sandbox + "/orders/v0/orders/TEST", "", 200, `"one"`},
		{"error by value", "GET", sandbox + "/orders/v0/orders/BAD", "", 400, "Invalid Input"},
		{"match-all", "GET", sandbox + "/orders/v0/orders/OTHER", "", 200, `"any"`},
		{"by value in production", "GET", production + "/orders/v0/orders/TEST", "", 200, `"one"`},
		{"no match-all over a handler in production", "GET", production + "/orders/v0/orders/OTHER", "", 400, "The input you have submitted is not valid"},
		{"body", "POST", sandbox + shipment, `{"marketplaceId":"1","orderItems":[{"quantity":1.0,"orderItemId":"a"}],"more":1}`, 204, ""},
		{"other number", "POST", sandbox + shipment, `{"marketplaceId":"1","orderItems":[{"quantity":2}]}`, 400, "Could not match input arguments"},
		{"longer list", "POST", sandbox + shipment, `{"marketplaceId":"1","orderItems":[{"quantity":1},{"quantity":1}]}`, 400, "Could not match input arguments"},
		{"unwrapped body under the model's name", "POST", sandbox + shipment, `{"marketplaceId":"2"}`, 400, `{"errors":[]}`},
	} {
		r, _ := http.NewRequest(test.method, test.url, strings.NewReader(test.body))
		r.Header.Set("x-amz-access-token", token)
		r.Header.Set("Content-Type", "application/json")
		rec := exchange.NewRecorder()
		e.ServeHTTP(rec, r)
		if text := strings.Join(strings.Fields(rec.Body.String()), ""); rec.Status != test.status || !strings.Contains(text, strings.ReplaceAll(test.part, " ", "")) {
			t.Errorf("%s: %d %s, want %d %s", test.name, rec.Status, rec.Body.String(), test.status, test.part)
		}
	}
	if err := os.WriteFile(filepath.Join(dir, "ordersV0.json"), []byte(strings.Replace(testModel, `"parameters":{}`, `"parameters":[]`, 1)), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := New(WithModels(dir)); err == nil || !strings.Contains(err.Error(), "ordersV0.json: GET /orders/v0/orders/{orderId}") {
		t.Errorf("broken case: %v", err)
	}
}
