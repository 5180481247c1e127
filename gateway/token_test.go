package gateway

import (
	"encoding/base64"
	"encoding/json"
	"log/slog"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/openspapi/spapi/emulator"
)

// What clients send, as their code has it.
func TestTokenRequestsOfClients(t *testing.T) {
	h := newHanded(t)
	secret := h.keys["reader"]
	jsonBody := func(members ...string) string {
		m := map[string]string{}
		for i := 0; i < len(members); i += 2 {
			m[members[i]] = members[i+1]
		}
		b, _ := json.Marshal(m)
		return string(b)
	}
	form := url.Values{"grant_type": {"refresh_token"}, "client_id": {"amzn1.x"}, "refresh_token": {"shop"}, "client_secret": {secret}}
	grantless := url.Values{"grant_type": {"client_credentials"}, "client_id": {"amzn1.x"}, "scope": {"sellingpartnerapi::notifications"}, "client_secret": {secret}}
	bare := url.Values{"grant_type": {"refresh_token"}, "refresh_token": {"shop"}}
	basic := "Basic " + base64.StdEncoding.EncodeToString([]byte("amzn1.x:"+secret))
	const formType = "application/x-www-form-urlencoded"
	for name, c := range map[string]struct {
		body, kind string
		headers    []string
		grantless  bool
	}{
		"npm amazon-sp-api: JSON": {body: jsonBody("client_id", "amzn1.x", "client_secret", secret, "grant_type", "refresh_token", "refresh_token", "shop"),
			kind: "application/json"},
		"npm amazon-sp-api, grantless": {body: jsonBody("client_id", "amzn1.x", "client_secret", secret, "grant_type", "client_credentials", "scope",
			"sellingpartnerapi::notifications"), kind: "application/json", grantless: true},
		"jlevers/selling-partner-api: JSON": {body: jsonBody("grant_type", "refresh_token", "client_id", "amzn1.x", "client_secret", secret, "refresh_token", "shop"),
			kind: "application/json"},
		"@sp-api-sdk/auth: JSON of axios": {body: jsonBody("client_id", "amzn1.x", "client_secret", secret, "grant_type", "refresh_token", "refresh_token", "shop"),
			kind: "application/json", headers: []string{"Accept", "application/json, text/plain, */*"}},
		"official SDK, Java: JSON":             {body: jsonBody("grant_type", "refresh_token", "client_id", "a", "client_secret", secret, "refresh_token", "shop"), kind: "application/json; charset=utf-8"},
		"official SDK, JavaScript: form":       {body: form.Encode(), kind: formType},
		"python-amazon-sp-api: form":           {body: form.Encode(), kind: formType + ";charset=UTF-8"},
		"python-amazon-sp-api, grantless":      {body: grantless.Encode(), kind: formType, grantless: true},
		"curl -d":                              {body: form.Encode(), kind: formType},
		"no content type":                      {body: form.Encode()},
		"HTTP Basic":                           {body: bare.Encode(), kind: formType, headers: []string{"Authorization", basic}},
		"HTTP Basic and the same in the form":  {body: form.Encode(), kind: formType, headers: []string{"Authorization", basic}},
		"a refresh token that must look so":    {body: strings.Replace(form.Encode(), "=shop", "=Atzr%7Cshop", 1), kind: formType},
		"the default account, null in members": {body: `{"grant_type":"refresh_token","client_secret":"` + secret + `","refresh_token":"shop","scope":null}`, kind: "application/json"},
	} {
		w := h.do("POST", tokenEndpoint, c.body, append([]string{"Content-Type", c.kind}, c.headers...)...)
		var g granted
		if err := json.Unmarshal(w.Body.Bytes(), &g); err != nil || w.Code != 200 || g.TokenType != "bearer" || g.ExpiresIn != 3600 || len(g.AccessToken) > 2048 {
			t.Errorf("%s: %d %s", name, w.Code, w.Body)
			continue
		}
		prefix := accessPrefix
		if c.grantless {
			prefix = grantlessPrefix
		}
		if !strings.HasPrefix(g.AccessToken, prefix) || (g.Scope == "") == c.grantless || (g.RefreshToken == "") != c.grantless {
			t.Errorf("%s: %s", name, w.Body)
		}
		if got := w.Header().Get("Cache-Control"); !strings.Contains(got, "no-store") {
			t.Errorf("%s: Cache-Control %q", name, got)
		}
		if w = h.do("GET", "/sellers/v1/marketplaceParticipations", "", "x-amz-access-token", g.AccessToken, "X-Spapi-Account", "shop"); w.Code != 200 {
			t.Errorf("%s: the token: %d %s", name, w.Code, w.Body)
		}
	}
}

