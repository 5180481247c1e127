package cli_test

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/openspapi/spapi"
	"github.com/openspapi/spapi/internal/cli"
	"github.com/openspapi/spapi/internal/cli/factory"
)

// unlimited is spapi without the limits of usage plans, in which 1,000 pages of orders take two days.
func unlimited() {
	f := factory.New()
	f.UseLimiter(noLimit{})
	os.Exit(cli.Run(context.Background(), f, os.Args[1:]))
}

type noLimit struct{}

func (noLimit) Wait(_ context.Context, r spapi.LimitRequest) (spapi.LimitGrant, error) {
	return spapi.LimitGrant{Buckets: r.Buckets}, nil
}
func (noLimit) Observe(context.Context, spapi.LimitGrant, spapi.LimitReply) error { return nil }

const ordersOfPage = 100

// orderPages serves as many pages of orders as there are to be.
type orderPages struct {
	pages   int
	fail    int          // the page that is answered with an error; 0 for none
	same    bool         // all pages have the orders of the first one, which costs the server next to nothing
	asked   func()       // for each page
	started atomic.Int64 // when the first page was answered, in ns
	orders  []byte       // of the first page
}

func (o *orderPages) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Content-Type", "application/json")
	if r.URL.Path == "/auth/o2/token" {
		_, _ = io.WriteString(w, `{"access_token":"Atza|x","token_type":"bearer","expires_in":3600}`)
		return
	}
	page, _ := strconv.Atoi(r.URL.Query().Get("paginationToken"))
	if o.asked != nil {
		o.asked()
	}
	if o.fail > 0 && page+1 == o.fail {
		w.WriteHeader(http.StatusBadRequest)
		_, _ = io.WriteString(w, `{"errors":[{"code":"InvalidInput","message":"no such page"}]}`)
		return
	}
	b := bytes.NewBufferString(`{"orders":[`)
	switch {
	case !o.same:
		writeOrders(b, page)
	case page == 0:
		writeOrders(b, page)
		o.orders = bytes.Clone(b.Bytes())
	default:
		b = bytes.NewBuffer(slices.Clip(o.orders))
	}
	b.WriteString("]")
	if page+1 < o.pages {
		fmt.Fprintf(b, `,"pagination":{"nextToken":"%d"}`, page+1)
	}
	b.WriteString("}")
	o.started.CompareAndSwap(0, time.Now().UnixNano())
	_, _ = w.Write(b.Bytes())
}

// writeOrders writes the orders of a page.
func writeOrders(b *bytes.Buffer, page int) {
	for i := range ordersOfPage {
		n := page*ordersOfPage + i
		if i > 0 {
			b.WriteByte(',')
		}
		at := time.Date(2026, 1, 1, 0, 0, n, 0, time.UTC).Format(time.RFC3339)
		fmt.Fprintf(b, `{"orderId":"701-%07d-%07d","createdTime":%q,"lastUpdatedTime":%q,"programs":["PRIME","AMAZON_BUSINESS"],`+
			`"salesChannel":{"channelName":"AMAZON","marketplaceId":"ATVPDKIKX0DER","marketplaceName":"Amazon.com"},`+
			`"fulfillment":{"fulfillmentStatus":"UNSHIPPED","fulfilledBy":"MERCHANT","fulfillmentServiceLevel":"STANDARD",`+
			`"shipByWindow":{"earliestDateTime":%q,"latestDateTime":%q}},"proceeds":{"grandTotal":{"amount":"%d.50","currencyCode":"USD"}},`+
			`"orderItems":[`, n/10_000_000, n, at, at, at, at, n)
		for j := range 3 {
			if j > 0 {
				b.WriteByte(',')
			}
			fmt.Fprintf(b, `{"orderItemId":"%d%d","quantityOrdered":2,"product":{"asin":"B0GNI7T800","sellerSku":"SKU-%d",`+
				`"title":"Fountain pen, nib M, with a title as long as such titles are, %d",`+
				`"condition":{"conditionType":"NEW"},"price":{"unitPrice":{"amount":"12.50","currencyCode":"USD"}}},`+
				`"fulfillment":{"quantityFulfilled":0,"quantityUnfulfilled":2}}`, n, j, n, j)
		}
		b.WriteString("]}")
	}
}

// environment makes a process call a server.
func environment(url string) []string {
	return append(os.Environ(), "SPAPI_CLIENT_ID=amzn1.application-oa2-client.x", "SPAPI_CLIENT_SECRET=amzn1.oa2-cs.v1.x", "SPAPI_REFRESH_TOKEN=Atzr|x",
		"SPAPI_MARKETPLACE=US", "SPAPI_ENDPOINT="+url, "SPAPI_TOKEN_URL="+url+"/auth/o2/token")
}

