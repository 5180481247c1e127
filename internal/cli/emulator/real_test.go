//go:build unix

package emulator_test

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/openspapi/spapi/internal/cli"
)

// These tests run the command as its users do, in processes of its own, with programs that are no part of this project.

// built is the path of the command: a copy of this test's program, which is the command under that name.
var built string

func TestMain(m *testing.M) {
	if filepath.Base(os.Args[0]) == "spapi" {
		os.Exit(cli.Main())
	}
	dir, err := os.MkdirTemp("", "spapi-test-*")
	if err != nil {
		panic(err)
	}
	built = filepath.Join(dir, "spapi")
	goleak.VerifyTestMain(m, goleak.Cleanup(func(status int) {
		_ = os.RemoveAll(dir)
		os.Exit(status)
	}))
}

// copying makes the copy, when it is first needed.
var copying = sync.OnceValue(func() error {
	self, err := os.Executable()
	if err != nil {
		return err
	}
	program, err := os.ReadFile(self)
	if err != nil {
		return err
	}
	return os.WriteFile(built, program, 0o700) //nolint:gosec // it is to be run
})

// need skips a test, aloud, where a program is missing.
func need(t *testing.T, program string) {
	t.Helper()
	if _, err := exec.LookPath(program); err != nil {
		t.Skipf("there is no %s: what it does with the emulator was not tried", program)
	}
}

// house is a home of its own, with nothing of this machine's user.
type house struct {
	t    *testing.T
	home string
	tmp  string
	more []string // variables
}

func newHouse(t *testing.T) *house {
	t.Helper()
	if err := copying(); err != nil {
		t.Fatal(err)
	}
	h := &house{t: t, home: t.TempDir(), tmp: t.TempDir()}
	t.Cleanup(func() {
		left, err := os.ReadDir(h.tmp)
		if err != nil || len(left) > 0 {
			t.Errorf("temporary files are left: %v %v", left, err)
		}
	})
	return h
}

func (h *house) env() []string {
	return append([]string{"PATH=" + filepath.Dir(built) + string(os.PathListSeparator) + os.Getenv("PATH"), "HOME=" + h.home, "TMPDIR=" + h.tmp}, h.more...)
}

func (h *house) command(name string, args ...string) *exec.Cmd {
	cmd := exec.CommandContext(h.t.Context(), name, args...)
	cmd.Env = h.env()
	cmd.WaitDelay = 10 * time.Second
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true} // what is sent to its group doesn't reach this test
	return cmd
}

// run runs a command and returns its status and what it printed.
func (h *house) run(name string, args ...string) (status int, stdout, stderr string) {
	h.t.Helper()
	cmd := h.command(name, args...)
	var out, errs bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &errs
	err := cmd.Run()
	if _, ended := errors.AsType[*exec.ExitError](err); err != nil && !ended {
		h.t.Fatalf("%s %q: %v", name, args, err)
	}
	return cmd.ProcessState.ExitCode(), out.String(), errs.String()
}

// ready is the line that the emulator prints.
type ready struct {
	URL           string `json:"url"`
	LWAURL        string `json:"lwa_url"`
	STSURL        string `json:"sts_url"`
	ClientID      string `json:"client_id"`
	ClientSecret  string `json:"client_secret"`
	RefreshToken  string `json:"refresh_token"`
	Region        string `json:"region"`
	MarketplaceID string `json:"marketplace_id"`
	CAFile        string `json:"ca_file"`
	Socket        string `json:"socket"`
	PID           int    `json:"pid"`
}

