package feeds

import (
	"bytes"
	"context"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"iter"
	"math/rand/v2"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/openspapi/spapi"
	"github.com/openspapi/spapi/api/feeds20210630"
	"github.com/openspapi/spapi/document"
	"github.com/openspapi/spapi/internal/runner"
	"github.com/openspapi/spapi/job"
	"github.com/openspapi/spapi/marketplace"
)

// Feed is what Amazon tells about a feed.
type Feed = feeds20210630.Feed

// Submission is a feed to be sent.
type Submission struct {
	Type         string            // such as "POST_ORDER_FULFILLMENT_DATA"; see Types
	Marketplaces []string          // ids, country codes or names; at least one
	Options      map[string]string // feedOptions
	ContentType  string            // default: the type's, with charset=UTF-8 for text
	Content      Content
}

// Submit sends a feed, waits until it has been carried out, and returns what came of it. That messages have errors is no error of Submit's: see
// Result.Issues. Of a feed that ended FATAL the result holds what its processing report has, if it could be read: parts may have been carried out.
// Errors: those of package job, [*UploadError], those of the calls.
//
// With a journal, a run that takes the place of one that was killed doesn't send the same content again but waits for the feed that there is. A feed
// is sent a second time only when Amazon has certainly not taken the first: when an answer is lost, in this run or in one before it, the feeds that
// were created since are listed for a minute. If there is one of the type and marketplaces that the journal doesn't know, nobody can tell whose it is:
// an [*job.OutcomeUnknownError] names it. The same error comes without any where the type is one of [Type].Once, or isn't known: lists may lag. See [job.WithSendAgain] and [job.WithTake].
func Submit(ctx context.Context, client *spapi.Client, s Submission, opts ...job.Option) (*Result, error) {
	w, err := newWork(client, job.NewConfig(client, opts...), s, "")
	if err != nil {
		return nil, err
	}
	if err := w.Begin(ctx); err != nil {
		return nil, err
	}
	return w.result(ctx)
}

// Create checks a feed, uploads its content and hands it to Amazon. It returns the feed's id; with a journal, that of the feed that was sent before.
// Answers that are lost are as [Submit] has them. Errors: [*job.RequestError], [*job.OutcomeUnknownError], [*UploadError], those of the calls.
func Create(ctx context.Context, client *spapi.Client, s Submission, opts ...job.Option) (feedID string, err error) {
	w, err := newWork(client, job.NewConfig(client, opts...), s, "")
	if err != nil {
		return "", err
	}
	if err := w.Begin(ctx); err != nil {
		return "", err
	}
	return w.ID, nil
}

// work is a feed on its way.
type work struct {
	*runner.Work[Feed]
	client *spapi.Client
	failed *Result // what the processing report of a feed has that ended FATAL
}

// watch is how to look at a feed of which no more than the id is known.
func watch(client *spapi.Client, c *job.Config, id string) *work {
	w := &work{Work: &runner.Work[Feed]{Config: c, Kind: job.Feed, Part: 1, Parts: 1, ID: id}, client: client}
	w.Look = func(ctx context.Context, id string) (*Feed, job.Status, error) {
		feed, err := feeds20210630.New(client).GetFeed(ctx, &feeds20210630.GetFeedInput{FeedID: id}, c.Calls...)
		if err != nil {
			return nil, "", fmt.Errorf("feeds: get %s: %w", id, err)
		}
		w.Type = feed.FeedType
		return feed, job.Status(feed.ProcessingStatus), nil
	}
	w.Outcome = w.outcome
	return w
}

// newWork is how to get a feed carried out. The part tells feeds with the same content of one run apart, which are sent one after the other.
func newWork(client *spapi.Client, c *job.Config, s Submission, part string) (*work, error) {
	hash, err := s.prepare(time.Now())
	if err != nil {
		return nil, err
	}
	w := watch(client, c, "")
	t, known := LookupType(s.Type)
	w.Type, w.Once = s.Type, t.Once || !known
	w.Key = runner.Key(client, job.Feed, s.Type, slices.Sorted(slices.Values(s.Marketplaces)), s.Options, hash, part)
	w.Upload = func(ctx context.Context) (string, error) { return w.upload(ctx, s) }
	w.Find = func(ctx context.Context, since time.Time) ([]job.Found, error) { return w.find(ctx, s, since) }
	w.Create = func(ctx context.Context, documentID string) (string, error) {
		out, err := feeds20210630.New(client).CreateFeed(ctx, &feeds20210630.CreateFeedInput{
			FeedType: s.Type, MarketplaceIDs: s.Marketplaces, InputFeedDocumentID: documentID, FeedOptions: s.Options,
		}, w.Calls()...)
		if err != nil {
			return "", fmt.Errorf("feeds: create %s: %w", s.Type, err)
		}
		if out.FeedID == "" {
			return "", fmt.Errorf("feeds: create %s: %w", s.Type, runner.ErrNoID)
		}
		return out.FeedID, nil
	}
	return w, nil
}

