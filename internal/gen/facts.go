package main

import (
	"embed"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"math"
	"strconv"
	"strings"

	"github.com/openspapi/spapi/internal/catalog"
)

//go:embed overlay/*.csv overlay/models/*.json overlay/schemas/*.json
var overlayFiles embed.FS

// row is one line of an overlay file by column name.
type row struct {
	file   string
	line   int
	fields map[string]string
}

func (r row) get(column string) string { return r.fields[column] }

func (r row) errorf(format string, args ...any) error {
	return fmt.Errorf("overlay/%s:%d: %s", r.file, r.line, fmt.Sprintf(format, args...))
}

func (r row) float(column string) (float64, error) {
	s := r.get(column)
	if s == "" {
		return 0, nil
	}
	f, err := strconv.ParseFloat(s, 64)
	if err != nil || f < 0 || math.IsInf(f, 0) {
		return 0, r.errorf("%s: %q is not a number from 0", column, s)
	}
	return f, nil
}

func (r row) int(column string) (int, error) {
	f, err := r.float(column)
	if err == nil && f != math.Trunc(f) {
		err = r.errorf("%s: %v is not a whole number", column, f)
	}
	return int(f), err
}

func (r row) yes(column string) (bool, error) {
	switch s := r.get(column); s {
	case "yes":
		return true, nil
	case "no", "":
		return false, nil
	default:
		return false, r.errorf("%s: %q is neither yes nor no", column, s)
	}
}

func (r row) list(column string) []string {
	var out []string
	for _, s := range strings.Split(r.get(column), ";") {
		if s = strings.TrimSpace(s); s != "" {
			out = append(out, s)
		}
	}
	return out
}

// readOverlay reads one overlay file, which must have exactly the columns named.
func readOverlay(files fs.FS, name, columns string) (rows []row, errs []error) {
	f, err := files.Open("overlay/" + name)
	if err != nil {
		return nil, []error{err}
	}
	defer f.Close()
	cr := csv.NewReader(f)
	header, err := cr.Read()
	if err != nil {
		return nil, []error{fmt.Errorf("overlay/%s: %w", name, err)}
	}
	if got := strings.Join(header, ","); got != columns {
		return nil, []error{fmt.Errorf("overlay/%s: columns are %q, want %q", name, got, columns)}
	}
	for {
		record, err := cr.Read()
		switch {
		case err == io.EOF:
			return rows, errs
		case errors.Is(err, csv.ErrFieldCount):
			errs = append(errs, fmt.Errorf("overlay/%s: %w, want %d as in the header", name, err, len(header)))
			continue
		case err != nil:
			return rows, append(errs, fmt.Errorf("overlay/%s: %w", name, err))
		}
		line, _ := cr.FieldPos(0)
		r := row{file: name, line: line, fields: make(map[string]string, len(header))}
		for i, h := range header {
			r.fields[h] = record[i]
		}
		if r.get("source") == "" {
			errs = append(errs, r.errorf("no source: name something public that says so"))
			continue
		}
		rows = append(rows, r)
	}
}

// facts is what the models don't say.
type facts struct {
	reportTypes []string // restricted report types
	notes       []error  // rows that this revision of the models doesn't need or no longer bears out; nothing depends on them
	unused      []error  // rows whose operation this revision of the models doesn't have
}

const key = "model,operationId,method,path,"

// overlay is one file: its columns, and what a row does to its operation.
type overlay struct {
	file, columns string
	apply         func(row, *layer, *operation) error
	stale         func(row, *layer, *operation) []error // how the model contradicts a row; no package can be made then
	doubt         func(row, *layer, *operation) error   // why somebody should decide on a row again; it is applied all the same
}

