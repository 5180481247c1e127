package main

import (
	"fmt"
	"slices"
	"strings"

	"github.com/openspapi/spapi/internal/catalog"
)

// stale is the error of a row that the model at hand contradicts: what the row wants, what the model has, and what to do about it.
func (r row) stale(wants, has, remedy string) error {
	name := r.get("model")
	if op := r.get("operationId"); op != "" {
		name += " " + op
	}
	return r.errorf("%s: the row wants %s, the model has %s: %s", name, wants, has, remedy)
}

// stalePath is the error of a row whose operation stands elsewhere now.
func (r row) stalePath(ops []*operation) error {
	var has []string
	for _, op := range ops {
		has = append(has, op.Method+" "+op.Path)
	}
	return r.stale(r.get("method")+" "+r.get("path"), strings.Join(has, " and "),
		"see whether the fact still holds, then give the row the model's method and path, or remove it")
}

// stalePaging looks for the parameters and members that a paging rule names.
func stalePaging(r row, _ *layer, op *operation) []error {
	var errs []error
	for _, column := range []string{"tokenIn", "size"} {
		where := r.get(column)
		if where == "" {
			continue
		}
		kind, name, _ := strings.Cut(where, ":")
		var has string
		ok := false
		switch {
		case kind == "query" && name != "":
			ok, has = op.hasParameter("query", name)
		case kind == "body" && name != "" && op.detail.Body != nil:
			_, at, missing := op.model.member(op.detail.Body.Schema, name)
			ok, has = missing == "", at
		case kind == "body" && name != "":
			has = "no body"
		default:
			errs = append(errs, r.errorf("%s: %q is neither \"query:<name>\" nor \"body:<path>\"", column, where))
			continue
		}
		if !ok {
			errs = append(errs, r.stale(column+" "+where, has, "name the parameter that the model has now"))
		}
	}
	for _, c := range [][2]string{{"tokenOut", "string"}, {"prevOut", "string"}, {"items", "array"}, {"total", "integer"}} {
		column, want := c[0], c[1]
		path := r.get(column)
		if path == "" {
			continue
		}
		var has string
		ok := false
		for _, resp := range op.detail.Responses {
			if resp.Status/100 == 2 && resp.Schema != nil && !ok {
				s, at, missing := op.model.member(resp.Schema, path)
				switch {
				case missing != "":
					has = at
				case s.Type != want:
					has = typeName(s.Type) + " there, not " + typeName(want)
				default:
					ok = true
				}
			}
		}
		if !ok {
			if has == "" {
				has = "no body in a success"
			}
			errs = append(errs, r.stale(column+" "+path, has, "name the member that the model has now"))
		}
	}
	return errs
}

func typeName(t string) string {
	switch {
	case t == "":
		return "a value of any type"
	case strings.Contains("aio", t[:1]):
		return "an " + t
	}
	return "a " + t
}

// member follows a dotted path. Where it breaks off, missing is the step, and has tells what is there instead.
func (m *model) member(s *catalog.Schema, path string) (_ *catalog.Schema, has, missing string) {
	done := ""
	for step := range strings.SplitSeq(path, ".") {
		s = m.resolve(s)
		next := s.Properties[step]
		if next == nil {
			if done == "" {
				return nil, describe(s) + " there", step
			}
			return nil, describe(s) + " in " + done, step
		}
		s = next
		done = strings.TrimPrefix(done+"."+step, ".")
	}
	return m.resolve(s), "", ""
}

// hasParameter tells whether the operation has a parameter, and which of its kind it has.
func (op *operation) hasParameter(in, name string) (bool, string) {
	var names []string
	for _, p := range op.detail.Parameters {
		if p.In == in {
			names = append(names, p.Name)
		}
	}
	if slices.Contains(names, name) {
		return true, ""
	}
	if len(names) == 0 {
		return false, "no " + in + " parameters"
	}
	return false, fmt.Sprintf("the %s parameters %s", in, strings.Join(names, ", "))
}

