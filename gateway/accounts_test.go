package gateway

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/openspapi/spapi"
	"github.com/openspapi/spapi/accounts"
	"github.com/openspapi/spapi/marketplace"
)

// shelf is a store in memory that can be away.
type shelf struct {
	accounts.Store // what isn't overridden fails

	mu           sync.Mutex
	list         []accounts.Account
	applications []accounts.Application
	standard     string
	err          error
	takes        time.Duration
	reads        int
}

const testClientID = "amzn1.application-oa2-client.1"

func newShelf(names ...string) *shelf {
	s := &shelf{applications: []accounts.Application{{ClientID: testClientID, ClientSecret: spapi.NewSecret("amzn1.oa2-cs.v1.cAnArY1")}}}
	for _, name := range names {
		s.list = append(s.list, accounts.Account{Name: name, Region: marketplace.Europe, ClientID: testClientID, RefreshToken: spapi.NewSecret("Atzr|cAnArY-" + name)})
	}
	return s
}

func (s *shelf) List(ctx context.Context) ([]accounts.Account, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.reads++
	if s.takes > 0 {
		time.Sleep(s.takes)
	}
	return slices.Clone(s.list), s.err
}

func (s *shelf) Applications(context.Context) ([]accounts.Application, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.applications), s.err
}

func (s *shelf) Application(_ context.Context, id string) (accounts.Application, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, a := range s.applications {
		if a.ClientID == id {
			return a, s.err
		}
	}
	return accounts.Application{}, accounts.ErrNotFound
}

func (s *shelf) PutApplication(_ context.Context, application accounts.Application) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.err != nil {
		return s.err
	}
	for i := range s.applications {
		if s.applications[i].ClientID == application.ClientID {
			s.applications[i] = application
			return nil
		}
	}
	s.applications = append(s.applications, application)
	return nil
}

func (s *shelf) Default(context.Context) (string, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.standard == "" {
		return "", accounts.ErrNotFound
	}
	return s.standard, s.err
}

func (s *shelf) String() string { return "shelf" }

func (s *shelf) change(f func(s *shelf)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	f(s)
}

// open is a gateway over a store, and the log of it.
func open(t *testing.T, c Config) (*Gateway, *logText) {
	t.Helper()
	log := &logText{}
	c.Logger = slog.New(slog.NewTextHandler(log, nil))
	g, err := New(c)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = g.Close() })
	return g, log
}

// logText is a log for tests.
type logText struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (l *logText) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(p)
}

// take returns the lines since the last time.
func (l *logText) take() (lines []string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	defer l.text.Reset()
	for line := range strings.Lines(l.text.String()) {
		lines = append(lines, strings.TrimSpace(line))
	}
	return lines
}

// choose is the account that a request gets, or why it gets none.
func choose(g *Gateway, c caller, host string, headers ...string) (string, *refusal) {
	r := httptest.NewRequest("GET", "http://gateway/orders/v0/orders", nil)
	if host != "" {
		r.Host = host
	}
	for _, h := range headers {
		r.Header.Add(headerAccount, h)
	}
	x := &exchange{g: g, w: httptest.NewRecorder(), r: r, caller: c}
	if no := x.chooseAccount(); no != nil {
		return "", no
	}
	if x.client == nil || x.record.Account != x.caller.account {
		return "no client of " + x.caller.account, nil
	}
	if no := x.checkPlace(); no != nil {
		return "", no
	}
	return x.caller.account, nil
}

