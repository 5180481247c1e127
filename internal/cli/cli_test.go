package cli_test

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/openspapi/spapi/internal/cli"
	"github.com/openspapi/spapi/internal/runner"
)

func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){
		"spapi": func() {
			if d, err := time.ParseDuration(os.Getenv("TEST_SETTLE")); err == nil {
				runner.Settle = d
			}
			os.Exit(counted(cli.Main))
		},
		"spapi-unlimited": unlimited,
		"browser":         browser,
		"aws":             aws,
	})
}

// browser stands for a seller at a browser who is shown the consent page of an emulator: it answers with its first argument, "approve" or
// "deny", and goes where it is led.
func browser() {
	if len(os.Args) != 3 {
		fmt.Fprintln(os.Stderr, "usage: browser approve|deny url")
		os.Exit(2)
	}
	resp, err := http.Get(os.Args[2] + "&emulator_consent=" + os.Args[1])
	if err == nil {
		err = resp.Body.Close()
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

// TestScripts runs the transcripts in testdata. Their own commands:
//
//	status N spapi …   the command ends with status N
//	serve args…        starts "spapi emulator args…", waits for its ready line, and sets URL, LWA_URL, STS_URL, REFRESH_TOKEN, CLIENT_ID,
//	                   APPLICATION_ID and SELLER_ID, and SPAPI_CLIENT_ID and the like; secret.txt, token.txt and all.txt hold the secrets a
//	                   line each, as stdin takes them
//	gateway args…      does the same with "spapi gateway args…", on a free port
//	spoil folder       changes an entry of the audit there
//	shopkey            sets SHOP to the id of the gateway's key of that name
//	profile NAME       writes config.json with a profile for what serve started; with a second argument its client secret is wrong
//	shippable          sets ORDER to an order that can be shipped
//	listing            sets SKU to a listing that the seller ships himself
//	get url [key]      prints status, X-Spapi-Emulator-Operation and body
//	post url body      does the same with a POST of JSON
//	interrupt SIGNAL   ends what serve started and wants status 0 within ten seconds
func TestScripts(t *testing.T) {
	if testing.Short() {
		t.Skip("each line starts a process, which takes a second under the race detector")
	}
	testscript.Run(t, testscript.Params{
		Dir:                 "testdata",
		RequireExplicitExec: true,
		RequireUniqueNames:  true,
		Setup: func(env *testscript.Env) error {
			env.Values[serverKey{}] = new(server)
			env.Setenv("XDG_CACHE_HOME", filepath.Join(env.WorkDir, "cache"))
			return nil
		},
		Cmds: map[string]func(*testscript.TestScript, bool, []string){
			"status": status, "serve": serve, "gateway": serveGateway, "spoil": spoil, "get": get, "post": post, "interrupt": interrupt, "profile": profile,
			"shopkey":   keep("SHOP", "gateway", "key", "list", "--jq", `.[] | select(.name == "shop").id`),
			"shippable": keep("ORDER", "orders", "list", "--status", "unshipped", "--fulfilled-by", "merchant", "--since", "30d", "--jq", ".[0].orderId"),
			"listing":   keep("SKU", "listings", "list", "--limit", "0", "--jq", `[.[] | select(.fulfillmentAvailability[0].fulfillmentChannelCode == "DEFAULT" and (.sku | contains(" ")))][0].sku`),
		},
	})
}

// keep makes a command that sets a variable to what spapi prints.
func keep(variable string, args ...string) func(*testscript.TestScript, bool, []string) {
	return func(ts *testscript.TestScript, neg bool, _ []string) {
		cmd := exec.Command("spapi", args...)
		cmd.Dir = ts.Getenv("WORK")
		for _, name := range []string{"SPAPI_CLIENT_ID", "SPAPI_CLIENT_SECRET", "SPAPI_REFRESH_TOKEN",
			"SPAPI_REGION", "SPAPI_MARKETPLACE", "SPAPI_SELLER_ID", "SPAPI_ENDPOINT", "SPAPI_TOKEN_URL",
			"SPAPI_ACCOUNTS", "SPAPI_KEY_FILE", "SPAPI_GATEWAY_FOLDER"} {
			cmd.Env = append(cmd.Env, name+"="+ts.Getenv(name))
		}
		out, err := cmd.Output()
		ts.Check(err)
		value := strings.TrimSpace(string(out))
		if neg || value == "" || value == "null" {
			ts.Fatalf("spapi %s found nothing", strings.Join(args, " "))
		}
		ts.Setenv(variable, value)
	}
}

func status(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 {
		ts.Fatalf("usage: status N command…")
	}
	code := "0"
	if err := ts.Exec(args[1], args[2:]...); err != nil {
		code = strings.TrimPrefix(err.Error(), "exit status ")
	}
	if code != args[0] {
		ts.Fatalf("ended with status %s, want %s", code, args[0])
	}
}

// server is the running "spapi emulator" of a script.
type server struct {
	cmd  *exec.Cmd
	rest chan []byte // what it printed after the ready line

	ready map[string]string // the ready line
}

type serverKey struct{}

func serve(ts *testscript.TestScript, neg bool, args []string) {
	if neg {
		ts.Fatalf("usage: serve args…")
	}
	start(ts, append([]string{"emulator", "--ca-dir", ts.MkAbs("ca")}, args...)...)
}

func serveGateway(ts *testscript.TestScript, neg bool, args []string) {
	if neg {
		ts.Fatalf("usage: gateway args…")
	}
	start(ts, append([]string{"gateway", "--listen", "127.0.0.1:0"}, args...)...)
}

// start starts what serves, and sets what its ready line tells.
func start(ts *testscript.TestScript, args ...string) {
	cmd := exec.Command("spapi", args...)
	cmd.Dir = ts.Getenv("WORK")
	cmd.Stderr = os.Stderr
	stdout, err := cmd.StdoutPipe()
	ts.Check(err)
	ts.Check(cmd.Start())
	ts.Defer(func() { _ = cmd.Process.Kill() })
	reader := bufio.NewReader(stdout)
	line, err := reader.ReadString('\n')
	ts.Check(err)
	s := ts.Value(serverKey{}).(*server)
	s.cmd, s.rest = cmd, make(chan []byte, 1)
	go func() {
		rest, _ := io.ReadAll(reader)
		s.rest <- rest
	}()

	var ready map[string]string
	ts.Check(json.Unmarshal([]byte(line), &ready))
	ts.Check(os.WriteFile(ts.MkAbs("ready.json"), []byte(line), 0o600))
	for _, key := range []string{"url", "lwa_url", "sts_url", "refresh_token", "client_id", "application_id", "seller_id"} {
		ts.Setenv(strings.ToUpper(key), ready[key])
	}
	for name, keys := range map[string][]string{"secret.txt": {"client_secret"}, "token.txt": {"refresh_token"}, "all.txt": {"client_id", "client_secret", "refresh_token"}} {
		var text string
		for _, key := range keys {
			text += ready[key] + "\n"
		}
		ts.Check(os.WriteFile(ts.MkAbs(name), []byte(text), 0o600))
	}
	for _, key := range []string{"client_id", "client_secret", "refresh_token"} {
		ts.Setenv("SPAPI_"+strings.ToUpper(key), ready[key])
	}
	ts.Setenv("SPAPI_REGION", "na")
	s.ready = ready
}

func spoil(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 1 {
		ts.Fatalf("usage: spoil folder")
	}
	files, err := filepath.Glob(filepath.Join(ts.MkAbs(args[0]), "*.jsonl"))
	ts.Check(err)
	for _, file := range files {
		text, err := os.ReadFile(file)
		ts.Check(err)
		ts.Check(os.WriteFile(file, []byte(strings.Replace(string(text), ":401,", ":200,", 1)), 0o600))
	}
}

func profile(ts *testscript.TestScript, neg bool, args []string) {
	s := ts.Value(serverKey{}).(*server)
	if neg || len(args) == 0 || len(args) > 2 || s.ready == nil {
		ts.Fatalf("usage: profile NAME [wrong], after serve")
	}
	p := map[string]string{
		"client_id": s.ready["client_id"], "client_secret": s.ready["client_secret"], "refresh_token": s.ready["refresh_token"], "region": "na",
		"endpoint": s.ready["url"], "token_url": s.ready["lwa_url"],
	}
	if len(args) == 2 {
		p["client_secret"] += "x"
	}
	text, err := json.Marshal(map[string]any{"profiles": map[string]any{args[0]: p}})
	ts.Check(err)
	ts.Check(os.WriteFile(ts.MkAbs("config.json"), text, 0o600))
}

func get(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 1 && len(args) != 2 {
		ts.Fatalf("usage: get url [key]")
	}
	req, err := http.NewRequest(http.MethodGet, args[0], nil)
	ts.Check(err)
	if len(args) == 2 {
		req.Header.Set("Authorization", "Bearer "+args[1])
	}
	resp, err := http.DefaultClient.Do(req)
	ts.Check(err)
	show(ts, resp)
}

func post(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 2 {
		ts.Fatalf("usage: post url body")
	}
	resp, err := http.Post(args[0], "application/json", strings.NewReader(args[1]))
	ts.Check(err)
	show(ts, resp)
}

func show(ts *testscript.TestScript, resp *http.Response) {
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	ts.Check(err)
	_, err = io.WriteString(ts.Stdout(), resp.Status+"\n"+resp.Header.Get("X-Spapi-Emulator-Operation")+"\n"+string(body)+"\n")
	ts.Check(err)
}

func interrupt(ts *testscript.TestScript, neg bool, args []string) {
	signals := map[string]os.Signal{"INT": os.Interrupt, "TERM": syscall.SIGTERM}
	s := ts.Value(serverKey{}).(*server)
	if neg || len(args) != 1 || signals[args[0]] == nil || s.cmd == nil {
		ts.Fatalf("usage: interrupt INT|TERM, after serve")
	}
	ts.Check(s.cmd.Process.Signal(signals[args[0]]))
	patience := time.AfterFunc(time.Minute, func() { _ = s.cmd.Process.Kill() })
	defer patience.Stop()
	if rest := <-s.rest; len(rest) > 0 {
		ts.Fatalf("printed %q after the ready line", rest)
	}
	if err := s.cmd.Wait(); err != nil {
		ts.Fatalf("ended with %v, want status 0", err)
	}
}
