package emulator

import (
	"strings"

	"github.com/openspapi/spapi/emulator/internal/format"
	"github.com/openspapi/spapi/emulator/internal/world"
	"github.com/openspapi/spapi/marketplace"
)

var catalogV0Flow = flow{handlers: map[string]handler{
	"catalogitemsv0.listCatalogItems":      listCatalogItems,
	"catalogitemsv0.getCatalogItem":        getCatalogItemV0,
	"catalogitemsv0.listCatalogCategories": listCatalogCategories,
}}

// marketplaceOf returns the marketplace that a request names, which must be one of the seller's.
func (c *call) marketplaceOf(parameter, id string) (*marketplace.Marketplace, *apiError) {
	if id == "" {
		return nil, invalid("Missing request parameter: "+parameter, parameter+": required")
	}
	for i := range c.account.Marketplaces {
		if c.account.Marketplaces[i].ID == id {
			return &c.account.Marketplaces[i], nil
		}
	}
	if _, ok := marketplace.ByID(id); !ok {
		return nil, invalidParameter(parameter, `"`+id+`" is not a marketplace id`)
	}
	return nil, denied(detailsNone) // another region's or not the seller's: selling-partner-api-models#914
}

// checkQuery refuses parameters that an operation without schemas doesn't have.
func (c *call) checkQuery(known ...string) *apiError {
	for name := range format.SortedKeys(c.query) {
		found := false
		for _, k := range known {
			found = found || k == name
		}
		if !found {
			return invalidParameter(name, "not a parameter of "+c.op.Name)
		}
		if len(c.query[name]) > 1 {
			return invalidParameter(name, "given more than once")
		}
	}
	return nil
}

func listCatalogItems(c *call) (reply, *apiError) {
	if err := c.checkQuery("MarketplaceId", "Query", "QueryContextId", "SellerSKU", "UPC", "EAN", "ISBN", "JAN"); err != nil {
		return reply{}, err
	}
	m, err := c.marketplaceOf("MarketplaceId", c.query.Get("MarketplaceId"))
	if err != nil {
		return reply{}, err
	}
	given := 0
	for _, name := range []string{"Query", "SellerSKU", "UPC", "EAN", "ISBN", "JAN"} {
		if c.query.Get(name) != "" {
			given++
		}
	}
	if given == 0 {
		// selling-partner-api-models#134; there is no parameter of that name.
		return reply{}, invalid("Required parameter IdType not found", "Query: one of Query, SellerSKU, UPC, EAN, ISBN, JAN is required")
	}
	items := []object{}
	for _, p := range c.items() {
		if len(items) == 10 { // "a maximum of ten products"
			break
		}
		q := c.query
		if (q.Get("Query") == "" || p.MatchesIn(q.Get("Query"), m)) && world.Same(q.Get("SellerSKU"), p.SKU) && world.Same(q.Get("UPC"), p.UPC) &&
			world.Same(q.Get("EAN"), p.EAN) && world.Same(q.Get("JAN"), p.EAN) && q.Get("ISBN") == "" {
			items = append(items, itemV0(p, m))
		}
	}
	return payload(object{"Items": items}), nil
}

func getCatalogItemV0(c *call) (reply, *apiError) {
	if err := c.checkQuery("MarketplaceId"); err != nil {
		return reply{}, err
	}
	m, err := c.marketplaceOf("MarketplaceId", c.query.Get("MarketplaceId"))
	if err != nil {
		return reply{}, err
	}
	p := c.item(c.path["asin"])
	if p == nil {
		return reply{}, itemNotFound(c.path["asin"], m.ID)
	}
	return payload(itemV0(p, m)), nil
}

func itemV0(p *world.Product, m *marketplace.Marketplace) object {
	price := world.PriceIn(p.Cents, m)
	relatives := []object{}
	for _, asin := range p.Relatives() {
		relatives = append(relatives, object{"Identifiers": object{"MarketplaceASIN": object{"MarketplaceId": m.ID, "ASIN": asin}}})
	}
	inches := func(mm int) object { return object{"value": float64(mm*100/254) / 10, "Units": "inches"} }
	dimensions := func(margin int) object {
		return object{
			"Length": inches(p.Millimeters[0] + margin), "Width": inches(p.Millimeters[1] + margin), "Height": inches(p.Millimeters[2] + margin),
			"Weight": object{"value": float64((p.Grams+margin)*1000/4536) / 100, "Units": "pounds"},
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

func listCatalogCategories(c *call) (reply, *apiError) {
	if _, err := c.marketplaceOf("MarketplaceId", c.query.Get("MarketplaceId")); err != nil {
		return reply{}, err
	}
	asin, sku := c.query.Get("ASIN"), c.query.Get("SellerSKU")
	if asin == "" && sku == "" {
		return reply{}, invalid("Missing request parameter: ASIN", "ASIN: one of ASIN, SellerSKU is required")
	}
	for _, p := range c.items() {
		if world.Same(asin, p.ASIN) && world.Same(sku, p.SKU) {
			return payload([]object{{
				"ProductCategoryId":   p.Kind.CategoryN,
				"ProductCategoryName": p.Kind.Category,
				"parent":              object{"ProductCategoryId": world.OfficeCategory, "ProductCategoryName": "Office Products"},
			}}), nil
		}
	}
	return reply{}, itemNotFound(strings.TrimSpace(asin+" "+sku), c.query.Get("MarketplaceId"))
}

// itemNotFound is as in jasara/php-amzn-selling-partner-api#10; jlevers/selling-partner-api#451 has no brackets.
func itemNotFound(item string, marketplaces ...string) *apiError {
	e := notFound("Requested item, " + item + ", not found in marketplace(s) [" + strings.Join(marketplaces, ", ") + "].")
	e.code, e.details = "NOT_FOUND", nil
	return e
}
