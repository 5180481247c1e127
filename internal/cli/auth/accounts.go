package auth

import (
	"context"
	"errors"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/openspapi/spapi"
	"github.com/openspapi/spapi/accounts"
	"github.com/openspapi/spapi/api/sellersv1"
	"github.com/openspapi/spapi/internal/cli/exit"
	"github.com/openspapi/spapi/internal/cli/factory"
	"github.com/openspapi/spapi/internal/cli/output"
	"github.com/openspapi/spapi/marketplace"
)

// row is an account without its secrets.
type row struct {
	Name         string    `json:"name"`
	Default      bool      `json:"default"`
	Region       string    `json:"region"`
	Marketplaces []string  `json:"marketplaces"` // country codes, ids of those that are no store
	SellerID     string    `json:"seller_id"`
	ClientID     string    `json:"client_id"`
	Sandbox      bool      `json:"sandbox"`
	Endpoint     string    `json:"endpoint,omitzero"`  // where it isn't Amazon's
	TokenURL     string    `json:"token_url,omitzero"` // likewise
	Updated      time.Time `json:"updated,omitzero"`
}

var rowColumns = []output.Column{
	{Name: "name", Path: "name"},
	{Name: "default", Path: "default", Text: yes},
	{Name: "region", Path: "region"},
	{Name: "marketplaces", Path: "marketplaces"},
	{Name: "seller", Path: "seller_id"},
	{Name: "sandbox", Path: "sandbox", Text: yes},
	{Name: "endpoint", Path: "endpoint", Spare: 2},
	{Name: "application", Path: "client_id", Spare: 1, Text: func(v output.Value) string {
		return strings.TrimPrefix(v.Text(), "amzn1.application-oa2-client.")
	}},
}

func yes(v output.Value) string {
	if v.Text() == "true" {
		return "yes"
	}
	return ""
}

func newRow(a *accounts.Account, standard string) row {
	r := row{Name: a.Name, Default: a.Name == standard, Region: string(a.Region), Marketplaces: []string{}, SellerID: a.SellingPartnerID, ClientID: a.ClientID,
		Sandbox: a.Sandbox, Endpoint: a.Endpoint, TokenURL: a.TokenURL, Updated: a.Updated}
	for _, id := range a.Marketplaces {
		if m, ok := marketplace.ByID(id); ok {
			id = m.CountryCode
		}
		r.Marketplaces = append(r.Marketplaces, id)
	}
	return r
}

// defaultOf is the name of the default account, or of the only one, which does as well; "" if there is neither.
func defaultOf(ctx context.Context, store accounts.Store) (string, error) {
	a, err := accounts.Pick(ctx, store, "")
	if errors.Is(err, accounts.ErrNotFound) || errors.Is(err, accounts.ErrNoDefault) {
		return "", nil
	}
	return a.Name, err
}

// Options are the flags of the commands on stored accounts and what they work with.
type Options struct {
	Factory *factory.Factory

	Name string // "" for the one that the global flags choose
}

// NewCmdList returns "spapi auth list". runF replaces the work in tests.
func NewCmdList(f *factory.Factory, runF func(context.Context, *Options) error) *cobra.Command {
	opts := &Options{Factory: f}
	return &cobra.Command{
		Use:     "list",
		Short:   "List the stored accounts",
		Long:    "Lists the stored accounts, without their secrets.",
		Example: "  spapi auth list\n  spapi auth list --jq '.[] | .name + \" \" + .region'",
		Args:    exit.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if runF != nil {
				return runF(cmd.Context(), opts)
			}
			return list(cmd.Context(), opts)
		},
	}
}

func list(ctx context.Context, opts *Options) error {
	f := opts.Factory
	if f.Flags.Emulator {
		a, err := f.Account(ctx)
		if err != nil {
			return err
		}
		return f.Print(ctx, []row{newRow(&a, a.Name)}, rowColumns...)
	}
	store, err := f.Store()
	if err != nil {
		return err
	}
	all, err := store.List(ctx)
	if err != nil {
		return err
	}
	standard, err := defaultOf(ctx, store)
	if err != nil {
		return err
	}
	rows := make([]row, len(all))
	for i := range all {
		rows[i] = newRow(&all[i], standard)
	}
	if len(rows) == 0 && !f.Printer().Structured() {
		f.Notef("no accounts are stored; \"spapi auth login\" stores one")
	}
	return f.Print(ctx, rows, rowColumns...)
}

// status is what "spapi auth status" shows.
type status struct {
	row
	Source       string    `json:"source"`
	TokenExpires time.Time `json:"token_expires"`
	// SecretExpires is the date that is stored with the application, if one is.
	SecretExpires time.Time `json:"secret_expires,omitzero"`
}

// NewCmdStatus returns "spapi auth status". runF replaces the work in tests.
func NewCmdStatus(f *factory.Factory, runF func(context.Context, *Options) error) *cobra.Command {
	opts := &Options{Factory: f}
	return &cobra.Command{
		Use:   "status [name]",
		Short: "Try an account",
		Long: "Fetches an access token and the seller's marketplaces, and shows the account if that works. Without a name it tries the account\n" +
			"that commands would use. \"spapi doctor\" finds out why it doesn't work.",
		Example: "  spapi auth status\n  spapi auth status shop-de",
		Args:    one,
		RunE: func(cmd *cobra.Command, args []string) error {
			opts.choose(args)
			if runF != nil {
				return runF(cmd.Context(), opts)
			}
			return showStatus(cmd.Context(), opts)
		},
	}
}

// choose lets the argument stand where --account would.
func (o *Options) choose(args []string) {
	if len(args) > 0 {
		o.Name = args[0]
		o.Factory.Flags.Account = args[0]
	}
}

