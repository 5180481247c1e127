package emulator

import (
	"fmt"
	"slices"
	"time"

	"github.com/openspapi/spapi/marketplace"
)

var inventoryFlow = flow{
	"fbainventoryv1.getInventorySummaries": getInventorySummaries,
	"fbainventoryv1.createInventoryItem":   createInventoryItem,
	"fbainventoryv1.addInventory":          addInventory,
	"fbainventoryv1.deleteInventoryItem":   deleteInventoryItem,
}

const (
	// inventoryTokenLifetime is in the model (selling-partner-api-models, fbaInventory).
	inventoryTokenLifetime = 30 * time.Second
	inventoryPageSize      = 50
)

// getInventorySummaries shows what lies at Amazon. The stock is one for all marketplaces of a seller.
func getInventorySummaries(c *call) (reply, *apiError) {
	pg, problem := c.page("nextToken", "details")
	if problem != nil {
		return reply{}, invalidParameter("nextToken", problem.Error())
	}
	q := pg.args
	m, err := c.marketplaceOf("marketplaceIds", q.Get("marketplaceIds"))
	if err != nil {
		return reply{}, err
	}
	if id := q.Get("granularityId"); id != m.ID {
		return reply{}, invalidParameter("granularityId", "is not the marketplace of marketplaceIds")
	}
	var since time.Time
	if text := q.Get("startDateTime"); text != "" {
		since, _ = parseTime(text)
		if since.Before(pg.AsOf.AddDate(0, -18, 0)) {
			return reply{}, invalidParameter("startDateTime", "is more than 18 months ago")
		}
		if since.After(pg.AsOf) {
			return reply{}, invalidParameter("startDateTime", "is in the future")
		}
	}
	skus := q["sellerSkus"]
	if sku := q.Get("sellerSku"); sku != "" {
		skus = append(slices.Clip(skus), sku)
	}
	w := c.account.world(c.emu)
	w.mu.RLock()
	defer w.mu.RUnlock()
	var found []*listing
	for _, l := range w.stockList() {
		if !l.in(m.ID) && !l.deleted {
			continue
		}
		if since.IsZero() && skus != nil && !slices.Contains(skus, l.sku) || !since.IsZero() && !l.stocked.After(since) {
			continue
		}
		found = append(found, l)
	}
	part, more := cut(found, pg.Start, inventoryPageSize)
	list := []object{}
	for _, l := range part {
		list = append(list, summaryOf(l, m, q.Get("details") == "true"))
	}
	body := object{"payload": object{"granularity": object{"granularityType": q.Get("granularityType"), "granularityId": m.ID}, "inventorySummaries": list}}
	if more {
		body["pagination"] = object{"nextToken": c.tokenFor(pg, pg.Start+inventoryPageSize, inventoryTokenLifetime)}
	}
	return ok(body), nil
}

func summaryOf(l *listing, m *marketplace.Marketplace, details bool) object {
	s := l.stock
	out := object{
		"asin": l.product.asin, "fnSku": s.fnsku, "sellerSku": l.sku, "condition": conditionNames[l.condition], "lastUpdatedTime": timestamp(l.stocked),
		"productName": l.title(m), "totalQuantity": s.total(), "stores": []string{},
	}
	if details {
		out["inventoryDetails"] = object{
			"fulfillableQuantity": s.fulfillable, "inboundWorkingQuantity": s.inboundWorking, "inboundShippedQuantity": s.inboundShipped, "inboundReceivingQuantity": s.inboundReceiving,
			"reservedQuantity": object{"totalReservedQuantity": s.reserved, "pendingCustomerOrderQuantity": s.reserved, "pendingTransshipmentQuantity": 0, "fcProcessingQuantity": 0},
			"researchingQuantity": object{"totalResearchingQuantity": 0, "researchingQuantityBreakdown": []object{
				{"name": "researchingQuantityInShortTerm", "quantity": 0}, {"name": "researchingQuantityInMidTerm", "quantity": 0}, {"name": "researchingQuantityInLongTerm", "quantity": 0},
			}},
			"unfulfillableQuantity": object{
				"totalUnfulfillableQuantity": s.unfulfillable, "customerDamagedQuantity": s.unfulfillable / 2, "warehouseDamagedQuantity": 0, "distributorDamagedQuantity": 0,
				"carrierDamagedQuantity": 0, "defectiveQuantity": s.unfulfillable - s.unfulfillable/2, "expiredQuantity": 0,
			},
		}
	}
	return out
}

