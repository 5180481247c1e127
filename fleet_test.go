package spapi_test

import (
	"slices"
	"testing"

	"github.com/openspapi/spapi"
	"github.com/openspapi/spapi/fleet/fleettest"
)

func TestLimiterSuite(t *testing.T) {
	fleettest.TestLimiter(t, func(*testing.T) spapi.Limiter { return spapi.NewLimiter() })
}

func TestTokenStoreSuite(t *testing.T) {
	fleettest.TestTokenStore(t, func(*testing.T) spapi.TokenStore { return spapi.NewTokenStore() })
}

// One limiter handed out several times is limiters that share all they know.
func TestSharedSuite(t *testing.T) {
	fleettest.TestShared(t, func(_ *testing.T, n int) fleettest.Shared {
		return fleettest.Shared{Limiters: slices.Repeat([]spapi.Limiter{spapi.NewLimiter()}, n)}
	})
}
