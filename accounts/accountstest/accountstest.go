// Package accountstest checks that a store of accounts behaves as accounts.Store says. Every implementation here passes it; whoever
// writes another one can run it too.
package accountstest

import (
	"bytes"
	"context"
	"encoding/json"
	"encoding/xml"
	"errors"
	"fmt"
	"log/slog"
	"reflect"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/openspapi/spapi"
	"github.com/openspapi/spapi/accounts"
	"github.com/openspapi/spapi/marketplace"
)

// Canary is in every secret that the suite uses. A test may look for it where it must not be.
const Canary = "cAnArY4711"

// Config says how to get at the store.
type Config struct {
	// Open makes a store that is empty and returns a function that opens it; each call must give a handle of its own, as another
	// process would have it.
	Open func(t *testing.T) func() accounts.Store

	// Many is how many accounts the test with many accounts stores. Default: 500.
	Many int
}

// Run runs the suite.
func Run(t *testing.T, c Config) {
	if c.Many == 0 {
		c.Many = 500
	}
	t.Run("Accounts", c.accounts)
	t.Run("Applications", c.applications)
	t.Run("Default", c.defaults)
	t.Run("Names", c.names)
	t.Run("Invalid", c.invalid)
	t.Run("Ended", c.ended)
	t.Run("Concurrent", c.concurrent)
	t.Run("Many", c.many)
	t.Run("Secrets", c.secrets)
	t.Run("Open", c.open)
}

// Application is one that can be stored. Those with other numbers have other client ids.
func Application(number int) accounts.Application {
	return accounts.Application{
		ClientID:      fmt.Sprintf("amzn1.application-oa2-client.%04d", number),
		ClientSecret:  spapi.NewSecret(fmt.Sprintf("amzn1.oa2-cs.v1.%s%04d", Canary, number)),
		ApplicationID: fmt.Sprintf("amzn1.sp.solution.%04d", number),
		RoleARN:       "arn:aws:iam::123456789012:role/SellingPartner",
		SecretExpires: time.Date(2027, 3, 1, 12, 0, 0, 0, time.UTC),

		PreviousSecret:  spapi.NewSecret(fmt.Sprintf("amzn1.oa2-cs.v1.%sprevious%04d", Canary, number)),
		PreviousExpires: time.Date(2026, 9, 9, 12, 0, 0, 0, time.UTC),
	}
}

// Account is one that can be stored when application 0 is.
func Account(name string) accounts.Account {
	return accounts.Account{
		Name: name, SellingPartnerID: "A1EXAMPLE2ABC", Region: marketplace.Europe, Marketplaces: []string{"A1PA6795UKMFR9", "A13V1IB3VIYZZH"},
		ClientID: Application(0).ClientID, RefreshToken: spapi.NewSecret(token(name)),
	}
}

// token is a refresh token that belongs to a name; tokens have no spaces.
func token(name string) string { return fmt.Sprintf("Atzr|%s-%x", Canary, name) }

