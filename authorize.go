package spapi

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/openspapi/spapi/internal/settings"
)

const headerToken = "X-Amz-Access-Token"

// authorizeStep puts the token in place that the operation needs, after it has checked that the host may see it.
type authorizeStep struct {
	client *Client
	next   http.RoundTripper
}

func (s *authorizeStep) RoundTrip(req *http.Request) (*http.Response, error) {
	ctx := req.Context()
	call := callFrom(ctx)
	if err := s.client.app.hosts.check(req.URL); err != nil {
		return nil, err
	}
	header := make(http.Header, len(req.Header)+2)
	for k, v := range req.Header {
		header[k] = v
	}
	var key string // empty where the caller brought the token
	token := Token{Value: NewSecret(req.Header.Get(headerToken))}
	if token.Value.IsZero() {
		var err error
		if key, token, err = s.client.tokenFor(ctx, call, req); err != nil {
			return nil, err
		}
	}
	values := [...]string{token.Value.Reveal(), s.client.app.userAgent}
	header[headerToken] = values[:1:1]
	if header["User-Agent"] == nil {
		header["User-Agent"] = values[1:2:2]
	}
	req.Header = header // the request is that of this attempt alone
	resp, err := s.next.RoundTrip(req)
	if err != nil || resp.StatusCode != http.StatusForbidden {
		return resp, err
	}
	s.inspect(call, resp, req, key, token)
	return resp, nil
}

// tokenFor picks the token that the operation needs.
func (c *Client) tokenFor(ctx context.Context, call *call, req *http.Request) (key string, token Token, err error) {
	if !call.token.IsZero() {
		return "", Token{Value: call.token}, nil
	}
	var r TokenRequest
	restricted, err := c.needsRestricted(call)
	switch {
	case err != nil:
		return "", Token{}, err
	case call.scope() != "":
		r = c.grantlessRequest(call.scope())
	case c.auth.RefreshToken.IsZero():
		return "", Token{}, settings.CheckRefreshToken("")
	case restricted:
		r = c.restrictedRequest(call, req)
		if token, err = c.restrictedToken(ctx, call, r); err != nil {
			err = fmt.Errorf("restricted data token for %s: %w", call.op.ID, c.own(err))
		}
		return r.Key, token, err
	default:
		r = c.access
	}
	if token, err = c.app.config.tokens.Get(ctx, r); err != nil {
		err = c.own(err)
	}
	return r.Key, token, err
}

// own completes an answer that another process got and a store of many processes told: with what Explain knows beyond it.
func (c *Client) own(err error) error {
	if api, ok := errors.AsType[*APIError](err); ok && api.facts.op == nil {
		told := *api
		told.facts = errorFacts{op: operationByID(mintOperation), region: string(c.region), sandbox: c.auth.Sandbox, base: c.base.String()}
		return &told
	}
	if auth, ok := errors.AsType[*AuthError](err); ok && auth.host == "" && !settings.IsAmazonTokenURL(c.app.tokenURL.String()) {
		told := *auth
		told.host = c.app.tokenURL.Host
		return &told
	}
	return err
}

// Only these of the many reasons of a 403 are cured by a new token. The LWA secret that "has expired" is not.
var (
	tokenExpired = []byte("access token you provided has expired")
	tokenInvalid = []byte("access token you provided is revoked, malformed or invalid")
)

// settled is how old a token is that may have been good before it was called invalid. A younger one would be refused again: so a seller who took the
// authorization back costs a fetch a minute at most, however many calls and processes there are.
const settled = time.Minute

// curable reports whether a new token may be accepted in place of one that was refused with this body.
func curable(body []byte, refused Token) bool {
	said := bytes.ToLower(body)
	return bytes.Contains(said, tokenExpired) || bytes.Contains(said, tokenInvalid) && time.Until(refused.Expires) < tokenLifetime-settled
}

// inspect looks into a 403: it drops an expired or revoked token from the cache, so that the retry step can repeat the call with a new one, and
// takes credentials out of the body, which the errors of wrong signatures echo.
func (s *authorizeStep) inspect(call *call, resp *http.Response, req *http.Request, key string, token Token) {
	body, err := io.ReadAll(io.LimitReader(resp.Body, maxErrorBody))
	_ = resp.Body.Close()
	if key != "" && curable(body, token) {
		if err := s.client.app.config.tokens.Drop(req.Context(), key, token); err != nil {
			s.client.app.warn(req.Context(), "the refused token could not be dropped", call, err)
		}
		call.expired = true
	}
	clean := scrub(string(body), token.Value.Reveal(), req.Header.Get("X-Amz-Security-Token"), req.Header.Get("Authorization"))
	resp.Body = &readBack{Reader: strings.NewReader(clean), err: err}
	resp.ContentLength = int64(len(clean))
	if resp.Header.Get("Content-Length") != "" {
		resp.Header.Set("Content-Length", strconv.Itoa(len(clean)))
	}
}

// readBack is a body that was read before, with the error that ended it.
type readBack struct {
	*strings.Reader
	err error
}

func (r *readBack) Read(p []byte) (int, error) {
	n, err := r.Reader.Read(p)
	if err == io.EOF && r.err != nil {
		err = r.err
	}
	return n, err
}

// WriteTo of the embedded reader would lose the error.
func (r *readBack) WriteTo(w io.Writer) (int64, error) {
	return io.Copy(w, struct{ io.Reader }{r})
}

func (r *readBack) Close() error { return nil }
