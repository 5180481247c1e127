package auth

import (
	"encoding/json"
	"mime"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"

	"github.com/openspapi/spapi/emulator/internal/answer"
	"github.com/openspapi/spapi/emulator/internal/exchange"
	"github.com/openspapi/spapi/internal/catalog"
)

// Login with Amazon: https://api.amazon.com/auth/o2/token, one host for all regions
// (developer-docs.amazon.com/sp-api/docs/connecting-to-the-selling-partner-api).

const (
	LWAPath        = "/auth/o2/token"
	TokenOperation = "lwa.token"
)

// IsLWA tells whether a request is for Login with Amazon, wherever it is served.
func IsLWA(x *exchange.Exchange) bool {
	return x.URL.Path == LWAPath || exchange.HostNamed(x.Name).Kind == exchange.LWAHost
}

// LWAOperation names what is asked of Login with Amazon; "" where there is nothing.
func LWAOperation(x *exchange.Exchange) string {
	if x.URL.Path == LWAPath {
		return TokenOperation
	}
	return ""
}

// LWA answers for Login with Amazon.
func (u *Authority) LWA(x *exchange.Exchange) answer.Reply {
	if x.URL.Path != LWAPath {
		return answer.Reply{Status: http.StatusNotFound, ContentType: "text/plain", Body: []byte("not found")}
	}
	return u.token(x)
}

// lwaError is an error of the token endpoint.
type lwaError struct {
	status      int
	code        string
	description string
}

func (e *lwaError) reply(requestID string) answer.Reply {
	// Newer bodies carry request_id, too (selling-partner-api-models#4112).
	return lwaReply(e.status, object{"error": e.code, "error_description": e.description, "request_id": requestID})
}

func lwaReply(status int, body object) answer.Reply {
	return answer.Reply{Status: status, ContentType: "application/json;charset=UTF-8", Body: body, Header: map[string]string{
		"Cache-Control": "no-store", // selling-partner-api-docs, developer guide, "Connecting to the Selling Partner API"
		"Pragma":        "no-cache",
	}}
}

var (
	errMalformedToken = &lwaError{http.StatusBadRequest, "invalid_request", "Malformed request"} // selling-partner-api-models#1851
	// selling-partner-api-models#796. A request without grant_type gets it, too (selling-partner-api-models#706).
	errGrantType    = &lwaError{http.StatusBadRequest, "unsupported_grant_type", "The authorization grant type is not supported by the authorization server"}
	errClient       = &lwaError{http.StatusUnauthorized, "invalid_client", "Client authentication failed"} // jlevers/selling-partner-api#602
	errRefreshToken = &lwaError{http.StatusBadRequest, "invalid_grant", "The request has an invalid grant parameter : refresh_token. User may have revoked or didn't grant the permission."}
	// selling-partner-api-docs#2379, #268 for the refresh token; selling-partner-api-models#1099 for the code.
	errCode  = &lwaError{http.StatusBadRequest, "invalid_grant", "The request has an invalid grant parameter : code"}
	errScope = &lwaError{http.StatusBadRequest, "invalid_scope", "The request has an invalid parameter : scope"} // name as in selling-partner-api-sdk's LWAException codes, wording assumed
)

func missingTokenParameter(name string) *lwaError {
	return &lwaError{http.StatusBadRequest, "invalid_request", "The request is missing a required parameter : " + name}
}

// token answers the token endpoint.
func (u *Authority) token(x *exchange.Exchange) answer.Reply {
	if x.Method != http.MethodPost {
		r := errMalformedToken.reply(x.RequestID)
		r.Status = http.StatusMethodNotAllowed
		return r
	}
	form, ok := tokenForm(x)
	if !ok {
		return errMalformedToken.reply(x.RequestID)
	}
	body, err := u.issueToken(x, form)
	if err != nil {
		return err.reply(x.RequestID)
	}
	return lwaReply(http.StatusOK, body)
}

