package spapi_test

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
)

// TestEveryConfigErrorHasACode looks at every place of the module that makes one.
func TestEveryConfigErrorHasACode(t *testing.T) {
	files, places := token.NewFileSet(), 0
	err := filepath.WalkDir(".", func(name string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if entry.IsDir() {
			if _, err := os.Stat(filepath.Join(name, "go.mod")); name != "." && (err == nil || strings.HasPrefix(entry.Name(), ".") || entry.Name() == "testdata") {
				return filepath.SkipDir
			}
			return nil
		}
		if !strings.HasSuffix(name, ".go") || strings.HasSuffix(name, "_test.go") || strings.HasSuffix(name, ".gen.go") {
			return nil
		}
		file, err := parser.ParseFile(files, name, nil, 0)
		if err != nil {
			return err
		}
		ast.Inspect(file, func(n ast.Node) bool {
			literal, ok := n.(*ast.CompositeLit)
			if !ok {
				return true
			}
			kind := literal.Type
			if selector, ok := kind.(*ast.SelectorExpr); ok {
				kind = selector.Sel
			}
			if name, ok := kind.(*ast.Ident); !ok || name.Name != "ConfigError" {
				return true
			}
			places++
			for _, element := range literal.Elts {
				if pair, ok := element.(*ast.KeyValueExpr); ok && pair.Key.(*ast.Ident).Name == "Code" {
					return true
				}
			}
			t.Errorf("%s: a ConfigError without a Code", files.Position(literal.Pos()))
			return true
		})
		return nil
	})
	if err != nil || places < 30 {
		t.Errorf("%d places, %v", places, err)
	}
}

// TestCodesAreExported: each code has its constant here, and its word follows from the constant's name.
func TestCodesAreExported(t *testing.T) {
	words := map[string]string{}
	for name, value := range constants(t, "internal/settings/error.go") {
		literal, ok := value.(*ast.BasicLit)
		if !ok {
			t.Fatalf("%s is no literal", name)
		}
		words[name], _ = strconv.Unquote(literal.Value)
	}
	exported := constants(t, "configerror.go")
	for name, word := range words {
		if want := kebab(strings.TrimPrefix(name, "Code")); word != want {
			t.Errorf("%s is %q, want %q", name, word, want)
		}
		if selector, ok := exported[name].(*ast.SelectorExpr); !ok || selector.Sel.Name != name {
			t.Errorf("configerror.go does not export %s", name)
		}
	}
	if len(words) < 40 || len(exported) != len(words) {
		t.Errorf("%d codes, %d exported", len(words), len(exported))
	}
}

func constants(t *testing.T, name string) map[string]ast.Expr {
	t.Helper()
	file, err := parser.ParseFile(token.NewFileSet(), name, nil, 0)
	if err != nil {
		t.Fatal(err)
	}
	found := map[string]ast.Expr{}
	ast.Inspect(file, func(n ast.Node) bool {
		if spec, ok := n.(*ast.ValueSpec); ok && len(spec.Names) == 1 && len(spec.Values) == 1 && strings.HasPrefix(spec.Names[0].Name, "Code") {
			found[spec.Names[0].Name] = spec.Values[0]
		}
		return true
	})
	return found
}

var word = regexp.MustCompile(`HTTPS|URL|ARN|ID|[A-Z][a-z]*`)

func kebab(name string) string {
	return strings.ToLower(strings.Join(word.FindAllString(name, -1), "-"))
}
