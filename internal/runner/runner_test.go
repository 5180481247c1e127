package runner

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"

	"github.com/openspapi/spapi"
	"github.com/openspapi/spapi/job"
	"github.com/openspapi/spapi/journal"
	"github.com/openspapi/spapi/marketplace"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// service is what Amazon does with one kind of job.
type service struct {
	t       *testing.T
	journal journal.Journal

	createErr error // of the next create; the job may have been made all the same
	status    job.Status
	outcome   error
	lookErr   error

	waits func(context.Context, *Work[string]) error // what happens before the job is asked for
	asked func()                                     // and when it is

	made    bool          // whether a create that fails makes the job
	lag     time.Duration // after which a job is listed
	findErr error

	jobs    []string // ids of the jobs that were made
	created []time.Time
	uploads int
	creates int
	finds   []time.Duration // the looks, since the first
	first   time.Time
	seen    []job.Progress
}

var key = journal.Key{Kind: "feed", Type: "T", Request: "r"}

func (s *service) work() *Work[string] {
	var w *Work[string]
	w = &Work[string]{
		Config: &job.Config{Journal: s.journal, Progress: func(p job.Progress) { s.seen = append(s.seen, p) }},
		Kind:   job.Feed, Type: "T", Key: key, Part: 1, Parts: 1,
		Create: func(ctx context.Context, _ string) (string, error) {
			if s.waits != nil {
				if err := s.waits(ctx, w); err != nil {
					return "", err
				}
			}
			if err := w.Sending(ctx, true); err != nil {
				return "", err
			}
			if s.asked != nil {
				s.asked()
			}
			err := s.createErr
			s.createErr = nil
			s.creates++
			if err == nil || s.made {
				s.jobs = append(s.jobs, fmt.Sprint("id", len(s.jobs)+1))
				s.created = append(s.created, time.Now())
			}
			if err != nil {
				return "", err
			}
			return s.jobs[len(s.jobs)-1], nil
		},
		Look: func(_ context.Context, id string) (*string, job.Status, error) {
			if s.lookErr != nil {
				return nil, "", s.lookErr
			}
			return &id, s.status, nil
		},
		Outcome: func(context.Context, *string) error { return s.outcome },
		Find: func(_ context.Context, since time.Time) (found []job.Found, err error) {
			if s.first.IsZero() {
				s.first = time.Now()
			}
			s.finds = append(s.finds, time.Since(s.first))
			for i, id := range s.jobs {
				if !s.created[i].Before(since) && time.Since(s.created[i]) >= s.lag {
					found = append(found, job.Found{ID: id, Status: s.status, Created: s.created[i]})
				}
			}
			slices.Reverse(found)
			return found, s.findErr
		},
	}
	return w
}

// same is work of a kind whose jobs Amazon shows with all that was asked for, and of which one too many does no harm.
func (s *service) same() *Work[string] {
	w := s.work()
	w.Same, w.Harmless = true, true
	return w
}

func (s *service) uploading(w *Work[string]) *Work[string] {
	w.Upload = func(context.Context) (string, error) {
		s.uploads++
		return fmt.Sprint("document", s.uploads), nil
	}
	return w
}

func (s *service) entry() (journal.Entry, bool) {
	s.t.Helper()
	e, ok, err := s.journal.Get(s.t.Context(), key)
	if err != nil {
		s.t.Fatal(err)
	}
	return e, ok
}

func run(t *testing.T, test func(t *testing.T, s *service)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		test(t, &service{t: t, journal: journal.NewMemory(), status: job.Done})
	})
}

var errCut = errors.New("connection cut")

func apiError(status int) error { return fmt.Errorf("create: %w", &spapi.APIError{StatusCode: status}) }

func TestRunTellsItsStages(t *testing.T) {
	run(t, func(t *testing.T, s *service) {
		v, err := s.uploading(s.work()).Run(t.Context())
		if err != nil || *v != "id1" {
			t.Fatal(v, err)
		}
		var stages []job.Stage
		for _, p := range s.seen {
			stages = append(stages, p.Stage)
			if p.Kind != job.Feed || p.Type != "T" || p.Part != 1 || p.Parts != 1 || p.Reused {
				t.Errorf("told %+v", p)
			}
		}
		if want := []job.Stage{job.Uploading, job.Creating, job.Waiting, job.Ready}; !slices.Equal(stages, want) {
			t.Errorf("stages %v, want %v", stages, want)
		}
		if last := s.seen[len(s.seen)-1]; last.ID != "id1" || last.Status != job.Done {
			t.Errorf("the last is %+v", last)
		}
	})
}

