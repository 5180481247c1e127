package emulator_test

import (
	"crypto/md5"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/openspapi/spapi/emulator"
)

// send is do at the North American endpoint with the current token.
func (c *client) call(method, path, body string) result {
	c.t.Helper()
	return c.do(method, na+path, http.Header{"X-Amz-Access-Token": {c.token}, "Content-Type": {"application/json"}}, body)
}

func (c *client) listingPath(sku string) string {
	return "/listings/2021-08-01/items/" + c.Credentials().SellerID + "/" + url.PathEscape(sku) + "?marketplaceIds=" + us
}

// skus are the SKUs that a search finds.
func (c *client) skus(query string) []string {
	c.t.Helper()
	return c.list("/listings/2021-08-01/items/"+c.Credentials().SellerID+"?marketplaceIds="+us+query, "pageToken", "items", "sku", "pagination", "nextToken")
}

// merchantSKU and amazonSKU are SKUs of the two fulfilments.
func (c *client) skuOf(channel string) string {
	c.t.Helper()
	for _, sku := range c.skus("&sortBy=sku&sortOrder=ASC") {
		if r := c.get(c.listingPath(sku) + "&includedData=fulfillmentAvailability"); strings.HasPrefix(r.text("fulfillmentAvailability", 0, "fulfillmentChannelCode"), channel) {
			return sku
		}
	}
	c.t.Fatalf("no listing with channel %s", channel)
	return ""
}

const newPen = `{"productType":"WRITING_INSTRUMENT","requirements":"LISTING","attributes":{
	"item_name":[{"value":"Füller „Käthe“ 筆 \"F\"","language_tag":"en_US","marketplace_id":"ATVPDKIKX0DER"}],
	"brand":[{"value":"Käthe & Co"}],
	"bullet_point":[{"value":"Writes"},{"value":"And\twrites 🖊️"}],
	"country_of_origin":[{"value":"DE"}],
	"supplier_declared_dg_hz_regulation":[{"value":"not_applicable"}],
	"condition_type":[{"value":"new_new"}],
	"purchasable_offer":[{"our_price":[{"schedule":[{"value_with_tax":12.34}]}]}],
	"fulfillment_availability":[{"fulfillment_channel_code":"DEFAULT","quantity":7}]}}`

func TestPutListing(t *testing.T) {
	c := newClient(t, emulator.WithoutLimits())
	path := c.listingPath("neu/1 ä")
	if r := c.get(path); r.status != 404 || r.text("errors", 0, "code") != "NOT_FOUND" || r.text("errors", 0, "message") != "SKU 'neu/1 ä' not found in marketplace "+us {
		t.Errorf("before: %d %s", r.status, r.body)
	}
	preview := c.call("PUT", path+"&mode=VALIDATION_PREVIEW&includedData=identifiers,issues", newPen)
	if preview.status != 200 || preview.text("status") != "VALID" || len(preview.path("issues").([]any)) != 0 || len(preview.text("submissionId")) != 32 {
		t.Fatalf("preview: %d %s", preview.status, preview.body)
	}
	if r := c.get(path); r.status != 404 {
		t.Errorf("a preview made a listing: %d", r.status)
	}
	if r := c.call("PUT", path, newPen); r.text("status") != "ACCEPTED" || r.text("sku") != "neu/1 ä" {
		t.Fatalf("put: %d %s", r.status, r.body)
	}
	r := c.get(path + "&includedData=summaries,attributes,offers,fulfillmentAvailability,issues,productTypes,relationships")
	asin := r.text("summaries", 0, "asin")
	if r.text("summaries", 0, "itemName") != `Füller „Käthe“ 筆 "F"` || r.text("offers", 0, "price", "amount") != "12.34" || fmt.Sprint(r.path("fulfillmentAvailability", 0, "quantity")) != "7" ||
		fmt.Sprint(r.path("summaries", 0, "status")) != "[BUYABLE DISCOVERABLE]" || r.text("attributes", "brand", 0, "marketplace_id") != us {
		t.Errorf("get: %s", r.body)
	}
	// The catalogue has heard of it, in all its versions.
	if r := c.get("/catalog/2022-04-01/items/" + asin + "?marketplaceIds=" + us); r.text("summaries", 0, "itemName") != `Füller „Käthe“ 筆 "F"` {
		t.Errorf("catalog: %d %s", r.status, r.body)
	}
	if r := c.get("/catalog/2020-12-01/items?keywords=K%C3%A4the&marketplaceIds=" + us); r.text("items", 0, "asin") != asin {
		t.Errorf("catalog 2020-12-01: %d %s", r.status, r.body)
	}
	// What the answer showed can be put again, as a whole.
	attributes, _ := json.Marshal(r.path("attributes"))
	if r := c.call("PUT", path, `{"productType":"WRITING_INSTRUMENT","attributes":`+string(attributes)+`}`); r.text("status") != "ACCEPTED" {
		t.Errorf("again: %s", r.body)
	}
	if r := c.get(path); r.text("summaries", 0, "asin") != asin {
		t.Errorf("another item: %s", r.body)
	}
	// In another marketplace it is not.
	if r := c.get(strings.ReplaceAll(path, us, "A2EUQ1WTGCTBG2")); r.status != 404 {
		t.Errorf("Canada: %d", r.status)
	}
	if r := c.call("DELETE", path, ""); r.text("status") != "ACCEPTED" {
		t.Errorf("delete: %d %s", r.status, r.body)
	}
	if r := c.call("DELETE", path, ""); r.status != 404 {
		t.Errorf("delete again: %d", r.status)
	}
	if slices.Contains(c.skus(""), "neu/1 ä") {
		t.Error("a deleted listing is found")
	}
}

