//go:build !unix && !windows

package auth

import "syscall"

// detached starts a process as any other: there are no sessions to leave.
var detached *syscall.SysProcAttr
