package emulator

import (
	"github.com/openspapi/spapi/emulator/internal/world"
)

// order finds the order of the path, if it has been placed by the time of the call; nil otherwise.
func (c *call) order() (*world.World, *world.Order) {
	w := c.account.world()
	return w, w.OrderByID(c.path["orderId"], c.now)
}

// items are those of the catalogue as of now.
func (c *call) items() []*world.Product {
	w := c.account.world()
	w.RLock()
	defer w.RUnlock()
	return w.Catalogue()
}

// item finds an item of the catalogue, also one that can't be bought; nil when there is none.
func (c *call) item(asin string) *world.Product {
	w := c.account.world()
	w.RLock()
	defer w.RUnlock()
	if f := w.Families[asin]; f != nil {
		return f.Parent
	}
	return w.ProductByASIN(asin)
}
