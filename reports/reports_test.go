package reports_test

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"maps"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/openspapi/spapi"
	"github.com/openspapi/spapi/api/reports20210630"
	"github.com/openspapi/spapi/emulator"
	"github.com/openspapi/spapi/job"
	"github.com/openspapi/spapi/marketplace"
	"github.com/openspapi/spapi/reports"
)

const listings = "GET_MERCHANT_LISTINGS_ALL_DATA"
const orders = "GET_FLAT_FILE_ALL_ORDERS_DATA_BY_ORDER_DATE_GENERAL"

// in2026 lets the clock of a synctest bubble, which begins with the year 2000, reach a time at which the removed types are removed.
func in2026() { time.Sleep(time.Until(time.Date(2026, 8, 1, 12, 0, 0, 0, time.UTC))) }

func TestRunReadsRows(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		_, _, client := start(t)
		var stages []job.Stage
		doc, err := reports.Run(t.Context(), client, reports.Request{Type: listings, Marketplaces: []string{"US"}}, job.WithProgress(func(p job.Progress) {
			if len(stages) == 0 || stages[len(stages)-1] != p.Stage {
				stages = append(stages, p.Stage)
			}
		}))
		if err != nil {
			t.Fatal(err)
		}
		defer doc.Close()
		type listing struct {
			SKU      string      `report:"seller-sku"`
			Price    json.Number `report:"price"`
			Quantity *int        `report:"quantity"`
		}
		n := 0
		for l, err := range reports.Rows[listing](doc) {
			if err != nil {
				t.Fatal(err)
			}
			if l.SKU == "" || l.Price == "" {
				t.Errorf("row %d is %+v", n, l)
			}
			n++
		}
		if n != 60 {
			t.Errorf("%d listings, want 60", n)
		}
		if want := []job.Stage{job.Creating, job.Waiting, job.Ready}; !slices.Equal(stages, want) {
			t.Errorf("stages %v, want %v", stages, want)
		}
	})
}

func TestRunReadsElements(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		_, _, client := start(t)
		now := time.Now()
		doc, err := reports.Run(t.Context(), client, reports.Request{
			Type: "GET_SALES_AND_TRAFFIC_REPORT", Marketplaces: []string{"US"}, Start: now.AddDate(0, 0, -10), End: now.AddDate(0, 0, -3), Options: map[string]string{"dateGranularity": "DAY"},
		})
		if err != nil {
			t.Fatal(err)
		}
		defer doc.Close()
		type day struct{ Date string }
		n := 0
		for d, err := range reports.Elements[day](doc, "salesAndTrafficByDate") {
			if err != nil || d.Date == "" {
				t.Fatal(d, err)
			}
			n++
		}
		if n != 7 {
			t.Errorf("%d days, want 7", n)
		}
	})
}

func TestRestrictedReportsGetARestrictedToken(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		_, w, client := start(t)
		doc, err := reports.Run(t.Context(), client, reports.Request{Type: "GET_FLAT_FILE_ORDER_REPORT_DATA_SHIPPING", Marketplaces: []string{"US"}, Start: time.Now().AddDate(0, 0, -20)})
		if err != nil {
			t.Fatal(err)
		}
		defer doc.Close()
		if _, err := io.Copy(io.Discard, doc); err != nil {
			t.Fatal(err)
		}
		if w.count("tokens20210301.createRestrictedDataToken") != 1 {
			t.Errorf("carried out: %v", w.operations)
		}
	})
}

// A report is found again by type, window and marketplaces, and not mistaken for another one.
func TestReuse(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		_, w, client := start(t)
		first := reports.Request{Type: orders, Marketplaces: []string{"US"}, Start: time.Now().AddDate(0, 0, -9), End: time.Now().AddDate(0, 0, -2), Reuse: time.Hour}
		run := func(r reports.Request) string {
			t.Helper()
			doc, err := reports.Run(t.Context(), client, r)
			if err != nil {
				t.Fatal(err)
			}
			defer doc.Close()
			return doc.Report.ReportID
		}
		id := run(first)
		if again := run(first); again != id {
			t.Errorf("report %s, want %s again", again, id)
		}
		others := map[string]reports.Request{}
		for name, change := range map[string]func(*reports.Request){
			"window":       func(r *reports.Request) { r.End = r.End.Add(-time.Hour) },
			"marketplace":  func(r *reports.Request) { r.Marketplaces = []string{"CA"} },
			"marketplaces": func(r *reports.Request) { r.Marketplaces = []string{"US", "CA"} },
			"type":         func(r *reports.Request) { r.Type = "GET_FLAT_FILE_ALL_ORDERS_DATA_BY_LAST_UPDATE_GENERAL" },
			"options":      func(r *reports.Request) { r.Options = map[string]string{"custom": "true"} },
			"no reuse":     func(r *reports.Request) { r.Reuse = 0 },
		} {
			r := first
			change(&r)
			others[name] = r
		}
		for name, r := range others {
			if other := run(r); other == id {
				t.Errorf("%s: took report %s of another request", name, id)
			}
		}
		time.Sleep(2 * time.Hour)
		if late := run(first); late == id {
			t.Error("took a report that is too old")
		}
		if n := w.count("reports20210630.createReport"); n != len(others)+2 {
			t.Errorf("%d reports were created, want %d", n, len(others)+2)
		}
	})
}

