package accounts_test

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/openspapi/spapi"
	"github.com/openspapi/spapi/accounts"
	"github.com/openspapi/spapi/accounts/accountstest"
	"github.com/openspapi/spapi/marketplace"
)

func newStore(t *testing.T, list ...accounts.Account) *accounts.File {
	t.Helper()
	dir := t.TempDir()
	store := accounts.NewFile(filepath.Join(dir, "accounts.age"), accounts.FileKey(filepath.Join(dir, "key.txt")))
	if err := store.PutApplication(t.Context(), accountstest.Application(0)); err != nil {
		t.Fatal(err)
	}
	for _, a := range list {
		if err := store.Put(t.Context(), a); err != nil {
			t.Fatal(err)
		}
	}
	return store
}

// service stands for Amazon: it counts tokens, and who asked with which secret.
type service struct {
	mu      sync.Mutex
	tokens  int
	secrets []string
	hosts   []string
}

func (s *service) RoundTrip(r *http.Request) (*http.Response, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	body := `{"payload":[]}`
	if strings.HasSuffix(r.URL.Path, "/auth/o2/token") {
		if err := r.ParseForm(); err != nil {
			return nil, err
		}
		s.tokens++
		s.secrets = append(s.secrets, r.PostForm.Get("client_secret"))
		body = `{"access_token":"Atza|` + strconv.Itoa(s.tokens) + `","token_type":"bearer","expires_in":3600}`
	}
	s.hosts = append(s.hosts, r.URL.Host)
	return &http.Response{StatusCode: http.StatusOK, Header: http.Header{"Content-Type": {"application/json"}},
		Body: io.NopCloser(strings.NewReader(body)), Request: r}, nil
}

// Applications that come and go leave nothing behind; one that a client still holds is found again, however long it was idle.
func TestClientsForgetIdleApplications(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		clients := accounts.NewClients(nil, spapi.WithTransport(&service{}))
		client := func(number int) *spapi.Client {
			t.Helper()
			account := accountstest.Account("shop")
			application := accountstest.Application(number)
			account.ClientID = application.ClientID
			c, err := clients.Of(account, application)
			if err != nil {
				t.Fatal(err)
			}
			return c
		}
		held := client(0)
		for i := range 10 * 1000 {
			if client(1+i).App() == held.App() {
				t.Fatal("two applications share an App")
			}
			time.Sleep(24 * time.Hour / 1000)
			if i%100 == 0 {
				runtime.GC()
			}
			if n := accounts.AppsOf(clients); n > 250 {
				t.Fatalf("%d apps are kept after %d days, 84 of which were used within two hours", n, i/1000)
			}
		}
		if client(0).App() != held.App() {
			t.Error("an application whose client is in use was forgotten")
		}
		app := fmt.Sprintf("%p", client(1).App())
		time.Sleep(time.Hour)
		runtime.GC()
		if got := fmt.Sprintf("%p", client(1).App()); got != app {
			t.Error("an application was forgotten after an hour")
		}
		runtime.KeepAlive(held)
	})
}

// A change of the client secret keeps tokens and limits: nothing is fetched anew, and nothing may be sent at once that the limit forbade.
func TestRotationKeepsTokensAndLimits(t *testing.T) {
	setenv(t, nil)
	store, amazon := newStore(t, accountstest.Account("shop"), accountstest.Account("second")), &service{}
	clients := accounts.NewClients(store, spapi.WithTransport(amazon))
	call := func() error {
		t.Helper()
		client, err := clients.Client(t.Context(), "shop")
		if err != nil {
			t.Fatal(err)
		}
		req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "/orders/v0/orders?MarketplaceIds=A1PA6795UKMFR9", nil)
		if err != nil {
			t.Fatal(err)
		}
		resp, err := client.Do(req, spapi.WithFailFast(0))
		if err == nil {
			_ = resp.Body.Close()
		}
		return err
	}
	sent := 0
	for call() == nil {
		if sent++; sent > 100 {
			t.Fatal("the operation has no limit")
		}
	}
	for i := range 3 {
		rotated := accountstest.Application(0)
		rotated.ClientSecret = spapi.NewSecret(rotated.ClientSecret.Reveal() + "-rotated-" + strconv.Itoa(i))
		if err := store.PutApplication(t.Context(), rotated); err != nil {
			t.Fatal(err)
		}
		if err := call(); !errors.As(err, new(*spapi.LimitError)) {
			t.Errorf("after rotation %d: %v, want a *LimitError as before", i, err)
		}
		if amazon.tokens != 1 {
			t.Errorf("after rotation %d: %d tokens were fetched, want the one from before", i, amazon.tokens)
		}
	}
	// What is fetched afterwards is fetched with the new secret.
	client, err := clients.Client(t.Context(), "second")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := client.AccessToken(t.Context()); err != nil {
		t.Fatal(err)
	}
	if last := amazon.secrets[len(amazon.secrets)-1]; amazon.tokens != 2 || !strings.HasSuffix(last, "-rotated-2") {
		t.Errorf("%d tokens, the last one with the secret …%s", amazon.tokens, last[max(0, len(last)-10):])
	}
}

