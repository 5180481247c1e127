package gateway

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/openspapi/spapi"
)

// memory is an audit in memory, that can be full.
type memory struct {
	mu      sync.Mutex
	records []Record
	err     error
	refused chan struct{} // has something when a record was refused
}

func (m *memory) Append(_ context.Context, records ...Record) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.err != nil {
		select {
		case m.refused <- struct{}{}:
		default:
		}
		return m.err
	}
	m.records = append(m.records, records...)
	return nil
}

func (m *memory) fail(err error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.err = err
}

func (m *memory) all() []Record {
	m.mu.Lock()
	defer m.mu.Unlock()
	return append([]Record(nil), m.records...)
}

// fixed is a state that doesn't change.
type fixed Records

func (f *fixed) Load(context.Context) (*Records, error) {
	return &Records{Keys: f.Keys, Blocks: f.Blocks}, nil
}

func (f *fixed) Update(context.Context, func(*Records) error) error { return errors.ErrUnsupported }

// fakeAmazon answers for Login with Amazon and SP-API.
type fakeAmazon struct {
	mu     sync.Mutex
	sent   []string              // method and path
	before func(r *http.Request) // when a call of SP-API arrives
	status int                   // -1: no answer
	body   string
}

func (a *fakeAmazon) RoundTrip(r *http.Request) (*http.Response, error) {
	if r.Body != nil {
		_, _ = io.Copy(io.Discard, r.Body)
		_ = r.Body.Close()
	}
	res := &http.Response{StatusCode: http.StatusOK, Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1, Request: r, Header: http.Header{
		"Content-Type": {"application/json"}, "X-Amzn-Requestid": {"0a1b2c3d-request"},
	}}
	body := `{"payload":{}}`
	switch {
	case strings.HasSuffix(r.URL.Path, "/auth/o2/token"):
		body = `{"access_token":"Atza|canary-access","token_type":"bearer","expires_in":3600}`
	case strings.HasSuffix(r.URL.Path, "/restrictedDataToken"):
		body = `{"restrictedDataToken":"Atz.sprdt|canary-restricted","expiresIn":3600}`
	default:
		a.mu.Lock()
		a.sent = append(a.sent, r.Method+" "+r.URL.Path)
		before := a.before
		if a.body != "" {
			body = a.body
		}
		if a.status > 0 {
			res.StatusCode = a.status
		}
		fails := a.status < 0
		a.mu.Unlock()
		if fails {
			return nil, &net.OpError{Op: "read", Err: errors.New("reset")}
		}
		if before != nil {
			before(r)
		}
	}
	res.Body, res.ContentLength = io.NopCloser(strings.NewReader(body)), int64(len(body))
	return res, nil
}

func (a *fakeAmazon) calls() []string {
	a.mu.Lock()
	defer a.mu.Unlock()
	return append([]string(nil), a.sent...)
}

// free is a limiter that lets everything through.
type free struct{}

func (free) Wait(context.Context, spapi.LimitRequest) (spapi.LimitGrant, error) {
	return spapi.LimitGrant{}, nil
}
func (free) Observe(context.Context, spapi.LimitGrant, spapi.LimitReply) error { return nil }

// rig is a gateway with an audit, a log, and keys by name.
type rig struct {
	*Gateway
	amazon *fakeAmazon
	audit  *memory
	log    *logText
	keys   map[string]string
}

func newRig(t *testing.T, c Config) *rig {
	t.Helper()
	r := &rig{amazon: &fakeAmazon{}, audit: &memory{refused: make(chan struct{}, 1)}, log: &logText{}, keys: map[string]string{}}
	state := &fixed{}
	for name, scope := range map[string]Scope{
		"reader": {Accounts: []string{"*"}, Operations: []string{"*"}},
		"writer": {Accounts: []string{"*"}, Operations: []string{"*"}, Write: true},
		"buyers": {Accounts: []string{"*"}, Operations: []string{"*"}, Write: true, PersonalData: true},
	} {
		k, secret, err := NewKey(Key{Name: name, Scope: scope, Account: "de"})
		if err != nil {
			t.Fatal(err)
		}
		state.Keys = append(state.Keys, k)
		r.keys[name] = secret.Reveal()
	}
	if c.Accounts == nil {
		c.Accounts = newShelf("de")
	}
	c.State, c.Logger = state, slog.New(slog.NewTextHandler(r.log, &slog.HandlerOptions{Level: slog.LevelDebug}))
	if c.Audit == nil {
		c.Audit = r.audit
	}
	c.Options = append(c.Options, spapi.WithTransport(r.amazon), spapi.WithLimiter(free{}), spapi.WithRetry(spapi.RetryPolicy{MaxAttempts: 2, BaseDelay: time.Nanosecond}))
	g, err := New(c)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = g.Close() })
	r.Gateway = g
	return r
}

