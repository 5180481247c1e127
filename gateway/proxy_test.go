package gateway

import (
	"bufio"
	"bytes"
	"compress/gzip"
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
	"strconv"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/openspapi/spapi"
	"github.com/openspapi/spapi/accounts"
	"github.com/openspapi/spapi/marketplace"
)

// Canaries: nothing but Amazon may see them.
const (
	canaryClientID     = "amzn1.application-oa2-client.0123456789abcdef0123456789abcdef"
	canaryClientSecret = "amzn1.oa2-cs.v1.5ecre7canary00000000000000000000000000000000000000000000000000"
	canaryRefreshToken = "Atzr|IwEBrefreshCANARYrefreshCANARY"
	canaryAccessToken  = "Atza|IwEBaccessCANARYaccessCANARY"
	canaryRestricted   = "Atz.sprdt|IwEBrestrictedCANARY"
)

// oneAccount is a store with one account, shop-na.
type oneAccount struct {
	accounts.Store
	account accounts.Account
}

func (s oneAccount) Get(_ context.Context, name string) (accounts.Account, error) {
	if name != s.account.Name {
		return accounts.Account{}, &accounts.Error{Op: "get", Store: "test", Err: accounts.ErrNotFound}
	}
	return s.account, nil
}

func (s oneAccount) List(context.Context) ([]accounts.Account, error) {
	return []accounts.Account{s.account}, nil
}

func (s oneAccount) Default(context.Context) (string, error) { return s.account.Name, nil }

func (s oneAccount) Application(_ context.Context, id string) (accounts.Application, error) {
	return accounts.Application{ClientID: id, ClientSecret: spapi.NewSecret(canaryClientSecret)}, nil
}

func (s oneAccount) Applications(ctx context.Context) ([]accounts.Application, error) {
	app, err := s.Application(ctx, s.account.ClientID)
	return []accounts.Application{app}, err
}

func (s oneAccount) String() string { return "test" }

// proxiedAmazon stands in for Amazon: it notes what reaches it. Tokens don't count.
type proxiedAmazon struct {
	answer http.HandlerFunc // nil: 200 {}

	mu   sync.Mutex
	seen []seen
}

// seen is a request that has reached Amazon.
type seen struct {
	method, target, host string
	header               http.Header
	body                 string
	length               int64
}

func (a *proxiedAmazon) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if r.URL.Path == tokenPath {
		w.Header().Set("Content-Type", "application/json")
		_, _ = io.WriteString(w, `{"access_token":"`+canaryAccessToken+`","token_type":"bearer","expires_in":3600}`)
		return
	}
	if r.URL.Path == "/tokens/2021-03-01/restrictedDataToken" {
		_, _ = io.WriteString(w, `{"restrictedDataToken":"`+canaryRestricted+`","expiresIn":3600}`)
		return
	}
	var body bytes.Buffer
	if r.Method != http.MethodGet && r.Header.Get("X-Amzn-Unread") == "" {
		if _, err := body.ReadFrom(r.Body); err != nil {
			panic(http.ErrAbortHandler) // it broke off
		}
	}
	a.mu.Lock()
	a.seen = append(a.seen, seen{r.Method, r.RequestURI, r.Host, r.Header.Clone(), body.String(), r.ContentLength})
	a.mu.Unlock()
	w.Header().Set("X-Amzn-Requestid", "11111111-2222-3333-4444-555555555555")
	if a.answer != nil {
		r.Body = io.NopCloser(&body)
		a.answer(w, r)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	_, _ = io.WriteString(w, "{}\n")
}

func (a *proxiedAmazon) requests() []seen {
	a.mu.Lock()
	defer a.mu.Unlock()
	return slices.Clone(a.seen)
}

// inMemory is a transport that asks a handler, without a network: for tests by a virtual clock.
type inMemory struct{ http.Handler }

func (h inMemory) RoundTrip(req *http.Request) (res *http.Response, err error) {
	defer func() {
		if recover() != nil {
			res, err = nil, io.ErrUnexpectedEOF
		}
	}()
	if err := req.Context().Err(); err != nil {
		return nil, err
	}
	w := httptest.NewRecorder()
	in := req.Clone(req.Context())
	in.RequestURI, in.Host = req.URL.RequestURI(), req.URL.Host
	if in.Body == nil {
		in.Body = http.NoBody
	}
	h.ServeHTTP(w, in)
	if err := req.Context().Err(); err != nil {
		return nil, err
	}
	if req.Body != nil {
		_ = req.Body.Close()
	}
	res = w.Result()
	res.Request = req
	return res, nil
}

var everything = Scope{Accounts: []string{"*"}, Operations: []string{"*"}, Write: true, PersonalData: true}

// newGateway makes a gateway whose Amazon is at an address, or, where that is "", the handler itself.
func newGateway(t testing.TB, a http.Handler, address string, change func(*Config)) *Gateway {
	t.Helper()
	store := oneAccount{account: accounts.Account{Name: "shop-na", SellingPartnerID: "A1SELLER", Region: marketplace.NorthAmerica, ClientID: canaryClientID,
		RefreshToken: spapi.NewSecret(canaryRefreshToken)}}
	c := Config{Accounts: store, Local: everything, Logger: slog.New(slog.DiscardHandler)}
	if address != "" {
		store.account.Endpoint, store.account.TokenURL = address, address+tokenPath
		c.Accounts = store
		transport := spapi.NewTransport()
		t.Cleanup(transport.CloseIdleConnections)
		c.Options = []spapi.Option{spapi.WithTransport(transport)}
	} else {
		c.Options = []spapi.Option{spapi.WithTransport(inMemory{a})}
	}
	if change != nil {
		change(&c)
	}
	g, err := New(c)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = g.Close() })
	return g
}

