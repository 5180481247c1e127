package spapi

import (
	"cmp"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"strings"
	"unicode"

	"github.com/openspapi/spapi/marketplace"
)

// Credentials are the application's, from Developer Central under "LWA credentials". They print as redacted in every format,
// also as JSON.
type Credentials struct {
	ClientID     string // "amzn1.application-oa2-client.…"
	ClientSecret string // "amzn1.oa2-cs.v1.…"; Amazon wants it rotated every 180 days
}

// String never shows the secret.
func (c Credentials) String() string {
	return fmt.Sprintf("Credentials{ClientID:%s ClientSecret:%s}", c.ClientID, masked(c.ClientSecret))
}

// Format never shows the secret, whatever the verb.
func (c Credentials) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, c.String()) }

// LogValue never shows the secret.
func (c Credentials) LogValue() slog.Value {
	return slog.GroupValue(slog.String("client_id", c.ClientID), slog.String("client_secret", masked(c.ClientSecret)))
}

// MarshalJSON never shows the secret.
func (c Credentials) MarshalJSON() ([]byte, error) {
	return json.Marshal(map[string]string{"ClientID": c.ClientID, "ClientSecret": masked(c.ClientSecret)})
}

// check finds what is known to fail before it is sent.
func (c Credentials) check() error {
	switch {
	case c.ClientID == "":
		return &ConfigError{Field: "client id", Want: "is missing: want the LWA client identifier, " + prefixClientID + "…"}
	case pasted(c.ClientID):
		return &ConfigError{Field: "client id", Value: hint(strings.TrimFunc(c.ClientID, notPrintable)), Want: "has spaces or quotes around or in it: want it bare"}
	case strings.HasPrefix(c.ClientID, prefixClientSecret):
		return &ConfigError{Field: "client id", Value: hint(c.ClientID), Want: "is a client secret: want the LWA client identifier, " + prefixClientID + "…"}
	case strings.HasPrefix(c.ClientID, "amzn1.sp.solution.") || strings.HasPrefix(c.ClientID, "amzn1.application."):
		return &ConfigError{Field: "client id", Value: c.ClientID, Want: "is an application id: want the LWA client identifier, " + prefixClientID + "…"}
	case !strings.HasPrefix(c.ClientID, prefixClientID) || len(c.ClientID) == len(prefixClientID):
		return &ConfigError{Field: "client id", Value: hint(c.ClientID), Want: "is not an LWA client identifier: want " + prefixClientID + "…"}
	case c.ClientSecret == "":
		return &ConfigError{Field: "client secret", Want: "is missing: want the LWA client secret, " + prefixClientSecret + "v1.…"}
	case pasted(c.ClientSecret):
		return &ConfigError{Field: "client secret", Value: hint(strings.TrimFunc(c.ClientSecret, notPrintable)), Want: "has spaces or quotes around or in it: want it bare"}
	case strings.HasPrefix(c.ClientSecret, prefixClientID):
		return &ConfigError{Field: "client secret", Value: c.ClientSecret, Want: "is the client id: want the LWA client secret, " + prefixClientSecret + "v1.…"}
	case anyToken(c.ClientSecret):
		return &ConfigError{Field: "client secret", Value: hint(c.ClientSecret), Want: "is a token: want the LWA client secret, " + prefixClientSecret + "v1.…"}
	case strings.Trim(c.ClientSecret, "*•") == "":
		return &ConfigError{Field: "client secret", Want: "is the masked form that the console shows: want the secret itself, " + prefixClientSecret + "v1.…"}
	}
	return nil // secrets from before 2023 have no prefix, so its absence proves nothing
}

// Authorization is what a seller or vendor granted the application, in one region. It prints as redacted in every format, also as JSON.
type Authorization struct {
	// RefreshToken is the Login with Amazon refresh token, "Atzr|…". It may be empty if only grantless operations are called.
	RefreshToken string

	// Region is where the account is. Needed unless Marketplace tells it.
	Region marketplace.Region

	// Marketplace names a marketplace in place of the region: id, country code, name or storefront; see [marketplace.Lookup]. If both are set they
	// must agree. With an id that is too new for the table, Region is needed.
	Marketplace string

	// Sandbox sends calls to the region's sandbox endpoint.
	Sandbox bool

	// SellerID is optional: clients with the same SellerID share their limits even if their refresh tokens differ,
	// as Amazon counts by seller. By default each refresh token counts as a seller.
	SellerID string
}