// serve starts "spapi emulator" and stops it at the end of the test, when it must have printed the one line.
func (h *house) serve(args ...string) ready {
	h.t.Helper()
	cmd := exec.Command(built, append([]string{"emulator", "--orders", "3"}, args...)...) // the test's context ends before its cleanup
	cmd.Env = h.env()
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		h.t.Fatal(err)
	}
	cmd.Stderr = h.t.Output()
	if err := cmd.Start(); err != nil {
		h.t.Fatal(err)
	}
	lines := bufio.NewReader(stdout)
	text, err := lines.ReadBytes('\n')
	if err != nil {
		h.t.Fatal(err)
	}
	h.t.Cleanup(func() {
		_ = cmd.Process.Signal(os.Interrupt)
		if rest, err := io.ReadAll(lines); err != nil || len(rest) > 0 {
			h.t.Errorf("behind the first line there is %q, %v", rest, err)
		}
		if err := cmd.Wait(); err != nil {
			h.t.Errorf("the emulator ended with %v", err)
		}
	})
	var line ready
	if err := json.Unmarshal(text, &line); err != nil {
		h.t.Fatalf("%q: %v", text, err)
	}
	if line.PID != 0 || line.Region == "" || line.MarketplaceID == "" {
		h.t.Errorf("the first line is %s", text)
	}
	return line
}

// curl calls, and returns the status of the answer, or curl's own message.
func (h *house) curl(args ...string) string {
	h.t.Helper()
	status, out, errs := h.run("curl", append([]string{"-sS", "-o", os.DevNull, "-w", "%{http_code}"}, args...)...)
	if status != 0 {
		return strings.TrimSpace(errs)
	}
	return out
}

// What curl alone needs, in each of the ways that there are.
func TestCurl(t *testing.T) {
	need(t, "curl")
	h := newHouse(t)
	at := h.serve("--tls", "--region", "eu")
	if !strings.HasPrefix(at.URL, "https://127.0.0.1:") || !strings.HasPrefix(at.LWAURL, at.URL+"/") || !strings.HasPrefix(at.STSURL, at.URL+"/") ||
		at.Region != "eu" || at.MarketplaceID != "A1PA6795UKMFR9" {
		t.Errorf("the first line is %+v", at)
	}
	address := strings.TrimPrefix(at.URL, "https://")
	_, port, err := net.SplitHostPort(address)
	if err != nil {
		t.Fatal(err)
	}
	tokenBody := []string{"-d", "grant_type=refresh_token", "-d", "client_id=" + at.ClientID, "-d", "client_secret=" + at.ClientSecret,
		"--data-urlencode", "refresh_token=" + at.RefreshToken}
	const host = "sellingpartnerapi-eu.amazon.com"
	for _, c := range []struct {
		name string
		args []string
		want string
	}{
		{"its address", append([]string{"--cacert", at.CAFile, at.LWAURL}, tokenBody...), "200"},
		{"plain http on the same port", append([]string{"http://" + address + "/auth/o2/token"}, tokenBody...), "200"},
		{"Amazon's host by --connect-to", append([]string{"--cacert", at.CAFile, "--connect-to", "::" + address,
			"https://api.amazon.com/auth/o2/token"}, tokenBody...), "200"},
		{"by --resolve", []string{"--cacert", at.CAFile, "--resolve", host + ":" + port + ":127.0.0.1",
			"https://" + host + ":" + port + "/sellers/v1/marketplaceParticipations"}, "403"},
		{"proxy, https", append([]string{"--cacert", at.CAFile, "-x", "http://" + address, "https://api.amazon.com/auth/o2/token"}, tokenBody...), "200"},
		{"proxy, http", append([]string{"-x", "http://" + address, "http://api.amazon.com/auth/o2/token"}, tokenBody...), "200"},
		{"proxy for somebody else", []string{"-x", "http://" + address, "http://example.com/"}, "403"},
		{"proxy for somebody else, https", []string{"--cacert", at.CAFile, "-x", "http://" + address, "https://example.com/"}, "403"},
		{"without the authority", []string{"--connect-to", "::" + address, "https://api.amazon.com/"}, "certificate"},
	} {
		if got := h.curl(c.args...); !strings.Contains(got, c.want) {
			t.Errorf("%s: %q, want %s", c.name, got, c.want)
		}
	}
}

