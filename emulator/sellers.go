package emulator

import (
	"github.com/openspapi/spapi/emulator/internal/random"
)

var sellersFlow = flow{handlers: map[string]handler{
	"sellersv1.getMarketplaceParticipations": func(c *call) (reply, *apiError) { return payload(participations(c)), nil },
	"sellersv1.getAccount":                   getAccount,
}}

func participations(c *call) []object {
	var list []object
	for _, m := range c.account.Marketplaces {
		list = append(list, object{
			"marketplace": object{
				"id":                  m.ID,
				"name":                "Amazon." + m.Storefront[len("www.amazon."):],
				"countryCode":         m.CountryCode,
				"defaultCurrencyCode": m.Currency,
				"defaultLanguageCode": m.Language,
				"domainName":          m.Storefront,
			},
			"participation": object{"isParticipating": true, "hasSuspendedListings": false},
			"storeName":     c.account.StoreName,
		})
	}
	return list
}

func getAccount(c *call) (reply, *apiError) {
	r := c.desk.seed.Of("business", c.account.Number)
	address := c.account.world().AddressIn(r, c.account.Marketplaces[0].CountryCode)
	business := object{
		"addressLine1": address.Line1,
		"countryCode":  address.Country,
		"city":         address.City,
		"postalCode":   address.PostalCode,
	}
	if address.State != "" {
		business["stateOrProvinceCode"] = address.State
	}
	return payload(object{
		"marketplaceParticipationList": participations(c),
		"businessType":                 "PRIVATE_LIMITED",
		"sellingPlan":                  "PROFESSIONAL",
		"business":                     object{"name": c.account.StoreName, "registeredBusinessAddress": business, "companyRegistrationNumber": r.Text(random.Digits, 8)},
		"primaryContact":               object{"name": address.Name, "address": business},
	}), nil
}
