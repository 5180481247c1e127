package gateway

import (
	"encoding/base64"
	"encoding/json"
	"errors"
	"io"
	"mime"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/openspapi/spapi"
)

// The token endpoint answers as Login with Amazon does, so that clients that insist on it work with nothing but another address: the client id is free,
// the client secret is the caller's key, the refresh token an account's name. What it hands out is the gateway's own: none of Amazon's tokens leaves it.

// tokenLifetime is that of Amazon's tokens: clients have it built in.
const tokenLifetime = time.Hour

// The beginnings of Amazon's tokens, which clients look for in those of the gateway.
const (
	accessPrefix     = "Atza|"
	grantlessPrefix  = "Atc|"
	restrictedPrefix = "Atz.sprdt|"
)

// issued is what a token of the gateway's stands for.
type issued struct {
	Key        string       // the id of the caller's key; "" where there were no keys
	Account    string       // "" is the key's
	Expires    time.Time    //
	Restricted spapi.Secret // Amazon's own restricted data token, in one of this kind
}

// sealedToken is what of it lies in a box.
type sealedToken struct {
	Key        string    `json:"k,omitzero"`
	Account    string    `json:"a,omitzero"`
	Expires    time.Time `json:"e"`
	Restricted string    `json:"r,omitzero"`
}

// looksIssued tells whether a credential says of itself that it is a token, of the gateway or of Amazon, and no key.
func looksIssued(text string) bool {
	return strings.HasPrefix(text, accessPrefix) || strings.HasPrefix(text, grantlessPrefix) || strings.HasPrefix(text, restrictedPrefix)
}

// issue makes a token, which ends with the key if that ends sooner, and says how long it holds.
func (g *Gateway) issue(prefix string, t issued, key *Key) (token string, lifetime time.Duration, err error) {
	now := g.config.Now()
	if t.Expires.IsZero() || t.Expires.After(now.Add(tokenLifetime)) {
		t.Expires = now.Add(tokenLifetime)
	}
	if key != nil && !key.Expires.IsZero() && key.Expires.Before(t.Expires) {
		t.Expires = key.Expires
	}
	p := forAccess
	if prefix == restrictedPrefix {
		p = forRestricted
	}
	box, err := g.sealer.seal(p, sealedToken{t.Key, t.Account, t.Expires, t.Restricted.Reveal()})
	return prefix + box, t.Expires.Sub(now), err
}

// openToken reads a token of the gateway's own. Whether its key still holds is for the caller to see. What doesn't open, Amazon's own tokens among it,
// is refused in Amazon's words, at which clients fetch a new one.
func (g *Gateway) openToken(text string) (issued, *refusal) {
	p := forAccess
	if strings.HasPrefix(text, restrictedPrefix) {
		p = forRestricted
	}
	_, box, _ := strings.Cut(text, "|")
	var t sealedToken
	switch err := g.sealer.open(p, box, &t); {
	case err != nil || !looksIssued(text):
		return issued{}, denied("token", "The access token you provided is revoked, malformed or invalid.")
	case !g.config.Now().Before(t.Expires):
		return issued{}, denied("token-expired", "The access token you provided has expired.")
	}
	return issued{t.Key, t.Account, t.Expires, spapi.NewSecret(t.Restricted)}, nil
}

// maxTokenRequest bounds the body of a request for a token, in bytes.
const maxTokenRequest = 16 << 10

// loginError is an error of the token endpoint (RFC 6749 5.2, with Amazon's statuses and words).
type loginError struct {
	status            int
	code, description string
	retryAfter        time.Duration
	why               string // for the audit
}

func badLogin(description string) *loginError {
	return &loginError{status: http.StatusBadRequest, code: "invalid_request", description: description, why: "malformed"}
}

