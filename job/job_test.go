package job_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"

	"github.com/openspapi/spapi"
	"github.com/openspapi/spapi/api/datakiosk20231115"
	"github.com/openspapi/spapi/api/feeds20210630"
	"github.com/openspapi/spapi/api/reports20210630"
	"github.com/openspapi/spapi/datakiosk"
	"github.com/openspapi/spapi/document"
	"github.com/openspapi/spapi/emulator"
	"github.com/openspapi/spapi/feeds"
	"github.com/openspapi/spapi/job"
	"github.com/openspapi/spapi/journal"
	"github.com/openspapi/spapi/reports"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// wire is the way to the emulator. Each operation may be tampered with; it counts those that were sent.
type wire struct {
	emu    *emulator.Emulator
	mu     sync.Mutex
	sent   map[string]int
	tamper func(operation string, req *http.Request) (*http.Response, error) // nil, nil: goes on
}

// operation names what matters here.
func operation(req *http.Request) string {
	path := req.URL.Path
	switch last := path[strings.LastIndexByte(path, '/')+1:]; {
	case req.Method == http.MethodPost && slices.Contains([]string{"reports", "feeds", "queries"}, last):
		return "create"
	case strings.Contains(path, ".amzn1."): // at S3
		return "document"
	}
	return req.Method + " " + path
}

func (w *wire) RoundTrip(req *http.Request) (*http.Response, error) {
	name := operation(req)
	w.mu.Lock()
	w.sent[name]++
	tamper := w.tamper
	w.mu.Unlock()
	if tamper != nil {
		if resp, err := tamper(name, req); resp != nil || err != nil {
			if req.Body != nil {
				_ = req.Body.Close()
			}
			return resp, err
		}
	}
	return w.emu.RoundTrip(req)
}

func (w *wire) creates() int {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.sent["create"]
}

func (w *wire) set(tamper func(string, *http.Request) (*http.Response, error)) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.tamper = tamper
}

func answer(status int, body string) *http.Response {
	return &http.Response{
		StatusCode: status, Header: http.Header{"Content-Type": {"application/json"}},
		Body: io.NopCloser(strings.NewReader(body)), ContentLength: int64(len(body)),
	}
}

// kind is what the three packages have in common, seen from outside.
type kind struct {
	kind   job.Kind
	run    func(context.Context, *spapi.Client, ...job.Option) error // one that goes well
	fail   func(context.Context, *spapi.Client, ...job.Option) error // one that ends FATAL
	wrong  func(context.Context, *spapi.Client, ...job.Option) error // one that can't work
	create func(context.Context, *spapi.Client, ...job.Option) (string, error)
	cancel func(context.Context, *spapi.Client, string) error
	get    func(context.Context, *spapi.Client, string, ...job.Option) error
	wait   func(context.Context, *spapi.Client, string, ...job.Option) error
	empty  func(context.Context, *spapi.Client, ...job.Option) error              // opens what has no document
	list   func(context.Context, *spapi.Client, job.Status) ([]job.Status, error) // the statuses of those that are listed
}

const listings = "GET_MERCHANT_LISTINGS_ALL_DATA"

func query(daysAgo int) string {
	day := func(ago int) string { return time.Now().AddDate(0, 0, -ago).Format(time.DateOnly) }
	return fmt.Sprintf(`{analytics_salesAndTraffic_2024_04_24{
		salesAndTrafficByDate(aggregateBy:DAY,startDate:%q,endDate:%q,marketplaceIds:["ATVPDKIKX0DER"]){startDate}}}`, day(daysAgo), day(3))
}

