package spapi

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/openspapi/spapi/internal/wire"
)

func TestRequestAsSent(t *testing.T) {
	for _, test := range []struct {
		operation string
		encode    func(*wire.Request)
		want      string // method and request URI
		body      string
	}{
		{getOrders, func(r *wire.Request) {
			wire.QueryCSV(r, "MarketplaceIds", []string{"A1", "A2"}, wire.Required)
			wire.QueryString(r, "NextToken", "a+b/c= d", wire.Optional)
		}, "GET /orders/v0/orders?MarketplaceIds=A1%2CA2&NextToken=a%2Bb%2Fc%3D%20d", ""},
		{"listingsitems20210801.getListingsItem", func(r *wire.Request) {
			r.Path("sellerId", "S1")
			r.Path("sku", `a/b c%2Fd+e?f#g"ü`)
		}, "GET /listings/2021-08-01/items/S1/a%2Fb%20c%252Fd%2Be%3Ff%23g%22%C3%BC", ""},
		{"uploads20201101.createUploadDestinationForResource", func(r *wire.Request) { r.Path("resource", "aplus/2020-11-01/content Documents") },
			"POST /uploads/2020-11-01/uploadDestinations/aplus/2020-11-01/content%20Documents", ""},
		{createFeed, func(r *wire.Request) { r.JSON(map[string]string{"x": "a&b<c>"}) }, "POST /feeds/2021-06-30/feeds", `{"x":"a&b<c>"}`},
	} {
		for _, base := range []string{"", "http://127.0.0.1:1/proxy"} {
			f := new(fake)
			_, err := invokeRaw(t.Context(), f.client(WithEndpoint(base), WithUserAgent("Test/1")), test.operation, test.encode)
			check(t, err)
			req := f.requests[0]
			want := test.want
			if base != "" {
				want = strings.Replace(want, " ", " /proxy", 1)
			}
			if got := req.Method + " " + req.URL.RequestURI(); got != want {
				t.Errorf("sent %s\nwant %s", got, want)
			}
			if f.bodies[0] != test.body || test.body != "" && req.Header.Get("Content-Type") != "application/json" {
				t.Errorf("body %s, type %q", f.bodies[0], req.Header.Get("Content-Type"))
			}
			if !strings.HasPrefix(req.Header.Get("User-Agent"), "Test/1 (Language=Go/") {
				t.Errorf("user agent %q", req.Header.Get("User-Agent"))
			}
			if f.requests[0].Context().Value(callKey{}).(*call).op.ID != test.operation {
				t.Error("another operation")
			}
		}
	}
}

func TestInputErrors(t *testing.T) {
	for name, encode := range map[string]func(*wire.Request){
		"asin: is required":      func(r *wire.Request) { r.Path("asin", "") },
		"cannot stand in a path": func(r *wire.Request) { r.Path("asin", "..") },
		"asin":                   nil,
	} {
		f := new(fake)
		_, err := invokeRaw(t.Context(), f.client(), catalogItem, encode)
		var config *ConfigError
		if !errors.As(err, &config) || len(f.requests)+f.tokens != 0 {
			t.Errorf("%s: got %v after %d requests", name, err, len(f.requests))
			continue
		}
		wantText(t, err.Error(), name, catalogItem)
	}
	_, err := invokeRaw(t.Context(), new(fake).client(), catalogItem, func(r *wire.Request) { r.Path("asin", "..") })
	bad, _ := errors.AsType[*ConfigError](err)
	if bad.Field != "asin" || bad.Value != ".." || !strings.Contains(bad.Want, "want an id") || bad.Err != nil {
		t.Errorf("got %+v", bad)
	}
	_, err = invokeRaw(t.Context(), new(fake).client(), createFeed, func(r *wire.Request) { r.JSON(func() {}) })
	wantText(t, err.Error(), "cannot be written as JSON")
	_, err = invokeRaw(t.Context(), new(fake).client(), "no.such", nil)
	wantText(t, err.Error(), `operation "no.such": is unknown: want an id`)
}

