package spapi

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"math"
	"math/rand/v2"
	"net"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"sync"
	"time"
)

// RetryPolicy says when a call is repeated. A field that is zero has its default.
//
// Repeated are: 429 always, after at least 1/rate; failed connection attempts always; 500, 502, 503, 504, broken connections, attempts that took
// too long ([TimeoutError]) and, of typed calls, successes whose body is missing or breaks off only where the operation is idempotent or the request has
// its idempotency header, since the request may have been carried out; a 403 for an access token that has expired, or that Amazon calls invalid though it is
// older than a minute, once, with a new token. Every repeat takes from the rate limit like any call.
type RetryPolicy struct {
	MaxAttempts int           // attempts in all; default 5, 1 turns retries off
	BaseDelay   time.Duration // the first pause is random between 0 and this, doubled for each further one; default 250 ms. After an answer at least 100 ms
	MaxDelay    time.Duration // the longest such pause; default 30 s

	// MaxRetryAfter is the longest Retry-After that is waited for; default 5 minutes, in which the slowest of Amazon's published plans, one request
	// in 3 minutes, has another request. Where an answer asks for more, the call ends with it at once, since a repeat before that time would be
	// refused; see [APIError.RetryAfter]. More than a day is not believed.
	MaxRetryAfter time.Duration

	// Budget is how many repeats the application may make beyond one per ten successes; default 50. It stops
	// storms when Amazon is down. 429 don't count: the rate limit paces them.
	Budget int
}

func (p RetryPolicy) withDefaults() RetryPolicy {
	if p.MaxAttempts <= 0 {
		p.MaxAttempts = 5
	}
	if p.BaseDelay <= 0 {
		p.BaseDelay = 250 * time.Millisecond
	}
	if p.MaxDelay <= 0 {
		p.MaxDelay = 30 * time.Second
	}
	p.MaxDelay = min(p.MaxDelay, horizon)
	if p.MaxRetryAfter <= 0 {
		p.MaxRetryAfter = 5 * time.Minute
	}
	if p.Budget <= 0 {
		p.Budget = 50
	}
	return p
}

// pause is the full jitter of a retry: anything between nothing and an exponentially growing bound.
func (p RetryPolicy) pause(retry int) time.Duration {
	bound := p.MaxDelay
	if p.BaseDelay <= p.MaxDelay>>min(retry, 63) {
		bound = p.BaseDelay << retry
	}
	return rand.N(bound + 1)
}

// leastPause is between an answer and the repeat, whatever policy and jitter say: who answers 429 or 503 has too much to do already.
const leastPause = 100 * time.Millisecond

// pauseAfter is the pause between an answer and the repeat: at least the one that is due anyway, more where the answer asks for it. It is
// false where the answer asks for more than the policy waits for. who is what the log names.
func (a *App) pauseAfter(ctx context.Context, who slog.Attr, h http.Header, pause time.Duration) (time.Duration, bool) {
	asked, err := retryAfter(h)
	if err != nil {
		a.warnOf(ctx, "the answer's Retry-After makes no sense", who, err)
	}
	return max(pause, leastPause, asked), asked <= a.config.retry.MaxRetryAfter
}

// beyondPatience is what an answer asks for that is longer than the policy waits for; 0 if it isn't.
func (a *App) beyondPatience(status int, h http.Header) time.Duration {
	asked, _ := retryAfter(h)
	if status < 400 || asked <= a.config.retry.MaxRetryAfter {
		return 0
	}
	return asked
}

// retryStep repeats what may be repeated.
type retryStep struct {
	client *Client
	next   http.RoundTripper
	policy RetryPolicy
	budget *retryBudget
}

func (s *retryStep) RoundTrip(req *http.Request) (*http.Response, error) {
	call := callFrom(req.Context())
	call.repeatable = call.op.repeatable(req.Header)
	refreshed := false
	attempt, original := req, *req // the steps below make the request that of the attempt: a signer sets header, URL and body
	for retry := 0; ; retry++ {
		call.attempts++
		call.forget()
		resp, err := s.next.RoundTrip(attempt)
		if err == nil && resp.StatusCode/100 == 2 && call.take != nil {
			err = s.client.accept(call, resp)
		}
		if err == nil && resp.StatusCode < 400 {
			s.budget.refill()
			return resp, nil
		}
		if call.noRetry || !replayable(&original) || req.Context().Err() != nil {
			return resp, err
		}
		var pause time.Duration
		switch {
		case call.expired && !refreshed:
			refreshed = true
		case retry+1 >= s.policy.MaxAttempts && !call.outwaits(&original, resp):
			return resp, err
		default:
			var ok bool
			if pause, ok = s.pause(req.Context(), call, retry, resp, err); !ok {
				return resp, err
			}
		}
		if deadline, ok := req.Context().Deadline(); ok && time.Until(deadline) < pause {
			return resp, err // the answer in hand says more than a deadline exceeded
		}
		if call.failFast && pause > call.maxWait {
			return resp, err
		}
		if resp != nil {
			discard(resp.Body)
		}
		if err := call.unnote(req.Context()); err != nil {
			return nil, err
		}
		a := s.client.activity(ActivityRetryPause, call)
		a.Pause, a.StatusCode, a.Err = pause, statusOf(resp), err
		if err := s.client.app.rest(req.Context(), a); err != nil {
			return nil, err
		}
		if attempt, err = rewound(&original); err != nil {
			return nil, err
		}
	}
}

// outwaits reports whether an answer is a 429 that is waited out, however often it comes.
func (c *call) outwaits(req *http.Request, resp *http.Response) bool {
	_, bounded := req.Context().Deadline()
	return c.patient && !c.failFast && bounded && statusOf(resp) == http.StatusTooManyRequests
}

