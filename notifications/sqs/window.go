package sqs

import (
	"container/list"
	"context"
	"crypto/sha256"
	"encoding/base64"
	"sync"
	"time"

	"github.com/openspapi/spapi/notifications"
)

// Window remembers what has been handled, and who handles what. It must be safe for concurrent use. [NewMemory] and [NewShared] make one; a store of
// one's own has to do each method in one step.
type Window interface {
	// Claim asks to handle a message. Fresh and Late give its key to the holder until the lease ends, or until Done or Release; a holder that asks again for
	// what it has got has a new lease.
	Claim(ctx context.Context, c Claim) (State, error)

	// Done says that a message has been handled, and gives its key back.
	Done(ctx context.Context, c Claim) error

	// Release says that a message has not been handled, and gives its key back.
	Release(ctx context.Context, c Claim) error
}

// Claim is a message as a [Window] sees it: digests, nothing of a seller or a buyer.
type Claim struct {
	Holder string        // which consumer asks
	Key    string        // digest of queue and [notifications.Notification.Key]
	Names  []string      // digests of what the same message or fact is known by again: id, natural key
	Time   time.Time     // of [notifications.Notification.Time], may be zero
	Lease  time.Duration // how long the key is the holder's
}

// State is what a [Window] knows of a message.
type State int

// The states.
const (
	Fresh   State = iota // is to be handled, and no newer one of its key has been
	Late                 // is to be handled, but one of its key that is newer has been handled already
	Handled              // has been handled, under one of its names
	Busy                 // another holder handles one of its key
)

// claim is the claim of a message. One without an id is known by SQS's.
func (c *Consumer) claim(n *notifications.Notification, messageID string) Claim {
	id := "id/" + n.ID()
	if n.ID() == "" {
		id = "sqs/" + messageID
	}
	names := []string{c.digest(id)}
	if fact := n.NaturalKey(); fact != "" {
		names = append(names, c.digest("fact/"+fact))
	}
	return Claim{Holder: c.holder, Key: c.digest("key/" + n.Key()), Names: names, Time: n.Time(), Lease: c.visibility}
}

// burial is the claim of a message that is to be buried: by SQS's id, since what is taken out of the dead-letter queue and sent once more has another one,
// and is to be handled.
func (c *Consumer) burial(messageID string) Claim {
	name := c.digest("poison/" + messageID)
	return Claim{Holder: c.holder, Key: name, Names: []string{name}, Lease: c.visibility}
}

func (c *Consumer) digest(text string) string {
	sum := sha256.Sum256([]byte(c.queue + "\x00" + text))
	return base64.RawURLEncoding.EncodeToString(sum[:16])
}

// Memory is a [Window] of one process: what it remembers is gone with it.
type Memory struct {
	span time.Duration
	most int

	mu    sync.Mutex
	names map[string]*list.Element // of *remembered
	keys  map[string]*list.Element
	order *list.List // oldest first
	locks map[string]lock
}

// remembered is a name, or a key and the time of the newest message handled of it.
type remembered struct {
	text  string
	isKey bool
	time  time.Time
	until time.Time
}

type lock struct {
	holder string
	until  time.Time
}

// NewMemory makes a window that remembers for span (0: 24 hours), and of more than most (0: 100,000) names and keys forgets the oldest. A message has
// two or three of them, of some 200 bytes each.
func NewMemory(span time.Duration, most int) *Memory {
	if span <= 0 {
		span = defaultSpan
	}
	if most <= 0 {
		most = 100_000
	}
	return &Memory{span: span, most: most, names: map[string]*list.Element{}, keys: map[string]*list.Element{}, order: list.New(), locks: map[string]lock{}}
}

const defaultSpan = 24 * time.Hour

// Claim is [Window.Claim].
func (m *Memory) Claim(_ context.Context, c Claim) (State, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	now := time.Now()
	m.forget(now)
	for _, name := range c.Names {
		if m.names[name] != nil {
			return Handled, nil
		}
	}
	if held, ok := m.locks[c.Key]; ok && held.holder != c.Holder && now.Before(held.until) {
		return Busy, nil
	}
	m.locks[c.Key] = lock{c.Holder, now.Add(c.Lease)}
	if e := m.keys[c.Key]; e != nil && !c.Time.IsZero() && c.Time.Before(e.Value.(*remembered).time) {
		return Late, nil
	}
	return Fresh, nil
}

// Done is [Window.Done].
func (m *Memory) Done(_ context.Context, c Claim) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	now := time.Now()
	m.unlock(c)
	for _, name := range c.Names {
		m.keep(m.names, &remembered{text: name, until: now.Add(m.span)})
	}
	if !c.Time.IsZero() {
		newest := c.Time
		if e := m.keys[c.Key]; e != nil && e.Value.(*remembered).time.After(newest) {
			newest = e.Value.(*remembered).time
		}
		m.keep(m.keys, &remembered{text: c.Key, isKey: true, time: newest, until: now.Add(m.span)})
	}
	m.forget(now)
	return nil
}

// Release is [Window.Release].
func (m *Memory) Release(_ context.Context, c Claim) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.unlock(c)
	return nil
}

func (m *Memory) unlock(c Claim) {
	if m.locks[c.Key].holder == c.Holder {
		delete(m.locks, c.Key)
	}
}

func (m *Memory) keep(in map[string]*list.Element, r *remembered) {
	if e := in[r.text]; e != nil {
		m.order.Remove(e)
	}
	in[r.text] = m.order.PushBack(r)
}

// forget forgets what is too old or too much.
func (m *Memory) forget(now time.Time) {
	for e := m.order.Front(); e != nil; e = m.order.Front() {
		r := e.Value.(*remembered)
		if m.order.Len() <= m.most && now.Before(r.until) {
			return
		}
		m.order.Remove(e)
		if r.isKey {
			delete(m.keys, r.text)
		} else {
			delete(m.names, r.text)
		}
	}
}
