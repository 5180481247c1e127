package reports_test

import (
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"os"
	"path/filepath"
	"testing"
	"testing/synctest"
	"time"

	"github.com/openspapi/spapi/document/export"
	"github.com/openspapi/spapi/job"
	"github.com/openspapi/spapi/reports"
)

// TestCutAtFiftyPoints loses the connection at 50 random points, before a request arrives, before its answer arrives, or in the middle of it, for a while
// that retries may or may not outlast. Whatever comes of that run, the next one gives the same file, and there is one report.
func TestCutAtFiftyPoints(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		emu, w, _ := start(t)
		random := rand.New(rand.NewPCG(5, 50))
		began := time.Now()
		var broken, seamless int
		for i := range 50 {
			folder := t.TempDir()
			out := filepath.Join(folder, "orders.tsv")
			request := reports.Request{Type: orders, Marketplaces: []string{"US"}, Start: began.AddDate(0, 0, -29), End: began.Add(-time.Duration(i) * time.Hour)}
			noted := i%2 == 0
			if !noted {
				request.Reuse = time.Hour
			}
			run := func(rt http.RoundTripper) (string, error) {
				var options []job.Option
				if noted {
					j := openJournal(t, filepath.Join(folder, ".journal"))
					defer j.Close()
					options = append(options, job.WithJournal(j))
				}
				doc, err := reports.Run(t.Context(), newClient(emu, rt), request, options...)
				if err != nil {
					return "", err
				}
				defer doc.Close()
				file, err := export.Create(out)
				if err != nil {
					t.Fatal(err)
				}
				defer file.Abort()
				if _, err := io.Copy(file, doc); err != nil {
					return "", err
				}
				return doc.Report.ReportID, file.Commit()
			}
			faulty := &faults{next: w, random: random, from: random.IntN(16), count: 1 + random.IntN(12)}
			if random.IntN(3) == 0 {
				faulty.count = 1000
			}
			before := w.count("reports20210630.createReport")
			if _, err := run(faulty); err == nil {
				seamless++
			} else {
				broken++
				if entries, _ := os.ReadDir(folder); len(entries) > 1 {
					t.Fatalf("%v left %v", faulty, entries)
				}
				if _, err := os.Stat(out); err == nil {
					t.Fatalf("%v left a file though the run failed", faulty)
				}
			}
			first, _ := os.ReadFile(out)
			id, err := run(w)
			if err != nil {
				t.Fatalf("%v: again: %v", faulty, err)
			}
			got, _ := os.ReadFile(out)
			if first != nil && string(first) != string(got) {
				t.Errorf("%v: the second run gives another file", faulty)
			}
			report, err := reports.Wait(t.Context(), newClient(emu, w), id)
			if err != nil {
				t.Fatal(err)
			}
			doc, err := reports.Open(t.Context(), newClient(emu, w), report)
			if err != nil {
				t.Fatal(err)
			}
			want, err := io.ReadAll(doc)
			doc.Close()
			if err != nil || string(want) != string(got) || len(want) < 1000 {
				t.Errorf("%v: %d bytes of %d, %v", faulty, len(got), len(want), err)
			}
			if created := w.count("reports20210630.createReport") - before; created != 1 {
				t.Errorf("%v: %d reports were created", faulty, created)
			}
			time.Sleep(2 * time.Hour) // for the quotas
		}
		t.Logf("50 cuts: %d runs failed and were taken up, %d went on by themselves; 50 reports created", broken, seamless)
	})
}

// faults cuts the connection from one request on, for a number of requests.
type faults struct {
	next        http.RoundTripper
	random      *rand.Rand
	from, count int
	n           int
}

func (f *faults) String() string { return fmt.Sprintf("cut at request %d, %d times", f.from, f.count) }

func (f *faults) RoundTrip(req *http.Request) (*http.Response, error) {
	f.n++
	if f.n <= f.from || f.n > f.from+f.count {
		return f.next.RoundTrip(req)
	}
	way := f.random.IntN(3)
	if way == 0 {
		return nil, io.ErrUnexpectedEOF
	}
	resp, err := f.next.RoundTrip(req)
	if err != nil {
		return nil, err
	}
	if way == 1 {
		resp.Body.Close()
		return nil, io.ErrUnexpectedEOF
	}
	resp.Body = &cutBody{resp.Body, int64(f.random.IntN(20_000))}
	return resp, nil
}

type cutBody struct {
	io.ReadCloser
	left int64
}

func (c *cutBody) Read(p []byte) (int, error) {
	if c.left <= 0 {
		return 0, io.ErrUnexpectedEOF
	}
	n, err := c.ReadCloser.Read(p[:min(int64(len(p)), c.left)])
	c.left -= int64(n)
	return n, err
}
