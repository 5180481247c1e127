package datakiosk_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/openspapi/spapi/api/datakiosk20231115"
	"github.com/openspapi/spapi/datakiosk"
	"github.com/openspapi/spapi/emulator"
	"github.com/openspapi/spapi/job"
)

// query asks for sales by day and ASIN: several pages.
func query(days int) string {
	return fmt.Sprintf(`query Sales { # by ASIN
  analytics_salesAndTraffic_2024_04_24 {
    salesAndTrafficByAsin(aggregateBy: CHILD, startDate: %q, endDate: %q, marketplaceIds: ["ATVPDKIKX0DER"]) {
      childAsin, startDate
      sales { unitsOrdered }
    }
  }
}`, time.Now().AddDate(0, 0, -days).Format(time.DateOnly), time.Now().AddDate(0, 0, -3).Format(time.DateOnly))
}

func TestRunReadsAllPages(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		_, w, client := start(t, emulator.WithProducts(2500), emulator.WithOrders(6000))
		type row struct{ ChildAsin string }
		seen := map[string]int{}
		pages := 0
		for r, err := range datakiosk.Rows[row](t.Context(), client, query(20), job.WithProgress(func(p job.Progress) { pages = max(pages, p.Part) })) {
			if err != nil {
				t.Fatal(err)
			}
			seen[r.ChildAsin]++
		}
		for asin, n := range seen {
			if n != 1 || asin == "" {
				t.Errorf("%q stands %d times", asin, n)
			}
		}
		if created := w.count("datakiosk20231115.createQuery"); pages < 2 || created != pages || len(seen) <= 1000 {
			t.Errorf("%d rows in %d pages, %d queries", len(seen), pages, created)
		}
	})
}

func TestRunMayBeLeft(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		_, _, client := start(t, emulator.WithProducts(2500), emulator.WithOrders(6000))
		for _, err := range datakiosk.Run(t.Context(), client, query(20)) {
			if err != nil {
				t.Fatal(err)
			}
			break
		}
	})
}

func TestFailedQueriesCarryTheirReason(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		_, _, client := start(t)
		for _, err := range datakiosk.Run(t.Context(), client, query(3*365)) {
			if e, ok := errors.AsType[*job.EndedError](err); !ok || e.Reason == "" || strings.Contains(e.Reason, "no reason") || len(e.Document) == 0 {
				t.Errorf("got %v", err)
			}
		}
		id, err := datakiosk.Create(t.Context(), client, query(20), "")
		if err != nil {
			t.Fatal(err)
		}
		if err := datakiosk20231115.New(client).CancelQuery(t.Context(), &datakiosk20231115.CancelQueryInput{QueryID: id}); err != nil {
			t.Fatal(err)
		}
		_, err = datakiosk.Wait(t.Context(), client, id)
		if e, ok := errors.AsType[*job.EndedError](err); !ok || e.Reason == "" || !errors.Is(err, job.ErrCancelled) {
			t.Errorf("got %v", err)
		}
	})
}

// Cut at every point and run again: the same rows, and no query twice. Each cut has a bubble of its own, so that the emulator's world is the same.
func TestJournal(t *testing.T) {
	rows := func(t *testing.T, w *wire, path string) (string, error) {
		j := openJournal(t, path)
		defer j.Close()
		var b strings.Builder
		for line, err := range datakiosk.Run(t.Context(), newClient(w.next.(*emulator.Emulator), w), query(20), job.WithJournal(j)) {
			if err != nil {
				return "", err
			}
			b.Write(line)
			b.WriteByte('\n')
		}
		return b.String(), nil
	}
	world := []emulator.Option{emulator.WithProducts(2000), emulator.WithOrders(5000)}
	var want string
	synctest.Test(t, func(t *testing.T) {
		_, w, _ := start(t, world...)
		var err error
		if want, err = rows(t, w, t.TempDir()+"/journal"); err != nil || strings.Count(want, "\n") < 1000 {
			t.Fatal(err, strings.Count(want, "\n"))
		}
	})
	cuts := 0
	for cutAt, whole := 1, false; !whole; cutAt++ {
		synctest.Test(t, func(t *testing.T) {
			_, w, _ := start(t, world...)
			n := 0
			w.cut = func(_ *http.Request, resp *http.Response) (*http.Response, error) {
				w.mu.Lock()
				defer w.mu.Unlock()
				if n++; n >= cutAt { // from here on nothing comes back
					resp.Body.Close()
					return nil, io.ErrUnexpectedEOF
				}
				return resp, nil
			}
			path := t.TempDir() + "/journal"
			if _, err := rows(t, w, path); err == nil {
				whole = true
				return
			}
			cuts++
			w.mu.Lock()
			w.cut = nil
			w.mu.Unlock()
			got, err := rows(t, w, path)
			if err != nil || got != want {
				t.Fatalf("cut at %d: %d lines, want %d, %v", cutAt, strings.Count(got, "\n"), strings.Count(want, "\n"), err)
			}
			if created := w.count("datakiosk20231115.createQuery"); created != 2 {
				t.Errorf("cut at %d: %d queries, want 2", cutAt, created)
			}
		})
	}
	t.Logf("cut at %d points", cuts)
}

