// Package marketplace knows where Amazon sells: the regions of the Selling Partner API with their endpoints,
// and the marketplaces in them with their ids, hosts, currencies, languages, time zones and ways of writing. It is pure
// data and imports nothing but the standard library.
//
//	m, err := marketplace.Lookup("de")     // or "A1PA6795UKMFR9", "Germany", "www.amazon.de"
//	m.ID                                   // A1PA6795UKMFR9
//	m.Region.Endpoint()                    // https://sellingpartnerapi-eu.amazon.com
//	m.TimeZone                             // Europe/Berlin
package marketplace

import (
	"fmt"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"
)

// Marketplace is one of Amazon's stores.
type Marketplace struct {
	// ID is what the API calls marketplaceId, such as "ATVPDKIKX0DER".
	ID string
	// CountryCode is the ISO 3166 code as the API's payloads have it, such as "US". The United Kingdom is
	// "GB" here, though Amazon's documentation writes UK; [Lookup] takes both.
	CountryCode string
	// Name is the country's English name.
	Name string
	// Region is where the marketplace's API and its authorizations live.
	Region Region
	// Currency is the store's default currency, ISO 4217. Authoritative is what getMarketplaceParticipations
	// answers for the seller.
	Currency string
	// Language is the store's usual locale, such as "en_US": a convention, and authoritative only as
	// getMarketplaceParticipations answers it. The locale parameter of product type definitions does not know
	// those of Ireland, South Africa, Belgium, Egypt and Saudi Arabia.
	Language string
	// Storefront is the host where customers buy, such as "www.amazon.com".
	Storefront string
	// SellerCentral and VendorCentral are the base URLs, without a slash at the end, of the sites where
	// sellers and vendors manage their accounts and authorize applications.
	SellerCentral, VendorCentral string
	// TimeZone is the IANA name of the zone by which the store counts its days, such as "Europe/Berlin"; see [Marketplace.Location].
	// Amazon counts the days of the United States, Canada and Mexico in Pacific time (amzn/selling-partner-api-docs#3107 and #820). Elsewhere it is the
	// zone of the country, and in Australia and Brazil, which have several, that of Sydney and of São Paulo: a convention, for Amazon's
	// documentation is silent (amzn/selling-partner-api-models#5209). The API's own times are UTC or carry their offset.
	TimeZone string
	// Charset is what the store's flat-file reports are in where their Content-Type doesn't tell, by its IANA name: "Shift_JIS" in
	// Japan, "windows-1252" elsewhere. Amazon calls the latter Cp1252, and uses it in North America too (recorded in lineofflight/peddler,
	// test/vcr_cassettes/Peddler/Helpers/Reports20210630Test, June 2025; amzn/selling-partner-api-models#4955, saleweaver/python-amazon-sp-api#769).
	// UTF-8 comes everywhere at times, and what Content-Type tells goes first.
	Charset string
	// DecimalComma tells that amounts of the store's settlement reports (Flat File V2) have a comma before the cents: "95,00"
	// (developer-docs.amazon.com/sp-api/changelog/update-deprecation-of-two-payment-settlement-report-types, which names "EU" as an
	// example; abuzuhri/Amazon-SP-API-CSharp#571 shows Germany). Which stores those are follows the number format of the country in
	// Unicode's CLDR; those that write Arabic are taken to have a point.
	DecimalComma bool
	// DayFirst tells that the store's reports write 01/02/2026 for the first of February. It is known of the stores of the region
	// Europe (abuzuhri/Amazon-SP-API-CSharp#571 has 14.03.2023); elsewhere the month is taken to come first.
	DayFirst bool
}

// Known reports whether m is in the table of this package: it has all fields then. [Lookup] returns unknown ones, too.
func (m Marketplace) Known() bool { return m.Region != "" }