// staleHeader looks for the idempotency header.
func staleHeader(r row, _ *layer, op *operation) []error {
	if name := r.get("header"); name != "" {
		if ok, has := op.hasParameter("header", name); !ok {
			return []error{r.stale("header "+name, has, "name the header that makes a repeat safe now, or remove the row")}
		}
	}
	return nil
}

// staleSuccesses compares the statuses whose bodies differ.
func staleSuccesses(r row, _ *layer, op *operation) []error {
	if want, has := r.get("statuses"), op.statuses(); want != has {
		if has == "" {
			has = "one body for all"
		}
		return []error{r.stale("different bodies with "+want, has, "decide again: name the statuses of the model, or remove the row where its bodies are alike")}
	}
	return nil
}

// staleNothing looks whether a success has a body at all, and one that could hold nothing.
func staleNothing(r row, _ *layer, op *operation) []error {
	if op.Shape == "none" {
		return []error{r.stale("a body that may hold nothing", "no body", "remove the row")}
	}
	return nil
}

// successor is the operation that replaces a deprecated one, nil where the row names none or the models at hand lack it.
func (l *layer) successor(r row) *operation {
	stem, name, _ := strings.Cut(r.get("replacedBy"), ":")
	if ops := l.ops[stem+","+name]; len(ops) > 0 {
		return ops[0]
	}
	return nil
}

func staleSuccessor(r row, l *layer, _ *operation) []error {
	by := r.get("replacedBy")
	stem, name, ok := strings.Cut(by, ":")
	switch m := l.models[stem]; {
	case by == "" || ok && (m == nil || len(m.ops) == 0): // doubtSuccessor
	case !ok:
		return []error{r.errorf("replacedBy: %q is not \"<model>:<operationId>\"", by)}
	case l.successor(r) == nil:
		return []error{r.stale("replacedBy "+name, "no such operation in "+m.file, "name the operation that replaces it now")}
	}
	return nil
}

func doubtSuccessor(r row, l *layer, _ *operation) error {
	if stem, _, ok := strings.Cut(r.get("replacedBy"), ":"); ok && (l.models[stem] == nil || len(l.models[stem].ops) == 0) {
		return r.errorf("replacedBy is left out: these models have no %s", stem)
	}
	return nil
}

// doubtLimit compares the figure of the model that the row was decided against with the model's figure of today.
func doubtLimit(r row, _ *layer, op *operation) error {
	has, known := op.plan, r.get("modelPlan")
	if r.get("rate") == "" || has == known {
		return nil
	}
	said := func(plan string) string {
		if plan == "" {
			return "no figure"
		}
		return plan
	}
	return r.errorf("%s %s: decided against the model's %s, which now has %s: decide again and note the model's figure",
		op.Model, op.Name, said(known), said(has))
}

// doubtSandbox compares the row with a model whose cases are all there.
func doubtSandbox(r row, _ *layer, op *operation) error {
	says, has := strings.TrimPrefix(r.get("sandbox"), "none"), op.Sandbox
	if !op.sandboxKnown || says == has || r.get("operationId") == "" {
		return nil
	}
	return r.errorf("%s %s: the row says %q, the model %q: the model counts", op.Model, op.Name, says, has)
}

// staleTypeLimit looks for the members of the body that tell the type and what has the limit for itself.
func staleTypeLimit(r row, _ *layer, op *operation) (errs []error) {
	for _, column := range []string{"field", "per"} {
		name, has := r.get(column), "no body"
		if name == "" {
			continue
		}
		if op.detail.Body != nil {
			_, at, missing := op.model.member(op.detail.Body.Schema, name)
			if missing == "" {
				continue
			}
			has = at
		}
		errs = append(errs, r.stale(column+" "+name, has, "name the member that the model has now"))
	}
	return errs
}