// start runs spapi, without limits, against a server.
func (o *orderPages) start(t *testing.T, args ...string) (*exec.Cmd, io.Reader, *bytes.Buffer) {
	t.Helper()
	server := httptest.NewServer(o)
	t.Cleanup(server.Close)
	path, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	var messages bytes.Buffer
	cmd := &exec.Cmd{Path: path, Args: append([]string{"spapi-unlimited"}, args...), Stderr: &messages, Env: environment(server.URL)}
	out, err := cmd.StdoutPipe()
	if err == nil {
		err = cmd.Start()
	}
	if err != nil {
		t.Fatal(err)
	}
	return cmd, out, &messages
}

// peak is how much memory a process has had at most, in bytes; 0 where the system doesn't tell.
func peak(process int) int64 {
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", process))
	if err != nil {
		return 0
	}
	for line := range strings.Lines(string(status)) {
		if rest, ok := strings.CutPrefix(line, "VmHWM:"); ok {
			kilobytes, _ := strconv.ParseInt(strings.Fields(rest)[0], 10, 64)
			return kilobytes << 10
		}
	}
	return 0
}

// TestLists lists many pages of orders with a process of its own: it needs the memory of a page, and its first row is out as soon as the first page is
// there. SPAPI_PROVE_PAGES is how many pages; "make prove-lists" takes 1,000, which are 100,000 orders.
func TestLists(t *testing.T) {
	if testing.Short() {
		t.Skip("it starts processes")
	}
	pages := 20
	if text := os.Getenv("SPAPI_PROVE_PAGES"); text != "" {
		var err error
		if pages, err = strconv.Atoi(text); err != nil || pages < 1 {
			t.Fatalf("SPAPI_PROVE_PAGES=%q: want a number of pages", text)
		}
	}
	const maxMemory = 100 << 20
	for _, format := range []string{"jsonl", "csv", "table", "json", "yaml"} {
		t.Run(format, func(t *testing.T) {
			seen, asked := make(chan struct{}), atomic.Int64{}
			o := &orderPages{pages: pages, asked: func() {
				if asked.Add(1) != 2 {
					return
				}
				select { // the second page comes when a row of the first one is out
				case <-seen:
				case <-time.After(2 * time.Minute):
					t.Error("no row is out before the second page is there")
				}
			}}
			cmd, out, messages := o.start(t, "orders", "list", "--since", "2026-01-01", "--limit", "0", "-o", format)
			var rows, bytesRead, memory int64
			var first, last time.Duration
			begin := time.Now()
			lines := bufio.NewReader(out)
			for {
				line, err := lines.ReadString('\n')
				bytesRead += int64(len(line))
				if strings.Contains(line, "701-000") && !strings.Contains(line, "orderAliases") {
					if rows++; rows == 1 {
						first = time.Duration(time.Now().UnixNano() - o.started.Load())
						close(seen)
					}
					if rows%ordersOfPage == 0 {
						memory = max(memory, peak(cmd.Process.Pid))
					}
				}
				if err != nil {
					break
				}
			}
			last = time.Since(begin)
			if err := cmd.Wait(); err != nil {
				t.Fatalf("%v\n%s", err, messages)
			}
			t.Logf("%-5s %d orders, %.1f MiB in %.1f s; first row %d ms after the first page; at most %.1f MiB of memory",
				format, rows, float64(bytesRead)/(1<<20), last.Seconds(),
				first.Milliseconds(), float64(memory)/(1<<20))
			if want := int64(pages * ordersOfPage); rows != want {
				t.Errorf("%d rows, want %d", rows, want)
			}
			if memory > maxMemory {
				t.Errorf("%d bytes of memory, want at most %d", memory, maxMemory)
			}
		})
	}
}

// TestListRates holds lists against the raw pages, "call --all": JSON lines come at least half as fast. The two alternate, and the medians of the pairs count: of
// the time on the clock, which is only told, and of the processor time of the command alone, which its server and other programs don't disturb.
func TestListRates(t *testing.T) {
	text := os.Getenv("SPAPI_PROVE_PAGES")
	if text == "" {
		t.Skip("it measures: make prove-lists")
	}
	pages, err := strconv.Atoi(text)
	if err != nil || pages < 1 {
		t.Fatalf("SPAPI_PROVE_PAGES=%q: want a number of pages", text)
	}
	type run struct{ clock, processor float64 } // seconds
	once := func(args ...string) run {
		begin := time.Now()
		cmd, out, messages := (&orderPages{pages: pages, same: true}).start(t, args...)
		n, err := io.Copy(io.Discard, out)
		if err != nil || n == 0 {
			t.Fatalf("%d bytes, %v", n, err)
		}
		if err := cmd.Wait(); err != nil {
			t.Fatalf("%v\n%s", err, messages)
		}
		return run{time.Since(begin).Seconds(), (cmd.ProcessState.UserTime() + cmd.ProcessState.SystemTime()).Seconds()}
	}
	median := func(values []float64) float64 {
		slices.Sort(values)
		return values[len(values)/2]
	}
	orders := float64(pages * ordersOfPage)
	for _, format := range []string{"jsonl", "csv", "table"} {
		var clocks, processors, clock, processor []float64
		for range 5 {
			all := once("call", "orders20260101.searchOrders", "--created-after", "2026-01-01", "--all")
			list := once("orders", "list", "--since", "2026-01-01", "--limit", "0", "-o", format)
			clock, processor = append(clock, list.clock), append(processor, list.processor)
			clocks, processors = append(clocks, all.clock/list.clock), append(processors, all.processor/list.processor)
		}
		t.Logf("%-5s %6.0f orders/s, %5.1f µs of processor time each; beside \"call --all\" %.2f times as fast, by processor time %.2f times",
			format, orders/median(clock), 1e6*median(processor)/orders, median(clocks), median(processors))
		if rate := median(processors); format == "jsonl" && rate < 0.5 {
			t.Errorf("%s: %.2f times as fast as \"call --all\" by processor time, want at least 0.5", format, rate)
		}
	}
}

