package cli_test

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"
)

// refunds gives a cent back for an order that the emulator of seed 1 has shipped.
const refunds = `<?xml version="1.0" encoding="UTF-8"?>
<AmazonEnvelope><Header><DocumentVersion>1.01</DocumentVersion><MerchantIdentifier>M</MerchantIdentifier></Header><MessageType>OrderAdjustment</MessageType>
<Message><MessageID>1</MessageID><OrderAdjustment><AmazonOrderID>701-5657386-6752897</AmazonOrderID><AdjustedItem>
<AmazonOrderItemCode>73023891165570</AmazonOrderItemCode><AdjustmentReason>CustomerReturn</AdjustmentReason>
<ItemPriceAdjustments><Component><Type>Principal</Type><Amount currency="USD">0.01</Amount></Component></ItemPriceAdjustments></AdjustedItem></OrderAdjustment></Message></AmazonEnvelope>`

const create = "POST /feeds/2021-06-30/feeds"

// refund writes the feed and returns the words that send it.
func refund(t *testing.T, folder string, more ...string) []string {
	t.Helper()
	if err := os.WriteFile(filepath.Join(folder, "refunds.xml"), []byte(refunds), 0o600); err != nil {
		t.Fatal(err)
	}
	return append([]string{"feed", "submit", "POST_PAYMENT_ADJUSTMENT_DATA", "refunds.xml", "--poll", "1ms", "-o", "csv"}, more...)
}

// line runs a command line that a process has told, as a shell would.
func (w *watched) line(t *testing.T, folder, line string) (stdout, stderr string, status int) {
	t.Helper()
	if runtime.GOOS == "windows" {
		t.Skip("there is no POSIX shell")
	}
	c := exec.Command("sh", "-c", line)
	var out, messages bytes.Buffer
	c.Dir, c.Env, c.Stdout, c.Stderr = folder, w.environment, &out, &messages
	_ = c.Run()
	return out.String(), messages.String(), c.ProcessState.ExitCode()
}

// told finds the command line after some words.
func told(t *testing.T, text, before string) string {
	t.Helper()
	m := regexp.MustCompile(regexp.QuoteMeta(before) + `(spapi .*)`).FindStringSubmatch(text)
	if m == nil {
		t.Fatalf("nothing after %q in: %s", before, text)
	}
	return m[1]
}

// A feed of refunds whose answer is lost is sent once. The next run says that nobody knows, what was found, and which command lines decide.
func TestRefundsWithoutAnAnswer(t *testing.T) {
	w := watch(t)
	for name, taken := range map[string]bool{"taken": true, "not taken": false} {
		for _, decision := range []string{"If it is yours: ", "If none is: "} {
			w.clock.leap(time.Hour)
			w.forget()
			folder := t.TempDir()
			args := refund(t, folder, "--journal", "j")
			lost := 0
			w.set(func(_ int, op string, answer func()) bool {
				if op != create || lost > 0 {
					return false
				}
				lost++
				if taken {
					answer()
				}
				return true
			})
			c := w.spapi(folder, args...)
			status := c.status(t)
			if !taken { // that no list shows it is not enough where money is moved
				if status != 8 || len(w.ids()) != 0 || !strings.Contains(c.stderr.String(), "looking for up to a minute whether Amazon has it") {
					t.Errorf("%s: status %d, created %q, left %q: %s", name, status, w.ids(), left(t, folder), c.stderr)
				}
				out, messages, decided := w.line(t, folder, told(t, c.stderr.String(), "To ask for it again without looking: "))
				if decided != 0 || len(w.ids()) != 1 || len(left(t, folder, "refunds.xml")) > 0 {
					t.Errorf("%s: sent again: status %d, created %q, left %q: %s%s", name, decided, w.ids(), left(t, folder), out, messages)
				}
				continue
			}
			for range 2 {
				text := c.stderr.String()
				if status != 8 || len(w.ids()) != 1 || !strings.Contains(text, "Amazon may have taken it, and it was not sent again; it may be "+w.ids()[0]) ||
					c.stdout.Len() > 0 {
					t.Fatalf("%s: status %d, created %q: %s", name, status, w.ids(), text)
				}
				c = w.spapi(folder, args...)
				status = c.status(t)
			}
			out, _, shown := w.line(t, folder, told(t, c.stderr.String(), "  "))
			if shown != 0 || !strings.Contains(out, "[]") { // nothing is wrong with it
				t.Errorf("%s: status %d: %s", name, shown, out)
			}
			out, messages, decided := w.line(t, folder, told(t, c.stderr.String(), decision))
			want := map[string]int{"If it is yours: ": 1, "If none is: ": 2}[decision]
			if decided != 0 || len(w.ids()) != want || !strings.Contains(messages, "1 message, 1 accepted") {
				t.Errorf("%s%s: status %d, created %q: %s%s", decision, name, decided, w.ids(), out, messages)
			}
			if names := left(t, folder, "refunds.xml"); len(names) > 0 {
				t.Errorf("%s%s: left %q", decision, name, names)
			}
		}
	}
}