func TestInvalidListings(t *testing.T) {
	c := newClient(t, emulator.WithoutLimits())
	path := c.listingPath("bad-1")
	change := func(name, value string) string {
		var body map[string]any
		_ = json.Unmarshal([]byte(newPen), &body)
		attributes := body["attributes"].(map[string]any)
		delete(attributes, name)
		if value != "" {
			attributes[name] = json.RawMessage(value)
		}
		b, _ := json.Marshal(body)
		return string(b)
	}
	for _, test := range []struct{ name, value, code, category string }{
		{"item_name", "", "90220", "MISSING_ATTRIBUTE"},
		{"purchasable_offer", "", "90220", "MISSING_ATTRIBUTE"},
		{"no_such_attribute", `[{"value":"x"}]`, "90000900", ""},
		{"batteries_required", `[{"value":true}]`, "90000900", ""}, // of lamps only
		{"item_name", `[{"valeu":"x"}]`, "99022", "INVALID_ATTRIBUTE"},
		{"item_name", `[{"value":7}]`, "4000001", ""},
		{"item_name", `[{"value":"` + strings.Repeat("ä", 201) + `"}]`, "4000001", ""},
		{"item_name", `[{"value":"a"},{"value":"b"}]`, "4000001", ""},
		{"item_name", `[{"value":"a","language_tag":"pl_PL"}]`, "4000001", ""},
		{"item_name", `[{"value":"a","marketplace_id":"A1PA6795UKMFR9"}]`, "4000001", ""},
		{"item_name", `[]`, "99022", "INVALID_ATTRIBUTE"},
		{"item_name", `"text"`, "90000900", ""},
		{"condition_type", `[{"value":"shiny"}]`, "4000001", ""},
		{"purchasable_offer", `[{"currency":"EUR","our_price":[{"schedule":[{"value_with_tax":1}]}]}]`, "4000001", ""},
		{"purchasable_offer", `[{"our_price":[{"schedule":[{"value_with_tax":0}]}]}]`, "90057", "INVALID_PRICE"},
		{"purchasable_offer", `[{"our_price":[{"schedule":[]}]}]`, "99022", "INVALID_ATTRIBUTE"},
		{"fulfillment_availability", `[{"fulfillment_channel_code":"DEFAULT","quantity":-1}]`, "90004114", ""},
		{"fulfillment_availability", `[{"fulfillment_channel_code":"DEFAULT","quantity":1.5}]`, "4000001", ""},
		{"externally_assigned_product_identifier", `[{"type":"ean","value":"4006381333932"}]`, "4000001", ""}, // check digit
		{"merchant_suggested_asin", `[{"value":"B000000000"}]`, "8560", "INVALID_ATTRIBUTE"},
	} {
		r := c.call("PUT", path, change(test.name, test.value))
		if r.status != 200 || r.text("status") != "INVALID" || r.text("issues", 0, "code") != test.code || r.text("issues", 0, "attributeNames", 0) != test.name || test.category != "" && r.text("issues", 0, "categories", 0) != test.category || test.category == "" && !strings.Contains(r.body, `"categories":[]`) {
			t.Errorf("%s %s: %d %s", test.name, test.value, r.status, r.body)
		}
	}
	if r := c.get(path); r.status != 404 {
		t.Errorf("an invalid listing is there: %d", r.status)
	}
	for name, test := range map[string][3]string{
		"other seller": {strings.Replace(path, c.Credentials().SellerID, "A000", 1), newPen, "403"}, "no type": {path, `{"attributes":{}}`, "400"},
		"two marketplaces": {path + ",A2EUQ1WTGCTBG2", newPen, "400"}, "long sku": {c.listingPath(strings.Repeat("x", 41)), newPen, "400"},
	} {
		if r := c.call("PUT", test[0], test[1]); fmt.Sprint(r.status) != test[2] {
			t.Errorf("%s: %d %s", name, r.status, r.body)
		}
	}
}

