package spapi

import (
	"fmt"
	"math"
	"time"
)

// bucket is a GCRA: instead of tokens it keeps the time at which the bucket will be full again. It is not golang.org/x/time/rate
// because that one fixes the time of a waiting call when the call starts to wait. Here a reply can move all who wait: by a 429, by another
// rate, by showing that Amazon's bucket lags behind ours.
//
// It lags because Amazon takes a token when the request arrives, by an unknown part of the latency after us. What matters is by how much the
// latencies differ: where all are alike, Amazon's bucket is ours, seen later.
type bucket struct {
	scope     LimitScope
	rate      float64
	published float64       // the rate to start from
	step      time.Duration // one token's time, a little more than 1/rate
	burst     int
	room      time.Duration // the time of all tokens that it holds beyond the first
	window    *window       // nil: a token bucket

	full  time.Time // by which Amazon's bucket is full again, if nothing more is taken
	own   int       // tokens left of those that it held when it was surely full: they are there whatever lags
	sent  time.Time // the last take
	takes int64     // ever

	// lag is by how much longer than the quickest request one may take to arrive. It never shrinks in use: it costs next to nothing, see
	// allowance, arrived and observe.
	lag      time.Duration
	longest  time.Duration // latency since it was full
	shortest time.Duration // latency ever
	replies  int
	raised   int64 // the last take before which it may have been full, or which the lag delays the next one for
	lagging  int64 // the take that the lag delays the next one for, until its reply tells by how much it was late; 0: none

	mean, deviation time.Duration // of latencies, smoothed as TCP does it (RFC 6298)

	drained    int64   // takes when a 429 drained it: those that were on their way then say the same once more
	incredible float64 // the last rate that was told and not believed
}

const (
	// margin makes a token's time a little longer than 1/rate. Published figures are rounded (0.0167 for one a minute is 0.2 % too fast),
	// clocks drift, and Amazon's own arithmetic may round a token down. It costs as much throughput.
	margin = 0.005

	// horizon is the longest time that is reckoned with, some 73 years: what limits and pauses add up stays within a [time.Duration],
	// whatever rate, burst and queue are.
	horizon = math.MaxInt64 / 4

	firstLag      = 100 * time.Millisecond // of a bucket that has seen no reply, at most a step
	enoughReplies = 30                     // before which the shortest latency may be a long one
	firstReply    = time.Second            // until which the second call of a bucket of 1 waits for the reply to the first
	lagLife       = 10 * time.Minute       // without a call, after which the lag is halved
	forgetAfter   = time.Hour              // that a bucket is kept when it is full again

	// tardiness is by how much later than it could a call may go without a loss: timers and the scheduler are late by as much on a busy machine, and
	// so is the next call of who waited for them. Half of the room of a small bucket stays. What a bucket of 1000 calls per second loses otherwise is a third
	// of them. Its price is 429s where latencies differ by more than the bucket holds, as with 20 per second, a burst of 5 and latencies up to 2 s: 7 in a
	// hundred calls, without it 5.
	tardiness = 5 * time.Millisecond

	// A rate that Amazon tells is believed within this factor of the published one. Usage plans are raised, and dynamic ones differ, by less;
	// beyond it a header would stop an operation for months or open a flood. An emulator may have any.
	rateSpan = 100
)

// interval is the time in which one token comes, 0 for an unknown rate.
func interval(rate float64) time.Duration {
	if rate <= 0 {
		return 0
	}
	d := math.Ceil(float64(time.Second) / rate * (1 + margin))
	return time.Duration(min(max(d, 1), float64(365*24*time.Hour)))
}

func newBucket(b *LimitBucket) bucket {
	rate := b.Rate
	if rate <= 0 {
		rate = defaultRate
	}
	made := bucket{scope: b.Scope, published: rate, burst: max(b.Burst, 1)}
	if b.Window > 0 {
		made.window = &window{length: min(b.Window, horizon)}
		made.published = float64(made.burst) / b.Window.Seconds()
	}
	made.setRate(made.published)
	made.lag = min(firstLag, made.step)
	if made.burst == 1 || made.window != nil {
		made.lag = max(made.lag, firstReply-made.step)
	}
	return made
}

func (b *bucket) setRate(rate float64) {
	b.rate, b.step = rate, interval(rate)
	if b.window == nil {
		b.room = b.span(b.burst) - b.step
	}
}