// serveToken answers POST /auth/o2/token.
func (g *Gateway) serveToken(w http.ResponseWriter, r *http.Request) {
	x := g.begin(w, r)
	defer x.done()
	x.record.Operation = "gateway.token"
	answer, no := x.login()
	h := x.w.Header()
	h.Set("Content-Type", "application/json;charset=UTF-8")
	h.Set("Cache-Control", "no-cache, no-store, must-revalidate")
	h.Set("Pragma", "no-cache")
	status := http.StatusOK
	var body any = answer
	if no != nil {
		status, x.record.Refused = no.status, no.why
		setRetryAfter(h, no.retryAfter)
		if status == http.StatusMethodNotAllowed {
			h.Set("Allow", http.MethodPost)
		}
		body = struct {
			Description string `json:"error_description"`
			Error       string `json:"error"`
		}{no.description, no.code}
	}
	x.w.WriteHeader(status)
	encoder := json.NewEncoder(x.w)
	encoder.SetEscapeHTML(false)
	_ = encoder.Encode(body)
}

// granted is an answer of Login with Amazon: the refresh token is echoed, as it is there.
type granted struct {
	AccessToken  string `json:"access_token"`
	RefreshToken string `json:"refresh_token,omitzero"`
	Scope        string `json:"scope,omitzero"`
	TokenType    string `json:"token_type"`
	ExpiresIn    int    `json:"expires_in"` // seconds
}

func (x *exchange) login() (*granted, *loginError) {
	if x.r.Method != http.MethodPost {
		no := badLogin("Malformed request: the token endpoint takes POST")
		no.status = http.StatusMethodNotAllowed
		return nil, no
	}
	form, no := loginForm(x.r, x.boundedBody(maxTokenRequest))
	if no != nil {
		return nil, no
	}
	wanted := map[string]string{"refresh_token": "refresh_token", "client_credentials": "scope"}[form["grant_type"]]
	switch {
	case form["grant_type"] == "authorization_code":
		return nil, &loginError{status: http.StatusBadRequest, code: "unsupported_grant_type", why: "grant", description: "grant_type : authorization_code " +
			"is not for the gateway, which keeps sellers' authorizations itself: use the name of a stored account as refresh_token"}
	case wanted == "":
		return nil, &loginError{status: http.StatusBadRequest, code: "unsupported_grant_type", why: "grant",
			description: "The authorization grant type is not supported by the authorization server : want refresh_token or client_credentials"}
	}
	for _, name := range []string{"client_secret", wanted} {
		if form[name] == "" {
			return nil, badLogin("The request is missing a required parameter : " + name)
		}
	}
	key, refused := x.g.lookupKey(x.r, form["client_secret"])
	if refused != nil {
		return nil, loginRefused(refused)
	}
	x.caller = x.g.callerOf(key)
	x.record.Caller = x.caller.name()
	token := issued{}
	if key != nil {
		x.record.Key, token.Key = key.ID, key.ID
	}
	if no := x.loginAccount(form); no != nil {
		return nil, no
	}
	token.Account = x.caller.account
	prefix := accessPrefix
	if wanted == "scope" {
		prefix = grantlessPrefix
	}
	text, lifetime, err := x.g.issue(prefix, token, key)
	if err != nil {
		return nil, &loginError{status: http.StatusInternalServerError, code: "server_error", description: err.Error(), why: "seal"}
	}
	answer := &granted{AccessToken: text, TokenType: "bearer", ExpiresIn: int(lifetime / time.Second)}
	if wanted == "scope" {
		answer.Scope = form["scope"]
	} else {
		answer.RefreshToken = form["refresh_token"]
	}
	return answer, nil
}

// loginAccount settles the account of a token. One that doesn't exist and one that the key doesn't open are answered alike.
func (x *exchange) loginAccount(form map[string]string) *loginError {
	unknown := &loginError{status: http.StatusBadRequest, code: "invalid_grant", why: "account", description: "The request has an invalid grant parameter : " +
		"refresh_token. User may have revoked or didn't grant the permission. The gateway wants the name of one of its accounts that the key opens, or \"default\"."}
	if form["grant_type"] == "client_credentials" {
		// The application's own token: SP-API's calls with it name no account. Where a key opens accounts of several applications, the client id may be
		// the name of one of them.
		if name := form["client_id"]; name != "" && x.caller.scope.account(name) {
			if all, no := x.g.accounts.current(x.r.Context()); no == nil && all.members[name] != nil {
				x.caller.account = name
			}
		}
		return nil
	}
	name := strings.TrimPrefix(form["refresh_token"], "Atzr|") // which some clients insist on
	if name != "default" {
		x.caller.account = name
	}
	if no := x.chooseAccount(); no != nil {
		switch {
		case no.Status/100 == 5 || no.Status == http.StatusTooManyRequests:
			return loginRefused(no)
		case name == "default":
			return &loginError{status: http.StatusBadRequest, code: "invalid_grant", why: no.why,
				description: "The request has an invalid grant parameter : refresh_token. There is no default among the accounts that the key opens: name one."}
		}
		return unknown
	}
	if no := x.g.blocked(&x.caller, x.caller.account); no != nil {
		return &loginError{status: http.StatusBadRequest, code: "invalid_grant", description: "The request has an invalid grant parameter : refresh_token. " + no.Details, why: no.why}
	}
	return nil
}

