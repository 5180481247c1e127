package sqs_test

import (
	"context"
	"crypto/md5"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	awssqs "github.com/aws/aws-sdk-go-v2/service/sqs"
	"github.com/aws/aws-sdk-go-v2/service/sqs/types"
	"github.com/aws/smithy-go"
)

// queue is a standard queue: at least once, in no order, ten at a time, hidden while in flight, with a new receipt handle for each receipt. It is an
// sqs.Client, and an http.Handler that speaks AWS's JSON protocol.
type queue struct {
	url string

	mu       sync.Mutex
	rng      *rand.Rand
	messages map[string]*stored
	ready    []string           // ids of those that are visible
	flying   map[string]*stored // the others
	arrived  chan struct{}
	emptied  chan struct{} // one when the last message is deleted
	next     int

	redrive    string                       // RedrivePolicy
	twice      float64                      // how likely a message is given out though it is in flight
	refuse     float64                      // how likely an entry of a batch fails
	slow       func(operation string)       // set before the queue is used
	fail       func(operation string) error // before anything is done
	calls      map[string]int
	sent       []*awssqs.SendMessageInput // to another queue
	visibility []int32                    // that messages were given by ChangeMessageVisibilityBatch
}

type awsOption = func(*awssqs.Options)

type stored struct {
	id, body   string
	sent       time.Time
	visible    time.Time
	receives   int
	receipt    string
	receivedAt time.Time
}

func newQueue(url string) *queue {
	return &queue{url: url, rng: rand.New(rand.NewPCG(1, 2)), messages: map[string]*stored{}, flying: map[string]*stored{},
		arrived: make(chan struct{}), emptied: make(chan struct{}, 1), calls: map[string]int{}}
}

func (q *queue) put(bodies ...string) {
	q.mu.Lock()
	defer q.mu.Unlock()
	for _, body := range bodies {
		q.next++
		id := fmt.Sprintf("message-%d", q.next)
		q.messages[id] = &stored{id: id, body: body, sent: time.Now()}
		q.ready = append(q.ready, id)
	}
	q.wake()
}

func (q *queue) wake() {
	close(q.arrived)
	q.arrived = make(chan struct{})
}

// left is how many messages there are, and how many of them are hidden.
func (q *queue) left() (all, hidden int) {
	q.mu.Lock()
	defer q.mu.Unlock()
	for _, m := range q.messages {
		if time.Now().Before(m.visible) {
			hidden++
		}
	}
	return len(q.messages), hidden
}

func (q *queue) begin(operation, url string) error {
	if q.slow != nil {
		q.slow(operation)
	}
	q.mu.Lock()
	defer q.mu.Unlock()
	q.calls[operation]++
	if q.fail != nil {
		if err := q.fail(operation); err != nil {
			return err
		}
	}
	if url != q.url && operation != "SendMessage" {
		return &types.QueueDoesNotExist{Message: aws.String("The specified queue does not exist.")}
	}
	return nil
}

func (q *queue) ReceiveMessage(ctx context.Context, in *awssqs.ReceiveMessageInput, _ ...awsOption) (*awssqs.ReceiveMessageOutput, error) {
	if err := q.begin("ReceiveMessage", *in.QueueUrl); err != nil {
		return nil, err
	}
	if in.MaxNumberOfMessages < 1 || in.MaxNumberOfMessages > 10 || in.WaitTimeSeconds < 0 || in.WaitTimeSeconds > 20 || in.VisibilityTimeout > 43200 {
		return nil, &smithy.GenericAPIError{Code: "InvalidParameterValue"}
	}
	end := time.Now().Add(time.Duration(in.WaitTimeSeconds) * time.Second)
	for {
		found, arrived, next := q.take(in)
		if len(found) > 0 || !time.Now().Before(end) {
			return &awssqs.ReceiveMessageOutput{Messages: found}, nil
		}
		if next.IsZero() || next.After(end) {
			next = end
		}
		timer := time.NewTimer(time.Until(next))
		select {
		case <-ctx.Done():
			timer.Stop()
			return nil, ctx.Err()
		case <-arrived:
		case <-timer.C:
		}
		timer.Stop()
	}
}

