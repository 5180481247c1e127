package auth

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"html"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/openspapi/spapi/emulator/internal/answer"
	"github.com/openspapi/spapi/emulator/internal/exchange"
	"github.com/openspapi/spapi/emulator/internal/expiring"
	"github.com/openspapi/spapi/emulator/internal/format"
	"github.com/openspapi/spapi/emulator/internal/random"
)

// The pages of Seller and Vendor Central on which a selling partner authorizes an application
// (developer-docs.amazon.com/sp-api/docs/website-authorization-workflow and …/reauthorization-workflow, the Appstore's workflow).
//
//	/apps/authorize/consent               the consent page, to which the application's website leads
//	/apps/store/dp/{application}          the application's page in the Appstore, which leads to the application's login URI
//	/apps/authorize/confirm/{application} the amazon_callback_uri, to which the website leads back from there
//
// Nobody signs in: the page offers the sellers of the host's region. With emulator_consent=approve (or deny) in the query, and
// emulator_seller for another seller than the first, a page answers with its redirect at once; with emulator_consent=MD5100, or another code of an
// error page, with that page.
const (
	consentPath = "/apps/authorize/consent"
	confirmPath = "/apps/authorize/confirm/"
	StorePath   = "/apps/store/dp/"
)

const (
	// An unlisted public application may have 25 sellers: developer-docs.amazon.com/sp-api/docs/application-authorization-limits.
	MaxUnlistedSellers = 25
	// An authorization must be renewed every year: developer-docs.amazon.com/sp-api/docs/renew-authorizations.
	ConsentLifetime = 365 * 24 * time.Hour
	// How long a seller may take for the whole flow.
	appstoreStateLifetime = 10 * time.Minute
)

// ApplicationStatus is where an application is on its way to the public.
type ApplicationStatus string

// The states of an application.
const (
	ApplicationDraft     ApplicationStatus = "draft"     // can be authorized with version=beta only
	ApplicationPublished ApplicationStatus = "published" // not listed in the Appstore: for 25 sellers at most
	ApplicationListed    ApplicationStatus = "listed"
)

// Registration are what a developer enters in the console.
type Registration struct {
	Status    ApplicationStatus
	Redirects []string
	Set       bool // redirects were said, though there may be none
	Login     string
}

// Check tells what is wrong with the options.
func (o *Registration) Check() error {
	switch o.Status {
	case "", ApplicationDraft, ApplicationPublished, ApplicationListed:
	default:
		return fmt.Errorf("emulator: application status %q: want draft, published or listed", o.Status)
	}
	for _, uri := range append([]string{o.Login}, o.Redirects...) {
		if u, err := url.Parse(uri); err != nil || uri != "" && (u.Host == "" || u.Scheme != "http" && u.Scheme != "https") || uri == "" && slices.Contains(o.Redirects, "") {
			return fmt.Errorf("emulator: OAuth URI %q: want an address such as https://app.example.com/callback", uri)
		}
	}
	return nil
}

// consents is guarded by Authority.mu.
type consents struct {
	Registration
	sellers map[int]bool                 // who has consented, by number
	codes   *expiring.Map[*consentCode]  // spapi_oauth_code
	tokens  *expiring.Map[*consentToken] // by refresh token
	states  *expiring.Map[*appstoreState]
}

type consentCode struct {
	Account     int       `json:"account"`
	RedirectURI string    `json:"redirect_uri"`
	Named       bool      `json:"named,omitempty"` // the request for consent named the redirect URI
	Expires     time.Time `json:"expires"`
}

type consentToken struct {
	Account int       `json:"account"`
	Expires time.Time `json:"expires"`
	account *Account
}

type appstoreState struct {
	Account int       `json:"account"`
	Beta    bool      `json:"beta,omitempty"`
	Expires time.Time `json:"expires"`
}

