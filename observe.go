package spapi

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"
)

// Observer is told of what calls do, for traces and metrics: of each [Activity] when it begins and when it has ended. It sees no secrets
// and no values of query parameters. See [WithObserver].
type Observer interface {
	// Begin is called when an activity begins, from the goroutine that carries it out. It returns the context, derived from ctx, of all
	// that happens inside the activity, down to the transport's requests, and a function that is called once when the activity has
	// ended; nil if the end is of no interest. Both must be quick and safe for concurrent use.
	Begin(ctx context.Context, a Activity) (context.Context, func(Outcome))
}

// ObserverFunc is a function as an [Observer].
type ObserverFunc func(ctx context.Context, a Activity) (context.Context, func(Outcome))

// Begin calls f.
func (f ObserverFunc) Begin(ctx context.Context, a Activity) (context.Context, func(Outcome)) {
	return f(ctx, a)
}

// ActivityKind says what is done.
type ActivityKind uint8

const (
	// ActivityCall is a whole call, with all that follows. It ends with the call's result; for [Client.Do] and [Client.Transport], whose
	// bodies are the caller's to read, with the header of the answer. The fetch of a restricted data token is a call of its own.
	ActivityCall ActivityKind = iota + 1
	// ActivityLimitWait is the way through the limiter before an attempt, also where there is nothing to wait for; with a Grant it is the wait of
	// a token request for the end of others, only where there is one (see [WithMaxTokenRequests]).
	ActivityLimitWait
	// ActivityAttempt is one request as it goes over the network. It ends with the header of the answer.
	ActivityAttempt
	// ActivityRetryPause is the pause before a repeat, of an attempt or of a token request.
	ActivityRetryPause
	// ActivityTokenRequest is one request to Login with Amazon. Calls that need the same token share it: it belongs to the one that was first.
	ActivityTokenRequest
)

func (k ActivityKind) String() string {
	switch k {
	case ActivityCall:
		return "call"
	case ActivityLimitWait:
		return "limit wait"
	case ActivityAttempt:
		return "attempt"
	case ActivityRetryPause:
		return "retry pause"
	case ActivityTokenRequest:
		return "token request"
	}
	return fmt.Sprintf("ActivityKind(%d)", uint8(k))
}

// Activity is something that begins. What does not apply to its kind is zero.
type Activity struct {
	Kind      ActivityKind
	Operation string   // "ordersv0.getOrders"; method and the head of the path where the operation is unknown; "" where Login with Amazon is asked
	Region    string   // "na", "eu", "fe"
	Sandbox   bool     // the call goes to the sandbox
	Seller    string   // as [Client.Principal] tells it; "" where Login with Amazon is asked
	Type      string   // of a limit wait: the report or feed type, as in LimitBucket, where the type has a limit of its own
	Method    string   // of an attempt
	Host      string   // of an attempt, a token request and the wait for one
	Path      string   // of an attempt: escaped, without the query, whose values may be personal, and without secrets that went astray
	Query     []string // of an attempt: names of the query parameters, sorted
	Grant     string   // of a token request, the wait for it and the pause before it: "refresh_token", "client_credentials", "authorization_code"

	// Attempt counts attempts of a call or requests for a token from 1. A limit wait has the number of the attempt that it is for, a
	// pause that of the one that failed.
	Attempt    int
	Pause      time.Duration // of a retry pause: how long it is going to be
	StatusCode int           // of a retry pause: what the attempt before was answered; 0 if there was no answer
	Err        error         // of a retry pause before an attempt: why there was no answer, or a success whose body didn't come whole
}

// Outcome is how an activity ended. What does not apply to its kind is zero.
type Outcome struct {
	Duration   time.Duration
	StatusCode int           // 0 if there was no answer
	RequestID  string        // x-amzn-RequestId, which Amazon's support asks for
	Attempts   int           // of a call: how often it was sent, or was about to be
	Waited     time.Duration // of a call and an attempt: for the rate limit, over all attempts so far
	Err        error         // of a call: the error that the caller gets; otherwise why there was no answer, no grant or no pause
}

// running is an activity that has begun; the zero value is one that nobody observes.
type running struct {
	ends  [2]func(Outcome)
	start time.Time
}

