// Package listingsrestrictions answers for listings restrictions.
package listingsrestrictions

import (
	"net/url"

	"github.com/openspapi/spapi/emulator/internal/answer"
	"github.com/openspapi/spapi/emulator/internal/desk"
	"github.com/openspapi/spapi/emulator/internal/format"
	"github.com/openspapi/spapi/emulator/internal/world"
)

type object = format.Object

// Flow is the API of listings restrictions.
var Flow = desk.Flow{Handlers: map[string]desk.Handler{"listingsrestrictions20210801.getListingsRestrictions": getRestrictions}}

// getRestrictions tells in which conditions the seller can't offer an item. What it says holds for listings, too: see [restrictionOf].
func getRestrictions(c *desk.Call) (answer.Reply, *answer.Error) {
	if c.Query.Get("sellerId") != c.Seller.ID {
		return answer.Reply{}, answer.Denied("").Because("sellerId: is not the seller of the access token")
	}
	asin := c.Query.Get("asin")
	if len(asin) != 10 {
		return answer.Reply{}, answer.InvalidParameter("asin", "is not an ASIN of 10 characters")
	}
	p := c.Item(asin)
	list := []object{}
	for _, id := range c.Query["marketplaceIds"] {
		m, err := c.MarketplaceOf("marketplaceIds", id)
		if err != nil {
			return answer.Reply{}, err
		}
		if p == nil {
			list = append(list, object{"marketplaceId": id, "reasons": []object{{"message": "The ASIN does not exist in this marketplace.", "reasonCode": "ASIN_NOT_FOUND"}}}) // wording assumed
			continue
		}
		conditions := world.ConditionTypes
		if wanted := c.Query.Get("conditionType"); wanted != "" {
			conditions = []string{wanted}
		}
		for _, condition := range conditions {
			var reason object
			switch code := world.RestrictionOf(p, condition); code {
			case "":
				continue
			case "APPROVAL_REQUIRED":
				reason = object{"reasonCode": code, "message": "You need approval to list in this brand.", "links": []object{{
					"resource": m.SellerCentral + "/hz/approvalrequest/restrictions/approve?" + url.Values{"asin": {asin}, "itemcondition": {condition}}.Encode(),
					"verb":     "GET", "title": "Request Approval via Seller Central.", "type": "text/html",
				}}}
			default:
				reason = object{"reasonCode": code, "message": "You cannot list the product in this condition."}
			}
			list = append(list, object{"marketplaceId": id, "conditionType": condition, "reasons": []object{reason}})
		}
	}
	return answer.OK(object{"restrictions": list}), nil
}
