package catalogitems

import (
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"

	"github.com/openspapi/spapi/emulator/internal/answer"
	"github.com/openspapi/spapi/emulator/internal/desk"
	"github.com/openspapi/spapi/emulator/internal/format"
	"github.com/openspapi/spapi/emulator/internal/world"
	"github.com/openspapi/spapi/marketplace"
)

// V20220401 is the API of catalog items, version 2022-04-01.
var V20220401 = desk.Flow{News: news, Changes: watch, Handlers: map[string]desk.Handler{
	"catalogitems20220401.searchCatalogItems": searchCatalogItems,
	"catalogitems20220401.getCatalogItem":     getCatalogItem2022,
}}

// defaultPageSize is that of searchCatalogItems (selling-partner-api-models, catalogItems_2022-04-01).
const defaultPageSize = 10

func getCatalogItem2022(c *desk.Call) (answer.Reply, *answer.Error) {
	var markets []*marketplace.Marketplace
	for _, id := range c.Query["marketplaceIds"] {
		m, err := c.MarketplaceOf("marketplaceIds", id)
		if err != nil {
			return answer.Reply{}, err
		}
		markets = append(markets, m)
	}
	asin := c.Path["asin"]
	if !isASIN(asin) {
		return answer.Reply{}, answer.InvalidParameter("asin", `"`+asin+`" is not an ASIN`) // selling-partner-api-models#3013
	}
	p := c.Item(asin)
	if p == nil {
		return answer.Reply{}, desk.ItemNotFound(asin, strings.Join(c.Query["marketplaceIds"], ", "))
	}
	return answer.OK(item2022(p, markets, c.Query["includedData"])), nil
}

func searchCatalogItems(c *desk.Call) (answer.Reply, *answer.Error) {
	pg, problem := c.Page("pageToken", "includedData", "locale")
	if problem != nil {
		return answer.Reply{}, answer.InvalidParameter("pageToken", problem.Error())
	}
	q := pg.Args
	m, err := c.MarketplaceOf("marketplaceIds", q.Get("marketplaceIds"))
	if err != nil {
		return answer.Reply{}, err
	}
	// The rules between parameters are those of the model's notes.
	switch {
	case q.Has("keywords") && q.Has("identifiers"):
		return answer.Reply{}, answer.InvalidParameter("keywords", "can't be used with identifiers")
	case !q.Has("keywords") && !q.Has("identifiers"):
		return answer.Reply{}, answer.MissingParameter("keywords", "one of keywords, identifiers is required")
	case q.Has("identifiers") && !q.Has("identifiersType"):
		return answer.Reply{}, answer.MissingParameter("identifiersType", "required with identifiers")
	case q.Get("identifiersType") == "SKU" && !q.Has("sellerId"):
		return answer.Reply{}, answer.MissingParameter("sellerId", "required when identifiersType is SKU")
	}
	if q.Get("identifiersType") == "ASIN" {
		for _, id := range q["identifiers"] {
			if !isASIN(id) { // all fail with one, which isn't named (selling-partner-api-models#2894)
				return answer.Reply{}, answer.InvalidParameter("asin", `"`+id+`" is not an ASIN`)
			}
		}
	}
	for _, name := range []string{"brandNames", "classificationIds", "keywordsLocale"} {
		if q.Has("identifiers") && q.Has(name) {
			return answer.Reply{}, answer.InvalidParameter(name, "can't be used with identifiers")
		}
	}
	size := defaultPageSize
	if text := q.Get("pageSize"); text != "" {
		size, _ = strconv.Atoi(text)
		if size < 1 {
			return answer.Reply{}, answer.InvalidParameter("pageSize", "is below the minimum of 1")
		}
	}
	var found []*world.Product
	for _, p := range c.Items() {
		if searchFinds(p, c.Seller, m, q) {
			found = append(found, p)
		}
	}
	part, more := desk.Cut(found, pg.Start, size)
	items := []object{}
	for _, p := range part {
		items = append(items, item2022(p, []*marketplace.Marketplace{m}, c.Query["includedData"]))
	}
	var refined any
	if q.Has("keywords") {
		refined = refinements(found)
	}
	return answer.OK(results(c, pg, size, len(found), more, refined, items)), nil
}

