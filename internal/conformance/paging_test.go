package conformance

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/spf13/cobra"

	"github.com/openspapi/spapi"
	"github.com/openspapi/spapi/internal/catalog"
	callcmd "github.com/openspapi/spapi/internal/cli/call"
	"github.com/openspapi/spapi/internal/cli/factory"
	"github.com/openspapi/spapi/internal/cli/terminal"
	"github.com/openspapi/spapi/internal/paging"
	"github.com/openspapi/spapi/marketplace"
)

// pagesServer answers with one page after the other and keeps what was asked.
type pagesServer struct {
	pages []string
	asked []asked
}

// asked is a request in a form that can be compared: the order of a query and of JSON members says nothing.
type asked struct {
	Method, Path string
	Query        url.Values
	Body         any
}

func (a asked) String() string {
	body, _ := json.Marshal(a.Body)
	return strings.TrimSpace(fmt.Sprintf("%s %s?%s %s", a.Method, a.Path, a.Query.Encode(), body))
}

func (s *pagesServer) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("X-Amzn-Ratelimit-Limit", "1000") // nothing waits
	switch r.URL.Path {
	case "/token":
		fmt.Fprint(w, `{"access_token":"Atza|x","token_type":"bearer","expires_in":3600}`)
		return
	case "/tokens/2021-03-01/restrictedDataToken":
		fmt.Fprint(w, `{"restrictedDataToken":"Atz.sprdt|x","expiresIn":3600}`)
		return
	}
	a := asked{Method: r.Method, Path: r.URL.EscapedPath()}
	a.Query, _ = url.ParseQuery(r.URL.RawQuery)
	if body, _ := io.ReadAll(r.Body); len(body) > 0 {
		_ = json.Unmarshal(body, &a.Body)
	}
	s.asked = append(s.asked, a)
	if len(s.asked) > len(s.pages) {
		w.WriteHeader(http.StatusTeapot)
		return
	}
	fmt.Fprint(w, s.pages[len(s.asked)-1])
}

// put sets a value at a path of nested objects.
func put(m map[string]any, path string, v any) map[string]any {
	member, rest, nested := strings.Cut(path, ".")
	if nested {
		inner, _ := m[member].(map[string]any)
		if inner == nil {
			inner = map[string]any{}
		}
		v = put(inner, rest, v)
	}
	m[member] = v
	return m
}

// tokens are those of the first and the second page; the second page is empty.
var tokens = []string{"t/1 +é=&%", "t2"}

// script is what a service with three pages answers, and how many items they hold.
func script(p *catalog.Paging, item any) (pages []string, items int) {
	counts := []int{1, 0, 2}
	if p.Rule == "offset" { // pages of two: the one that is not full is the last
		counts = []int{2, 2, 1}
	}
	for i, n := range counts {
		page := map[string]any{}
		if p.Items != "" {
			put(page, p.Items, slices.Repeat([]any{item}, n))
		} else if strings.HasPrefix(p.TokenOut, "payload.") {
			put(page, "payload.FinancialEvents", map[string]any{"n": n})
		}
		if p.TokenOut != "" && i < len(tokens) {
			put(page, p.TokenOut, tokens[i])
		}
		b, _ := json.Marshal(page)
		pages = append(pages, string(b))
		items += n
	}
	if p.Items == "" {
		items = len(counts)
	}
	return pages, items
}

// expected is what the words of internal/gen/overlay/README.md make of a first request; it knows nothing of package paging.
func expected(t *testing.T, op *catalog.Operation, first asked) []asked {
	t.Helper()
	all := []asked{first}
	for i, token := range tokens {
		next := first
		next.Query = url.Values{}
		_, name, _ := strings.Cut(op.Paging.TokenIn, ":")
		switch op.Paging.Rule {
		case "same-args":
			for k, v := range first.Query {
				next.Query[k] = v
			}
			next.Query.Set(name, token)
		case "token-only":
			next.Query.Set(name, token)
		case "next-token-query-type":
			for k, v := range first.Query {
				next.Query[k] = v
			}
			next.Query.Set("QueryType", "NEXT_TOKEN")
			next.Query.Set(name, token)
		case "continue-getShipmentItems":
			next.Path = "/fba/inbound/v0/shipmentItems"
			next.Query = url.Values{"MarketplaceId": first.Query["MarketplaceId"], "QueryType": {"NEXT_TOKEN"}, "NextToken": {token}}
		case "offset":
			next.Query = first.Query
			next.Body = map[string]any{"pagination": map[string]any{"limit": 2.0, "offset": float64(2 * (i + 1))}}
		default:
			t.Fatalf("%s: the test doesn't know rule %s", op.ID, op.Paging.Rule)
		}
		all = append(all, next)
	}
	return all
}