// Steps: a report is taken up by its id.
func TestSteps(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		_, _, client := start(t)
		id, err := reports.Create(t.Context(), client, reports.Request{Type: listings, Marketplaces: []string{"ATVPDKIKX0DER"}})
		if err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithTimeout(t.Context(), 2*time.Second)
		defer cancel()
		if _, err := reports.Wait(ctx, client, id); !errors.Is(err, context.DeadlineExceeded) {
			t.Fatalf("got %v", err)
		}
		report, err := reports.Wait(t.Context(), client, id)
		if err != nil {
			t.Fatal(err)
		}
		doc, err := reports.Open(t.Context(), client, report)
		if err != nil {
			t.Fatal(err)
		}
		defer doc.Close()
		b, err := io.ReadAll(doc)
		if err != nil || strings.Count(string(b), "\n") < 60 {
			t.Errorf("%d bytes, %v", len(b), err)
		}
	})
}

// Every report of the emulator that ends without a document tells why.
func TestOutcomesCarryTheirReason(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		in2026()
		_, _, client := start(t)
		api := reports20210630.New(client)
		now := time.Now()
		create := func(in reports20210630.CreateReportInput) string {
			t.Helper()
			in.MarketplaceIDs = append(in.MarketplaceIDs, marketplace.US.ID)
			out, err := api.CreateReport(t.Context(), &in)
			if err != nil {
				t.Fatal(in.ReportType, err)
			}
			return out.ReportID
		}
		reasons := map[string]int{}
		check := func(name, id string, want ...string) {
			t.Helper()
			_, err := reports.Wait(t.Context(), client, id)
			var reason string
			if e, ok := errors.AsType[*job.EndedError](err); ok {
				reason = e.Reason
				reasons["FATAL"]++
			} else if e, ok := errors.AsType[*job.EndedError](err); ok {
				reason = e.Reason
				if !errors.Is(err, job.ErrCancelled) {
					t.Errorf("%s: is not ErrCancelled", name)
				}
				reasons["CANCELLED"]++
			}
			if reason == "" || strings.Contains(reason, "no reason") {
				t.Errorf("%s: no reason in %v", name, err)
			}
			for _, w := range want {
				if !strings.Contains(reason, w) {
					t.Errorf("%s: reason %q lacks %q", name, reason, w)
				}
			}
		}
		// with a document that tells why
		sales := "GET_SALES_AND_TRAFFIC_REPORT"
		check("no window", create(reports20210630.CreateReportInput{ReportType: sales}), "dataStartTime and dataEndTime are required")
		time.Sleep(time.Hour)
		check("too old", create(reports20210630.CreateReportInput{ReportType: sales, DataStartTime: now.AddDate(-3, 0, 0), DataEndTime: now}), "two years")
		time.Sleep(time.Hour)
		check("two marketplaces", create(reports20210630.CreateReportInput{ReportType: sales, MarketplaceIDs: []string{marketplace.CA.ID}, DataStartTime: now.AddDate(0, 0, -3), DataEndTime: now}), "one marketplace")
		// without one: types that are gone
		gone := 0
		for _, typ := range reports.Types() {
			if typ.Removed.IsZero() || now.Before(typ.Removed) || !typ.Request {
				continue
			}
			check(typ.Name, create(reports20210630.CreateReportInput{ReportType: typ.Name}), "removed on "+typ.Removed.Format(time.DateOnly))
			gone++
		}
		// no data, and at the caller's wish
		check("no orders", create(reports20210630.CreateReportInput{ReportType: orders, DataStartTime: now.AddDate(-1, 0, 0), DataEndTime: now.AddDate(-1, 0, 1)}), "no data")
		id := create(reports20210630.CreateReportInput{ReportType: listings})
		if err := api.CancelReport(t.Context(), &reports20210630.CancelReportInput{ReportID: id}); err != nil {
			t.Fatal(err)
		}
		check("cancelled", id, "cancelled before")
		if gone < 10 {
			t.Errorf("tested %d removed types", gone)
		}
		t.Logf("%v outcomes carry their reason, %d of removed types", reasons, gone)
	})
}

// A report that Amazon doesn't make again so soon tells how long to wait, and which one there is.
func TestTooFrequent(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		_, _, client := start(t)
		tested := 0
		for _, typ := range reports.Types() {
			if typ.Cooldown == 0 || !typ.Request || tested == 4 {
				continue
			}
			r := reports.Request{Type: typ.Name, Marketplaces: []string{"US"}, Start: time.Now().AddDate(0, 0, -20)}
			doc, err := reports.Run(t.Context(), client, r)
			if errors.Is(err, job.ErrCancelled) {
				continue // no data: not generated
			}
			if err != nil {
				t.Fatal(typ.Name, err)
			}
			doc.Close()
			tested++
			_, err = reports.Run(t.Context(), client, r)
			e, ok := errors.AsType[*reports.TooFrequentError](err)
			if !ok || e.Last.ReportID != doc.Report.ReportID || e.Wait <= 0 || e.Wait > typ.Cooldown {
				t.Fatalf("%s: got %v", typ.Name, err)
			}
			time.Sleep(e.Wait + time.Second)
			doc, err = reports.Run(t.Context(), client, r)
			if err != nil {
				t.Fatalf("%s: after the wait: %v", typ.Name, err)
			}
			doc.Close()
		}
		if tested < 4 {
			t.Errorf("tested %d types", tested)
		}
	})
}

