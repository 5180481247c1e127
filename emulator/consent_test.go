package emulator

import (
	"fmt"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/openspapi/spapi/emulator/internal/auth"
	"github.com/openspapi/spapi/emulator/internal/world"
	"github.com/openspapi/spapi/marketplace"
)

const (
	usCentral = "https://sellercentral.amazon.com/apps/authorize/consent"
	website   = "https://app.example.com/callback"
)

// consentURL is where a website sends a seller.
func (s *shop) consentURL(base string, pairs ...string) string {
	q := url.Values{"application_id": {s.Credentials().ApplicationID}, "state": {"s 1&2"}}
	for i := 0; i < len(pairs); i += 2 {
		if q.Set(pairs[i], pairs[i+1]); pairs[i+1] == "" {
			q.Del(pairs[i])
		}
	}
	return base + "?" + q.Encode()
}

// exchange trades an authorization code in.
func (s *shop) exchange(code, redirectURI string) response {
	s.t.Helper()
	cred := s.Credentials()
	form := url.Values{"grant_type": {"authorization_code"}, "code": {code}, "client_id": {cred.ClientID}, "client_secret": {cred.ClientSecret}}
	if redirectURI != "" {
		form.Set("redirect_uri", redirectURI)
	}
	return s.lwa(form)
}

// callback reads the address to which a seller came back.
func callback(t *testing.T, location string) url.Values {
	t.Helper()
	u, err := url.Parse(location)
	if err != nil {
		t.Fatal(err)
	}
	return u.Query()
}

func TestWebsiteAuthorization(t *testing.T) {
	s := newShop(t, WithRedirectURIs(website, "https://app.example.com/other?x=1"))
	seller := s.Credentials().SellerID
	// The page asks, and hands on what it was asked with.
	page := s.send("GET", s.consentURL(usCentral, "redirect_uri", website), "", "")
	if page.status != 200 || page.header.Get("Content-Type") != "text/html; charset=utf-8" || page.header.Get("Referrer-Policy") != "no-referrer" ||
		!strings.Contains(page.body, `value="s 1&amp;2"`) || !strings.Contains(page.body, seller) {
		t.Errorf("page: %d %v %s", page.status, page.header, page.body)
	}
	// The browser sends its form.
	form := url.Values{"application_id": {s.Credentials().ApplicationID}, "state": {"s 1&2"}, "redirect_uri": {website}, "emulator_seller": {seller}, "emulator_consent": {"approve"}, "emulator_user": {"primary"}}
	posted := s.send("POST", usCentral, "", form.Encode())
	if posted.status != 302 || !strings.HasPrefix(posted.header.Get("Location"), website+"?") {
		t.Fatalf("approval: %d %v %s", posted.status, posted.header, posted.body)
	}
	q := callback(t, posted.header.Get("Location"))
	if q.Get("state") != "s 1&2" || q.Get("selling_partner_id") != seller || !strings.HasPrefix(q.Get("spapi_oauth_code"), "ANDX") {
		t.Errorf("callback %v", q)
	}
	code := q.Get("spapi_oauth_code")
	s.want("another redirect URI", s.exchange(code, "https://app.example.com/other?x=1"), 400, "invalid_grant")
	s.want("no redirect URI", s.exchange(code, ""), 400, "invalid_grant")
	tokens := s.exchange(code, website)
	s.want("exchange", tokens, 200, "Atzr|")
	s.want("second exchange", s.exchange(code, website), 400, "The request has an invalid grant parameter : code")
	refresh := tokens.text("refresh_token")
	if refresh == s.Credentials().RefreshToken {
		t.Error("the consent gave the old refresh token")
	}
	s.token = tokens.text("access_token")
	s.want("access token", s.get("/sellers/v1/account"), 200, "payload")
	// Both refresh tokens are good, and are echoed.
	use := func(token string) response {
		cred := s.Credentials()
		return s.lwa(url.Values{"grant_type": {"refresh_token"}, "refresh_token": {token}, "client_id": {cred.ClientID}, "client_secret": {cred.ClientSecret}})
	}
	for _, token := range []string{refresh, s.Credentials().RefreshToken} {
		if r := use(token); r.status != 200 || r.text("refresh_token") != token {
			t.Errorf("refresh: %d %s", r.status, r.body)
		}
	}
	// A redirect URI that has a query keeps it.
	location, err := s.Authorize(s.consentURL(usCentral, "redirect_uri", "https://app.example.com/other?x=1"), seller)
	if err != nil || !strings.HasPrefix(location, "https://app.example.com/other?x=1&") {
		t.Errorf("%s, %v", location, err)
	}
	// Without redirect_uri the first one counts, and need not be said at the exchange.
	location, err = s.Authorize(s.consentURL(usCentral), seller)
	if err != nil || !strings.HasPrefix(location, website+"?") {
		t.Errorf("%s, %v", location, err)
	}
	s.want("exchange without redirect URI", s.exchange(callback(t, location).Get("spapi_oauth_code"), ""), 200, "Atzr|")
	// Codes are good for five minutes, authorizations for a year.
	location, _ = s.Authorize(s.consentURL(usCentral), seller)
	s.Advance(5 * time.Minute)
	s.want("old code", s.exchange(callback(t, location).Get("spapi_oauth_code"), ""), 400, "invalid_grant")
	s.Advance(auth.ConsentLifetime)
	s.want("after a year", use(refresh), 400, "invalid_grant")
	s.want("self-authorized", use(s.Credentials().RefreshToken), 200, "Atza|")
	// Revoked is revoked, until the next consent.
	location, _ = s.Authorize(s.consentURL(usCentral), seller)
	refresh = s.exchange(callback(t, location).Get("spapi_oauth_code"), "").text("refresh_token")
	location, _ = s.Authorize(s.consentURL(usCentral), seller)
	if !s.RevokeRefreshToken(refresh) {
		t.Error("not revoked")
	}
	s.want("revoked", use(refresh), 400, "invalid_grant")
	s.want("revoked code", s.exchange(callback(t, location).Get("spapi_oauth_code"), ""), 400, "invalid_grant")
	location, _ = s.Authorize(s.consentURL(usCentral), seller)
	refresh = s.exchange(callback(t, location).Get("spapi_oauth_code"), "").text("refresh_token")
	s.want("new consent", use(refresh), 200, "Atza|")
}