// overlays in the order in which they are laid over.
var overlays = []overlay{
	{file: "limits.csv", columns: key + "rate,burst,appRate,modelPlan,source,note", doubt: doubtLimit, apply: func(r row, _ *layer, op *operation) (err error) {
		if r.get("rate") != "" {
			if op.Rate, err = r.float("rate"); err != nil {
				return err
			}
			if op.Burst, err = r.int("burst"); err != nil {
				return err
			}
			if op.Rate == 0 || op.Burst == 0 {
				return r.errorf("rate and burst must be above 0")
			}
			op.LimitSource, op.LimitNote = r.get("source"), r.get("note")
		}
		op.AppRate, err = r.float("appRate")
		return err
	}},
	{file: "typelimits.csv", columns: key + "field,type,scope,per,calls,window,from,since,source,note", stale: staleTypeLimit,
		apply: func(r row, _ *layer, op *operation) error { return op.limitType(r) }},
	{file: "successes.csv", columns: key + "statuses,source,note", stale: staleSuccesses, apply: func(r row, _ *layer, op *operation) error {
		if err := op.join(); err != nil {
			return r.errorf("%s %s: %v", op.Model, op.Name, err)
		}
		return nil
	}},
	{file: "nothing.csv", columns: key + "source,note", stale: staleNothing, apply: func(_ row, _ *layer, op *operation) error {
		op.MaybeNothing = true
		return nil
	}},
	{file: "sandbox.csv", columns: key + "sandbox,source,note", doubt: doubtSandbox, apply: func(r row, _ *layer, op *operation) error {
		word := r.get("sandbox")
		switch word {
		case "static", "dynamic":
		case "none":
			word = ""
		default:
			return r.errorf("sandbox: %q is neither static, dynamic nor none", word)
		}
		if !op.sandboxKnown {
			op.Sandbox = word
		}
		return nil
	}},
	{file: "paging.csv", columns: key + "tokenIn,tokenOut,prevOut,size,sizeDefault,sizeMax,rule,items,total,source,note", stale: stalePaging,
		apply: func(r row, _ *layer, op *operation) error {
			if !knownRule(r.get("rule")) {
				return r.errorf("unknown rule %q", r.get("rule"))
			}
			max, err := r.int("sizeMax")
			if err != nil {
				return err
			}
			op.Paging = &catalog.Paging{TokenIn: r.get("tokenIn"), TokenOut: r.get("tokenOut"), PrevOut: r.get("prevOut"), Size: r.get("size"),
				SizeMax: max, Rule: r.get("rule"), Items: r.get("items"), Total: r.get("total")}
			return nil
		}},
	{file: "restricted.csv", columns: key + "when,dataElements,genericPath,source,note", apply: func(r row, _ *layer, op *operation) error {
		switch when := r.get("when"); when {
		case "always", "on-request", "restricted-report-types":
		default:
			return r.errorf("unknown \"when\" %q", when)
		}
		generic, err := r.yes("genericPath")
		op.Restricted = &catalog.Restricted{When: r.get("when"), DataElements: r.list("dataElements"), GenericPath: generic}
		return err
	}},
	{file: "grantless.csv", columns: key + "scope,source,note", apply: func(r row, _ *layer, op *operation) error {
		op.Grantless = r.get("scope")
		return nil
	}},
	{file: "deprecations.csv", columns: key + "deprecated,removal,replacedBy,source,note", stale: staleSuccessor, doubt: doubtSuccessor,
		apply: func(r row, l *layer, op *operation) error {
			op.Deprecated = true
			op.DeprecatedSince, op.Removal = r.get("deprecated"), r.get("removal")
			if to := l.successor(r); to != nil {
				op.ReplacedBy = to.API + "." + to.Name
			}
			return nil
		}},
	{file: "roles.csv", columns: key + "roles,source,note", apply: func(r row, _ *layer, op *operation) error {
		op.Roles = r.list("roles")
		return nil
	}},
	{file: "idempotent.csv", columns: key + "header,reason,source,note", stale: staleHeader, apply: func(r row, _ *layer, op *operation) error {
		op.Idempotent, op.IdempotencyHeader = r.get("header") == "", r.get("header")
		return nil
	}},
	{file: "docs.csv", columns: key + "page,source,note", apply: func(r row, _ *layer, op *operation) error {
		op.Docs = r.get("page")
		return nil
	}},
}

