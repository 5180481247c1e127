package reports

import (
	"testing"

	"github.com/openspapi/spapi/marketplace"
)

// What a document is in, and how its numbers and dates are written, follows from the marketplace; what isn't known isn't guessed.
func TestStore(t *testing.T) {
	for _, tc := range []struct {
		ids      []string
		charset  string
		comma    byte
		dayFirst bool
	}{
		{[]string{marketplace.US.ID}, "windows-1252", 0, false}, // not UTF-8: see marketplace.Marketplace
		{[]string{marketplace.DE.ID, marketplace.JP.ID}, "windows-1252", ',', true},
		{[]string{marketplace.UK.ID}, "windows-1252", 0, true},
		{[]string{marketplace.BR.ID}, "windows-1252", ',', false},
		{[]string{marketplace.JP.ID}, "Shift_JIS", 0, false},
		{[]string{"A1ZZZZZZZZZZZZ"}, "", 0, false},
		{nil, "", 0, false},
	} {
		report := Report{MarketplaceIDs: tc.ids}
		if got := charset(Type{Format: "TSV"}, &report); got != tc.charset {
			t.Errorf("%v: charset %q, want %q", tc.ids, got, tc.charset)
		}
		if got := charset(Type{Format: "JSON"}, &report); got != "UTF-8" {
			t.Errorf("%v: JSON in %q", tc.ids, got)
		}
		local := (&Document{Report: report, Type: Type{LocalDecimal: true}}).DecodeOptions()
		if local.Decimal != tc.comma || local.Time.DayFirst != tc.dayFirst {
			t.Errorf("%v: %+v", tc.ids, local)
		}
		if plain := (&Document{Report: report}).DecodeOptions(); plain.Decimal != 0 {
			t.Errorf("%v: a type without local decimals has decimal %q", tc.ids, plain.Decimal)
		}
	}
}
