package runner

import (
	"context"
	"errors"
	"fmt"
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
	made      bool  // whether a create that fails makes the job
	status    job.Status
	outcome   error
	lookErr   error

	jobs    []string // ids of the jobs that were made
	uploads int
	finds   int
	seen    []job.Progress
}

var key = journal.Key{Kind: "feed", Type: "T", Request: "r"}

func (s *service) work() *Work[string] {
	return &Work[string]{
		Config: &job.Config{Journal: s.journal, Progress: func(p job.Progress) { s.seen = append(s.seen, p) }},
		Kind:   job.Feed, Type: "T", Key: key, Part: 1, Parts: 1,
		Create: func(context.Context, string) (string, error) {
			err := s.createErr
			s.createErr = nil
			if err == nil || s.made {
				s.jobs = append(s.jobs, fmt.Sprint("id", len(s.jobs)+1))
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
	}
}

// findable lets a job be found again whose id never came.
func (s *service) findable(w *Work[string]) *Work[string] {
	w.Find = func(context.Context, time.Time) (string, error) {
		s.finds++
		if len(s.jobs) == 0 {
			return "", nil
		}
		return s.jobs[len(s.jobs)-1], nil
	}
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
		create := w.Create
		w.Create = func(ctx context.Context, d string) (string, error) {
			if e, ok := s.entry(); !ok || e.Began.IsZero() || e.ID != "" {
				t.Errorf("noted before it is asked for: %+v, %v", e, ok)
			}
			return create(ctx, d)
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
		create := w.Create
		w.Create = func(ctx context.Context, d string) (string, error) {
			cancel()
			return create(ctx, d)
		}
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
	} {
		run(t, func(t *testing.T, s *service) {
			s.createErr = err
			if got := s.findable(s.work()).Begin(t.Context()); !errors.Is(got, err) {
				t.Errorf("%s: got %v", name, got)
			}
			if e, ok := s.entry(); ok || s.finds > 0 {
				t.Errorf("%s: left %+v, looked %d times", name, e, s.finds)
			}
		})
	}
}

// Of a feed the document stays good when Amazon refuses for another reason than the request itself.
func TestUploadIsKept(t *testing.T) {
	for _, c := range []struct {
		err     error
		wait    time.Duration
		uploads int
	}{
		{apiError(http.StatusBadRequest), 0, 2},
		{apiError(http.StatusForbidden), 0, 1},
		{errCut, 0, 1},
		{errCut, 23 * time.Hour, 1},
		{errCut, 25 * time.Hour, 2},
	} {
		run(t, func(t *testing.T, s *service) {
			s.createErr = c.err
			if err := s.uploading(s.work()).Begin(t.Context()); !errors.Is(err, c.err) {
				t.Errorf("got %v", err)
			}
			time.Sleep(c.wait)
			w := s.uploading(s.work())
			var sent string
			create := w.Create
			w.Create = func(ctx context.Context, d string) (string, error) {
				sent = d
				return create(ctx, d)
			}
			if err := w.Begin(t.Context()); err != nil || s.uploads != c.uploads || sent != fmt.Sprint("document", c.uploads) {
				t.Errorf("%v, then after %s: %v, %d uploads, sent %s", c.err, c.wait, err, s.uploads, sent)
			}
			if e, _ := s.entry(); e.Document != sent || e.ID == "" {
				t.Errorf("noted %+v", e)
			}
		})
	}
}

// A call whose answer was lost is not repeated where the job can be found.
func TestLostAnswer(t *testing.T) {
	for _, c := range []struct {
		name           string
		journal, reuse bool
		status         int
		finds          int
		ok             bool
	}{
		{"with a journal", true, false, 0, 1, true},
		{"a 500 with a journal", true, false, http.StatusInternalServerError, 1, true},
		{"without", false, false, 0, 0, false},
		{"without, but it may be taken up", false, true, 0, 1, true},
	} {
		run(t, func(t *testing.T, s *service) {
			if !c.journal {
				s.journal = nil
			}
			s.createErr, s.made = errCut, true
			if c.status > 0 {
				s.createErr = apiError(c.status)
			}
			w := s.findable(s.work())
			w.FindAlways = c.reuse
			err := w.Begin(t.Context())
			if (err == nil) != c.ok || s.finds != c.finds || len(s.jobs) != 1 {
				t.Errorf("%s: %v, looked %d times, %d jobs", c.name, err, s.finds, len(s.jobs))
			}
		})
	}
	// The same in the next run, where this one was killed.
	run(t, func(t *testing.T, s *service) {
		s.jobs = []string{"id1"}
		if err := s.journal.Put(t.Context(), key, journal.Entry{Began: time.Now()}); err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Hour)
		w := s.findable(s.work())
		var since time.Time
		find := w.Find
		w.Find = func(ctx context.Context, at time.Time) (string, error) {
			since = at
			return find(ctx, at)
		}
		began := time.Now().Add(-time.Hour - ClockSkew)
		if err := w.Begin(t.Context()); err != nil || w.ID != "id1" || len(s.jobs) != 1 || !since.Equal(began) {
			t.Errorf("%v, %s of %v, looked since %s, want %s", err, w.ID, s.jobs, since, began)
		}
		if e, _ := s.entry(); e.ID != "id1" {
			t.Errorf("noted %+v", e)
		}
	})
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
			w.AskAgain = again
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
		w.AskAgain = true
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
		w.AskAgain = true
		_, err := w.Run(t.Context())
		if e, unknown := errors.AsType[*job.UnknownIDError](err); !unknown || e.ID != "id1" || len(s.jobs) != 1 {
			t.Errorf("got %v, made %v", err, s.jobs)
		}
		if e, _ := s.entry(); e.ID != "id1" {
			t.Errorf("left %+v", e)
		}
	})
}