// What comes back, and what becomes of it. Each bad answer is a typed error that says what to do.
func TestAnswers(t *testing.T) {
	const html = "<!DOCTYPE html><html><head><title>502</title></head><body>Bad <b>Gateway</b></body></html>"
	brokenBody := func(status int) *http.Response {
		resp := reply(status, "")
		resp.Body = io.NopCloser(io.MultiReader(strings.NewReader(`{"payload":`), failing{errors.New("connection reset")}))
		resp.ContentLength = -1
		return resp
	}
	short := reply(200, `{"payload":{"a":1`)
	short.ContentLength = 1000
	dripping := reply(200, "  ")
	dripping.ContentLength = 1000
	for _, test := range []struct {
		name   string
		answer *http.Response
		want   string // in the error's text; "" for none
		advice string // in Explain
		as     any
	}{
		{"result", reply(200, `{"payload":{}}`), "", "", nil},
		{"errors beside a result", reply(200, `{"payload":{},"errors":[{"code":"Partial"}]}`), "", "", nil},
		{"207 with a result and errors", reply(207, `{"items":[1],"errors":[{"code":"Partial"}]}`), "", "", nil},
		{"no errors and no result", reply(200, `{"payload":null,"errors":[]}`), "", "", nil},
		{"errors alone", reply(200, errorBody("Failure", "it failed", "because")), "200 Failure: it failed (because), request req-1", "treat the call as failed", &APIError{}},
		{"errors and a null payload", reply(207, `{"payload":null,"errors":[{"code":"Failure","message":null}]}`), "207 Failure", "treat the call as failed", &APIError{}},
		{"204 where a body was promised", reply(204, ""), "204, but the body is empty", "A body was promised", &DecodeError{}},
		{"empty", reply(200, ""), "200, but the body is empty", "A body was promised", &DecodeError{}},
		{"white space", reply(200, " \n "), "the body is empty", "A body was promised", &DecodeError{}},
		{"HTML", reply(200, html, "Content-Type: text/html"), "the body is an HTML page", "captive portal", &DecodeError{}},
		{"XML", reply(200, "<Error/>"), "the body is an HTML page", "captive portal", &DecodeError{}},
		{"cut short", short, "the body broke off: unexpected EOF", "a proxy on the way fails", &DecodeError{}},
		{"cut short before anything came", dripping, "the body broke off: unexpected EOF", "a proxy on the way fails", &DecodeError{}},
		{"cut short without a length", reply(200, `{"payload":{"a":1`), "the body ends before its JSON does", "a proxy on the way fails", &DecodeError{}},
		{"broken connection", brokenBody(200), "the body broke off: connection reset", "a proxy on the way fails", &DecodeError{}},
		{"no JSON", reply(200, "OK"), "the body is not JSON", "not JSON", &DecodeError{}},
		{"two JSON values", reply(200, "{}{}"), "the body is not JSON", "not JSON", &DecodeError{}},
		{"too large", reply(200, `"`+strings.Repeat("x", 2000)+`"`), "larger than 1000 bytes", "WithMaxBody", &DecodeError{}},
		{"error, HTML", reply(502, html), "502: an HTML page: 502 Bad Gateway", "sent a page in place", &APIError{}},
		{"error, empty", reply(500, ""), "500: Internal Server Error, without a body", "Try again later", &APIError{}},
		{"error, cut short", reply(400, `{"errors":[{"code":"Invalid`), `400: not an error list: {"errors"`, "An argument is missing", &APIError{}},
		{"error, broken off", brokenBody(400), `400: not an error list: {"payload":`, "An argument is missing", &APIError{}},
		{"error, null message", reply(400, `{"errors":[{"code":"InvalidInput","message":null,"details":null}]}`), "400 InvalidInput", "page token", &APIError{}},
		{"error, object", reply(400, `{"errors":{"errors":[{"code":"Nested","message":"m"}]}}`), "400 Nested: m", "An argument", &APIError{}},
		{"error, bare", reply(404, `{"code":"NotFound","message":"m"}`), "404 NotFound: m", "no such resource", &APIError{}},
		{"error, array", reply(400, `[{"code":"A","message":"m"},{"code":"B"}]`), "400 A: m and 1 more", "Also: B", &APIError{}},
		{"error type in the header", reply(403, `{}`, "x-amzn-ErrorType: AccessDeniedException:http://x"), "403 AccessDeniedException: not an error list", "gives no reason", &APIError{}},
		{"error, huge", reply(400, `{"errors":[{"code":"A","message":"`+strings.Repeat("x", 5000)+`"}]}`), "xxx…", "An argument", &APIError{}},
		{"418", reply(418, `{}`), "418", "Correct what", &APIError{}},
	} {
		t.Run(test.name, func(t *testing.T) {
			body, err := io.ReadAll(test.answer.Body)
			length := test.answer.ContentLength
			synctest.Test(t, func(t *testing.T) {
				f := &fake{api: func(*http.Request) *http.Response {
					again := *test.answer // retries get it too
					again.Body = io.NopCloser(io.MultiReader(strings.NewReader(string(body)), failing{err}))
					if length == 1000 {
						again.Body = io.NopCloser(strings.NewReader(string(body)))
					}
					return &again
				}}
				var r Response
				_, err := invokeRaw(t.Context(), f.client(WithMaxBody(1000)), catalogItem, asin, WithResponse(&r))
				if r.StatusCode != test.answer.StatusCode || r.RequestID != "req-1" || r.Operation != catalogItem {
					t.Errorf("Response is %v", r)
				}
				if test.want == "" {
					check(t, err)
					if strings.Contains(string(body), "Partial") != (len(r.Errors) == 1) {
						t.Errorf("Response.Errors is %v", r.Errors)
					}
					return
				}
				if err == nil {
					t.Fatal("no error")
				}
				wantText(t, err.Error(), test.want, catalogItem)
				var explainer interface {
					error
					Explain() string
				}
				if !errors.As(err, &explainer) || fmt.Sprintf("%T", explainer) != fmt.Sprintf("%T", test.as) {
					t.Fatalf("got a %T, want %T", explainer, test.as)
				}
				wantText(t, explainer.Explain(), test.advice)
			})
		})
	}
}

