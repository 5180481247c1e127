package notifications

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	awssqs "github.com/aws/aws-sdk-go-v2/service/sqs"

	"github.com/openspapi/spapi/emulator"
	"github.com/openspapi/spapi/internal/cli/factory"
	"github.com/openspapi/spapi/internal/cli/output"
	"github.com/openspapi/spapi/internal/cli/terminal"
)

// stand is a queue of an emulator and the command beside it.
type stand struct {
	*testing.T

	f        *factory.Factory
	e        *emulated
	q        *opened
	out, err fmt.Stringer
}

func newStand(t *testing.T) *stand {
	t.Helper()
	emu, err := emulator.New(emulator.WithSeed(1), emulator.WithOrders(5), emulator.WithProducts(5))
	if err != nil {
		t.Fatal(err)
	}
	streams, out, messages := terminal.Buffers()
	s := &stand{T: t, f: factory.With(streams, "test", nil), e: &emulated{base: "http://emulator.invalid", http: &http.Client{Transport: emu}}, out: out,
		err: messages}
	s.f.UseEmulator(emu)
	s.q = s.create("orders", nil)
	return s
}

func (s *stand) create(name string, attributes map[string]string) *opened {
	s.Helper()
	q, err := openQueue(s.Context(), s.e, queue{region: "us-east-1", account: "123456789012", name: name})
	if err == nil {
		_, err = q.client.CreateQueue(s.Context(), &awssqs.CreateQueueInput{QueueName: &name, Attributes: attributes})
	}
	if err != nil {
		s.Fatal(err)
	}
	return q
}

func (s *stand) send(body string) {
	s.Helper()
	if _, err := s.q.client.SendMessage(s.Context(), &awssqs.SendMessageInput{QueueUrl: &s.q.url, MessageBody: aws.String(body)}); err != nil {
		s.Fatal(err)
	}
}

// left is how many messages a queue has, seen or not.
func (s *stand) left(q *opened) string {
	s.Helper()
	attributes, err := q.attributesOf(s.Context())
	if err != nil {
		s.Fatal(err)
	}
	return attributes["ApproximateNumberOfMessages"] + "+" + attributes["ApproximateNumberOfMessagesNotVisible"]
}

// change is a message about an order, the nth of it.
func change(order string, n int) string {
	at := time.Now().Add(time.Duration(n) * time.Second).UTC().Format(time.RFC3339)
	return fmt.Sprintf(`{"NotificationVersion":"1.0","NotificationType":"ORDER_CHANGE","PayloadVersion":"1.0","EventTime":%q,`+
		`"Payload":{"OrderChangeNotification":{"NotificationLevel":"OrderLevel","SellerId":"A1","AmazonOrderId":%q,"OrderChangeType":"OrderStatusChange",`+
		`"OrderChangeTrigger":{"TimeOfOrderChange":%q,"ChangeReason":"CANARY-%d"},"Summary":{"OrderStatus":"Unshipped"}}},`+
		`"NotificationMetadata":{"NotificationId":"%s-%d"}}`, at, order, at, n, order, n)
}

// receiver takes what is forwarded, and says what it makes of it.
type receiver struct {
	mu     sync.Mutex
	status func(id string, attempt int) int
	seen   map[string]int
	taken  []string // ids, in the order in which they were answered with 2xx
	busy   map[string]bool
	both   bool // two of a key were there at a time
}

func (r *receiver) RoundTrip(req *http.Request) (*http.Response, error) {
	id := req.Header.Get("webhook-id")
	key, _, _ := strings.Cut(id, "-")
	r.mu.Lock()
	r.both = r.both || r.busy[key]
	r.busy[key] = true
	r.seen[id]++
	attempt := r.seen[id]
	r.mu.Unlock()
	time.Sleep(100 * time.Millisecond) // in the bubble
	r.mu.Lock()
	defer r.mu.Unlock()
	r.busy[key] = false
	status := r.status(id, attempt)
	if status/100 == 2 {
		r.taken = append(r.taken, id)
	}
	return &http.Response{StatusCode: status, Body: io.NopCloser(strings.NewReader("")), Request: req}, nil
}

func (s *stand) listen(ctx context.Context, o *listening, status func(id string, attempt int) int) (*receiver, error) {
	s.Helper()
	o.f = s.f
	var f *forwarder
	r := &receiver{status: status, seen: map[string]int{}, busy: map[string]bool{}}
	if status != nil {
		var err error
		if f, err = newForwarder("http://localhost:3000/hooks"); err != nil {
			s.Fatal(err)
		}
		f.http.Transport, f.again, f.signer = r, s.f.Notef, &signer{make([]byte, 32)}
	}
	return r, o.listen(ctx, s.e, []*opened{s.q}, f, nil)
}

