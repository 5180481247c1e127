package tlsfront

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"strings"
	"syscall"
	"time"
)

// Listen listens on an address: host and port, such as "127.0.0.1:8080", or "unix:" and the path of a socket. The file of a socket whose process has
// died is replaced; one that somebody answers on is an error, and so is a file of another kind. It is removed when the listener is closed.
func Listen(ctx context.Context, address string) (net.Listener, error) {
	path, unix := strings.CutPrefix(address, "unix:")
	if !unix {
		plain := &net.ListenConfig{}
		plain.SetMultipathTCP(false) // whose sockets Linux lets nobody filter: see hush
		return plain.Listen(ctx, "tcp", address)
	}
	if path == "" {
		return nil, errors.New(`listen "unix:": want the path of a socket, such as unix:/tmp/spapi.sock`)
	}
	l, err := (&net.ListenConfig{}).Listen(ctx, "unix", path)
	if err == nil {
		return l, nil
	}
	found, statErr := os.Lstat(path)
	if statErr != nil {
		return nil, err
	}
	if found.Mode()&os.ModeSocket == 0 {
		return nil, fmt.Errorf("listen %s: there is a file of that name which is no socket", address)
	}
	ctx, cancel := context.WithTimeout(ctx, time.Second)
	defer cancel()
	c, err := (&net.Dialer{}).DialContext(ctx, "unix", path)
	if err == nil {
		_ = c.Close()
		return nil, fmt.Errorf("listen %s: another process listens there", address)
	}
	if !errors.Is(err, syscall.ECONNREFUSED) { // it may be alive
		return nil, fmt.Errorf("listen %s: there is a socket of that name: %w", address, err)
	}
	// Nobody answers. Another process may have found out the same and been quicker: its socket is another file.
	if now, err := os.Lstat(path); err != nil || !os.SameFile(found, now) {
		return nil, fmt.Errorf("listen %s: another process has just begun to listen there", address)
	}
	if err := os.Remove(path); err != nil {
		return nil, fmt.Errorf("listen %s: %w", address, err)
	}
	return (&net.ListenConfig{}).Listen(ctx, "unix", path)
}
