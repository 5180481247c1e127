package accounts

// Seams for the tests of package accounts_test.

func init() {
	scryptWork = 4 // a second per write is for people
	noSessionBus = func() bool { return false }
}
