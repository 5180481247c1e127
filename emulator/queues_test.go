package emulator

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	"github.com/aws/aws-sdk-go-v2/service/sqs/types"
	"github.com/aws/smithy-go"

	"github.com/openspapi/spapi/emulator/internal/desk"
)

// queueClient is AWS's own client, of a server or, without a URL, of a round tripper at Amazon's hosts.
func queueClient(url string, transport http.RoundTripper) *sqs.Client {
	keys := aws.CredentialsProviderFunc(func(context.Context) (aws.Credentials, error) {
		return aws.Credentials{AccessKeyID: "AKIDEXAMPLE", SecretAccessKey: "secret"}, nil
	})
	o := sqs.Options{Region: "us-east-1", Credentials: keys, HTTPClient: &http.Client{Transport: transport}, RetryMaxAttempts: 1}
	if url != "" {
		o.BaseEndpoint = &url
	}
	return sqs.New(o)
}

func TestQueueBySDK(t *testing.T) {
	emu, err := New()
	if err != nil {
		t.Fatal(err)
	}
	server := httptest.NewServer(emu)
	defer server.Close()
	client := queueClient(emu.URLs(server.URL).SQS, nil)
	made, err := client.CreateQueue(t.Context(), &sqs.CreateQueueInput{QueueName: aws.String("orders")})
	if err != nil {
		t.Fatal(err)
	}
	if want := server.URL + "/sqs/123456789012/orders"; *made.QueueUrl != want {
		t.Errorf("%s, want %s", *made.QueueUrl, want)
	}
	if _, err := client.SendMessage(t.Context(), &sqs.SendMessageInput{QueueUrl: made.QueueUrl, MessageBody: aws.String("a \"body\"\n€")}); err != nil {
		t.Fatal(err)
	}
	got, err := client.ReceiveMessage(t.Context(), &sqs.ReceiveMessageInput{QueueUrl: made.QueueUrl, WaitTimeSeconds: 20})
	if err != nil || len(got.Messages) != 1 || *got.Messages[0].Body != "a \"body\"\n€" {
		t.Fatalf("%v, %v", got, err)
	}
	if _, err := client.DeleteMessage(t.Context(), &sqs.DeleteMessageInput{QueueUrl: made.QueueUrl, ReceiptHandle: got.Messages[0].ReceiptHandle}); err != nil {
		t.Fatal(err)
	}
	got, err = client.ReceiveMessage(t.Context(), &sqs.ReceiveMessageInput{QueueUrl: made.QueueUrl})
	if err != nil || len(got.Messages) != 0 {
		t.Fatalf("%v, %v", got, err)
	}
}

const ordersARN = "arn:aws:sqs:us-east-1:123456789012:orders"

// stall is an emulator with a queue, asked without a connection at Amazon's own hosts.
type stall struct {
	*Emulator
	*sqs.Client
	t   *testing.T
	url string
}

func newStall(t *testing.T, opts ...Option) *stall {
	t.Helper()
	e, err := New(append([]Option{WithSeed(1), WithOrders(0)}, opts...)...)
	if err != nil {
		t.Fatal(err)
	}
	return &stall{Emulator: e, Client: queueClient("", e), t: t, url: "https://sqs.us-east-1.amazonaws.com/123456789012/orders"}
}

// tell sends a notification to the queue and returns its outcome.
func (s *stall) tell(kind, target string, n int) string {
	s.t.Helper()
	s.desk.Outbox.Open(target)
	return s.desk.Outbox.Send(target, desk.Notification{Kind: kind, Version: "1.0", Application: "app", Subscription: "sub", Payload: object{"n": n}}, s.Now()).Outcome
}

