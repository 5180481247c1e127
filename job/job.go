// Package job is what reports, feeds and queries of Data Kiosk have in common. All three are jobs: Amazon is asked for something, works on it for
// seconds or hours, and has a document ready at the end. Packages reports, feeds and datakiosk take the same options, tell the same [Progress] and fail
// with the same errors; whoever knows one knows all three.
//
// The errors, all to be matched with errors.As, or errors.Is where a variable is named:
//
//   - [*RequestError]: it can't work. Nothing was sent.
//   - [*EndedError], [ErrCancelled], [ErrFatal]: Amazon ended it without what was asked for, with the reason.
//   - [*OutcomeUnknownError]: it was asked for, no answer came, and nobody can tell whether Amazon has taken it. It was not asked for again.
//   - [*UnknownIDError]: the id is empty, or Amazon knows no such job of this seller.
//   - [*StatusError]: it is in a state that isn't known, for longer than 10 minutes.
//   - [*DocumentError], [ErrNoDocument]: its document can't be read, with the error of package document.
//
// Everything else is an error of the calls themselves, such as [*spapi.APIError], of the journal, or the cause of the context.
package job

import (
	"context"
	"net/http"
	"time"

	"github.com/openspapi/spapi"
	"github.com/openspapi/spapi/journal"
)

// Kind tells reports, feeds and queries apart.
type Kind string

// The kinds.
const (
	Report Kind = "report"
	Feed   Kind = "feed"
	Query  Kind = "query"
)

// Status is Amazon's processing status, the same for all kinds (ProcessingStatus of reports_2021-06-30.json, feeds_2021-06-30.json and
// dataKiosk_2023-11-15.json). It may take values that are not here.
type Status string

// The statuses.
const (
	InQueue    Status = "IN_QUEUE"
	InProgress Status = "IN_PROGRESS"
	Done       Status = "DONE"
	Cancelled  Status = "CANCELLED" // there is nothing to be had, or somebody cancelled it
	Fatal      Status = "FATAL"
)

// Ended reports whether the status is one of the last: Done, Cancelled, Fatal.
func (s Status) Ended() bool { return s == Done || s == Cancelled || s == Fatal }

// Running reports whether the status is one of work that will end: InQueue, InProgress.
func (s Status) Running() bool { return s == InQueue || s == InProgress }

// Stage is how far a run is.
type Stage string

// The stages, in their order.
const (
	Uploading Stage = "uploading" // the content of a feed
	Creating  Stage = "creating"  // it is about to be asked for, which may have to wait for the rate limit
	Checking  Stage = "checking"  // it was asked for and no answer came: for up to a minute it is looked whether Amazon has taken it
	Waiting   Stage = "waiting"   // Amazon works on it
	Ready     Stage = "ready"     // its document is there
)

// Progress is told to the function of [WithProgress].
type Progress struct {
	Kind    Kind
	Type    string // of the report or feed; "" for queries, and where no more than an id was given and nothing has been seen yet
	ID      string // Amazon's; "" as long as there is none
	Stage   Stage
	Status  Status // as last seen; "" as long as nobody has looked
	Reused  bool   // it was not asked for by this run
	Part    int    // of a run that takes several jobs: which one, from 1. Of a query the page
	Parts   int    // how many there are; 0 if that isn't known beforehand, as with the pages of a query
	Elapsed time.Duration

	// Limit is told while Creating waits for more than a second for a limit: which one, and how long the wait was going to be; the next progress has
	// none. Until is when the wait ends, as far as that can be told.
	Limit *spapi.LimitError
	Until time.Time
}

// Option changes how jobs are run.
type Option func(*Config)

// Config is what options come to, for packages that take them. The zero value is what holds without any, but for what [NewConfig] fills in.
type Config struct {
	Shortest  time.Duration // the pause between two looks; 0: 1 second
	Longest   time.Duration // 0: 30 seconds
	Progress  func(Progress)
	Journal   journal.Journal
	SendAgain bool
	Take      string
	Transport http.RoundTripper
	Calls     []spapi.CallOption
}

