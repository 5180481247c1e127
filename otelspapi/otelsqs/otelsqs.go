// Package otelsqs makes OpenTelemetry traces and metrics of what a consumer of package notifications/sqs does, by the semantic conventions for messaging: a
// span for each receipt that brings messages and for each call of a handler, and instruments for both, and for lag, age and what became of messages. It is
// apart from package otelspapi so that programs that don't consume carry no AWS SDK. What there is, by name and unit, stands in docs/observability.md.
//
//	consumer, err := sqs.New(client, queueURL, mux.Handle, sqs.WithObserver(otelsqs.New(queueURL)))
//
// It tells types of notifications and ids of messages, in spans, and nothing that a message says: no bodies, no keys, no texts of errors.
package otelsqs

import (
	"context"
	"net/url"
	"path"
	"strconv"
	"sync"
	"time"

	"go.opentelemetry.io/otel"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/metric"
	semconv "go.opentelemetry.io/otel/semconv/v1.43.0"
	"go.opentelemetry.io/otel/trace"
	tracenoop "go.opentelemetry.io/otel/trace/noop"

	"github.com/openspapi/spapi/notifications"
	"github.com/openspapi/spapi/notifications/sqs"
)

const scope = "github.com/openspapi/spapi/otelspapi/otelsqs"

// Option changes what [New] makes.
type Option func(*config)

type config struct {
	tracers trace.TracerProvider
	meters  metric.MeterProvider
}

// WithTracerProvider makes the spans. Default: [otel.GetTracerProvider], as it is when the option is read.
func WithTracerProvider(p trace.TracerProvider) Option { return func(c *config) { c.tracers = p } }

// WithMeterProvider makes the instruments. Default: [otel.GetMeterProvider], as it is when the option is read.
func WithMeterProvider(p metric.MeterProvider) Option { return func(c *config) { c.meters = p } }

// Attributes of ours.
const (
	typeKey        = attribute.Key("spapi.notification.type")    // "ORDER_CHANGE"; "_OTHER" for one that isn't known, "_UNREADABLE" for what is no notification
	versionKey     = attribute.Key("spapi.notification.version") // of its payload, of known types
	idKey          = attribute.Key("spapi.notification.id")      // Amazon's
	resultKey      = attribute.Key("spapi.notification.result")  // a sqs.Result
	lateKey        = attribute.Key("spapi.notification.late")
	redeliveredKey = attribute.Key("spapi.notification.redelivered")
	receivesKey    = attribute.Key("spapi.notification.receives")
	troubleKey     = attribute.Key("spapi.notification.trouble") // What of a sqs.Trouble
)

// Bounds of the histograms, in seconds: of requests and handlers, which may take as long as a long poll and longer, and of ages, up to days.
var (
	durations = []float64{0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1, 2.5, 5, 7.5, 10, 30, 60, 300, 600}
	ages      = []float64{1, 2, 5, 10, 30, 60, 120, 300, 900, 3600, 3 * 3600, 12 * 3600, 24 * 3600, 4 * 24 * 3600, 14 * 24 * 3600}
)

// observer tells OpenTelemetry of a consumer.
type observer struct {
	tracer trace.Tracer // nil: no spans

	receiveName, processName string
	receive, process         []attribute.KeyValue // of queue and operation
	consumed                 metric.Int64Counter
	operation, handling      metric.Float64Histogram
	messages                 metric.Int64Counter
	age                      metric.Float64Histogram
	lag                      metric.Float64Gauge
	trouble                  metric.Int64Gauge

	mu     sync.RWMutex
	series map[labels]metric.MeasurementOption
}

// labels are all that metrics tell apart: each value is one of a few.
type labels struct {
	process                    bool
	kind, result, failure      string
	late, redelivered, counted bool
}

