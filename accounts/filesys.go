package accounts

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"time"

	"github.com/gofrs/flock"

	"github.com/openspapi/spapi/internal/settings"
)

const maxFile = 64 << 20 // bytes; a hundred thousand accounts fit

// lockPause is how long a process waits between two tries to get the lock. flock's own waiting could not be ended by a context.
const lockPause = 5 * time.Millisecond

// lockPatience is how long a process waits for the lock. Others hold it for milliseconds, or while their user is asked for a passphrase.
const lockPatience = 2 * time.Minute

// lock waits until no other process, nor another File in this one, writes the file.
func lock(ctx context.Context, path string) (unlock func(), err error) {
	l := flock.New(resolve(path)+".lock", flock.SetPermissions(0o600))
	patient, cancel := context.WithTimeout(ctx, lockPatience)
	defer cancel()
	if _, err := l.TryLockContext(patient, lockPause); err != nil {
		if ended := ctx.Err(); ended != nil {
			return nil, ended
		}
		if patient.Err() != nil {
			return nil, fmt.Errorf("another process has kept %s locked for %s, end that one: %w", l.Path(), lockPatience, os.ErrDeadlineExceeded)
		}
		return nil, fmt.Errorf("lock: %w", err)
	}
	return func() { _ = l.Unlock() }, nil
}

// resolve follows symbolic links, so that a write replaces the file and not the link that someone keeps to it.
func resolve(path string) string {
	if target, err := filepath.EvalSymlinks(path); err == nil {
		return target
	}
	return path
}

// makeDir makes the folder for its owner alone, and refuses one in which everybody may replace files. A folder that its
// group may write to passes: where each user has a group of their own, that is the usual mode.
func makeDir(dir string) error {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return err
	}
	info, err := os.Stat(dir)
	if err != nil {
		return err
	}
	if mode := info.Mode(); runtime.GOOS != "windows" && mode.Perm()&0o002 != 0 && mode&fs.ModeSticky == 0 {
		return hinted(ErrPermissions, "everybody may write to its folder (mode %04o): run chmod o-w %q", mode.Perm(), dir)
	}
	return nil
}

// readPrivate reads a file with secrets and refuses one that others have access to.
func readPrivate(path string) ([]byte, error) {
	f, info, err := settings.OpenRegular(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	// Windows keeps permissions elsewhere, and Go reports 0666 there.
	if mode := info.Mode().Perm(); runtime.GOOS != "windows" && mode&0o077 != 0 {
		return nil, hinted(ErrPermissions, "it can be read or written by others (mode %04o) and holds secrets: run chmod 600 %q", mode, path)
	}
	content, err := io.ReadAll(io.LimitReader(f, maxFile+1))
	if err == nil && len(content) > maxFile {
		err = hinted(ErrCorrupted, "it is larger than %d MiB", maxFile>>20)
	}
	return content, err
}

// replace writes the file as a whole: whoever reads it, at any moment and after any crash, gets the old or the new one.
// The caller holds the lock, so what lies under the temporary name is what a crash left.
func replace(path string, content []byte, step func(string)) error {
	path = resolve(path)
	temporary := path + ".tmp"
	if err := os.Remove(temporary); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	f, err := os.OpenFile(temporary, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return err
	}
	if err := fill(f, content, step); err != nil {
		_ = os.Remove(temporary)
		return err
	}
	step("written")
	if err := os.Rename(temporary, path); err != nil {
		_ = os.Remove(temporary)
		return err
	}
	step("renamed")
	return syncDir(filepath.Dir(path))
}

func fill(f *os.File, content []byte, step func(string)) error {
	half := len(content) / 2
	_, err := f.Write(content[:half])
	step("half written")
	if err == nil {
		_, err = f.Write(content[half:])
	}
	step("not synced")
	if err == nil {
		err = f.Sync() // before the rename: else a power cut may leave the new name with nothing in it
	}
	if closing := f.Close(); err == nil {
		err = closing
	}
	return err
}

// syncDir makes a rename last. Some systems cannot sync folders, and none of them says so in the same way.
func syncDir(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return nil
	}
	defer d.Close()
	_ = d.Sync()
	return nil
}
