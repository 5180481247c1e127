package factory

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/openspapi/spapi"
	"github.com/openspapi/spapi/internal/cli/exit"
)

// grace is for how long a command may go on after --timeout has ended it, to remove what is half done. Then it is left to itself.
const grace = 5 * time.Second

// errDeadline is why the context of a command ends with --timeout.
var errDeadline = fmt.Errorf("--timeout: %w", context.DeadlineExceeded)

// Limit is the context of a command with the end that --timeout sets. Release ends it.
func (f *Factory) Limit(ctx context.Context) context.Context {
	d := f.Flags.Timeout
	if d == 0 {
		return ctx
	}
	ctx, cancel := context.WithTimeoutCause(ctx, d, errDeadline)
	f.limited = ctx
	f.waits.limit(time.Now().Add(d))
	go func() {
		defer cancel()
		timer := time.NewTimer(d + grace)
		defer timer.Stop()
		select {
		case <-timer.C:
			close(f.overdue)
		case <-f.released:
		}
	}()
	return ctx
}

// Overdue is closed when a command goes on although --timeout has ended it: not all that blocks can be ended, such as a read of stdin.
func (f *Factory) Overdue() <-chan struct{} { return f.overdue }

// Release ends what Limit has begun.
func (f *Factory) Release() { f.release() }

// TimedOut makes the error of a command that --timeout has ended, or will not let end, an [exit.TimeoutError]; others stay as they are. A
// command that goes on, see [Factory.Overdue], has the error nil.
func (f *Factory) TimedOut(err error) error {
	if f.limited == nil {
		return err
	}
	ended := errors.Is(context.Cause(f.limited), errDeadline) && (err == nil || errors.Is(err, context.DeadlineExceeded) || errors.Is(err, exit.ErrReported))
	limit, ok := errors.AsType[*spapi.LimitError](err)
	switch {
	case ended:
		return &exit.TimeoutError{After: f.Flags.Timeout, Doing: f.waits.atEnd(), Err: err}
	case ok && limit.Deadline:
		return &exit.TimeoutError{After: f.Flags.Timeout, Ahead: true, Err: err}
	}
	return err
}
