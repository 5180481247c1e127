package format

import (
	"math"
	"strconv"
)

// Double is a number that is written with a fraction even where it is whole, as Java writes a double: 8.0, 399.94. Amazon's amounts and percentages
// are spelled so (lineofflight/peddler, test/vcr_cassettes/Peddler, 2024 and 2025).
type Double float64

// MarshalJSON is for what encoding/json writes.
func (d Double) MarshalJSON() ([]byte, error) { return d.append(nil), nil }

func (d Double) append(b []byte) []byte {
	b = strconv.AppendFloat(b, float64(d), 'f', -1, 64)
	if f := float64(d); f == math.Trunc(f) {
		b = append(b, ".0"...)
	}
	return b
}

// String is the same text.
func (d Double) String() string { return string(d.append(nil)) }
