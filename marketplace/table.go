package marketplace

// The marketplaces that SP-API serves, each a value to use directly: marketplace.US.ID,
// marketplace.DE.Region. They are variables only because Go has no constant structs; nothing may assign to them.
//
// Sources: developer-docs.amazon.com/sp-api/docs/marketplace-ids and /sp-api-endpoints; Central hosts from
// amzn/selling-partner-api-samples (auth-lifecycle-management), which lacks IE and ZA: those two are from
// third-party libraries. A comment stands where sources differ. Those of time zone, charset, decimal comma and order of dates
// stand with the fields of [Marketplace].
var (
	CA = Marketplace{
		ID: "A2EUQ1WTGCTBG2", CountryCode: "CA", Name: "Canada",
		Region: NorthAmerica, Currency: "CAD", Language: "en_CA",
		Storefront:    "www.amazon.ca",
		SellerCentral: "https://sellercentral.amazon.ca",
		VendorCentral: "https://vendorcentral.amazon.ca",
		TimeZone:      "America/Los_Angeles", Charset: "windows-1252",
	}
	US = Marketplace{
		ID: "ATVPDKIKX0DER", CountryCode: "US", Name: "United States",
		Region: NorthAmerica, Currency: "USD", Language: "en_US",
		Storefront:    "www.amazon.com",
		SellerCentral: "https://sellercentral.amazon.com",
		VendorCentral: "https://vendorcentral.amazon.com",
		TimeZone:      "America/Los_Angeles", Charset: "windows-1252",
	}
	MX = Marketplace{
		ID: "A1AM78C64UM0Y8", CountryCode: "MX", Name: "Mexico",
		Region: NorthAmerica, Currency: "MXN", Language: "es_MX",
		Storefront:    "www.amazon.com.mx",
		SellerCentral: "https://sellercentral.amazon.com.mx",
		VendorCentral: "https://vendorcentral.amazon.com.mx",
		TimeZone:      "America/Los_Angeles", Charset: "windows-1252",
	}
	BR = Marketplace{
		ID: "A2Q3Y263D00KWC", CountryCode: "BR", Name: "Brazil",
		Region: NorthAmerica, Currency: "BRL", Language: "pt_BR",
		Storefront:    "www.amazon.com.br",
		SellerCentral: "https://sellercentral.amazon.com.br",
		VendorCentral: "https://vendorcentral.amazon.com.br",
		TimeZone:      "America/Sao_Paulo", Charset: "windows-1252", DecimalComma: true,
	}
	// The Seller Central host is disputed (some libraries use sellercentral-europe.amazon.com); the Vendor
	// Central host is known from third-party libraries only.
	IE = Marketplace{
		ID: "A28R8C7NBKEWEA", CountryCode: "IE", Name: "Ireland",
		Region: Europe, Currency: "EUR", Language: "en_IE",
		Storefront:    "www.amazon.ie",
		SellerCentral: "https://sellercentral.amazon.ie",
		VendorCentral: "https://vendorcentral.amazon.ie",
		TimeZone:      "Europe/Dublin", Charset: "windows-1252", DayFirst: true,
	}
	ES = Marketplace{
		ID: "A1RKKUPIHCS9HS", CountryCode: "ES", Name: "Spain",
		Region: Europe, Currency: "EUR", Language: "es_ES",
		Storefront:    "www.amazon.es",
		SellerCentral: "https://sellercentral-europe.amazon.com",
		VendorCentral: "https://vendorcentral.amazon.es",
		TimeZone:      "Europe/Madrid", Charset: "windows-1252", DecimalComma: true, DayFirst: true,
	}
	// Amazon's documentation calls it UK, the API's payloads call it GB.
	UK = Marketplace{
		ID: "A1F83G8C2ARO7P", CountryCode: "GB", Name: "United Kingdom",
		Region: Europe, Currency: "GBP", Language: "en_GB",
		Storefront:    "www.amazon.co.uk",
		SellerCentral: "https://sellercentral-europe.amazon.com",
		VendorCentral: "https://vendorcentral.amazon.co.uk",
		TimeZone:      "Europe/London", Charset: "windows-1252", DayFirst: true,
	}
	FR = Marketplace{
		ID: "A13V1IB3VIYZZH", CountryCode: "FR", Name: "France",
		Region: Europe, Currency: "EUR", Language: "fr_FR",
		Storefront:    "www.amazon.fr",
		SellerCentral: "https://sellercentral-europe.amazon.com",
		VendorCentral: "https://vendorcentral.amazon.fr",
		TimeZone:      "Europe/Paris", Charset: "windows-1252", DecimalComma: true, DayFirst: true,
	}
	// The storefront is in Dutch and French.
	BE = Marketplace{
		ID: "AMEN7PMS3EDWL", CountryCode: "BE", Name: "Belgium",
		Region: Europe, Currency: "EUR", Language: "fr_BE",
		Storefront:    "www.amazon.com.be",
		SellerCentral: "https://sellercentral.amazon.com.be",
		VendorCentral: "https://vendorcentral.amazon.com.be",
		TimeZone:      "Europe/Brussels", Charset: "windows-1252", DecimalComma: true, DayFirst: true,
	}
	NL = Marketplace{
		ID: "A1805IZSGTT6HS", CountryCode: "NL", Name: "Netherlands",
		Region: Europe, Currency: "EUR", Language: "nl_NL",
		Storefront:    "www.amazon.nl",
		SellerCentral: "https://sellercentral.amazon.nl",
		VendorCentral: "https://vendorcentral.amazon.nl",
		TimeZone:      "Europe/Amsterdam", Charset: "windows-1252", DecimalComma: true, DayFirst: true,
	}
	DE = Marketplace{
		ID: "A1PA6795UKMFR9", CountryCode: "DE", Name: "Germany",
		Region: Europe, Currency: "EUR", Language: "de_DE",
		Storefront:    "www.amazon.de",
		SellerCentral: "https://sellercentral-europe.amazon.com",
		VendorCentral: "https://vendorcentral.amazon.de",
		TimeZone:      "Europe/Berlin", Charset: "windows-1252", DecimalComma: true, DayFirst: true,
	}
	IT = Marketplace{
		ID: "APJ6JRA9NG5V4", CountryCode: "IT", Name: "Italy",
		Region: Europe, Currency: "EUR", Language: "it_IT",
		Storefront:    "www.amazon.it",
		SellerCentral: "https://sellercentral-europe.amazon.com",
		VendorCentral: "https://vendorcentral.amazon.it",
		TimeZone:      "Europe/Rome", Charset: "windows-1252", DecimalComma: true, DayFirst: true,
	}
	SE = Marketplace{
		ID: "A2NODRKZP88ZB9", CountryCode: "SE", Name: "Sweden",
		Region: Europe, Currency: "SEK", Language: "sv_SE",
		Storefront:    "www.amazon.se",
		SellerCentral: "https://sellercentral.amazon.se",
		VendorCentral: "https://vendorcentral.amazon.se",
		TimeZone:      "Europe/Stockholm", Charset: "windows-1252", DecimalComma: true, DayFirst: true,
	}
	// Both Central hosts are known from third-party libraries only.
	ZA = Marketplace{
		ID: "AE08WJ6YKNBMC", CountryCode: "ZA", Name: "South Africa",
		Region: Europe, Currency: "ZAR", Language: "en_ZA",
		Storefront:    "www.amazon.co.za",
		SellerCentral: "https://sellercentral.amazon.co.za",
		VendorCentral: "https://vendorcentral.amazon.co.za",
		TimeZone:      "Africa/Johannesburg", Charset: "windows-1252", DecimalComma: true, DayFirst: true,
	}
	PL = Marketplace{
		ID: "A1C3SOZRARQ6R3", CountryCode: "PL", Name: "Poland",
		Region: Europe, Currency: "PLN", Language: "pl_PL",
		Storefront:    "www.amazon.pl",
		SellerCentral: "https://sellercentral.amazon.pl",
		VendorCentral: "https://vendorcentral.amazon.pl",
		TimeZone:      "Europe/Warsaw", Charset: "windows-1252", DecimalComma: true, DayFirst: true,
	}
	EG = Marketplace{
		ID: "ARBP9OOSHTCHU", CountryCode: "EG", Name: "Egypt",
		Region: Europe, Currency: "EGP", Language: "ar_EG",
		Storefront:    "www.amazon.eg",
		SellerCentral: "https://sellercentral.amazon.eg",
		VendorCentral: "https://vendorcentral.amazon.me",
		TimeZone:      "Africa/Cairo", Charset: "windows-1252", DayFirst: true,
	}
	TR = Marketplace{
		ID: "A33AVAJ2PDY3EV", CountryCode: "TR", Name: "Turkey",
		Region: Europe, Currency: "TRY", Language: "tr_TR",
		Storefront:    "www.amazon.com.tr",
		SellerCentral: "https://sellercentral.amazon.com.tr",
		VendorCentral: "https://vendorcentral.amazon.com.tr",
		TimeZone:      "Europe/Istanbul", Charset: "windows-1252", DecimalComma: true, DayFirst: true,
	}
	SA = Marketplace{
		ID: "A17E79C6D8DWNP", CountryCode: "SA", Name: "Saudi Arabia",
		Region: Europe, Currency: "SAR", Language: "ar_SA",
		Storefront:    "www.amazon.sa",
		SellerCentral: "https://sellercentral.amazon.sa",
		VendorCentral: "https://vendorcentral.amazon.me",
		TimeZone:      "Asia/Riyadh", Charset: "windows-1252", DayFirst: true,
	}
	AE = Marketplace{
		ID: "A2VIGQ35RCS4UG", CountryCode: "AE", Name: "United Arab Emirates",
		Region: Europe, Currency: "AED", Language: "en_AE",
		Storefront:    "www.amazon.ae",
		SellerCentral: "https://sellercentral.amazon.ae",
		VendorCentral: "https://vendorcentral.amazon.me",
		TimeZone:      "Asia/Dubai", Charset: "windows-1252", DayFirst: true,
	}
	// Amazon's sample code has this Vendor Central host; an older guide has vendorcentral.amazon.in.
	IN = Marketplace{
		ID: "A21TJRUUN4KGV", CountryCode: "IN", Name: "India",
		Region: Europe, Currency: "INR", Language: "en_IN",
		Storefront:    "www.amazon.in",
		SellerCentral: "https://sellercentral.amazon.in",
		VendorCentral: "https://www.vendorcentral.in",
		TimeZone:      "Asia/Kolkata", Charset: "windows-1252", DayFirst: true,
	}
	SG = Marketplace{
		ID: "A19VAU5U5O7RUS", CountryCode: "SG", Name: "Singapore",
		Region: FarEast, Currency: "SGD", Language: "en_SG",
		Storefront:    "www.amazon.sg",
		SellerCentral: "https://sellercentral.amazon.sg",
		VendorCentral: "https://vendorcentral.amazon.com.sg",
		TimeZone:      "Asia/Singapore", Charset: "windows-1252",
	}
	AU = Marketplace{
		ID: "A39IBJ37TRP1C6", CountryCode: "AU", Name: "Australia",
		Region: FarEast, Currency: "AUD", Language: "en_AU",
		Storefront:    "www.amazon.com.au",
		SellerCentral: "https://sellercentral.amazon.com.au",
		VendorCentral: "https://vendorcentral.amazon.com.au",
		TimeZone:      "Australia/Sydney", Charset: "windows-1252",
	}
	JP = Marketplace{
		ID: "A1VC38T7YXB528", CountryCode: "JP", Name: "Japan",
		Region: FarEast, Currency: "JPY", Language: "ja_JP",
		Storefront:    "www.amazon.co.jp",
		SellerCentral: "https://sellercentral.amazon.co.jp",
		VendorCentral: "https://vendorcentral.amazon.co.jp",
		TimeZone:      "Asia/Tokyo", Charset: "Shift_JIS",
	}
)

// all is in the order of Amazon's documentation: North America, Europe, Far East.
var all = [...]Marketplace{
	CA, US, MX, BR,
	IE, ES, UK, FR, BE, NL, DE, IT, SE, ZA, PL, EG, TR, SA, AE, IN,
	SG, AU, JP,
}