// withKey gives a gateway a key that opens everything.
func withKey(t testing.TB, c *Config) (secret string) {
	t.Helper()
	state := NewFolder(t.TempDir())
	key, text, err := NewKey(Key{Name: "shop-app", Scope: everything, Created: time.Now()})
	if err != nil {
		t.Fatal(err)
	}
	if err := state.Update(t.Context(), func(r *Records) error {
		r.Keys = append(r.Keys, key)
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	c.State, c.Local = state, Scope{}
	return text.Reveal()
}

// serve has a gateway listen on loopback, before an Amazon on loopback.
func serve(t testing.TB, a *proxiedAmazon, change func(*Config)) (g *Gateway, address string) {
	t.Helper()
	backend := httptest.NewServer(a)
	t.Cleanup(backend.Close)
	g = newGateway(t, a, backend.URL, change)
	return g, listen(t, g)
}

func listen(t testing.TB, g *Gateway) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	srv := g.Server()
	done := make(chan struct{})
	go func() {
		_ = srv.Serve(l)
		close(done)
	}()
	t.Cleanup(func() {
		_ = srv.Close()
		<-done
	})
	return "http://" + l.Addr().String()
}

// caller is a client that keeps no connection.
func newCaller(t testing.TB) *http.Client {
	transport := &http.Transport{DisableCompression: true}
	t.Cleanup(transport.CloseIdleConnections)
	return &http.Client{Transport: transport}
}

func do(t testing.TB, method, url string, body io.Reader, header ...string) (*http.Response, string) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), method, url, body)
	if err != nil {
		t.Fatal(err)
	}
	for i := 0; i < len(header); i += 2 {
		req.Header.Add(header[i], header[i+1])
	}
	res, err := newCaller(t).Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	text, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatal(err)
	}
	return res, string(text)
}

// askProxy calls the handler without a network.
func askProxy(g *Gateway, method, target string, body io.Reader, header ...string) *httptest.ResponseRecorder {
	return askCtx(context.Background(), g, method, target, body, header...)
}

func askCtx(ctx context.Context, g *Gateway, method, target string, body io.Reader, header ...string) *httptest.ResponseRecorder {
	r := httptest.NewRequestWithContext(ctx, method, target, body)
	r.Host = "127.0.0.1:8484"
	for i := 0; i < len(header); i += 2 {
		r.Header.Add(header[i], header[i+1])
	}
	w := httptest.NewRecorder()
	g.ServeHTTP(w, r)
	return w
}

const shownPath = "/orders/v0/orders?MarketplaceIds=ATVPDKIKX0DER&CreatedAfter=2026-01-01T00%3A00%3A00Z"

// plainPath is that of an operation without personal data, whose answers aren't kept.
const plainPath = "/listings/2021-08-01/items/A1SELLER/SKU?marketplaceIds=ATVPDKIKX0DER"

func TestForward(t *testing.T) {
	a := &proxiedAmazon{answer: func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		w.Header().Set("X-Amzn-Ratelimit-Limit", "0.0167")
		_, _ = io.WriteString(w, `{"payload":{}}`)
	}}
	_, address := serve(t, a, nil)
	res, text := do(t, "GET", address+shownPath, nil)
	if res.StatusCode != 200 || text != `{"payload":{}}` {
		t.Fatalf("%d %s", res.StatusCode, text)
	}
	for name, want := range map[string]string{
		"X-Spapi-Operation": "ordersv0.getOrders", "X-Spapi-Attempts": "1", "X-Spapi-Limit-Rate": "0.0167", "X-Spapi-Limit-Burst": "20",
		"X-Spapi-Limit-Remaining": "19", "X-Amzn-Requestid": "11111111-2222-3333-4444-555555555555", "Content-Length": "14", "X-Amzn-Ratelimit-Limit": "0.0167",
	} {
		if got := res.Header.Get(name); got != want {
			t.Errorf("%s: %q, want %q", name, got, want)
		}
	}
	sent := a.requests()[0]
	if sent.target != shownPath || sent.header.Get("X-Amz-Access-Token") != canaryRestricted {
		t.Errorf("sent %s %v", sent.target, sent.header)
	}
}

