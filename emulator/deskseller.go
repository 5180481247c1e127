package emulator

import (
	"sync"

	"github.com/openspapi/spapi/emulator/internal/world"
)

// account is one seller in one region, isolated from all others.
type account struct {
	*authAccount
	desk *frontDesk

	once   sync.Once
	built  *world.World
	stores sync.Map // of flows, by *store
}

// world returns the seller's world as of now. It builds it on first use and lets come what has come since. The caller doesn't hold the
// world's lock.
func (a *account) world() *world.World {
	w := a.untouched()
	w.Advance(a.desk.clock.Now())
	return w
}

// untouched is the world without what has come since it was last asked for.
func (a *account) untouched() *world.World {
	a.once.Do(func() {
		sizes := a.desk.worldSizes()
		a.built = world.New(sizes, &a.authAccount.Seller)
	})
	return a.built
}
