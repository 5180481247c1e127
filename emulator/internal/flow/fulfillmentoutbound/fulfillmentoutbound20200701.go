// Package fulfillmentoutbound answers for orders that Amazon fulfils for other shops, as far as to refuse SKUs that the seller doesn't have. All else
// is made of the schema.
package fulfillmentoutbound

import (
	"github.com/openspapi/spapi/emulator/internal/answer"
	"github.com/openspapi/spapi/emulator/internal/desk"
	"github.com/openspapi/spapi/emulator/internal/format"
)

// V20200701 is the API of version 2020-07-01.
var V20200701 = desk.Flow{Handlers: map[string]desk.Handler{"fulfillmentoutbound20200701.createFulfillmentOrder": createFulfillmentOrder}}

// createFulfillmentOrder names the first item whose SKU is unknown by its own id (selling-partner-api-models#2979).
func createFulfillmentOrder(c *desk.Call) (answer.Reply, *answer.Error) {
	body, _ := c.Body.(map[string]any)
	w := c.Seller.World()
	for _, item := range format.List(body["items"]) {
		sku := format.Member(item, "sellerSku")
		w.RLock()
		l := w.Listing(sku)
		w.RUnlock()
		if l == nil {
			return answer.Reply{}, answer.Invalid("the SellerSKU for Item Id: "+format.Member(item, "sellerFulfillmentOrderItemId")+" is invalid.",
				`items: the seller has no SKU "`+sku+`"`)
		}
	}
	return desk.FromSchema(c)
}