func kinds() []kind {
	us := []string{"US"}
	submission := func(content string) feeds.Submission {
		return feeds.Submission{Type: "POST_FLAT_FILE_FULFILLMENT_DATA", Marketplaces: us, Content: feeds.BytesContent([]byte(content))}
	}
	const header = "order-id\tship-date\tcarrier-code\ttracking-number\n"
	runQuery := func(days int) func(context.Context, *spapi.Client, ...job.Option) error {
		return func(ctx context.Context, c *spapi.Client, opts ...job.Option) error {
			for _, err := range datakiosk.Run(ctx, c, query(days), opts...) {
				if err != nil {
					return err
				}
			}
			return nil
		}
	}
	report := func(r reports.Request) func(context.Context, *spapi.Client, ...job.Option) error {
		return func(ctx context.Context, c *spapi.Client, opts ...job.Option) error {
			doc, err := reports.Run(ctx, c, r, opts...)
			if err == nil {
				_, err = io.Copy(io.Discard, doc)
				doc.Close()
			}
			return err
		}
	}
	return []kind{
		{
			kind: job.Report, run: report(reports.Request{Type: listings, Marketplaces: us}),
			fail: report(reports.Request{
				Type: "GET_SALES_AND_TRAFFIC_REPORT", Marketplaces: []string{"US", "CA"}, // it takes one
				Start: time.Now().AddDate(0, 0, -9), End: time.Now().AddDate(0, 0, -3), Options: map[string]string{"dateGranularity": "DAY"},
			}),
			wrong: report(reports.Request{Type: listings}),
			create: func(ctx context.Context, c *spapi.Client, opts ...job.Option) (string, error) {
				return reports.Create(ctx, c, reports.Request{Type: listings, Marketplaces: us}, opts...)
			},
			cancel: func(ctx context.Context, c *spapi.Client, id string) error {
				return reports20210630.New(c).CancelReport(ctx, &reports20210630.CancelReportInput{ReportID: id})
			},
			get: func(ctx context.Context, c *spapi.Client, id string, opts ...job.Option) error {
				_, err := reports.Get(ctx, c, id, opts...)
				return err
			},
			wait: func(ctx context.Context, c *spapi.Client, id string, opts ...job.Option) error {
				_, err := reports.Wait(ctx, c, id, opts...)
				return err
			},
			empty: func(ctx context.Context, c *spapi.Client, opts ...job.Option) error {
				_, err := reports.Open(ctx, c, &reports.Report{ReportID: "1"}, opts...)
				return err
			},
			list: func(ctx context.Context, c *spapi.Client, s job.Status) (found []job.Status, err error) {
				for r, err := range reports.List(ctx, c, reports.ListRequest{Types: []string{listings}, Statuses: []job.Status{s}}) {
					if err != nil {
						return nil, err
					}
					found = append(found, job.Status(r.ProcessingStatus))
				}
				return found, nil
			},
		},
		{
			kind: job.Feed,
			run: func(ctx context.Context, c *spapi.Client, opts ...job.Option) error {
				_, err := feeds.Submit(ctx, c, submission(header+"1\t2026-01-05\tUPS\t1Z\n"), opts...)
				return err
			},
			fail: func(ctx context.Context, c *spapi.Client, opts ...job.Option) error {
				s := submission(`{"header":{"sellerId":"X","version":"2.0"},"messages":[]}`)
				s.Type = feeds.ListingsFeed
				result, err := feeds.Submit(ctx, c, s, opts...)
				if errors.Is(err, job.ErrFatal) && (result == nil || len(result.Issues) == 0) {
					return errors.New("the result of the processing report is missing")
				}
				return err
			},
			wrong: func(ctx context.Context, c *spapi.Client, opts ...job.Option) error {
				_, err := feeds.Submit(ctx, c, submission(""), opts...)
				return err
			},
			create: func(ctx context.Context, c *spapi.Client, opts ...job.Option) (string, error) {
				return feeds.Create(ctx, c, submission(header+"2\t2026-01-05\tUPS\t1Z\n"), opts...)
			},
			cancel: func(ctx context.Context, c *spapi.Client, id string) error {
				return feeds20210630.New(c).CancelFeed(ctx, &feeds20210630.CancelFeedInput{FeedID: id})
			},
			get: func(ctx context.Context, c *spapi.Client, id string, opts ...job.Option) error {
				_, err := feeds.Get(ctx, c, id, opts...)
				return err
			},
			wait: func(ctx context.Context, c *spapi.Client, id string, opts ...job.Option) error {
				_, err := feeds.Wait(ctx, c, id, opts...)
				return err
			},
			empty: func(ctx context.Context, c *spapi.Client, opts ...job.Option) error {
				_, err := feeds.Open(ctx, c, &feeds.Feed{FeedID: "1"}, opts...)
				return err
			},
			list: func(ctx context.Context, c *spapi.Client, s job.Status) (found []job.Status, err error) {
				for f, err := range feeds.List(ctx, c, feeds.ListRequest{Types: []string{"POST_FLAT_FILE_FULFILLMENT_DATA"}, Statuses: []job.Status{s}}) {
					if err != nil {
						return nil, err
					}
					found = append(found, job.Status(f.ProcessingStatus))
				}
				return found, nil
			},
		},
		{
			kind: job.Query, run: runQuery(10), fail: runQuery(3 * 365),
			wrong: func(ctx context.Context, c *spapi.Client, opts ...job.Option) error {
				for _, err := range datakiosk.Run(ctx, c, "{a", opts...) {
					return err
				}
				return nil
			},
			create: func(ctx context.Context, c *spapi.Client, opts ...job.Option) (string, error) {
				return datakiosk.Create(ctx, c, query(20), "", opts...)
			},
			cancel: func(ctx context.Context, c *spapi.Client, id string) error {
				return datakiosk20231115.New(c).CancelQuery(ctx, &datakiosk20231115.CancelQueryInput{QueryID: id})
			},
			get: func(ctx context.Context, c *spapi.Client, id string, opts ...job.Option) error {
				_, err := datakiosk.Get(ctx, c, id, opts...)
				return err
			},
			wait: func(ctx context.Context, c *spapi.Client, id string, opts ...job.Option) error {
				_, err := datakiosk.Wait(ctx, c, id, opts...)
				return err
			},
			empty: func(ctx context.Context, c *spapi.Client, opts ...job.Option) error {
				_, err := datakiosk.Open(ctx, c, &datakiosk.Query{QueryID: "1"}, opts...)
				return err
			},
			list: func(ctx context.Context, c *spapi.Client, s job.Status) (found []job.Status, err error) {
				for q, err := range datakiosk.List(ctx, c, datakiosk.ListRequest{Statuses: []job.Status{s}}) {
					if err != nil {
						return nil, err
					}
					found = append(found, job.Status(q.ProcessingStatus))
				}
				return found, nil
			},
		},
	}
}

