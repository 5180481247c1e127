//go:build unix

package journal

import (
	"io/fs"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

// A pipe would be read from until somebody writes to it.
func TestPipeIsRefused(t *testing.T) {
	path := filepath.Join(t.TempDir(), "journal")
	if err := syscall.Mkfifo(path, 0o600); err != nil {
		t.Skip(err)
	}
	if _, err := Open(t.Context(), path); err == nil || !strings.Contains(err.Error(), "not a regular file") {
		t.Errorf("got %v", err)
	}
}

// foreign is a file of somebody else.
type foreign struct {
	fs.FileInfo
	uid uint32
}

func (f foreign) Sys() any { return &syscall.Stat_t{Uid: f.uid} }

func TestOwner(t *testing.T) {
	for _, c := range []struct {
		file uint32
		user int
		ok   bool
	}{{1000, 1000, true}, {1001, 1000, false}, {0, 1000, false}, {1001, 0, true}} {
		if err := owned(foreign{uid: c.file}, c.user); (err == nil) != c.ok {
			t.Errorf("user %d, file of %d: %v", c.user, c.file, err)
		}
	}
}