// NewConfig applies options. What none of them sets is as the options' comments say: the result has a transport, a function for the progress, and a
// journal, which ends with the call if none is given.
func NewConfig(client *spapi.Client, opts ...Option) *Config {
	c := &Config{}
	for _, o := range opts {
		if o != nil {
			o(c)
		}
	}
	if c.Progress == nil {
		c.Progress = func(Progress) {}
	}
	if c.Journal == nil {
		c.Journal = passing{journal.NewMemory()}
	}
	if c.Transport == nil {
		c.Transport = client.App().BaseTransport()
	}
	return c
}

// passing is the journal of a call that was given none. What it holds tells the jobs of the call apart from others; none is taken up.
type passing struct{ *journal.Memory }

// Get finds nothing.
func (passing) Get(context.Context, journal.Key) (journal.Entry, bool, error) {
	return journal.Entry{}, false, nil
}

// Pause is how long to wait between two looks at a job that has been under way for so long: a quarter of that, so that the end is noticed at most a
// quarter late, and what takes long costs few calls.
func (c *Config) Pause(elapsed time.Duration) time.Duration {
	least, most := c.Shortest, c.Longest
	if least <= 0 {
		least = time.Second
	}
	if most <= 0 {
		most = 30 * time.Second
	}
	return min(max(elapsed/4, least), max(most, least))
}

// WithPoll sets the shortest and the longest pause between two looks at a job that hasn't ended. In between, it is a quarter of the time that the job
// has taken so far. Zero means the default: 1 and 30 seconds.
func WithPoll(shortest, longest time.Duration) Option {
	return func(c *Config) { c.Shortest, c.Longest = shortest, longest }
}

// WithProgress calls f when something has changed, and after each look at a job: what runs several jobs, from several goroutines at once; and of the pages
// of a query, from another goroutine than the caller's. Default: nobody is told.
func WithProgress(f func(Progress)) Option { return func(c *Config) { c.Progress = f } }

// WithJournal notes in j what is asked for, before and after, so that a run that takes the place of one that was killed takes up the same jobs. A job
// that ended without what was asked for is struck out: the next run asks anew. Default: nothing outlasts the call, and each asks anew.
//
// Of what was asked for without an answer, the journal keeps that nobody knows whether Amazon has taken it. The next run looks for it, and asks again
// only if it isn't there; where that can't be told, or a feed moves money or stock once more when it is sent twice, it ends with an
// [*OutcomeUnknownError] until [WithSendAgain] or [WithTake] decides.
func WithJournal(j journal.Journal) Option { return func(c *Config) { c.Journal = j } }

// WithSendAgain decides that Amazon has not taken what a run before has asked for without an answer, by what the journal says: it is asked for again,
// and nobody looks for it. It changes nothing for what has an id in the journal, nor for what isn't there. A feed that was taken after all is then
// carried out twice. Default: see [WithJournal].
func WithSendAgain() Option { return func(c *Config) { c.SendAgain = true } }

// WithTake decides that this feed is the one that a run before has sent without an answer, by what the journal says: the run goes on with it. That there
// is no such feed in the journal is a [*RequestError], and that Amazon doesn't know the id an [*UnknownIDError]; neither sends anything. Only feeds
// need it. Default: see [WithJournal].
func WithTake(feedID string) Option { return func(c *Config) { c.Take = feedID } }

// WithTransport moves documents through rt, which must add no credentials. Default: the App's own transport.
func WithTransport(rt http.RoundTripper) Option { return func(c *Config) { c.Transport = rt } }

// WithCallOptions passes options to every call of the API.
func WithCallOptions(opts ...spapi.CallOption) Option {
	return func(c *Config) { c.Calls = append(c.Calls, opts...) }
}