// each runs a test for all three.
func each(t *testing.T, test func(*testing.T, kind, *wire, *spapi.Client)) {
	t.Helper()
	for i, name := range []string{"reports", "feeds", "datakiosk"} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				emu, err := emulator.New(emulator.WithSeed(1))
				if err != nil {
					t.Fatal(err)
				}
				w := &wire{emu: emu, sent: map[string]int{}}
				test(t, kinds()[i], w, newClient(emu, w))
			})
		})
	}
}

func newClient(emu *emulator.Emulator, rt http.RoundTripper) *spapi.Client {
	c := emu.Credentials()
	return spapi.NewApp(spapi.Credentials{ClientID: c.ClientID, ClientSecret: spapi.NewSecret(c.ClientSecret)}, spapi.WithTransport(rt)).
		Client(spapi.Authorization{RefreshToken: spapi.NewSecret(c.RefreshToken), Region: c.Region})
}

func TestErrorsAreTheSame(t *testing.T) {
	each(t, func(t *testing.T, k kind, w *wire, client *spapi.Client) {
		ctx := t.Context()
		err := k.wrong(ctx, client)
		if e, ok := errors.AsType[*job.RequestError](err); !ok || e.Kind != k.kind || e.Reason == "" || w.creates() > 0 {
			t.Errorf("a wrong request: %v", err)
		}
		err = k.fail(ctx, client)
		if e, ok := errors.AsType[*job.EndedError](err); !ok || !errors.Is(err, job.ErrFatal) || errors.Is(err, job.ErrCancelled) ||
			e.Kind != k.kind || e.ID == "" || e.Status != job.Fatal || e.Reason == "" || len(e.Document) == 0 {
			t.Errorf("FATAL: %v", err)
		}
		id, err := k.create(ctx, client)
		if err != nil {
			t.Fatal(err)
		}
		if err := k.cancel(ctx, client, id); err != nil {
			t.Fatal(err)
		}
		err = k.wait(ctx, client, id)
		if e, ok := errors.AsType[*job.EndedError](err); !ok || !errors.Is(err, job.ErrCancelled) || errors.Is(err, job.ErrFatal) || e.ID != id || e.Reason == "" {
			t.Errorf("CANCELLED: %v", err)
		}
		for _, ask := range []func(context.Context, *spapi.Client, string, ...job.Option) error{k.get, k.wait} {
			err = ask(ctx, client, "99999999999")
			if e, ok := errors.AsType[*job.UnknownIDError](err); !ok || e.Kind != k.kind || e.ID != "99999999999" || !spapi.IsNotFound(err) {
				t.Errorf("an unknown id: %v", err)
			}
			sent := len(w.sent)
			err = ask(ctx, client, "")
			if e, ok := errors.AsType[*job.UnknownIDError](err); !ok || e.Kind != k.kind || e.ID != "" || len(w.sent) != sent {
				t.Errorf("an empty id: %v", err)
			}
		}
		err = k.empty(ctx, client)
		if e, ok := errors.AsType[*job.DocumentError](err); !ok || !errors.Is(err, job.ErrNoDocument) || e.Kind != k.kind || e.ID != "1" {
			t.Errorf("no document: %v", err)
		}
		// The document store refuses; what a feed uploads still goes.
		err = k.run(ctx, client, job.WithTransport(transport(func(req *http.Request) (*http.Response, error) {
			if req.Method == http.MethodPut {
				return w.RoundTrip(req)
			}
			return answer(http.StatusNotFound, "<Error><Code>NoSuchKey</Code></Error>"), nil
		})))
		e, ok := errors.AsType[*job.DocumentError](err)
		fetch, is := errors.AsType[*document.FetchError](err)
		if !ok || e.Kind != k.kind || e.ID == "" || !is || fetch.Code != "NoSuchKey" {
			t.Errorf("a document that can't be fetched: %v", err)
		}
	})
}

