package emulator

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	"github.com/aws/aws-sdk-go-v2/service/sqs/types"
	"github.com/aws/smithy-go"

	"github.com/openspapi/spapi/internal/npmtest"
)

// What a queue of SQS must do, as AWS's client sees it: the emulator's, and npm local-aws-sqs, which others wrote.

// queueScene is what the steps of a table share.
type queueScene struct {
	context.Context
	client      *sqs.Client
	orders, old *string // a queue's URL; a receipt handle that is no good any more
	got         []types.Message
	peer        bool
}

func (s *queueScene) send(body string) error {
	_, err := s.client.SendMessage(s, &sqs.SendMessageInput{QueueUrl: s.orders, MessageBody: &body})
	return err
}

// receive receives messages and wants these bodies, in any order.
func (s *queueScene) receive(most, hidden int32, want ...string) error {
	s.got = nil
	for i := 0; len(s.got) < len(want) || i == 0; i++ {
		out, err := s.client.ReceiveMessage(s, &sqs.ReceiveMessageInput{QueueUrl: s.orders, MaxNumberOfMessages: most, VisibilityTimeout: hidden,
			AttributeNames:        []types.QueueAttributeName{"All"}, //nolint:staticcheck // the only name that local-aws-sqs knows
			MessageAttributeNames: []string{"All"}, MessageSystemAttributeNames: []types.MessageSystemAttributeName{"All"}})
		if err != nil {
			return err
		}
		if s.got = append(s.got, out.Messages...); i > len(want) {
			break
		}
	}
	var bodies []string
	for _, m := range s.got {
		bodies = append(bodies, *m.Body)
	}
	if len(bodies) != len(want) || len(want) > 0 && !sameTexts(bodies, want) {
		return fmt.Errorf("got %q, want %q", bodies, want)
	}
	return nil
}

func sameTexts(a, b []string) bool {
	count := map[string]int{}
	for i := range a {
		count[a[i]]++
		count[b[i]]--
	}
	for _, n := range count {
		if n != 0 {
			return false
		}
	}
	return true
}

func (s *queueScene) attribute(name string) (string, error) {
	out, err := s.client.GetQueueAttributes(s, &sqs.GetQueueAttributesInput{QueueUrl: s.orders, AttributeNames: []types.QueueAttributeName{types.QueueAttributeName(name)}})
	if err != nil {
		return "", err
	}
	return out.Attributes[name], nil
}

func (s *queueScene) wantAttribute(name, want string) error {
	got, err := s.attribute(name)
	if err == nil && got != want {
		err = fmt.Errorf("%s is %q, want %q", name, got, want)
	}
	return err
}

func entries(n int, id func(i int) string) (list []types.DeleteMessageBatchRequestEntry) {
	for i := range n {
		list = append(list, types.DeleteMessageBatchRequestEntry{Id: aws.String(id(i)), ReceiptHandle: aws.String("x")})
	}
	return list
}

// localDiffers has the steps that local-aws-sqs 2.0.2 takes otherwise: with another error, or, where that is "-", not at all.
var localDiffers = map[string]string{
	"create with a wrong attribute":                    "InvalidParameterValue",
	"a message with a character that SQS doesn't take": "-", // takes it
	"a batch that fails in part":                       "-", // likewise
	"visibility of what isn't hidden":                  "-", // hides it
	"delete by an older handle":                        "-", // deletes
	"visibility beyond 12 hours in all":                "-", // takes it
	"visibility of what is gone":                       "ReceiptHandleIsInvalid",
}

