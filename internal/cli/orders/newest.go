package orders

import (
	"context"
	"iter"
	"slices"
	"time"

	"github.com/openspapi/spapi/api/orders20260101"
)

// newest are the orders of the input's span, the newest first, as pages, one whenever the loop asks for it. Amazon begins with the oldest. So
// where the first page isn't all, it is asked for the end of the span, then for what lies before it, each time twice as far back. The first stretch
// is as long as the one that the first page fills: then a page or so is expected there too.
func newest(ctx context.Context, api *orders20260101.Client, in orders20260101.SearchOrdersInput, updated bool) iter.Seq2[*orders20260101.SearchOrdersResponse, error] {
	after, before, at := &in.CreatedAfter, &in.CreatedBefore, func(o *orders20260101.Order) time.Time { return o.CreatedTime }
	if updated {
		after, before, at = &in.LastUpdatedAfter, &in.LastUpdatedBefore, func(o *orders20260101.Order) time.Time { return o.LastUpdatedTime }
	}
	backwards := func(a, b orders20260101.Order) int { return at(&b).Compare(at(&a)) }
	return func(yield func(*orders20260101.SearchOrdersResponse, error) bool) {
		begin := *after
		var first *orders20260101.SearchOrdersResponse
		for page, err := range api.SearchOrdersPages(ctx, &in) {
			if err != nil {
				yield(nil, err)
				return
			}
			if first = page; len(first.Orders) > 0 { // an empty page may be followed by others
				break
			}
		}
		if first.Pagination == nil || first.Pagination.NextToken == "" {
			slices.SortStableFunc(first.Orders, backwards)
			yield(first, nil)
			return
		}
		stretch := max(at(&first.Orders[len(first.Orders)-1]).Sub(begin), time.Minute)
		end := *before
		if end.IsZero() {
			end = time.Now()
		}
		seen := map[string]bool{} // an order at the very border may be in both stretches
		for end.After(begin) {
			*after = end.Add(-stretch)
			if !(*after).After(begin) {
				*after = begin
			}
			page := &orders20260101.SearchOrdersResponse{Pagination: &orders20260101.Pagination{}}
			for part, err := range api.SearchOrdersPages(ctx, &in) {
				if err != nil {
					yield(nil, err)
					return
				}
				for _, o := range part.Orders {
					if !seen[o.OrderID] {
						seen[o.OrderID] = true
						page.Orders = append(page.Orders, o)
					}
				}
			}
			slices.SortStableFunc(page.Orders, backwards)
			if (*after).After(begin) {
				page.Pagination.NextToken = "older" // which List.More asks for, and nobody sends
			}
			if !yield(page, nil) {
				return
			}
			end = *after
			*before = end
			stretch *= 2
		}
	}
}
