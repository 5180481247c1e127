package emulator

import (
	"os"
	"os/exec"
	"syscall"

	"golang.org/x/sys/windows"
)

// forwarded is empty: Windows has no signals to send. Ctrl-C goes to all processes of a console; what ends only this one leaves the command running.
var forwarded []os.Signal

// detach takes a process off the console, so that its Ctrl-C doesn't reach it.
func detach(cmd *exec.Cmd) {
	cmd.SysProcAttr = &syscall.SysProcAttr{CreationFlags: windows.CREATE_NEW_PROCESS_GROUP | windows.DETACHED_PROCESS}
}

func statusOf(state *os.ProcessState) int { return state.ExitCode() }

func fromTerminal(os.Signal) bool { return true }
