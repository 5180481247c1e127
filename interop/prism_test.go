package interop

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// TestPrism measures the emulator beside npm @stoplight/prism-cli mocking the same model, in one run: how long each takes from its start
// to its first answer, and how many requests per second it answers then. It runs when SPAPI_BENCH_PRISM is 1 ("make bench-prism").
//
// Prism is given every advantage: it logs nothing, and its answers are the model's examples, while the emulator checks tokens and
// answers from its world.
func TestPrism(t *testing.T) {
	if os.Getenv("SPAPI_BENCH_PRISM") != "1" {
		t.Skip("a measurement of a minute: make bench-prism")
	}
	node := needNode(t, "prism")
	model := findModel(t, "ordersV0.json")
	binary := filepath.Join(t.TempDir(), "spapi")
	if out, err := exec.CommandContext(t.Context(), "go", "build", "-o", binary, "../cmd/spapi").CombinedOutput(); err != nil {
		t.Fatalf("build spapi: %v\n%s", err, out)
	}
	prism, err := filepath.Abs("prism/node_modules/@stoplight/prism-cli/dist/index.js")
	if err != nil {
		t.Fatal(err)
	}
	ours := measure(t, func(port string) (*exec.Cmd, func(base string) (http.Header, bool)) {
		return exec.Command(binary, "emulator", "--listen", "127.0.0.1:"+port, "--no-limits", "--seed", "1"), takeToken
	})
	theirs := measure(t, func(port string) (*exec.Cmd, func(base string) (http.Header, bool)) {
		return exec.Command(node, prism, "mock", "--port", port, "--verboseLevel", "silent", model), func(string) (http.Header, bool) { return http.Header{}, true }
	})
	t.Logf("start to first answer: spapi %v, prism %v: %.1f times as fast", ours.start, theirs.start, float64(theirs.start)/float64(ours.start))
	for i, o := range ours.loads {
		p := theirs.loads[i]
		t.Logf("%s: spapi %.0f per second (%v of processor time and %d bytes each), prism %.0f per second (%v, %d bytes): %.1f times as many",
			o.name, o.rate, o.cpu, o.size, p.rate, p.cpu, p.size, o.rate/p.rate)
		if o.rate < 10*p.rate {
			t.Errorf("%s: less than 10 times as many", o.name)
		}
	}
	if ours.start*10 > theirs.start {
		t.Error("start: less than 10 times as fast")
	}
}

type figures struct {
	start time.Duration
	loads []load
}

type load struct {
	name string
	rate float64       // per second
	cpu  time.Duration // processor time of the server for each; 0 where the system doesn't tell
	size int           // bytes of a body
}

// starts is how often each server is started; the median counts.
const starts = 5

// measure starts a server some times and puts load on it the last time.
func measure(t *testing.T, server func(port string) (*exec.Cmd, func(string) (http.Header, bool))) figures {
	t.Helper()
	var times []time.Duration
	for i := range starts {
		port := freePort(t)
		base := "http://127.0.0.1:" + port
		cmd, prepare := server(port)
		began := time.Now()
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		stop := func() { _ = cmd.Process.Kill(); _ = cmd.Wait() }
		header, first := firstAnswer(t, base, prepare)
		times = append(times, first.Sub(began))
		if i == starts-1 {
			f := figures{start: slices.Sorted(slices.Values(times))[starts/2].Round(time.Millisecond / 10)}
			id := orderID(t, base, header)
			f.loads = []load{
				push(t, cmd.Process.Pid, "getOrder", base+"/orders/v0/orders/"+id, header),
				push(t, cmd.Process.Pid, "getOrders, one order", base+"/orders/v0/orders?MaxResultsPerPage=1&CreatedAfter=2020-01-01T00%3A00%3A00Z&MarketplaceIds=ATVPDKIKX0DER", header),
			}
			stop()
			return f
		}
		stop()
	}
	return figures{}
}

// firstAnswer asks until the server has answered an SP-API request.
func firstAnswer(t *testing.T, base string, prepare func(string) (http.Header, bool)) (http.Header, time.Time) {
	t.Helper()
	for deadline := time.Now().Add(time.Minute); time.Now().Before(deadline); time.Sleep(time.Millisecond) {
		header, ok := prepare(base)
		if !ok {
			continue
		}
		if status, _ := ask(base+"/orders/v0/orders?CreatedAfter=2020-01-01T00%3A00%3A00Z&MarketplaceIds=ATVPDKIKX0DER&MaxResultsPerPage=1", header); status == http.StatusOK {
			return header, time.Now()
		}
	}
	t.Fatal("no answer within a minute")
	return nil, time.Time{}
}

