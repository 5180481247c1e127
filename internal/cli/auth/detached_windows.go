package auth

import "syscall"

// detached starts a process without this console and out of the group that Ctrl-C reaches.
var detached = &syscall.SysProcAttr{CreationFlags: syscall.CREATE_NEW_PROCESS_GROUP | detachedProcess}

// detachedProcess is DETACHED_PROCESS of CreateProcess (learn.microsoft.com/windows/win32/procthread/process-creation-flags).
const detachedProcess = 0x00000008