// A socket in place of a port, and one that was left behind by an emulator which was killed.
func TestSocket(t *testing.T) {
	need(t, "curl")
	h := newHouse(t)
	dir, err := os.MkdirTemp("/tmp", "spapi") // the path of a socket must be short
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	path := filepath.Join(dir, "s")
	stale, err := net.ListenUnix("unix", &net.UnixAddr{Name: path, Net: "unix"})
	if err != nil {
		t.Fatal(err)
	}
	stale.SetUnlinkOnClose(false)
	if err := stale.Close(); err != nil {
		t.Fatal(err)
	}
	at := h.serve("--listen", "unix:"+path)
	if want := "http+unix://" + strings.ReplaceAll(path, "/", "%2F"); at.URL != want || at.Socket != path || at.LWAURL != want+"/auth/o2/token" {
		t.Errorf("the first line is %+v, want url %s", at, want)
	}
	if got := h.curl("--unix-socket", path, "http://localhost/sellers/v1/marketplaceParticipations"); got != "403" {
		t.Errorf("http: %s", got)
	}
	if got := h.curl("--unix-socket", path, "--cacert", at.CAFile, "https://api.amazon.com/auth/o2/token", "-d", "grant_type=x"); got != "400" {
		t.Errorf("https: %s", got)
	}
	if got := h.curl("--unix-socket", path, "http://localhost/_emulator/"); got != "200" {
		t.Errorf("control plane: %s", got)
	}
	if status, _, errs := h.run(built, "emulator", "--listen", "unix:"+path); status != 1 || !strings.Contains(errs, "another process listens there") {
		t.Errorf("a second one: status %d, %s", status, errs)
	}
}

// The environment for a shell works as it stands, also from a process in the background, which outlives the command and nothing else.
func TestEnvOfAShell(t *testing.T) {
	need(t, "curl")
	h := newHouse(t)
	h.more = []string{"AWS_PROFILE=real", "AWS_SESSION_TOKEN=real", "SPAPI_ACCOUNT=real", "LWA_CLIENT_SECRET_OTHER=real",
		"NO_PROXY=a'b $(false) `false` \"x\",.corp.example"}
	const script = `set -eu
eval "$(spapi emulator --env --background --fault latency,operation=lwa.*,latency=1ms)"
trap 'kill "$SPAPI_EMULATOR_PID"' EXIT
trap : INT
kill -INT 0 # as Ctrl-C does
env | grep real && exit 9
echo "$NO_PROXY"
spapi orders list --limit 1 --jq length
curl -sS -o /dev/null -w '%{http_code}\n' https://sellingpartnerapi-na.amazon.com/sellers/v1/marketplaceParticipations
curl -sS -o /dev/null -w '%{http_code}\n' "$SPAPI_ENDPOINT/_emulator/"
echo "$SPAPI_EMULATOR_PID $SPAPI_EMULATOR_ADDRESS"
`
	status, out, errs := h.run("sh", "-c", script)
	lines := strings.Split(strings.TrimSpace(out), "\n")
	if status != 0 || len(lines) != 5 || !strings.HasSuffix(lines[0], ",a'b,$(false),`false`,\"x\",.corp.example") ||
		!slices.Equal(lines[1:4], []string{"1", "403", "200"}) {
		t.Fatalf("status %d\n%s%s", status, out, errs)
	}
	id, address, _ := strings.Cut(lines[4], " ")
	pid, err := strconv.Atoi(id)
	if err != nil {
		t.Fatal(err)
	}
	waitGone(t, pid)
	if c, err := net.Dial("tcp", address); err == nil {
		_ = c.Close()
		t.Errorf("somebody still listens on %s", address)
	}
}

// waitGone waits for the end of a process that is no child of this one.
func waitGone(t *testing.T, pid int) {
	t.Helper()
	for end := time.Now().Add(time.Minute); syscall.Kill(pid, 0) == nil; {
		if b, err := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/stat"); err == nil && strings.Contains(string(b), ") Z ") {
			return // it has ended, and whoever should take note of that doesn't
		}
		if time.Now().After(end) {
			t.Fatalf("process %d has not ended", pid)
		}
		runtime.Gosched()
	}
}

