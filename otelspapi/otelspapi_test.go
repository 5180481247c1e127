package otelspapi_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"go.opentelemetry.io/otel/attribute"
	metricnoop "go.opentelemetry.io/otel/metric/noop"
	"go.opentelemetry.io/otel/sdk/metric"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"
	"go.opentelemetry.io/otel/trace"
	tracenoop "go.opentelemetry.io/otel/trace/noop"

	"github.com/openspapi/spapi"
	"github.com/openspapi/spapi/api/orders20260101"
	"github.com/openspapi/spapi/api/ordersv0"
	"github.com/openspapi/spapi/api/sellersv1"
	"github.com/openspapi/spapi/emulator"
	"github.com/openspapi/spapi/otelspapi"
)

// bench is a client of an emulator, and all that it tells.
type bench struct {
	emu     *emulator.Emulator
	client  *spapi.Client
	spans   *tracetest.InMemoryExporter
	tracers *sdktrace.TracerProvider
	reader  *metric.ManualReader
	sent    []trace.SpanContext // of the requests that went out
	fail    error               // in place of an answer
}

func (b *bench) RoundTrip(req *http.Request) (*http.Response, error) {
	b.sent = append(b.sent, trace.SpanContextFromContext(req.Context()))
	if b.fail != nil {
		return nil, b.fail
	}
	time.Sleep(20 * time.Millisecond) // of the bubble
	return b.emu.RoundTrip(req)
}

const seller = "A2SELLERCANARY"

func newBench(t *testing.T, faults []emulator.Fault, options ...otelspapi.Option) *bench {
	t.Helper()
	settings := []emulator.Option{emulator.WithSeed(1), emulator.WithOrders(20), emulator.WithDays(5)}
	for _, f := range faults {
		settings = append(settings, emulator.WithFault(f))
	}
	emu, err := emulator.New(settings...)
	if err != nil {
		t.Fatal(err)
	}
	b := &bench{emu: emu, spans: tracetest.NewInMemoryExporter(), reader: metric.NewManualReader()}
	b.tracers = sdktrace.NewTracerProvider(sdktrace.WithSyncer(b.spans))
	meters := metric.NewMeterProvider(metric.WithReader(b.reader))
	options = append([]otelspapi.Option{otelspapi.WithTracerProvider(b.tracers), otelspapi.WithMeterProvider(meters)}, options...)
	c := emu.Credentials()
	app := spapi.NewApp(spapi.Credentials{ClientID: c.ClientID, ClientSecret: spapi.NewSecret(c.ClientSecret)},
		spapi.WithTransport(b), spapi.WithObserver(otelspapi.New(options...)))
	b.client = app.Client(spapi.Authorization{RefreshToken: spapi.NewSecret(c.RefreshToken), Region: c.Region, SellerID: seller})
	return b
}

// order is the id of one that the emulator has.
func (b *bench) order(t *testing.T) string {
	t.Helper()
	out, err := orders20260101.New(b.client).SearchOrders(t.Context(), &orders20260101.SearchOrdersInput{CreatedAfter: time.Now().Add(-96 * time.Hour),
		MarketplaceIDs: []string{"ATVPDKIKX0DER"}})
	if err != nil || len(out.Orders) == 0 {
		t.Fatal(out, err)
	}
	return out.Orders[0].OrderID
}

