package reports

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"slices"
	"sync"
	"time"

	"github.com/openspapi/spapi"
	"github.com/openspapi/spapi/api/reports20210630"
	"github.com/openspapi/spapi/document"
	"github.com/openspapi/spapi/internal/runner"
	"github.com/openspapi/spapi/job"
	"github.com/openspapi/spapi/marketplace"
)

// Report is what Amazon tells about a report: its state, its window, the id of its document.
type Report = reports20210630.Report

// config is what the options of a call come to, with what it learns on the way.
type config struct {
	*job.Config
	finder *finder
}

func configure(client *spapi.Client, opts []job.Option) *config {
	return &config{Config: job.NewConfig(client, opts...), finder: &finder{}}
}

// Run gets a report: it takes one that there is if the request says so, else creates one, waits until it is done and opens its document, which must be
// closed. Errors: those of package job, [*TooFrequentError], those of the calls.
//
// When the answer to the request for it is lost, the reports that were created since are listed for a minute, and it is asked for again only if there is
// none. With options, which Amazon doesn't show, one that is found may be another: that is a [*job.OutcomeUnknownError].
func Run(ctx context.Context, client *spapi.Client, r Request, opts ...job.Option) (*Document, error) {
	c := configure(client, opts)
	r, err := r.single(time.Now())
	if err != nil {
		return nil, err
	}
	report, err := c.work(client, r).Run(ctx)
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
		return r, &job.RequestError{Kind: job.Report, Type: r.Type, Field: "Start", Value: r.Start.Format(time.RFC3339),
			Reason: fmt.Sprintf("makes the window up to %s too long for one report: split it into %d, or use RunAll", r.end(), len(parts))}
	}
	return parts[0], nil
}

// Create asks for a report and returns its id. It looks for no other one and notes nothing in a journal. Errors: [*job.RequestError],
// [*TooFrequentError], those of the call.
func Create(ctx context.Context, client *spapi.Client, r Request, opts ...job.Option) (reportID string, err error) {
	r, err = r.single(time.Now())
	if err != nil {
		return "", err
	}
	c := configure(client, opts)
	return c.create(ctx, client, r, c.Calls)
}

func (c *config) create(ctx context.Context, client *spapi.Client, r Request, calls []spapi.CallOption) (string, error) {
	t, _ := LookupType(r.Type)
	if err := r.requestable(t, time.Now()); err != nil {
		return "", err
	}
	out, err := reports20210630.New(client).CreateReport(ctx, r.input(), calls...)
	if err != nil {
		limit, waits := errors.AsType[*spapi.LimitError](err)
		if waits && limit.Scope == spapi.LimitPerType || !waits && spapi.IsThrottled(err) && t.Quota > 0 {
			return "", c.tooSoon(ctx, client, t, limit, err)
		}
		return "", fmt.Errorf("reports: create %s: %w", r.Type, err)
	}
	if out.ReportID == "" {
		return "", fmt.Errorf("reports: create %s: %w", r.Type, runner.ErrNoID)
	}
	return out.ReportID, nil
}

// tooSoon is the refusal of a request for a type that may be asked for once in a while only, by Amazon or by the limiter, with the report that was asked
// for last.
func (c *config) tooSoon(ctx context.Context, client *spapi.Client, t Type, limit *spapi.LimitError, refusal error) error {
	every := max(t.Quota, t.Cooldown)
	e := &TooFrequentError{Type: t.Name, Wait: every, Err: refusal}
	if limit != nil {
		e.Wait = limit.Wait
	}
	for old, err := range c.list(ctx, client, ListRequest{Types: []string{t.Name}, Since: time.Now().Add(-every - runner.ClockSkew)}) {
		if err != nil {
			if ctx.Err() != nil {
				return err
			}
			return e // when the last one was asked for stays unknown
		}
		if wait := time.Until(old.CreatedTime.Add(every)); wait > 0 && old.CreatedTime.After(e.Last.CreatedTime) {
			e.Last = *old
			if limit == nil {
				e.Wait = wait
			}
		}
	}
	return e
}

// Find returns the report that Run would take in place of a new one: of the same type, window and marketplaces, created at most r.Reuse ago, done or on
// its way, the newest first. It is nil when there is none.
func Find(ctx context.Context, client *spapi.Client, r Request, opts ...job.Option) (*Report, error) {
	r, err := r.single(time.Now())
	if err != nil {
		return nil, err
	}
	return configure(client, opts).find(ctx, client, r, time.Now().Add(-r.Reuse))
}

// work is a report on its way.
type work = runner.Work[Report]

