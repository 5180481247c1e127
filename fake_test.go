package spapi

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/openspapi/spapi/internal/wire"
	"github.com/openspapi/spapi/marketplace"
)

// Canaries: none of them may ever be printed.
const (
	testClientID     = "amzn1.application-oa2-client.0123456789abcdef0123456789abcdef"
	testClientSecret = "amzn1.oa2-cs.v1.5ecre7canary00000000000000000000000000000000000000000000000000"
	testRefreshToken = "Atzr|IwEBrefreshCANARYrefreshCANARY"
	testAccessToken  = "Atza|IwEBaccessCANARYaccessCANARY"
	testRestricted   = "Atz.sprdt|IwEBrestrictedCANARY"
)

// fake answers as Amazon, at the level of the transport. Tokens are numbered: Atza|…-1, Atza|…-2.
type fake struct {
	mu sync.Mutex

	api   func(req *http.Request) *http.Response    // default: 200 {}
	lwa   func(form url.Values) *http.Response      // default: a token for an hour
	fail  func(req *http.Request) error             // network errors
	delay func(req *http.Request) time.Duration     // how long an answer takes
	mint  func(body string) *http.Response          // default: a restricted token for an hour
	hook  func(event string, request *http.Request) // told of every request

	tokens   int // token requests
	minted   int
	requests []*http.Request
	bodies   []string
	forms    []url.Values
}

func (f *fake) RoundTrip(req *http.Request) (*http.Response, error) {
	var body string
	if req.Body != nil {
		b, err := io.ReadAll(req.Body)
		if err != nil {
			return nil, err
		}
		body = string(b)
		_ = req.Body.Close()
	}
	if f.delay != nil {
		if err := sleep(req.Context(), f.delay(req)); err != nil {
			return nil, err
		}
	}
	if f.fail != nil {
		if err := f.fail(req); err != nil {
			return nil, err
		}
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	if err := req.Context().Err(); err != nil {
		return nil, err
	}
	if strings.HasSuffix(req.URL.Path, "/auth/o2/token") {
		form, err := url.ParseQuery(body)
		if err != nil {
			return nil, err
		}
		f.tokens++
		f.forms = append(f.forms, form)
		if f.hook != nil {
			f.hook("token "+form.Get("grant_type"), req)
		}
		if f.lwa != nil {
			if resp := f.lwa(form); resp != nil {
				resp.Request = req
				return resp, nil
			}
		}
		return reply(200, fmt.Sprintf(`{"access_token":"%s-%d","token_type":"bearer","expires_in":3600,"refresh_token":%q}`,
			testAccessToken, f.tokens, form.Get("refresh_token"))), nil
	}
	f.requests = append(f.requests, req)
	f.bodies = append(f.bodies, body)
	if f.hook != nil {
		f.hook(req.Method+" "+req.URL.EscapedPath(), req)
	}
	if strings.HasSuffix(req.URL.Path, "/restrictedDataToken") {
		f.minted++
		if f.mint != nil {
			return f.mint(body), nil
		}
		return reply(200, fmt.Sprintf(`{"restrictedDataToken":"%s-%d","expiresIn":3600}`, testRestricted, f.minted)), nil
	}
	if f.api != nil {
		if resp := f.api(req); resp != nil {
			resp.Request = req
			return resp, nil
		}
	}
	return reply(200, `{"ok":true}`), nil
}

// reply makes a response; headers are "Name: value".
func reply(status int, body string, headers ...string) *http.Response {
	h := http.Header{"Content-Type": {"application/json"}, "X-Amzn-Requestid": {"req-1"}}
	for _, line := range headers {
		name, value, _ := strings.Cut(line, ": ")
		h.Set(name, value)
	}
	return &http.Response{StatusCode: status, Status: http.StatusText(status), Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1,
		Header: h, Body: io.NopCloser(strings.NewReader(body)), ContentLength: int64(len(body))}
}

func errorBody(code, message, details string) string {
	return fmt.Sprintf(`{"errors":[{"code":%q,"message":%q,"details":%q}]}`, code, message, details)
}

var testCredentials = Credentials{ClientID: testClientID, ClientSecret: NewSecret(testClientSecret)}

var testAuthorization = Authorization{RefreshToken: NewSecret(testRefreshToken), Region: marketplace.NorthAmerica}

func (f *fake) client(options ...Option) *Client {
	return NewApp(testCredentials, append([]Option{WithTransport(f)}, options...)...).Client(testAuthorization)
}

// invokeRaw calls an operation as generated code does, but takes any JSON in: what these tests answer is mostly not the operation's.
func invokeRaw(ctx context.Context, c *Client, operation string, encode func(*wire.Request), opts ...CallOption) (string, error) {
	var out string
	err := wire.Calls.Call(ctx, c, opts, operation, encode, func(_ string, body []byte) (wire.Taken, error) {
		if body == nil {
			body = []byte("{}")
		}
		_, warnings, err := wire.Decode[json.RawMessage](body, false)
		out = string(body)
		return wire.Taken{Body: body, Warnings: warnings, Errors: true}, err
	}, true)
	if err != nil {
		out = ""
	}
	return out, err
}

const (
	getOrders     = "ordersv0.getOrders"
	getOrder      = "ordersv0.getOrder"
	catalogItem   = "catalogitems20220401.getCatalogItem"
	createFeed    = "feeds20210630.createFeed"
	participation = "sellersv1.getMarketplaceParticipations"
)

func asin(r *wire.Request) { r.Path("asin", "B000000001") }

func orderID(id string) func(*wire.Request) {
	return func(r *wire.Request) { r.Path("orderId", id) }
}

func check(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func wantText(t *testing.T, got string, wants ...string) {
	t.Helper()
	for _, want := range wants {
		if !strings.Contains(got, want) {
			t.Errorf("%q is not in:\n%s", want, got)
		}
	}
}
