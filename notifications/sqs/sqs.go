// Package sqs consumes notifications from a queue of Amazon SQS, without losing any:
//
//	config, err := config.LoadDefaultConfig(ctx)
//	consumer, err := sqs.New(awssqs.NewFromConfig(config), queueURL, mux.Handle, sqs.WithDeadLetters(deadLettersURL))
//	err = consumer.Run(ctx) // until ctx ends, and what was begun is done
//
// A message leaves the queue after its handler's success, or with a copy in the dead-letter queue, and never otherwise: a process that is killed, a
// handler that fails or panics, and a server that is away leave it where it is. So a handler may be called more than once for a message, if the process
// dies between the handler's end and the window's knowing of it, and must bear that.
//
// Messages of one [notifications.Notification.Key] are handled one after the other, and of those in hand the oldest first. A standard queue promises no
// order, so an older one may arrive after a newer one has been handled: the handler is called and told so by [Delivery.Late], or isn't called, by
// [WithSkipLate]. [WithSettle] waits for stragglers.
//
// Events of EventBridge come by a rule whose target is the queue: they are read alike. Permissions: sqs:ReceiveMessage, DeleteMessage,
// ChangeMessageVisibility and GetQueueAttributes on the queue, SendMessage on the dead-letter queue.
package sqs

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/url"
	"strings"
	"sync"
	"time"

	awssqs "github.com/aws/aws-sdk-go-v2/service/sqs"

	"github.com/openspapi/spapi/notifications"
)

// Client is what a consumer needs of AWS's client, *sqs.Client.
type Client interface {
	ReceiveMessage(context.Context, *awssqs.ReceiveMessageInput, ...awsOption) (*awssqs.ReceiveMessageOutput, error)
	DeleteMessageBatch(context.Context, *awssqs.DeleteMessageBatchInput, ...awsOption) (*awssqs.DeleteMessageBatchOutput, error)
	ChangeMessageVisibilityBatch(context.Context, *awssqs.ChangeMessageVisibilityBatchInput, ...awsOption) (*awssqs.ChangeMessageVisibilityBatchOutput, error)
	SendMessage(context.Context, *awssqs.SendMessageInput, ...awsOption) (*awssqs.SendMessageOutput, error)
	GetQueueAttributes(context.Context, *awssqs.GetQueueAttributesInput, ...awsOption) (*awssqs.GetQueueAttributesOutput, error)
}

type awsOption = func(*awssqs.Options)

var _ Client = (*awssqs.Client)(nil)

// Handler handles a notification; [notifications.Mux.Handle] is one. Its ctx ends when its time is up, or the drain's. An error or a panic is a failure:
// the message comes again.
type Handler func(ctx context.Context, n *notifications.Notification) error

// Consumer takes notifications from one queue. It is safe for concurrent use. Many consumers, in any number of processes, may take from one queue; see
// [NewShared].
type Consumer struct {
	client Client
	queue  string
	handle Handler
	holder string // what it is called in claims

	workers     int
	inHand      int
	visibility  time.Duration
	timeout     time.Duration
	drain       time.Duration
	settle      time.Duration
	attempts    int
	skipLate    bool
	window      Window
	deadLetters string
	poison      func(context.Context, Poison) error
	observer    Observer
	tracer      Tracer // the observer, if it is one
	logger      *slog.Logger

	mu      sync.Mutex
	stats   Stats
	runs    bool
	problem map[string]*problem
}

// Option sets how a [Consumer] works.
type Option func(*Consumer)

// WithWorkers sets how many notifications are handled at once, from 1 to 1000 (default 10).
func WithWorkers(n int) Option { return func(c *Consumer) { c.workers = n } }

// WithInHand sets how many messages are taken from the queue at most before they are done with, from the number of workers to 100,000 (default: 10 for each
// worker). Of those in hand the oldest of a key is handled first; a key with many messages takes up places while one of it is handled.
func WithInHand(n int) Option { return func(c *Consumer) { c.inHand = n } }

// WithVisibility sets how long a message stays hidden from others when its process has died, from 3 s to 12 h (default 1 minute). While a message is in
// hand that is renewed, three times within it.
func WithVisibility(d time.Duration) Option { return func(c *Consumer) { c.visibility = d } }

// WithHandlerTimeout sets when a handler's ctx ends, up to 11 h (default 10 minutes).
func WithHandlerTimeout(d time.Duration) Option { return func(c *Consumer) { c.timeout = d } }

// WithDrain sets how long [Consumer.Run] waits for handlers that have begun when its ctx ends, before it ends theirs (default 30 s).
func WithDrain(d time.Duration) Option { return func(c *Consumer) { c.drain = d } }

// WithSettle sets how long a message waits in hand before it is handled, so that older ones of its key can come in and go first, up to 10 minutes
// (default 0). Messages of a key are handled in order if those that were overtaken arrive within that time, and [WithInHand] has room for all that
// arrive meanwhile.
func WithSettle(d time.Duration) Option { return func(c *Consumer) { c.settle = d } }

// WithSkipLate drops messages that are older than one of their key that has been handled: for handlers that take the state that a message tells and need
// the last one only. The default is to handle them: an older message may tell what no newer one does.
func WithSkipLate() Option { return func(c *Consumer) { c.skipLate = true } }

// WithWindow sets what remembers which messages have been handled (default: [NewMemory], for 24 hours and 100,000 names).
func WithWindow(w Window) Option { return func(c *Consumer) { c.window = w } }

