package desk

import (
	"math/big"
	"math/rand/v2"
	"testing"
	"time"
)

// TestBucketIsExact compares the bucket with one that counts tokens in fractions without any rounding.
func TestBucketIsExact(t *testing.T) {
	for _, plan := range []struct {
		rate  string
		burst int
	}{{"0.0167", 20}, {"0.5", 1}, {"1", 10}, {"2", 2}, {"5", 15}, {"100", 100}, {"0.0222", 10}} {
		rate, _ := new(big.Rat).SetString(plan.rate)
		f, _ := rate.Float64()
		b := &bucket{}
		tokens, last := new(big.Rat).SetInt64(int64(plan.burst)), time.Unix(0, 0)
		full := new(big.Rat).SetInt64(int64(plan.burst))
		r := rand.New(rand.NewPCG(1, 2))
		now := last
		taken := 0
		for range 20000 {
			now = now.Add(time.Duration(r.Float64() * 2 / f * float64(time.Second) * 0.9))
			passed := new(big.Rat).SetFrac64(int64(now.Sub(last)), int64(time.Second))
			tokens.Add(tokens, passed.Mul(passed, rate))
			if tokens.Cmp(full) > 0 {
				tokens.Set(full)
			}
			last = now
			// Within a nanosecond's worth of the border either answer is right.
			distance := new(big.Rat).Sub(tokens, big.NewRat(1, 1))
			near, _ := distance.Float64()
			_, ok := b.take(now, f, plan.burst)
			if want := distance.Sign() >= 0; ok != want && (near > 1e-5 || near < -1e-5) {
				t.Fatalf("rate %s burst %d after %d: took %v with %s tokens", plan.rate, plan.burst, taken, ok, tokens.FloatString(9))
			}
			if ok {
				tokens.Sub(tokens, big.NewRat(1, 1))
				taken++
			}
		}
		if taken < 5000 {
			t.Errorf("rate %s: only %d taken", plan.rate, taken)
		}
	}
}

func TestBucketBurstAndRefill(t *testing.T) {
	b, now := &bucket{}, time.Unix(1000, 0)
	for want := 2; want >= 0; want-- {
		if left, ok := b.take(now, 0.5, 3); !ok || left != want {
			t.Fatalf("left %d %v, want %d", left, ok, want)
		}
	}
	if _, ok := b.take(now.Add(2*time.Second-1), 0.5, 3); ok {
		t.Error("a token one nanosecond too early")
	}
	if _, ok := b.take(now.Add(2*time.Second), 0.5, 3); !ok {
		t.Error("no token at its time")
	}
}