// Ctrl-C says how to go on, and that does.
func TestCtrlC(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("there is no interrupt")
	}
	w := watch(t)
	const report = "GET_MERCHANT_LISTINGS_ALL_DATA"
	for _, c := range []struct {
		name    string
		args    []string
		at      string // the request at which the signal comes
		answer  bool   // whether that is carried out
		before  string // what is told before the command line
		status  int    // of that line
		created int
		left    []string // after it
	}{
		{"a feed with a journal, while it waits", []string{"--journal", "my journal"}, "GET /feeds/2021-06-30/feeds/", true, "To go on: ", 0, 1, nil},
		{"a feed with a journal, while it is sent", []string{"--journal", "my journal"}, create, true, "To look for it again: ", 8, 1, []string{"my journal"}},
		{"a feed with a journal, before it is sent", []string{"--journal", "my journal"}, create, false, "To ask for it again without looking: ", 0, 1, nil},
		{"a feed without a journal, while it waits", nil, "GET /feeds/2021-06-30/feeds/", true, "To have what comes of it: ", 0, 1, nil},
		{"a feed without a journal, while it is sent", nil, create, true, "See what there is before you ask again: ", 0, 1, nil},
		{"a report", []string{"report", "run", report, "--poll", "1ms", "--out", "it's.csv"}, "GET /reports/2021-06-30/reports/", true, "To go on: ", 0, 1,
			[]string{"it's.csv"}},
		{"a report, while it is asked for", []string{"report", "run", report, "--poll", "1ms", "--out", "r.csv"}, "POST /reports/2021-06-30/reports", true,
			"To look for it again: ", 0, 1, []string{"r.csv"}},
		{"a report to stdout", []string{"report", "run", report, "--poll", "1ms"}, "GET /reports/2021-06-30/reports/", true, "To have what comes of it: ", 0, 1, nil},
		{"a query", []string{"kiosk", "run", someQuery(), "--poll", "1ms", "--out", "q.jsonl"}, "GET /dataKiosk/2023-11-15/queries/", true, "To go on: ", 0, 1,
			[]string{"q.jsonl"}},
	} {
		for _, signal := range []syscall.Signal{syscall.SIGINT, syscall.SIGTERM} {
			w.clock.leap(time.Hour)
			w.forget()
			folder := t.TempDir()
			args := c.args
			if len(args) < 3 {
				args = refund(t, folder, c.args...)
			}
			run := w.spapi(folder, args...)
			started, done := make(chan struct{}), false
			w.set(func(_ int, op string, answer func()) bool {
				if done || op != c.at && !(strings.HasSuffix(c.at, "/") && strings.HasPrefix(op, c.at)) {
					return false
				}
				done = true
				<-started
				if c.answer {
					answer()
				}
				_ = run.Process.Signal(signal)
				time.Sleep(50 * time.Millisecond) // the answer comes after the process has gone; it waits for nothing
				return true
			})
			if err := run.Start(); err != nil {
				t.Fatal(err)
			}
			close(started)
			_ = run.Wait()
			w.set(nil)
			if run.ProcessState.ExitCode() != 130 || !strings.Contains(run.stderr.String(), ": interrupted") {
				t.Errorf("%s: status %d: %s", c.name, run.ProcessState.ExitCode(), run.stderr)
				continue
			}
			unknown := strings.HasPrefix(c.at, "POST")
			if unknown != strings.Contains(run.stderr.String(), "may have been carried out all the same") {
				t.Errorf("%s: %s", c.name, run.stderr)
			}
			_, messages, status := w.line(t, folder, told(t, run.stderr.String(), c.before))
			if status != c.status || len(w.ids()) != c.created {
				t.Errorf("%s: told %s; then status %d, created %q: %s", c.name, run.stderr, status, w.ids(), messages)
			}
			if names := left(t, folder, "refunds.xml"); fmt.Sprint(names) != fmt.Sprint(c.left) {
				t.Errorf("%s: left %q, want %q", c.name, names, c.left)
			}
		}
	}
}

