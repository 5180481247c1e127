package emulator

import (
	"encoding/json"
	"io"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/openspapi/spapi/internal/catalog"
)

// TestEveryConstraintIsKept takes a valid request for every operation, breaks one declared constraint at a time, and wants a 400 that
// names the parameter. The count tells how many constraints the catalogue has.
func TestEveryConstraintIsKept(t *testing.T) {
	e, err := New(WithClock(fixedClock(time.Date(2026, 3, 1, 0, 0, 0, 0, time.UTC))), WithoutLimits(), WithOrders(0))
	if err != nil {
		t.Fatal(err)
	}
	counts := map[string]int{}
	ops := catalog.Operations()
	for i := range ops {
		op := &ops[i]
		token := tokenFor(e, op)
		valid := requestFor(t, e, op)
		body, _ := io.ReadAll(valid.Body)
		query := valid.URL.Query()
		expect := func(kind, name string, q url.Values, header http.Header, body string) {
			t.Helper()
			counts[kind]++
			u := *valid.URL
			u.RawQuery = q.Encode()
			r := &http.Request{Method: op.Method, URL: &u, Header: header.Clone(), Body: io.NopCloser(strings.NewReader(body))}
			r.Header.Set("x-amz-access-token", token)
			rec := &recorder{header: http.Header{}}
			e.ServeHTTP(rec, r)
			if rec.status != http.StatusBadRequest || !strings.Contains(rec.body.String(), name) {
				t.Errorf("%s: %s of %s: %d %s", op.ID, kind, name, rec.status, rec.body.String())
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
		api, detail := operationDetail(op)
		expect("unknown query parameter", "noSuchParameter", with("noSuchParameter", "1"), valid.Header, string(body))
		for j := range detail.Parameters {
			p := &detail.Parameters[j]
			s := api.Resolve(p.Schema)
			if p.In == "header" && p.Required {
				h := valid.Header.Clone()
				h.Del(p.Name)
				expect("missing header", p.Name, query, h, string(body))
			}
			if p.In != "query" {
				continue
			}
			if p.Required {
				q := with(p.Name)
				q.Del(p.Name)
				expect("missing query parameter", p.Name, q, valid.Header, string(body))
			}
			if s.Type == "array" {
				if s.MaxItems != nil {
					many := []string{strings.Repeat("x,", *s.MaxItems) + "x"}
					if p.Multi {
						many = strings.Split(many[0], ",")
					}
					expect("maxItems", p.Name, with(p.Name, many...), valid.Header, string(body))
				}
				s = api.Resolve(s.Items)
			} else {
				expect("repeated query parameter", p.Name, with(p.Name, "1", "1"), valid.Header, string(body))
			}
			for kind, text := range wrongTexts(s) {
				expect(kind, p.Name, with(p.Name, text), valid.Header, string(body))
			}
		}
		if detail.Body == nil {
			continue
		}
		if detail.Body.Required {
			expect("missing body", detail.Body.Name, query, valid.Header, "")
		}
		expect("broken body", detail.Body.Name, query, valid.Header, "{")
		s := api.Resolve(detail.Body.Schema)
		if s == nil || s.Type != "object" && len(s.Properties) == 0 {
			continue
		}
		for name := range sortedKeys(s.Properties) {
			change := func(v any) string {
				var m map[string]any
				if err := json.Unmarshal(body, &m); err != nil {
					t.Fatalf("%s: %v", op.ID, err)
				}
				if m[name] = v; v == nil {
					delete(m, name)
				}
				b, _ := json.Marshal(m)
				return string(b)
			}
			for _, required := range s.Required {
				if required == name {
					expect("missing body member", name, query, valid.Header, change(nil))
				}
			}
			member := api.Resolve(s.Properties[name])
			if member == nil {
				continue
			}
			switch member.Type {
			case "string", "integer", "number", "boolean":
				expect("type of a body member", name, query, valid.Header, change([]string{"x"}))
				for kind, text := range wrongTexts(member) {
					expect(kind+" in the body", name, query, valid.Header, change(text))
				}
			case "object", "array":
				expect("type of a body member", name, query, valid.Header, change(1))
			}
		}
	}
	sum := 0
	for _, n := range counts {
		sum += n
	}
	t.Logf("%d mutated requests: %v", sum, counts)
	if sum < 2000 {
		t.Errorf("only %d", sum)
	}
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
			texts["minimum"] = formatNumber(*s.Minimum - 1)
		}
		if s.Maximum != nil {
			texts["maximum"] = formatNumber(*s.Maximum + 1)
		}
	case "boolean":
		texts["type"] = "maybe"
	case "string":
		if len(s.Enum) > 0 {
			texts["enum"] = "NO_SUCH_VALUE"
		}
		if s.MaxLength != nil && *s.MaxLength < 10000 {
			texts["maxLength"] = strings.Repeat("x", *s.MaxLength+1)
		}
		if s.MinLength != nil && *s.MinLength > 1 {
			texts["minLength"] = "x"
		}
		if s.Pattern != "" && !compiled(s.Pattern).MatchString("\x01,\x01") {
			texts["pattern"] = "\x01"
		}
		if s.Format == "date-time" || s.Format == "date" {
			texts["date"] = "yesterday"
		}
	}
	return texts
}
