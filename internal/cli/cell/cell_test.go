package cell

import (
	"testing"
	"time"

	"github.com/openspapi/spapi/internal/cli/output"
)

// value is what a column gets for a field with this JSON.
func value(t *testing.T, text string) output.Value {
	t.Helper()
	v, err := output.Parse(text)
	if err != nil {
		t.Fatal(err)
	}
	return v
}

func TestMoney(t *testing.T) {
	for raw, want := range map[string]string{
		`{"amount":"12.50","currencyCode":"EUR"}`:       "12.50 EUR",
		`{"CurrencyCode":"JPY","Amount":1250}`:          "1250 JPY",
		`{"currencyAmount":-3.10,"currencyCode":"USD"}`: "-3.10 USD",
		`{"currencyCode":"USD"}`:                        "USD",
		`{}`:                                            "",
		`[]`:                                            "",
		`[{"amount":["3"],"currencyCode":"EUR"}]`:       "3 EUR",
		`[{"amount":"3"},{"amount":"4"}]`:               "",
		`{"amount":"1","amount":"2"}`:                   "2",
	} {
		if got := MoneyText(value(t, raw)); got != want {
			t.Errorf("%s: %q, want %q", raw, got, want)
		}
	}
	if got := MoneyText(output.Value{}); got != "" {
		t.Errorf("nothing: %q", got)
	}
}

func TestTime(t *testing.T) {
	c := Time("created", "x", time.FixedZone("Mars/Olympus", 3600))
	at := func(text string) string { return c.Text(value(t, text)) }
	if c.Name != "created" || at("\"2026-01-31T23:30:00Z\"") != "2026-02-01 00:30 Mars/Olympus" || at("\"soon\"") != "soon" || at("null") != "" {
		t.Errorf("%s: %q, %q", c.Name, at("\"2026-01-31T23:30:00Z\""), at("\"soon\""))
	}
}

// TestTimeSpellings: a time that the SDK reads is one here, too, whichever way it is written: rows come as Amazon sent them.
func TestTimeSpellings(t *testing.T) {
	c := Time("created", "x", time.UTC)
	for text, want := range map[string]string{
		`"2026-11-20T10:00:00.500+0200"`: "2026-11-20 08:00 UTC", `"2026-11-20T10:00:00"`: "2026-11-20 10:00 UTC", `1795000000`: "2026-11-18 11:06 UTC",
		`["2026-11-20 10:00:00Z"]`: "2026-11-20 10:00 UTC", `["2026-11-20","2026-11-21"]`: "", `true`: "true",
	} {
		if got := c.Text(value(t, text)); got != want {
			t.Errorf("%s: %q, want %q", text, got, want)
		}
	}
}

func TestCount(t *testing.T) {
	c := Count("items", "x")
	for text, want := range map[string]string{`[{},{}]`: "2", `[]`: "0", `null`: "", `{"a":1}`: "1", `{}`: "0"} {
		if got := c.Text(value(t, text)); got != want {
			t.Errorf("%s: %q, want %q", text, got, want)
		}
	}
}

// TestMoneyParts: a CSV has amount and currency apart, also of what a function finds.
func TestMoneyParts(t *testing.T) {
	first := func(v output.Value) (first output.Value) {
		for e := range v.Elements() {
			return e
		}
		return first
	}
	for raw, c := range map[string]output.Column{
		`{"Amount":12.50,"CurrencyCode":"EUR"}`:     Money("price", "x"),
		`[{"amount":"12.50","currencyCode":"EUR"}]`: Of(Money("price", "x"), first),
	} {
		v, none := value(t, raw), output.Value{}
		if len(c.Parts) != 2 || c.Parts[0].Name != "amount" || c.Parts[0].Text(v) != "12.50" || c.Parts[1].Name != "currency" || c.Parts[1].Text(v) != "EUR" ||
			c.Text(v) != "12.50 EUR" || c.Text(none) != "" || c.Parts[0].Text(none) != "" {
			t.Errorf("%s: %q, %q", raw, c.Text(v), c.Parts[0].Text(v))
		}
	}
}
