package emulator

import (
	"bufio"
	"context"
	"encoding/json"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/openspapi/spapi/internal/cli/factory"
	"github.com/openspapi/spapi/internal/cli/terminal"
)

// What requests carry shows nowhere: not on stdout or stderr, not in the log of the control plane.
func TestRequestsAreShownWithoutSecrets(t *testing.T) {
	streams, _, messages := terminal.Buffers()
	out, written := io.Pipe()
	streams.Out, streams.ErrIsTerminal = written, true
	cmd := NewCmdEmulator(factory.With(streams, "1", nil), nil)
	cmd.SetArgs([]string{"--orders", "3", "--skus", "3", "--days", "3", "--ca-dir", t.TempDir()})
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	ended := make(chan error, 1)
	go func() {
		ended <- cmd.ExecuteContext(ctx)
		_ = written.Close()
	}()
	lines := bufio.NewReader(out)
	line, err := lines.ReadBytes('\n')
	if err != nil {
		t.Fatal(err)
	}
	var at ready
	if err := json.Unmarshal(line, &at); err != nil {
		t.Fatal(err)
	}
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	send := func(method, target, body string) string {
		t.Helper()
		req, err := http.NewRequestWithContext(t.Context(), method, at.URL+target, strings.NewReader(body))
		if err != nil {
			t.Fatal(err)
		}
		req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		req.Header.Set("X-Amz-Access-Token", "Atza|CANARY")
		req.Header.Set("Authorization", "Basic CANARY")
		resp, err := client.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		defer resp.Body.Close()
		text, err := io.ReadAll(resp.Body)
		if err != nil {
			t.Fatal(err)
		}
		return string(text)
	}
	const count = 6
	send("POST", "/auth/o2/token", "grant_type=refresh_token&refresh_token=Atzr%7CCANARY&client_id="+at.ClientID+"&client_secret=CANARY")
	send("POST", "/auth/o2/token?client_secret=CANARY", "")
	send("GET", "/login/CANARY?password=CANARY", "")
	send("GET", "/apps/authorize/consent?application_id="+at.ApplicationID+"&state=CANARY&spapi_oauth_code=CANARY", "")
	send("GET", "/orders/v0/orders/Atza%7CCANARY?code=CANARY", "")
	send("GET", "/sts/?Action=AssumeRole&X-Amz-Signature=CANARY&X-Amz-Security-Token=CANARY", "")
	log := send("GET", "/_emulator/requests", "")
	if n := strings.Count(log, `"method"`); n != count {
		t.Errorf("%d requests in the log, want %d: %s", n, count, log)
	}
	cancel()
	if err := <-ended; err != nil {
		t.Error(err)
	}
	rest, err := io.ReadAll(lines)
	if err != nil {
		t.Fatal(err)
	}
	for name, text := range map[string]string{"stdout": string(line) + string(rest), "stderr": messages.String(), "the log": log} {
		if strings.Contains(text, "CANARY") {
			t.Errorf("%s shows a secret: %s", name, text)
		}
	}
}

// A log is a whole file of its own, and what isn't one stays what it is.
func TestFilesAtTheEnd(t *testing.T) {
	dir := t.TempDir()
	file, link := filepath.Join(dir, "log"), filepath.Join(dir, "link")
	if err := os.WriteFile(file, []byte("what was there before, and is longer"), 0o644); err != nil { //nolint:gosec // the mode is what is looked at
		t.Fatal(err)
	}
	if err := os.Symlink(file, link); err != nil {
		t.Skip(err)
	}
	for _, name := range []string{link, file, filepath.Join(dir, "other")} {
		if err := swap(name, []byte(name)); err != nil {
			t.Fatal(err)
		}
		if got, err := os.ReadFile(name); err != nil || string(got) != name {
			t.Errorf("%s holds %q, %v", name, got, err)
		}
	}
	if info, err := os.Lstat(link); err != nil || info.Mode().Type() != os.ModeSymlink {
		t.Errorf("the link is %v, %v", info.Mode(), err)
	}
	if info, err := os.Lstat(file); err != nil || info.Mode() != 0o600 {
		t.Errorf("the log is %v, %v", info.Mode(), err)
	}
	left, err := os.ReadDir(dir)
	if err != nil || len(left) != 3 {
		t.Errorf("%v are left, %v", left, err)
	}
}