func (c Config) accounts(t *testing.T) {
	ctx, open := t.Context(), c.Open(t)
	s := open()
	list, err := s.List(ctx)
	if err != nil || len(list) != 0 {
		t.Fatalf("List of an empty store: %v, %v", list, err)
	}
	_, err = s.Get(ctx, "shop")
	wants(t, "Get of an empty store", err, accounts.ErrNotFound, `"shop"`, s.String())
	wants(t, "Delete in an empty store", s.Delete(ctx, "shop"), accounts.ErrNotFound, `"shop"`, s.String())
	wants(t, "Put without its application", s.Put(ctx, Account("shop")), accounts.ErrNotFound, Application(0).ClientID, "put that first")
	must(t, s.PutApplication(ctx, Application(0)))
	before := time.Now().Truncate(time.Second)
	must(t, s.Put(ctx, Account("shop")))
	got, err := open().Get(ctx, "shop")
	must(t, err)
	sameAccount(t, got, Account("shop"))
	if got.Created.Before(before) || got.Created.After(time.Now()) || !got.Created.Equal(got.Updated) {
		t.Errorf("created %s and updated %s, want both now (%s)", got.Created, got.Updated, before)
	}

	// What is put replaces what was there, also where it is now empty; only Created stays.
	bare := accounts.Account{Name: "shop", Region: "EU", ClientID: Application(0).ClientID, RefreshToken: spapi.NewSecret("Atzr|" + Canary + "-2"), Sandbox: true,
		Created: time.Date(2001, 1, 1, 0, 0, 0, 0, time.UTC)}
	must(t, s.Put(ctx, bare))
	again, err := open().Get(ctx, "shop")
	must(t, err)
	bare.Region = marketplace.Europe
	sameAccount(t, again, bare)
	if !again.Created.Equal(got.Created) {
		t.Errorf("created %s after the second Put, %s after the first", again.Created, got.Created)
	}

	// What comes from another store keeps its age.
	moved := Account("moved")
	moved.Created = time.Date(2020, 5, 4, 3, 2, 1, 999, time.FixedZone("", 3600))
	must(t, s.Put(ctx, moved))
	if got, err := s.Get(ctx, "moved"); err != nil || !got.Created.Equal(moved.Created.Truncate(time.Second)) || got.Created.Location() != time.UTC {
		t.Errorf("created %s, %v; want %s in UTC", got.Created, err, moved.Created.Truncate(time.Second))
	}

	// Where calls go is kept, and is gone when it is put without.
	emulated := Account("moved")
	emulated.Endpoint, emulated.TokenURL = "http://127.0.0.1:8080/", "http://127.0.0.1:8080/auth/o2/token"
	must(t, s.Put(ctx, emulated))
	emulated.Endpoint = "http://127.0.0.1:8080"
	got, err = open().Get(ctx, "moved")
	must(t, err)
	sameAccount(t, got, emulated)
	must(t, s.Put(ctx, moved))
	if got, err = open().Get(ctx, "moved"); err != nil || got.Endpoint != "" || got.TokenURL != "" {
		t.Errorf("put without endpoint and token URL it has %q and %q, %v", got.Endpoint, got.TokenURL, err)
	}

	// The caller's values and the store's don't share memory.
	must(t, s.Put(ctx, Account("memory")))
	mine, err := s.Get(ctx, "memory")
	must(t, err)
	mine.Marketplaces[0] = "changed"
	if got, err := s.Get(ctx, "memory"); err != nil || got.Marketplaces[0] == "changed" {
		t.Errorf("a change of what Get returned came back: %v, %v", got, err)
	}

	must(t, s.Delete(ctx, "shop"))
	_, err = open().Get(ctx, "shop")
	wants(t, "Get after Delete", err, accounts.ErrNotFound)
	wants(t, "second Delete", s.Delete(ctx, "shop"), accounts.ErrNotFound)
	list, err = open().List(ctx)
	if err != nil || names(list) != "memory moved" {
		t.Errorf("List gives %s, %v; want memory moved", names(list), err)
	}
	must(t, s.Put(ctx, Account("shop"))) // a name may be used again
	if got, err := open().Get(ctx, "shop"); err != nil || !got.Created.Equal(got.Updated) {
		t.Errorf("a name used again: %v, %v", got, err)
	}
}

