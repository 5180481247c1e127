package spapi

import (
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/openspapi/spapi/internal/wire"
	"github.com/openspapi/spapi/marketplace"
)

const denied = "Access to requested resource is denied."

// A reason that says what the message says isn't told twice.
func TestExplainDoesNotRepeatTheReason(t *testing.T) {
	for reason, told := range map[string]bool{"NotFound: No such thing.": false, "NotFound: No such thing.: Details": false, "id: is not in 3-7-7 format": true} {
		e := &APIError{StatusCode: 404, Code: "NotFound", Message: "No such thing.", Header: http.Header{"X-Spapi-Emulator-Reason": {reason}}}
		if got := e.Explain(); strings.Contains(got, "The emulator's reason") != told {
			t.Errorf("%s: %s", reason, got)
		}
	}
}

// Each reason of a refusal that Amazon's texts tell apart gets advice of its own.
func TestExplain(t *testing.T) {
	sandbox := testAuthorization
	sandbox.Sandbox = true
	for _, test := range []struct {
		name      string
		operation string
		status    int
		body      string
		headers   []string
		auth      Authorization
		opts      []CallOption
		options   []Option
		want      []string
	}{
		{"no details", getOrders, 403, errorBody("Unauthorized", denied, ""), nil, testAuthorization, nil, nil,
			[]string{"1. the application lacks the role", "2. the seller's account is in another region than na", "365 days", "removal of this operation for 2027-03-27"}},
		{"no details, removed", "catalogitemsv0.listCatalogCategories", 403, errorBody("Unauthorized", denied, ""), nil, testAuthorization, nil, nil,
			[]string{"removal of this operation for 2026-08-26", "no part in a marketplace"}},
		{"marketplace of another region", getOrders, 403, errorBody("Unauthorized", denied, "The marketplaces you provided are not valid for region."), nil,
			testAuthorization, nil, nil, []string{"in another region than na", "refresh token that the seller granted there"}},
		{"the emulator's reason", getOrders, 400, errorBody("InvalidInput", "Invalid Input", ""), []string{"X-Spapi-Emulator-Reason: MaxResultsPerPage: is not an integer"},
			testAuthorization, nil, nil, []string{"Marketplace ids must belong to region na", "The emulator's reason: MaxResultsPerPage: is not an integer"}},
		{"path of the gateway", getOrders, 403, `{"message":"Missing Authentication Token"}`, nil, testAuthorization, nil, nil, []string{"package awsauth"}},
		{"no details, sandbox", getOrders, 403, errorBody("Unauthorized", denied, ""), nil, sandbox, nil, nil, []string{"the sandbox does not serve"}},
		{"no details, restricted", getOrders, 403, errorBody("Unauthorized", denied, ""), nil, testAuthorization, []CallOption{WithRestrictedData()}, nil,
			[]string{"1. the application lacks the role for restricted data"}},
		{"no details, report", "reports20210630.getReportDocument", 403, errorBody("Unauthorized", denied, ""), nil, testAuthorization, nil, nil,
			[]string{"1. the report is of a restricted type", "WithReportType"}},
		{"no details, grantless", "notificationsv1.getDestinations", 403, errorBody("Unauthorized", denied, ""), nil, testAuthorization, nil, nil,
			[]string{"1. the application may not use the scope sellingpartnerapi::notifications"}},
		{"missing token", getOrders, 403, errorBody("Unauthorized", denied, "Access token is missing in the request header."), nil, testAuthorization, nil, nil,
			[]string{"dropped the header"}},
		{"revoked", getOrders, 403, errorBody("Unauthorized", denied, "The access token you provided is revoked, malformed or invalid."), nil, testAuthorization, nil, nil,
			[]string{"revoked the authorization"}},
		{"expired", getOrders, 403, expiredBody, []string{"Date: Sat, 01 Jan 2000 00:00:00 GMT"}, testAuthorization, nil, nil,
			[]string{"and so had its replacement", "clock is 7m0s ahead of Amazon's", "NTP"}},
		{"secret expired", getOrders, 403, errorBody("Unauthorized", denied, "The LWA secret token you provided has expired."), nil, testAuthorization, nil, nil,
			[]string{"every 180 days", "Refresh tokens stay valid"}},
		{"signature", getOrders, 403, errorBody("InvalidSignature", "The request signature we calculated does not match the signature you provided.", ""),
			[]string{"Date: Wed, 21 Oct 2099 07:28:00 GMT"}, testAuthorization, nil, nil, []string{"2023-10-02", "behind Amazon's"}},
		{"signature expired", getOrders, 403, errorBody("InvalidSignature", "Signature expired: 20200101T000000Z is now earlier than 20260101T000000Z", ""), nil,
			testAuthorization, nil, nil, []string{"signature does not match"}},
		{"AWS credentials expired", getOrders, 403, errorBody("Unauthorized", "The security token included in the request is expired", ""), nil,
			testAuthorization, nil, nil, []string{"assume the role again"}},
		{"unsigned", getOrders, 403, errorBody("MissingAuthenticationToken", denied, ""), nil, testAuthorization, nil, nil, []string{"package awsauth"}},
		{"signed", getOrders, 403, errorBody("MissingAuthenticationToken", denied, ""), nil, testAuthorization, nil,
			[]Option{WithSigner(signerFunc(func(*http.Request) {}))}, []string{"no valid AWS signature"}},
		{"firewall", getOrders, 403, "<html><body>Request blocked</body></html>", nil, testAuthorization, nil, nil, []string{"a firewall or proxy", "https://sellingpartnerapi-na.amazon.com"}},
		{"sandbox miss", getOrders, 400, errorBody("InvalidInput", "Could not match input arguments", ""), nil, sandbox, nil, nil, []string{"x-amzn-api-sandbox"}},
		{"token too large", getOrders, 400, "<html><body>Size of a request header field exceeds server limit.</body></html>", nil, testAuthorization, nil, nil,
			[]string{"too large for a request header"}},
		{"data elements", getOrders, 400, errorBody("InvalidInput", "Application does not have access to one or more requested data elements: [buyerInfo]", ""), nil,
			testAuthorization, nil, nil, []string{"Tax Invoicing"}},
		{"restricted resource", getOrders, 400, errorBody("InvalidInput", "Application do not have access to some or all requested resource", ""), nil,
			testAuthorization, nil, nil, []string{"lacks a role for restricted data"}},
		{"error type in the header", getOrders, 403, `{}`, []string{"x-amzn-ErrorType: InvalidSignatureException"}, testAuthorization, nil, nil,
			[]string{"403 InvalidSignatureException", "gives no reason"}}, // nothing is decided by it
		{"wrong body", createFeed, 400, errorBody("InvalidInput", "Invalid Input", ""), nil, testAuthorization, nil, nil, []string{"application/json"}},
		{"sandbox, 500", createFeed, 500, errorBody("InternalFailure", "We encountered an internal error. Please try again.", ""), nil, sandbox, nil, nil,
			[]string{"none of those that it knows"}},
		{"throttled", getOrders, 429, errorBody("QuotaExceeded", "You exceeded your quota for the requested resource.", ""), nil, testAuthorization, []CallOption{WithoutRetry()},
			nil, []string{"bucket for the operation is empty, after 1 attempt", "keep to 0.0167 requests per second", "SPAPI_FLEET"}},
		{"listings bucket", "listingsitems20210801.putListingsItem", 429,
			errorBody("QuotaExceeded", "The frequency of requests was greater than what is allowed for product data.", ""), nil, testAuthorization,
			[]CallOption{WithoutRetry()}, nil, []string{"three more buckets", "JSON_LISTINGS_FEED"}},
		{"marketplace", getOrders, 400, errorBody("InvalidInput", "Invalid marketplace", ""), nil, testAuthorization, nil, nil, []string{"must belong to region na"}},
		{"HTML 400", getOrders, 400, "<html>", nil, testAuthorization, nil, nil, []string{"did not reach SP-API"}},
		{"401", getOrders, 401, `{}`, nil, testAuthorization, nil, nil, []string{"403 for bad tokens"}},
		{"404", getOrders, 404, `{}`, nil, testAuthorization, nil, nil, []string{"belongs to region na"}},
		{"404 of another host", getOrders, 404, "<html><body>Not Found</body></html>", nil, testAuthorization, nil, nil,
			[]string{"path of the request is unknown at https://sellingpartnerapi-na.amazon.com", "says nothing about the resource", "region na", "proxy"}},
		{"404 in plain text", getOrders, 404, "404 page not found", nil, testAuthorization, nil, nil, []string{"path of the request is unknown"}},
		{"404 of a gateway", getOrders, 404, `{"message":"Not Found"}`, nil, testAuthorization, nil, nil, []string{"path of the request is unknown"}},
		{"404 of the API", getOrders, 404, errorBody("NotFound", "no such order", ""), nil, testAuthorization, nil, nil, []string{"no such resource for this seller"}},
		{"403 of a gateway", getOrders, 403, `{"message":"Forbidden"}`, nil, testAuthorization, nil, nil, []string{"not the API", "a gateway before the API"}},
		{"407", getOrders, 407, "<html>Proxy Authentication Required</html>", nil, testAuthorization, nil, nil, []string{"did not reach SP-API"}},
		{"HTML 413", getOrders, 413, "<html>nginx</html>", nil, testAuthorization, nil, nil, []string{"larger than something on the way takes"}},
		{"HTML 422", getOrders, 422, "<html>nginx</html>", nil, testAuthorization, nil, nil, []string{"did not reach SP-API"}},
		{"HTML 429", getOrders, 429, "<html>nginx</html>", nil, testAuthorization, []CallOption{WithoutRetry()}, nil, []string{"something before SP-API"}},
		{"HTML 503", getOrders, 503, "<html>nginx</html>", nil, testAuthorization, []CallOption{WithoutRetry()}, nil, []string{"a page in place of an error list"}},
		{"token of a page, finances v0", getOrders, 400, errorBody("InvalidInput", "Token is not valid, token duration is 3 minutes.", ""), nil, testAuthorization, nil, nil,
			[]string{"has run out before", "from the first page", "shorter span"}},
		{"token of a page, finances 2024", getOrders, 400, errorBody("InvalidInput", "Next token has expired.", ""), nil, testAuthorization, nil, nil, []string{"from the first page"}},
		{"409", getOrders, 409, `{}`, nil, testAuthorization, nil, nil, []string{"read it again"}},
		{"413", getOrders, 413, `{}`, nil, testAuthorization, nil, nil, []string{"send less"}},
		{"415", getOrders, 415, `{}`, nil, testAuthorization, nil, nil, []string{"Content-Type"}},
		{"422", getOrders, 422, `{}`, nil, testAuthorization, nil, nil, []string{"content wrong"}},
		{"429", getOrders, 429, quotaBody, nil, testAuthorization, []CallOption{WithoutRetry()}, nil, []string{"0.0167 requests per second", "after 1 attempt.", "WithLimiter"}},
		{"500 of a write", createFeed, 500, `{}`, nil, testAuthorization, nil, nil, []string{"on the way, failed.\nIf it lasts", "request id"}},
		{"503 of a read", getOrders, 503, `{}`, nil, testAuthorization, []CallOption{WithoutRetry()}, nil, []string{"sent 1 time."}},
	} {
		t.Run(test.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				time.Sleep(7 * time.Minute) // from midnight, 2000-01-01, when all these tests begin
				f := &fake{api: func(*http.Request) *http.Response { return reply(test.status, test.body, test.headers...) }}
				client := NewApp(testCredentials, append(test.options, WithTransport(f))...).Client(test.auth)
				encode := document
				switch test.operation {
				case createFeed:
					encode = feed
				case "listingsitems20210801.putListingsItem":
					encode = func(r *wire.Request) { r.Path("sellerId", "A1"); r.Path("sku", "S") }
				}
				_, err := invokeRaw(t.Context(), client, test.operation, encode, test.opts...)
				var api *APIError
				if !errors.As(err, &api) || api.StatusCode != test.status || api.Operation != test.operation || api.RequestID != "req-1" {
					t.Fatalf("got %v, want an APIError", err)
				}
				wantText(t, api.Explain(), test.want...)
				noSecrets(t, api.Explain())
			})
		})
	}
}

