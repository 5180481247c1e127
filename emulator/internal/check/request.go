// Package check holds requests against the catalogue: parameters, bodies and their types.
package check

import (
	"bytes"
	"mime"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"github.com/openspapi/spapi/emulator/internal/answer"
	"github.com/openspapi/spapi/emulator/internal/exchange"
	"github.com/openspapi/spapi/emulator/internal/format"
	"github.com/openspapi/spapi/emulator/internal/operations"
	"github.com/openspapi/spapi/internal/catalog"
)

// MaxHeaderField is the longest header field, name and value, that the service's front takes. It is Apache's default, in whose
// words it refuses (selling-partner-api-docs#2434: "Size of a request header field exceeds server limit").
const MaxHeaderField = 8190

// LongHeader tells whether some header field is too long.
func LongHeader(h http.Header) bool {
	for name, values := range h {
		for _, v := range values {
			if len(name)+len(": ")+len(v) > MaxHeaderField {
				return true
			}
		}
	}
	return false
}

// Args are what a request says, as far as its operation declares it.
type Args struct {
	Query url.Values // single values; arrays as lists of their elements
	Body  any        // decoded JSON, numbers as json.Number; nil without a body
}

// Request checks a request against the catalogue. path has the parameters of its path, decoded. The error names the first parameter that is wrong:
// path, query, header, then body, each in the model's order.
func Request(x *exchange.Exchange, op *catalog.Operation, path map[string]string) (Args, *answer.Error) {
	query, problem := url.ParseQuery(x.URL.RawQuery)
	if problem != nil {
		return Args{}, answer.Invalid(answer.Unparsable, "the query string: "+problem.Error())
	}
	args := Args{Query: query}
	d := operations.DetailsOf(op)
	api, detail := d.API, d.Detail
	if detail == nil {
		return args, nil // a removed operation, whose handler checks for itself
	}
	for i := range detail.Parameters {
		p := &detail.Parameters[i]
		var raw []string
		switch p.In {
		case "path":
			raw = []string{path[p.Name]}
		case "query":
			raw = query[p.Name]
		case "header":
			raw = x.Header.Values(p.Name)
		}
		values, err := parameterValues(p, raw)
		if err != nil {
			return Args{}, err
		}
		if err := checkParameter(api, p, values); err != nil {
			return Args{}, err
		}
		if p.In != "query" || raw == nil {
			continue
		}
		if values == nil {
			delete(query, p.Name)
		} else {
			query[p.Name] = values
		}
	}
	unknown, found := "", false
	for name := range query {
		if !d.Query[name] && (!found || name < unknown) {
			unknown, found = name, true
		}
	}
	if found {
		return Args{}, answer.InvalidParameter(unknown, "not a parameter of "+op.Name)
	}
	body, err := readBody(x, api, detail)
	if err != nil {
		return Args{}, err
	}
	args.Body = body
	return args, nil
}

// parameterValues splits a parameter into its values: nil when it is absent.
func parameterValues(p *catalog.Parameter, raw []string) ([]string, *answer.Error) {
	if raw == nil || len(raw) == 1 && raw[0] == "" {
		// An empty value counts as none: clients send "NextToken=" on a first page.
		if p.Required {
			// The wording of orders v0's own sandbox errors ("Missing request parameter: rejectionReasonId").
			return nil, answer.Invalid("Missing request parameter: "+p.Name, p.Name+": required")
		}
		return nil, nil
	}
	if p.Schema == nil || p.Schema.Type != "array" {
		if len(raw) > 1 {
			return nil, answer.InvalidParameter(p.Name, "given more than once")
		}
		return raw, nil
	}
	if p.Multi {
		return raw, nil
	}
	var values []string
	for _, r := range raw { // repeated and comma-separated mix: gateways join repeated ones by commas
		values = append(values, strings.Split(r, ",")...)
	}
	return values, nil
}

func checkParameter(api *catalog.API, p *catalog.Parameter, values []string) *answer.Error {
	if values == nil {
		return nil
	}
	s := api.Resolve(p.Schema)
	if s == nil {
		return nil
	}
	if s.Type == "array" {
		if s.MaxItems != nil && len(values) > *s.MaxItems {
			return answer.InvalidParameter(p.Name, "has "+strconv.Itoa(len(values))+" values, want at most "+strconv.Itoa(*s.MaxItems))
		}
		if s.MinItems != nil && len(values) < *s.MinItems {
			return answer.InvalidParameter(p.Name, "has "+strconv.Itoa(len(values))+" values, want at least "+strconv.Itoa(*s.MinItems))
		}
		if s.UniqueItems && hasDuplicates(values) {
			return answer.InvalidParameter(p.Name, "has a value more than once")
		}
		if s = api.Resolve(s.Items); s == nil {
			return nil
		}
	}
	for _, v := range values {
		if want := Text(s, v); want != "" {
			return answer.InvalidParameter(p.Name, want)
		}
	}
	return nil
}

func hasDuplicates(values []string) bool {
	sorted := slices.Sorted(slices.Values(values))
	return len(slices.Compact(sorted)) < len(values)
}

// readBody decodes the body and checks it against its schema. Members that the schema doesn't know are accepted: the real
// service ignores them.
func readBody(x *exchange.Exchange, api *catalog.API, detail *catalog.Detail) (any, *answer.Error) {
	if detail.Body == nil {
		return nil, nil // a body where none is declared is ignored
	}
	if len(bytes.TrimSpace(x.Body)) == 0 {
		if detail.Body.Required {
			return nil, answer.Invalid("Missing request parameter: "+detail.Body.Name, detail.Body.Name+": the request body is required")
		}
		return nil, nil
	}
	if kind, _, _ := mime.ParseMediaType(x.Header.Get("Content-Type")); kind != "" && !acceptedType(kind, detail.Consumes) {
		if !Declares(detail, http.StatusUnsupportedMediaType) {
			// selling-partner-api-docs#1003, selling-partner-api-models#802: a form where JSON is wanted.
			return nil, answer.Invalid("Invalid Input", "Content-Type: is "+kind+", want application/json")
		}
		message := "The content type of the request is not supported." // wording assumed
		details := "Content-Type: is " + kind + ", want application/json"
		return nil, &answer.Error{Status: http.StatusUnsupportedMediaType, Code: "UnsupportedMediaType", Message: &message, Details: &details}
	}
	body, err := format.DecodeJSON(x.Body)
	if err != nil {
		return nil, answer.Invalid(answer.Unparsable, detail.Body.Name+": "+err.Error())
	}
	if path, want := Value(api, detail.Body.Schema, body, ""); want != "" {
		if path == "" || path[0] == '[' { // the body itself, or an element of one that is an array
			path = detail.Body.Name + path
		}
		return nil, answer.InvalidParameter(path, want)
	}
	return body, nil
}

// Declares tells whether the model of an operation has a response of this status.
func Declares(detail *catalog.Detail, status int) bool {
	return slices.ContainsFunc(detail.Responses, func(r catalog.Response) bool { return r.Status == status })
}

func acceptedType(kind string, consumes []string) bool {
	return kind == "application/json" || kind == "application/hal+json" || slices.Contains(consumes, kind)
}
