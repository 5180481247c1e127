package audit_test

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"log/slog"

	"github.com/openspapi/spapi/gateway"
	"github.com/openspapi/spapi/gateway/audit"
	"github.com/openspapi/spapi/gateway/audit/audittest"
)

var kind = audittest.Kind{
	Open: audit.Open, Chains: audit.Chains,
	Rewrite: func(t *testing.T, folder string, entries []audit.Entry) {
		t.Helper()
		files, err := filepath.Glob(filepath.Join(folder, "*.jsonl"))
		if err != nil {
			t.Fatal(err)
		}
		for _, f := range files {
			if err := os.Remove(f); err != nil {
				t.Fatal(err)
			}
		}
		var b []byte
		for _, e := range entries {
			b = append(append(b, e.Line()...), '\n')
		}
		if err := os.WriteFile(filepath.Join(folder, "audit-shop-2026-01.jsonl"), b, 0o600); err != nil {
			t.Fatal(err)
		}
	},
}

func TestLines(t *testing.T) { audittest.Test(t, kind) }

func BenchmarkAppend(b *testing.B) { audittest.Benchmark(b, kind) }

func write(t *testing.T, folder string, o audit.Options, calls ...string) {
	t.Helper()
	o.Chain = "shop"
	l, err := audit.Open(folder, o)
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range calls {
		if err := l.Append(t.Context(), gateway.Record{Call: c}); err != nil {
			t.Fatal(err)
		}
	}
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
}

func only(t *testing.T, folder string) (name string, content []byte) {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(folder, "*.jsonl"))
	if err != nil || len(files) != 1 {
		t.Fatalf("%v, %v", files, err)
	}
	content, err = os.ReadFile(files[0])
	if err != nil {
		t.Fatal(err)
	}
	return files[0], content
}

// TestTorn: wherever a line breaks off it is cut off, aloud, and the chain goes on and says so. Nothing before it is lost.
func TestTorn(t *testing.T) {
	now := func() time.Time { return time.Date(2026, 11, 26, 0, 0, 0, 0, time.UTC) }
	whole := t.TempDir()
	write(t, whole, audit.Options{Now: now, Logger: slog.New(slog.DiscardHandler)}, "A", "B")
	name, content := only(t, whole)
	lines := bytes.SplitAfter(content, []byte("\n"))
	before := len(content) - len(lines[len(lines)-2]) // the last line, "close"
	tails := map[string][]byte{"zeros": make([]byte, 100_000), "garbage": []byte(strings.Repeat("x", 200_000))}
	for _, n := range []int{1, 2, 20, len(content) - before - 2, len(content) - before - 1} {
		tails[string(content[before:before+n])] = content[before : before+n]
	}
	for what, tail := range tails {
		folder := t.TempDir()
		// The head is that of the entry before the torn one: it is written after it.
		head := t.TempDir()
		write(t, head, audit.Options{Now: now, Logger: slog.New(slog.DiscardHandler)}, "A")
		if err := os.WriteFile(filepath.Join(folder, filepath.Base(name)), append(bytes.Clone(content[:before]), tail...), 0o600); err != nil {
			t.Fatal(err)
		}
		chains, err := audit.Chains(folder)
		if err != nil {
			t.Fatal(err)
		}
		n := 0
		for _, err := range chains[0].Entries(t.Context(), time.Time{}) { // a reader doesn't mind
			if n++; err != nil {
				t.Fatal(err)
			}
		}
		if n != 3 {
			t.Errorf("%.30q: %d entries", what, n)
		}
		var told strings.Builder
		write(t, folder, audit.Options{Now: now, Logger: slog.New(slog.NewTextHandler(&told, nil))}, "C")
		if !strings.Contains(told.String(), "an unfinished entry was cut off") {
			t.Errorf("%.30q: told %s", what, told.String())
		}
		var calls []string
		for e, err := range chains[0].Entries(t.Context(), time.Time{}) {
			if err != nil {
				t.Fatal(err)
			}
			calls = append(calls, e.Call)
			if e.Seq == 4 && (e.Note == nil || e.Note.Torn != int64(len(tail)) || !e.Note.Crashed) {
				t.Errorf("%.30q: noted %+v", what, e.Note)
			}
		}
		if got := strings.Join(calls, ","); got != ",A,B,,C," {
			t.Errorf("%.30q: %s", what, got)
		}
	}
}

