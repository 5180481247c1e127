package export

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"io/fs"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"sync/atomic"
	"testing"
)

func names(t testing.TB, folder string) string {
	t.Helper()
	entries, err := os.ReadDir(folder)
	if err != nil {
		t.Fatal(err)
	}
	var out []string
	for _, e := range entries {
		out = append(out, e.Name())
	}
	return strings.Join(out, " ")
}

func TestFile(t *testing.T) {
	folder := t.TempDir()
	path := filepath.Join(folder, "out.csv")
	f, err := Create(path)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := io.WriteString(f, "one"); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(path); err == nil {
		t.Error("half a file has its name")
	}
	if err := f.Commit(); err != nil {
		t.Fatal(err)
	}
	f.Abort() // as a deferred one would
	if err := f.Commit(); err == nil {
		t.Error("committed twice")
	}
	info, err := os.Stat(path)
	if err != nil || runtime.GOOS != "windows" && info.Mode().Perm() != 0o600 {
		t.Errorf("%v, %v", info.Mode(), err)
	}
	if err := os.Chmod(path, 0o640); err != nil {
		t.Fatal(err)
	}

	f, err = Create(path)
	if err != nil {
		t.Fatal(err)
	}
	_, _ = io.WriteString(f, "two")
	f.Abort()
	f.Abort()
	if text, err := os.ReadFile(path); err != nil || string(text) != "one" {
		t.Errorf("an aborted run left %q, %v", text, err)
	}
	f, err = Create(path)
	if err != nil {
		t.Fatal(err)
	}
	_, _ = io.WriteString(f, "three")
	if err := f.Commit(); err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(path)
	if err != nil || string(text) != "three" {
		t.Errorf("%q, %v", text, err)
	}
	if info, err := os.Stat(path); err != nil || runtime.GOOS != "windows" && info.Mode().Perm() != 0o640 {
		t.Errorf("permissions became %v, %v", info.Mode(), err)
	}
	if got := names(t, folder); got != "out.csv" {
		t.Errorf("the folder holds %s", got)
	}
}

func TestStaleFiles(t *testing.T) {
	folder := t.TempDir()
	path := filepath.Join(folder, "out.csv")
	for _, name := range []string{".out.csv.AAAA" + partial, ".other.csv.AAAA" + partial, ".out.csv.txt", ".out.csv.tmp.AAAA" + partial} {
		if err := os.WriteFile(filepath.Join(folder, name), []byte("x"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	first, err := Create(path)
	if err != nil {
		t.Fatal(err)
	}
	second, err := Create(path) // at the same time: the living first one stays
	if err != nil {
		t.Fatal(err)
	}
	_, _ = io.WriteString(first, "first")
	_, _ = io.WriteString(second, "second")
	if err := second.Commit(); err != nil {
		t.Fatal(err)
	}
	if err := first.Commit(); err != nil {
		t.Fatal(err)
	}
	if text, err := os.ReadFile(path); err != nil || string(text) != "first" {
		t.Errorf("%q, %v", text, err)
	}
	if got, want := names(t, folder), ".other.csv.AAAA"+partial+" .out.csv.tmp.AAAA"+partial+" .out.csv.txt out.csv"; got != want {
		t.Errorf("the folder holds %s, want %s", got, want)
	}
}

func TestRefusedNames(t *testing.T) {
	folder := t.TempDir()
	if err := os.Mkdir(filepath.Join(folder, "dir"), 0o700); err != nil {
		t.Fatal(err)
	}
	refused := []string{"", filepath.Join(folder, "dir"), filepath.Join(folder, "absent", "out.csv")}
	if runtime.GOOS != "windows" {
		refused = append(refused, os.DevNull)
		link, dangling := filepath.Join(folder, "link"), filepath.Join(folder, "dangling")
		target := filepath.Join(folder, "target.csv")
		for _, err := range []error{os.WriteFile(target, nil, 0o600), os.Symlink("target.csv", link), os.Symlink("nothing", dangling)} {
			if err != nil {
				t.Fatal(err)
			}
		}
		refused = append(refused, dangling)
		f, err := Create(link)
		if err != nil {
			t.Fatal(err)
		}
		_, _ = io.WriteString(f, "through")
		if err := f.Commit(); err != nil {
			t.Fatal(err)
		}
		if text, err := os.ReadFile(target); err != nil || string(text) != "through" {
			t.Errorf("the link's target holds %q, %v", text, err)
		}
		if info, err := os.Lstat(link); err != nil || info.Mode()&fs.ModeSymlink == 0 {
			t.Errorf("the link is gone: %v", err)
		}
	}
	for _, path := range refused {
		if f, err := Create(path); err == nil {
			f.Abort()
			t.Errorf("%q was taken", path)
		}
	}
}

// TestKilled kills a process that converts a report at random points and runs it again: what has the name is whole, and nothing else is left in the end.
func TestKilled(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("no kill there that could not be handled")
	}
	packed := filepath.Join(t.TempDir(), "report.gz")
	writeReport(t, packed, 1<<20)
	data, err := os.ReadFile(packed)
	if err != nil {
		t.Fatal(err)
	}
	r := rand.New(rand.NewPCG(8, 9))
	var limit atomic.Int64 // bytes after which the server waits to see the client killed
	reached := make(chan struct{}, 100)
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		w.Header().Set("Content-Type", "text/plain; charset=Shift_JIS")
		w.Header().Set("Content-Length", fmt.Sprint(len(data)))
		n := int(limit.Load())
		_, _ = w.Write(data[:n])
		if n < len(data) {
			_ = http.NewResponseController(w).Flush()
			reached <- struct{}{}
			<-req.Context().Done()
		}
	}))
	defer server.Close()

	for _, format := range []Format{CSV, JSONL, Parquet} {
		reference := filepath.Join(t.TempDir(), "reference")
		limit.Store(int64(len(data)))
		convert(t, server.URL, reference+"-gone", format)
		run := func(ctx context.Context, path string) error {
			cmd := exec.CommandContext(ctx, os.Args[0])
			cmd.Env = append(os.Environ(), "SPAPI_DOCUMENT_CHILD="+string(format), "SPAPI_DOCUMENT_URL="+server.URL, "SPAPI_DOCUMENT_OUT="+path)
			return cmd.Run()
		}
		if err := run(t.Context(), reference); err != nil {
			t.Fatal(err)
		}
		want, err := os.ReadFile(reference)
		if err != nil {
			t.Fatal(err)
		}
		folder := t.TempDir()
		path := filepath.Join(folder, "out")
		for range 17 { // 51 in all
			limit.Store(r.Int64N(int64(len(data))))
			ctx, kill := context.WithCancel(t.Context())
			go func() {
				<-reached
				kill()
			}()
			if err := run(ctx, path); err == nil {
				t.Fatal("the process was to be killed")
			}
			if _, err := os.Stat(path); err == nil {
				t.Fatal("a killed process left a file with the name")
			}
		}
		if got := names(t, folder); strings.Count(got, partial) > 1 {
			t.Errorf("runs don't remove what killed ones left: %s", got)
		}
		limit.Store(int64(len(data)))
		if err := run(t.Context(), path); err != nil {
			t.Fatal(err)
		}
		got, err := os.ReadFile(path)
		if err != nil || !bytes.Equal(got, want) {
			t.Errorf("%s: %v, %d bytes, want %d", format, err, len(got), len(want))
		}
		if got := names(t, folder); got != "out" {
			t.Errorf("the folder holds %s", got)
		}
	}
}
