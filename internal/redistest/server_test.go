package redistest_test

import (
	"testing"

	"github.com/openspapi/spapi/fleet/fleettest"
	"github.com/openspapi/spapi/internal/redistest"
)

// The servers that stand in for an adapter's in other tests do what an adapter's does.
func TestServers(t *testing.T) {
	flush := func(s *redistest.Server) func() {
		return func() {
			if _, err := s.Do("SCRIPT", "FLUSH"); err != nil {
				t.Error(err)
			}
		}
	}
	t.Run("memory", func(t *testing.T) {
		fleettest.TestServer(t, func(t *testing.T) fleettest.Redis {
			s := redistest.Memory(t)
			return fleettest.Redis{Server: s, FlushScripts: flush(s)}
		})
	})
	t.Run("redis", func(t *testing.T) {
		r := redistest.Start(t)
		fleettest.TestServer(t, func(t *testing.T) fleettest.Redis {
			s := r.Virtual(t)
			return fleettest.Redis{Server: s, FlushScripts: flush(s)}
		})
	})
}