// TestBodies: small bodies are repeated, long ones are sent as they come, once, and what Amazon gets is what was sent.
func TestBodies(t *testing.T) {
	for _, c := range []struct {
		size     int
		chunked  bool
		attempts int
	}{
		{0, false, 2}, {1, false, 2}, {maxRepeated, false, 2}, {maxRepeated + 1, false, 1}, {5 << 20, false, 1},
		{0, true, 2}, {1, true, 2}, {maxRepeated, true, 2}, {maxRepeated + 1, true, 1}, {5 << 20, true, 1},
	} {
		t.Run(fmt.Sprintf("%d chunked=%v", c.size, c.chunked), func(t *testing.T) {
			a := new(proxiedAmazon)
			a.answer = func(w http.ResponseWriter, r *http.Request) {
				if len(a.requests()) == 1 && c.attempts > 1 {
					w.WriteHeader(http.StatusServiceUnavailable)
				}
			}
			g, address := serve(t, a, nil)
			text := strings.Repeat("0123456789abcdef", c.size/16+1)[:c.size]
			var body io.Reader = strings.NewReader(text)
			if c.chunked {
				body = io.MultiReader(body)
			}
			res, _ := do(t, "PUT", address+"/listings/2021-08-01/items/S/SKU?marketplaceIds=ATVPDKIKX0DER", body, "Content-Type", "application/json")
			sent := a.requests()
			if res.StatusCode != 200 || len(sent) != c.attempts {
				t.Fatalf("%d after %d attempts, want 200 after %d", res.StatusCode, len(sent), c.attempts)
			}
			for _, s := range sent {
				if s.body != text {
					t.Errorf("Amazon got %d bytes, want %d", len(s.body), len(text))
				}
				if want := int64(c.size); s.length != want && !(c.chunked && c.size > maxRepeated && s.length == -1) {
					t.Errorf("Content-Length %d, want %d", s.length, want)
				}
			}
			if kept := g.kept.Load(); kept != 0 {
				t.Errorf("%d bytes are counted as kept after the call", kept)
			}
		})
	}
}

// TestTooManyKept: beyond what all calls may keep together bodies are sent as they come.
func TestTooManyKept(t *testing.T) {
	a := new(proxiedAmazon)
	g, address := serve(t, a, nil)
	g.kept.Store(maxKept)
	res, _ := do(t, "PUT", address+"/a/b/c", strings.NewReader("small"))
	if sent := a.requests(); res.StatusCode != 200 || len(sent) != 1 || sent[0].body != "small" {
		t.Errorf("%d, Amazon got %+v", res.StatusCode, sent)
	}
	if kept := g.kept.Load(); kept != maxKept {
		t.Errorf("%d bytes are counted as kept, want %d", kept, maxKept)
	}
}

// TestStreams: what Amazon sends arrives before it has sent all.
func TestStreams(t *testing.T) {
	for _, length := range []string{"", "10"} {
		more := make(chan struct{})
		a := &proxiedAmazon{answer: func(w http.ResponseWriter, r *http.Request) {
			if length != "" {
				w.Header().Set("Content-Length", length)
			}
			_, _ = io.WriteString(w, "first")
			_ = http.NewResponseController(w).Flush()
			<-more
			_, _ = io.WriteString(w, "after")
		}}
		_, address := serve(t, a, nil)
		req, _ := http.NewRequestWithContext(t.Context(), "GET", address+"/a/b/c", nil)
		res, err := newCaller(t).Do(req)
		if err != nil {
			t.Fatal(err)
		}
		defer res.Body.Close()
		var five [5]byte
		if _, err := io.ReadFull(res.Body, five[:]); err != nil || string(five[:]) != "first" {
			t.Fatalf("%q %v", five, err)
		}
		close(more)
		if rest, err := io.ReadAll(res.Body); err != nil || string(rest) != "after" {
			t.Errorf("%q %v", rest, err)
		}
	}
}

// TestUploadStreams: what the caller sends of a long body reaches Amazon before all of it is there.
func TestUploadStreams(t *testing.T) {
	arrived := make(chan struct{})
	a := new(proxiedAmazon)
	backend := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == tokenPath {
			a.ServeHTTP(w, r)
			return
		}
		_, _ = io.ReadFull(r.Body, make([]byte, 1<<20))
		close(arrived)
		n, _ := io.Copy(io.Discard, r.Body)
		_, _ = fmt.Fprint(w, n)
	}))
	defer backend.Close()
	address := listen(t, newGateway(t, a, backend.URL, nil))
	in, out := io.Pipe()
	go func() {
		_, _ = out.Write(make([]byte, 2<<20))
		<-arrived
		_, _ = out.Write(make([]byte, 1<<20))
		_ = out.Close()
	}()
	if res, text := do(t, "POST", address+"/a/b/c", in); res.StatusCode != 200 || text != strconv.Itoa(2<<20) {
		t.Errorf("%d %s", res.StatusCode, text)
	}
}

// TestCut: an answer that is cut is cut for the caller, too.
func TestCut(t *testing.T) {
	for name, answer := range map[string]string{
		"with length": "HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n{\"payload\":",
		"in chunks":   "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nb\r\n{\"payload\":\r\n",
	} {
		for _, path := range []string{"/a/b/c", "/catalog/2022-04-01/items/B000000001?marketplaceIds=ATVPDKIKX0DER"} {
			t.Run(name+path, func(t *testing.T) {
				a := &proxiedAmazon{answer: func(w http.ResponseWriter, _ *http.Request) {
					conn, _, err := http.NewResponseController(w).Hijack()
					if err == nil {
						_, _ = io.WriteString(conn, answer)
						_ = conn.Close()
					}
				}}
				_, address := serve(t, a, nil)
				req, _ := http.NewRequestWithContext(t.Context(), "GET", address+path, nil)
				res, err := newCaller(t).Do(req)
				if err != nil {
					return // nothing had come
				}
				defer res.Body.Close()
				if text, err := io.ReadAll(res.Body); err == nil && res.StatusCode < 500 {
					t.Errorf("%d %q is a whole answer", res.StatusCode, text)
				}
			})
		}
	}
}

