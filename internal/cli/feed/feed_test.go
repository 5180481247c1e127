package feed

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"testing"

	"github.com/openspapi/spapi/feeds"
	"github.com/openspapi/spapi/internal/cli/factory"
	"github.com/openspapi/spapi/internal/cli/terminal"
	"github.com/openspapi/spapi/journal"
)

var errFull = errors.New("no space left on device")

type full struct{}

func (full) Write([]byte) (int, error) { return 0, errFull }

// TestJournalOutlivesLostOutput: the journal goes when the result has been shown, also one with errors in it, and not before.
func TestJournalOutlivesLostOutput(t *testing.T) {
	path := filepath.Join(t.TempDir(), "feed.journal")
	open := func() *journal.File {
		j, err := journal.Open(t.Context(), path)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = j.Close() })
		return j
	}
	j := open()
	if err := j.Put(t.Context(), journal.Key{Kind: "feed", Type: "T", Request: "r"}, journal.Entry{ID: "1"}); err != nil {
		t.Fatal(err)
	}
	streams, _, _ := terminal.Buffers()
	shown := streams.Out
	f := factory.With(streams, "test", nil)
	f.Flags.Output.Format = "json"
	result := &feeds.Result{Processed: 2, Errors: 1, Invalid: 1, Issues: []feeds.Issue{{SKU: "pen"}}}
	streams.Out = full{}
	if err := show(t.Context(), f, result, j); !errors.Is(err, errFull) {
		t.Errorf("output that is lost: %v", err)
	}
	if _, err := os.Stat(path); err != nil {
		t.Errorf("the journal is gone: %v", err)
	}
	_ = j.Close()
	streams.Out = shown
	if err := show(t.Context(), f, result, open()); err == nil {
		t.Error("messages with errors are no failure")
	}
	if _, err := os.Stat(path); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("the journal stayed: %v", err)
	}
}

// The counts of a processing report decide how "feed submit" and "feed result" end.
func TestResultsThatFail(t *testing.T) {
	for want, r := range map[string]feeds.Result{
		"": {Processed: 2, Accepted: 2, Warnings: 1},
		"messages not carried out: 2 of 2; no line of the processing report tells why": {Processed: 2, Invalid: 2},
		"messages not carried out: 1 of 2":                                             {Processed: 2, Accepted: 1, Invalid: 1, Errors: 1},
		"messages not carried out: 1":                                                  {Invalid: 1, Errors: 1},
		"the feed has errors: 3":                                                       {Errors: 3},
	} {
		got := ""
		if err := failure(&r); err != nil {
			got = err.Error()
		}
		if got != want {
			t.Errorf("%+v: %q, want %q", r, got, want)
		}
	}
}
