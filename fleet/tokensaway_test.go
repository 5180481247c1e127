package fleet_test

import (
	"fmt"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/openspapi/spapi/internal/redistest"
)

// Without the server each process has what is in its memory, then fetches its own, not all at one moment. It is told once, and over when the server is back.
func TestTokensWhileTheServerIsAway(t *testing.T) {
	for name, cut := range map[string]func(l *line, away bool){
		"down": func(l *line, away bool) { l.down.Store(away) },
		"hung": func(l *line, away bool) { l.hung.Store(away) },
	} {
		t.Run(name, func(t *testing.T) {
			onServers(t, func(t *testing.T, server *redistest.Server) {
				l, ps := newLogin(), newProcesses(t, server, 8)
				everyone := func(key string) (slowest time.Duration) {
					var all sync.WaitGroup
					var mu sync.Mutex
					for _, p := range ps {
						all.Go(func() {
							start := time.Now()
							if _, err := p.Get(t.Context(), l.request(key, "s")); err != nil {
								t.Error(err)
							}
							mu.Lock()
							defer mu.Unlock()
							slowest = max(slowest, time.Since(start))
						})
					}
					all.Wait()
					return slowest
				}
				everyone("k")
				l.want(t, 1)
				for _, p := range ps {
					cut(p.line, true)
				}
				if waited := everyone("k"); waited != 0 {
					t.Errorf("waited %s for what is in memory", waited)
				}
				if waited := everyone("new"); waited > 3600*time.Millisecond {
					t.Errorf("waited %s, want 2s and a fetch at most", waited)
				}
				l.want(t, 9)
				first, last := l.times[1], l.times[8]
				if last.Sub(first) < 300*time.Millisecond {
					t.Errorf("8 fetches within %s, want them spread over 2s", last.Sub(first))
				}

				// Renewals are fetched so too, and nobody waits for them.
				for range 59 {
					time.Sleep(time.Minute)
					if waited := everyone("k"); waited != 0 {
						t.Errorf("waited %s while the token in hand was valid", waited)
					}
				}
				time.Sleep(3 * time.Second)
				if n := l.fetches.Load(); n != 17 {
					t.Errorf("%d fetches, want one of each process", n-9)
				}
				for _, p := range ps {
					p.wantLog(t, "this process fetches its own tokens", 1)
					p.wantLog(t, "tokens are shared again", 0)
					if p.line.drops.Load() == 0 {
						t.Error("connections to a server that is away were kept")
					}
					cut(p.line, false)
				}
				everyone("another")
				l.want(t, 18)
				for _, p := range ps {
					p.wantLog(t, "this process fetches its own tokens", 1)
					p.wantLog(t, "tokens are shared again", 1)
				}
			})
		})
	}
}

// A connection that broke costs a pause, not a fetch.
func TestTokensWhenAConnectionBreaks(t *testing.T) {
	onServers(t, func(t *testing.T, server *redistest.Server) {
		l, ps := newLogin(), newProcesses(t, server, 2)
		wantToken(t, ps[0], l.request("k", "s"), "Atza|token-1")
		ps[1].line.down.Store(true)
		var all sync.WaitGroup
		all.Go(func() { wantToken(t, ps[1], l.request("k", "s"), "Atza|token-1") })
		synctest.Wait()
		ps[1].line.down.Store(false)
		all.Wait()
		l.want(t, 1)
	})
}

// A server that goes away while a token is fetched costs those who wait nothing but a fetch of their own.
func TestTokensWhenTheServerGoesDuringAFetch(t *testing.T) {
	onServers(t, func(t *testing.T, server *redistest.Server) {
		l, ps := newLogin(), newProcesses(t, server, 8)
		var all sync.WaitGroup
		for _, p := range ps {
			all.Go(func() {
				if _, err := p.Get(t.Context(), l.request("k", "s")); err != nil {
					t.Error(err)
				}
			})
		}
		time.Sleep(time.Second / 2)
		for _, p := range ps {
			p.line.down.Store(true)
		}
		all.Wait()
		l.want(t, 8)
	})
}

// All that lay on the server is lost: processes have their tokens, the next renewal is that of all again, and the drop of one that is gone is none.
func TestTokensAfterFlushall(t *testing.T) {
	onServers(t, func(t *testing.T, server *redistest.Server) {
		l, ps := newLogin(), newProcesses(t, server, 8)
		for _, p := range ps {
			wantToken(t, p, l.request("k", "s"), "Atza|token-1")
		}
		do(t, server, "FLUSHALL")
		for _, p := range ps {
			wantToken(t, p, l.request("k", "s"), "Atza|token-1")
		}
		time.Sleep(56 * time.Minute)
		for _, p := range ps {
			wantToken(t, p, l.request("k", "s"), "Atza|token-1") // and one of them renews it
		}
		time.Sleep(2 * time.Second)
		var renewed = wantToken(t, newProcess(t, server), l.request("k", "s"), "Atza|token-2")
		l.want(t, 2)
		do(t, server, "FLUSHALL")
		if err := ps[0].Drop(t.Context(), "k", renewed); err != nil {
			t.Error(err)
		}
		wantToken(t, ps[0], l.request("k", "s"), "Atza|token-3")
	})
}

// The server's clock is set back while somebody holds a lock, or has been refused: neither holds for longer than it would have.
func TestTokensWhenTheClockIsSetBack(t *testing.T) {
	onServers(t, func(t *testing.T, server *redistest.Server) {
		l := newLogin()
		wantToken(t, newProcess(t, server), l.request("k", "s"), "Atza|token-1")
		name := tokenNames(t, server)[0]
		ahead := fmt.Sprint(time.Now().Add(time.Hour).UnixMilli())
		do(t, server, "HSET", name, "x", "0", "lf", "7", "lu", ahead)
		start := time.Now()
		wantToken(t, newProcess(t, server), l.request("k", "s"), "Atza|token-2")
		if took := time.Since(start); took > l.delay {
			t.Errorf("waited %s for a lock that nobody holds", took)
		}
	})
}