// take receives what there is, without waiting, deletes it and returns the bodies.
func (s *stall) take() (bodies []string) {
	s.t.Helper()
	for {
		out, err := s.ReceiveMessage(s.t.Context(), &sqs.ReceiveMessageInput{QueueUrl: &s.url, MaxNumberOfMessages: 10})
		if err != nil {
			s.t.Fatal(err)
		}
		if len(out.Messages) == 0 {
			return bodies
		}
		for _, m := range out.Messages {
			bodies = append(bodies, *m.Body)
			if _, err := s.DeleteMessage(s.t.Context(), &sqs.DeleteMessageInput{QueueUrl: &s.url, ReceiptHandle: m.ReceiptHandle}); err != nil {
				s.t.Fatal(err)
			}
		}
	}
}

// numbers are those of the payloads of messages; -1 stands for what is no notification.
func numbers(bodies []string) (list []int) {
	for _, body := range bodies {
		var n struct {
			NotificationType string
			Payload          struct{ N *int }
		}
		if err := json.Unmarshal([]byte(body), &n); err != nil || n.Payload.N == nil {
			list = append(list, -1)
			continue
		}
		list = append(list, *n.Payload.N)
	}
	return list
}

func TestMessageFaults(t *testing.T) {
	const kind = "ORDER_CHANGE"
	for text, test := range map[string]struct {
		outcome string // of the fifth
		got     []int  // of ten
		late    []int  // after an hour of the emulator's clock, which stands
	}{
		"message-lost,every=5": {outcome: "lost (fault x)", got: []int{0, 1, 2, 3, 5, 6, 7, 8}},
		"message-lost,every=5,limit=1,operation=notifications.ORDER_*":   {outcome: "lost (fault x)", got: []int{0, 1, 2, 3, 5, 6, 7, 8, 9}},
		"message-lost,operation=notifications.PRICING_HEALTH":            {outcome: "delivered", got: []int{0, 1, 2, 3, 4, 5, 6, 7, 8, 9}},
		"message-denied,every=5":                                         {outcome: "dropped: policy: nothing in it lets arn:aws:iam::437568002678:root do sqs:SendMessage (fault x)", got: []int{0, 1, 2, 3, 5, 6, 7, 8}},
		"message-duplicate,every=5,operation=*":                          {outcome: "delivered (fault x)", got: []int{0, 1, 2, 3, 4, 4, 5, 6, 7, 8, 9, 9}},
		"message-late,every=5,burst=2,within=1h":                         {outcome: "late: due 2026-01-15T13:00:00.000Z (fault x)", got: []int{0, 1, 2, 3, 6, 7, 8}, late: []int{4, 5, 9}},
		"message-poison,every=5":                                         {outcome: "delivered (fault x)", got: []int{0, 1, 2, 3, -1, 5, 6, 7, 8, -1}},
		"message-poison,every=5,operation=notifications.*,probability=0": {},
	} {
		f, err := ParseFault(text + ",id=x")
		if test.outcome == "" {
			if err == nil {
				t.Errorf("%s: no error", text)
			}
			continue
		}
		if err != nil {
			t.Fatal(err)
		}
		var sunk []string
		s := newStall(t, WithFixedTime(time.Time{}), WithFault(f), WithNotificationSink(func(_ string, body []byte) { sunk = append(sunk, string(body)) }))
		for n := range 10 {
			if outcome := s.tell(kind, ordersARN, n); n == 4 && outcome != test.outcome {
				t.Errorf("%s: %q, want %q", text, outcome, test.outcome)
			}
		}
		if got := numbers(s.take()); !slices.Equal(got, test.got) {
			t.Errorf("%s: got %v, want %v", text, got, test.got)
		}
		s.Advance(time.Hour)
		s.Deliver()
		if got := numbers(s.take()); !slices.Equal(got, test.late) {
			t.Errorf("%s: an hour later got %v, want %v", text, got, test.late)
		}
		if got, want := numbers(sunk), append(slices.Clone(test.got), test.late...); !slices.Equal(got, want) {
			t.Errorf("%s: the sink got %v, want %v", text, got, want)
		}
		want := len(test.got) + len(test.late)
		if test.outcome[0] == 'l' && test.late == nil || strings.HasPrefix(test.outcome, "dropped") {
			want = 10
		}
		log := s.Deliveries()
		if len(log) != want {
			t.Errorf("%s: %d deliveries, want %d", text, len(log), want)
		}
		for _, d := range log {
			if !json.Valid(d.Body) {
				t.Errorf("%s: a delivery has the body %s", text, d.Body)
			}
		}
	}
}

