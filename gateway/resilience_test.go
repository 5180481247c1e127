package gateway_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"maps"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	awssqs "github.com/aws/aws-sdk-go-v2/service/sqs"

	"github.com/openspapi/spapi"
	"github.com/openspapi/spapi/accounts"
	"github.com/openspapi/spapi/emulator"
	"github.com/openspapi/spapi/fleet"
	"github.com/openspapi/spapi/fleet/goredis"
	"github.com/openspapi/spapi/gateway"
	"github.com/openspapi/spapi/internal/cli"
	"github.com/openspapi/spapi/internal/cli/factory"
	"github.com/openspapi/spapi/internal/cli/terminal"
	"github.com/openspapi/spapi/internal/redistest"
	"github.com/openspapi/spapi/notifications"
	"github.com/openspapi/spapi/notifications/sqs"
)

// These tests break what a gateway stands on while callers call it through a real listener, and count what becomes of the calls. They wait for events and
// not for times: a slow machine makes them slow, and nothing else.

const secretsQueue = "arn:aws:sqs:us-east-1:123456789012:secrets"

// world is a gateway over an emulator, and what may fail in it.
type world struct {
	t     *testing.T
	emu   *emulator.Emulator
	store *accounts.File
	g     *gateway.Gateway
	url   string
	log   *lines
	stop  func()

	entered, answered atomic.Int64 // requests that reached the gateway, and those that it was done with

	login atomic.Pointer[func(*http.Request) (*http.Response, error)] // in place of Login with Amazon; nil: the emulator
}

// lines are a log.
type lines struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (l *lines) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(p)
}

func (l *lines) count(part string) int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return strings.Count(l.text.String(), part)
}

// forgetful keeps tokens for a few calls only, so that Login with Amazon is asked all the time.
type forgetful struct {
	spapi.TokenStore
	calls atomic.Int64
}

func (f *forgetful) Get(ctx context.Context, r spapi.TokenRequest) (spapi.Token, error) {
	token, err := f.TokenStore.Get(ctx, r)
	if err == nil && f.calls.Add(1)%4 == 0 {
		err = f.Drop(ctx, r.Key, token)
	}
	return token, err
}

// unlimited is no limiter: these tests are about other things.
type unlimited struct{}

func (unlimited) Wait(context.Context, spapi.LimitRequest) (spapi.LimitGrant, error) {
	return spapi.LimitGrant{}, nil
}

func (unlimited) Observe(context.Context, spapi.LimitGrant, spapi.LimitReply) error { return nil }

// RoundTrip is the way to the emulator.
func (w *world) RoundTrip(r *http.Request) (*http.Response, error) {
	if instead := w.login.Load(); instead != nil && strings.HasSuffix(r.URL.Path, "/auth/o2/token") {
		return (*instead)(r)
	}
	return w.emu.RoundTrip(r)
}

func newWorld(t *testing.T, names []string, options ...spapi.Option) *world {
	t.Helper()
	emu, err := emulator.New(emulator.WithSeed(1), emulator.WithOrders(5), emulator.WithProducts(3), emulator.WithoutLimits(), emulator.WithCredentialQueue(secretsQueue))
	if err != nil {
		t.Fatal(err)
	}
	w := &world{t: t, emu: emu, log: &lines{}}
	dir := t.TempDir()
	w.store = accounts.NewFile(filepath.Join(dir, "accounts.age"), accounts.FileKey(filepath.Join(dir, "key.txt")))
	must(t, w.store.PutApplication(t.Context(), w.application()))
	for _, name := range names {
		must(t, w.store.Put(t.Context(), w.account(name)))
	}
	logger := slog.New(slog.NewTextHandler(w.log, &slog.HandlerOptions{Level: slog.LevelWarn}))
	options = append([]spapi.Option{spapi.WithTransport(w), spapi.WithLimiter(unlimited{}), spapi.WithLogger(logger),
		spapi.WithRetry(spapi.RetryPolicy{BaseDelay: time.Millisecond, Budget: 1 << 30})}, options...)
	w.g, err = gateway.New(gateway.Config{Accounts: w.store, Options: options, Logger: logger, CacheBytes: -1,
		Local: gateway.Scope{Accounts: []string{"*"}, Operations: []string{"*"}}})
	must(t, err)
	server := w.g.Server()
	server.Handler = http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		w.entered.Add(1)
		w.g.ServeHTTP(rw, r)
		w.answered.Add(1)
	})
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	must(t, err)
	go func() { _ = server.Serve(listener) }()
	w.url = "http://" + listener.Addr().String()
	w.stop = sync.OnceFunc(func() {
		if err := server.Shutdown(context.Background()); err != nil {
			t.Error(err)
		}
		if err := w.g.Close(); err != nil {
			t.Error(err)
		}
	})
	t.Cleanup(w.stop)
	return w
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func (w *world) application() accounts.Application {
	c := w.emu.Credentials()
	return accounts.Application{ClientID: c.ClientID, ClientSecret: spapi.NewSecret(c.ClientSecret)}
}

