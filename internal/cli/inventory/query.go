package inventory

import (
	"context"
	"iter"
	"strings"

	"github.com/openspapi/spapi/api/fbainventoryv1"
)

// maxSKUs is how many one call takes.
const maxSKUs = 50

// summaries asks for the stock of some SKUs, or for all there is if none is named. Those with a comma are asked for one by one: SP-API would cut them
// into several in the list.
func summaries(
	ctx context.Context, api *fbainventoryv1.Client, in fbainventoryv1.GetInventorySummariesInput, skus []string,
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
		for _, query := range queries {
			for page, err := range api.GetInventorySummariesPages(ctx, &query) {
				if !yield(page, err) || err != nil {
					return
				}
			}
		}
	}
}
