package deliver

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/openspapi/spapi/internal/cli/exit"
	"github.com/openspapi/spapi/internal/cli/factory"
	"github.com/openspapi/spapi/internal/cli/terminal"
	"github.com/openspapi/spapi/job"
	"github.com/openspapi/spapi/journal"
	"github.com/openspapi/spapi/marketplace"
)

// A second run on the same journal says what it waits for. It goes on with what the first has left there; where that is nothing, the first has done
// what both were started for.
func TestOpenJournal(t *testing.T) {
	path := filepath.Join(t.TempDir(), "journal")
	for _, done := range []bool{false, true} {
		synctest.Test(t, func(t *testing.T) {
			var told bytes.Buffer
			f := factory.With(&terminal.Streams{In: strings.NewReader(""), Out: &bytes.Buffer{}, Err: &told}, "", nil)
			if j, err := OpenJournal(t.Context(), f, ""); j != nil || err != nil {
				t.Errorf("without a name: %v, %v", j, err)
			}
			first, err := OpenJournal(t.Context(), f, path)
			if err != nil {
				t.Fatal(err)
			}
			if told.Len() > 0 {
				t.Errorf("told %q", told.String())
			}
			began := time.Now()
			go func() {
				if err := first.Put(t.Context(), journal.Key{Kind: "feed", Request: "r"}, journal.Entry{ID: "1"}); err != nil {
					t.Error(err)
				}
				time.Sleep(time.Minute)
				if done {
					_ = first.Remove()
				} else {
					_ = first.Close()
				}
			}()
			second, err := OpenJournal(t.Context(), f, path)
			if done {
				if err == nil || !strings.Contains(err.Error(), "another run had "+path+" open and has ended") {
					t.Errorf("after it has done its work: %v", err)
				}
				if third, err := OpenJournal(t.Context(), f, path); err != nil || third.Close() != nil {
					t.Errorf("it is not free: %v", err)
				}
			} else {
				if err != nil || second.Len() != 1 {
					t.Fatal(err)
				}
				defer second.Close()
			}
			waited, want := time.Since(began), "another run has "+path+" open: waiting for it"
			if waited < time.Minute || waited > time.Minute+time.Second || !strings.Contains(told.String(), want) {
				t.Errorf("after %s, told %q", waited, told.String())
			}
		})
	}
}

