package inventory

import (
	"context"
	"fmt"
	"iter"
	"slices"
	"strings"

	"github.com/openspapi/spapi"
	"github.com/openspapi/spapi/api/fbainventoryv1"
)

// maxSKUs is how many one call takes.
const maxSKUs = 50

// summaries asks for the stock of some SKUs, or for all there is if none is named. Those with a comma are asked for one by one: SP-API would cut them
// into several in the list. Should it cut them there too, the stock of others is left out, and the last page is an error.
func summaries(
	ctx context.Context, api *fbainventoryv1.Client, in fbainventoryv1.GetInventorySummariesInput, skus []string, options ...spapi.CallOption,
) iter.Seq2[*fbainventoryv1.GetInventorySummariesResponse, error] {
	var queries []fbainventoryv1.GetInventorySummariesInput
	var plain []string
	for _, sku := range skus {
		if !strings.Contains(sku, ",") {
			plain = append(plain, sku)
			continue
		}
		query := in
		query.SellerSKU = sku
		queries = append(queries, query)
	}
	for len(plain) > 0 {
		query := in
		query.SellerSKUs = plain[:min(maxSKUs, len(plain))]
		plain = plain[len(query.SellerSKUs):]
		queries = append(queries, query)
	}
	if len(skus) == 0 {
		queries = append(queries, in)
	}
	return func(yield func(*fbainventoryv1.GetInventorySummariesResponse, error) bool) {
		var cut []string
		for _, query := range queries {
			for page, err := range api.GetInventorySummariesPages(ctx, &query, options...) {
				if err == nil && query.SellerSKU != "" && onlyOf(page, query.SellerSKU) && !slices.Contains(cut, query.SellerSKU) {
					cut = append(cut, query.SellerSKU)
				}
				if !yield(page, err) || err != nil {
					return
				}
			}
		}
		if len(cut) > 0 {
			yield(nil, fmt.Errorf("the stock of %q can't be told: Amazon answered with that of other SKUs, which is left out", cut))
		}
	}
}

// onlyOf takes the stock of other SKUs out of a page, and tells whether there was any.
func onlyOf(page *fbainventoryv1.GetInventorySummariesResponse, sku string) bool {
	if page.Payload == nil {
		return false
	}
	n := len(page.Payload.InventorySummaries)
	page.Payload.InventorySummaries = slices.DeleteFunc(page.Payload.InventorySummaries, func(s fbainventoryv1.InventorySummary) bool { return !strings.EqualFold(s.SellerSKU, sku) })
	return len(page.Payload.InventorySummaries) < n
}
