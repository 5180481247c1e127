package spapi_test

import (
	"net/http"
	"testing"
	"testing/synctest"
	"time"

	"github.com/openspapi/spapi"
	"github.com/openspapi/spapi/emulator"
)

// TestEmulatedLimits: a client goes as fast as the emulator lets it, however far that is from Amazon's plan of one call a minute.
func TestEmulatedLimits(t *testing.T) {
	for name, test := range map[string]struct {
		options []emulator.Option
		calls   int
		atLeast time.Duration
		within  time.Duration
	}{
		"no limits":   {[]emulator.Option{emulator.WithoutLimits()}, 200, 0, 5 * time.Second},
		"much faster": {[]emulator.Option{emulator.WithRateLimit("ordersv0.*", 50, 1000)}, 200, 0, 10 * time.Second},
		"much slower": {[]emulator.Option{emulator.WithRateLimit("ordersv0.*", 0.0001, 25)}, 21, 9900 * time.Second, 10100 * time.Second},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				emu, err := emulator.New(append(test.options, emulator.WithSeed(1), emulator.WithOrders(0))...)
				if err != nil {
					t.Fatal(err)
				}
				c := emu.Credentials()
				app := spapi.NewApp(spapi.Credentials{ClientID: c.ClientID, ClientSecret: spapi.NewSecret(c.ClientSecret)}, spapi.WithTransport(emu))
				client := app.Client(spapi.Authorization{RefreshToken: spapi.NewSecret(c.RefreshToken), Region: c.Region})
				start := time.Now()
				for i := range test.calls {
					req, err := http.NewRequestWithContext(t.Context(), "GET", "/orders/v0/orders?CreatedAfter=2026-01-01T00:00:00Z&MarketplaceIds=ATVPDKIKX0DER", nil)
					if err != nil {
						t.Fatal(err)
					}
					resp, err := client.Do(req)
					if err != nil {
						t.Fatalf("call %d: %v", i, err)
					}
					_ = resp.Body.Close()
				}
				if took := time.Since(start); took < test.atLeast || took > test.within {
					t.Errorf("%d calls took %s, want %s to %s", test.calls, took, test.atLeast, test.within)
				}
			})
		})
	}
}
