package gateway

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"sync"
	"time"

	"github.com/gofrs/flock"
)

// Folder is a [State] in a file of a folder, for one gateway or several on a machine, and for the commands beside them. See [NewFolder].
type Folder struct {
	path string
	step func(string) // tests end the process here, in the midst of a write

	mu   sync.Mutex
	text []byte // what was read last
	last *Records
}

const (
	folderFile = "keys.json"
	// statePatience is how long a process waits for the lock of the folder, which others hold for milliseconds.
	statePatience = 10 * time.Second
	lockPause     = 5 * time.Millisecond
	maxState      = 64 << 20 // bytes; a hundred thousand keys fit
)

// NewFolder makes a State of a folder, which need not exist yet: the first change makes it, for its owner alone (mode 0700), and in it keys.json (0600).
// That holds no secret of a caller, but whoever may write to it may make keys: a file that others may write to is refused. A file beside it that ends in
// .lock orders the writers, one that ends in .tmp is a write under way.
func NewFolder(dir string) *Folder {
	if absolute, err := filepath.Abs(dir); err == nil {
		dir = absolute
	}
	return &Folder{path: filepath.Join(dir, folderFile), step: func(string) {}}
}

// Path returns where the file is.
func (f *Folder) Path() string { return f.path }

// book is what is written: records, and the version of their form, which is raised when an older program would lose something of it.
type book struct {
	Version int `json:"version"`
	*Records
}

const bookVersion = 1

// encode writes records, with a line for each value, so that people can read them.
func encode(r *Records) ([]byte, error) {
	text, err := json.MarshalIndent(book{bookVersion, r}, "", " ")
	return append(text, '\n'), err
}

func decode(text []byte) (*Records, error) {
	b := book{Records: new(Records)}
	if err := json.Unmarshal(text, &b); err != nil {
		return nil, fmt.Errorf("keys and blocks are damaged: %w", err)
	}
	if b.Version != bookVersion {
		return nil, fmt.Errorf("keys and blocks are of version %d: want %d, so another version of this program wrote them", b.Version, bookVersion)
	}
	return b.Records, nil
}

// Load reads the file; without one there are no keys and blocks.
func (f *Folder) Load(context.Context) (*Records, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	text, err := readState(f.path)
	if errors.Is(err, fs.ErrNotExist) {
		if f.last != nil && f.text == nil {
			return f.last, nil
		}
		f.text, f.last = nil, new(Records)
		return f.last, nil
	}
	if err != nil {
		return nil, err
	}
	if f.text != nil && bytes.Equal(text, f.text) {
		return f.last, nil
	}
	r, err := decode(text)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", f.path, err)
	}
	f.text, f.last = text, r
	return r, nil
}

// Update changes the file as a whole: whoever reads it, at any moment and after any crash, gets what was before or what is now.
func (f *Folder) Update(ctx context.Context, change func(*Records) error) error {
	unlock, err := lockState(ctx, f.path)
	if err != nil {
		return err
	}
	defer unlock()
	r := new(Records)
	switch text, err := readState(f.path); {
	case errors.Is(err, fs.ErrNotExist):
	case err != nil:
		return err
	default:
		if r, err = decode(text); err != nil {
			return fmt.Errorf("%s: %w", f.path, err)
		}
	}
	if err := change(r); err != nil {
		return err
	}
	text, err := encode(r)
	if err != nil {
		return err
	}
	return replaceFile(f.path, text, f.step)
}

// lockState keeps other writers of a file waiting, and makes its folder.
func lockState(ctx context.Context, path string) (unlock func(), err error) {
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return nil, err
	}
	l := flock.New(path+".lock", flock.SetPermissions(0o600))
	patient, cancel := context.WithTimeout(ctx, statePatience)
	defer cancel()
	if _, err := l.TryLockContext(patient, lockPause); err != nil {
		if ctx.Err() == nil && patient.Err() != nil {
			return nil, fmt.Errorf("another process has kept %s locked for %s: end that one", l.Path(), statePatience)
		}
		return nil, fmt.Errorf("lock %s: %w", l.Path(), err)
	}
	return func() { _ = l.Unlock() }, nil
}

// readState reads a file that nobody else may write to.
func readState(path string) ([]byte, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer func() { _ = f.Close() }()
	info, err := f.Stat()
	switch {
	case err != nil:
		return nil, err
	case !info.Mode().IsRegular():
		return nil, fmt.Errorf("%s is no file", path)
	case runtime.GOOS != "windows" && info.Mode().Perm()&0o077 != 0: // Windows keeps permissions elsewhere
		return nil, fmt.Errorf("others have access to %s (mode %04o), and who may write to it may make keys: run chmod 600 %q", path, info.Mode().Perm(), path)
	}
	text, err := io.ReadAll(io.LimitReader(f, maxState+1))
	if err == nil && len(text) > maxState {
		err = fmt.Errorf("%s is larger than %d MiB", path, maxState>>20)
	}
	return text, err
}

// replaceFile writes a file as a whole. What lies under the temporary name is what a crash left: there is one writer.
func replaceFile(path string, content []byte, step func(string)) error {
	temporary := path + ".tmp"
	if err := os.Remove(temporary); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	f, err := os.OpenFile(temporary, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return err
	}
	half := len(content) / 2
	_, err = f.Write(content[:half])
	step("half written")
	if err == nil {
		_, err = f.Write(content[half:])
	}
	step("not synced")
	if err == nil {
		err = f.Sync() // before the rename: else a power cut may leave the new name with nothing in it
	}
	err = errors.Join(err, f.Close())
	step("written")
	if err == nil {
		err = os.Rename(temporary, path)
	}
	if err != nil {
		_ = os.Remove(temporary)
		return err
	}
	step("renamed")
	if d, err := os.Open(filepath.Dir(path)); err == nil { // so that the rename lasts; not all systems can
		_ = d.Sync()
		_ = d.Close()
	}
	return nil
}