// Whatever a run ends with, it says how to go on, in words that a shell takes.
func TestGoing(t *testing.T) {
	lost := func(kind job.Kind, ids ...string) error {
		e := &job.OutcomeUnknownError{Kind: kind, Type: "T", Err: errors.New("EOF")}
		for _, id := range ids {
			e.Found = append(e.Found, job.Found{ID: id, Status: job.InQueue})
		}
		return e
	}
	fatal := &job.EndedError{Kind: job.Feed, ID: "1", Status: job.Fatal}
	for _, c := range []struct {
		name, args string
		kind       job.Kind
		journal    bool
		entries    int
		ids        []string
		err        error
		want       string // "" for the error as it is
	}{
		{"Ctrl-C with a journal", "feed submit T it's --journal j", job.Feed, true, 1, []string{"1"}, context.Canceled,
			"To go on: spapi feed submit T 'it'\\''s' --journal j"},
		{"Ctrl-C without", "feed submit T f", job.Feed, false, 0, []string{"1"}, context.Canceled,
			"feed 1 goes on at Amazon. To have what comes of it: spapi feed result 1 --account shop --marketplace US"},
		{"Ctrl-C of reports without", "report run T", job.Report, false, 0, []string{"1", "2"}, context.Canceled,
			"report 1 goes on at Amazon. To have what comes of it: spapi report download 1 --account shop --marketplace US\n" +
				"report 2 goes on at Amazon. To have what comes of it: spapi report download 2 --account shop --marketplace US"},
		{"Ctrl-C before anything", "feed submit T f --journal j", job.Feed, true, 0, nil, context.Canceled, ""},
		{"a failure with a journal", "report run T --out f", job.Report, true, 2, []string{"1"}, errors.New("x"), "To go on: spapi report run T --out f"},
		{"FATAL", "feed submit T f --journal j", job.Feed, true, 0, []string{"1"}, fatal, ""},
		{"FATAL without a journal", "feed submit T f", job.Feed, false, 0, []string{"1"}, fatal, ""},
		{"FATAL of one of two", "feed submit T f --journal j", job.Feed, true, 1, []string{"1"}, fatal,
			"What went well is noted. To ask for the rest alone: spapi feed submit T f --journal j"},
		{"unknown", "feed submit T f --journal j --take 1 --send-again", job.Feed, true, 1, nil, lost(job.Feed, "7"),
			"Amazon doesn't show what a feed was made of. When it was created, and what is in its processing report, may tell:\n" +
				"  spapi feed result 7 --account shop --marketplace US\nIf it is yours: spapi feed submit T f --journal j --take 7\n" +
				"If none is: spapi feed submit T f --journal j --send-again"},
		{"unknown without a journal", "feed submit T f", job.Feed, false, 0, nil, lost(job.Feed, "7"),
			"Amazon doesn't show what a feed was made of. When it was created, and what is in its processing report, may tell:\n" +
				"  spapi feed result 7 --account shop --marketplace US\nIf none is yours, send it again: spapi feed submit T f"},
		{"unknown, several", "feed submit T f --journal j", job.Feed, true, 1, nil, lost(job.Feed, "7", "8"),
			"Amazon doesn't show what a feed was made of. When it was created, and what is in its processing report, may tell:\n" +
				"  spapi feed result 7 --account shop --marketplace US\n  spapi feed result 8 --account shop --marketplace US\n" +
				"If one of them is yours, name it: spapi feed submit T f --journal j --take FEED-ID\nIf none is: spapi feed submit T f --journal j --send-again"},
		{"unknown, nobody could look", "feed submit T f --journal j --send-again", job.Feed, true, 1, nil, lost(job.Feed),
			"To look for it again: spapi feed submit T f --journal j\nTo ask for it again without looking: spapi feed submit T f --journal j --send-again"},
		{"unknown, nobody could look, without a journal", "feed submit T f", job.Feed, false, 0, nil, lost(job.Feed),
			"See what there is before you ask again: spapi feed list T --since 1h --account shop --marketplace US"},
		{"an unknown report", "report run T --out f", job.Report, true, 1, nil, lost(job.Report, "7"),
			"Its options are not shown. If it is the one: spapi report download 7 --account shop --marketplace US\nIf none is: spapi report run T --out f --send-again"},
	} {
		var told bytes.Buffer
		f := factory.With(&terminal.Streams{In: strings.NewReader(""), Out: &bytes.Buffer{}, Err: &told}, "", strings.Fields(c.args))
		f.Flags.Account, f.Flags.Marketplace = "shop", marketplace.US
		var j *journal.File
		if c.journal {
			var err error
			if j, err = journal.Open(t.Context(), filepath.Join(t.TempDir(), "journal")); err != nil {
				t.Fatal(err)
			}
			defer j.Close()
			for i := range c.entries {
				if err := j.Put(t.Context(), journal.Key{Request: fmt.Sprint(i)}, journal.Entry{ID: "1"}); err != nil {
					t.Fatal(err)
				}
			}
		}
		g := NewGoing(f, j)
		for _, id := range append(slices.Clone(c.ids), "done") {
			g.Progress(job.Progress{Kind: c.kind, ID: id, Stage: job.Waiting})
		}
		g.Progress(job.Progress{Kind: c.kind, ID: "done", Stage: job.Ready, Status: job.Done})
		err := g.Explain(c.err)
		hint, ok := errors.AsType[*exit.HintError](err)
		if !errors.Is(err, c.err) || ok != (c.want != "") || ok && hint.Hint != c.want {
			t.Errorf("%s: got\n%s\nwant\n%s", c.name, exit.Explain(err), c.want)
		}
		for range 2 {
			g.Progress(job.Progress{Kind: job.Feed, Type: "T", Stage: job.Checking})
		}
		if n := strings.Count(told.String(), "feed T was asked for and no answer came"); n != 1 {
			t.Errorf("%s: told %d times: %s", c.name, n, &told)
		}
		f.Flags.Emulator = true
		if err := g.Explain(c.err); err != c.err {
			t.Errorf("%s: the emulator ends with the process: %v", c.name, err)
		}
	}
}

// What fails when Amazon has something already is no mistake on the command line any more: nobody may read that nothing was sent.
func TestLateMistakes(t *testing.T) {
	for _, asked := range []bool{false, true} {
		f := factory.With(&terminal.Streams{In: strings.NewReader(""), Out: &bytes.Buffer{}, Err: &bytes.Buffer{}}, "", nil)
		g := NewGoing(f, nil)
		p := job.Progress{Kind: job.Report, Stage: job.Creating}
		if asked {
			p = job.Progress{Kind: job.Report, ID: "1", Stage: job.Ready, Status: job.Done}
		}
		g.Progress(p)
		err := g.Explain(exit.Usagef("-o csv: the document is XML"))
		if got, want := exit.Status(err), map[bool]int{false: exit.Usage, true: exit.Failure}[asked]; got != want || !strings.Contains(err.Error(), "-o csv") {
			t.Errorf("asked is %v: status %d, want %d: %v", asked, got, want, err)
		}
	}
}