func newConsents(o Registration) consents {
	if o.Status == "" {
		o.Status = ApplicationPublished
	}
	if !o.Set {
		o.Redirects = []string{"http://127.0.0.1", "http://localhost"}
	}
	return consents{o, map[int]bool{}, newMap[*consentCode](), newMap[*consentToken](), newMap[*appstoreState]()}
}

// seller returns whose refresh token this is.
func (s *consents) seller(refreshToken string, now time.Time) *Account {
	t, _ := s.tokens.Get(refreshToken)
	if t == nil || !now.Before(t.Expires) {
		return nil
	}
	return t.account
}

// revoke takes back all that a seller has consented to.
func (s *consents) revoke(a *Account) {
	delete(s.sellers, a.Number)
	s.codes.DeleteFunc(func(c *consentCode) bool { return c.Account == a.Number })
	s.tokens.DeleteFunc(func(t *consentToken) bool { return t.Account == a.Number })
	s.states.DeleteFunc(func(t *appstoreState) bool { return t.Account == a.Number })
}

// redeem exchanges an authorization code for a refresh token, once; nil when the code is no good. Each consent gives a refresh token of
// its own, and the older ones stay good (developer-docs.amazon.com/sp-api/docs/lwa-credentials-faq). It wants u.mu held.
func (u *Authority) redeem(code, redirectURI string, now time.Time) (*Account, string) {
	if c, found := u.codes.Get(code); found {
		if !now.Before(c.expires) || c.redirectURI != redirectURI || c.account.revoked {
			return nil, ""
		}
		u.codes.Delete(code)
		return c.account, c.account.RefreshToken
	}
	c, _ := u.consents.codes.Get(code)
	// A redirect URI that the request for consent named must be named again, and the same (RFC 6749, 4.1.3).
	if c == nil || !now.Before(c.Expires) || c.RedirectURI != redirectURI && (c.Named || redirectURI != "") {
		return nil, ""
	}
	u.consents.codes.Delete(code)
	a := u.accounts[c.Account]
	token := "Atzr|IwEBI" + u.seed.Next("refresh token").Text(random.Base64URL, 320)
	u.consents.tokens.Sweep(now)
	u.consents.tokens.Put(token, &consentToken{Account: a.Number, Expires: now.Add(ConsentLifetime), account: a}, now.Add(ConsentLifetime))
	return a, token
}

// SetStatus publishes, lists or withdraws the application.
func (u *Authority) SetStatus(s ApplicationStatus) {
	u.mu.Lock()
	defer u.mu.Unlock()
	u.consents.Status = s
}

// SetRedirectURIs registers other redirect URIs, or none.
func (u *Authority) SetRedirectURIs(uris ...string) {
	u.mu.Lock()
	defer u.mu.Unlock()
	u.consents.Redirects = slices.Clone(uris)
}

// ConsentErrorHeader says what an error page says, for programs.
const ConsentErrorHeader = "X-Spapi-Emulator-Consent-Error"

// IsCentral tells whether a request is for Seller or Vendor Central, wherever it is served.
func IsCentral(x *exchange.Exchange) bool {
	return exchange.HostNamed(x.Name).Kind == exchange.CentralHost || isConsentPath(x.URL.Path) && x.Region() == ""
}

func isConsentPath(path string) bool {
	return path == consentPath || strings.HasPrefix(path, confirmPath) || strings.HasPrefix(path, StorePath)
}

// pageError is what a seller sees in place of a consent page.
type pageError struct {
	code string // Amazon's; "" where none is known
	text string // ours
}

