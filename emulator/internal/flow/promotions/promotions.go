// Package promotions answers for promotions, which can only be read.
package promotions

import (
	"slices"
	"time"

	"github.com/openspapi/spapi/emulator/internal/answer"
	"github.com/openspapi/spapi/emulator/internal/desk"
	"github.com/openspapi/spapi/emulator/internal/format"
)

type object = format.Object

// Flow is the API of promotions, version 2025-12-01.
var Flow = desk.Flow{Handlers: map[string]desk.Handler{
	"promotions20251201.searchPromotions": searchPromotions,
	"promotions20251201.getPromotion":     getPromotion,
	"promotions20251201.getSelection":     getSelection,
}}

// pageSize is how many there are on a page when nothing else is said (npm @amazon-sp-api-release/amazon-sp-api-sdk-js 1.12.0,
// src/promotions_v2025_12_01).
const pageSize = 20

// notFound is the 404 of the API; the wording is assumed.
func notFound(what, id string) *answer.Error {
	return answer.NotFound("The " + what + " was not found.").Detailed(what + " " + id)
}

// searchPromotions lists promotions, those that were made last first.
func searchPromotions(c *desk.Call) (answer.Reply, *answer.Error) {
	pg, problem := c.Page("paginationToken")
	if problem != nil {
		return answer.Reply{}, answer.InvalidParameter("paginationToken", problem.Error())
	}
	q := pg.Args
	m, err := c.MarketplaceOf("marketplaceIds", q.Get("marketplaceIds"))
	if err != nil {
		return answer.Reply{}, err
	}
	accept := filter(q)
	var found []*promotion
	for _, p := range promotionsIn(c.Seller, m, pg.AsOf) {
		if accept(p) {
			found = append(found, p)
		}
	}
	slices.Reverse(found)
	size := limit(q.Get("limit"))
	part, more := desk.Cut(found, pg.Start, size)
	list := []object{}
	for _, p := range part {
		list = append(list, p.object(q["includedData"], false))
	}
	body := object{"totalResults": len(found), "promotions": list}
	if more {
		body["pagination"] = object{"nextToken": c.Token(pg, pg.Start+size)}
	}
	return answer.OK(body), nil
}

func limit(text string) int {
	if text == "" {
		return pageSize
	}
	return format.Atoi(text)
}

// filter is what the query asks for. Which revisions the filters look at is said by revision; by default the published ones.
func filter(q map[string][]string) func(*promotion) bool {
	get := func(name string) string {
		if len(q[name]) > 0 {
			return q[name][0]
		}
		return ""
	}
	within := func(t time.Time, after, before string) bool {
		from, hasFrom := format.ParseTime(get(after))
		to, hasTo := format.ParseTime(get(before))
		return (!hasFrom || t.After(from)) && (!hasTo || t.Before(to))
	}
	among := func(name string, values ...string) bool {
		return q[name] == nil || slices.ContainsFunc(values, func(v string) bool { return slices.Contains(q[name], v) })
	}
	matches := func(p *promotion, r *revision) bool {
		var asins, skus []string
		for _, product := range p.items {
			asins, skus = append(asins, product.ASIN), append(skus, product.SKU)
		}
		return among("statuses", r.status) && among("promotionTypes", p.kind) && among("asins", asins...) && among("skus", skus...) &&
			within(r.start, "startDateAfter", "startDateBefore") && within(r.end, "endDateAfter", "endDateBefore") &&
			within(r.updated, "updateDateAfter", "updateDateBefore")
	}
	return func(p *promotion) bool {
		newest := &p.published
		if p.latest != nil {
			newest = p.latest
		}
		switch get("revision") {
		case "LATEST":
			return matches(p, newest)
		case "ANY":
			return matches(p, &p.published) || matches(p, newest)
		}
		return matches(p, &p.published)
	}
}

// find finds a promotion in any of the seller's marketplaces; nil when there is none.
func find(c *desk.Call) *promotion {
	for i := range c.Seller.Marketplaces {
		for _, p := range promotionsIn(c.Seller, &c.Seller.Marketplaces[i], c.Now) {
			if p.id == c.Path["promotionId"] {
				return p
			}
		}
	}
	return nil
}

func getPromotion(c *desk.Call) (answer.Reply, *answer.Error) {
	p := find(c)
	if p == nil {
		return answer.Reply{}, notFound("promotion", c.Path["promotionId"])
	}
	return answer.OK(p.object(c.Query["includedData"], true)), nil
}

// getSelection shows the items of a selection page by page. A promotion whose newest revision isn't published has two revisions of it.
func getSelection(c *desk.Call) (answer.Reply, *answer.Error) {
	pg, problem := c.Page("paginationToken")
	if problem != nil {
		return answer.Reply{}, answer.InvalidParameter("paginationToken", problem.Error())
	}
	p := find(c)
	if p == nil {
		return answer.Reply{}, notFound("promotion", c.Path["promotionId"])
	}
	number := format.Atoi(pg.Arg("revisionId"))
	if p.catalog || c.Path["selectionId"] != p.selectionID || number != p.published.number && (p.latest == nil || number != p.latest.number) {
		return answer.Reply{}, notFound("selection", c.Path["selectionId"])
	}
	size := limit(pg.Arg("limit"))
	part, more := desk.Cut(p.items, pg.Start, size)
	details := p.details(part, slices.Contains(pg.Args["includedData"], "ISSUES"))
	if more {
		details["pagination"] = object{"nextToken": c.Token(pg, pg.Start+size)}
	}
	selection := p.selection(number)
	selection["selectionDetails"] = details
	return answer.OK(object{"selection": selection}), nil
}
