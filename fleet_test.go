package spapi_test

import (
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
