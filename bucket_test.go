package spapi

import (
	"math"
	"math/rand/v2"
	"slices"
	"testing"
	"time"
)

const ms = time.Millisecond

var bucketStart = time.Unix(1_000_000, 0)

func testBucket(rate float64, burst int) *bucket {
	b := newBucket(&LimitBucket{Rate: rate, Burst: burst})
	return &b
}

func TestInterval(t *testing.T) {
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
	if b := testBucket(0, 0); b.step != interval(1) || b.burst != 1 {
		t.Errorf("without a plan: a step of %s, burst %d", b.step, b.burst)
	}
}

func TestBucket(t *testing.T) {
	now := bucketStart
	b := testBucket(1, 3)
	step, lag := b.step, b.lag
	want := func(what string, delays ...time.Duration) {
		t.Helper()
		for i, d := range delays {
			if got := b.after(now, i+1); got != d {
				t.Errorf("%s: %d calls in %s, want %s", what, i+1, got, d)
			}
		}
		if got := max(b.delay(now), 0); got != delays[0] {
			t.Errorf("%s: the next call in %s, want %s", what, got, delays[0])
		}
	}
	// A full bucket's own tokens are there whatever lags; what comes later comes later by the lag.
	want("full", 0, 0, 0, lag+step, lag+2*step)
	b.full = now.Add(-time.Hour) // long full is no fuller
	want("long full", 0, 0, 0, lag+step)
	b.take(now)
	want("one gone", 0, 0, lag+step, lag+2*step)
	b.take(now)
	want("the last of its own", 0, lag+step, lag+2*step)
	b.take(now)
	want("drained", lag+step, lag+2*step)
	now = now.Add(lag + step)
	want("one came", 0, step, 2*step)
	b.take(now)
	want("and went", step, 2*step)
	now = now.Add(3*step + lag)
	want("full again", 0, 0, 0, lag+step)

	// Not full yet: only what has surely come.
	b.take(now)
	now = now.Add(lag + step - 1)
	b.take(now)
	if b.own != 1 || b.full.Sub(now) != lag+step {
		t.Errorf("just before it was full again: %d of its own left, full in %s, want 1 and %s", b.own, b.full.Sub(now), lag+step)
	}
}

// A bucket of burst 1 waits for the lag with each call, until the reply tells by how much that one was late.
func TestBucketOfOne(t *testing.T) {
	now := bucketStart
	b := testBucket(2, 1)
	for range 40 { // all alike: 50 ms
		b.take(now)
		if got := b.delay(now); got != b.step+b.lag {
			t.Fatalf("without a reply the next call in %s, want %s", got, b.step+b.lag)
		}
		check(t, b.observe(now.Add(50*ms), b.takes, LimitReply{Latency: 50 * ms}))
		now = now.Add(b.delay(now))
	}
	late := func(latency, want time.Duration) {
		t.Helper()
		check(t, b.observe(now, b.takes, LimitReply{Latency: latency}))
		if got := b.full.Sub(b.sent) - b.step; (got - want).Abs() > ms { // what is left of the care of the first replies
			t.Errorf("after a latency of %s the next call waits %s longer than a step, want %s", latency, got, want)
		}
	}
	b.take(now)
	late(50*ms, 0)
	now = now.Add(time.Hour)
	b.take(now)
	late(350*ms, 300*ms)
	if full := b.full; true {
		check(t, b.observe(now, b.takes, LimitReply{Latency: 50 * ms}))
		if b.full != full {
			t.Error("a reply counted twice")
		}
	}
	now = now.Add(b.delay(now))
	b.take(now)
	full := b.full
	check(t, b.observe(now, b.takes-1, LimitReply{Latency: 50 * ms}))
	check(t, b.observe(now, 0, LimitReply{Latency: 50 * ms}))
	if b.full != full {
		t.Error("the reply to another take was counted")
	}
}

