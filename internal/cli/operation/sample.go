package operation

import (
	"encoding/json"
	"fmt"
	"regexp"
	"regexp/syntax"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/openspapi/spapi/internal/catalog"
)

// alsoNeeded are flags that examples have beyond what the models require: one of several parameters is wanted, or a value must suit
// another one.
var alsoNeeded = map[string][]string{
	"catalogitems20201201.searchCatalogItems": {"--keywords", "pen"},
	"catalogitems20220401.searchCatalogItems": {"--keywords", "pen"},
	"catalogitemsv0.listCatalogCategories":    {"--asin", "B000000001"},
	"datakiosk20231115.createQuery":           {"--query", dataKioskQuery},
	"fbainventoryv1.getInventorySummaries":    {"--granularity-id", "ATVPDKIKX0DER"},
	"feeds20210630.getFeeds":                  {"--feed-types", "JSON_LISTINGS_FEED"},
	"listingsitems20200901.patchListingsItem": {"--patches", listingsPatch},
	"listingsitems20210801.patchListingsItem": {"--patches", listingsPatch},
	"notificationsv1.createDestination":       {"--resource-specification", `{"sqs":{"arn":"arn:aws:sqs:us-east-1:123456789012:queue"}}`},
	"orders20260101.searchOrders":             {"--created-after", "2026-01-31T00:00:00Z"},
	"ordersv0.getOrders":                      {"--created-after", "2026-01-31T00:00:00Z"},
	"productfeesv0.getMyFeesEstimateForASIN":  {"--fees-estimate-request", feesRequest},
	"productfeesv0.getMyFeesEstimateForSKU":   {"--fees-estimate-request", feesRequest},
	"productpricing20220501.getFeaturedOfferExpectedPriceBatch": {"--requests",
		`[{"uri":"/products/pricing/2022-05-01/offer/featuredOfferExpectedPrice","method":"GET","marketplaceId":"ATVPDKIKX0DER","sku":"SKU-1"}]`},
	"productpricingv0.getCompetitivePricing": {"--asins", "B000000001"},
	"productpricingv0.getItemOffersBatch": {"--requests",
		`[{"uri":"/products/pricing/v0/items/B000000001/offers","method":"GET","MarketplaceId":"ATVPDKIKX0DER","ItemCondition":"New"}]`},
	"productpricingv0.getListingOffersBatch": {"--requests",
		`[{"uri":"/products/pricing/v0/listings/SKU-1/offers","method":"GET","MarketplaceId":"ATVPDKIKX0DER","ItemCondition":"New"}]`},
	"productpricingv0.getPricing":                        {"--asins", "B000000001"},
	"reports20210630.getReports":                         {"--report-types", "GET_MERCHANT_LISTINGS_ALL_DATA"},
	"salesv1.getOrderMetrics":                            {"--granularity", "Day", "--granularity-time-zone", "UTC"},
	"tokens20210301.createRestrictedDataToken":           {"--restricted-resources", `[{"method":"GET","path":"/orders/v0/orders/{orderId}/address"}]`},
	"uploads20201101.createUploadDestinationForResource": {"--resource", "messaging/v1/orders/902-3159896-1390916/messages/legalDisclosure"},
}

const (
	listingsPatch  = `[{"op":"replace","path":"/attributes/item_name","value":[{"value":"Pen"}]}]`
	feesRequest    = `{"MarketplaceId":"ATVPDKIKX0DER","Identifier":"1","PriceToEstimateFees":{"ListingPrice":{"CurrencyCode":"USD","Amount":9.99}}}`
	dataKioskQuery = `{analytics_salesAndTraffic_2024_04_24{salesAndTrafficByDate(aggregateBy:DAY,startDate:"2026-01-01",endDate:"2026-01-31",marketplaceIds:["ATVPDKIKX0DER"]){startDate}}}`
)

