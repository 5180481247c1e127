package reports

import (
	"context"
	"errors"
	"fmt"
	"io"
	"iter"
	"net/http"
	"slices"
	"sync"
	"time"

	"github.com/openspapi/spapi"
	"github.com/openspapi/spapi/api/reports20210630"
	"github.com/openspapi/spapi/document"
	"github.com/openspapi/spapi/internal/job"
)

// Report is what Amazon tells about a report: its state, its window, the id of its document.
type Report = reports20210630.Report

// Journal remembers which reports have been asked for; see [WithJournal]. It must be safe for concurrent use.
type Journal = job.Journal

// Entry is what a [Journal] keeps of a request.
type Entry = job.Entry

// NewFileJournal makes a [Journal] in a small JSON file. One process at a time may use it. Remove it when the outcome is where it belongs.
func NewFileJournal(path string) *job.FileJournal { return job.NewFileJournal(path) }

// Stage is how far a report is.
type Stage string

// The stages.
const (
	Creating Stage = "creating" // it is about to be asked for, which may have to wait for the rate limit
	Waiting  Stage = "waiting"  // Amazon works on it
	Ready    Stage = "ready"    // its document is there
)

// Progress is told to the function of [WithProgress].
type Progress struct {
	Stage   Stage
	Request Request // zero when only a report id was given
	Report  Report  // as last seen; only ReportID may be set
	Reused  bool    // the report was not asked for by this call
	Elapsed time.Duration
}

// Option changes how reports are got.
type Option func(*config)

type config struct {
	pause     job.Pause
	progress  func(Progress)
	journal   Journal
	transport http.RoundTripper
	calls     []spapi.CallOption
	finder    *finder
}

// WithPoll sets the shortest and the longest pause between two looks at a report that isn't done. In between, it is a quarter of the time that the
// report has taken so far. Zero means the default: 1 and 30 seconds.
func WithPoll(shortest, longest time.Duration) Option {
	return func(c *config) { c.pause = job.Pause{Min: shortest, Max: longest} }
}

// WithProgress calls f when something has changed, and after each look at the report. RunAll calls it from several goroutines at once.
func WithProgress(f func(Progress)) Option { return func(c *config) { c.progress = f } }

// WithJournal writes down what is asked for, so that a run after one that was killed takes up the same reports, options or not. Without a journal
// Request.Reuse does that for requests without options.
func WithJournal(j Journal) Option { return func(c *config) { c.journal = j } }

// WithTransport fetches documents through rt, which must add no credentials. Default: the App's own transport.
func WithTransport(rt http.RoundTripper) Option { return func(c *config) { c.transport = rt } }

// WithCallOptions passes options to every call of the API.
func WithCallOptions(opts ...spapi.CallOption) Option {
	return func(c *config) { c.calls = append(c.calls, opts...) }
}

func configure(client *spapi.Client, opts []Option) *config {
	c := &config{progress: func(Progress) {}, finder: &finder{}}
	for _, o := range opts {
		o(c)
	}
	if c.transport == nil {
		c.transport = client.App().BaseTransport()
	}
	return c
}

// Run gets a report: it takes one that there is if the request says so, else creates one, waits until it is done and opens its document, which must be
// closed. Errors: *[RequestError], *[CancelledError], *[FatalError], *[TooFrequentError], those of the calls and of the document.
func Run(ctx context.Context, client *spapi.Client, r Request, opts ...Option) (*Document, error) {
	c := configure(client, opts)
	r, err := r.single(time.Now())
	if err != nil {
		return nil, err
	}
	report, err := c.obtain(ctx, client, r)
	if err != nil {
		return nil, err
	}
	return c.open(ctx, client, report)
}

// single is the request with its window aligned, which must fit one report.
func (r Request) single(now time.Time) (Request, error) {
	parts, err := r.split(now)
	if err != nil {
		return r, err
	}
	if len(parts) > 1 {
		return r, &RequestError{Type: r.Type, Field: "End", Value: r.End.Format(time.RFC3339),
			Reason: fmt.Sprintf("makes the window too long for one report: split it into %d, or use RunAll", len(parts))}
	}
	return parts[0], nil
}

