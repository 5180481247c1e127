// Package otelspapi makes OpenTelemetry traces and metrics of what the SDK does: spans and instruments for calls, attempts, waits, pauses and requests
// for tokens, and for how rate limits stand. It needs OpenTelemetry's API alone: a program that registers no SDK pays next to nothing. What there is, by
// name and unit, stands in docs/observability.md.
//
//	app := spapi.NewApp(credentials, spapi.WithObserver(otelspapi.New()))
package otelspapi

import (
	"context"

	"go.opentelemetry.io/otel"
	"go.opentelemetry.io/otel/metric"
	semconv "go.opentelemetry.io/otel/semconv/v1.43.0"
	"go.opentelemetry.io/otel/trace"
	tracenoop "go.opentelemetry.io/otel/trace/noop"

	"github.com/openspapi/spapi"
)

const scope = "github.com/openspapi/spapi/otelspapi"

// Option changes what [New] and [WatchLimits] make.
type Option func(*config)

type config struct {
	tracers trace.TracerProvider
	meters  metric.MeterProvider
	seller  bool
}

// WithTracerProvider makes the spans. Default: [otel.GetTracerProvider], as it is when the option is read.
func WithTracerProvider(p trace.TracerProvider) Option { return func(c *config) { c.tracers = p } }

// WithMeterProvider makes the instruments. Default: [otel.GetMeterProvider], as it is when the option is read.
func WithMeterProvider(p metric.MeterProvider) Option { return func(c *config) { c.meters = p } }

// WithSeller tells in spans who calls, as [spapi.Client.Principal] does, in the attribute "spapi.seller". Metrics never tell it.
func WithSeller() Option { return func(c *config) { c.seller = true } }

func newConfig(options []Option) config {
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
	return c
}

func (c *config) meter() metric.Meter {
	return c.meters.Meter(scope, metric.WithSchemaURL(semconv.SchemaURL))
}

// New makes an observer, for [spapi.WithObserver]. It is safe for concurrent use and may serve several applications.
func New(options ...Option) spapi.Observer {
	c := newConfig(options)
	o := &observer{seller: c.seller, instruments: newInstruments(c.meter())}
	if _, off := c.tracers.(tracenoop.TracerProvider); !off {
		o.tracer = c.tracers.Tracer(scope, trace.WithSchemaURL(semconv.SchemaURL))
	}
	return o
}

// observer begins a span for each activity, and records what it came to when it ends.
type observer struct {
	tracer      trace.Tracer // nil: no spans
	seller      bool
	instruments *instruments
}

func (o *observer) Begin(ctx context.Context, a spapi.Activity) (context.Context, func(spapi.Outcome)) {
	metered := o.instruments.wants(ctx, a.Kind)
	if o.tracer == nil && !metered {
		return ctx, nil
	}
	seen := a // what lives on until the end is copied only where there is an end
	return o.begin(ctx, &seen, metered)
}

func (o *observer) begin(ctx context.Context, a *spapi.Activity, metered bool) (context.Context, func(spapi.Outcome)) {
	if metered && a.Kind == spapi.ActivityAttempt && a.Attempt > 1 {
		o.instruments.resent(ctx, a)
	}
	var span trace.Span
	if o.tracer != nil {
		ctx, span = o.start(ctx, a)
		if !span.IsRecording() {
			span.End()
			span = nil
		}
	}
	if span == nil && !metered {
		return ctx, nil
	}
	return ctx, func(out spapi.Outcome) {
		if metered {
			o.instruments.record(ctx, a, &out)
		}
		if span != nil {
			finish(span, a, &out)
			span.End()
		}
	}
}
