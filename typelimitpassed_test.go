package spapi_test

import (
	"context"
	"errors"
	"maps"
	"net/http"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/openspapi/spapi"
	"github.com/openspapi/spapi/api/reports20210630"
	"github.com/openspapi/spapi/datakiosk"
	"github.com/openspapi/spapi/emulator"
	"github.com/openspapi/spapi/feeds"
	"github.com/openspapi/spapi/job"
	"github.com/openspapi/spapi/journal"
	"github.com/openspapi/spapi/reports"
)

// TestWithoutTypeLimit: such a call doesn't wait for the limit of its type, waits for all others, and counts for those who come next.
func TestWithoutTypeLimit(t *testing.T) {
	const inventory = "GET_FBA_MYI_UNSUPPRESSED_INVENTORY_DATA"
	in := &reports20210630.CreateReportInput{ReportType: inventory, MarketplaceIDs: []string{us}}
	create := func(ctx context.Context, c *spapi.Client, opts ...spapi.CallOption) error {
		_, err := reports20210630.New(c).CreateReport(ctx, in, opts...)
		return err
	}
	synctest.Test(t, func(t *testing.T) {
		a, clients := startAmazon(t, "reports", 1)
		c := clients[0]
		if err := create(t.Context(), c); err != nil {
			t.Fatal(err)
		}
		time.Sleep(10 * time.Minute)
		if err := create(t.Context(), c, spapi.WithoutTypeLimit(), spapi.WithFailFast(0)); err != nil {
			t.Errorf("passed over: %v", err)
		}
		if err := create(t.Context(), c); err != nil {
			t.Fatal(err)
		}
		if got := a.after(); !slices.Equal(got, []time.Duration{0, 10 * time.Minute, 45 * time.Minute}) {
			t.Errorf("sent after %v: the next one waits for the one that didn't", got)
		}
	})
	synctest.Test(t, func(t *testing.T) { // refused ones don't count
		a, clients := startAmazon(t, "reports", 1)
		a.answer = func(sent int, _ *http.Request) *http.Response {
			if sent == 1 {
				return answered(http.StatusBadRequest, `{"errors":[{"code":"X","message":"no"}]}`)
			}
			return nil
		}
		_ = create(t.Context(), clients[0], spapi.WithoutTypeLimit())
		if err := create(t.Context(), clients[0], spapi.WithFailFast(time.Minute)); err != nil {
			t.Errorf("after one that was refused: %v", err)
		}
	})
	synctest.Test(t, func(t *testing.T) { // a 429 to one is its type's, and holds up no other type
		a, clients := startAmazon(t, "reports", 1)
		a.answer = func(sent int, _ *http.Request) *http.Response {
			if sent == 1 {
				return answered(http.StatusTooManyRequests, `{"errors":[{"code":"QuotaExceeded","message":"no"}]}`)
			}
			return nil
		}
		_ = create(t.Context(), clients[0], spapi.WithoutTypeLimit(), spapi.WithoutRetry())
		other := func(ctx context.Context, opts ...spapi.CallOption) error {
			in := &reports20210630.CreateReportInput{ReportType: "GET_MERCHANT_LISTINGS_ALL_DATA", MarketplaceIDs: []string{us}}
			_, err := reports20210630.New(clients[0]).CreateReport(ctx, in, opts...)
			return err
		}
		if err := other(t.Context(), spapi.WithFailFast(0)); err != nil {
			t.Errorf("another type after a 429: %v", err)
		}
	})
	synctest.Test(t, func(t *testing.T) { // the operation's own plan holds: 15 at once
		_, clients := startAmazon(t, "reports", 1)
		var err error
		for range 16 {
			if err == nil {
				err = create(t.Context(), clients[0], spapi.WithoutTypeLimit(), spapi.WithFailFast(0))
			}
		}
		if e, ok := errors.AsType[*spapi.LimitError](err); !ok || e.Scope != spapi.LimitPerSeller {
			t.Errorf("the plan of createReport is passed over: %v", err)
		}
	})
}

