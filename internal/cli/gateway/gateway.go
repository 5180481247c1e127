// Package gateway is "spapi gateway": SP-API by HTTP for programs in any language.
package gateway

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"time"

	"github.com/spf13/cobra"

	"github.com/openspapi/spapi/gateway"
	"github.com/openspapi/spapi/internal/cli/exit"
	"github.com/openspapi/spapi/internal/cli/factory"
	"github.com/openspapi/spapi/internal/cli/output"
	"github.com/openspapi/spapi/internal/tlsfront"
)

// Options are the flags of "spapi gateway" and what it works with.
type Options struct {
	Factory *factory.Factory

	Listen string
}

// NewCmdGateway returns the command. runF replaces the work in tests.
func NewCmdGateway(f *factory.Factory, runF func(context.Context, *Options) error) *cobra.Command {
	opts := &Options{Factory: f}
	cmd := &cobra.Command{
		Use:   "gateway",
		Short: "Serve SP-API by HTTP for programs in any language",
		Long: "Serves the Selling Partner API on this machine: it keeps the credentials of the stored accounts, fetches tokens, waits for limits, and repeats\n" +
			"what may be repeated. Its callers have keys of their own. It serves until Ctrl-C or SIGTERM, and then ends what is under way.\n\n" +
			"When it is ready it prints one line of JSON: url, and lwa_url for clients that insist on Login with Amazon. With --emulator it calls an\n" +
			"emulator inside the process, and the line has credentials for it.",
		Example: "  spapi gateway --emulator --listen 127.0.0.1:0",
		Args:    exit.Group,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := f.Flags.Output.Refuse("the line with the addresses"); err != nil {
				return err
			}
			if runF != nil {
				return runF(cmd.Context(), opts)
			}
			return run(cmd.Context(), opts)
		},
	}
	cmd.Flags().StringVar(&opts.Listen, "listen", "127.0.0.1:8585", "`address` to listen on; port 0 takes a free one")
	return cmd
}

// ready is the line that tells a waiting program where to go.
type ready struct {
	URL          string `json:"url"`
	LWAURL       string `json:"lwa_url"`
	ClientID     string `json:"client_id,omitempty"`
	ClientSecret string `json:"client_secret,omitempty"` // a caller's key
	RefreshToken string `json:"refresh_token,omitempty"` // the account's name
}

func run(ctx context.Context, opts *Options) error {
	var config gateway.Config
	var line ready
	if opts.Factory.Flags.Emulator {
		d, err := newDemo(opts.Factory)
		if err != nil {
			return err
		}
		config, line = d.config, d.line
	} else {
		store, err := opts.Factory.Store()
		if err != nil {
			return err
		}
		config.Accounts = store
	}
	g, err := gateway.New(config)
	if err != nil {
		return err
	}
	l, err := tlsfront.Listen(ctx, opts.Listen)
	if err != nil {
		return errors.Join(fmt.Errorf("--listen %q: %w", opts.Listen, err), g.Close())
	}
	line.URL = "http://" + l.Addr().String()
	line.LWAURL = line.URL + "/auth/o2/token"
	if err := output.WriteJSON(opts.Factory.Streams.Out, line); err != nil {
		return errors.Join(err, l.Close(), g.Close())
	}
	return errors.Join(serve(ctx, l, g), g.Close())
}

func serve(ctx context.Context, l net.Listener, h http.Handler) error {
	return tlsfront.Serve(ctx, l, tlsfront.Options{
		Handler: h, Name: "spapi gateway", CA: func() (*tlsfront.CA, error) { return nil, errors.New("it speaks no TLS") },
		Timeouts: tlsfront.Timeouts{Grace: cmp.Or(0, 25*time.Second)},
	})
}