type failing struct{ err error }

func (f failing) Read([]byte) (int, error) {
	if f.err == nil {
		return 0, io.EOF
	}
	return 0, f.err
}

func TestInvokeEmpty(t *testing.T) {
	report := func(r *wire.Request) { r.Path("reportId", "1") }
	for body, bad := range map[string]bool{"": false, "{}": false, "null": false, `{"anything":1}`: false, `{"errors":[]}`: false,
		`{"errors":[{"code":"X"}]}`: true, "<html>": true} {
		f := &fake{api: func(*http.Request) *http.Response { return reply(200, body) }}
		err := wire.InvokeEmpty(t.Context(), f.client(), "reports20210630.cancelReport", report, []CallOption(nil))
		if (err != nil) != bad {
			t.Errorf("%q: got %v", body, err)
		}
	}
	f := &fake{api: func(*http.Request) *http.Response { return reply(204, "") }}
	check(t, wire.InvokeEmpty(t.Context(), f.client(), "reports20210630.cancelReport", report, []CallOption(nil)))
}

// A success that holds none of what its operation declares is an error, which shows what came without showing whose it is.
func TestForeignAnswers(t *testing.T) {
	const message = `{"message":"Endpoint request timed out"}`
	order := orderID("1")
	for _, c := range []struct {
		operation string
		encode    func(*wire.Request)
		answer    string
		shown     string
	}{
		{getOrder, order, message, `the body holds none of what the operation declares: {"message":"Endpoint request timed out"}, request req-1`},
		{getOrder, order, `{}`, "declares: {}, request"},
		{getOrder, order, `null`, "declares: null, request"},
		{getOrder, order, `[]`, "declares: [], request"},
		{getOrder, order, `{"payload":{}}`, `declares: {"payload":{}}, request`},
		{getOrder, order, `{"BuyerName":"Jane Doe","note":"for ` + testRefreshToken + `"}`, `declares: {"BuyerName":…,"note":…}, request`},
		{getOrder, order, `{"message":"token ` + testAccessToken + ` is bad"}`, `declares: {"message":"token REDACTED is bad"}, request`},
		{catalogItem, asin, `{"ASIN":"B000000001"}`, `declares: {"ASIN":…}`},
		{createFeed, feed, message, "timed out\"}, request req-1; it may have been carried out all the same"},
		{createFeed, feed, `{"feedId":""}`, `declares: {"feedId":""}, request req-1; it may have been carried out`},
		{"reports20210630.cancelReport", func(r *wire.Request) { r.Path("reportId", "1") }, message, "timed out"},
	} {
		f := &fake{api: func(*http.Request) *http.Response { return reply(200, c.answer) }}
		var r Response
		opts := []CallOption{WithResponse(&r)}
		var err error
		if operationByID(c.operation).EmptyBody {
			err = wire.InvokeEmpty(t.Context(), f.client(), c.operation, c.encode, opts)
		} else {
			var out json.RawMessage
			if out, err = wire.InvokeRaw(t.Context(), f.client(), c.operation, c.encode, opts); out != nil {
				t.Errorf("%s: a result beside the error: %s", c.answer, out)
			}
		}
		failure, ok := errors.AsType[*DecodeError](err)
		if !ok || !strings.Contains(err.Error(), c.shown) || len(f.requests) != 1 {
			t.Errorf("%s %s: %v after %d requests, want %q", c.operation, c.answer, err, len(f.requests), c.shown)
			continue
		}
		wantText(t, failure.Explain(), "Something else answers in place of the operation")
		if failure.Repeatable == (c.operation == createFeed) || string(r.Body) != c.answer || r.Attempts != 1 {
			t.Errorf("%s: %+v, %v with body %s", c.answer, failure, r, r.Body)
		}
		if text := err.Error() + failure.Explain(); strings.Contains(text, "Jane") || strings.Contains(text, testRefreshToken) || strings.Contains(text, testAccessToken) {
			t.Errorf("%s", text)
		}
	}
	// Errors beside nothing are the service's own word.
	for _, answer := range []string{`{"payload":{},"errors":[{"code":"X","message":"m"}]}`, `{"errors":[{"code":"X","message":"m"}],"x":1}`} {
		f := &fake{api: func(*http.Request) *http.Response { return reply(200, answer) }}
		_, err := wire.InvokeRaw(t.Context(), f.client(), getOrder, order, []CallOption(nil))
		if api, ok := errors.AsType[*APIError](err); !ok || api.Code != "X" {
			t.Errorf("%s: %v", answer, err)
		}
	}
}