// results is one page of a search, with its members in the order of selling-partner-api-models#538.
func results(c *desk.Call, pg *desk.Page, size, total int, more bool, refined any, items []object) format.Record {
	return format.Record{{"numberOfResults", total}, {"pagination", desk.Pagination(c, pg, size, more)}, {"refinements", refined}, {"items", items}}
}

// asinPattern is the form of ASINs: a B and nine capitals or digits, or the ISBN of a book.
var asinPattern = sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(`^(B[0-9A-Z]{9}|[0-9]{9}[0-9X])$`) })

func isASIN(text string) bool { return asinPattern().MatchString(text) }

func searchFinds(p *world.Product, a *desk.Seller, m *marketplace.Marketplace, q map[string][]string) bool {
	if ids := q["identifiers"]; ids != nil {
		switch q["identifiersType"][0] {
		case "ASIN":
			return slices.Contains(ids, p.ASIN)
		case "SKU":
			return slices.Contains(ids, p.SKU) && q["sellerId"][0] == a.ID
		case "UPC":
			return slices.Contains(ids, p.UPC)
		case "EAN", "JAN":
			return slices.Contains(ids, p.EAN)
		case "GTIN":
			return slices.Contains(ids, "0"+p.EAN) || slices.Contains(ids, p.EAN)
		}
		return false
	}
	if !p.MatchesIn(strings.Join(q["keywords"], " "), m) {
		return false
	}
	if b := q["brandNames"]; b != nil && !slices.Contains(b, p.Brand) {
		return false
	}
	ids := q["classificationIds"]
	return ids == nil || slices.Contains(ids, p.Kind.CategoryN) || slices.Contains(ids, world.OfficeCategory)
}

func refinements(found []*world.Product) object {
	brandCount, classCount := map[string]int{}, map[string]int{}
	names := map[string]string{}
	for _, p := range found {
		brandCount[p.Brand]++
		classCount[p.Kind.CategoryN]++
		names[p.Kind.CategoryN] = p.Kind.Category
	}
	byBrand, byClass := []object{}, []object{}
	for b := range format.SortedKeys(brandCount) {
		byBrand = append(byBrand, object{"numberOfResults": brandCount[b], "brandName": b})
	}
	for id := range format.SortedKeys(classCount) {
		byClass = append(byClass, object{"numberOfResults": classCount[id], "displayName": names[id], "classificationId": id})
	}
	return object{"brands": byBrand, "classifications": byClass}
}

// item2022 shows the data sets that were asked for; summaries when none was.
func item2022(p *world.Product, markets []*marketplace.Marketplace, included []string) object {
	if len(included) == 0 {
		included = []string{"summaries"}
	}
	item := object{"asin": p.ASIN}
	for _, set := range included {
		if set == "attributes" { // the only set that is not a list by marketplace
			item[set] = attributes2022(p, markets)
			continue
		}
		list := []format.Record{}
		for _, m := range markets {
			if o := dataSet2022(set, p, m); o != nil {
				list = append(list, format.First("marketplaceId", m.ID, o))
			}
		}
		item[set] = list
	}
	return item
}

func attributes2022(p *world.Product, markets []*marketplace.Marketplace) object {
	attributes := object{}
	add := func(name string, value object) {
		list, _ := attributes[name].([]object)
		attributes[name] = append(list, value)
	}
	for _, m := range markets {
		text := func(name, value string) {
			add(name, object{"value": value, "language_tag": m.Language, "marketplace_id": m.ID})
		}
		text("item_name", p.TitleIn(m))
		text("brand", p.Brand)
		if p.IsParent() {
			text("bullet_point", "Made for everyday writing & drawing")
			continue
		}
		text("color", p.Color)
		text("size", p.Size)
		text("bullet_point", "Made for everyday writing & drawing")
		text("bullet_point", "Size: "+p.Size+"\tColor: "+p.Color)
		add("part_number", object{"value": p.Part, "marketplace_id": m.ID})
		add("item_package_quantity", object{"value": p.Pack, "marketplace_id": m.ID})
		price := world.PriceIn(p.Cents, m)
		add("list_price", object{"value": price.Number(), "currency": price.Currency, "marketplace_id": m.ID})
		add("externally_assigned_product_identifier", object{"type": "ean", "value": p.EAN, "marketplace_id": m.ID})
	}
	for _, name := range world.ContentAttributes {
		var list []any
		for _, m := range markets {
			list = append(list, p.Content(name, m)...)
		}
		if len(list) > 0 {
			attributes[name] = list
		}
	}
	return attributes
}

