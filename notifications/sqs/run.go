package sqs

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"strconv"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	awssqs "github.com/aws/aws-sdk-go-v2/service/sqs"
	"github.com/aws/aws-sdk-go-v2/service/sqs/types"

	"github.com/openspapi/spapi/notifications"
)

const (
	perBatch     = 10               // SQS takes and gives no more at once
	longPoll     = 20 * time.Second // the longest there is
	mostPolls    = 10               // at once, while they come back full
	mostCalls    = 8                // deletions and changes of visibility at once
	linger       = 20 * time.Millisecond
	batchTries   = 5
	grace        = 5 * time.Second // for handlers whose ctx has been ended
	longestPause = time.Minute     // between attempts to receive
)

// item is a message in hand.
type item struct {
	n        *notifications.Notification // nil: unreadable; of a large one only its outside, until it is handled
	large    bool
	err      error // why
	body     string
	receipt  string
	delivery Delivery
	claim    Claim
	came     context.Context // of the receipt that it came by, for the tracer
	from     time.Time       // when it may be handled
	begun    time.Time       // when it was given to a worker, zero while it waits
	deadline time.Time       // when it is visible again, if nothing is done
	line     *line           // that it waits in, or nil
	ending   bool            // is being deleted or put back
	beating  int             // beats under way
	then     *letter         // after them
}

func (it *item) outcome(result Result) Outcome {
	return Outcome{Result: result, Notification: it.n, Delivery: it.delivery}
}

// line is the messages of a key that wait, oldest first, and whether one is being handled.
type line struct {
	key    string
	items  []*item
	busy   bool // one is handled, or the line is among those that are ready
	timer  *time.Timer
	resume time.Time // not before
}

// add puts an item behind those that aren't newer; one without a time goes last.
func (l *line) add(it *item) {
	at := len(l.items)
	for at > 0 && !it.claim.Time.IsZero() && it.claim.Time.Before(l.items[at-1].claim.Time) {
		at--
	}
	l.items = append(l.items, nil)
	copy(l.items[at+1:], l.items[at:])
	l.items[at], it.line = it, l
}

func (l *line) remove(it *item) {
	for i := range l.items {
		if l.items[i] == it {
			l.items = append(l.items[:i], l.items[i+1:]...)
			break
		}
	}
	it.line = nil
}

// run is one Run of a consumer. All its state belongs to the goroutine that runs loop; others post functions to it.
type run struct {
	c      *Consumer
	ctx    context.Context // of what SQS and the window are told: ends with the run
	cancel context.CancelFunc
	work   context.Context // of handlers: ends after the drain
	finale context.CancelFunc
	poll   context.Context // of receiving
	events chan func()
	gone   chan struct{}

	hand      map[*item]struct{}
	lines     map[string]*line
	ready     []*line
	running   int
	receiving int // receipts under way
	asked     int // messages that they may bring
	polls     int // how many receipts there may be at once
	pause     time.Duration
	paused    bool
	outbox    [2]outbox
	calls     []func()
	calling   int
	stopping  bool
	cause     error
	halt      context.CancelFunc // ends poll
}

// Run takes notifications until ctx ends. Then it receives no more, makes those that have not begun visible to others, and waits for handlers that have.
// It returns nil when all of them have ended. It is an error if they don't, though their ctx ended when the drain was over, or if SQS refuses for good:
// on the first attempt, or for five minutes, after which it stops alike.
func (c *Consumer) Run(ctx context.Context) error {
	c.mu.Lock()
	if c.runs {
		c.mu.Unlock()
		return errors.New("notifications/sqs: the consumer runs already")
	}
	c.runs, c.problem = true, map[string]*problem{}
	c.mu.Unlock()
	r := &run{c: c, events: make(chan func()), gone: make(chan struct{}), hand: map[*item]struct{}{}, lines: map[string]*line{}, polls: 1}
	r.ctx, r.cancel = context.WithCancel(context.WithoutCancel(ctx))
	r.work, r.finale = context.WithCancel(r.ctx)
	r.poll, r.halt = context.WithCancel(ctx)
	defer func() {
		r.halt()
		r.cancel()
		close(r.gone)
		c.mu.Lock()
		c.runs, c.stats.InHand, c.stats.Running = false, 0, 0
		c.mu.Unlock()
	}()
	if err := r.check(); err != nil {
		return err
	}
	return r.loop(ctx.Done())
}