// TestEveryRuleOfPaging drives each operation that pages through a service of three pages: the typed iterators, raw pages and "spapi call
// --all" must ask the same, which is what the rule says.
func TestEveryRuleOfPaging(t *testing.T) {
	typed := 0
	for i := range catalog.Operations() {
		op := &catalog.Operations()[i]
		if op.Paging == nil {
			continue
		}
		client := newClient(nil)
		pagesMethod := reflect.ValueOf(clients[op.API](client)).MethodByName(methodName(t, client, op) + "Pages")
		if paging.Find(op.ID) == nil {
			if pagesMethod.IsValid() || op.API != "datakiosk20231115" {
				t.Errorf("%s: has no rule, and typed pages: %t", op.ID, pagesMethod.IsValid())
			}
			continue
		}
		typed++
		t.Run(op.ID, func(t *testing.T) {
			var item any = map[string]any{}
			allMethod := reflect.ValueOf(clients[op.API](client)).MethodByName(methodName(t, client, op) + "All")
			if allMethod.IsValid() != (op.Paging.Items != "") {
				t.Fatalf("has an iterator of items: %t, and a list of items: %q", allMethod.IsValid(), op.Paging.Items)
			}
			if allMethod.IsValid() && allMethod.Type().Out(0).In(0).In(0).Elem().Kind() == reflect.String {
				item = "x"
			}
			pages, items := script(op.Paging, item)

			s := &pagesServer{pages: pages}
			got := iterate(t, s, op, "Pages")
			if got != len(pages) {
				t.Errorf("%d typed pages, want %d", got, len(pages))
			}
			want := expected(t, op, s.asked[0])
			compareAsked(t, "typed pages", s.asked, want)

			if allMethod.IsValid() {
				s := &pagesServer{pages: pages}
				if got := iterate(t, s, op, "All"); got != items {
					t.Errorf("%d typed items, want %d", got, items)
				}
				compareAsked(t, "typed items", s.asked, want)
			}

			s = &pagesServer{pages: pages}
			if got := iterateRaw(t, s, want[0]); got != items {
				t.Errorf("%d raw items, want %d", got, items)
			}
			compareAsked(t, "raw pages", s.asked, want)

			s = &pagesServer{pages: pages}
			if got := callAll(t, s, op, want[0]); got != items {
				t.Errorf("call --all printed %d items, want %d", got, items)
			}
			compareAsked(t, "call --all", s.asked, want)

			// A circle of two tokens: whoever asks a third time for the same has not noticed.
			if op.Paging.TokenOut != "" {
				circle := &pagesServer{pages: slices.Repeat(pages[:2], 4)}
				err := lastError(t, circle, op)
				if err == nil || !strings.Contains(err.Error(), ": page 3: ") || !strings.HasPrefix(err.Error(), op.API+".") || len(circle.asked) != 3 {
					t.Errorf("a circle ended after %d pages with %v", len(circle.asked), err)
				}
			}
		})
	}
	if typed != len(paging.Rules()) {
		t.Errorf("%d operations page in the catalog, %d have rules", typed, len(paging.Rules()))
	}
}

func compareAsked(t *testing.T, who string, got, want []asked) {
	t.Helper()
	if !reflect.DeepEqual(got, want) {
		t.Errorf("%s asked\n%s\nwant\n%s", who, lines(got), lines(want))
	}
}

func lines(all []asked) string {
	var b strings.Builder
	for _, a := range all {
		b.WriteString(a.String() + "\n")
	}
	return b.String()
}

// methodName is the name of an operation's method.
func methodName(t *testing.T, client *spapi.Client, op *catalog.Operation) string {
	t.Helper()
	v := reflect.TypeOf(clients[op.API](client))
	_, name, _ := strings.Cut(op.ID, ".")
	for i := range v.NumMethod() {
		if strings.EqualFold(v.Method(i).Name, name) {
			return v.Method(i).Name
		}
	}
	t.Fatalf("%s has no method", op.ID)
	return ""
}

// served is a client whose calls a service answers.
func served(s *pagesServer) *spapi.Client {
	return newClient(roundTripper(func(r *http.Request) (*http.Response, error) {
		if r.URL.Host == "api.amazon.com" {
			r = r.Clone(r.Context())
			r.URL.Path = "/token"
		}
		if r.Body == nil {
			r = r.Clone(r.Context())
			r.Body = http.NoBody
		}
		w := httptest.NewRecorder()
		s.ServeHTTP(w, r)
		return w.Result(), nil
	}))
}

type roundTripper func(*http.Request) (*http.Response, error)

func (f roundTripper) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

