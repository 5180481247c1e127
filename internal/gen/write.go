package main

import (
	"bytes"
	"cmp"
	"embed"
	"encoding/json"
	"errors"
	"fmt"
	"go/format"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"sort"
	"strings"
	"text/template"
	"time"
	"unicode"

	"github.com/openspapi/spapi/internal/catalog"
	"github.com/openspapi/spapi/internal/paging"
	"github.com/openspapi/spapi/internal/wire"
)

//go:embed templates/*.tmpl
var templateFiles embed.FS

var templates = template.Must(template.New("").Funcs(template.FuncMap{
	"tag":      fieldTag,
	"raw":      func(s string) string { return "`" + s + "`" },
	"lower":    func(s string) string { r := []rune(s); r[0] = unicode.ToLower(r[0]); return string(r) },
	"join":     strings.Join,
	"kind":     func(k wire.Kind) string { return [...]string{"AnyKind", "ObjectKind", "ListKind", "MapKind"}[k] },
	"literal":  literal,
	"duration": func(d time.Duration) string { return fmt.Sprintf("%d * time.Minute", d/time.Minute) },
	"restricted": func(when string) string {
		return map[string]string{"always": "RestrictedAlways", "on-request": "RestrictedOnRequest", "restricted-report-types": "RestrictedReport"}[when]
	},
}).ParseFS(templateFiles, "templates/*.tmpl"))

func fieldTag(f *goField) string {
	if f.In != "json" {
		return "`json:\"-\"`"
	}
	return fmt.Sprintf("`json:%q`", f.API+",omitzero")
}

// The imports of the three files of a package: each file names only what it uses.

func (p *goPackage) HasPages() bool {
	return slices.ContainsFunc(p.Ops, func(op *goOp) bool { return op.Pages != nil })
}

func uses(texts []string, pkg string) bool {
	return slices.ContainsFunc(texts, func(s string) bool { return strings.Contains(s, pkg+".") })
}

func (p *goPackage) ClientImports() []string {
	var texts []string
	for _, op := range p.Ops {
		texts = append(texts, op.Out, op.BodyType)
		for _, f := range op.Input.Fields {
			texts = append(texts, f.Type)
		}
	}
	return standardImports(texts)
}

func standardImports(texts []string) (out []string) {
	for _, path := range []string{"encoding/json", "strconv", "time"} {
		if uses(texts, path[strings.LastIndex(path, "/")+1:]) {
			out = append(out, path)
		}
	}
	return out
}

func (p *goPackage) TypeImports() (out []string) {
	var texts []string
	for _, s := range p.Structs {
		for _, f := range s.Fields {
			texts = append(texts, f.Type)
		}
	}
	for _, path := range standardImports(texts) {
		out = append(out, fmt.Sprintf("%q", path))
	}
	if uses(texts, "spapi") {
		out = append(out, "", `"github.com/openspapi/spapi"`)
	}
	return out
}

// output is everything that the generator writes, by path below the project.
type output map[string][]byte

// generate makes all files in memory. An API version that cannot be made keeps what the project has of it, so that one changed
// model doesn't stop the others; its problems are in its model.
func generate(models []*model, f *facts, commit string, past *former) (output, error) {
	out := output{}
	var index []catalog.Operation
	var packages []string
	var rules []paging.Rule
	var bodies []wire.Result
	ids := map[string]string{}
	for _, m := range models {
		files, errs := m.generate(ids)
		m.fail(errs...)
		followed, errs := m.pagingRules()
		m.fail(errs...)
		if len(m.problems) > 0 {
			var err error
			if files, err = past.keep(m); err != nil {
				return nil, err
			}
			if followed, errs = m.pagingRules(); len(errs) > 0 {
				return nil, errors.Join(errs...)
			}
		}
		for _, op := range m.ops {
			index = append(index, op.Operation)
			if r, ok := m.result(op); ok {
				bodies = append(bodies, r)
			}
		}
		if len(files) > 0 {
			packages = append(packages, m.pkg)
		}
		maps.Copy(out, files)
		rules = append(rules, followed...)
	}
	slices.SortFunc(index, func(a, b catalog.Operation) int { return cmp.Compare(a.ID, b.ID) })
	if err := out.json(operationsFile, index); err != nil {
		return nil, err
	}
	if err := out.pack(index); err != nil {
		return nil, err
	}
	err := out.render("operations.gen.go", "operations.tmpl", struct {
		Ops         []catalog.Operation
		ReportTypes []string
	}{index, f.reportTypes})
	if err != nil {
		return nil, err
	}
	slices.SortFunc(rules, func(a, b paging.Rule) int { return cmp.Compare(a.Operation, b.Operation) })
	if err := out.render("internal/paging/rules.gen.go", "paging.tmpl", rules); err != nil {
		return nil, err
	}
	slices.SortFunc(bodies, func(a, b wire.Result) int { return cmp.Compare(a.Operation, b.Operation) })
	if err := out.render("internal/wire/results.gen.go", "results.tmpl", bodies); err != nil {
		return nil, err
	}
	slices.Sort(packages)
	out[lockFile] = past.lock(models, commit)
	return out, out.render("internal/conformance/clients.gen_test.go", "conformance.tmpl", packages)
}