func (w *world) account(name string) accounts.Account {
	c := w.emu.Credentials()
	return accounts.Account{Name: name, ClientID: c.ClientID, RefreshToken: spapi.NewSecret(c.RefreshToken), Region: c.Region}
}

// load are callers that call on and on.
type load struct {
	w      *world
	names  atomic.Pointer[[]string] // the accounts that are called for, in turn
	client *http.Client
	ctx    context.Context
	end    context.CancelFunc
	all    sync.WaitGroup

	hold sync.RWMutex // against calls

	mu     sync.Mutex
	more   *sync.Cond
	counts map[string]int // by status and X-Spapi-Error
	wrong  []string       // what was neither an answer nor a typed refusal
	n      int
}

func (w *world) begin(callers int, names ...string) *load {
	l := &load{w: w, counts: map[string]int{}, client: &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: callers}}}
	l.names.Store(&names)
	l.more = sync.NewCond(&l.mu)
	l.ctx, l.end = context.WithCancel(w.t.Context())
	var turn atomic.Int64
	for range callers {
		l.all.Go(func() {
			for l.ctx.Err() == nil {
				l.hold.RLock()
				outcome, wrong := l.call(turn.Add(1))
				l.hold.RUnlock()
				l.note(outcome, wrong)
			}
		})
	}
	return l
}

// call is one call, unlike all others, so that none is answered for another.
func (l *load) call(i int64) (outcome, wrong string) {
	names := *l.names.Load()
	after := time.Date(2020, 1, 1, 0, 0, 0, 0, time.UTC).Add(time.Duration(i) * time.Second)
	req, err := http.NewRequest(http.MethodGet, l.w.url+"/orders/v0/orders?MarketplaceIds=ATVPDKIKX0DER&CreatedAfter="+after.Format("2006-01-02T15:04:05Z"), nil)
	if err != nil {
		return "", err.Error()
	}
	req.Header.Set("X-Spapi-Account", names[i%int64(len(names))])
	res, err := l.client.Do(req)
	if err != nil {
		if errors.Is(err, syscall.ECONNREFUSED) {
			return "not accepted", ""
		}
		return "broken", err.Error()
	}
	body, err := io.ReadAll(res.Body)
	_ = res.Body.Close()
	if err != nil {
		return "broken", "an answer broke off: " + err.Error()
	}
	if res.StatusCode == http.StatusOK {
		if !bytes.Contains(body, []byte(`"Orders"`)) {
			return "200 without orders", string(body)
		}
		return "200", ""
	}
	var typed struct {
		Errors []struct{ Code, Message string }
	}
	why := res.Header.Get("X-Spapi-Error")
	outcome = strings.TrimSpace(fmt.Sprint(res.StatusCode, " ", why))
	switch {
	case json.Unmarshal(body, &typed) != nil || len(typed.Errors) == 0 || typed.Errors[0].Code == "":
		return outcome, fmt.Sprintf("%s isn't typed: %s", outcome, body)
	case res.StatusCode == http.StatusServiceUnavailable && why != "" && why != "amazon" && res.Header.Get("Retry-After") == "":
		return outcome, outcome + " has no Retry-After"
	case bytes.Contains(body, []byte("oa2-cs")) || bytes.Contains(body, []byte("Atz")):
		return outcome, outcome + " shows a secret"
	}
	return outcome, ""
}

func (l *load) note(outcome, wrong string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.n++
	l.counts[outcome]++
	if wrong != "" && len(l.wrong) < 5 {
		l.wrong = append(l.wrong, wrong)
	}
	l.more.Broadcast()
}

// advance moves the emulator's clock between two calls: no token is on its way while weeks go by.
func (l *load) advance(d time.Duration) {
	l.hold.Lock()
	defer l.hold.Unlock()
	l.w.emu.Advance(d)
}

