// Package datakiosk runs queries of Data Kiosk: it checks and sends a GraphQL query, waits until it is done, and streams the rows of all its pages.
//
// [Run], [Rows] and [Pages] do all of that. [Create], [Wait] and [Open] are the steps of one page. Options and errors are those of package job.
package datakiosk

import (
	"context"
	"encoding/json"
	"fmt"
	"iter"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/openspapi/spapi"
	"github.com/openspapi/spapi/api/datakiosk20231115"
	"github.com/openspapi/spapi/document"
	"github.com/openspapi/spapi/internal/runner"
	"github.com/openspapi/spapi/job"
)

// MaxQueryLength is how many characters a query may have without unneeded whitespace (dataKiosk_2023-11-15.json of selling-partner-api-models).
const MaxQueryLength = 8000

// Query is what Amazon tells about a query.
type Query = datakiosk20231115.Query

// Minimize takes comments and unneeded whitespace out of a GraphQL query: what is left is what Amazon counts, and what Run sends.
func Minimize(query string) string {
	var b strings.Builder
	var last byte = '{'
	gap := false
	add := func(s string) {
		if gap && !strings.ContainsRune("{}()[]:!$@=|&,.", rune(last)) && !strings.ContainsRune("{}()[]:!$@=|&,.", rune(s[0])) {
			b.WriteByte(' ')
		}
		gap = false
		b.WriteString(s)
		last = s[len(s)-1]
	}
	for len(query) > 0 {
		switch c := query[0]; {
		case strings.HasPrefix(query, "\ufeff"):
			query = query[len("\ufeff"):]
		case c == ' ' || c == '\t' || c == '\n' || c == '\r' || c == ',': // commas are whitespace to GraphQL
			gap = true
			query = query[1:]
		case c == '#':
			gap = true
			end := strings.IndexAny(query, "\n\r")
			if end < 0 {
				end = len(query)
			}
			query = query[end:]
		case c == '"':
			n := stringLength(query)
			add(query[:n])
			query = query[n:]
		default:
			add(query[:1])
			query = query[1:]
		}
	}
	return b.String()
}

// stringLength is how long the string is that s begins with, quotes included; all of s if it has no end.
func stringLength(s string) int {
	if strings.HasPrefix(s, `"""`) {
		for i := 3; i < len(s); i++ {
			if strings.HasPrefix(s[i:], `\"""`) {
				i += 3
			} else if strings.HasPrefix(s[i:], `"""`) {
				return i + 3
			}
		}
		return len(s)
	}
	for i := 1; i < len(s); i++ {
		switch s[i] {
		case '\\':
			i++
		case '"':
			return i + 1
		}
	}
	return len(s)
}

func invalid(reason string) error { return &job.RequestError{Kind: job.Query, Reason: reason} }

// Check tells what is wrong with a query, as far as that can be known without the schema: [*job.RequestError].
func Check(query string) error {
	small := Minimize(query)
	if small == "" {
		return invalid("is empty")
	}
	if n := utf8.RuneCountInString(small); n > MaxQueryLength {
		return invalid(fmt.Sprintf("has %d characters without unneeded whitespace, at most %d are taken", n, MaxQueryLength))
	}
	depth := 0
	for rest := small; len(rest) > 0; {
		switch rest[0] {
		case '"':
			rest = rest[stringLength(rest):]
			continue
		case '{':
			depth++
		case '}':
			if depth--; depth < 0 {
				return invalid("closes a brace that it has not opened")
			}
		}
		rest = rest[1:]
	}
	if depth > 0 {
		return invalid("does not close all its braces")
	}
	return nil
}

// Page is the document of one page. Its content is JSONL.
type Page struct {
	*document.Reader
	Query  Query
	Number int // from 1
}

// Pages runs a query and goes through its pages, each of which is closed when the loop goes on. A page without rows is left out. While one is being
// read, the next is being made. Errors: those of package job and of the
// calls. With a journal, each page is noted, and a run that takes the place of one that was killed takes up its queries.
func Pages(ctx context.Context, client *spapi.Client, query string, opts ...job.Option) iter.Seq2[*Page, error] {
	return func(yield func(*Page, error) bool) {
		if err := Check(query); err != nil {
			yield(nil, err)
			return
		}
		ctx, cancel := context.WithCancel(ctx)
		defer cancel()
		r := newRun(client, opts, query)
		next := r.start(ctx, "", 1)
		defer func() { // the page that is being made when the loop is left
			cancel()
			if next != nil {
				<-next
			}
		}()
		for number := 1; next != nil; number++ {
			result := <-next
			next = nil
			if result.err != nil {
				yield(nil, result.err)
				return
			}
			q := result.query
			if q.Pagination != nil && q.Pagination.NextToken != "" {
				if r.tokens = append(r.tokens, q.Pagination.NextToken); slices.Contains(r.tokens[:len(r.tokens)-1], q.Pagination.NextToken) {
					yield(nil, fmt.Errorf("datakiosk: query %s: the next page has a token that was there before", q.QueryID))
					return
				}
				next = r.start(ctx, q.Pagination.NextToken, number+1)
			}
			if q.DataDocumentID == "" {
				continue
			}
			doc, err := r.open(ctx, q, q.DataDocumentID)
			if err != nil {
				yield(nil, err)
				return
			}
			more := func() bool {
				defer doc.Close() // also where the loop's body panics
				return yield(&Page{Reader: doc, Query: *q, Number: number}, nil)
			}()
			if !more {
				return
			}
		}
	}
}

