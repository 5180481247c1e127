package sqs_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/smithy-go"

	"github.com/openspapi/spapi"
	"github.com/openspapi/spapi/internal/redistest"
	"github.com/openspapi/spapi/notifications"
	"github.com/openspapi/spapi/notifications/sqs"
)

const (
	queueURL = "https://sqs.us-east-1.amazonaws.com/123456789012/orders"
	deadURL  = "https://sqs.us-east-1.amazonaws.com/123456789012/dead"
)

var start = time.Date(2026, 9, 8, 8, 0, 0, 0, time.UTC)

// change is the nth change of an order, in a message of its own id.
func change(order, n int) string {
	at := start.Add(time.Duration(n) * time.Second).Format("2006-01-02T15:04:05.000Z")
	return fmt.Sprintf(`{"NotificationVersion":"1.0","NotificationType":"ORDER_CHANGE","PayloadVersion":"1.0","EventTime":%q,
	"Payload":{"OrderChangeNotification":{"NotificationLevel":"OrderLevel","SellerId":"A2ZVJC2QVUUJ5V","AmazonOrderId":"903-%d",
	"OrderChangeType":"OrderStatusChange","OrderChangeTrigger":{"TimeOfOrderChange":%q},"Summary":{"OrderStatus":"Shipped"}}},
	"NotificationMetadata":{"SubscriptionId":"7d78cc50","NotificationId":"n-%d-%d"}}`, at, order, at, order, n)
}

// logged keeps what is logged.
type logged struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *logged) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *logged) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

// observed keeps what is told.
type observed struct {
	mu       sync.Mutex
	outcomes []sqs.Outcome
	troubles []sqs.Trouble
}

func (o *observed) Message(_ context.Context, out sqs.Outcome) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.outcomes = append(o.outcomes, out)
}

func (o *observed) Trouble(_ context.Context, t sqs.Trouble) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.troubles = append(o.troubles, t)
}

func (o *observed) told(what string) (times, over int) {
	o.mu.Lock()
	defer o.mu.Unlock()
	for _, t := range o.troubles {
		if t.What == what && t.Err != nil {
			times++
		} else if t.What == what {
			over++
		}
	}
	return times, over
}

