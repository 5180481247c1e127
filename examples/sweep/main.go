// Command sweep keeps a table of orders right although notifications get lost, come twice and come late. Notifications are hints: whoever gets one reads the
// order. A sweep now and then reads all orders that have been updated since the last one, with some overlap, and so finds what no notification told of.
//
//	go run ./examples/sweep
//
// It runs against an emulator in its own memory, whose clock it moves by an hour at a time, and which loses one notification in ten and sends some twice.
// Nothing leaves the machine. In a program of your own leave the emulator out, and let time pass by itself.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log"
	"log/slog"
	"net/http"
	"os"
	"os/signal"
	"strings"
	"sync"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	awssqs "github.com/aws/aws-sdk-go-v2/service/sqs"

	"github.com/openspapi/spapi"
	"github.com/openspapi/spapi/api/orders20260101"
	"github.com/openspapi/spapi/emulator"
	"github.com/openspapi/spapi/notifications"
	"github.com/openspapi/spapi/notifications/sqs"
)

const (
	queueARN = "arn:aws:sqs:us-east-1:123456789012:orders"
	queueURL = "https://sqs.us-east-1.amazonaws.com/123456789012/orders"
	setup    = `
destinations:
  - {name: orders, sqs: ` + queueARN + `}
subscriptions:
  - type: ORDER_CHANGE
    destination: orders
    eventFilter: {orderChangeTypes: [OrderStatusChange, BuyerRequestedChange]}
`
	// overlap is how far a sweep looks back behind the one before: Amazon shows orders by their time of update some minutes late, and clocks differ.
	overlap = 10 * time.Minute
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	if _, err := run(ctx, os.Stdout, 24, true); err != nil {
		log.Fatal(err)
	}
}

// run lets so many hours pass. Without sweeps it shows what is wrong without them.
func run(ctx context.Context, out io.Writer, hours int, sweeps bool) (*mirror, error) {
	emu, err := emulator.New(emulator.WithSeed(1), emulator.WithOrders(6000), emulator.WithDays(30), emulator.WithoutLimits(),
		emulator.WithFault(emulator.Fault{Kind: emulator.FaultMessageLost, Probability: 0.1}),
		emulator.WithFault(emulator.Fault{Kind: emulator.FaultMessageDuplicate, Probability: 0.1}))
	if err != nil {
		return nil, err
	}
	c := emu.Credentials()
	app := spapi.NewApp(spapi.Credentials{ClientID: c.ClientID, ClientSecret: spapi.NewSecret(c.ClientSecret)}, spapi.WithTransport(emu))
	client := app.Client(spapi.Authorization{RefreshToken: spapi.NewSecret(c.RefreshToken), Region: c.Region, SellerID: c.SellerID})
	queue := awssqs.New(awssqs.Options{ // with AWS: awssqs.NewFromConfig(config)
		Region: "us-east-1", HTTPClient: &http.Client{Transport: emu},
		Credentials: aws.CredentialsProviderFunc(func(context.Context) (aws.Credentials, error) {
			return aws.Credentials{AccessKeyID: "AKIDEXAMPLE", SecretAccessKey: "example"}, nil
		}),
	})
	if err := makeQueue(ctx, queue); err != nil {
		return nil, err
	}
	if err := subscribe(ctx, client); err != nil {
		return nil, err
	}

	m := &mirror{api: orders20260101.New(client), marketplace: "ATVPDKIKX0DER", orders: map[string]orders20260101.Order{}}
	// The subscription was there first, so nothing happens unseen between the first sweep and the first notification.
	if _, err := m.sweep(ctx, emu.Now().AddDate(0, 0, -30), emu.Now()); err != nil {
		return nil, err
	}
	stop, err := m.listen(ctx, queue)
	if err != nil {
		return nil, err
	}
	for range hours {
		emu.Advance(time.Hour)
		emu.Deliver()
		pause(ctx, time.Second) // for notifications to be handled
		if !sweeps {
			continue
		}
		missed, err := m.sweep(ctx, m.swept.Add(-overlap), emu.Now())
		if err != nil {
			return m, errors.Join(err, stop())
		}
		fmt.Fprintf(out, "%s  %d orders, %d notifications; the sweep found %d changes that none had told of\n",
			emu.Now().Format(time.RFC3339), len(m.orders), m.hints, missed)
	}
	return m, stop()
}

