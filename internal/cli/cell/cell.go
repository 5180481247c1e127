// Package cell dresses values of SP-API for tables.
package cell

import (
	"encoding/json"
	"strings"
	"time"

	"github.com/openspapi/spapi/internal/cli/output"
)

// Money is a column of amounts with their currency, whichever of the API's spellings they have.
func Money(name, path string) output.Column {
	return output.Column{Name: name, Path: path, Right: true, Text: MoneyText}
}

// MoneyText is an amount with its currency: "12.50 EUR".
func MoneyText(v any) string {
	raw, ok := v.(json.RawMessage)
	if !ok {
		return ""
	}
	var m struct {
		Amount         json.Number `json:"amount"` // also Amount: names are compared without regard to case
		CurrencyAmount json.Number `json:"currencyAmount"`
		CurrencyCode   string      `json:"currencyCode"`
	}
	if json.Unmarshal(raw, &m) != nil {
		return ""
	}
	amount := string(m.Amount)
	if amount == "" {
		amount = string(m.CurrencyAmount)
	}
	return strings.TrimSpace(amount + " " + m.CurrencyCode)
}

// Time is a column of times, which says in its heading in which zone they are.
func Time(name, path string, zone *time.Location) output.Column {
	return output.Column{Name: name + " (" + zone.String() + ")", Path: path, Text: func(v any) string {
		s, _ := v.(string)
		t, err := time.Parse(time.RFC3339, s)
		if err != nil {
			return s
		}
		return t.In(zone).Format("2006-01-02 15:04")
	}}
}

// Count is a column with the number of a list's elements.
func Count(name, path string) output.Column {
	return output.Column{Name: name, Path: path, Right: true, Text: func(v any) string {
		raw, ok := v.(json.RawMessage)
		var list []json.RawMessage
		if !ok || json.Unmarshal(raw, &list) != nil {
			return ""
		}
		b, _ := json.Marshal(len(list))
		return string(b)
	}}
}

// Number is a column of numbers.
func Number(name, path string) output.Column {
	return output.Column{Name: name, Path: path, Right: true}
}