func TestShuffledMessages(t *testing.T) {
	order := func(seed int64) []int {
		s := newStall(t, WithSeed(seed), WithFault(Fault{Kind: FaultMessageShuffled}), WithFault(Fault{Kind: FaultMessageDuplicate, Probability: 0.2}))
		for n := range 1000 {
			s.tell("ORDER_CHANGE", ordersARN, n)
		}
		return numbers(s.take())
	}
	got := order(1)
	if !slices.Equal(got, order(1)) || slices.Equal(got, order(2)) {
		t.Error("the order doesn't follow from the seed")
	}
	early, seen := 0, map[int]int{}
	for i, n := range got {
		if seen[n]++; i < len(got)/2 && n >= 500 {
			early++
		}
	}
	if len(seen) != 1000 || len(got) < 1150 || len(got) > 1250 {
		t.Errorf("%d messages of %d, want about 1200 of 1000", len(got), len(seen))
	}
	if early < 200 || early > 400 { // half of those in the first half
		t.Errorf("%d of the second half are in the first one: not shuffled", early)
	}
}

// A queue that somebody has made gets what its policy lets Amazon send.
func TestQueuePolicies(t *testing.T) {
	statement := func(members string) string {
		return `{"Version":"2012-10-17","Statement":[` + members + `]}`
	}
	const allow = `{"Sid":"in","Effect":"Allow","Principal":{"AWS":"arn:aws:iam::437568002678:root"},"Action":["sqs:SendMessage","sqs:GetQueueAttributes"],"Resource":"` + ordersARN + `"}`
	for name, test := range map[string]struct {
		attributes map[string]string
		outcome    string // begins so
	}{
		"none":               {nil, "dropped: policy: the queue has none"},
		"Amazon's":           {map[string]string{"Policy": statement(allow)}, "delivered"},
		"account number":     {map[string]string{"Policy": statement(strings.Replace(allow, "arn:aws:iam::437568002678:root", "437568002678", 1))}, "delivered"},
		"a list of accounts": {map[string]string{"Policy": statement(strings.Replace(allow, `"arn:aws:iam::437568002678:root"`, `["111122223333","437568002678"]`, 1))}, "delivered"},
		"everybody":          {map[string]string{"Policy": statement(`{"Effect":"Allow","Principal":"*","Action":"*","Resource":"*"}`)}, "delivered"},
		"one statement":      {map[string]string{"Policy": `{"Statement":` + allow + `}`}, "delivered"},
		"any action of SQS":  {map[string]string{"Policy": statement(`{"Effect":"Allow","Principal":{"AWS":"*"},"Action":"SQS:*","Resource":"arn:aws:sqs:*:*:orders"}`)}, "delivered"},
		"another principal": {map[string]string{"Policy": statement(strings.Replace(allow, "437568002678", "111122223333", 1))},
			"dropped: policy: nothing in it lets arn:aws:iam::437568002678:root do sqs:SendMessage (statement in: its principal is another)"},
		"a role of Amazon's": {map[string]string{"Policy": statement(strings.Replace(allow, ":root", ":role/x", 1))}, "dropped: policy: nothing in it"},
		"another action":     {map[string]string{"Policy": statement(strings.Replace(allow, "sqs:SendMessage", "sqs:ReceiveMessage", 1))}, "dropped: policy: nothing in it lets arn:aws:iam::437568002678:root do sqs:SendMessage (statement in: its action is another)"},
		"another queue":      {map[string]string{"Policy": statement(strings.Replace(allow, ":orders", ":order", 1))}, "dropped: policy: nothing in it lets arn:aws:iam::437568002678:root do sqs:SendMessage (statement in: its resource is another)"},
		"denied":             {map[string]string{"Policy": statement(allow + `,{"Sid":"out","Effect":"Deny","Principal":"*","Action":"sqs:*","Resource":"*"}`)}, "dropped: policy: statement out denies it"},
		"denied but by TLS": {map[string]string{"Policy": statement(allow + `,{"Effect":"Deny","Principal":"*","Action":"sqs:*","Resource":"*","Condition":{"Bool":{"aws:SecureTransport":"false"}}}`)},
			"delivered"},
		"denied to others": {map[string]string{"Policy": statement(allow + `,{"Effect":"Deny","Principal":{"AWS":"111122223333"},"Action":"sqs:*","Resource":"*"}`)}, "delivered"},
		"a condition": {map[string]string{"Policy": statement(strings.Replace(allow, `"Action"`, `"Condition":{"ArnLike":{"aws:SourceArn":"x"}},"Action"`, 1))},
			"dropped: policy: nothing in it lets arn:aws:iam::437568002678:root do sqs:SendMessage (statement in: its condition ArnLike aws:SourceArn can't be decided by the emulator)"},
		"AWS's key":        {map[string]string{"Policy": statement(allow), "KmsMasterKeyId": "alias/aws/sqs"}, "dropped: key: "},
		"a customer's key": {map[string]string{"Policy": statement(allow), "KmsMasterKeyId": "1234abcd-12ab-34cd-56ef-1234567890ab"}, "delivered"},
		"small messages":   {map[string]string{"Policy": statement(allow), "MaximumMessageSize": "1024"}, "delivered"},
	} {
		s := newStall(t)
		if _, err := s.CreateQueue(t.Context(), &sqs.CreateQueueInput{QueueName: aws.String("orders"), Attributes: test.attributes}); err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		if outcome := s.tell("ORDER_CHANGE", ordersARN, 1); !strings.HasPrefix(outcome, test.outcome) {
			t.Errorf("%s: %q, want %q", name, outcome, test.outcome)
		}
		if arrived := len(s.take()) == 1; arrived != strings.HasPrefix(test.outcome, "delivered") {
			t.Errorf("%s: arrived: %t", name, arrived)
		}
	}
	s := newStall(t)
	s.tell("ORDER_CHANGE", ordersARN, 1)
	if got := s.take(); len(got) != 1 {
		t.Errorf("a queue that was made by itself got %q", got)
	}
	if _, err := s.DeleteQueue(t.Context(), &sqs.DeleteQueueInput{QueueUrl: &s.url}); err != nil {
		t.Fatal(err)
	}
	if outcome := s.tell("ORDER_CHANGE", ordersARN, 1); outcome != "dropped: there is no queue "+ordersARN {
		t.Errorf("after it was deleted: %q", outcome)
	}
	if outcome := s.tell("ORDER_CHANGE", "arn:aws:sqs:us-east-1:123456789012:orders.fifo", 1); !strings.HasPrefix(outcome, "dropped: ") {
		t.Errorf("a FIFO queue: %q", outcome)
	}
}

