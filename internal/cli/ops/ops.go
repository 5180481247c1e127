// Package ops is "spapi ops": all operations of the API as a table or as data.
package ops

import (
	"context"
	"fmt"
	"strconv"
	"strings"

	"github.com/jedib0t/go-pretty/v6/table"
	"github.com/jedib0t/go-pretty/v6/text"
	"github.com/spf13/cobra"

	"github.com/openspapi/spapi/internal/catalog"
	"github.com/openspapi/spapi/internal/cli/factory"
	"github.com/openspapi/spapi/internal/cli/output"
	"github.com/openspapi/spapi/internal/cli/terminal"
)

// Options are the flags of "spapi ops" and what it works with.
type Options struct {
	Streams *terminal.Streams

	Words  []string // every one must occur in an operation's id, path or method
	Output output.Format
}

// NewCmdOps returns the command. runF replaces the work in tests.
func NewCmdOps(f *factory.Factory, runF func(context.Context, *Options) error) *cobra.Command {
	opts := &Options{Streams: f.Streams}
	cmd := &cobra.Command{
		Use:   "ops [word...]",
		Short: "List the operations of the API",
		Long: "Lists the operations of the Selling Partner API; with words, those whose id, method or path has all of them.\n\n" +
			"Rate is the default usage plan in requests per second, for each application and seller; burst is how many\n" +
			"may be sent at once after a pause. The notes say what is particular: a restricted data token that is needed (always, on-request, for\n" +
			"restricted-report-types), a grantless scope, pages, a deprecation.\n\n" +
			"A terminal gets a table, everything else JSON.",
		Example: "  spapi ops\n" +
			"  spapi ops orders search\n" +
			"  spapi ops -o json | jq '.[] | select(.deprecated) | .id'",
		RunE: func(cmd *cobra.Command, args []string) error {
			opts.Words = args
			if runF != nil {
				return runF(cmd.Context(), opts)
			}
			return run(opts)
		},
	}
	output.AddFlag(cmd, &opts.Output, "output format (default: table on a terminal, else json)", output.JSON, output.Table)
	return cmd
}

// row is an operation as JSON. What doesn't apply is null or false, so that jq's select works on every field.
type row struct {
	ID         string  `json:"id"`
	API        string  `json:"api"`
	Version    string  `json:"version"`
	Operation  string  `json:"operation"`
	Method     string  `json:"method"`
	Path       string  `json:"path"`
	Rate       float64 `json:"rate"`
	Burst      int     `json:"burst"`
	Restricted *string `json:"restricted"` // when a restricted data token is needed
	Grantless  *string `json:"grantless"`  // Login with Amazon scope
	Paging     *string `json:"paging"`     // rule for the next page
	Deprecated bool    `json:"deprecated"`
	Removal    *string `json:"removal"`     // date
	ReplacedBy *string `json:"replaced_by"` // operation id
}

func run(opts *Options) error {
	found := filter(catalog.Operations(), opts.Words)
	format := opts.Output
	if format == "" {
		format = output.JSON
		if opts.Streams.OutIsTerminal {
			format = output.Table
		}
	}
	if format == output.JSON {
		rows := make([]row, len(found))
		for i, op := range found {
			rows[i] = newRow(op)
		}
		return output.WriteJSONList(opts.Streams.Out, rows)
	}
	if len(found) == 0 {
		_, err := fmt.Fprintf(opts.Streams.Err, "no operation has %s in its id, method or path\n", strings.Join(opts.Words, " and "))
		return err
	}
	return writeTable(opts.Streams, found)
}

func filter(all []catalog.Operation, words []string) []*catalog.Operation {
	var found []*catalog.Operation
	for i := range all {
		op := &all[i]
		text := strings.ToLower(op.ID + " " + op.Method + " " + op.Path)
		matches := true
		for _, w := range words {
			matches = matches && strings.Contains(text, strings.ToLower(w))
		}
		if matches {
			found = append(found, op)
		}
	}
	return found
}

func newRow(op *catalog.Operation) row {
	r := row{
		ID: op.ID, API: op.API, Version: op.Version, Operation: op.Name, Method: op.Method, Path: op.Path,
		Rate: op.Rate, Burst: op.Burst,
		Grantless: orNull(op.Grantless), Deprecated: op.Deprecated, Removal: orNull(op.Removal), ReplacedBy: orNull(op.ReplacedBy),
	}
	if op.Restricted != nil {
		r.Restricted = orNull(op.Restricted.When)
	}
	if op.Paging != nil {
		r.Paging = orNull(op.Paging.Rule)
	}
	return r
}

func orNull(s string) *string {
	if s == "" {
		return nil
	}
	return &s
}

func writeTable(s *terminal.Streams, found []*catalog.Operation) error {
	t := table.NewWriter()
	style := table.StyleLight
	style.Options = table.OptionsNoBordersAndSeparators
	style.Box.PaddingLeft = ""
	style.Box.PaddingRight = "  "
	style.Box.UnfinishedRow = "…"
	t.SetStyle(style)
	t.SuppressTrailingSpaces()
	t.SetColumnConfigs([]table.ColumnConfig{
		{Name: "RATE", Align: text.AlignRight, AlignHeader: text.AlignRight},
		{Name: "BURST", Align: text.AlignRight, AlignHeader: text.AlignRight},
	})
	t.AppendHeader(table.Row{"OPERATION", "RATE", "BURST", "METHOD", "PATH", "NOTES"})
	for _, op := range found {
		t.AppendRow(table.Row{op.ID, strconv.FormatFloat(op.Rate, 'f', -1, 64), op.Burst, op.Method, op.Path, notes(op)})
	}
	if s.Width > 0 {
		t.Style().Size.WidthMax = s.Width
	}
	if _, err := fmt.Fprintln(s.Out, t.Render()); err != nil {
		return err
	}
	plural := "s"
	if len(found) == 1 {
		plural = ""
	}
	_, err := fmt.Fprintf(s.Err, "%d operation%s\n", len(found), plural)
	return err
}

func notes(op *catalog.Operation) string {
	var n []string
	if op.Deprecated {
		note := "deprecated"
		if op.Removal != "" {
			note += ", removal " + op.Removal
		}
		n = append(n, note)
	}
	if op.Restricted != nil {
		n = append(n, "restricted "+op.Restricted.When)
	}
	if op.Grantless != "" {
		n = append(n, "grantless")
	}
	if op.Paging != nil {
		n = append(n, "pages")
	}
	return strings.Join(n, "; ")
}
