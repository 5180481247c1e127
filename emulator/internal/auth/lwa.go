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
	"github.com/openspapi/spapi/emulator/internal/format"
	"github.com/openspapi/spapi/emulator/internal/random"
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
		return answer.Reply{Status: http.StatusNotFound, ContentType: "text/plain", Body: []byte("not found")}.Because("login: nothing is served at this path")
	}
	return u.token(x)
}

// lwaError is an error of the token endpoint.
type lwaError struct {
	status      int
	code        string
	description string
	// kind goes into x-amzn-ErrorType; "" where nobody has recorded it.
	kind string
	// bare is an error without error_index and request_id.
	bare bool
	// reason is [answer.Reply.Reason]; by default the description.
	reason string
}

func (e *lwaError) because(reason string) *lwaError {
	because := *e
	because.reason = reason
	return &because
}

// errorIndexLength makes an answer about an unknown refresh token 494 bytes long, as recorded in October 2026 (see errRefreshToken).
const errorIndexLength = 264

// refuseToken writes the members in the order that was recorded; bodies of 2021 had no request_id yet (selling-partner-api-models#1851, #4480).
func (u *Authority) refuseToken(x *exchange.Exchange, e *lwaError) answer.Reply {
	body := format.Record{{"error_description", e.description}, {"error", e.code}}
	if !e.bare {
		index := u.seed.Of("error index", x.RequestID).Text(random.Base64URL, errorIndexLength)
		body = format.Record{{"error_index", index}, body[0], body[1], {"request_id", x.RequestID}}
	}
	r := lwaReply(e.status, body)
	if r.Reason = "login: " + e.reason; e.reason == "" {
		r.Reason += e.description
	}
	if e.kind != "" {
		r.Header = map[string]string{"x-amzn-ErrorType": e.kind + ":http://internal.amazon.com/coral/com.amazon.panda/"}
	}
	return r
}

func lwaReply(status int, body any) answer.Reply {
	return answer.Reply{Status: status, ContentType: "application/json;charset=UTF-8", Body: body}
}

// The errors. Those with a kind were recorded whole: lineofflight/peddler, test/vcr_cassettes/Peddler/TokenTest (September 2024), and
// mehmetkerim00/repracer, docs/evidence/step70-amazon-sandbox-exchanges.json (October 2026).
var (
	errMalformedToken = &lwaError{status: http.StatusBadRequest, code: "invalid_request", description: "Malformed request"} // selling-partner-api-models#1851
	// selling-partner-api-models#796. A request without grant_type gets it, too (selling-partner-api-models#706).
	errGrantType = &lwaError{status: http.StatusBadRequest, code: "unsupported_grant_type", kind: "OA2UnsupportedGrantTypeException",
		description: "The authorization grant type is not supported by the authorization server"}
	errClient = &lwaError{status: http.StatusUnauthorized, code: "invalid_client", kind: "OA2InvalidClientException", bare: true,
		description: "Client authentication failed"}
	// The kind is that of another error; so it was recorded.
	errRefreshToken = &lwaError{status: http.StatusBadRequest, code: "invalid_grant", kind: "OA2InvalidRequestException",
		description: "The request has an invalid grant parameter : refresh_token. User may have revoked or didn't grant the permission."}
	errCode = &lwaError{status: http.StatusBadRequest, code: "invalid_grant", kind: "OA2InvalidRequestException",
		description: "The request has an invalid grant parameter : code"} // selling-partner-api-models#1099, #4480; kind as with the refresh token
	// Name as in selling-partner-api-sdk's LWAException codes, wording assumed.
	errScope = &lwaError{status: http.StatusBadRequest, code: "invalid_scope", description: "The request has an invalid parameter : scope"}
)

func missingTokenParameter(name string) *lwaError {
	return &lwaError{status: http.StatusBadRequest, code: "invalid_request", description: "The request is missing a required parameter : " + name}
}

// token answers the token endpoint.
func (u *Authority) token(x *exchange.Exchange) answer.Reply {
	if x.Method != http.MethodPost {
		r := u.refuseToken(x, errMalformedToken.because("the token endpoint takes POST only"))
		r.Status = http.StatusMethodNotAllowed
		return r
	}
	form, ok := tokenForm(x)
	if !ok {
		return u.refuseToken(x, errMalformedToken.because("the body is no form, empty, has a parameter twice, or is not what Content-Type says"))
	}
	body, err := u.issueToken(x, form)
	if err != nil {
		return u.refuseToken(x, err)
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
	for _, values := range form {
		if len(values) > 1 {
			return nil, false
		}
	}
	return form, true
}

func (u *Authority) issueToken(x *exchange.Exchange, form url.Values) (format.Record, *lwaError) {
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
		return nil, errClient.because("client_id or client_secret is not the application's, or the secret has run out")
	}
	expires := x.Now.Add(AccessTokenLifetime)
	given := func(token, with, value string) (format.Record, *lwaError) {
		return format.Record{{"access_token", token}, {with, value}, {"token_type", "bearer"}, {"expires_in", int(AccessTokenLifetime.Seconds())}}, nil
	}
	switch grantType {
	case "refresh_token":
		a := u.byRefreshToken(form.Get("refresh_token"))
		if a == nil {
			return nil, errRefreshToken.because("refresh_token is no seller's here, or its authorization was taken back")
		}
		// The refresh token is echoed: its use does not rotate it.
		return given(u.mint("Atza|IwEBI", &Grant{Account: a, Expires: expires}, x.Now), "refresh_token", form.Get("refresh_token"))
	case "authorization_code":
		a, token := u.redeem(form.Get("code"), form.Get("redirect_uri"), x.Now)
		if a == nil {
			return nil, errCode.because("code is unknown, was used before, is too old, or was given for another redirect_uri")
		}
		return given(u.mint("Atza|IwEBI", &Grant{Account: a, Expires: expires}, x.Now), "refresh_token", token)
	}
	scopes := strings.Fields(form.Get("scope"))
	for _, s := range scopes {
		if !slices.Contains(knownScopes(), s) {
			return nil, errScope.because("scope has one that no operation asks for")
		}
	}
	return given(u.mint("Atc|MQEBI", &Grant{Kind: GrantlessGrant, Scopes: scopes, Expires: expires}, x.Now), "scope", form.Get("scope"))
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
func (u *Authority) LWATrouble(x *exchange.Exchange, t answer.Trouble) answer.Reply {
	// Frequent calls are refused (selling-partner-api-models#1629); status and wording are assumed.
	e := &lwaError{status: http.StatusTooManyRequests, code: "temporarily_unavailable", description: "Request rate exceeded"}
	switch t {
	case answer.TroubleInternal:
		e = &lwaError{status: http.StatusInternalServerError, code: "server_error", description: "Internal server error"}
	case answer.TroubleUnavailable:
		e = &lwaError{status: http.StatusServiceUnavailable, code: "temporarily_unavailable", description: "The service is temporarily unavailable"}
	}
	return u.refuseToken(x, e)
}