// A result without its wrapper, or in one that isn't declared, is read: with a warning for the caller, and one for whoever gave a logger.
func TestWrappersThatDiffer(t *testing.T) {
	for _, c := range []struct{ operation, answer, read, log string }{
		{getOrders, `{"Orders":[],"new":1}`, `{"payload":{"Orders":[],"new":1}}`,
			`level=WARN msg="spapi: the answer isn't as Amazon declares it" operation=ordersv0.getOrders error="payload: the wrapper is missing, read without it" warnings=1`},
		{"finances20240619.listBalances", `{"payload":{"balances":[]},"statusCode":200}`, `{"balances":[]}`, "a wrapper that is not declared"},
		{getOrders, `{"payload":{"Orders":[]},"statusCode":200}`, `{"payload":{"Orders":[]},"statusCode":200}`, ""},
	} {
		var log bytes.Buffer
		f := &fake{api: func(*http.Request) *http.Response { return reply(200, c.answer) }}
		client := f.client(WithLogger(slog.New(slog.NewTextHandler(&log, &slog.HandlerOptions{Level: slog.LevelWarn}))))
		var r Response
		out, err := wire.InvokeRaw(t.Context(), client, c.operation, nil, []CallOption{WithResponse(&r)})
		check(t, err)
		if string(out) != c.read || string(r.Body) != c.answer || (len(r.Warnings) == 0) != (c.log == "") {
			t.Errorf("%s is read as %s with warnings %v and body %s", c.answer, out, r.Warnings, r.Body)
		}
		if !strings.Contains(log.String(), c.log) || (log.Len() == 0) != (c.log == "") {
			t.Errorf("%s: logged %s", c.answer, log.String())
		}
	}
	page := &Response{Operation: getOrders, Body: []byte(`{"Orders":[{"a":1},{"a":2}]}`)}
	if items, err := page.Items(); err != nil || len(items) != 2 {
		t.Errorf("items %s, %v", items, err)
	}
}