// Create asks for a report and returns its id. It looks for no other one. Errors: *[RequestError], *[TooFrequentError], those of the call.
func Create(ctx context.Context, client *spapi.Client, r Request, opts ...Option) (reportID string, err error) {
	r, err = r.single(time.Now())
	if err != nil {
		return "", err
	}
	return configure(client, opts).create(ctx, client, r)
}

func (c *config) create(ctx context.Context, client *spapi.Client, r Request) (string, error) {
	t, _ := LookupType(r.Type)
	if err := r.requestable(t, time.Now()); err != nil {
		return "", err
	}
	out, err := reports20210630.New(client).CreateReport(ctx, r.input(), c.calls...)
	if err != nil {
		if spapi.IsThrottled(err) && t.Quota > 0 {
			return "", &TooFrequentError{Type: r.Type, Wait: t.Quota, Err: err}
		}
		return "", fmt.Errorf("reports: create %s: %w", r.Type, err)
	}
	return out.ReportID, nil
}

// Find returns the report that Run would take in place of a new one: of the same type, window and marketplaces, created at most r.Reuse ago, done or on
// its way, the newest first. It is nil when there is none.
func Find(ctx context.Context, client *spapi.Client, r Request, opts ...Option) (*Report, error) {
	r, err := r.single(time.Now())
	if err != nil {
		return nil, err
	}
	return configure(client, opts).find(ctx, client, r, time.Now().Add(-r.Reuse), false)
}

// obtain brings a report of the request to its end.
func (c *config) obtain(ctx context.Context, client *spapi.Client, r Request) (*Report, error) {
	w, err := c.begin(ctx, client, r)
	if err != nil {
		return nil, err
	}
	return w.finish(ctx)
}

// work is a report on its way.
type work struct {
	config  *config
	client  *spapi.Client
	request Request
	id      string
	reused  bool
	began   time.Time
}

func (w *work) tell(p Progress) {
	p.Request, p.Reused, p.Elapsed = w.request, w.reused, time.Since(w.began)
	w.config.progress(p)
}

func (c *config) begin(ctx context.Context, client *spapi.Client, r Request) (*work, error) {
	w := &work{config: c, client: client, request: r, began: time.Now()}
	var err error
	w.id, w.reused, err = c.start(ctx, client, r, func() { w.tell(Progress{Stage: Creating}) })
	return w, err
}

func (w *work) finish(ctx context.Context) (*Report, error) {
	c := w.config
	report, err := c.wait(ctx, w.client, w.id, w.tell)
	if err == nil || c.journal == nil {
		return report, err
	}
	forgotten := w.reused && spapi.IsNotFound(err)
	if !forgotten && !hopeless(err) {
		return nil, err
	}
	if putErr := c.journal.Put(w.request.key(), Entry{}); putErr != nil { // the next run begins anew
		return nil, errors.Join(err, putErr)
	}
	if forgotten {
		return c.obtain(ctx, w.client, w.request)
	}
	return nil, err
}

// hopeless tells whether a report has ended for good without a document.
func hopeless(err error) bool {
	_, fatal := errors.AsType[*FatalError](err)
	_, soon := errors.AsType[*TooFrequentError](err)
	return fatal || soon || errors.Is(err, ErrCancelled)
}