func TestHead(t *testing.T) {
	a := &proxiedAmazon{answer: func(w http.ResponseWriter, r *http.Request) { w.Header().Set("Content-Length", "1234") }}
	_, address := serve(t, a, nil)
	res, text := do(t, "HEAD", address+"/orders/v0/orders", nil)
	if res.StatusCode != 200 || res.ContentLength != 1234 || text != "" || a.requests()[0].method != "HEAD" {
		t.Errorf("%d %d %q %+v", res.StatusCode, res.ContentLength, text, a.requests())
	}
	if got := res.Header.Get("X-Spapi-Operation"); got != "ordersv0.getOrders" {
		t.Errorf("operation %q: whoever may not GET may not HEAD", got)
	}
}

// TestCompressed: the chain asks for compressed answers and unpacks them; the caller gets them plain, whatever it accepts.
func TestCompressed(t *testing.T) {
	plain := strings.Repeat(`{"payload":{}}`, 100)
	a := &proxiedAmazon{answer: func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Accept-Encoding") != "gzip" {
			t.Errorf("Accept-Encoding %q", r.Header.Get("Accept-Encoding"))
		}
		w.Header().Set("Content-Encoding", "gzip")
		z := gzip.NewWriter(w)
		_, _ = io.WriteString(z, plain)
		_ = z.Close()
	}}
	_, address := serve(t, a, nil)
	for _, accept := range []string{"", "gzip", "br, gzip;q=0.5", "identity"} {
		res, text := do(t, "GET", address+shownPath, nil, "Accept-Encoding", accept)
		if text != plain || res.Header.Get("Content-Encoding") != "" {
			t.Errorf("Accept-Encoding %q: %s, %d bytes, want %d", accept, res.Header.Get("Content-Encoding"), len(text), len(plain))
		}
		if res.ContentLength >= 0 && res.ContentLength != int64(len(plain)) {
			t.Errorf("Content-Length %d", res.ContentLength)
		}
	}
}

func TestTrailers(t *testing.T) {
	a := &proxiedAmazon{answer: func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Trailer", "X-Checksum, Set-Cookie")
		_, _ = io.WriteString(w, "text")
		_ = http.NewResponseController(w).Flush()
		w.Header().Set("X-Checksum", "abc")
		w.Header().Set("Set-Cookie", "a=b")
	}}
	_, address := serve(t, a, nil)
	res, text := do(t, "GET", address+"/a/b/c", nil)
	if text != "text" || res.Trailer.Get("X-Checksum") != "abc" || res.Trailer.Get("Set-Cookie") != "" {
		t.Errorf("%q %v", text, res.Trailer)
	}
}

// TestContinue: who asks whether to send a body is told to only when it is wanted.
func TestContinue(t *testing.T) {
	_, address := serve(t, new(proxiedAmazon), nil)
	for _, c := range []struct{ head, want string }{
		{"POST /a/b/c HTTP/1.1\r\nHost: localhost\r\nExpect: 100-continue\r\nContent-Length: 4\r\n\r\n", "HTTP/1.1 100 Continue\r\n"},
		{"POST /a//c HTTP/1.1\r\nHost: localhost\r\nExpect: 100-continue\r\nContent-Length: 4\r\n\r\n", "HTTP/1.1 400 Bad Request\r\n"},
		{"POST /a/b/c HTTP/1.1\r\nHost: localhost\r\nExpect: 100-continue\r\nContent-Length: 99999999\r\n\r\n", "HTTP/1.1 413 Request Entity Too Large\r\n"},
		{"POST /a/b/c HTTP/1.1\r\nHost: localhost\r\nExpect: miracles\r\nContent-Length: 4\r\n\r\n", "HTTP/1.1 417 Expectation Failed\r\n"},
	} {
		conn := dial(t, address)
		_, _ = io.WriteString(conn, c.head)
		r := bufio.NewReader(conn)
		if line, err := r.ReadString('\n'); line != c.want {
			t.Errorf("%q %v, want %q", line, err, c.want)
		} else if strings.Contains(line, "100") {
			_, _ = io.WriteString(conn, "body")
			_, _ = r.ReadString('\n')
			if line, err = r.ReadString('\n'); line != "HTTP/1.1 200 OK\r\n" {
				t.Errorf("%q %v", line, err)
			}
		}
	}
}

func dial(t testing.TB, address string) net.Conn {
	t.Helper()
	conn, err := net.Dial("tcp", strings.TrimPrefix(address, "http://"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	return conn
}

// TestFailFast: a 429 comes only to those who asked to fail fast, and who comes back after its Retry-After is served.
func TestFailFast(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := new(proxiedAmazon)
		g := newGateway(t, a, "", nil)
		const path = "/reports/2021-06-30/reports?nextToken=x" // 0.0222 a second, burst 10
		for i := range 10 {
			if w := askProxy(g, "GET", path, nil, headerFailFast, "true"); w.Code != 200 {
				t.Fatalf("call %d: %d %s", i, w.Code, w.Body)
			}
		}
		w := askProxy(g, "GET", path, nil, headerFailFast, "true")
		if h := w.Header(); w.Code != 429 || h.Get("X-Spapi-Error") != "limit" || h.Get("X-Spapi-Attempts") != "0" || h.Get("X-Spapi-Limit-Remaining") != "0" {
			t.Fatalf("%d %v %s", w.Code, w.Header(), w.Body)
		}
		after, err := strconv.Atoi(w.Header().Get("Retry-After"))
		if err != nil || after < 1 || after > 46 {
			t.Fatalf("Retry-After %q", w.Header().Get("Retry-After"))
		}
		time.Sleep(time.Duration(after-1) * time.Second)
		if w := askProxy(g, "GET", path, nil, headerFailFast, "true"); w.Code != 429 {
			t.Errorf("%d a second before Retry-After: it says more than is true", w.Code)
		}
		time.Sleep(time.Second)
		if w := askProxy(g, "GET", path, nil, headerFailFast, "true"); w.Code != 200 {
			t.Errorf("%d after Retry-After: %s", w.Code, w.Body)
		}
		begun := time.Now()
		if w := askProxy(g, "GET", path, nil, headerFailFast, "60"); w.Code != 200 || time.Since(begun) < 40*time.Second {
			t.Errorf("%d after %s, with a minute to wait", w.Code, time.Since(begun))
		}
		if w := askProxy(g, "GET", path, nil); w.Code != 200 {
			t.Errorf("%d without fail-fast: %s", w.Code, w.Body)
		}
	})
}

