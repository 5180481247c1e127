package spapi

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"strconv"
	"time"

	"golang.org/x/oauth2"
	"golang.org/x/oauth2/clientcredentials"

	"github.com/openspapi/spapi/internal/settings"
)

// Login with Amazon (developer-docs.amazon.com/sp-api/docs/connecting-to-the-selling-partner-api): one URL for all regions,
// form-encoded, credentials among the parameters.

// tokenTimeout bounds one request for a token, from the connection to the last byte: the answer is small, and calls wait for it.
const tokenTimeout = 30 * time.Second

// maxTokenBody bounds the answer, in bytes. It is what the OAuth library reads at most.
const maxTokenBody = 1 << 20

// tokenKey names a token of Login with Amazon in the store. It knows no sandbox; the two are kept apart all the same, so that what happens
// in the sandbox drops no token of production.
func (a *App) tokenKey(grant string, sandbox bool, subject string) string {
	return fingerprint(grant, a.credentials.ClientID, a.tokenURL.String(), strconv.FormatBool(sandbox), subject)
}

// accessRequest is for the seller's token.
func (c *Client) accessRequest() TokenRequest {
	return TokenRequest{
		Key:    c.app.tokenKey("refresh_token", c.auth.Sandbox, c.auth.RefreshToken.Reveal()),
		Secret: c.app.secret,
		Fetch: c.tells("access token", func(ctx context.Context, urgent <-chan struct{}) (Token, error) {
			return c.app.fetch(ctx, urgent, "refresh_token", func(ctx context.Context, secret Secret) (*oauth2.Token, error) {
				return c.app.oauth("", secret).TokenSource(ctx, &oauth2.Token{RefreshToken: c.auth.RefreshToken.Reveal()}).Token()
			})
		}),
	}
}

// grantlessRequest is for the application's own token for a scope.
func (c *Client) grantlessRequest(scope string) TokenRequest {
	a := c.app
	return TokenRequest{
		Key:    a.tokenKey("client_credentials", c.auth.Sandbox, scope),
		Secret: a.secret,
		Fetch: c.tells("grantless token", func(ctx context.Context, urgent <-chan struct{}) (Token, error) {
			return a.fetch(ctx, urgent, "client_credentials", func(ctx context.Context, secret Secret) (*oauth2.Token, error) {
				config := clientcredentials.Config{ClientID: a.credentials.ClientID, ClientSecret: secret.Reveal(),
					TokenURL: a.tokenURL.String(), Scopes: []string{scope}, AuthStyle: oauth2.AuthStyleInParams}
				return config.Token(ctx)
			})
		}),
	}
}

// tells makes a fetch tell of its failure where no caller gets it: in the background, while the token in hand still works.
func (c *Client) tells(what string, fetch func(context.Context, <-chan struct{}) (Token, error)) func(context.Context, <-chan struct{}) (Token, error) {
	return func(ctx context.Context, urgent <-chan struct{}) (token Token, err error) {
		defer func() {
			if err != nil && !isClosed(urgent) {
				c.app.logger().LogAttrs(ctx, slog.LevelWarn, "spapi: the "+what+" could not be renewed; the one in hand serves until its end",
					slog.String("seller", c.seller), slog.String("error", scrub(err.Error())))
			}
		}()
		err = errAbandoned // should a panic or runtime.Goexit lead out
		return fetch(ctx, urgent)
	}
}

func isClosed(c <-chan struct{}) bool {
	select {
	case <-c:
		return true
	default:
		return false
	}
}

// askLogin is one request to Login with Amazon, with a client secret.
type askLogin func(ctx context.Context, secret Secret) (*oauth2.Token, error)

func (a *App) fetch(ctx context.Context, urgent <-chan struct{}, grant string, ask askLogin) (Token, error) {
	token, err := a.exchange(ctx, urgent, grant, ask)
	if err != nil {
		return Token{}, err
	}
	return Token{Value: NewSecret(token.AccessToken), Expires: token.Expiry}, nil
}

func (a *App) exchangeCode(ctx context.Context, code, redirectURI string) (Authorization, error) {
	urgent := make(chan struct{})
	close(urgent)
	token, err := a.exchange(ctx, urgent, "authorization_code", func(ctx context.Context, secret Secret) (*oauth2.Token, error) {
		return a.oauth(redirectURI, secret).Exchange(ctx, code)
	})
	if err != nil {
		return Authorization{}, err
	}
	if token.RefreshToken == "" {
		return Authorization{}, &AuthError{Grant: "authorization_code", StatusCode: http.StatusOK, Description: "the answer has no refresh token"}
	}
	return Authorization{RefreshToken: NewSecret(token.RefreshToken)}, nil
}

func (a *App) oauth(redirectURI string, secret Secret) *oauth2.Config {
	return &oauth2.Config{ClientID: a.credentials.ClientID, ClientSecret: secret.Reveal(), RedirectURL: redirectURI,
		Endpoint: oauth2.Endpoint{TokenURL: a.tokenURL.String(), AuthStyle: oauth2.AuthStyleInParams}}
}

// exchange asks for a token, with the next client secret where one is refused.
func (a *App) exchange(ctx context.Context, urgent <-chan struct{}, grant string, ask askLogin) (token *oauth2.Token, err error) {
	var refused error
	for secret := range a.secrets.all(ctx, a.logger()) {
		token, err = a.exchangeBy(ctx, urgent, grant, secret, ask)
		if err == nil && a.secrets.worked(secret) {
			a.logger().LogAttrs(ctx, slog.LevelWarn, "spapi: "+a.login()+" refuses the client secret; another one that is known works, and is used: "+
				"look whether the stored one is right, or was rotated", slog.String("client_id", a.credentials.ClientID))
		}
		if err == nil || !secretRefused(err) {
			return token, err
		}
		if refused == nil {
			refused = err
		}
	}
	return nil, refused
}