// TestListenForwards: every message gets there in the order of its key though the receiver fails at times, and leaves the queue then.
func TestListenForwards(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStand(t)
		for n := range 10 {
			for _, order := range []string{"a", "b", "c"} {
				s.send(change(order, n))
			}
		}
		r, err := s.listen(t.Context(), &listening{count: 30}, func(id string, attempt int) int {
			if attempt == 1 && strings.HasSuffix(id, "3") || attempt < 4 && strings.HasSuffix(id, "7") {
				return 503
			}
			return 200
		})
		if err != nil {
			t.Fatal(err)
		}
		if r.both {
			t.Error("two messages of one key were on their way at a time")
		}
		for _, order := range []string{"a", "b", "c"} {
			of := slices.DeleteFunc(slices.Clone(r.taken), func(id string) bool { return !strings.HasPrefix(id, order+"-") })
			if len(of) != 10 || !slices.IsSorted(of) {
				t.Errorf("of %s were taken %v", order, of)
			}
		}
		if left := s.left(s.q); left != "0+0" {
			t.Errorf("the queue has %s messages left", left)
		}
		if lines := strings.Count(s.out.String(), "\n"); lines != 30 {
			t.Errorf("%d lines for 30 messages", lines)
		}
		var row struct {
			Type  string
			Posts int
		}
		if err := json.Unmarshal([]byte(s.out.String()[:strings.Index(s.out.String(), "\n")]), &row); err != nil || row.Type != "ORDER_CHANGE" || row.Posts != 1 {
			t.Errorf("the first line: %+v, %v", row, err)
		}
	})
}

// TestListenRefused: what is refused goes back, comes again, and after ten receipts is a dead letter; who answers 410 ends it, with the message in the queue.
func TestListenRefused(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStand(t)
		dead := s.create("dead", nil)
		s.send(change("a", 1))
		s.send("no notification")
		ctx, stop := context.WithCancel(t.Context())
		go func() {
			time.Sleep(24 * time.Hour)
			stop()
		}()
		r, err := s.listen(ctx, &listening{deadLetters: dead.arn()}, func(string, int) int { return 404 })
		if err != nil {
			t.Errorf("Ctrl-C: %v", err)
		}
		if r.seen["a-1"] != 10 || s.left(s.q) != "0+0" || s.left(dead) != "2+0" {
			t.Errorf("posted %d times; %s left, %s dead letters", r.seen["a-1"], s.left(s.q), s.left(dead))
		}
		if text := s.err.String(); !strings.Contains(text, "the receiver answered 404 Not Found; it comes again") || strings.Contains(text, "CANARY") {
			t.Errorf("stderr: %s", text)
		}

		s.send(change("b", 1))
		if _, err = s.listen(t.Context(), &listening{}, func(string, int) int { return 410 }); err == nil || !strings.Contains(err.Error(), "410 Gone") {
			t.Errorf("410: %v", err)
		}
		if left := s.left(s.q); left == "0+0" {
			t.Error("410: the message is gone")
		}
	})
}

// TestListenShows: lines for people have no payload unless they ask for it, and no format has a new client secret, which stays in the queue: it may be the only
// copy.
func TestListenShows(t *testing.T) {
	const rotated = `{"notificationVersion":"1.0","notificationType":"APPLICATION_OAUTH_CLIENT_NEW_SECRET","payloadVersion":"2023-11-30","eventTime":"2026-03-01T00:00:00Z",` +
		`"payload":{"applicationOAuthClientNewSecret":{"clientId":"amzn1.application-oa2-client.1","newClientSecret":"amzn1.oa2-cs.v1.SECRETCANARY","newClientSecretExpiryTime":"2026-09-01T00:00:00Z",` +
		`"oldClientSecretExpiryTime":"2026-03-08T00:00:00Z"}},"notificationMetadata":{"notificationId":"new"}}`
	for _, c := range []struct {
		format  output.Format
		print   bool
		payload bool
	}{{output.Table, false, false}, {output.Table, true, true}, {output.JSON, false, true}, {output.JSONL, false, true}, {output.CSV, false, false},
		{output.YAML, false, true}} {
		synctest.Test(t, func(t *testing.T) {
			s := newStand(t)
			s.f.Flags.Output.Format = c.format
			s.send(rotated)
			s.send(change("a", 1))
			ctx, cancel := context.WithTimeout(t.Context(), 24*time.Hour)
			defer cancel()
			r, err := s.listen(ctx, &listening{print: c.print}, func(string, int) int { return 200 })
			if err != nil && !errors.Is(err, context.DeadlineExceeded) {
				t.Fatal(err)
			}
			out := s.out.String()
			if strings.Contains(out+s.err.String(), "SECRETCANARY") {
				t.Errorf("%s: the secret shows: %s", c.format, out)
			}
			if strings.Contains(out, "CANARY-1") != c.payload || !strings.Contains(out, "ORDER_CHANGE") {
				t.Errorf("%s, --print %t: %s", c.format, c.print, out)
			}
			if len(r.taken) != 1 || r.taken[0] != "a-1" {
				t.Errorf("%s: taken %v", c.format, r.taken)
			}
			time.Sleep(time.Hour) // in the bubble, until what is hidden is visible again
			left, err := s.q.client.ReceiveMessage(t.Context(), &awssqs.ReceiveMessageInput{QueueUrl: &s.q.url})
			if err != nil || len(left.Messages) != 1 || !strings.Contains(*left.Messages[0].Body, "SECRETCANARY") {
				t.Errorf("%s: the secret is gone: %v, %v", c.format, left, err)
			}
			if !strings.Contains(s.err.String(), "a new client secret is neither shown nor passed on; it comes again") {
				t.Errorf("%s: nothing is told of the secret: %s", c.format, s.err)
			}
		})
	}
}