// queueSteps are in order. Code is the error's, "" for none.
var queueSteps = []struct {
	name string
	do   func(s *queueScene) error
	code string
}{
	{"unknown queue", func(s *queueScene) error {
		_, err := s.client.GetQueueUrl(s, &sqs.GetQueueUrlInput{QueueName: aws.String("nowhere")})
		return err
	}, "AWS.SimpleQueueService.NonExistentQueue"},
	{"send to an unknown queue", func(s *queueScene) error {
		_, err := s.client.SendMessage(s, &sqs.SendMessageInput{QueueUrl: aws.String(*s.orders + "x"), MessageBody: aws.String("x")})
		return err
	}, "AWS.SimpleQueueService.NonExistentQueue"},
	{"URL by name", func(s *queueScene) error {
		out, err := s.client.GetQueueUrl(s, &sqs.GetQueueUrlInput{QueueName: aws.String("orders")})
		if err == nil && *out.QueueUrl != *s.orders {
			err = fmt.Errorf("%s, want %s", *out.QueueUrl, *s.orders)
		}
		return err
	}, ""},
	{"create", func(s *queueScene) error {
		out, err := s.client.CreateQueue(s, &sqs.CreateQueueInput{QueueName: aws.String("made"), Attributes: map[string]string{"VisibilityTimeout": "45"}})
		if err == nil && !strings.HasSuffix(*out.QueueUrl, "/made") {
			err = errors.New(*out.QueueUrl)
		}
		return err
	}, ""},
	{"create again", func(s *queueScene) error {
		_, err := s.client.CreateQueue(s, &sqs.CreateQueueInput{QueueName: aws.String("made"), Attributes: map[string]string{"VisibilityTimeout": "45"}})
		return err
	}, ""},
	{"create another", func(s *queueScene) error {
		_, err := s.client.CreateQueue(s, &sqs.CreateQueueInput{QueueName: aws.String("made"), Attributes: map[string]string{"VisibilityTimeout": "46"}})
		return err
	}, "QueueAlreadyExists"},
	{"create with a wrong name", func(s *queueScene) error {
		_, err := s.client.CreateQueue(s, &sqs.CreateQueueInput{QueueName: aws.String("a b")})
		return err
	}, "InvalidParameterValue"},
	{"create with a wrong attribute", func(s *queueScene) error {
		_, err := s.client.CreateQueue(s, &sqs.CreateQueueInput{QueueName: aws.String("wrong"), Attributes: map[string]string{"VisibilityTimeout": "43201"}})
		return err
	}, "InvalidAttributeValue"},
	{"create with an unknown attribute", func(s *queueScene) error {
		_, err := s.client.CreateQueue(s, &sqs.CreateQueueInput{QueueName: aws.String("wrong"), Attributes: map[string]string{"Colour": "red"}})
		return err
	}, "InvalidAttributeName"},
	{"list", func(s *queueScene) error {
		out, err := s.client.ListQueues(s, &sqs.ListQueuesInput{QueueNamePrefix: aws.String("mad")})
		if err == nil && (len(out.QueueUrls) != 1 || !strings.HasSuffix(out.QueueUrls[0], "/made")) {
			err = fmt.Errorf("%q", out.QueueUrls)
		}
		return err
	}, ""},
	{"delete the queue", func(s *queueScene) error {
		_, err := s.client.DeleteQueue(s, &sqs.DeleteQueueInput{QueueUrl: aws.String(strings.Replace(*s.orders, "orders", "made", 1))})
		return err
	}, ""},
	{"create what has just been deleted", func(s *queueScene) error {
		_, err := s.client.CreateQueue(s, &sqs.CreateQueueInput{QueueName: aws.String("made")})
		return err
	}, "AWS.SimpleQueueService.QueueDeletedRecently"},
	{"the ARN", func(s *queueScene) error {
		arn, err := s.attribute("QueueArn")
		if err == nil && !strings.HasSuffix(arn, ":orders") {
			err = errors.New(arn)
		}
		return err
	}, ""},
	{"unknown attribute", func(s *queueScene) error {
		_, err := s.attribute("Colour")
		return err
	}, "InvalidAttributeName"},
	{"set an attribute", func(s *queueScene) error {
		if _, err := s.client.SetQueueAttributes(s, &sqs.SetQueueAttributesInput{QueueUrl: s.orders, Attributes: map[string]string{"VisibilityTimeout": "20"}}); err != nil {
			return err
		}
		return s.wantAttribute("VisibilityTimeout", "20")
	}, ""},
	{"set a wrong attribute", func(s *queueScene) error {
		_, err := s.client.SetQueueAttributes(s, &sqs.SetQueueAttributesInput{QueueUrl: s.orders, Attributes: map[string]string{"RedrivePolicy": "{}"}})
		return err
	}, "InvalidParameterValue"},
	{"an empty queue", func(s *queueScene) error { return s.receive(10, 30) }, ""},
	{"an empty message", func(s *queueScene) error { return s.send("") }, "MissingParameter"},
	{"a message with a character that SQS doesn't take", func(s *queueScene) error { return s.send("a\x01b") }, "InvalidMessageContents"},
	{"a message that is too large", func(s *queueScene) error { return s.send(strings.Repeat("x", 1<<20+1)) }, "InvalidParameterValue"},
	{"a wrong delay", func(s *queueScene) error {
		_, err := s.client.SendMessage(s, &sqs.SendMessageInput{QueueUrl: s.orders, MessageBody: aws.String("x"), DelaySeconds: 901})
		return err
	}, "InvalidParameterValue"},
	{"send", func(s *queueScene) error { return s.send("{\"a\": \"\\u20ac \U0001F600\"}\r\n\t\u20ac") }, ""},
	{"receive", func(s *queueScene) error {
		err := s.receive(1, 30, "{\"a\": \"\\u20ac \U0001F600\"}\r\n\t\u20ac")
		if err == nil {
			for _, name := range []string{"SenderId", "SentTimestamp", "ApproximateReceiveCount", "ApproximateFirstReceiveTimestamp"} {
				if s.got[0].Attributes[name] == "" {
					err = fmt.Errorf("no attribute %s: %v", name, s.got[0].Attributes)
				}
			}
		}
		return err
	}, ""},
	{"hidden", func(s *queueScene) error { return s.wantAttribute("ApproximateNumberOfMessagesNotVisible", "1") }, ""},
	{"nothing more", func(s *queueScene) error {
		s.old = s.got[0].ReceiptHandle
		return s.receive(1, 30)
	}, ""},
	{"visible at once", func(s *queueScene) error {
		_, err := s.client.ChangeMessageVisibility(s, &sqs.ChangeMessageVisibilityInput{QueueUrl: s.orders, ReceiptHandle: s.old})
		return err
	}, ""},
	{"visibility of what isn't hidden", func(s *queueScene) error {
		_, err := s.client.ChangeMessageVisibility(s, &sqs.ChangeMessageVisibilityInput{QueueUrl: s.orders, ReceiptHandle: s.old, VisibilityTimeout: 10})
		return err
	}, "AWS.SimpleQueueService.MessageNotInflight"},
	{"received again", func(s *queueScene) error {
		err := s.receive(10, 30, "{\"a\": \"\\u20ac \U0001F600\"}\r\n\t\u20ac")
		if err == nil && (*s.got[0].ReceiptHandle == *s.old || !s.peer && s.got[0].Attributes["ApproximateReceiveCount"] != "2") {
			err = fmt.Errorf("handle %s, after %s; count %s", *s.got[0].ReceiptHandle, *s.old, s.got[0].Attributes["ApproximateReceiveCount"])
		}
		return err
	}, ""},
	{"delete by an older handle", func(s *queueScene) error {
		if _, err := s.client.DeleteMessage(s, &sqs.DeleteMessageInput{QueueUrl: s.orders, ReceiptHandle: s.old}); err != nil {
			return err
		}
		return s.wantAttribute("ApproximateNumberOfMessagesNotVisible", "1") // it is there still
	}, ""},
	{"too long a visibility", func(s *queueScene) error {
		_, err := s.client.ChangeMessageVisibility(s, &sqs.ChangeMessageVisibilityInput{QueueUrl: s.orders, ReceiptHandle: s.got[0].ReceiptHandle, VisibilityTimeout: 43_201})
		return err
	}, "InvalidParameterValue"},
	{"visibility beyond 12 hours in all", func(s *queueScene) error {
		_, err := s.client.ChangeMessageVisibility(s, &sqs.ChangeMessageVisibilityInput{QueueUrl: s.orders, ReceiptHandle: s.got[0].ReceiptHandle, VisibilityTimeout: 43_200})
		return err
	}, "InvalidParameterValue"},
	{"garbage for a handle", func(s *queueScene) error {
		_, err := s.client.DeleteMessage(s, &sqs.DeleteMessageInput{QueueUrl: s.orders, ReceiptHandle: aws.String("garbage")})
		return err
	}, "ReceiptHandleIsInvalid"},
	{"delete", func(s *queueScene) error {
		if _, err := s.client.DeleteMessage(s, &sqs.DeleteMessageInput{QueueUrl: s.orders, ReceiptHandle: s.got[0].ReceiptHandle}); err != nil {
			return err
		}
		return s.wantAttribute("ApproximateNumberOfMessagesNotVisible", "0")
	}, ""},
	{"delete again", func(s *queueScene) error {
		_, err := s.client.DeleteMessage(s, &sqs.DeleteMessageInput{QueueUrl: s.orders, ReceiptHandle: s.got[0].ReceiptHandle})
		return err
	}, ""},
	{"visibility of what is gone", func(s *queueScene) error {
		_, err := s.client.ChangeMessageVisibility(s, &sqs.ChangeMessageVisibilityInput{QueueUrl: s.orders, ReceiptHandle: s.got[0].ReceiptHandle, VisibilityTimeout: 10})
		return err
	}, "InvalidParameterValue"},
	{"attributes of a message", func(s *queueScene) error { // whose checksums the client compares
		_, err := s.client.SendMessage(s, &sqs.SendMessageInput{QueueUrl: s.orders, MessageBody: aws.String("with attributes"), MessageAttributes: map[string]types.MessageAttributeValue{
			"Text": {DataType: aws.String("String"), StringValue: aws.String("€")}, "Number": {DataType: aws.String("Number.int"), StringValue: aws.String("7")},
			"Bytes": {DataType: aws.String("Binary"), BinaryValue: []byte{0, 1, 255}}}})
		if err == nil {
			err = s.receive(1, 30, "with attributes")
		}
		if err == nil && (len(s.got[0].MessageAttributes) != 3 || *s.got[0].MessageAttributes["Text"].StringValue != "€" ||
			*s.got[0].MessageAttributes["Number"].DataType != "Number.int" || !bytes.Equal(s.got[0].MessageAttributes["Bytes"].BinaryValue, []byte{0, 1, 255})) {
			err = fmt.Errorf("%v", s.got[0].MessageAttributes)
		}
		if err == nil {
			_, err = s.client.DeleteMessage(s, &sqs.DeleteMessageInput{QueueUrl: s.orders, ReceiptHandle: s.got[0].ReceiptHandle})
		}
		return err
	}, ""},
	{"an attribute without a value", func(s *queueScene) error {
		_, err := s.client.SendMessage(s, &sqs.SendMessageInput{QueueUrl: s.orders, MessageBody: aws.String("x"), MessageAttributes: map[string]types.MessageAttributeValue{
			"Text": {DataType: aws.String("String"), StringValue: aws.String("")}}})
		return err
	}, "InvalidParameterValue"},
	{"an attribute of no type", func(s *queueScene) error {
		_, err := s.client.SendMessage(s, &sqs.SendMessageInput{QueueUrl: s.orders, MessageBody: aws.String("x"), MessageAttributes: map[string]types.MessageAttributeValue{
			"Text": {DataType: aws.String("Colour"), StringValue: aws.String("red")}}})
		return err
	}, "InvalidParameterValue"},
	{"purge", func(s *queueScene) error {
		if _, err := s.client.PurgeQueue(s, &sqs.PurgeQueueInput{QueueUrl: s.orders}); err != nil {
			return err
		}
		if s.peer {
			return nil // it takes its time
		}
		return s.wantAttribute("ApproximateNumberOfMessages", "0")
	}, ""},
	{"purge again", func(s *queueScene) error {
		_, err := s.client.PurgeQueue(s, &sqs.PurgeQueueInput{QueueUrl: s.orders})
		return err
	}, "AWS.SimpleQueueService.PurgeQueueInProgress"},
	{"a batch", func(s *queueScene) error {
		var list []types.SendMessageBatchRequestEntry
		for i, body := range []string{"one", "two", "three"} {
			list = append(list, types.SendMessageBatchRequestEntry{Id: aws.String(fmt.Sprint("m", i)), MessageBody: &body})
		}
		out, err := s.client.SendMessageBatch(s, &sqs.SendMessageBatchInput{QueueUrl: s.orders, Entries: list})
		if err == nil && (len(out.Successful) != 3 || len(out.Failed) != 0) {
			err = fmt.Errorf("%v, failed %v", out.Successful, out.Failed)
		}
		return err
	}, ""},
	{"a batch that fails in part", func(s *queueScene) error {
		out, err := s.client.SendMessageBatch(s, &sqs.SendMessageBatchInput{QueueUrl: s.orders, Entries: []types.SendMessageBatchRequestEntry{
			{Id: aws.String("bad"), MessageBody: aws.String("a\x01b")}, {Id: aws.String("good"), MessageBody: aws.String("four")}}})
		if err == nil && (len(out.Successful) != 1 || len(out.Failed) != 1 || *out.Failed[0].Id != "bad" || *out.Failed[0].Code != "InvalidMessageContents" || !out.Failed[0].SenderFault) {
			err = fmt.Errorf("%v, failed %v", out.Successful, out.Failed)
		}
		return err
	}, ""},
	{"an empty batch", func(s *queueScene) error {
		_, err := s.client.DeleteMessageBatch(s, &sqs.DeleteMessageBatchInput{QueueUrl: s.orders, Entries: []types.DeleteMessageBatchRequestEntry{}})
		return err
	}, "AWS.SimpleQueueService.EmptyBatchRequest"},
	{"a batch of eleven", func(s *queueScene) error {
		_, err := s.client.DeleteMessageBatch(s, &sqs.DeleteMessageBatchInput{QueueUrl: s.orders, Entries: entries(11, func(i int) string { return fmt.Sprint(i) })})
		return err
	}, "AWS.SimpleQueueService.TooManyEntriesInBatchRequest"},
	{"a batch with one id twice", func(s *queueScene) error {
		_, err := s.client.DeleteMessageBatch(s, &sqs.DeleteMessageBatchInput{QueueUrl: s.orders, Entries: entries(2, func(int) string { return "a" })})
		return err
	}, "AWS.SimpleQueueService.BatchEntryIdsNotDistinct"},
	{"a batch with a wrong id", func(s *queueScene) error {
		_, err := s.client.DeleteMessageBatch(s, &sqs.DeleteMessageBatchInput{QueueUrl: s.orders, Entries: entries(1, func(int) string { return "a b" })})
		return err
	}, "AWS.SimpleQueueService.InvalidBatchEntryId"},
	{"a batch that is too long", func(s *queueScene) error {
		half := strings.Repeat("x", 1<<19+1)
		_, err := s.client.SendMessageBatch(s, &sqs.SendMessageBatchInput{QueueUrl: s.orders, Entries: []types.SendMessageBatchRequestEntry{
			{Id: aws.String("a"), MessageBody: &half}, {Id: aws.String("b"), MessageBody: &half}}})
		return err
	}, "AWS.SimpleQueueService.BatchRequestTooLong"},
	{"eleven at once", func(s *queueScene) error { return s.receive(11, 30) }, "InvalidParameterValue"},
	{"too long a wait", func(s *queueScene) error {
		_, err := s.client.ReceiveMessage(s, &sqs.ReceiveMessageInput{QueueUrl: s.orders, WaitTimeSeconds: 21})
		return err
	}, "InvalidParameterValue"},
	{"receive a batch", func(s *queueScene) error {
		want := []string{"one", "two", "three", "four"}
		if s.peer {
			want = want[:3]
		}
		return s.receive(10, 30, want...)
	}, ""},
	{"visibility of a batch", func(s *queueScene) error {
		out, err := s.client.ChangeMessageVisibilityBatch(s, &sqs.ChangeMessageVisibilityBatchInput{QueueUrl: s.orders, Entries: []types.ChangeMessageVisibilityBatchRequestEntry{
			{Id: aws.String("a"), ReceiptHandle: s.got[0].ReceiptHandle, VisibilityTimeout: 600}, {Id: aws.String("b"), ReceiptHandle: aws.String("garbage"), VisibilityTimeout: 600}}})
		if err == nil && (len(out.Successful) != 1 || len(out.Failed) != 1 || *out.Failed[0].Code != "ReceiptHandleIsInvalid") {
			err = fmt.Errorf("%v, failed %v", out.Successful, out.Failed)
		}
		return err
	}, ""},
	{"delete a batch", func(s *queueScene) error {
		var list []types.DeleteMessageBatchRequestEntry
		for i, m := range s.got {
			list = append(list, types.DeleteMessageBatchRequestEntry{Id: aws.String(fmt.Sprint(i)), ReceiptHandle: m.ReceiptHandle})
		}
		out, err := s.client.DeleteMessageBatch(s, &sqs.DeleteMessageBatchInput{QueueUrl: s.orders, Entries: append(list, entries(1, func(int) string { return "z" })...)})
		if err == nil && (len(out.Successful) != len(s.got) || len(out.Failed) != 1 || *out.Failed[0].Id != "z") {
			err = fmt.Errorf("%v, failed %v", out.Successful, out.Failed)
		}
		if err == nil {
			err = s.wantAttribute("ApproximateNumberOfMessagesNotVisible", "0")
		}
		return err
	}, ""},
	{"a delay", func(s *queueScene) error {
		if _, err := s.client.SendMessage(s, &sqs.SendMessageInput{QueueUrl: s.orders, MessageBody: aws.String("later"), DelaySeconds: 900}); err != nil {
			return err
		}
		return s.wantAttribute("ApproximateNumberOfMessagesDelayed", "1")
	}, ""},
	{"tags", func(s *queueScene) error {
		if _, err := s.client.TagQueue(s, &sqs.TagQueueInput{QueueUrl: s.orders, Tags: map[string]string{"a": "1", "b": "2"}}); err != nil {
			return err
		}
		if _, err := s.client.UntagQueue(s, &sqs.UntagQueueInput{QueueUrl: s.orders, TagKeys: []string{"a"}}); err != nil {
			return err
		}
		out, err := s.client.ListQueueTags(s, &sqs.ListQueueTagsInput{QueueUrl: s.orders})
		if err == nil && (len(out.Tags) != 1 || out.Tags["b"] != "2") {
			err = fmt.Errorf("%v", out.Tags)
		}
		return err
	}, ""},
	{"queues with a dead-letter queue", func(s *queueScene) error {
		dead := strings.Replace(*s.orders, "orders", "dead", 1)
		arn, err := s.attribute("QueueArn")
		if err == nil {
			_, err = s.client.SetQueueAttributes(s, &sqs.SetQueueAttributesInput{QueueUrl: s.orders, Attributes: map[string]string{
				"RedrivePolicy": fmt.Sprintf(`{"deadLetterTargetArn":%q,"maxReceiveCount":1}`, strings.Replace(arn, ":orders", ":dead", 1))}})
		}
		if err != nil {
			return err
		}
		out, err := s.client.ListDeadLetterSourceQueues(s, &sqs.ListDeadLetterSourceQueuesInput{QueueUrl: &dead})
		if err == nil && (len(out.QueueUrls) != 1 || out.QueueUrls[0] != *s.orders) {
			err = fmt.Errorf("%q", out.QueueUrls)
		}
		return err
	}, ""},
	{"a dead letter", func(s *queueScene) error {
		if err := s.send("poison"); err != nil {
			return err
		}
		if err := s.receive(1, 30, "poison"); err != nil {
			return err
		}
		if _, err := s.client.ChangeMessageVisibility(s, &sqs.ChangeMessageVisibilityInput{QueueUrl: s.orders, ReceiptHandle: s.got[0].ReceiptHandle}); err != nil {
			return err
		}
		if err := s.receive(1, 30); err != nil {
			return err
		}
		orders := s.orders
		defer func() { s.orders = orders }()
		s.orders = aws.String(strings.Replace(*orders, "orders", "dead", 1))
		err := s.receive(1, 30, "poison")
		if err == nil && !strings.HasSuffix(s.got[0].Attributes["DeadLetterQueueSourceArn"], ":orders") {
			err = fmt.Errorf("%v", s.got[0].Attributes)
		}
		return err
	}, ""},
}