func TestPatchListing(t *testing.T) {
	c := newClient(t, emulator.WithoutLimits())
	sku := c.skuOf("DEFAULT")
	path := c.listingPath(sku)
	before := c.get(path + "&includedData=attributes,offers,fulfillmentAvailability")
	do := func(patches string) result {
		return c.call("PATCH", path, `{"productType":"PRODUCT","patches":`+patches+`}`)
	}
	c.clock.advance(time.Hour)
	c.refresh()
	for _, test := range []struct{ patches, want string }{
		{`[{"op":"replace","path":"/attributes/purchasable_offer","value":[{"marketplace_id":"ATVPDKIKX0DER","currency":"USD","our_price":[{"schedule":[{"value_with_tax":49.5}]}]}]}]`, "49.50 -"},
		{`[{"op":"merge","path":"/attributes/purchasable_offer","value":[{"marketplace_id":"ATVPDKIKX0DER","currency":"USD","audience":"B2B","our_price":[{"schedule":[{"value_with_tax":45}]}]}]}]`, "49.50 45.00"},
		{`[{"op":"merge","path":"/attributes/purchasable_offer","value":[{"discounted_price":[{"schedule":[{"start_at":"2026-01-01","end_at":"2026-12-31","value_with_tax":40}]}]}]}]`, "40.00 45.00"},
		{`[{"op":"delete","path":"/attributes/purchasable_offer","value":[{"marketplace_id":"ATVPDKIKX0DER","currency":"USD","audience":"B2B"}]}]`, "40.00 -"},
		{`[{"op":"add","path":"/attributes/fulfillment_availability","value":[{"fulfillment_channel_code":"DEFAULT","quantity":0}]},{"op":"replace","path":"/attributes/color","value":[{"value":"Türkis"}]}]`, "40.00 -"},
	} {
		if r := do(test.patches); r.status != 200 || r.text("status") != "ACCEPTED" {
			t.Fatalf("%s: %d %s", test.patches, r.status, r.body)
		}
		got := map[string]string{"B2C": "-", "B2B": "-"}
		r := c.get(path + "&includedData=offers")
		for i := range r.path("offers").([]any) {
			got[r.text("offers", i, "offerType")] = r.text("offers", i, "price", "amount")
		}
		if s := got["B2C"] + " " + got["B2B"]; s != test.want {
			t.Errorf("%s: %s, want %s", test.patches, s, test.want)
		}
	}
	after := c.get(path + "&includedData=summaries,attributes,fulfillmentAvailability")
	if fmt.Sprint(after.path("fulfillmentAvailability", 0, "quantity")) != "0" || fmt.Sprint(after.path("summaries", 0, "status")) != "[DISCOVERABLE]" || after.text("attributes", "color", 0, "value") != "Türkis" {
		t.Errorf("after: %s", after.body)
	}
	if after.text("summaries", 0, "lastUpdatedDate") != "2026-03-01T13:00:00Z" {
		t.Errorf("updated %s", after.text("summaries", 0, "lastUpdatedDate"))
	}
	if a, b := fmt.Sprint(before.path("attributes", "item_name")), fmt.Sprint(after.path("attributes", "item_name")); a != b {
		t.Errorf("the name changed: %s, %s", a, b)
	}
	// Canada keeps its price.
	if r := c.get(strings.ReplaceAll(path, us, "A2EUQ1WTGCTBG2") + "&includedData=offers"); r.text("offers", 0, "price", "amount") == "40.00" || r.text("offers", 0, "price", "currencyCode") != "CAD" {
		t.Errorf("Canada: %s", r.body)
	}
	for _, bad := range []string{
		`[{"op":"replace","path":"/attributes/color/0/value","value":[{"value":"x"}]}]`, `[{"op":"replace","path":"/color","value":[{"value":"x"}]}]`,
		`[{"op":"replace","path":"/attributes/color"}]`, `[{"op":"move","path":"/attributes/color","value":[]}]`, `[]`,
	} {
		if r := do(bad); r.status != 400 || !strings.Contains(r.body, "patches") {
			t.Errorf("%s: %d %s", bad, r.status, r.body)
		}
	}
	if r := do(`[{"op":"delete","path":"/attributes/item_name"}]`); r.text("status") != "INVALID" || r.text("issues", 0, "code") != "90220" {
		t.Errorf("required attribute deleted: %s", r.body)
	}
	if r := c.call("PATCH", c.listingPath("none"), `{"productType":"PRODUCT","patches":[{"op":"delete","path":"/attributes/color"}]}`); r.status != 404 {
		t.Errorf("unknown SKU: %d", r.status)
	}
}

