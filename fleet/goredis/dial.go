package goredis

import (
	"context"
	"crypto/tls"
	"errors"
	"net"
	"sync"
	"syscall"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/openspapi/spapi/internal/redisaddress"
)

// dialer makes the connections of a Server of [Open].
type dialer struct{ address *redisaddress.Address }

// dial returns a connection that is made when it is first written to, within the deadline of the command. go-redis' pool never sees one fail: it would log
// that to stderr each time and go on dialling in the background, for ever and ahead of the callers.
func (d *dialer) dial(_ context.Context, network, addr string) (net.Conn, error) {
	c := &conn{connect: func(ctx context.Context) (net.Conn, error) { return d.connect(ctx, network, addr) }}
	if d.address.TLS != nil {
		return c, nil
	}
	return checked{c}, nil
}

func (d *dialer) connect(ctx context.Context, network, addr string) (net.Conn, error) {
	if d.address.Kind == redisaddress.Sentinel {
		var err error
		if addr, err = d.primary(ctx); err != nil {
			return nil, err
		}
	}
	return d.open(ctx, network, addr)
}

func (d *dialer) open(ctx context.Context, network, addr string) (net.Conn, error) {
	plain := &net.Dialer{Timeout: patience}
	if d.address.TLS == nil {
		return plain.DialContext(ctx, network, addr)
	}
	config := d.address.TLS.Clone()
	config.ServerName, _, _ = net.SplitHostPort(addr)
	return (&tls.Dialer{NetDialer: plain, Config: config}).DialContext(ctx, network, addr)
}

// primary asks all sentinels at once which server is the primary; the first answer counts. It is asked for each new connection, and all are new after a
// failure ([Server.Drop]), so that nobody has to listen for news.
func (d *dialer) primary(ctx context.Context) (string, error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	type answer struct {
		addr string
		err  error
	}
	answers := make(chan answer, len(d.address.Hosts))
	for _, host := range d.address.Hosts {
		go func() {
			c := redis.NewSentinelClient(&redis.Options{
				Addr: host, Protocol: protocol, Username: d.address.SentinelUser, Password: d.address.SentinelPassword.Reveal(), MaxRetries: -1, DialTimeout: patience,
				ReadTimeout: patience, WriteTimeout: patience, ContextTimeoutEnabled: true, DialerRetries: 1, PoolSize: 1, PipelinePoolSize: -1,
				DisableIdentity: true, MaintNotificationsConfig: noNotices(),
				Dialer: func(_ context.Context, network, addr string) (net.Conn, error) {
					return &conn{connect: func(ctx context.Context) (net.Conn, error) { return d.open(ctx, network, addr) }}, nil
				},
			})
			defer c.Close()
			at, err := c.GetMasterAddrByName(ctx, d.address.Primary).Result()
			switch {
			case errors.Is(err, redis.Nil):
				answers <- answer{err: errors.New("goredis: the sentinel " + host + " knows no primary of the name " + d.address.Primary)}
			case err != nil:
				answers <- answer{err: err}
			default:
				answers <- answer{addr: net.JoinHostPort(at[0], at[1])}
			}
		}()
	}
	var first error
	for range d.address.Hosts {
		select {
		case a := <-answers:
			if a.err == nil {
				return a.addr, nil
			}
			if first == nil {
				first = a.err
			}
		case <-ctx.Done():
			return "", ctx.Err()
		}
	}
	return "", first
}

// conn is a connection that is made when it is first written to.
type conn struct {
	connect func(ctx context.Context) (net.Conn, error)

	mu          sync.Mutex
	made        net.Conn // nil: not yet
	closed      bool
	read, write time.Time // deadlines that were set before it was made
}

func (c *conn) get() net.Conn {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.made
}

func (c *conn) Write(b []byte) (int, error) {
	made := c.get()
	if made == nil {
		var err error
		if made, err = c.make(); err != nil {
			return 0, err
		}
	}
	return made.Write(b)
}

func (c *conn) make() (net.Conn, error) {
	c.mu.Lock()
	deadline := c.write
	c.mu.Unlock()
	if deadline.IsZero() {
		deadline = time.Now().Add(patience)
	}
	ctx, cancel := context.WithDeadline(context.Background(), deadline)
	defer cancel()
	made, err := c.connect(ctx)
	if err != nil {
		return nil, err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.closed {
		_ = made.Close()
		return nil, net.ErrClosed
	}
	c.made = made
	_, _ = made.SetReadDeadline(c.read), made.SetWriteDeadline(c.write)
	return made, nil
}

func (c *conn) Read(b []byte) (int, error) {
	if made := c.get(); made != nil {
		return made.Read(b)
	}
	return 0, errNotMade
}

var errNotMade = errors.New("goredis: the connection has not been made")

func (c *conn) Close() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.closed = true
	if c.made == nil {
		return nil
	}
	return c.made.Close()
}

func (c *conn) LocalAddr() net.Addr {
	if made := c.get(); made != nil {
		return made.LocalAddr()
	}
	return &net.UnixAddr{}
}

func (c *conn) RemoteAddr() net.Addr {
	if made := c.get(); made != nil {
		return made.RemoteAddr()
	}
	return &net.UnixAddr{}
}

func (c *conn) SetDeadline(t time.Time) error {
	return errors.Join(c.SetReadDeadline(t), c.SetWriteDeadline(t))
}

func (c *conn) SetReadDeadline(t time.Time) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.read = t
	if c.made == nil {
		return nil
	}
	return c.made.SetReadDeadline(t)
}

func (c *conn) SetWriteDeadline(t time.Time) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.write = t
	if c.made == nil {
		return nil
	}
	return c.made.SetWriteDeadline(t)
}

// checked lets go-redis look whether the server has closed an idle connection, before it uses it. It can't look into TLS.
type checked struct{ *conn }

// SyscallConn is that of [syscall.Conn].
func (c checked) SyscallConn() (syscall.RawConn, error) {
	made, ok := c.get().(syscall.Conn)
	if !ok {
		return nil, errNotMade
	}
	return made.SyscallConn()
}