// login is who gives tokens.
func (a *App) login() string {
	if settings.IsAmazonTokenURL(a.tokenURL.String()) {
		return "Login with Amazon"
	}
	return a.tokenURL.Host
}

// exchangeBy asks for a token with one secret, again after passing failures.
func (a *App) exchangeBy(ctx context.Context, urgent <-chan struct{}, grant string, secret Secret, ask askLogin) (*oauth2.Token, error) {
	policy := a.config.retry
	for retry := 0; ; retry++ {
		wire := &tokenTransport{app: a, grant: grant, secret: secret}
		client := &http.Client{Transport: wire, CheckRedirect: func(*http.Request, []*http.Request) error {
			return http.ErrUseLastResponse // a redirect would carry the client secret elsewhere
		}}
		activity := Activity{Kind: ActivityTokenRequest, Host: a.tokenURL.Host, Grant: grant, Attempt: retry + 1}
		if err := a.enter(ctx, urgent, activity); err != nil {
			return nil, a.authError(grant, wire, err)
		}
		token, failure := a.ask(ctx, activity, client, wire, ask)
		if failure == nil {
			return token, nil
		}
		again := failure.temporary() && (grant != "authorization_code" || wire.unsent()) // a code works once
		pause := policy.pause(retry)
		if again && wire.status != 0 {
			pause, again = a.pauseAfter(ctx, slog.String("grant", grant), wire.header, pause)
		}
		if deadline, ok := ctx.Deadline(); ok && time.Until(deadline) < pause {
			again = false
		}
		activity.Kind, activity.Pause, activity.StatusCode = ActivityRetryPause, pause, wire.status
		if !again || retry+1 >= policy.MaxAttempts || ctx.Err() != nil || a.rest(ctx, activity) != nil {
			return nil, failure
		}
	}
}

// enter waits until there is room for one more request for a token, and tells of the wait if there is one.
func (a *App) enter(ctx context.Context, urgent <-chan struct{}, activity Activity) error {
	if a.logins.try() {
		return nil
	}
	activity.Kind = ActivityLimitWait
	var wait running
	if a.observes(ctx, activity.Kind) {
		ctx, wait = a.begin(ctx, activity)
	}
	err := a.logins.wait(ctx, urgent)
	told := false
	defer func() {
		if err == nil && !told {
			a.logins.release() // an observer's panic leads out: nobody else would
		}
	}()
	wait.end(Outcome{Err: err})
	told = true
	return err
}

// ask is one request, for which there is room.
func (a *App) ask(ctx context.Context, activity Activity, client *http.Client, wire *tokenTransport, ask askLogin) (*oauth2.Token, *AuthError) {
	defer a.logins.release()
	var request running
	if a.observes(ctx, ActivityTokenRequest) {
		ctx, request = a.begin(ctx, activity)
	}
	o := Outcome{Err: errAbandoned}
	defer func() { request.end(o) }()
	late := &TimeoutError{Stage: TimeoutAnswer, After: tokenTimeout}
	ctx, stop := context.WithTimeoutCause(ctx, tokenTimeout, late)
	defer stop()
	token, err := ask(context.WithValue(ctx, oauth2.HTTPClient, client), wire.secret)
	if wire.err != nil {
		err = wire.err // what the library makes of it may hide its type
		if errors.Is(context.Cause(ctx), late) {
			err = late
		}
	}
	o = Outcome{StatusCode: wire.status, RequestID: scrub(requestID(wire.header), a.secrets.known(wire.secret)...)}
	var failure *AuthError
	if err != nil {
		failure = a.authError(wire.grant, wire, err)
		o.Err = failure
	}
	return token, failure
}

func (a *App) authError(grant string, wire *tokenTransport, err error) *AuthError {
	e := &AuthError{Grant: grant, StatusCode: wire.status, RequestID: scrub(requestID(wire.header), a.secrets.known(wire.secret)...),
		skew: clockSkew(wire.header)}
	if !settings.IsAmazonTokenURL(a.tokenURL.String()) {
		e.host = a.tokenURL.Host
	}
	e.RetryAfter = a.beyondPatience(wire.status, wire.header)
	var refused *oauth2.RetrieveError
	if errors.As(err, &refused) {
		e.Code = scrub(refused.ErrorCode, a.secrets.known(wire.secret)...)
		e.Description = scrub(refused.ErrorDescription, a.secrets.known(wire.secret)...)
		return e // not wrapped: its text has the whole body
	}
	e.Err = newNetworkError(err)
	return e
}

// tokenTransport is the way of one request for a token: it names the program and keeps what the OAuth library doesn't tell.
type tokenTransport struct {
	app    *App
	grant  string
	secret Secret
	status int
	header http.Header
	err    error
}

func (t *tokenTransport) RoundTrip(req *http.Request) (*http.Response, error) {
	req = req.Clone(req.Context())
	req.Header.Set("User-Agent", t.app.userAgent)
	resp, err := t.app.config.transport.RoundTrip(req)
	if err != nil {
		t.err = err
		return nil, err
	}
	body, err := readBody(nil, resp, maxTokenBody)
	if err != nil {
		t.err = fmt.Errorf("the answer cannot be read: %w", err)
		return nil, t.err
	}
	resp.Body = io.NopCloser(bytes.NewReader(body))
	t.status, t.header = resp.StatusCode, resp.Header
	return resp, nil
}

func (t *tokenTransport) unsent() bool {
	return t.err != nil && (&networkError{t.err}).unsent()
}
