// Package check holds requests against the catalogue: parameters, bodies and their types, the marketplaces that they name, and the words in which each API
// says what is wrong. What is known of single APIs stands in tables beside the code.
package check

import (
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"

	"github.com/openspapi/spapi/emulator/internal/answer"
	"github.com/openspapi/spapi/emulator/internal/exchange"
	"github.com/openspapi/spapi/emulator/internal/format"
	"github.com/openspapi/spapi/emulator/internal/operations"
	"github.com/openspapi/spapi/internal/catalog"
)

// Args are what a request says, as far as its operation declares it.
type Args struct {
	Query url.Values // single values; arrays as lists of their elements
	Body  any        // decoded JSON, numbers as json.Number; nil without a body
}

// Options say how strict the check is.
type Options struct {
	Parameters bool // refuse query parameters that the operation doesn't have, which Amazon never does
	Sandbox    bool // asked at the sandbox
}

// Request checks a request against the catalogue. path has the parameters of its path, decoded. The error has all that is wrong in path, query, header
// and body, each in the model's order; what could be read stands beside it. Query parameters that the operation doesn't have are left out: Amazon
// ignores them (selling-partner-api-models#223 has four of them beside one that is missing, saleweaver/python-amazon-sp-api sends marketplaces in four
// spellings with nearly every GET).
func Request(x *exchange.Exchange, op *catalog.Operation, path map[string]string, o Options) (Args, *answer.Error) {
	query, err := url.ParseQuery(x.URL.RawQuery)
	if err != nil {
		return Args{}, answer.Invalid(answer.Unparsable, "the query string: "+err.Error())
	}
	d := operations.DetailsOf(op)
	if d.Detail == nil {
		return Args{Query: query}, nil // a removed operation, whose handler checks for itself
	}
	var unknown []string
	for name := range format.SortedKeys(query) {
		if !d.Query[name] {
			unknown = append(unknown, name)
			delete(query, name)
		}
	}
	if o.Parameters && unknown != nil {
		return Args{Query: query}, Unknown(op, unknown...)
	}
	c := checker{api: d.API}
	for i := range d.Detail.Parameters {
		p := &d.Detail.Parameters[i]
		switch p.In {
		case "path":
			c.parameter(p, []string{path[p.Name]})
		case "header":
			c.parameter(p, x.Header.Values(p.Name))
		case "query":
			raw, given := query[p.Name]
			if values := c.parameter(p, raw); values != nil {
				query[p.Name] = values
			} else if given {
				delete(query, p.Name)
			}
		}
	}
	body, e := c.read(x, d.Detail)
	args := Args{Query: query, Body: body}
	switch {
	case len(c.problems) > 0:
		return args, answer.Wrong(c.problems...)
	case e != nil:
		return args, e
	}
	if e := noneOf(op, query); e != nil {
		return args, e
	}
	if !o.Sandbox && body != nil && strings.HasPrefix(op.API, "vendor") {
		return args, undeclared(d.API, d.Detail.Body.Schema, x.Body)
	}
	return args, nil
}

// PlainName tells whether a parameter may be called so; anything else may be a value without a name, and isn't logged.
func PlainName(name string) bool { return plainName().MatchString(name) }

var plainName = sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(`^[A-Za-z][\w.-]{0,40}$`) })

// Unknown refuses query parameters that an operation doesn't have. It is the emulator's own refusal, so it says what it is about.
func Unknown(op *catalog.Operation, names ...string) *answer.Error {
	shown := slices.Clone(names)
	for i, name := range shown {
		if !PlainName(name) {
			shown[i] = "redacted"
		}
	}
	reason := "query: " + strings.Join(shown, ", ") + ": not a parameter of " + op.Name + " (strict parameters)"
	return answer.Invalid("Not a parameter of "+op.Name+": "+strings.Join(names, ", "), reason).
		Detailed("The emulator has strict parameters; Amazon ignores such ones.")
}

// checker collects what is wrong with a request.
type checker struct {
	api      *catalog.API
	root     string // name of the body
	problems []answer.Problem
}

func (c *checker) wrong(name, want string) {
	c.problems = append(c.problems, answer.Problem{Name: name, Want: want})
}

func (c *checker) missing(name string) {
	c.problems = append(c.problems, answer.Problem{Name: name, Want: "required", Missing: true})
}

// parameter checks a parameter and returns its values: nil when it is absent or wrong.
func (c *checker) parameter(p *catalog.Parameter, raw []string) []string {
	if raw == nil || len(raw) == 1 && raw[0] == "" {
		// An empty value counts as none: clients send "NextToken=" on a first page.
		if p.Required {
			c.missing(p.Name)
		}
		return nil
	}
	s := c.api.Resolve(p.Schema)
	if s == nil || s.Type != "array" {
		if len(raw) > 1 {
			c.wrong(p.Name, "given more than once")
			return nil
		}
		return c.values(p.Name, s, raw)
	}
	values := raw
	if !p.Multi {
		values = nil
		for _, r := range raw { // repeated and comma-separated mix: gateways join repeated ones by commas
			values = append(values, strings.Split(r, ",")...)
		}
	}
	want := ""
	switch {
	case s.MaxItems != nil && len(values) > *s.MaxItems:
		want = "has " + strconv.Itoa(len(values)) + " values, want at most " + strconv.Itoa(*s.MaxItems)
	case s.MinItems != nil && len(values) < *s.MinItems:
		want = "has " + strconv.Itoa(len(values)) + " values, want at least " + strconv.Itoa(*s.MinItems)
	case s.UniqueItems && hasDuplicates(values):
		want = "has a value more than once"
	}
	if want != "" {
		c.wrong(p.Name, want)
		return nil
	}
	return c.values(p.Name, c.api.Resolve(s.Items), values)
}

// values checks values against the schema of one, and returns them as the schema has them; nil when one is wrong.
func (c *checker) values(name string, s *catalog.Schema, values []string) []string {
	if s == nil {
		return values
	}
	for i, v := range values {
		if (s.Type == "boolean" || s.Format == "boolean") && (v == "True" || v == "False") {
			// As Python prints them: Amazon's own SDK for Python puts booleans into the query as they are (amzn/selling-partner-api-sdk,
			// python/sdk/spapi/api_client.py, sanitize_for_serialization), so they must be taken; no recorded exchange has one.
			v = strings.ToLower(v)
			values = slices.Clone(values)
			values[i] = v
		}
		if want := Text(s, v); want != "" {
			c.wrong(name, want)
			return nil
		}
	}
	return values
}

func hasDuplicates(values []string) bool {
	sorted := slices.Sorted(slices.Values(values))
	return len(slices.Compact(sorted)) < len(values)
}
