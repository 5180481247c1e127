package emulator

import (
	"bytes"
	"encoding/csv"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/url"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/openspapi/spapi/emulator/internal/desk"
	"github.com/openspapi/spapi/emulator/internal/echo"
	"github.com/openspapi/spapi/emulator/internal/exchange"
	"github.com/openspapi/spapi/emulator/internal/format"
	"github.com/openspapi/spapi/emulator/internal/operations"
	"github.com/openspapi/spapi/emulator/internal/table"
	"github.com/openspapi/spapi/internal/catalog"
	"github.com/openspapi/spapi/marketplace"
)

// TestNoAnswerContradictsItsRequest asks every operation, with state or without, with ids at every place and two elements in every list, and holds the ids of
// the answer against those of the request: an id of a kind that the request names must be one of the request's, and lists must go along with the request's.
// What kind a name has is told by internal/echo/names.csv, what is no contradiction by testdata/echo.csv.
func TestNoAnswerContradictsItsRequest(t *testing.T) {
	e, err := New(WithClock(fixedClock(time.Date(2026, 3, 1, 0, 0, 0, 0, time.UTC))), WithoutLimits())
	if err != nil {
		t.Fatal(err)
	}
	handled := handledRequests(t, e)
	allowed := readAllowances(t)
	operationsAsked, requests, compared := 0, 0, 0
	ops := slices.Clone(catalog.Operations())
	slices.SortStableFunc(ops, func(a, b catalog.Operation) int { return rankOfRequest(&a) - rankOfRequest(&b) })
	for i := range ops {
		op := &ops[i]
		answered := 0
		for _, r := range append(slices.Clone(handled[op.ID]), fullRequest(t, e, op)) {
			body := bodyOf(t, r)
			if r.Header.Get("x-amz-access-token") == "" { // else it is of another seller
				r.Header.Set("x-amz-access-token", tokenFor(e, op))
			}
			rec := exchange.NewRecorder()
			e.ServeHTTP(rec, r)
			if rec.Status/100 != 2 {
				if handled[op.ID] == nil {
					t.Errorf("%s: %s %s %s: %d %s", op.ID, r.Method, r.URL, body, rec.Status, rec.Body.String())
				}
				continue
			}
			answered++
			requests++
			if rec.Body.Len() == 0 || rec.Status == http.StatusNoContent {
				continue
			}
			c := comparison{op: op, allowed: allowed}
			answer := c.tree("", "", decoded(t, rec.Body.Bytes()))
			c.compare([]*node{c.request(e, r, body)}, answer, "")
			compared += c.compared
			if len(c.problems) > 0 {
				t.Errorf("%s: %s %s %s\nanswers %s:\n\t%s", op.ID, r.Method, r.URL, body, rec.Body.String(), strings.Join(c.problems, "\n\t"))
			}
		}
		if answered > 0 {
			operationsAsked++
		} else {
			t.Errorf("%s: no request is answered", op.ID)
		}
	}
	handlers := withHandler()
	for _, a := range allowed {
		if !a.used && handlers[a.operations] {
			t.Errorf("testdata/echo.csv: %s %s: nothing needs this row", a.operations, a.path)
		}
	}
	t.Logf("%d operations, %d requests: %d ids of answers are of a kind that the request names", operationsAsked, requests, compared)
}

// allowance is why some ids of an answer may differ from the request's.
type allowance struct {
	operations, path string // patterns; "lists" stands for all lists, as far as their length and order go
	used             bool
}

func readAllowances(t *testing.T) (list []*allowance) {
	t.Helper()
	f, err := os.Open("testdata/echo.csv")
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	rows, err := csv.NewReader(f).ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	for _, row := range rows[1:] {
		if row[2] == "" {
			t.Errorf("testdata/echo.csv: %q has no reason", row)
		}
		list = append(list, &allowance{operations: row[0], path: row[1]})
	}
	return list
}

func decoded(t testing.TB, b []byte) any {
	t.Helper()
	v, err := format.DecodeJSON(b)
	if err != nil {
		t.Fatalf("%s: %v", b, err)
	}
	return v
}

func bodyOf(t testing.TB, r *http.Request) []byte {
	t.Helper()
	b, err := io.ReadAll(r.Body)
	if err != nil {
		t.Fatal(err)
	}
	r.Body = io.NopCloser(bytes.NewReader(b))
	return b
}

