//go:build unix

package journal

import (
	"fmt"
	"io/fs"
	"os"
	"syscall"
)

// noFollow makes opening fail where a symbolic link lies.
const noFollow = syscall.O_NOFOLLOW

// owned refuses a file of another user; root may use anybody's.
func owned(info fs.FileInfo) error {
	stat, ok := info.Sys().(*syscall.Stat_t)
	if uid := os.Geteuid(); ok && uid != 0 && int(stat.Uid) != uid {
		return fmt.Errorf("belongs to user %d, not to %d", stat.Uid, uid)
	}
	return nil
}
