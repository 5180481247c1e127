package notifications

import (
	"runtime"
	"strings"
	"testing"
)

// TestHostileBodiesCostInProportion reads messages as large as SQS takes, made to cost much: what reading one allocates, keys included, is bounded by a
// multiple of its size, and so is what it leaves in Rest.
func TestHostileBodiesCostInProportion(t *testing.T) {
	const size = MaxSize - 2000
	of := func(kind, version, wrapper, what string) string {
		if wrapper != "" {
			what = `{"` + wrapper + `":` + what + `}`
		}
		return `{"notificationType":"` + kind + `","payloadVersion":"` + version + `","payload":` + what + `,"notificationMetadata":{"notificationId":"n"}}`
	}
	order := func(what string) string { return of("ORDER_CHANGE", "1.0", "OrderChangeNotification", what) }
	offers := func(what string) string {
		return of("ANY_OFFER_CHANGED", "1.0", "AnyOfferChangedNotification", `{"Offers":[`+what+`{}]}`)
	}
	fill := func(unit string) string { return strings.Repeat(unit, size/len(unit)) }
	for name, body := range map[string]string{
		"unknown members":        order(`{` + fill(`"a":0,`) + `"b":0}`),
		"unknown at the top":     `{"notificationType":"ORDER_CHANGE","payloadVersion":"1.0",` + fill(`"a":0,`) + `"payload":{}}`,
		"names with escapes":     order(`{` + fill(`"\u0061":0,`) + `"b":0}`),
		"names of tildes":        order(`{` + fill(`"`+strings.Repeat("~", 1000)+`":0,`) + `"b":0}`),
		"empty elements":         order(`{"Summary":{"OrderItems":[` + fill(`{},`) + `{}]}}`),
		"large empty elements":   offers(fill(`{},`)),
		"elements of no use":     order(`{"Summary":{"OrderItems":[` + fill(`0,`) + `{}]}}`),
		"large ones of no use":   offers(fill(`0,`)),
		"unknown in elements":    order(`{"Summary":{"OrderItems":[` + fill(`{"a":0},`) + `{}]}}`),
		"deep":                   order(`{"a":` + strings.Repeat(`[`, 9000) + strings.Repeat(`]`, 9000) + `}`),
		"deep in place of one":   order(`{"Summary":` + strings.Repeat(`[`, 9000) + strings.Repeat(`]`, 9000) + `}`),
		"too deep":               order(`{"a":` + strings.Repeat(`[`, size/2) + strings.Repeat(`]`, size/2) + `}`),
		"a list for a key":       order(`{"AmazonOrderId":[` + fill(`"a",`) + `"b"]}`),
		"a long key":             order(`{"AmazonOrderId":"` + strings.Repeat("%", size) + `"}`),
		"one member many times":  order(`{` + fill(`"AmazonOrderId":"a",`) + `"b":0}`),
		"bytes that aren't UTF8": order(`{` + fill("\"\xff\":0,") + `"b":0}`),
		"a huge number":          order(`{"Summary":{"OrderItems":[{"NumberOfItemsShipped":` + strings.Repeat("9", size) + `}]}}`),
		"a map":                  of("BOPIS_CHECKIN_DETAILS", "1.0", "", `{`+fill(`"a":0,`)+`"b":0}`),
		"a secret's":             of("APPLICATION_OAUTH_CLIENT_NEW_SECRET", "1", "applicationOAuthClientNewSecret", `{"clientId":"c","newClientSecret":"s",`+fill(`"a":0,`)+`"b":0}`),
		"a long version":         of("ORDER_CHANGE", strings.Repeat("x", size), "", `{}`),
		"SNS":                    `{"TopicArn":"a","Message":"` + fill(`\u0000`) + `"}`,
		"no type":                `{` + fill(`"a":0,`) + `"b":0}`,
	} {
		text := []byte(body)
		if len(text) > MaxSize {
			t.Fatalf("%s has %d bytes", name, len(text))
		}
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		n, err := Parse(text)
		if n != nil {
			_, _, _ = n.Key(), n.NaturalKey(), n.Time()
		}
		runtime.ReadMemStats(&after)
		if took := after.TotalAlloc - before.TotalAlloc; took > 150*MaxSize {
			t.Errorf("%s: %d bytes are allocated for %d", name, took, len(text))
		}
		if err != nil && len(err.Error()) > 1000 {
			t.Errorf("%s: an error of %d bytes", name, len(err.Error()))
		}
		if n == nil {
			continue
		}
		last := len(n.Rest) - 1
		if last > 1000 || len(n.String()) > 500 || len(n.Key()) > 300 || len(n.NaturalKey()) > 300 {
			t.Errorf("%s: %d values in Rest, text of %d, keys of %d and %d bytes", name, last+1, len(n.String()), len(n.Key()), len(n.NaturalKey()))
		}
		if last == 1000 && (n.Rest[last].Reason != "more" || n.Rest[last].Pointer != "") {
			t.Errorf("%s: the last value of Rest is %s %q", name, n.Rest[last].Pointer, n.Rest[last].Reason)
		}
	}
}