// call sends a request with a key, and returns the answer.
func (r *rig) call(key, method, target string, change ...func(*http.Request)) *httptest.ResponseRecorder {
	var body io.Reader
	if method == http.MethodPost || method == http.MethodPut || method == http.MethodPatch {
		body = strings.NewReader(`{}`)
	}
	req := httptest.NewRequest(method, "http://localhost"+target, body)
	req.Header.Set("Content-Type", "application/json")
	if key != "" {
		req.Header.Set("X-Api-Key", r.keys[key])
	}
	for _, f := range change {
		f(req)
	}
	w := httptest.NewRecorder()
	r.ServeHTTP(w, req)
	return w
}

func (r *rig) metricsText(t *testing.T) string {
	t.Helper()
	w := httptest.NewRecorder()
	r.Metrics().ServeHTTP(w, httptest.NewRequest(http.MethodGet, "/metrics", nil))
	if w.Code != http.StatusOK {
		t.Fatalf("metrics: %d", w.Code)
	}
	return w.Body.String()
}

// closed ends the gateway, so that all is kept.
func (r *rig) closed(t *testing.T) []Record {
	t.Helper()
	if err := r.Close(); err != nil {
		t.Fatal(err)
	}
	return r.audit.all()
}

const (
	recordedPath = "/orders/v0/orders?MarketplaceIds=A1PA6795UKMFR9&CreatedAfter=2026-01-01T00:00:00Z"
	cancelPath   = "/feeds/2021-06-30/feeds/12345"
)

// TestRecords: what was done and what was refused is in the audit, with who, what, for whom and how it ended.
func TestRecords(t *testing.T) {
	at := time.Date(2026, 11, 26, 12, 0, 0, 0, time.UTC)
	r := newRig(t, Config{Now: func() time.Time { return at }})
	agent := func(req *http.Request) {
		req.Header.Set("User-Agent", "Shop/1.2 (Language=PHP; mail=jane@example.com) curl/8.5.0")
	}
	r.call("reader", "GET", recordedPath, agent)
	r.call("writer", "DELETE", cancelPath)
	r.call("reader", "DELETE", cancelPath)
	r.call("buyers", "GET", "/orders/v0/orders/902-3159896-1390916/address")
	r.call("", "GET", recordedPath)
	r.call("reader", "GET", recordedPath, func(req *http.Request) { req.Header.Set("X-Spapi-Account", "fr") })
	r.call("buyers", "GET", "/orders/v9/orders/902-3159896-1390916/jane-doe")
	var got []string
	calls := map[string]int{}
	for _, rec := range r.closed(t) {
		if !rec.Time.Equal(at) || len(rec.Call) != 16 {
			t.Errorf("time %s, call %q", rec.Time, rec.Call)
		}
		calls[rec.Call]++
		key := ""
		if rec.Key != "" {
			key = "+"
		}
		got = append(got, fmt.Sprintf("intent=%t %s%s %s %s write=%t personal=%t %d %s %q %s", rec.Intent, rec.Caller, key, rec.Account, rec.Operation, rec.Write,
			rec.PersonalData, rec.Status, rec.RequestID, rec.Agent, rec.Refused))
	}
	want := []string{
		`intent=false reader+ de ordersv0.getOrders write=false personal=false 200 0a1b2c3d-request "Shop/1.2 curl/8.5.0" `,
		`intent=true writer+ de feeds20210630.cancelFeed write=true personal=false 0  "" `,
		`intent=false writer+ de feeds20210630.cancelFeed write=true personal=false 200 0a1b2c3d-request "" `,
		`intent=true buyers+ de ordersv0.getOrderAddress write=false personal=true 0  "" `,
		`intent=false buyers+ de ordersv0.getOrderAddress write=false personal=true 200 0a1b2c3d-request "" `,
		`intent=false   ordersv0.getOrders write=false personal=false 401  "" credential`,
		`intent=false reader+  ordersv0.getOrders write=false personal=false 403  "" account`,
		`intent=false reader+ de feeds20210630.cancelFeed write=true personal=false 403  "" scope`,
		`intent=true buyers+ de GET /orders/v9/orders/… write=false personal=true 0  "" `,
		`intent=false buyers+ de GET /orders/v9/orders/… write=false personal=true 200 0a1b2c3d-request "" `,
	}
	left := map[string]int{}
	for _, line := range got {
		left[line]++
	}
	for _, line := range want {
		if left[line]--; left[line] < 0 {
			t.Errorf("missing %s", line)
		}
	}
	for line, n := range left {
		if n > 0 {
			t.Errorf("also %s", line)
		}
	}
	for _, n := range calls {
		if n > 2 {
			t.Errorf("one call has %d records", n)
		}
	}
}

