package emulator

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"iter"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/openspapi/spapi/emulator/internal/answer"
	"github.com/openspapi/spapi/emulator/internal/check"
	"github.com/openspapi/spapi/emulator/internal/exchange"
	"github.com/openspapi/spapi/emulator/internal/format"
	"github.com/openspapi/spapi/emulator/internal/operations"
	"github.com/openspapi/spapi/internal/catalog"
)

// otherWay are the constraints whose breach the service is known to answer otherwise than with a 400, by operation: the flows say why.
var otherWay = map[string]int{
	"productpricingv0.getPricing: enum of ItemType":                                       http.StatusNotFound,
	"productpricingv0.getCompetitivePricing: enum of ItemType":                            http.StatusNotFound,
	"productpricingv0.getItemOffersBatch: missing member in the body of MarketplaceId":    http.StatusOK,
	"productpricingv0.getListingOffersBatch: missing member in the body of MarketplaceId": http.StatusOK,
}

// TestEveryConstraintIsKept takes a valid request for every operation, breaks one declared constraint at a time, and wants a 400
// whose reason names the parameter. The count tells how many constraints the catalogue has. Query parameters that the operation doesn't have, and members of
// bodies other than vendors', are let through.
func TestEveryConstraintIsKept(t *testing.T) {
	e, err := New(WithClock(fixedClock(time.Date(2026, 3, 1, 0, 0, 0, 0, time.UTC))), WithoutLimits(), WithOrders(0), WithExplain())
	if err != nil {
		t.Fatal(err)
	}
	counts := map[string]int{}
	ops := catalog.Operations()
	for i := range ops {
		op := &ops[i]
		if testing.Short() && i%10 != 0 {
			continue
		}
		token := tokenFor(e, op)
		valid := requestFor(t, e, op)
		body, _ := io.ReadAll(valid.Body)
		query := valid.URL.Query()
		ask := func(kind, name string, u *url.URL, header http.Header, body string) (refused bool, got string) {
			t.Helper()
			counts[kind]++
			r := &http.Request{Method: op.Method, URL: u, Header: header.Clone(), Body: io.NopCloser(strings.NewReader(body))}
			r.Header.Set("x-amz-access-token", token)
			rec := exchange.NewRecorder()
			e.ServeHTTP(rec, r)
			if status := otherWay[op.ID+": "+kind+" of "+name]; status != 0 {
				return rec.Status == status, fmt.Sprintf("%d %s", rec.Status, rec.Body.String())
			}
			reason := rec.Header().Get("X-Spapi-Emulator-Reason")
			refusal := http.StatusBadRequest
			if kind == "broken body" && (op.ID == "notificationsv1.createDestination" || op.ID == "notificationsv1.createSubscription") {
				refusal = http.StatusInternalServerError // jlevers/selling-partner-api#291
			}
			return rec.Status == refusal && strings.Contains(reason, name), fmt.Sprintf("%d %s (%s)", rec.Status, rec.Body.String(), reason)
		}
		expect := func(kind, name string, q url.Values, header http.Header, body string) {
			t.Helper()
			u := *valid.URL
			u.RawQuery = q.Encode()
			if refused, got := ask(kind, name, &u, header, body); !refused {
				t.Errorf("%s: %s of %s: %s", op.ID, kind, name, got)
			}
		}
		with := func(name string, values ...string) url.Values {
			q := url.Values{}
			for k, v := range query {
				q[k] = v
			}
			q[name] = values
			return q
		}
		api, detail := operations.SchemasOf(op)
		expectPath := func(kind string, p *catalog.Parameter, text string) {
			t.Helper()
			segments := strings.Split(valid.URL.EscapedPath(), "/")
			for k, s := range strings.Split(op.Path, "/") {
				if s == "{"+p.Name+"}" {
					segments[k] = url.PathEscape(text)
				}
			}
			u, err := url.Parse(valid.URL.Scheme + "://" + valid.URL.Host + strings.Join(segments, "/") + "?" + query.Encode())
			if err != nil {
				t.Fatal(err)
			}
			if refused, got := ask(kind, p.Name, u, valid.Header, string(body)); !refused {
				t.Errorf("%s: %s of %s: %s", op.ID, kind, p.Name, got)
			}
		}
		let := *valid.URL
		let.RawQuery = with("noSuchParameter", "1").Encode()
		if refused, got := ask("unknown query parameter", "noSuchParameter", &let, valid.Header, string(body)); refused {
			t.Errorf("%s: a query parameter that it doesn't have is not ignored: %s", op.ID, got)
		}
		for j := range detail.Parameters {
			p := &detail.Parameters[j]
			s := api.Resolve(p.Schema)
			switch p.In {
			case "header":
				if p.Required {
					h := valid.Header.Clone()
					h.Del(p.Name)
					expect("missing header", p.Name, query, h, string(body))
				}
				for kind, text := range wrongTexts(s) {
					h := valid.Header.Clone()
					h.Set(p.Name, text)
					expect(kind+" of a header", p.Name, query, h, string(body))
				}
			case "path":
				for kind, text := range wrongTexts(s) {
					expectPath(kind+" in the path", p, text)
				}
			case "query":
				if p.Required {
					q := with(p.Name)
					q.Del(p.Name)
					expect("missing query parameter", p.Name, q, valid.Header, string(body))
				}
				if s.Type == "array" {
					list := func(values []string) url.Values {
						if p.Multi {
							return with(p.Name, values...)
						}
						return with(p.Name, strings.Join(values, ","))
					}
					if s.MaxItems != nil {
						expect("maxItems", p.Name, list(slices.Repeat([]string{"x"}, *s.MaxItems+1)), valid.Header, string(body))
					}
					if s.MinItems != nil && *s.MinItems > 1 {
						expect("minItems", p.Name, list([]string{"x"}), valid.Header, string(body))
					}
					if s.UniqueItems {
						expect("uniqueItems", p.Name, list([]string{"x", "x"}), valid.Header, string(body))
					}
					s = api.Resolve(s.Items)
				} else {
					expect("repeated query parameter", p.Name, with(p.Name, "1", "1"), valid.Header, string(body))
				}
				for kind, text := range wrongTexts(s) {
					expect(kind, p.Name, with(p.Name, text), valid.Header, string(body))
				}
			}
		}
		if detail.Body == nil {
			continue
		}
		if detail.Body.Required {
			expect("missing body", detail.Body.Name, query, valid.Header, "")
		}
		if members, isObject := bytes.CutPrefix(bytes.TrimSpace(body), []byte("{")); isObject && len(api.Resolve(detail.Body.Schema).Properties) > 0 {
			if len(bytes.TrimSpace(members)) > 1 {
				members = append([]byte(","), members...)
			}
			production := *valid.URL // the sandbox takes them
			production.Host = strings.TrimPrefix(production.Host, "sandbox.")
			refused, got := ask("undeclared member", "noSuchMember", &production, valid.Header, `{"noSuchMember":1`+string(members))
			if want := strings.HasPrefix(op.API, "vendor") && !op.SandboxOnly; refused != want {
				t.Errorf("%s: a member of the body that it doesn't have: %s", op.ID, got)
			}
		}
		expect("broken body", detail.Body.Name, query, valid.Header, "{")
		var decoded any
		if decoded, err = format.DecodeJSON(body); err != nil {
			t.Fatalf("%s: %v", op.ID, err)
		}
		for m := range bodyMutations(api, detail.Body.Schema, decoded, nil, detail.Body.Name) {
			changed, err := format.DecodeJSON(body)
			if err != nil {
				t.Fatal(err)
			}
			b, err := json.Marshal(m.apply(changed))
			if err != nil {
				t.Fatal(err)
			}
			expect(m.kind+" in the body", m.name, query, valid.Header, string(b))
		}
	}
	sum := 0
	for _, n := range counts {
		sum += n
	}
	t.Logf("%d mutated requests: %v", sum, counts)
	if sum < 10000 && !testing.Short() {
		t.Errorf("only %d", sum)
	}
}