// TestListingsAreValid puts every listing of the beginning as it is shown: it must be valid by its own definition.
func TestListingsAreValid(t *testing.T) {
	c := newClient(t, emulator.WithoutLimits(), emulator.WithProducts(24))
	skus := c.skus("")
	if len(skus) != 24 {
		t.Fatalf("%d listings", len(skus))
	}
	for _, sku := range skus {
		r := c.get(c.listingPath(sku) + "&includedData=summaries,attributes")
		attributes, _ := json.Marshal(r.path("attributes"))
		body := `{"productType":"` + r.text("summaries", 0, "productType") + `","requirements":"LISTING","attributes":` + string(attributes) + `}`
		if r := c.call("PUT", c.listingPath(sku)+"&mode=VALIDATION_PREVIEW", body); r.text("status") != "VALID" {
			t.Errorf("%s: %s\n%s", sku, r.body, body)
		}
		older := strings.Replace(c.listingPath(sku), "2021-08-01", "2020-09-01", 1)
		if r := c.call("PUT", older, strings.Replace(body, "item_name", "item_nane", 1)); r.text("status") != "INVALID" || r.text("issues", 0, "attributeName") == "" {
			t.Errorf("2020-09-01: %d %s", r.status, r.body)
		}
	}
}

func TestSearchListings(t *testing.T) {
	c := newClient(t, emulator.WithoutLimits())
	all := c.skus("")
	if len(all) != 60 {
		t.Fatalf("%d listings, want 60", len(all))
	}
	if small := c.skus("&pageSize=7"); !slices.Equal(all, small) {
		t.Error("small pages show others")
	}
	bySKU := c.skus("&sortBy=sku&sortOrder=ASC")
	if !slices.IsSorted(bySKU) || len(bySKU) != 60 {
		t.Errorf("by sku: %q", bySKU)
	}
	down := c.skus("&sortBy=sku")
	slices.Reverse(down)
	if !slices.Equal(down, bySKU) {
		t.Error("descending is not the reverse")
	}
	one := c.get(c.listingPath(all[5]))
	asin, updated := one.text("summaries", 0, "asin"), one.text("summaries", 0, "lastUpdatedDate")
	for query, want := range map[string]int{
		"&identifiersType=ASIN&identifiers=" + asin: 1, "&identifiersType=SKU&identifiers=" + url.QueryEscape(all[5]) + "," + url.QueryEscape(all[9]): 2,
		"&lastUpdatedAfter=" + updated: 6, "&lastUpdatedBefore=" + updated: 55, "&withStatus=BUYABLE": 60, "&withoutStatus=BUYABLE": 0, "&withIssueSeverity=WARNING": 6, "&withIssueSeverity=ERROR": 0,
		"&identifiersType=UPC&identifiers=000": 0, "&variationParentSku=x": 0, "&createdAfter=2020-01-01T00:00:00Z&createdBefore=2026-03-01T12:00:00Z": 60,
	} {
		if n := len(c.skus(query)); n != want {
			t.Errorf("%s: %d, want %d", query, n, want)
		}
	}
	base := "/listings/2021-08-01/items/" + c.Credentials().SellerID + "?marketplaceIds=" + us
	for _, bad := range []string{"&identifiers=x", "&identifiersType=SKU", "&pageSize=21", "&pageSize=0", "&pageToken=x", "&sortBy=price", "&variationParentSku=a&packageHierarchySku=b", "&createdAfter=then"} {
		if r := c.get(base + bad); r.status != 400 {
			t.Errorf("%s: %d", bad, r.status)
		}
	}
	first := c.get(base + "&pageSize=20")
	second := c.get(base + "&pageSize=20&pageToken=" + url.QueryEscape(first.text("pagination", "nextToken")))
	back := c.get(base + "&pageSize=20&pageToken=" + url.QueryEscape(second.text("pagination", "previousToken")))
	if back.text("items", 0, "sku") != all[0] || fmt.Sprint(first.path("numberOfResults")) != "60" {
		t.Errorf("back: %s", back.body)
	}
}

