package fleet_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/openspapi/spapi"
	"github.com/openspapi/spapi/fleet"
	"github.com/openspapi/spapi/fleet/fleettest"
	"github.com/openspapi/spapi/internal/redistest"
)

func TestTokensSuite(t *testing.T) {
	t.Run("Memory", func(t *testing.T) {
		fleettest.TestTokenStore(t, func(t *testing.T) spapi.TokenStore { return newTokens(t, redistest.Memory(t)) })
	})
	t.Run("Redis", func(t *testing.T) {
		r := redistest.Start(t)
		fleettest.TestTokenStore(t, func(t *testing.T) spapi.TokenStore {
			s := r.Virtual(t)
			if _, err := s.Do("FLUSHALL"); err != nil {
				t.Fatal(err)
			}
			return newTokens(t, s)
		})
	})
}

const (
	oneKey   = "q83vASNFZ4mrze8BI0VniavN7wEjRWeJq83vASNFZ4k="
	otherKey = "00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff"
)

func newTokens(t testing.TB, server fleet.Server, options ...fleet.Option) *fleet.Tokens {
	return newTokensWith(t, server, []string{oneKey}, options...)
}

func newTokensWith(t testing.TB, server fleet.Server, keys []string, options ...fleet.Option) *fleet.Tokens {
	t.Helper()
	var secrets []spapi.Secret
	for _, key := range keys {
		secrets = append(secrets, spapi.NewSecret(key))
	}
	s, err := fleet.NewTokens(server, secrets, options...)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// onServers runs a test on a server in memory and on a real one.
func onServers(t *testing.T, test func(t *testing.T, server *redistest.Server)) {
	t.Run("Memory", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) { test(t, redistest.Memory(t)) })
	})
	t.Run("Redis", func(t *testing.T) {
		r := redistest.Start(t)
		synctest.Test(t, func(t *testing.T) { test(t, r.Virtual(t)) })
	})
}

// line is the way of one process to the server.
type line struct {
	fleet.Server
	down, hung atomic.Bool
	runs       atomic.Int64
	drops      atomic.Int64
}

func (l *line) Run(ctx context.Context, script *fleet.Script, keys []string, args ...string) (any, error) {
	l.runs.Add(1)
	switch {
	case l.hung.Load():
		<-ctx.Done()
		return nil, ctx.Err()
	case l.down.Load():
		return nil, errors.New("connection refused")
	}
	return l.Server.Run(ctx, script, keys, args...)
}

func (l *line) Drop() {
	l.drops.Add(1)
	l.Server.Drop()
}

// process is one of a fleet.
type process struct {
	*fleet.Tokens
	line *line
	log  *logBuffer
}

// logBuffer is a log that tests read while it is written.
type logBuffer struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (b *logBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buf.Write(p)
}

func (b *logBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buf.String()
}

func newProcess(t *testing.T, server fleet.Server, keys ...string) *process {
	if len(keys) == 0 {
		keys = []string{oneKey}
	}
	p := &process{line: &line{Server: server}, log: new(logBuffer)}
	p.Tokens = newTokensWith(t, p.line, keys, fleet.WithLogger(slog.New(slog.NewTextHandler(p.log, nil))))
	return p
}

func newProcesses(t *testing.T, server fleet.Server, n int) []*process {
	all := make([]*process, n)
	for i := range all {
		all[i] = newProcess(t, server)
	}
	return all
}

func (p *process) wantLog(t *testing.T, text string, times int) {
	t.Helper()
	if got := strings.Count(p.log.String(), text); got != times {
		t.Errorf("the log says %d times %q, want %d:\n%s", got, text, times, p.log)
	}
}

// login is Login with Amazon.
type login struct {
	delay, life time.Duration
	fail        error
	fetches     atomic.Int64
	mu          sync.Mutex
	times       []time.Time
}

func newLogin() *login { return &login{delay: time.Second, life: time.Hour} }

func (l *login) request(key, secret string) spapi.TokenRequest {
	return spapi.TokenRequest{Key: key, Secret: secret, Fetch: l.fetch}
}

