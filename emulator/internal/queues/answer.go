package queues

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"time"
)

// Path is where the service is on a port; below it are the URLs of queues.
const Path = "/sqs"

// target is how the JSON protocol begins the names of SQS's operations, in the header X-Amz-Target.
const target = "AmazonSQS."

// Request is one to the service.
type Request struct {
	Header http.Header
	Body   []byte
	Region string // of the host; "": what the request is signed for tells
	Base   string // where queues' URLs begin: "http://127.0.0.1:8080/sqs"
}

// Response is what is answered: JSON, and of errors the name that older SDKs know them by.
type Response struct {
	Status     int
	Type       string // of the body; "" for AWS's JSON
	Body       []byte
	QueryError string // "AWS.SimpleQueueService.NonExistentQueue;Sender"
	Reason     string // why it was refused; "" for a success
}

// Operation names what a request asks for: "sqs.ReceiveMessage"; "sqs" where that can't be told.
func Operation(h http.Header) string {
	if name, ok := strings.CutPrefix(h.Get("X-Amz-Target"), target); ok && operations()[name] != nil {
		return "sqs." + name
	}
	return "sqs"
}

// Operations are the names of all that is answered.
func Operations() []string { return sortedKeys(operations()) }

// call is one request on its way.
type call struct {
	*Service
	ctx    context.Context
	region string
	base   string
}

// operation answers one operation, which reads its own input.
type operation func(c *call, input []byte) ([]byte, *failure)

var operations = sync.OnceValue(func() map[string]operation {
	return map[string]operation{
		"CreateQueue":                  with(createQueue),
		"GetQueueUrl":                  with(getQueueURL),
		"ListQueues":                   with(listQueues),
		"GetQueueAttributes":           with(getQueueAttributes),
		"SetQueueAttributes":           with(setQueueAttributes),
		"DeleteQueue":                  with(deleteQueue),
		"PurgeQueue":                   with(purgeQueue),
		"SendMessage":                  with(sendMessage),
		"SendMessageBatch":             with(sendMessageBatch),
		"ReceiveMessage":               with(receiveMessage),
		"DeleteMessage":                with(deleteMessage),
		"DeleteMessageBatch":           with(deleteMessageBatch),
		"ChangeMessageVisibility":      with(changeMessageVisibility),
		"ChangeMessageVisibilityBatch": with(changeMessageVisibilityBatch),
		"ListDeadLetterSourceQueues":   with(listDeadLetterSourceQueues),
		"StartMessageMoveTask":         with(startMessageMoveTask),
		"ListQueueTags":                with(listQueueTags),
		"TagQueue":                     with(tagQueue),
		"UntagQueue":                   with(untagQueue),
	}
})

// with reads an operation's input.
func with[I any](do func(c *call, in *I) ([]byte, *failure)) operation {
	return func(c *call, input []byte) ([]byte, *failure) {
		in := new(I)
		if len(input) > 0 {
			if err := json.Unmarshal(input, in); err != nil {
				var other *json.UnmarshalTypeError
				var encoding base64.CorruptInputError
				switch {
				case errors.As(err, &other) && other.Field != "":
					return nil, fail(serialization, "%s is of the wrong type, %s.", other.Field[strings.LastIndexByte(other.Field, '.')+1:], other.Value)
				case errors.As(err, &encoding):
					return nil, fail(serialization, "A BinaryValue is no base64.")
				}
				return nil, fail(serialization, "The body is no JSON object.")
			}
		}
		return do(c, in)
	}
}

// Answer answers a request. It returns when ctx is done, whatever is waited for.
func (s *Service) Answer(ctx context.Context, r Request) Response {
	name, ok := strings.CutPrefix(r.Header.Get("X-Amz-Target"), target)
	switch {
	case !ok && strings.HasPrefix(r.Header.Get("Content-Type"), "application/x-www-form-urlencoded"):
		return queryProtocol()
	case !ok:
		return fail(unknownOperation, "The header X-Amz-Target names no operation of SQS: want one such as AmazonSQS.ReceiveMessage.").response()
	case operations()[name] == nil:
		return fail(unknownOperation, "The emulator's SQS has no operation %s: want one of %s.", name, strings.Join(Operations(), ", ")).response()
	}
	c := &call{Service: s, ctx: ctx, region: r.Region, base: r.Base}
	if c.region == "" {
		c.region = signedFor(r.Header.Get("Authorization"))
	}
	body, err := operations()[name](c, r.Body)
	if err != nil {
		return err.response()
	}
	return Response{Status: http.StatusOK, Body: body}
}

// queryProtocol refuses the protocol that SDKs of before November 2023 speak, in the form that they read.
func queryProtocol() Response {
	const text = "The emulator's SQS speaks AWS's JSON protocol, which SDKs speak since November 2023 (boto3 1.28.82, JavaScript 3.447, Java 2.21.16, Go sqs 1.28): update the SDK."
	return Response{Status: http.StatusBadRequest, Type: "text/xml", Reason: "sqs: query protocol",
		Body: []byte(`<?xml version="1.0"?><ErrorResponse xmlns="http://queue.amazonaws.com/doc/2012-11-05/"><Error><Type>Sender</Type><Code>InvalidAction</Code><Message>` +
			text + `</Message><Detail/></Error><RequestId/></ErrorResponse>` + "\n")}
}

// signedFor is the region that a request is signed for: Credential=AKID/20260101/us-east-1/sqs/aws4_request. Where that can't be told, it is AWS's first.
func signedFor(authorization string) string {
	_, scope, _ := strings.Cut(authorization, "Credential=")
	scope, _, _ = strings.Cut(scope, ",")
	if parts := strings.Split(scope, "/"); len(parts) == 5 && parts[2] != "" {
		return parts[2]
	}
	return "us-east-1"
}

func (c *call) urlOf(q *queue) string {
	return c.base + "/" + q.name.Account + "/" + q.name.Name
}

// do runs f while the queue of a URL is held.
func (c *call) do(queueURL *string, f func(q *queue, now time.Time) *failure) (err *failure) {
	if queueURL == nil || *queueURL == "" {
		return fail(missingParameter, "The request must contain the parameter QueueUrl.")
	}
	u, bad := url.Parse(*queueURL)
	var parts []string
	if bad == nil {
		parts = strings.Split(strings.Trim(u.Path, "/"), "/")
	}
	if len(parts) < 2 {
		return fail(invalidAddress, "The address %q is not valid for this endpoint: want one such as %s/%s/orders.", *queueURL, c.base, c.Account)
	}
	c.Beside(func() {
		c.mu.Lock()
		defer c.mu.Unlock()
		q := c.find(c.region, parts[len(parts)-2], parts[len(parts)-1])
		if q == nil {
			err = noQueue()
			return
		}
		err = f(q, c.Now())
	})
	return err
}

func noQueue() *failure { return fail(queueDoesNotExist, "The specified queue does not exist.") }
