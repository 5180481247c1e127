package main

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/openspapi/spapi/internal/catalog"
)

const (
	operationsFile = "internal/catalog/data/operations.json"
	lockFile       = "models.lock"
)

// packageFiles are the files of a package, each with a template of its name.
var packageFiles = []string{"client", "types"}

func packageFile(pkg, name string) string { return filepath.Join("api", pkg, name+".gen.go") }

func detailFile(pkg string) string { return filepath.Join("internal/catalog/data/api", pkg+".json") }

// former is what the project holds already. An API version that cannot be made of the models at hand stays as it is there.
type former struct {
	root   string
	ops    []catalog.Operation
	commit string            // that models.lock names
	locked map[string]string // lines of models.lock by the model's file
}

func readFormer(root string) (*former, error) {
	p := &former{root: root, locked: map[string]string{}}
	data, err := os.ReadFile(filepath.Join(root, operationsFile))
	if err == nil {
		err = json.Unmarshal(data, &p.ops)
	}
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("%s: %w", operationsFile, err)
	}
	text, err := os.ReadFile(filepath.Join(root, lockFile))
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	for line := range strings.Lines(string(text)) {
		line = strings.TrimSuffix(line, "\n")
		if commit, ok := strings.CutPrefix(line, "commit "); ok {
			p.commit = commit
		} else if parts := strings.Fields(line); len(parts) == 3 {
			p.locked[parts[2]] = line
		}
	}
	return p, nil
}

// keep makes m the API version that the project holds, and returns its files; a new one loses its operations and has no files.
func (p *former) keep(m *model) (output, error) {
	m.ops, m.defs = nil, nil
	if line := strings.Fields(p.locked[m.file]); len(line) == 3 {
		m.pkg = line[1] // of a model that cannot be read
	}
	if m.pkg == "" {
		return nil, nil
	}
	out := output{}
	files := []string{detailFile(m.pkg)}
	for _, name := range packageFiles {
		files = append(files, packageFile(m.pkg, name))
	}
	for _, path := range files {
		data, err := os.ReadFile(filepath.Join(p.root, path))
		if errors.Is(err, fs.ErrNotExist) {
			return nil, nil
		}
		if err != nil {
			return nil, err
		}
		out[path] = data
	}
	var api catalog.API
	if err := json.Unmarshal(out[detailFile(m.pkg)], &api); err != nil {
		return nil, fmt.Errorf("%s: %w", detailFile(m.pkg), err)
	}
	m.stem, m.version, m.defs = api.Model, api.Version, api.Definitions
	for _, op := range p.ops {
		if op.API == m.pkg {
			_, key, _ := strings.Cut(op.ID, ".")
			m.ops = append(m.ops, &operation{Operation: op, detail: api.Operations[key], model: m})
		}
	}
	return out, nil
}

// lock records what the files were made from.
func (p *former) lock(models []*model, commit string) []byte {
	var b strings.Builder
	fmt.Fprintf(&b, "# Written by internal/gen: the source of the generated code.\nrepository amzn/selling-partner-api-models\ncommit %s\n", commit)
	for _, m := range models {
		if len(m.problems) == 0 {
			fmt.Fprintln(&b, lockLine(m))
		} else if line, ok := p.locked[m.file]; ok {
			fmt.Fprintln(&b, line)
		}
	}
	return []byte(b.String())
}

func lockLine(m *model) string { return m.hash() + " " + m.pkg + " " + m.file }

func (m *model) hash() string {
	sum := sha256.Sum256(m.data)
	return hex.EncodeToString(sum[:])
}

// lockedCommit is the commit that models.lock names, if Amazon's models are those it names; "unknown" otherwise.
func (p *former) lockedCommit(models []*model) string {
	published, locked := 0, 0
	for file := range p.locked {
		if !strings.HasPrefix(file, ownModels) && !isSchema(file) {
			locked++
		}
	}
	for _, m := range models {
		if !m.own {
			published++
		}
	}
	if published != locked {
		return "unknown"
	}
	for _, m := range models {
		if m.own {
			continue
		}
		if hash, _, _ := strings.Cut(p.locked[m.file], " "); hash != m.hash() {
			return "unknown"
		}
	}
	return p.commit
}