// Refusals have the status and the code of Login with Amazon's.
func TestTokenRefusals(t *testing.T) {
	h := newHanded(t)
	ok := url.Values{"grant_type": {"refresh_token"}, "client_id": {"x"}, "refresh_token": {"shop"}, "client_secret": {h.keys["reader"]}}
	with := func(pairs ...string) string {
		v := url.Values{}
		for name, values := range ok {
			v[name] = values
		}
		for i := 0; i < len(pairs); i += 2 {
			if v.Set(pairs[i], pairs[i+1]); pairs[i+1] == "" {
				v.Del(pairs[i])
			}
		}
		return v.Encode()
	}
	const formType = "application/x-www-form-urlencoded"
	for name, c := range map[string]struct {
		method, body, kind string
		status             int
		code               string
		headers            []string
	}{
		"GET":                          {method: "GET", status: 405, code: "invalid_request"},
		"no body":                      {status: 400, code: "invalid_request"},
		"no grant type":                {body: with("grant_type", ""), status: 400, code: "unsupported_grant_type"},
		"password":                     {body: with("grant_type", "password"), status: 400, code: "unsupported_grant_type"},
		"authorization code":           {body: with("grant_type", "authorization_code", "code", "x"), status: 400, code: "unsupported_grant_type"},
		"no secret":                    {body: with("client_secret", ""), status: 400, code: "invalid_request"},
		"no refresh token":             {body: with("refresh_token", ""), status: 400, code: "invalid_request"},
		"no scope":                     {body: with("grant_type", "client_credentials"), status: 400, code: "invalid_request"},
		"no key":                       {body: with("client_secret", "amzn1.oa2-cs.v1.x"), status: 401, code: "invalid_client"},
		"key of a wrong secret":        {body: with("client_secret", h.keys["reader"][:len(h.keys["reader"])-1]+"_"), status: 401, code: "invalid_client"},
		"account beyond the scope":     {body: with("refresh_token", "other"), status: 400, code: "invalid_grant"},
		"account that there isn't":     {body: with("refresh_token", "nowhere"), status: 400, code: "invalid_grant"},
		"a parameter twice":            {body: with() + "&client_secret=" + h.keys["clerk"], status: 400, code: "invalid_request"},
		"broken form":                  {body: "grant_type=%zz", status: 400, code: "invalid_request"},
		"broken JSON":                  {body: "{", kind: "application/json", status: 400, code: "invalid_request"},
		"JSON list":                    {body: "[]", kind: "application/json", status: 400, code: "invalid_request"},
		"number in JSON":               {body: `{"grant_type":1}`, kind: "application/json", status: 400, code: "invalid_request"},
		"parameters in the query only": {body: "", status: 400, code: "invalid_request"},
		"huge":                         {body: with("client_id", strings.Repeat("x", maxTokenRequest)), status: 400, code: "invalid_request"},
		"two secrets": {body: with(), status: 400, code: "invalid_request",
			headers: []string{"Authorization", "Basic " + base64.StdEncoding.EncodeToString([]byte("x:"+h.keys["clerk"]))}},
		"broken Basic": {body: with(), status: 400, code: "invalid_request", headers: []string{"Authorization", "Basic !"}},
	} {
		if c.method == "" {
			c.method = "POST"
		}
		if c.kind == "" {
			c.kind = formType
		}
		w := h.do(c.method, tokenEndpoint+"?client_secret=x", c.body, append([]string{"Content-Type", c.kind}, c.headers...)...)
		if got := field[string](t, w.Body.Bytes(), "error"); w.Code != c.status || got != c.code || field[string](t, w.Body.Bytes(), "error_description") == "" {
			t.Errorf("%s: got %d %s, want %d %s", name, w.Code, w.Body, c.status, c.code)
		}
		if strings.Contains(w.Body.String(), h.keys["reader"]) {
			t.Errorf("%s shows the key", name)
		}
	}
	// An account beyond the scope and one that there isn't are told alike.
	beyond, nowhere := h.do("POST", tokenEndpoint, with("refresh_token", "other"), "Content-Type", formType), h.do("POST", tokenEndpoint, with("refresh_token", "nowhere"), "Content-Type", formType)
	if beyond.Body.String() != nowhere.Body.String() {
		t.Errorf("%s is not %s", beyond.Body, nowhere.Body)
	}
	if told := h.tells(); strings.Contains(told, h.keys["reader"]) || strings.Contains(told, "amzn1.oa2-cs") {
		t.Error("a secret is in the log, the audit or the metrics")
	}
	if got := h.audit.of("gateway.token"); len(got) == 0 {
		t.Error("no record of requests for tokens")
	}
}

