// Package listen is where commands listen that serve: an address of TCP, or a socket that is a file.
package listen

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

	"github.com/openspapi/spapi/internal/tlsfront"
)

// Place is where to listen.
type Place struct {
	Network string // "tcp" or "unix"
	Address string // host:port, or the absolute path of a socket
}

// maxSocket is how long the path of a socket may be, in bytes: the kernel's structure has room for so many, and for the zero behind them.
const maxSocket = len(syscall.RawSockaddrUnix{}.Path) - 1

const forms = "want host:port such as 127.0.0.1:0, or unix: and the path of a socket"

// Parse reads a place. The path of a socket is relative to dir, or to where the process runs for "". Errors say what is wrong with the text, which they don't
// repeat.
func Parse(text, dir string) (Place, error) {
	if path, ok := strings.CutPrefix(text, "unix:"); ok {
		if path == "" || strings.HasSuffix(path, string(filepath.Separator)) {
			return Place{}, errors.New("names no file: " + forms)
		}
		if !filepath.IsAbs(path) {
			path = filepath.Join(dir, path)
		}
		path, err := filepath.Abs(path)
		if err != nil {
			return Place{}, err
		}
		if len(path) > maxSocket {
			return Place{}, fmt.Errorf("the path of a socket may have %d bytes, this one has %d", maxSocket, len(path))
		}
		return Place{"unix", path}, nil
	}
	_, port, err := net.SplitHostPort(text)
	if err != nil {
		return Place{}, errors.New(forms)
	}
	if _, err := strconv.ParseUint(port, 10, 16); err != nil {
		return Place{}, errors.New("the port is no number between 0 and 65535: " + forms)
	}
	return Place{"tcp", text}, nil
}

// Unix reports whether it is a socket that is a file.
func (p Place) Unix() bool { return p.Network == "unix" }

// Loopback reports whether only programs on this machine reach it.
func (p Place) Loopback() bool {
	if p.Unix() {
		return true
	}
	host, _, err := net.SplitHostPort(p.Address)
	ip := net.ParseIP(host)
	return err == nil && (strings.EqualFold(host, "localhost") || ip != nil && ip.IsLoopback())
}

// Listen begins to listen. A socket that a process has left behind, which was killed, gives way.
func (p Place) Listen(ctx context.Context) (net.Listener, error) {
	if p.Unix() {
		l, err := tlsfront.Listen(ctx, "unix:"+p.Address)
		if err != nil {
			err = errors.New(strings.TrimPrefix(err.Error(), "listen unix:"+p.Address+": ")) // the flag names it
		}
		return l, err
	}
	return tlsfront.Listen(ctx, p.Address)
}

// Base is the URL at which programs on this machine reach the listener. Where it listens on every address, that is the loopback one. A socket
// is written as Docker's and Python's clients do: http+unix:// and its path, escaped, in the place of the host.
func (p Place) Base(scheme string, address net.Addr) string {
	if p.Unix() {
		return scheme + "+unix://" + url.PathEscape(p.Address)
	}
	return scheme + "://" + p.Reachable(address)
}

// Reachable is the host:port that programs on this machine reach.
func (p Place) Reachable(address net.Addr) string {
	host, _, err := net.SplitHostPort(p.Address)
	if err != nil {
		panic(fmt.Sprintf("listen: %v", err)) // Parse has split it
	}
	_, port, err := net.SplitHostPort(address.String())
	if err != nil {
		panic(fmt.Sprintf("listen: %v", err)) // no TCP address ends without a port
	}
	if ip := net.ParseIP(host); host == "" || ip != nil && ip.IsUnspecified() {
		host = "127.0.0.1"
	}
	return net.JoinHostPort(host, port)
}
