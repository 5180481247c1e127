package redistest

import (
	"os/exec"
	"syscall"
)

// EndWithUs has a process that is not started yet killed when this one ends, however that comes: where it is killed, no cleanup of a test runs. The kernel
// watches the thread that starts it; Go ends none but those that a goroutine kept for itself.
func EndWithUs(cmd *exec.Cmd) {
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
}