// The intent is noted before Amazon is asked, and the id before anything else is done.
func TestIntentIsNotedFirst(t *testing.T) {
	run(t, func(t *testing.T, s *service) {
		w := s.work()
		s.asked = func() {
			if e, ok := s.entry(); !ok || e.Began.IsZero() || e.ID != "" {
				t.Errorf("noted before it is asked for: %+v, %v", e, ok)
			}
		}
		if err := w.Begin(t.Context()); err != nil {
			t.Fatal(err)
		}
		if e, _ := s.entry(); e.ID != "id1" {
			t.Errorf("noted %+v", e)
		}
		again := s.work()
		if err := again.Begin(t.Context()); err != nil || again.ID != "id1" || len(s.jobs) != 1 {
			t.Errorf("taken up: %s, %v, %v", again.ID, s.jobs, err)
		}
		if _, err := again.Finish(t.Context()); err != nil {
			t.Error(err)
		}
		if last := s.seen[len(s.seen)-1]; !last.Reused {
			t.Errorf("told %+v", last)
		}
	})
}

// What Amazon has answered is noted even if the caller has given up meanwhile.
func TestAnswerIsNotedAfterTheEnd(t *testing.T) {
	run(t, func(t *testing.T, s *service) {
		ctx, cancel := context.WithCancel(t.Context())
		w := s.work()
		s.asked = cancel
		_ = w.Begin(ctx)
		if e, _ := s.entry(); e.ID != "id1" {
			t.Errorf("noted %+v", e)
		}
	})
}

// A refusal leaves nothing behind: the next run needs not look for a job that can't be there.
func TestRefusedCreateLeavesNoIntent(t *testing.T) {
	for name, err := range map[string]error{
		"400": apiError(http.StatusBadRequest), "403": apiError(http.StatusForbidden), "429": apiError(http.StatusTooManyRequests),
		"request": &job.RequestError{}, "settings": &spapi.ConfigError{}, "login": &spapi.AuthError{}, "limit": &spapi.LimitError{},
		"no connection": &net.OpError{Op: "dial", Err: errCut}, "no such host": &net.DNSError{},
	} {
		run(t, func(t *testing.T, s *service) {
			s.createErr = err
			if got := s.same().Begin(t.Context()); !errors.Is(got, err) {
				t.Errorf("%s: got %v", name, got)
			}
			if e, ok := s.entry(); ok || len(s.finds) > 0 || s.creates != 1 {
				t.Errorf("%s: left %+v, looked %d times", name, e, len(s.finds))
			}
		})
	}
}

// Of a feed the document stays good when Amazon refuses for another reason than the request itself, and when it has not taken the feed.
func TestUploadIsKept(t *testing.T) {
	for _, c := range []struct {
		err     error
		wait    time.Duration
		uploads int
		fails   bool
	}{
		{apiError(http.StatusBadRequest), 0, 2, true},
		{apiError(http.StatusForbidden), 0, 1, true},
		{apiError(http.StatusForbidden), 23 * time.Hour, 1, true},
		{apiError(http.StatusForbidden), 25 * time.Hour, 2, true},
		{errCut, 0, 1, false},
	} {
		run(t, func(t *testing.T, s *service) {
			s.createErr = c.err
			if err := s.uploading(s.work()).Begin(t.Context()); (err != nil) != c.fails || c.fails && !errors.Is(err, c.err) {
				t.Errorf("got %v", err)
			}
			time.Sleep(c.wait)
			w := s.uploading(s.work())
			sent := "document1"
			create := w.Create
			w.Create = func(ctx context.Context, d string) (string, error) {
				sent = d
				return create(ctx, d)
			}
			if err := w.Begin(t.Context()); err != nil || s.uploads != c.uploads || sent != fmt.Sprint("document", c.uploads) || len(s.jobs) != 1 {
				t.Errorf("%v, then after %s: %v, %d uploads, sent %s", c.err, c.wait, err, s.uploads, sent)
			}
			if c.fails && len(s.finds) > 0 {
				t.Errorf("after %v, which is a refusal: looked for it", c.err)
			}
			if e, _ := s.entry(); e.Document != sent || e.ID == "" {
				t.Errorf("noted %+v", e)
			}
		})
	}
}

