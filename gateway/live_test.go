package gateway

import (
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/openspapi/spapi"
	"github.com/openspapi/spapi/internal/redistest"
)

// block sets a kill switch.
func block(t *testing.T, s State, b Block) {
	t.Helper()
	if err := b.Check(); err != nil {
		t.Fatal(err)
	}
	if err := s.Update(t.Context(), func(r *Records) error { r.Blocks = append(r.Blocks, b); return nil }); err != nil {
		t.Fatal(err)
	}
}

// A block holds for the caller, the account, or the one for the other, within five seconds; it says why, and others go on.
func TestBlocks(t *testing.T) {
	since := time.Date(2026, 11, 26, 0, 0, 0, 0, time.UTC)
	for _, c := range []struct {
		name    string
		block   Block
		stopped []string // "caller account"
		want    string
	}{
		{"caller", Block{Caller: "a", Reason: "sends nonsense", Since: since}, []string{"a de-1", "a de-2"}, `calls of "a" are stopped since 2026-11-26T00:00:00Z: sends nonsense. Whoever`},
		{"account", Block{Account: "de-1", Since: since}, []string{"a de-1", "b de-1"}, `calls for the account "de-1" are stopped since`},
		{"both", Block{Caller: "a", Account: "de-1", Since: since}, []string{"a de-1"}, `calls of "a" for the account "de-1" are stopped`},
		{"nobody", Block{Caller: "c", Since: since}, nil, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				state, secrets := new(keptInMemory), map[string]string{}
				for _, name := range []string{"a", "b"} {
					_, secrets[name] = state.make(t, Key{Name: name, Scope: wholeScope})
				}
				g, wire := keyGateway(t, state, nil)
				check := func(stopped []string) {
					t.Helper()
					for _, caller := range []string{"a", "b"} {
						for _, account := range []string{"de-1", "de-2"} {
							w := askAs(g, "GET", readPath, secrets[caller], "-", "X-Spapi-Account", "X-Spapi-Account", account)
							no := false
							for _, s := range stopped {
								no = no || s == caller+" "+account
							}
							if sent := wire.take(); no != (w.Code == 403) || no != (len(sent) == 0) || no && !strings.Contains(detailsOf(t, w), c.want) {
								t.Errorf("%s for %s: %d %s", caller, account, w.Code, w.Body)
							}
						}
					}
				}
				check(nil)
				block(t, state, c.block)
				time.Sleep(5 * time.Second)
				check(c.stopped)
				_ = state.Update(t.Context(), func(r *Records) error { r.Blocks = nil; return nil })
				time.Sleep(5 * time.Second)
				check(nil)
			})
		})
	}
	for _, b := range []Block{{}, {Caller: "a\nb"}, {Account: " x"}, {Caller: "a", Reason: strings.Repeat("x", 501)}} {
		if err := b.Check(); err == nil {
			t.Errorf("%+v is taken", b)
		}
	}
}

// slowly answers when it is told to.
type slowly struct {
	*httptest.ResponseRecorder
	done chan struct{}
}

func begin(g *Gateway, method, path, key string) slowly {
	s := slowly{httptest.NewRecorder(), make(chan struct{})}
	r := httptest.NewRequest(method, path, nil)
	r.Host = "localhost"
	r.Header.Set("X-Api-Key", key)
	r.Header.Set("X-Spapi-Account", "de-1")
	go func() {
		defer close(s.done)
		g.ServeHTTP(s, r)
	}()
	return s
}

func (s slowly) ended() bool {
	select {
	case <-s.done:
		return true
	default:
		return false
	}
}

