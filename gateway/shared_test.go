package gateway

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/openspapi/spapi/fleet"
	"github.com/openspapi/spapi/internal/redistest"
)

// addKey changes a state.
func addKey(t *testing.T, s State, id string) {
	t.Helper()
	if err := s.Update(t.Context(), func(r *Records) error { r.Keys = append(r.Keys, Key{ID: id}); return nil }); err != nil {
		t.Fatal(err)
	}
}

// idsOf reads the IDs of a state's keys.
func idsOf(t *testing.T, s State) string {
	t.Helper()
	r, err := s.Load(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	var ids []string
	for _, k := range r.Keys {
		ids = append(ids, k.ID)
	}
	return strings.Join(ids, " ")
}

// What the server loses is written back by whoever knew it, and the newest version wins in the end, in whatever order they come.
func TestSharedSurvivesLoss(t *testing.T) {
	r, server := realRedis(t)
	folder := t.TempDir()
	a, b := sharedOn(t, server(), folder), sharedOn(t, server(), "")
	addKey(t, a, "one")
	if got := idsOf(t, b); got != "one" {
		t.Fatalf("b has %q", got)
	}
	addKey(t, a, "two") // b hasn't seen that
	r.Do(t, "FLUSHALL")
	if got := idsOf(t, b); got != "one" { // it writes back what it has
		t.Errorf("b has %q", got)
	}
	if got := idsOf(t, a); got != "one two" {
		t.Errorf("a has %q", got)
	}
	for _, s := range []State{b, sharedOn(t, server(), "")} {
		if got := idsOf(t, s); got != "one two" {
			t.Errorf("after a: %q", got)
		}
	}
	r.Do(t, "FLUSHALL")
	addKey(t, sharedOn(t, server(), folder), "three") // a command on the machine of a: its copy is all that is left
	if got := idsOf(t, b); got != "one two three" {
		t.Errorf("after a loss that a command has met first: %q", got)
	}
	if ttl := r.Do(t, "PTTL", sharedKey("")); fmt.Sprint(ttl) != "-1" {
		t.Errorf("it expires in %v ms", ttl)
	}
}

// Who can write to the server can neither add keys, nor change some, nor bring back an old version; what was known holds.
func TestSharedTampered(t *testing.T) {
	server := redistest.Memory(t)
	do := func(command string, args ...any) any {
		reply, err := server.Do(command, args...)
		if err != nil {
			t.Fatal(err)
		}
		return reply
	}
	key := sharedKey("")
	field := func(name string) string { return string(do("HGET", key, name).([]byte)) }
	s := sharedOn(t, server, "")
	addKey(t, s, "one")
	oldVersion, oldBox := field("v"), field("s")
	addKey(t, s, "two")
	version, box := field("v"), field("s")
	bump := func(v string) string { n, _ := strconv.ParseInt(v, 10, 64); return strconv.FormatInt(n+1000, 10) }
	other, err := NewShared(server, SharedConfig{Secret: []byte("another secret of 32 bytes ......")})
	if err != nil {
		t.Fatal(err)
	}
	forged, err := other.seal(&Records{Keys: []Key{{ID: "forged"}}}, 1<<60)
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		name, v, s string
		heals      bool
	}{
		{"an old version", oldVersion, oldBox, true},
		{"an old box under a new number", bump(version), oldBox, false},
		{"the box under a new number", bump(version), box, false},
		{"a bit changed", bump(version), "X" + box[1:], false},
		{"a box of another secret", strconv.FormatInt(forged.version, 10), forged.box, false},
		{"clear text", bump(version), `{"version":1,"keys":[{"id":"forged"}],"blocks":[]}`, false},
		{"an empty box", bump(version), "", false},
		{"no number", "x", box, false},
		{"a number below one", "-5", box, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			do("HSET", key, "v", c.v, "s", c.s)
			r, err := s.Load(t.Context())
			if (err == nil) != c.heals {
				t.Errorf("the error is %v", err)
			}
			if r == nil || len(r.Keys) != 2 {
				t.Fatalf("it has %+v", r)
			}
			if !c.heals {
				if err := s.Update(t.Context(), func(*Records) error { return nil }); err == nil {
					t.Error("a change is made on what doesn't open")
				}
				if r, err := sharedOn(t, server, "").Load(t.Context()); err == nil || r != nil {
					t.Errorf("a gateway that knows nothing takes %+v, %v", r, err)
				}
			} else if field("v") != version {
				t.Error("it isn't written back")
			}
			do("HSET", key, "v", version, "s", box)
		})
	}
	do("DEL", key)
	do("SET", key, "a string")
	if r, err := s.Load(t.Context()); err == nil || len(r.Keys) != 2 {
		t.Errorf("another type: %+v, %v", r, err)
	}
}

// A dump of the server, and the copy, tell nothing of callers and accounts.
func TestSharedTellsNothing(t *testing.T) {
	server, folder := redistest.Memory(t), t.TempDir()
	s := sharedOn(t, server, folder)
	if err := s.Update(t.Context(), func(r *Records) error {
		k, _, err := NewKey(Key{Name: "canary-name", Scope: Scope{Accounts: []string{"canary-account"}, Operations: []string{"*"}}})
		r.Keys, r.Blocks = append(r.Keys, k), append(r.Blocks, Block{Caller: "canary-caller", Reason: "canary-reason"})
		return err
	}); err != nil {
		t.Fatal(err)
	}
	var dump strings.Builder
	keys, err := server.Do("KEYS", "*")
	if err != nil {
		t.Fatal(err)
	}
	for _, k := range keys.([]any) {
		all, err := server.Do("HGETALL", k)
		if err != nil {
			t.Fatal(err)
		}
		fmt.Fprintf(&dump, "%s %s\n", k, all)
	}
	text, err := os.ReadFile(filepath.Join(folder, "shared-keys.json"))
	if err != nil {
		t.Fatal(err)
	}
	dump.Write(text)
	if got := dump.String(); strings.Contains(got, "canary") || strings.Contains(got, "gateway") || !strings.Contains(got, "spapi:{") {
		t.Errorf("it tells: %q", got)
	}
}

