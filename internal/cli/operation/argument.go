package operation

import (
	"slices"
	"strings"
	"unicode"

	"github.com/openspapi/spapi/internal/catalog"
)

// Kind is how the text of a flag becomes a value.
type Kind string

// The kinds.
const (
	Text    Kind = "text"
	Integer Kind = "integer"
	Number  Kind = "number"
	Boolean Kind = "true|false"
	List    Kind = "list" // of scalars; commas between the elements, or the flag repeated
	JSON    Kind = "json"
)

// Argument is a parameter or a member of the body, as the command line knows it.
type Argument struct {
	Name     string // as the API has it: "MarketplaceIds"
	Flag     string // the same in kebab case: "marketplace-ids"
	Alias    string // the other spelling of the flag, in the API's: "MarketplaceIds"; "" where it is the same
	In       string // "path", "query", "header" or "body"
	Required bool
	Kind     Kind
	Element  Kind     // of a list
	Enum     []string // allowed values, those of the elements for a list
	Schema   *catalog.Schema

	Parameter *catalog.Parameter // nil for members of the body
}

// Arguments are what an operation takes: parameters in the model's order, then the members of the body.
func (op *Operation) Arguments() []*Argument {
	var args []*Argument
	taken := map[string]bool{}
	for i := range op.Detail.Parameters {
		p := &op.Detail.Parameters[i]
		a := op.argument(p.Name, p.Schema)
		a.In, a.Required, a.Parameter = p.In, p.Required || p.In == "path", p
		args = append(args, a)
		taken[a.Flag] = true
	}
	if op.Detail.Body == nil {
		return args
	}
	body := op.API.Resolve(op.Detail.Body.Schema)
	if body == nil {
		return args
	}
	for _, name := range memberNames(body) {
		a := op.argument(name, body.Properties[name])
		a.In, a.Required = "body", slices.Contains(body.Required, name)
		if taken[a.Flag] { // stands in the path or query too
			a.Flag, a.Alias = "body-"+a.Flag, ""
		}
		args = append(args, a)
	}
	return args
}

// memberNames are the members of an object in the model's order, where that is known.
func memberNames(s *catalog.Schema) []string {
	names := slices.Clone(s.Order)
	var rest []string
	for name := range s.Properties {
		if !slices.Contains(names, name) {
			rest = append(rest, name)
		}
	}
	slices.Sort(rest)
	return append(names, rest...)
}

func (op *Operation) argument(name string, schema *catalog.Schema) *Argument {
	a := &Argument{Name: name, Flag: kebab(name), Kind: JSON, Schema: op.API.Resolve(schema)}
	if a.Flag != name {
		a.Alias = name
	}
	if a.Schema == nil {
		return a
	}
	a.Kind, a.Enum = scalar(a.Schema), a.Schema.Enum
	if a.Schema.Type == "array" {
		if element := op.API.Resolve(a.Schema.Items); element != nil {
			if kind := scalar(element); kind != JSON {
				a.Kind, a.Element, a.Enum = List, kind, element.Enum
			}
		}
	}
	return a
}

func scalar(s *catalog.Schema) Kind {
	switch s.Type {
	case "string":
		return Text
	case "integer":
		return Integer
	case "number":
		return Number
	case "boolean":
		return Boolean
	case "":
		if len(s.Enum) > 0 {
			return Text
		}
	}
	return JSON
}

// kebab turns "MarketplaceIds" into "marketplace-ids", "x-amzn-IdempotencyKey" into "x-amzn-idempotency-key", "sellerSKU" into
// "seller-sku", "ASINList" into "asin-list".
func kebab(name string) string {
	var b strings.Builder
	runes := []rune(name)
	dash := func() {
		if b.Len() > 0 && !strings.HasSuffix(b.String(), "-") {
			b.WriteByte('-')
		}
	}
	for i, r := range runes {
		switch {
		case !unicode.IsLetter(r) && !unicode.IsDigit(r):
			dash()
			continue
		case unicode.IsUpper(r) && i > 0:
			before := runes[i-1]
			nextLower := i+1 < len(runes) && unicode.IsLower(runes[i+1])
			// "SKUs" and "IDs" are one word: a lone s at the end is no word of its own.
			if nextLower && runes[i+1] == 's' && unicode.IsUpper(before) && (i+2 == len(runes) || !unicode.IsLower(runes[i+2])) {
				nextLower = false
			}
			if unicode.IsLower(before) || unicode.IsDigit(before) || unicode.IsUpper(before) && nextLower {
				dash()
			}
		}
		b.WriteRune(unicode.ToLower(r))
	}
	return strings.Trim(b.String(), "-")
}