func someQuery() string {
	day := func(ago int) string { return time.Now().AddDate(0, 0, -ago).Format(time.DateOnly) }
	return fmt.Sprintf(`{analytics_salesAndTraffic_2024_04_24{salesAndTrafficByDate(aggregateBy:DAY,startDate:%q,endDate:%q,`+
		`marketplaceIds:["ATVPDKIKX0DER"]){startDate}}}`, day(20), day(3))
}

// Two processes with one journal send once: the second waits, and is told when the first has done it.
func TestTwoProcessesOneJournal(t *testing.T) {
	w := watch(t)
	folder := t.TempDir()
	args := refund(t, folder, "--journal", "j")
	first, second := w.spapi(folder, args...), w.spapi(folder, args...)
	reader, err := second.waits()
	if err != nil {
		t.Fatal(err)
	}
	held := false
	w.set(func(_ int, op string, answer func()) bool {
		if op == create && !held { // while the first is at it, the second begins
			held = true
			if err := second.Start(); err != nil {
				t.Error(err)
			} else {
				<-reader
			}
		}
		return false
	})
	if status := first.status(t); status != 0 || first.stdout.Len() == 0 {
		t.Errorf("the first: status %d: %s", status, first.stderr)
	}
	_ = second.Wait()
	text := second.stderr.String()
	if status := second.ProcessState.ExitCode(); status != 1 || !strings.Contains(text, "another run has j open: waiting for it") ||
		!strings.Contains(text, "another run had j open and has ended: it has done what it noted there") || second.stdout.Len() > 0 {
		t.Errorf("the second: status %d: %s", status, text)
	}
	if len(w.ids()) != 1 {
		t.Errorf("created %q", w.ids())
	}
	if names := left(t, folder, "refunds.xml"); len(names) > 0 {
		t.Errorf("left %q", names)
	}
}

// waits gives a channel that is closed when the process has told that it waits.
func (c *command) waits() (<-chan struct{}, error) {
	ch := make(chan struct{})
	c.Stderr = &watcher{to: c.stderr, ch: ch}
	return ch, nil
}

type watcher struct {
	to *bytes.Buffer
	ch chan struct{}
}

func (w *watcher) Write(p []byte) (int, error) {
	n, err := w.to.Write(p)
	if w.ch != nil && strings.Contains(w.to.String(), "waiting for it") {
		close(w.ch)
		w.ch = nil
	}
	return n, err
}

// A text that could not be written is told, also of commands whose text another package writes.
func TestHelpOnFullDevice(t *testing.T) {
	full, err := os.OpenFile("/dev/full", os.O_WRONLY, 0)
	if err != nil {
		t.Skip("there is no /dev/full: ", err)
	}
	defer full.Close()
	w := watch(t)
	for _, line := range []string{"--help", "orders", "help orders list", "help formats", "--version", "orders list --help"} {
		c := w.spapi(t.TempDir(), strings.Fields(line)...)
		c.Stdout = full
		if status := c.status(t); status != 1 || !strings.Contains(c.stderr.String(), "no space left") {
			t.Errorf("%s: status %d: %s", line, status, c.stderr)
		}
	}
}

