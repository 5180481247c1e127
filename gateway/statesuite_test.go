package gateway

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/openspapi/spapi/fleet"
	"github.com/openspapi/spapi/fleet/goredis"
	"github.com/openspapi/spapi/internal/redistest"
)

var stateSecret = []byte("0123456789abcdef0123456789abcdef")

// sharedOn opens a Shared for a test.
func sharedOn(t *testing.T, server fleet.Server, folder string) *Shared {
	t.Helper()
	s, err := NewShared(server, SharedConfig{Secret: stateSecret, Folder: folder, Logger: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// realRedis opens the adapter that the command uses, on a redis-server.
func realRedis(t *testing.T) (*redistest.Redis, func() fleet.Server) {
	r := redistest.Start(t)
	return r, func() fleet.Server {
		s, err := goredis.Open("unix://" + r.Socket)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = s.Close() })
		return s
	}
}

// TestStates is what every State must do. open opens one more on the same place.
func TestStates(t *testing.T) {
	for name, place := range map[string]func(t *testing.T) (open func() State){
		"folder": func(t *testing.T) func() State {
			dir := t.TempDir() + "/new/folder"
			return func() State { return NewFolder(dir) }
		},
		"shared": func(t *testing.T) func() State {
			server := redistest.Memory(t)
			return func() State { return sharedOn(t, server, "") }
		},
		"shared, with a copy": func(t *testing.T) func() State {
			server, dir := redistest.Memory(t), t.TempDir()
			return func() State { return sharedOn(t, server, dir) }
		},
		"shared on redis-server": func(t *testing.T) func() State {
			_, server := realRedis(t)
			return func() State { return sharedOn(t, server(), t.TempDir()) }
		},
	} {
		t.Run(name, func(t *testing.T) { stateSuite(t, place) })
	}
}

func stateSuite(t *testing.T, place func(t *testing.T) func() State) {
	full := Records{Keys: []Key{{ID: "abcdefghij", Name: "shöp \"app\"", Hash: Hash{1, 2, 255}, Scope: Scope{Accounts: []string{"de-*"}, Operations: []string{"*"}, Write: true},
		Account: "de-1", Created: time.Date(2026, 11, 26, 1, 2, 3, 4000, time.UTC), Expires: time.Date(2027, 1, 1, 0, 0, 0, 0, time.UTC)}},
		Blocks: []Block{{Caller: "a", Reason: "r", Since: time.Date(2026, 11, 26, 0, 0, 0, 0, time.UTC)}}}
	load := func(t *testing.T, s State) *Records {
		t.Helper()
		r, err := s.Load(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		return r
	}
	update := func(t *testing.T, s State, change func(*Records) error) {
		t.Helper()
		if err := s.Update(t.Context(), change); err != nil {
			t.Fatal(err)
		}
	}
	t.Run("begins empty, keeps all", func(t *testing.T) {
		open := place(t)
		a, b := open(), open()
		if r := load(t, a); len(r.Keys)+len(r.Blocks) != 0 {
			t.Errorf("it begins with %+v", r)
		}
		update(t, a, func(r *Records) error { *r = full; return nil })
		for _, s := range []State{a, b, open()} {
			if got, want := fmt.Sprintf("%+v", *load(t, s)), fmt.Sprintf("%+v", full); got != want {
				t.Errorf("got  %s\nwant %s", got, want)
			}
		}
		if first, again := load(t, a), load(t, a); first != again {
			t.Error("what has not changed is read anew")
		}
	})
	t.Run("a refused change changes nothing", func(t *testing.T) {
		s, no := place(t)(), errors.New("no")
		update(t, s, func(r *Records) error { *r = full; return nil })
		before := load(t, s)
		err := s.Update(t.Context(), func(r *Records) error {
			r.Keys[0].Name, r.Keys[0].Scope.Accounts[0] = "other", "other"
			return no
		})
		if !errors.Is(err, no) || errors.Is(err, ErrUnsure) {
			t.Errorf("the error is %v", err)
		}
		if before.Keys[0].Name != full.Keys[0].Name || before.Keys[0].Scope.Accounts[0] != "de-*" || load(t, s).Keys[0].Name != full.Keys[0].Name {
			t.Error("it has changed")
		}
	})
	t.Run("what was handed out stays", func(t *testing.T) {
		s := place(t)()
		update(t, s, func(r *Records) error { *r = full; return nil })
		before := load(t, s)
		update(t, s, func(r *Records) error { r.Keys[0].Name, r.Keys[0].Scope.Operations[0] = "other", "x"; return nil })
		if before.Keys[0].Name != full.Keys[0].Name || before.Keys[0].Scope.Operations[0] != "*" {
			t.Error("a change alters records that were handed out")
		}
		if load(t, s).Keys[0].Name != "other" {
			t.Error("the change isn't there")
		}
	})
	t.Run("of changes at the same time none is lost", func(t *testing.T) {
		const workers, each = 4, 8
		open := place(t)
		var all sync.WaitGroup
		for w := range workers {
			s := open()
			all.Go(func() {
				for i := range each {
					if err := s.Update(t.Context(), func(r *Records) error {
						r.Keys = append(r.Keys, Key{ID: fmt.Sprintf("worker%d-%02d", w, i)})
						return nil
					}); err != nil {
						t.Error(err)
					}
				}
			})
		}
		all.Wait()
		ids := map[string]bool{}
		for _, k := range load(t, open()).Keys {
			ids[k.ID] = true
		}
		if len(ids) != workers*each {
			t.Errorf("%d of %d changes are there", len(ids), workers*each)
		}
	})
	t.Run("ends with its context", func(t *testing.T) {
		s := place(t)()
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		err := s.Update(ctx, func(r *Records) error { *r = full; return nil })
		if r := load(t, s); (err == nil) != slices.ContainsFunc(r.Keys, func(k Key) bool { return k.ID == full.Keys[0].ID }) {
			t.Errorf("the error is %v, and there are %d keys", err, len(r.Keys))
		}
	})
}