// By the clock: what was announced for a day that is past is not announced any more.
func TestExplainRemoval(t *testing.T) {
	const day = 86 * 24 * time.Hour
	for at, want := range map[time.Duration]string{0: "for 2000-03-27.", day - time.Second: "for 2000-03-27.", day: "for 2000-03-27, which is past"} {
		synctest.Test(t, func(t *testing.T) { // begins on 2000-01-01
			time.Sleep(at)
			e := &APIError{StatusCode: 404, facts: errorFacts{op: &Operation{API: "ordersv0", Removal: "2000-03-27"}}}
			wantText(t, e.Explain(), want)
		})
	}
}

func TestExplainRemovedPath(t *testing.T) {
	for status, want := range map[int]string{403: "403 for paths that it removed", 404: "No operation that this version knows"} {
		f := new(fake)
		client := f.client()
		call := newCall(nil)
		call.op = identify("GET", "/catalog/v0/items")
		err := client.apiError(call, reply(status, errorBody("Unauthorized", denied, "")), []byte(errorBody("Unauthorized", denied, "")), true)
		wantText(t, err.Explain(), want)
	}
}

func TestExplainAuthError(t *testing.T) {
	for body, want := range map[string]string{
		`{"error":"invalid_client","error_description":"Client authentication failed"}`:                                                                                     "do not belong together",
		`{"error":"invalid_grant","error_description":"The request has an invalid grant parameter : refresh_token. User may have revoked or didn't grant the permission."}`: "authorize again",
		`{"error":"unauthorized_client"}`: "may not use this grant",
		`{"error":"invalid_scope"}`:       "misspelt",
		`{"error":"invalid_request"}`:     "token URL",
		`{"error":"access_denied"}`:       "refused the consent",
		`<html>`:                          "not one of Login with Amazon's",
	} {
		f := &fake{lwa: func(url.Values) *http.Response { return reply(400, body) }}
		_, err := f.client().AccessToken(t.Context())
		var auth *AuthError
		if !errors.As(err, &auth) {
			t.Fatalf("got %v", err)
		}
		wantText(t, auth.Explain(), want, "Login with Amazon: refresh_token: 400")
	}
	for status, want := range map[int]string{200: "is no token", 429: "share one App", 500: "try later", 0: "could not be reached"} {
		synctest.Test(t, func(t *testing.T) {
			f := &fake{lwa: func(url.Values) *http.Response { return reply(status, "") }}
			if status == 0 {
				f.fail = func(*http.Request) error { return &net.DNSError{Err: "no such host", Name: "api.amazon.com"} }
			}
			_, err := f.client().AccessToken(t.Context())
			var auth *AuthError
			if !errors.As(err, &auth) {
				t.Fatalf("got %v", err)
			}
			wantText(t, auth.Explain(), want)
		})
	}
}

