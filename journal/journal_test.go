package journal

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) {
	if path := os.Getenv("JOURNAL_HELD_BY_A_CHILD"); path != "" {
		holdForParent(path)
	}
	goleak.VerifyTestMain(m)
}

// holdForParent is another process: it opens the journal, says so, and is killed.
func holdForParent(path string) {
	f, err := Open(context.Background(), path)
	if err == nil {
		err = f.Put(context.Background(), Key{Kind: "feed", Request: "child"}, Entry{ID: "1"})
	}
	if err != nil {
		os.Stdout.WriteString(err.Error())
		os.Exit(1)
	}
	os.Stdout.WriteString("open")
	select {}
}

func open(t *testing.T, path string) *File {
	t.Helper()
	f, err := Open(t.Context(), path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = f.Close() })
	return f
}

func names(t *testing.T, folder string) []string {
	t.Helper()
	entries, err := os.ReadDir(folder)
	if err != nil {
		t.Fatal(err)
	}
	var list []string
	for _, e := range entries {
		list = append(list, e.Name())
	}
	return list
}

var (
	someKey   = Key{Kind: "report", Type: "T", Request: "r"}
	someEntry = Entry{Began: time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC), ID: "50001"}
)

// The file is replaced, never written to: whoever reads it meanwhile, or is left with it after a kill, has a whole one.
func TestFileIsReplaced(t *testing.T) {
	folder := t.TempDir()
	path := filepath.Join(folder, "journal")
	f := open(t, path)
	if err := f.Put(t.Context(), someKey, someEntry); err != nil {
		t.Fatal(err)
	}
	before, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	old := filepath.Join(folder, "old")
	if err := os.Link(path, old); err != nil {
		t.Skip(err)
	}
	if err := f.Put(t.Context(), someKey, Entry{ID: "2"}); err != nil {
		t.Fatal(err)
	}
	if after, err := os.ReadFile(old); err != nil || string(after) != string(before) {
		t.Errorf("the old file became %q, %v", after, err)
	}
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
	if got := names(t, folder); !slices.Equal(got, []string{"journal", "old"}) {
		t.Errorf("left %q", got)
	}
}

func TestFileIsForItsOwnerAlone(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("it has no modes")
	}
	path := filepath.Join(t.TempDir(), "journal")
	f := open(t, path)
	mode := func(name string) fs.FileMode {
		info, err := os.Stat(name)
		if err != nil {
			t.Fatal(err)
		}
		return info.Mode().Perm()
	}
	if err := f.Put(t.Context(), someKey, someEntry); err != nil {
		t.Fatal(err)
	}
	if m := mode(path); m != 0o600 {
		t.Errorf("mode %04o, want 0600", m)
	}
	if m := mode(path + ".lock"); m != 0o600 {
		t.Errorf("lock: mode %04o, want 0600", m)
	}
	if err := os.Chmod(path, 0o644); err != nil { // others may read a journal that was made so; it doesn't stay so
		t.Fatal(err)
	}
	if err := f.Put(t.Context(), someKey, Entry{ID: "other"}); err != nil {
		t.Fatal(err)
	}
	if m := mode(path); m != 0o600 {
		t.Errorf("after a change: mode %04o, want 0600", m)
	}
}

// When the last entry goes, the file goes: nobody has to go on with anything.
func TestFileGoesWithItsLastEntry(t *testing.T) {
	folder := t.TempDir()
	f := open(t, filepath.Join(folder, "journal"))
	other := someKey
	other.Request += "2"
	for _, key := range []Key{someKey, other} {
		if err := f.Put(t.Context(), key, someEntry); err != nil {
			t.Fatal(err)
		}
	}
	for i, want := range [][]string{{"journal", "journal.lock"}, {"journal.lock"}} {
		if err := f.Delete(t.Context(), []Key{someKey, other}[i]); err != nil {
			t.Fatal(err)
		}
		if got := names(t, folder); !slices.Equal(got, want) || f.Len() != 1-i {
			t.Errorf("after %d: %q, %d entries", i+1, got, f.Len())
		}
	}
	if err := f.Put(t.Context(), someKey, someEntry); err != nil || f.Len() != 1 {
		t.Errorf("used again: %v, %d entries", err, f.Len())
	}
	if err := f.Close(); err != nil || f.Len() != 0 {
		t.Errorf("closed: %v, %d entries", err, f.Len())
	}
	if got := names(t, folder); !slices.Equal(got, []string{"journal"}) {
		t.Errorf("closed: left %q", got)
	}
}