func consumer(t *testing.T, client sqs.Client, handle sqs.Handler, options ...sqs.Option) *sqs.Consumer {
	t.Helper()
	c, err := sqs.New(client, queueURL, handle, append([]sqs.Option{sqs.WithLogger(slog.New(slog.DiscardHandler))}, options...)...)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// running runs consumers until the test calls stop, which returns the first one's error.
func running(consumers ...*sqs.Consumer) (stop func() error) {
	ctx, cancel := context.WithCancel(context.Background())
	ended := make([]chan error, len(consumers))
	for i, c := range consumers {
		ended[i] = make(chan error, 1)
		go func() { ended[i] <- c.Run(ctx) }()
	}
	return func() error {
		cancel()
		var all []error
		for _, e := range ended {
			all = append(all, <-e)
		}
		return errors.Join(all...)
	}
}

// empty waits in virtual time until the queue is empty.
func empty(t *testing.T, q *queue, within time.Duration) {
	t.Helper()
	for end := time.Now().Add(within); ; time.Sleep(100 * time.Millisecond) {
		all, _ := q.left()
		if all == 0 {
			return
		}
		if time.Now().After(end) {
			t.Fatalf("%d messages are left after %s", all, within)
		}
	}
}

// ledger is what a handler was called for.
type ledger struct {
	mu     sync.Mutex
	calls  map[string]int // by id
	newest map[string]time.Time
	active map[string]bool
	wrong  []string
	older  int // calls for an older one than before
}

func newLedger() *ledger {
	return &ledger{calls: map[string]int{}, newest: map[string]time.Time{}, active: map[string]bool{}}
}

func (l *ledger) handle(ctx context.Context, n *notifications.Notification) error {
	l.mu.Lock()
	key, at := n.Key(), n.Time()
	if l.active[key] {
		l.wrong = append(l.wrong, key+": two at once")
	}
	l.active[key] = true
	l.calls[n.ID()]++
	older := at.Before(l.newest[key])
	if late := sqs.FromContext(ctx).Late; late != older {
		l.wrong = append(l.wrong, fmt.Sprintf("%s: late is %t, want %t", n, late, older))
	}
	if older {
		l.older++
	} else {
		l.newest[key] = at
	}
	l.mu.Unlock()
	time.Sleep(5 * time.Millisecond)
	l.mu.Lock()
	delete(l.active, key)
	l.mu.Unlock()
	return nil
}

func (l *ledger) check(t *testing.T) {
	t.Helper()
	if len(l.wrong) > 0 {
		t.Errorf("%d wrong, such as %s", len(l.wrong), l.wrong[0])
	}
	for id, calls := range l.calls {
		if calls != 1 {
			t.Errorf("%s was handled %d times, want once", id, calls)
		}
	}
}

// shuffled is 10,000 messages of 500 orders: 8,000 changes, and 2,000 of them once more.
func shuffled() (bodies []string, changes int) {
	const orders, each = 500, 16
	for order := range orders {
		for n := range each {
			bodies = append(bodies, change(order, n))
			if (order+n)%4 == 0 {
				bodies = append(bodies, change(order, n))
			}
		}
	}
	rng := rand.New(rand.NewPCG(3, 4))
	rng.Shuffle(len(bodies), func(i, j int) { bodies[i], bodies[j] = bodies[j], bodies[i] })
	return bodies, orders * each
}

func TestTenThousandShuffled(t *testing.T) {
	bodies, changes := shuffled()
	if len(bodies) != 10_000 {
		t.Fatalf("%d messages, want 10,000", len(bodies))
	}
	for name, test := range map[string]struct {
		options    []sqs.Option
		twice      float64
		whole      bool // in order, all of them
		skips      bool
		consumers  int
		sharedOver bool
	}{
		"as they come":    {twice: 0.001, consumers: 1},
		"settled":         {options: []sqs.Option{sqs.WithSettle(20 * time.Second), sqs.WithInHand(10_000)}, whole: true, consumers: 1},
		"late ones aside": {options: []sqs.Option{sqs.WithSkipLate()}, skips: true, consumers: 1},
		"three processes": {sharedOver: true, consumers: 3},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				q := newQueue(queueURL)
				q.twice, q.refuse, q.redrive = test.twice, 0.02, "{}"
				q.put(bodies...)
				l := newLedger()
				options := test.options
				if test.sharedOver {
					options = append(options, sqs.WithWindow(sqs.NewShared(redistest.Memory(t), 0)))
				}
				var all []*sqs.Consumer
				for range test.consumers {
					all = append(all, consumer(t, q, l.handle, options...))
				}
				stop := running(all...)
				empty(t, q, 30*time.Minute)
				if err := stop(); err != nil {
					t.Error(err)
				}
				l.check(t)
				var s sqs.Stats
				for _, c := range all {
					one := c.Stats()
					s.Handled += one.Handled
					s.Skipped += one.Skipped
					s.Late += one.Late
					s.Failed += one.Failed
				}
				if s.Handled != int64(len(l.calls)) || s.Failed != 0 || s.Late != int64(l.older) {
					t.Errorf("stats %+v, want %d handled, %d late", s, len(l.calls), l.older)
				}
				switch {
				case !test.skips && len(l.calls) != changes:
					t.Errorf("%d of %d changes were handled", len(l.calls), changes)
				case test.skips && (l.older != 0 || len(l.calls)+int(s.Skipped) != changes):
					t.Errorf("%d handled (%d late) and %d skipped, want %d in all and none late", len(l.calls), l.older, s.Skipped, changes)
				case test.whole && l.older != 0:
					t.Errorf("%d were handled after a newer one of their key", l.older)
				}
				t.Logf("%d handled, %d of them late, %d skipped", s.Handled, s.Late, s.Skipped)
			})
		})
	}
}

func TestLongHandler(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		q := newQueue(queueURL)
		q.put(change(1, 1), change(1, 2), change(2, 1))
		l := newLedger()
		slow := func(ctx context.Context, n *notifications.Notification) error {
			time.Sleep(9 * time.Minute)
			return l.handle(ctx, n)
		}
		stop := running(consumer(t, q, slow, sqs.WithVisibility(30*time.Second)), consumer(t, q, slow, sqs.WithVisibility(30*time.Second)))
		empty(t, q, time.Hour)
		if err := stop(); err != nil {
			t.Error(err)
		}
		l.check(t)
		if len(l.calls) != 3 {
			t.Errorf("%d handled, want 3", len(l.calls))
		}
	})
}

