package desk

import (
	"bytes"
	"encoding/json"
	"math"
	"mime"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"unicode/utf8"

	"github.com/openspapi/spapi/emulator/internal/answer"
	"github.com/openspapi/spapi/emulator/internal/exchange"
	"github.com/openspapi/spapi/emulator/internal/format"
	"github.com/openspapi/spapi/emulator/internal/operations"
	"github.com/openspapi/spapi/internal/catalog"
)

// Unparsable is what catalog items answers to requests that it can't make sense of (selling-partner-api-models#2735).
const Unparsable = "Request has missing or invalid parameters and cannot be parsed."

// MaxHeaderField is the longest header field, name and value, that the service's front takes. It is Apache's default, in whose
// words it refuses (selling-partner-api-docs#2434: "Size of a request header field exceeds server limit").
const MaxHeaderField = 8190

// longHeader tells whether some header field is too long.
func longHeader(h http.Header) bool {
	for name, values := range h {
		for _, v := range values {
			if len(name)+len(": ")+len(v) > MaxHeaderField {
				return true
			}
		}
	}
	return false
}

// validate checks a request against the catalogue and fills c.query and c.body. The error names the first parameter that is wrong:
// path, query, header, then body, each in the model's order.
func validate(x *exchange.Exchange, c *Call) *answer.Error {
	query, err := url.ParseQuery(x.URL.RawQuery)
	if err != nil {
		return answer.Invalid(Unparsable, "the query string: "+err.Error())
	}
	c.Query = query
	d := operations.DetailsOf(c.Op)
	api, detail := d.API, d.Detail
	if detail == nil {
		return nil // a removed operation, whose handler checks for itself
	}
	for i := range detail.Parameters {
		p := &detail.Parameters[i]
		var raw []string
		switch p.In {
		case "path":
			raw = []string{c.Path[p.Name]}
		case "query":
			raw = query[p.Name]
		case "header":
			raw = x.Header.Values(p.Name)
		}
		values, err := parameterValues(p, raw)
		if err != nil {
			return err
		}
		if err := checkParameter(api, p, values); err != nil {
			return err
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
		return answer.InvalidParameter(unknown, "not a parameter of "+c.Op.Name)
	}
	return validateBody(x, c, api, detail)
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
		if want := checkText(s, v); want != "" {
			return answer.InvalidParameter(p.Name, want)
		}
	}
	return nil
}

func hasDuplicates(values []string) bool {
	sorted := slices.Sorted(slices.Values(values))
	return len(slices.Compact(sorted)) < len(values)
}

// checkText checks the text of a parameter's value and returns what is wrong, or "".
func checkText(s *catalog.Schema, text string) string {
	switch s.Type {
	case "integer":
		n, err := strconv.ParseInt(text, 10, 64)
		if err != nil || s.Format == "int32" && n != int64(int32(n)) {
			return "is not an integer"
		}
		return checkNumber(s, float64(n))
	case "number":
		f, err := strconv.ParseFloat(text, 64)
		if err != nil || math.IsInf(f, 0) || math.IsNaN(f) {
			return "is not a number"
		}
		return checkNumber(s, f)
	case "boolean":
		if text != "true" && text != "false" {
			return "is not true or false"
		}
		return ""
	default:
		return checkString(s, text)
	}
}

func checkNumber(s *catalog.Schema, f float64) string {
	switch {
	case s.Minimum != nil && f < *s.Minimum:
		return "is below the minimum of " + FormatNumber(*s.Minimum)
	case s.Maximum != nil && f > *s.Maximum:
		return "is above the maximum of " + FormatNumber(*s.Maximum)
	case s.MultipleOf != nil && *s.MultipleOf > 0 && math.Mod(f, *s.MultipleOf) != 0:
		return "is not a multiple of " + FormatNumber(*s.MultipleOf)
	case len(s.Enum) > 0 && !slices.Contains(s.Enum, FormatNumber(f)):
		return "is not one of " + strings.Join(s.Enum, ", ")
	}
	return ""
}

func FormatNumber(f float64) string { return strconv.FormatFloat(f, 'f', -1, 64) }

func checkString(s *catalog.Schema, text string) string {
	n := utf8.RuneCountInString(text)
	switch {
	case !utf8.ValidString(text):
		return "is not valid UTF-8"
	case len(s.Enum) > 0 && !slices.Contains(s.Enum, text):
		return "is not one of " + strings.Join(s.Enum, ", ")
	case s.MinLength != nil && n < *s.MinLength:
		return "is shorter than " + strconv.Itoa(*s.MinLength) + " characters"
	case s.MaxLength != nil && n > *s.MaxLength:
		return "is longer than " + strconv.Itoa(*s.MaxLength) + " characters"
	case s.Pattern != "" && !Compiled(s.Pattern).MatchString(text):
		return "does not match " + s.Pattern
	}
	switch s.Format {
	case "date-time", "dateTime":
		if _, ok := format.ParseTime(text); !ok {
			return "timestamp must follow ISO8601" // selling-partner-api-models#1215
		}
	case "date":
		if _, ok := format.ParseTime(text); !ok { // a full time is accepted for a date
			return "date must follow ISO8601"
		}
	case "boolean":
		if text != "true" && text != "false" {
			return "is not true or false"
		}
	}
	return ""
}