// What goes to EventBridge comes by the rule with a queue for a target that users make.
func TestEventBridgeQueue(t *testing.T) {
	s := newStall(t, WithFixedTime(time.Time{}))
	const source = "arn:aws:events:eu-west-1:111122223333:event-source/aws.partner/sellingpartnerapi.amazon.com/111122223333/amzn1.sp.solution.1"
	if outcome := s.tell("LISTINGS_ITEM_STATUS_CHANGE", source, 7); outcome != "delivered" {
		t.Fatal(outcome)
	}
	s.url = "https://sqs.eu-west-1.amazonaws.com/111122223333/spapi-events"
	got := s.take()
	var event map[string]any
	if len(got) != 1 || json.Unmarshal([]byte(got[0]), &event) != nil {
		t.Fatalf("%q", got)
	}
	for name, want := range map[string]any{"version": "0", "detail-type": "LISTINGS_ITEM_STATUS_CHANGE", "account": "111122223333", "region": "eu-west-1",
		"source": "aws.partner/sellingpartnerapi.amazon.com/111122223333/amzn1.sp.solution.1", "time": "2026-01-15T12:00:00Z"} {
		if event[name] != want {
			t.Errorf("%s is %v, want %v", name, event[name], want)
		}
	}
	if detail, _ := event["detail"].(map[string]any); detail["NotificationType"] != "LISTINGS_ITEM_STATUS_CHANGE" || event["id"] == "" || event["resources"] == nil {
		t.Errorf("%v", event)
	}
	if d := s.Deliveries(); len(d) != 1 || d[0].Queue != source {
		t.Errorf("%v", d)
	}
}

