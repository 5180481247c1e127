package main

import (
	"embed"
	"encoding/csv"
	"fmt"
	"io"
	"io/fs"
	"math"
	"strconv"
	"strings"

	"github.com/openspapi/spapi/internal/catalog"
)

//go:embed overlay/*.csv
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
func readOverlay(files fs.FS, name, columns string) ([]row, error) {
	f, err := files.Open("overlay/" + name)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	cr := csv.NewReader(f)
	header, err := cr.Read()
	if err != nil {
		return nil, fmt.Errorf("overlay/%s: %w", name, err)
	}
	if got := strings.Join(header, ","); got != columns {
		return nil, fmt.Errorf("overlay/%s: columns are %q, want %q", name, got, columns)
	}
	var rows []row
	for {
		record, err := cr.Read()
		if err == io.EOF {
			return rows, nil
		}
		if err != nil {
			return nil, fmt.Errorf("overlay/%s: %w", name, err)
		}
		line, _ := cr.FieldPos(0)
		r := row{file: name, line: line, fields: make(map[string]string, len(header))}
		for i, h := range header {
			r.fields[h] = record[i]
		}
		if r.get("source") == "" {
			return nil, r.errorf("no source")
		}
		rows = append(rows, r)
	}
}

// facts is what the models don't say.
type facts struct {
	reportTypes []string // restricted report types
	unused      []row    // rows whose operation this revision of the models doesn't have
}

const key = "model,operationId,method,path,"

// overlay is one file: its columns and what a row does to its operation.
type overlay struct {
	file, columns string
	apply         func(row, *operation) error
}

// overlays in the order in which they are laid over.
var overlays = []overlay{
	{"limits.csv", key + "rate,burst,appRate,source,note", func(r row, op *operation) (err error) {
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
	{"paging.csv", key + "tokenIn,tokenOut,prevOut,size,sizeDefault,sizeMax,rule,items,total,source,note", func(r row, op *operation) error {
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
	{"restricted.csv", key + "when,dataElements,genericPath,source,note", func(r row, op *operation) error {
		switch when := r.get("when"); when {
		case "always", "on-request", "restricted-report-types":
		default:
			return r.errorf("unknown \"when\" %q", when)
		}
		generic, err := r.yes("genericPath")
		op.Restricted = &catalog.Restricted{When: r.get("when"), DataElements: r.list("dataElements"), GenericPath: generic}
		return err
	}},
	{"grantless.csv", key + "scope,source,note", func(r row, op *operation) error {
		op.Grantless = r.get("scope")
		return nil
	}},
	{"deprecations.csv", key + "deprecated,removal,replacedBy,source,note", func(r row, op *operation) error {
		op.Deprecated = true
		op.DeprecatedSince, op.Removal, op.ReplacedBy = r.get("deprecated"), r.get("removal"), r.get("replacedBy")
		return nil
	}},
	{"roles.csv", key + "roles,source,note", func(r row, op *operation) error {
		op.Roles = r.list("roles")
		return nil
	}},
	{"idempotent.csv", key + "header,reason,source,note", func(r row, op *operation) error {
		op.Idempotent, op.IdempotencyHeader = r.get("header") == "", r.get("header")
		return nil
	}},
	{"docs.csv", key + "page,source,note", func(r row, op *operation) error {
		op.Docs = r.get("page")
		return nil
	}},
}

// layOver completes the operations of all models with the overlay's facts.
func layOver(files fs.FS, models []*model) (*facts, error) {
	f := &facts{}
	byKey := map[string][]*operation{}
	byName := map[string]*operation{}
	for _, m := range models {
		for _, op := range m.ops {
			// What HTTP calls idempotent; the overlay adds the POSTs that only read or carry an idempotency header.
			op.Idempotent = op.Method != "POST" && op.Method != "PATCH"
			for _, k := range []string{
				m.stem + "," + op.Name + "," + op.Method + "," + op.Path,
				m.stem + "," + op.Name,
				m.stem,
			} {
				byKey[k] = append(byKey[k], op)
			}
			byName[m.stem+":"+op.Name] = op
		}
	}
	for _, o := range overlays {
		rows, err := readOverlay(files, o.file, o.columns)
		if err != nil {
			return nil, err
		}
		// Rows for a whole model first, so that a row for one operation wins.
		for _, whole := range []bool{true, false} {
			for _, r := range rows {
				k := r.get("model")
				if name := r.get("operationId"); (name == "") != whole {
					continue
				} else if name != "" {
					k += "," + name
					if path := r.get("path"); path != "" {
						k += "," + r.get("method") + "," + path
					}
				}
				ops := byKey[k]
				if len(ops) == 0 {
					f.unused = append(f.unused, r)
				}
				for _, op := range ops {
					if err := o.apply(r, op); err != nil {
						return nil, err
					}
				}
			}
		}
	}
	for _, m := range models {
		for _, op := range m.ops {
			if op.Rate == 0 { // a model newer than the overlay: the slowest common plan until someone adds a row
				op.Rate, op.Burst, op.LimitSource, op.LimitNote = 1, 1, "assumed", "neither the model nor the overlay has a figure"
			}
			if op.ReplacedBy != "" {
				if to := byName[op.ReplacedBy]; to != nil {
					op.ReplacedBy = to.API + "." + to.Name
				}
			}
		}
	}
	rows, err := readOverlay(files, "restricted_report_types.csv", "reportType,source,note")
	for _, r := range rows {
		f.reportTypes = append(f.reportTypes, r.get("reportType"))
	}
	return f, err
}
