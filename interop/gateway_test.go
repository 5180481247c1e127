package interop

import (
	"bufio"
	"encoding/json"
	"errors"
	"io"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"testing"
	"time"
)

// gatewayLine is the line that "spapi gateway" prints when it is ready.
type gatewayLine struct {
	URL           string `json:"url"`
	LWAURL        string `json:"lwa_url"`
	ClientSecret  string `json:"client_secret"` // a caller's key
	RefreshToken  string `json:"refresh_token"` // an account's name
	SellerID      string `json:"seller_id"`
	Region        string `json:"region"`
	MarketplaceID string `json:"marketplace_id"`
	EmulatorURL   string `json:"emulator_url"`
	CAFile        string `json:"ca_file"`
}

// startGateway starts "spapi gateway --emulator".
func startGateway(t *testing.T, args ...string) (at gatewayLine) {
	t.Helper()
	if err := json.Unmarshal(start(t, nil, append([]string{"gateway", "--emulator", "--listen", "127.0.0.1:0"}, args...)...), &at); err != nil {
		t.Fatal(err)
	}
	return at
}

// environment is what a client gets to call the gateway with a key that opens reads, or all.
func (at *gatewayLine) environment(opens, key string) []string {
	return []string{
		"SPAPI_INTEROP_GATEWAY=" + opens, "SPAPI_INTEROP_EMULATOR=" + at.EmulatorURL, "SPAPI_ENDPOINT=" + at.URL, "SPAPI_TOKEN_URL=" + at.LWAURL,
		"SPAPI_CLIENT_ID=anything", "SPAPI_CLIENT_SECRET=" + key, "SPAPI_REFRESH_TOKEN=" + at.RefreshToken,
		"SPAPI_REGION=" + at.Region, "SPAPI_MARKETPLACE=" + at.MarketplaceID, "SPAPI_SELLER_ID=" + at.SellerID,
		"SSL_CERT_FILE=" + at.CAFile, "CURL_CA_BUNDLE=" + at.CAFile,
	}
}

var keyForm = regexp.MustCompile(`spapi_gw_[a-z0-9]{10}_[\w-]{43}`)

// TestGateway lets programs that know nothing of this project call through "spapi gateway --emulator": with the key that it makes, which may read, in clear, and
// by TLS with one that may do all.
func TestGateway(t *testing.T) {
	for _, opens := range []string{"reads", "all"} {
		t.Run(opens, func(t *testing.T) {
			var at gatewayLine
			var key string
			if opens == "reads" {
				at = startGateway(t)
				key, at.CAFile = at.ClientSecret, ""
			} else {
				dir := t.TempDir()
				key = createKey(t, "--folder", dir, "--write", "--personal-data")
				at = startGateway(t, "--tls", "--folder", dir)
			}
			for _, program := range []struct {
				name  string
				args  []string
				least int
			}{
				{"curl", []string{"sh", "gateway.sh"}, 6},
				{"Python urllib", []string{"python3", "gateway.py"}, 13},
			} {
				t.Run(program.name, func(t *testing.T) {
					if _, err := exec.LookPath(program.args[0]); err != nil {
						t.Skip(err)
					}
					cmd := command(t, "gateway", program.args[0], program.args[1:]...)
					cmd.Env = append(cmd.Env, at.environment(opens, key)...)
					wantSteps(t, cmd, program.least)
				})
			}
		})
	}
}

// createKey makes a key, as who runs a gateway does: one that runs already would know it some seconds later.
func createKey(t *testing.T, args ...string) (key string) {
	t.Helper()
	args = append([]string{"gateway", "key", "create", "--name", "interop", "--account", "*", "--operation", "*"}, args...)
	cmd := command(t, ".", buildCommand(t), args...)
	cmd.Stderr = t.Output()
	out, err := cmd.Output()
	if key = keyForm.FindString(string(out)); err != nil || key == "" {
		t.Fatalf("%q: %v: printed %q", args, err, out)
	}
	return key
}

// TestGatewayClients leads npm clients, unmodified, by Amazon's own hosts through a gateway that stands for them: with a key that may read, and with one that may
// do all.
func TestGatewayClients(t *testing.T) {
	dir := t.TempDir()
	keys := map[string]string{"all": createKey(t, "--folder", dir, "--write", "--personal-data")}
	at := startGateway(t, "--proxy", "--folder", dir)
	keys["reads"] = at.ClientSecret
	u, err := url.Parse(at.URL)
	if err != nil {
		t.Fatal(err)
	}
	ca := filepath.Dir(at.CAFile)
	if out, err := command(t, ".", buildCommand(t), "emulator", "clients", "--ca-dir", ca, "--listen", u.Host, "node").CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	for _, client := range []string{"amazon-sp-api", "amazon-sp-api-sdk-js", "sp-api-sdk"} {
		for opens, key := range keys {
			t.Run(client+" "+opens, func(t *testing.T) {
				cmd := command(t, client, needNode(t, client), "flow.mjs")
				cmd.Env = append(append(cmd.Env, at.environment(opens, key)...), "NODE_OPTIONS=--require "+filepath.Join(ca, "node.cjs"), "NODE_EXTRA_CA_CERTS="+at.CAFile,
					"SPAPI_EMULATOR_ADDRESS="+u.Host)
				wantSteps(t, cmd, 9)
			})
		}
	}
}

// start starts a command that serves, with what of an environment it needs, and returns the line that it prints when it is ready.
func start(t *testing.T, environment []string, args ...string) (ready []byte) {
	t.Helper()
	cmd := exec.Command(buildCommand(t), args...)
	cmd.Env = append([]string{"PATH=" + os.Getenv("PATH"), "HOME=" + t.TempDir()}, environment...)
	cmd.Stderr = t.Output()
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	lines := make(chan []byte, 1)
	go func() {
		line, _ := bufio.NewReader(stdout).ReadBytes('\n')
		lines <- line
		_, _ = io.Copy(io.Discard, stdout)
	}()
	t.Cleanup(func() { stop(t, cmd) })
	select {
	case ready = <-lines:
	case <-time.After(time.Minute):
		t.Fatalf("%q is not ready after a minute", args)
	}
	if !json.Valid(ready) {
		t.Fatalf("%q printed %q instead of one line of JSON", args, ready)
	}
	return ready
}

// stop interrupts it, as its users do, and wants a clean end.
func stop(t *testing.T, cmd *exec.Cmd) {
	killed := time.AfterFunc(time.Minute, func() { _ = cmd.Process.Kill() })
	defer killed.Stop()
	if err := cmd.Process.Signal(os.Interrupt); err != nil && !errors.Is(err, os.ErrProcessDone) {
		_ = cmd.Process.Kill() // there is no interrupt on Windows
		_ = cmd.Wait()
		return
	}
	if err := cmd.Wait(); err != nil {
		t.Errorf("%q ended with %v", cmd.Args[1:], err)
	}
}
