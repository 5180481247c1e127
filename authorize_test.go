package spapi

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/openspapi/spapi/internal/wire"
)

func token(req *http.Request) string { return req.Header.Get("x-amz-access-token") }

func TestOneTokenForAThousandCalls(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := &fake{delay: func(*http.Request) time.Duration { return 100 * time.Millisecond }}
		app := NewApp(testCredentials, WithTransport(f), WithLimiter(unlimited{}))
		var wg sync.WaitGroup
		for range 1000 {
			wg.Go(func() { // clients of the same authorization share the token
				if _, err := invokeRaw(t.Context(), app.Client(testAuthorization), catalogItem, asin); err != nil {
					t.Error(err)
				}
			})
		}
		wg.Wait()
		if f.tokens != 1 || len(f.requests) != 1000 {
			t.Errorf("%d token requests for %d calls, want 1 for 1000", f.tokens, len(f.requests))
		}
		want := url.Values{"grant_type": {"refresh_token"}, "refresh_token": {testRefreshToken}, "client_id": {testClientID}, "client_secret": {testClientSecret}}
		if got := f.forms[0]; got.Encode() != want.Encode() {
			t.Errorf("the form was %v", got)
		}
	})
}

func TestCancelledCallerDoesNotFailTheOthers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := &fake{delay: func(*http.Request) time.Duration { return 100 * time.Millisecond }}
		client := f.client(WithLimiter(unlimited{}))
		first, cancel := context.WithCancel(t.Context())
		var wg sync.WaitGroup
		wg.Go(func() {
			if _, err := invokeRaw(first, client, catalogItem, asin); !errors.Is(err, context.Canceled) {
				t.Errorf("the cancelled call got %v", err)
			}
		})
		synctest.Wait() // it has begun the fetch
		for range 999 {
			wg.Go(func() {
				if _, err := invokeRaw(t.Context(), client, catalogItem, asin); err != nil {
					t.Error(err)
				}
			})
		}
		synctest.Wait()
		cancel()
		wg.Wait()
		if f.tokens != 1 {
			t.Errorf("%d token requests, want 1", f.tokens)
		}
	})
}

func TestWrongSecretIsAskedOnce(t *testing.T) {
	for _, code := range []string{"invalid_client", "invalid_grant", "unauthorized_client", "invalid_scope", "access_denied", "a_new_code"} {
		t.Run(code, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				f := new(fake)
				f.lwa = func(url.Values) *http.Response {
					return reply(401, fmt.Sprintf(`{"error":%q,"error_description":"Client authentication failed","request_id":"x"}`, code))
				}
				client := f.client(WithLimiter(unlimited{}))
				call := func() {
					_, err := invokeRaw(t.Context(), client, catalogItem, asin)
					var auth *AuthError
					if !errors.As(err, &auth) || auth.Code != code || auth.StatusCode != 401 || auth.RequestID == "" {
						t.Errorf("got %v, want an AuthError", err)
					}
				}
				var wg sync.WaitGroup
				for range 1000 {
					wg.Go(call)
				}
				wg.Wait()
				for range 1000 {
					call()
				}
				if f.tokens != 1 {
					t.Errorf("%d token requests, want 1", f.tokens)
				}
				time.Sleep(refusalLifetime)
				f.lwa = nil // put right at Amazon
				_, err := invokeRaw(t.Context(), client, catalogItem, asin)
				check(t, err)
			})
		})
	}
}

func TestTokenFetchSurvivesPassingFailures(t *testing.T) {
	refused := &net.OpError{Op: "dial", Err: errors.New("connection refused")}
	for name, fail := range map[string]func() (*http.Response, error){
		"500":              func() (*http.Response, error) { return reply(500, "<html>oops</html>", "Content-Type: text/html"), nil },
		"503 server_error": func() (*http.Response, error) { return reply(503, `{"error":"server_error"}`), nil },
		"400 server_error": func() (*http.Response, error) { return reply(400, `{"error":"server_error"}`), nil },
		"429":              func() (*http.Response, error) { return reply(429, ``), nil },
		"no connection":    func() (*http.Response, error) { return nil, refused },
		"HTML with 200":    func() (*http.Response, error) { return reply(200, "<html>", "Content-Type: text/html"), nil },
		"cut short":        func() (*http.Response, error) { return reply(200, `{"access_token":"Atza|ab`), nil },
		"empty":            func() (*http.Response, error) { return reply(200, ``), nil },
		"no token":         func() (*http.Response, error) { return reply(200, `{"token_type":"bearer"}`), nil },
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				f := new(fake)
				bad := 2
				f.lwa = func(url.Values) *http.Response {
					if bad--; bad < 0 {
						return nil
					}
					resp, _ := fail()
					return resp
				}
				if resp, _ := fail(); resp == nil {
					f.lwa = nil
					f.fail = func(req *http.Request) error {
						if bad--; bad >= 0 {
							return refused
						}
						return nil
					}
				}
				client := f.client()
				_, err := invokeRaw(t.Context(), client, catalogItem, asin)
				check(t, err)

				bad = 1000
				_, err = client.app.Client(Authorization{RefreshToken: NewSecret(testRefreshToken + "2"), Region: "na"}).AccessToken(t.Context())
				var auth *AuthError
				if !errors.As(err, &auth) {
					t.Fatalf("got %v, want an AuthError", err)
				}
				if bad != 995 {
					t.Errorf("%d attempts, want 5", 1000-bad)
				}
				if strings.Contains(err.Error(), "Atza|") {
					t.Errorf("a token in %v", err)
				}
			})
		})
	}
}