// sequence calls a typed iterator with every parameter set to something, among them a token that the first page begins from.
func sequence(t *testing.T, s *pagesServer, op *catalog.Operation, suffix string) reflect.Value {
	t.Helper()
	client := served(s)
	m := reflect.ValueOf(clients[op.API](client)).MethodByName(methodName(t, client, op) + suffix)
	in := reflect.New(m.Type().In(1).Elem())
	fill(in.Elem())
	if op.Paging.Rule == "offset" {
		if err := json.Unmarshal([]byte(`{"pagination":{"limit":2,"offset":0}}`), in.Interface()); err != nil {
			t.Fatal(err)
		}
	}
	before := fmt.Sprintf("%+v", in.Elem())
	t.Cleanup(func() {
		if after := fmt.Sprintf("%+v", in.Elem()); after != before {
			t.Errorf("the input was changed from %s to %s", before, after)
		}
	})
	return m.Call([]reflect.Value{reflect.ValueOf(t.Context()), in, reflect.ValueOf(spapi.WithoutRetry())})[0]
}

func iterate(t *testing.T, s *pagesServer, op *catalog.Operation, suffix string) (n int) {
	t.Helper()
	for _, err := range sequence(t, s, op, suffix).Seq2() {
		if !err.IsNil() {
			t.Fatalf("%s: %v", suffix, err)
		}
		n++
	}
	return n
}

func lastError(t *testing.T, s *pagesServer, op *catalog.Operation) (last error) {
	t.Helper()
	for _, err := range sequence(t, s, op, "Pages").Seq2() {
		if last != nil {
			t.Error("the iteration went on after an error")
		}
		if !err.IsNil() {
			last = err.Interface().(error)
		}
	}
	return last
}

func iterateRaw(t *testing.T, s *pagesServer, first asked) (n int) {
	t.Helper()
	var body io.Reader
	if first.Body != nil {
		b, err := json.Marshal(first.Body)
		if err != nil {
			t.Fatal(err)
		}
		body = strings.NewReader(string(b))
	}
	req, err := http.NewRequestWithContext(t.Context(), first.Method, first.Path+"?"+first.Query.Encode(), body)
	if err != nil {
		t.Fatal(err)
	}
	for page, err := range served(s).Pages(req) {
		if err != nil {
			t.Fatal(err)
		}
		items, err := page.Items()
		if err != nil {
			t.Fatal(err)
		}
		n += len(items)
	}
	return n
}

// callAll runs "spapi call … --all" with the arguments of a request, and counts the lines that it prints.
func callAll(t *testing.T, s *pagesServer, op *catalog.Operation, first asked) int {
	t.Helper()
	input, _ := first.Body.(map[string]any)
	if input == nil {
		input = map[string]any{}
	}
	input = clone(input)
	_, key, _ := strings.Cut(op.ID, ".")
	api := load(t, op.API)
	segments := strings.Split(first.Path, "/")
	for _, p := range api.Operations[key].Parameters {
		switch p.In {
		case "path":
			i := slices.Index(strings.Split(op.Path, "/"), "{"+p.Name+"}")
			value, err := url.PathUnescape(segments[i])
			if err != nil {
				t.Fatal(err)
			}
			input[p.Name] = value
		case "query":
			values := first.Query[p.Name]
			if len(values) > 0 && api.Resolve(p.Schema).Type != "array" {
				input[p.Name] = values[0]
			} else if len(values) > 0 {
				input[p.Name] = values
			}
		}
	}
	text, err := json.Marshal(input)
	if err != nil {
		t.Fatal(err)
	}
	server := httptest.NewServer(s)
	defer server.Close()
	for name, value := range map[string]string{
		"SPAPI_CLIENT_ID": "amzn1.application-oa2-client.0123456789abcdef", "SPAPI_CLIENT_SECRET": "amzn1.oa2-cs.v1.0123456789abcdef",
		"SPAPI_REFRESH_TOKEN": "Atzr|0123456789abcdef", "SPAPI_REGION": "na", "SPAPI_PROFILE": "", "SPAPI_ACCOUNT": "",
	} {
		t.Setenv(name, value)
	}
	streams, out, _ := terminal.Buffers()
	streams.In = strings.NewReader(string(text))
	f := factory.With(streams, "test", []string{"call", op.ID, "--all", "--no-check", "--input", "-", "--marketplace", marketplace.All()[0].ID})
	root := &cobra.Command{Use: "spapi", SilenceErrors: true, SilenceUsage: true}
	f.AddFlags(root)
	root.AddCommand(callcmd.NewCmdCall(f, nil))
	root.SetArgs(append(f.Args, "--endpoint", server.URL, "--token-url", server.URL+"/token"))
	if err := root.ExecuteContext(t.Context()); err != nil {
		t.Fatal(err)
	}
	return strings.Count(out.String(), "\n")
}

