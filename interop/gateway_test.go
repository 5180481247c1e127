package interop

import (
	"bufio"
	"encoding/json"
	"errors"
	"io"
	"os"
	"os/exec"
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
	if err := json.Unmarshal(start(t, "gateway", "--emulator", "--listen", "127.0.0.1:0"), &at); err != nil {
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

// start starts a command that serves, and returns the line that it prints when it is ready.
func start(t *testing.T, args ...string) (ready []byte) {
	t.Helper()
	cmd := exec.Command(buildCommand(t), args...)
	cmd.Env = []string{"PATH=" + os.Getenv("PATH"), "HOME=" + t.TempDir()}
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
