// Package emulator is "spapi emulator": the emulated API on a port.
package emulator

import (
	"context"
	"fmt"
	"net"

	"github.com/spf13/cobra"

	"github.com/openspapi/spapi/emulator"
	"github.com/openspapi/spapi/internal/cli/exit"
	"github.com/openspapi/spapi/internal/cli/factory"
	"github.com/openspapi/spapi/internal/cli/output"
	"github.com/openspapi/spapi/internal/cli/terminal"
)

// Options are the flags of "spapi emulator" and what it works with.
type Options struct {
	Streams *terminal.Streams

	Listen string
	Seed   int64
	Models string
}

// NewCmdEmulator returns the command. runF replaces the work in tests.
func NewCmdEmulator(f *factory.Factory, runF func(context.Context, *Options) error) *cobra.Command {
	opts := &Options{Streams: f.Streams}
	cmd := &cobra.Command{
		Use:   "emulator",
		Short: "Serve an emulated SP-API on this machine",
		Long: "Serves an emulated Selling Partner API with Login with Amazon (below /auth/o2/token) and AWS's Security Token\n" +
			"Service (below /sts/) on one port. When it is ready it prints one line of JSON with its addresses and with credentials\n" +
			"that it accepts; they are good for nothing else. It serves until Ctrl-C or SIGTERM.\n\n" +
			"The same seed gives the same credentials, products and orders. With --models, a checkout of Amazon's\n" +
			"selling-partner-api-models, the official static sandbox cases are replayed too.",
		Example: "  spapi emulator\n" +
			"  spapi emulator --listen 127.0.0.1:8080 --seed 7\n" +
			"  spapi emulator --models ../selling-partner-api-models",
		Args: exit.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if runF != nil {
				return runF(cmd.Context(), opts)
			}
			return run(cmd.Context(), opts)
		},
	}
	cmd.Flags().StringVar(&opts.Listen, "listen", "127.0.0.1:0", "`address` to listen on; port 0 takes a free one")
	cmd.Flags().Int64Var(&opts.Seed, "seed", 1, "`number` that chooses credentials and data")
	cmd.Flags().StringVar(&opts.Models, "models", "", "`folder` of Amazon's models, whose sandbox cases are replayed")
	return cmd
}

// ready is the line that tells a waiting program where to go.
type ready struct {
	URL                string `json:"url"`
	LWAURL             string `json:"lwa_url"`
	STSURL             string `json:"sts_url"`
	ClientID           string `json:"client_id"`
	ClientSecret       string `json:"client_secret"`
	RefreshToken       string `json:"refresh_token"`
	RoleARN            string `json:"role_arn"`
	AWSAccessKeyID     string `json:"aws_access_key_id"`
	AWSSecretAccessKey string `json:"aws_secret_access_key"`
	ApplicationID      string `json:"application_id"`
	SellerID           string `json:"seller_id"`
}

func run(ctx context.Context, opts *Options) error {
	options := []emulator.Option{emulator.WithSeed(opts.Seed)}
	if opts.Models != "" {
		options = append(options, emulator.WithModels(opts.Models))
	}
	emu, err := emulator.New(options...)
	if err != nil {
		return err
	}
	host, _, err := net.SplitHostPort(opts.Listen)
	if err != nil {
		return exit.Usagef("--listen %q: want host:port, such as 127.0.0.1:0", opts.Listen)
	}
	listener, err := (&net.ListenConfig{}).Listen(ctx, "tcp", opts.Listen)
	if err != nil {
		return fmt.Errorf("--listen %q: %v", opts.Listen, err) //nolint:errorlint // not wrapped: its exit status is not that of a network error
	}
	line := describe(emu, host, listener.Addr())
	if err := output.WriteJSON(opts.Streams.Out, line); err != nil {
		_ = listener.Close()
		return err
	}
	if opts.Streams.ErrIsTerminal {
		fmt.Fprintf(opts.Streams.Err, "serving on %s; Ctrl-C stops it\n", line.URL)
	}
	return emu.Serve(ctx, listener)
}

// describe makes the ready line. Where the emulator listens on every address, the line names one that this machine reaches.
func describe(emu *emulator.Emulator, host string, address net.Addr) ready {
	_, port, err := net.SplitHostPort(address.String())
	if err != nil {
		port = "0" // no TCP address ends without a port
	}
	if ip := net.ParseIP(host); host == "" || ip != nil && ip.IsUnspecified() {
		host = "127.0.0.1"
	}
	urls, c := emu.URLs("http://"+net.JoinHostPort(host, port)), emu.Credentials()
	return ready{
		URL: urls.API, LWAURL: urls.LWA, STSURL: urls.STS,
		ClientID: c.ClientID, ClientSecret: c.ClientSecret, RefreshToken: c.RefreshToken,
		RoleARN: c.RoleARN, AWSAccessKeyID: c.AWSAccessKeyID, AWSSecretAccessKey: c.AWSSecretAccessKey,
		ApplicationID: c.ApplicationID, SellerID: c.SellerID,
	}
}