// check looks whether a message that nobody can handle has somewhere to go.
func (r *run) check() error {
	if r.c.deadLetters != "" || r.c.poison != nil {
		return nil
	}
	ctx, cancel := bounded(r.poll, 0)
	defer cancel()
	out, err := r.c.client.GetQueueAttributes(ctx, &awssqs.GetQueueAttributesInput{QueueUrl: &r.c.queue,
		AttributeNames: []types.QueueAttributeName{types.QueueAttributeNameRedrivePolicy}})
	switch {
	case r.poll.Err() != nil:
		return nil
	case err != nil:
		r.c.note(r.ctx, "redrive", fmt.Errorf("it isn't known whether the queue has a dead-letter queue: %w", failed("GetQueueAttributes", r.c.queue, err)))
		var gone *types.QueueDoesNotExist
		if errors.As(err, &gone) {
			return failed("GetQueueAttributes", r.c.queue, err)
		}
	case out.Attributes[string(types.QueueAttributeNameRedrivePolicy)] == "":
		r.c.note(r.ctx, "redrive", errors.New("the queue has no dead-letter queue: messages that nobody can handle are lost when its retention period is over"))
	}
	return nil
}

func (r *run) post(f func()) {
	select {
	case r.events <- f:
	case <-r.gone:
	}
}

func (r *run) loop(done <-chan struct{}) error {
	var beat *time.Timer
	beat = r.after(r.c.visibility/3, func() {
		r.beat()
		beat.Reset(r.c.visibility / 3)
	})
	defer beat.Stop()
	var ended <-chan struct{}
	for {
		r.start()
		r.receive()
		r.count()
		if r.stopping {
			if len(r.hand) == 0 && r.receiving == 0 && r.calling == 0 {
				return r.cause
			}
			if ended == nil {
				drained := time.AfterFunc(max(r.c.drain, 1), r.finale) // a drain of 0 has a timer too, that isn't due yet
				defer drained.Stop()
				over, stop := context.WithTimeout(r.ctx, r.c.drain+grace)
				defer stop()
				ended = over.Done()
			}
		}
		select {
		case f := <-r.events:
			f()
		case <-done:
			done = nil
			r.stop(nil)
		case <-ended:
			return errors.Join(r.cause, fmt.Errorf("notifications/sqs: %d handlers still run %s after their ctx has ended, of %d messages in hand: these come again",
				r.running, grace, len(r.hand)))
		}
	}
}

func (r *run) count() {
	r.c.mu.Lock()
	r.c.stats.InHand, r.c.stats.Running = len(r.hand), r.running
	r.c.mu.Unlock()
}

// stop receives no more and gives back what hasn't begun.
func (r *run) stop(cause error) {
	if r.stopping {
		return
	}
	r.stopping, r.cause = true, cause
	r.halt()
	r.ready = nil
	for _, l := range r.lines {
		if l.timer != nil {
			l.timer.Stop()
		}
		for _, it := range l.items {
			it.line = nil
			r.giveBack(it)
		}
	}
	clear(r.lines)
}

func (r *run) giveBack(it *item) {
	r.c.tell(r.ctx, it.outcome(ResultReturned))
	r.change(it, 0)
}

// receive asks for messages, as many as there is room for. It asks for full batches, or for less where workers have nothing to do.
func (r *run) receive() {
	for !r.stopping && !r.paused && r.receiving < r.polls {
		room := r.c.inHand - len(r.hand) - r.asked
		idle := r.c.workers - r.running - len(r.ready) - r.asked
		if room <= 0 || room < min(perBatch, r.c.inHand) && idle <= 0 {
			return
		}
		n := min(room, perBatch)
		r.receiving++
		r.asked += n
		go func() {
			began := time.Now()
			items, err := r.ask(n)
			r.post(func() { r.received(n, began, items, err) })
		}()
	}
}