func TestProductTypes(t *testing.T) {
	c := newClient(t, emulator.WithoutLimits())
	base := "/definitions/2020-09-01/productTypes"
	for query, want := range map[string]string{"&keywords=lamp": "LAMP", "&keywords=F%C3%BCllfederhalter": "WRITING_INSTRUMENT", "&itemName=Blue%20Scissors": "SCISSORS"} {
		if r := c.get(base + "?marketplaceIds=" + us + query); r.text("productTypes", 0, "name") != want {
			t.Errorf("%s: %s", query, r.body)
		}
	}
	if r := c.get(base + "?marketplaceIds=" + us); len(r.path("productTypes").([]any)) < 10 {
		t.Errorf("all: %s", r.body)
	}
	if r := c.get(base + "?marketplaceIds=" + us + "&keywords=a&itemName=b"); r.status != 400 {
		t.Errorf("keywords and itemName: %d", r.status)
	}
	if r := c.get(base + "/NO_SUCH?marketplaceIds=" + us); r.status != 404 {
		t.Errorf("unknown type: %d", r.status)
	}
	for _, requirements := range []string{"LISTING", "LISTING_PRODUCT_ONLY", "LISTING_OFFER_ONLY"} {
		r := c.get(base + "/LAMP?requirements=" + requirements + "&marketplaceIds=" + us)
		for _, name := range []string{"schema", "metaSchema"} {
			link := r.text(name, "link", "resource")
			got := c.do("GET", link, nil, "") // without a token, as from Amazon's bucket
			sum := md5.Sum([]byte(got.body))
			if got.status != 200 || base64.StdEncoding.EncodeToString(sum[:]) != r.text(name, "checksum") {
				t.Fatalf("%s: %d %s", link, got.status, got.body)
			}
			if name == "metaSchema" {
				continue
			}
			if got.text("$schema") != "https://schemas.amazon.com/selling-partners/definitions/product-types/meta-schema/v1" || got.text("$defs", "marketplace_id", "default") != us {
				t.Errorf("schema: %s", got.body)
			}
			properties := got.path("properties").(map[string]any)
			for _, must := range got.path("required").([]any) {
				if properties[must.(string)] == nil {
					t.Errorf("%s requires %v but doesn't have it", requirements, must)
				}
			}
			if _, has := properties["item_name"]; has != (requirements != "LISTING_OFFER_ONLY") {
				t.Errorf("item_name in %s: %v", requirements, has)
			}
		}
	}
	// On a port the link leads to that port.
	r := c.do("GET", "http://127.0.0.1:8080"+base+"/LAMP?marketplaceIds="+us, http.Header{"X-Amz-Access-Token": {c.token}}, "")
	if link := r.text("schema", "link", "resource"); !strings.HasPrefix(link, "http://127.0.0.1:8080/") || c.do("GET", link, nil, "").status != 200 {
		t.Errorf("on a port: %s", link)
	}
	link := c.get(base+"/LAMP?marketplaceIds="+us).text("schema", "link", "resource")
	if r := c.do("GET", strings.Replace(link, "LAMP", "X", 1), nil, ""); r.status != 404 {
		t.Errorf("no such schema: %d", r.status)
	}
	if r := c.do("GET", link[:strings.Index(link, "?")], nil, ""); r.status != 403 {
		t.Errorf("without a signature: %d", r.status)
	}
	c.Advance(7 * 24 * time.Hour)
	if r := c.do("GET", link, nil, ""); r.status != 403 || !strings.Contains(r.body, "<Message>Request has expired</Message><X-Amz-Expires>") {
		t.Errorf("after seven days: %d %s", r.status, r.body)
	}
}