// take takes what is visible, and tells when more will be.
func (q *queue) take(in *awssqs.ReceiveMessageInput) (found []types.Message, arrived chan struct{}, next time.Time) {
	q.mu.Lock()
	defer q.mu.Unlock()
	now := time.Now()
	var again []string
	for id, m := range q.flying {
		switch {
		case !now.Before(m.visible):
			delete(q.flying, id)
			q.ready = append(q.ready, id)
		case q.twice > 0 && q.rng.Float64() < q.twice:
			again = append(again, id)
		case next.IsZero() || m.visible.Before(next):
			next = m.visible
		}
	}
	for len(found) < int(in.MaxNumberOfMessages) && len(q.ready)+len(again) > 0 {
		from := &q.ready
		if len(q.ready) == 0 {
			from = &again
		}
		m := q.messages[(*from)[0]]
		*from = (*from)[1:]
		if m == nil {
			continue
		}
		q.next++
		m.receives++
		m.receipt = "receipt-" + m.id + "-" + strconv.Itoa(q.next)
		m.receivedAt, m.visible = now, now.Add(time.Duration(in.VisibilityTimeout)*time.Second)
		q.flying[m.id] = m
		sum := md5.Sum([]byte(m.body))
		found = append(found, types.Message{MessageId: aws.String(m.id), Body: aws.String(m.body), ReceiptHandle: aws.String(m.receipt),
			MD5OfBody: aws.String(hex.EncodeToString(sum[:])), Attributes: map[string]string{
				"ApproximateReceiveCount": strconv.Itoa(m.receives), "SentTimestamp": strconv.FormatInt(m.sent.UnixMilli(), 10)}})
	}
	return found, q.arrived, next
}

// each does an entry of a batch.
func (q *queue) each(receipt string, do func(m *stored) *types.BatchResultErrorEntry) *types.BatchResultErrorEntry {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.refuse > 0 && q.rng.Float64() < q.refuse {
		return &types.BatchResultErrorEntry{Code: aws.String("InternalError"), Message: aws.String("receipt " + receipt)}
	}
	id := strings.TrimPrefix(receipt, "receipt-")
	m := q.messages[id[:max(strings.LastIndexByte(id, '-'), 0)]]
	if m != nil && m.receipt != receipt { // of an older receipt
		m = nil
	}
	return do(m)
}

func (q *queue) DeleteMessageBatch(_ context.Context, in *awssqs.DeleteMessageBatchInput, _ ...awsOption) (*awssqs.DeleteMessageBatchOutput, error) {
	if err := q.begin("DeleteMessageBatch", *in.QueueUrl); err != nil {
		return nil, err
	}
	if len(in.Entries) < 1 || len(in.Entries) > 10 {
		return nil, &types.TooManyEntriesInBatchRequest{}
	}
	out := &awssqs.DeleteMessageBatchOutput{Failed: []types.BatchResultErrorEntry{}, Successful: []types.DeleteMessageBatchResultEntry{}}
	for _, e := range in.Entries {
		failure := q.each(*e.ReceiptHandle, func(m *stored) *types.BatchResultErrorEntry {
			if m != nil {
				delete(q.messages, m.id)
				delete(q.flying, m.id)
				if len(q.messages) == 0 {
					select {
					case q.emptied <- struct{}{}:
					default:
					}
				}
			}
			return nil
		})
		if failure != nil {
			failure.Id = e.Id
			out.Failed = append(out.Failed, *failure)
		} else {
			out.Successful = append(out.Successful, types.DeleteMessageBatchResultEntry{Id: e.Id})
		}
	}
	return out, nil
}