// start returns the id of a report for the request: one that is known of, else a new one.
func (c *config) start(ctx context.Context, client *spapi.Client, r Request, creating func()) (id string, reused bool, err error) {
	var began time.Time // of an attempt whose outcome isn't known
	if c.journal != nil {
		entry, _, err := c.journal.Get(r.key())
		if err != nil {
			return "", false, err
		}
		if entry.ID != "" {
			return entry.ID, true, nil
		}
		began = entry.Began
	}
	remember := func(e Entry) error {
		if c.journal == nil {
			return nil
		}
		return c.journal.Put(r.key(), e)
	}
	if !began.IsZero() {
		// A run before this one was cut between asking for the report and writing its id down.
		if found, err := c.find(ctx, client, r, began.Add(-clockSkew), true); err != nil {
			return "", false, err
		} else if found != nil {
			return found.ReportID, true, remember(Entry{Began: began, ID: found.ReportID})
		}
	}
	if r.Reuse > 0 && len(r.Options) == 0 {
		if found, err := c.find(ctx, client, r, time.Now().Add(-r.Reuse).Truncate(time.Minute), false); err != nil {
			return "", false, err
		} else if found != nil {
			return found.ReportID, true, remember(Entry{Began: found.CreatedTime, ID: found.ReportID})
		}
	}
	began = time.Now().UTC()
	if err := remember(Entry{Began: began}); err != nil {
		return "", false, err
	}
	creating()
	id, err = c.create(ctx, client, r)
	if err != nil {
		if refused(err) {
			return "", false, errors.Join(err, remember(Entry{}))
		}
		if c.journal == nil && (r.Reuse == 0 || len(r.Options) > 0) || ctx.Err() != nil {
			return "", false, err
		}
		// The connection was cut: Amazon may have heard us.
		found, findErr := c.find(ctx, client, r, began.Add(-clockSkew), true)
		if findErr != nil || found == nil {
			return "", false, err
		}
		id = found.ReportID
	}
	return id, false, remember(Entry{Began: began, ID: id})
}

// clockSkew is by how much our clock may be ahead of Amazon's.
const clockSkew = time.Minute

// refused tells whether a call that failed was certainly not carried out.
func refused(err error) bool {
	if e, ok := errors.AsType[*spapi.APIError](err); ok {
		return e.StatusCode < http.StatusInternalServerError
	}
	_, request := errors.AsType[*RequestError](err)
	_, config := errors.AsType[*spapi.ConfigError](err)
	_, auth := errors.AsType[*spapi.AuthError](err)
	_, limit := errors.AsType[*spapi.LimitError](err)
	return request || config || auth || limit
}

// finder lists the reports of a type once, for all requests that need it.
type finder struct {
	mu    sync.Mutex
	lists map[string]*listing
}

type listing struct {
	once    sync.Once
	since   time.Time
	reports []Report
	err     error
}

// find returns the newest report that will do for the request and was created since then. Fresh skips lists that were fetched before.
func (c *config) find(ctx context.Context, client *spapi.Client, r Request, since time.Time, fresh bool) (*Report, error) {
	var l *listing
	c.finder.mu.Lock()
	if c.finder.lists == nil {
		c.finder.lists = map[string]*listing{}
	}
	if l = c.finder.lists[r.Type]; l == nil || l.since.After(since) || fresh {
		l = &listing{since: since}
		c.finder.lists[r.Type] = l
	}
	c.finder.mu.Unlock()
	l.once.Do(func() {
		for report, err := range c.list(ctx, client, ListRequest{Types: []string{r.Type}, Since: since}) {
			if err != nil {
				l.err = err
				return
			}
			l.reports = append(l.reports, *report)
		}
	})
	if l.err != nil {
		return nil, l.err
	}
	var best *Report
	for i := range l.reports {
		report := &l.reports[i]
		if !r.matches(report) || report.CreatedTime.Before(since) || best != nil && !report.CreatedTime.After(best.CreatedTime) {
			continue
		}
		switch report.ProcessingStatus {
		case reports20210630.ReportProcessingStatusFatal, reports20210630.ReportProcessingStatusCancelled:
		default:
			best = report
		}
	}
	return best, nil
}

// ListRequest says which reports to list.
type ListRequest struct {
	Types        []string  // 1 to 10
	Marketplaces []string  // ids, country codes or names, up to 10; default: all
	Statuses     []string  // such as "DONE"; default: all
	Since        time.Time // created since; default: 90 days ago
	Until        time.Time // created until; default: now
}

// List lists the reports that there are, whoever asked for them: also those that Amazon makes by itself, such as settlement reports, and those of
// schedules. The newest come first. Each can be opened with [Open].
func List(ctx context.Context, client *spapi.Client, r ListRequest, opts ...Option) iter.Seq2[*Report, error] {
	return configure(client, opts).list(ctx, client, r)
}

