// Package conformance holds every API package against Amazon's published models: every success example and sandbox response
// decodes into its type and loses no value that the model declares, every error body becomes an APIError, and every method sends
// a request that is its own operation's.
package conformance

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"math/big"
	"net/http"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/openspapi/spapi"
	"github.com/openspapi/spapi/internal/catalog"
	"github.com/openspapi/spapi/internal/wire"
	"github.com/openspapi/spapi/marketplace"
)

// amazonsErrors are examples in the models that break their own schema, by operation, status and JSON path. A value there
// cannot be kept in the type that the model declares.
var amazonsErrors = map[string]string{
	"ordersv0.getOrderItemsBuyerInfo 200 application/json: ":                                                                                      "the example is an item of the payload",
	"shippingv2.getAccessPoints 200 application/json: ":                                                                                           "the example is the map that the payload holds",
	"shippingv2.getCarrierAccountFormInputs 200 application/json: ":                                                                               "the list of the example has another name",
	"shippingv2.getCollectionFormHistory 200 application/json: collectionFormsHistoryRecordList[0].shipFromAddress":                               "an address replaced by the text <**-redacted-**>",
	"shippingv2.getUnmanifestedShipments 200 application/json: unmanifestedCarrierInformationList[0].unmanifestedShipmentLocationList[0].address": "an address replaced by the text <**-redacted-**>",
}

// stub answers every call with one reply and hands out tokens.
type stub struct {
	status int
	body   []byte
}

func (s *stub) RoundTrip(req *http.Request) (*http.Response, error) {
	if req.Body != nil {
		_, _ = io.Copy(io.Discard, req.Body)
		_ = req.Body.Close()
	}
	reply := func(status int, body []byte) (*http.Response, error) {
		return &http.Response{StatusCode: status, Header: http.Header{"Content-Type": {"application/json"}}, ContentLength: int64(len(body)),
			Body: io.NopCloser(bytes.NewReader(body)), Request: req}, nil
	}
	switch {
	case req.URL.Host == "api.amazon.com":
		return reply(200, []byte(`{"access_token":"Atza|x","token_type":"bearer","expires_in":3600}`))
	case req.URL.Path == "/tokens/2021-03-01/restrictedDataToken" && s.status == 0:
		return reply(200, []byte(`{"restrictedDataToken":"Atz.sprdt|x","expiresIn":3600}`))
	}
	return reply(s.status, s.body)
}

// unlimited lets every call pass.
type unlimited struct{}

func (unlimited) Wait(context.Context, spapi.LimitRequest) (spapi.LimitGrant, error) {
	return spapi.LimitGrant{}, nil
}

func (unlimited) Observe(context.Context, spapi.LimitGrant, spapi.LimitReply) error { return nil }

func newClient(rt http.RoundTripper) *spapi.Client {
	app := spapi.NewApp(spapi.Credentials{ClientID: "amzn1.application-oa2-client.0123456789abcdef",
		ClientSecret: spapi.NewSecret("amzn1.oa2-cs.v1.0123456789abcdef")},
		spapi.WithTransport(rt), spapi.WithLimiter(unlimited{}))
	return app.Client(spapi.Authorization{RefreshToken: spapi.NewSecret("Atzr|0123456789abcdef"), Region: marketplace.NorthAmerica})
}

// call calls a method of an API package with every argument set to something. WithAccessToken spares the calls for tokens.
func call(t *testing.T, client *spapi.Client, op *catalog.Operation, resp *spapi.Response) (result any, err error) {
	t.Helper()
	method := method(t, client, op)
	in := reflect.New(method.Type().In(1).Elem())
	fill(in.Elem())
	args := []reflect.Value{reflect.ValueOf(context.Background()), in, reflect.ValueOf(spapi.WithAccessToken("Atza|x")), reflect.ValueOf(spapi.WithResponse(resp)), reflect.ValueOf(spapi.WithoutRetry())}
	out := method.Call(args)
	if e := out[len(out)-1]; !e.IsNil() {
		err = e.Interface().(error)
	}
	if len(out) == 2 {
		result = out[0].Interface()
	}
	return result, err
}

