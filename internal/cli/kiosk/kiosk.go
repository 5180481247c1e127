// Package kiosk is "spapi kiosk": queries of Data Kiosk.
package kiosk

import (
	"context"
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"github.com/vektah/gqlparser/v2/ast"
	"github.com/vektah/gqlparser/v2/formatter"
	"github.com/vektah/gqlparser/v2/parser"

	"github.com/openspapi/spapi/datakiosk"
	"github.com/openspapi/spapi/internal/cli/deliver"
	"github.com/openspapi/spapi/internal/cli/exit"
	"github.com/openspapi/spapi/internal/cli/factory"
	"github.com/openspapi/spapi/internal/cli/output"
	"github.com/openspapi/spapi/job"
)

// NewCmdKiosk returns "spapi kiosk" with what is below it.
func NewCmdKiosk(f *factory.Factory) *cobra.Command {
	cmd := &cobra.Command{
		Use:     "kiosk <command>",
		Short:   "Run queries of Data Kiosk",
		Example: "  spapi kiosk schema\n  spapi kiosk run @sales.graphql --out sales.jsonl",
		Args:    exit.Group,
		RunE:    func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	cmd.AddCommand(NewCmdRun(f, nil), newCmdSchema(f))
	return cmd
}

// RunOptions are the flags of "spapi kiosk run".
type RunOptions struct {
	Factory *factory.Factory

	Query  string
	Target deliver.Target
	Poll   time.Duration

	SendAgain bool
}

// NewCmdRun returns "spapi kiosk run". runF replaces the work in tests.
func NewCmdRun(f *factory.Factory, runF func(context.Context, *RunOptions) error) *cobra.Command {
	opts := &RunOptions{Factory: f}
	cmd := &cobra.Command{
		Use:   "run QUERY",
		Short: "Run a query, wait for it and write the rows of all its pages as JSON lines",
		Long: `Runs a GraphQL query: the query itself, @file, or - for stdin. It writes the rows of all pages as JSON lines, to --out or to stdout. The file
appears when it is whole. A run with --out that is interrupted can be started again in the same words: it goes on with the queries that it had created,
which it notes in a hidden file beside --out until that is whole. Where no answer came, it looks for the query for a minute and creates it again only if
there is none.`,
		Example: "  spapi kiosk run @sales.graphql --out sales.jsonl\n" +
			`  spapi --emulator kiosk run '{analytics_salesAndTraffic_2024_04_24{salesAndTrafficByDate(aggregateBy:DAY,startDate:"2026-01-01",endDate:"2026-01-31",marketplaceIds:["ATVPDKIKX0DER"]){startDate sales{unitsOrdered}}}}'`,
		Args: func(_ *cobra.Command, args []string) error {
			if len(args) != 1 {
				return exit.Usagef("takes one query: itself, @file, or - for stdin")
			}
			return nil
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			opts.Query = args[0]
			if err := opts.Target.Resolve(f); err != nil {
				return err
			}
			if runF != nil {
				return runF(cmd.Context(), opts)
			}
			return run(cmd.Context(), opts)
		},
	}
	opts.Target.AddLineFlags(cmd)
	cmd.Flags().DurationVar(&opts.Poll, "poll", 0, "shortest `pause` between two looks at the query (default 1s)")
	cmd.Flags().BoolVar(&opts.SendAgain, "send-again", false, "create again, without looking, what a run before has created without an answer")
	return cmd
}

func read(f *factory.Factory, arg string) (string, error) {
	var src io.Reader
	switch {
	case arg == "-":
		src = f.Streams.In
	case strings.HasPrefix(arg, "@"):
		file, err := os.Open(arg[1:])
		if err != nil {
			return "", exit.Usagef("%v", err)
		}
		defer file.Close()
		src = file
	default:
		return arg, nil
	}
	b, err := io.ReadAll(io.LimitReader(src, 1<<20))
	return string(b), err
}

// check looks at the query as GraphQL, in addition to what the package does.
func check(query string) error {
	if err := datakiosk.Check(query); err != nil {
		return &exit.UsageError{Err: err}
	}
	if _, err := parser.ParseQuery(&ast.Source{Name: "query", Input: query}); err != nil {
		return exit.Usagef("%v", err)
	}
	return nil
}

func run(ctx context.Context, o *RunOptions) (err error) {
	f := o.Factory
	query, err := read(f, o.Query)
	if err != nil {
		return err
	}
	if err := check(query); err != nil {
		return err
	}
	client, err := f.Client(ctx)
	if err != nil {
		return err
	}
	sink, err := o.Target.Open(ctx, f)
	if err != nil {
		return err
	}
	defer sink.Close()
	bar := deliver.NewBar(f)
	defer bar.Close()
	j, err := deliver.OpenJournal(ctx, f, o.Target.Journal())
	if err != nil {
		return err
	}
	if j != nil {
		defer j.Close()
	}
	going := deliver.NewGoing(f, j)
	defer func() { err = going.Explain(err) }() // before the journal is closed
	opts := going.Options(o.Poll, o.SendAgain, func(p job.Progress) {
		state := "being created"
		if p.Status != "" {
			state = strings.ToLower(strings.ReplaceAll(string(p.Status), "_", " "))
		}
		bar.Say("page %d: %s", p.Part, state)
	})
	pages := 0
	for page, err := range datakiosk.Pages(ctx, client, query, opts...) {
		if err != nil {
			return deliver.Usage(err)
		}
		if err := sink.Add(deliver.Source{Name: fmt.Sprintf("page %d", page.Number), Document: page.Reader, Reader: &endLine{r: bar.Reader(page.Reader)}, Format: "JSONL"}); err != nil {
			return fmt.Errorf("page %d: %w", page.Number, err)
		}
		pages++
	}
	if pages == 0 { // no rows is an answer: an empty file
		if err := sink.Add(deliver.Source{Reader: strings.NewReader(""), Format: "JSONL"}); err != nil {
			return err
		}
	}
	if err := sink.Commit(); err != nil {
		return err
	}
	bar.Close()
	if j == nil {
		return nil
	}
	f.Notef("%s: written from %s", o.Target.Path, output.Plural(pages, "page"))
	return j.Remove()
}

// endLine ends the last line of a page if it has no end, so that the next page begins a new one.
type endLine struct {
	r    io.Reader
	last byte
	done bool
}

func (e *endLine) Read(p []byte) (int, error) {
	if e.done {
		return 0, io.EOF
	}
	n, err := e.r.Read(p)
	if n > 0 {
		e.last = p[n-1]
	}
	if err == io.EOF {
		if n == 0 && e.last != '\n' && e.last != 0 && len(p) > 0 {
			e.done = true
			p[0] = '\n'
			return 1, nil
		}
		if n > 0 {
			err = nil // the end of the line is looked at by the next call
		}
	}
	return n, err
}

func newCmdSchema(f *factory.Factory) *cobra.Command {
	return &cobra.Command{
		Use:   "schema [DATA-SET]",
		Short: "List the data sets, or show the fields of one as GraphQL",
		Example: "  spapi kiosk schema\n" +
			"  spapi kiosk schema salesAndTraffic",
		RunE: func(cmd *cobra.Command, args []string) error {
			if len(args) > 1 {
				return exit.Usagef("takes one data set")
			}
			var names []string
			type row struct {
				Name    string `json:"name"`
				Root    string `json:"root"`
				Queries string `json:"queries"`
			}
			var rows []row
			for _, s := range datakiosk.Schemas() {
				doc, err := parser.ParseSchema(&ast.Source{Name: s.Name, Input: s.SDL})
				if err != nil {
					return err
				}
				names = append(names, s.Name)
				root := doc.Definitions.ForName("Query")
				if len(args) == 1 && (args[0] == s.Name || root != nil && root.Fields.ForName(args[0]) != nil) {
					if err := f.Flags.Output.Refuse("the GraphQL of a data set"); err != nil {
						return err
					}
					formatter.NewFormatter(f.Streams.Out, formatter.WithIndent("  ")).FormatSchemaDocument(doc)
					return nil
				}
				if root == nil {
					continue
				}
				for _, field := range root.Fields {
					r := row{Name: s.Name, Root: field.Name}
					if set := doc.Definitions.ForName(field.Type.Name()); set != nil {
						var queries []string
						for _, q := range set.Fields {
							queries = append(queries, q.Name)
						}
						r.Queries = strings.Join(queries, " ")
					}
					rows = append(rows, r)
				}
			}
			if len(args) == 1 {
				return exit.Usagef("unknown data set %q: want %s", args[0], output.OneOf(names))
			}
			return f.Print(cmd.Context(), rows, output.Column{Name: "name", Path: "name"}, output.Column{Name: "root", Path: "root"},
				output.Column{Name: "queries", Path: "queries", Long: true})
		},
	}
}
