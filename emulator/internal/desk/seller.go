package desk

import (
	"sync"

	"github.com/openspapi/spapi/emulator/internal/auth"
	"github.com/openspapi/spapi/emulator/internal/world"
)

// Seller is one seller in one region, isolated from all others.
type Seller struct {
	*auth.Account
	Desk *Desk

	once   sync.Once
	built  *world.World
	stores sync.Map // of flows, by *store
}

// World returns the seller's world as of now. It builds it on first use and lets come what has come since. The caller doesn't hold the
// world's lock.
func (a *Seller) World() *world.World {
	w := a.untouched()
	w.Advance(a.Desk.Clock.Now())
	return w
}

// untouched is the world without what has come since it was last asked for.
func (a *Seller) untouched() *world.World {
	a.once.Do(func() {
		sizes := a.Desk.worldSizes()
		a.built = world.New(sizes, &a.Account.Seller)
	})
	return a.built
}
