package fleettest

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/openspapi/spapi"
)

// TestTokenStore runs the suite on empty stores that newStore makes. What it starts must have ended when the test that it was given has,
// its cleanup included.
func TestTokenStore(t *testing.T, newStore func(t *testing.T) spapi.TokenStore) {
	for _, test := range []struct {
		name string
		run  func(t *testing.T, s spapi.TokenStore)
	}{
		{"OneFetchForAll", oneFetch},
		{"KeysAreKeptApart", keys},
		{"CancelledCallerAloneFails", cancelledCaller},
		{"FetchHasTheContextsValues", contextValues},
		{"Renewal", renewal},
		{"PassingFailureKeepsTheOldToken", passingFailure},
		{"PassingFailureIsNotKept", passingFailureAlone},
		{"RefusalIsKept", refusalKept},
		{"RefusalToAnotherSecret", refusalToAnother},
		{"SecretChangesDuringFetch", secretChanges},
		{"Drop", drop},
		{"DropOfARenewedToken", dropRenewed},
	} {
		t.Run(test.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) { test.run(t, newStore(t)) })
		})
	}
}

// issuer gives tokens, numbered, and counts.
type issuer struct {
	fetches atomic.Int64
	delay   time.Duration
	life    time.Duration // of its tokens; 0: it doesn't tell
	fail    atomic.Pointer[error]
}

func newIssuer() *issuer { return &issuer{delay: 100 * time.Millisecond, life: time.Hour} }

func (i *issuer) failWith(err error) {
	if err == nil {
		i.fail.Store(nil)
		return
	}
	i.fail.Store(&err)
}

func (i *issuer) fetch(ctx context.Context) (spapi.Token, error) {
	n := i.fetches.Add(1)
	timer := time.NewTimer(i.delay)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-ctx.Done():
		return spapi.Token{}, ctx.Err()
	}
	if err := i.fail.Load(); err != nil {
		return spapi.Token{}, *err
	}
	token := spapi.Token{Value: fmt.Sprintf("Atza|%d", n)}
	if i.life > 0 {
		token.Expires = time.Now().Add(i.life)
	}
	return token, nil
}

func (i *issuer) request(key, secret string) spapi.TokenRequest {
	return spapi.TokenRequest{Key: key, Secret: secret, Fetch: i.fetch}
}

func (i *issuer) want(t *testing.T, fetches int64) {
	t.Helper()
	if got := i.fetches.Load(); got != fetches {
		t.Errorf("%d fetches, want %d", got, fetches)
	}
}

var (
	refused401 = &spapi.AuthError{Grant: "refresh_token", StatusCode: 401, Code: "invalid_client"}
	failed503  = &spapi.AuthError{Grant: "refresh_token", StatusCode: 503, Code: "server_error"}
)

func get(t *testing.T, s spapi.TokenStore, r spapi.TokenRequest) spapi.Token {
	t.Helper()
	token, err := s.Get(t.Context(), r)
	if err != nil {
		t.Fatal(err)
	}
	return token
}

// wantCode fails unless the store answers with the error of Login with Amazon that has this code.
func wantCode(t *testing.T, s spapi.TokenStore, r spapi.TokenRequest, code string) {
	t.Helper()
	token, err := s.Get(t.Context(), r)
	var auth *spapi.AuthError
	if !errors.As(err, &auth) || auth.Code != code || token.Value != "" {
		t.Errorf("got %v and %v, want the error %s", token, err, code)
	}
}

func oneFetch(t *testing.T, s spapi.TokenStore) {
	i := newIssuer()
	var wg sync.WaitGroup
	for range 1000 {
		wg.Go(func() {
			if token, err := s.Get(t.Context(), i.request("k", "s")); err != nil || token.Value != "Atza|1" {
				t.Errorf("got %v, %v", token, err)
			}
		})
	}
	wg.Wait()
	token := get(t, s, i.request("k", "s"))
	if left := time.Until(token.Expires); left > time.Hour || left < 59*time.Minute {
		t.Errorf("the token expires in %s, want an hour", left)
	}
	i.want(t, 1)
}

