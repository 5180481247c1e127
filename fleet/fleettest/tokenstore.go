package fleettest

import (
	"context"
	"errors"
	"fmt"
	"strings"
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
		{"RenewalInTheBackground", background},
		{"RenewalsAreSpread", spread},
		{"UnusedTokensAreNotRenewed", unused},
		{"WhoWaitsIsUrgent", urgency},
		{"PassingFailureKeepsTheOldToken", passingFailure},
		{"RefusalKeepsTheOldToken", refusedRenewal},
		{"FailedRenewalsPause", renewalPauses},
		{"PassingFailureIsNotKept", passingFailureAlone},
		{"RefusalIsKept", refusalKept},
		{"RefusalToAnotherSecret", refusalToAnother},
		{"SecretChangesDuringFetch", secretChanges},
		{"FetchThatPanics", panics},
		{"Drop", drop},
		{"DropOfARenewedToken", dropRenewed},
	} {
		t.Run(test.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				test.run(t, newStore(t))
				time.Sleep(time.Minute) // what goes on in the background ends
			})
		})
	}
}

// issuer gives tokens, numbered, and counts.
type issuer struct {
	fetches atomic.Int64
	urgent  atomic.Int64 // of them, those that a caller waited for from the start
	delay   time.Duration
	life    time.Duration // of its tokens; 0: it doesn't tell
	fail    atomic.Pointer[error]
}

func isClosed(c <-chan struct{}) bool {
	select {
	case <-c:
		return true
	default:
		return false
	}
}

func newIssuer() *issuer { return &issuer{delay: 100 * time.Millisecond, life: time.Hour} }

func (i *issuer) failWith(err error) {
	if err == nil {
		i.fail.Store(nil)
		return
	}
	i.fail.Store(&err)
}

func (i *issuer) fetch(ctx context.Context, urgent <-chan struct{}) (spapi.Token, error) {
	n := i.fetches.Add(1)
	if isClosed(urgent) {
		i.urgent.Add(1)
	}
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
	token := spapi.Token{Value: spapi.NewSecret(fmt.Sprintf("Atza|%d", n))}
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
	if !errors.As(err, &auth) || auth.Code != code || !token.Value.IsZero() {
		t.Errorf("got %v and %v, want the error %s", token, err, code)
	}
}

