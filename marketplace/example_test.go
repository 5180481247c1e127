package marketplace_test

import (
	"fmt"

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
	// unknown marketplace "Germny": near it are DE (Germany, A1PA6795UKMFR9)
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
	// unknown region "DE": want na (North America), eu (Europe, Middle East, India) or fe (Far East); the marketplace Germany lies in "eu"
}
