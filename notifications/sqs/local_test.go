package sqs_test

import (
	"context"
	"fmt"
	"log/slog"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	awssqs "github.com/aws/aws-sdk-go-v2/service/sqs"
	"github.com/aws/aws-sdk-go-v2/service/sqs/types"

	"github.com/openspapi/spapi/internal/npmtest"
	"github.com/openspapi/spapi/notifications/sqs"
)

// startLocal starts npm local-aws-sqs, an SQS in memory that others wrote, and returns its URL.
func startLocal(t *testing.T) string {
	t.Helper()
	if testing.Short() {
		t.Skip("-short: nothing was run against local-aws-sqs, whose last long poll takes 20 s")
	}
	return npmtest.Start(t, "../../interop/local-aws-sqs")
}

// told is an observer that tells when so many messages are done with.
type told struct {
	observed
	left chan struct{}
}

func (d *told) Message(ctx context.Context, o sqs.Outcome) {
	if o.Result != sqs.ResultFailed {
		d.left <- struct{}{}
	}
	d.observed.Message(ctx, o)
}

func TestLocalSQS(t *testing.T) {
	url := startLocal(t)
	client := dialled(url)
	queue, dead := url+"/123456789012/orders", url+"/123456789012/dead"
	bodies, changes := shuffled()
	bodies = append(bodies, "junk")
	for at := 0; at < len(bodies); at += 10 {
		var entries []types.SendMessageBatchRequestEntry
		for i, body := range bodies[at:min(at+10, len(bodies))] {
			entries = append(entries, types.SendMessageBatchRequestEntry{Id: aws.String(fmt.Sprint(i)), MessageBody: &body})
		}
		out, err := client.SendMessageBatch(t.Context(), &awssqs.SendMessageBatchInput{QueueUrl: &queue, Entries: entries})
		if err != nil || len(out.Failed) > 0 {
			t.Fatalf("send: %v, %d failed", err, len(out.Failed))
		}
	}
	l, o := newLedger(), &told{left: make(chan struct{}, len(bodies))}
	c, err := sqs.New(client, queue, l.handle, sqs.WithDeadLetters(dead), sqs.WithObserver(o), sqs.WithWorkers(20), sqs.WithLogger(slog.New(slog.DiscardHandler)))
	if err != nil {
		t.Fatal(err)
	}
	began := time.Now()
	stop := running(c)
	var most time.Duration // of them, all but one in a hundred: it answers a long poll only when it has as many as were asked for, or at the end of the wait
	for i := range bodies {
		if i == len(bodies)*99/100 {
			most = time.Since(began)
		}
		select {
		case <-o.left:
		case <-time.After(time.Minute):
			t.Fatalf("nothing more comes: %+v", c.Stats())
		}
	}
	if err := stop(); err != nil {
		t.Error(err)
	}
	l.check(t)
	s := c.Stats()
	t.Logf("99 %% of %d messages in %s, %.0f a second: %+v", len(bodies), most.Round(time.Millisecond), .99*float64(len(bodies))/most.Seconds(), s)
	if len(l.calls) != changes || s.Poison != 1 {
		t.Errorf("%d of %d handled, %d poison", len(l.calls), changes, s.Poison)
	}
	if len(o.troubles) > 0 {
		t.Errorf("trouble: %s: %v", o.troubles[0].What, o.troubles[0].Err)
	}
	attributes, err := client.GetQueueAttributes(t.Context(), &awssqs.GetQueueAttributesInput{QueueUrl: &queue, AttributeNames: []types.QueueAttributeName{"All"}})
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible"} {
		if n := attributes.Attributes[name]; n != "0" {
			t.Errorf("%s is %s, want 0", name, n)
		}
	}
	out, err := client.ReceiveMessage(t.Context(), &awssqs.ReceiveMessageInput{QueueUrl: &dead, MessageAttributeNames: []string{"All"}})
	if err != nil || len(out.Messages) != 1 || *out.Messages[0].Body != "junk" || *out.Messages[0].MessageAttributes["SpapiReason"].StringValue != "unreadable" {
		t.Errorf("the dead-letter queue has %v, %v", out, err)
	}
}