// Without --env, an emulator in the background tells by its line which process it is.
func TestBackground(t *testing.T) {
	h := newHouse(t)
	status, out, errs := h.run(built, "emulator", "--background", "--orders", "3")
	var line ready
	if err := json.Unmarshal([]byte(out), &line); err != nil || status != 0 || errs != "" || line.PID == 0 {
		t.Fatalf("status %d, %v: %s%s", status, err, out, errs)
	}
	resp, err := http.Get(line.URL + "/_emulator/")
	if err != nil {
		t.Fatal(err)
	}
	_ = resp.Body.Close()
	http.DefaultClient.CloseIdleConnections()
	if err := syscall.Kill(line.PID, syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	waitGone(t, line.PID)
}

// Where no folder can be written to, plain http goes all the same, and what needs a certificate says why it doesn't.
func TestWithoutCache(t *testing.T) {
	need(t, "curl")
	h := newHouse(t)
	h.more = []string{"HOME=/dev/null", "XDG_CACHE_HOME=/dev/null/cache"}
	at := h.serve()
	if at.CAFile != "" {
		t.Errorf("the authority is in %s", at.CAFile)
	}
	if got := h.curl(at.LWAURL, "-d", "grant_type=x"); got != "400" {
		t.Errorf("http: %s", got)
	}
	for _, args := range [][]string{{"--tls"}, {"--env"}, {"--env", "--background"}, {"run", "true"}, {"ca"}, {"clients"}} {
		if status, out, errs := h.run(built, append([]string{"emulator"}, args...)...); status != 1 || out != "" || strings.Count(errs, "--ca-dir names a") < 1 ||
			!strings.Contains(errs, "certificate authority") || strings.Contains(errs, "killed") {
			t.Errorf("%q: status %d, %q, %q", args, status, out, errs)
		}
	}
}

// An emulator in the background that can't start says why, and its status is the command's.
func TestBackgroundFails(t *testing.T) {
	h := newHouse(t)
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	status, out, errs := h.run(built, "emulator", "--background", "--listen", l.Addr().String())
	if status != 1 || out != "" || !strings.Contains(errs, "address already in use") || strings.Count(errs, "\n") != 1 {
		t.Errorf("status %d, %q, %q", status, out, errs)
	}
}

// What runs for the user ends with its own status, in every way in which it can end.
func TestRunStatus(t *testing.T) {
	h := newHouse(t)
	notExecutable := filepath.Join(t.TempDir(), "data")
	if err := os.WriteFile(notExecutable, []byte("data"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		name string
		args []string
		want int
		said string
	}{
		{"success", []string{"true"}, 0, ""},
		{"failure", []string{"--", "sh", "-c", "exit 7"}, 7, ""},
		{"flags of its own", []string{"sh", "-c", "exit 8"}, 8, ""},
		{"a signal", []string{"--", "sh", "-c", "kill -9 $$"}, 137, ""},
		{"not found", []string{"--", "no-such-command"}, 127, "spapi emulator run: no-such-command: command not found\n"},
		{"no such file", []string{"--", "./no-such-file"}, 127, "spapi emulator run: ./no-such-file: command not found\n"},
		{"not executable", []string{"--", notExecutable}, 126, "spapi emulator run: " + notExecutable + ": can't be executed: permission denied\n"},
		{"the time is over", []string{"--timeout", "1s", "--", "sleep", "60"}, 124,
			"spapi emulator run: timed out after 1s (--timeout)\n  Give it more time with --timeout, or leave that out.\n"},
	} {
		status, out, errs := h.run(built, append([]string{"emulator", "run", "--orders", "3"}, c.args...)...)
		if status != c.want || out != "" || errs != c.said {
			t.Errorf("%s: status %d, want %d; stdout %q, stderr %q, want %q", c.name, status, c.want, out, errs, c.said)
		}
	}
}

// Signals reach the command, whether this process alone is sent them or the whole group, and it is the command that decides what becomes of them.
func TestRunSignals(t *testing.T) {
	for _, c := range []struct {
		name   string
		trap   string
		signal syscall.Signal
		group  bool
		want   int
	}{
		{"SIGTERM to spapi", `trap 'echo caught; exit 3' TERM`, syscall.SIGTERM, false, 3},
		{"SIGHUP to spapi", `trap 'echo caught; exit 4' HUP`, syscall.SIGHUP, false, 4},
		{"SIGINT to the group", `trap 'echo caught; exit 5' INT`, syscall.SIGINT, true, 5},
		{"SIGTERM that nobody catches", `:`, syscall.SIGTERM, false, 128 + 15},
		{"SIGINT that nobody catches", `:`, syscall.SIGINT, true, 128 + 2},
	} {
		t.Run(c.name, func(t *testing.T) {
			h := newHouse(t)
			cmd := h.command(built, "emulator", "run", "--orders", "3", "--", "sh", "-c", c.trap+`; echo "$SPAPI_EMULATOR_ADDRESS $$"; while :; do sleep 0.02; done`)
			cmd.Stderr = t.Output()
			stdout, err := cmd.StdoutPipe()
			if err != nil {
				t.Fatal(err)
			}
			if err := cmd.Start(); err != nil {
				t.Fatal(err)
			}
			lines := bufio.NewReader(stdout)
			first, err := lines.ReadString('\n')
			if err != nil {
				t.Fatal(err)
			}
			address, id, _ := strings.Cut(strings.TrimSpace(first), " ")
			to := cmd.Process.Pid
			if c.group {
				to = -to
			}
			if err := syscall.Kill(to, c.signal); err != nil {
				t.Fatal(err)
			}
			rest, err := io.ReadAll(lines)
			if err != nil {
				t.Fatal(err)
			}
			_ = cmd.Wait()
			if got := cmd.ProcessState.ExitCode(); got != c.want {
				t.Errorf("status %d, want %d", got, c.want)
			}
			if caught := strings.HasPrefix(string(rest), "caught"); caught != (c.trap != ":") {
				t.Errorf("it printed %q", rest)
			}
			if pid, err := strconv.Atoi(id); err != nil || syscall.Kill(pid, 0) == nil {
				t.Errorf("the command goes on: %s, %v", id, err)
			}
			if c, err := net.Dial("tcp", address); err == nil {
				_ = c.Close()
				t.Error("the emulator goes on")
			}
		})
	}
}

// A command that calls Amazon's hosts, with its input and output as they are; afterwards the files are there that it was asked for.
func TestRunCurl(t *testing.T) {
	need(t, "curl")
	h := newHouse(t)
	dir := t.TempDir()
	own := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "own") }))
	defer own.Close()
	h.more = []string{"OWN=" + strings.Replace(own.URL, "127.0.0.1", "localhost", 1)}
	cmd := h.command(built, "emulator", "run", "--region", "fe", "--request-log", filepath.Join(dir, "log"),
		"--export-on-exit", filepath.Join(dir, "state"), "--", "sh", "-c", `
		cat
		curl -sS https://api.amazon.com/auth/o2/token -d grant_type=refresh_token --data-urlencode "refresh_token=$SPAPI_REFRESH_TOKEN" \
			-d "client_id=$LWA_APP_ID" -d "client_secret=$LWA_CLIENT_SECRET" \
			| sed 's/.*"access_token":"\([^"]*\)".*/\1/' >"$HOME/token"
		curl -sS https://sellingpartnerapi-fe.amazon.com/sellers/v1/marketplaceParticipations -H "x-amz-access-token: $(cat "$HOME/token")"
		echo
		curl -sS "$OWN"
		echo diagnosis >&2
		exit 6`)
	cmd.Stdin = strings.NewReader("input\n")
	var out, errs bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &errs
	if err := cmd.Run(); cmd.ProcessState.ExitCode() != 6 || errs.String() != "diagnosis\n" {
		t.Errorf("%v, %s", err, &errs)
	}
	if got := out.String(); !strings.HasPrefix(got, "input\n{\"payload\":[{") || !strings.Contains(got, "A1VC38T7YXB528") || !strings.HasSuffix(got, "\nown") {
		t.Errorf("printed %s", got)
	}
	log, err := os.ReadFile(filepath.Join(dir, "log"))
	if err != nil || bytes.Count(log, []byte("\n")) != 2 || !regexp.MustCompile(`"operation":"sellersv1.getMarketplaceParticipations".*"status":200`).Match(log) {
		t.Errorf("the log is %s, %v", log, err)
	}
	if state, err := os.ReadFile(filepath.Join(dir, "state")); err != nil || !json.Valid(state) {
		t.Errorf("the state is %.40s…, %v", state, err)
	}
}

