package cell

import (
	"encoding/json"
	"testing"
	"time"

	"github.com/openspapi/spapi/internal/cli/output"
)

func TestMoney(t *testing.T) {
	for raw, want := range map[string]string{
		`{"amount":"12.50","currencyCode":"EUR"}`:       "12.50 EUR",
		`{"CurrencyCode":"JPY","Amount":1250}`:          "1250 JPY",
		`{"currencyAmount":-3.10,"currencyCode":"USD"}`: "-3.10 USD",
		`{"currencyCode":"USD"}`:                        "USD",
		`{}`:                                            "",
		`[]`:                                            "",
	} {
		if got := MoneyText(json.RawMessage(raw)); got != want {
			t.Errorf("%s: %q, want %q", raw, got, want)
		}
	}
	if got := MoneyText(nil); got != "" {
		t.Errorf("nothing: %q", got)
	}
}

func TestTime(t *testing.T) {
	c := Time("created", "x", time.FixedZone("Mars/Olympus", 3600))
	if c.Name != "created" || c.Text("2026-01-31T23:30:00Z") != "2026-02-01 00:30 Mars/Olympus" || c.Text("soon") != "soon" || c.Text(nil) != "" {
		t.Errorf("%s: %q, %q", c.Name, c.Text("2026-01-31T23:30:00Z"), c.Text("soon"))
	}
}

func TestCount(t *testing.T) {
	c := Count("items", "x")
	if c.Text(json.RawMessage(`[{},{}]`)) != "2" || c.Text(nil) != "" {
		t.Errorf("%q", c.Text(json.RawMessage(`[{},{}]`)))
	}
}

// TestMoneyParts: a CSV has amount and currency apart, also of what a function finds.
func TestMoneyParts(t *testing.T) {
	first := func(v any) any {
		var list []json.RawMessage
		raw, _ := v.(json.RawMessage)
		if json.Unmarshal(raw, &list) != nil || len(list) == 0 {
			return nil
		}
		return list[0]
	}
	for raw, c := range map[string]output.Column{
		`{"Amount":12.50,"CurrencyCode":"EUR"}`:     Money("price", "x"),
		`[{"amount":"12.50","currencyCode":"EUR"}]`: Of(Money("price", "x"), first),
	} {
		v := json.RawMessage(raw)
		if len(c.Parts) != 2 || c.Parts[0].Name != "amount" || c.Parts[0].Text(v) != "12.50" || c.Parts[1].Name != "currency" || c.Parts[1].Text(v) != "EUR" ||
			c.Text(v) != "12.50 EUR" || c.Text(nil) != "" || c.Parts[0].Text(nil) != "" {
			t.Errorf("%s: %q, %q", raw, c.Text(v), c.Parts[0].Text(v))
		}
	}
}