// bodyMutation breaks one constraint of a body, at one place.
type bodyMutation struct {
	kind, name string
	steps      []any // names and indices
	change     func(old any) any
}

// omit is what change returns for a member that is to be left out.
type omit struct{}

func (m *bodyMutation) apply(v any) any { return m.at(v, m.steps) }

func (m *bodyMutation) at(v any, steps []any) any {
	if len(steps) == 0 {
		return m.change(v)
	}
	switch step := steps[0].(type) {
	case string:
		object := v.(map[string]any)
		changed := m.at(object[step], steps[1:])
		if object[step] = changed; changed == (any)(omit{}) {
			delete(object, step)
		}
	case int:
		list := v.([]any)
		list[step] = m.at(list[step], steps[1:])
	}
	return v
}

// bodyMutations yields a mutation for every constraint that the schema puts on some place of a valid body, however deep.
func bodyMutations(api *catalog.API, ref *catalog.Schema, v any, steps []any, name string) iter.Seq[*bodyMutation] {
	return func(yield func(*bodyMutation) bool) { mutations(api, ref, v, steps, name, yield) }
}

func mutations(api *catalog.API, ref *catalog.Schema, v any, steps []any, name string, yield func(*bodyMutation) bool) bool {
	s := api.Resolve(ref)
	if s == nil {
		return true
	}
	give := func(kind string, change func(old any) any) bool {
		return yield(&bodyMutation{kind, name, steps, change})
	}
	to := func(v any) func(any) any { return func(any) any { return v } }
	switch v := v.(type) {
	case map[string]any:
		if s.Type == "object" && !give("type", to(1)) {
			return false
		}
		for member := range format.SortedKeys(v) {
			at := append(slices.Clip(steps), member)
			if slices.Contains(s.Required, member) && !yield(&bodyMutation{"missing member", member, at, to(omit{})}) {
				return false
			}
			next := s.Properties[member]
			if next == nil {
				next = s.AdditionalProperties
			}
			if !mutations(api, next, v[member], at, member, yield) {
				return false
			}
		}
	case []any:
		if s.Type != "array" {
			return true
		}
		if !give("type", to(1)) ||
			s.MinItems != nil && *s.MinItems > 0 && !give("minItems", func(old any) any { return old.([]any)[:*s.MinItems-1] }) ||
			s.MaxItems != nil && len(v) > 0 && !give("maxItems", func(old any) any { return slices.Repeat(old.([]any)[:1], *s.MaxItems+1) }) ||
			s.UniqueItems && len(v) > 0 && s.MaxItems == nil && !give("uniqueItems", func(old any) any { return append(old.([]any), old.([]any)[0]) }) {
			return false
		}
		if len(v) > 0 {
			return mutations(api, s.Items, v[0], append(slices.Clip(steps), 0), name, yield)
		}
	default:
		if s.Type == "" {
			return true
		}
		if !give("type", to([]string{"x"})) {
			return false
		}
		texts := wrongTexts(s)
		if s.Type == "string" && s.MinLength != nil && *s.MinLength == 1 {
			texts["minLength"] = ""
		}
		for kind := range format.SortedKeys(texts) {
			if !give(kind, to(texts[kind])) {
				return false
			}
		}
	}
	return true
}

// wrongTexts are texts that break a schema, by the constraint that they break.
func wrongTexts(s *catalog.Schema) map[string]string {
	texts := map[string]string{}
	if s == nil {
		return texts
	}
	switch s.Type {
	case "integer", "number":
		texts["type"] = "many"
		if s.Minimum != nil {
			texts["minimum"] = format.Number(*s.Minimum - 1)
		}
		if s.Maximum != nil {
			texts["maximum"] = format.Number(*s.Maximum + 1)
		}
	case "boolean":
		texts["type"] = "maybe"
	case "string":
		if len(s.Enum) > 0 {
			texts["enum"] = "NO_SUCH_VALUE"
		}
		if s.MaxLength != nil && *s.MaxLength < answer.MaxHeaderField/2 {
			texts["maxLength"] = strings.Repeat("x", *s.MaxLength+1)
		}
		if s.MinLength != nil && *s.MinLength > 1 {
			texts["minLength"] = "x"
		}
		if s.Pattern != "" && !check.Compiled(s.Pattern).MatchString("\x01,\x01") {
			texts["pattern"] = "\x01"
		}
		if s.Format == "date-time" || s.Format == "date" {
			texts["date"] = "yesterday"
		}
	}
	return texts
}