func (r *run) ask(n int) ([]*item, error) {
	ctx, cancel := bounded(r.poll, longPoll)
	defer cancel()
	out, err := r.c.client.ReceiveMessage(ctx, &awssqs.ReceiveMessageInput{
		QueueUrl: &r.c.queue, MaxNumberOfMessages: int32(n), WaitTimeSeconds: int32(longPoll / time.Second), VisibilityTimeout: seconds(r.c.visibility),
		MessageSystemAttributeNames: []types.MessageSystemAttributeName{
			types.MessageSystemAttributeNameApproximateReceiveCount, types.MessageSystemAttributeNameSentTimestamp},
		AttributeNames: []types.QueueAttributeName{"ApproximateReceiveCount", "SentTimestamp"}, //nolint:staticcheck // the only name that some emulators know
	})
	if err != nil {
		return nil, failed("ReceiveMessage", r.c.queue, err)
	}
	now := time.Now()
	items := make([]*item, len(out.Messages))
	for i := range out.Messages {
		items[i] = r.c.item(&out.Messages[i], now)
	}
	return items, nil
}

// item is a message as it was received.
func (c *Consumer) item(m *types.Message, now time.Time) *item {
	it := &item{body: aws.ToString(m.Body), receipt: aws.ToString(m.ReceiptHandle), from: now.Add(c.settle), deadline: now.Add(c.visibility)}
	it.delivery.MessageID = aws.ToString(m.MessageId)
	it.delivery.Receives, _ = strconv.Atoi(m.Attributes[string(types.MessageSystemAttributeNameApproximateReceiveCount)])
	if ms, err := strconv.ParseInt(m.Attributes[string(types.MessageSystemAttributeNameSentTimestamp)], 10, 64); err == nil {
		it.delivery.Sent = time.UnixMilli(ms)
	}
	if it.n, it.err = notifications.Parse([]byte(it.body)); it.err != nil {
		it.from, it.claim.Key = now, "unreadable/"+it.delivery.MessageID
		return it
	}
	it.claim = c.claim(it.n, it.delivery.MessageID)
	it.large = len(it.body) > mostKept
	it.shrink()
	return it
}

// mostKept is how many bytes a message may have that is kept as it was read while it waits: read, it may take up a hundred times as much. A larger one is read
// again when it is handled.
const mostKept = 32 << 10

// shrink leaves of a large message its outside.
func (it *item) shrink() {
	if it.large && it.n != nil {
		it.n = &notifications.Notification{Type: it.n.Type, NotificationVersion: it.n.NotificationVersion, PayloadVersion: it.n.PayloadVersion,
			EventTime: it.n.EventTime, Metadata: it.n.Metadata, Payload: json.RawMessage("null")}
	}
}

func (r *run) received(asked int, began time.Time, items []*item, err error) {
	r.receiving--
	r.asked -= asked
	var lag time.Duration
	for _, it := range items {
		if it.delivery.Receives <= 3 && !it.delivery.Sent.IsZero() {
			lag = max(lag, it.deadline.Add(-r.c.visibility).Sub(it.delivery.Sent))
		}
	}
	if r.c.tracer != nil {
		receipt := Receipt{Messages: len(items), Began: began, Took: time.Since(began), Lag: lag, Err: err}
		if r.poll.Err() != nil {
			receipt.Err = nil
		}
		came := r.c.tracer.Received(r.ctx, receipt)
		for _, it := range items {
			it.came = came
		}
	}
	if err != nil && r.poll.Err() != nil { // that of a poll that was cut
		return
	}
	if r.c.note(r.ctx, "receive", err) {
		r.stop(err)
	}
	if err != nil {
		r.pause = min(max(2*r.pause, time.Second), longestPause)
		r.paused, r.polls = true, 1
		r.after(jitter(r.pause), func() { r.paused = false })
		return
	}
	r.pause = 0
	switch {
	case len(items) == asked:
		r.polls = min(r.polls+1, mostPolls)
	case len(items) == 0:
		r.polls = 1
	}
	r.c.mu.Lock()
	r.c.stats.Received += int64(len(items))
	r.c.stats.Lag = lag
	r.c.mu.Unlock()
	for _, it := range items {
		r.hand[it] = struct{}{}
		r.wait(it)
	}
}

