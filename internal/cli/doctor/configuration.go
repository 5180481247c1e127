package doctor

import (
	"errors"
	"net/url"
	"regexp"
	"strconv"
	"strings"

	"github.com/openspapi/spapi"
	"github.com/openspapi/spapi/accounts"
	"github.com/openspapi/spapi/marketplace"
)

// configProblems tell what a [spapi.ConfigError] is by its field and what it wants; the first that fits counts.
var configProblems = []struct{ field, want, name string }{
	{"client id", "has spaces", "spaces-pasted"},
	{"client id", "is missing", "client-id-missing"},
	{"client id", "is a client secret", "client-id-is-secret"},
	{"client id", "is an application id", "client-id-is-application-id"},
	{"client id", "is not an LWA client identifier", "client-id-malformed"},
	{"client secret", "has spaces", "spaces-pasted"},
	{"client secret", "is missing", "client-secret-missing"},
	{"client secret", "is the client id", "client-secret-is-client-id"},
	{"client secret", "is a token", "client-secret-is-token"},
	{"client secret", "masked", "client-secret-masked"},
	{"refresh token", "has spaces", "spaces-pasted"},
	{"refresh token", "is missing", "refresh-token-missing"},
	{"refresh token", "is an access token", "refresh-token-is-access-token"},
	{"refresh token", "is a restricted data token", "refresh-token-is-restricted-token"},
	{"refresh token", "is an authorization code", "refresh-token-is-code"},
	{"refresh token", "is a part of the application", "refresh-token-is-credential"},
	{"refresh token", "percent-encoded", "refresh-token-encoded"},
	{"refresh token", "has another form", "refresh-token-malformed"},
	{"region", "is missing", "region-missing"},
	{"marketplace", "lies in region", "marketplace-in-other-region"},
	{"", "are both set and differ", "spellings-differ"},
	{"SPAPI_SANDBOX", "true or false", "switch-not-boolean"},
	{"profile file", "by others", "profile-readable-by-others"},
	{"profile file", "cannot be opened", "profile-file-missing"},
	{"profile file", "cannot be read as JSON", "profile-malformed"},
	{"profile file", "closing brace", "profile-malformed"},
	{"profile file", "is not a file", "profile-file-missing"},
	{"profile", "is not in", "profile-unknown"},
	{"endpoint", "must be https", "endpoint-not-https"},
	{"token URL", "must be https", "endpoint-not-https"},
	{"endpoint", "", "endpoint-malformed"},
	{"token URL", "", "endpoint-malformed"},
	{"marketplace", "", "marketplace-unknown"},
}

// nameConfig names why there is no client.
func nameConfig(err error) string {
	var bad *spapi.ConfigError
	if errors.As(err, &bad) {
		return nameSetting(bad)
	}
	var stored *accounts.Error
	if !errors.As(err, &stored) {
		return "settings-invalid"
	}
	switch {
	case errors.Is(err, accounts.ErrNoDefault):
		return "account-ambiguous"
	case errors.Is(err, accounts.ErrNotFound) && stored.Name == "":
		return "no-configuration"
	case errors.Is(err, accounts.ErrNotFound):
		return "account-unknown"
	case errors.Is(err, accounts.ErrPermissions):
		return "store-readable-by-others"
	case errors.Is(err, accounts.ErrCorrupted):
		return "store-damaged"
	}
	return "store-locked"
}

var quoted = regexp.MustCompile(`"(?:[^"\\]|\\.)*"`)

func nameSetting(bad *spapi.ConfigError) string {
	field, _, _ := strings.Cut(bad.Field, " (")
	switch {
	case field == "client id" && strings.Contains(bad.Want, "is missing") && strings.Contains(bad.Field, "is not set"):
		return "client-id-missing"
	case field == "profile file" && bad.Err != nil && strings.Contains(bad.Err.Error(), "unknown field"):
		return "profile-field-unknown"
	case field == "region" && bad.Err != nil:
		// What stands where the region belongs is quoted in the cause.
		if value, err := strconv.Unquote(quoted.FindString(bad.Err.Error())); err == nil {
			if _, err := marketplace.Lookup(value); err == nil {
				return "region-is-marketplace"
			}
		}
		return "region-unknown"
	}
	for _, p := range configProblems {
		if (p.field == "" || p.field == field) && strings.Contains(bad.Want, p.want) {
			return p.name
		}
	}
	return "settings-invalid"
}

// nameEndpoint names what is odd about an endpoint that could be used; "" if nothing is.
func nameEndpoint(endpoint string) string {
	u, err := url.Parse(endpoint)
	if err != nil {
		return "endpoint-malformed"
	}
	host := strings.ToLower(u.Hostname())
	for _, h := range marketplace.Hosts() {
		if host == h {
			return ""
		}
	}
	for _, m := range marketplace.All() {
		for _, site := range []string{m.SellerCentral, m.VendorCentral, "https://" + m.Storefront} {
			if "https://"+host == site {
				return "endpoint-is-central"
			}
		}
	}
	if strings.HasPrefix(host, "sellercentral") || strings.HasPrefix(host, "vendorcentral") {
		return "endpoint-is-central"
	}
	if host == "localhost" || host == "127.0.0.1" || host == "::1" || strings.HasSuffix(host, ".localhost") {
		return ""
	}
	return "endpoint-foreign"
}