func (l *login) fetch(context.Context, <-chan struct{}) (spapi.Token, error) {
	l.mu.Lock()
	n, fail := l.fetches.Add(1), l.fail
	l.times = append(l.times, time.Now())
	l.mu.Unlock()
	time.Sleep(l.delay)
	if fail != nil {
		return spapi.Token{}, fail
	}
	return spapi.Token{Value: spapi.NewSecret(fmt.Sprintf("Atza|token-%d", n)), Expires: time.Now().Add(l.life)}, nil
}

func (l *login) want(t *testing.T, fetches int64) {
	t.Helper()
	if got := l.fetches.Load(); got != fetches {
		t.Errorf("%d fetches, want %d", got, fetches)
	}
}

// wantToken fails unless the process gets this token.
func wantToken(t *testing.T, s spapi.TokenStore, r spapi.TokenRequest, value string) spapi.Token {
	t.Helper()
	token, err := s.Get(t.Context(), r)
	if err != nil || token.Value.Reveal() != value {
		t.Errorf("got %q, %v, want %q", token.Value.Reveal(), err, value)
	}
	return token
}

func do(t *testing.T, server *redistest.Server, command string, args ...any) any {
	t.Helper()
	reply, err := server.Do(command, args...)
	if err != nil {
		t.Fatal(err)
	}
	return reply
}

// tokenNames are the keys on the server.
func tokenNames(t *testing.T, server *redistest.Server) []string {
	t.Helper()
	var names []string
	for _, name := range do(t, server, "KEYS", "*").([]any) {
		names = append(names, string(name.([]byte)))
	}
	return names
}

func TestTokensOfAColdFleet(t *testing.T) {
	onServers(t, func(t *testing.T, server *redistest.Server) {
		logins := []*login{newLogin(), newLogin()}
		var all sync.WaitGroup
		start := time.Now()
		for _, p := range newProcesses(t, server, 8) {
			for i := range 1000 {
				all.Go(func() {
					l := logins[i%2]
					wantToken(t, p, l.request(fmt.Sprint("seller ", i%2), "s"), "Atza|token-1")
				})
			}
		}
		all.Wait()
		for _, l := range logins {
			l.want(t, 1)
		}
		if took := time.Since(start); took > 1200*time.Millisecond {
			t.Errorf("the last was served after %s, want 1s and a look", took)
		}
		if n := server.Runs(); n > 2*8*14 {
			t.Errorf("%d scripts for two tokens of 8 processes in a second", n)
		}
	})
}

// Whoever waits behind a process that was killed takes over when its lock has run out.
func TestTokensWhenTheHolderIsKilled(t *testing.T) {
	onServers(t, func(t *testing.T, server *redistest.Server) {
		l, ps := newLogin(), newProcesses(t, server, 8)
		killed, end := l.request("k", "s"), make(chan struct{})
		killed.Fetch = func(context.Context, <-chan struct{}) (spapi.Token, error) {
			l.fetches.Add(1)
			<-end
			return spapi.Token{}, errors.New("killed")
		}
		var all, dead sync.WaitGroup
		start := time.Now()
		dead.Go(func() { _, _ = ps[0].Get(t.Context(), killed) })
		synctest.Wait()
		for _, p := range ps[1:] {
			all.Go(func() { wantToken(t, p, l.request("k", "s"), "Atza|token-2") })
		}
		time.Sleep(500 * time.Millisecond)
		ps[0].line.hung.Store(true)
		all.Wait()
		if took := time.Since(start); took < 3900*time.Millisecond || took > 4300*time.Millisecond {
			t.Errorf("served after %s, want after about 4s", took)
		}
		l.want(t, 2)
		close(end)
		dead.Wait()
	})
}

