package desk

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"github.com/openspapi/spapi/emulator/internal/answer"
	"github.com/openspapi/spapi/emulator/internal/exchange"
	"github.com/openspapi/spapi/emulator/internal/format"
	"github.com/openspapi/spapi/internal/catalog"
)

// Amazon's static sandbox answers requests by cases that stand in its models
// (developer-docs.amazon.com/sp-api/docs/the-selling-partner-api-sandbox). The cases are Amazon's text and no part of this project: they
// are read from a folder when one is given.

// sandboxCases are the cases of each operation, by operation ID, in the model's order.
type sandboxCases map[string][]*SandboxCase

type SandboxCase struct {
	Status  int
	Params  map[string]any // wanted values by name, without the body; anyValue for whatever
	Body    any            // wanted body; nil for whatever
	Answer  []byte         // nil when the case has none
	Headers map[string]string
}

// AnyValue stands for a parameter whose case is {}.
type AnyValue struct{}

// specific tells whether the case asks for anything at all.
func (sc *SandboxCase) specific() bool { return len(sc.Params) > 0 || sc.Body != nil }

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

// readSandboxCases reads all models below dir. Files that are no models, and operations that the catalogue doesn't know, are passed over.
func readSandboxCases(dir string) (sandboxCases, error) {
	ids := map[[3]string]string{}
	for _, op := range catalog.Operations() {
		ids[[3]string{op.Model, op.Method, op.Path}] = op.ID
	}
	cases := sandboxCases{}
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
				id := ids[[3]string{stem, strings.ToUpper(method), route}]
				if id == "" {
					continue
				}
				list, err := operationCases(raw)
				if err != nil {
					return fmt.Errorf("%s: %s %s: %w", path, strings.ToUpper(method), route, err)
				}
				if list != nil {
					cases[id] = list
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

func operationCases(raw json.RawMessage) ([]*SandboxCase, error) {
	var op modelOperation
	if err := json.Unmarshal(raw, &op); err != nil {
		return nil, err
	}
	bodyName := ""
	for _, p := range op.Parameters {
		if p.In == "body" {
			bodyName = p.Name
		}
	}
	var list []*SandboxCase
	for code := range format.SortedKeys(op.Responses) {
		status, err := strconv.Atoi(code)
		if err != nil {
			continue
		}
		r := op.Responses[code]
		for _, mc := range append(r.Sandbox.Static, r.Older...) {
			sc, err := newSandboxCase(status, mc, bodyName)
			if err != nil {
				return nil, fmt.Errorf("sandbox case of response %d: %w", status, err)
			}
			list = append(list, sc)
		}
	}
	return list, nil
}

func newSandboxCase(status int, mc modelCase, bodyName string) (*SandboxCase, error) {
	sc := &SandboxCase{Status: status, Params: map[string]any{}, Headers: map[string]string{}}
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
		var b bytes.Buffer
		if err := json.Compact(&b, trimmed); err != nil {
			return nil, err
		}
		sc.Answer = b.Bytes()
	}
	for name, h := range mc.ResponseHeaders {
		sc.Headers[name] = h.Value
	}
	return sc, nil
}

// replay answers with the official case that a request matches, if there is one. Cases that ask for nothing match every request: they
// count on a sandbox host and for operations that have no handler; elsewhere they would hide the world.
func (d *Desk) replay(x *exchange.Exchange, rt *route, c *Call) (answer.Reply, bool, *answer.Error) {
	cases := d.Cases[rt.Op.ID]
	if sc := matchCase(cases, x, c, c.Sandbox || rt.handler == nil); sc != nil {
		r := answer.Reply{Status: sc.Status, Header: sc.Headers}
		if sc.Answer != nil {
			r.Body = sc.Answer
		}
		return r, true, nil
	}
	if d.Options.SandboxStrict && c.Sandbox && rt.Op.Sandbox == "static" {
		return answer.Reply{}, false, answer.Invalid("Could not match input arguments", "") // jlevers/selling-partner-api#592, selling-partner-api-models#5056
	}
	return answer.Reply{}, false, nil
}

// matchCase finds the case that fits a request best: the one that asks for the most, successes before errors, then the first.
func matchCase(cases []*SandboxCase, x *exchange.Exchange, c *Call, withGeneral bool) *SandboxCase {
	if cases == nil {
		return nil
	}
	query, err := url.ParseQuery(x.URL.RawQuery)
	if err != nil {
		return nil
	}
	body, _ := format.DecodeJSON(x.Body)
	var best *SandboxCase
	bestScore := -1
	for _, sc := range cases {
		if !sc.specific() && !withGeneral {
			continue
		}
		score, ok := sc.matches(query, x.Header, c.Path, body)
		if ok && (score > bestScore || score == bestScore && sc.Status/100 == 2 && best.Status/100 != 2) {
			best, bestScore = sc, score
		}
	}
	return best
}

// matches tells whether a request has everything that the case asks for, and how much that is. More than that may be in the request.
func (sc *SandboxCase) matches(query url.Values, header http.Header, path map[string]string, body any) (score int, ok bool) {
	for name, want := range sc.Params {
		if _, whatever := want.(AnyValue); whatever {
			continue
		}
		got := query[name]
		if v, isPath := path[name]; isPath {
			got = []string{v}
		} else if got == nil {
			got = header.Values(name)
		}
		if len(got) == 0 || !sameText(want, got) {
			return 0, false
		}
		score++
	}
	if sc.Body != nil {
		n, ok := Contains(body, sc.Body)
		if !ok {
			return 0, false
		}
		score += n
	}
	return score, true
}

// sameText compares a wanted value, a scalar or a list, with a parameter as it was sent.
func sameText(want any, got []string) bool {
	if list, ok := want.([]any); ok {
		var texts []string
		for _, v := range list {
			texts = append(texts, fmt.Sprint(v))
		}
		var parts []string
		for _, g := range got {
			parts = append(parts, strings.Split(g, ",")...)
		}
		return slices.Equal(parts, texts) || strings.Join(got, ",") == strings.Join(texts, ",")
	}
	text := fmt.Sprint(want)
	if strings.Join(got, ",") == text {
		return true
	}
	a, errA := strconv.ParseFloat(text, 64)
	b, errB := strconv.ParseFloat(got[0], 64)
	return errA == nil && errB == nil && a == b && len(got) == 1
}

// Contains tells whether a JSON value has everything that another one has, and in how many places they agree. The elements of arrays
// are compared one by one.
func Contains(got, want any) (score int, ok bool) {
	switch want := want.(type) {
	case map[string]any:
		object, isObject := got.(map[string]any)
		if !isObject {
			return 0, false
		}
		score = 1
		for name, v := range want {
			n, ok := Contains(object[name], v)
			if !ok {
				return 0, false
			}
			score += n
		}
		return score, true
	case []any:
		list, isList := got.([]any)
		if !isList || len(list) != len(want) {
			return 0, false
		}
		score = 1
		for i, v := range want {
			n, ok := Contains(list[i], v)
			if !ok {
				return 0, false
			}
			score += n
		}
		return score, true
	case json.Number:
		n, isNumber := got.(json.Number)
		if !isNumber {
			return 0, false
		}
		a, errA := want.Float64()
		b, errB := n.Float64()
		return 1, want == n || errA == nil && errB == nil && a == b
	default:
		return 1, got == want
	}
}