// The error pages: developer-docs.amazon.com/sp-api/docs/authorization-errors and …/application-authorization-limits, and what developers met.
var (
	// Of an id that doesn't exist, too, and of a client id in its place: selling-partner-api-models#850, #2744, selling-partner-api-docs#191, #265.
	errDraft         = &pageError{"MD1000", "The application is a draft. Add version=beta to the authorization URI."}
	errUnknownApp    = &pageError{"MD1000", "There is no such application."}
	errRedirect      = &pageError{"MD5101", "The redirect URI is not one of the application's."}
	errNoURIs        = &pageError{"MD9100", "The application has no OAuth login URI or redirect URI."}
	errNotPrimary    = &pageError{"SPDC8143", "Only the primary user of the account can authorize applications."}
	errConsentLimit  = &pageError{"CONSENT_LIMIT_REACHED", "The application is not listed in the Appstore and has all the sellers that it may have."}
	errNoState       = &pageError{"", "The authorization URI has no state."}
	errNoSeller      = &pageError{"", "There is no such seller in the region of this site."}
	errAppstoreState = &pageError{"", "amazon_state is unknown, was used before or is too old."}

	errCentralMissing = &pageError{"", "There is no such page."}
)

// errorPages are those that emulator_consent asks for by their codes. The situations of some the emulator doesn't know, and what people tell of them
// differs.
var errorPages = []*pageError{errDraft, errRedirect, errNoURIs, errNotPrimary, errConsentLimit,
	{"MD5100", "The application isn't published, or not registered as it is asked for."},                    // selling-partner-api-docs#2021, #517
	{"MD4100", "The application can't be found for the account that is signed in."},                         // selling-partner-api-models#1754, #2204
	{"MD9000", "The developer is not eligible for new authorizations."},                                     // selling-partner-api-models#2158
	{"MD9999", "The application isn't published, and the account that is signed in isn't its developer's."}, // selling-partner-api-docs#533
}

// reply is the page. Its words are Amazon's (selling-partner-api-docs#2021) where it has a code, and the emulator's own below; the status is assumed.
func (p *pageError) reply(application string) answer.Reply {
	page := consentPage{Title: "We're sorry", Text: p.text}
	if p.code != "" {
		page = consentPage{Title: "Something went wrong", Code: p.code, Application: application, Note: p.text,
			Text: "We are sorry but we encountered an error while processing your request."}
	}
	r := page.reply(http.StatusBadRequest)
	r.Header[ConsentErrorHeader] = strings.TrimPrefix(p.code+": "+p.text, ": ")
	r.Reason = "consent: " + r.Header[ConsentErrorHeader]
	return r
}

// Central answers for Seller and Vendor Central.
func (u *Authority) Central(x *exchange.Exchange) answer.Reply {
	path := x.URL.Path
	if !isConsentPath(path) {
		r := errCentralMissing.reply("")
		r.Status = http.StatusNotFound
		return r
	}
	x.Operation = "central.consent"
	q := x.URL.Query()
	switch x.Method {
	case http.MethodPost:
		form, err := url.ParseQuery(string(x.Body))
		if err != nil {
			return errCentralMissing.reply("")
		}
		maps.Copy(q, form)
	case http.MethodGet, http.MethodHead:
	default:
		return answer.Reply{Status: http.StatusMethodNotAllowed, Header: map[string]string{"Allow": "GET, POST"}, Reason: "consent: pages take GET and POST only"}
	}
	u.mu.Lock()
	defer u.mu.Unlock()
	var location string
	var ask *consentPage
	var err *pageError
	application := q.Get("application_id")
	switch {
	case strings.HasPrefix(path, confirmPath):
		x.Operation = "central.confirm"
		application = strings.TrimPrefix(path, confirmPath)
		location, err = u.confirm(application, q, x.Now)
	case strings.HasPrefix(path, StorePath):
		x.Operation = "central.appstore"
		application = strings.TrimPrefix(path, StorePath)
		location, ask, err = u.appstore(x, application, q)
	default:
		location, ask, err = u.consent(x, q)
	}
	switch {
	case err != nil:
		return err.reply(application)
	case ask != nil:
		return ask.reply(http.StatusOK)
	}
	// No referrer: selling-partner-api-docs, developer guide, "Authorizing Selling Partner API applications".
	return answer.Reply{Status: http.StatusFound, Header: map[string]string{"Location": location, "Referrer-Policy": "no-referrer", "Cache-Control": "no-store"}}
}

