package marketplace

import (
	"fmt"
	"slices"
	"strings"
)

// Region is one of the three parts of the world into which Amazon divides SP-API. A seller's authorization
// and refresh token hold in one region only; calling another one answers 403.
type Region string

// The three regions.
const (
	NorthAmerica Region = "na" // Canada, United States, Mexico, Brazil
	Europe       Region = "eu" // Europe, Middle East, Africa and India
	FarEast      Region = "fe" // Singapore, Australia, Japan
)

// Source: developer-docs.amazon.com/sp-api/docs/sp-api-endpoints and /selling-partner-api-sandbox.
var regions = [...]struct {
	region          Region
	name, host, aws string
	main            *Marketplace
}{
	{NorthAmerica, "North America", "sellingpartnerapi-na.amazon.com", "us-east-1", &US},
	{Europe, "Europe", "sellingpartnerapi-eu.amazon.com", "eu-west-1", &DE},
	{FarEast, "Far East", "sellingpartnerapi-fe.amazon.com", "us-west-2", &JP},
}

// Regions returns all regions: North America, Europe, Far East.
func Regions() []Region {
	return []Region{NorthAmerica, Europe, FarEast}
}

// ParseRegion reads a region from its code ("na"), its name ("North America", "far-east"), or the AWS
// region that its requests are signed for ("us-east-1"), in any case. White space and control characters around it are refused, as by [Lookup].
// The error is a [*NameError].
func ParseRegion(s string) (Region, error) {
	if s != "" && strings.TrimFunc(s, padding) != s {
		return "", nameError(kindRegion, s, wantBare)
	}
	key := squeeze(s)
	for _, r := range regions {
		if key == string(r.region) || key == squeeze(r.name) || key == squeeze(r.aws) {
			return r.region, nil
		}
	}
	hint := ""
	if m, err := Lookup(s); err == nil && m.Known() {
		hint = fmt.Sprintf("; the marketplace %s lies in %q", m.Name, string(m.Region))
	}
	wrong := "is unknown"
	if s == "" {
		wrong = "is empty"
	}
	return "", nameError(kindRegion, s, wrong+": want na (North America), eu (Europe, Middle East, India) or fe (Far East)"+hint)
}

// Valid reports whether r is one of the three regions.
func (r Region) Valid() bool { return r.host() != "" }

// String returns the region's code, such as "na".
func (r Region) String() string { return string(r) }

// Endpoint returns the base URL of SP-API in the region, without a slash at the end; "" when the region is not valid.
func (r Region) Endpoint() string { return prefixed("https://", r.host()) }

// SandboxEndpoint returns the base URL of SP-API's sandbox in the region, without a slash at the end;
// "" when the region is not valid.
func (r Region) SandboxEndpoint() string { return prefixed("https://sandbox.", r.host()) }

// AWSRegion returns the AWS region that requests are signed for, such as "us-east-1"; "" when the region is not valid.
func (r Region) AWSRegion() string {
	for _, known := range regions {
		if known.region == r {
			return known.aws
		}
	}
	return ""
}

// Marketplaces returns the region's marketplaces, in the order of [All].
func (r Region) Marketplaces() []Marketplace {
	return slices.DeleteFunc(All(), func(m Marketplace) bool { return m.Region != r })
}

// DefaultMarketplace returns the store that stands for the region where none is named: the United States, Germany, Japan, the largest of
// each. It is the zero Marketplace when the region is not valid.
func (r Region) DefaultMarketplace() Marketplace {
	for _, known := range regions {
		if known.region == r {
			return *known.main
		}
	}
	return Marketplace{}
}

// Hosts returns the six hosts at which Amazon serves SP-API: production and sandbox of each region. They
// are the only hosts of Amazon's that may be sent a seller's access token.
func Hosts() []string {
	hosts := make([]string, 0, 2*len(regions))
	for _, r := range regions {
		hosts = append(hosts, r.host, "sandbox."+r.host)
	}
	return hosts
}

func (r Region) host() string {
	for _, known := range regions {
		if known.region == r {
			return known.host
		}
	}
	return ""
}

func prefixed(prefix, host string) string {
	if host == "" {
		return ""
	}
	return prefix + host
}

// squeeze makes spellings of one name equal: "North America", "north-america" and "NorthAmerica".
func squeeze(s string) string {
	return strings.ToLower(strings.NewReplacer(" ", "", "-", "", "_", "", "\t", "", "\n", "", "\r", "").Replace(s))
}
