package spapi

import (
	"math"
	"testing"
	"time"
)

func TestBucket(t *testing.T) {
	now := time.Unix(1_000_000, 0)
	fresh := func(rate float64, burst int) *bucket {
		return newBucket(&LimitBucket{Rate: rate, Burst: burst})
	}
	// A published rate that was rounded up must not be too fast: 0.0167 stands for one in a minute.
	if got := interval(0.0167); got < time.Minute || got > time.Minute+time.Second {
		t.Errorf("a token at 0.0167 per second takes %s, want a minute and little more", got)
	}
	for _, rate := range []float64{1e300, 1e-300} {
		if got := interval(rate); got <= 0 {
			t.Errorf("a token at %g per second takes %s", rate, got)
		}
	}
	// Without a plan: one per second, burst 1.
	if b := fresh(0, 0); b.step != interval(1) || b.burst != 1 {
		t.Errorf("without a plan: a step of %s, burst %d", b.step, b.burst)
	}

	b := fresh(1, 3)
	step := b.step
	for n, want := range []time.Duration{0, -2 * step, -step, 0, step} {
		if got := b.delay(now, n); n > 0 && got != want {
			t.Errorf("full: %d calls in %s, want %s", n, got, want)
		}
	}
	b.full = now.Add(-time.Hour) // long full is no fuller
	if got := b.delay(now, 5); got != 2*step {
		t.Errorf("long full: 5 calls in %s, want %s", got, 2*step)
	}
	for range 4 { // one more than it holds, as an Observe may have left it
		b.take(now)
	}
	for d, want := range map[time.Duration]int{0: 0, 2*step - 1: 0, 2 * step: 1, 3*step - 1: 1, 3 * step: 2} {
		if got := b.passes(now, d); got != want {
			t.Errorf("drained: %d pass within %s, want %d", got, d, want)
		}
	}
}

func TestBucketLag(t *testing.T) {
	now := time.Unix(1_000_000, 0)
	b := newBucket(&LimitBucket{Rate: 0.5, Burst: 10})
	b.take(now)
	want := func(what string, lag time.Duration) {
		t.Helper()
		if b.lag != lag || b.full.Sub(now) != b.step+lag {
			t.Errorf("%s: lag %s, full in %s, want lag %s and full in %s", what, b.lag, b.full.Sub(now), lag, b.step+lag)
		}
	}
	b.observe(now, LimitReply{Latency: 200 * time.Millisecond})
	want("a single reply may have been a slow one", 200*time.Millisecond)
	b.observe(now, LimitReply{Latency: 200 * time.Millisecond})
	want("the same latency twice", 0)
	b.observe(now, LimitReply{Latency: 500 * time.Millisecond})
	want("a slow reply", 300*time.Millisecond)
	b.observe(now, LimitReply{Latency: 200 * time.Millisecond})
	want("quick again", 300*time.Millisecond)
	b.observe(now, LimitReply{Latency: time.Minute})
	want("a reply that took a minute", b.step) // bounded by a token's time, here more than a second
	b.observe(now, LimitReply{Throttled: true, Latency: 200 * time.Millisecond})
	drained := now.Add(10 * b.step)
	if !b.full.Equal(drained) {
		t.Errorf("after a 429 full in %s, want %s", b.full.Sub(now), 10*b.step)
	}
	b.full = drained.Add(time.Second) // what lags more than a full drain stays so
	b.observe(now, LimitReply{Throttled: true, Latency: 200 * time.Millisecond})
	if !b.full.Equal(drained.Add(time.Second)) {
		t.Errorf("a 429 made it full sooner: in %s", b.full.Sub(now))
	}
	later := b.full.Add(time.Second) // full: what was slow before counts no more
	b.take(later)
	if b.lag != 0 || b.longest != 0 || b.full.Sub(later) != b.step {
		t.Errorf("full again: lag %s, longest %s, full in %s", b.lag, b.longest, b.full.Sub(later))
	}

	// Another rate: as many tokens are missing as before. No header, no change.
	b = newBucket(&LimitBucket{Rate: 1, Burst: 10})
	for range 4 {
		b.take(now)
	}
	b.observe(now, LimitReply{Rate: 2})
	if got := b.full.Sub(now); b.rate != 2 || (got-4*interval(2)).Abs() > time.Microsecond {
		t.Errorf("at a rate of %g full in %s, want %s", b.rate, got, 4*interval(2))
	}
	b.observe(now, LimitReply{})
	if b.rate != 2 || b.step != interval(2) {
		t.Errorf("without a header the rate became %g", b.rate)
	}
}

// Whatever rate, burst and queue are, times stay times: nothing turns around into its opposite.
func TestBucketBeyondAllTimes(t *testing.T) {
	now := time.Unix(1_000_000, 0)
	huge := newBucket(&LimitBucket{Rate: 1000, Burst: math.MaxInt})
	for range 1000 {
		huge.take(now)
	}
	if got := huge.delay(now, 1); got > 0 {
		t.Errorf("a burst of %d: the next call in %s", math.MaxInt, got)
	}
	if got := huge.delay(now, math.MaxInt); got < 0 || got > time.Minute {
		t.Errorf("as many calls as the burst in %s, want little more than the tokens that are gone", got)
	}
	huge.observe(now, LimitReply{Throttled: true})
	if got := huge.delay(now, 1); got <= 0 {
		t.Errorf("after a 429 the next call in %s", got)
	}

	slow := newBucket(&LimitBucket{Rate: 1, Burst: 400})
	for range 400 {
		slow.take(now)
	}
	slow.observe(now, LimitReply{Rate: 1e-9})
	for _, n := range []int{1, 400, math.MaxInt} {
		if got := slow.delay(now, n); got <= 0 || slow.passes(now, math.MaxInt64) < 1 {
			t.Errorf("drained at a rate of 1e-9: %d calls in %s", n, got)
		}
	}
	one := newBucket(&LimitBucket{Rate: 1e-9, Burst: 1})
	one.take(now)
	if got := one.delay(now, 1000); got < horizon/2 {
		t.Errorf("behind 1000 others at a rate of 1e-9: %s", got)
	}
}
