package cli_test

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/openspapi/spapi/emulator"
)

// leapingClock is ahead of the real clock by a few seconds more with each request, so that reports are done without anybody waiting.
type leapingClock struct {
	mu    sync.Mutex
	ahead time.Duration
}

func (c *leapingClock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return time.Now().Add(c.ahead)
}

func (c *leapingClock) leap() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.ahead += 4 * time.Second
}

// killer serves the emulator and kills the process that asks, at one request: before it is carried out, before it is answered, in the middle of the
// answer, or shortly after it.
type killer struct {
	next  http.Handler
	clock *leapingClock

	mu      sync.Mutex
	process *os.Process // nil: nobody is to be killed
	n, at   int
	way     int
	part    float64
	created int
}

func (k *killer) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	k.clock.leap()
	k.mu.Lock()
	k.n++
	kill := k.process != nil && k.n == k.at
	process, way, part := k.process, k.way, k.part
	k.mu.Unlock()
	if kill && way == 0 {
		_ = process.Kill()
		panic(http.ErrAbortHandler)
	}
	recorder := httptest.NewRecorder()
	k.next.ServeHTTP(recorder, r)
	if recorder.Header().Get("X-Spapi-Emulator-Operation") == "reports20210630.createReport" && recorder.Code < 300 {
		k.mu.Lock()
		k.created++
		k.mu.Unlock()
	}
	if kill && way == 1 {
		_ = process.Kill()
		panic(http.ErrAbortHandler)
	}
	for name, values := range recorder.Header() {
		w.Header()[name] = values
	}
	w.Header().Set("Content-Length", fmt.Sprint(recorder.Body.Len()))
	w.WriteHeader(recorder.Code)
	body := recorder.Body.Bytes()
	if kill && way == 2 {
		_, _ = w.Write(body[:int(float64(len(body))*part)])
		_ = http.NewResponseController(w).Flush()
		_ = process.Kill()
		panic(http.ErrAbortHandler)
	}
	_, _ = w.Write(body)
	if kill {
		_ = http.NewResponseController(w).Flush()
		time.AfterFunc(time.Duration(part*float64(20*time.Millisecond)), func() { _ = process.Kill() })
	}
}

// TestReportRunIsKilledAtFiftyPoints: the process is killed at 50 random points and run again. The file is the same as without that, there is never half of
// one, nothing is left behind, and no second report was created.
func TestReportRunIsKilledAtFiftyPoints(t *testing.T) {
	bare(t)
	clock := &leapingClock{}
	emu, err := emulator.New(emulator.WithSeed(1), emulator.WithoutLimits(), emulator.WithClock(clock))
	if err != nil {
		t.Fatal(err)
	}
	k := &killer{next: emu, clock: clock}
	server := httptest.NewServer(k)
	defer server.Close()
	server.Config.ErrorLog = nil
	c := emu.Credentials()
	environment := append(os.Environ(), "SPAPI_CLIENT_ID="+c.ClientID, "SPAPI_CLIENT_SECRET="+c.ClientSecret, "SPAPI_REFRESH_TOKEN="+c.RefreshToken, "SPAPI_REGION=na")
	start := func(folder string, args ...string) (*exec.Cmd, *bytes.Buffer) {
		cmd := exec.Command("spapi", append(args, "--endpoint", server.URL, "--token-url", server.URL+"/auth/o2/token", "--marketplace", "US")...)
		cmd.Dir, cmd.Env = folder, environment
		messages := &bytes.Buffer{}
		cmd.Stderr = messages
		return cmd, messages
	}
	random := rand.New(rand.NewPCG(4, 50))
	const points = 50
	killed := 0
	for i := range points {
		folder := t.TempDir()
		end := time.Now().UTC().Add(-time.Duration(i+1) * time.Hour).Format(time.RFC3339)
		begin := time.Now().UTC().AddDate(0, 0, -29).Truncate(time.Hour).Format(time.RFC3339)
		ending := []string{"tsv", "csv", "jsonl", "parquet", "txt"}[i%5]
		run := []string{"report", "run", "GET_FLAT_FILE_ALL_ORDERS_DATA_BY_ORDER_DATE_GENERAL", "--start", begin, "--end", end, "--poll", "1ms", "--out", "orders." + ending}

		k.mu.Lock()
		k.n, k.at, k.way, k.part, k.created = 0, 1+random.IntN(11), random.IntN(4), random.Float64(), 0
		k.mu.Unlock()
		cmd, _ := start(folder, run...)
		k.mu.Lock() // no request is counted before the process is known
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		k.process = cmd.Process
		k.mu.Unlock()
		died := cmd.Wait() != nil
		k.mu.Lock()
		k.process = nil
		point := fmt.Sprintf("request %d, way %d", k.at, k.way)
		k.mu.Unlock()
		first, readErr := os.ReadFile(filepath.Join(folder, "orders."+ending))
		if died {
			killed++
		} else if readErr != nil {
			t.Errorf("%s: ended well without a file", point)
		}

		cmd, messages := start(folder, run...)
		if err := cmd.Run(); err != nil {
			t.Fatalf("%s: again: %v: %s", point, err, messages)
		}
		got, err := os.ReadFile(filepath.Join(folder, "orders."+ending))
		if err != nil {
			t.Fatal(err)
		}
		k.mu.Lock()
		created := k.created
		k.mu.Unlock()
		// A run that had come to its end before it was killed, or wasn't reached by the kill, leaves nothing to go on with: the next one is a new run.
		if finished := readErr == nil; created != 1 && !(finished && created == 2) {
			t.Errorf("%s: %d reports were created", point, created)
		}
		if readErr == nil && created == 1 && !bytes.Equal(first, got) {
			t.Errorf("%s: half a file, or another one", point)
		}
		entries, err := os.ReadDir(folder)
		if err != nil || len(entries) != 1 {
			t.Errorf("%s: left %v", point, entries)
		}
		// the reference: the report itself
		cmd, messages = start(folder, "report", "run", "GET_FLAT_FILE_ALL_ORDERS_DATA_BY_ORDER_DATE_GENERAL", "--start", begin, "--end", end, "--poll", "1ms", "--reuse", "100h", "--out", "want."+ending)
		if err := cmd.Run(); err != nil {
			t.Fatalf("%s: reference: %v: %s", point, err, messages)
		}
		want, err := os.ReadFile(filepath.Join(folder, "want."+ending))
		if err != nil || !bytes.Equal(got, want) || len(want) < 1000 {
			t.Errorf("%s: %d bytes, want %d, %v", point, len(got), len(want), err)
		}
		if ending != "parquet" && strings.Count(string(got), "\n") < 50 {
			t.Errorf("%s: %d lines", point, strings.Count(string(got), "\n"))
		}
	}
	if killed < points/2 {
		t.Errorf("killed at %d points only", killed)
	}
	t.Logf("killed at %d of %d random points; each time the next run gave the same file from the same report", killed, points)
}
