package otelsqs_test

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"log/slog"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	awssqs "github.com/aws/aws-sdk-go-v2/service/sqs"
	"github.com/aws/aws-sdk-go-v2/service/sqs/types"
	"github.com/aws/smithy-go"
	"go.opentelemetry.io/otel/attribute"
	metricnoop "go.opentelemetry.io/otel/metric/noop"
	"go.opentelemetry.io/otel/sdk/metric"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"
	"go.opentelemetry.io/otel/trace"
	tracenoop "go.opentelemetry.io/otel/trace/noop"
	"go.uber.org/goleak"

	"github.com/openspapi/spapi/notifications"
	"github.com/openspapi/spapi/notifications/sqs"
	"github.com/openspapi/spapi/otelspapi/otelsqs"
)

var update = flag.Bool("update", false, "write testdata anew")

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const (
	queueURL = "https://sqs.us-east-1.amazonaws.com/123456789012/orders"
	canary   = "903-CANARY"
)

// queue gives out what it has been told to, receipt by receipt, and then nothing.
type queue struct {
	mu       sync.Mutex
	receipts []func() (*awssqs.ReceiveMessageOutput, error)
}

type awsOption = func(*awssqs.Options)

func (q *queue) ReceiveMessage(ctx context.Context, in *awssqs.ReceiveMessageInput, _ ...awsOption) (*awssqs.ReceiveMessageOutput, error) {
	q.mu.Lock()
	if len(q.receipts) > 0 {
		next := q.receipts[0]
		q.receipts = q.receipts[1:]
		q.mu.Unlock()
		time.Sleep(50 * time.Millisecond)
		return next()
	}
	q.mu.Unlock()
	select {
	case <-ctx.Done():
		return nil, ctx.Err()
	case <-time.After(time.Duration(in.WaitTimeSeconds) * time.Second):
		return &awssqs.ReceiveMessageOutput{}, nil
	}
}

func (*queue) DeleteMessageBatch(context.Context, *awssqs.DeleteMessageBatchInput, ...awsOption) (*awssqs.DeleteMessageBatchOutput, error) {
	return &awssqs.DeleteMessageBatchOutput{}, nil
}

func (*queue) ChangeMessageVisibilityBatch(
	context.Context, *awssqs.ChangeMessageVisibilityBatchInput, ...awsOption,
) (*awssqs.ChangeMessageVisibilityBatchOutput, error) {
	return &awssqs.ChangeMessageVisibilityBatchOutput{}, nil
}

func (*queue) SendMessage(context.Context, *awssqs.SendMessageInput, ...awsOption) (*awssqs.SendMessageOutput, error) {
	return &awssqs.SendMessageOutput{}, nil
}

func (*queue) GetQueueAttributes(context.Context, *awssqs.GetQueueAttributesInput, ...awsOption) (*awssqs.GetQueueAttributesOutput, error) {
	return &awssqs.GetQueueAttributesOutput{}, nil
}

// message is one that was sent ten seconds ago, of a change two minutes ago.
func message(id string, receives int, kind string, n int) types.Message {
	at := time.Now().Add(-2 * time.Minute).Add(time.Duration(n) * time.Second).Format(time.RFC3339)
	body := fmt.Sprintf(`{"NotificationVersion":"1.0","NotificationType":%q,"PayloadVersion":"1.0","EventTime":%q,
		"Payload":{"OrderChangeNotification":{"SellerId":"CANARY","AmazonOrderId":%q,"OrderChangeTrigger":{"TimeOfOrderChange":%q}}},
		"NotificationMetadata":{"SubscriptionId":"s","NotificationId":"n-%s"}}`, kind, at, canary, at, id)
	if kind == "" {
		body = "no JSON CANARY"
	}
	return types.Message{MessageId: aws.String(id), Body: &body, ReceiptHandle: aws.String("CANARY" + id), Attributes: map[string]string{
		"ApproximateReceiveCount": fmt.Sprint(receives), "SentTimestamp": fmt.Sprint(time.Now().Add(-10 * time.Second).UnixMilli())}}
}

// consume has a consumer receive messages of all kinds, and a receipt fail, and returns what the handlers' contexts held.
func consume(t *testing.T, observer sqs.Observer) (handled []trace.SpanContext) {
	t.Helper()
	batch := func(messages ...types.Message) func() (*awssqs.ReceiveMessageOutput, error) {
		return func() (*awssqs.ReceiveMessageOutput, error) {
			return &awssqs.ReceiveMessageOutput{Messages: messages}, nil
		}
	}
	q := &queue{receipts: []func() (*awssqs.ReceiveMessageOutput, error){
		batch(message("m1", 1, "ORDER_CHANGE", 5), message("m1", 2, "ORDER_CHANGE", 5)),
		func() (*awssqs.ReceiveMessageOutput, error) {
			return nil, &smithy.GenericAPIError{Code: "ThrottlingException", Message: "CANARY"}
		},
		batch(message("m2", 1, "ORDER_CHANGE", 0), message("m3", 1, "", 0), message("m4", 10, "BRAND_NEW_CANARY", 1), message("m5", 1, "PRICING_HEALTH", 1)),
	}}
	var mu sync.Mutex
	c, err := sqs.New(q, queueURL, func(ctx context.Context, n *notifications.Notification) error {
		mu.Lock()
		handled = append(handled, trace.SpanContextFromContext(ctx))
		mu.Unlock()
		time.Sleep(20 * time.Millisecond)
		switch n.Type {
		case "PRICING_HEALTH":
			panic("CANARY")
		case "BRAND_NEW_CANARY":
			return errors.New("CANARY")
		}
		return nil
	}, sqs.WithWorkers(1), sqs.WithDeadLetters(queueURL+"-dead"), sqs.WithObserver(observer), sqs.WithLogger(slog.New(slog.DiscardHandler)))
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	if err := c.Run(ctx); err != nil {
		t.Error(err)
	}
	return handled
}