func (c *config) list(ctx context.Context, client *spapi.Client, r ListRequest) iter.Seq2[*Report, error] {
	in := &reports20210630.GetReportsInput{ReportTypes: r.Types, CreatedSince: r.Since, CreatedUntil: r.Until, PageSize: new(int64(100))}
	for _, s := range r.Statuses {
		in.ProcessingStatuses = append(in.ProcessingStatuses, reports20210630.GetReportsProcessingStatuses(s))
	}
	if len(r.Marketplaces) > 0 {
		resolved, _, err := Request{Type: "list", Marketplaces: r.Marketplaces}.resolve(time.Now())
		if err != nil {
			return func(yield func(*Report, error) bool) { yield(nil, err) }
		}
		in.MarketplaceIDs = resolved.Marketplaces
	}
	return func(yield func(*Report, error) bool) {
		for report, err := range reports20210630.New(client).GetReportsAll(ctx, in, c.calls...) {
			if err != nil {
				yield(nil, fmt.Errorf("reports: list: %w", err))
				return
			}
			if !yield(report, nil) {
				return
			}
		}
	}
}

// Wait waits until a report has ended, and returns it if it is done. Errors: *[CancelledError], *[FatalError], *[TooFrequentError], those of the calls.
func Wait(ctx context.Context, client *spapi.Client, reportID string, opts ...Option) (*Report, error) {
	c := configure(client, opts)
	began := time.Now()
	return c.wait(ctx, client, reportID, func(p Progress) {
		p.Elapsed = time.Since(began)
		c.progress(p)
	})
}

func (c *config) wait(ctx context.Context, client *spapi.Client, id string, tell func(Progress)) (*Report, error) {
	api := reports20210630.New(client)
	var report *Report
	tell(Progress{Stage: Waiting, Report: Report{ReportID: id}})
	err := job.Wait(ctx, c.pause, func(ctx context.Context) (bool, error) {
		r, err := api.GetReport(ctx, &reports20210630.GetReportInput{ReportID: id}, c.calls...)
		if err != nil {
			return false, fmt.Errorf("reports: wait for %s: %w", id, err)
		}
		report = r
		switch r.ProcessingStatus {
		case reports20210630.ReportProcessingStatusDone, reports20210630.ReportProcessingStatusCancelled, reports20210630.ReportProcessingStatusFatal:
			return true, nil
		}
		tell(Progress{Stage: Waiting, Report: *r})
		return false, nil
	})
	if err != nil {
		return nil, err
	}
	if err := c.outcome(ctx, client, report); err != nil {
		return nil, err
	}
	tell(Progress{Stage: Ready, Report: *report})
	return report, nil
}

// outcome is why a report that has ended isn't there.
func (c *config) outcome(ctx context.Context, client *spapi.Client, report *Report) error {
	t, _ := LookupType(report.ReportType)
	done := report.ProcessingStatus == reports20210630.ReportProcessingStatusDone
	if done && report.ReportDocumentID != "" {
		return nil
	}
	var reason string
	var head []byte
	var readErr error
	if report.ReportDocumentID != "" {
		if head, readErr = c.head(ctx, client, report); readErr != nil && ctx.Err() != nil {
			return readErr
		}
		reason = job.Reason(head)
	}
	if reason == "" && t.Cooldown > 0 && !done {
		if err := c.tooFrequent(ctx, client, report, t); err != nil {
			return err
		}
	}
	if report.ProcessingStatus == reports20210630.ReportProcessingStatusCancelled {
		switch {
		case reason != "":
		case report.ProcessingStartTime.IsZero():
			reason = "it was cancelled before Amazon began with it"
		default:
			reason = "there is no data for it"
			if t.Lookback > 0 {
				reason += fmt.Sprintf(", or its window begins more than %d days ago", t.Lookback)
			}
		}
		return &CancelledError{Report: *report, Reason: reason}
	}
	switch {
	case reason != "":
	case done:
		reason = "it is said to be done but has no document"
	case readErr != nil:
		reason = "its reason could not be read"
	case !t.Removed.IsZero() && !report.CreatedTime.Before(t.Removed):
		reason = "the type was removed on " + t.Removed.Format(time.DateOnly)
		if t.Instead != "" {
			reason += ": use " + t.Instead
		}
	default:
		reason = "Amazon gave no reason; mostly the window, the options or the marketplace don't suit the type, or a role is missing"
	}
	return &FatalError{Report: *report, Reason: reason, Document: head, Err: readErr}
}

