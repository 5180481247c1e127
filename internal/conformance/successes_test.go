package conformance

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/openspapi/spapi"
	"github.com/openspapi/spapi/api/fulfillmentoutbound20260704"
	"github.com/openspapi/spapi/internal/catalog"
)

// TestEverySuccessBody answers with a body of every schema that an operation declares for a success: nothing that any status brings
// may be lost, for a caller who misses what a 202 tells asks again.
func TestEverySuccessBody(t *testing.T) {
	bodies, values, several := 0, 0, 0
	for _, op := range catalog.Operations() {
		api := load(t, op.API)
		_, key, _ := strings.Cut(op.ID, ".")
		var statuses []int
		for _, r := range api.Operations[key].Responses {
			if r.Status/100 == 2 && r.Schema != nil {
				statuses = append(statuses, r.Status)
			}
		}
		if len(statuses) > 1 {
			several++
		}
		for _, status := range statuses {
			shape := schemaOf(t, &op, status)
			if op.Shape == "none" || shape == nil {
				continue
			}
			want := sample(api, shape, nil)
			body := want
			if op.Shape == "payload" {
				body = map[string]any{"payload": want}
			}
			data, err := json.Marshal(body)
			if err != nil {
				t.Fatal(err)
			}
			var resp spapi.Response
			got, err := call(t, newClient(&stub{status: status, body: data}), &op, &resp)
			if err != nil {
				t.Errorf("%s %d: %v", op.ID, status, err)
				continue
			}
			written, err := json.Marshal(got)
			if err != nil {
				t.Fatal(err)
			}
			c := comparer{t: t, api: api, name: op.ID + " sample", used: map[string]bool{}}
			c.compare(shape, decode(t, mustMarshal(t, want)), decode(t, written), "")
			if c.values == 0 {
				t.Errorf("%s %d: the sample holds nothing", op.ID, status)
			}
			bodies++
			values += c.values
		}
	}
	t.Logf("%d bodies, %d values; %d operations with several", bodies, values, several)
	if several == 0 {
		t.Error("no operation has several success bodies: the test has lost what it was made for")
	}
}

func mustMarshal(t *testing.T, v any) []byte {
	t.Helper()
	data, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return data
}

// sample makes a value with every member of a schema, nil where one leads back into itself.
func sample(api *catalog.API, s *catalog.Schema, above []*catalog.Schema) any {
	s = api.Resolve(s)
	for _, a := range above {
		if a == s {
			return nil
		}
	}
	above = append(above[:len(above):len(above)], s)
	switch {
	case len(s.Properties) > 0:
		m := map[string]any{}
		for _, name := range s.Order {
			if v := sample(api, s.Properties[name], above); v != nil {
				m[name] = v
			}
		}
		return m
	case s.Type == "array":
		if v := sample(api, s.Items, above); v != nil {
			return []any{v}
		}
		return nil
	case s.AdditionalProperties != nil:
		if v := sample(api, s.AdditionalProperties, above); v != nil {
			return map[string]any{"key": v}
		}
		return nil
	}
	switch s.Type {
	case "integer":
		return 7
	case "number":
		if strings.HasPrefix(s.Format, "int") {
			return 7
		}
		return json.Number("7.25")
	case "boolean":
		return true
	case "string":
		switch {
		case len(s.Enum) > 0:
			return s.Enum[0]
		case s.Format == "date":
			return "2026-01-02"
		case s.Format == "date-time", s.Format == "dateTime":
			return "2026-01-02T03:04:05Z"
		}
	}
	return "text"
}

// TestCreateOrderAnswersTwice: the order itself, or only that it is taken, and then its id is all there is to ask for it again.
func TestCreateOrderAnswersTwice(t *testing.T) {
	create := func(status int, body string) *fulfillmentoutbound20260704.CreateOrderResult {
		client := fulfillmentoutbound20260704.New(newClient(&stub{status: status, body: []byte(body)}))
		got, err := client.CreateOrder(t.Context(), &fulfillmentoutbound20260704.CreateOrderInput{}, spapi.WithAccessToken("Atza|x"), spapi.WithoutRetry())
		if err != nil {
			t.Fatal(err)
		}
		return got
	}
	if got := create(202, `{"orderId":"ORDER-1","status":"RECEIVED"}`); got.OrderID != "ORDER-1" || got.Status != "RECEIVED" || got.Order != nil {
		t.Errorf("202: %+v", got)
	}
	if got := create(200, `{"order":{"orderId":"ORDER-1"}}`); got.Order == nil || got.OrderID != "" || got.Status != "" {
		t.Errorf("200: %+v", got)
	}
}