// Times of queues are the base clock's, to the moment.
func TestQueueTimes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStall(t, WithFixedTime(time.Time{}))
		s.tell("ORDER_CHANGE", ordersARN, 1)
		s.take()
		send := func(delay int32) {
			t.Helper()
			if _, err := s.SendMessage(t.Context(), &sqs.SendMessageInput{QueueUrl: &s.url, MessageBody: aws.String("x"), DelaySeconds: delay}); err != nil {
				t.Fatal(err)
			}
		}
		receive := func(hidden, wait int32) []types.Message {
			t.Helper()
			out, err := s.ReceiveMessage(t.Context(), &sqs.ReceiveMessageInput{QueueUrl: &s.url, VisibilityTimeout: hidden, WaitTimeSeconds: wait,
				MessageSystemAttributeNames: []types.MessageSystemAttributeName{"All"}})
			if err != nil {
				t.Fatal(err)
			}
			return out.Messages
		}
		began := time.Now()
		passed := func(what string, want time.Duration) {
			t.Helper()
			if got := time.Since(began); got != want {
				t.Errorf("%s: %s have passed, want %s", what, got, want)
			}
			began = time.Now()
		}
		if got := receive(30, 20); len(got) != 0 {
			t.Errorf("got %v", got)
		}
		passed("a long poll of an empty queue", 20*time.Second)
		send(7)
		s.Advance(time.Hour) // the emulator's clock doesn't count
		if got := receive(5, 20); len(got) != 1 {
			t.Errorf("a delayed message: %v", got)
		}
		passed("a delay", 7*time.Second)
		again := receive(30, 20)
		passed("visibility", 5*time.Second)
		if len(again) != 1 || again[0].Attributes["ApproximateReceiveCount"] != "2" || again[0].Attributes["SentTimestamp"] != fmt.Sprint(began.Add(-12*time.Second).UnixMilli()) ||
			again[0].Attributes["ApproximateFirstReceiveTimestamp"] != fmt.Sprint(began.Add(-5*time.Second).UnixMilli()) {
			t.Fatalf("%v", again)
		}
		if _, err := s.ChangeMessageVisibility(t.Context(), &sqs.ChangeMessageVisibilityInput{QueueUrl: &s.url, ReceiptHandle: again[0].ReceiptHandle, VisibilityTimeout: 43_199}); err != nil {
			t.Error(err)
		}
		time.Sleep(2 * time.Second)
		var api smithy.APIError
		if _, err := s.ChangeMessageVisibility(t.Context(), &sqs.ChangeMessageVisibilityInput{QueueUrl: &s.url, ReceiptHandle: again[0].ReceiptHandle, VisibilityTimeout: 43_199}); !errors.As(err, &api) || api.ErrorCode() != "InvalidParameterValue" {
			t.Errorf("more than 12 hours in all: %v", err)
		}
		// Someone waits, and someone else sends.
		began = time.Now()
		go func() {
			time.Sleep(3 * time.Second)
			send(0)
		}()
		if got := receive(30, 20); len(got) != 1 {
			t.Errorf("got %v", got)
		}
		passed("a message for who waits", 3*time.Second)
		// Four days after it was sent a message is gone, hidden or not.
		send(0)
		time.Sleep(4*24*time.Hour - time.Second)
		if got := receive(1, 0); len(got) != 1 {
			t.Errorf("before its time: %v", got)
		}
		time.Sleep(2 * time.Second)
		if got := receive(1, 0); len(got) != 0 {
			t.Errorf("after its time: %v", got)
		}
		out, err := s.GetQueueAttributes(t.Context(), &sqs.GetQueueAttributesInput{QueueUrl: &s.url, AttributeNames: []types.QueueAttributeName{"All"}})
		if err != nil || out.Attributes["ApproximateNumberOfMessages"] != "0" || out.Attributes["ApproximateNumberOfMessagesNotVisible"] != "0" {
			t.Errorf("%v, %v", out, err)
		}
	})
}