// conform takes the steps, and tells how many were taken.
func conform(t *testing.T, s *queueScene) (taken int) {
	t.Helper()
	for _, step := range queueSteps {
		want := step.code
		if differs, ok := localDiffers[step.name]; ok && s.peer {
			want = differs
		}
		if want == "-" {
			continue
		}
		taken++
		err := step.do(s)
		var api smithy.APIError
		switch {
		case err == nil && want == "":
		case errors.As(err, &api) && api.ErrorCode() == want:
		default:
			t.Errorf("%s: %v, want %q", step.name, err, want)
		}
	}
	return taken
}

func TestQueueConforms(t *testing.T) {
	emu, err := New()
	if err != nil {
		t.Fatal(err)
	}
	server := httptest.NewServer(emu)
	defer server.Close()
	url := emu.URLs(server.URL).SQS
	client := queueClient(url, nil)
	for _, name := range []string{"orders", "dead"} {
		if _, err := client.CreateQueue(t.Context(), &sqs.CreateQueueInput{QueueName: &name}); err != nil {
			t.Fatal(err)
		}
	}
	if n := conform(t, &queueScene{Context: t.Context(), client: client, orders: aws.String(url + "/123456789012/orders")}); n < 50 {
		t.Errorf("%d steps", n)
	}
}

// TestLocalQueueConforms holds the table itself against another SQS.
func TestLocalQueueConforms(t *testing.T) {
	if testing.Short() {
		t.Skip("-short: nothing was run against local-aws-sqs")
	}
	url := npmtest.Start(t, "../interop/local-aws-sqs")
	if n := conform(t, &queueScene{Context: t.Context(), client: queueClient(url, nil), orders: aws.String(url + "/123456789012/orders"), peer: true}); n < 45 {
		t.Errorf("%d steps", n)
	}
}
