package emulator

import (
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
func tokenFor(e *Emulator, op *catalog.Operation) string {
	now := e.Now()
	g := &auth.Grant{Account: e.desk.Seller(0).Account, Expires: now.Add(time.Hour)}
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
func unsendable(sc *desk.SandboxCase, op *catalog.Operation) bool {
	for name, v := range sc.Params {
		if v == "" && strings.Contains(op.Path, "{"+name+"}") {
			return true
		}
	}
	return false
}

// requestOf builds the request that a case describes.
func requestOf(sc *desk.SandboxCase, t testing.TB, op *catalog.Operation, base string) *http.Request {
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
		if _, whatever := v.(desk.AnyValue); whatever {
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
func covers(sc *desk.SandboxCase, other *desk.SandboxCase) bool {
	for name, v := range sc.Params {
		if _, whatever := v.(desk.AnyValue); whatever {
			continue
		}
		if !reflect.DeepEqual(other.Params[name], v) {
			return false
		}
	}
	if sc.Body == nil {
		return true
	}
	_, ok := desk.Contains(other.Body, sc.Body)
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

// TestSandboxMatching has the rules one by one, on a model made for it.
func TestSandboxMatching(t *testing.T) {
	dir := t.TempDir()
	for name, text := range map[string]string{"ordersV0.json": testModel, "some.schema.json": `{"$schema":"x"}`, "notes.json": `[1]`} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	e, err := New(WithModels(dir), WithSandboxStrict(), WithoutLimits())
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
		if rec.Status != test.status || !strings.Contains(rec.Body.String(), test.part) {
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
