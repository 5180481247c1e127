package sqs_test

import (
	"context"
	"encoding/json"
	"log/slog"
	"net/http/httptest"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	awssqs "github.com/aws/aws-sdk-go-v2/service/sqs"
	"github.com/aws/aws-sdk-go-v2/service/sqs/types"

	"github.com/openspapi/spapi/emulator"
	"github.com/openspapi/spapi/internal/npmtest"
	"github.com/openspapi/spapi/notifications"
	"github.com/openspapi/spapi/notifications/sqs"
)

const ordersARN = "arn:aws:sqs:us-east-1:123456789012:orders"

// serveEmulated serves an emulator with a queue, and returns it with the URL at which its queues are.
func serveEmulated(t testing.TB, options ...emulator.Option) (emu *emulator.Emulator, url string) {
	t.Helper()
	emu, err := emulator.New(append(options, emulator.WithOrders(0))...)
	if err != nil {
		t.Fatal(err)
	}
	server := httptest.NewServer(emu)
	t.Cleanup(server.Close)
	return emu, emu.URLs(server.URL).SQS
}

// send has the emulator send a message to its queue.
func send(t testing.TB, emu *emulator.Emulator, body string) {
	t.Helper()
	var message struct{ Payload json.RawMessage }
	if err := json.Unmarshal([]byte(body), &message); err != nil {
		t.Fatal(err)
	}
	if _, err := emu.Trigger(emulator.Trigger{Type: "ORDER_CHANGE", Queue: ordersARN, Payload: message.Payload}); err != nil {
		t.Fatal(err)
	}
}

// TestEmulatedTenThousand: 10,000 messages of the emulator, of which it sends a fifth twice and shuffles all.
func TestEmulatedTenThousand(t *testing.T) {
	const orders, each = 500, 16
	emu, url := serveEmulated(t, emulator.WithSeed(3), emulator.WithFault(emulator.Fault{Kind: emulator.FaultMessageDuplicate, Every: 4}),
		emulator.WithFault(emulator.Fault{Kind: emulator.FaultMessageShuffled}))
	for n := range each {
		for order := range orders {
			send(t, emu, change(order, n))
		}
	}
	const messages = orders * each * 5 / 4
	l, o := newLedger(), &told{left: make(chan struct{}, messages)}
	c, err := sqs.New(dialled(url), url+"/123456789012/orders", l.handle, sqs.WithObserver(o), sqs.WithLogger(slog.New(slog.DiscardHandler)))
	if err != nil {
		t.Fatal(err)
	}
	stop := running(c)
	for range messages {
		<-o.left
	}
	if err := stop(); err != nil {
		t.Error(err)
	}
	l.check(t)
	s := c.Stats()
	t.Logf("%+v", s)
	if len(l.calls) != orders*each || s.Handled != orders*each || s.Failed != 0 {
		t.Errorf("%d of %d changes were handled; %+v", len(l.calls), orders*each, s)
	}
}

// BenchmarkServers is BenchmarkConsumer over loopback against the emulator's queue and npm local-aws-sqs: one op is one message, received, handled by nothing,
// deleted.
func BenchmarkServers(b *testing.B) {
	for name, serve := range map[string]func(b *testing.B) string{
		"emulator": func(b *testing.B) string {
			_, url := serveEmulated(b)
			if _, err := dialled(url).CreateQueue(b.Context(), &awssqs.CreateQueueInput{QueueName: aws.String("orders")}); err != nil {
				b.Fatal(err)
			}
			return url
		},
		"local-aws-sqs": func(b *testing.B) string { return npmtest.Start(b, "../../interop/local-aws-sqs") },
	} {
		filled := func(b *testing.B) (client *awssqs.Client, queue string) {
			url := serve(b)
			client, queue = dialled(url), url+"/123456789012/orders"
			for at := 0; at < b.N; at += 10 {
				var entries []types.SendMessageBatchRequestEntry
				for i := range min(10, b.N-at) {
					body := change((at+i)%1000, (at+i)/1000)
					entries = append(entries, types.SendMessageBatchRequestEntry{Id: aws.String(strconv.Itoa(i)), MessageBody: &body})
				}
				if out, err := client.SendMessageBatch(b.Context(), &awssqs.SendMessageBatchInput{QueueUrl: &queue, Entries: entries}); err != nil || len(out.Failed) > 0 {
					b.Fatal(out, err)
				}
			}
			return client, queue
		}
		b.Run(name+"/consumer", func(b *testing.B) {
			client, queue := filled(b)
			o := &told{left: make(chan struct{}, b.N)}
			c, err := sqs.New(client, queue, func(context.Context, *notifications.Notification) error { return nil }, sqs.WithObserver(o), sqs.WithLogger(slog.New(slog.DiscardHandler)))
			if err != nil {
				b.Fatal(err)
			}
			b.ReportAllocs()
			b.ResetTimer()
			stop := running(c)
			for range b.N {
				<-o.left
			}
			b.StopTimer()
			if err := stop(); err != nil {
				b.Error(err)
			}
			b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "messages/s")
		})
		b.Run(name+"/floor", func(b *testing.B) {
			client, queue := filled(b)
			b.ReportAllocs()
			b.ResetTimer()
			drain(b, client, queue, b.N)
			b.StopTimer()
			b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "messages/s")
		})
	}
}

// drain receives and deletes messages by the SDK's bare calls, ten at once, until so many are deleted.
func drain(b *testing.B, client *awssqs.Client, queue string, messages int) {
	b.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	var left atomic.Int64
	left.Store(int64(messages))
	var all sync.WaitGroup
	for range 10 {
		all.Go(func() {
			for ctx.Err() == nil {
				out, err := client.ReceiveMessage(ctx, &awssqs.ReceiveMessageInput{QueueUrl: &queue, MaxNumberOfMessages: 10, WaitTimeSeconds: 20, VisibilityTimeout: 60})
				if err != nil || len(out.Messages) == 0 {
					continue
				}
				entries := make([]types.DeleteMessageBatchRequestEntry, len(out.Messages))
				for i := range out.Messages {
					entries[i] = types.DeleteMessageBatchRequestEntry{Id: aws.String(strconv.Itoa(i)), ReceiptHandle: out.Messages[i].ReceiptHandle}
				}
				if _, err := client.DeleteMessageBatch(ctx, &awssqs.DeleteMessageBatchInput{QueueUrl: &queue, Entries: entries}); err != nil {
					b.Error(err)
				}
				if left.Add(-int64(len(entries))) <= 0 {
					cancel()
				}
			}
		})
	}
	all.Wait()
}
