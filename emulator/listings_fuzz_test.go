package emulator_test

import (
	"encoding/json"
	"testing"

	"github.com/openspapi/spapi/emulator"
)

// FuzzListingAttributes submits whatever comes, and wants neither a panic nor a world that can't be shown any more.
func FuzzListingAttributes(f *testing.F) {
	for _, seed := range [][3]string{
		{"replace", "purchasable_offer", `[{"our_price":[{"schedule":[{"value_with_tax":1}]}]}]`},
		{"merge", "purchasable_offer", `[{"audience":"B2B","our_price":[{"schedule":[{"value_with_tax":1e400}]}]},5]`},
		{"merge", "fulfillment_availability", `[{},5]`}, {"add", "fulfillment_availability", `[{"fulfillment_channel_code":"AMAZON_NA"}]`},
		{"delete", "item_name", `[null,{"marketplace_id":7}]`}, {"replace", "item_name", `[{"value":"x","marketplace_id":"ATVPDKIKX0DER"}]`},
		{"add", "item_package_dimensions", `[{"length":{"unit":"inches","value":-0}}]`}, {"add", "color", `{}`}, {"add", "x", `null`},
		{"replace", "externally_assigned_product_identifier", `[{"type":"ean","value":""}]`}, {"merge", "list_price", `[{"value":99999999999999999999}]`},
	} {
		f.Add(seed[0], seed[1], seed[2])
	}
	shared := newClient(f, emulator.WithoutLimits(), emulator.WithProducts(2), emulator.WithOrders(5))
	sku := shared.skus("")[0]
	f.Fuzz(func(t *testing.T, op, name, value string) {
		c := &client{Emulator: shared.Emulator, t: t, clock: shared.clock, token: shared.token}
		if !json.Valid([]byte(value)) {
			return
		}
		text, _ := json.Marshal(name)
		path, _ := json.Marshal("/attributes/" + name)
		operation, _ := json.Marshal(op)
		for _, r := range []result{
			c.call("PATCH", c.listingPath(sku), `{"productType":"PRODUCT","patches":[{"op":`+string(operation)+`,"path":`+string(path)+`,"value":`+value+`}]}`),
			c.call("PUT", c.listingPath("new"), `{"productType":"LAMP","requirements":"LISTING_OFFER_ONLY","attributes":{`+string(text)+`:`+value+`}}`),
		} {
			if r.status != 200 && r.status != 400 && r.status != 404 {
				t.Errorf("%s %s %s: %d %s", op, name, value, r.status, r.body)
			}
		}
		r := c.get(c.listingPath(sku) + "&includedData=summaries,attributes,offers,fulfillmentAvailability,issues")
		if r.status != 200 {
			t.Errorf("after %s %s %s: %d %s", op, name, value, r.status, r.body)
		}
	})
}