// span is the time of n tokens, at most the horizon.
func (b *bucket) span(n int) time.Duration {
	return time.Duration(min(int64(n), horizon/int64(b.step))) * b.step
}

// allowance is how much of the lag counts: no more than what the bucket holds beyond the token of the call itself. More would have each call of
// a busy bucket wait for the one before to arrive. With a burst of 1 it is so: each must. late is by how much later than it could the call goes: where
// the lag counts in full, that is part of it.
func (b *bucket) allowance(late time.Duration) time.Duration {
	if b.burst == 1 || b.window != nil {
		return b.lag
	}
	return min(b.lag, b.room-late)
}

// delay is how long until the next call may be sent; 0 or less: it may.
func (b *bucket) delay(now time.Time) time.Duration {
	if b.own > 0 {
		return 0
	}
	return b.missing(now) - b.room
}

// missing is the time that what is missing takes to come.
func (b *bucket) missing(now time.Time) time.Duration { return min(max(b.full.Sub(now), 0), horizon) }

func (b *bucket) take(now time.Time) {
	if idle := now.Sub(b.sent); idle >= lagLife && b.takes > 0 {
		b.lag >>= min(idle/lagLife, 62)
	}
	b.takes++
	if b.window != nil {
		b.sent = now
		b.slide(now)
		return
	}
	var late time.Duration
	if b.full.After(now) {
		late = min(max(-b.delay(now), 0), tardiness, b.room/2)
	} else {
		b.own, b.longest, b.raised = b.burst, 0, b.takes
	}
	b.own = max(b.own-1, 0)
	b.sent, b.lagging = now, 0
	if arrived := now.Add(b.allowance(late)); arrived.After(b.full) {
		b.full, b.lagging, b.raised = arrived, b.takes, b.takes
	}
	b.full = b.full.Add(b.step)
}

// quickest is the latency of a request that arrives as soon as can be. Few replies may all have been slow ones.
func (b *bucket) quickest() time.Duration {
	switch {
	case b.replies <= 1:
		return 0
	case b.replies < 10:
		return b.shortest / 2
	}
	return b.shortest
}

// late is by how much later than the next one a request may have arrived that took this long, there and back. All of that may have been the way
// there, but for what no request takes less. Where latencies differ, the sum of the shortest way there and the shortest way back is less than the
// shortest latency, since these seldom meet: without care for that, where the way there may take any part of a latency, one in 25 calls is throttled.
func (b *bucket) late(latency time.Duration) time.Duration {
	if b.replies < enoughReplies {
		return latency
	}
	return max(latency-max(b.shortest-4*b.deviation, 0), 0)
}

// observe takes note of the reply to a take; 0 for one that isn't known. The error is about a rate that is not believed.
func (b *bucket) observe(now time.Time, take int64, r LimitReply) error {
	err := b.learn(now, r.Rate, r.Emulated)
	late := b.late(r.Latency)
	b.note(r.Latency)
	if take > b.drained && take <= b.takes && b.window == nil {
		by := min(r.Latency-b.quickest(), b.allowance(min(tardiness, b.room/2)))
		b.arrived(take, now.Add(by-r.Latency))
	}
	switch {
	case r.Throttled && (take == 0 || take > b.drained):
		b.drained, b.own, b.lagging = b.takes, 0, 0
		b.replies = 0 // what was learned from latencies was wrong: from few of them nothing is concluded
		if empty := now.Add(b.room + b.step); b.full.Before(empty) {
			b.full = empty
		}
	case !r.Throttled && b.burst == 1 && take != 0 && take == b.lagging:
		// Each call of such a bucket waits for the one before to have arrived, and now that one has.
		b.full = b.sent.Add(late + b.step)
		b.lagging = 0
	}
	return err
}

// note learns from a latency.
func (b *bucket) note(latency time.Duration) {
	b.longest = max(b.longest, latency)
	if b.replies++; b.replies == 1 {
		b.shortest, b.mean, b.deviation = latency, latency, latency/2
	} else {
		b.shortest = min(b.shortest, latency)
		b.deviation += ((latency - b.mean).Abs() - b.deviation) / 4
		b.mean += (latency - b.mean) / 8
	}
	lag := min(b.longest-b.quickest(), max(time.Second, b.step)) // bounded: what a single slow reply can hold up
	if lag > b.lag {
		b.lag = lag
		if b.window != nil {
			b.full = later(b.full, b.due(0))
		}
	}
}