// Every way in which Node.js opens connections leads to the emulator for Amazon's hosts, and to nowhere else for others.
func TestRunNode(t *testing.T) {
	need(t, "node")
	h := newHouse(t)
	h.more = []string{"NODE_OPTIONS=--no-warnings"}
	own := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.Header().Set("X-Own", "own") }))
	defer own.Close()
	dir := filepath.Join(t.TempDir(), `it's a "folder"`)
	status, out, errs := h.run(built, "emulator", "run", "--ca-dir", dir, "--", "node", "testdata/clients.cjs", strings.TrimPrefix(own.URL, "http://"))
	var result map[string]map[string]string
	if err := json.Unmarshal([]byte(out), &result); err != nil || status != 0 || errs != "" {
		t.Fatalf("status %d, %v\n%s%s", status, err, out, errs)
	}
	count := 0
	for thread, found := range result {
		for way, got := range found {
			count++
			want := "emulator"
			switch {
			case strings.HasPrefix(way, "own"):
				want = "own"
			case way == "no such host":
				want = "ENOTFOUND"
			}
			if got != want && !(want == "ENOTFOUND" && got == "EAI_AGAIN") {
				t.Errorf("%s, %s: %s, want %s", thread, way, got, want)
			}
		}
	}
	if count != 34 {
		t.Errorf("%d ways were tried", count)
	}
	// Where it isn't told where the emulator is, it doesn't let a call through to Amazon.
	_, out, _ = h.run(built, "emulator", "run", "--ca-dir", dir, "--", "env", "SPAPI_EMULATOR_ADDRESS=", "node", "-e",
		`fetch("https://api.amazon.com/").then(() => console.log("answered"), (e) => console.log(e.cause.message))`)
	if !strings.Contains(out, "no connection to api.amazon.com") {
		t.Errorf("without an address: %s", out)
	}
}