func TestTokenIsRenewedBeforeItExpires(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := new(fake)
		client := f.client(WithLimiter(unlimited{}))
		call := func() string {
			t.Helper()
			_, err := invokeRaw(t.Context(), client, catalogItem, asin)
			check(t, err)
			synctest.Wait()
			return token(f.requests[len(f.requests)-1])
		}
		first := call()
		time.Sleep(45*time.Minute - time.Second)
		if got := call(); got != first || f.tokens != 1 {
			t.Errorf("renewed too early, after %d token requests", f.tokens)
		}
		time.Sleep(10*time.Minute + 2*time.Second)
		if got := call(); got != first || f.tokens != 2 {
			t.Errorf("%d token requests five minutes before the end; want a second one, beside a call with the old token", f.tokens)
		}
		if got := call(); got == first || f.tokens != 2 {
			t.Errorf("the new token isn't used")
		}
		// If it cannot be renewed, the old one serves to its end.
		f.lwa = func(url.Values) *http.Response { return reply(503, ``) }
		time.Sleep(60*time.Minute - time.Second)
		call()
		time.Sleep(2 * time.Minute)
		if _, err := invokeRaw(t.Context(), client, catalogItem, asin); err == nil {
			t.Error("an expired token was used")
		}
	})
}

const expiredBody = `{"errors":[{"code":"Unauthorized","message":"Access to requested resource is denied.","details":"The access token you provided has expired."}]}`

func TestExpiredTokenIsReplacedOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := new(fake)
		bad := map[string]bool{}
		f.api = func(req *http.Request) *http.Response {
			if bad[token(req)] {
				return reply(403, expiredBody)
			}
			return nil
		}
		client := f.client(WithLimiter(unlimited{}))
		_, err := invokeRaw(t.Context(), client, catalogItem, asin)
		check(t, err)
		bad[token(f.requests[0])] = true
		var wg sync.WaitGroup
		for range 50 {
			wg.Go(func() {
				var r Response
				if _, err := invokeRaw(t.Context(), client, createFeed, feed, WithResponse(&r)); err != nil || r.Attempts > 2 {
					t.Error(err, r.Attempts)
				}
			})
		}
		wg.Wait()
		if f.tokens != 2 {
			t.Errorf("%d token requests, want 2: fifty calls share the new token", f.tokens)
		}
		for _, body := range f.bodies[1:] {
			if body != `{"feedType":"X"}` {
				t.Errorf("a repeat had the body %q", body)
			}
		}
		// A replacement that is refused too ends it.
		f.api = func(*http.Request) *http.Response { return reply(403, expiredBody) }
		before := len(f.requests)
		_, err = invokeRaw(t.Context(), client, catalogItem, asin)
		if n := len(f.requests) - before; n != 2 || !IsForbidden(err) {
			t.Errorf("%d attempts, %v: want 2 and the 403", n, err)
		}
	})
}

// A token that was good once and is called invalid is replaced once, as where its server has forgotten it. Where the new one is refused as well, that is
// asked for once a minute, however many calls there are.
func TestRevokedTokenIsReplaced(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := new(fake)
		bad := map[string]bool{}
		all := false
		f.api = func(req *http.Request) *http.Response {
			if all || bad[token(req)] {
				return reply(403, errorBody("Unauthorized", "Access to requested resource is denied.", "The access token you provided is revoked, malformed or invalid."))
			}
			return nil
		}
		client := f.client(WithLimiter(unlimited{}))
		calls := func(n int) int64 {
			var wg sync.WaitGroup
			var failed atomic.Int64
			for range n {
				wg.Go(func() {
					if _, err := invokeRaw(t.Context(), client, createFeed, feed); err != nil {
						failed.Add(1)
					}
				})
			}
			wg.Wait()
			return failed.Load()
		}
		if n := calls(1); n > 0 {
			t.Fatal("the first fails")
		}
		bad[token(f.requests[0])] = true
		time.Sleep(2 * time.Minute)
		if n := calls(50); n > 0 || f.tokens != 2 {
			t.Errorf("%d of 50 fail, %d token requests, want 2", n, f.tokens)
		}
		all = true
		for range 10 {
			time.Sleep(20 * time.Second)
			if n := calls(50); n != 50 {
				t.Errorf("%d of 50 fail", 50-n)
			}
		}
		if f.tokens < 4 || f.tokens > 6 { // in 200 seconds
			t.Errorf("%d token requests, want one a minute more", f.tokens)
		}
	})
}

func TestOther403AreNotRepeated(t *testing.T) {
	for _, details := range []string{"", "The LWA secret token you provided has expired.", "The access token you provided is revoked, malformed or invalid.",
		"Access token is missing in the request header."} {
		f := &fake{api: func(*http.Request) *http.Response {
			return reply(403, errorBody("Unauthorized", "Access to requested resource is denied.", details))
		}}
		_, err := invokeRaw(t.Context(), f.client(), catalogItem, asin)
		if !IsForbidden(err) || len(f.requests) != 1 || f.tokens != 1 {
			t.Errorf("%q: %d requests, %d token requests, %v", details, len(f.requests), f.tokens, err)
		}
	}
}

func TestGrantless(t *testing.T) {
	f := new(fake)
	app := NewApp(testCredentials, WithTransport(f))
	client := app.Client(Authorization{Region: "eu"}) // no refresh token is needed
	_, err := invokeRaw(t.Context(), client, "notificationsv1.getDestinations", nil)
	check(t, err)
	form := f.forms[0]
	if form.Get("grant_type") != "client_credentials" || form.Get("scope") != "sellingpartnerapi::notifications" || form.Has("refresh_token") {
		t.Errorf("the form was %v", form)
	}
	_, err = invokeRaw(t.Context(), client, catalogItem, asin)
	var config *ConfigError
	if !errors.As(err, &config) || config.Field != "refresh token" {
		t.Errorf("got %v, want a ConfigError for the refresh token", err)
	}
}

