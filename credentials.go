package spapi

import (
	"encoding/json"
	"fmt"
	"io"
	"log/slog"

	"github.com/openspapi/spapi/internal/settings"
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
	if bad := settings.CheckClientID(c.ClientID); bad != nil {
		return bad
	}
	if bad := settings.CheckClientSecret(c.ClientSecret); bad != nil {
		return bad
	}
	return nil
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

// check finds what is known to fail before it is sent, and settles Region and Marketplace to the region.
func (a Authorization) check() (marketplace.Region, error) {
	region, err := settings.Place(a.Region, a.Marketplace)
	if err != nil {
		return "", err
	}
	if a.RefreshToken != "" {
		if bad := settings.CheckRefreshToken(a.RefreshToken); bad != nil {
			return region, bad
		}
	}
	if bad := settings.CheckSellerID(a.SellerID); bad != nil {
		return region, bad
	}
	return region, nil
}