var (
	patternsMu sync.Mutex
	patterns   = map[string]*regexp.Regexp{}
)

// Compiled compiles a pattern of the catalogue once. One that is no regular expression matches everything.
func Compiled(pattern string) *regexp.Regexp {
	patternsMu.Lock()
	defer patternsMu.Unlock()
	re := patterns[pattern]
	if re == nil {
		var err error
		if re, err = regexp.Compile(pattern); err != nil {
			re = regexp.MustCompile("")
		}
		patterns[pattern] = re
	}
	return re
}

// validateBody decodes the body and checks it against its schema. Members that the schema doesn't know are accepted: the real
// service ignores them.
func validateBody(x *exchange.Exchange, c *Call, api *catalog.API, detail *catalog.Detail) *answer.Error {
	if detail.Body == nil {
		return nil // a body where none is declared is ignored
	}
	if len(bytes.TrimSpace(x.Body)) == 0 {
		if detail.Body.Required {
			return answer.Invalid("Missing request parameter: "+detail.Body.Name, detail.Body.Name+": the request body is required")
		}
		return nil
	}
	if kind, _, _ := mime.ParseMediaType(x.Header.Get("Content-Type")); kind != "" && !acceptedType(kind, detail.Consumes) {
		if !Declares(detail, http.StatusUnsupportedMediaType) {
			// selling-partner-api-docs#1003, selling-partner-api-models#802: a form where JSON is wanted.
			return answer.Invalid("Invalid Input", "Content-Type: is "+kind+", want application/json")
		}
		message := "The content type of the request is not supported." // wording assumed
		details := "Content-Type: is " + kind + ", want application/json"
		return &answer.Error{Status: http.StatusUnsupportedMediaType, Code: "UnsupportedMediaType", Message: &message, Details: &details}
	}
	body, err := format.DecodeJSON(x.Body)
	if err != nil {
		return answer.Invalid(Unparsable, detail.Body.Name+": "+err.Error())
	}
	c.Body = body
	if path, want := checkValue(api, detail.Body.Schema, body, ""); want != "" {
		if path == "" || path[0] == '[' { // the body itself, or an element of one that is an array
			path = detail.Body.Name + path
		}
		return answer.InvalidParameter(path, want)
	}
	return nil
}

// Declares tells whether the model of an operation has a response of this status.
func Declares(detail *catalog.Detail, status int) bool {
	return slices.ContainsFunc(detail.Responses, func(r catalog.Response) bool { return r.Status == status })
}

func acceptedType(kind string, consumes []string) bool {
	return kind == "application/json" || kind == "application/hal+json" || slices.Contains(consumes, kind)
}

// checkValue checks a JSON value against a schema. It returns the path of what is wrong, "patches[0].op", and why; "" for nothing.
func checkValue(api *catalog.API, ref *catalog.Schema, v any, path string) (where, want string) {
	s := api.Resolve(ref)
	if s == nil || v == nil {
		return "", "" // null stands for an absent member
	}
	switch v := v.(type) {
	case map[string]any:
		if s.Type != "" && s.Type != "object" {
			return path, "is an object, want " + s.Type
		}
		return checkObject(api, s, v, path)
	case []any:
		if s.Type == "" {
			return "", ""
		}
		if s.Type != "array" {
			return path, "is an array, want " + s.Type
		}
		if s.MinItems != nil && len(v) < *s.MinItems {
			return path, "has " + strconv.Itoa(len(v)) + " elements, want at least " + strconv.Itoa(*s.MinItems)
		}
		if s.MaxItems != nil && len(v) > *s.MaxItems {
			return path, "has " + strconv.Itoa(len(v)) + " elements, want at most " + strconv.Itoa(*s.MaxItems)
		}
		for i, e := range v {
			if where, want := checkValue(api, s.Items, e, path+"["+strconv.Itoa(i)+"]"); want != "" {
				return where, want
			}
		}
		if s.UniqueItems && len(v) > 1 {
			seen := map[string]bool{}
			for _, e := range v {
				b, _ := json.Marshal(e)
				if seen[string(b)] {
					return path, "has an element more than once"
				}
				seen[string(b)] = true
			}
		}
	case string:
		switch s.Type {
		case "string", "":
			return path, checkString(s, v)
		case "integer", "number", "boolean": // the real service reads these from strings, too
			return path, checkText(s, v)
		}
		return path, "is a string, want " + s.Type
	case json.Number:
		switch s.Type {
		case "integer", "number":
			return path, checkText(s, format.NormalNumber(v, s.Type))
		case "string", "":
			return path, checkString(s, v.String())
		}
		return path, "is a number, want " + s.Type
	case bool:
		if s.Type != "" && s.Type != "boolean" && s.Type != "string" {
			return path, "is a boolean, want " + s.Type
		}
	}
	return "", ""
}

func checkObject(api *catalog.API, s *catalog.Schema, v map[string]any, path string) (where, want string) {
	for _, name := range s.Required {
		if v[name] == nil {
			return join(path, name), "required"
		}
	}
	for name := range format.SortedKeys(v) {
		next := s.Properties[name]
		if next == nil {
			next = s.AdditionalProperties
		}
		if where, want := checkValue(api, next, v[name], join(path, name)); want != "" {
			return where, want
		}
	}
	return "", ""
}

func join(path, name string) string {
	if path == "" {
		return name
	}
	return path + "." + name
}
