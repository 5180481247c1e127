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
	URL          string `json:"url"`
	LWAURL       string `json:"lwa_url"`
	ClientID     string `json:"client_id"`
	ClientSecret string `json:"client_secret"`
	RefreshToken string `json:"refresh_token"`
}

// TestGateway lets programs that know nothing of this project call through "spapi gateway --emulator", with the key that it makes, which may read.
func TestGateway(t *testing.T) {
	var at gatewayLine
	if err := json.Unmarshal(start(t, nil, "gateway", "--emulator", "--listen", "127.0.0.1:0"), &at); err != nil {
		t.Fatal(err)
	}
	for _, program := range []struct {
		name  string
		args  []string
		least int
	}{
		{"curl", []string{"sh", "gateway.sh"}, 9},
		{"Python urllib", []string{"python3", "gateway.py"}, 14},
	} {
		t.Run(program.name, func(t *testing.T) {
			if _, err := exec.LookPath(program.args[0]); err != nil {
				t.Skip(err)
			}
			cmd := command(t, "gateway", program.args[0], program.args[1:]...)
			cmd.Env = append(cmd.Env, "SPAPI_INTEROP_GATEWAY=reads", "SPAPI_ENDPOINT="+at.URL, "SPAPI_TOKEN_URL="+at.LWAURL, "SPAPI_CLIENT_ID=anything",
				"SPAPI_CLIENT_SECRET="+at.ClientSecret, "SPAPI_REFRESH_TOKEN="+at.RefreshToken)
			wantSteps(t, cmd, program.least)
		})
	}
}

// TestGatewayClients leads npm clients, unmodified, by Amazon's own hosts through a gateway that is a proxy for them: with a key that may read, and with one that
// may do all. An emulator beside it is their Amazon.
func TestGatewayClients(t *testing.T) {
	var amazon struct {
		URL           string
		LWAURL        string `json:"lwa_url"`
		ClientID      string `json:"client_id"`
		ClientSecret  string `json:"client_secret"`
		RefreshToken  string `json:"refresh_token"`
		SellerID      string `json:"seller_id"`
		Region        string
		MarketplaceID string `json:"marketplace_id"`
	}
	if err := json.Unmarshal(startEmulator(t), &amazon); err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	config, ca := filepath.Join(dir, "gateway.yaml"), filepath.Join(dir, "ca")
	text := "listen: 127.0.0.1:0\nfolder: state\nproxy: true\ntls:\n  authority: ca\naccounts:\n  environment: true\n"
	if err := os.WriteFile(config, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	environment := []string{
		"SPAPI_CLIENT_ID=" + amazon.ClientID, "SPAPI_CLIENT_SECRET=" + amazon.ClientSecret, "SPAPI_REFRESH_TOKEN=" + amazon.RefreshToken,
		"SPAPI_REGION=" + amazon.Region, "SPAPI_ENDPOINT=" + amazon.URL, "SPAPI_TOKEN_URL=" + amazon.LWAURL,
	}
	spapi := func(args ...string) []byte {
		cmd := command(t, ".", buildCommand(t), args...)
		cmd.Env = append(cmd.Env, environment...)
		cmd.Stderr = t.Output()
		out, err := cmd.Output()
		if err != nil {
			t.Fatalf("%q: %v\n%s", args, err, out)
		}
		return out
	}
	keys := map[string]string{}
	for name, flags := range map[string][]string{"reads": nil, "all": {"--write", "--personal-data"}} {
		out := spapi(append([]string{"gateway", "key", "create", "--config", config, "--name", name, "--account", "*", "--operation", "*"}, flags...)...)
		if keys[name] = regexp.MustCompile(`spapi_gw_[a-z0-9]{10}_[\w-]{43}`).FindString(string(out)); keys[name] == "" {
			t.Fatalf("no key in %q", out)
		}
	}
	var at gatewayLine
	if err := json.Unmarshal(start(t, environment, "gateway", "--config", config), &at); err != nil {
		t.Fatal(err)
	}
	u, err := url.Parse(at.URL)
	if err != nil {
		t.Fatal(err)
	}
	spapi("emulator", "clients", "--ca-dir", ca, "--listen", u.Host, "node")
	for _, client := range []string{"amazon-sp-api", "amazon-sp-api-sdk-js", "sp-api-sdk"} {
		for name, key := range keys {
			t.Run(client+" "+name, func(t *testing.T) {
				node := needNode(t, client)
				cmd := command(t, client, node, "flow.mjs")
				cmd.Env = append(cmd.Env, "NODE_OPTIONS=--require "+filepath.Join(ca, "node.cjs"), "NODE_EXTRA_CA_CERTS="+filepath.Join(ca, "ca.pem"),
					"SPAPI_EMULATOR_ADDRESS="+u.Host, "SPAPI_INTEROP_EMULATOR="+amazon.URL, "SPAPI_INTEROP_GATEWAY="+name,
					"SPAPI_CLIENT_ID=anything", "SPAPI_CLIENT_SECRET="+key, "SPAPI_REFRESH_TOKEN=default",
					"SPAPI_REGION="+amazon.Region, "SPAPI_MARKETPLACE="+amazon.MarketplaceID, "SPAPI_SELLER_ID="+amazon.SellerID)
				wantSteps(t, cmd, 9)
			})
		}
	}
	t.Run("Python urllib all", func(t *testing.T) {
		cmd := command(t, "gateway", "python3", "gateway.py")
		cmd.Env = append(cmd.Env, "SPAPI_INTEROP_GATEWAY=all", "SPAPI_ENDPOINT="+at.URL, "SPAPI_TOKEN_URL="+at.LWAURL, "SPAPI_CLIENT_ID=anything",
			"SPAPI_CLIENT_SECRET="+keys["all"], "SPAPI_REFRESH_TOKEN=default", "SPAPI_SELLER_ID="+amazon.SellerID, "SSL_CERT_FILE="+filepath.Join(ca, "ca.pem"))
		wantSteps(t, cmd, 14)
	})
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
