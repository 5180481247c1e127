package tiny_test

import (
	"testing"

	"tiny"
)

func TestOutside(t *testing.T) {
	if got := tiny.Larger(1, 1); got != 1 {
		t.Errorf("got %d", got)
	}
}
