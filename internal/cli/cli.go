// Package cli is the spapi command. The path is the command: "spapi ops" is ops/ops.go, where its flags, help and work stand
// together. Exit statuses have their meaning in exit/, the flag --output in output/, what commands are built from in factory/.
package cli

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"runtime"
	"strings"
	"syscall"

	"github.com/spf13/cobra"

	"github.com/openspapi/spapi/internal/cli/auth"
	"github.com/openspapi/spapi/internal/cli/call"
	"github.com/openspapi/spapi/internal/cli/catalog"
	"github.com/openspapi/spapi/internal/cli/doctor"
	"github.com/openspapi/spapi/internal/cli/emulator"
	"github.com/openspapi/spapi/internal/cli/exit"
	"github.com/openspapi/spapi/internal/cli/factory"
	"github.com/openspapi/spapi/internal/cli/feed"
	"github.com/openspapi/spapi/internal/cli/fees"
	"github.com/openspapi/spapi/internal/cli/finances"
	"github.com/openspapi/spapi/internal/cli/gateway"
	"github.com/openspapi/spapi/internal/cli/inventory"
	"github.com/openspapi/spapi/internal/cli/kiosk"
	"github.com/openspapi/spapi/internal/cli/limits"
	"github.com/openspapi/spapi/internal/cli/listings"
	"github.com/openspapi/spapi/internal/cli/marketplaces"
	"github.com/openspapi/spapi/internal/cli/notifications"
	"github.com/openspapi/spapi/internal/cli/ops"
	"github.com/openspapi/spapi/internal/cli/orders"
	"github.com/openspapi/spapi/internal/cli/output"
	"github.com/openspapi/spapi/internal/cli/pricing"
	"github.com/openspapi/spapi/internal/cli/quickstart"
	reportcmd "github.com/openspapi/spapi/internal/cli/report"
	"github.com/openspapi/spapi/internal/cli/request"
	"github.com/openspapi/spapi/internal/cli/sign"
	"github.com/openspapi/spapi/internal/cli/when"
)

// Main runs the command line of the process and returns its exit status. The first SIGINT or SIGTERM cancels what is under way, a
// second one ends the process at once.
func Main() int {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	context.AfterFunc(ctx, stop)
	return Run(ctx, factory.New(), os.Args[1:])
}

// Run runs one command line and returns its exit status.
func Run(ctx context.Context, f *factory.Factory, args []string) int {
	f.Args = args
	root := NewCmdRoot(f)
	root.SetArgs(args)
	cmd, err := execute(ctx, f, root)
	if err == nil {
		err = f.Streams.OutFailed()
	}
	if err != nil && !errors.Is(err, exit.ErrReported) && exit.Status(err) != exit.Closed {
		report(f, cmd, err)
	}
	return exit.Status(err)
}

// execute runs the command until it ends, or --timeout does away with it.
func execute(ctx context.Context, f *factory.Factory, root *cobra.Command) (*cobra.Command, error) {
	type end struct {
		cmd *cobra.Command
		err error
	}
	ended := make(chan end, 1)
	go func() {
		cmd, err := root.ExecuteContextC(ctx)
		ended <- end{cmd, err}
	}()
	defer f.Release()
	select {
	case e := <-ended:
		if e.err == nil {
			return e.cmd, nil
		}
		return e.cmd, f.TimedOut(e.err)
	case <-f.Overdue():
		return root, f.TimedOut(nil)
	}
}

// report tells an error in one line, then what to do about it: where to read on after a mistake on the command line, else what the
// error itself explains.
func report(f *factory.Factory, cmd *cobra.Command, err error) {
	path, line := cmd.CommandPath(), exit.Line(err)
	if last := path[strings.LastIndexByte(path, ' ')+1:]; strings.HasPrefix(line, last+": ") { // "spapi call api.operation"
		line = line[len(last)+2:]
	}
	fmt.Fprintf(f.Streams.Err, "%s: %s\n", path, line)
	switch {
	case exit.IsUsage(err):
		if cmd.Name() == "help" { // its own help lists nothing
			path = cmd.Root().Name()
		}
		fmt.Fprintf(f.Streams.Err, "see: %s --help\n", path)
	case !f.Flags.Quiet:
		text := cmp.Or(notifications.Explain(err), exit.Explain(err))
		if text != "" && !strings.Contains(line, text) {
			fmt.Fprintf(f.Streams.Err, "  %s\n", strings.ReplaceAll(text, "\n", "\n  "))
		}
	}
}

// NewCmdRoot returns "spapi" with all commands.
func NewCmdRoot(f *factory.Factory) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "spapi <command>",
		Short: "Amazon's Selling Partner API from a shell",
		Long: "spapi works with Amazon's Selling Partner API: it shows what the API has, calls all of its operations, and brings an emulator\n" +
			"with which everything can be tried offline, without a seller account: --emulator goes with every command.\n\n" +
			"Data goes to stdout, as a table on a terminal and as JSON elsewhere; -o chooses (spapi help formats). Everything else goes to stderr.",
		Example: "  spapi quickstart\n" +
			"  spapi ops orders search\n" +
			"  spapi --emulator call sellersv1.getMarketplaceParticipations -o table",
		Version:       fmt.Sprintf("%s (%s, %s/%s)", f.Version, runtime.Version(), runtime.GOOS, runtime.GOARCH),
		SilenceErrors: true,
		SilenceUsage:  true,
		Args:          exit.Group,
		RunE:          func(cmd *cobra.Command, _ []string) error { return cmd.Help() },

		PersistentPreRunE: func(cmd *cobra.Command, _ []string) error {
			if err := f.Prepare(); err != nil {
				return err
			}
			cmd.SetContext(f.Limit(cmd.Context()))
			return nil
		},
	}
	f.AddFlags(cmd)
	cmd.SuggestionsMinimumDistance = 2
	cmd.SetIn(f.Streams.In)
	cmd.SetOut(f.Streams.Out)
	cmd.SetErr(f.Streams.Err)
	cmd.SetFlagErrorFunc(flagError)
	cmd.AddCommand(
		auth.NewCmdAuth(f),
		catalog.NewCmdCatalog(f),
		doctor.NewCmdDoctor(f, nil),
		call.NewCmdCall(f, nil),
		emulator.NewCmdEmulator(f, nil),
		feed.NewCmdFeed(f),
		kiosk.NewCmdKiosk(f),
		fees.NewCmdFees(f, nil),
		finances.NewCmdFinances(f, nil),
		gateway.NewCmdGateway(f, nil),
		inventory.NewCmdInventory(f, nil),
		limits.NewCmdLimits(f, nil),
		listings.NewCmdListings(f),
		marketplaces.NewCmdMarketplaces(f, nil),
		notifications.NewCmdNotifications(f),
		ops.NewCmdOps(f, nil),
		orders.NewCmdOrders(f),
		pricing.NewCmdPricing(f, nil),
		quickstart.NewCmdQuickstart(f, nil),
		reportcmd.NewCmdReport(f),
		request.NewCmdRequest(f, nil),
		sign.NewCmdSign(f, nil),
		emulator.NewCmdHelp(),
		exit.NewCmdHelp(),
		factory.NewCmdHelp(),
		gateway.NewCmdHelp(),
		output.NewCmdHelp(),
		when.NewCmdHelp(),
	)
	cmd.SetHelpCommand(newCmdHelp())
	complete(f, cmd)
	return cmd
}
