package emulator

import (
	"bytes"
	"fmt"
	"io"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"

	"github.com/openspapi/spapi/internal/cli/exit"
)

// shell is how an environment is written down.
type shell struct {
	name  string
	set   func(name, value string) string
	unset func(name string) string
}

// shells are those of --env, the first being what it means without a value.
var shells = []shell{
	{"sh", // POSIX: between single quotes everything stands for itself, but the single quote
		func(name, value string) string {
			return "export " + name + "=" + singleQuoted(value)
		},
		func(name string) string { return "unset " + name }},
	{"fish", // fishshell.com/docs/current/language.html#quotes
		func(name, value string) string {
			return "set -gx " + name + " '" + strings.NewReplacer(`\`, `\\`, "'", `\'`).Replace(value) + "'"
		},
		func(name string) string { return "set -e " + name }},
	{"powershell", // about_Quoting_Rules; typographic quotes end a string too
		func(name, value string) string {
			return "$env:" + name + " = '" + strings.NewReplacer("'", "''", "‘", "‘‘", "’", "’’", "‚", "‚‚", "‛", "‛‛").Replace(value) + "'"
		},
		func(name string) string { return "Remove-Item -ErrorAction SilentlyContinue Env:" + name }},
	{"dotenv", // lines as docker's --env-file and GitHub's $GITHUB_ENV take them: nothing is quoted, and no line can be continued
		func(name, value string) string { return name + "=" + strings.ReplaceAll(value, "\n", " ") },
		func(name string) string { return name + "=" }},
}

func findShell(name string) (shell, error) {
	i := slices.IndexFunc(shells, func(s shell) bool { return s.name == name })
	if i < 0 {
		names := make([]string, len(shells))
		for i, s := range shells {
			names[i] = s.name
		}
		return shell{}, exit.Usagef("--env=%s: want %s", name, strings.Join(names[:len(names)-1], ", ")+" or "+names[len(names)-1])
	}
	return shells[i], nil
}

func singleQuoted(value string) string { return "'" + strings.ReplaceAll(value, "'", `'\''`) + "'" }

// quoted is a word of a command line for a POSIX shell, in quotes where it needs them.
func quoted(word string) string {
	special := " \t\n'\"$`&;|<>()*?[]#~!{}"
	if filepath.Separator != '\\' {
		special += `\`
	}
	if strings.ContainsAny(word, special) {
		return singleQuoted(word)
	}
	return word
}

// isName matches the names that variables of a shell can have. The kernel allows others, which a shell would take for commands.
var isName = sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_]*$`) })

// write writes the environment in one piece, so that whoever waits for its last line has all of it.
func (s shell) write(w io.Writer, e environment) error {
	var b bytes.Buffer
	for _, name := range e.unset {
		if isName().MatchString(name) {
			fmt.Fprintln(&b, s.unset(name))
		}
	}
	for _, v := range e.set {
		fmt.Fprintln(&b, s.set(v.name, v.value))
	}
	_, err := w.Write(b.Bytes())
	return err
}
