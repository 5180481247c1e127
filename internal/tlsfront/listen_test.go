package tlsfront

import (
	"net"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
)

// TestListen listens on addresses and files, some of which are taken.
func TestListen(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("what a dead socket's file is like differs")
	}
	dir := t.TempDir()
	socket := filepath.Join(dir, "s")
	l, err := Listen(t.Context(), "unix:"+socket)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := Listen(t.Context(), "unix:"+socket); err == nil || !strings.HasSuffix(err.Error(), "another process listens there") {
		t.Errorf("one that is alive: %v", err)
	}
	l.(*net.UnixListener).SetUnlinkOnClose(false) // as if killed
	l.Close()
	l, err = Listen(t.Context(), "unix:"+socket)
	if err != nil {
		t.Fatalf("one that is dead: %v", err)
	}
	if c, err := net.Dial("unix", socket); err != nil {
		t.Error(err)
	} else {
		c.Close()
	}
	l.Close()
	if _, err := os.Lstat(socket); !os.IsNotExist(err) {
		t.Errorf("the file is still there: %v", err)
	}
	write(t, dir, "file", "x")
	for address, want := range map[string]string{
		"unix:":                                "want the path of a socket",
		"unix:" + filepath.Join(dir, "file"):   "which is no socket",
		"unix:" + filepath.Join(dir, "a", "b"): "no such file",
		"unix:" + strings.Repeat("x", 200):     "invalid argument",
		"127.0.0.1:x":                          "x",
	} {
		if l, err := Listen(t.Context(), address); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v %v, want %q", address, l, err, want)
		}
	}
	if text, err := os.ReadFile(filepath.Join(dir, "file")); err != nil || string(text) != "x" {
		t.Errorf("the other file: %q %v", text, err)
	}
	tcp, err := Listen(t.Context(), "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	tcp.Close()
}
