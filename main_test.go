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
