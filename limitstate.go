package spapi

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/openspapi/spapi/marketplace"
)

// LimitInspector is a [Limiter] that shows how its buckets stand. That of [NewLimiter] is one, and package fleet's.
type LimitInspector interface {
	// LimitStates returns the buckets of an application, by its client id, in a region ("na", "eu", "fe", with "-sandbox" there), as far as anything
	// is known of them: those that nobody has called for long are full. They are in order of operation, scope, type and seller.
	LimitStates(ctx context.Context, app, region string) ([]LimitState, error)
}

// LimitState is how a bucket stands.
type LimitState struct {
	Bucket LimitBucket   // with the rate in force. Where the limiter doesn't know the seller's name, Seller is a digest of it
	Left   float64       // calls that could be sent at once if nobody waited, 0 or more
	Full   time.Duration // until it is full again
	Next   time.Duration // until the next call may be sent; 0: now
	Lag    time.Duration // by how much later than it is sent a call may arrive
	Takes  int64         // ever, as far as the limiter remembers
	Queue  []LimitQueue  // who waits, those first who wait longest
}

// LimitQueue is the calls of one process that wait for a bucket.
type LimitQueue struct {
	Process string // "host/pid" of the process; "" where the limiter is that of one process
	Calls   int
	Longest time.Duration // that one of them has waited
}

// LimitLooker is a [Limiter] that can tell at once, from what it has in memory, how a bucket stands; false where it knows nothing of it. That of
// [NewLimiter] is one.
type LimitLooker interface {
	// LimitState leaves out who waits.
	LimitState(b LimitBucket) (LimitState, bool)
}

// Limits tells how the buckets that the call took from stand now, narrow to wide, as far as its limiter can tell at once: nothing where it is no
// [LimitLooker]. It does its work when it is called.
func (r *Response) Limits() []LimitState {
	if r.app == nil {
		return nil
	}
	looker, ok := r.app.config.limiter.(LimitLooker)
	if !ok {
		return nil
	}
	states := make([]LimitState, 0, len(r.limits))
	for _, b := range r.limits {
		if state, known := looker.LimitState(b); known {
			states = append(states, state)
		}
	}
	return states
}

// LimitState is that of [LimitLooker].
func (l *limiter) LimitState(b LimitBucket) (LimitState, bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	s := l.find(&b)
	if s == nil {
		return LimitState{}, false
	}
	return s.state(time.Now(), LimitQueue{}), true
}

// LimitStates is that of [LimitInspector].
func (l *limiter) LimitStates(_ context.Context, app, region string) ([]LimitState, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	now := time.Now()
	queues := l.queues(now)
	var states []LimitState
	for _, s := range l.all {
		if s.key.app == app && s.key.region == region {
			states = append(states, s.state(now, queues[s]))
		}
	}
	slices.SortFunc(states, func(a, b LimitState) int {
		x, y := &a.Bucket, &b.Bucket
		return cmp.Or(cmp.Compare(x.Operation, y.Operation), cmp.Compare(x.Scope, y.Scope), cmp.Compare(x.Type, y.Type), cmp.Compare(x.Seller, y.Seller))
	})
	return states, nil
}

// queues counts the calls that wait, for each of their turnstiles.
func (l *limiter) queues(now time.Time) map[*turnstile]LimitQueue {
	queues := map[*turnstile]LimitQueue{}
	for _, s := range l.all {
		for _, level := range s.levels {
			level.calls.each(func(w *waiter) {
				w.path.goOver()
				for _, s := range w.path {
					if s == nil {
						break
					}
					q := queues[s]
					queues[s] = LimitQueue{Calls: q.Calls + 1, Longest: max(q.Longest, now.Sub(w.since))}
				}
			})
		}
	}
	return queues
}

func (s *turnstile) state(now time.Time, q LimitQueue) LimitState {
	state := LimitState{
		Bucket: LimitBucket{App: s.key.app, Region: s.key.region, Operation: s.key.operation, Scope: s.scope, Seller: s.key.seller, Type: s.key.kind,
			Rate: s.rate, Burst: s.burst},
		Left: s.left(now), Next: max(s.delay(now), 0), Full: max(s.whenFull().Sub(now), 0), Lag: s.lag, Takes: s.takes,
	}
	if len(s.aliases) > 0 {
		state.Bucket.Alias = s.aliases[0]
	}
	if s.window != nil {
		state.Bucket.Window = s.window.length
	}
	if q.Calls > 0 {
		state.Queue = []LimitQueue{q}
	}
	return state
}

// LimitStates tells how the buckets of the application stand in a region ("na", "eu", "fe", with "-sandbox" there), if its limiter is a
// [LimitInspector]; where it is none the error is an [errors.ErrUnsupported].
func (a *App) LimitStates(ctx context.Context, region string) ([]LimitState, error) {
	if a.err != nil {
		return nil, a.err
	}
	inspector, ok := a.config.limiter.(LimitInspector)
	if !ok {
		return nil, fmt.Errorf("spapi: the limiter %T does not show its buckets, it is no LimitInspector: %w", a.config.limiter, errors.ErrUnsupported)
	}
	name := strings.TrimSuffix(region, "-sandbox")
	place, err := marketplace.ParseRegion(name)
	if err != nil {
		return nil, fmt.Errorf("spapi: states of limits: %w", err)
	}
	return inspector.LimitStates(ctx, a.credentials.ClientID, string(place)+region[len(name):])
}