func TestBucketLag(t *testing.T) {
	now := bucketStart
	b := testBucket(0.5, 10)
	if b.lag != firstLag {
		t.Errorf("a new bucket lags by %s, want %s", b.lag, firstLag)
	}
	if b := testBucket(100, 10); b.lag != b.step {
		t.Errorf("a new bucket lags by %s, want at most a step, %s", b.lag, b.step)
	}
	b.take(now)
	reply := func(what string, latency, lag, late time.Duration) {
		t.Helper()
		check(t, b.observe(now.Add(latency), 1, LimitReply{Latency: latency}))
		if b.lag != lag || b.full.Sub(now) != b.step+late {
			t.Errorf("%s: lag %s, full in %s, want lag %s and full in %s", what, b.lag, b.full.Sub(now), lag, b.step+late)
		}
	}
	reply("a single reply may have been a slow one", 200*ms, 200*ms, 200*ms)
	reply("the same latency twice", 200*ms, 200*ms, 200*ms)
	for range 98 {
		check(t, b.observe(now, 0, LimitReply{Latency: 200 * ms}))
	}
	reply("a slow reply", 500*ms, 300*ms, 300*ms)
	reply("quick again", 200*ms, 300*ms, 300*ms)
	reply("a quicker one: the slow one was later than thought", 50*ms, 450*ms, 300*ms)
	reply("a reply that took a minute", time.Minute, b.step, b.step) // bounded by a token's time, here more than a second

	// More than what the bucket holds beyond one call would make each wait for the one before.
	quick := testBucket(10, 3)
	quick.take(now)
	check(t, quick.observe(now.Add(time.Second), 1, LimitReply{Latency: time.Second}))
	if want := 3*quick.step - tardiness; quick.allowance(0) != 2*quick.step || quick.full.Sub(now) != want {
		t.Errorf("of a lag of %s count %s, full in %s, want %s and %s", quick.lag, quick.allowance(0), quick.full.Sub(now), 2*quick.step, want)
	}

	// Without calls it fades, in use it stays.
	lag := b.lag
	for range 30 {
		now = now.Add(time.Minute)
		b.take(now)
	}
	if b.lag != lag {
		t.Errorf("in use the lag went from %s to %s", lag, b.lag)
	}
	b.take(now.Add(25 * time.Minute))
	if b.lag != lag/4 {
		t.Errorf("after 25 minutes without a call the lag is %s, want a quarter of %s", b.lag, lag)
	}
}

// A call that arrives late costs what comes while Amazon's bucket is full, and nothing where others have seen to it that it isn't.
func TestBucketArrivals(t *testing.T) {
	const usual, slow = 50 * ms, 400 * ms
	full := func(take int64, late bool) time.Duration {
		b := testBucket(20, 10)
		now := bucketStart
		var at time.Time
		for range 20 {
			now = now.Add(max(b.delay(now), 0))
			b.take(now)
			if late && b.takes == take {
				at = now
				continue
			}
			check(t, b.observe(now.Add(usual), b.takes, LimitReply{Latency: usual}))
		}
		if late {
			check(t, b.observe(at.Add(slow), take, LimitReply{Latency: slow}))
			if b.lag != slow-usual {
				t.Errorf("take %d was late: a lag of %s, want %s", take, b.lag, slow-usual)
			}
		}
		return b.full.Sub(bucketStart)
	}
	never := full(0, false)
	for _, take := range []int64{9, 10, 15, 20} {
		if got := full(take, true) - never; got != 0 {
			t.Errorf("take %d was late: full %s later, though others had taken before it", take, got)
		}
	}
	if got := full(1, true) - never; got != slow-usual-interval(20) { // a step was allowed for
		t.Errorf("the take that found it full was late: full %s later, want %s", got, slow-usual-interval(20))
	}
	// All tokens of a full bucket were late.
	b := testBucket(20, 10)
	now := bucketStart
	for range 20 {
		check(t, b.observe(now, 0, LimitReply{Latency: usual}))
	}
	for range 10 {
		b.take(now)
	}
	before := b.full
	for take := int64(10); take > 0; take-- {
		check(t, b.observe(now.Add(slow), take, LimitReply{Latency: slow}))
	}
	if got, want := b.full.Sub(before), slow-usual-interval(20); got != want { // a step of it was allowed for
		t.Errorf("ten were late: full %s later, want %s", got, want)
	}
	// A reply of long ago says nothing of now.
	b.full = now.Add(-time.Hour)
	now = now.Add(time.Hour)
	for range 5 {
		b.take(now)
	}
	before = b.full
	check(t, b.observe(now.Add(ms), 3, LimitReply{Latency: time.Hour}))
	if b.full != before {
		t.Errorf("a reply that took an hour: full %s later", b.full.Sub(before))
	}
}

