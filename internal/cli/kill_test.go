package cli_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/openspapi/spapi/emulator"
)

// leapingClock is ahead of the real clock by a few seconds more with each request, so that jobs are done without anybody waiting.
type leapingClock struct {
	mu    sync.Mutex
	ahead time.Duration
}

func (c *leapingClock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return time.Now().Add(c.ahead)
}

func (c *leapingClock) leap(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.ahead += d
}

// watched serves the emulator to processes, counts what they create, and can do something to one request.
type watched struct {
	next        http.Handler
	clock       *leapingClock
	url         string
	environment []string

	mu      sync.Mutex
	created []string                                          // ids of the feeds or reports that were created
	meet    func(n int, op string, answer func()) (drop bool) // is given each request with its number, and carries it out by calling answer
	n       int
}

// kinds of things that are created, with the member of the answer that has their id.
var creations = map[string]string{
	"feeds20210630.createFeed": "feedId", "reports20210630.createReport": "reportId", "datakiosk20231115.createQuery": "queryId",
}

func watch(t *testing.T) *watched {
	t.Helper()
	bare(t)
	clock := &leapingClock{}
	emu, err := emulator.New(emulator.WithSeed(1), emulator.WithoutLimits(), emulator.WithClock(clock))
	if err != nil {
		t.Fatal(err)
	}
	w := &watched{next: emu, clock: clock}
	server := httptest.NewServer(w)
	t.Cleanup(server.Close)
	c := emu.Credentials()
	w.url = server.URL
	w.environment = append(os.Environ(), "SPAPI_CLIENT_ID="+c.ClientID, "SPAPI_CLIENT_SECRET="+c.ClientSecret, "SPAPI_REFRESH_TOKEN="+c.RefreshToken,
		"SPAPI_REGION=na", "SPAPI_SELLER_ID="+c.SellerID, "TEST_SETTLE=200ms")
	return w
}

// partly is the part of an answer's body that is written before the connection is cut.
type partly struct{ part float64 }

func (w *watched) ServeHTTP(rw http.ResponseWriter, r *http.Request) {
	w.clock.leap(4 * time.Second)
	w.mu.Lock()
	w.n++
	n, meet := w.n, w.meet
	w.mu.Unlock()
	recorder := httptest.NewRecorder()
	done := false
	carryOut := func() {
		done = true
		w.next.ServeHTTP(recorder, r)
		if member, ok := creations[recorder.Header().Get("X-Spapi-Emulator-Operation")]; ok && recorder.Code < 300 {
			var answer map[string]string
			_ = json.Unmarshal(recorder.Body.Bytes(), &answer)
			w.mu.Lock()
			w.created = append(w.created, answer[member])
			w.mu.Unlock()
		}
	}
	body := func() []byte { return recorder.Body.Bytes() }
	write := func(b []byte) {
		for name, values := range recorder.Header() {
			rw.Header()[name] = values
		}
		rw.Header().Set("Content-Length", fmt.Sprint(len(body())))
		rw.WriteHeader(recorder.Code)
		_, _ = rw.Write(b)
		_ = http.NewResponseController(rw).Flush()
	}
	if meet != nil {
		var cut any
		drop := func() (drop bool) {
			defer func() { cut = recover() }()
			return meet(n, r.Method+" "+r.URL.Path, carryOut)
		}()
		if p, ok := cut.(partly); ok {
			write(body()[:int(float64(len(body()))*p.part)])
			panic(http.ErrAbortHandler)
		}
		if cut != nil {
			panic(cut)
		}
		if drop {
			panic(http.ErrAbortHandler)
		}
	}
	if !done {
		carryOut()
	}
	write(body())
}

func (w *watched) set(meet func(n int, op string, answer func()) bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.n, w.meet = 0, meet
}

func (w *watched) forget() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.created = nil
}

func (w *watched) ids() []string {
	w.mu.Lock()
	defer w.mu.Unlock()
	return slices.Clone(w.created)
}