func TestMinimize(t *testing.T) {
	for in, want := range map[string]string{
		"query  Q {\n a , b\t( x : \"a  b # c\" ) # comment }\n }": `query Q{a b(x:"a  b # c")}`,
		"{a(x:\"\"\"two\n \\\"\"\" lines\"\"\")}":                  "{a(x:\"\"\"two\n \\\"\"\" lines\"\"\")}",
		`{a(x:"\" }")  ... on T {b}}`:                              `{a(x:"\" }")...on T{b}}`,
		"\ufeff{ a(x: [1, 2, -3]) }":                               "{a(x:[1 2 -3])}",
		"":                                                         "",
	} {
		if got := datakiosk.Minimize(in); got != want {
			t.Errorf("%q becomes %q, want %q", in, got, want)
		}
		if once := datakiosk.Minimize(in); datakiosk.Minimize(once) != once {
			t.Errorf("%q isn't stable", in)
		}
	}
}

func FuzzMinimize(f *testing.F) {
	f.Add("query { a(x: \"\\\"\") # c\n b }")
	f.Fuzz(func(t *testing.T, s string) {
		once := datakiosk.Minimize(s)
		if len(once) > len(s) || datakiosk.Minimize(once) != once {
			t.Errorf("%q becomes %q, then %q", s, once, datakiosk.Minimize(once))
		}
		_ = datakiosk.Check(s)
	})
}

func TestCheck(t *testing.T) {
	for query, want := range map[string]string{
		" # nothing\n": "is empty", "{a": "does not close", "{a}}": "has not opened",
		"{" + strings.Repeat("a,\n", 5000) + "}": "has 10001 characters",
	} {
		if err := datakiosk.Check(query); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("got %v, want %s", err, want)
		}
	}
	for query, what := range map[string]string{
		"{" + strings.Repeat("  a\n", 3990) + "}": "whitespace counts", `{a(x:"}")}`: "a brace in a string closes", `{a(x:"{ \" {")}`: "a brace in a string opens",
	} {
		if err := datakiosk.Check(query); err != nil {
			t.Errorf("%s: %v", what, err)
		}
	}
}

func TestSchemasAreThoseOfTheEmulator(t *testing.T) {
	list := datakiosk.Schemas()
	if len(list) != 3 {
		t.Errorf("%d schemas", len(list))
	}
	for _, s := range list {
		b, err := os.ReadFile("../emulator/internal/jobs/kiosk/" + s.Name + ".graphql")
		if err != nil || string(b) != s.SDL {
			t.Errorf("%s differs: %v", s.Name, err)
		}
	}
}

type roundTripper func(*http.Request) (*http.Response, error)

func (f roundTripper) RoundTrip(req *http.Request) (*http.Response, error) { return f(req) }