func keys(t *testing.T, s spapi.TokenStore) {
	i := newIssuer()
	a, b := get(t, s, i.request("a", "s")), get(t, s, i.request("b", "s"))
	if a.Value == b.Value || get(t, s, i.request("a", "s")).Value != a.Value || get(t, s, i.request("b", "s")).Value != b.Value {
		t.Errorf("the token of one key serves another")
	}
	if err := s.Drop(t.Context(), "a", a); err != nil {
		t.Error(err)
	}
	get(t, s, i.request("b", "s"))
	i.want(t, 2)
}

func cancelledCaller(t *testing.T, s spapi.TokenStore) {
	i := newIssuer()
	first, cancel := context.WithCancel(t.Context())
	var wg sync.WaitGroup
	wg.Go(func() {
		start := time.Now()
		if _, err := s.Get(first, i.request("k", "s")); !errors.Is(err, context.Canceled) {
			t.Errorf("who was cancelled got %v", err)
		}
		if waited := time.Since(start); waited > tolerance {
			t.Errorf("who was cancelled waited %s, want to be told at once", waited)
		}
	})
	synctest.Wait() // it has begun the fetch
	for range 100 {
		wg.Go(func() {
			if _, err := s.Get(t.Context(), i.request("k", "s")); err != nil {
				t.Error(err)
			}
		})
	}
	synctest.Wait()
	cancel()
	wg.Wait()
	get(t, s, i.request("k", "s"))
	i.want(t, 1)

	// With nobody left the fetch goes on, and serves who comes next.
	ctx, cancel := context.WithTimeout(t.Context(), i.delay/2)
	defer cancel()
	if _, err := s.Get(ctx, i.request("other", "s")); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("got %v, want deadline exceeded", err)
	}
	time.Sleep(i.delay)
	get(t, s, i.request("other", "s"))
	i.want(t, 2)
}

func contextValues(t *testing.T, s spapi.TokenStore) {
	type key struct{}
	var got any
	ctx := context.WithValue(t.Context(), key{}, "value")
	_, err := s.Get(ctx, spapi.TokenRequest{Key: "k", Fetch: func(ctx context.Context) (spapi.Token, error) {
		got = ctx.Value(key{})
		return spapi.Token{Value: "Atza|x", Expires: time.Now().Add(time.Hour)}, nil
	}})
	if err != nil || got != "value" {
		t.Errorf("the fetch found %v, %v", got, err)
	}
}

func renewal(t *testing.T, s spapi.TokenStore) {
	for _, life := range []time.Duration{time.Hour, 10 * time.Second, 0} {
		i := newIssuer()
		i.life = life
		key := life.String()
		token := get(t, s, i.request(key, "s"))
		if life == 0 {
			life = time.Hour // what every token of Amazon's lives
		}
		time.Sleep(life * 4 / 10)
		if got := get(t, s, i.request(key, "s")); got.Value != token.Value {
			t.Errorf("a token of %s was renewed before half of its life", life)
		}
		// Whatever is handed out is valid, and renewals don't come more often than they must.
		for end := time.Now().Add(5 * life); time.Now().Before(end); time.Sleep(life / 50) {
			if got := get(t, s, i.request(key, "s")); !got.Expires.After(time.Now()) {
				t.Fatalf("a token of %s is handed out after its end", life)
			}
		}
		if n := i.fetches.Load(); n < 5 || n > 12 {
			t.Errorf("%d fetches in 5.4 lives of %s", n, life)
		}
	}
}

func passingFailure(t *testing.T, s spapi.TokenStore) {
	i := newIssuer()
	token := get(t, s, i.request("k", "s"))
	i.failWith(failed503)
	var last time.Time
	for range 620 { // an hour and two minutes
		time.Sleep(6 * time.Second)
		got, err := s.Get(t.Context(), i.request("k", "s"))
		if err != nil {
			break
		}
		if got.Value != token.Value {
			t.Fatalf("got %v, want the first token", got)
		}
		last = time.Now()
	}
	if left := token.Expires.Sub(last); left > 10*time.Second || left < -i.delay {
		t.Errorf("the old token was last handed out %s before its end, want until its end", left)
	}
	time.Sleep(time.Minute)
	wantCode(t, s, i.request("k", "s"), "server_error")
	i.failWith(nil)
	if got := get(t, s, i.request("k", "s")); got.Value == token.Value {
		t.Error("the old token came back")
	}
}