func TestConsentPages(t *testing.T) {
	s := newShop(t, WithRedirectURIs(website), WithLoginURI("https://app.example.com/login"))
	european, err := s.AddAccount(AccountConfig{Region: marketplace.Europe})
	if err != nil {
		t.Fatal(err)
	}
	approve := []string{"emulator_consent", "approve"}
	for _, test := range []struct {
		name, url string
		status    int
		part      string
		before    func()
	}{
		{"good", s.consentURL(usCentral, approve...), 302, "", nil},
		{"vendor central", s.consentURL("https://vendorcentral.amazon.com/apps/authorize/consent", approve...), 302, "", nil},
		{"europe", s.consentURL("https://sellercentral-europe.amazon.com/apps/authorize/consent", approve...), 302, european.SellerID, nil},
		{"own address", s.consentURL("http://127.0.0.1:8080/apps/authorize/consent", approve...), 302, "", nil},
		{"beta of a published application", s.consentURL(usCentral, append(approve, "version", "beta")...), 302, "", nil},
		{"refused", s.consentURL(usCentral, "emulator_consent", "deny"), 302, "error=access_denied", nil},
		{"japan has no seller", s.consentURL("https://sellercentral.amazon.co.jp/apps/authorize/consent", approve...), 400, "no such seller", nil},
		{"seller of another region", s.consentURL(usCentral, append(approve, "emulator_seller", european.SellerID)...), 400, "no such seller", nil},
		{"other application", s.consentURL(usCentral, append(approve, "application_id", "amzn1.sp.solution.x")...), 400, "MD1000", nil},
		{"an error page by its code", s.consentURL(usCentral, "emulator_consent", "MD4100"), 400, "MD4100", nil},
		{"no state", s.consentURL(usCentral, append(approve, "state", "")...), 400, "state", nil},
		{"redirect URI", s.consentURL(usCentral, append(approve, "redirect_uri", website+"/")...), 400, "MD5101", nil},
		{"secondary user", s.consentURL(usCentral, append(approve, "emulator_user", "secondary")...), 400, "SPDC8143", nil},
		{"another page", "https://sellercentral.amazon.com/home", 404, "no such page", nil},
		{"not at SP-API", s.consentURL(na0+"/apps/authorize/consent", approve...), 403, "Unauthorized", nil},
		{"draft", s.consentURL(usCentral, approve...), 400, "MD1000", func() { s.SetApplicationStatus(auth.ApplicationDraft) }},
		{"draft with beta", s.consentURL(usCentral, append(approve, "version", "beta")...), 302, "", nil},
		{"no URIs", s.consentURL(usCentral, append(approve, "version", "beta")...), 400, "MD9100", func() { s.SetRedirectURIs() }},
	} {
		if test.before != nil {
			test.before()
		}
		a := s.send("GET", test.url, "", "")
		if text := a.header.Get("Location") + a.body; a.status != test.status || !strings.Contains(text, test.part) {
			t.Errorf("%s: %d %s, want %d with %s", test.name, a.status, text, test.status, test.part)
		}
		if a.status == 400 && !strings.Contains(a.header.Get(auth.ConsentErrorHeader), test.part) {
			t.Errorf("%s: header %q", test.name, a.header.Get(auth.ConsentErrorHeader))
		}
	}
	if _, err := s.Authorize(s.consentURL(usCentral), s.Credentials().SellerID); err == nil || !strings.Contains(err.Error(), "MD1000") {
		t.Errorf("Authorize: %v, want MD1000", err)
	}
	if a := s.send("DELETE", s.consentURL(usCentral), "", ""); a.status != 405 {
		t.Errorf("DELETE: %d", a.status)
	}
}

