package sqs

import (
	"context"
	"log/slog"
	"time"

	"github.com/openspapi/spapi/notifications"
)

// Result is what became of a message that was received.
type Result string

// The results.
const (
	ResultHandled   Result = "handled"
	ResultDuplicate Result = "duplicate" // handled before: deleted without a call of the handler
	ResultSkipped   Result = "skipped"   // late, see WithSkipLate
	ResultFailed    Result = "failed"    // comes again
	ResultPoison    Result = "poison"    // handed over to the dead-letter queue or the function for poison, and deleted
	ResultReturned  Result = "returned"  // not begun when Run ended: visible to others at once
	ResultLost      Result = "lost"      // not begun when its time in hand was over: comes again
)

// Outcome is what became of a message.
type Outcome struct {
	Result       Result
	Notification *notifications.Notification // nil where it is unreadable; without its payload where it is large (32 KiB) and was not taken up
	Delivery     Delivery
	Age          time.Duration // from the change that it tells of to when it was taken up; 0 where it doesn't tell
	Took         time.Duration // the handler
	Err          error         // why it failed or is poison
}

// Trouble is something that a consumer needs and doesn't get. It is told once, and once when it is over.
type Trouble struct {
	// What is "receive", "delete", "visibility", "dead letters", "poison" (the function for it), "window", "redrive" (the queue has no dead-letter queue), or
	// "handler" (some don't return though their ctx has ended).
	What string
	Err  error // nil: over
}

// Observer is told what happens. Its methods must be safe for concurrent use and return at once.
type Observer interface {
	Message(ctx context.Context, o Outcome)
	Trouble(ctx context.Context, t Trouble)
}

// Receipt is what asking the queue for messages came to.
type Receipt struct {
	Messages int
	Began    time.Time
	Took     time.Duration // the wait for messages included, up to 20 s
	Lag      time.Duration // see [Stats]
	Err      error         // nil: none, or that of a receipt that was cut at the end of [Consumer.Run]
}

// Tracer is an [Observer] that is also told of receipts, and before and after each call of a handler. Its methods must be safe for concurrent use and return at
// once.
type Tracer interface {
	Observer

	// Received is told of a receipt. What it returns is kept with the messages that came by it.
	Received(ctx context.Context, r Receipt) context.Context

	// Handling is told that a handler is about to be called, for a message that came by a receipt. The handler gets the context that it returns, which must be
	// made from ctx; the function is called with what the handler has returned.
	Handling(ctx, receipt context.Context, n *notifications.Notification, d Delivery) (context.Context, func(error))
}

// Stats is what a consumer has done and has in hand, since it was made.
type Stats struct {
	Received                                                     int64 // messages, repeated ones included
	Handled, Duplicates, Skipped, Failed, Poison, Returned, Lost int64 // by Result
	Late                                                         int64 // of Handled, those after a newer one of their key

	InHand  int // received and not done with
	Running int // of those, being handled

	// Lag is how long the oldest message of the last receipt had lain in the queue, those aside that have been received three times: 0 when the queue was empty.
	Lag time.Duration
	Age time.Duration // of the message that was taken up last, see Outcome
}

// Stats is what the consumer has done so far.
func (c *Consumer) Stats() Stats {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.stats
}

// tell counts, logs and tells an outcome.
func (c *Consumer) tell(ctx context.Context, o Outcome) {
	c.mu.Lock()
	s := &c.stats
	switch o.Result {
	case ResultHandled:
		s.Handled++
		if o.Delivery.Late {
			s.Late++
		}
	case ResultDuplicate:
		s.Duplicates++
	case ResultSkipped:
		s.Skipped++
	case ResultFailed:
		s.Failed++
	case ResultPoison:
		s.Poison++
	case ResultReturned:
		s.Returned++
	case ResultLost:
		s.Lost++
	}
	c.mu.Unlock()
	if o.Err != nil {
		attrs := []slog.Attr{slog.String("result", string(o.Result)), slog.String("message_id", o.Delivery.MessageID), slog.Int("receives", o.Delivery.Receives)}
		if o.Notification != nil {
			attrs = append(attrs, slog.Any("notification", o.Notification))
		}
		c.logger.LogAttrs(ctx, slog.LevelWarn, "notifications: message not handled", append(attrs, slog.String("error", o.Err.Error()))...)
	}
	if c.observer != nil {
		c.observer.Message(ctx, o)
	}
}

// problem is what a consumer doesn't get.
type problem struct {
	worked bool // once
	since  time.Time
	told   bool
}

// lasting is how long what once worked may be refused before Run returns: a changed policy takes a while to be known everywhere.
const lasting = 5 * time.Minute

// note takes notice of how an attempt to do something went, and reports whether to give up.
func (c *Consumer) note(ctx context.Context, what string, err error) (giveUp bool) {
	c.mu.Lock()
	p := c.problem[what]
	if p == nil {
		p = &problem{}
		c.problem[what] = p
	}
	tell := (err != nil) != p.told
	p.told = err != nil
	switch {
	case err == nil:
		p.worked = true
	case tell:
		p.since = time.Now()
	}
	giveUp = err != nil && isDefinite(err) && (!p.worked || time.Since(p.since) >= lasting)
	c.mu.Unlock()
	if !tell {
		return giveUp
	}
	if err != nil {
		level := slog.LevelError
		if what == "redrive" { // nothing fails yet
			level = slog.LevelWarn
		}
		c.logger.LogAttrs(ctx, level, "notifications: trouble", slog.String("what", what), slog.String("error", err.Error()))
	} else {
		c.logger.LogAttrs(ctx, slog.LevelInfo, "notifications: trouble is over", slog.String("what", what))
	}
	if c.observer != nil {
		c.observer.Trouble(ctx, Trouble{What: what, Err: err})
	}
	return giveUp
}
