package spapi

import "github.com/openspapi/spapi/internal/settings"

// ConfigError is a setting or an argument that cannot work. Nothing was sent. Its fields are:
//
//	Code   ConfigCode // what is wrong, as a stable word such as CodeClientSecretMissing
//	Field  string     // what it is about, such as "client secret"
//	Source string     // where that came from, such as "SPAPI_CLIENT_SECRET", or where it could; "" for what a program passed
//	Value  string     // the value as far as it may be shown: secrets are cut down to their public prefix and length
//	Want   string     // what would be right
//	Err    error      // the cause, if another error is; Unwrap returns it
//
// Explain returns the error with what to do about it.
type ConfigError = settings.ConfigError

// ConfigCode is a stable word for what is wrong with a setting or an argument. Programs may compare and store it: one keeps its meaning.
type ConfigCode = settings.Code

// The codes of settings.
const (
	CodeClientIDMissing         = settings.CodeClientIDMissing
	CodeClientIDIsSecret        = settings.CodeClientIDIsSecret        // the client secret stands in its place
	CodeClientIDIsApplicationID = settings.CodeClientIDIsApplicationID // "amzn1.sp.solution.…" stands in its place
	CodeClientIDMalformed       = settings.CodeClientIDMalformed

	CodeClientSecretMissing    = settings.CodeClientSecretMissing
	CodeClientSecretIsClientID = settings.CodeClientSecretIsClientID
	CodeClientSecretIsToken    = settings.CodeClientSecretIsToken
	CodeClientSecretMasked     = settings.CodeClientSecretMasked // the stars that the console shows

	CodeRefreshTokenMissing           = settings.CodeRefreshTokenMissing
	CodeRefreshTokenIsAccessToken     = settings.CodeRefreshTokenIsAccessToken
	CodeRefreshTokenIsRestrictedToken = settings.CodeRefreshTokenIsRestrictedToken
	CodeRefreshTokenIsCode            = settings.CodeRefreshTokenIsCode       // an authorization code, not yet exchanged
	CodeRefreshTokenIsCredential      = settings.CodeRefreshTokenIsCredential // client id or secret
	CodeRefreshTokenEncoded           = settings.CodeRefreshTokenEncoded      // %7C in place of |
	CodeRefreshTokenMalformed         = settings.CodeRefreshTokenMalformed

	CodeRegionMissing            = settings.CodeRegionMissing // and no marketplace tells it
	CodeRegionUnknown            = settings.CodeRegionUnknown
	CodeRegionIsMarketplace      = settings.CodeRegionIsMarketplace
	CodeMarketplaceUnknown       = settings.CodeMarketplaceUnknown
	CodeMarketplaceInOtherRegion = settings.CodeMarketplaceInOtherRegion // than the region that is set

	CodeSellerIDMalformed      = settings.CodeSellerIDMalformed
	CodeApplicationIDMalformed = settings.CodeApplicationIDMalformed
	CodeRoleARNMalformed       = settings.CodeRoleARNMalformed
	CodeAccountNameInvalid     = settings.CodeAccountNameInvalid

	CodeEndpointNotHTTPS    = settings.CodeEndpointNotHTTPS    // of the endpoint or the token URL
	CodeEndpointMalformed   = settings.CodeEndpointMalformed   // likewise
	CodeEndpointContradicts = settings.CodeEndpointContradicts // it is Amazon's, but of another region, or sandbox in place of production
	CodeSwitchNotBoolean    = settings.CodeSwitchNotBoolean    // SPAPI_SANDBOX is neither true nor false
	CodeSpacesPasted        = settings.CodeSpacesPasted        // spaces, quotes or invisible characters around or in a value
	CodeSpellingsDiffer     = settings.CodeSpellingsDiffer     // two variables for one setting, with two values

	CodeProfileFileMissing      = settings.CodeProfileFileMissing // or it cannot be read
	CodeProfileReadableByOthers = settings.CodeProfileReadableByOthers
	CodeProfileMalformed        = settings.CodeProfileMalformed
	CodeProfileFieldUnknown     = settings.CodeProfileFieldUnknown
	CodeProfileUnknown          = settings.CodeProfileUnknown // the file has others
	CodeFolderUnknown           = settings.CodeFolderUnknown  // the system names no folder for a user's settings
	CodeKeyAmbiguous            = settings.CodeKeyAmbiguous   // SPAPI_KEY_FILE and SPAPI_PASSPHRASE for a new file of accounts

	CodeFleetAddressMalformed = settings.CodeFleetAddressMalformed
	CodeFleetAddressMissing   = settings.CodeFleetAddressMissing
	CodeFleetNoAdapter        = settings.CodeFleetNoAdapter // the program imports none for the address's scheme
	CodeFleetKeyInvalid       = settings.CodeFleetKeyInvalid
	CodeFleetProcessesInvalid = settings.CodeFleetProcessesInvalid
)

// The codes of arguments.
const (
	CodeUserAgentInvalid         = settings.CodeUserAgentInvalid
	CodeApplicationLimitInvalid  = settings.CodeApplicationLimitInvalid // of WithApplicationLimit
	CodeAuthorizationCodeMissing = settings.CodeAuthorizationCodeMissing
	CodeAuthorizationCodeIsToken = settings.CodeAuthorizationCodeIsToken
	CodeTokenInvalid             = settings.CodeTokenInvalid // of WithAccessToken
	CodeOperationUnknown         = settings.CodeOperationUnknown
	CodeInputInvalid             = settings.CodeInputInvalid          // a field of an operation's input
	CodeRestrictedDataNone       = settings.CodeRestrictedDataNone    // the operation has none to ask for
	CodeRestrictedDataUnknown    = settings.CodeRestrictedDataUnknown // a data element that the operation doesn't know
	CodeRequestURLMissing        = settings.CodeRequestURLMissing
	CodeRequestNotHTTPS          = settings.CodeRequestNotHTTPS    // a token would go to Amazon in clear
	CodeRequestHostForeign       = settings.CodeRequestHostForeign // a token would go to a host that nobody named
)