// WithAttempts sets after how many receipts a message whose handler fails is poison, from 1 to 1000 (default 10). Between them it is hidden for 5 s, 10
// s and so on up to 15 minutes, less up to half at random.
func WithAttempts(n int) Option { return func(c *Consumer) { c.attempts = n } }

// WithDeadLetters sends poison to another queue, as it came, with the attributes SpapiReason (see [Poison]), SpapiError, SpapiReceives, SpapiSent,
// SpapiQueue and SpapiType, and then deletes it. Without this and [WithPoison] it stays in the queue, for the queue's own redrive policy to move it.
func WithDeadLetters(queueURL string) Option { return func(c *Consumer) { c.deadLetters = queueURL } }

// WithPoison hands poison to a function and then deletes it. After an error it stays in the queue and is handed over again.
func WithPoison(f func(context.Context, Poison) error) Option {
	return func(c *Consumer) { c.poison = f }
}

// WithObserver tells an observer of every message and all troubles, and of more if it is a [Tracer]. Package otelspapi/otelsqs has one for OpenTelemetry.
func WithObserver(o Observer) Option {
	return func(c *Consumer) {
		c.observer = o
		c.tracer, _ = o.(Tracer)
	}
}

// WithLogger sets where troubles and failures are logged (default: [slog.Default]). Bodies and receipt handles aren't; what a handler's error says is.
func WithLogger(l *slog.Logger) Option { return func(c *Consumer) { c.logger = l } }

// New makes a consumer. It sends nothing. Its error tells all that is wrong with the arguments.
func New(client Client, queueURL string, handle Handler, options ...Option) (*Consumer, error) {
	c := &Consumer{client: client, queue: queueURL, handle: handle, holder: rand.Text(), workers: 10, visibility: time.Minute, timeout: 10 * time.Minute,
		drain: 30 * time.Second, attempts: 10, problem: map[string]*problem{}}
	for _, option := range options {
		option(c)
	}
	if c.inHand == 0 {
		c.inHand = 10 * c.workers
	}
	if c.window == nil {
		c.window = NewMemory(0, 0)
	}
	if c.logger == nil {
		c.logger = slog.Default()
	}
	var wrong []error
	say := func(format string, args ...any) {
		wrong = append(wrong, fmt.Errorf("notifications/sqs: "+format, args...))
	}
	if client == nil {
		say("the client is nil: want one of AWS's SDK, sqs.NewFromConfig(config)")
	}
	if handle == nil {
		say("the handler is nil: want a function, such as Handle of a notifications.Mux")
	}
	if why := badQueue(queueURL); why != "" {
		say("queue URL %.200q: %s", queueURL, why)
	}
	if c.deadLetters != "" {
		if why := badQueue(c.deadLetters); why != "" {
			say("URL of the dead-letter queue %.200q: %s", c.deadLetters, why)
		}
		if c.deadLetters == queueURL {
			say("the dead-letter queue %.200q is the queue itself: want another", queueURL)
		}
		if c.poison != nil {
			say("WithDeadLetters and WithPoison: want one")
		}
	}
	count := func(name string, n, low, high int) {
		if n < low || n > high {
			say("%s %d: want %d to %d", name, n, low, high)
		}
	}
	count("workers", c.workers, 1, 1000)
	count("in hand", c.inHand, max(c.workers, 1), 100_000)
	count("attempts", c.attempts, 1, 1000)
	span := func(name string, d, low, high time.Duration) {
		if d < low || d > high {
			say("%s %s: want %s to %s", name, d, low, high)
		}
	}
	span("visibility", c.visibility, 3*time.Second, 12*time.Hour)
	span("handler timeout", c.timeout, time.Millisecond, 11*time.Hour)
	span("drain", c.drain, 0, 11*time.Hour)
	span("settle", c.settle, 0, 10*time.Minute)
	if err := errors.Join(wrong...); err != nil {
		return nil, err
	}
	return c, nil
}

// badQueue is what is wrong with the URL of a queue, or "".
func badQueue(text string) string {
	u, err := url.Parse(text)
	switch {
	case err != nil || u.Host == "" || (u.Scheme != "https" && u.Scheme != "http"):
		return "want a URL such as https://sqs.us-east-1.amazonaws.com/123456789012/orders, not a name or an ARN"
	case strings.HasSuffix(u.Path, ".fifo"):
		return "a FIFO queue; Amazon sends notifications to standard queues only"
	}
	return ""
}

// Delivery is how a message came; [FromContext] has it in a handler.
type Delivery struct {
	Late      bool      // one of its key that is newer has been handled already
	Receives  int       // how many times it has been received, this one included, by SQS's count
	Sent      time.Time // to the queue
	MessageID string    // SQS's
}

type contextKey struct{}

// FromContext is the delivery that a handler was called for, zero elsewhere.
func FromContext(ctx context.Context) Delivery {
	d, _ := ctx.Value(contextKey{}).(Delivery)
	return d
}

// Poison is a message that can't be handled. It prints as its reason and SQS's id.
type Poison struct {
	Reason       string // "unreadable": Parse refused it; "failed": its handler did, as often as WithAttempts says
	Err          error
	Notification *notifications.Notification // nil for unreadable ones
	Body         string                      // as it came: it may hold a seller's or a buyer's data, or a client's new secret
	Delivery     Delivery
}

// String is the reason and SQS's id.
func (p Poison) String() string { return p.Reason + " message " + p.Delivery.MessageID }

// Format is String, whatever the verb.
func (p Poison) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, p.String()) }

// LogValue is String.
func (p Poison) LogValue() slog.Value { return slog.StringValue(p.String()) }

// reasons of poison.
const (
	reasonUnreadable = "unreadable"
	reasonFailed     = "failed"
)