// layOver completes the operations of all models with the overlay's facts. A row that a model contradicts is a problem of that model;
// the error is of what cannot be read, which concerns all.
func layOver(files fs.FS, models []*model) (*facts, error) {
	f := &facts{}
	l := newLayer(models)
	var broken []error
	for _, o := range overlays {
		rows, errs := readOverlay(files, o.file, o.columns)
		broken = append(broken, errs...)
		// Rows for a whole model first, so that a row for one operation wins.
		for _, whole := range []bool{true, false} {
			for _, r := range rows {
				if (r.get("operationId") == "") == whole {
					l.lay(o, r, f)
				}
			}
		}
	}
	for _, m := range models {
		for _, op := range m.ops {
			if op.successes != nil && op.body == nil {
				m.fail(op.undecided())
			}
			if op.Rate == 0 { // a model newer than the overlay: the slowest common plan until someone adds a row
				op.Rate, op.Burst, op.LimitSource, op.LimitNote = 1, 1, "assumed", "neither the model nor the overlay has a figure"
			}
		}
	}
	rows, errs := readOverlay(files, "formats.csv", formatColumns)
	broken = append(broken, errs...)
	for _, r := range rows {
		l.layFormat(r, f)
	}
	rows, errs = readOverlay(files, "restricted_report_types.csv", "reportType,source,note")
	for _, r := range rows {
		f.reportTypes = append(f.reportTypes, r.get("reportType"))
	}
	return f, errors.Join(append(broken, errs...)...)
}

const formatColumns = "model,definition,property,modelFormat,format,source,note"

// layFormat puts a property's format right.
func (l *layer) layFormat(r row, f *facts) {
	m := l.models[r.get("model")]
	if m == nil || len(m.problems) > 0 {
		if m == nil {
			f.unused = append(f.unused, r.errorf("there is no model %q", r.get("model")))
		}
		return
	}
	var property *catalog.Schema
	if d := m.defs[r.get("definition")]; d != nil {
		property = d.Properties[r.get("property")]
	}
	switch {
	case property == nil:
		m.fail(r.errorf("%s has no %s.%s: remove the row, or name what took its place", r.get("model"), r.get("definition"), r.get("property")))
	case property.Format != r.get("modelFormat"):
		m.fail(r.errorf("%s.%s has format %q in the model, not %q: decide again", r.get("definition"), r.get("property"), property.Format, r.get("modelFormat")))
	default:
		property.Format = r.get("format")
	}
}

// layer finds the operations that a row speaks of.
type layer struct {
	models map[string]*model       // by stem
	ops    map[string][]*operation // by model, operation ID, method and path, or the first of them
}

func newLayer(models []*model) *layer {
	l := &layer{models: map[string]*model{}, ops: map[string][]*operation{}}
	for _, m := range models {
		l.models[m.stem] = m
		for _, op := range m.ops {
			for _, k := range []string{m.stem + "," + op.Name + "," + op.Method + "," + op.Path, m.stem + "," + op.Name, m.stem} {
				l.ops[k] = append(l.ops[k], op)
			}
		}
	}
	return l
}

// lay applies one row.
func (l *layer) lay(o overlay, r row, f *facts) {
	m := l.models[r.get("model")]
	k, name := r.get("model"), r.get("operationId")
	if name != "" {
		k += "," + name
	}
	ops := l.ops[k]
	if path := r.get("path"); path != "" {
		ops = l.ops[k+","+r.get("method")+","+path]
		if moved := l.ops[k]; len(ops) == 0 && len(moved) > 0 {
			m.fail(r.stalePath(moved))
			return
		}
	}
	if len(ops) == 0 {
		if m == nil || len(m.problems) == 0 {
			f.unused = append(f.unused, r.errorf("no such operation in these models: %s %s", r.get("model"), name))
		}
		return
	}
	for _, op := range ops {
		if o.doubt != nil {
			if note := o.doubt(r, l, op); note != nil {
				f.notes = append(f.notes, note)
			}
		}
		if o.stale != nil {
			if errs := o.stale(r, l, op); len(errs) > 0 {
				m.fail(errs...)
				continue
			}
		}
		if err := o.apply(r, l, op); err != nil {
			m.fail(err)
		}
	}
}
