package settings

import (
	"errors"
	"fmt"
	"net/netip"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"unicode"
	"unicode/utf8"

	"github.com/openspapi/spapi/marketplace"
)

// Shapes of Amazon's secrets (developer-docs.amazon.com/sp-api/docs/connecting-to-the-selling-partner-api).
const (
	PrefixClientID     = "amzn1.application-oa2-client."
	prefixClientSecret = "amzn1.oa2-cs."
	prefixRefresh      = "Atzr|"
	prefixAccess       = "Atza|"
	prefixGrantless    = "Atc|"
	prefixRestricted   = "Atz.sprdt|"
)

// How errors call the settings.
const (
	nameClientID      = "client id"
	nameClientSecret  = "client secret"
	nameRefreshToken  = "refresh token"
	nameRegion        = "region"
	nameMarketplace   = "marketplace"
	nameSellerID      = "seller id"
	nameSandbox       = "sandbox"
	nameApplicationID = "application id"
	nameRoleARN       = "role ARN"
	nameEndpoint      = "endpoint"
	nameTokenURL      = "token URL"
	nameFleet         = "fleet address"
	nameFleetKey      = "fleet key"
	nameProcesses     = "fleet processes"
)

// AmazonTokenURL is where Login with Amazon gives tokens: one address for all regions.
const AmazonTokenURL = "https://api.amazon.com/auth/o2/token"

// amazonTokenHosts are all hosts of Login with Amazon (developer.amazon.com/docs/login-with-amazon/authorization-code-grant.html).
var amazonTokenHosts = []string{"api.amazon.com", "api.amazon.co.uk", "api.amazon.co.jp"}

// IsAmazonEndpoint reports whether calls to this base URL go to Amazon; "" is the region's own.
func IsAmazonEndpoint(address string) bool { return hostIn(address, marketplace.Hosts()) }

// AmazonTokenHosts are the hosts of Login with Amazon.
func AmazonTokenHosts() []string { return slices.Clone(amazonTokenHosts) }

// IsAmazonTokenURL reports whether secrets that are sent to this URL go to Login with Amazon; "" is its own.
func IsAmazonTokenURL(address string) bool { return hostIn(address, amazonTokenHosts) }

func hostIn(address string, hosts []string) bool {
	if address == "" {
		return true
	}
	u, err := url.Parse(address)
	return err == nil && u.Scheme == "https" && slices.Contains(hosts, strings.TrimSuffix(strings.ToLower(u.Host), ":443"))
}

// Pasted reports what copying adds: white space, control characters and quotes. None of Amazon's credentials has any.
func Pasted(s string) bool { return strings.ContainsFunc(s, notPrintable) }

func notPrintable(r rune) bool {
	return unicode.IsSpace(r) || !unicode.IsPrint(r) || strings.ContainsRune("\"'`“”‘’«»", r)
}

func pasted(field, value string) *ConfigError {
	return &ConfigError{Code: CodeSpacesPasted, Field: field, Value: hint(strings.TrimFunc(value, notPrintable)),
		Want: "has spaces or quotes around or in it: want it bare"}
}

// hint shows enough of a secret to recognize which one it is and nothing that could be used: the public prefix and the length.
func hint(s string) string {
	if s == "" {
		return ""
	}
	for _, p := range []string{prefixClientSecret, prefixRefresh, prefixAccess, prefixGrantless, prefixRestricted} {
		if strings.HasPrefix(s, p) {
			return fmt.Sprintf("%s… (%d characters)", p, len(s))
		}
	}
	return fmt.Sprintf("… (%d characters)", len(s))
}

// masked reports whether the text has what consoles and tutorials put in place of a secret's letters. No credential has any of it.
func masked(s string) bool { return strings.ContainsAny(s, "*•●…") || strings.Contains(s, "...") }

func anyToken(s string) bool {
	for _, p := range []string{prefixRefresh, prefixAccess, prefixGrantless, prefixRestricted} {
		if strings.HasPrefix(s, p) {
			return true
		}
	}
	return false
}

// CheckClientID finds what is known not to work as a client id.
func CheckClientID(id string) *ConfigError {
	fail := func(code Code, value, want string) *ConfigError {
		return &ConfigError{Code: code, Field: nameClientID, Value: value, Want: want + ": want the LWA client identifier, " + PrefixClientID + "…"}
	}
	switch {
	case id == "":
		return fail(CodeClientIDMissing, "", "is missing")
	case Pasted(id):
		return pasted(nameClientID, id)
	case strings.HasPrefix(id, prefixClientSecret):
		return fail(CodeClientIDIsSecret, hint(id), "is a client secret")
	case strings.HasPrefix(id, "amzn1.sp.solution.") || strings.HasPrefix(id, "amzn1.application."):
		return fail(CodeClientIDIsApplicationID, id, "is an application id")
	case masked(id):
		return fail(CodeClientIDMalformed, hint(id), "is a masked form")
	case !strings.HasPrefix(id, PrefixClientID) || len(id) == len(PrefixClientID):
		return fail(CodeClientIDMalformed, hint(id), "has another form")
	}
	return nil
}