// takeToken gets an access token from the emulator.
func takeToken(base string) (http.Header, bool) {
	status, body := ask(base+"/_emulator/accounts", nil)
	var known struct {
		Accounts []map[string]any `json:"accounts"`
	}
	if status != http.StatusOK || json.Unmarshal(body, &known) != nil || len(known.Accounts) == 0 {
		return nil, false
	}
	form := url.Values{"grant_type": {"refresh_token"}}
	for _, name := range []string{"refresh_token", "client_id", "client_secret"} {
		form.Set(name, fmt.Sprint(known.Accounts[0][name]))
	}
	resp, err := http.PostForm(base+"/auth/o2/token", form)
	if err != nil {
		return nil, false
	}
	defer resp.Body.Close()
	var token struct {
		AccessToken string `json:"access_token"`
	}
	if json.NewDecoder(resp.Body).Decode(&token) != nil || token.AccessToken == "" {
		return nil, false
	}
	return http.Header{"X-Amz-Access-Token": {token.AccessToken}}, true
}

// orderID is one that the emulator knows; Prism takes any.
func orderID(t *testing.T, base string, header http.Header) string {
	t.Helper()
	_, body := ask(base+"/orders/v0/orders?CreatedAfter=2020-01-01T00%3A00%3A00Z&MarketplaceIds=ATVPDKIKX0DER&MaxResultsPerPage=1", header)
	_, rest, found := bytes.Cut(body, []byte(`"AmazonOrderId":"`))
	if !found {
		t.Fatalf("no order in %.300s", body)
	}
	id, _, _ := bytes.Cut(rest, []byte(`"`))
	return string(id)
}

func ask(target string, header http.Header) (int, []byte) {
	r, err := http.NewRequest("GET", target, nil)
	if err != nil {
		return 0, nil
	}
	for name, values := range header {
		r.Header[name] = values
	}
	resp, err := http.DefaultClient.Do(r)
	if err != nil {
		return 0, nil
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		return 0, nil
	}
	return resp.StatusCode, body
}

const (
	pushers  = 8
	pushTime = 5 * time.Second
)

// push asks from several connections at once, after a second to get warm. It writes the request's bytes itself: net/http's client takes as
// much time as a server, which would then be missing on a computer with few cores.
func push(t *testing.T, pid int, name, target string, header http.Header) load {
	t.Helper()
	r, err := http.NewRequest("GET", target, nil)
	if err != nil {
		t.Fatal(err)
	}
	r.Header = header.Clone()
	var request bytes.Buffer
	if err := r.Write(&request); err != nil {
		t.Fatal(err)
	}
	var answered, size, failed atomic.Int64
	var answers atomic.Int64 // also before counting begins
	used := processorTime(pid)
	began := time.Now().Add(time.Second)
	end := began.Add(pushTime)
	var all sync.WaitGroup
	for range pushers {
		all.Go(func() {
			conn, err := net.Dial("tcp", r.URL.Host)
			if err != nil {
				failed.Add(1)
				return
			}
			defer conn.Close()
			for incoming := bufio.NewReader(conn); time.Now().Before(end); {
				if _, err := conn.Write(request.Bytes()); err != nil {
					failed.Add(1)
					return
				}
				resp, err := http.ReadResponse(incoming, nil)
				if err != nil || resp.StatusCode != http.StatusOK {
					failed.Add(1)
					return
				}
				n, err := io.Copy(io.Discard, resp.Body)
				if err != nil {
					failed.Add(1)
					return
				}
				size.Store(n)
				answers.Add(1)
				if time.Now().After(began) {
					answered.Add(1)
				}
			}
		})
	}
	all.Wait()
	if n := failed.Load(); n > 0 {
		t.Errorf("%s: %d of %d connections failed", target, n, pushers)
	}
	used = processorTime(pid) - used
	return load{name, float64(answered.Load()) / pushTime.Seconds(), (used / time.Duration(max(answers.Load(), 1))).Round(time.Microsecond), int(size.Load())}
}

// processorTime is how long a process has computed so far, as Linux tells in hundredths of a second (proc_pid_stat(5), utime and stime).
func processorTime(pid int) time.Duration {
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return 0
	}
	fields := strings.Fields(string(b[bytes.LastIndexByte(b, ')')+1:]))
	if len(fields) < 13 {
		return 0
	}
	sum := 0
	for _, f := range fields[11:13] {
		n, err := strconv.Atoi(f)
		if err != nil {
			return 0
		}
		sum += n
	}
	return time.Duration(sum) * 10 * time.Millisecond
}

func freePort(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	_, port, err := net.SplitHostPort(l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	return port
}

// findModel finds a model by its name in the checkout of Amazon's models that SPAPI_MODELS names.
func findModel(t *testing.T, name string) string {
	t.Helper()
	dir := os.Getenv("SPAPI_MODELS")
	if dir == "" {
		t.Fatal("SPAPI_MODELS names no checkout of Amazon's models")
	}
	found := ""
	err := filepath.WalkDir(dir, func(path string, _ os.DirEntry, err error) error {
		if strings.HasSuffix(path, string(filepath.Separator)+name) {
			found = path
		}
		return err
	})
	if err != nil || found == "" {
		t.Fatalf("no %s below %s: %v", name, dir, err)
	}
	return found
}
