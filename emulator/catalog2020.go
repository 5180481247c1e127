package emulator

import (
	"slices"
	"strconv"
	"strings"

	"github.com/openspapi/spapi/emulator/internal/world"
	"github.com/openspapi/spapi/marketplace"
)

var catalog2020Flow = flow{handlers: map[string]handler{
	"catalogitems20201201.searchCatalogItems": searchCatalogItems2020,
	"catalogitems20201201.getCatalogItem":     getCatalogItem2020,
}}

func getCatalogItem2020(c *call) (reply, *apiError) {
	var markets []*marketplace.Marketplace
	for _, id := range c.query["marketplaceIds"] {
		m, err := c.marketplaceOf("marketplaceIds", id)
		if err != nil {
			return reply{}, err
		}
		markets = append(markets, m)
	}
	p := c.item(c.path["asin"])
	if p == nil {
		return reply{}, itemNotFound(c.path["asin"], c.query["marketplaceIds"]...)
	}
	return ok(item2020(p, markets, c.query["includedData"])), nil
}

// searchCatalogItems2020 takes words and identifiers alike as keywords.
func searchCatalogItems2020(c *call) (reply, *apiError) {
	pg, problem := c.page("pageToken", "includedData", "locale")
	if problem != nil {
		return reply{}, invalidParameter("pageToken", problem.Error())
	}
	q := pg.args
	m, err := c.marketplaceOf("marketplaceIds", q.Get("marketplaceIds"))
	if err != nil {
		return reply{}, err
	}
	size := defaultPageSize
	if text := q.Get("pageSize"); text != "" {
		if size, _ = strconv.Atoi(text); size < 1 {
			return reply{}, invalidParameter("pageSize", "is below the minimum of 1")
		}
	}
	words := q["keywords"]
	var found []*world.Product
	for _, p := range c.items() {
		byID := slices.ContainsFunc(words, func(s string) bool { return s == p.ASIN || s == p.EAN || s == p.UPC })
		if !byID && !p.MatchesIn(strings.Join(words, " "), m) || !world.Among(q["brandNames"], p.Brand) {
			continue
		}
		if ids := q["classificationIds"]; ids == nil || slices.Contains(ids, p.Kind.CategoryN) || slices.Contains(ids, world.OfficeCategory) {
			found = append(found, p)
		}
	}
	part, more := cut(found, pg.Start, size)
	items := []object{}
	for _, p := range part {
		items = append(items, item2020(p, []*marketplace.Marketplace{m}, c.query["includedData"]))
	}
	pagination := object{}
	if more {
		pagination["nextToken"] = c.token(pg, pg.Start+size)
	}
	if pg.Start > 0 {
		pagination["previousToken"] = c.token(pg, max(pg.Start-size, 0))
	}
	return ok(object{"numberOfResults": len(found), "pagination": pagination, "items": items, "refinements": refinements(found)}), nil
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
		list := []object{}
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
				o["marketplaceId"] = m.ID
				list = append(list, o)
			}
		}
		item[set] = list
	}
	return item
}