// String never shows the refresh token.
func (a Authorization) String() string {
	return fmt.Sprintf("Authorization{RefreshToken:%s Region:%s Marketplace:%s Sandbox:%t SellerID:%s}",
		masked(a.RefreshToken), a.Region, a.Marketplace, a.Sandbox, a.SellerID)
}

// Format never shows the refresh token, whatever the verb.
func (a Authorization) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, a.String()) }

// LogValue never shows the refresh token.
func (a Authorization) LogValue() slog.Value {
	return slog.GroupValue(slog.String("refresh_token", masked(a.RefreshToken)), slog.String("region", string(a.Region)),
		slog.String("marketplace", a.Marketplace), slog.Bool("sandbox", a.Sandbox), slog.String("seller_id", a.SellerID))
}

// MarshalJSON never shows the refresh token.
func (a Authorization) MarshalJSON() ([]byte, error) {
	return json.Marshal(map[string]any{"RefreshToken": masked(a.RefreshToken), "Region": a.Region, "Marketplace": a.Marketplace,
		"Sandbox": a.Sandbox, "SellerID": a.SellerID})
}

// region settles Region and Marketplace.
func (a Authorization) region() (marketplace.Region, error) {
	region := a.Region
	if region != "" && !region.Valid() {
		parsed, err := marketplace.ParseRegion(string(region))
		if err != nil {
			return "", &ConfigError{Field: "region", Err: err}
		}
		region = parsed
	}
	if a.Marketplace != "" {
		m, err := marketplace.Lookup(a.Marketplace)
		if err != nil {
			return "", &ConfigError{Field: "marketplace", Err: err}
		}
		if m.Known() && region != "" && region != m.Region {
			return "", &ConfigError{Field: "marketplace", Value: a.Marketplace,
				Want: fmt.Sprintf("lies in region %q, but the region is set to %q: set one of the two", m.Region, region)}
		}
		if region == "" && !m.Known() {
			return "", &ConfigError{Field: "marketplace", Value: a.Marketplace,
				Want: "tells no region, for it is not one of those known: set the region too: na (North America), eu (Europe, Middle East, India) " +
					"or fe (Far East)"}
		}
		region = cmp.Or(m.Region, region)
	}
	if region == "" {
		return "", &ConfigError{Field: "region", Want: "is missing: want na (North America), eu (Europe, Middle East, India) or fe (Far East), or a marketplace"}
	}
	return region, nil
}

// checkRefreshToken finds what is known to fail before it is sent.
func checkRefreshToken(token string) error {
	const want = ": want the refresh token, " + prefixRefresh + "…"
	fail := func(value, why string) error {
		return &ConfigError{Field: "refresh token", Value: value, Want: why + want}
	}
	switch {
	case token == "":
		return fail("", "is missing")
	case pasted(token):
		return fail(hint(strings.TrimFunc(token, notPrintable)), "has spaces or quotes around or in it")
	case strings.HasPrefix(token, prefixAccess), strings.HasPrefix(token, prefixGrantless):
		return fail(hint(token), "is an access token, which lives one hour")
	case strings.HasPrefix(token, prefixRestricted):
		return fail(hint(token), "is a restricted data token")
	case strings.HasPrefix(token, prefixClientID), strings.HasPrefix(token, prefixClientSecret):
		return fail(hint(token), "is a part of the application's credentials")
	case strings.HasPrefix(token, "Atzr%7C"), strings.HasPrefix(token, "Atzr%7c"):
		return fail(hint(token), "is still percent-encoded")
	case strings.HasPrefix(token, "AN") && len(token) <= 32:
		return fail(hint(token), "is an authorization code, which App.Exchange turns into a refresh token")
	case !strings.HasPrefix(token, prefixRefresh) || len(token) == len(prefixRefresh):
		return fail(hint(token), "has another form")
	}
	return nil
}

// pasted reports what copying adds: white space, control characters and quotes. None of Amazon's credentials has any.
func pasted(s string) bool { return strings.ContainsFunc(s, notPrintable) }

func notPrintable(r rune) bool {
	return unicode.IsSpace(r) || !unicode.IsPrint(r) || strings.ContainsRune("\"'`“”‘’«»", r)
}

func anyToken(s string) bool {
	for _, p := range []string{prefixRefresh, prefixAccess, prefixGrantless, prefixRestricted} {
		if strings.HasPrefix(s, p) {
			return true
		}
	}
	return false
}
