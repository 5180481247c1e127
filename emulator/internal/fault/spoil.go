package fault

import (
	"bytes"
	"context"
	"io"
	"net"
	"net/http"
	"os"
	"syscall"
	"time"

	"github.com/openspapi/spapi/emulator/internal/answer"
	"github.com/openspapi/spapi/emulator/internal/clock"
	"github.com/openspapi/spapi/emulator/internal/exchange"
)

// What faults do to an answer on its way, over a connection and without one.

// slowPieces is in how many pieces a slow body arrives.
const slowPieces = 10

// delay is how long the answer waits before it starts.
func (f *Fault) delay() time.Duration {
	if f == nil || f.Kind == SlowBody {
		return 0 // its latency is the body's
	}
	return f.Latency
}

// named names in a reply the faults that have struck the request or what is in the reply.
func named(x *exchange.Exchange, rep answer.Reply) answer.Reply {
	if x.Fault == "" {
		return rep
	}
	return rep.With("X-Spapi-Emulator-Fault", x.Fault)
}

// Serve sends a reply over a connection, as the fault that struck the request has it.
func Serve(w http.ResponseWriter, r *http.Request, x *exchange.Exchange, rep answer.Reply, f *Fault, c *clock.Clock) {
	rep = named(x, rep)
	if f == nil {
		answer.Send(w, x, rep)
		return
	}
	if c.Pause(r.Context(), f.delay()) != nil {
		return // the client has gone away
	}
	switch f.Kind {
	case Silent:
		<-r.Context().Done()
		panic(http.ErrAbortHandler) // not even the end of an answer
	case Reset:
		reset(w)
	case ResetInBody, Truncate:
		half := &halfWriter{ResponseWriter: w}
		answer.Send(half, x, rep)
		_ = http.NewResponseController(w).Flush()
		if f.Kind == ResetInBody {
			reset(w)
		}
		panic(http.ErrAbortHandler) // closes the connection
	case SlowBody:
		answer.Send(&slowWriter{ResponseWriter: w, pause: func() error { return c.Pause(r.Context(), f.Latency/slowPieces) }}, x, rep)
	default:
		answer.Send(w, x, rep)
	}
}

// reset ends a connection with a TCP reset, as far as the server lets it; it doesn't return where it must not go on.
func reset(w http.ResponseWriter) {
	conn, _, err := http.NewResponseController(w).Hijack()
	if err != nil {
		panic(http.ErrAbortHandler) // no connection to be had: the next best thing
	}
	for below := conn; ; { // TLS and the like
		if tcp, ok := below.(*net.TCPConn); ok {
			_ = tcp.SetLinger(0) // unsent data is thrown away, and the client gets a reset
			_ = tcp.Close()      // before TLS says goodbye
			break
		}
		wrapper, ok := below.(interface{ NetConn() net.Conn })
		if !ok {
			break
		}
		below = wrapper.NetConn()
	}
	_ = conn.Close()
	panic(http.ErrAbortHandler)
}

// halfWriter passes on half of the body.
type halfWriter struct{ http.ResponseWriter }

func (h *halfWriter) Write(b []byte) (int, error) {
	if _, err := h.ResponseWriter.Write(b[:len(b)/2]); err != nil {
		return 0, err
	}
	return len(b), nil
}

// slowWriter passes the body on in pieces, with a pause before each.
type slowWriter struct {
	http.ResponseWriter
	pause func() error
}

func (s *slowWriter) Write(b []byte) (int, error) {
	for i := range slowPieces {
		if err := s.pause(); err != nil {
			return 0, err
		}
		if _, err := s.ResponseWriter.Write(b[len(b)*i/slowPieces : len(b)*(i+1)/slowPieces]); err != nil {
			return 0, err
		}
		_ = http.NewResponseController(s.ResponseWriter).Flush()
	}
	return len(b), nil
}

// errReset is what a client without a connection gets in place of a reset, in the form in which net/http reports one.
func errReset() error {
	return &net.OpError{Op: "read", Net: "tcp", Err: os.NewSyscallError("read", syscall.ECONNRESET)}
}

// brokenBody is the body of an answer without a connection, as the fault has it.
func brokenBody(ctx context.Context, f *Fault, c *clock.Clock, body []byte) io.Reader {
	if f != nil {
		switch f.Kind {
		case ResetInBody:
			return io.MultiReader(bytes.NewReader(body[:len(body)/2]), failingReader{errReset()})
		case Truncate:
			return io.MultiReader(bytes.NewReader(body[:len(body)/2]), failingReader{io.ErrUnexpectedEOF})
		case SlowBody:
			return &slowReader{body: body, size: max(1, (len(body)+slowPieces-1)/slowPieces), pause: func() error { return c.Pause(ctx, f.Latency/slowPieces) }}
		}
	}
	return bytes.NewReader(body)
}

type failingReader struct{ err error }

func (r failingReader) Read([]byte) (int, error) { return 0, r.err }

// slowReader hands out a body in pieces, with a pause before each.
type slowReader struct {
	body  []byte
	size  int
	left  int // of the piece
	pause func() error
}

func (r *slowReader) Read(b []byte) (int, error) {
	if len(r.body) == 0 {
		return 0, io.EOF
	}
	if r.left == 0 {
		if err := r.pause(); err != nil {
			return 0, err
		}
		r.left = min(r.size, len(r.body))
	}
	n := copy(b, r.body[:r.left])
	r.body, r.left = r.body[n:], r.left-n
	return n, nil
}

// RoundTrip answers without a connection.
func RoundTrip(r *http.Request, x *exchange.Exchange, rep answer.Reply, f *Fault, c *clock.Clock) (*http.Response, error) {
	if f != nil {
		if err := c.Pause(r.Context(), f.delay()); err != nil {
			return nil, err
		}
		switch f.Kind {
		case Silent:
			<-r.Context().Done()
			return nil, context.Cause(r.Context())
		case Reset:
			return nil, errReset()
		}
	}
	rep = named(x, rep)
	rec := exchange.NewRecorder()
	answer.Send(rec, x, rep)
	resp := exchange.NewResponse(r, rec)
	if rec.Stream != nil {
		resp.Body, resp.ContentLength = io.NopCloser(rec.Stream), rec.Length
	} else {
		resp.Body = io.NopCloser(brokenBody(r.Context(), f, c, rec.Body.Bytes()))
	}
	exchange.Unzip(resp)
	return resp, nil
}
