package spapi

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"net/url"
	"time"

	"golang.org/x/oauth2"
	"golang.org/x/oauth2/clientcredentials"

	"github.com/openspapi/spapi/internal/settings"
)

// Login with Amazon (developer-docs.amazon.com/sp-api/docs/connecting-to-the-selling-partner-api): one URL for all regions,
// form-encoded, credentials among the parameters.

// tokenTimeout bounds one request for a token.
const tokenTimeout = 30 * time.Second

// accessToken is the seller's token.
func (c *Client) accessToken(ctx context.Context) (Token, error) {
	if c.auth.RefreshToken == "" {
		return Token{}, settings.CheckRefreshToken("")
	}
	return c.app.tokens.get(ctx, c.key, func(ctx context.Context) (Token, error) {
		token, err := c.app.exchange(ctx, "refresh_token", func(ctx context.Context) (*oauth2.Token, error) {
			return c.app.oauth("").TokenSource(ctx, &oauth2.Token{RefreshToken: c.auth.RefreshToken}).Token()
		})
		if err != nil {
			return Token{}, err
		}
		return Token{Value: token.AccessToken, Expires: token.Expiry}, nil
	})
}

func (a *App) accessKey(refreshToken string) string {
	return fingerprint("refresh_token", a.credentials.ClientID, refreshToken)
}

// grantlessToken is the application's own token for a scope.
func (a *App) grantlessToken(ctx context.Context, scope string) (Token, error) {
	return a.tokens.get(ctx, a.grantlessKey(scope), func(ctx context.Context) (Token, error) {
		config := clientcredentials.Config{ClientID: a.credentials.ClientID, ClientSecret: a.credentials.ClientSecret,
			TokenURL: a.tokenURL.String(), Scopes: []string{scope}, AuthStyle: oauth2.AuthStyleInParams}
		token, err := a.exchange(ctx, "client_credentials", config.Token)
		if err != nil {
			return Token{}, err
		}
		return Token{Value: token.AccessToken, Expires: token.Expiry}, nil
	})
}

func (a *App) grantlessKey(scope string) string {
	return fingerprint("client_credentials", a.credentials.ClientID, scope)
}

func (a *App) exchangeCode(ctx context.Context, code, redirectURI string) (Authorization, error) {
	token, err := a.exchange(ctx, "authorization_code", func(ctx context.Context) (*oauth2.Token, error) {
		return a.oauth(redirectURI).Exchange(ctx, code)
	})
	if err != nil {
		return Authorization{}, err
	}
	if token.RefreshToken == "" {
		return Authorization{}, &AuthError{Grant: "authorization_code", StatusCode: http.StatusOK, Description: "the answer has no refresh token"}
	}
	return Authorization{RefreshToken: token.RefreshToken}, nil
}

func (a *App) oauth(redirectURI string) *oauth2.Config {
	return &oauth2.Config{ClientID: a.credentials.ClientID, ClientSecret: a.credentials.ClientSecret, RedirectURL: redirectURI,
		Endpoint: oauth2.Endpoint{TokenURL: a.tokenURL.String(), AuthStyle: oauth2.AuthStyleInParams}}
}

// exchange asks for a token, again after passing failures.
func (a *App) exchange(ctx context.Context, grant string, ask func(context.Context) (*oauth2.Token, error)) (*oauth2.Token, error) {
	policy := a.config.retry
	for retry := 0; ; retry++ {
		wire := &tokenTransport{app: a, grant: grant}
		client := &http.Client{Transport: wire, Timeout: tokenTimeout, CheckRedirect: func(*http.Request, []*http.Request) error {
			return http.ErrUseLastResponse // a redirect would carry the client secret elsewhere
		}}
		token, err := ask(context.WithValue(ctx, oauth2.HTTPClient, client))
		if err == nil {
			return token, nil
		}
		failure := a.authError(grant, wire, err)
		again := failure.temporary() && (grant != "authorization_code" || wire.unsent()) // a code works once
		pause := policy.pause(retry)
		if wire.header != nil {
			pause = max(pause, retryAfter(wire.header))
		}
		if deadline, ok := ctx.Deadline(); ok && time.Until(deadline) < pause {
			again = false
		}
		if !again || retry+1 >= policy.MaxAttempts || ctx.Err() != nil || sleep(ctx, pause) != nil {
			return nil, failure
		}
	}
}

func (a *App) authError(grant string, wire *tokenTransport, err error) *AuthError {
	e := &AuthError{Grant: grant, StatusCode: wire.status, RequestID: requestID(wire.header), skew: clockSkew(wire.header)}
	var refused *oauth2.RetrieveError
	if errors.As(err, &refused) {
		e.Code = refused.ErrorCode
		e.Description = scrub(refused.ErrorDescription, a.credentials.ClientSecret)
		return e // not wrapped: its text has the whole body
	}
	var failed *url.Error
	if errors.As(err, &failed) {
		err = failed.Err // without the URL, which is known
	}
	e.Err = err
	return e
}

// tokenTransport is the way of one request for a token: it names the program and keeps what the OAuth library doesn't tell.
type tokenTransport struct {
	app    *App
	grant  string
	status int
	header http.Header
	err    error
}

func (t *tokenTransport) RoundTrip(req *http.Request) (*http.Response, error) {
	req = req.Clone(req.Context())
	req.Header.Set("User-Agent", t.app.userAgent)
	start := time.Now()
	resp, err := t.app.config.transport.RoundTrip(req)
	if resp != nil {
		t.status, t.header = resp.StatusCode, resp.Header
	}
	t.err = err
	if l := t.app.config.logger; l != nil {
		l.LogAttrs(req.Context(), slog.LevelDebug, "spapi: token", slog.String("grant", t.grant), slog.Int("status", t.status),
			slog.Duration("duration", time.Since(start)), slog.Bool("failed", err != nil))
	}
	return resp, err
}

func (t *tokenTransport) unsent() bool {
	return t.err != nil && (&networkError{t.err}).unsent()
}