// CheckClientSecret finds what is known not to work as a client secret. Those from before 2023 have no prefix, so its absence proves nothing.
func CheckClientSecret(secret string) *ConfigError {
	fail := func(code Code, value, want string) *ConfigError {
		return &ConfigError{Code: code, Field: nameClientSecret, Value: value, Want: want + ": want the LWA client secret, " + prefixClientSecret + "v1.…"}
	}
	switch {
	case secret == "":
		return fail(CodeClientSecretMissing, "", "is missing")
	case Pasted(secret):
		return pasted(nameClientSecret, secret)
	case strings.HasPrefix(secret, PrefixClientID):
		return fail(CodeClientSecretIsClientID, secret, "is the client id")
	case anyToken(secret):
		return fail(CodeClientSecretIsToken, hint(secret), "is a token")
	case masked(secret):
		return fail(CodeClientSecretMasked, hint(secret), "is the masked form that pages show")
	}
	return nil
}

// CheckRefreshToken finds what is known not to work as a refresh token.
func CheckRefreshToken(token string) *ConfigError {
	fail := func(code Code, why string) *ConfigError {
		return &ConfigError{Code: code, Field: nameRefreshToken, Value: hint(token), Want: why + ": want the refresh token, " + prefixRefresh + "…"}
	}
	switch {
	case token == "":
		return fail(CodeRefreshTokenMissing, "is missing")
	case Pasted(token):
		return pasted(nameRefreshToken, token)
	case strings.HasPrefix(token, prefixAccess), strings.HasPrefix(token, prefixGrantless):
		return fail(CodeRefreshTokenIsAccessToken, "is an access token, which lives one hour")
	case strings.HasPrefix(token, prefixRestricted):
		return fail(CodeRefreshTokenIsRestrictedToken, "is a restricted data token")
	case strings.HasPrefix(token, PrefixClientID), strings.HasPrefix(token, prefixClientSecret):
		return fail(CodeRefreshTokenIsCredential, "is a part of the application's credentials")
	case strings.HasPrefix(token, "Atzr%7C"), strings.HasPrefix(token, "Atzr%7c"):
		return fail(CodeRefreshTokenEncoded, "is still percent-encoded")
	case masked(token):
		return fail(CodeRefreshTokenMalformed, "is a masked form")
	case strings.HasPrefix(token, "AN") && len(token) <= 32:
		return fail(CodeRefreshTokenIsCode, "is an authorization code, which App.Exchange turns into a refresh token")
	case !strings.HasPrefix(token, prefixRefresh) || len(token) == len(prefixRefresh):
		return fail(CodeRefreshTokenMalformed, "has another form")
	}
	return nil
}

// CheckAuthorizationCode finds what is known not to work as the code of a consent.
func CheckAuthorizationCode(code string) *ConfigError {
	const field, want = "authorization code", ": want the spapi_oauth_code of the consent's redirect"
	switch {
	case code == "":
		return &ConfigError{Code: CodeAuthorizationCodeMissing, Field: field, Want: "is missing" + want}
	case Pasted(code):
		return pasted(field, code)
	case anyToken(code):
		return &ConfigError{Code: CodeAuthorizationCodeIsToken, Field: field, Value: hint(code), Want: "is a token" + want}
	}
	return nil
}

const wantRegion = "na (North America), eu (Europe, Middle East, India) or fe (Far East)"

// Place settles a region and the name of a marketplace, either of which may be empty, to the region. Errors are a [*ConfigError].
func Place(region marketplace.Region, name string) (marketplace.Region, error) {
	if region != "" && !region.Valid() {
		if bad := checkRegion(string(region)); bad != nil {
			return "", bad
		}
		region, _ = marketplace.ParseRegion(string(region))
	}
	if name != "" {
		m, bad := LookupMarketplace(name)
		if bad != nil {
			return "", bad
		}
		if region != "" && m.Region != "" && region != m.Region {
			return "", inOtherRegion(m, name, region, "the region is set to")
		}
		if m.Region != "" {
			region = m.Region
		}
		if region == "" {
			return "", &ConfigError{Code: CodeRegionMissing, Field: nameMarketplace, Value: name,
				Want: "tells no region, for it is not one of those known: set the region too: " + wantRegion}
		}
	}
	if region == "" {
		return "", &ConfigError{Code: CodeRegionMissing, Field: nameRegion,
			Want: "is missing: want " + wantRegion + ", or a marketplace"}
	}
	return region, nil
}