// TestGiveBack: what nothing came of in the end doesn't count for the limit of its type, once.
func TestGiveBack(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		_, clients := startAmazon(t, "reports", 1)
		in := &reports20210630.CreateReportInput{ReportType: "GET_FBA_MYI_UNSUPPRESSED_INVENTORY_DATA", MarketplaceIDs: []string{us}}
		create := func(r *spapi.Response, opts ...spapi.CallOption) error {
			_, err := reports20210630.New(clients[0]).CreateReport(t.Context(), in, append(opts, spapi.WithResponse(r), spapi.WithFailFast(0))...)
			return err
		}
		var first, second, third spapi.Response
		if err := create(&first); err != nil {
			t.Fatal(err)
		}
		if err := create(&second); err == nil {
			t.Fatal("the second need not wait")
		}
		for _, r := range []*spapi.Response{&second, {}} { // nothing was taken
			if err := r.GiveBack(t.Context()); err != nil {
				t.Error(err)
			}
		}
		if err := create(&second); err == nil {
			t.Error("what took nothing has given something back")
		}
		time.Sleep(10 * time.Minute)
		if err := first.GiveBack(t.Context()); err != nil {
			t.Error(err)
		}
		if err := create(&second); err != nil {
			t.Errorf("after the first was given back: %v", err)
		}
		_ = first.GiveBack(t.Context())
		if err := create(&third); err == nil {
			t.Error("the first was given back twice")
		}
	})
}

// TestReportWithoutDocument: Amazon's pauses begin when a report is generated. One that ended without, for another reason than the pause, doesn't block its
// type.
func TestReportWithoutDocument(t *testing.T) {
	const inventory = "GET_FBA_MYI_UNSUPPRESSED_INVENTORY_DATA"
	for _, test := range []struct {
		name, typ, status string
		before            bool // one was made before, by another process
		blocks            bool
	}{
		{"no data", inventory, "CANCELLED", false, false},
		{"failed", inventory, "FATAL", false, false},
		{"too soon", inventory, "FATAL", true, true},
		{"a limit on requests", salesReport, "CANCELLED", false, true},
	} {
		t.Run(test.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				a, clients := startAmazon(t, "reports", 1)
				emu := a.next.(*emulator.Emulator)
				if test.before {
					c := emu.Credentials()
					other := spapi.NewApp(spapi.Credentials{ClientID: c.ClientID, ClientSecret: spapi.NewSecret(c.ClientSecret)}, spapi.WithTransport(emu)).
						Client(spapi.Authorization{RefreshToken: spapi.NewSecret(c.RefreshToken), Region: c.Region})
					doc, err := reports.Run(t.Context(), other, reports.Request{Type: inventory, Marketplaces: []string{"US"}})
					if err != nil {
						t.Fatal(err)
					}
					_ = doc.Close()
					time.Sleep(time.Minute)
				}
				a.next = roundTripper(func(req *http.Request) (*http.Response, error) {
					if req.Method == http.MethodGet && strings.Contains(req.URL.Path, "/reports/2021-06-30/reports/") {
						id := req.URL.Path[strings.LastIndex(req.URL.Path, "/")+1:]
						at := time.Now().UTC().Format(time.RFC3339)
						return answered(http.StatusOK, `{"reportId":"`+id+`","reportType":"`+test.typ+`","processingStatus":"`+test.status+`","marketplaceIds":["`+us+
							`"],"createdTime":"`+at+`","processingStartTime":"`+at+`","processingEndTime":"`+at+`"}`), nil
					}
					return emu.RoundTrip(req)
				})
				r := reports.Request{Type: test.typ, Marketplaces: []string{"US"}}
				if test.typ == salesReport {
					r.Start, r.End = time.Now().AddDate(0, 0, -9), time.Now().AddDate(0, 0, -3)
				}
				_, err := reports.Run(t.Context(), clients[0], r)
				_, ended := errors.AsType[*job.EndedError](err)
				if _, soon := errors.AsType[*reports.TooFrequentError](err); ended == test.before || soon != test.before {
					t.Fatalf("ended with %v", err)
				}
				err = ask(t.Context(), clients[0], test.typ, us)
				if took := a.sent[len(a.sent)-1].Sub(a.sent[0]); err != nil || (took > 10*time.Minute) != test.blocks {
					t.Errorf("the next was sent %s later, %v; blocked should be %v", took, err, test.blocks)
				}
			})
		})
	}
}