// Who waits for messages is woken by what the emulator's time brings, and holds up nobody.
func TestLongPoll(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStall(t, WithFault(Fault{Kind: FaultMessageLate, Within: 90 * time.Second}))
		s.tell("ORDER_CHANGE", ordersARN, 1)
		began := time.Now()
		type answer struct {
			n   int
			err error
		}
		answers := make(chan answer, 3)
		poll := func(ctx context.Context) {
			out, err := s.ReceiveMessage(ctx, &sqs.ReceiveMessageInput{QueueUrl: &s.url, WaitTimeSeconds: 20})
			if err != nil {
				answers <- answer{0, err}
				return
			}
			answers <- answer{len(out.Messages), nil}
		}
		go poll(t.Context())
		time.Sleep(5 * time.Second)
		s.Advance(80 * time.Second)
		if got := <-answers; got.n != 1 || time.Since(began) < 10*time.Second || time.Since(began) > 11*time.Second {
			t.Errorf("%d messages, %v, after %s: want 1 when the clock has moved on by 90 s, or a second later", got.n, got.err, time.Since(began))
		}
		go poll(t.Context())
		synctest.Wait()
		began = time.Now()
		state, err := s.Export()
		if err != nil || time.Since(began) != 0 {
			t.Errorf("an export took %s, %v", time.Since(began), err)
		}
		if err := s.Import(state); err != nil || time.Since(began) != 0 {
			t.Errorf("an import took %s, %v", time.Since(began), err)
		}
		if got := <-answers; got.n != 0 || got.err != nil {
			t.Errorf("after an import: %v", got)
		}
		go poll(t.Context())
		synctest.Wait()
		began = time.Now()
		s.Reset()
		if got := <-answers; got.n != 0 || got.err != nil || time.Since(began) != 0 {
			t.Errorf("after a reset: %v, %s", got, time.Since(began))
		}
		s.tell("ORDER_CHANGE", ordersARN, 1)
		ctx, cancel := context.WithCancel(t.Context())
		go poll(ctx)
		synctest.Wait()
		cancel()
		if got := <-answers; !errors.Is(got.err, context.Canceled) || time.Since(began) != 0 {
			t.Errorf("after the client has gone: %v, %s", got, time.Since(began))
		}
	})
}