func showStatus(ctx context.Context, opts *Options) error {
	f := opts.Factory
	client, err := f.Client(ctx)
	if err != nil {
		return err
	}
	token, err := client.AccessToken(ctx)
	if err != nil {
		return err
	}
	t, err := f.Target(ctx)
	if err != nil {
		return err
	}
	account := t.Account
	s := status{Source: string(t.Source), TokenExpires: token.Expires.UTC().Truncate(time.Second), SecretExpires: t.Application.SecretExpires}
	joined, err := sellersv1.New(client).GetMarketplaceParticipations(ctx, nil)
	switch {
	case err == nil:
		account.Marketplaces = nil
		for _, p := range joined {
			if p.Marketplace != nil {
				account.Marketplaces = append(account.Marketplaces, p.Marketplace.ID)
			}
		}
	case spapi.IsForbidden(err):
		f.Notef("SP-API did not tell the marketplaces; \"spapi doctor\" finds out why")
	default:
		return err
	}
	s.row = newRow(&account, account.Name)
	return f.Print(ctx, s)
}

// NewCmdToken returns "spapi auth token". runF replaces the work in tests.
func NewCmdToken(f *factory.Factory, runF func(context.Context, *Options) error) *cobra.Command {
	opts := &Options{Factory: f}
	return &cobra.Command{
		Use:   "token [name]",
		Short: "Print an access token",
		Long: "Prints an access token, good for one hour, for the header x-amz-access-token of other programs. It is a secret: who has it can do in the\n" +
			"seller's name all that the application may.",
		Example: "  spapi auth token\n  spapi auth token shop-de -o json",
		Args:    one,
		RunE: func(cmd *cobra.Command, args []string) error {
			opts.choose(args)
			if runF != nil {
				return runF(cmd.Context(), opts)
			}
			return printToken(cmd.Context(), opts)
		},
	}
}

func printToken(ctx context.Context, opts *Options) error {
	f := opts.Factory
	client, err := f.Client(ctx)
	if err != nil {
		return err
	}
	token, err := client.AccessToken(ctx)
	if err != nil {
		return err
	}
	if !f.Flags.Output.Given() {
		_, err := f.Streams.Out.Write([]byte(token.Value.Reveal() + "\n"))
		return err
	}
	return f.Print(ctx, struct {
		Token   string    `json:"token"`
		Expires time.Time `json:"expires"`
	}{token.Value.Reveal(), token.Expires.UTC().Truncate(time.Second)})
}

// NewCmdUse returns "spapi auth use". runF replaces the work in tests.
func NewCmdUse(f *factory.Factory, runF func(context.Context, *Options) error) *cobra.Command {
	opts := &Options{Factory: f}
	return &cobra.Command{
		Use:     "use <name>",
		Short:   "Make an account the default",
		Long:    "Makes a stored account the one that commands use where nothing else is named.",
		Example: "  spapi auth use shop-de",
		Args:    exactlyOne,
		RunE: func(cmd *cobra.Command, args []string) error {
			opts.Name = args[0]
			if runF != nil {
				return runF(cmd.Context(), opts)
			}
			return use(cmd.Context(), opts)
		},
	}
}

func exactlyOne(_ *cobra.Command, args []string) error {
	if len(args) != 1 {
		return exit.Usagef("wants the name of one account, got %s", output.Plural(len(args), "argument"))
	}
	return nil
}

func use(ctx context.Context, opts *Options) error {
	store, err := opts.Factory.Store()
	if err != nil {
		return err
	}
	if err := store.Use(ctx, opts.Name); err != nil {
		return err
	}
	opts.Factory.Notef("commands use %q now", opts.Name)
	return nil
}

// RemoveOptions are the flags of "spapi auth remove" and what it works with.
type RemoveOptions struct {
	Options
	Application bool
}

// NewCmdRemove returns "spapi auth remove". runF replaces the work in tests.
func NewCmdRemove(f *factory.Factory, runF func(context.Context, *RemoveOptions) error) *cobra.Command {
	opts := &RemoveOptions{Options: Options{Factory: f}}
	cmd := &cobra.Command{
		Use:   "remove <name>",
		Short: "Forget a stored account",
		Long: "Removes an account from this machine, with its refresh token. The authorization itself goes on until the seller takes it back in Seller\n" +
			"Central. It asks before it does so; --yes answers.",
		Example: "  spapi auth remove shop-de\n  spapi auth remove shop-de --application --yes",
		Args:    exactlyOne,
		RunE: func(cmd *cobra.Command, args []string) error {
			opts.Name = args[0]
			if runF != nil {
				return runF(cmd.Context(), opts)
			}
			return remove(cmd.Context(), opts)
		},
	}
	cmd.Flags().BoolVar(&opts.Application, "application", false, "also forget its application with the client secret, if no other account is of it")
	return cmd
}

func remove(ctx context.Context, opts *RemoveOptions) error {
	f := opts.Factory
	store, err := f.Store()
	if err != nil {
		return err
	}
	account, err := store.Get(ctx, opts.Name)
	if err != nil {
		return err
	}
	if err := f.Confirm(ctx, "Forget account \""+account.Name+"\" and its refresh token?"); err != nil {
		return err
	}
	if err := store.Delete(ctx, account.Name); err != nil {
		return err
	}
	f.Notef("removed %q", account.Name)
	if !opts.Application {
		return nil
	}
	if err := store.DeleteApplication(ctx, account.ClientID); err != nil && !errors.Is(err, accounts.ErrInUse) {
		return err
	} else if err != nil {
		f.Notef("its application stays: other accounts are of it")
		return nil
	}
	f.Notef("removed application %s", account.ClientID)
	return nil
}