// work is how to get a report of the request.
func (c *config) work(client *spapi.Client, r Request) *work {
	w := c.watch(client, "")
	w.Type = r.Type
	w.Key = r.key(client)
	var asked spapi.Response
	w.Create = func(ctx context.Context, _ string) (string, error) {
		return c.create(ctx, client, r, append(w.Calls(), spapi.WithResponse(&asked)))
	}
	w.Outcome = func(ctx context.Context, report *Report) error {
		err := c.outcome(ctx, client, report)
		if t, _ := LookupType(r.Type); t.Cooldown > 0 && (errors.Is(err, job.ErrCancelled) || errors.Is(err, job.ErrFatal)) {
			// The pause begins when a report is generated, and none was. What ended for the pause itself is a TooFrequentError.
			_ = asked.GiveBack(ctx) // the type stays blocked, at worst
		}
		return err
	}
	w.Find = func(ctx context.Context, since time.Time) ([]job.Found, error) {
		all, err := c.like(ctx, client, r.Type, since)
		if err != nil {
			return nil, err
		}
		var found []job.Found
		for _, report := range r.among(all, since) {
			found = append(found, job.Found{ID: report.ReportID, Status: job.Status(report.ProcessingStatus), Created: report.CreatedTime})
		}
		return found, nil
	}
	// Options are not shown (Report of reports_2021-06-30.json): a report with others looks the same.
	w.Same, w.Harmless = len(r.Options) == 0, true
	if r.Reuse > 0 && w.Same {
		w.Known = func(ctx context.Context) (string, error) {
			found, err := c.find(ctx, client, r, time.Now().Add(-r.Reuse).Truncate(time.Minute))
			if err != nil || found == nil {
				return "", err
			}
			return found.ReportID, nil
		}
	}
	return w
}

// watch is how to look at a report of which no more than the id is known.
func (c *config) watch(client *spapi.Client, id string) *work {
	w := &work{Config: c.Config, Kind: job.Report, Part: 1, Parts: 1, ID: id}
	w.Look = func(ctx context.Context, id string) (*Report, job.Status, error) {
		report, err := reports20210630.New(client).GetReport(ctx, &reports20210630.GetReportInput{ReportID: id}, c.Calls...)
		if err != nil {
			return nil, "", fmt.Errorf("reports: get %s: %w", id, err)
		}
		w.Type = report.ReportType
		return report, job.Status(report.ProcessingStatus), nil
	}
	w.Outcome = func(ctx context.Context, report *Report) error { return c.outcome(ctx, client, report) }
	return w
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

// find returns the newest report that will do for the request and was created since then. Lists that were fetched before will do.
func (c *config) find(ctx context.Context, client *spapi.Client, r Request, since time.Time) (*Report, error) {
	c.finder.mu.Lock()
	if c.finder.lists == nil {
		c.finder.lists = map[string]*listing{}
	}
	l := c.finder.lists[r.Type]
	if l == nil || l.since.After(since) {
		l = &listing{since: since}
		c.finder.lists[r.Type] = l
	}
	c.finder.mu.Unlock()
	l.once.Do(func() { l.reports, l.err = c.like(ctx, client, r.Type, since) })
	if l.err != nil {
		return nil, l.err
	}
	var best *Report
	if found := r.among(l.reports, since); len(found) > 0 {
		best = found[0]
	}
	return best, nil
}

// like lists the reports of a type that were created since then.
func (c *config) like(ctx context.Context, client *spapi.Client, typ string, since time.Time) (all []Report, err error) {
	for report, err := range c.list(ctx, client, ListRequest{Types: []string{typ}, Since: since}) {
		if err != nil {
			return nil, err
		}
		all = append(all, *report)
	}
	return all, nil
}

// among are the reports that will do for the request, created since then, the newest first.
func (r Request) among(all []Report, since time.Time) []*Report {
	var found []*Report
	for i := range all {
		report := &all[i]
		status := job.Status(report.ProcessingStatus)
		if r.matches(report) && !report.CreatedTime.Before(since) && status != job.Fatal && status != job.Cancelled {
			found = append(found, report)
		}
	}
	slices.SortStableFunc(found, func(a, b *Report) int { return b.CreatedTime.Compare(a.CreatedTime) })
	return found
}

// ListRequest says which reports to list.
type ListRequest struct {
	Types        []string     // 1 to 10
	Marketplaces []string     // ids, country codes or names, up to 10; default: all
	Statuses     []job.Status // default: all
	Since        time.Time    // created since; default: 90 days ago, before which Amazon has none
	Until        time.Time    // created until; default: now
}

// List lists the reports that there are, whoever asked for them: also those that Amazon makes by itself, such as settlement reports, and those of
// schedules. The newest come first. Each can be opened with [Open].
func List(ctx context.Context, client *spapi.Client, r ListRequest, opts ...job.Option) iter.Seq2[*Report, error] {
	return configure(client, opts).list(ctx, client, r)
}

func (c *config) list(ctx context.Context, client *spapi.Client, r ListRequest) iter.Seq2[*Report, error] {
	in := &reports20210630.GetReportsInput{ReportTypes: r.Types, CreatedSince: r.Since, CreatedUntil: r.Until, PageSize: new(int64(100))}
	// Amazon refuses a time of more than 90 days ago, by its own clock: 90 days are too many when the request arrives (airbytehq/airbyte#76265). What lies
	// there, or nearly, is its default.
	if time.Since(r.Since) > kept-time.Hour {
		in.CreatedSince = time.Time{}
	}
	for _, s := range r.Statuses {
		in.ProcessingStatuses = append(in.ProcessingStatuses, reports20210630.GetReportsProcessingStatus(s))
	}
	if len(r.Marketplaces) > 0 {
		ids, err := marketplace.IDs(r.Marketplaces)
		if err != nil {
			err = &job.RequestError{Kind: job.Report, Field: "Marketplaces", Reason: "have a mistake: " + err.Error()}
			return func(yield func(*Report, error) bool) { yield(nil, err) }
		}
		in.MarketplaceIDs = ids
	}
	return func(yield func(*Report, error) bool) {
		for report, err := range reports20210630.New(client).GetReportsAll(ctx, in, c.Calls...) {
			if err != nil {
				yield(nil, fmt.Errorf("reports: list: %w", err))
				return
			}
			if !report.CreatedTime.IsZero() && report.CreatedTime.Before(r.Since) {
				continue
			}
			if !yield(report, nil) {
				return
			}
		}
	}
}

// kept is for how long Amazon lists reports.
const kept = 90 * 24 * time.Hour

// Get returns the state of a report as it is now. Errors: [*job.UnknownIDError], those of the call.
func Get(ctx context.Context, client *spapi.Client, reportID string, opts ...job.Option) (*Report, error) {
	return configure(client, opts).watch(client, reportID).LookOnce(ctx)
}

// Wait waits until a report has ended, and returns it as it was seen last, also with an error. Errors: [*job.EndedError], [*TooFrequentError],
// [*job.UnknownIDError], [*job.StatusError], those of the calls.
func Wait(ctx context.Context, client *spapi.Client, reportID string, opts ...job.Option) (*Report, error) {
	return configure(client, opts).watch(client, reportID).Wait(ctx)
}

// outcome is why a report that has ended isn't there.
func (c *config) outcome(ctx context.Context, client *spapi.Client, report *Report) error {
	t, _ := LookupType(report.ReportType)
	status := job.Status(report.ProcessingStatus)
	done := status == job.Done
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
		reason = runner.Reason(head)
	}
	if reason == "" && t.Cooldown > 0 && !done {
		if err := c.tooFrequent(ctx, client, report, t); err != nil {
			return err
		}
	}
	switch {
	case reason != "":
	case done:
		reason = "it is said to be done but has no document"
	case status == job.Cancelled && report.ProcessingStartTime.IsZero():
		reason = "it was cancelled before Amazon began with it"
	case status == job.Cancelled:
		reason = "there is no data for it"
		if !report.DataStartTime.IsZero() && report.DataEndTime.Sub(report.DataStartTime) < time.Second {
			reason += ": its window is empty, since no start was given"
		}
		if t.LookbackDays > 0 {
			reason += fmt.Sprintf(", or its window begins more than %d days ago", t.LookbackDays)
		}
	case readErr != nil:
		reason = "its reason could not be read"
	case t.removal(report.CreatedTime) != "":
		reason = "the type " + t.removal(report.CreatedTime)
	default:
		reason = "Amazon gave no reason; mostly the window, the options or the marketplace don't suit the type, or a role is missing"
	}
	return &job.EndedError{Kind: job.Report, Type: report.ReportType, ID: report.ReportID, Status: status, Reason: reason, Document: head, Err: readErr}
}