func (c Config) applications(t *testing.T) {
	ctx, open := t.Context(), c.Open(t)
	s := open()
	id := Application(0).ClientID
	_, err := s.Application(ctx, id)
	wants(t, "Application of an empty store", err, accounts.ErrNotFound, id, s.String())
	wants(t, "DeleteApplication in an empty store", s.DeleteApplication(ctx, id), accounts.ErrNotFound, id)
	if list, err := s.Applications(ctx); err != nil || len(list) != 0 {
		t.Errorf("Applications of an empty store: %v, %v", list, err)
	}
	must(t, s.PutApplication(ctx, Application(1)))
	must(t, s.PutApplication(ctx, Application(0)))
	got, err := open().Application(ctx, id)
	must(t, err)
	sameApplication(t, got, Application(0))
	if got.Created.IsZero() || !got.Created.Equal(got.Updated) {
		t.Errorf("created %s, updated %s", got.Created, got.Updated)
	}

	// A rotated secret counts for all accounts at once.
	must(t, s.Put(ctx, Account("a")))
	must(t, s.Put(ctx, Account("b")))
	rotated := Application(0)
	rotated.ClientSecret = spapi.NewSecret("amzn1.oa2-cs.v1." + Canary + "rotated")
	rotated.SecretExpires, rotated.ApplicationID, rotated.RoleARN = time.Time{}, "", ""
	rotated.PreviousSecret, rotated.PreviousExpires = spapi.Secret{}, time.Time{}
	must(t, s.PutApplication(ctx, rotated))
	for _, name := range []string{"a", "b"} {
		account, err := open().Get(ctx, name)
		must(t, err)
		application, err := open().Application(ctx, account.ClientID)
		must(t, err)
		sameApplication(t, application, rotated)
	}
	wants(t, "DeleteApplication while accounts refer to it", s.DeleteApplication(ctx, id), accounts.ErrInUse, `"a"`, "2 accounts")
	must(t, s.Delete(ctx, "a"))
	wants(t, "DeleteApplication while an account refers to it", s.DeleteApplication(ctx, id), accounts.ErrInUse, `account "b" refers to it`)
	must(t, s.Delete(ctx, "b"))
	must(t, s.DeleteApplication(ctx, id))
	_, err = open().Application(ctx, id)
	wants(t, "Application after DeleteApplication", err, accounts.ErrNotFound)
	must(t, s.PutApplication(ctx, Application(0)))
	list, err := open().Applications(ctx)
	must(t, err)
	if len(list) != 2 || list[0].ClientID != id || list[1].ClientID != Application(1).ClientID {
		t.Errorf("Applications: %v", list)
	}
}

func (c Config) defaults(t *testing.T) {
	ctx, open := t.Context(), c.Open(t)
	s := open()
	_, err := s.Default(ctx)
	wants(t, "Default of an empty store", err, accounts.ErrNotFound, s.String())
	wants(t, "Use of an unknown account", s.Use(ctx, "a"), accounts.ErrNotFound, `"a"`)
	must(t, s.PutApplication(ctx, Application(0)))
	must(t, s.Put(ctx, Account("a")))
	must(t, s.Put(ctx, Account("b")))
	_, err = s.Default(ctx)
	wants(t, "Default before Use", err, accounts.ErrNotFound)
	_, err = accounts.Pick(ctx, s, "")
	wants(t, "Pick of several", err, accounts.ErrNoDefault, `"a", "b"`)
	must(t, s.Use(ctx, "b"))
	must(t, s.Use(ctx, "a"))
	if name, err := open().Default(ctx); err != nil || name != "a" {
		t.Errorf("Default: %q, %v", name, err)
	}
	if a, err := accounts.Pick(ctx, open(), ""); err != nil || a.Name != "a" {
		t.Errorf("Pick: %v, %v", a, err)
	}
	if a, err := accounts.Pick(ctx, open(), "b"); err != nil || a.Name != "b" {
		t.Errorf("Pick: %v, %v", a, err)
	}
	must(t, s.Put(ctx, Account("a"))) // a renewed authorization stays the default
	must(t, s.Delete(ctx, "b"))
	if name, err := open().Default(ctx); err != nil || name != "a" {
		t.Errorf("Default after Delete of another: %q, %v", name, err)
	}
	must(t, s.Put(ctx, Account("b")))
	must(t, s.Delete(ctx, "a"))
	_, err = open().Default(ctx)
	wants(t, "Default after its Delete", err, accounts.ErrNotFound)
	if a, err := accounts.Pick(ctx, open(), ""); err != nil || a.Name != "b" {
		t.Errorf("Pick of the only account: %v, %v", a, err)
	}
	must(t, s.Delete(ctx, "b"))
	_, err = accounts.Pick(ctx, open(), "")
	wants(t, "Pick of an empty store", err, accounts.ErrNotFound, "empty")
}

