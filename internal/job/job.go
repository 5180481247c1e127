// Package job is what reports, feeds and Data Kiosk have in common: work that is started, looked at now and then until it has ended, and taken up
// again after a run that was killed.
package job

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"sync"
	"time"
)

// Pause says how long to wait between two looks. The zero value is ready for use.
type Pause struct {
	Min time.Duration // default 1 s
	Max time.Duration // default 30 s
}

// next is the pause after the work has been under way for so long: a quarter of that, so that the end is noticed at most a quarter late, and what
// takes long costs few calls.
func (p Pause) next(elapsed time.Duration) time.Duration {
	least, most := p.Min, p.Max
	if least <= 0 {
		least = time.Second
	}
	if most <= 0 {
		most = 30 * time.Second
	}
	return min(max(elapsed/4, least), max(most, least))
}

// Wait calls look until it says that the work has ended, or fails. Waiting for a rate limit is look's own affair: the pause begins when it returns,
// so that many waits at once don't pile up calls.
func Wait(ctx context.Context, p Pause, look func(context.Context) (ended bool, err error)) error {
	start := time.Now()
	timer := time.NewTimer(0)
	defer timer.Stop()
	for {
		select {
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-timer.C:
		}
		ended, err := look(ctx)
		if ended || err != nil {
			return err
		}
		timer.Reset(p.next(time.Since(start)))
	}
}

// Entry is what a journal keeps of a piece of work.
type Entry struct {
	Began time.Time `json:"began"`          // when it was about to be started
	ID    string    `json:"id,omitempty"`   // Amazon's id, once known
	Note  string    `json:"note,omitempty"` // an id needed on the way, such as that of a feed's uploaded document
}

// Journal remembers what has been started, so that a run that takes the place of one that was killed goes on with it instead of starting it again.
// The keys say what is wanted: they are hashes of the requests. A Journal must be safe for concurrent use.
type Journal interface {
	Get(key string) (Entry, bool, error)
	Put(key string, e Entry) error
}

// FileJournal is a journal in a small JSON file, which is replaced as a whole with each change. One process at a time may use it.
type FileJournal struct {
	path string

	mu      sync.Mutex
	entries map[string]Entry // nil until read
}

// NewFileJournal keeps the journal in the file of that name. It is read when it is first needed, and need not exist.
func NewFileJournal(path string) *FileJournal { return &FileJournal{path: path} }

func (j *FileJournal) read() error {
	if j.entries != nil {
		return nil
	}
	b, err := os.ReadFile(j.path)
	if errors.Is(err, fs.ErrNotExist) {
		j.entries = map[string]Entry{}
		return nil
	}
	if err != nil {
		return fmt.Errorf("journal: %w", err)
	}
	entries := map[string]Entry{}
	if err := json.Unmarshal(b, &entries); err != nil {
		return fmt.Errorf("journal %s: not what this program wrote: %w; remove it to start anew", j.path, err)
	}
	j.entries = entries
	return nil
}

// Get returns the entry under a key.
func (j *FileJournal) Get(key string) (Entry, bool, error) {
	j.mu.Lock()
	defer j.mu.Unlock()
	if err := j.read(); err != nil {
		return Entry{}, false, err
	}
	e, ok := j.entries[key]
	return e, ok, nil
}

// Put writes the entry under a key.
func (j *FileJournal) Put(key string, e Entry) error {
	j.mu.Lock()
	defer j.mu.Unlock()
	if err := j.read(); err != nil {
		return err
	}
	next := maps.Clone(j.entries)
	next[key] = e
	b, err := json.MarshalIndent(next, "", "  ")
	if err != nil {
		return fmt.Errorf("journal: %w", err)
	}
	// A fixed name: a process that is killed in between leaves a file that the next one writes over.
	temporary := filepath.Join(filepath.Dir(j.path), "."+filepath.Base(j.path)+".tmp")
	if err := os.WriteFile(temporary, append(b, '\n'), 0o600); err != nil {
		return fmt.Errorf("journal: %w", err)
	}
	if err := os.Rename(temporary, j.path); err != nil {
		return fmt.Errorf("journal: %w", err)
	}
	j.entries = next
	return nil
}

// Remove deletes the journal, when all that it stands for has been brought home.
func (j *FileJournal) Remove() error {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.entries = nil
	if err := os.Remove(j.path); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("journal: %w", err)
	}
	return nil
}
