package output

import (
	"strconv"
	"strings"
)

// Plural counts something: "1 order", "2 orders", "0 queries". Of a phrase, such as "page of orders", many is given.
func Plural[N int | int64](n N, one string, many ...string) string {
	what := one
	switch {
	case n == 1:
	case len(many) > 0:
		what = many[0]
	case strings.HasSuffix(one, "y") && !strings.HasSuffix(one, "ay") && !strings.HasSuffix(one, "ey"):
		what = strings.TrimSuffix(one, "y") + "ies"
	default:
		what = one + "s"
	}
	return strconv.FormatInt(int64(n), 10) + " " + what
}
