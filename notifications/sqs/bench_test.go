package sqs_test

import (
	"context"
	"log/slog"
	"net/http/httptest"
	"sync"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	awssqs "github.com/aws/aws-sdk-go-v2/service/sqs"
	"github.com/aws/aws-sdk-go-v2/service/sqs/types"

	"github.com/openspapi/spapi/notifications"
	"github.com/openspapi/spapi/notifications/sqs"
)

// One op is one message: received over loopback by AWS's SDK, handled by nothing, deleted. The floor is a loop of the SDK's calls, ten at once, without
// anything that a consumer does.
func BenchmarkConsumer(b *testing.B) {
	filled := func(b *testing.B) (*queue, *awssqs.Client) {
		q := newQueue("")
		server := httptest.NewServer(q)
		b.Cleanup(server.Close)
		q.url, q.redrive = server.URL+"/123456789012/orders", "{}"
		for i := range b.N {
			q.put(change(i%1000, i/1000))
		}
		return q, dialled(server.URL)
	}
	rate := func(b *testing.B, q *queue) {
		b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "messages/s")
		calls := 0
		for _, n := range q.calls {
			calls += n
		}
		b.ReportMetric(float64(calls)/float64(b.N), "calls/message")
	}
	consume := func(options ...sqs.Option) func(b *testing.B) {
		return func(b *testing.B) {
			q, client := filled(b)
			handle := func(context.Context, *notifications.Notification) error { return nil }
			c, err := sqs.New(client, q.url, handle, append(options, sqs.WithLogger(slog.New(slog.DiscardHandler)))...)
			if err != nil {
				b.Fatal(err)
			}
			b.ReportAllocs()
			b.ResetTimer()
			stop := running(c)
			<-q.emptied
			b.StopTimer()
			if err := stop(); err != nil {
				b.Error(err)
			}
			rate(b, q)
		}
	}
	b.Run("consumer", consume())
	b.Run("floor", func(b *testing.B) {
		q, client := filled(b)
		b.ReportAllocs()
		b.ResetTimer()
		ctx, cancel := context.WithCancel(context.Background())
		var all sync.WaitGroup
		for range 10 {
			all.Go(func() {
				for ctx.Err() == nil {
					out, err := client.ReceiveMessage(ctx, &awssqs.ReceiveMessageInput{QueueUrl: &q.url, MaxNumberOfMessages: 10, WaitTimeSeconds: 20, VisibilityTimeout: 60})
					if err != nil || len(out.Messages) == 0 {
						continue
					}
					entries := make([]types.DeleteMessageBatchRequestEntry, len(out.Messages))
					for i := range out.Messages {
						entries[i] = types.DeleteMessageBatchRequestEntry{Id: aws.String(string(rune('0' + i))), ReceiptHandle: out.Messages[i].ReceiptHandle}
					}
					if _, err := client.DeleteMessageBatch(ctx, &awssqs.DeleteMessageBatchInput{QueueUrl: &q.url, Entries: entries}); err != nil && ctx.Err() == nil {
						b.Error(err)
					}
				}
			})
		}
		<-q.emptied
		b.StopTimer()
		cancel()
		all.Wait()
		rate(b, q)
	})
}
