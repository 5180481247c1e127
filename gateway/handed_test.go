package gateway

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"maps"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/openspapi/spapi"
	"github.com/openspapi/spapi/accounts"
	"github.com/openspapi/spapi/emulator"
)

// handed is a gateway before an emulator, with what it keeps and says at hand. Its clock is the emulator's.
type handed struct {
	t     *testing.T
	emu   *emulator.Emulator
	g     *Gateway
	state *memoryState
	keys  map[string]string // secrets by name
	log   *lockedBuffer
	audit *memoryAudit
}

// A handedOption changes how it is made.
type handedOption func(*Config, *emulator.Emulator)

// newHanded has two accounts, "shop" and "other", and three keys: "reader" (reads of shop), "writer" (shop, writes too), "clerk" (all accounts, all it may).
func newHanded(t *testing.T, options ...handedOption) *handed {
	t.Helper()
	emu, err := emulator.New(emulator.WithFixedTime(time.Date(2026, 3, 2, 12, 0, 0, 0, time.UTC)), emulator.WithOrders(40), emulator.WithoutLimits())
	if err != nil {
		t.Fatal(err)
	}
	second, err := emu.AddAccount(emulator.AccountConfig{})
	if err != nil {
		t.Fatal(err)
	}
	h := &handed{t: t, emu: emu, state: new(memoryState), keys: map[string]string{}, log: new(lockedBuffer), audit: new(memoryAudit)}
	store := memoryAccounts{list: map[string]emulator.Credentials{"shop": emu.Credentials(), "other": second}}
	all := []string{"*"}
	h.addKey("reader", Key{Scope: Scope{Accounts: []string{"shop"}, Operations: all}})
	h.addKey("writer", Key{Scope: Scope{Accounts: []string{"shop"}, Operations: all, Write: true}})
	h.addKey("clerk", Key{Scope: Scope{Accounts: all, Operations: all, Write: true, PersonalData: true}, Account: "shop"})
	config := Config{
		Accounts: store, State: h.state, Secret: bytes.Repeat([]byte{7}, 32), Now: emu.Now, Audit: h.audit, LogCalls: true,
		Logger:  slog.New(slog.NewTextHandler(h.log, &slog.HandlerOptions{Level: slog.LevelDebug})),
		Options: []spapi.Option{spapi.WithTransport(emu), spapi.WithRetry(spapi.RetryPolicy{MaxAttempts: 1}), spapi.WithLimiter(noLimits{})},
	}
	for _, o := range options {
		o(&config, emu)
	}
	if h.g, err = New(config); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = h.g.Close() })
	return h
}

func (h *handed) addKey(name string, k Key) {
	k.Name = name
	key, secret, err := NewKey(k)
	if err != nil {
		h.t.Fatal(err)
	}
	h.keys[name] = secret.Reveal()
	_ = h.state.Update(h.t.Context(), func(r *Records) error { r.Keys = append(r.Keys, key); return nil })
	if h.g != nil {
		h.reload()
	}
}

func (h *handed) reload() {
	if err := h.g.Reload(h.t.Context()); err != nil {
		h.t.Fatal(err)
	}
}

// do sends a request to the gateway. headers are pairs.
func (h *handed) do(method, target, body string, headers ...string) *httptest.ResponseRecorder {
	h.t.Helper()
	return serveHanded(h.g, method, target, body, headers...)
}

func serveHanded(g *Gateway, method, target, body string, headers ...string) *httptest.ResponseRecorder {
	u, err := url.Parse(target)
	if err == nil && u.Host != "" {
		target = u.RequestURI()
	}
	r := httptest.NewRequest(method, target, strings.NewReader(body))
	r.Host = "127.0.0.1:8484"
	r.RemoteAddr = "127.0.0.1:1234"
	for i := 0; i+1 < len(headers); i += 2 {
		r.Header.Add(headers[i], headers[i+1])
	}
	w := httptest.NewRecorder()
	func() {
		defer func() {
			if p := recover(); p != nil && p != http.ErrAbortHandler {
				panic(p)
			} else if p != nil {
				w.Code = -1 // cut off
			}
		}()
		g.ServeHTTP(w, r)
	}()
	return w
}

// as sends a call with a key.
func (h *handed) as(key, method, target, body string, headers ...string) *httptest.ResponseRecorder {
	h.t.Helper()
	return h.do(method, target, body, append([]string{"X-Api-Key", cmp.Or(h.keys[key], key)}, headers...)...)
}

// login gets a token for a key.
func (h *handed) login(key, account string) string {
	h.t.Helper()
	form := url.Values{"grant_type": {"refresh_token"}, "client_id": {"any"}, "client_secret": {h.keys[key]}, "refresh_token": {account}}
	w := h.do("POST", tokenEndpoint, form.Encode(), "Content-Type", "application/x-www-form-urlencoded")
	var g granted
	if err := json.Unmarshal(w.Body.Bytes(), &g); err != nil || w.Code != 200 {
		h.t.Fatalf("token endpoint: %d %s", w.Code, w.Body)
	}
	return g.AccessToken
}

const tokenEndpoint = "/auth/o2/token"

