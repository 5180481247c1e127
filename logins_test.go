package spapi

import (
	"context"
	"fmt"
	"log/slog"
	"net/http"
	"net/url"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/openspapi/spapi/marketplace"
)

// loginCount is a transport to Login with Amazon that counts how many requests are under way at once.
type loginCount struct {
	delay     time.Duration
	fails     atomic.Bool // 503
	now, most atomic.Int64
	all       atomic.Int64
}

func (l *loginCount) RoundTrip(req *http.Request) (*http.Response, error) {
	now := l.now.Add(1)
	defer l.now.Add(-1)
	for most := l.most.Load(); now > most && !l.most.CompareAndSwap(most, now); most = l.most.Load() {
	}
	n := l.all.Add(1)
	if err := sleep(req.Context(), l.delay); err != nil {
		return nil, err
	}
	if l.fails.Load() {
		return reply(503, ``), nil
	}
	return reply(200, fmt.Sprintf(`{"access_token":"%s-%d","token_type":"bearer","expires_in":3600}`, testAccessToken, n)), nil
}

// 10,000 sellers whose tokens expire together: never more logins at once than the bound, and no call waits while its old token works.
func TestManySellersRenewTheirTokens(t *testing.T) {
	const sellers = 10_000
	synctest.Test(t, func(t *testing.T) {
		lwa := &loginCount{delay: 200 * time.Millisecond}
		app := NewApp(testCredentials, WithTransport(lwa))
		clients := make([]*Client, sellers)
		for i := range clients {
			clients[i] = app.Client(Authorization{RefreshToken: NewSecret(fmt.Sprintf("%s%d", testRefreshToken, i)), Region: marketplace.NorthAmerica})
		}
		start := time.Now()
		var cold sync.WaitGroup
		for _, c := range clients { // all at once, with nothing in hand
			cold.Go(func() {
				if _, err := c.AccessToken(t.Context()); err != nil {
					t.Error(err)
				}
			})
		}
		cold.Wait()
		if took, want := time.Since(start), sellers/defaultMaxLogins*lwa.delay; took != want || lwa.all.Load() != sellers {
			t.Errorf("%d logins in %s, want %d in %s", lwa.all.Load(), took, sellers, want)
		}
		waited, most := 0, int64(0)
		for range 6 * 10 { // an hour: each seller calls every minute
			before := lwa.all.Load()
			for _, c := range clients {
				at := time.Now()
				if token, err := c.AccessToken(t.Context()); err != nil || !token.Expires.After(at) {
					t.Fatalf("%v, %v", token, err)
				}
				if time.Since(at) > 0 {
					waited++
				}
			}
			time.Sleep(time.Minute)
			most = max(most, lwa.all.Load()-before)
		}
		if waited != 0 || lwa.most.Load() != defaultMaxLogins || lwa.all.Load() != 2*sellers {
			t.Errorf("%d calls waited, at most %d logins at once, %d in all; want 0, %d and %d", waited, lwa.most.Load(), lwa.all.Load(), defaultMaxLogins, 2*sellers)
		}
		if most > sellers/6 {
			t.Errorf("%d renewals within a minute, want them spread over ten", most)
		}
	})
}

// What a caller waits for passes what is renewed in the background, also what was begun there.
func TestUrgentLoginsGoFirst(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		q := newLoginQueue(1)
		var order []string
		var all sync.WaitGroup
		never, late, now := make(chan struct{}), make(chan struct{}), make(chan struct{})
		close(now)
		if !q.try() || q.try() {
			t.Fatal("the bound of one isn't kept")
		}
		enter := func(ctx context.Context, name string, urgent <-chan struct{}) {
			all.Go(func() {
				if err := q.wait(ctx, urgent); err != nil {
					order = append(order, name+" left")
					return
				}
				order = append(order, name)
				time.Sleep(time.Second)
				q.release()
			})
			synctest.Wait()
		}
		leaving, leave := context.WithCancel(t.Context())
		enter(t.Context(), "background", never)
		enter(leaving, "leaves", never)
		enter(t.Context(), "becomes urgent", late)
		enter(t.Context(), "urgent", now)
		close(late)
		synctest.Wait()
		leave()
		synctest.Wait()
		q.release()
		all.Wait()
		if got, want := strings.Join(order, ", "), "leaves left, urgent, becomes urgent, background"; got != want || !q.try() || q.try() {
			t.Errorf("order %q, want %q, and one place free at the end", got, want)
		}
	})
}

// A token request that has to wait for others says so.
func TestLoginWaitIsTold(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var mu sync.Mutex
		var waits []string
		lwa := &loginCount{delay: time.Second}
		app := NewApp(testCredentials, WithTransport(lwa), WithMaxTokenRequests(1), WithObserver(ObserverFunc(func(ctx context.Context,
			a Activity) (context.Context, func(Outcome)) {
			if a.Kind != ActivityLimitWait {
				return ctx, nil
			}
			return ctx, func(o Outcome) {
				mu.Lock()
				defer mu.Unlock()
				waits = append(waits, fmt.Sprint(a.Grant, " ", a.Host, " ", o.Duration, " ", o.Err))
			}
		})))
		var all sync.WaitGroup
		for i := range 2 {
			all.Go(func() {
				_, err := app.Client(Authorization{RefreshToken: NewSecret(fmt.Sprint(testRefreshToken, i)), Region: marketplace.Europe}).AccessToken(t.Context())
				if err != nil {
					t.Error(err)
				}
			})
		}
		all.Wait()
		if len(waits) != 1 || waits[0] != "refresh_token api.amazon.com 1s <nil>" {
			t.Errorf("told of the waits %q, want one of a second", waits)
		}
	})
}