// A request for the second page that never reached Amazon: what is looked for then is that page, not the one before, which has the same text.
func TestLostRequestTakesNoOtherPage(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		emu, w, _ := start(t, emulator.WithProducts(2000), emulator.WithOrders(5000))
		creates := 0
		client := newClient(emu, roundTripper(func(req *http.Request) (*http.Response, error) {
			if req.Method == http.MethodPost && strings.HasSuffix(req.URL.Path, "/queries") {
				if creates++; creates == 2 {
					return nil, io.ErrUnexpectedEOF
				}
			}
			return w.RoundTrip(req)
		}))
		j := openJournal(t, t.TempDir()+"/journal")
		defer j.Close()
		run := func() (pages []string, err error) {
			for page, err := range datakiosk.Pages(t.Context(), client, query(20), job.WithJournal(j)) {
				if err != nil {
					return pages, err
				}
				pages = append(pages, page.Query.QueryID)
			}
			return pages, nil
		}
		first, err := run()
		if err != nil || len(first) != 2 || first[1] == first[0] || creates != 3 {
			t.Errorf("pages %v, %v, asked %d times", first, err, creates)
		}
		second, err := run()
		if err != nil || !slices.Equal(first, second) || creates != 3 {
			t.Errorf("the run after it: pages %v, %v, asked %d times", second, err, creates)
		}
	})
}

// A service that sends the run round in a circle would have it make queries for ever.
func TestPagesInACircle(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		emu, w, _ := start(t)
		changed := func(body io.Reader, change func(map[string]any)) (io.ReadCloser, int64) {
			var q map[string]any
			if err := json.NewDecoder(body).Decode(&q); err != nil {
				t.Error(err)
			}
			change(q)
			b, err := json.Marshal(q)
			if err != nil {
				t.Error(err)
			}
			return io.NopCloser(bytes.NewReader(b)), int64(len(b))
		}
		circle := roundTripper(func(req *http.Request) (*http.Response, error) {
			if !strings.Contains(req.URL.Path, "/queries") {
				return w.RoundTrip(req)
			}
			if req.Method == http.MethodPost { // each page is the first one to the emulator
				req = req.Clone(req.Context())
				req.Body, req.ContentLength = changed(req.Body, func(q map[string]any) { delete(q, "paginationToken") })
			}
			resp, err := w.RoundTrip(req)
			if err == nil && req.Method == http.MethodGet {
				resp.Header.Del("Content-Length")
				resp.Body, resp.ContentLength = changed(resp.Body, func(q map[string]any) {
					if q["processingStatus"] == "DONE" {
						q["pagination"] = map[string]string{"nextToken": "again"}
					}
				})
			}
			return resp, err
		})
		pages := 0
		var err error
		for _, err = range datakiosk.Pages(t.Context(), newClient(emu, circle), query(20)) {
			if err != nil {
				break
			}
			if pages++; pages == 10 {
				t.Fatal("it goes on and on")
			}
		}
		if err == nil || !strings.Contains(err.Error(), "has a token that was there before") || pages != 1 {
			t.Errorf("%d pages, then %v", pages, err)
		}
	})
}

// A row that is no JSON is told by its number, without what stands in it.
func TestRowsAreJSON(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		_, _, client := start(t)
		const body = "{\"a\":1}\n\n{Jane Doe\n"
		store := roundTripper(func(req *http.Request) (*http.Response, error) {
			return &http.Response{StatusCode: http.StatusOK, Header: http.Header{}, Body: io.NopCloser(strings.NewReader(body)), ContentLength: int64(len(body)), Request: req}, nil
		})
		var rows []string
		var err error
		for line, e := range datakiosk.Run(t.Context(), client, query(20), job.WithTransport(store)) {
			if err = e; err == nil {
				rows = append(rows, string(line))
			}
		}
		e, ok := errors.AsType[*job.DocumentError](err)
		if len(rows) != 1 || !ok || e.ID == "" || !strings.Contains(err.Error(), "row 2 is not JSON") || strings.Contains(err.Error(), "Jane") {
			t.Errorf("%q, then %v", rows, err)
		}
	})
}

// A loop body that panics leaves nothing open, though the caller's context goes on.
func TestRunIsLeftByPanic(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		_, _, client := start(t, emulator.WithProducts(2500), emulator.WithOrders(6000))
		defer func() {
			if got := recover(); got != "body" {
				t.Errorf("recovered %v", got)
			}
		}()
		for page, err := range datakiosk.Pages(t.Context(), client, query(20)) {
			if err != nil {
				t.Fatal(err)
			}
			defer func() {
				if _, err := page.Read(make([]byte, 1)); err == nil || !strings.Contains(err.Error(), "after close") {
					t.Errorf("the page is still open: %v", err)
				}
			}()
			panic("body")
		}
	})
}