// TestIntent: before a write or a call for personal data goes out the audit has it; while it can't, it doesn't go out.
func TestIntent(t *testing.T) {
	for _, c := range []struct {
		policy              AuditPolicy
		read, write, buyers int // statuses while the audit is full
	}{
		{"", 200, 503, 503},
		{AuditSensitive, 200, 503, 503},
		{AuditAll, 503, 503, 503},
		{AuditNone, 200, 200, 200},
	} {
		t.Run(string(c.policy), func(t *testing.T) {
			r := newRig(t, Config{AuditRequired: c.policy})
			send := []func() int{
				func() int { return r.call("reader", "GET", recordedPath).Code },
				func() int { return r.call("writer", "DELETE", cancelPath).Code },
				func() int { return r.call("buyers", "GET", "/orders/v0/orders/902-3159896-1390916/address").Code },
			}
			r.amazon.before = func(req *http.Request) {
				x := req.Context().Value(exchangeKey{}).(*exchange)
				needed := c.policy == AuditAll || c.policy != AuditNone && x.record.Caller != "reader"
				if has := slices.ContainsFunc(r.audit.all(), func(rec Record) bool { return rec.Intent && rec.Call == x.record.Call }); has != needed {
					t.Errorf("a call of %s is sent, with an intent before it: %t, want %t", x.record.Caller, has, needed)
				}
			}
			for i, f := range send {
				if got := f(); got != 200 {
					t.Errorf("call %d: %d", i, got)
				}
			}
			r.amazon.before = nil
			sent := len(r.amazon.calls())
			r.audit.fail(errors.New("no space left on device"))
			r.log.take()
			want := []int{c.read, c.write, c.buyers}
			for i, f := range send {
				if got := f(); got != want[i] {
					t.Errorf("call %d with a full disk: %d, want %d", i, got, want[i])
				}
				if want[i] == 200 {
					sent++
				}
			}
			if got := len(r.amazon.calls()); got != sent {
				t.Errorf("%d calls went out, want %d", got, sent)
			}
			<-r.audit.refused
			r.audit.fail(nil)
			if got := send[1](); got != 200 {
				t.Errorf("with room again: %d", got)
			}
			_ = r.Close()
			log := strings.Join(r.log.take(), "\n")
			if !strings.Contains(log, `level=ERROR msg="gateway: the audit can't be kept"`) || !strings.Contains(log, "no space left on device") ||
				!strings.Contains(log, "the audit is kept again") {
				t.Errorf("log: %s", log)
			}
			if m := r.metricsText(t); strings.Contains(m, "spapi_gateway_audit_failures_total 0\n") {
				t.Error("no failure is counted")
			}
		})
	}
	if _, err := New(Config{Accounts: newShelf("de"), AuditRequired: "some"}); err == nil || !strings.Contains(err.Error(), `"some"`) {
		t.Errorf("a policy that isn't one: %v", err)
	}
}

// TestFlood: who guesses keys fills neither disk nor log, and how often he did is told all the same.
func TestFlood(t *testing.T) {
	var clock steppedClock
	r := newRig(t, Config{Now: clock.now})
	const guesses = 3000
	for range guesses {
		r.call("", "GET", recordedPath)
	}
	clock.move(10 * time.Second)
	r.call("", "GET", recordedPath)
	r.call("", "GET", recordedPath)
	lines := 0
	for _, line := range r.log.take() {
		if strings.Contains(line, "gateway: refused") {
			lines++
		}
	}
	all := r.closed(t)
	sum := 0
	for _, rec := range all {
		sum += 1 + rec.More
	}
	if len(all) > anonymousBurst+5 || sum != guesses+2 || lines > anonymousBurst+5 {
		t.Errorf("%d records for %d of %d requests, %d lines", len(all), sum, guesses+2, lines)
	}
	if m := r.metricsText(t); !strings.Contains(m, fmt.Sprintf(`spapi_gateway_refusals_total{caller="",reason="credential"} %d`, guesses+2)) {
		t.Errorf("metrics don't count all refusals:\n%s", m)
	}
}

