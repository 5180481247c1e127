package check

import (
	"encoding/csv"
	"path"
	"strings"
)

// readTable reads a table that stands beside the code: its rows below the header, each as long as that. A mistake in one is found by the first test.
func readTable(text string) [][]string {
	rows, err := csv.NewReader(strings.NewReader(text)).ReadAll()
	if err != nil {
		panic("emulator: table can't be read: " + err.Error())
	}
	return rows[1:]
}

// concerns tells whether a pattern of a table, an operation ID with asterisks, matches an operation's ID.
func concerns(pattern, id string) bool {
	ok, err := path.Match(pattern, id)
	return ok && err == nil
}
