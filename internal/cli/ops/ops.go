// Package ops is "spapi ops": all operations of the API as a table or as data.
package ops

import (
	"context"
	"encoding/json"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/openspapi/spapi/internal/catalog"
	"github.com/openspapi/spapi/internal/cli/exit"
	"github.com/openspapi/spapi/internal/cli/factory"
	"github.com/openspapi/spapi/internal/cli/operation"
	"github.com/openspapi/spapi/internal/cli/output"
	"github.com/openspapi/spapi/internal/cli/terminal"
)

// Options are the flags of "spapi ops" and what it works with.
type Options struct {
	Streams *terminal.Streams

	Printer func() *output.Printer
	Notef   func(format string, args ...any)

	Words []string // every one must occur in an operation's id, path or method

	API, Method, Role string
	// By name of the flag; those that were not given are missing.
	Properties map[string]bool
}

// NewCmdOps returns the command. runF replaces the work in tests.
func NewCmdOps(f *factory.Factory, runF func(context.Context, *Options) error) *cobra.Command {
	opts := &Options{Streams: f.Streams, Printer: f.Printer, Notef: f.Notef, Properties: map[string]bool{}}
	cmd := &cobra.Command{
		Use:   "ops [word...]",
		Args:  cobra.ArbitraryArgs,
		Short: "List the operations of the API",
		Long: "Lists the operations of the Selling Partner API; with words, those whose id, method or path has all of them.\n\n" +
			"Rate is the default usage plan in requests per second, for each application and seller; burst is how many\n" +
			"may be sent at once after a pause. The notes say what is particular: a restricted data token that is needed (always, on-request, for\n" +
			"restricted-report-types), a grantless scope, pages, a deprecation.\n\n" +
			"A terminal gets a table, everything else JSON. \"spapi ops show\" tells all about one operation.",
		Example: "  spapi ops\n" +
			"  spapi ops orders search\n" +
			"  spapi ops --role \"Finance and Accounting\" --deprecated=false\n" +
			"  spapi ops -o json | jq '.[] | select(.deprecated) | .id'",
		RunE: func(cmd *cobra.Command, args []string) error {
			opts.Words = args
			for name := range properties {
				if flag := cmd.Flags().Lookup(name); flag.Changed {
					opts.Properties[name] = flag.Value.String() == "true"
				}
			}
			if runF != nil {
				return runF(cmd.Context(), opts)
			}
			return run(cmd.Context(), opts)
		},
	}
	flags := cmd.Flags()
	flags.StringVar(&opts.API, "api", "", "operations of this `API` version, such as ordersv0")
	flags.StringVar(&opts.Method, "method", "", "operations with this HTTP `method`")
	flags.StringVar(&opts.Role, "role", "", "operations for which this `role` is enough; a part of its name does")
	for name, p := range properties {
		flags.Bool(name, false, p.usage)
	}
	_ = cmd.RegisterFlagCompletionFunc("api", completion(func(op *catalog.Operation) []string { return []string{op.API} }))
	_ = cmd.RegisterFlagCompletionFunc("method", completion(func(op *catalog.Operation) []string { return []string{op.Method} }))
	_ = cmd.RegisterFlagCompletionFunc("role", completion(func(op *catalog.Operation) []string { return op.Roles }))
	cmd.AddCommand(newCmdShow(f, nil))
	return cmd
}

// properties are filters that an operation passes or not: --deprecated, --deprecated=false.
var properties = map[string]struct {
	usage string
	has   func(*catalog.Operation) bool
}{
	"deprecated": {"operations that Amazon has deprecated", func(op *catalog.Operation) bool { return op.Deprecated }},
	"restricted": {"operations that need or take a restricted data token", func(op *catalog.Operation) bool { return op.Restricted != nil }},
	"grantless":  {"operations called without a seller's authorization", func(op *catalog.Operation) bool { return op.Grantless != "" }},
	"paging":     {"operations that page", func(op *catalog.Operation) bool { return op.Paging != nil }},
}

