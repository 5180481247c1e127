package spapi

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"maps"
	"net/http"
	"sync"
	"time"

	"golang.org/x/sync/singleflight"
)

// Token is an access token or a restricted data token. It prints as redacted in every format, also as JSON.
type Token struct {
	Value   string
	Expires time.Time
}

// String never shows the token.
func (t Token) String() string {
	return fmt.Sprintf("Token{%s expires %s}", masked(t.Value), t.Expires.Format(time.RFC3339))
}

// Format never shows the token, whatever the verb.
func (t Token) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, t.String()) }

// LogValue never shows the token.
func (t Token) LogValue() slog.Value { return slog.StringValue(t.String()) }

// MarshalText never shows the token.
func (t Token) MarshalText() ([]byte, error) { return []byte(t.String()), nil }

const (
	// renewEarly is how long before its expiry a token is renewed, so that none expires on the way.
	renewEarly = time.Minute
	// tokenLifetime is assumed where an answer doesn't tell.
	tokenLifetime = time.Hour
	// refusalLifetime is how long a definite refusal, such as a wrong secret, is repeated to callers without asking again.
	refusalLifetime = time.Minute
	// fetchTimeout bounds a fetch with its retries, which goes on when the caller that began it has left.
	fetchTimeout = 10 * time.Minute
)

// tokenCache keeps tokens by hashed keys, with one fetch in flight per key.
type tokenCache struct {
	mu      sync.Mutex
	entries map[string]tokenEntry
	sweepAt int // number of entries at which the stale ones are thrown away: restricted tokens of single paths would pile up
	flights singleflight.Group
}

type tokenEntry struct {
	token Token
	renew time.Time
	err   error // a refusal, until renew
}

func newTokenCache() *tokenCache { return &tokenCache{entries: map[string]tokenEntry{}} }

func (c *tokenCache) fresh(key string) (tokenEntry, bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	e, ok := c.entries[key]
	return e, ok && time.Now().Before(e.renew)
}

// get returns the token of key. All who need it at the same time share one fetch; it goes on when a caller leaves, so that
// one cancelled call does not fail the others.
func (c *tokenCache) get(ctx context.Context, key string, fetch func(context.Context) (Token, error)) (Token, error) {
	if e, ok := c.fresh(key); ok {
		return e.token, e.err
	}
	flight := c.flights.DoChan(key, func() (any, error) {
		if e, ok := c.fresh(key); ok { // another flight ended just before
			return e.token, e.err
		}
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), fetchTimeout)
		defer cancel()
		token, err := fetch(ctx)
		return c.settle(key, token, err)
	})
	select {
	case r := <-flight:
		token, _ := r.Val.(Token)
		return token, r.Err
	case <-ctx.Done():
		return Token{}, ctx.Err()
	}
}

// settle stores the outcome of a fetch.
func (c *tokenCache) settle(key string, token Token, err error) (Token, error) {
	now := time.Now()
	c.mu.Lock()
	defer c.mu.Unlock()
	c.sweep(now)
	if err == nil {
		if token.Expires.IsZero() {
			token.Expires = now.Add(tokenLifetime)
		}
		early := min(renewEarly, token.Expires.Sub(now)/2)
		c.entries[key] = tokenEntry{token: token, renew: token.Expires.Add(-early)}
		return token, nil
	}
	if refusal(err) {
		c.entries[key] = tokenEntry{err: err, renew: now.Add(refusalLifetime)}
		return Token{}, err
	}
	// A passing failure is no reason to fail calls as long as the old token works.
	if old := c.entries[key]; old.err == nil && now.Before(old.token.Expires) {
		return old.token, nil
	}
	return Token{}, err
}

func (c *tokenCache) sweep(now time.Time) {
	if len(c.entries) < c.sweepAt {
		return
	}
	maps.DeleteFunc(c.entries, func(_ string, e tokenEntry) bool {
		return !now.Before(e.renew) && !now.Before(e.token.Expires)
	})
	c.sweepAt = max(100, 2*len(c.entries))
}

// drop forgets a token that the API called expired, unless it was renewed meanwhile.
func (c *tokenCache) drop(key, value string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.entries[key].token.Value == value {
		delete(c.entries, key)
	}
}

// refusal reports whether asking again cannot help.
func refusal(err error) bool {
	var auth *AuthError
	if errors.As(err, &auth) {
		return !auth.temporary()
	}
	var api *APIError
	return errors.As(err, &api) && (api.StatusCode == http.StatusBadRequest || api.StatusCode == http.StatusForbidden)
}
