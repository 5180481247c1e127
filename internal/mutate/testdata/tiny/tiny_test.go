package tiny

import "testing"

func TestLarger(t *testing.T) {
	t.Run("of two", func(t *testing.T) {
		if got := Larger(2, 1); got != 2 {
			t.Errorf("got %d", got)
		}
	})
}

func TestLoop(t *testing.T) {
	if got := Loop(3); got != 6 {
		t.Errorf("got %d", got)
	}
}

func TestSkipped(t *testing.T) { t.Skip("not here") }
