package conformance

import (
	"go/ast"
	"go/parser"
	"go/token"
	"maps"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// TestNoTypeIsUnreachable walks from the exported functions and methods of every API package over the types in their signatures: an exported
// type that is not met is one that no caller can need.
func TestNoTypeIsUnreachable(t *testing.T) {
	dirs, err := filepath.Glob("../../api/*")
	if err != nil || len(dirs) != len(clients) {
		t.Fatalf("%d packages, want %d: %v", len(dirs), len(clients), err)
	}
	types := 0
	for _, dir := range dirs {
		files, err := filepath.Glob(filepath.Join(dir, "*.gen.go"))
		if err != nil {
			t.Fatal(err)
		}
		uses := map[string][]ast.Node{} // what the declaration of a type names
		var signatures []ast.Node
		for _, name := range files {
			file, err := parser.ParseFile(token.NewFileSet(), name, nil, parser.SkipObjectResolution)
			if err != nil {
				t.Fatal(err)
			}
			for _, decl := range file.Decls {
				switch d := decl.(type) {
				case *ast.FuncDecl:
					if d.Name.IsExported() {
						signatures = append(signatures, d.Type)
					}
				case *ast.GenDecl:
					for _, spec := range d.Specs {
						if s, ok := spec.(*ast.TypeSpec); ok {
							uses[s.Name.Name] = append(uses[s.Name.Name], s.Type)
						}
					}
				}
			}
		}
		met := reachable(uses, signatures)
		for _, name := range slices.Sorted(maps.Keys(uses)) {
			if !ast.IsExported(name) {
				continue
			}
			types++
			if !met[name] {
				t.Errorf("%s.%s is reachable from no operation", filepath.Base(dir), name)
			}
		}
	}
	t.Logf("%d exported types", types)
	// The walk itself must be able to miss something.
	x, err := parser.ParseExpr("struct { A []B; c map[string]*C }")
	if err != nil {
		t.Fatal(err)
	}
	met := reachable(map[string][]ast.Node{"A": {x}, "B": nil, "C": nil, "D": {x}}, []ast.Node{ast.NewIdent("A")})
	if names := strings.Join(slices.Sorted(maps.Keys(met)), ""); names != "ABC" {
		t.Errorf("met %s, want ABC", names)
	}
}

func reachable(uses map[string][]ast.Node, from []ast.Node) map[string]bool {
	met := map[string]bool{}
	var visit func(ast.Node) bool
	visit = func(n ast.Node) bool {
		switch n := n.(type) {
		case *ast.Field: // not its name, which is often that of a type
			ast.Inspect(n.Type, visit)
			return false
		case *ast.SelectorExpr: // of another package
			return false
		case *ast.Ident:
			if _, declared := uses[n.Name]; declared && !met[n.Name] {
				met[n.Name] = true
				for _, use := range uses[n.Name] {
					ast.Inspect(use, visit)
				}
			}
		}
		return true
	}
	for _, n := range from {
		ast.Inspect(n, visit)
	}
	return met
}