// New makes an observer of the consumers of one queue, for [sqs.WithObserver].
func New(queueURL string, options ...Option) sqs.Tracer {
	var c config
	for _, o := range options {
		if o != nil {
			o(&c)
		}
	}
	if c.tracers == nil {
		c.tracers = otel.GetTracerProvider()
	}
	if c.meters == nil {
		c.meters = otel.GetMeterProvider()
	}
	m := c.meters.Meter(scope, metric.WithSchemaURL(semconv.SchemaURL))
	o := &observer{series: map[labels]metric.MeasurementOption{}}
	if _, off := c.tracers.(tracenoop.TracerProvider); !off {
		o.tracer = c.tracers.Tracer(scope, trace.WithSchemaURL(semconv.SchemaURL))
	}
	queue := []attribute.KeyValue{semconv.MessagingSystemAWSSQS}
	name := ""
	if u, err := url.Parse(queueURL); err == nil && u.Host != "" {
		name = path.Base(u.Path)
		queue = append(queue, semconv.MessagingDestinationName(name), semconv.ServerAddress(u.Hostname()))
		if port, err := strconv.Atoi(u.Port()); err == nil {
			queue = append(queue, semconv.ServerPort(port))
		}
	}
	with := func(operation string, kind attribute.KeyValue) []attribute.KeyValue {
		return append(append([]attribute.KeyValue{}, queue...), semconv.MessagingOperationName(operation), kind)
	}
	o.receiveName, o.receive = "receive "+name, with("receive", semconv.MessagingOperationTypeReceive)
	o.processName, o.process = "process "+name, with("process", semconv.MessagingOperationTypeProcess)
	seconds := func(name, description string, bounds []float64) metric.Float64Histogram {
		return must(m.Float64Histogram(name, metric.WithUnit("s"), metric.WithDescription(description), metric.WithExplicitBucketBoundaries(bounds...)))
	}
	count := func(name, description string) metric.Int64Counter {
		return must(m.Int64Counter(name, metric.WithUnit("{message}"), metric.WithDescription(description)))
	}
	o.consumed = count("messaging.client.consumed.messages", "Messages that were received, those that come again included.")
	o.operation = seconds("messaging.client.operation.duration", "Time of receipts, the wait for messages included.", durations)
	o.handling = seconds("messaging.process.duration", "Time of handlers.", durations)
	o.messages = count("spapi.notifications.messages", "What became of messages.")
	o.age = seconds("spapi.notifications.age", "Time from what a notification tells of to when it was taken up.", ages)
	o.lag = must(m.Float64Gauge("spapi.notifications.lag", metric.WithUnit("s"),
		metric.WithDescription("How long the oldest message of the last receipt had lain in the queue; 0 where it was empty.")))
	o.trouble = must(m.Int64Gauge("spapi.notifications.trouble", metric.WithUnit("{trouble}"),
		metric.WithDescription("1 while the consumer lacks something that it needs.")))
	for _, what := range troubles { // so that there is something to alert on from the start
		o.note(context.Background(), what, 0)
	}
	return o
}

func must[T any](instrument T, err error) T {
	if err != nil {
		otel.Handle(err)
	}
	return instrument
}

// of are the attributes of labels, made once.
func (o *observer) of(l labels) metric.MeasurementOption {
	o.mu.RLock()
	s := o.series[l]
	o.mu.RUnlock()
	if s != nil {
		return s
	}
	attributes := append([]attribute.KeyValue{}, o.receive...)
	if l.process {
		attributes = append([]attribute.KeyValue{}, o.process...)
	}
	add := func(key attribute.Key, value string) {
		if value != "" {
			attributes = append(attributes, key.String(value))
		}
	}
	add(typeKey, l.kind)
	add(resultKey, l.result)
	add(semconv.ErrorTypeKey, l.failure)
	if l.counted {
		attributes = append(attributes, lateKey.Bool(l.late), redeliveredKey.Bool(l.redelivered))
	}
	s = metric.WithAttributeSet(attribute.NewSet(attributes...))
	o.mu.Lock()
	o.series[l] = s
	o.mu.Unlock()
	return s
}

// Received is [sqs.Tracer.Received].
func (o *observer) Received(ctx context.Context, r sqs.Receipt) context.Context {
	l := labels{failure: failure(r.Err)}
	if o.operation.Enabled(ctx) {
		o.operation.Record(ctx, r.Took.Seconds(), o.of(l))
	}
	if o.consumed.Enabled(ctx) && r.Messages > 0 {
		o.consumed.Add(ctx, int64(r.Messages), o.of(l))
	}
	if o.lag.Enabled(ctx) && r.Err == nil {
		o.lag.Record(ctx, r.Lag.Seconds(), o.of(labels{}))
	}
	if o.tracer == nil || r.Messages == 0 && r.Err == nil { // an empty receipt every 20 s tells nothing
		return ctx
	}
	ctx, span := o.tracer.Start(ctx, o.receiveName, trace.WithNewRoot(), trace.WithSpanKind(trace.SpanKindClient), trace.WithTimestamp(r.Began),
		trace.WithAttributes(o.receive...), trace.WithAttributes(semconv.MessagingBatchMessageCount(r.Messages)))
	fail(span, l.failure)
	span.End(trace.WithTimestamp(r.Began.Add(r.Took)))
	return ctx
}

