package fleet

import (
	"math/rand/v2"
	"testing"
	"time"
)

// What others wait for isn't full a moment later: who waits looks once a keep-alive, and others take meanwhile. After that it is as it was told.
func TestLeftOfWhatOthersWaitFor(t *testing.T) {
	now := time.Now()
	o := &outage{since: now, keep: time.Second}
	for ago, want := range map[time.Duration]float64{300 * time.Millisecond: 0, 900 * time.Millisecond: 0, 1900 * time.Millisecond: 0, 5 * time.Second: 10} {
		b := &bucket{limit: sellerBucket("A1", 20, 10), looked: now.Add(-ago), crowded: true}
		b.full = b.looked.Add(500 * time.Millisecond)
		if left := b.left(o, 8); left != want {
			t.Errorf("of a bucket of 10 that others waited for %s ago there is %g left, want %g", ago, left, want)
		}
	}
}

// What this process took in an outage just before, of which the server wasn't told, the others took as well: until all have had their turn after it, and the
// bucket has filled since.
func TestLeftAfterAnOutageJustBefore(t *testing.T) {
	now := time.Now()
	o := &outage{since: now, keep: time.Second}
	for ago, want := range map[time.Duration]float64{-100 * time.Millisecond: 0, 300 * time.Millisecond: 0, 500 * time.Millisecond: 10} {
		b := &bucket{limit: sellerBucket("A1", 20, 10), looked: now.Add(-time.Minute), debt: 3, owed: now.Add(-ago)}
		b.share = &share{outage: &outage{}, limit: sellerBucket("A1", 20.0/8, 1)}
		if left := b.left(o, 8); left != want {
			t.Errorf("%s after a bucket of 10 could be full there is %g left, want %g", ago, left, want)
		}
	}
}

// First tokens of shares come one after the other, in the order of processes, whenever each finds out that it is alone. At random moments some come
// together: in one outage of ten more than an empty bucket makes up for.
func TestFirstTokensOfShares(t *testing.T) {
	const processes = 8
	limit := sellerBucket("A1", 20, 10)
	step := time.Duration(margin * float64(time.Second) / limit.Rate)
	began := time.Now()
	at := make([]time.Duration, processes) // in a cycle
	for rank := range processes {
		found := began.Add(rand.N(time.Second))
		hello := began.Add(-rand.N(time.Second))
		o := &outage{since: found, keep: time.Second, counts: map[string]int{limit.App: processes}, turns: map[string]turn{
			limit.App: {rank: rank, at: hello, server: time.Hour + hello.Sub(began)},
		}}
		b := &bucket{limit: limit, looked: found, crowded: true, full: found.Add(time.Second / 2)}
		s := (&Limiter{}).shareOf(o, b, found)
		if wait := s.opens.Sub(found); wait < 0 || wait > processes*step {
			t.Errorf("the first token of process %d comes after %s, want it within %s", rank, wait, processes*step)
		}
		if s.slots != nil || s.limit.Burst != 1 {
			t.Errorf("process %d has slots, or a burst of %d: a bucket of 10 can make up for calls that meet", rank, s.limit.Burst)
		}
		at[rank] = (s.opens.Sub(began) + 1000*processes*step) % (processes * step)
	}
	for rank := range processes {
		next := (at[(rank+1)%processes] - at[rank] + processes*step) % (processes * step)
		if (next - step).Abs() > time.Microsecond {
			t.Errorf("process %d calls %s after the one before, want %s: %v", (rank+1)%processes, next, step, at)
		}
	}
}
