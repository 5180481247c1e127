package journal

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/gofrs/flock"
)

const (
	version  = 2        // 1 had other keys, by which nothing would be found
	maxFile  = 64 << 20 // bytes; some 200,000 entries
	lockWait = 20 * time.Millisecond
)

// ErrLocked is what the error of [Open] is to errors.Is when another process, or another File of this one, has the journal open.
var ErrLocked = errors.New("another run has it open")

// ErrClosed is what the error of every method of a [File] but Close is to errors.Is after Close or Remove. Nothing was changed.
var ErrClosed = errors.New("it is closed")

// File is a journal in a small JSON file, for its owner alone. Each change replaces the file as a whole and is on the disk when Put or Delete returns:
// a process that is killed leaves the file as it was before or after. When the last entry goes, the file goes. Only one File may have it open at a
// time, in all processes together.
type File struct {
	path   string
	lock   *flock.Flock
	claims claims
	sync   func(*os.File) error // replaced by tests
	max    int                  // maxFile, replaced by tests

	mu      sync.Mutex
	entries map[Key]Entry
	closed  bool
}

// Open opens the journal in the file of that name, which need not exist. While it is open elsewhere Open waits, until ctx ends: then the error is
// [ErrLocked] and the context's cause. A context that has ended already asks without waiting. Beside the file, while it is open, lies another one
// with the ending ".lock".
//
// A file that is no journal, a symbolic link, or one that others than the owner may write to is an error: what it says would be believed. So is
// one that belongs to somebody else.
func Open(ctx context.Context, path string) (*File, error) {
	f := &File{path: path, sync: (*os.File).Sync, max: maxFile}
	if path == "" {
		return nil, errors.New("journal: the name of its file is empty")
	}
	if err := f.acquire(ctx); err != nil {
		return nil, f.failed(err)
	}
	err := f.read()
	if err == nil {
		f.removeStale()
		return f, nil
	}
	f.release()
	return nil, f.failed(err)
}

func (f *File) failed(err error) error { return fmt.Errorf("journal %s: %w", f.path, err) }

// acquire takes the lock. Whoever gives it back removes its file, so that nothing is left beside the journal; a lock on a file that has been removed
// in between is worth nothing.
func (f *File) acquire(ctx context.Context) error {
	name := f.path + ".lock"
	for {
		lock := flock.New(name, flock.SetPermissions(0o600), flock.SetFlag(os.O_CREATE|os.O_RDWR|noFollow))
		locked, err := lock.TryLock() // at least once, whatever the context says
		if err == nil && !locked {
			if locked, err = lock.TryLockContext(ctx, lockWait); ctx.Err() != nil && !locked {
				return fmt.Errorf("%w: %w", ErrLocked, context.Cause(ctx))
			}
		}
		if err != nil {
			return fmt.Errorf("lock: %w", err)
		}
		held, err := lock.Stat()
		there, lerr := os.Lstat(name)
		if err == nil && lerr == nil && os.SameFile(held, there) {
			f.lock = lock
			return nil
		}
		_ = lock.Close()
		if lerr == nil && there.Mode()&fs.ModeSymlink != 0 { // which systems without noFollow have opened, and would for ever
			return fmt.Errorf("lock: %s is a symbolic link: remove it", name)
		}
	}
}

func (f *File) release() {
	removed := os.Remove(f.lock.Path()) == nil
	_ = f.lock.Close()
	if !removed { // systems that remove no open file
		_ = os.Remove(f.lock.Path())
	}
}

// content is the file as it stands.
type content struct {
	Version int      `json:"version"`
	Entries []record `json:"entries"`
}

type record struct {
	Key
	Entry
}

