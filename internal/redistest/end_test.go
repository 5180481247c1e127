//go:build linux

package redistest_test

import (
	"bufio"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/openspapi/spapi/internal/redistest"
)

const leaveEnv = "SPAPI_REDISTEST_LEAVE"

// TestLeave is the process that TestKilled kills: it starts a server, and tells where.
func TestLeave(t *testing.T) {
	if os.Getenv(leaveEnv) == "" {
		t.Skip("SKIPPED: it is a part of TestKilled")
	}
	r := redistest.Start(t)
	fmt.Println("socket", r.Socket, pidOf(r.Do(t, "INFO", "server").(string)))
	select {}
}

func pidOf(info string) string {
	_, after, _ := strings.Cut(info, "process_id:")
	before, _, _ := strings.Cut(after, "\r")
	return before
}

// A test binary that is killed leaves no server, and its folder goes with the next one that needs a folder.
func TestKilled(t *testing.T) {
	redistest.Start(t) // skips without redis-server
	run := func() (*exec.Cmd, string, int) {
		cmd := exec.Command(os.Args[0], "-test.run", "^TestLeave$", "-test.v")
		cmd.Env = append(os.Environ(), leaveEnv+"=1")
		out, err := cmd.StdoutPipe()
		if err != nil {
			t.Fatal(err)
		}
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() {
			_ = cmd.Process.Kill()
			_ = cmd.Wait()
		})
		for in := bufio.NewScanner(out); in.Scan(); {
			var socket string
			var pid int
			if n, _ := fmt.Sscanf(in.Text(), "socket %s %d", &socket, &pid); n == 2 {
				return cmd, filepath.Dir(socket), pid
			}
		}
		t.Fatal("the process told no socket")
		return nil, "", 0
	}
	first, dir, pid := run()
	_ = first.Process.Kill()
	_ = first.Wait()
	if !redistest.Eventually(func() bool { return ended(pid) }) {
		t.Errorf("the server of a killed test binary goes on as process %d", pid)
		_ = syscall.Kill(pid, syscall.SIGKILL)
	}
	if _, err := os.Stat(dir); err != nil {
		t.Fatalf("the folder of a killed test binary: %v, want it to be there", err)
	}
	second, other, _ := run()
	if _, err := os.Stat(dir); !os.IsNotExist(err) {
		t.Errorf("the folder %s of a killed test binary is left: %v", dir, err)
	}
	if _, err := os.Stat(other); err != nil {
		t.Error(err)
	}
	_ = second.Process.Kill()
	_ = second.Wait()
	_ = os.RemoveAll(other)
}

// ended reports whether a process is no more; one that nobody waits for as yet isn't one.
func ended(pid int) bool {
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	return err != nil || strings.Contains(string(stat), ") Z ")
}
