package marketplace

import (
	"net/url"
	"slices"
	"strings"
	"testing"
)

func TestTable(t *testing.T) {
	if got := All(); len(got) != 23 || len(wantTable) != 23 {
		t.Fatalf("All has %d marketplaces, the test %d, want 23", len(got), len(wantTable))
	}
	for i, w := range wantTable {
		want := Marketplace{
			ID: w.id, CountryCode: w.iso, Name: w.name, Region: Region(w.region), Currency: w.currency, Language: w.language,
			Storefront: w.storefront, SellerCentral: "https://" + w.sellerCentral, VendorCentral: "https://" + w.vendorCentral,
		}
		if got := All()[i]; got != want {
			t.Errorf("All[%d] (%s)\n got %+v\nwant %+v", i, w.code, got, want)
		}
		if got, ok := ByID(w.id); !ok || got != want {
			t.Errorf("ByID(%q) = %+v, %v", w.id, got, ok)
		}
		domain := strings.TrimPrefix(w.storefront, "www.")
		for _, s := range []string{
			w.id, strings.ToLower(w.id), w.code, strings.ToLower(w.code), w.iso, w.name, strings.ToUpper(w.name), " " + w.name + "\n",
			strings.ReplaceAll(w.name, " ", ""), w.storefront, domain, "A" + domain[1:], "https://" + w.storefront + "/dp/B00ABC?th=1",
		} {
			if got, err := Lookup(s); err != nil || got != want {
				t.Errorf("Lookup(%q) = %s, %v; want %s", s, got.CountryCode, err, w.iso)
			}
		}
		for _, u := range []string{want.SellerCentral, want.VendorCentral} {
			if parsed, err := url.Parse(u); err != nil || parsed.Scheme != "https" || parsed.Path != "" {
				t.Errorf("%s: %q is no bare https URL", w.code, u)
			}
		}
	}
}

func TestNoSpellingIsAmbiguous(t *testing.T) {
	seen := map[string]string{}
	for _, m := range All() {
		for _, s := range spellings(&m) {
			if other := seen[s]; other != "" && other != m.ID {
				t.Errorf("%q stands for both %s and %s", s, other, m.ID)
			}
			seen[s] = m.ID
		}
	}
}

func TestVariablesAreTheRows(t *testing.T) {
	for _, m := range []struct {
		got  Marketplace
		code string
	}{{US, "US"}, {UK, "GB"}, {DE, "DE"}, {JP, "JP"}, {IN, "IN"}, {ZA, "ZA"}} {
		if m.got.CountryCode != m.code {
			t.Errorf("variable for %s holds %s", m.code, m.got.CountryCode)
		}
	}
}

func TestAllIsACopy(t *testing.T) {
	All()[0].ID = "spoilt"
	if All()[0] != CA {
		t.Error("a caller changed the table through All")
	}
}

func TestLookupUnknown(t *testing.T) {
	for _, tc := range []struct {
		in   string
		want []string // all of these stand in the error
	}{
		{"", []string{"empty", "ATVPDKIKX0DER"}},
		{"  ", []string{"empty"}},
		{"Germny", []string{`"Germny"`, "DE (Germany, A1PA6795UKMFR9)"}},
		{"Swedn", []string{`"Swedn"`, "SE (Sweden"}},
		{"United", []string{"US (United States", "GB (United Kingdom", "AE (United Arab Emirates"}},
		{"ATVPDKIKXODER", []string{`"ATVPDKIKXODER"`, "US (United States, ATVPDKIKX0DER)"}}, // the letter O
		{"amazon.dee", []string{"DE (Germany"}},
		{"XX", []string{`"XX"`, "one of CA US MX"}},
		{"https://example.com/", []string{`"https://example.com/"`, "a storefront"}},
		{strings.Repeat("é", 5000), []string{"…"}},
	} {
		m, err := Lookup(tc.in)
		if err == nil {
			t.Errorf("Lookup(%q) = %s, want an error", tc.in, m.ID)
			continue
		}
		for _, want := range tc.want {
			if !strings.Contains(err.Error(), want) {
				t.Errorf("Lookup(%q): error %q lacks %q", shorten(tc.in), err, want)
			}
		}
		if len(err.Error()) > 300 {
			t.Errorf("Lookup(%q): error of %d bytes", shorten(tc.in), len(err.Error()))
		}
	}
	if m, ok := ByID("atvpdkikx0der"); ok {
		t.Errorf("ByID takes a wrong case: %+v", m)
	}
	if _, ok := ByID("A2ZV50J4W1RKNI"); ok {
		t.Error("ByID knows an id that is no store")
	}
}

func TestRegions(t *testing.T) {
	for _, tc := range []struct {
		region                 Region
		endpoint, sandbox, aws string
		spellings              []string
		marketplaces           int
	}{
		{NorthAmerica, "https://sellingpartnerapi-na.amazon.com", "https://sandbox.sellingpartnerapi-na.amazon.com", "us-east-1", []string{"na", "NA", " Na ", "North America", "north-america", "NorthAmerica", "us-east-1"}, 4},
		{Europe, "https://sellingpartnerapi-eu.amazon.com", "https://sandbox.sellingpartnerapi-eu.amazon.com", "eu-west-1", []string{"eu", "EU", "europe", "EU-WEST-1"}, 16},
		{FarEast, "https://sellingpartnerapi-fe.amazon.com", "https://sandbox.sellingpartnerapi-fe.amazon.com", "us-west-2", []string{"fe", "FE", "Far East", "far_east", "us-west-2"}, 3},
	} {
		r := tc.region
		if !r.Valid() || r.Endpoint() != tc.endpoint || r.SandboxEndpoint() != tc.sandbox || r.AWSRegion() != tc.aws {
			t.Errorf("%s: valid %v, %s, %s, %s", r, r.Valid(), r.Endpoint(), r.SandboxEndpoint(), r.AWSRegion())
		}
		for _, s := range tc.spellings {
			if got, err := ParseRegion(s); err != nil || got != r {
				t.Errorf("ParseRegion(%q) = %q, %v; want %q", s, got, err, r)
			}
		}
		if got := len(r.Marketplaces()); got != tc.marketplaces {
			t.Errorf("%s has %d marketplaces, want %d", r, got, tc.marketplaces)
		}
		for _, endpoint := range []string{r.Endpoint(), r.SandboxEndpoint()} {
			if !slices.Contains(Hosts(), strings.TrimPrefix(endpoint, "https://")) {
				t.Errorf("Hosts lacks %s", endpoint)
			}
		}
	}
	if len(Regions()) != 3 || len(Hosts()) != 6 {
		t.Errorf("%d regions and %d hosts, want 3 and 6", len(Regions()), len(Hosts()))
	}
}

func TestRegionUnknown(t *testing.T) {
	for in, want := range map[string]string{
		"":              `unknown region ""`,
		"us-east-2":     `unknown region "us-east-2": want na`,
		"DE":            `the marketplace Germany lies in "eu"`,
		"ATVPDKIKX0DER": `lies in "na"`,
	} {
		r, err := ParseRegion(in)
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("ParseRegion(%q) = %q, %v; want an error with %q", in, r, err, want)
		}
	}
	if r := Region("xx"); r.Valid() || r.Endpoint() != "" || r.SandboxEndpoint() != "" || r.AWSRegion() != "" || len(r.Marketplaces()) != 0 {
		t.Error("an unknown region has an endpoint")
	}
}
