package queues

import (
	"container/heap"
	"time"
)

// queue is a standard queue. It is guarded by Service.mu.
type queue struct {
	name              Name
	number            int // of the queues that were made
	attributes        map[string]string
	tags              map[string]string
	redrive           *redrivePolicy
	created, modified time.Time
	purged            time.Time
	swept             time.Time // when expired messages were last looked for

	messages map[int]*message // by number
	ready    line
	hidden   timers
	inFlight int
	delayed  int
	arrived  chan struct{} // closed when there is something to be received
	waiting  int           // who waits for that
}

// size is what a queue counts against the budget besides its messages.
func (q *queue) size() int { return sizeOf(q.attributes) + sizeOf(q.tags) }

func sizeOf(texts map[string]string) (n int) {
	for name, value := range texts {
		n += len(name) + len(value)
	}
	return n
}

// state is where a message is.
type state int

const (
	visible  state = iota // in queue.ready
	delayed               // in queue.hidden, not received yet
	inFlight              // in queue.hidden
	gone
)

// message is one in a queue.
type message struct {
	number     int
	id         string
	body       string
	bodyMD5    string
	attributes map[string]attribute
	attrMD5    string
	trace      string // AWSTraceHeader
	sender     string
	source     string // the queue whose dead letter it is: ARN
	sent       time.Time

	state    state
	receives int // in this queue: tells receipt handles apart
	first    time.Time
	last     time.Time     // when it was received last
	hidden   time.Duration // for how long it was hidden last
	until    time.Time     // when it can be received
	place    int           // in queue.hidden
}

// size is what a message counts against the budget.
func (m *message) size() int {
	n := perMessage + len(m.body) + len(m.trace) + len(m.source)
	for name, a := range m.attributes {
		n += perMessage/4 + a.size(name)
	}
	return n
}

// maxInFlight is SQS's quota for a standard queue (docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/quotas-queues.html).
const maxInFlight = 120_000

// longestVisibility is how long a message may be in flight.
const longestVisibility = 12 * time.Hour

// add adds a message: one that can be received, or one that is hidden for some time.
func (q *queue) add(m *message, s state, now time.Time, long time.Duration) {
	if q.messages == nil {
		q.messages = map[int]*message{}
	}
	q.messages[m.number] = m
	if s != visible {
		q.hide(m, s, now, long)
		return
	}
	m.state = visible
	q.ready.push(m)
	q.wake()
}

func (q *queue) hide(m *message, s state, now time.Time, long time.Duration) {
	m.state, m.hidden, m.until = s, long, now.Add(long)
	heap.Push(&q.hidden, m)
	q.count(s, 1)
	if q.waiting > 0 {
		q.wake() // it may be the first to be visible again
	}
}

// rehide changes for how long a message in flight stays hidden.
func (q *queue) rehide(m *message, now time.Time, long time.Duration) {
	m.hidden, m.until = long, now.Add(long)
	heap.Fix(&q.hidden, m.place)
	q.wake() // it may be the first to be visible again
}

func (q *queue) count(s state, by int) {
	switch s {
	case delayed:
		q.delayed += by
	case inFlight:
		q.inFlight += by
	}
}

// remove takes a message out of the queue.
func (q *queue) remove(m *message) {
	if m.state == visible {
		q.ready.live--
	} else {
		heap.Remove(&q.hidden, m.place)
		q.count(m.state, -1)
	}
	m.state = gone
	delete(q.messages, m.number)
}

// release lets those be received whose time has come.
func (q *queue) release(now time.Time) {
	for len(q.hidden) > 0 && !q.hidden[0].until.After(now) {
		m := heap.Pop(&q.hidden).(*message)
		q.count(m.state, -1)
		m.state = visible
		q.ready.push(m)
	}
}

// next is when the next message can be received; zero when there is none.
func (q *queue) next() time.Time {
	if len(q.hidden) == 0 {
		return time.Time{}
	}
	return q.hidden[0].until
}

// wake wakes all who wait.
func (q *queue) wake() {
	if q.waiting > 0 {
		close(q.arrived)
		q.arrived, q.waiting = make(chan struct{}), 0
	}
}

// receive takes up to a number of messages that can be received, and hides them. move is called with those that have been received too often; it tells
// whether it has taken them away.
func (q *queue) receive(now time.Time, most int, hidden time.Duration, drop func(*message), move func(*message) bool) []*message {
	q.release(now)
	oldest := now.Add(-q.retention())
	var list []*message
	for len(list) < most && q.inFlight < maxInFlight {
		m := q.ready.pop()
		if m == nil {
			break
		}
		if m.sent.Before(oldest) {
			q.ready.live++ // as if it were in there still
			drop(m)
			continue
		}
		if q.redrive != nil && m.receives >= q.redrive.MaxReceiveCount {
			q.ready.live++
			if move(m) {
				continue
			}
			q.ready.live--
		}
		m.receives++
		if m.last = now; m.first.IsZero() {
			m.first = now
		}
		list = append(list, m)
		q.hide(m, inFlight, now, hidden)
	}
	return list
}

// line has messages in the order in which they are received. Those that are gone are skipped.
type line struct {
	list []*message
	head int
	live int // those that are not gone
}

func (l *line) push(m *message) {
	if len(l.list) > 2*l.live+1000 { // most of it has gone
		kept := l.list[:0]
		for _, m := range l.list[l.head:] {
			if m.state == visible {
				kept = append(kept, m)
			}
		}
		clear(l.list[len(kept):])
		l.list, l.head = kept, 0
	}
	l.list = append(l.list, m)
	l.live++
}

func (l *line) pop() *message {
	for l.head < len(l.list) {
		m := l.list[l.head]
		l.list[l.head] = nil
		l.head++
		if l.head == len(l.list) {
			l.list, l.head = l.list[:0], 0
		}
		if m.state == visible {
			l.live--
			return m
		}
	}
	return nil
}

// swapLast lets the last message change places with one that is chosen by a number from 0 to 1.
func (l *line) swapLast(choice float64) {
	if n := len(l.list) - l.head; n > 1 {
		i, last := l.head+min(int(choice*float64(n)), n-1), len(l.list)-1
		l.list[i], l.list[last] = l.list[last], l.list[i]
	}
}

// timers has hidden messages, the first to be visible on top; of two at the same time the older one.
type timers []*message

func (t timers) Len() int { return len(t) }
func (t timers) Less(i, j int) bool {
	if c := t[i].until.Compare(t[j].until); c != 0 {
		return c < 0
	}
	return t[i].number < t[j].number
}
func (t timers) Swap(i, j int) {
	t[i], t[j] = t[j], t[i]
	t[i].place, t[j].place = i, j
}
func (t *timers) Push(x any) {
	m := x.(*message)
	m.place = len(*t)
	*t = append(*t, m)
}
func (t *timers) Pop() any {
	old := *t
	m := old[len(old)-1]
	old[len(old)-1] = nil
	*t = old[:len(old)-1]
	return m
}
