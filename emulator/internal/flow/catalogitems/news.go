package catalogitems

import (
	"time"

	"github.com/openspapi/spapi/emulator/internal/desk"
	"github.com/openspapi/spapi/emulator/internal/world"
	"github.com/openspapi/spapi/marketplace"
)

// The types of notifications about items of the seller's brand. The seller of this world has a brand's say over the items that own listings have brought into
// the catalogue: of all others a listing can't change the page.
const (
	contentChange = "BRANDED_ITEM_CONTENT_CHANGE"
	typeChange    = "ITEM_PRODUCT_TYPE_CHANGE"
)

var news = map[string]desk.NewsSource{
	contentChange: {Since: desk.Until, About: func(a *desk.Seller, about map[string]string, now time.Time) (desk.News, error) {
		w, l, m, err := a.AboutListing(about)
		if err != nil {
			return desk.News{}, err
		}
		w.RLock()
		defer w.RUnlock()
		return contentNews(l.Product, m, []string{"item_name"}, now), nil
	}},
	typeChange: {Since: desk.Until, About: func(a *desk.Seller, about map[string]string, now time.Time) (desk.News, error) {
		w, l, m, err := a.AboutListing(about)
		if err != nil {
			return desk.News{}, err
		}
		w.RLock()
		defer w.RUnlock()
		return typeNews(l.Product, m, world.GeneralType, now), nil
	}},
}

// watch tells of a change of an item's page by the listing of its brand.
func watch(a *desk.Seller, _ *world.World, c world.Change) {
	if c.Was == nil || c.Was.Product == c.Now.Product || c.Was.Product.ASIN != c.Now.Product.ASIN {
		return
	}
	for i := range a.Marketplaces {
		m := &a.Marketplaces[i]
		if !c.Now.In(m.ID) {
			continue
		}
		if changed := c.Now.Product.ChangedContent(c.Was.Product, m); len(changed) > 0 && a.Wants(contentChange) {
			a.Tell(contentNews(c.Now.Product, m, changed, c.At))
		}
		if before := c.Was.Product.Kind.Type; before != c.Now.Product.Kind.Type && a.Wants(typeChange) {
			a.Tell(typeNews(c.Now.Product, m, before, c.At))
		}
	}
}

func contentNews(p *world.Product, m *marketplace.Marketplace, changed []string, at time.Time) desk.News {
	return desk.News{Type: contentChange, At: at, Payload: object{"MarketplaceId": m.ID, "BrandName": p.Brand, "Asin": p.ASIN, "AttributesChanged": changed}}
}

func typeNews(p *world.Product, m *marketplace.Marketplace, before string, at time.Time) desk.News {
	return desk.News{Type: typeChange, At: at, Payload: object{"MarketplaceId": m.ID, "Asin": p.ASIN,
		"PreviousProductType": before, "CurrentProductType": p.Kind.Type}}
}