// A type that may be asked for once in a while only: the refusal tells what remains of the while, counted from the report before.
func TestTooFrequentAtOnce(t *testing.T) {
	for _, c := range []struct {
		name   string
		unseen bool
	}{{"seen", false}, {"unseen", true}} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				in2026()
				_, w, client := start(t)
				if c.unseen { // getReports tells nothing
					w.cut = func(req *http.Request, resp *http.Response) (*http.Response, error) {
						if req.Method == http.MethodGet && strings.HasSuffix(req.URL.Path, "/reports") {
							resp.Body.Close()
							return &http.Response{StatusCode: http.StatusForbidden, Header: http.Header{}, Body: http.NoBody, Request: req}, nil
						}
						return resp, nil
					}
				}
				typ, _ := reports.LookupType("GET_SALES_AND_TRAFFIC_REPORT")
				r := reports.Request{Type: typ.Name, Marketplaces: []string{"US"}, Start: time.Now().AddDate(0, 0, -20)}
				asked := time.Now()
				id, err := reports.Create(t.Context(), client, r)
				if err != nil {
					t.Fatal(err)
				}
				_, err = reports.Create(t.Context(), client, r)
				e, ok := errors.AsType[*reports.TooFrequentError](err)
				if !ok || !spapi.IsThrottled(err) {
					t.Fatalf("got %v", err)
				}
				want, last := typ.Quota-time.Since(asked), id
				if c.unseen {
					want, last = typ.Quota, ""
				}
				if (e.Wait-want).Abs() > 5*time.Second || e.Last.ReportID != last || strings.Contains(err.Error(), "0001-01-01") {
					t.Errorf("%v: wait %s, want %s; report %q, want %q", err, e.Wait, want, e.Last.ReportID, last)
				}
				if time.Sleep(want + 5*time.Second); c.unseen {
					return
				}
				if _, err := reports.Create(t.Context(), client, r); err != nil {
					t.Errorf("after the wait: %v", err)
				}
			})
		})
	}
}

func TestRequestsThatCannotWork(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		in2026()
		_, w, client := start(t)
		now := time.Now()
		us := []string{"US"}
		for want, r := range map[string]reports.Request{
			"Type is required":                   {Marketplaces: us},
			"want GET_MERCHANT_LISTINGS,":        {Type: "get_merchant_listings", Marketplaces: us},
			"Marketplaces are required":          {Type: listings},
			`Marketplaces "Atlantis" is unknown`: {Type: listings, Marketplaces: []string{"Atlantis"}},
			"is not after the start":             {Type: orders, Marketplaces: us, Start: now, End: now.Add(-time.Hour)},
			"lies in the future":                 {Type: orders, Marketplaces: us, Start: now.Add(time.Hour)},
			"up to 2026-08-01T11:00:00Z too":     {Type: orders, Marketplaces: us, Start: now.AddDate(-1, 0, 0), End: now.Add(-time.Hour)},
			"split it into 3":                    {Type: orders, Marketplaces: us, Start: now.AddDate(0, 0, -70)},
			"up to now too long for one report":  {Type: orders, Marketplaces: us, Start: now.AddDate(-1, 0, 0)},
			`Start "2025-08-01T12:00:00Z" makes`: {Type: orders, Marketplaces: us, Start: now.AddDate(-1, 0, 0), End: now.Add(-time.Hour)},
			"go back 730 days":                   {Type: "GET_SALES_AND_TRAFFIC_REPORT", Marketplaces: us, Start: now.AddDate(-3, 0, 0)},
			"use GET_FBA_INVENTORY_PLANNING":     {Type: "GET_FBA_INVENTORY_AGED_DATA", Marketplaces: us},
			"Amazon makes it by itself":          {Type: "GET_V2_SETTLEMENT_REPORT_DATA_FLAT_FILE_V2", Marketplaces: us},
			"put it on a schedule":               {Type: "GET_ORDER_REPORT_DATA_SHIPPING", Marketplaces: us},
			"is required: one of DAY, WEEK":      {Type: "GET_BRAND_ANALYTICS_SEARCH_TERMS_REPORT", Marketplaces: us, Start: now.AddDate(0, 0, -9)},
			"is not one of DAY, WEEK, MONTH":     {Type: "GET_BRAND_ANALYTICS_SEARCH_TERMS_REPORT", Marketplaces: us, Start: now.AddDate(0, 0, -9), Options: map[string]string{"reportPeriod": "day"}},
			"Start is required: the report has":  {Type: orders, Marketplaces: us},
			"leaves up to now no month":          {Type: "GET_BRAND_ANALYTICS_SEARCH_TERMS_REPORT", Marketplaces: us, Start: now, Options: map[string]string{"reportPeriod": "MONTH"}},
			"Start is required: its reports are": {Type: "GET_BRAND_ANALYTICS_SEARCH_TERMS_REPORT", Marketplaces: us, Options: map[string]string{"reportPeriod": "MONTH"}},
		} {
			_, err := reports.Run(t.Context(), client, r)
			if _, ok := errors.AsType[*job.RequestError](err); !ok || !strings.Contains(err.Error(), want) {
				t.Errorf("got %v, want %s", err, want)
			}
		}
		_, err := reports.Run(t.Context(), client, reports.Request{Type: listings, Marketplaces: []string{"US", "Germny"}})
		if bad, _ := errors.AsType[*job.RequestError](err); bad.Field != "Marketplaces" || bad.Value != "Germny" || !strings.Contains(bad.Reason, "DE (Germany") {
			t.Errorf("got %+v", bad)
		}
		if len(w.operations) > 0 {
			t.Errorf("sent %v", w.operations)
		}
	})
}

