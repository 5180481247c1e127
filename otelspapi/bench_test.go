package otelspapi_test

import (
	"testing"

	metricnoop "go.opentelemetry.io/otel/metric/noop"
	"go.opentelemetry.io/otel/sdk/metric"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	tracenoop "go.opentelemetry.io/otel/trace/noop"

	"github.com/openspapi/spapi"
	"github.com/openspapi/spapi/api/sellersv1"
	"github.com/openspapi/spapi/emulator"
	"github.com/openspapi/spapi/otelspapi"
)

// BenchmarkCall is a call of the emulator in memory: without an observer, with one whose providers do nothing, with metrics, with spans that a sampler
// leaves out, and with all, exported to nowhere.
func BenchmarkCall(b *testing.B) {
	meters := metric.NewMeterProvider(metric.WithReader(metric.NewManualReader()))
	none, all := sdktrace.NewTracerProvider(sdktrace.WithSampler(sdktrace.NeverSample())), sdktrace.NewTracerProvider()
	observer := func(options ...otelspapi.Option) spapi.Observer { return otelspapi.New(options...) }
	for _, test := range []struct {
		name string
		o    spapi.Observer
	}{
		{"none", nil},
		{"noop", observer(otelspapi.WithTracerProvider(tracenoop.NewTracerProvider()), otelspapi.WithMeterProvider(metricnoop.NewMeterProvider()))},
		{"unset", observer()},
		{"metrics", observer(otelspapi.WithTracerProvider(tracenoop.NewTracerProvider()), otelspapi.WithMeterProvider(meters))},
		{"unsampled", observer(otelspapi.WithTracerProvider(none), otelspapi.WithMeterProvider(metricnoop.NewMeterProvider()))},
		{"all", observer(otelspapi.WithTracerProvider(all), otelspapi.WithMeterProvider(meters))},
	} {
		b.Run(test.name, func(b *testing.B) {
			emu, err := emulator.New(emulator.WithOrders(1), emulator.WithDays(1), emulator.WithoutLimits())
			if err != nil {
				b.Fatal(err)
			}
			c := emu.Credentials()
			app := spapi.NewApp(spapi.Credentials{ClientID: c.ClientID, ClientSecret: spapi.NewSecret(c.ClientSecret)},
				spapi.WithTransport(emu), spapi.WithObserver(test.o))
			sellers := sellersv1.New(app.Client(spapi.Authorization{RefreshToken: spapi.NewSecret(c.RefreshToken), Region: c.Region}))
			b.ReportAllocs()
			for b.Loop() {
				if _, err := sellers.GetMarketplaceParticipations(b.Context(), nil); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