func TestWithResponse(t *testing.T) {
	f := &fake{api: func(*http.Request) *http.Response {
		return reply(200, `{"asin":"B0","undeclared":1}`, "x-amzn-RateLimit-Limit: 2.5", "X-Extra: yes")
	}}
	var r Response
	_, err := wire.Invoke[*struct {
		ASIN *int64 `json:"asin"`
	}](t.Context(), f.client(), catalogItem, asin, []CallOption{WithResponse(&r), nil})
	check(t, err)
	if r.RateLimit != 2.5 || r.Header.Get("X-Extra") != "yes" || string(r.Body) != `{"asin":"B0","undeclared":1}` || len(r.Warnings) != 1 || r.Attempts != 1 {
		t.Errorf("got %v %s %v", r, r.Body, r.Warnings)
	}
	if text := fmt.Sprintf("%v %+v %#v %s", r, r, &r, r); strings.Contains(text, "undeclared") {
		t.Errorf("the body is printed: %s", text)
	}
	// Raw calls fill it too, but for the body.
	req, err := http.NewRequest("GET", "/catalog/v0/items?MarketplaceId=ATVPDKIKX0DER&Query=pen", nil)
	check(t, err)
	resp, err := f.client().Do(req, WithResponse(&r))
	check(t, err)
	_ = resp.Body.Close()
	if r.Operation != "GET /catalog/v0/items" || r.StatusCode != 200 || r.Body != nil {
		t.Errorf("got %v", r)
	}
	if f.requests[1].URL.RawQuery != "MarketplaceId=ATVPDKIKX0DER&Query=pen" {
		t.Errorf("the query became %s", f.requests[1].URL.RawQuery)
	}
}

func TestDoKeepsEscapes(t *testing.T) {
	for _, uri := range []string{"/listings/2021-08-01/items/S/a%2Fb%20c", "/x/%41?q=%20+&r", "/x//y/", "/x?"} {
		for _, base := range []string{"", "http://127.0.0.1:1/pre%2Ffix"} {
			f := new(fake)
			req, err := http.NewRequest("GET", uri, nil)
			check(t, err)
			resp, err := f.client(WithEndpoint(base)).Do(req)
			check(t, err)
			_ = resp.Body.Close()
			prefix := ""
			if base != "" {
				prefix = "/pre%2Ffix"
			}
			if got := f.requests[0].URL.RequestURI(); got != prefix+uri {
				t.Errorf("%s became %s", uri, got)
			}
			if req.Header.Get("X-Amz-Access-Token") != "" || req.URL.Host != "" {
				t.Error("the caller's request was changed")
			}
		}
	}
}

func TestDoErrors(t *testing.T) {
	f := &fake{api: func(*http.Request) *http.Response { return reply(404, errorBody("NotFound", "m", "")) }}
	req, err := http.NewRequest("GET", "/orders/v0/orders/1", nil)
	check(t, err)
	resp, err := f.client().Do(req)
	check(t, err) // as with http.Client, a 404 is no error
	defer resp.Body.Close()
	if body, _ := io.ReadAll(resp.Body); resp.StatusCode != 404 || !strings.Contains(string(body), "NotFound") {
		t.Errorf("got %d %s", resp.StatusCode, body)
	}
	if _, err := f.client().Do(&http.Request{Header: http.Header{}}); err == nil {
		t.Error("a request without URL was sent")
	}
	// A request may bring its token.
	req = &http.Request{Method: "GET", URL: &url.URL{Path: "/orders/v0/orders/1"}, Header: http.Header{"X-Amz-Access-Token": {"Atza|own"}}}
	resp, err = f.client().Do(req)
	check(t, err)
	_ = resp.Body.Close()
	if got := token(f.requests[1]); got != "Atza|own" {
		t.Errorf("sent %q", got)
	}
}

