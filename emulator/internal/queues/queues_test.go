package queues

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/openspapi/spapi/emulator/internal/random"
)

// clocked is a service whose clock stands still until it is moved.
type clocked struct {
	*Service
	t   *testing.T
	now time.Time
}

func newClocked(t *testing.T) *clocked {
	t.Helper()
	c := &clocked{t: t, now: time.Date(2026, 1, 15, 12, 0, 0, 0, time.UTC)}
	c.Service = &Service{Now: func() time.Time { return c.now }, Seed: &random.Seed{}, Account: "123456789012", Beside: func(f func()) { f() }, Look: func() {}}
	c.Clear()
	return c
}

// ask asks for an operation and returns the answer, or the error's name.
func (c *clocked) ask(operation, input string) (out map[string]any, failed string) {
	c.t.Helper()
	r := c.Answer(context.Background(), Request{Header: http.Header{"X-Amz-Target": {target + operation}}, Body: []byte(input), Region: "us-east-1", Base: "http://h/sqs"})
	if err := json.Unmarshal(r.Body, &out); err != nil {
		c.t.Fatalf("%s: %s: %v", operation, r.Body, err)
	}
	if r.Status != http.StatusOK {
		name, _ := out["__type"].(string)
		failed = strings.TrimPrefix(name, "com.amazonaws.sqs#")
	}
	return out, failed
}

func (c *clocked) must(operation, input string) map[string]any {
	c.t.Helper()
	out, failed := c.ask(operation, input)
	if failed != "" {
		c.t.Fatalf("%s: %v", operation, out)
	}
	return out
}

var ordersName, sender = Name{"us-east-1", "123456789012", "orders"}, Principal{Account: "1"}

const orders = `"QueueUrl":"http://h/sqs/123456789012/orders"`

func TestMemoryIsBounded(t *testing.T) {
	c := newClocked(t)
	c.Ensure(ordersName, sender)
	c.must("SetQueueAttributes", `{`+orders+`,"Attributes":{"MessageRetentionPeriod":"60"}}`)
	body := strings.Repeat("x", 1<<20-1000)
	n := 0
	for ; n < 1000 && c.Send(ordersName, sender, body) == nil; n++ {
	}
	if out, failed := c.ask("SendMessage", `{`+orders+`,"MessageBody":"`+body+`"}`); failed != "OverLimit" {
		t.Errorf("one more: %v", out)
	}
	if most := maxBytes >> 20; n < most-1 || n > most+1 {
		t.Errorf("%d messages of a megabyte, want %d", n, most)
	}
	if err := c.Send(Name{"us-east-1", "123456789012", "other"}, sender, body); err == nil || !strings.Contains(err.Error(), "256 MiB") {
		t.Errorf("to another queue: %v", err)
	}
	c.now = c.now.Add(61 * time.Second) // nobody has received them
	c.must("SendMessage", `{`+orders+`,"MessageBody":"`+body+`"}`)
	c.must("PurgeQueue", `{`+orders+`}`)
	left := c.bytes
	for _, q := range c.queues {
		left -= q.size()
	}
	if left != 0 {
		t.Errorf("%d bytes are left of no message", left)
	}
}

// TestQueuesAreBounded: attributes and tags count against the memory, those of queues that are gone don't, and names of these are not kept without end.
func TestQueuesAreBounded(t *testing.T) {
	c := newClocked(t)
	c.Ensure(ordersName, sender)
	text := strings.Repeat("x", 1<<20)
	before := c.bytes
	for _, way := range []struct{ operation, give, take, takeInput string }{
		{"CreateQueue", `{"QueueName":"n%d","tags":{"a":"` + text + `"}}`, "DeleteQueue", `{"QueueUrl":"http://h/sqs/123456789012/n%d"}`},
		{"TagQueue", `{` + orders + `,"Tags":{"%d":"` + text + `"}}`, "UntagQueue", `{` + orders + `,"TagKeys":["%d"]}`},
		{"SetQueueAttributes", `{"QueueUrl":"http://h/sqs/123456789012/o%d","Attributes":{"KmsMasterKeyId":"` + text + `"}}`,
			"DeleteQueue", `{"QueueUrl":"http://h/sqs/123456789012/o%d"}`},
	} {
		c.bytes = before + maxBytes - 5<<20 // as if there were many
		n := 0
		for ; n < 10; n++ {
			if way.operation == "SetQueueAttributes" {
				c.must("CreateQueue", fmt.Sprintf(`{"QueueName":"o%d"}`, n))
			}
			if out, failed := c.ask(way.operation, strings.Replace(way.give, "%d", fmt.Sprint(n), 1)); failed == "OverLimit" {
				break
			} else if failed != "" {
				t.Fatalf("%s %d: %v", way.operation, n, out)
			}
		}
		if n != 4 {
			t.Errorf("%s: %d megabytes are taken where there is room for not quite 5", way.operation, n)
		}
		for i := range n {
			c.must(way.take, fmt.Sprintf(way.takeInput, i))
		}
		if left := c.bytes - maxBytes + 5<<20; left != before {
			t.Errorf("%s: %d bytes are left, want %d", way.take, left, before)
		}
		c.bytes = before
	}
	for i := range maxQueues {
		c.deleted[Name{"us-east-1", "123456789012", fmt.Sprint("d", i)}] = c.now.Add(time.Duration(i) * time.Second)
	}
	c.now = c.now.Add(24 * time.Hour)
	c.must("DeleteQueue", `{`+orders+`}`)
	first := Name{"us-east-1", "123456789012", "d0"}
	if _, known := c.deleted[first]; len(c.deleted) != maxQueues || known || c.deleted[ordersName].IsZero() {
		t.Errorf("of %d queues that were deleted the first is known: %t, want %d without it", len(c.deleted), known, maxQueues)
	}
}

