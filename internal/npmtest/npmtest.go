// Package npmtest starts servers that others wrote, npm packages in interop/, for tests to run against.
package npmtest

import (
	"bufio"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// Start starts serve.mjs of a folder of interop/, which prints its URL and ends with its standard input, and returns that URL. Where Node.js or the folder's
// packages are missing the test skips, or fails where SPAPI_INTEROP is 1. The folder is given as it is reached from that of the test: "../../interop/dynalite".
func Start(t testing.TB, folder string) string {
	t.Helper()
	name := filepath.Base(folder)
	missing := t.Skipf
	if os.Getenv("SPAPI_INTEROP") == "1" {
		missing = t.Fatalf
	}
	node, err := exec.LookPath("node")
	if err != nil {
		missing("no Node.js, so nothing was run against %s: %v", name, err)
	}
	if _, err := os.Stat(filepath.Join(folder, "node_modules")); err != nil {
		missing("the packages of interop/%s are not installed, so nothing was run against it: run interop/run.sh, or npm ci in that folder", name)
	}
	cmd := exec.Command(node, "serve.mjs")
	cmd.Dir = folder
	cmd.Env = []string{"PATH=" + os.Getenv("PATH")} // no proxy, no AWS keys of this computer
	cmd.Stderr = t.Output()
	end, err := cmd.StdinPipe() // it ends when this does, also if the test is killed
	if err != nil {
		t.Fatal(err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = end.Close()
		if err := cmd.Wait(); err != nil {
			t.Errorf("%s ended with %v", name, err)
		}
	})
	killed := time.AfterFunc(time.Minute, func() { _ = cmd.Process.Kill() })
	line, err := bufio.NewReader(out).ReadString('\n')
	if !killed.Stop() || err != nil || !strings.HasPrefix(line, "http://127.0.0.1:") {
		t.Fatalf("%s printed %q, %v", name, line, err)
	}
	return strings.TrimSpace(line)
}
