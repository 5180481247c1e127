//go:build unix && !solaris && !illumos && !aix

package export

import (
	"os"
	"syscall"
)

// renameOpen: an open file can be renamed.
const renameOpen = true

// lock claims a file for this run; the system frees it when the process ends, however it ends.
func lock(f *os.File) error {
	for {
		err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB)
		if err == syscall.ENOTSUP || err == syscall.ENOSYS || err == syscall.ENOLCK {
			return nil // a file system without locks
		}
		if err != syscall.EINTR {
			return err
		}
	}
}
