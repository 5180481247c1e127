package gateway

import (
	"bytes"
	"errors"
	"io"
	"net/http"
	"os"
	"sync/atomic"
	"time"
)

const (
	// DefaultMaxBody is what API Gateway, which Amazon puts before SP-API, takes at most (docs.aws.amazon.com/apigateway/latest/developerguide/limits.html,
	// "Payload size"). Documents go elsewhere.
	DefaultMaxBody = 10 << 20

	// maxRepeated is the longest body that is kept in memory, so that the call may be repeated. Longer ones are sent as they come, once.
	maxRepeated = 1 << 20
	// maxKept is how much all calls together keep: beyond it bodies are sent as they come.
	maxKept = 256 << 20

	// A body has bodyGrace, and a second more for each minRate bytes: one that comes slower holds its caller's place for nothing.
	bodyGrace = 30 * time.Second
	minRate   = 16 << 10
	// stallTimeout is how long a piece of an answer may take until the caller has taken it.
	stallTimeout = time.Minute
)

// What a body can be refused for.
var (
	errBodyTooLarge = errors.New("body too large")
	errBodySlow     = errors.New("body too slow")
	errBodyBroken   = errors.New("body broke off")
)

// body is the body of a request as it comes from the caller.
type body struct {
	in      io.Reader
	control *http.ResponseController
	begun   time.Time
	read    int64
	max     int64
	failed  atomic.Pointer[error] // one of those above: what the transport makes of it may hide it
}

func (b *body) Read(p []byte) (int, error) {
	if err := b.failed.Load(); err != nil {
		return 0, *err
	}
	_ = b.control.SetReadDeadline(b.begun.Add(bodyGrace + time.Duration(b.read)*time.Second/minRate))
	n, err := b.in.Read(p)
	b.read += int64(n)
	switch {
	case b.read > b.max:
		err = errBodyTooLarge
	case err == nil:
		return n, nil
	case err == io.EOF:
	case errors.Is(err, os.ErrDeadlineExceeded):
		err = errBodySlow
	default:
		err = errBodyBroken
	}
	if err != io.EOF {
		b.failed.Store(&err)
	}
	_ = b.control.SetReadDeadline(time.Time{}) // the server reads on, in order to hear whether the caller has gone
	return n, err
}

// Close is the transport's. The server closes what the caller sends.
func (b *body) Close() error { return nil }

func (b *body) err() error {
	if b == nil {
		return nil
	}
	if err := b.failed.Load(); err != nil {
		return *err
	}
	return nil
}

// takeBody makes the body of the request that of the call: kept, if it is small, else as it comes.
func (x *exchange) takeBody(out *http.Request) *refusal {
	in := x.r
	if in.Body == nil || in.Body == http.NoBody || in.ContentLength == 0 {
		return nil
	}
	limit := x.g.config.MaxBody
	if in.ContentLength > limit {
		return x.bodyRefusal(errBodyTooLarge)
	}
	b := &body{in: in.Body, control: http.NewResponseController(x.w), begun: time.Now(), max: limit}
	x.body = b
	out.ContentLength = in.ContentLength
	room := in.ContentLength
	if room < 0 {
		room = maxRepeated // as much as it may become
	}
	if room > maxRepeated || !x.keep(room) {
		out.Body = b
		return nil
	}
	var kept bytes.Buffer
	if in.ContentLength > 0 {
		kept.Grow(int(in.ContentLength) + bytes.MinRead)
	}
	n, err := io.Copy(&kept, io.LimitReader(b, maxRepeated+1))
	if err != nil {
		return x.bodyRefusal(err)
	}
	if n > maxRepeated { // of unknown length: what has come, then what comes
		x.release()
		out.Body = struct {
			io.Reader
			io.Closer
		}{io.MultiReader(&kept, b), b}
		return nil
	}
	x.keep(n - room) // what it has turned out to be
	out.ContentLength = n
	out.GetBody = func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(kept.Bytes())), nil }
	out.Body, _ = out.GetBody()
	if n == 0 {
		out.Body, out.GetBody = http.NoBody, nil
	}
	return nil
}

// keep counts n more bytes of what the call keeps in memory; false if all calls together would keep too much.
func (x *exchange) keep(n int64) bool {
	if x.g.kept.Add(n) > maxKept && n > 0 {
		x.g.kept.Add(-n)
		return false
	}
	x.kept += n
	return true
}

// release says that nothing is kept any more.
func (x *exchange) release() {
	x.g.kept.Add(-x.kept)
	x.kept = 0
}

// bodyRefusal is for a body that can't be had. Nothing reads the rest of it: the connection ends.
func (x *exchange) bodyRefusal(err error) *refusal {
	x.w.Header().Set("Connection", "close")
	switch {
	case errors.Is(err, errBodyTooLarge):
		return &refusal{Status: http.StatusRequestEntityTooLarge, Code: "RequestEntityTooLarge", why: "body-size",
			Message: "The body is larger than " + bytesText(x.g.config.MaxBody), Details: "Send less at once. The setting max_body is the bound."}
	case errors.Is(err, errBodySlow):
		return &refusal{Status: http.StatusRequestTimeout, Code: "RequestTimeout", why: "body-slow",
			Message: "The body came too slowly: want " + bytesText(minRate) + " a second, after " + bodyGrace.String()}
	}
	return badRequest("body", "The body broke off, or its chunks are malformed", "")
}