// node is a part of a request or an answer.
type node struct {
	name, kind string
	value      string // of an id; "" for all else
	list       bool
	parts      []*node
}

type comparison struct {
	op       *catalog.Operation
	allowed  []*allowance
	compared int
	problems []string
}

func (c *comparison) tree(parent, name string, v any) *node {
	n := &node{name: name, kind: echo.KindOf(c.op.API, parent, name)}
	n.fill(c, v)
	return n
}

func (n *node) fill(c *comparison, v any) {
	switch v := v.(type) {
	case map[string]any:
		parent := n.name
		if parent == "payload" {
			parent = ""
		}
		for _, name := range slices.Sorted(maps.Keys(v)) {
			n.parts = append(n.parts, c.tree(parent, name, v[name]))
		}
	case []any:
		n.list = true
		for _, e := range v {
			element := &node{name: n.name, kind: n.kind}
			element.fill(c, e)
			n.parts = append(n.parts, element)
		}
	case string:
		if n.kind != "" {
			n.value = v
		}
		if _, query, found := strings.Cut(v, "?"); found && n.name == "uri" {
			values, _ := url.ParseQuery(query)
			for name := range values {
				n.parts = append(n.parts, c.tree("", name, values.Get(name)))
			}
		}
	case json.Number:
		if n.kind != "" {
			n.value = v.String()
		}
	}
}

// request is what a request says, parameters and body.
func (c *comparison) request(e *Emulator, r *http.Request, body []byte) *node {
	root := &node{}
	_, detail := operations.SchemasOf(c.op)
	_, params := e.desk.Routes.Find(r.Method, r.URL.EscapedPath())
	for _, p := range detail.Parameters {
		var values []string
		switch p.In {
		case "path":
			values = []string{params[p.Name]}
		case "header":
			values = r.Header.Values(p.Name)
		case "query":
			values = r.URL.Query()[p.Name]
			if p.Schema.Type == "array" && !p.Multi && len(values) == 1 {
				values = strings.Split(values[0], ",")
			}
		}
		switch {
		case p.Schema.Type == "array" && len(values) > 0:
			list := make([]any, len(values))
			for i, v := range values {
				list[i] = v
			}
			root.parts = append(root.parts, c.tree("", p.Name, list))
		case len(values) > 0:
			root.parts = append(root.parts, c.tree("", p.Name, values[0]))
		}
	}
	if len(body) > 0 {
		v, _ := format.DecodeJSON(body)
		root.parts = append(root.parts, c.tree("", "", v))
	}
	return root
}

// ids collects the ids of a kind, with those in lists.
func (n *node) ids(kind string) (all []string) {
	if n.value != "" && n.kind == kind {
		all = append(all, n.value)
	}
	for _, p := range n.parts {
		all = append(all, p.ids(kind)...)
	}
	return all
}

// kinds are those of an element, but for those in lists of its own.
func (n *node) kinds(into map[string]string) map[string]string {
	if n.value != "" && into[n.kind] == "" {
		into[n.kind] = n.value
	}
	for _, p := range n.parts {
		if !p.list {
			p.kinds(into)
		}
	}
	return into
}

// lists are the lists of a part, those in elements of others not counted.
func (n *node) lists() (all []*node) {
	for _, p := range n.parts {
		if p.list {
			all = append(all, p)
		} else {
			all = append(all, p.lists()...)
		}
	}
	return all
}

func (c *comparison) allows(path string) bool {
	for _, a := range c.allowed {
		if operations.Matches(a.operations, c.op.ID) && (a.path == path || operations.Matches(a.path, path)) {
			a.used = true
			return true
		}
	}
	return false
}

