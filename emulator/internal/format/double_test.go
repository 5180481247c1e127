package format

import "testing"

// TestDouble has what Java's Double.toString says.
func TestDouble(t *testing.T) {
	for f, want := range map[Double]string{
		0: "0.0", 8: "8.0", -8: "-8.0", 399.94: "399.94", 0.001: "0.001", 0.0167: "0.0167", 9999999: "9999999.0", 9999999.5: "9999999.5",
		1e7: "1.0E7", 12345678: "1.2345678E7", -1e7: "-1.0E7", 1569521782.042: "1.569521782042E9", 0.0005: "5.0E-4", 1.5e-10: "1.5E-10",
	} {
		text, err := f.MarshalJSON()
		if got := f.String(); got != want || string(text) != want || err != nil {
			t.Errorf("%v: %s and %s, %v, want %s", float64(f), got, text, err, want)
		}
	}
}