type transport func(*http.Request) (*http.Response, error)

func (f transport) RoundTrip(req *http.Request) (*http.Response, error) { return f(req) }

// What went well is taken up again; what failed for good, and what Amazon refused, leaves nothing that would be taken up.
func TestJournalKeepsWhatCanBeTakenUp(t *testing.T) {
	each(t, func(t *testing.T, k kind, w *wire, client *spapi.Client) {
		ctx, j := t.Context(), journal.NewMemory()
		for range 2 {
			if err := k.run(ctx, client, job.WithJournal(j)); err != nil {
				t.Fatal(err)
			}
		}
		if n := w.creates(); n != 1 {
			t.Errorf("asked %d times, want once", n)
		}
		for range 2 {
			if err := k.fail(ctx, client, job.WithJournal(j)); !errors.Is(err, job.ErrFatal) {
				t.Fatal(err)
			}
			time.Sleep(time.Hour)
		}
		if n := w.creates(); n != 3 {
			t.Errorf("one that ended FATAL: asked %d times, want anew each time", n-1)
		}
		// refused
		j = journal.NewMemory()
		w.set(func(name string, _ *http.Request) (*http.Response, error) {
			if name != "create" {
				return nil, nil
			}
			return answer(http.StatusBadRequest, `{"errors":[{"code":"InvalidInput","message":"no"}]}`), nil
		})
		if err := k.run(ctx, client, job.WithJournal(j)); err == nil {
			t.Fatal("was not refused")
		}
		w.set(func(_ string, req *http.Request) (*http.Response, error) {
			if req.Method == http.MethodGet && req.URL.RawQuery != "" && strings.Contains(req.URL.RawQuery, "createdSince") {
				t.Errorf("looks for a job that was refused: %s", req.URL.Path)
			}
			return nil, nil
		})
		if err := k.run(ctx, client, job.WithJournal(j)); err != nil {
			t.Error(err)
		}
	})
}

// An answer without an id is an error, which doesn't claim that nothing was made, and is never taken for an id.
func TestAnswersWithoutAnID(t *testing.T) {
	for body, why := range map[string]string{
		`{"reportId":"","feedId":"","queryId":""}`:                        "the body holds none of what the operation declares",
		`{"reportId":{"a":1},"feedId":{"a":1},"queryId":{"a":1},"b":"c"}`: "the answer holds no id",
	} {
		each(t, func(t *testing.T, k kind, w *wire, client *spapi.Client) {
			w.set(func(name string, req *http.Request) (*http.Response, error) {
				if name != "create" {
					return nil, nil
				}
				resp, err := w.emu.RoundTrip(req)
				if err == nil {
					resp.Body.Close()
					resp = answer(resp.StatusCode, body)
				}
				return resp, err
			})
			id, err := k.create(t.Context(), client)
			if err == nil || id != "" || !strings.Contains(err.Error(), why) || w.creates() != 1 {
				t.Errorf("%s: got %q, %v; asked %d times", body, id, err, w.creates())
			}
		})
	}
}

