package exit

import (
	"context"
	"fmt"
	"strings"
	"time"
)

// TimeoutError is a command that --timeout has ended.
type TimeoutError struct {
	After time.Duration // what --timeout says
	Ahead bool          // it would have, so that the command has ended by itself
	Doing string        // what it was doing, such as "waiting for the answer of ordersv0.getOrders for 12s"; "" if that is unknown
	Err   error         // how the command ended; nil if it could not be ended
}

func (e *TimeoutError) Error() string {
	var b strings.Builder
	if e.Ahead {
		fmt.Fprintf(&b, "--timeout %s is not enough", e.After)
	} else {
		fmt.Fprintf(&b, "timed out after %s (--timeout)", e.After)
	}
	if e.Doing != "" {
		b.WriteString(", " + e.Doing)
	}
	if e.Err != nil && e.Err != ErrReported { //nolint:errorlint // itself: around it there may be more to tell
		line := strings.TrimSuffix(Line(e.Err), context.DeadlineExceeded.Error()) // which has been said
		if line = strings.TrimRight(strings.TrimSuffix(line, "--timeout: "), ": "); !strings.Contains(e.Doing, line) {
			b.WriteString(": " + line)
		}
	}
	return b.String()
}

// Unwrap returns how the command ended.
func (e *TimeoutError) Unwrap() error { return e.Err }

// Explain says how to go on.
func (e *TimeoutError) Explain() string {
	text := "Give it more time with --timeout, or leave that out."
	if e.Err == nil {
		return text
	}
	if more := Explain(e.Err); more != "" {
		text = more + "\n" + text // it may end with a command line, to which a full stop must not be added
	}
	return text
}
