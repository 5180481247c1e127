package spapi

import (
	"context"
	"log/slog"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"
)

// Attempt is one request as it went over the network; see [WithObserver].
type Attempt struct {
	Operation string
	Method    string
	Path      string   // escaped, without the query, whose values may be personal
	Query     []string // names of the query parameters, sorted
	Number    int      // 1 for the first attempt of a call
	Status    int      // 0 if there was no answer
	RequestID string
	Waited    time.Duration // of the call so far, for the rate limit
	Duration  time.Duration // from request to response header
	Err       error         // why there was no answer
}

// observeStep keeps what the attempt met, for the response record, the log and the observer.
type observeStep struct {
	client *Client
	next   http.RoundTripper
}

func (s *observeStep) RoundTrip(req *http.Request) (*http.Response, error) {
	ctx := req.Context()
	call := callFrom(ctx)
	config := &s.client.app.config
	start := time.Now()
	resp, err := s.next.RoundTrip(req)
	call.last = resp
	logged := config.logger != nil && config.logger.Enabled(ctx, slog.LevelDebug)
	if logged || config.observer != nil {
		a := Attempt{Operation: call.op.ID, Method: req.Method, Path: req.URL.EscapedPath(), Query: queryNames(req.URL),
			Number: call.attempts, Waited: call.waited, Duration: time.Since(start), Err: err, Status: statusOf(resp)}
		if resp != nil {
			a.RequestID = requestID(resp.Header)
		}
		if logged {
			a.log(ctx, config.logger)
		}
		if config.observer != nil {
			config.observer(ctx, a)
		}
	}
	if err != nil {
		return nil, &networkError{err}
	}
	return resp, nil
}

func (a Attempt) log(ctx context.Context, logger *slog.Logger) {
	attrs := []slog.Attr{
		slog.String("operation", a.Operation), slog.String("method", a.Method), slog.String("path", a.Path),
		slog.String("query", strings.Join(a.Query, ",")), slog.Int("attempt", a.Number), slog.Int("status", a.Status),
		slog.String("request_id", a.RequestID), slog.Duration("waited", a.Waited), slog.Duration("duration", a.Duration),
	}
	if a.Err != nil {
		attrs = append(attrs, slog.String("error", scrub(a.Err.Error())))
	}
	logger.LogAttrs(ctx, slog.LevelDebug, "spapi: request", attrs...)
}

func queryNames(u *url.URL) []string {
	if u.RawQuery == "" {
		return nil
	}
	var names []string
	for pair := range strings.SplitSeq(u.RawQuery, "&") {
		name, _, _ := strings.Cut(pair, "=")
		names = append(names, name)
	}
	slices.Sort(names)
	return slices.Compact(names)
}