// Names that a store might trip over.
var goodNames = []string{
	"a", "A", "shop-de", "shop-abcdef", "Ann's shop", "büro", "日本の店", "магазин", "🛒 2", "a/b", "../up", ".", "..", "c:\\d", "%41", "=41", "a=b&c#d?e*f",
	"name with [brackets] {and} $(more) `x` \"q\"", "default", "account#a", "_", "x'; drop table--", strings.Repeat("n", 128), strings.Repeat("店", 42), "é",
}

func (c Config) names(t *testing.T) {
	ctx, open := t.Context(), c.Open(t)
	s := open()
	must(t, s.PutApplication(ctx, Application(0)))
	for _, name := range goodNames {
		if err := s.Put(ctx, Account(name)); err != nil {
			t.Fatalf("Put %q: %v", name, err)
		}
	}
	for _, name := range goodNames {
		got, err := open().Get(ctx, name)
		if err != nil {
			t.Fatalf("Get %q: %v", name, err)
		}
		sameAccount(t, got, Account(name))
	}
	list, err := open().List(ctx)
	must(t, err)
	if want := slices.Sorted(slices.Values(goodNames)); len(list) != len(want) || !slices.EqualFunc(list, want, func(a accounts.Account, n string) bool { return a.Name == n }) {
		t.Errorf("List gives\n%s, want\n%q", names(list), want)
	}
	must(t, s.Use(ctx, "e\u0301")) // é in two code points
	if name, err := open().Default(ctx); err != nil || name != "é" {
		t.Errorf("Default %q, %v", name, err)
	}
	if got, err := s.Get(ctx, "e\u0301"); err != nil || got.Name != "é" {
		t.Errorf("Get of the decomposed name: %v, %v", got, err)
	}
	for i, name := range goodNames {
		if err := s.Delete(ctx, name); err != nil {
			t.Fatalf("Delete %q: %v", name, err)
		}
		if list, err := s.List(ctx); err != nil || len(list) != len(goodNames)-i-1 {
			t.Fatalf("%d accounts after Delete of %q, %v", len(list), name, err)
		}
	}
}

