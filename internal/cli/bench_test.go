package cli_test

import (
	"bytes"
	"encoding/json"
	"io"
	"net"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/openspapi/spapi/emulator"
)

// The bounds of start-up: a command line must feel immediate.
const (
	versionBound = 50 * time.Millisecond
	callBound    = 100 * time.Millisecond // beside the wire
)

// build builds a program and returns its path.
func build(tb testing.TB, name, dir string) string {
	tb.Helper()
	if runtime.GOOS == "windows" {
		name += ".exe"
	}
	path := filepath.Join(tb.TempDir(), name)
	if out, err := exec.Command("go", "build", "-o", path, dir).CombinedOutput(); err != nil {
		tb.Fatalf("go build %s: %v\n%s", dir, err, out)
	}
	return path
}

// once runs a program and returns how long it took.
func once(tb testing.TB, path string, args ...string) time.Duration {
	tb.Helper()
	cmd := exec.Command(path, args...)
	var messages bytes.Buffer
	cmd.Stderr = &messages
	start := time.Now()
	out, err := cmd.Output()
	took := time.Since(start)
	if err != nil || len(out) == 0 {
		tb.Fatalf("%s %s: %v\n%s", path, strings.Join(args, " "), err, messages.String())
	}
	return took
}

// served starts an emulator on a port, and puts its credentials into the environment.
func served(tb testing.TB) (urls emulator.URLs) {
	tb.Helper()
	emu, err := emulator.New(emulator.WithSeed(1), emulator.WithoutLimits())
	if err != nil {
		tb.Fatal(err)
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		tb.Fatal(err)
	}
	done := make(chan error, 1)
	go func() { done <- emu.Serve(tb.Context(), listener) }()
	tb.Cleanup(func() { <-done })
	urls = emu.URLs("http://" + listener.Addr().String())
	c := emu.Credentials()
	for name, value := range map[string]string{
		"SPAPI_CLIENT_ID": c.ClientID, "SPAPI_CLIENT_SECRET": c.ClientSecret, "SPAPI_REFRESH_TOKEN": c.RefreshToken, "SPAPI_REGION": "na",
		"SPAPI_ENDPOINT": urls.API, "SPAPI_TOKEN_URL": urls.LWA,
	} {
		if b, ok := tb.(interface{ Setenv(key, value string) }); ok {
			b.Setenv(name, value)
		}
	}
	return urls
}

const participations = "/sellers/v1/marketplaceParticipations"

var callLine = []string{"call", "sellersv1.getMarketplaceParticipations"}

// wire does over a new connection what the call does: a token, then the operation. It is the floor of the call.
func wire(tb testing.TB, urls emulator.URLs) {
	tb.Helper()
	client := &http.Client{Transport: &http.Transport{}}
	defer client.CloseIdleConnections()
	resp, err := client.PostForm(urls.LWA, url.Values{"grant_type": {"refresh_token"}, "refresh_token": {os.Getenv("SPAPI_REFRESH_TOKEN")},
		"client_id": {os.Getenv("SPAPI_CLIENT_ID")}, "client_secret": {os.Getenv("SPAPI_CLIENT_SECRET")}})
	if err != nil {
		tb.Fatal(err)
	}
	var token struct {
		AccessToken string `json:"access_token"`
	}
	err = json.NewDecoder(resp.Body).Decode(&token)
	_ = resp.Body.Close()
	if err != nil {
		tb.Fatal(err)
	}
	req, err := http.NewRequest(http.MethodGet, urls.API+participations, nil)
	if err != nil {
		tb.Fatal(err)
	}
	req.Header.Set("x-amz-access-token", token.AccessToken)
	if resp, err = client.Do(req); err != nil {
		tb.Fatal(err)
	}
	_, _ = io.Copy(io.Discard, resp.Body)
	_ = resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		tb.Fatalf("status %d", resp.StatusCode)
	}
}

func BenchmarkCommand_start(b *testing.B) {
	bare, spapi := build(b, "bare", "./testdata/bare"), build(b, "spapi", "../../cmd/spapi")
	for _, c := range []struct {
		name, path string
		args       []string
	}{
		{"bare_cobra_--version", bare, []string{"--version"}},
		{"spapi_--version", spapi, []string{"--version"}},
		{"spapi_ops", spapi, []string{"ops", "orders"}},
		{"spapi_call_--dry-run", spapi, []string{"call", "ordersv0.getOrder", "--order-id", "1", "--dry-run"}},
		{"spapi_--emulator_call", spapi, append([]string{"--emulator"}, callLine...)},
	} {
		b.Run(c.name, func(b *testing.B) {
			for b.Loop() {
				once(b, c.path, c.args...)
			}
		})
	}
}

func BenchmarkCommand_call(b *testing.B) {
	spapi, urls := build(b, "spapi", "../../cmd/spapi"), served(b)
	b.Run("wire", func(b *testing.B) {
		for b.Loop() {
			wire(b, urls)
		}
	})
	b.Run("spapi_call", func(b *testing.B) {
		for b.Loop() {
			once(b, spapi, callLine...)
		}
	})
}

// TestStartUp: the bounds hold. The best of several runs counts, because the machine may be busy with something else.
func TestStartUp(t *testing.T) {
	if testing.Short() {
		t.Skip("it builds the command")
	}
	spapi, urls := build(t, "spapi", "../../cmd/spapi"), served(t)
	best := func(f func() time.Duration) time.Duration {
		least := f()
		for range 9 {
			least = min(least, f())
		}
		return least
	}
	version := best(func() time.Duration { return once(t, spapi, "--version") })
	floor := best(func() time.Duration {
		start := time.Now()
		wire(t, urls)
		return time.Since(start)
	})
	call := best(func() time.Duration { return once(t, spapi, callLine...) })
	t.Logf("spapi --version %s; a call %s, of which the wire takes %s", version, call, floor)
	if version > versionBound {
		t.Errorf("spapi --version takes %s, want at most %s", version, versionBound)
	}
	if call-floor > callBound {
		t.Errorf("a call takes %s beside the wire, want at most %s", call-floor, callBound)
	}
}