// A change is on the disk before it has its name, and its name before Put returns.
func TestFileIsSynced(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("folders can't be synced there")
	}
	folder := t.TempDir()
	path := filepath.Join(folder, "journal")
	f := open(t, path)
	var log []string
	f.sync = func(file *os.File) error {
		_, err := os.Stat(path)
		what := "file"
		if info, _ := file.Stat(); info.IsDir() {
			what = "folder"
		} else if info.Size() == 0 {
			what = "empty file"
		}
		if err == nil {
			what += " after the rename"
		}
		log = append(log, what)
		return file.Sync()
	}
	if err := f.Put(t.Context(), someKey, someEntry); err != nil {
		t.Fatal(err)
	}
	if want := []string{"file", "folder after the rename"}; !slices.Equal(log, want) {
		t.Errorf("synced %q, want %q", log, want)
	}
	boom := errors.New("the disk is gone")
	f.sync = func(*os.File) error { return boom }
	if err := f.Put(t.Context(), someKey, Entry{ID: "2"}); !errors.Is(err, boom) {
		t.Errorf("got %v", err)
	}
	if e, _, err := f.Get(t.Context(), someKey); err != nil || e != someEntry {
		t.Errorf("a change that failed shows: %+v, %v", e, err)
	}
	if got := names(t, folder); !slices.Equal(got, []string{"journal", "journal.lock"}) {
		t.Errorf("left %q", got)
	}
}

// No name that others can foresee is written through a link that they laid there.
func TestLinksAreNotFollowed(t *testing.T) {
	folder := t.TempDir()
	path := filepath.Join(folder, "journal")
	victim := filepath.Join(folder, "victim")
	precious := `{"version":2,"entries":[]}` // which could be read as a journal
	if err := os.WriteFile(victim, []byte(precious), 0o600); err != nil {
		t.Fatal(err)
	}
	link := func(name string) {
		if err := os.Symlink(victim, name); err != nil {
			t.Skip(err)
		}
	}
	link(filepath.Join(folder, ".journal.tmp")) // the name that was written to once
	f := open(t, path)
	if err := f.Put(t.Context(), someKey, someEntry); err != nil {
		t.Fatal(err)
	}
	if err := f.Remove(); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{path, path + ".lock"} {
		link(name)
		if f, err := Open(t.Context(), path); err == nil {
			t.Errorf("%s is followed", name)
			_ = f.Close()
		}
		if err := os.Remove(name); err != nil {
			t.Fatal(err)
		}
	}
	missing := filepath.Join(folder, "missing")
	if err := os.Symlink(missing, path+".lock"); err != nil {
		t.Fatal(err)
	}
	if f, err := Open(t.Context(), path); err == nil {
		_ = f.Close()
	}
	if _, err := os.Lstat(missing); err == nil {
		t.Error("a file was made through a link")
	}
	if b, err := os.ReadFile(victim); err != nil || string(b) != precious {
		t.Errorf("the file behind the link became %q, %v", b, err)
	}
}

