//go:build unix

package auth

import (
	"bufio"
	"context"
	"encoding/json"
	"net"
	"os"
	"os/signal"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/openspapi/spapi/internal/cli/factory"
	"github.com/openspapi/spapi/internal/cli/terminal"
	"github.com/openspapi/spapi/marketplace"
)

// fakeBrowserAt names the address that this test binary reports to when it is started as a browser.
const fakeBrowserAt = "FAKE_BROWSER_AT"

// report is what the fake browser tells of itself.
type report struct {
	Args    []string
	Environ []string
	Group   int
	PID     int
}

func init() {
	if address := os.Getenv(fakeBrowserAt); address != "" {
		beBrowser(address)
		os.Exit(0)
	}
}

// beBrowser reports, and answers "alive" when it is asked, which it could not if it had been killed.
func beBrowser(address string) {
	signal.Ignore(syscall.SIGHUP)
	c, err := net.Dial("tcp", address)
	if err != nil {
		os.Exit(3)
	}
	defer c.Close()
	if json.NewEncoder(c).Encode(report{os.Args[1:], os.Environ(), syscall.Getpgrp(), os.Getpid()}) != nil {
		os.Exit(5)
	}
	if _, err := bufio.NewReader(c).ReadString('\n'); err != nil {
		os.Exit(6)
	}
	_, _ = c.Write([]byte("alive\n"))
}

// The browser outlives the command, its interruption too, and sees none of its secrets.
func TestBrowserIsOnItsOwn(t *testing.T) {
	listener, err := net.Listen("tcp", "127.0.0.1:0") //nolint:noctx // it is there at once
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	executable, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	if strings.Contains(executable, " ") {
		t.Skip("BROWSER is cut at spaces")
	}
	t.Setenv("BROWSER", executable+" --new-window")
	t.Setenv(fakeBrowserAt, listener.Addr().String())
	t.Setenv("HARMLESS", "stays")
	secrets := []string{"SPAPI_CLIENT_SECRET", "SPAPI_REFRESH_TOKEN", "SPAPI_PASSPHRASE", "SPAPI_KEY_FILE", "LWA_CLIENT_SECRET", "AMAZON_REFRESH_TOKEN",
		"AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN", "AWS_ACCESS_KEY_ID", "GITHUB_TOKEN", "DB_PASSWORD", "DB_PASS", "OPENAI_API_KEY"}
	for _, name := range secrets {
		t.Setenv(name, "CANARY")
	}

	ctx, cancel := context.WithCancel(t.Context())
	streams, _, _ := terminal.Buffers()
	opts := &LoginOptions{Factory: factory.With(streams, "1", nil), Open: true, ConsentTimeout: time.Minute, RedirectURI: "http://127.0.0.1:0/callback"}
	ended := make(chan error, 1)
	go func() {
		_, err := opts.waitForBrowser(ctx, &consent{site: central(marketplace.US, false), applicationID: "amzn1.sp.solution.1",
			redirectURI: opts.RedirectURI, state: newState()})
		ended <- err
	}()
	c, err := listener.Accept()
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	lines := bufio.NewReader(c)
	line, err := lines.ReadBytes('\n')
	if err != nil {
		t.Fatal(err)
	}
	var r report
	if err := json.Unmarshal(line, &r); err != nil {
		t.Fatal(err)
	}
	if len(r.Args) != 2 || r.Args[0] != "--new-window" || !strings.HasPrefix(r.Args[1], "https://sellercentral.amazon.com/apps/authorize/consent?") {
		t.Errorf("started with %q", r.Args)
	}
	if r.Group != r.PID {
		t.Errorf("the browser is in process group %d, want one of its own, %d", r.Group, r.PID)
	}
	for _, variable := range r.Environ {
		name, value, _ := strings.Cut(variable, "=")
		if strings.Contains(value, "CANARY") || slices.Contains(secrets, name) {
			t.Errorf("the browser sees %s", name)
		}
	}
	for _, name := range []string{"HARMLESS", "PATH", "HOME"} {
		if os.Getenv(name) != "" && !slices.Contains(r.Environ, name+"="+os.Getenv(name)) {
			t.Errorf("the browser misses %s", name)
		}
	}
	cancel() // as Ctrl-C does
	if err := <-ended; err == nil {
		t.Error("the interrupted command ended without an error")
	}
	if _, err := c.Write([]byte("?\n")); err != nil {
		t.Fatal(err)
	}
	if answer, err := lines.ReadString('\n'); err != nil || answer != "alive\n" {
		t.Errorf("the browser answers %q, %v after the end of the command; want it alive", answer, err)
	}
	_, _ = syscall.Wait4(r.PID, nil, 0, nil) // it is this process's child still
}