// Example returns the flags of a call that has all that is required and is valid for Amazon's models: "--sku", "SKU-1", ….
func (op *Operation) Example() []string {
	flags := slices.Clone(alsoNeeded[op.ID])
	if op.SandboxOnly {
		flags = append(flags, "--sandbox")
	}
	for _, a := range op.Arguments() {
		if !a.Required || a.In == "body" && !op.Detail.Body.Required || slices.Contains(flags, "--"+a.Flag) {
			continue
		}
		v := op.sample(a.Schema, a.Name, 0, 0)
		var text string
		switch v := v.(type) {
		case string:
			text = v
		case []any:
			if a.Kind != List {
				text = compact(v)
				break
			}
			parts := make([]string, len(v))
			for i, e := range v {
				parts[i] = fmt.Sprint(e)
			}
			text = strings.Join(parts, ",")
		default:
			text = compact(v)
		}
		flags = append(flags, "--"+a.Flag, text)
	}
	return flags
}

// ExampleBody is a body for operations whose body is no object; nil for all others.
func (op *Operation) ExampleBody() json.RawMessage {
	if op.Detail.Body == nil {
		return nil
	}
	if s := op.API.Resolve(op.Detail.Body.Schema); s == nil || s.Type != "array" {
		return nil
	}
	return json.RawMessage(compact(op.sample(op.Detail.Body.Schema, op.Detail.Body.Name, 0, 0)))
}

func compact(v any) string {
	b, err := json.Marshal(v)
	if err != nil {
		return fmt.Sprint(v) // it was made of maps, lists and scalars
	}
	return string(b)
}

// sample makes a value for a schema, always the same; number tells the elements of a list apart.
func (op *Operation) sample(schema *catalog.Schema, name string, number, depth int) any {
	s := op.API.Resolve(schema)
	if s == nil || depth > 12 {
		return map[string]any{}
	}
	switch {
	case s.Type == "array":
		n := 1
		if s.MinItems != nil {
			n = max(n, *s.MinItems)
		}
		list := make([]any, n)
		for i := range list {
			list[i] = op.sample(s.Items, name, i, depth+1)
		}
		return list
	case s.Type == "object" || s.Type == "" && len(s.Properties) > 0:
		o := map[string]any{}
		for _, member := range s.Required {
			o[member] = op.sample(s.Properties[member], member, number, depth+1)
		}
		return o
	case s.Type == "boolean":
		return true
	case s.Type == "integer" || s.Type == "number":
		return sampleNumber(s)
	case s.Type == "string" || len(s.Enum) > 0:
		return sampleText(s, name, number)
	}
	return map[string]any{}
}

func sampleNumber(s *catalog.Schema) json.Number {
	if len(s.Enum) > 0 {
		return json.Number(s.Enum[0])
	}
	n := 1.0
	if s.Minimum != nil {
		n = max(n, *s.Minimum)
	}
	if s.Maximum != nil {
		n = min(n, *s.Maximum)
	}
	if s.MultipleOf != nil && *s.MultipleOf > n {
		n = *s.MultipleOf
	}
	return json.Number(strconv.FormatFloat(n, 'f', -1, 64))
}

func sampleText(s *catalog.Schema, name string, number int) string {
	if len(s.Enum) > 0 {
		return s.Enum[number%len(s.Enum)]
	}
	text := plausible(s, name)
	if number > 0 && s.Format == "" {
		text += strconv.Itoa(number + 1)
	}
	if fits(s, text) {
		return text
	}
	if s.Pattern == "" {
		text = strings.ReplaceAll(text, " ", "")
		for s.MinLength != nil && utf8.RuneCountInString(text) < *s.MinLength {
			text += "1"
		}
		if s.MaxLength != nil && utf8.RuneCountInString(text) > *s.MaxLength {
			text = text[:*s.MaxLength]
		}
		return text
	}
	re, err := syntax.Parse(s.Pattern, syntax.Perl)
	if err != nil {
		return text
	}
	re = re.Simplify()
	for extra := range 200 { // grows until the least length is reached
		var b strings.Builder
		expand(&b, re, extra)
		if fits(s, b.String()) {
			return b.String()
		}
	}
	return text
}

