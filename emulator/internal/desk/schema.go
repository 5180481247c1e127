package desk

import (
	"encoding/json"
	"math"
	"net/http"
	"regexp/syntax"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"
	"unicode/utf8"

	"github.com/openspapi/spapi/emulator/internal/answer"
	"github.com/openspapi/spapi/emulator/internal/check"
	"github.com/openspapi/spapi/emulator/internal/echo"
	"github.com/openspapi/spapi/emulator/internal/exchange"
	"github.com/openspapi/spapi/emulator/internal/format"
	"github.com/openspapi/spapi/emulator/internal/operations"
	"github.com/openspapi/spapi/emulator/internal/random"
	"github.com/openspapi/spapi/emulator/internal/world"
	"github.com/openspapi/spapi/internal/catalog"
)

// FromSchema answers an operation that has no handler, or whose handler knows no better, with a small body that is valid for its schema: the same for the same
// seed and request. What the request says it says again (package echo): no id contradicts it, and lists go along with the request's, element by element. Orders,
// products, marketplaces that the request doesn't name are the seller's.
func FromSchema(c *Call) (answer.Reply, *answer.Error) {
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
	said := said(c)
	if err := unknown(c, said); err != nil {
		return answer.Reply{}, err
	}
	r := answer.Reply{Status: success.Status}
	// Five operations declare a schema for a 204, which can't have a body; Amazon's own SDK drops it.
	if success.Schema == nil || success.Status == http.StatusNoContent {
		return r, nil
	}
	g := newGenerator(api, c, said)
	g.here = c.Exchange.Origin()
	r.Body = g.Value(success.Schema, "", "", 0)
	return r, nil
}

// generator makes values for schemas.
type generator struct {
	api    *catalog.API
	r      random.Source
	now    time.Time
	about  []about             // what the value being made is about: the whole request, then elements of its lists
	taken  map[*echo.Said]bool // lists of the request that one being made goes along with
	skip   []string            // paths that are left out
	open   map[string]int      // definitions being written, for recursive ones
	seller *Seller
	order  *world.Order // that ids are of where the request names none; nil until it is needed
	money  string       // currency
	store  string       // marketplace id
	here   string       // where links lead
}

// about is a part of the request that a part of the answer is about.
type about struct {
	said  *echo.Said
	depth int               // how many names lie above in the answer
	ids   map[string]string // of a product of the seller's, by kind; nil until it is needed
}

// GeneratedPath is where the documents lie that answers from schemas name: a client that fetches one must not leave the emulator.
const GeneratedPath = exchange.DocumentPath + "generated/"

// omitted is what stands for no value at all.
type omitted struct{}

// maxDepth is how deep optional members go; required ones go on.
const maxDepth = 8

// NewGenerator is for whoever needs values for other schemas than those of answers.
func NewGenerator(api *catalog.API, c *Call) *generator { return newGenerator(api, c, said(c)) }

