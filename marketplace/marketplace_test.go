package marketplace

import (
	_ "embed"
	"encoding/csv"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"
	_ "time/tzdata" // the test must not depend on the machine
)

//go:embed testdata/marketplaces.csv
var table string

func TestTable(t *testing.T) {
	r := csv.NewReader(strings.NewReader(table))
	r.Comment = '#'
	rows, err := r.ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	if got := All(); len(got) != 23 || len(rows) != 24 {
		t.Fatalf("All has %d marketplaces, the test's file %d lines, want 23 and 24", len(got), len(rows))
	}
	for i, row := range rows[1:] {
		code := row[0]
		want := Marketplace{
			ID: row[1], CountryCode: row[2], Name: row[3], Region: Region(row[4]), Currency: row[5], Language: row[6],
			Storefront: row[7], SellerCentral: "https://" + row[8], VendorCentral: "https://" + row[9],
			TimeZone: row[10], Charset: row[11], DecimalComma: row[12] == "yes", DayFirst: row[13] == "yes",
		}
		if got := All()[i]; got != want {
			t.Errorf("All[%d] (%s)\n got %+v\nwant %+v", i, code, got, want)
		}
		if got, ok := ByID(want.ID); !ok || got != want || !got.Known() {
			t.Errorf("ByID(%q) = %+v, %v", want.ID, got, ok)
		}
		domain := strings.TrimPrefix(want.Storefront, "www.")
		for _, s := range []string{
			want.ID, strings.ToLower(want.ID), code, strings.ToLower(code), want.CountryCode, want.Name, strings.ToUpper(want.Name),
			strings.ReplaceAll(want.Name, " ", ""), want.Storefront, domain, "A" + domain[1:], "https://" + want.Storefront + "/dp/B00ABC?th=1",
		} {
			if got, err := Lookup(s); err != nil || got != want {
				t.Errorf("Lookup(%q) = %s, %v; want %s", s, got.CountryCode, err, want.CountryCode)
			}
		}
		for _, u := range []string{want.SellerCentral, want.VendorCentral} {
			if parsed, err := url.Parse(u); err != nil || parsed.Scheme != "https" || parsed.Path != "" {
				t.Errorf("%s: %q is no bare https URL", code, u)
			}
		}
	}
}

// Every zone is one of the IANA's, and its days begin where they should.
func TestLocation(t *testing.T) {
	for _, m := range All() {
		zone, err := m.Location()
		if err != nil || zone.String() != m.TimeZone || zone == time.UTC {
			t.Errorf("%s: %v, %v", m.CountryCode, zone, err)
		}
	}
	for _, tc := range []struct {
		m    Marketplace
		want string
	}{
		{US, "2026-07-01T07:00:00Z"}, {CA, "2026-07-01T07:00:00Z"}, {MX, "2026-07-01T07:00:00Z"}, {BR, "2026-07-01T03:00:00Z"}, {UK, "2026-06-30T23:00:00Z"},
		{DE, "2026-06-30T22:00:00Z"}, {IN, "2026-06-30T18:30:00Z"}, {AU, "2026-06-30T14:00:00Z"}, {JP, "2026-06-30T15:00:00Z"},
		{Marketplace{}, "2026-07-01T00:00:00Z"},
	} {
		zone, err := tc.m.Location()
		if err != nil {
			t.Fatal(err)
		}
		if got := time.Date(2026, 7, 1, 0, 0, 0, 0, zone).UTC().Format(time.RFC3339); got != tc.want {
			t.Errorf("%s: 2026-07-01 begins at %s, want %s", tc.m.CountryCode, got, tc.want)
		}
	}
	if _, err := (Marketplace{ID: "A1", TimeZone: "Mars/Base"}).Location(); err == nil || !strings.Contains(err.Error(), "marketplace A1") {
		t.Errorf("a zone that there isn't: %v", err)
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
		{"  ", []string{`"  "`, "white space", "want it bare"}},
		{" DE", []string{`" DE"`, "white space"}},
		{"DE\n", []string{`"DE\n"`, "white space"}},
		{"\uFEFFDE", []string{"white space or control"}},
		{"A1ZZZZZZZZZZZZ ", []string{"white space"}},
		{"Germny", []string{`"Germny"`, "DE (Germany, A1PA6795UKMFR9)"}},
		{"Swedn", []string{`"Swedn"`, "SE (Sweden"}},
		{"United", []string{"US (United States", "GB (United Kingdom", "AE (United Arab Emirates"}},
		{"ATVPDKIKXODER", []string{`"ATVPDKIKXODER"`, "US (United States, ATVPDKIKX0DER)"}},  // the letter O
		{"ATVPDKIKX0DRE", []string{"US (United States, ATVPDKIKX0DER)"}},                     // two letters swapped
		{"a1zzzzzzzzzzzz", []string{`"a1zzzzzzzzzzzz"`, "want an id such as ATVPDKIKX0DER"}}, // ids are upper case
		{"B1ZZZZZZZZZZZZ", []string{"unknown"}},
		{"A1ZZZZZZZ", []string{"unknown"}},
		{"A1ZZZZZZZZZZZZZZ", []string{"unknown"}},
		{"A1ZZZZ-ZZZZZZZ", []string{"unknown"}},
		{"ALLMARKETPLACE", []string{"unknown"}},
		{"amazon.dee", []string{"DE (Germany"}},
		{"XX", []string{`"XX"`, "one of CA US MX"}},
		{"https://example.com/", []string{`"https://example.com/"`, "a storefront"}},
		{strings.Repeat("é", 5000), []string{"marketplace of 5000 characters is unknown: want"}},
		{"amazon|de", []string{"marketplace of 9 characters is unknown: near"}},
	} {
		m, err := Lookup(tc.in)
		if err == nil {
			t.Errorf("Lookup(%q) = %s, want an error", tc.in, m.ID)
			continue
		}
		for _, want := range tc.want {
			if !strings.Contains(err.Error(), want) {
				t.Errorf("Lookup(%q): error %q lacks %q", tc.in[:min(len(tc.in), 40)], err, want)
			}
		}
		if len(err.Error()) > 300 {
			t.Errorf("Lookup(%q): error of %d bytes", tc.in[:min(len(tc.in), 40)], len(err.Error()))
		}
	}
	if m, ok := ByID("atvpdkikx0der"); ok {
		t.Errorf("ByID takes a wrong case: %+v", m)
	}
	if _, ok := ByID("A2ZV50J4W1RKNI"); ok {
		t.Error("ByID knows an id that is no store")
	}
}