// tokenForm reads the body: form-urlencoded as documented, or JSON as Amazon's own Java client sends it
// (selling-partner-api-sdk, LWAClient).
func tokenForm(x *exchange.Exchange) (url.Values, bool) {
	kind, _, _ := mime.ParseMediaType(x.Header.Get("Content-Type"))
	if kind == "application/json" {
		var fields map[string]any
		if json.Unmarshal(x.Body, &fields) != nil {
			return nil, false
		}
		form := url.Values{}
		for name, v := range fields {
			switch v := v.(type) {
			case nil:
			case string:
				form.Set(name, v)
			default:
				return nil, false
			}
		}
		return form, true
	}
	// Parameters in the query don't count: without a body the request is malformed (selling-partner-api-models#1851).
	form, err := url.ParseQuery(string(x.Body))
	if err != nil || len(x.Body) == 0 {
		return nil, false
	}
	return form, true
}

func (u *Authority) issueToken(x *exchange.Exchange, form url.Values) (object, *lwaError) {
	grantType := form.Get("grant_type")
	wanted := map[string]string{"refresh_token": "refresh_token", "client_credentials": "scope", "authorization_code": "code"}[grantType]
	if wanted == "" {
		return nil, errGrantType
	}
	for _, name := range []string{"client_id", "client_secret", wanted} {
		if form.Get(name) == "" {
			return nil, missingTokenParameter(name)
		}
	}
	u.mu.Lock()
	defer u.mu.Unlock()
	if !u.checkSecret(form.Get("client_id"), form.Get("client_secret"), x.Now) {
		return nil, errClient
	}
	expires := x.Now.Add(AccessTokenLifetime)
	answer := object{"token_type": "bearer", "expires_in": int(AccessTokenLifetime.Seconds())}
	switch grantType {
	case "refresh_token":
		a := u.byRefreshToken(form.Get("refresh_token"))
		if a == nil {
			return nil, errRefreshToken
		}
		answer["access_token"] = u.mint("Atza|IwEBI", &Grant{Account: a, Expires: expires}, x.Now)
		answer["refresh_token"] = form.Get("refresh_token") // echoed: its use does not rotate it
	case "authorization_code":
		a, token := u.redeem(form.Get("code"), form.Get("redirect_uri"), x.Now)
		if a == nil {
			return nil, errCode
		}
		answer["access_token"] = u.mint("Atza|IwEBI", &Grant{Account: a, Expires: expires}, x.Now)
		answer["refresh_token"] = token
	case "client_credentials":
		scopes := strings.Fields(form.Get("scope"))
		for _, s := range scopes {
			if !slices.Contains(knownScopes(), s) {
				return nil, errScope
			}
		}
		answer["access_token"] = u.mint("Atc|MQEBI", &Grant{Kind: GrantlessGrant, Scopes: scopes, Expires: expires}, x.Now)
	}
	return answer, nil
}

// knownScopes are those that some operation asks for, and the one of the Authorization API, which Amazon's SDK still has as a
// constant (selling-partner-api-sdk, LWAAuthorizationCredentials).
var knownScopes = sync.OnceValue(func() []string {
	scopes := []string{"sellingpartnerapi::migration"}
	for _, op := range catalog.Operations() {
		if op.Grantless != "" && !slices.Contains(scopes, op.Grantless) {
			scopes = append(scopes, op.Grantless)
		}
	}
	return scopes
})

// LWATrouble is how the token endpoint says that something is wrong with it.
func LWATrouble(x *exchange.Exchange, t answer.Trouble) answer.Reply {
	// Frequent calls are refused (selling-partner-api-models#1629); status and wording are assumed.
	e := &lwaError{http.StatusTooManyRequests, "temporarily_unavailable", "Request rate exceeded"}
	switch t {
	case answer.TroubleInternal:
		e = &lwaError{http.StatusInternalServerError, "server_error", "Internal server error"}
	case answer.TroubleUnavailable:
		e = &lwaError{http.StatusServiceUnavailable, "temporarily_unavailable", "The service is temporarily unavailable"}
	}
	return e.reply(x.RequestID)
}