// TestClose: what waits for the audit is kept when the gateway ends, and later records at once.
func TestClose(t *testing.T) {
	r := newRig(t, Config{})
	for range 200 {
		r.call("reader", "GET", recordedPath)
	}
	if n := len(r.closed(t)); n != 200 {
		t.Errorf("%d of 200 records", n)
	}
	x := r.begin(httptest.NewRecorder(), httptest.NewRequest("GET", "http://localhost/orders/v0/orders", nil))
	x.record.Caller = "late"
	x.done()
	x.done()
	if all := r.audit.all(); len(all) != 201 || all[200].Caller != "late" {
		t.Errorf("%d records after the end", len(all))
	}
}

// canaries are secrets and buyers' data, as they may come with a request.
var canaries = []string{
	"Jane-Canary-Doe", "jane.canary@example.com", "canary-street", "902-3159896-1390916", "Atza|canary", "Atz.sprdt|canary", "Atzr|canary", "amzn1.oa2-cs.v1.canary",
	"CANARYSIGNATURE", "cAnArY", "canary-value", "+49-170-canary", "canaryquery",
}

// TestCanaries: neither secrets nor buyers' data get into audit, log or metrics, wherever in a request they stand, whether it is answered or refused.
func TestCanaries(t *testing.T) {
	r := newRig(t, Config{LogCalls: true})
	r.amazon.body = `{"payload":{"BuyerName":"Jane-Canary-Doe","BuyerEmail":"jane.canary@example.com"}}`
	plant := func(req *http.Request) {
		h := req.Header
		h.Set("User-Agent", "Shop/1.0 (Jane-Canary-Doe) jane.canary@example.com Atza|canary-x canary-value\u00a0 (a (b) canary-street)")
		h.Set("Cookie", "session=canary-value")
		h.Set("Referer", "https://example.com/?mail=jane.canary@example.com")
		h.Set("X-Forwarded-For", "10.0.0.1, Jane-Canary-Doe")
		h.Set("X-Amz-Date", "canary-value")
		h.Set("X-Request-Id", "Jane-Canary-Doe")
		h.Set("Traceparent", "canary-value")
	}
	targets := []string{
		"/orders/v0/orders?MarketplaceIds=A1PA6795UKMFR9&BuyerEmail=jane.canary@example.com&canaryquery=1&CreatedAfter=canary-value",
		"/orders/v0/orders/902-3159896-1390916", "/orders/v0/orders/902-3159896-1390916/address", "/orders/v9/Jane-Canary-Doe/902-3159896-1390916",
		"/Jane-Canary-Doe", "/Atza%7Ccanary", "/feeds/2021-06-30/feeds/canary-value", "/gateway/documents/canary-value", "/gateway/documents/canary-value?X-Amz-Signature=CANARYSIGNATURE",
		"/tokens/2021-03-01/restrictedDataToken", "/auth/o2/token",
	}
	credentials := map[string]func(h http.Header){
		"reader":  func(h http.Header) { h.Set("X-Api-Key", r.keys["reader"]) },
		"buyers":  func(h http.Header) { h.Set("X-Api-Key", r.keys["buyers"]) },
		"none":    func(http.Header) {},
		"foreign": func(h http.Header) { h.Set("X-Amz-Access-Token", "Atza|canary-token") },
		"near":    func(h http.Header) { h.Set("Authorization", "Bearer spapi_gw_abcdefghij_cAnArY") },
		"two": func(h http.Header) {
			h.Set("X-Api-Key", "Atzr|canary")
			h.Set("X-Amz-Access-Token", "Atz.sprdt|canary")
		},
		"signed": func(h http.Header) {
			h.Set("Authorization", "AWS4-HMAC-SHA256 Credential=canary-value/x, SignedHeaders=host, Signature=CANARYSIGNATURE")
		},
		"priority": func(h http.Header) { h.Set("X-Api-Key", r.keys["reader"]); h.Set("X-Spapi-Priority", "canary-value") },
		"account": func(h http.Header) {
			h.Set("X-Api-Key", r.keys["reader"])
			h.Set("X-Spapi-Account", "Jane-Canary-Doe\x7f")
		},
	}
	body := `{"name":"Jane-Canary-Doe","refresh_token":"Atzr|canary","restrictedResources":[{"path":"/orders/v0/orders/902-3159896-1390916/address"}]}`
	form := "grant_type=refresh_token&client_secret=amzn1.oa2-cs.v1.canary&refresh_token=Atzr%7Ccanary&client_id=canary-value"
	n := 0
	for name, set := range credentials {
		for _, target := range targets {
			for _, method := range []string{"GET", "POST", "PUT", "DELETE", "CANARY-VALUE"} {
				var in io.Reader
				if method != "GET" {
					in = strings.NewReader(body)
					if strings.HasPrefix(target, "/auth") {
						in = strings.NewReader(form)
					}
				}
				req := httptest.NewRequest(method, "http://localhost"+target, in)
				plant(req)
				set(req.Header)
				req.Header.Set("Content-Type", "application/json")
				if strings.HasPrefix(target, "/auth") {
					req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
				}
				for _, status := range []int{0, 400, -1} {
					r.amazon.mu.Lock()
					r.amazon.status = status
					r.amazon.mu.Unlock()
					r.ServeHTTP(httptest.NewRecorder(), req)
				}
				n++
			}
		}
		_ = name
	}
	records, err := json.Marshal(r.closed(t))
	if err != nil {
		t.Fatal(err)
	}
	for what, text := range map[string]string{"audit": string(records), "log": strings.Join(r.log.take(), "\n"), "metrics": r.metricsText(t)} {
		if len(text) < 1000 {
			t.Errorf("%s: only %d bytes of %d requests: %s", what, len(text), n, text)
		}
		for _, c := range append(canaries, r.keys["reader"], r.keys["buyers"], r.keys["writer"]) {
			if i := strings.Index(strings.ToLower(text), strings.ToLower(c)); i >= 0 {
				t.Errorf("%s has %q: …%s…", what, c, text[max(0, i-200):min(len(text), i+100)])
			}
		}
	}
}

