package fbainventory

import (
	"errors"
	"time"

	"github.com/openspapi/spapi/emulator/internal/desk"
	"github.com/openspapi/spapi/emulator/internal/world"
)

// availability is the type of the notification that tells of FBA stock.
const availability = "FBA_INVENTORY_AVAILABILITY_CHANGES"

var news = map[string]desk.NewsSource{availability: {Since: desk.Until, About: aboutStock}}

// watch tells of a change of what Amazon has of a listing, or has on its way.
func watch(a *desk.Seller, _ *world.World, c world.Change) {
	if c.Was != nil && c.Was.Stock != c.Now.Stock && a.Wants(availability) {
		a.Tell(stockNews(a, c.Now, c.At))
	}
}

// stockNews wants the world's lock held.
func stockNews(a *desk.Seller, l *world.Listing, at time.Time) desk.News {
	// What is kept until the message is made is little: a month brings a million of them.
	stock, product := l.Stock, l.Product
	var shown uint64
	for i := range a.Marketplaces {
		if inInventory(l, a.Marketplaces[i].ID) {
			shown |= 1 << i
		}
	}
	return desk.News{Type: availability, At: at, Make: func() object {
		w := a.World()
		w.RLock()
		defer w.RUnlock()
		list, inventory := []object{}, inventoryOf(&stock) // one for all marketplaces
		for i := range a.Marketplaces {
			if m := &a.Marketplaces[i]; shown&(1<<i) != 0 {
				list = append(list, object{"MarketplaceId": m.ID, "ItemName": l.Title(m), "FulfillmentInventory": inventory, "Stores": []string{}})
			}
		}
		return object{"SellerId": a.ID, "FNSKU": stock.FNSKU, "ASIN": product.ASIN, "SKU": l.SKU, "FulfillmentInventoryByMarketplace": list}
	}}
}

func inventoryOf(s *world.Stock) object {
	return object{
		"InboundQuantityBreakdown": object{"Working": s.InboundWorking, "Shipped": s.InboundShipped, "Receiving": s.InboundReceiving},
		"Fulfillable":              s.Fulfillable, "Unfulfillable": s.Unfulfillable(), "Researching": 0,
		"ReservedQuantityBreakdown": object{"WarehouseProcessing": 0, "WarehouseTransfer": 0, "PendingCustomerOrder": s.Reserved},
		"FutureSupplyBuyable":       0, "PendingCustomerOrderInTransit": 0,
	}
}

func aboutStock(a *desk.Seller, about map[string]string, now time.Time) (desk.News, error) {
	if about["sku"] == "" && about["asin"] == "" {
		w := a.World()
		w.RLock()
		list := w.StockList()
		w.RUnlock()
		if len(list) == 0 {
			return desk.News{}, errors.New("sku: the seller has nothing in Amazon's warehouses")
		}
		about = map[string]string{"sku": list[0].SKU, "marketplace": about["marketplace"]}
	}
	w, l, _, err := a.AboutListing(about)
	if err != nil {
		return desk.News{}, err
	}
	w.RLock()
	n, none := stockNews(a, l, now), l.Stock.FNSKU == ""
	w.RUnlock()
	if none {
		return desk.News{}, errors.New("sku \"" + l.SKU + "\": Amazon has none of it, the merchant ships it")
	}
	n.Payload, n.Make = n.Make(), nil
	return n, nil
}
