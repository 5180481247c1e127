package marketplace

// wantTable is typed in once more on purpose: a slip in table.go has to be made twice to pass.
var wantTable = []struct{ code, id, iso, name, region, currency, language, storefront, sellerCentral, vendorCentral string }{
	{"CA", "A2EUQ1WTGCTBG2", "CA", "Canada", "na", "CAD", "en_CA", "www.amazon.ca", "sellercentral.amazon.ca", "vendorcentral.amazon.ca"},
	{"US", "ATVPDKIKX0DER", "US", "United States", "na", "USD", "en_US", "www.amazon.com", "sellercentral.amazon.com", "vendorcentral.amazon.com"},
	{"MX", "A1AM78C64UM0Y8", "MX", "Mexico", "na", "MXN", "es_MX", "www.amazon.com.mx", "sellercentral.amazon.com.mx", "vendorcentral.amazon.com.mx"},
	{"BR", "A2Q3Y263D00KWC", "BR", "Brazil", "na", "BRL", "pt_BR", "www.amazon.com.br", "sellercentral.amazon.com.br", "vendorcentral.amazon.com.br"},
	{"IE", "A28R8C7NBKEWEA", "IE", "Ireland", "eu", "EUR", "en_IE", "www.amazon.ie", "sellercentral.amazon.ie", "vendorcentral.amazon.ie"},
	{"ES", "A1RKKUPIHCS9HS", "ES", "Spain", "eu", "EUR", "es_ES", "www.amazon.es", "sellercentral-europe.amazon.com", "vendorcentral.amazon.es"},
	{"UK", "A1F83G8C2ARO7P", "GB", "United Kingdom", "eu", "GBP", "en_GB", "www.amazon.co.uk", "sellercentral-europe.amazon.com", "vendorcentral.amazon.co.uk"},
	{"FR", "A13V1IB3VIYZZH", "FR", "France", "eu", "EUR", "fr_FR", "www.amazon.fr", "sellercentral-europe.amazon.com", "vendorcentral.amazon.fr"},
	{"BE", "AMEN7PMS3EDWL", "BE", "Belgium", "eu", "EUR", "fr_BE", "www.amazon.com.be", "sellercentral.amazon.com.be", "vendorcentral.amazon.com.be"},
	{"NL", "A1805IZSGTT6HS", "NL", "Netherlands", "eu", "EUR", "nl_NL", "www.amazon.nl", "sellercentral.amazon.nl", "vendorcentral.amazon.nl"},
	{"DE", "A1PA6795UKMFR9", "DE", "Germany", "eu", "EUR", "de_DE", "www.amazon.de", "sellercentral-europe.amazon.com", "vendorcentral.amazon.de"},
	{"IT", "APJ6JRA9NG5V4", "IT", "Italy", "eu", "EUR", "it_IT", "www.amazon.it", "sellercentral-europe.amazon.com", "vendorcentral.amazon.it"},
	{"SE", "A2NODRKZP88ZB9", "SE", "Sweden", "eu", "SEK", "sv_SE", "www.amazon.se", "sellercentral.amazon.se", "vendorcentral.amazon.se"},
	{"ZA", "AE08WJ6YKNBMC", "ZA", "South Africa", "eu", "ZAR", "en_ZA", "www.amazon.co.za", "sellercentral.amazon.co.za", "vendorcentral.amazon.co.za"},
	{"PL", "A1C3SOZRARQ6R3", "PL", "Poland", "eu", "PLN", "pl_PL", "www.amazon.pl", "sellercentral.amazon.pl", "vendorcentral.amazon.pl"},
	{"EG", "ARBP9OOSHTCHU", "EG", "Egypt", "eu", "EGP", "ar_EG", "www.amazon.eg", "sellercentral.amazon.eg", "vendorcentral.amazon.me"},
	{"TR", "A33AVAJ2PDY3EV", "TR", "Turkey", "eu", "TRY", "tr_TR", "www.amazon.com.tr", "sellercentral.amazon.com.tr", "vendorcentral.amazon.com.tr"},
	{"SA", "A17E79C6D8DWNP", "SA", "Saudi Arabia", "eu", "SAR", "ar_SA", "www.amazon.sa", "sellercentral.amazon.sa", "vendorcentral.amazon.me"},
	{"AE", "A2VIGQ35RCS4UG", "AE", "United Arab Emirates", "eu", "AED", "en_AE", "www.amazon.ae", "sellercentral.amazon.ae", "vendorcentral.amazon.me"},
	{"IN", "A21TJRUUN4KGV", "IN", "India", "eu", "INR", "en_IN", "www.amazon.in", "sellercentral.amazon.in", "www.vendorcentral.in"},
	{"SG", "A19VAU5U5O7RUS", "SG", "Singapore", "fe", "SGD", "en_SG", "www.amazon.sg", "sellercentral.amazon.sg", "vendorcentral.amazon.com.sg"},
	{"AU", "A39IBJ37TRP1C6", "AU", "Australia", "fe", "AUD", "en_AU", "www.amazon.com.au", "sellercentral.amazon.com.au", "vendorcentral.amazon.com.au"},
	{"JP", "A1VC38T7YXB528", "JP", "Japan", "fe", "JPY", "ja_JP", "www.amazon.co.jp", "sellercentral.amazon.co.jp", "vendorcentral.amazon.co.jp"},
}
