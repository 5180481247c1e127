// Package auth gives out and checks what gives access: Login with Amazon, consents, access tokens and restricted ones, the Security Token Service,
// signatures.
package auth

import (
	"fmt"
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/openspapi/spapi/emulator/internal/expiring"
	"github.com/openspapi/spapi/emulator/internal/random"
	"github.com/openspapi/spapi/emulator/internal/world"
	"github.com/openspapi/spapi/marketplace"
)

// Application is the registered SP-API application that all sellers have authorized.
type Application struct {
	ID           string // amzn1.sp.solution.…
	ClientID     string
	Secret       string
	SecretExpiry time.Time // zero: never
	oldSecrets   map[string]time.Time
	Roles        []string // nil: all roles

	awsAccount string
	userName   string
	roleName   string
	KeyID      string
	SecretKey  string
}

// AWSAccount is the developer's account of AWS.
func (a *Application) AWSAccount() string { return a.awsAccount }

func (a *Application) RoleARN() string {
	return "arn:aws:iam::" + a.awsAccount + ":role/" + a.roleName
}

func (a *Application) userARN() string {
	return "arn:aws:iam::" + a.awsAccount + ":user/" + a.userName
}

// newApplication makes credentials of the shapes that Amazon gives out: client id and secret as in
// developer-docs.amazon.com/sp-api/docs/connecting-to-the-selling-partner-api, keys and ARNs as in the IAM user guide.
func (u *Authority) newApplication() *Application {
	r := u.seed.Of("application")
	return &Application{
		ID:         "amzn1.sp.solution." + r.UUID(),
		ClientID:   "amzn1.application-oa2-client." + r.Text(random.HexDigits, 32),
		Secret:     "amzn1.oa2-cs.v1." + r.Text(random.HexDigits, 64),
		oldSecrets: map[string]time.Time{},
		awsAccount: "123456789012",
		userName:   "sp-api-user",
		roleName:   "sp-api-role",
		KeyID:      "AKIA" + r.Text(random.Base36, 16),
		SecretKey:  r.Text(random.Base64Std, 40),
	}
}

// Account is what a seller has authorized the application to.
type Account struct {
	world.Seller
	RefreshToken string
	revoked      bool // guarded by Authority.mu
}

// Authority gives out and checks what gives access: the application's secret, sellers' authorizations, tokens, temporary AWS credentials.
type Authority struct {
	seed     *random.Seed
	now      func() time.Time
	defaults Registration

	mu       sync.Mutex
	app      *Application
	accounts []*Account            // by number
	grants   *expiring.Map[*Grant] // access tokens, grantless tokens and restricted tokens, by token
	codes    *expiring.Map[*authorizationCode]
	sessions *expiring.Map[*session] // temporary AWS credentials, by access key id
	consents consents                // by the consent page
}

func New(seed *random.Seed, now func() time.Time, o Registration) *Authority {
	u := &Authority{seed: seed, now: now, defaults: o}
	u.Clear()
	return u
}

// Clear forgets all, the sellers too.
func (u *Authority) Clear() {
	u.mu.Lock()
	defer u.mu.Unlock()
	u.accounts, u.grants, u.codes, u.sessions = nil, newMap[*Grant](), newMap[*authorizationCode](), newMap[*session]()
	u.app = u.newApplication()
	u.consents = newConsents(u.defaults)
}