// A result that could not be shown is not lost: the journal stays, and the next run shows it without sending anything.
func TestFullDevice(t *testing.T) {
	full, err := os.OpenFile("/dev/full", os.O_WRONLY, 0)
	if err != nil {
		t.Skip("there is no /dev/full: ", err)
	}
	defer full.Close()
	w := watch(t)
	for name, args := range map[string][]string{
		"xml":      {"POST_PAYMENT_ADJUSTMENT_DATA", "refunds.xml"},
		"listings": {"JSON_LISTINGS_FEED", "changes.jsonl"},
	} {
		w.forget()
		folder := t.TempDir()
		refund(t, folder)
		if err := os.WriteFile(filepath.Join(folder, "changes.jsonl"), []byte(`{"sku":"missing","operationType":"DELETE"}`), 0o600); err != nil {
			t.Fatal(err)
		}
		args = append([]string{"feed", "submit", "--poll", "1ms", "-o", "csv", "--journal", "j"}, args...)
		c := w.spapi(folder, args...)
		c.Stdout = full
		if status := c.status(t); status != 1 || !strings.Contains(c.stderr.String(), "no space left") ||
			!strings.Contains(c.stderr.String(), "To go on: spapi feed submit") {
			t.Errorf("%s: status %d: %s", name, status, c.stderr)
		}
		if names := left(t, folder, "refunds.xml", "changes.jsonl"); len(names) != 1 || names[0] != "j" {
			t.Errorf("%s: left %q", name, names)
		}
		c = w.spapi(folder, args...)
		if status := c.status(t); status > 1 || c.stdout.Len() == 0 || len(w.ids()) != 1 {
			t.Errorf("%s, again: status %d, created %q: %s%s", name, status, w.ids(), c.stdout, c.stderr)
		}
		if names := left(t, folder, "refunds.xml", "changes.jsonl"); len(names) > 0 {
			t.Errorf("%s, again: left %q", name, names)
		}
	}
}

// A run that has ended leaves no journal, whatever it ended with, unless it has what a next run needs.
func TestJournalsGo(t *testing.T) {
	w := watch(t)
	future := time.Now().UTC().AddDate(-3, 0, 0)
	long := func(days int) string { return future.AddDate(0, 0, days).Format(time.DateOnly) }
	for _, c := range []struct {
		name   string
		args   []string
		status int
		text   string
		left   []string
	}{
		{"a feed that ends FATAL", []string{"feed", "submit", "JSON_LISTINGS_FEED", "changes.jsonl", "--seller-id", "WRONG", "--journal", "j"}, 1, "ended FATAL",
			nil},
		{"a feed with errors", []string{"feed", "submit", "JSON_LISTINGS_FEED", "changes.jsonl", "--journal", "j"}, 1, "messages not carried out: 1 of 1", nil},
		{"a feed that is refused", []string{"feed", "submit", "UPLOAD_VAT_INVOICE", "changes.jsonl", "--journal", "j"}, 2, "not a PDF", nil},
		{"a feed that goes on", []string{"feed", "submit", "JSON_LISTINGS_FEED", "changes.jsonl", "--journal", "j", "--take", "1"}, 2, "the journal has no feed",
			nil},
		{"a report without data", []string{"report", "run", "GET_FLAT_FILE_ALL_ORDERS_DATA_BY_ORDER_DATE_GENERAL", "--start", long(0), "--end", long(5), "--out",
			"o.csv"}, 1, "no data", nil},
		{"reports without data", []string{"report", "run", "GET_FLAT_FILE_ALL_ORDERS_DATA_BY_ORDER_DATE_GENERAL", "--start", long(0), "--end", long(50), "--out",
			"o.csv"}, 1, "no data", nil},
		{"a report that ends FATAL", []string{"report", "run", "GET_SALES_AND_TRAFFIC_REPORT", "--marketplaces", "US,CA", "--option", "dateGranularity=DAY",
			"--start", "20d", "--end", "10d", "--out", "o.json"}, 1, "FATAL", nil},
		{"a query that ends FATAL", []string{"kiosk", "run", strings.Replace(someQuery(), time.Now().AddDate(0, 0, -20).Format(time.DateOnly), "2015-01-01", 1),
			"--out", "q.jsonl"}, 1, "FATAL", nil},
	} {
		folder := t.TempDir()
		if err := os.WriteFile(filepath.Join(folder, "changes.jsonl"), []byte(`{"sku":"missing","operationType":"DELETE"}`), 0o600); err != nil {
			t.Fatal(err)
		}
		run := w.spapi(folder, append(c.args, "--poll", "1ms")...)
		if status := run.status(t); status != c.status || !strings.Contains(run.stderr.String(), c.text) {
			t.Errorf("%s: status %d: %s", c.name, status, run.stderr)
		}
		if names := left(t, folder, "changes.jsonl"); fmt.Sprint(names) != fmt.Sprint(c.left) {
			t.Errorf("%s: left %q", c.name, names)
		}
	}
}

