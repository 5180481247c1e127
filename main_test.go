package spapi

import (
	"flag"
	"testing"

	"go.uber.org/goleak"

	"github.com/openspapi/spapi/internal/benchpeer"
)

var update = flag.Bool("update", false, "rewrite the golden files in testdata")

// All tests run with memory that is overwritten when it is given back; benchmarks don't, since that takes its time.
func TestMain(m *testing.M) {
	benchpeer.ServeIfAsked()
	flag.Parse()
	if flag.Lookup("test.bench").Value.String() == "" {
		released = func(memory []byte) {
			for i := range memory {
				memory[i] = 0xAA
			}
		}
	}
	goleak.VerifyTestMain(m)
}
