package otelspapi

import (
	"context"
	"net/http"
	"sync"

	"go.opentelemetry.io/otel"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/metric"
	semconv "go.opentelemetry.io/otel/semconv/v1.43.0"

	"github.com/openspapi/spapi"
)

// Bounds of the histograms, in seconds: those that the semantic conventions name for requests, and for what may wait for a rate limit some more, up to
// the longest interval of a usage plan and its queue.
var (
	requestBounds = []float64{0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1, 2.5, 5, 7.5, 10}
	waitBounds    = append(append([]float64{}, requestBounds...), 30, 60, 120, 300, 900)
)

// instruments are the metrics of activities.
type instruments struct {
	attempt, call, wait, pause, token metric.Float64Histogram
	resends, throttles                metric.Int64Counter

	mu     sync.RWMutex
	series map[labels]*series
}

// labels are all that metrics of activities tell apart: each value is one of a few.
type labels struct {
	operation, region, method, host, grant, failure string
	status                                          int
}

// series is a set of attributes, made once.
type series struct {
	record []metric.RecordOption
	add    []metric.AddOption
}

func newInstruments(m metric.Meter) *instruments {
	seconds := func(name, description string, bounds []float64) metric.Float64Histogram {
		h, err := m.Float64Histogram(name, metric.WithUnit("s"), metric.WithDescription(description), metric.WithExplicitBucketBoundaries(bounds...))
		if err != nil {
			otel.Handle(err)
		}
		return h
	}
	count := func(name, unit, description string) metric.Int64Counter {
		c, err := m.Int64Counter(name, metric.WithUnit(unit), metric.WithDescription(description))
		if err != nil {
			otel.Handle(err)
		}
		return c
	}
	return &instruments{
		attempt:   seconds("http.client.request.duration", "Time from sending an attempt to the header of its answer.", requestBounds),
		call:      seconds("spapi.client.call.duration", "Time of whole calls, with waits, pauses and repeats.", waitBounds),
		wait:      seconds("spapi.client.limit.wait.duration", "Time that attempts waited for the rate limit, and token requests for the end of others.", waitBounds),
		pause:     seconds("spapi.client.retry.pause.duration", "Pauses before repeats.", waitBounds),
		token:     seconds("spapi.client.token.request.duration", "Time of requests to Login with Amazon.", requestBounds),
		resends:   count("spapi.client.resends", "{resend}", "Attempts after the first of a call."),
		throttles: count("spapi.client.throttles", "{response}", "Attempts that were answered 429."),
		series:    map[labels]*series{},
	}
}

// wants reports whether what is recorded of this kind of activity gets anywhere.
func (i *instruments) wants(ctx context.Context, kind spapi.ActivityKind) bool {
	switch kind {
	case spapi.ActivityAttempt:
		return i.attempt.Enabled(ctx) || i.resends.Enabled(ctx) || i.throttles.Enabled(ctx)
	case spapi.ActivityCall:
		return i.call.Enabled(ctx)
	case spapi.ActivityLimitWait:
		return i.wait.Enabled(ctx)
	case spapi.ActivityRetryPause:
		return i.pause.Enabled(ctx)
	case spapi.ActivityTokenRequest:
		return i.token.Enabled(ctx)
	}
	return false
}

// whose are the labels of an activity by what it is of.
func whose(a *spapi.Activity) labels {
	if a.Grant != "" {
		return labels{grant: a.Grant}
	}
	return labels{operation: operationOf(a).id, region: region(a)}
}

// resent counts an attempt that is a repeat, when it begins: whether it is answered is another matter.
func (i *instruments) resent(ctx context.Context, a *spapi.Activity) {
	i.resends.Add(ctx, 1, i.of(whose(a)).add...)
}

func (i *instruments) record(ctx context.Context, a *spapi.Activity, out *spapi.Outcome) {
	l := whose(a)
	l.status, l.failure = out.StatusCode, failure(out.StatusCode, out.Err)
	duration := out.Duration.Seconds()
	switch a.Kind {
	case spapi.ActivityAttempt:
		if l.status == http.StatusTooManyRequests {
			i.throttles.Add(ctx, 1, i.of(whose(a)).add...)
		}
		l.method, l.host = method(a.Method), a.Host
		i.attempt.Record(ctx, duration, i.of(l).record...)
	case spapi.ActivityCall:
		i.call.Record(ctx, duration, i.of(l).record...)
	case spapi.ActivityLimitWait:
		i.wait.Record(ctx, duration, i.of(l).record...)
	case spapi.ActivityRetryPause: // by what it is for
		l.status, l.failure = a.StatusCode, failure(a.StatusCode, a.Err)
		i.pause.Record(ctx, duration, i.of(l).record...)
	case spapi.ActivityTokenRequest:
		i.token.Record(ctx, duration, i.of(l).record...)
	}
}

// of is the series of these labels.
func (i *instruments) of(l labels) *series {
	i.mu.RLock()
	s := i.series[l]
	i.mu.RUnlock()
	if s != nil {
		return s
	}
	var attributes []attribute.KeyValue
	add := func(key attribute.Key, value string) {
		if value != "" {
			attributes = append(attributes, key.String(value))
		}
	}
	add(operationKey, l.operation)
	add(regionKey, l.region)
	add(grantKey, l.grant)
	add(semconv.HTTPRequestMethodKey, l.method)
	add(semconv.ErrorTypeKey, l.failure)
	if l.host != "" {
		address, port := server(l.host)
		attributes = append(attributes, semconv.ServerAddress(address), semconv.ServerPort(port))
	}
	if l.status != 0 {
		attributes = append(attributes, semconv.HTTPResponseStatusCode(l.status))
	}
	set := metric.WithAttributeSet(attribute.NewSet(attributes...))
	s = &series{record: []metric.RecordOption{set}, add: []metric.AddOption{set}}
	i.mu.Lock()
	i.series[l] = s
	i.mu.Unlock()
	return s
}