func FuzzPathsStaySegments(f *testing.F) {
	for _, s := range []string{"a", "a/b", "%2F", "..", ".", "ü", "a b", "?", "#", "a+b&c=d;e", "\x00", "\xff"} {
		f.Add(s, s)
	}
	op := operationByID("listingsitems20210801.getListingsItem")
	f.Fuzz(func(t *testing.T, seller, sku string) {
		var in wire.Request
		in.Path("sellerId", seller)
		in.Path("sku", sku)
		if in.Err() != nil {
			t.Skip()
		}
		req, err := in.Build(t.Context(), &url.URL{Scheme: "https", Host: "h"}, op.Method, op.Path, op.GreedyPath)
		check(t, err)
		u := req.URL
		parsed, err := url.Parse(u.String())
		check(t, err)
		parts := strings.Split(parsed.EscapedPath(), "/")
		if len(parts) != 6 {
			t.Fatalf("%q and %q became %s", seller, sku, u)
		}
		for i, want := range []string{seller, sku} {
			if got, err := url.PathUnescape(parts[4+i]); err != nil || got != want {
				t.Errorf("%q became %q (%s)", want, got, u)
			}
		}
		if found := routes().find("GET", parsed.EscapedPath()); found != op {
			t.Errorf("%s is taken for %v", u, found)
		}
	})
}

// Over a real connection, with and without a length: whole, cut short, and announced larger than it may be.
func TestLargeBodiesOverTheNetwork(t *testing.T) {
	big := `"` + strings.Repeat("x", 3<<20) + `"`
	mode := ""
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		switch {
		case r.URL.Path == "/token":
			_, _ = io.WriteString(w, `{"access_token":"Atza|x","expires_in":3600}`)
		case mode == "cut":
			w.Header().Set("Content-Length", fmt.Sprint(len(big)))
			_, _ = io.WriteString(w, big[:2<<20])
		case mode == "length":
			w.Header().Set("Content-Length", fmt.Sprint(len(big)))
			_, _ = io.WriteString(w, big)
		default:
			_, _ = io.WriteString(w, big[:10])
			_ = http.NewResponseController(w).Flush()
			_, _ = io.WriteString(w, big[10:])
		}
	}))
	defer server.Close()
	app := NewApp(testCredentials, WithEndpoint(server.URL), WithTokenURL(server.URL+"/token"))
	defer app.CloseIdleConnections()
	client := app.Client(testAuthorization)
	for _, mode = range []string{"length", "chunked"} {
		out, err := invokeRaw(t.Context(), client, getOrder, orderID("1"))
		check(t, err)
		if out != big {
			t.Errorf("%s: got %d bytes, want %d", mode, len(out), len(big))
		}
	}
	mode = "cut"
	_, err := invokeRaw(t.Context(), client, getOrder, orderID("1"))
	if !errors.As(err, new(*DecodeError)) || !errors.Is(err, io.ErrUnexpectedEOF) {
		t.Errorf("got %v, want a DecodeError for the cut body", err)
	}
	small := NewApp(testCredentials, WithEndpoint(server.URL), WithTokenURL(server.URL+"/token"), WithMaxBody(2<<20))
	defer small.CloseIdleConnections()
	for _, mode = range []string{"length", "chunked"} {
		_, err = invokeRaw(t.Context(), small.Client(testAuthorization), getOrder, orderID("1"))
		var decode *DecodeError
		if !errors.As(err, &decode) {
			t.Fatalf("%s: got %v, want a DecodeError", mode, err)
		}
		wantText(t, decode.Explain(), "WithMaxBody", "larger than 2097152 bytes")
	}
}
