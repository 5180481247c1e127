package emulator_test

import (
	"encoding/json"
	"net/url"
	"slices"
	"strings"
	"testing"

	"github.com/openspapi/spapi/emulator"
)

func TestSearchCatalogItems(t *testing.T) {
	c := newClient(t)
	base := "/catalog/2022-04-01/items?marketplaceIds=" + us
	seen := map[string]bool{}
	token, pages := "", 0
	for {
		path := base + "&keywords=pen&pageSize=7&includedData=summaries,identifiers"
		if token != "" {
			path += "&pageToken=" + url.QueryEscape(token)
		}
		c.clock.advance(1e9)
		r := c.get(path)
		if r.status != 200 {
			t.Fatalf("%d %s", r.status, r.body)
		}
		items, _ := r.path("items").([]any)
		for i := range items {
			asin := r.text("items", i, "asin")
			if seen[asin] {
				t.Errorf("%s twice", asin)
			}
			seen[asin] = true
			if name := r.text("items", i, "summaries", 0, "itemName"); !strings.Contains(name, "Pen") {
				t.Errorf("%q is no pen", name)
			}
		}
		if n := r.path("numberOfResults"); n != json.Number("20") {
			t.Errorf("numberOfResults %v", n)
		}
		pages++
		if (r.text("pagination", "previousToken") != "") != (pages > 1) {
			t.Errorf("page %d: previousToken %q", pages, r.text("pagination", "previousToken"))
		}
		if token = r.text("pagination", "nextToken"); token == "" {
			break
		}
	}
	if pages != 3 || len(seen) != 20 {
		t.Errorf("%d pages with %d items", pages, len(seen))
	}

	c.clock.advance(60e9)
	var asin string
	for asin = range seen {
		break
	}
	all := "attributes,classifications,dimensions,identifiers,images,productTypes,relationships,salesRanks,summaries,vendorDetails"
	r := c.get("/catalog/2022-04-01/items/" + asin + "?marketplaceIds=" + us + "&includedData=" + all)
	for set := range strings.SplitSeq(all, ",") {
		if r.path(set) == nil {
			t.Errorf("no %s in %d %s", set, r.status, r.body)
		}
	}
	var ean string
	for i := range 4 {
		if r.text("identifiers", 0, "identifiers", i, "identifierType") == "EAN" {
			ean = r.text("identifiers", 0, "identifiers", i, "identifier")
		}
	}
	for query, want := range map[string]string{
		"&identifiers=" + asin + "&identifiersType=ASIN": "1",
		"&identifiers=" + ean + "&identifiersType=EAN":   "1",
		"&keywords=spaceship":                            "0",
		"&keywords=gel,pens":                             "5",
	} {
		c.clock.advance(60e9)
		if r := c.get(base + query); r.path("numberOfResults") != json.Number(want) {
			t.Errorf("%s: %d %s, want %s", query, r.status, r.body, want)
		}
	}
}

func TestCatalogRefusals(t *testing.T) {
	c := newClient(t)
	base := "/catalog/2022-04-01/items?marketplaceIds=" + us
	for _, test := range []struct {
		path   string
		status int
		names  string
	}{
		{base, 400, "keywords"},
		{base + "&keywords=a&identifiers=b&identifiersType=ASIN", 400, "keywords"},
		{base + "&identifiers=b", 400, "identifiersType"},
		{base + "&identifiers=b&identifiersType=SKU", 400, "sellerId"},
		{base + "&identifiers=B000000000&identifiersType=ASIN&brandNames=c", 400, "brandNames"},
		{base + "&keywords=a&pageToken=x", 400, "pageToken"},
		{base + "&keywords=a&pageSize=21", 400, "pageSize"},
		{base + "&keywords=a&pageSize=0", 400, "pageSize"},
		{base + "&keywords=a&pageSize=x", 400, "pageSize"},
		{base + "&keywords=a&pageSize=1&pageSize=2", 400, "pageSize"},
		{base + "&keywords=a&includedData=everything", 400, "includedData"},
		{base + "&keywords=" + strings.Repeat("a,", 20) + "a", 400, "keywords"},
		{"/catalog/2022-04-01/items?keywords=a", 400, "marketplaceIds"},
		{"/catalog/2022-04-01/items?keywords=a&marketplaceIds=x", 400, "marketplaceIds"},
		{"/catalog/2022-04-01/items?keywords=a&marketplaceIds=" + us + ",A2EUQ1WTGCTBG2", 400, "marketplaceIds"},
		{"/catalog/2022-04-01/items/B0SHORT?marketplaceIds=" + us, 400, "asin"},
		{"/catalog/2022-04-01/items/B000000000?marketplaceIds=" + us, 404, "B000000000"},
		{"/catalog/2022-04-01/items?marketplaceIds=" + us + "&keywords=%zz", 400, "query"},
		{"/catalog/v0/categories?MarketplaceId=" + us, 400, "ASIN"},
		{"/catalog/v0/categories?MarketplaceId=" + us + "&ASIN=B000000000", 404, "B000000000"},
	} {
		c.clock.advance(60e9)
		r := c.get(test.path)
		if r.status != test.status || !strings.Contains(r.body, test.names) {
			t.Errorf("%s: %d %s, want %d naming %s", test.path, r.status, r.body, test.status, test.names)
		}
		if r.header.Get("x-amzn-RateLimit-Limit") == "" {
			t.Errorf("%s: no rate header", test.path)
		}
	}
}

func TestVariations(t *testing.T) {
	c := newClient(t, emulator.WithoutLimits(), emulator.WithProducts(200))
	found := c.get("/catalog/2022-04-01/items?keywords=pen&pageSize=20&includedData=relationships&marketplaceIds=" + us)
	for i := range found.path("items").([]any) {
		child, parent := found.text("items", i, "asin"), found.text("items", i, "relationships", 0, "relationships", 0, "parentAsins", 0)
		if parent == "" {
			continue
		}
		up := c.get("/catalog/2022-04-01/items/" + parent + "?includedData=attributes,dimensions,identifiers,relationships,summaries&marketplaceIds=" + us)
		children, _ := up.path("relationships", 0, "relationships", 0, "childAsins").([]any)
		if up.text("summaries", 0, "itemClassification") != "VARIATION_PARENT" || len(children) < 2 || !slices.Contains(children, any(child)) {
			t.Errorf("parent of %s: %d %s", child, up.status, up.body)
		}
		older := c.get("/catalog/2020-12-01/items/" + child + "?includedData=variations&marketplaceIds=" + us)
		if older.text("variations", 0, "variationType") != "PARENT" || older.text("variations", 0, "asins", 0) != parent {
			t.Errorf("2020-12-01: %s", older.body)
		}
		if r := c.get("/listings/2021-08-01/items/" + c.Credentials().SellerID + "?identifiersType=ASIN&identifiers=" + parent + "&marketplaceIds=" + us); r.number("numberOfResults") != 0 {
			t.Errorf("a parent is offered: %s", r.body)
		}
		return
	}
	t.Error("no item has a family")
}
