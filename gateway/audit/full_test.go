package audit

import (
	"errors"
	"log/slog"
	"os"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/openspapi/spapi/gateway"
)

// faults are those of a disk. The zero value has none.
type faults struct {
	full           bool
	room           int // bytes that are still written of what doesn't fit, if full
	sync, truncate error
}

// faultyFile is a file on it.
type faultyFile struct {
	*os.File
	of *faults
}

func (f faultyFile) WriteAt(b []byte, at int64) (int, error) {
	if !f.of.full || len(b) <= f.of.room {
		return f.File.WriteAt(b, at)
	}
	n, err := f.File.WriteAt(b[:f.of.room], at)
	return n, errors.Join(err, &os.PathError{Op: "write", Path: f.Name(), Err: syscall.ENOSPC})
}

func (f faultyFile) Sync() error {
	if f.of.sync != nil {
		return f.of.sync
	}
	return f.File.Sync()
}

func (f faultyFile) Truncate(size int64) error {
	if f.of.truncate != nil {
		return f.of.truncate
	}
	return f.File.Truncate(size)
}

// TestFullDisk: what a disk doesn't take isn't said to be kept. The chain holds all the while and goes on when there is room, or a process starts anew,
// and tells how much it lacks and why.
func TestFullDisk(t *testing.T) {
	for name, fault := range map[string]faults{
		"no byte more":                     {full: true},
		"room for a piece":                 {full: true, room: 40},
		"a piece that can't be taken back": {full: true, room: 40, truncate: syscall.EIO},
		"nothing is brought to the disk":   {sync: syscall.EIO},
		"nor can it be taken back":         {sync: syscall.EIO, truncate: syscall.EIO},
	} {
		t.Run(name, func(t *testing.T) {
			var broken faults
			before := openDisk
			defer func() { openDisk = before }()
			openDisk = func(name string) (disk, error) {
				file, err := os.OpenFile(name, os.O_CREATE|os.O_RDWR, 0o600)
				return faultyFile{file, &broken}, err
			}
			now := time.Date(2026, 11, 26, 12, 0, 0, 0, time.UTC)
			o := Options{Chain: "shop", Secret: []byte("0123456789abcdef"), Logger: slog.New(slog.DiscardHandler), Now: func() time.Time { return now }}
			folder, restarted := t.TempDir(), t.TempDir()
			open := func(folder string) *Log {
				t.Helper()
				l, err := Open(folder, o)
				if err != nil {
					t.Fatal(err)
				}
				t.Cleanup(func() { _ = l.Close() })
				return l
			}
			// story verifies the chain, and tells its kinds and calls.
			story := func(folder string) (told string, lost []Note) {
				t.Helper()
				chains, err := Chains(folder)
				if err != nil || len(chains) != 1 {
					t.Fatalf("%v, %v", chains, err)
				}
				if _, err := Verify(t.Context(), chains[0], VerifyOptions{Secrets: [][]byte{o.Secret}}); err != nil {
					t.Error(err)
				}
				for e, err := range chains[0].Entries(t.Context(), time.Time{}) {
					if err != nil {
						t.Fatal(err)
					}
					told += string(e.Kind) + e.Call + " "
					if e.Kind == Lost {
						lost = append(lost, *e.Note)
					}
				}
				return told, lost
			}

			l := open(folder)
			if err := l.Append(t.Context(), gateway.Record{Call: "A"}); err != nil {
				t.Fatal(err)
			}
			broken = fault // the writer waits: it looks at none of it meanwhile
			since := now
			for range 3 {
				if err := l.Append(t.Context(), gateway.Record{Call: "B"}, gateway.Record{Call: "C"}); err == nil {
					t.Error("a record is said to be kept")
				}
				story(folder)
				now = now.Add(time.Minute)
			}
			if err := os.CopyFS(restarted, os.DirFS(folder)); err != nil {
				t.Fatal(err)
			}
			broken = faults{}
			for _, call := range []string{"D", "E"} {
				if err := l.Append(t.Context(), gateway.Record{Call: call}); err != nil {
					t.Error(err)
				}
			}
			if err := l.Close(); err != nil {
				t.Error(err)
			}
			told, lost := story(folder)
			if told != "open callA lost callD callE close " {
				t.Errorf("with room again: %s", told)
			}
			if len(lost) != 1 || lost[0].Records != 6 || !lost[0].Since.Equal(since) || !strings.Contains(lost[0].Error, "no space left") && !strings.Contains(lost[0].Error, "input/output") {
				t.Errorf("lost: %+v", lost)
			}

			l = open(restarted)
			broken = fault
			if err := l.Close(); err == nil {
				t.Error("a chain whose end can't be kept is said to be closed")
			}
			broken = faults{}
			l = open(restarted)
			if err := l.Append(t.Context(), gateway.Record{Call: "F"}); err != nil {
				t.Error(err)
			}
			if err := l.Close(); err != nil {
				t.Error(err)
			}
			if told, _ := story(restarted); !strings.HasPrefix(told, "open callA ") || !strings.HasSuffix(told, "open callF close ") {
				t.Errorf("after a restart: %s", told)
			}
		})
	}
}
