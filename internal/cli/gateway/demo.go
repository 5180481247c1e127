package gateway

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base32"
	"encoding/base64"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/openspapi/spapi"
	"github.com/openspapi/spapi/accounts"
	"github.com/openspapi/spapi/gateway"
	"github.com/openspapi/spapi/internal/cli/factory"
)

// demoAccount is the account of --emulator.
const demoAccount = "demo"

// demo is what a gateway over the emulator works with: nothing of it outlives the process.
type demo struct {
	config gateway.Config
	line   ready
}

func newDemo(f *factory.Factory) (*demo, error) {
	emu, err := f.Emulator()
	if err != nil {
		return nil, err
	}
	c := emu.Credentials()
	store := &memoryAccounts{
		application: accounts.Application{ClientID: c.ClientID, ClientSecret: spapi.NewSecret(c.ClientSecret), ApplicationID: c.ApplicationID, RoleARN: c.RoleARN},
		account: accounts.Account{Name: demoAccount, SellingPartnerID: c.SellerID, Region: c.Region, Marketplaces: []string{c.MarketplaceID}, ClientID: c.ClientID,
			RefreshToken: spapi.NewSecret(c.RefreshToken)},
	}
	key, secret := newKey("demo", gateway.Scope{Accounts: []string{demoAccount}, Operations: []string{"*"}})
	key.Account = demoAccount
	return &demo{
		config: gateway.Config{
			Accounts: store, State: &memoryState{records: gateway.Records{Keys: []gateway.Key{key}}},
			Options: []spapi.Option{spapi.WithTransport(emu), spapi.WithUserAgent("spapi-gateway/" + f.Version)},
		},
		line: ready{ClientID: c.ClientID, ClientSecret: secret, RefreshToken: demoAccount},
	}, nil
}

// newKey makes a key and its secret.
func newKey(name string, scope gateway.Scope) (gateway.Key, string) {
	id := strings.ToLower(base32.StdEncoding.EncodeToString(random(10)))[:10]
	secret := "spapi_gw_" + id + "_" + base64.RawURLEncoding.EncodeToString(random(32))
	return gateway.Key{ID: id, Name: name, Hash: sha256.Sum256([]byte(secret)), Scope: scope, Created: time.Now().UTC().Truncate(time.Second)}, secret
}

func random(n int) []byte {
	b := make([]byte, n)
	_, _ = rand.Read(b) // it never fails
	return b
}

// memoryState keeps keys and blocks for as long as the process runs.
type memoryState struct {
	mu      sync.Mutex
	records gateway.Records
}

// Load is part of [gateway.State].
func (s *memoryState) Load(context.Context) (*gateway.Records, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return &gateway.Records{Keys: slices.Clone(s.records.Keys), Blocks: slices.Clone(s.records.Blocks)}, nil
}

// Update is part of [gateway.State].
func (s *memoryState) Update(_ context.Context, change func(*gateway.Records) error) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	r := gateway.Records{Keys: slices.Clone(s.records.Keys), Blocks: slices.Clone(s.records.Blocks)}
	if err := change(&r); err != nil {
		return err
	}
	s.records = r
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
