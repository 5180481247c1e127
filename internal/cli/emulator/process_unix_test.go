//go:build unix

package emulator

import (
	"fmt"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"
)

// What is typed on a terminal has reached the command from there; what is sent otherwise, or without a terminal, hasn't.
func TestFromTerminal(t *testing.T) {
	const ask = "SPAPI_TEST_FROM_TERMINAL"
	if os.Getenv(ask) != "" {
		fmt.Printf("typed: %t %t\n", fromTerminal(syscall.SIGINT), fromTerminal(syscall.SIGTERM))
		return
	}
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	run := func(name string, args ...string) string {
		t.Helper()
		cmd := exec.CommandContext(t.Context(), name, append(args, "-test.run=^TestFromTerminal$")...)
		cmd.Env = append(os.Environ(), ask+"=1")
		cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
		out, err := cmd.CombinedOutput()
		if err != nil {
			t.Fatalf("%v: %s", err, out)
		}
		return string(out)
	}
	if got := run(self); !strings.Contains(got, "typed: false false\n") {
		t.Errorf("without a terminal: %s", got)
	}
	if _, err := exec.LookPath("python3"); err != nil {
		t.Skip("there is no python3 to make a terminal: what is typed there was not tried")
	}
	if got := run("python3", "testdata/terminal.py", self); !strings.Contains(got, "typed: true false\n") {
		t.Errorf("on a terminal: %s", got)
	}
}
