package spapi

import (
	"cmp"
	"context"
	"log/slog"
)

// warn logs what failed beside a call that goes on without it. It is never silent: without a logger it goes to the default one.
func (a *App) warn(ctx context.Context, message string, call *call, err error) {
	cmp.Or(a.config.logger, slog.Default()).LogAttrs(ctx, slog.LevelWarn, "spapi: "+message,
		slog.String("operation", call.op.ID), slog.String("error", scrub(err.Error())))
}