// TestExpiredAreForgotten: messages that nobody has received are not held when they have expired.
func TestExpiredAreForgotten(t *testing.T) {
	c := newClocked(t)
	c.Ensure(ordersName, sender)
	c.must("SetQueueAttributes", `{`+orders+`,"Attributes":{"MessageRetentionPeriod":"60"}}`)
	for range 10 {
		for range 2000 {
			if err := c.Send(ordersName, sender, "x"); err != nil {
				t.Fatal(err)
			}
		}
		c.now = c.now.Add(61 * time.Second)
		c.must("GetQueueAttributes", `{`+orders+`}`)
	}
	if n := len(c.queues[ordersName].ready.list); n > 5000 {
		t.Errorf("%d messages are held, of which all but 2000 have expired", n)
	}
	for n := range 1500 { // order stays, whatever goes
		if err := c.Send(ordersName, sender, fmt.Sprint(n)); err != nil {
			t.Fatal(err)
		}
	}
	for n := range 1500 {
		list, _ := c.must("ReceiveMessage", `{`+orders+`}`)["Messages"].([]any)
		if len(list) != 1 || list[0].(map[string]any)["Body"] != fmt.Sprint(n) {
			t.Fatalf("%d: %v", n, list)
		}
	}
}

// TestGoneTakeNothing: who has gone when messages are looked for hides none of them from others.
func TestGoneTakeNothing(t *testing.T) {
	c := newClocked(t)
	if err := c.Send(ordersName, sender, "x"); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	c.Answer(ctx, Request{Header: http.Header{"X-Amz-Target": {target + "ReceiveMessage"}}, Body: []byte(`{` + orders + `}`),
		Region: "us-east-1", Base: "http://h/sqs"})
	if c.queues[ordersName].inFlight != 0 {
		t.Error("the message is hidden")
	}
}

// TestWrongTypes: an error names the member as the request has it.
func TestWrongTypes(t *testing.T) {
	c := newClocked(t)
	for input, want := range map[string]string{
		`{"QueueUrl":1}`:                    "QueueUrl is of the wrong type, number.",
		`[]`:                                "The body is no JSON object.",
		`{` + orders + `,"MessageBody":[]}`: "MessageBody is of the wrong type, array.",
		`{` + orders + `,"MessageBody":"x","MessageAttributes":{"a":{"DataType":"Binary","BinaryValue":"!"}}}`: "A BinaryValue is no base64.",
	} {
		if out, failed := c.ask("SendMessage", input); failed != "SerializationException" || out["message"] != want {
			t.Errorf("%s: %v, want %q", input, out, want)
		}
	}
}

func TestInFlight(t *testing.T) {
	c := newClocked(t)
	for range maxInFlight + 1 {
		if err := c.Send(ordersName, sender, "x"); err != nil {
			t.Fatal(err)
		}
	}
	for range maxInFlight / 10 {
		c.must("ReceiveMessage", `{`+orders+`,"MaxNumberOfMessages":10}`)
	}
	if out, failed := c.ask("ReceiveMessage", `{`+orders+`}`); failed != "OverLimit" {
		t.Errorf("one more: %v", out)
	}
	c.now = c.now.Add(30 * time.Second)
	if out := c.must("ReceiveMessage", `{`+orders+`}`); out["Messages"] == nil {
		t.Error("nothing, when all are visible again")
	}
}

