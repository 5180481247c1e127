package fleet_test

import (
	"os"
	"path"
	"slices"
	"testing"

	"github.com/openspapi/spapi"
	"github.com/openspapi/spapi/fleet"
	"github.com/openspapi/spapi/fleet/fleettest"
	"github.com/openspapi/spapi/internal/redistest"
)

func newLimiter(t *testing.T, s fleet.Server) *fleet.Limiter {
	l := fleet.NewLimiter(s)
	t.Cleanup(func() { _ = l.Close() })
	return l
}

// prove is set by make prove-fleet: what takes minutes is done too.
var prove = os.Getenv("SPAPI_PROVE_FLEET") != ""

func TestLimiterSuite(t *testing.T) {
	t.Run("memory", func(t *testing.T) {
		if testing.Short() {
			t.Skip("SKIPPED: with a server in memory it takes minutes under the race detector; redis has the same")
		}
		fleettest.TestLimiter(t, func(t *testing.T) spapi.Limiter {
			if long := []string{"KeepsToPlan", "SellersShare", "NobodyStarves"}; slices.Contains(long, path.Base(t.Name())) && !prove {
				t.Skip("SKIPPED: tens of thousands of scripts, which a server in memory takes minutes for; redis has the same: make prove-fleet")
			}
			return newLimiter(t, redistest.Memory(t))
		})
	})
	t.Run("redis", func(t *testing.T) {
		r := redistest.Start(t)
		fleettest.TestLimiter(t, func(t *testing.T) spapi.Limiter {
			s := r.Virtual(t)
			if _, err := s.Do("FLUSHALL"); err != nil {
				t.Fatal(err)
			}
			return newLimiter(t, s)
		})
	})
}
