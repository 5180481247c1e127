package format

import (
	"bytes"
	"math"
	"strconv"
)

// Double is a number that is written as Java writes a double: 8.0, 399.94, 1.569521782042E9. Amazon's amounts and percentages are spelled so
// (lineofflight/peddler, test/vcr_cassettes/Peddler, 2024 and 2025), rates in headers, and what its sandbox makes of 10.00.
type Double float64

// MarshalJSON is for what encoding/json writes.
func (d Double) MarshalJSON() ([]byte, error) { return d.append(nil), nil }

func (d Double) append(b []byte) []byte {
	f := float64(d)
	if a := math.Abs(f); a == 0 || a >= 1e-3 && a < 1e7 {
		b = strconv.AppendFloat(b, f, 'f', -1, 64)
		if f == math.Trunc(f) {
			b = append(b, ".0"...)
		}
		return b
	}
	mantissa, exponent, _ := bytes.Cut(strconv.AppendFloat(nil, f, 'e', -1, 64), []byte("e"))
	b = append(b, mantissa...)
	if !bytes.Contains(mantissa, []byte(".")) {
		b = append(b, ".0"...)
	}
	n, _ := strconv.Atoi(string(exponent)) // without the sign of a positive one, and without zeros before it
	return strconv.AppendInt(append(b, 'E'), int64(n), 10)
}

// String is the same text.
func (d Double) String() string { return string(d.append(nil)) }
