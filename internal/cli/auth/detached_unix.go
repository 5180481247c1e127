//go:build unix

package auth

import "syscall"

// detached starts a process in a session of its own, which neither Ctrl-C nor the end of the terminal reaches.
var detached = &syscall.SysProcAttr{Setsid: true}
