package document

import (
	"fmt"
	"strings"
)

// ParseNumber reads a decimal as it stands in reports and returns it as JSON has it: "1.234,50" with a decimal comma is "1234.50". Groups of thousands may be set off by the other
// separator, by spaces or by apostrophes; a minus may stand behind. Where only one reading is possible, such as "12,34" or "0.5", that is taken whatever the decimal separator.
func ParseNumber(s string, decimal byte) (string, error) {
	if decimal != ',' {
		decimal = '.'
	}
	t := strings.TrimSpace(s)
	negative := false
	switch {
	case strings.HasPrefix(t, "-"), strings.HasPrefix(t, "\u2212"):
		negative = true
		t = strings.TrimLeft(strings.TrimPrefix(strings.TrimPrefix(t, "-"), "\u2212"), " ")
	case len(t) > 1 && strings.HasSuffix(t, "-"), strings.HasSuffix(t, "\u2212"): // as SAP writes it
		negative = true
		t = strings.TrimRight(strings.TrimSuffix(strings.TrimSuffix(t, "-"), "\u2212"), " ")
	case strings.HasPrefix(t, "+"):
		t = t[1:]
	case len(t) > 2 && t[0] == '(' && t[len(t)-1] == ')': // as accountants write it
		negative = true
		t = t[1 : len(t)-1]
	}
	plain, ok := plainNumber(t, decimal)
	if !ok {
		return "", fmt.Errorf("%q is not a number with decimal %q", clip(s), decimal)
	}
	if negative {
		plain = "-" + plain
	}
	return plain, nil
}

func plainNumber(t string, decimal byte) (string, bool) {
	mantissa, exponent := t, ""
	if i := strings.IndexAny(t, "eE"); i > 0 {
		mantissa, exponent = t[:i], t[i:]
		if digits := strings.TrimLeft(exponent[1:], "+-"); !allDigits(digits) || len(exponent)-1-len(digits) > 1 {
			return "", false
		}
	}
	if mantissa = spaceGroups.Replace(mantissa); strings.Contains(mantissa, " ") {
		whole := mantissa
		if i := strings.IndexAny(whole, ".,"); i >= 0 {
			whole = whole[:i]
		}
		if !validGroups(whole, ' ') || strings.Contains(mantissa[len(whole):], " ") {
			return "", false
		}
		mantissa = strings.ReplaceAll(mantissa, " ", "")
	}
	if strings.Count(mantissa, string(decimal)) > 1 && validGroups(mantissa, decimal) { // "1.234.567"
		mantissa = strings.ReplaceAll(mantissa, string(decimal), "")
	}
	group := byte(',')
	if decimal == ',' {
		group = '.'
	}
	whole, fraction, hasFraction := cutLast(mantissa, decimal)
	if grouped := strings.IndexByte(whole, group) >= 0; grouped && !validGroups(whole, group) ||
		strings.IndexByte(whole, decimal) >= 0 || strings.IndexByte(fraction, group) >= 0 {
		// Not possible as written for this decimal separator; perhaps for the other one.
		other, otherFraction, has := cutLast(mantissa, group)
		if !has || strings.IndexByte(otherFraction, decimal) >= 0 || strings.IndexByte(other, group) >= 0 ||
			strings.IndexByte(other, decimal) >= 0 && !validGroups(other, decimal) {
			return "", false
		}
		whole, fraction, hasFraction, group = other, otherFraction, true, decimal
	}
	whole = strings.ReplaceAll(whole, string(group), "")
	if whole == "" && fraction == "" || whole != "" && !allDigits(whole) || hasFraction && fraction != "" && !allDigits(fraction) {
		return "", false
	}
	whole = strings.TrimLeft(whole, "0") // JSON has no leading zeros
	if whole == "" {
		whole = "0"
	}
	if fraction != "" {
		whole += "." + fraction
	}
	return whole + exponent, true
}

// spaceGroups are the separators of groups that are never a decimal separator: spaces of several widths, and Switzerland's apostrophes.
var spaceGroups = strings.NewReplacer("\u00a0", " ", "\u202f", " ", "\u2009", " ", "'", " ", "\u2019", " ")

// validGroups reports whether all groups but the first have three digits, as in "1,234,567".
func validGroups(s string, separator byte) bool {
	groups := strings.Split(s, string(separator))
	if len(groups[0]) == 0 || len(groups[0]) > 3 || groups[0][0] == '0' {
		return false
	}
	for _, g := range groups[1:] {
		// India groups by two: "12,34,567".
		if len(g) != 3 && len(g) != 2 {
			return false
		}
	}
	return len(groups[len(groups)-1]) == 3
}

func cutLast(s string, separator byte) (before, after string, found bool) {
	if i := strings.LastIndexByte(s, separator); i >= 0 {
		return s[:i], s[i+1:], true
	}
	return s, "", false
}

func allDigits(s string) bool {
	for i := range len(s) {
		if s[i] < '0' || s[i] > '9' {
			return false
		}
	}
	return s != ""
}
