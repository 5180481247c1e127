package main

import (
	"regexp"
	"strconv"
	"strings"
	"time"

	"github.com/openspapi/spapi/internal/catalog"
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

// limitType adds the limit of a type of reports or feeds that a row tells.
func (op *operation) limitType(r row) error {
	l := catalog.TypeLimit{Field: r.get("field"), Type: r.get("type"), Application: r.get("scope") == "application", PerMarketplace: r.get("per") != "",
		FromMade: r.get("from") == "made", Since: r.get("since"), Source: r.get("source"), Note: r.get("note")}
	var err error
	if l.Calls, err = r.int("calls"); err != nil {
		return err
	}
	window, err := time.ParseDuration(r.get("window"))
	l.Seconds = int(window / time.Second)
	_, sinceErr := time.Parse(time.DateOnly, l.Since)
	last := len(op.TypeLimits) - 1
	switch {
	case l.Type == "" || l.Calls == 0:
		return r.errorf("type and calls: neither may be empty or 0")
	case l.Application == (r.get("scope") == "seller"):
		return r.errorf("scope: %q is neither seller nor application", r.get("scope"))
	case l.FromMade == (r.get("from") == "asked"):
		return r.errorf("from: %q is neither asked nor made", r.get("from"))
	case err != nil || window < time.Minute || window%time.Minute != 0:
		return r.errorf("window: %q is not a number of minutes such as 30m", r.get("window"))
	case l.Since != "" && sinceErr != nil:
		return r.errorf("since: %q is not a day such as 2026-04-24", l.Since)
	case last >= 0 && op.TypeLimits[last].Type >= l.Type:
		return r.errorf("type: %s stands behind %s; want the types in order, each once", l.Type, op.TypeLimits[last].Type)
	case last >= 0 && op.TypeLimits[last].Field != l.Field:
		return r.errorf("field: %s, and %s for %s; want one field", l.Field, op.TypeLimits[last].Field, op.TypeLimits[last].Type)
	}
	op.TypeLimits = append(op.TypeLimits, l)
	return nil
}
