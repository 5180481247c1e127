// Package doctor is "spapi doctor": it finds out what keeps programs from working with SP-API, and says what to do.
package doctor

import (
	"context"
	"net/http"
	"time"

	"github.com/spf13/cobra"

	"github.com/openspapi/spapi/accounts"
	"github.com/openspapi/spapi/awsauth"
	"github.com/openspapi/spapi/internal/cli/exit"
	"github.com/openspapi/spapi/internal/cli/factory"
	"github.com/openspapi/spapi/internal/cli/output"
)

// Options are the flags of "spapi doctor" and what it works with.
type Options struct {
	Factory *factory.Factory

	Problems bool
	Uses     []string
	Source   string

	now       func() time.Time
	transport http.RoundTripper // nil: the factory's, else the network
	aws       awsauth.Config    // tests name their own Security Token Service
}

// NewCmdDoctor returns the command. runF replaces the work in tests.
func NewCmdDoctor(f *factory.Factory, runF func(context.Context, *Options) error) *cobra.Command {
	opts := &Options{Factory: f, now: time.Now}
	cmd := &cobra.Command{
		Use:   "doctor",
		Short: "Find out why calls fail, and what to do",
		Long: "Looks at the configuration, the way to Amazon, this machine's clock, the credentials, the region, the application's\n" +
			"roles, restricted data, the age of the client secret, AWS keys and, with --uses or --source, deprecated operations.\n" +
			"It only reads: of SP-API it asks for lists, and for a restricted data token that it throws away.\n\n" +
			"Each problem has a name that stays the same (see --problems), a sentence on what was found, and what to do about it.\n" +
			"What your program may not need, such as a role, is a warning; it becomes a problem if an operation that is\n" +
			"named with --uses or found with --source needs it. The exit status is 1 if there is a problem.",
		Example: "  spapi doctor\n" +
			"  spapi --emulator doctor\n" +
			"  spapi doctor --uses orders20260101.searchOrders,finances20240619.listTransactions\n" +
			"  spapi doctor --source . --jq '.findings[] | select(.status != \"ok\") | .check'\n" +
			"  spapi doctor --problems",
		Args: exit.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if runF != nil {
				return runF(cmd.Context(), opts)
			}
			return run(cmd.Context(), opts)
		},
	}
	cmd.Flags().BoolVar(&opts.Problems, "problems", false, "list the problems that have a name, and look at nothing")
	cmd.Flags().StringSliceVar(&opts.Uses, "uses", nil, "`operations` that your program calls, by their ids")
	cmd.Flags().StringVar(&opts.Source, "source", "", "`folder` of your program, to find in it the operations that it calls")
	return cmd
}

// Status is how a finding is to be taken.
type Status string

// The statuses.
const (
	OK      Status = "ok"
	Problem Status = "problem" // calls fail, or will
	Warning Status = "warning" // some calls may fail
	Skipped Status = "skipped" // could not be looked at, or there was nothing to look at
)

// Finding is what one check came to.
type Finding struct {
	Check   string `json:"check"`
	Status  Status `json:"status"`
	Name    string `json:"name,omitzero"` // of the problem, see --problems
	Message string `json:"message"`
	Fix     string `json:"fix,omitzero"`
}

// Report is what -o json shows.
type Report struct {
	OK       bool      `json:"ok"` // nothing is a problem
	Findings []Finding `json:"findings"`
}

func run(ctx context.Context, opts *Options) error {
	if opts.Problems {
		return list(ctx, opts)
	}
	uses, err := operationsInUse(opts)
	if err != nil {
		return err
	}
	e := newExamination(opts, uses)
	e.all(ctx)
	if err := ctx.Err(); err != nil {
		return err
	}
	report := Report{OK: true, Findings: e.findings}
	for _, f := range e.findings {
		report.OK = report.OK && f.Status != Problem
	}
	p := opts.Factory.Printer()
	if !p.Whole() {
		Show(opts.Factory.Streams, &report)
	} else if err := p.Print(ctx, report); err != nil {
		return err
	}
	if !report.OK {
		return exit.ErrReported
	}
	return nil
}

func list(ctx context.Context, opts *Options) error {
	type row struct {
		Name  string `json:"name"`
		Title string `json:"title"`
		Fix   string `json:"fix"`
	}
	rows := make([]row, len(problems))
	for i, p := range problems {
		rows[i] = row{p.name, p.title, p.fix}
	}
	whole := output.Value.Text
	return opts.Factory.Print(ctx, rows, output.Column{Name: "name", Path: "name"}, output.Column{Name: "problem", Path: "title", Text: whole})
}

// stored is what the file of accounts knows beyond what a client needs; nil values where the credentials come from elsewhere.
type stored struct {
	account     *accounts.Account
	application *accounts.Application
	all         []accounts.Application
}
