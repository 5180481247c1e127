// Package sandbox has the cases of Amazon's static sandbox: how they are read, which of them a request fits, and how their answers are written.
//
// The static sandbox answers requests by cases that stand in Amazon's models (developer-docs.amazon.com/sp-api/docs/the-selling-partner-api-sandbox).
// The cases are Amazon's text and no part of this project: they are read from a folder when one is given.
package sandbox

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"github.com/openspapi/spapi/emulator/internal/format"
	"github.com/openspapi/spapi/emulator/internal/operations"
	"github.com/openspapi/spapi/internal/catalog"
)

// Cases are the cases of each operation, by operation ID, in the model's order.
type Cases map[string][]*Case

// Case is one case.
type Case struct {
	Status  int
	Params  map[string]any // wanted values by name, without the body; AnyValue for whatever
	Body    any            // wanted body; nil for whatever
	Answer  []byte         // as it is sent; nil when the case has none
	Headers map[string]string

	// Particular cases ask for something that nobody asks for but for their sake: TEST_CASE_200, an order of their own. The others fit what any
	// client may ask for: whatever, prices by ASIN in the United States, a first page of ten.
	Particular bool
	// Gateway is the status with which the service's front answers in place of the case; 0 where the case is answered.
	Gateway int
}

// AnyValue stands for a parameter whose case is {}.
type AnyValue struct{}

// model is the part of a Swagger file that cases need.
type model struct {
	Swagger string                                `json:"swagger"`
	Paths   map[string]map[string]json.RawMessage `json:"paths"`
}

type modelOperation struct {
	Parameters []struct {
		Name string `json:"name"`
		In   string `json:"in"`
	} `json:"parameters"`
	Responses map[string]struct {
		Sandbox struct {
			Static []modelCase `json:"static"`
		} `json:"x-amzn-api-sandbox"`
		Older []modelCase `json:"x-amazon-spds-sandbox-behaviors"` // two vendor models still have this key
	} `json:"responses"`
}

type modelCase struct {
	Request struct {
		Parameters map[string]json.RawMessage `json:"parameters"`
	} `json:"request"`
	Response        json.RawMessage `json:"response"`
	ResponseHeaders map[string]struct {
		Value string `json:"value"`
	} `json:"responseHeaders"`
}

// Read reads all models below dir. Files that are no models, and operations that the catalogue doesn't know, are passed over.
func Read(dir string) (Cases, error) {
	ops, all := map[[3]string]*catalog.Operation{}, catalog.Operations()
	for i := range all {
		ops[[3]string{all[i].Model, all[i].Method, all[i].Path}] = &all[i]
	}
	cases := Cases{}
	models := 0
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || filepath.Ext(path) != ".json" {
			return err
		}
		b, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		var m model
		if notModel := json.Unmarshal(b, &m) != nil || m.Swagger == ""; notModel {
			return nil // a schema or some other file
		}
		models++
		stem := strings.TrimSuffix(filepath.Base(path), ".json")
		for route, item := range m.Paths {
			for method, raw := range item {
				op := ops[[3]string{stem, strings.ToUpper(method), route}]
				if op == nil {
					continue
				}
				list, err := operationCases(op, raw)
				if err != nil {
					return fmt.Errorf("%s: %s %s: %w", path, strings.ToUpper(method), route, err)
				}
				if list != nil {
					cases[op.ID] = list
				}
			}
		}
		return nil
	})
	if err == nil && models == 0 {
		err = errors.New("no models in it: want a checkout of Amazon's selling-partner-api-models")
	}
	if err != nil {
		return nil, fmt.Errorf("emulator: models folder %q: %w", dir, err)
	}
	return cases, nil
}

func operationCases(op *catalog.Operation, raw json.RawMessage) ([]*Case, error) {
	var declared modelOperation
	if err := json.Unmarshal(raw, &declared); err != nil {
		return nil, err
	}
	bodyName := ""
	for _, p := range declared.Parameters {
		if p.In == "body" {
			bodyName = p.Name
		}
	}
	api, detail := operations.SchemasOf(op)
	asks, prints := asker{op, api, detail}, printer{api: api, doubles: printsDoubles[op.API]}
	var list []*Case
	for code := range format.SortedKeys(declared.Responses) {
		status, err := strconv.Atoi(code)
		if err != nil {
			continue
		}
		r := declared.Responses[code]
		var schema *catalog.Schema
		if i := slices.IndexFunc(detail.Responses, func(r catalog.Response) bool { return r.Status == status }); i >= 0 {
			schema = detail.Responses[i].Schema
		}
		for _, mc := range append(r.Sandbox.Static, r.Older...) {
			sc, err := newCase(status, mc, bodyName)
			if err == nil && sc.Answer != nil {
				sc.Answer, err = prints.answer(status, schema, sc.Answer)
			}
			if err != nil {
				return nil, fmt.Errorf("sandbox case of response %d: %w", status, err)
			}
			sc.Particular = asks.particular(sc)
			if otherwise(op, sc) {
				list = append(list, sc)
			}
		}
	}
	return list, nil
}

func newCase(status int, mc modelCase, bodyName string) (*Case, error) {
	sc := &Case{Status: status, Params: map[string]any{}, Headers: map[string]string{}}
	for name, raw := range mc.Request.Parameters {
		v, err := format.DecodeJSON(raw)
		if err != nil {
			return nil, err
		}
		fields, isObject := v.(map[string]any)
		// Some cases say "body" though the parameter is called otherwise, and some bodies lack the "value" around them.
		isBody := bodyName != "" && (name == bodyName || name == "body")
		value, wrapped := fields["value"]
		switch {
		case isObject && len(fields) == 0:
			value = AnyValue{}
		case isObject && wrapped && (len(fields) == 1 || !isBody):
		default:
			value = v
		}
		if !isBody {
			sc.Params[name] = value
		} else if _, whatever := value.(AnyValue); !whatever {
			sc.Body = value
		}
	}
	// An empty object as the answer of a 204 is no answer.
	if trimmed := bytes.TrimSpace(mc.Response); len(trimmed) > 0 && status != http.StatusNoContent {
		sc.Answer = trimmed
	}
	for name, h := range mc.ResponseHeaders {
		sc.Headers[name] = h.Value
	}
	return sc, nil
}

// elsewise is a published case that the sandbox was seen not to answer: public notes of 2026-09-04 and 2026-09-08 on all three hosts, with exact
// values; for the orders also selling-partner-api-models#5126.
type elsewise struct {
	operation, parameter, value string
	gateway                     int // what the service's front answers; 0: the case isn't there
}

var elsewises = []elsewise{
	{"orders20260101.searchOrders", "marketplaceIds", "A1F83G8C2ARO7P", 0},
	{"orders20260101.searchOrders", "marketplaceIds", "A2Q3Y263D00KWC", 0},
	{"externalfulfillmentreturns20240911.listReturns", "rmaId", "rmaIdTest429", http.StatusTooManyRequests},
	{"externalfulfillmentreturns20240911.listReturns", "rmaId", "rmaIdTest503", http.StatusInternalServerError},
}

// otherwise notes what the sandbox was seen to do with a case of op, and tells whether the case is there at all.
func otherwise(op *catalog.Operation, sc *Case) bool {
	for _, e := range elsewises {
		if e.operation == op.ID && sameText(sc.Params[e.parameter], []string{e.value}) {
			sc.Gateway = e.gateway
			return e.gateway != 0
		}
	}
	return true
}