// observes reports whether anybody wants to know of this kind of activity: what it takes to tell isn't done for nobody.
func (a *App) observes(ctx context.Context, kind ActivityKind) bool {
	return a.config.observer != nil || a.config.logger != nil && logs(ctx, a.config.logger, kind)
}

func (a *App) begin(ctx context.Context, activity Activity) (context.Context, running) {
	r := running{start: time.Now()}
	if o := a.config.observer; o != nil {
		inside, end := o.Begin(ctx, activity)
		if inside != nil {
			ctx = inside
		}
		r.ends[0] = end
	}
	if l := a.config.logger; l != nil && logs(ctx, l, activity.Kind) { // inside: handlers may look for a span
		r.ends[1] = logBegin(ctx, l, activity)
	}
	if r.ends[0] == nil && r.ends[1] == nil {
		return ctx, running{} // what it came to isn't put together for nobody
	}
	return ctx, r
}

// errAbandoned is the outcome of an activity from which a panic or runtime.Goexit leads out: those who saw it begin see it end.
var errAbandoned = errors.New("spapi: left by a panic or runtime.Goexit")

func (r running) end(o Outcome) {
	if r.start.IsZero() {
		return
	}
	o.Duration = time.Since(r.start)
	for i := len(r.ends) - 1; i >= 0; i-- {
		if r.ends[i] != nil {
			r.ends[i](o)
		}
	}
}

// endCall ends a call.
func (r running) endCall(c *call, err error) {
	if !r.start.IsZero() {
		r.end(c.outcome(err))
	}
}

// beginCall begins a call whose operation is known.
func (c *Client) beginCall(ctx context.Context, call *call) (context.Context, running) {
	if !c.app.observes(ctx, ActivityCall) {
		return ctx, running{}
	}
	return c.app.begin(ctx, c.activity(ActivityCall, call))
}

// activity is one of the call.
func (c *Client) activity(kind ActivityKind, call *call) Activity {
	a := Activity{Kind: kind, Region: string(c.region), Sandbox: c.auth.Sandbox, Seller: c.seller, Attempt: call.attempts}
	if call.op != nil {
		a.Operation = call.op.ID
	}
	return a
}

// outcome is that of the whole call.
func (c *call) outcome(err error) Outcome {
	o := Outcome{StatusCode: statusOf(c.last), Attempts: c.attempts, Waited: c.waited, Err: err}
	if c.last != nil {
		o.RequestID = requestID(c.last.Header)
	}
	return o
}

// observeStep keeps what the attempt met, for the response record, and tells of it.
type observeStep struct {
	client *Client
	next   http.RoundTripper
}

func (s *observeStep) RoundTrip(req *http.Request) (*http.Response, error) {
	ctx := req.Context()
	call := callFrom(ctx)
	var attempt running
	if s.client.app.observes(ctx, ActivityAttempt) {
		a := s.client.activity(ActivityAttempt, call)
		a.Method, a.Host, a.Path, a.Query = req.Method, req.URL.Host, scrub(req.URL.EscapedPath()), queryNames(req.URL)
		if ctx, attempt = s.client.app.begin(ctx, a); ctx != req.Context() {
			req = req.WithContext(ctx)
		}
	}
	o := Outcome{Waited: call.waited, Err: errAbandoned}
	defer func() { attempt.end(o) }()
	resp, err := s.next.RoundTrip(req)
	call.last = resp
	o.StatusCode, o.Err = statusOf(resp), nil
	if err != nil {
		failed := newNetworkError(err)
		call.reached = call.reached || !failed.unsent() && !failed.permanent()
		o.Err = failed
		return nil, failed
	}
	call.reached = call.reached || resp.StatusCode >= http.StatusInternalServerError
	if !attempt.start.IsZero() {
		o.RequestID = requestID(resp.Header)
	}
	return resp, nil
}

func queryNames(u *url.URL) []string {
	if u.RawQuery == "" {
		return nil
	}
	var names []string
	for pair := range strings.SplitSeq(u.RawQuery, "&") {
		name, _, _ := strings.Cut(pair, "=")
		names = append(names, scrub(name))
	}
	slices.Sort(names)
	return slices.Compact(names)
}