// AddAccount adds a seller who has authorized the application. Without marketplaces it takes part in a few of the region.
func (u *Authority) AddAccount(region marketplace.Region, marketplaces []string, created time.Time) (*Account, error) {
	if region == "" {
		region = marketplace.NorthAmerica
	}
	if !region.Valid() {
		return nil, fmt.Errorf("emulator: unknown region %q: want na, eu or fe", region)
	}
	u.mu.Lock()
	defer u.mu.Unlock()
	a := &Account{Seller: world.Seller{Number: len(u.accounts), Region: region, Created: created}}
	if len(marketplaces) == 0 {
		a.Marketplaces = append([]marketplace.Marketplace{region.DefaultMarketplace()}, usualNeighbours[region]...)
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
	a.RefreshToken = "Atzr|IwEBI" + r.Text(random.Base64URL, 320)
	u.accounts = append(u.accounts, a)
	return a, nil
}

// usualNeighbours are where a seller sells beside the region's first marketplace.
var usualNeighbours = map[marketplace.Region][]marketplace.Marketplace{
	marketplace.NorthAmerica: {marketplace.CA, marketplace.MX},
	marketplace.Europe:       {marketplace.UK, marketplace.FR, marketplace.IT, marketplace.ES},
	marketplace.FarEast:      {marketplace.AU},
}

var storeNames = []string{"Ink & Oak", "Papierhaus Möller", "North Harbor Goods", "文具のすみれ", "Bright Desk Co.", "Atelier Plume", "Kiwi & Koala Supply"}

// Application is the application as it is now.
func (u *Authority) Application() Application {
	u.mu.Lock()
	defer u.mu.Unlock()
	return *u.app
}

// Registration is what the developer has entered in the console.
func (u *Authority) Registration() Registration {
	u.mu.Lock()
	defer u.mu.Unlock()
	return u.consents.Registration
}

// IsRevoked tells whether a seller has taken the authorization back.
func (u *Authority) IsRevoked(a *Account) bool {
	u.mu.Lock()
	defer u.mu.Unlock()
	return a.revoked
}

// Issue gives out a token for what a grant allows.
func (u *Authority) Issue(prefix string, g *Grant, now time.Time) string {
	u.mu.Lock()
	defer u.mu.Unlock()
	return u.mint(prefix, g, now)
}

// MintRestricted gives out a token for resources of a seller.
func (u *Authority) MintRestricted(a *Account, resources []Resource, now time.Time) string {
	return u.Issue("Atz.sprdt|", &Grant{Kind: RestrictedGrant, Account: a, Resources: resources, Expires: now.Add(AccessTokenLifetime)}, now)
}

// RenewSecret gives the application a new secret that is good for a while, and tells of it before anybody else can change it.
func (u *Authority) RenewSecret(now time.Time, lifetime time.Duration, tell func(*Application)) {
	u.mu.Lock()
	defer u.mu.Unlock()
	u.rotateSecret(now)
	u.app.SecretExpiry = now.Add(lifetime)
	tell(u.app)
}

// SecretExpiry is when the secret must have been rotated; zero for never.
func (u *Authority) SecretExpiry() time.Time {
	u.mu.Lock()
	defer u.mu.Unlock()
	return u.app.SecretExpiry
}

// BySellerID finds a seller; nil when there is none.
func (u *Authority) BySellerID(id string) *Account {
	u.mu.Lock()
	defer u.mu.Unlock()
	for _, a := range u.accounts {
		if a.ID == id {
			return a
		}
	}
	return nil
}

// HasRole tells whether the application has one of some roles.
func (u *Authority) HasRole(roles []string) bool {
	u.mu.Lock()
	defer u.mu.Unlock()
	return u.app.Roles == nil || slices.ContainsFunc(roles, func(r string) bool { return slices.Contains(u.app.Roles, r) })
}

// GrantKind tells what a token in x-amz-access-token stands for.
type GrantKind int

// The kinds of grants.
const (
	SellerGrant     GrantKind = iota // Atza|…, for one seller
	GrantlessGrant                   // Atc|…, for scopes
	RestrictedGrant                  // Atz.sprdt|…, for one seller's personal data
)

// Grant is what an access token allows.
type Grant struct {
	Kind      GrantKind
	Account   *Account // nil for a grantless token
	Scopes    []string
	Resources []Resource
	Expires   time.Time
	revoked   bool
}

type authorizationCode struct {
	account     *Account
	redirectURI string
	expires     time.Time
}

// session is a set of temporary AWS credentials that AssumeRole gave out.
type session struct {
	secretKey string
	token     string
	expires   time.Time
}

// How long what is given out stays good.
const (
	// developer-docs.amazon.com/sp-api/docs/connecting-to-the-selling-partner-api: expires_in is 3600.
	AccessTokenLifetime = time.Hour
	// The authorization code is good for five minutes: selling-partner-api-docs, developer guide, "Authorizing Selling Partner
	// API applications".
	AuthorizationCodeLifetime = 5 * time.Minute
	// After rotation the old secret stays good for seven days:
	// developer-docs.amazon.com/sp-api/docs/rotating-your-apps-lwa-credentials.
	OldSecretLifetime = 7 * 24 * time.Hour
)

// How long tokens are beyond what they begin with. A restricted one makes an answer of 2,329 bytes, as recorded in February 2025: who keeps tokens
// should have room.
const (
	tokenLength           = 340
	restrictedTokenLength = 2276
)

const (
	// rememberedFor is how long tokens and temporary credentials are known after their end: as expired, and after that as invalid. Assumed.
	rememberedFor = 24 * time.Hour
	// mostGiven is how much of each kind is remembered, such as tokens: with more the oldest is forgotten. No limit of Amazon's is known.
	mostGiven = 100_000
)

func newMap[V any]() *expiring.Map[V] { return expiring.NewMap[V](mostGiven, nil) }

// mint stores g under a new token with the given prefix; it wants u.mu held.
func (u *Authority) mint(prefix string, g *Grant, now time.Time) string {
	length := tokenLength
	if g.Kind == RestrictedGrant {
		length = restrictedTokenLength
	}
	token := prefix + u.seed.Next("token").Text(random.Base64URL, length)
	u.grants.Sweep(now)
	u.grants.Put(token, g, g.Expires.Add(rememberedFor))
	return token
}

// checkSecret tells whether a client secret is good now; it wants u.mu held.
func (u *Authority) checkSecret(clientID, secret string, now time.Time) bool {
	if clientID != u.app.ClientID {
		return false
	}
	if secret == u.app.Secret {
		return true
	}
	until, ok := u.app.oldSecrets[secret]
	return ok && now.Before(until)
}

// IsAuthorized tells whether the application may hear of a seller: one who has taken the authorization back may have consented again since.
func (u *Authority) IsAuthorized(a *Account) bool {
	u.mu.Lock()
	defer u.mu.Unlock()
	return !a.revoked || u.consents.sellers[a.Number]
}

// SellerOf finds whose refresh token this is; nil when it is nobody's, or isn't good any more.
func (u *Authority) SellerOf(refreshToken string) *Account {
	u.mu.Lock()
	defer u.mu.Unlock()
	return u.byRefreshToken(refreshToken)
}

// byRefreshToken wants u.mu held.
func (u *Authority) byRefreshToken(token string) *Account {
	for _, a := range u.accounts {
		if a.RefreshToken == token && !a.revoked {
			return a
		}
	}
	return u.consents.seller(token, u.now())
}

// RevokeRefreshToken takes back a seller's authorization, as a seller does in Seller Central: the refresh token and all access
// tokens made from it stop working. It reports whether the refresh token was one.
func (u *Authority) RevokeRefreshToken(refreshToken string) bool {
	u.mu.Lock()
	defer u.mu.Unlock()
	a := u.byRefreshToken(refreshToken)
	if a == nil {
		return false
	}
	a.revoked = true
	u.consents.revoke(a)
	for _, g := range u.grants.All() {
		if g.Account == a {
			g.revoked = true
		}
	}
	return true
}

// ExpireTokens lets all access tokens and temporary AWS credentials given out so far expire now.
func (u *Authority) ExpireTokens() {
	u.mu.Lock()
	defer u.mu.Unlock()
	now := u.now()
	for _, g := range u.grants.All() {
		if g.Expires.After(now) {
			g.Expires = now
		}
	}
	for _, s := range u.sessions.All() {
		if s.expires.After(now) {
			s.expires = now
		}
	}
}

// Renew gives the application a new client secret and returns it. The old one stays good for seven days.
func (u *Authority) Renew() string {
	u.mu.Lock()
	defer u.mu.Unlock()
	return u.rotateSecret(u.now())
}

// rotateSecret wants u.mu held.
func (u *Authority) rotateSecret(now time.Time) string {
	maps.DeleteFunc(u.app.oldSecrets, func(_ string, until time.Time) bool { return !now.Before(until) })
	u.app.oldSecrets[u.app.Secret] = now.Add(OldSecretLifetime)
	u.app.Secret = "amzn1.oa2-cs.v1." + u.seed.Next("secret").Text(random.HexDigits, 64)
	u.app.SecretExpiry = time.Time{}
	return u.app.Secret
}

// ExpireSecret lets the client secret be overdue for rotation from now on: SP-API then refuses all tokens of the application, until
// [Authority.Renew].
func (u *Authority) ExpireSecret() {
	u.mu.Lock()
	defer u.mu.Unlock()
	u.app.SecretExpiry = u.now()
}

// SetRoles sets the roles that the application has, by Amazon's names ("Product Listing", "Inventory and Order Tracking", …). An
// operation whose roles the catalogue knows then needs one of them. Without roles, the default, all are held.
func (u *Authority) SetRoles(roles ...string) {
	u.mu.Lock()
	defer u.mu.Unlock()
	u.app.Roles = slices.Clone(roles)
}

// AuthorizationCode returns a code as the consent page hands to redirectURI, good for five minutes and one exchange.
// It returns "" if refreshToken is not a seller's.
func (u *Authority) AuthorizationCode(refreshToken, redirectURI string) string {
	u.mu.Lock()
	defer u.mu.Unlock()
	a := u.byRefreshToken(refreshToken)
	if a == nil {
		return ""
	}
	code := "ANDX" + u.seed.Next("code").Text(random.Base36, 16)
	c := &authorizationCode{account: a, redirectURI: redirectURI, expires: u.now().Add(AuthorizationCodeLifetime)}
	u.codes.Sweep(u.now())
	u.codes.Put(code, c, c.expires)
	return code
}
