package main

import (
	"regexp"
	"strconv"
	"strings"
)

// usageRow is a row of the Markdown table in which the models give an operation's usage plan: two numbers side by side,
// sometimes behind a first column that names the plan. A missing leading zero and "\n" spelled out occur.
var usageRow = regexp.MustCompile(`\|\s*([0-9]*\.?[0-9]+)\s*\|\s*([0-9]*\.?[0-9]+)\s*\|`)

// usagePlan reads rate (requests per second) and burst; zeros where the model gives none.
func usagePlan(description string) (rate float64, burst int) {
	m := usageRow.FindStringSubmatch(strings.ReplaceAll(description, `\n`, "\n"))
	if m == nil {
		return 0, 0
	}
	rate, err1 := strconv.ParseFloat(m[1], 64)
	b, err2 := strconv.ParseFloat(m[2], 64)
	if err1 != nil || err2 != nil || rate <= 0 || b < 1 {
		return 0, 0
	}
	return rate, int(b)
}