// loginRefused is a refusal of the gateway's as Login with Amazon would have it.
func loginRefused(no *refusal) *loginError {
	switch {
	case no.Status == http.StatusTooManyRequests:
		return &loginError{status: no.Status, code: "temporarily_unavailable", description: "Request rate exceeded", retryAfter: no.RetryAfter, why: no.why}
	case no.Status/100 == 5:
		return &loginError{status: http.StatusServiceUnavailable, code: "temporarily_unavailable", description: "The service is temporarily unavailable",
			retryAfter: no.RetryAfter, why: no.why}
	}
	return &loginError{status: http.StatusUnauthorized, code: "invalid_client", description: "Client authentication failed", why: no.why}
}

// loginForm reads the parameters: form-urlencoded as documented, JSON as several clients send it (selling-partner-api-sdk's Java client, npm
// amazon-sp-api, jlevers/selling-partner-api), the client's credentials in HTTP Basic too (RFC 6749 2.3.1).
func loginForm(r *http.Request, in io.Reader) (map[string]string, *loginError) {
	body, err := io.ReadAll(in)
	if errors.Is(err, errBodyTooLarge) {
		return nil, badLogin("Malformed request: the body is larger than the gateway takes")
	}
	if err != nil || len(body) == 0 {
		return nil, badLogin("Malformed request: want a form or JSON as body")
	}
	form := map[string]string{}
	if kind, _, _ := mime.ParseMediaType(r.Header.Get("Content-Type")); kind == "application/json" {
		var members map[string]any
		if json.Unmarshal(body, &members) != nil {
			return nil, badLogin("Malformed request: the body is no JSON object")
		}
		for name, v := range members {
			switch v := v.(type) {
			case nil:
			case string:
				form[name] = v
			default:
				return nil, badLogin("Malformed request: a member of the body is no text")
			}
		}
	} else {
		values, err := url.ParseQuery(string(body))
		if err != nil {
			return nil, badLogin("Malformed request: the body is no form")
		}
		for name, v := range values {
			if len(v) > 1 {
				return nil, badLogin("Malformed request: a parameter is there twice")
			}
			form[name] = v[0]
		}
	}
	return form, basicCredentials(r.Header.Values("Authorization"), form)
}

// basicCredentials adds those of HTTP Basic. Two that differ are an attempt to have one checked and the other used.
func basicCredentials(headers []string, form map[string]string) *loginError {
	i := slices.IndexFunc(headers, func(h string) bool { return len(h) > 6 && strings.EqualFold(h[:6], "basic ") })
	if i < 0 {
		return nil
	}
	if len(headers) > 1 {
		return badLogin("Malformed request: the header Authorization is there twice")
	}
	text, err := base64.StdEncoding.DecodeString(strings.TrimSpace(headers[i][6:]))
	id, secret, ok := strings.Cut(string(text), ":")
	if err != nil || !ok {
		return badLogin("Malformed request: the header Authorization is no HTTP Basic")
	}
	for name, value := range map[string]string{"client_id": id, "client_secret": secret} {
		if plain, err := url.QueryUnescape(value); err == nil {
			value = plain
		}
		if given, is := form[name]; is && given != value {
			return badLogin("Malformed request: " + name + " of the body is another than that of the header Authorization")
		}
		form[name] = value
	}
	return nil
}