// A call whose answer was lost is not repeated as long as Amazon may have taken what it asked for.
func TestLostAnswer(t *testing.T) {
	doubt := &spapi.OutcomeUnknownError{Err: errCut}
	for _, c := range []struct {
		name    string
		err     error // of the first call
		made    bool
		lag     time.Duration
		same    bool
		creates int
		outcome string // "id", "unknown" or "failed"
		looks   int
	}{
		{"taken, and all is shown", errCut, true, 0, true, 1, "id1", 1},
		{"taken, and all is shown, late", errCut, true, 50 * time.Second, true, 1, "id1", 4},
		{"500, taken, and all is shown", apiError(http.StatusInternalServerError), true, 0, true, 1, "id1", 1},
		{"not taken, and all is shown", doubt, false, 0, true, 2, "id1", 4},
		{"taken, but it can't be told", doubt, true, 0, false, 1, "unknown", 1},
		{"taken, listed late", doubt, true, 55 * time.Second, false, 1, "unknown", 4},
		{"not taken", errCut, false, 0, false, 2, "id1", 4},
	} {
		run(t, func(t *testing.T, s *service) {
			s.createErr, s.made, s.lag = c.err, c.made, c.lag
			w := s.work()
			w.Same, w.Harmless = c.same, c.same
			began := time.Now()
			err := w.Begin(t.Context())
			unknown, isUnknown := errors.AsType[*job.OutcomeUnknownError](err)
			if s.creates != c.creates || len(s.jobs) != 1 || len(s.finds) != c.looks || isUnknown != (c.outcome == "unknown") ||
				!isUnknown && (err != nil || w.ID != c.outcome) {
				t.Errorf("%s: %v, %q, asked %d times, made %v, looks %v", c.name, err, w.ID, s.creates, s.jobs, s.finds)
			}
			if len(s.finds) == 4 && time.Since(began) < Settle {
				t.Errorf("%s: decided after %s", c.name, time.Since(began))
			}
			e, _ := s.entry()
			if !isUnknown {
				if e.ID != "id1" {
					t.Errorf("%s: noted %+v", c.name, e)
				}
				return
			}
			if e.ID != "" || e.Began.IsZero() {
				t.Errorf("%s: noted %+v", c.name, e)
			}
			if unknown.Kind != job.Feed || unknown.Type != "T" || len(unknown.Found) != 1 || unknown.Found[0].ID != "id1" || !errors.Is(err, errCut) ||
				unknown.Asked.After(began) || !strings.Contains(err.Error(), "id1 (DONE, created ") {
				t.Errorf("%s: %+v: %v", c.name, unknown, err)
			}
			// The next run knows no more.
			if err := s.work().Begin(t.Context()); err == nil || s.creates != 1 {
				t.Errorf("%s, again: %v, asked %d times", c.name, err, s.creates)
			}
		})
	}
}

// Each failure after which a job may be there all the same leads to a look.
func TestDoubtfulFailures(t *testing.T) {
	for name, err := range map[string]error{
		"cut": errCut, "500": apiError(http.StatusInternalServerError), "504": apiError(http.StatusGatewayTimeout), "unreadable": &spapi.DecodeError{Operation: "x"},
		"a refusal that followed a lost answer": &spapi.OutcomeUnknownError{Err: apiError(http.StatusForbidden)},
	} {
		run(t, func(t *testing.T, s *service) {
			s.createErr, s.made = err, true
			if got := s.work().Begin(t.Context()); !isUnknown(got) || s.creates != 1 || len(s.finds) != 1 {
				t.Errorf("%s: %v, asked %d times, looked %d times", name, got, s.creates, len(s.finds))
			}
		})
	}
	run(t, func(t *testing.T, s *service) {
		w := s.work()
		create := w.Create
		w.Create = func(ctx context.Context, d string) (string, error) {
			if _, err := create(ctx, d); err != nil {
				return "", err
			}
			return "", ErrNoID
		}
		if err := w.Begin(t.Context()); !isUnknown(err) || s.creates != 1 || !strings.Contains(err.Error(), "no id") {
			t.Errorf("without an id: %v", err)
		}
	})
}

func isUnknown(err error) bool {
	_, ok := errors.AsType[*job.OutcomeUnknownError](err)
	return ok
}

// One run asks twice at most: a service that fails each time is not asked for ever.
func TestAsksTwice(t *testing.T) {
	run(t, func(t *testing.T, s *service) {
		w := s.uploading(s.work())
		w.Create = func(ctx context.Context, _ string) (string, error) {
			if err := w.Sending(ctx, true); err != nil {
				return "", err
			}
			s.creates++
			return "", &spapi.OutcomeUnknownError{Operation: "x", Err: errCut}
		}
		err := w.Begin(t.Context())
		if !errors.Is(err, errCut) || isUnknown(err) || spapi.IsOutcomeUnknown(err) || s.creates != 2 || s.uploads != 1 {
			t.Errorf("got %v, asked %d times, uploaded %d times", err, s.creates, s.uploads)
		}
		if e, _ := s.entry(); !e.Began.IsZero() || e.Document != "document1" || e.Uploaded.IsZero() {
			t.Errorf("noted %+v", e)
		}
	})
}

// Jobs that are noted for other requests of the seller are none that may be this one.
func TestClaimedJobsAreNoCandidates(t *testing.T) {
	for name, change := range map[string]func(*journal.Key){
		"": func(k *journal.Key) { k.Request = "other" }, "another type": func(k *journal.Key) { k.Type = "U" },
		"of another application": func(k *journal.Key) { k.Application = "B" },
		"of another seller":      func(k *journal.Key) { k.Seller = "B" }, "elsewhere": func(k *journal.Key) { k.Endpoint = "B" },
		"in the sandbox": func(k *journal.Key) { k.Sandbox = true }, "a report": func(k *journal.Key) { k.Kind = "report" },
	} {
		run(t, func(t *testing.T, s *service) {
			other := key
			change(&other)
			s.jobs, s.created = []string{"known"}, []time.Time{time.Now()}
			if err := s.journal.Put(t.Context(), other, journal.Entry{Began: time.Now(), ID: "known"}); err != nil {
				t.Fatal(err)
			}
			s.createErr = errCut
			err := s.work().Begin(t.Context())
			counts := name == "" || name == "another type" || name == "of another application"
			if counts && err != nil || !counts && !isUnknown(err) {
				t.Errorf("%s: %v", name, err)
			}
		})
	}
}