// wait puts an item into the line of its key.
func (r *run) wait(it *item) {
	if r.stopping {
		r.giveBack(it)
		return
	}
	l := r.lines[it.claim.Key]
	if l == nil {
		l = &line{key: it.claim.Key}
		r.lines[l.key] = l
	}
	l.add(it)
	r.next(l)
}

// next sees to it that the first item of a line is handled when it may be.
func (r *run) next(l *line) {
	if l.busy || r.stopping {
		return
	}
	if len(l.items) == 0 {
		if l.timer != nil {
			l.timer.Stop()
		}
		if r.lines[l.key] == l { // a late timer's line may have a successor
			delete(r.lines, l.key)
		}
		return
	}
	at := l.items[0].from
	if l.resume.After(at) {
		at = l.resume
	}
	if d := time.Until(at); d > 0 {
		if l.timer != nil {
			l.timer.Stop()
		}
		l.timer = r.after(d, func() { r.next(l) })
		return
	}
	l.busy = true
	r.ready = append(r.ready, l)
}

// after has f run by the loop.
func (r *run) after(d time.Duration, f func()) *time.Timer {
	return time.AfterFunc(d, func() { r.post(f) })
}

// start begins with what is ready, while there are workers.
func (r *run) start() {
	for r.running < r.c.workers && len(r.ready) > 0 {
		l := r.ready[0]
		r.ready = r.ready[1:]
		if len(l.items) == 0 {
			l.busy = false
			r.next(l)
			continue
		}
		it := l.items[0]
		l.remove(it)
		if !time.Now().Before(it.deadline) {
			l.busy = false
			r.lose(it)
			r.next(l)
			continue
		}
		r.running++
		it.begun = time.Now()
		go func() {
			v := r.c.process(r.ctx, r.work, r.poll, it)
			r.post(func() { r.finish(l, it, v) })
		}()
	}
}

// finish does with an item what its handling came to.
func (r *run) finish(l *line, it *item, v verdict) {
	r.running--
	l.busy = false
	it.begun = time.Time{}
	it.shrink()
	if v.trouble != nil && v.giveUp {
		r.stop(v.trouble)
	}
	switch v.do {
	case doDelete:
		r.outbox[deletions].put(r, deletions, letter{it: it})
		it.ending = true
	case doPutBack:
		r.change(it, v.in)
	case doAgain:
		if r.stopping {
			r.giveBack(it)
			break
		}
		l.resume = time.Now().Add(v.in)
		l.add(it)
	}
	r.next(l)
}

func (r *run) drop(it *item) { delete(r.hand, it) }

// lose drops an item that isn't this consumer's any more.
func (r *run) lose(it *item) {
	r.c.tell(r.ctx, it.outcome(ResultLost))
	r.drop(it)
}

// beat keeps what is in hand hidden from others, and tells of handlers that don't end.
func (r *run) beat() {
	stuck := 0
	for it := range r.hand {
		if !it.begun.IsZero() && time.Since(it.begun) > r.c.timeout+grace {
			stuck++
		}
		if !it.ending {
			it.beating++
			r.outbox[changes].put(r, changes, letter{it: it, seconds: seconds(r.c.visibility), beat: true})
		}
	}
	var err error
	if stuck > 0 {
		err = fmt.Errorf("notifications/sqs: %d of %d workers are stuck: their handlers still run %s after their ctx has ended", stuck, r.c.workers, grace)
	}
	r.c.note(r.ctx, "handler", err)
}

// change makes an item visible in d, and drops it.
func (r *run) change(it *item, d time.Duration) {
	it.ending = true
	l := letter{it: it, seconds: seconds(d)}
	if it.beating > 0 { // which could overtake it, and hide the item again
		it.then = &l
		return
	}
	r.outbox[changes].put(r, changes, l)
}

func seconds(d time.Duration) int32 { return int32((d + time.Second - 1) / time.Second) }

// jitter is d less up to half of it, at random.
func jitter(d time.Duration) time.Duration { return d - rand.N(d/2+1) }

// backoff is how long a message is hidden that has been received so often.
func backoff(receives int) time.Duration {
	const first, longest = 5 * time.Second, 15 * time.Minute
	d := longest
	if n := max(receives, 1) - 1; n < 8 {
		d = min(first<<n, longest)
	}
	return jitter(d)
}