func TestStop(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		q := newQueue(queueURL)
		for order := range 40 {
			q.put(change(order, 1), change(order, 2))
		}
		began := make(chan struct{}, 100)
		c := consumer(t, q, func(context.Context, *notifications.Notification) error {
			began <- struct{}{}
			time.Sleep(20 * time.Second)
			return nil
		}, sqs.WithWorkers(3), sqs.WithInHand(60))
		stop := running(c)
		for range 3 {
			<-began
		}
		time.Sleep(5 * time.Second)
		at := time.Now()
		if err := stop(); err != nil {
			t.Error(err)
		}
		if took := time.Since(at); took < 14*time.Second || took > 16*time.Second {
			t.Errorf("Run returned after %s, want when the handlers ended, after 15s", took)
		}
		if all, hidden := q.left(); all != 77 || hidden != 0 {
			t.Errorf("%d messages are left, %d of them hidden; want 77 and none", all, hidden)
		}
		if s := c.Stats(); s.Handled != 3 || s.Returned != 57 || s.InHand != 0 {
			t.Errorf("stats %+v", s)
		}
	})
}

func TestStopBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		q := newQueue(queueURL)
		q.put(change(1, 1), change(2, 1))
		release := make(chan struct{})
		began := make(chan struct{}, 2)
		c := consumer(t, q, func(ctx context.Context, n *notifications.Notification) error {
			began <- struct{}{}
			if strings.Contains(n.Key(), "903-1") {
				<-release // whatever its ctx says
				return nil
			}
			<-ctx.Done()
			return ctx.Err()
		}, sqs.WithAttempts(1), sqs.WithDeadLetters(deadURL))
		stop := running(c)
		<-began
		<-began
		at := time.Now()
		err := stop()
		if err == nil || !strings.Contains(err.Error(), "1 handlers still run") {
			t.Errorf("error %v", err)
		}
		if took := time.Since(at); took != 35*time.Second {
			t.Errorf("took %s, want drain and grace, 35s", took)
		}
		if all, hidden := q.left(); all != 2 || hidden != 1 || len(q.sent) != 0 {
			t.Errorf("%d left, %d hidden, %d dead: want both, that of the stubborn handler hidden", all, hidden, len(q.sent))
		}
		close(release)
	})
}

const canary = "canary-7c1d"

func TestPoison(t *testing.T) {
	secret := `{"notificationType":"APPLICATION_OAUTH_CLIENT_NEW_SECRET","payload":{"` + canary + `":1}}`
	for name, test := range map[string]struct {
		body     string
		handle   sqs.Handler
		reason   string
		receives string
	}{
		"unreadable": {"no JSON " + canary, nil, "unreadable", "1"},
		"secretless": {secret, nil, "unreadable", "1"},
		"failing":    {change(1, 1), func(context.Context, *notifications.Notification) error { return errors.New("no\x00 place") }, "failed", "4"},
		"panicking":  {change(1, 1), func(context.Context, *notifications.Notification) error { panic(canary) }, "failed", "4"},
		"ending":     {change(1, 1), func(context.Context, *notifications.Notification) error { runtime.Goexit(); return nil }, "failed", "4"},
		"nobody's": {change(1, 1), func(ctx context.Context, n *notifications.Notification) error {
			return new(notifications.Mux).Handle(ctx, n)
		}, "failed", "4"},
		"out of a time": {change(1, 1), func(ctx context.Context, _ *notifications.Notification) error { <-ctx.Done(); return ctx.Err() }, "failed", "4"},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				q := newQueue(queueURL)
				q.put(test.body)
				o, text := &observed{}, &logged{}
				stop := running(consumer(t, q, handlerOr(test.handle, newLedger().handle), sqs.WithAttempts(4), sqs.WithDeadLetters(deadURL), sqs.WithObserver(o),
					sqs.WithLogger(slog.New(slog.NewTextHandler(text, nil)))))
				empty(t, q, 2*time.Hour)
				if err := stop(); err != nil {
					t.Error(err)
				}
				if len(q.sent) != 1 {
					t.Fatalf("%d dead letters, want 1", len(q.sent))
				}
				dead := q.sent[0]
				get := func(name string) string { return aws.ToString(dead.MessageAttributes[name].StringValue) }
				if *dead.MessageBody != test.body || get("SpapiReason") != test.reason || get("SpapiReceives") != test.receives || get("SpapiError") == "" ||
					get("SpapiQueue") != queueURL || get("SpapiSent") == "" {
					t.Errorf("dead letter %+v", dead.MessageAttributes)
				}
				if last := o.outcomes[len(o.outcomes)-1]; last.Result != sqs.ResultPoison || last.Err == nil {
					t.Errorf("last outcome %+v", last)
				}
				for _, text := range []string{text.String(), get("SpapiError")} {
					if strings.Contains(text, canary) || strings.Contains(text, "receipt-") {
						t.Errorf("tells too much: %s", text)
					}
				}
				if !strings.Contains(text.String(), "message_id=message-1") {
					t.Errorf("the log doesn't tell which message: %s", text)
				}
			})
		})
	}
}

