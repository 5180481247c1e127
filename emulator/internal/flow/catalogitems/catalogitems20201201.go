package catalogitems

import (
	"slices"
	"strconv"
	"strings"

	"github.com/openspapi/spapi/emulator/internal/answer"
	"github.com/openspapi/spapi/emulator/internal/desk"
	"github.com/openspapi/spapi/emulator/internal/format"
	"github.com/openspapi/spapi/emulator/internal/world"
	"github.com/openspapi/spapi/marketplace"
)

type object = format.Object

// V20201201 is the API of catalog items, version 2020-12-01.
var V20201201 = desk.Flow{Handlers: map[string]desk.Handler{
	"catalogitems20201201.searchCatalogItems": searchCatalogItems2020,
	"catalogitems20201201.getCatalogItem":     getCatalogItem2020,
}}

func getCatalogItem2020(c *desk.Call) (answer.Reply, *answer.Error) {
	var markets []*marketplace.Marketplace
	for _, id := range c.Query["marketplaceIds"] {
		m, err := c.MarketplaceOf("marketplaceIds", id)
		if err != nil {
			return answer.Reply{}, err
		}
		markets = append(markets, m)
	}
	p := c.Item(c.Path["asin"])
	if p == nil {
		return answer.Reply{}, desk.ItemNotFound(c.Path["asin"], "["+strings.Join(c.Query["marketplaceIds"], ", ")+"]")
	}
	return answer.OK(item2020(p, markets, c.Query["includedData"])), nil
}

// searchCatalogItems2020 takes words and identifiers alike as keywords.
func searchCatalogItems2020(c *desk.Call) (answer.Reply, *answer.Error) {
	pg, problem := c.Page("pageToken", "includedData", "locale")
	if problem != nil {
		return answer.Reply{}, answer.InvalidParameter("pageToken", problem.Error())
	}
	q := pg.Args
	m, err := c.MarketplaceOf("marketplaceIds", q.Get("marketplaceIds"))
	if err != nil {
		return answer.Reply{}, err
	}
	size := defaultPageSize
	if text := q.Get("pageSize"); text != "" {
		if size, _ = strconv.Atoi(text); size < 1 {
			return answer.Reply{}, answer.InvalidParameter("pageSize", "is below the minimum of 1")
		}
	}
	words := q["keywords"]
	var found []*world.Product
	for _, p := range c.Items() {
		byID := slices.ContainsFunc(words, func(s string) bool { return s == p.ASIN || s == p.EAN || s == p.UPC })
		if !byID && !p.MatchesIn(strings.Join(words, " "), m) || !world.Among(q["brandNames"], p.Brand) {
			continue
		}
		if ids := q["classificationIds"]; ids == nil || slices.Contains(ids, p.Kind.CategoryN) || slices.Contains(ids, world.OfficeCategory) {
			found = append(found, p)
		}
	}
	part, more := desk.Cut(found, pg.Start, size)
	items := []object{}
	for _, p := range part {
		items = append(items, item2020(p, []*marketplace.Marketplace{m}, c.Query["includedData"]))
	}
	return answer.OK(results(c, pg, size, len(found), more, refinements(found), items)), nil
}

// item2020 shows the data sets that were asked for; summaries when none was.
func item2020(p *world.Product, markets []*marketplace.Marketplace, included []string) object {
	if len(included) == 0 {
		included = []string{"summaries"}
	}
	item := object{"asin": p.ASIN}
	for _, set := range included {
		if set == "attributes" {
			item[set] = attributes2022(p, markets)
			continue
		}
		list := []format.Record{}
		for _, m := range markets {
			var o object
			switch set {
			case "identifiers", "images", "productTypes": // the same in the version after
				o = dataSet2022(set, p, m)
			case "salesRanks":
				var ranks []object
				later := dataSet2022(set, p, m)
				for _, name := range []string{"displayGroupRanks", "classificationRanks"} {
					for _, r := range later[name].([]object) {
						ranks = append(ranks, object{"title": r["title"], "link": r["link"], "rank": r["rank"]})
					}
				}
				o = object{"ranks": ranks}
			case "summaries":
				o = object{
					"brandName": p.Brand, "browseNode": p.Kind.CategoryN, "colorName": p.Color, "itemName": p.TitleIn(m), "manufacturer": p.Brand,
					"modelNumber": p.Part, "sizeName": p.Size, "styleName": p.Kind.Name,
				}
			}
			if set == "variations" && p.Family != nil {
				// The type is that of the item's relatives to it.
				o = object{"asins": p.Relatives(), "variationType": map[bool]string{true: "CHILD", false: "PARENT"}[p.IsParent()]}
			}
			if o != nil { // vendorDetails are for vendors only
				list = append(list, format.First("marketplaceId", m.ID, o))
			}
		}
		item[set] = list
	}
	return item
}