const na0 = "https://sellingpartnerapi-na.amazon.com"

func TestLoopbackRedirects(t *testing.T) {
	s := newShop(t)
	for uri, good := range map[string]bool{
		"http://127.0.0.1:49152/callback": true, "http://localhost:3000": true, "http://localhost/any/path": true,
		"https://localhost:3000": false, "http://127.0.0.1.example.com/": false, "http://user@localhost/": false, "https://app.example.com/": false, "http://localhost/#x": false,
	} {
		_, err := s.Authorize(s.consentURL(usCentral, "redirect_uri", uri), s.Credentials().SellerID)
		if (err == nil) != good {
			t.Errorf("%s: %v", uri, err)
		}
	}
	s.SetRedirectURIs("http://127.0.0.1:1/cb")
	for uri, good := range map[string]bool{"http://127.0.0.1:2/cb": true, "http://127.0.0.1:2/other": false, "http://localhost:1/cb": false} {
		_, err := s.Authorize(s.consentURL(usCentral, "redirect_uri", uri), s.Credentials().SellerID)
		if (err == nil) != good {
			t.Errorf("%s: %v", uri, err)
		}
	}
}

func TestBadConsentOptions(t *testing.T) {
	for name, opt := range map[string]Option{
		"status": WithApplicationStatus("famous"), "relative URI": WithRedirectURIs("/callback"), "empty URI": WithRedirectURIs(website, ""),
		"scheme": WithRedirectURIs("app://callback"), "login": WithLoginURI("login"),
	} {
		if _, err := New(opt); err == nil || !strings.HasPrefix(err.Error(), "emulator: ") {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestConsentLimit(t *testing.T) {
	s := newShop(t)
	var last string
	for i := range auth.MaxUnlistedSellers + 1 {
		cred, err := s.AddAccount(AccountConfig{})
		if err != nil {
			t.Fatal(err)
		}
		last = cred.SellerID
		_, err = s.Authorize(s.consentURL(usCentral), last)
		if full := i == auth.MaxUnlistedSellers; (err != nil) != full || full && !strings.Contains(err.Error(), "CONSENT_LIMIT_REACHED") {
			t.Fatalf("seller %d: %v", i+1, err)
		}
	}
	s.SetApplicationStatus(auth.ApplicationListed)
	if _, err := s.Authorize(s.consentURL(usCentral), last); err != nil {
		t.Errorf("listed: %v", err)
	}
}

func TestAppstoreAuthorization(t *testing.T) {
	s := newShop(t, WithRedirectURIs(website), WithLoginURI("https://app.example.com/login?from=amazon"))
	seller := s.Credentials().SellerID
	login, err := s.AuthorizeFromAppstore(seller)
	if err != nil || !strings.HasPrefix(login, "https://app.example.com/login?from=amazon&") {
		t.Fatalf("%s, %v", login, err)
	}
	q := callback(t, login)
	back := q.Get("amazon_callback_uri")
	if want := "https://sellercentral.amazon.com/apps/authorize/confirm/" + s.Credentials().ApplicationID; back != want || q.Get("selling_partner_id") != seller || q.Get("amazon_state") == "" {
		t.Errorf("login URI with %v, want callback %s", q, want)
	}
	confirm := func(state string, pairs ...string) response {
		v := url.Values{"amazon_state": {state}, "state": {"mine"}}
		for i := 0; i < len(pairs); i += 2 {
			v.Set(pairs[i], pairs[i+1])
		}
		return s.send("GET", back+"?"+v.Encode(), "", "")
	}
	s.want("wrong redirect URI", confirm(q.Get("amazon_state"), "redirect_uri", "https://evil.example.com"), 400, "MD5101")
	a := confirm(q.Get("amazon_state"), "redirect_uri", website)
	r := callback(t, a.header.Get("Location"))
	if a.status != 302 || r.Get("state") != "mine" || r.Get("selling_partner_id") != seller {
		t.Errorf("%d %v", a.status, a.header)
	}
	s.want("exchange", s.exchange(r.Get("spapi_oauth_code"), website), 200, "Atzr|")
	s.want("used state", confirm(q.Get("amazon_state")), 400, "amazon_state")
	s.want("unknown state", confirm("x"), 400, "amazon_state")
	login, _ = s.AuthorizeFromAppstore(seller)
	s.Advance(10 * time.Minute)
	s.want("old state", confirm(callback(t, login).Get("amazon_state")), 400, "amazon_state")
	// On a port, the way back is there, too.
	store := "http://127.0.0.1:8080/apps/store/dp/" + s.Credentials().ApplicationID
	s.want("page", s.send("GET", store, "", ""), 200, "Authorize an application")
	a = s.send("GET", store+"?emulator_consent=approve&version=beta", "", "")
	if q := callback(t, a.header.Get("Location")); !strings.HasPrefix(q.Get("amazon_callback_uri"), "http://127.0.0.1:8080/apps/authorize/confirm/") || q.Get("version") != "beta" {
		t.Errorf("%d %v", a.status, a.header)
	}
	without := newShop(t)
	if _, err := without.AuthorizeFromAppstore(without.Credentials().SellerID); err == nil || !strings.Contains(err.Error(), "MD9100") {
		t.Errorf("without a login URI: %v", err)
	}
}

// TestMarketStateTravels exports what the flows remember, and finds the same after an import.
func TestMarketStateTravels(t *testing.T) {
	opts := []Option{WithRedirectURIs(website), WithLoginURI("https://app.example.com/login"), WithCredentialQueue("arn:aws:sqs:us-east-1:1:secrets")}
	s := newShop(t, opts...)
	seller := s.Credentials().SellerID
	location, err := s.Authorize(s.consentURL(usCentral), seller)
	if err != nil {
		t.Fatal(err)
	}
	refresh := s.exchange(callback(t, location).Get("spapi_oauth_code"), "").text("refresh_token")
	location, _ = s.Authorize(s.consentURL(usCentral), seller)
	code := callback(t, location).Get("spapi_oauth_code")
	s.want("rotation", s.send("POST", s.host+"/applications/2023-11-30/clientSecret", s.grantless("sellingpartnerapi::client_credential:rotation"), ""), 204, "")
	s.refresh()
	token := s.grantless("sellingpartnerapi::notifications")
	destination := s.send("POST", s.host+"/notifications/v1/destinations", token, `{"name":"n","resourceSpecification":{"sqs":{"arn":"arn:aws:sqs:us-east-1:1:q"}}}`).text("payload", "destinationId")
	s.want("subscription", s.post("/notifications/v1/subscriptions/ORDER_CHANGE", fmt.Sprintf(`{"payloadVersion":"1.0","destinationId":%q,"processingDirective":{"filterExpression":"a"}}`, destination)), 200, "subscriptionId")
	o := s.orderWhere("shipped a while ago", func(o *world.Order) bool {
		return o.Status(s.Now()) == world.Shipped && s.Now().Sub(o.Purchased) > days(15) && s.Now().Sub(o.Purchased) < days(30)
	})
	s.want("solicitation", s.post("/solicitations/v1/orders/"+o.ID+"/solicitations/productReviewAndSellerFeedback?marketplaceIds="+o.Marketplace.ID, ""), 201, "")
	state, err := s.Export()
	if err != nil {
		t.Fatal(err)
	}
	other := newShop(t)
	if err := other.Import(state); err != nil {
		t.Fatal(err)
	}
	other.token = s.token
	for _, path := range []string{"/notifications/v1/subscriptions/ORDER_CHANGE", "/solicitations/v1/orders/" + o.ID + "?marketplaceIds=" + o.Marketplace.ID} {
		if a, b := s.get(path), other.get(path); a.status != 200 || a.body != b.body {
			t.Errorf("%s: %s, after the import %s", path, a.body, b.body)
		}
	}
	if n := len(other.Messages(seller)); n != 1 {
		t.Errorf("%d messages", n)
	}
	if a, b := s.Deliveries(), other.Deliveries(); len(a) != 1 || len(b) != 1 || string(a[0].Body) != string(b[0].Body) {
		t.Errorf("deliveries %s and %s", a, b)
	}
	if other.desk.Auth.SellerOf(refresh) != other.desk.Seller(0).Account {
		t.Error("the refresh token is unknown")
	}
	if a, b := s.exchange(code, ""), other.exchange(code, ""); a.status != 200 || a.text("refresh_token") != b.text("refresh_token") {
		t.Errorf("exchange: %s, after the import %s", a.body, b.body)
	}
	other.Reset()
	if len(other.Deliveries()) != 0 || len(other.Messages(seller)) != 0 || other.desk.Auth.SellerOf(refresh) != nil {
		t.Error("a reset leaves something behind")
	}
}