// createInventoryItem brings a new product to the sandbox: listed, fulfilled by Amazon, with nothing in stock.
func createInventoryItem(c *call) (reply, *apiError) {
	body, _ := c.body.(map[string]any)
	m, err := c.marketplaceOf("marketplaceId", member(body, "marketplaceId"))
	if err != nil {
		return reply{}, err
	}
	sku := member(body, "sellerSku")
	w := c.account.world(c.emu)
	w.mu.Lock()
	defer w.mu.Unlock()
	if old := w.listing(sku); old != nil && old.in(m.ID) && old.stock.fnsku != "" {
		return reply{}, invalidParameter("sellerSku", `"`+sku+`" is in the inventory already`)
	}
	d := w.draft(sku)
	if d.old == nil {
		d.productType = generalType
		d.attributes["item_name"] = []any{map[string]any{"value": member(body, "productName"), "language_tag": m.Language, "marketplace_id": m.ID}}
	}
	d.attributes["fulfillment_availability"] = []any{map[string]any{"fulfillment_channel_code": "AMAZON_NA"}}
	s := submission{}
	if d.old != nil {
		s.product = d.old.product
	}
	w.carryOut(&s, d, []*marketplace.Marketplace{m}, c.now)
	return ok(object{}), nil
}

// addInventory puts units into Amazon's warehouses. A second call with the same idempotency token changes nothing.
func addInventory(c *call) (reply, *apiError) {
	token := c.exchange.header.Get("x-amzn-idempotency-token")
	body, _ := c.body.(map[string]any)
	items, _ := body["inventoryItems"].([]any)
	w := c.account.world(c.emu)
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.told[token] {
		return ok(object{}), nil
	}
	for i, entry := range items {
		at := fmt.Sprintf("inventoryItems[%d].", i)
		m, err := c.marketplaceOf(at+"marketplaceId", member(entry, "marketplaceId"))
		if err != nil {
			return reply{}, err
		}
		l := w.listing(member(entry, "sellerSku"))
		if l == nil || !l.in(m.ID) || !l.amazon {
			return reply{}, invalidParameter(at+"sellerSku", `"`+member(entry, "sellerSku")+`" is not in the inventory`)
		}
		if n, _ := whole(entry.(map[string]any)["quantity"]); n < 1 || n > 1000000 {
			return reply{}, invalidParameter(at+"quantity", "is not from 1 to 1000000")
		}
	}
	now := c.now.UTC().Truncate(time.Second)
	for _, entry := range items {
		l := w.listing(member(entry, "sellerSku"))
		n, _ := whole(entry.(map[string]any)["quantity"])
		l.stock.fulfillable += n
		l.stocked, l.revised = now, true
	}
	w.told[token] = true
	return ok(object{}), nil
}

// deleteInventoryItem takes a product out of the sandbox's inventory, with all that is in stock, and its listing too.
func deleteInventoryItem(c *call) (reply, *apiError) {
	m, err := c.marketplaceOf("marketplaceId", c.query.Get("marketplaceId"))
	if err != nil {
		return reply{}, err
	}
	w := c.account.world(c.emu)
	w.mu.Lock()
	defer w.mu.Unlock()
	l := w.listing(c.path["sellerSku"])
	if l == nil || !l.in(m.ID) || l.stock.fnsku == "" {
		return reply{}, listingNotFound(c.path["sellerSku"], []*marketplace.Marketplace{m})
	}
	w.remove(l.sku, m, c.now)
	if l.deleted {
		l.stock = fbaStock{fnsku: l.stock.fnsku}
	}
	return ok(object{}), nil
}