// Whoever is cut while the request waits to be sent, for the first time or again, has asked for nothing: what it leaves is the document that was uploaded.
func TestNothingIsNotedWhileARequestWaits(t *testing.T) {
	left := func(t *testing.T, s *service, uploaded bool) {
		t.Helper()
		e, there := s.entry()
		if there != uploaded || !e.Began.IsZero() || (e.Document != "") != uploaded {
			t.Errorf("a run that is killed while it waits leaves %+v, %v", e, there)
		}
	}
	for _, uploads := range []bool{false, true} {
		run(t, func(t *testing.T, s *service) {
			work := func() *Work[string] {
				if uploads {
					return s.uploading(s.work())
				}
				return s.work()
			}
			s.waits = func(ctx context.Context, w *Work[string]) error {
				left(t, s, uploads)
				if err := w.Sending(ctx, true); err != nil {
					return err
				}
				if e, _ := s.entry(); e.Began.IsZero() {
					t.Error("what is sent is not noted")
				}
				if err := w.Sending(ctx, false); err != nil { // refused: it waits again
					return err
				}
				left(t, s, uploads)
				return errCut
			}
			if err := work().Begin(t.Context()); !errors.Is(err, errCut) || isUnknown(err) || len(s.finds) > 0 {
				t.Errorf("what was never sent fails with %v, after %d looks", err, len(s.finds))
			}
			left(t, s, uploads)
			s.waits = nil
			w := work()
			if err := w.Begin(t.Context()); err != nil || w.ID != "id1" || len(s.finds) > 0 || s.uploads > 1 {
				t.Errorf("the next run: %q, %v, %d looks, %d uploads", w.ID, err, len(s.finds), s.uploads)
			}
		})
	}
	// What was looked for and isn't there is asked for again: while that waits, it is not in doubt any more.
	run(t, func(t *testing.T, s *service) {
		s.createErr = errCut
		asked := 0
		s.waits = func(context.Context, *Work[string]) error {
			if asked++; asked == 2 {
				left(t, s, false)
			}
			return nil
		}
		if err := s.work().Begin(t.Context()); err != nil || asked != 2 {
			t.Errorf("asked %d times: %v", asked, err)
		}
	})
}

// Whoever was cut between asking and noting the id leaves the intent: the next run looks, since a little before then.
func TestIntentOfAKilledRun(t *testing.T) {
	for _, c := range []struct {
		made, same, sendAgain bool
		creates               int
		id                    string
	}{
		{true, true, false, 0, "id1"}, {false, true, false, 1, "id1"}, {true, false, false, 0, ""}, {false, false, false, 1, "id1"},
		{true, false, true, 1, "id2"}, {false, false, true, 1, "id1"},
	} {
		run(t, func(t *testing.T, s *service) {
			if c.made {
				s.jobs, s.created = []string{"id1"}, []time.Time{time.Now()}
			}
			began := time.Now()
			if err := s.journal.Put(t.Context(), key, journal.Entry{Began: began}); err != nil {
				t.Fatal(err)
			}
			time.Sleep(time.Hour)
			w := s.work()
			w.Same, w.Harmless, w.Config.SendAgain = c.same, c.same, c.sendAgain
			find := w.Find
			w.Find = func(ctx context.Context, since time.Time) ([]job.Found, error) {
				if want := began.Add(-ClockSkew); !since.Equal(want) {
					t.Errorf("looked since %s, want %s", since, want)
				}
				return find(ctx, since)
			}
			err := w.Begin(t.Context())
			if s.creates != c.creates || w.ID != c.id || isUnknown(err) != (c.id == "") {
				t.Errorf("%+v: %v, %q, asked %d times", c, err, w.ID, s.creates)
			}
			if c.sendAgain && len(s.finds) > 0 {
				t.Error("looked although it was decided")
			}
			if e, _ := s.entry(); e.ID != c.id {
				t.Errorf("%+v: noted %+v", c, e)
			}
		})
	}
}

// The decision to send again is about what a run before has left, not about what this one asks for.
func TestSendAgainIsForOnce(t *testing.T) {
	run(t, func(t *testing.T, s *service) {
		s.createErr, s.made = errCut, true
		w := s.work()
		w.Config.SendAgain = true
		if err := w.Begin(t.Context()); !isUnknown(err) || s.creates != 1 {
			t.Errorf("first run: %v, asked %d times", err, s.creates)
		}
		s.createErr = errCut
		w = s.work()
		w.Config.SendAgain = true
		if err := w.Begin(t.Context()); !isUnknown(err) || s.creates != 2 {
			t.Errorf("second run: %v, asked %d times", err, s.creates)
		}
		if err := s.journal.Put(t.Context(), key, journal.Entry{ID: "there"}); err != nil {
			t.Fatal(err)
		}
		w = s.work()
		w.Config.SendAgain = true
		if err := w.Begin(t.Context()); err != nil || s.creates != 2 || w.ID != "there" {
			t.Errorf("what has an id: %v, asked %d times", err, s.creates)
		}
	})
}

