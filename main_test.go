package spapi

import (
	"flag"
	"testing"

	"go.uber.org/goleak"

	"github.com/openspapi/spapi/internal/benchpeer"
)

var update = flag.Bool("update", false, "rewrite the golden files in testdata")

func TestMain(m *testing.M) {
	benchpeer.ServeIfAsked()
	goleak.VerifyTestMain(m)
}

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