// TestEndChanged: an end that a gateway did not write isn't continued in silence.
func TestEndChanged(t *testing.T) {
	quiet := slog.New(slog.DiscardHandler)
	folder := t.TempDir()
	write(t, folder, audit.Options{Logger: quiet}, "A", "B")
	name, content := only(t, folder)
	if err := os.WriteFile(name, append(content, "{}\n"...), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := audit.Open(folder, audit.Options{Chain: "shop"}); err == nil || !strings.Contains(err.Error(), name) {
		t.Errorf("a line of another's at the end: %v", err)
	}
	chains, err := audit.Chains(folder)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := audit.Verify(t.Context(), chains[0], audit.VerifyOptions{}); err == nil || !strings.Contains(err.Error(), "at entry 5 ("+filepath.Base(name)+":5)") {
		t.Errorf("verify: %v", err)
	}
	// Cut off: the gateway goes on, tells it, and verifying tells it for ever.
	lines := bytes.SplitAfter(content, []byte("\n"))
	if err := os.WriteFile(name, bytes.Join(lines[:2], nil), 0o600); err != nil {
		t.Fatal(err)
	}
	var told strings.Builder
	write(t, folder, audit.Options{Logger: slog.New(slog.NewTextHandler(&told, nil))}, "C")
	if !strings.Contains(told.String(), "level=ERROR") || !strings.Contains(told.String(), "entries=2") {
		t.Errorf("told %s", told.String())
	}
	if _, err := audit.Verify(t.Context(), chains[0], audit.VerifyOptions{}); err == nil || !strings.Contains(err.Error(), "at entry 3") || !strings.Contains(err.Error(), "2 entries before it are missing") {
		t.Errorf("verify: %v", err)
	}
}

// TestHeadGone: without its head nobody can tell whether a chain is whole.
func TestHeadGone(t *testing.T) {
	for what, change := range map[string]func(name string) error{
		"no head": os.Remove,
		"garbage": func(name string) error { return os.WriteFile(name, []byte("garbage"), 0o600) },
		"made up": func(name string) error {
			return os.WriteFile(name, []byte(`{"chain":"shop","seq":1,"hash":"`+audit.Hash{}.String()+`","seal":"`+audit.Hash{}.String()+`"}`), 0o600)
		},
	} {
		folder := t.TempDir()
		secret := []byte("0123456789abcdef")
		write(t, folder, audit.Options{Secret: secret, Logger: slog.New(slog.DiscardHandler)}, "A")
		if err := change(filepath.Join(folder, "audit-shop.head")); err != nil {
			t.Fatal(err)
		}
		chains, err := audit.Chains(folder)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := audit.Verify(t.Context(), chains[0], audit.VerifyOptions{Secrets: [][]byte{secret}}); err == nil || !strings.Contains(err.Error(), "head") {
			t.Errorf("%s: %v", what, err)
		}
	}
}

// TestMonths: each month has its file, and the chain goes through all.
func TestMonths(t *testing.T) {
	folder := t.TempDir()
	now := time.Date(2026, 10, 31, 23, 59, 59, 0, time.UTC)
	l, err := audit.Open(folder, audit.Options{Chain: "shop", Now: func() time.Time { return now }, Logger: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	for _, step := range []time.Duration{0, time.Second, -time.Hour, 31 * 24 * time.Hour} { // clocks are put back, too
		now = now.Add(step)
		if err := l.Append(t.Context(), gateway.Record{Time: now, Call: "A"}); err != nil {
			t.Fatal(err)
		}
	}
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	for month, want := range map[string]int{"2026-10": 2, "2026-11": 2, "2026-12": 2} {
		b, err := os.ReadFile(filepath.Join(folder, "audit-shop-"+month+".jsonl"))
		if got := bytes.Count(b, []byte("\n")); err != nil || got != want {
			t.Errorf("%s: %d lines, %v", month, got, err)
		}
	}
	chains, err := audit.Chains(folder)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := audit.Verify(t.Context(), chains[0], audit.VerifyOptions{}); err != nil {
		t.Error(err)
	}
	// A month that is gone shows.
	if err := os.Remove(filepath.Join(folder, "audit-shop-2026-11.jsonl")); err != nil {
		t.Fatal(err)
	}
	if _, err := audit.Verify(t.Context(), chains[0], audit.VerifyOptions{}); err == nil || !strings.Contains(err.Error(), "audit-shop-2026-12.jsonl:1") {
		t.Errorf("without a month: %v", err)
	}
	for _, f := range []string{"audit-shop-2026-10.jsonl", "audit-shop.head", "audit-shop.lock"} {
		if info, err := os.Stat(filepath.Join(folder, f)); err != nil || info.Mode().Perm() != 0o600 {
			t.Errorf("%s: %v, %v", f, info, err)
		}
	}
}