// head reads the beginning of the document that tells why a report failed.
func (c *config) head(ctx context.Context, client *spapi.Client, report *Report) ([]byte, error) {
	r, err := document.Open(ctx, c.resolver(client, report), document.Options{Transport: c.Transport})
	if err != nil {
		return nil, err
	}
	return runner.Head(r)
}

// tooFrequent looks for the report because of which Amazon didn't make this one; nil when there is none.
func (c *config) tooFrequent(ctx context.Context, client *spapi.Client, report *Report, t Type) error {
	in := ListRequest{Types: []string{t.Name}, Statuses: []job.Status{job.Done}, Since: report.CreatedTime.Add(-t.Cooldown - 6*time.Hour), Until: report.CreatedTime}
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
// A report that fails is a Result with an error and doesn't end the others: a part of a window without data is a [job.ErrCancelled].
func RunAll(ctx context.Context, client *spapi.Client, requests []Request, opts ...job.Option) iter.Seq[Result] {
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
			for i, p := range all {
				if p.err != nil {
					close(p.done)
					continue
				}
				w := c.work(client, p.request)
				w.Part, w.Parts = i+1, len(all)
				if p.err = w.Begin(ctx); p.err != nil {
					close(p.done)
					continue
				}
				wg.Go(func() {
					defer close(p.done)
					p.report, p.err = w.Finish(ctx)
				})
			}
		})
		for _, p := range all {
			<-p.done
			result := Result{Request: p.request, Err: p.err}
			if p.err == nil {
				result.Document, result.Err = c.open(ctx, client, p.report)
			}
			more := func() bool {
				if result.Document != nil {
					defer result.Document.Close() // also where the loop's body panics
				}
				return yield(result)
			}()
			if !more {
				return
			}
		}
	}
}
