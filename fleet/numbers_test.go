package fleet

import (
	"os"
	"regexp"
	"strconv"
	"testing"
)

// What scripts, this package and the limiter of one process all reckon with is one number.
func TestNumbersAgree(t *testing.T) {
	turns, err := os.ReadFile("../turns.go")
	if err != nil {
		t.Fatal(err)
	}
	bucket, err := os.ReadFile("../bucket.go")
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		name, text, pattern string
		want                float64
	}{
		{"PASSES of limit.lua", limitText, `(?m)^local PASSES = (\S+)`, passes},
		{"passes of turns.go", string(turns), `(?m)^const passes = (\S+)`, passes},
		{"MARGIN of limit.lua", limitText, `(?m)^local MARGIN = (\S+)`, margin},
		{"1 + margin of bucket.go", "1" + string(regexp.MustCompile(`(?m)^\tmargin = 0(\S+)`).FindSubmatch(bucket)[1]), `(.+)`, margin},
	} {
		found := regexp.MustCompile(c.pattern).FindStringSubmatch(c.text)
		if found == nil {
			t.Errorf("there is no %s", c.name)
		} else if got, err := strconv.ParseFloat(found[1], 64); err != nil || got != c.want {
			t.Errorf("%s is %s, want %g as here", c.name, found[1], c.want)
		}
	}
}
