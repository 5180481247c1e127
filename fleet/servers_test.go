package fleet_test

import (
	"testing"

	"github.com/openspapi/spapi/fleet"
	"github.com/openspapi/spapi/internal/redistest"
)

// The servers for tests in package fleet, which can't import redistest itself: that imports fleet.
func init() {
	fleet.OpenServers = []fleet.OpenServer{
		{Name: "memory", Start: func(testing.TB) func(testing.TB) fleet.TestServer {
			return func(t testing.TB) fleet.TestServer { return redistest.Memory(t) }
		}},
		{Name: "redis", Start: func(t testing.TB) func(testing.TB) fleet.TestServer {
			r := redistest.Start(t)
			return func(t testing.TB) fleet.TestServer { return r.Virtual(t) }
		}},
	}
}