// TestListenTellsOfDuplicates: what says the same as a message before it isn't shown, and not passed over in silence either.
func TestListenTellsOfDuplicates(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStand(t)
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		message := change("a", 1)
		for _, id := range []string{"a-1", "a-2"} {
			s.send(strings.ReplaceAll(message, `"NotificationId":"a-1"`, `"NotificationId":"`+id+`"`))
		}
		s.f.Flags.Output.Format = output.JSON
		if _, err := s.listen(ctx, &listening{}, nil); err != nil && ctx.Err() == nil {
			t.Fatal(err)
		}
		if lines := strings.Count(s.out.String(), "\n"); lines != 1 {
			t.Errorf("%d messages shown, want 1", lines)
		}
		if told := s.err.String(); strings.Count(told, "tells what one before it has told") != 1 || !strings.Contains(told, "ORDER_CHANGE a-") {
			t.Errorf("told: %s", told)
		}
	})
}

// TestListenEnds: with --count no more leave the queue than were shown.
func TestListenEnds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStand(t)
		for n := range 25 {
			s.send(change(fmt.Sprint("f", n), n))
		}
		r, err := s.listen(t.Context(), &listening{count: 4}, func(string, int) int { return 200 })
		if err != nil {
			t.Fatal(err)
		}
		if len(r.taken) != 4 {
			t.Errorf("%d messages were passed on, want 4", len(r.taken))
		}
		if lines := strings.Count(s.out.String(), "\n"); lines != 4 {
			t.Errorf("%d lines, want 4", lines)
		}
		time.Sleep(time.Hour) // until all are visible again, in the bubble
		if left := s.left(s.q); left != "21+0" {
			t.Errorf("%s messages are left, want 21", left)
		}
	})
}

// silent doesn't answer for a time.
type silent time.Duration

func (s silent) RoundTrip(req *http.Request) (*http.Response, error) {
	select {
	case <-req.Context().Done():
		return nil, req.Context().Err()
	case <-time.After(time.Duration(s)):
		return &http.Response{StatusCode: 500, Body: http.NoBody, Request: req}, nil
	}
}

// TestListenEndsBesideSilence: who doesn't answer keeps the command for a few seconds only, and the message stays.
func TestListenEndsBesideSilence(t *testing.T) {
	for _, answers := range []time.Duration{5 * time.Second, time.Hour} {
		synctest.Test(t, func(t *testing.T) {
			s := newStand(t)
			s.send(change("a", 1))
			f, err := newForwarder("http://localhost:3000/hooks")
			if err != nil {
				t.Fatal(err)
			}
			f.http.Transport, f.again, f.signer = silent(answers), s.f.Notef, &signer{make([]byte, 32)}
			ctx, cancel := context.WithCancel(t.Context())
			began := time.Now()
			time.AfterFunc(time.Second, cancel)
			if err := (&listening{f: s.f}).listen(ctx, s.e, []*opened{s.q}, f, nil); err != nil {
				t.Fatal(err)
			}
			if took := time.Since(began) - time.Second; took > 11*time.Second {
				t.Errorf("the end took %s", took)
			}
			if text := s.err.String(); strings.Contains(text, "posts again") {
				t.Errorf("it isn't: %s", text)
			}
			time.Sleep(time.Hour) // in the bubble, until the message is visible again
			if left := s.left(s.q); left != "1+0" {
				t.Errorf("%s messages are left, want 1", left)
			}
		})
	}
}
