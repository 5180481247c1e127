package recordings

// deskChecks are the checks of what holds for all operations: parameters, bodies, marketplaces.
func deskChecks() []check { return nil }