// Advice about Amazon's credentials doesn't fit where somebody else refused: the host is named.
func TestExplainAuthErrorOfAnotherHost(t *testing.T) {
	for _, c := range []struct {
		status int
		body   string
		want   string
	}{
		{401, `{"error":"invalid_client"}`, "wants client id and client secret of its own"},
		{401, ``, "wants client id and client secret of its own"},
		{400, `{"error":"invalid_grant"}`, "authorize again"},
		{400, `{"error":"invalid_scope"}`, "misspelt"},
	} {
		f := &fake{lwa: func(url.Values) *http.Response { return reply(c.status, c.body) }}
		_, err := f.client(WithTokenURL("http://127.0.0.1:8080/auth/o2/token")).AccessToken(t.Context())
		auth, ok := errors.AsType[*AuthError](err)
		if !ok {
			t.Fatalf("got %v", err)
		}
		text := auth.Explain()
		wantText(t, text, c.want, "token URL's host 127.0.0.1:8080: refresh_token: ", "127.0.0.1:8080, which the token URL names and which is not Amazon's, refused")
		if strings.Contains(text, "Developer Central") {
			t.Errorf("sends the reader to Amazon: %s", text)
		}
	}
}

func TestErrorKinds(t *testing.T) {
	f := &fake{api: func(*http.Request) *http.Response { return reply(404, `{}`) }}
	_, err := invokeRaw(t.Context(), f.client(), getOrder, orderID("1"))
	if !IsNotFound(err) || IsForbidden(err) || IsThrottled(err) || IsNotFound(nil) {
		t.Errorf("misjudged %v", err)
	}
	for _, body := range []string{"<html><body>Not Found</body></html>", `{"message":"Not Found"}`, "404 page not found"} {
		f := &fake{api: func(*http.Request) *http.Response { return reply(404, body) }}
		if _, err := invokeRaw(t.Context(), f.client(), getOrder, orderID("1")); err == nil || IsNotFound(err) {
			t.Errorf("%s: an unknown path was taken for an order that isn't there: %v", body, err)
		}
	}
	for _, cut := range []*http.Response{reply(404, `{"errors":[{"code":"NotFo`), {StatusCode: 404, Header: http.Header{}, ContentLength: 50, Body: io.NopCloser(strings.NewReader(""))}} {
		f := &fake{api: func(*http.Request) *http.Response { return cut }}
		_, err := invokeRaw(t.Context(), f.client(), getOrder, orderID("1"))
		api, ok := errors.AsType[*APIError](err)
		if !ok || IsNotFound(err) || !strings.Contains(api.Explain(), "The body of the answer broke off") {
			t.Errorf("an answer that says nothing was taken for one about the order: %v", err)
		}
	}
	limit := &LimitError{Operation: "x", Wait: time.Second, Deadline: true, Rate: 0.0167, Burst: 20}
	if !errors.Is(limit, context.DeadlineExceeded) || errors.Is(limit, context.Canceled) || !IsThrottled(limit) {
		t.Error("misjudged a LimitError")
	}
}

// The session tokens of a signer must leave with the region of the client.
func TestSignerGetsTheRequestAsSent(t *testing.T) {
	f := new(fake)
	signed := ""
	client := f.client(WithSigner(signerFunc(func(req *http.Request) {
		signed = token(req) + req.Header.Get("User-Agent")
		req.Header.Set("Authorization", "AWS4-HMAC-SHA256 x")
	})))
	_, err := invokeRaw(t.Context(), client, getOrders, nil)
	check(t, err)
	if req := f.requests[0]; signed == "" || signed != token(req)+req.Header.Get("User-Agent") || req.Header.Get("Authorization") == "" {
		t.Error("the signer saw another request")
	}
	failing := f.client(WithSigner(failingSigner{}))
	_, err = invokeRaw(t.Context(), failing, getOrders, nil)
	wantText(t, err.Error(), "ordersv0.getOrders: sign: no AWS credentials")
	if len(f.requests) != 1 {
		t.Error("sent without a signature")
	}
}

type failingSigner struct{}

func (failingSigner) Sign(context.Context, *http.Request, marketplace.Region) error {
	return errors.New("no AWS credentials")
}