// command is a process that is to be started.
type command struct {
	*exec.Cmd
	stdout, stderr *bytes.Buffer
}

// spapi makes a process that works in a folder, its temporary files included.
func (w *watched) spapi(folder string, args ...string) *command {
	args = append(args, "--endpoint", w.url, "--token-url", w.url+"/auth/o2/token", "--marketplace", "US")
	c := &command{exec.Command("spapi", args...), &bytes.Buffer{}, &bytes.Buffer{}}
	c.Dir, c.Env = folder, append(slices.Clone(w.environment), "TMPDIR="+folder)
	c.Stdout, c.Stderr = c.stdout, c.stderr
	return c
}

// status runs it to its end; -1 if it was killed.
func (c *command) status(t *testing.T) int {
	t.Helper()
	if err := c.Run(); err != nil {
		if _, ok := errors.AsType[*exec.ExitError](err); !ok {
			t.Fatal(err)
		}
	}
	return c.ProcessState.ExitCode()
}

// left is what is in a folder besides what belongs there.
func left(t *testing.T, folder string, belongs ...string) []string {
	t.Helper()
	entries, err := os.ReadDir(folder)
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, e := range entries {
		if !slices.Contains(belongs, e.Name()) {
			names = append(names, e.Name())
		}
	}
	return names
}

// kills is how often the tests below kill a process; "make prove-kills" sets it to 100.
func kills(t *testing.T) int {
	n, err := strconv.Atoi(os.Getenv("KILLS"))
	if err != nil {
		n = 3
	}
	if testing.Short() && n < 10 {
		t.Skip("each run starts several processes")
	}
	return n
}

// slaughter starts a process and kills it at a random point: before one of its requests is carried out, before it is answered, in the middle of the
// answer, shortly after it; or at some moment. It reports the point and whether the process was still alive then.
func (w *watched) slaughter(t *testing.T, c *command, random *rand.Rand, requests int, usual time.Duration) (point string, killed bool) {
	t.Helper()
	at, way, part := 1+random.IntN(requests), random.IntN(6), random.Float64()
	point = fmt.Sprintf("request %d, %s", at, []string{"before it", "unanswered", "in the answer", "after it", "", ""}[min(way, 4)])
	started := make(chan struct{})
	if way < 4 {
		w.set(func(n int, _ string, answer func()) bool {
			if n != at {
				return false
			}
			<-started
			switch way {
			case 0:
				_ = c.Process.Kill()
				return true
			case 1:
				answer()
				_ = c.Process.Kill()
				return true
			case 2:
				answer()
				time.AfterFunc(5*time.Millisecond, func() { _ = c.Process.Kill() })
				panic(partly{part})
			}
			time.AfterFunc(time.Duration(part*float64(20*time.Millisecond)), func() { _ = c.Process.Kill() })
			return false
		})
	} else {
		w.set(nil)
		after := time.Duration(part * float64(usual))
		point = fmt.Sprintf("after %s of %s", after.Round(time.Millisecond), usual.Round(time.Millisecond))
		time.AfterFunc(after, func() {
			<-started
			_ = c.Process.Kill()
		})
	}
	if err := c.Start(); err != nil {
		t.Fatal(err)
	}
	close(started)
	err := c.Wait()
	w.set(nil)
	return point, err != nil && c.ProcessState.ExitCode() == -1
}

// tally is what came of many kills.
type tally struct {
	name                                     string
	rounds, kills, aimed, runs               int
	unknown, taken, again, finished, created int
}

func (y tally) String() string {
	return fmt.Sprintf("%s: %d kills of %d that were aimed hit a live process, in %d rounds of %d runs in all; %d were killed after their work was done; "+
		"the outcome was unknown %d times: %d were taken, %d sent again since Amazon had none; %d created, none twice; the same output each time, nothing left",
		y.name, y.kills, y.aimed, y.rounds, y.runs, y.finished, y.unknown, y.taken, y.again, y.created)
}