func TestForeignFilesAreRefused(t *testing.T) {
	folder := t.TempDir()
	path := filepath.Join(folder, "journal")
	refused := func(path string) error {
		f, err := Open(t.Context(), path)
		if err == nil {
			_ = f.Close() // so that the next isn't kept waiting
		}
		return err
	}
	for want, text := range map[string]string{
		"unexpected EOF":  "{",
		"EOF":             "",
		"version is 3":    `{"version":3,"entries":[]}`,
		"version is 1":    `{"version":1,"entries":[]}`,
		"version is 0":    `{}`,
		"unknown field":   `{"version":2,"entries":[{"kind":"feed","colour":"red"}]}`,
		"something follo": `{"version":2,"entries":[]} {}`,
	} {
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		if err := refused(path); err == nil || !strings.Contains(err.Error(), want) || !strings.Contains(err.Error(), path) {
			t.Errorf("%s: got %v, want %s", text, err, want)
		}
	}
	if got := names(t, folder); !slices.Equal(got, []string{"journal"}) {
		t.Errorf("a refused journal leaves %q", got)
	}
	if runtime.GOOS != "windows" {
		if err := os.WriteFile(path, []byte(`{"version":2,"entries":[]}`), 0o600); err != nil {
			t.Fatal(err)
		}
		if err := os.Chmod(path, 0o620); err != nil {
			t.Fatal(err)
		}
		if err := refused(path); err == nil || !strings.Contains(err.Error(), "chmod 600") {
			t.Errorf("a file that others may write to: %v", err)
		}
	}
	if err := refused(folder); err == nil {
		t.Error("a folder passes for a journal")
	}
	if err := refused(""); err == nil {
		t.Error("no name is taken")
	}
}

// One at a time: the second waits for the first, or is told.
func TestFileIsLocked(t *testing.T) {
	path := filepath.Join(t.TempDir(), "journal")
	synctest.Test(t, func(t *testing.T) {
		first, err := Open(t.Context(), path)
		if err != nil {
			t.Fatal(err)
		}
		now, cancel := context.WithCancel(t.Context())
		cancel()
		began := time.Now()
		if _, err := Open(now, path); !errors.Is(err, ErrLocked) || !errors.Is(err, context.Canceled) || time.Since(began) > 0 {
			t.Errorf("got %v after %s", err, time.Since(began))
		}
		short, stop := context.WithTimeout(t.Context(), time.Minute)
		defer stop()
		if _, err := Open(short, path); !errors.Is(err, ErrLocked) || !errors.Is(err, context.DeadlineExceeded) || time.Since(began) < time.Minute {
			t.Errorf("got %v after %s", err, time.Since(began))
		}
		go func() {
			time.Sleep(time.Hour)
			if err := first.Put(t.Context(), someKey, someEntry); err != nil {
				t.Error(err)
			}
			_ = first.Close()
		}()
		second, err := Open(t.Context(), path)
		if err != nil {
			t.Fatal(err)
		}
		if e, ok, err := second.Get(t.Context(), someKey); !ok || err != nil || e != someEntry {
			t.Errorf("the second sees %+v, %v", e, err)
		}
		if err := second.Remove(); err != nil {
			t.Fatal(err)
		}
	})
	if got := names(t, filepath.Dir(path)); len(got) > 0 {
		t.Errorf("left %q", got)
	}
}