func (f *File) read() error {
	f.entries = map[Key]Entry{}
	there, err := os.Lstat(f.path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err == nil {
		err = trusted(there, f.path)
	}
	if err != nil {
		return err
	}
	file, err := os.Open(f.path)
	if err != nil {
		return err
	}
	defer file.Close()
	if opened, err := file.Stat(); err != nil || !os.SameFile(opened, there) {
		return errors.Join(errors.New("became another file while it was opened"), err)
	}
	b, err := io.ReadAll(io.LimitReader(file, int64(f.max)+1))
	if err != nil {
		return err
	}
	if len(b) > f.max {
		return fmt.Errorf("is larger than %d bytes: it is no journal", f.max)
	}
	var c content
	dec := json.NewDecoder(bytes.NewReader(b))
	dec.DisallowUnknownFields()
	err = dec.Decode(&c)
	if _, end := dec.Token(); err == nil && !errors.Is(end, io.EOF) {
		err = errors.New("something follows the entries")
	}
	if err == nil && c.Version != version {
		err = fmt.Errorf("version is %d, want %d", c.Version, version)
	}
	if err != nil {
		return fmt.Errorf("is not what this program wrote: %w; remove it to start anew, which may ask for the same things again", err)
	}
	for _, r := range c.Entries {
		f.entries[r.Key] = r.Entry
	}
	return nil
}

// trusted refuses a file that another user may have written.
func trusted(info fs.FileInfo, path string) error {
	switch {
	case info.Mode()&fs.ModeSymlink != 0:
		return errors.New("is a symbolic link: name the file itself")
	case !info.Mode().IsRegular():
		return fmt.Errorf("is not a regular file (%s)", info.Mode().Type())
	case runtime.GOOS != "windows" && info.Mode().Perm()&0o022 != 0:
		return fmt.Errorf("others may write to it (mode %04o): run chmod 600 %q", info.Mode().Perm(), path)
	}
	return owned(info, os.Geteuid())
}

// temporary is the pattern of the names under which the file is written.
func (f *File) temporary() (prefix, suffix string) {
	return "." + strings.TrimPrefix(filepath.Base(f.path), ".") + ".", ".tmp"
}

// removeStale removes what runs that were killed have left. Nobody else writes here while we hold the lock.
func (f *File) removeStale() {
	prefix, suffix := f.temporary()
	entries, _ := os.ReadDir(filepath.Dir(f.path)) // what can't be listed can't be tidied
	for _, e := range entries {
		middle, ok := strings.CutPrefix(e.Name(), prefix)
		random, is := strings.CutSuffix(middle, suffix)
		if ok && is && random != "" && strings.Trim(random, "0123456789") == "" && e.Type().IsRegular() {
			_ = os.Remove(filepath.Join(filepath.Dir(f.path), e.Name()))
		}
	}
}

// Claim is as [Journal] has it. Other processes are kept out by the journal's being open.
func (f *File) Claim(ctx context.Context, key Key) (release func(), err error) {
	f.mu.Lock()
	err = f.ready(ctx)
	f.mu.Unlock()
	if err != nil {
		return nil, err
	}
	if release, err = f.claims.claim(ctx, key); err != nil {
		return nil, f.failed(err)
	}
	return release, nil
}

// Get is as [Journal] has it.
func (f *File) Get(ctx context.Context, key Key) (Entry, bool, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if err := f.ready(ctx); err != nil {
		return Entry{}, false, err
	}
	if err := key.Check(); err != nil {
		return Entry{}, false, f.failed(err)
	}
	e, ok := f.entries[key]
	return e, ok, nil
}

// Entries is as [Journal] has it.
func (f *File) Entries(ctx context.Context) (map[Key]Entry, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if err := f.ready(ctx); err != nil {
		return nil, err
	}
	return maps.Clone(f.entries), nil
}

// Put is as [Journal] has it.
func (f *File) Put(ctx context.Context, key Key, e Entry) error {
	if err := checkBoth(key, e); err != nil {
		return f.failed(err)
	}
	return f.change(ctx, func(entries map[Key]Entry) { entries[key] = e.plain() })
}

// Delete is as [Journal] has it.
func (f *File) Delete(ctx context.Context, key Key) error {
	return f.change(ctx, func(entries map[Key]Entry) { delete(entries, key) })
}

func (f *File) ready(ctx context.Context) error {
	switch {
	case f.closed:
		return f.failed(ErrClosed)
	case ctx.Err() != nil:
		return f.failed(context.Cause(ctx))
	}
	return nil
}

func (f *File) change(ctx context.Context, edit func(map[Key]Entry)) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	if err := f.ready(ctx); err != nil {
		return err
	}
	next := maps.Clone(f.entries)
	edit(next)
	if maps.Equal(next, f.entries) {
		return nil
	}
	var err error
	if len(next) > 0 {
		err = f.write(next)
	} else { // nobody has to go on with anything
		err = f.unlink()
	}
	if err != nil {
		return f.failed(err)
	}
	f.entries = next
	return nil
}

// write puts a new file in the place of the old one, under a name that nobody can have laid a link at.
func (f *File) write(entries map[Key]Entry) (err error) {
	c := content{Version: version, Entries: make([]record, 0, len(entries))}
	for k, e := range entries {
		c.Entries = append(c.Entries, record{k, e})
	}
	slices.SortFunc(c.Entries, func(a, b record) int {
		if order := a.Began.Compare(b.Began); order != 0 {
			return order
		}
		return strings.Compare(a.Request, b.Request)
	})
	b, err := json.MarshalIndent(c, "", "  ")
	if err != nil {
		return err
	}
	b = append(b, '\n')
	if len(b) > f.max {
		return fmt.Errorf("is full: with this entry it would be larger than %d bytes; nothing was changed", f.max)
	}
	folder := filepath.Dir(f.path)
	prefix, suffix := f.temporary()
	file, err := os.CreateTemp(folder, prefix+"*"+suffix) // O_EXCL, mode 0600
	if err != nil {
		return err
	}
	defer func() {
		if err != nil {
			_ = file.Close()
			_ = os.Remove(file.Name())
		}
	}()
	if _, err := file.Write(b); err != nil {
		return err
	}
	if err := f.sync(file); err != nil {
		return err
	}
	if err := file.Close(); err != nil {
		return err
	}
	if err := os.Rename(file.Name(), f.path); err != nil {
		return err
	}
	return f.syncFolder(folder)
}

// syncFolder makes a change of the folder durable.
func (f *File) syncFolder(folder string) error {
	if runtime.GOOS == "windows" { // which has no such thing
		return nil
	}
	d, err := os.Open(folder)
	if err != nil {
		return err
	}
	defer d.Close()
	return f.sync(d)
}

// Close gives the journal free for others. What it holds stays for the next run.
func (f *File) Close() error {
	f.mu.Lock()
	defer f.mu.Unlock()
	if !f.closed {
		f.closed = true
		f.release()
	}
	return nil
}

// Remove deletes the file and closes the journal, when all that it stands for has been brought home.
func (f *File) Remove() error {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.closed {
		return f.failed(ErrClosed)
	}
	err := f.unlink()
	f.closed = true
	f.release()
	if err != nil {
		return f.failed(err)
	}
	return nil
}

// unlink removes the file, if there is one.
func (f *File) unlink() error {
	err := os.Remove(f.path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	return f.syncFolder(filepath.Dir(f.path))
}

// Len is how many entries there are, 0 after Close or Remove.
func (f *File) Len() int {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.closed {
		return 0
	}
	return len(f.entries)
}
