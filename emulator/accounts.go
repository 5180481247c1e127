package emulator

import (
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"github.com/openspapi/spapi/emulator/internal/auth"
	"github.com/openspapi/spapi/emulator/internal/desk"
	"github.com/openspapi/spapi/emulator/internal/flow/application"
	"github.com/openspapi/spapi/emulator/internal/flow/productfees"
	"github.com/openspapi/spapi/emulator/internal/flow/producttypes"
	"github.com/openspapi/spapi/emulator/internal/flow/sellers"
	"github.com/openspapi/spapi/emulator/internal/queues"
	"github.com/openspapi/spapi/marketplace"
)

// AccountConfig describes a seller to be added. The zero value is a seller in North America.
type AccountConfig struct {
	// Region is where the seller sells. The default is North America.
	Region marketplace.Region `json:"region"`
	// Marketplaces are the ids of the marketplaces in which the seller takes part, the first being the main one. The default
	// is a few of the region.
	Marketplaces []string `json:"marketplaces"`
}

// AddAccount adds a seller with a world of its own, who has authorized the application.
func (e *Emulator) AddAccount(c AccountConfig) (Credentials, error) {
	a, err := e.desk.AddSeller(c.Region, c.Marketplaces, e.Now())
	if err != nil {
		return Credentials{}, err
	}
	return e.credentials(a), nil
}

// Credentials returns those of the first seller.
func (e *Emulator) Credentials() Credentials { return e.credentials(e.desk.Seller(0)) }

// Accounts returns the credentials of all sellers, in the order in which they were added.
func (e *Emulator) Accounts() []Credentials {
	sellers := e.desk.AllSellers()
	list := make([]Credentials, len(sellers))
	for i, a := range sellers {
		list[i] = e.credentials(a)
	}
	return list
}

func (e *Emulator) credentials(a *desk.Seller) Credentials {
	if a == nil {
		return Credentials{} // an import that fails has taken them away for a moment
	}
	app := e.desk.Auth.Application()
	return Credentials{
		ClientID:           app.ClientID,
		ClientSecret:       app.Secret,
		RefreshToken:       a.RefreshToken,
		RoleARN:            app.RoleARN(),
		AWSAccessKeyID:     app.KeyID,
		AWSSecretAccessKey: app.SecretKey,
		ApplicationID:      app.ID,
		SellerID:           a.ID,
		MarketplaceID:      a.Marketplaces[0].ID,
		Region:             a.Region,
	}
}

// Credentials are what a client needs to act for one seller. They are worthless outside the emulator that made them and
// therefore not redacted anywhere.
type Credentials struct {
	ClientID           string `json:"client_id"`
	ClientSecret       string `json:"client_secret"`
	RefreshToken       string `json:"refresh_token"`
	RoleARN            string `json:"role_arn"`              // the role that AssumeRole accepts
	AWSAccessKeyID     string `json:"aws_access_key_id"`     // of an IAM user who may assume the role, or sign requests directly
	AWSSecretAccessKey string `json:"aws_secret_access_key"` //
	ApplicationID      string `json:"application_id"`        // as in consent URLs and restricted data tokens' targetApplication
	SellerID           string `json:"seller_id"`
	MarketplaceID      string `json:"marketplace_id"` // the seller's main marketplace

	Region marketplace.Region `json:"region"` // where the refresh token's authorization holds
}

// URLs are the addresses of an emulator that is served on a port.
type URLs struct {
	API string `json:"url"`     // SP-API
	LWA string `json:"lwa_url"` // Login with Amazon's token endpoint, the whole path
	STS string `json:"sts_url"` // Security Token Service
	SQS string `json:"sqs_url"` // Simple Queue Service, for AWS_ENDPOINT_URL_SQS
}

// URLs returns the addresses below base, such as "http://127.0.0.1:8080".
func (e *Emulator) URLs(base string) URLs {
	return URLs{API: base, LWA: base + auth.LWAPath, STS: base + auth.STSPath, SQS: base + queues.Path}
}

// RevokeRefreshToken takes back a seller's authorization, as a seller does in Seller Central: the refresh token and all access
// tokens made from it stop working. It reports whether the refresh token was one.
func (e *Emulator) RevokeRefreshToken(refreshToken string) bool {
	e.desk.Deliver() // what has happened until now is still told
	return e.desk.Auth.RevokeRefreshToken(refreshToken)
}

// SetAccountStatus brings a seller's account in a marketplace, "" for the main one, into a status: NORMAL, AT_RISK or DEACTIVATED. Nothing can be bought of an
// account that is deactivated. Whoever is subscribed to ACCOUNT_STATUS_CHANGED is told. The error names the seller, marketplace or status that there is not.
func (e *Emulator) SetAccountStatus(sellerID, marketplaceID, status string) error {
	list := e.desk.AllSellers()
	i := slices.IndexFunc(list, func(a *desk.Seller) bool { return a.ID == sellerID })
	if i < 0 {
		return fmt.Errorf("emulator: seller %q: %w", sellerID, errNoSuch)
	}
	var err error
	e.desk.Beside(func() { err = sellers.SetStatus(list[i], marketplaceID, status, e.Now()) })
	e.desk.Deliver()
	if err != nil {
		return fmt.Errorf("emulator: %w", err)
	}
	return nil
}

// PublishProductTypes publishes a new version of all product type definitions and returns it. Whoever is subscribed to PRODUCT_TYPE_DEFINITIONS_CHANGE is told.
func (e *Emulator) PublishProductTypes() (version string) {
	e.desk.Beside(func() { version = producttypes.Publish(e.desk, e.Now()) })
	e.desk.Deliver()
	return version
}