// A process that was killed leaves what it had put, and no lock.
func TestKilledProcess(t *testing.T) {
	path := filepath.Join(t.TempDir(), "journal")
	child := exec.CommandContext(t.Context(), os.Args[0])
	child.Env = append(os.Environ(), "JOURNAL_HELD_BY_A_CHILD="+path)
	out, err := child.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := child.Start(); err != nil {
		t.Fatal(err)
	}
	said := make([]byte, 100)
	n, _ := out.Read(said)
	if string(said[:n]) != "open" {
		t.Errorf("the child said %q", said[:n])
	}
	now, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := Open(now, path); !errors.Is(err, ErrLocked) {
		t.Errorf("while the other process has it: %v", err)
	}
	stale := filepath.Join(filepath.Dir(path), ".journal.12345.tmp") // as if it had been killed while it wrote
	if err := os.WriteFile(stale, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	other := filepath.Join(filepath.Dir(path), ".journal.mine.tmp")
	if err := os.WriteFile(other, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	_ = child.Process.Kill()
	_ = child.Wait()
	f := open(t, path)
	if e, ok, err := f.Get(t.Context(), Key{Kind: "feed", Request: "child"}); !ok || err != nil || e.ID != "1" {
		t.Errorf("got %+v, %v, %v", e, ok, err)
	}
	if got := names(t, filepath.Dir(path)); !slices.Equal(got, []string{".journal.mine.tmp", "journal", "journal.lock"}) {
		t.Errorf("left %q", got)
	}
}

func TestClosedFile(t *testing.T) {
	f := open(t, filepath.Join(t.TempDir(), "journal"))
	for range 2 {
		if err := f.Close(); err != nil {
			t.Error(err)
		}
	}
	if err := f.Put(t.Context(), someKey, someEntry); !errors.Is(err, ErrClosed) {
		t.Error("a closed journal is written to: another may have it open")
	}
	if _, _, err := f.Get(t.Context(), someKey); !errors.Is(err, ErrClosed) {
		t.Error("a closed journal is read")
	}
	if err := f.Remove(); !errors.Is(err, ErrClosed) {
		t.Error("a closed journal is removed")
	}
}

// Whoever has opened the lock's file just before its holder removes it holds nothing: many that come and go at once never have the journal together.
func TestLockFileThatIsRemoved(t *testing.T) {
	path := filepath.Join(t.TempDir(), "journal")
	now, cancel := context.WithCancel(t.Context())
	cancel()
	var holders, together, opened atomic.Int64
	var wg sync.WaitGroup
	for range 4 {
		wg.Go(func() {
			for range 3000 {
				f, err := Open(now, path)
				if errors.Is(err, ErrLocked) {
					continue
				}
				if err != nil {
					t.Error(err)
					return
				}
				opened.Add(1)
				if holders.Add(1) > 1 {
					together.Add(1)
				}
				runtime.Gosched()
				holders.Add(-1)
				_ = f.Close()
			}
		})
	}
	wg.Wait()
	if together.Load() > 0 || opened.Load() == 0 {
		t.Errorf("opened %d times, %d times while another had it", opened.Load(), together.Load())
	}
}

// TestLastByte: the largest file that is written is the largest that is read.
func TestLastByte(t *testing.T) {
	path := filepath.Join(t.TempDir(), "journal")
	f := open(t, path)
	put := func(id string) error { return f.Put(t.Context(), Key{Kind: "feed", Request: "r"}, Entry{ID: id}) }
	check := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	check(put("1"))
	info, err := os.Stat(path)
	check(err)
	f.max = int(info.Size())
	check(put("2"))
	check(f.read())
	f.max--
	if err := put("3"); err == nil {
		t.Error("a byte more than may be read was written")
	}
	if err := f.read(); err == nil {
		t.Error("a byte too many was read")
	}
}

// TestFullFile: what couldn't be read again isn't written.
func TestFullFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "journal")
	f := open(t, path)
	f.max = 1000
	var err error
	n := 0
	for ; err == nil && n < 100; n++ {
		err = f.Put(t.Context(), Key{Kind: "feed", Request: strconv.Itoa(n)}, Entry{ID: "1"})
	}
	if err == nil || !strings.Contains(err.Error(), "larger than 1000 bytes") {
		t.Fatalf("after %d entries: %v", n, err)
	}
	info, err := os.Stat(path)
	if err != nil || info.Size() > 1000 || info.Size() < 800 {
		t.Errorf("%v, %v", info, err)
	}
	for i := range n {
		if _, ok, err := f.Get(t.Context(), Key{Kind: "feed", Request: strconv.Itoa(i)}); err != nil || ok != (i < n-1) {
			t.Errorf("entry %d: %v, %v", i, ok, err)
		}
	}
	if err := f.Delete(t.Context(), Key{Kind: "feed", Request: "0"}); err != nil {
		t.Errorf("delete: %v", err)
	}
}