// pass lets so many more calls end.
func (l *load) pass(n int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for until := l.n + n; l.n < until; {
		l.more.Wait()
	}
}

// phase lets calls pass and returns what became of them: those that were under way before don't count.
func (l *load) phase(n int) map[string]int {
	const underWay = 32
	l.pass(underWay)
	l.mu.Lock()
	before := maps.Clone(l.counts)
	l.mu.Unlock()
	l.pass(n)
	l.mu.Lock()
	defer l.mu.Unlock()
	counts := map[string]int{}
	for k, n := range l.counts {
		if n > before[k] {
			counts[k] = n - before[k]
		}
	}
	return counts
}

// close ends the callers and checks that all outcomes are among those that may be.
func (l *load) close(may ...string) {
	l.w.t.Helper()
	l.end()
	l.all.Wait()
	l.client.CloseIdleConnections()
	for k := range l.counts {
		if k != "200" && !slices.Contains(may, k) {
			l.w.t.Errorf("%d calls ended with %q", l.counts[k], k)
		}
	}
	for _, wrong := range l.wrong {
		l.w.t.Error(wrong)
	}
	l.w.t.Logf("%d calls: %v", l.n, l.counts)
	if n := l.w.log.count("oa2-cs") + l.w.log.count("Atza|") + l.w.log.count("Atzr|"); n > 0 {
		l.w.t.Errorf("%d secrets in the log", n)
	}
}

// The client secret is rotated under load, the old one ends, and no call fails: told by the queue, stored by hand, or by the command.
func TestRotationUnderLoad(t *testing.T) {
	const week = 8 * 24 * time.Hour
	names := []string{"a", "b", "c"}
	start := func(t *testing.T) (*world, *load) {
		w := newWorld(t, names, spapi.WithTokenStore(&forgetful{TokenStore: spapi.NewTokenStore()}))
		l := w.begin(8, names...)
		l.pass(50)
		return w, l
	}
	t.Run("told by the queue", func(t *testing.T) {
		w, l := start(t)
		stored := make(chan error, 10)
		mux, err := notifications.NewMux(notifications.On(func(ctx context.Context, p *notifications.ApplicationOAuthClientNewSecret) error {
			err := w.g.RotateSecret(ctx, accounts.Rotation{ClientID: p.ClientID, Secret: p.NewClientSecret, Expires: p.NewClientSecretExpiryTime, OldUntil: p.OldClientSecretExpiryTime})
			stored <- err
			return err
		}))
		must(t, err)
		client := awssqs.New(awssqs.Options{Region: "us-east-1", BaseEndpoint: aws.String("http://emulator.invalid/sqs"), HTTPClient: &http.Client{Transport: w.emu},
			Credentials: aws.CredentialsProviderFunc(func(context.Context) (aws.Credentials, error) {
				return aws.Credentials{AccessKeyID: "AKIAEMULATOR", SecretAccessKey: "emulator"}, nil
			})})
		consumer, err := sqs.New(client, "http://emulator.invalid/sqs/123456789012/secrets", mux.Handle, sqs.WithLogger(slog.New(slog.DiscardHandler)))
		must(t, err)
		ctx, stop := context.WithCancel(t.Context())
		var run sync.WaitGroup
		run.Go(func() { _ = consumer.Run(ctx) })
		for range 3 {
			old := w.emu.Credentials().ClientSecret
			w.emu.RotateSecret()
			must(t, <-stored)
			application, err := w.store.Application(t.Context(), w.emu.Credentials().ClientID)
			must(t, err)
			if application.ClientSecret.Reveal() == old || application.PreviousSecret.Reveal() != old {
				t.Error("the store hasn't the new secret and the old one beside it")
			}
			l.pass(50)
			l.advance(week)
			l.pass(50)
		}
		stop()
		run.Wait()
		l.close()
	})
	t.Run("stored by hand, known late, and mistyped", func(t *testing.T) {
		w, l := start(t)
		put := func(secret string) {
			application := w.application()
			application.ClientSecret = spapi.NewSecret(secret)
			must(t, w.store.PutApplication(t.Context(), application))
		}
		put(w.emu.RotateSecret())
		l.advance(week) // at once: the gateway doesn't know the new one yet
		l.pass(100)
		right := w.emu.Credentials().ClientSecret
		put("amzn1.oa2-cs.v1.mistyped")
		must(t, w.g.Reload(t.Context()))
		l.pass(100)
		put(right)
		must(t, w.g.Reload(t.Context()))
		l.pass(50)
		l.close()
		if w.log.count("refuses the client secret; another one that is known works") == 0 {
			t.Error("the log doesn't tell that a wrong secret is stored")
		}
	})
	t.Run("by the command", func(t *testing.T) {
		w, l := start(t)
		server := httptest.NewServer(w.emu)
		defer server.Close()
		own := w.account("command")
		own.Endpoint, own.TokenURL = server.URL, server.URL+"/auth/o2/token"
		must(t, w.store.Put(t.Context(), own))
		for _, variable := range os.Environ() {
			name, _, _ := strings.Cut(variable, "=")
			if strings.HasPrefix(name, "SPAPI_") || strings.HasPrefix(name, "LWA_") || strings.HasPrefix(name, "AMAZON_") {
				t.Setenv(name, "")
			}
		}
		t.Setenv("SPAPI_ACCOUNTS", w.store.Path())
		t.Setenv("SPAPI_KEY_FILE", filepath.Join(filepath.Dir(w.store.Path()), "key.txt"))
		for range 2 {
			streams, _, messages := terminal.Buffers()
			args := []string{"auth", "rotate", "command", "--yes", "--queue", secretsQueue}
			if status := cli.Run(t.Context(), factory.With(streams, "test", nil), args); status != 0 {
				t.Fatalf("status %d: %s", status, messages)
			}
			l.advance(week)
			l.pass(100)
		}
		l.close()
	})
}