func (c Config) invalid(t *testing.T) {
	ctx, open := t.Context(), c.Open(t)
	s := open()
	must(t, s.PutApplication(ctx, Application(0)))
	for _, name := range []string{"", " a", "a ", "a  b", "a\nb", "a\x00b", "\u00a0", "a\u202eb", "-rf", "a\xffb", strings.Repeat("n", 129), "Atzr|" + Canary,
		"amzn1.oa2-cs.v1." + Canary, "atza%7c" + Canary} {
		account := Account(name)
		account.RefreshToken = spapi.NewSecret("Atzr|" + Canary)
		_, getting := s.Get(ctx, name)
		for op, err := range map[string]error{"Get": getting, "Put": s.Put(ctx, account), "Delete": s.Delete(ctx, name), "Use": s.Use(ctx, name)} {
			isConfig(t, fmt.Sprintf("%s of name %q", op, name), err, "account name")
		}
	}
	for field, change := range map[string]func(*accounts.Account){
		"endpoint":       func(a *accounts.Account) { a.Endpoint = "http://gateway.example.com" },
		"token URL":      func(a *accounts.Account) { a.TokenURL = "api.amazon.com/auth/o2/token" },
		"token URL ":     func(a *accounts.Account) { a.TokenURL = "https://example.com/Atzr|" + Canary },
		"refresh token":  func(a *accounts.Account) { a.RefreshToken = spapi.NewSecret("") },
		"refresh token ": func(a *accounts.Account) { a.RefreshToken = spapi.NewSecret("Atza|" + Canary) },
		"client id":      func(a *accounts.Account) { a.ClientID = "" },
		"client id ":     func(a *accounts.Account) { a.ClientID = "amzn1.oa2-cs.v1." + Canary },
		"region":         func(a *accounts.Account) { a.Region, a.Marketplaces = "", nil },
		"region ":        func(a *accounts.Account) { a.Region = "moon" },
		"marketplace":    func(a *accounts.Account) { a.Marketplaces = []string{"Germny"} },
		"marketplace ":   func(a *accounts.Account) { a.Marketplaces = []string{"DE", "US"} },
		"marketplace  ":  func(a *accounts.Account) { a.Marketplaces = []string{"Atzr|" + Canary} },
		"seller id":      func(a *accounts.Account) { a.SellingPartnerID = "Atzr|" + Canary },
	} {
		account := Account("a")
		change(&account)
		isConfig(t, "Put with a bad "+field, s.Put(ctx, account), strings.TrimSpace(field))
	}
	for field, change := range map[string]func(*accounts.Application){
		"client id":              func(a *accounts.Application) { a.ClientID = "Atzr|" + Canary },
		"client secret":          func(a *accounts.Application) { a.ClientSecret = spapi.NewSecret("") },
		"client secret ":         func(a *accounts.Application) { a.ClientSecret = spapi.NewSecret(" amzn1.oa2-cs.v1." + Canary) },
		"previous client secret": func(a *accounts.Application) { a.PreviousSecret = spapi.NewSecret(" amzn1.oa2-cs.v1." + Canary) },
		"application id":         func(a *accounts.Application) { a.ApplicationID = "amzn1.oa2-cs.v1." + Canary },
		"application id ":        func(a *accounts.Application) { a.ApplicationID = "two words" },
		"role ARN":               func(a *accounts.Application) { a.RoleARN = Canary },
	} {
		application := Application(0)
		change(&application)
		isConfig(t, "PutApplication with a bad "+field, s.PutApplication(ctx, application), strings.TrimSpace(field))
	}
	_, err := s.Application(ctx, "Atzr|"+Canary)
	isConfig(t, "Application", err, "client id")
	isConfig(t, "DeleteApplication", s.DeleteApplication(ctx, "Atzr|"+Canary), "client id")

	// Spellings that mean the same are settled.
	account := Account("settled")
	account.Region, account.Marketplaces = "", []string{"de", "Germany", "fr", "ANEWMARKET1234"}
	must(t, s.Put(ctx, account))
	got, err := open().Get(ctx, "settled")
	if err != nil || got.Region != marketplace.Europe || !slices.Equal(got.Marketplaces, []string{"A1PA6795UKMFR9", "A13V1IB3VIYZZH", "ANEWMARKET1234"}) {
		t.Errorf("settled as %v, %v", got, err)
	}
	if list, err := s.List(ctx); err != nil || len(list) != 1 {
		t.Errorf("%d accounts after the bad ones, %v", len(list), err)
	}
	if list, err := s.Applications(ctx); err != nil || len(list) != 1 {
		t.Errorf("%d applications after the bad ones, %v", len(list), err)
	}
}

// Every method ends with its context, and a write that ended so has not happened.
func (c Config) ended(t *testing.T) {
	open := c.Open(t)
	s := open()
	must(t, s.PutApplication(t.Context(), Application(0)))
	must(t, s.Put(t.Context(), Account("a")))
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	for op, call := range methods(s) {
		if err := call(ctx); !errors.Is(err, context.Canceled) {
			t.Errorf("%s with an ended context: %v", op, err)
		}
	}
	late, cancel := context.WithDeadline(t.Context(), time.Unix(0, 0))
	defer cancel()
	for op, call := range methods(s) {
		if err := call(late); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("%s after its deadline: %v", op, err)
		}
	}
	if list, err := open().List(t.Context()); err != nil || names(list) != "a" {
		t.Errorf("afterwards: %s, %v", names(list), err)
	}
	if list, err := open().Applications(t.Context()); err != nil || len(list) != 1 {
		t.Errorf("afterwards: %v, %v", list, err)
	}
}