// A kill switch, a revocation and an expiry end what waits for a limit before it is sent, and reads that were sent; a write that was sent gets its answer. Others go on.
func TestKillSwitchEndsCallsUnderWay(t *testing.T) {
	for name, kill := range map[string]func(t *testing.T, s *keptInMemory, k Key){
		"block the caller": func(t *testing.T, s *keptInMemory, k Key) { block(t, s, Block{Caller: k.Name, Since: time.Now()}) },
		"block the account": func(t *testing.T, s *keptInMemory, k Key) {
			block(t, s, Block{Caller: "a", Account: "de-1", Since: time.Now()})
		},
		"revoke": func(t *testing.T, s *keptInMemory, k Key) { s.alter(t, k.ID, func(k *Key) { k.Revoked = time.Now() }) },
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				state := new(keptInMemory)
				k, secret := state.make(t, Key{Name: "a", Scope: plainScope})
				_, other := state.make(t, Key{Name: "b", Scope: plainScope})
				g, wire := keyGateway(t, state, func(c *Config) { c.Options = append(c.Options, spapi.WithLimiter(spapi.NewLimiter())) })
				var sent atomic.Int64
				wire.before = func(r *http.Request) error {
					sent.Add(1)
					select {
					case <-r.Context().Done():
						return r.Context().Err()
					case <-time.After(50 * time.Second): // a minute is as long as an attempt may take
						return nil
					}
				}
				const write = "/orders/v0/orders/1/shipmentConfirmation"
				read, written := begin(g, "GET", readPath, secret), begin(g, "POST", write, secret)
				synctest.Wait()
				if n := sent.Load(); n != 2 {
					t.Fatalf("%d are sent", n)
				}
				var waiting []slowly // the bucket has 20, and gives one in a minute
				for n := range 19 {
					begin(g, "GET", fmt.Sprint(readPath, "?NextToken=", n), other)
				}
				synctest.Wait()
				for n := range 5 {
					waiting = append(waiting, begin(g, "GET", fmt.Sprint(readPath, "?NextToken=a", n), secret))
				}
				othersWaits := begin(g, "GET", readPath+"?NextToken=last", other)
				synctest.Wait()
				before := sent.Load()
				kill(t, state, k)
				time.Sleep(5 * time.Second)
				if !read.ended() || written.ended() || othersWaits.ended() {
					t.Errorf("ended: read %v, want true; write %v, other's %v, want false", read.ended(), written.ended(), othersWaits.ended())
				}
				for _, w := range waiting {
					if !w.ended() {
						t.Error("a call that waits goes on")
					}
				}
				time.Sleep(2 * time.Minute)
				<-written.done
				if written.Code != 200 {
					t.Errorf("the write is answered %d %s", written.Code, written.Body)
				}
				<-othersWaits.done
				if othersWaits.Code != 200 {
					t.Errorf("the other's call is answered %d %s", othersWaits.Code, othersWaits.Body)
				}
				if n := sent.Load() - before; n != 1 {
					t.Errorf("%d were sent after that, want the other's", n)
				}
				time.Sleep(10 * time.Minute)
				if g.live.mu.Lock(); len(g.live.all) != 0 {
					t.Errorf("%d are remembered", len(g.live.all))
				}
				g.live.mu.Unlock()
			})
		})
	}
}

// Who makes a call for others, too, gets no answer once its key has ended; the others do.
func TestLeaderEnds(t *testing.T) {
	for name, size := range map[string]int{"short": 100, "longer than what is kept": maxShared + 100} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				state := new(keptInMemory)
				k, secret := state.make(t, Key{Name: "a", Scope: plainScope})
				_, other := state.make(t, Key{Name: "b", Scope: plainScope})
				canary := strings.Repeat("canary", size/6+1)
				a := &proxiedAmazon{answer: func(w http.ResponseWriter, _ *http.Request) {
					time.Sleep(30 * time.Second)
					_, _ = io.WriteString(w, canary)
				}}
				g, _ := keyGateway(t, state, func(c *Config) { c.Options = append(c.Options, spapi.WithTransport(inMemory{a})) })
				const path = "/sellers/v1/marketplaceParticipations"
				first := begin(g, "GET", path, secret)
				synctest.Wait()
				second := begin(g, "GET", path, other)
				synctest.Wait()
				if n := len(a.requests()); n != 1 {
					t.Fatalf("%d requests", n)
				}
				state.alter(t, k.ID, func(k *Key) { k.Revoked = time.Now() })
				<-first.done
				if first.Code != 401 || strings.Contains(first.Body.String(), "canary") {
					t.Errorf("whose key has ended gets %d and %d bytes", first.Code, first.Body.Len())
				}
				<-second.done
				if second.Code != 200 || second.Body.String() != canary {
					t.Errorf("the other gets %d and %d bytes of %d", second.Code, second.Body.Len(), len(canary))
				}
			})
		})
	}
}

// Nothing of a key that expires while its call waits is sent.
func TestExpiresWhileWaiting(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		state := new(keptInMemory)
		_, secret := state.make(t, Key{Name: "a", Scope: plainScope, Expires: time.Now().Add(30 * time.Second)})
		g, wire := keyGateway(t, state, func(c *Config) { c.Options = append(c.Options, spapi.WithLimiter(spapi.NewLimiter())) })
		var calls []slowly
		for n := range 21 {
			calls = append(calls, begin(g, "GET", fmt.Sprint(readPath, "?NextToken=", n), secret))
		}
		for _, c := range calls {
			<-c.done
		}
		if sent := wire.take(); len(sent) != 20 {
			t.Errorf("%d were sent, want 20", len(sent))
		}
	})
}