// TestDeadline: a call whose limit outlasts its deadline is refused at once, with when it may come again.
func TestDeadline(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := new(proxiedAmazon)
		g := newGateway(t, a, "", nil)
		const path = "/reports/2021-06-30/reports?nextToken=x"
		for range 10 {
			askProxy(g, "GET", path, nil)
		}
		begun := time.Now()
		for _, header := range [][]string{
			{headerTimeout, "10"}, {headerTimeout, "10s"}, {headerDeadline, begun.Add(10 * time.Second).UTC().Format(time.RFC3339)}, {headerDeadline, strconv.FormatInt(begun.Unix()+10, 10)},
		} {
			w := askProxy(g, "GET", path, nil, header...)
			if w.Code != 504 || w.Header().Get("X-Spapi-Error") != "limit-deadline" || w.Header().Get("Retry-After") == "" || time.Since(begun) != 0 {
				t.Errorf("%v: %d %v %s after %s", header, w.Code, w.Header(), w.Body, time.Since(begun))
			}
		}
	})
}

// TestThrottled: a 429 of Amazon's is waited out while there is time, whatever the retry policy; at the end it is a 503, or for callers that fail fast a 429.
func TestThrottled(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		until := time.Now().Add(3 * time.Minute)
		a := &proxiedAmazon{answer: func(w http.ResponseWriter, _ *http.Request) {
			if time.Now().Before(until) {
				w.WriteHeader(http.StatusTooManyRequests)
				_, _ = io.WriteString(w, `{"errors":[{"code":"QuotaExceeded","message":"You exceeded your quota for the requested resource.","details":""}]}`)
			}
		}}
		g := newGateway(t, a, "", nil)
		w := askProxy(g, "GET", "/a/b/c", nil, headerTimeout, "30s")
		if w.Code != 503 || w.Header().Get("X-Spapi-Error") != "throttled" || w.Header().Get("Retry-After") == "" || !strings.Contains(w.Body.String(), "QuotaExceeded") {
			t.Errorf("%d %v %s", w.Code, w.Header(), w.Body)
		}
		w = askProxy(g, "GET", "/a/b/c", nil, headerFailFast, "1")
		if after, _ := strconv.Atoi(w.Header().Get("Retry-After")); w.Code != 429 || after < 1 {
			t.Errorf("%d %v", w.Code, w.Header())
		}
		w = askProxy(g, "GET", "/a/b/c", nil)
		attempts, _ := strconv.Atoi(w.Header().Get("X-Spapi-Attempts"))
		if w.Code != 200 || attempts <= 5 || time.Now().Before(until) {
			t.Errorf("%d after %d attempts, at %s of %s", w.Code, attempts, time.Now(), until)
		}
	})
}

func TestPriority(t *testing.T) {
	for _, c := range []struct {
		value string
		want  int
		bad   bool
	}{{"low", -100, false}, {"Normal", 0, false}, {"HIGH", 100, false}, {"-1000", -1000, false}, {"7", 7, false}, {"1001", 0, true}, {"x", 0, true}, {"1.5", 0, true}} {
		if got, err := parsePriority(c.value); got != c.want || err != nil != c.bad {
			t.Errorf("%s: %d %v", c.value, got, err)
		}
	}
	for value, want := range map[string]time.Duration{"0": 0, "1.5": 1500 * time.Millisecond, "90": 90 * time.Second, "2m": 2 * time.Minute, "-1": -1, "x": -1, "NaN": -1, "1e12": -1, "Inf": -1, "-5s": -1} {
		if got, err := parseWait(value); err == nil && got != want || err != nil && want >= 0 {
			t.Errorf("%s: %s %v", value, got, err)
		}
	}
}

// TestPatienceHeaders: what can't be read is refused by name and value; nothing is sent.
func TestPatienceHeaders(t *testing.T) {
	a := new(proxiedAmazon)
	g := newGateway(t, a, "", nil)
	for _, header := range [][]string{
		{headerPriority, "urgent"}, {headerPriority, "5000"}, {headerTimeout, "soon"}, {headerTimeout, "0"}, {headerTimeout, "-3s"}, {headerTimeout, "NaN"},
		{headerDeadline, "tomorrow"}, {headerFailFast, "maybe"}, {headerTimeout, "5", headerDeadline, "2100-01-01T00:00:00Z"},
	} {
		w := askProxy(g, "GET", shownPath, nil, header...)
		if w.Code != 400 || !strings.Contains(w.Body.String(), header[0]) {
			t.Errorf("%v: %d %s", header, w.Code, w.Body)
		}
	}
	if w := askProxy(g, "GET", shownPath, nil, headerDeadline, "2001-01-01T00:00:00Z"); w.Code != 504 {
		t.Errorf("%d %s", w.Code, w.Body)
	}
	if n := len(a.requests()); n != 0 {
		t.Errorf("%d requests were sent", n)
	}
}

