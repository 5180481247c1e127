package cli_test

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"
)

// runningGateway is a process "spapi gateway".
type runningGateway struct {
	t     *testing.T
	cmd   *exec.Cmd
	at    map[string]string // its first line
	rest  chan string       // what it printed after that
	ended chan error

	mu  sync.Mutex
	log bytes.Buffer
}

func (g *runningGateway) Write(b []byte) (int, error) {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.log.Write(b)
}

func (g *runningGateway) logged() string {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.log.String()
}

// waitLogged waits until it has told something.
func (g *runningGateway) waitLogged(times int, text string) {
	g.t.Helper()
	for deadline := time.Now().Add(2 * time.Minute); strings.Count(g.logged(), text) < times; time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			g.t.Fatalf("it doesn't say %d times %q:\n%s", times, text, g.logged())
		}
	}
}

// startGateway starts one in a bare home, and waits until it is ready.
func startGateway(t *testing.T, args ...string) *runningGateway {
	t.Helper()
	if testing.Short() {
		t.Skip("it starts processes")
	}
	bare(t)
	g := &runningGateway{t: t, rest: make(chan string, 1), ended: make(chan error, 1)}
	g.cmd = exec.Command("spapi", append([]string{"gateway"}, args...)...)
	g.cmd.Stderr = g
	out, err := g.cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := g.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	lines := bufio.NewReader(out)
	line, err := lines.ReadBytes('\n')
	if err != nil {
		_ = g.cmd.Wait()
		t.Fatalf("it isn't ready: %s%s", line, g.logged())
	}
	if err := json.Unmarshal(line, &g.at); err != nil {
		t.Fatalf("%s: %v", line, err)
	}
	go func() {
		rest, _ := io.ReadAll(lines)
		g.rest <- string(rest)
		g.ended <- g.cmd.Wait()
	}()
	t.Cleanup(func() { _ = g.cmd.Process.Kill() })
	return g
}

func (g *runningGateway) signal(s os.Signal) {
	g.t.Helper()
	if err := g.cmd.Process.Signal(s); err != nil {
		g.t.Fatal(err)
	}
}

// wait waits for its end in order, and looks whether it has shown its caller's key anywhere but in its first line.
func (g *runningGateway) wait() {
	g.t.Helper()
	select {
	case rest := <-g.rest:
		if err := <-g.ended; err != nil || rest != "" {
			g.t.Errorf("it ended with %v, and printed %q:\n%s", err, rest, g.logged())
		}
	case <-time.After(3 * time.Minute):
		g.t.Fatalf("it doesn't end:\n%s", g.logged())
	}
	if secret := g.at["client_secret"]; secret != "" && strings.Contains(g.logged(), secret[len(secret)-20:]) {
		g.t.Errorf("the log has the caller's key:\n%s", g.logged())
	}
}

// get calls the API with the caller's key.
func (g *runningGateway) get(path string) (int, string) {
	g.t.Helper()
	r, err := http.NewRequestWithContext(g.t.Context(), http.MethodGet, g.at["url"]+path, nil)
	if err != nil {
		g.t.Fatal(err)
	}
	r.Header.Set("X-Api-Key", g.at["client_secret"])
	res, err := (&http.Client{Transport: &http.Transport{DisableKeepAlives: true}}).Do(r)
	if err != nil {
		g.t.Fatal(err)
	}
	defer res.Body.Close()
	text, err := io.ReadAll(res.Body)
	if err != nil {
		g.t.Fatal(err)
	}
	return res.StatusCode, string(text)
}

// token asks for an access token as clients do that insist on Login with Amazon.
func (g *runningGateway) token(c *http.Client) (status int, answer map[string]any, err error) {
	form := url.Values{"grant_type": {"refresh_token"}, "client_id": {"any"}, "client_secret": {g.at["client_secret"]}, "refresh_token": {g.at["refresh_token"]}}
	res, err := c.PostForm(g.at["lwa_url"], form) //nolint:noctx // the process ends it
	if err != nil {
		return 0, nil, err
	}
	defer res.Body.Close()
	text, err := io.ReadAll(res.Body)
	if err != nil {
		return 0, nil, err
	}
	return res.StatusCode, answer, json.Unmarshal(text, &answer)
}

