package gateway

import (
	"context"
	"errors"
	"maps"
	"slices"
	"sync"
	"sync/atomic"

	"github.com/openspapi/spapi"
)

// live are the calls under way. When a key or block changes, those that may not go on are ended: whatever waits for a limit, and reads. A write that has been
// sent gets its answer: Amazon carries it out all the same, and its caller and the audit had better know how it went.
type live struct {
	mu  sync.Mutex
	all map[*standing]struct{}
}

// standing is what decides whether a call under way may go on. It doesn't change while the call runs.
type standing struct {
	caller  caller // key and account
	writes  bool
	cancel  context.CancelCauseFunc
	sent    atomic.Bool // an attempt may be with Amazon
	gateway *Gateway
}

// stopped ends a call; it is the cause of its context.
type stopped struct{ *refusal }

func (s stopped) Error() string { return "the gateway has ended the call: " + s.Details }

// enter takes a call among those under way. From here on leave must be called.
func (x *exchange) enter() *refusal {
	ctx, cancel := context.WithCancelCause(x.r.Context())
	s := &standing{caller: x.caller, writes: writes(&x.op, x.r.Method), cancel: cancel, gateway: x.g}
	x.standing, x.r = s, x.r.WithContext(ctx)
	x.call = append(x.call, spapi.WithSendNote(s.sending))
	l := &x.g.live
	l.mu.Lock()
	if l.all == nil {
		l.all = map[*standing]struct{}{}
	}
	l.all[s] = struct{}{}
	l.mu.Unlock()
	return s.allowed() // what changed between authenticate and here
}

// leave takes it out again.
func (x *exchange) leave() {
	if x.standing == nil {
		return
	}
	l := &x.g.live
	l.mu.Lock()
	delete(l.all, x.standing)
	l.mu.Unlock()
	x.standing.cancel(nil)
}

// ended is why the gateway has ended a call itself; nil if it didn't.
func (x *exchange) ended() *refusal {
	if s, ok := errors.AsType[stopped](context.Cause(x.r.Context())); ok {
		return s.refusal
	}
	return nil
}

// allowed refuses a call whose key has ended, or that is blocked, since it was let in.
func (s *standing) allowed() *refusal {
	id := ""
	if s.caller.key != nil {
		id = s.caller.key.ID
	}
	if _, no := s.gateway.keyByID(id); no != nil {
		return no
	}
	return s.gateway.blocked(&s.caller, s.caller.account)
}

// sending is asked before each attempt is sent: nothing goes out that has waited longer than it may. sent is set before what is known is read, and the
// kill switch changes that before it reads sent: so one of them sees the other.
func (s *standing) sending(_ context.Context, sending bool) error {
	s.sent.Store(sending)
	if !sending {
		return nil
	}
	if no := s.allowed(); no != nil {
		s.sent.Store(false)
		s.cancel(stopped{no})
		return stopped{no}
	}
	return nil
}

// sweep ends the calls under way that may not go on.
func (l *live) sweep() {
	l.mu.Lock()
	all := slices.Collect(maps.Keys(l.all))
	l.mu.Unlock()
	for _, s := range all {
		if s.writes && s.sent.Load() {
			continue
		}
		if no := s.allowed(); no != nil {
			s.cancel(stopped{no})
		}
	}
}
