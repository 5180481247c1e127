package factory

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net/http"
	"os"
	"slices"
	"strings"

	"github.com/openspapi/spapi"
	"github.com/openspapi/spapi/accounts"
	"github.com/openspapi/spapi/emulator"
	"github.com/openspapi/spapi/internal/cli/exit"
	"github.com/openspapi/spapi/internal/settings"
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

// Source tells where the client's credentials come from. What the command line names goes first, then the environment, then the
// stored accounts, then the profile file.
func (f *Factory) Source() Source {
	switch {
	case f.Flags.Emulator:
		return FromEmulator
	case f.Flags.Account != "":
		return FromAccount
	case settings.NamedProfile(f.Flags.Profile) != "":
		return FromProfile
	case settings.CredentialVariables():
		return FromEnvironment
	}
	if store, err := f.Store(); err == nil {
		if _, err := os.Stat(store.Path()); err == nil {
			return FromAccount
		}
	}
	if path, err := settings.ProfileFile(); err == nil {
		if _, err := os.Stat(path); err == nil || !errors.Is(err, fs.ErrNotExist) {
			return FromProfile
		}
	}
	return FromNowhere
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
	defer f.Asking()()
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

// AccountNames are for completion: best effort, and without a question.
func (f *Factory) AccountNames() []string {
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

// Target is who calls, and where to: the account that the flags choose with what flags and environment say over it.
type Target struct {
	accounts.Target
	Source Source
	Notes  []string // what of the environment and a profile counts for something else than it says; see [settings.Read]
}

// Target finds it. It sends nothing.
func (f *Factory) Target(ctx context.Context) (Target, error) {
	return f.target(ctx, f.Source(), f.Flags.Account, f.Flags.Profile)
}

// Named is Target for the stored account of a name, or the profile where none is stored under it: for commands that are about several sellers.
func (f *Factory) Named(ctx context.Context, name string) (Target, error) {
	source := FromProfile
	if file, err := f.Store(); err == nil {
		if _, err := os.Stat(file.Path()); err == nil {
			list, err := file.List(ctx)
			if err != nil {
				return Target{}, err
			}
			_, noProfiles := settings.ProfileFile()
			if path, err := settings.ProfileFile(); err == nil {
				_, noProfiles = os.Stat(path)
			}
			if noProfiles != nil || slices.ContainsFunc(list, func(a accounts.Account) bool { return a.Name == name }) {
				source = FromAccount
			}
		}
	}
	t, err := f.target(ctx, source, name, name)
	if source == FromProfile {
		t.Account.Name = name
	}
	return t, err
}

// target is that of an account or a profile, where the source is one of these.
func (f *Factory) target(ctx context.Context, source Source, account, profile string) (Target, error) {
	t := Target{Source: source}
	if err := f.Flags.given().Check(); err != nil {
		return t, err
	}
	switch t.Source {
	case FromEmulator:
		emu, err := f.Emulator()
		if err != nil {
			return t, err
		}
		c := emu.Credentials()
		t.Account = accounts.Account{Name: string(FromEmulator), Region: c.Region, SellingPartnerID: c.SellerID, ClientID: c.ClientID,
			RefreshToken: spapi.NewSecret(c.RefreshToken)}
		t.Application = accounts.Application{ClientID: c.ClientID, ClientSecret: spapi.NewSecret(c.ClientSecret), RoleARN: c.RoleARN}
	case FromAccount:
		file, err := f.Store()
		if err != nil {
			return t, err
		}
		w := f.Await("the stored accounts, whose keyring may ask in a window of its own")
		defer w.End()
		if t.Target, err = accounts.NewClients(file).Resolve(ctx, account); err != nil {
			return t, err
		}
	case FromProfile:
		s, notes, err := settings.Read(profile)
		if err != nil {
			return t, err
		}
		t.Notes = notes
		if err := t.read(f.Flags.given().Over(s)); err != nil {
			return t, err
		}
		stored := AccountOf(t.Account.Name, s)
		stored.Region, _ = settings.Place(stored.Region, s.Text(settings.Marketplace))
		t.Differences = f.Flags.moved(stored)
		return t, nil
	case FromEnvironment:
		s, err := settings.Environment()
		if err != nil {
			return t, err
		}
		return t, t.read(f.Flags.given().Over(s))
	case FromNowhere:
		return t, errNoCredentials
	}
	f.override(&t)
	return t, nil
}

// read takes account and application from what is set.
func (t *Target) read(s settings.Set) (err error) {
	if err = s.Check(); err == nil {
		err = s.Complete()
	}
	if err == nil {
		t.Account, err = AccountOf(string(t.Source), s).Clean()
	}
	if err == nil {
		t.Application, err = accounts.Application{ClientID: s.Text(settings.ClientID), ClientSecret: spapi.NewSecret(s.Text(settings.ClientSecret)),
			ApplicationID: s.Text(settings.ApplicationID), RoleARN: s.Text(settings.RoleARN)}.Clean()
	}
	return err
}

// AccountOf is the account that is set, as far as it is.
func AccountOf(name string, s settings.Set) accounts.Account {
	a := accounts.Account{Name: name, ClientID: s.Text(settings.ClientID), RefreshToken: spapi.NewSecret(s.Text(settings.RefreshToken)),
		Region: marketplace.Region(s.Text(settings.Region)), SellingPartnerID: s.Text(settings.SellerID), Sandbox: s.True(settings.Sandbox),
		Endpoint: s.Text(settings.Endpoint), TokenURL: s.Text(settings.TokenURL)}
	if m := s.Text(settings.Marketplace); m != "" {
		a.Marketplaces = []string{m}
	}
	return a
}

// given are the flags as settings.
func (g *Flags) given() settings.Set {
	s := settings.Set{}
	put := func(x *settings.Setting, text string) { s.Put(x, text, "--"+x.Flag) }
	put(settings.Region, string(g.Region))
	put(settings.Marketplace, g.Marketplace.ID)
	put(settings.Endpoint, g.Endpoint)
	put(settings.TokenURL, g.TokenURL)
	if g.Sandbox {
		put(settings.Sandbox, "true")
	}
	return s
}

// Settings are what is set for an account that is not there yet: by flags, in the environment, and in a profile that is named.
func (f *Factory) Settings() (settings.Set, error) {
	read := settings.Environment
	if settings.NamedProfile(f.Flags.Profile) != "" {
		read = func() (settings.Set, error) {
			s, notes, err := settings.Read(f.Flags.Profile)
			for _, note := range notes {
				f.once(note)
			}
			return s, err
		}
	}
	s, err := read()
	if err != nil {
		return nil, err
	}
	s = f.Flags.given().Over(s)
	return s, s.Check()
}

// override lets the flags go before everything else.
func (f *Factory) override(t *Target) {
	g, a := &f.Flags, &t.Account
	region := g.chosenRegion()
	if region != "" && region != a.Region {
		a.Region, a.Marketplaces = region, nil
	}
	if g.Marketplace.ID != "" {
		a.Marketplaces = append([]string{g.Marketplace.ID}, a.Marketplaces...)
	}
	a.Sandbox = a.Sandbox || g.Sandbox
	a.Endpoint, a.TokenURL = cmp.Or(g.Endpoint, a.Endpoint), cmp.Or(g.TokenURL, a.TokenURL)
	flags := g.given()
	t.Differences = slices.DeleteFunc(t.Differences, func(d accounts.Difference) bool {
		where := d.Setting == settings.Region.Name || d.Setting == settings.Marketplace.Name
		return where && region != "" || slices.ContainsFunc(settings.Beyond, func(x *settings.Setting) bool { return x.Name == d.Setting && flags.Has(x) })
	})
	if t.Source == FromAccount {
		t.Differences = append(t.Differences, g.moved(t.Stored)...)
	}
}

// moved is how the flags move the calls of a stored account to another region; nothing if they don't.
func (g *Flags) moved(stored accounts.Account) []accounts.Difference {
	region := g.chosenRegion()
	if region == "" || stored.Region == "" || region == stored.Region {
		return nil
	}
	d := accounts.Difference{Setting: settings.Region.Name, Stored: string(stored.Region), Value: string(region), Source: "--" + settings.Region.Flag}
	if g.Marketplace.Region != "" {
		d.Setting, d.Value, d.Source = settings.Marketplace.Name, settings.WithCountries(g.Marketplace.ID), "--"+settings.Marketplace.Flag
		d.Stored = cmp.Or(settings.WithCountries(stored.Marketplaces...), "region "+d.Stored)
	}
	d.Used, d.Moves = true, region
	return []accounts.Difference{d}
}

// Apart tells that secrets and calls go different ways, to Amazon and elsewhere; "" if they don't.
func (t Target) Apart() string {
	a := t.Account
	endpoint, tokenURL := settings.IsAmazonEndpoint(a.Endpoint), settings.IsAmazonTokenURL(a.TokenURL)
	switch {
	case t.Source == FromEmulator || endpoint == tokenURL:
		return ""
	case tokenURL:
		return fmt.Sprintf("calls go to %s, but client secret and refresh token to Amazon: an emulator wants SPAPI_TOKEN_URL or --token-url too", a.Endpoint)
	}
	return fmt.Sprintf("client secret and refresh token go to %s, but calls to Amazon: "+
		"set SPAPI_ENDPOINT or --endpoint too, or leave the token URL out", a.TokenURL)
}

// Tell tells on stderr, once, what whoever gives the command should know about where it goes.
func (f *Factory) Tell(t Target) {
	for _, d := range t.Differences {
		f.once(fmt.Sprintf("account %q: %s", t.Account.Name, d.Note()))
	}
	for _, note := range t.Notes {
		f.once(note)
	}
	if text := t.Apart(); text != "" {
		f.once(text)
	}
}

// once tells a note, if it was not told before.
func (f *Factory) once(note string) { f.onceOf(note, note) }

// onceOf tells a note, if none was told of the same thing.
func (f *Factory) onceOf(thing, note string) {
	if _, told := f.told.LoadOrStore(thing, true); !told {
		f.Notef("%s", note)
	}
}

// Account is the account that the flags choose; see [Factory.Target].
func (f *Factory) Account(ctx context.Context) (accounts.Account, error) {
	t, err := f.Target(ctx)
	return t.Account, err
}

// options are those that every application of the command has: the transport with the emulator in it, the waits and attempts that are told
// about.
func (f *Factory) options() ([]spapi.Option, error) {
	transport, err := f.Transport()
	if err != nil {
		return nil, err
	}
	if transport == nil {
		transport = &writeTeller{f: f, next: spapi.NewTransport()}
	}
	fleet, err := f.Fleet()
	if err != nil {
		return nil, err
	}
	limiter := f.limiter()
	if fleet != nil {
		limiter = fleet.Limiter
	}
	return append(fleet.Options(),
		spapi.WithUserAgent("spapi-cli/"+f.Version),
		spapi.WithLimiter(f.progress.limiter(limiter)),
		spapi.WithLogger(f.progress.logger()),
		spapi.WithObserver(spapi.ObserverFunc(f.progress.observe)),
		spapi.WithTransport(&waitTeller{f: f, next: transport}),
	), nil
}

// Fleet is what the command shares with other processes, nil if SPAPI_FLEET isn't set. The embedded emulator is nobody else's.
func (f *Factory) Fleet() (*spapi.Fleet, error) {
	if f.Flags.Emulator {
		return nil, nil //nolint:nilnil // nil stands for none
	}
	fleet, err := spapi.LoadFleet(spapi.WithProfile(f.Flags.Profile), spapi.WithLogger(f.progress.logger()))
	bad, _ := errors.AsType[*spapi.ConfigError](err)
	if bad == nil || !slices.Contains(ofProfiles, bad.Code) || settings.NamedProfile(f.Flags.Profile) != "" || f.Source() == FromProfile {
		return fleet, err
	}
	if bad.Code != spapi.CodeProfileFileMissing { // nobody asked for the profile, but it may say what is shared
		f.once(strings.TrimPrefix(bad.Error(), "spapi: ") + "; so it is not known whether it names a fleet, and nothing is shared")
	}
	return nil, nil //nolint:nilnil // nil stands for none
}

// ofProfiles are the codes of a profile file that can't be read.
var ofProfiles = []spapi.ConfigCode{spapi.CodeProfileFileMissing, spapi.CodeProfileReadableByOthers, spapi.CodeProfileMalformed, spapi.CodeProfileFieldUnknown,
	spapi.CodeFolderUnknown}

// Transport carries requests in place of the SDK's own: the emulator, or nil.
func (f *Factory) Transport() (http.RoundTripper, error) {
	switch {
	case f.transport != nil:
		return f.transport, nil
	case !f.Flags.Emulator:
		return nil, nil //nolint:nilnil // nil stands for the SDK's own
	}
	return f.Emulator()
}

// Clients makes the command's clients; more options win over those of the command itself. Without more, it is one for the process, so
// that all of the command's clients share limits and tokens.
func (f *Factory) Clients(more ...spapi.Option) (*accounts.Clients, error) {
	if len(more) == 0 {
		return f.clients()
	}
	options, err := f.options()
	if err != nil {
		return nil, err
	}
	return accounts.NewClients(nil, append(options, more...)...), nil
}

func (f *Factory) newClients() (*accounts.Clients, error) {
	options, err := f.options()
	if err != nil {
		return nil, err
	}
	return accounts.NewClients(nil, options...), nil
}

// Client makes the client that the flags choose; [Factory.Target] tells whose, and where it calls. It sends nothing. More options win over
// those of the command itself.
func (f *Factory) Client(ctx context.Context, more ...spapi.Option) (*spapi.Client, error) {
	t, err := f.Target(ctx)
	if err != nil {
		return nil, err
	}
	clients, err := f.Clients(more...)
	if err != nil {
		return nil, err
	}
	client, err := clients.Of(t.Account, t.Application)
	if err != nil {
		return nil, err
	}
	f.Tell(t)
	return client, nil
}

// Anonymous makes a client without credentials, good for building requests that are not sent. Its region is that of the flags, the
// environment, or North America.
func (f *Factory) Anonymous(more ...spapi.Option) (*spapi.Client, error) {
	s, err := f.Settings()
	if err != nil {
		return nil, err
	}
	a := AccountOf("", s)
	a.RefreshToken = spapi.NewSecret("Atzr|none")
	if !s.Has(settings.Region, settings.Marketplace) {
		a.Region = marketplace.NorthAmerica
	} else if a.Region, err = settings.Place(a.Region, s.Text(settings.Marketplace)); err != nil {
		return nil, err
	}
	b := accounts.Application{ClientID: "amzn1.application-oa2-client.none", ClientSecret: spapi.NewSecret("amzn1.oa2-cs.v1.none")}
	clients, err := f.Clients(more...)
	if err != nil {
		return nil, err
	}
	return clients.Of(a, b)
}

// errNoCredentials comes where nothing is configured.
var errNoCredentials = &exit.UsageError{Err: errors.New("no credentials: neither stored accounts, nor variables such as SPAPI_CLIENT_ID, nor a profile; " +
	"\"spapi auth login\" stores an account, --emulator needs none")}

// Emulator is the one that --emulator calls: one for the process, with seed 1, in the region that the flags choose.
func (f *Factory) Emulator() (*emulator.Emulator, error) { return f.emulator() }

func (f *Factory) newEmulator() (*emulator.Emulator, error) {
	options := []emulator.Option{emulator.WithSeed(1), emulator.WithRemoved()} // what the help shows is there to be tried on any day
	if region := f.Flags.chosenRegion(); region != "" {
		options = append(options, emulator.WithRegion(region))
	}
	options = append(options, emulator.WithExplain()) // its reasons are shown with the error
	return emulator.New(options...)
}

// Marketplace is the one that commands work in unless they are told otherwise: that of --marketplace or SPAPI_MARKETPLACE, or the account's
// first one; with --emulator the main one of the region.
func (f *Factory) Marketplace(ctx context.Context) (marketplace.Marketplace, error) {
	if f.Flags.Marketplace.ID != "" {
		return f.Flags.Marketplace, nil
	}
	t, err := f.Target(ctx)
	switch {
	case err != nil:
		return marketplace.Marketplace{}, err
	case len(t.Account.Marketplaces) > 0:
		return marketplace.Lookup(t.Account.Marketplaces[0])
	case t.Source == FromEmulator:
		return t.Account.Region.DefaultMarketplace(), nil
	}
	code := t.Account.Region.DefaultMarketplace().CountryCode
	return marketplace.Marketplace{}, exit.Usagef("no marketplace is known: name one with --marketplace, such as --marketplace %s, or set SPAPI_MARKETPLACE=%s",
		code, code)
}
