package pages

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"iter"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/openspapi/spapi"
	"github.com/openspapi/spapi/internal/cli/exit"
	"github.com/openspapi/spapi/internal/cli/factory"
	"github.com/openspapi/spapi/internal/cli/output"
	"github.com/openspapi/spapi/internal/cli/terminal"
)

type row struct {
	ID int       `json:"id"`
	At time.Time `json:"at,omitzero"`
}

type page struct {
	rows []row
	more bool
}

var start = time.Date(2026, 3, 1, 10, 0, 0, 500e6, time.UTC)

// of are n pages of size rows, an hour apart, then an error if there is one. Each page is asked for when the ones before it are out.
func of(n, size int, step time.Duration, failure error, asked func(i int)) iter.Seq2[*page, error] {
	return func(yield func(*page, error) bool) {
		for i := range n {
			if asked != nil {
				asked(i)
			}
			p := &page{more: i < n-1 || failure != nil}
			for j := range size {
				id := i*size + j
				r := row{ID: id}
				if step != 0 {
					r.At = start.Add(time.Duration(id) * step)
				}
				p.rows = append(p.rows, r)
			}
			if !yield(p, nil) {
				return
			}
		}
		if failure != nil {
			yield(nil, failure)
		}
	}
}

func list(limit int) *List[page, row] {
	return &List[page, row]{Noun: "row", Limit: limit, Columns: []output.Column{{Name: "id", Path: "id"}},
		Rows: func(p *page) []row { return p.rows }, More: func(p *page) bool { return p.more },
		Time: func(r *row) time.Time { return r.At }, Since: "since", Until: "until"}
}

// TestWrite: each page is out, in every format, before the next one is asked for, and no page beyond the limit is asked for.
func TestWrite(t *testing.T) {
	for _, format := range []output.Format{output.JSON, output.JSONL, output.CSV, output.YAML, output.Table} {
		for _, c := range []struct {
			limit, rows, pages int
			more               bool
		}{{0, 6, 3, false}, {6, 6, 3, false}, {4, 4, 2, true}, {3, 3, 2, true}, {2000, 6, 3, false}} {
			streams, out, _ := terminal.Buffers()
			f := factory.With(streams, "test", nil)
			f.Flags.Output.Format = format
			pages := 0
			rows, more, err := list(c.limit).Write(t.Context(), f, of(3, 2, time.Hour, nil, func(i int) {
				pages = i + 1
				turned := format == output.Table && c.limit > 0 && c.limit <= newestFirst
				if i > 0 && !turned && !strings.Contains(out.String(), fmt.Sprint(2*i-1)) {
					t.Errorf("%s: page %d is asked for while there is\n%s", format, i+1, out)
				}
			}))
			if err != nil || rows != c.rows || more != c.more || pages != c.pages {
				t.Errorf("%s, limit %d: %d rows of %d pages, more: %t, %v; want %+v", format, c.limit, rows, pages, more, err, c)
			}
		}
	}
}

// TestNewestFirst: a table for people has the newest first; one that is longer than anybody reads, and everything for programs, is as it comes.
func TestNewestFirst(t *testing.T) {
	for _, c := range []struct {
		format output.Format
		limit  int
		jq     string
		want   string
	}{
		{output.Table, 10, "", "ID\n3\n2\n1\n0\n"},
		{output.Wide, 3, "", "ID\n2\n1\n0\n"},
		{output.Table, 0, "", "ID\n0\n1\n2\n3\n"},
		{output.Table, newestFirst + 1, "", "ID\n0\n1\n2\n3\n"},
		{output.CSV, 10, "", "id\n0\n1\n2\n3\n"},
		{output.Table, 10, ".[].id", "value\n0\n1\n2\n3\n"},
	} {
		streams, out, _ := terminal.Buffers()
		f := factory.With(streams, "test", nil)
		f.Flags.Output.Format = c.format
		if c.jq != "" {
			if err := f.Flags.Output.JQ.Set(c.jq); err != nil {
				t.Fatal(err)
			}
		}
		if _, _, err := list(c.limit).Write(t.Context(), f, of(2, 2, time.Hour, nil, nil)); err != nil || out.String() != c.want {
			t.Errorf("%s, limit %d: %q, %v, want %q", c.format, c.limit, out, err, c.want)
		}
	}
}

