package emulator_test

import (
	"sync"
	"testing"

	"github.com/openspapi/spapi/emulator"
)

// TestSellersAreThereDuringReset asks for sellers while they are replaced: there is always a first one.
func TestSellersAreThereDuringReset(t *testing.T) {
	c := newClient(t, emulator.WithOrders(0))
	state, err := c.Export()
	if err != nil {
		t.Fatal(err)
	}
	want := c.Credentials()
	done := make(chan struct{})
	var wg sync.WaitGroup
	wg.Go(func() {
		defer close(done)
		for range 200 {
			c.Reset()
			if err := c.Import(state); err != nil {
				t.Error(err)
			}
		}
	})
	for running := true; running; {
		select {
		case <-done:
			running = false
		default:
		}
		if got := c.Credentials(); got != want {
			t.Errorf("credentials %+v, want %+v", got, want)
			break
		}
		c.Messages(want.SellerID)
		if n := len(c.Accounts()); n != 1 {
			t.Errorf("%d accounts", n)
		}
	}
	wg.Wait()
}
