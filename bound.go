package spapi

import (
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"os"
	"strings"
	"sync"
	"time"

	"github.com/openspapi/spapi/internal/settings"
)

// Defaults of [WithAttemptTimeout] and [WithStallTimeout].
const (
	// Amazon's own gateway gives up after 29 seconds and answers 504 (docs.aws.amazon.com/apigateway/latest/developerguide/limits.html,
	// "Maximum integration timeout"), so that an answer which takes twice as long comes from nowhere.
	defaultAttemptTimeout = time.Minute
	// TCP has repeated a lost segment half a dozen times by then (RFC 6298), and S3 gives up a connection that is idle for 20 seconds
	// (docs.aws.amazon.com/AmazonS3/latest/API/ErrorResponses.html, RequestTimeout).
	defaultStallTimeout = time.Minute
)

// TimeoutStage says what did not come in time.
type TimeoutStage string

// The stages of an attempt.
const (
	TimeoutSending TimeoutStage = "sending" // the body of the request went no further
	TimeoutAnswer  TimeoutStage = "answer"  // nothing of an answer came
	TimeoutBody    TimeoutStage = "body"    // the body of the answer went no further
)

// TimeoutError is a request that was given up because nothing moved for as long as [WithAttemptTimeout] or [WithStallTimeout] allow, or a
// request for a token that took longer than 30 seconds. What was asked for may have been carried out: like a broken connection, it is repeated by
// itself only where that does no harm. It is an [os.ErrDeadlineExceeded], as timeouts of connections are, and never a
// [context.DeadlineExceeded], which is the caller's own.
type TimeoutError struct {
	Stage TimeoutStage
	After time.Duration // for how long nothing came
}

var _ net.Error = (*TimeoutError)(nil)

func (e *TimeoutError) Error() string {
	after := e.After.String()
	if e.After >= time.Minute {
		after = strings.TrimSuffix(strings.TrimSuffix(after, "0s"), "0m") // 1m, 1h
	}
	switch e.Stage {
	case TimeoutSending:
		return "the request's body went no further for " + after
	case TimeoutBody:
		return "the answer's body went no further for " + after
	}
	return "no answer within " + after
}

// Timeout makes it a timeout for those who ask as package net has it: it is a [net.Error].
func (e *TimeoutError) Timeout() bool { return true }

// Temporary is true, as of all timeouts of package net. It is there because [net.Error] has it.
func (e *TimeoutError) Temporary() bool { return true }

// Is makes it an [os.ErrDeadlineExceeded].
func (e *TimeoutError) Is(target error) bool { return target == os.ErrDeadlineExceeded }

// Explain says what to do.
func (e *TimeoutError) Explain() string {
	return settings.Sentence(e.Error()) + "\nSomething on the way accepted the request and then stayed silent: check network and proxy. " +
		"Where a gateway of your own takes its time, give it more with WithAttemptTimeout or WithStallTimeout."
}

// boundTransport bounds how long a request may stand still. It lies over the base transport, so that all requests of an App have it: calls,
// tokens, uploads, downloads.
type boundTransport struct {
	next    http.RoundTripper
	attempt time.Duration // 0: no bound
	stall   time.Duration // 0: no bound

	// One timer serves all attempts: their own would wake the runtime's poller several times a call. It is set to the first moment at which any of them
	// may be due, and when that has come, to the first of those that are left.
	mu    sync.Mutex
	timer *time.Timer
	wakes time.Time // when the timer fires; zero: it rests
	first *watch    // of those for which something is awaited
}

// bounded puts the bounds over a transport; below 0 stands for none, 0 for the default.
func bounded(next http.RoundTripper, attempt, stall time.Duration) http.RoundTripper {
	choose := func(d, standard time.Duration) time.Duration {
		if d == 0 {
			return standard
		}
		return max(d, 0)
	}
	b := &boundTransport{next: next, attempt: choose(attempt, defaultAttemptTimeout), stall: choose(stall, defaultStallTimeout)}
	if b.attempt == 0 && b.stall == 0 {
		return next
	}
	b.timer = time.AfterFunc(time.Hour, b.look)
	b.timer.Stop() // nothing is awaited
	return b
}

// CloseIdleConnections passes on what [App.CloseIdleConnections] asks for.
func (b *boundTransport) CloseIdleConnections() {
	if c, ok := b.next.(interface{ CloseIdleConnections() }); ok {
		c.CloseIdleConnections()
	}
}