// Without a start, a type whose rows are about a window is refused before it is asked for, or, where that isn't known of the type, its reason says so.
func TestWindowsThatAreEmpty(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		in2026()
		_, w, client := start(t)
		n := 0
		for _, typ := range reports.Types() {
			if !typ.NeedsStart || !typ.Removed.IsZero() {
				continue
			}
			n++
			for _, r := range []reports.Request{{Type: typ.Name, Marketplaces: []string{"US"}}, {Type: typ.Name, Marketplaces: []string{"US"}, End: time.Now()}} {
				_, err := reports.Run(t.Context(), client, r)
				if e, ok := errors.AsType[*job.RequestError](err); !ok || e.Field != "Start" {
					t.Errorf("%s: %v", typ.Name, err)
				}
			}
		}
		if n < 15 || len(w.operations) > 0 {
			t.Errorf("%d types, sent %v", n, w.operations)
		}
		_, err := reports.Run(t.Context(), client, reports.Request{Type: "GET_SELLER_FEEDBACK_DATA", Marketplaces: []string{"US"}})
		if e, ok := errors.AsType[*job.EndedError](err); !ok || !strings.Contains(e.Reason, "no start was given") {
			t.Errorf("got %v", err)
		}
	})
}

// From the day of its removal on, a type is refused before anything is sent, and the one to use is named; its reports of before are still listed.
func TestRemovedTypes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const xml = "GET_V2_SETTLEMENT_REPORT_DATA_XML"
		_, w, client := start(t)
		request := reports.Request{Type: xml, Marketplaces: []string{"US"}}
		for i, want := range []string{"Amazon makes it by itself", "was removed on 2026-11-11: use GET_V2_SETTLEMENT_REPORT_DATA_FLAT_FILE_V2"} {
			time.Sleep(time.Until(time.Date(2026, 11, 10+i, 12, 0, 0, 0, time.UTC)))
			if _, err := reports.Run(t.Context(), client, request); err == nil || !strings.Contains(err.Error(), want) {
				t.Errorf("on the %dth: %v, want %s", 10+i, err, want)
			}
		}
		if _, err := reports.CreateSchedule(t.Context(), client, request, "P1D", time.Time{}); err == nil || !strings.Contains(err.Error(), "was removed on") {
			t.Errorf("put on a schedule: %v", err)
		}
		if len(w.operations) > 0 {
			t.Errorf("sent %v", w.operations)
		}
		for _, err := range reports.List(t.Context(), client, reports.ListRequest{Types: []string{xml}}) {
			if err != nil {
				t.Error(err)
			}
		}
	})
}

// A long window is cut, and what comes back is what there is, once.
func TestRunAllSplitsAndSkips(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		_, _, client := start(t)
		ids := func(requests ...reports.Request) map[string]int {
			found := map[string]int{}
			var last time.Time
			for r := range reports.RunAll(t.Context(), client, requests) {
				if errors.Is(r.Err, job.ErrCancelled) {
					continue
				}
				if r.Err != nil {
					t.Fatal(r.Err)
				}
				if r.Request.Start.Before(last) {
					t.Error("not in order of time")
				}
				last = r.Request.Start
				for row, err := range r.Document.Table().All() {
					if err != nil {
						t.Fatal(err)
					}
					found[row.Get("amazon-order-id")+" "+row.Get("sku")]++
				}
			}
			return found
		}
		now := time.Now()
		long := reports.Request{Type: orders, Marketplaces: []string{"US"}, Start: now.AddDate(0, 0, -100), End: now}
		parts, err := long.Split()
		if err != nil || len(parts) != 4 {
			t.Fatalf("%d parts, %v", len(parts), err)
		}
		got := ids(long)
		var days []reports.Request
		for d := range 65 {
			days = append(days, reports.Request{Type: orders, Marketplaces: []string{"US"}, Start: now.AddDate(0, 0, -65+d), End: now.AddDate(0, 0, -64+d).Add(-time.Second)})
		}
		if want := ids(days...); !maps.Equal(got, want) || len(got) < 200 {
			t.Errorf("%d rows by month, %d by day", len(got), len(want))
		}
	})
}