// compare holds a part of the answer against what the request says of it: about has the whole request, then the elements that the part goes along with.
func (c *comparison) compare(about []*node, part *node, path string) {
	if part.value != "" {
		for i := len(about) - 1; i >= 0; i-- {
			said := about[i].ids(part.kind)
			if len(said) == 0 {
				continue
			}
			c.compared++
			if !slices.Contains(said, part.value) && !c.allows(path) {
				c.problems = append(c.problems, fmt.Sprintf("%s is %s, the request's %s is %s", path, part.value, part.kind, strings.Join(said, ", ")))
			}
			break
		}
	}
	if !part.list {
		for _, p := range part.parts {
			c.compare(about, p, strings.TrimPrefix(path+"."+p.name, "."))
		}
		return
	}
	along := c.along(about, part)
	if along != nil && len(along.parts) != len(part.parts) && !c.allows(path) && !c.allows("lists") {
		c.problems = append(c.problems, fmt.Sprintf("%s has %d elements, the request's %s %d", path, len(part.parts), along.name, len(along.parts)))
		return
	}
	for i, element := range part.parts {
		with := about
		if along != nil && i < len(along.parts) && len(along.parts) == len(part.parts) {
			with = append(slices.Clone(about), along.parts[i])
		}
		c.compare(with, element, path)
	}
}

// along is the list of the request that has most kinds of ids in common with a list of the answer, and different ones in its elements.
func (c *comparison) along(about []*node, part *node) (best *node) {
	if len(part.parts) == 0 {
		return nil
	}
	kinds := part.parts[0].kinds(map[string]string{})
	for _, a := range slices.Backward(about) {
		most := 0
		for _, list := range a.lists() {
			if len(list.parts) < 2 || slices.ContainsFunc(list.parts, func(p *node) bool { return slices.Contains(about, p) }) {
				continue
			}
			common := 0
			first, second := list.parts[0].kinds(map[string]string{}), list.parts[1].kinds(map[string]string{})
			for kind, id := range first {
				if kinds[kind] != "" && second[kind] != id {
					common++
				}
			}
			if common > most {
				best, most = list, common
			}
		}
		if best != nil {
			return best
		}
	}
	return nil
}

// full makes requests with all that an operation takes.
type full struct {
	api *catalog.API
	e   *Emulator
	g   interface {
		Value(s *catalog.Schema, name, path string, depth int) any
	}
	ids  map[string]any // that are said once, by kind
	n    int            // elements made so far: ids in lists differ
	open map[string]bool
}

// deepest is where optional members of requests end.
const deepest = 7

