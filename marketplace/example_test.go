package marketplace_test

import (
	"fmt"
	"time"

	"github.com/openspapi/spapi/marketplace"
)

func ExampleLookup() {
	for _, s := range []string{"de", "UK", "A1VC38T7YXB528", "United Arab Emirates", "https://www.amazon.com.mx/"} {
		m, err := marketplace.Lookup(s)
		if err != nil {
			fmt.Println(err)
			continue
		}
		fmt.Println(m.ID, m.CountryCode, m.Currency, m.Region)
	}
	_, err := marketplace.Lookup("Germny")
	fmt.Println(err)
	// Output:
	// A1PA6795UKMFR9 DE EUR eu
	// A1F83G8C2ARO7P GB GBP eu
	// A1VC38T7YXB528 JP JPY fe
	// A2VIGQ35RCS4UG AE AED eu
	// A1AM78C64UM0Y8 MX MXN na
	// marketplace "Germny" is unknown: near it are DE (Germany, A1PA6795UKMFR9)
}

// A day of a marketplace, as Seller Central counts it.
func ExampleMarketplace_Location() {
	for _, m := range []marketplace.Marketplace{marketplace.US, marketplace.DE, marketplace.JP} {
		zone, err := m.Location()
		if err != nil {
			fmt.Println(err)
			continue
		}
		fmt.Println(m.CountryCode, time.Date(2026, time.March, 1, 0, 0, 0, 0, zone).UTC().Format(time.RFC3339))
	}
	// Output:
	// US 2026-03-01T08:00:00Z
	// DE 2026-02-28T23:00:00Z
	// JP 2026-02-28T15:00:00Z
}

func ExampleRegion() {
	region := marketplace.JP.Region
	fmt.Println(region.Endpoint())
	fmt.Println(region.SandboxEndpoint())
	fmt.Println(region.AWSRegion())
	// Output:
	// https://sellingpartnerapi-fe.amazon.com
	// https://sandbox.sellingpartnerapi-fe.amazon.com
	// us-west-2
}

func ExampleParseRegion() {
	region, err := marketplace.ParseRegion("Far East")
	fmt.Println(region, err)
	_, err = marketplace.ParseRegion("DE")
	fmt.Println(err)
	// Output:
	// fe <nil>
	// region "DE" is unknown: want na (North America), eu (Europe, Middle East, India) or fe (Far East); the marketplace Germany lies in "eu"
}
