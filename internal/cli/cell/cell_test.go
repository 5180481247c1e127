package cell

import (
	"encoding/json"
	"testing"
	"time"
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
