// Package datakiosk runs queries of Data Kiosk: it checks and sends a GraphQL query, waits until it is done, and streams the rows of all its pages.
package datakiosk

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"iter"
	"net/http"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/openspapi/spapi"
	"github.com/openspapi/spapi/api/datakiosk20231115"
	"github.com/openspapi/spapi/document"
	"github.com/openspapi/spapi/internal/job"
)

// MaxQuery is how many characters a query may have without unneeded whitespace (dataKiosk_2023-11-15.json of selling-partner-api-models).
const MaxQuery = 8000

// Query is what Amazon tells about a query.
type Query = datakiosk20231115.Query

// Journal remembers which queries have been created; see [WithJournal]. It must be safe for concurrent use.
type Journal = job.Journal

// Entry is what a [Journal] keeps of a page.
type Entry = job.Entry

// NewFileJournal makes a [Journal] in a small JSON file. One process at a time may use it. Remove it when the rows are where they belong.
func NewFileJournal(path string) *job.FileJournal { return job.NewFileJournal(path) }

// RequestError is a query that can't work. Nothing was sent.
type RequestError struct{ Reason string }

func (e *RequestError) Error() string { return "datakiosk: the query " + e.Reason }

// ErrCancelled is what every [*CancelledError] is to errors.Is.
var ErrCancelled = errors.New("datakiosk: cancelled")

// CancelledError is a query that ended CANCELLED.
type CancelledError struct {
	Query  Query
	Reason string
}

func (e *CancelledError) Error() string {
	return fmt.Sprintf("datakiosk: query %s ended CANCELLED: %s", e.Query.QueryID, e.Reason)
}

// Is makes errors.Is(err, ErrCancelled) true.
func (e *CancelledError) Is(target error) bool { return target == ErrCancelled }

// FatalError is a query that ended FATAL.
type FatalError struct {
	Query    Query
	Reason   string // from the error document
	Document []byte // the beginning of that document, nil if there was none
	Err      error  // why it could not be read; nil if it could
}

func (e *FatalError) Error() string {
	return fmt.Sprintf("datakiosk: query %s ended FATAL: %s", e.Query.QueryID, e.Reason)
}

// Unwrap returns why the error document could not be read.
func (e *FatalError) Unwrap() error { return e.Err }

// Progress is told to the function of [WithProgress].
type Progress struct {
	Page    int   // from 1
	Query   Query // as last seen; zero while it is being created
	Elapsed time.Duration
}

// Option changes how queries are run.
type Option func(*config)

type config struct {
	pause     job.Pause
	progress  func(Progress)
	journal   Journal
	transport http.RoundTripper
	calls     []spapi.CallOption
}

// WithPoll sets the shortest and the longest pause between two looks at a query. In between, it is a quarter of the time that the query has taken so
// far. Zero means the default: 1 and 30 seconds.
func WithPoll(shortest, longest time.Duration) Option {
	return func(c *config) { c.pause = job.Pause{Min: shortest, Max: longest} }
}

// WithProgress calls f when something has changed, and after each look at a query; from another goroutine than the caller's.
func WithProgress(f func(Progress)) Option { return func(c *config) { c.progress = f } }

// WithJournal writes down which queries were created, page by page, so that a run after one that was killed takes them up.
func WithJournal(j Journal) Option { return func(c *config) { c.journal = j } }

// WithTransport fetches documents through rt, which must add no credentials. Default: the App's own transport.
func WithTransport(rt http.RoundTripper) Option { return func(c *config) { c.transport = rt } }

// WithCallOptions passes options to every call of the API.
func WithCallOptions(opts ...spapi.CallOption) Option {
	return func(c *config) { c.calls = append(c.calls, opts...) }
}

func configure(client *spapi.Client, opts []Option) *config {
	c := &config{progress: func(Progress) {}}
	for _, o := range opts {
		o(c)
	}
	if c.transport == nil {
		c.transport = client.App().BaseTransport()
	}
	return c
}