// A fetch that takes longer than a lock holds keeps it.
func TestTokensOfASlowFetch(t *testing.T) {
	onServers(t, func(t *testing.T, server *redistest.Server) {
		l, ps := newLogin(), newProcesses(t, server, 3)
		l.delay = time.Minute
		var all sync.WaitGroup
		for i, p := range ps {
			all.Go(func() { wantToken(t, p, l.request("k", "s"), "Atza|token-1") })
			if i == 0 {
				time.Sleep(5 * time.Second)
				do(t, server, "FLUSHALL") // the lock is back with its next extension
				time.Sleep(1500 * time.Millisecond)
			}
		}
		all.Wait()
		l.want(t, 1)
	})
}

func TestTokensOfShortLife(t *testing.T) {
	onServers(t, func(t *testing.T, server *redistest.Server) {
		l, ps := newLogin(), newProcesses(t, server, 8)
		l.life, l.delay = 4*time.Second, 200*time.Millisecond
		var all sync.WaitGroup
		start := time.Now()
		for _, p := range ps {
			all.Go(func() {
				if _, err := p.Get(t.Context(), l.request("k", "s")); err != nil {
					t.Error(err)
				}
				for time.Since(start) < 20*time.Second {
					time.Sleep(10 * time.Millisecond)
					asked := time.Now()
					token, err := p.Get(t.Context(), l.request("k", "s"))
					if waited := time.Since(asked); err != nil || waited > 0 || !token.Expires.After(time.Now()) {
						t.Errorf("after %s: %v, after waiting for %s, for a token that ends in %s", time.Since(start), err, waited, time.Until(token.Expires))
						return
					}
				}
			})
		}
		all.Wait()
		time.Sleep(time.Second)
		// Renewed when three quarters of its life are over at the soonest, a token serves for 3 s.
		if n := l.fetches.Load(); n < 5 || n > 7 {
			t.Errorf("%d fetches in 20s of a token that lives for 4s", n)
		}
	})
}

func TestTokensThatAllReportExpired(t *testing.T) {
	onServers(t, func(t *testing.T, server *redistest.Server) {
		l, ps := newLogin(), newProcesses(t, server, 8)
		for _, p := range ps {
			wantToken(t, p, l.request("k", "s"), "Atza|token-1")
		}
		for round := 1; round <= 2; round++ {
			expired, err := ps[0].Get(t.Context(), l.request("k", "s"))
			if err != nil {
				t.Fatal(err)
			}
			var all sync.WaitGroup
			for i, p := range ps {
				for range 20 {
					all.Go(func() {
						time.Sleep(time.Duration(i) * 400 * time.Millisecond) // the last ones come when the new token is there
						if err := p.Drop(t.Context(), "k", expired); err != nil {
							t.Error(err)
						}
						wantToken(t, p, l.request("k", "s"), fmt.Sprintf("Atza|token-%d", round+1))
					})
				}
			}
			all.Wait()
			l.want(t, int64(round+1))
		}
	})
}

// However many callers of a process report one token expired, the server is told once.
func TestTokensThatAThousandCallersReport(t *testing.T) {
	onServers(t, func(t *testing.T, server *redistest.Server) {
		l, ps := newLogin(), newProcesses(t, server, 8)
		var old spapi.Token
		for _, p := range ps {
			old = wantToken(t, p, l.request("k", "s"), "Atza|token-1")
		}
		before := server.Runs()
		var all sync.WaitGroup
		for _, p := range ps {
			for range 200 {
				all.Go(func() {
					if err := p.Drop(t.Context(), "k", old); err != nil {
						t.Error(err)
					}
					wantToken(t, p, l.request("k", "s"), "Atza|token-2")
				})
			}
		}
		all.Wait()
		l.want(t, 2)
		if n := server.Runs() - before; n > 8*16 {
			t.Errorf("%d scripts for one drop by 8 processes, and a second in which they wait", n)
		}
	})
}

