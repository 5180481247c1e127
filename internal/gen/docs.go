package main

import (
	"fmt"
	"strings"
)

// opDoc is the comment of a method, made from facts alone. The first line is a name, a verb and a path that a test compares
// with the catalog.
func opDoc(op *operation, g *goOp) []string {
	out := []string{fmt.Sprintf("%s %s %s, %s, burst %d.", g.Method, op.Operation.Method, op.Path, rateText(op.Rate), op.Burst)}
	add := func(format string, args ...any) { out = append(out, fmt.Sprintf(format, args...)) }
	if op.LimitNote != "" {
		add("The limit is from %s: %s.", op.LimitSource, strings.TrimSuffix(op.LimitNote, "."))
	}
	if op.AppRate > 0 {
		add("All sellers of an application together: %s.", rateText(op.AppRate))
	}
	if len(g.Brings) > 0 {
		add("The result depends on the status: %s.", strings.Join(g.Brings, "; "))
	}
	if g.Pages != nil {
		switch {
		case g.Pages.Item != "":
			add("It pages: [Client.%sPages] and [Client.%sAll] follow.", g.Method, g.Method)
		default:
			add("It pages: [Client.%sPages] follows.", g.Method)
		}
	}
	if r := op.Restricted; r != nil {
		elements := ""
		if len(r.DataElements) > 0 {
			elements = " (" + strings.Join(r.DataElements, ", ") + ")"
		}
		switch r.When {
		case "always":
			add("It needs a restricted data token%s, which the client fetches by itself.", elements)
		case "on-request":
			add("Personal data%s needs a restricted data token: pass [spapi.WithRestrictedData].", elements)
		default:
			add("Some report types need a restricted data token: pass [spapi.WithReportType].")
		}
	}
	if op.Grantless != "" {
		add("It is grantless: the token is the application's own, scope %s.", op.Grantless)
	}
	if len(op.Roles) == 1 {
		add("Role: %s.", op.Roles[0])
	} else if len(op.Roles) > 1 {
		add("Roles, one of them is enough: %s.", strings.Join(op.Roles, ", "))
	}
	if op.SandboxOnly {
		add("It exists in the sandbox only.")
	}
	if op.Docs != "" {
		add("See %s", op.Docs)
	}
	if op.Deprecated {
		text := "Deprecated: Amazon has deprecated this operation"
		if op.DeprecatedSince != "" {
			text += " on " + op.DeprecatedSince
		}
		if op.Removal != "" {
			text += "; the date of its removal is " + op.Removal // which may lie behind whoever reads it
		}
		if op.ReplacedBy != "" {
			text += "; use " + op.ReplacedBy + " instead"
		}
		g.Deprecated = text + "."
	}
	return out
}

// rateText gives a rate in the unit that people think in.
func rateText(rate float64) string {
	if rate >= 0.1 {
		return fmt.Sprintf("%.4g requests per second", rate)
	}
	return fmt.Sprintf("%.4g requests per second (one in %.3g s)", rate, 1/rate)
}
