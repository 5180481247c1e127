// Package output is the flags -o, --output, --columns, --spreadsheet and --jq, which mean the same in every command, and the one place that
// writes their formats.
//
// Commands hand a [Printer] any value that encoding/json can write, and the columns that a table or CSV of it has; a [List] takes rows as they
// come. JSON, JSON lines and YAML show the whole value; so does --jq.
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
	Wide  Format = "wide" // a table with all columns, uncut
	CSV   Format = "csv"
	YAML  Format = "yaml"
	Text  Format = "text" // of quickstart only
)

var formats = []Format{JSON, JSONL, Table, Wide, CSV, YAML}

// Flags are the values of the flags.
type Flags struct {
	Format      Format // "" when the flag is not given
	JQ          Query
	Columns     []string // by their names, or paths in the rows' JSON; none: the command's own
	Spreadsheet bool     // CSV as spreadsheets take it; see [Guard]
}

// Given reports whether any of them is.
func (f *Flags) Given() bool {
	return f.Format != "" || f.JQ.Given() || len(f.Columns) > 0 || f.Spreadsheet
}

// Refuse is the error where a command writes what no format and no filter applies to; nil if none is given.
func (f *Flags) Refuse(what string) error {
	switch {
	case f.JQ.Given():
		return exit.Usagef("--jq %q: %s is no JSON that could be filtered", f.JQ.text, what)
	case f.Format != "":
		return exit.Usagef("-o %s: %s has one form only", f.Format, what)
	}
	return f.RefuseColumns(what)
}

// RefuseColumns is the error where --columns and --spreadsheet don't apply to what a command writes; nil if neither is given.
func (f *Flags) RefuseColumns(what string) error {
	switch {
	case len(f.Columns) > 0:
		return exit.Usagef("--columns %s: %s has no columns to choose from", strings.Join(f.Columns, ","), what)
	case f.Spreadsheet:
		return exit.Usagef("--spreadsheet: %s has no form for spreadsheets", what)
	}
	return nil
}

// Check checks the flags against each other.
func (f *Flags) Check() error {
	switch {
	case f.Spreadsheet && f.Format != "" && f.Format != CSV:
		return exit.Usagef("--spreadsheet doesn't go with -o %s: it makes a CSV", f.Format)
	case len(f.Columns) > 0 && !slices.Contains([]Format{"", Table, Wide, CSV}, f.Format):
		return exit.Usagef("--columns doesn't go with -o %s: want table, wide or csv", f.Format)
	}
	return nil
}

// Add adds the flags to a command and all below it.
func (f *Flags) Add(cmd *cobra.Command) {
	flags := cmd.PersistentFlags()
	flags.VarP(&formatFlag{value: &f.Format, formats: formats}, "output", "o", "output `format`: json, jsonl, table, wide (a table uncut), csv or yaml")
	flags.StringSliceVar(&f.Columns, "columns", nil,
		"`columns` of a table or CSV, by the names in its heading or by paths in the JSON, such as order,buyer.buyerEmail")
	flags.BoolVar(&f.Spreadsheet, "spreadsheet", false, "CSV for Excel and the like, with no text that would run as a formula (spapi help formats)")
	flags.Var(&f.JQ, "jq", "filter the JSON through a jq `expression`, lists as a whole")
	_ = cmd.RegisterFlagCompletionFunc("output", cobra.FixedCompletions(names(formats), cobra.ShellCompDirectiveNoFileComp))
	for _, name := range []string{"jq", "columns"} {
		_ = cmd.RegisterFlagCompletionFunc(name, cobra.NoFileCompletions)
	}
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
	// Path leads to the field in the row's JSON, such as "OrderTotal.Amount"; "" is the row itself. A list on the way is entered: that of one element
	// as if it were the element, others element by element; a number such as 0 names one. Where it leads nowhere the field is empty.
	Path  string
	Right bool // aligned to the right in tables
	// Text dresses the field for tables. Default: the value's text.
	Text func(Value) string
	// Parts are what a CSV has in place of the field. Default: the value as it came, which Text doesn't dress unless Path is ""; objects and lists of
	// them are a column for each value in them, "name.member" and "name.0.member".
	Parts []Part
	// List tells that Path leads through a list to a text of each element. In a CSV that of the only one is written as those of several are, so that
	// a comma in it doesn't make two of it.
	List bool

	Long  bool // a text: the first to be cut where a terminal is too narrow
	Spare int  // where that isn't enough the column with the highest is left out first; one with 0 stays, whole
	Wide  bool // only in tables of -o wide, and in CSV

	steps []string // Path in parts; what is nil is still to be cut
}

// Part is a column of a CSV.
type Part struct {
	Name string             // added to that of the column, with a dot; "" for nothing
	Text func(Value) string // as that of [Column]
}

// Printer writes what a command found to stdout.
type Printer struct {
	Streams *terminal.Streams
	Flags   Flags
	// Default is the format where no flag chooses one. Default: table on a terminal, else JSON.
	Default Format
	// Has tells whether rows of raw JSON can have a value at a path, for --columns. Default: whether one of the first rows has one.
	Has func(path []string) bool
}

// Format is the format that is written, Table for Wide; "" means the bare lines that --jq alone gives.
func (p *Printer) Format() Format {
	switch {
	case p.Flags.Format == Wide:
		return Table
	case p.Flags.Format != "":
		return p.Flags.Format
	case p.Flags.Spreadsheet:
		return CSV
	case len(p.Flags.Columns) > 0:
		return Table
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

// Whole reports whether the value itself is wanted, and not what a command makes of it for people.
func (p *Printer) Whole() bool { return p.Structured() || len(p.Flags.Columns) > 0 }
