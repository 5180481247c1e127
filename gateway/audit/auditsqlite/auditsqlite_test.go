package auditsqlite_test

import (
	"database/sql"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"go.uber.org/goleak"

	"github.com/openspapi/spapi/gateway/audit"
	"github.com/openspapi/spapi/gateway/audit/auditsqlite"
	"github.com/openspapi/spapi/gateway/audit/audittest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func file(folder string) string { return filepath.Join(folder, "audit.db") }

var kind = audittest.Kind{
	Open:   func(folder string, o audit.Options) (*audit.Log, error) { return auditsqlite.Open(file(folder), o) },
	Chains: func(folder string) ([]audit.Chain, error) { return auditsqlite.Chains(file(folder)) },
	Rewrite: func(t *testing.T, folder string, entries []audit.Entry) {
		t.Helper()
		db, err := sql.Open("sqlite", file(folder))
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = db.Close() }()
		if _, err := db.Exec(`DELETE FROM entries`); err != nil {
			t.Fatal(err)
		}
		for _, e := range entries {
			var note any
			if e.Note != nil {
				b, err := json.Marshal(e.Note)
				if err != nil {
					t.Fatal(err)
				}
				note = string(b)
			}
			_, err := db.Exec(`INSERT INTO entries (seq, chain, kind, time, call, caller, key, account, operation, write, personal_data, status, request_id, agent,
				refused, cache, more, duration_us, note, prev, hash) VALUES (?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?)`,
				int64(e.Seq), e.Chain, string(e.Kind), e.Time.Format("2006-01-02T15:04:05.000000Z"), e.Call, e.Caller, e.Key, e.Account, e.Operation, e.Write, //nolint:gosec // small
				e.PersonalData, e.Status, e.RequestID, e.Agent, e.Refused, e.Cache, e.More, e.Duration.Microseconds(), note, e.Prev[:], e.Hash[:])
			if err != nil {
				t.Fatal(err)
			}
		}
	},
}

func TestStore(t *testing.T) { audittest.Test(t, kind) }

func BenchmarkAppend(b *testing.B) { audittest.Benchmark(b, kind) }

// TestForeign: what is no audit is said to be none, and stays as it is.
func TestForeign(t *testing.T) {
	name := file(t.TempDir())
	if _, err := auditsqlite.Chains(name); err == nil {
		t.Error("chains of a file that isn't there")
	}
	if err := os.WriteFile(name, []byte(strings.Repeat("no database\n", 100)), 0o600); err != nil {
		t.Fatal(err)
	}
	if auditsqlite.IsFile(name) {
		t.Error("a text is taken for a database")
	}
	if _, err := auditsqlite.Open(name, audit.Options{Chain: "shop"}); err == nil || !strings.Contains(err.Error(), name) {
		t.Errorf("open: %v", err)
	}
	if _, err := auditsqlite.Chains(name); err == nil || !strings.Contains(err.Error(), name) {
		t.Errorf("chains: %v", err)
	}
}

// TestMode: the files are their owner's alone.
func TestMode(t *testing.T) {
	folder := t.TempDir()
	l, err := kind.Open(folder, audit.Options{Chain: "shop"})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = l.Close() }()
	files, err := os.ReadDir(folder)
	if err != nil || len(files) < 3 {
		t.Fatalf("%v, %v", files, err)
	}
	for _, f := range files {
		if info, err := f.Info(); err != nil || info.Mode().Perm()&0o077 != 0 {
			t.Errorf("%s: %v, %v", f.Name(), info.Mode(), err)
		}
	}
	if !auditsqlite.IsFile(file(folder)) {
		t.Error("the file isn't taken for a database")
	}
}

// TestOtherChain: a file holds one chain.
func TestOtherChain(t *testing.T) {
	folder := t.TempDir()
	l, err := kind.Open(folder, audit.Options{Chain: "shop"})
	if err != nil {
		t.Fatal(err)
	}
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := kind.Open(folder, audit.Options{Chain: "other"}); err == nil || !strings.Contains(err.Error(), `"shop", not "other"`) {
		t.Errorf("another chain: %v", err)
	}
}
