package emulator

import (
	"encoding/json"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/openspapi/spapi/emulator/internal/random"
	"github.com/openspapi/spapi/emulator/internal/world"
	"github.com/openspapi/spapi/marketplace"
)

// application is the registered SP-API application that all sellers have authorized.
type application struct {
	id           string // amzn1.sp.solution.…
	clientID     string
	secret       string
	secretExpiry time.Time // zero: never
	oldSecrets   map[string]time.Time
	roles        []string // nil: all roles

	awsAccount string
	userName   string
	roleName   string
	keyID      string
	secretKey  string
}

func (a *application) roleARN() string {
	return "arn:aws:iam::" + a.awsAccount + ":role/" + a.roleName
}

func (a *application) userARN() string {
	return "arn:aws:iam::" + a.awsAccount + ":user/" + a.userName
}

// newApplication makes credentials of the shapes that Amazon gives out: client id and secret as in
// developer-docs.amazon.com/sp-api/docs/connecting-to-the-selling-partner-api, keys and ARNs as in the IAM user guide.
func (e *Emulator) newApplication() *application {
	r := e.random("application")
	return &application{
		id:         "amzn1.sp.solution." + r.UUID(),
		clientID:   "amzn1.application-oa2-client." + r.Text(random.HexDigits, 32),
		secret:     "amzn1.oa2-cs.v1." + r.Text(random.HexDigits, 64),
		oldSecrets: map[string]time.Time{},
		awsAccount: "123456789012",
		userName:   "sp-api-user",
		roleName:   "sp-api-role",
		keyID:      "AKIA" + r.Text(random.Base36, 16),
		secretKey:  r.Text(random.Base64Std, 40),
	}
}

// account is one seller in one region, isolated from all others.
type account struct {
	world.Seller
	refreshToken string
	revoked      bool     // guarded by Emulator.mu
	contacts     contacts // guarded by Emulator.mu

	once  sync.Once
	built *world.World
	desk  *desk // reports, feeds and queries
}

// world returns the account's world as of now. It builds it on first use and lets come what has come since. The caller doesn't hold the world's lock.
func (a *account) world(e *Emulator) *world.World {
	w := a.untouched(e)
	w.Advance(e.now())
	return w
}

// untouched is the world without what has come since it was last asked for.
func (a *account) untouched(e *Emulator) *world.World {
	a.once.Do(func() { a.built = world.New(e.options.Sizes, &a.Seller) })
	return a.built
}

var worldShare = stateful{
	name: "world",
	save: func(_ *Emulator, a *account) (any, error) {
		if a.built == nil {
			return nil, nil
		}
		return a.built.Save(), nil
	},
	load: func(e *Emulator, a *account, raw json.RawMessage) error { return a.untouched(e).Load(raw) },
}

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
	e.mu.Lock()
	defer e.mu.Unlock()
	a, err := e.addAccount(c, e.now())
	if err != nil {
		return Credentials{}, err
	}
	return e.credentials(a), nil
}

// addAccount wants e.mu held.
func (e *Emulator) addAccount(c AccountConfig, created time.Time) (*account, error) {
	if c.Region == "" {
		c.Region = marketplace.NorthAmerica
	}
	if !c.Region.Valid() {
		return nil, fmt.Errorf("emulator: unknown region %q: want na, eu or fe", c.Region)
	}
	a := &account{Seller: world.Seller{Number: len(e.accounts), Region: c.Region, Created: created}}
	if len(c.Marketplaces) == 0 {
		a.Marketplaces = slices.Clone(usualMarketplaces[c.Region])
	}
	for _, id := range c.Marketplaces {
		m, ok := marketplace.ByID(id)
		if !ok || m.Region != c.Region {
			return nil, fmt.Errorf("emulator: marketplace %q is not in region %q", id, c.Region)
		}
		a.Marketplaces = append(a.Marketplaces, m)
	}
	r := e.random("account", a.Number)
	a.ID = "A" + r.Text(random.Base36, 13)
	a.StoreName = random.Pick(r, storeNames)
	a.refreshToken = "Atzr|IwEBI" + r.Text(random.Base64URL, 320)
	a.desk = newDesk(e, a)
	e.accounts = append(e.accounts, a)
	return a, nil
}

var usualMarketplaces = map[marketplace.Region][]marketplace.Marketplace{
	marketplace.NorthAmerica: {marketplace.US, marketplace.CA, marketplace.MX},
	marketplace.Europe:       {marketplace.DE, marketplace.UK, marketplace.FR, marketplace.IT, marketplace.ES},
	marketplace.FarEast:      {marketplace.JP, marketplace.AU},
}

var storeNames = []string{"Ink & Oak", "Papierhaus Möller", "North Harbor Goods", "文具のすみれ", "Bright Desk Co.", "Atelier Plume", "Kiwi & Koala Supply"}

// Credentials returns those of the first seller.
func (e *Emulator) Credentials() Credentials {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.credentials(e.accounts[0])
}

// Accounts returns the credentials of all sellers, in the order in which they were added.
func (e *Emulator) Accounts() []Credentials {
	e.mu.Lock()
	defer e.mu.Unlock()
	list := make([]Credentials, len(e.accounts))
	for i, a := range e.accounts {
		list[i] = e.credentials(a)
	}
	return list
}

