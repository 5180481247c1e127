package listings

import (
	"encoding/json"
	"testing"
)

// A replace takes away what it doesn't have: all offers of the marketplace must go back, and only the price for all customers may differ.
func TestPriced(t *testing.T) {
	const others = `{"audience":"B2B","marketplace_id":"M1","our_price":[{"schedule":[{"value_with_tax":9}]}],"quantity_discount_plan":[{"x":1}]}`
	for _, c := range []struct{ name, raw, want string }{
		{"none yet", ``, `[{"currency":"EUR","marketplace_id":"M1","our_price":[{"schedule":[{"value_with_tax":12.50}]}]}]`},
		{"sale price and dates stay",
			`[{"marketplace_id":"M1","currency":"EUR","audience":"ALL","start_at":{"value":"2026-01-01"},"discounted_price":[1],"our_price":[{"schedule":[{"value_with_tax":10}]}]},` + others + `,{"marketplace_id":"M2","currency":"GBP"}]`,
			`[{"audience":"ALL","currency":"EUR","discounted_price":[1],"marketplace_id":"M1","our_price":[{"schedule":[{"value_with_tax":12.50}]}],"start_at":{"value":"2026-01-01"}},` + others + `]`},
		{"no audience means all", `[{"marketplace_id":"M1"}]`, `[{"currency":"EUR","marketplace_id":"M1","our_price":[{"schedule":[{"value_with_tax":12.50}]}]}]`},
		{"business prices only", `[` + others + `]`, `[` + others + `,{"currency":"EUR","marketplace_id":"M1","our_price":[{"schedule":[{"value_with_tax":12.50}]}]}]`},
	} {
		offers, err := priced(json.RawMessage(c.raw), "M1", "EUR", "12.50")
		if err != nil {
			t.Fatal(err)
		}
		got, err := json.Marshal(offers)
		if err != nil || string(got) != c.want {
			t.Errorf("%s: %s, %v, want %s", c.name, got, err, c.want)
		}
	}
	if _, err := priced(json.RawMessage(`"x"`), "M1", "EUR", "1"); err == nil {
		t.Error("an offer of unknown form was replaced")
	}
}
