// Package sellers answers for sellers.
package sellers

import (
	"github.com/openspapi/spapi/emulator/internal/answer"
	"github.com/openspapi/spapi/emulator/internal/desk"
	"github.com/openspapi/spapi/emulator/internal/format"
	"github.com/openspapi/spapi/emulator/internal/random"
	"github.com/openspapi/spapi/emulator/internal/world"
)

type object = format.Object

// Flow is the API of sellers.
var Flow = desk.Flow{News: news, Handlers: map[string]desk.Handler{
	"sellersv1.getMarketplaceParticipations": func(c *desk.Call) (answer.Reply, *answer.Error) { return answer.Payload(participations(c)), nil },
	"sellersv1.getAccount":                   getAccount,
}}

// participations have their members in Amazon's order (lineofflight/peddler, test/vcr_cassettes/Peddler/APIs/SellersV1Test, September 2025).
func participations(c *desk.Call) []format.Record {
	var list []format.Record
	for _, m := range c.Seller.Marketplaces {
		list = append(list, format.Record{
			{"marketplace", format.Record{
				{"id", m.ID}, {"countryCode", m.CountryCode}, {"name", world.StoreName(&m)},
				{"defaultCurrencyCode", m.Currency}, {"defaultLanguageCode", m.Language}, {"domainName", m.Storefront},
			}},
			{"storeName", c.Seller.StoreName},
			{"participation", format.Record{{"isParticipating", true}, {"hasSuspendedListings", suspended(c.Seller, m.ID)}}},
		})
	}
	return list
}

func getAccount(c *desk.Call) (answer.Reply, *answer.Error) {
	r := c.Desk.Seed.Of("business", c.Seller.Number)
	address := c.Seller.World().AddressIn(r, c.Seller.Marketplaces[0].CountryCode)
	business := object{
		"addressLine1": address.Line1,
		"countryCode":  address.Country,
		"city":         address.City,
		"postalCode":   address.PostalCode,
	}
	if address.State != "" {
		business["stateOrProvinceCode"] = address.State
	}
	return answer.Payload(object{
		"marketplaceParticipationList": participations(c),
		"businessType":                 "PRIVATE_LIMITED",
		"sellingPlan":                  "PROFESSIONAL",
		"business":                     object{"name": c.Seller.StoreName, "registeredBusinessAddress": business, "companyRegistrationNumber": r.Text(random.Digits, 8)},
		"primaryContact":               object{"name": address.Name, "address": business},
	}), nil
}
