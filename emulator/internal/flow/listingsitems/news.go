package listingsitems

import (
	"cmp"
	"slices"
	"time"

	"github.com/openspapi/spapi/emulator/internal/desk"
	"github.com/openspapi/spapi/emulator/internal/world"
	"github.com/openspapi/spapi/marketplace"
)

// The types of notifications about listings.
const (
	statusChange   = "LISTINGS_ITEM_STATUS_CHANGE"
	issuesChange   = "LISTINGS_ITEM_ISSUES_CHANGE"
	quantityChange = "LISTINGS_ITEM_MFN_QUANTITY_CHANGE"
)

var news = map[string]desk.NewsSource{
	statusChange: {Since: desk.Until, About: func(a *desk.Seller, about map[string]string, now time.Time) (desk.News, error) {
		return aboutListing(a, about, func(l *world.Listing, m *marketplace.Marketplace) desk.News { return statusNews(a, l, m, now) })
	}},
	issuesChange: {Since: desk.Until, About: func(a *desk.Seller, about map[string]string, now time.Time) (desk.News, error) {
		return aboutListing(a, about, func(l *world.Listing, m *marketplace.Marketplace) desk.News {
			return issuesNews(a, l, m, cmp.Or(about["payloadVersion"], "2023-12-13"), now)
		})
	}},
	quantityChange: {Since: desk.Until, About: func(a *desk.Seller, about map[string]string, now time.Time) (desk.News, error) {
		return aboutListing(a, about, func(l *world.Listing, _ *marketplace.Marketplace) desk.News { return quantityNews(a, l, now) })
	}},
}

func aboutListing(a *desk.Seller, about map[string]string, of func(*world.Listing, *marketplace.Marketplace) desk.News) (desk.News, error) {
	w, l, m, err := a.AboutListing(about)
	if err != nil {
		return desk.News{}, err
	}
	w.RLock()
	defer w.RUnlock()
	return of(l, m), nil
}

// watch tells of a change of a listing.
func watch(a *desk.Seller, _ *world.World, c world.Change) {
	l := c.Now
	if !l.Amazon && (c.Was == nil || c.Was.Amazon || c.Was.Quantity != l.Quantity) && a.Wants(quantityChange) {
		a.Tell(quantityNews(a, l, c.At))
	}
	if c.Stock && (c.Was.Available() == 0) == (l.Available() == 0) {
		return
	}
	status, issues := a.Wants(statusChange), a.Wants(issuesChange)
	for i := range a.Marketplaces {
		m := &a.Marketplaces[i]
		if status && !slices.Equal(statusIn(c.Was, m), statusIn(l, m)) {
			a.Tell(statusNews(a, l, m, c.At))
		}
		if issues && !slices.EqualFunc(issuesIn(c.Was, m), issuesIn(l, m), sameIssue) {
			a.Tell(issuesNews(a, l, m, "1.0", c.At))
			a.Tell(issuesNews(a, l, m, "2023-12-13", c.At))
		}
	}
}

// deleted is the status of a listing that isn't there any more.
const deleted = "DELETED"

// statusIn is the status of a listing in a marketplace; DELETED where it isn't, or not yet.
func statusIn(l *world.Listing, m *marketplace.Marketplace) []string {
	if l == nil || l.Deleted || !l.In(m.ID) {
		return []string{deleted}
	}
	return l.Status(m.ID)
}

func statusNews(a *desk.Seller, l *world.Listing, m *marketplace.Marketplace, at time.Time) desk.News {
	return desk.News{Type: statusChange, At: at, Payload: object{
		"SellerId": a.ID, "MarketplaceId": m.ID, "Asin": l.Product.ASIN, "Sku": l.SKU, "CreatedDate": desk.Millis(l.Created), "Status": statusIn(l, m),
	}}
}

// issuesIn are the issues that a listing has in a marketplace.
func issuesIn(l *world.Listing, m *marketplace.Marketplace) []world.ListingIssue {
	if l == nil || l.Deleted || !l.In(m.ID) {
		return nil
	}
	return slices.DeleteFunc(slices.Clone(l.Issues), func(i world.ListingIssue) bool { return i.MarketplaceID != "" && i.MarketplaceID != m.ID })
}

func sameIssue(a, b world.ListingIssue) bool {
	return a.Code == b.Code && a.Message == b.Message && a.Severity == b.Severity && slices.Equal(a.Attributes, b.Attributes)
}

// issuesNews is of a payload version. An error keeps a listing from being bought, though not from being found: that only the newer version has a word for.
func issuesNews(a *desk.Seller, l *world.Listing, m *marketplace.Marketplace, version string, at time.Time) desk.News {
	severities, actions := []string{}, []string{}
	for _, severity := range []string{"ERROR", "WARNING"} {
		if slices.ContainsFunc(issuesIn(l, m), func(i world.ListingIssue) bool { return i.Severity == severity }) {
			severities = append(severities, severity)
		}
	}
	if len(severities) == 0 {
		severities = append(severities, "NONE")
	}
	if version != "1.0" && severities[0] == "ERROR" {
		actions = append(actions, "LISTING_SUPPRESSED")
	}
	return desk.News{Type: issuesChange, Version: version, At: at, Payload: object{
		"SellerId": a.ID, "MarketplaceId": m.ID, "Asin": l.Product.ASIN, "Sku": l.SKU, "Severities": severities, "EnforcementActions": actions,
	}}
}

func quantityNews(a *desk.Seller, l *world.Listing, at time.Time) desk.News {
	quantity := l.Quantity
	return desk.News{Type: quantityChange, At: at, Make: func() object {
		return object{"SellerId": a.ID, "FulfillmentChannelCode": "DEFAULT", "Sku": l.SKU, "Quantity": quantity}
	}}
}