func TestBackoff(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		q := newQueue(queueURL)
		q.put(change(1, 1))
		var at []time.Time
		o := &observed{}
		stop := running(consumer(t, q, func(context.Context, *notifications.Notification) error {
			at = append(at, time.Now())
			if len(at) < 12 {
				return errors.New("not yet")
			}
			return nil
		}, sqs.WithObserver(o))) // with nowhere for poison
		empty(t, q, 24*time.Hour)
		if err := stop(); err != nil {
			t.Error(err)
		}
		if len(at) != 12 {
			t.Errorf("%d attempts, want 12", len(at))
		}
		for i := 1; i < len(at); i++ {
			most := min(5*time.Second<<(i-1), 15*time.Minute)
			if pause := at[i].Sub(at[i-1]); pause < most/2 || pause > most+2*time.Second {
				t.Errorf("pause %d was %s, want %s to %s", i, pause, most/2, most)
			}
		}
		if times, _ := o.told("redrive"); times != 1 {
			t.Errorf("a queue without redrive policy was told %d times, want once", times)
		}
	})
}

// A beat that SQS is slow with must not hide a message again that has been put back meanwhile.
func TestPutBackDuringBeat(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		q := newQueue(queueURL)
		q.put(change(1, 1))
		first := true
		q.slow = func(operation string) {
			if operation == "ChangeMessageVisibilityBatch" && first {
				first = false
				time.Sleep(3 * time.Second)
			}
		}
		var at []time.Time
		stop := running(consumer(t, q, func(context.Context, *notifications.Notification) error {
			at = append(at, time.Now())
			if len(at) > 1 {
				return nil
			}
			time.Sleep(11 * time.Second) // the first beat is after ten
			return errors.New("not yet")
		}, sqs.WithVisibility(30*time.Second)))
		empty(t, q, 5*time.Minute)
		if err := stop(); err != nil {
			t.Error(err)
		}
		if pause := at[1].Sub(at[0]); pause > 20*time.Second {
			t.Errorf("handled again after %s, want once the beat and the pause of 5s are over", pause)
		}
	})
}

func TestPoisonFunction(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		q := newQueue(queueURL)
		body := "junk " + canary
		q.put(body)
		calls := 0
		stop := running(consumer(t, q, newLedger().handle, sqs.WithPoison(func(_ context.Context, p sqs.Poison) error {
			calls++
			if p.Body != body || p.Reason != "unreadable" || p.Err == nil || p.Notification != nil || p.Delivery.Receives != calls {
				t.Errorf("poison %s", p)
			}
			if text := fmt.Sprintf("%v %+v %#v %s", p, p, p, &p); strings.Contains(text, canary) {
				t.Errorf("prints as %s", text)
			}
			switch calls {
			case 1:
				return errors.New("not now")
			case 2:
				panic("nor now")
			}
			return nil
		})))
		empty(t, q, time.Hour)
		if err := stop(); err != nil || calls != 3 {
			t.Errorf("%d calls, error %v", calls, err)
		}
	})
}