// TestBroken: what came is written and whole, and the error says how far it is and how to go on.
func TestBroken(t *testing.T) {
	cause := &spapi.APIError{StatusCode: 500, Message: "sorry"}
	for _, c := range []struct {
		name    string
		step    time.Duration
		format  output.Format
		limit   int
		out     string
		explain string
	}{
		{"oldest first", time.Hour, output.CSV, 0, "id\n0\n1\n2\n3\n", "what came is written; go on with --since 2026-03-01T13:00:00.5Z (rows of that very moment come again)"},
		{"newest first", -time.Hour, output.JSONL, 0, "{\"id\":0,", "what came is written; go on with --until 2026-03-01T07:00:00.5Z (rows of that very moment come again)"},
		{"a table turned round", time.Hour, output.Table, 100, "ID\n3\n2\n1\n0\n", "go on with --since 2026-03-01T13:00:00.5Z"},
		{"no times", 0, output.YAML, 0, "- id: 0\n- id: 1\n- id: 2\n- id: 3\n", "what came is written; Amazon lets nobody go on there: run it again from the start"},
	} {
		streams, out, _ := terminal.Buffers()
		f := factory.With(streams, "test", nil)
		f.Flags.Output.Format = c.format
		_, _, err := list(c.limit).Write(t.Context(), f, of(2, 2, c.step, cause, nil))
		if err == nil || !errors.Is(err, cause) || exit.Status(err) != exit.API || !strings.HasPrefix(err.Error(), "after 4 rows (2 pages): ") {
			t.Errorf("%s: ends with %v", c.name, err)
		}
		if !strings.Contains(exit.Explain(err), c.explain) || !strings.HasPrefix(out.String(), c.out) {
			t.Errorf("%s: %q\n%s", c.name, exit.Explain(err), out)
		}
	}

	// What is wrong on this side is told as it is.
	streams, _, _ := terminal.Buffers()
	f := factory.With(streams, "test", nil)
	full := errors.New("disk full")
	streams.Out = failing{full}
	if _, _, err := list(0).Write(t.Context(), f, of(2, 2, time.Hour, nil, nil)); err != full { //nolint:errorlint // it is passed on as it is
		t.Errorf("on a full disk: %v", err)
	}

	streams, out, messages := terminal.Buffers()
	f = factory.With(streams, "test", nil)
	if _, _, err := list(0).Write(t.Context(), f, of(0, 0, 0, cause, nil)); err != error(cause) || out.Len() > 0 { //nolint:errorlint // it is passed on as it is
		t.Errorf("without a row: %v, %q", err, out)
	}
	_, _, err := list(0).Write(t.Context(), f, of(1, 1, 0, &spapi.DecodeError{Err: context.Canceled}, nil)) // as one that came slowly
	if exit.Status(err) != exit.Interrupted || !strings.Contains(messages.String(), "after 1 row (1 page): what came is written") ||
		!strings.HasSuffix(out.String(), "\n]\n") {
		t.Errorf("interrupted: %v, %q, %q", err, out, messages)
	}
}

type failing struct{ error }

func (f failing) Write([]byte) (int, error) { return 0, f.error }

// TestOf: rows that come one by one come as pages, and what came before an error does.
func TestOf(t *testing.T) {
	cause := errors.New("broken")
	for _, failure := range []error{nil, cause} {
		var sizes []int
		var ended error
		for p, err := range Of(func(yield func(*row, error) bool) {
			for i := range 250 {
				if !yield(&row{ID: i}, nil) {
					return
				}
			}
			if failure != nil {
				yield(nil, failure)
			}
		}) {
			if ended = err; err == nil {
				sizes = append(sizes, len(*p))
			}
		}
		if !errors.Is(ended, failure) || !slices.Equal(sizes, []int{100, 100, 50}) {
			t.Errorf("pages of %v, then %v, want %v", sizes, ended, failure)
		}
	}
	for range Of(func(yield func(*row, error) bool) {
		for i := range 101 {
			if !yield(&row{ID: i}, nil) {
				if i != 99 {
					t.Errorf("stopped at row %d", i)
				}
				return
			}
		}
		t.Error("went on behind the first page")
	}) {
		break
	}
}

