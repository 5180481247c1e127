package gateway

import (
	"context"
	"errors"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"sync"
	"time"

	"github.com/openspapi/spapi"
)

// forward calls Amazon and passes the answer on as it comes: from the cache, or from an equal call under way, where that does.
func (x *exchange) forward() {
	out := &http.Request{
		Method: x.r.Method, Header: x.requestHeader(), Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1,
		// The path goes below the client's endpoint, in the bytes that the operation was found by.
		URL: &url.URL{Path: x.r.URL.Path, RawPath: x.r.URL.RawPath, RawQuery: x.r.URL.RawQuery, ForceQuery: x.r.URL.ForceQuery},
	}
	if no := x.takeBody(out); no != nil {
		x.refuse(no)
		return
	}
	x.call = append(x.call, spapi.WithResponse(&x.response))
	if x.problems {
		x.call = append(x.call, spapi.WithAPIErrors())
	}
	if x.shareable() {
		x.share(out)
		return
	}
	res, err := x.client.Do(out.WithContext(x.r.Context()), x.call...) //nolint:bodyclose // answer does
	x.answer(res, err)
}

// answer passes on what a call came to.
func (x *exchange) answer(res *http.Response, err error) {
	if err != nil {
		x.fail(err)
		return
	}
	defer func() { _ = res.Body.Close() }()
	if no := x.ended(); no != nil { // while it made the call for others, or took part in another's
		x.refuse(no)
		return
	}
	if err := x.rewrite(res); err != nil {
		x.fail(err)
		return
	}
	if res.StatusCode == http.StatusSwitchingProtocols {
		x.refuse(&refusal{Status: http.StatusBadGateway, Code: "InternalFailure", Message: "Amazon wants to speak another protocol", why: "answer"})
		return
	}
	x.begin(res)
	if x.r.Method == http.MethodHead || res.Body == http.NoBody {
		return
	}
	if err := x.stream(res); err != nil {
		x.record.Refused = "cut"
		panic(http.ErrAbortHandler) // an answer that was cut is cut for the caller, too
	}
}

// fail answers for a call that failed.
func (x *exchange) fail(err error) {
	if no := x.ended(); no != nil {
		x.refuse(no)
		return
	}
	if errors.Is(context.Cause(x.r.Context()), ErrDraining) {
		no := refusal{Status: http.StatusServiceUnavailable, Code: "ServiceUnavailable", Message: "Service is temporarily unavailable.", RetryAfter: leastRetryAfter,
			Details: "the gateway was stopped before the call had ended", why: "stopping"}
		no.outcome = x.refusalOf(err).outcome
		x.refuse(&no)
		return
	}
	// A body that is too slow ends the request's context, too.
	if x.body.err() == nil && errors.Is(x.r.Context().Err(), context.Canceled) { // nobody hears
		x.record.Refused, x.record.Status = "gone", statusGone
		return
	}
	x.refuse(x.refusalOf(err))
}

// statusGone is how the audit has calls whose caller has gone, as nginx has them.
const statusGone = 499

// begin sends the head of an answer.
func (x *exchange) begin(res *http.Response) {
	h := x.w.Header()
	returnHeader(h, res.Header)
	x.record.RequestID = x.response.RequestID
	x.tellPace(h)
	status := res.StatusCode
	if status >= http.StatusBadRequest {
		status = x.tellRefusal(h, res)
	}
	x.record.Status = status
	switch {
	case x.r.Method == http.MethodHead:
	case res.ContentLength >= 0 && len(res.Trailer) == 0:
		h["Content-Length"] = []string{strconv.FormatInt(res.ContentLength, 10)}
	default:
		h.Del("Content-Length")
	}
	for name := range res.Trailer {
		if !notReturned[name] {
			h.Add("Trailer", name)
		}
	}
	x.limitWrite()
	x.w.WriteHeader(status)
}

// tellRefusal adds to an error of Amazon's, whose body passes as it is, what a caller has to know beyond it.
func (x *exchange) tellRefusal(h http.Header, res *http.Response) (status int) {
	status = res.StatusCode
	if status == http.StatusTooManyRequests {
		var after time.Duration
		status, after = x.throttled(res.Header)
		h["Retry-After"] = []string{retryAfter(after)}
		if status != res.StatusCode {
			h["X-Spapi-Error"] = []string{"throttled"}
		}
	}
	op := x.op
	if op.ID == "" {
		op.Method = x.r.Method
	}
	if status >= http.StatusInternalServerError && res.StatusCode != http.StatusTooManyRequests && !op.ReadOnly() {
		h["X-Spapi-Outcome"] = []string{outcomeUnknown}
		if op.Idempotent || op.IdempotencyHeader != "" && x.r.Header.Get(op.IdempotencyHeader) != "" {
			h["X-Spapi-Outcome"] = []string{outcomeRepeatable}
		}
	}
	return status
}

// limitWrite gives the caller its time to take the next piece. What the server sends by itself at the end has it, too.
func (x *exchange) limitWrite() {
	_ = http.NewResponseController(x.w).SetWriteDeadline(time.Now().Add(stallTimeout))
}

const (
	pieceSize = 32 << 10
	// flushAfter is how long a piece may wait for the next one.
	flushAfter = 10 * time.Millisecond
)

// pieces are memory through which bodies pass.
var pieces = sync.Pool{New: func() any { return new([pieceSize]byte) }}

// stream sends the body of an answer as it comes.
func (x *exchange) stream(res *http.Response) error {
	piece := pieces.Get().(*[pieceSize]byte)
	defer pieces.Put(piece)
	s := sender{w: x.w, control: http.NewResponseController(x.w)}
	defer s.end()
	for {
		n, err := res.Body.Read(piece[:])
		if n > 0 {
			if err := s.write(piece[:n], res.ContentLength); err != nil {
				return err
			}
		}
		switch err {
		case nil:
		case io.EOF:
			if res.ContentLength > s.sent {
				return io.ErrUnexpectedEOF
			}
			for name, values := range res.Trailer {
				if !notReturned[name] {
					x.w.Header()[name] = values
				}
			}
			return nil
		default:
			return err
		}
	}
}

// sender sends pieces, and what lies about when the next one doesn't come soon.
type sender struct {
	w       http.ResponseWriter
	control *http.ResponseController
	sent    int64

	mu      sync.Mutex
	timer   *time.Timer
	pending bool
	ended   bool
}

// write sends a piece of a body of that length; -1: it isn't known.
func (s *sender) write(p []byte, length int64) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.sent > 0 { // for the first the time has been set
		_ = s.control.SetWriteDeadline(time.Now().Add(stallTimeout))
	}
	n, err := s.w.Write(p)
	s.sent += int64(n)
	switch {
	case err != nil || s.sent == length || s.pending:
	case s.timer == nil:
		s.pending, s.timer = true, time.AfterFunc(flushAfter, s.flush)
	default:
		s.pending = true
		s.timer.Reset(flushAfter)
	}
	return err
}

func (s *sender) flush() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.pending = false
	if !s.ended {
		_ = s.control.SetWriteDeadline(time.Now().Add(stallTimeout))
		_ = s.control.Flush()
	}
}

func (s *sender) end() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.ended = true
	if s.timer != nil {
		s.timer.Stop()
	}
}