// A report of a given window is not one of "now".
func TestReuseWithoutAWindow(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		_, _, client := start(t)
		r := reports.Request{Type: listings, Marketplaces: []string{"US"}, Start: time.Now().AddDate(0, 0, -9), End: time.Now().AddDate(0, 0, -2)}
		doc, err := reports.Run(t.Context(), client, r)
		if err != nil {
			t.Fatal(err)
		}
		doc.Close()
		r.Start, r.End, r.Reuse = time.Time{}, time.Time{}, time.Hour
		if found, err := reports.Find(t.Context(), client, r); err != nil || found != nil {
			t.Errorf("found %v, %v", found, err)
		}
	})
}

type roundTripper func(*http.Request) (*http.Response, error)

func (f roundTripper) RoundTrip(req *http.Request) (*http.Response, error) { return f(req) }

// What a document doesn't say about itself follows from type and marketplace.
func TestOpenKnowsTypeAndMarketplace(t *testing.T) {
	for name, c := range map[string]struct {
		typ, content, want string
		at                 marketplace.Marketplace
	}{
		"Europe":            {listings, "sku\tname\nA\tM\xfcller\n", "sku\tname\nA\tMüller\n", marketplace.DE},
		"Japan":             {listings, "sku\tname\nA\t\xb1\xb2\n", "sku\tname\nA\tｱｲ\n", marketplace.JP},
		"UTF-8 in Europe":   {listings, "sku\tname\nA\tMüller\n", "sku\tname\nA\tMüller\n", marketplace.DE},
		"JSON is UTF-8":     {"GET_SALES_AND_TRAFFIC_REPORT", `{"a":"` + "\xc3\xa9\xff" + `"}`, `{"a":"é` + "\uFFFD" + `"}`, marketplace.DE},
		"XML in UTF-8":      {"GET_PENDING_ORDERS_DATA", "<?xml version=\"1.0\" encoding=\"ISO-8859-1\"?><a>\xfc</a>", "<?xml version=\"1.0\" encoding=\"UTF-8\"?><a>ü</a>", marketplace.DE},
		"XLSX as it stands": {"FEE_DISCOUNTS_REPORT", "\xef\xbb\xbf\xfc", "\xef\xbb\xbf\xfc", marketplace.DE},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				emu, _, _ := start(t)
				client := newClient(emu, roundTripper(func(req *http.Request) (*http.Response, error) {
					body := c.content
					switch {
					case req.URL.Host == "store.example":
					case strings.Contains(req.URL.Path, "/documents/"):
						body = `{"reportDocumentId":"d","url":"https://store.example/d"}`
					default:
						return emu.RoundTrip(req)
					}
					return &http.Response{StatusCode: http.StatusOK, Header: http.Header{}, Body: io.NopCloser(strings.NewReader(body)), ContentLength: int64(len(body)), Request: req}, nil
				}))
				doc, err := reports.Open(t.Context(), client, &reports.Report{ReportID: "1", ReportType: c.typ, MarketplaceIDs: []string{c.at.ID}, ReportDocumentID: "d"})
				if err != nil {
					t.Fatal(err)
				}
				defer doc.Close()
				if b, err := io.ReadAll(doc); err != nil || string(b) != c.want {
					t.Errorf("got %q, %v, want %q", b, err, c.want)
				}
			})
		})
	}
}

// Many requests that may take what there is list it once.
func TestReuseListsOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		_, w, client := start(t)
		var requests []reports.Request
		for i := range 5 {
			requests = append(requests, reports.Request{Type: orders, Marketplaces: []string{"US"}, Start: time.Now().AddDate(0, 0, -9-i), Reuse: time.Hour})
		}
		parts := map[int]bool{}
		var mu sync.Mutex
		for r := range reports.RunAll(t.Context(), client, requests, job.WithProgress(func(p job.Progress) {
			mu.Lock()
			defer mu.Unlock()
			parts[p.Part] = p.Parts == len(requests)
		})) {
			if r.Err != nil {
				t.Fatal(r.Err)
			}
		}
		if n := w.count("reports20210630.getReports"); n != 1 {
			t.Errorf("listed %d times", n)
		}
		if want := map[int]bool{1: true, 2: true, 3: true, 4: true, 5: true}; !maps.Equal(parts, want) {
			t.Errorf("told of parts %v", parts)
		}
	})
}

