package listings

import (
	"encoding/json"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/openspapi/spapi/internal/cli/output"
)

// TestUnwrapped: attributes for people are their values.
func TestUnwrapped(t *testing.T) {
	var all map[string]json.RawMessage
	if err := json.Unmarshal([]byte(`{
		"item_name": [{"value": "Pen, blue", "language_tag": "en_US", "marketplace_id": "M"}],
		"bullet_point": [{"value": "fine", "language_tag": "en_US", "marketplace_id": "M"}, {"value": "dünn", "language_tag": "de_DE", "marketplace_id": "M"}],
		"item_weight": [{"unit": "grams", "value": 12.50, "marketplace_id": "M"}],
		"item_dimensions": [{"length": {"unit": "centimeters", "value": 14}, "width": {"unit": "centimeters", "value": 1}, "marketplace_id": "M"}],
		"supplier_declared_dg_hz_regulation": [{"value": "not_applicable"}],
		"is_fragile": [{"value": false}],
		"number_of_items": [{"value": 9007199254740993}],
		"purchasable_offer": [
			{"currency": "USD", "our_price": [{"schedule": [{"value_with_tax": 12.50}]}], "marketplace_id": "M"},
			{"audience": "B2B", "currency": "USD", "our_price": [{"schedule": [{"value_with_tax": 11}]}], "end_at": {"value": null}, "marketplace_id": "M"}],
		"nothing": [], "null": null, "plain": "x"
	}`), &all); err != nil {
		t.Fatal(err)
	}
	want := []attribute{
		{"bullet_point (en_US)", "fine"}, {"bullet_point (de_DE)", "dünn"},
		{"is_fragile", "false"},
		{"item_dimensions.length", "14 centimeters"}, {"item_dimensions.width", "1 centimeters"},
		{"item_name", "Pen, blue"},
		{"item_weight", "12.50 grams"},
		{"number_of_items", "9007199254740993"},
		{"plain", "x"},
		{"purchasable_offer.0.currency", "USD"}, {"purchasable_offer.0.our_price.schedule.value_with_tax", "12.50"},
		{"purchasable_offer.1.audience", "B2B"}, {"purchasable_offer.1.currency", "USD"}, {"purchasable_offer.1.our_price.schedule.value_with_tax", "11"},
		{"supplier_declared_dg_hz_regulation", "not_applicable"},
	}
	if diff := cmp.Diff(want, unwrapped(all)); diff != "" {
		t.Error(diff)
	}
}

// TestConsumerPrice: of several offers the one for all customers counts, whichever comes first.
func TestConsumerPrice(t *testing.T) {
	for raw, want := range map[string]string{
		`[{"offerType":"B2B","price":{"amount":"8.73"}},{"offerType":"B2C","price":{"amount":"9.19"}}]`: `{"amount":"9.19"}`,
		`[{"offerType":"B2B","price":{"amount":"8.73"}}]`:                                               `{"amount":"8.73"}`,
	} {
		offers, err := output.Parse(raw)
		if err != nil {
			t.Fatal(err)
		}
		if got := string(consumerPrice(offers).JSON()); got != want {
			t.Errorf("%s: %s, want %s", raw, got, want)
		}
	}
	if got := consumerPrice(output.Value{}); got.Kind() != output.Nothing {
		t.Errorf("without an offer: %s", got.JSON())
	}
}
