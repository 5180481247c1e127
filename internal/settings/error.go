package settings

import (
	"errors"
	"fmt"
	"strings"
)

// ConfigError is a setting or an argument that cannot work. Nothing was sent. It is spapi.ConfigError, where its fields are documented.
type ConfigError struct {
	Code   Code
	Field  string
	Source string
	Value  string
	Want   string
	Err    error
}

func (e *ConfigError) Error() string {
	var b strings.Builder
	b.WriteString("spapi: ")
	b.WriteString(e.Field)
	if e.Source != "" {
		fmt.Fprintf(&b, " (%s)", e.Source)
	}
	if e.Value != "" {
		fmt.Fprintf(&b, " %q", e.Value)
	}
	if e.Want != "" {
		b.WriteString(": ")
		b.WriteString(e.Want)
	}
	if e.Err != nil {
		fmt.Fprintf(&b, ": %v", e.Err)
	}
	return Scrub(b.String()) // whatever was pasted where it doesn't belong
}

// Unwrap returns the cause.
func (e *ConfigError) Unwrap() error { return e.Err }

// Explain says what to do.
func (e *ConfigError) Explain() string {
	return Sentence(e.Error()) + " Nothing was sent to Amazon: correct the setting and try again."
}

// Sentence ends a text with a full stop, unless it ends in one or in an ellipsis.
func Sentence(text string) string {
	if strings.HasSuffix(text, ".") || strings.HasSuffix(text, "…") {
		return text
	}
	return text + "."
}

// Advice is what the first error that explains itself says beyond its own text, with which an explanation may begin; "" if none explains itself.
func Advice(err error) string {
	e, ok := errors.AsType[interface {
		error
		Explain() string
	}](err)
	if !ok {
		return ""
	}
	return strings.TrimLeft(strings.TrimPrefix(e.Explain(), e.Error()), ".:; \n")
}

// Code is a stable word for what is wrong. The package spapi exports all of them under the same names.
type Code string

// The codes of settings.
const (
	CodeClientIDMissing         Code = "client-id-missing"
	CodeClientIDIsSecret        Code = "client-id-is-secret"         // the client secret stands in its place
	CodeClientIDIsApplicationID Code = "client-id-is-application-id" // "amzn1.sp.solution.…" stands in its place
	CodeClientIDMalformed       Code = "client-id-malformed"

	CodeClientSecretMissing    Code = "client-secret-missing"
	CodeClientSecretIsClientID Code = "client-secret-is-client-id"
	CodeClientSecretIsToken    Code = "client-secret-is-token"
	CodeClientSecretMasked     Code = "client-secret-masked" // the stars that the console shows

	CodeRefreshTokenMissing           Code = "refresh-token-missing"
	CodeRefreshTokenIsAccessToken     Code = "refresh-token-is-access-token"
	CodeRefreshTokenIsRestrictedToken Code = "refresh-token-is-restricted-token"
	CodeRefreshTokenIsCode            Code = "refresh-token-is-code"       // an authorization code, not yet exchanged
	CodeRefreshTokenIsCredential      Code = "refresh-token-is-credential" // client id or secret
	CodeRefreshTokenEncoded           Code = "refresh-token-encoded"       // %7C in place of |
	CodeRefreshTokenMalformed         Code = "refresh-token-malformed"

	CodeRegionMissing            Code = "region-missing" // and no marketplace tells it
	CodeRegionUnknown            Code = "region-unknown"
	CodeRegionIsMarketplace      Code = "region-is-marketplace"
	CodeMarketplaceUnknown       Code = "marketplace-unknown"
	CodeMarketplaceInOtherRegion Code = "marketplace-in-other-region" // than the region that is set

	CodeSellerIDMalformed      Code = "seller-id-malformed"
	CodeApplicationIDMalformed Code = "application-id-malformed"
	CodeRoleARNMalformed       Code = "role-arn-malformed"
	CodeAccountNameInvalid     Code = "account-name-invalid"

	CodeEndpointNotHTTPS    Code = "endpoint-not-https"   // of the endpoint or the token URL
	CodeEndpointMalformed   Code = "endpoint-malformed"   // likewise
	CodeEndpointContradicts Code = "endpoint-contradicts" // it is Amazon's, but of another region, or sandbox in place of production
	CodeSwitchNotBoolean    Code = "switch-not-boolean"   // SPAPI_SANDBOX is neither true nor false
	CodeSpacesPasted        Code = "spaces-pasted"        // spaces, quotes or invisible characters around or in a value
	CodeSpellingsDiffer     Code = "spellings-differ"     // two variables for one setting, with two values

	CodeProfileFileMissing      Code = "profile-file-missing" // or it cannot be read
	CodeProfileReadableByOthers Code = "profile-readable-by-others"
	CodeProfileMalformed        Code = "profile-malformed"
	CodeProfileFieldUnknown     Code = "profile-field-unknown"
	CodeProfileUnknown          Code = "profile-unknown" // the file has others
	CodeFolderUnknown           Code = "folder-unknown"  // the system names no folder for a user's settings
	CodeKeyAmbiguous            Code = "key-ambiguous"   // SPAPI_KEY_FILE and SPAPI_PASSPHRASE for a new file of accounts

	CodeFleetAddressMalformed Code = "fleet-address-malformed"
	CodeFleetAddressMissing   Code = "fleet-address-missing" // where a key or a number of processes is set
	CodeFleetNoAdapter        Code = "fleet-no-adapter"      // the program imports none for the address's scheme
	CodeFleetKeyInvalid       Code = "fleet-key-invalid"
	CodeFleetProcessesInvalid Code = "fleet-processes-invalid"
)

// The codes of arguments.
const (
	CodeUserAgentInvalid         Code = "user-agent-invalid"
	CodeApplicationLimitInvalid  Code = "application-limit-invalid" // of WithApplicationLimit
	CodeAuthorizationCodeMissing Code = "authorization-code-missing"
	CodeAuthorizationCodeIsToken Code = "authorization-code-is-token"
	CodeTokenInvalid             Code = "token-invalid" // of WithAccessToken
	CodeOperationUnknown         Code = "operation-unknown"
	CodeInputInvalid             Code = "input-invalid"           // a field of an operation's input
	CodeRestrictedDataNone       Code = "restricted-data-none"    // the operation has none to ask for
	CodeRestrictedDataUnknown    Code = "restricted-data-unknown" // a data element that the operation doesn't know
	CodeRequestURLMissing        Code = "request-url-missing"
	CodeRequestNotHTTPS          Code = "request-not-https"    // a token would go to Amazon in clear
	CodeRequestHostForeign       Code = "request-host-foreign" // a token would go to a host that nobody named
)
