package interop

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"testing"
	"time"
)

// TestFlows starts the emulator as its users do, as a command, and lets each foreign client walk its way through it.
func TestFlows(t *testing.T) {
	node := needNode(t, "aws4", "sp-api-sdk")
	emulator := startEmulator(t)
	for _, client := range []string{"aws4", "sp-api-sdk"} {
		t.Run(client, func(t *testing.T) {
			ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
			defer cancel()
			cmd := exec.CommandContext(ctx, node, "flow.mjs")
			cmd.Dir = client
			cmd.Env = []string{"PATH=" + os.Getenv("PATH")} // no proxy, no AWS keys of this computer
			cmd.Stdin = bytes.NewReader(emulator)
			var stderr bytes.Buffer
			cmd.Stderr = &stderr
			stdout, err := cmd.Output()
			var result struct {
				OK    bool
				Steps []struct {
					Name  string
					OK    bool
					MS    int
					Error string
					Body  json.RawMessage
				}
			}
			if jsonErr := json.Unmarshal(stdout, &result); jsonErr != nil {
				t.Fatalf("%v, %v: printed %q\n%s", err, jsonErr, stdout, &stderr)
			}
			for _, step := range result.Steps {
				t.Logf("%v %4d ms  %s  %s %s", step.OK, step.MS, step.Name, step.Error, step.Body)
			}
			if err != nil || !result.OK || len(result.Steps) < 6 {
				t.Errorf("%v after %d steps: %s", err, len(result.Steps), &stderr)
			}
		})
	}
}

// startEmulator builds the command, starts its emulator, and returns the line that it prints when it is ready.
func startEmulator(t *testing.T) (ready []byte) {
	binary := filepath.Join(t.TempDir(), "spapi")
	if runtime.GOOS == "windows" {
		binary += ".exe"
	}
	if out, err := exec.CommandContext(t.Context(), "go", "build", "-o", binary, "../cmd/spapi").CombinedOutput(); err != nil {
		t.Fatalf("build spapi: %v\n%s", err, out)
	}
	cmd := exec.Command(binary, "emulator", "--listen", "127.0.0.1:0", "--seed", "1")
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
		io.Copy(io.Discard, stdout)
	}()
	t.Cleanup(func() { stopEmulator(t, cmd) })
	select {
	case ready = <-lines:
	case <-time.After(time.Minute):
		t.Fatal("the emulator is not ready after a minute")
	}
	if !json.Valid(ready) {
		t.Fatalf("the emulator printed %q instead of one line of JSON", ready)
	}
	return ready
}

// stopEmulator interrupts it, as its users do, and wants a clean end.
func stopEmulator(t *testing.T, cmd *exec.Cmd) {
	killed := time.AfterFunc(10*time.Second, func() { cmd.Process.Kill() })
	defer killed.Stop()
	if err := cmd.Process.Signal(os.Interrupt); err != nil && !errors.Is(err, os.ErrProcessDone) {
		cmd.Process.Kill() // there is no interrupt on Windows
		cmd.Wait()
		return
	}
	if err := cmd.Wait(); err != nil {
		t.Errorf("the emulator ended with %v", err)
	}
}

// needNode skips the test, and says so, when Node.js or a folder's packages are not there.
func needNode(t *testing.T, folders ...string) (node string) {
	t.Helper()
	missing := t.Skipf
	if os.Getenv("SPAPI_INTEROP") == "1" {
		missing = t.Fatalf
	}
	node, err := exec.LookPath("node")
	if err != nil {
		missing("no Node.js: %v", err)
	}
	for _, folder := range folders {
		if _, err := os.Stat(filepath.Join(folder, "node_modules")); err != nil {
			missing("the packages of interop/%s are not installed: run interop/run.sh, or npm ci in that folder", folder)
		}
	}
	return node
}