// tree writes the spans as they lie in each other, in order of their beginning, with what differs from run to run left out.
func (b *bench) tree() string {
	spans := b.spans.GetSpans()
	var out strings.Builder
	var write func(parent trace.SpanID, depth int)
	write = func(parent trace.SpanID, depth int) {
		var children []tracetest.SpanStub
		for _, s := range spans {
			if s.Parent.SpanID() == parent {
				children = append(children, s)
			}
		}
		slices.SortStableFunc(children, func(x, y tracetest.SpanStub) int { return x.StartTime.Compare(y.StartTime) })
		for _, s := range children {
			fmt.Fprintf(&out, "%s%s (%s", strings.Repeat("  ", depth), s.Name, s.SpanKind)
			if s.Status.Code != 0 {
				fmt.Fprintf(&out, ", %s%s", s.Status.Code, s.Status.Description)
			}
			out.WriteString(")")
			slices.SortFunc(s.Attributes, func(x, y attribute.KeyValue) int { return strings.Compare(string(x.Key), string(y.Key)) })
			for _, a := range s.Attributes {
				value := a.Value.String()
				switch a.Key {
				case "aws.request_id", "spapi.limit.waited":
					value = "…"
				}
				fmt.Fprintf(&out, " %s=%s", a.Key, value)
			}
			out.WriteString("\n")
			write(s.SpanContext.SpanID(), depth+1)
		}
	}
	write(trace.SpanID{}, 0)
	return out.String()
}

func (b *bench) metrics(t *testing.T) []metricdata.Metrics {
	t.Helper()
	var all metricdata.ResourceMetrics
	if err := b.reader.Collect(t.Context(), &all); err != nil {
		t.Fatal(err)
	}
	var found []metricdata.Metrics
	for _, s := range all.ScopeMetrics {
		if s.Scope.Name != "github.com/openspapi/spapi/otelspapi" {
			t.Errorf("scope %s", s.Scope.Name)
		}
		found = append(found, s.Metrics...)
	}
	slices.SortFunc(found, func(x, y metricdata.Metrics) int { return strings.Compare(x.Name, y.Name) })
	return found
}

func attributes(set attribute.Set) string {
	var parts []string
	for _, a := range set.ToSlice() {
		parts = append(parts, fmt.Sprintf("%s=%s", a.Key, a.Value.String()))
	}
	return strings.Join(parts, " ")
}

// table writes names, units, kinds, bounds, and each series with how often it was recorded.
func table(metrics []metricdata.Metrics) string {
	var out strings.Builder
	for _, m := range metrics {
		var lines []string
		kind := ""
		switch data := m.Data.(type) {
		case metricdata.Histogram[float64]:
			kind = "histogram"
			for i, p := range data.DataPoints {
				if i == 0 {
					kind += fmt.Sprint(" ", p.Bounds)
				}
				lines = append(lines, fmt.Sprintf("  %d: %s", p.Count, attributes(p.Attributes)))
			}
		case metricdata.Sum[int64]:
			kind = fmt.Sprintf("counter, monotonic=%t", data.IsMonotonic)
			for _, p := range data.DataPoints {
				lines = append(lines, fmt.Sprintf("  %d: %s", p.Value, attributes(p.Attributes)))
			}
		case metricdata.Gauge[float64]:
			kind = "gauge"
			for _, p := range data.DataPoints {
				lines = append(lines, fmt.Sprintf("  %g: %s", p.Value, attributes(p.Attributes)))
			}
		case metricdata.Gauge[int64]:
			kind = "gauge"
			for _, p := range data.DataPoints {
				lines = append(lines, fmt.Sprintf("  %d: %s", p.Value, attributes(p.Attributes)))
			}
		}
		slices.Sort(lines)
		fmt.Fprintf(&out, "%s (%s) %s: %s\n%s\n", m.Name, m.Unit, kind, m.Description, strings.Join(lines, "\n"))
	}
	return out.String()
}