// An emulator that stops to serve answers who waits.
func TestServeEndsLongPolls(t *testing.T) {
	e, err := New(WithOrders(0))
	if err != nil {
		t.Fatal(err)
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	served := make(chan error, 1)
	go func() { served <- e.Serve(ctx, l) }()
	client := queueClient(e.URLs("http://"+l.Addr().String()).SQS, http.DefaultTransport)
	made, err := client.CreateQueue(t.Context(), &sqs.CreateQueueInput{QueueName: aws.String("orders")})
	if err != nil {
		t.Fatal(err)
	}
	polled := make(chan error, 1)
	go func() {
		_, err := client.ReceiveMessage(t.Context(), &sqs.ReceiveMessageInput{QueueUrl: made.QueueUrl, WaitTimeSeconds: 20})
		polled <- err
	}()
	for e.desk.Queues.Waiting() == 0 {
		runtime.Gosched()
	}
	cancel()
	if err := <-polled; err != nil {
		t.Errorf("who waits gets %v", err)
	}
	if err := <-served; err != nil {
		t.Error(err)
	}
}

func TestQueueState(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStall(t, WithFixedTime(time.Time{}), WithFault(Fault{Kind: FaultMessageLate, Within: time.Hour, Every: 5}))
		for n := range 5 { // the last one is late
			s.tell("ORDER_CHANGE", ordersARN, n)
		}
		if _, err := s.CreateQueue(t.Context(), &sqs.CreateQueueInput{QueueName: aws.String("own"), Attributes: map[string]string{"VisibilityTimeout": "77"}, Tags: map[string]string{"a": "b"}}); err != nil {
			t.Fatal(err)
		}
		_, err := s.SendMessage(t.Context(), &sqs.SendMessageInput{QueueUrl: &s.url, MessageBody: aws.String("x"), DelaySeconds: 60,
			MessageAttributes: map[string]types.MessageAttributeValue{"a": {DataType: aws.String("String"), StringValue: aws.String("b")}}})
		if err != nil {
			t.Fatal(err)
		}
		held, err := s.ReceiveMessage(t.Context(), &sqs.ReceiveMessageInput{QueueUrl: &s.url, VisibilityTimeout: 100})
		if err != nil || len(held.Messages) != 1 {
			t.Fatal(held, err)
		}
		export := func(s *stall) string {
			t.Helper()
			state, err := s.Export()
			if err != nil {
				t.Fatal(err)
			}
			text, err := json.Marshal(state)
			if err != nil {
				t.Fatal(err)
			}
			return string(text)
		}
		time.Sleep(10 * time.Second) // which doesn't show
		text := export(s)
		time.Sleep(30 * 24 * time.Hour) // it lies in a file
		other := newStall(t, WithFixedTime(time.Time{}))
		state := new(State)
		if err := json.Unmarshal([]byte(text), state); err != nil {
			t.Fatal(err)
		}
		if err := other.Import(state); err != nil {
			t.Fatal(err)
		}
		if again := export(other); again != text {
			t.Errorf("exported again:\n%s\nwant\n%s", again, text)
		}
		if _, err := other.DeleteMessage(t.Context(), &sqs.DeleteMessageInput{QueueUrl: &other.url, ReceiptHandle: held.Messages[0].ReceiptHandle}); err != nil {
			t.Errorf("with a handle of before: %v", err)
		}
		time.Sleep(59 * time.Second)
		if got := numbers(other.take()); !slices.Equal(got, []int{1, 2, 3}) {
			t.Errorf("got %v", got)
		}
		time.Sleep(time.Second)
		other.Advance(time.Hour)
		other.Deliver()
		if got := numbers(other.take()); !slices.Equal(got, []int{4, -1}) {
			t.Errorf("delayed and late: %v", got)
		}
		other.Reset()
		if _, err := other.ReceiveMessage(t.Context(), &sqs.ReceiveMessageInput{QueueUrl: &other.url}); err == nil {
			t.Error("there is a queue after a reset")
		}
		for old, bad := range map[string]string{
			`"arn":"arn:aws:sqs:us-east-1:123456789012:own"`: `"arn":"arn:aws:sns:us-east-1:123456789012:own"`, `"VisibilityTimeout":"77"`: `"VisibilityTimeout":"-1"`,
			`"hidden":100`: `"hidden":43201`, `"number":2,"body"`: `"number":1,"body"`, `"body":"x"`: `"body":"\u0001"`,
		} {
			broken := new(State)
			if !strings.Contains(text, old) {
				t.Fatalf("no %s in %s", old, text)
			}
			if err := json.Unmarshal([]byte(strings.Replace(text, old, bad, 1)), broken); err != nil {
				t.Fatal(err)
			}
			if err := other.Import(broken); err == nil {
				t.Errorf("with %s: no error", bad)
			}
		}
	})
}