func TestChooseAccount(t *testing.T) {
	store := newShelf("de-1", "de-2", "büro", "us", "broken")
	store.list[3].Region, store.list[3].Sandbox = marketplace.NorthAmerica, true
	store.list[4].ClientID = "amzn1.application-oa2-client.gone"
	store.standard = "de-2"
	g, log := open(t, Config{Accounts: store})
	of := func(patterns ...string) caller { return caller{key: &Key{}, scope: Scope{Accounts: patterns}} }
	with := func(c caller, change func(*caller)) caller { change(&c); return c }
	for _, c := range []struct {
		name    string
		caller  caller
		host    string
		headers []string
		want    string // the account, or the status and a part of the details
	}{
		{"the header", of("*"), "", []string{"de-1"}, "de-1"},
		{"the header, decomposed", of("*"), "", []string{"bu\u0308ro"}, "büro"},
		{"the header twice, the same", of("*"), "", []string{"de-1", "de-1"}, "de-1"},
		{"the header twice", of("*"), "", []string{"de-1", "de-2"}, "400 more than once"},
		{"the token's", with(of("*"), func(c *caller) { c.account = "de-1" }), "", nil, "de-1"},
		{"the header before the token's", with(of("*"), func(c *caller) { c.account = "de-1" }), "", []string{"de-2"}, "de-2"},
		{"the header against a restricted token's", with(of("*"), func(c *caller) { c.account, c.token = "de-1", "Atz.sprdt|x" }), "", []string{"de-2"}, "400 the restricted token is for the account \"de-1\""},
		{"the key's", with(of("*"), func(c *caller) { c.key.Account = "de-1" }), "", nil, "de-1"},
		{"the only one in scope", of("de-1"), "", nil, "de-1"},
		{"the only one by pattern", of("u*"), "", nil, "us"},
		{"the default", of("*"), "", nil, "de-2"},
		{"several, the default is out of scope", of("de-1", "us"), "", nil, `403 names no account, and neither does its key: say which in the header X-Spapi-Account. In X-Spapi-Account it may have: "de-1", "us".`},
		{"out of scope", of("de-*"), "", []string{"us"}, `403 there is no account "us" that this key opens. In X-Spapi-Account it may have: "de-1", "de-2".`},
		{"unknown", of("de-*"), "", []string{"fr"}, `403 there is no account "fr" that this key opens. In X-Spapi-Account it may have: "de-1", "de-2".`},
		{"unknown, in scope", of("de-*"), "", []string{"de-3"}, `403 there is no account "de-3" that this key opens. In X-Spapi-Account it may have: "de-1", "de-2".`},
		{"a name that can't be", of("*"), "", []string{"a\nb"}, `403 there is no account "a\nb" that this key opens.`},
		{"nothing in scope", of("fr-*"), "", nil, "403 It opens none."},
		{"without a key", caller{scope: Scope{Accounts: []string{"*"}}}, "", []string{"de-1"}, "de-1"},
		{"one that isn't set up", of("*"), "", []string{"broken"}, `500 "broken"`},
		{"its own host", of("*"), "sellingpartnerapi-eu.amazon.com", []string{"de-1"}, "de-1"},
		{"its own host with a port", of("*"), "SellingPartnerAPI-EU.amazon.com:443", []string{"de-1"}, "de-1"},
		{"another region's host", of("*"), "sellingpartnerapi-na.amazon.com", []string{"de-1"}, "400 the request is for region"},
		{"the sandbox's host", of("*"), "sandbox.sellingpartnerapi-eu.amazon.com", []string{"de-1"}, "400 the request is for the sandbox"},
		{"a sandbox account at its own", of("*"), "sandbox.sellingpartnerapi-na.amazon.com", []string{"us"}, "us"},
		{"a sandbox account in production", of("*"), "sellingpartnerapi-na.amazon.com", []string{"us"}, "400 Its calls go to the sandbox"},
	} {
		got, no := choose(g, c.caller, c.host, c.headers...)
		status, part, refused := strings.Cut(c.want, " ")
		refused = refused && no != nil
		if no == nil && got != c.want || no != nil && (!refused || fmt.Sprint(no.Status) != status || !strings.Contains(no.Details, part)) {
			t.Errorf("%s: got %q, %+v; want %s", c.name, got, no, c.want)
		}
	}
	if lines := log.take(); len(lines) != 1 || !strings.Contains(lines[0], "broken") || !strings.Contains(lines[0], "application-oa2-client.gone") {
		t.Errorf("the log tells %q, want why one account can't be called for, once", lines)
	}
	// What is out of scope and what there isn't are answered alike, but for the name that was asked for.
	for _, scope := range []string{"de-1", "de-*", "fr", ""} {
		var answers []string
		for _, name := range []string{"us", "xx"} {
			_, no := choose(g, of(scope), "", name)
			answers = append(answers, strings.ReplaceAll(fmt.Sprintf("%+v", *no), `"`+name+`"`, "NAME"))
		}
		if answers[0] != answers[1] {
			t.Errorf("scope %q: %s\nand %s", scope, answers[0], answers[1])
		}
	}
}

