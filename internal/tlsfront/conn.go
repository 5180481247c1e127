package tlsfront

import (
	"io"
	"net"
	"net/http"
	"sync"
	"time"
)

// conn is a connection whose first bytes may have been read already, and each of whose writes must get on.
type conn struct {
	net.Conn
	prefix  []byte // read, and not yet taken
	first   [1]byte
	target  string // the host to which the client takes it for connected; "" without CONNECT
	refused error  // why the handshake was refused
	stall   time.Duration

	mu       sync.Mutex
	deadline time.Time // for writing, as the server has set it
}

// peek returns the first byte, which stays to be read.
func (c *conn) peek() (byte, error) {
	if len(c.prefix) == 0 {
		if _, err := io.ReadFull(c.Conn, c.first[:]); err != nil {
			return 0, err
		}
		c.prefix = c.first[:]
	}
	return c.prefix[0], nil
}

func (c *conn) Read(b []byte) (int, error) {
	if len(c.prefix) > 0 {
		n := copy(b, c.prefix)
		c.prefix = c.prefix[n:]
		return n, nil
	}
	return c.Conn.Read(b)
}

func (c *conn) Write(b []byte) (n int, err error) {
	for {
		at := time.Now().Add(c.stall)
		c.mu.Lock()
		if !c.deadline.IsZero() && c.deadline.Before(at) {
			at = c.deadline
		}
		err = c.Conn.SetWriteDeadline(at)
		c.mu.Unlock()
		if err != nil {
			return n, err
		}
		w, err := c.Conn.Write(b[n:min(len(b), n+piece)])
		if n += w; err != nil || n == len(b) {
			return n, err
		}
	}
}

func (c *conn) SetWriteDeadline(t time.Time) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.deadline = t
	return c.Conn.SetWriteDeadline(t)
}

func (c *conn) SetDeadline(t time.Time) error {
	if err := c.SetWriteDeadline(t); err != nil {
		return err
	}
	return c.SetReadDeadline(t)
}

// CloseWrite ends what is sent, where the connection can do that alone: [http.Server] does it before it hangs up on somebody who still sends.
func (c *conn) CloseWrite() error {
	if half, ok := c.Conn.(interface{ CloseWrite() error }); ok {
		return half.CloseWrite()
	}
	return nil
}

// NetConn is the connection below, as [crypto/tls.Conn.NetConn] is.
func (c *conn) NetConn() net.Conn { return c.Conn }

// body is the body of a request, of which each piece must come in time, and all of it not too slowly.
type body struct {
	io.ReadCloser
	control *http.ResponseController
	stall   time.Duration
	begun   time.Time
	read    int64
}

func (b *body) limit() {
	at := time.Now().Add(b.stall)
	if last := b.begun.Add(2*b.stall + time.Duration(b.read)*time.Second/minRate); last.Before(at) {
		at = last
	}
	_ = b.control.SetReadDeadline(at)
}

func (b *body) Read(p []byte) (int, error) {
	b.limit()
	n, err := b.ReadCloser.Read(p)
	b.read += int64(n)
	return n, err // at the end the server takes the deadline away, and reads on in order to hear whether the client has gone
}

// streamWriter writes an answer over HTTP/2, of which each piece must be taken in time: a client that opens no window holds up its stream alone,
// which no deadline of the connection sees.
type streamWriter struct {
	http.ResponseWriter
	control *http.ResponseController
	stall   time.Duration
}

func (s *streamWriter) Write(b []byte) (n int, err error) {
	for {
		s.limit()
		w, err := s.ResponseWriter.Write(b[n:min(len(b), n+piece)])
		if n += w; err != nil || n == len(b) {
			s.unlimit()
			return n, err
		}
	}
}

// FlushError is for [http.ResponseController].
func (s *streamWriter) FlushError() error {
	s.limit()
	defer s.unlimit()
	return s.control.Flush()
}

func (s *streamWriter) limit() { _ = s.control.SetWriteDeadline(time.Now().Add(s.stall)) }

// unlimit lets the handler take its time until it has more.
func (s *streamWriter) unlimit() { _ = s.control.SetWriteDeadline(time.Time{}) }

// Unwrap is for [http.ResponseController].
func (s *streamWriter) Unwrap() http.ResponseWriter { return s.ResponseWriter }