// Minimize takes comments and unneeded whitespace out of a GraphQL query: what is left is what Amazon counts, and what Run sends.
func Minimize(query string) string {
	var b strings.Builder
	var last byte = '{'
	gap := false
	add := func(s string) {
		if gap && !strings.ContainsRune("{}()[]:!$@=|&,", rune(last)) && !strings.ContainsRune("{}()[]:!$@=|&,.", rune(s[0])) {
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

// Check tells what is wrong with a query, as far as that can be known without the schema: *[RequestError].
func Check(query string) error {
	small := Minimize(query)
	if small == "" {
		return &RequestError{"is empty"}
	}
	if n := utf8.RuneCountInString(small); n > MaxQuery {
		return &RequestError{fmt.Sprintf("has %d characters without unneeded whitespace, at most %d are taken", n, MaxQuery)}
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
				return &RequestError{"closes a brace that it has not opened"}
			}
		}
		rest = rest[1:]
	}
	if depth > 0 {
		return &RequestError{"does not close all its braces"}
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
// read, the next is being made. Errors: *[RequestError], *[CancelledError], *[FatalError], those of the calls and of the documents.
func Pages(ctx context.Context, client *spapi.Client, query string, opts ...Option) iter.Seq2[*Page, error] {
	return func(yield func(*Page, error) bool) {
		if err := Check(query); err != nil {
			yield(nil, err)
			return
		}
		ctx, cancel := context.WithCancel(ctx)
		defer cancel()
		r := &run{config: configure(client, opts), client: client, query: Minimize(query), began: time.Now(), seen: map[string]bool{}}
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
			doc, err := r.open(ctx, q.DataDocumentID)
			if err != nil {
				yield(nil, fmt.Errorf("datakiosk: document of query %s: %w", q.QueryID, err))
				return
			}
			more := yield(&Page{Reader: doc, Query: *q, Number: number}, nil)
			doc.Close()
			if !more {
				return
			}
		}
	}
}

// Run runs a query and goes through the rows of all its pages, each as JSON that is valid until the next. It ends after an error; see [Pages].
func Run(ctx context.Context, client *spapi.Client, query string, opts ...Option) iter.Seq2[[]byte, error] {
	return func(yield func([]byte, error) bool) {
		for page, err := range Pages(ctx, client, query, opts...) {
			if err != nil {
				yield(nil, err)
				return
			}
			for line, err := range document.Lines(page.Reader, 0) {
				if err != nil {
					err = fmt.Errorf("datakiosk: document of query %s: %w", page.Query.QueryID, err)
				} else if !json.Valid(line) {
					err = fmt.Errorf("datakiosk: document of query %s: a line is not JSON: %.40q", page.Query.QueryID, line)
				}
				if !yield(line, err) || err != nil {
					return
				}
			}
		}
	}
}

// Rows is [Run] into values.
func Rows[T any](ctx context.Context, client *spapi.Client, query string, opts ...Option) iter.Seq2[T, error] {
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

// Create sends a query and returns its id. The token is that of the page before, "" for the first. Errors: *[RequestError], those of the call.
func Create(ctx context.Context, client *spapi.Client, query, token string, opts ...Option) (queryID string, err error) {
	if err := Check(query); err != nil {
		return "", err
	}
	r := &run{config: configure(client, opts), client: client, query: Minimize(query)}
	return r.create(ctx, token)
}

// Wait waits until a query is done. Errors: *[CancelledError], *[FatalError], those of the calls.
func Wait(ctx context.Context, client *spapi.Client, queryID string, opts ...Option) (*Query, error) {
	r := &run{config: configure(client, opts), client: client, began: time.Now()}
	return r.wait(ctx, queryID, 1)
}

// Open opens the rows of a query that is done, as JSONL; nil when it has none. It must be closed.
func Open(ctx context.Context, client *spapi.Client, q *Query, opts ...Option) (*document.Reader, error) {
	if q.DataDocumentID == "" {
		return nil, nil //nolint:nilnil // there is none, which is no error
	}
	r := &run{config: configure(client, opts), client: client}
	return r.open(ctx, q.DataDocumentID)
}

// run is a query with all its pages.
type run struct {
	*config
	client *spapi.Client
	query  string
	began  time.Time
	tokens []string        // of the pages so far
	seen   map[string]bool // ids of the pages so far; one page is made at a time
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

func (r *run) key(token string) string {
	sum := sha256.Sum256([]byte(r.query + "\n" + token))
	return "query " + hex.EncodeToString(sum[:8])
}

func (r *run) page(ctx context.Context, token string, number int) (*Query, error) {
	id, known, err := r.obtain(ctx, token, number)
	if err != nil {
		return nil, err
	}
	q, err := r.wait(ctx, id, number)
	if err != nil && r.journal != nil {
		_, fatal := errors.AsType[*FatalError](err)
		forgotten := known && spapi.IsNotFound(err)
		if fatal || forgotten || errors.Is(err, ErrCancelled) {
			if putErr := r.journal.Put(r.key(token), Entry{}); putErr != nil { // the next run begins anew
				return nil, errors.Join(err, putErr)
			}
		}
		if forgotten {
			return r.page(ctx, token, number)
		}
	}
	if err == nil {
		r.seen[id] = true
	}
	return q, err
}

// obtain returns the id of the query for a page: the one that is known of, else a new one.
func (r *run) obtain(ctx context.Context, token string, number int) (id string, known bool, err error) {
	r.progress(Progress{Page: number, Elapsed: time.Since(r.began)})
	if r.journal == nil {
		id, err = r.create(ctx, token)
		return id, false, err
	}
	key := r.key(token)
	entry, _, err := r.journal.Get(key)
	if err != nil {
		return "", false, err
	}
	if entry.ID != "" {
		return entry.ID, true, nil
	}
	if !entry.Began.IsZero() { // a run before this one was cut between creating the query and writing its id down
		if entry.ID, err = r.find(ctx, entry.Began); err != nil {
			return "", false, err
		}
		if entry.ID != "" {
			return entry.ID, true, r.journal.Put(key, entry)
		}
	}
	entry.Began = time.Now().UTC()
	if err := r.journal.Put(key, entry); err != nil {
		return "", false, err
	}
	if entry.ID, err = r.create(ctx, token); err != nil {
		return "", false, err
	}
	return entry.ID, false, r.journal.Put(key, entry)
}

// find looks for a query with the same text that is none of the pages before.
func (r *run) find(ctx context.Context, began time.Time) (string, error) {
	const clockSkew = time.Minute // by which our clock may be ahead of Amazon's
	in := &datakiosk20231115.GetQueriesInput{CreatedSince: began.Add(-clockSkew), PageSize: new(int64(100))}
	for q, err := range datakiosk20231115.New(r.client).GetQueriesAll(ctx, in, r.calls...) {
		if err != nil {
			return "", fmt.Errorf("datakiosk: list: %w", err)
		}
		failed := q.ProcessingStatus == datakiosk20231115.QueryProcessingStatusFatal || q.ProcessingStatus == datakiosk20231115.QueryProcessingStatusCancelled
		if !failed && !r.seen[q.QueryID] && Minimize(q.Query) == r.query {
			return q.QueryID, nil
		}
	}
	return "", nil
}

func (r *run) create(ctx context.Context, token string) (string, error) {
	out, err := datakiosk20231115.New(r.client).CreateQuery(ctx, &datakiosk20231115.CreateQueryInput{Query: r.query, PaginationToken: token}, r.calls...)
	if err != nil {
		return "", fmt.Errorf("datakiosk: create: %w", err)
	}
	return out.QueryID, nil
}

func (r *run) wait(ctx context.Context, id string, number int) (*Query, error) {
	var query *Query
	err := job.Wait(ctx, r.pause, func(ctx context.Context) (bool, error) {
		q, err := datakiosk20231115.New(r.client).GetQuery(ctx, &datakiosk20231115.GetQueryInput{QueryID: id}, r.calls...)
		if err != nil {
			return false, fmt.Errorf("datakiosk: wait for %s: %w", id, err)
		}
		query = q
		r.progress(Progress{Page: number, Query: *q, Elapsed: time.Since(r.began)})
		switch q.ProcessingStatus {
		case datakiosk20231115.QueryProcessingStatusDone, datakiosk20231115.QueryProcessingStatusCancelled, datakiosk20231115.QueryProcessingStatusFatal:
			return true, nil
		}
		return false, nil
	})
	if err != nil {
		return nil, err
	}
	switch query.ProcessingStatus {
	case datakiosk20231115.QueryProcessingStatusCancelled:
		reason := "it was cancelled before Amazon began with it"
		if !query.ProcessingStartTime.IsZero() {
			reason = "it was cancelled while it was in progress"
		}
		return nil, &CancelledError{Query: *query, Reason: reason}
	case datakiosk20231115.QueryProcessingStatusFatal:
		e := &FatalError{Query: *query, Reason: "Amazon gave no reason"}
		if query.ErrorDocumentID != "" {
			e.Document, e.Err = r.head(ctx, query.ErrorDocumentID)
			if e.Err != nil && ctx.Err() != nil {
				return nil, e.Err
			}
			if reason := job.Reason(e.Document); reason != "" {
				e.Reason = reason
			} else if e.Err != nil {
				e.Reason = "its reason could not be read"
			}
		}
		return nil, e
	}
	return query, nil
}

func (r *run) head(ctx context.Context, documentID string) ([]byte, error) {
	doc, err := r.open(ctx, documentID)
	if err != nil {
		return nil, err
	}
	defer doc.Close()
	b, err := io.ReadAll(io.LimitReader(doc, job.MaxReason))
	if len(bytes.TrimSpace(b)) > 0 {
		return b, nil // more than nothing, even when the rest was lost
	}
	return nil, err
}

func (r *run) open(ctx context.Context, documentID string) (*document.Reader, error) {
	return document.Open(ctx, func(ctx context.Context) (document.Location, error) {
		d, err := datakiosk20231115.New(r.client).GetDocument(ctx, &datakiosk20231115.GetDocumentInput{DocumentID: documentID}, r.calls...)
		if err != nil {
			return document.Location{}, err
		}
		return document.Location{URL: d.DocumentURL}, nil
	}, document.Options{Transport: r.transport, Charset: "UTF-8"})
}
