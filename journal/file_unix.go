//go:build unix

package journal

import (
	"fmt"
	"io/fs"
	"syscall"
)

// noFollow makes opening fail where a symbolic link lies.
const noFollow = syscall.O_NOFOLLOW

// owned refuses a file that isn't the user's; root may use anybody's.
func owned(info fs.FileInfo, uid int) error {
	stat, ok := info.Sys().(*syscall.Stat_t)
	if ok && uid != 0 && int(stat.Uid) != uid {
		return fmt.Errorf("belongs to user %d, not to %d", stat.Uid, uid)
	}
	return nil
}