// A look that read the old token before it was dropped brings it back into no memory, nor does a server that couldn't be told.
func TestTokensDroppedDuringALook(t *testing.T) {
	onServers(t, func(t *testing.T, server *redistest.Server) {
		l, p := newLogin(), newProcess(t, server)
		l.delay = 0
		expired := wantToken(t, p, l.request("k", "s"), "Atza|token-1")
		time.Sleep(56 * time.Minute)
		var slow atomic.Bool
		server.After = func(reply any, err error) (any, error) { // the first look takes its time
			if slow.CompareAndSwap(true, false) {
				time.Sleep(100 * time.Millisecond)
			}
			return reply, err
		}
		slow.Store(true)
		do(t, server, "HSET", tokenNames(t, server)[0], "lf", "9", "lu", fmt.Sprint(time.Now().Add(time.Second).UnixMilli()))
		wantToken(t, p, l.request("k", "s"), "Atza|token-1")
		time.Sleep(50 * time.Millisecond)
		if err := p.Drop(t.Context(), "k", expired); err != nil {
			t.Error(err)
		}
		time.Sleep(100 * time.Millisecond)
		expired = wantToken(t, p, l.request("k", "s"), "Atza|token-2")

		p.line.down.Store(true)
		if err := p.Drop(t.Context(), "k", expired); err != nil {
			t.Error(err)
		}
		p.line.down.Store(false)
		wantToken(t, p, l.request("k", "s"), "Atza|token-3")
	})
}

// The server wasn't told of a drop, and Amazon gives nothing, or the same token again: there is one fetch for each who asks, and no more.
func TestTokensDroppedInVain(t *testing.T) {
	onServers(t, func(t *testing.T, server *redistest.Server) {
		l, p := newLogin(), newProcess(t, server)
		expired := wantToken(t, p, l.request("k", "s"), "Atza|token-1")
		p.line.down.Store(true)
		if err := p.Drop(t.Context(), "k", expired); err != nil {
			t.Error(err)
		}
		p.line.down.Store(false)
		l.fail = &spapi.AuthError{Grant: "refresh_token", StatusCode: 503, Code: "server_error"}
		if _, err := p.Get(t.Context(), l.request("k", "s")); err == nil {
			t.Error("the dropped token was handed out")
		}
		l.want(t, 2)
		same := l.request("k", "s")
		same.Fetch = func(context.Context, <-chan struct{}) (spapi.Token, error) {
			l.fetches.Add(1)
			return expired, nil
		}
		wantToken(t, p, same, "Atza|token-1")
		wantToken(t, p, same, "Atza|token-1")
		l.want(t, 3)
	})
}

// Whoever looked before another process brought a new token, and drops after that, drops nothing.
func TestTokensWhenALateDropComes(t *testing.T) {
	onServers(t, func(t *testing.T, server *redistest.Server) {
		l, ps := newLogin(), newProcesses(t, server, 2)
		l.delay = 0
		expired := wantToken(t, ps[0], l.request("k", "s"), "Atza|token-1")
		once := true
		server.Before = func(_ context.Context, _ *fleet.Script, _, args []string) error {
			if args[0] == "drop" && once {
				once = false
				_ = ps[1].Drop(t.Context(), "k", expired)
				wantToken(t, ps[1], l.request("k", "s"), "Atza|token-2")
			}
			return nil
		}
		if err := ps[0].Drop(t.Context(), "k", expired); err != nil || once {
			t.Errorf("dropped: %t, %v", !once, err)
		}
		wantToken(t, ps[0], l.request("k", "s"), "Atza|token-2")
		l.want(t, 2)
	})
}

// A process that was stopped for long comes with an old token: a newer one stays.
func TestTokensOfALateProcess(t *testing.T) {
	onServers(t, func(t *testing.T, server *redistest.Server) {
		l, ps := newLogin(), newProcesses(t, server, 3)
		late := l.request("k", "s")
		late.Fetch = func(ctx context.Context, _ <-chan struct{}) (spapi.Token, error) {
			ps[0].line.hung.Store(true)
			time.Sleep(10 * time.Second)
			ps[0].line.hung.Store(false)
			return spapi.Token{Value: spapi.NewSecret("Atza|late"), Expires: time.Now().Add(time.Hour)}, nil
		}
		var all sync.WaitGroup
		all.Go(func() { wantToken(t, ps[0], late, "Atza|late") })
		synctest.Wait()
		wantToken(t, ps[1], l.request("k", "s"), "Atza|token-1")
		all.Wait()
		wantToken(t, ps[2], l.request("k", "s"), "Atza|token-1")
		l.want(t, 1)
	})
}

