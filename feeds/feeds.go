package feeds

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
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
	"github.com/openspapi/spapi/internal/job"
	"github.com/openspapi/spapi/marketplace"
)

// Feed is what Amazon tells about a feed.
type Feed = feeds20210630.Feed

// Journal remembers which feeds have been sent; see [WithJournal]. It must be safe for concurrent use.
type Journal = job.Journal

// Entry is what a [Journal] keeps of a feed.
type Entry = job.Entry

// NewFileJournal makes a [Journal] in a small JSON file. One process at a time may use it.
func NewFileJournal(path string) *job.FileJournal { return job.NewFileJournal(path) }

// Submission is a feed to be sent.
type Submission struct {
	Type         string            // such as "POST_ORDER_FULFILLMENT_DATA"; see Types
	Marketplaces []string          // ids, country codes or names; at least one
	Options      map[string]string // feedOptions
	ContentType  string            // default: the type's, with charset=UTF-8 for text
	Content      Content
}

// Stage is how far a feed is.
type Stage string

// The stages.
const (
	Uploading Stage = "uploading"
	Creating  Stage = "creating" // which may have to wait for the rate limit
	Waiting   Stage = "waiting"  // Amazon works on it
	Reading   Stage = "reading"  // its processing report is there
)

// Progress is told to the function of [WithProgress].
type Progress struct {
	Stage   Stage
	Part    int // of SubmitListings, from 1
	Parts   int
	Feed    Feed // as last seen; only FeedID may be set
	Elapsed time.Duration
}

// Option changes how feeds are sent.
type Option func(*config)

type config struct {
	pause       job.Pause
	progress    func(Progress)
	journal     Journal
	transport   http.RoundTripper
	calls       []spapi.CallOption
	part, parts int
}

// WithPoll sets the shortest and the longest pause between two looks at a feed. In between, it is a quarter of the time that the feed has taken so
// far. Zero means the default: 1 and 30 seconds.
func WithPoll(shortest, longest time.Duration) Option {
	return func(c *config) { c.pause = job.Pause{Min: shortest, Max: longest} }
}

// WithProgress calls f when something has changed, and after each look at the feed. SubmitListings calls it from several goroutines at once.
func WithProgress(f func(Progress)) Option { return func(c *config) { c.progress = f } }

// WithJournal writes down what was sent, so that a run after one that was killed doesn't send the same content again but waits for the feed that there is.
// A run that was cut while Amazon took the feed can't know: it sends the feed again, from the document that was uploaded.
func WithJournal(j Journal) Option { return func(c *config) { c.journal = j } }

// WithTransport uploads and fetches documents through rt, which must add no credentials. Default: the App's own transport.
func WithTransport(rt http.RoundTripper) Option { return func(c *config) { c.transport = rt } }

// WithCallOptions passes options to every call of the API.
func WithCallOptions(opts ...spapi.CallOption) Option {
	return func(c *config) { c.calls = append(c.calls, opts...) }
}

func configure(client *spapi.Client, opts []Option) *config {
	c := &config{progress: func(Progress) {}, part: 1, parts: 1}
	for _, o := range opts {
		o(c)
	}
	if c.transport == nil {
		c.transport = client.App().BaseTransport()
	}
	return c
}

// Submit sends a feed, waits until it has been carried out, and returns what came of it. That messages have errors is no error of Submit's: see
// Result.Issues. Errors: *[RequestError], *[UploadError], *[CancelledError], *[FatalError], those of the calls and of the documents.
func Submit(ctx context.Context, client *spapi.Client, s Submission, opts ...Option) (*Result, error) {
	c := configure(client, opts)
	id, key, err := c.create(ctx, client, s)
	if err != nil {
		return nil, err
	}
	return c.finish(ctx, client, id, key)
}

func (c *config) finish(ctx context.Context, client *spapi.Client, id, key string) (*Result, error) {
	feed, err := c.wait(ctx, client, id)
	if err != nil {
		_, fatal := errors.AsType[*FatalError](err)
		if c.journal != nil && (fatal || errors.Is(err, ErrCancelled)) {
			err = errors.Join(err, c.journal.Put(key, Entry{})) // may be sent again
		}
		return nil, err
	}
	return c.read(ctx, client, feed)
}

// Create checks a feed, uploads its content and hands it to Amazon. It returns the feed's id. Errors: *[RequestError], *[UploadError], those of the calls.
func Create(ctx context.Context, client *spapi.Client, s Submission, opts ...Option) (feedID string, err error) {
	feedID, _, err = configure(client, opts).create(ctx, client, s)
	return feedID, err
}

// Check tells what would make the whole feed fail, as far as can be known before it is sent. Errors: *[RequestError], those of reading the content.
func (s Submission) Check() error {
	_, err := s.prepare(time.Now())
	return err
}

