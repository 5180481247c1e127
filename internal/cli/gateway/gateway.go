// Package gateway is "spapi gateway": SP-API by HTTP for programs in any language.
package gateway

import (
	"cmp"
	"context"
	"errors"
	"fmt"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/openspapi/spapi/internal/cli/exit"
	"github.com/openspapi/spapi/internal/cli/factory"
	"github.com/openspapi/spapi/internal/settings"
)

// Options are the flags of "spapi gateway" and what it works with.
type Options struct {
	Factory *factory.Factory

	Config          string
	Folder          string
	Listen          string
	InsecureBecause string
	TLS             bool
	Proxy           bool
	Seed            int64
	Faults          []string
}

// NewCmdGateway returns the command. runF replaces the work in tests.
func NewCmdGateway(f *factory.Factory, runF func(context.Context, *Options) error) *cobra.Command {
	opts := &Options{Factory: f}
	cmd := &cobra.Command{
		Use:   "gateway",
		Short: "Serve SP-API by HTTP for programs in any language",
		Long: "Serves the Selling Partner API on this machine: it keeps the credentials of the stored accounts, fetches tokens, waits for limits, and repeats\n" +
			"what may be repeated. Its callers have keys of their own. Clients of SP-API need two other addresses and no more: url in place of Amazon's,\n" +
			"lwa_url in place of Login with Amazon's, with any client id, a caller's key as client secret, and the account's name as refresh token.\n\n" +
			"When it is ready it prints one line of JSON with its addresses. It serves until Ctrl-C or SIGTERM; then it takes nothing new, and waits for what is\n" +
			"under way. SIGHUP makes it read its configuration, certificate and keys again; a file that is wrong changes nothing.\n\n" +
			"Without a configuration file it listens on this machine only, for the accounts of \"spapi auth\", and callers need no key until there is one: then\n" +
			"they may read, and nothing of buyers. \"spapi help gateway-config\" tells what can be configured, \"spapi gateway check\" whether it works.\n\n" +
			"With --emulator it calls an emulator inside the process; the line then has credentials: a caller's key that may read, and the account's name.",
		Example: "  spapi gateway --listen 127.0.0.1:8585\n" +
			"  spapi gateway --emulator --listen 127.0.0.1:0\n" +
			"  spapi gateway --config gateway.yaml\n" +
			"  spapi gateway --listen 0.0.0.0:8585 --insecure-because \"behind nginx with TLS\"",
		Args: exit.Group,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := opts.check(); err != nil {
				return err
			}
			if runF != nil {
				return runF(cmd.Context(), opts)
			}
			return opts.told(run(cmd.Context(), opts))
		},
	}
	opts.addPlace(cmd.Flags())
	flags := cmd.Flags()
	flags.StringVar(&opts.Listen, "listen", "", "`address` to listen on, or unix: and the path of a socket; port 0 takes a free one (default 127.0.0.1:8585)")
	flags.StringVar(&opts.InsecureBecause, "insecure-because", "", "the `reason` why it may listen beyond this machine without TLS")
	flags.BoolVar(&opts.TLS, "tls", false, "speak TLS by an authority of its own (ca_file), for loopback addresses, unless a certificate is configured")
	flags.BoolVar(&opts.Proxy, "proxy", false, "be a proxy for Amazon's hosts too, for clients that have them built in and trust ca_file")
	flags.Int64Var(&opts.Seed, "seed", 1, "`number` that chooses the emulator's data")
	factory.Repeatable(flags, &opts.Faults, "fault", "", "`rule` by which the emulator goes wrong, as of \"spapi emulator\"; repeatable")
	cmd.AddCommand(newCmdKey(f), newCmdBlock(f), newCmdUnblock(f), newCmdBlocks(f), newCmdAudit(f), newCmdCheck(f))
	return cmd
}

// addPlace adds the flags by which all commands find a gateway's keys.
func (o *Options) addPlace(flags *pflag.FlagSet) {
	flags.StringVar(&o.Config, "config", "", "configuration `file` (default: "+settings.GatewayConfig.Variable()+", else spapi/gateway.yaml in the user's folder for settings)")
	flags.StringVar(&o.Folder, "folder", "", "`folder` of keys, secret and audit, in place of the configured one (also: "+settings.GatewayFolder.Variable()+")")
}

func (o *Options) overrides() overrides {
	return overrides{config: o.Config, folder: o.Folder, listen: o.Listen, insecureBecause: o.InsecureBecause, tls: o.TLS, proxy: o.Proxy, emulate: o.Factory.Flags.Emulator}
}

// check finds mistakes on the command line that the configuration doesn't show.
func (o *Options) check() error {
	g := &o.Factory.Flags
	if err := g.Output.Refuse("the line with the addresses"); err != nil {
		return err
	}
	if err := refuseTarget(g); err != nil {
		return err
	}
	if !g.Emulator && (o.Seed != 1 || len(o.Faults) > 0) {
		return exit.Usagef("--seed and --fault are for --emulator")
	}
	return nil
}

// refuseTarget refuses the global flags that choose one account: a gateway has them all.
func refuseTarget(g *factory.Flags) error {
	for _, flag := range []struct {
		name  string
		given bool
	}{{"profile", g.Profile != ""}, {"sandbox", g.Sandbox}, {"region", g.Region != "" && !g.Emulator}, {"marketplace", g.Marketplace.Known() && !g.Emulator}} {
		if flag.given {
			return exit.Usagef("--%s chooses nothing here: a gateway calls for all accounts, as they are stored", flag.name)
		}
	}
	if g.Account != "" && g.Account != settings.Account.Getenv() {
		return exit.Usagef("--account chooses nothing here: callers name the account, or their key has one")
	}
	return nil
}

// told tells all that is wrong with a configuration, a line each, where it is more than one thing.
func (o *Options) told(err error) error {
	bad, ok := errors.AsType[*fileError](err)
	switch {
	case !ok:
		return err
	case len(bad.problems) == 1:
		return exit.Usagef("%s", bad.Lines()[0])
	}
	for _, line := range bad.Lines() {
		fmt.Fprintln(o.Factory.Streams.Err, settings.Scrub(line))
	}
	return exit.Usagef("%s is wrong in %d places", cmp.Or(bad.file, "the configuration"), len(bad.problems))
}
