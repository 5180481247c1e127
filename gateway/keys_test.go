package gateway

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"path/filepath"
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

// wireLog is Amazon: it answers everything and remembers what went out to SP-API.
type wireLog struct {
	mu     sync.Mutex
	sent   []string
	before func(*http.Request) error // called without the lock
}

func (w *wireLog) RoundTrip(r *http.Request) (*http.Response, error) {
	if r.Body != nil {
		_, _ = io.Copy(io.Discard, r.Body)
		_ = r.Body.Close()
	}
	answer := func(body string) *http.Response {
		return &http.Response{StatusCode: 200, Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1, Header: http.Header{"Content-Type": {"application/json"}},
			Body: io.NopCloser(strings.NewReader(body)), ContentLength: int64(len(body)), Request: r}
	}
	if r.URL.Path == "/auth/o2/token" {
		return answer(`{"access_token":"Atza|plain","token_type":"bearer","expires_in":3600}`), nil
	}
	w.mu.Lock()
	w.sent = append(w.sent, r.Method+" "+r.URL.EscapedPath())
	w.mu.Unlock()
	if w.before != nil {
		if err := w.before(r); err != nil {
			return nil, err
		}
	}
	if strings.HasSuffix(r.URL.Path, "/restrictedDataToken") {
		return answer(`{"restrictedDataToken":"Atz.sprdt|restricted","expiresIn":3600}`), nil
	}
	return answer(`{"payload":{}}`), nil
}

// take returns what went out since it was called last, without the fetches of restricted tokens that the client makes by itself.
func (w *wireLog) take() []string {
	w.mu.Lock()
	defer w.mu.Unlock()
	sent := w.sent
	w.sent = nil
	return sent
}

// unlimited lets every call through.
type unlimited struct{}

func (unlimited) Wait(context.Context, spapi.LimitRequest) (spapi.LimitGrant, error) {
	return spapi.LimitGrant{}, nil
}

func (unlimited) Observe(context.Context, spapi.LimitGrant, spapi.LimitReply) error { return nil }

// keptInMemory is a State in memory, of which tests decide whether it can be read.
type keptInMemory struct {
	mu      sync.Mutex
	records *Records
	err     error
	loads   int
}

func (m *keptInMemory) Load(context.Context) (*Records, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.loads++
	if m.err != nil {
		return nil, m.err
	}
	if m.records == nil {
		m.records = new(Records)
	}
	return m.records, nil
}

func (m *keptInMemory) Update(_ context.Context, change func(*Records) error) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	next := new(Records)
	if m.records != nil {
		var err error
		if next, err = m.records.clone(); err != nil {
			return err
		}
	}
	if err := change(next); err != nil {
		return err
	}
	m.records = next
	return nil
}

// fail lets Load fail.
func (m *keptInMemory) fail(err error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.err = err
}

// make adds a key.
func (m *keptInMemory) make(t testing.TB, k Key) (Key, string) {
	t.Helper()
	if k.Created.IsZero() {
		k.Created = time.Now()
	}
	k, secret, err := NewKey(k)
	if err != nil {
		t.Fatal(err)
	}
	if err := m.Update(t.Context(), func(r *Records) error { r.Keys = append(r.Keys, k); return nil }); err != nil {
		t.Fatal(err)
	}
	return k, secret.Reveal()
}

// alter changes a key.
func (m *keptInMemory) alter(t testing.TB, id string, change func(*Key)) {
	t.Helper()
	if err := m.Update(t.Context(), func(r *Records) error {
		i := slices.IndexFunc(r.Keys, func(k Key) bool { return k.ID == id })
		change(&r.Keys[i])
		return nil
	}); err != nil {
		t.Fatal(err)
	}
}

var wholeScope = Scope{Accounts: []string{"*"}, Operations: []string{"*"}, Write: true, PersonalData: true}

// keyGateway is a gateway for the accounts de-1, de-2 and us-1.
func keyGateway(t testing.TB, state State, change func(*Config)) (*Gateway, *wireLog) {
	t.Helper()
	dir, wire := t.TempDir(), new(wireLog)
	store := accounts.NewFile(filepath.Join(dir, "accounts.age"), accounts.FileKey(filepath.Join(dir, "key.txt")))
	application := accounts.Application{ClientID: "amzn1.application-oa2-client.0", ClientSecret: spapi.NewSecret("amzn1.oa2-cs.v1.0123456789")}
	if err := store.PutApplication(t.Context(), application); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"de-1", "de-2", "us-1"} {
		if err := store.Put(t.Context(), accounts.Account{Name: name, Region: marketplace.Europe, ClientID: application.ClientID,
			RefreshToken: spapi.NewSecret("Atzr|" + name + "0123456789")}); err != nil {
			t.Fatal(err)
		}
	}
	c := Config{Accounts: store, State: state, Logger: slog.New(slog.DiscardHandler), Options: []spapi.Option{spapi.WithTransport(wire), spapi.WithLimiter(unlimited{})}, CacheBytes: -1}
	if change != nil {
		change(&c)
	}
	g, err := New(c)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = g.Close() })
	return g, wire
}

