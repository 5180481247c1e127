package call

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/openspapi/spapi/internal/catalog"
	"github.com/openspapi/spapi/internal/cli/exit"
	"github.com/openspapi/spapi/internal/cli/output"
)

// maxInput bounds --input in bytes.
const maxInput = 64 << 20

// readInput reads the JSON of --input.
func readInput(name string, stdin io.Reader) (json.RawMessage, error) {
	var text []byte
	var err error
	if name == "-" {
		text, err = io.ReadAll(io.LimitReader(stdin, maxInput+1))
	} else {
		text, err = readFile(name)
	}
	if err != nil {
		return nil, exit.Usagef("--input: %w", err)
	}
	return checkJSON("--input "+name, text)
}

func readFile(name string) ([]byte, error) {
	f, err := os.Open(name)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	return io.ReadAll(io.LimitReader(f, maxInput+1))
}

// readJSON reads the JSON of a flag: the text itself, or that of @file.
func readJSON(flag, text string) (json.RawMessage, error) {
	if name, ok := strings.CutPrefix(text, "@"); ok {
		content, err := readFile(name)
		if err != nil {
			return nil, exit.Usagef("%s: %w", flag, err)
		}
		return checkJSON(flag+" "+text, content)
	}
	return checkJSON(flag, []byte(text))
}

// checkJSON wants one JSON value, and tells line and column of what is wrong.
func checkJSON(source string, text []byte) (json.RawMessage, error) {
	if len(text) > maxInput {
		return nil, exit.Usagef("%s: larger than %d bytes", source, maxInput)
	}
	text = []byte(strings.TrimPrefix(string(text), "\ufeff")) // Windows editors begin files with it
	if len(strings.TrimSpace(string(text))) == 0 {
		return nil, exit.Usagef("%s: is empty: want JSON", source)
	}
	var v json.RawMessage
	err := json.Unmarshal(text, &v)
	if err == nil {
		return v, nil
	}
	if syntax, ok := errors.AsType[*json.SyntaxError](err); ok {
		offset := syntax.Offset - 1 // that of the byte that was wrong
		if offset+1 == int64(len(text)) && strings.HasPrefix(syntax.Error(), "unexpected end") {
			offset++
		}
		line, column := position(text, offset)
		return nil, exit.Usagef("%s: line %d, column %d: %s", source, line, column, syntax.Error())
	}
	return nil, exit.Usagef("%s: %w", source, err)
}

// position turns an offset into line and column, both from 1; columns count characters.
func position(text []byte, offset int64) (line, column int) {
	at := min(max(int(offset), 0), len(text))
	before := string(text[:at])
	start := strings.LastIndexByte(before, '\n') + 1
	return 1 + strings.Count(before, "\n"), 1 + utf8.RuneCountInString(before[start:])
}

// wrongBody holds a value against a schema: kinds, members that are missing, and enums. It is milder than the models where Amazon is
// known to be: scalars may be spelled as strings, and null stands for nothing.
func wrongBody(api *catalog.API, schema *catalog.Schema, v any, path string) []string {
	s := api.Resolve(schema)
	if s == nil || v == nil {
		return nil
	}
	where := path
	if where == "" {
		where = "it"
	}
	var problems []string
	switch v := v.(type) {
	case map[string]any:
		if s.Type != "" && s.Type != "object" {
			return []string{fmt.Sprintf("%s is an object, want %s", where, article(s.Type))}
		}
		for _, name := range s.Required {
			if v[name] == nil {
				problems = append(problems, join(path, name)+" is missing")
			}
		}
		for _, name := range sorted(v) {
			next := s.Properties[name]
			if next == nil {
				next = s.AdditionalProperties
			}
			problems = append(problems, wrongBody(api, next, v[name], join(path, name))...)
		}
	case []any:
		if s.Type != "" && s.Type != "array" {
			return []string{fmt.Sprintf("%s is a list, want %s", where, article(s.Type))}
		}
		for i, e := range v {
			problems = append(problems, wrongBody(api, s.Items, e, fmt.Sprintf("%s[%d]", path, i))...)
		}
	case string:
		switch {
		case s.Type == "object" || s.Type == "array":
			return []string{fmt.Sprintf("%s is a string, want %s", where, article(s.Type))}
		case len(s.Enum) > 0 && !slices.Contains(s.Enum, v):
			return []string{fmt.Sprintf("%s: %q is none of its values: want %s", where, v, output.OneOf(s.Enum))}
		}
	default: // numbers and booleans
		if s.Type == "object" || s.Type == "array" {
			return []string{fmt.Sprintf("%s is %v, want %s", where, v, article(s.Type))}
		}
	}
	return problems
}

func article(kind string) string {
	switch kind {
	case "array":
		return "a list"
	case "object", "integer":
		return "an " + kind
	}
	return "a " + kind
}

func join(path, name string) string {
	if path == "" {
		return name
	}
	return path + "." + name
}

func sorted(m map[string]any) []string {
	names := make([]string, 0, len(m))
	for name := range m {
		names = append(names, name)
	}
	slices.Sort(names)
	return names
}