// Each request has its own bound of age, also where one list serves several.
func TestReuseKeepsToEachBound(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		_, _, client := start(t)
		r := reports.Request{Type: orders, Marketplaces: []string{"US"}, Start: time.Now().AddDate(0, 0, -9), End: time.Now().AddDate(0, 0, -2)}
		doc, err := reports.Run(t.Context(), client, r)
		if err != nil {
			t.Fatal(err)
		}
		doc.Close()
		time.Sleep(2 * time.Hour)
		old, young := r, r
		old.Reuse, young.Reuse = 10*time.Hour, time.Hour
		var ids []string
		for result := range reports.RunAll(t.Context(), client, []reports.Request{old, young}) {
			if result.Err != nil {
				t.Fatal(result.Err)
			}
			ids = append(ids, result.Document.Report.ReportID)
		}
		if len(ids) != 2 || ids[0] != doc.Report.ReportID || ids[1] == ids[0] {
			t.Errorf("took %v, of two hours ago is %s", ids, doc.Report.ReportID)
		}
	})
	synctest.Test(t, func(t *testing.T) { // the list of the first doesn't go back far enough for the second
		_, _, client := start(t)
		us := []string{"US"}
		r := reports.Request{Type: orders, Marketplaces: us, Start: time.Now().AddDate(0, 0, -9), End: time.Now().AddDate(0, 0, -2)}
		doc, err := reports.Run(t.Context(), client, r)
		if err != nil {
			t.Fatal(err)
		}
		doc.Close()
		time.Sleep(2 * time.Hour)
		young, old := reports.Request{Type: orders, Marketplaces: us, Start: time.Now().AddDate(0, 0, -5), Reuse: time.Hour}, r
		old.Reuse = 10 * time.Hour
		var last string
		for result := range reports.RunAll(t.Context(), client, []reports.Request{young, old}) {
			if result.Err != nil {
				t.Fatal(result.Err)
			}
			last = result.Document.Report.ReportID
		}
		if last != doc.Report.ReportID {
			t.Errorf("took %s, of two hours ago is %s", last, doc.Report.ReportID)
		}
	})
}

// Of several reports that would do the newest is taken that has not failed.
func TestReuseTakesTheNewestThatWorks(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		_, _, client := start(t)
		r := reports.Request{Type: orders, Marketplaces: []string{"US"}, Start: time.Now().AddDate(0, 0, -9), End: time.Now().AddDate(0, 0, -2)}
		r.Reuse = 24 * time.Hour
		create := func() string {
			t.Helper()
			id, err := reports.Create(t.Context(), client, r)
			if err != nil {
				t.Fatal(err)
			}
			return id
		}
		var ids []string
		for range 3 {
			ids = append(ids, create())
			time.Sleep(time.Hour)
		}
		ids = append(ids, create())
		if err := reports20210630.New(client).CancelReport(t.Context(), &reports20210630.CancelReportInput{ReportID: ids[3]}); err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Hour)
		if found, err := reports.Find(t.Context(), client, r); err != nil || found == nil || found.ReportID != ids[2] {
			t.Errorf("of %v found %v, %v, want the third", ids, found, err)
		}
	})
}

// List has the reports of the marketplaces that it was asked for, however they are named.
func TestListKeepsToMarketplaces(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		_, _, client := start(t)
		for _, m := range []string{"US", "CA"} {
			if _, err := reports.Create(t.Context(), client, reports.Request{Type: listings, Marketplaces: []string{m}}); err != nil {
				t.Fatal(err)
			}
		}
		time.Sleep(time.Hour)
		n := 0
		for report, err := range reports.List(t.Context(), client, reports.ListRequest{Types: []string{listings}, Marketplaces: []string{"CA"}}) {
			if err != nil || !slices.Equal(report.MarketplaceIDs, []string{marketplace.CA.ID}) {
				t.Errorf("listed %v, %v", report, err)
			}
			n++
		}
		if n != 1 {
			t.Errorf("%d reports, want 1", n)
		}
	})
}

// Windows that a type cuts by their length touch and don't overlap: each ends a second before the next begins, the last one where it was asked to.
func TestSplitByTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		start, end := time.Now().AddDate(0, 0, -100), time.Now().AddDate(0, 0, -1)
		parts, err := reports.Request{Type: orders, Marketplaces: []string{"US"}, Start: start, End: end}.Split()
		if err != nil || len(parts) != 4 {
			t.Fatalf("%d parts, %v", len(parts), err)
		}
		for i, p := range parts {
			if !p.Start.Equal(start.AddDate(0, 0, 30*i)) {
				t.Errorf("part %d begins at %s", i+1, p.Start)
			}
			want := start.AddDate(0, 0, 30*(i+1)).Add(-time.Second)
			if i == 3 {
				want = end
			}
			if !p.End.Equal(want) {
				t.Errorf("part %d ends at %s, want %s", i+1, p.End, want)
			}
		}
	})
}

func TestRunAllMayBeLeft(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		_, _, client := start(t)
		r := reports.Request{Type: orders, Marketplaces: []string{"US"}, Start: time.Now().AddDate(0, 0, -300)}
		began := time.Now()
		for range reports.RunAll(t.Context(), client, []reports.Request{{}, r}) {
			break
		}
		if time.Since(began) > time.Second { // the reports that are under way take half a minute
			t.Errorf("took %s", time.Since(began))
		}
	})
}

