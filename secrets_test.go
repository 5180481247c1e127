package spapi

import (
	"bytes"
	"context"
	"encoding/gob"
	"encoding/json"
	"encoding/xml"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/url"
	"reflect"
	"strings"
	"testing"
	"testing/synctest"

	"go.yaml.in/yaml/v3"

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
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%d", "%x", "%X", "% x", "%#x", "%p", "%t", "%!", "%T", "%[2]v %[1]v", "%.200v",
		"%300v", "%+q", "%U", "%c", "%b", "%e"} {
		texts = append(texts, fmt.Sprintf(verb, v))
	}
	texts = append(texts, fmt.Sprint(v), fmt.Sprintln(v))
	for _, write := range []func(any) ([]byte, error){json.Marshal, xml.Marshal, func(v any) ([]byte, error) {
		var b bytes.Buffer
		err := gob.NewEncoder(&b).Encode(v)
		return b.Bytes(), err
	}} {
		if b, err := write(v); err == nil {
			texts = append(texts, string(b))
		}
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

// Whatever holds a secret can be printed in any way: in exported and unexported fields, by value and behind pointers, in maps, slices, arrays,
// interfaces and channels' elements, also where fmt doesn't ask methods.
func TestSecretsDoNotPrint(t *testing.T) {
	client := new(fake).client()
	auth, token, credentials := testAuthorization, Token{Value: NewSecret(testAccessToken)}, testCredentials
	type holder struct { // as gob and XML take it
		C Credentials
		A *Authorization
		T Token
		S []Secret
	}
	values := []any{
		testCredentials, &credentials, testAuthorization, &auth, token, &token, token.Value, &token.Value,
		client, *client, client.App(), *client.App(), client.access, client.grantlessRequest("scope"),
		holder{testCredentials, &auth, token, []Secret{token.Value}}, *newCall([]CallOption{WithAccessToken(testAccessToken)}),
		slog.GroupValue(slog.Any("c", testCredentials)),
	}
	for _, v := range values {
		for _, held := range []any{
			v, &v, []any{v}, [1]any{v}, map[string]any{"a": v}, map[any]int{fmt.Sprintf("%v", v): 1}, func() any { return v },
			struct{ X any }{v}, struct{ x any }{v}, &struct{ x any }{v}, struct{ x *any }{&v}, struct{ x []any }{[]any{v}},
			struct{ x map[string]any }{map[string]any{"a": v}},
			struct{ x struct{ y any } }{struct{ y any }{v}}, unexported(v), pointerTo(unexported(v)),
		} {
			texts := every(t, held)
			noSecrets(t, texts...)
			for _, text := range texts {
				for _, secret := range []string{testRefreshToken[5:15], "5ecre7canary", "accessCANARY"} {
					for _, hidden := range []string{fmt.Sprintf("%x", secret), fmt.Sprintf("%X", secret), fmt.Sprintf("% x", secret),
						strings.Trim(fmt.Sprintf("%d", []byte(secret)), "[]")} {
						if strings.Contains(text, hidden) {
							t.Errorf("%T shows a secret as bytes: %s", held, text)
						}
					}
				}
			}
		}
	}
}

// unexported makes a struct type of the kind that programs have: the value, as its own type, in an unexported field.
func unexported(v any) any {
	switch v := v.(type) {
	case Credentials:
		return struct{ c Credentials }{v}
	case *Credentials:
		return struct{ c *Credentials }{v}
	case Authorization:
		return struct{ a Authorization }{v}
	case Token:
		return struct {
			t  Token
			ts []Token
			m  map[Secret]Token
			a  [1]Token
		}{v, []Token{v}, map[Secret]Token{v.Value: v}, [1]Token{v}}
	case Client:
		return struct{ c Client }{v}
	case App:
		return struct{ a App }{v}
	case Secret:
		return struct {
			s Secret
			p *Secret
		}{v, &v}
	}
	return struct{ v any }{v}
}

func pointerTo(v any) any {
	p := reflect.New(reflect.TypeOf(v))
	p.Elem().Set(reflect.ValueOf(v))
	return p.Interface()
}

// What holds secrets is written as redacted by every encoding, and read from the plain text.
func TestSecretsAreNotWritten(t *testing.T) {
	type settings struct {
		Credentials   Credentials
		Authorization Authorization
	}
	held := settings{testCredentials, testAuthorization}
	for name, c := range map[string]struct {
		write func(any) ([]byte, error)
		read  func([]byte, any) error
	}{
		"JSON": {json.Marshal, json.Unmarshal},
		"XML":  {xml.Marshal, xml.Unmarshal},
		"YAML": {yaml.Marshal, yaml.Unmarshal},
		"gob": {func(v any) ([]byte, error) {
			var b bytes.Buffer
			err := gob.NewEncoder(&b).Encode(v)
			return b.Bytes(), err
		}, func(b []byte, v any) error { return gob.NewDecoder(bytes.NewReader(b)).Decode(v) }},
	} {
		written, err := c.write(held)
		check(t, err)
		noSecrets(t, string(written))
		if n := bytes.Count(written, []byte("REDACTED")); n != 2 {
			t.Errorf("%s: %d secrets are redacted, want 2: %s", name, n, written)
		}
		var back settings
		if err := c.read(written, &back); err == nil || !strings.Contains(err.Error(), "can't be read back") {
			t.Errorf("%s: what was redacted was read as %v, %v", name, back, err)
		}
		var plain Credentials
		if name == "gob" {
			continue // has no plain form
		}
		written = bytes.ReplaceAll(written, []byte("REDACTED"), []byte("plain"))
		if err := c.read(written, &back); err != nil || back.Credentials.ClientSecret.Reveal() != "plain" {
			t.Errorf("%s: read %q, %v", name, plain.ClientSecret.Reveal(), err)
		}
	}
	var none Secret
	a, same := NewSecret("a"), NewSecret("a")
	if NewSecret("") != none || a != same || a == NewSecret("b") || !none.IsZero() || none.Reveal() != "" ||
		fmt.Sprint(none) != "" {
		t.Error("secrets don't compare by their texts")
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
			if r.StatusCode == 403 {
				noSecrets(t, string(r.Body))
			}
			noSecrets(t, fmt.Sprintf("%v %+v %#v %s", r, r, r, r))
			r.Body = nil // elsewhere it is what it is: the body as it came, which encodings write
			noSecrets(t, every(t, r)...)
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

// A secret that was pasted where a path or the name of a parameter belongs is in no log.
func TestLogHasNoSecretsThatWentAstray(t *testing.T) {
	for _, target := range []string{"/" + url.PathEscape(testRefreshToken), "/orders/v0/orders/" + url.PathEscape(testRefreshToken), "/new/" + testClientSecret,
		"/new?" + url.QueryEscape(testAccessToken) + "=1", "/new?" + testAccessToken} {
		var logs bytes.Buffer
		var seen []string
		f := &fake{api: func(*http.Request) *http.Response { return reply(400, `{}`) }}
		req, err := http.NewRequest("GET", target, nil)
		check(t, err)
		_, err = f.client(WithLogger(slog.New(slog.NewTextHandler(&logs, &slog.HandlerOptions{Level: slog.LevelDebug}))),
			WithObserver(ObserverFunc(func(ctx context.Context, a Activity) (context.Context, func(Outcome)) {
				seen = append(seen, fmt.Sprintf("%+v", a))
				return ctx, nil
			}))).Do(req)
		noSecrets(t, append(seen, logs.String(), fmt.Sprint(err))...)
		wantText(t, logs.String(), redacted)
	}
}

type signerFunc func(*http.Request)

func (f signerFunc) Sign(_ context.Context, req *http.Request, region marketplace.Region) error {
	if region == "" {
		return errors.New("no region")
	}
	f(req)
	return nil
}