// field reads a member of a JSON answer.
func field[T any](t *testing.T, body []byte, path ...string) (v T) {
	t.Helper()
	for _, name := range path {
		var object map[string]json.RawMessage
		if err := json.Unmarshal(body, &object); err != nil {
			t.Fatalf("%v in %.300s: %v", path, body, err)
		}
		body = object[name]
	}
	if body != nil {
		if err := json.Unmarshal(body, &v); err != nil {
			t.Fatalf("%v: %v", path, err)
		}
	}
	return v
}

// wants fails unless an answer has the status, and its body the text.
func wants(t *testing.T, w *httptest.ResponseRecorder, status int, text string) {
	t.Helper()
	if w.Code != status || !strings.Contains(w.Body.String(), text) {
		t.Fatalf("got %d %.600s, want %d %q", w.Code, w.Body, status, text)
	}
}

// tells is all that the gateway has said to anyone but callers.
func (h *handed) tells() string {
	w := httptest.NewRecorder()
	h.g.Metrics().ServeHTTP(w, httptest.NewRequest("GET", "/metrics", nil))
	_ = h.g.Close() // what waits for the audit is kept
	return h.log.String() + h.audit.String() + w.Body.String()
}

// noLimits lets all calls go.
type noLimits struct{}

func (noLimits) Wait(context.Context, spapi.LimitRequest) (spapi.LimitGrant, error) {
	return spapi.LimitGrant{}, nil
}

func (noLimits) Observe(context.Context, spapi.LimitGrant, spapi.LimitReply) error { return nil }

type memoryState struct {
	mu      sync.Mutex
	records Records
}

func (s *memoryState) Load(context.Context) (*Records, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return &Records{Keys: slices.Clone(s.records.Keys), Blocks: slices.Clone(s.records.Blocks)}, nil
}

func (s *memoryState) Update(_ context.Context, change func(*Records) error) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	return change(&s.records)
}

type memoryAudit struct {
	mu      sync.Mutex
	records []Record
}

func (a *memoryAudit) Append(_ context.Context, records ...Record) error {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.records = append(a.records, records...)
	return nil
}

func (a *memoryAudit) String() string {
	a.mu.Lock()
	defer a.mu.Unlock()
	return fmt.Sprintf("%+v", a.records)
}

// of returns the finished records of an operation.
func (a *memoryAudit) of(operation string) (found []Record) {
	a.mu.Lock()
	defer a.mu.Unlock()
	for _, r := range a.records {
		if r.Operation == operation && !r.Intent {
			found = append(found, r)
		}
	}
	return found
}

type lockedBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (b *lockedBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.Write(p)
}

func (b *lockedBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.String()
}

// memoryAccounts are the sellers of an emulator.
type memoryAccounts struct {
	accounts.Store
	list map[string]emulator.Credentials
}

func (m memoryAccounts) Get(_ context.Context, name string) (accounts.Account, error) {
	c, ok := m.list[name]
	if !ok {
		return accounts.Account{}, &accounts.Error{Op: "get", Name: name, Store: "memory", Err: accounts.ErrNotFound}
	}
	return accounts.Account{Name: name, SellingPartnerID: c.SellerID, Region: c.Region, ClientID: c.ClientID, RefreshToken: spapi.NewSecret(c.RefreshToken)}, nil
}

func (m memoryAccounts) List(ctx context.Context) (list []accounts.Account, err error) {
	for _, name := range slices.Sorted(maps.Keys(m.list)) {
		a, _ := m.Get(ctx, name)
		list = append(list, a)
	}
	return list, nil
}

func (m memoryAccounts) Default(context.Context) (string, error) { return "shop", nil }

func (m memoryAccounts) Application(context.Context, string) (accounts.Application, error) {
	c := m.list["shop"]
	return accounts.Application{ClientID: c.ClientID, ClientSecret: spapi.NewSecret(c.ClientSecret)}, nil
}

func (m memoryAccounts) Applications(ctx context.Context) ([]accounts.Application, error) {
	a, err := m.Application(ctx, "")
	return []accounts.Application{a}, err
}

func (m memoryAccounts) String() string { return "memory" }

// through puts something between the gateway and Amazon.
func through(f func(r *http.Request, next http.RoundTripper) (*http.Response, error)) handedOption {
	return func(c *Config, emu *emulator.Emulator) {
		c.Options[0] = spapi.WithTransport(roundTripper(func(r *http.Request) (*http.Response, error) { return f(r, emu) }))
	}
}

type roundTripper func(*http.Request) (*http.Response, error)

func (f roundTripper) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

// answers makes an answer of Amazon's.
func answers(r *http.Request, status int, body string, headers ...string) *http.Response {
	res := &http.Response{StatusCode: status, Status: http.StatusText(status), Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1, Header: http.Header{},
		Body: io.NopCloser(strings.NewReader(body)), ContentLength: int64(len(body)), Request: r}
	res.Header.Set("Content-Type", "application/json")
	for i := 0; i+1 < len(headers); i += 2 {
		res.Header.Set(headers[i], headers[i+1])
	}
	return res
}

// tick is how far the clock is moved while a report is made.
const tick = 30 * time.Second
