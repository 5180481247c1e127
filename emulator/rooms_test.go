package emulator

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"path/filepath"
	"strings"
	"testing"
)

// mostFiles is how many files a package may have, tests not counted: with more of them nobody knows the one for a line.
const mostFiles = 15

func TestPackagesAreSmall(t *testing.T) {
	files := map[string]int{}
	err := filepath.WalkDir(".", func(name string, _ fs.DirEntry, err error) error {
		if strings.HasSuffix(name, ".go") && !strings.HasSuffix(name, "_test.go") {
			files[filepath.Dir(name)]++
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	if files["."] == 0 || files[filepath.Join("internal", "desk")] == 0 {
		t.Fatalf("found %v: is this the emulator's folder?", files)
	}
	for dir, n := range files {
		if n > mostFiles {
			t.Errorf("%s has %d files, want at most %d", dir, n, mostFiles)
		}
	}
}

// TestUsersCanNameWhatTheySee looks at all that is exported: no signature and no field has a type that is not exported or lies in an internal
// package.
func TestUsersCanNameWhatTheySee(t *testing.T) {
	names, err := filepath.Glob("*.go")
	if err != nil {
		t.Fatal(err)
	}
	seen := 0
	for _, name := range names {
		if strings.HasSuffix(name, "_test.go") {
			continue
		}
		file, err := parser.ParseFile(token.NewFileSet(), name, nil, parser.SkipObjectResolution)
		if err != nil {
			t.Fatal(err)
		}
		internal := map[string]bool{}
		for _, spec := range file.Imports {
			if path := strings.Trim(spec.Path.Value, `"`); strings.Contains(path, "/internal/") {
				internal[path[strings.LastIndexByte(path, '/')+1:]] = true
			}
		}
		for _, what := range unnameable(file, internal) {
			t.Errorf("%s: %s", name, what)
		}
		seen += len(file.Decls)
	}
	if seen < 100 {
		t.Errorf("%d declarations seen", seen)
	}
}

// unnameable finds the types in exported signatures and fields of a file that a user of the package can't write down.
func unnameable(file *ast.File, internal map[string]bool) (found []string) {
	var look func(where string, e ast.Expr)
	look = func(where string, e ast.Expr) {
		ast.Inspect(e, func(n ast.Node) bool {
			switch n := n.(type) {
			case *ast.SelectorExpr:
				if pkg, ok := n.X.(*ast.Ident); ok && internal[pkg.Name] {
					found = append(found, where+" has "+pkg.Name+"."+n.Sel.Name)
				}
				return false
			case *ast.Field: // of a function's type: its name doesn't count
				look(where, n.Type)
				return false
			case *ast.Ident:
				if !n.IsExported() && !predeclared[n.Name] {
					found = append(found, where+" has "+n.Name)
				}
			}
			return true
		})
	}
	fields := func(where string, list *ast.FieldList, exportedOnly bool) {
		if list == nil {
			return
		}
		for _, f := range list.List {
			if !exportedOnly || len(f.Names) == 0 || f.Names[0].IsExported() {
				look(where, f.Type)
			}
		}
	}
	for _, d := range file.Decls {
		switch d := d.(type) {
		case *ast.FuncDecl:
			if !d.Name.IsExported() || d.Recv != nil && !exportedReceiver(d.Recv) {
				continue
			}
			fields(d.Name.Name, d.Type.Params, false)
			fields(d.Name.Name, d.Type.Results, false)
		case *ast.GenDecl:
			for _, spec := range d.Specs {
				if ts, ok := spec.(*ast.TypeSpec); ok && ts.Name.IsExported() {
					if st, ok := ts.Type.(*ast.StructType); ok {
						fields(ts.Name.Name, st.Fields, true)
					}
				}
			}
		}
	}
	return found
}

func exportedReceiver(list *ast.FieldList) bool {
	e := list.List[0].Type
	if star, ok := e.(*ast.StarExpr); ok {
		e = star.X
	}
	id, ok := e.(*ast.Ident)
	return ok && id.IsExported()
}

var predeclared = map[string]bool{"any": true, "bool": true, "byte": true, "error": true, "float64": true, "int": true, "int64": true, "string": true}

// The test itself must be able to fail.
func TestUnnameableTypesAreFound(t *testing.T) {
	const source = `package emulator
func Good(a int, b []Fault) (Option, error) { return nil, nil }
func (e *Emulator) Bad(a desk.State) *hidden { return nil }
func (e *hidden) Fine(a hidden) {}
type Shown struct { Names []string; Inside desk.State; outside desk.State }
`
	file, err := parser.ParseFile(token.NewFileSet(), "x.go", source, 0)
	if err != nil {
		t.Fatal(err)
	}
	got := strings.Join(unnameable(file, map[string]bool{"desk": true}), "; ")
	if want := "Bad has desk.State; Bad has hidden; Shown has desk.State"; got != want {
		t.Errorf("found %q, want %q", got, want)
	}
}