// Requests to queues can go wrong by name, and are no requests of SP-API's.
func TestQueueFaults(t *testing.T) {
	for text, code := range map[string]string{
		"throttle":                         "",
		"throttle,operation=*":             "",
		"throttle,operation=sqs.*":         "RequestThrottled",
		"internal,operation=*.SendMessage": "InternalFailure",
		"unavailable,operation=sqs.*":      "ServiceUnavailable",
		"internal,operation=sqs.Receive*":  "",
	} {
		f, err := ParseFault(text)
		if err != nil {
			t.Fatal(err)
		}
		s := newStall(t)
		s.tell("ORDER_CHANGE", ordersARN, 1)
		if _, err := s.AddFault(f); err != nil {
			t.Fatal(err)
		}
		_, err = s.SendMessage(t.Context(), &sqs.SendMessageInput{QueueUrl: &s.url, MessageBody: aws.String("x")})
		var api smithy.APIError
		if errors.As(err, &api); err == nil && code != "" || err != nil && (api == nil || api.ErrorCode() != code) {
			t.Errorf("%s: %v, want %q", text, err, code)
		}
		if n := len(s.Requests()); n != 0 {
			t.Errorf("%d requests in the log", n)
		}
	}
	for _, text := range []string{"message-lost,operation=sqs.*", "message-lost,operation=ordersv0.*", "message-late", "message-lost,operation=notifications.NOTHING", "throttle,operation=sqs.Nothing"} {
		if _, err := ParseFault(text); err == nil {
			t.Errorf("%s: no error", text)
		}
	}
}

func TestQueueProtocols(t *testing.T) {
	s := newStall(t)
	for name, test := range map[string]struct {
		kind, target, body, want string
	}{
		"query protocol":    {"application/x-www-form-urlencoded", "", "Action=ListQueues&Version=2012-11-05", "SDKs speak since November 2023"},
		"no operation":      {"application/x-amz-json-1.0", "", "{}", "com.amazonaws.sqs#UnknownOperationException"},
		"unknown operation": {"application/x-amz-json-1.0", "AmazonSQS.DoNothing", "{}", "has no operation DoNothing"},
		"no JSON":           {"application/x-amz-json-1.0", "AmazonSQS.ListQueues", "x", "com.amazonaws.sqs#SerializationException"},
		"a wrong type":      {"application/x-amz-json-1.0", "AmazonSQS.ReceiveMessage", `{"MaxNumberOfMessages":"many"}`, "MaxNumberOfMessages is of the wrong type"},
		"no queue":          {"application/x-amz-json-1.0", "AmazonSQS.ReceiveMessage", "{}", "must contain the parameter QueueUrl"},
		"no URL":            {"application/x-amz-json-1.0", "AmazonSQS.ReceiveMessage", `{"QueueUrl":"orders"}`, "com.amazonaws.sqs#InvalidAddress"},
	} {
		r, err := http.NewRequestWithContext(t.Context(), "POST", "http://127.0.0.1:8080/sqs/", strings.NewReader(test.body))
		if err != nil {
			t.Fatal(err)
		}
		r.Header.Set("Content-Type", test.kind)
		if test.target != "" {
			r.Header.Set("X-Amz-Target", test.target)
		}
		resp, err := s.RoundTrip(r)
		if err != nil {
			t.Fatal(err)
		}
		body, err := io.ReadAll(resp.Body)
		if err != nil || resp.StatusCode != http.StatusBadRequest || !strings.Contains(string(body), test.want) {
			t.Errorf("%s: %d %s, want %s", name, resp.StatusCode, body, test.want)
		}
	}
}

// The sink gets messages in order, one at a time, and may ask the emulator meanwhile.
func TestSinkInOrder(t *testing.T) {
	var s *stall
	var got []int
	s = newStall(t, WithNotificationSink(func(_ string, body []byte) {
		s.Deliveries()
		got = append(got, numbers([]string{string(body)})...) // a race, if it were called twice at a time
	}))
	var all sync.WaitGroup
	var mu sync.Mutex
	n := 0
	for range 4 {
		all.Go(func() {
			for range 50 {
				mu.Lock()
				s.tell("ORDER_CHANGE", ordersARN, n)
				n++
				mu.Unlock()
				s.Deliver()
			}
		})
	}
	all.Wait()
	s.Deliver()
	if len(got) != 200 || !slices.IsSorted(got) {
		t.Errorf("%d messages: %v", len(got), got)
	}
}
