package spapi

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"sync"
	"time"
)

// TokenStore keeps tokens until they expire. One store serves all clients of an [App], or of several applications or processes: keys
// tell them apart. It must be safe for concurrent use; package fleet/fleettest has the suite that every store passes.
type TokenStore interface {
	// Get returns the token that r names: a kept one, or the one that r.Fetch brings, which is then kept. All who ask for it at the same
	// time share one fetch; what panics in it is an error of all. A fetch goes on when the caller that began it leaves: that caller alone gets the error of its context.
	//
	// Nobody waits, and no call fails, while the token in hand is valid. Some time before its end the next Get begins a fetch in the
	// background, for tokens that were fetched together at different times; tokens that nobody asks for are not renewed. A fetch in the
	// background that fails is repeated after pauses that grow. It is no error of those who ask, a definite refusal neither: they get the
	// old token to its end.
	//
	// Without a valid token a failure is told to all who wait. One that [IsTokenRefused] calls definite is told to those who ask with the
	// same r.Secret for a while, without asking again.
	Get(ctx context.Context, r TokenRequest) (Token, error)

	// Drop forgets the token of key that the API called expired or invalid. If the store has another one by now, nothing happens: it was renewed
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
	// outlive it. The store closes urgent as soon as a caller waits for the outcome, before Fetch where one does from the start: fetches
	// that are not urgent let the urgent ones go first, and tell of their failure themselves.
	Fetch func(ctx context.Context, urgent <-chan struct{}) (Token, error)
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

// NewTokenStore makes the store that an [App] has by default: in the memory of this process. A token that lives for an hour is renewed 15 to 5
// minutes before its end, one of another lifetime in the same proportion. A fetch ends by itself, within 10 minutes; one that is cut off by the end of
// the process leaves nothing behind, for the use of a refresh token doesn't change it.
func NewTokenStore() TokenStore {
	return &tokenStore{entries: map[string]tokenEntry{}, flights: map[string]*flight{}}
}

const (
	// refusalLifetime is how long a definite refusal, such as a wrong secret, is repeated to callers without asking again.
	refusalLifetime = time.Minute
	// fetchTimeout bounds a fetch with its retries, which goes on when the caller that began it has left.
	fetchTimeout = 10 * time.Minute
)

type tokenStore struct {
	mu      sync.Mutex
	entries map[string]tokenEntry
	sweepAt int // number of entries at which the stale ones are thrown away: restricted tokens of single paths would pile up
	flights map[string]*flight
}

type tokenEntry struct {
	token Token
	pause time.Duration // after the next failure to renew it

	refusal error
	secret  string    // to which it was refused
	until   time.Time // how long the refusal is kept
}

// flight is a fetch under way.
type flight struct {
	urgent chan struct{} // closed as soon as a caller waits
	wanted bool          // it is closed
	done   chan struct{} // closed when token and err are set
	token  Token
	err    error
}

func (s *tokenStore) Get(ctx context.Context, r TokenRequest) (Token, error) {
	token, f, err := s.look(ctx, r)
	if f == nil {
		return token, err
	}
	select {
	case <-f.done:
		return f.token, f.err
	case <-ctx.Done():
		return Token{}, ctx.Err()
	}
}

// look returns what is in hand, or else the fetch to wait for. It begins one where that is due.
func (s *tokenStore) look(ctx context.Context, r TokenRequest) (Token, *flight, error) {
	now := time.Now()
	s.mu.Lock()
	defer s.mu.Unlock()
	e := s.entries[r.Key]
	valid := now.Before(e.token.Expires)
	switch {
	case valid && now.Before(e.token.Renew):
		return e.token, nil, nil
	case !valid && e.refusal != nil && e.secret == r.Secret && now.Before(e.until):
		return Token{}, nil, e.refusal
	}
	name := r.Key + r.Secret // one fetch per secret: what becomes of an old one is not the answer to those who have the new one
	f, under := s.flights[name]
	if !under {
		f = &flight{urgent: make(chan struct{}), done: make(chan struct{})}
		s.flights[name] = f
	}
	if !valid && !f.wanted { // before Fetch, which looks first whether it is urgent
		f.wanted = true
		close(f.urgent)
	}
	if !under {
		go s.fly(context.WithoutCancel(ctx), r, name, f)
	}
	if valid {
		return e.token, nil, nil
	}
	return Token{}, f, nil
}

// fly carries out a fetch. It makes an error of a panic and of runtime.Goexit, which an observer or a transport may bring: there is no one caller to
// whom they could pass, and all who wait would be left without an answer.
func (s *tokenStore) fly(ctx context.Context, r TokenRequest, name string, f *flight) {
	ctx, cancel := context.WithTimeout(ctx, fetchTimeout)
	defer cancel()
	var token Token
	err := errors.New("spapi: the fetch of a token ended in runtime.Goexit")
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("spapi: the fetch of a token panicked: %s", scrub(fmt.Sprint(p)))
		}
		s.mu.Lock()
		defer s.mu.Unlock()
		f.token, f.err = s.settle(&r, token, err)
		delete(s.flights, name)
		close(f.done)
	}()
	token, err = r.Fetch(ctx, f.urgent)
}

// settle keeps the outcome of a fetch and returns what those who wait for it get; s.mu is held.
func (s *tokenStore) settle(r *TokenRequest, token Token, err error) (Token, error) {
	now := time.Now()
	s.sweep(now)
	e := s.entries[r.Key]
	if err == nil {
		token, pause := token.Schedule(r.Key)
		s.entries[r.Key] = tokenEntry{token: token, pause: pause}
		return token, nil
	}
	refused, valid := IsTokenRefused(err), now.Before(e.token.Expires)
	if !refused && !valid {
		return Token{}, err
	}
	if refused {
		e.refusal, e.secret, e.until = err, r.Secret, now.Add(refusalLifetime)
	}
	if valid {
		e.token.Renew = now.Add(e.pause)
		e.pause *= 2
		err = nil
	} else {
		e.token = Token{}
	}
	s.entries[r.Key] = e
	return e.token, err
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
