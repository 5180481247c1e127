package recordings

// flowChecks are the checks of this area.
func flowChecks() []check { return nil }
