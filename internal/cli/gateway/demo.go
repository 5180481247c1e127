package gateway

import (
	"context"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/openspapi/spapi"
	"github.com/openspapi/spapi/accounts"
	"github.com/openspapi/spapi/emulator"
	"github.com/openspapi/spapi/gateway"
	"github.com/openspapi/spapi/internal/cli/exit"
)

// demoName is what account and caller of --emulator are called.
const demoName = "demo"

// demo is what a gateway over the emulator works with. Its account and its key end with the process.
type demo struct {
	emulator *emulator.Emulator
	accounts *memoryAccounts
	key      gateway.Key
	secret   spapi.Secret
}

func newDemo(o *Options) (*demo, error) {
	emu, err := o.emulator()
	if err != nil {
		return nil, err
	}
	c := emu.Credentials()
	d := &demo{emulator: emu, accounts: &memoryAccounts{
		application: accounts.Application{ClientID: c.ClientID, ClientSecret: spapi.NewSecret(c.ClientSecret), ApplicationID: c.ApplicationID, RoleARN: c.RoleARN},
		account: accounts.Account{Name: demoName, SellingPartnerID: c.SellerID, Region: c.Region, Marketplaces: []string{c.MarketplaceID}, ClientID: c.ClientID,
			RefreshToken: spapi.NewSecret(c.RefreshToken)},
	}}
	d.key, d.secret, err = gateway.NewKey(gateway.Key{Name: demoName, Account: demoName, Created: time.Now().UTC().Truncate(time.Second),
		Scope: gateway.Scope{Accounts: []string{"*"}, Operations: []string{"*"}}})
	return d, err
}

// emulator is the one that is called: the factory's, unless flags make it another.
func (o *Options) emulator() (*emulator.Emulator, error) {
	f := o.Factory
	if o.Seed == 1 && len(o.Faults) == 0 {
		return f.Emulator()
	}
	options := []emulator.Option{emulator.WithSeed(o.Seed), emulator.WithRemoved(), emulator.WithExplain()}
	if r := f.Flags.Region; r != "" {
		options = append(options, emulator.WithRegion(r))
	} else if m := f.Flags.Marketplace; m.Known() {
		options = append(options, emulator.WithRegion(m.Region))
	}
	for _, text := range o.Faults {
		fault, err := emulator.ParseFault(text)
		if err != nil {
			return nil, exit.Usagef("--fault: %s", strings.TrimPrefix(err.Error(), "emulator: "))
		}
		options = append(options, emulator.WithFault(fault))
	}
	return emulator.New(options...)
}

// authority is the folder of the emulator's certificate authority.
func (d *demo) authority() (path, error) {
	file, err := d.emulator.CA()
	return path(filepath.Dir(file)), err
}

// fill puts what callers need into the line.
func (d *demo) fill(line *ready, url string) {
	c := d.emulator.Credentials()
	line.ClientID, line.ClientSecret, line.RefreshToken = c.ClientID, d.secret.Reveal(), demoName
	line.SellerID, line.Region, line.MarketplaceID, line.EmulatorURL = c.SellerID, string(c.Region), c.MarketplaceID, url
}

// with is a state that has the demo's key besides.
func (d *demo) with(state gateway.State) gateway.State { return &demoState{State: state, key: d.key} }

// demoState has one key more than what is kept.
type demoState struct {
	gateway.State
	key gateway.Key

	mu         sync.Mutex
	kept, with *gateway.Records
}

// Load is part of [gateway.State].
func (s *demoState) Load(ctx context.Context) (*gateway.Records, error) {
	kept, err := s.State.Load(ctx)
	if kept == nil {
		return nil, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if kept != s.kept {
		s.kept, s.with = kept, &gateway.Records{Keys: append(slices.Clone(kept.Keys), s.key), Blocks: kept.Blocks}
	}
	return s.with, err
}

// memoryState keeps keys and blocks for as long as the process runs. The zero value has none.
type memoryState struct {
	mu      sync.Mutex
	records *gateway.Records // nil: none
}

// Load is part of [gateway.State].
func (s *memoryState) Load(context.Context) (*gateway.Records, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.load(), nil
}

func (s *memoryState) load() *gateway.Records {
	if s.records == nil {
		s.records = &gateway.Records{}
	}
	return s.records
}

// Update is part of [gateway.State].
func (s *memoryState) Update(_ context.Context, change func(*gateway.Records) error) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	now := s.load()
	next := &gateway.Records{Keys: slices.Clone(now.Keys), Blocks: slices.Clone(now.Blocks)}
	if err := change(next); err != nil {
		return err
	}
	s.records = next
	return nil
}

// memoryAccounts are one account and its application, of which only the secret may change.
type memoryAccounts struct {
	mu          sync.Mutex
	account     accounts.Account
	application accounts.Application
}

func (s *memoryAccounts) fail(op, name string, err error) error {
	return &accounts.Error{Op: op, Name: name, Store: s.String(), Err: err}
}

// Get is part of [accounts.Store].
func (s *memoryAccounts) Get(_ context.Context, name string) (accounts.Account, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if name != s.account.Name {
		return accounts.Account{}, s.fail("get account", name, accounts.ErrNotFound)
	}
	return s.account, nil
}

// List is part of [accounts.Store].
func (s *memoryAccounts) List(context.Context) ([]accounts.Account, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return []accounts.Account{s.account}, nil
}

// Default is part of [accounts.Store].
func (s *memoryAccounts) Default(context.Context) (string, error) { return s.account.Name, nil }

// Application is part of [accounts.Store].
func (s *memoryAccounts) Application(_ context.Context, clientID string) (accounts.Application, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if clientID != s.application.ClientID {
		return accounts.Application{}, s.fail("get application", clientID, accounts.ErrNotFound)
	}
	return s.application, nil
}

// Applications is part of [accounts.Store].
func (s *memoryAccounts) Applications(context.Context) ([]accounts.Application, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return []accounts.Application{s.application}, nil
}

// PutApplication is part of [accounts.Store].
func (s *memoryAccounts) PutApplication(_ context.Context, application accounts.Application) error {
	application, err := application.Clean()
	if err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if application.ClientID != s.application.ClientID {
		return s.fail("put application", application.ClientID, accounts.ErrReadOnly)
	}
	s.application = application
	return nil
}

// Put is part of [accounts.Store].
func (s *memoryAccounts) Put(_ context.Context, account accounts.Account) error {
	return s.fail("put account", account.Name, accounts.ErrReadOnly)
}

// Delete is part of [accounts.Store].
func (s *memoryAccounts) Delete(_ context.Context, name string) error {
	return s.fail("delete account", name, accounts.ErrReadOnly)
}

// Use is part of [accounts.Store].
func (s *memoryAccounts) Use(_ context.Context, name string) error {
	return s.fail("use account", name, accounts.ErrReadOnly)
}

// DeleteApplication is part of [accounts.Store].
func (s *memoryAccounts) DeleteApplication(_ context.Context, clientID string) error {
	return s.fail("delete application", clientID, accounts.ErrReadOnly)
}

// String is part of [accounts.Store].
func (s *memoryAccounts) String() string { return "the emulator inside this process" }
