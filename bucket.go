package spapi

import (
	"math"
	"time"
)

// bucket is a GCRA: instead of tokens it keeps the time at which the bucket will be full again. It is not golang.org/x/time/rate
// because that one fixes the time of a waiting call when the call starts to wait. Here a reply can move all who wait: by a 429, by another
// rate, by showing that Amazon's bucket lags behind ours.
type bucket struct {
	scope LimitScope
	rate  float64
	step  time.Duration // one token's time, a little more than 1/rate
	burst int
	full  time.Time // when the bucket will be full again, if nothing more is taken
	takes int64     // ever

	// lag is how much later Amazon's bucket may fill up again than ours, and is part of full: Amazon takes a token when the request
	// arrives, by an unknown part of the latency after us. A call that uses the very last token is throttled unless that
	// is allowed for. The bound is the longest latency since the bucket was last full less the shortest ever.
	lag      time.Duration
	longest  time.Duration
	shortest time.Duration
	replies  int

	queue   []*waiter // those who wait here, by priority, then arrival
	feeders []*bucket // of a wider bucket: the narrowest ones of the calls that wait anywhere and will come here
	feeds   []*bucket // of a narrowest bucket in which calls wait: the wider ones to which they will come
}

// margin makes a token's time a little longer than 1/rate. Published figures are rounded (0.0167 for one a minute is 0.2 % too fast),
// clocks drift, and Amazon's own arithmetic may round a token down. It costs as much throughput.
const margin = 0.005

// interval is the time in which one token comes, 0 for an unknown rate.
func interval(rate float64) time.Duration {
	if rate <= 0 {
		return 0
	}
	d := math.Ceil(float64(time.Second) / rate * (1 + margin))
	return time.Duration(min(max(d, 1), float64(365*24*time.Hour)))
}

// horizon is the longest time that is reckoned with, some 73 years: what limits and pauses add up stays within a [time.Duration], whatever rate,
// burst and queue are.
const horizon = math.MaxInt64 / 4

// span is the time of n tokens, at most the horizon.
func (b *bucket) span(n int) time.Duration {
	return time.Duration(min(int64(n), horizon/int64(b.step))) * b.step
}

func newBucket(b *LimitBucket) *bucket {
	rate := b.Rate
	if rate <= 0 {
		rate = defaultRate
	}
	return &bucket{scope: b.Scope, rate: rate, step: interval(rate), burst: max(b.Burst, 1)}
}

// delay is how long until n more calls may be sent.
func (b *bucket) delay(now time.Time, n int) time.Duration {
	return min(max(b.full.Sub(now), 0), horizon) + b.span(n) - b.span(b.burst)
}

// passes is how many more calls may be sent within d.
func (b *bucket) passes(now time.Time, d time.Duration) int {
	first := b.delay(now, 1)
	if d < first {
		return 0
	}
	return int((d-first)/b.step) + 1
}

func (b *bucket) take(now time.Time) {
	if !b.full.After(now) {
		b.full = now
		b.lag, b.longest = 0, 0
	}
	b.full = b.full.Add(b.step)
	b.takes++
}

// maxLag bounds what a single slow reply can hold up.
func (b *bucket) maxLag() time.Duration { return max(time.Second, b.step) }

func (b *bucket) observe(now time.Time, r LimitReply) {
	if r.Rate > 0 && r.Rate != b.rate {
		step := interval(r.Rate)
		if owed := b.full.Sub(now); owed > 0 { // the tokens that are missing stay the same
			b.full = now.Add(time.Duration(min(float64(owed)/float64(b.step)*float64(step), horizon)))
		}
		b.rate, b.step = r.Rate, step
	}
	b.longest = max(b.longest, r.Latency)
	if b.replies++; b.replies == 1 || r.Latency < b.shortest {
		b.shortest = r.Latency
	}
	lag := b.longest
	if b.replies > 1 { // a single reply may have been a slow one
		lag -= b.shortest
	}
	lag = min(lag, b.maxLag())
	b.full = b.full.Add(lag - b.lag)
	b.lag = lag
	if empty := now.Add(b.span(b.burst)); r.Throttled && b.full.Before(empty) {
		b.full = empty
	}
}
