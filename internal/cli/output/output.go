// Package output is the flag -o, --output, which means the same in every command, and the writing of its formats.
package output

import (
	"bytes"
	"encoding/json"
	"io"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/openspapi/spapi/internal/cli/exit"
)

// Format is a value of --output.
type Format string

// The formats. A command offers those that it can write.
const (
	JSON  Format = "json"
	Table Format = "table"
	Text  Format = "text"
)

// AddFlag adds -o, --output with the formats that cmd can write. The value stays empty when the flag is not given, which usage
// explains.
func AddFlag(cmd *cobra.Command, value *Format, usage string, formats ...Format) {
	f := &flag{value: value, formats: formats}
	cmd.Flags().VarP(f, "output", "o", usage)
	_ = cmd.RegisterFlagCompletionFunc("output", cobra.FixedCompletions(f.names(), cobra.ShellCompDirectiveNoFileComp))
}

type flag struct {
	value   *Format
	formats []Format
}

func (f *flag) names() []string {
	names := make([]string, len(f.formats))
	for i, format := range f.formats {
		names[i] = string(format)
	}
	return names
}

func (f *flag) String() string { return string(*f.value) }
func (f *flag) Type() string   { return strings.Join(f.names(), "|") }

func (f *flag) Set(s string) error {
	if !slices.Contains(f.formats, Format(s)) {
		return exit.Usagef("want %s", strings.Join(f.names(), " or "))
	}
	*f.value = Format(s)
	return nil
}

// WriteJSON writes v on one line.
func WriteJSON(w io.Writer, v any) error {
	e := json.NewEncoder(w)
	e.SetEscapeHTML(false) // "&" in URLs stays readable
	return e.Encode(v)
}

// WriteJSONList writes an array with one element per line, so that it can be read by eye and by line tools as well.
func WriteJSONList[T any](w io.Writer, list []T) error {
	var b bytes.Buffer
	b.WriteString("[")
	for i := range list {
		b.WriteString("\n  ")
		if err := WriteJSON(&b, list[i]); err != nil {
			return err
		}
		b.Truncate(b.Len() - 1) // the encoder's newline
		if i < len(list)-1 {
			b.WriteString(",")
		}
	}
	if len(list) > 0 {
		b.WriteString("\n")
	}
	b.WriteString("]\n")
	_, err := w.Write(b.Bytes())
	return err
}
