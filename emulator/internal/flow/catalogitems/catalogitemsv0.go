// Package catalogitems answers for catalog items.
package catalogitems

import (
	"cmp"
	"slices"
	"strings"

	"github.com/openspapi/spapi/emulator/internal/answer"
	"github.com/openspapi/spapi/emulator/internal/desk"
	"github.com/openspapi/spapi/emulator/internal/format"
	"github.com/openspapi/spapi/emulator/internal/world"
	"github.com/openspapi/spapi/marketplace"
)

// V0 is the API of catalog items, version 0.
var V0 = desk.Flow{Handlers: map[string]desk.Handler{
	"catalogitemsv0.listCatalogItems":      listCatalogItems,
	"catalogitemsv0.getCatalogItem":        getCatalogItemV0,
	"catalogitemsv0.listCatalogCategories": listCatalogCategories,
}}

// checkQuery checks the parameters of an operation without schemas, and leaves out those that it doesn't have.
func checkQuery(c *desk.Call, known ...string) *answer.Error {
	for name := range format.SortedKeys(c.Query) {
		switch {
		case slices.Contains(known, name) && len(c.Query[name]) > 1:
			return answer.InvalidParameter(name, "given more than once")
		case slices.Contains(known, name):
		case c.Desk.Options.StrictParameters:
			return c.UnknownParameter(name)
		default:
			delete(c.Query, name)
		}
	}
	return nil
}

func listCatalogItems(c *desk.Call) (answer.Reply, *answer.Error) {
	if err := checkQuery(c, "MarketplaceId", "Query", "QueryContextId", "SellerSKU", "UPC", "EAN", "ISBN", "JAN"); err != nil {
		return answer.Reply{}, err
	}
	m, err := c.MarketplaceOf("MarketplaceId", c.Query.Get("MarketplaceId"))
	if err != nil {
		return answer.Reply{}, err
	}
	given := 0
	for _, name := range []string{"Query", "SellerSKU", "UPC", "EAN", "ISBN", "JAN"} {
		if c.Query.Get(name) != "" {
			given++
		}
	}
	if given == 0 {
		// selling-partner-api-models#134; there is no parameter of that name.
		return answer.Reply{}, answer.Invalid("Required parameter IdType not found", "Query: one of Query, SellerSKU, UPC, EAN, ISBN, JAN is required")
	}
	if context := cmp.Or(c.Query.Get("QueryContextId"), "All"); c.Query.Get("Query") != "" && !hasContext(m, context) {
		return answer.Reply{}, answer.Invalid(context+" is not a valid QueryContextId for marketplace "+m.ID, "QueryContextId: the marketplace has no such one")
	}
	items := []object{}
	for _, p := range c.Items() {
		if len(items) == 10 { // "a maximum of ten products"
			break
		}
		q := c.Query
		if (q.Get("Query") == "" || p.MatchesIn(q.Get("Query"), m)) && world.Same(q.Get("SellerSKU"), p.SKU) && world.Same(q.Get("UPC"), p.UPC) &&
			world.Same(q.Get("EAN"), p.EAN) && world.Same(q.Get("JAN"), p.EAN) && q.Get("ISBN") == "" {
			items = append(items, itemV0(p, m))
		}
	}
	return answer.Payload(object{"Items": items}), nil
}

// hasContext tells whether a marketplace has a context for queries. "All", which is meant where nothing is said, was refused in Germany
// (selling-partner-api-docs#770); that the United States alone have it is assumed, and that any other word is one.
func hasContext(m *marketplace.Marketplace, context string) bool {
	return context != "All" || m.CountryCode == "US"
}

func getCatalogItemV0(c *desk.Call) (answer.Reply, *answer.Error) {
	if err := checkQuery(c, "MarketplaceId"); err != nil {
		return answer.Reply{}, err
	}
	m, err := c.MarketplaceOf("MarketplaceId", c.Query.Get("MarketplaceId"))
	if err != nil {
		return answer.Reply{}, err
	}
	p := c.Item(c.Path["asin"])
	if p == nil {
		return answer.Payload(object{"Identifiers": object{}}), nil // selling-partner-api-models#1375
	}
	return answer.Payload(itemV0(p, m)), nil
}

func itemV0(p *world.Product, m *marketplace.Marketplace) object {
	price := world.PriceIn(p.Cents, m)
	relatives := []object{}
	for _, asin := range p.Relatives() {
		relatives = append(relatives, object{"Identifiers": object{"MarketplaceASIN": object{"MarketplaceId": m.ID, "ASIN": asin}}})
	}
	inches := func(mm int) object {
		return object{"value": format.Double(float64(mm*100/254) / 10), "Units": "inches"}
	}
	dimensions := func(margin int) object {
		return object{
			"Length": inches(p.Millimeters[0] + margin), "Width": inches(p.Millimeters[1] + margin), "Height": inches(p.Millimeters[2] + margin),
			"Weight": object{"value": format.Double(float64((p.Grams+margin)*1000/4536) / 100), "Units": "pounds"},
		}
	}
	return object{
		"Identifiers": object{"MarketplaceASIN": object{"MarketplaceId": m.ID, "ASIN": p.ASIN}},
		"AttributeSets": []object{{
			"Binding":           "Office Product",
			"Brand":             p.Brand,
			"Color":             p.Color,
			"ItemDimensions":    dimensions(0),
			"Label":             p.Brand,
			"ListPrice":         object{"Amount": price.Number(), "CurrencyCode": price.Currency},
			"Manufacturer":      p.Brand,
			"Model":             p.Part,
			"PackageDimensions": dimensions(10),
			"PackageQuantity":   p.Pack,
			"PartNumber":        p.Part,
			"ProductGroup":      "Office Product",
			"ProductTypeName":   p.Kind.Type,
			"Publisher":         p.Brand,
			"Size":              p.Size,
			"SmallImage": object{
				"URL":    "https://m.media-amazon.com/images/I/" + p.ASIN + "._SL75_.jpg",
				"Height": object{"value": 75, "Units": "pixels"},
				"Width":  object{"value": 75, "Units": "pixels"},
			},
			"Studio": p.Brand,
			"Title":  p.TitleIn(m),
		}},
		"Relationships": relatives,
		"SalesRankings": []object{{"ProductCategoryId": "office_product_display_on_website", "Rank": p.Rank}, {"ProductCategoryId": p.Kind.CategoryN, "Rank": p.Rank/100 + 1}},
	}
}

func listCatalogCategories(c *desk.Call) (answer.Reply, *answer.Error) {
	if _, err := c.MarketplaceOf("MarketplaceId", c.Query.Get("MarketplaceId")); err != nil {
		return answer.Reply{}, err
	}
	asin, sku := c.Query.Get("ASIN"), c.Query.Get("SellerSKU")
	if asin == "" && sku == "" {
		return answer.Reply{}, answer.MissingParameter("ASIN", "one of ASIN, SellerSKU is required")
	}
	for _, p := range c.Items() {
		if world.Same(asin, p.ASIN) && world.Same(sku, p.SKU) {
			return answer.Payload([]object{{
				"ProductCategoryId":   p.Kind.CategoryN,
				"ProductCategoryName": p.Kind.Category,
				"parent":              object{"ProductCategoryId": world.OfficeCategory, "ProductCategoryName": "Office Products"},
			}}), nil
		}
	}
	return answer.Reply{}, desk.ItemNotFound(strings.TrimSpace(asin+" "+sku), c.Query.Get("MarketplaceId"))
}
