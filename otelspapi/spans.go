package otelspapi

import (
	"context"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	semconv "go.opentelemetry.io/otel/semconv/v1.43.0"
	"go.opentelemetry.io/otel/trace"

	"github.com/openspapi/spapi"
)

// Attributes of ours. Those of HTTP are the semantic conventions', but for url.full, which the conventions want and nobody gets: the paths of SP-API
// hold ids of orders and sellers, its queries names and addresses of buyers.
const (
	operationKey = attribute.Key("spapi.operation") // "ordersv0.getOrders"; "_OTHER" where no model has it
	regionKey    = attribute.Key("spapi.region")    // "na", "eu", "fe", with "-sandbox" there
	sellerKey    = attribute.Key("spapi.seller")
	grantKey     = attribute.Key("spapi.grant") // "refresh_token", "client_credentials", "authorization_code"
	attemptKey   = attribute.Key("spapi.attempt")
	attemptsKey  = attribute.Key("spapi.attempts")
	waitedKey    = attribute.Key("spapi.limit.waited") // seconds
	limitKey     = attribute.Key("spapi.limit.scope")  // "type", "seller", "application"
)

// start begins the span of an activity.
func (o *observer) start(ctx context.Context, a *spapi.Activity) (context.Context, trace.Span) {
	op := operationOf(a)
	kind, attributes := trace.SpanKindInternal, make([]attribute.KeyValue, 0, 10)
	if a.Grant != "" {
		attributes = append(attributes, grantKey.String(a.Grant))
	} else {
		attributes = append(attributes, operationKey.String(op.id), regionKey.String(region(a)))
	}
	if o.seller && a.Seller != "" {
		attributes = append(attributes, sellerKey.String(a.Seller))
	}
	if a.Attempt > 0 {
		attributes = append(attributes, attemptKey.Int(a.Attempt))
	}
	name := a.Kind.String()
	switch a.Kind {
	case spapi.ActivityCall:
		if op.id != other {
			name = op.id
		}
	case spapi.ActivityAttempt:
		kind = trace.SpanKindClient
		address, port := server(a.Host)
		verb := method(a.Method)
		attributes = append(attributes, semconv.HTTPRequestMethodKey.String(verb), semconv.ServerAddress(address), semconv.ServerPort(port))
		if a.Attempt > 1 {
			attributes = append(attributes, semconv.HTTPRequestResendCount(a.Attempt-1))
		}
		switch name = op.span; {
		case op.template != "":
			attributes = append(attributes, semconv.URLTemplate(op.template))
		case verb == other:
			name = "HTTP" // as the conventions want it
		default:
			name = verb
		}
	case spapi.ActivityTokenRequest:
		kind = trace.SpanKindClient
		address, port := server(a.Host)
		attributes = append(attributes, semconv.HTTPRequestMethodPost, semconv.ServerAddress(address), semconv.ServerPort(port))
		if a.Attempt > 1 {
			attributes = append(attributes, semconv.HTTPRequestResendCount(a.Attempt-1))
		}
	case spapi.ActivityLimitWait:
		if a.Grant != "" {
			name = "token wait"
		}
	case spapi.ActivityRetryPause:
		if a.StatusCode != 0 {
			attributes = append(attributes, semconv.HTTPResponseStatusCode(a.StatusCode))
		}
		attributes = append(attributes, semconv.ErrorTypeKey.String(failure(a.StatusCode, a.Err)))
	}
	return o.tracer.Start(ctx, name, trace.WithSpanKind(kind), trace.WithAttributes(attributes...))
}

// finish tells how the activity ended. Texts of errors aren't told: they may quote what Amazon answered about an order or a buyer.
func finish(span trace.Span, a *spapi.Activity, out *spapi.Outcome) {
	attributes := make([]attribute.KeyValue, 0, 6)
	if out.StatusCode != 0 {
		attributes = append(attributes, semconv.HTTPResponseStatusCode(out.StatusCode))
	}
	if out.RequestID != "" {
		attributes = append(attributes, semconv.AWSRequestID(out.RequestID))
	}
	if a.Kind == spapi.ActivityCall {
		attributes = append(attributes, attemptsKey.Int(out.Attempts), waitedKey.Float64(out.Waited.Seconds()))
	}
	if kind := failure(out.StatusCode, out.Err); kind != "" {
		span.SetStatus(codes.Error, "")
		if a.Kind != spapi.ActivityRetryPause { // that has the reason for the pause
			attributes = append(attributes, semconv.ErrorTypeKey.String(kind))
		}
	}
	span.SetAttributes(attributes...)
}