// Amazon's models don't tell all of which token an operation wants: a call may have the other kind, and counts as whose token it goes with.
func TestOtherKindOfToken(t *testing.T) {
	f := new(fake)
	client := f.client()
	_, err := invokeRaw(t.Context(), client, getOrder, orderID("1"), WithGrantless("sellingpartnerapi::notifications"))
	check(t, err)
	if form := f.forms[0]; form.Get("grant_type") != "client_credentials" || form.Get("scope") != "sellingpartnerapi::notifications" {
		t.Errorf("the form of a seller's operation was %v", form)
	}
	_, err = invokeRaw(t.Context(), client, "notificationsv1.getDestinations", nil, WithSellerToken())
	check(t, err)
	if form := f.forms[1]; form.Get("grant_type") != "refresh_token" {
		t.Errorf("the form of a grantless operation was %v", form)
	}
	_, err = invokeRaw(t.Context(), NewApp(testCredentials, WithTransport(f)).Client(Authorization{Region: "eu"}), "notificationsv1.getDestinations", nil, WithSellerToken())
	var config *ConfigError
	if !errors.As(err, &config) || config.Field != "refresh token" {
		t.Errorf("got %v, want a ConfigError for the refresh token", err)
	}
	f.api = func(*http.Request) *http.Response {
		return reply(403, errorBody("Unauthorized", "Access to requested resource is denied.", ""))
	}
	for _, test := range []struct {
		operation, want string
		option          CallOption
	}{
		{getOrder, "may not use the scope sellingpartnerapi::notifications", WithGrantless("sellingpartnerapi::notifications")},
		{"notificationsv1.getDestinations", "let the seller authorize again", WithSellerToken()},
	} {
		_, err := invokeRaw(t.Context(), client, test.operation, orderID("1"), test.option)
		var api *APIError
		if !errors.As(err, &api) {
			t.Fatalf("got %v", err)
		}
		wantText(t, api.Explain(), test.want)
	}
}

func TestWithToken(t *testing.T) {
	f := new(fake)
	_, err := invokeRaw(t.Context(), f.client(), getOrder, orderID("1"), WithAccessToken("Atz.sprdt|delegated"))
	check(t, err)
	if f.tokens+f.minted != 0 || token(f.requests[0]) != "Atz.sprdt|delegated" {
		t.Errorf("%d tokens, %d minted, sent %q", f.tokens, f.minted, token(f.requests[0]))
	}
	for _, bad := range []string{"", "Atza|x\n", `"Atza|x"`} {
		_, err := invokeRaw(t.Context(), f.client(), getOrder, orderID("1"), WithAccessToken(bad))
		if !errors.As(err, new(*ConfigError)) || len(f.requests) != 1 {
			t.Errorf("%q: got %v", bad, err)
		}
	}
	f.api = func(*http.Request) *http.Response { return reply(403, expiredBody) }
	_, err = invokeRaw(t.Context(), f.client(), getOrder, orderID("1"), WithAccessToken("Atz.sprdt|delegated"))
	var api *APIError
	if !errors.As(err, &api) || len(f.requests) != 2 {
		t.Fatalf("got %v after %d requests", err, len(f.requests))
	}
	wantText(t, api.Explain(), "that the call brought along has expired")
}

func TestRestrictedTokens(t *testing.T) {
	for _, test := range []struct {
		name      string
		operation string
		encode    func(*wire.Request)
		opts      []CallOption
		resource  string // what is asked for; "" where a plain token does
	}{
		{"always", "merchantfulfillmentv0.getShipment", func(r *wire.Request) { r.Path("shipmentId", "s1") }, nil,
			`{"method":"GET","path":"/mfn/v0/shipments/{shipmentId}"}`},
		{"orders without the option", getOrders, nil, nil, ""},
		{"orders, all elements", getOrders, nil, []CallOption{WithRestrictedData()},
			`{"method":"GET","path":"/orders/v0/orders","dataElements":["buyerInfo","shippingAddress"]}`},
		{"order, one element", getOrder, orderID("1"), []CallOption{WithRestrictedData("buyerInfo")},
			`{"method":"GET","path":"/orders/v0/orders/{orderId}","dataElements":["buyerInfo"]}`},
		{"elements twice, in one string", getOrder, orderID("1"), []CallOption{WithRestrictedData("shippingAddress, buyerInfo", "buyerInfo")},
			`{"method":"GET","path":"/orders/v0/orders/{orderId}","dataElements":["buyerInfo","shippingAddress"]}`},
		{"no data elements to choose", "ordersv0.getOrderAddress", orderID("1"), []CallOption{WithRestrictedData()},
			`{"method":"GET","path":"/orders/v0/orders/{orderId}/address"}`},
		{"orders 2026", "orders20260101.searchOrders", nil, nil, ""},
		{"document of an unknown type", "reports20210630.getReportDocument", document, nil, ""},
		{"document of an open type", "reports20210630.getReportDocument", document, []CallOption{WithReportType("GET_MERCHANT_LISTINGS_ALL_DATA")}, ""},
		{"document of a restricted type", "reports20210630.getReportDocument", document, []CallOption{WithReportType("GET_VAT_TRANSACTION_DATA")},
			`{"method":"GET","path":"/reports/2021-06-30/documents/amzn1.spdoc.1%2F2"}`},
		{"document, restricted by will", "reports20210630.getReportDocument", document, []CallOption{WithRestrictedData()},
			`{"method":"GET","path":"/reports/2021-06-30/documents/amzn1.spdoc.1%2F2"}`},
	} {
		t.Run(test.name, func(t *testing.T) {
			f := new(fake)
			_, err := invokeRaw(t.Context(), f.client(), test.operation, test.encode, test.opts...)
			check(t, err)
			sent := token(f.requests[len(f.requests)-1])
			if test.resource == "" {
				if f.minted != 0 || !strings.HasPrefix(sent, testAccessToken) {
					t.Errorf("%d restricted tokens, sent %q", f.minted, sent)
				}
				return
			}
			if want := `{"restrictedResources":[` + test.resource + `]}`; f.minted != 1 || f.bodies[0] != want {
				t.Errorf("%d minted with\n%s, want\n%s", f.minted, f.bodies[0], want)
			}
			if !strings.HasPrefix(token(f.requests[0]), testAccessToken) || !strings.HasPrefix(sent, testRestricted) {
				t.Errorf("minted with %q, sent %q", token(f.requests[0]), sent)
			}
		})
	}
}