// One journal for all three, and for several sellers: each finds its own.
func TestJournalTellsSellersApart(t *testing.T) {
	each(t, func(t *testing.T, k kind, w *wire, client *spapi.Client) {
		j := journal.NewMemory()
		c := w.emu.Credentials()
		other := client.App().Client(spapi.Authorization{RefreshToken: spapi.NewSecret(c.RefreshToken), Region: c.Region, SellerID: "A0THER5ELLER00"})
		for n, client := range []*spapi.Client{client, other, client, other} {
			if err := k.run(t.Context(), client, job.WithJournal(j)); err != nil {
				t.Fatal(err)
			}
			if got := w.creates(); got != min(n+1, 2) {
				t.Errorf("after run %d: asked %d times", n+1, got)
			}
		}
	})
}

// noted is a journal that tells its keys.
type noted struct {
	journal.Journal
	keys map[journal.Key]bool
}

func (n noted) Put(ctx context.Context, key journal.Key, e journal.Entry) error {
	n.keys[key] = true
	return n.Journal.Put(ctx, key, e)
}

// A report or query that Amazon has forgotten is asked for anew. A feed is not sent again: it was carried out once.
func TestForgottenJobs(t *testing.T) {
	each(t, func(t *testing.T, k kind, w *wire, client *spapi.Client) {
		j := noted{journal.NewMemory(), map[journal.Key]bool{}}
		if err := k.run(t.Context(), client, job.WithJournal(j)); err != nil {
			t.Fatal(err)
		}
		if len(j.keys) != 1 {
			t.Fatalf("noted under %v", j.keys)
		}
		for key := range j.keys {
			if key.Kind != string(k.kind) || key.Application == "" || key.Seller == "" || key.Endpoint != client.Endpoint() || key.Sandbox {
				t.Errorf("noted under %+v", key)
			}
			if err := j.Put(t.Context(), key, journal.Entry{ID: "99999999999"}); err != nil {
				t.Fatal(err)
			}
		}
		err := k.run(t.Context(), client, job.WithJournal(j))
		_, unknown := errors.AsType[*job.UnknownIDError](err)
		if again := w.creates() == 2; k.kind == job.Feed && (again || !unknown) || k.kind != job.Feed && (!again || err != nil) {
			t.Errorf("asked again is %v, %v", again, err)
		}
	})
}

func TestListKeepsToStatuses(t *testing.T) {
	each(t, func(t *testing.T, k kind, _ *wire, client *spapi.Client) {
		ctx := t.Context()
		id, err := k.create(ctx, client)
		if err != nil {
			t.Fatal(err)
		}
		if err := k.cancel(ctx, client, id); err != nil {
			t.Fatal(err)
		}
		if err := k.run(ctx, client); err != nil {
			t.Fatal(err)
		}
		for _, s := range []job.Status{job.Done, job.Cancelled} {
			found, err := k.list(ctx, client, s)
			if err != nil || len(found) == 0 || slices.ContainsFunc(found, func(f job.Status) bool { return f != s }) {
				t.Errorf("%s: listed %v, %v", s, found, err)
			}
		}
	})
}

func TestOptionsAreTheSame(t *testing.T) {
	each(t, func(t *testing.T, k kind, w *wire, client *spapi.Client) {
		var mu sync.Mutex
		var seen []job.Progress
		var response spapi.Response
		looks := 0
		w.set(func(_ string, req *http.Request) (*http.Response, error) {
			if strings.HasPrefix(operation(req), "GET ") && !strings.Contains(req.URL.Path, "/documents/") {
				mu.Lock()
				looks++
				mu.Unlock()
			}
			return nil, nil
		})
		err := k.run(t.Context(), client, job.WithPoll(time.Minute, time.Minute), job.WithProgress(func(p job.Progress) {
			mu.Lock()
			seen = append(seen, p)
			mu.Unlock()
		}), job.WithCallOptions(spapi.WithResponse(&response)))
		if err != nil {
			t.Fatal(err)
		}
		last := seen[len(seen)-1]
		if last.Kind != k.kind || last.Stage != job.Ready || last.Status != job.Done || last.ID == "" || last.Part != 1 || last.Elapsed < time.Minute {
			t.Errorf("the last that was told: %+v", last)
		}
		if response.StatusCode != http.StatusOK {
			t.Errorf("the options of calls are not passed on: %+v", response)
		}
		if looks < 2 || looks > 1+int(last.Elapsed/time.Minute) {
			t.Errorf("%d looks in %s", looks, last.Elapsed)
		}
	})
}