// TestListBreaksOff: the pages that came are whole in the output, and the error says how far it got and how to go on.
func TestListBreaksOff(t *testing.T) {
	for format, check := range map[string]func(string) int{
		"json": func(s string) int {
			var list []json.RawMessage
			if err := json.Unmarshal([]byte(s), &list); err != nil {
				t.Errorf("%v in %.300q", err, s)
			}
			return len(list)
		},
		"jsonl": func(s string) int { return strings.Count(s, "\n") },
		"csv":   func(s string) int { return strings.Count(s, "\n") - 1 },
		"table": func(s string) int { return strings.Count(s, "\n") - 1 },
		"yaml":  func(s string) int { return strings.Count(s, "- orderId:") },
	} {
		cmd, out, messages := (&orderPages{pages: 5, fail: 4}).start(t, "orders", "list", "--since", "2026-01-01T00:00:00Z", "--limit", "0", "-o", format)
		text, err := io.ReadAll(out)
		if err != nil {
			t.Fatal(err)
		}
		_ = cmd.Wait() // the status is looked at
		if status := cmd.ProcessState.ExitCode(); status != 5 || check(string(text)) != 300 {
			t.Errorf("%s: status %d, %d rows", format, status, check(string(text)))
		}
		for _, want := range []string{"spapi orders list: after 300 orders (3 pages): ", "InvalidInput",
			"what came is written; go on with --since 2026-01-01T00:04:59Z (rows of that very moment come again)"} {
			if !strings.Contains(messages.String(), want) {
				t.Errorf("%s: stderr says\n%s, want %q", format, messages, want)
			}
		}
	}
	// The raw pages, with the token of the one that failed.
	cmd, out, messages := (&orderPages{pages: 5, fail: 3}).start(t, "call", "orders20260101.searchOrders", "--created-after", "2026-01-01", "--all")
	text, err := io.ReadAll(out)
	if err != nil {
		t.Fatal(err)
	}
	_ = cmd.Wait()
	if status := cmd.ProcessState.ExitCode(); status != 5 || strings.Count(string(text), "\n") != 200 ||
		!strings.Contains(messages.String(), "after 200 items (2 pages)") ||
		!strings.Contains(messages.String(), "go on with --paginationToken 2 beside the others") {
		t.Errorf("status %d, %d rows, stderr:\n%s", status, strings.Count(string(text), "\n"), messages)
	}
}

// TestListReaderGone: a reader that has enough, such as head, ends the command without a word, whether SIGPIPE ends the process or is ignored.
func TestListReaderGone(t *testing.T) {
	shell, err := exec.LookPath("sh")
	if err != nil {
		t.Skip("no sh here")
	}
	for name, before := range map[string]string{"signal": "", "ignored": "trap '' PIPE; "} {
		o := &orderPages{pages: 1000}
		server := httptest.NewServer(o)
		path, err := os.Executable()
		if err != nil {
			t.Fatal(err)
		}
		link := t.TempDir() + "/spapi-unlimited"
		if err := os.Symlink(path, link); err != nil {
			t.Fatal(err)
		}
		cmd := exec.Command(shell, "-c", before+`{ "$0" orders list --since 2026-01-01 --limit 0 -o jsonl; echo "status $?" >&2; } | head -3`, link)
		cmd.Env = environment(server.URL)
		var messages bytes.Buffer
		cmd.Stderr = &messages
		out, err := cmd.Output()
		server.Close()
		said := strings.TrimSpace(messages.String())
		if err != nil || strings.Count(string(out), "\n") != 3 || said[strings.LastIndex(said, "\n")+1:] != "status 141" || strings.Contains(said, "spapi") {
			t.Errorf("%s: %v, %d lines, stderr:\n%s", name, err, strings.Count(string(out), "\n"), said)
		}
	}
}