// makeQueue makes the queue, with the policy that lets Amazon write to it.
func makeQueue(ctx context.Context, client *awssqs.Client) error {
	policy, err := notifications.QueuePolicy(queueARN)
	if err != nil {
		return err
	}
	_, err = client.CreateQueue(ctx, &awssqs.CreateQueueInput{QueueName: aws.String("orders"), Attributes: map[string]string{"Policy": policy}})
	return err
}

// subscribe sees to it that notifications come.
func subscribe(ctx context.Context, client *spapi.Client) error {
	desired, err := notifications.ReadSetup(strings.NewReader(setup))
	if err != nil {
		return err
	}
	manager := &notifications.Manager{Sellers: []notifications.Seller{{Name: "shop", Client: client}}}
	plan, err := manager.Plan(ctx, desired, notifications.PlanOptions{NamedTypesOnly: true})
	if err != nil {
		return err
	}
	_, err = manager.Apply(ctx, plan)
	return err
}

// mirror is the table of orders. In a program of your own it is in a database, and swept with it in one transaction: then a process that dies sweeps again from
// where the table is right.
type mirror struct {
	api         *orders20260101.Client
	marketplace string

	mu     sync.Mutex
	orders map[string]orders20260101.Order
	hints  int
	swept  time.Time // up to when all changes are in the table
}

// put takes an order as Amazon has it, unless a newer one is there: hints and sweeps overtake each other.
func (m *mirror) put(o *orders20260101.Order) (isNews bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	old, known := m.orders[o.OrderID]
	if known && !o.LastUpdatedTime.After(old.LastUpdatedTime) {
		return false
	}
	m.orders[o.OrderID] = *o
	return true
}

// hint handles a notification. What it says of the order may be old, so it isn't taken: the order is read.
func (m *mirror) hint(ctx context.Context, change *notifications.OrderChange) error {
	m.mu.Lock()
	m.hints++
	m.mu.Unlock()
	found, err := m.api.GetOrder(ctx, &orders20260101.GetOrderInput{OrderID: change.AmazonOrderID,
		IncludedData: []orders20260101.GetOrderIncludedData{orders20260101.GetOrderIncludedDataFulfillment}})
	if err != nil {
		return err // it comes again
	}
	if found.Order != nil {
		m.put(found.Order)
	}
	return nil
}

// sweep reads what has been updated after a time, and notes that all up to now is in the table: only at the end, so that a sweep that fails is done again.
func (m *mirror) sweep(ctx context.Context, after, now time.Time) (missed int, err error) {
	in := &orders20260101.SearchOrdersInput{LastUpdatedAfter: after, MarketplaceIDs: []string{m.marketplace},
		IncludedData: []orders20260101.SearchOrdersIncludedData{orders20260101.SearchOrdersIncludedDataFulfillment}}
	for order, err := range m.api.SearchOrdersAll(ctx, in) {
		if err != nil {
			return missed, err
		}
		if m.put(order) {
			missed++
		}
	}
	m.swept = now
	return missed, nil
}

// listen takes notifications from the queue until it is told to stop.
func (m *mirror) listen(ctx context.Context, queue *awssqs.Client) (stop func() error, err error) {
	mux, err := notifications.NewMux(notifications.On(m.hint))
	if err != nil {
		return nil, err
	}
	consumer, err := sqs.New(queue, queueURL, mux.Handle, sqs.WithLogger(slog.New(slog.DiscardHandler)))
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithCancel(ctx)
	ended := make(chan error, 1)
	go func() { ended <- consumer.Run(ctx) }()
	return func() error {
		cancel()
		return <-ended
	}, nil
}

func pause(ctx context.Context, d time.Duration) {
	select {
	case <-time.After(d):
	case <-ctx.Done():
	}
}
