package accounts_test

import (
	"errors"
	"net/http"
	"testing"
	"time"

	"github.com/openspapi/spapi"
	"github.com/openspapi/spapi/accounts"
	"github.com/openspapi/spapi/accounts/accountstest"
)

// A rotation may be told twice and late, and nothing is lost by that.
func TestRotate(t *testing.T) {
	day := func(n int) time.Time { return time.Date(2026, 3, n, 12, 0, 0, 0, time.UTC) }
	secret := func(name string) spapi.Secret {
		return spapi.NewSecret("amzn1.oa2-cs.v1." + accountstest.Canary + name)
	}
	first := accountstest.Application(0)
	first.ClientSecret, first.SecretExpires, first.PreviousSecret = secret("1"), day(10), spapi.Secret{}
	second := accounts.Rotation{ClientID: first.ClientID, Secret: secret("2"), Expires: day(20), OldUntil: day(8)}
	third := accounts.Rotation{ClientID: first.ClientID, Secret: secret("3"), Expires: day(30), OldUntil: day(18)}
	for _, c := range []struct {
		name                string
		told                []accounts.Rotation
		current, previous   string
		expires, oldExpires time.Time
	}{
		{"once", []accounts.Rotation{second}, "2", "1", day(20), day(8)},
		{"twice", []accounts.Rotation{second, second}, "2", "1", day(20), day(8)},
		{"two", []accounts.Rotation{second, third}, "3", "2", day(30), day(18)},
		{"two, the older one again", []accounts.Rotation{second, third, second}, "3", "2", day(30), day(18)},
		{"two, the older one late", []accounts.Rotation{third, second}, "3", "2", day(30), day(20)},
		{"by hand, then told", []accounts.Rotation{{ClientID: first.ClientID, Secret: secret("2"), OldUntil: day(8)}, second}, "2", "1", day(20), day(8)},
	} {
		store := newStore(t)
		must(t, store.PutApplication(t.Context(), first))
		for _, r := range c.told {
			got, err := accounts.Rotate(t.Context(), store, r)
			must(t, err)
			if stored, err := store.Application(t.Context(), first.ClientID); err != nil || stored.ClientSecret != got.ClientSecret {
				t.Errorf("%s: what is stored isn't what was returned: %v, %v", c.name, stored, err)
			}
		}
		got, err := store.Application(t.Context(), first.ClientID)
		must(t, err)
		if got.ClientSecret != secret(c.current) || got.PreviousSecret != secret(c.previous) || !got.SecretExpires.Equal(c.expires) ||
			!got.PreviousExpires.Equal(c.oldExpires) || got.RoleARN != first.RoleARN {
			t.Errorf("%s: %+v; current right: %t, previous right: %t", c.name, got, got.ClientSecret == secret(c.current), got.PreviousSecret == secret(c.previous))
		}
	}
	store := newStore(t)
	before := time.Now()
	got, err := accounts.Rotate(t.Context(), store, accounts.Rotation{ClientID: first.ClientID, Secret: secret("2")})
	if must(t, err); got.PreviousExpires.Before(before.Add(accounts.SecretOverlap).Truncate(time.Second)) || !got.SecretExpires.IsZero() {
		t.Errorf("without times: %+v", got)
	}
	if _, err := accounts.Rotate(t.Context(), store, accounts.Rotation{ClientID: "amzn1.application-oa2-client.nobody", Secret: secret("2")}); !errors.Is(err, accounts.ErrNotFound) {
		t.Errorf("an unknown application: %v", err)
	}
	if _, err := accounts.Rotate(t.Context(), store, accounts.Rotation{ClientID: first.ClientID, Secret: spapi.NewSecret("two words")}); !errors.As(err, new(*spapi.ConfigError)) {
		t.Errorf("a secret that can't be one: %v", err)
	}
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// Clients go on with either secret, and those that were made before a rotation find the new one in the store.
func TestClientsThroughARotation(t *testing.T) {
	for _, c := range []struct {
		name   string
		works  string // "old" or "new"
		old    bool   // the client was made before the rotation
		stored string // the current secret in the store
	}{
		{"made before, both work", "old", true, "new"},
		{"made before, the old one has ended", "new", true, "new"},
		{"made after, the new one works", "new", false, "new"},
		{"made after, a wrong one was stored", "old", false, "wrong"},
	} {
		store := newStore(t, accountstest.Account("shop"))
		secrets := map[string]string{"old": accountstest.Application(0).ClientSecret.Reveal(), "new": "amzn1.oa2-cs.v1.new", "wrong": "amzn1.oa2-cs.v1.wrong"}
		s := &picky{works: secrets[c.works]}
		clients := accounts.NewClients(store, spapi.WithTransport(s))
		client, err := clients.Client(t.Context(), "shop")
		must(t, err)
		application := accountstest.Application(0)
		application.ClientSecret, application.PreviousSecret = spapi.NewSecret(secrets[c.stored]), spapi.Secret{}
		must(t, store.PutApplication(t.Context(), application)) // by hand: nothing says which one was there before
		if !c.old {
			client, err = clients.Client(t.Context(), "shop")
			must(t, err)
		}
		if _, err := client.AccessToken(t.Context()); err != nil {
			t.Errorf("%s: %v", c.name, err)
		}
	}
}

// picky is a service that takes one client secret only.
type picky struct {
	service
	works string
}

func (p *picky) RoundTrip(r *http.Request) (*http.Response, error) {
	if err := r.ParseForm(); err != nil {
		return nil, err
	}
	if r.PostForm.Get("client_secret") != p.works {
		return &http.Response{StatusCode: http.StatusUnauthorized, Header: http.Header{"Content-Type": {"application/json"}},
			Body: http.NoBody, Request: r}, nil
	}
	return p.service.RoundTrip(r)
}