// Accounts come, change and go under load, and the store fails: calls for those that stay never do.
func TestAccountsUnderLoad(t *testing.T) {
	w := newWorld(t, []string{"stays", "changes", "goes"})
	l := w.begin(8, "stays", "changes", "goes")
	l.pass(50)
	must(t, w.store.Delete(t.Context(), "goes"))
	must(t, w.g.Reload(t.Context()))
	if counts := l.phase(60); counts["403 account"] == 0 || counts["200"] == 0 {
		t.Errorf("after an account was removed: %v, want some 403 account", counts)
	}
	kept := []string{"stays", "changes"}
	l.names.Store(&kept)
	l.pass(32)
	for i := range 10 {
		a := w.account("changes")
		a.SellingPartnerID = fmt.Sprintf("A%d", i)
		must(t, w.store.Put(t.Context(), a))
		must(t, w.g.Reload(t.Context()))
		l.pass(20)
	}
	good, err := os.ReadFile(w.store.Path())
	must(t, err)
	must(t, os.WriteFile(w.store.Path(), good[:len(good)/2], 0o600))
	for range 5 {
		if w.g.Reload(t.Context()) == nil {
			t.Error("a store that can't be read is no error of Reload")
		}
	}
	if counts := l.phase(100); counts["200"] != 100 && len(counts) != 1 {
		t.Errorf("while the store can't be read: %v, want successes alone", counts)
	}
	if n := w.log.count("accounts can't be read"); n != 1 {
		t.Errorf("told %d times that the store can't be read, want once", n)
	}
	must(t, os.WriteFile(w.store.Path(), good, 0o600))
	must(t, w.g.Reload(t.Context()))
	l.pass(20)
	l.close("403 account")
}

// Login with Amazon is away: tokens in hand go on, those that are missing are a typed 503, and all is well when it is back.
func TestLoginDown(t *testing.T) {
	for name, answer := range map[string]func(*http.Request) (*http.Response, error){
		"refuses connections": func(*http.Request) (*http.Response, error) {
			return nil, &net.OpError{Op: "dial", Net: "tcp", Err: syscall.ECONNREFUSED}
		},
		"answers 500": func(r *http.Request) (*http.Response, error) {
			return &http.Response{StatusCode: 500, Header: http.Header{}, Body: http.NoBody, Request: r}, nil
		},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, []string{"old", "new"})
			other := w.account("new")
			other.Sandbox = true // its tokens are others
			must(t, w.store.Put(t.Context(), other))
			l := w.begin(6, "old")
			l.pass(20)
			w.login.Store(&answer)
			both := []string{"old", "new"}
			l.names.Store(&both)
			counts := l.phase(60)
			if counts["200"] == 0 || counts["503 login-down"] == 0 || len(counts) != 2 {
				t.Errorf("while Login with Amazon is away: %v, want 200 and 503 login-down", counts)
			}
			w.login.Store(nil)
			if counts := l.phase(60); counts["503 login-down"] != 0 || counts["200"] == 0 {
				t.Errorf("when it is back: %v", counts)
			}
			l.close("503 login-down", "403 amazon", "400 amazon")
		})
	}
}

