// Package amazontest is Amazon as tests of limits have it: buckets, and how long requests are under way.
package amazontest

import "time"

// Bucket is a token bucket as Amazon keeps it: exact, and a request takes its token when it arrives. Who uses it from several goroutines locks.
type Bucket struct {
	Served, Throttled   int
	Spilled             float64 // tokens that came to the full bucket after the first call
	rate, burst, tokens float64
	last                time.Time
}

// New makes a full bucket, of so many tokens a second.
func New(rate float64, burst int) *Bucket {
	return &Bucket{rate: rate, burst: float64(burst), tokens: float64(burst), last: time.Now()}
}

// Has reports whether there is a token now.
func (b *Bucket) Has() bool {
	now := time.Now()
	b.tokens += now.Sub(b.last).Seconds() * b.rate
	b.last = now
	if over := b.tokens - b.burst; over > 0 {
		b.tokens = b.burst
		if b.Served > 0 {
			b.Spilled += over
		}
	}
	return b.tokens >= 1-1e-9 // what floating point loses
}

// Take takes a token, if there is one, and counts.
func (b *Bucket) Take() bool {
	if !b.Has() {
		b.Throttled++
		return false
	}
	b.tokens--
	b.Served++
	return true
}

// Used is the part that was served of what is allowed in a span, which began with a full bucket.
func (b *Bucket) Used(span time.Duration) float64 {
	return float64(b.Served) / (b.burst + b.rate*span.Seconds())
}

// Refused is the part of all calls that was throttled.
func (b *Bucket) Refused() float64 {
	return float64(b.Throttled) / float64(b.Served+b.Throttled)
}

// Weather is how long a request is under way, there and back.
type Weather struct {
	Name     string
	From, To time.Duration
	Slow     time.Duration // what one in a hundred takes longer
	There    bool          // all of it is the way there; otherwise any part
}

// Draw takes random numbers below n from random.
func (w *Weather) Draw(random func(n int64) int64) (there, back time.Duration) {
	whole := w.From + time.Duration(random(int64(w.To-w.From)+1))
	if w.Slow > 0 && random(100) == 0 {
		whole += w.Slow
	}
	there = whole
	if !w.There {
		there = time.Duration(random(int64(whole) + 1))
	}
	return there, whole - there
}
