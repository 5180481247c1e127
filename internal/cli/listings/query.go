package listings

import (
	"context"
	"encoding/json"
	"iter"
	"slices"
	"strings"

	"github.com/openspapi/spapi"
	"github.com/openspapi/spapi/api/listingsitems20210801"
)

// pages asks for listings with some SKUs, or for all there are if none is named. Those with a comma are asked for one by one: SP-API would cut them into
// several in the list.
func (p *place) pages(
	ctx context.Context, in listingsitems20210801.SearchListingsItemsInput, skus []string, options ...spapi.CallOption,
) iter.Seq2[*listingsitems20210801.ItemSearchResults, error] {
	single := func(sku string) bool { return strings.Contains(sku, ",") }
	return func(yield func(*listingsitems20210801.ItemSearchResults, error) bool) {
		if plain := slices.DeleteFunc(slices.Clone(skus), single); len(plain) > 0 || len(skus) == 0 {
			if len(plain) > 0 {
				in.Identifiers, in.IdentifiersType = plain, listingsitems20210801.SearchListingsItemsIdentifiersTypeSKU
			}
			for page, err := range p.listings.SearchListingsItemsPages(ctx, &in, options...) {
				if !yield(page, err) || err != nil {
					return
				}
			}
		}
		for _, sku := range skus {
			if !single(sku) {
				continue
			}
			get := listingsitems20210801.GetListingsItemInput{SellerID: in.SellerID, SKU: sku, MarketplaceIDs: in.MarketplaceIDs}
			for _, data := range in.IncludedData {
				get.IncludedData = append(get.IncludedData, listingsitems20210801.GetListingsItemIncludedData(data))
			}
			item, err := p.listings.GetListingsItem(ctx, &get, options...)
			if spapi.IsNotFound(err) {
				continue // as a search leaves it out
			}
			page := &listingsitems20210801.ItemSearchResults{}
			if err == nil && matches(item, in.WithStatus) {
				page.Items = []listingsitems20210801.Item{*item}
			}
			if !yield(page, err) || err != nil {
				return
			}
		}
	}
}

// asSent are the listings of a page as Amazon sent them, none of a listing that was asked for alone.
func asSent(answer *spapi.Response) ([]json.RawMessage, error) {
	if answer.Operation == "listingsitems20210801.getListingsItem" {
		return nil, nil
	}
	return answer.Items()
}

// matches tells whether a listing has all of the states, as a search would.
func matches(item *listingsitems20210801.Item, states []listingsitems20210801.SearchListingsItemsWithStatus) bool {
	for _, state := range states {
		if !slices.ContainsFunc(item.Summaries, func(s listingsitems20210801.ItemSummaryByMarketplace) bool {
			return slices.ContainsFunc(s.Status, func(has listingsitems20210801.ItemSummaryByMarketplaceStatus) bool {
				return string(has) == string(state)
			})
		}) {
			return false
		}
	}
	return true
}