// Run runs a query and goes through the rows of all its pages, each as JSON that is valid until the next. It ends after an error; see [Pages].
func Run(ctx context.Context, client *spapi.Client, query string, opts ...job.Option) iter.Seq2[[]byte, error] {
	return func(yield func([]byte, error) bool) {
		for page, err := range Pages(ctx, client, query, opts...) {
			if err != nil {
				yield(nil, err)
				return
			}
			row := 0
			for line, err := range document.Lines(page.Reader, 0) {
				row++
				if err != nil {
					err = &job.DocumentError{Kind: job.Query, ID: page.Query.QueryID, Err: err}
				} else if !json.Valid(line) {
					err = &job.DocumentError{Kind: job.Query, ID: page.Query.QueryID, Err: fmt.Errorf("row %d is not JSON", row)}
				}
				if !yield(line, err) || err != nil {
					return
				}
			}
		}
	}
}

// Rows is [Run] into values.
func Rows[T any](ctx context.Context, client *spapi.Client, query string, opts ...job.Option) iter.Seq2[T, error] {
	return func(yield func(T, error) bool) {
		for line, err := range Run(ctx, client, query, opts...) {
			var v T
			if err == nil {
				err = json.Unmarshal(line, &v)
			}
			if !yield(v, err) || err != nil {
				return
			}
		}
	}
}

// Create sends a query and returns its id. The token is that of the page before, "" for the first. It notes nothing in a journal. Errors:
// [*job.RequestError], those of the call.
func Create(ctx context.Context, client *spapi.Client, query, token string, opts ...job.Option) (queryID string, err error) {
	if err := Check(query); err != nil {
		return "", err
	}
	r := newRun(client, opts, query)
	return r.create(ctx, token, r.Calls)
}

// Get returns the state of a query as it is now. Errors: [*job.UnknownIDError], those of the call.
func Get(ctx context.Context, client *spapi.Client, queryID string, opts ...job.Option) (*Query, error) {
	return newRun(client, opts, "").watch(queryID, 1).LookOnce(ctx)
}

// Wait waits until a query has ended, and returns it as it was seen last, also with an error. Errors: [*job.EndedError], [*job.UnknownIDError],
// [*job.StatusError], those of the calls.
func Wait(ctx context.Context, client *spapi.Client, queryID string, opts ...job.Option) (*Query, error) {
	return newRun(client, opts, "").watch(queryID, 1).Wait(ctx)
}

// Open opens the rows of a query that is done, as JSONL. It must be closed. Errors: [*job.DocumentError], with [job.ErrNoDocument] when the query has no
// rows. Reading ends with those of [document.Open].
func Open(ctx context.Context, client *spapi.Client, q *Query, opts ...job.Option) (*document.Reader, error) {
	return newRun(client, opts, "").open(ctx, q, q.DataDocumentID)
}

// ListRequest says which queries to list.
type ListRequest struct {
	Statuses []job.Status // default: all
	Since    time.Time    // created since; default: 90 days ago
	Until    time.Time    // created until; default: now
}

// List lists the queries that there are, the newest first. Each that is done can be opened with [Open].
func List(ctx context.Context, client *spapi.Client, r ListRequest, opts ...job.Option) iter.Seq2[*Query, error] {
	return newRun(client, opts, "").list(ctx, r)
}

// run is a query with all its pages.
type run struct {
	*job.Config
	client *spapi.Client
	query  string
	tokens []string // of the pages so far
}

func newRun(client *spapi.Client, opts []job.Option, query string) *run {
	return &run{Config: job.NewConfig(client, opts...), client: client, query: Minimize(query)}
}

func (r *run) list(ctx context.Context, in ListRequest) iter.Seq2[*Query, error] {
	input := &datakiosk20231115.GetQueriesInput{CreatedSince: in.Since, CreatedUntil: in.Until, PageSize: new(int64(100))}
	for _, s := range in.Statuses {
		input.ProcessingStatuses = append(input.ProcessingStatuses, datakiosk20231115.GetQueriesProcessingStatus(s))
	}
	return func(yield func(*Query, error) bool) {
		for q, err := range datakiosk20231115.New(r.client).GetQueriesAll(ctx, input, r.Calls...) {
			if err != nil {
				yield(nil, fmt.Errorf("datakiosk: list: %w", err))
				return
			}
			if !yield(q, nil) {
				return
			}
		}
	}
}

type outcome struct {
	query *Query
	err   error
}

// start makes a page in the background.
func (r *run) start(ctx context.Context, token string, number int) chan outcome {
	ch := make(chan outcome, 1)
	go func() {
		q, err := r.page(ctx, token, number)
		ch <- outcome{q, err}
		close(ch)
	}()
	return ch
}