// A gateway that starts while the server is away has what its machine knew last, and says that it isn't up to date.
func TestSharedStartsFromCopy(t *testing.T) {
	server, folder := redistest.Memory(t), t.TempDir()
	addKey(t, sharedOn(t, server, folder), "one")
	away := errors.New("connection refused")
	server.Before = func(context.Context, *fleet.Script, []string, []string) error { return away }
	s := sharedOn(t, server, folder)
	r, err := s.Load(t.Context())
	if !errors.Is(err, away) || r == nil || len(r.Keys) != 1 {
		t.Fatalf("it has %+v, %v", r, err)
	}
	if err := s.Update(t.Context(), func(*Records) error { return nil }); !errors.Is(err, away) || errors.Is(err, ErrUnsure) {
		t.Errorf("a change is %v", err)
	}
	if r, err := sharedOn(t, server, t.TempDir()).Load(t.Context()); err == nil || r != nil {
		t.Errorf("without a copy it has %+v, %v", r, err)
	}
	server.Before = nil
	if got := idsOf(t, s); got != "one" {
		t.Errorf("when the server is back it has %q", got)
	}
}

// A copy that can't be used or written is told, and nothing else comes of it.
func TestSharedBadCopy(t *testing.T) {
	server, folder := redistest.Memory(t), t.TempDir()
	path := filepath.Join(folder, "shared-keys.json")
	if err := os.WriteFile(path, []byte("{"), 0o600); err != nil {
		t.Fatal(err)
	}
	var log strings.Builder
	s, err := NewShared(server, SharedConfig{Secret: stateSecret, Folder: folder, Logger: slog.New(slog.NewTextHandler(&log, nil))})
	if err != nil {
		t.Fatal(err)
	}
	addKey(t, s, "one")
	if !strings.Contains(log.String(), "can't be used") {
		t.Errorf("it isn't told: %s", log.String())
	}
	if got := idsOf(t, sharedOn(t, redistest.Memory(t), folder)); got != "one" {
		t.Errorf("the copy is not mended: %q", got)
	}
}

// A reply that is lost doesn't make a change twice, nor none.
func TestSharedLostReplies(t *testing.T) {
	server := redistest.Memory(t)
	s := sharedOn(t, server, "")
	addKey(t, s, "zero")
	lost := errors.New("connection reset")
	for _, landed := range []bool{true, false} {
		left := 2
		server.Before = func(_ context.Context, script *fleet.Script, _, _ []string) error {
			if script.SHA1 == writeScript.SHA1 && !landed && left > 0 {
				left--
				return lost
			}
			return nil
		}
		writing := false
		server.After = func(reply any, err error) (any, error) {
			if _, ok := reply.(int64); ok && landed && left > 0 {
				left--
				writing = true
				return nil, lost
			}
			return reply, err
		}
		addKey(t, s, fmt.Sprint("landed-", landed))
		if landed && !writing {
			t.Error("no reply was lost")
		}
		server.Before, server.After = nil, nil
	}
	if got := idsOf(t, sharedOn(t, server, "")); got != "zero landed-true landed-false" {
		t.Errorf("it has %q", got)
	}
	// Away after a write whose reply was lost: nobody knows.
	server.After = func(reply any, err error) (any, error) {
		if _, ok := reply.(int64); ok {
			server.Before = func(context.Context, *fleet.Script, []string, []string) error { return lost }
			return nil, lost
		}
		return reply, err
	}
	if err := s.Update(t.Context(), func(r *Records) error { r.Keys = append(r.Keys, Key{ID: "x"}); return nil }); !errors.Is(err, ErrUnsure) || !errors.Is(err, lost) {
		t.Errorf("the error is %v", err)
	}
}

func TestSharedSecrets(t *testing.T) {
	server := redistest.Memory(t)
	addKey(t, sharedOn(t, server, ""), "one")
	fresh := []byte("fedcba9876543210fedcba9876543210")
	turned, err := NewShared(server, SharedConfig{Secret: fresh, OldSecrets: [][]byte{stateSecret}})
	if err != nil {
		t.Fatal(err)
	}
	addKey(t, turned, "two")
	only, err := NewShared(server, SharedConfig{Secret: fresh})
	if err != nil {
		t.Fatal(err)
	}
	if got := idsOf(t, only); got != "one two" {
		t.Errorf("with the new secret alone: %q", got)
	}
	if _, err := NewShared(server, SharedConfig{Secret: []byte("short")}); err == nil || !strings.Contains(err.Error(), "5 bytes: want 32") {
		t.Errorf("a short secret: %v", err)
	}
	named, err := NewShared(server, SharedConfig{Secret: fresh, Name: "staging"})
	if err != nil {
		t.Fatal(err)
	}
	if got := idsOf(t, named); got != "" {
		t.Errorf("another name has %q", got)
	}
}