func passingFailureAlone(t *testing.T, s spapi.TokenStore) {
	i := newIssuer()
	i.failWith(failed503)
	wantCode(t, s, i.request("k", "s"), "server_error")
	i.want(t, 1)
	i.failWith(nil)
	get(t, s, i.request("k", "s"))
	i.want(t, 2)
}

func refusalKept(t *testing.T, s spapi.TokenStore) {
	i := newIssuer()
	i.failWith(refused401)
	var wg sync.WaitGroup
	for range 100 {
		wg.Go(func() { wantCode(t, s, i.request("k", "s"), "invalid_client") })
	}
	wg.Wait()
	time.Sleep(30 * time.Second)
	wantCode(t, s, i.request("k", "s"), "invalid_client")
	i.want(t, 1)
	i.failWith(nil) // put right at Amazon
	time.Sleep(time.Minute)
	get(t, s, i.request("k", "s"))
	i.want(t, 2)
}

func refusalToAnother(t *testing.T, s spapi.TokenStore) {
	i := newIssuer()
	i.failWith(refused401)
	wantCode(t, s, i.request("k", "old"), "invalid_client")
	i.failWith(nil)
	token := get(t, s, i.request("k", "new"))
	// The token is the application's, whatever its secret.
	if got := get(t, s, i.request("k", "old")); got.Value != token.Value {
		t.Errorf("got %v, want the token that the new secret got", got)
	}
	i.want(t, 2)

	// A refusal to the old secret takes nothing away from the new one.
	i.life = time.Minute
	token = get(t, s, i.request("other", "new"))
	time.Sleep(55 * time.Second)
	i.failWith(refused401)
	if _, err := s.Get(t.Context(), i.request("other", "old")); err != nil && !spapi.IsTokenRefused(err) {
		t.Errorf("got %v", err)
	}
	i.failWith(failed503)
	if got := get(t, s, i.request("other", "new")); got.Value != token.Value {
		t.Errorf("got %v, want the token that is still valid", got)
	}
}

// Who has the new secret isn't given what becomes of a fetch with the old one.
func secretChanges(t *testing.T, s spapi.TokenStore) {
	before, after := newIssuer(), newIssuer()
	before.failWith(refused401)
	var wg sync.WaitGroup
	wg.Go(func() { wantCode(t, s, before.request("k", "old"), "invalid_client") })
	synctest.Wait()
	wg.Go(func() {
		if _, err := s.Get(t.Context(), after.request("k", "new")); err != nil {
			t.Errorf("with the new secret: %v", err)
		}
	})
	wg.Wait()
	get(t, s, after.request("k", "new"))
	after.want(t, 1)
}

func drop(t *testing.T, s spapi.TokenStore) {
	i := newIssuer()
	if err := s.Drop(t.Context(), "k", spapi.Token{Value: "Atza|unknown"}); err != nil {
		t.Error(err)
	}
	token := get(t, s, i.request("k", "s"))
	if err := s.Drop(t.Context(), "k", token); err != nil {
		t.Error(err)
	}
	if got := get(t, s, i.request("k", "s")); got.Value == token.Value {
		t.Error("the dropped token was handed out")
	}
	i.want(t, 2)
}

func dropRenewed(t *testing.T, s spapi.TokenStore) {
	i := newIssuer()
	expired := get(t, s, i.request("k", "s"))
	var wg sync.WaitGroup
	for range 50 { // all of them met the same 403
		wg.Go(func() {
			if err := s.Drop(t.Context(), "k", expired); err != nil {
				t.Error(err)
			}
			if token, err := s.Get(t.Context(), i.request("k", "s")); err != nil || token.Value != "Atza|2" {
				t.Errorf("got %v, %v", token, err)
			}
		})
	}
	wg.Wait()
	if err := s.Drop(t.Context(), "k", expired); err != nil { // a late one
		t.Error(err)
	}
	get(t, s, i.request("k", "s"))
	i.want(t, 2)
}