// watch is how to look at a query of which no more than the id is known.
func (r *run) watch(id string, number int) *runner.Work[Query] {
	return &runner.Work[Query]{
		Config: r.Config, Kind: job.Query, Part: number, ID: id,
		Look: func(ctx context.Context, id string) (*Query, job.Status, error) {
			q, err := datakiosk20231115.New(r.client).GetQuery(ctx, &datakiosk20231115.GetQueryInput{QueryID: id}, r.Calls...)
			if err != nil {
				return nil, "", fmt.Errorf("datakiosk: get %s: %w", id, err)
			}
			return q, job.Status(q.ProcessingStatus), nil
		},
		Outcome: r.outcome,
	}
}

// page brings a page to its end: each is a query of its own with Amazon.
func (r *run) page(ctx context.Context, token string, number int) (*Query, error) {
	w := r.watch("", number)
	w.Key = runner.Key(r.client, job.Query, "", r.query, token)
	w.Create = func(ctx context.Context, _ string) (string, error) { return r.create(ctx, token, w.Calls()) }
	w.Find = r.find
	w.Same, w.Harmless = true, true
	return w.Run(ctx)
}

// find lists the queries with the same text. Which page one makes isn't shown: those of the pages before are in the journal.
func (r *run) find(ctx context.Context, since time.Time) (found []job.Found, err error) {
	for q, err := range r.list(ctx, ListRequest{Since: since}) {
		if err != nil {
			return nil, err
		}
		status := job.Status(q.ProcessingStatus)
		if status != job.Fatal && status != job.Cancelled && selection(q.Query) == selection(r.query) {
			found = append(found, job.Found{ID: q.QueryID, Status: status, Created: q.CreatedTime})
		}
	}
	slices.SortStableFunc(found, func(a, b job.Found) int { return b.Created.Compare(a.Created) })
	return found, nil
}

// selection is what a query asks for, as far as it survives Amazon's printing: getQuery doesn't answer the text that was sent but the query printed
// anew, on one line, with commas between arguments and "query" before the brace (recorded in lineofflight/peddler,
// test/vcr_cassettes/Peddler/DataKiosk, October and December 2025). Whether it keeps a name is not known; nothing hangs on one.
func selection(query string) string {
	small := Minimize(query)
	if open := strings.IndexAny(small, "{(@"); open > 0 && small[open] == '{' && strings.HasPrefix(small, "query") {
		return small[open:]
	}
	return small
}

func (r *run) create(ctx context.Context, token string, calls []spapi.CallOption) (string, error) {
	out, err := datakiosk20231115.New(r.client).CreateQuery(ctx, &datakiosk20231115.CreateQueryInput{Query: r.query, PaginationToken: token}, calls...)
	if err != nil {
		return "", fmt.Errorf("datakiosk: create: %w", err)
	}
	if out.QueryID == "" {
		return "", fmt.Errorf("datakiosk: create: %w", runner.ErrNoID)
	}
	return out.QueryID, nil
}

// outcome is why a query that has ended has no rows to be read.
func (r *run) outcome(ctx context.Context, q *Query) error {
	e := &job.EndedError{Kind: job.Query, ID: q.QueryID, Status: job.Status(q.ProcessingStatus)}
	switch {
	case e.Status == job.Cancelled && q.ProcessingStartTime.IsZero():
		e.Reason = "it was cancelled before Amazon began with it"
		return e
	case e.Status == job.Cancelled:
		e.Reason = "it was cancelled while it was in progress"
		return e
	case e.Status != job.Fatal:
		return nil
	}
	if q.ErrorDocumentID != "" {
		e.Document, e.Err = r.head(ctx, q)
		if e.Err != nil && ctx.Err() != nil {
			return e.Err
		}
		e.Reason = runner.Reason(e.Document)
	}
	switch {
	case e.Reason != "":
	case e.Err != nil:
		e.Reason = "its reason could not be read"
	default:
		e.Reason = "Amazon gave no reason"
	}
	return e
}

func (r *run) head(ctx context.Context, q *Query) ([]byte, error) {
	doc, err := r.open(ctx, q, q.ErrorDocumentID)
	if err != nil {
		return nil, err
	}
	return runner.Head(doc)
}

func (r *run) open(ctx context.Context, q *Query, documentID string) (*document.Reader, error) {
	if documentID == "" {
		return nil, &job.DocumentError{Kind: job.Query, ID: q.QueryID, Err: job.ErrNoDocument}
	}
	doc, err := document.Open(ctx, func(ctx context.Context) (document.Location, error) {
		d, err := datakiosk20231115.New(r.client).GetDocument(ctx, &datakiosk20231115.GetDocumentInput{DocumentID: documentID}, r.Calls...)
		if err != nil {
			return document.Location{}, err
		}
		return document.Location{URL: d.DocumentURL}, nil
	}, document.Options{Transport: r.Transport, Charset: "UTF-8"})
	if err != nil {
		return nil, &job.DocumentError{Kind: job.Query, ID: q.QueryID, Err: err}
	}
	return doc, nil
}