// inOtherRegion is a marketplace, by this name, that lies outside the region that says tells about, such as "SPAPI_REGION says".
func inOtherRegion(m marketplace.Marketplace, name string, region marketplace.Region, says string) *ConfigError {
	return &ConfigError{Code: CodeMarketplaceInOtherRegion, Field: nameMarketplace, Value: name,
		Want: fmt.Sprintf("lies in region %q, but %s %q: set one of the two", m.Region, says, region)}
}

func checkRegion(text string) *ConfigError {
	_, err := marketplace.ParseRegion(text)
	if err == nil {
		return nil
	}
	code := CodeRegionUnknown
	if _, err := marketplace.Lookup(text); err == nil {
		code = CodeRegionIsMarketplace
	}
	return unknown(code, err)
}

func checkMarketplace(text string) *ConfigError {
	_, bad := LookupMarketplace(text)
	return bad
}

// LookupMarketplace is [marketplace.Lookup] with a ConfigError.
func LookupMarketplace(text string) (marketplace.Marketplace, *ConfigError) {
	m, err := marketplace.Lookup(text)
	if err != nil {
		return m, unknown(CodeMarketplaceUnknown, err)
	}
	return m, nil
}

// WithCountries lists marketplaces for people: "ATVPDKIKX0DER (US), A2EUQ1WTGCTBG2 (CA)". Names that are unknown stay as they are.
func WithCountries(names ...string) string {
	shown := make([]string, len(names))
	for i, name := range names {
		shown[i] = name
		if m, err := marketplace.Lookup(name); err == nil && m.Known() {
			shown[i] = m.ID + " (" + m.CountryCode + ")"
		}
	}
	return strings.Join(shown, ", ")
}

// unknown is a name that package marketplace doesn't know.
func unknown(code Code, err error) *ConfigError {
	name, _ := errors.AsType[*marketplace.NameError](err) // as all of that package's are
	bad := &ConfigError{Code: code, Field: name.Kind, Value: name.Value, Want: name.Want}
	if SecretShape(bad.Value) {
		bad.Value = ""
	}
	return bad
}

func secret(code Code, field, want string) *ConfigError {
	return &ConfigError{Code: code, Field: field, Want: "looks like a secret: want " + want}
}

// maxShown is how long a value may be that errors show, in bytes.
const maxShown = 256

// plain checks a value that prints. It does not repeat what may be anything.
func plain(code Code, field, value, want string) *ConfigError {
	if SecretShape(value) {
		return secret(code, field, want)
	}
	if len(value) > maxShown || !utf8.ValidString(value) || Pasted(value) {
		return &ConfigError{Code: code, Field: field, Want: "has spaces, quotes or odd characters in it, or more than 256 bytes: want " + want}
	}
	return nil
}

// CheckSellerID finds what is known not to work as the id of a seller or vendor. Amazon doesn't tell its form.
func CheckSellerID(id string) *ConfigError {
	return plain(CodeSellerIDMalformed, nameSellerID, id, "the id that the consent's redirect brought, such as A1EXAMPLE2ABC")
}

// CheckApplicationID finds what is known not to work as an application's id.
func CheckApplicationID(id string) *ConfigError {
	return plain(CodeApplicationIDMalformed, nameApplicationID, id, "the id of the application, amzn1.sp.solution.…")
}

var roleARN = sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(`^arn:aws[a-z-]*:iam::[0-9]{12}:role/[\w+=,.@/-]+$`) })

// CheckRoleARN finds what is not the ARN of a role.
func CheckRoleARN(arn string) *ConfigError {
	if roleARN().MatchString(arn) {
		return nil
	}
	return &ConfigError{Code: CodeRoleARNMalformed, Field: nameRoleARN,
		Want: fmt.Sprintf("of %d characters is none of a role: want arn:aws:iam::<account of 12 digits>:role/<name>", len(arn))}
}

func checkSandbox(text string) *ConfigError {
	if _, err := strconv.ParseBool(text); err == nil {
		return nil
	}
	if SecretShape(text) {
		return secret(CodeSwitchNotBoolean, nameSandbox, "true or false")
	}
	if len(text) > maxShown {
		text = ""
	}
	return &ConfigError{Code: CodeSwitchNotBoolean, Field: nameSandbox, Value: Scrub(text), Want: "want true or false"}
}