// find lists the feeds that may be this one. What Amazon tells about a feed has neither its input document nor its options (Feed of
// feeds_2021-06-30.json), so that type and marketplaces must do; where it leaves the marketplaces out, the type. One that has failed may be it too.
func (w *work) find(ctx context.Context, s Submission, since time.Time) (found []job.Found, err error) {
	var met spapi.Response
	var warnings []spapi.Warning
	for feed, err := range list(ctx, w.client, ListRequest{Types: []string{s.Type}, Since: since}, append(slices.Clip(w.Config.Calls), spapi.WithResponse(&met))) {
		if err != nil {
			return nil, err
		}
		warnings = append(warnings, met.Warnings...)
		if feed.FeedType == s.Type && (feed.CreatedTime.IsZero() || !feed.CreatedTime.Before(since)) && (len(feed.MarketplaceIDs) == 0 || sameSet(feed.MarketplaceIDs, s.Marketplaces)) {
			found = append(found, job.Found{ID: feed.FeedID, Status: job.Status(feed.ProcessingStatus), Created: feed.CreatedTime})
		}
	}
	if warnings = append(warnings, met.Warnings...); len(warnings) > 0 && len(found) == 0 { // what can't be read may be the feed
		return nil, fmt.Errorf("feeds: list: the answer isn't as Amazon declares it: %v", warnings[0])
	}
	w.Heard(met.Header)
	slices.SortStableFunc(found, func(a, b job.Found) int { return b.Created.Compare(a.Created) })
	return found, nil
}

func sameSet(a, b []string) bool {
	return slices.Equal(slices.Compact(slices.Sorted(slices.Values(a))), slices.Compact(slices.Sorted(slices.Values(b))))
}

// result waits for a feed that has been handed over and reads its processing report.
func (w *work) result(ctx context.Context) (*Result, error) {
	feed, err := w.Finish(ctx)
	if err != nil {
		return w.failed, err
	}
	return read(ctx, w.client, w.Config, feed, io.Discard)
}

// Check tells what would make the whole feed fail, as far as can be known before it is sent. Errors: [*job.RequestError], those of reading the content.
func (s Submission) Check() error {
	_, err := s.prepare(time.Now())
	return err
}

// prepare fills in what is missing and returns a hash of the content.
func (s *Submission) prepare(now time.Time) (hash string, err error) {
	t, known := LookupType(s.Type)
	problem := func(field, value, reason string) (string, error) {
		return "", &job.RequestError{Kind: job.Feed, Type: s.Type, Field: field, Value: value, Reason: reason}
	}
	switch {
	case s.Type == "":
		return problem("Type", "", "is required")
	case !t.Removed.IsZero() && !now.Before(t.Removed):
		reason := "was removed on " + t.Removed.Format(time.DateOnly)
		if t.Instead != "" {
			reason += ": use " + t.Instead
		}
		return problem("Type", "", reason)
	case len(s.Marketplaces) == 0:
		return problem("Marketplaces", "", "are required: at least one")
	case s.ContentType == "" && !known:
		return problem("ContentType", "", "is required: the feed type is unknown")
	}
	ids, err := marketplace.IDs(s.Marketplaces)
	if err != nil {
		name, _ := errors.AsType[*marketplace.NameError](err)
		return problem("Marketplaces", name.Value, name.Want)
	}
	s.Marketplaces = ids
	if s.ContentType == "" {
		s.ContentType = t.ContentType
		if t.ContentType != "application/pdf" {
			s.ContentType += "; charset=UTF-8"
		}
	}
	return s.Content.check(s, t)
}