// head reads the beginning of the document that tells why a report failed.
func (c *config) head(ctx context.Context, client *spapi.Client, report *Report) ([]byte, error) {
	r, err := document.Open(ctx, c.resolver(client, report), document.Options{Transport: c.transport})
	if err != nil {
		return nil, err
	}
	defer r.Close()
	b, err := io.ReadAll(io.LimitReader(r, job.MaxReason))
	if len(b) > 0 {
		return b, nil // more than nothing, even when the rest was lost
	}
	return nil, err
}

// tooFrequent looks for the report because of which Amazon didn't make this one; nil when there is none.
func (c *config) tooFrequent(ctx context.Context, client *spapi.Client, report *Report, t Type) error {
	in := ListRequest{Types: []string{t.Name}, Statuses: []string{"DONE"}, Since: report.CreatedTime.Add(-t.Cooldown - 6*time.Hour), Until: report.CreatedTime}
	var last *Report
	for old, err := range c.list(ctx, client, in) {
		if err != nil {
			if ctx.Err() != nil {
				return err
			}
			return nil // no more than a guess is lost
		}
		if old.ReportID == report.ReportID || !report.CreatedTime.Before(old.ProcessingEndTime.Add(t.Cooldown)) ||
			len(report.MarketplaceIDs) > 0 && !slices.ContainsFunc(old.MarketplaceIDs, func(id string) bool { return slices.Contains(report.MarketplaceIDs, id) }) {
			continue
		}
		if last == nil || old.ProcessingEndTime.After(last.ProcessingEndTime) {
			last = old
		}
	}
	if last == nil {
		return nil
	}
	return &TooFrequentError{Type: t.Name, ReportID: report.ReportID, Last: *last, Wait: max(time.Until(last.ProcessingEndTime.Add(t.Cooldown)), 0)}
}

// Result is what came of a request of [RunAll].
type Result struct {
	Request  Request
	Document *Document // nil if Err is not; closed when the loop goes on
	Err      error     // as Run has it
}

// RunAll runs many requests at once, split where a window is too long for one report, and goes through what came of them, in order. The reports are
// created and awaited together, as the limits allow, while each document is opened when its turn has come: its URL is good for minutes only.
//
// A report that fails is a Result with an error and doesn't end the others: a part of a window without data is a *[CancelledError].
func RunAll(ctx context.Context, client *spapi.Client, requests []Request, opts ...Option) iter.Seq[Result] {
	return func(yield func(Result) bool) {
		ctx, cancel := context.WithCancel(ctx)
		var wg sync.WaitGroup
		defer wg.Wait()
		defer cancel()

		type pending struct {
			request Request
			report  *Report
			err     error
			done    chan struct{}
		}
		var all []*pending
		for _, r := range requests {
			parts, err := r.split(time.Now())
			if err != nil {
				all = append(all, &pending{request: r, err: err})
			}
			for _, part := range parts {
				all = append(all, &pending{request: part})
			}
		}
		c := configure(client, opts)
		for _, p := range all {
			p.done = make(chan struct{})
		}
		wg.Go(func() { // asks for one after the other, so that they come in order
			for _, p := range all {
				if p.err != nil {
					close(p.done)
					continue
				}
				w, err := c.begin(ctx, client, p.request)
				if err != nil {
					p.err = err
					close(p.done)
					continue
				}
				wg.Go(func() {
					defer close(p.done)
					p.report, p.err = w.finish(ctx)
				})
			}
		})
		for _, p := range all {
			<-p.done
			result := Result{Request: p.request, Err: p.err}
			if p.err == nil {
				result.Document, result.Err = c.open(ctx, client, p.report)
			}
			more := yield(result)
			if result.Document != nil {
				_ = result.Document.Close()
			}
			if !more {
				return
			}
		}
	}
}
