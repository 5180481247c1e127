package desk

import (
	"encoding/json"
	"math"
	"net/http"
	"regexp/syntax"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/openspapi/spapi/emulator/internal/answer"
	"github.com/openspapi/spapi/emulator/internal/check"
	"github.com/openspapi/spapi/emulator/internal/format"
	"github.com/openspapi/spapi/emulator/internal/operations"
	"github.com/openspapi/spapi/emulator/internal/random"
	"github.com/openspapi/spapi/internal/catalog"
)

// answerFromSchema answers an operation that has no handler with a small body that is valid for its schema: the same for the same
// seed and request, with ids taken from the request where the names agree.
func answerFromSchema(c *Call) (answer.Reply, *answer.Error) {
	api, detail := operations.SchemasOf(c.Op)
	if detail == nil {
		return answer.Reply{}, answer.Denied("").Because("route: the operation has been removed")
	}
	var success *catalog.Response
	for i, r := range detail.Responses {
		if r.Status/100 == 2 && success == nil {
			success = &detail.Responses[i]
		}
	}
	if success == nil {
		return answer.Reply{Status: http.StatusOK}, nil
	}
	r := answer.Reply{Status: success.Status}
	// Five operations declare a schema for a 204, which can't have a body; Amazon's own SDK drops it.
	if success.Schema == nil || success.Status == http.StatusNoContent {
		return r, nil
	}
	r.Body = NewGenerator(api, c).Value(success.Schema, "", "", 0)
	return r, nil
}

// generator makes values for schemas.
type generator struct {
	api   *catalog.API
	r     random.Source
	now   time.Time
	known map[string]string // what the request says, by lower-case name
	skip  []string          // paths that are left out
	open  map[string]int    // definitions being written, for recursive ones
	money string            // currency
	store string            // marketplace id
}

// omitted is what stands for no value at all.
type omitted struct{}

// maxDepth is how deep optional members go; required ones go on.
const maxDepth = 8

func NewGenerator(api *catalog.API, c *Call) *generator {
	body, _ := json.Marshal(c.Body) // the decoded body: spelling doesn't count
	g := &generator{
		api: api, r: c.Desk.Seed.Of("answer", c.Op.ID, sortedPairs(c.Path), c.Query.Encode(), string(body)), now: c.Now.UTC().Truncate(time.Second),
		known: map[string]string{}, open: map[string]int{}, money: "USD", store: "ATVPDKIKX0DER",
	}
	if c.Seller != nil {
		m := c.Seller.Marketplaces[0]
		g.money, g.store = m.Currency, m.ID
	}
	// A list that would not end, or errors beside a success, would mislead every client.
	g.skip = []string{"errors"}
	if p := c.Op.Paging; p != nil {
		g.skip = append(g.skip, p.TokenOut, p.PrevOut)
	}
	if m, ok := c.Body.(map[string]any); ok {
		for name, v := range m {
			if s, ok := v.(string); ok {
				g.known[strings.ToLower(name)] = s
			}
		}
	}
	for name, v := range c.Query {
		if len(v) == 1 {
			g.known[strings.ToLower(name)] = v[0]
		}
	}
	for name, v := range c.Path {
		g.known[strings.ToLower(name)] = v
	}
	return g
}

func sortedPairs(m map[string]string) string {
	var b strings.Builder
	for k := range format.SortedKeys(m) {
		b.WriteString(k + "=" + m[k] + "\x00")
	}
	return b.String()
}

// Value makes a value for a schema. name is the member that it is for and path where that stands, arrays not counted.
func (g *generator) Value(s *catalog.Schema, name, path string, depth int) any {
	if s != nil && s.Ref != "" {
		ref := s.Ref
		if g.open[ref] > 0 {
			return omitted{}
		}
		g.open[ref]++
		defer func() { g.open[ref]-- }()
		return g.Value(g.api.Definitions[ref], name, path, depth)
	}
	if s == nil {
		return object{}
	}
	switch kind := s.Type; {
	case kind == "array":
		return g.array(s, name, path, depth)
	case kind == "object" || kind == "" && len(s.Properties) > 0:
		return g.object(s, path, depth)
	case kind == "boolean":
		return g.r.IntN(2) == 0
	case kind == "integer" || kind == "number":
		return g.number(s)
	case kind == "string" || len(s.Enum) > 0 || s.Pattern != "" || s.Format != "":
		return g.text(s, name)
	}
	return object{}
}

