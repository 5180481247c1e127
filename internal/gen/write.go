package main

import (
	"bytes"
	"cmp"
	"crypto/sha256"
	"embed"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"go/format"
	"io/fs"

	"os"
	"path/filepath"
	"slices"
	"sort"
	"strings"
	"text/template"
	"unicode"

	"github.com/openspapi/spapi/internal/catalog"
)

//go:embed templates/*.tmpl
var templateFiles embed.FS

var templates = template.Must(template.New("").Funcs(template.FuncMap{
	"tag":   fieldTag,
	"raw":   func(s string) string { return "`" + s + "`" },
	"lower": func(s string) string { r := []rune(s); r[0] = unicode.ToLower(r[0]); return string(r) },
	"join":  strings.Join,
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
		texts = append(texts, op.Out, op.BodyType, op.Decode)
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

func (p *goPackage) reads() (texts []string) {
	for _, s := range p.Decoded {
		for _, f := range s.Fields {
			texts = append(texts, f.Read)
		}
	}
	return texts
}

func (p *goPackage) DecodeImports() []string { return standardImports(p.reads()) }
func (p *goPackage) DecodeUsesRoot() bool    { return uses(p.reads(), "spapi") }

// output is everything that the generator writes, by path below the project.
type output map[string][]byte

// generate makes all files in memory: a model that cannot be read leaves nothing half-written.
func generate(models []*model, f *facts, commit string) (output, error) {
	out := output{}
	var index []catalog.Operation
	ids := map[string]string{}
	for _, m := range models {
		api := catalog.API{Name: m.pkg, Model: m.stem, Version: m.version, Operations: map[string]*catalog.Detail{}, Definitions: m.defs}
		for _, op := range m.ops {
			if other, ok := ids[op.ID]; ok {
				return nil, fmt.Errorf("%s: %s %s has the id %s of %s; add an exception in names.go", m.file, op.Method, op.Path, op.ID, other)
			}
			ids[op.ID] = m.file + " " + op.Method + " " + op.Path
			index = append(index, op.Operation)
			_, key, _ := strings.Cut(op.ID, ".")
			api.Operations[key] = op.detail
		}
		p, err := buildPackage(m)
		if err != nil {
			return nil, err
		}
		for _, name := range []string{"client", "types", "decode"} {
			if err := out.render(filepath.Join("api", m.pkg, name+".gen.go"), name+".tmpl", p); err != nil {
				return nil, err
			}
		}
		if err := out.json(filepath.Join("internal/catalog/data/api", m.pkg+".json"), api); err != nil {
			return nil, err
		}
	}
	slices.SortFunc(index, func(a, b catalog.Operation) int { return cmp.Compare(a.ID, b.ID) })
	if err := out.json("internal/catalog/data/operations.json", index); err != nil {
		return nil, err
	}
	err := out.render("operations.gen.go", "operations.tmpl", struct {
		Ops         []catalog.Operation
		ReportTypes []string
	}{index, f.reportTypes})
	if err != nil {
		return nil, err
	}
	rules, err := pagingRules(models)
	if err != nil {
		return nil, err
	}
	if err := out.render("internal/paging/rules.gen.go", "paging.tmpl", rules); err != nil {
		return nil, err
	}
	var packages []string
	for _, m := range models {
		packages = append(packages, m.pkg)
	}
	slices.Sort(packages)
	out["models.lock"] = lock(models, commit)
	return out, out.render("internal/conformance/clients.gen_test.go", "conformance.tmpl", packages)
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

// json writes one member a line at the outer two levels, so that a change of a model is a readable difference.
func (o output) json(path string, v any) error {
	var buf bytes.Buffer
	enc := json.NewEncoder(&buf)
	enc.SetEscapeHTML(false)
	enc.SetIndent("", " ")
	err := enc.Encode(v)
	o[path] = buf.Bytes()
	return err
}

// lock records what the files were made from.
func lock(models []*model, commit string) []byte {
	var b strings.Builder
	fmt.Fprintf(&b, "# Written by internal/gen: the source of the generated code.\nrepository amzn/selling-partner-api-models\ncommit %s\n", commit)
	for _, m := range models {
		sum := sha256.Sum256(m.data)
		fmt.Fprintf(&b, "%s %s %s\n", hex.EncodeToString(sum[:]), m.pkg, m.file)
	}
	return []byte(b.String())
}

// generated matches what this program owns below the project and therefore removes when it is no longer made.
var generated = []string{"api/*/*.gen.go", "internal/catalog/data/*.json", "internal/catalog/data/api/*.json", "internal/paging/*.gen.go", "*.gen.go"}

// differences lists the files below dir that are not as they should be.
func (o output) differences(dir string) (changed, stale []string, err error) {
	for path, data := range o {
		old, err := os.ReadFile(filepath.Join(dir, path))
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return nil, nil, err
		}
		if err != nil || !bytes.Equal(old, data) {
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

// lockedCommit is the commit that models.lock names, if the models are those it names; "unknown" otherwise.
func lockedCommit(dir string, models []*model) string {
	data, err := os.ReadFile(filepath.Join(dir, "models.lock"))
	if err != nil {
		return "unknown"
	}
	for line := range strings.Lines(string(data)) {
		if commit, ok := strings.CutPrefix(strings.TrimSpace(line), "commit "); ok && bytes.Equal(lock(models, commit), data) {
			return commit
		}
	}
	return "unknown"
}