// arrived says when a take reached Amazon at the latest. Until then its bucket may have been full, and no token came. What it lacked without this take it still
// lacks without those that came after: where that is enough, as in a bucket that is always in use, a late one costs nothing, and nobody waits.
func (b *bucket) arrived(take int64, at time.Time) {
	if full := b.full.Add(-b.span(int(b.takes - max(take, b.raised) + 1))); at.After(full) {
		b.full = b.full.Add(min(at.Sub(full), b.allowance(0)))
	}
}

// learn takes over a rate that Amazon tells. As many tokens are missing as before.
func (b *bucket) learn(now time.Time, rate float64, emulated bool) error {
	switch {
	case rate == 0 || rate == b.rate || b.window != nil:
		return nil
	}
	if err := checkRate(b.published, rate, emulated); err != nil {
		if rate == b.incredible || math.IsNaN(rate) && math.IsNaN(b.incredible) {
			return nil
		}
		b.incredible = rate
		return err
	}
	tokens := float64(b.missing(now)) / float64(b.step)
	b.setRate(rate)
	b.full = now.Add(time.Duration(min(tokens*float64(b.step), horizon)))
	return nil
}

func checkRate(published, rate float64, emulated bool) error {
	switch {
	case emulated && rate > 0 && !math.IsInf(rate, 1):
	case !(rate >= published/rateSpan && rate <= published*rateSpan): // NaN is neither
		return fmt.Errorf("x-amzn-RateLimit-Limit is not believed: %g, want requests per second, between 1/%d and %d times the %s of the usage plan",
			rate, rateSpan, rateSpan, formatRate(published))
	}
	return nil
}

// CheckRate returns an error if a reply tells a rate that limiters don't believe of the bucket: see [LimitReply].
func (b *LimitBucket) CheckRate(r LimitReply) error {
	if r.Rate == 0 || b.Window > 0 {
		return nil
	}
	published := b.Rate
	if published <= 0 {
		published = defaultRate
	}
	return checkRate(published, r.Rate, r.Emulated)
}

// after is how long until n more calls could have been sent, each as soon as the one before allows, if replies come as usual.
func (b *bucket) after(now time.Time, n int) time.Duration {
	if b.window != nil {
		return b.afterInWindow(now, n)
	}
	own, missing := b.own, b.missing(now)
	if missing == 0 {
		own = b.burst
	}
	if n <= own {
		return 0
	}
	if b.burst == 1 {
		usual := b.late(b.mean)
		if expected := b.sent.Add(usual + b.step).Sub(now); b.lagging != 0 && expected > 0 {
			missing = min(missing, expected)
		}
		each := b.step + usual
		return missing + time.Duration(min(int64(n-1), horizon/int64(each)))*each
	}
	if own > 0 {
		missing = max(missing, b.allowance(0))
	}
	return max(missing+b.span(n)-b.span(b.burst), 0)
}

// rehearse takes for a call of a time to come, whose reply comes as usual.
func (b *bucket) rehearse(at time.Time) {
	b.take(at)
	if b.burst == 1 && b.window == nil {
		b.full = at.Add(b.late(b.mean) + b.step)
	}
}

// owe takes for a call that was sent without asking. Amazon's bucket can't be emptier than empty.
func (b *bucket) owe(now time.Time) {
	b.take(now)
	if b.window != nil {
		return
	}
	b.own = 0
	if empty := now.Add(b.room + b.step); b.full.After(empty) {
		b.full = empty
	}
}

// giveBack undoes a take, of a call that did nothing: the last one, in a window any.
func (b *bucket) giveBack(take int64) {
	switch {
	case b.window != nil:
		b.strike(take)
	case take == b.takes && b.burst == 1:
		b.takes--
		b.full, b.lagging = b.sent, 0
	case take == b.takes:
		b.takes--
		b.full = b.full.Add(-b.step)
	}
}

// forgettable reports whether a new bucket would do as well: it has been full for so long that a lag has faded, and the rate that was learned is
// learned again from the first reply, before which no more than the burst goes out in any case.
func (b *bucket) forgettable(now time.Time) bool {
	idle := now.Sub(b.whenFull())
	return idle >= forgetAfter && b.lag>>min(idle/lagLife, 62) <= firstLag
}
