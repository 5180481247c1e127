package gateway

import (
	"context"
	"log/slog"
	"net/http"
	"strings"

	"github.com/openspapi/spapi"
)

// log writes the line of an exchange.
func (x *exchange) log() {
	r, logger := &x.record, x.g.config.Logger
	level, message := slog.LevelDebug, "gateway: call"
	switch {
	case r.Refused != "" && r.Status >= http.StatusInternalServerError:
		level, message = slog.LevelWarn, "gateway: refused"
	case r.Refused != "":
		level, message = slog.LevelInfo, "gateway: refused"
	case x.g.config.LogCalls:
		level = slog.LevelInfo
	}
	ctx := context.WithoutCancel(x.r.Context())
	if !logger.Enabled(ctx, level) {
		return
	}
	attrs := make([]slog.Attr, 0, 16)
	attrs = append(attrs, slog.String("call", r.Call), slog.String("caller", r.Caller), slog.String("key", r.Key), slog.String("account", r.Account),
		slog.String("operation", r.Operation), slog.Int("status", r.Status), slog.Duration("duration", r.Duration))
	for _, a := range []slog.Attr{
		slog.String("refused", r.Refused), slog.String("request_id", r.RequestID), slog.String("cache", r.Cache), slog.String("agent", r.Agent),
		slog.Bool("write", r.Write), slog.Bool("personal_data", r.PersonalData), slog.Int("more", r.More),
	} {
		if !a.Value.Equal(slog.StringValue("")) && !a.Value.Equal(slog.BoolValue(false)) && !a.Value.Equal(slog.IntValue(0)) {
			attrs = append(attrs, a)
		}
	}
	logger.LogAttrs(ctx, level, message, attrs...)
}

// discreet is a log of the clients without what buyers' data may stand in: they tell paths, and heads of paths as operations, as they are called.
type discreet struct{ slog.Handler }

// Handle leaves out paths and names of query parameters, and names only operations that are known.
func (d discreet) Handle(ctx context.Context, r slog.Record) error {
	told := slog.NewRecord(r.Time, r.Level, r.Message, r.PC)
	r.Attrs(func(a slog.Attr) bool {
		switch a.Key {
		case "path", "query":
			return true
		case "operation":
			if id := a.Value.String(); operationLabel(id) == unknownLabel {
				method, path, _ := strings.Cut(id, " ")
				a.Value = slog.StringValue(unknownOperation(method, path))
			}
		}
		told.AddAttrs(a)
		return true
	})
	return d.Handler.Handle(ctx, told)
}

// WithAttrs is as [slog.Handler] has it.
func (d discreet) WithAttrs(attrs []slog.Attr) slog.Handler {
	return discreet{d.Handler.WithAttrs(attrs)}
}

// WithGroup is as [slog.Handler] has it.
func (d discreet) WithGroup(name string) slog.Handler { return discreet{d.Handler.WithGroup(name)} }

// clientLog is the option by which clients log.
func clientLog(l *slog.Logger) spapi.Option { return spapi.WithLogger(slog.New(discreet{l.Handler()})) }