// A token that is dropped while it is being renewed comes from that renewal, which hurries from then on; the report of another process about the old
// token doesn't touch the new one.
func TestTokensDroppedDuringRenewal(t *testing.T) {
	onServers(t, func(t *testing.T, server *redistest.Server) {
		l, ps := newLogin(), newProcesses(t, server, 3)
		expired := wantToken(t, ps[0], l.request("k", "s"), "Atza|token-1")
		for _, p := range ps {
			wantToken(t, p, l.request("k", "s"), "Atza|token-1")
		}
		time.Sleep(56 * time.Minute)
		renewal := l.request("k", "s")
		hurried := make(chan time.Time, 1)
		renewal.Fetch = func(ctx context.Context, urgent <-chan struct{}) (spapi.Token, error) {
			<-urgent
			hurried <- time.Now()
			return l.fetch(ctx, urgent)
		}
		wantToken(t, ps[0], renewal, "Atza|token-1")
		time.Sleep(10 * time.Second)
		wantToken(t, ps[1], l.request("k", "s"), "Atza|token-1")
		dropped := time.Now()
		if err := ps[1].Drop(t.Context(), "k", expired); err != nil {
			t.Error(err)
		}
		wantToken(t, ps[1], l.request("k", "s"), "Atza|token-2")
		if waited := (<-hurried).Sub(dropped); waited > 1100*time.Millisecond {
			t.Errorf("the renewal hurried after %s, want within a second", waited)
		}
		if err := ps[2].Drop(t.Context(), "k", expired); err != nil {
			t.Error(err)
		}
		wantToken(t, ps[2], l.request("k", "s"), "Atza|token-2")
		l.want(t, 2)
	})
}

// What Amazon refuses to one process it would refuse to all that have the same secret.
func TestTokensRefusedToAll(t *testing.T) {
	auth := &spapi.AuthError{Grant: "refresh_token", StatusCode: 401, Code: "invalid_client", Description: "no Atza|canary-4711", RequestID: "r-1"}
	api := &spapi.APIError{Operation: "tokens20210301.createRestrictedDataToken", StatusCode: 403, Code: "Unauthorized", Message: "Access denied",
		RequestID: "r-2", Errors: []spapi.ErrorItem{{Code: "Unauthorized", Message: "Access denied"}}}
	for _, refusal := range []error{auth, api} {
		onServers(t, func(t *testing.T, server *redistest.Server) {
			l, ps := newLogin(), newProcesses(t, server, 3)
			l.fail = refusal
			for _, p := range ps[:2] {
				_, err := p.Get(t.Context(), l.request("k", "old"))
				if !spapi.IsTokenRefused(err) || err.Error() != strings.Replace(refusal.Error(), "Atza|canary-4711", "REDACTED", 1) && p == ps[1] {
					t.Errorf("got %v, want %v", err, refusal)
				}
			}
			l.want(t, 1)
			l.fail = nil
			wantToken(t, ps[0], l.request("k", "new"), "Atza|token-2")
			ps[0].wantLog(t, "can't be opened", 0)
			wantToken(t, ps[2], l.request("k", "old"), "Atza|token-2") // it is there: whose secret brought it matters to nobody

			l.fail = refusal
			if _, err := ps[0].Get(t.Context(), l.request("other", "old")); !spapi.IsTokenRefused(err) {
				t.Errorf("got %v", err)
			}
			l.fail = nil
			time.Sleep(61 * time.Second)
			wantToken(t, ps[2], l.request("other", "old"), "Atza|token-4")
		})
	}
}