// ask sends a request to a gateway, from an address of its own unless headers say otherwise.
func askAs(g *Gateway, method, path, key string, headers ...string) *httptest.ResponseRecorder {
	r := httptest.NewRequest(method, path, nil)
	r.Host, r.RemoteAddr = "localhost", "192.0.2.1:1234"
	r.Header.Set("X-Spapi-Account", "de-1")
	if key != "" {
		r.Header.Set("X-Api-Key", key)
	}
	for i := 0; i < len(headers); i += 2 {
		switch headers[i] {
		case "remote":
			r.RemoteAddr = headers[i+1]
		case "-":
			r.Header.Del(headers[i+1])
		default:
			r.Header.Add(headers[i], headers[i+1])
		}
	}
	w := httptest.NewRecorder()
	g.ServeHTTP(w, r)
	return w
}

// detailsOf are the details of a refusal.
func detailsOf(t testing.TB, w *httptest.ResponseRecorder) string {
	t.Helper()
	var body struct {
		Errors []struct{ Code, Message, Details string }
	}
	if err := json.Unmarshal(w.Body.Bytes(), &body); err != nil || len(body.Errors) != 1 {
		t.Fatalf("no refusal: %d %s", w.Code, w.Body)
	}
	return body.Errors[0].Details
}

const readPath = "/orders/v0/orders"

func TestNewKey(t *testing.T) {
	now := time.Date(2026, 11, 26, 0, 0, 0, 0, time.UTC)
	reads := Scope{Accounts: []string{"de-*"}, Operations: []string{"orders*"}}
	seen := map[string]bool{}
	for range 100 {
		k, secret, err := NewKey(Key{Name: "shop", Scope: reads, Account: "de-1", Created: now, Expires: now.Add(time.Hour)})
		if err != nil {
			t.Fatal(err)
		}
		text := secret.Reveal()
		if len(text) != keyLen || keyID(text) != k.ID || len(k.ID) != idLen || seen[k.ID] || seen[text] {
			t.Fatalf("key %q of id %q", text, k.ID)
		}
		seen[k.ID], seen[text] = true, true
		kept, err := json.Marshal(Records{Keys: []Key{k}})
		if err != nil || strings.Contains(string(kept), text[len(text)-43:]) || strings.Contains(fmt.Sprint(secret, k), text[len(text)-43:]) {
			t.Fatalf("the secret is kept: %s", kept)
		}
	}
	for _, c := range []struct {
		key  Key
		want string
	}{
		{Key{Scope: reads}, "name: is empty"},
		{Key{Name: "local", Scope: reads}, "requests without a key"},
		{Key{Name: "a\nb", Scope: reads}, "control character"},
		{Key{Name: " a", Scope: reads}, "spaces around"},
		{Key{Name: strings.Repeat("a", 65), Scope: reads}, "65 bytes"},
		{Key{Name: "a"}, "accounts: is missing"},
		{Key{Name: "a", Scope: Scope{Accounts: []string{"*"}}}, "operations: is missing"},
		{Key{Name: "a", Scope: reads, Account: "us-1"}, `account "us-1"`},
		{Key{Name: "a", Scope: reads, Created: now, Expires: now}, "past"},
		{Key{Name: "a", Scope: Scope{Accounts: []string{"*"}, Operations: []string{"getOrder"}}}, "ordersv0.getOrder"},
		{Key{Name: "a", Scope: Scope{Accounts: []string{"*"}, Operations: []string{"ordersV0.*"}}}, "ordersv0."},
		{Key{Name: "a", Scope: Scope{Accounts: []string{"*"}, Operations: []string{"zzz"}}}, "spapi ops"},
		{Key{Name: "a", Scope: Scope{Accounts: []string{"*"}, Operations: []string{""}}}, "is empty"},
		{Key{Name: "a", Scope: Scope{Accounts: []string{""}, Operations: []string{"*"}}}, "is empty"},
	} {
		_, secret, err := NewKey(c.key)
		if _, ok := err.(*spapi.ConfigError); !ok || !strings.Contains(err.Error(), c.want) || !secret.IsZero() {
			t.Errorf("%+v: %v, want %q", c.key, err, c.want)
		}
	}
}