func apiError(code string) error {
	return &smithy.GenericAPIError{Code: code, Message: "The input receipt handle receipt-message-1-1 of " + canary + " is not valid."}
}

func TestRefusedAtFirst(t *testing.T) {
	for operation, option := range map[string]sqs.Option{
		"ReceiveMessage": sqs.WithAttempts(3), "DeleteMessageBatch": sqs.WithAttempts(3), "ChangeMessageVisibilityBatch": sqs.WithVisibility(10 * time.Second),
		"SendMessage": sqs.WithDeadLetters(deadURL),
	} {
		t.Run(operation, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				q := newQueue(queueURL)
				q.put(change(1, 1), "junk")
				q.fail = func(at string) error {
					if at == operation {
						return apiError("AccessDenied")
					}
					return nil
				}
				text := &logged{}
				c := consumer(t, q, func(context.Context, *notifications.Notification) error {
					time.Sleep(15 * time.Second)
					return nil
				}, option, sqs.WithLogger(slog.New(slog.NewTextHandler(text, nil))))
				err := c.Run(t.Context())
				var api smithy.APIError
				if !errors.As(err, &api) || !strings.Contains(err.Error(), operation) || !strings.Contains(err.Error(), "permission") {
					t.Errorf("error %v", err)
				}
				if text := text.String() + err.Error(); strings.Contains(text, canary) || strings.Contains(text, "receipt-") {
					t.Errorf("tells too much: %s", text)
				}
			})
		})
	}
}

func TestTrouble(t *testing.T) {
	for code, definite := range map[string]bool{"ThrottlingException": false, "AWS.SimpleQueueService.NonExistentQueue": true} {
		t.Run(code, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				q := newQueue(queueURL)
				q.redrive = "{}"
				o := &observed{}
				l := newLedger()
				stop := running(consumer(t, q, l.handle, sqs.WithObserver(o)))
				time.Sleep(time.Minute)
				broken := func(string) error { return apiError(code) }
				q.mu.Lock()
				q.fail = broken
				q.mu.Unlock()
				time.Sleep(4 * time.Minute)
				q.put(change(1, 1))
				q.mu.Lock()
				q.fail = nil
				q.mu.Unlock()
				time.Sleep(2 * time.Minute)
				if times, over := o.told("receive"); times != 1 || over != 1 {
					t.Errorf("told %d times, over %d times, want once each", times, over)
				}
				if len(l.calls) != 1 {
					t.Errorf("%d handled after the trouble, want 1", len(l.calls))
				}
				q.mu.Lock()
				q.fail = broken
				before := q.calls["ReceiveMessage"]
				q.mu.Unlock()
				time.Sleep(10 * time.Minute)
				q.mu.Lock()
				after := q.calls["ReceiveMessage"]
				q.mu.Unlock()
				if n := after - before; n < 5 || n > 30 {
					t.Errorf("%d attempts in ten minutes", n)
				}
				if err := stop(); (err != nil) != definite {
					t.Errorf("error %v, want one: %t", err, definite)
				}
			})
		})
	}
}

func TestWindowAway(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		q := newQueue(queueURL)
		q.put(change(1, 1), change(1, 1), change(2, 1))
		w := &breakable{Window: sqs.NewMemory(0, 0), err: errors.New("away")}
		o := &observed{}
		l := newLedger()
		stop := running(consumer(t, q, l.handle, sqs.WithWindow(w), sqs.WithObserver(o)))
		time.Sleep(10 * time.Minute)
		if len(l.calls) != 0 {
			t.Errorf("%d handled without the window", len(l.calls))
		}
		w.set(nil)
		empty(t, q, time.Minute)
		if err := stop(); err != nil {
			t.Error(err)
		}
		l.check(t)
		if times, over := o.told("window"); times != 1 || over != 1 || len(l.calls) != 2 {
			t.Errorf("told %d times, over %d times, %d handled", times, over, len(l.calls))
		}
	})
}

type breakable struct {
	sqs.Window
	mu  sync.Mutex
	err error
}

func (b *breakable) set(err error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.err = err
}

func (b *breakable) Claim(ctx context.Context, c sqs.Claim) (sqs.State, error) {
	b.mu.Lock()
	err := b.err
	b.mu.Unlock()
	if err != nil {
		return 0, err
	}
	return b.Window.Claim(ctx, c)
}

