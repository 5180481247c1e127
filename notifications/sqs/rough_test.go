package sqs_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"runtime"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	awssqs "github.com/aws/aws-sdk-go-v2/service/sqs"
	"github.com/aws/aws-sdk-go-v2/service/sqs/types"

	"github.com/openspapi/spapi/notifications"
	"github.com/openspapi/spapi/notifications/sqs"
)

// TestPoisonOnce: a message that is buried and can't be deleted comes again, and isn't buried again. The same body in a new message is handled anew, as after
// somebody has put it back.
func TestPoisonOnce(t *testing.T) {
	for name, body := range map[string]string{"unreadable": "no JSON", "failed": change(1, 1)} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				q := newQueue(queueURL)
				broken := func(operation string) error {
					if operation == "DeleteMessageBatch" {
						return apiError("InternalError")
					}
					return nil
				}
				q.fail = broken
				q.put(body)
				o := &observed{}
				c := consumer(t, q, func(context.Context, *notifications.Notification) error { return errors.New("no") }, sqs.WithAttempts(1),
					sqs.WithDeadLetters(deadURL), sqs.WithObserver(o))
				stop := running(c)
				time.Sleep(5 * time.Minute)
				q.mu.Lock()
				q.fail = nil
				q.mu.Unlock()
				empty(t, q, time.Hour)
				if s := c.Stats(); len(q.sent) != 1 || s.Poison != 1 || s.Duplicates < 2 {
					t.Errorf("%d dead letters, stats %+v", len(q.sent), s)
				}
				q.put(body)
				empty(t, q, time.Hour)
				if err := stop(); err != nil {
					t.Error(err)
				}
				if len(q.sent) != 2 {
					t.Errorf("%d dead letters, want one more for a new message", len(q.sent))
				}
			})
		})
	}
}

// TestPoisonWithoutWindow: poison is buried though the window doesn't answer.
func TestPoisonWithoutWindow(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		q := newQueue(queueURL)
		q.put("no JSON")
		w := &breakable{Window: sqs.NewMemory(0, 0), err: errors.New("away")}
		stop := running(consumer(t, q, newLedger().handle, sqs.WithDeadLetters(deadURL), sqs.WithWindow(w)))
		empty(t, q, time.Minute)
		if err := stop(); err != nil {
			t.Error(err)
		}
		if len(q.sent) != 1 {
			t.Errorf("%d dead letters", len(q.sent))
		}
	})
}

// TestStuckHandlers: handlers that don't heed their ctx are told of, and that they have ended. Other messages are handled meanwhile.
func TestStuckHandlers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		q := newQueue(queueURL)
		q.redrive = "{}"
		q.put(change(1, 1))
		o := &observed{}
		release := make(chan struct{})
		var mu sync.Mutex
		handled := 0
		stop := running(consumer(t, q, func(_ context.Context, n *notifications.Notification) error {
			if strings.HasSuffix(n.Key(), "903-1") {
				<-release
			}
			mu.Lock()
			defer mu.Unlock()
			handled++
			return nil
		}, sqs.WithObserver(o), sqs.WithWorkers(2), sqs.WithHandlerTimeout(time.Minute)))
		time.Sleep(time.Minute)
		if times, _ := o.told("handler"); times != 0 {
			t.Errorf("told %d times within the timeout", times)
		}
		q.put(change(2, 1), change(3, 1))
		time.Sleep(10 * time.Minute)
		if times, over := o.told("handler"); times != 1 || over != 0 || handled != 2 {
			t.Errorf("told %d times, over %d times, %d handled", times, over, handled)
		}
		close(release)
		time.Sleep(time.Minute)
		if times, over := o.told("handler"); times != 1 || over != 1 || handled != 3 {
			t.Errorf("told %d times, over %d times, %d handled", times, over, handled)
		}
		for _, told := range o.troubles {
			if told.What == "handler" && told.Err != nil && !strings.Contains(told.Err.Error(), "1 of 2 workers") {
				t.Error(told.Err)
			}
		}
		if err := stop(); err != nil {
			t.Error(err)
		}
	})
}

// large is a change whose message has more bytes than are kept as they were read.
func large(order, size int) string {
	return strings.Replace(change(order, 1), `"Summary":{`, `"Summary":{"OrderItems":[`+strings.TrimSuffix(strings.Repeat(`{},`, size/3), ",")+`],`, 1)
}