func method(t *testing.T, client *spapi.Client, op *catalog.Operation) reflect.Value {
	t.Helper()
	return reflect.ValueOf(clients[op.API](client)).MethodByName(methodName(t, client, op))
}

// fill sets the parameters of an Input, and the Body of those that have one.
func fill(in reflect.Value) {
	for i := range in.NumField() {
		f := in.Field(i)
		if in.Type().Field(i).Tag.Get("json") != "-" {
			continue
		}
		switch {
		case f.Type() == reflect.TypeFor[json.Number]():
			f.SetString("1")
		case f.Type() == reflect.TypeFor[time.Time]():
			f.Set(reflect.ValueOf(time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)))
		case f.Type() == reflect.TypeFor[spapi.Date]():
			f.Set(reflect.ValueOf(spapi.Date{Year: 2026, Month: 1, Day: 2}))
		case f.Kind() == reflect.String:
			f.SetString("a/b c+%")
		case f.Kind() == reflect.Slice && f.Type().Elem().Kind() == reflect.String:
			s := reflect.MakeSlice(f.Type(), 1, 1)
			s.Index(0).SetString("a b")
			f.Set(s)
		case f.Kind() == reflect.Pointer:
			f.Set(reflect.New(f.Type().Elem()))
		}
	}
}

// TestEveryMethodRoutesToItself calls all operations and asks the chain which operation it saw.
func TestEveryMethodRoutesToItself(t *testing.T) {
	client := newClient(&stub{status: 400, body: []byte(`{"errors":[{"code":"InvalidInput","message":"no"}]}`)})
	for _, op := range catalog.Operations() {
		var resp spapi.Response
		_, err := call(t, client, &op, &resp)
		var api *spapi.APIError
		if !errors.As(err, &api) {
			t.Errorf("%s: error %v, want an APIError", op.ID, err)
			continue
		}
		if resp.Operation != op.ID || api.Operation != op.ID {
			t.Errorf("%s was taken for %q", op.ID, resp.Operation)
		}
	}
	t.Logf("%d operations", len(catalog.Operations()))
}

// modelsDir is a checkout of Amazon's models; tests that need one skip where there is none.
func modelsDir(t *testing.T) string {
	t.Helper()
	dir := os.Getenv("SPAPI_MODELS")
	if dir == "" {
		dir = filepath.Join("..", "..", "..", "shared", "models")
	}
	if _, err := os.Stat(dir); err != nil {
		t.Skipf("SKIPPED: no checkout of Amazon's models at %s; set SPAPI_MODELS", dir)
	}
	return dir
}

// example is a body in the models.
type example struct {
	op     *catalog.Operation
	name   string // "ordersv0.getOrders 200 example"
	status int
	body   json.RawMessage
	input  json.RawMessage // request body of a sandbox case
}

