package accounts

import (
	"context"
	"strconv"

	"github.com/openspapi/spapi"
	"github.com/openspapi/spapi/internal/settings"
	"github.com/openspapi/spapi/marketplace"
)

// EnvironmentName is the name of the account in the environment.
const EnvironmentName = "environment"

// Env is the store of [Environment].
type Env struct{}

// Environment is a store of at most one account, named "environment", which is read from the environment at each call. It cannot be written
// to ([ErrReadOnly]). The variables are those of [spapi.Load], with the names of Amazon's tutorials too:
//
//	SPAPI_CLIENT_ID       or LWA_CLIENT_IDENTIFIER
//	SPAPI_CLIENT_SECRET   or LWA_CLIENT_SECRET
//	SPAPI_REFRESH_TOKEN   or AMAZON_REFRESH_TOKEN
//	SPAPI_REGION          na, eu or fe
//	SPAPI_MARKETPLACE     in place of the region, or with it
//	SPAPI_SANDBOX         true or false
//	SPAPI_SELLER_ID       optional
//	SPAPI_ENDPOINT        optional
//	SPAPI_TOKEN_URL       optional
//	SPAPI_APPLICATION_ID  optional
//	SPAPI_ROLE_ARN        or SP_ROLE_ARN; optional
//
// Where none of the first three is set, the store is empty; where some are, the missing ones are an error.
func Environment() *Env { return &Env{} }

// read returns what is set; found is false if that is nothing.
func (e *Env) read() (account Account, application Application, found bool, err error) {
	s, err := settings.Environment()
	if err == nil && !s.HasCredentials() {
		return account, application, false, nil
	}
	if err == nil {
		err = s.Check()
	}
	if err == nil {
		err = s.Complete()
	}
	if err != nil {
		return account, application, false, err
	}
	application = Application{ClientID: s.Text(settings.ClientID), ClientSecret: spapi.NewSecret(s.Text(settings.ClientSecret)),
		ApplicationID: s.Text(settings.ApplicationID), RoleARN: s.Text(settings.RoleARN)}
	account = Account{Name: EnvironmentName, ClientID: s.Text(settings.ClientID), RefreshToken: spapi.NewSecret(s.Text(settings.RefreshToken))}
	account.apply(s)
	if application, err = application.Clean(); err == nil {
		account, err = account.Clean()
	}
	return account, application, true, err
}

// apply changes an account to what is set beside credentials, which has been checked.
func (a *Account) apply(s settings.Set) {
	if text := s.Text(settings.Region); text != "" {
		if region, err := marketplace.ParseRegion(text); err == nil && region != a.Region {
			a.Region, a.Marketplaces = region, nil
		}
	}
	if text := s.Text(settings.Marketplace); text != "" {
		if m, err := marketplace.Lookup(text); err == nil && m.Region != "" && m.Region != a.Region {
			a.Region, a.Marketplaces = m.Region, nil
		}
		a.Marketplaces = append([]string{text}, a.Marketplaces...)
	}
	for x, field := range map[*settings.Setting]*string{
		settings.SellerID: &a.SellingPartnerID, settings.Endpoint: &a.Endpoint, settings.TokenURL: &a.TokenURL,
	} {
		if s.Has(x) {
			*field = s.Text(x)
		}
	}
	if s.Has(settings.Sandbox) {
		a.Sandbox = s.True(settings.Sandbox)
	}
}

// String names the store.
func (e *Env) String() string { return "the environment" }

func (e *Env) fail(op, name string, err error, hint string) error {
	return &Error{Op: op, Name: name, Store: e.String(), Err: err, Hint: hint}
}

const noVariables = "SPAPI_CLIENT_ID, SPAPI_CLIENT_SECRET and SPAPI_REFRESH_TOKEN are not set"

// Get implements [Store].
func (e *Env) Get(ctx context.Context, name string) (Account, error) {
	if err := ctx.Err(); err != nil {
		return Account{}, e.fail("get account", "", err, "")
	}
	name, err := CleanName(name)
	if err != nil {
		return Account{}, err
	}
	if name != EnvironmentName {
		return Account{}, e.fail("get account", name, ErrNotFound, "its only account is "+strconv.Quote(EnvironmentName))
	}
	account, _, found, err := e.read()
	if err == nil && !found {
		err = e.fail("get account", name, ErrNotFound, noVariables)
	}
	if err != nil {
		return Account{}, err
	}
	return account, nil
}

// List implements [Store].
func (e *Env) List(ctx context.Context) ([]Account, error) {
	account, err := e.Get(ctx, EnvironmentName)
	switch {
	case isNotFound(err):
		return nil, nil
	case err != nil:
		return nil, err
	}
	return []Account{account}, nil
}

// Default implements [Store]: it is the only account.
func (e *Env) Default(ctx context.Context) (string, error) {
	account, err := e.Get(ctx, EnvironmentName)
	return account.Name, err
}

// Application implements [Store].
func (e *Env) Application(ctx context.Context, clientID string) (Application, error) {
	if err := ctx.Err(); err != nil {
		return Application{}, e.fail("get application", "", err, "")
	}
	clientID, err := CleanClientID(clientID)
	if err != nil {
		return Application{}, err
	}
	_, application, found, err := e.read()
	if err == nil && (!found || application.ClientID != clientID) {
		err = e.fail("get application", clientID, ErrNotFound, "")
	}
	if err != nil {
		return Application{}, err
	}
	return application, nil
}

// Applications implements [Store].
func (e *Env) Applications(ctx context.Context) ([]Application, error) {
	if err := ctx.Err(); err != nil {
		return nil, e.fail("list applications", "", err, "")
	}
	_, application, found, err := e.read()
	if err != nil || !found {
		return nil, err
	}
	return []Application{application}, nil
}

const setVariables = "set or unset the variables themselves"

// Put fails with [ErrReadOnly].
func (e *Env) Put(ctx context.Context, account Account) error {
	return e.fail("put account", "", ErrReadOnly, setVariables)
}

// Delete fails with [ErrReadOnly].
func (e *Env) Delete(ctx context.Context, name string) error {
	return e.fail("delete account", "", ErrReadOnly, setVariables)
}

// Use fails with [ErrReadOnly].
func (e *Env) Use(ctx context.Context, name string) error {
	return e.fail("use account", "", ErrReadOnly, setVariables)
}

// PutApplication fails with [ErrReadOnly].
func (e *Env) PutApplication(ctx context.Context, application Application) error {
	return e.fail("put application", "", ErrReadOnly, setVariables)
}

// DeleteApplication fails with [ErrReadOnly].
func (e *Env) DeleteApplication(ctx context.Context, clientID string) error {
	return e.fail("delete application", "", ErrReadOnly, setVariables)
}