func oneFetch(t *testing.T, s spapi.TokenStore) {
	i := newIssuer()
	var wg sync.WaitGroup
	for range 1000 {
		wg.Go(func() {
			if token, err := s.Get(t.Context(), i.request("k", "s")); err != nil || token.Value.Reveal() != "Atza|1" {
				t.Errorf("got %q, %v, want the token of the first fetch", token.Value.Reveal(), err)
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
	_, err := s.Get(ctx, spapi.TokenRequest{Key: "k", Fetch: func(ctx context.Context, _ <-chan struct{}) (spapi.Token, error) {
		got = ctx.Value(key{})
		return spapi.Token{Value: spapi.NewSecret("Atza|x"), Expires: time.Now().Add(time.Hour)}, nil
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
		// Whatever is handed out is valid, nobody waits for it, and renewals don't come more often than they must.
		for end := time.Now().Add(5 * life); time.Now().Before(end); time.Sleep(life / 50) {
			if got := getAtOnce(t, s, i.request(key, "s")); !got.Expires.After(time.Now()) {
				t.Fatalf("a token of %s is handed out after its end", life)
			}
		}
		if n := i.fetches.Load(); n < 5 || n > 12 {
			t.Errorf("%d fetches in 5.4 lives of %s", n, life)
		}
	}
}

// getAtOnce fails if the token has to be waited for.
func getAtOnce(t *testing.T, s spapi.TokenStore, r spapi.TokenRequest) spapi.Token {
	t.Helper()
	start := time.Now()
	token := get(t, s, r)
	if waited := time.Since(start); waited > tolerance {
		t.Errorf("waited %s while the token in hand was valid", waited)
	}
	return token
}

// No call waits while the old token works, however long the fetch of the new one takes.
func background(t *testing.T, s spapi.TokenStore) {
	i := newIssuer()
	first := get(t, s, i.request("k", "s"))
	i.delay = 2 * time.Minute
	var all sync.WaitGroup
	for time.Until(first.Expires) > time.Second {
		time.Sleep(time.Second)
		for range 3 {
			all.Go(func() { getAtOnce(t, s, i.request("k", "s")) })
		}
	}
	all.Wait()
	i.want(t, 2)
	if n := i.urgent.Load(); n != 1 {
		t.Errorf("%d fetches were urgent, want the first alone", n)
	}
	if got := getAtOnce(t, s, i.request("k", "s")); got.Value == first.Value {
		t.Error("the old token was not replaced")
	}
}

// Tokens that were fetched together are not renewed together.
func spread(t *testing.T, s spapi.TokenStore) {
	const sellers = 200
	i := newIssuer()
	keys := make([]string, sellers)
	for n := range keys {
		keys[n] = fmt.Sprintf("seller %d", n)
		go func() { _, _ = s.Get(t.Context(), i.request(keys[n], "s")) }()
	}
	time.Sleep(time.Second)
	begun, most := int64(sellers), int64(0)
	for range 6 * 60 { // an hour, ten seconds at a time
		time.Sleep(10 * time.Second)
		for _, key := range keys {
			getAtOnce(t, s, i.request(key, "s"))
		}
		synctest.Wait()
		most = max(most, i.fetches.Load()-begun)
		begun = i.fetches.Load()
	}
	time.Sleep(time.Second)
	i.want(t, 2*sellers)
	if most > sellers/10 {
		t.Errorf("%d of %d renewals in ten seconds, want them spread over minutes", most, sellers)
	}
}

// A token that nobody asks for is let go.
func unused(t *testing.T, s spapi.TokenStore) {
	i := newIssuer()
	get(t, s, i.request("k", "s"))
	time.Sleep(24 * time.Hour)
	i.want(t, 1)
	get(t, s, i.request("k", "s"))
	i.want(t, 2)
}

// A fetch in the background that a caller comes to wait for becomes urgent.
func urgency(t *testing.T, s spapi.TokenStore) {
	i := newIssuer()
	i.life = time.Minute
	token := get(t, s, i.request("k", "s"))
	time.Sleep(time.Until(token.Expires) - time.Second)
	var waited time.Duration
	ended := make(chan struct{})
	r := spapi.TokenRequest{Key: "k", Secret: "s", Fetch: func(ctx context.Context, urgent <-chan struct{}) (spapi.Token, error) {
		defer close(ended)
		start := time.Now()
		select {
		case <-urgent:
		case <-ctx.Done():
		}
		waited = time.Since(start)
		return i.fetch(ctx, urgent)
	}}
	getAtOnce(t, s, r)
	time.Sleep(2 * time.Second) // it has expired
	if got := get(t, s, r); got.Value == token.Value {
		t.Error("an expired token was handed out")
	}
	<-ended
	if waited < 2*time.Second-tolerance || waited > 2*time.Second+tolerance {
		t.Errorf("the fetch became urgent after %s, want when the first caller waited, after 2s", waited)
	}
	i.want(t, 2)
}

// A definite refusal takes nothing away before the old token ends; from then on it is told.
func refusedRenewal(t *testing.T, s spapi.TokenStore) {
	i := newIssuer()
	token := get(t, s, i.request("k", "s"))
	i.failWith(refused401)
	for time.Until(token.Expires) > 10*time.Second {
		time.Sleep(10 * time.Second)
		if got := getAtOnce(t, s, i.request("k", "s")); got.Value != token.Value {
			t.Fatalf("got %q, want %q, the token that is still valid", got.Value.Reveal(), token.Value.Reveal())
		}
	}
	if i.fetches.Load() < 2 {
		t.Error("it was not tried to renew the token")
	}
	time.Sleep(11 * time.Second)
	wantCode(t, s, i.request("k", "s"), "invalid_client")
}

// While the old token works there is no hurry to fail again.
func renewalPauses(t *testing.T, s spapi.TokenStore) {
	i := newIssuer()
	token := get(t, s, i.request("k", "s"))
	i.failWith(failed503)
	var begun []time.Time
	for time.Until(token.Expires) > time.Second {
		time.Sleep(time.Second)
		before := i.fetches.Load()
		getAtOnce(t, s, i.request("k", "s"))
		synctest.Wait()
		if i.fetches.Load() > before {
			begun = append(begun, time.Now())
		}
	}
	if len(begun) < 3 || len(begun) > 20 {
		t.Fatalf("%d attempts to renew the token before its end, want 3 to 20", len(begun))
	}
	for n := 2; n < len(begun); n++ {
		if last, pause := begun[n-1].Sub(begun[n-2]), begun[n].Sub(begun[n-1]); pause <= last {
			t.Errorf("a pause of %s after one of %s, want them to grow", pause, last)
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
			t.Fatalf("got %q, want %q, the first token", got.Value.Reveal(), token.Value.Reveal())
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
		t.Errorf("got %q, want %q, the token that the new secret got", got.Value.Reveal(), token.Value.Reveal())
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
		t.Errorf("got %q, want %q, the token that is still valid", got.Value.Reveal(), token.Value.Reveal())
	}
}

// Who has the new secret isn't given what becomes of a fetch with the old one. Who has the old one gets its refusal, or the token of the new one where
// that came first.
func secretChanges(t *testing.T, s spapi.TokenStore) {
	before, after := newIssuer(), newIssuer()
	before.failWith(refused401)
	var wg sync.WaitGroup
	wg.Go(func() {
		token, err := s.Get(t.Context(), before.request("k", "old"))
		if (err == nil) == token.Value.IsZero() || err != nil && !spapi.IsTokenRefused(err) {
			t.Errorf("with the old secret: %v, %v", token, err)
		}
	})
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

// What panics in a fetch is an error of all who wait for it, and of nobody while the old token works; the next fetch is none the worse.
func panics(t *testing.T, s spapi.TokenStore) {
	i := newIssuer()
	broken := spapi.TokenRequest{Key: "k", Secret: "s", Fetch: func(context.Context, <-chan struct{}) (spapi.Token, error) {
		time.Sleep(i.delay)
		panic("boom")
	}}
	var wg sync.WaitGroup
	for range 3 {
		wg.Go(func() {
			if token, err := s.Get(t.Context(), broken); err == nil || !strings.Contains(err.Error(), "boom") || !token.Value.IsZero() {
				t.Errorf("got %v and %v, want an error that tells of the panic", token, err)
			}
		})
	}
	wg.Wait()
	start := time.Now()
	token := get(t, s, i.request("k", "s"))
	if waited := time.Since(start); waited > i.delay+tolerance {
		t.Errorf("the next fetch took %s, want %s", waited, i.delay)
	}
	time.Sleep(time.Until(token.Expires) - time.Second)
	for range 3 {
		if got := getAtOnce(t, s, broken); got.Value != token.Value {
			t.Errorf("got %q, want %q, the token that is still valid", got.Value.Reveal(), token.Value.Reveal())
		}
	}
}

func drop(t *testing.T, s spapi.TokenStore) {
	i := newIssuer()
	if err := s.Drop(t.Context(), "k", spapi.Token{Value: spapi.NewSecret("Atza|unknown")}); err != nil {
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
			if token, err := s.Get(t.Context(), i.request("k", "s")); err != nil || token.Value.Reveal() != "Atza|2" {
				t.Errorf("got %q, %v, want the token of the second fetch", token.Value.Reveal(), err)
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
