package emulator

import (
	"encoding/json"
	"mime"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"

	"github.com/openspapi/spapi/internal/catalog"
)

// Login with Amazon: https://api.amazon.com/auth/o2/token, one host for all regions
// (developer-docs.amazon.com/sp-api/docs/connecting-to-the-selling-partner-api).

const (
	lwaPath        = "/auth/o2/token"
	lwaHost        = "api.amazon.com"
	tokenOperation = "lwa.token"
)

// isLWA tells whether a request is for Login with Amazon, wherever it is served.
func isLWA(x *exchange) bool { return x.url.Path == lwaPath || x.name == lwaHost }

// lwaOperation names what is asked of Login with Amazon; "" where there is nothing.
func lwaOperation(x *exchange) string {
	if x.url.Path == lwaPath {
		return tokenOperation
	}
	return ""
}

// lwa answers for Login with Amazon.
func (u *authority) lwa(x *exchange) reply {
	if x.url.Path != lwaPath {
		return reply{status: http.StatusNotFound, contentType: "text/plain", body: []byte("not found")}
	}
	return u.token(x)
}

// lwaError is an error of the token endpoint.
type lwaError struct {
	status      int
	code        string
	description string
}

func (e *lwaError) reply(requestID string) reply {
	// Newer bodies carry request_id, too (selling-partner-api-models#4112).
	return lwaReply(e.status, object{"error": e.code, "error_description": e.description, "request_id": requestID})
}

func lwaReply(status int, body object) reply {
	return reply{status: status, contentType: "application/json;charset=UTF-8", body: body, header: map[string]string{
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
func (u *authority) token(x *exchange) reply {
	if x.method != http.MethodPost {
		r := errMalformedToken.reply(x.requestID)
		r.status = http.StatusMethodNotAllowed
		return r
	}
	form, ok := tokenForm(x)
	if !ok {
		return errMalformedToken.reply(x.requestID)
	}
	body, err := u.issueToken(x, form)
	if err != nil {
		return err.reply(x.requestID)
	}
	return lwaReply(http.StatusOK, body)
}

// tokenForm reads the body: form-urlencoded as documented, or JSON as Amazon's own Java client sends it
// (selling-partner-api-sdk, LWAClient).
func tokenForm(x *exchange) (url.Values, bool) {
	kind, _, _ := mime.ParseMediaType(x.header.Get("Content-Type"))
	if kind == "application/json" {
		var fields map[string]any
		if json.Unmarshal(x.body, &fields) != nil {
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
	form, err := url.ParseQuery(string(x.body))
	if err != nil || len(x.body) == 0 {
		return nil, false
	}
	return form, true
}

func (u *authority) issueToken(x *exchange, form url.Values) (object, *lwaError) {
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
	if !u.checkSecret(form.Get("client_id"), form.Get("client_secret"), x.now) {
		return nil, errClient
	}
	expires := x.now.Add(accessTokenLifetime)
	answer := object{"token_type": "bearer", "expires_in": int(accessTokenLifetime.Seconds())}
	switch grantType {
	case "refresh_token":
		a := u.byRefreshToken(form.Get("refresh_token"))
		if a == nil {
			return nil, errRefreshToken
		}
		answer["access_token"] = u.mint("Atza|IwEBI", &grant{account: a, expires: expires}, x.now)
		answer["refresh_token"] = form.Get("refresh_token") // echoed: its use does not rotate it
	case "authorization_code":
		a, token := u.redeem(form.Get("code"), form.Get("redirect_uri"), x.now)
		if a == nil {
			return nil, errCode
		}
		answer["access_token"] = u.mint("Atza|IwEBI", &grant{account: a, expires: expires}, x.now)
		answer["refresh_token"] = token
	case "client_credentials":
		scopes := strings.Fields(form.Get("scope"))
		for _, s := range scopes {
			if !slices.Contains(knownScopes(), s) {
				return nil, errScope
			}
		}
		answer["access_token"] = u.mint("Atc|MQEBI", &grant{kind: grantlessGrant, scopes: scopes, expires: expires}, x.now)
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

// lwaTrouble is how the token endpoint says that something is wrong with it.
func lwaTrouble(x *exchange, t trouble) reply {
	// Frequent calls are refused (selling-partner-api-models#1629); status and wording are assumed.
	e := &lwaError{http.StatusTooManyRequests, "temporarily_unavailable", "Request rate exceeded"}
	switch t {
	case troubleInternal:
		e = &lwaError{http.StatusInternalServerError, "server_error", "Internal server error"}
	case troubleUnavailable:
		e = &lwaError{http.StatusServiceUnavailable, "temporarily_unavailable", "The service is temporarily unavailable"}
	}
	return e.reply(x.requestID)
}