// Where nobody can look, nobody knows.
func TestLookFails(t *testing.T) {
	run(t, func(t *testing.T, s *service) {
		s.createErr, s.findErr = errCut, apiError(http.StatusForbidden)
		err := s.work().Begin(t.Context())
		e, ok := errors.AsType[*job.OutcomeUnknownError](err)
		if !ok || !errors.Is(e.LookErr, s.findErr) || !errors.Is(err, errCut) || !spapi.IsForbidden(err) || s.creates != 1 {
			t.Errorf("got %v", err)
		}
	})
	// Ctrl-C while it was on its way, and while it waited for its turn.
	for _, onItsWay := range []bool{true, false} {
		run(t, func(t *testing.T, s *service) {
			ctx, cancel := context.WithCancel(t.Context())
			w := s.uploading(s.work())
			w.Create = func(ctx context.Context, _ string) (string, error) {
				if onItsWay {
					if err := w.Sending(ctx, true); err != nil {
						return "", err
					}
				}
				cancel()
				if onItsWay {
					return "", &spapi.OutcomeUnknownError{Err: ctx.Err()}
				}
				return "", ctx.Err()
			}
			err := w.Begin(ctx)
			e, _ := s.entry()
			if !errors.Is(err, context.Canceled) || isUnknown(err) != onItsWay || e.Began.IsZero() == onItsWay || e.Document != "document1" || len(s.finds) > 0 {
				t.Errorf("on its way %v: %v, noted %+v", onItsWay, err, e)
			}
		})
	}
}

// What was created since is asked for by Amazon's clock, as its last answer told it; where none did, and harm may be done, from far enough before.
func TestAmazonsClock(t *testing.T) {
	for _, c := range []struct {
		date  func(time.Time) string
		same  bool
		since time.Duration // before the call, by our clock
	}{
		{func(now time.Time) string { return now.Add(2 * time.Hour).Format(http.TimeFormat) }, false, -2*time.Hour + ClockSkew},
		{func(now time.Time) string { return now.Add(-2 * time.Hour).Format(http.TimeFormat) }, false, 2*time.Hour + ClockSkew},
		{func(time.Time) string { return "" }, false, unheard + ClockSkew},
		{func(time.Time) string { return "yesterday" }, true, ClockSkew},
	} {
		run(t, func(t *testing.T, s *service) {
			w := s.uploading(s.work())
			w.Same, w.Harmless = c.same, c.same
			upload := w.Upload
			w.Upload = func(ctx context.Context) (string, error) {
				w.Heard(http.Header{"Date": {c.date(time.Now().UTC())}})
				return upload(ctx)
			}
			s.createErr = errCut
			asked := time.Now()
			var since time.Time
			w.Find = func(_ context.Context, at time.Time) ([]job.Found, error) {
				since = at
				return nil, errCut
			}
			if err := w.Begin(t.Context()); !isUnknown(err) || !since.Equal(asked.Add(-c.since)) {
				t.Errorf("%v: looked since %s before", err, asked.Sub(since))
			}
		})
	}
}

// A feed that the caller has found is gone on with, and nothing is sent.
func TestTake(t *testing.T) {
	open := journal.Entry{Began: time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC), Document: "d"}
	for _, c := range []struct {
		name    string
		entry   *journal.Entry
		kind    job.Kind
		found   string // the type that Amazon shows
		id      string
		want    string // id
		problem string
	}{
		{"the open one", &open, job.Feed, "T", "found", "found", ""},
		{"nothing is open", nil, job.Feed, "T", "found", "", "the journal has no feed with the same content"},
		{"it is refused", &journal.Entry{Document: "d", Uploaded: open.Began}, job.Feed, "T", "found", "", "the journal has no feed"},
		{"another has the id", &open, job.Feed, "T", "claimed", "", "is noted in the journal for other content"},
		{"another type", &open, job.Feed, "U", "found", "", "is of type U"},
		{"Amazon doesn't know it", &open, job.Feed, "T", "missing", "", "unknown"},
		{"it has that id", &journal.Entry{ID: "found"}, job.Feed, "T", "found", "found", ""},
		{"it has another id", &journal.Entry{ID: "has"}, job.Feed, "T", "found", "", "the journal has feed has for the same content"},
		{"a report", &open, job.Report, "T", "found", "", "feeds only"},
	} {
		run(t, func(t *testing.T, s *service) {
			other := key
			other.Request = "other"
			if err := s.journal.Put(t.Context(), other, journal.Entry{ID: "claimed"}); err != nil {
				t.Fatal(err)
			}
			if c.entry != nil {
				if err := s.journal.Put(t.Context(), key, *c.entry); err != nil {
					t.Fatal(err)
				}
			}
			w := s.uploading(s.work())
			w.Kind, w.Config.Take = c.kind, c.id
			w.Look = func(_ context.Context, id string) (*string, job.Status, error) {
				if id == "missing" {
					return nil, "", apiError(http.StatusNotFound)
				}
				w.Type = c.found
				return &id, job.Done, nil
			}
			err := w.Begin(t.Context())
			if s.creates+s.uploads+len(s.finds) > 0 {
				t.Errorf("%s: sent something", c.name)
			}
			e, _ := s.entry()
			if c.problem == "" && (err != nil || w.ID != c.want || e.ID != c.want || w.Type != "T") ||
				c.problem != "" && (err == nil || !strings.Contains(err.Error(), c.problem) || e.ID == c.id) {
				t.Errorf("%s: %v, id %q, noted %+v", c.name, err, w.ID, e)
			}
		})
	}
}