func TestSecretAndEventBridge(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		q := newQueue(queueURL)
		q.put(`{"notificationVersion":"2.0","notificationType":"APPLICATION_OAUTH_CLIENT_NEW_SECRET","payloadVersion":"2022-03-04","eventTime":"2026-09-08T08:00:00Z",
			"payload":{"applicationOAuthClientNewSecret":{"clientId":"amzn1.application-oa2-client.1","newClientSecret":"`+canary+`",
			"newClientSecretExpiryTime":"2027-03-08T08:00:00Z","oldClientSecretExpiryTime":"2026-09-15T08:00:00Z"}},"notificationMetadata":{"notificationId":"s-1"}}`,
			`{"version":"0","id":"e-1","detail-type":"ORDER_CHANGE","source":"aws.partner/sellingpartnerapi.amazon.com/1/2","detail":`+change(7, 1)+`}`)
		var got, order string
		mux, err := notifications.NewMux(
			notifications.OnNewSecret(func(_ context.Context, _ string, secret spapi.Secret, _ time.Time) error {
				got = secret.Reveal()
				return nil
			}),
			notifications.On(func(ctx context.Context, c *notifications.OrderChange) error {
				order = c.AmazonOrderID
				if d := sqs.FromContext(ctx); d.Receives != 1 || d.MessageID != "message-2" || d.Sent.IsZero() {
					t.Errorf("delivery %+v", d)
				}
				return nil
			}))
		if err != nil {
			t.Fatal(err)
		}
		text := &logged{}
		c := consumer(t, q, mux.Handle, sqs.WithLogger(slog.New(slog.NewTextHandler(text, nil))))
		stop := running(c)
		empty(t, q, time.Minute)
		if err := stop(); err != nil || got != canary || order != "903-7" {
			t.Errorf("error %v, secret right: %t, order %s", err, got == canary, order)
		}
		if strings.Contains(text.String()+fmt.Sprint(c.Stats()), canary) {
			t.Error("the secret is in the log")
		}
	})
}

func TestLag(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		q := newQueue(queueURL)
		q.put(strings.ReplaceAll(change(1, 1), start.Add(time.Second).Format("2006-01-02T15:04:05.000Z"), time.Now().Add(-time.Hour).Format(time.RFC3339)))
		time.Sleep(3 * time.Minute)
		o := &observed{}
		c := consumer(t, q, func(context.Context, *notifications.Notification) error { time.Sleep(2 * time.Second); return nil }, sqs.WithObserver(o))
		stop := running(c)
		time.Sleep(time.Second)
		if s := c.Stats(); s.Lag < 3*time.Minute || s.Lag > 3*time.Minute+time.Second || s.InHand != 1 || s.Running != 1 || s.Received != 1 {
			t.Errorf("stats %+v", s)
		}
		time.Sleep(time.Minute)
		if s := c.Stats(); s.Lag != 0 || s.InHand != 0 || s.Handled != 1 || s.Age != 63*time.Minute {
			t.Errorf("stats %+v", s)
		}
		q.put(change(2, 1)) // of a clock that is years ahead
		time.Sleep(time.Minute)
		if s := c.Stats(); s.Handled != 2 || s.Age != 0 {
			t.Errorf("stats %+v, want no age of what is to come", s)
		}
		if err := stop(); err != nil {
			t.Error(err)
		}
		if out := o.outcomes[0]; out.Took != 2*time.Second || out.Age != 63*time.Minute {
			t.Errorf("outcome %+v", out)
		}
	})
}