func document(r *wire.Request) { r.Path("reportDocumentId", "amzn1.spdoc.1/2") }

func TestRestrictedTokenIsShared(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := &fake{delay: func(*http.Request) time.Duration { return 100 * time.Millisecond }}
		client := f.client(WithLimiter(unlimited{}))
		var wg sync.WaitGroup
		var failed atomic.Int64
		for i := range 1000 {
			wg.Go(func() {
				if _, err := invokeRaw(t.Context(), client, getOrder, orderID(fmt.Sprint(i)), WithRestrictedData()); err != nil {
					failed.Add(1)
				}
			})
		}
		wg.Wait()
		if f.minted != 1 || f.tokens != 1 || failed.Load() != 0 {
			t.Errorf("%d restricted tokens and %d access tokens for 1000 orders, %d failed: want 1, 1, 0", f.minted, f.tokens, failed.Load())
		}
		for i := range 3 { // concrete paths have tokens of their own
			_, err := invokeRaw(t.Context(), client, "reports20210630.getReportDocument", func(r *wire.Request) { r.Path("reportDocumentId", fmt.Sprint(i)) }, WithRestrictedData())
			check(t, err)
		}
		_, err := invokeRaw(t.Context(), client, getOrder, orderID("1"), WithRestrictedData("buyerInfo"))
		check(t, err)
		if f.minted != 5 {
			t.Errorf("%d restricted tokens, want 5", f.minted)
		}
		// An hour later all are stale.
		time.Sleep(time.Hour)
		_, err = invokeRaw(t.Context(), client, getOrder, orderID("1"), WithRestrictedData())
		check(t, err)
		if f.minted != 6 || f.tokens != 2 {
			t.Errorf("%d restricted tokens, %d access tokens, want 6 and 2", f.minted, f.tokens)
		}
	})
}

func TestRestrictedTokenRefused(t *testing.T) {
	f := new(fake)
	f.mint = func(string) *http.Response {
		return reply(400, errorBody("InvalidInput", "Application does not have access to one or more requested data elements: [buyerInfo]", ""))
	}
	client := f.client()
	for range 20 {
		_, err := invokeRaw(t.Context(), client, getOrder, orderID("1"), WithRestrictedData())
		var api *APIError
		if !errors.As(err, &api) || api.Operation != "tokens20210301.createRestrictedDataToken" {
			t.Fatalf("got %v, want the APIError of createRestrictedDataToken", err)
		}
		wantText(t, err.Error(), "ordersv0.getOrder: restricted data token")
		wantText(t, api.Explain(), "lacks a role")
	}
	if f.minted != 1 {
		t.Errorf("asked %d times, want once", f.minted)
	}
	synctest.Test(t, func(t *testing.T) {
		for _, body := range []string{``, `{}`, `<html>`, `{"restrictedDataToken":`, `{"restrictedDataToken":""}`, `{"expiresIn":3600}`} {
			f := &fake{mint: func(string) *http.Response { return reply(200, body) }}
			_, err := invokeRaw(t.Context(), f.client(), getOrder, orderID("1"), WithRestrictedData())
			if !errors.As(err, new(*DecodeError)) {
				t.Errorf("%q: got %v, want a DecodeError", body, err)
			}
		}
	})
	f = &fake{mint: func(string) *http.Response {
		return reply(200, `{"payload":{"restrictedDataToken":"Atz.sprdt|old","expiresIn":3600}}`)
	}}
	_, err := invokeRaw(t.Context(), f.client(), getOrder, orderID("1"), WithRestrictedData())
	check(t, err)
}

func TestRestrictedDataMisused(t *testing.T) {
	for operation, opt := range map[string]CallOption{
		catalogItem:                         WithRestrictedData(),
		getOrder:                            WithRestrictedData("buyerTaxInformation2"),
		"ordersv0.getOrderAddress":          WithRestrictedData("buyerInfo"),
		"reports20210630.getReportDocument": WithRestrictedData("buyerInfo"),
	} {
		f := new(fake)
		_, err := invokeRaw(t.Context(), f.client(), operation, func(r *wire.Request) {
			for _, name := range []string{"asin", "orderId", "reportDocumentId"} {
				r.Path(name, "x")
			}
		}, opt)
		if !errors.As(err, new(*ConfigError)) || len(f.requests)+f.tokens != 0 {
			t.Errorf("%s: got %v and %d requests, want a ConfigError and none", operation, err, len(f.requests))
		}
	}
}

func TestSandboxUsesRestrictedTokensOfProduction(t *testing.T) {
	f := new(fake)
	auth := testAuthorization
	auth.Sandbox = true
	_, err := invokeRaw(t.Context(), NewApp(testCredentials, WithTransport(f)).Client(auth), getOrder, orderID("1"), WithRestrictedData())
	check(t, err)
	if got := f.requests[0].URL.Host + " " + f.requests[1].URL.Host; got != "sellingpartnerapi-na.amazon.com sandbox.sellingpartnerapi-na.amazon.com" {
		t.Errorf("went to %s", got)
	}
}

