// Command observability is a program that is observed: it calls an emulator in its own memory, now and then more than the limits allow and with failures
// among the answers, consumes notifications, and serves what OpenTelemetry makes of it to Prometheus. Nothing leaves the machine.
//
//	go run ./examples/observability
//	curl http://127.0.0.1:9464/metrics
//
// Beside it lie a board for Grafana (board.json) and alert rules for Prometheus (alerts.yml). In a program of your own leave the emulator out.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"log"
	"log/slog"
	"math/rand/v2"
	"net"
	"net/http"
	"os"
	"os/signal"
	"sync"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	awssqs "github.com/aws/aws-sdk-go-v2/service/sqs"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"
	otelprometheus "go.opentelemetry.io/otel/exporters/prometheus"
	"go.opentelemetry.io/otel/sdk/metric"

	"github.com/openspapi/spapi"
	"github.com/openspapi/spapi/api/catalogitems20220401"
	"github.com/openspapi/spapi/api/orders20260101"
	"github.com/openspapi/spapi/emulator"
	"github.com/openspapi/spapi/notifications"
	"github.com/openspapi/spapi/notifications/sqs"
	"github.com/openspapi/spapi/otelspapi"
	"github.com/openspapi/spapi/otelspapi/otelsqs"
)

func main() {
	address := flag.String("listen", "127.0.0.1:9464", "where Prometheus finds the metrics")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	listener, err := net.Listen("tcp", *address)
	if err == nil {
		fmt.Printf("http://%s/metrics\n", listener.Addr())
		err = run(ctx, listener)
	}
	if err != nil {
		log.Fatal(err)
	}
}

// run calls and serves until ctx ends.
func run(ctx context.Context, listener net.Listener) error {
	registry := prometheus.NewRegistry()
	exporter, err := otelprometheus.New(otelprometheus.WithRegisterer(registry))
	if err != nil {
		return err
	}
	meters := metric.NewMeterProvider(metric.WithReader(exporter))
	emu, client, err := newClient(meters)
	if err != nil {
		return err
	}
	consumer, err := newConsumer(ctx, emu, meters)
	if err != nil {
		return err
	}
	consumed := make(chan error, 1)
	go func() { consumed <- consumer.Run(ctx) }()
	// How the limits stand: those of this process, or of the fleet where it shares them.
	if _, err := otelspapi.WatchLimits(client.App().LimitStates, []string{string(client.Region())}, otelspapi.WithMeterProvider(meters)); err != nil {
		return err
	}
	mux := http.NewServeMux()
	mux.Handle("/metrics", promhttp.HandlerFor(registry, promhttp.HandlerOpts{}))
	server := &http.Server{Handler: mux, ReadHeaderTimeout: 5 * time.Second}
	served := make(chan error, 1)
	go func() { served <- server.Serve(listener) }()
	work(ctx, client)
	return errors.Join(<-consumed, server.Close(), notClosed(<-served), meters.Shutdown(context.WithoutCancel(ctx)))
}

func notClosed(err error) error {
	if errors.Is(err, http.ErrServerClosed) {
		return nil
	}
	return err
}

// newClient is a client of an emulator in memory that answers every fifth search 429, every seventh 503, and the first request for a token 503.
func newClient(meters *metric.MeterProvider) (*emulator.Emulator, *spapi.Client, error) {
	emu, err := emulator.New(emulator.WithSeed(1),
		emulator.WithFault(emulator.Fault{Kind: emulator.FaultThrottle, Operation: "catalogitems20220401.*", Every: 5}),
		emulator.WithFault(emulator.Fault{Kind: emulator.FaultUnavailable, Operation: "catalogitems20220401.*", Every: 7}),
		emulator.WithFault(emulator.Fault{Kind: emulator.FaultUnavailable, Operation: "lwa.token", Limit: 1}))
	if err != nil {
		return nil, nil, err
	}
	c := emu.Credentials()
	app := spapi.NewApp(spapi.Credentials{ClientID: c.ClientID, ClientSecret: spapi.NewSecret(c.ClientSecret)},
		spapi.WithTransport(emu),
		spapi.WithObserver(otelspapi.New(otelspapi.WithMeterProvider(meters)))) // spans go to the global tracer provider: here to nobody
	return emu, app.Client(spapi.Authorization{RefreshToken: spapi.NewSecret(c.RefreshToken), Region: c.Region, SellerID: c.SellerID}), nil
}