// Handling is [sqs.Tracer.Handling].
func (o *observer) Handling(ctx, receipt context.Context, n *notifications.Notification, d sqs.Delivery) (context.Context, func(error)) {
	metered := o.handling.Enabled(ctx)
	if o.tracer == nil && !metered {
		return ctx, nothing
	}
	return o.begin(ctx, receipt, n, d, metered)
}

func nothing(error) {}

func (o *observer) begin(ctx, receipt context.Context, n *notifications.Notification, d sqs.Delivery, metered bool) (context.Context, func(error)) {
	began := time.Now()
	var span trace.Span
	if o.tracer != nil {
		// A root of its own, since the receipt is that of others, too; Amazon sends no context of a trace.
		ctx, span = o.tracer.Start(ctx, o.processName, trace.WithNewRoot(), trace.WithSpanKind(trace.SpanKindConsumer), trace.WithAttributes(o.process...),
			trace.WithAttributes(about(n, d)...), trace.WithLinks(links(receipt)...))
	}
	return ctx, func(err error) {
		l := labels{process: true, kind: kind(n), failure: failure(err)}
		if metered {
			o.handling.Record(ctx, time.Since(began).Seconds(), o.of(l))
		}
		if span != nil {
			fail(span, l.failure)
			span.End()
		}
	}
}

func links(receipt context.Context) []trace.Link {
	if receipt == nil {
		return nil
	}
	if of := trace.SpanContextFromContext(receipt); of.IsValid() {
		return []trace.Link{{SpanContext: of}}
	}
	return nil
}

// about is what a span tells of a message.
func about(n *notifications.Notification, d sqs.Delivery) []attribute.KeyValue {
	told := []attribute.KeyValue{semconv.MessagingMessageID(d.MessageID), typeKey.String(kind(n)), receivesKey.Int(d.Receives), lateKey.Bool(d.Late)}
	if id := n.ID(); id != "" && len(id) <= 100 {
		told = append(told, idKey.String(id))
	}
	if _, known := notifications.TypeOfVersion(n.Type, n.PayloadVersion); known {
		told = append(told, versionKey.String(n.PayloadVersion))
	}
	return told
}

// Message is [sqs.Observer.Message].
func (o *observer) Message(ctx context.Context, out sqs.Outcome) {
	if o.messages.Enabled(ctx) {
		o.messages.Add(ctx, 1, o.of(labels{process: true, kind: kind(out.Notification), result: string(out.Result), counted: true, late: out.Delivery.Late,
			redelivered: out.Delivery.Receives > 1}))
	}
	// Of a message that comes again the first time counts.
	if out.Age > 0 && out.Delivery.Receives <= 1 && o.age.Enabled(ctx) {
		o.age.Record(ctx, out.Age.Seconds(), o.of(labels{process: true, kind: kind(out.Notification)}))
	}
}

// Trouble is [sqs.Observer.Trouble].
func (o *observer) Trouble(ctx context.Context, t sqs.Trouble) {
	lasts := int64(0)
	if t.Err != nil {
		lasts = 1
	}
	o.note(ctx, t.What, lasts)
}

// troubles are What of all troubles.
var troubles = []string{"receive", "delete", "visibility", "dead letters", "poison", "window", "redrive", "handler"}

func (o *observer) note(ctx context.Context, what string, lasts int64) {
	if o.trouble.Enabled(ctx) {
		set := attribute.NewSet(append(append([]attribute.KeyValue{}, o.process...), troubleKey.String(what))...)
		o.trouble.Record(ctx, lasts, metric.WithAttributeSet(set))
	}
}

// other is how the semantic conventions spell what isn't in a list.
const other = "_OTHER"

// kind is a type's name: what anybody may write into a message must not make new series.
func kind(n *notifications.Notification) string {
	if n == nil {
		return "_UNREADABLE"
	}
	if _, known := notifications.TypeOf(n.Type); known {
		return n.Type
	}
	return other
}

func fail(span trace.Span, failure string) {
	if failure != "" {
		span.SetStatus(codes.Error, "")
		span.SetAttributes(semconv.ErrorTypeKey.String(failure))
	}
}