// TestJobsAreNotedWhenTheyAreSent: while a job waits for a limit, or to be asked for again after a 429, its journal has nothing in doubt: a process that is
// killed then has asked for nothing. When it is sent, it is noted.
func TestJobsAreNotedWhenTheyAreSent(t *testing.T) {
	window := func() (start, end time.Time) { return time.Now().AddDate(0, 0, -9), time.Now().AddDate(0, 0, -3) }
	for operation, submit := range map[string]func(context.Context, *spapi.Client, ...job.Option) error{
		"reports": func(ctx context.Context, c *spapi.Client, opts ...job.Option) error {
			start, end := window()
			doc, err := reports.Run(ctx, c, reports.Request{Type: salesReport, Marketplaces: []string{"US"}, Start: start, End: end}, opts...)
			if err == nil {
				_ = doc.Close()
			}
			return err
		},
		"feeds": func(ctx context.Context, c *spapi.Client, opts ...job.Option) error {
			_, err := feeds.Create(ctx, c, feeds.Submission{Type: feeds.ListingsFeed, Marketplaces: []string{"US"},
				Content: feeds.BytesContent([]byte(`{"header":{"sellerId":"X","version":"2.0"},"messages":[{"messageId":1}]}`))}, opts...)
			return err
		},
		"queries": func(ctx context.Context, c *spapi.Client, opts ...job.Option) error {
			for _, err := range datakiosk.Run(ctx, c, `{ analytics_salesAndTraffic_2024_04_24 { salesAndTrafficByDate(aggregateBy: DAY, `+
				`startDate: "2026-05-01", endDate: "2026-05-02", marketplaceIds: ["`+us+`"]) { startDate } } }`, opts...) {
				if err != nil {
					return err
				}
			}
			return nil
		},
	} {
		t.Run(operation, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				a, clients := startAmazon(t, operation, 1)
				notes := journal.NewMemory()
				inDoubt := func(notes journal.Journal) int {
					entries, err := notes.Entries(t.Context())
					if err != nil {
						t.Error(err)
					}
					return len(slices.DeleteFunc(slices.Collect(maps.Values(entries)), func(e journal.Entry) bool { return e.Began.IsZero() || e.ID != "" }))
				}
				a.answer = func(sent int, _ *http.Request) *http.Response {
					if n := inDoubt(notes); n != 1 {
						t.Errorf("when attempt %d is sent %d are noted as in doubt, want 1", sent, n)
					}
					if sent > 1 {
						return nil
					}
					go func() { // while it waits to be repeated
						time.Sleep(time.Second)
						if n := inDoubt(notes); n != 0 {
							t.Errorf("after a 429 %d are in doubt", n)
						}
					}()
					return answered(http.StatusTooManyRequests, `{"errors":[{"code":"QuotaExceeded","message":"no"}]}`)
				}
				if err := submit(t.Context(), clients[0], job.WithJournal(notes)); err != nil || len(a.sent) != 2 {
					t.Fatalf("sent %d times: %v", len(a.sent), err)
				}
				// Once nothing is left of the limits, one waits for them.
				a.mu.Lock()
				a.answer = nil
				a.mu.Unlock()
				fill, cancel := context.WithCancel(t.Context())
				for range 40 {
					go func() { _ = submit(fill, clients[0], job.WithCallOptions(spapi.WithPriority(1))) }()
				}
				time.Sleep(time.Minute)
				waits, give := context.WithCancel(t.Context())
				later := journal.NewMemory()
				told := make(chan struct{})
				done := make(chan error)
				go func() {
					done <- submit(waits, clients[0], job.WithJournal(later), job.WithProgress(func(p job.Progress) {
						if p.Limit != nil {
							close(told)
						}
					}))
				}()
				<-told
				if n := inDoubt(later); n != 0 {
					t.Errorf("while it waits for its limit %d are in doubt", n)
				}
				give()
				if err := <-done; !errors.Is(err, context.Canceled) {
					t.Errorf("given up with %v", err)
				}
				cancel()
				synctest.Wait()
			})
		})
	}
}
