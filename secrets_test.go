package spapi

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/openspapi/spapi/marketplace"
)

// noSecrets fails if a canary shows.
func noSecrets(t *testing.T, texts ...string) {
	t.Helper()
	for _, text := range texts {
		for _, canary := range []string{"5ecre7canary", "CANARY", "canaryCANARY"} {
			if i := strings.Index(text, canary); i >= 0 {
				t.Errorf("a secret shows: …%s…", text[max(0, i-60):min(len(text), i+60)])
			}
		}
	}
}

// every prints v in all the ways that a program may.
func every(t *testing.T, v any) []string {
	t.Helper()
	var texts []string
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%d", "%x", "%T"} {
		texts = append(texts, fmt.Sprintf(verb, v))
	}
	texts = append(texts, fmt.Sprint(v), fmt.Sprintln(v))
	if b, err := json.Marshal(v); err == nil {
		texts = append(texts, string(b))
	}
	for _, handler := range []func(*bytes.Buffer) slog.Handler{
		func(b *bytes.Buffer) slog.Handler { return slog.NewTextHandler(b, nil) },
		func(b *bytes.Buffer) slog.Handler { return slog.NewJSONHandler(b, nil) },
	} {
		var b bytes.Buffer
		slog.New(handler(&b)).Info("x", "v", v, slog.Any("group", []any{v}))
		texts = append(texts, b.String())
	}
	if err, ok := v.(error); ok {
		for ; err != nil; err = errors.Unwrap(err) {
			texts = append(texts, err.Error())
		}
	}
	if e, ok := v.(interface{ Explain() string }); ok {
		texts = append(texts, e.Explain())
	}
	return texts
}

func TestSecretsDoNotPrint(t *testing.T) {
	client := new(fake).client()
	type holder struct {
		C Credentials
		A *Authorization
		T Token
	}
	auth := testAuthorization
	tok := Token{Value: testAccessToken}
	for _, v := range []any{
		testCredentials, &Credentials{testClientID, testClientSecret}, testAuthorization, &auth, tok, &tok,
		client, client.App(), *client.App(), holder{testCredentials, &auth, tok}, []Token{tok}, map[string]Credentials{"a": testCredentials},
		slog.GroupValue(slog.Any("c", testCredentials)),
	} {
		texts := every(t, v)
		noSecrets(t, texts...)
		hexed := fmt.Sprintf("%x", testRefreshToken[5:15])
		for _, text := range texts {
			if strings.Contains(text, hexed) || strings.Contains(text, fmt.Sprintf("%x", "5ecre7canary")) {
				t.Errorf("%T shows a secret in hexadecimal", v)
			}
		}
	}
}

// An InvalidSignature error echoes the canonical request with the token in it (amzn/selling-partner-api-models#1101).
func signatureBody(req *http.Request) string {
	canonical := "GET\n/orders/v0/orders\n\nhost:sellingpartnerapi-na.amazon.com\nx-amz-access-token:" + token(req) +
		"\nx-amz-date:20260101T000000Z\nx-amz-security-token:" + req.Header.Get("X-Amz-Security-Token") + "\n\nhost;x-amz-access-token"
	b, err := json.Marshal(map[string]any{"errors": []any{map[string]string{"code": "InvalidSignature",
		"message": "The request signature we calculated does not match the signature you provided. Check your AWS Secret Access Key and signing method. " +
			"Consult the service documentation for details.\n\nThe Canonical String for this request should have been\n'" + canonical + "'\n"}}})
	if err != nil {
		panic(err)
	}
	return string(b)
}