// imageAttributes are those of a listing by the variant of the picture.
var imageAttributes = map[string]string{"MAIN": "main_product_image_locator", "PT01": "other_product_image_locator_1"}

// dataSet2022 is one data set in one marketplace, without its marketplaceId; nil when the product has none.
func dataSet2022(set string, p *world.Product, m *marketplace.Marketplace) object {
	classification := object{
		"displayName": p.Kind.Category, "classificationId": p.Kind.CategoryN,
		"parent": object{"displayName": "Office Products", "classificationId": world.OfficeCategory},
	}
	switch set {
	case "classifications":
		return object{"classifications": []object{classification}}
	case "dimensions":
		if p.IsParent() {
			return object{}
		}
		side := func(mm int) object { return object{"unit": "centimeters", "value": format.Double(float64(mm) / 10)} }
		box := func(margin int) object {
			return object{
				"length": side(p.Millimeters[0] + margin), "width": side(p.Millimeters[1] + margin), "height": side(p.Millimeters[2] + margin),
				"weight": object{"unit": "kilograms", "value": format.Double(float64(p.Grams+margin) / 1000)},
			}
		}
		return object{"item": box(0), "package": box(10)}
	case "identifiers":
		if p.IsParent() {
			return object{"identifiers": []object{}}
		}
		return object{"identifiers": []object{
			{"identifierType": "EAN", "identifier": p.EAN}, {"identifierType": "GTIN", "identifier": "0" + p.EAN},
			{"identifierType": "SKU", "identifier": p.SKU}, {"identifierType": "UPC", "identifier": p.UPC},
		}}
	case "images":
		var images []object
		for _, variant := range []string{"MAIN", "PT01"} {
			link := world.ImageOf(p, variant)
			if list := p.Content(imageAttributes[variant], m); len(list) > 0 {
				link = format.Member(list[0], "media_location")
			}
			images = append(images, object{"variant": variant, "link": link, "height": 1500, "width": 1500})
		}
		return object{"images": images}
	case "productTypes":
		return object{"productType": p.Kind.Type}
	case "relationships":
		return object{"relationships": relationships2022(p)}
	case "salesRanks":
		return object{
			"classificationRanks": []object{{"classificationId": p.Kind.CategoryN, "title": p.Kind.Category, "link": "https://" + m.Storefront + "/gp/bestsellers/office-products/" + p.Kind.CategoryN, "rank": p.Rank/100 + 1}},
			"displayGroupRanks":   []object{{"websiteDisplayGroup": "office_product_display_on_website", "title": "Office Products", "link": "https://" + m.Storefront + "/gp/bestsellers/office-products", "rank": p.Rank}},
		}
	case "summaries":
		summary := object{
			"adultProduct": false, "autographed": false, "memorabilia": false, "tradeInEligible": false,
			"brand": p.Brand, "browseClassification": object{"displayName": p.Kind.Category, "classificationId": p.Kind.CategoryN},
			"itemClassification": "VARIATION_PARENT", "itemName": p.TitleIn(m), "manufacturer": p.Brand, "modelNumber": p.Part, "partNumber": p.Part,
			"websiteDisplayGroup": "office_product_display_on_website", "websiteDisplayGroupName": "Office Products",
		}
		if !p.IsParent() {
			summary["itemClassification"], summary["color"], summary["size"], summary["packageQuantity"] = "BASE_PRODUCT", p.Color, p.Size, p.Pack
		}
		return summary
	}
	return nil // vendorDetails: for vendors only
}

// relationships2022 is that data set of catalog items 2022-04-01.
func relationships2022(p *world.Product) []object {
	if p.Family == nil {
		return []object{}
	}
	r := object{"type": "VARIATION", "variationTheme": object{"attributes": []string{"color", "size"}, "theme": "COLOR_NAME/SIZE_NAME"}}
	if p.IsParent() {
		r["childAsins"] = p.Relatives()
	} else {
		r["parentAsins"] = p.Relatives()
	}
	return []object{r}
}
