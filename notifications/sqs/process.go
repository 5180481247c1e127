package sqs

import (
	"context"
	"errors"
	"fmt"
	"runtime/debug"
	"strconv"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	awssqs "github.com/aws/aws-sdk-go-v2/service/sqs"
	"github.com/aws/aws-sdk-go-v2/service/sqs/types"

	"github.com/openspapi/spapi/notifications"
)

// verdict is what is to be done with an item.
type verdict struct {
	do      int
	in      time.Duration // of doPutBack and doAgain
	trouble error         // that stood in the way
	giveUp  bool          // because of it
}

const (
	doDelete  = iota
	doPutBack // into the queue, visible after in
	doAgain   // from the start, after in: it stays in hand
)

// process handles an item. work is the handler's; poll ends when no more is to be begun.
func (c *Consumer) process(ctx, work, poll context.Context, it *item) verdict {
	if it.large {
		it.n, it.err = notifications.Parse([]byte(it.body))
	}
	if it.n == nil {
		return c.bury(ctx, work, it, Outcome{Err: it.err}, reasonUnreadable)
	}
	state, err := c.window.Claim(poll, it.claim)
	if poll.Err() != nil { // begun too late; the claim may have been made
		if err != nil || state == Fresh || state == Late {
			_ = c.window.Release(ctx, it.claim)
		}
		return verdict{do: doAgain}
	}
	c.note(ctx, "window", dress("claim", err))
	if err != nil {
		return verdict{do: doAgain, in: jitter(2 * time.Second)}
	}
	o := Outcome{}
	if at := it.n.Time(); !at.IsZero() {
		o.Age = max(time.Since(at), 0) // clocks differ
		c.mu.Lock()
		c.stats.Age = o.Age
		c.mu.Unlock()
	}
	switch state {
	case Handled:
		return c.end(ctx, it, o, ResultDuplicate)
	case Busy:
		return verdict{do: doAgain, in: jitter(time.Second)}
	case Late:
		it.delivery.Late = true
		if c.skipLate {
			c.done(ctx, it.claim)
			return c.end(ctx, it, o, ResultSkipped)
		}
	}
	release := c.renew(ctx, it.claim)
	began := time.Now()
	o.Err = c.safely(work, it)
	o.Took = time.Since(began)
	release()
	if o.Err == nil {
		c.done(ctx, it.claim)
		return c.end(ctx, it, o, ResultHandled)
	}
	c.note(ctx, "window", dress("release", c.window.Release(ctx, it.claim)))
	if work.Err() != nil { // cut by the drain, which is no fault of the message
		c.tell(ctx, it.fill(o, ResultFailed))
		return verdict{do: doPutBack}
	}
	if it.delivery.Receives >= c.attempts {
		return c.bury(ctx, work, it, o, reasonFailed)
	}
	return c.fail(ctx, it, o)
}

func dress(what string, err error) error {
	if err != nil {
		return fmt.Errorf("notifications/sqs: the window: %s: %w", what, err)
	}
	return nil
}

// end tells of an item that is to be deleted.
func (c *Consumer) end(ctx context.Context, it *item, o Outcome, result Result) verdict {
	c.tell(ctx, it.fill(o, result))
	return verdict{do: doDelete}
}

// fail tells of an item that comes again.
func (c *Consumer) fail(ctx context.Context, it *item, o Outcome) verdict {
	c.tell(ctx, it.fill(o, ResultFailed))
	return verdict{do: doPutBack, in: backoff(it.delivery.Receives)}
}

func (it *item) fill(o Outcome, result Result) Outcome {
	o.Result, o.Notification, o.Delivery = result, it.n, it.delivery
	return o
}

// done has the window know that an item was handled. If that fails, the item is deleted all the same: it has been handled.
func (c *Consumer) done(ctx context.Context, claim Claim) {
	for try := range 5 {
		err := c.window.Done(ctx, claim)
		c.note(ctx, "window", dress("done", err))
		if err == nil {
			return
		}
		select {
		case <-time.After(jitter(200 * time.Millisecond << try)):
		case <-ctx.Done():
			return
		}
	}
}

// renew keeps the claim of an item while it is handled, until the function that it returns is called.
func (c *Consumer) renew(ctx context.Context, claim Claim) (stop func()) {
	ctx, cancel := context.WithCancel(ctx)
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		for {
			select {
			case <-time.After(c.visibility / 3):
				_, _ = c.window.Claim(ctx, claim) // the next one may succeed, and if none does the message's own visibility ends as well
			case <-ctx.Done():
				return
			}
		}
	}()
	return func() {
		cancel()
		<-ended
	}
}