// Amazon answers 5xx, breaks off, is silent and slow: reads are repeated, and what can't be had is typed.
func TestAmazonTroubled(t *testing.T) {
	w := newWorld(t, []string{"a"})
	l := w.begin(8, "a")
	l.pass(20)
	for _, f := range []emulator.Fault{
		{Kind: emulator.FaultInternal, Every: 3}, {Kind: emulator.FaultUnavailable, Every: 4}, {Kind: emulator.FaultReset, Every: 5},
		{Kind: emulator.FaultHTML, Every: 7}, {Kind: emulator.FaultLatency, Every: 5, Latency: time.Millisecond},
	} {
		f.Operation = "ordersv0.getOrders"
		id, err := w.emu.AddFault(f)
		must(t, err)
		counts := l.phase(80)
		t.Logf("%s, every %d: %v", f.Kind, f.Every, counts)
		if counts["200"] < 60 {
			t.Errorf("%s: %v, want most to succeed", f.Kind, counts)
		}
		w.emu.RemoveFault(id)
	}
	// All of it, all the time: nothing but typed refusals.
	_, err := w.emu.AddFault(emulator.Fault{Kind: emulator.FaultUnavailable, Operation: "ordersv0.getOrders"})
	must(t, err)
	if counts := l.phase(20); counts["200"] != 0 {
		t.Errorf("while Amazon is away: %v", counts)
	}
	w.emu.ClearFaults()
	if counts := l.phase(60); len(counts) != 1 {
		t.Errorf("when it is back: %v", counts)
	}
	l.close("503 amazon", "503", "500 amazon", "500", "502 network", "502 answer")
}

// The server that several gateways share is lost and comes back. Calls go on with this process's share of the limits and its own tokens.
func TestRedisLost(t *testing.T) {
	server := redistest.Start(t)
	shared, err := goredis.Open("unix://" + server.Socket)
	must(t, err)
	defer func() { _ = shared.Close() }()
	quiet := fleet.WithLogger(slog.New(slog.DiscardHandler))
	tokens, err := fleet.NewTokens(shared, []spapi.Secret{spapi.NewSecret(strings.Repeat("ab", 32))}, quiet)
	must(t, err)
	limiter := fleet.NewLimiter(shared, quiet, fleet.WithProcesses(1))
	defer func() { must(t, limiter.Close()) }()
	w := newWorld(t, []string{"a", "b"}, spapi.WithLimiter(wide{limiter}), spapi.WithTokenStore(tokens))
	other := w.account("b")
	other.Sandbox = true // its tokens are others
	must(t, w.store.Put(t.Context(), other))
	l := w.begin(4, "a")
	l.pass(20)
	for range 2 {
		server.Kill()
		names := []string{"a", "b"} // of the second there is no token yet
		l.names.Store(&names)
		if counts := l.phase(40); counts["200"] == 0 {
			t.Errorf("without the server: %v", counts)
		}
		server.Restart(t)
		if counts := l.phase(40); counts["200"] == 0 {
			t.Errorf("with the server again: %v", counts)
		}
	}
	l.close()
}

// wide is a limiter whose limits are too wide to wait for: how well they are used is shown elsewhere, and would take its time here.
type wide struct{ spapi.Limiter }

func (w wide) Wait(ctx context.Context, r spapi.LimitRequest) (spapi.LimitGrant, error) {
	r.Buckets = slices.Clone(r.Buckets)
	for i := range r.Buckets {
		r.Buckets[i].Rate, r.Buckets[i].Burst = 10_000, 10_000
	}
	return w.Limiter.Wait(ctx, r)
}

func (w wide) Observe(context.Context, spapi.LimitGrant, spapi.LimitReply) error { return nil }

// A gateway that is told to end lets calls under way end: each that came in is answered.
func TestDrainUnderLoad(t *testing.T) {
	w := newWorld(t, []string{"a"})
	l := w.begin(8, "a")
	l.pass(50)
	w.stop()
	if in, out := w.entered.Load(), w.answered.Load(); in != out {
		t.Errorf("%d requests came in, %d were answered", in, out)
	}
	l.pass(20)
	l.close("not accepted", "broken")
	if l.counts["200"] != int(w.answered.Load()) {
		t.Errorf("the gateway answered %d requests, and %d callers got their answer", w.answered.Load(), l.counts["200"])
	}
}