// TestKilledFeeds: feed submit is killed at random points, also when it is run again. However often, the feed is created once, the output is the same as
// without kills, and nothing is left behind. Where the outcome is unknown the test decides by what the emulator knows.
func TestKilledFeeds(t *testing.T) {
	y := tally{name: "feed submit"}
	want := kills(t)
	w := watch(t)
	random := rand.New(rand.NewPCG(9, 100))
	const envelope = `<?xml version="1.0" encoding="UTF-8"?>
<AmazonEnvelope><Header><DocumentVersion>1.01</DocumentVersion><MerchantIdentifier>M</MerchantIdentifier></Header><MessageType>%s</MessageType>
<Message><MessageID>1</MessageID><%s><AmazonOrderID>000-0000000-%07d</AmazonOrderID></%s></Message></AmazonEnvelope>`
	for y.kills < want {
		w.clock.leap(time.Hour) // what is created in one round is no candidate in the next
		i := y.rounds
		folder := t.TempDir()
		typ, name, content := "POST_ORDER_ACKNOWLEDGEMENT_DATA", "feed.xml", fmt.Sprintf(envelope, "OrderAcknowledgement", "OrderAcknowledgement", i,
			"OrderAcknowledgement")
		switch i % 3 {
		case 1:
			typ, content = "POST_PAYMENT_ADJUSTMENT_DATA", fmt.Sprintf(envelope, "OrderAdjustment", "OrderAdjustment", i, "OrderAdjustment")
		case 2:
			typ, name, content = "JSON_LISTINGS_FEED", "feed.jsonl", fmt.Sprintf("{\"sku\":\"missing-%d\",\"operationType\":\"DELETE\"}\n", i)
		}
		if err := os.WriteFile(filepath.Join(folder, name), []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
		args := []string{"feed", "submit", typ, name, "--poll", "1ms", "-o", "csv"}

		// The reference, in the same words without a journal, and how long that takes.
		began := time.Now()
		reference := w.spapi(folder, args...)
		status := reference.status(t)
		usual := time.Since(began)
		if status > 1 || reference.stdout.Len() < 3 {
			t.Fatalf("without a kill: status %d: %s%s", status, reference.stdout, reference.stderr)
		}
		w.clock.leap(time.Hour)
		w.forget()

		args = append(args, "--journal", "journal")
		var decide []string
		var history []string
		for run := 0; ; run++ {
			y.runs++
			c := w.spapi(folder, append(slices.Clone(args), decide...)...)
			decide = nil
			if y.kills < want && (run == 0 || random.IntN(3) == 0) {
				y.aimed++
				point, killed := w.slaughter(t, c, random, 9, usual)
				history = append(history, point)
				if killed {
					y.kills++
					if _, err := os.Stat(filepath.Join(folder, "journal")); err != nil && bytes.Equal(c.stdout.Bytes(), reference.stdout.Bytes()) {
						y.finished++ // with its journal gone and its output whole
						_ = os.Remove(filepath.Join(folder, "journal.lock"))
						break
					}
					if i%2 == 0 { // somebody else sends a feed of the type meanwhile
						ids := w.ids()
						if other := w.spapi(folder, reference.Args[1:]...); other.status(t) != status {
							t.Fatalf("somebody else: %s", other.stderr)
						}
						w.mu.Lock()
						w.created = ids
						w.mu.Unlock()
					}
					continue
				}
			} else {
				_ = c.status(t)
			}
			if c.ProcessState.ExitCode() == 8 {
				y.unknown++
				if ids := w.ids(); len(ids) == 0 {
					y.again++
					decide = []string{"--send-again"}
				} else {
					y.taken++
					decide = []string{"--take", ids[0]}
					if !strings.Contains(c.stderr.String(), ids[0]) {
						t.Errorf("%q: %s is not named: %s", history, ids[0], c.stderr)
					}
				}
				history = append(history, decide...)
				continue
			}
			if c.ProcessState.ExitCode() != status || !bytes.Equal(c.stdout.Bytes(), reference.stdout.Bytes()) {
				t.Fatalf("%q: status %d, want %d: %s%s", history, c.ProcessState.ExitCode(), status, c.stdout, c.stderr)
			}
			break
		}
		ids := w.ids()
		if y.created += len(ids); len(ids) != 1 {
			t.Fatalf("%q: created %q, want one", history, ids)
		}
		if names := left(t, folder, name); len(names) > 0 {
			t.Errorf("%q: left %q", history, names)
		}
		y.rounds++
	}
	t.Log(y)
}

// TestKilledReports: report run is killed at random points, also when it is run again. However often, the report is created once, the file is that of the
// report, there is never half of one, and nothing is left behind.
func TestKilledReports(t *testing.T) {
	y := tally{name: "report run"}
	want := kills(t)
	w := watch(t)
	random := rand.New(rand.NewPCG(4, 100))
	usual := 500 * time.Millisecond
	for y.kills < want {
		i := y.rounds
		folder := t.TempDir()
		end := time.Now().UTC().Add(-time.Duration(i+1) * time.Hour).Format(time.RFC3339)
		begin := time.Now().UTC().AddDate(0, 0, -29).Truncate(time.Hour).Format(time.RFC3339)
		ending := []string{"tsv", "csv", "jsonl", "parquet", "txt"}[i%5]
		args := []string{"report", "run", "GET_FLAT_FILE_ALL_ORDERS_DATA_BY_ORDER_DATE_GENERAL", "--start", begin, "--end", end, "--poll", "1ms", "--out"}
		file, notes := "orders."+ending, ".orders."+ending+".spapi-job.json"
		w.forget()
		var history []string
		var early []byte // the file that a killed run has left
		for run := 0; ; run++ {
			y.runs++
			c := w.spapi(folder, append(slices.Clone(args), file)...)
			if y.kills < want && (run == 0 || random.IntN(3) == 0) {
				y.aimed++
				point, killed := w.slaughter(t, c, random, 9, usual)
				history = append(history, point)
				if killed {
					y.kills++
					got, err := os.ReadFile(filepath.Join(folder, file))
					if _, gone := os.Stat(filepath.Join(folder, notes)); gone != nil && err == nil {
						y.finished++
						_ = os.Remove(filepath.Join(folder, notes+".lock"))
						break
					}
					if err == nil {
						early = got
					}
					continue
				}
			} else {
				began := time.Now()
				_ = c.status(t)
				usual = time.Since(began)
			}
			if c.ProcessState.ExitCode() != 0 {
				t.Fatalf("%q: status %d: %s", history, c.ProcessState.ExitCode(), c.stderr)
			}
			break
		}
		got, err := os.ReadFile(filepath.Join(folder, file))
		if err != nil {
			t.Fatal(err)
		}
		if early != nil && !bytes.Equal(early, got) {
			t.Errorf("%q: half a file, or another one", history)
		}
		ids := w.ids()
		if y.created += len(ids); len(ids) != 1 {
			t.Fatalf("%q: created %q, want one", history, ids)
		}
		if names := left(t, folder, file); len(names) > 0 {
			t.Errorf("%q: left %q", history, names)
		}
		// The reference is the report itself.
		reference := w.spapi(folder, append(slices.Clone(args), "want."+ending, "--reuse", "1000h")...)
		if status := reference.status(t); status != 0 {
			t.Fatalf("%q: reference: %s", history, reference.stderr)
		}
		whole, err := os.ReadFile(filepath.Join(folder, "want."+ending))
		if err != nil || !bytes.Equal(got, whole) || len(whole) < 1000 || len(w.ids()) != 1 {
			t.Errorf("%q: %d bytes, want %d, %v, created %q", history, len(got), len(whole), err, w.ids())
		}
		y.rounds++
	}
	t.Log(y)
}