// methods are all of a store's, on account "a" and application 0.
func methods(s accounts.Store) map[string]func(context.Context) error {
	id := Application(0).ClientID
	return map[string]func(context.Context) error{
		"Get":               func(ctx context.Context) error { _, err := s.Get(ctx, "a"); return err },
		"Put":               func(ctx context.Context) error { return s.Put(ctx, Account("b")) },
		"Delete":            func(ctx context.Context) error { return s.Delete(ctx, "a") },
		"List":              func(ctx context.Context) error { _, err := s.List(ctx); return err },
		"Default":           func(ctx context.Context) error { _, err := s.Default(ctx); return err },
		"Use":               func(ctx context.Context) error { return s.Use(ctx, "a") },
		"Application":       func(ctx context.Context) error { _, err := s.Application(ctx, id); return err },
		"PutApplication":    func(ctx context.Context) error { return s.PutApplication(ctx, Application(1)) },
		"DeleteApplication": func(ctx context.Context) error { return s.DeleteApplication(ctx, id) },
		"Applications":      func(ctx context.Context) error { _, err := s.Applications(ctx); return err },
	}
}

// Many handles write at once: other names, the same name, the application; nothing is lost or mixed.
func (c Config) concurrent(t *testing.T) {
	const writers, each = 8, 5
	ctx, open := t.Context(), c.Open(t)
	must(t, open().PutApplication(ctx, Application(0)))
	shared := open()
	var wg sync.WaitGroup
	for w := range writers {
		wg.Go(func() {
			s := shared
			if w%2 == 0 {
				s = open()
			}
			for i := range each {
				if err := s.Put(ctx, Account(fmt.Sprintf("own-%d-%d", w, i))); err != nil {
					t.Errorf("Put: %v", err)
				}
				same := Account("same")
				same.SellingPartnerID = fmt.Sprintf("A%d-%d", w, i)
				same.RefreshToken = spapi.NewSecret(fmt.Sprintf("Atzr|%s-A%d-%d", Canary, w, i))
				if err := s.Put(ctx, same); err != nil {
					t.Errorf("Put: %v", err)
				}
				rotated := Application(0)
				rotated.ApplicationID = fmt.Sprintf("amzn1.sp.solution.%d-%d", w, i)
				rotated.ClientSecret = spapi.NewSecret(fmt.Sprintf("amzn1.oa2-cs.v1.%s.%d-%d", Canary, w, i))
				if err := s.PutApplication(ctx, rotated); err != nil {
					t.Errorf("PutApplication: %v", err)
				}
				got, err := s.Get(ctx, "same")
				if err != nil || got.RefreshToken.Reveal() != "Atzr|"+Canary+"-"+got.SellingPartnerID {
					t.Errorf("Get gives the id %s with another token, %v", got.SellingPartnerID, err)
				}
				application, err := s.Application(ctx, rotated.ClientID)
				if err != nil || strings.TrimPrefix(application.ApplicationID, "amzn1.sp.solution") != strings.TrimPrefix(application.ClientSecret.Reveal(),
					"amzn1.oa2-cs.v1."+Canary) {
					t.Errorf("Application gives the id %s with another secret, %v", application.ApplicationID, err)
				}
			}
		})
	}
	wg.Wait()
	list, err := open().List(ctx)
	if err != nil || len(list) != writers*each+1 {
		t.Errorf("%d accounts, want %d; %v", len(list), writers*each+1, err)
	}

	// Of many that delete one account, one does it.
	var deleted, missing int
	var mu sync.Mutex
	for range writers {
		wg.Go(func() {
			err := open().Delete(ctx, "same")
			mu.Lock()
			defer mu.Unlock()
			switch {
			case err == nil:
				deleted++
			case errors.Is(err, accounts.ErrNotFound):
				missing++
			default:
				t.Errorf("Delete: %v", err)
			}
		})
	}
	wg.Wait()
	if deleted != 1 || missing != writers-1 {
		t.Errorf("%d deleted the account and %d found none, want 1 and %d", deleted, missing, writers-1)
	}
}

