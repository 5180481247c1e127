package emulator

// order finds the order of the path, if it has been placed by the time of the call; nil otherwise.
func (c *call) order() (*world, *order) {
	w := c.account.world(c.emu)
	return w, w.orderByID(c.path["orderId"], c.now)
}

// items are those of the catalogue as of now.
func (c *call) items() []*product {
	w := c.account.world(c.emu)
	w.mu.RLock()
	defer w.mu.RUnlock()
	return w.catalogue()
}

// item finds an item of the catalogue, also one that can't be bought; nil when there is none.
func (c *call) item(asin string) *product {
	w := c.account.world(c.emu)
	w.mu.RLock()
	defer w.mu.RUnlock()
	if f := w.families[asin]; f != nil {
		return f.parent
	}
	return w.productByASIN(asin)
}
