//go:build unix

package gatewayprove

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/openspapi/spapi/emulator"
	"github.com/openspapi/spapi/internal/cli"
	"github.com/openspapi/spapi/internal/redistest"
)

// The test binary is its own gateway: with this variable it is "spapi" with the arguments that it gets.
const processEnv = "SPAPI_GATEWAYPROVE_PROCESS"

func TestMain(m *testing.M) {
	if os.Getenv(processEnv) != "" {
		os.Exit(cli.Main())
	}
	os.Exit(m.Run())
}

// Amazon's plan of getListingsItem, which the emulator holds (developer-docs.amazon.com/sp-api/docs/listings-items-api-rate-limits).
const (
	operation = "listingsitems20210801.getListingsItem"
	rate      = 5.0
	burst     = 10.0
)

// amazon is the emulator, and what it answered.
type amazon struct {
	*emulator.Emulator
	mu                sync.Mutex
	served, throttled int
}

func (a *amazon) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if !strings.HasPrefix(r.URL.Path, "/listings/") {
		a.Emulator.ServeHTTP(w, r)
		return
	}
	noted := &status{ResponseWriter: w}
	a.Emulator.ServeHTTP(noted, r)
	a.mu.Lock()
	defer a.mu.Unlock()
	if noted.code == http.StatusTooManyRequests {
		a.throttled++
	} else {
		a.served++
	}
}

type status struct {
	http.ResponseWriter
	code int
}

func (s *status) WriteHeader(code int) {
	s.code = code
	s.ResponseWriter.WriteHeader(code)
}

// TestTwoGateways lets two gateways call for one seller as fast as they may. With SPAPI_PROVE_GATEWAY it takes more than a minute, and they must use at
// least 95 % of the limit without a refusal; else some seconds, whatever else the machine does, and only that both have their part is looked at.
func TestTwoGateways(t *testing.T) {
	prove := os.Getenv("SPAPI_PROVE_GATEWAY") != ""
	span := 4 * time.Second
	if prove {
		span = 70 * time.Second
	} else if testing.Short() {
		t.Skip("it starts processes")
	}
	redis := redistest.Start(t)
	emu, err := emulator.New(emulator.WithSeed(1))
	if err != nil {
		t.Fatal(err)
	}
	a := &amazon{Emulator: emu}
	server := httptest.NewServer(a)
	defer server.Close()
	urls := [2]string{startGateway(t, emu, server.URL, redis.Socket), startGateway(t, emu, server.URL, redis.Socket)}

	client := &http.Client{Timeout: 2 * time.Minute}
	seller := emu.Credentials().SellerID
	call := func(gateway, caller int) (int, error) {
		// Each caller asks for a SKU of its own, which there isn't: equal requests would be one call.
		res, err := client.Get(fmt.Sprintf("%s/listings/2021-08-01/items/%s/PROVE-%d-%d?marketplaceIds=ATVPDKIKX0DER", urls[gateway], seller, gateway, caller))
		if err != nil {
			return 0, err
		}
		defer func() { _ = res.Body.Close() }()
		_, err = io.Copy(io.Discard, res.Body)
		return res.StatusCode, err
	}
	for g := range urls { // tokens, connections
		if code, err := call(g, 0); code != http.StatusNotFound {
			t.Fatalf("gateway %d: status %d, %v", g, code, err)
		}
	}
	a.mu.Lock()
	first := a.served
	a.mu.Unlock()
	began := time.Now()
	var answered [2]int
	var mu sync.Mutex
	var callers sync.WaitGroup
	for g := range urls {
		for caller := range 8 {
			callers.Go(func() {
				for time.Since(began) < span {
					code, err := call(g, caller)
					if err != nil || code != http.StatusNotFound {
						t.Errorf("gateway %d: status %d, %v", g, code, err)
						return
					}
					mu.Lock()
					answered[g]++
					mu.Unlock()
				}
			})
		}
	}
	time.Sleep(span)
	a.mu.Lock()
	served, throttled := a.served-first, a.throttled
	a.mu.Unlock()
	took := time.Since(began)
	callers.Wait()
	used := float64(served) / (burst - float64(first) + rate*took.Seconds())
	t.Logf("%s: two gateways, %s, %d calls served (%d + %d by gateway), %.1f %% of what is allowed, %d throttled",
		operation, took.Round(time.Millisecond), served, answered[0], answered[1], 100*used, throttled)
	if answered[0] == 0 || answered[1] == 0 {
		t.Error("one of the gateways had no part")
	}
	if prove && (used < 0.95 || throttled > 0) {
		t.Error("want at least 95 % and none throttled")
	}
}

// startGateway starts a gateway for the emulator's seller, which shares what it knows by the server.
func startGateway(t *testing.T, emu *emulator.Emulator, url, socket string) string {
	t.Helper()
	dir := t.TempDir()
	config := filepath.Join(dir, "gateway.yaml")
	text := "listen: 127.0.0.1:0\nfolder: " + filepath.Join(dir, "state") + "\naccounts:\n  environment: true\nfleet:\n  address: unix://" + socket + "\n  processes: 2\n"
	if err := os.WriteFile(config, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	c := emu.Credentials()
	cmd := exec.Command(os.Args[0], "gateway", "--config", config)
	cmd.Env = append(os.Environ(), processEnv+"=1", "SPAPI_CLIENT_ID="+c.ClientID, "SPAPI_CLIENT_SECRET="+c.ClientSecret, "SPAPI_REFRESH_TOKEN="+c.RefreshToken,
		"SPAPI_REGION="+string(c.Region), "SPAPI_ENDPOINT="+url, "SPAPI_TOKEN_URL="+url+"/auth/o2/token", "SPAPI_FLEET_KEY="+strings.Repeat("ab", 32))
	cmd.Stderr = os.Stderr
	redistest.EndWithUs(cmd)
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = cmd.Process.Signal(syscall.SIGTERM)
		if err := cmd.Wait(); err != nil {
			t.Errorf("a gateway ended with %v, want 0 after SIGTERM", err)
		}
	})
	var ready struct{ URL string }
	line, err := bufio.NewReader(stdout).ReadString('\n')
	if err == nil {
		err = json.Unmarshal([]byte(line), &ready)
	}
	if err != nil || ready.URL == "" {
		t.Fatalf("a gateway isn't ready: %q, %v", line, err)
	}
	return ready.URL
}