const participations = "/sellers/v1/marketplaceParticipations"

func TestTokenEnds(t *testing.T) {
	t.Run("after an hour", func(t *testing.T) {
		h := newHanded(t)
		token := h.login("reader", "shop")
		h.emu.Advance(tokenLifetime - time.Second)
		wants(t, h.do("GET", participations, "", "x-amz-access-token", token), 200, "payload")
		h.emu.Advance(time.Second)
		w := h.do("GET", participations, "", "x-amz-access-token", token)
		wants(t, w, 403, "The access token you provided has expired.")
	})
	t.Run("with its key", func(t *testing.T) {
		h := newHanded(t)
		h.addKey("brief", Key{Scope: Scope{Accounts: []string{"*"}, Operations: []string{"*"}}, Expires: h.emu.Now().Add(10 * time.Minute)})
		form := url.Values{"grant_type": {"refresh_token"}, "client_secret": {h.keys["brief"]}, "refresh_token": {"shop"}}
		w := h.do("POST", tokenEndpoint, form.Encode(), "Content-Type", "application/x-www-form-urlencoded")
		if got := field[int](t, w.Body.Bytes(), "expires_in"); got != 600 {
			t.Errorf("expires_in %d, want 600", got)
		}
		token := field[string](t, w.Body.Bytes(), "access_token")
		wants(t, h.do("GET", participations, "", "x-amz-access-token", token), 200, "")
		h.emu.Advance(10 * time.Minute)
		if w := h.do("GET", participations, "", "x-amz-access-token", token); w.Code == 200 {
			t.Error("it outlives the key")
		}
	})
	t.Run("when the key is revoked", func(t *testing.T) {
		h := newHanded(t)
		token := h.login("reader", "shop")
		h.revoke("reader")
		if w := h.do("GET", participations, "", "x-amz-access-token", token); w.Code == 200 {
			t.Error("it outlives the key")
		}
		form := url.Values{"grant_type": {"refresh_token"}, "client_secret": {h.keys["reader"]}, "refresh_token": {"shop"}}
		wants(t, h.do("POST", tokenEndpoint, form.Encode(), "Content-Type", "application/x-www-form-urlencoded"), 401, "invalid_client")
	})
	t.Run("while the caller is blocked", func(t *testing.T) {
		h := newHanded(t)
		token := h.login("reader", "shop")
		_ = h.state.Update(t.Context(), func(r *Records) error {
			r.Blocks = append(r.Blocks, Block{Caller: "reader", Since: h.emu.Now()})
			return nil
		})
		h.reload()
		if w := h.do("GET", participations, "", "x-amz-access-token", token); w.Code != 403 {
			t.Errorf("%d %s", w.Code, w.Body)
		}
		form := url.Values{"grant_type": {"refresh_token"}, "client_secret": {h.keys["reader"]}, "refresh_token": {"shop"}}
		if w := h.do("POST", tokenEndpoint, form.Encode(), "Content-Type", "application/x-www-form-urlencoded"); w.Code/100 != 4 {
			t.Errorf("%d %s", w.Code, w.Body)
		}
	})
}

func (h *handed) revoke(name string) {
	_ = h.state.Update(h.t.Context(), func(r *Records) error {
		for i := range r.Keys {
			if r.Keys[i].Name == name {
				r.Keys[i].Revoked = h.emu.Now()
			}
		}
		return nil
	})
	h.reload()
}

// A token is for one account, whatever else its key opens, and for one gateway.
func TestTokenIsForItsAccountAndGateway(t *testing.T) {
	h, foreign := newHanded(t), newHanded(t, func(c *Config, _ *emulator.Emulator) { c.Secret = []byte(strings.Repeat("other secret....", 2)) })
	foreign.state = h.state
	shop, other := h.login("clerk", "shop"), h.login("clerk", "other")
	a := h.do("GET", participations, "", "x-amz-access-token", shop)
	b := h.do("GET", participations, "", "x-amz-access-token", other)
	if a.Code != 200 || b.Code != 200 || a.Body.String() == b.Body.String() {
		t.Errorf("%d %d: two sellers have one answer", a.Code, b.Code)
	}
	for name, token := range map[string]string{
		"another gateway's":            foreign.login("clerk", "shop"),
		"Amazon's access token":        "Atza|IwEBIexample",
		"Amazon's restricted token":    "Atz.sprdt|IwEBIexample",
		"Amazon's grantless token":     "Atc|MQEBIexample",
		"cut":                          shop[:len(shop)-5],
		"with something behind":        shop + "AAAA",
		"as a restricted token":        restrictedPrefix + strings.TrimPrefix(shop, accessPrefix),
		"the box alone":                strings.TrimPrefix(shop, accessPrefix),
		"huge":                         accessPrefix + strings.Repeat("A", 200_000),
		"an address of a document":     accessPrefix + documentBox(t, h),
		"two tokens, one of them good": shop + "," + shop,
	} {
		w := h.do("GET", participations, "", "x-amz-access-token", token)
		if w.Code/100 != 4 {
			t.Errorf("%s: %d %s", name, w.Code, w.Body)
		}
		if looksIssued(token) && !strings.Contains(w.Body.String(), "revoked, malformed or invalid") {
			t.Errorf("%s is not refused as Amazon does: %s", name, w.Body)
		}
	}
	if told := h.tells(); strings.Contains(told, shop[20:60]) || strings.Contains(told, "IwEBIexample") {
		t.Error("a token is in the log, the audit or the metrics")
	}
}