func TestSplitByTheCalendar(t *testing.T) {
	synctest.Test(t, func(t *testing.T) { // it is 2000-01-01, a Saturday
		tokyo := time.FixedZone("", 9*3600)
		for _, c := range []struct {
			typ, period string
			start, end  string
			zone        *time.Location
			want        string
		}{
			{"GET_BRAND_ANALYTICS_SEARCH_TERMS_REPORT", "WEEK", "1999-12-01", "1999-12-20", time.UTC, "1128-1204 1205-1211 1212-1218 1219-1225"},
			{"GET_BRAND_ANALYTICS_SEARCH_TERMS_REPORT", "WEEK", "1999-12-20", "2000-01-01", time.UTC, "1219-1225"}, // the last week is not over
			{"GET_BRAND_ANALYTICS_SEARCH_TERMS_REPORT", "DAY", "1999-12-29", "1999-12-31", tokyo, "1229-1229 1230-1230"},
			{"GET_BRAND_ANALYTICS_REPEAT_PURCHASE_REPORT", "QUARTER", "1999-02-10", "1999-08-01", time.UTC, "0101-0331 0401-0630 0701-0930"},
			{"GET_VENDOR_SALES_REPORT", "DAY", "1999-11-01", "1999-12-01", time.UTC, "1101-1115 1116-1130"},
			{"GET_VENDOR_SALES_REPORT", "WEEK", "1999-10-03", "1999-12-05", time.UTC, "1003-1120 1121-1204"},
			{"GET_VENDOR_SALES_REPORT", "YEAR", "1997-06-01", "", time.UTC, "0101-1231 0101-1231"},
			{"GET_SALES_AND_TRAFFIC_REPORT", "MONTH", "1999-10-31", "1999-12-01", time.UTC, "1001-1130"},
		} {
			parse := func(s string) time.Time {
				if s == "" {
					return time.Time{}
				}
				at, err := time.ParseInLocation(time.DateOnly, s, c.zone)
				if err != nil {
					t.Fatal(err)
				}
				return at
			}
			typ, _ := reports.LookupType(c.typ)
			r := reports.Request{Type: c.typ, Marketplaces: []string{"US"}, Start: parse(c.start), End: parse(c.end), Options: map[string]string{typ.Calendar: c.period}}
			parts, err := r.Split()
			if err != nil {
				t.Errorf("%s %s: %v", c.typ, c.period, err)
			}
			var got []string
			for _, p := range parts {
				got = append(got, p.Start.Format("0102-")+p.End.Format("0102"))
				again, err := p.Split() // what fits stays as it is
				if err != nil || len(again) != 1 || !again[0].Start.Equal(p.Start) || !again[0].End.Equal(p.End) {
					t.Errorf("%s %s: %v is cut into %v, %v", c.typ, c.period, p, again, err)
				}
			}
			if s := strings.Join(got, " "); s != c.want {
				t.Errorf("%s %s from %s to %s: %s, want %s", c.typ, c.period, c.start, c.end, s, c.want)
			}
		}
	})
}

func TestSettlementsAreListedAndFetched(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		_, _, client := start(t, emulator.WithRegion(marketplace.Europe))
		const settlement = "GET_V2_SETTLEMENT_REPORT_DATA_FLAT_FILE_V2"
		n := 0
		for report, err := range reports.List(t.Context(), client, reports.ListRequest{Types: []string{settlement}, Marketplaces: []string{"DE"}, Statuses: []job.Status{job.Done}}) {
			if err != nil {
				t.Fatal(err)
			}
			if report.ReportType != settlement || !slices.Contains(report.MarketplaceIDs, marketplace.DE.ID) {
				t.Errorf("listed %s of %v", report.ReportType, report.MarketplaceIDs) // settlements of other marketplaces are there, too
			}
			doc, err := reports.Open(t.Context(), client, report)
			if err != nil {
				t.Fatal(err)
			}
			type row struct {
				ID     string      `report:"settlement-id"`
				Amount json.Number `report:"amount|total-amount"`
			}
			for r, err := range reports.Rows[row](doc) {
				if err != nil {
					t.Fatal(err)
				}
				if r.ID == "" || strings.Contains(string(r.Amount), ",") {
					t.Errorf("got %+v", r)
				}
				n++
			}
			doc.Close()
		}
		if n == 0 {
			t.Error("no rows")
		}
	})
}

func TestSchedules(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		_, _, client := start(t)
		const typ = "GET_FLAT_FILE_RETURNS_DATA_BY_RETURN_DATE"
		id, err := reports.CreateSchedule(t.Context(), client, reports.Request{Type: typ, Marketplaces: []string{"US"}}, "P1D", time.Time{})
		if err != nil {
			t.Fatal(err)
		}
		all, err := reports.Schedules(t.Context(), client, nil)
		if err != nil || len(all) != 1 || all[0].ReportScheduleID != id {
			t.Fatal(all, err)
		}
		time.Sleep(49 * time.Hour)
		n := 0
		for report, err := range reports.List(t.Context(), client, reports.ListRequest{Types: []string{typ}}) {
			if err != nil || report.ReportScheduleID != id {
				t.Error(report, err)
			}
			n++
		}
		if n != 2 {
			t.Errorf("%d reports in two days", n)
		}
		if err := reports.CancelSchedule(t.Context(), client, id); err != nil {
			t.Fatal(err)
		}
		if all, err := reports.Schedules(t.Context(), client, []string{typ}); err != nil || len(all) != 0 {
			t.Error(all, err)
		}
		for _, bad := range [][2]string{{typ, "P2M"}, {listings, "P1D"}, {"GET_FBA_INVENTORY_AGED_DATA", "P1D"}} {
			if _, err := reports.CreateSchedule(t.Context(), client, reports.Request{Type: bad[0], Marketplaces: []string{"US"}}, bad[1], time.Time{}); err == nil {
				t.Errorf("%s every %s was taken", bad[0], bad[1])
			}
		}
	})
}