// What opens and what doesn't, wherever it stands; everything that isn't right is answered alike, and nothing of it reaches Amazon.
func TestCredentials(t *testing.T) {
	state := new(keptInMemory)
	good, secret := state.make(t, Key{Name: "shop", Scope: wholeScope})
	gone, revoked := state.make(t, Key{Name: "shop", Scope: wholeScope})
	state.alter(t, gone.ID, func(k *Key) { k.Revoked = time.Now() })
	old, expired := state.make(t, Key{Name: "shop", Scope: wholeScope})
	state.alter(t, old.ID, func(k *Key) { k.Expires = time.Now().Add(-time.Hour) })
	other := secret[:len(secret)-43] + revoked[len(revoked)-43:]
	g, wire := keyGateway(t, state, nil)
	next := 0
	try := func(headers ...string) *httptest.ResponseRecorder {
		next++ // each from an address of its own, so that nobody is told to wait
		return askAs(g, "GET", readPath, "", append(headers, "remote", fmt.Sprintf("192.0.2.%d:1", next))...)
	}
	for _, headers := range [][]string{
		{"X-Api-Key", secret},
		{"Authorization", "Bearer " + secret},
		{"Authorization", "bearer  " + secret + " "},
		{"x-amz-access-token", secret},
		{"Authorization", "AWS4-HMAC-SHA256 Credential=x/y, SignedHeaders=host, Signature=0", "x-amz-access-token", secret},
		{"Authorization", "Bearer " + secret, "X-Api-Key", secret, "x-amz-access-token", secret},
		{"X-Api-Key", "", "x-amz-access-token", secret},
	} {
		if w := try(headers...); w.Code != 200 || len(wire.take()) != 1 {
			t.Errorf("%s: %d %s", headers, w.Code, w.Body)
		}
	}
	wrong := detailsOf(t, try("X-Api-Key", "x"))
	for name, headers := range map[string][]string{
		"unknown":            {"X-Api-Key", keyPrefix + "aaaaaaaaaa_" + strings.Repeat("A", 43)},
		"wrong":              {"X-Api-Key", other},
		"revoked":            {"X-Api-Key", revoked},
		"expired and wrong":  {"X-Api-Key", expired[:len(expired)-1] + "-"},
		"cut":                {"X-Api-Key", secret[:len(secret)-1]},
		"longer":             {"X-Api-Key", secret + "A"},
		"id alone":           {"X-Api-Key", keyPrefix + good.ID},
		"other case":         {"X-Api-Key", strings.ToUpper(secret)},
		"huge":               {"X-Api-Key", secret + strings.Repeat("A", 1<<20)},
		"the hash":           {"X-Api-Key", fmt.Sprintf("%s%s_%x", keyPrefix, good.ID, good.Hash)},
		"as a bearer":        {"Authorization", "Bearer " + other},
		"as Amazon's header": {"x-amz-access-token", other},
	} {
		w := try(headers...)
		if w.Code != http.StatusUnauthorized || detailsOf(t, w) != wrong {
			t.Errorf("%s: %d %s", name, w.Code, w.Body)
		}
	}
	for name, c := range map[string]struct {
		headers []string
		status  int
		want    string
	}{
		"none":                {nil, 401, "has no key"},
		"expired":             {[]string{"X-Api-Key", expired}, 401, "has expired at 20"},
		"two keys":            {[]string{"X-Api-Key", secret, "Authorization", "Bearer " + other}, 400, "send one"},
		"a right and a token": {[]string{"X-Api-Key", secret, "x-amz-access-token", "Atza|x"}, 400, "send one"},
		"basic":               {[]string{"Authorization", "Basic eDp5"}, 401, `want "Bearer"`},
		"basic beside a key":  {[]string{"Authorization", "Basic eDp5", "X-Api-Key", secret}, 401, `want "Bearer"`},
		"a signature alone":   {[]string{"Authorization", "AWS4-HMAC-SHA256 Credential=x"}, 401, "has no key"},
	} {
		w := try(c.headers...)
		if d := detailsOf(t, w); w.Code != c.status || !strings.Contains(d, c.want) || strings.Contains(w.Body.String(), secret) || strings.Contains(w.Body.String(), other) {
			t.Errorf("%s: %d %s", name, w.Code, w.Body)
		}
	}
	if sent := wire.take(); len(sent) > 0 {
		t.Errorf("sent: %s", sent)
	}
}