// fullRequest has all parameters and members, ids of what the seller has where the seller has such things, and lists of two.
func fullRequest(t testing.TB, e *Emulator, op *catalog.Operation) *http.Request {
	t.Helper()
	api, detail := operations.SchemasOf(op)
	c := &desk.Call{Desk: e.desk, Op: op, Seller: e.desk.Seller(0), Now: e.Now()}
	f := &full{api: api, e: e, g: desk.NewGenerator(api, c), ids: map[string]any{}, open: map[string]bool{}}
	path, query, header := op.Path, url.Values{}, http.Header{}
	for _, p := range detail.Parameters {
		path = placed(&p, f.value(p.Schema, "", p.Name, 0, false), path, query, header)
	}
	var body []byte
	if detail.Body != nil {
		body, _ = json.Marshal(f.value(detail.Body.Schema, "", "", 0, false))
		header.Set("Content-Type", "application/json")
	}
	endpoint := marketplace.NorthAmerica.Endpoint()
	if op.SandboxOnly {
		endpoint = marketplace.NorthAmerica.SandboxEndpoint()
	}
	u := endpoint + path
	if len(query) > 0 {
		u += "?" + query.Encode()
	}
	r, err := http.NewRequest(op.Method, u, bytes.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	r.Header = header
	return r
}

func (f *full) value(s *catalog.Schema, parent, name string, depth int, inList bool) any {
	if s.Ref != "" {
		if f.open[s.Ref] {
			return nil
		}
		f.open[s.Ref] = true
		defer delete(f.open, s.Ref)
	}
	ref := s
	if s = f.api.Resolve(s); s == nil {
		return map[string]any{}
	}
	switch {
	case s.Type == "array":
		n := 2
		if s.MinItems != nil {
			n = max(n, *s.MinItems)
		}
		if s.MaxItems != nil {
			n = min(n, *s.MaxItems)
		}
		if item := f.api.Resolve(s.Items); item != nil && s.UniqueItems && len(item.Enum) > 0 {
			n = min(n, len(item.Enum))
		}
		var list []any
		for range n {
			f.n++
			v := f.value(s.Items, parent, name, depth+1, true)
			if v == nil {
				break
			}
			if s.UniqueItems && slices.ContainsFunc(list, func(old any) bool { return jsonText(old) == jsonText(v) }) {
				continue
			}
			list = append(list, v)
		}
		return list
	case len(s.Properties) > 0:
		m := map[string]any{}
		for _, member := range slices.Sorted(maps.Keys(s.Properties)) {
			if depth >= deepest && !slices.Contains(s.Required, member) {
				continue
			}
			if v := f.value(s.Properties[member], name, member, depth+1, inList); v != nil {
				m[member] = v
			}
		}
		return m
	}
	kind := echo.KindOf(f.api.Name, parent, name)
	if kind == "" || s.Type != "string" && s.Type != "integer" {
		return f.g.Value(ref, name, name, depth)
	}
	if v, known := f.ids[kind]; known && (!inList || kind == echo.Marketplace || kind == echo.Seller) {
		return v
	}
	v := f.own(kind)
	if v == nil {
		v = f.g.Value(ref, name, name, depth)
	}
	if !inList {
		f.ids[kind] = v
	}
	return v
}

// own is one of the seller's things: another one for each element.
func (f *full) own(kind string) any {
	a := f.e.desk.Seller(0)
	w := a.World()
	p := w.Products[f.n%len(w.Products)]
	switch kind {
	case echo.Order, echo.OrderItem:
		i := 0
		for o := range w.All(time.Time{}, f.e.Now()) {
			if i++; i > f.n%50 {
				if kind == echo.Order {
					return o.ID
				}
				return o.Items[0].ID
			}
		}
	case echo.SKU:
		return p.SKU
	case echo.ASIN:
		return p.ASIN
	case echo.Marketplace:
		return a.Marketplaces[0].ID
	case echo.Seller:
		return a.ID
	}
	return nil
}

// TestUnknownThingsAreRefused: what unknown.csv says of ids that nobody has, for each operation that it is about.
func TestUnknownThingsAreRefused(t *testing.T) {
	e, err := New(WithClock(fixedClock(time.Date(2026, 3, 1, 0, 0, 0, 0, time.UTC))), WithoutLimits())
	if err != nil {
		t.Fatal(err)
	}
	b, err := os.ReadFile("internal/desk/unknown.csv")
	if err != nil {
		t.Fatal(err)
	}
	handlers, strangers := withHandler(), map[string]string{echo.SKU: "NOBODY'S", echo.ASIN: "B0NOBODYS0"}
	for _, row := range table.Read("unknown.csv", string(b)) {
		refused := 0
		for i := range catalog.Operations() {
			op := &catalog.Operations()[i]
			r := fullRequest(t, e, op)
			body := bodyOf(t, r)
			c := comparison{op: op}
			ids := c.request(e, r, body).ids(row[1])
			if handlers[op.ID] || !operations.Matches(row[0], op.ID) || len(ids) == 0 {
				continue
			}
			last := ids[len(ids)-1] // one of several is enough
			target := strings.ReplaceAll(r.URL.String(), url.PathEscape(last), url.PathEscape(strangers[row[1]]))
			r, err = http.NewRequest(r.Method, target, bytes.NewReader(bytes.ReplaceAll(body, []byte(jsonQuoted(last)), []byte(jsonQuoted(strangers[row[1]])))))
			if err != nil {
				t.Fatal(err)
			}
			r.Header.Set("Content-Type", "application/json")
			r.Header.Set("x-amz-access-token", tokenFor(e, op))
			rec := exchange.NewRecorder()
			e.ServeHTTP(rec, r)
			_, detail := operations.SchemasOf(op)
			if text := rec.Body.String(); fmt.Sprint(rec.Status) != row[2] || !strings.Contains(text, row[3]) || !strings.Contains(text, row[4]) {
				t.Errorf("%s of %s %s: %d %s, want %s %s", op.ID, row[1], strangers[row[1]], rec.Status, text, row[2], row[4])
			}
			if !slices.ContainsFunc(detail.Responses, func(r catalog.Response) bool { return r.Status == rec.Status }) {
				t.Errorf("%s: %d is not declared", op.ID, rec.Status)
			}
			refused++
		}
		if refused == 0 {
			t.Errorf("unknown.csv: %v: no operation without a handler needs this row", row[:2])
		}
		t.Logf("%s, %s: %d operations", row[0], row[1], refused)
	}
}

func jsonQuoted(s string) string { b, _ := json.Marshal(s); return string(b) }