// An observer that panics when a wait for others ends takes no place along: the next logins would wait for ever.
func TestObserverThatPanicsTakesNoLogin(t *testing.T) {
	for name, leave := range map[string]func(){"panic": func() { panic("boom") }, "Goexit": runtime.Goexit} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var broken atomic.Bool
				broken.Store(true)
				app := NewApp(testCredentials, WithTransport(&loginCount{delay: time.Second}), WithMaxTokenRequests(1),
					WithObserver(ObserverFunc(func(ctx context.Context, a Activity) (context.Context, func(Outcome)) {
						return ctx, func(Outcome) {
							if a.Kind == ActivityLimitWait && broken.Load() {
								leave()
							}
						}
					})))
				login := func(ctx context.Context, seller int) error {
					_, err := app.Client(Authorization{RefreshToken: NewSecret(fmt.Sprint(testRefreshToken, seller)), Region: marketplace.Europe}).AccessToken(ctx)
					return err
				}
				errs := make(chan error, 2)
				for i := range 2 {
					go func() { errs <- login(t.Context(), i) }()
				}
				if one, other := <-errs, <-errs; (one == nil) == (other == nil) {
					t.Fatalf("%v and %v, want one failure", one, other)
				}
				broken.Store(false)
				ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
				defer cancel()
				if err := login(ctx, 2); err != nil {
					t.Errorf("the next login: %v", err)
				}
			})
		})
	}
}

// What fails in the background has no caller to tell: the log says it, also of a panic.
func TestFailedRenewalIsTold(t *testing.T) {
	for _, test := range []struct {
		name string
		fail func()
		want string
	}{
		{"refused", func() {}, "invalid_grant"},
		{"panic", func() { panic("boom") }, "left by a panic"},
		{"Goexit", runtime.Goexit, "left by a panic or runtime.Goexit"},
	} {
		t.Run(test.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var log strings.Builder
				f := new(fake)
				client := f.client(WithLogger(slog.New(slog.NewTextHandler(&log, &slog.HandlerOptions{Level: slog.LevelWarn}))))
				first, err := client.AccessToken(t.Context())
				check(t, err)
				broken := true
				f.delay = func(*http.Request) time.Duration {
					if broken {
						test.fail()
					}
					return 0
				}
				f.lwa = func(url.Values) *http.Response {
					return reply(400, `{"error":"invalid_grant","error_description":"revoked"}`)
				}
				time.Sleep(56 * time.Minute)
				token, err := client.AccessToken(t.Context())
				if err != nil || token != first {
					t.Errorf("got %v, %v; want the old token", token, err)
				}
				synctest.Wait()
				wantText(t, log.String(), "level=WARN", "the access token could not be renewed", "seller=", test.want)
				noSecrets(t, log.String())
				log.Reset()
				broken = false
				time.Sleep(5 * time.Minute)
				if _, err := client.AccessToken(t.Context()); !IsTokenRefused(err) || log.Len() != 0 {
					t.Errorf("got %v and the log %q; want the refusal as the caller's error alone", err, log.String())
				}
			})
		})
	}
}

// A restricted data token is renewed in the background too, at the pace of one that nobody waits for.
func TestRestrictedTokenIsRenewedInTheBackground(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f, fast := new(fake), new(fastMints)
		client := f.client(WithLimiter(fast))
		call := func() string {
			t.Helper()
			start := time.Now()
			_, err := invokeRaw(t.Context(), client, getOrder, orderID("1"), WithRestrictedData(), WithFailFast(0))
			check(t, err)
			if took := time.Since(start); took > 0 {
				t.Errorf("the call waited %s", took)
			}
			synctest.Wait()
			f.mu.Lock()
			defer f.mu.Unlock()
			return token(f.requests[len(f.requests)-1])
		}
		call()
		fast.Store(0)
		f.delay = func(req *http.Request) time.Duration {
			if strings.HasSuffix(req.URL.Path, "/orders/1") {
				return 0
			}
			return time.Second
		}
		time.Sleep(56 * time.Minute)
		old := call()
		time.Sleep(3 * time.Second)
		if got := call(); got == old || f.minted != 2 {
			t.Errorf("%d restricted tokens, sent %q after %q", f.minted, got, old)
		}
		if fast.Load() != 0 {
			t.Error("a renewal that nobody waits for fails fast")
		}
	})
}

// fastMints counts the requests for restricted data tokens that fail fast.
type fastMints struct {
	unlimited
	atomic.Int64
}

func (f *fastMints) Wait(ctx context.Context, r LimitRequest) (LimitGrant, error) {
	if r.Buckets[0].Operation == "tokens20210301.createRestrictedDataToken" && r.MaxWait >= 0 {
		f.Add(1)
	}
	return f.unlimited.Wait(ctx, r)
}

// Sellers who come and go leave nothing behind: 30 days with 1,000 new ones a day.
func TestTokensOfFormerSellersAreForgotten(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		app := NewApp(testCredentials, WithTransport(new(loginCount)))
		store := app.config.tokens.(*tokenStore)
		for day := range 30 {
			for i := range 1000 {
				_, err := app.Client(Authorization{RefreshToken: NewSecret(fmt.Sprintf("%s-%d-%d", testRefreshToken, day, i)),
					Region: marketplace.Europe}).AccessToken(t.Context())
				check(t, err)
				time.Sleep(24 * time.Hour / 1000)
			}
			if n, flights := len(store.entries), len(store.flights); n > 100 || flights != 0 { // 42 have a valid token
				t.Fatalf("%d tokens and %d fetches are kept after %d days", n, flights, day+1)
			}
		}
	})
}
