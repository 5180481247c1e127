// Package pages writes the rows of lists while their pages come, for all commands that list.
package pages

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"iter"
	"reflect"
	"slices"
	"time"

	"github.com/openspapi/spapi/internal/cli/factory"
	"github.com/openspapi/spapi/internal/cli/output"
	"github.com/openspapi/spapi/internal/settings"
)

// List is how a command lists. Page and Row are types of the SDK.
type List[Page, Row any] struct {
	Noun    string // one of the rows: "order"
	Columns []output.Column
	Rows    func(*Page) []Row
	// Items are the rows of the page at hand as Amazon sent them, which is how they are written; nil where nothing tells, or the rows were made here:
	// they are written as their type is. So are those of a page whose rows aren't as many, or that has no list of them.
	Items func() ([]json.RawMessage, error)
	More  func(*Page) bool // whether a page promises another; nil where that is not told
	// Total is how many rows the service says there are, as far as a page tells; nil where none does.
	Total func(*Page) *int64
	Limit int  // of rows; 0 for all
	Each  bool // --jq filters the rows, one by one

	// Time is by what the rows are in order, where they are by one: tables with a limit have the newest first, and a list that broke off can be taken up.
	Time func(*Row) time.Time
	// Since and Until are the flags that bound Time from below and above, without dashes; "" where there is none.
	Since, Until string
}

// newestFirst is up to which limit a table waits for all rows, so that the newest stands first.
const newestFirst = 1000

// NewestFirst reports whether a list with this limit shows the newest first: a table that ends somewhere.
func NewestFirst(f *factory.Factory, limit int) bool {
	printer := f.Printer()
	return !printer.Structured() && !printer.Flags.JQ.Given() && limit > 0 && limit <= newestFirst
}

// Write writes the rows of the pages and returns how many they were, and whether there are more. Every page is out before the next one is asked for. A
// list that breaks off after its first row ends with an [*Error].
func (l *List[Page, Row]) Write(ctx context.Context, f *factory.Factory, all iter.Seq2[*Page, error]) (rows int, more bool, err error) {
	printer := f.Printer()
	if err := printer.Check(reflect.TypeFor[Row](), l.Columns...); err != nil {
		return 0, false, err
	}
	out := printer.List(l.Columns...)
	out.Each, out.Row = l.Each, reflect.TypeFor[Row]()
	var kept []Row // of a table that is turned round
	turned := l.Time != nil && NewestFirst(f, l.Limit)
	var reached span
	pages, total := 0, int64(0)
	var twice Twice
	var source error // why no more pages came
	failure := func() error {
	pages:
		for page, err := range all {
			if source = err; err != nil {
				return err
			}
			pages++
			if page == nil {
				continue
			}
			if l.Total != nil {
				if told := l.Total(page); told != nil {
					total = *told
				}
			}
			list := l.Rows(page)
			var items []json.RawMessage
			asSent := l.Items != nil && !turned
			if asSent {
				items, err = l.Items() // of what is no list the SDK has warned already
				asSent = err == nil && len(items) == len(list)
				twice.Page(items)
			}
			for i := range list {
				if more = l.Limit > 0 && rows == l.Limit; more {
					break pages
				}
				row := &list[i]
				rows++
				if l.Time != nil {
					reached.add(l.Time(row))
				}
				switch {
				case turned:
					kept = append(kept, *row)
				case asSent:
					err = out.AddRaw(ctx, items[i])
				default:
					err = out.Add(ctx, row)
				}
				if err != nil {
					return err
				}
			}
			if err := out.Flush(); err != nil {
				return err
			}
			// Without asking for the next page: it may be a call of a scarce kind.
			if l.Limit > 0 && rows == l.Limit {
				more = l.More != nil && l.More(page)
				break
			}
		}
		return nil
	}()
	slices.SortStableFunc(kept, func(a, b Row) int { return l.Time(&b).Compare(l.Time(&a)) })
	for i := range kept {
		if err := out.Add(context.WithoutCancel(ctx), &kept[i]); err != nil {
			return rows, more, err
		}
	}
	closed := out.Close(ctx, failure)
	twice.Tell(f, l.Noun)
	if err := closed; source == nil || rows == 0 {
		if err == nil {
			err = l.counted(f, rows, total)
		}
		return rows, more, err
	}
	broken := &Error{Noun: l.Noun, Rows: rows, Pages: pages, GoOn: reached.goOn(l.Since, l.Until), Err: source}
	broken.Tell(f)
	return rows, false, broken
}