// Many that ask while the secret changes share one token, and end with the newest secret.
func TestClientsConcurrently(t *testing.T) {
	setenv(t, nil)
	store, amazon := newStore(t, accountstest.Account("shop")), &service{}
	clients := accounts.NewClients(store, spapi.WithTransport(amazon))
	var wg sync.WaitGroup
	for i := range 8 {
		wg.Go(func() {
			for j := range 5 {
				if i == 0 {
					rotated := accountstest.Application(0)
					rotated.ClientSecret = spapi.NewSecret(rotated.ClientSecret.Reveal() + strconv.Itoa(j))
					if err := store.PutApplication(t.Context(), rotated); err != nil {
						t.Error(err)
					}
				}
				client, err := clients.Client(t.Context(), "shop")
				if err != nil {
					t.Error(err)
					continue
				}
				if _, err := client.AccessToken(t.Context()); err != nil {
					t.Error(err)
				}
			}
		})
	}
	wg.Wait()
	if amazon.tokens != 1 {
		t.Errorf("%d tokens were fetched, want one", amazon.tokens)
	}
}

// Accounts of one application share its App, unless they go to other places. What the program's own options say wins over what is stored.
func TestAppsAreKeptApart(t *testing.T) {
	setenv(t, nil)
	shop, second := accountstest.Account("shop"), accountstest.Account("second")
	emulated, elsewhere := accountstest.Account("emulated"), accountstest.Account("elsewhere")
	emulated.Endpoint, emulated.TokenURL = "http://127.0.0.1:1", "http://127.0.0.1:1/auth/o2/token"
	elsewhere.TokenURL = "http://127.0.0.1:2/auth/o2/token"
	clients := accounts.NewClients(nil)
	apps := map[*spapi.App][]string{}
	endpoints := map[string]string{}
	for _, a := range []accounts.Account{shop, second, emulated, elsewhere} {
		client, err := clients.Of(a, accountstest.Application(0))
		if err != nil {
			t.Fatal(err)
		}
		apps[client.App()] = append(apps[client.App()], a.Name)
		endpoints[a.Name] = client.Endpoint()
	}
	if len(apps) != 3 {
		t.Errorf("%d Apps for %v, want one for both at Amazon and one for each of the others", len(apps), apps)
	}
	if endpoints["shop"] != endpoints["elsewhere"] || endpoints["emulated"] != "http://127.0.0.1:1" {
		t.Errorf("they call %v", endpoints)
	}
	client, err := accounts.NewClients(nil, spapi.WithEndpoint("http://127.0.0.1:3")).Of(emulated, accountstest.Application(0))
	if err != nil || client.Endpoint() != "http://127.0.0.1:3" {
		t.Errorf("%v, %v, want the option's endpoint", client, err)
	}
}