func (b *boundTransport) RoundTrip(req *http.Request) (*http.Response, error) {
	w := &watch{bounds: b}
	w.ctx, w.cancel = context.WithCancelCause(req.Context())
	watched := req.WithContext(w.ctx)
	if req.Body != nil && req.Body != http.NoBody {
		watched.Body = &sentBody{req.Body, w}
		if open := req.GetBody; open != nil { // the transport sends it once more where a connection turns out to be dead
			watched.GetBody = func() (io.ReadCloser, error) {
				body, err := open()
				if err != nil {
					return nil, err
				}
				return &sentBody{body, w}, nil
			}
		}
	}
	w.await(TimeoutAnswer)
	returned := false
	defer func() {
		if !returned {
			w.end()
		}
	}()
	resp, err := b.next.RoundTrip(watched)
	returned = true
	if err != nil {
		err = w.reason(err)
		w.end()
		return nil, err
	}
	if resp.StatusCode == http.StatusSwitchingProtocols { // the connection is the caller's
		w.answered()
		return resp, nil
	}
	if resp.Body == nil || resp.Body == http.NoBody {
		w.end()
		return resp, nil
	}
	w.answered()
	w.body = resp.Body
	resp.Body = w
	return resp, nil
}

// watch ends an attempt that stands still. It is the body of the answer, too.
type watch struct {
	bounds *boundTransport
	ctx    context.Context
	cancel context.CancelCauseFunc
	body   io.ReadCloser

	// under bounds.mu
	stage          TimeoutStage
	due            time.Time // zero: nothing is awaited
	bound          time.Duration
	replied        bool // the answer has begun: what is still sent is not waited for
	failure        *TimeoutError
	before, behind *watch // others for which something is awaited
}

// await says what has to come next, within the bound for it.
func (w *watch) await(stage TimeoutStage) {
	b := w.bounds
	b.mu.Lock()
	defer b.mu.Unlock()
	if stage != TimeoutBody && w.replied {
		return
	}
	b.drop(w)
	w.stage, w.bound = stage, b.stall
	if stage == TimeoutAnswer {
		w.bound = b.attempt
	}
	if w.bound == 0 {
		return
	}
	w.due = time.Now().Add(w.bound)
	if w.behind = b.first; w.behind != nil {
		w.behind.before = w
	}
	b.first = w
	b.wake(w.due, w.bound)
}

// rest says that it's the caller's turn, who may take any time.
func (w *watch) rest(sending bool) {
	w.bounds.mu.Lock()
	defer w.bounds.mu.Unlock()
	if !sending || !w.replied {
		w.bounds.drop(w)
	}
}

func (w *watch) answered() {
	w.bounds.mu.Lock()
	defer w.bounds.mu.Unlock()
	w.replied = true
	w.bounds.drop(w)
}

func (w *watch) end() {
	w.rest(false)
	w.cancel(nil)
}

// drop takes a watch for which nothing is awaited any more out of those that look looks at; b.mu is held.
func (b *boundTransport) drop(w *watch) {
	if w.due.IsZero() {
		return
	}
	if w.before != nil {
		w.before.behind = w.behind
	} else {
		b.first = w.behind
	}
	if w.behind != nil {
		w.behind.before = w.before
	}
	w.due, w.before, w.behind = time.Time{}, nil, nil
}

// wake has look called at a time, which is after a while; b.mu is held.
func (b *boundTransport) wake(at time.Time, after time.Duration) {
	if b.wakes.IsZero() || at.Before(b.wakes) {
		b.wakes = at
		b.timer.Reset(after)
	}
}

// look ends the attempts that stand still.
func (b *boundTransport) look() {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.wakes = time.Time{}
	now := time.Now()
	var next *watch
	for w := b.first; w != nil; w = next {
		next = w.behind
		if after := w.due.Sub(now); after > 0 {
			b.wake(w.due, after)
			continue
		}
		b.drop(w)
		w.failure = &TimeoutError{Stage: w.stage, After: w.bound}
		w.cancel(w.failure)
	}
}

// reason tells a bound that was exceeded from other ends, the caller's own among them: a transport knows only that the context has ended.
func (w *watch) reason(err error) error {
	w.bounds.mu.Lock()
	defer w.bounds.mu.Unlock()
	if w.failure != nil && errors.Is(context.Cause(w.ctx), w.failure) {
		return w.failure
	}
	return err
}

// Read reads the answer's body.
func (w *watch) Read(p []byte) (int, error) {
	w.await(TimeoutBody)
	n, err := w.body.Read(p)
	if err == nil {
		w.rest(false)
		return n, nil
	}
	if err != io.EOF {
		err = w.reason(err)
	}
	w.end()
	return n, err
}

// Close ends the attempt.
func (w *watch) Close() error {
	err := w.body.Close()
	w.end()
	return err
}

// sentBody is the body of a request: that the transport takes from it is the sign that it goes on.
type sentBody struct {
	io.ReadCloser
	watch *watch
}

func (b *sentBody) Read(p []byte) (int, error) {
	b.watch.rest(true) // where the body comes from is the caller's affair
	n, err := b.ReadCloser.Read(p)
	if err == nil {
		b.watch.await(TimeoutSending)
	} else {
		b.watch.await(TimeoutAnswer)
	}
	return n, err
}

// Close comes also where the transport doesn't read up to the end.
func (b *sentBody) Close() error {
	b.watch.await(TimeoutAnswer)
	return b.ReadCloser.Close()
}