// TestRefusals: what becomes of the errors of the chain.
func TestRefusals(t *testing.T) {
	broken := &net.OpError{Op: "read", Err: errors.New("connection reset")}
	for _, c := range []struct {
		name    string
		err     error
		status  int
		why     string
		after   string
		outcome string
	}{
		{"limit", &spapi.LimitError{Wait: 1200 * time.Millisecond}, 429, "limit", "2", ""},
		{"limit, deadline", &spapi.LimitError{Wait: time.Hour, Deadline: true}, 504, "limit-deadline", "3600", ""},
		{"login down", &spapi.AuthError{Grant: "refresh_token", Err: broken}, 503, "login-down", "5", ""},
		{"login 500", &spapi.AuthError{Grant: "refresh_token", StatusCode: 500, RetryAfter: time.Hour}, 503, "login-down", "3600", ""},
		{"revoked", &spapi.AuthError{Grant: "refresh_token", StatusCode: 400, Code: "invalid_grant"}, 403, "authorization", "", ""},
		{"secret", &spapi.AuthError{Grant: "refresh_token", StatusCode: 401, Code: "invalid_client"}, 502, "login", "", ""},
		{"settings", &spapi.ConfigError{Code: spapi.CodeRegionMissing, Field: "region", Want: "is missing"}, 500, "settings", "", ""},
		{"elements", &spapi.ConfigError{Code: spapi.CodeRestrictedDataUnknown, Field: "data element", Value: "x", Want: "want y"}, 400, "input", "", ""},
		{"restricted token refused", &spapi.APIError{StatusCode: 403, Code: "Unauthorized"}, 403, "amazon", "", ""},
		{"restricted token throttled", &spapi.APIError{StatusCode: 429}, 503, "amazon", "1", ""},
		{"errors in a success", &spapi.APIError{StatusCode: 200}, 502, "amazon", "", ""},
		{"unreadable", &spapi.DecodeError{}, 502, "answer", "", ""},
		{"silence", &spapi.TimeoutError{Stage: spapi.TimeoutAnswer, After: time.Minute}, 504, "timeout", "", ""},
		{"too late", fmt.Errorf("x: %w", context.DeadlineExceeded), 504, "deadline", "", ""},
		{"network", broken, 502, "network", "", ""},
		{"unknown outcome", &spapi.OutcomeUnknownError{Err: broken}, 502, "network", "", "unknown"},
		{"unknown outcome, too late", &spapi.OutcomeUnknownError{Err: &spapi.TimeoutError{}}, 504, "timeout", "", "unknown"},
		{"repeatable", &spapi.OutcomeUnknownError{Err: broken, Repeatable: true}, 502, "network", "", "repeatable"},
	} {
		for _, accept := range []string{"application/json", problemMedia} {
			w := httptest.NewRecorder()
			r := httptest.NewRequest("GET", "/x", nil)
			r.Header.Set("Accept", accept)
			x := &exchange{g: newGateway(t, nil, "", nil), w: w, r: r, response: spapi.Response{RequestID: "id-1"}}
			x.fail(c.err)
			var told struct {
				Type, Title, Detail, Explain, RequestID string
				Status                                  int
				Errors                                  []spapi.ErrorItem
			}
			if err := json.Unmarshal(w.Body.Bytes(), &told); err != nil || len(told.Errors) == 0 {
				t.Errorf("%s: %s", c.name, w.Body)
			}
			h := w.Header()
			if w.Code != c.status || h.Get("X-Spapi-Error") != c.why || h.Get("Retry-After") != c.after || h.Get("X-Spapi-Outcome") != c.outcome || h.Get("Content-Type") != accept {
				t.Errorf("%s: %d %v, want %d %s %s %s", c.name, w.Code, h, c.status, c.why, c.after, c.outcome)
			}
			if accept == problemMedia && (told.Status != c.status || told.Type != problemTypes+c.why || told.RequestID != "id-1") {
				t.Errorf("%s: %s", c.name, w.Body)
			}
			if text := w.Body.String(); strings.Contains(text, "WithFailFast") || strings.Contains(text, "context") && c.why == "limit-deadline" {
				t.Errorf("%s speaks of Go: %s", c.name, text)
			}
			if x.record.Refused != c.why || x.record.Status != c.status {
				t.Errorf("%s: record %+v", c.name, x.record)
			}
		}
	}
}

func TestPrefersProblem(t *testing.T) {
	for accept, want := range map[string]bool{
		"": false, "*/*": false, "application/json": false, "application/problem+json": true, "application/json, application/problem+json": true,
		"application/problem+json;q=0": false, "application/problem+json;q=0.5, application/json": false, "application/problem+json; q=0.9, application/json;q=0.8": true,
		"Application/Problem+JSON": true, "application/problem+json;q=x": false, "application/problem+json;charset=utf-8;Q=1": true, "application/*": false,
	} {
		if got := prefersProblem([]string{accept}); got != want {
			t.Errorf("%q: %v", accept, got)
		}
	}
}

