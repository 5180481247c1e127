package main

import (
	"fmt"
	"reflect"
	"slices"
	"strconv"
	"strings"

	"github.com/openspapi/spapi/internal/catalog"
)

// success is what one status of a success brings.
type success struct {
	status int
	body   *catalog.Schema
	shape  string
}

// addSuccess keeps a body that no lower status has.
func (op *operation) addSuccess(s success) {
	if !slices.ContainsFunc(op.successes, func(o success) bool { return o.shape == s.shape && reflect.DeepEqual(o.body, s.body) }) {
		op.successes = append(op.successes, s)
	}
}

// join makes one result of bodies that are not alike: it has the members of all, so that nothing a status brings is lost. That this
// is right for the operation is decided in overlay/successes.csv.
func (op *operation) join() error {
	joined := &catalog.Schema{Type: "object", Properties: map[string]*catalog.Schema{}}
	from := map[string]int{}
	for _, s := range op.successes {
		r := op.model.resolve(s.body)
		if !isStruct(r) {
			return fmt.Errorf("the body of status %d is no object with members, so it cannot be joined", s.status)
		}
		if s.shape != op.successes[0].shape {
			return fmt.Errorf("status %d has its members in %q, status %d in %q, so they cannot be joined",
				op.successes[0].status, op.successes[0].shape, s.status, s.shape)
		}
		for _, k := range r.Order {
			if other := joined.Properties[k]; other == nil {
				joined.Order = append(joined.Order, k)
				joined.Properties[k], from[k] = r.Properties[k], s.status
			} else if !reflect.DeepEqual(other, r.Properties[k]) {
				return fmt.Errorf("member %q is one thing with status %d and another with status %d, so they cannot be joined", k, from[k], s.status)
			}
		}
	}
	op.body, op.Shape = joined, op.successes[0].shape
	return nil
}

// statuses lists the statuses of bodies that are not alike as the overlay writes them: "200;202".
func (op *operation) statuses() string {
	var out []string
	for _, s := range op.successes {
		out = append(out, strconv.Itoa(s.status))
	}
	return strings.Join(out, ";")
}

// undecided is the problem of an operation with bodies that are not alike and no row that says what to make of them.
func (op *operation) undecided() error {
	var parts []string
	for _, s := range op.successes {
		parts = append(parts, fmt.Sprintf("%d with %s", s.status, describe(op.model.resolve(s.body))))
	}
	return (&node{file: op.model.file, ptr: "/paths/" + pointerEscaper.Replace(op.Path)}).errorf(
		"%s answers %s: the bodies are not alike, and a result made of one would lose the other; look how callers tell them apart, "+
			"and add \"%s,%s,%s,%s,%s,<source>,<note>\" to overlay/successes.csv for one result with the members of both",
		op.Name, strings.Join(parts, " and "), op.Model, op.Name, op.Method, op.Path, op.statuses())
}

// describe names what a schema holds.
func describe(s *catalog.Schema) string {
	if len(s.Order) > 0 {
		return strings.Join(s.Order, ", ")
	}
	if s.Type == "" {
		return "anything"
	}
	return "no members (" + s.Type + ")"
}

// joined tells callers which status brings which member of a joined result.
func (g *goOp) joined(result *typeRef) {
	for _, s := range g.successes {
		var names []string
		for _, f := range result.obj.Fields {
			if g.model.resolve(s.body).Properties[f.API] != nil {
				names = append(names, f.Name)
			}
		}
		g.Brings = append(g.Brings, fmt.Sprintf("%d brings %s", s.status, strings.Join(names, ", ")))
	}
	for _, f := range result.obj.Fields {
		var with []string
		for _, s := range g.successes {
			if g.model.resolve(s.body).Properties[f.API] != nil {
				with = append(with, strconv.Itoa(s.status))
			}
		}
		if len(with) < len(g.successes) {
			f.Doc = append([]string{"Comes with status " + strings.Join(with, " or ") + "."}, f.Doc...)
		}
	}
}

// resolve follows references until it reaches a schema proper.
func (m *model) resolve(s *catalog.Schema) *catalog.Schema {
	for s.Ref != "" {
		s = m.defs[s.Ref]
	}
	return s
}