// whole is a day of all: a call that is throttled, one whose token has expired, a restricted one, one that fails, one that no model has.
func (b *bench) whole(t *testing.T) (order string) {
	t.Helper()
	order = b.order(t)
	if _, err := orders20260101.New(b.client).GetOrder(t.Context(), &orders20260101.GetOrderInput{OrderID: order}); err != nil {
		t.Fatal(err)
	}
	b.emu.Advance(2 * time.Hour) // past the end of the token, which the client, by its own clock, has for an hour
	if _, err := sellersv1.New(b.client).GetMarketplaceParticipations(t.Context(), nil); err != nil {
		t.Fatal(err)
	}
	v0 := ordersv0.New(b.client)
	_, err := v0.GetOrderAddress(t.Context(), &ordersv0.GetOrderAddressInput{OrderID: order}, spapi.WithRestrictedData()) //nolint:staticcheck // deprecated
	if err != nil {
		t.Fatal(err)
	}
	if _, err := orders20260101.New(b.client).GetOrder(t.Context(), &orders20260101.GetOrderInput{OrderID: "902-0000000-0000000"}); err == nil {
		t.Fatal("an order that isn't there was found")
	}
	req, err := http.NewRequestWithContext(t.Context(), "BREW", "/coffee/v1/CUPCANARY?Email=canary@example.com", nil)
	if err != nil {
		t.Fatal(err)
	}
	resp, err := b.client.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	if err := resp.Body.Close(); err != nil {
		t.Fatal(err)
	}
	return order
}

var troubles = []emulator.Fault{
	{Kind: emulator.FaultThrottle, Operation: "orders20260101.searchOrders", Limit: 1},
	{Kind: emulator.FaultUnavailable, Operation: "lwa.token", Limit: 1},
}

func TestSpans(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t, troubles)
		ctx, nightly := b.tracers.Tracer("program").Start(t.Context(), "nightly")
		out, err := orders20260101.New(b.client).SearchOrders(ctx, &orders20260101.SearchOrdersInput{CreatedAfter: time.Now().Add(-96 * time.Hour)})
		if err != nil {
			t.Fatal(out, err)
		}
		nightly.End()
		b.whole(t)
		golden(t, "spans.txt", b.tree())
		ids := map[trace.SpanID]string{}
		for _, s := range b.spans.GetSpans() {
			ids[s.SpanContext.SpanID()] = s.Name
			if s.Name == "orders20260101.searchOrders" && s.Parent.IsValid() != (s.Parent.SpanID() == nightly.SpanContext().SpanID()) {
				t.Errorf("a call lies in %s", s.Parent.SpanID())
			}
			if s.InstrumentationScope.Name == "program" {
				continue
			}
			if !strings.HasPrefix(s.InstrumentationScope.SchemaURL, "https://opentelemetry.io/schemas/1.") {
				t.Errorf("schema %q", s.InstrumentationScope.SchemaURL)
			}
		}
		for i, c := range b.sent {
			if name := ids[c.SpanID()]; name != "token request" && !strings.HasPrefix(name, "GET /") && !strings.HasPrefix(name, "POST /tokens/") && name != "HTTP" {
				t.Errorf("request %d went out in %q", i, name)
			}
		}
		if len(b.sent) < 8 {
			t.Errorf("%d requests went out", len(b.sent))
		}
	})
}

func TestMetrics(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t, troubles)
		b.whole(t)
		metrics := b.metrics(t)
		golden(t, "metrics.txt", table(metrics))
		for _, m := range metrics { // seconds: an attempt takes 20 ms of the bubble
			if h, ok := m.Data.(metricdata.Histogram[float64]); ok && m.Name == "http.client.request.duration" {
				for _, p := range h.DataPoints {
					if p.Sum != 0.02*float64(p.Count) {
						t.Errorf("%d attempts took %g s", p.Count, p.Sum)
					}
				}
			}
		}
	})
}

