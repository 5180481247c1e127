// Package queues is the Simple Queue Service of AWS, as far as notifications need it: standard queues that AWS's own SDKs talk to by the JSON protocol.
//
// It knows nothing of SP-API: what Amazon sends comes by [Service.Send]. All times are those of the base clock, not the emulator's: AWS doesn't know of it.
package queues

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/openspapi/spapi/emulator/internal/random"
)

// Limits of memory. SQS has none.
const (
	maxBytes  = 256 << 20 // of all messages, and of the attributes and tags of queues
	maxQueues = 10_000
	// perMessage is what a message takes besides its texts, about.
	perMessage = 400
)

// Service is one SQS with the queues of all accounts and regions. It is safe for concurrent use.
type Service struct {
	Now     func() time.Time
	Seed    *random.Seed
	Account string // whose queues CreateQueue makes
	// Beside runs what changes queues, while nobody looks at the whole state or replaces it.
	Beside func(func())
	// Look puts into the queues what has become due. It is called while nothing is held.
	Look func()

	mu      sync.Mutex
	queues  map[Name]*queue
	deleted map[Name]time.Time // when
	made    int                // queues so far
	sent    int                // messages so far: the source of their ids
	asked   int                // requests so far
	bytes   int                // see maxBytes
}

// Name is what a queue is called.
type Name struct{ Region, Account, Name string }

// ARN is the name as AWS writes it.
func (n Name) ARN() string { return "arn:aws:sqs:" + n.Region + ":" + n.Account + ":" + n.Name }

func (n Name) fifo() bool { return strings.HasSuffix(n.Name, ".fifo") }

var queueName = sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(`^[A-Za-z0-9_-]{1,80}$`) })

// validName tells whether a queue may be called so.
func validName(name string) bool {
	base, fifo := strings.CutSuffix(name, ".fifo")
	return queueName().MatchString(base) && (!fifo || len(name) <= 80)
}

// ParseARN reads the ARN of a queue.
func ParseARN(arn string) (Name, error) {
	parts := strings.Split(arn, ":")
	if len(parts) != 6 || parts[0] != "arn" || !strings.HasPrefix(parts[1], "aws") || parts[2] != "sqs" || parts[3] == "" || parts[4] == "" || !validName(parts[5]) {
		return Name{}, fmt.Errorf("%q is no queue's ARN: want one such as arn:aws:sqs:us-east-1:123456789012:orders", arn)
	}
	return Name{parts[3], parts[4], parts[5]}, nil
}

// Clear forgets all queues. Who waits for messages of one gets none.
func (s *Service) Clear() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.clear()
}

func (s *Service) clear() {
	for _, q := range s.queues {
		q.wake()
	}
	s.queues, s.deleted = map[Name]*queue{}, map[Name]time.Time{}
	s.made, s.sent, s.asked, s.bytes = 0, 0, 0, 0
}

// Ensure makes a queue, with a policy that lets a principal send to it, unless there is one of that name, or has been one that was deleted.
func (s *Service) Ensure(n Name, p Principal) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.ensure(n, p)
}

func (s *Service) ensure(n Name, p Principal) *queue {
	if q := s.queues[n]; q != nil {
		return q
	}
	if _, gone := s.deleted[n]; gone || len(s.queues) >= maxQueues {
		return nil
	}
	return s.create(n, map[string]string{"Policy": p.policy(n.ARN())}, nil)
}

// create wants s.mu held.
func (s *Service) create(n Name, attributes, tags map[string]string) *queue {
	now := s.Now()
	s.made++
	delete(s.deleted, n)
	q := &queue{name: n, number: s.made, attributes: map[string]string{}, tags: tags, created: now, modified: now, arrived: make(chan struct{})}
	q.set(attributes)
	s.queues[n] = q
	s.bytes += q.size()
	return q
}

// find finds a queue by the account and name of its URL. The region of a queue isn't in a URL below an address of the emulator's own, and the one that the
// request was signed for needn't be that of an ARN: of queues in several regions the request's is meant, and of one the only one.
func (s *Service) find(region, account, name string) *queue {
	if q := s.queues[Name{region, account, name}]; q != nil {
		return q
	}
	var found *queue
	for n, q := range s.queues {
		if n.Account == account && n.Name == name && (found == nil || n.Region < found.name.Region) {
			found = q
		}
	}
	return found
}

