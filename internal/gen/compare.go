package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"

	"github.com/openspapi/spapi/internal/catalog"
)

// comparison is how a project differs from what the generator makes.
type comparison struct {
	differs []string // files that are not up to date
	notes   []string // what differs because one checkout of the models is more complete than the other
}

// compare tells real differences from those of the checkout. Amazon's models come with and without examples and sandbox cases; no Go
// code depends on them, only the word about the sandbox in the catalogue and the models' hashes.
func (o output) compare(root string) (*comparison, error) {
	changed, stale, err := o.differences(root)
	if err != nil {
		return nil, err
	}
	d := &comparison{}
	for _, path := range append(changed, stale...) {
		note := ""
		if data, err := os.ReadFile(filepath.Join(root, path)); err == nil {
			switch path {
			case tableFile:
				if tabled(root, data) {
					continue // operationsFile differs, too
				}
			case operationsFile:
				note = sandboxOnly(data, o[path])
			case lockFile:
				note = "models.lock was written from other files of the models"
			}
		}
		if note == "" {
			d.differs = append(d.differs, path)
		} else {
			d.notes = append(d.notes, note)
		}
	}
	return d, nil
}

// tabled tells whether the table says what the project's operationsFile says.
func tabled(root string, table []byte) bool {
	past, err := readFormer(root)
	made := output{}
	return err == nil && made.render(tableFile, "catalog.tmpl", past.ops) == nil && bytes.Equal(made[tableFile], table)
}

// sandboxOnly tells which operations differ if two catalogues differ by nothing but the word about the sandbox.
func sandboxOnly(was, is []byte) string {
	var old, new []catalog.Operation
	if json.Unmarshal(was, &old) != nil || json.Unmarshal(is, &new) != nil || len(old) != len(new) {
		return ""
	}
	var names []string
	for i := range old {
		if old[i].Sandbox != new[i].Sandbox {
			names = append(names, new[i].ID)
			new[i].Sandbox = old[i].Sandbox
		}
	}
	same, err := encodeJSON(new)
	if err != nil || !bytes.Equal(same, was) {
		return ""
	}
	text := fmt.Sprintf("%s: other models tell something else about the sandbox of %d operations", operationsFile, len(names))
	for _, name := range names[:min(len(names), 10)] {
		text += ", " + name
	}
	return text
}

// verdict tells the differences, and fails on those that a run of the generator would mend.
func (d *comparison) verdict(log io.Writer) error {
	for _, note := range d.notes {
		fmt.Fprintln(log, "gen: note:", note)
	}
	slices.Sort(d.differs)
	for _, path := range d.differs {
		fmt.Fprintln(log, "gen: differs:", path)
	}
	if n := len(d.differs); n > 0 {
		return fmt.Errorf("%d generated files are not up to date; run make generate", n)
	}
	return nil
}
