package factory

import (
	"cmp"
	"context"
	"errors"
	"io/fs"
	"net/http"
	"os"
	"path/filepath"

	"github.com/openspapi/spapi"
	"github.com/openspapi/spapi/accounts"
	"github.com/openspapi/spapi/emulator"
	"github.com/openspapi/spapi/internal/cli/exit"
	"github.com/openspapi/spapi/marketplace"
)

// Source says where credentials come from.
type Source string

// The sources, in the order in which they are looked for.
const (
	FromEmulator    Source = "emulator"    // --emulator
	FromAccount     Source = "account"     // --account or SPAPI_ACCOUNT, else the default of the stored accounts
	FromProfile     Source = "profile"     // --profile or SPAPI_PROFILE, else the profile "default"
	FromEnvironment Source = "environment" // SPAPI_CLIENT_ID, SPAPI_REFRESH_TOKEN and the like
	FromNowhere     Source = "nowhere"
)

// credentialVariables are those of which one is enough for the environment to be meant.
var credentialVariables = []string{
	"SPAPI_CLIENT_ID", "LWA_CLIENT_IDENTIFIER", "SPAPI_CLIENT_SECRET", "LWA_CLIENT_SECRET", "SPAPI_REFRESH_TOKEN", "AMAZON_REFRESH_TOKEN",
}

// Source tells where the client's credentials come from. What the command line names goes first, then the environment, then the
// stored accounts, then the profile file.
func (f *Factory) Source() Source {
	switch {
	case f.Flags.Emulator:
		return FromEmulator
	case f.Flags.Account != "":
		return FromAccount
	case f.Flags.Profile != "" || os.Getenv("SPAPI_PROFILE") != "":
		return FromProfile
	}
	for _, name := range credentialVariables {
		if os.Getenv(name) != "" {
			return FromEnvironment
		}
	}
	if store, err := f.Store(); err == nil {
		if _, err := os.Stat(store.Path()); err == nil {
			return FromAccount
		}
	}
	if path := profileFile(); path != "" {
		if _, err := os.Stat(path); err == nil || !errors.Is(err, fs.ErrNotExist) {
			return FromProfile
		}
	}
	return FromNowhere
}

func profileFile() string {
	if path := os.Getenv("SPAPI_CONFIG"); path != "" {
		return path
	}
	dir, err := os.UserConfigDir()
	if err != nil {
		return ""
	}
	return filepath.Join(dir, "spapi", "config.json")
}

// Store is the file of the stored accounts. Where a passphrase opens it and SPAPI_PASSPHRASE is not set, it asks on a terminal.
// It is one for the process, so that it asks once.
func (f *Factory) Store() (*accounts.File, error) { return f.store() }

func (f *Factory) openStore() (*accounts.File, error) {
	if !f.Streams.CanAsk() {
		return accounts.DefaultFile(nil)
	}
	return accounts.DefaultFile(f.askPassphrase)
}

func (f *Factory) askPassphrase(ctx context.Context, create bool) (string, error) {
	if !create {
		return f.Streams.AskSecret(ctx, "Passphrase of the stored accounts: ")
	}
	first, err := f.Streams.AskSecret(ctx, "New passphrase for the stored accounts: ")
	if err != nil {
		return "", err
	}
	again, err := f.Streams.AskSecret(ctx, "The same again: ")
	if err != nil {
		return "", err
	}
	if first != again {
		return "", exit.Usagef("the two passphrases differ")
	}
	return first, nil
}

// accountNames are for completion: best effort, and without a question.
func (f *Factory) accountNames() []string {
	store, err := accounts.DefaultFile(nil)
	if err != nil {
		return nil
	}
	list, err := store.List(context.Background())
	if err != nil {
		return nil
	}
	var names []string
	for _, a := range list {
		names = append(names, a.Name)
	}
	return names
}

// Account is the stored account that the flags choose. It is for sources [FromAccount] only.
func (f *Factory) Account(ctx context.Context) (accounts.Account, error) {
	store, err := f.Store()
	if err != nil {
		return accounts.Account{}, err
	}
	return accounts.Pick(ctx, store, f.Flags.Account)
}

// Options are those that every application of the command has: the transport with the emulator in it, endpoints, the waits and attempts
// that are told about.
func (f *Factory) Options() ([]spapi.Option, error) {
	transport, err := f.Transport()
	if err != nil {
		return nil, err
	}
	options := []spapi.Option{
		spapi.WithUserAgent("spapi-cli/" + f.Version),
		spapi.WithLimiter(f.progress.limiter(spapi.NewLimiter())),
		spapi.WithLogger(f.progress.logger()),
	}
	if f.Flags.Verbose {
		options = append(options, spapi.WithObserver(spapi.ObserverFunc(f.progress.observe)))
	}
	if transport != nil {
		options = append(options, spapi.WithTransport(transport))
	}
	if f.Flags.Endpoint != "" {
		options = append(options, spapi.WithEndpoint(f.Flags.Endpoint))
	}
	if f.Flags.TokenURL != "" {
		options = append(options, spapi.WithTokenURL(f.Flags.TokenURL))
	}
	return options, nil
}