// TestAmazonsErrors: they pass as they are, or as a problem with Amazon's list in it and the SDK's explanation.
func TestAmazonsErrors(t *testing.T) {
	const text = `{"errors":[{"code":"InvalidInput","message":"Invalid marketplace","details":"x"},{"code":"Other","message":"More"}]}`
	a := &proxiedAmazon{answer: func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		w.WriteHeader(400)
		_, _ = io.WriteString(w, text)
	}}
	_, address := serve(t, a, nil)
	res, got := do(t, "GET", address+shownPath, nil)
	if res.StatusCode != 400 || got != text || res.Header.Get("X-Spapi-Error") != "" {
		t.Errorf("%d %s %v", res.StatusCode, got, res.Header)
	}
	res, got = do(t, "GET", address+shownPath, nil, "Accept", problemMedia)
	var told problem
	if err := json.Unmarshal([]byte(got), &told); err != nil {
		t.Fatal(err)
	}
	if res.StatusCode != 400 || res.Header.Get("Content-Type") != problemMedia || told.Status != 400 || len(told.Errors) != 2 || told.Errors[0].Code != "InvalidInput" ||
		!strings.Contains(told.Explain, "correct what the message names") || told.RequestID == "" {
		t.Errorf("%d %s", res.StatusCode, got)
	}
	if accept := a.requests()[1].header.Get("Accept"); accept != "application/json" {
		t.Errorf("Amazon was asked for %q", accept)
	}
}

// TestOutcome: a write that failed after it was sent is marked, in each form of the answer.
func TestOutcome(t *testing.T) {
	a := &proxiedAmazon{answer: func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(500) }}
	_, address := serve(t, a, nil)
	const confirm = "/orders/v0/orders/123-1234567-1234567/shipmentConfirmation"
	for _, accept := range []string{"application/json", problemMedia} {
		if res, _ := do(t, "POST", address+confirm, strings.NewReader("{}"), "Accept", accept); res.StatusCode != 500 || res.Header.Get("X-Spapi-Outcome") != "unknown" {
			t.Errorf("%d %v", res.StatusCode, res.Header)
		}
	}
	if n := len(a.requests()); n != 2 {
		t.Errorf("%d requests for two writes that must not be repeated", n)
	}
}

// TestEqualCalls: equal GETs under way are one call, and one caller that leaves ends no other's.
func TestEqualCalls(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		release := make(chan struct{})
		a := &proxiedAmazon{answer: func(w http.ResponseWriter, r *http.Request) {
			select {
			case <-release:
			case <-r.Context().Done():
			}
			_, _ = io.WriteString(w, "answer")
		}}
		g := newGateway(t, a, "", nil)
		first, leave := context.WithCancel(t.Context())
		var wg sync.WaitGroup
		wg.Go(func() { askCtx(first, g, "GET", plainPath, nil) })
		synctest.Wait()
		var served, shared int
		var mu sync.Mutex
		for i := range 20 {
			wg.Go(func() {
				w := askProxy(g, "GET", plainPath, nil, "User-Agent", "program-"+strconv.Itoa(i))
				mu.Lock()
				defer mu.Unlock()
				if w.Code == 200 && w.Body.String() == "answer" {
					served++
				}
				if w.Header().Get(headerCache) == "shared" {
					shared++
				}
			})
		}
		synctest.Wait()
		leave()
		synctest.Wait()
		close(release)
		wg.Wait()
		if n := len(a.requests()); served != 20 || shared != 20 || n != 1 {
			t.Errorf("%d served, %d shared, %d requests", served, shared, n)
		}
		if len(g.flights.all) != 0 {
			t.Errorf("%d calls are still under way", len(g.flights.all))
		}
	})
}

// TestAllLeave: a call that nobody wants any more ends.
func TestAllLeave(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ended := 0
		a := &proxiedAmazon{answer: func(_ http.ResponseWriter, r *http.Request) {
			<-r.Context().Done()
			ended++
		}}
		g := newGateway(t, a, "", nil)
		ctx, leave := context.WithCancel(t.Context())
		var wg sync.WaitGroup
		for range 3 {
			wg.Go(func() { askCtx(ctx, g, "GET", plainPath, nil) })
			synctest.Wait()
		}
		leave()
		wg.Wait()
		if n := len(a.requests()); n != 1 || ended != 1 {
			t.Errorf("%d requests, %d ended", n, ended)
		}
	})
}

// TestUnequalCalls: what differs in anything that may change the answer, or in patience, is a call of its own.
func TestUnequalCalls(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		release := make(chan struct{})
		a := &proxiedAmazon{answer: func(http.ResponseWriter, *http.Request) { <-release }}
		// Without limits: who is the last of them may have to wait, and won't if it is to fail fast.
		g := newGateway(t, a, "", func(c *Config) { c.Options = append(c.Options, spapi.WithLimiter(free{})) })
		var wg sync.WaitGroup
		calls := [][]string{{plainPath}, {plainPath + "&x=1"}, {plainPath, "Accept-Language", "de"}, {plainPath, headerFailFast, "true"}, {plainPath, headerPriority, "high"}, {plainPath, "X-Amzn-X", "1"}}
		for _, c := range calls {
			wg.Go(func() { askProxy(g, "GET", c[0], nil, c[1:]...) })
		}
		for range 2 {
			wg.Go(func() { askProxy(g, "POST", "/a/b/c", strings.NewReader("{}"), headerFailFast, "10m") })
		}
		synctest.Wait()
		close(release)
		wg.Wait()
		if n := len(a.requests()); n != len(calls)+2 {
			t.Errorf("%d requests, want %d", n, len(calls)+2)
		}
	})
}