// credentials wants e.mu held.
func (e *Emulator) credentials(a *account) Credentials {
	return Credentials{
		ClientID:           e.app.clientID,
		ClientSecret:       e.app.secret,
		RefreshToken:       a.refreshToken,
		RoleARN:            e.app.roleARN(),
		AWSAccessKeyID:     e.app.keyID,
		AWSSecretAccessKey: e.app.secretKey,
		ApplicationID:      e.app.id,
		SellerID:           a.ID,
		Region:             a.Region,
	}
}

// grantKind tells what a token in x-amz-access-token stands for.
type grantKind int

const (
	sellerGrant     grantKind = iota // Atza|…, for one seller
	grantlessGrant                   // Atc|…, for scopes
	restrictedGrant                  // Atz.sprdt|…, for one seller's personal data
)

// grant is what an access token allows.
type grant struct {
	kind      grantKind
	account   *account // nil for a grantless token
	scopes    []string
	resources []restrictedResource
	expires   time.Time
	revoked   bool
}

type authorizationCode struct {
	account     *account
	redirectURI string
	expires     time.Time
}

// session is a set of temporary AWS credentials that AssumeRole gave out.
type session struct {
	secretKey string
	token     string
	expires   time.Time
}

const (
	// developer-docs.amazon.com/sp-api/docs/connecting-to-the-selling-partner-api: expires_in is 3600.
	accessTokenLifetime = time.Hour
	// The authorization code is good for five minutes: selling-partner-api-docs, developer guide, "Authorizing Selling Partner
	// API applications".
	authorizationCodeLifetime = 5 * time.Minute
	// After rotation the old secret stays good for seven days:
	// developer-docs.amazon.com/sp-api/docs/rotating-your-apps-lwa-credentials.
	oldSecretLifetime = 7 * 24 * time.Hour
)

// mint stores g under a new token with the given prefix; it wants e.mu held. Tokens that expired long ago are forgotten, and are
// then invalid rather than expired.
func (e *Emulator) mint(prefix string, g *grant, now time.Time) string {
	if len(e.grants) >= 4096 {
		for t, old := range e.grants {
			if now.Sub(old.expires) > 24*time.Hour {
				delete(e.grants, t)
			}
		}
	}
	e.minted++
	token := prefix + e.random("token", e.minted).Text(random.Base64URL, 340)
	e.grants[token] = g
	return token
}

// checkSecret tells whether a client secret is good now; it wants e.mu held.
func (e *Emulator) checkSecret(clientID, secret string, now time.Time) bool {
	if clientID != e.app.clientID {
		return false
	}
	if secret == e.app.secret {
		return true
	}
	until, ok := e.app.oldSecrets[secret]
	return ok && now.Before(until)
}

// byRefreshToken wants e.mu held.
func (e *Emulator) byRefreshToken(token string) *account {
	for _, a := range e.accounts {
		if a.refreshToken == token && !a.revoked {
			return a
		}
	}
	return e.consents.seller(token, e.now())
}

// RevokeRefreshToken takes back a seller's authorization, as a seller does in Seller Central: the refresh token and all access
// tokens made from it stop working. It reports whether the refresh token was one.
func (e *Emulator) RevokeRefreshToken(refreshToken string) bool {
	e.mu.Lock()
	defer e.mu.Unlock()
	a := e.byRefreshToken(refreshToken)
	if a == nil {
		return false
	}
	a.revoked = true
	e.consents.revoke(a)
	for _, g := range e.grants {
		if g.account == a {
			g.revoked = true
		}
	}
	return true
}

// ExpireTokens lets all access tokens and temporary AWS credentials given out so far expire now.
func (e *Emulator) ExpireTokens() {
	e.mu.Lock()
	defer e.mu.Unlock()
	now := e.now()
	for _, g := range e.grants {
		if g.expires.After(now) {
			g.expires = now
		}
	}
	for _, s := range e.sessions {
		if s.expires.After(now) {
			s.expires = now
		}
	}
}

// RotateSecret gives the application a new client secret and returns it. The old one stays good for seven days.
func (e *Emulator) RotateSecret() string {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.rotateSecret(e.now())
}

// rotateSecret wants e.mu held.
func (e *Emulator) rotateSecret(now time.Time) string {
	e.app.oldSecrets[e.app.secret] = now.Add(oldSecretLifetime)
	e.minted++
	e.app.secret = "amzn1.oa2-cs.v1." + e.random("secret", e.minted).Text(random.HexDigits, 64)
	e.app.secretExpiry = time.Time{}
	return e.app.secret
}

// ExpireSecret lets the client secret be overdue for rotation from now on: SP-API then refuses all tokens of the application, until
// [Emulator.RotateSecret].
func (e *Emulator) ExpireSecret() {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.app.secretExpiry = e.now()
}

// SetRoles sets the roles that the application has, by Amazon's names ("Product Listing", "Inventory and Order Tracking", …). An
// operation whose roles the catalogue knows then needs one of them. Without roles, the default, all are held.
func (e *Emulator) SetRoles(roles ...string) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.app.roles = slices.Clone(roles)
}

// AuthorizationCode returns a code as the consent page hands to redirectURI, good for five minutes and one exchange.
// It returns "" if refreshToken is not a seller's.
func (e *Emulator) AuthorizationCode(refreshToken, redirectURI string) string {
	e.mu.Lock()
	defer e.mu.Unlock()
	a := e.byRefreshToken(refreshToken)
	if a == nil {
		return ""
	}
	e.minted++
	code := "ANDX" + e.random("code", e.minted).Text(random.Base36, 16)
	e.codes[code] = &authorizationCode{account: a, redirectURI: redirectURI, expires: e.now().Add(authorizationCodeLifetime)}
	return code
}