// The sandbox takes an access token where production wants a restricted one.
func TestSandboxNeedsNoRestrictedToken(t *testing.T) {
	sandbox := testAuthorization
	sandbox.Sandbox = true
	for operation, opts := range map[string][]CallOption{
		"merchantfulfillmentv0.getShipment":        nil,
		"shippingv1.getShipment":                   nil,
		"ordersv0.getOrderAddress":                 nil,
		"reports20210630.getReportDocument":        {WithReportType("GET_FLAT_FILE_ACTIONABLE_ORDER_DATA_SHIPPING")},
		"vendordirectfulfillmentordersv1.getOrder": nil,
	} {
		f := new(fake)
		_, err := invokeRaw(t.Context(), NewApp(testCredentials, WithTransport(f)).Client(sandbox), operation, func(r *wire.Request) {
			for _, name := range []string{"shipmentId", "orderId", "reportDocumentId", "purchaseOrderNumber"} {
				r.Path(name, "x")
			}
		}, opts...)
		check(t, err)
		if f.minted != 0 || len(f.requests) != 1 || !strings.HasPrefix(f.requests[0].Header.Get("x-amz-access-token"), "Atza|") {
			t.Errorf("%s: %d restricted tokens, %d requests", operation, f.minted, len(f.requests))
		}
	}
}

func TestExchange(t *testing.T) {
	f := new(fake)
	f.lwa = func(form url.Values) *http.Response {
		if form.Get("code") != "ANcode" {
			return reply(400, `{"error":"invalid_grant","error_description":"The request has an invalid grant parameter : code"}`)
		}
		return reply(200, fmt.Sprintf(`{"access_token":"Atza|x","refresh_token":%q,"expires_in":3600}`, testRefreshToken))
	}
	app := NewApp(testCredentials, WithTransport(f))
	auth, err := app.Exchange(t.Context(), "ANcode", "https://example.com/callback")
	check(t, err)
	if auth.RefreshToken.Reveal() != testRefreshToken {
		t.Error("wrong refresh token")
	}
	if form := f.forms[0]; form.Get("grant_type") != "authorization_code" || form.Get("redirect_uri") != "https://example.com/callback" {
		t.Errorf("the form was %v", form)
	}
	_, err = app.Exchange(t.Context(), "ANstale", "")
	var refused *AuthError
	if !errors.As(err, &refused) || refused.Code != "invalid_grant" {
		t.Fatalf("got %v", err)
	}
	wantText(t, refused.Explain(), "older than five minutes")
	for _, bad := range []string{"", " ANcode", testRefreshToken, testAccessToken} {
		if _, err := app.Exchange(t.Context(), bad, ""); !errors.As(err, new(*ConfigError)) {
			t.Errorf("%q: got %v", bad, err)
		}
	}
	f.lwa = func(url.Values) *http.Response { return reply(200, `{"access_token":"Atza|x"}`) }
	if _, err = app.Exchange(t.Context(), "ANcode", ""); !errors.As(err, &refused) {
		t.Errorf("got %v", err)
	}
}

// An authorization code works once: it is not sent again after a failure that may have used it.
func TestExchangeIsNotRepeated(t *testing.T) {
	f := &fake{lwa: func(url.Values) *http.Response { return reply(503, ``) }}
	const used = "may have been used up"
	var failed *AuthError
	if _, err := NewApp(testCredentials, WithTransport(f)).Exchange(t.Context(), "ANcode", ""); !errors.As(err, &failed) || f.tokens != 1 {
		t.Errorf("%d requests, %v", f.tokens, err)
	}
	wantText(t, failed.Explain(), used)
	for text, e := range map[string]*AuthError{
		"cut": {Grant: "authorization_code", Err: io.ErrUnexpectedEOF}, "no token": {Grant: "authorization_code", StatusCode: 200},
		"unsent": {Grant: "authorization_code", Err: &net.OpError{Op: "dial", Err: io.EOF}}, "refused": {Grant: "authorization_code", StatusCode: 400,
			Code: "invalid_grant"},
		"another grant": {Grant: "refresh_token", Err: io.ErrUnexpectedEOF},
	} {
		if got := strings.Contains(e.Explain(), used); got != (text == "cut" || text == "no token") {
			t.Errorf("%s: %s", text, e.Explain())
		}
	}
}

func TestTokensGoOnlyWhereTheyMay(t *testing.T) {
	named := []Option{WithEndpoint("http://127.0.0.1:8080/base/"), WithTokenURL("http://localhost:9090/auth/o2/token")}
	for _, test := range []struct {
		url     string
		options []Option
		ok      bool
	}{
		{"/orders/v0/orders", nil, true},
		{"orders/v0/orders", nil, true},
		{"https://sellingpartnerapi-na.amazon.com/orders/v0/orders", nil, true},
		{"https://sellingpartnerapi-NA.amazon.com:443/orders/v0/orders", nil, true},
		{"https://sandbox.sellingpartnerapi-eu.amazon.com/orders/v0/orders", nil, true},
		{"http://sellingpartnerapi-na.amazon.com/orders/v0/orders", nil, false},
		{"https://sellingpartnerapi-na.amazon.com.evil.example/orders/v0/orders", nil, false},
		{"https://evil.example/orders/v0/orders", nil, false},
		{"https://api.amazon.com/orders/v0/orders", nil, false},
		{"https://sellingpartnerapi-na.amazon.com:8443/orders/v0/orders", nil, false},
		{"http://127.0.0.1:8080/orders/v0/orders", nil, false},
		{"/orders/v0/orders", named, true},
		{"http://127.0.0.1:8080/base/orders/v0/orders", named, true},
		{"https://127.0.0.1:8080/base/orders/v0/orders", named, false},
		{"http://127.0.0.1:8081/orders/v0/orders", named, false},
	} {
		f := new(fake)
		req, err := http.NewRequest("GET", test.url, nil)
		check(t, err)
		resp, err := f.client(test.options...).Do(req)
		if resp != nil {
			_ = resp.Body.Close()
		}
		switch {
		case test.ok:
			check(t, err)
		case !errors.As(err, new(*ConfigError)) || len(f.requests)+f.tokens != 0:
			t.Errorf("%s: got %v after %d requests and %d token requests, want a ConfigError before any", test.url, err, len(f.requests), f.tokens)
		}
	}
}