// What is secret or personal is told by nothing, the seller only where it is asked for, and then not in metrics.
func TestCanaries(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		for _, asked := range []bool{false, true} {
			var options []otelspapi.Option
			if asked {
				options = append(options, otelspapi.WithSeller())
			}
			b := newBench(t, troubles, options...)
			order := b.whole(t)
			b.fail = errors.New("proxy: GET /orders/v0/orders/" + order + "?BuyerEmail=canary@example.com: Atza|CANARYtoken refused")
			if _, err := orders20260101.New(b.client).GetOrder(t.Context(), &orders20260101.GetOrderInput{OrderID: order}, spapi.WithoutRetry()); err == nil {
				t.Fatal("no failure")
			}
			var spans strings.Builder
			for _, s := range b.spans.GetSpans() {
				fmt.Fprintf(&spans, "%+v\n", s)
			}
			metrics := fmt.Sprintf("%+v", b.metrics(t))
			c := b.emu.Credentials()
			canaries := []string{c.ClientSecret, c.RefreshToken, order, "902-0000000", "Atza|", "Atz.sprdt|", "canary@example.com", "CUPCANARY", "coffee", "BREW", "?"}
			for _, canary := range canaries {
				if strings.Contains(spans.String(), canary) {
					t.Errorf("spans tell %q", canary)
				}
				if strings.Contains(metrics, canary) {
					t.Errorf("metrics tell %q", canary)
				}
			}
			if told := strings.Contains(spans.String(), seller); told != asked {
				t.Errorf("the seller is told: %t, asked for: %t", told, asked)
			}
			if strings.Contains(metrics, seller) {
				t.Error("metrics tell the seller")
			}
		}
	})
}

// Each kind of error has a name of its own, whatever it is wrapped in.
func TestFailures(t *testing.T) {
	for _, test := range []struct {
		status int
		err    error
		want   string
	}{
		{404, &spapi.APIError{}, "404"},
		{200, &spapi.APIError{}, "api"},
		{0, fmt.Errorf("x: %w", &spapi.LimitError{Deadline: true}), "limit"},
		{0, &spapi.AuthError{Err: context.DeadlineExceeded}, "auth"},
		{0, &spapi.ConfigError{}, "config"},
		{200, &spapi.DecodeError{}, "decode"},
		{0, context.Canceled, "canceled"},
		{0, context.DeadlineExceeded, "timeout"},
		{0, &spapi.TimeoutError{}, "timeout"},
		{0, errors.New("any"), "_OTHER"},
		{200, nil, ""},
	} {
		exporter := tracetest.NewInMemoryExporter()
		tracers := sdktrace.NewTracerProvider(sdktrace.WithSyncer(exporter))
		o := otelspapi.New(otelspapi.WithTracerProvider(tracers), otelspapi.WithMeterProvider(metricnoop.NewMeterProvider()))
		_, end := o.Begin(t.Context(), spapi.Activity{Kind: spapi.ActivityCall, Operation: "ordersv0.getOrder", Region: "na"})
		end(spapi.Outcome{StatusCode: test.status, Err: test.err})
		got := ""
		for _, a := range exporter.GetSpans()[0].Attributes {
			if a.Key == "error.type" {
				got = a.Value.AsString()
			}
		}
		if got != test.want || (got != "") != (exporter.GetSpans()[0].Status.Code != 0) {
			t.Errorf("%d %v: error.type %q, status %v, want %q", test.status, test.err, got, exporter.GetSpans()[0].Status, test.want)
		}
	}
}

