package doctor

import (
	"errors"
	"net/url"
	"slices"
	"strings"

	"github.com/openspapi/spapi"
	"github.com/openspapi/spapi/accounts"
	"github.com/openspapi/spapi/marketplace"
)

// noAdvice are the codes of mistakes that a program makes in its calls, or the command in its own: nothing in the configuration brings them
// about.
var noAdvice = []spapi.ConfigCode{
	spapi.CodeUserAgentInvalid, spapi.CodeApplicationLimitInvalid, spapi.CodeAuthorizationCodeMissing, spapi.CodeAuthorizationCodeIsToken, spapi.CodeTokenInvalid,
	spapi.CodeOperationUnknown, spapi.CodeInputInvalid, spapi.CodeRestrictedDataNone, spapi.CodeRestrictedDataUnknown,
	spapi.CodeRequestURLMissing, spapi.CodeRequestNotHTTPS, spapi.CodeRequestHostForeign,
	spapi.CodeKeyAmbiguous, // of a new file of accounts, and doctor makes none
}

// nameConfig names why there is no client.
func nameConfig(err error) string {
	if bad, ok := errors.AsType[*spapi.ConfigError](err); ok {
		if slices.ContainsFunc(problems, func(p problem) bool { return p.name == string(bad.Code) }) {
			return string(bad.Code)
		}
		return "settings-invalid"
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

// nameEndpoint names what is odd about an endpoint that could be used; "" if nothing is.
func nameEndpoint(endpoint string) string {
	u, err := url.Parse(endpoint)
	if err != nil {
		return "endpoint-malformed"
	}
	host := strings.ToLower(u.Hostname())
	if slices.Contains(marketplace.Hosts(), host) {
		return ""
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
