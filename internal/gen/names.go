package main

import (
	"go/token"
	"strings"
	"unicode"
)

// packageExceptions: packages whose name by the rule would mislead.
var packageExceptions = map[string]string{
	"InvoicesApiModel_2024-06-19":        "invoices20240619",
	"deliveryShipmentInvoiceV2022-07-01": "deliveryshipmentinvoice20220701",
}

// operationExceptions: operation ids that stand twice in one model, by package, method and path.
var operationExceptions = map[string]string{
	"shippingv2 POST /shipping/v2/carrierAccounts/{carrierId}": "linkCarrierAccountPost",
}

// typeExceptions: types whose name by the rule would be too long to read, by package and place in the model.
var typeExceptions = map[string]string{
	"replenishment20221107 ListOffersRequestFilters.deliveriesConditions": "ListOffersDeliveriesCondition",
}

// pluralEnums are enum types that keep a plural name, with the reason.
var pluralEnums = map[string]string{
	"GetDefinitionsProductTypeRequirements":     "a value names a set of requirements",
	"GetInboundShipmentSKUQuantities":           "a value tells whether all of them are shown",
	"GetOrderShipments":                         "a value tells whether all of them are included",
	"ImportDetailsInternationalCommercialTerms": "a value names a set of terms",
	"ListInventoryDetails":                      "a value tells whether all of them are shown",
	"ListOrdersShipments":                       "a value tells whether all of them are included",
	"ListingsItemPutRequestRequirements":        "a value names a set of requirements",
	"PredefinedPackageDimensions":               "a value names length, width and height",
	"ProductTypeDefinitionRequirements":         "a value names a set of requirements",
}

// enumType is the name of an enum type: in the singular, as a value is one of many, whatever the model calls the list of them.
func enumType(name string) string {
	if pluralEnums[name] != "" {
		return name
	}
	return singular(name)
}

// singular is a name without the plural of its last word. Words such as Status and Address have none; the rule knows only endings that
// the models have.
func singular(name string) string {
	for _, end := range [][2]string{{"ss", "ss"}, {"us", "us"}, {"uses", "us"}, {"sses", "ss"}, {"xes", "x"}, {"ches", "ch"}, {"ies", "y"}, {"s", ""}} {
		if stem, ok := strings.CutSuffix(name, end[0]); ok && stem != "" {
			return stem + end[1]
		}
	}
	return name
}

// packageName is the stem of the model's file in lower case, ending in the model's version without dashes.
func packageName(stem, version string) string {
	if name, ok := packageExceptions[stem]; ok {
		return name
	}
	name := alnum(stem)
	if v := alnum(version); !strings.HasSuffix(name, v) {
		name += v
	}
	return name
}

func alnum(s string) string {
	return strings.Map(func(r rune) rune {
		if unicode.IsLetter(r) || unicode.IsDigit(r) {
			return unicode.ToLower(r)
		}
		return -1
	}, s)
}

// initialisms are written in one case in Go names. Only words that SP-API's readers know as such.
var initialisms = map[string]string{
	"id": "ID", "ids": "IDs", "url": "URL", "urls": "URLs", "uri": "URI", "sku": "SKU", "skus": "SKUs", "asin": "ASIN", "asins": "ASINs",
	"fnsku": "FNSKU", "fnskus": "FNSKUs", "msku": "MSKU", "mskus": "MSKUs", "api": "API", "http": "HTTP", "json": "JSON", "xml": "XML",
	"upc": "UPC", "ean": "EAN", "gtin": "GTIN", "isbn": "ISBN", "vat": "VAT", "fba": "FBA", "sla": "SLA", "eta": "ETA",
}

// words splits at case changes, digits' ends and anything that is neither letter nor digit: "b2bOrderIds" → b2b Order Ids.
func words(s string) (out []string) {
	rs := []rune(s)
	start := 0
	flush := func(end int) {
		if end > start {
			out = append(out, string(rs[start:end]))
		}
		start = end
	}
	for i, r := range rs {
		if !unicode.IsLetter(r) && !unicode.IsDigit(r) {
			flush(i)
			start = i + 1
			continue
		}
		if i == start {
			continue
		}
		prev := rs[i-1]
		switch {
		case unicode.IsUpper(r) && (unicode.IsLower(prev) || unicode.IsDigit(prev) && i+1 < len(rs) && unicode.IsLower(rs[i+1])):
			flush(i)
		case unicode.IsLower(r) && unicode.IsUpper(prev) && i-1 > start && !(r == 's' && (i+1 == len(rs) || !unicode.IsLower(rs[i+1]))):
			flush(i - 1) // the last capital of a run begins the next word: "ASINList" → ASIN List
		}
	}
	flush(len(rs))
	return out
}

// goName makes an exported Go identifier from a name of the API.
func goName(s string) string {
	var b strings.Builder
	for _, w := range words(s) {
		if up, ok := initialisms[strings.ToLower(w)]; ok {
			b.WriteString(up)
			continue
		}
		rs := []rune(w)
		b.WriteRune(unicode.ToUpper(rs[0]))
		b.WriteString(string(rs[1:]))
	}
	name := b.String()
	if name == "" {
		return "X"
	}
	if !unicode.IsLetter([]rune(name)[0]) {
		name = "X" + name
	}
	if !token.IsIdentifier(name) {
		panic("names: no identifier for " + s)
	}
	return name
}

// enumName makes the part of a constant's name that stands for the value: "IN_QUEUE" → InQueue, "FBA" → FBA, "4x6" → 4x6.
func enumName(value string) string {
	if value == "" {
		return "Empty"
	}
	shout := strings.ToUpper(value) == value
	ws := words(value)
	var b strings.Builder
	for i, w := range ws {
		up, known := initialisms[strings.ToLower(w)]
		rs := []rune(w)
		switch {
		case known:
			b.WriteString(up)
		case shout && !(len(ws) == 1 && len(rs) <= 3):
			b.WriteString(string(rs[:1]) + strings.ToLower(string(rs[1:])))
		default:
			b.WriteString(strings.ToUpper(string(rs[:1])) + string(rs[1:]))
		}
		// Two numbers side by side must not run into one: "2.0.1" and "20.1" differ.
		if i+1 < len(ws) && unicode.IsDigit(rs[len(rs)-1]) && unicode.IsDigit([]rune(ws[i+1])[0]) {
			b.WriteByte('_')
		}
	}
	if b.Len() == 0 {
		return "Other"
	}
	return b.String()
}