func documentBox(t *testing.T, h *handed) string {
	box, err := h.g.sealer.seal(forDocument, address{Account: "shop"})
	if err != nil {
		t.Fatal(err)
	}
	return box
}

// "default" is the key's account, else the store's; the token says which, so that it stays with it.
func TestTokenOfTheDefault(t *testing.T) {
	h := newHanded(t)
	for key, want := range map[string]string{"clerk": "shop", "reader": "shop"} {
		if got, no := h.g.openToken(h.login(key, "default")); no != nil || got.Account != want {
			t.Errorf("%s: %+v %+v", key, got, no)
		}
	}
}

// What was handed out while there were no keys is void when there are.
func TestTokenOfKeylessTimes(t *testing.T) {
	h := newHanded(t, func(c *Config, _ *emulator.Emulator) {
		c.State, c.Local = nil, Scope{Accounts: []string{"*"}, Operations: []string{"*"}}
	})
	form := url.Values{"grant_type": {"refresh_token"}, "client_secret": {"anything"}, "refresh_token": {"shop"}}
	w := h.do("POST", tokenEndpoint, form.Encode(), "Content-Type", "application/x-www-form-urlencoded")
	token := field[string](t, w.Body.Bytes(), "access_token")
	wants(t, h.do("GET", participations, "", "x-amz-access-token", token), 200, "payload")
	with := newHanded(t)
	if w := with.do("GET", participations, "", "x-amz-access-token", token); w.Code == http.StatusOK {
		t.Error("a token of no key opens a gateway with keys")
	}
}

// Grantless calls work with a grantless token, and with any other one.
func TestGrantlessToken(t *testing.T) {
	h := newHanded(t)
	form := url.Values{"grant_type": {"client_credentials"}, "client_secret": {h.keys["clerk"]}, "client_id": {"other"}, "scope": {"sellingpartnerapi::notifications"}}
	w := h.do("POST", tokenEndpoint, form.Encode(), "Content-Type", "application/x-www-form-urlencoded")
	token := field[string](t, w.Body.Bytes(), "access_token")
	for _, token := range []string{token, h.login("clerk", "shop")} {
		wants(t, h.do("GET", "/notifications/v1/destinations", "", "x-amz-access-token", token), 200, "payload")
	}
	if got, no := h.g.openToken(token); no != nil || got.Account != "other" {
		t.Errorf("%+v %v: the client id names the account", got, no)
	}
}

func FuzzTokenRequest(f *testing.F) {
	f.Add("grant_type=refresh_token&client_secret=x&refresh_token=shop", "application/x-www-form-urlencoded", "Basic eDp5")
	f.Add(`{"grant_type":"refresh_token","client_secret":"x","refresh_token":"shop"}`, "application/json", "")
	f.Add(`{"grant_type":"client_credentials","client_secret":"x","scope":"y"}`, "application/json;;", "basic")
	key, _, err := NewKey(Key{Name: "k", Scope: Scope{Accounts: []string{"*"}, Operations: []string{"*"}}})
	if err != nil {
		f.Fatal(err)
	}
	g, err := New(Config{State: &memoryState{records: Records{Keys: []Key{key}}}, Accounts: memoryAccounts{}, Logger: slog.New(slog.DiscardHandler)})
	if err != nil {
		f.Fatal(err)
	}
	f.Cleanup(func() { _ = g.Close() })
	f.Fuzz(func(t *testing.T, body, kind, authorization string) {
		w := serveHanded(g, "POST", tokenEndpoint, body, "Content-Type", kind, "Authorization", authorization)
		if w.Code/100 != 4 || field[string](t, w.Body.Bytes(), "error") == "" {
			t.Fatalf("%d %s", w.Code, w.Body)
		}
	})
}
