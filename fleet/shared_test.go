package fleet_test

import (
	"context"
	"errors"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/openspapi/spapi/fleet"
	"github.com/openspapi/spapi/fleet/fleettest"
	"github.com/openspapi/spapi/internal/redistest"
)

func TestSharedOnMemory(t *testing.T) {
	if !prove {
		t.Skip("SKIPPED: with a server in memory it takes minutes, and TestSharedOnRedis has the same: make prove-fleet")
	}
	t.Parallel()
	fleettest.TestShared(t, func(t *testing.T, n int) fleettest.Shared { return newShared(t, redistest.Memory(t), n) })
}

func TestSharedOnRedis(t *testing.T) {
	redis := redistest.Start(t)
	t.Parallel()
	fleettest.TestShared(t, func(t *testing.T, n int) fleettest.Shared {
		s := redis.Virtual(t)
		if _, err := s.Do("FLUSHALL"); err != nil {
			t.Fatal(err)
		}
		return newShared(t, s, n)
	})
}

// newShared makes limiters on one server, each by a way of its own.
func newShared(t *testing.T, server *redistest.Server, n int) (s fleettest.Shared) {
	var every, runs atomic.Int64
	ways := make([]*way, n)
	for i := range ways {
		ways[i] = &way{Server: server, every: &every, runs: &runs}
		l := fleet.NewLimiter(ways[i], fleet.WithProcesses(n))
		t.Cleanup(func() { _ = l.Close() })
		s.Limiters = append(s.Limiters, l)
	}
	s.Cut = func(i int) func() { return ways[i].setCut() }
	s.Stop = func(i int) func() { return ways[i].stop() }
	s.Wipe = func() {
		if _, err := server.Do("FLUSHALL"); err != nil {
			t.Error(err)
		}
	}
	s.Repeat = func(n int) { every.Store(int64(n)) }
	return s
}

// way is how one process reaches a server: it takes a fraction of a millisecond, may be cut, and the process may stand still.
type way struct {
	*redistest.Server
	every, runs *atomic.Int64 // every so many runs of all is done twice

	mu   sync.Mutex
	cut  bool
	held chan struct{} // closed when the process goes on
}

func (w *way) setCut() (restore func()) {
	set := func(cut bool) {
		w.mu.Lock()
		defer w.mu.Unlock()
		w.cut = cut
	}
	set(true)
	return func() { set(false) }
}

func (w *way) stop() (resume func()) {
	held := make(chan struct{})
	set := func(c chan struct{}) {
		w.mu.Lock()
		defer w.mu.Unlock()
		w.held = c
	}
	set(held)
	return func() {
		set(nil)
		close(held)
	}
}

func (w *way) isCut() bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.cut
}

var errCut = errors.New("connection refused")

func (w *way) Run(ctx context.Context, script *fleet.Script, keys []string, args ...string) (any, error) {
	half := func() { time.Sleep(50*time.Microsecond + rand.N(150*time.Microsecond)) }
	half()
	if w.isCut() {
		return nil, errCut
	}
	if n := w.every.Load(); n > 0 && w.runs.Add(1)%n == 0 {
		if _, err := w.Server.Run(ctx, script, keys, args...); err != nil {
			return nil, err
		}
	}
	reply, err := w.Server.Run(ctx, script, keys, args...)
	half()
	w.mu.Lock()
	held := w.held
	w.mu.Unlock()
	if held != nil {
		<-held
	}
	return reply, err
}