// consent is the consent page of the website workflow.
func (u *Authority) consent(x *exchange.Exchange, q url.Values) (string, *consentPage, *pageError) {
	s := &u.consents
	if q.Get("application_id") != u.app.ID {
		return "", nil, errUnknownApp
	}
	if s.Status == ApplicationDraft && q.Get("version") != "beta" {
		return "", nil, errDraft
	}
	if q.Get("state") == "" {
		return "", nil, errNoState
	}
	redirect, err := s.redirect(q.Get("redirect_uri"))
	if err != nil {
		return "", nil, err
	}
	a, ask, err := u.askSeller(x, q, "grant access to your account")
	if ask != nil || err != nil {
		return "", ask, err
	}
	if a == nil {
		// How Amazon tells the website of a refusal is not documented: this is OAuth's way (RFC 6749, 4.1.2.1).
		return withQuery(redirect, "error", "access_denied", "state", q.Get("state")), nil, nil
	}
	location, err := u.grantConsent(a, redirect, q, x.Now)
	return location, nil, err
}

// appstore is the application's page in the Appstore.
func (u *Authority) appstore(x *exchange.Exchange, app string, q url.Values) (string, *consentPage, *pageError) {
	s := &u.consents
	switch {
	case app != u.app.ID:
		return "", nil, errUnknownApp
	case s.Status == ApplicationDraft && q.Get("version") != "beta":
		return "", nil, errDraft
	case s.Login == "":
		return "", nil, errNoURIs
	}
	a, ask, err := u.askSeller(x, q, "log in and authorize the application")
	if ask != nil || err != nil {
		return "", ask, err
	}
	if a == nil {
		return StorePath + app, nil, nil
	}
	state := u.seed.Next("amazon state").Text(random.Base64URL, 40)
	expires := x.Now.Add(appstoreStateLifetime)
	s.states.Sweep(x.Now)
	s.states.Put(state, &appstoreState{Account: a.Number, Beta: q.Get("version") == "beta", Expires: expires}, expires)
	callback := x.Origin() + confirmPath + app
	pairs := []string{"amazon_callback_uri", callback, "amazon_state", state, "selling_partner_id", a.ID}
	if q.Get("version") == "beta" {
		pairs = append(pairs, "version", "beta")
	}
	return withQuery(s.Login, pairs...), nil, nil
}

// confirm is the way back from the application's website in the Appstore's workflow.
func (u *Authority) confirm(app string, q url.Values, now time.Time) (string, *pageError) {
	s := &u.consents
	if app != u.app.ID {
		return "", errUnknownApp
	}
	t, _ := s.states.Get(q.Get("amazon_state"))
	if t == nil || !now.Before(t.Expires) {
		return "", errAppstoreState
	}
	if s.Status == ApplicationDraft && q.Get("version") != "beta" {
		return "", errDraft
	}
	if q.Get("state") == "" {
		return "", errNoState
	}
	redirect, err := s.redirect(q.Get("redirect_uri"))
	if err != nil {
		return "", err
	}
	s.states.Delete(q.Get("amazon_state"))
	return u.grantConsent(u.accounts[t.Account], redirect, q, now)
}

// grantConsent writes a seller's consent down and returns where the seller goes from there.
func (u *Authority) grantConsent(a *Account, redirect string, q url.Values, now time.Time) (string, *pageError) {
	s := &u.consents
	if s.Status != ApplicationListed && !s.sellers[a.Number] && len(s.sellers) >= MaxUnlistedSellers {
		return "", errConsentLimit
	}
	s.sellers[a.Number] = true
	s.codes.Sweep(now)
	code := "ANDX" + u.seed.Next("code").Text(random.Base36, 16)
	expires := now.Add(AuthorizationCodeLifetime)
	s.codes.Put(code, &consentCode{Account: a.Number, RedirectURI: redirect, Named: q.Get("redirect_uri") != "", Expires: expires}, expires)
	return withQuery(redirect, "state", q.Get("state"), "selling_partner_id", a.ID, "spapi_oauth_code", code), nil
}

