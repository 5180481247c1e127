package fleet_test

import (
	"runtime/debug"
	"testing"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) {
	debug.SetGCPercent(800) // the server in memory makes a Lua state for each script, and throws it away: a third of the time of all tests
	goleak.VerifyTestMain(m)
}