// safely calls the handler.
func (c *Consumer) safely(ctx context.Context, it *item) error {
	ctx, cancel := context.WithTimeout(context.WithValue(ctx, contextKey{}, it.delivery), c.timeout)
	defer cancel()
	if c.tracer == nil {
		return guarded(func() error { return c.handle(ctx, it.n) })
	}
	ctx, end := c.tracer.Handling(ctx, it.came, it.n, it.delivery)
	err := guarded(func() error { return c.handle(ctx, it.n) })
	end(err)
	return err
}

// guarded calls what is somebody else's. It has a goroutine of its own, which it may end, as a test does that gives up.
func guarded(f func() error) error {
	ended := make(chan error, 1)
	go func() {
		var err error = &PanicError{} // unless f returns
		defer func() {
			if v := recover(); v != nil {
				err = &PanicError{Value: v, Stack: debug.Stack()}
			}
			ended <- err
		}()
		err = f()
	}()
	return <-ended
}

// PanicError is a handler's panic. Its text is that of a value that is an error, and of others only their type: they may hold anything.
type PanicError struct {
	Value any    // nil: it ended its goroutine
	Stack []byte // nil then
}

func (e *PanicError) Error() string {
	if e.Value == nil {
		return "notifications/sqs: the handler ended its goroutine"
	}
	if err, ok := e.Value.(error); ok {
		return fmt.Sprintf("notifications/sqs: the handler panicked: %v", err)
	}
	return fmt.Sprintf("notifications/sqs: the handler panicked with a %T", e.Value)
}

// bury puts poison where it is wanted, once. Where that is nowhere, or doesn't take it, the item comes again.
func (c *Consumer) bury(ctx, work context.Context, it *item, o Outcome, reason string) verdict {
	if c.poison == nil && c.deadLetters == "" {
		return c.fail(ctx, it, o)
	}
	claim := c.burial(it.delivery.MessageID)
	state, err := c.window.Claim(ctx, claim)
	c.note(ctx, "window", dress("claim", err))
	switch { // where the window fails, it is buried all the same: twice is better than never
	case err == nil && state == Handled:
		return c.end(ctx, it, Outcome{Age: o.Age, Took: o.Took}, ResultDuplicate)
	case err == nil && state == Busy:
		return c.fail(ctx, it, o)
	}
	p := Poison{Reason: reason, Err: o.Err, Notification: it.n, Body: it.body, Delivery: it.delivery}
	release := c.renew(ctx, claim)
	what := "poison"
	if c.poison != nil {
		err = c.handOver(work, p)
	} else {
		what = "dead letters"
		err = c.deadLetter(ctx, p)
	}
	release()
	giveUp := work.Err() == nil && c.note(ctx, what, err)
	if err != nil {
		c.note(ctx, "window", dress("release", c.window.Release(ctx, claim)))
		v := c.fail(ctx, it, o)
		v.trouble, v.giveUp = err, giveUp
		return v
	}
	c.done(ctx, claim)
	return c.end(ctx, it, o, ResultPoison)
}

func (c *Consumer) handOver(ctx context.Context, p Poison) error {
	ctx, cancel := context.WithTimeout(ctx, c.timeout)
	defer cancel()
	return guarded(func() error { return c.poison(ctx, p) })
}

// deadLetter sends poison to the dead-letter queue.
func (c *Consumer) deadLetter(ctx context.Context, p Poison) error {
	text := map[string]string{"SpapiReason": p.Reason, "SpapiReceives": strconv.Itoa(p.Delivery.Receives)}
	if len(p.Body) <= notifications.MaxSize-2048 { // attributes count as well
		text["SpapiError"], text["SpapiQueue"] = printable(p.Err), c.queue
		if p.Notification != nil {
			text["SpapiType"] = p.Notification.Type
		}
		if !p.Delivery.Sent.IsZero() {
			text["SpapiSent"] = p.Delivery.Sent.UTC().Format(time.RFC3339Nano)
		}
	} else if len(p.Body) > notifications.MaxSize-128 {
		text = nil
	}
	attributes := map[string]types.MessageAttributeValue{}
	for name, value := range text {
		attributes[name] = types.MessageAttributeValue{DataType: aws.String("String"), StringValue: aws.String(value)}
	}
	ctx, cancel := bounded(ctx, 0)
	defer cancel()
	_, err := c.client.SendMessage(ctx, &awssqs.SendMessageInput{QueueUrl: &c.deadLetters, MessageBody: &p.Body, MessageAttributes: attributes})
	if err != nil {
		return failed("SendMessage", c.deadLetters, err)
	}
	return nil
}

// printable is what an error says, short and of characters that SQS takes.
func printable(err error) string {
	if err == nil {
		err = errors.New("unknown")
	}
	text := strings.Map(func(r rune) rune {
		if r < ' ' || r == 0x7f || r == '\ufffd' || r >= 0xfffe {
			return ' '
		}
		return r
	}, err.Error())
	if len(text) > 1000 {
		text = strings.ToValidUTF8(text[:1000], "") + "…"
	}
	return text
}
