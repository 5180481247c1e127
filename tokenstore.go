package spapi

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"sync"
	"time"

	"golang.org/x/sync/singleflight"
)

// TokenStore keeps tokens until they expire. One store serves all clients of an [App], or of several applications or processes: keys
// tell them apart. It must be safe for concurrent use; package fleet/fleettest has the suite that every store passes.
type TokenStore interface {
	// Get returns the token that r names: a kept one, or the one that r.Fetch brings, which is then kept. All who ask for it at the same
	// time share one fetch; what panics in it is an error of all. A fetch goes on when the caller that began it leaves: that caller alone gets the error of its context.
	//
	// A token is fetched anew some time before it expires. As long as the one in hand is valid, a passing failure to do so is no error. A
	// failure that [IsTokenRefused] calls definite is told to those who ask with the same r.Secret for a while, without asking again.
	Get(ctx context.Context, r TokenRequest) (Token, error)

	// Drop forgets the token of key that the API called expired. If the store has another one by now, nothing happens: it was renewed
	// meanwhile.
	Drop(ctx context.Context, key string, expired Token) error
}

// TokenRequest names a token and says how it is had.
type TokenRequest struct {
	// Key is a digest of all that decides which token it is: client id, token URL, sandbox or production, kind, and the refresh token or
	// scope; for a restricted data token also the endpoint, method, path and data elements. The client secret is no part of it: a new
	// secret gets no other tokens.
	Key string

	// Secret is a digest of the client secret that Fetch uses. What was refused to one secret may be granted to another.
	Secret string

	// Fetch asks for the token, with a few repeats. Its context must have the values of the context that Get was called with, and may
	// outlive it.
	Fetch func(ctx context.Context) (Token, error)
}

// IsTokenRefused reports whether err is a definite refusal of a token: asking again with the same credentials cannot help.
func IsTokenRefused(err error) bool {
	var auth *AuthError
	if errors.As(err, &auth) {
		return !auth.temporary()
	}
	var api *APIError
	return errors.As(err, &api) && (api.StatusCode == http.StatusBadRequest || api.StatusCode == http.StatusForbidden)
}

// NewTokenStore makes the store that an [App] has by default: in the memory of this process.
func NewTokenStore() TokenStore { return &tokenStore{entries: map[string]tokenEntry{}} }

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

type tokenStore struct {
	mu      sync.Mutex
	entries map[string]tokenEntry
	sweepAt int // number of entries at which the stale ones are thrown away: restricted tokens of single paths would pile up
	flights singleflight.Group
}

type tokenEntry struct {
	token Token
	renew time.Time

	refusal error
	secret  string    // to which it was refused
	until   time.Time // how long the refusal is kept
}

// answer is what can be told without a fetch.
func (s *tokenStore) answer(r *TokenRequest) (token Token, known bool, err error) {
	now := time.Now()
	s.mu.Lock()
	defer s.mu.Unlock()
	e := s.entries[r.Key]
	switch {
	case now.Before(e.renew):
		return e.token, true, nil
	case e.refusal != nil && e.secret == r.Secret && now.Before(e.until):
		return Token{}, true, e.refusal
	}
	return Token{}, false, nil
}

func (s *tokenStore) Get(ctx context.Context, r TokenRequest) (Token, error) {
	if token, known, err := s.answer(&r); known {
		return token, err
	}
	// One flight per secret: what becomes of an old one is not the answer to those who have the new one.
	flight := s.flights.DoChan(r.Key+r.Secret, func() (any, error) {
		if token, known, err := s.answer(&r); known { // another flight ended just before
			return token, err
		}
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), fetchTimeout)
		defer cancel()
		token, err := fetch(ctx, r.Fetch)
		return s.settle(&r, token, err)
	})
	select {
	case result := <-flight:
		token, _ := result.Val.(Token)
		return token, result.Err
	case <-ctx.Done():
		return Token{}, ctx.Err()
	}
}

// fetch makes an error of a panic and of runtime.Goexit, which an observer or a transport may bring: there is no one caller to whom they could
// pass, singleflight would end the process for the one and leave all who wait without an answer after the other. The goroutine is for Goexit,
// which cannot be held up.
func fetch(ctx context.Context, ask func(context.Context) (Token, error)) (token Token, err error) {
	done := make(chan struct{})
	go func() {
		defer close(done)
		defer func() {
			if p := recover(); p != nil {
				err = fmt.Errorf("spapi: the fetch of a token panicked: %s", scrub(fmt.Sprint(p)))
			}
		}()
		err = errors.New("spapi: the fetch of a token ended in runtime.Goexit")
		token, err = ask(ctx)
	}()
	<-done
	return token, err
}

// settle keeps the outcome of a fetch.
func (s *tokenStore) settle(r *TokenRequest, token Token, err error) (Token, error) {
	now := time.Now()
	s.mu.Lock()
	defer s.mu.Unlock()
	s.sweep(now)
	e := s.entries[r.Key]
	switch {
	case err == nil:
		if token.Expires.IsZero() {
			token.Expires = now.Add(tokenLifetime)
		}
		early := min(renewEarly, token.Expires.Sub(now)/2)
		s.entries[r.Key] = tokenEntry{token: token, renew: token.Expires.Add(-early)}
		return token, nil
	case IsTokenRefused(err):
		e.refusal, e.secret, e.until = err, r.Secret, now.Add(refusalLifetime)
		s.entries[r.Key] = e
	case now.Before(e.token.Expires):
		// A passing failure is no reason to fail calls as long as the old token works.
		return e.token, nil
	}
	return Token{}, err
}

func (s *tokenStore) sweep(now time.Time) {
	if len(s.entries) < s.sweepAt {
		return
	}
	maps.DeleteFunc(s.entries, func(_ string, e tokenEntry) bool {
		return !now.Before(e.token.Expires) && !now.Before(e.until)
	})
	s.sweepAt = max(100, 2*len(s.entries))
}

func (s *tokenStore) Drop(_ context.Context, key string, expired Token) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.entries[key].token.Value == expired.Value {
		delete(s.entries, key)
	}
	return nil
}