func (c Config) many(t *testing.T) {
	ctx, open := t.Context(), c.Open(t)
	s := open()
	must(t, s.PutApplication(ctx, Application(0)))
	for i := range c.Many {
		account := Account(fmt.Sprintf("shop %06d", i))
		account.RefreshToken = spapi.NewSecret(account.RefreshToken.Reveal() + strings.Repeat("x", 1000)) // real ones have a few hundred characters
		must(t, s.Put(ctx, account))
	}
	start := time.Now()
	list, err := open().List(ctx)
	must(t, err)
	listed := time.Since(start)
	if len(list) != c.Many {
		t.Fatalf("List gives %d accounts, want %d", len(list), c.Many)
	}
	for i, a := range list {
		if want := fmt.Sprintf("shop %06d", i); a.Name != want || !strings.HasPrefix(a.RefreshToken.Reveal(), token(want)+"x") {
			t.Fatalf("account %d of the list is %v", i, a)
		}
	}
	start = time.Now()
	if _, err := open().Get(ctx, list[c.Many/2].Name); err != nil {
		t.Error(err)
	}
	t.Logf("%d accounts: List %s, Get %s", c.Many, listed, time.Since(start))
	wants(t, "DeleteApplication", s.DeleteApplication(ctx, Application(0).ClientID), accounts.ErrInUse, fmt.Sprintf("%d accounts", c.Many))
}

// No secret shows in anything that prints.
func (c Config) secrets(t *testing.T) {
	ctx, open := t.Context(), c.Open(t)
	s := open()
	must(t, s.PutApplication(ctx, Application(0)))
	must(t, s.Put(ctx, Account("a")))
	must(t, s.Put(ctx, Account("b")))
	account, err := s.Get(ctx, "a")
	must(t, err)
	application, err := s.Application(ctx, account.ClientID)
	must(t, err)
	if !strings.Contains(account.RefreshToken.Reveal(), Canary) || !strings.Contains(application.ClientSecret.Reveal(), Canary) {
		t.Fatal("the secrets did not come back")
	}
	list, err := s.List(ctx)
	must(t, err)
	applications, err := s.Applications(ctx)
	must(t, err)
	client, err := accounts.Open(ctx, s, "a")
	must(t, err)
	_, missing := s.Get(ctx, "nobody")
	values := []any{account, &account, application, &application, list, applications, map[string]accounts.Account{"a": account}, struct{ A *accounts.Account }{&account},
		s, client, accounts.NewClients(s), missing, s.DeleteApplication(ctx, account.ClientID)}
	for _, v := range values {
		NoSecret(t, v)
	}
}

// NoSecret fails the test if the canary shows in any printed form of v.
func NoSecret(t *testing.T, v any) {
	t.Helper()
	var out bytes.Buffer
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%d", "%t"} {
		fmt.Fprintf(&out, verb+"\n", v)
	}
	slog.New(slog.NewTextHandler(&out, nil)).Info("text", "value", v)
	slog.New(slog.NewJSONHandler(&out, nil)).Info("json", "value", v)
	_ = json.NewEncoder(&out).Encode(v)
	_ = xml.NewEncoder(&out).Encode(v)
	if e, ok := v.(interface{ Explain() string }); ok {
		out.WriteString(e.Explain())
	}
	for _, shape := range []string{Canary, fmt.Sprintf("%x", Canary)} {
		if at := strings.Index(out.String(), shape); at >= 0 {
			t.Errorf("%T shows a secret: …%s…", v, out.String()[max(0, at-80):min(out.Len(), at+40)])
		}
	}
	if err, ok := v.(error); ok {
		if cause := errors.Unwrap(err); cause != nil {
			NoSecret(t, cause)
		}
	}
}

