package main

import (
	"fmt"
	"slices"
	"strings"

	"github.com/openspapi/spapi/internal/catalog"
	"github.com/openspapi/spapi/internal/paging"
)

// continued begins the rule of an operation whose token another operation of the same API takes.
const continued = "continue-"

// followed are the rules of paging.csv that package paging follows, with what they mean. Data Kiosk's two are not among them: its pages are
// queries of their own, which package datakiosk follows.
var followed = map[string]paging.Rule{
	"same-args":             {},
	"offset":                {},
	"token-only":            {Alone: true},
	"next-token-query-type": {Set: "QueryType=NEXT_TOKEN"},
}

// notFollowed are the other rules of paging.csv.
var notFollowed = []string{"new-query", "none-feeds"}

func knownRule(rule string) bool {
	_, ok := followed[rule]
	return ok || slices.Contains(notFollowed, rule) || strings.HasPrefix(rule, continued)
}

// pagingRule turns the overlay's row of an operation into data for package paging; ok is false where its pages are not followed.
func pagingRule(m *model, op *operation) (rule paging.Rule, ok bool, err error) {
	pg := op.Paging
	fail := func(format string, args ...any) error {
		return fmt.Errorf("overlay/paging.csv: %s %s: %s", m.stem, op.Name, fmt.Sprintf(format, args...))
	}
	if slices.Contains(notFollowed, pg.Rule) {
		return rule, false, nil
	}
	then, isContinued := strings.CutPrefix(pg.Rule, continued)
	rule = followed[pg.Rule]
	rule.Operation, rule.Path, rule.Next, rule.Items, rule.Total = op.ID, op.Path, pg.TokenOut, pg.Items, pg.Total
	place, name, _ := strings.Cut(pg.TokenIn, ":")
	switch place {
	case "query":
		rule.Query = name
	case "body":
		rule.Body = name
	case "":
		if !isContinued {
			return rule, false, fail("tokenIn is empty")
		}
	default:
		return rule, false, fail("tokenIn %q is not \"query:<name>\" or \"body:<path>\"", pg.TokenIn)
	}
	if pg.Rule == "offset" {
		if rule.Size, ok = strings.CutPrefix(pg.Size, "body:"); !ok || rule.Body == "" || rule.Items == "" {
			return rule, false, fail("rule offset needs tokenIn and size in the body, and items")
		}
		for _, path := range []string{rule.Body, rule.Size} {
			if op.detail.Body == nil || !hasMember(m, op.detail.Body.Schema, path) {
				return rule, false, fail("no member %q in the body of the request", path)
			}
		}
	} else if rule.Next == "" {
		return rule, false, fail("tokenOut is empty")
	}
	if isContinued {
		i := slices.IndexFunc(m.ops, func(o *operation) bool { return o.Name == then })
		if i < 0 {
			return rule, false, fail("no operation %q that could take the token", then)
		}
		rule.Then, rule.Alone = m.ops[i].ID, true
		for _, p := range op.detail.Parameters { // what both take
			if p.In == "query" && hasQuery(m.ops[i], p.Name) {
				rule.Keep = append(rule.Keep, p.Name)
			}
		}
	}
	if rule.Query != "" && !hasQuery(op, rule.Query) {
		return rule, false, fail("tokenIn: no parameter %q", rule.Query)
	}
	return rule, true, nil
}

func hasQuery(op *operation, name string) bool {
	for _, p := range op.detail.Parameters {
		if p.In == "query" && p.Name == name {
			return true
		}
	}
	return false
}

func hasMember(m *model, s *catalog.Schema, path string) bool {
	for step := range strings.SplitSeq(path, ".") {
		for s != nil && s.Ref != "" {
			s = m.defs[s.Ref]
		}
		if s == nil || s.Properties[step] == nil {
			return false
		}
		s = s.Properties[step]
	}
	return true
}

// pagingRules are those of the model's operations, with all that is wrong in their rows.
func (m *model) pagingRules() (rules []paging.Rule, errs []error) {
	for _, op := range m.ops {
		if op.Paging == nil {
			continue
		}
		rule, ok, err := pagingRule(m, op)
		if err != nil {
			errs = append(errs, err)
		} else if ok {
			rules = append(rules, rule)
		}
	}
	return rules, errs
}
