package doctor

import (
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"unicode"
	"unicode/utf8"

	"github.com/openspapi/spapi/internal/catalog"
	"github.com/openspapi/spapi/internal/cli/exit"
)

// used is an operation that a program calls, and where that was found.
type used struct {
	op    *catalog.Operation
	where string // "main.go:12", or "--uses"
}

// operationsInUse are those that --uses names and those that --source finds, each once.
func operationsInUse(opts *Options) ([]used, error) {
	found := map[string]used{}
	for _, id := range opts.Uses {
		op, ok := catalog.Lookup(strings.TrimSpace(id))
		if !ok {
			return nil, exit.Usagef("--uses: no operation is called %q; \"spapi ops\" lists them", id)
		}
		found[op.ID] = used{op, "--uses"}
	}
	if opts.Source != "" {
		if err := scan(opts.Source, found); err != nil {
			return nil, exit.Usagef("--source: %s", err)
		}
	}
	ids := slices.Sorted(maps.Keys(found))
	list := make([]used, len(ids))
	for i, id := range ids {
		list[i] = found[id]
	}
	return list, nil
}

// sources are the endings of files that hold programs and scripts.
var sources = []string{".go", ".py", ".js", ".mjs", ".cjs", ".ts", ".tsx", ".java", ".kt", ".cs", ".php", ".rb", ".rs", ".sh", ".yml", ".yaml", "Makefile"}

const maxSource = 2 << 20 // bytes; larger files are generated or data

func scan(root string, found map[string]used) error {
	return filepath.WalkDir(root, func(name string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		base := entry.Name()
		if entry.IsDir() {
			if name != root && (strings.HasPrefix(base, ".") || base == "node_modules" || base == "vendor" || base == "testdata") {
				return filepath.SkipDir
			}
			return nil
		}
		if !slices.ContainsFunc(sources, func(end string) bool { return strings.HasSuffix(base, end) }) || !entry.Type().IsRegular() {
			return nil
		}
		if info, err := entry.Info(); err != nil || info.Size() > maxSource {
			return err
		}
		text, err := os.ReadFile(name)
		if err != nil || !utf8.Valid(text) {
			return err
		}
		short, err := filepath.Rel(root, name)
		if err != nil {
			short = name
		}
		for number, line := range strings.Split(string(text), "\n") {
			for _, op := range inLine(line, string(text)) {
				if _, ok := found[op.ID]; !ok {
					found[op.ID] = used{op, filepath.ToSlash(short) + ":" + strconv.Itoa(number+1)}
				}
			}
		}
		return nil
	})
}

var (
	idPattern   = sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(`\b[a-z]+[a-z0-9]*\.[A-Za-z]\w+`) })
	callPattern = sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(`\.([A-Z]\w+?)(?:All|Pages)?\(`) })
	pathPattern = sync.OnceValue(func() *regexp.Regexp {
		return regexp.MustCompile(`["'` + "`" + `]?(?:https?://[\w.-]+)?(/[a-zA-Z]\w*(?:/[\w.{}$<>:-]+)+)`)
	})
)

// inLine finds operations by their ids, by the methods of this module's packages that the file imports, and by their paths.
func inLine(line, file string) []*catalog.Operation {
	var ops []*catalog.Operation
	for _, id := range idPattern().FindAllString(line, -1) {
		if op, ok := catalog.Lookup(id); ok {
			ops = append(ops, op)
		}
	}
	for _, m := range callPattern().FindAllStringSubmatch(line, -1) {
		for _, op := range byMethod(m[1]) {
			if strings.Contains(file, "openspapi/spapi/api/"+op.API+`"`) {
				ops = append(ops, op)
			}
		}
	}
	for _, m := range pathPattern().FindAllStringSubmatch(line, -1) {
		if op := byPath(m[1]); op != nil {
			ops = append(ops, op)
		}
	}
	return ops
}

// byMethod finds operations by the name of their Go method, which is Amazon's with a capital.
func byMethod(name string) []*catalog.Operation {
	first, size := utf8.DecodeRuneInString(name)
	amazon := string(unicode.ToLower(first)) + name[size:]
	var ops []*catalog.Operation
	all := catalog.Operations()
	for i := range all {
		if all[i].Name == amazon || all[i].Name == name {
			ops = append(ops, &all[i])
		}
	}
	return ops
}

// byPath finds a deprecated operation by the path that a program writes, with its own variables in place of the parameters. Which method is meant a
// line seldom tells, so only paths whose every operation is deprecated count.
func byPath(path string) *catalog.Operation {
	parts := strings.Split(strings.Trim(path, "/"), "/")
	var match *catalog.Operation
	all := catalog.Operations()
	for i := range all {
		template := strings.Split(strings.Trim(all[i].Path, "/"), "/")
		if len(template) != len(parts) {
			continue
		}
		same := true
		for j := range template {
			same = same && (template[j] == parts[j] || strings.HasPrefix(template[j], "{"))
		}
		if !same {
			continue
		}
		if !all[i].Deprecated {
			return nil
		}
		match = &all[i]
	}
	return match
}