// What failed for reasons of one process says nothing about another.
func TestTokensRefusedToOne(t *testing.T) {
	onServers(t, func(t *testing.T, server *redistest.Server) {
		l, ps := newLogin(), newProcesses(t, server, 2)
		for i, own := range []error{errUntrusted, &spapi.LimitError{Wait: time.Hour}, errors.New("of its own")} {
			key := fmt.Sprint("k", i)
			l.fail = own
			var all sync.WaitGroup
			all.Go(func() {
				if _, err := ps[0].Get(t.Context(), l.request(key, "s")); !errors.Is(err, own) {
					t.Errorf("got %v, want %v", err, own)
				}
			})
			synctest.Wait()
			l.mu.Lock()
			l.fail = nil
			l.mu.Unlock()
			wantToken(t, ps[1], l.request(key, "s"), fmt.Sprintf("Atza|token-%d", 2*i+2))
			all.Wait()
		}
	})
}

var errUntrusted = &spapi.AuthError{Grant: "refresh_token", Err: errors.New("tls: certificate of an unknown authority")}

// All who wait for a fetch are told of its failure, whichever process they are in; whoever comes later asks anew.
func TestTokensFailureIsToldToAllWhoWait(t *testing.T) {
	onServers(t, func(t *testing.T, server *redistest.Server) {
		l, ps := newLogin(), newProcesses(t, server, 8)
		l.fail = &spapi.AuthError{Grant: "refresh_token", StatusCode: 503, Code: "server_error"}
		var all sync.WaitGroup
		start := time.Now()
		for _, p := range ps {
			all.Go(func() {
				if _, err := p.Get(t.Context(), l.request("k", "s")); err == nil || err.Error() != l.fail.Error() {
					t.Errorf("got %v, want %v", err, l.fail)
				}
			})
		}
		all.Wait()
		l.want(t, 1)
		if took := time.Since(start); took > 1200*time.Millisecond {
			t.Errorf("told after %s, want after 1s and a look", took)
		}
		l.fail = nil
		wantToken(t, ps[3], l.request("k", "s"), "Atza|token-2")
	})
}

// A renewal that fails pauses for all: the fleet asks no more often than one process would.
func TestTokensFailedRenewalPausesForAll(t *testing.T) {
	onServers(t, func(t *testing.T, server *redistest.Server) {
		l, ps := newLogin(), newProcesses(t, server, 8)
		var token spapi.Token
		for _, p := range ps {
			token = wantToken(t, p, l.request("k", "s"), "Atza|token-1")
		}
		l.fail = &spapi.AuthError{Grant: "refresh_token", StatusCode: 503, Code: "server_error"}
		for time.Until(token.Expires) > 5*time.Second {
			time.Sleep(time.Second)
			for _, p := range ps {
				wantToken(t, p, l.request("k", "s"), "Atza|token-1")
			}
		}
		if n := l.fetches.Load() - 1; n < 3 || n > 8 {
			t.Errorf("%d attempts to renew, want 3 to 8: after pauses of 15s, 30s, and so on", n)
		}
		time.Sleep(2 * l.delay) // one may be under way
	})
}

// A fetch that panics leaves no lock behind.
func TestTokensOfAFetchThatPanics(t *testing.T) {
	onServers(t, func(t *testing.T, server *redistest.Server) {
		l, ps := newLogin(), newProcesses(t, server, 2)
		broken := l.request("k", "s")
		broken.Fetch = func(context.Context, <-chan struct{}) (spapi.Token, error) { panic("boom") }
		if _, err := ps[0].Get(t.Context(), broken); err == nil || !strings.Contains(err.Error(), "boom") {
			t.Errorf("got %v", err)
		}
		start := time.Now()
		wantToken(t, ps[1], l.request("k", "s"), "Atza|token-1")
		if took := time.Since(start); took > l.delay {
			t.Errorf("another process was served after %s, want %s", took, l.delay)
		}
	})
}

// BenchmarkTokens is what each call needs: a token that is in memory.
func BenchmarkTokens(b *testing.B) {
	s, l := newTokens(b, redistest.Memory(b)), newLogin()
	l.delay = 0
	r := l.request("k", "s")
	b.ReportAllocs()
	for b.Loop() {
		if _, err := s.Get(b.Context(), r); err != nil {
			b.Fatal(err)
		}
	}
}