func TestRedirectsAreNotFollowed(t *testing.T) {
	f := &fake{api: func(*http.Request) *http.Response { return reply(307, ``, "Location: https://evil.example/") }}
	client := f.client()
	_, err := invokeRaw(t.Context(), client, catalogItem, asin)
	var api *APIError
	if !errors.As(err, &api) || api.StatusCode != 307 || len(f.requests) != 1 {
		t.Fatalf("got %v after %d requests", err, len(f.requests))
	}
	wantText(t, api.Explain(), "does not redirect")
	// An http.Client around the transport does follow, and meets the check.
	_, err = (&http.Client{Transport: client.Transport()}).Get("https://sellingpartnerapi-na.amazon.com/x")
	if !errors.As(err, new(*ConfigError)) || len(f.requests) != 2 {
		t.Errorf("got %v after %d requests", err, len(f.requests))
	}
}

// A redirect of the token endpoint is not followed either: the request that it asks for would carry the client secret.
func TestTokenRedirectsAreNotFollowed(t *testing.T) {
	for _, status := range []int{301, 302, 303, 307, 308} {
		synctest.Test(t, func(t *testing.T) { // pauses, if there were any, take no time
			f := new(fake)
			var hosts []string
			f.lwa = func(url.Values) *http.Response {
				if len(hosts) > 1 {
					return nil // whoever follows gets a token
				}
				return reply(status, ``, "Location: https://evil.example/auth/o2/token")
			}
			f.hook = func(_ string, req *http.Request) { hosts = append(hosts, req.URL.Host) }
			app := NewApp(testCredentials, WithTransport(f))
			for name, ask := range map[string]func() error{
				"refresh": func() error {
					_, err := app.Client(testAuthorization).AccessToken(t.Context())
					return err
				},
				"grantless": func() error {
					_, err := invokeRaw(t.Context(), app.Client(testAuthorization), "notificationsv1.getDestinations", nil)
					return err
				},
				"code": func() error {
					_, err := app.Exchange(t.Context(), "ANcode", "")
					return err
				},
			} {
				hosts = nil
				err := ask()
				var auth *AuthError
				if !errors.As(err, &auth) || auth.StatusCode != status {
					t.Errorf("%d, %s: got %v, want an AuthError with that status", status, name, err)
					continue
				}
				wantText(t, auth.Explain(), "does not redirect")
				if !slices.Equal(hosts, []string{"api.amazon.com"}) {
					t.Errorf("%d, %s: requests went to %v, want one to api.amazon.com", status, name, hosts)
				}
			}
		})
	}
}

// Each seller has restricted tokens of its own, minted with its own access token.
func TestRestrictedTokensAreKeptApart(t *testing.T) {
	f := new(fake)
	sandbox, europe, other := testAuthorization, testAuthorization, testAuthorization
	sandbox.Sandbox = true
	europe.Region = "eu"
	other.RefreshToken = NewSecret(other.RefreshToken.Reveal() + "other")
	app := NewApp(testCredentials, WithTransport(f))
	elsewhere := NewApp(testCredentials, WithTransport(f), WithTokenStore(app.config.tokens), WithEndpoint("http://127.0.0.1:1"))
	seen := map[string]string{}
	for name, client := range map[string]*Client{
		"seller": app.Client(testAuthorization), "other seller": app.Client(other), "other region": app.Client(europe),
		"other endpoint": elsewhere.Client(testAuthorization), "sandbox of the other endpoint": elsewhere.Client(sandbox),
	} {
		for _, operation := range []string{getOrder, "ordersv0.getOrderAddress"} {
			for _, id := range []string{"1", "2"} {
				_, err := invokeRaw(t.Context(), client, operation, orderID(id), WithRestrictedData())
				check(t, err)
			}
			got := token(f.requests[len(f.requests)-1])
			if before := seen[got]; before != "" {
				t.Errorf("%s of %s goes with the token of %s", operation, name, before)
			}
			seen[got] = operation + " of " + name
		}
	}
	if len(seen) != 10 || f.minted != 10 {
		t.Errorf("%d restricted tokens, want 10: two operations for each of five", f.minted)
	}
}

// A restricted token is kept by method and path: for the path as Amazon knows it, without the prefix of an endpoint of one's own.
func TestRestrictedTokensByMethodAndPath(t *testing.T) {
	f := new(fake)
	client := f.client(WithEndpoint("http://127.0.0.1:1/prefix"))
	for _, operation := range []string{"merchantfulfillmentv0.getShipment", "merchantfulfillmentv0.cancelShipment"} {
		for range 2 {
			_, err := invokeRaw(t.Context(), client, operation, func(r *wire.Request) { r.Path("shipmentId", "s1") })
			check(t, err)
		}
	}
	if f.minted != 2 {
		t.Errorf("%d restricted tokens, want one for each method", f.minted)
	}
	_, err := invokeRaw(t.Context(), client, "reports20210630.getReportDocument", document, WithRestrictedData())
	check(t, err)
	if body := f.bodies[len(f.bodies)-2]; body != `{"restrictedResources":[{"method":"GET","path":"/reports/2021-06-30/documents/amzn1.spdoc.1%2F2"}]}` {
		t.Errorf("asked for %s", body)
	}
}

