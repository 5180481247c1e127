package spapi

import (
	"slices"
	"time"
)

// A seller has two names: its id, and the fingerprint of a token, by which clients call it that don't know the id. Who knows both tells both, and from then
// on the bucket is found by either. What was taken from a bucket of the other name is taken from this one, and who waits there waits here.

// maxAliases bounds what a bucket keeps of a seller whose tokens change.
const maxAliases = 8

func (s *turnstile) known(alias string) bool { return len(s.aliases) > 0 && s.aliases[0] == alias }

// link lets the bucket be found by its seller's alias, and finds it there.
func (l *limiter) link(b *LimitBucket, now time.Time) {
	if b.Seller == "" || b.Alias == b.Seller {
		return
	}
	named := *b
	named.Seller = b.Alias
	s, other := l.find(b), l.find(&named)
	if other != nil && other.key.seller != b.Alias {
		other = nil // another seller's, by a token that is this one's now
	}
	switch {
	case s == nil && other == nil:
		return
	case s == nil: // known by the alias alone
		s = other
		s.key = keyOf(b)
		l.put(s.key, s)
	case other != nil:
		l.remove(slices.Index(l.all, other))
		l.merge(s, other, now)
	}
	l.put(keyOf(&named), s)
	s.aliases = slices.DeleteFunc(s.aliases, func(name string) bool { return name == b.Alias })
	if len(s.aliases) == maxAliases {
		l.unlink(s, s.aliases[maxAliases-1])
		s.aliases = s.aliases[:maxAliases-1]
	}
	s.aliases = slices.Insert(s.aliases, 0, b.Alias)
}

// unlink forgets a name of s.
func (l *limiter) unlink(s *turnstile, alias string) {
	key := s.key
	key.seller = alias
	l.drop(key, s)
}

// merge lets those who wait before other wait before s, which has all that was taken from both.
func (l *limiter) merge(s, other *turnstile, now time.Time) {
	s.absorb(&other.bucket, now)
	if other.waiting == 0 {
		return
	}
	if s.queue == &nobody {
		s.queue = &queue{place: place{narrow: s}}
	}
	s.waiting += other.waiting
	wide := other.wide
	for len(other.levels) > 0 {
		level := other.levels[0]
		if p := level.calls.least(); p != nil {
			other.leave(p)
			p.waiter.path[0] = s
			s.join(p, level.priority)
		} else {
			level.narrow.least().narrow.stepBack()
		}
	}
	other.into, other.waiting = s, 0
	for _, narrow := range slices.Clone(other.narrow) {
		narrow.follow(nil)
		l.serve(narrow, now)
	}
	l.settle(other, now)
	l.serve(wide, now)
	l.serve(s, now)
}

// goOver has the call go through the turnstiles into which its own were merged.
func (p *path) goOver() {
	for i, s := range p {
		for s != nil && s.into != nil {
			s = s.into
			p[i] = s
		}
	}
}

// absorb takes what was taken from another bucket of the same calls. How it lags is known from whichever had more replies.
func (b *bucket) absorb(other *bucket, now time.Time) {
	missing := min(b.missing(now)+other.missing(now), b.room+b.step)
	if own := b.ownLeft(now) + other.ownLeft(now) - b.burst; missing > 0 {
		b.own = max(own, 0)
	}
	if other.replies > b.replies {
		b.longest, b.shortest, b.replies = max(b.longest, other.longest), other.shortest, other.replies
		b.mean, b.deviation = other.mean, other.deviation
		if b.rate == b.published {
			b.setRate(other.rate)
		}
	}
	b.lag = max(b.lag, other.lag)
	b.lagging, b.drained = 0, max(b.drained, other.drained)
	b.sent = later(b.sent, other.sent)
	b.takes += other.takes
	b.raised = b.takes
	b.full = now.Add(missing)
	if b.window != nil && other.window != nil {
		b.window.sent = append(b.window.sent, other.window.sent...)
		slices.SortFunc(b.window.sent, func(x, y sent) int { return x.at.Compare(y.at) })
		b.window.sent = b.window.sent[max(len(b.window.sent)-b.burst, 0):]
		b.full = b.due(0)
	}
}

// ownLeft is how many tokens are left of those that it held when it was surely full.
func (b *bucket) ownLeft(now time.Time) int {
	if b.missing(now) == 0 {
		return b.burst
	}
	return b.own
}