// prepare fills in what is missing and returns the key of the feed in a journal.
func (s *Submission) prepare(now time.Time) (key string, err error) {
	t, known := LookupType(s.Type)
	problem := func(field, value, reason string) (string, error) {
		return "", &RequestError{Type: s.Type, Field: field, Value: value, Reason: reason}
	}
	switch {
	case s.Type == "":
		return "", &RequestError{Type: "feed", Field: "Type", Reason: "is required"}
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
	var ids []string
	for _, name := range s.Marketplaces {
		m, err := marketplace.Lookup(name)
		switch {
		case err == nil:
			name = m.ID
		case len(name) < 12: // marketplaces that are too new for the table are known by their id only
			return problem("Marketplaces", name, "is no marketplace: "+strings.TrimPrefix(err.Error(), "marketplace: "))
		}
		ids = append(ids, name)
	}
	s.Marketplaces = ids
	if s.ContentType == "" {
		s.ContentType = t.ContentType
		if t.ContentType != "application/pdf" {
			s.ContentType += "; charset=UTF-8"
		}
	}
	hash, err := s.Content.check(s, t)
	if err != nil {
		return "", err
	}
	b, err := json.Marshal([]any{s.Type, slices.Sorted(slices.Values(s.Marketplaces)), s.Options, hash})
	if err != nil {
		return "", fmt.Errorf("feeds: %w", err)
	}
	sum := sha256.Sum256(b)
	return s.Type + " " + hex.EncodeToString(sum[:8]), nil
}

func (c *config) create(ctx context.Context, client *spapi.Client, s Submission) (id, key string, err error) {
	began := time.Now()
	if key, err = s.prepare(began); err != nil {
		return "", "", err
	}
	tell := func(stage Stage) {
		c.progress(Progress{Stage: stage, Part: c.part, Parts: c.parts, Elapsed: time.Since(began)})
	}
	var entry Entry
	remember := func() error {
		if c.journal == nil {
			return nil
		}
		return c.journal.Put(key, entry)
	}
	if c.journal != nil {
		if entry, _, err = c.journal.Get(key); err != nil {
			return "", "", err
		}
		if entry.ID != "" {
			return entry.ID, key, nil
		}
		if time.Since(entry.Began) > 24*time.Hour { // how long an uploaded document stays isn't published
			entry = Entry{}
		}
	}
	if entry.Note == "" {
		tell(Uploading)
		documentID, err := c.upload(ctx, client, s)
		if err != nil {
			return "", "", err
		}
		entry = Entry{Began: began.UTC(), Note: documentID}
		if err := remember(); err != nil {
			return "", "", err
		}
	}
	tell(Creating)
	out, err := feeds20210630.New(client).CreateFeed(ctx, &feeds20210630.CreateFeedInput{
		FeedType: s.Type, MarketplaceIDs: s.Marketplaces, InputFeedDocumentID: entry.Note, FeedOptions: s.Options,
	}, c.calls...)
	if err != nil {
		if e, ok := errors.AsType[*spapi.APIError](err); ok && e.StatusCode == http.StatusBadRequest {
			entry = Entry{} // perhaps because of the document
			err = errors.Join(err, remember())
		}
		return "", "", fmt.Errorf("feeds: create %s: %w", s.Type, err)
	}
	entry.ID = out.FeedID
	return entry.ID, key, remember()
}

// upload puts the content into a new document. The connection may break, and the URL may expire while we wait for it to come back.
func (c *config) upload(ctx context.Context, client *spapi.Client, s Submission) (documentID string, err error) {
	const attempts = 5
	var target *feeds20210630.CreateFeedDocumentResponse
	for attempt := 1; ; attempt++ {
		if target == nil {
			target, err = feeds20210630.New(client).CreateFeedDocument(ctx, &feeds20210630.CreateFeedDocumentInput{ContentType: s.ContentType}, c.calls...)
			if err != nil {
				return "", fmt.Errorf("feeds: upload: %w", err)
			}
		}
		err = c.put(ctx, target.URL, s)
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
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return context.Cause(ctx)
	case <-timer.C:
		return nil
	}
}

func (c *config) put(ctx context.Context, target string, s Submission) error {
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
	resp, err := c.transport.RoundTrip(req)
	if err != nil {
		if e, ok := errors.AsType[*url.Error](err); ok {
			err = e.Err // without the URL
		}
		return fmt.Errorf("feeds: upload to %s: %w", req.URL.Host, err)
	}
	defer resp.Body.Close()
	b, _ := io.ReadAll(io.LimitReader(resp.Body, 16<<10))
	if resp.StatusCode >= 300 {
		var x struct{ Code, Message string }
		_ = xml.Unmarshal(b, &x) // empty if it is no XML
		return &UploadError{StatusCode: resp.StatusCode, Code: x.Code, Message: x.Message}
	}
	return nil
}

// ListRequest says which feeds to list.
type ListRequest struct {
	Types        []string // 1 to 10
	Marketplaces []string // ids; default: all
	Statuses     []string // such as "DONE"; default: all
	Since, Until time.Time
}

// List lists the feeds that there are, the newest first.
func List(ctx context.Context, client *spapi.Client, r ListRequest, opts ...Option) iter.Seq2[*Feed, error] {
	in := &feeds20210630.GetFeedsInput{FeedTypes: r.Types, MarketplaceIDs: r.Marketplaces, CreatedSince: r.Since, CreatedUntil: r.Until, PageSize: new(int64(100))}
	for _, s := range r.Statuses {
		in.ProcessingStatuses = append(in.ProcessingStatuses, feeds20210630.GetFeedsProcessingStatuses(s))
	}
	return feeds20210630.New(client).GetFeedsAll(ctx, in, configure(client, opts).calls...)
}

// Get returns the state of a feed as it is now.
func Get(ctx context.Context, client *spapi.Client, feedID string, opts ...Option) (*Feed, error) {
	feed, err := feeds20210630.New(client).GetFeed(ctx, &feeds20210630.GetFeedInput{FeedID: feedID}, configure(client, opts).calls...)
	if err != nil {
		return nil, fmt.Errorf("feeds: %s: %w", feedID, err)
	}
	return feed, nil
}

// Wait waits until a feed has been carried out, and returns it if it is done. Errors: *[CancelledError], *[FatalError], those of the calls.
func Wait(ctx context.Context, client *spapi.Client, feedID string, opts ...Option) (*Feed, error) {
	return configure(client, opts).wait(ctx, client, feedID)
}

func (c *config) wait(ctx context.Context, client *spapi.Client, id string) (*Feed, error) {
	began := time.Now()
	tell := func(f Feed) {
		c.progress(Progress{Stage: Waiting, Part: c.part, Parts: c.parts, Feed: f, Elapsed: time.Since(began)})
	}
	tell(Feed{FeedID: id})
	var feed *Feed
	err := job.Wait(ctx, c.pause, func(ctx context.Context) (bool, error) {
		f, err := feeds20210630.New(client).GetFeed(ctx, &feeds20210630.GetFeedInput{FeedID: id}, c.calls...)
		if err != nil {
			return false, fmt.Errorf("feeds: wait for %s: %w", id, err)
		}
		feed = f
		tell(*f)
		switch f.ProcessingStatus {
		case feeds20210630.FeedProcessingStatusDone, feeds20210630.FeedProcessingStatusCancelled, feeds20210630.FeedProcessingStatusFatal:
			return true, nil
		}
		return false, nil
	})
	if err != nil {
		return nil, err
	}
	switch feed.ProcessingStatus {
	case feeds20210630.FeedProcessingStatusCancelled:
		reason := "it was cancelled before Amazon began with it"
		if !feed.ProcessingStartTime.IsZero() {
			reason = "Amazon cancelled it while it was in progress"
		}
		return nil, &CancelledError{Feed: *feed, Reason: reason}
	case feeds20210630.FeedProcessingStatusFatal:
		return nil, c.fatal(ctx, client, feed)
	}
	return feed, nil
}

func (c *config) fatal(ctx context.Context, client *spapi.Client, feed *Feed) error {
	e := &FatalError{Feed: *feed}
	if feed.ResultFeedDocumentID != "" {
		if e.Result, e.Err = c.read(ctx, client, feed); e.Err != nil && ctx.Err() != nil {
			return e.Err
		}
		if e.Result != nil {
			e.Reason = e.Result.reason()
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

// Open opens the processing report of a feed as it stands, in UTF-8. It must be closed. It is nil when the feed has none.
func Open(ctx context.Context, client *spapi.Client, feed *Feed, opts ...Option) (*document.Reader, error) {
	return configure(client, opts).open(ctx, client, feed)
}

func (c *config) open(ctx context.Context, client *spapi.Client, feed *Feed) (*document.Reader, error) {
	if feed.ResultFeedDocumentID == "" {
		return nil, nil //nolint:nilnil // there is none, which is no error
	}
	r, err := document.Open(ctx, func(ctx context.Context) (document.Location, error) {
		d, err := feeds20210630.New(client).GetFeedDocument(ctx, &feeds20210630.GetFeedDocumentInput{FeedDocumentID: feed.ResultFeedDocumentID}, c.calls...)
		if err != nil {
			return document.Location{}, err
		}
		return document.Location{URL: d.URL, CompressionAlgorithm: string(d.CompressionAlgorithm)}, nil
	}, document.Options{Transport: c.transport})
	if err != nil {
		return nil, fmt.Errorf("feeds: processing report of %s: %w", feed.FeedID, err)
	}
	return r, nil
}

// Read fetches and parses the processing report of a feed.
func Read(ctx context.Context, client *spapi.Client, feed *Feed, opts ...Option) (*Result, error) {
	return configure(client, opts).read(ctx, client, feed)
}

func (c *config) read(ctx context.Context, client *spapi.Client, feed *Feed) (*Result, error) {
	c.progress(Progress{Stage: Reading, Part: c.part, Parts: c.parts, Feed: *feed})
	result := &Result{Feeds: []Feed{*feed}}
	r, err := c.open(ctx, client, feed)
	if err != nil || r == nil {
		return result, err
	}
	defer r.Close()
	if err := result.parse(feed.FeedID, r); err != nil {
		return nil, fmt.Errorf("feeds: processing report of %s: %w", feed.FeedID, err)
	}
	return result, nil
}