// CheckFleet finds what is no address. Which scheme and which form is right, the adapter says that knows it.
func CheckFleet(text string) *ConfigError {
	const want = "want redis://host:6379/0, with user:password and an @ before the host where it has them"
	switch {
	case text != strings.TrimFunc(text, notPrintable):
		return &ConfigError{Code: CodeSpacesPasted, Field: nameFleet, Want: "has spaces or quotes around it: want it bare"}
	case FleetScheme(text) == "":
		return &ConfigError{Code: CodeFleetAddressMalformed, Field: nameFleet, Want: "has no scheme: " + want}
	}
	return nil
}

// checkFleetKey finds a list without a key, which would share limits alone and not say so. What is a right key package fleet knows.
func checkFleetKey(text string) *ConfigError {
	if len(fleetKeys(text)) > 0 {
		return nil
	}
	return &ConfigError{Code: CodeFleetKeyInvalid, Field: nameFleetKey, Want: "has no key in it: want base64 or hex of at least 32 random bytes, or leave it out"}
}

// FleetScheme is that of an address such as "redis://…", in lower case; "" if it has none.
func FleetScheme(address string) string {
	scheme, _, ok := strings.Cut(address, "://")
	if !ok || scheme == "" || strings.ContainsFunc(scheme, func(r rune) bool { // what isn't one may be a password
		return (r < 'a' || r > 'z') && (r < 'A' || r > 'Z') && (r < '0' || r > '9') && !strings.ContainsRune("+-.", r)
	}) {
		return ""
	}
	return strings.ToLower(scheme)
}

const maxProcesses = 100_000

func checkProcesses(text string) *ConfigError {
	const want = "want a number of processes from 1 to 100000"
	if n, err := strconv.Atoi(text); err == nil && 1 <= n && n <= maxProcesses {
		return nil
	}
	if SecretShape(text) {
		return secret(CodeFleetProcessesInvalid, nameProcesses, want)
	}
	if len(text) > maxShown {
		text = ""
	}
	return &ConfigError{Code: CodeFleetProcessesInvalid, Field: nameProcesses, Value: Scrub(text), Want: want}
}

func checkEndpoint(text string) *ConfigError { return checkURL(nameEndpoint, text) }
func checkTokenURL(text string) *ConfigError { return checkURL(nameTokenURL, text) }

func checkURL(field, text string) *ConfigError {
	_, err := ParseURL(field, text)
	bad, _ := errors.AsType[*ConfigError](err)
	return bad
}

const formOfURL = "an absolute URL such as https://host/, or http://127.0.0.1:8080 for this machine"

// withoutSecrets is the part of a URL that holds no secret.
func withoutSecrets(u *url.URL) string { return (&url.URL{Scheme: u.Scheme, Host: u.Host}).String() }

// ParseURL reads a URL that requests are sent to, without a slash at its end. Errors are a [*ConfigError].
func ParseURL(field, text string) (*url.URL, error) {
	fail := func(code Code, value, want string) (*url.URL, error) {
		return nil, &ConfigError{Code: code, Field: field, Value: value, Want: want}
	}
	switch {
	case SecretShape(text):
		return nil, secret(CodeEndpointMalformed, field, formOfURL)
	case text != strings.TrimFunc(text, notPrintable):
		return nil, pasted(field, text)
	}
	u, err := url.Parse(strings.TrimSuffix(text, "/"))
	shown := text
	if strings.ContainsAny(text, "@?#") || len(text) > maxShown {
		shown = "" // it may hold a password, as the text of err may too
	}
	switch {
	case err == nil && u.User != nil:
		return fail(CodeEndpointMalformed, withoutSecrets(u), "must not hold a user or password: want "+formOfURL)
	case err != nil:
		return fail(CodeEndpointMalformed, shown, "is not a URL: want "+formOfURL)
	case u.Host == "" || u.Scheme != "https" && u.Scheme != "http":
		return fail(CodeEndpointMalformed, Scrub(shown), "want "+formOfURL)
	case u.RawQuery != "" || u.Fragment != "":
		return fail(CodeEndpointMalformed, withoutSecrets(u), "must not hold a query or fragment: want "+formOfURL)
	case u.Scheme == "http" && !loopback(u.Hostname()):
		return fail(CodeEndpointNotHTTPS, shown, "must be https: plain http is for this machine only (localhost, 127.0.0.1, ::1)")
	}
	return u, nil
}

func loopback(host string) bool {
	if host == "localhost" || strings.HasSuffix(host, ".localhost") {
		return true
	}
	addr, err := netip.ParseAddr(host)
	return err == nil && addr.IsLoopback()
}