// What a timer was late by is made up for, up to the tardiness.
func TestBucketTardiness(t *testing.T) {
	for _, test := range []struct {
		rate       float64
		burst      int
		late, lost time.Duration
	}{
		{100, 20, 0, 0},
		{100, 20, 3 * ms, 0},
		{100, 20, tardiness, 0},
		{100, 20, tardiness + 3*ms, 3 * ms},
		{1000, 3, ms, 0},
		{200, 2, 4 * ms, 4*ms - interval(200)/2},
		{1, 1, 3 * ms, 3 * ms}, // each waits for the one before to arrive
	} {
		now := bucketStart
		b := testBucket(test.rate, test.burst)
		for range test.burst {
			b.take(now)
		}
		check(t, b.observe(now, 0, LimitReply{Latency: time.Hour})) // a lag that counts as far as can be
		now = now.Add(b.delay(now))
		b.take(now)
		step := b.delay(now)
		now = now.Add(step + test.late)
		b.take(now)
		if lost := b.delay(now) + test.late - step; lost != test.lost {
			t.Errorf("%g per second, burst %d, late by %s: the next call goes %s later than it would have, want %s", test.rate, test.burst, test.late, lost, test.lost)
		}
	}
}

// In a bucket that is full again nothing is left to make up for: what is taken lags as ever.
func TestBucketTardinessOfAFullOne(t *testing.T) {
	b := testBucket(100, 2)
	now := bucketStart
	for range 2 {
		now = now.Add(time.Second)
		b.take(now)
		b.take(now)
	}
	if got := b.delay(now); got != b.lag+b.step {
		t.Errorf("the third call in %s, want %s", got, b.lag+b.step)
	}
}

// A thousand calls per second, all with timers that are late and latencies that differ, come to what is allowed and not to more.
func TestBucketWithLateTimers(t *testing.T) {
	const rate, burst, span = 1000, 20, 20 * time.Second
	random := rand.New(rand.NewPCG(1, 2))
	upTo := func(d time.Duration) time.Duration { return time.Duration(random.Int64N(int64(d))) }
	b := testBucket(rate, burst)
	type reply struct {
		at      time.Time
		take    int64
		latency time.Duration
	}
	var replies []reply
	var arrivals []time.Time
	for now, end := bucketStart, bucketStart.Add(span); now.Before(end); {
		due := now.Add(max(b.delay(now), 0))
		if due.After(now) {
			if len(replies) > 0 && replies[0].at.Before(due) {
				r := replies[0]
				replies, now = replies[1:], r.at
				check(t, b.observe(now, r.take, LimitReply{Latency: r.latency}))
				continue
			}
			now = due.Add(upTo(2 * ms))
		}
		b.take(now)
		latency := ms + upTo(60*ms)
		arrivals = append(arrivals, now.Add(upTo(latency)))
		replies = append(replies, reply{now.Add(latency), b.takes, latency})
		slices.SortStableFunc(replies, func(r, other reply) int { return r.at.Compare(other.at) })
	}
	slices.SortFunc(arrivals, time.Time.Compare)
	amazon, throttled := &exactBucket{rate: rate, burst: burst, tokens: burst, last: arrivals[0]}, 0
	for _, at := range arrivals {
		if !amazon.takeAt(at) {
			throttled++
		}
	}
	if share := float64(len(arrivals)) / (burst + rate*span.Seconds()); share < 0.98 || throttled > 0 {
		t.Errorf("%.1f %% of the allowed, %d throttled; want 98 %% and none", 100*share, throttled)
	}
}

func TestBucketDrains(t *testing.T) {
	now := bucketStart
	b := testBucket(0.5, 10)
	for range 4 {
		b.take(now)
	}
	throttled := func(take int64, after, want time.Duration) {
		t.Helper()
		now = now.Add(after)
		check(t, b.observe(now, take, LimitReply{Throttled: true, Latency: 50 * ms}))
		if got := b.full.Sub(now); got != want {
			t.Errorf("after the 429 of take %d full in %s, want %s", take, got, want)
		}
	}
	throttled(2, ms, 10*b.step)
	if b.own != 0 {
		t.Errorf("an empty bucket has %d of its own", b.own)
	}
	throttled(3, ms, 10*b.step-ms) // of the same burst
	throttled(4, ms, 10*b.step-2*ms)
	b.take(now)
	throttled(5, ms, 11*b.step-3*ms) // what lags more than an empty one stays so
	now = now.Add(3 * b.step)
	b.take(now)
	throttled(6, ms, 10*b.step)
	throttled(0, ms, 10*b.step) // unknown which take
}