// TestRestrictionsHold finds a restricted condition and wants listings in it to be refused, and others not.
func TestRestrictionsHold(t *testing.T) {
	c := newClient(t, emulator.WithoutLimits())
	refused, allowed := 0, 0
	for _, sku := range c.skus("")[:20] {
		asin := c.get(c.listingPath(sku)).text("summaries", 0, "asin")
		r := c.get("/listings/2021-08-01/restrictions?asin=" + asin + "&conditionType=used_good&sellerId=" + c.Credentials().SellerID + "&marketplaceIds=" + us)
		restricted := len(r.path("restrictions").([]any)) > 0
		body := `{"productType":"PRODUCT","requirements":"LISTING_OFFER_ONLY","attributes":{"merchant_suggested_asin":[{"value":"` + asin + `"}],"condition_type":[{"value":"used_good"}],
			"purchasable_offer":[{"our_price":[{"schedule":[{"value_with_tax":3}]}]}],"fulfillment_availability":[{"fulfillment_channel_code":"DEFAULT","quantity":1}]}}`
		put := c.call("PUT", c.listingPath("used "+asin), body)
		if restricted {
			refused++
			if put.text("status") != "INVALID" || put.text("issues", 0, "categories", 0) != "QUALIFICATION_REQUIRED" || r.text("restrictions", 0, "reasons", 0, "reasonCode") == "" {
				t.Errorf("restricted, but %s", put.body)
			}
			continue
		}
		allowed++
		if got := c.get(c.listingPath("used " + asin)); put.text("status") != "ACCEPTED" || got.text("summaries", 0, "asin") != asin || got.text("summaries", 0, "conditionType") != "used_good" {
			t.Errorf("not restricted, but %s %s", put.body, got.body)
		}
	}
	if refused == 0 || allowed == 0 {
		t.Errorf("%d refused, %d allowed", refused, allowed)
	}
	if r := c.get("/listings/2021-08-01/restrictions?asin=B0ZZZZZZZZ&sellerId=" + c.Credentials().SellerID + "&marketplaceIds=" + us); r.text("restrictions", 0, "reasons", 0, "reasonCode") != "ASIN_NOT_FOUND" {
		t.Errorf("unknown ASIN: %s", r.body)
	}
}
