package spapi

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

// secretsThatWork lets the fake accept these client secrets only.
func secretsThatWork(f *fake, secrets ...string) {
	f.lwa = func(form url.Values) *http.Response {
		for _, s := range secrets {
			if form.Get("client_secret") == s {
				return nil
			}
		}
		return reply(401, `{"error":"invalid_client","error_description":"Client authentication failed `+form.Get("client_secret")+`"}`)
	}
}

const (
	secretA = "amzn1.oa2-cs.v1.a5ecre7canary"
	secretB = "amzn1.oa2-cs.v1.b5ecre7canary"
	secretC = "amzn1.oa2-cs.v1.c5ecre7canary"
)

func shown(f *fake) string {
	var list []string
	for _, form := range f.forms {
		list = append(list, strings.TrimSuffix(strings.TrimPrefix(form.Get("client_secret"), "amzn1.oa2-cs.v1."), "5ecre7canary"))
	}
	f.forms = nil
	return strings.Join(list, " ")
}

// Of two secrets the one that works is used, whichever that is, and it is told.
func TestPreviousSecret(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := new(fake)
		var log bytes.Buffer
		app := NewApp(Credentials{ClientID: testClientID, ClientSecret: NewSecret(secretB), PreviousSecret: NewSecret(secretA)},
			WithTransport(f), WithLimiter(unlimited{}), WithLogger(slog.New(slog.NewTextHandler(&log, nil))))
		sellers := 0
		call := func() error { // each by another seller, whose token is fetched
			sellers++
			auth := testAuthorization
			auth.RefreshToken = NewSecret(fmt.Sprintf("%s%d", testRefreshToken, sellers))
			_, err := invokeRaw(t.Context(), app.Client(auth), getOrder, orderID("1"))
			return err
		}
		warned := func() int {
			defer log.Reset()
			return strings.Count(log.String(), "refuses the client secret; another one that is known works")
		}
		for _, step := range []struct {
			name  string
			works []string
			after time.Duration
			shown string
			warns int
		}{
			{"both work", []string{secretA, secretB}, 0, "b", 0},
			{"the current one is mistyped", []string{secretA}, 0, "b a", 1},
			{"the next seller's doesn't try it again", []string{secretA}, 0, "a", 0},
			{"a minute later it does, and tells again", []string{secretA}, time.Minute, "b a", 1},
			{"the old one has ended meanwhile", []string{secretB}, 0, "a b", 0},
			{"and the current one is first again", []string{secretB}, 0, "b", 0},
		} {
			time.Sleep(step.after)
			secretsThatWork(f, step.works...)
			if err := call(); err != nil {
				t.Errorf("%s: %v", step.name, err)
			}
			if got, n := shown(f), warned(); got != step.shown || n != step.warns {
				t.Errorf("%s: shown %q with %d warnings, want %q with %d", step.name, got, n, step.shown, step.warns)
			}
		}
		secretsThatWork(f)
		err := call()
		if !IsTokenRefused(err) || shown(f) != "b a" {
			t.Errorf("neither works: %v", err)
		}
		noSecrets(t, append(every(t, err), every(t, app)...)...)
		if strings.Contains(log.String(), "canary") {
			t.Errorf("a secret in the log: %s", &log)
		}
		// What isn't about the secret isn't tried twice.
		f.lwa = func(url.Values) *http.Response { return reply(400, `{"error":"invalid_grant"}`) }
		if err := call(); !IsTokenRefused(err) || shown(f) != "b" {
			t.Errorf("invalid_grant: %v", err)
		}
		// A change of the secret keeps the one before.
		app = app.WithClientSecret(secretC)
		secretsThatWork(f, secretB)
		if err := call(); err != nil || shown(f) != "c b" {
			t.Errorf("after a change: %v", err)
		}
	})
}

// When all that is known is refused, the source may know more: it is asked once for all who wait.
func TestCredentialsSource(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := new(fake)
		var log bytes.Buffer
		newest, asked := secretA, 0
		var failure error
		app := NewApp(Credentials{ClientID: testClientID, ClientSecret: NewSecret(secretA)}, WithTransport(f), WithLimiter(unlimited{}),
			WithLogger(slog.New(slog.NewTextHandler(&log, nil))), WithCredentialsSource(func(ctx context.Context) (Credentials, error) {
				asked++
				if _, ok := ctx.Deadline(); !ok {
					t.Error("the source has no deadline")
				}
				time.Sleep(time.Second)
				return Credentials{ClientID: testClientID, ClientSecret: NewSecret(newest)}, failure
			}))
		call := func(seller int) error {
			auth := testAuthorization
			auth.RefreshToken = NewSecret(fmt.Sprintf("%s%d", testRefreshToken, seller))
			_, err := invokeRaw(t.Context(), app.Client(auth), getOrder, orderID("1"))
			return err
		}
		secretsThatWork(f, secretA)
		check(t, call(0))
		if asked != 0 {
			t.Error("the source was asked while the secret works")
		}
		// Rotated, and the old one has ended: twenty sellers at once find the new one.
		newest = secretB
		secretsThatWork(f, secretB)
		var all sync.WaitGroup
		for seller := range 20 {
			all.Go(func() {
				if err := call(1 + seller); err != nil {
					t.Errorf("seller %d: %v", seller, err)
				}
			})
		}
		all.Wait()
		if asked != 1 {
			t.Errorf("the source was asked %d times, want once", asked)
		}
		if n := strings.Count(log.String(), "another one that is known works"); n != 1 {
			t.Errorf("told %d times, want once: %s", n, &log)
		}
		// It knows no better, or fails: what was refused stays the error.
		secretsThatWork(f)
		for i, c := range []struct{ failure, log string }{{"", ""}, {"the disk is gone " + secretC, "can't be read"}} {
			time.Sleep(time.Hour)
			if c.failure != "" {
				failure = errors.New(c.failure)
			}
			log.Reset()
			err := call(100 + i)
			if !secretRefused(err) || !strings.Contains(log.String(), c.log) || strings.Contains(log.String(), "canary") {
				t.Errorf("%v, log %s", err, &log)
			}
		}
		if asked != 3 {
			t.Errorf("the source was asked %d times, want 3", asked)
		}

	})
}