// Without keys requests need none; from the first key on they do, also when the last has been revoked, and when all records are gone.
func TestOpenUntilTheFirstKey(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		state := new(keptInMemory)
		local := Scope{Accounts: []string{"*"}, Operations: []string{"*"}}
		g, _ := keyGateway(t, state, func(c *Config) { c.Local = local })
		want := func(status int, key, method, what string) {
			t.Helper()
			if err := g.Reload(t.Context()); (err != nil) != (what == "lost") {
				t.Errorf("%s: %v", what, err)
			}
			if w := askAs(g, method, readPath, key); w.Code != status {
				t.Errorf("%s: %d %s", what, w.Code, w.Body)
			}
		}
		want(200, "", "GET", "no keys")
		want(403, "", "POST", "a write without keys")
		want(401, keyPrefix+"aaaaaaaaaa_"+strings.Repeat("A", 43), "GET", "a key where there are none")
		k, secret := state.make(t, Key{Name: "shop", Scope: local})
		want(401, "", "GET", "with a key")
		want(200, secret, "GET", "with a key")
		state.alter(t, k.ID, func(k *Key) { k.Revoked = time.Now() })
		want(401, "", "GET", "revoked")
		want(401, secret, "GET", "revoked")
		_, secret = state.make(t, Key{Name: "shop", Scope: local})
		want(200, secret, "GET", "another")
		state.records = new(Records)
		want(401, "", "GET", "lost")
		want(200, secret, "GET", "lost")
	})
	g, _ := keyGateway(t, nil, nil)
	if w := askAs(g, "GET", readPath, ""); w.Code != 403 {
		t.Errorf("neither state nor scope: %d %s", w.Code, w.Body)
	}
}

// Who guesses is told to wait, by address and over all; a right key is let in all the while, from the same address, too.
func TestGuessing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		state := new(keptInMemory)
		_, secret := state.make(t, Key{Name: "shop", Scope: wholeScope})
		g, _ := keyGateway(t, state, nil)
		guess := func(remote string) (int, string) {
			w := askAs(g, "GET", readPath, keyPrefix+"aaaaaaaaaa_"+strings.Repeat("A", 43), "remote", remote)
			if w.Code == http.StatusOK {
				t.Fatal("a guess is right")
			}
			return w.Code, w.Header().Get("Retry-After")
		}
		told := func(n int, remote string) (wrong int) {
			for i := range n {
				if code, _ := guess(fmt.Sprintf(remote, i)); code == http.StatusUnauthorized {
					wrong++
				}
			}
			return wrong
		}
		if n := told(50, "192.0.2.7:%d"); n != guessBurst {
			t.Errorf("an address is answered %d times, want %d", n, guessBurst)
		}
		if n := told(50, "[2001:db8:1:2::%x]:1"); n != guessBurst {
			t.Errorf("a /64 is answered %d times, want %d", n, guessBurst)
		}
		if n := told(1, "[2001:db8:1:3::%x]:1"); n != 1 {
			t.Error("the /64 beside it is told to wait")
		}
		if n := told(50, "[::ffff:192.0.2.7]:%d"); n != 0 {
			t.Errorf("the address spelled otherwise is answered %d times", n)
		}
		if w := askAs(g, "GET", readPath, secret, "remote", "192.0.2.7:1"); w.Code != 200 {
			t.Errorf("a right key beside guesses: %d", w.Code)
		}
		time.Sleep(3 * guessStep)
		if n := told(50, "192.0.2.7:%d"); n != 3 {
			t.Errorf("after three steps an address is answered %d times", n)
		}
		time.Sleep(time.Hour)
		if n := told(1000, "198.51.%d.1:1"); n != allGuessBurst && n > 256 {
			t.Errorf("all addresses are answered %d times, want %d", n, allGuessBurst)
		}
		time.Sleep(time.Second)
		if n := told(250, "203.0.%d.1:1"); n != 50 {
			t.Errorf("a second later all addresses are answered %d times, want 50", n)
		}
		if w := askAs(g, "GET", readPath, secret, "remote", "203.0.113.9:1"); w.Code != 200 {
			t.Errorf("a right key in the flood: %d", w.Code)
		}
	})
}