// FeePromotion is a referral fee that is lower for a while, see [Emulator.BeginFeePromotion].
type FeePromotion = productfees.Promotion

// BeginFeePromotion lets a fee promotion begin, at its time by the emulator's clock, and returns it with what was left open. While it lasts getMyFeesEstimates
// and its siblings show it; the fees of orders don't follow. Whoever is subscribed to FEE_PROMOTION is told when it begins. The error names what is wrong with
// it: a seller, marketplace, SKU or ASIN that there is not, both or none of percent and amount, times that have passed, or another promotion of the same items.
func (e *Emulator) BeginFeePromotion(p FeePromotion) (begun FeePromotion, err error) {
	e.desk.Beside(func() {
		a := e.desk.Seller(0)
		if p.Seller != "" {
			list := e.desk.AllSellers()
			i := slices.IndexFunc(list, func(a *desk.Seller) bool { return a.ID == p.Seller })
			if i < 0 {
				err = fmt.Errorf("seller %q: there is none of this id", p.Seller)
				return
			}
			a = list[i]
		}
		begun, err = productfees.Begin(a, p, e.Now)
	})
	e.desk.Deliver()
	if err != nil {
		return FeePromotion{}, fmt.Errorf("emulator: fee promotion: %w", err)
	}
	return begun, nil
}

// ExpireTokens lets all access tokens and temporary AWS credentials given out so far expire now.
func (e *Emulator) ExpireTokens() { e.desk.Auth.ExpireTokens() }

// RotateSecret gives the application a new client secret and returns it, as the console does. The old one stays good for seven days. A registered queue (see
// [WithCredentialQueue]) is told of it, and then the new one is good for 180 days; else it doesn't expire.
func (e *Emulator) RotateSecret() string {
	if !application.Rotate(e.desk, e.Now()) {
		return e.desk.Auth.Renew()
	}
	e.desk.Deliver()
	return e.Credentials().ClientSecret
}

// ExpireSecret lets the client secret be overdue for rotation from now on: SP-API then refuses all tokens of the application, until
// [Emulator.RotateSecret].
func (e *Emulator) ExpireSecret() { e.desk.Auth.ExpireSecret() }

// SetRoles sets the roles that the application has, by Amazon's names ("Product Listing", "Inventory and Order Tracking", …). An
// operation whose roles the catalogue knows then needs one of them. Without roles, the default, all are held.
func (e *Emulator) SetRoles(roles ...string) { e.desk.Auth.SetRoles(roles...) }

// AuthorizationCode returns a code as the consent page hands to redirectURI, good for five minutes and one exchange.
// It returns "" if refreshToken is not a seller's.
func (e *Emulator) AuthorizationCode(refreshToken, redirectURI string) string {
	return e.desk.Auth.AuthorizationCode(refreshToken, redirectURI)
}

// SetCredentialQueue registers another queue for new client secrets, or none.
func (e *Emulator) SetCredentialQueue(arn string) { e.desk.Outbox.SetCredentialQueue(arn) }

// SetApplicationStatus publishes, lists or withdraws the application.
func (e *Emulator) SetApplicationStatus(s ApplicationStatus) { e.desk.Auth.SetStatus(s) }

// SetRedirectURIs registers other redirect URIs, or none. See [WithRedirectURIs].
func (e *Emulator) SetRedirectURIs(uris ...string) { e.desk.Auth.SetRedirectURIs(uris...) }

// Authorize answers a consent page as the seller who approves, without a browser: consentURL is where the application's website sends
// the seller, at a Seller or Vendor Central host or below the emulator's own address. It returns where Amazon sends the seller back:
// the redirect URI with state, selling_partner_id and spapi_oauth_code. The error has the code of the page that the seller sees instead.
func (e *Emulator) Authorize(consentURL, sellerID string) (callback string, err error) {
	u, err := url.Parse(consentURL)
	if err != nil {
		return "", fmt.Errorf("emulator: consent: %w", err)
	}
	return e.decide(u, sellerID)
}

// AuthorizeFromAppstore chooses "Authorize Now" in the Appstore as the seller. It returns where Amazon sends the seller: the application's
// login URI with amazon_callback_uri, amazon_state and selling_partner_id.
func (e *Emulator) AuthorizeFromAppstore(sellerID string) (loginURL string, err error) {
	u := &url.URL{Scheme: "https", Host: "sellercentral.amazon.com", Path: auth.StorePath + e.desk.Auth.Application().ID}
	if a := e.desk.Auth.BySellerID(sellerID); a != nil {
		u.Host = strings.TrimPrefix(a.Marketplaces[0].SellerCentral, "https://")
	}
	return e.decide(u, sellerID)
}

func (e *Emulator) decide(u *url.URL, sellerID string) (string, error) {
	q := u.Query()
	q.Set("emulator_consent", "approve")
	q.Set("emulator_seller", sellerID)
	u.RawQuery = q.Encode()
	r, err := http.NewRequest(http.MethodGet, u.String(), nil)
	if err != nil {
		return "", fmt.Errorf("emulator: consent: %w", err)
	}
	resp, err := e.RoundTrip(r)
	if err != nil {
		return "", err
	}
	resp.Body.Close()
	if resp.StatusCode != http.StatusFound {
		return "", errors.New("emulator: consent: " + resp.Header.Get(auth.ConsentErrorHeader))
	}
	return resp.Header.Get("Location"), nil
}

// ApplicationStatus is where an application is on its way to the public.
type ApplicationStatus = auth.ApplicationStatus

// The states of an application.
const (
	ApplicationDraft     = auth.ApplicationDraft     // can be authorized with version=beta only
	ApplicationPublished = auth.ApplicationPublished // not listed in the Appstore: for 25 sellers at most
	ApplicationListed    = auth.ApplicationListed
)
