package tlsfront

import (
	"net"
	"os"
	"syscall"
)

// hush lets no new connection begin on a listener. Of TCP the kernel drops what would begin one, before it says a word to the client, which asks again a second
// later and is refused by whoever listens there then, or by nobody; handshakes that were begun go on. The file of a socket is removed.
func hush(l net.Listener) {
	switch l := l.(type) {
	case *net.UnixListener:
		_ = os.Remove(l.Addr().String()) // Close does it too, when it is too late
	case *net.TCPListener:
		raw, err := l.SyscallConn()
		if err != nil {
			return
		}
		_ = raw.Control(func(fd uintptr) {
			// The filter sees the header of TCP (RFC 9293, 3.1), whose flags are in byte 13: SYN is 0x02, ACK 0x10.
			_ = syscall.AttachLsf(int(fd), []syscall.SockFilter{ //nolint:staticcheck // what is to be used in its place is no part of the standard library
				{Code: syscall.BPF_LD | syscall.BPF_B | syscall.BPF_ABS, K: 13},
				{Code: syscall.BPF_ALU | syscall.BPF_AND | syscall.BPF_K, K: 0x12},
				{Code: syscall.BPF_JMP | syscall.BPF_JEQ | syscall.BPF_K, K: 0x02, Jf: 1},
				{Code: syscall.BPF_RET | syscall.BPF_K, K: 0},
				{Code: syscall.BPF_RET | syscall.BPF_K, K: 0xffff},
			})
		})
	}
}