func TestBucketLearnsRates(t *testing.T) {
	now := bucketStart
	b := testBucket(1, 10)
	for range 4 {
		b.take(now)
	}
	missing := b.full.Sub(now)
	check(t, b.observe(now, 0, LimitReply{Rate: 2}))
	if got := b.full.Sub(now); b.rate != 2 || (got-missing/2).Abs() > time.Microsecond {
		t.Errorf("at a rate of %g full in %s, want %s: as many tokens are missing", b.rate, got, missing/2)
	}
	check(t, b.observe(now, 0, LimitReply{}))
	if b.rate != 2 || b.step != interval(2) {
		t.Errorf("without a header the rate became %g", b.rate)
	}
	for _, rate := range []float64{100, 0.01} { // the bounds themselves
		check(t, b.observe(now, 0, LimitReply{Rate: rate}))
		if b.rate != rate {
			t.Errorf("the rate is %g, want %g", b.rate, rate)
		}
	}
	for _, rate := range []float64{1000, 1e-4, 0.01} { // an emulator's
		check(t, b.observe(now, 0, LimitReply{Rate: rate, Emulated: true}))
		if b.rate != rate {
			t.Errorf("the emulated rate is %g, want %g", b.rate, rate)
		}
	}
	full := b.full
	for _, rate := range []float64{100.1, 0.0099, 1e-9, 1e300, -1, math.Inf(1), math.Inf(-1), math.NaN()} {
		err := b.observe(now, 0, LimitReply{Rate: rate})
		if err == nil {
			t.Errorf("a rate of %g is believed", rate)
			continue
		}
		wantText(t, err.Error(), "x-amzn-RateLimit-Limit", "not believed", "between 1/100 and 100 times the 1 of the usage plan")
		check(t, b.observe(now, 0, LimitReply{Rate: rate})) // told once
	}
	if b.rate != 0.01 || b.full != full {
		t.Errorf("what is not believed made the rate %g", b.rate)
	}
}

func TestBucketForgettable(t *testing.T) {
	now := bucketStart
	b := testBucket(1, 3)
	if !b.forgettable(now) {
		t.Error("one that was never taken from is kept")
	}
	b.take(now)
	check(t, b.observe(now, 1, LimitReply{Latency: 900 * ms, Rate: 0.5}))
	for at, want := range map[time.Duration]bool{0: false, forgetAfter: false, forgetAfter + 2*b.step + b.lag: true} {
		if got := b.forgettable(now.Add(at)); got != want {
			t.Errorf("after %s: %t, want %t", at, got, want)
		}
	}
	slow := testBucket(0.01, 1)
	slow.take(now)
	check(t, slow.observe(now, 1, LimitReply{Latency: time.Minute}))
	if full := slow.full; slow.forgettable(full.Add(forgetAfter)) || !slow.forgettable(full.Add(2*forgetAfter)) {
		t.Error("a lag of a minute must have faded to that of a new bucket, and after two hours it has")
	}
}

// Whatever rate, burst and queue are, times stay times: nothing turns around into its opposite.
func TestBucketBeyondAllTimes(t *testing.T) {
	now := bucketStart
	huge := testBucket(1000, math.MaxInt)
	for range 1000 {
		huge.take(now)
	}
	if got := huge.delay(now); got > 0 {
		t.Errorf("a burst of %d: the next call in %s", math.MaxInt, got)
	}
	if got := huge.after(now, math.MaxInt); got < 0 || got > time.Minute {
		t.Errorf("as many calls as the burst in %s, want little more than the tokens that are gone", got)
	}
	check(t, huge.observe(now, 0, LimitReply{Throttled: true}))
	if got := huge.delay(now); got <= 0 {
		t.Errorf("after a 429 the next call in %s", got)
	}

	slow := testBucket(1e-7, 400)
	for range 400 {
		slow.take(now)
	}
	check(t, slow.observe(now, 0, LimitReply{Rate: 1e-9}))
	for _, n := range []int{1, 400, math.MaxInt} {
		if got := slow.after(now, n); got <= 0 {
			t.Errorf("drained at a rate of 1e-9: %d calls in %s", n, got)
		}
	}
	one := testBucket(1e-9, 1)
	one.take(now)
	if got := one.after(now, 1000); got < horizon/2 {
		t.Errorf("behind 1000 others at a rate of 1e-9: %s", got)
	}
}