// examples collects all response examples and sandbox cases.
func examples(t *testing.T, dir string) (out []example) {
	t.Helper()
	type swagger struct {
		Paths map[string]map[string]json.RawMessage `json:"paths"`
	}
	type static struct {
		Static []struct {
			Request struct {
				Parameters map[string]json.RawMessage `json:"parameters"`
			} `json:"request"`
			Response json.RawMessage `json:"response"`
		} `json:"static"`
	}
	files, err := filepath.Glob(filepath.Join(dir, "models", "*", "*.json"))
	if err != nil || len(files) == 0 {
		t.Fatal("no models", err)
	}
	byRoute := map[string]*catalog.Operation{}
	for _, op := range catalog.Operations() {
		byRoute[op.Model+" "+op.Method+" "+op.Path] = &op
	}
	for _, file := range files {
		data, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		var doc swagger
		if err := json.Unmarshal(data, &doc); err != nil {
			t.Fatal(file, err)
		}
		stem := strings.TrimSuffix(filepath.Base(file), ".json")
		for _, path := range slices.Sorted(maps.Keys(doc.Paths)) {
			for _, verb := range slices.Sorted(maps.Keys(doc.Paths[path])) {
				op := byRoute[stem+" "+strings.ToUpper(verb)+" "+path]
				if op == nil {
					continue // not an operation, or one of another revision of the models
				}
				var node struct {
					Responses map[string]struct {
						Examples map[string]json.RawMessage `json:"examples"`
						Sandbox  json.RawMessage            `json:"x-amzn-api-sandbox"`
						Older    json.RawMessage            `json:"x-amazon-spds-sandbox-behaviors"`
					} `json:"responses"`
				}
				if err := json.Unmarshal(doc.Paths[path][verb], &node); err != nil {
					t.Fatal(file, path, err)
				}
				for _, code := range slices.Sorted(maps.Keys(node.Responses)) {
					status, err := strconv.Atoi(code)
					if err != nil {
						continue
					}
					r := node.Responses[code]
					for media, body := range r.Examples {
						out = append(out, example{op: op, name: fmt.Sprintf("%s %s %s", op.ID, code, media), status: status, body: body})
					}
					var cases static
					_ = json.Unmarshal(r.Sandbox, &cases) // the dynamic ones have no cases
					var older []struct {
						Request struct {
							Parameters map[string]json.RawMessage `json:"parameters"`
						} `json:"request"`
						Response json.RawMessage `json:"response"`
					}
					_ = json.Unmarshal(r.Older, &older)
					cases.Static = append(cases.Static, older...)
					for i, c := range cases.Static {
						e := example{op: op, name: fmt.Sprintf("%s %s case %d", op.ID, code, i), status: status, body: c.Response}
						e.input = requestBody(op, c.Request.Parameters)
						out = append(out, e)
					}
				}
			}
		}
	}
	return out
}

// requestBody finds the body among a case's parameters: under its own name or, in 39 cases, "body"; with a wrapper "value" or without.
func requestBody(op *catalog.Operation, params map[string]json.RawMessage) json.RawMessage {
	api, err := catalog.LoadAPI(op.API)
	if err != nil {
		return nil
	}
	_, key, _ := strings.Cut(op.ID, ".")
	detail := api.Operations[key]
	if detail.Body == nil {
		return nil
	}
	for _, name := range []string{detail.Body.Name, "body"} {
		var wrapper struct {
			Value json.RawMessage `json:"value"`
		}
		if json.Unmarshal(params[name], &wrapper) == nil && wrapper.Value != nil {
			return wrapper.Value
		}
	}
	return nil
}

func TestExamples(t *testing.T) {
	all := examples(t, modelsDir(t))
	used := map[string]bool{}
	counts := map[string]int{}
	for _, e := range all {
		if len(e.body) == 0 || string(e.body) == "null" {
			counts["without a body"]++
			continue
		}
		client := newClient(&stub{status: e.status, body: e.body})
		var resp spapi.Response
		result, err := call(t, client, e.op, &resp)
		if e.status/100 != 2 {
			counts["errors"]++
			var api *spapi.APIError
			if !errors.As(err, &api) || api.StatusCode != e.status {
				t.Errorf("%s: %v, want an APIError", e.name, err)
			} else if want := errorCount(e.body); len(api.Errors) != want {
				t.Errorf("%s: %d errors, want %d", e.name, len(api.Errors), want)
			}
			continue
		}
		counts["successes"]++
		got, shape := result, schemaOf(t, e.op, e.status)
		if shape == nil {
			continue
		}
		body := decode(t, e.body)
		if err != nil {
			var api *spapi.APIError
			m, _ := body.(map[string]any)
			if errors.As(err, &api) && m["errors"] != nil {
				continue // a 2xx that holds nothing but errors
			}
			if c := (comparer{name: e.name, used: used}); !c.excused("") {
				t.Errorf("%s: %v", e.name, err)
			}
			continue
		}
		c := comparer{t: t, api: load(t, e.op.API), name: e.name, used: used}
		if e.op.Shape == "payload" {
			m, _ := body.(map[string]any)
			if _, wrapped := m["payload"]; wrapped || m != nil && len(m) == 0 {
				body = m["payload"]
			} else { // read all the same, with a warning
				counts["without their wrapper"]++
				if len(resp.Warnings) == 0 || resp.Warnings[0].Path != "payload" {
					t.Errorf("%s: warnings %v, want one about the wrapper", e.name, resp.Warnings)
				} else {
					resp.Warnings = resp.Warnings[1:]
				}
			}
		}
		if e.op.Shape == "none" {
			continue
		}
		written, err := json.Marshal(got)
		if err != nil {
			t.Errorf("%s: %v", e.name, err)
			continue
		}
		c.compare(shape, body, decode(t, written), "")
		for _, w := range resp.Warnings {
			if !c.excused(w.Path) {
				t.Errorf("%s: warning %v", e.name, w)
			}
		}
		counts["values"] += c.values
	}
	for _, key := range slices.Sorted(maps.Keys(amazonsErrors)) {
		if !used[key] && os.Getenv("SPAPI_MODELS") == "" {
			t.Errorf("amazonsErrors: %q does not occur", key)
		}
	}
	t.Logf("%v, %d named exceptions", counts, len(amazonsErrors))
	if counts["successes"] == 0 || counts["values"] == 0 || counts["without their wrapper"] == 0 {
		t.Error("nothing was compared")
	}
}

