// Package fbainventory answers for FBA inventory.
package fbainventory

import (
	"fmt"
	"slices"
	"time"

	"github.com/openspapi/spapi/emulator/internal/answer"
	"github.com/openspapi/spapi/emulator/internal/desk"
	"github.com/openspapi/spapi/emulator/internal/format"
	"github.com/openspapi/spapi/emulator/internal/world"
	"github.com/openspapi/spapi/marketplace"
)

type object = format.Object

// Flow is the API of FBA inventory.
var Flow = desk.Flow{News: news, Changes: watch, Handlers: map[string]desk.Handler{
	"fbainventoryv1.getInventorySummaries": getInventorySummaries,
	"fbainventoryv1.createInventoryItem":   createInventoryItem,
	"fbainventoryv1.addInventory":          addInventory,
	"fbainventoryv1.deleteInventoryItem":   deleteInventoryItem,
}}

const inventoryPageSize = 50

// getInventorySummaries shows what lies at Amazon. The stock is one for all marketplaces of a seller.
func getInventorySummaries(c *desk.Call) (answer.Reply, *answer.Error) {
	pg, problem := c.Page("nextToken", "details")
	if problem != nil {
		return answer.Reply{}, answer.InvalidParameter("nextToken", problem.Error())
	}
	q := pg.Args
	m, err := c.MarketplaceOf("marketplaceIds", q.Get("marketplaceIds"))
	if err != nil {
		return answer.Reply{}, err
	}
	if id := q.Get("granularityId"); id != m.ID {
		return answer.Reply{}, answer.InvalidParameter("granularityId", "is not the marketplace of marketplaceIds")
	}
	var since time.Time
	if text := q.Get("startDateTime"); text != "" {
		since, _ = format.ParseTime(text)
		if since.Before(pg.AsOf.AddDate(0, -18, 0)) {
			return tooOld(), nil
		}
		if since.After(pg.AsOf) {
			return answer.Reply{}, answer.InvalidParameter("startDateTime", "is in the future")
		}
	}
	skus := q["sellerSkus"]
	if sku := q.Get("sellerSku"); sku != "" {
		skus = append(slices.Clip(skus), sku)
	}
	w := c.Seller.World()
	w.RLock()
	defer w.RUnlock()
	var found []*world.Listing
	for _, l := range w.StockList() {
		if !inInventory(l, m.ID) {
			continue
		}
		if since.IsZero() && skus != nil && !slices.Contains(skus, l.SKU) || !since.IsZero() && !l.Stocked.After(since) {
			continue
		}
		found = append(found, l)
	}
	part, more := desk.Cut(found, pg.Start, inventoryPageSize)
	list := []object{}
	for _, l := range part {
		summary := summaryOf(l, m, q.Get("details") == "true")
		if c.Sandbox {
			summary = sandboxSummary(c, l, summary)
		}
		list = append(list, summary)
	}
	body := object{"payload": object{"granularity": object{"granularityType": q.Get("granularityType"), "granularityId": m.ID}, "inventorySummaries": list}}
	if more {
		body["pagination"] = object{"nextToken": c.Token(pg, pg.Start+inventoryPageSize)}
	}
	return reply(c, body), nil
}

// inInventory tells whether a marketplace shows what there is of a listing: also of one that was deleted, of which something is left.
func inInventory(l *world.Listing, marketplaceID string) bool {
	return l.In(marketplaceID) || l.Deleted
}

// tooOld is the answer to a startDateTime of more than 18 months ago: an error list under 200, and not to be kept (selling-partner-api-models#767). That was
// in 2020; nothing newer is known.
func tooOld() answer.Reply {
	r := answer.OK(object{"errors": []format.Record{{{"code", "InvalidInput"}, {"message", "Invalid request, please check your input."}}}})
	r.Header = map[string]string{"Expires": "0", "Cache-Control": "no-cache"}
	return r
}

func summaryOf(l *world.Listing, m *marketplace.Marketplace, details bool) object {
	s := l.Stock
	out := object{
		"asin": l.Product.ASIN, "fnSku": s.FNSKU, "sellerSku": l.SKU, "condition": world.ConditionNames[l.Condition], "lastUpdatedTime": format.Timestamp(l.Stocked),
		"productName": l.Title(m), "totalQuantity": s.Total(), "stores": []string{},
	}
	if details {
		out["inventoryDetails"] = object{
			"fulfillableQuantity": s.Fulfillable, "inboundWorkingQuantity": s.InboundWorking, "inboundShippedQuantity": s.InboundShipped, "inboundReceivingQuantity": s.InboundReceiving,
			"reservedQuantity": object{"totalReservedQuantity": s.Reserved, "pendingCustomerOrderQuantity": s.Reserved, "pendingTransshipmentQuantity": 0, "fcProcessingQuantity": 0},
			"researchingQuantity": object{"totalResearchingQuantity": 0, "researchingQuantityBreakdown": []object{
				{"name": "researchingQuantityInShortTerm", "quantity": 0}, {"name": "researchingQuantityInMidTerm", "quantity": 0}, {"name": "researchingQuantityInLongTerm", "quantity": 0},
			}},
			"unfulfillableQuantity": object{
				"totalUnfulfillableQuantity": s.Unfulfillable(), "customerDamagedQuantity": s.Of("CUSTOMER_DAMAGED"), "warehouseDamagedQuantity": s.Of("WAREHOUSE_DAMAGED"),
				"distributorDamagedQuantity": s.Of("DISTRIBUTOR_DAMAGED"), "carrierDamagedQuantity": s.Of("CARRIER_DAMAGED"), "defectiveQuantity": s.Of("DEFECTIVE"),
				"expiredQuantity": s.Of("EXPIRED"),
			},
		}
	}
	return out
}