const queueURL = "https://sqs.us-east-1.amazonaws.com/123456789012/orders"

// newConsumer is a consumer of the emulator's queue, into which somebody puts notifications, some of them twice, and some that are none.
func newConsumer(ctx context.Context, emu *emulator.Emulator, meters *metric.MeterProvider) (*sqs.Consumer, error) {
	client := awssqs.New(awssqs.Options{ // with AWS: awssqs.NewFromConfig(config)
		Region: "us-east-1", HTTPClient: &http.Client{Transport: emu},
		Credentials: aws.CredentialsProviderFunc(func(context.Context) (aws.Credentials, error) {
			return aws.Credentials{AccessKeyID: "AKIDEXAMPLE", SecretAccessKey: "example"}, nil
		}),
	})
	for _, name := range []string{"orders", "orders-dead"} {
		if _, err := client.CreateQueue(ctx, &awssqs.CreateQueueInput{QueueName: &name}); err != nil {
			return nil, err
		}
	}
	go func() {
		for n := 0; ctx.Err() == nil; n++ {
			body := "no notification"
			if n%10 != 0 {
				body = fmt.Sprintf(`{"NotificationType":"ORDER_CHANGE","PayloadVersion":"1.0","EventTime":%q,"Payload":{"OrderChangeNotification":{"SellerId":"A1",
					"AmazonOrderId":"902-%07d-0000000"}},"NotificationMetadata":{"NotificationId":"n%d"}}`, time.Now().Format(time.RFC3339), n%100, n-n%2)
			}
			_, err := client.SendMessage(ctx, &awssqs.SendMessageInput{QueueUrl: aws.String(queueURL), MessageBody: &body})
			report(ctx, err)
			select {
			case <-time.After(50 * time.Millisecond):
			case <-ctx.Done():
			}
		}
	}()
	handle := func(ctx context.Context, _ *notifications.Notification) error {
		if rand.IntN(10) == 0 {
			return errors.New("not now")
		}
		return nil
	}
	return sqs.New(client, queueURL, handle, sqs.WithDeadLetters(queueURL+"-dead"), sqs.WithLogger(slog.New(slog.DiscardHandler)),
		sqs.WithObserver(otelsqs.New(queueURL, otelsqs.WithMeterProvider(meters))))
}

// work calls from several goroutines, and says what failed, until ctx ends.
func work(ctx context.Context, client *spapi.Client) {
	catalog, orders := catalogitems20220401.New(client), orders20260101.New(client)
	var workers sync.WaitGroup
	for range 4 {
		workers.Go(func() {
			for ctx.Err() == nil {
				_, err := catalog.SearchCatalogItems(ctx, &catalogitems20220401.SearchCatalogItemsInput{
					MarketplaceIDs: []string{"ATVPDKIKX0DER"}, Keywords: []string{"fountain pen"}})
				report(ctx, err)
			}
		})
	}
	workers.Go(func() {
		for ctx.Err() == nil {
			_, err := orders.GetOrder(ctx, &orders20260101.GetOrderInput{OrderID: "902-0000000-0000000"}) // one that isn't there
			report(ctx, err)
		}
	})
	workers.Wait()
}

func report(ctx context.Context, err error) {
	var refused *spapi.APIError
	if err != nil && ctx.Err() == nil && !errors.As(err, &refused) { // those are what the metrics tell
		log.Print(err)
	}
}