// What is known already is taken in place of a new one, and noted.
func TestKnown(t *testing.T) {
	run(t, func(t *testing.T, s *service) {
		w := s.work()
		w.Known = func(context.Context) (string, error) { return "old", nil }
		if err := w.Begin(t.Context()); err != nil || w.ID != "old" || len(s.jobs) > 0 {
			t.Errorf("%v: %s, %v", err, w.ID, s.jobs)
		}
		if e, _ := s.entry(); e.ID != "old" {
			t.Errorf("noted %+v", e)
		}
		w = s.work()
		w.Key.Request = "other"
		w.Known = func(context.Context) (string, error) { return "", errCut }
		if err := w.Begin(t.Context()); !errors.Is(err, errCut) || len(s.jobs) > 0 {
			t.Errorf("%v: %v", err, s.jobs)
		}
	})
}

// What has failed for good is struck out, what may go on stays.
func TestFailedJobsAreStruckOut(t *testing.T) {
	fatal := &job.EndedError{Kind: job.Feed, Status: job.Fatal, Reason: "bad"}
	for name, c := range map[string]struct {
		outcome, look error
		status        job.Status
		cancel, stays bool
	}{
		"FATAL":                      {outcome: fatal, status: job.Fatal},
		"CANCELLED":                  {outcome: &job.EndedError{Status: job.Cancelled}, status: job.Cancelled},
		"done":                       {status: job.Done, stays: true},
		"can't be looked at":         {look: errCut, stays: true},
		"given up while it ended":    {outcome: context.Canceled, status: job.Fatal, cancel: true, stays: true},
		"unknown, but may be so new": {look: apiError(http.StatusNotFound), stays: true},
	} {
		run(t, func(t *testing.T, s *service) {
			s.outcome, s.status, s.lookErr = c.outcome, c.status, c.look
			ctx, cancel := context.WithCancel(t.Context())
			defer cancel()
			w := s.work()
			if err := w.Begin(ctx); err != nil {
				t.Fatal(err)
			}
			if c.cancel {
				w.Outcome = func(context.Context, *string) error {
					cancel()
					return c.outcome
				}
			}
			last, err := w.Finish(ctx)
			if _, ok := s.entry(); ok != c.stays {
				t.Errorf("%s: in the journal is %v", name, ok)
			}
			if c.outcome != nil && (!errors.Is(err, c.outcome) || last == nil) {
				t.Errorf("%s: got %v, %v: want what was seen last, with the reason", name, last, err)
			}
			if c.cancel && !errors.Is(err, c.outcome) || strings.Contains(fmt.Sprint(err), "\n") {
				t.Errorf("%s: the journal was asked after the end: %v", name, err)
			}
		})
	}
}

// Another run may have put a new job there meanwhile.
func TestNobodyElsesJobIsStruckOut(t *testing.T) {
	run(t, func(t *testing.T, s *service) {
		s.status, s.outcome = job.Fatal, &job.EndedError{Status: job.Fatal}
		w := s.work()
		if err := w.Begin(t.Context()); err != nil {
			t.Fatal(err)
		}
		if err := s.journal.Put(t.Context(), key, journal.Entry{ID: "newer"}); err != nil {
			t.Fatal(err)
		}
		if _, err := w.Finish(t.Context()); !errors.Is(err, job.ErrFatal) {
			t.Errorf("got %v", err)
		}
		if e, _ := s.entry(); e.ID != "newer" {
			t.Errorf("left %+v", e)
		}
	})
}

// A job in the journal that Amazon has forgotten is asked for anew where that does no harm.
func TestForgottenJobs(t *testing.T) {
	for _, again := range []bool{true, false} {
		run(t, func(t *testing.T, s *service) {
			if err := s.journal.Put(t.Context(), key, journal.Entry{ID: "forgotten"}); err != nil {
				t.Fatal(err)
			}
			w := s.work()
			w.Harmless = again
			look := w.Look
			w.Look = func(ctx context.Context, id string) (*string, job.Status, error) {
				if id == "forgotten" {
					return nil, "", apiError(http.StatusNotFound)
				}
				return look(ctx, id)
			}
			v, err := w.Run(t.Context())
			e, unknown := errors.AsType[*job.UnknownIDError](err)
			if again && (err != nil || *v != "id1") || !again && (!unknown || e.ID != "forgotten" || len(s.jobs) > 0) {
				t.Errorf("again is %v: %v, %v, %v", again, v, err, s.jobs)
			}
		})
	}
}

