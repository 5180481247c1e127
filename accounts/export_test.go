package accounts

// Seams for the tests of package accounts_test.

func init() {
	scryptWork = 4 // a second per write is for people
	noSessionBus = func() bool { return false }
}

// AppsOf is how many applications are kept.
func AppsOf(c *Clients) int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return len(c.apps)
}