// TestLargeMessages: what waits takes up no more than its bytes twice, however much it takes up when it is read, and the handler gets all of it.
func TestLargeMessages(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const many, size = 20, 1 << 20
		q := newQueue(queueURL)
		body := large(1, size-2000)
		for range many {
			q.put(body)
		}
		o := &observed{}
		begun := make(chan int)
		ctx, cancel := context.WithCancel(t.Context())
		ended := make(chan error, 1)
		c := consumer(t, q, func(ctx context.Context, n *notifications.Notification) error {
			begun <- len(n.Payload.(*notifications.OrderChange).Summary.OrderItems)
			<-ctx.Done()
			return ctx.Err()
		}, sqs.WithWorkers(1), sqs.WithInHand(many), sqs.WithObserver(o), sqs.WithDrain(0))
		go func() { ended <- c.Run(ctx) }()
		if items := <-begun; items < size/4 {
			t.Errorf("the handler's message has %d items", items)
		}
		synctest.Wait()
		if s := c.Stats(); s.InHand != many || s.Running != 1 { // all of one key
			t.Fatalf("%+v", s)
		}
		var m runtime.MemStats
		runtime.GC()
		runtime.ReadMemStats(&m)
		if m.HeapAlloc > 300<<20 { // one is read, for some 100 MiB
			t.Errorf("%d messages of a MiB in hand take up %d MiB", many, m.HeapAlloc>>20)
		}
		cancel()
		if err := <-ended; err != nil {
			t.Error(err)
		}
		returned := 0
		for _, out := range o.outcomes {
			if out.Result != sqs.ResultReturned {
				continue
			}
			returned++
			if raw, ok := out.Notification.Payload.(json.RawMessage); !ok || string(raw) != "null" || out.Notification.ID() == "" || out.Notification.Type != "ORDER_CHANGE" {
				t.Errorf("%+v", out)
			}
		}
		if returned != many-1 {
			t.Errorf("%d were returned, want %d", returned, many-1)
		}
	})
}

// TestLargePoison is buried whole.
func TestLargePoison(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		q := newQueue(queueURL)
		body := large(1, 40<<10)
		q.put(body)
		var got sqs.Poison
		stop := running(consumer(t, q, func(context.Context, *notifications.Notification) error { return errors.New("no") }, sqs.WithAttempts(2),
			sqs.WithPoison(func(_ context.Context, p sqs.Poison) error { got = p; return nil })))
		empty(t, q, time.Hour)
		if err := stop(); err != nil {
			t.Error(err)
		}
		if got.Body != body || got.Notification == nil || !got.Notification.Known() {
			t.Errorf("%d bytes of %d, %v", len(got.Body), len(body), got.Notification)
		}
	})
}

// unsteady is a window that fails at times, before or after it has done what it was asked for.
type unsteady struct {
	sqs.Window
	mu  sync.Mutex
	rng *rand.Rand
}

func (u *unsteady) fails() (before, after bool) {
	u.mu.Lock()
	defer u.mu.Unlock()
	n := u.rng.IntN(20)
	return n == 0, n == 1
}

var errUnsteady = errors.New("the window is away")

func (u *unsteady) Claim(ctx context.Context, c sqs.Claim) (sqs.State, error) {
	before, after := u.fails()
	if before {
		return 0, errUnsteady
	}
	state, err := u.Window.Claim(ctx, c)
	if after {
		err = errUnsteady
	}
	return state, err
}

func (u *unsteady) Done(ctx context.Context, c sqs.Claim) error {
	before, after := u.fails()
	if before {
		return errUnsteady
	}
	if err := u.Window.Done(ctx, c); err != nil || !after {
		return err
	}
	return errUnsteady
}