// Options that are given twice add up where they can, and replace each other where they can't.
func TestCallOptionsAddUp(t *testing.T) {
	c := job.NewConfig(nil, job.WithTransport(http.DefaultTransport), job.WithPoll(1, 2), job.WithPoll(3, 4),
		job.WithCallOptions(spapi.WithoutRetry()), job.WithCallOptions(spapi.WithPriority(1), spapi.WithFailFast(0)))
	if len(c.Calls) != 3 || c.Shortest != 3 || c.Longest != 4 {
		t.Errorf("%d options of calls, polled every %s to %s", len(c.Calls), c.Shortest, c.Longest)
	}
}

func TestPause(t *testing.T) {
	for _, c := range []struct {
		config        job.Config
		elapsed, want time.Duration
	}{
		{job.Config{}, 0, time.Second}, {job.Config{}, 8 * time.Second, 2 * time.Second}, {job.Config{}, time.Hour, 30 * time.Second},
		{job.Config{Shortest: time.Minute}, 0, time.Minute}, {job.Config{Longest: 5 * time.Second}, time.Hour, 5 * time.Second},
		{job.Config{Shortest: -1, Longest: -1}, time.Hour, 30 * time.Second},
	} {
		if got := c.config.Pause(c.elapsed); got != c.want {
			t.Errorf("%+v after %s: %s, want %s", c.config, c.elapsed, got, c.want)
		}
	}
}

// One place for what goes wrong with reports, feeds and queries.
func ExampleEndedError() {
	emu, err := emulator.New(emulator.WithSeed(1), emulator.WithSpeed(200)) // yours is Amazon
	if err != nil {
		log.Fatal(err)
	}
	ctx, client := context.Background(), newClient(emu, emu)

	_, err = reports.Run(ctx, client, reports.Request{
		Type:         "GET_FLAT_FILE_ALL_ORDERS_DATA_BY_ORDER_DATE_GENERAL",
		Marketplaces: []string{"US"},
		Start:        time.Now().AddDate(-2, 0, 0),
		End:          time.Now().AddDate(-2, 0, 7),
	}, job.WithPoll(5*time.Millisecond, 0))

	var ended *job.EndedError
	var unreadable *job.DocumentError
	switch {
	case errors.As(err, &ended):
		fmt.Println(ended.Kind, "ended", ended.Status+":", ended.Reason)
	case errors.As(err, &unreadable):
		fmt.Println("fetch it again:", unreadable.ID)
	case err != nil:
		log.Fatal(err)
	}
	// Output: report ended CANCELLED: there is no data for it
}

// A run after one that was killed takes up the same report.
func ExampleWithJournal() {
	emu, err := emulator.New(emulator.WithSeed(1), emulator.WithSpeed(200)) // yours is Amazon
	if err != nil {
		log.Fatal(err)
	}
	ctx, client := context.Background(), newClient(emu, emu)
	notes := journal.NewMemory() // journal.Open(ctx, path) outlasts the process

	var ids []string
	for range 2 {
		doc, err := reports.Run(ctx, client, reports.Request{Type: "GET_MERCHANT_LISTINGS_ALL_DATA", Marketplaces: []string{"US"}},
			job.WithJournal(notes), job.WithPoll(5*time.Millisecond, 0))
		if err != nil {
			log.Fatal(err)
		}
		ids = append(ids, doc.Report.ReportID)
		doc.Close()
	}
	fmt.Println(ids[0] == ids[1])
	// Output: true
}

// A nil option changes nothing.
func TestNilOption(t *testing.T) {
	if c := job.NewConfig(nil, nil, job.WithTransport(http.DefaultTransport)); c.Transport != http.DefaultTransport {
		t.Error("the option beside a nil one is lost")
	}
}