// redirect finds the redirect URI to use: the one that was asked for, if it is registered, else the first.
func (s *consents) redirect(asked string) (string, *pageError) {
	if len(s.Redirects) == 0 {
		return "", errNoURIs
	}
	if asked == "" {
		return s.Redirects[0], nil
	}
	for _, registered := range s.Redirects {
		if asked == registered || sameLoopback(asked, registered) {
			return asked, nil
		}
	}
	return "", errRedirect
}

// sameLoopback compares loopback addresses without their ports, which programs on a desktop can't know beforehand (RFC 8252, 7.3).
func sameLoopback(asked, registered string) bool {
	a, errA := url.Parse(asked)
	r, errR := url.Parse(registered)
	if errA != nil || errR != nil || a.User != nil || a.Fragment != "" {
		return false
	}
	switch r.Hostname() {
	case "localhost", "127.0.0.1", "::1":
	default:
		return false
	}
	return a.Scheme == r.Scheme && a.Hostname() == r.Hostname() && (r.Path == "" || a.Path == r.Path)
}

// askSeller finds out who decides and how. It returns the page to be shown while nobody has decided, and neither page nor seller for a
// refusal.
func (u *Authority) askSeller(x *exchange.Exchange, q url.Values, what string) (*Account, *consentPage, *pageError) {
	host := exchange.HostNamed(x.Name)
	var sellers []*Account
	for _, a := range u.accounts {
		if host.Kind != exchange.CentralHost || a.Region == host.Region {
			sellers = append(sellers, a)
		}
	}
	if id := q.Get("emulator_seller"); id != "" {
		sellers = slices.DeleteFunc(sellers, func(a *Account) bool { return a.ID != id })
	}
	if len(sellers) == 0 {
		return nil, nil, errNoSeller
	}
	switch q.Get("emulator_consent") {
	case "approve":
		if q.Get("emulator_user") == "secondary" {
			return nil, nil, errNotPrimary
		}
		return sellers[0], nil, nil
	case "deny":
		return nil, nil, nil
	}
	for _, page := range errorPages {
		if page.code == q.Get("emulator_consent") {
			return nil, nil, page
		}
	}
	ask := &consentPage{Title: "Authorize an application", Text: "The application " + u.app.ID + " asks you to " + what + "."}
	for name := range format.SortedKeys(q) {
		if !strings.HasPrefix(name, "emulator_") {
			ask.Hidden = append(ask.Hidden, pageField{name, q.Get(name)})
		}
	}
	for _, a := range sellers {
		ask.Sellers = append(ask.Sellers, pageField{a.ID, a.StoreName})
	}
	return nil, ask, nil
}

// withQuery adds parameters to a URI that may have some.
func withQuery(uri string, pairs ...string) string {
	q := url.Values{}
	for i := 0; i < len(pairs); i += 2 {
		q.Set(pairs[i], pairs[i+1])
	}
	separator := "?"
	if strings.Contains(uri, "?") {
		separator = "&"
	}
	return uri + separator + q.Encode()
}

type pageField struct{ Name, Value string }

// consentPage is what a browser is shown.
type consentPage struct {
	Title, Text             string
	Application, Code, Note string // of an error
	Hidden, Sellers         []pageField
}

func (p consentPage) reply(status int) answer.Reply {
	var b bytes.Buffer
	p.write(&b)
	return answer.Reply{Status: status, ContentType: "text/html; charset=utf-8", Body: b.Bytes(), Header: map[string]string{
		"Referrer-Policy": "no-referrer", "Cache-Control": "no-store",
	}}
}