// FullError is why [Service.Send] keeps a message no more that SQS would keep: the emulator's memory has an end.
type FullError string

func (e FullError) Error() string { return string(e) }

// Send puts a message into a queue as a principal of AWS would. The error says why it can't: nobody tells Amazon's customers.
func (s *Service) Send(n Name, p Principal, body string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	q := s.ensure(n, p)
	if q == nil {
		return fmt.Errorf("there is no queue %s", n.ARN())
	}
	if n.fifo() {
		return fmt.Errorf("%s is a FIFO queue", n.ARN())
	}
	if why := q.admits(p); why != "" {
		return fmt.Errorf("%s", why)
	}
	if len(body) > q.number32("MaximumMessageSize") {
		return fmt.Errorf("the message has %d bytes, and the queue takes %s (MaximumMessageSize)", len(body), q.attribute("MaximumMessageSize"))
	}
	if why := s.full(len(body)); why != "" {
		return FullError(why)
	}
	s.put(q, &message{body: body, sender: p.id()}, time.Duration(q.number32("DelaySeconds"))*time.Second)
	return nil
}

// Shuffle changes places of the message that came last into a queue with one of those that can be received, chosen by a number from 0 to 1.
func (s *Service) Shuffle(n Name, choice float64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if q := s.queues[n]; q != nil {
		q.ready.swapLast(choice)
	}
}

// give changes the attributes or tags of a queue that is given texts, if there is room for these. It wants s.mu held.
func (s *Service) give(q *queue, given map[string]string, set func()) *failure {
	if why := s.full(sizeOf(given)); why != "" {
		return fail(overLimit, "%s", why)
	}
	s.bytes -= q.size()
	set()
	s.bytes += q.size()
	return nil
}

// full tells why a message, or another thing, of a size can't be kept. It wants s.mu held.
func (s *Service) full(size int) string {
	if s.bytes+size+perMessage <= maxBytes {
		return ""
	}
	for _, q := range s.queues {
		s.expire(q, s.Now(), time.Second) // not for each of a million messages that a leap of the clock brings
	}
	if s.bytes+size+perMessage <= maxBytes {
		return ""
	}
	return fmt.Sprintf("the emulator's queues hold %d MiB, and take no more: receive and delete messages, or purge a queue", maxBytes>>20)
}

// put puts a message into a queue. It wants s.mu held.
func (s *Service) put(q *queue, m *message, delay time.Duration) {
	now := s.Now()
	s.sent++
	m.number, m.id, m.sent = s.sent, s.idOf(s.sent), now
	m.bodyMD5 = sumOf(m.body)
	s.bytes += m.size()
	if delay > 0 {
		q.add(m, delayed, now, delay)
		return
	}
	q.add(m, visible, now, 0)
}

func (s *Service) idOf(number int) string { return s.Seed.Of("sqs.message", number).UUID() }

// Waiting is how many wait for messages.
func (s *Service) Waiting() (n int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, q := range s.queues {
		n += q.waiting
	}
	return n
}

// NextRequestID is the id of the next request.
func (s *Service) NextRequestID() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.asked++
	return s.Seed.Of("sqs.request", s.asked).UUID()
}

// drop forgets a message. It wants s.mu held.
func (s *Service) drop(q *queue, m *message) {
	if m.state != gone {
		q.remove(m)
		s.bytes -= m.size()
	}
}

// expiryEvery is how often messages are looked for that nobody has received for too long.
const expiryEvery = time.Minute

// expire drops messages whose time in the queue is over, unless that was done lately. It wants s.mu held.
func (s *Service) expire(q *queue, now time.Time, every time.Duration) {
	if now.Sub(q.swept) < every {
		return
	}
	q.swept = now
	oldest := now.Add(-q.retention())
	for _, m := range q.messages {
		if m.sent.Before(oldest) {
			s.drop(q, m)
		}
	}
}

// sorted are all queues by name. It wants s.mu held.
func (s *Service) sorted() []*queue {
	list := make([]*queue, 0, len(s.queues))
	for _, q := range s.queues {
		list = append(list, q)
	}
	slices.SortFunc(list, func(a, b *queue) int { return strings.Compare(a.name.ARN(), b.name.ARN()) })
	return list
}
