// Package marketplace knows where Amazon sells: the regions of the Selling Partner API with their endpoints,
// and the marketplaces in them with their ids, hosts, currencies and languages. It is pure data and
// imports nothing but the standard library.
//
//	m, err := marketplace.Lookup("de")     // or "A1PA6795UKMFR9", "Germany", "www.amazon.de"
//	m.ID                                   // A1PA6795UKMFR9
//	m.Region.Endpoint()                    // https://sellingpartnerapi-eu.amazon.com
package marketplace

import (
	"fmt"
	"net/url"
	"slices"
	"strings"
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
// or storefront as a host, a domain or a URL ("www.amazon.de", "Amazon.de"), in any case and with spaces
// around it. The error names the value and the marketplaces nearest to it.
func Lookup(s string) (Marketplace, error) {
	key := lookupKey(s)
	if key != "" {
		for i := range all {
			if slices.Contains(spellings(&all[i]), key) {
				return all[i], nil
			}
		}
	}
	return Marketplace{}, unknown(s, key)
}

// lookupKey reduces a URL or host to the store's domain, and anything else to its squeezed form.
func lookupKey(s string) string {
	s = strings.ToLower(strings.TrimSpace(s))
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
		return fmt.Errorf("marketplace is empty: want an id such as %s, a country code such as %s, a name or a storefront", US.ID, US.CountryCode)
	}
	near := nearest(key)
	if len(near) == 0 {
		codes := make([]string, len(all))
		for i := range all {
			codes[i] = all[i].CountryCode
		}
		return fmt.Errorf("unknown marketplace %q: want an id such as %s, a name, a storefront, or one of %s", shorten(s), US.ID, strings.Join(codes, " "))
	}
	names := make([]string, len(near))
	for i, m := range near {
		names[i] = fmt.Sprintf("%s (%s, %s)", m.CountryCode, m.Name, m.ID)
	}
	return fmt.Errorf("unknown marketplace %q: near it are %s", shorten(s), strings.Join(names, ", "))
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

// shorten keeps an error readable when somebody passes a whole document as a name.
func shorten(s string) string {
	if r := []rune(s); len(r) > 60 {
		return string(r[:60]) + "…"
	}
	return s
}