func sorted(set attribute.Set) string {
	var texts []string
	for _, a := range set.ToSlice() {
		texts = append(texts, fmt.Sprintf("%s=%s", a.Key, a.Value.String()))
	}
	return strings.Join(texts, " ")
}

// TestSpansAndMetrics holds what is told of a consumer against testdata.
func TestSpansAndMetrics(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		exporter, reader := tracetest.NewInMemoryExporter(), metric.NewManualReader()
		tracers := sdktrace.NewTracerProvider(sdktrace.WithSyncer(exporter))
		handled := consume(t, otelsqs.New(queueURL, otelsqs.WithTracerProvider(tracers),
			otelsqs.WithMeterProvider(metric.NewMeterProvider(metric.WithReader(reader)))))
		var told strings.Builder
		spans := exporter.GetSpans()
		slices.SortStableFunc(spans, func(a, b tracetest.SpanStub) int { return a.StartTime.Compare(b.StartTime) })
		names := map[trace.SpanID]string{}
		for _, s := range spans {
			names[s.SpanContext.SpanID()] = s.Name
			var links []string
			for _, l := range s.Links {
				links = append(links, names[l.SpanContext.SpanID()])
			}
			fmt.Fprintf(&told, "%s (%s, %s, %q) links %q %s: %s\n", s.Name, s.SpanKind, s.Status.Code, s.Status.Description, links, s.EndTime.Sub(s.StartTime),
				sorted(attribute.NewSet(s.Attributes...)))
			if s.Parent.IsValid() {
				t.Errorf("%s has a parent", s.Name)
			}
		}
		for _, sc := range handled {
			if names[sc.SpanID()] != "process orders" {
				t.Errorf("a handler's context holds %q", names[sc.SpanID()])
			}
		}
		var all metricdata.ResourceMetrics
		if err := reader.Collect(t.Context(), &all); err != nil {
			t.Fatal(err)
		}
		var lines []string
		for _, s := range all.ScopeMetrics {
			for _, m := range s.Metrics {
				lines = append(lines, points(m)...)
			}
		}
		slices.Sort(lines)
		told.WriteString(strings.Join(lines, "\n") + "\n")
		if strings.Contains(told.String(), "CANARY") {
			t.Errorf("a message is told:\n%s", told.String())
		}
		if *update {
			if err := os.WriteFile("testdata/told.txt", []byte(told.String()), 0o600); err != nil {
				t.Fatal(err)
			}
		}
		want, err := os.ReadFile("testdata/told.txt")
		if err != nil {
			t.Fatal(err)
		}
		if told.String() != string(want) {
			t.Errorf("told\n%swant\n%s", told.String(), want)
		}
	})
}

func points(m metricdata.Metrics) (lines []string) {
	line := func(set attribute.Set, format string, args ...any) {
		lines = append(lines, fmt.Sprintf("%s %s {%s} %s", m.Name, m.Unit, sorted(set), fmt.Sprintf(format, args...)))
	}
	switch data := m.Data.(type) {
	case metricdata.Sum[int64]:
		for _, p := range data.DataPoints {
			line(p.Attributes, "%d", p.Value)
		}
	case metricdata.Gauge[int64]:
		for _, p := range data.DataPoints {
			line(p.Attributes, "%d", p.Value)
		}
	case metricdata.Gauge[float64]:
		for _, p := range data.DataPoints {
			line(p.Attributes, "%g", p.Value)
		}
	case metricdata.Histogram[float64]:
		for _, p := range data.DataPoints {
			if _, failed := p.Attributes.Value("error.type"); m.Name == "messaging.client.operation.duration" && !failed && p.Count >= 4 {
				p.Count = 4 // and those that were empty, whose number depends on a pause by chance
			}
			line(p.Attributes, "%d", p.Count)
		}
	default:
		lines = append(lines, fmt.Sprintf("%s: a %T", m.Name, m.Data))
	}
	return lines
}

// TestUnused: with providers that do nothing nothing is allocated.
func TestUnused(t *testing.T) {
	o := otelsqs.New(queueURL, otelsqs.WithTracerProvider(tracenoop.NewTracerProvider()), otelsqs.WithMeterProvider(metricnoop.NewMeterProvider()))
	n, err := notifications.Parse([]byte(*message("m", 1, "ORDER_CHANGE", 1).Body))
	if err != nil {
		t.Fatal(err)
	}
	ctx := t.Context()
	if allocs := testing.AllocsPerRun(100, func() {
		o.Received(ctx, sqs.Receipt{Messages: 1})
		_, end := o.Handling(ctx, ctx, n, sqs.Delivery{})
		end(nil)
		o.Message(ctx, sqs.Outcome{Notification: n, Age: time.Second})
	}); allocs > 0 {
		t.Errorf("%v allocations", allocs)
	}
}

// TestWithoutQueue: an address that is none of a queue costs the names, not the metrics.
func TestWithoutQueue(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		reader := metric.NewManualReader()
		consume(t, otelsqs.New("orders", otelsqs.WithMeterProvider(metric.NewMeterProvider(metric.WithReader(reader))), nil))
		var all metricdata.ResourceMetrics
		if err := reader.Collect(t.Context(), &all); err != nil || len(all.ScopeMetrics) != 1 || len(all.ScopeMetrics[0].Metrics) != 7 {
			t.Errorf("%+v, %v", all, err)
		}
	})
}