func newGenerator(api *catalog.API, c *Call, said *echo.Said) *generator {
	body, _ := json.Marshal(c.Body) // the decoded body: spelling doesn't count
	g := &generator{
		api: api, r: c.Desk.Seed.Of("answer", c.Op.ID, sortedPairs(c.Path), c.Query.Encode(), string(body)), now: c.Now.UTC().Truncate(time.Second),
		about: []about{{said: said}}, taken: map[*echo.Said]bool{}, open: map[string]int{}, seller: c.Seller,
		money: "USD", store: "ATVPDKIKX0DER", here: "https://example.com",
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
	return g
}

// said is what the request says, as far as its operation declares it.
func said(c *Call) *echo.Said {
	s := echo.New(c.Op.API)
	d := operations.DetailsOf(c.Op)
	if d.Detail == nil {
		return s
	}
	for i := range d.Detail.Parameters {
		p := &d.Detail.Parameters[i]
		t := d.API.Resolve(p.Schema)
		list := t != nil && t.Type == "array"
		switch p.In {
		case "path":
			if v, ok := c.Path[p.Name]; ok {
				s.Parameter(p.Name, []string{v}, false)
			}
		case "query":
			s.Parameter(p.Name, c.Query[p.Name], list)
		case "header":
			if c.Exchange != nil {
				s.Parameter(p.Name, c.Exchange.Header.Values(p.Name), list)
			}
		}
	}
	s.Body(c.Body)
	return s
}

func sortedPairs(m map[string]string) string {
	var b strings.Builder
	for k := range format.SortedKeys(m) {
		b.WriteString(k + "=" + m[k] + "\x00")
	}
	return b.String()
}

// spoken finds what the request says about a member, by its key: what is nearest to the answer's part counts first.
func (g *generator) spoken(key, path string) any {
	var list []string
	elements := false
	for i := len(g.about) - 1; i >= 0; i-- {
		said := g.about[i].said
		if said.Says(key) {
			if list == nil {
				list = names(path)
			}
			if v := said.Value(key, list, len(list)-g.about[i].depth, elements); v != nil {
				return v
			}
		}
		elements = elements || !said.Empty()
	}
	return nil
}

// spokenNumber is what the request says about a number: parameters are texts.
func (g *generator) spokenNumber(s *catalog.Schema, name, path string) (json.Number, bool) {
	var text string
	switch v := g.spoken(g.keyOf(name, path), path).(type) {
	case json.Number:
		text = format.NormalNumber(v, s.Type)
	case string:
		text = v
	}
	return json.Number(text), text != "" && check.Text(s, text) == ""
}

// names are the plain names of a path, without the envelope.
func names(path string) []string {
	if path = strings.TrimPrefix(path, "payload."); path == "" {
		return nil
	}
	list := strings.Split(path, ".")
	for i, name := range list {
		list[i] = echo.Plain(name)
	}
	return list
}

// keyOf is what the request's values for a member are found by.
func (g *generator) keyOf(name, path string) string {
	parent := strings.TrimSuffix(strings.TrimSuffix(path, name), ".")
	parent = parent[strings.LastIndexByte(parent, '.')+1:]
	if parent == "payload" {
		parent = ""
	}
	member := [3]string{g.api.Name, parent, name}
	keysMu.Lock()
	defer keysMu.Unlock()
	key, known := keys[member]
	if !known {
		key = echo.Key(g.api.Name, parent, name)
		keys[member] = key
	}
	return key
}

var (
	keysMu sync.Mutex
	keys   = map[[3]string]string{} // of the catalogue's members
)

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
		if v, ok := g.spoken(g.keyOf(name, path), path).(bool); ok {
			return v
		}
		return g.r.IntN(2) == 0
	case kind == "integer" || kind == "number":
		if v, ok := g.spokenNumber(s, name, path); ok {
			return v
		}
		return g.number(s)
	case kind == "string" || len(s.Enum) > 0 || s.Pattern != "" || s.Format != "":
		return g.text(s, name, path)
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

// mostElements bounds the lists that go along with the request's.
const mostElements = 1000

func (g *generator) array(s *catalog.Schema, name, path string, depth int) any {
	along := g.along(s, name, path)
	n := 1
	if along != nil {
		n = min(len(along.Elements()), mostElements)
		g.taken[along] = true
		defer delete(g.taken, along)
	} else if refuses(name) {
		n = 0
	}
	if s.MinItems != nil {
		n = max(n, *s.MinItems)
	}
	if s.MaxItems != nil {
		n = min(n, *s.MaxItems)
	}
	out := make([]any, 0, n)
	seen := map[string]bool{}
	for tries := 0; len(out) < n && tries < 20*n; tries++ {
		v := g.element(s.Items, along, tries, name, path, depth)
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

// element makes the i-th element of a list, about the i-th of the request's list that it goes along with, if there are one and the other.
func (g *generator) element(s *catalog.Schema, along *echo.Said, i int, name, path string, depth int) any {
	part := about{said: echo.New(g.api.Name), depth: len(names(path))}
	if along != nil && i < len(along.Elements()) {
		part.said = along.Elements()[i]
	}
	g.about = append(g.about, part)
	defer func() { g.about = g.about[:len(g.about)-1] }()
	return g.Value(s, name, path, depth+1)
}

// along finds the list of the request that a list of the answer goes along with; nil when there is none. What was refused is none: a success in which all
// is refused as well would contradict itself.
func (g *generator) along(s *catalog.Schema, name, path string) *echo.Said {
	if refuses(name) {
		return nil
	}
	kinds, objects := g.kinds(s.Items, name, path), false
	if items := g.api.Resolve(s.Items); items != nil {
		objects = len(items.Properties) > 0
	}
	for i := len(g.about) - 1; i >= 0; i-- {
		if list := g.about[i].said.List(kinds, name, objects, func(l *echo.Said) bool { return g.taken[l] }); list != nil {
			return list
		}
	}
	return nil
}

// refuses tells by a list's name that it has what couldn't be done.
func refuses(name string) bool {
	lower := strings.ToLower(name)
	return slices.ContainsFunc([]string{"invalid", "rejected", "unfulfillable"}, func(begin string) bool { return strings.HasPrefix(lower, begin) })
}

// kinds are those of the ids that an element of a list has, but for those in lists of its own.
func (g *generator) kinds(s *catalog.Schema, name, path string) map[string]bool {
	kinds, open := map[string]bool{}, map[*catalog.Schema]bool{}
	var look func(s *catalog.Schema, name, path string)
	look = func(s *catalog.Schema, name, path string) {
		if s = g.api.Resolve(s); s == nil || open[s] {
			return
		}
		open[s] = true
		defer delete(open, s)
		if len(s.Properties) == 0 && s.Type != "array" {
			if key := g.keyOf(name, path); echo.IsKind(key) {
				kinds[key] = true
			}
		}
		for member, m := range s.Properties {
			look(m, member, check.Member(path, member))
		}
	}
	look(s, name, path)
	return kinds
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

func (g *generator) text(s *catalog.Schema, name, path string) string {
	key := g.keyOf(name, path)
	switch v := g.spoken(key, path).(type) {
	case string:
		if check.Chars(s, v) == "" {
			return v
		}
	case json.Number: // where an id is a number in one of the two
		if echo.IsKind(key) && check.Chars(s, v.String()) == "" {
			return v.String()
		}
	}
	if v := g.own(key, path); v != "" && check.Chars(s, v) == "" {
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
	case "boolean":
		return strconv.FormatBool(g.r.IntN(2) == 0)
	}
	if isLink(name) {
		if link := g.here + GeneratedPath + g.r.Text(random.HexDigits, 12); check.Chars(s, link) == "" {
			return link
		}
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

// own is an id of something that the seller has, for a member of which the request says nothing.
func (g *generator) own(kind, path string) string {
	if g.seller == nil {
		return ""
	}
	switch kind {
	case echo.Seller:
		return g.seller.ID
	case echo.Marketplace:
		return g.store
	case echo.Order, echo.OrderItem:
		o := g.theOrder(path)
		switch {
		case o == nil:
			return ""
		case kind == echo.Order:
			return o.ID
		}
		return o.Items[0].ID
	case echo.SKU, echo.ASIN, echo.FNSKU:
		return g.theProduct(path)[kind]
	}
	return ""
}

// theOrder is the order that the request names, or the seller's latest; nil where there is none.
func (g *generator) theOrder(path string) *world.Order {
	w := g.seller.World()
	if id, ok := g.spoken(echo.Order, path).(string); ok {
		return w.OrderByID(id, g.now)
	}
	if g.order == nil {
		for _, since := range []time.Time{g.now.AddDate(0, 0, -7), {}} {
			for g.order = range w.All(since, g.now) {
				return g.order
			}
		}
	}
	return g.order
}

// theProduct has the ids of the product that the request names where the answer's part is about it, or of any; nothing where the seller has none such.
func (g *generator) theProduct(path string) map[string]string {
	w := g.seller.World()
	w.RLock()
	defer w.RUnlock()
	if sku, ok := g.spoken(echo.SKU, path).(string); ok {
		return productIDs(w.Listing(sku))
	}
	if asin, ok := g.spoken(echo.ASIN, path).(string); ok {
		if p := w.ProductByASIN(asin); p != nil {
			return productIDs(w.Listing(p.SKU))
		}
		return nil
	}
	part := &g.about[len(g.about)-1]
	if part.ids == nil && len(w.Products) > 0 {
		part.ids = productIDs(w.Listing(random.Pick(g.r, w.Products).SKU))
	}
	return part.ids
}

func productIDs(l *world.Listing) map[string]string {
	if l == nil || l.Product == nil {
		return nil
	}
	return map[string]string{echo.SKU: l.SKU, echo.ASIN: l.Product.ASIN, echo.FNSKU: l.Stock.FNSKU}
}

// isLink tells by a member's name whether it holds an address.
func isLink(name string) bool {
	lower := strings.ToLower(name)
	return slices.ContainsFunc([]string{"url", "uri", "link", "href"}, func(end string) bool { return strings.HasSuffix(lower, end) })
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
	case ends("email", "emailaddress"):
		return g.r.Text(random.HexDigits, 8) + "@example.com"
	case ends("id", "ids", "number", "sku", "skus"):
		return g.r.Text(random.Base36, 12)
	case name == "":
		return "value " + g.r.Text(random.Base36, 4)
	}
	return name + " " + g.r.Text(random.Base36, 4)
}

const usualLength = 9

// fromPattern makes a text that matches the schema's pattern and lengths; false when none was found.
func (g *generator) fromPattern(s *catalog.Schema) (string, bool) {
	re, err := syntax.Parse(s.Pattern, syntax.Perl)
	if err != nil {
		return "", false
	}
	// Where a pattern sets no length, that of an id is tried first, or the least one, then shorter ones, and at last longer ones.
	first := usualLength
	if s.MinLength != nil {
		first = max(first, *s.MinLength)
	}
	for try := range 200 {
		extra := try
		if try <= first {
			extra = first - try
		}
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