// write prints the page. Not with html/template: templates call methods by name, and so the linker would keep every method of the whole program.
func (p consentPage) write(b *bytes.Buffer) {
	// Texts stand between tags or in quoted values, where this is all that needs escaping; "+" for those who guess that a page is UTF-7, and a zero byte,
	// which HTML has no way to write, is a replacement character.
	rest := strings.NewReplacer("+", "&#43;", "\x00", "\uFFFD")
	line := func(format string, texts ...string) {
		escaped := make([]any, len(texts))
		for i, text := range texts {
			escaped[i] = rest.Replace(html.EscapeString(text))
		}
		fmt.Fprintf(b, format+"\n", escaped...)
	}
	line(`<!DOCTYPE html>`)
	line(`<html lang="en">`)
	line(`<head><meta charset="utf-8"><meta name="referrer" content="no-referrer"><title>%s</title></head>`, p.Title)
	line(`<body>`)
	line(`<h1>%s</h1>`, p.Title)
	line(`<p>%s</p>`, p.Text)
	if p.Code != "" {
		line(`<p>Please contact Selling Partner Support and provide them with the following information:</p>`)
		line(`<p>App ID: %s</p>`, p.Application)
		line(`<p>Error Code: %s</p>`, p.Code)
	}
	if p.Sellers != nil {
		line(`<form method="post">`)
		for _, f := range p.Hidden {
			line(`<input type="hidden" name="%s" value="%s">`, f.Name, f.Value)
		}
		line(`<p><label>Seller <select name="emulator_seller">`)
		for _, f := range p.Sellers {
			line(`<option value="%s">%s (%s)</option>`, f.Name, f.Value, f.Name)
		}
		line(`</select></label></p>`)
		line(`<p><label>User <select name="emulator_user"><option value="primary">primary</option><option value="secondary">secondary</option></select></label></p>`)
		line(`<p><button name="emulator_consent" value="approve">Confirm</button> <button name="emulator_consent" value="deny">Cancel</button></p>`)
		line(`</form>`)
	}
	line(`<p><small>%s</small></p>`, strings.TrimSpace("A page of the emulator, not of Amazon. "+p.Note))
	line(`</body>`)
	line(`</html>`)
}

// consentsState is what an export keeps of consents.
type consentsState struct {
	Status    ApplicationStatus         `json:"status"`
	Redirects []string                  `json:"redirects"`
	Login     string                    `json:"login,omitempty"`
	Sellers   []int                     `json:"sellers,omitempty"`
	Codes     map[string]*consentCode   `json:"codes,omitempty"`
	Tokens    map[string]*consentToken  `json:"tokens,omitempty"`
	States    map[string]*appstoreState `json:"states,omitempty"`
}

func (u *Authority) SaveConsents() any {
	u.mu.Lock()
	defer u.mu.Unlock()
	s := &u.consents
	return consentsState{s.Status, s.Redirects, s.Login, slices.Sorted(maps.Keys(s.sellers)), maps.Collect(s.codes.All()), maps.Collect(s.tokens.All()),
		maps.Collect(s.states.All())}
}

func (u *Authority) LoadConsents(raw json.RawMessage) error {
	var saved consentsState
	if err := json.Unmarshal(raw, &saved); err != nil {
		return err
	}
	u.mu.Lock()
	defer u.mu.Unlock()
	s := newConsents(Registration{saved.Status, saved.Redirects, true, saved.Login})
	known := func(number int) bool { return number >= 0 && number < len(u.accounts) }
	for _, n := range saved.Sellers {
		s.sellers[n] = true
	}
	for code, c := range saved.Codes {
		if c == nil || !known(c.Account) {
			return errors.New("code of an unknown account")
		}
		s.codes.Put(code, c, c.Expires)
	}
	for token, t := range saved.Tokens {
		if t == nil || !known(t.Account) {
			return errors.New("refresh token of an unknown account")
		}
		t.account = u.accounts[t.Account]
		s.tokens.Put(token, t, t.Expires)
	}
	for state, t := range saved.States {
		if t == nil || !known(t.Account) {
			return errors.New("state of an unknown account")
		}
		s.states.Put(state, t, t.Expires)
	}
	u.consents = s
	return nil
}