func clone(m map[string]any) map[string]any {
	out := make(map[string]any, len(m))
	for k, v := range m {
		out[k] = v
	}
	return out
}

// TestPagesThatBreakOff: an empty page is a page, nothing in the place of one is an error, and so is an operation that doesn't page.
func TestPagesThatBreakOff(t *testing.T) {
	for _, c := range []struct {
		pages []string
		items int
		want  string
	}{
		{[]string{`{"payload":{"Orders":[{}],"NextToken":"a"}}`, `{"payload":{"Orders":[]}}`}, 1, ""},
		{[]string{`{"payload":{"Orders":[{}],"NextToken":"a"}}`, `{"payload":{"NextToken":"b"}}`, `{"payload":{"Orders":[{},{}]}}`}, 3, ""},
		{[]string{`{"payload":{"Orders":[{}],"NextToken":7}}`, `{"payload":{"Orders":[{}],"NextToken":null}}`}, 2, ""},
		{[]string{`{"payload":{}}`}, 0, `ordersv0.getOrders: 200, but the body holds none of what the operation declares: {"payload":{}}`},
		{[]string{`{"payload":{"Orders":[{}],"NextToken":"a"}}`, `{"payload":{}}`}, 1, `page 2: spapi: ordersv0.getOrders: 200, but the body holds none of what the operation declares: {"payload":{}}`},
		{[]string{`{"payload":{"Orders":[{}],"NextToken":"a"}}`, `{"payload":null}`}, 1, "page 2: spapi: ordersv0.getOrders: 200, but"},
		{[]string{`{"payload":{"Orders":[{}],"NextToken":"a"}}`, `null`}, 1, "page 2: spapi: ordersv0.getOrders: 200, but"},
		{[]string{`{"Orders":[{}],"NextToken":"a"}`, `{"NextToken":"b","Orders":[{},{}]}`, `{"payload":{"Orders":{"AmazonOrderId":"1"}}}`}, 4, ""},
		{[]string{`{"payload":{"Orders":[{}],"NextToken":{"a":1}}}`}, 1, "ordersv0.getOrders: page 1: the token for the next page: payload.NextToken: want a string, not object"},
		{[]string{`{"payload":{"Orders":[{}],"NextToken":"a"}}`}, 1, "page 2: spapi: ordersv0.getOrders: 418"},
		{[]string{`{"payload":{"Orders":[{}],"NextToken":"a"`}, 0, "ends before its JSON does"},
	} {
		for who, run := range map[string]func(*pagesServer) (int, error){
			"typed": func(s *pagesServer) (n int, err error) {
				for _, e := range sequence(t, s, lookup(t, "ordersv0.getOrders"), "All").Seq2() {
					if !e.IsNil() {
						return n, e.Interface().(error)
					}
					n++
				}
				return n, nil
			},
			"raw": func(s *pagesServer) (n int, err error) {
				req, _ := http.NewRequest(http.MethodGet, "/orders/v0/orders?MarketplaceIds=A", nil)
				for page, err := range served(s).Pages(req, spapi.WithoutRetry()) {
					if err != nil {
						return n, err
					}
					items, err := page.Items()
					if err != nil {
						return n, err
					}
					n += len(items)
				}
				return n, nil
			},
		} {
			n, err := run(&pagesServer{pages: c.pages})
			if n != c.items || (err == nil) != (c.want == "") || err != nil && !strings.Contains(err.Error(), c.want) {
				t.Errorf("%s %v: %d items and %v, want %d and %q", who, c.pages, n, err, c.items, c.want)
			}
		}
	}
	for _, c := range []struct{ method, path, body, want string }{
		{http.MethodGet, "/orders/v0/orders/1", "", "doesn't page"},
		{http.MethodGet, "/nowhere", "", "doesn't page"},
		{http.MethodPost, "/replenishment/2022-11-07/offers/search", `{"filters":{}}`, "the request has no pagination.limit"},
	} {
		s := &pagesServer{}
		req, _ := http.NewRequest(c.method, c.path, strings.NewReader(c.body))
		for _, err := range served(s).Pages(req) {
			var config *spapi.ConfigError
			if !errors.As(err, &config) || !strings.Contains(err.Error(), c.want) {
				t.Errorf("%s: %v, want a ConfigError with %q", c.path, err, c.want)
			}
		}
		if len(s.asked) != 0 {
			t.Errorf("%s was sent", c.path)
		}
	}
}

func lookup(t *testing.T, id string) *catalog.Operation {
	t.Helper()
	op, ok := catalog.Lookup(id)
	if !ok {
		t.Fatal(id)
	}
	return op
}