// An odd time of expiry is no reason to throw the token away.
func TestRestrictedTokenExpiry(t *testing.T) {
	for _, expires := range []string{"1e300", "-5", "0", "null"} {
		f := new(fake)
		f.mint = func(string) *http.Response {
			return reply(200, fmt.Sprintf(`{"restrictedDataToken":"Atz.sprdt|%d","expiresIn":%s}`, f.minted, expires))
		}
		client := f.client()
		for range 3 {
			_, err := invokeRaw(t.Context(), client, getOrder, orderID("1"), WithRestrictedData())
			check(t, err)
		}
		if f.minted != 1 {
			t.Errorf("expiresIn %s: %d restricted tokens, want 1", expires, f.minted)
		}
	}
}

// A 403 is read for what it says, and handed on: with its length, what ended it, and within bounds.
func TestForbiddenBodyIsHandedOn(t *testing.T) {
	broken := errors.New("connection reset")
	secret := `{"errors":[{"code":"X","message":"` + testAccessToken + `-1 and more"}]}`
	f := &fake{api: func(*http.Request) *http.Response {
		return reply(403, secret, fmt.Sprintf("Content-Length: %d", len(secret)))
	}}
	get := func(client *Client) *http.Response {
		req, err := http.NewRequest("GET", "/orders/v0/orders/1", nil)
		check(t, err)
		req.Header.Set("User-Agent", "Mine/1")
		resp, err := client.Do(req)
		check(t, err)
		return resp
	}
	client := f.client()
	resp := get(client)
	body, err := io.ReadAll(resp.Body)
	check(t, err)
	if n := int64(len(body)); resp.ContentLength != n || resp.Header.Get("Content-Length") != fmt.Sprint(n) || n >= int64(len(secret)) {
		t.Errorf("%d bytes, told as %d and %q", n, resp.ContentLength, resp.Header.Get("Content-Length"))
	}
	noSecrets(t, string(body))
	if got := f.requests[0].Header.Get("User-Agent"); got != "Mine/1" {
		t.Errorf("the caller's User-Agent became %q", got)
	}
	f.api = func(*http.Request) *http.Response {
		resp := reply(403, "")
		resp.Body = io.NopCloser(io.MultiReader(strings.NewReader("start"), failing{broken}))
		return resp
	}
	if body, err := io.ReadAll(get(client).Body); string(body) != "start" || err != broken {
		t.Errorf("read %q, %v", body, err)
	}
	if n, err := io.Copy(io.Discard, get(client).Body); n != 5 || err != broken {
		t.Errorf("copied %d bytes, %v", n, err)
	}
	f.api = func(*http.Request) *http.Response { return reply(403, strings.Repeat("x", 3*maxErrorBody)) }
	if body, _ := io.ReadAll(get(client).Body); len(body) != maxErrorBody {
		t.Errorf("%d bytes of an endless 403 are kept, want %d", len(body), maxErrorBody)
	}
}

func TestBaseURLs(t *testing.T) {
	for url, want := range map[string]string{
		"https://gateway.example/sp": "", "http://localhost:1": "", "http://spapi.localhost": "", "http://127.0.0.1:1/": "", "http://[::1]:1": "",
		"http://gateway.example": "must be https", "http://notlocalhost": "must be https", "http://10.0.0.1": "must be https",
		"https://user:canaryCANARY@gateway.example": "must not hold a user", "https://gateway.example?x=1": "must not hold a query",
		"https://gateway.example#x": "must not hold a query", "gateway.example": "absolute URL", "ftp://gateway.example": "absolute URL", "https://": "absolute URL",
		"https://a b": "is not a URL",
	} {
		for field, option := range map[string]Option{"endpoint": WithEndpoint(url), "token URL": WithTokenURL(url)} {
			err := new(fake).client(option).Check()
			var config *ConfigError
			switch {
			case want == "":
				check(t, err)
			case !errors.As(err, &config) || config.Field != field || !strings.Contains(err.Error(), want):
				t.Errorf("%s %s: got %v, want %q", field, url, err, want)
			default:
				noSecrets(t, err.Error())
			}
		}
	}
}