// Accounts that change while the gateway runs: removed ones stop, new ones begin, others keep their clients.
func TestAccountsChange(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := newShelf("a", "b", "c")
		g, log := open(t, Config{Accounts: store, AccountsEvery: 10 * time.Second})
		defer g.Close()
		all := caller{key: &Key{}, scope: Scope{Accounts: []string{"*"}}}
		use := func(name string) *spapi.Client {
			t.Helper()
			synctest.Wait() // for a read in the background
			if got, no := choose(g, all, "", name); no != nil || got != name {
				return nil
			}
			return g.accounts.known.Load().members[name].client
		}
		a, b := use("a"), use("b")
		for range 100 {
			use("c")
		}
		if store.reads != 1 {
			t.Errorf("%d reads for 102 calls at once, want 1", store.reads)
		}
		store.change(func(s *shelf) {
			s.list = slices.Delete(s.list, 2, 3)
			s.list[1].RefreshToken = spapi.NewSecret("Atzr|cAnArY-other")
			s.list = append(s.list, s.list[1])
			s.list[2].Name = "d"
		})
		if use("d") != nil {
			t.Error("a new account is there at once, though nothing was read")
		}
		time.Sleep(12 * time.Second) // a call finds what is known old and has it read, but doesn't wait
		store.change(func(s *shelf) { s.takes = time.Second })
		before := time.Now()
		if use("c") == nil || time.Since(before) != 0 {
			t.Error("a call waited for a read though what is known is good enough")
		}
		time.Sleep(time.Second)
		if use("c") != nil || use("d") == nil || use("a") != a || use("b") == b {
			t.Error("after the read: want c gone, d there, a as it was, b another")
		}
		// A removed account is gone for the first call after a quiet day.
		time.Sleep(24 * time.Hour)
		store.change(func(s *shelf) { s.list = s.list[:2] })
		if use("d") != nil {
			t.Error("an account that was removed in a quiet time can be called for")
		}
		// Reload makes it so at once.
		store.change(func(s *shelf) { s.list = s.list[:1] })
		if err := g.Reload(t.Context()); err != nil || use("b") != nil {
			t.Errorf("after Reload: %v", err)
		}
		// What can't be read leaves what is known, and is told once.
		log.take()
		store.change(func(s *shelf) { s.err, s.list = errors.New("the disk is gone"), nil })
		for range 100 {
			time.Sleep(time.Minute)
			if use("a") != a {
				t.Fatal("an account is gone with the store")
			}
		}
		if lines := log.take(); len(lines) != 1 || !strings.Contains(lines[0], "the disk is gone") {
			t.Errorf("the log tells %q, want once that the store is away", lines)
		}
		loaded, since, err := g.accountsHealth(t.Context())
		if !loaded || err == nil || time.Since(since) < 98*time.Minute {
			t.Errorf("health: %t, %s, %v", loaded, since, err)
		}
		if err := g.Reload(t.Context()); err == nil {
			t.Error("Reload says nothing of a store that is away")
		}
		store.change(func(s *shelf) { s.err, s.list, s.takes = nil, newShelf("a").list, 0 })
		time.Sleep(time.Minute)
		use("a")
		synctest.Wait()
		if lines := log.take(); len(lines) != 1 || !strings.Contains(lines[0], "can be read again") || use("a") != a {
			t.Errorf("the log tells %q, want that the store is back", lines)
		}
	})
}

// A gateway that could never read its store refuses, typed, and doesn't read for each call.
func TestAccountsNeverRead(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := newShelf("a")
		store.err = errors.New("access denied")
		g, _ := open(t, Config{Accounts: store})
		defer g.Close()
		for range 50 {
			_, no := choose(g, caller{scope: Scope{Accounts: []string{"*"}}}, "", "a")
			if no == nil || no.Status != http.StatusServiceUnavailable || no.RetryAfter <= 0 {
				t.Fatalf("got %+v", no)
			}
		}
		if store.reads != 1 {
			t.Errorf("%d reads for 50 calls at once", store.reads)
		}
		store.change(func(s *shelf) { s.err = nil })
		time.Sleep(6 * time.Second)
		if got, no := choose(g, caller{scope: Scope{Accounts: []string{"*"}}}, "", "a"); got != "a" {
			t.Errorf("the store is back: %+v", no)
		}
	})
}

// The end of a client secret is told in time, seldom, and by its client id only.
func TestSecretEnds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := newShelf("a")
		store.applications[0].SecretExpires = time.Now().Add(100 * day)
		g, log := open(t, Config{Accounts: store})
		defer g.Close()
		var told []int
		for hour := range 105 * 24 {
			_, _, err := g.accountsHealth(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			synctest.Wait()
			for _, line := range log.take() {
				told = append(told, hour/24)
				if !strings.Contains(line, testClientID) || strings.Contains(line, "cAnArY") || strings.Contains(line, "level=ERROR") != (hour >= 100*24) {
					t.Errorf("day %d: %s", hour/24, line)
				}
			}
			time.Sleep(time.Hour)
		}
		if want := []int{70, 86, 93, 97, 98, 99, 100, 101, 102, 103, 104}; !slices.Equal(told, want) {
			t.Errorf("told on days %v, want %v", told, want)
		}
		if ends := g.secretEnds(); len(ends) != 1 || !ends[testClientID].Equal(store.applications[0].SecretExpires) {
			t.Errorf("for metrics: %v", ends)
		}
	})
}
