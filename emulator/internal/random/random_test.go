package random

import "testing"

// TestScramble is a permutation that can be undone, and one without a visible order.
func TestScramble(t *testing.T) {
	s := NewScramble(100, 7, "test")
	seen := map[uint64]bool{}
	neighbours := 0
	for n := range uint64(10000) {
		to := s.Of(n)
		if to >= 10000 || seen[to] || s.Unscramble(to) != n {
			t.Fatalf("%d becomes %d, and that %d", n, to, s.Unscramble(to))
		}
		if next := s.Of((n + 1) % 10000); next == to+1 || to == next+1 {
			neighbours++
		}
		seen[to] = true
	}
	if neighbours > 20 {
		t.Errorf("%d neighbours stay such", neighbours)
	}
}

// TestStreamsAreTheSame gives the same choices for a number whatever was asked before.
func TestStreamsAreTheSame(t *testing.T) {
	a, b := NewStream(1, "x"), NewStream(1, "x")
	first := a.Of(5).Uint64()
	b.Of(4).Uint64()
	if got := b.Of(5).Uint64(); got != first {
		t.Errorf("%d, want %d", got, first)
	}
	other := NewStream(2, "x")
	if other.Of(5).Uint64() == first || a.Of(6).Uint64() == first {
		t.Error("another seed or number gives the same")
	}
	if n := testing.AllocsPerRun(100, func() { a.Of(7) }); n > 0 {
		t.Errorf("%v allocations to turn to a number", n)
	}
}
