// Package output is the flags -o, --output and --jq, which mean the same in every command, and the one place that writes their formats.
//
// Commands hand a [Printer] any value that encoding/json can write, and the columns that a table or CSV of it has. JSON, JSON lines and
// YAML show the whole value; so does --jq.
package output

import (
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/openspapi/spapi/internal/cli/exit"
	"github.com/openspapi/spapi/internal/cli/terminal"
)

// Format is a value of --output.
type Format string

// The formats.
const (
	JSON  Format = "json"
	JSONL Format = "jsonl" // one JSON value a line
	Table Format = "table"
	CSV   Format = "csv"
	YAML  Format = "yaml"
	Text  Format = "text" // of quickstart only
)

var formats = []Format{JSON, JSONL, Table, CSV, YAML}

// Flags are the values of --output and --jq.
type Flags struct {
	Format Format // "" when the flag is not given
	JQ     Query
}

// Refuse is the error where a command writes what no format and no filter applies to; nil if neither is given.
func (f *Flags) Refuse(what string) error {
	switch {
	case f.JQ.Given():
		return exit.Usagef("--jq %q: %s is no JSON that could be filtered", f.JQ.text, what)
	case f.Format != "":
		return exit.Usagef("-o %s: %s has one form only", f.Format, what)
	}
	return nil
}

// Add adds -o, --output and --jq to a command and all below it.
func (f *Flags) Add(cmd *cobra.Command) {
	cmd.PersistentFlags().VarP(&formatFlag{value: &f.Format, formats: formats}, "output", "o", "output `format`: json, jsonl, table, csv or yaml")
	cmd.PersistentFlags().Var(&f.JQ, "jq", "filter the JSON through a jq `expression`")
	_ = cmd.RegisterFlagCompletionFunc("output", cobra.FixedCompletions(names(formats), cobra.ShellCompDirectiveNoFileComp))
	_ = cmd.RegisterFlagCompletionFunc("jq", cobra.NoFileCompletions)
}

// AddFlag adds an -o, --output of a command's own, which hides the general one. The value stays empty when the flag is not given,
// which usage explains.
func AddFlag(cmd *cobra.Command, value *Format, usage string, formats ...Format) {
	cmd.Flags().VarP(&formatFlag{value: value, formats: formats}, "output", "o", usage)
	_ = cmd.RegisterFlagCompletionFunc("output", cobra.FixedCompletions(names(formats), cobra.ShellCompDirectiveNoFileComp))
}

type formatFlag struct {
	value   *Format
	formats []Format
}

func names(formats []Format) []string {
	names := make([]string, len(formats))
	for i, format := range formats {
		names[i] = string(format)
	}
	return names
}

func (f *formatFlag) String() string { return string(*f.value) }
func (f *formatFlag) Type() string   { return strings.Join(names(f.formats), "|") }

func (f *formatFlag) Set(s string) error {
	if !slices.Contains(f.formats, Format(s)) {
		return exit.Usagef("want %s", OneOf(names(f.formats)))
	}
	*f.value = Format(s)
	return nil
}

// OneOf lists choices: "a, b or c".
func OneOf(names []string) string {
	if len(names) < 2 {
		return strings.Join(names, "")
	}
	return strings.Join(names[:len(names)-1], ", ") + " or " + names[len(names)-1]
}

// Column is a field of the rows, as tables and CSV show it.
type Column struct {
	Name string // heading, which tables put in capitals
	// Path leads to the field in the row's JSON, such as "OrderTotal.Amount"; "" is the row itself. Where it leads nowhere the field is empty.
	Path  string
	Right bool // aligned to the right in tables
	// Text dresses the field for tables; CSV has it as it is, unless Path is "". The value is a string, bool, json.Number or nil, for objects
	// and lists a json.RawMessage. Default: the value's text.
	Text func(value any) string
}

// Printer writes what a command found to stdout.
type Printer struct {
	Streams *terminal.Streams
	Flags   Flags
	// Default is the format where the flag is not given and --jq neither. Default: table on a terminal, else JSON.
	Default Format
}

// Format is the format that is written; "" means the bare lines that --jq alone gives.
func (p *Printer) Format() Format {
	switch {
	case p.Flags.Format != "":
		return p.Flags.Format
	case p.Flags.JQ.code != nil:
		return ""
	case p.Default != "":
		return p.Default
	case p.Streams.OutIsTerminal:
		return Table
	}
	return JSON
}

// Structured reports whether the output is for programs: everything but a table.
func (p *Printer) Structured() bool { return p.Format() != Table }