// Applications that share a store share no token that isn't theirs.
func TestTokensAreKeptApart(t *testing.T) {
	f := new(fake)
	store := NewTokenStore()
	withStore := func(c Credentials, options ...Option) *App {
		return NewApp(c, append(options, WithTransport(f), WithTokenStore(store), WithLimiter(unlimited{}))...)
	}
	otherID := Credentials{ClientID: testClientID + "0", ClientSecret: NewSecret(testClientSecret)}
	other, sandbox, europe := testAuthorization, testAuthorization, testAuthorization
	other.RefreshToken = NewSecret(other.RefreshToken.Reveal() + "other")
	sandbox.Sandbox = true
	europe.Region = "eu"
	app := withStore(testCredentials)
	seen := map[string]string{} // token -> whose it is
	for _, c := range []struct {
		whose, grantless string
		client           *Client
	}{
		{"seller", "application", app.Client(testAuthorization)},
		{"other seller", "application", app.Client(other)}, // a grantless token is no seller's
		{"seller in the sandbox", "application in the sandbox", app.Client(sandbox)},
		{"other application's", "other application", withStore(otherID).Client(testAuthorization)},
		{"other host's", "application at the other host", withStore(testCredentials, WithTokenURL("https://other.example/auth/o2/token")).Client(testAuthorization)},
		{"other path's", "application at the other path", withStore(testCredentials, WithTokenURL("https://api.amazon.com/other/auth/o2/token")).Client(testAuthorization)},
	} {
		for operation, whose := range map[string]string{getOrders: c.whose, "notificationsv1.getDestinations": c.grantless + ": notifications",
			"application20231130.rotateApplicationClientSecret": c.grantless + ": rotation"} {
			_, err := invokeRaw(t.Context(), c.client, operation, nil)
			check(t, err)
			got := token(f.requests[len(f.requests)-1])
			if before, ok := seen[got]; ok && before != whose {
				t.Errorf("the token of %s serves %s", before, whose)
			}
			seen[got] = whose
		}
	}
	if f.tokens != 6+2*5 {
		t.Errorf("%d token requests, want 16: one for each seller's and two for each application", f.tokens)
	}
	// One authorization in two regions is one token, and a new secret gets no other.
	before := f.tokens
	for _, client := range []*Client{app.Client(europe), app.WithClientSecret("amzn1.oa2-cs.v1.another").Client(testAuthorization)} {
		_, err := invokeRaw(t.Context(), client, getOrders, nil)
		check(t, err)
	}
	if f.tokens != before {
		t.Errorf("%d more token requests, want none", f.tokens-before)
	}
}

// The application stays the same when its secret changes: nothing starts anew but what was refused to the old secret.
func TestWithClientSecret(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := new(fake)
		valid := "amzn1.oa2-cs.v1.new5ecre7canary"
		f.lwa = func(form url.Values) *http.Response {
			if form.Get("client_secret") != valid {
				return reply(401, `{"error":"invalid_client"}`)
			}
			return nil
		}
		app := NewApp(testCredentials, WithTransport(f), WithRetry(RetryPolicy{Budget: 3}))
		if _, err := invokeRaw(t.Context(), app.Client(testAuthorization), getOrder, orderID("1")); !IsTokenRefused(err) {
			t.Fatalf("got %v, want a refused token", err)
		}
		changed := app.WithClientSecret(valid)
		check(t, changed.Client(testAuthorization).Check())
		_, err := invokeRaw(t.Context(), changed.Client(testAuthorization), getOrder, orderID("1"))
		check(t, err)
		if got := f.forms[1].Get("client_secret"); got != valid || f.tokens != 2 {
			t.Errorf("%d token requests, the last with another secret: %t", f.tokens, got != valid)
		}
		// The limit: burst 30, of which one call is gone, and one that got no token.
		for range 28 {
			_, err := invokeRaw(t.Context(), app.Client(testAuthorization), getOrder, orderID("1"), WithFailFast(0))
			check(t, err)
		}
		if _, err := invokeRaw(t.Context(), changed.Client(testAuthorization), getOrder, orderID("1"), WithFailFast(0)); !errors.As(err, new(*LimitError)) {
			t.Errorf("got %v, want a LimitError: the limit is the application's, whatever its secret", err)
		}
		// The retry budget.
		f.api = func(*http.Request) *http.Response { return reply(503, `{}`) }
		before := len(f.requests)
		for _, a := range []*App{app, changed} {
			for range 3 {
				_, _ = invokeRaw(t.Context(), a.Client(testAuthorization), getOrders, nil)
			}
		}
		if n := len(f.requests) - before; n != 9 {
			t.Errorf("%d requests for six calls, want 9 with the budget of 3 that both share", n)
		}
		if err := app.WithClientSecret("").Client(testAuthorization).Check(); !errors.As(err, new(*ConfigError)) {
			t.Errorf("no secret: got %v, want a ConfigError", err)
		}
		check(t, app.WithClientSecret("").WithClientSecret(valid).Client(testAuthorization).Check())
		noSecrets(t, every(t, changed)...)
	})
}

// An expired token is dropped once: calls that met it late must not drop the one that came in its place.
func TestRenewedTokenIsNotDropped(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := new(fake)
		first := ""
		var n atomic.Int64
		f.delay = func(req *http.Request) time.Duration {
			if req.URL.Host == "api.amazon.com" {
				return 0 // so that the new token is there when the next answer comes
			}
			return time.Duration(n.Add(1)) * time.Second // each answer comes when the one before has been dealt with
		}
		f.api = func(req *http.Request) *http.Response {
			if first == "" {
				first = token(req)
			}
			if token(req) == first {
				return reply(403, expiredBody)
			}
			return nil
		}
		client := f.client(WithLimiter(unlimited{}))
		_, err := client.AccessToken(t.Context())
		check(t, err)
		var wg sync.WaitGroup
		for range 10 {
			wg.Go(func() {
				_, err := invokeRaw(t.Context(), client, catalogItem, asin)
				if err != nil {
					t.Error(err)
				}
			})
		}
		wg.Wait()
		if f.tokens != 2 {
			t.Errorf("%d token requests, want 2", f.tokens)
		}
	})
}

func TestTokenStoreThrowsStaleTokensAway(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := NewTokenStore()
		for i := range 10_000 {
			_, err := store.Get(t.Context(), TokenRequest{Key: fmt.Sprint(i), Fetch: func(context.Context, <-chan struct{}) (Token, error) {
				return Token{Value: NewSecret("x"), Expires: time.Now().Add(time.Hour)}, nil
			}})
			check(t, err)
			time.Sleep(time.Minute)
		}
		if n := len(store.(*tokenStore).entries); n > 200 {
			t.Errorf("%d entries are kept, of which 60 are fresh", n)
		}
	})
}
