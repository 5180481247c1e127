//go:build unix

package redistest

import (
	"syscall"
	"testing"
)

// Stop stops the server without ending it (SIGSTOP): connections stay and get no answer.
func (r *Redis) Stop(t testing.TB) { r.signal(t, syscall.SIGSTOP) }

// Continue lets a stopped server go on (SIGCONT).
func (r *Redis) Continue(t testing.TB) { r.signal(t, syscall.SIGCONT) }

func (r *Redis) signal(t testing.TB, s syscall.Signal) {
	t.Helper()
	if err := r.cmd.Process.Signal(s); err != nil {
		t.Fatal(err)
	}
}

// gone reports whether there is no such process.
func gone(pid int) bool { return syscall.Kill(pid, 0) == syscall.ESRCH }
