package spapi_test

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"github.com/openspapi/spapi"
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

// TestAliasesTellTheirFields: go doc shows no fields of an alias of an internal type, so its comment lists them, with their types.
func TestAliasesTellTheirFields(t *testing.T) {
	aliases := map[string]reflect.Type{"ConfigError": reflect.TypeFor[spapi.ConfigError](), "Date": reflect.TypeFor[spapi.Date](),
		"Warning": reflect.TypeFor[spapi.Warning](), "ErrorItem": reflect.TypeFor[spapi.ErrorItem]()}
	names, err := filepath.Glob("*.go")
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range names {
		file, err := parser.ParseFile(token.NewFileSet(), name, nil, parser.ParseComments)
		if err != nil {
			t.Fatal(err)
		}
		for _, d := range file.Decls {
			decl, ok := d.(*ast.GenDecl)
			if !ok || decl.Tok != token.TYPE || strings.HasSuffix(name, "_test.go") {
				continue
			}
			spec := decl.Specs[0].(*ast.TypeSpec)
			if !spec.Assign.IsValid() || spec.Name.Name == "ConfigCode" { // which is a string
				continue
			}
			alias, ok := aliases[spec.Name.Name]
			if !ok {
				t.Errorf("%s: the test doesn't know the alias %s", name, spec.Name.Name)
				continue
			}
			delete(aliases, spec.Name.Name)
			for field := range alias.Fields() {
				kind := strings.NewReplacer("settings.Code", "ConfigCode").Replace(field.Type.String())
				if !regexp.MustCompile(`\t` + field.Name + ` +` + regexp.QuoteMeta(kind) + `\b`).MatchString(decl.Doc.Text()) {
					t.Errorf("the comment of %s does not list %s %s", spec.Name.Name, field.Name, kind)
				}
			}
		}
	}
	if len(aliases) > 0 {
		t.Errorf("not found: %v", aliases)
	}
}