// Transport carries requests in place of the SDK's own: the emulator, or nil.
func (f *Factory) Transport() (http.RoundTripper, error) {
	if !f.Flags.Emulator {
		return nil, nil //nolint:nilnil // nil stands for the SDK's own
	}
	return f.Emulator()
}

// Client makes the client that the flags choose; [Factory.Source] tells from where. It sends nothing. More options win over those of
// [Factory.Options].
func (f *Factory) Client(ctx context.Context, more ...spapi.Option) (*spapi.Client, error) {
	options, err := f.Options()
	if err != nil {
		return nil, err
	}
	options = append(options, more...)
	region := f.Flags.chosenRegion()
	switch f.Source() {
	case FromEmulator:
		emu, err := f.Emulator()
		if err != nil {
			return nil, err
		}
		c := emu.Credentials()
		auth := spapi.Authorization{RefreshToken: c.RefreshToken, Region: c.Region, Sandbox: f.Flags.Sandbox}
		return checked(spapi.NewApp(spapi.Credentials{ClientID: c.ClientID, ClientSecret: c.ClientSecret}, options...).Client(auth))
	case FromAccount:
		store, err := f.Store()
		if err != nil {
			return nil, err
		}
		account, err := accounts.Pick(ctx, store, f.Flags.Account)
		if err != nil {
			return nil, err
		}
		application, err := store.Application(ctx, account.ClientID)
		if err != nil {
			return nil, err
		}
		auth := account.Authorization()
		if region != "" {
			auth.Region, auth.Marketplace = region, ""
		}
		auth.Sandbox = auth.Sandbox || f.Flags.Sandbox
		return checked(spapi.NewApp(application.Credentials(), options...).Client(auth))
	case FromNowhere:
		return nil, errNoCredentials
	}
	if f.Flags.Profile != "" {
		options = append(options, spapi.WithProfile(f.Flags.Profile))
	}
	if region != "" {
		options = append(options, spapi.WithRegion(region))
	}
	if f.Flags.Sandbox {
		options = append(options, spapi.WithSandbox())
	}
	return spapi.Load(ctx, options...)
}

// Anonymous makes a client without credentials, good for building requests that are not sent. Its region is that of the flags, else
// North America.
func (f *Factory) Anonymous(more ...spapi.Option) (*spapi.Client, error) {
	options, err := f.Options()
	if err != nil {
		return nil, err
	}
	app := spapi.NewApp(spapi.Credentials{ClientID: "amzn1.application-oa2-client.none", ClientSecret: "amzn1.oa2-cs.v1.none"}, append(options, more...)...)
	return checked(app.Client(spapi.Authorization{
		RefreshToken: "Atzr|none", Region: cmp.Or(f.Flags.chosenRegion(), marketplace.NorthAmerica), Sandbox: f.Flags.Sandbox,
	}))
}

// errNoCredentials comes where nothing is configured.
var errNoCredentials = &exit.UsageError{Err: errors.New("no credentials: neither stored accounts, nor variables such as SPAPI_CLIENT_ID, nor a profile; " +
	"\"spapi auth login\" stores an account, --emulator needs none")}

func checked(client *spapi.Client) (*spapi.Client, error) {
	if err := client.Check(); err != nil {
		return nil, err
	}
	return client, nil
}

// Emulator is the one that --emulator calls: one for the process, with seed 1, in the region that the flags choose.
func (f *Factory) Emulator() (*emulator.Emulator, error) { return f.emulator() }

func (f *Factory) newEmulator() (*emulator.Emulator, error) {
	options := []emulator.Option{emulator.WithSeed(1)}
	if region := f.Flags.chosenRegion(); region != "" {
		options = append(options, emulator.WithRegion(region))
	}
	return emulator.New(options...)
}

// Marketplace is the one that commands work in unless they are told otherwise: that of --marketplace, the account's first one, or that of
// SPAPI_MARKETPLACE; with --emulator the main one of the region.
func (f *Factory) Marketplace(ctx context.Context) (marketplace.Marketplace, error) {
	if f.Flags.Marketplace.ID != "" {
		return f.Flags.Marketplace, nil
	}
	switch f.Source() {
	case FromEmulator:
		return cmp.Or(f.Flags.Region, marketplace.NorthAmerica).DefaultMarketplace(), nil
	case FromAccount:
		account, err := f.Account(ctx)
		if err != nil {
			return marketplace.Marketplace{}, err
		}
		if len(account.Marketplaces) > 0 && (f.Flags.Region == "" || f.Flags.Region == account.Region) {
			return marketplace.Lookup(account.Marketplaces[0])
		}
	default:
		client, err := f.Client(ctx)
		if err != nil {
			return marketplace.Marketplace{}, err
		}
		if name := client.Marketplace(); name != "" {
			return marketplace.Lookup(name)
		}
	}
	return marketplace.Marketplace{}, exit.Usagef("no marketplace is known: name one with --marketplace, such as --marketplace DE")
}