func (c Config) open(t *testing.T) {
	ctx, open := t.Context(), c.Open(t)
	s := open()
	for _, name := range []string{"SPAPI_ENDPOINT", "SPAPI_TOKEN_URL", "SPAPI_SANDBOX", "SPAPI_REGION", "SPAPI_MARKETPLACE", "SPAPI_SELLER_ID", "SPAPI_PROFILE"} {
		t.Setenv(name, "")
	}
	must(t, s.PutApplication(ctx, Application(0)))
	must(t, s.PutApplication(ctx, Application(1)))
	must(t, s.Put(ctx, Account("eu")))
	us := Account("us")
	us.Region, us.Marketplaces, us.Sandbox = "", []string{"US"}, true
	must(t, s.Put(ctx, us))
	other := Account("other")
	other.ClientID = Application(1).ClientID
	must(t, s.Put(ctx, other))
	emulated := Account("emulated")
	emulated.Endpoint, emulated.TokenURL = "http://127.0.0.1:8080", "http://127.0.0.1:8080/auth/o2/token"
	must(t, s.Put(ctx, emulated))
	must(t, s.Use(ctx, "us"))
	clients := accounts.NewClients(open(), spapi.WithUserAgent("Test/1"))
	got := map[string]*spapi.Client{}
	for _, name := range []string{"", "eu", "us", "other", "emulated"} {
		client, err := clients.Client(ctx, name)
		must(t, err)
		got[name] = client
	}
	if c := got[""]; c.Region() != marketplace.NorthAmerica || !c.Sandbox() || c.Endpoint() != marketplace.NorthAmerica.SandboxEndpoint() {
		t.Errorf("the default's client: %v", c)
	}
	if c := got["eu"]; c.Region() != marketplace.Europe || c.Sandbox() {
		t.Errorf("eu's client: %v", c)
	}
	if got["eu"].App() != got["us"].App() || got["eu"].App() == got["other"].App() {
		t.Error("clients share an App just if they are of one application")
	}
	if c := got["emulated"]; c.Endpoint() != "http://127.0.0.1:8080" || c.App() == got["eu"].App() {
		t.Errorf("the client of an account with an endpoint of its own: %v", c)
	}
	rotated := Application(0)
	rotated.ClientSecret = spapi.NewSecret(rotated.ClientSecret.Reveal() + "2")
	must(t, s.PutApplication(ctx, rotated))
	client, err := clients.Client(ctx, "eu")
	must(t, err)
	if client.App() == got["eu"].App() {
		t.Error("a rotated secret is not taken up")
	}
	_, err = accounts.Open(ctx, s, "nobody")
	wants(t, "Open", err, accounts.ErrNotFound, `"nobody"`)
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// wants checks an error's kind, type and text.
func wants(t *testing.T, what string, err, kind error, parts ...string) {
	t.Helper()
	var typed *accounts.Error
	if !errors.Is(err, kind) || !errors.As(err, &typed) {
		t.Fatalf("%s: %T %v, want an *accounts.Error: %v", what, err, err, kind)
	}
	for _, part := range parts {
		if !strings.Contains(err.Error(), part) {
			t.Errorf("%s: error %q does not say %s", what, err, part)
		}
	}
	NoSecret(t, err)
}

func isConfig(t *testing.T, what string, err error, field string) {
	t.Helper()
	var bad *spapi.ConfigError
	if !errors.As(err, &bad) || bad.Field != field {
		t.Errorf("%s: %T %v, want a *spapi.ConfigError of %s", what, err, err, field)
		return
	}
	NoSecret(t, err)
}

func sameAccount(t *testing.T, got, want accounts.Account) {
	t.Helper()
	got.Created, got.Updated, want.Created, want.Updated = time.Time{}, time.Time{}, time.Time{}, time.Time{}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("got %v (token right: %t), want %v", got, got.RefreshToken == want.RefreshToken, want)
	}
}

func sameApplication(t *testing.T, got, want accounts.Application) {
	t.Helper()
	got.Created, got.Updated, want.Created, want.Updated = time.Time{}, time.Time{}, time.Time{}, time.Time{}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("got %v (secrets right: %t, %t), want %v", got, got.ClientSecret == want.ClientSecret, got.PreviousSecret == want.PreviousSecret, want)
	}
}

func names(list []accounts.Account) string {
	var n []string
	for _, a := range list {
		n = append(n, a.Name)
	}
	return strings.Join(n, " ")
}