// createInventoryItem brings a new product to the sandbox: listed, fulfilled by Amazon, with nothing in stock.
func createInventoryItem(c *desk.Call) (answer.Reply, *answer.Error) {
	body, _ := c.Body.(map[string]any)
	m, err := c.MarketplaceOf("marketplaceId", format.Member(body, "marketplaceId"))
	if err != nil {
		return answer.Reply{}, err
	}
	sku := format.Member(body, "sellerSku")
	w := c.Seller.World()
	w.Lock()
	defer w.Unlock()
	if old := w.Listing(sku); old != nil && old.In(m.ID) && old.Stock.FNSKU != "" {
		return answer.Reply{}, answer.InvalidParameter("sellerSku", `"`+sku+`" is in the inventory already`)
	}
	d := w.Draft(sku)
	if d.Old == nil {
		d.ProductType = world.GeneralType
		d.Attributes["item_name"] = []any{map[string]any{"value": format.Member(body, "productName"), "language_tag": m.Language, "marketplace_id": m.ID}}
	}
	d.Attributes["fulfillment_availability"] = []any{map[string]any{"fulfillment_channel_code": "AMAZON_NA"}}
	s := world.Submission{}
	if d.Old != nil {
		s.Product = d.Old.Product
	}
	w.CarryOut(&s, d, []*marketplace.Marketplace{m}, c.Now)
	return reply(c, object{}), nil
}

// addInventory puts units into Amazon's warehouses. A second call with the same idempotency token is refused.
func addInventory(c *desk.Call) (answer.Reply, *answer.Error) {
	token := c.Exchange.Header.Get("x-amzn-idempotency-token")
	body, _ := c.Body.(map[string]any)
	items, _ := body["inventoryItems"].([]any)
	w := c.Seller.World()
	w.Lock()
	defer w.Unlock()
	if w.Told[token] {
		return answer.Reply{}, answer.Invalid("Idempotency Token already exists.", "")
	}
	for i, entry := range items {
		at := fmt.Sprintf("inventoryItems[%d].", i)
		m, err := c.MarketplaceOf(at+"marketplaceId", format.Member(entry, "marketplaceId"))
		if err != nil {
			return answer.Reply{}, err
		}
		l := w.Listing(format.Member(entry, "sellerSku"))
		if l == nil || !l.In(m.ID) || !l.Amazon {
			return answer.Reply{}, answer.InvalidParameter(at+"sellerSku", `"`+format.Member(entry, "sellerSku")+`" is not in the inventory`)
		}
		if n, _ := format.Whole(entry.(map[string]any)["quantity"]); n < 1 || n > 1000000 {
			return answer.Reply{}, answer.InvalidParameter(at+"quantity", "is not from 1 to 1000000")
		}
	}
	now := c.Now.UTC().Truncate(time.Second)
	for _, entry := range items {
		l := w.Listing(format.Member(entry, "sellerSku"))
		n, _ := format.Whole(entry.(map[string]any)["quantity"])
		w.Moved(world.Movement{At: now, SKU: l.SKU, Kind: "Receipts", Disposition: world.Sellable, Quantity: n, Reference: "FBA" + token})
		l.Revised = true
	}
	w.Told[token] = true
	return reply(c, object{}), nil
}

// deleteInventoryItem takes a product of which nothing is in stock out of the sandbox's inventory, and its listing too.
func deleteInventoryItem(c *desk.Call) (answer.Reply, *answer.Error) {
	m, err := c.MarketplaceOf("marketplaceId", c.Query.Get("marketplaceId"))
	if err != nil {
		return answer.Reply{}, err
	}
	w := c.Seller.World()
	w.Lock()
	defer w.Unlock()
	l := w.Listing(c.Path["sellerSku"])
	if l == nil || !l.In(m.ID) || l.Stock.FNSKU == "" {
		return answer.Reply{}, desk.ListingNotFound(c.Path["sellerSku"], []*marketplace.Marketplace{m})
	}
	if l.Stock.Fulfillable > 0 || l.Stock.Reserved > 0 {
		return answer.Reply{}, answer.Invalid("The availableQuantity and reservedQuantity should be 0 to allow deleting an inventory item", "")
	}
	w.Remove(l.SKU, m, c.Now)
	if l.Deleted {
		for _, d := range world.Damages {
			w.Moved(world.Movement{At: c.Now, SKU: l.SKU, Kind: "Adjustments", Disposition: d, Quantity: -l.Stock.Of(d), Reason: "D"})
		}
		w.ClearStock(l, c.Now)
	}
	return reply(c, object{}), nil
}
