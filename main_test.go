package spapi

import (
	"flag"
	"testing"

	"go.uber.org/goleak"
)

var update = flag.Bool("update", false, "rewrite the golden files in testdata")

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// ReuseBodies is for tests from outside.
const ReuseBodies = reuseBodies

// All tests run with memory that is overwritten when it is given back.
func init() {
	released = func(memory []byte) {
		for i := range memory {
			memory[i] = 0xAA
		}
	}
}