func (g *generator) object(s *catalog.Schema, path string, depth int) any {
	out := object{}
	for name := range format.SortedKeys(s.Properties) {
		required := slices.Contains(s.Required, name)
		where := check.Member(path, name)
		if skipped := slices.Contains(g.skip, where); !required && (depth >= maxDepth || skipped) {
			continue
		} else if skipped {
			if t := g.api.Resolve(s.Properties[name]); t != nil && t.Type == "array" && t.MinItems == nil {
				out[name] = []any{}
				continue
			}
		}
		v := g.Value(s.Properties[name], name, where, depth+1)
		if _, none := v.(omitted); none {
			if !required {
				continue
			}
			v = object{} // a required recursion has no finite value; Amazon's models have none
		}
		out[name] = v
	}
	for _, name := range s.Required { // required but not declared: anything goes
		if out[name] == nil {
			out[name] = "value"
		}
	}
	if len(out) == 0 && s.AdditionalProperties != nil {
		if v := g.Value(s.AdditionalProperties, "", check.Member(path, "key"), depth+1); v != (any)(omitted{}) {
			out["key"] = v
		}
	}
	return out
}

func (g *generator) array(s *catalog.Schema, name, path string, depth int) any {
	n := 1
	if s.MinItems != nil {
		n = max(n, *s.MinItems)
	}
	if s.MaxItems != nil {
		n = min(n, *s.MaxItems)
	}
	out := make([]any, 0, n)
	seen := map[string]bool{}
	for tries := 0; len(out) < n && tries < 20*n; tries++ {
		v := g.Value(s.Items, name, path, depth+1)
		if _, none := v.(omitted); none {
			break
		}
		if s.UniqueItems {
			b, _ := json.Marshal(v)
			if seen[string(b)] {
				continue
			}
			seen[string(b)] = true
		}
		out = append(out, v)
	}
	return out
}

func (g *generator) number(s *catalog.Schema) any {
	if len(s.Enum) > 0 {
		return json.Number(random.Pick(g.r, s.Enum))
	}
	low, high := 1.0, 100.0
	if s.Minimum != nil {
		low = *s.Minimum
		high = low + 99
	}
	if s.Maximum != nil {
		high = *s.Maximum
		if s.Minimum == nil {
			low = min(1, high)
		}
	}
	n := math.Ceil(low) + float64(g.r.IntN(int(min(high-math.Ceil(low), 1e6))+1))
	if n > high {
		n = low // no whole number in between
	}
	if s.MultipleOf != nil && *s.MultipleOf > 0 {
		if n = math.Ceil(n / *s.MultipleOf) * *s.MultipleOf; n > high {
			n = math.Floor(high / *s.MultipleOf) * *s.MultipleOf
		}
	}
	return json.Number(format.Number(n))
}

func (g *generator) text(s *catalog.Schema, name string) string {
	if v, ok := g.known[strings.ToLower(name)]; ok && name != "" && check.Chars(s, v) == "" {
		return v
	}
	if len(s.Enum) > 0 {
		return random.Pick(g.r, s.Enum)
	}
	switch s.Format {
	case "date-time", "dateTime":
		return format.Timestamp(g.moment())
	case "date":
		return g.moment().Format(time.DateOnly)
	}
	if s.Pattern != "" {
		if v, ok := g.fromPattern(s); ok {
			return v
		}
	}
	v := g.plausible(s, name)
	for s.MinLength != nil && utf8.RuneCountInString(v) < *s.MinLength {
		v += g.r.Text(random.Base36, 1)
	}
	if s.MaxLength != nil && len(v) > *s.MaxLength {
		v = g.r.Text(random.Base36, *s.MaxLength)
	}
	return v
}

