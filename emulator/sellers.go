package emulator

var sellersFlow = flow{
	"sellersv1.getMarketplaceParticipations": func(c *call) (reply, *apiError) { return payload(participations(c)), nil },
	"sellersv1.getAccount":                   getAccount,
}

func participations(c *call) []object {
	var list []object
	for _, m := range c.account.marketplaces {
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
			"storeName":     c.account.storeName,
		})
	}
	return list
}

func getAccount(c *call) (reply, *apiError) {
	r := c.emu.random("business", c.account.number)
	address := c.account.world(c.emu).addressIn(r, c.account.marketplaces[0].CountryCode)
	business := object{
		"addressLine1": address.line1,
		"countryCode":  address.country,
		"city":         address.city,
		"postalCode":   address.postalCode,
	}
	if address.state != "" {
		business["stateOrProvinceCode"] = address.state
	}
	return payload(object{
		"marketplaceParticipationList": participations(c),
		"businessType":                 "PRIVATE_LIMITED",
		"sellingPlan":                  "PROFESSIONAL",
		"business":                     object{"name": c.account.storeName, "registeredBusinessAddress": business, "companyRegistrationNumber": r.text(digits, 8)},
		"primaryContact":               object{"name": address.name, "address": business},
	}), nil
}