// generate makes the files of one API version. ids holds where operation ids were met.
func (m *model) generate(ids map[string]string) (output, []error) {
	if m.ops == nil {
		return nil, nil
	}
	out := output{}
	var errs []error
	api := catalog.API{Name: m.pkg, Model: m.stem, Version: m.version, Operations: map[string]*catalog.Detail{}, Definitions: m.defs}
	for _, op := range m.ops {
		if other, ok := ids[op.ID]; ok {
			errs = append(errs, fmt.Errorf("%s: %s %s has the id %s of %s; add an exception in names.go", m.file, op.Method, op.Path, op.ID, other))
		}
		ids[op.ID] = m.file + " " + op.Method + " " + op.Path
		_, key, _ := strings.Cut(op.ID, ".")
		api.Operations[key] = op.detail
	}
	p, err := buildPackage(m)
	if err != nil {
		return nil, append(errs, err)
	}
	for _, name := range packageFiles {
		if err := out.render(packageFile(m.pkg, name), name+".tmpl", p); err != nil {
			errs = append(errs, err)
		}
	}
	if err := out.json(detailFile(m.pkg), api); err != nil {
		errs = append(errs, err)
	}
	return out, errs
}

func (o output) render(path, tmpl string, data any) error {
	var buf bytes.Buffer
	if err := templates.ExecuteTemplate(&buf, tmpl, data); err != nil {
		return err
	}
	src, err := format.Source(buf.Bytes())
	if err == nil { // widths are known once gofmt has aligned
		src, err = format.Source([]byte(fit(string(src))))
	}
	if err != nil {
		return fmt.Errorf("%s: %w\n%s", path, err, buf.Bytes())
	}
	o[path] = src
	return nil
}

// json writes data files.
func (o output) json(path string, v any) (err error) {
	o[path], err = encodeJSON(v)
	return err
}

// encodeJSON writes one member a line, so that a change of a model is a readable difference.
func encodeJSON(v any) ([]byte, error) {
	var buf bytes.Buffer
	enc := json.NewEncoder(&buf)
	enc.SetEscapeHTML(false)
	enc.SetIndent("", " ")
	err := enc.Encode(v)
	return buf.Bytes(), err
}

// generated matches what this program owns below the project and therefore removes when it is no longer made.
var generated = []string{
	"api/*/*.gen.go", "internal/catalog/data/*.json", "internal/catalog/data/api/*.json", "internal/catalog/data/api/*.json.gz", "internal/catalog/*.gen.go",
	"internal/paging/*.gen.go", "internal/wire/*.gen.go", "internal/notificationtypes/*.gen.go", "notifications/*.gen.go", "*.gen.go",
}

// differences lists the files below dir that are not as they should be.
func (o output) differences(dir string) (changed, stale []string, err error) {
	for path, data := range o {
		old, err := os.ReadFile(filepath.Join(dir, path))
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return nil, nil, err
		}
		if err != nil || !same(path, old, data) {
			changed = append(changed, path)
		}
	}
	for _, pattern := range generated {
		found, err := filepath.Glob(filepath.Join(dir, pattern))
		if err != nil {
			return nil, nil, err
		}
		for _, f := range found {
			rel, err := filepath.Rel(dir, f)
			if err != nil {
				return nil, nil, err
			}
			if _, ok := o[rel]; !ok {
				stale = append(stale, rel)
			}
		}
	}
	sort.Strings(changed)
	sort.Strings(stale)
	return changed, stale, nil
}

// write brings dir up to date, file by file, each replaced as a whole.
func (o output) write(dir string) error {
	changed, stale, err := o.differences(dir)
	if err != nil {
		return err
	}
	for _, path := range changed {
		full := filepath.Join(dir, path)
		if err := os.MkdirAll(filepath.Dir(full), 0o755); err != nil {
			return err
		}
		tmp := full + ".tmp"
		if err := os.WriteFile(tmp, o[path], 0o644); err != nil {
			return err
		}
		if err := os.Rename(tmp, full); err != nil {
			return err
		}
	}
	for _, path := range stale {
		full := filepath.Join(dir, path)
		if err := os.Remove(full); err != nil {
			return err
		}
		_ = os.Remove(filepath.Dir(full)) // only if it is empty now
	}
	return nil
}
