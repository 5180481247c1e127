//go:build !linux

package tlsfront

import (
	"net"
	"os"
)

// hush lets no new connection begin on a listener, where that can be had: of TCP it can't here. The file of a socket is removed.
func hush(l net.Listener) {
	if u, ok := l.(*net.UnixListener); ok {
		_ = os.Remove(u.Addr().String()) // Close does it too, when it is too late
	}
}