// Java finds proxy and trust store in its environment, also where paths have blanks.
func TestRunJava(t *testing.T) {
	need(t, "java")
	h := newHouse(t)
	source := filepath.Join(t.TempDir(), "Call.java")
	if err := os.WriteFile(source, []byte(`
		import java.net.*;
		import java.net.http.*;
		public class Call {
			public static void main(String[] args) throws Exception {
				HttpURLConnection c = (HttpURLConnection) new URL("https://sellingpartnerapi-na.amazon.com/x").openConnection();
				HttpResponse<String> r = HttpClient.newHttpClient().send(
					HttpRequest.newBuilder(URI.create("https://sellingpartnerapi-eu.amazon.com/x")).build(), HttpResponse.BodyHandlers.ofString());
				System.out.println(c.getResponseCode() + " " + r.statusCode());
			}
		}`), 0o600); err != nil {
		t.Fatal(err)
	}
	h.more = []string{"JAVA_TOOL_OPTIONS=-Djava.io.tmpdir=" + t.TempDir() + " -XX:-UsePerfData"}
	status, out, errs := h.run(built, "emulator", "run", "--ca-dir", filepath.Join(t.TempDir(), `it's "here"`), "--", "java", source)
	if status == 1 && strings.Contains(errs, "jdk.compiler") {
		t.Skip("this Java has no compiler: what it does with the emulator was not tried")
	}
	if status != 0 || strings.TrimSpace(out) != "403 403" {
		t.Errorf("status %d: %s%s", status, out, errs)
	}
}

