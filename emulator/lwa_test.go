package emulator_test

import (
	"encoding/json"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"
)

func TestTokenEndpoint(t *testing.T) {
	c := newClient(t)
	cred := c.Credentials()
	good := func() url.Values {
		return url.Values{"grant_type": {"refresh_token"}, "refresh_token": {cred.RefreshToken}, "client_id": {cred.ClientID}, "client_secret": {cred.ClientSecret}}
	}
	with := func(pairs ...string) url.Values {
		v := good()
		for i := 0; i < len(pairs); i += 2 {
			if pairs[i+1] == "" {
				v.Del(pairs[i])
			} else {
				v.Set(pairs[i], pairs[i+1])
			}
		}
		return v
	}
	for _, test := range []struct {
		name   string
		form   url.Values
		status int
		code   string
		text   string
	}{
		{"refresh token", good(), 200, "", ""},
		{"grantless", with("grant_type", "client_credentials", "scope", "sellingpartnerapi::notifications"), 200, "", ""},
		{"two scopes", with("grant_type", "client_credentials", "scope", "sellingpartnerapi::notifications sellingpartnerapi::migration"), 200, "", ""},
		{"unknown refresh token", with("refresh_token", "Atzr|x"), 400, "invalid_grant", "The request has an invalid grant parameter : refresh_token. User may have revoked or didn't grant the permission."},
		{"wrong secret", with("client_secret", "x"), 401, "invalid_client", "Client authentication failed"},
		{"wrong client", with("client_id", "amzn1.application-oa2-client.x"), 401, "invalid_client", "Client authentication failed"},
		{"unknown grant", with("grant_type", "password"), 400, "unsupported_grant_type", "The authorization grant type is not supported by the authorization server"},
		{"no grant", with("grant_type", ""), 400, "unsupported_grant_type", ""},
		{"no client", with("client_id", ""), 400, "invalid_request", "The request is missing a required parameter : client_id"},
		{"no refresh token", with("refresh_token", ""), 400, "invalid_request", ""},
		{"unknown scope", with("grant_type", "client_credentials", "scope", "profile"), 400, "invalid_scope", ""},
		{"unknown code", with("grant_type", "authorization_code", "code", "ANDX"), 400, "invalid_grant", "The request has an invalid grant parameter : code"},
		{"a parameter twice", url.Values{"grant_type": {"refresh_token", "refresh_token"}, "refresh_token": {cred.RefreshToken}, "client_id": {cred.ClientID}, "client_secret": {cred.ClientSecret}}, 400, "invalid_request", "Malformed request"},
		{"nothing", url.Values{}, 400, "invalid_request", "Malformed request"},
	} {
		t.Run(test.name, func(t *testing.T) {
			r := c.form(test.form)
			if r.status != test.status || r.text("error") != test.code || test.text != "" && r.text("error_description") != test.text {
				t.Errorf("%d %s; want %d %s %s", r.status, r.body, test.status, test.code, test.text)
			}
			if r.header.Get("Cache-Control") != "no-cache, no-store, must-revalidate" {
				t.Errorf("Cache-Control: %q", r.header.Get("Cache-Control"))
			}
			if r.status == 200 && (r.text("token_type") != "bearer" || r.path("expires_in") != json.Number("3600")) {
				t.Errorf("answer %s", r.body)
			}
			// The same as JSON gives the same.
			fields := map[string]string{}
			for k, v := range test.form {
				fields[k] = v[0]
			}
			b, _ := json.Marshal(fields)
			if test.name == "a parameter twice" {
				return // JSON has none
			}
			j := c.do("POST", tokenURL, http.Header{"Content-Type": {"application/json"}}, string(b))
			if j.status != test.status && len(fields) > 0 {
				t.Errorf("as JSON: %d %s", j.status, j.body)
			}
		})
	}
	if r := c.form(good()); r.text("refresh_token") != cred.RefreshToken || !strings.HasPrefix(r.text("access_token"), "Atza|") {
		t.Errorf("the refresh token is not echoed: %s", r.body)
	}
	if r := c.do("GET", tokenURL, nil, ""); r.status != 405 {
		t.Errorf("GET: %d", r.status)
	}
	if r := c.do("POST", tokenURL, http.Header{"Content-Type": {"application/json"}}, "{"); r.status != 400 {
		t.Errorf("broken JSON: %d", r.status)
	}
}

func TestAuthorizationCode(t *testing.T) {
	c := newClient(t)
	cred := c.Credentials()
	exchange := func(code, redirect string) result {
		return c.form(url.Values{"grant_type": {"authorization_code"}, "code": {code}, "redirect_uri": {redirect}, "client_id": {cred.ClientID}, "client_secret": {cred.ClientSecret}})
	}
	code := c.AuthorizationCode(cred.RefreshToken, "https://app.example/callback")
	if r := exchange(code, "https://evil.example/"); r.status != 400 {
		t.Errorf("wrong redirect: %d", r.status)
	}
	if r := exchange(code, "https://app.example/callback"); r.status != 200 || r.text("refresh_token") != cred.RefreshToken {
		t.Errorf("exchange: %d %s", r.status, r.body)
	}
	if r := exchange(code, "https://app.example/callback"); r.status != 400 {
		t.Errorf("second exchange: %d", r.status)
	}
	code = c.AuthorizationCode(cred.RefreshToken, "https://app.example/callback")
	c.clock.advance(5 * time.Minute)
	if r := exchange(code, "https://app.example/callback"); r.status != 400 {
		t.Errorf("after five minutes: %d", r.status)
	}
	if c.AuthorizationCode("Atzr|x", "") != "" {
		t.Error("code for an unknown seller")
	}
}

func TestSecretRotation(t *testing.T) {
	c := newClient(t)
	old := c.Credentials()
	c.ExpireSecret()
	if r := c.get("/sellers/v1/account"); r.status != 403 || r.text("errors", 0, "details") != "The LWA secret token you provided has expired." {
		t.Errorf("overdue secret: %d %s", r.status, r.body)
	}
	fresh := c.RotateSecret()
	if fresh == old.ClientSecret || c.Credentials().ClientSecret != fresh {
		t.Fatal("secret not changed")
	}
	ask := func(secret string) int {
		return c.form(url.Values{"grant_type": {"refresh_token"}, "refresh_token": {old.RefreshToken}, "client_id": {old.ClientID}, "client_secret": {secret}}).status
	}
	if s := ask(fresh); s != 200 {
		t.Errorf("new secret: %d", s)
	}
	if s := ask(old.ClientSecret); s != 200 {
		t.Errorf("old secret on the first day: %d", s)
	}
	c.clock.advance(7 * 24 * time.Hour)
	if s := ask(old.ClientSecret); s != 401 {
		t.Errorf("old secret after seven days: %d", s)
	}
}