// TestItems: rows are written as they were sent, with what their type doesn't know; those of a page whose items aren't as many, as their type is.
func TestItems(t *testing.T) {
	sent := [][]json.RawMessage{
		{json.RawMessage(`{"id": 0, "new":1.50}`), json.RawMessage("{\n\"big\":9007199254740993 ,\"id\":1}")},
		{json.RawMessage(`{"id":7}`)},
	}
	at := -1
	for format, want := range map[output.Format]string{
		output.JSONL: "{\"id\":0,\"new\":1.50}\n{\"big\":9007199254740993,\"id\":1}\n{\"id\":2}\n{\"id\":3}\n",
		output.CSV:   "id\n0\n1\n2\n3\n",
		output.Table: "ID\n0\n1\n2\n3\n",
	} {
		streams, out, _ := terminal.Buffers()
		f := factory.With(streams, "test", nil)
		f.Flags.Output.Format = format
		l := list(0)
		l.Items = func() ([]json.RawMessage, error) { return sent[at], nil }
		if _, _, err := l.Write(t.Context(), f, of(2, 2, 0, nil, func(i int) { at = i })); err != nil || out.String() != want {
			t.Errorf("%s: %q, %v, want %q", format, out, err, want)
		}
	}
	streams, out, _ := terminal.Buffers()
	f := factory.With(streams, "test", nil)
	f.Flags.Output.Columns = []string{"at", "id"} // the type has it, though none of the rows do
	l := list(0)
	l.Items = func() ([]json.RawMessage, error) { return sent[0], nil }
	if _, _, err := l.Write(t.Context(), f, of(1, 2, 0, nil, nil)); err != nil || out.String() != "AT  ID\n    0\n    1\n" {
		t.Errorf("%q, %v", out, err)
	}
	out.Reset() // what is no list is one for the type all the same, or has no rows
	l.Items = func() ([]json.RawMessage, error) { return nil, errors.New("no list") }
	if n, _, err := l.Write(t.Context(), f, of(1, 2, 0, nil, nil)); err != nil || n != 2 || out.String() == "" {
		t.Errorf("%d rows, %q, ends with %v", n, out, err)
	}
}

// TestOrderUnknown: where times go up and down, none of them says how to go on.
func TestOrderUnknown(t *testing.T) {
	var s span
	for _, at := range []time.Time{start, start.Add(time.Hour), start.Add(time.Minute)} {
		s.add(at)
	}
	if got := s.goOn("since", "until"); got != "" {
		t.Errorf("%q", got)
	}
	s = span{}
	s.add(start)
	if got := s.goOn("since", "until"); got != "" {
		t.Errorf("of a single row: %q", got)
	}
}

// TestColumnsFirst: a column that no row can have is told before the first page is asked for.
func TestColumnsFirst(t *testing.T) {
	streams, _, _ := terminal.Buffers()
	f := factory.With(streams, "test", nil)
	f.Flags.Output.Columns = []string{"nosuch"}
	_, _, err := list(0).Write(t.Context(), f, of(1, 1, 0, nil, func(int) { t.Error("a page was asked for") }))
	if !exit.IsUsage(err) {
		t.Errorf("ends with %v", err)
	}
}

// TestMemory: what a list holds doesn't grow with its pages, whether their rows are as they were sent or not.
func TestMemory(t *testing.T) {
	for _, asSent := range []bool{false, true} {
		for _, format := range []output.Format{output.JSON, output.JSONL, output.CSV, output.YAML, output.Table} {
			streams, out, _ := terminal.Buffers()
			f := factory.With(streams, "test", nil)
			f.Flags.Output.Format = format
			l := list(0)
			at := 0
			if asSent {
				l.Items = func() (items []json.RawMessage, _ error) {
					for j := range 100 {
						items = append(items, fmt.Appendf(nil, `{"id":%d,"new":[{"text":"%0100d"}]}`, at*100+j, j))
					}
					return items, nil
				}
			}
			var first, last uint64
			_, _, err := l.Write(t.Context(), f, of(100, 100, time.Second, nil, func(i int) {
				out.Reset()
				if at = i; i != 10 && i != 99 {
					return
				}
				runtime.GC()
				var m runtime.MemStats
				runtime.ReadMemStats(&m)
				if i == 10 {
					first = m.HeapAlloc
				} else {
					last = m.HeapAlloc
				}
			}))
			if err != nil || last > first+256<<10 {
				t.Errorf("%s, as sent: %t: %d bytes after 10 pages, %d after 99, %v", format, asSent, first, last, err)
			}
		}
	}
}