// Python, PHP and Ruby, each by a library that heeds the proxy and by one that doesn't.
func TestRunOthers(t *testing.T) {
	for program, scripts := range map[string][]string{
		"python3": {`
import urllib.request, urllib.error
try: urllib.request.urlopen("https://sellingpartnerapi-na.amazon.com/x")
except urllib.error.HTTPError as e: print(e.code)`, `
import asyncio, http.client, ssl
c = http.client.HTTPSConnection("SellingPartnerAPI-EU.amazon.com")
c.request("GET", "/x")
assert c.getresponse().status == 403
async def bare():
    r, w = await asyncio.open_connection("api.amazon.com", 443, ssl=ssl.create_default_context())
    w.write(b"GET /x HTTP/1.1\r\nHost: sellingpartnerapi-na.amazon.com\r\nConnection: close\r\n\r\n")
    print((await r.readline()).split()[1].decode())
    w.close()
asyncio.run(bare())`, `
import socket, ssl
s = ssl.create_default_context().wrap_socket(socket.socket(), server_hostname="api.amazon.com")
s.connect(("api.amazon.com", 443)) # which looks the name up by itself
s.sendall(b"GET /x HTTP/1.1\r\nHost: sellingpartnerapi-na.amazon.com\r\nConnection: close\r\n\r\n")
print(s.recv(100).split()[1].decode())`, `
import _socket, os
at = os.environ["SPAPI_EMULATOR_ADDRESS"].split(":") # gevent looks names up by this function
print(403 if _socket.getaddrinfo("api.amazon.com", 443)[0][4] == (at[0], int(at[1])) else "led elsewhere")`, `
import os, socket
os.environ["SPAPI_EMULATOR_ADDRESS"] = ""
try: socket.create_connection(("api.amazon.com", 443))
except OSError as e: print(403 if "no connection to api.amazon.com" in str(e) else e)`},
		"php": {`$c = curl_init("https://sellingpartnerapi-na.amazon.com/x"); curl_setopt($c, CURLOPT_RETURNTRANSFER, true);
			curl_exec($c); echo curl_getinfo($c, CURLINFO_RESPONSE_CODE);`},
		"ruby": {`require "net/http"; puts Net::HTTP.get_response(URI("https://sellingpartnerapi-na.amazon.com/x")).code`, `
require "net/http"
http = Net::HTTP.new("sellingpartnerapi-na.amazon.com", 443, nil) # no proxy
http.use_ssl = true
puts http.get("/x").code`, `
require "socket"
s = Socket.tcp("api.amazon.com", 80)
s.write("GET /x HTTP/1.1\r\nHost: sellingpartnerapi-na.amazon.com\r\nConnection: close\r\n\r\n")
puts s.gets.split[1]`, `
require "socket"
s = Socket.new(:INET, :STREAM)
s.connect(Addrinfo.getaddrinfo("api.amazon.com", 80, nil, :STREAM).first)
s.write("GET /x HTTP/1.1\r\nHost: sellingpartnerapi-na.amazon.com\r\nConnection: close\r\n\r\n")
puts s.gets.split[1]`},
	} {
		t.Run(program, func(t *testing.T) {
			need(t, program)
			h := newHouse(t)
			own, dir := t.TempDir(), filepath.Join(t.TempDir(), `it's "here" in $HOME\n`)
			if err := os.WriteFile(filepath.Join(own, "sitecustomize.py"), []byte("import os\nos.environ['OWN'] = 'loaded'\n"), 0o600); err != nil {
				t.Fatal(err)
			}
			h.more = []string{"PYTHONPATH=" + own}
			flag := map[string]string{"python3": "-c", "php": "-r", "ruby": "-e"}[program]
			for _, script := range scripts {
				if status, out, errs := h.run(built, "emulator", "run", "--ca-dir", dir, "--", program, flag, script); status != 0 || strings.TrimSpace(out) != "403" {
					t.Errorf("%s\nstatus %d: %s%s", script, status, out, errs)
				}
			}
			if program != "python3" {
				return
			}
			if _, out, errs := h.run(built, "emulator", "run", "--", program, flag, `import os; print(os.environ["OWN"])`); strings.TrimSpace(out) != "loaded" {
				t.Errorf("the program's own sitecustomize: %s%s", out, errs)
			}
		})
	}
}

// Ctrl-C reaches the command from the terminal: it must not come a second time from here.
func TestRunCtrlC(t *testing.T) {
	need(t, "python3")
	h := newHouse(t)
	status, out, errs := h.run("python3", "testdata/terminal.py", built, "emulator", "run", "--orders", "3", "--", "python3", "-c", `
import signal, sys
signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGINT])
for typed in range(20): # two that come at once are one
    print("again", flush=True)
    signal.sigtimedwait([signal.SIGINT], 30)
print("too many" if signal.sigtimedwait([signal.SIGINT], 0.1) else "done")
sys.exit(5)`)
	if status != 0 || !strings.HasSuffix(out, "done\n5\n") {
		t.Errorf("status %d: %s%s", status, out, errs)
	}
}
