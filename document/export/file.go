package export

import (
	"bufio"
	"crypto/rand"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
)

// partial marks the files that are being written: ".orders.csv.K7Q2….spapi-partial".
const partial = ".spapi-partial"

// File is a file that gets its name when it is whole. Until then it has a temporary name in the same folder; a run that is
// killed leaves no more than that, and the next run with the same name removes it.
type File struct {
	w    *bufio.Writer
	file *os.File
	path string
	done bool
}

// Create starts a file that is to be called path, in place of what may be there. A symbolic link is followed. Only the owner may read the
// file, since reports hold personal data; a file that is replaced passes its permissions on.
//
// Either Commit or Abort must be called.
func Create(path string) (*File, error) {
	target, mode, err := destination(path)
	if err != nil {
		return nil, err
	}
	folder, base := filepath.Split(target)
	if folder == "" {
		folder = "."
	}
	removeStale(folder, base)
	for range 10 {
		name := filepath.Join(folder, "."+base+"."+rand.Text()[:10]+partial)
		file, err := os.OpenFile(name, os.O_RDWR|os.O_CREATE|os.O_EXCL, mode)
		if errors.Is(err, fs.ErrExist) {
			continue
		}
		if err != nil {
			return nil, fmt.Errorf("create %s: %w", path, err)
		}
		// Another run may take the file for a stale one in the moment before it is locked.
		if err := lock(file); err != nil || !same(file, name) {
			_ = file.Close()
			_ = os.Remove(name)
			if err != nil {
				return nil, fmt.Errorf("create %s: %w", path, err)
			}
			continue
		}
		if err := file.Chmod(mode); err != nil && mode != 0o600 {
			_ = file.Close()
			_ = os.Remove(name)
			return nil, fmt.Errorf("create %s: %w", path, err)
		}
		return &File{w: bufio.NewWriterSize(file, 256<<10), file: file, path: target}, nil
	}
	return nil, fmt.Errorf("create %s: no temporary name is free in %s", path, folder)
}

// destination follows a link and refuses what a rename would destroy.
func destination(path string) (target string, mode fs.FileMode, err error) {
	if path == "" {
		return "", 0, errors.New("create: the name of the file is empty")
	}
	info, err := os.Stat(path)
	if errors.Is(err, fs.ErrNotExist) {
		if _, err := os.Lstat(path); err == nil {
			return "", 0, fmt.Errorf("create %s: it is a symbolic link to nothing", path)
		}
		return path, 0o600, nil
	}
	if err != nil {
		return "", 0, fmt.Errorf("create %s: %w", path, err)
	}
	if !info.Mode().IsRegular() {
		return "", 0, fmt.Errorf("create %s: it is %s, not a regular file", path, kindOf(info))
	}
	if target, err = filepath.EvalSymlinks(path); err != nil {
		return "", 0, fmt.Errorf("create %s: %w", path, err)
	}
	return target, info.Mode().Perm(), nil
}

func kindOf(info fs.FileInfo) string {
	if info.IsDir() {
		return "a folder"
	}
	return "a device or pipe"
}

// removeStale removes what killed runs have left. A file that a living run writes is locked.
func removeStale(folder, base string) {
	entries, err := os.ReadDir(folder)
	if err != nil {
		return
	}
	for _, e := range entries {
		middle, ok := strings.CutPrefix(e.Name(), "."+base+".")
		if !ok || !e.Type().IsRegular() {
			continue
		}
		if random, ok := strings.CutSuffix(middle, partial); !ok || strings.Contains(random, ".") {
			continue
		}
		name := filepath.Join(folder, e.Name())
		file, err := os.OpenFile(name, os.O_RDWR, 0)
		if err != nil {
			continue
		}
		stale := lock(file) == nil
		_ = file.Close()
		if stale {
			_ = os.Remove(name)
		}
	}
}

func same(file *os.File, name string) bool {
	open, err := file.Stat()
	if err != nil {
		return false
	}
	there, err := os.Lstat(name)
	return err == nil && os.SameFile(open, there)
}

// Write adds to the file.
func (f *File) Write(p []byte) (int, error) { return f.w.Write(p) }

// Commit makes the file durable and gives it its name. If that fails the file is removed.
func (f *File) Commit() error {
	if f.done {
		return errors.New("the file has been committed or aborted before")
	}
	f.done = true
	name := f.file.Name()
	err := f.w.Flush()
	if err == nil {
		err = f.file.Sync()
	}
	if renameOpen && err == nil { // still under its lock
		err = os.Rename(name, f.path)
	}
	if closed := f.file.Close(); err == nil {
		err = closed
	}
	if !renameOpen && err == nil {
		err = os.Rename(name, f.path)
	}
	if err != nil {
		_ = os.Remove(name)
		return fmt.Errorf("write %s: %w", f.path, err)
	}
	syncFolder(filepath.Dir(f.path))
	return nil
}

// Abort removes the file. After Commit it does nothing, so that it can be deferred.
func (f *File) Abort() {
	if f.done {
		return
	}
	f.done = true
	_ = f.file.Close()
	_ = os.Remove(f.file.Name())
}

// syncFolder makes a rename durable, where folders can be synced; a file that has its name already is whole in any case.
func syncFolder(folder string) {
	if d, err := os.Open(folder); err == nil {
		_ = d.Sync()
		_ = d.Close()
	}
}