// upload puts the content into a new document. The connection may break, and the URL may expire while we wait for it to come back.
func (w *work) upload(ctx context.Context, s Submission) (documentID string, err error) {
	const attempts = 5
	var met spapi.Response
	calls := append(slices.Clip(w.Config.Calls), spapi.WithResponse(&met))
	var target *feeds20210630.CreateFeedDocumentResponse
	for attempt := 1; ; attempt++ {
		if target == nil {
			target, err = feeds20210630.New(w.client).CreateFeedDocument(ctx, &feeds20210630.CreateFeedDocumentInput{ContentType: s.ContentType}, calls...)
			if err != nil {
				return "", fmt.Errorf("feeds: upload: %w", err)
			}
			if target.FeedDocumentID == "" || target.URL == "" {
				return "", errors.New("feeds: upload: createFeedDocument gave no document") // and nothing was sent
			}
			w.Heard(met.Header)
		}
		err = put(ctx, w.Config.Transport, target.URL, s)
		if err == nil {
			return target.FeedDocumentID, nil
		}
		e, refused := errors.AsType[*UploadError](err)
		if refused && e.StatusCode < 500 && !strings.Contains(e.Message, "expired") || attempt == attempts || ctx.Err() != nil {
			return "", err
		}
		if refused && e.StatusCode < 500 {
			target = nil
		}
		if err := pause(ctx, rand.N(250*time.Millisecond<<attempt)); err != nil {
			return "", err
		}
	}
}

func pause(ctx context.Context, d time.Duration) error {
	if d <= 0 {
		return context.Cause(ctx)
	}
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return context.Cause(ctx)
	case <-timer.C:
		return nil
	}
}

func put(ctx context.Context, transport http.RoundTripper, target string, s Submission) error {
	body, err := s.Content.Open()
	if err != nil {
		return fmt.Errorf("feeds: upload: %w", err)
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPut, target, body)
	if err != nil {
		body.Close()
		return errors.New("feeds: upload: createFeedDocument gave a URL that can't be read") // it is a secret
	}
	req.ContentLength = s.Content.Size
	req.Header.Set("Content-Type", s.ContentType) // exactly as declared: it is signed
	resp, err := transport.RoundTrip(req)
	if err != nil {
		if e, ok := errors.AsType[*url.Error](err); ok {
			err = e.Err // without the URL
		}
		return fmt.Errorf("feeds: upload to %s: %w", req.URL.Host, err)
	}
	defer resp.Body.Close()
	if resp.StatusCode >= 300 { // a success has nothing to say, and who says it slowly need not be waited for
		b, _ := io.ReadAll(io.LimitReader(resp.Body, 16<<10))
		var x struct{ Code, Message string }
		_ = xml.Unmarshal(b, &x) // empty if it is no XML
		return &UploadError{StatusCode: resp.StatusCode, Code: x.Code, Message: x.Message}
	}
	return nil
}

// ListRequest says which feeds to list.
type ListRequest struct {
	Types        []string     // 1 to 10
	Marketplaces []string     // ids, up to 10; default: all
	Statuses     []job.Status // default: all
	Since        time.Time    // created since; default: 90 days ago
	Until        time.Time    // created until; default: now
}

// List lists the feeds that there are, the newest first.
func List(ctx context.Context, client *spapi.Client, r ListRequest, opts ...job.Option) iter.Seq2[*Feed, error] {
	return list(ctx, client, r, job.NewConfig(client, opts...).Calls)
}

func list(ctx context.Context, client *spapi.Client, r ListRequest, calls []spapi.CallOption) iter.Seq2[*Feed, error] {
	in := &feeds20210630.GetFeedsInput{FeedTypes: r.Types, MarketplaceIDs: r.Marketplaces, CreatedSince: r.Since, CreatedUntil: r.Until, PageSize: new(int64(100))}
	for _, s := range r.Statuses {
		in.ProcessingStatuses = append(in.ProcessingStatuses, feeds20210630.GetFeedsProcessingStatus(s))
	}
	return func(yield func(*Feed, error) bool) {
		for feed, err := range feeds20210630.New(client).GetFeedsAll(ctx, in, calls...) {
			if err != nil {
				yield(nil, fmt.Errorf("feeds: list: %w", err))
				return
			}
			if !yield(feed, nil) {
				return
			}
		}
	}
}

// Get returns the state of a feed as it is now. Errors: [*job.UnknownIDError], those of the call.
func Get(ctx context.Context, client *spapi.Client, feedID string, opts ...job.Option) (*Feed, error) {
	return watch(client, job.NewConfig(client, opts...), feedID).LookOnce(ctx)
}

// Wait waits until a feed has been carried out, and returns it as it was seen last, also with an error. Errors: [*job.EndedError],
// [*job.UnknownIDError], [*job.StatusError], those of the calls.
func Wait(ctx context.Context, client *spapi.Client, feedID string, opts ...job.Option) (*Feed, error) {
	return watch(client, job.NewConfig(client, opts...), feedID).Wait(ctx)
}