// completion completes a flag with what operations have.
func completion(values func(*catalog.Operation) []string) cobra.CompletionFunc {
	return func(*cobra.Command, []string, string) ([]string, cobra.ShellCompDirective) {
		var found []string
		all := catalog.Operations()
		for i := range all {
			found = append(found, values(&all[i])...)
		}
		slices.Sort(found)
		return slices.Compact(found), cobra.ShellCompDirectiveNoFileComp
	}
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
	all := catalog.Operations()
	if err := opts.unknown(all); err != nil {
		return err
	}
	rows := []row{}
	for i := range all {
		if opts.matches(&all[i]) {
			rows = append(rows, newRow(&all[i]))
		}
	}
	p := opts.Printer()
	if err := p.Print(ctx, rows, columns...); err != nil || p.Structured() {
		return err
	}
	switch len(rows) {
	case 0:
		opts.Notef("no operation has all of this at once")
	default:
		opts.Notef("%s", output.Plural(len(rows), "operation"))
	}
	return nil
}

// unknown tells which word or filter no operation has, each by itself or the words together: that is a mistake. Where each has some, and no operation has
// all, nothing is the answer.
func (opts *Options) unknown(all []catalog.Operation) error {
	some := func(only Options) bool {
		return slices.ContainsFunc(all, func(op catalog.Operation) bool { return only.matches(&op) })
	}
	values := func(of func(*catalog.Operation) []string) (found []string) {
		for i := range all {
			found = append(found, of(&all[i])...)
		}
		slices.Sort(found)
		return slices.Compact(found)
	}
	suggest := func(name string, names []string) string {
		if near := operation.Near(name, names); len(near) > 0 {
			return ": did you mean " + output.OneOf(near) + "?"
		}
		return ""
	}
	apis := func(op *catalog.Operation) []string { return []string{op.API} }
	switch {
	case opts.API != "" && !some(Options{API: opts.API}):
		return exit.Usagef("--api %q: there is none%s", opts.API, suggest(opts.API, values(apis)))
	case opts.Method != "" && !some(Options{Method: opts.Method}):
		return exit.Usagef("--method %q: want %s", opts.Method, output.OneOf(values(func(op *catalog.Operation) []string { return []string{op.Method} })))
	case opts.Role != "" && !some(Options{Role: opts.Role}):
		roles := values(func(op *catalog.Operation) []string { return op.Roles })
		return exit.Usagef("--role %q: want %s, or a part of one", opts.Role, output.OneOf(roles))
	}
	if len(opts.Words) == 0 || some(Options{Words: opts.Words}) {
		return nil
	}
	names := append(values(apis), values(func(op *catalog.Operation) []string { return []string{op.ID, op.Name} })...)
	for _, w := range opts.Words {
		if !some(Options{Words: []string{w}}) {
			return exit.Usagef("no operation has %q in its id, method or path%s", w, suggest(w, names))
		}
	}
	return exit.Usagef("no operation has all of %q in its id, method and path", strings.Join(opts.Words, " "))
}

func (opts *Options) matches(op *catalog.Operation) bool {
	text := strings.ToLower(op.ID + " " + op.Method + " " + op.Path)
	for _, w := range opts.Words {
		if !strings.Contains(text, strings.ToLower(w)) {
			return false
		}
	}
	for name, want := range opts.Properties {
		if properties[name].has(op) != want {
			return false
		}
	}
	hasRole := func(role string) bool { return strings.Contains(strings.ToLower(role), strings.ToLower(opts.Role)) }
	return (opts.API == "" || strings.EqualFold(op.API, opts.API)) &&
		(opts.Method == "" || strings.EqualFold(op.Method, opts.Method)) &&
		(opts.Role == "" || slices.ContainsFunc(op.Roles, hasRole))
}

var columns = []output.Column{
	{Name: "operation", Path: "id"},
	{Name: "rate", Path: "rate", Right: true},
	{Name: "burst", Path: "burst", Right: true, Spare: 1},
	{Name: "method", Path: "method", Spare: 3},
	{Name: "path", Path: "path", Long: true, Spare: 2},
	{Name: "notes", Text: notes, Long: true, Spare: 4},
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
func notes(v output.Value) string {
	var r row
	if err := json.Unmarshal(v.JSON(), &r); err != nil {
		return ""
	}
	var n []string
	if r.Deprecated {
		note := "deprecated"
		if r.Removal != nil {
			note += ", " + catalog.Removal(*r.Removal, time.Now())
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
