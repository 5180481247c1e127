package spapi

import (
	"slices"
	"time"
)

// window makes a bucket one that allows burst calls in any span of a length, and no call sooner than that after the burst-th last has arrived. Such a
// bucket keeps in full when the next call is due; its step is the mean time of a call, and own, room and lagging stay 0.
type window struct {
	length time.Duration
	sent   []sent // at most burst, the first is the oldest
}

type sent struct {
	at   time.Time
	take int64
}

// whole is how long a call counts.
func (b *bucket) whole() time.Duration { return min(b.window.length+b.lag, horizon) }

// due is when the call after i more may be sent, as far as those that were sent say; zero: whenever it comes.
func (b *bucket) due(i int) time.Time {
	if i += len(b.window.sent) - b.burst; i >= 0 {
		return b.window.sent[i].at.Add(b.whole())
	}
	return time.Time{}
}

// most is a bound of the time that n calls take from when the first may go.
func (b *bucket) most(n int) time.Duration {
	if b.window == nil {
		return b.span(n)
	}
	return time.Duration(min(int64((n-1)/b.burst+1), horizon/int64(b.whole()))) * b.whole()
}

// copied is a bucket with a window of its own.
func (b *bucket) copied() bucket {
	c := *b
	if c.window != nil {
		c.window = &window{c.window.length, slices.Clone(c.window.sent)}
	}
	return c
}

// slide takes note of a call, and lets go of what no longer counts.
func (b *bucket) slide(now time.Time) {
	w := b.window
	gone := 0
	for gone < len(w.sent) && !w.sent[gone].at.Add(b.whole()).After(now) {
		gone++
	}
	if gone == len(w.sent) {
		b.longest = 0
	}
	w.sent = slices.Delete(w.sent, 0, max(gone, len(w.sent)+1-b.burst))
	w.sent = append(w.sent, sent{now, b.takes})
	b.full = b.due(0)
}

// strike takes a call out as if it had not been sent.
func (b *bucket) strike(take int64) {
	w := b.window
	n := len(w.sent)
	if w.sent = slices.DeleteFunc(w.sent, func(s sent) bool { return s.take == take }); len(w.sent) < n {
		b.full = b.due(0)
	}
}

// whenFull is when the bucket will be full again.
func (b *bucket) whenFull() time.Time {
	if b.window == nil {
		return b.full
	}
	return later(b.full, b.due(b.burst-1))
}

// left is how many calls could be sent at once.
func (b *bucket) left(now time.Time) float64 {
	if w := b.window; w != nil {
		if b.full.After(now) {
			return 0
		}
		counting := len(w.sent)
		for _, s := range w.sent {
			if !s.at.Add(b.whole()).After(now) {
				counting--
			}
		}
		return float64(b.burst - counting)
	}
	tokens := float64(b.burst) - float64(b.missing(now))/float64(b.step)
	return max(tokens, float64(b.own), 0)
}

// afterInWindow is [bucket.after]: the calls go in bursts, each call one length after the one that is a burst before it.
func (b *bucket) afterInWindow(now time.Time, n int) time.Duration {
	rounds, i := max(n-1, 0)/b.burst, max(n-1, 0)%b.burst
	first := later(b.full, b.due(i)).Sub(now)
	return max(first, 0) + time.Duration(min(int64(rounds), horizon/int64(b.whole())))*b.whole()
}

func later(t, u time.Time) time.Time {
	if u.After(t) {
		return u
	}
	return t
}
