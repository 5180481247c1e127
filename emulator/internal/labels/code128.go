package labels

import (
	_ "embed"
	"fmt"
	"strings"
)

// The symbols of Code 128 (ISO/IEC 15417) as widths of bars and spaces, by value: those of data, then the three starts; the stop comes last.
//
//go:embed code128.txt
var code128Table string

const (
	startB  = 104
	stop    = 106
	modulus = 103
)

// code128 returns the widths of bars and spaces, in modules, that say text in code set B.
func code128(text string) ([]int, error) {
	if text == "" {
		return nil, fmt.Errorf("barcode of nothing: want a tracking number")
	}
	symbols := strings.Fields(code128Table)
	values, sum := []int{startB}, startB
	for i := range len(text) {
		if text[i] < ' ' || text[i] > '~' {
			return nil, fmt.Errorf("barcode of %q: want printable ASCII", text)
		}
		v := int(text[i] - ' ')
		values = append(values, v)
		sum += (i + 1) * v
	}
	var bars []int
	for _, v := range append(values, sum%modulus, stop) {
		for _, width := range symbols[v] {
			bars = append(bars, int(width-'0'))
		}
	}
	return bars, nil
}