// pause says whether a failed attempt may be repeated, and when.
func (s *retryStep) pause(ctx context.Context, call *call, retry int, resp *http.Response, err error) (time.Duration, bool) {
	if err != nil {
		// Directly, not with errors.As: the failure of a token request has had its own retries.
		again := false
		switch err := err.(type) {
		case *networkError:
			again = !err.permanent() && (call.repeatable || err.unsent())
		case *DecodeError:
			again = err.brokeOff && call.repeatable
		}
		return s.policy.pause(retry), again && s.budget.take()
	}
	pause := s.policy.pause(retry)
	switch resp.StatusCode {
	case http.StatusTooManyRequests:
		// Amazon sends no Retry-After (amzn/selling-partner-api-docs#86): one token's time, and jitter on top, because other processes wait
		// for the same token.
		pause += interval(call.rate)
	case http.StatusInternalServerError, http.StatusBadGateway, http.StatusServiceUnavailable, http.StatusGatewayTimeout:
		if !call.repeatable || !s.budget.take() {
			return 0, false
		}
	default:
		return 0, false
	}
	return s.client.app.pauseAfter(ctx, slog.String("operation", call.op.ID), resp.Header, pause)
}

// repeatable reports whether a request may be sent again although it may have been carried out.
func (op *Operation) repeatable(h http.Header) bool {
	return op.Idempotent || op.IdempotencyHeader != "" && h.Get(op.IdempotencyHeader) != ""
}

// maxBelieved is the longest Retry-After that somebody may mean.
const maxBelieved = 24 * time.Hour

// retryAfter reads the header, which proxies may send though Amazon doesn't: seconds, also with a fraction, or a date (RFC 9110 10.2.3).
// 0 stands for none, and for one that makes no sense, which is the error.
func retryAfter(h http.Header) (time.Duration, error) {
	v := strings.TrimSpace(h.Get("Retry-After"))
	if v == "" {
		return 0, nil
	}
	var seconds float64
	if at, err := http.ParseTime(v); err == nil {
		seconds = max(time.Until(at).Seconds(), 0) // a clock may be a little off
	} else if seconds, err = strconv.ParseFloat(v, 64); err != nil && !errors.Is(err, strconv.ErrRange) {
		seconds = math.NaN()
	}
	if !(seconds >= 0 && seconds <= maxBelieved.Seconds()) {
		return 0, fmt.Errorf("header Retry-After %.40q: want seconds or a date within a day; the usual pause is made instead", v)
	}
	return time.Duration(seconds * float64(time.Second)), nil
}

func replayable(req *http.Request) bool {
	return req.Body == nil || req.Body == http.NoBody || req.GetBody != nil
}

// rewound is the request once more, with its body from the start.
func rewound(req *http.Request) (*http.Request, error) {
	again := req.WithContext(req.Context())
	if req.Body != nil && req.Body != http.NoBody {
		body, err := req.GetBody()
		if err != nil {
			return nil, err
		}
		again.Body = body
	}
	return again, nil
}

// discard reads a little of an unwanted body, so that the connection can be used again.
func discard(body io.ReadCloser) {
	_, _ = io.CopyN(io.Discard, body, 64<<10)
	_ = body.Close()
}

// rest is a pause that can be observed.
func (a *App) rest(ctx context.Context, activity Activity) error {
	var pause running
	if a.observes(ctx, ActivityRetryPause) {
		ctx, pause = a.begin(ctx, activity)
	}
	err := sleep(ctx, activity.Pause) // nothing of others runs in it that could panic
	pause.end(Outcome{Err: err})
	return err
}

func sleep(ctx context.Context, d time.Duration) error {
	if d <= 0 {
		return ctx.Err()
	}
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

func statusOf(resp *http.Response) int {
	if resp == nil {
		return 0
	}
	return resp.StatusCode
}

// networkError is a failure of the base transport. It is what it wraps for errors.Is and errors.As, and unwraps to nothing: the text of others
// may quote what was sent.
type networkError struct{ err error }

func newNetworkError(err error) *networkError {
	if failed, ok := errors.AsType[*url.Error](err); ok {
		err = failed.Err // without the URL, whose query may be personal
	}
	return &networkError{err}
}

func (e *networkError) Error() string { return scrub(e.err.Error()) }

// Format keeps fmt, which for some verbs prints the fields of an error, from the text of others.
func (e *networkError) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, e.Error()) }

func (e *networkError) Is(target error) bool { return errors.Is(e.err, target) }
func (e *networkError) As(target any) bool   { return errors.As(e.err, target) }

// unsent reports whether the request cannot have reached a server.
func (e *networkError) unsent() bool {
	var op *net.OpError
	var dns *net.DNSError
	return errors.As(e.err, &dns) || errors.As(e.err, &op) && op.Op == "dial"
}

// permanent reports whether a repeat would fail the same way.
func (e *networkError) permanent() bool {
	var cert *tls.CertificateVerificationError
	var authority x509.UnknownAuthorityError
	var record tls.RecordHeaderError
	return errors.As(e.err, &cert) || errors.As(e.err, &authority) || errors.As(e.err, &record)
}

// retryBudget is a token bucket that successes fill: one repeat for ten of them.
type retryBudget struct {
	mu   sync.Mutex
	left float64
	size float64
}

func newRetryBudget(size int) *retryBudget {
	return &retryBudget{left: float64(size), size: float64(size)}
}

func (b *retryBudget) take() bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.left < 1 {
		return false
	}
	b.left--
	return true
}

func (b *retryBudget) refill() {
	b.mu.Lock()
	b.left = min(b.size, b.left+0.1)
	b.mu.Unlock()
}