// TestHundredAtOnce has the real quotas, and URLs that live 300 s. The time that it may take follows from them: 15 reports at once, then one in
// 1/0.0167 s, the last of which has to be made and fetched.
func TestHundredAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		in2026()
		_, w, client := start(t)
		const n = 100
		create, _ := spapi.LookupOperation("reports20210630.createReport")
		document, _ := spapi.LookupOperation("reports20210630.getReportDocument")
		optimum := time.Duration(max(float64(n-create.Burst)/create.Rate, float64(n-document.Burst)/document.Rate) * float64(time.Second))
		began := time.Now()
		var wg sync.WaitGroup
		var mu sync.Mutex
		complete := 0
		for i := range n {
			wg.Go(func() {
				doc, err := reports.Run(t.Context(), client, reports.Request{
					Type: orders, Marketplaces: []string{"US"}, Start: began.AddDate(0, 0, -25), End: began.Add(-time.Duration(i) * time.Minute),
				})
				if err != nil {
					t.Error(err)
					return
				}
				defer doc.Close()
				if size, err := io.Copy(io.Discard, doc); err != nil || size < 1000 {
					t.Errorf("%d bytes, %v", size, err)
				}
				mu.Lock()
				complete++
				mu.Unlock()
			})
		}
		wg.Wait()
		took := time.Since(began)
		if complete != n || w.throttled > 0 || took > optimum+optimum/10 {
			t.Errorf("%d of %d complete, %d throttled, took %s, optimum %s", complete, n, w.throttled, took, optimum)
		}
		if docs := w.count("reports20210630.getReportDocument"); docs != n {
			t.Errorf("%d URLs for %d documents", docs, n)
		}
		t.Logf("%d of %d complete in %s (optimum %s, %.1f %% more), %d throttled, %d looks", complete, n, took.Round(time.Second), optimum.Round(time.Second),
			100*(took.Seconds()/optimum.Seconds()-1), w.throttled, w.count("reports20210630.getReport"))
	})
}

// A loop body that panics leaves nothing open.
func TestRunAllIsLeftByPanic(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		_, _, client := start(t)
		r := reports.Request{Type: orders, Marketplaces: []string{"US"}, Start: time.Now().AddDate(0, 0, -3)}
		defer func() {
			if got := recover(); got != "body" {
				t.Errorf("recovered %v", got)
			}
		}()
		for result := range reports.RunAll(t.Context(), client, []reports.Request{r}) {
			if result.Err != nil {
				t.Fatal(result.Err)
			}
			defer func() {
				if _, err := result.Document.Read(make([]byte, 1)); err == nil || !strings.Contains(err.Error(), "after close") {
					t.Errorf("the document is still open: %v", err)
				}
			}()
			panic("body")
		}
	})
}

// A report whose answer was lost is looked for. Where options were asked for, which Amazon doesn't show, one that is found may be another: nothing is claimed.
func TestLostAnswerWithOptions(t *testing.T) {
	for _, c := range []struct{ options, taken, unknown bool }{{false, true, false}, {false, false, false}, {true, true, true}, {true, false, false}} {
		synctest.Test(t, func(t *testing.T) {
			emu, w, _ := start(t)
			asked := 0
			client := newClient(emu, roundTripper(func(req *http.Request) (*http.Response, error) {
				if req.Method != http.MethodPost || !strings.HasSuffix(req.URL.Path, "/reports") {
					return w.RoundTrip(req)
				}
				if asked++; asked > 1 {
					return w.RoundTrip(req)
				}
				if c.taken {
					if _, err := w.RoundTrip(req); err != nil {
						return nil, err
					}
				}
				return nil, io.ErrUnexpectedEOF
			}))
			r := reports.Request{Type: orders, Marketplaces: []string{"US"}, Start: time.Now().AddDate(0, 0, -9), End: time.Now().AddDate(0, 0, -2)}
			if c.options {
				r.Options = map[string]string{"ShowSalesChannel": "true"}
			}
			doc, err := reports.Run(t.Context(), client, r)
			if doc != nil {
				doc.Close()
			}
			_, unknown := errors.AsType[*job.OutcomeUnknownError](err)
			if unknown != c.unknown || !unknown && err != nil || w.count("reports20210630.createReport") != 1 {
				t.Errorf("%+v: %v, %d reports", c, err, w.count("reports20210630.createReport"))
			}
		})
	}
}
