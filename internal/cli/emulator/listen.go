package emulator

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/url"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"

	"github.com/openspapi/spapi/internal/cli/exit"
	"github.com/openspapi/spapi/internal/tlsfront"
)

// place is where the emulator listens.
type place struct {
	network string // "tcp" or "unix"
	address string // host:port, or the absolute path of a socket
}

// maxSocket is how long the path of a socket may be, in bytes: the kernel's structure has room for so many, and for the zero behind them.
const maxSocket = len(syscall.RawSockaddrUnix{}.Path) - 1

const formOfListen = "want host:port such as 127.0.0.1:0, or unix: and the path of a socket"

// parsePlace reads --listen.
func parsePlace(text string) (place, error) {
	if path, ok := strings.CutPrefix(text, "unix:"); ok {
		if path == "" || strings.HasSuffix(path, string(filepath.Separator)) {
			return place{}, exit.Usagef("--listen %q: names no file: %s", text, formOfListen)
		}
		path, err := filepath.Abs(path)
		if err != nil {
			return place{}, exit.Usagef("--listen %q: %w", text, err)
		}
		if len(path) > maxSocket {
			return place{}, exit.Usagef("--listen %q: the path of a socket may have %d bytes, this one has %d", text, maxSocket, len(path))
		}
		return place{"unix", path}, nil
	}
	_, port, err := net.SplitHostPort(text)
	if err != nil {
		return place{}, exit.Usagef("--listen %q: %s", text, formOfListen)
	}
	if _, err := strconv.ParseUint(port, 10, 16); err != nil {
		return place{}, exit.Usagef("--listen %q: the port is no number between 0 and 65535: %s", text, formOfListen)
	}
	return place{"tcp", text}, nil
}

func (p place) unix() bool { return p.network == "unix" }

// listen begins to listen. A socket that an emulator has left behind, which was killed, gives way.
func (p place) listen(ctx context.Context) (net.Listener, error) {
	if p.unix() {
		l, err := tlsfront.Listen(ctx, "unix:"+p.address)
		if err != nil {
			err = errors.New(strings.TrimPrefix(err.Error(), "listen unix:"+p.address+": ")) // the flag names it
		}
		return l, err
	}
	return tlsfront.Listen(ctx, p.address)
}

// base is the URL at which programs on this machine reach the listener. Where it listens on every address, that is the loopback one. A socket
// is written as Docker's and Python's clients do: http+unix:// and its path, escaped, in the place of the host.
func (p place) base(scheme string, address net.Addr) string {
	if p.unix() {
		return scheme + "+unix://" + url.PathEscape(p.address)
	}
	return scheme + "://" + p.reachable(address)
}

// reachable is the host:port that programs on this machine reach.
func (p place) reachable(address net.Addr) string {
	host, _, err := net.SplitHostPort(p.address)
	if err != nil {
		panic(fmt.Sprintf("emulator: %v", err)) // parsePlace has split it
	}
	_, port, err := net.SplitHostPort(address.String())
	if err != nil {
		panic(fmt.Sprintf("emulator: %v", err)) // no TCP address ends without a port
	}
	if ip := net.ParseIP(host); host == "" || ip != nil && ip.IsUnspecified() {
		host = "127.0.0.1"
	}
	return net.JoinHostPort(host, port)
}