// A job that is listed and yet not known is asked for anew once, however long the list names it.
func TestListedButForgotten(t *testing.T) {
	run(t, func(t *testing.T, s *service) {
		w := s.work()
		w.Harmless = true
		known := 0
		w.Known = func(context.Context) (string, error) {
			known++
			return "forgotten", nil
		}
		w.Look = func(_ context.Context, id string) (*string, job.Status, error) {
			if known > 1 {
				return nil, "", errCut
			}
			if id == "forgotten" {
				return nil, "", apiError(http.StatusNotFound)
			}
			return &id, job.Done, nil
		}
		if v, err := w.Run(t.Context()); err != nil || *v != "id1" || known != 1 {
			t.Errorf("%v, %v after %d lists", v, err, known)
		}
	})
}

// Two that want the same at the same moment ask once.
func TestTwoAtOnceAskOnce(t *testing.T) {
	run(t, func(t *testing.T, s *service) {
		ids := make(chan string, 2)
		for range 2 {
			go func() {
				w := s.work()
				create := w.Create
				w.Create = func(ctx context.Context, d string) (string, error) {
					time.Sleep(time.Minute) // for the rate limit
					return create(ctx, d)
				}
				if err := w.Begin(t.Context()); err != nil {
					t.Error(err)
				}
				ids <- w.ID
			}()
		}
		if a, b := <-ids, <-ids; a != b || len(s.jobs) != 1 {
			t.Errorf("got %s and %s, made %v", a, b, s.jobs)
		}
	})
}

// A journal that fails stops the run before Amazon is asked: else it would be asked again.
func TestBrokenJournal(t *testing.T) {
	run(t, func(t *testing.T, s *service) {
		f, err := journal.Open(t.Context(), filepath.Join(t.TempDir(), "journal"))
		if err != nil {
			t.Fatal(err)
		}
		f.Close()
		s.journal = f
		if _, err := s.work().Run(t.Context()); err == nil || len(s.jobs) > 0 {
			t.Errorf("got %v, made %v", err, s.jobs)
		}
	})
}

// full is a journal on a disk that becomes full when the answer is to be noted.
type full struct{ *journal.Memory }

func (f full) Put(ctx context.Context, key journal.Key, e journal.Entry) error {
	if e.ID != "" {
		return errors.New("no space left on device")
	}
	return f.Memory.Put(ctx, key, e)
}

// Who can't note the id says it.
func TestAnswerThatCannotBeNoted(t *testing.T) {
	run(t, func(t *testing.T, s *service) {
		w := s.work()
		w.Config.Journal = full{journal.NewMemory()}
		if err := w.Begin(t.Context()); err == nil || !strings.Contains(err.Error(), "feed id1 is at Amazon, but could not be noted: no space left") {
			t.Error(err)
		}
	})
}

// What must be asked for once is not asked for again because no list shows it; with WithSendAgain it is.
func TestOnce(t *testing.T) {
	for _, made := range []bool{false, true} {
		run(t, func(t *testing.T, s *service) {
			s.createErr, s.made, s.lag = errCut, made, 90*time.Second
			w := s.work()
			w.Once = true
			err := w.Begin(t.Context())
			if e, ok := errors.AsType[*job.OutcomeUnknownError](err); !ok || s.creates != 1 || len(e.Found) > 0 || len(s.finds) != 4 {
				t.Fatalf("%v, asked %d times, looked %d times", err, s.creates, len(s.finds))
			}
			w = s.work()
			w.Once, w.Config.SendAgain = true, true
			if err := w.Begin(t.Context()); err != nil || s.creates != 2 {
				t.Errorf("sent again: %v, asked %d times", err, s.creates)
			}
		})
	}
}

func TestWaitLooksLessAndLessOften(t *testing.T) {
	run(t, func(t *testing.T, s *service) {
		start, looks := time.Now(), 0
		w := s.work()
		w.ID = "1"
		w.Look = func(context.Context, string) (*string, job.Status, error) {
			looks++
			if time.Since(start) >= 10*time.Minute {
				return nil, job.Done, nil
			}
			return nil, job.InProgress, nil
		}
		if _, err := w.Wait(t.Context()); err != nil || looks < 25 || looks > 40 {
			t.Errorf("%d looks in ten minutes, %v", looks, err)
		}
		if late := time.Since(start) - 10*time.Minute; late > 30*time.Second {
			t.Errorf("noticed %s late", late)
		}
	})
}