func TestWindows(t *testing.T) {
	for name, open := range map[string]func(t *testing.T) sqs.Window{
		"memory": func(*testing.T) sqs.Window { return sqs.NewMemory(time.Hour, 0) },
		"shared": func(t *testing.T) sqs.Window { return sqs.NewShared(redistest.Memory(t), time.Hour) },
		"redis":  func(t *testing.T) sqs.Window { return sqs.NewShared(redistest.Start(t).Virtual(t), time.Hour) },
	} {
		t.Run(name, func(t *testing.T) {
			in := synctest.Test
			if name == "redis" {
				in = func(t *testing.T, f func(*testing.T)) { f(t) }
			}
			in(t, func(t *testing.T) {
				w := open(t)
				want := func(c sqs.Claim, want sqs.State) {
					t.Helper()
					if state, err := w.Claim(t.Context(), c); err != nil || state != want {
						t.Errorf("claim of %v by %s: %d, %v, want %d", c.Names, c.Holder, state, err, want)
					}
				}
				do := func(err error) {
					t.Helper()
					if err != nil {
						t.Error(err)
					}
				}
				claim := func(holder string, at int, names ...string) sqs.Claim {
					return sqs.Claim{Holder: holder, Key: "k", Names: names, Time: start.Add(time.Duration(at) * time.Microsecond), Lease: time.Minute}
				}
				one := claim("a", 5, "id1", "fact1")
				want(one, sqs.Fresh)
				want(one, sqs.Fresh)
				want(claim("b", 6, "id2"), sqs.Busy)
				do(w.Release(t.Context(), claim("b", 6, "id2"))) // of one that doesn't hold it
				want(claim("b", 6, "id2"), sqs.Busy)
				do(w.Release(t.Context(), one))
				want(claim("b", 6, "id2"), sqs.Fresh)
				do(w.Done(t.Context(), claim("b", 6, "id2")))
				want(claim("a", 6, "id2"), sqs.Handled)
				want(one, sqs.Late)
				do(w.Done(t.Context(), one))
				want(claim("b", 9, "id9", "fact1"), sqs.Handled)
				want(claim("b", 6, "id3"), sqs.Fresh) // as old as the newest is not late
				do(w.Release(t.Context(), claim("b", 6, "id3")))
				timeless := sqs.Claim{Holder: "a", Key: "k", Names: []string{"id4"}, Lease: time.Minute}
				want(timeless, sqs.Fresh)
				if name == "redis" {
					return // whose keys end in real time
				}
				time.Sleep(59 * time.Second)
				want(claim("b", 7, "id5"), sqs.Busy)
				time.Sleep(2 * time.Second)
				want(claim("b", 7, "id5"), sqs.Fresh)
				do(w.Done(t.Context(), timeless)) // its lease is over: the key stays the other's
				want(claim("a", 7, "id6"), sqs.Busy)
				do(w.Release(t.Context(), claim("b", 7, "id5")))
				time.Sleep(59*time.Minute - 2*time.Second)
				want(claim("a", 1, "id4"), sqs.Handled)
				time.Sleep(2 * time.Hour)
				want(timeless, sqs.Fresh) // the server in memory keeps its keys for ever, and with them the time of the newest
			})
		})
	}
}

func TestMemoryBounded(t *testing.T) {
	m := sqs.NewMemory(0, 10)
	for i := range 1000 {
		c := sqs.Claim{Key: fmt.Sprint("k", i), Names: []string{fmt.Sprint("n", i)}, Time: start, Lease: time.Minute}
		if err := m.Done(t.Context(), c); err != nil {
			t.Fatal(err)
		}
	}
	known := 0
	for i := range 1000 {
		c := sqs.Claim{Holder: "x", Key: "k", Names: []string{fmt.Sprint("n", i)}}
		if state, _ := m.Claim(t.Context(), c); state == sqs.Handled {
			known++
			if i < 990 {
				t.Errorf("remembers the %dth and has forgotten a newer one", i)
			}
		}
	}
	if known != 5 {
		t.Errorf("remembers %d messages, want 5, with their keys", known)
	}
}

// What a window is given tells nothing of whom a message is about.
func TestClaimsAreDigests(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		q := newQueue(queueURL)
		q.put(change(77, 1))
		server := redistest.Memory(t)
		stop := running(consumer(t, q, newLedger().handle, sqs.WithWindow(sqs.NewShared(server, 0))))
		empty(t, q, time.Minute)
		if err := stop(); err != nil {
			t.Error(err)
		}
		reply, err := server.Do("KEYS", "*")
		if err != nil {
			t.Fatal(err)
		}
		keys, _ := reply.([]any)
		if len(keys) != 2 {
			t.Errorf("%d keys, want 2", len(keys))
		}
		for _, k := range keys {
			key := string(k.([]byte))
			dump := key
			for _, command := range []string{"HGETALL", "ZRANGE"} {
				args := []any{key}
				if command == "ZRANGE" {
					args = append(args, 0, -1)
				}
				if value, err := server.Do(command, args...); err == nil {
					dump += fmt.Sprintf(" %s", value)
				}
			}
			if !strings.HasPrefix(key, "spapi:") || strings.Contains(dump, "903-77") || strings.Contains(dump, "A2ZVJC") || strings.Contains(dump, "n-77") {
				t.Errorf("on the server: %s", dump)
			}
		}
	})
}