// counted tells that fewer rows were written than the service says there are, and why. That it gives none of them is an error.
func (l *List[Page, Row]) counted(f *factory.Factory, rows int, total int64) error {
	switch {
	case int64(rows) >= total:
	case rows == 0:
		return fmt.Errorf("the service says that there are %s, and gives none", output.Plural(total, l.Noun))
	case l.Limit > 0 && rows >= l.Limit:
		f.Notef("%d of %s: --limit shows more", rows, output.Plural(total, l.Noun))
	default: // Amazon cuts long searches off
		f.Notef("%d of %s: the service gives no more, a narrower search may", rows, output.Plural(total, l.Noun))
	}
	return nil
}

// Of makes pages of rows that come one by one.
func Of[Row any](rows iter.Seq2[*Row, error]) iter.Seq2[*[]Row, error] {
	const size = 100 // the largest page that most operations have
	return func(yield func(*[]Row, error) bool) {
		var page []Row
		for row, err := range rows {
			if err == nil {
				page = append(page, *row)
			}
			if len(page) == size || err != nil && len(page) > 0 {
				if !yield(&page, nil) {
					return
				}
				page = nil
			}
			if err != nil {
				yield(nil, err)
				return
			}
		}
		if len(page) > 0 {
			yield(&page, nil)
		}
	}
}

// span is how far the times of rows have come.
type span struct {
	last               time.Time
	rises, falls, none bool
}

func (s *span) add(t time.Time) {
	if !s.last.IsZero() {
		s.rises = s.rises || t.After(s.last)
		s.falls = s.falls || t.Before(s.last)
	}
	s.none = s.none || t.IsZero()
	s.last = t
}

// goOn is the flag with which the rows behind the last one are asked for.
func (s *span) goOn(since, until string) string {
	flag := ""
	switch {
	case s.none:
	case s.rises && !s.falls:
		flag = since
	case s.falls && !s.rises:
		flag = until
	}
	if flag == "" {
		return ""
	}
	// Both bounds include their moment.
	return "--" + flag + " " + s.last.UTC().Format(time.RFC3339Nano) + " (rows of that very moment come again)"
}

// Error is a list that broke off after it had begun. What came of it is written and whole.
type Error struct {
	Noun        string
	Rows, Pages int
	// GoOn are the flags with which the command goes on behind what came, in place of its own of the same names; "" where Amazon allows none.
	GoOn string
	Err  error
}

func (e *Error) far() string {
	return fmt.Sprintf("after %s (%s)", output.Plural(e.Rows, e.Noun), output.Plural(e.Pages, "page"))
}

func (e *Error) Error() string { return e.far() + ": " + e.Err.Error() }

// Tell tells of a list that was interrupted, of which nothing else is told.
func (e *Error) Tell(f *factory.Factory) {
	if errors.Is(e.Err, context.Canceled) {
		f.Notef("%s: %s", e.far(), e.Explain())
	}
}

// Unwrap returns the cause.
func (e *Error) Unwrap() error { return e.Err }

// Explain says how to go on, after what the cause says itself.
func (e *Error) Explain() string {
	text := "what came is written; "
	if e.GoOn != "" {
		text += "go on with " + e.GoOn
	} else {
		text += "Amazon lets nobody go on there: run it again from the start"
	}
	if first := settings.Advice(e.Err); first != "" && !errors.Is(e.Err, context.Canceled) { // what an interruption breaks off is nobody's fault
		return first + "\n" + text
	}
	return text
}
