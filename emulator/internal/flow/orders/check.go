package orders

import (
	"fmt"
	"slices"
	"time"

	"github.com/openspapi/spapi/emulator/internal/auth"
	"github.com/openspapi/spapi/emulator/internal/desk"
	"github.com/openspapi/spapi/emulator/internal/format"
)

// mostCompared bounds how many orders are compared: of more, so many that lie evenly among them.
const mostCompared = 5000

// alike wants both versions to tell the same of an order.
func alike(a *desk.Seller, now time.Time) (counted int, violations []string) {
	w := a.World()
	total := 0
	for range w.Lives(time.Time{}, now) {
		total++
	}
	step := max(1, (total+mostCompared-1)/mostCompared)
	c := &desk.Call{Desk: a.Desk, Seller: a, Grant: &auth.Grant{}, Now: now}
	n := 0
	for life := range w.Lives(time.Time{}, now) {
		if n++; n%step != 0 {
			continue
		}
		o := w.Order(life.Number)
		counted++
		v0, later := OrderObjectV0(c, o, now), orderObject2026(c, o, []string{"FULFILLMENT", "PROCEEDS"}, now)
		items := orderItemsV0(c, o)
		compare := func(what string, a, b any) {
			if fmt.Sprint(a) != fmt.Sprint(b) {
				violations = append(violations, fmt.Sprintf("order %s: %s is %v in v0, %v in 2026-01-01", o.ID, what, a, b))
			}
		}
		compare("id", at(v0, "AmazonOrderId"), at(later, "orderId"))
		compare("status", status2026[fmt.Sprint(at(v0, "OrderStatus"))], at(later, "fulfillment", "fulfillmentStatus"))
		compare("time of purchase", seconds(at(v0, "PurchaseDate")), seconds(at(later, "createdTime")))
		compare("time of the last update", seconds(at(v0, "LastUpdateDate")), seconds(at(later, "lastUpdatedTime")))
		compare("total", at(v0, "OrderTotal", "Amount"), at(later, "proceeds", "grandTotal", "amount"))
		compare("marketplace", at(v0, "MarketplaceId"), at(later, "salesChannel", "marketplaceId"))
		first, second := list(at(items, "OrderItems")), list(at(later, "orderItems"))
		compare("number of items", len(first), len(second))
		for i := range min(len(first), len(second)) {
			compare("item", at(first[i], "OrderItemId"), at(second[i], "orderItemId"))
			compare("SKU", at(first[i], "SellerSKU"), at(second[i], "product", "sellerSku"))
			compare("quantity", at(first[i], "QuantityOrdered"), at(second[i], "quantityOrdered"))
			compare("quantity shipped", at(first[i], "QuantityShipped"), at(second[i], "fulfillment", "quantityFulfilled"))
		}
	}
	return counted, violations
}

// at follows names into what is told.
func at(v any, names ...string) any {
	for _, name := range names {
		switch m := v.(type) {
		case object:
			v = m[name]
		case format.Record:
			i := slices.IndexFunc(m, func(member [2]any) bool { return member[0] == name })
			if v = nil; i >= 0 {
				v = m[i][1]
			}
		default:
			return nil
		}
	}
	return v
}

// list are the elements of what is told.
func list(v any) (all []any) {
	switch l := v.(type) {
	case []object:
		for _, e := range l {
			all = append(all, e)
		}
	case []format.Record:
		for _, e := range l {
			all = append(all, e)
		}
	}
	return all
}

// seconds is a time without its fractions, which v0 leaves out.
func seconds(v any) string {
	t, _ := format.ParseTime(fmt.Sprint(v))
	return format.Timestamp(t)
}