func TestSecretsStayOutOfErrorsAndLogs(t *testing.T) {
	var logs bytes.Buffer
	logger := slog.New(slog.NewJSONHandler(&logs, &slog.HandlerOptions{Level: slog.LevelDebug}))
	signer := signerFunc(func(req *http.Request) {
		req.Header.Set("X-Amz-Security-Token", "IQoJsessionCANARYsession")
		req.Header.Set("Authorization", "AWS4-HMAC-SHA256 Credential=AKIACANARY/x, Signature=signatureCANARY")
	})
	echo := func(status int, text func(*http.Request) string) func(*http.Request) *http.Response {
		return func(req *http.Request) *http.Response { return reply(status, text(req)) }
	}
	everything := func(req *http.Request) string {
		return fmt.Sprintf(`{"errors":[{"code":%q,"message":"you sent %s","details":"%s"}]}`, token(req), token(req), url.QueryEscape(token(req)))
	}
	plain := func(req *http.Request) string { return "token " + token(req) + " and " + testClientSecret }
	for name, f := range map[string]*fake{
		"signature":  {api: echo(403, signatureBody)},
		"403":        {api: echo(403, everything)},
		"400":        {api: echo(400, everything)},
		"500":        {api: echo(500, everything)},
		"text":       {api: echo(400, plain)},
		"not JSON":   {api: echo(200, plain)},
		"2xx errors": {api: echo(200, everything)},
		"HTML":       {api: echo(502, func(r *http.Request) string { return "<html>" + plain(r) })},
		"wrong token": {lwa: func(v url.Values) *http.Response {
			return reply(400, `{"error":"invalid_grant","error_description":"bad `+v.Get("refresh_token")+` `+v.Get("client_secret")+`"}`)
		}},
		"escaped HTML": {api: echo(502, func(r *http.Request) string { return "<html>token " + strings.ReplaceAll(token(r), "|", "&#124;") })},
		"escaped JSON": {api: echo(500, func(r *http.Request) string { return strings.ReplaceAll(everything(r), "|", `\u007c`) })},
		"request id":   {api: func(r *http.Request) *http.Response { return reply(400, `{}`, "X-Amzn-Requestid: "+token(r)) }},
		"error type":   {api: func(r *http.Request) *http.Response { return reply(400, ``, "X-Amzn-Errortype: "+token(r)) }},
		"wrong token as code": {lwa: func(v url.Values) *http.Response {
			return reply(400, `{"error":"bad `+v.Get("refresh_token")+` `+v.Get("client_secret")+`"}`, "X-Amzn-Requestid: "+v.Get("client_secret"))
		}},
		"token HTML": {lwa: func(v url.Values) *http.Response { return reply(403, "<html>"+v.Encode()) }},
		"token cut":  {lwa: func(v url.Values) *http.Response { return reply(200, `{"access_token":"`+testAccessToken) }},
	} {
		t.Run(name, func(t *testing.T) {
			client := f.client(WithLogger(logger), WithSigner(signer), WithObserver(ObserverFunc(func(ctx context.Context, a Activity) (context.Context, func(Outcome)) {
				noSecrets(t, every(t, a)...)
				return ctx, func(o Outcome) { noSecrets(t, every(t, o)...) }
			})))
			var r Response
			var err error
			synctest.Test(t, func(t *testing.T) { // pauses between retries take no time
				_, err = invokeRaw(t.Context(), client, getOrders, nil, WithResponse(&r))
			})
			if err == nil {
				t.Fatal("no error")
			}
			noSecrets(t, every(t, err)...)
			var api *APIError
			if errors.As(err, &api) {
				noSecrets(t, every(t, api)...)
				noSecrets(t, every(t, api.Errors)...)
			}
			var auth *AuthError
			if errors.As(err, &auth) {
				noSecrets(t, every(t, auth)...)
			}
			var decode *DecodeError
			if errors.As(err, &decode) {
				noSecrets(t, every(t, decode)...)
			}
			noSecrets(t, every(t, r)...)
			if r.StatusCode == 403 {
				noSecrets(t, string(r.Body))
			}
		})
	}
	noSecrets(t, logs.String())
	if logs.Len() == 0 || !strings.Contains(logs.String(), `"operation":"ordersv0.getOrders"`) {
		t.Errorf("the log is %q", logs.String())
	}
}

func TestSecretsStayOutOfNetworkErrors(t *testing.T) {
	f := &fake{fail: func(r *http.Request) error {
		if token(r) == "" {
			return nil
		}
		return fmt.Errorf("x509 of a proxy that quotes %q", token(r))
	}}
	var seen []string
	client := f.client(WithObserver(ObserverFunc(func(ctx context.Context, _ Activity) (context.Context, func(Outcome)) {
		return ctx, func(o Outcome) { seen = append(seen, every(t, o.Err)...) }
	})))
	_, err := invokeRaw(t.Context(), client, createFeed, feed)
	wantText(t, err.Error(), "of a proxy that quotes")
	noSecrets(t, append(every(t, err), seen...)...)

	// A transport that is an http.Client tells the whole URL.
	f.fail = func(r *http.Request) error {
		return &url.Error{Op: "Get", URL: "https://host/?BuyerEmail=personCANARY", Err: fmt.Errorf("%q: %w", token(r), context.Canceled)}
	}
	_, err = invokeRaw(t.Context(), client, createFeed, feed)
	if !errors.Is(err, context.Canceled) {
		t.Errorf("%v is no context.Canceled any more", err)
	}
	noSecrets(t, append(every(t, err), seen...)...)
}

func TestLogHasNoQueryValues(t *testing.T) {
	var logs bytes.Buffer
	logger := slog.New(slog.NewTextHandler(&logs, &slog.HandlerOptions{Level: slog.LevelDebug}))
	req, err := http.NewRequest("GET", "/orders/v0/orders?BuyerEmail=person%40example.com&CreatedAfter=2026", nil)
	check(t, err)
	resp, err := new(fake).client(WithLogger(logger)).Do(req)
	check(t, err)
	_ = resp.Body.Close()
	if strings.Contains(logs.String(), "person") {
		t.Error("a query value is in the log")
	}
	wantText(t, logs.String(), "path=/orders/v0/orders", "query=BuyerEmail,CreatedAfter", "status=200", "request_id=req-1", "attempt=1")
}

type signerFunc func(*http.Request)

func (f signerFunc) Sign(_ context.Context, req *http.Request, region marketplace.Region) error {
	if region == "" {
		return errors.New("no region")
	}
	f(req)
	return nil
}