// outcome is why a feed that has ended wasn't carried out.
func (w *work) outcome(ctx context.Context, feed *Feed) error {
	e := &job.EndedError{Kind: job.Feed, Type: feed.FeedType, ID: feed.FeedID, Status: job.Status(feed.ProcessingStatus)}
	switch {
	case e.Status == job.Cancelled && feed.ProcessingStartTime.IsZero():
		e.Reason = "it was cancelled before Amazon began with it"
		return e
	case e.Status == job.Cancelled:
		e.Reason = "Amazon cancelled it while it was in progress"
		return e
	case e.Status != job.Fatal:
		return nil
	}
	if feed.ResultFeedDocumentID != "" {
		var head bytes.Buffer
		if w.failed, e.Err = read(ctx, w.client, w.Config, feed, &headWriter{&head}); e.Err != nil && ctx.Err() != nil {
			return e.Err
		}
		e.Document = head.Bytes()
		if w.failed != nil {
			e.Reason = w.failed.reason()
		}
	}
	t, _ := LookupType(feed.FeedType)
	switch {
	case e.Reason != "":
	case !t.Removed.IsZero() && !feed.CreatedTime.Before(t.Removed):
		e.Reason = "the type was removed on " + t.Removed.Format(time.DateOnly)
		if t.Instead != "" {
			e.Reason += ": use " + t.Instead
		}
	case e.Err != nil:
		e.Reason = "its reason could not be read"
	default:
		e.Reason = "Amazon gave no reason; mostly the content can't be read as what the feed type wants"
	}
	return e
}

// Open opens the processing report of a feed as it stands, in UTF-8. It must be closed. Errors: [*job.DocumentError], with [job.ErrNoDocument] when
// the feed has none. Reading ends with those of [document.Open].
func Open(ctx context.Context, client *spapi.Client, feed *Feed, opts ...job.Option) (*document.Reader, error) {
	return open(ctx, client, job.NewConfig(client, opts...), feed)
}

func open(ctx context.Context, client *spapi.Client, c *job.Config, feed *Feed) (*document.Reader, error) {
	if feed.ResultFeedDocumentID == "" {
		return nil, &job.DocumentError{Kind: job.Feed, ID: feed.FeedID, Err: job.ErrNoDocument}
	}
	r, err := document.Open(ctx, func(ctx context.Context) (document.Location, error) {
		d, err := feeds20210630.New(client).GetFeedDocument(ctx, &feeds20210630.GetFeedDocumentInput{FeedDocumentID: feed.ResultFeedDocumentID}, c.Calls...)
		if err != nil {
			return document.Location{}, err
		}
		return document.Location{URL: d.URL, CompressionAlgorithm: string(d.CompressionAlgorithm)}, nil
	}, document.Options{Transport: c.Transport})
	if err != nil {
		return nil, &job.DocumentError{Kind: job.Feed, ID: feed.FeedID, Err: err}
	}
	return r, nil
}

// Read fetches and parses the processing report of a feed. Of a feed that has none the result holds the feed and nothing else. Errors:
// [*job.DocumentError]; where the report is damaged, its end is missing, or it doesn't tell whether the messages were carried out, with the result of what it
// has.
func Read(ctx context.Context, client *spapi.Client, feed *Feed, opts ...job.Option) (*Result, error) {
	return read(ctx, client, job.NewConfig(client, opts...), feed, io.Discard)
}

// read also writes what it reads to a copy.
func read(ctx context.Context, client *spapi.Client, c *job.Config, feed *Feed, to io.Writer) (*Result, error) {
	result := &Result{Feeds: []Feed{*feed}}
	r, err := open(ctx, client, c, feed)
	if errors.Is(err, job.ErrNoDocument) {
		return result, nil
	}
	if err != nil {
		return nil, err
	}
	defer r.Close()
	err = result.parse(feed.FeedID, io.TeeReader(r, to))
	if err == nil && job.Status(feed.ProcessingStatus) != job.Fatal { // of which its report needn't give but the reason
		err = result.tell()
	}
	if err == io.EOF || err == io.ErrUnexpectedEOF {
		err = fmt.Errorf("its end is missing: %w", io.ErrUnexpectedEOF)
	}
	if err != nil {
		return result, &job.DocumentError{Kind: job.Feed, ID: feed.FeedID, Err: err}
	}
	return result, nil
}