// What the environment says of a stored account: where its calls go, and which credentials it leaves alone.
func TestResolve(t *testing.T) {
	shop := accountstest.Account("shop") // eu, DE and FR
	emulated := accountstest.Account("emulated")
	emulated.Endpoint, emulated.TokenURL = "http://127.0.0.1:1", "http://127.0.0.1:1/auth/o2/token"
	sandboxed := accountstest.Account("sandboxed")
	sandboxed.Sandbox = true
	store := newStore(t, shop, emulated, sandboxed)
	const (
		first, firstLWA   = "http://127.0.0.1:1", "http://127.0.0.1:1/auth/o2/token"
		second, secondLWA = "http://127.0.0.1:2", "http://127.0.0.1:2/auth/o2/token"
		europe, amazonLWA = "https://sellingpartnerapi-eu.amazon.com", "https://api.amazon.com/auth/o2/token"
		de                = "A1PA6795UKMFR9"
	)
	for _, c := range []struct {
		name, account string
		env           map[string]string
		endpoint      string
		tokenURL      string
		region        string
		sandbox       bool
		seller        string
		first         string // marketplace
		differences   string // setting, and whether the environment counts
	}{
		{name: "nothing", account: "shop", region: "eu", first: de},

		{name: "the emulator's two variables", account: "shop", env: map[string]string{"SPAPI_ENDPOINT": "http://127.0.0.1:2/", "SPAPI_TOKEN_URL": secondLWA},
			endpoint: second, tokenURL: secondLWA, region: "eu", first: de, differences: "endpoint true, token URL true"},
		{name: "stored with the account", account: "emulated", endpoint: first, tokenURL: firstLWA, region: "eu", first: de},
		{name: "another emulator", account: "emulated", env: map[string]string{"SPAPI_ENDPOINT": second},
			endpoint: second, tokenURL: firstLWA, region: "eu", first: de, differences: "endpoint true"},

		{name: "the same", account: "emulated", env: map[string]string{"SPAPI_ENDPOINT": first,
			"SPAPI_SANDBOX": "false", "SPAPI_REGION": "EU", "SPAPI_SELLER_ID": "A1EXAMPLE2ABC"},
			endpoint: first, tokenURL: firstLWA, region: "eu", first: de},
		{name: "Amazon by name", account: "shop", env: map[string]string{"SPAPI_ENDPOINT": europe, "SPAPI_TOKEN_URL": amazonLWA},
			endpoint: europe, tokenURL: amazonLWA, region: "eu", first: de},
		{name: "Amazon's sandbox by name", account: "sandboxed", env: map[string]string{"SPAPI_ENDPOINT": "https://sandbox.sellingpartnerapi-eu.amazon.com"},
			endpoint: "https://sandbox.sellingpartnerapi-eu.amazon.com", region: "eu", sandbox: true, first: de},
		{name: "sandbox", account: "shop", env: map[string]string{"SPAPI_SANDBOX": "true"},
			region: "eu", sandbox: true, first: de, differences: "sandbox true"},
		{name: "another region", account: "shop", env: map[string]string{"SPAPI_REGION": "na"}, region: "na", differences: "region true"},
		{name: "another of its marketplaces", account: "shop", env: map[string]string{"SPAPI_MARKETPLACE": "FR"}, region: "eu", first: "A13V1IB3VIYZZH"},
		{name: "a marketplace elsewhere", account: "shop", env: map[string]string{"SPAPI_MARKETPLACE": "US"},
			region: "na", first: "ATVPDKIKX0DER", differences: "marketplace true"},
		{name: "another seller", account: "shop", env: map[string]string{"SPAPI_SELLER_ID": "A2OTHER"},
			region: "eu", seller: "A2OTHER", first: de, differences: "seller id true"},

		{name: "credentials of their own", account: "shop", env: with("SPAPI_MARKETPLACE", "US", "SPAPI_SELLER_ID", "A2OTHER",
			"SPAPI_SANDBOX", "true", "SPAPI_ENDPOINT", second),
			endpoint: second, region: "eu", sandbox: true, first: de,
			differences: "endpoint true, sandbox true, region false, marketplace false, seller id false"},
	} {
		t.Run(c.name, func(t *testing.T) {
			setenv(t, c.env)
			clients := accounts.NewClients(store)
			got, err := clients.Resolve(t.Context(), c.account)
			if err != nil {
				t.Fatal(err)
			}
			if c.seller == "" {
				c.seller = shop.SellingPartnerID
			}
			a, main := got.Account, ""
			if len(a.Marketplaces) > 0 {
				main = a.Marketplaces[0]
			}
			if a.Endpoint != c.endpoint || a.TokenURL != c.tokenURL || string(a.Region) != c.region || a.Sandbox != c.sandbox ||
				a.SellingPartnerID != c.seller || main != c.first {
				t.Errorf("resolved as %v", a)
			}
			if a.RefreshToken != accountstest.Account(c.account).RefreshToken || got.Application.ClientID != accountstest.Application(0).ClientID {
				t.Error("the credentials are not the account's")
			}
			var differences []string
			for _, d := range got.Differences {
				if d.Source == "" || d.Stored == "" || d.Value == "" {
					t.Errorf("%+v lacks something", d)
				}
				place := d.Setting == "region" || d.Setting == "marketplace"
				if moves := d.Used && place && c.region != "eu"; (d.Moves == marketplace.Region(c.region)) != moves ||
					strings.Contains(d.Note(), "valid in one region only") != moves {
					t.Errorf("%+v: %s", d, d.Note())
				}
				if d.Setting == "marketplace" && (d.Stored != "A1PA6795UKMFR9 (DE), A13V1IB3VIYZZH (FR)" || d.Value != "ATVPDKIKX0DER (US)") {
					t.Errorf("%+v lacks country codes", d)
				}
				differences = append(differences, d.Setting+" "+strconv.FormatBool(d.Used))
			}
			if all := strings.Join(differences, ", "); all != c.differences {
				t.Errorf("told %q, want %q", all, c.differences)
			}
			client, err := clients.Client(t.Context(), c.account)
			if err != nil {
				t.Fatal(err)
			}
			if c.endpoint != "" && client.Endpoint() != c.endpoint {
				t.Errorf("the client calls %s, want %s", client.Endpoint(), c.endpoint)
			}
		})
	}
	setenv(t, map[string]string{"SPAPI_ENDPOINT": "http://example.com"})
	if _, err := accounts.Open(t.Context(), store, "shop"); !isCode(err, spapi.CodeEndpointNotHTTPS) {
		t.Errorf("a bad variable: %v", err)
	}
}

func isCode(err error, code spapi.ConfigCode) bool {
	bad, ok := errors.AsType[*spapi.ConfigError](err)
	return ok && bad.Code == code
}