// TestEverythingAtOnce: SQS throttles, forgets entries of batches and gives messages out twice, the window fails, handlers fail, panic, hang and end their
// goroutine, hostile messages lie between, and the consumers are stopped at any moment and begun anew. Every message is handled in the end and none twice after a
// success, never are two of a key handled at once, each hostile one is buried once, and nothing is left running: the bubble would not end.
func TestEverythingAtOnce(t *testing.T) {
	for seed := range uint64(8) {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				const orders, each, hostile = 40, 10, 20
				rng := rand.New(rand.NewPCG(seed, 1))
				q := newQueue(queueURL)
				q.twice, q.refuse, q.redrive = 0.01, 0.1, "{}"
				failures := rand.New(rand.NewPCG(seed, 2))
				q.fail = func(operation string) error {
					if failures.IntN(15) == 0 && operation != "GetQueueAttributes" {
						return apiError("ThrottlingException")
					}
					return nil
				}
				var bodies []string
				for order := range orders {
					for n := range each {
						bodies = append(bodies, change(order, n))
						if (order+n)%5 == 0 {
							bodies = append(bodies, change(order, n))
						}
					}
				}
				for i := range hostile {
					bodies = append(bodies, fmt.Sprintf(`{"notificationType":%d,"payload":`, i)+strings.Repeat("[", 100))
				}
				rng.Shuffle(len(bodies), func(i, j int) { bodies[i], bodies[j] = bodies[j], bodies[i] })
				q.put(bodies...)

				var mu sync.Mutex
				fates := rand.New(rand.NewPCG(seed, 4))
				done, active, wrong := map[string]int{}, map[string]bool{}, []string{}
				handle := func(ctx context.Context, n *notifications.Notification) error {
					mu.Lock()
					defer mu.Unlock()
					if active[n.Key()] {
						wrong = append(wrong, n.Key()+": two at once")
					}
					active[n.Key()] = true
					fate := fates.IntN(30)
					mu.Unlock()
					switch time.Sleep(time.Duration(1+fate) * 10 * time.Millisecond); fate {
					case 3: // as long as it may
						<-ctx.Done()
					case 4: // and a little longer
						<-ctx.Done()
						time.Sleep(time.Second)
					}
					mu.Lock()
					delete(active, n.Key())
					switch fate {
					case 0, 3, 4:
						return errors.New("not now")
					case 1:
						panic(errors.New("at once"))
					case 2:
						runtime.Goexit()
					}
					done[n.ID()]++
					return nil
				}
				window := &unsteady{Window: sqs.NewMemory(0, 0), rng: rand.New(rand.NewPCG(seed, 3))}
				begin := func() (stop func() error) {
					var all []*sqs.Consumer
					for range 2 {
						all = append(all, consumer(t, q, handle, sqs.WithWindow(window), sqs.WithAttempts(1000), sqs.WithVisibility(30*time.Second),
							sqs.WithHandlerTimeout(5*time.Second), sqs.WithDrain(time.Second), sqs.WithDeadLetters(deadURL)))
					}
					return running(all...)
				}
				for range 30 {
					stop := begin()
					time.Sleep(time.Duration(rng.IntN(3_000_000)) * time.Microsecond)
					if err := stop(); err != nil {
						t.Error(err)
					}
				}
				stop := begin()
				empty(t, q, 24*time.Hour)
				if err := stop(); err != nil {
					t.Error(err)
				}
				if len(wrong) > 0 {
					t.Errorf("%d wrong, such as %s", len(wrong), wrong[0])
				}
				if len(done) != orders*each {
					t.Errorf("%d of %d were handled", len(done), orders*each)
				}
				for id, times := range done {
					if times != 1 {
						t.Errorf("%s was handled %d times", id, times)
					}
				}
				if len(q.sent) < hostile || len(q.sent) > hostile+2 { // a window that doesn't answer at that moment lets one through twice
					t.Errorf("%d dead letters of %d", len(q.sent), hostile)
				}
			})
		})
	}
}

// babbler is a queue whose first receipts are garbage, and whose answers to batches name entries that there aren't.
type babbler struct {
	*queue
	receipts []*awssqs.ReceiveMessageOutput
}

func (b *babbler) ReceiveMessage(ctx context.Context, in *awssqs.ReceiveMessageInput, o ...awsOption) (*awssqs.ReceiveMessageOutput, error) {
	b.mu.Lock()
	if len(b.receipts) > 0 {
		next := b.receipts[0]
		b.receipts = b.receipts[1:]
		b.mu.Unlock()
		return next, nil
	}
	b.mu.Unlock()
	return b.queue.ReceiveMessage(ctx, in, o...)
}

func (b *babbler) DeleteMessageBatch(ctx context.Context, in *awssqs.DeleteMessageBatchInput, o ...awsOption) (*awssqs.DeleteMessageBatchOutput, error) {
	out, err := b.queue.DeleteMessageBatch(ctx, in, o...)
	if out != nil {
		out.Failed = append(out.Failed, types.BatchResultErrorEntry{}, types.BatchResultErrorEntry{Id: aws.String("junk")}, types.BatchResultErrorEntry{Id: aws.String("-7")})
	}
	return out, err
}

// TestGarbage: a server that answers what SQS wouldn't costs its own messages at most. Those that are right are handled.
func TestGarbage(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		q := newQueue(queueURL)
		twice := types.Message{MessageId: aws.String("x"), ReceiptHandle: aws.String("receipt-x-1"), Body: aws.String(change(7, 1))}
		many := &awssqs.ReceiveMessageOutput{}
		for i := range 300 {
			many.Messages = append(many.Messages, types.Message{MessageId: aws.String(fmt.Sprint("m", i)), Body: aws.String(change(8, i))})
		}
		b := &babbler{queue: q, receipts: []*awssqs.ReceiveMessageOutput{
			{Messages: []types.Message{{}, {Body: aws.String("")}, {Body: aws.String("null"), MessageId: aws.String("")}}},
			{Messages: []types.Message{twice, twice, {Body: aws.String(change(9, 1)), Attributes: map[string]string{"ApproximateReceiveCount": "-5", "SentTimestamp": "x"}},
				{Body: aws.String(change(9, 2)), Attributes: map[string]string{"ApproximateReceiveCount": "99999999999999999999", "SentTimestamp": "-1"}}}},
			many, // more than were asked for
		}}
		q.put(change(1, 1))
		l := newLedger()
		c := consumer(t, b, l.handle, sqs.WithDeadLetters(deadURL))
		stop := running(c)
		time.Sleep(10 * time.Minute)
		if err := stop(); err != nil {
			t.Error(err)
		}
		l.check(t)
		if all, _ := q.left(); all != 0 || len(l.calls) != 304 {
			t.Errorf("%d are left, %d were handled", all, len(l.calls))
		}
		if s := c.Stats(); s.Lag < 0 || s.Age < 0 || s.InHand != 0 {
			t.Errorf("%+v", s)
		}
	})
}