func TestDeadLettersMoveBack(t *testing.T) {
	c := newClocked(t)
	c.must("CreateQueue", `{"QueueName":"dead"}`)
	c.must("CreateQueue", `{"QueueName":"orders","Attributes":{"VisibilityTimeout":"0","RedrivePolicy":"{\"deadLetterTargetArn\":\"arn:aws:sqs:us-east-1:123456789012:dead\",\"maxReceiveCount\":\"2\"}"}}`)
	c.must("SendMessage", `{`+orders+`,"MessageBody":"x","MessageAttributes":{"a":{"DataType":"String","StringValue":"b"}},"MessageSystemAttributes":{"AWSTraceHeader":{"DataType":"String","StringValue":"Root=1"}}}`)
	receive := func(queue string) map[string]any {
		t.Helper()
		list, _ := c.must("ReceiveMessage", `{"QueueUrl":"http://h/sqs/123456789012/`+queue+`","MessageSystemAttributeNames":["All"],"MessageAttributeNames":["a*","a"]}`)["Messages"].([]any)
		if len(list) == 0 {
			return nil
		}
		return list[0].(map[string]any)
	}
	first := receive("orders")
	if first == nil || receive("orders") == nil || receive("orders") != nil {
		t.Fatal("want it twice")
	}
	dead := receive("dead")
	attributes, _ := dead["Attributes"].(map[string]any)
	if dead == nil || dead["MessageId"] != first["MessageId"] || dead["MessageAttributes"] == nil || attributes["AWSTraceHeader"] != "Root=1" ||
		attributes["DeadLetterQueueSourceArn"] != "arn:aws:sqs:us-east-1:123456789012:orders" || attributes["ApproximateReceiveCount"] != "3" {
		t.Fatalf("%v", dead)
	}
	if _, failed := c.ask("DeleteMessage", fmt.Sprintf(`{%s,"ReceiptHandle":%q}`, orders, dead["ReceiptHandle"])); failed != "ReceiptHandleIsInvalid" {
		t.Errorf("a handle of another queue: %q", failed)
	}
	c.now = c.now.Add(time.Minute)
	if _, failed := c.ask("StartMessageMoveTask", `{"SourceArn":"arn:aws:sqs:us-east-1:123456789012:orders"}`); failed != "InvalidParameterValueException" {
		t.Errorf("of a queue that has no dead letters: %q", failed)
	}
	if _, failed := c.ask("StartMessageMoveTask", `{"SourceArn":"arn:aws:sqs:us-east-1:123456789012:nothing"}`); failed != "ResourceNotFoundException" {
		t.Errorf("of no queue: %q", failed)
	}
	c.must("StartMessageMoveTask", `{"SourceArn":"arn:aws:sqs:us-east-1:123456789012:dead"}`)
	if again := receive("orders"); again == nil || again["MessageId"] == first["MessageId"] || again["Attributes"].(map[string]any)["ApproximateReceiveCount"] != "1" {
		t.Errorf("%v", again)
	}
	if left := receive("dead"); left != nil {
		t.Errorf("left: %v", left)
	}
	c.must("DeleteQueue", `{"QueueUrl":"http://h/sqs/123456789012/dead"}`)
	for range 5 { // without its dead-letter queue it stays
		if receive("orders") == nil {
			t.Fatal("lost")
		}
	}
}

func TestRegions(t *testing.T) {
	c := newClocked(t)
	for _, arn := range []string{"arn:aws:sqs:eu-west-1:111122223333:q", "arn:aws:sqs:us-west-2:111122223333:q"} {
		n, err := ParseARN(arn)
		if err != nil {
			t.Fatal(err)
		}
		c.Ensure(n, Principal{Account: "1"})
	}
	arn := func(region string) string {
		r := c.Answer(context.Background(), Request{Header: http.Header{"X-Amz-Target": {target + "GetQueueAttributes"},
			"Authorization": {"AWS4-HMAC-SHA256 Credential=AKID/20260115/" + region + "/sqs/aws4_request, SignedHeaders=host, Signature=0"}},
			Body: []byte(`{"QueueUrl":"https://elsewhere/111122223333/q","AttributeNames":["QueueArn"]}`), Base: "http://h/sqs"})
		return string(r.Body)
	}
	for region, want := range map[string]string{"us-west-2": "us-west-2", "eu-west-1": "eu-west-1", "us-east-1": "eu-west-1"} {
		if got := arn(region); !strings.Contains(got, "arn:aws:sqs:"+want+":") {
			t.Errorf("signed for %s: %s", region, got)
		}
	}
	for _, arn := range []string{"", "orders", "arn:aws:sqs:us-east-1:1:a b", "arn:aws:sns:us-east-1:1:q", "arn:aws:sqs::1:q", "arn:aws:sqs:us-east-1:1:" + strings.Repeat("q", 81)} {
		if _, err := ParseARN(arn); err == nil {
			t.Errorf("%q is taken", arn)
		}
	}
}

// Texts are written as encoding/json reads them.
func TestTexts(t *testing.T) {
	for _, text := range []string{"", "a", "\"\\/\n\r\t\x00\x1f\x7f", "€😀\u2028", "a\xffb\xc3", "\xed\xa0\x80"} {
		var got string
		if err := json.Unmarshal(appendText(nil, text), &got); err != nil || got != strings.ToValidUTF8(text, "\uFFFD") && got != string([]rune(text)) {
			t.Errorf("%q became %q, %v", text, got, err)
		}
	}
}