// moment is some time in the last month.
func (g *generator) moment() time.Time {
	return g.now.Add(-time.Duration(g.r.IntN(30*24*3600)) * time.Second)
}

// plausible makes a text by the member's name: many dates and amounts have no format in the models.
func (g *generator) plausible(s *catalog.Schema, name string) string {
	lower := strings.ToLower(name)
	ends := func(suffixes ...string) bool {
		return slices.ContainsFunc(suffixes, func(x string) bool { return strings.HasSuffix(lower, x) })
	}
	switch {
	case ends("marketplaceid", "marketplaceids"):
		return g.store
	case ends("currencycode", "currency"):
		return g.money
	case ends("countrycode"):
		return "US"
	case ends("asin", "asins"):
		return "B0" + g.r.Text(random.Base36, 8)
	case ends("amount", "amounts"), lower == "value" && s.Format == "":
		return strconv.Itoa(g.r.Between(1, 99)) + "." + g.r.Text(random.Digits, 2)
	case ends("date", "time", "datetime", "timestamp", "dateafter", "datebefore"):
		return format.Timestamp(g.moment())
	case ends("url", "uri", "link", "href"):
		return "https://example.com/" + g.r.Text(random.HexDigits, 12)
	case ends("email", "emailaddress"):
		return g.r.Text(random.HexDigits, 8) + "@example.com"
	case ends("id", "ids", "number", "sku", "skus"):
		return g.r.Text(random.Base36, 12)
	case name == "":
		return "value " + g.r.Text(random.Base36, 4)
	}
	return name + " " + g.r.Text(random.Base36, 4)
}

// fromPattern makes a text that matches the schema's pattern and lengths; false when none was found.
func (g *generator) fromPattern(s *catalog.Schema) (string, bool) {
	re, err := syntax.Parse(s.Pattern, syntax.Perl)
	if err != nil {
		return "", false
	}
	re = re.Simplify()
	for extra := range 200 { // grows until the least length is reached
		var b strings.Builder
		g.expand(&b, re, extra)
		if v := b.String(); check.Chars(s, v) == "" {
			return v, true
		}
	}
	return "", false
}

// expand writes a text that an expression matches; extra is how often open repetitions go beyond their least.
func (g *generator) expand(b *strings.Builder, re *syntax.Regexp, extra int) {
	switch re.Op {
	case syntax.OpLiteral:
		b.WriteString(string(re.Rune))
	case syntax.OpCharClass:
		b.WriteRune(g.fromClass(re.Rune))
	case syntax.OpAnyChar, syntax.OpAnyCharNotNL:
		b.WriteByte(random.Base36[g.r.IntN(len(random.Base36))])
	case syntax.OpCapture, syntax.OpConcat:
		for _, sub := range re.Sub {
			g.expand(b, sub, extra)
		}
	case syntax.OpAlternate:
		g.expand(b, random.Pick(g.r, re.Sub), extra)
	case syntax.OpStar, syntax.OpPlus, syntax.OpQuest, syntax.OpRepeat:
		low, high := 0, extra
		switch re.Op {
		case syntax.OpPlus:
			low, high = 1, 1+extra
		case syntax.OpQuest:
			high = min(extra, 1)
		case syntax.OpRepeat:
			low = re.Min
			if high = re.Min + extra; re.Max >= 0 {
				high = min(high, re.Max)
			}
		}
		for range max(low, high) {
			g.expand(b, re.Sub[0], extra)
		}
	}
}

// fromClass picks a character of a class, a printable ASCII one where there is any.
func (g *generator) fromClass(ranges []rune) rune {
	var plain []rune
	for i := 0; i < len(ranges); i += 2 {
		for c := max(ranges[i], '0'); c <= min(ranges[i+1], 'z'); c++ {
			if c <= '9' || c >= 'A' && c <= 'Z' || c >= 'a' {
				plain = append(plain, c)
			}
		}
	}
	if plain != nil {
		return random.Pick(g.r, plain)
	}
	return ranges[0]
}
