// Command vulnindex makes a database for govulncheck out of the reports of module golang.org/x/vulndb, which come without the index that
// govulncheck looks into (go.dev/security/vuln/database).
//
//	vulnindex <folder data/osv of the module> <folder to write to>
package main

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"time"
)

func main() {
	if len(os.Args) != 3 {
		fmt.Fprintln(os.Stderr, "usage: vulnindex <folder of reports> <folder to write to>")
		os.Exit(2)
	}
	n, err := write(os.Args[1], os.Args[2])
	if err != nil {
		fmt.Fprintln(os.Stderr, "vulnindex:", err)
		os.Exit(1)
	}
	fmt.Printf("%d reports\n", n)
}

// report is what the index takes from a report.
type report struct {
	ID        string     `json:"id"`
	Modified  time.Time  `json:"modified"`
	Withdrawn *time.Time `json:"withdrawn"`
	Aliases   []string   `json:"aliases"`
	Affected  []struct {
		Package struct {
			Name string `json:"name"`
		} `json:"package"`
	} `json:"affected"`
}

// vulnerability is a line of index/vulns.json, and without aliases one of a module's. Fixed versions may be left out: the ranges of the report decide.
type vulnerability struct {
	ID       string    `json:"id"`
	Modified time.Time `json:"modified"`
	Aliases  []string  `json:"aliases,omitempty"`
}

type module struct {
	Path  string          `json:"path"`
	Vulns []vulnerability `json:"vulns"`
}

// write makes the database in folder and returns how many reports it has.
func write(reports, folder string) (int, error) {
	files, err := filepath.Glob(filepath.Join(reports, "*.json"))
	if err != nil {
		return 0, err
	}
	if len(files) == 0 {
		return 0, fmt.Errorf("%s holds no reports", reports)
	}
	for _, name := range []string{"ID", "index"} {
		if err := os.MkdirAll(filepath.Join(folder, name), 0o755); err != nil {
			return 0, err
		}
	}
	var all []vulnerability
	var last time.Time
	modules := map[string]*module{}
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			return 0, err
		}
		var r report
		if err := json.Unmarshal(text, &r); err != nil {
			return 0, fmt.Errorf("%s: %w", file, err)
		}
		if r.ID == "" || r.ID+".json" != filepath.Base(file) {
			return 0, fmt.Errorf("%s: the id is %q: want that of the file's name", file, r.ID)
		}
		if r.Withdrawn != nil {
			continue
		}
		if err := os.WriteFile(filepath.Join(folder, "ID", r.ID+".json"), text, 0o644); err != nil {
			return 0, err
		}
		if r.Modified.After(last) {
			last = r.Modified
		}
		all = append(all, vulnerability{r.ID, r.Modified, r.Aliases})
		for _, a := range r.Affected {
			path := a.Package.Name
			if path == "" {
				return 0, fmt.Errorf("%s: a module has no name", file)
			}
			m := modules[path]
			if m == nil {
				m = &module{Path: path}
				modules[path] = m
			}
			if !slices.ContainsFunc(m.Vulns, func(v vulnerability) bool { return v.ID == r.ID }) { // a module may be listed by packages
				m.Vulns = append(m.Vulns, vulnerability{ID: r.ID, Modified: r.Modified})
			}
		}
	}
	byPath := slices.SortedFunc(maps.Values(modules), func(a, b *module) int { return cmp.Compare(a.Path, b.Path) })
	return len(all), errors.Join(
		writeJSON(folder, "db", map[string]time.Time{"modified": last}),
		writeJSON(folder, "modules", byPath),
		writeJSON(folder, "vulns", all),
	)
}

func writeJSON(folder, name string, v any) error {
	text, err := json.Marshal(v)
	if err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(folder, "index", name+".json"), text, 0o644)
}
