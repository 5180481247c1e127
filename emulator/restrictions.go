package emulator

import (
	"net/url"

	"github.com/openspapi/spapi/emulator/internal/world"
)

var restrictionsFlow = flow{handlers: map[string]handler{"listingsrestrictions20210801.getListingsRestrictions": getRestrictions}}

// getRestrictions tells in which conditions the seller can't offer an item. What it says holds for listings, too: see [restrictionOf].
func getRestrictions(c *call) (reply, *apiError) {
	if c.query.Get("sellerId") != c.account.ID {
		return reply{}, denied(detailsNone)
	}
	asin := c.query.Get("asin")
	if len(asin) != 10 {
		return reply{}, invalidParameter("asin", "is not an ASIN of 10 characters")
	}
	p := c.item(asin)
	list := []object{}
	for _, id := range c.query["marketplaceIds"] {
		m, err := c.marketplaceOf("marketplaceIds", id)
		if err != nil {
			return reply{}, err
		}
		if p == nil {
			list = append(list, object{"marketplaceId": id, "reasons": []object{{"message": "The ASIN does not exist in this marketplace.", "reasonCode": "ASIN_NOT_FOUND"}}}) // wording assumed
			continue
		}
		conditions := world.ConditionTypes
		if wanted := c.query.Get("conditionType"); wanted != "" {
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
	return ok(object{"restrictions": list}), nil
}