// What can't be read is told once, shown, and leaves what was known; without anything known all is refused.
func TestStateAway(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var log lockedBuilder
		state := new(keptInMemory)
		_, secret := state.make(t, Key{Name: "a", Scope: plainScope})
		away := errors.New("the disk is full of bees")
		state.fail(away)
		g, wire := keyGateway(t, state, func(c *Config) { c.Logger = slog.New(slog.NewTextHandler(&log, nil)) })
		health := func(wantLoaded, wantErr bool, wantSince time.Time) {
			t.Helper()
			if loaded, since, err := g.stateHealth(); loaded != wantLoaded || (err != nil) != wantErr || !since.Equal(wantSince) {
				t.Errorf("loaded %v, since %v, %v; want %v, %v, %v", loaded, since, err, wantLoaded, wantSince, wantErr)
			}
		}
		start := time.Now()
		health(false, true, start)
		time.Sleep(time.Minute + time.Second) // between two looks
		if w := askAs(g, "GET", readPath, secret); w.Code != 503 || len(wire.take()) != 0 {
			t.Errorf("nothing known: %d %s", w.Code, w.Body)
		}
		health(false, true, start)
		if n := strings.Count(log.String(), "bees"); n != 1 {
			t.Errorf("told %d times: %s", n, log.String())
		}
		state.fail(nil)
		time.Sleep(lookEvery)
		back := time.Now().Add(-time.Second)
		health(true, false, back)
		if w := askAs(g, "GET", readPath, secret); w.Code != 200 {
			t.Errorf("known: %d %s", w.Code, w.Body)
		}
		state.fail(away)
		time.Sleep(time.Hour)
		health(true, true, back.Add(lookEvery))
		if w := askAs(g, "GET", readPath, secret); w.Code != 200 {
			t.Errorf("away: %d %s", w.Code, w.Body)
		}
		if n := strings.Count(log.String(), "bees"); n != 2 {
			t.Errorf("told %d times: %s", n, log.String())
		}
		state.fail(nil)
		time.Sleep(lookEvery)
		if !strings.Contains(log.String(), "can be read again") {
			t.Errorf("the end isn't told: %s", log.String())
		}
		looks := state.loads
		_ = g.Close()
		time.Sleep(time.Hour)
		if state.loads != looks {
			t.Error("it looks after Close")
		}
	})
}

type lockedBuilder struct {
	mu sync.Mutex
	b  strings.Builder
}

func (l *lockedBuilder) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *lockedBuilder) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

// Two gateways on one server: what is made, revoked or blocked by a third holds at both within five seconds, and after FLUSHALL, too.
func TestTwoGateways(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		server := redistest.Memory(t)
		command := sharedOn(t, server, t.TempDir())
		var gateways []*Gateway
		for range 2 {
			g, _ := keyGateway(t, sharedOn(t, server, t.TempDir()), func(c *Config) { c.Local = wholeScope })
			gateways = append(gateways, g)
		}
		change := func(f func(*Records)) {
			t.Helper()
			if err := command.Update(t.Context(), func(r *Records) error { f(r); return nil }); err != nil {
				t.Fatal(err)
			}
			time.Sleep(5 * time.Second)
		}
		want := func(what string, status int, key string) {
			t.Helper()
			for i, g := range gateways {
				if w := askAs(g, "GET", readPath, key); w.Code != status {
					t.Errorf("%s: gateway %d answers %d %s, want %d", what, i, w.Code, w.Body, status)
				}
			}
		}
		k, secret, err := NewKey(Key{Name: "a", Scope: plainScope, Created: time.Now()})
		if err != nil {
			t.Fatal(err)
		}
		k2, secret2, err := NewKey(Key{Name: "b", Scope: plainScope, Created: time.Now()})
		if err != nil {
			t.Fatal(err)
		}
		want("at first", 200, "")
		change(func(r *Records) { r.Keys = append(r.Keys, k, k2) })
		want("made", 200, secret.Reveal())
		want("without", 401, "")
		change(func(r *Records) { r.Blocks = append(r.Blocks, Block{Caller: "a", Since: time.Now()}) })
		want("blocked", 403, secret.Reveal())
		want("other", 200, secret2.Reveal())
		change(func(r *Records) { r.Blocks, r.Keys[0].Revoked = nil, time.Now() })
		want("revoked", 401, secret.Reveal())
		if _, err := server.Do("FLUSHALL"); err != nil {
			t.Fatal(err)
		}
		time.Sleep(5 * time.Second)
		want("revoked, after FLUSHALL", 401, secret.Reveal())
		want("other, after FLUSHALL", 200, secret2.Reveal())
		want("without, after FLUSHALL", 401, "")
		if r, err := sharedOn(t, server, "").Load(t.Context()); err != nil || len(r.Keys) != 2 {
			t.Errorf("the server has %+v, %v", r, err)
		}
	})
}

// BenchmarkLive is what the kill switch costs each call.
func BenchmarkLive(b *testing.B) {
	state := new(keptInMemory)
	k, _ := state.make(b, Key{Name: "a", Scope: plainScope})
	g, _ := keyGateway(b, state, nil)
	for i := range 10_000 {
		x := &exchange{g: g, r: httptest.NewRequest("GET", readPath, nil), caller: caller{key: &k, account: fmt.Sprint(i)}}
		x.enter()
		defer x.leave()
	}
	r := httptest.NewRequest("GET", readPath, nil)
	b.Run("call", func(b *testing.B) {
		b.ReportAllocs()
		b.RunParallel(func(pb *testing.PB) {
			for pb.Next() {
				x := &exchange{g: g, r: r, caller: caller{key: &k, account: "de-1"}}
				x.enter()
				x.leave()
			}
		})
	})
	b.Run("change beside 10000 calls", func(b *testing.B) {
		for b.Loop() {
			g.live.sweep()
		}
	})
}