func TestOptions(t *testing.T) {
	q := newQueue(queueURL)
	ok := newLedger().handle
	for want, make := range map[string]func() (*sqs.Consumer, error){
		"client is nil":      func() (*sqs.Consumer, error) { return sqs.New(nil, queueURL, ok) },
		"handler is nil":     func() (*sqs.Consumer, error) { return sqs.New(q, queueURL, nil) },
		"not a name":         func() (*sqs.Consumer, error) { return sqs.New(q, "orders", ok) },
		"an ARN":             func() (*sqs.Consumer, error) { return sqs.New(q, "arn:aws:sqs:us-east-1:123456789012:orders", ok) },
		"standard queues":    func() (*sqs.Consumer, error) { return sqs.New(q, queueURL+".fifo", ok) },
		"queue itself":       func() (*sqs.Consumer, error) { return sqs.New(q, queueURL, ok, sqs.WithDeadLetters(queueURL)) },
		"workers 0":          func() (*sqs.Consumer, error) { return sqs.New(q, queueURL, ok, sqs.WithWorkers(0)) },
		"in hand 9: want 10": func() (*sqs.Consumer, error) { return sqs.New(q, queueURL, ok, sqs.WithInHand(9)) },
		"visibility 1s":      func() (*sqs.Consumer, error) { return sqs.New(q, queueURL, ok, sqs.WithVisibility(time.Second)) },
		"attempts -1":        func() (*sqs.Consumer, error) { return sqs.New(q, queueURL, ok, sqs.WithAttempts(-1)) },
		"settle 11m0s":       func() (*sqs.Consumer, error) { return sqs.New(q, queueURL, ok, sqs.WithSettle(11*time.Minute)) },
		"WithPoison: want one": func() (*sqs.Consumer, error) {
			return sqs.New(q, queueURL, ok, sqs.WithDeadLetters(deadURL), sqs.WithPoison(func(context.Context, sqs.Poison) error { return nil }))
		},
	} {
		if c, err := make(); c != nil || err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("error %v, want one with %q", err, want)
		}
	}
	_, err := sqs.New(nil, "", nil)
	if n := strings.Count(fmt.Sprint(err), "notifications/sqs: "); n != 3 {
		t.Errorf("%d findings, want all 3: %v", n, err)
	}
}

// A message that another has taken meanwhile is not begun.
func TestLostInHand(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		q := newQueue(queueURL)
		q.put(change(1, 1), change(1, 2))
		o := &observed{}
		l := newLedger()
		c := consumer(t, q, func(ctx context.Context, n *notifications.Notification) error {
			if len(l.calls) == 0 {
				time.Sleep(8 * time.Minute)
			}
			return l.handle(ctx, n)
		}, sqs.WithVisibility(30*time.Second), sqs.WithObserver(o))
		q.mu.Lock()
		q.fail = func(operation string) error {
			if operation == "ChangeMessageVisibilityBatch" || operation == "ReceiveMessage" && len(q.calls) > 3 {
				return apiError("InternalError")
			}
			return nil
		}
		q.mu.Unlock()
		stop := running(c)
		time.Sleep(9 * time.Minute)
		q.mu.Lock()
		q.fail = nil
		q.mu.Unlock()
		empty(t, q, time.Hour)
		if err := stop(); err != nil {
			t.Error(err)
		}
		l.check(t)
		if len(l.calls) != 2 || c.Stats().Lost == 0 || !slices.ContainsFunc(o.outcomes, func(o sqs.Outcome) bool { return o.Result == sqs.ResultLost }) {
			t.Errorf("%d handled, stats %+v", len(l.calls), c.Stats())
		}
	})
}

func handlerOr(h, other sqs.Handler) sqs.Handler {
	if h != nil {
		return h
	}
	return other
}