// TestLogLevels: who wants to see calls sees them, refusals are seen anyhow, and nothing that a caller sends makes lines.
func TestLogLevels(t *testing.T) {
	for calls, want := range map[bool]string{false: "DEBUG", true: "INFO"} {
		r := newRig(t, Config{LogCalls: calls})
		r.call("reader", "GET", recordedPath, func(req *http.Request) { req.Header.Set("User-Agent", "a/1\nlevel=ERROR msg=injected \x1b[31m") })
		r.call("reader", "DELETE", cancelPath)
		_ = r.Close()
		found := 0
		for _, line := range r.log.take() {
			if strings.Contains(line, "injected") || strings.Contains(line, "\x1b") {
				t.Errorf("a line has what the caller sent: %s", line)
			}
			if strings.Contains(line, `msg="gateway: call"`) && strings.Contains(line, "level="+want) && strings.Contains(line, "operation=ordersv0.getOrders") {
				found++
			}
			if strings.Contains(line, `msg="gateway: refused"`) && strings.Contains(line, "level=INFO") && strings.Contains(line, "refused=scope") {
				found++
			}
		}
		if found != 2 {
			t.Errorf("calls %t: %d lines", calls, found)
		}
	}
}

func TestAgent(t *testing.T) {
	for header, want := range map[string]string{
		"": "", "curl/8.5.0": "curl/8.5.0", "amazon-sp-api/1.1.6 (Language=Node.js/v18; Platform=Linux)": "amazon-sp-api/1.1.6",
		"Repricer/1.2 (Language=Go (1.26); jane@example.com) spapi/0.9": "Repricer/1.2 spapi/0.9", "Mozilla/5.0 (X11) AppleWebKit/537.36": "Mozilla/5.0 AppleWebKit/537.36",
		"jane@example.com": "", "spapi_gw_abcdefghij_0123456789012345678901234567890123456789abc": "", "a\x00b": "", "App/1.0; rm": "", "Shop Jane Doe": "", "ключ/1": "",
		"(unclosed App/1.0": "", "App/v2": "App/v2", "Claude-Code": "", "claude-code/2.0.1": "claude-code/2.0.1", "x/y": "",
	} {
		if got := agentOf(header); got != want {
			t.Errorf("%q: %q, want %q", header, got, want)
		}
	}
	if got := agentOf(strings.Repeat("Name/1.0 ", 1000)); len(got) > maxAgent {
		t.Errorf("%d bytes", len(got))
	}
}