func TestWaitEnds(t *testing.T) {
	run(t, func(t *testing.T, s *service) {
		boom := errors.New("boom")
		ctx, cancel := context.WithTimeoutCause(t.Context(), time.Minute, boom)
		defer cancel()
		s.status = job.InQueue
		w := s.work()
		w.ID = "1"
		if last, err := w.Wait(ctx); !errors.Is(err, boom) || last == nil || *last != "1" {
			t.Errorf("got %v, %v", last, err)
		}
		for _, look := range []func(context.Context) (*string, error){s.work().Wait, s.work().LookOnce} {
			_, err := look(t.Context())
			if e, ok := errors.AsType[*job.UnknownIDError](err); !ok || e.ID != "" {
				t.Errorf("without an id: %v", err)
			}
		}
	})
}

// A state that nobody knows is no reason to wait for ever, and none to give up at once: it may be a new one on the way to the end.
func TestWaitEndsInUnknownStates(t *testing.T) {
	run(t, func(t *testing.T, s *service) {
		for _, status := range []job.Status{"AWAITING_REPLY", "", "Done"} {
			start := time.Now()
			s.status = status
			w := s.work()
			w.ID = "1"
			last, err := w.Wait(t.Context())
			e, ok := errors.AsType[*job.StatusError](err)
			if !ok || e.Kind != job.Feed || e.ID != "1" || e.Status != status || last == nil {
				t.Errorf("%q: %v, %v", status, last, err)
			}
			if took := time.Since(start); took < strangeFor || took > strangeFor+time.Minute {
				t.Errorf("%q: given up after %s", status, took)
			}
		}
		start := time.Now()
		w := s.work()
		w.ID = "1"
		w.Look = func(context.Context, string) (*string, job.Status, error) {
			switch since := time.Since(start); {
			case since > time.Hour:
				return nil, job.Done, nil
			case int(since.Minutes())%10 < 8:
				return nil, "AWAITING_REPLY", nil
			}
			return nil, job.InProgress, nil
		}
		if _, err := w.Wait(t.Context()); err != nil {
			t.Errorf("a state that passes: %v", err)
		}
	})
}

// The key tells applications, sellers, endpoints and the sandbox apart, and holds no secret.
func TestKey(t *testing.T) {
	const secret = "Atzr|cAnArY"
	client := func(change func(*spapi.Credentials, *spapi.Authorization)) *spapi.Client {
		c := spapi.Credentials{ClientID: "amzn1.application-oa2-client.1", ClientSecret: spapi.NewSecret("amzn1.oa2-cs.v1." + secret)}
		a := spapi.Authorization{RefreshToken: spapi.NewSecret(secret), Region: marketplace.NorthAmerica}
		change(&c, &a)
		return spapi.NewApp(c).Client(a)
	}
	keys := map[journal.Key]string{}
	for name, change := range map[string]func(*spapi.Credentials, *spapi.Authorization){
		"":            func(*spapi.Credentials, *spapi.Authorization) {},
		"application": func(c *spapi.Credentials, _ *spapi.Authorization) { c.ClientID += "2" },
		"refresh token": func(_ *spapi.Credentials, a *spapi.Authorization) {
			a.RefreshToken = spapi.NewSecret(a.RefreshToken.Reveal() + "2")
		},
		"seller":  func(_ *spapi.Credentials, a *spapi.Authorization) { a.SellerID = "A1B2C3D4E5F6" },
		"region":  func(_ *spapi.Credentials, a *spapi.Authorization) { a.Region = marketplace.Europe },
		"sandbox": func(_ *spapi.Credentials, a *spapi.Authorization) { a.Sandbox = true },
	} {
		k := Key(client(change), job.Report, "T", "x", map[string]string{"a": "1", "b": "2"})
		if other, taken := keys[k]; taken {
			t.Errorf("%q and %q have the same key", name, other)
		}
		keys[k] = name
		if strings.Contains(fmt.Sprint(k), "cAnArY") {
			t.Errorf("a secret is in %v", k)
		}
	}
	same := func(*spapi.Credentials, *spapi.Authorization) {}
	base := Key(client(same), job.Report, "T", "x", map[string]string{"b": "2", "a": "1"})
	if _, ok := keys[base]; !ok {
		t.Error("the order of a map makes another key")
	}
	for name, k := range map[string]journal.Key{
		"request": Key(client(same), job.Report, "T", "y"), "type": Key(client(same), job.Report, "U", "x"), "kind": Key(client(same), job.Feed, "T", "x"),
	} {
		if _, ok := keys[k]; ok {
			t.Errorf("another %s has the same key", name)
		}
	}
}

// A job that this run has asked for may be too new to be known: it is not asked for again, and stays in the journal.
func TestFreshJobIsNotAskedForAgain(t *testing.T) {
	run(t, func(t *testing.T, s *service) {
		s.lookErr = apiError(http.StatusNotFound)
		w := s.work()
		w.Harmless = true
		_, err := w.Run(t.Context())
		if e, unknown := errors.AsType[*job.UnknownIDError](err); !unknown || e.ID != "id1" || len(s.jobs) != 1 {
			t.Errorf("got %v, made %v", err, s.jobs)
		}
		if e, _ := s.entry(); e.ID != "id1" {
			t.Errorf("left %+v", e)
		}
	})
}