// A command that changes something and gets no answer never claims that nothing happened: it says that it may have, and which call shows it. One that may be
// sent again without harm ends as any other without an answer.
func TestLostWrites(t *testing.T) {
	w := watch(t)
	get := func(args ...string) string {
		t.Helper()
		c := w.spapi(t.TempDir(), args...)
		if status := c.status(t); status != 0 {
			t.Fatalf("%q: %s", args, c.stderr)
		}
		return strings.TrimSpace(c.stdout.String())
	}
	order := get("orders", "list", "--status", "unshipped", "--fulfilled-by", "merchant", "--since", "30d", "--jq", ".[0].orderId")
	sku := get("listings", "list", "--limit", "0", "--jq", `[.[] | select(.fulfillmentAvailability[0].fulfillmentChannelCode == "DEFAULT") | .sku][0]`)
	for _, c := range []struct {
		args   []string
		lose   string // the beginning of the request whose answer is lost
		status int
		shows  string
	}{
		{[]string{"orders", "ship", order, "--carrier", "UPS", "--tracking", "1Z999AA10123456784"}, "POST /orders/v0/orders/", 8,
			"ordersv0.getOrder shows what there is"},
		{[]string{"listings", "set-price", sku, "12.50"}, "PATCH /listings/", 6, "Sending it again does no harm"},
		{[]string{"listings", "set-quantity", sku, "3"}, "PATCH /listings/", 6, "Sending it again does no harm"},
		{[]string{"listings", "delete", sku, "--yes"}, "DELETE /listings/", 6, "Sending it again does no harm"},
		{[]string{"report", "schedule", "set", "GET_FLAT_FILE_RETURNS_DATA_BY_RETURN_DATE", "--every", "P1D"}, "POST /reports/2021-06-30/schedules", 6,
			"Sending it again does no harm"},
		{[]string{"request", "POST", "/reports/2021-06-30/reports", "--input", `{"reportType":"GET_MERCHANT_LISTINGS_ALL_DATA","marketplaceIds":["ATVPDKIKX0DER"]}`},
			"POST /reports/2021-06-30/reports", 8, "reports20210630.getReports shows what there is"},
		{[]string{"call", "feeds20210630.createFeed", "--input", `{"feedType":"UPLOAD_VAT_INVOICE","marketplaceIds":["ATVPDKIKX0DER"],"inputFeedDocumentId":"x"}`},
			create, 8, "feeds20210630.getFeeds shows what there is"},
		{[]string{"call", "notificationsv1.createDestination", "--input",
			`{"name":"x","resourceSpecification":{"sqs":{"arn":"arn:aws:sqs:us-east-1:444455556666:q"}}}`},
			"POST /notifications/v1/destinations", 8, "notificationsv1.getDestinations shows what there is"},
	} {
		w.set(func(_ int, op string, answer func()) bool {
			lost := strings.HasPrefix(op, c.lose)
			if lost {
				answer()
			}
			return lost
		})
		folder, args := t.TempDir(), slices.Clone(c.args)
		if i := slices.Index(args, "--input"); i > 0 {
			if err := os.WriteFile(filepath.Join(folder, "body"), []byte(args[i+1]), 0o600); err != nil {
				t.Fatal(err)
			}
			args[i+1] = "body"
		}
		run := w.spapi(folder, args...)
		status, text := run.status(t), run.stderr.String()
		w.set(nil)
		if status != c.status || !strings.Contains(text, "may have been carried out") || !strings.Contains(text, c.shows) ||
			regexp.MustCompile(`(?i)nothing was (sent|changed)`).MatchString(text) || run.stdout.Len() > 0 {
			t.Errorf("%q: status %d, want %d: %s%s", c.args, status, c.status, run.stdout, text)
		}
	}
}