func (q *queue) ChangeMessageVisibilityBatch(
	_ context.Context, in *awssqs.ChangeMessageVisibilityBatchInput, _ ...awsOption,
) (*awssqs.ChangeMessageVisibilityBatchOutput, error) {
	if err := q.begin("ChangeMessageVisibilityBatch", *in.QueueUrl); err != nil {
		return nil, err
	}
	if len(in.Entries) < 1 || len(in.Entries) > 10 {
		return nil, &types.TooManyEntriesInBatchRequest{}
	}
	out := &awssqs.ChangeMessageVisibilityBatchOutput{Failed: []types.BatchResultErrorEntry{}, Successful: []types.ChangeMessageVisibilityBatchResultEntry{}}
	for _, e := range in.Entries {
		failure := q.each(*e.ReceiptHandle, func(m *stored) *types.BatchResultErrorEntry {
			now := time.Now()
			if m == nil || !now.Before(m.visible) {
				return &types.BatchResultErrorEntry{Code: aws.String("MessageNotInflight"), SenderFault: true}
			}
			visible := now.Add(time.Duration(e.VisibilityTimeout) * time.Second)
			if visible.After(m.receivedAt.Add(12 * time.Hour)) {
				return &types.BatchResultErrorEntry{Code: aws.String("InvalidParameterValue"), SenderFault: true}
			}
			m.visible = visible
			q.visibility = append(q.visibility, e.VisibilityTimeout)
			return nil
		})
		if failure != nil {
			failure.Id = e.Id
			out.Failed = append(out.Failed, *failure)
		} else {
			out.Successful = append(out.Successful, types.ChangeMessageVisibilityBatchResultEntry{Id: e.Id})
		}
	}
	q.mu.Lock()
	q.wake()
	q.mu.Unlock()
	return out, nil
}

func (q *queue) SendMessage(_ context.Context, in *awssqs.SendMessageInput, _ ...awsOption) (*awssqs.SendMessageOutput, error) {
	if err := q.begin("SendMessage", *in.QueueUrl); err != nil {
		return nil, err
	}
	for name, a := range in.MessageAttributes {
		if a.DataType == nil || aws.ToString(a.StringValue) == "" {
			return nil, &smithy.GenericAPIError{Code: "InvalidParameterValue", Message: "attribute " + name}
		}
	}
	if *in.QueueUrl == q.url {
		q.put(*in.MessageBody)
	} else {
		q.mu.Lock()
		q.sent = append(q.sent, in)
		q.mu.Unlock()
	}
	sum := md5.Sum([]byte(*in.MessageBody))
	return &awssqs.SendMessageOutput{MessageId: aws.String("sent"), MD5OfMessageBody: aws.String(hex.EncodeToString(sum[:]))}, nil
}

func (q *queue) GetQueueAttributes(_ context.Context, in *awssqs.GetQueueAttributesInput, _ ...awsOption) (*awssqs.GetQueueAttributesOutput, error) {
	if err := q.begin("GetQueueAttributes", *in.QueueUrl); err != nil {
		return nil, err
	}
	out := &awssqs.GetQueueAttributesOutput{Attributes: map[string]string{}}
	if q.redrive != "" {
		out.Attributes["RedrivePolicy"] = q.redrive
	}
	return out, nil
}

// ServeHTTP speaks AWS's JSON protocol, whose names are those of the SDK's types.
func (q *queue) ServeHTTP(w http.ResponseWriter, req *http.Request) {
	body, err := io.ReadAll(req.Body)
	if err != nil {
		return
	}
	var out any
	switch _, operation, _ := strings.Cut(req.Header.Get("X-Amz-Target"), "AmazonSQS."); operation {
	case "ReceiveMessage":
		out, err = call(req.Context(), body, q.ReceiveMessage)
	case "DeleteMessageBatch":
		out, err = call(req.Context(), body, q.DeleteMessageBatch)
	case "ChangeMessageVisibilityBatch":
		out, err = call(req.Context(), body, q.ChangeMessageVisibilityBatch)
	case "SendMessage":
		out, err = call(req.Context(), body, q.SendMessage)
	case "GetQueueAttributes":
		out, err = call(req.Context(), body, q.GetQueueAttributes)
	default:
		err = &smithy.GenericAPIError{Code: "UnknownOperationException"}
	}
	w.Header().Set("Content-Type", "application/x-amz-json-1.0")
	var api smithy.APIError
	if errors.As(err, &api) {
		w.WriteHeader(http.StatusBadRequest)
		out = map[string]string{"__type": "com.amazonaws.sqs#" + api.ErrorCode(), "message": api.ErrorMessage()}
	} else if err != nil {
		w.WriteHeader(http.StatusInternalServerError)
		return
	}
	_ = json.NewEncoder(w).Encode(out)
}

func call[I, O any](ctx context.Context, body []byte, f func(context.Context, *I, ...func(*awssqs.Options)) (*O, error)) (any, error) {
	in := new(I)
	if err := json.Unmarshal(body, in); err != nil {
		return nil, &smithy.GenericAPIError{Code: "SerializationException"}
	}
	out, err := f(ctx, in)
	if err != nil {
		return nil, err
	}
	return out, nil
}