func TestUnknownOperation(t *testing.T) {
	for path, want := range map[string]string{
		"/catalog/v0/items": "GET /catalog/v0/items", "/orders/v9/orders/902-1/buyer": "GET /orders/v9/orders/…", "/": "GET /…", "": "GET /…", "/Jane": "GET /…",
		"/catalog/2030-01-01/Jane": "GET /catalog/2030-01-01/…", "/orders/orders/orders/orders/orders": "GET /orders/orders/orders/orders/…", "//": "GET /…",
	} {
		if got := unknownOperation("GET", path); got != want {
			t.Errorf("%q: %q, want %q", path, got, want)
		}
	}
	if got := unknownOperation("JANE", "/orders"); got != "? /orders" {
		t.Errorf("got %q", got)
	}
}

// FuzzClean: what is kept is bounded, printable, and stays what it is.
func FuzzClean(f *testing.F) {
	f.Add("a\nb", 64)
	f.Add("\xff\u202e\U0001f600é", 5)
	f.Fuzz(func(t *testing.T, s string, bound int) {
		bound = 4 + (bound%200+200)%200
		got := clean(s, bound)
		if len(got) > bound || !utf8.ValidString(got) || clean(got, bound) != got {
			t.Errorf("%q (%d): %q", s, bound, got)
		}
		for _, r := range got {
			if !unicode.IsPrint(r) {
				t.Errorf("%q has %q", got, r)
			}
		}
	})
}

// steppedClock is a clock that stands still until it is moved. Accounts are read in the background, by its time.
type steppedClock struct{ past atomic.Int64 }

func (c *steppedClock) now() time.Time {
	return time.Date(2026, 11, 26, 12, 0, 0, 0, time.UTC).Add(time.Duration(c.past.Load()))
}

func (c *steppedClock) move(d time.Duration) { c.past.Add(int64(d)) }

// TestHealth: alive whatever is wrong, ready when calls can be served, and not while draining. Nothing of the causes is told to whoever asks.
func TestHealth(t *testing.T) {
	store := newShelf("de")
	var clock steppedClock
	r := newRig(t, Config{Accounts: store, Now: clock.now})
	ask := func(h http.Handler) (int, string) {
		w := httptest.NewRecorder()
		h.ServeHTTP(w, httptest.NewRequest("GET", "/readyz", nil))
		if ct := w.Header().Get("Content-Type"); ct != "application/json" || !json.Valid(bytes.TrimSpace(w.Body.Bytes())) {
			t.Errorf("%s %s", ct, w.Body)
		}
		return w.Code, w.Body.String()
	}
	want := func(status int, parts ...string) {
		t.Helper()
		clock.move(2 * time.Second)
		code, body := ask(r.Ready())
		for _, p := range parts {
			if !strings.Contains(body, p) {
				t.Errorf("no %s in %s", p, body)
			}
		}
		if code != status || strings.Contains(body, "cAnArY") {
			t.Errorf("%d %s, want %d", code, body, status)
		}
		if code, _ := ask(r.Health()); code != http.StatusOK {
			t.Errorf("alive: %d", code)
		}
	}
	want(200, `"status":"ready"`, `{"name":"accounts","ok":true}`, `{"name":"keys","ok":true}`, `{"name":"audit","ok":true}`, `{"name":"draining","ok":true}`)
	r.audit.fail(errors.New("disk cAnArY is full"))
	r.call("writer", "DELETE", cancelPath)
	want(503, `{"name":"audit","ok":false,"reason":"the audit can't be kept"}`)
	clock.move(time.Minute) // without calls nobody knows better
	want(200)
	r.audit.fail(nil)
	r.Drain()
	want(503, `{"name":"draining","ok":false`, `"status":"not ready"`)
	if code := r.call("reader", "GET", recordedPath).Code; code != 200 {
		t.Errorf("a call while draining: %d", code)
	}

	broken := newShelf("de")
	broken.err = errors.New("secret cAnArY")
	other := newRig(t, Config{Accounts: broken})
	if code, body := ask(other.Ready()); code != 503 || !strings.Contains(body, "the accounts can't be read") || strings.Contains(body, "cAnArY") {
		t.Errorf("without accounts: %d %s", code, body)
	}
}
