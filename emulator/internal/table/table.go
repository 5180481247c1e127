// Package table reads the tables that stand beside the emulator's code.
package table

import (
	"encoding/csv"
	"strings"
)

// Read returns the rows below the header, each as long as that; lines that begin with # are comments. file is the table's name: a mistake in one is the
// project's, and found by the first test.
func Read(file, text string) [][]string {
	r := csv.NewReader(strings.NewReader(text))
	r.Comment = '#'
	rows, err := r.ReadAll()
	if err != nil {
		Refuse(file, err.Error())
	}
	return rows[1:]
}

// Refuse is for a mistake that only the reader of a row sees.
func Refuse(file, problem string) {
	panic("emulator: " + file + ": " + problem)
}