// TestGatewayEmulated: one command, whose first line is all that a caller needs.
func TestGatewayEmulated(t *testing.T) {
	g := startGateway(t, "--emulator", "--listen", "127.0.0.1:0")
	for _, name := range []string{"url", "lwa_url", "client_id", "client_secret", "refresh_token", "seller_id", "region", "marketplace_id", "emulator_url"} {
		if g.at[name] == "" {
			t.Errorf("the line has no %s: %v", name, g.at)
		}
	}
	if status, text := g.get(participations); status != http.StatusOK || !strings.Contains(text, g.at["marketplace_id"]) {
		t.Errorf("%d %s", status, text)
	}
	c := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	status, answer, err := g.token(c)
	if status != http.StatusOK || err != nil {
		t.Fatalf("%d %v %v", status, answer, err)
	}
	g.at["client_secret"], _ = answer["access_token"].(string)
	if status, text := g.get(participations); status != http.StatusOK {
		t.Errorf("by token: %d %s", status, text)
	}
	if status, text := g.get("/readyz"); status != http.StatusOK {
		t.Errorf("%d %s", status, text)
	}
	if status, text := g.get("/metrics"); status != http.StatusOK || !strings.Contains(text, `caller="demo"`) {
		t.Errorf("%d %s", status, text)
	}
	foreign, err := http.NewRequest(http.MethodGet, g.at["url"]+"/metrics", nil)
	if err != nil {
		t.Fatal(err)
	}
	foreign.Host = "metrics.example" // a name that leads to a loopback address
	if res, err := c.Do(foreign); err != nil || res.StatusCode != http.StatusMisdirectedRequest {
		t.Errorf("metrics by another name: %v, %v", res, err)
	}
	res, err := c.Get(g.at["emulator_url"] + "/_emulator/")
	if err != nil || res.StatusCode != http.StatusOK {
		t.Fatalf("the emulator: %v, %v", res, err)
	}
	res.Body.Close()
	if status, _ := g.get("/_emulator/"); status < 400 {
		t.Errorf("the emulator's control by the gateway: %d", status)
	}
	g.signal(os.Interrupt)
	g.wait()
}

// TestGatewayDrains: under load SIGTERM makes no call fail. What is under way gets its answer, and connections are told that there is no next one.
func TestGatewayDrains(t *testing.T) {
	g := startGateway(t, "--emulator", "--listen", "127.0.0.1:0", "--fault", "latency,latency=5s,operation=sellersv1.*")
	slow := make(chan string, 2)
	for range cap(slow) {
		go func() {
			status, text := g.get(participations)
			slow <- fmt.Sprint(status, " ", strings.Contains(text, "payload"))
		}()
	}
	waitUnderWay(t, g, cap(slow))
	var answered, refused atomic.Int64
	var wg sync.WaitGroup
	begun := make(chan struct{}, 1000)
	for range 8 {
		wg.Go(func() {
			c := &http.Client{Transport: &http.Transport{}} // connections are kept, and a POST is sent once
			defer c.CloseIdleConnections()
			for {
				status, answer, err := g.token(c)
				switch {
				case errors.Is(err, syscall.ECONNREFUSED): // it is gone, and was never asked
					refused.Add(1)
					return
				case err != nil || status != http.StatusOK:
					t.Errorf("a call failed: %d %v %v", status, answer, err)
					return
				}
				answered.Add(1)
				select {
				case begun <- struct{}{}:
				default:
				}
			}
		})
	}
	for range 200 {
		<-begun
	}
	g.signal(syscall.SIGTERM)
	for range cap(slow) {
		if got := <-slow; got != "200 true" {
			t.Errorf("a slow call: %s", got)
		}
	}
	wg.Wait()
	g.wait()
	if n := refused.Load(); n != 8 {
		t.Errorf("%d of 8 were refused at the end", n)
	}
	t.Logf("%d calls were answered", answered.Load())
}