// TestRequestBodies reads the request bodies of the sandbox cases into Inputs and writes them again.
func TestRequestBodies(t *testing.T) {
	n, values := 0, 0
	used := map[string]bool{}
	for _, e := range examples(t, modelsDir(t)) {
		if e.input == nil || e.status/100 != 2 {
			continue // the requests of error cases are wrong on purpose
		}
		n++
		in := reflect.New(method(t, newClient(nil), e.op).Type().In(1).Elem())
		target := in.Interface()
		if f := in.Elem().FieldByName("Body"); f.IsValid() && f.Kind() == reflect.Slice {
			target = f.Addr().Interface()
		}
		c := comparer{t: t, api: load(t, e.op.API), name: e.name + " request", used: used}
		input, err := json.Marshal(c.respell(bodySchema(c.api, e.op), decode(t, e.input)))
		if err != nil {
			t.Fatal(err)
		}
		if err := json.Unmarshal(input, target); err != nil {
			if !c.excused("") {
				t.Errorf("%s: %v", c.name, err)
			}
			continue
		}
		written, err := json.Marshal(target)
		if err != nil {
			t.Errorf("%s: %v", c.name, err)
			continue
		}
		c.compare(bodySchema(c.api, e.op), decode(t, e.input), decode(t, written), "")
		values += c.values
	}
	t.Logf("%d request bodies, %d values", n, values)
}

func bodySchema(api *catalog.API, op *catalog.Operation) *catalog.Schema {
	_, key, _ := strings.Cut(op.ID, ".")
	return api.Operations[key].Body.Schema
}

// respell writes date-times as encoding/json wants them: Inputs are written by the client, never read.
func (c *comparer) respell(s *catalog.Schema, v any) any {
	if s = c.api.Resolve(s); s == nil {
		return v
	}
	switch x := v.(type) {
	case map[string]any:
		for k := range x {
			prop := s.Properties[k]
			if prop == nil {
				prop = s.AdditionalProperties
			}
			x[k] = c.respell(prop, x[k])
		}
	case []any:
		for i := range x {
			x[i] = c.respell(s.Items, x[i])
		}
	case string:
		if t, err := wire.ParseTime(x); err == nil && s.Format == "date-time" {
			return t.Format(time.RFC3339Nano)
		}
	}
	return v
}

func load(t *testing.T, name string) *catalog.API {
	t.Helper()
	api, err := catalog.LoadAPI(name)
	if err != nil {
		t.Fatal(err)
	}
	return api
}

// schemaOf is the schema of an operation's result.
func schemaOf(t *testing.T, op *catalog.Operation, status int) *catalog.Schema {
	t.Helper()
	api := load(t, op.API)
	_, key, _ := strings.Cut(op.ID, ".")
	for _, r := range api.Operations[key].Responses {
		if r.Status == status && r.Schema != nil {
			if op.Shape == "payload" {
				return api.Resolve(r.Schema).Properties["payload"]
			}
			return r.Schema
		}
	}
	return nil
}