// plausible guesses by the name what people would write: many dates have no format in the models.
func plausible(s *catalog.Schema, name string) string {
	low := strings.ToLower(name)
	ends := func(suffixes ...string) bool {
		return slices.ContainsFunc(suffixes, func(x string) bool { return strings.HasSuffix(low, x) })
	}
	switch {
	case s.Format == "date":
		return "2026-01-31"
	case s.Format == "date-time" || s.Format == "dateTime" ||
		s.Format == "" && s.Pattern == "" && ends("date", "time", "after", "before", "since", "until"):
		return "2026-01-31T00:00:00Z"
	case ends("marketplaceid", "marketplaceids"):
		return "ATVPDKIKX0DER"
	case ends("currency", "currencycode"):
		return "USD"
	case ends("countrycode"):
		return "US"
	case ends("orderid", "orderids"):
		return "902-3159896-1390916"
	case ends("asin", "asins"):
		return "B000000001"
	case ends("skus", "sku"):
		return "SKU-1"
	case ends("reporttype", "reporttypes"):
		return "GET_MERCHANT_LISTINGS_ALL_DATA"
	case ends("feedtype", "feedtypes"):
		return "JSON_LISTINGS_FEED"
	case ends("notificationtype", "notificationtypes"):
		return "ORDER_CHANGE"
	case ends("contentmd5", "content-md5"):
		return "1B2M2Y8AsgTpgAmY7PhCfg=="
	case ends("payloadversion"):
		return "1.0"
	case low == "interval":
		return "2026-01-01T00:00:00Z--2026-01-31T00:00:00Z"
	case low == "producttype" || low == "producttypes":
		return "LUGGAGE"
	case ends("sellerid"):
		return "A1EXAMPLESELLER"
	case ends("amount"):
		return "9.99"
	case ends("keywords"):
		return "pen"
	}
	return name + "-1"
}

func fits(s *catalog.Schema, text string) bool {
	n := utf8.RuneCountInString(text)
	if s.MinLength != nil && n < *s.MinLength || s.MaxLength != nil && n > *s.MaxLength {
		return false
	}
	if s.Pattern == "" {
		return true
	}
	re, err := regexp.Compile(s.Pattern)
	return err != nil || re.MatchString(text)
}

// expand writes a text that an expression matches; extra is how often open repetitions go beyond their least.
func expand(b *strings.Builder, re *syntax.Regexp, extra int) {
	switch re.Op {
	case syntax.OpLiteral:
		b.WriteString(string(re.Rune))
	case syntax.OpCharClass:
		b.WriteRune(plainRune(re.Rune))
	case syntax.OpAnyChar, syntax.OpAnyCharNotNL:
		b.WriteByte('a')
	case syntax.OpCapture, syntax.OpConcat:
		for _, sub := range re.Sub {
			expand(b, sub, extra)
		}
	case syntax.OpAlternate:
		expand(b, re.Sub[0], extra)
	case syntax.OpStar, syntax.OpPlus, syntax.OpQuest, syntax.OpRepeat:
		low, high := 0, extra
		switch re.Op {
		case syntax.OpPlus:
			low, high = 1, 1+extra
		case syntax.OpQuest:
			high = min(extra, 1)
		case syntax.OpRepeat:
			low, high = re.Min, re.Min+extra
			if re.Max >= 0 {
				high = min(high, re.Max)
			}
		}
		for range max(low, high) {
			expand(b, re.Sub[0], extra)
		}
	}
}

// plainRune picks a letter or digit of a class where it has one.
func plainRune(ranges []rune) rune {
	for _, r := range "1Aa" {
		for i := 0; i < len(ranges); i += 2 {
			if ranges[i] <= r && r <= ranges[i+1] {
				return r
			}
		}
	}
	return ranges[0]
}