// Stores open, and sellers take part in what is no store: an id is not judged by the table alone.
func TestLookupOfAnIDThatIsNotInTheTable(t *testing.T) {
	for _, id := range []string{"A1ZZZZZZZZZZZZ", "A2ZV50J4W1RKNI", "AZMDEXL2RVFNN", "A12345678Z"} {
		m, err := Lookup(id)
		if err != nil || m != (Marketplace{ID: id, Name: id}) || m.Known() {
			t.Errorf("Lookup(%q) = %+v, %v", id, m, err)
		}
	}
}

// A token in the wrong setting must not be told to a log.
func TestErrorsShowNoSecret(t *testing.T) {
	for _, secret := range []string{"Atzr|SECRETcanary", "Atza|SECRETcanary", " amzn1.oa2-cs.v1.SECRETcanary", "Atzr|SECRETcanary\n",
		"Atc%7CSECRETcanary", "Atz.sprdt%7cSECRETcanary", "AGE-SECRET-KEY-1SECRETcanary", "https://ann:SECRETcanary@amazon.example", "ann:SECRETcanary@amazon.example",
		strings.Repeat("SECRETcanary", 30)} {
		_, err := Lookup(secret)
		_, regionErr := ParseRegion(secret)
		for _, err := range []error{err, regionErr} {
			if err == nil || strings.Contains(err.Error(), "SECRET") {
				t.Errorf("got %v", err)
			}
		}
	}
}

func TestIDs(t *testing.T) {
	ids, err := IDs([]string{"uk", "A1ZZZZZZZZZZZZ", "amazon.de", "GB", "Germany"})
	if want := []string{UK.ID, "A1ZZZZZZZZZZZZ", DE.ID}; err != nil || !slices.Equal(ids, want) {
		t.Errorf("got %v, %v, want %v", ids, err, want)
	}
	if _, err := IDs([]string{"DE", "Germny"}); err == nil || !strings.Contains(err.Error(), `"Germny"`) {
		t.Errorf("got %v", err)
	}
	if ids, err := IDs(nil); err != nil || len(ids) != 0 {
		t.Errorf("of none: %v, %v", ids, err)
	}
}

func TestRegions(t *testing.T) {
	for _, tc := range []struct {
		region                 Region
		endpoint, sandbox, aws string
		spellings              []string
		marketplaces           int
		main                   Marketplace
	}{
		{NorthAmerica, "https://sellingpartnerapi-na.amazon.com", "https://sandbox.sellingpartnerapi-na.amazon.com", "us-east-1",
			[]string{"na", "NA", "Na", "North America", "north-america", "NorthAmerica", "us-east-1"}, 4, US},
		{Europe, "https://sellingpartnerapi-eu.amazon.com", "https://sandbox.sellingpartnerapi-eu.amazon.com", "eu-west-1",
			[]string{"eu", "EU", "europe", "EU-WEST-1"}, 16, DE},
		{FarEast, "https://sellingpartnerapi-fe.amazon.com", "https://sandbox.sellingpartnerapi-fe.amazon.com", "us-west-2",
			[]string{"fe", "FE", "Far East", "far_east", "us-west-2"}, 3, JP},
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
		if got := r.DefaultMarketplace(); got != tc.main {
			t.Errorf("%s stands for %s, want %s", r, got.CountryCode, tc.main.CountryCode)
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
		"":              `region is empty`,
		"us-east-2":     `region "us-east-2" is unknown: want na`,
		"DE":            `the marketplace Germany lies in "eu"`,
		"ATVPDKIKX0DER": `lies in "na"`,
		" na":           `region " na" has white space`,
		"na\n":          "want it bare",
	} {
		r, err := ParseRegion(in)
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("ParseRegion(%q) = %q, %v; want an error with %q", in, r, err, want)
		}
	}
	if _, err := ParseRegion("A1ZZZZZZZZZZZZ"); err == nil || strings.Contains(err.Error(), "lies in") {
		t.Errorf("an id whose region nobody knows: %v", err)
	}
	if r := Region("xx"); r.Valid() || r.DefaultMarketplace() != (Marketplace{}) || r.Endpoint() != "" ||
		r.SandboxEndpoint() != "" || r.AWSRegion() != "" || len(r.Marketplaces()) != 0 {
		t.Error("an unknown region has an endpoint")
	}
}