// What is remembered of guessers is bounded, however many there are.
func TestGuessersForgotten(t *testing.T) {
	var g guesses
	now := time.Now()
	for i := range 3 * maxGuessers {
		a := netip.AddrFrom4([4]byte{byte(i >> 16), byte(i >> 8), byte(i), 1})
		g.take(network(a), now)
		if len(g.of) > maxGuessers {
			t.Fatalf("%d are remembered", len(g.of))
		}
	}
	now = now.Add(time.Hour)
	for i := range maxGuessers {
		g.take(network(netip.AddrFrom4([4]byte{9, byte(i >> 8), byte(i), 1})), now)
	}
	if len(g.of) > maxGuessers {
		t.Errorf("%d are remembered", len(g.of))
	}
}

func TestRemote(t *testing.T) {
	g := &Gateway{config: Config{TrustedProxies: []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8"), netip.MustParsePrefix("fd00::/8")}}}
	plain := new(Gateway)
	for _, c := range []struct {
		g      *Gateway
		from   string
		header []string
		want   string
	}{
		{plain, "192.0.2.1:1", []string{"198.51.100.1"}, "192.0.2.1"},
		{plain, "10.0.0.1:1", []string{"198.51.100.1"}, "10.0.0.1"},
		{g, "192.0.2.1:1", []string{"198.51.100.1"}, "192.0.2.1"},
		{g, "10.0.0.1:1", nil, "10.0.0.1"},
		{g, "10.0.0.1:1", []string{"198.51.100.1"}, "198.51.100.1"},
		{g, "10.0.0.1:1", []string{"6.6.6.6, 198.51.100.1, 10.9.9.9"}, "198.51.100.1"},
		{g, "10.0.0.1:1", []string{"6.6.6.6", "198.51.100.1"}, "198.51.100.1"},
		{g, "10.0.0.1:1", []string{"10.2.2.2, 10.3.3.3"}, "10.2.2.2"},
		{g, "10.0.0.1:1", []string{"6.6.6.6, what, 10.3.3.3"}, "10.3.3.3"},
		{g, "10.0.0.1:1", []string{"198.51.100.1:4711"}, "198.51.100.1"},
		{g, "[fd00::1]:1", []string{"[2001:db8::1]:4711"}, "2001:db8::1"},
		{g, "[fd00::1]:1", []string{"2001:db8::1"}, "2001:db8::1"},
		{g, "10.0.0.1:1", []string{"::ffff:198.51.100.1"}, "198.51.100.1"},
		{g, "@", []string{"198.51.100.1"}, "invalid IP"},
	} {
		r := httptest.NewRequest("GET", "/", nil)
		r.RemoteAddr, r.Header["X-Forwarded-For"] = c.from, c.header
		if got := c.g.remote(r); got.String() != c.want {
			t.Errorf("%s %q: %s, want %s", c.from, c.header, got, c.want)
		}
	}
}

// What a look costs doesn't tell what was wrong: one hash, one comparison and no allocation, whatever the text.
func TestFindAllocatesNothing(t *testing.T) {
	i, texts := findTexts(t)
	for name, text := range texts {
		if n := testing.AllocsPerRun(100, func() { i.find(text) }); n != 0 {
			t.Errorf("%s: %v allocations", name, n)
		}
	}
}

func findTexts(t testing.TB) (*index, map[string]string) {
	state := new(keptInMemory)
	_, right := state.make(t, Key{Name: "a", Scope: wholeScope})
	gone, revoked := state.make(t, Key{Name: "a", Scope: wholeScope})
	state.alter(t, gone.ID, func(k *Key) { k.Revoked = time.Now() })
	return newIndex(state.records), map[string]string{"right": right, "revoked": revoked, "wrong": right[:keyLen-1] + "-",
		"unknown": keyPrefix + "aaaaaaaaaa_" + strings.Repeat("A", 43)}
}

func BenchmarkFind(b *testing.B) {
	i, texts := findTexts(b)
	for name, text := range texts {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				i.find(text)
			}
		})
	}
}

// BenchmarkAuthenticate is the whole step, from all processors at once.
func BenchmarkAuthenticate(b *testing.B) {
	state := new(keptInMemory)
	_, secret := state.make(b, Key{Name: "a", Scope: wholeScope})
	for range 1000 {
		k, _, err := NewKey(Key{Name: "other", Scope: wholeScope})
		if err != nil {
			b.Fatal(err)
		}
		state.records.Keys = append(state.records.Keys, k)
	}
	g, _ := keyGateway(b, state, nil)
	b.ReportAllocs()
	b.RunParallel(func(pb *testing.PB) {
		r := httptest.NewRequest("GET", readPath, nil)
		r.Header.Set("Authorization", "Bearer "+secret)
		x := &exchange{g: g, r: r}
		for pb.Next() {
			if no := x.authenticate(); no != nil {
				b.Error(no)
			}
		}
	})
}