func errorCount(body []byte) int {
	var v any
	if json.Unmarshal(body, &v) != nil {
		return 0
	}
	if m, ok := v.(map[string]any); ok {
		if e, ok := m["errors"]; ok {
			v = e
		}
	}
	if m, ok := v.(map[string]any); ok { // a list in a list object
		if e, ok := m["errors"]; ok {
			v = e
		}
	}
	if list, ok := v.([]any); ok {
		return len(list)
	}
	if m, ok := v.(map[string]any); ok && (m["code"] != nil || m["message"] != nil) {
		return 1
	}
	return 0 // some cases answer 400 with {} or with an empty payload
}

func decode(t *testing.T, data []byte) (v any) {
	t.Helper()
	d := json.NewDecoder(bytes.NewReader(data))
	d.UseNumber()
	if err := d.Decode(&v); err != nil {
		t.Fatal(err)
	}
	return v
}

// comparer looks for declared values of an example that the written result lacks.
type comparer struct {
	t      *testing.T
	api    *catalog.API
	name   string
	used   map[string]bool
	values int
}

func (c *comparer) excused(path string) bool {
	key := c.name + ": " + strings.TrimPrefix(strings.TrimPrefix(path, "payload"), ".")
	if _, ok := amazonsErrors[key]; ok {
		c.used[key] = true
		return true
	}
	return false
}

func (c *comparer) lost(path string, want, got any) {
	if !c.excused(path) {
		c.t.Errorf("%s: %s: %v became %v", c.name, path, want, got)
	}
}

func (c *comparer) compare(s *catalog.Schema, want, got any, path string) {
	// By design absent, null and "" are one; so are zero times.
	if want == nil || want == "" {
		return
	}
	if s = c.api.Resolve(s); s == nil {
		return
	}
	switch w := want.(type) {
	case map[string]any:
		g, ok := got.(map[string]any)
		if !ok {
			if len(w) > 0 {
				c.lost(path, want, got)
			}
			return
		}
		for k, v := range w {
			prop := s.Properties[k]
			if prop == nil {
				prop = s.AdditionalProperties
			}
			if prop == nil && len(s.Properties) > 0 {
				continue // not declared
			}
			if prop == nil {
				prop = &catalog.Schema{}
			}
			c.compare(prop, v, g[k], strings.TrimPrefix(path+"."+k, "."))
		}
	case []any:
		g, ok := got.([]any)
		if !ok || len(g) != len(w) {
			c.lost(path, want, got)
			return
		}
		items := s.Items
		if items == nil {
			items = &catalog.Schema{}
		}
		for i := range w {
			c.compare(items, w[i], g[i], fmt.Sprintf("%s[%d]", path, i))
		}
	default:
		c.values++
		if !equal(s, fmt.Sprint(want), got) {
			c.lost(path, want, got)
		}
	}
}

// equal compares scalars by value: 1.0 and 1, "true" and true, one instant in two spellings.
func equal(s *catalog.Schema, want string, got any) bool {
	if got == nil {
		return false
	}
	have := fmt.Sprint(got)
	switch {
	case want == have:
		return s.Format != "password"
	case s.Format == "password":
		return have == "REDACTED" // a secret doesn't print
	case s.Type == "string" && strings.HasPrefix(s.Format, "date"):
		a, err1 := wire.ParseTime(want)
		b, err2 := wire.ParseTime(have)
		if s.Format == "date" {
			return err1 == nil && err2 == nil && a.Format(time.DateOnly) == b.Format(time.DateOnly)
		}
		return err1 == nil && err2 == nil && a.Equal(b)
	case s.Type == "number" || s.Type == "integer":
		a, ok1 := new(big.Float).SetString(strings.TrimSpace(want))
		b, ok2 := new(big.Float).SetString(have)
		return ok1 && ok2 && a.Cmp(b) == 0
	case s.Type == "boolean":
		return strings.EqualFold(strings.TrimSpace(want), have)
	}
	return false
}
