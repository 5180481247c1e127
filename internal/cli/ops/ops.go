// Package ops is "spapi ops": all operations of the API as a table or as data.
package ops

import (
	"context"
	"encoding/json"
	"strings"

	"github.com/spf13/cobra"

	"github.com/openspapi/spapi/internal/catalog"
	"github.com/openspapi/spapi/internal/cli/factory"
	"github.com/openspapi/spapi/internal/cli/output"
	"github.com/openspapi/spapi/internal/cli/terminal"
)

// Options are the flags of "spapi ops" and what it works with.
type Options struct {
	Streams *terminal.Streams

	Printer func() *output.Printer
	Notef   func(format string, args ...any)

	Words []string // every one must occur in an operation's id, path or method
}

// NewCmdOps returns the command. runF replaces the work in tests.
func NewCmdOps(f *factory.Factory, runF func(context.Context, *Options) error) *cobra.Command {
	opts := &Options{Streams: f.Streams, Printer: f.Printer, Notef: f.Notef}
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
			return run(cmd.Context(), opts)
		},
	}
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

func run(ctx context.Context, opts *Options) error {
	found := filter(catalog.Operations(), opts.Words)
	rows := make([]row, len(found))
	for i, op := range found {
		rows[i] = newRow(op)
	}
	p := opts.Printer()
	if err := p.Print(ctx, rows, columns...); err != nil || p.Structured() {
		return err
	}
	switch {
	case len(found) == 0:
		opts.Notef("no operation has %s in its id, method or path", strings.Join(opts.Words, " and "))
	case len(found) == 1:
		opts.Notef("1 operation")
	default:
		opts.Notef("%d operations", len(found))
	}
	return nil
}

var columns = []output.Column{
	{Name: "operation", Path: "id"},
	{Name: "rate", Path: "rate", Right: true},
	{Name: "burst", Path: "burst", Right: true},
	{Name: "method", Path: "method"},
	{Name: "path", Path: "path"},
	{Name: "notes", Text: notes},
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

// notes says what is particular about an operation.
func notes(v any) string {
	var r row
	if err := json.Unmarshal(v.(json.RawMessage), &r); err != nil {
		return ""
	}
	var n []string
	if r.Deprecated {
		note := "deprecated"
		if r.Removal != nil {
			note += ", removal " + *r.Removal
		}
		n = append(n, note)
	}
	if r.Restricted != nil {
		n = append(n, "restricted "+*r.Restricted)
	}
	if r.Grantless != nil {
		n = append(n, "grantless")
	}
	if r.Paging != nil {
		n = append(n, "pages")
	}
	return strings.Join(n, "; ")
}
