//go:build unix

package settings

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

// A pipe that nobody writes to is refused, and not waited for.
func TestPipeIsRefused(t *testing.T) {
	path := filepath.Join(bare(t), "pipe")
	if err := syscall.Mkfifo(path, 0o600); err != nil {
		t.Fatal(err)
	}
	t.Setenv("SPAPI_CONFIG", path)
	done := make(chan error, 1)
	go func() {
		_, err := ReadProfile("")
		done <- err
	}()
	select {
	case err := <-done:
		if bad, ok := errors.AsType[*ConfigError](err); !ok || !strings.HasPrefix(bad.Want, ErrNotRegular.Error()) {
			t.Errorf("got %v", err)
		}
	case <-time.After(time.Minute):
		t.Error("it waits for somebody to write")
		if f, err := os.OpenFile(path, os.O_RDWR, 0); err == nil {
			defer f.Close()
		}
		<-done
	}
}