func TestWatchLimits(t *testing.T) {
	reader := metric.NewManualReader()
	bucket := func(operation string, scope spapi.LimitScope, seller string, burst int) spapi.LimitBucket {
		return spapi.LimitBucket{App: "app", Region: "na", Operation: operation, Scope: scope, Seller: seller, Rate: 1, Burst: burst}
	}
	away := errors.New("the server is away")
	states := func(_ context.Context, region string) ([]spapi.LimitState, error) {
		if region == "eu" {
			return nil, away
		}
		return []spapi.LimitState{
			{Bucket: bucket("ordersv0.getOrder", spapi.LimitPerSeller, "A", 20), Left: 15},
			{Bucket: bucket("ordersv0.getOrder", spapi.LimitPerSeller, "B", 20), Left: 5,
				Queue: []spapi.LimitQueue{{Process: "a/1", Calls: 2}, {Process: "b/2", Calls: 3}}},
			{Bucket: bucket("ordersv0.getOrder", spapi.LimitPerSeller, "C", 20), Left: 20, Queue: []spapi.LimitQueue{{Calls: 1}}},
			{Bucket: bucket("ordersv0.getOrder", spapi.LimitPerApplication, "", 50), Left: 0},
			{Bucket: bucket("GET /new/v1/CANARY", spapi.LimitPerSeller, "A", 1), Left: 1},
			{Bucket: bucket("reports20210630.createReport", spapi.LimitPerType, "A", 0), Left: 3},
		}, nil
	}
	meters := metric.NewMeterProvider(metric.WithReader(reader))
	watch, err := otelspapi.WatchLimits(states, []string{"na", "eu"}, otelspapi.WithMeterProvider(meters))
	if err != nil {
		t.Fatal(err)
	}
	b := &bench{reader: reader}
	var all metricdata.ResourceMetrics
	if err := reader.Collect(t.Context(), &all); !errors.Is(err, away) {
		t.Errorf("collected with %v, want what failed in eu", err)
	}
	golden(t, "limits.txt", table(all.ScopeMetrics[0].Metrics))
	if err := watch.Unregister(); err != nil {
		t.Fatal(err)
	}
	if got := b.metrics(t); len(got) != 0 {
		t.Errorf("after Unregister: %v", got)
	}
	if _, err := otelspapi.WatchLimits(nil, []string{"na"}); err == nil {
		t.Error("no function is fine")
	}
	if _, err := otelspapi.WatchLimits(states, nil); err == nil {
		t.Error("no region is fine")
	}
}

// Without providers nothing begins, and nothing is allocated for it.
func TestUnused(t *testing.T) {
	o := otelspapi.New(otelspapi.WithTracerProvider(tracenoop.NewTracerProvider()), otelspapi.WithMeterProvider(metricnoop.NewMeterProvider()))
	ctx := t.Context()
	a := spapi.Activity{Kind: spapi.ActivityAttempt, Operation: "ordersv0.getOrder", Region: "na", Method: "GET",
		Host: "sellingpartnerapi-na.amazon.com", Attempt: 1}
	if got := testing.AllocsPerRun(100, func() {
		inside, end := o.Begin(ctx, a)
		if inside != ctx || end != nil {
			t.Fatal("something begins")
		}
	}); got > 0 {
		t.Errorf("%g allocations where nobody looks", got)
	}
}

// Programs may have any number of paths of their own: they make no new series.
func TestCardinality(t *testing.T) {
	reader := metric.NewManualReader()
	meters := metric.NewMeterProvider(metric.WithReader(reader))
	o := otelspapi.New(otelspapi.WithTracerProvider(tracenoop.NewTracerProvider()), otelspapi.WithMeterProvider(meters))
	for i := range 1000 {
		for _, kind := range []spapi.ActivityKind{spapi.ActivityCall, spapi.ActivityLimitWait, spapi.ActivityAttempt, spapi.ActivityRetryPause} {
			_, end := o.Begin(t.Context(), spapi.Activity{Kind: kind, Operation: fmt.Sprintf("GET /new/v1/%d", i), Region: "na", Method: fmt.Sprint("M", i),
				Path: fmt.Sprint("/new/v1/", i), Host: "sellingpartnerapi-na.amazon.com", Seller: fmt.Sprint("A", i), Query: []string{fmt.Sprint("q", i)}, Attempt: 1 + i,
				Err: fmt.Errorf("failure %d", i)})
			end(spapi.Outcome{RequestID: fmt.Sprint("r", i), Err: fmt.Errorf("failure %d", i)})
		}
	}
	b := &bench{reader: reader}
	metrics := b.metrics(t)
	if len(metrics) != 5 {
		t.Errorf("%d metrics, want 5", len(metrics))
	}
	for _, m := range metrics {
		series := 0
		switch data := m.Data.(type) {
		case metricdata.Histogram[float64]:
			series = len(data.DataPoints)
		case metricdata.Sum[int64]:
			series = len(data.DataPoints)
		}
		if series != 1 {
			t.Errorf("%s has %d series, want 1", m.Name, series)
		}
	}
}
