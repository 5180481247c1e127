package spapi

import (
	"cmp"
	"context"
	"log/slog"
	"regexp"
	"strings"
	"sync"
)

// logs reports whether the log has a line for this kind of activity.
func logs(ctx context.Context, l *slog.Logger, kind ActivityKind) bool {
	switch kind {
	case ActivityAttempt, ActivityTokenRequest:
		return l.Enabled(ctx, slog.LevelDebug)
	case ActivityRetryPause:
		return l.Enabled(ctx, slog.LevelInfo)
	}
	return false
}

// logBegin logs an activity: a pause when it begins, so that whoever waits knows why, the others when they have ended.
func logBegin(ctx context.Context, l *slog.Logger, a Activity) func(Outcome) {
	switch a.Kind {
	case ActivityRetryPause:
		attrs := []slog.Attr{slog.String("operation", a.Operation), slog.Int("attempt", a.Attempt), slog.Int("status", a.StatusCode), slog.Duration("pause", a.Pause)}
		if a.Grant != "" {
			attrs[0] = slog.String("grant", a.Grant)
		}
		if a.Err != nil {
			attrs = append(attrs, slog.String("error", scrub(a.Err.Error())))
		}
		l.LogAttrs(ctx, slog.LevelInfo, "spapi: retry", attrs...)
	case ActivityAttempt:
		return func(o Outcome) {
			attrs := []slog.Attr{
				slog.String("operation", a.Operation), slog.String("method", a.Method), slog.String("path", a.Path),
				slog.String("query", strings.Join(a.Query, ",")), slog.Int("attempt", a.Attempt), slog.Int("status", o.StatusCode),
				slog.String("request_id", o.RequestID), slog.Duration("waited", o.Waited), slog.Duration("duration", o.Duration),
			}
			if o.Err != nil {
				attrs = append(attrs, slog.String("error", scrub(o.Err.Error())))
			}
			l.LogAttrs(ctx, slog.LevelDebug, "spapi: request", attrs...)
		}
	case ActivityTokenRequest:
		return func(o Outcome) {
			l.LogAttrs(ctx, slog.LevelDebug, "spapi: token", slog.String("grant", a.Grant), slog.Int("attempt", a.Attempt),
				slog.Int("status", o.StatusCode), slog.Duration("duration", o.Duration), slog.Bool("failed", o.Err != nil))
		}
	}
	return nil
}

// warn logs what failed beside a call that goes on without it. It is never silent: without a logger it goes to the default one.
func (a *App) warn(ctx context.Context, message string, call *call, err error) {
	a.warnOf(ctx, message, slog.String("operation", call.op.ID), err)
}

// warnOf is warn about what is no call of an operation.
func (a *App) warnOf(ctx context.Context, message string, who slog.Attr, err error) {
	a.logger().LogAttrs(ctx, slog.LevelWarn, "spapi: "+message, who, slog.String("error", scrub(err.Error())))
}

// logger is where warnings go.
func (a *App) logger() *slog.Logger { return cmp.Or(a.config.logger, slog.Default()) }

var indices = sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(`\[\d+\]`) })

// warnings logs that an answer has values that were not read as they are declared: how many, and the first of them without its value and its place in
// lists, so that the same is said in the same words. It is for [Response.Warnings] to tell them all, so without a logger it is silent.
func (a *App) warnings(ctx context.Context, call *call) {
	if len(call.taken.Warnings) == 0 || a.config.logger == nil {
		return
	}
	w := call.taken.Warnings[0]
	a.config.logger.LogAttrs(ctx, slog.LevelWarn, "spapi: the answer isn't as Amazon declares it",
		slog.String("operation", call.op.ID), slog.String("error", scrub(indices().ReplaceAllString(w.Path, "[]")+": "+w.Reason)),
		slog.Int("warnings", len(call.taken.Warnings)))
}
