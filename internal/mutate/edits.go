package main

import (
	"errors"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
)

// edit is one mistake that a person might make, and the tests that must see it.
type edit struct {
	at       string // where it is written, "root.txt:12"
	name     string
	file     string // what it changes, relative to the module's root
	pkg      string // the folder of the tests, likewise
	tests    []string
	survives string // why no test can see it, if that is so
	hunks    []hunk
}

// hunk replaces whole lines, which must stand in the file exactly once.
type hunk struct{ old, new []string }

// readEdits reads all lists of a folder.
func readEdits(dir string) ([]edit, error) {
	files, err := filepath.Glob(filepath.Join(dir, "*.txt"))
	if err != nil {
		return nil, err
	}
	if len(files) == 0 {
		return nil, fmt.Errorf("no lists of edits (*.txt) in %s", dir)
	}
	var all []edit
	named := map[string]string{}
	for _, name := range files {
		text, err := os.ReadFile(name)
		if err != nil {
			return nil, err
		}
		edits, err := parseEdits(filepath.Base(name), string(text))
		if err != nil {
			return nil, err
		}
		for _, e := range edits {
			if other, ok := named[e.name]; ok {
				return nil, fmt.Errorf("%s: %q is also the name of the edit at %s", e.at, e.name, other)
			}
			named[e.name] = e.at
		}
		all = append(all, edits...)
	}
	return all, nil
}

// parseEdits reads a list; README.md beside the lists has the form.
func parseEdits(name, text string) ([]edit, error) {
	var edits []edit
	var e *edit
	inHunk := false
	for i, line := range strings.Split(text, "\n") {
		bad := func(format string, args ...any) ([]edit, error) {
			return nil, fmt.Errorf("%s:%d: %s", name, i+1, fmt.Sprintf(format, args...))
		}
		if title, ok := strings.CutPrefix(line, "== "); ok {
			edits = append(edits, edit{at: fmt.Sprintf("%s:%d", name, i+1), name: strings.TrimSpace(title)})
			e, inHunk = &edits[len(edits)-1], false
			continue
		}
		if line == "" || line[0] == '#' {
			inHunk = false
			continue
		}
		if e == nil {
			return bad("%q stands before the first edit: want a line \"== what is broken\"", line)
		}
		switch line[0] {
		case ' ', '-', '+':
			if !inHunk {
				e.hunks = append(e.hunks, hunk{})
				inHunk = true
			}
			h := &e.hunks[len(e.hunks)-1]
			if line[0] != '+' {
				h.old = append(h.old, line[1:])
			}
			if line[0] != '-' {
				h.new = append(h.new, line[1:])
			}
			continue
		}
		inHunk = false
		key, value, _ := strings.Cut(line, ":")
		value = strings.TrimSpace(value)
		if value == "" {
			return bad("%q: want file:, test: or survives: with a value, or a line of the change, which begins with a space, - or +", line)
		}
		switch key {
		case "file":
			e.file = value
		case "test":
			e.tests = strings.Fields(value)
			if first := e.tests[0]; strings.HasPrefix(first, ".") {
				e.pkg, e.tests = path.Clean(first), e.tests[1:]
			}
		case "survives":
			e.survives = value
		default:
			return bad("%q is unknown: want file, test or survives", key)
		}
	}
	for i := range edits {
		e := &edits[i]
		if e.pkg == "" {
			e.pkg = path.Dir(e.file)
		}
		if err := e.check(); err != nil {
			return nil, fmt.Errorf("%s: %s: %w", e.at, e.name, err)
		}
	}
	return edits, nil
}

func (e *edit) check() error {
	switch {
	case e.file == "":
		return errors.New("has no line \"file: …\"")
	case len(e.tests) == 0:
		return errors.New("has no line \"test: …\" with the tests that must see it")
	case len(e.hunks) == 0:
		return errors.New("changes nothing")
	}
	for _, h := range e.hunks {
		if len(h.old) == 0 {
			return errors.New("a change has no old lines, so nothing says where it goes")
		}
		if slices.Equal(h.old, h.new) {
			return errors.New("a change leaves its lines as they are")
		}
	}
	return nil
}

// apply returns the source with the edit made. An error means that the edit is stale: the code has moved on.
func (e *edit) apply(source []byte) ([]byte, error) {
	lines := strings.Split(string(source), "\n")
	for _, h := range e.hunks {
		at, count := -1, 0
		for i := 0; i+len(h.old) <= len(lines); i++ {
			if slices.Equal(lines[i:i+len(h.old)], h.old) {
				at, count = i, count+1
			}
		}
		if count != 1 {
			return nil, fmt.Errorf("the line %q with its neighbours stands in %s %d times: want once", strings.TrimSpace(h.old[0]), e.file, count)
		}
		lines = slices.Replace(lines, at, at+len(h.old), h.new...)
	}
	edited := []byte(strings.Join(lines, "\n"))
	if !strings.HasSuffix(e.file, ".go") { // an embedded script
		return edited, nil
	}
	if _, err := parser.ParseFile(token.NewFileSet(), e.file, edited, parser.SkipObjectResolution); err != nil {
		return nil, fmt.Errorf("is no Go any more: %w", err)
	}
	return edited, nil
}

// testFiles are the tests of a folder.
type testFiles struct {
	external []string        // files of the package whose name ends in _test
	tests    map[string]bool // by name, whether they stand in an external file
	mainIn   bool            // whether TestMain stands in an external file
}

func readTests(dir string) (testFiles, error) {
	found := testFiles{tests: map[string]bool{}}
	names, err := filepath.Glob(filepath.Join(dir, "*_test.go"))
	if err != nil {
		return found, err
	}
	for _, name := range names {
		file, err := parser.ParseFile(token.NewFileSet(), name, nil, parser.SkipObjectResolution)
		if err != nil {
			return found, err
		}
		external := strings.HasSuffix(file.Name.Name, "_test")
		if external {
			found.external = append(found.external, name)
		}
		for _, d := range file.Decls {
			if f, ok := d.(*ast.FuncDecl); ok && f.Recv == nil {
				switch n := f.Name.Name; {
				case n == "TestMain":
					found.mainIn = external
				case strings.HasPrefix(n, "Test"), strings.HasPrefix(n, "Fuzz"), strings.HasPrefix(n, "Example"):
					found.tests[n] = external
				}
			}
		}
	}
	return found, nil
}

// external reports whether the edit's tests need the external test files. Without them a test binary is built in a fraction of the time where
// they import packages that import the one under test.
func (e *edit) external(found testFiles) (bool, error) {
	needs := found.mainIn
	for _, t := range e.tests {
		name, _, _ := strings.Cut(t, "/")
		external, ok := found.tests[name]
		if !ok {
			return false, fmt.Errorf("%s has no test %s", e.pkg, name)
		}
		needs = needs || external
	}
	return needs, nil
}