// Location is the place of TimeZone: UTC if that is empty. The error is that of [time.LoadLocation] on a machine without a time zone
// database; programs that may run on one import time/tzdata.
func (m Marketplace) Location() (*time.Location, error) {
	zone, err := time.LoadLocation(m.TimeZone)
	if err != nil {
		return nil, fmt.Errorf("time zone of marketplace %s: %w", m.ID, err)
	}
	return zone, nil
}

// All returns all marketplaces: North America, Europe, Far East, each in the order of Amazon's documentation.
func All() []Marketplace { return slices.Clone(all[:]) }

// ByID returns the marketplace with exactly this id. Amazon also uses ids that are no store, for instance in
// participations: a miss is not always a mistake.
func ByID(id string) (Marketplace, bool) {
	for i := range all {
		if all[i].ID == id {
			return all[i], true
		}
	}
	return Marketplace{}, false
}

// Lookup finds a marketplace by what people have at hand: id, country code (UK and GB both), English name,
// or storefront as a host, a domain or a URL ("www.amazon.de", "Amazon.de"), in any case. White space and control characters around it are
// refused, as those around credentials are: what was pasted badly here was pasted badly elsewhere too.
//
// An id that is well-formed but not in the table is taken as well: Amazon opens stores (Ireland and South Africa came in 2025), and
// getMarketplaceParticipations answers ids that are no store. Its marketplace has the id as Name and nothing else, above all no Region; see
// [Marketplace.Known]. An id that differs from a known one by a slip is refused.
//
// The error is a [*NameError] with the marketplaces nearest to it.
func Lookup(s string) (Marketplace, error) {
	if s != "" && strings.TrimFunc(s, padding) != s {
		return Marketplace{}, nameError(kindMarketplace, s, wantBare)
	}
	key := lookupKey(s)
	if key != "" {
		for i := range all {
			if slices.Contains(spellings(&all[i]), key) {
				return all[i], nil
			}
		}
	}
	if wellFormed(s) && !slices.ContainsFunc(all[:], func(m Marketplace) bool { return distance(s, m.ID) <= 2 }) {
		return Marketplace{ID: s, Name: s}, nil
	}
	return Marketplace{}, unknown(s, key)
}

// IDs returns the ids of the marketplaces that names stand for, each once, in the order of names. Errors: those of [Lookup].
func IDs(names []string) ([]string, error) {
	ids := make([]string, 0, len(names))
	for _, name := range names {
		m, err := Lookup(name)
		if err != nil {
			return nil, err
		}
		if !slices.Contains(ids, m.ID) {
			ids = append(ids, m.ID)
		}
	}
	return ids, nil
}

// wellFormed tells whether s has the form of a marketplace id, as far as those known and those of other projects' lists tell: A and 9 to
// 14 letters and digits. Without a digit it is rather a word.
func wellFormed(s string) bool {
	if len(s) < 10 || len(s) > 15 || s[0] != 'A' || !strings.ContainsAny(s, "0123456789") {
		return false
	}
	return strings.Trim(s, "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789") == ""
}

// padding is what is pasted along with a value.
func padding(r rune) bool {
	return unicode.IsSpace(r) || unicode.IsControl(r) || r == '\uFEFF' || r == '\u200B'
}

// lookupKey reduces a URL or host to the store's domain, and anything else to its squeezed form.
func lookupKey(s string) string {
	s = strings.ToLower(s)
	if u, err := url.Parse(s); err == nil && u.Host != "" {
		s = u.Hostname()
	}
	return strings.TrimPrefix(strings.TrimRight(squeeze(s), "/."), "www.")
}

func spellings(m *Marketplace) []string {
	keys := []string{lookupKey(m.ID), lookupKey(m.CountryCode), lookupKey(m.Name), lookupKey(m.Storefront)}
	switch m.CountryCode {
	case "GB":
		keys = append(keys, "uk", "greatbritain")
	case "US":
		keys = append(keys, "usa", "unitedstatesofamerica")
	case "AE":
		keys = append(keys, "uae")
	}
	return keys
}

