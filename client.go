package spapi

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/url"

	"github.com/openspapi/spapi/internal/settings"
	"github.com/openspapi/spapi/marketplace"
)

// Client makes calls with one seller's authorization in one region. It never changes and is safe for concurrent use.
type Client struct {
	app    *App
	auth   Authorization
	region marketplace.Region
	seller string   // what stands for the seller in limits: its id, else the alias; "" without one
	alias  string   // a fingerprint of the refresh token; "" without one
	base   *url.URL // scheme, host and path prefix
	access TokenRequest
	chain  http.RoundTripper
	err    error // what is wrong with the settings
}

// App returns the application that the client belongs to.
func (c *Client) App() *App { return c.app }

// Region returns the region that calls go to.
func (c *Client) Region() marketplace.Region { return c.region }

// Marketplace returns the marketplace as the authorization names it, "" if it names none.
func (c *Client) Marketplace() string { return c.auth.Marketplace }

// SellerID returns the seller's id as the authorization names it, "" if it names none.
func (c *Client) SellerID() string { return c.auth.SellerID }

// Principal tells who calls: the client id of the application, and what stands for the seller: the seller's id where the authorization names
// it, else a fingerprint of the refresh token; "" for a client without a seller. Neither is a secret. What is kept for one seller, such as an
// entry of a journal, goes under both.
func (c *Client) Principal() (clientID, seller string) { return c.app.credentials.ClientID, c.seller }

// Sandbox reports whether calls go to the sandbox.
func (c *Client) Sandbox() bool { return c.auth.Sandbox }

// Endpoint returns the base URL that calls go to.
func (c *Client) Endpoint() string { return c.base.String() }

// Check returns what is wrong with the settings, a [*ConfigError], or nil. It sends nothing.
func (c *Client) Check() error { return c.err }

// AccessToken returns the seller's access token, from the cache or from Login with Amazon. Calls don't need it: they
// fetch their token by themselves. Errors: [*ConfigError], [*AuthError], transport errors.
func (c *Client) AccessToken(ctx context.Context) (Token, error) {
	if c.err != nil {
		return Token{}, c.err
	}
	if c.auth.RefreshToken.IsZero() {
		return Token{}, settings.CheckRefreshToken("")
	}
	return c.app.config.tokens.Get(ctx, c.access)
}

// Do sends any request through the chain: limits, tokens and retries work as for typed calls. A URL without a host
// is taken relative to [Client.Endpoint]; its escapes are kept as they are. A request that brings its own x-amz-access-token keeps it.
//
// As with [http.Client.Do], an answer other than 2xx is no error, and the body must be closed. Redirects are not followed.
// A body can be repeated only if req.GetBody is set, which [http.NewRequest] does for readers in memory.
func (c *Client) Do(req *http.Request, opts ...CallOption) (*http.Response, error) {
	return c.Transport(opts...).RoundTrip(req)
}

// Transport is [Client.Do] as a round tripper, to be put into an [http.Client] or into generated clients of others.
func (c *Client) Transport(opts ...CallOption) http.RoundTripper {
	return &transport{client: c, opts: opts}
}

type transport struct {
	client *Client
	opts   []CallOption
}

func (t *transport) RoundTrip(req *http.Request) (*http.Response, error) {
	call := newCall(t.opts)
	ctx := req.Context()
	var whole running
	if t.client.app.observes(ctx, ActivityCall) {
		call.op = t.client.identify(req) // before the chain does
		ctx, whole = t.client.beginCall(ctx, call)
	}
	result, returns := errAbandoned, false
	defer func() {
		if !returns {
			call.abandon()
		}
	}()
	defer func() {
		whole.endCall(call, result)
		returns = result != errAbandoned
	}()
	resp, err := t.client.send(call, req.WithContext(withCall(ctx, call)))
	if err == nil && call.apiErrors && resp.StatusCode/100 != 2 {
		resp, err = nil, t.client.refusal(call, resp)
	}
	if r := call.response; r != nil {
		call.fill(r)
	}
	err = call.doubt(err)
	result = err
	return resp, err
}

// send passes a request to the chain, which may change everything but the body's owner: as a round tripper must, it closes it.
func (c *Client) send(call *call, req *http.Request) (*http.Response, error) {
	err := c.err
	if err == nil {
		err = call.err
	}
	if err == nil {
		var resp *http.Response
		if resp, err = c.chain.RoundTrip(req); err == nil {
			return resp, nil
		}
	}
	if req.Body != nil {
		_ = req.Body.Close()
	}
	return nil, err
}

// String never shows a secret.
func (c Client) String() string {
	return fmt.Sprintf("Client{%s %s}", c.app.credentials.ClientID, c.base)
}

// Format never shows a secret, whatever the verb.
func (c Client) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, c.String()) }

// LogValue never shows a secret.
func (c Client) LogValue() slog.Value { return slog.StringValue(c.String()) }
