package emulator

import (
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
func (u *authority) newApplication() *application {
	r := u.seed.Of("application")
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

// authAccount is what a seller has authorized the application to.
type authAccount struct {
	world.Seller
	refreshToken string
	revoked      bool // guarded by authority.mu
}

// authority gives out and checks what gives access: the application's secret, sellers' authorizations, tokens, temporary AWS credentials.
type authority struct {
	seed     *random.Seed
	now      func() time.Time
	defaults consentOptions

	mu       sync.Mutex
	app      *application
	accounts []*authAccount    // by number
	grants   map[string]*grant // access tokens, grantless tokens and restricted tokens, by token
	codes    map[string]*authorizationCode
	sessions map[string]*session // temporary AWS credentials, by access key id
	consents consents            // by the consent page
}

func newAuthority(seed *random.Seed, now func() time.Time, o consentOptions) *authority {
	u := &authority{seed: seed, now: now, defaults: o}
	u.clear()
	return u
}

// clear forgets all, the sellers too.
func (u *authority) clear() {
	u.mu.Lock()
	defer u.mu.Unlock()
	u.accounts, u.grants, u.codes, u.sessions = nil, map[string]*grant{}, map[string]*authorizationCode{}, map[string]*session{}
	u.app = u.newApplication()
	u.consents = newConsents(u.defaults)
}

// addAccount adds a seller who has authorized the application. Without marketplaces it takes part in a few of the region.
func (u *authority) addAccount(region marketplace.Region, marketplaces []string, created time.Time) (*authAccount, error) {
	if region == "" {
		region = marketplace.NorthAmerica
	}
	if !region.Valid() {
		return nil, fmt.Errorf("emulator: unknown region %q: want na, eu or fe", region)
	}
	u.mu.Lock()
	defer u.mu.Unlock()
	a := &authAccount{Seller: world.Seller{Number: len(u.accounts), Region: region, Created: created}}
	if len(marketplaces) == 0 {
		a.Marketplaces = slices.Clone(usualMarketplaces[region])
	}
	for _, id := range marketplaces {
		m, ok := marketplace.ByID(id)
		if !ok || m.Region != region {
			return nil, fmt.Errorf("emulator: marketplace %q is not in region %q", id, region)
		}
		a.Marketplaces = append(a.Marketplaces, m)
	}
	r := u.seed.Of("account", a.Number)
	a.ID = "A" + r.Text(random.Base36, 13)
	a.StoreName = random.Pick(r, storeNames)
	a.refreshToken = "Atzr|IwEBI" + r.Text(random.Base64URL, 320)
	u.accounts = append(u.accounts, a)
	return a, nil
}

var usualMarketplaces = map[marketplace.Region][]marketplace.Marketplace{
	marketplace.NorthAmerica: {marketplace.US, marketplace.CA, marketplace.MX},
	marketplace.Europe:       {marketplace.DE, marketplace.UK, marketplace.FR, marketplace.IT, marketplace.ES},
	marketplace.FarEast:      {marketplace.JP, marketplace.AU},
}

var storeNames = []string{"Ink & Oak", "Papierhaus Möller", "North Harbor Goods", "文具のすみれ", "Bright Desk Co.", "Atelier Plume", "Kiwi & Koala Supply"}

// application is the application as it is now.
func (u *authority) application() application {
	u.mu.Lock()
	defer u.mu.Unlock()
	return *u.app
}

// registration is what the developer has entered in the console.
func (u *authority) registration() consentOptions {
	u.mu.Lock()
	defer u.mu.Unlock()
	return u.consents.consentOptions
}

// isRevoked tells whether a seller has taken the authorization back.
func (u *authority) isRevoked(a *authAccount) bool {
	u.mu.Lock()
	defer u.mu.Unlock()
	return a.revoked
}

// issue gives out a token for what a grant allows.
func (u *authority) issue(prefix string, g *grant, now time.Time) string {
	u.mu.Lock()
	defer u.mu.Unlock()
	return u.mint(prefix, g, now)
}

// mintRestricted gives out a token for resources of a seller.
func (u *authority) mintRestricted(a *authAccount, resources []restrictedResource, now time.Time) string {
	return u.issue("Atz.sprdt|", &grant{kind: restrictedGrant, account: a, resources: resources, expires: now.Add(accessTokenLifetime)}, now)
}

// renewSecret gives the application a new secret that is good for a while, and tells of it before anybody else can change it.
func (u *authority) renewSecret(now time.Time, lifetime time.Duration, tell func(*application)) {
	u.mu.Lock()
	defer u.mu.Unlock()
	u.rotateSecret(now)
	u.app.secretExpiry = now.Add(lifetime)
	tell(u.app)
}

// secretExpiry is when the secret must have been rotated; zero for never.
func (u *authority) secretExpiry() time.Time {
	u.mu.Lock()
	defer u.mu.Unlock()
	return u.app.secretExpiry
}

// bySellerID finds a seller; nil when there is none.
func (u *authority) bySellerID(id string) *authAccount {
	u.mu.Lock()
	defer u.mu.Unlock()
	for _, a := range u.accounts {
		if a.ID == id {
			return a
		}
	}
	return nil
}

// hasRole tells whether the application has one of some roles.
func (u *authority) hasRole(roles []string) bool {
	u.mu.Lock()
	defer u.mu.Unlock()
	return u.app.roles == nil || slices.ContainsFunc(roles, func(r string) bool { return slices.Contains(u.app.roles, r) })
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
	account   *authAccount // nil for a grantless token
	scopes    []string
	resources []restrictedResource
	expires   time.Time
	revoked   bool
}

type authorizationCode struct {
	account     *authAccount
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

// mint stores g under a new token with the given prefix; it wants u.mu held. Tokens that expired long ago are forgotten, and are
// then invalid rather than expired.
func (u *authority) mint(prefix string, g *grant, now time.Time) string {
	if len(u.grants) >= 4096 {
		for t, old := range u.grants {
			if now.Sub(old.expires) > 24*time.Hour {
				delete(u.grants, t)
			}
		}
	}
	token := prefix + u.seed.Next("token").Text(random.Base64URL, 340)
	u.grants[token] = g
	return token
}

// checkSecret tells whether a client secret is good now; it wants u.mu held.
func (u *authority) checkSecret(clientID, secret string, now time.Time) bool {
	if clientID != u.app.clientID {
		return false
	}
	if secret == u.app.secret {
		return true
	}
	until, ok := u.app.oldSecrets[secret]
	return ok && now.Before(until)
}

// sellerOf finds whose refresh token this is; nil when it is nobody's, or isn't good any more.
func (u *authority) sellerOf(refreshToken string) *authAccount {
	u.mu.Lock()
	defer u.mu.Unlock()
	return u.byRefreshToken(refreshToken)
}

// byRefreshToken wants u.mu held.
func (u *authority) byRefreshToken(token string) *authAccount {
	for _, a := range u.accounts {
		if a.refreshToken == token && !a.revoked {
			return a
		}
	}
	return u.consents.seller(token, u.now())
}

// revokeRefreshToken takes back a seller's authorization, as a seller does in Seller Central: the refresh token and all access
// tokens made from it stop working. It reports whether the refresh token was one.
func (u *authority) revokeRefreshToken(refreshToken string) bool {
	u.mu.Lock()
	defer u.mu.Unlock()
	a := u.byRefreshToken(refreshToken)
	if a == nil {
		return false
	}
	a.revoked = true
	u.consents.revoke(a)
	for _, g := range u.grants {
		if g.account == a {
			g.revoked = true
		}
	}
	return true
}

// expireTokens lets all access tokens and temporary AWS credentials given out so far expire now.
func (u *authority) expireTokens() {
	u.mu.Lock()
	defer u.mu.Unlock()
	now := u.now()
	for _, g := range u.grants {
		if g.expires.After(now) {
			g.expires = now
		}
	}
	for _, s := range u.sessions {
		if s.expires.After(now) {
			s.expires = now
		}
	}
}

// renew gives the application a new client secret and returns it. The old one stays good for seven days.
func (u *authority) renew() string {
	u.mu.Lock()
	defer u.mu.Unlock()
	return u.rotateSecret(u.now())
}

// rotateSecret wants u.mu held.
func (u *authority) rotateSecret(now time.Time) string {
	u.app.oldSecrets[u.app.secret] = now.Add(oldSecretLifetime)
	u.app.secret = "amzn1.oa2-cs.v1." + u.seed.Next("secret").Text(random.HexDigits, 64)
	u.app.secretExpiry = time.Time{}
	return u.app.secret
}

// expireSecret lets the client secret be overdue for rotation from now on: SP-API then refuses all tokens of the application, until
// [authority.renew].
func (u *authority) expireSecret() {
	u.mu.Lock()
	defer u.mu.Unlock()
	u.app.secretExpiry = u.now()
}

// setRoles sets the roles that the application has, by Amazon's names ("Product Listing", "Inventory and Order Tracking", …). An
// operation whose roles the catalogue knows then needs one of them. Without roles, the default, all are held.
func (u *authority) setRoles(roles ...string) {
	u.mu.Lock()
	defer u.mu.Unlock()
	u.app.roles = slices.Clone(roles)
}

// authorizationCode returns a code as the consent page hands to redirectURI, good for five minutes and one exchange.
// It returns "" if refreshToken is not a seller's.
func (u *authority) authorizationCode(refreshToken, redirectURI string) string {
	u.mu.Lock()
	defer u.mu.Unlock()
	a := u.byRefreshToken(refreshToken)
	if a == nil {
		return ""
	}
	code := "ANDX" + u.seed.Next("code").Text(random.Base36, 16)
	u.codes[code] = &authorizationCode{account: a, redirectURI: redirectURI, expires: u.now().Add(authorizationCodeLifetime)}
	return code
}