func unknown(s, key string) error {
	if key == "" {
		return nameError(kindMarketplace, "",
			fmt.Sprintf("is empty: want an id such as %s, a country code such as %s, a name or a storefront", US.ID, US.CountryCode))
	}
	near := nearest(key)
	if len(near) == 0 {
		codes := make([]string, len(all))
		for i := range all {
			codes[i] = all[i].CountryCode
		}
		return nameError(kindMarketplace, s, fmt.Sprintf("is unknown: want an id such as %s, a name, a storefront, or one of %s", US.ID, strings.Join(codes, " ")))
	}
	names := make([]string, len(near))
	for i, m := range near {
		names[i] = fmt.Sprintf("%s (%s, %s)", m.CountryCode, m.Name, m.ID)
	}
	return nameError(kindMarketplace, s, "is unknown: near it are "+strings.Join(names, ", "))
}

// nearest returns up to three marketplaces a spelling of which is a slip away from key: up to a quarter of
// its letters wrong. Two-letter codes have no near ones, for each would be near to half of the others.
func nearest(key string) []Marketplace {
	if len(key) > 64 {
		return nil // no name is that long, and comparing letter by letter would take its time
	}
	type scored struct {
		m        Marketplace
		distance int
	}
	var found []scored
	limit := max(1, len(key)/4)
	for i := range all {
		best := limit + 1
		for _, spelling := range spellings(&all[i]) {
			if len(spelling) <= 3 {
				continue
			}
			if len(key) >= 4 && strings.HasPrefix(spelling, key) {
				best = min(best, 1)
			}
			best = min(best, distance(key, spelling))
		}
		if best <= limit {
			found = append(found, scored{all[i], best})
		}
	}
	slices.SortStableFunc(found, func(a, b scored) int { return a.distance - b.distance })
	near := make([]Marketplace, 0, 3)
	for _, f := range found[:min(3, len(found))] {
		near = append(near, f.m)
	}
	return near
}

// distance is the number of letters to insert, remove or change to make b of a (Levenshtein).
func distance(a, b string) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		diagonal := row[0]
		row[0] = i + 1
		for j := range len(b) {
			cost := diagonal
			if a[i] != b[j] {
				cost++
			}
			diagonal = row[j+1]
			row[j+1] = min(cost, row[j]+1, diagonal+1)
		}
	}
	return row[len(b)]
}

// NameError is a text that names no marketplace or no region.
type NameError struct {
	Kind  string // "marketplace" or "region"
	Value string // as given; "" if it is longer than any name, or may be a secret that was pasted into the wrong setting
	Want  string // what is wrong, and what would be right: "is unknown: near it are DE (Germany, A1PA6795UKMFR9)"
}

const (
	kindMarketplace = "marketplace"
	kindRegion      = "region"

	wantBare = "has white space or control characters around it: want it bare"
)

func (e *NameError) Error() string {
	if e.Value == "" {
		return e.Kind + " " + e.Want
	}
	return e.Kind + " " + strconv.Quote(e.Value) + " " + e.Want
}

// nameError shows s unless it is longer than any name, or has the form of a secret that was pasted into the wrong setting. Login with Amazon's
// tokens have a bar in them, also as %7C, its client secrets begin with "amzn1.", keys of stored accounts with "AGE-SECRET-KEY-"; a URL has an @
// behind user and password. No name, id or storefront has any of these.
func nameError(kind, s, want string) *NameError {
	lower := strings.ToLower(s)
	if n := utf8.RuneCountInString(s); n > 60 || strings.ContainsAny(s, "|%@") || strings.Contains(lower, "amzn1.") || strings.Contains(lower, "age-secret-key-") {
		return &NameError{Kind: kind, Want: fmt.Sprintf("of %d characters %s", n, want)}
	}
	return &NameError{Kind: kind, Value: s, Want: want}
}
