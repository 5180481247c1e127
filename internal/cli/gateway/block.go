package gateway

import (
	"context"
	"slices"
	"time"

	"github.com/spf13/cobra"

	"github.com/openspapi/spapi/gateway"
	"github.com/openspapi/spapi/internal/cli/exit"
	"github.com/openspapi/spapi/internal/cli/factory"
	"github.com/openspapi/spapi/internal/cli/output"
)

// blockOptions are the flags of the commands on blocks.
type blockOptions struct {
	Options
	caller  string
	account string
	reason  string
}

func (o *blockOptions) add(cmd *cobra.Command) {
	o.addPlace(cmd.Flags())
	cmd.Flags().StringVar(&o.caller, "caller", "", "`name` of the caller's keys; \"local\" is who calls without one")
	cmd.Flags().StringVar(&o.account, "account", "", "`account` that is called for")
}

// newCmdBlock is "spapi gateway block".
func newCmdBlock(f *factory.Factory) *cobra.Command {
	o := &blockOptions{Options: Options{Factory: f}}
	cmd := &cobra.Command{
		Use:   "block",
		Short: "Stop a caller, or all calls for an account",
		Long: "Stops the calls of a caller with all its keys, or all calls for an account, or with both flags the calls of the one for the other. It holds within\n" +
			"five seconds, at all gateways that share their state. Calls that wait end, and so do reads under way; a write that has been sent gets its answer.",
		Example: "  spapi gateway block --caller repricer --reason 'sets wrong prices'\n" +
			"  spapi gateway block --account shop-de",
		Args: exit.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return o.block(cmd.Context()) },
	}
	o.add(cmd)
	cmd.Flags().StringVar(&o.reason, "reason", "", "the `reason`, which is told to who is refused")
	return cmd
}

// newCmdUnblock is "spapi gateway unblock".
func newCmdUnblock(f *factory.Factory) *cobra.Command {
	o := &blockOptions{Options: Options{Factory: f}}
	cmd := &cobra.Command{
		Use:     "unblock",
		Short:   "Lift a block",
		Long:    "Lifts the block that was set with the same --caller and --account.",
		Example: "  spapi gateway unblock --caller repricer",
		Args:    exit.NoArgs,
		RunE:    func(cmd *cobra.Command, _ []string) error { return o.unblock(cmd.Context()) },
	}
	o.add(cmd)
	return cmd
}

// newCmdBlocks is "spapi gateway blocks".
func newCmdBlocks(f *factory.Factory) *cobra.Command {
	o := &blockOptions{Options: Options{Factory: f}}
	cmd := &cobra.Command{
		Use:     "blocks",
		Short:   "List what is blocked",
		Long:    "Lists the blocks that are in force, with their reasons.",
		Example: "  spapi gateway blocks",
		Args:    exit.NoArgs,
		RunE:    func(cmd *cobra.Command, _ []string) error { return o.list(cmd.Context()) },
	}
	o.addPlace(cmd.Flags())
	return cmd
}

// blockRow is a block as it is shown.
type blockRow struct {
	Caller  string    `json:"caller,omitzero"`
	Account string    `json:"account,omitzero"`
	Since   time.Time `json:"since"`
	Reason  string    `json:"reason,omitzero"`
}

var blockColumns = []output.Column{{Name: "caller", Path: "caller"}, {Name: "account", Path: "account"}, {Name: "since", Path: "since"}, {Name: "reason", Path: "reason", Long: true}}

func (o *blockOptions) same(b gateway.Block) bool {
	return b.Caller == o.caller && b.Account == o.account
}

// what is what is blocked, in words.
func (o *blockOptions) what() string {
	switch {
	case o.account == "":
		return "caller " + o.caller
	case o.caller == "":
		return "account " + o.account
	}
	return "caller " + o.caller + " for account " + o.account
}

func (o *blockOptions) given() error {
	if o.caller == "" && o.account == "" {
		return exit.Usagef("names nobody: want --caller, --account or both")
	}
	return nil
}

func (o *blockOptions) block(ctx context.Context) error {
	if err := o.given(); err != nil {
		return err
	}
	b := gateway.Block{Caller: o.caller, Account: o.account, Reason: o.reason, Since: now()}
	if err := b.Check(); err != nil {
		return flagError(err)
	}
	known := o.caller == "" || o.caller == "local"
	if err := o.change(ctx, func(r *gateway.Records) error {
		known = known || slices.ContainsFunc(r.Keys, func(k gateway.Key) bool { return k.Name == o.caller })
		if i := slices.IndexFunc(r.Blocks, o.same); i >= 0 {
			b.Since = r.Blocks[i].Since
			r.Blocks[i] = b
			return nil
		}
		r.Blocks = append(r.Blocks, b)
		return nil
	}); err != nil {
		return err
	}
	if !known {
		o.Factory.Notef("no key has the name %q: the block holds for one that will", o.caller)
	}
	if !o.Factory.Printer().Structured() {
		o.Factory.Notef("%s is blocked; gateways know within five seconds", o.what())
		return nil
	}
	return o.Factory.Print(ctx, blockRow{b.Caller, b.Account, b.Since, b.Reason})
}

func (o *blockOptions) unblock(ctx context.Context) error {
	if err := o.given(); err != nil {
		return err
	}
	if err := o.change(ctx, func(r *gateway.Records) error {
		before := len(r.Blocks)
		if r.Blocks = slices.DeleteFunc(r.Blocks, o.same); len(r.Blocks) == before {
			return exit.Usagef("%s is not blocked; \"spapi gateway blocks\" shows what is", o.what())
		}
		return nil
	}); err != nil {
		return err
	}
	o.Factory.Notef("%s is blocked no more; gateways know within five seconds", o.what())
	return nil
}

func (o *blockOptions) list(ctx context.Context) error {
	records, err := o.records(ctx)
	if err != nil {
		return err
	}
	rows := []blockRow{}
	for _, b := range records.Blocks {
		rows = append(rows, blockRow{b.Caller, b.Account, b.Since, b.Reason})
	}
	slices.SortFunc(rows, func(a, b blockRow) int { return a.Since.Compare(b.Since) })
	if len(rows) == 0 && !o.Factory.Printer().Structured() {
		o.Factory.Notef("nothing is blocked")
	}
	return o.Factory.Print(ctx, rows, blockColumns...)
}
