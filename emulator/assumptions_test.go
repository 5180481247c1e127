package emulator

import (
	"cmp"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"reflect"
	"regexp"
	"runtime"
	"slices"
	"strings"
	"testing"

	"github.com/openspapi/spapi/emulator/internal/table"
)

const assumptionsPage = "../docs/assumptions.md"

// assumption is something that the emulator does without a source: a comment or a table's row says so by the word "assumed".
type assumption struct {
	file  string // below emulator/internal/
	where string // the declaration, or the row's first column
	what  string
}

var (
	assumed = regexp.MustCompile(`(?i)\bassumed\b`)
	ends    = regexp.MustCompile(`[.!?]["”)]?\s+`)
	quoted  = regexp.MustCompile(`".*"`)
)

// assumptions reads the code and the tables beside it.
func assumptions(t *testing.T) (all []assumption) {
	t.Helper()
	err := filepath.WalkDir("internal", func(name string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || strings.HasSuffix(name, "_test.go") {
			return err
		}
		file := strings.TrimPrefix(filepath.ToSlash(name), "internal/")
		switch filepath.Ext(name) {
		case ".go":
			all = append(all, assumedInCode(t, name, file)...)
		case ".csv":
			all = append(all, assumedInTable(t, name, file)...)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	slices.SortStableFunc(all, func(a, b assumption) int { return cmp.Compare(a.file, b.file) })
	return all
}

func assumedInCode(t *testing.T, name, file string) (found []assumption) {
	t.Helper()
	source, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	set := token.NewFileSet()
	f, err := parser.ParseFile(set, name, source, parser.ParseComments|parser.SkipObjectResolution)
	if err != nil {
		t.Fatal(err)
	}
	lines := strings.Split(string(source), "\n")
	for _, group := range f.Comments {
		for _, what := range sentences(strings.Join(strings.Fields(group.Text()), " ")) {
			line := lines[set.Position(group.Pos()).Line-1]
			// Behind code: what the line has in quotes is what is assumed.
			code, _, _ := strings.Cut(line, "//")
			if at := quoted.FindStringIndex(code); at != nil && len(what) < 60 {
				what += ": `" + code[at[0]:strings.LastIndexByte(code, '"')+1] + "`"
			}
			found = append(found, assumption{file, declaration(set, f, group), what})
		}
	}
	return found
}

// sentences are those of a comment that say that something is assumed; a short one needs the one before it.
func sentences(text string) (found []string) {
	if !assumed.MatchString(text) {
		return nil
	}
	begin, before := 0, ""
	for begin < len(text) {
		end := len(text)
		if at := ends.FindStringIndex(text[begin:]); at != nil {
			end = begin + at[1]
		}
		sentence := strings.TrimSpace(text[begin:end])
		begin = end
		if assumed.MatchString(sentence) {
			if len(sentence) < 60 && before != "" {
				sentence = before + " " + sentence
			}
			found = append(found, sentence)
		}
		before = sentence
	}
	return found
}

// declaration names what a comment is in, before, or behind on the same line; "" for one between declarations.
func declaration(set *token.FileSet, f *ast.File, group *ast.CommentGroup) string {
	about := func(n ast.Node, doc *ast.CommentGroup) bool {
		return doc == group || group.Pos() >= n.Pos() && set.Position(group.Pos()).Line <= set.Position(n.End()).Line
	}
	for _, d := range f.Decls {
		switch d := d.(type) {
		case *ast.FuncDecl:
			if about(d, d.Doc) {
				return d.Name.Name
			}
		case *ast.GenDecl:
			for _, spec := range d.Specs {
				name, doc := "", d.Doc
				switch spec := spec.(type) {
				case *ast.ValueSpec:
					name, doc = spec.Names[0].Name, cmp.Or(spec.Doc, doc)
				case *ast.TypeSpec:
					name, doc = spec.Name.Name, cmp.Or(spec.Doc, doc)
				}
				if about(spec, doc) {
					return name
				}
			}
		}
	}
	return ""
}

func assumedInTable(t *testing.T, name, file string) (found []assumption) {
	t.Helper()
	b, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	var comment []string
	for line := range strings.Lines(string(b)) {
		if text, ok := strings.CutPrefix(line, "#"); ok {
			comment = append(comment, strings.TrimSpace(text))
		}
	}
	for _, what := range sentences(strings.Join(comment, " ")) {
		found = append(found, assumption{file, "", what})
	}
	for _, row := range table.Read(file, string(b)) {
		for _, cell := range row {
			for _, what := range sentences(cell) {
				found = append(found, assumption{file, row[0], what})
			}
		}
	}
	return found
}

// assumptionsText is the page, a section for each room or flow.
func assumptionsText(all []assumption) string {
	var b strings.Builder
	b.WriteString("# What is assumed\n\nWhere nobody has published what Amazon does, the emulator does what a seller would most likely see, and a comment beside the code, or the row of a table, says\n" +
		"that it is assumed. This page collects them: `go test ./emulator -run TestDocs -update` writes it. Paths are below `emulator/internal/`.\n")
	room := ""
	for _, a := range all {
		if dir := path.Dir(a.file); dir != room {
			room = dir
			fmt.Fprintf(&b, "\n## %s\n\n| where | what |\n|---|---|\n", path.Base(room))
		}
		where := "`" + path.Base(a.file) + "`"
		if a.where != "" {
			where += ": `" + a.where + "`"
		}
		fmt.Fprintf(&b, "| %s | %s |\n", where, strings.NewReplacer("|", `\|`, "*", `\*`, "<", "&lt;").Replace(a.what))
	}
	return b.String()
}

// assumptionsOf counts the assumptions of each API: those of its flow, but for files that are named after another API of the flow.
func assumptionsOf(all []assumption) map[string]int {
	folders := map[string][]string{} // APIs by flow
	for _, f := range flows {
		for id, h := range f.Handlers {
			api, _, _ := strings.Cut(id, ".")
			name := runtime.FuncForPC(reflect.ValueOf(h).Pointer()).Name()
			_, below, found := strings.Cut(name, "/emulator/internal/")
			if folder, _, _ := strings.Cut(below, "."); found && !slices.Contains(folders[folder], api) {
				folders[folder] = append(folders[folder], api)
			}
		}
	}
	counts := map[string]int{}
	for _, a := range all {
		apis := folders[path.Dir(a.file)]
		named := slices.IndexFunc(apis, func(api string) bool { return strings.HasPrefix(path.Base(a.file), api) })
		for i, api := range apis {
			if named < 0 || named == i {
				counts[api]++
			}
		}
	}
	return counts
}

// TestAssumptionsAreFound reads comments as they are written.
func TestAssumptionsAreFound(t *testing.T) {
	dir := t.TempDir()
	name := filepath.Join(dir, "x.go")
	source := `package x

// a does b. The wording is assumed. More.
func a() {
	refuse("No.", "why: not here") // wording assumed
	// Another thing that is not said anywhere but that must be so for all callers is assumed.
}

const (
	one = 1
	two = 2 // assumed
	// three is as long as that; assumed.
	three = 3
)

var s = "assumed" // nothing
`
	if err := os.WriteFile(name, []byte(source), 0o600); err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, a := range assumedInCode(t, name, "x.go") {
		got = append(got, a.where+": "+a.what)
	}
	want := []string{"a: a does b. The wording is assumed.", "a: wording assumed: `\"No.\", \"why: not here\"`",
		"a: Another thing that is not said anywhere but that must be so for all callers is assumed.", "two: assumed", "three: three is as long as that; assumed."}
	if !slices.Equal(got, want) {
		t.Errorf("found\n%q, want\n%q", got, want)
	}
}
