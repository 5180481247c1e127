package spapi

import (
	"github.com/openspapi/spapi/internal/settings"
	"github.com/openspapi/spapi/marketplace"
)

// Credentials are the application's, from Developer Central under "LWA credentials".
type Credentials struct {
	ClientID     string // "amzn1.application-oa2-client.…"
	ClientSecret Secret // "amzn1.oa2-cs.v1.…"; Amazon wants it rotated every 180 days

	// PreviousSecret is the one before the last rotation, which works beside the new one for seven days. It is shown where Login with Amazon refuses
	// ClientSecret, so that a secret which is mistyped or not yet known everywhere stops nothing; that is a warning in the log. Optional.
	PreviousSecret Secret
}

// check finds what is known to fail before it is sent.
func (c Credentials) check() error {
	if bad := settings.CheckClientID(c.ClientID); bad != nil {
		return bad
	}
	if bad := settings.CheckClientSecret(c.ClientSecret.Reveal()); bad != nil {
		return bad
	}
	if !c.PreviousSecret.IsZero() {
		if bad := settings.CheckClientSecret(c.PreviousSecret.Reveal()); bad != nil {
			return bad
		}
	}
	return nil
}

// Authorization is what a seller or vendor granted the application, in one region.
type Authorization struct {
	// RefreshToken is the Login with Amazon refresh token, "Atzr|…". It may be empty if only grantless operations are called.
	RefreshToken Secret

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

// check finds what is known to fail before it is sent, and settles Region and Marketplace to the region.
func (a Authorization) check() (marketplace.Region, error) {
	region, err := settings.Place(a.Region, a.Marketplace)
	if err != nil {
		return "", err
	}
	if !a.RefreshToken.IsZero() {
		if bad := settings.CheckRefreshToken(a.RefreshToken.Reveal()); bad != nil {
			return region, bad
		}
	}
	if bad := settings.CheckSellerID(a.SellerID); bad != nil {
		return region, bad
	}
	return region, nil
}