// TestImpatientLeader: who waits longer than the one that began the call isn't refused for its impatience.
func TestImpatientLeader(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := &proxiedAmazon{answer: func(w http.ResponseWriter, r *http.Request) {
			select {
			case <-time.After(30 * time.Second):
			case <-r.Context().Done():
			}
		}}
		g := newGateway(t, a, "", nil)
		var wg sync.WaitGroup
		wg.Go(func() {
			if w := askProxy(g, "GET", plainPath, nil, headerTimeout, "10"); w.Code != 504 {
				t.Errorf("%d", w.Code)
			}
		})
		synctest.Wait()
		wg.Go(func() {
			if w := askProxy(g, "GET", plainPath, nil); w.Code != 200 {
				t.Errorf("%d %s", w.Code, w.Body)
			}
		})
		wg.Wait()
	})
}

// TestLongShared: an answer that is too long to be kept goes to all the same, by calls of their own.
func TestLongShared(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		release := make(chan struct{})
		a := &proxiedAmazon{answer: func(w http.ResponseWriter, _ *http.Request) {
			<-release
			_, _ = w.Write(make([]byte, maxShared+100))
		}}
		g := newGateway(t, a, "", nil)
		var wg sync.WaitGroup
		for range 3 {
			wg.Go(func() {
				if w := askProxy(g, "GET", plainPath, nil); w.Code != 200 || w.Body.Len() != maxShared+100 {
					t.Errorf("%d, %d bytes", w.Code, w.Body.Len())
				}
			})
		}
		synctest.Wait()
		close(release)
		wg.Wait()
		if n := len(a.requests()); n != 3 {
			t.Errorf("%d requests", n)
		}
	})
}

// TestCache: reference data is kept for its time, told apart by what changes it, and asked for anew on request.
func TestCache(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		calls := 0
		a := &proxiedAmazon{answer: func(w http.ResponseWriter, _ *http.Request) {
			calls++
			_, _ = fmt.Fprint(w, calls)
		}}
		g := newGateway(t, a, "", nil)
		const item = "/catalog/2022-04-01/items/B000000001?marketplaceIds=ATVPDKIKX0DER"
		for i, c := range []struct {
			wait                  time.Duration
			path, body, told, age string
			header                []string
		}{
			{0, item, "1", "miss", "", nil},
			{0, item, "1", "hit", "0", nil},
			{time.Minute, item, "1", "hit", "60", nil},
			{0, item, "2", "miss", "", []string{"Cache-Control", "no-cache"}},
			{0, item, "2", "hit", "0", nil},
			{0, item, "3", "miss", "", []string{"Cache-Control", "max-age=0"}},
			{0, item, "4", "", "", []string{"Cache-Control", "no-store"}},
			{0, item, "3", "hit", "0", nil},
			{0, item + "&includedData=images", "5", "miss", "", nil},
			{0, item, "6", "miss", "", []string{"Accept-Language", "de"}},
			{0, item, "7", "", "", []string{"If-None-Match", "x"}},
			{time.Hour, item, "8", "miss", "", nil},
			{0, plainPath, "9", "", "", nil},
			{0, plainPath, "10", "", "", nil},
		} {
			time.Sleep(c.wait)
			w := askProxy(g, "GET", c.path, nil, c.header...)
			h := w.Header()
			if w.Code != 200 || w.Body.String() != c.body || h.Get(headerCache) != c.told || h.Get("Age") != c.age || h.Get("X-Amzn-Requestid") == "" {
				t.Errorf("%d: %d %s %v, want %s %s", i, w.Code, w.Body, h, c.body, c.told)
			}
		}
	})
}

// TestCacheIsBounded: the least used go first, and what fails isn't kept.
func TestCacheIsBounded(t *testing.T) {
	c := cache{max: 100 << 10}
	now := time.Now()
	a := &answer{status: 200, body: make([]byte, 8<<10)}
	for i := range 100 {
		c.put("first", a, "", now, time.Hour)
		c.put(strconv.Itoa(i), a, "", now, time.Hour)
		if c.size > c.max || c.get("first", now) == nil {
			t.Fatalf("%d bytes of %d after %d", c.size, c.max, i)
		}
	}
	if len(c.entries) != c.order.Len() || len(c.entries) > 10 {
		t.Errorf("%d entries, %d in order", len(c.entries), c.order.Len())
	}
	c.put("huge", &answer{body: make([]byte, 50<<10)}, "", now, time.Hour)
	if c.get("huge", now) != nil {
		t.Error("one answer takes half of the room")
	}
	fails := &proxiedAmazon{answer: func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(404) }}
	g := newGateway(t, fails, "", nil)
	for range 2 {
		askProxy(g, "GET", "/catalog/2022-04-01/items/B000000001?marketplaceIds=ATVPDKIKX0DER", nil)
	}
	if n := len(fails.requests()); n != 2 || len(g.cache.entries) != 0 {
		t.Errorf("%d requests, %d entries", n, len(g.cache.entries))
	}
}

// TestCachedOperations: each exists, is a GET and has no personal data.
func TestCachedOperations(t *testing.T) {
	for id, c := range cacheTTL {
		op, ok := spapi.LookupOperation(id)
		if in := personalIn(&op); in.whole || in.members != nil {
			t.Errorf("%s: its answer has personal data: %+v", id, in)
		}
		if !ok || op.Method != "GET" || op.Restricted != spapi.RestrictedNever || c.ttl <= 0 || c.why == "" {
			t.Errorf("%s: %+v %+v", id, op, c)
		}
	}
}