// TestGatewayDrainIsBounded: what takes longer than there is time is answered that it was stopped; the process ends in order.
func TestGatewayDrainIsBounded(t *testing.T) {
	config := filepath.Join(t.TempDir(), "gateway.yaml")
	if err := os.WriteFile(config, []byte("drain: {timeout: 3s}\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	g := startGateway(t, "--emulator", "--listen", "127.0.0.1:0", "--config", config, "--fault", "latency,latency=5m,operation=sellersv1.*")
	slow := make(chan string, 1)
	go func() {
		status, text := g.get(participations)
		slow <- fmt.Sprint(status, " ", text)
	}()
	waitUnderWay(t, g, 1)
	g.signal(syscall.SIGTERM)
	if got := <-slow; !strings.HasPrefix(got, "503 ") || !strings.Contains(got, "the gateway was stopped before the call had ended") {
		t.Errorf("what took too long: %s", got)
	}
	g.wait()
}

// waitUnderWay waits until so many calls have begun.
func waitUnderWay(t *testing.T, g *runningGateway, calls int) {
	t.Helper()
	for deadline := time.Now().Add(2 * time.Minute); ; time.Sleep(5 * time.Millisecond) {
		if _, text := g.get("/metrics"); strings.Contains(text, fmt.Sprintf("spapi_gateway_in_flight_requests %d\n", calls)) {
			return
		}
		if time.Now().After(deadline) {
			t.Fatal("the call isn't under way")
		}
	}
}

// TestGatewaySecondSignal: who asks twice doesn't wait.
func TestGatewaySecondSignal(t *testing.T) {
	g := startGateway(t, "--emulator", "--listen", "127.0.0.1:0", "--fault", "latency,latency=5m,operation=sellersv1.*")
	go func() {
		r, _ := http.NewRequest(http.MethodGet, g.at["url"]+participations, nil) //nolint:noctx // the process ends it
		r.Header.Set("X-Api-Key", g.at["client_secret"])
		if res, err := http.DefaultClient.Do(r); err == nil {
			res.Body.Close()
		}
	}()
	waitUnderWay(t, g, 1)
	g.signal(syscall.SIGTERM)
	g.waitLogged(1, `"msg":"ending"`)
	for { // the first one takes its handler away, a moment later
		_ = g.cmd.Process.Signal(syscall.SIGTERM)
		select {
		case <-g.rest:
			if err := <-g.ended; err == nil || !strings.Contains(err.Error(), "terminated") {
				t.Errorf("it ended with %v", err)
			}
			return
		case <-time.After(10 * time.Millisecond):
		}
	}
}

// TestGatewayReloads: SIGHUP reads everything again; a file that is wrong changes nothing, and no call fails meanwhile.
func TestGatewayReloads(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("there is no SIGHUP")
	}
	dir := t.TempDir()
	config := filepath.Join(dir, "gateway.yaml")
	write := func(text string) {
		t.Helper()
		if err := os.WriteFile(config, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	write("log: {level: info}\n")
	g := startGateway(t, "--emulator", "--listen", "127.0.0.1:0", "--config", config)
	_, answer, err := g.token(http.DefaultClient)
	if err != nil {
		t.Fatal(err)
	}
	stop := make(chan struct{})
	var wg sync.WaitGroup
	calls := 0
	wg.Go(func() {
		for {
			select {
			case <-stop:
				return
			default:
			}
			if status, _, err := g.token(http.DefaultClient); err != nil || status != http.StatusOK {
				t.Errorf("a call failed: %d %v", status, err)
				return
			}
			calls++
		}
	})
	write("log: {level: info}\nlisten: nowhere\nproxi: true\n")
	g.signal(syscall.SIGHUP)
	g.waitLogged(1, "the one from before stays in force")
	for _, want := range []string{"line 3: proxi: is not known: did you mean proxy?"} {
		if !strings.Contains(g.logged(), want) {
			t.Errorf("the log doesn't say %q:\n%s", want, g.logged())
		}
	}
	write("log: {level: info, calls: true}\nmetrics: {listen: 127.0.0.1:0}\n")
	g.signal(syscall.SIGHUP)
	g.waitLogged(1, "the configuration was read again")
	if !strings.Contains(g.logged(), `"setting":"metrics"`) {
		t.Errorf("the log doesn't say that metrics count from the next start on:\n%s", g.logged())
	}
	write("log: {level: info, calls: true}\n") // as it was at the start
	told := strings.Count(g.logged(), `"setting":"metrics"`)
	g.signal(syscall.SIGHUP)
	g.waitLogged(2, "the configuration was read again")
	if n := strings.Count(g.logged(), `"setting":"metrics"`); n != told {
		t.Error("what is in force again is told to count from the next start on")
	}
	for range 20 { // while calls go on
		n := strings.Count(g.logged(), "the configuration was read again")
		g.signal(syscall.SIGHUP)
		g.waitLogged(n+1, "the configuration was read again")
	}
	close(stop)
	wg.Wait()
	g.at["client_secret"], _ = answer["access_token"].(string)
	if status, text := g.get(participations); status != http.StatusOK {
		t.Errorf("a token of before: %d %s", status, text)
	}
	g.waitLogged(1, `"operation":"sellersv1.getMarketplaceParticipations"`)
	g.signal(syscall.SIGTERM)
	g.wait()
	t.Logf("%d calls were answered", calls)
}

// TestGatewayKilled: after kill -9 the next one goes on with the same tokens, and the audit knows what was under way.
func TestGatewayKilled(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "folder")
	args := []string{"--emulator", "--listen", "127.0.0.1:0", "--folder", dir}
	g := startGateway(t, args...)
	if status, text := g.get(participations); status != http.StatusOK {
		t.Fatalf("%d %s", status, text)
	}
	secret, err := os.ReadFile(filepath.Join(dir, "secret"))
	if err != nil {
		t.Fatal(err)
	}
	g.signal(os.Kill)
	<-g.ended
	g = startGateway(t, args...)
	if status, text := g.get(participations); status != http.StatusOK {
		t.Errorf("%d %s", status, text)
	}
	if again, err := os.ReadFile(filepath.Join(dir, "secret")); err != nil || !bytes.Equal(again, secret) {
		t.Errorf("another secret: %v", err)
	}
	g.waitLogged(1, "audit")
	g.signal(syscall.SIGTERM)
	g.wait()
}

// TestGatewayProxies: clients that have Amazon's hosts built in are led through; all others are refused, the sandbox's too.
func TestGatewayProxies(t *testing.T) {
	g := startGateway(t, "--emulator", "--listen", "127.0.0.1:0", "--proxy")
	if !strings.HasPrefix(g.at["url"], "https://127.0.0.1:") || g.at["ca_file"] == "" {
		t.Fatalf("%v", g.at)
	}
	if _, err := exec.LookPath("curl"); err != nil {
		t.Skip("there is no curl")
	}
	proxy := strings.Replace(g.at["url"], "https://", "http://", 1)
	curl := func(args ...string) string {
		out, _ := exec.CommandContext(t.Context(), "curl", append([]string{"-s", "-S", "--cacert", g.at["ca_file"], "-x", proxy, "-w", " %{http_code}"}, args...)...).CombinedOutput()
		return string(out)
	}
	out := curl("-d", "grant_type=refresh_token&client_id=x&refresh_token=demo&client_secret="+g.at["client_secret"], "https://api.amazon.com/auth/o2/token")
	var answer struct {
		AccessToken string `json:"access_token"`
	}
	if err := json.NewDecoder(strings.NewReader(out)).Decode(&answer); err != nil || answer.AccessToken == "" {
		t.Fatalf("the token endpoint: %s %v", out, err)
	}
	if out := curl("-H", "x-amz-access-token: "+answer.AccessToken, "https://sellingpartnerapi-na.amazon.com"+participations); !strings.HasSuffix(out, " 200") {
		t.Errorf("SP-API: %s", out)
	}
	for _, host := range []string{"example.com", "sandbox.sellingpartnerapi-na.amazon.com", "sts.amazonaws.com"} {
		if out := curl("https://" + host + "/"); !strings.Contains(out, "403") {
			t.Errorf("%s: %s", host, out)
		}
	}
	g.signal(syscall.SIGTERM)
	g.wait()
}

// TestGatewaySocket listens at a file.
func TestGatewaySocket(t *testing.T) {
	dir, err := os.MkdirTemp("", "s") // paths of sockets are short
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	socket := filepath.Join(dir, "g")
	g := startGateway(t, "--emulator", "--listen", "unix:"+socket)
	if g.at["socket"] != socket || !strings.HasPrefix(g.at["url"], "http+unix://") {
		t.Errorf("%v", g.at)
	}
	c := &http.Client{Transport: &http.Transport{DisableKeepAlives: true, DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
		return new(net.Dialer).DialContext(ctx, "unix", socket)
	}}}
	r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "http://localhost"+participations, nil)
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("X-Api-Key", g.at["client_secret"])
	res, err := c.Do(r)
	if err != nil || res.StatusCode != http.StatusOK {
		t.Fatalf("%v %v", res, err)
	}
	res.Body.Close()
	g.signal(syscall.SIGTERM)
	g.wait()
	if _, err := os.Stat(socket); !os.IsNotExist(err) {
		t.Errorf("the socket is left: %v", err)
	}
}
